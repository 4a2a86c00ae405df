"""What every registered engine keeps, whoever wrote it. One suite for all; see `mouthpiece.engines.base`."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from tests.engines.staging import FPS, chunks, drive, in_one, laid_over, moved, scaled, still, without_face

from mouthpiece.engines.base import Engine, EngineOptions
from mouthpiece.engines.registry import describe_all, engine_names, load_engine
from mouthpiece.errors import EngineError, MouthpieceError
from mouthpiece.speech.stream import LATENCY_S
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, EngineInfo, FloatArray, Patch, TrackedFrame, Unusable

SAME_LEVEL = 1.0
"""Pictures that differ by no more than this (of 255) anywhere are the same: blending rounds."""
SEAM_LEVEL = 3.0
"""At its rim a patch has to be (nearly) what lies beneath it, or its edge would be seen."""
STILL_LEVEL = 3.0
MOVES_LEVEL = 8.0
MUCH_LESS_THAN_SPEECH = 0.02


@pytest.fixture(params=engine_names())
def engine_class(request: pytest.FixtureRequest) -> type[Engine]:
    """Each engine that can run on this machine."""
    try:
        found = load_engine(request.param)
    except EngineError as error:
        pytest.skip(str(error))
    info = found.describe(EngineOptions())
    if not info.ready:
        pytest.skip(info.weights)
    return found


def prepared(engine_class: type[Engine], *survey: TrackedFrame, seed: int = 0) -> Engine:
    """An engine that knows a face."""
    engine = engine_class(EngineOptions(seed=seed))
    engine.prepare(iter(survey))
    return engine


def frames_for(samples: FloatArray, tracked: TrackedFrame) -> list[TrackedFrame]:
    """A photo held for as long as the speech."""
    return list(still(tracked, -(-len(samples) * FPS // SAMPLE_RATE)))


def check_patch(patch: Patch | None, tracked: TrackedFrame) -> None:
    """Everything that `Patch` promises."""
    if patch is None:
        return
    box, height, width = patch.box, tracked.frame.height, tracked.frame.width
    assert 0 <= box.x0 < box.x1 <= width
    assert 0 <= box.y0 < box.y1 <= height
    assert patch.rgb.shape == (box.height, box.width, 3)
    assert patch.rgb.dtype == np.uint8
    assert patch.alpha.shape == (box.height, box.width)
    assert patch.alpha.dtype == np.float32
    assert np.isfinite(patch.alpha).all()
    assert patch.alpha.min() >= 0.0
    assert patch.alpha.max() <= 1.0
    seam = np.abs(laid_over(tracked, patch) - tracked.frame.rgb)[box.slices].max(axis=2)
    assert box.y0 == 0 or seam[0].max() <= SEAM_LEVEL
    assert box.y1 == height or seam[-1].max() <= SEAM_LEVEL
    assert box.x0 == 0 or seam[:, 0].max() <= SEAM_LEVEL
    assert box.x1 == width or seam[:, -1].max() <= SEAM_LEVEL


def assert_same(one: list[Patch | None], other: list[Patch | None], frames: list[TrackedFrame]) -> None:
    """Both runs look alike in every frame."""
    for i, (a, b, tracked) in enumerate(zip(one, other, frames, strict=True)):
        difference = np.abs(laid_over(tracked, a) - laid_over(tracked, b)).max()
        assert difference <= SAME_LEVEL, f"frame {i} differs by {difference:.1f} levels"


def change(tracked: TrackedFrame, patch: Patch | None) -> float:
    """How much a patch does to its frame: sum over all pixels, levels."""
    return float(np.abs(laid_over(tracked, patch) - tracked.frame.rgb).sum())


def movement(patches: list[Patch | None], frames: list[TrackedFrame]) -> float:
    """The greatest change of any pixel from one frame of a still picture to the next, levels."""
    pictures = [laid_over(tracked, patch) for tracked, patch in zip(frames, patches, strict=True)]
    return max(float(np.abs(b - a).max()) for a, b in pairwise(pictures))


def test_it_describes_itself(engine_class: type[Engine]) -> None:
    info = engine_class.describe(EngineOptions())
    assert isinstance(info, EngineInfo)
    assert load_engine(info.name) is engine_class
    assert 0.0 <= info.look_ahead_s < 2.0
    for said in (info.summary, info.licence, info.device, info.weights):
        assert said.strip()
        assert "\n" not in said


def test_describing_loads_nothing_heavy_and_takes_any_device() -> None:
    """In an interpreter of its own: this one has loaded everything."""
    code = (
        "import sys\n"
        "from mouthpiece.engines.base import EngineOptions\n"
        "from mouthpiece.engines.registry import describe_all\n"
        "describe_all(EngineOptions(device='NO-SUCH-DEVICE'))\n"
        "print(*sorted({'openvino', 'torch', 'onnxruntime', 'librosa'} & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


def test_it_can_draw_as_soon_as_it_says(engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray) -> None:
    look_ahead_s = engine_class.describe(EngineOptions()).look_ahead_s
    engine = prepared(engine_class, woman)
    heard, before = 0, engine.heard_until_s
    assert before <= 0.0
    for chunk in chunks(speech, lambda: 400):
        engine.hear(chunk)
        heard += len(chunk.samples)
        until = engine.heard_until_s
        assert until >= before
        assert until <= heard / SAMPLE_RATE
        assert until >= heard / SAMPLE_RATE - look_ahead_s - LATENCY_S - 2 / MEL_RATE
        before = until
    engine.finish()
    assert engine.heard_until_s == inf


def test_what_was_not_heard_can_not_be_drawn(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray
) -> None:
    engine = prepared(engine_class, woman)
    with pytest.raises(MouthpieceError):
        engine.render(woman, 0.0)
    for chunk in chunks(speech[: SAMPLE_RATE // 2], lambda: 1600):
        engine.hear(chunk)
    with pytest.raises(MouthpieceError):
        engine.render(woman, 0.6)


def test_patches_keep_their_promise(
    engine_class: type[Engine], people: dict[str, TrackedFrame], speech: FloatArray
) -> None:
    for tracked in people.values():
        frames = frames_for(speech, tracked)
        patches = drive(prepared(engine_class, tracked), frames, in_one(speech))
        assert any(patches)
        for patch, frame in zip(patches, frames, strict=True):
            check_patch(patch, frame)
            assert (frame.frame.rgb == tracked.frame.rgb).all(), "an engine only reads the frame"


def test_speech_moves_the_mouth_and_nothing_else(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray
) -> None:
    assert woman.face is not None
    frames = frames_for(speech, woman)
    patches = drive(prepared(engine_class, woman), frames, in_one(speech))
    assert movement(patches, frames) > MOVES_LEVEL
    eyes = woman.face.landmarks[[33, 133, 159, 145, 362, 263, 386, 374], :2].round().astype(int)
    for tracked, patch in zip(frames, patches, strict=True):
        difference = np.abs(laid_over(tracked, patch) - tracked.frame.rgb)
        assert difference[eyes[:, 1], eyes[:, 0]].max() <= SAME_LEVEL


def test_cutting_speech_up_changes_nothing(engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray) -> None:
    frames = frames_for(speech, woman)
    engine = prepared(engine_class, woman)
    whole = drive(engine, frames, in_one(speech))
    rng = np.random.default_rng(7)
    for largest in (2000, 300):
        engine.reset()
        cut = drive(engine, frames, chunks(speech, lambda most=largest: int(rng.integers(1, most))))  # type: ignore[misc]
        assert_same(whole, cut, frames)


def test_the_same_seed_gives_the_same_frames(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray
) -> None:
    frames = frames_for(speech, woman)
    runs = [drive(prepared(engine_class, woman, seed=3), frames, in_one(speech)) for _ in range(2)]
    assert_same(runs[0], runs[1], frames)


def test_reset_forgets_the_speech_and_keeps_the_face(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray
) -> None:
    frames = frames_for(speech, woman)
    engine = prepared(engine_class, woman)
    first = drive(engine, frames, in_one(speech))
    engine.reset()
    assert engine.heard_until_s <= 0.0
    for chunk in chunks(speech[::-1].copy(), lambda: 3000):  # another speech, left in the middle
        engine.hear(chunk)
    engine.reset()
    assert_same(first, drive(engine, frames, in_one(speech)), frames)


def test_two_of_them_do_not_know_each_other(
    engine_class: type[Engine], woman: TrackedFrame, man: TrackedFrame, speech: FloatArray
) -> None:
    other_speech = speech[::-1].copy()
    hers, his = frames_for(speech, woman), frames_for(speech, man)
    alone = [
        drive(prepared(engine_class, woman), hers, in_one(speech)),
        drive(prepared(engine_class, man), his, in_one(other_speech)),
    ]
    one, two = prepared(engine_class, woman), prepared(engine_class, man)
    for engine, samples in ((one, speech), (two, other_speech)):
        for chunk in in_one(samples):
            engine.hear(chunk)
        engine.finish()
    together: tuple[list[Patch | None], list[Patch | None]] = ([], [])
    for i in range(len(hers)):
        together[0].append(one.render(hers[i], i / FPS))
        together[1].append(two.render(his[i], i / FPS))
    assert_same(alone[0], together[0], hers)
    assert_same(alone[1], together[1], his)


def test_at_no_strength_the_frame_stays(engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray) -> None:
    frames = frames_for(speech, woman)
    engine = prepared(engine_class, woman)
    full = [change(*pair) for pair in zip(frames, drive(engine, frames, in_one(speech)), strict=True)]
    engine.reset()
    half = [change(*pair) for pair in zip(frames, drive(engine, frames, in_one(speech), 0.5), strict=True)]
    engine.reset()
    none = [change(*pair) for pair in zip(frames, drive(engine, frames, in_one(speech), 0.0), strict=True)]
    assert max(none) <= MUCH_LESS_THAN_SPEECH * max(full)
    assert sum(none) < sum(half) < sum(full)


def test_silence_keeps_the_mouth_still(engine_class: type[Engine], woman: TrackedFrame) -> None:
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    frames = frames_for(silence, woman)
    patches = drive(prepared(engine_class, woman), frames, in_one(silence))
    assert movement(patches, frames) <= STILL_LEVEL


def test_no_speech_at_all_is_silence(engine_class: type[Engine], woman: TrackedFrame) -> None:
    engine = prepared(engine_class, woman)
    engine.finish()
    for i, tracked in enumerate(still(woman, 5)):
        check_patch(engine.render(tracked, i / FPS), tracked)


def test_the_end_of_the_speech_may_be_passed(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray
) -> None:
    """The last frame of a video may reach beyond the speech; a held one does by seconds."""
    frames = list(still(woman, 2 * FPS))
    for patch, tracked in zip(drive(prepared(engine_class, woman), frames, in_one(speech[:4000])), frames, strict=True):
        check_patch(patch, tracked)


def test_it_learns_a_face_from_a_survey_with_gaps(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray
) -> None:
    survey = [without_face(woman), woman, without_face(woman, Unusable.TURNED), moved(woman, 6, 3), woman]
    frames = frames_for(speech, woman)
    patches = drive(prepared(engine_class, *survey), frames, in_one(speech))
    assert any(patches)
    for patch, tracked in zip(patches, frames, strict=True):
        check_patch(patch, tracked)


@pytest.mark.parametrize(
    ("right", "down"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)], ids=["right", "left", "below", "above", "corner"]
)
def test_faces_may_leave_the_picture(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray, right: int, down: int
) -> None:
    """The mouth is carried over the picture's border and beyond, a step a frame."""
    assert woman.face is not None
    frames = []
    mouth = woman.face.landmarks[13, :2]
    way = np.where([right > 0, down > 0], woman.frame.width - mouth, mouth) * [right != 0, down != 0]
    count = 10
    for i, tracked in enumerate(still(woman, count)):
        dx, dy = (way * 1.4 * i / (count - 1)).astype(int)
        frames.append(moved(tracked, int(dx) * right, int(dy) * down))
    patches = drive(prepared(engine_class, woman), frames, in_one(speech[: count * SAMPLE_RATE // FPS]))
    for patch, tracked in zip(patches, frames, strict=True):
        check_patch(patch, tracked)


def test_cuts_from_one_person_to_another(
    engine_class: type[Engine], woman: TrackedFrame, man: TrackedFrame, speech: FloatArray
) -> None:
    """Frames without a face are not drawn; in the others nobody gets a part of another's face."""
    his, hers = frames_for(speech, man), frames_for(speech, woman)
    frames = [
        replace(hers[i] if i // 8 % 2 else his[i], shot=i // 8)
        for i in range(len(his))
        if i % 8 != 7 or i + 1 == len(his)
    ]
    survey = [replace(man, shot=0), without_face(man), replace(woman, shot=1)]
    for tracked, patch in zip(frames, drive(prepared(engine_class, *survey), frames, in_one(speech)), strict=True):
        check_patch(patch, tracked)
    silence = np.zeros(len(speech), dtype=np.float32)
    quiet = drive(prepared(engine_class, *survey), frames, in_one(silence))
    alone = drive(prepared(engine_class, replace(woman, shot=0)), hers[: len(frames)], in_one(silence))
    for tracked, patch, her in zip(frames, quiet, alone, strict=True):
        if tracked.shot % 2:
            ghost = np.abs(laid_over(tracked, patch) - laid_over(tracked, her)).mean()
            assert ghost <= 1.0


@pytest.mark.parametrize(("across", "down"), [(0.5, 1.0), (1.0, 0.5), (0.2, 0.2), (2.5, 2.5)])
def test_pixels_of_any_shape_and_faces_of_any_size(
    engine_class: type[Engine], woman: TrackedFrame, speech: FloatArray, across: float, down: float
) -> None:
    tracked = scaled(woman, across, down)
    assert tracked.face is not None
    frames = list(still(tracked, 20))
    patches = drive(prepared(engine_class, tracked), frames, in_one(speech))
    assert any(patches)
    mouth = tracked.face.landmarks[13, :2]
    for patch, frame in zip(patches, frames, strict=True):
        check_patch(patch, frame)
        if patch is not None:
            assert patch.box.x0 <= mouth[0] < patch.box.x1
            assert patch.box.y0 <= mouth[1] < patch.box.y1


def test_memory_does_not_grow_with_the_speech(engine_class: type[Engine], woman: TrackedFrame) -> None:
    rng = np.random.default_rng(1)
    engine = prepared(engine_class, woman)
    noise = (rng.standard_normal(SAMPLE_RATE) * 0.1).astype(np.float32)
    long_s = 36
    held: dict[int, int] = {}
    drawn = 0
    tracemalloc.start()
    try:
        for second, chunk in enumerate(chunks(np.tile(noise, long_s), lambda: SAMPLE_RATE)):
            engine.hear(chunk)
            while drawn < engine.heard_until_s:
                engine.render(replace(woman, frame=replace(woman.frame, time_s=Fraction(drawn))), float(drawn))
                drawn += 1
            held[second] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    a_third_of_its_samples = long_s // 3 * SAMPLE_RATE * 4
    assert held[long_s - 1] - held[long_s * 2 // 3 - 1] < a_third_of_its_samples / 20


def test_every_engine_stands_in_the_list() -> None:
    assert [info.name for info in describe_all()] == engine_names()
