"""The three published Wav2Lip networks as data: generator, SyncNet expert and visual quality discriminator.

They are those of Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "A Lip Sync Expert Is All You Need for Speech to Lip
Generation In The Wild", ACM Multimedia 2020; names, sizes and strides are those of the checkpoints that its authors
published.
"""

from __future__ import annotations

from collections.abc import Collection

from mouthpiece.networks.architecture import (
    Activation,
    Architecture,
    Layer,
    Output,
    OutputTransform,
    Step,
    chain,
    chains,
    down,
    up,
)

FACE_SIZE = 96
"""Rows and columns of the networks' faces, pixels."""
MEL_STEPS = 16
"""Mel frames in a window, 80 of them a second."""
MEL_BANDS = 80
EXPERT_FRAMES = 5
"""Frames that the expert compares with one mel window."""

_TO_ONE = [Step(512, padding=0), Step(512, kernel=1, padding=0)]
"""3x3 -> 1x1, and once more."""

_GENERATOR_FACE = [
    [Step(16, kernel=7, padding=3)],  # 96
    down(32, same=2),  # 48
    down(64, same=3),  # 24
    down(128, same=2),  # 12
    down(256, same=2),  # 6
    down(512, same=1),  # 3
    _TO_ONE,
]
_GENERATOR_DECODER = [
    [Step(512, kernel=1, padding=0)],
    [Step(512, padding=0, transposed=True), Step(512, residual=True)],  # 3
    up(512, same=2),  # 6
    up(384, same=2),  # 12
    up(256, same=2),  # 24
    up(128, same=2),  # 48
    up(64, same=2),  # 96
]
_EXPERT_FACE = [
    Step(32, kernel=7, padding=3),  # 48 x 96
    Step(64, kernel=5, stride=(1, 2)),  # 46 x 47
    *[Step(64, residual=True)] * 2,
    *down(128, same=3),  # 23 x 24
    *down(256, same=2),  # 12 x 12
    *down(512, same=2),  # 6 x 6
    *down(512),  # 3 x 3
    *_TO_ONE,
]
_DISCRIMINATOR_FACE = [
    [Step(32, kernel=7, padding=3)],  # 48 x 96
    [Step(64, kernel=5, stride=(1, 2), padding=2), Step(64, kernel=5, padding=2)],  # 48 x 48
    [Step(128, kernel=5, stride=2, padding=2), Step(128, kernel=5, padding=2)],  # 24
    [Step(256, kernel=5, stride=2, padding=2), Step(256, kernel=5, padding=2)],  # 12
    [Step(512, stride=2), Step(512)],  # 6
    [Step(512, stride=2), Step(512)],  # 3
    _TO_ONE,
]


def _audio_encoder(last_same: int) -> list[Step]:
    """Return the audio encoder's steps; the generator's and the expert's differ by one layer."""
    return [
        Step(32),  # 80 x 16
        *[Step(32, residual=True)] * 2,
        *down(64, stride=(3, 1), same=2),  # 27 x 16
        *down(128, stride=3, same=2),  # 9 x 6
        *down(256, stride=(3, 2), same=last_same),  # 3 x 3
        *_TO_ONE,
    ]


def _larger_generator(names: Collection[str]) -> str | None:
    """Describe a generator for larger faces by its entries' names; None for another network's."""
    blocks = {name.split(".")[1] for name in names if name.startswith("face_encoder_blocks.")}
    if len(blocks) <= len(_GENERATOR_FACE) or not any(name.startswith("face_decoder_blocks.") for name in names):
        return None
    return (
        f"a variant of it for larger faces ({len(blocks)} face encoder blocks instead of {len(_GENERATOR_FACE)}), "
        f"which is not supported: use a checkpoint for {FACE_SIZE} x {FACE_SIZE} pixels"
    )


def _generator() -> Architecture:
    """Lay out encoders of face and speech, and a decoder of the speech's code with the face's maps beside it."""
    faces = chains("face_encoder_blocks", _GENERATOR_FACE, ("face",), 6)
    audio = chain("audio_encoder", _audio_encoder(last_same=1), ("mel",), 1)
    decoder: list[Layer] = []
    reads: tuple[str, ...] = (audio[-1].name,)
    channels = audio[-1].channels_out
    for index, (steps, skip) in enumerate(zip(_GENERATOR_DECODER, reversed(faces), strict=True)):
        decoder += chain(f"face_decoder_blocks.{index}", steps, reads, channels)
        reads, channels = (decoder[-1].name, skip[-1].name), decoder[-1].channels_out + skip[-1].channels_out
    [last] = chain("output_block", [Step(32)], reads, channels)
    picture = Layer("output_block.1", (last.name,), 32, 3, 1, normed=False, bare=True, activation=Activation.SIGMOID)
    return Architecture(
        name="the Wav2Lip generator",
        inputs={"mel": (1, MEL_BANDS, MEL_STEPS), "face": (6, FACE_SIZE, FACE_SIZE)},
        layers=(*(layer for block in faces for layer in block), *audio, *decoder, last, picture),
        outputs=(Output("picture", picture.name, OutputTransform.AS_IS, (3, FACE_SIZE, FACE_SIZE)),),
        variant=_larger_generator,
    )


def _expert() -> Architecture:
    """Lay out encoders of five lower halves of a face and of a mel window, each to a point on the unit sphere."""
    faces = chain("face_encoder", _EXPERT_FACE, ("face",), 3 * EXPERT_FRAMES)
    audio = chain("audio_encoder", _audio_encoder(last_same=2), ("mel",), 1)
    return Architecture(
        name="the SyncNet expert",
        inputs={"mel": (1, MEL_BANDS, MEL_STEPS), "face": (3 * EXPERT_FRAMES, FACE_SIZE // 2, FACE_SIZE)},
        layers=(*faces, *audio),
        outputs=(
            Output("mel_embedding", audio[-1].name, OutputTransform.UNIT_LENGTH, (512,)),
            Output("face_embedding", faces[-1].name, OutputTransform.UNIT_LENGTH, (512,)),
        ),
    )


def _discriminator() -> Architecture:
    """Lay out an encoder of the lower half of a face, to how real it looks."""
    faces = chains("face_encoder_blocks", _DISCRIMINATOR_FACE, ("face",), 3, normed=False)
    code = faces[-1][-1]
    real = Layer("binary_pred.0", (code.name,), 512, 1, 1, normed=False, bare=True, activation=Activation.SIGMOID)
    return Architecture(
        name="the visual quality discriminator",
        inputs={"face": (3, FACE_SIZE // 2, FACE_SIZE)},
        layers=(*(layer for block in faces for layer in block), real),
        outputs=(Output("real", real.name, OutputTransform.FLAT, (1,)),),
    )


GENERATOR = _generator()
"""(B, 1, 80, 16) "mel" and (B, 6, 96, 96) "face" -> (B, 3, 96, 96) "picture", all BGR in 0-1: the face is the target
with its lower half black, and a reference of the same person."""
SYNC_EXPERT = _expert()
"""(B, 1, 80, 16) "mel" and (B, 15, 48, 96) "face", the lower halves of five frames in a row, BGR in 0-1 -> (B, 512)
"mel_embedding" and (B, 512) "face_embedding" of length 1: the more alike, the better in time."""
QUALITY_DISCRIMINATOR = _discriminator()
"""(B, 3, 48, 96) "face", the lower half of one frame, BGR in 0-1 -> (B, 1) "real", 0-1."""
WAV2LIP_NETWORKS = (GENERATOR, SYNC_EXPERT, QUALITY_DISCRIMINATOR)
