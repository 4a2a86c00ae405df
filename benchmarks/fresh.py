"""A sync in a process of its own, as a user starts it: what it takes in time and memory from nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# The peak is read inside and at the end: `ru_maxrss` would also count what the parent held when it forked.
_PROGRAM = """
import json, sys, time
face, speech, out, engine, checkpoint, started = sys.argv[1:]
import mouthpiece
first = []
def note(progress):
    if not first:
        first.extend((time.monotonic() - float(started), time.process_time()))
own = {"checkpoint": checkpoint} if checkpoint else {}
options = mouthpiece.SyncOptions(engine=mouthpiece.EngineOptions(engine, own=own), overwrite=True)
result = mouthpiece.sync(face, speech, out, options, progress=note)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "frames": result.frames, "seconds": result.seconds, "elapsed_s": result.elapsed_s, "cpu_s": time.process_time(),
    "first_frame_s": result.first_frame_s, "first_frame_since_start_s": first[0],
    "first_frame_cpu_s": first[1],
    "peak_rss_mb": int(peak.split()[1]) * 1024 / 1e6,
}))
"""


@dataclass(frozen=True, slots=True)
class FreshRun:
    """What a sync in a new process took."""

    frames: int
    seconds: float
    """Length of the result."""
    elapsed_s: float
    """Wall-clock seconds inside `sync`."""
    cpu_s: float
    """CPU seconds of the whole process."""
    first_frame_s: float
    """From the call of `sync` to the first frame handed to the encoder."""
    first_frame_since_start_s: float
    """The same from the start of the process, the interpreter and imports included."""
    first_frame_cpu_s: float
    """CPU seconds of the process by then: what it would take at least on one core that does nothing else."""
    peak_rss_mb: float
    """Most resident memory at any time, MB of 1e6 bytes."""


def sync_in_new_process(face: Path, speech: Path, out: Path, engine: str, checkpoint: str = "") -> FreshRun:
    """Run `mouthpiece.sync` with its defaults, and a checkpoint if one is named, in a new Python.

    Raises:
        subprocess.CalledProcessError: it failed; its own words were printed.
    """
    arguments = [str(face), str(speech), str(out), engine, checkpoint, repr(time.monotonic())]
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return FreshRun(**json.loads(done.stdout.splitlines()[-1]))
