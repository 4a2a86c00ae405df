"""Fetching published checkpoints: from the first good source, checked before it counts, by one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from mouthpiece.checkpoints import cache, store
from mouthpiece.checkpoints.catalogue import Checkpoint
from mouthpiece.checkpoints.download import Download, DownloadJob, RetryPolicy, SourceFailed, TransferProgress
from mouthpiece.errors import WeightsError


def fetch(
    checkpoint: Checkpoint,
    *,
    progress: TransferProgress | None = None,
    waiting: Callable[[], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    policy: RetryPolicy | None = None,
) -> Path:
    """Fetch a checkpoint into the cache, from the first of its sources that serves the right bytes.

    Args:
        checkpoint: of the catalogue.
        progress: called with every piece.
        waiting: called once if another process is fetching the same; its file is then used.
        cancelled: asked between two pieces.
        policy: timeouts and tries.

    Returns:
        The file, its hash checked.

    Raises:
        WeightsError: no source, no network, wrong bytes, or a cache that can't be written; one line says what to do.
        DiskFullError: no room.
        Cancelled: as asked; what came so far is kept for the next time.
    """
    if whole := _verified_path(checkpoint):
        return whole
    if not checkpoint.fetchable:
        project = f" (its project is at {checkpoint.project_page})" if checkpoint.project_page else ""
        raise WeightsError(
            f"nothing is known to serve {checkpoint.name}{project}; "
            f"get {checkpoint.file_name} elsewhere and run: mouthpiece weights add FILE"
        )
    with store.locked(checkpoint.name, waiting=waiting, cancelled=cancelled):
        if whole := _verified_path(checkpoint):  # another process did it
            return whole
        target = cache.ensure_folder(store.folder_of(checkpoint.name)) / checkpoint.file_name
        store.remove_leftovers(checkpoint.name)
        job = DownloadJob(checkpoint, target, progress, cancelled, policy or RetryPolicy())
        failures = []
        for url in checkpoint.sources:
            try:
                path = _from_source(job, url)
            except SourceFailed as failure:
                failures.append(f"{urlsplit(url).hostname}: {failure}")
            else:
                store.write_record(checkpoint.name, store.Record(cache.sha256_of(path), url))
                return path
    raise WeightsError(
        f"{checkpoint.name} could not be fetched ({'; '.join(failures)}); try again later, "
        f"or get {checkpoint.file_name} elsewhere and run: mouthpiece weights add FILE"
    )


def _verified_path(checkpoint: Checkpoint) -> Path | None:
    """Return the file in the cache if it is there and right."""
    here = store.state_of(checkpoint.name) is store.CheckpointState.HERE
    return store.cached_path(checkpoint.name) if here else None


def _from_source(job: DownloadJob, url: str) -> Path:
    """Fetch from one source. Bytes that turn out wrong after a resumption are fetched once more from the start."""
    download = Download(job)
    try:
        return download(url)
    except SourceFailed:
        if not (download.finished and download.resumed):
            raise
    return Download(job)(url)
