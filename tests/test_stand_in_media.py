"""The media that stand in for recordings of people, beside those where they are, and what CI does without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from tests import conftest
from tests.stand_in_media import StandInMedia

FOLDERS = ("audio", "photos")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in of its own, whether there are recordings or not."""
    return StandInMedia(tmp_path_factory.mktemp("media"))


def facts(path: Path) -> tuple[Any, ...]:
    """Format, length, and what the first track is."""
    with av.open(str(path)) as container:
        [stream] = container.streams
        codec: Any = stream.codec_context
        form = container.format.name, codec.name
        if stream.type == "video":
            return *form, codec.width, codec.height
        seconds = round((container.duration or 0) / av.time_base, 1)
        return *form, codec.sample_rate, seconds


@pytest.mark.real_media
@pytest.mark.parametrize("folder", FOLDERS)
def test_it_is_named_and_built_like_the_recordings(made: Path, shared_data: Path, folder: str) -> None:
    ours, theirs = (
        {path.relative_to(root).as_posix(): facts(path) for path in (root / folder).rglob("*.*")}
        for root in (made, shared_data)
    )
    assert ours == theirs


def test_only_what_is_asked_for_is_made(tmp_path: Path) -> None:
    media = StandInMedia(tmp_path / "media")
    assert (media / "facegood_mandarin" / "1114_3_16.npz").is_file()
    assert {path.name for path in Path(str(media)).iterdir() if path.is_dir()} == {"facegood_mandarin"}
    assert not (media / "nothing" / "of.this").exists()


@pytest.mark.parametrize(("ci", "variable", "refused"), [("1", "", True), ("1", "none", False), ("", "", False)])
def test_ci_must_have_recordings(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, variable: str, refused: bool
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv(conftest.MEDIA_VARIABLE, variable)
    monkeypatch.setattr(conftest, "REAL_MEDIA", tmp_path / "nowhere")
    if refused:
        with pytest.raises(pytest.UsageError, match=r"CI must have real media at .*nowhere; .*=none does without"):
            conftest.pytest_configure(pytestconfig)
    else:
        conftest.pytest_configure(pytestconfig)
