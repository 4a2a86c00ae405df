"""A made-up ear in the format of the real one's file, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def random_ear(path: Path) -> Path:
    """Write an untrained ear, as tools/make_ear.py writes the trained one: f16 throughout."""
    import torch

    from mouthpiece.training.motion.ear import Ear

    torch.manual_seed(2)
    weights = {name: value.numpy().astype(np.float16) for name, value in Ear().state_dict().items()}
    weights["mel_map"] = np.eye(len(weights["mel_map"]), dtype=np.float16)
    np.savez(path, **weights)
    return path
