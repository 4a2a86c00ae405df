"""What the processor says that it can do, and what of it holds.

Some virtual machines pass on the flags of Intel's matrix unit (AMX) but hide the CPUID leaf that describes its tiles.
oneDNN, which OpenVINO and PyTorch compute with, then configures empty tiles and dies of an illegal instruction at the
first matrix product (docs/decisions/0001-f32-inference.md). It can be told not to use AMX, before it looks at the
processor.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
MAPPED_FILES = Path("/proc/self/maps")
TILE_LEAF = 0x1D
"""CPUID leaf that tells the size of AMX's tiles."""
LIMIT_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""What oneDNN reads, in its order, once: when it first looks at the processor."""
LIMIT = "AVX512_CORE_FP16"
"""The most of oneDNN's instruction sets that does without tiles on processors that have them."""
_OPENVINO_COMPUTES = "openvino_intel_cpu_plugin"
"""Part of the name of the library in which OpenVINO's oneDNN is; it is loaded when a network is first compiled."""


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor as the system describes it."""

    name: str
    """What it calls itself."""
    flags: frozenset[str]
    """Its abilities in the kernel's words; empty where the system doesn't tell."""
    highest_leaf: int | None
    """The last CPUID leaf that can be read, or None where the system doesn't tell."""

    @property
    def claims_tiles(self) -> bool:
        """Whether it says that it has AMX."""
        return "amx_tile" in self.flags

    @property
    def hides_tiles(self) -> bool:
        """Whether it says so without telling how large the tiles are: then AMX can't be used."""
        return self.claims_tiles and self.highest_leaf is not None and self.highest_leaf < TILE_LEAF

    @property
    def computes_bf16(self) -> bool:
        """Whether it multiplies bf16 numbers itself."""
        amx = "amx_bf16" in self.flags and not self.hides_tiles
        return amx or bool({"avx512_bf16", "bf16"} & self.flags)

    @property
    def computes_f16(self) -> bool:
        """Whether it multiplies f16 numbers itself."""
        return bool({"avx512_fp16", "fphp", "asimdhp"} & self.flags)


def described(cpuinfo: str, name: str = "unknown") -> Processor:
    """The processor that a text like Linux's /proc/cpuinfo describes; `name` is for texts without one."""
    said = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    leaf = re.search(r"^cpuid level\s*:\s*(\d+)$", cpuinfo, re.MULTILINE)
    return Processor(
        said.group(1).strip() if said else name,
        frozenset(flags.group(1).split()) if flags else frozenset(),
        int(leaf.group(1)) if leaf else None,
    )


@lru_cache(maxsize=1)
def this_processor() -> Processor:
    """The processor of this machine."""
    import platform

    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return described(text, platform.processor() or platform.machine())


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def keep_off_hidden_tiles() -> bool:
    """Have oneDNN in this process, and in those it starts, do without AMX where AMX can't be used.

    To be called before OpenVINO or PyTorch compute anything. A limit that the user has set stays.

    Returns:
        Whether any precision can be tried in this process; False where AMX would be used and can't be.
    """
    return limited(this_processor(), os.environ, already_computing=_already_computing())


def limited(processor: Processor, environment: os._Environ[str] | dict[str, str], *, already_computing: bool) -> bool:
    """Set the limit in an environment where it is needed.

    Args:
        processor: decides whether it is needed.
        environment: where oneDNN will look.
        already_computing: whether it has looked before, so that a new limit changes nothing.

    Returns:
        Whether the limit holds or isn't needed.
    """
    if not processor.hides_tiles:
        return True
    set_by_user = next((environment[name] for name in LIMIT_VARIABLES if environment.get(name)), None)
    if set_by_user is not None:
        return "AMX" not in set_by_user.upper() and set_by_user.upper() not in ("ALL", "DEFAULT")
    environment[LIMIT_VARIABLES[0]] = LIMIT  # at least for the processes that this one starts
    return not already_computing


def _already_computing() -> bool:
    """Whether somebody had OpenVINO compute in this process."""
    try:
        return _OPENVINO_COMPUTES in MAPPED_FILES.read_text(errors="replace")
    except OSError:
        return False
