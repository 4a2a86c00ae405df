"""`mouthpiece weights ...`: fetch published weights, add one's own, look after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import Console, ProgressDisplay, as_json, one_line, print_err, print_out
from mouthpiece.apps.cli.interruption import interruptible
from mouthpiece.apps.durations import format_clock
from mouthpiece.checkpoints import cache, catalogue, store
from mouthpiece.checkpoints.cache import format_size
from mouthpiece.checkpoints.catalogue import Checkpoint
from mouthpiece.checkpoints.recognition import find_fault, identify
from mouthpiece.checkpoints.store import CheckpointState
from mouthpiece.errors import OutputExistsError, WeightsError
from mouthpiece.options import EngineOptions

if TYPE_CHECKING:
    from mouthpiece.checkpoints.download import Transfer

Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", show_default=False, help="See: mouthpiece weights list.")
]


def list_weights(console: Console) -> None:
    """List the weights that are known: whether they are here, size, licence terms, sources."""
    for checkpoint in catalogue.known_checkpoints().values():
        report = CheckpointReport.of(checkpoint)
        console.show("weights", report, report.lines)
    for line in catalogue.broken_entries():
        console.note(f"mouthpiece: {line}")


def fetch_weights(console: Console, names: Names) -> None:
    """Fetch weights from where they are published; a fetch that broke off goes on where it was.

    Their licence terms are shown before the first time.
    """
    for checkpoint in [catalogue.checkpoint_named(name) for name in dict.fromkeys(names)]:
        state = store.state_of(checkpoint.name)
        if state is CheckpointState.HERE:
            _report_done(console, checkpoint, "was here already")
            continue
        if state is CheckpointState.DAMAGED:
            console.note(f"mouthpiece: {checkpoint.name} is damaged and will be fetched anew")
        _fetch(console, checkpoint)
        _report_done(console, checkpoint, "fetched")


def add_weights(
    console: Console,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="A .pth or .safetensors file.")],
    *,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", show_default=False, help="Which weights these are, if FILE can't tell."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace weights of that name that differ.")] = False,
) -> None:
    """Take in weights that you got elsewhere. FILE is copied and stays as it is."""
    checkpoint = identify(file, name)
    here = store.cached_path(checkpoint.name)
    if here and cache.sha256_of(here) == cache.sha256_of(file):
        if store.state_of(checkpoint.name) is CheckpointState.HERE:
            _report_done(console, checkpoint, "was here already")
            return
    elif here and not yes and store.state_of(checkpoint.name) is CheckpointState.HERE:
        raise OutputExistsError(f"other weights are here as {checkpoint.name} ({here}); add --yes to replace them")
    with interruptible("cancelled; nothing was added") as interruption:
        store.keep_file(file, checkpoint.name, cancelled=interruption)
    _report_done(console, checkpoint, f"added from {file}")


def verify_weights(
    console: Console,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", show_default=False, help="All that are here if not given."),
    ] = None,
) -> None:
    """Read weights again from the disk: is the hash right, can they be loaded?"""
    asked = [catalogue.checkpoint_named(name) for name in dict.fromkeys(names or [])]
    wanted = asked or [c for c in catalogue.known_checkpoints().values() if store.cached_path(c.name)]
    if not wanted:
        console.note("mouthpiece: no weights are here; 'mouthpiece weights list' shows what can be fetched")
    bad: list[str] = []
    for checkpoint in wanted:
        path = store.cached_path(checkpoint.name)
        if path is None:
            raise WeightsError(f"{checkpoint.name} is not here; {catalogue.how_to_get(checkpoint)}")
        wrong = find_fault(checkpoint, path)
        bad += [f"{checkpoint.name} {wrong}"] if wrong else []
        if console.json:
            content = {"name": checkpoint.name, "good": not wrong, "wrong": wrong, "path": str(path)}
            console.event("verified", content)
        elif not console.quiet and not wrong:
            print_out(one_line(f"{checkpoint.name}: good ({path})"))
    if bad:
        raise WeightsError(f"{'; '.join(bad)}: run 'mouthpiece weights remove NAME', then fetch or add it again")


def remove_weights(console: Console, names: Names) -> None:
    """Take weights away, and what was made from them."""
    for checkpoint in [catalogue.checkpoint_named(name) for name in dict.fromkeys(names)]:
        gone = store.remove(checkpoint.name)
        line = f"{checkpoint.name}: {'removed ' + ', '.join(map(str, gone)) if gone else 'was not here'}"
        console.report("removed", {"name": checkpoint.name, "paths": [str(path) for path in gone]}, line)


def ensure_weights(console: Console, options: EngineOptions, *, worth_it: Callable[[], bool] = lambda: True) -> None:
    """Fetch the weights that a job needs if they are published and missing.

    Args:
        console: for terms and progress.
        options: the engine and its own options. A file of the user's is theirs to have there.
        worth_it: asked before anything is fetched; a job that will be refused needs no weights.

    Raises:
        WeightsError: they could not be fetched; one line.
        MissingExtraError: what would run them is not installed.
        Stopped: a signal came.
    """
    from mouthpiece.engines.registry import load_engine

    wanted = load_engine(options.name).missing_checkpoint(options)
    if wanted is not None and wanted.fetchable and worth_it():
        _fetch(console, wanted)


def _fetch(console: Console, checkpoint: Checkpoint) -> None:
    """Show the terms, fetch, and check that the file is what it should be."""
    from mouthpiece.checkpoints.fetching import fetch

    if checkpoint.fetchable:
        _show_terms(console, checkpoint)
    waiting = f"mouthpiece: another process is fetching {checkpoint.name}; waiting for it"
    kept = "cancelled; what was fetched so far is kept, and the next fetch goes on from there"
    with (
        interruptible(kept, at_once=True) as interruption,
        console.progress(f"fetching {checkpoint.name}") as display,
    ):
        path = fetch(
            checkpoint,
            progress=partial(_show_transfer, display),
            waiting=partial(console.note, waiting),
            cancelled=interruption,
        )
    if checkpoint.sha256 is None and checkpoint.recognise:
        try:
            checkpoint.recognise(path)
        except WeightsError:
            store.remove(checkpoint.name)
            raise


def _show_transfer(display: ProgressDisplay, transfer: Transfer) -> None:
    """Show how far a download is."""
    text = f"{format_size(transfer.done)}, {format_size(round(transfer.speed))} a second"
    if transfer.total and transfer.speed:
        left = format_clock((transfer.total - transfer.done) / transfer.speed)
        text = (
            f"{transfer.done / transfer.total:.0%} of {format_size(transfer.total)}, "
            f"{format_size(round(transfer.speed))} a second, {left} left"
        )
    content = {"name": transfer.name, "bytes": transfer.done, "total_bytes": transfer.total}
    display.update(transfer.done, transfer.total, text=text, content=content | {"bytes_per_s": round(transfer.speed)})


def _show_terms(console: Console, checkpoint: Checkpoint) -> None:
    """Print the licence terms, once for each user, even with --quiet."""
    if store.terms_shown(checkpoint):
        return
    print_err(f"mouthpiece: licence terms of {checkpoint.name}: {checkpoint.licence}")
    console.event("terms", {"name": checkpoint.name, "licence": checkpoint.licence})
    store.note_terms_shown(checkpoint)


@dataclass(frozen=True, slots=True)
class CheckpointReport:
    """A checkpoint on this machine: its file, its hash, its terms and its sources."""

    name: str
    title: str
    state: CheckpointState
    size: int | None
    """Bytes of the file that is here, else of the published one; None where not known."""
    fetched_bytes: int
    """Bytes of a fetch that broke off."""
    path: Path | None
    """The file; None where it isn't here."""
    sha256: str | None
    """The hash that the file must have; None where not known."""
    published: bool
    """Whether that is the hash of the published file."""
    origin: str | None
    """The URL that served the file, "added" or "found"."""
    licence: str
    sources: tuple[str, ...]
    project_page: str | None

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> CheckpointReport:
        """Read the cache."""
        path = store.cached_path(checkpoint.name)
        part = store.part_path(store.folder_of(checkpoint.name) / checkpoint.file_name)
        record = store.read_record(checkpoint.name)
        sha256 = store.expected_sha256(checkpoint.name)
        return cls(
            name=checkpoint.name,
            title=checkpoint.title,
            state=store.state_of(checkpoint.name),
            size=path.stat().st_size if path else checkpoint.size,
            fetched_bytes=part.stat().st_size if part.is_file() else 0,
            path=path,
            sha256=sha256,
            published=sha256 is not None and sha256 == checkpoint.sha256,
            origin=record.origin if record and path else None,
            licence=checkpoint.licence,
            sources=checkpoint.sources,
            project_page=checkpoint.project_page,
        )

    @property
    def lines(self) -> list[str]:
        """A paragraph for people."""
        known = f"{self.sha256} ({'published' if self.published else 'of the file as it first came'})"
        expected = known if self.sha256 else "not known; that of the first file that comes will be remembered"
        page = f"; see {self.project_page}" if self.project_page else ""
        came = f", {format_size(self.fetched_bytes)} of it fetched" if self.fetched_bytes else ""
        return [
            f"{self.name}: {self.title}",
            f"    state    {self.state}{came}",
            f"    size     {format_size(self.size) if self.size else 'not known'}",
            *([f"    path     {self.path}"] if self.path else []),
            f"    sha256   {expected}",
            f"    licence  {self.licence}",
            *(f"    source   {source}" for source in self.sources or [f"none known{page}"]),
        ]


def _report_done(console: Console, checkpoint: Checkpoint, what: str) -> None:
    """Print the closing line for one checkpoint."""
    report = CheckpointReport.of(checkpoint)
    other = "" if report.published or checkpoint.sha256 is None else ", not the published file"
    console.report("weights", as_json(report), f"{checkpoint.name}: {what}{other}; {report.path}")
