"""Real mouths above made ones, to look at: `python -m tools.seen_sheets CORPUS OUT [--view photo] [--only NAME]`.

Every clip of CORPUS is spoken anew to its own sound (`mouthpiece.evaluation.rendering`); each becomes two PNGs: moments
in even steps from the speaker's most closed mouth to the most open, in order of time, and neighbouring frames around
the fastest movement. In each column, from above: the sound that is said and both openings, the real face, its mouth
pixel by pixel, the made mouth, its face. Sheets are for looking at inside; most data's licences forbid to publish them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tools.contact_sheets import CELL, COLUMNS, LABEL_ROWS, Look, chosen, consecutive, look_of

from mouthpiece.datasets.recordings import Recording, load_recording
from mouthpiece.evaluation.judging import aligned_phones
from mouthpiece.evaluation.options import EvaluationOptions, View
from mouthpiece.evaluation.rendering import NumberedFrame, recorded_frames, rendered_frames
from mouthpiece.evaluation.seen import FindPhones, clips_with_media
from mouthpiece.evaluation.sets import MotionSet, find_sets
from mouthpiece.face import FaceTracker
from mouthpiece.options import EngineOptions
from mouthpiece.types import Phone, Picture


@dataclass(frozen=True, slots=True)
class Pair:
    """A moment: the speaker, and what was made."""

    real: Look
    made: Look
    said: str
    """The sound, in IPA."""


def looks_of(frames: Iterable[NumberedFrame], fps: float, zoom: int | None = None) -> dict[int, Look]:
    """Cut the face out of every frame that shows one, by number; all mouths are enlarged as the first one is."""
    tracker = FaceTracker(smooth=False)
    found: dict[int, Look] = {}
    for number, frame in frames:
        face = tracker.track(frame).face
        if face is not None:
            found[number] = look_of(frame, face, number / fps, zoom)
            zoom = found[number].zoom
    return found


def pairs_of(clip: Recording, media: Path, view: View, engine: EngineOptions, phones: Sequence[Phone]) -> list[Pair]:
    """Render a clip anew, and put what was made beside what was real."""
    real = looks_of(recorded_frames(clip, media), clip.fps)
    zoom = next((look.zoom for look in real.values()), None)
    made = looks_of(rendered_frames(clip, media, view, engine), clip.fps, zoom)
    return [Pair(real[n], made[n], _said(phones, n / clip.fps)) for n in sorted(real.keys() & made.keys())]


def _said(phones: Sequence[Phone], time_s: float) -> str:
    return next((phone.symbol for phone in phones if phone.start_s <= time_s < phone.end_s), "")


def sheet(pairs: Sequence[Pair]) -> Picture:
    """Rows of moments, real above made in each."""
    columns = [_column(pair) for pair in pairs]
    while len(columns) % COLUMNS:
        columns.append(np.zeros_like(columns[0]))
    return np.vstack([np.hstack(columns[i : i + COLUMNS]) for i in range(0, len(columns), COLUMNS)])


def _column(pair: Pair) -> Picture:
    label = np.full((2 * LABEL_ROWS, CELL, 3), 24, dtype=np.uint8)
    said = "".join(_LATIN.get(letter, letter) for letter in pair.said)
    for row, text in enumerate(
        (
            f"{pair.real.time_s:.2f} s  /{said}/  mouth {pair.real.zoom * 100} %",
            f"opening real {pair.real.opening:.3f}, made {pair.made.opening:.3f}",
        )
    ):
        place = (4, (row + 1) * LABEL_ROWS - 7)
        cv2.putText(label, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([label, pair.real.face, pair.real.mouth, pair.made.mouth, pair.made.face])


_LATIN = dict(zip("ɪʊɛəɐɒɔæɑʌʃʒŋθðɹɡː", "IUE@6QO{AVSZNTDrg:", strict=True))
"""X-SAMPA: OpenCV's letters are ASCII alone."""


def by_opening(pairs: Sequence[Pair]) -> list[Pair]:
    """Choose even steps from the speaker's most closed mouth to the most open, in order of time."""
    kept = {look.time_s for look in chosen([pair.real for pair in pairs])}
    return [pair for pair in pairs if pair.real.time_s in kept]


def in_a_row(pairs: Sequence[Pair]) -> list[Pair]:
    """Choose neighbours around the speaker's fastest movement."""
    kept = {look.time_s for look in consecutive([pair.real for pair in pairs])}
    return [pair for pair in pairs if pair.real.time_s in kept]


@dataclass(frozen=True, slots=True)
class Sheets:
    """Where sheets go, and of what."""

    out: Path
    view: View = View.PHOTO
    engine: EngineOptions = field(default_factory=EngineOptions)
    only: str = ""
    """Part of the clips' names."""
    limit: int = 6
    """Clips of each set."""

    def make(self, judged: MotionSet, find_phones: FindPhones) -> Iterator[Path]:
        """Write two sheets for each clip of a set, and yield their paths."""
        self.out.mkdir(parents=True, exist_ok=True)
        named = [(path, media) for path, media in clips_with_media(judged) if self.only in path.stem]
        for path, media in named[: self.limit]:
            clip = load_recording(path)
            pairs = pairs_of(clip, media, self.view, self.engine, find_phones(clip))
            for kind, shown in (("", by_opening(pairs)), ("_neighbours", in_a_row(pairs))):
                out = self.out / f"{judged.corpus}_{clip.name}_{self.view}{kind}.png"
                cv2.imwrite(str(out), cv2.cvtColor(sheet(shown), cv2.COLOR_RGB2BGR))
                yield out


def main() -> None:
    """Make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="CORPUS")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--only", default="", help="part of a clip's name")
    parser.add_argument("--view", type=View, choices=tuple(View), default=View.PHOTO)
    parser.add_argument("--cache", type=Path, help="where clips are prepared")
    parser.add_argument("--weights", type=Path, help="a motion network")
    parser.add_argument("--intensity", type=float, default=1.0)
    parser.add_argument("--limit", type=int, default=6, help="clips of each set")
    given = parser.parse_args()
    engine = EngineOptions("mesh", intensity=given.intensity, own={"weights": given.weights} if given.weights else {})
    sheets = Sheets(given.out, given.view, engine, given.only, given.limit)
    with aligned_phones("en-gb") as find_phones:
        for judged in find_sets(EvaluationOptions((given.data,), given.cache))[0]:
            for path in sheets.make(judged, find_phones):
                print(path, flush=True)


if __name__ == "__main__":
    main()
