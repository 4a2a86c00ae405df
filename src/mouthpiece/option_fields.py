"""How an option is declared: once, as a field of a dataclass, with its default, help, range and flag.

`mouthpiece.options` has the options themselves. No NumPy here: `mouthpiece --help` loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from mouthpiece.errors import OptionError

T = TypeVar("T")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is known of an option beside its default; travels in the field's metadata."""

    help: str
    """One line for people."""
    flag: str | None = None
    """On the command line: `--fps`; several names separated by commas. None: not there."""
    kind: Any = None
    """Type of a value on the command line; that of the default where not given."""
    metavar: str | None = None
    low: float | Fraction | None = None
    high: float | Fraction | None = None
    limits: str | None = None
    """The range in words; made from `low` and `high` where not given."""
    parse: Callable[[str], Any] | None = None
    """From the text of a flag to a value, where the type alone doesn't do."""
    scale: float = 1.0
    """A flag's number is divided by this: 1000 where people write milliseconds of an option in seconds."""
    negated: bool = False
    """Whether the flag switches off what is on by default."""
    envvar: str | None = None
    """Environment variable that gives the value where no flag does."""


def option(default: Any = MISSING, *, default_factory: Any = MISSING, secret: bool = False, **spec: Any) -> Any:
    """Declare an option: a dataclass field with its `Spec`.

    Args:
        default: as of `dataclasses.field`.
        default_factory: likewise.
        secret: whether the value is kept out of the dataclass's text.
        spec: what is known of it, as of `Spec`.
    """
    made = {"spec": Spec(**spec)}
    return field(default=default, default_factory=default_factory, repr=not secret, metadata=made)


def spec_of(declared: Field[Any]) -> Spec | None:
    """Return an option's `Spec`; None for a field that is a group of options or nothing for users."""
    spec: Spec | None = declared.metadata.get("spec")
    return spec


def check_ranges(options: Any) -> None:
    """Check the numbers of an option dataclass against the ranges that its fields declare.

    Raises:
        OptionError: one is out of range, or no number.
    """
    for declared in fields(options):
        if spec := spec_of(declared):
            check_range(declared.name, getattr(options, declared.name), spec)


def check_range(name: str, value: Any, spec: Spec) -> None:
    """Check one option's number against its range; None is in every one.

    Args:
        name: what the message calls it.
        value: the number.
        spec: with the range.

    Raises:
        OptionError: it is out of range, or no number.
    """
    low, high = spec.low, spec.high
    try:
        fits = value is None or ((low is None or low <= value) and (high is None or value <= high))
    except TypeError:
        fits = False
    if not fits:
        number = f"{float(value):g}" if isinstance(value, float | Fraction) else repr(value)
        raise OptionError(f"{name} expects {_range(spec)}, got {number}")


def _range(spec: Spec) -> str:
    if spec.limits is not None:
        return spec.limits
    low, high = (None if end is None else f"{float(end):g}" for end in (spec.low, spec.high))
    return f"at least {low}" if high is None else f"{low} to {high}"


def read_options(kind: type[T], given: Mapping[str, object], *, owner: str) -> T:
    """Make an option dataclass from names and values, those in text converted to the fields' types.

    Args:
        kind: the dataclass.
        given: values by field name; text as from a command line, or values of the right type.
        owner: whose options they are, for messages.

    Raises:
        OptionError: there is no such option, or a value isn't of its type or out of range.
    """
    known = {declared.name: declared for declared in fields(kind)} if is_dataclass(kind) else {}
    for name in given:
        if name not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none of its own"
            raise OptionError(f"{owner} has no option {name!r}; {has}")
    made = kind(**{name: _value(known[name], value, owner) for name, value in given.items()})
    check_ranges(made)
    return made


def _value(declared: Field[Any], value: object, owner: str) -> Any:
    """Return one option's value, converted where it is text."""
    spec = spec_of(declared)
    if not isinstance(value, str):
        return value
    try:
        if spec is not None and spec.parse is not None:
            return spec.parse(value)
        return _from_text(value, (spec.kind if spec is not None else None) or type(declared.default))
    except (ValueError, TypeError, OptionError) as error:
        raise OptionError(f"{owner}'s option {declared.name}: {error}") from error


def _from_text(text: str, kind: Any) -> Any:
    """Convert a text to a value of a type.

    Raises:
        ValueError: it can't be.
    """
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = [str(member.value) for member in kind]
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, got {text!r}")
        return kind(text)
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise ValueError(f"expected true or false, got {text!r}")
        return _TRUTH[text.lower()]
    if kind in (int, float, Fraction):
        try:
            return kind(text)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"expected a number, got {text!r}") from None
    if kind is tuple or getattr(kind, "__origin__", None) is tuple:
        try:
            return tuple(int(part) for part in text.replace(",", " ").split())
        except ValueError:
            raise ValueError(f"expected whole numbers, got {text!r}") from None
    if getattr(kind, "__origin__", None) is list:
        return tuple(_from_text(part.strip(), kind.__args__[0]) for part in text.split(","))
    return Path(text) if kind is Path else text


def option_text(value: object) -> str:
    """Format an option's value as it would be typed; empty for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, float | Fraction):
        return f"{float(value):g}"
    return str(value).lower() if isinstance(value, bool) else str(value.value if isinstance(value, Enum) else value)
