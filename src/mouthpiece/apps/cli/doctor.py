"""What `mouthpiece doctor` finds out: everything a bug report should say about a machine.

No part of it may fail: what can't be found out stands there as the reason why not.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import mouthpiece
from mouthpiece.cpu import TILE_LEAF, core_count, keep_off_hidden_tiles, this_processor

OPTIONAL = {"PyTorch": "torch", "ONNX Runtime": "onnxruntime", "ONNX": "onnx", "NNCF": "nncf"}
"""Products that extras bring: their versions are told where they are installed."""
CPU_FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 bf16",
    "avx512_vnni": "AVX-512 VNNI",
    "amx_bf16": "AMX bf16",
    "amx_int8": "AMX int8",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bf16",
}
"""What matters to inference, in /proc/cpuinfo's words (x86, then Arm) and in people's."""


NEEDED_ENGINE = "mesh"
"""The engine that everybody has; others may lack weights and nothing is wrong."""
LIVE_MODULES = ("flask", "flask_sock") if sys.platform == "win32" else ("flask", "flask_sock", "gunicorn")
"""What the extra `live` brings; gunicorn doesn't run on Windows."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part of the installation."""

    name: str
    """As in pip install 'mouthpiece[name]'."""
    gives: str
    """What one can do with it."""
    modules: tuple[str, ...]
    """What it brings, by import name."""

    @property
    def pip(self) -> str:
        """The command that installs it."""
        return f"pip install 'mouthpiece[{self.name}]'"

    @property
    def missing(self) -> list[str]:
        """Modules that are not installed."""
        return [module for module in self.modules if find_spec(module) is None]


EXTRAS = (
    Extra(
        "train",
        "train motion networks: mouthpiece train motion",
        ("torch", "lightning", "tensorboard", "onnx", "pocketsphinx"),
    ),
    Extra("torch", "Wav2Lip on PyTorch: --runtime torch; exports via PyTorch", ("torch", "onnx")),
    Extra("onnx", "Wav2Lip on ONNX Runtime: --runtime onnx; exports to ONNX", ("onnxruntime", "onnx")),
    Extra("int8", "int8 models of exported Wav2Lip models, made by NNCF", ("nncf",)),
    Extra(
        "speech",
        "synthetic speech from text, in English, Arabic and more, and other voices",
        ("espeakng_loader", "pyworld", "setuptools"),
    ),
    Extra("studio", "the studio, a page to make videos in: mouthpiece studio", ("streamlit",)),
    Extra("live", "a face that speaks along, in the browser: mouthpiece live", LIVE_MODULES),
    Extra("testing", "the contract suite for engines of one's own: mouthpiece.testing", ("pytest",)),
    Extra("mic", "live from this machine's own microphone: mouthpiece live --mic server", ("sounddevice",)),
)
"""Those for users; `test`, `docs` and `dev` are for those who work on mouthpiece."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that OpenVINO can run networks on."""

    name: str
    """What --device takes."""
    full_name: str
    capabilities: tuple[str, ...]
    """Precisions and abilities, in OpenVINO's words."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be there, or may be."""

    what: str
    found: bool
    detail: str
    """Where it is, or what is wrong and what to do."""
    needed: bool = True
    """Whether nothing works without it."""

    @property
    def verdict(self) -> str:
        """The verdict in a word."""
        return "ok" if self.found else "MISSING" if self.needed else "absent"


@dataclass(frozen=True, slots=True)
class ExtraReport:
    """Whether an extra is here."""

    name: str
    installed: bool
    gives: str
    missing: tuple[str, ...]
    pip: str


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What was found out."""

    versions: dict[str, str]
    """By product; "not installed" or the reason where there is none."""
    ffmpeg_libraries: dict[str, str]
    """FFmpeg's libraries inside PyAV."""
    system: str
    cpu: str
    cpu_count: int
    """Cores that this process may use."""
    cpu_features: tuple[str, ...]
    devices: tuple[Device, ...]
    checks: tuple[Check, ...]
    extras: tuple[ExtraReport, ...]
    notes: tuple[str, ...] = ()
    """What is odd about the machine and how mouthpiece gets by."""
    weights: dict[str, str] = field(default_factory=dict)
    """Published weights in the cache: their files by name."""
    engine_notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What engines report of themselves on this machine (`Engine.diagnose`), by the engine's name."""


def examine() -> DoctorReport:
    """Look at the machine and the installation; never raises."""
    processor = this_processor()
    devices, trouble = _devices()
    return DoctorReport(
        versions=_versions(),
        ffmpeg_libraries=_ffmpeg_libraries(),
        system=platform.platform(),
        cpu=processor.name,
        cpu_count=core_count(),
        cpu_features=tuple(people for kernel, people in CPU_FLAGS.items() if kernel in processor.flags),
        devices=devices,
        checks=(
            *trouble,
            *_face_models(),
            *_engines(),
            _writable("temporary folder", lambda: Path(tempfile.gettempdir())),
            _writable("current folder", Path.cwd),
            _cache(),
        ),
        extras=tuple(
            ExtraReport(extra.name, not extra.missing, extra.gives, tuple(extra.missing), extra.pip) for extra in EXTRAS
        ),
        notes=(*_hidden_tiles(), *_broken_catalogues()),
        weights=_weights(),
        engine_notes=_engine_notes(),
    )


def _versions() -> dict[str, str]:
    found = {"mouthpiece": mouthpiece.__version__, "Python": f"{platform.python_version()} ({sys.executable})"}
    distributions = {
        "OpenVINO": "openvino",
        "PyAV": "av",
        "OpenCV": "opencv-python-headless",
        "NumPy": "numpy",
        "Pillow": "pillow",
        **OPTIONAL,
    }
    for product, distribution in distributions.items():
        try:
            found[product] = version(distribution)
        except PackageNotFoundError:
            if product not in OPTIONAL:
                found[product] = "not installed"
    return found


def _ffmpeg_libraries() -> dict[str, str]:
    try:
        import av
    except Exception as error:  # a broken wheel may raise anything
        return {"PyAV": f"can't be imported: {error}"}
    return {name: ".".join(map(str, numbers)) for name, numbers in av.library_versions.items()}


def _hidden_tiles() -> tuple[str, ...]:
    processor = this_processor()
    if not processor.hides_tiles:
        return ()
    why = (
        f"AMX can't be used: the processor claims it, but the virtual machine hides the size of its tiles "
        f"(CPUID leaf {TILE_LEAF:#x}; the last one shown is {processor.highest_leaf:#x})"
    )
    able = "mouthpiece keeps oneDNN off it" if keep_off_hidden_tiles() else "here only f32 is safe"
    return (f"{why}; {able}",)


def _cache() -> Check:
    """Check the cache folder, which is made when something is to be kept."""
    try:
        from mouthpiece.checkpoints.cache import cache_dir

        folder = cache_dir()
        if not folder.exists():
            return Check("cache folder", True, f"{folder} (not there yet)")
    except Exception as error:
        return Check("cache folder", False, str(error))
    return _writable("cache folder", lambda: folder)


def _weights() -> dict[str, str]:
    try:
        from mouthpiece.checkpoints.catalogue import known_checkpoints
        from mouthpiece.checkpoints.store import cached_path

        return {name: str(path) for name in known_checkpoints() if (path := cached_path(name)) is not None}
    except Exception as error:
        return {"weights": f"can't be listed: {error}"}


def _broken_catalogues() -> tuple[str, ...]:
    try:
        from mouthpiece.checkpoints.catalogue import broken_entries

        return broken_entries()
    except Exception as error:
        return (f"checkpoints can't be listed: {error}",)


def _engine_notes() -> dict[str, tuple[str, ...]]:
    from mouthpiece.engines.registry import engine_names, load_engine

    notes: dict[str, tuple[str, ...]] = {}
    for name in engine_names():
        with suppress(Exception):  # the engine's own check has the reason
            if lines := load_engine(name).diagnose():
                notes[name] = lines
    return notes


def _devices() -> tuple[tuple[Device, ...], tuple[Check, ...]]:
    """Return OpenVINO's devices; and where it doesn't start, the reason."""
    try:
        from mouthpiece.inference import core

        runtime = core()
        devices = tuple(
            Device(
                name,
                str(runtime.get_property(name, "FULL_DEVICE_NAME")).strip(),
                tuple(map(str, runtime.get_property(name, "OPTIMIZATION_CAPABILITIES"))),
            )
            for name in runtime.available_devices
        )
    except Exception as error:  # drivers may raise anything
        return (), (Check("OpenVINO", False, f"doesn't start: {error}"),)
    return devices, ()


def _face_models() -> list[Check]:
    try:
        from mouthpiece.face import models
    except Exception as error:
        return [Check("face models", False, f"the face room can't be imported: {error}")]
    checks = []
    for what, name in (("face detector", models.DETECTOR_FILE), ("face mesh", models.MESH_FILE)):
        try:
            checks.append(Check(what, True, str(models.model_path(name))))
        except Exception as error:
            checks.append(Check(what, False, str(error)))
    return checks


def _engines() -> list[Check]:
    try:
        from mouthpiece.engines.registry import describe_all

        return [
            Check(f"engine {info.name}", info.ready, info.weights, needed=info.name == NEEDED_ENGINE)
            for info in describe_all()
        ]
    except Exception as error:
        return [Check("engines", False, f"can't be listed: {error}")]


def _writable(what: str, where: Callable[[], Path]) -> Check:
    """Try it: permissions alone don't tell of full disks and read-only mounts."""
    try:
        folder = where()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"mouthpiece")
    except OSError as error:
        return Check(what, False, f"can't be written: {error.strerror or error}")
    return Check(what, True, str(folder))


def as_lines(report: DoctorReport) -> list[str]:
    """Format the report for people."""
    lines = [f"{name:<12} {value}" for name, value in report.versions.items()]
    libraries = ", ".join(f"{name} {number}" for name, number in report.ffmpeg_libraries.items())
    lines += [
        f"{'FFmpeg':<12} {libraries}",
        f"{'system':<12} {report.system}",
        f"{'CPU':<12} {report.cpu}, {report.cpu_count} cores for this process",
        f"{'':<12} {', '.join(report.cpu_features) or 'features unknown'}",
    ]
    for device in report.devices:
        lines.append(f"{'device':<12} {device.name}: {device.full_name} ({', '.join(device.capabilities)})")
    lines += [f"{'note':<12} {note}" for note in report.notes]
    lines += [f"{'weights':<12} {name}: {path}" for name, path in report.weights.items()]
    lines += [f"{name:<12} {note}" for name, notes in report.engine_notes.items() for note in notes]
    lines.append("")
    for check in report.checks:
        lines.append(f"{check.verdict:<8} {check.what}: {check.detail}")
    lines.append("")
    for extra in report.extras:
        cure = "" if extra.installed else f"; {extra.pip} (not here: {', '.join(extra.missing)})"
        lines.append(f"{'ok' if extra.installed else 'extra':<8} {extra.name}: {extra.gives}{cure}")
    return lines
