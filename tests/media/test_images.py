"""Photos and animations of every mode, size and state of health."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mouthpiece.errors import BrokenMediaError, InputError, NotMediaError, OptionError, PictureSizeError
from mouthpiece.media import open_face
from mouthpiece.notices import notice
from mouthpiece.options import Fit

COLOUR = (200, 80, 40)
SIZE = (64, 48)


def first_rgb(source: object) -> np.ndarray:
    with open_face(source) as face:  # type: ignore[arg-type]
        return next(face.frames(Fraction(1))).rgb


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "gif", "ppm"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face.{suffix}"
    Image.new("RGB", SIZE, COLOUR).save(path)
    rgb = first_rgb(path)
    assert rgb.shape == (48, 64, 3)
    assert np.abs(rgb[20, 20].astype(int) - COLOUR).max() <= 6
    with open_face(path) as face:
        assert face.info.is_photo


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_modes(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "face.tiff"
    if mode in ("I;16", "I", "F"):
        values = {"I;16": np.uint16(0.5 * 65_535), "I": np.int32(0.5 * 65_535), "F": np.float32(0.5)}[mode]
        ramp = np.full((48, 64), values)
        ramp[0, 0] = {"I;16": 65_535, "I": 65_535, "F": 1.0}[mode]
        Image.fromarray(ramp).save(path)
        assert abs(int(first_rgb(path)[20, 20, 0]) - 128) <= 1
        return
    if mode == "PA":
        image = Image.new("RGB", SIZE, COLOUR).convert("P").convert("PA")
        path = path.with_suffix(".png")
        image.convert("RGBA").save(path)
    else:
        image = Image.new("RGB", SIZE, COLOUR).convert(mode)
        if mode == "YCbCr":
            path = path.with_suffix(".jpg")
        image.save(path)
    expected = np.asarray(image.convert("RGB"))[20, 20].astype(int)
    assert np.abs(first_rgb(path)[20, 20].astype(int) - expected).max() <= 3


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("RGB", SIZE, COLOUR).convert("CMYK").save(path, quality=95)
    assert np.abs(first_rgb(path)[20, 20].astype(int) - COLOUR).max() <= 6


def test_16_bit_png_is_scaled_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    ramp = np.tile(np.linspace(0, 65_535, 64).astype(np.uint16), (48, 1))
    Image.fromarray(ramp).save(path)
    assert np.abs(first_rgb(path)[10, :, 1].astype(int) - np.linspace(0, 255, 64).round().astype(int)).max() <= 1


def test_transparency_lies_on_white_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "cut-out.png"
    Image.new("RGBA", SIZE, (0, 0, 0, 128)).save(path)
    with open_face(path) as face:
        assert abs(int(next(face.frames(Fraction(1))).rgb[5, 5, 0]) - 127) <= 1
        assert face.warnings == (notice("transparent"),)


def test_transparent_palette(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", SIZE, 1)
    image.putpalette([255, 0, 0, 0, 0, 0])
    image.save(path, transparency=1)
    assert (first_rgb(path) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :48] = (255, 0, 0)
    upright[:32, 48:] = (0, 255, 0)
    upright[32:, :48] = (0, 0, 255)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "phone.png"
    Image.fromarray(np.ascontiguousarray(stored[orientation])).save(path, exif=exif)
    np.testing.assert_array_equal(first_rgb(path), upright)


@pytest.mark.parametrize("broken", [False, True])
def test_plain_and_broken_profiles_change_nothing(tmp_path: Path, broken: bool) -> None:
    from PIL import ImageCms

    path = tmp_path / "profile.png"
    profile = b"no profile" if broken else ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", SIZE, COLOUR).save(path, icc_profile=profile)
    assert np.abs(first_rgb(path)[3, 3].astype(int) - COLOUR).max() <= 1


def png_claiming(width: int, height: int) -> bytes:
    """The header of a PNG that claims a size, without the pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (body, data, b"IEND")
    )


@pytest.mark.parametrize("size", [(1, 1), (8000, 4), (20_000, 20_000), (65_535, 100), (9000, 9000), (31, 400)])
def test_sizes_refused_from_the_header(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(*size))
    with pytest.raises(PictureSizeError, match=r"megapixels|at least"):
        open_face(path)


def test_large_photo_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "camera.jpg"
    Image.new("RGB", (6000, 4000), COLOUR).save(path)
    with open_face(path) as face:
        assert (face.info.width, face.info.height) == (6000, 4000)


@pytest.mark.parametrize("name", ["photo.mp4", "photo.wav", "photo", "صورة وجه.png", 'it\'s "me" $(x);.png'])
def test_names_say_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.new("RGB", SIZE, COLOUR).save(path, format="PNG")
    assert first_rgb(path).shape == (48, 64, 3)


def test_file_objects_and_strings(tmp_path: Path) -> None:
    memory = io.BytesIO()
    Image.new("RGB", SIZE, COLOUR).save(memory, format="PNG")
    assert first_rgb(memory).shape == (48, 64, 3)
    path = tmp_path / "a.png"
    path.write_bytes(memory.getvalue())
    assert first_rgb(str(path)).shape == (48, 64, 3)

    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._inner = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._inner.read(size)

    assert first_rgb(Pipe(memory.getvalue())).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((48, 64), 100, np.uint8), 100),
        (np.full((48, 64, 3), 100, np.uint8), 100),
        (np.full((48, 64), 25_700, np.uint16), 100),
        (np.full((48, 64, 3), 0.5, np.float32), 128),
        (np.full((48, 64, 1), 0.5, np.float64), 128),
        (np.dstack([np.full((48, 64, 3), 100, np.uint8), np.full((48, 64), 255, np.uint8)]), 100),
    ],
)
def test_arrays(array: np.ndarray, expected: int) -> None:
    rgb = first_rgb(array)
    assert rgb.shape == (48, 64, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == expected).all()


@pytest.mark.parametrize(
    "array",
    [np.zeros(5, np.uint8), np.zeros((48, 64, 2), np.uint8), np.zeros((48, 64), np.int64), np.zeros((48, 64, 3), "U1")],
)
def test_arrays_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected"):
        open_face(array)


def test_array_sizes_refused() -> None:
    with pytest.raises(PictureSizeError):
        open_face(np.zeros((4, 8000, 3), np.uint8))


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_cut_off_pictures(tmp_path: Path, suffix: str, share: float) -> None:
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(whole, format={"jpg": "JPEG"}.get(suffix, suffix.upper()))
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
    with pytest.raises(BrokenMediaError, match="whole copy"):
        open_face(path)


def test_empty_text_folder_missing(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    with pytest.raises(NotMediaError, match="empty"):
        open_face(empty)
    text = tmp_path / "text.png"
    text.write_text("Dear face,\n" * 50)
    with pytest.raises(NotMediaError):
        open_face(text)
    with pytest.raises(InputError, match="folder"):
        open_face(tmp_path)
    with pytest.raises(InputError, match="expected a file"):
        open_face(tmp_path / "nobody.png")
    with pytest.raises(InputError, match="path"):
        open_face(42)  # type: ignore[arg-type]


def test_photo_frames_cover_the_duration_exactly() -> None:
    with open_face(np.zeros((48, 64, 3), np.uint8), photo_fps=Fraction(30_000, 1001)) as face:
        frames = list(face.frames(Fraction(5001, 16_000)))
        assert len(list(face.sample_frames())) == 1
    assert [f.time_s for f in frames] == [Fraction(1001 * i, 30_000) for i in range(10)]
    assert frames[-1].time_s + frames[-1].duration_s == Fraction(5001, 16_000)
    frames[0].rgb[:] = 9
    assert not frames[1].rgb.any()
    assert frames[0].source_time_s is None


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(1000), Fraction(-3)])
def test_photo_rates_refused(fps: Fraction) -> None:
    with pytest.raises(OptionError):
        open_face(np.zeros((48, 64, 3), np.uint8), photo_fps=fps)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_animations_are_videos(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"moving.{suffix}"
    images = [Image.fromarray(np.full((48, 64, 3), 40 * i, np.uint8)) for i in range(5)]
    delays = [40, 80, 120, 40, 60]
    images[0].save(path, save_all=True, append_images=images[1:], duration=delays, loop=0, lossless=True)
    with open_face(path) as face:
        assert not face.info.is_photo
        frames = list(face.frames(Fraction(340, 1000), Fit.CUT))
        longer = list(face.frames(Fraction(600, 1000), Fit.PINGPONG))
        sample_frames = list(face.sample_frames())
    assert [f.duration_s * 1000 for f in frames] == delays
    assert [round(float(f.rgb.mean()) / 40) for f in frames] == [0, 1, 2, 3, 4]
    assert [round(float(f.rgb.mean()) / 40) for f in longer] == [0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert longer[-1].time_s + longer[-1].duration_s == Fraction(600, 1000)
    assert len(sample_frames) == 5
