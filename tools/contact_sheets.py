"""Sheets to look at: `python -m tools.contact_sheets DATA OUT [--only NAME] [--engine mesh] [--intensity 1]`.

Every photo and clip in the shared data speaks English and Arabic; each result becomes a PNG of 12 frames, from the most
closed mouth to the most open in even steps and then in order of time, each with its face and its mouth pixel by pixel.
Mouths too small to be seen are enlarged by a whole number, which stands beside them. Sheets are for looking at inside;
the data's licences forbid most of them to be published.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from benchmarks.material import read_speech
from benchmarks.openings import opening_of

import mouthpiece
from mouthpiece.face import FaceTracker
from mouthpiece.face.mesh import LIP_EDGES
from mouthpiece.media import open_face
from mouthpiece.options import Fit
from mouthpiece.types import Face, Frame, Picture, Waveform

FRAMES = 12
COLUMNS = 6
CELL = 300
"""Columns of a cell, and rows of its face."""
MOUTH_ROWS = 220
LABEL_ROWS = 22
FACE_MARGIN = 0.25
"""What is shown around a face, in face heights."""
SMALL_MOUTH = 90
"""Mouths narrower than this are enlarged, pixels."""

AUDIO = Path("audio")
MALE = {"en": AUDIO / "en_male_watson.wav", "ar": AUDIO / "ar_male_watson.wav"}
FEMALE = {"en": AUDIO / "en_female_ljspeech.wav", "ar": AUDIO / "ar_synthetic_female_espeak.wav"}
FEMALE_FACES = ("woman", "s22", "fur_hat")
"""Parts of the names of women's pictures."""

_LONGEST_S = Fraction(24 * 3600)


@dataclass(frozen=True, slots=True)
class Look:
    """A frame of a result, as far as a sheet needs it."""

    time_s: float
    opening: float
    face: Picture
    """(CELL, CELL, 3)."""
    mouth: Picture
    """(MOUTH_ROWS, CELL, 3), pixel by pixel or enlarged `zoom` times."""
    zoom: int


def faces_of(data: Path) -> Iterator[Path]:
    """All photos and clips, and one clip each of three GRID speakers."""
    yield from sorted((data / "photos").iterdir())
    yield from sorted((data / "clips").iterdir())
    with (data / "grid_s1" / "manifest.csv").open() as manifest:
        test = next(row["clip"] for row in csv.DictReader(manifest) if row["split"] == "test")
    yield data / "grid_s1" / "clips" / f"{test}.mp4"
    for speaker in ("s5", "s22"):
        yield sorted((data / "grid_unseen_dev").glob(f"{speaker}_*.mpg"))[0]


def voices_for(face: Path) -> dict[str, Path]:
    """English and Arabic for a face."""
    return FEMALE if any(part in face.name for part in FEMALE_FACES) else MALE


def looks(video: Path) -> list[Look]:
    """Every frame with a face, cut out."""
    tracker = FaceTracker(smooth=False)
    found = []
    with open_face(video) as source:
        for tracked in map(tracker.track, source.frames(_LONGEST_S, Fit.CUT)):
            if tracked.face is None:
                continue
            found.append(look_of(tracked.frame, tracked.face, float(tracked.frame.time_s)))
    return found


def look_of(frame: Frame, face: Face, time_s: float, zoom: int | None = None) -> Look:
    """Cut the face out of a frame, its mouth enlarged as `mouth_of` has it."""
    mouth, zoom = mouth_of(frame.rgb, face, zoom)
    return Look(time_s, opening_of(face, float(frame.pixel_aspect)), face_of(frame.rgb, face), mouth, zoom)


def face_of(rgb: Picture, face: Face) -> Picture:
    """The whole face with a margin, brought to a cell's size."""
    box = face.box
    centre = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    side = max(box.width, box.height) * (1 + 2 * FACE_MARGIN)
    scale = CELL / side
    matrix = np.array(
        [[scale, 0, CELL / 2 - scale * centre[0]], [0, scale, CELL / 2 - scale * centre[1]]], dtype=np.float32
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    if scale < 0.5:
        shrink = int(1 / scale)
        rgb = np.asarray(cv2.resize(rgb, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), np.uint8)
        matrix[:, :2] *= shrink
    return np.asarray(cv2.warpAffine(rgb, matrix, (CELL, CELL), flags=how), dtype=np.uint8)


def mouth_of(rgb: Picture, face: Face, zoom: int | None = None) -> tuple[Picture, int]:
    """The mouth's own pixels around its middle, each `zoom` x `zoom` large, so that it can be seen if not given;
    (picture, zoom)."""
    points = face.landmarks[LIP_EDGES, :2]
    centre = np.rint(points.mean(axis=0)).astype(int)
    width = float(np.linalg.norm(points[0] - points[1]))
    if zoom is None:
        zoom = 1 if width >= SMALL_MOUTH else max(2, round(SMALL_MOUTH * 1.5 / max(width, 1.0)))
    columns, rows = -(-CELL // zoom), -(-MOUTH_ROWS // zoom)
    padded = cv2.copyMakeBorder(rgb, rows, rows, columns, columns, cv2.BORDER_CONSTANT)
    top, left = centre[1] + rows - rows // 2, centre[0] + columns - columns // 2
    part = padded[max(top, 0) :, max(left, 0) :][:rows, :columns]
    large = part.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return np.ascontiguousarray(large[:MOUTH_ROWS, :CELL], dtype=np.uint8), zoom


def chosen(found: Sequence[Look], count: int = FRAMES) -> list[Look]:
    """Even steps from the most closed to the most open, in order of time."""
    by_opening = sorted(found, key=lambda look: look.opening)
    steps = np.linspace(0, len(by_opening) - 1, min(count, len(by_opening))).round().astype(int)
    return sorted((by_opening[step] for step in steps), key=lambda look: look.time_s)


def consecutive(found: Sequence[Look], count: int = FRAMES) -> list[Look]:
    """Neighbouring frames around the fastest movement of the mouth."""
    openings = np.array([look.opening for look in found])
    speed = np.convolve(np.abs(np.diff(openings)), np.ones(max(1, count - 1)), "valid")
    start = int(speed.argmax()) if speed.size else 0
    return list(found[start : start + count])


def sheet(shown: Sequence[Look]) -> Picture:
    """Rows of cells: label, face, mouth."""
    cells = [_cell(look) for look in shown]
    while len(cells) % COLUMNS:
        cells.append(np.zeros_like(cells[0]))
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return np.vstack(rows)


def _cell(look: Look) -> Picture:
    label = np.full((LABEL_ROWS, CELL, 3), 24, dtype=np.uint8)
    text = f"{look.time_s:.2f} s  opening {look.opening:.3f}  mouth {look.zoom * 100} %"
    cv2.putText(label, text, (4, LABEL_ROWS - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([label, look.face, look.mouth])


def make_sheets(face: Path, speech: Waveform, out: Path, options: mouthpiece.SyncOptions) -> None:
    """Sync, and write two sheets: `out` of openings in even steps, beside it `..._neighbours` of frames in a row."""
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "out.mp4"
        mouthpiece.sync(face, speech, video, options)
        found = looks(video)
    beside = out.with_name(f"{out.stem}_neighbours.png")
    for shown, path in ((chosen(found), out), (consecutive(found), beside)):
        cv2.imwrite(str(path), cv2.cvtColor(sheet(shown), cv2.COLOR_RGB2BGR))


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/, clips/, audio/ and the GRID folders")
    parser.add_argument("out", type=Path, help="folder for the sheets")
    parser.add_argument("--only", default="", help="faces whose names hold this")
    parser.add_argument("--engine", default="mesh")
    parser.add_argument("--intensity", type=float, default=1.0, help="1.6 shows wide motion")
    parser.add_argument("--seconds", type=float, default=6.0, help="speech used of each recording")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    options = mouthpiece.SyncOptions(engine=mouthpiece.EngineOptions(given.engine, intensity=given.intensity))
    for face in faces_of(given.data):
        if given.only not in face.name:
            continue
        for language, voice in voices_for(face).items():
            out = given.out / f"{face.parent.name}_{face.stem}_{language}.png"
            make_sheets(face, Waveform(read_speech(given.data / voice, given.seconds)), out, options)
            print(out, flush=True)


if __name__ == "__main__":
    main()
