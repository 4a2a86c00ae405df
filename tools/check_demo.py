"""Check a demo video with ffprobe: H.264 and sound, as long as the sample speech, no picture missing.

python tools/check_demo.py demo.mp4
"""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

from mouthpiece.samples import sample_speech


def probe(video: Path) -> dict[str, dict[str, str]]:
    """What ffprobe says of each stream, by kind; every picture is decoded and counted."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(video)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    if said.stderr.strip():
        sys.exit(f"{video}: ffprobe complains: {said.stderr.strip()}")
    return {stream["codec_type"]: stream for stream in json.loads(said.stdout)["streams"]}


def main() -> None:
    """Exit with a line that says what is wrong, or print what is there."""
    video = Path(sys.argv[1])
    streams = probe(video)
    if set(streams) != {"video", "audio"} or streams["video"]["codec_name"] != "h264":
        sys.exit(f"{video}: expected one H.264 and one sound track, found {sorted(streams)}")
    with wave.open(str(sample_speech())) as speech:
        speech_s = speech.getnframes() / speech.getframerate()
    rate = Fraction(streams["video"]["r_frame_rate"])
    frames = int(streams["video"]["nb_read_frames"])
    if abs(frames / rate - speech_s) > 2 / rate:
        sys.exit(f"{video}: expected pictures for {speech_s:.2f} s of speech, found {frames} at {rate} a second")
    print(f"{video.name}: {frames} pictures at {rate} a second for {speech_s:.2f} s of speech")


if __name__ == "__main__":
    main()
