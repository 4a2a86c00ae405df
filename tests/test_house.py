"""Rules of the house that no linter has: sizes, options declared once, no code that reads messages, light imports.

An exception stands in the list of its rule, with its reason.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import mouthpiece

SOURCE = Path(mouthpiece.__file__).parent
MODULE_LINES = 450
FUNCTION_LINES = 60
LONG_MODULES: dict[str, str] = {}
"""Modules that may be longer, with the reason."""
LONG_FUNCTIONS: dict[str, str] = {}
"""Likewise functions: module:name."""
DECLARED_AGAIN = {
    "apps/cli/commands/inference.py": "the published script's own command line, whose meanings are fixed",
}
"""Modules that may declare an option that another module declares."""
SAME_WORDS = {
    "--clips": "how many to learn from; whether each is listed",
    "--data": "what to judge by; what to learn from",
    "--language": "of what is synthesised; of the demo",
    "--precision": "that a network runs in; that it is exported in",
    "--yes": "a field of a sync; of commands whose options have none",
    "-y": "likewise",
}
"""Flags of commands that are flags of options, too: other things by the same word."""
MESSAGE_READERS = {
    "apps/cli/main.py:_usage_text": "typer's and pydantic's words for a wrong command line, made one line",
    "checkpoints/download.py:Download": "requests wraps urllib3's error for an unknown host in one for any connection",
}
"""Where a text of somebody else's is read, and why. Nobody reads a text of ours."""
LIGHT = {"numpy", "cv2", "av", "openvino", "PIL", "torch", "rich", "flask", "streamlit", "gunicorn", "scipy"}
"""What no import and no help may load."""
SEARCHES = {
    "endswith",
    "find",
    "index",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rpartition",
    "split",
    "startswith",
}
"""Methods that look into a text."""
MESSAGES = {"error", "exception", "message", "note", "notice", "warning"}
"""Names of variables that hold an error, a notice, or the text of one."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the source, by its path."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


MODULES = dict(modules())


def lines_of(function: Function) -> int:
    """Lines of a function, its decorators included."""
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return (function.end_lineno or first) - first + 1


def test_no_module_is_too_long() -> None:
    lengths = {name: len((SOURCE / name).read_text("utf-8").splitlines()) for name in MODULES}
    assert {name for name, lines in lengths.items() if lines > MODULE_LINES} == set(LONG_MODULES)


def test_no_function_is_too_long() -> None:
    long = {
        f"{name}:{node.name}"
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, Function) and lines_of(node) > FUNCTION_LINES
    }
    assert long == set(LONG_FUNCTIONS)


# Options. ------------------------------------------------------------------------------------------------------------


def keyword(call: ast.Call, name: str) -> str | None:
    """A constant given by keyword."""
    values = [one.value for one in call.keywords if one.arg == name]
    return str(values[0].value) if values and isinstance(values[0], ast.Constant) else None


def declarations() -> Iterator[tuple[str, str, str, int]]:
    """Every flag that is declared, as an option or to typer: flag, help, module, line."""
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            maker = ast.unparse(node.func)
            if maker == "option":
                flags = (keyword(node, "flag") or "").split(",")
            elif maker == "typer.Option":
                flags = [str(one.value) for one in node.args if isinstance(one, ast.Constant)]
            else:
                continue
            for flag in flags:
                if flag.startswith("-"):
                    yield flag, keyword(node, "help") or "", name, node.lineno


DECLARED = list(declarations())


def test_no_option_is_declared_twice() -> None:
    """The same word may stand for other things in other commands: an option is its flag and what it does."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for flag, text, name, line in DECLARED:
        if name not in DECLARED_AGAIN:
            found[flag, text].append(f"{name}:{line}")
    assert len(found) > 60
    assert {option: places for option, places in found.items() if len(places) > 1} == {}


def test_options_are_declared_where_options_stand() -> None:
    """To typer directly only what a command alone has: where results go, what is shown."""
    by_hand: set[str] = set()
    fields: set[str] = set()
    published: set[str] = set()
    for flag, _, name, _ in DECLARED:
        place = published if name in DECLARED_AGAIN else by_hand if name.startswith("apps/cli/") else fields
        place.add(flag)
    assert by_hand & fields == {*SAME_WORDS}
    assert "--static" in published


# Messages. -----------------------------------------------------------------------------------------------------------


def is_message(node: ast.expr) -> bool:
    """Whether an expression is the text of an error or a notice, as far as its form tells."""
    if isinstance(node, ast.Call):
        inner = node.func
        if isinstance(inner, ast.Name) and inner.id in ("str", "repr"):
            return bool(node.args) and is_message(node.args[0])
        if not isinstance(inner, ast.Attribute):
            return False
        joined = inner.attr == "join" and any(is_message(one) for one in node.args)
        return joined or inner.attr in ("format_message", "getMessage") or is_message(inner.value)
    if isinstance(node, ast.Subscript):
        return is_message(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr in ("text", "message", "args") and is_message(node.value)
    return isinstance(node, ast.Name) and node.id in MESSAGES


def reads_message(node: ast.AST) -> bool:
    """Whether code searches, compares or changes the text of an error or a notice."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        texts = any(
            isinstance(side, ast.Constant) and isinstance(side.value, str) and side.value.strip() for side in sides
        )
        return texts and any(is_message(side) for side in sides)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
        return any(is_message(one) for one in node.args)
    if node.func.attr == "split" and not node.args:
        return False  # white space only
    return node.func.attr in SEARCHES and is_message(node.func.value)


def named_nodes(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function or class at the top of the module that it is in."""
    for top in tree.body:
        for node in ast.walk(top):
            yield getattr(top, "name", ""), node


def test_nobody_reads_messages() -> None:
    found = {
        f"{module}:{name}"
        for module, tree in MODULES.items()
        for name, node in named_nodes(tree)
        if reads_message(node)
    }
    assert found - set(MESSAGE_READERS) == set()
    assert set(MESSAGE_READERS) - found == set(), "an exception that isn't needed any more"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("'no face' in str(error)", True),
        ("str(error).startswith('x')", True),
        ("warning.text.replace('a', 'b')", True),
        ("error.args[0].endswith('x')", True),
        ("re.search('x', str(error))", True),
        ("notice.text == 'odd size'", True),
        ("'x' not in message.lower()", True),
        ("notice.code == 'odd-size'", False),
        ("'\\n' not in str(error)", False),
        ("isinstance(error, OSError)", False),
        ("' '.join(str(error).split())", False),
        ("name.startswith('x')", False),
        ("warning in warnings", False),
        ("f'{name}: {error}'", False),
    ],
)
def test_readers_are_recognised(code: str, found: bool) -> None:
    assert any(reads_message(node) for node in ast.walk(ast.parse(code))) == found


# Imports. ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "import mouthpiece",
        "import mouthpiece; dir(mouthpiece); mouthpiece.__version__",
        "import mouthpiece.options, mouthpiece.notices, mouthpiece.errors",
        "import mouthpiece; mouthpiece.SyncOptions(engine='fake'); mouthpiece.LiveOptions(); mouthpiece.Notice",
        "import mouthpiece.engines.wav2lip.options, mouthpiece.training.options, mouthpiece.evaluation.options",
        "import mouthpiece.datasets.options",
        "from mouthpiece.apps.cli.main import main; main(['--help'])",
        *(
            f"from mouthpiece.apps.cli.main import main; main({words.split()!r} + ['--help'])"
            for words in ("sync", "live", "studio", "train motion", "evaluate motion", "weights list", "engines")
        ),
    ],
)
def test_imports_and_help_are_light(program: str) -> None:
    code = f"import sys\n{program}\nprint(*sorted({LIGHT!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
