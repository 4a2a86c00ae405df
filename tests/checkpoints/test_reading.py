"""Checkpoints of all kinds are read as PyTorch reads them; whatever else comes gets a line, and runs nothing."""

from __future__ import annotations

import copyreg
import gzip
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.checkpoint_files import write_checkpoint, write_safetensors

from mouthpiece.checkpoints import pickled, reading
from mouthpiece.checkpoints.reading import read_state
from mouthpiece.errors import WeightsError

FUZZED = 250
"""Damaged files of each kind."""
SMALL_BYTES = 12 << 20
"""What reading a small hostile file may take in memory."""

Arrays = dict[str, NDArray[Any]]


@pytest.fixture
def arrays() -> Arrays:
    """A small state dict."""
    random = np.random.default_rng(1)
    return {
        "encoder.0.weight": random.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "encoder.0.bias": random.standard_normal(4).astype(np.float32),
        "encoder.1.running_var": np.ones(4, dtype=np.float32),
        "encoder.1.num_batches_tracked": np.array(7, dtype=np.int64),
    }


def _same(found: Arrays, expected: Arrays) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].flags.writeable
        np.testing.assert_array_equal(found[name], array)


def _complaint(path: Path) -> str:
    """The one line that a file gets; reading it takes no memory to speak of."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read_state(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    assert peak < SMALL_BYTES
    return text


# What is read


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("prefix", ["", "module."], ids=["plain", "module"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_every_published_layout(tmp_path: Path, arrays: Arrays, wrapped: bool, prefix: str, legacy: bool) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    write_checkpoint(path, arrays, wrapped=wrapped, prefix=prefix, optimiser=True, legacy=legacy)
    _same(read_state(path), arrays)


def test_safetensors(tmp_path: Path, arrays: Arrays) -> None:
    found = read_state(write_safetensors(tmp_path / "weights.safetensors", arrays))
    _same({name: found[name] for name in arrays}, arrays)


def test_the_content_decides_and_not_the_name(tmp_path: Path, arrays: Arrays) -> None:
    found = read_state(write_safetensors(tmp_path / "weights.pth", arrays))
    assert found.keys() == arrays.keys()


def _odd_tensors(torch: Any) -> dict[str, Any]:
    """Tensors of all types, and views that don't lie as they are seen."""
    torch.manual_seed(0)
    shared = torch.randn(6, 5)
    return OrderedDict(
        {
            "half": torch.randn(3, 4).half(),
            "bfloat16": torch.randn(3, 4).bfloat16(),
            "double": torch.randn(5).double(),
            "int64": torch.arange(-3, 4),
            "int32": torch.arange(4, dtype=torch.int32),
            "int16": torch.arange(4, dtype=torch.int16),
            "int8": torch.arange(-4, 4, dtype=torch.int8),
            "uint8": torch.arange(4, dtype=torch.uint8),
            "bool": torch.tensor([True, False, True]),
            "scalar": torch.tensor(2.5),
            "shared": shared,
            "transposed": shared.t(),
            "part": shared[2:5, 1::2],
            "half view": torch.randn(4, 4).half().t(),
            "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
            "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        }
    )


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_tensors_are_those_that_pytorch_loads(tmp_path: Path, legacy: bool) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "odd.pth"
    torch.save(_odd_tensors(torch), path, _use_new_zipfile_serialization=not legacy)
    expected = torch.load(path, weights_only=True)
    found = read_state(path)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        as_said = tensor.detach().float() if tensor.is_floating_point() else tensor
        assert found[name].dtype == as_said.numpy().dtype
        np.testing.assert_array_equal(found[name], as_said.numpy(), err_msg=name)


def test_safetensors_of_other_types(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in _odd_tensors(torch).items()}
    save_file(tensors, tmp_path / "odd.safetensors", metadata={"made": "by a test"})
    found = read_state(tmp_path / "odd.safetensors")
    for name, tensor in load_file(tmp_path / "odd.safetensors").items():
        np.testing.assert_array_equal(found[name], (tensor.float() if tensor.is_floating_point() else tensor).numpy())


def test_a_state_dict_of_a_module_with_its_versions(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    for legacy in (False, True):
        torch.save(module.state_dict(), tmp_path / "module.pth", _use_new_zipfile_serialization=not legacy)
        found = read_state(tmp_path / "module.pth")
        for name, tensor in module.state_dict().items():
            np.testing.assert_array_equal(found[name], tensor.numpy())


def test_a_real_optimisers_state_is_passed_over(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(4, 3)
    optimiser = torch.optim.Adam(module.parameters())
    module(torch.ones(2, 4)).sum().backward()
    optimiser.step()
    saved = {"state_dict": module.state_dict(), "optimizer": optimiser.state_dict(), "loss": np.float64(0.5)}
    for legacy in (False, True):
        torch.save(saved, tmp_path / "trained.pth", _use_new_zipfile_serialization=not legacy)
        np.testing.assert_array_equal(read_state(tmp_path / "trained.pth")["bias"], module.bias.detach().numpy())


def test_a_prefix_on_some_names_only_is_a_name(tmp_path: Path, arrays: Arrays) -> None:
    mixed = {"module.a": arrays["encoder.0.bias"], "b": arrays["encoder.0.bias"]}
    assert sorted(read_state(write_safetensors(tmp_path / "mixed.safetensors", mixed))) == ["b", "module.a"]


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_the_optimisers_state_takes_no_memory(tmp_path: Path, legacy: bool) -> None:
    pytest.importorskip("torch")
    big = {f"layer.{index}": np.full((512, 1024), index, dtype=np.float32) for index in range(8)}
    path = write_checkpoint(tmp_path / "big.pth", big, optimiser=True, legacy=legacy)
    tracemalloc.start()
    try:
        read_state(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    needed = sum(array.nbytes for array in big.values())
    assert path.stat().st_size > 2.9 * needed
    assert peak < 1.2 * needed


# Files put together by hand


FLOATS = b"ctorch\nFloatStorage\n"
ORDERED = b"ccollections\nOrderedDict\n)R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def _int(number: int) -> bytes:
    return pickle.dumps(number, 2)[2:-1]


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _storage(key: str = "0", length: int = 12, kind: bytes = FLOATS) -> bytes:
    return _tuple(_text("storage"), kind, _text(key), _text("cpu"), _int(length)) + b"Q"


def _tensor(
    shape: tuple[int, ...] = (3, 4), strides: tuple[int, ...] = (4, 1), offset: int = 0, storage: bytes | None = None
) -> bytes:
    sizes, steps = (_tuple(*map(_int, numbers)) for numbers in (shape, strides))
    return REBUILD + _tuple(storage or _storage(), _int(offset), sizes, steps, b"\x89", ORDERED) + b"R"


def _state(*entries: bytes) -> bytes:
    """A pickled state dict of the given values, named a, b, c ..."""
    named = b"".join(_text(chr(ord("a") + index)) + entry for index, entry in enumerate(entries))
    return b"\x80\x02}(" + named + b"u."


def _zip(
    path: Path, description: bytes, numbers: bytes | None = None, order: bytes = b"little", **members: bytes
) -> Path:
    """A file as torch.save lays it out; 12 floats, 0 to 11, under the key 0."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", description)
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", order)
        archive.writestr("archive/data/0", np.arange(12, dtype="<f4").tobytes() if numbers is None else numbers)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return path


def _legacy(path: Path, description: bytes, keys: object = None, length: int = 12) -> Path:
    """A file as torch.save wrote it before 1.6; the same floats."""
    parts = 0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}
    used = ["0"] if keys is None and b"storage" in description else keys or []
    described = description.replace(b"tQ", b"NtQ")  # Storages have one more part, and it is None.
    pickles = b"".join(pickle.dumps(part, 2) for part in parts) + described + pickle.dumps(used, 2)
    path.write_bytes(pickles + struct.pack("<q", length) + np.arange(12, dtype="<f4").tobytes())
    return path


MAKERS = [_zip, _legacy]
Maker = Callable[[Path, bytes], Path]
both = pytest.mark.parametrize("make", MAKERS, ids=["zip", "legacy"])


@both
def test_the_files_made_here_are_good_ones(tmp_path: Path, make: Maker) -> None:
    """Else the tests below would be about something else."""
    found = read_state(make(tmp_path / "good.pth", _state(_tensor(), _tensor((2, 2), (6, 2), 3))))
    np.testing.assert_array_equal(found["a"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(found["b"], [[3, 5], [9, 11]])
    torch = pytest.importorskip("torch")
    for name, tensor in torch.load(tmp_path / "good.pth", weights_only=True).items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


def test_numbers_of_a_machine_that_counts_from_the_other_end(tmp_path: Path) -> None:
    path = _zip(tmp_path / "big.pth", _state(_tensor()), np.arange(12, dtype=">f4").tobytes(), b"big")
    np.testing.assert_array_equal(read_state(path)["a"], np.arange(12).reshape(3, 4))


@both
@pytest.mark.parametrize(
    "tensor",
    [
        _tensor((3, 5), (4, 1)),
        _tensor((3, 4), (4, 1), offset=1),
        _tensor((3, 4), (1 << 39, 1)),
        _tensor((12,), (-1,), offset=11),
        _tensor((12,), (1,), offset=-1),
        _tensor((-3, -4), (4, 1)),
        _tensor((1 << 35,), (0,)),
        _tensor((13,), (0,)),
        _tensor((100, 100, 100), (0, 0, 0)),
        _tensor((1 << 62, 1 << 62), (0, 0)),
        _tensor((0, 1 << 39), (1, 1)),
        _tensor((3, 4), (4,)),
        _tensor((1,) * 17, (1,) * 17),
        _tensor(storage=_storage(length=13)),
        _tensor(storage=_storage(length=1 << 38)),
        _tensor(storage=_storage(length=-1)),
        _tensor(storage=_storage(key="../../../etc/passwd")),
        _tensor(storage=_storage(kind=b"ctorch\nDoubleStorage\n")),
        _tensor(storage=b"]"),
        _tensor() + b"cbuiltins\nlist\n\x85R",
    ],
)
def test_tensors_that_can_not_be(tmp_path: Path, make: Maker, tensor: bytes) -> None:
    assert "bad.pth is not a checkpoint that can be used" in _complaint(make(tmp_path / "bad.pth", _state(tensor)))


@both
def test_one_storage_under_many_names_fills_no_memory(tmp_path: Path, make: Maker) -> None:
    named = b"".join(_text(f"n{index}") + _tensor((11,), (1,)) for index in range(2000))
    path = make(tmp_path / "many.pth", b"\x80\x02}(" + named + b"u.")
    if path.stat().st_size * 2 < 2000 * 44:
        assert "more than a file of" in _complaint(path)
    else:
        assert len(read_state(path)) == 2000


@both
@pytest.mark.parametrize(
    ("description", "said"),
    [
        (b"\x80\x02}.", "found none in it"),
        (b"\x80\x02N.", "found none in it"),
        (b"\x80\x02}(" + _text("model") + _state(_tensor())[2:-1] + b"u.", "found none in it"),
        (_state(_tensor(), b"K\x01"), "something else there"),
        (b"\x80\x02}(K\x01" + _tensor() + b"u.", "something else there"),
        (_state(_tensor())[:-9], "cut short or garbled"),
        (b"", "cut short or garbled"),
        (b"\x80\x02" + b"N" * (pickled.MAX_INSTRUCTIONS + 1) + b".", "instructions"),
        (b"\x80\x02" + b"X\xff\xff\xff\x7fabc.", "cut short or garbled"),
        (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc.", "cut short or garbled"),
    ],
    ids=["empty", "none", "model", "number", "number key", "cut", "nothing", "long", "long text", "longer text"],
)
def test_descriptions_without_a_state_dict(tmp_path: Path, make: Maker, description: bytes, said: str) -> None:
    assert said in _complaint(make(tmp_path / "bad.pth", description))


@both
def test_tuples_of_tuples_take_no_time(tmp_path: Path, make: Maker) -> None:
    """Each holds the one before twice: hashing or printing the last would take longer than the world is old."""
    nested = b")" + b"2\x86" * 100
    for description in (
        b"\x80\x02}(" + nested + b"N" + b"u.",
        _state(_tensor(), nested),
        _state(nested),
        b"\x80\x02" + nested + b".",
        _state(_tensor(shape=())[:0] + REBUILD + nested + b"R"),
    ):
        assert "is not a checkpoint" in _complaint(make(tmp_path / "nested.pth", description))


@both
def test_one_list_makes_no_more_than_one_dictionary(tmp_path: Path, make: Maker) -> None:
    """Each instruction makes a little: a list of many pairs, taken again and again, would be a bomb."""
    pairs = b"".join(b"J" + struct.pack("<i", key) + b"N\x86" for key in range(2000))
    ordered = b"ccollections\nOrderedDict\nq\x01](" + pairs + b"e\x85q\x02" + b"R"
    description = _state(_tensor(), ordered + b"h\x01h\x02R" * 2000)
    assert "is not a checkpoint" in _complaint(make(tmp_path / "bomb.pth", description))


def test_tensors_that_take_turns_have_their_numbers_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a file of two long rows and many short tensors would be read for hours."""
    filled: list[int] = []
    fill = reading._fill

    def counted(readinto: Callable[[memoryview], int | None], buffer: memoryview) -> None:
        filled.append(len(buffer))
        fill(readinto, buffer)

    monkeypatch.setattr(reading, "_fill", counted)
    turns = [_tensor((2,), (1,), offset, _storage(key)) for offset in range(3) for key in ("0", "1")]
    other = np.arange(12, 24, dtype="<f4").tobytes()
    found = read_state(_zip(tmp_path / "turns.pth", _state(*turns), **{"data/1": other}))
    assert list(found) == list("abcdef")
    np.testing.assert_array_equal(np.concatenate(list(found.values())), [0, 1, 12, 13, 1, 2, 13, 14, 2, 3, 14, 15])
    assert filled == [48, 48]


def test_deep_nesting_is_no_trouble(tmp_path: Path) -> None:
    assert "found none" in _complaint(_zip(tmp_path / "deep.pth", b"\x80\x02)" + b"\x85" * 20_000 + b"."))


# What would like to be run


class _Trap:
    """Pickled, it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.fixture
def sprung(tmp_path: Path) -> Iterator[Path]:
    """A file that a trap would make; it is not there when the test is over."""
    path = tmp_path / "sprung"
    yield path
    assert not path.exists()


def _traps(sprung: Path) -> dict[str, bytes]:
    """Pickles that run something when Python's own unpickler reads them."""
    command, code = f"touch '{sprung}'", f"open({str(sprung)!r}, 'w')"
    opened = pickle.dumps(_Trap(open, str(sprung), "w"), 2)
    system = b"cposix\nsystem\n"
    return {
        "system": pickle.dumps(_Trap(os.system, command), 2),
        "eval": pickle.dumps(_Trap(eval, code), 2),
        "exec, newest protocol": pickle.dumps(_Trap(exec, code), 5),
        "open": opened,
        "inside a state dict": pickle.dumps({"state_dict": OrderedDict(a=_Trap(eval, code))}, 2),
        "beside a state dict": b"\x80\x02}("
        + _text("state_dict")
        + _state(_tensor())[2:-1]
        + _text("x")
        + opened[2:-1]
        + b"u.",
        "nested": b"\x80\x02cbuiltins\ngetattr\n"
        + _tuple(system, _text("__call__"))
        + b"R"
        + _tuple(_text(command))
        + b"R.",
        "by instance": b"(" + _text(command) + b"iposix\nsystem\n.",
        "by object": b"(" + system + _text(command) + b"o.",
        "by new object": b"\x80\x02" + system + _tuple(_text(command)) + b"\x81.",
        "by keywords": b"\x80\x04" + system + _tuple(_text(command)) + b"}\x92.",
        "by extension code": b"\x80\x02\x82\xf0" + _tuple(_text(command)) + b"R.",
        "by persistent text": b"Pposix system\n" + _tuple(_text(command)) + b"R.",
        "by attributes": b"\x80\x02" + REBUILD + b"N}" + _text("__call__") + system + b"s\x86b" + b"N\x85R.",
        "by class attributes": b"\x80\x02ccollections\nOrderedDict\n}" + _text("__setstate__") + system + b"sb)R.",
        "by list": b"\x80\x02" + system + b"(" + _text(command) + b"e.",
        "a known name called wrongly": b"\x80\x02ctorch\nFloatStorage\n" + _tuple(_text(command)) + b"R.",
        "by a name in two pieces": b"\x80\x04"
        + _text("posix")
        + _text("system")
        + b"\x93"
        + _tuple(_text(command))
        + b"R.",
        "by a name with dots": b"\x80\x04"
        + _text("torch._utils")
        + _text("os.system")
        + b"\x93"
        + _tuple(_text(command))
        + b"R.",
        "torch's own loader": b"\x80\x02ctorch\nload\n" + _tuple(_text(command)) + b"R.",
        "numpy's own loader": b"\x80\x02cnumpy\nload\n" + _tuple(_text(command)) + b"R.",
    }


@both
def test_nothing_in_a_file_is_run(tmp_path: Path, make: Maker, sprung: Path) -> None:
    copyreg.add_extension("posix", "system", 0xF0)
    try:
        for trap in _traps(sprung).values():
            said = _complaint(make(tmp_path / "hostile.pth", trap))
            assert "is not a checkpoint that can be used" in said
            assert not sprung.exists()
    finally:
        copyreg.remove_extension("posix", "system", 0xF0)


def test_the_traps_are_real(sprung: Path) -> None:
    """Python's own unpickler does fall into them."""
    pickle.loads(_traps(sprung)["open"]).close()
    assert sprung.exists()
    sprung.unlink()


@both
def test_the_name_that_was_asked_for_is_said(tmp_path: Path, make: Maker, sprung: Path) -> None:
    said = _complaint(make(tmp_path / "hostile.pth", _traps(sprung)["system"]))
    assert f"asks for {os.system.__module__}.system, which no checkpoint needs; nothing was run" in said


def test_names_that_are_too_long_or_not_for_people_stay_on_the_line(tmp_path: Path) -> None:
    for name in (b"x" * 100_000, "\u202e\x1b[31m".encode()):
        said = _complaint(_zip(tmp_path / "hostile.pth", b"\x80\x02c" + name + b"\nsystem\n."))
        assert said.isprintable()


@both
def test_reading_a_hostile_file_changes_nothing_for_the_next(tmp_path: Path, make: Maker, sprung: Path) -> None:
    for trap in _traps(sprung).values():
        _complaint(make(tmp_path / "hostile.pth", trap))
    assert read_state(make(tmp_path / "good.pth", _state(_tensor()))).keys() == {"a"}


def test_a_whole_module_is_refused_by_its_name(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    assert "asks for torch.nn.modules.linear.Linear" in _complaint(tmp_path / "module.pth")


# Files of other kinds, and damaged ones


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture (PNG)"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "a picture (JPEG)"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "a web page"),
        (b"<html><body>404</body></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 435807851\n", "a Git LFS pointer"),
        (gzip.compress(b"weights"), "a gzip archive"),
        (pickle.dumps({"a": 1}), "a pickle that PyTorch didn't write"),
        (b"just some text", "another kind of file"),
        (b"PK", "another kind of file"),
        (bytes(1000), "another kind of file"),
    ],
    ids=["nothing", "png", "jpeg", "page", "short page", "lfs", "gzip", "pickle", "text", "letters", "zeros"],
)
def test_other_files_are_called_what_they_are(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    text = _complaint(path)
    assert "weights.pth is not a checkpoint that can be used: expected a PyTorch or safetensors file, got" in text
    assert said in text


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "found no file there" in _complaint(tmp_path / "none.pth")
    assert "found no file there" in _complaint(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    assert "found no file there" in _complaint(tmp_path / "pipe.pth")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever may read everything runs this")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "locked.pth").write_bytes(b"PK")
    (tmp_path / "locked.pth").chmod(0)
    assert "can't read it" in _complaint(tmp_path / "locked.pth")


def test_another_zip_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("wav2lip.pth", b"weights")
    assert "got another zip archive" in _complaint(tmp_path / "other.pth")


def test_a_torchscript_program(tmp_path: Path) -> None:
    path = _zip(tmp_path / "script.pth", _state(_tensor()), **{"constants.pkl": b"\x80\x02)."})
    assert "got a TorchScript program" in _complaint(path)


def test_a_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(100 << 20))
    assert "got a compressed one" in _complaint(tmp_path / "bomb.pth")


def test_a_file_packed_again(tmp_path: Path) -> None:
    plain = _zip(tmp_path / "plain.pth", _state(_tensor()))
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(tmp_path / "packed.pth", "w") as packed:
        for name in archive.namelist():
            kind = zipfile.ZIP_DEFLATED if name.endswith("data/0") else zipfile.ZIP_STORED
            packed.writestr(name, archive.read(name), kind)
    assert "got a compressed one" in _complaint(tmp_path / "packed.pth")


def test_numbers_that_changed_on_the_way(tmp_path: Path) -> None:
    path = _zip(tmp_path / "flipped.pth", _state(_tensor()))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<3f", 5, 6, 7), struct.pack("<3f", 5, 7, 7)))
    assert "damaged; fetch it again" in _complaint(path)


@both
def test_a_file_cut_anywhere(tmp_path: Path, make: Maker) -> None:
    content = make(tmp_path / "whole.pth", _state(_tensor())).read_bytes()
    for length in range(0, len(content), 7):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        assert "is not a checkpoint" in _complaint(tmp_path / "cut.pth")


def test_two_descriptions_of_the_same_numbers(tmp_path: Path) -> None:
    description = _state(_tensor(), _tensor(storage=_storage(length=6, kind=b"ctorch\nDoubleStorage\n")))
    assert "in two ways" in _complaint(_zip(tmp_path / "two.pth", description))


@pytest.mark.parametrize("keys", [["1"], ["0", "0"], [0], "0"])
def test_legacy_lists_of_parts_that_do_not_fit(tmp_path: Path, keys: Any) -> None:
    _complaint(_legacy(tmp_path / "bad.pth", _state(_tensor()), keys))


def test_legacy_parts_of_another_length(tmp_path: Path) -> None:
    for length in (0, 13, -1, 1 << 62):
        _complaint(_legacy(tmp_path / "bad.pth", _state(_tensor()), length=length))


def _safetensors(path: Path, header: object, numbers: bytes = bytes(48)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"__metadata__": {"a": "b"}},
        {"a": {"dtype": "F32", "shape": [13], "data_offsets": [0, 52]}},
        {"a": {"dtype": "F32", "shape": [12], "data_offsets": [0, 44]}},
        {"a": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": [-12], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F8_E4M3", "shape": [48], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F99", "shape": [12], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": [12], "data_offsets": [48, 0]}},
        b'{"a":' * 10_000,
        b"{not json}",
    ],
)
def test_safetensors_that_can_not_be(tmp_path: Path, header: object) -> None:
    assert "is not a checkpoint" in _complaint(_safetensors(tmp_path / "bad.safetensors", header))


def _damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The content with a few bytes changed, taken out, doubled or cut off."""
    damaged = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        place, much = int(random.integers(0, max(len(damaged), 1))), int(random.integers(1, 9))
        match int(random.integers(0, 5)):
            case 0:
                damaged[place : place + 1] = random.bytes(1)
            case 1:
                damaged[place : place + much] = random.bytes(much)
            case 2:
                del damaged[place : place + much]
            case 3:
                damaged[place:place] = damaged[place : place + much]
            case _:
                damaged[place : place + 4] = random.choice(
                    [b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\xff\xff\xff\x7f"]
                )
    return bytes(damaged)


def _fuzz(tmp_path: Path, make: Callable[[np.random.Generator], bytes]) -> int:
    """Read damaged files; how many of them could be read all the same."""
    survived = 0
    for seed in range(FUZZED):
        path = tmp_path / "fuzzed.pth"
        path.write_bytes(make(np.random.default_rng(seed)))
        try:
            survived += len(read_state(path)) > 0
        except WeightsError as error:
            assert "\n" not in str(error)
    return survived


DESCRIPTION = _state(_tensor(), _tensor((2, 2), (6, 2), 3))


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_damaged_files_get_an_error_of_ours_or_are_read(tmp_path: Path, arrays: Arrays, kind: str) -> None:
    if kind == "safetensors":
        whole = write_safetensors(tmp_path / "whole", arrays)
    else:
        pytest.importorskip("torch")
        whole = write_checkpoint(tmp_path / "whole", arrays, optimiser=True, legacy=kind == "legacy")
    content = whole.read_bytes()
    assert _fuzz(tmp_path, lambda random: _damaged(content, random)) < FUZZED


def test_damaged_descriptions_get_an_error_of_ours_or_are_read(tmp_path: Path, arrays: Arrays) -> None:
    """In a zip file whose checksums are right: the damage reaches the part that reads the description."""
    pytest.importorskip("torch")
    path = write_checkpoint(tmp_path / "whole", arrays, optimiser=True)
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        members = {name: archive.read(name) for name in archive.namelist()}

    def packed(random: np.random.Generator) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, _damaged(content, random) if name == f"{root}/data.pkl" else content)
        return made.getvalue()

    assert 0 < _fuzz(tmp_path, packed) < FUZZED
