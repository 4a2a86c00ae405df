"""Make the crops that int8 models of the Wav2Lip generator are calibrated with: `python -m tools.make_calibration`.

From the packaged sample face and the packaged sample speech in both languages, and from nothing else, so that the file
may ship with the package: `src/mouthpiece/engines/wav2lip/sample_crops.npz`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mouthpiece import samples
from mouthpiece.engines.wav2lip.crop import CropBox, crop_map
from mouthpiece.engines.wav2lip.mel_windows import MelStream
from mouthpiece.engines.wav2lip.sample_crops import FILE, MARGIN, SIDE
from mouthpiece.face import FaceTracker
from mouthpiece.media import open_face, open_speech
from mouthpiece.types import FloatArray, Picture

PADS = (0, 10, 0, 0)
"""The published padding, pixels: top, bottom, left, right."""


def face_picture() -> Picture:
    """Cut out the sample face's box, MARGIN times as wide and high, (SIDE, SIDE, 3) uint8 RGB."""
    with open_face(samples.sample_face()) as source:
        [frame] = source.sample_frames(1)
    tracked = FaceTracker().track(frame)
    assert tracked.face is not None
    box = CropBox.of(tracked.face, frame, PADS)
    assert box is not None
    wide = replace(box, width=box.width * MARGIN, height=box.height * MARGIN)
    # The map is for a crop of 96 pixels; drawn four times as fine and averaged down, nothing is lost to sampling.
    fine = 4
    to_frame = crop_map(wide, 1.0)
    scale = 96 / (SIDE * fine)
    to_frame[:, 2] += to_frame[:, :2] @ np.full(2, scale / 2 - 0.5)
    to_frame[:, :2] *= scale
    size = (SIDE * fine, SIDE * fine)
    large = cv2.warpAffine(
        frame.rgb, to_frame, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def mel_of(language: str) -> FloatArray:
    """Compute the mel spectrogram of the sample speech, (m, 80) float32."""
    with open_speech(samples.sample_speech(language)) as speech:
        stream = MelStream()
        return np.concatenate([*map(stream.push, speech.samples()), stream.finish()])


def main() -> None:
    """Write the file."""
    arrays: dict[str, Any] = {"face": face_picture()}
    arrays |= {f"mel_{language}": mel_of(language).astype(np.float16) for language in samples.LANGUAGES}
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE}: {Path(FILE).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
