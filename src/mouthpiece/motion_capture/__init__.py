"""Performance capture: the motion of a mouth, measured in a video of somebody who speaks.

    video --capture--> MotionTrack --write_capture--> .npz, or .csv with ARKit's blendshapes

- `capturing`: the face is followed, un-posed, and compared with its own closed mouth;
- `landmarks`: un-posed landmarks that wait on disk, as long as the closed mouth isn't known;
- `exporting`: the files.
"""

from mouthpiece.motion_capture.capturing import capture
from mouthpiece.motion_capture.exporting import CaptureExport, write_capture

__all__ = ["CaptureExport", "capture", "write_capture"]
