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
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

import typer

import mouthpiece
from mouthpiece.apps.cli.commands.calibrate import calibrate_command
from mouthpiece.apps.cli.commands.evaluate import evaluate_app
from mouthpiece.apps.cli.commands.export import export_command
from mouthpiece.apps.cli.commands.inference import PublishedUsage, inference_command
from mouthpiece.apps.cli.commands.live import live_command
from mouthpiece.apps.cli.commands.studio import studio_command
from mouthpiece.apps.cli.commands.train import train_app
from mouthpiece.apps.cli.commands.visemes import visemes_command
from mouthpiece.apps.cli.commands.weights import ensure_weights, weights_app
from mouthpiece.apps.cli.console import (
    StdoutClosed,
    as_json,
    choose_reporter,
    one_line,
    print_err,
    print_event,
    print_out,
)
from mouthpiece.apps.cli.interruption import Interruption
from mouthpiece.apps.cli.log_to_console import told_to_people
from mouthpiece.apps.cli.parameters import (
    Debug,
    Device,
    FourNumbers,
    Invocation,
    Json,
    NetworkCheckpoint,
    NetworkPrecision,
    NetworkRuntime,
    Phones,
    PhonesBlend,
    PhonesLanguage,
    PrecisionChoice,
    Quiet,
    RuntimeChoice,
)
from mouthpiece.errors import Cancelled, MouthpieceError, OptionError

if TYPE_CHECKING:
    from mouthpiece.pipeline import SyncOptions

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_SIGNAL_BASE = 128
NTSC_RATES = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(120000, 1001))
"""Frame rates that people write as 23.976, 29.97, 59.94 and 119.88."""
NTSC_CLOSE_ENOUGH = Fraction(1, 200)
M_MMAP_THRESHOLD = -3
"""glibc's name for the size from which a block of memory is one of its own."""
LARGE_BLOCK_BYTES = 4 << 20
"""More than a 720p picture, which comes too often to be fetched anew each time."""


class FitChoice(StrEnum):
    """Values of --fit: those of the media room's `Fit`, which would be slow to import for a --help."""

    LOOP = "loop"
    PINGPONG = "pingpong"
    HOLD = "hold"
    CUT = "cut"


class QualityChoice(StrEnum):
    """Values of --quality: those of the media room's `Quality`."""

    DRAFT = "draft"
    GOOD = "good"
    BEST = "best"


class SampleLanguage(StrEnum):
    """Languages of the packaged sample speech."""

    EN = "en"
    AR = "ar"


app = typer.Typer(
    name="mouthpiece",
    help="Give it a face and speech; it makes a video of that face saying that speech.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train_app)
app.add_typer(evaluate_app)
app.add_typer(weights_app)


def _print_version(value: bool) -> None:
    if value:
        print_out(f"mouthpiece {mouthpiece.__version__}")
        raise typer.Exit


Engine = Annotated[str, typer.Option("--engine", help="Who moves the mouth; see: mouthpiece engines.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Overwrite OUT if it exists.")]
Quality = Annotated[QualityChoice, typer.Option("--quality", help="Picture quality against encoding time and size.")]
EightBit = Annotated[
    bool,
    typer.Option("--eight-bit", help="Write high dynamic range with 8 bits, which every player and browser shows."),
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same video.")]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="The video to make: .mp4, .mkv or .webm.", metavar="OUT", show_default=False)
]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Give it a face and speech; it makes a video of that face saying that speech."""
    if context.invoked_subcommand is None:
        print_out(context.get_help())


@app.command("sync")
def sync_command(
    face: Annotated[Path, typer.Argument(metavar="FACE", show_default=False, help="A photo or a video with the face.")],
    speech: Annotated[
        Path, typer.Argument(metavar="SPEECH", show_default=False, help="Sound, or a video whose sound is taken.")
    ],
    out: Out,
    *,
    fit: Annotated[
        FitChoice, typer.Option("--fit", help="How a face video shorter than the speech goes on.")
    ] = FitChoice.PINGPONG,
    fps: Annotated[
        str, typer.Option("--fps", metavar="RATE", help="Frames a second for photos: 25, 29.97, 30000/1001.")
    ] = "25",
    which: Annotated[
        str,
        typer.Option("--face", metavar="largest|left|right|N", help="Which of several faces; N counts from the left."),
    ] = "largest",
    engine: Engine = "mesh",
    device: Device = "CPU",
    quality: Quality = QualityChoice.GOOD,
    eight_bit: EightBit = False,
    seed: Seed = 0,
    intensity: Annotated[float, typer.Option("--intensity", help="How strongly the mouth moves; 1 is natural.")] = 1.0,
    rest: Annotated[
        float | None,
        typer.Option(
            "--rest",
            metavar="0..1",
            help="How far apart the lips rest; 0 is closed. By default as in the face's own video.",
            show_default=False,
        ),
    ] = None,
    phones: Phones = None,
    phones_blend: PhonesBlend = 1.0,
    phones_language: PhonesLanguage = "en",
    audio_offset_ms: Annotated[
        float, typer.Option("--audio-offset-ms", metavar="MS", help="Positive: the mouth shows later speech.")
    ] = 0.0,
    static: Annotated[bool, typer.Option("--static", help="Use only the first frame of a video.")] = False,
    box: Annotated[
        FourNumbers | None,
        typer.Option(
            "--box",
            metavar="TOP BOTTOM LEFT RIGHT",
            show_default=False,
            help="Where the face is, pixels, where none is found: for drawings and animals.",
        ),
    ] = None,
    checkpoint: NetworkCheckpoint = None,
    runtime: NetworkRuntime = RuntimeChoice.OPENVINO,
    precision: NetworkPrecision = PrecisionChoice.AUTO,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", show_default=False, help="Published networks: frames drawn at once."),
    ] = None,
    pads: Annotated[
        FourNumbers,
        typer.Option(
            "--pads", metavar="TOP BOTTOM LEFT RIGHT", help="Published networks: pixels added to the face's box."
        ),
    ] = (0, 10, 0, 0),
    no_smooth: Annotated[
        bool, typer.Option("--no-smooth", help="Published networks: don't average that box over time.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make FACE say SPEECH."""
    rate = parse_fps(fps)
    from mouthpiece import pipeline
    from mouthpiece.engines.base import CropOptions, NetworkOptions, Precision, Runtime

    options = pipeline.SyncOptions(
        engine=engine,
        device=device,
        fit=pipeline.Fit(fit.value),
        fps=rate,
        face=which,
        quality=pipeline.Quality(quality.value),
        eight_bit=eight_bit,
        seed=seed,
        overwrite=yes,
        intensity=intensity,
        rest=rest,
        phones=phones,
        phones_blend=phones_blend,
        phones_language=phones_language,
        audio_offset_s=audio_offset_ms / 1000,
        transform=pipeline.FrameTransform(static=static),
        box=box,
        network=NetworkOptions(checkpoint, Runtime(runtime.value), Precision(precision.value), batch_size),
        crop=CropOptions(pads, smooth=not no_smooth),
    )
    run_sync(face, speech, out, options, json_lines=json, quiet=quiet)


@app.command("demo")
def demo_command(
    out: Out = Path("demo.mp4"),
    *,
    language: Annotated[
        SampleLanguage, typer.Option("--language", help="What the sample says it in.")
    ] = SampleLanguage.EN,
    engine: Engine = "mesh",
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make the packaged sample face say the packaged sample speech."""
    from mouthpiece import pipeline, samples

    options = pipeline.SyncOptions(engine=engine, overwrite=yes)
    run_sync(samples.sample_face(), samples.sample_speech(language.value), out, options, json_lines=json, quiet=quiet)


def run_sync(
    face: Path, speech: Path, out: Path, options: SyncOptions, *, json_lines: bool = False, quiet: bool = False
) -> None:
    """Run a job, report on it, and let signals end it tidily.

    Raises:
        MouthpieceError: as `mouthpiece.sync` does.
        Stopped: a signal came.
    """
    from mouthpiece import pipeline

    ensure_weights(
        options.engine,
        options.network,
        json_lines=json_lines,
        quiet=quiet,
        worth_it=lambda: _can_begin(face, speech, out, overwrite=options.overwrite),
    )
    with Interruption() as interruption, choose_reporter(json_lines=json_lines, quiet=quiet) as reporter:
        try:
            result = pipeline.sync(face, speech, out, options, progress=reporter.progress, cancelled=interruption)
        except (Cancelled, KeyboardInterrupt) as error:
            raise Stopped(interruption.signal_number or signal.SIGINT) from error
        reporter.result(result)


def _can_begin(face: Path, speech: Path, out: Path, *, overwrite: bool) -> bool:
    """Whether a job gets as far as needing weights, at a glance: nothing is fetched for one that is refused.

    Why it is refused, the job says itself. What is no regular file is not looked into: a pipe can be read only once.
    """
    from mouthpiece.media import check_output, probe_media

    try:
        check_output(out, overwrite=overwrite, forbidden=(face, speech))
        if any(path.is_dir() or not path.exists() for path in (face, speech)):
            return False
        shown, heard = (probe_media(path) if path.is_file() else None for path in (face, speech))
        return (shown is None or shown.has_picture) and (heard is None or heard.has_sound)
    except (MouthpieceError, OSError):
        return False


class Stopped(Exception):
    """A signal ended the job."""

    def __init__(self, number: int, said: str = "cancelled; nothing was written") -> None:
        super().__init__(said)
        self.exit_code = EXIT_SIGNAL_BASE + number


app.command("visemes")(visemes_command)
app.command("inference", cls=PublishedUsage)(inference_command)
app.command("calibrate")(calibrate_command)
app.command("export")(export_command)
app.command("live")(live_command)
app.command("studio")(studio_command)


@app.command("probe")
def probe_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="Any picture, video or sound.")],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what is in FILE: streams, faces and where, speech and when."""
    from mouthpiece import pipeline
    from mouthpiece.apps.cli.tables import probe_lines

    report = pipeline.probe(file)
    if json:
        print_event("probe", as_json(report))
    else:
        _say_lines(probe_lines(report))


@app.command("engines")
def engines_command(device: Device = "CPU", json: Json = False, debug: Debug = False) -> None:
    """List the engines: look-ahead, licence terms, device, whether their weights are here."""
    from mouthpiece.apps.cli.tables import engine_lines
    from mouthpiece.engines.base import EngineOptions
    from mouthpiece.engines.registry import describe_all

    infos = describe_all(EngineOptions(device=device))
    if json:
        for info in infos:
            print_event("engine", as_json(info))
    else:
        _say_lines(engine_lines(infos))


@app.command("doctor")
def doctor_command(json: Json = False, debug: Debug = False) -> None:
    """Tell what this machine and installation have: put this into bug reports."""
    from mouthpiece.apps.cli.doctor import as_lines, examine

    report = examine()
    if json:
        print_event("doctor", as_json(report))
    else:
        _say_lines(as_lines(report))


def parse_fps(text: str) -> Fraction:
    """A frame rate as people write it: 25, 29.97 (the NTSC rate is meant), 30000/1001.

    Raises:
        typer.BadParameter: it isn't a positive number.
    """
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise typer.BadParameter(f"expected a rate like 25, 29.97 or 30000/1001, got {text!r}", param_hint="'--fps'")
    if "/" not in text:
        near = [ntsc for ntsc in NTSC_RATES if abs(ntsc - rate) < NTSC_CLOSE_ENOUGH]
        return near[0] if near else rate
    return rate


def _say_lines(lines: Sequence[str]) -> None:
    for line in lines:
        print_out(one_line(line))


@runtime_checkable
class UsageProblem(Protocol):
    """What typer raises for a wrong command line; its own class for it has moved between versions."""

    exit_code: int

    def format_message(self) -> str:
        """One or more lines for people."""


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
    invocation = Invocation()
    command: Any = typer.main.get_command(app)
    with told_to_people(invocation):
        return guarded(
            lambda: command.main(
                args=list(sys.argv[1:] if arguments is None else arguments),
                prog_name="mouthpiece",
                standalone_mode=False,
                obj=invocation,
            ),
            invocation,
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


def guarded(run: Callable[[], Any], invocation: Invocation) -> int:
    """Run a command and turn whatever it raises into one line and an exit code."""
    try:
        try:
            code = run()
        except StdoutClosed:
            raise
        except (Exception, KeyboardInterrupt) as error:
            return _fail(invocation, _failure(error, debug=invocation.debug))
        return code if isinstance(code, int) else 0
    except (StdoutClosed, BrokenPipeError):
        _forget_stdout()
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
    """What to make of an exception."""
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
        return Failure("usage", f"{_usage_said(error)} (see {_help_of(error)})", error.exit_code)
    said = f"unexpected error: {type(error).__name__}: {error}; run again with --debug and report it"
    return Failure(MouthpieceError.code, said, EXIT_ERROR)


def _usage_said(error: UsageProblem) -> str:
    """What is wrong with a command line, in one line.

    Of an option with several values, one that is left out makes the next option's name a value: all are said then.
    """
    message = " ".join(error.format_message().split()).removesuffix(".").replace(": Value error, ", ": ")
    parameter: Any = getattr(error, "param", None)
    if parameter is None or parameter.nargs < 2:
        return message
    return f"{message}; it takes {parameter.nargs} values: {parameter.metavar}"


def _fail(invocation: Invocation, failure: Failure) -> int:
    """Tell people, and programs if they listen, what went wrong."""
    print_err(f"mouthpiece: {failure.message}")
    if invocation.json:
        try:
            print_event("error", {"code": failure.code, "message": failure.message})
        except MouthpieceError:
            _forget_stdout()
    return failure.exit_code


def _help_of(error: Any) -> str:
    """The command whose help explains a usage error."""
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'mouthpiece'} --help"


def _forget_stdout() -> None:
    """Let Python's own flush at exit go nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    sys.exit(main())
