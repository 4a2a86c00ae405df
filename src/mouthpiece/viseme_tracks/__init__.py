"""Visemes and blendshapes over time, for 3-D and 2-D characters: the mesh engine's motion, exported.

- `mouth_shapes`: mouth motion -> Preston Blair's shapes A to H and X;
- `track`: `visemes`, speech -> these and ARKit's coefficients (`mouthpiece.motion.blendshapes`); `MouthShapes`, the
  same as a stream;
- `export`: .csv, .tsv, .json and .npz.
"""

from mouthpiece.motion.blendshapes import ARKIT_NAMES
from mouthpiece.viseme_tracks.export import VisemeExport, write_visemes
from mouthpiece.viseme_tracks.mouth_shapes import Cue
from mouthpiece.viseme_tracks.track import BlendshapeFrame, MouthShapes, VisemeTrack, visemes

__all__ = [
    "ARKIT_NAMES",
    "BlendshapeFrame",
    "Cue",
    "MouthShapes",
    "VisemeExport",
    "VisemeTrack",
    "visemes",
    "write_visemes",
]
