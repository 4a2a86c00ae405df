"""The published weights of the Wav2Lip networks: names, sources, hashes and licence terms.

The files are those of Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "A Lip Sync Expert Is All You Need for Speech to
Lip Generation In The Wild", ACM Multimedia 2020. The sources are copies that others made; whoever serves them, the
sha256 decides: other bytes are thrown away. No NumPy here, as the command line lists them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from mouthpiece.checkpoints.catalogue import Checkpoint

PROJECT_PAGE = "https://github.com/Rudrabha/Wav2Lip"
"""The published project's own page, which lists the files."""
LRS2_TERMS = (
    "trained on the LRS2 dataset: for research and personal use only, commercial use is prohibited by its authors "
    f"({PROJECT_PAGE})"
)
"""The terms that the published project states for its models and for what is made with them."""

_RELEASE = "https://github.com/justinjohn0306/Wav2Lip/releases/download/models"
_COPY = "https://huggingface.co/camenduru/Wav2Lip/resolve/main/checkpoints"


def recognise_network(file: Path) -> str:
    """Return the name of the network in a checkpoint's file; executes nothing of it.

    Raises:
        WeightsError: it can't be read, or holds none of the known networks.
    """
    from mouthpiece.checkpoints.reading import read_state
    from mouthpiece.networks.state_dict import recognise

    return recognise(read_state(file)).name


_checkpoint = partial(Checkpoint, licence=LRS2_TERMS, project_page=PROJECT_PAGE, recognise=recognise_network)

CHECKPOINTS = (
    _checkpoint(
        name="wav2lip",
        network="the Wav2Lip generator",
        title="Wav2Lip generator: the more exact lip-sync",
        file_name="wav2lip.pth",
        sources=(
            f"{_RELEASE}/wav2lip.pth",
            "https://huggingface.co/rippertnt/wav2lip/resolve/main/checkpoints/wav2lip.pth",
        ),
        size=435_807_851,
        sha256="b78b681b68ad9fe6c6fb1debc6ff43ad05834a8af8a62ffc4167b7b34ef63c37",
    ),
    _checkpoint(
        name="wav2lip-gan",
        network="the Wav2Lip generator",
        title="Wav2Lip generator, trained against a discriminator too: the sharper picture",
        file_name="wav2lip_gan.pth",
        sources=(f"{_RELEASE}/wav2lip_gan.pth", f"{_COPY}/wav2lip_gan.pth"),
        size=435_801_865,
        sha256="ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8",
    ),
    _checkpoint(
        name="lipsync-expert",
        network="the SyncNet expert",
        title="SyncNet expert: judges whether lips and speech go together",
        file_name="lipsync_expert.pth",
        sources=(f"{_COPY}/lipsync_expert.pth",),
        sha256="9b9936c721696446eeed353032cab242a8cf0eed8c46cde540366f6ae5493be5",
    ),
    _checkpoint(
        name="visual-quality-disc",
        network="the visual quality discriminator",
        title="visual quality discriminator: judges whether a face looks real; for training",
        file_name="visual_quality_disc.pth",
        sources=(f"{_COPY}/visual_quality_disc.pth",),
        sha256="b3f8f6f7e954af02f2ffe0f3ea11f3259af89bff6e70933001c7c6bc8c145d96",
    ),
)
GENERATORS = ("wav2lip-gan", "wav2lip")
"""Names of the checkpoints that draw mouths, the preferred one first."""
