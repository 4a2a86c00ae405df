"""Speeds, rooms, telephones and noises."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.training import acoustics
from mouthpiece.types import SAMPLE_RATE


def test_speed_moves_pitch_and_tempo() -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    for speed in (0.8, 1.25):
        played = acoustics.at_speed(tone, speed)
        assert len(played) == int(SAMPLE_RATE / speed)
        peak = np.argmax(np.abs(np.fft.rfft(played))) * SAMPLE_RATE / len(played)
        assert peak == pytest.approx(400 * speed, abs=3)


def test_noises_are_level_and_various() -> None:
    rng = np.random.default_rng(0)
    made = [acoustics.noise(SAMPLE_RATE, rng) for _ in range(12)]
    for sound in made:
        assert np.isfinite(sound).all() and np.sqrt((sound**2).mean()) == pytest.approx(0.1, rel=1e-3)


def test_a_room_lengthens_a_click_and_a_telephone_cuts_bass() -> None:
    click = np.zeros(8000, dtype=np.float32)
    click[100] = 1
    wet = acoustics.in_room(click, np.random.default_rng(0))
    assert (
        wet[100] == pytest.approx(1, abs=0.01) and np.abs(wet[1000:2000]).max() > 1e-4 and not wet[:99].round(6).any()
    )
    bass = np.sin(2 * np.pi * 60 * np.arange(8000) / SAMPLE_RATE).astype(np.float32)
    assert acoustics.band_limited(bass, 300, 3400).std() < 0.05 * bass.std()
