"""Exported files, read by readers that are not ours."""

from __future__ import annotations

import csv
import json
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.errors import Cancelled, OptionError, OutputError, OutputExistsError
from mouthpiece.motion.basis import MOTION_POINTS, motion_row
from mouthpiece.motion.blendshapes import blendshapes
from mouthpiece.options import VisemeOptions
from mouthpiece.phones import read_phones
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone, Waveform
from mouthpiece.viseme_tracks import ARKIT_NAMES, visemes, write_visemes


@pytest.fixture(scope="module")
def sound(speech: FloatArray) -> Waveform:
    return Waveform(speech[: int(3.5 * SAMPLE_RATE)])


def test_csv_has_a_column_for_each_of_arkits_names(tmp_path: Path, sound: Waveform) -> None:
    export = write_visemes(sound, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["time_s", *ARKIT_NAMES]
    values = np.array(rows, dtype=float)
    assert values.shape == (88, 53)
    np.testing.assert_allclose(values[:, 0], np.arange(88) / 25)
    np.testing.assert_allclose(values[:, 1:], visemes(sound).frames, atol=6e-5)
    assert (export.frames, export.cues, export.seconds, export.path) == (88, 0, 3.5, tmp_path / "a.csv")


def test_csv_at_another_rate(tmp_path: Path, sound: Waveform) -> None:
    write_visemes(sound, tmp_path / "a.csv", VisemeOptions(fps=Fraction(60)))
    times = [float(line.split(",")[0]) for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert len(times) == 210
    assert times[-1] == pytest.approx(209 / 60, abs=1e-4)


def test_tsv_is_rhubarbs(tmp_path: Path, sound: Waveform) -> None:
    export = write_visemes(sound, tmp_path / "a.tsv")
    text = (tmp_path / "a.tsv").read_text()
    assert re.fullmatch(r"(?:\d+\.\d\d\t[A-HX]\n)+", text)
    lines = [line.split("\t") for line in text.splitlines()]
    assert lines[0] == ["0.00", "X"]
    assert lines[-1] == ["3.50", "X"]
    assert all(float(b[0]) > float(a[0]) for a, b in pairwise(lines))
    assert len(lines) == export.cues + 1
    assert [phone.end_s for phone in read_phones(tmp_path / "a.tsv").phones][-1] == 3.5


def test_json_is_rhubarbs_with_blendshapes(tmp_path: Path, sound: Waveform) -> None:
    export = write_visemes(sound, tmp_path / "a.json", VisemeOptions(fps=Fraction(30000, 1001)))
    document = json.loads((tmp_path / "a.json").read_text())
    assert list(document) == ["metadata", "mouthCues", "blendshapes"]
    assert document["metadata"] == {"soundFile": "the array", "duration": 3.5}
    cues = document["mouthCues"]
    assert cues[0]["start"] == 0
    assert cues[-1]["end"] == 3.5
    assert all(set(cue) == {"start", "end", "value"} for cue in cues)
    assert all(a["end"] == b["start"] for a, b in pairwise(cues))
    blendshapes = document["blendshapes"]
    assert blendshapes["fps"] == pytest.approx(29.97003)
    assert blendshapes["names"] == list(ARKIT_NAMES)
    assert {len(frame) for frame in blendshapes["frames"]} == {52}
    assert (export.frames, export.cues) == (len(blendshapes["frames"]), len(cues)) == (105, export.cues)


def test_npz_is_the_motion(tmp_path: Path, sound: Waveform) -> None:
    export = write_visemes(sound, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    count = len(MOTION_POINTS)
    shapes = {name: array.shape for name, array in arrays.items()}
    curves = dict.fromkeys(("time_s", "opening", "width", "jaw", "activity", "closed", "seen"), (88,))
    assert shapes == curves | {"displacement": (88, count, 3), "points": (count,), "fps": (), "version": ()}
    np.testing.assert_array_equal(arrays["time_s"], np.arange(88) / 25)
    np.testing.assert_array_equal(arrays["points"], MOTION_POINTS)
    assert arrays["seen"].all()
    assert (arrays["fps"], arrays["displacement"].dtype) == (25, np.float32)
    moved = arrays["displacement"]
    lips, corners = [motion_row(point) for point in (13, 14)], [motion_row(point) for point in (61, 291)]
    np.testing.assert_allclose(arrays["opening"], moved[:, lips[1], 1] - moved[:, lips[0], 1], atol=1e-5)
    np.testing.assert_allclose(arrays["width"], moved[:, corners[1], 0] - moved[:, corners[0], 0], atol=1e-6)
    np.testing.assert_allclose(arrays["jaw"], moved[:, motion_row(152), 1], atol=1e-6)
    np.testing.assert_array_equal(blendshapes(moved), visemes(sound).frames)
    assert (export.frames, export.cues, export.seconds) == (88, 0, 3.5)


def test_the_same_motion_is_the_same_file(tmp_path: Path, sound: Waveform) -> None:
    for name in ("a.npz", "b.npz"):
        write_visemes(sound, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_suffixes_that_name_no_format(tmp_path: Path, sound: Waveform) -> None:
    with pytest.raises(OptionError, match=r"expected OUT to end with \.json, \.tsv, \.csv, \.npz, got 'a\.mp4'"):
        write_visemes(sound, tmp_path / "a.mp4")


def test_nothing_is_overwritten_unasked(tmp_path: Path, sound: Waveform) -> None:
    out = tmp_path / "a.tsv"
    out.write_text("mine")
    with pytest.raises(OutputExistsError, match="--yes"):
        write_visemes(sound, out)
    assert out.read_text() == "mine"
    write_visemes(sound, out, overwrite=True)
    assert out.read_text().startswith("0.00\tX\n")


def test_the_phones_are_no_output(tmp_path: Path, sound: Waveform) -> None:
    said = tmp_path / "said.tsv"
    said.write_text("0.00\tD\n1.00\tX\n")
    with pytest.raises(OutputError, match="is the input file itself"):
        write_visemes(sound, said, VisemeOptions(phones=said), overwrite=True)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".npz"])
def test_a_stopped_job_leaves_nothing(tmp_path: Path, sound: Waveform, suffix: str) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 20

    with pytest.raises(Cancelled):
        write_visemes(sound, tmp_path / f"a{suffix}", cancelled=cancelled)
    assert not list(tmp_path.iterdir())


def test_rhubarbs_shapes_come_back_as_they_went(tmp_path: Path, sound: Waveform) -> None:
    letters = "ADAFAG"
    phones = tmp_path / "in.tsv"
    phones.write_text("0.00\tX\n" + "".join(f"{0.5 + i * 0.3:.2f}\t{c}\n" for i, c in enumerate(letters)) + "2.30\tX\n")
    write_visemes(sound, tmp_path / "out.tsv", VisemeOptions(phones=phones))
    said = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    for index, letter in enumerate(letters):
        middle = 0.65 + index * 0.3
        shown = [c for t, c in said if float(t) <= middle][-1]
        assert shown == letter
    assert isinstance(read_phones(phones).phones[0], Phone)
