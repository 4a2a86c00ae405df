"""Options: declared once, checked, and read from text."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mouthpiece.apps.live.config import LiveConfig
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.engines.wav2lip.options import Precision, Runtime, Wav2LipOptions
from mouthpiece.errors import OptionError
from mouthpiece.evaluation.options import CalibrationOptions, EvaluationOptions
from mouthpiece.option_fields import check_ranges, option, read_options, spec_of
from mouthpiece.options import (
    CaptureOptions,
    EngineOptions,
    FourNumbers,
    FrameTransform,
    LiveOptions,
    PhonesOptions,
    SyncOptions,
    VisemeOptions,
    parse_fps,
)
from mouthpiece.training.options import SyntheticOptions, TeacherOptions, TrainOptions

EVERY = (
    EngineOptions,
    FrameTransform,
    PhonesOptions,
    SyncOptions,
    LiveOptions,
    VisemeOptions,
    CaptureOptions,
    LiveConfig,
    Wav2LipOptions,
    PrepareOptions,
    EvaluationOptions,
    CalibrationOptions,
    TrainOptions,
    TeacherOptions,
    SyntheticOptions,
)
"""Every option dataclass for users."""
DECLARED = [(kind, declared) for kind in EVERY for declared in fields(kind) if spec_of(declared)]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def halved(text: str) -> int:
    """Half a number."""
    if not text.isdigit():
        raise OptionError(f"expected digits, got {text!r}")
    return int(text) // 2


@dataclass(frozen=True)
class Example:
    """Options of every type."""

    count: int = option(3, help="How many.", low=1, high=9)
    share: float = option(0.5, help="How much.", low=0.0)
    rate: Fraction = option(Fraction(25), help="How often.", low=Fraction(1), high=Fraction(120))
    colour: Colour = option(Colour.RED, help="Which.")
    sure: bool = option(True, help="Whether.")
    box: tuple[int, ...] = option((1, 2), help="Where.")
    place: FourNumbers | None = option(None, kind=FourNumbers, help="Where else.")
    file: Path | None = option(None, kind=Path, help="From where.")
    names: tuple[str, ...] = option((), kind=list[str], help="Whose.")
    half: int = option(4, parse=halved, help="Half of it.")
    word: str = option("word", help="What.")
    most: int | None = option(None, kind=int, help="At most.", low=2, limits="two or more")
    untold: int = 7

    def __post_init__(self) -> None:
        check_ranges(self)


def read(**given: object) -> Example:
    return read_options(Example, given, owner="the example")


@pytest.mark.parametrize(("kind", "declared"), DECLARED, ids=[f"{k.__name__}.{f.name}" for k, f in DECLARED])
def test_every_option_has_a_line_of_help(kind: type, declared: Any) -> None:
    spec = spec_of(declared)
    assert spec is not None
    assert spec.help == spec.help.strip()
    assert spec.help.endswith(".") and "\n" not in spec.help
    if spec.flag is not None:
        assert all(name.startswith("-") for name in spec.flag.split(","))
    if spec.low is not None and spec.high is not None:
        assert spec.low < spec.high


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind is not EvaluationOptions])
def test_the_defaults_make_sense(kind: type) -> None:
    made = kind()
    check_ranges(made)
    assert made == kind() or kind is LiveConfig  # that has a secret of its own


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count expects 1 to 9, got 0"),
        ({"count": 10}, "count expects 1 to 9, got 10"),
        ({"share": -0.25}, "share expects at least 0, got -0.25"),
        ({"share": float("nan")}, "share expects at least 0, got nan"),
        ({"rate": Fraction(1, 2)}, "rate expects 1 to 120, got 0.5"),
        ({"most": 1}, "most expects two or more, got 1"),
        ({"count": "5"}, "count expects 1 to 9, got '5'"),
        ({"share": (1,)}, "share expects at least 0, got (1,)"),
    ],
)
def test_numbers_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        Example(**values)
    assert str(caught.value) == message


def test_numbers_at_the_ends_of_the_range_are_taken() -> None:
    assert Example(count=1, share=0.0, rate=Fraction(120), most=2).count == 1
    assert Example(count=9, most=None).most is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "5", 5),
        ("share", "0.25", 0.25),
        ("rate", "30000/1001", Fraction(30000, 1001)),
        ("rate", "12.5", Fraction(25, 2)),
        ("colour", "blue", Colour.BLUE),
        ("sure", "no", False),
        ("sure", "True", True),
        ("sure", "off", False),
        ("sure", "1", True),
        ("box", "3 4 5", (3, 4, 5)),
        ("box", "-3, 4,5", (-3, 4, 5)),
        ("place", "1,2,3,4", (1, 2, 3, 4)),
        ("file", "a b/c", Path("a b/c")),
        ("names", "a, b", ("a", "b")),
        ("half", "9", 4),
        ("word", "true", "true"),
        ("most", "17", 17),
        ("untold", "8", 8),
    ],
)
def test_text_becomes_a_value_of_the_field_s_type(name: str, text: str, value: object) -> None:
    found = getattr(read(**{name: text}), name)
    assert found == value
    assert type(found) is type(value)


def test_values_of_the_right_type_stay_as_they_are() -> None:
    values: dict[str, Any] = {"count": 4, "colour": Colour.BLUE, "box": (9,), "file": None, "half": 5}
    assert read(**values) == Example(**values)
    assert read() == Example()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": "many"}, "the example's option count: expected a number, got 'many'"),
        ({"rate": "1/0"}, "the example's option rate: expected a number, got '1/0'"),
        ({"colour": "green"}, "the example's option colour: expected one of red, blue, got 'green'"),
        ({"sure": "perhaps"}, "the example's option sure: expected true or false, got 'perhaps'"),
        ({"box": "1 2 x"}, "the example's option box: expected whole numbers, got '1 2 x'"),
        ({"half": "x"}, "the example's option half: expected digits, got 'x'"),
        ({"count": "12"}, "count expects 1 to 9, got 12"),
        (
            {"counts": "1"},
            "the example has no option 'counts'; its options are count, share, rate, colour, sure, box, place, file, "
            "names, half, word, most, untold",
        ),
    ],
)
def test_what_can_not_be_read_is_refused_in_a_line(given: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(**given)
    assert str(caught.value) == message


def test_who_has_no_options_says_so() -> None:
    @dataclass(frozen=True)
    class Nothing:
        """No options."""

    assert read_options(Nothing, {}, owner="the engine x") == Nothing()
    with pytest.raises(OptionError, match=r"^the engine x has no option 'y'; it has none of its own$"):
        read_options(Nothing, {"y": 1}, owner="the engine x")


def test_the_options_of_an_engine_are_read_from_text() -> None:
    given = {"runtime": "torch", "precision": "bf16", "pads": "0 20 -5 0", "smooth": "off", "batch_size": "16"}
    assert read_options(Wav2LipOptions, given, owner="the engine wav2lip") == Wav2LipOptions(
        runtime=Runtime.TORCH, precision=Precision.BF16, pads=(0, 20, -5, 0), smooth=False, batch_size=16
    )


def test_a_secret_is_kept_out_of_texts() -> None:
    @dataclass(frozen=True)
    class Guarded:
        """With a secret."""

        token: str = option("abc", secret=True, help="Secret.")
        plain: str = field(default="def")

    assert "abc" not in repr(Guarded()) and "def" in repr(Guarded())


# Frame rates. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        (" 12.5 ", Fraction(25, 2)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("30", Fraction(30)),
        ("29.9", Fraction(299, 10)),
    ],
)
def test_frame_rates_as_people_write_them(text: str, rate: Fraction) -> None:
    assert parse_fps(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-25", "25/0", "nan", "inf", "1e", "25 fps"])
def test_what_is_no_frame_rate(text: str) -> None:
    with pytest.raises(OptionError, match=r"expected a rate like 25, 29.97 or 30000/1001, got "):
        parse_fps(text)


# Engines. ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SyncOptions, LiveOptions])
def test_an_engine_may_be_given_by_its_name(kind: type[SyncOptions] | type[LiveOptions]) -> None:
    assert kind(engine="fake") == kind(engine=EngineOptions("fake"))  # type: ignore[arg-type]
    assert kind().engine == EngineOptions("mesh")


def test_options_are_values() -> None:
    """Alike where they have the same content; they can be keys, and travel to other processes."""
    own = {"precision": "f32", "pads": (0, 10, 0, 0)}
    one, other = EngineOptions("wav2lip", own=own), EngineOptions("wav2lip", own=dict(own))
    assert one == other and hash(one) == hash(other) and {one: 1}[other] == 1
    assert one != EngineOptions("wav2lip", own={"precision": "f16"})
    own["precision"] = "f16"
    assert one == other, "what was given may change afterwards"
    for options in (one, SyncOptions(engine=one), LiveOptions(engine=one), VisemeOptions()):
        hash(options)
        assert pickle.loads(pickle.dumps(options)) == options == copy.deepcopy(options)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (EngineOptions, {"intensity": -0.1}),
        (EngineOptions, {"intensity": 3.5}),
        (EngineOptions, {"intensity": float("nan")}),
        (EngineOptions, {"rest": 1.5}),
        (EngineOptions, {"rest": float("nan")}),
        (SyncOptions, {"fps": Fraction(0)}),
        (SyncOptions, {"fps": Fraction(1000)}),
        (SyncOptions, {"face": "nobody"}),
        (SyncOptions, {"face": "0"}),
        (SyncOptions, {"audio_offset_s": 2.5}),
        (SyncOptions, {"box": (1, 2, 3)}),
        (SyncOptions, {"phones": "x.TextGrid", "phones_blend": 2.0}),
        (LiveOptions, {"fps": 0.0}),
        (LiveOptions, {"most_side": 3}),
        (LiveOptions, {"face": "middle"}),
        (VisemeOptions, {"fps": Fraction(500)}),
        (FrameTransform, {"resize_factor": 0}),
        (FrameTransform, {"crop": (50, 10, 0, -1)}),
        (Wav2LipOptions, {"batch_size": 0}),
        (PrepareOptions, {"splits": ("dress",)}),
        (TeacherOptions, {"steps": 0}),
    ],
)
def test_options_that_make_no_sense(kind: type, values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="expects") as caught:
        kind(**values)
    assert "\n" not in str(caught.value)
    assert next(iter(values)).removesuffix("s") in str(caught.value), "it is named"


def test_a_blend_of_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match="none are given; add phones"):
        VisemeOptions(phones_blend=0.5)
