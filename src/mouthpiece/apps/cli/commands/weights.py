"""`mouthpiece weights ...`: fetch published weights, add one's own, look after them."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import (
    BAR_REFRESHES_A_SECOND,
    JSON_PROGRESS_EVERY_S,
    as_json,
    clock,
    one_line,
    print_err,
    print_event,
    print_out,
)
from mouthpiece.apps.cli.interruption import Interruption
from mouthpiece.apps.cli.parameters import Debug, Json, Quiet
from mouthpiece.checkpoints import catalogue
from mouthpiece.errors import Cancelled, OutputExistsError, WeightsError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from mouthpiece.checkpoints.cache import State
    from mouthpiece.checkpoints.catalogue import Checkpoint
    from mouthpiece.checkpoints.fetching import Transfer
    from mouthpiece.engines.base import NetworkOptions

LINE_EVERY_S = 10.0
"""Least time between two lines in a log."""
ENGINE = "wav2lip"
"""The engine that runs the checkpoints of the catalogue."""

weights_app = typer.Typer(
    name="weights",
    help="Fetch published weights, add your own, look after them.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", show_default=False, help="See: mouthpiece weights list.")
]


@weights_app.callback(invoke_without_command=True)
def weights_root(context: typer.Context) -> None:
    """Fetch published weights, add your own, look after them."""
    if context.invoked_subcommand is None:
        print_out(context.get_help())


@weights_app.command("list")
def list_command(json: Json = False, debug: Debug = False) -> None:
    """List the weights that are known: whether they are here, size, licence terms, sources."""
    for checkpoint in catalogue.CATALOGUE.values():
        standing = Standing.of(checkpoint)
        if json:
            print_event("weights", as_json(standing))
        else:
            for line in standing.lines:
                print_out(one_line(line))


@weights_app.command("fetch")
def fetch_command(names: Names, json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Fetch weights from where they are published; a fetch that broke off goes on where it was.

    Their licence terms are shown before the first time.
    """
    from mouthpiece.checkpoints import cache

    for checkpoint in [catalogue.checkpoint_named(name) for name in dict.fromkeys(names)]:
        state = cache.state_of(checkpoint.name)
        if state is cache.State.HERE:
            _say_done(checkpoint, "was here already", json=json, quiet=quiet)
            continue
        if state is cache.State.DAMAGED and not quiet:
            print_err(f"mouthpiece: {checkpoint.name} is damaged and will be fetched anew")
        _fetch(checkpoint, json=json, quiet=quiet)
        _say_done(checkpoint, "fetched", json=json, quiet=quiet)


@weights_app.command("add")
def add_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="A .pth or .safetensors file.")],
    *,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", show_default=False, help="Which weights these are, if FILE can't tell."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace weights of that name that differ.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Take in weights that you got elsewhere. FILE is copied and stays as it is."""
    from mouthpiece.checkpoints import cache

    checkpoint = _recognised(file, name)
    here = cache.cached_path(checkpoint.name)
    if here and cache.sha256_of(here) == cache.sha256_of(file):
        if cache.state_of(checkpoint.name) is cache.State.HERE:
            _say_done(checkpoint, "was here already", json=json, quiet=quiet)
            return
    elif here and not yes and cache.state_of(checkpoint.name) is cache.State.HERE:
        raise OutputExistsError(f"other weights are here as {checkpoint.name} ({here}); add --yes to replace them")
    with _interruptible("cancelled; nothing was added") as interruption:
        cache.keep_file(file, checkpoint.name, cancelled=interruption)
    _say_done(checkpoint, f"added from {file}", json=json, quiet=quiet)


@weights_app.command("verify")
def verify_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", show_default=False, help="All that are here if not given."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read weights again from the disk: is the hash right, can they be loaded?"""
    from mouthpiece.checkpoints import cache

    asked = [catalogue.checkpoint_named(name) for name in dict.fromkeys(names or [])]
    wanted = asked or [c for c in catalogue.CATALOGUE.values() if cache.cached_path(c.name)]
    if not wanted and not quiet:
        print_err("mouthpiece: no weights are here; 'mouthpiece weights list' shows what can be fetched")
    bad: list[str] = []
    for checkpoint in wanted:
        path = cache.cached_path(checkpoint.name)
        if path is None:
            raise WeightsError(f"{checkpoint.name} is not here; {catalogue.how_to_get(checkpoint)}")
        wrong = _what_is_wrong(checkpoint, path)
        bad += [f"{checkpoint.name} {wrong}"] if wrong else []
        if json:
            print_event("verified", {"name": checkpoint.name, "good": not wrong, "wrong": wrong, "path": str(path)})
        elif not quiet and not wrong:
            print_out(one_line(f"{checkpoint.name}: good ({path})"))
    if bad:
        raise WeightsError(f"{'; '.join(bad)}: run 'mouthpiece weights remove NAME', then fetch or add it again")


@weights_app.command("remove")
def remove_command(names: Names, json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Take weights away, and what was made from them."""
    from mouthpiece.checkpoints import cache

    for checkpoint in [catalogue.checkpoint_named(name) for name in dict.fromkeys(names)]:
        gone = cache.remove(checkpoint.name)
        if json:
            print_event("removed", {"name": checkpoint.name, "paths": [str(path) for path in gone]})
        elif not quiet:
            print_err(f"{checkpoint.name}: {'removed ' + ', '.join(map(str, gone)) if gone else 'was not here'}")


def ensure_weights(
    engine: str,
    network: NetworkOptions,
    *,
    json_lines: bool = False,
    quiet: bool = False,
    worth_it: Callable[[], bool] = lambda: True,
) -> None:
    """See that the weights that a job needs are here; fetch them if they are published and missing.

    Args:
        engine: the engine's name; those without published weights need nothing.
        network: what the user chose. A file of their own is theirs to have there.
        json_lines: tell programs, on stdout.
        quiet: tell people nothing but the licence terms.
        worth_it: asked before anything is fetched; a job that will be refused needs no weights.

    Raises:
        WeightsError: they could not be fetched; one line.
        MissingExtraError: what would run them is not installed.
        Stopped: a signal came.
    """
    if engine != ENGINE:
        return
    from mouthpiece.checkpoints import cache

    chosen = None if network.checkpoint is None else os.fspath(network.checkpoint)
    candidates = catalogue.GENERATORS if chosen is None else (chosen,) if chosen in catalogue.GENERATORS else ()
    if not candidates or any(cache.cached_path(name) for name in candidates):
        return
    wanted = catalogue.CATALOGUE[candidates[0]]
    if wanted.fetchable and worth_it():
        from mouthpiece.engines.wav2lip.runtimes.generator import check_installed

        check_installed(network.runtime)
        _fetch(wanted, json=json_lines, quiet=quiet)


def _fetch(checkpoint: Checkpoint, *, json: bool, quiet: bool) -> None:
    """Show the terms, fetch, and see that the file is what it should be."""
    from mouthpiece.checkpoints import cache
    from mouthpiece.checkpoints.fetching import fetch

    if checkpoint.fetchable:
        _show_terms(checkpoint, json=json)

    def waiting() -> None:
        if not quiet:
            print_err(f"mouthpiece: another process is fetching {checkpoint.name}; waiting for it")

    kept = "cancelled; what was fetched so far is kept, and the next fetch goes on from there"
    with _interruptible(kept, at_once=True) as interruption, TransferProgress(json_lines=json, quiet=quiet) as progress:
        path = fetch(checkpoint, progress=progress, waiting=waiting, cancelled=interruption)
    if checkpoint.sha256 is None:
        try:
            _architecture_in(path)
        except WeightsError:
            cache.remove(checkpoint.name)
            raise


def _show_terms(checkpoint: Checkpoint, *, json: bool) -> None:
    """Tell the licence terms, once for each user; even the quiet are told."""
    from mouthpiece.checkpoints import cache

    if cache.terms_shown(checkpoint):
        return
    print_err(f"mouthpiece: licence terms of {checkpoint.name}: {checkpoint.licence}")
    if json:
        print_event("terms", {"name": checkpoint.name, "licence": checkpoint.licence})
    cache.note_terms_shown(checkpoint)


@contextlib.contextmanager
def _interruptible(said: str, *, at_once: bool = False) -> Iterator[Interruption]:
    """Let a signal end a job tidily, with that line; `at_once` where it may wait long for others, as for a server."""
    from mouthpiece.apps.cli.main import Stopped

    with Interruption(at_once=at_once) as interruption:
        try:
            yield interruption
        except (Cancelled, KeyboardInterrupt) as error:
            raise Stopped(interruption.signal_number or signal.SIGINT, said) from error


def _recognised(file: Path, name: str | None) -> Checkpoint:
    """Which checkpoint a user's file is.

    Raises:
        WeightsError: it isn't weights of a known network, can't be told, or isn't what `name` says.
    """
    from mouthpiece.checkpoints import cache

    named = None if name is None else catalogue.checkpoint_named(name)
    if not file.is_file():
        raise WeightsError(f"expected a file of weights at {file}, found no file there")
    sha256 = cache.sha256_of(file)
    published = [c for c in catalogue.CATALOGUE.values() if c.sha256 == sha256]
    if published:
        if named and named != published[0]:
            raise WeightsError(f"{file} is the published {published[0].name}, not {named.name}; leave out --name")
        return published[0]
    possible = _possible_names(file)
    if named:
        if named.name not in possible:
            raise WeightsError(f"{file} holds the network of {' or '.join(possible)}, not that of {named.name}")
        return named
    if len(possible) > 1:
        raise WeightsError(
            f"{file} holds the network of {' or '.join(possible)} and the bytes of neither as published; "
            f"say which to keep it as, with --name {possible[0]} or --name {possible[1]}"
        )
    return catalogue.CATALOGUE[possible[0]]


def _possible_names(file: Path) -> tuple[str, ...]:
    """The checkpoints of the catalogue that have the network in a file."""
    from mouthpiece.networks import wav2lip as layers

    names = {
        layers.GENERATOR.name: tuple(reversed(catalogue.GENERATORS)),
        layers.SYNC_EXPERT.name: ("lipsync-expert",),
        layers.QUALITY_DISCRIMINATOR.name: ("visual-quality-disc",),
    }
    return names[_architecture_in(file)]


def _architecture_in(file: Path) -> str:
    """The name of the network in a file of weights; executes nothing of it.

    Raises:
        WeightsError: it can't be read, or holds none of the known networks.
    """
    from mouthpiece.checkpoints.reading import read_state
    from mouthpiece.networks.state_dict import recognise

    return recognise(read_state(file)).name


def _what_is_wrong(checkpoint: Checkpoint, path: Path) -> str | None:
    """Why a cached file is no good, or None."""
    from mouthpiece.checkpoints import cache

    if cache.state_of(checkpoint.name, afresh=True) is cache.State.DAMAGED:
        return "is damaged (wrong sha256)"
    try:
        possible = _possible_names(path)
    except WeightsError as error:
        return f"can't be loaded ({error})"
    return None if checkpoint.name in possible else f"holds the network of {' or '.join(possible)}"


@dataclass(frozen=True, slots=True)
class Standing:
    """All there is to say of a checkpoint on this machine."""

    name: str
    title: str
    state: State
    size: int | None
    """Bytes of the file that is here, else of the published one; None where not known."""
    fetched_bytes: int
    """Bytes of a fetch that broke off."""
    path: Path | None
    """The file; None where it isn't here."""
    sha256: str | None
    """What the file's hash must be; None where not known."""
    published: bool
    """Whether that is the hash of the published file."""
    origin: str | None
    """The URL that served the file, "added" or "found"."""
    licence: str
    sources: tuple[str, ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Standing:
        """Look at the cache."""
        from mouthpiece.checkpoints import cache

        path = cache.cached_path(checkpoint.name)
        state = cache.state_of(checkpoint.name)
        part = cache.part_of(cache.folder_of(checkpoint.name) / checkpoint.file_name)
        record = cache.record_of(checkpoint.name)
        sha256 = cache.expected_sha256(checkpoint.name)
        return cls(
            name=checkpoint.name,
            title=checkpoint.title,
            state=state,
            size=path.stat().st_size if path else checkpoint.size,
            fetched_bytes=part.stat().st_size if part.is_file() else 0,
            path=path,
            sha256=sha256,
            published=sha256 is not None and sha256 == checkpoint.sha256,
            origin=record.origin if record and path else None,
            licence=checkpoint.licence,
            sources=checkpoint.sources,
        )

    @property
    def hash_said(self) -> str:
        """The hash and where it is known from."""
        if self.sha256 is None:
            return "not known; that of the first file that comes will be remembered"
        return f"{self.sha256} ({'published' if self.published else 'of the file as it first came'})"

    @property
    def lines(self) -> list[str]:
        """A paragraph for people."""
        from mouthpiece.checkpoints.cache import size_said

        came = f", {size_said(self.fetched_bytes)} of it fetched" if self.fetched_bytes else ""
        return [
            f"{self.name}: {self.title}",
            f"    state    {self.state}{came}",
            f"    size     {size_said(self.size) if self.size else 'not known'}",
            *([f"    path     {self.path}"] if self.path else []),
            f"    sha256   {self.hash_said}",
            f"    licence  {self.licence}",
            *(f"    source   {source}" for source in self.sources or [f"none known; see {catalogue.PROJECT_PAGE}"]),
        ]


def _say_done(checkpoint: Checkpoint, what: str, *, json: bool, quiet: bool) -> None:
    """The closing line for one checkpoint."""
    standing = Standing.of(checkpoint)
    if json:
        print_event("weights", as_json(standing))
    elif not quiet:
        odd = "" if standing.published or checkpoint.sha256 is None else ", not the published file"
        print_err(f"{checkpoint.name}: {what}{odd}; {standing.path}")


class TransferProgress:
    """Follows one download: a bar on a terminal, now and then a line in a log, events for programs.

    Use as a context: leaving it takes a bar off the screen.
    """

    def __init__(self, *, json_lines: bool = False, quiet: bool = False) -> None:
        """Say nothing yet."""
        self._json = json_lines
        self._silent = quiet and not json_lines
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._told = -math.inf if json_lines else monotonic()

    def __enter__(self) -> TransferProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def __call__(self, transfer: Transfer) -> None:
        """Take note of how far the download is."""
        if self._silent:
            return
        if self._json:
            self._tell_programs(transfer)
        elif sys.stderr.isatty():
            self._move_bar(transfer)
        elif monotonic() - self._told >= LINE_EVERY_S:
            self._told = monotonic()
            print_err(f"fetching {transfer.name}: {self._said(transfer)}")

    def _tell_programs(self, transfer: Transfer) -> None:
        if monotonic() - self._told < JSON_PROGRESS_EVERY_S and transfer.done != transfer.total:
            return
        self._told = monotonic()
        content = {"name": transfer.name, "bytes": transfer.done, "total_bytes": transfer.total}
        print_event("progress", content | {"bytes_per_s": round(transfer.speed)})

    def _move_bar(self, transfer: Transfer) -> None:
        if self._bar is None or self._task is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[said]}"))
            self._bar = Bar(
                *columns, console=Console(stderr=True), transient=True, refresh_per_second=BAR_REFRESHES_A_SECOND
            )
            self._task = self._bar.add_task(f"fetching {transfer.name}", total=transfer.total, said="")
            self._bar.start()
        self._bar.update(self._task, completed=transfer.done, total=transfer.total, said=self._said(transfer))

    @staticmethod
    def _said(transfer: Transfer) -> str:
        from mouthpiece.checkpoints.cache import size_said

        speed = f"{size_said(round(transfer.speed))} a second"
        if not transfer.total or not transfer.speed:
            return f"{size_said(transfer.done)}, {speed}"
        left = clock((transfer.total - transfer.done) / transfer.speed)
        return f"{transfer.done / transfer.total:.0%} of {size_said(transfer.total)}, {speed}, {left} left"
