"""How well mouth motion follows speech: python benchmarks/motion.py DATA [--weights FILE] [--cache DIR] [--said DIR]

DATA is the folder that holds grid_s1, grid_unseen_dev, facegood_mandarin and audio; what is missing is left out. DIR of
--said holds synthetic speech that was prepared (`mouthpiece train synthesise`). Without --weights both packaged
networks are measured, offline and live. Prints a table of agreement with measured faces (as `mouthpiece evaluate
motion` does), one of how lively and how still the mouth is where nothing was known, and the cost of a frame.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np

from mouthpiece.datasets.agreement import correlation
from mouthpiece.datasets.measuring import read_sound
from mouthpiece.datasets.motion_curves import chunks_of, play_on
from mouthpiece.datasets.options import OffsetRule, PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.evaluation.motion import LEAK_ABOVE, energy_envelope, evaluate_motion, is_live, shipped_networks
from mouthpiece.evaluation.options import EvaluationOptions
from mouthpiece.evaluation.reference import in_speech, joined_words
from mouthpiece.evaluation.report import score_table
from mouthpiece.evaluation.sets import MotionSet, find_sets
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import SpeechStream, features, speech_stretches
from mouthpiece.types import SAMPLE_RATE, FloatArray, SpokenWord

SETS = (("grid_s1", "test"), ("grid_unseen_dev", "unseen"), ("facegood_mandarin", "val"), ("facegood_mandarin", "test"))
FPS = 25
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--said", type=Path)
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "motion-benchmark")
    arguments = parser.parse_args()
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    networks = {arguments.weights.stem: arguments.weights} if arguments.weights else shipped_networks()[0]
    print(f"commit {commit.stdout.strip() or 'unknown'}, weights {', '.join(p.name for p in networks.values())}\n")
    print_agreement(arguments.data, arguments.cache, arguments.said, networks)
    for name, weights in networks.items():
        print_liveliness(arguments.data, name, weights)
        print_cost(name, weights)


def print_agreement(data: Path, cache: Path, said: Path | None, networks: dict[str, Path]) -> None:
    """Against measured faces, rigs and the coarticulation model."""
    judged = []
    for corpus, split in SETS:
        if (data / corpus).is_dir():
            prepare_corpus(data / corpus, cache, PrepareOptions([split], OffsetRule.KEEP))
            judged.append(MotionSet(cache, corpus, split, 0))
    if said:
        judged += find_sets(EvaluationOptions((said,)))[0]
    scores = [
        evaluate_motion(each.cache, each.corpus, each.split, weights=weights, network=name)
        for each in judged
        for name, weights in networks.items()
    ]
    print("Agreement with what mouths did (motion as played, intensity 1):\n")
    print(score_table([score for score in scores if score]) + "\n")


def sounds_without_speech() -> dict[str, FloatArray]:
    """Ten seconds of each, made here."""
    rng = np.random.default_rng(7)
    count = 10 * SAMPLE_RATE
    white = rng.standard_normal(count)
    time_s = np.arange(count) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in range(1, 12))
    made = {
        "digital silence": np.zeros(count),
        "white noise, -50 dBFS": white * 10 ** (-50 / 20),
        "white noise, -20 dBFS": white * 10 ** (-20 / 20),
        "brown noise, -30 dBFS": np.cumsum(white) / np.std(np.cumsum(white)) * 10 ** (-30 / 20),
        "mains hum, -30 dBFS": hum / np.std(hum) * 10 ** (-30 / 20),
    }
    return {name: np.asarray(sound, dtype=np.float32) for name, sound in made.items()}


def print_liveliness(data: Path, name: str, weights: Path) -> None:
    """Where nothing was measured: free speech should move, its pauses and other sounds should not."""
    print(f"Without measured faces, {name} (opening over the outer eye distance, intensity 1; open is beyond .02):\n")
    print("| sound | seconds | opening median | p90 | p99 | r with the energy envelope | open in pauses over 0.3 s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    heard = {path.stem: read_sound(path) for path in sorted((data / "audio").glob("*.wav"))}
    heard |= {f"variants/{p.stem}": read_sound(p) for p in sorted((data / "audio" / "variants").glob("*.wav"))}
    live = is_live(weights)
    for title, samples in (heard | sounds_without_speech()).items():
        times_s = np.arange(len(samples) * FPS // SAMPLE_RATE) / FPS
        opening = play_on(MotionStream(weights=weights), chunks_of(samples, live=live), times_s)[0].opening
        spoken_at = [SpokenWord("", start, end) for start, end in speech_stretches(features(samples)[1])]
        speaking = in_speech(times_s, joined_words(spoken_at) if title in heard else [])
        spoken = opening[speaking] if speaking.any() else opening
        middle, high, top = np.percentile(spoken, [50, 90, 99])
        r = correlation(opening[speaking], energy_envelope(samples, times_s)[speaking])
        leak = f"{(opening[~speaking] > LEAK_ABOVE).mean():.1%} of {(~speaking).sum()}" if (~speaking).any() else "-"
        said = f"{r:.2f}" if np.isfinite(r) else "-"
        print(
            f"| {title} | {len(samples) / SAMPLE_RATE:.0f} | {middle:.3f} | {high:.3f} | {top:.3f} | {said} | {leak} |"
        )
    print()


def print_cost(name: str, weights: Path) -> None:
    """CPU time of a frame: network, gate and interpolation; the speech room's part not counted."""
    rng = np.random.default_rng(7)
    speech = SpeechStream()
    chunks = [speech.push((rng.standard_normal(3200) * 0.05).astype(np.float32)) for _ in range(150)]
    stream = MotionStream(weights=weights)
    frames, started = 0, time.process_time()
    for chunk in chunks:
        stream.push(chunk)
        while frames / FPS < stream.ready_until_s:
            stream.at(frames / FPS)
            frames += 1
    spent = time.process_time() - started
    print(f"{name}: {1000 * spent / frames:.3f} CPU ms a frame at {FPS} fps; look-ahead {stream.look_ahead_s:.2f} s\n")


if __name__ == "__main__":
    main()
