"""The published checkpoints: names, sources, hashes and licence terms.

The files are those of Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "A Lip Sync Expert Is All You Need for Speech to
Lip Generation In The Wild", ACM Multimedia 2020. What serves them are copies that others made; whoever serves them, the
sha256 decides: other bytes are thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mouthpiece.errors import WeightsError

PROJECT_PAGE = "https://github.com/Rudrabha/Wav2Lip"
"""The published project's own page, which lists the files."""
LRS2_TERMS = (
    "trained on the LRS2 dataset: for research and personal use only, commercial use is prohibited by its authors "
    f"({PROJECT_PAGE})"
)
"""The terms that the published project states for its models and for what is made with them."""

_RELEASE = "https://github.com/justinjohn0306/Wav2Lip/releases/download/models"
_COPY = "https://huggingface.co/camenduru/Wav2Lip/resolve/main/checkpoints"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file of published weights."""

    name: str
    """What users call it."""
    title: str
    """One line for people."""
    file_name: str
    """As published; no folder in it."""
    sources: tuple[str, ...] = ()
    """URLs to be tried in this order; empty where none is known."""
    size: int | None = None
    """Bytes, where known."""
    sha256: str | None = None
    """64 lower-case hex digits, where known; else the hash of the first file that came is remembered."""
    licence: str = LRS2_TERMS
    """Terms of use, one line."""

    @property
    def fetchable(self) -> bool:
        """Whether anything is known to serve it."""
        return bool(self.sources)


CATALOGUE: Mapping[str, Checkpoint] = MappingProxyType(
    {
        checkpoint.name: checkpoint
        for checkpoint in (
            Checkpoint(
                name="wav2lip",
                title="Wav2Lip generator: the more exact lip-sync",
                file_name="wav2lip.pth",
                sources=(
                    f"{_RELEASE}/wav2lip.pth",
                    "https://huggingface.co/rippertnt/wav2lip/resolve/main/checkpoints/wav2lip.pth",
                ),
                size=435_807_851,
                sha256="b78b681b68ad9fe6c6fb1debc6ff43ad05834a8af8a62ffc4167b7b34ef63c37",
            ),
            Checkpoint(
                name="wav2lip-gan",
                title="Wav2Lip generator, trained against a discriminator too: the sharper picture",
                file_name="wav2lip_gan.pth",
                sources=(f"{_RELEASE}/wav2lip_gan.pth", f"{_COPY}/wav2lip_gan.pth"),
                size=435_801_865,
                sha256="ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8",
            ),
            Checkpoint(
                name="lipsync-expert",
                title="SyncNet expert: judges whether lips and speech go together",
                file_name="lipsync_expert.pth",
                sources=(f"{_COPY}/lipsync_expert.pth",),
                sha256="9b9936c721696446eeed353032cab242a8cf0eed8c46cde540366f6ae5493be5",
            ),
            Checkpoint(
                name="visual-quality-disc",
                title="visual quality discriminator: judges whether a face looks real; for training",
                file_name="visual_quality_disc.pth",
                sources=(f"{_COPY}/visual_quality_disc.pth",),
                sha256="b3f8f6f7e954af02f2ffe0f3ea11f3259af89bff6e70933001c7c6bc8c145d96",
            ),
        )
    }
)
"""Name -> checkpoint."""

GENERATORS = ("wav2lip-gan", "wav2lip")
"""The checkpoints that can draw mouths, the one to take first at the front."""


def checkpoint_named(name: str) -> Checkpoint:
    """The checkpoint of that name.

    Raises:
        WeightsError: there is none; the text lists the known ones.
    """
    if name not in CATALOGUE:
        raise WeightsError(f"no weights are called {name!r}; known are: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def licence_line(name: str) -> str:
    """The terms of a checkpoint, one line.

    Raises:
        WeightsError: no checkpoint has that name.
    """
    return checkpoint_named(name).licence


def how_to_get(checkpoint: Checkpoint) -> str:
    """What a user can do to have it here: an imperative without a full stop."""
    by_hand = f"a {checkpoint.file_name} that you got elsewhere goes in by 'mouthpiece weights add FILE'"
    if checkpoint.fetchable:
        return f"fetch it with 'mouthpiece weights fetch {checkpoint.name}'; {by_hand}"
    return f"nothing is known to serve it: see {PROJECT_PAGE}; {by_hand}"
