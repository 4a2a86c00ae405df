"""Speech to mouth shapes: as the mesh engine would play it, and with known phones."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import mouthpiece
from mouthpiece.errors import Cancelled, InputError, OptionError
from mouthpiece.motion.stream import MotionStream
from mouthpiece.options import VisemeOptions
from mouthpiece.speech import features
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone, SpeechChunk
from mouthpiece.viseme_tracks import ARKIT_NAMES, BlendshapeFrame, Cue, MouthShapes, VisemeTrack, visemes

MOUTH = [name for name in ARKIT_NAMES if name.startswith(("jawOpen", "mouth"))]


@pytest.fixture(scope="module")
def track(speech: FloatArray) -> VisemeTrack:
    return visemes((speech, SAMPLE_RATE))


def check_cues(cues: tuple[Cue, ...], duration_s: float) -> None:
    assert cues[0].start_s == 0
    assert cues[0].letter == "X"
    assert cues[-1].end_s == duration_s
    assert all(a.end_s == b.start_s and a.letter != b.letter for a, b in pairwise(cues))
    assert all(cue.end_s - cue.start_s > 0.05 for cue in cues)


def test_a_track_covers_the_speech(track: VisemeTrack) -> None:
    assert track.duration_s == 6.0
    assert track.frames.shape == (150, 52)
    assert track.frames.dtype == np.float32
    assert track.frames.min() >= 0
    assert track.frames.max() <= 1
    assert track.names == ARKIT_NAMES
    check_cues(track.cues, 6.0)
    assert {cue.letter for cue in track.cues} >= set("BCX")
    assert not {cue.letter for cue in track.cues} & set("GH"), "lips alone show neither teeth nor tongue"
    assert track.warnings == ()


def test_the_jaw_is_the_engines_own_at_the_very_moment(track: VisemeTrack, speech: FloatArray) -> None:
    log_mel, activity = features(speech)
    stream = MotionStream()
    stream.push(SpeechChunk(0, speech, 0, log_mel, activity))
    stream.finish()
    opening = np.array([stream.at(n / 25).opening for n in range(150)])
    jaw = track.column("jawOpen")
    r = [np.corrcoef(np.roll(jaw, lag)[5:-5], opening[5:-5])[0, 1] for lag in range(-3, 4)]
    assert int(np.argmax(r)) == 3, "no lag"
    assert max(r) > 0.9
    assert 0.15 < np.percentile(jaw, 95) < 0.6
    assert jaw.max() < 0.95


def test_the_rest_of_the_face_keeps_still(track: VisemeTrack) -> None:
    others = [name for name in ARKIT_NAMES if name not in MOUTH]
    assert not np.concatenate([track.column(name) for name in others]).any()
    for name in ("mouthStretch", "mouthSmile", "mouthPress", "mouthLowerDown", "mouthUpperUp"):
        np.testing.assert_array_equal(track.column(f"{name}Left"), track.column(f"{name}Right"))
    with pytest.raises(OptionError, match="jawOpen"):
        track.column("jawopen")


def test_the_facade_has_it() -> None:
    silence = mouthpiece.Waveform(np.zeros(2 * SAMPLE_RATE, np.float32))
    still = mouthpiece.visemes(silence, mouthpiece.VisemeOptions(fps=Fraction(30000, 1001)))
    assert isinstance(still, mouthpiece.VisemeTrack)
    assert still.frames.shape == (60, 52)
    assert not still.frames.any()
    assert [(cue.start_s, cue.end_s, cue.letter) for cue in still.cues] == [(0.0, 2.0, "X")]


def test_intensity_scales_the_mouth(speech: FloatArray, track: VisemeTrack) -> None:
    calm = visemes((speech, SAMPLE_RATE), VisemeOptions(intensity=0.5))
    assert 0.3 < calm.column("jawOpen").mean() / track.column("jawOpen").mean() < 0.7


SAID = [Phone(s, i * 0.2 + 0.2, i * 0.2 + 0.4) for i, s in enumerate(["m", "a", "f", "a", "b", "uː", "l", "iː"])]


@pytest.fixture(scope="module")
def spelled() -> VisemeTrack:
    """What is said is known, and nothing is to be heard."""
    return visemes((np.zeros(int(2.4 * SAMPLE_RATE), np.float32), SAMPLE_RATE), VisemeOptions(phones=SAID))


def at(track: VisemeTrack, name: str, time_s: float) -> float:
    return float(np.interp(time_s, np.arange(len(track.frames)) / track.fps, track.column(name)))


def test_phones_alone_move_the_mouth(spelled: VisemeTrack) -> None:
    check_cues(spelled.cues, 2.4)
    assert at(spelled, "jawOpen", 0.5) > 0.1
    assert at(spelled, "jawOpen", 0.9) > 0.1
    for closed_s in (0.3, 1.1):
        assert at(spelled, "mouthClose", closed_s) == pytest.approx(at(spelled, "jawOpen", closed_s), abs=0.02)
    assert at(spelled, "mouthPucker", 1.3) + at(spelled, "mouthFunnel", 1.3) > 0.05
    assert not spelled.frames[-3:].any()


def test_phones_bring_the_letters_that_lips_cannot_show(spelled: VisemeTrack) -> None:
    def letter(time_s: float) -> str:
        return next(cue.letter for cue in spelled.cues if cue.start_s <= time_s < cue.end_s)

    assert [letter(0.3 + i * 0.2) for i in (0, 2, 4, 5, 6)] == ["A", "G", "A", "F", "H"]
    assert letter(0.5) in "CD"
    assert letter(2.3) == "X"


def test_a_blend_lies_between_sound_and_phones(speech: FloatArray, track: VisemeTrack) -> None:
    phones = [Phone("a", 0.5, 5.5)]
    said = visemes((speech, SAMPLE_RATE), VisemeOptions(phones=phones))
    blended = visemes((speech, SAMPLE_RATE), VisemeOptions(phones=phones, phones_blend=0.5))
    unheard = visemes((speech, SAMPLE_RATE), VisemeOptions(phones=phones, phones_blend=0.0))
    np.testing.assert_allclose(unheard.frames, track.frames, atol=1e-5)
    jaws = [each.column("jawOpen")[20:130] for each in (track, blended, said)]
    assert np.std(jaws[2]) < np.std(jaws[1]) < np.std(jaws[0]), "one long vowel is steadier than speech"


def test_a_stream_tells_frames_early_and_cues_soon_after(speech: FloatArray) -> None:
    latest = 0.0
    with MouthShapes((speech, SAMPLE_RATE)) as shapes:
        for shape in shapes:
            if isinstance(shape, BlendshapeFrame):
                assert shape.time_s > latest or latest == 0
                latest = shape.time_s
            elif shape.end_s < shapes.duration_s:
                assert latest - shape.end_s < 4


def test_words_are_said_to_be_words(tmp_path: Path, speech: FloatArray) -> None:
    pytest.importorskip("espeakng_loader")
    path = tmp_path / "said.align"
    path.write_text("0 12500 sil\n12500 25000 bob\n25000 50000 two\n")
    said = visemes((speech, SAMPLE_RATE), VisemeOptions(phones=path))
    assert "said.align has words and no phones" in said.warnings[0].text
    first = next(cue for cue in said.cues if cue.letter == "A")
    assert first.start_s == pytest.approx(0.5, abs=0.1)


def test_phones_that_end_early_or_late_are_told(speech: FloatArray) -> None:
    short = visemes((speech, SAMPLE_RATE), VisemeOptions(phones=[Phone("a", 0.1, 0.3)]))
    texts = [notice.text for notice in short.warnings]
    assert texts == ["the list of phones ends at 0.30 s, the speech at 6.00 s: nothing is known of the rest"]
    late = visemes((speech, SAMPLE_RATE), VisemeOptions(phones=[Phone("a", 5.0, 7.5)]))
    texts = [notice.text for notice in late.warnings]
    assert texts == ["the list of phones goes on to 7.50 s, the speech ends at 6.00 s: the rest is not used"]


@pytest.mark.parametrize(
    ("phones", "said"),
    [
        ([Phone("a", 6.5, 7.0)], "begins at 6.50 s"),
        ([Phone("", 0.0, 1.0)], "silence only"),
        ([Phone("a", 0.0, 1.0), Phone("b", 0.5, 1.5)], "number 2 is from 0.5 to 1.5 s"),
        ([Phone("a", -0.5, 1.0)], "times from 0 on"),
        ([Phone("a", 0.0, float("nan"))], "times from 0 on"),
        ([("a", 0.0, 1.0)], "number 1 is tuple"),
        ([], "expected phones"),
    ],
)
def test_phones_that_cannot_be(speech: FloatArray, phones: list[Phone], said: str) -> None:
    with pytest.raises(InputError, match=said):
        visemes((speech, SAMPLE_RATE), VisemeOptions(phones=phones))


@pytest.mark.parametrize(
    "values", [{"fps": Fraction(0)}, {"intensity": 9.0}, {"phones_blend": 0.5}, {"phones": SAID, "phones_blend": 2.0}]
)
def test_options_that_make_no_sense(values: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        VisemeOptions(**values)  # type: ignore[arg-type]


def test_it_can_be_stopped_and_tells_how_far_it_is(speech: FloatArray) -> None:
    seen: list[tuple[float, float]] = []
    with pytest.raises(Cancelled):
        visemes(
            (speech, SAMPLE_RATE),
            progress=lambda done_s, total_s: seen.append((done_s, total_s)),
            cancelled=lambda: len(seen) >= 10,
        )
    assert seen[-1] == (9 / 25, 6.0)


def test_a_device_that_is_not_here_is_the_cpu_and_one_line() -> None:
    silence = (np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
    warnings = visemes(silence, VisemeOptions(device="GPU.7")).warnings
    assert "device GPU.7 isn't here; running on CPU" in [notice.text for notice in warnings]
