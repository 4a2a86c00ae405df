"""Talking faces without a camera: the reference face, opened by hand in time with a made-up voice."""

from __future__ import annotations

import numpy as np

from mouthpiece.datasets.recordings import Recording
from mouthpiece.face import reference_face
from mouthpiece.types import SAMPLE_RATE, FloatArray, SpokenWord

FPS = 25.0
SECONDS = 3.0


def opened_face(opening: FloatArray) -> FloatArray:
    """(T,) openings -> (T, 478, 3): lower lip and chin go down, corners come in."""
    face = reference_face()
    lower = np.clip((face[:, 1] - 0.8026) * 70, 0, 1) * (np.abs(face[:, 0]) < 0.5)
    inward = -np.sign(face[:, 0]) * np.clip(1 - np.abs(np.abs(face[:, 0]) - 0.26) * 5, 0, 1) * (face[:, 1] > 0.7)
    change = np.stack([0.2 * inward, lower, np.zeros(478)], axis=1)
    closed = face.copy()
    closed[:, 1] -= lower * (face[14, 1] - face[13, 1])
    return np.asarray(closed + opening[:, None, None] * change, dtype=np.float32)


def spoken_clip(name: str, split: str = "train", corpus: str = "made", seed: int = 0) -> Recording:
    """A clip of three seconds in which loudness opens the mouth; silent before 0.5 s and after 2.5 s."""
    rng = np.random.default_rng([seed, *name.encode()])
    time_s = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    rate = rng.uniform(2, 4)
    spoken = (time_s > 0.5) & (time_s < 2.5)
    loud = np.clip(np.sin(2 * np.pi * rate * (time_s - 0.5)), 0, 1) ** 0.5 * spoken
    voice = sum(np.sin(2 * np.pi * 130 * k * time_s) / k for k in range(1, 20))
    samples = (0.1 * loud * voice).astype(np.float32)
    frame_s = np.arange(int(SECONDS * FPS)) / FPS
    opening = (0.08 * np.interp(frame_s, time_s, loud) + rng.normal(0, 0.0004, len(frame_s))).astype(np.float32)
    landmarks = opened_face(opening)
    landmarks += rng.normal(0, 0.0005, landmarks.shape).astype(np.float32)
    seen = np.ones(len(frame_s), dtype=bool)
    return Recording(corpus, name, split, FPS, samples, (SpokenWord("word", 0.5, 2.5),), landmarks, seen)


def rigged_clip(name: str, split: str = "train", corpus: str = "rig") -> Recording:
    """The same voice with rig curves instead of a picture."""
    clip = spoken_clip(name, split, corpus)
    assert clip.landmarks is not None
    opening = clip.landmarks[:, 14, 1] - clip.landmarks[:, 13, 1]
    curves = {"mouth_stretch_c": np.clip(opening * 9, 0, 1), "mouth_pucker_l": np.clip(0.3 - opening, 0, 1)}
    return Recording(corpus, name, split, FPS, clip.samples, (), None, clip.seen, curves)
