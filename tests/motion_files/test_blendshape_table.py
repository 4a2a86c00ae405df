"""Tables of ARKit's blendshapes: ours and Live Link Face's, and what goes wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.errors import InputError
from mouthpiece.motion.blendshapes import ARKIT_NAMES, blendshapes
from mouthpiece.motion_files import find_motion
from mouthpiece.motion_files.blendshape_table import table_heading, table_row
from mouthpiece.types import MotionTrack

Table = Callable[[str], Path]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Write a table."""

    def write(text: str) -> Path:
        path = tmp_path / "face.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def found(path: Path) -> MotionTrack:
    track = find_motion(path)
    assert track is not None
    return track


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_motion(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def live_link(times: Sequence[str], jaw: Sequence[float]) -> str:
    """A table as Live Link Face writes it: names begin with a capital, the head's and the eyes' turns come last."""
    names = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    turns = ["HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw"]
    lines = [",".join(["Timecode", "BlendshapeCount", *names, *turns])]
    for time, opened in zip(times, jaw, strict=True):
        values = [opened if name == "JawOpen" else 0.9 if name == "EyeBlinkLeft" else 0.0 for name in names]
        lines.append(",".join([time, "61", *(f"{value:.10f}" for value in values), *["-0.25"] * len(turns)]))
    return "\n".join(lines) + "\n"


def codes(seconds: Sequence[float], rate: float = 60, start_s: int = 10 * 3600) -> list[str]:
    """Time codes of moments."""
    texts = []
    for moment in seconds:
        whole, part = divmod(start_s + moment + 1e-9, 1)
        whole = int(whole) % 86_400
        texts.append(f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}:{part * rate:06.3f}")
    return texts


def test_ours_comes_back(table: Table, babble: MotionTrack) -> None:
    rows = zip(babble.time_s, blendshapes(babble.displacement), strict=True)
    track = found(table(table_heading() + "".join(table_row(time_s, values) for time_s, values in rows)))
    np.testing.assert_allclose(track.time_s, babble.time_s, atol=1e-4)
    assert np.corrcoef(track.opening, babble.opening)[0, 1] > 0.97
    assert float(track.opening.std() / babble.opening.std()) == pytest.approx(1, abs=0.15)
    assert np.corrcoef(track.width, babble.width)[0, 1] > 0.9
    assert np.corrcoef(track.jaw, babble.jaw)[0, 1] > 0.97
    assert track.fps == pytest.approx(25)


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_live_link_faces_time_codes(table: Table, rate: int) -> None:
    moments = np.arange(3 * rate) / rate
    jaw = 0.3 - 0.3 * np.cos(2 * np.pi * moments)
    track = found(table(live_link(codes(moments.tolist(), rate), jaw.tolist())))
    np.testing.assert_allclose(track.time_s, moments, atol=1e-3)
    assert np.corrcoef(track.opening, jaw)[0, 1] > 0.97
    assert track.opening.max() > 0.08
    assert track.fps == pytest.approx(rate, rel=0.05)


def test_time_codes_go_over_midnight(table: Table) -> None:
    moments = np.arange(240) / 60
    track = found(table(live_link(codes(moments.tolist(), start_s=86_398), [0.2] * 240)))
    np.testing.assert_allclose(track.time_s, moments, atol=1e-3)


def test_a_short_recordings_time_codes_are_the_apps_usual_ones(table: Table) -> None:
    track = found(table(live_link(codes((np.arange(20) / 60).tolist()), [0.2] * 20)))
    np.testing.assert_allclose(track.time_s, np.arange(20) / 60, atol=1e-3)


def test_rows_without_a_face_are_passed_over(table: Table) -> None:
    text = live_link(codes((np.arange(150) / 60).tolist()), [0.2] * 150)
    lines = text.splitlines()
    for number in (11, 12, 13):
        lines[number] = lines[number].split(",")[0] + ",0" + "," * 59
    lines[50] = ""
    lines[60] = lines[59]
    track = found(table("\n".join(lines)))
    assert len(track.time_s) == 145
    assert float(np.diff(track.time_s).max()) == pytest.approx(4 / 60, abs=1e-3)


def test_one_side_and_few_columns_will_do(table: Table) -> None:
    track = found(table("mouthSmileLeft, JAWOPEN ,time_s\n0,0,0\n0.5,0.4,0.04\n0,0,0.08\n"))
    assert track.opening[1] > 0.05
    assert track.opening[[0, 2]] == pytest.approx(0, abs=1e-6)


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "face.csv").write_bytes(b"\xef\xbb\xbftime_s,jawOpen\r\n0,0\r\n0.04,0.3\r\n")
    assert found(tmp_path / "face.csv").opening[1] > 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_s,jawOpen\n0,0\n0.04,nan\n", "face.csv, line 3: expected a coefficient of 0 to 1, got 'nan'"),
        ("time_s,jawOpen\n0,0\n0.04,1e30\n", "face.csv, line 3: expected coefficients of 0 to 1, got 1e+30"),
        ("time_s,jawOpen\n0,0\n0.04,40\n", "face.csv, line 3: expected coefficients of 0 to 1, got 40"),
        ("time_s,jawOpen\n0,0\n0.04,wide\n", "face.csv, line 3: expected a coefficient of 0 to 1, got 'wide'"),
        ("time_s,jawOpen,mouthClose\n0,0,0\n0.04,0.5\n", "face.csv, line 3: expected a coefficient of 0 to 1, got ''"),
        ("time_s,jawOpen\n0,0\nsoon,0\n", "face.csv, line 3: expected a time in seconds, got 'soon'"),
        ("time_s,jawOpen\n0,0\ninf,0\n", "face.csv, line 3: expected a time in seconds, got 'inf'"),
        ("time_s,jawOpen\n0.08,0\n0.04,0\n", "expected times from 0 on that go on in face.csv, frame 2 is at 0.04 s"),
        ("time_s,jawOpen\n-1,0\n0.04,0\n", "expected times from 0 on that go on in face.csv, frame 1 is at -1 s"),
        ("time_s,jawOpen\n0,0\n5000,0\n", "expected 1 to 1000 frames a second in face.csv, got 0.0002"),
        ("time_s,jawOpen\n0,0\n", "expected two frames and more in face.csv, found 1"),
        ("time_s,jawOpen\n", "expected two frames and more in face.csv, found 0"),
        ("time_s,eyeBlinkLeft\n0,0\n", "expected columns named as ARKit's blendshapes (jawOpen, mouthClose ...)"),
        ("when,jawOpen\n0,0\n", "a table with a column time_s or Timecode, face.csv has neither"),
        ("Timecode,JawOpen\n10:00,0\n", "face.csv, line 2: expected a time code such as 10:15:30:12.345, got '10:00'"),
        ("0.1 0.4 m\n", "a table with a column time_s or Timecode, face.csv has neither"),
        ("x" * 100_000, "face.csv has a line of 16384 characters"),
        ("", "expected motion, face.csv is empty"),
    ],
)
def test_tables_that_are_no_motion_are_refused(table: Table, text: str, message: str) -> None:
    assert message in refused(table(text))


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "face.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42\xff\xfe")
    assert "face.mp4 is neither; of a video, mouthpiece capture makes one" in refused(tmp_path / "face.mp4")


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "gone.npz")
    assert "expected a file of motion at" in refused(Path("a\0b"))
