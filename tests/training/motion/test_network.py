"""The network: what it sees, and that it leaves torch unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mouthpiece.errors import OptionError  # noqa: E402
from mouthpiece.inference import Network  # noqa: E402
from mouthpiece.training.motion.network import MotionNetwork, NetworkSettings, export_network  # noqa: E402
from mouthpiece.types import MEL_BANDS  # noqa: E402

if TYPE_CHECKING:
    from torch import Tensor

SMALL = NetworkSettings(coefficients=3, channels=8)


@pytest.mark.parametrize("look_ahead_s", [0.02, 0.08, 0.2, 2.0])
def test_the_geometry_is_true(look_ahead_s: float) -> None:
    settings = NetworkSettings(coefficients=3, channels=8, look_ahead_s=look_ahead_s)
    network = MotionNetwork(settings).eval()
    geometry = settings.geometry(10)
    assert geometry.ahead <= round(look_ahead_s * 100)
    mel = torch.randn(1, geometry.input_mels, MEL_BANDS)
    with torch.no_grad():
        coefficients, activity, closure = network(mel)
        assert coefficients.shape == (1, 10, 3) and activity.shape == closure.shape == (1, 10)
        frame = 4
        own = geometry.past + 2 * frame
        for changed, matters in ((own + geometry.ahead + 1, False), (own, True), (own - geometry.past - 1, False)):
            other = mel.clone()
            other[0, changed] += 5
            assert bool((network(other)[0][0, frame] != coefficients[0, frame]).any()) is matters


def test_blocks_join_without_a_seam() -> None:
    network = MotionNetwork(SMALL).eval()
    long, short = SMALL.geometry(20), SMALL.geometry(10)
    mel = torch.randn(1, long.input_mels, MEL_BANDS)
    with torch.no_grad():
        whole = network(mel)[0]
        first = network(mel[:, : short.input_mels])[0]
        second = network(mel[:, 20 : 20 + short.input_mels])[0]
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, atol=1e-5, rtol=1e-4)


def test_export_gives_the_same_numbers(tmp_path: Path) -> None:
    network = MotionNetwork(SMALL).eval()
    geometry = export_network(network, tmp_path / "net.onnx", 16)
    mel = np.random.default_rng(0).normal(-10, 4, (1, geometry.input_mels, MEL_BANDS)).astype(np.float32)
    with torch.no_grad():
        coefficients, activity, closure = network(torch.from_numpy(mel))
    exported = Network(tmp_path / "net.onnx")(mel)
    wanted = (coefficients, torch.sigmoid(activity), torch.sigmoid(closure))
    for got, expected in zip(exported, wanted, strict=True):
        np.testing.assert_allclose(got, expected.numpy(), atol=1e-4)


def mouths(network: MotionNetwork, features: Tensor, taught: Tensor | None = None) -> Tensor:
    """Coefficients, activity and closure in one, (B, T, K + 2)."""
    with torch.no_grad():
        coefficients, activity, closure = network.mouth(features, taught)
    joined: Tensor = torch.cat([coefficients, activity[..., None], closure[..., None]], dim=2)
    return joined


def test_a_share_picks_one_head_or_mixes_both() -> None:
    torch.manual_seed(3)
    network = MotionNetwork(SMALL).eval()
    features = torch.randn(2, 6, SMALL.channels)
    with torch.no_grad():
        measured, taught = network.head(features), network.taught_head(features)
    assert (measured - taught).abs().min() > 0, "untrained heads differ"
    none, whole = torch.zeros(2, 6), torch.ones(2, 6)
    torch.testing.assert_close(mouths(network, features, none), measured)
    torch.testing.assert_close(mouths(network, features, whole), taught)
    mixed = mouths(network, features, whole / 4)
    torch.testing.assert_close(mixed, 0.75 * measured + 0.25 * taught)
    # Frame by frame, as in a batch of faces and of taught speech.
    each = (torch.arange(12).reshape(2, 6) % 3 == 0).float()
    picked = mouths(network, features, each)
    torch.testing.assert_close(picked, torch.where(each[..., None] > 0, taught, measured))


def test_what_is_shipped_mixes_as_its_settings_say() -> None:
    torch.manual_seed(4)
    network = MotionNetwork(replace(SMALL, taught_share=0.25, taught_surety=0.75)).eval()
    features = torch.randn(1, 5, SMALL.channels)
    with torch.no_grad():
        measured, taught = network.head(features), network.taught_head(features)
    made = mouths(network, features)
    shapes = slice(0, SMALL.coefficients)
    torch.testing.assert_close(made[..., shapes], (0.75 * measured + 0.25 * taught)[..., shapes])
    surety = slice(SMALL.coefficients, None)
    torch.testing.assert_close(made[..., surety], (0.25 * measured + 0.75 * taught)[..., surety])


def test_other_formats_and_too_little_look_ahead_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.onnx, got net\.pt"):
        export_network(MotionNetwork(SMALL), tmp_path / "net.pt", 16)
    with pytest.raises(OptionError, match=r"at least 0\.02 s"):
        MotionNetwork(NetworkSettings(look_ahead_s=0.01))
