"""One picture, repeated: a photo, or a video held at its first picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from av import VideoFrame

from mouthpiece.media.byte_source import ByteSource
from mouthpiece.media.face_source import SAMPLE_FRAMES, FaceSource
from mouthpiece.media.info import PictureInfo
from mouthpiece.media.transform import FrameTransformer
from mouthpiece.options import Fit, FrameTransform
from mouthpiece.types import Frame, Picture


class StillSource(FaceSource):
    """One picture, repeated at a constant rate."""

    def __init__(self, info: PictureInfo, rgb: Picture, native: VideoFrame, data: ByteSource | None = None) -> None:
        """Hold a picture.

        Args:
            info: its properties; `is_photo`.
            rgb: (H, W, 3) uint8.
            native: the same picture for the writer, which converts it once as all frames share it.
            data: where it came from.
        """
        super().__init__(info, data)
        self._rgb = rgb
        self._native = native

    def transformed(self, transform: FrameTransform) -> FaceSource:
        """Return the transformed picture as a source of its own; itself where the picture doesn't change."""
        if not transform.changes_picture:
            return self
        transformer = FrameTransformer(transform, self.info)
        rgb = transformer.rgb(self._rgb)
        return StillSource(transformer.info, rgb, VideoFrame.from_ndarray(rgb, "rgb24"), self._data)

    def _frame(self, time_s: Fraction, duration_s: Fraction) -> Frame:
        return Frame(time_s, duration_s, self._rgb.copy(), self.info.pixel_aspect, self._native)

    def sample_frames(self, limit: int = SAMPLE_FRAMES) -> Iterator[Frame]:
        """Yield the picture once."""
        if limit > 0:
            yield self._frame(Fraction(0), 1 / self.info.fps)

    def frames(self, duration_s: Fraction, fit: Fit = Fit.PINGPONG) -> Iterator[Frame]:
        """Yield the picture at its rate until `duration_s`."""
        step = 1 / self.info.fps
        time_s = Fraction(0)
        while time_s < duration_s:
            yield self._frame(time_s, min(step, duration_s - time_s))
            time_s += step


def still_info(info: PictureInfo, fps: Fraction) -> PictureInfo:
    """Return the properties of a video of which only the first picture is shown, `fps` times a second."""
    fps = fps.limit_denominator(1001)
    return replace(info, is_photo=True, fps=fps, time_base=1 / fps, duration_s=None, frame_count_estimate=1)
