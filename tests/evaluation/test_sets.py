"""What can be judged by, found in folders of several kinds."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.recordings import save_recording
from mouthpiece.errors import InputError, OptionError
from mouthpiece.evaluation.options import EvaluationOptions
from mouthpiece.evaluation.sets import MotionSet, default_cache, find_sets


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A cache of two corpora."""
    cache = tmp_path / "prepared"
    cache.mkdir()
    for name, split in {"a": "train", "b": "test", "c": "test", "d": "unseen"}.items():
        save_recording(spoken_clip(name, split), cache / f"made.{name}.npz")
    save_recording(rigged_clip("r", "val"), cache / "rig.r.npz")
    return cache


def test_prepared_clips_are_taken_as_they_are(prepared: Path) -> None:
    sets, notes = find_sets(EvaluationOptions((prepared,)))
    assert sets == [MotionSet(prepared, "made", "test", 2), MotionSet(prepared, "made", "unseen", 1)]
    assert len(notes) == 1 and notes[0].startswith("rig: no usable clip of the split test or unseen")
    assert find_sets(EvaluationOptions(cache=prepared))[0] == sets
    few, _ = find_sets(EvaluationOptions((prepared,), splits=("val", "test"), limit=1))
    assert few == [MotionSet(prepared, "made", "test", 1), MotionSet(prepared, "rig", "val", 1)]


def test_a_folder_of_corpora_is_looked_into(shared_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "clips").mkdir(parents=True)  # Media alone, nothing said of them: no corpus.
    rigs = data / "rigs"
    rigs.mkdir()
    for suffix in (".flac", ".npz"):
        (rigs / f"x{suffix}").symlink_to(shared_data / "facegood_mandarin" / f"1114_3_16{suffix}")
    (rigs / "manifest.csv").write_text("clip,split\nx,test\n", encoding="utf-8")
    cache = tmp_path / "cache"
    assert find_sets(EvaluationOptions((data,), cache))[0] == [MotionSet(cache, "rigs", "test", 1, rigs)]
    assert find_sets(EvaluationOptions((rigs,), cache))[0] == [MotionSet(cache, "rigs", "test", 1, rigs)]


def test_what_is_no_folder_of_clips_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none at"):
        find_sets(EvaluationOptions((tmp_path / "nowhere",)))
    with pytest.raises(InputError, match="found none"):
        find_sets(EvaluationOptions((tmp_path,)))
    with pytest.raises(OptionError, match="expected --data or --cache"):
        EvaluationOptions()
    with pytest.raises(OptionError, match="got 'rehearsal'"):
        EvaluationOptions((tmp_path,), splits=("rehearsal",))


def test_two_corpora_of_one_name_are_kept_apart_in_the_cache_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
    one, other = default_cache(Path("a/clips")), default_cache(Path("b/clips"))
    assert one != other and one.parent == other.parent == tmp_path / "corpora"
    assert one == default_cache(Path("a/../a/clips"))
    # Without it, by the platform's convention: macOS and Windows have their own.
    monkeypatch.delenv("MOUTHPIECE_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, appauthor: str(tmp_path / "Caches" / name))
    assert default_cache(Path("a/clips")).parent == tmp_path / "Caches" / "mouthpiece" / "corpora"
