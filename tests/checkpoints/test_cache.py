"""The cache: where weights are kept and what is remembered of them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.checkpoints.conftest import Publish
from tests.checkpoints.serving import CONTENT, CONTENT_SHA256

from mouthpiece.checkpoints import cache, catalogue, store
from mouthpiece.checkpoints.cache import sha256_of
from mouthpiece.checkpoints.store import CheckpointState, Record, cached_path, find_checkpoint, state_of
from mouthpiece.errors import Cancelled, DiskFullError, WeightsError
from mouthpiece.networks.published_weights import GENERATORS


def lay(name: str, content: bytes = CONTENT, file_name: str | None = None) -> Path:
    """Put a file where the cache has it, as a user might."""
    folder = cache.ensure_folder(store.folder_of(name))
    path = folder / (file_name or catalogue.known_checkpoints()[name].file_name)
    path.write_bytes(content)
    return path


def test_the_variable_moves_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.cache_dir() == tmp_path / "cache"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOUTHPIECE_CACHE", "relative")
    assert cache.cache_dir() == tmp_path / "relative"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOUTHPIECE_CACHE", "~/mine")
    assert cache.cache_dir() == tmp_path / "mine"


def test_without_it_the_platform_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOUTHPIECE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache.cache_dir() == tmp_path / "xdg" / "mouthpiece"
    assert cache.cache_dir().is_absolute()


def test_looking_makes_nothing(cache_folder: Path) -> None:
    assert cached_path("wav2lip") is None
    assert state_of("wav2lip") is CheckpointState.MISSING
    assert store.remove("wav2lip") == []
    with pytest.raises(WeightsError):
        find_checkpoint(None, ("wav2lip-gan", "wav2lip"))
    assert not cache_folder.exists()


def test_folders_are_for_this_user_alone(cache_folder: Path) -> None:
    made = cache.ensure_folder(store.folder_of("wav2lip"))
    assert [oct(folder.stat().st_mode & 0o777) for folder in (made, made.parent, cache_folder)] == ["0o700"] * 3


def test_a_cache_that_cannot_be_made_is_one_line(cache_folder: Path, publish: Publish, content_file: Path) -> None:
    publish()
    cache_folder.write_text("in the way")
    with pytest.raises(WeightsError, match=r"expected to write into the cache .*set MOUTHPIECE_CACHE") as caught:
        store.keep_file(content_file, "tiny")
    assert "\n" not in str(caught.value)
    assert state_of("tiny") is CheckpointState.MISSING


def test_a_read_only_cache_is_one_line(publish: Publish, content_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish()

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(WeightsError, match="Read-only file system; set MOUTHPIECE_CACHE"):
        store.keep_file(content_file, "tiny")


def test_what_is_in_a_read_only_cache_can_be_used(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish()
    path = lay("tiny")

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refused)
    assert find_checkpoint("tiny", ("tiny",)) == path


class TestFindCheckpoint:
    """`find_checkpoint`: what the engine asks."""

    def test_a_name_of_the_catalogue(self, publish: Publish) -> None:
        publish()
        path = lay("tiny")
        assert find_checkpoint("tiny", ("wav2lip", "tiny")) == path

    def test_a_name_of_another_network(self) -> None:
        with pytest.raises(
            WeightsError, match=r"lipsync-expert can't be used here \(SyncNet.*one of: wav2lip-gan, wav2"
        ):
            find_checkpoint("lipsync-expert", GENERATORS)

    def test_nothing_asked_takes_the_first_that_is_here(self, publish: Publish) -> None:
        publish(name="best")
        publish(name="good")
        path = lay("good")
        assert find_checkpoint(None, ("best", "good")) == path
        better = lay("best")
        assert find_checkpoint(None, ("best", "good")) == better

    def test_nothing_here_recommends_the_first(self) -> None:
        with pytest.raises(WeightsError) as caught:
            find_checkpoint(None, ("wav2lip-gan", "wav2lip"))
        said = str(caught.value)
        assert said.startswith(
            "the weights wav2lip-gan are not here; fetch it with 'mouthpiece weights fetch wav2lip-gan'"
        )
        assert "'mouthpiece weights add FILE'" in said
        assert "\n" not in said

    def test_a_file_of_ones_own(self, content_file: Path) -> None:
        assert find_checkpoint(content_file, ()) == content_file
        assert find_checkpoint(str(content_file), ()) == content_file

    def test_a_path_without_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"expected weights at .*nowhere\.pth, found no file there"):
            find_checkpoint(tmp_path / "nowhere.pth", ())

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="found something else there"):
            find_checkpoint(tmp_path, ())

    def test_an_unknown_name(self) -> None:
        with pytest.raises(WeightsError, match="no weights are called 'wav2lip_gan'; known are: wav2lip-gan, wav2lip;"):
            find_checkpoint("wav2lip_gan", GENERATORS)

    def test_damaged_bytes_are_not_handed_out(self, publish: Publish) -> None:
        publish()
        lay("tiny", b"something else")
        with pytest.raises(
            WeightsError, match=r"the weights tiny at .* are damaged .*'mouthpiece weights remove tiny'"
        ):
            find_checkpoint("tiny", ("tiny",))

    def test_unknown_bytes_count_from_the_first_time(self, publish: Publish) -> None:
        publish(sha256=None)
        path = lay("tiny", b"first")
        assert find_checkpoint("tiny", ("tiny",)) == path
        path.write_bytes(b"later")
        with pytest.raises(WeightsError, match="damaged"):
            find_checkpoint("tiny", ("tiny",))


class TestHashes:
    """`sha256_of`: hashes are taken once."""

    def test_it_is_the_sha256(self, content_file: Path) -> None:
        assert sha256_of(content_file) == hashlib.sha256(CONTENT).hexdigest()

    def test_it_is_remembered_by_path_size_and_time(self, content_file: Path) -> None:
        first = sha256_of(content_file)
        times = content_file.stat()
        content_file.write_bytes(bytes(len(CONTENT)))
        os.utime(content_file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert sha256_of(content_file) == first
        other = sha256_of(content_file, afresh=True)
        assert other == hashlib.sha256(bytes(len(CONTENT))).hexdigest()
        assert sha256_of(content_file) == other
        content_file.write_bytes(b"longer or shorter")
        assert sha256_of(content_file) == hashlib.sha256(b"longer or shorter").hexdigest()

    def test_a_spoilt_memory_is_no_memory(self, content_file: Path, cache_folder: Path) -> None:
        sha256_of(content_file)
        for spoilt in ("{", "[]", json.dumps({str(content_file): 1}), json.dumps({str(content_file): [1]})):
            (cache_folder / "hashes.json").write_text(spoilt)
            assert sha256_of(content_file) == CONTENT_SHA256

    def test_the_memory_is_bounded(self, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache, "REMEMBERED_HASHES", 3)
        for number in range(6):
            (tmp_path / str(number)).write_text(str(number))
            sha256_of(tmp_path / str(number))
        assert list(cache.read_json(cache_folder / "hashes.json")) == [str(tmp_path / str(n)) for n in (3, 4, 5)]

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"expected to read weights from .*nothing"):
            sha256_of(tmp_path / "nothing")


class TestKeepFile:
    """`keep_file`: a user's own file comes in."""

    def test_it_is_copied_and_left_alone(self, publish: Publish, content_file: Path) -> None:
        publish()
        before = content_file.stat()
        kept = store.keep_file(content_file, "tiny")
        assert kept.read_bytes() == CONTENT
        assert not kept.samefile(content_file)
        assert content_file.stat().st_mtime_ns == before.st_mtime_ns
        assert state_of("tiny") is CheckpointState.HERE
        assert sorted(path.name for path in kept.parent.iterdir()) == ["record.json", "tiny.pth"]

    def test_its_own_bytes_count_even_if_they_are_not_the_published_ones(
        self, publish: Publish, tmp_path: Path
    ) -> None:
        publish()
        (tmp_path / "tuned.safetensors").write_bytes(b"finer")
        kept = store.keep_file(tmp_path / "tuned.safetensors", "tiny")
        assert kept.name == "tiny.safetensors"
        assert state_of("tiny") is CheckpointState.HERE
        assert store.read_record("tiny") == Record(hashlib.sha256(b"finer").hexdigest(), "added")
        kept.write_bytes(b"coarser")
        assert state_of("tiny") is CheckpointState.DAMAGED

    def test_it_takes_the_place_of_what_was_there_and_of_its_models(
        self, publish: Publish, content_file: Path, tmp_path: Path
    ) -> None:
        publish()
        (tmp_path / "tuned.safetensors").write_bytes(b"finer")
        store.keep_file(tmp_path / "tuned.safetensors", "tiny")
        old = hashlib.sha256(b"finer").hexdigest()
        model = cache.ensure_folder(cache.models_dir()) / f"{old[:16]}-f32.xml"
        model.touch()
        kept = store.keep_file(content_file, "tiny")
        assert cached_path("tiny") == kept
        assert kept.name == "tiny.pth"
        assert not model.exists()

    def test_no_room(self, publish: Publish, content_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        publish()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
        with pytest.raises(DiskFullError, match=r"expected room for 67 MB in .*, got 1 bytes"):
            store.keep_file(content_file, "tiny")

    def test_it_can_be_stopped(self, publish: Publish, content_file: Path) -> None:
        publish()
        with pytest.raises(Cancelled):
            store.keep_file(content_file, "tiny", cancelled=lambda: True)
        assert list(store.folder_of("tiny").iterdir()) == []


def test_removing_takes_the_file_its_memory_and_its_models(publish: Publish, content_file: Path) -> None:
    publish()
    kept = store.keep_file(content_file, "tiny")
    models = cache.ensure_folder(cache.models_dir())
    mine, mine_too = models / f"{CONTENT_SHA256[:16]}.xml", models / f"x-{CONTENT_SHA256[:12]}"
    mine.touch()
    mine_too.mkdir()
    (mine_too / "model.bin").touch()
    other = models / f"{'0' * 16}.xml"
    other.touch()
    assert set(store.remove("tiny")) == {kept, mine, mine_too}
    assert list(models.iterdir()) == [other]
    assert state_of("tiny") is CheckpointState.MISSING
    assert store.read_record("tiny") is None


def test_a_name_is_no_path() -> None:
    for name in ("../../etc", "wav2lip/..", "", "/tmp"):
        with pytest.raises(WeightsError, match="no weights are called"):
            store.folder_of(name)


def test_one_process_at_a_time(publish: Publish, tmp_path: Path) -> None:
    publish()
    other = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from mouthpiece.checkpoints import store\n"
            "with store.locked('wav2lip'): print('held', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdin and other.stdout
    with other:
        assert other.stdout.readline() == "held\n"
        said: list[str] = []
        with (
            pytest.raises(Cancelled),
            store.locked("wav2lip", waiting=lambda: said.append("w"), cancelled=lambda: True),
        ):
            pass
        assert said == ["w"]
        other.stdin.close()
        with store.locked("wav2lip"):
            pass
    with store.locked("wav2lip"), store.locked("tiny"):
        pass


def test_terms_are_noted_by_what_they_say(publish: Publish) -> None:
    checkpoint = publish()
    assert not store.terms_shown(checkpoint)
    store.note_terms_shown(checkpoint)
    assert store.terms_shown(checkpoint)
    assert not store.terms_shown(catalogue.checkpoint_named("wav2lip"))
    changed = replace(checkpoint, licence="stricter now")
    assert not store.terms_shown(changed)
