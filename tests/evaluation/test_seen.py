"""Scores of what is seen, on mouths made by hand, against independent oracles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from tests.datasets.made_clips import FPS, spoken_clip

from mouthpiece.datasets.options import OffsetRule, PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import save_recording
from mouthpiece.errors import InputError
from mouthpiece.evaluation.judging import aligned_phones, learned_reader
from mouthpiece.evaluation.lip_reader import LipReader, SeenWord, words_seen
from mouthpiece.evaluation.mouths import Mouth, real_mouth
from mouthpiece.evaluation.options import SeenOptions, View
from mouthpiece.evaluation.reference import in_speech, reference_of, stretches
from mouthpiece.evaluation.seen import (
    BARE,
    PLAYED,
    REAL,
    Judge,
    JudgedClip,
    SeenScore,
    evaluate_seen,
    score_clips,
)
from mouthpiece.evaluation.seen_report import seen_tables
from mouthpiece.evaluation.sets import MotionSet
from mouthpiece.types import Phone, SpokenWord


def judged(name: str, made: Mouth | None = None, phones: tuple[Phone, ...] = ()) -> JudgedClip:
    """A made clip with its own mouth and another one."""
    clip = spoken_clip(name, "test")
    times_s = np.arange(clip.frames) / FPS
    real = real_mouth(clip)[0]
    mouths = {REAL: real, "photo": made or real}
    return JudgedClip(clip, reference_of(clip), in_speech(times_s, stretches(clip)), phones, mouths)


def changed(name: str, scale: float = 1.0, late: int = 0, lift: float = 0.0) -> JudgedClip:
    """A clip beside its own mouth made smaller, later, or more open."""
    real = real_mouth(spoken_clip(name, "test"))[0]
    moved = scale * np.roll(real.displacement, late, axis=0)
    moved[:, :, 1] += lift * (np.arange(moved.shape[1]) % 2)  # a little of everything
    return judged(name, Mouth(moved.astype(np.float32), real.seen))


def both(clips: list[JudgedClip], judge: Judge | None = None) -> tuple[SeenScore, SeenScore]:
    real, made = score_clips(clips, "made", "test", judge or Judge(SeenOptions()))
    assert (real.view, made.view) == (REAL, "photo")
    return real, made


def test_a_speakers_own_mouth_is_perfect() -> None:
    for score in both([judged("a"), judged("b")]):
        assert score.clips == 2 and score.lag_frames == 0 and score.lost == 0
        for name in ("opening_r", "width_r", "jaw_r", "rounding_r", "opening_spread", "width_spread", "closure_auc"):
            assert getattr(score, name) == pytest.approx(1)
        assert score.opening_mae == 0
        assert np.isnan(score.readability) and score.words == 0 and np.isnan(score.articulation.closures_met)


def test_half_a_mouth() -> None:
    clips = [changed("a", scale=0.5), changed("b", scale=0.5)]
    made = both(clips)[1]
    assert made.opening_r == pytest.approx(1, abs=1e-5)
    assert made.opening_spread == pytest.approx(0.5) and made.width_spread == pytest.approx(0.5)
    errors = [np.abs(clip.mouths[REAL].opening * 0.5).mean() for clip in clips]
    assert made.opening_mae == pytest.approx(np.mean(errors), rel=1e-4)


def test_correlations_against_scipy() -> None:
    rng = np.random.default_rng(3)
    clip = judged("a")
    real = clip.mouths[REAL]
    moved = real.displacement + rng.normal(0, 0.02, real.displacement.shape).astype(np.float32)
    seen = rng.random(len(real.seen)) < 0.8
    made = both([judged("a", Mouth(moved, seen))])[1]
    other = Mouth(moved, seen)
    for name in ("opening", "width", "jaw", "rounding"):
        pair = getattr(other, name)[seen], getattr(real, name)[seen]
        assert getattr(made, f"{name}_r") == pytest.approx(scipy.stats.pearsonr(*pair).statistic, abs=1e-5)
    assert made.lost == pytest.approx(1 - seen.mean())
    certain = clip.reference.certain & clip.speaking & seen
    touching = clip.reference.touching[certain]
    wins = scipy.stats.mannwhitneyu(-other.opening[certain][touching], -other.opening[certain][~touching]).statistic
    assert made.closure_auc == pytest.approx(wins / touching.sum() / (~touching).sum())
    still = ~clip.speaking & seen
    assert made.silence_leak == pytest.approx((other.opening[still] > 0.02).mean())


def test_a_late_mouth_is_found_out() -> None:
    made = both([changed("a", late=2), changed("b", late=2)])[1]
    assert made.lag_frames == 2 and made.best_lag_r > 0.99 > made.opening_r
    assert [clip.lag_frames for clip in made.by_clip] == [2, 2]


def test_a_mouth_that_never_moves() -> None:
    made = both([changed("a", scale=0)])[1]
    assert made.opening_r == made.width_r == made.best_lag_r == made.opening_spread == 0
    assert made.lag_frames is None and made.silence_leak == 0
    table = seen_tables(both([changed("a", scale=0)]))
    assert "| lag, frames | 0 | - |" in table


def test_sounds_and_words_are_judged_where_they_are_known() -> None:
    phones = (Phone("b", 0.5, 0.7), Phone("a", 0.7, 1.2))
    real, made = both([judged("a", phones=phones), judged("b")])
    assert real.articulation.closures == made.articulation.closures == 1
    clip = spoken_clip("a", "test")
    rng = np.random.default_rng(0)
    looks = words_seen(real_mouth(clip)[0], [SpokenWord("bin", 0.5, 1.0)], FPS)[0].looks
    known = [
        SeenWord(text, (looks + 0.1 * shift + rng.normal(0, 0.01, looks.shape)).astype(np.float32))
        for text, shift in (("bin", 0), ("lay", 1)) * 5
    ]
    spoken = judged("a")
    recording = replace(spoken.recording, words=(SpokenWord("bin", 0.5, 1.0), SpokenWord("lay", 1.5, 2.0)))
    one = replace(spoken, recording=recording)
    real, made = both([one], Judge(SeenOptions(), reader=LipReader.learn(known)))
    assert real.words == 2 and real.readability == made.readability == 0.5 and made.readability_share == 1
    assert made.chance == 0.25


def test_tables_have_a_column_for_each_mouth() -> None:
    table = seen_tables(both([judged("a")]))
    lines = table.splitlines()
    assert lines[0] == "| made test, offline, 1 clip | real | photo |"
    assert "| r opening | 1.000 | 1.000 |" in lines and not any("readability" in line for line in lines)
    assert len({line.count("|") for line in lines}) == 1
    two = [*both([judged("a")]), *both([judged("a")], Judge(SeenOptions(), network="other"))]
    assert seen_tables(two).count("| --- | --- | --- |") == 2


def test_prepared_clips_alone_have_no_pictures(tmp_path: Path) -> None:
    save_recording(spoken_clip("a", "test"), tmp_path / "made.a.npz")
    with pytest.raises(InputError, match="expected the corpus made itself"):
        evaluate_seen(MotionSet(tmp_path, "made", "test", 1), Judge(SeenOptions()))


def test_a_reader_is_learned_once(tmp_path: Path, cache_folder: Path) -> None:
    for name in "abc":
        words = (SpokenWord("bin", 0.5, 1.0), SpokenWord("lay", 1.2, 1.7))
        save_recording(replace(spoken_clip(name, "train"), words=words), tmp_path / f"made.{name}.npz")
    reader = learned_reader(tmp_path, None, 1)
    assert reader.words == ("bin", "lay")
    (kept,) = (cache_folder / "lip_readers").iterdir()
    written = kept.stat().st_mtime_ns
    assert learned_reader(tmp_path, None, 1).words == reader.words
    assert kept.stat().st_mtime_ns == written
    save_recording(replace(spoken_clip("d", "train"), words=words), tmp_path / "made.d.npz")
    learned_reader(tmp_path, None, 1)
    assert len(list((cache_folder / "lip_readers").iterdir())) == 2
    (tmp_path / "none").mkdir()
    save_recording(spoken_clip("e", "test"), tmp_path / "none" / "made.e.npz")
    with pytest.raises(InputError, match="of the split train"):
        learned_reader(tmp_path / "none", None, 1)


def test_phones_that_are_known_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    known = (Phone("a", 0.5, 1.0),)
    clip = replace(spoken_clip("a"), phones=known)
    notes: list[str] = []
    with aligned_phones("en-gb", notes.append) as find:
        assert find(clip) == known
        assert find(replace(clip, phones=(), words=())) == ()
    monkeypatch.setattr("mouthpiece.synthesis.espeak._espeak_folder", _missing)
    with aligned_phones("en-gb", notes.append) as find:
        assert find(clip) == known and find(replace(clip, phones=())) == ()
    assert notes[-1].startswith("words are not split into sounds")


def _missing() -> Path:
    from mouthpiece.errors import MissingExtraError

    raise MissingExtraError("speech", "speech")


@pytest.mark.real_media
@pytest.mark.usefixtures("face_models")
def test_a_stranger_is_rendered_and_read(shared_data: Path, tmp_path: Path) -> None:
    few = tmp_path / "strangers"
    few.mkdir()
    source = shared_data / "grid_unseen_dev" / "s5_bbal3s_224.mp4"
    (few / "bbal3s.mp4").symlink_to(source)
    (few / "bbal3s.align").symlink_to(source.with_name("s5_bbal3s.align"))
    prepare_corpus(few, tmp_path / "cache", PrepareOptions(offsets=OffsetRule.KEEP, workers=1))
    with aligned_phones("en-gb") as find:
        judge = Judge(SeenOptions(), find)
        scores = evaluate_seen(MotionSet(tmp_path / "cache", "strangers", "train", 1, few), judge)
    by_view = {score.view: score for score in scores}
    assert list(by_view) == [REAL, BARE, PLAYED, *View]
    for view in View:
        assert by_view[view].opening_r > 0.4 and by_view[view].lost == 0
        assert abs(by_view[view].opening_r - by_view[PLAYED].opening_r) < 0.3
    if by_view[REAL].articulation.closures:  # with espeak-ng
        assert by_view[REAL].articulation.closures_met > 0.5
