"""The catalogue: what is known of the published files."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from mouthpiece import checkpoints
from mouthpiece.checkpoints.catalogue import CATALOGUE, GENERATORS, checkpoint_named, how_to_get, licence_line
from mouthpiece.errors import WeightsError

ALL = list(CATALOGUE.values())


def test_the_published_files_are_known_by_these_names() -> None:
    assert list(CATALOGUE) == ["wav2lip", "wav2lip-gan", "lipsync-expert", "visual-quality-disc"]
    assert [c.file_name for c in ALL] == [
        "wav2lip.pth",
        "wav2lip_gan.pth",
        "lipsync_expert.pth",
        "visual_quality_disc.pth",
    ]


def test_the_release_comes_first_and_its_hash_is_the_published_one() -> None:
    release = "https://github.com/justinjohn0306/Wav2Lip/releases/download/models/"
    assert CATALOGUE["wav2lip"].sources[0] == release + "wav2lip.pth"
    assert CATALOGUE["wav2lip-gan"].sources[0] == release + "wav2lip_gan.pth"
    assert CATALOGUE["wav2lip-gan"].sha256 == "ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8"


@pytest.mark.parametrize("checkpoint", ALL, ids=lambda c: c.name)
def test_an_entry_is_safe_and_whole(checkpoint: checkpoints.Checkpoint) -> None:
    assert CATALOGUE[checkpoint.name] is checkpoint
    assert re.fullmatch(r"[a-z0-9-]+", checkpoint.name)
    assert re.fullmatch(r"[a-z0-9_]+\.pth", checkpoint.file_name)
    assert all(urlsplit(url).scheme == "https" and url.endswith(checkpoint.file_name) for url in checkpoint.sources)
    assert checkpoint.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", checkpoint.sha256)
    # A file that anybody may have copied is taken for its bytes alone.
    assert checkpoint.sha256 or not checkpoint.sources
    assert "research and personal use only" in checkpoint.licence and "\n" not in checkpoint.licence


def test_generators_are_in_the_catalogue() -> None:
    assert set(GENERATORS) <= set(CATALOGUE)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(WeightsError, match="no weights are called 'wav2lipp'; known are: wav2lip, wav2lip-gan, "):
        checkpoint_named("wav2lipp")
    with pytest.raises(WeightsError, match="known are"):
        licence_line("../wav2lip")


def test_how_to_get_says_both_ways() -> None:
    said = how_to_get(CATALOGUE["wav2lip-gan"])
    assert "'mouthpiece weights fetch wav2lip-gan'" in said
    assert "'mouthpiece weights add FILE'" in said
    unserved = how_to_get(checkpoints.Checkpoint("lost", "", "lost.pth"))
    assert "weights fetch" not in unserved and "'mouthpiece weights add FILE'" in unserved


def test_the_room_hands_out_its_names_lazily() -> None:
    assert checkpoints.CATALOGUE is CATALOGUE
    assert checkpoints.licence_line("wav2lip") == CATALOGUE["wav2lip"].licence
    with pytest.raises(AttributeError, match="has no attribute 'catalog'"):
        _ = checkpoints.catalog
