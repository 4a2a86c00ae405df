"""Examples: augmentation, levels, and the file that keeps them."""

from __future__ import annotations

import numpy as np
from tests.datasets.made_clips import spoken_clip

from mouthpiece.training.motion.examples import (
    augment,
    levelled_log_mel,
    load_examples,
    save_examples,
)
from mouthpiece.training.motion.targets import (
    Targets,
)


def test_augmentations_keep_sound_and_targets_together(targets: Targets) -> None:
    clip = spoken_clip("a")
    made = augment(clip, targets, 5, seed=1)
    assert len({example.targets.frames for example in made}) > 2
    for example in made:
        assert abs(len(example.log_mel) - 2 * example.targets.frames) <= 2
        loud = example.log_mel.astype(np.float32).mean(axis=1)[::2]
        frames = min(len(loud), example.targets.frames)
        assert np.corrcoef(loud[:frames], example.targets.opening[:frames])[0, 1] > 0.5
    again = augment(clip, targets, 5, seed=1)
    assert all(np.array_equal(a.log_mel, b.log_mel) for a, b in zip(made, again, strict=True))


def test_level_does_not_matter(targets: Targets) -> None:
    samples = spoken_clip("a").samples
    loud, quiet = (levelled_log_mel((samples * gain).astype(np.float32), targets.activity) for gain in (1.0, 0.05))
    np.testing.assert_allclose(loud.astype(np.float32), quiet.astype(np.float32), atol=0.05)


def test_examples_survive_their_file(targets: Targets, tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "examples.npz"
    made = augment(spoken_clip("a"), targets, 3, seed=1)
    save_examples(made, path)
    back = load_examples(path)
    for a, b in zip(made, back, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.log_mel, b.log_mel)
        for name in Targets.__dataclass_fields__:
            np.testing.assert_allclose(getattr(a.targets, name), getattr(b.targets, name))
