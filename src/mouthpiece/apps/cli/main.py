"""The command `mouthpiece`.

Commands import what they need when they run, so that `mouthpiece --help` stays quick. `main` alone decides on exit
codes: 0 done, 1 a MouthpieceError or anything unexpected, 2 wrong usage, 130 and 143 stopped by Ctrl-C or SIGTERM,
141 when whoever read standard output has gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

import mouthpiece
from mouthpiece.apps.cli.commands import (
    calibrate,
    capture,
    evaluate,
    export,
    inference,
    live,
    prepare,
    reports,
    studio,
    sync,
    train,
    visemes,
    weights,
)
from mouthpiece.apps.cli.console import Console, StdoutClosed, forget_stdout, print_err, print_event, print_out
from mouthpiece.apps.cli.flags import DEBUG, add_commands, group
from mouthpiece.apps.cli.interruption import EXIT_SIGNAL_BASE, Stopped
from mouthpiece.apps.cli.log_to_console import log_to_console
from mouthpiece.errors import Cancelled, MouthpieceError, OptionError

EXIT_ERROR = 1
EXIT_USAGE = 2
M_MMAP_THRESHOLD = -3
"""glibc's name for the size from which a block of memory is one of its own."""
LARGE_BLOCK_BYTES = 4 << 20
"""More than a 720p picture, which comes too often to be fetched anew each time."""

app = typer.Typer(
    name="mouthpiece",
    help="Give it a face and speech; it makes a video of that face saying that speech.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_commands(app, sync.sync, sync.demo, visemes.visemes, capture.capture)
add_commands(app, inference.inference, cls=inference.PublishedUsage)
add_commands(app, calibrate.calibrate, export.export, live.live, studio.studio)
add_commands(app, reports.probe, reports.engines, reports.doctor)
add_commands(
    group(app, "train", "Train networks (extra 'train')."),
    prepare.prepare,
    train.synthesise,
    train.align,
    train.teacher,
    train.motion,
)
add_commands(group(app, "evaluate", "Measure how good it is."), evaluate.motion, evaluate.seen)
add_commands(
    group(app, "weights", "Fetch published weights, add your own, look after them."),
    weights.list_weights,
    weights.fetch_weights,
    weights.add_weights,
    weights.verify_weights,
    weights.remove_weights,
)


def _print_version(value: bool) -> None:
    if value:
        print_out(f"mouthpiece {mouthpiece.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, DEBUG] = False,
) -> None:
    """Give it a face and speech; it makes a video of that face saying that speech."""
    if context.invoked_subcommand is None:
        print_out(context.get_help())


@runtime_checkable
class UsageProblem(Protocol):
    """What typer raises for a wrong command line; its own class for it has moved between versions."""

    exit_code: int

    def format_message(self) -> str:
        """Return one or more lines for people."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    # The matrices here are small: a second BLAS thread costs more than it helps, and much more on a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _return_pictures()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Known before the other options are looked at, so that their errors are told as events, too.
    flags = set(given[: given.index("--")] if "--" in given else given)
    console = Console(json="--json" in flags, quiet=not flags.isdisjoint({"--quiet", "-q"}), debug="--debug" in flags)
    line: Any = typer.main.get_command(app)
    with log_to_console(console):
        return guarded(
            lambda: line.main(args=given, prog_name="mouthpiece", standalone_mode=False, obj=console), console
        )


def _return_pictures() -> None:
    """Have glibc hand the memory of a large picture back as soon as it is freed.

    It would keep blocks of up to 32 MB in pieces for each thread: hundreds of MB where pictures are 4K.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def guarded(run: Callable[[], Any], console: Console) -> int:
    """Run a command and turn whatever it raises into one line and an exit code."""
    try:
        try:
            code = run()
        except StdoutClosed:
            raise
        except (Exception, KeyboardInterrupt) as error:
            return _fail(console, _failure(error, debug=console.debug))
        return code if isinstance(code, int) else 0
    except (StdoutClosed, BrokenPipeError):
        forget_stdout()
        return EXIT_SIGNAL_BASE + signal.SIGPIPE


@dataclass(frozen=True, slots=True)
class Failure:
    """How a command ended that didn't do its job."""

    code: str
    """Stable, for programs."""
    message: str
    """For people."""
    exit_code: int


def _failure(error: BaseException, *, debug: bool) -> Failure:
    """Return what to make of an exception."""
    if debug and not isinstance(error, UsageProblem):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MouthpieceError):
        return Failure(error.code, str(error), EXIT_USAGE if isinstance(error, OptionError) else EXIT_ERROR)
    if isinstance(error, Stopped):
        return Failure(Cancelled.code, str(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return Failure(Cancelled.code, "cancelled", EXIT_SIGNAL_BASE + signal.SIGINT)
    if isinstance(error, UsageProblem):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "mouthpiece"
        return Failure("usage", f"{_usage_text(error)} (see {command} --help)", error.exit_code)
    text = f"unexpected error: {type(error).__name__}: {error}; run again with --debug and report it"
    return Failure(MouthpieceError.code, text, EXIT_ERROR)


def _usage_text(error: UsageProblem) -> str:
    """Return what is wrong with a command line, in one line.

    Of an option with several values, one that is left out makes the next option's name a value: all are named then.
    """
    message = " ".join(error.format_message().split()).removesuffix(".").replace(": Value error, ", ": ")
    parameter: Any = getattr(error, "param", None)
    if parameter is None or parameter.nargs < 2:
        return message
    return f"{message}; it takes {parameter.nargs} values: {parameter.metavar}"


def _fail(console: Console, failure: Failure) -> int:
    """Tell people, and programs if they listen, what went wrong."""
    print_err(f"mouthpiece: {failure.message}")
    if console.json:
        try:
            print_event("error", {"code": failure.code, "message": failure.message})
        except MouthpieceError:
            forget_stdout()
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(main())
