"""Folders of transcribed speech, spoken by espeak-ng, whose sounds have known times."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.material import write_wav

from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.types import SAMPLE_RATE, FloatArray, Waveform

COLUMNS = ("file", "seconds", "language", "speaker", "sex", "text", "source", "licence", "split", "note")


@pytest.fixture(scope="session")
def speaker() -> Iterator[EspeakSynthesiser]:
    """espeak-ng."""
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("the extra 'speech' is not installed")
    with EspeakSynthesiser() as one:
        yield one


def recorded(samples: FloatArray, seed: int = 0) -> FloatArray:
    """As a microphone has it: never quite silent."""
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return (samples + 1e-3 * noise).astype(np.float32)


def write_manifest(folder: Path, rows: Sequence[dict[str, str]]) -> None:
    """Write a manifest; columns that a row lacks are empty."""
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def line_row(name: str, language: str, text: str, split: str = "train", speaker: str = "anna") -> dict[str, str]:
    """A row of a manifest."""
    source, licence = f"somebody/corpus:{name}.wav@abc", "CC0"
    return {
        "file": f"{name}.wav",
        "language": language,
        "speaker": speaker,
        "text": text,
        "source": source,
        "licence": licence,
        "split": split,
    }


def write_speech(path: Path, samples: FloatArray) -> None:
    """Write a recording."""
    write_wav(Waveform(samples, SAMPLE_RATE), path)
