"""The ear: its file, its place in a network, and that speech in chunks gives what the whole gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from torch import Tensor

torch = pytest.importorskip("torch")

from tests.training.motion.ears import random_ear  # noqa: E402

from mouthpiece.datasets.motion_curves import chunks_of  # noqa: E402
from mouthpiece.errors import InputError  # noqa: E402
from mouthpiece.inference import Network  # noqa: E402
from mouthpiece.motion.basis import MotionBasis, save_basis  # noqa: E402
from mouthpiece.motion.network import basis_path  # noqa: E402
from mouthpiece.motion.stream import MotionStream  # noqa: E402
from mouthpiece.speech import SpeechStream, measure_level  # noqa: E402
from mouthpiece.training.motion.ear import EAR_AHEAD, EAR_FEATURES, EAR_PAST, Ear  # noqa: E402
from mouthpiece.training.motion.network import MotionNetwork, NetworkSettings, export_network  # noqa: E402
from mouthpiece.types import MEL_BANDS, MEL_RATE, SAMPLE_RATE  # noqa: E402

SMALL = NetworkSettings(coefficients=3, channels=8, ear=True)
BLOCK = 24


@pytest.fixture(scope="module")
def ear_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_ear(tmp_path_factory.mktemp("ear") / "ear.npz")


@pytest.fixture
def network(ear_file: Path) -> MotionNetwork:
    torch.manual_seed(5)
    network = MotionNetwork(SMALL).eval()
    assert network.ear is not None
    network.ear.load(ear_file)
    return network


def some_mel(mels: int) -> Tensor:
    mel: Tensor = torch.from_numpy(np.random.default_rng(0).normal(-8, 3, (1, mels, MEL_BANDS)).astype(np.float32))
    return mel


def test_the_ear_answers_at_the_motions_own_rate(ear_file: Path) -> None:
    ear = Ear()
    ear.load(ear_file)
    mel = some_mel(81)
    heard = ear(mel)
    assert heard.shape == (1, 41, EAR_FEATURES)
    mel[0, 40] += 6
    changed = (ear(mel) - heard).abs().mean(dim=2)[0]
    assert int(changed.argmax()) == 20, "frame n at mel frame 2 n"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 damaged", None])
def test_files_that_are_no_ear_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ear.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"ear\.npz is no ear; expected a file that tools/make_ear\.py wrote"):
        Ear().load(path)


def test_an_ear_of_other_shapes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "ear.npz", mean=np.zeros(3))
    with pytest.raises(InputError, match="is no ear"):
        Ear().load(tmp_path / "ear.npz")


def test_the_geometry_counts_what_the_ear_needs(network: MotionNetwork) -> None:
    geometry, deaf = SMALL.geometry(BLOCK), NetworkSettings(coefficients=3, channels=8).geometry(BLOCK)
    assert geometry.past - deaf.past == 2 * EAR_PAST
    assert geometry.ahead - deaf.ahead == 2 * EAR_AHEAD
    with torch.no_grad():
        assert network(some_mel(geometry.input_mels))[0].shape == (1, BLOCK, 3)


def test_motion_and_ear_keep_the_same_time(network: MotionNetwork) -> None:
    """Hearing alone, a click moves the mouth where it moves it by the log-mel alone."""
    geometry = SMALL.geometry(BLOCK)
    frame = BLOCK // 2
    quiet = torch.full((1, geometry.input_mels, MEL_BANDS), -16.0)
    click = quiet.clone()
    click[0, geometry.past + 2 * frame] = 0.0
    assert network.heard is not None
    heard, stemmed = network.heard.weight, network.stem.product.weight
    with torch.no_grad():
        kept = heard.clone()
        heard.zero_()
        by_mel = (network.stemmed(click) - network.stemmed(quiet)).abs().sum(dim=2)[0]
        heard.copy_(kept)
        stemmed.zero_()
        by_ear = (network.stemmed(click) - network.stemmed(quiet)).abs().sum(dim=2)[0]
    assert abs(int(by_ear.argmax()) - int(by_mel.argmax())) <= 1


def test_training_hears_less_and_leaves_the_ear_alone(network: MotionNetwork) -> None:
    geometry = SMALL.geometry(BLOCK)
    mel = some_mel(geometry.input_mels).expand(64, -1, -1)
    network.train()
    torch.manual_seed(1)
    with torch.no_grad():
        stemmed = network.stemmed(mel)
        deaf = network._first_layer(mel[:1, 2 * EAR_PAST : geometry.input_mels - 2 * EAR_AHEAD])
    unheard = [bool(torch.allclose(row, deaf[0], atol=1e-5)) for row in stemmed]
    assert 1 <= sum(unheard) <= 20
    network.zero_grad()
    network(mel[:2])[0].square().sum().backward()
    assert network.ear is not None and network.heard is not None
    assert all(weight.grad is None for weight in network.ear.parameters())
    assert network.heard.weight.grad is not None


def test_a_file_keeps_the_ear_in_half_its_size_and_answers_the_same(network: MotionNetwork, tmp_path: Path) -> None:
    geometry = export_network(network, tmp_path / "net.onnx", BLOCK)
    mel = some_mel(geometry.input_mels)
    with torch.no_grad():
        coefficients, activity, closure = network(mel)
    wanted = (coefficients, torch.sigmoid(activity), torch.sigmoid(closure))
    for got, expected in zip(Network(tmp_path / "net.onnx")(mel.numpy()), wanted, strict=True):
        np.testing.assert_allclose(got, expected.numpy(), atol=1e-4)
    numbers = sum(weight.numel() for weight in network.ear.parameters()) if network.ear else 0
    assert (tmp_path / "net.onnx").stat().st_size < 2.4 * numbers


def test_chunks_give_the_motion_of_the_whole(network: MotionNetwork, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    basis = MotionBasis.load()
    torch.manual_seed(5)
    lively = MotionNetwork(NetworkSettings(coefficients=basis.size, channels=8, ear=True)).eval()
    assert lively.ear is not None and network.ear is not None
    lively.ear.load_state_dict(network.ear.state_dict())
    save_basis(basis, export_network(lively, path, BLOCK), basis_path(path))
    rng = np.random.default_rng(3)
    syllables = np.repeat(rng.uniform(0, 0.2, 30), SAMPLE_RATE // 10)
    samples = (rng.standard_normal(len(syllables)) * syllables).astype(np.float32)
    whole, pieces = (MotionStream(weights=path, gate=False, closure=False) for _ in range(2))
    for chunk in chunks_of(samples):
        whole.push(chunk)
    whole.finish()
    speech = SpeechStream(measure_level([samples]))
    for start in range(0, len(samples), 777):
        chunk = speech.push(samples[start : start + 777])
        pieces.push(chunk)
        heard_s = (chunk.first_mel + len(chunk.log_mel)) / MEL_RATE
        assert pieces.ready_until_s >= heard_s - pieces.look_ahead_s - 1e-9
    pieces.push(speech.finish())
    pieces.finish()
    made = [np.array([s.at(float(t)).displacement for t in np.arange(2, 3, 0.04)]) for s in (whole, pieces)]
    assert made[0].std(axis=0).max() > 1e-4, "there must be something to compare"
    np.testing.assert_array_equal(made[0], made[1])
