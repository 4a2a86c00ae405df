"""Files of mouth motion: read to be played instead of a network's motion, and written as such.

    file --find_motion--> MotionTrack --EngineJob.motion--> an engine

- `arrays`: .npz, the displacement of mesh points, as the mesh engine plays it;
- `blendshape_table`: .csv with ARKit's blendshapes, ours and Live Link Face's;
- `arkit`: from these blendshapes to displacement;
- `reading`: `find_motion` for whatever the user gave.
"""

from mouthpiece.motion_files.arrays import MotionWriter, write_track
from mouthpiece.motion_files.reading import check_length, find_motion

__all__ = ["MotionWriter", "check_length", "find_motion", "write_track"]
