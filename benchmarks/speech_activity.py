"""How well voice activity is found: `python benchmarks/speech_activity.py DATA_FOLDER [--clips N]`.

Prints one row per recording: `found` is the share of frames with speech that are active, `wrong` the share of frames
without speech that are. The oracles are independent of the detector: word times where there are some (GRID), energy
of the clean recording elsewhere, and nothing but "no speech" for synthetic noise and music. A frame within the
tolerated 0.2 s after or 0.1 s before speech counts for neither.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mouthpiece.speech import features
from mouthpiece.types import MEL_HOP, MEL_RATE, SAMPLE_RATE, FloatArray

TAIL_S, HEAD_S = 0.2, 0.1
"""Activity may last this long after speech and begin this long before it."""
GRID_UNITS = 25_000
"""Units a second of GRID's word times."""

Mask = NDArray[np.bool_]


def read(path: Path) -> FloatArray:
    """A file's sound, mono, 16 kHz."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def loudness_db(samples: FloatArray) -> NDArray[np.float64]:
    """Energy of the 30 ms around each mel frame, dB."""
    padded = np.pad(samples, (240, 240 + MEL_HOP))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 480)[::MEL_HOP]
    frames = -(-len(samples) // MEL_HOP)
    energy = (windows[:frames].astype(np.float64) ** 2).mean(axis=1)
    return np.asarray(10 * np.log10(energy + 1e-12), dtype=np.float64)


def wide(mask: Mask, before_s: float, after_s: float) -> Mask:
    """The mask, each true stretch made longer."""
    before, after = round(before_s * MEL_RATE), round(after_s * MEL_RATE)
    spread = np.convolve(mask, np.ones(before + after + 1))
    return np.asarray(spread[before : before + len(mask)] > 0)


def oracle(clean: FloatArray) -> tuple[Mask, Mask]:
    """(speech, no speech) of a clean recording by its energy alone; frames in doubt are in neither."""
    loud = loudness_db(clean)
    level = 10 * np.log10((10 ** (loud[loud > loud.max() - 25] / 10)).mean())
    quiet = loud < max(level - 30, float(np.percentile(loud, 5)) + 6)
    return loud > level - 15, ~wide(~quiet, HEAD_S, TAIL_S)


def word_oracle(align: Path, frames: int) -> tuple[Mask, Mask]:
    """(speech, no speech) by GRID's word times."""
    spoken = np.zeros(frames, dtype=bool)
    for line in align.read_text().splitlines():
        start, end, word = line.split()
        if word not in ("sil", "sp"):
            spoken[int(start) * MEL_RATE // GRID_UNITS : int(end) * MEL_RATE // GRID_UNITS] = True
    return spoken, ~wide(spoken, HEAD_S, TAIL_S)


def noises(seconds: float = 10.0) -> Iterator[tuple[str, FloatArray]]:
    """Sounds in which nobody speaks."""
    count = round(seconds * SAMPLE_RATE)
    rng = np.random.default_rng(0)
    time_s = np.arange(count) / SAMPLE_RATE
    white = rng.standard_normal(count)
    spectrum, hz = np.fft.rfft(white), np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20)
    yield "digital silence", np.zeros(count, dtype=np.float32)
    for name, slope in (("white", 0.0), ("pink", 0.5), ("brown", 1.0)):
        shaped = np.fft.irfft(spectrum / hz**slope, count)
        for level_db in (-20, -60):
            yield f"{name} noise {level_db} dBFS", _at_level(shaped, level_db)
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in range(1, 12))
    yield "50 Hz hum", _at_level(np.asarray(hum) + 0.03 * white, -25)
    fan = np.fft.irfft(spectrum / hz**0.7, count) * (1 + 0.3 * np.sin(2 * np.pi * 7 * time_s))
    yield "fan, 7 Hz flutter", _at_level(fan, -30)
    clicks = np.zeros(count)
    clicks[rng.integers(0, count, 30)] = 1
    yield "clicks", _at_level(np.convolve(clicks, np.exp(-np.arange(80) / 20), "same"), -35)
    yield "held chord", _at_level(_notes(time_s, [(0.0, seconds, f) for f in (220, 277.2, 329.6)]), -20)
    chords = [
        (float(t), 1.0, f * r)
        for t, r in zip(range(10), (1, 1.5, 1.2, 1.33, 0.9) * 2, strict=True)
        for f in (220, 277, 330)
    ]
    yield "chords, 1 a second", _at_level(_notes(time_s, chords), -20)
    scale = (1, 1.25, 1.5, 2, 1.5, 1.25)
    arpeggio = [(0.25 * i, 0.4, 220 * scale[i % 6]) for i in range(round(seconds * 4))]
    yield "arpeggio, 4 a second", _at_level(_notes(time_s, arpeggio), -20)
    yield "drums, 2 a second", _at_level(_drums(time_s, rng), -20)
    band = _notes(time_s, chords) / 3 + _notes(time_s, arpeggio) + 0.5 * _drums(time_s, rng)
    yield "chords, arpeggio and drums", _at_level(band, -20)


def _at_level(sound: NDArray[np.float64], level_db: float) -> FloatArray:
    return np.asarray(sound / np.sqrt((sound**2).mean()) * 10 ** (level_db / 20), dtype=np.float32)


def _notes(time_s: NDArray[np.float64], notes: Sequence[tuple[float, float, float]]) -> NDArray[np.float64]:
    """Plucked tones with five harmonics: (start, length, pitch) each."""
    sound = np.zeros(len(time_s))
    for start, length, pitch in notes:
        here = (time_s >= start) & (time_s < start + length)
        since = time_s[here] - start
        shape = np.minimum(since / 0.01, 1) * np.exp(-since * 1.5) * np.minimum((length - since) / 0.02, 1)
        sound[here] += shape * sum(np.sin(2 * np.pi * pitch * k * since) / k for k in range(1, 6))
    return sound


def _drums(time_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Kick and noise in turn, two a second."""
    beat = time_s % 1.0
    kick = np.exp(-beat * 15) * np.sin(2 * np.pi * 60 * beat)
    snare = np.exp(-np.abs((time_s + 0.5) % 1.0) * 20) * rng.standard_normal(len(time_s))
    return np.asarray(kick + 0.5 * snare)


def row(name: str, activity: FloatArray, speech: Mask, silence: Mask) -> tuple[float, float]:
    """Print a recording's figures and return them."""
    active = activity[: len(speech)] >= 0.5
    speech, silence = speech[: len(active)], silence[: len(active)]
    found = float(active[speech].mean()) if speech.any() else float("nan")
    wrong = float(active[silence].mean()) if silence.any() else float("nan")
    print(f"{name:34s} {found:7.3f} {wrong:7.3f} {int(speech.sum()):7d} {int(silence.sum()):7d}")
    return found, wrong


def active_in(samples: FloatArray) -> FloatArray:
    """Activity of a recording."""
    return features(samples)[1]


def recordings(audio: Path) -> None:
    """Clean recordings in several languages, as they are and made worse."""
    rng = np.random.default_rng(1)
    for path in sorted(audio.glob("*.wav")):
        clean = read(path)
        speech, silence = oracle(clean)
        row(path.stem, active_in(clean), speech, silence)
        level = np.sqrt((clean[np.repeat(speech, MEL_HOP)[: len(clean)]] ** 2).mean())
        for name, gain_db in (("-45 dBFS", -45), ("-10 dBFS", -10)):
            scaled = np.clip(clean / level * 10 ** (gain_db / 20), -1, 1)
            row(f"  {name}", active_in(scaled.astype(np.float32)), speech, silence)
        noise = rng.standard_normal(len(clean)) * level * 10 ** (-10 / 20)
        row("  white noise 10 dB below", active_in((clean + noise).astype(np.float32)), speech, silence)


def variants(audio: Path) -> None:
    """One recording through a telephone, in noise, in music, faster, with pauses of nothing."""
    clean = read(audio / "en_male_watson.wav")[: 12 * SAMPLE_RATE]
    speech, silence = oracle(clean)
    for name in ("noise_10db", "noise_0db", "music_6db", "phone_8k_mulaw"):
        sound = read(audio / "variants" / f"en_male_{name}.wav")
        row(name, active_in(sound), speech, silence)
    for name in ("fast", "padded"):
        sound = read(audio / "variants" / f"en_male_{name}.wav")
        row(name, active_in(sound), *oracle(sound))
    music = read(audio / "variants" / "en_male_music_6db.wav") - clean
    row("(the music of music_6db alone)", active_in(music), ~speech & False, np.ones(len(speech), dtype=bool))


def grid(folder: Path, clips: list[Path], aligns: Path) -> None:
    """GRID clips by their word times."""
    activities, speech, silence = [], [], []
    for clip in clips:
        activity = active_in(read(clip))
        spoken, quiet = word_oracle(aligns / f"{clip.stem.removesuffix('_224')}.align", len(activity))
        activities.append(activity)
        speech.append(spoken)
        silence.append(quiet)
    name = f"{folder.name}, {len(clips)} clips"
    row(name, np.concatenate(activities), np.concatenate(speech), np.concatenate(silence))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with audio/, grid_s1/ and grid_unseen_dev/")
    parser.add_argument("--clips", type=int, default=40, help="GRID clips to try")
    arguments = parser.parse_args()
    started = time.process_time()
    print(f"{'':34s} {'found':>7s} {'wrong':>7s} {'speech':>7s} {'silence':>7s}")
    for name, sound in noises():
        activity = active_in(sound)
        nothing = np.zeros(len(activity), dtype=bool)
        row(name, activity, nothing, ~nothing)
    recordings(arguments.data / "audio")
    variants(arguments.data / "audio")
    seen = arguments.data / "grid_s1"
    grid(seen, sorted((seen / "clips").glob("*.mp4"))[:: max(1, 1000 // arguments.clips)], seen / "align")
    unseen = arguments.data / "grid_unseen_dev"
    grid(unseen, sorted(unseen.glob("*_224.mp4")), unseen)
    print(f"{time.process_time() - started:.1f} CPU seconds in all")


if __name__ == "__main__":
    main()
