"""One speaker's way: which face, where it is, what can't be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import scenes
from tests.pipeline.staging import (
    FAKE,
    RATE,
    check_timeline,
    drawn_animal,
    left_behind,
    nobody,
    speech,
    streams,
    video_of,
)

from mouthpiece.compositing import composite, paste
from mouthpiece.concurrency import fan_out
from mouthpiece.engines.base import EngineJob
from mouthpiece.engines.fake import FakeEngine
from mouthpiece.errors import Cancelled, NoFaceError, OptionError
from mouthpiece.face import FaceTracker
from mouthpiece.media import open_face, open_speech
from mouthpiece.media.face_source import SAMPLE_FRAMES
from mouthpiece.options import EngineOptions, Fit, FrameTransform, Quality, SyncOptions
from mouthpiece.pipeline import draw, lane, sync
from mouthpiece.pipeline.journal import Journal
from mouthpiece.pipeline.lane import Lane
from mouthpiece.types import FloatArray, Frame, Patch, Picture, SkipReason, TrackedFrame


@pytest.mark.parametrize("fit", list(Fit))
def test_a_picture_that_comes_again_is_not_tracked_again(
    tmp_path: Path,
    person: list[Picture],
    voice: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
    fit: Fit,
) -> None:
    face = video_of(person, tmp_path / "face.mp4")
    looked: list[Fraction | None] = []
    faces: dict[Fraction | None, set[int]] = {}
    track, note = FaceTracker.track, Journal.note

    def counted(tracker: FaceTracker, frame: Frame) -> TrackedFrame:
        looked.append(frame.source_time_s)
        return track(tracker, frame)

    def noted(journal: Journal, frames: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
        for tracked in note(journal, frames):
            faces.setdefault(tracked.frame.source_time_s, set()).add(id(tracked.face))
            yield tracked

    monkeypatch.setattr(FaceTracker, "track", counted)
    monkeypatch.setattr(Journal, "note", noted)
    made = list(draw(face, speech(2.4, voice), SyncOptions(engine=EngineOptions("fake"), fit=fit)))
    assert len(made) == (25 if fit is Fit.CUT else 60)
    assert len(looked) == SAMPLE_FRAMES + len(person)
    assert all(len(same) == 1 for same in faces.values())
    looked.clear()
    monkeypatch.setattr(lane, "KNOWN_PICTURES", 10)
    assert len(list(draw(face, speech(2.4, voice), SyncOptions(engine=EngineOptions("fake"), fit=fit)))) == len(made)
    assert len(looked) >= SAMPLE_FRAMES + len(person)


def test_a_face_that_leaves_passes_through(tmp_path: Path, person: list[Picture], voice: FloatArray) -> None:
    rng = np.random.default_rng(1)
    scenery = np.repeat(np.repeat(rng.integers(60, 190, (18, 20, 3)), 16, axis=0), 18, axis=1).astype(np.uint8)
    assert scenery.shape == person[0].shape
    face = video_of(person + [scenery] * 50 + person, tmp_path / "face.mp4")
    result = sync(face, speech(4.0, voice), tmp_path / "out.mp4", FAKE)
    check_timeline(result)
    assert [(s.synced, s.reason) for s in result.timeline] == [
        (True, None),
        (False, SkipReason.NO_FACE),
        (True, None),
    ]
    gap = result.timeline[1]
    assert (gap.start_s, gap.end_s) == pytest.approx((1.0, 3.0), abs=0.041)
    assert [(warning.code, str(warning)) for warning in result.warnings] == [
        ("stretches-passed", "2.00 s passed through untouched (no-face)")
    ]
    source, out = scenes.pictures(face), scenes.pictures(tmp_path / "out.mp4")
    assert len(out) == len(source) == 100
    assert min(scenes.psnr(out[i], source[i]) for i in range(26, 75)) > 38
    spoken = [np.abs(out[i].astype(int) - source[i]).max() for i in range(8, 18)]
    assert max(spoken) > 60, "where there is a face, a mouth was drawn"
    near = [float(np.clip(np.abs(out[i].astype(int) - source[i]) - 12, 0, None).sum()) for i in range(15, 25)]
    assert near[-1] < 0.6 * max(near), "and it fades out before the face leaves"


def test_a_cut_to_another_person_is_synced_throughout(
    tmp_path: Path, person: list[Picture], shared_data: Path, voice: FloatArray
) -> None:
    other = scenes.pictures(shared_data / scenes.PERSON_B, 12)
    face = video_of(person[:12] + other, tmp_path / "face.mp4")
    result = sync(face, speech(0.96, voice), tmp_path / "out.mp4", FAKE)
    assert [s.synced for s in result.timeline] == [True]


@pytest.mark.parametrize(("choice", "changed"), [("left", 0), ("right", 1), ("2", 1)])
def test_other_faces_stay_untouched(
    tmp_path: Path, woman: Picture, shared_data: Path, voice: FloatArray, choice: str, changed: int
) -> None:
    man = scenes.picture(shared_data / "photos" / "man_head_crop.jpg", 256)
    both = scenes.side_by_side(woman, man)
    options = SyncOptions(engine=EngineOptions("fake"), face=choice, quality=Quality.BEST)
    result = sync(both, speech(0.6, voice), tmp_path / "out.mp4", options)
    assert result.faces_seen == 2
    assert [(warning.code, dict(warning.values)) for warning in result.warnings] == [("faces-ignored", {"faces": 2})]
    assert result.face_chosen is not None
    assert result.face_chosen.x0 // 256 == changed
    moved = np.max([np.abs(p.astype(int) - both) for p in scenes.pictures(tmp_path / "out.mp4")], axis=(0, 3))
    halves = moved[:, :256], moved[:, 256:]
    assert halves[changed].max() > 60
    assert np.percentile(halves[1 - changed], 99.5) < 14
    assert (
        scenes.psnr(
            scenes.pictures(tmp_path / "out.mp4")[7][:, 256 * (1 - changed) :][:, :256],
            both[:, 256 * (1 - changed) :][:, :256],
        )
        > 34
    )


@pytest.mark.parametrize("kind", ["photo", "video"])
def test_nobody_to_be_seen(tmp_path: Path, voice: FloatArray, kind: str) -> None:
    face = nobody(kind, tmp_path)
    before = left_behind(tmp_path)
    with pytest.raises(NoFaceError, match=f"expected a face .*in the {kind}") as caught:
        sync(face, speech(0.5, voice), tmp_path / "out.mp4", FAKE)
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == before


def test_a_number_beyond_the_faces_says_how_many_there_are(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    with pytest.raises(NoFaceError, match=r"face 3 was asked for, but .* shows 1"):
        sync(woman, speech(0.5, voice), tmp_path / "out.mp4", SyncOptions(engine=EngineOptions("fake"), face="3"))
    assert left_behind(tmp_path) == []


def test_too_small_a_face_says_so(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    tiny = np.asarray(cv2.resize(woman, (36, 36), interpolation=cv2.INTER_AREA), np.uint8)
    with pytest.raises(NoFaceError, match="too small"):
        sync(tiny, speech(0.5, voice), tmp_path / "out.mp4", FAKE)


def test_a_mouth_that_is_cut_off_is_said_to_be_so(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    [(face, _)] = FaceTracker().detect_all(scenes.frame(woman))
    with pytest.raises(NoFaceError, match="the mouth is not in the picture"):
        sync(woman[: int(face.landmarks[13, 1])].copy(), speech(0.5, voice), tmp_path / "out.mp4", FAKE)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("engine", ["fake", "mesh"])
@pytest.mark.parametrize("moving", [False, True])
def test_a_box_makes_a_drawing_speak(tmp_path: Path, voice: FloatArray, engine: str, moving: bool) -> None:
    animal = drawn_animal()
    face = video_of([animal] * 10, tmp_path / "face.mp4") if moving else animal
    with pytest.raises(NoFaceError):
        sync(face, speech(0.4, voice), tmp_path / "out.mp4", SyncOptions(engine=EngineOptions(engine)))
    result = sync(
        face,
        speech(0.8, voice),
        tmp_path / "out.mp4",
        SyncOptions(engine=EngineOptions(engine), box=(40, 220, 70, 250)),
    )
    assert (result.faces_seen, result.warnings) == (1, ())
    assert result.face_chosen is not None
    assert (result.face_chosen.y0, result.face_chosen.y1) == (40, 220)
    assert (result.face_chosen.x0, result.face_chosen.x1) == (70, 250)
    assert [s.synced for s in result.timeline] == [True]
    shown = scenes.pictures(tmp_path / "out.mp4")
    moved = np.abs(np.stack(shown).astype(int) - animal).max(axis=(0, 3)) > 30
    rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
    assert 120 < rows.min() < rows.max() < 230  # a jaw may drop out of the box
    assert 70 <= columns.min() < columns.max() < 250
    mouth = [float(picture[165:200, 130:190].mean()) for picture in shown]
    assert max(mouth) - min(mouth) > 2  # it opens and closes


def test_a_box_counts_in_the_framed_picture(tmp_path: Path, voice: FloatArray, ffprobe: str) -> None:
    turned = np.ascontiguousarray(np.rot90(drawn_animal()))
    options = SyncOptions(
        engine=EngineOptions("fake"),
        transform=FrameTransform(rotate=True, crop=(20, 230, 60, 260)),
        box=(20, 200, 10, 190),
    )
    result = sync(turned, speech(0.4, voice), tmp_path / "out.mp4", options)
    assert result.face_chosen is not None
    assert result.face_chosen.x0 == 10
    stream = streams(ffprobe, tmp_path / "out.mp4")["video"]
    assert (stream["width"], stream["height"]) == (200, 210)
    with pytest.raises(OptionError, match=r"box expects .* picture of 240x320"):
        sync(
            turned,
            speech(0.4, voice),
            tmp_path / "no.mp4",
            SyncOptions(engine=EngineOptions("fake"), box=(20, 200, 10, 300)),
        )
    with pytest.raises(OptionError, match="four numbers"):
        SyncOptions(box=(1, 2, 3))  # type: ignore[arg-type]
    assert left_behind(tmp_path) == ["out.mp4"]


def test_static_looks_for_the_face_in_the_first_picture_alone(
    tmp_path: Path, person: list[Picture], voice: FloatArray
) -> None:
    face = video_of([scenes.grey_like(person[0]), *person[:5]], tmp_path / "face.mp4")
    options = SyncOptions(engine=EngineOptions("fake"), transform=FrameTransform(static=True))
    with pytest.raises(NoFaceError, match=r"in the first picture of face\.mp4, but none was found"):
        sync(face, speech(0.4, voice), tmp_path / "out.mp4", options)


def test_an_offset_falls_on_the_moments_that_engines_count_to(
    woman: Picture, voice: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly: in floats, 1.68 - 0.08 is a hair less than 1.6."""
    asked: list[float] = []

    class Noting(FakeEngine):
        def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
            asked.append(speech_s)
            return super().render(tracked, speech_s, strength)

    monkeypatch.setattr(lane, "load_engine", lambda _name: Noting)
    drawn = list(draw(woman, speech(2, voice), replace(FAKE, audio_offset_s=-0.08)))
    assert [frame.time_s for frame in drawn] == [Fraction(i, 25) for i in range(50)]
    assert asked == [max(0, i - 2) / 25 for i in range(50)]
    with pytest.raises(Cancelled):
        list(draw(woman, speech(2, voice), FAKE, cancelled=lambda: True))
    stopped = draw(woman, speech(2, voice), FAKE)
    next(stopped)
    stopped.close()


@pytest.fixture(scope="session")
def pair(woman: Picture, shared_data: Path) -> Picture:
    """Two people beside each other, 512x256."""
    return scenes.side_by_side(woman, scenes.picture(shared_data / "photos" / "man_head_crop.jpg", 256))


def chosen(face: str, seed: int = 0) -> SyncOptions:
    return SyncOptions(engine=EngineOptions("fake", seed=seed), face=face)


def drawn_together(
    face: Picture | Path, voices: Sequence[FloatArray], options: Sequence[SyncOptions], seconds: Fraction
) -> list[Frame]:
    """Frames with a lane for each voice, all lanes over the frames of one reader."""
    with open_face(face) as source, ExitStack() as stack:
        opened = [stack.enter_context(open_speech((voice, RATE))) for voice in voices]
        lanes = [Lane(source, one, EngineJob(), Journal(), lambda: None) for one in options]
        frames = fan_out(source.frames(seconds, Fit.LOOP), len(lanes))
        given = zip(lanes, frames, opened, strict=True)
        return list(composite([one.patches(shown, spoken, again=True) for one, shown, spoken in given]))


@pytest.mark.parametrize("moving", [False, True])
def test_two_people_speak_in_one_picture(tmp_path: Path, pair: Picture, voice: FloatArray, moving: bool) -> None:
    """Each as if alone: with the own speech, face and engine."""
    face = video_of([pair] * 10, tmp_path / "face.mp4") if moving else pair
    voices, options = [voice[:RATE], voice[RATE:]], [chosen("left"), chosen("right", seed=3)]
    together = drawn_together(face, voices, options, Fraction(1))
    alone = [
        list(draw(face, (said, RATE), replace(one, fit=Fit.LOOP))) for said, one in zip(voices, options, strict=True)
    ]
    assert [frame.time_s for frame in together] == [Fraction(i, 25) for i in range(25)]
    for both, left, right in zip(together, *alone, strict=True):
        assert np.array_equal(both.rgb[:, :256], left.rgb[:, :256])
        assert np.array_equal(both.rgb[:, 256:], right.rgb[:, 256:])
        assert both.changed == (*left.changed, *right.changed)
        assert len(both.changed) == 2
    assert not np.array_equal(together[12].rgb[:, :256], right.rgb[:, :256])


def test_each_lane_draws_from_untouched_pictures(
    pair: Picture, voice: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one's patch lies over the other's: the first lane's is below."""
    rendered: dict[int, list[Patch | None]] = {}

    class Watching(FakeEngine):
        def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
            assert np.array_equal(tracked.frame.rgb, pair)
            patch = super().render(tracked, speech_s, strength)
            rendered.setdefault(self.options.seed, []).append(patch)
            return patch

    monkeypatch.setattr(lane, "load_engine", lambda _name: Watching)
    together = drawn_together(pair, [voice] * 2, [chosen("left", 1), chosen("left", 2)], Fraction(2))
    assert len(together) == len(rendered[1]) == len(rendered[2]) == 50
    for frame, below, above in zip(together, rendered[1], rendered[2], strict=True):
        assert below is not None
        assert above is not None
        expected = paste(paste(scenes.frame(pair.copy()), below), above)
        assert np.array_equal(frame.rgb, expected.rgb)
        assert frame.changed == (below.box, above.box)


def test_a_lane_that_fails_ends_them_all(pair: Picture, voice: FloatArray, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(FakeEngine):
        def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
            if self.options.seed == 2 and speech_s > 0.5:
                raise LookupError("lost the thread")
            return super().render(tracked, speech_s, strength)

    monkeypatch.setattr(lane, "load_engine", lambda _name: Failing)
    with pytest.raises(LookupError, match="lost the thread"):
        drawn_together(pair, [voice] * 2, [chosen("left"), chosen("right", 2)], Fraction(2))
