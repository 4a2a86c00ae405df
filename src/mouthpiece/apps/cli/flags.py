"""Flags made from option dataclasses: an option is declared once, as a field, and the command line takes it from there.

A command is a plain function. A parameter that is annotated with an option dataclass becomes a flag for each of its
fields that has one (`mouthpiece.option_fields`), those of the groups within it included; a parameter annotated with
`Console` brings `--json`, `--quiet` and `--debug`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Optional, get_args, get_origin, get_type_hints

import typer

from mouthpiece.apps.cli.console import Console, print_out
from mouthpiece.engines.wav2lip.options import Wav2LipOptions
from mouthpiece.errors import OptionError
from mouthpiece.option_fields import Spec, check_range, option_text, spec_of
from mouthpiece.options import EngineOptions

SHORTHANDS: type = Wav2LipOptions
"""Own options of engines that have a flag each; those of any engine are also set by `--engine-option NAME=VALUE`."""
ENGINE_OPTION = "--engine-option"
DEBUG = typer.Option("--debug", help="Show the traceback of an error.")
OVERWRITE = typer.Option("--yes", "-y", help="Overwrite the output if it exists.")
"""Of commands whose option dataclass has no such field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Which flags of a group a command has; stands in the annotation: `Annotated[SyncOptions, Flags(omit=...)]`."""

    only: frozenset[str] | None = None
    """Names of the fields; all if not given."""
    omit: frozenset[str] = frozenset()
    """Names of fields that are no flags here."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Defaults that differ from the library's."""

    def has(self, name: str) -> bool:
        """Return whether a field is a flag here."""
        return name not in self.omit and (self.only is None or name in self.only)


@dataclass(slots=True)
class _Group:
    """One option dataclass of a command, and how its fields are filled from flags."""

    kind: type
    flags: Flags
    prefix: str
    """Of the names of the command's parameters."""

    def parameters(self) -> Iterator[inspect.Parameter]:
        """Yield a parameter of the command for each flag."""
        for declared in fields(self.kind):
            spec = spec_of(declared)
            if nested := _nested(self.kind, declared):
                yield from _Group(nested, self.flags, self.prefix).parameters()
            elif spec is not None and spec.flag is not None and self.flags.has(declared.name):
                default = self.flags.defaults.get(declared.name, _default(declared))
                yield _parameter(self.prefix + declared.name, spec, default)
        if self.kind is EngineOptions:
            yield from self._own_parameters()

    def _own_parameters(self) -> Iterator[inspect.Parameter]:
        for declared in fields(SHORTHANDS):
            spec = spec_of(declared)
            if spec is not None and self.flags.has(declared.name):
                yield _parameter(self.prefix + declared.name, spec, _default(declared))
        if self.flags.has("own"):
            text = "An option that this engine alone has; may be given several times."
            yield _keyword(
                f"{self.prefix}own",
                list[str] | None,
                typer.Option(ENGINE_OPTION, metavar="NAME=VALUE", show_default=False, help=text),
                None,
            )

    def build(self, values: dict[str, Any], given: frozenset[str]) -> Any:
        """Take this group's values out of a command's, and make the dataclass.

        Args:
            values: of all parameters of the command, by name.
            given: the names of those that stand on the command line.

        Raises:
            OptionError: a value makes no sense.
        """
        made: dict[str, Any] = {}
        for declared in fields(self.kind):
            name = declared.name
            if nested := _nested(self.kind, declared):
                made[name] = _Group(nested, self.flags, self.prefix).build(values, given)
            elif self.kind is EngineOptions and name == "own":
                made[name] = self._own(values, given)
            else:
                value = values.pop(self.prefix + name, None)
                if self.prefix + name in given:
                    made[name] = _from_flag(spec_of(declared), value)
                elif name in self.flags.defaults:
                    made[name] = self.flags.defaults[name]
        return self.kind(**made)

    def _own(self, values: dict[str, Any], given: frozenset[str]) -> dict[str, object]:
        """Collect the engine's own options that were given."""
        own: dict[str, object] = {}
        for declared in fields(SHORTHANDS):
            value = values.pop(self.prefix + declared.name, None)
            if self.prefix + declared.name in given:
                own[declared.name] = _from_flag(spec_of(declared), value)
        for pair in values.pop(f"{self.prefix}own", None) or ():
            name, equals, text = pair.partition("=")
            if not (name and equals):
                raise OptionError(f"{ENGINE_OPTION} expects NAME=VALUE, got {pair!r}")
            own[name.strip().replace("-", "_")] = text
        return own


def group(app: typer.Typer, name: str, text: str) -> typer.Typer:
    """Add a command of commands, which prints its help where none of them is given.

    Args:
        app: where.
        name: of the group.
        text: its help.
    """
    made = typer.Typer(name=name, help=text, rich_markup_mode=None, pretty_exceptions_enable=False)

    @made.callback(invoke_without_command=True, help=text)
    def root(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            print_out(context.get_help())

    app.add_typer(made)
    return made


def add_commands(app: typer.Typer, *functions: Callable[..., None], **settings: Any) -> None:
    """Add functions as commands, their option dataclasses as flags.

    Args:
        app: where.
        functions: each called by the first word of its name.
        settings: passed on to typer.
    """
    for function in functions:
        app.command(function.__name__.partition("_")[0], **settings)(with_flags(function))


def with_flags(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function for typer: flags instead of option dataclasses and the console."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, _Group] = {}
    parameters: list[inspect.Parameter] = []
    consoles: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints[name]
        kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        if kind is Console:
            consoles.append(name)
        elif is_dataclass(kind) and isinstance(kind, type):
            flags = next((extra for extra in get_args(hint)[1:] if isinstance(extra, Flags)), Flags())
            groups[name] = _Group(kind, flags, f"{name}__")
            parameters += groups[name].parameters()
        else:
            parameters.append(parameter.replace(annotation=hint))
    parameters.sort(key=lambda parameter: parameter.kind is inspect.Parameter.KEYWORD_ONLY)

    @functools.wraps(function)
    def run(context: typer.Context, **values: Any) -> None:
        console = context.obj if isinstance(context.obj, Console) else Console()
        for name in ("json", "quiet", "debug"):
            setattr(console, name, bool(values.pop(name)) or getattr(console, name))
        given = frozenset(name for name in values if _is_given(context, name))
        built = {name: group.build(values, given) for name, group in groups.items()}
        function(**dict.fromkeys(consoles, console), **built, **values)

    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    every = [context, *parameters, *_console_parameters()]
    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in every}
    return run


def _is_given(context: typer.Context, name: str) -> bool:
    """Return whether a parameter stands on the command line, or in the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _console_parameters() -> list[inspect.Parameter]:
    return [
        _keyword("json", bool, typer.Option("--json", help="Write JSON lines to standard output."), False),
        _keyword("quiet", bool, typer.Option("--quiet", "-q", help="Print nothing but errors."), False),
        _keyword("debug", bool, DEBUG, False),
    ]


def _keyword(name: str, kind: Any, shown: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, shown]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _nested(kind: type, declared: Field[Any]) -> type | None:
    """Return the option dataclass that a field holds, where it is a group of its own."""
    made = declared.default_factory
    return made if spec_of(declared) is None and isinstance(made, type) and is_dataclass(made) else None


def _default(declared: Field[Any]) -> Any:
    made = declared.default_factory
    if made is not MISSING:
        return made()
    return inspect.Parameter.empty if declared.default is MISSING else declared.default


def _parameter(name: str, spec: Spec, default: Any) -> inspect.Parameter:
    """Make a command's parameter of an option.

    Args:
        name: of the field.
        spec: what is known of it.
        default: its value if the flag is not given.
    """
    assert spec.flag is not None
    kind = spec.kind or type(default)
    required = default is inspect.Parameter.empty
    shown = not required and default not in (None, (), "") and not isinstance(default, bool)
    if spec.negated:
        kind, default = bool, False
    elif spec.parse is not None:
        kind, default = str, default if required else option_text(default) or None
    elif spec.scale != 1.0 and default is not None:
        default = kind(default * spec.scale)
    if default is None and kind is not bool:
        kind = Optional[kind]  # noqa: UP045 - typer takes a type made at run time
    if isinstance(default, tuple) and not default:
        default = None
    names = spec.flag.split(",")
    option = typer.Option(
        *names,
        help=spec.help,
        metavar=spec.metavar,
        show_default=shown,
        envvar=spec.envvar,
        show_envvar=spec.envvar is not None,
    )
    return _keyword(name, kind, option, default)


def _from_flag(spec: Spec | None, value: Any) -> Any:
    """Convert a flag's value to the option's.

    Raises:
        OptionError: it is out of the option's range.
    """
    if spec is None or spec.flag is None or value is None:
        return value
    converted = _converted(spec, value)
    check_range(spec.flag.partition(",")[0], converted, spec)
    return converted


def _converted(spec: Spec, value: Any) -> Any:
    if spec.negated:
        return not value
    if spec.parse is not None:
        try:
            return spec.parse(value)
        except OptionError as error:
            hint = f"'{spec.flag}'"
            raise typer.BadParameter(str(error), param_hint=hint) from error
    if spec.scale != 1.0:
        return type(value)(value / spec.scale)
    return tuple(value) if isinstance(value, list) else value
