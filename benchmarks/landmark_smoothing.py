"""What smoothing landmarks gains and costs: `python -m benchmarks.landmark_smoothing DATA [--grid]`.

Jitter is taken on a photo that stands as still as people do: it drifts through half a pixel while each frame is made
noisy and compressed as JPEG; what is left of the frame-to-frame motion of the landmarks when the known drift is taken
out is jitter. Lag is taken on the same photo swung to and fro (the truth is known) and on a
clip of somebody who talks and moves her head (against the unsmoothed measurement). The tracker measures each video
once; every setting filters the same measurements.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import cv2
import numpy as np
from benchmarks.material import read_photo, with_height
from benchmarks.table import Cell, print_table

from mouthpiece.face import FaceTracker
from mouthpiece.face.smoothing import MIN_CUTOFF_HZ, SPEED_CUTOFF_HZ, SPEED_GAIN, OneEuroFilter
from mouthpiece.types import FloatArray, Frame, Picture

FPS = 25
HEIGHT = 512
STILL_FRAMES, SWING_FRAMES = 50, 75
SETTLED = 10
"""Frames at the start that don't count."""
DRIFT_PX, DRIFT_HZ = 0.5, 0.2
NOISE_LEVELS, JPEG_QUALITY = 4.0, 80
"""Standard deviation of the camera's noise, and what compresses its frames."""
SWINGS_HZ = (0.5, 1.5)
SWING = 0.15
"""Amplitude, outer eye distances."""
STILL_PHOTOS = ("woman_portrait.png", "man_half_body.png", "man_head_crop.jpg")
TALKER = Path("clips") / "talking_silent_fur_hat.mp4"
NOSE, UPPER_LIP, LOWER_LIP, LEFT_EYE, RIGHT_EYE = 4, 13, 14, 33, 263

Setting = tuple[float, float, float]
"""Least cut-off (Hz), gain, speed cut-off (Hz)."""
CURRENT: Setting = (MIN_CUTOFF_HZ, SPEED_GAIN, SPEED_CUTOFF_HZ)
ALTERNATIVES: dict[str, Setting] = {"calmer": (0.3, 14.0, 2.0), "quicker": (0.3, 20.0, 2.0)}
GRID_SETTINGS = tuple(product((0.3, 0.6, 1.2), (6.0, 9.0, 14.0, 20.0, 30.0), (1.0, 2.0, 4.0)))


def moved(photo: Picture, x: float, y: float) -> Picture:
    """The photo moved by fractions of a pixel."""
    shift = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
    size = photo.shape[1::-1]
    return np.asarray(
        cv2.warpAffine(photo, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def camera(photo: Picture, rng: np.random.Generator) -> Picture:
    """A noisy, compressed frame of the photo."""
    noisy = np.clip(photo + rng.normal(0, NOISE_LEVELS, photo.shape), 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def measured(tracker: FaceTracker, pictures: Iterator[Picture], fps: float) -> FloatArray:
    """Unsmoothed landmarks of every picture, (n, 478, 3)."""
    tracker.reset()
    rate = Fraction(fps).limit_denominator(1001)
    landmarks = []
    for index, rgb in enumerate(pictures):
        face = tracker.track(Frame(index / rate, 1 / rate, rgb)).face
        if face is not None:
            landmarks.append(face.landmarks)
    return np.array(landmarks)


def filtered(track: FloatArray, fps: float, setting: Setting | None) -> FloatArray:
    """A track after the filter; as it is where there is no setting."""
    if setting is None:
        return track
    smooth = OneEuroFilter(*setting)
    unit = eye_distance(track)
    return np.array([smooth(value, index / fps, unit) for index, value in enumerate(track)])


def eye_distance(track: FloatArray) -> float:
    """Median outer eye distance, pixels."""
    return float(np.median(np.linalg.norm(track[:, LEFT_EYE] - track[:, RIGHT_EYE], axis=1)))


def jitter(track: FloatArray, moves: FloatArray) -> float:
    """Root mean square motion from frame to frame that the camera did not make, thousandths of the eye distance."""
    still = (track[:, :, :2] - moves[:, None])[SETTLED:]
    return 1000 * float(np.sqrt((np.diff(still, axis=0) ** 2).sum(axis=2).mean())) / eye_distance(track)


def delay_s(late: FloatArray, truth: FloatArray, fps: float) -> float:
    """How much later one signal is than another, seconds: least squares of late(t) = truth(t - delay)."""
    slope = np.gradient(truth) * fps
    kept = slice(SETTLED, -SETTLED)
    return -float(((late - truth)[kept] * slope[kept]).sum() / (slope[kept] ** 2).sum())


def gain(out: FloatArray, truth: FloatArray) -> float:
    """Share of a signal's motion that is left."""
    a, b = out[SETTLED:] - out[SETTLED:].mean(), truth[SETTLED:] - truth[SETTLED:].mean()
    return float(np.sqrt((a**2).sum() / (b**2).sum()))


def still_tracks(tracker: FaceTracker, data: Path) -> Iterator[tuple[FloatArray, FloatArray]]:
    """(landmarks, moves (n, 2)) of photos that stand still before a camera."""
    rng = np.random.default_rng(1)
    for name in STILL_PHOTOS:
        photo = with_height(read_photo(data / "photos" / name), HEIGHT)
        phase = 2 * np.pi * DRIFT_HZ * np.arange(STILL_FRAMES) / FPS
        moves = (DRIFT_PX * np.stack([np.sin(phase), np.cos(phase)], axis=1)).astype(np.float32)
        yield measured(tracker, (camera(moved(photo, *move), rng) for move in moves.tolist()), FPS), moves


def swing_track(tracker: FaceTracker, data: Path, hz: float) -> tuple[FloatArray, FloatArray]:
    """(landmarks, true x (n,)) of a photo swung to and fro."""
    rng = np.random.default_rng(2)
    photo = with_height(read_photo(data / "photos" / STILL_PHOTOS[0]), HEIGHT)
    tracker.reset()
    unit = eye_distance(measured(tracker, iter([photo]), FPS))
    x = SWING * unit * np.sin(2 * np.pi * hz * np.arange(SWING_FRAMES) / FPS)
    track = measured(tracker, (camera(moved(photo, shift, 0), rng) for shift in x.tolist()), FPS)
    return track, x.astype(np.float32)


def talker_track(tracker: FaceTracker, data: Path) -> tuple[FloatArray, float]:
    """(landmarks, frames a second) of the clip."""
    with av.open(str(data / TALKER)) as container:
        fps = float(container.streams.video[0].average_rate or FPS)
        pictures = (np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in container.decode(video=0))
        return measured(tracker, pictures, fps), fps


def opening_of(track: FloatArray) -> FloatArray:
    """Distance of the inner lips, pixels."""
    return np.asarray(np.linalg.norm(track[:, LOWER_LIP] - track[:, UPPER_LIP], axis=1), dtype=np.float32)


def measure(data: Path) -> Callable[[Setting | None], list[Cell]]:
    """Track everything once; what comes back makes a row of figures for a setting."""
    tracker = FaceTracker(smooth=False)
    stills = list(still_tracks(tracker, data))
    swings = [swing_track(tracker, data, hz) for hz in SWINGS_HZ]
    talker, fps = talker_track(tracker, data)

    def figures(setting: Setting | None) -> list[Cell]:
        row: list[Cell] = [float(np.mean([jitter(filtered(track, FPS, setting), moves) for track, moves in stills]))]
        for track, x in swings:
            mean_x = filtered(track, FPS, setting)[:, :, 0].mean(axis=1)
            row.append(1000 * delay_s(mean_x - mean_x.mean(), x - x.mean(), FPS))
        out = filtered(talker, fps, setting)
        row.append(1000 * delay_s(out[:, NOSE, 0], talker[:, NOSE, 0], fps))
        row.append(1000 * delay_s(opening_of(out), opening_of(talker), fps))
        row.append(gain(opening_of(out), opening_of(talker)))
        return row

    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--grid", action="store_true", help="also try a grid of settings")
    given = parser.parse_args(arguments)
    settings: dict[str, Setting | None] = {"none": None, "current": CURRENT, **ALTERNATIVES}
    if given.grid:
        settings |= {f"grid {number}": setting for number, setting in enumerate(GRID_SETTINGS, start=1)}
    figures = measure(given.data)
    rows: list[list[Cell]] = []
    raw = figures(None)
    for name, setting in settings.items():
        row = figures(setting)
        said = " / ".join(f"{value:g}" for value in setting) if setting else ""
        rows.append([name, said, row[0], float(raw[0]) / float(row[0]), *row[1:]])  # type: ignore[arg-type]
    head = ["filter", "cut-off / gain / speed cut-off", "jitter, 1/1000", "raw / it"]
    head += [f"swing {hz:g} Hz: lag, ms" for hz in SWINGS_HZ]
    head += ["head: lag, ms", "opening: lag, ms", "opening: kept"]
    print_table(
        "Landmark smoothing",
        head,
        rows,
        [
            f"jitter: RMS from frame to frame, outer eye distances, {len(STILL_PHOTOS)} photos at {HEIGHT} rows; "
            f"noise {NOISE_LEVELS:g} levels, JPEG {JPEG_QUALITY}, drift {DRIFT_PX:g} pixels at {DRIFT_HZ:g} Hz",
            f"swing: {SWING:g} eye distances either way, {FPS} fps; head and opening: {TALKER.name}",
        ],
    )


if __name__ == "__main__":
    main()
