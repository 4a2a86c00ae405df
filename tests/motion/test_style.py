"""How people speak, read from surveys made by hand and from the shared clips, and how it is played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import look

from mouthpiece.engines.mesh import MeshEngine
from mouthpiece.errors import OptionError
from mouthpiece.face import FaceTracker
from mouthpiece.motion.basis import MotionBasis, motion_row
from mouthpiece.motion.shaping import LIVELY_OPENING, MAX_OPENING
from mouthpiece.motion.style import AMPLITUDE_BOUNDS, MAX_REST, Style, estimate_style, styled
from mouthpiece.options import EngineOptions
from mouthpiece.types import FloatArray, Motion, TrackedFrame


def spoken(peak: float, closed_at: float = 0.003, count: int = 24) -> list[float]:
    """Openings of somebody who speaks half of the time: sines between closed and `peak`."""
    swing = np.sin(np.linspace(0, 20, count)).clip(0)
    return [float(opening) for opening in closed_at + (peak - closed_at) * swing]


def test_who_opens_widely_is_dubbed_widely() -> None:
    small, average, large = (estimate_style(spoken(peak)).amplitude for peak in (0.09, 0.126, 0.18))
    assert AMPLITUDE_BOUNDS[0] <= small < average < large <= AMPLITUDE_BOUNDS[1]
    assert average == pytest.approx(1, abs=0.1)


def test_how_closed_lips_are_read_matters_little() -> None:
    """The face mesh reads closed lips as anything up to SEEN_CLOSED: another face, not another way to speak."""
    faces = [estimate_style(spoken(0.12 + bias, bias)) for bias in (-0.005, 0.0, 0.008)]
    assert np.ptp([face.amplitude for face in faces]) < 0.01
    assert all(face.rest == 0 for face in faces)


def test_single_frames_change_little() -> None:
    plain = spoken(0.12)
    yawning = [*plain[:-1], 0.4]
    assert abs(estimate_style(yawning).amplitude - estimate_style(plain).amplitude) < 0.08
    assert estimate_style(plain[::-1]) == estimate_style(plain)


def test_who_rests_with_parted_lips_does_so_when_dubbed() -> None:
    assert estimate_style(spoken(0.16, 0.035)).rest == pytest.approx(0.2, abs=0.03)
    assert estimate_style(spoken(0.3, 0.15)).rest == MAX_REST


@pytest.mark.parametrize(
    "openings",
    [[], [0.06], spoken(0.12, count=6), [0.05] * 24, spoken(0.022)],
    ids=["none", "photo", "few", "still", "small"],
)
def test_what_does_not_speak_tells_nothing(openings: list[float]) -> None:
    assert estimate_style(openings) == Style()


@pytest.fixture(scope="module")
def mode(basis: MotionBasis) -> FloatArray:
    return basis.opening_mode


def motion(mode: FloatArray, opening: float, activity: float = 1.0, closed: float = 0.0) -> Motion:
    return Motion((opening * mode).astype(np.float32), opening, activity, closed)


def read(basis: MotionBasis, made: Motion) -> float:
    """Opening of a displacement."""
    return float(made.displacement[motion_row(14), 1] - made.displacement[motion_row(13), 1])


def test_the_average_style_changes_nothing(mode: FloatArray) -> None:
    given = motion(mode, 0.05)
    made = styled(given, Style(), mode)
    assert np.array_equal(made.displacement, given.displacement) and made.opening == given.opening


def test_amplitude_holds_in_speech_alone(basis: MotionBasis, mode: FloatArray) -> None:
    for amplitude in (0.75, 1.35):
        style = Style(amplitude)
        assert styled(motion(mode, 0.05), style, mode).opening == pytest.approx(0.05 * amplitude)
        assert styled(motion(mode, 0.015, activity=0), style, mode).opening == pytest.approx(0.015)
        wide = styled(motion(mode, 0.24), style, mode)
        assert wide.opening <= MAX_OPENING + 1e-6
        assert wide.opening == pytest.approx(read(basis, wide), abs=1e-5)


def test_rest_parts_lips_where_nothing_holds_them_together(basis: MotionBasis, mode: FloatArray) -> None:
    style = Style(rest=0.4)
    pause = styled(motion(mode, 0.0, activity=0), style, mode)
    assert pause.opening == pytest.approx(0.4 * LIVELY_OPENING, rel=1e-3) == read(basis, pause)
    assert styled(motion(mode, 0.0, closed=1.0), style, mode).opening == 0
    openings = [styled(motion(mode, o), style, mode).opening for o in np.linspace(0, MAX_OPENING, 20)]
    assert (np.diff(openings) > 0).all(), "further is further still"
    assert openings[-1] <= MAX_OPENING + 1e-6


def test_rest_out_of_range_is_refused() -> None:
    with pytest.raises(OptionError, match=r"rest expects .*0 \(lips closed\)"):
        MeshEngine(EngineOptions(rest=1.5))


def sample_frames(tracker: FaceTracker, path: Path, count: int = 24, every: int = 3) -> list[TrackedFrame]:
    """Frames of a clip as the tracker sees them."""
    return [look(tracker, rgb) for rgb in scenes.pictures(path, count * every)[::every]]


@pytest.fixture(scope="module")
def engines(shared_data: Path, tracker: FaceTracker) -> dict[str, MeshEngine]:
    """Engines that know a lively talker, a calm one, and one of the photos."""
    made = {}
    for name, clip, every in (("lively", scenes.TALKER, 10), ("calm", "clips/grid_s1_bbaf3s.mpg", 3)):
        made[name] = MeshEngine(EngineOptions())
        made[name].prepare(sample_frames(tracker, shared_data / clip, every=every))
    made["photo"] = MeshEngine(EngineOptions())
    made["photo"].prepare([look(tracker, scenes.picture(shared_data / "photos" / "woman_portrait.png", 512))])
    return made


def test_clips_are_dubbed_with_their_own_amplitude(engines: dict[str, MeshEngine]) -> None:
    styles = {name: engine._people[0].style for name, engine in engines.items()}
    assert styles["photo"] == Style()
    assert styles["calm"].amplitude < 0.9 < 1.1 < styles["lively"].amplitude
    assert styles["calm"].rest == styles["lively"].rest == 0


def test_what_the_user_says_of_the_rest_holds(shared_data: Path, tracker: FaceTracker) -> None:
    photo = look(tracker, scenes.picture(shared_data / "photos" / "woman_portrait.png", 512))
    patches = []
    for rest in (None, 0.0, 0.5):
        engine = MeshEngine(replace(EngineOptions(), rest=rest))
        engine.prepare([photo])
        engine.finish()
        patches.append(engine.render(photo, 0.0))
    silent, closed, parted = patches
    assert silent is not None and closed is not None and parted is not None
    assert np.array_equal(silent.rgb, closed.rgb), "a photo rests closed"
    assert not np.array_equal(silent.rgb, parted.rgb)
