"""Checkpoints as arrays, read without PyTorch and without running anything in them.

Three kinds are read: what `torch.save` writes (a zip file since PyTorch 1.6), what it wrote before, and safetensors.
Why we read them ourselves: docs/decisions/0008-reading-checkpoints.md.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mouthpiece.checkpoints.pickled import Pickled, Storage, Tensor, Unreadable, read_pickle
from mouthpiece.errors import WeightsError

MAX_PICKLE_BYTES = 8 << 20
"""Of the part that describes the tensors: some 100 kB in the published files."""
MAX_GROWTH = 2
"""How many times its file's size a state dict may take in memory: half precision becomes float32."""
CHUNK_BYTES = 1 << 20

_StateDict = dict[str, NDArray[Any]]

_ZIP = b"PK\x03\x04"
_LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""PyTorch's own magic number, pickled."""
_LEGACY_PROTOCOL = 1001
_PREFIX = "module."
_FLOATING = ("bf16", "f2", "f4", "f8")
_SAFETENSORS: Final = {
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "BF16": "bf16",
    "I64": "i8",
    "I32": "i4",
    "I16": "i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "b1",
}
_FOREIGN: Final = {
    b"version https://git-lfs": "a Git LFS pointer (fetch the file itself: git lfs pull)",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"%PDF": "a document (PDF)",
    b"\x1f\x8b": "a gzip archive (unpack it)",
    b"7z\xbc\xaf": "a 7z archive (unpack it)",
    b"Rar!": "a RAR archive (unpack it)",
    b"\x89HDF": "an HDF5 file",
    b"GGUF": "a GGUF file",
    b"\x80": "a pickle that PyTorch didn't write",
    b"\x08": "another kind of file (an ONNX model?)",
}
"""Beginnings of other files that people end up with."""


def read_state(path: Path) -> _StateDict:
    """Read a network's state dict from a file of any known kind, found by its content.

    The dictionary may stand under "state_dict", as in the published files, or be all there is; a `module.` before all
    names is taken off. Only its own tensors are read: an optimiser's state beside it costs nothing.

    Returns:
        Arrays by name, in the file's order: floating point as float32, whole numbers as they are. They may be written
        into; two of them share memory where they share numbers in the file.

    Raises:
        WeightsError: the file is missing, damaged, of another kind, or asks for something to be run (which it isn't).
    """
    if not path.is_file():
        raise WeightsError(f"expected a checkpoint at {path}, found no file there")
    try:
        with path.open("rb") as file:
            state = _read(file, path)
    except OSError as error:
        raise WeightsError(f"expected a checkpoint at {path}, can't read it: {error.strerror or error}") from error
    except Unreadable as error:
        raise WeightsError(f"{path.name} is not a checkpoint that can be used: {error}") from error
    except MemoryError as error:
        raise WeightsError(f"{path.name} takes more memory than this machine has") from error
    return _without_prefix(state)


def _read(file: BufferedReader, path: Path) -> _StateDict:
    """Choose the reader by the first bytes."""
    head = file.read(512)
    size = file.seek(0, 2)
    file.seek(0)
    if head.startswith(_ZIP):
        return _read_zip(file, size)
    if head.startswith(_LEGACY):
        return _read_legacy(file, size)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size:
        return _read_safetensors(file, path)
    raise Unreadable(f"expected a PyTorch or safetensors file, got {_describe(head)}; fetch it again")


def _describe(head: bytes) -> str:
    """Describe a file that is no checkpoint by its beginning."""
    if not head:
        return "an empty file"
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a web page (the download needs a browser or a login)"
    for beginning, kind in _FOREIGN.items():
        if head.startswith(beginning):
            return kind
    return "another kind of file"


# What all PyTorch files have in common


@dataclass
class _Numbers:
    """The rows of numbers in a PyTorch file. The last one read is kept, for tensors that share it."""

    size_of: Callable[[Storage], int]
    """Bytes that the file holds for a storage; Unreadable where it holds none."""
    fill: Callable[[Storage, memoryview], None]
    """Read a storage into memory."""
    little_endian: bool = True
    _last: tuple[str, NDArray[Any]] | None = field(default=None, repr=False)

    def check(self, tensor: Tensor) -> int:
        """Compute the bytes that the tensor will take in memory, before anything is read.

        Raises:
            Unreadable: it reaches beyond its storage, or the storage isn't there.
        """
        storage = tensor.storage
        expected, held = _bytes_of(storage), self.size_of(storage)
        if held != expected:
            raise Unreadable(f"expected {expected} bytes for one of its tensors, got {held}; fetch it again")
        count = prod(tensor.shape)
        last = tensor.offset + sum(
            (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
        )
        # Strides of 0 could make much of little: no tensor has more numbers than what it looks into.
        if count > storage.length or (count and last >= storage.length):
            raise Unreadable("one of its tensors reaches beyond its numbers")
        if not count:
            raise Unreadable("one of its tensors is empty")
        return count * (4 if storage.dtype in _FLOATING else _width(storage.dtype))

    def array(self, tensor: Tensor) -> NDArray[Any]:
        """Read the tensor, which was checked, into its own memory unless it is all of a storage."""
        row = self._row(tensor.storage)
        if tensor.offset == 0 and prod(tensor.shape) == len(row) and _is_contiguous(tensor):
            return row.reshape(tensor.shape)
        steps = tuple(stride * row.itemsize for stride in tensor.strides)
        view: NDArray[Any] = np.lib.stride_tricks.as_strided(row[tensor.offset :], tensor.shape, steps)
        return view.copy(order="C")

    def _row(self, storage: Storage) -> NDArray[Any]:
        """Read a storage's numbers."""
        if self._last is None or self._last[0] != storage.key:
            self._last = None  # Before the next one is read: one at a time.
            buffer = np.empty(self.size_of(storage), dtype=np.uint8)
            self.fill(storage, buffer.data)
            self._last = storage.key, _converted(buffer, storage.dtype, self.little_endian)
        return self._last[1]


def _width(dtype: str) -> int:
    """Return the bytes of a number as stored."""
    return 2 if dtype == "bf16" else np.dtype(dtype).itemsize


def _bytes_of(storage: Storage) -> int:
    """Return the bytes that a storage should have."""
    return storage.length * _width(storage.dtype)


def _is_contiguous(tensor: Tensor) -> bool:
    """Check whether the numbers lie in NumPy's own order."""
    step = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def _converted(buffer: NDArray[np.uint8], dtype: str, little_endian: bool) -> NDArray[Any]:
    """Convert bytes to numbers: floating point in float32, others as they are, in this machine's byte order."""
    order = "<" if little_endian else ">"
    if dtype == "bf16":
        return (buffer.view(f"{order}u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
    if dtype == "b1":
        return buffer.astype(np.bool_)
    numbers = buffer.view(f"{order}{dtype}")
    kind = np.dtype(np.float32) if numbers.dtype.kind == "f" else numbers.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):  # A double beyond float32 becomes infinite; `check_state` finds it.
        converted: NDArray[Any] = numbers.astype(kind, copy=False)
    return converted


def _state_of(content: object, numbers: _Numbers, file_bytes: int) -> _StateDict:
    """Find the state dict and read its tensors, once they are known to fit."""
    tensors = _tensors(content)
    total = sum(numbers.check(tensor) for tensor in tensors.values())
    if total > MAX_GROWTH * file_bytes:
        raise Unreadable(f"its tensors would take {total} bytes, more than a file of {file_bytes} bytes can hold")
    arrays = {name: numbers.array(tensors[name]) for name in _by_storage(tensors)}
    return {name: arrays[name] for name in tensors}


def _by_storage(tensors: Mapping[str, Tensor]) -> list[str]:
    """Order the names of tensors by storage, so that each storage is read once."""
    sharing: dict[str, list[str]] = {}
    for name, tensor in tensors.items():
        sharing.setdefault(tensor.storage.key, []).append(name)
    return [name for names in sharing.values() for name in names]


def _tensors(content: object) -> dict[str, Tensor]:
    """Find the state dict in a pickle's content."""
    wrapped = isinstance(content, dict) and isinstance(content.get("state_dict"), dict)
    found = content["state_dict"] if isinstance(content, dict) and wrapped else content
    if not isinstance(found, dict) or not any(isinstance(value, Tensor) for value in found.values()):
        raise Unreadable("expected a state dict, bare or under 'state_dict', found none in it")
    tensors = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if len(tensors) != len(found):
        raise Unreadable("expected only tensors in its state dict, found something else there")
    return tensors


# The zip format


def _read_zip(file: BufferedReader, size: int) -> _StateDict:
    """Read a file of `torch.save`: the description in data.pkl, each row of numbers in a member of its own."""
    with _zip_trouble(), zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        root = _root(members)
        description = _member(members, f"{root}data.pkl", min(size, MAX_PICKLE_BYTES))
        content = read_pickle(BytesIO(archive.read(description))).content
        order = members.get(f"{root}byteorder")
        little = order is None or archive.read(_member(members, order.filename, 16)) != b"big"

        def size_of(storage: Storage) -> int:
            return _member(members, f"{root}data/{storage.key}", size).file_size

        def fill(storage: Storage, buffer: memoryview) -> None:
            with archive.open(members[f"{root}data/{storage.key}"]) as member:
                _fill(member.readinto, buffer)  # type: ignore[attr-defined]  # a ZipExtFile
                member.read(1)  # At its end the checksum is compared.

        return _state_of(content, _Numbers(size_of, fill, little), size)


def _root(members: Mapping[str, zipfile.ZipInfo]) -> str:
    """Return the folder of all members, with its slash."""
    roots = [name.removesuffix("data.pkl") for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise Unreadable("expected a PyTorch file, got another zip archive (unpack it?)")
    [root] = roots
    if f"{root}constants.pkl" in members:
        raise Unreadable("expected a state dict, got a TorchScript program; save its state_dict() instead")
    return root


def _member(members: Mapping[str, zipfile.ZipInfo], name: str, most: int) -> zipfile.ZipInfo:
    """Return a member that can be read as it lies in the file."""
    member = members.get(name)
    if member is None:
        raise Unreadable("one of its parts is missing; fetch it again")
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
        raise Unreadable("expected a file as torch.save writes it, got a compressed one; unpack and save it again")
    if member.file_size > most:
        raise Unreadable(f"expected at most {most} bytes in one of its parts, got {member.file_size}")
    return member


@contextmanager
def _zip_trouble() -> Iterator[None]:
    """Translate the zip reader's many exceptions."""
    try:
        yield
    except Unreadable:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
        raise Unreadable("its zip archive is cut short or damaged; fetch it again") from error


def _fill(readinto: Callable[[memoryview], int | None], buffer: memoryview) -> None:
    """Read a buffer full, a chunk at a time, so that nothing is held twice."""
    done = 0
    while done < len(buffer):
        count = readinto(buffer[done : done + CHUNK_BYTES])
        if not count:
            raise Unreadable("it is cut short; fetch it again")
        done += count


# The format before PyTorch 1.6


def _read_legacy(file: BufferedReader, size: int) -> _StateDict:
    """Read five pickles (magic number, version, machine, content, keys), then each key's numbers: count, bytes."""
    described, keys, start = _legacy_pickles(file)
    places = _legacy_places(file, size, start, keys, described.storages)

    def size_of(storage: Storage) -> int:
        if storage.key not in places:
            raise Unreadable("one of its parts is missing; fetch it again")
        return _bytes_of(storage)

    def fill(storage: Storage, buffer: memoryview) -> None:
        file.seek(places[storage.key])
        _fill(file.readinto, buffer)

    return _state_of(described.content, _Numbers(size_of, fill), size)


def _legacy_pickles(file: BufferedReader) -> tuple[Pickled, list[str], int]:
    """Read the content, the keys, and the place where the numbers begin."""
    head = BytesIO(file.read(MAX_PICKLE_BYTES))
    read_pickle(head)
    if read_pickle(head).content != _LEGACY_PROTOCOL:
        raise Unreadable(f"expected version {_LEGACY_PROTOCOL} of PyTorch's old format, got another")
    read_pickle(head)
    described, keys = read_pickle(head), read_pickle(head).content
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Unreadable("its list of parts is garbled; fetch it again")
    return described, keys, head.tell()


def _legacy_places(
    file: BufferedReader, size: int, start: int, keys: list[str], storages: Mapping[str, Storage]
) -> dict[str, int]:
    """Find where each storage's numbers begin in the file."""
    places: dict[str, int] = {}
    for key in keys:
        if key not in storages or key in places:
            raise Unreadable("its list of parts is garbled; fetch it again")
        file.seek(start)
        if int.from_bytes(file.read(8), "little") != storages[key].length:
            raise Unreadable("it is cut short or damaged; fetch it again")
        places[key] = start + 8
        start = places[key] + _bytes_of(storages[key])
        if start > size:
            raise Unreadable("it is cut short; fetch it again")
    return places


# Safetensors


def _read_safetensors(file: BufferedReader, path: Path) -> _StateDict:
    """Read a header in JSON, checked by the library, then all numbers as in other files."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise Unreadable("its safetensors header is damaged or the file is cut short; fetch it again") from error
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    if not header:
        raise Unreadable("expected a state dict, found no tensor in it")
    return {name: _safetensor(file, 8 + length, entry) for name, entry in header.items()}


def _safetensor(file: BufferedReader, start: int, entry: Mapping[str, Any]) -> NDArray[Any]:
    """Read one entry of the header, which the library found to lie within the file."""
    dtype, (first, last) = entry["dtype"], entry["data_offsets"]
    if dtype not in _SAFETENSORS:
        raise Unreadable(f"expected floating point or whole numbers in its tensors, got {dtype}")
    buffer = np.empty(last - first, dtype=np.uint8)
    file.seek(start + first)
    _fill(file.readinto, buffer.data)
    return _converted(buffer, _SAFETENSORS[dtype], little_endian=True).reshape(entry["shape"])


def _without_prefix(state: _StateDict) -> _StateDict:
    """Remove the prefix that training on several GPUs puts before all names."""
    if all(name.startswith(_PREFIX) for name in state):
        return {name.removeprefix(_PREFIX): array for name, array in state.items()}
    return state
