"""Fetching published weights: resumed where it broke off, checked before it counts, by one process at a time.

pooch checks the hash and renames; how the bytes come is ours, for pooch starts over when a connection breaks. The bytes
gather in FILE.part, which outlives whatever ends the process, and the next try asks the server for the rest.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from mouthpiece.checkpoints import cache
from mouthpiece.checkpoints.catalogue import PROJECT_PAGE, Checkpoint
from mouthpiece.errors import Cancelled, WeightsError

if TYPE_CHECKING:
    from requests import Response, Session

PIECE_BYTES = 1 << 16
MAX_BYTES = 2 << 30
"""No published checkpoint comes near it; nothing larger is taken in, whatever a server says."""
MAX_REDIRECTS = 5
MAX_TRIES = 100
"""Of one source, however well they go."""
CANCEL_LOOK_S = 0.1
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""Where plain http is good enough: this machine."""
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which it pays to ask again."""

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait and how often to ask."""

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    """Longest silence in the middle of a transfer."""
    tries: int = 4
    """Tries in a row that bring nothing, before a source is given up."""
    backoff_s: float = 0.5
    """Wait after the first vain try; doubled after each further one."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a download is."""

    name: str
    """Of the catalogue."""
    done: int
    """Bytes that are here, those of earlier tries too."""
    total: int | None
    """Bytes expected, None where nobody knows."""
    speed: float
    """Bytes a second since this process began."""


TransferProgress = Callable[[Transfer], None]


class _SourceFailed(Exception):
    """This source will not do; the text says why, without its name."""


class _Passing(Exception):
    """This try failed; the next one may not."""


class _BrokeOff(Exception):
    """The connection ended in the middle of a body."""


def fetch(
    checkpoint: Checkpoint,
    *,
    progress: TransferProgress | None = None,
    waiting: Callable[[], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    patience: RetryPolicy | None = None,
) -> Path:
    """Have a checkpoint in the cache, from the first of its sources that serves the right bytes.

    Args:
        checkpoint: of the catalogue.
        progress: told of every piece.
        waiting: called once if another process is fetching the same; its file is then used.
        cancelled: asked between two pieces.
        patience: timeouts and tries.

    Returns:
        The file, its hash checked.

    Raises:
        WeightsError: no source, no network, wrong bytes, or a cache that can't be written; one line says what to do.
        DiskFullError: no room.
        Cancelled: as asked; what came so far is kept for the next time.
    """
    if whole := _whole(checkpoint):
        return whole
    if not checkpoint.fetchable:
        raise WeightsError(
            f"nothing is known to serve {checkpoint.name} (its project is at {PROJECT_PAGE}); "
            f"get {checkpoint.file_name} elsewhere and run: mouthpiece weights add FILE"
        )
    with cache.locked(checkpoint.name, waiting=waiting, cancelled=cancelled):
        if whole := _whole(checkpoint):  # another process did it
            return whole
        target = cache.made(cache.folder_of(checkpoint.name)) / checkpoint.file_name
        cache.sweep(checkpoint.name)
        job = _Job(checkpoint, target, progress, cancelled, patience or RetryPolicy())
        failures = []
        for url in checkpoint.sources:
            try:
                path = _from_source(job, url)
            except _SourceFailed as failure:
                failures.append(f"{urlsplit(url).hostname}: {failure}")
            else:
                cache.remember(checkpoint.name, cache.Record(cache.sha256_of(path), url))
                return path
    raise WeightsError(
        f"{checkpoint.name} could not be fetched ({'; '.join(failures)}); try again later, "
        f"or get {checkpoint.file_name} elsewhere and run: mouthpiece weights add FILE"
    )


def _whole(checkpoint: Checkpoint) -> Path | None:
    """The file in the cache if it is there and right."""
    here = cache.state_of(checkpoint.name) is cache.State.HERE
    return cache.cached_path(checkpoint.name) if here else None


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be fetched, and who listens."""

    checkpoint: Checkpoint
    target: Path
    progress: TransferProgress | None
    cancelled: Callable[[], bool] | None
    patience: RetryPolicy

    @property
    def sha256(self) -> str | None:
        """The hash that the bytes must have."""
        if self.checkpoint.sha256:
            return self.checkpoint.sha256
        record = cache.record_of(self.checkpoint.name)
        return record.sha256 if record else None

    def check_cancelled(self) -> None:
        """Raise Cancelled if that is wanted."""
        if self.cancelled and self.cancelled():
            raise Cancelled("stopped as asked; what was fetched so far is kept, and the next fetch goes on from there")


def _from_source(job: _Job, url: str) -> Path:
    """Fetch from one source. Bytes that turn out wrong after a resumption are fetched once more from the start."""
    download = _Download(job)
    try:
        return _retrieved(job, url, download)
    except _SourceFailed:
        if not (download.finished and download.resumed):
            raise
    return _retrieved(job, url, _Download(job))


def _retrieved(job: _Job, url: str, download: _Download) -> Path:
    """Let pooch have the bytes fetched, check their hash and put them in their place."""
    import pooch

    # pooch keeps a file for which it knows no hash: what is there is damaged, or we wouldn't be here.
    job.target.unlink(missing_ok=True)
    known = f"sha256:{job.sha256}" if job.sha256 else None
    try:
        with _unsaid_by_pooch():
            kept = pooch.retrieve(
                url, known_hash=known, fname=job.target.name, path=job.target.parent, downloader=download
            )
    except ValueError as error:  # pooch's word for another hash; the bytes are gone
        raise _SourceFailed("served other bytes than the published ones (wrong sha256), which were removed") from error
    except OSError as error:
        raise cache.unwritable(error) from error
    return Path(kept)


@contextlib.contextmanager
def _unsaid_by_pooch() -> Iterator[None]:
    """Keep pooch from telling people things on its own."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True, slots=True)
class _Note:
    """What the bytes of FILE.part belong to."""

    url: str
    """The source, before redirects."""
    etag: str | None
    modified: str | None
    total: int | None
    """Bytes of the whole file."""

    @property
    def validator(self) -> str | None:
        """What tells the server which version is meant (RFC 9110, If-Range): a strong ETag, else the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class _Download:
    """A downloader as pooch wants it. It goes on where an earlier one broke off."""

    def __init__(self, job: _Job) -> None:
        self.resumed = False
        """Whether bytes of several answers were put together."""
        self.finished = False
        """Whether all bytes came."""
        self._job = job
        self._part = cache.part_of(job.target)
        self._note_path = cache.part_note(job.target)
        self._began = time.monotonic()
        self._came = 0

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Fetch a URL into a file; `pooch` is not used.

        Raises:
            _SourceFailed: this URL will not do.
            Cancelled: as asked; the part stays.
            WeightsError, DiskFullError: the cache can't take it.
        """
        try:
            self._try_often(url)
            self._part.replace(output_file)
            cache.forget_part(self._job.target)
        except OSError as error:
            raise cache.unwritable(error) from error
        except ValueError as error:  # would be pooch's word for a wrong hash
            raise _SourceFailed("sent what makes no sense") from error
        self.finished = True

    def _try_often(self, url: str) -> None:
        """Ask until the part is whole; tries that brought the file further than it was don't count as vain."""
        vain, furthest = 0, self._size()
        for _ in range(MAX_TRIES):
            self._job.check_cancelled()
            try:
                self._try_once(url)
                return
            except _Passing as error:
                vain = 1 if self._size() > furthest else vain + 1
                furthest = max(furthest, self._size())
                if vain >= self._job.patience.tries:
                    raise _SourceFailed(str(error)) from error
                self._wait(self._job.patience.backoff_s * 2 ** (vain - 1))
        raise _SourceFailed(f"broke off {MAX_TRIES} times")

    def _size(self) -> int:
        """Bytes that are here."""
        return self._part.stat().st_size if self._part.is_file() else 0

    def _wait(self, seconds: float) -> None:
        """Sleep, ready to be cancelled."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._job.check_cancelled()
            time.sleep(min(left, CANCEL_LOOK_S))

    def _try_once(self, url: str) -> None:
        """One request, and all that its answer brings."""
        have, note = self._so_far(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": _user_agent()}
        if have:
            headers["Range"] = f"bytes={have}-"
            if note and note.url == url and note.validator:
                headers["If-Range"] = note.validator
        with _session() as session, contextlib.closing(self._asked(session, url, headers)) as answer:
            if answer.status_code == 206 and have:
                self._go_on(url, answer, have, note)
            elif answer.status_code == 200:
                self._start(url, answer)
            elif answer.status_code == 416 and have:
                self._at_the_end(answer, have)
            elif answer.status_code in PASSING_STATUSES:
                raise _Passing(f"answered {answer.status_code}")
            else:
                raise _SourceFailed(f"answered {answer.status_code}")

    def _so_far(self, url: str) -> tuple[int, _Note | None]:
        """Bytes that the part holds and that this source can add to, and what is noted of them."""
        note = self._noted()
        # With a known hash the bytes are the same everywhere; else only this source can go on, if it said a version.
        if note and (self._job.sha256 or (note.url == url and note.validator)) and self._part.is_file():
            return self._size(), note
        cache.forget_part(self._job.target)
        return 0, None

    def _noted(self) -> _Note | None:
        try:
            note = _Note(**cache.read_json(self._note_path))
        except TypeError:
            return None
        texts = (note.url, note.etag or "", note.modified or "")
        return note if all(isinstance(text, str) for text in texts) else None

    def _asked(self, session: Session, url: str, headers: dict[str, str]) -> Response:
        """The answer to a request, redirects followed as far as they are safe."""
        local = urlsplit(url).hostname in LOCAL_HOSTS
        at = url
        for _ in range(MAX_REDIRECTS + 1):
            _check_safe(at, local=local)
            answer = self._answered(session, at, headers)
            if not answer.is_redirect:
                return answer
            answer.close()
            at = urljoin(at, answer.headers["Location"])
        raise _SourceFailed(f"redirected more than {MAX_REDIRECTS} times")

    def _answered(self, session: Session, url: str, headers: dict[str, str]) -> Response:
        """One answer, its body not yet read."""
        from requests import exceptions

        patience = self._job.patience
        timeouts = (patience.connect_timeout_s, patience.read_timeout_s)
        try:
            return session.get(url, headers=headers, stream=True, timeout=timeouts, allow_redirects=False)
        except exceptions.SSLError as error:
            raise _SourceFailed("its certificate can't be trusted") from error
        except exceptions.Timeout as error:
            raise _Passing("did not answer in time") from error
        except exceptions.ConnectionError as error:
            if "NameResolutionError" in repr(error):
                raise _SourceFailed("not found; is there a network?") from error
            raise _Passing("can't be reached") from error
        except exceptions.RequestException as error:
            raise _SourceFailed("can't be asked") from error

    def _start(self, url: str, answer: Response) -> None:
        """Take a whole body, from its first byte."""
        note = _Note(url, answer.headers.get("ETag"), answer.headers.get("Last-Modified"), _length(answer))
        self._check_total(note.total)
        cache.forget_part(self._job.target)
        self.resumed = False
        self._note_path.write_text(json.dumps(asdict(note)), "utf-8")
        self._take(answer, 0, note.total, "wb")

    def _go_on(self, url: str, answer: Response, have: int, note: _Note | None) -> None:
        """Add the rest of a body to what is here, if it is the rest of the same."""
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        total = int(match[3]) if match and match[3] != "*" else None
        if not match or int(match[1]) != have or (note and note.total and total and note.total != total):
            self._start_over()
        same_source = note and note.url == url
        for header, noted in (("ETag", note and note.etag), ("Last-Modified", note and note.modified)):
            if same_source and noted and answer.headers.get(header, noted) != noted:
                self._start_over()
        total = total or (note.total if note else None)
        self._check_total(total)
        self.resumed = True
        self._take(answer, have, total, "ab")

    def _at_the_end(self, answer: Response, have: int) -> None:
        """The server has no more bytes than we have: all are here, or they aren't the same file's."""
        match = _UNSATISFIED.fullmatch(answer.headers.get("Content-Range", "").strip())
        if not match or int(match[1]) != have:
            self._start_over()
        self._check_total(have)
        self.resumed = True

    def _start_over(self) -> None:
        """What is here can't be gone on with."""
        cache.forget_part(self._job.target)
        raise _Passing("sent something else than the rest of the file")

    def _check_total(self, total: int | None) -> None:
        """Refuse early what can't be right or doesn't fit."""
        size = self._job.checkpoint.size
        if size and total and total != size:
            cache.forget_part(self._job.target)
            raise _SourceFailed(f"has a file of {total} bytes where {size} were expected")
        if (total or 0) > MAX_BYTES:
            raise _SourceFailed(f"has a file of {total} bytes, more than {cache.size_said(MAX_BYTES)}")
        cache.check_room(self._job.target.parent, (total or size or 0) - self._size())

    def _take(self, answer: Response, have: int, total: int | None, mode: str) -> None:
        """Read the body into the part."""
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _SourceFailed("packs the file, which was not asked for")
        expected = total or self._job.checkpoint.size
        limit = expected or MAX_BYTES
        broke_off = False
        with self._part.open(mode) as part:
            try:
                for piece in _body(answer):
                    have += len(piece)
                    if have > limit:
                        break
                    part.write(piece)
                    self._came += len(piece)
                    self._tell(have, expected)
                    self._job.check_cancelled()
            except _BrokeOff:
                broke_off = True
        if have > limit:
            cache.forget_part(self._job.target)
            raise _SourceFailed(f"sends more than the {limit} bytes expected; it was cut off")
        if broke_off or (expected and have < expected):
            of = f" of {expected}" if expected else ""
            raise _Passing(f"broke off after {have}{of} bytes")

    def _tell(self, done: int, total: int | None) -> None:
        if self._job.progress:
            speed = self._came / max(time.monotonic() - self._began, 1e-6)
            self._job.progress(Transfer(self._job.checkpoint.name, done, total, speed))


def _session() -> Session:
    """A session that leaves redirects alone; requests would read a redirect's body into memory, however long."""
    import requests

    class Plain(requests.Session):
        def get_redirect_target(self, resp: Response) -> str | None:
            return None

    return Plain()


def _body(answer: Response) -> Iterator[bytes]:
    """The bytes of an answer as they come."""
    from urllib3.exceptions import HTTPError

    while True:
        try:
            piece = answer.raw.read1(PIECE_BYTES, decode_content=False)
        except (HTTPError, OSError) as error:
            raise _BrokeOff from error
        if not piece:
            return
        yield piece


def _length(answer: Response) -> int | None:
    """What the server says of the body's length."""
    said = answer.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _check_safe(url: str, *, local: bool) -> None:
    """Allow https, and plain http to this machine where the source itself is on it."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and local and parts.hostname in LOCAL_HOSTS):
        return
    raise _SourceFailed(f"leads to {parts.scheme}://{parts.hostname}, and only https is safe")


def _user_agent() -> str:
    from mouthpiece import __version__

    return f"mouthpiece/{__version__}"
