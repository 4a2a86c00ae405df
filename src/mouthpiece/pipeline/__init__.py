"""The one composer: a face and speech in, a talking video out.

`sync` writes a file and `draw` yields frames, both along the same way: source -> `Lane` (one speaker: tracked, faded,
drawn) -> `composite` (any number of lanes) -> `EditList` -> writer. `probe` reports what is in a file.
"""

from mouthpiece.pipeline.journal import SyncResult
from mouthpiece.pipeline.lane import first_seconds, speech_chunks, why_nobody
from mouthpiece.pipeline.probing import ProbeReport, SeenFace, probe
from mouthpiece.pipeline.syncing import draw, sync

__all__ = [
    "ProbeReport",
    "SeenFace",
    "SyncResult",
    "draw",
    "first_seconds",
    "probe",
    "speech_chunks",
    "sync",
    "why_nobody",
]
