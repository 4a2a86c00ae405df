"""The face of a live session: one picture, at the sizes that the session draws it in."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mouthpiece.errors import NoFaceError
from mouthpiece.face import FaceChoice, FaceTracker
from mouthpiece.media import FaceInput, open_face
from mouthpiece.options import MIN_LIVE_SIDE, FrameTransform, LiveOptions, SyncOptions
from mouthpiece.pipeline import why_nobody
from mouthpiece.types import Frame, Picture, TrackedFrame

_FIRST_PICTURE = FrameTransform(static=True)


class Portrait:
    """A picture with a face, tracked once at each size."""

    def __init__(self, face: FaceInput, options: LiveOptions) -> None:
        """Read the picture and look for the face.

        Args:
            face: a photo, or a video of which the first picture is taken.
            options: which face, how large it may be, and which device looks for it.

        Raises:
            InputError: it can't be read.
            NoFaceError: it shows no usable face.
        """
        self._tracker = FaceTracker(FaceChoice(options.face), options.engine.device)
        with open_face(face, transform=_FIRST_PICTURE) as source:
            frame = replace(next(iter(source.sample_frames(1))), native=None)
            side = max(frame.width, frame.height)
            self._frame = frame if options.most_side is None else _smaller(frame, min(options.most_side / side, 1.0))
            tracked = self._track(self._frame)
            if tracked.skip_reason is not None:
                transform = FrameTransform() if source.info.is_photo else _FIRST_PICTURE
                as_sync = SyncOptions(face=options.face, transform=transform)
                raise NoFaceError(why_nobody([(tracked.skip_reason, tracked.faces_seen)], source, as_sync))
        self._sizes: dict[float, TrackedFrame] = {1.0: tracked}

    @property
    def full_size(self) -> TrackedFrame:
        """The picture at its full size, tracked."""
        return self._sizes[1.0]

    def scaled(self, scale: float) -> TrackedFrame | None:
        """Return the picture with each side scaled, tracked; None where the face would be too small to be used."""
        if scale not in self._sizes:
            frame = _smaller(self._frame, scale)
            if min(frame.width, frame.height) < MIN_LIVE_SIDE:
                return None
            tracked = self._track(frame)
            if tracked.skip_reason is not None:
                return None
            self._sizes[scale] = tracked
        return self._sizes[scale]

    def _track(self, frame: Frame) -> TrackedFrame:
        self._tracker.reset()
        return self._tracker.track(frame)


def _smaller(frame: Frame, scale: float) -> Frame:
    """Return the frame, each side scaled and rounded to an even number of pixels; itself where nothing changes."""
    if scale >= 1:
        return frame
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (frame.width, frame.height))
    rgb: Picture = np.asarray(cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return replace(frame, rgb=rgb)
