"""The processor: its instruction sets, and a guard against a matrix unit that can't be used.

Some virtual machines pass on the flags of Intel's matrix unit (AMX) but hide the CPUID leaf that describes its tiles.
oneDNN, which OpenVINO and PyTorch compute with, then configures empty tiles and dies of an illegal instruction at the
first matrix product (docs/decisions/0001-f32-inference.md). An environment variable keeps it from AMX, if it is set
before oneDNN first reads the CPUID.
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
"""CPUID leaf that holds the size of AMX's tiles."""
LIMIT_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""The variables that oneDNN reads, in its order, once: when it first reads the CPUID."""
LIMIT = "AVX512_CORE_FP16"
"""The most of oneDNN's instruction sets that does without tiles on processors that have them."""
_OPENVINO_COMPUTES = "openvino_intel_cpu_plugin"
"""Part of the name of the library in which OpenVINO's oneDNN is; it is loaded when a network is first compiled."""


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor as the system describes it."""

    name: str
    """Model name."""
    flags: frozenset[str]
    """Instruction sets in the kernel's words; empty where the system lists none."""
    highest_leaf: int | None
    """The last CPUID leaf that can be read, or None where it is unknown."""

    @property
    def lists_tiles(self) -> bool:
        """Whether AMX is among its flags."""
        return "amx_tile" in self.flags

    @property
    def hides_tiles(self) -> bool:
        """Whether AMX is among its flags but the size of its tiles can't be read: then AMX can't be used."""
        return self.lists_tiles and self.highest_leaf is not None and self.highest_leaf < TILE_LEAF

    @property
    def computes_bf16(self) -> bool:
        """Whether it multiplies bf16 numbers in hardware."""
        amx = "amx_bf16" in self.flags and not self.hides_tiles
        return amx or bool({"avx512_bf16", "bf16"} & self.flags)

    @property
    def computes_f16(self) -> bool:
        """Whether it multiplies f16 numbers in hardware."""
        return bool({"avx512_fp16", "fphp", "asimdhp"} & self.flags)


def read_cpuinfo(cpuinfo: str, name: str = "unknown") -> Processor:
    """Read a text like Linux's /proc/cpuinfo; `name` is for texts without a model name."""
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    leaf = re.search(r"^cpuid level\s*:\s*(\d+)$", cpuinfo, re.MULTILINE)
    return Processor(
        model.group(1).strip() if model else name,
        frozenset(flags.group(1).split()) if flags else frozenset(),
        int(leaf.group(1)) if leaf else None,
    )


@lru_cache(maxsize=1)
def this_processor() -> Processor:
    """Read the processor of this machine."""
    import platform

    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return read_cpuinfo(text, platform.processor() or platform.machine())


def core_count() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def keep_off_hidden_tiles() -> bool:
    """Keep oneDNN in this process, and in those that it starts, off AMX where AMX can't be used.

    Call it before OpenVINO or PyTorch compute anything. A limit that the user has set stays.

    Returns:
        Whether any precision can be tried in this process; False where AMX would be used and can't be.
    """
    return limit_instructions(this_processor(), os.environ, already_computing=_already_computing())


def limit_instructions(
    processor: Processor, environment: os._Environ[str] | dict[str, str], *, already_computing: bool
) -> bool:
    """Limit oneDNN's instruction sets in an environment where that is needed.

    Args:
        processor: decides whether it is needed.
        environment: the one that oneDNN reads.
        already_computing: whether it has read it before, so that a new limit changes nothing.

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
    """Check whether OpenVINO has computed in this process."""
    try:
        return _OPENVINO_COMPUTES in MAPPED_FILES.read_text(errors="replace")
    except OSError:
        return False
