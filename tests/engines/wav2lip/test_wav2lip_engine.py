"""The engine around the network: batches, smoothing, cuts, options. It draws with a stand-in that needs no weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import scenes
from tests.engines.wav2lip.drawn_mouth import DrawnMouth

from mouthpiece.engines.base import EngineJob, EngineOptions
from mouthpiece.engines.registry import load_engine
from mouthpiece.engines.wav2lip.crop import CropBox, FaceCrop, mean_box, network_face
from mouthpiece.engines.wav2lip.engine import BATCH, CPU_BATCH, MOST_PIXELS, REACH, Wav2LipEngine
from mouthpiece.engines.wav2lip.options import Wav2LipOptions
from mouthpiece.errors import EngineError, OptionError, WeightsError
from mouthpiece.face import FaceTracker
from mouthpiece.networks.published_weights import GENERATORS
from mouthpiece.notices import Notice
from mouthpiece.testing.scenes import FPS, chunks, in_one, moments, moved, still, without_face
from mouthpiece.types import SAMPLE_RATE, Box, FloatArray, Patch, RenderRequest, SpeechChunk, TrackedFrame

SAME_LEVEL = 1.0
CLIP = "clips/grid_s22_on_720p.mp4"
CLIP_FRAMES = 19

Drawn = list[tuple[RenderRequest, Patch | None]]


@pytest.fixture(scope="module")
def clip(shared_data: Path, face_models: None) -> list[TrackedFrame]:
    """The beginning of a real 720p video, tracked."""
    pictures = scenes.pictures(shared_data / CLIP, CLIP_FRAMES)
    tracked = list(FaceTracker().track_all(scenes.frames(pictures)))
    assert tracked[0].frame.rgb.shape == (720, 1280, 3)
    assert all(one.face is not None for one in tracked)
    return tracked


def engine_for(
    generator: DrawnMouth | None = None, *, live: bool = False, device: str = "CPU", **own: Any
) -> Wav2LipEngine:
    options = EngineOptions("wav2lip", device=device, own=own)
    return Wav2LipEngine(options, EngineJob(live=live), generator=generator or DrawnMouth())


def draw(engine: Wav2LipEngine, frames: Iterable[TrackedFrame], heard: Iterator[SpeechChunk]) -> Drawn:
    return list(engine.render_all(moments(engine, frames, heard)))


def part(moment: RenderRequest, patch: Patch | None, around: Box) -> FloatArray:
    """A part of the frame with the patch on it, float32."""
    shown = moment.tracked.frame.rgb[around.slices].astype(np.float32)
    if patch is not None:
        box = patch.box
        inside = shown[box.y0 - around.y0 : box.y1 - around.y0, box.x0 - around.x0 : box.x1 - around.x0]
        inside += (patch.rgb - inside) * patch.alpha[..., None]
    return shown


def difference(moment: RenderRequest, a: Patch | None, b: Patch | None) -> float:
    """The greatest difference between what two patches show, levels."""
    boxes = [patch.box for patch in (a, b) if patch is not None]
    if not boxes:
        return 0.0
    low = min(box.x0 for box in boxes), min(box.y0 for box in boxes)
    high = max(box.x1 for box in boxes), max(box.y1 for box in boxes)
    around = Box(*low, *high)
    return float(np.abs(part(moment, a, around) - part(moment, b, around)).max())


def change(moment: RenderRequest, patch: Patch | None) -> float:
    """The greatest change that a patch makes to its frame, levels."""
    return difference(moment, patch, None)


def assert_same(one: Drawn, other: Drawn) -> None:
    for i, ((moment, a), (_, b)) in enumerate(zip(one, other, strict=True)):
        assert (a is None) == (b is None), i
        assert difference(moment, a, b) <= SAME_LEVEL, f"frame {i}"


@pytest.fixture(scope="module")
def whole(clip: list[TrackedFrame], speech: FloatArray) -> Drawn:
    """The clip as it is drawn by default, all the speech at once."""
    generator = DrawnMouth()
    drawn = draw(engine_for(generator), clip, in_one(speech))
    assert generator.batches == [BATCH, BATCH, CLIP_FRAMES - 2 * BATCH]
    assert max(change(*one) for one in drawn) > 50
    return drawn


def test_it_is_registered() -> None:
    assert load_engine("wav2lip") is Wav2LipEngine
    assert Wav2LipEngine.Options is Wav2LipOptions
    assert Wav2LipEngine.checkpoints == GENERATORS


@pytest.mark.parametrize("size", [1, 3, 40])
def test_batches_change_nothing(whole: Drawn, clip: list[TrackedFrame], speech: FloatArray, size: int) -> None:
    generator = DrawnMouth()
    assert_same(whole, draw(engine_for(generator, batch_size=size), clip, in_one(speech)))
    assert max(generator.batches) == min(size, CLIP_FRAMES)


@pytest.mark.parametrize("most", [6000, 250])
def test_a_720p_video_in_chunks_and_whole_gives_the_same_frames(
    whole: Drawn, clip: list[TrackedFrame], speech: FloatArray, most: int
) -> None:
    rng = np.random.default_rng(most)
    assert_same(whole, draw(engine_for(), clip, chunks(speech, lambda: int(rng.integers(1, most)))))


def test_one_at_a_time_on_a_still_face_is_the_same(woman: TrackedFrame, speech: FloatArray) -> None:
    frames = list(still(woman, FPS))
    together = draw(engine_for(), frames, in_one(speech))
    engine = engine_for()
    alone = [(m, engine.render(m.tracked, m.speech_s)) for m in moments(engine, frames, in_one(speech))]
    assert_same(together, alone)


def test_it_holds_back_few_frames(woman: TrackedFrame, speech: FloatArray) -> None:
    cases: list[tuple[dict[str, Any], int]] = [({}, BATCH + REACH), ({"smooth": False}, BATCH), ({"live": True}, 1)]
    for options, held in cases:
        engine, taken, given = engine_for(**options), 0, 0

        def counted(asked: Iterable[RenderRequest]) -> Iterator[RenderRequest]:
            nonlocal taken
            for moment in asked:
                taken += 1
                yield moment

        most = 0
        frames = [without_face(one) if i in (3, 4) else one for i, one in enumerate(still(woman, 40))]
        for moment, _ in engine.render_all(counted(moments(engine, frames, in_one(speech)))):
            most = max(most, taken - given)
            assert moment.tracked is frames[given]
            given += 1
        assert given == 40
        assert most == held


def test_large_pictures_are_held_in_smaller_numbers(woman: TrackedFrame) -> None:
    def batch(width: int, height: int, size: int | None = None, device: str = "CPU") -> int:
        """Of a user who asked for cuda, where the network really runs on `device`."""
        rgb = np.broadcast_to(np.zeros(3, dtype=np.uint8), (height, width, 3))
        engine = engine_for(DrawnMouth(device=device), batch_size=size, device="cuda")
        count = engine._batch(replace(woman.frame, rgb=rgb))
        bounded = size is not None and count < size
        expected = f"batch_size {size} was taken as {count}: more frames at once take memory and no less time"
        assert [warning.text for warning in engine.warnings] == ([expected] if bounded else [])
        return count

    assert batch(1280, 720) == batch(1920, 1080) == BATCH
    assert batch(3840, 2160) == 2
    assert batch(15360, 8640) == 1
    assert batch(640, 360, 128, "cuda") == 128
    assert batch(1920, 1080, 256, "cuda") == MOST_PIXELS // (1920 * 1080)
    assert batch(640, 360, 128) == batch(640, 360, 128, "cpu") == CPU_BATCH
    assert batch(640, 360, 12) == 12
    assert batch(15360, 8640, 8) == 1


def test_live_draws_one_by_one(woman: TrackedFrame, speech: FloatArray) -> None:
    generator = DrawnMouth()
    draw(engine_for(generator, live=True), still(woman, 12), in_one(speech))
    assert generator.batches == [1] * 12


class Witness(DrawnMouth):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[FloatArray] = []

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        self.seen.extend(face)
        return super().__call__(mel, face)


def trembling(tracked: TrackedFrame, count: int) -> list[TrackedFrame]:
    rng = np.random.default_rng(5)
    return [moved(one, *(int(v) for v in rng.integers(-9, 10, 2))) for one in still(tracked, count)]


def box_of(tracked: TrackedFrame, pads: tuple[int, int, int, int] = (0, 10, 0, 0)) -> CropBox:
    assert tracked.face is not None
    box = CropBox.of(tracked.face, tracked.frame, pads)
    assert box is not None
    return box


@pytest.mark.parametrize(("options", "before", "after"), [({}, 2, 2), ({"live": True}, 4, 0)])
def test_boxes_are_averaged_over_five_frames(
    woman: TrackedFrame, speech: FloatArray, options: dict[str, Any], before: int, after: int
) -> None:
    witness, frames = Witness(), trembling(woman, 21)
    draw(engine_for(witness, **options), frames, in_one(speech))
    boxes = [box_of(one) for one in frames]
    for i, seen in enumerate(witness.seen):
        box = mean_box(boxes[max(0, i - before) : i + after + 1])
        np.testing.assert_allclose(seen, network_face([FaceCrop.cut(frames[i].frame, box)])[0], atol=1.01 / 255)


def test_without_smoothing_each_box_is_its_frame_s(woman: TrackedFrame, speech: FloatArray) -> None:
    witness, frames = Witness(), trembling(woman, 9)
    draw(engine_for(witness, pads=(5, 20, -3, 4), smooth=False), frames, in_one(speech))
    for seen, frame in zip(witness.seen, frames, strict=True):
        crop = FaceCrop.cut(frame.frame, box_of(frame, (5, 20, -3, 4)))
        np.testing.assert_allclose(seen, network_face([crop])[0], atol=1.01 / 255)


def test_nothing_crosses_a_cut(woman: TrackedFrame, man: TrackedFrame, speech: FloatArray) -> None:
    hers = trembling(woman, 9)
    his = [replace(one, shot=1) for one in trembling(man, 12)]
    together = draw(engine_for(), [*hers, *his], in_one(speech))
    assert_same(together[:9], draw(engine_for(), hers, in_one(speech)))
    engine = engine_for()
    later = list(moments(engine, [*hers, *his], in_one(speech)))[9:]
    assert_same(together[9:], list(engine.render_all(later)))


def test_frames_without_a_face_pass_in_order(clip: list[TrackedFrame], speech: FloatArray) -> None:
    gaps = {0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18}
    frames = [without_face(one) if i in gaps else one for i, one in enumerate(clip)]
    drawn = draw(engine_for(), frames, in_one(speech))
    assert [moment.tracked for moment, _ in drawn] == frames
    assert {i for i, (_, patch) in enumerate(drawn) if patch is None} == gaps


def test_a_frame_whose_pads_leave_nothing_passes(woman: TrackedFrame, speech: FloatArray) -> None:
    engine = engine_for(pads=(-150, -100, -150, -150))
    assert [patch for _, patch in draw(engine, still(woman, 3), in_one(speech))] == [None] * 3


@pytest.mark.parametrize("pads", [(-100, -100, -100, -100), (10_000, -90, 0, 0), (0, 10_000, -5000, 0)])
def test_pads_that_hide_the_mouth_are_refused(woman: TrackedFrame, pads: tuple[int, int, int, int]) -> None:
    with pytest.raises(
        OptionError, match=r"^pads expect .* around a face of \d+ x \d+ pixels don't; use smaller ones$"
    ):
        engine_for(pads=pads).prepare(iter([without_face(woman), woman]))


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (-8, 15, -6, -6), (20, 20, 10, 30)])
def test_sensible_pads_are_taken(woman: TrackedFrame, speech: FloatArray, pads: tuple[int, int, int, int]) -> None:
    engine = engine_for(pads=pads)
    engine.prepare(iter([woman]))
    assert all(patch is not None for _, patch in draw(engine, still(woman, 4), in_one(speech)))


def test_a_sidelong_look_in_the_survey_is_no_reason_to_refuse(woman: TrackedFrame) -> None:
    """The defaults always run, whatever the survey shows."""
    assert woman.face is not None
    odd = replace(woman, face=replace(woman.face, landmarks=woman.face.landmarks * np.float32(0.01)))
    engine_for().prepare(iter([odd]))


def test_speech_opens_the_mouth_and_silence_closes_it(woman: TrackedFrame, speech: FloatArray) -> None:
    assert woman.face is not None
    silence = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)
    drawn = draw(engine_for(), still(woman, FPS * 2), in_one(np.concatenate([silence, speech, silence])))
    changed = [change(*one) for one in drawn]
    # 200 ms of speech after a moment are heard with it. After a movement, fine detail comes back little by little.
    assert max(changed[: round(0.28 * FPS)]) <= SAME_LEVEL
    assert max(changed[-round(0.25 * FPS) :]) <= 10
    assert max(changed) > 50


def test_it_passes_on_what_the_generator_says(woman: TrackedFrame) -> None:
    warnings = (Notice("engine", "no GPU here"),)
    assert engine_for(DrawnMouth(warnings=warnings)).warnings == warnings
    assert engine_for().warnings == ()


def test_moments_must_have_been_heard(woman: TrackedFrame, speech: FloatArray) -> None:
    engine = engine_for()
    with pytest.raises(EngineError, match=r"^expected a moment before 0.000 s, got 0.000 s$"):
        list(engine.render_all([RenderRequest(woman, 0.0)]))
    for chunk in in_one(speech):
        engine.push(chunk)
    with pytest.raises(EngineError, match="expected a moment before"):
        engine.render(woman, 0.95)


def test_missing_weights_are_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
    info = Wav2LipEngine.describe(EngineOptions("wav2lip"))
    assert not info.ready
    assert "mouthpiece weights fetch wav2lip-gan" in info.weights
    assert "research" in info.licence.lower()
    with pytest.raises(WeightsError, match=r"^the weights wav2lip-gan are not here; fetch it with [^\n]*$"):
        Wav2LipEngine(EngineOptions("wav2lip"))
    nowhere = EngineOptions("wav2lip", own={"checkpoint": tmp_path / "no.pth"})
    assert not Wav2LipEngine.describe(nowhere).ready
    assert "no.pth" in Wav2LipEngine.describe(nowhere).weights


def test_a_file_of_ones_own_makes_it_ready(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"0")
    info = Wav2LipEngine.describe(EngineOptions("wav2lip", device="GPU", own={"checkpoint": path}))
    assert info.ready
    assert str(path) in info.weights
    assert info.device == "GPU"


def test_a_shaking_camera_does_not_shake_the_mouth_on_the_face(woman: TrackedFrame) -> None:
    """Where the network only copies, moving boxes leave no trace."""
    still_mouth = DrawnMouth(widest=0.0)
    frames = trembling(woman, 12)
    for drawn in draw(engine_for(still_mouth), frames, in_one(np.zeros(SAMPLE_RATE, dtype=np.float32))):
        assert change(*drawn) <= SAME_LEVEL


def test_pictures_of_varying_size_and_shape(woman: TrackedFrame, speech: FloatArray) -> None:
    """Not what a video does, but what a live camera that turns may do."""
    other = replace(
        woman,
        frame=replace(woman.frame, rgb=np.ascontiguousarray(woman.frame.rgb[:, :300]), time_s=Fraction(1)),
        shot=1,
    )
    drawn = draw(engine_for(), [*still(woman, 5), *still(other, 5)], in_one(speech))
    assert all(patch is not None for _, patch in drawn)
