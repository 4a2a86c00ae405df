"""Scores of motion, against numbers known beforehand and independent oracles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.agreement import agreement, area_under_curve, correlation, lagged_correlation
from mouthpiece.datasets.measuring import read_sound
from mouthpiece.datasets.motion_curves import play, play_on
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import Recording, save_recording
from mouthpiece.errors import InputError
from mouthpiece.evaluation.motion import energy_envelope, evaluate_motion, is_live, score_recordings, shipped_networks
from mouthpiece.evaluation.reference import in_speech, joined_words, reference_of, stretches
from mouthpiece.evaluation.report import score_table
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis
from mouthpiece.motion.coarticulation import CoarticulatedMotion
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import SpeechStream, measure_level
from mouthpiece.types import SAMPLE_RATE, Phone, SpokenWord


def test_area_under_curve_is_mann_whitneys() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    score = (rng.integers(0, 20, 300) + 5 * positive).astype(np.float32)
    expected = stats.mannwhitneyu(score[positive], score[~positive]).statistic / positive.sum() / (~positive).sum()
    assert area_under_curve(score, positive) == pytest.approx(float(expected))
    assert np.isnan(area_under_curve(score, np.zeros(300, dtype=bool)))


def test_correlation_and_lag() -> None:
    rng = np.random.default_rng(0)
    measured = np.convolve(rng.normal(size=300), np.ones(4), "same").astype(np.float32)
    late = np.roll(measured, 2)
    lags = {lag: lagged_correlation(late, measured, lag) for lag in range(-5, 6)}
    assert max(lags, key=lambda lag: lags[lag]) == 2 and lags[2] == pytest.approx(1, abs=1e-6)
    assert correlation(measured, -measured) == pytest.approx(-1)
    assert np.isnan(correlation(measured, np.zeros(300, dtype=np.float32)))


def test_what_was_not_seen_does_not_count() -> None:
    clip = spoken_clip("a", "test")
    assert clip.landmarks is not None
    score = score_recordings([clip], "made", "test")
    hidden = np.arange(clip.frames) % 5 == 0
    spoilt = clip.landmarks.copy()
    # Repeats a neighbour's, as the cache does; a little is lost, and no more.
    spoilt[hidden] = spoilt[np.flatnonzero(hidden) - 1]
    partly = score_recordings([replace(clip, landmarks=spoilt, seen=~hidden)], "made", "test")
    assert score is not None and partly is not None
    assert partly.opening_r == pytest.approx(score.opening_r, abs=0.05)
    assert partly.lag_frames == score.lag_frames
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40)).astype(np.float32)
    known = rng.random(40) < 0.7
    for lag in (-3, 0, 2):
        pairs = [(a[i + lag], b[i]) for i in range(40) if known[i] and 0 <= i + lag < 40]
        assert lagged_correlation(a, b, lag, known) == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1], abs=1e-6)


def test_envelope_is_the_level() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    tone[: SAMPLE_RATE // 2] = 0
    envelope = energy_envelope(tone, np.array([0.25, 0.75]))
    assert envelope[0] == 0 and envelope[1] == pytest.approx(np.sqrt(0.5), rel=0.01)


def test_pauses_are_what_words_leave() -> None:
    words = [SpokenWord("a", 1.0, 1.5), SpokenWord("b", 1.6, 2.0), SpokenWord("c", 3.0, 3.2)]
    assert joined_words(words) == [(1.0, 2.0), (3.0, 3.2)]
    inside = in_speech(np.array([0.5, 0.95, 1.55, 2.1, 2.5, 3.1]), joined_words(words))
    assert inside.tolist() == [False, True, True, True, False, True]
    assert not in_speech(np.array([0.5]), []).any()


@pytest.mark.usefixtures("face_models")
def test_the_shipped_network_holds_on_people_it_never_saw(shared_data: Path, tmp_path: Path) -> None:
    few = tmp_path / "strangers"
    few.mkdir()
    for source in sorted((shared_data / "grid_unseen_dev").glob("*_224.mp4"))[::3]:
        (few / source.name.replace("_224", "")).symlink_to(source)
        align = source.name.replace("_224.mp4", ".align")
        (few / align).symlink_to(source.with_name(align))
    report = prepare_corpus(few, tmp_path / "cache", PrepareOptions(workers=1))
    assert not report.skipped
    score = evaluate_motion(tmp_path / "cache", "strangers", "train")
    assert score is not None and score.clips == 5
    assert score.network_r > 0.65 and score.network_r > score.envelope_r + 0.2
    assert score.opening_r_speaking > 0.6
    assert score.lag_frames is not None and abs(score.lag_frames) <= 1
    assert score.silence_leak < 0.02
    assert 0.5 < score.spread_ratio < 1.5
    table = score_table([score])
    assert "strangers train" in table and len({line.count("|") for line in table.splitlines()}) == 1
    assert evaluate_motion(tmp_path / "cache", "strangers", "test") is None


def test_a_mouth_that_never_moves_agrees_with_nothing() -> None:
    measured = np.sin(np.arange(50)).astype(np.float32)
    still = np.zeros(50, dtype=np.float32)
    assert agreement(still, measured) == 0
    assert np.isnan(agreement(measured, still))


def test_a_rigs_jaw_judges_opening_and_jaw_but_not_closure() -> None:
    clip = rigged_clip("r")
    reference = reference_of(clip)
    np.testing.assert_array_equal(reference.curves.opening, clip.curves["mouth_stretch_c"])
    assert reference.curves.jaw is reference.curves.opening
    assert not reference.certain.any() and not reference.metric


class _Teacher:
    """Lips touch on p, are apart on a, and nothing is sure about t; every coefficient is 1."""

    basis = MotionBasis.load()

    def motion(self, phones: Sequence[Phone], count: int) -> CoarticulatedMotion:
        closure = np.full(count, 0.5, dtype=np.float32)
        for phone in phones:
            first, end = round(phone.start_s * MOTION_RATE), round(phone.end_s * MOTION_RATE)
            closure[first:end] = {"p": 1.0, "a": 0.0}.get(phone.symbol, 0.5)
        size = self.basis.size
        return CoarticulatedMotion(np.ones((count, size), np.float32), closure, closure, 0.1 * (1 - closure))


def test_synthetic_speech_is_judged_by_the_teacher() -> None:
    phones = (Phone("", 0.0, 0.2), Phone("p", 0.2, 0.4), Phone("a", 0.4, 0.8), Phone("t", 0.8, 1.0))
    sound = np.zeros(SAMPLE_RATE, dtype=np.float32)
    said = Recording("synthetic", "u", "test", 25.0, sound, (), None, np.ones(25, bool), {}, phones, "en", "en+f1")
    reference = reference_of(said, _Teacher())  # type: ignore[arg-type]
    assert np.flatnonzero(reference.touching).tolist() == [5, 6, 7, 8, 9]
    assert np.flatnonzero(reference.certain).tolist() == list(range(5, 20))
    np.testing.assert_allclose(reference.curves.opening[5:10], 0, atol=1e-7)
    np.testing.assert_allclose(reference.curves.opening[10:20], 0.1)
    basis = _Teacher.basis
    assert reference.curves.width is not None and reference.curves.jaw is not None
    assert reference.curves.width[3] == pytest.approx(basis.width_weights.sum(), abs=1e-6)
    assert reference.curves.jaw[3] == pytest.approx(basis.jaw_weights.sum(), abs=1e-6)
    # A pause is what lies between sounds, and at least 0.3 s long.
    assert stretches(said) == [(0.2, 1.0)]
    with pytest.raises(InputError, match="found none"):
        reference_of(replace(said, phones=()))


def test_live_play_follows_the_level_and_forgets_the_past(shared_data: Path) -> None:
    speech = read_sound(shared_data / "audio" / "en_male_watson.wav")[: 4 * SAMPLE_RATE]
    times_s = np.arange(100) / 25
    whole, _ = play(speech, times_s)
    live, _ = play(speech, times_s, live=True)
    assert correlation(whole.opening, live.opening) > 0.9
    # At a level known beforehand, pieces play as the whole does.
    stream = SpeechStream(measure_level([speech]))
    pieces = [stream.push(piece) for piece in np.array_split(speech, 37)] + [stream.finish()]
    chunked, _ = play_on(MotionStream(), pieces, times_s)
    np.testing.assert_allclose(chunked.opening, whole.opening, atol=1e-5)


def test_scores_of_made_clips_clip_by_clip(tmp_path: Path) -> None:
    for name in "ab":
        save_recording(spoken_clip(name, "test"), tmp_path / f"made.{name}.npz")
    told: list[tuple[int, int]] = []
    score = evaluate_motion(tmp_path, "made", "test", network="offline", progress=lambda *at: told.append(at))
    assert score is not None and [clip.name for clip in score.by_clip] == ["a", "b"]
    assert told == [(0, 2), (1, 2)]
    assert score.opening_r == pytest.approx(np.mean([clip.opening_r for clip in score.by_clip]))
    assert score.envelope_r > 0.8  # Made so that loudness opens the mouth.
    assert score.envelope_auc > 0.9
    heads, _, row = score_table([score]).splitlines()
    cells = dict(zip(heads.split(" | "), row.split(" | "), strict=True))
    assert cells["network"] == "offline" and cells["r opening"] == f"{score.opening_r:.3f}"
    nothing = replace(score, lag_frames=None, closure_auc=float("nan"), network="")
    assert "network" not in score_table([nothing]).splitlines()[0].split(" | ")
    assert "| - |" in score_table([nothing])


def test_the_packaged_networks() -> None:
    networks, missing = shipped_networks()
    assert "offline" in networks and not is_live(networks["offline"])
    if "live" in networks:
        assert is_live(networks["live"]) and not missing
    else:
        assert missing == ["no live network: motion_live.onnx is not in the package"]


def test_an_empty_cache_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prepare the corpus first"):
        evaluate_motion(tmp_path, "nobody", "test")
