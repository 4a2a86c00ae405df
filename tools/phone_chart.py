"""Mouth shapes by phone, to look at: `python -m tools.phone_chart [OUT.png] [--weights FILE] [--table]`.

Every shape is the coarticulation model's of the phone when it is held between two pauses, laid on the reference face:
lips filled, the chin's outline below, the resting mouth in grey. A sound of two parts shows its end in orange.
`--table` prints the rows of docs/phones.md instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mouthpiece.engines.mesh.topology import INNER_LOWER, INNER_UPPER, OUTER_LOWER, OUTER_UPPER
from mouthpiece.face import reference_face
from mouthpiece.motion.coarticulation import WEIGHTS, Articulation, CoarticulationModel
from mouthpiece.motion.phonetics import Part, all_letters, features, parse
from mouthpiece.types import FloatArray, Phone

CLASSES: tuple[tuple[str, str], ...] = (
    ("lips together", "m b p mʲ bʲ pʰ pʲ ɓ ʘ"),
    ("lower lip and teeth", "f v ɱ ʋ pf"),
    ("lips near", "w ʍ ɥ ɸ β"),
    ("pushed out", "ʃ ʒ tʃ dʒ ɕ ʑ tɕ ʂ ʐ"),
    ("hissing", "s z ts dz sʲ θ ð"),
    ("tongue's tip", "t d n l r ɾ ɹ ʈ ɖ ɳ ɭ ɽ"),
    ("tongue's body", "j ʎ ɲ c ɟ ç k ɡ ŋ x ɣ"),
    ("throat, emphatics", "q χ ʁ ħ ʕ h ʔ tˤ dˤ sˤ ðˤ"),
    ("front vowels", "iː i ɪ e eː ɛ æ a aː"),
    ("central vowels", "ɨ ə ɜː ɐ ʌ ɯ ɤ"),
    ("back vowels", "u uː ʊ o oː ɔ ɔː ɒ ɑ ɑː"),
    ("front rounded", "y yː ʏ ø øː œ ʉ ɵ"),
    ("of two parts", "aɪ aʊ eɪ oʊ əʊ ɔɪ iə eə aj aw"),
)
COLUMNS = 12
CELL_W, CELL_H = 112, 118
LABEL_W = 116
OVERSAMPLED = 3
SCALE = 165
"""Pixels per outer eye distance."""
MIDDLE_X, MIDDLE_Y = 0.0, 0.985
"""Canonical point in the middle of a cell."""
GAIN = 1.0
"""Motion about as large as the engine plays it: an a is as open as a lively mouth in a frame in ten."""
JAW = np.array([176, 148, 152, 377, 400])
LIP, INSIDE, JAW_INK, REST_INK, END_INK = "#c9605c", "#3a1518", "#6b5b53", "#c4c0bc", "#e08a1e"
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "FreeSans.ttf")


def held_shapes(model: CoarticulationModel, symbol: str) -> list[FloatArray]:
    """Return (478, 3) faces of a phone held for long: at its middle, or the middles of its first and last part."""
    parts = parse(symbol)
    shares = np.cumsum([0.0, *(part.weight for part in parts)])
    middles = (shares[:-1] + shares[1:]) / 2 / shares[-1]
    length = 0.4 * len(parts)
    style = Articulation(gain=GAIN)
    motion = model.motion([Phone(symbol, 0.5, 0.5 + length)], int((1.0 + length) * 50), style=style)
    wanted = [middles[0]] if len(parts) == 1 else [middles[0], middles[-1]]
    return [_face(model, motion.coefficients[round((0.5 + share * length) * 50)]) for share in wanted]


def _face(model: CoarticulationModel, coefficients: FloatArray) -> FloatArray:
    face = reference_face().copy()
    # The reference face's lips stand slightly apart; the motion counts from closed ones.
    gap = face[INNER_LOWER, 1] - face[INNER_UPPER, 1]
    for lower, upper, part in zip(INNER_LOWER, INNER_UPPER, gap, strict=True):
        middle = (face[lower, 1] + face[upper, 1]) / 2
        if part > 0:
            face[lower, 1] = face[upper, 1] = middle
    face[model.basis.points] += model.basis.displacement(coefficients)
    return face


def _ring(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    return np.concatenate([upper, lower[::-1]])


def _pixels(face: FloatArray, points: np.ndarray, left: float, top: float) -> list[tuple[float, float]]:
    x = left + CELL_W / 2 + (face[points, 0] - MIDDLE_X) * SCALE
    y = top + CELL_H / 2 + (face[points, 1] - MIDDLE_Y) * SCALE
    return [(float(a) * OVERSAMPLED, float(b) * OVERSAMPLED) for a, b in zip(x, y, strict=True)]


def _draw_mouth(
    draw: ImageDraw.ImageDraw, faces: Sequence[FloatArray], rest: FloatArray, left: float, top: float
) -> None:
    outer, inner = _ring(OUTER_UPPER, OUTER_LOWER), _ring(INNER_UPPER, INNER_LOWER)
    draw.line(_pixels(rest, JAW, left, top), fill=REST_INK, width=OVERSAMPLED)
    draw.polygon(_pixels(faces[0], outer, left, top), fill=LIP)
    opened = faces[0].copy()
    # Pressed lips overlap; what is drawn of them is their seam.
    opened[INNER_LOWER, 1] = np.maximum(opened[INNER_LOWER, 1], opened[INNER_UPPER, 1])
    draw.polygon(_pixels(opened, inner, left, top), fill=INSIDE)
    draw.line(_pixels(opened, INNER_UPPER, left, top), fill=INSIDE, width=OVERSAMPLED)
    draw.line(_pixels(faces[0], JAW, left, top), fill=JAW_INK, width=2 * OVERSAMPLED)
    ring = _pixels(rest, outer, left, top)
    draw.line([*ring, ring[0]], fill=REST_INK, width=OVERSAMPLED)
    for face in faces[1:]:
        for points in (outer, inner):
            ring = _pixels(face, points, left, top)
            draw.line([*ring, ring[0]], fill=END_INK, width=OVERSAMPLED)
        draw.line(_pixels(face, JAW, left, top), fill=END_INK, width=OVERSAMPLED)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load a font that has IPA, or Pillow's own."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def draw_chart(model: CoarticulationModel) -> Image.Image:
    """Draw all classes below each other."""
    rows = sum(-(-len(symbols.split()) // COLUMNS) for _, symbols in CLASSES)
    size = (LABEL_W + COLUMNS * CELL_W, rows * CELL_H)
    sheet = Image.new("RGB", (size[0] * OVERSAMPLED, size[1] * OVERSAMPLED), "white")
    draw = ImageDraw.Draw(sheet)
    small, large = _font(11 * OVERSAMPLED), _font(17 * OVERSAMPLED)
    rest = _face(model, np.zeros(model.basis.size, dtype=np.float32))
    top = 0
    for name, symbols in CLASSES:
        phones = symbols.split()
        draw.text((4 * OVERSAMPLED, (top + CELL_H / 2 - 8) * OVERSAMPLED), name, fill="black", font=small)
        for number, symbol in enumerate(phones):
            left = LABEL_W + number % COLUMNS * CELL_W
            below = top + number // COLUMNS * CELL_H
            _draw_mouth(draw, held_shapes(model, symbol), rest, left, below)
            draw.text(((left + 2) * OVERSAMPLED, (below + 0) * OVERSAMPLED), symbol, fill="black", font=large)
        top += -(-len(phones) // COLUMNS) * CELL_H
        draw.line(
            [(0, top * OVERSAMPLED), (size[0] * OVERSAMPLED, top * OVERSAMPLED)], fill="#dddddd", width=OVERSAMPLED
        )
    return sheet.resize(size, Image.Resampling.LANCZOS).quantize(48)


def describe(part: Part) -> str:
    """Describe in words what lips and jaw do in a sound."""
    if part.vowel:
        heights = ("close", "near-close", "mid", "open-mid", "open")
        height = heights[int(np.searchsorted([0.1, 0.3, 0.5, 0.75], part.open))]
        place = "front" if part.back < 0.3 else "back" if part.back > 0.7 else "central"
        return f"{height}, {place}{', rounded' if part.round >= 0.5 else ''}{', rhotic' if part.rhotic else ''}"
    degrees = {
        "lips touch": part.closure,
        "lower lip meets the upper teeth": part.dental_lip,
        "lips rounded and pushed out": part.round,
        "lips near each other": part.labial * (part.round < 0.5),
        "lips pushed out and flared with the jaw high": part.hushing,
        "teeth nearly together (lips: the neighbours')": part.hissing,
        "tongue between the teeth (these stand a little apart)": part.dental,
        "tongue's tip or blade, jaw rather high (lips: the neighbours')": part.coronal,
        "tongue's body (lips and jaw: the neighbours')": part.dorsal,
        "throat (lips and jaw: wholly the neighbours')": part.guttural,
        "corners apart": part.spread * (part.spread >= 0.3),
        "jaw lowered": part.open,
        "tongue bunched or curled": part.rhotic * (part.coronal < 0.5),
    }
    found = sorted(((degree, words) for words, degree in degrees.items() if degree > 0.15), reverse=True)
    return "; ".join(words if degree > 0.4 else f"a little: {words}" for degree, words in found)


def table_rows(model: CoarticulationModel) -> list[str]:
    """Return a Markdown row for every letter: its articulation, its target's opening, width and jaw, and dominance."""
    weights, basis = model.weights, model.basis
    rows = []
    for letter in all_letters():
        (part,) = parse(letter)
        target = weights.targets([part])[0] @ weights.directions
        opening, width, jaw = (
            round(float(target @ reading) * 1000)
            for reading in (basis.opening_weights, basis.width_weights, basis.jaw_weights)
        )
        dominances = features([part])[0] @ weights.dominance
        strong = [name for name, value in zip(("opening", "width", "jaw"), dominances, strict=False) if value > 0.6]
        weak = [name for name, value in zip(("opening", "width", "jaw"), dominances, strict=False) if value < -0.6]
        dominance = "; ".join(
            f"{word} {', '.join(names)}" for word, names in (("firm:", strong), ("yields:", weak)) if names
        )
        rows.append(f"| {letter} | {describe(part)} | {opening} | {width:+d} | {jaw} | {dominance} |")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the chart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=Path("docs/phones.png"))
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--table", action="store_true", help="print the rows of docs/phones.md")
    given = parser.parse_args(arguments)
    if given.table:
        print("\n".join(table_rows(CoarticulationModel.load(given.weights))))
        return
    draw_chart(CoarticulationModel.load(given.weights)).save(given.out, optimize=True)
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
