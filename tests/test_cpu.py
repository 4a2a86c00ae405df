"""What a processor claims, and keeping off what it can't do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mouthpiece.cpu import LIMIT, Processor, core_count, limit_instructions, read_cpuinfo, this_processor

AMX = frozenset({"avx512f", "avx512_bf16", "amx_tile", "amx_bf16"})
HIDDEN = Processor("Some Xeon", AMX, 0x1C)
SHOWN = Processor("Some Xeon", AMX, 0x20)

CPUINFO = """processor\t: 0
model name\t: Some Xeon @ 2 GHz
cpuid level\t: 28
flags\t\t: fpu avx512f amx_tile

processor\t: 1
model name\t: Some Xeon @ 2 GHz
"""


def test_a_processor_as_linux_describes_it() -> None:
    found = read_cpuinfo(CPUINFO)
    assert found == Processor("Some Xeon @ 2 GHz", frozenset({"fpu", "avx512f", "amx_tile"}), 28)
    assert read_cpuinfo("Features\t: asimd bf16\n", "an Arm") == Processor("an Arm", frozenset({"asimd", "bf16"}), None)
    assert read_cpuinfo("", "none") == Processor("none", frozenset(), None)
    assert this_processor().name
    assert core_count() >= 1


def test_tiles_are_hidden_where_their_leaf_is() -> None:
    assert HIDDEN.hides_tiles
    assert not SHOWN.hides_tiles
    assert not Processor("x", frozenset({"avx512f"}), 0x1C).hides_tiles
    assert not Processor("x", AMX, None).hides_tiles, "unknown is not hidden"


def test_what_is_computed_natively() -> None:
    assert HIDDEN.computes_bf16, "by AVX-512"
    assert not Processor("x", frozenset({"avx512f", "amx_tile", "amx_bf16"}), 0x1C).computes_bf16
    assert Processor("x", frozenset({"avx512f", "amx_tile", "amx_bf16"}), 0x20).computes_bf16
    assert not Processor("x", frozenset({"avx2"}), 0x16).computes_bf16
    assert Processor("x", frozenset({"avx512_fp16"}), 0x20).computes_f16
    assert not Processor("x", frozenset({"f16c"}), 0x20).computes_f16, "that only converts"


def test_the_limit_is_set_where_it_is_needed() -> None:
    environment: dict[str, str] = {}
    assert limit_instructions(SHOWN, environment, already_computing=False)
    assert not environment
    assert limit_instructions(HIDDEN, environment, already_computing=False)
    assert environment == {"ONEDNN_MAX_CPU_ISA": LIMIT}


def test_a_limit_comes_too_late_for_a_process_that_computes() -> None:
    environment: dict[str, str] = {}
    assert not limit_instructions(HIDDEN, environment, already_computing=True)
    assert environment == {"ONEDNN_MAX_CPU_ISA": LIMIT}, "the processes that it starts are still helped"


@pytest.mark.parametrize(("said", "safe"), [("AVX2", True), ("AVX512_CORE_AMX", False), ("ALL", False)])
@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_the_users_own_limit_stays(variable: str, said: str, safe: bool) -> None:
    environment = {variable: said}
    assert limit_instructions(HIDDEN, environment, already_computing=False) is safe
    assert environment == {variable: said}


BY_DEFAULT = """
import sys
{before}
import mouthpiece.inference
from mouthpiece.cpu import keep_off_hidden_tiles
import numpy as np
import openvino
from openvino import opset13 as op
picture = op.parameter([1, 64, 24, 24], np.float32)
weights = np.random.default_rng(0).standard_normal((64, 64, 3, 3)).astype(np.float32)
model = openvino.Model([op.convolution(picture, weights, [1, 1], [1, 1], [1, 1], [1, 1])], [picture])
for hint in ({{}}, {{"INFERENCE_PRECISION_HINT": "bf16"}}):
    compiled = mouthpiece.inference.core().compile_model(model, "CPU", hint)
    assert np.isfinite(compiled([np.ones((1, 64, 24, 24), np.float32)])[0]).all()
print("done", keep_off_hidden_tiles())
"""


@pytest.mark.parametrize("before", ["", "import openvino; openvino.Core().available_devices"])
def test_default_precision_and_bf16_run_in_a_process_that_is_kept_off(before: str) -> None:
    """Without the limit this dies of an illegal instruction where tiles are hidden."""
    program = BY_DEFAULT.format(before=before)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "done True\n"), done.stderr


def test_it_is_known_whether_somebody_computed_before() -> None:
    program = (
        "import numpy as np, openvino\n"
        "from openvino import opset13 as op\n"
        "x = op.parameter([1], np.float32)\n"
        "openvino.Core().compile_model(openvino.Model([op.relu(x)], [x]), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})\n"
        "from mouthpiece import cpu\n"
        "print(cpu._already_computing())\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux tells what is loaded")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "True\n"
