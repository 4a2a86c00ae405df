"""What the user should know, as data: codes, texts and values that fit each other."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import mouthpiece
from mouthpiece.apps.cli.console import as_json
from mouthpiece.notices import TEXTS, Notice, notice

SOURCE = Path(mouthpiece.__file__).parent
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def field_names(template: str) -> set[str]:
    """The values that a template asks for."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def number_fields(template: str) -> set[str]:
    """Those of them that are formatted as numbers."""
    return {name for _, name, spec, _ in Formatter().parse(template) if name and spec}


def made_in_source() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `notice` in the source, with its place."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "notice":
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def codes_of(call: ast.Call) -> list[str]:
    """The codes that a call may make: its first argument, or both ends of a conditional one."""
    code = call.args[0]
    ends = [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]
    return [str(end.value) for end in ends if isinstance(end, ast.Constant)]


MADE = list(made_in_source())


@pytest.mark.parametrize("code", TEXTS)
def test_every_template_formats_with_its_values(code: str) -> None:
    template = TEXTS[code]
    values = {name: 1.5 if name in number_fields(template) else f"<{name}>" for name in field_names(template)}
    made = notice(code, **values)
    assert KEBAB.fullmatch(code)
    assert (made.code, dict(made.values), str(made)) == (code, values, made.text)
    assert "{" not in made.text and "\n" not in made.text and not made.text.endswith(".")
    for name in field_names(template) - number_fields(template):
        assert f"<{name}>" in made.text


@pytest.mark.parametrize(("place", "call"), MADE, ids=[place for place, _ in MADE])
def test_who_makes_a_notice_gives_what_its_template_asks_for(place: str, call: ast.Call) -> None:
    given = {keyword.arg for keyword in call.keywords}
    assert None not in given and len(call.args) == 1, "values stand there by name"
    for code in codes_of(call):
        assert code in TEXTS
        assert given == field_names(TEXTS[code])


def test_no_text_is_left_over() -> None:
    """Every template has a place in the source that makes it."""
    assert {code for _, call in MADE for code in codes_of(call)} == set(TEXTS)


def test_an_unknown_code_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError):
        notice("no-such-code")


def test_notices_become_json() -> None:
    made = notice("stretches-passed", seconds=1.5, reasons="no-face")
    assert json.loads(json.dumps(as_json({"warnings": (made,)}))) == {
        "warnings": [
            {
                "code": "stretches-passed",
                "message": "1.50 s passed through untouched (no-face)",
                "values": {"seconds": 1.5, "reasons": "no-face"},
            }
        ]
    }
    own = Notice("my-engine-tired", "it is tired", {"path": Path("a b"), "level": float("nan")})
    assert as_json(own)["values"] == {"path": "a b", "level": None}


def test_alike_notices_are_one() -> None:
    one, other = notice("faces-ignored", faces=2), notice("faces-ignored", faces=2)
    assert one == other and list(dict.fromkeys([one, other])) == [one]
    assert one != notice("faces-ignored", faces=3)
