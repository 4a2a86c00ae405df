"""The catalogue: what is known of the published files, and how other packages add to it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mouthpiece.checkpoints import catalogue
from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named, how_to_get, known_checkpoints
from mouthpiece.errors import WeightsError
from mouthpiece.networks.published_weights import CHECKPOINTS, GENERATORS

KNOWN = {checkpoint.name: checkpoint for checkpoint in CHECKPOINTS}
THEIRS = """
from mouthpiece import Checkpoint
CHECKPOINTS = (
    Checkpoint(name="theirs", title="", file_name="theirs.onnx", licence="free"),
    Checkpoint(name="wav2lip", title="not ours", file_name="other.pth", licence="free"),
)
BROKEN = (Checkpoint(name="kept", title="", file_name="kept.pth", licence="free"), "no checkpoint")
"""


def test_the_published_files_are_known_by_these_names() -> None:
    assert list(known_checkpoints())[:4] == ["wav2lip", "wav2lip-gan", "lipsync-expert", "visual-quality-disc"]
    assert [c.file_name for c in CHECKPOINTS] == [
        "wav2lip.pth",
        "wav2lip_gan.pth",
        "lipsync_expert.pth",
        "visual_quality_disc.pth",
    ]


def test_the_release_comes_first_and_its_hash_is_the_published_one() -> None:
    release = "https://github.com/justinjohn0306/Wav2Lip/releases/download/models/"
    assert KNOWN["wav2lip"].sources[0] == release + "wav2lip.pth"
    assert KNOWN["wav2lip-gan"].sources[0] == release + "wav2lip_gan.pth"
    assert KNOWN["wav2lip-gan"].sha256 == "ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8"


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda c: c.name)
def test_an_entry_is_safe_and_whole(checkpoint: Checkpoint) -> None:
    assert known_checkpoints()[checkpoint.name] is checkpoint
    assert re.fullmatch(r"[a-z0-9-]+", checkpoint.name)
    assert re.fullmatch(r"[a-z0-9_]+\.pth", checkpoint.file_name)
    assert all(urlsplit(url).scheme == "https" and url.endswith(checkpoint.file_name) for url in checkpoint.sources)
    assert checkpoint.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", checkpoint.sha256)
    # A file that anybody may have copied is taken for its bytes alone.
    assert checkpoint.sha256 or not checkpoint.sources
    assert "research and personal use only" in checkpoint.licence and "\n" not in checkpoint.licence
    assert checkpoint.recognise is not None


def test_the_networks_are_those_that_are_recognised() -> None:
    from mouthpiece.networks.state_dict import ARCHITECTURES

    assert {checkpoint.network for checkpoint in CHECKPOINTS} == {network.name for network in ARCHITECTURES}


def test_generators_are_in_the_catalogue() -> None:
    assert set(GENERATORS) <= set(KNOWN)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(WeightsError, match="no weights are called 'wav2lipp'; known are: wav2lip, wav2lip-gan, "):
        checkpoint_named("wav2lipp")
    with pytest.raises(WeightsError, match="known are"):
        checkpoint_named("../wav2lip")


@pytest.mark.parametrize(
    "wrong", [{"name": "../x"}, {"name": ""}, {"file_name": "a/b.pth"}, {"file_name": ".x"}, {"sha256": "AB"}]
)
def test_names_that_lead_elsewhere_are_refused(wrong: dict[str, str]) -> None:
    good = {"name": "x", "title": "", "file_name": "x.pth", "licence": "free"}
    with pytest.raises(WeightsError, match="checkpoint"):
        Checkpoint(**(good | wrong))  # type: ignore[arg-type]


def test_how_to_get_says_both_ways() -> None:
    text = how_to_get(KNOWN["wav2lip-gan"])
    assert "'mouthpiece weights fetch wav2lip-gan'" in text
    assert "'mouthpiece weights add FILE'" in text
    unserved = how_to_get(Checkpoint(name="lost", title="", file_name="lost.pth", licence=""))
    assert "weights fetch" not in unserved and "'mouthpiece weights add FILE'" in unserved


class TestOtherPackages:
    """Entry points of packages that are installed beside this one."""

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Three entry points: one good, one whose second entry is none, one that can't be imported."""
        info = tmp_path / "theirs-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[{catalogue.GROUP}]\na = their_weights:CHECKPOINTS\nb = their_weights:BROKEN\nc = no_such_module:X\n"
        )
        (tmp_path / "their_weights.py").write_text(THEIRS)
        monkeypatch.syspath_prepend(str(tmp_path))
        catalogue._load_all.cache_clear()
        yield
        catalogue._load_all.cache_clear()
        sys.modules.pop("their_weights", None)

    def test_they_add_checkpoints_and_replace_none(self) -> None:
        assert checkpoint_named("theirs").file_names == ("theirs.onnx",)
        assert checkpoint_named("wav2lip") is KNOWN["wav2lip"]

    def test_a_broken_one_hides_no_others(self) -> None:
        assert list(known_checkpoints()) == [*KNOWN, "theirs", "kept"]
        first, second = catalogue.broken_entries()
        assert first.startswith("checkpoints 'b' (their_weights:BROKEN) can't be loaded: expected Checkpoint, found")
        assert second == "checkpoints 'c' (no_such_module:X) can't be loaded: No module named 'no_such_module'"
