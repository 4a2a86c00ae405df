"""Flags made from option dataclasses: every option is on the command line, and means there what it means in Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from tests.apps.staging import Said, StandIn

from mouthpiece.apps.cli.commands.calibrate import CALIBRATED
from mouthpiece.apps.cli.commands.live import LIVE_FLAGS
from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.flags import Flags, add_commands
from mouthpiece.apps.cli.main import app
from mouthpiece.apps.live.config import LiveConfig
from mouthpiece.apps.studio.settings import Settings
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.engines.wav2lip.options import Precision, Wav2LipOptions
from mouthpiece.errors import OptionError
from mouthpiece.evaluation.options import CalibrationOptions, EvaluationOptions
from mouthpiece.option_fields import option, spec_of
from mouthpiece.options import EngineOptions, FourNumbers, LiveOptions, SyncOptions, VisemeOptions, parse_fps
from mouthpiece.training.options import SyntheticOptions, TeacherOptions, TrainOptions

Run = Callable[..., Said]
EVERYTHING = Flags()
GROUPS: dict[str, list[tuple[type, Flags]]] = {
    "sync": [(SyncOptions, EVERYTHING)],
    "visemes": [(VisemeOptions, EVERYTHING)],
    "calibrate": [(CalibrationOptions, EVERYTHING), (EngineOptions, CALIBRATED)],
    "live": [(LiveConfig, EVERYTHING), (LiveOptions, LIVE_FLAGS)],
    "studio": [(Settings, EVERYTHING)],
    "evaluate motion": [(EvaluationOptions, EVERYTHING)],
    "train prepare": [(PrepareOptions, EVERYTHING)],
    "train motion": [(TrainOptions, EVERYTHING)],
    "train teacher": [(TeacherOptions, EVERYTHING)],
    "train synthesise": [(SyntheticOptions, EVERYTHING)],
}
"""Commands and the option dataclasses that they take whole, or nearly so."""


def declared_flags(kind: type, flags: Flags) -> Iterator[str]:
    """Every flag that the fields of a dataclass declare, those of the groups within it included."""
    for declared in dataclasses.fields(kind):
        spec, group = spec_of(declared), declared.default_factory
        if spec is None and dataclasses.is_dataclass(group) and isinstance(group, type):
            yield from declared_flags(group, flags)
        elif spec is not None and spec.flag and flags.has(declared.name):
            yield from spec.flag.split(",")
    if kind is EngineOptions and flags.has("own"):
        yield "--engine-option"


def all_commands() -> dict[str, Any]:
    """Every command that does something, by its words."""
    found: dict[str, Any] = {}

    def walk(one: Any, words: str) -> None:
        for name, inner in getattr(one, "commands", {}).items():
            walk(inner, f"{words} {name}".strip())
        if not hasattr(one, "commands"):
            found[words] = one

    walk(typer.main.get_command(app), "")
    return found


@pytest.mark.parametrize("words", GROUPS)
def test_every_option_is_in_the_help_of_its_commands(run: Run, words: str) -> None:
    shown = run(*words.split(), "--help").out
    flags = [flag for kind, given in GROUPS[words] for flag in declared_flags(kind, given)]
    assert len(flags) > 3
    assert [flag for flag in flags if f" {flag} " not in shown and f" {flag}, " not in shown] == []


@pytest.mark.parametrize("words", ["sync", "calibrate", "live"])
def test_the_shorthands_of_an_engine_s_own_options_are_flags(run: Run, words: str) -> None:
    """Those of the engine wav2lip; others stand behind --engine-option."""
    flags = {"sync": EVERYTHING, "calibrate": CALIBRATED, "live": LIVE_FLAGS}[words]
    shown = run(*words.split(), "--help").out
    for declared in dataclasses.fields(Wav2LipOptions):
        spec = spec_of(declared)
        assert spec is not None
        assert spec.flag is not None
        assert (f" {spec.flag} " in shown) == flags.has(declared.name)


def test_every_command_has_the_flags_of_the_console_and_says_what_it_does() -> None:
    commands = all_commands()
    assert len(commands) >= 20
    for words, one in commands.items():
        flags = {name for parameter in one.params for name in parameter.opts}
        assert flags >= {"--json", "--quiet", "-q", "--debug"}, words
        assert one.help, words
        for parameter in one.params:
            assert parameter.name == "help" or parameter.help, f"{words} {parameter.name}"
        names = [name for parameter in one.params for name in parameter.opts]
        assert len(names) == len(set(names)), f"{words}: one flag, one meaning"


# A command made for the purpose. -------------------------------------------------------------------------------------


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A group within a group."""

    depth: int = option(2, flag="--depth", help="How deep.", low=1, high=9)
    hidden: int = option(1, help="Not on the command line.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """Options of every kind."""

    needed: str = option(flag="--needed", kind=str, help="Must be given.")
    smooth: bool = option(True, flag="--rough", negated=True, help="Switch it off.")
    loud: bool = option(False, flag="--loud,-l", help="Switch it on.")
    delay_s: float = option(0.5, flag="--delay-ms", scale=1000.0, help="How late.", low=0.0, high=2.0)
    size: int = option(200_500, flag="--size-kb", scale=0.001, help="How large.")
    fps: Fraction = option(Fraction(25), flag="--fps", parse=parse_fps, help="How often.")
    names: tuple[str, ...] = option((), flag="--name", kind=list[str], help="Several times.")
    some: tuple[str, ...] = option(("a", "b"), flag="--some", kind=list[str], help="Several times.")
    box: FourNumbers | None = option(None, flag="--box", kind=FourNumbers, help="Where.")
    crop: FourNumbers = option((0, 1, 2, 3), flag="--crop", kind=FourNumbers, help="What part.")
    file: Path | None = option(None, flag="--file", kind=Path, help="A file.")
    colour: Colour = option(Colour.RED, flag="--colour", help="Which.")
    token: str | None = option(None, flag="--token", kind=str, envvar="MOUTHPIECE_TEST_TOKEN", help="Secret.")
    most: int | None = option(None, flag="--most", kind=int, help="At most.", low=64, limits="64 or more")
    count: int = option(default_factory=partial(int, "7"), flag="--count", kind=int, help="How many.")
    inner: Inner = field(default_factory=Inner)


@dataclass
class Asked:
    """What the command was called with."""

    options: Any = None
    console: Console = field(default_factory=Console)
    other: str = ""


def made_command(flags: Flags = EVERYTHING) -> Callable[..., Asked]:
    """A command line with one command; calling it gives what the command got."""
    asked = Asked()

    def work(
        console: Console,
        other: Annotated[str, typer.Argument(help="Something.")],
        *,
        options: Outer,
    ) -> None:
        asked.console, asked.other, asked.options = console, other, options

    work.__annotations__["options"] = Annotated[Outer, flags]
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    add_commands(made, work)
    line: Any = typer.main.get_command(made)

    def call(*arguments: str) -> Asked:
        line.main(args=list(arguments), standalone_mode=False, obj=Console())
        return asked

    return call


BARE = ("x", "--needed", "n")


def test_without_flags_the_defaults_are_the_library_s() -> None:
    asked = made_command()(*BARE)
    assert asked.options == Outer(needed="n")
    assert asked.other == "x"
    assert (asked.console.json, asked.console.quiet, asked.console.debug) == (False, False, False)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("--rough", {"smooth": False}),
        ("--loud", {"loud": True}),
        ("-l", {"loud": True}),
        ("--delay-ms 1250", {"delay_s": 1.25}),
        ("--size-kb 3", {"size": 3000}),
        ("--fps 29.97", {"fps": Fraction(30000, 1001)}),
        ("--name a --name b", {"names": ("a", "b")}),
        ("--some c", {"some": ("c",)}),
        ("--box 1 2 -3 4", {"box": (1, 2, -3, 4)}),
        ("--crop 4 3 2 1", {"crop": (4, 3, 2, 1)}),
        ("--file a/b", {"file": Path("a/b")}),
        ("--colour blue", {"colour": Colour.BLUE}),
        ("--token abc", {"token": "abc"}),
        ("--most 64", {"most": 64}),
        ("--count 0", {"count": 0}),
        ("--depth 9", {"inner": Inner(depth=9)}),
    ],
)
def test_flags_of_every_kind(line: str, values: dict[str, Any]) -> None:
    found = made_command()(*BARE, *line.split()).options
    assert found == Outer(needed="n", **values)
    assert all(type(getattr(found, name)) is type(value) for name, value in values.items())


def test_the_environment_gives_what_no_flag_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOUTHPIECE_TEST_TOKEN", "from outside")
    assert made_command()(*BARE).options.token == "from outside"
    assert made_command()(*BARE, "--token", "given").options.token == "given"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--depth 10", "--depth expects 1 to 9, got 10"),
        ("--delay-ms 2500", "--delay-ms expects 0 to 2, got 2.5"),
        ("--most 3", "--most expects 64 or more, got 3"),
    ],
)
def test_a_number_out_of_range_is_told_by_its_flag(line: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        made_command()(*BARE, *line.split())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("--fps fast", "--fps"),
        ("--depth deep", "--depth"),
        ("--colour green", "--colour"),
        ("--box 1 2 3 x", "--box"),
        ("--hidden 3", "--hidden"),
    ],
)
def test_what_can_not_be_read_is_told_by_its_flag(line: str, flag: str) -> None:
    with pytest.raises(Exception) as caught:  # typer's own class for it has moved between versions
        made_command()(*BARE, *line.split())
    said: Any = caught.value
    assert said.exit_code == 2
    assert flag in said.format_message()


def test_what_must_be_given_is_asked_for() -> None:
    with pytest.raises(Exception) as caught:
        made_command()("x")
    said: Any = caught.value
    assert said.exit_code == 2
    assert "--needed" in said.format_message()


def test_a_command_may_have_some_of_the_flags() -> None:
    some = made_command(Flags(only=frozenset({"needed", "depth"})))
    assert some(*BARE, "--depth", "3").options == Outer(needed="n", inner=Inner(depth=3))
    with pytest.raises(Exception, match="loud"):
        some(*BARE, "--loud")
    others = made_command(Flags(omit=frozenset({"depth", "loud"})))
    assert others(*BARE, "--rough").options == Outer(needed="n", smooth=False)
    for flag in ("--loud", "--depth"):
        with pytest.raises(Exception, match=flag.strip("-")):
            others(*BARE, flag)


def test_a_command_may_have_defaults_of_its_own() -> None:
    made = made_command(Flags(omit=frozenset({"colour"}), defaults={"most": 640, "colour": Colour.BLUE}))
    assert made(*BARE).options == Outer(needed="n", most=640, colour=Colour.BLUE)
    assert made(*BARE, "--most", "100").options.most == 100


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--json", (True, False, False)),
        ("--quiet", (False, True, False)),
        ("-q --debug", (False, True, True)),
    ],
)
def test_the_console_s_flags(line: str, expected: tuple[bool, bool, bool]) -> None:
    console = made_command()(*BARE, *line.split()).console
    assert (console.json, console.quiet, console.debug) == expected


# An engine's own options. --------------------------------------------------------------------------------------------

SYNC = ("sync", "f", "s", "-o", "o.mp4")


def test_own_options_are_handed_on_where_they_are_given(run: Run, stand_in: StandIn) -> None:
    """What isn't given isn't there, so that an engine without it doesn't mind; a default that is given is given."""
    assert run(*SYNC, "--engine", "fake").code == 0
    assert dict(stand_in.asked["options"].engine.own) == {}
    assert run(*SYNC, "--engine", "wav2lip", "--checkpoint", "x.pth", "--precision", "auto", "--no-smooth").code == 0
    own = stand_in.asked["options"].engine.own
    assert dict(own) == {"checkpoint": "x.pth", "precision": Precision.AUTO, "smooth": False}


def test_any_engine_s_own_options_are_given_by_name(run: Run, stand_in: StandIn) -> None:
    given = (
        "--engine-option",
        "batch-size=8",
        "--engine-option",
        " pads =1 2 3 4",
        "--engine-option",
        "checkpoint=a=b",
    )
    said = run(*SYNC, "--engine", "wav2lip", "--precision", "f32", *given)
    assert said.code == 0, said.err
    own = stand_in.asked["options"].engine.own
    assert dict(own) == {"precision": Precision.F32, "batch_size": "8", "pads": "1 2 3 4", "checkpoint": "a=b"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--engine-option checkpoint", "--engine-option expects NAME=VALUE, got 'checkpoint'"),
        ("--engine-option =8", "--engine-option expects NAME=VALUE, got '=8'"),
        ("--engine fake --engine-option depth=8", "the engine fake has no option 'depth'; it has none of its own"),
        ("--engine fake --precision f32", "the engine fake has no option 'precision'; it has none of its own"),
        (
            "--engine wav2lip --engine-option depth=8",
            "the engine wav2lip has no option 'depth'; its options are checkpoint, runtime, precision, batch_size, "
            "pads, smooth",
        ),
        (
            "--engine wav2lip --engine-option precision=f8",
            "the engine wav2lip's option precision: expected one of auto, f32, f16, bf16, int8, got 'f8'",
        ),
        (
            "--engine wav2lip --engine-option batch_size=many",
            "the engine wav2lip's option batch_size: expected a number, got 'many'",
        ),
        ("--engine wav2lip --engine-option batch_size=0", "batch_size expects 1 to 256 frames, got 0"),
        ("--engine wav2lip --batch-size 0", "--batch-size expects 1 to 256 frames, got 0"),
        (
            "--engine wav2lip --engine-option smooth=perhaps",
            "the engine wav2lip's option smooth: expected true or false",
        ),
    ],
)
def test_own_options_that_make_no_sense_are_one_line(run: Run, stand_in: StandIn, line: str, message: str) -> None:
    said = run(*SYNC, *line.split(), "--json")
    assert said.code == 2
    assert said.err.startswith(f"mouthpiece: {message}")
    assert said.err.count("\n") == 1
    assert said.events[-1]["code"] == "option"
    assert not stand_in.asked
