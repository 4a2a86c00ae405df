"""The chart of mouth shapes and the rows of its document."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tools import phone_chart

from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.phonetics import all_letters, parse


def test_shapes_differ_as_they_should() -> None:
    model = CoarticulationModel.load()
    gap = {s: [float(f[14, 1] - f[13, 1]) for f in phone_chart.held_shapes(model, s)] for s in ("m", "i", "a", "aʊ")}
    assert gap["m"][0] <= 0 < gap["i"][0] < gap["a"][0]
    assert len(gap["aʊ"]) == 2 and gap["aʊ"][1] < gap["aʊ"][0]


def test_a_chart_is_drawn(tmp_path: Path) -> None:
    whole = phone_chart.CLASSES
    phone_chart.CLASSES = (("two", "a m"),)
    try:
        phone_chart.main([str(tmp_path / "chart.png")])
    finally:
        phone_chart.CLASSES = whole
    picture = np.asarray(Image.open(tmp_path / "chart.png").convert("RGB"))
    assert picture.shape[0] == phone_chart.CELL_H and (picture < 100).any()


def test_the_committed_chart_is_small(repo_root: Path) -> None:
    assert (repo_root / "docs" / "phones.png").stat().st_size < 300_000


def test_every_letter_is_described() -> None:
    rows = phone_chart.table_rows(CoarticulationModel.load())
    assert len(rows) == len(all_letters())
    assert phone_chart.describe(parse("u")[0]) == "close, back, rounded"
    assert phone_chart.describe(parse("m")[0]) == "lips touch"
    assert phone_chart.describe(parse("f")[0]) == "lower lip meets the upper teeth"
