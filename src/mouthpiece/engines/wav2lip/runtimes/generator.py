"""What every runtime gives: the generator as a function of arrays."""

from __future__ import annotations

from typing import Protocol

from mouthpiece.notices import Notice
from mouthpiece.types import FloatArray


class Generator(Protocol):
    """The Wav2Lip generator, loaded. Used from one thread at a time."""

    @property
    def said(self) -> str:
        """Runtime, precision and device in a few words: "OpenVINO, int8, CPU"."""

    @property
    def device(self) -> str:
        """Where it runs, by its runtime's own name; CPU in any case where that took the place of another."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What isn't as the user asked for: a device that wasn't there, say."""

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """Draw any number of pictures.

        Args:
            mel: (B, 1, 80, 16) float32, mel windows.
            face: (B, 6, 96, 96) float32, blue, green, red in 0-1: the face with its lower half black, and a reference.

        Returns:
            (B, 3, 96, 96) float32, blue, green, red in 0-1; an array of the caller's own.
        """
