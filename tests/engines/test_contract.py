"""What every registered engine keeps, whoever wrote it. One suite for all; see `mouthpiece.engines.base`."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from tests.engines.staging import (
    FPS,
    Stage,
    chunks,
    drive,
    in_one,
    laid_over,
    moments,
    moved,
    scaled,
    still,
    without_face,
)

from mouthpiece.engines.registry import describe_all, engine_names, load_engine
from mouthpiece.errors import MouthpieceError
from mouthpiece.speech.stream import LATENCY_S
from mouthpiece.types import (
    MEL_RATE,
    SAMPLE_RATE,
    EngineInfo,
    FloatArray,
    Patch,
    RenderRequest,
    SkipReason,
    TrackedFrame,
)

SAME_LEVEL = 1.0
"""Pictures that differ by no more than this (of 255) anywhere are the same: blending rounds."""
SEAM_LEVEL = 3.0
"""At its rim a patch has to be (nearly) what lies beneath it, or its edge would be seen."""
STILL_LEVEL = 3.0
MOVES_LEVEL = 8.0
MUCH_LESS_THAN_SPEECH = 0.02
MOST_HELD = 64
"""Frames that an engine may hold back, small ones."""


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


def test_it_describes_itself(whole_stage: Stage) -> None:
    info = whole_stage.describe()
    assert isinstance(info, EngineInfo)
    assert load_engine(info.name) is whole_stage.engine_class
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


def test_it_can_draw_as_soon_as_it_says(whole_stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    look_ahead_s = whole_stage.describe().look_ahead_s
    engine = whole_stage.prepared(woman)
    heard, before = 0, engine.ready_until_s
    assert before <= 0.0
    for chunk in chunks(speech, lambda: 400):
        engine.push(chunk)
        heard += len(chunk.samples)
        until = engine.ready_until_s
        assert until >= before
        assert until <= heard / SAMPLE_RATE
        assert until >= heard / SAMPLE_RATE - look_ahead_s - LATENCY_S - 2 / MEL_RATE
        before = until
    engine.finish()
    assert engine.ready_until_s == inf


def test_what_was_not_heard_can_not_be_drawn(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    engine = stage.prepared(woman)
    with pytest.raises(MouthpieceError):
        engine.render(woman, 0.0)
    for chunk in chunks(speech[: SAMPLE_RATE // 2], lambda: 1600):
        engine.push(chunk)
    with pytest.raises(MouthpieceError):
        engine.render(woman, 0.6)


def test_patches_keep_their_promise(stage: Stage, people: dict[str, TrackedFrame], speech: FloatArray) -> None:
    for tracked in people.values():
        frames = frames_for(speech, tracked)
        patches = drive(stage.prepared(tracked), frames, in_one(speech))
        assert any(patches)
        for patch, frame in zip(patches, frames, strict=True):
            check_patch(patch, frame)
            assert (frame.frame.rgb == tracked.frame.rgb).all(), "an engine only reads the frame"


def test_speech_moves_the_mouth_and_nothing_else(whole_stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    assert woman.face is not None
    frames = frames_for(speech, woman)
    patches = drive(whole_stage.prepared(woman), frames, in_one(speech))
    assert movement(patches, frames) > MOVES_LEVEL
    eyes = woman.face.landmarks[[33, 133, 159, 145, 362, 263, 386, 374], :2].round().astype(int)
    for tracked, patch in zip(frames, patches, strict=True):
        difference = np.abs(laid_over(tracked, patch) - tracked.frame.rgb)
        assert difference[eyes[:, 1], eyes[:, 0]].max() <= SAME_LEVEL


def test_cutting_speech_up_changes_nothing(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    frames = frames_for(speech, woman)
    engine = stage.prepared(woman)
    whole = drive(engine, frames, in_one(speech))
    rng = np.random.default_rng(7)
    for largest in (2000, 300):
        engine.reset()
        cut = drive(engine, frames, chunks(speech, lambda most=largest: int(rng.integers(1, most))))  # type: ignore[misc]
        assert_same(whole, cut, frames)


def test_the_same_seed_gives_the_same_frames(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    frames = frames_for(speech, woman)
    runs = [drive(stage.prepared(woman, seed=3), frames, in_one(speech)) for _ in range(2)]
    assert_same(runs[0], runs[1], frames)


def test_reset_forgets_the_speech_and_keeps_the_face(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    frames = frames_for(speech, woman)
    engine = stage.prepared(woman)
    first = drive(engine, frames, in_one(speech))
    engine.reset()
    assert engine.ready_until_s <= 0.0
    for chunk in chunks(speech[::-1].copy(), lambda: 3000):  # another speech, left in the middle
        engine.push(chunk)
    engine.reset()
    assert_same(first, drive(engine, frames, in_one(speech)), frames)


def test_another_survey_keeps_the_speech(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    again, through = stage.prepared(woman), stage.prepared(woman)
    for engine in (again, through):
        for chunk in in_one(speech):
            engine.push(chunk)
    until_s = again.ready_until_s
    again.prepare([woman])
    assert again.ready_until_s == until_s
    moment_s = until_s - 0.1
    ours, theirs = again.render(woman, moment_s), through.render(woman, moment_s)
    assert ours is not None and theirs is not None
    np.testing.assert_array_equal(ours.rgb, theirs.rgb)


def test_two_of_them_do_not_know_each_other(
    stage: Stage, woman: TrackedFrame, man: TrackedFrame, speech: FloatArray
) -> None:
    other_speech = speech[::-1].copy()
    hers, his = frames_for(speech, woman), frames_for(speech, man)
    alone = [
        drive(stage.prepared(woman), hers, in_one(speech)),
        drive(stage.prepared(man), his, in_one(other_speech)),
    ]
    one, two = stage.prepared(woman), stage.prepared(man)
    for engine, samples in ((one, speech), (two, other_speech)):
        for chunk in in_one(samples):
            engine.push(chunk)
        engine.finish()
    together: tuple[list[Patch | None], list[Patch | None]] = ([], [])
    for i in range(len(hers)):
        together[0].append(one.render(hers[i], i / FPS))
        together[1].append(two.render(his[i], i / FPS))
    assert_same(alone[0], together[0], hers)
    assert_same(alone[1], together[1], his)


def test_at_no_strength_the_frame_stays(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    frames = frames_for(speech, woman)
    engine = stage.prepared(woman)
    full = [change(*pair) for pair in zip(frames, drive(engine, frames, in_one(speech)), strict=True)]
    engine.reset()
    half = [change(*pair) for pair in zip(frames, drive(engine, frames, in_one(speech), 0.5), strict=True)]
    engine.reset()
    none = [change(*pair) for pair in zip(frames, drive(engine, frames, in_one(speech), 0.0), strict=True)]
    assert max(none) <= MUCH_LESS_THAN_SPEECH * max(full)
    assert sum(none) < sum(half) < sum(full)


def test_silence_keeps_the_mouth_still(stage: Stage, woman: TrackedFrame) -> None:
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    frames = frames_for(silence, woman)
    patches = drive(stage.prepared(woman), frames, in_one(silence))
    assert movement(patches, frames) <= STILL_LEVEL


def test_no_speech_at_all_is_silence(stage: Stage, woman: TrackedFrame) -> None:
    engine = stage.prepared(woman)
    engine.finish()
    for i, tracked in enumerate(still(woman, 5)):
        check_patch(engine.render(tracked, i / FPS), tracked)


def test_the_end_of_the_speech_may_be_passed(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    """The last frame of a video may reach beyond the speech; a held one does by seconds."""
    frames = list(still(woman, 2 * FPS))
    for patch, tracked in zip(drive(stage.prepared(woman), frames, in_one(speech[:4000])), frames, strict=True):
        check_patch(patch, tracked)


def test_it_learns_a_face_from_a_survey_with_gaps(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    sample_frames = [without_face(woman), woman, without_face(woman, SkipReason.TURNED), moved(woman, 6, 3), woman]
    frames = frames_for(speech, woman)
    patches = drive(stage.prepared(*sample_frames), frames, in_one(speech))
    assert any(patches)
    for patch, tracked in zip(patches, frames, strict=True):
        check_patch(patch, tracked)


@pytest.mark.parametrize(
    ("right", "down"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)], ids=["right", "left", "below", "above", "corner"]
)
def test_faces_may_leave_the_picture(
    stage: Stage, woman: TrackedFrame, speech: FloatArray, right: int, down: int
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
    patches = drive(stage.prepared(woman), frames, in_one(speech[: count * SAMPLE_RATE // FPS]))
    for patch, tracked in zip(patches, frames, strict=True):
        check_patch(patch, tracked)


def test_cuts_from_one_person_to_another(
    stage: Stage, woman: TrackedFrame, man: TrackedFrame, speech: FloatArray
) -> None:
    """Frames without a face are not drawn; in the others nobody gets a part of another's face."""
    his, hers = frames_for(speech, man), frames_for(speech, woman)
    frames = [
        replace(hers[i] if i // 8 % 2 else his[i], shot=i // 8)
        for i in range(len(his))
        if i % 8 != 7 or i + 1 == len(his)
    ]
    sample_frames = [replace(man, shot=0), without_face(man), replace(woman, shot=1)]
    for tracked, patch in zip(frames, drive(stage.prepared(*sample_frames), frames, in_one(speech)), strict=True):
        check_patch(patch, tracked)
    silence = np.zeros(len(speech), dtype=np.float32)
    quiet = drive(stage.prepared(*sample_frames), frames, in_one(silence))
    alone = drive(stage.prepared(replace(woman, shot=0)), hers[: len(frames)], in_one(silence))
    for tracked, patch, her in zip(frames, quiet, alone, strict=True):
        if tracked.shot % 2:
            ghost = np.abs(laid_over(tracked, patch) - laid_over(tracked, her)).mean()
            assert ghost <= 1.0


@pytest.mark.parametrize(("across", "down"), [(0.5, 1.0), (1.0, 0.5), (0.2, 0.2), (2.5, 2.5)])
def test_pixels_of_any_shape_and_faces_of_any_size(
    stage: Stage, woman: TrackedFrame, speech: FloatArray, across: float, down: float
) -> None:
    tracked = scaled(woman, across, down)
    assert tracked.face is not None
    frames = list(still(tracked, 20))
    patches = drive(stage.prepared(tracked), frames, in_one(speech))
    assert any(patches)
    mouth = tracked.face.landmarks[13, :2]
    for patch, frame in zip(patches, frames, strict=True):
        check_patch(patch, frame)
        if patch is not None:
            assert patch.box.x0 <= mouth[0] < patch.box.x1
            assert patch.box.y0 <= mouth[1] < patch.box.y1


def test_moments_are_drawn_each_once_and_in_order(whole_stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    """Together as alone, and frames without a face pass between them."""
    frames = frames_for(speech, woman)
    gaps = {0, 7, 8, 9, len(frames) - 1}
    frames = [without_face(frame) if i in gaps else frame for i, frame in enumerate(frames)]
    engine = whole_stage.prepared(woman)
    given = list(engine.render_all(moments(engine, frames, chunks(speech, lambda: 1600))))
    assert [id(moment.tracked) for moment, _ in given] == [id(frame) for frame in frames]
    assert all(given[i][1] is None for i in gaps)
    engine.reset()
    alone = [
        None if moment.tracked.face is None else engine.render(moment.tracked, moment.speech_s)
        for moment in moments(engine, frames, in_one(speech))
    ]
    assert_same(alone, [patch for _, patch in given], frames)


def test_few_frames_are_held_back(stage: Stage, woman: TrackedFrame) -> None:
    """However long the video is, an engine asks for a bounded number of frames before it gives the first back."""
    engine = stage.prepared(woman)
    engine.finish()
    taken = given = 0

    def endless() -> Iterator[RenderRequest]:
        nonlocal taken
        for i, frame in enumerate(still(woman, 200)):
            taken += 1
            yield RenderRequest(frame, i / FPS)

    for _ in engine.render_all(endless()):
        given += 1
        assert taken - given < MOST_HELD
    assert given == taken == 200


def test_drawing_may_end_early(stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
    engine, frames = stage.prepared(woman), frames_for(speech, woman)
    first = drive(engine, frames, in_one(speech))
    engine.reset()
    drawing = engine.render_all(moments(engine, frames, in_one(speech)))
    next(iter(drawing))
    del drawing
    engine.reset()
    assert_same(first, drive(engine, frames, in_one(speech)), frames)


def test_it_says_which_options_it_heeds_and_what_is_odd(stage: Stage, woman: TrackedFrame) -> None:
    engine = stage.prepared(woman)
    assert engine.supported_options <= {"intensity", "rest", "phones", "network", "crop"}
    assert isinstance(engine.warnings, tuple)
    assert all(line.strip() and "\n" not in line for line in engine.warnings)


def test_memory_does_not_grow_with_the_speech(stage: Stage, woman: TrackedFrame) -> None:
    rng = np.random.default_rng(1)
    engine = stage.prepared(woman)
    noise = (rng.standard_normal(SAMPLE_RATE) * 0.1).astype(np.float32)
    long_s = 36
    held: dict[int, int] = {}
    drawn = 0
    tracemalloc.start()
    try:
        for second, chunk in enumerate(chunks(np.tile(noise, long_s), lambda: SAMPLE_RATE)):
            engine.push(chunk)
            while drawn < engine.ready_until_s:
                engine.render(replace(woman, frame=replace(woman.frame, time_s=Fraction(drawn))), float(drawn))
                drawn += 1
            held[second] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    a_third_of_its_samples = long_s // 3 * SAMPLE_RATE * 4
    assert held[long_s - 1] - held[long_s * 2 // 3 - 1] < a_third_of_its_samples / 20


def test_every_engine_stands_in_the_list() -> None:
    assert [info.name for info in describe_all()] == engine_names()
