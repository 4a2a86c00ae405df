"""The content of a pickle, read without running it: no name in it is ever looked up, nothing in it is ever called.

PyTorch's checkpoints are pickles, and a pickle is a program: Python's own unpickler calls whatever function it names.
Here the program is read as data. Of its instructions those are followed that build numbers, texts, lists and
dictionaries; of the names in it a few are known (tensors, their storages, ordered dictionaries), and each of them
becomes a value of ours.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

MAX_INSTRUCTIONS = 200_000
"""A checkpoint of the published networks, optimiser and all, has some 35 000."""
MAX_INTEGER = 1 << 40
"""Beyond any size, stride, offset or place."""
MAX_DIMENSIONS = 16

STORAGES: Final = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
}
"""PyTorch's names for rows of numbers, and NumPy's for the numbers; bf16 is the upper half of an f4."""

_DICTIONARY = "collections.OrderedDict"
_TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_PARAMETER = "torch._utils._rebuild_parameter"
_IGNORED = frozenset(
    {
        "torch.Size",
        "torch.device",
        *(f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool")),
        "numpy.dtype",
        "numpy.ndarray",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
        "_codecs.encode",
        "collections.defaultdict",
        *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("dict", "list", "set")),
    }
)
"""Names in honest files beside the weights, in an optimiser's state for example: nothing is made of them."""


class Unreadable(ValueError):
    """A file that can't be used; the reason, to stand behind the file's name."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A row of numbers that lies elsewhere in the file."""

    dtype: str
    """A value of `STORAGES`."""
    key: str
    length: int
    """In numbers."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view into a storage; not checked against the storage's length."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In numbers."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A module's function or class, as named by the pickle and known here."""

    text: str


class _Ignored:
    """Placeholder for a value that is not needed."""


_IGNORED_VALUE = _Ignored()
_MARK = object()


@dataclass(frozen=True, slots=True)
class Pickled:
    """The content of a pickle."""

    content: object
    """Dictionaries, lists, tuples, texts, numbers, `Tensor`s, and placeholders."""
    storages: Mapping[str, Storage]
    """All that it refers to, by their keys."""


def read_pickle(stream: BytesIO) -> Pickled:
    """Follow a pickle up to its end, where the stream then stands.

    Raises:
        Unreadable: it is damaged, or names something that no checkpoint needs.
    """
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MAX_INSTRUCTIONS:
                raise Unreadable(f"expected at most {MAX_INSTRUCTIONS} instructions, got more")
            machine.follow(instruction.name, argument)
        return Pickled(machine.pop(), machine.storages)
    except Unreadable:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, DeprecationWarning) as error:
        # All that a garbled pickle leads to: texts cut short, values that are missing or of another kind, escapes that
        # Python deprecates (where warnings are errors).
        raise Unreadable("its description of the tensors is cut short or garbled") from error


@dataclass
class _Machine:
    """The pickle's stack and memory."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)

    def follow(self, instruction: str, argument: Any) -> None:
        """Follow one instruction."""
        if instruction in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif instruction in _PUSH_NEW:
            self.stack.append(_PUSH_NEW[instruction]())
        elif instruction in _ACTIONS:
            _ACTIONS[instruction](self, argument)
        elif instruction not in _NOTHING:
            raise Unreadable(f"it holds the instruction {instruction}, which no checkpoint needs; nothing was run")

    def pop(self) -> Any:
        """Take the uppermost value."""
        value = self.stack.pop()
        if value is _MARK:
            raise Unreadable("its description of the tensors is garbled")
        return value

    def pop_to_mark(self) -> list[Any]:
        """Take all values above the last mark, and the mark."""
        values = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def store(self, argument: Any) -> None:
        """Remember the uppermost value; without an argument, at the next free place."""
        self.memo[len(self.memo) if argument is None else int(argument)] = self.stack[-1]

    def load(self, argument: Any) -> None:
        """Push a remembered value."""
        self.stack.append(self.memo[int(argument)])

    def collect(self, make: Callable[[list[Any]], Any]) -> None:
        """Make one value of all above the mark."""
        self.stack.append(make(self.pop_to_mark()))

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the uppermost values."""
        self.stack.append(tuple([self.pop() for _ in range(count)][::-1]))

    def add_items(self, items: list[Any]) -> None:
        """Put values at the end of the list below them."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)
        elif self.stack[-1] is not _IGNORED_VALUE:
            raise Unreadable("its description of the tensors is garbled")

    def set_items(self, items: list[Any]) -> None:
        """Put keys and values into the dictionary below them."""
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(_dictionary(items))
        elif self.stack[-1] is not _IGNORED_VALUE:
            raise Unreadable("its description of the tensors is garbled")

    def name(self, argument: Any) -> None:
        """Push a name, given in one piece or as the two uppermost values."""
        module, name = argument.split(" ", 1) if argument is not None else (self.pop(), self.pop())[::-1]
        if not (isinstance(module, str) and isinstance(name, str)):
            raise Unreadable("its description of the tensors is garbled")
        self.stack.append(_known(f"{module}.{name}"))

    def persistent(self) -> None:
        """Make a storage of the tuple that names it."""
        kind, name, key, _, length, *view = self.pop()
        if kind != "storage" or not isinstance(name, _Name) or not isinstance(key, str) or view not in ([], [None]):
            raise Unreadable("it refers to numbers elsewhere in a way that isn't known")
        storage = Storage(_storage_type(name), key, _whole(length))
        if self.storages.setdefault(key, storage) != storage:
            raise Unreadable("it describes the same numbers in two ways")
        self.stack.append(storage)

    def make(self) -> None:
        """Make the value that Python's own unpickler would make by a call."""
        arguments, name = self.pop(), self.pop()
        if not isinstance(arguments, tuple):
            raise Unreadable("its description of the tensors is garbled")
        self.stack.append(_made(name, arguments))

    def build(self) -> None:
        """Drop the attributes given to a value: none are needed (a state dict carries its layers' versions)."""
        self.pop()
        if not isinstance(self.stack[-1], dict | _Ignored):
            raise Unreadable("it changes a value that isn't its own; nothing was run")


_PUSH_ARGUMENT = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    }
)
_PUSH_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
    "MARK": lambda: _MARK,
}
_NOTHING = frozenset({"PROTO", "FRAME", "STOP"})
_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.collect(tuple),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": lambda machine, _: machine.collect(list),
    "FROZENSET": lambda machine, _: machine.collect(list),
    "DICT": lambda machine, _: machine.collect(_dictionary),
    "APPEND": lambda machine, _: machine.add_items([machine.pop()]),
    "APPENDS": lambda machine, _: machine.add_items(machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.store),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.load),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    "BINPERSID": lambda machine, _: machine.persistent(),
    "REDUCE": lambda machine, _: machine.make(),
    "NEWOBJ": lambda machine, _: machine.make(),
    "BUILD": lambda machine, _: machine.build(),
}
"""Whatever isn't here (extension codes, objects by class, buffers of another process) is refused."""


def _dictionary(items: list[Any]) -> dict[Any, Any]:
    """Make a dictionary of keys and values in turn; keys are plain, as hashing nested tuples may take for ever."""
    if len(items) % 2 or any(not isinstance(key, str | int | float | bytes | None) for key in items[::2]):
        raise Unreadable("its description of the tensors is garbled")
    return dict(zip(items[::2], items[1::2], strict=True))


def _known(text: str) -> _Name | _Ignored:
    """Return the name if a checkpoint may use it."""
    if text in _IGNORED:
        return _IGNORED_VALUE
    name = _Name(text)
    if text not in (_DICTIONARY, *_TENSORS, _PARAMETER):
        try:
            _storage_type(name)
        except KeyError:
            raise Unreadable(f"it asks for {printable(text)}, which no checkpoint needs; nothing was run") from None
    return name


def _storage_type(name: _Name) -> str:
    """Return NumPy's type of a storage; KeyError for another name."""
    module, _, kind = name.text.rpartition(".")
    if module not in ("torch", "torch.cuda"):
        raise KeyError(kind)
    return STORAGES[kind]


def _made(name: object, arguments: tuple[Any, ...]) -> object:
    """Make the value of a known name and its arguments."""
    if name is _IGNORED_VALUE:
        return _IGNORED_VALUE
    if not isinstance(name, _Name):
        raise Unreadable("it calls what is no function; nothing was run")
    if name.text == _DICTIONARY:
        return _ordered(arguments)
    if name.text in _TENSORS:
        storage, offset, shape, strides, *_ = arguments
        return _tensor(storage, offset, shape, strides)
    if name.text == _PARAMETER and isinstance(arguments[0], Tensor):
        return arguments[0]
    raise Unreadable("its description of the tensors is garbled")


def _ordered(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """Make an ordered dictionary, empty or of pairs."""
    [pairs] = arguments or ([],)
    if not isinstance(pairs, list):
        raise Unreadable("its description of the tensors is garbled")
    items: list[Any] = []
    for key, value in pairs:
        items += [key, value]
    pairs.clear()  # One dictionary of each list: a short file that made many of one would fill the memory.
    return _dictionary(items)


def _tensor(storage: object, offset: object, shape: object, strides: object) -> Tensor:
    """Make a tensor of checked parts."""
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise Unreadable("its description of the tensors is garbled")
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise Unreadable("it describes a tensor whose shape and strides don't fit each other")
    return Tensor(storage, _whole(offset), tuple(map(_whole, shape)), tuple(map(_whole, strides)))


def _whole(number: object) -> int:
    """Check a size, stride or offset."""
    if not isinstance(number, int) or not 0 <= number <= MAX_INTEGER:
        raise Unreadable("it describes a tensor with a size, stride or offset that can't be")
    return number


def printable(text: str) -> str:
    """Return a text out of a file, printable and short enough for a message."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
