"""Download of one file over HTTP, resumed where an earlier try broke off.

The bytes gather in FILE.part, which outlives whatever ends the process, and the next try asks the server for the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import mouthpiece
from mouthpiece.checkpoints import cache, store
from mouthpiece.checkpoints.catalogue import Checkpoint
from mouthpiece.errors import Cancelled

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
    """Timeouts and numbers of tries."""

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    """Longest silence in the middle of a transfer."""
    tries: int = 4
    """Tries in a row that bring nothing, before a source is given up."""
    backoff_s: float = 0.5
    """Wait after the first vain try; doubled after each further one."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Progress of a download."""

    name: str
    """Of the catalogue."""
    done: int
    """Bytes that are here, those of earlier tries too."""
    total: int | None
    """Bytes expected, None where nobody knows."""
    speed: float
    """Bytes a second since this process began."""


TransferProgress = Callable[[Transfer], None]


class SourceFailed(Exception):
    """A source that will not do; the reason without its name."""


class _TemporaryFailure(Exception):
    """A failed try whose next one may succeed."""


class _ConnectionLost(Exception):
    """A connection that ended in the middle of a body."""


@dataclass(frozen=True, slots=True)
class DownloadJob:
    """A file to be fetched, its target and its callbacks."""

    checkpoint: Checkpoint
    target: Path
    progress: TransferProgress | None
    cancelled: Callable[[], bool] | None
    policy: RetryPolicy

    @property
    def sha256(self) -> str | None:
        """The hash that the bytes must have."""
        if self.checkpoint.sha256:
            return self.checkpoint.sha256
        record = store.read_record(self.checkpoint.name)
        return record.sha256 if record else None

    def check_cancelled(self) -> None:
        """Raise Cancelled if the job was cancelled."""
        if self.cancelled and self.cancelled():
            raise Cancelled("stopped as asked; what was fetched so far is kept, and the next fetch goes on from there")


@dataclass(frozen=True, slots=True)
class _PartNote:
    """Origin of the bytes in FILE.part."""

    url: str
    """The source, before redirects."""
    etag: str | None
    modified: str | None
    total: int | None
    """Bytes of the whole file."""

    @property
    def validator(self) -> str | None:
        """The version for the server (RFC 9110, If-Range): a strong ETag, else the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class Download:
    """One download, which resumes where an earlier one broke off."""

    def __init__(self, job: DownloadJob) -> None:
        self.resumed = False
        """Whether bytes of several answers were put together."""
        self.finished = False
        """Whether all bytes came."""
        self._job = job
        self._part = store.part_path(job.target)
        self._note_path = store.part_note_path(job.target)
        self._began = time.monotonic()
        self._came = 0

    def __call__(self, url: str) -> Path:
        """Fetch a URL, check the hash where one is known, and put the file in its place.

        Raises:
            SourceFailed: this URL will not do; wrong bytes are removed.
            Cancelled: as asked; the part stays.
            WeightsError, DiskFullError: the cache can't take it.
        """
        target, sha256 = self._job.target, self._job.sha256
        with cache.writing():
            target.unlink(missing_ok=True)  # a file that is still there is damaged
            try:
                self._try_repeatedly(url)
            except ValueError as error:
                raise SourceFailed("sent what makes no sense") from error
            self.finished = True
            with self._part.open("rb") as part:
                right = not sha256 or hashlib.file_digest(part, "sha256").hexdigest() == sha256
            if right:
                self._part.replace(target)
            store.remove_part(target)
        if not right:
            raise SourceFailed("served other bytes than the published ones (wrong sha256), which were removed")
        return target

    def _try_repeatedly(self, url: str) -> None:
        """Ask until the part is whole; tries that brought the file further than before don't count as vain."""
        vain, furthest = 0, self._size()
        for _ in range(MAX_TRIES):
            self._job.check_cancelled()
            try:
                self._try_once(url)
                return
            except _TemporaryFailure as error:
                vain = 1 if self._size() > furthest else vain + 1
                furthest = max(furthest, self._size())
                if vain >= self._job.policy.tries:
                    raise SourceFailed(str(error)) from error
                self._wait(self._job.policy.backoff_s * 2 ** (vain - 1))
        raise SourceFailed(f"broke off {MAX_TRIES} times")

    def _size(self) -> int:
        """Return the bytes that are here."""
        return self._part.stat().st_size if self._part.is_file() else 0

    def _wait(self, seconds: float) -> None:
        """Sleep, ready to be cancelled."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._job.check_cancelled()
            time.sleep(min(left, CANCEL_LOOK_S))

    def _try_once(self, url: str) -> None:
        """Make one request and take its answer."""
        have, note = self._resumable(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": f"mouthpiece/{mouthpiece.__version__}"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if note and note.url == url and note.validator:
                headers["If-Range"] = note.validator
        with _session() as session, contextlib.closing(self._request(session, url, headers)) as answer:
            if answer.status_code == 206 and have:
                self._continue(url, answer, have, note)
            elif answer.status_code == 200:
                self._start(url, answer)
            elif answer.status_code == 416 and have:
                self._check_end(answer, have)
            elif answer.status_code in PASSING_STATUSES:
                raise _TemporaryFailure(f"answered {answer.status_code}")
            else:
                raise SourceFailed(f"answered {answer.status_code}")

    def _resumable(self, url: str) -> tuple[int, _PartNote | None]:
        """Return the bytes of the part that this source can add to, and the note on them."""
        note = self._read_note()
        # With a known hash the bytes are the same everywhere; else only this source can go on, if it said a version.
        if note and (self._job.sha256 or (note.url == url and note.validator)) and self._part.is_file():
            return self._size(), note
        store.remove_part(self._job.target)
        return 0, None

    def _read_note(self) -> _PartNote | None:
        try:
            note = _PartNote(**cache.read_json(self._note_path))
        except TypeError:
            return None
        texts = (note.url, note.etag or "", note.modified or "")
        return note if all(isinstance(text, str) for text in texts) else None

    def _request(self, session: Session, url: str, headers: dict[str, str]) -> Response:
        """Make a request, redirects followed as far as they are safe."""
        local = urlsplit(url).hostname in LOCAL_HOSTS
        at = url
        for _ in range(MAX_REDIRECTS + 1):
            _check_safe(at, local=local)
            answer = self._request_once(session, at, headers)
            if not answer.is_redirect:
                return answer
            answer.close()
            at = urljoin(at, answer.headers["Location"])
        raise SourceFailed(f"redirected more than {MAX_REDIRECTS} times")

    def _request_once(self, session: Session, url: str, headers: dict[str, str]) -> Response:
        """Make one request; the answer's body is not yet read."""
        from requests import exceptions

        policy = self._job.policy
        timeouts = (policy.connect_timeout_s, policy.read_timeout_s)
        try:
            return session.get(url, headers=headers, stream=True, timeout=timeouts, allow_redirects=False)
        except exceptions.SSLError as error:
            raise SourceFailed("its certificate can't be trusted") from error
        except exceptions.Timeout as error:
            raise _TemporaryFailure("did not answer in time") from error
        except exceptions.ConnectionError as error:
            if "NameResolutionError" in repr(error):
                raise SourceFailed("not found; is there a network?") from error
            raise _TemporaryFailure("can't be reached") from error
        except exceptions.RequestException as error:
            raise SourceFailed("can't be asked") from error

    def _start(self, url: str, answer: Response) -> None:
        """Receive a whole body, from its first byte."""
        note = _PartNote(
            url, answer.headers.get("ETag"), answer.headers.get("Last-Modified"), answer.raw.length_remaining
        )
        self._check_total(note.total)
        store.remove_part(self._job.target)
        self.resumed = False
        self._note_path.write_text(json.dumps(asdict(note)), "utf-8")
        self._receive(answer, 0, note.total, "wb")

    def _continue(self, url: str, answer: Response, have: int, note: _PartNote | None) -> None:
        """Append the rest of a body to the part, if it is the rest of the same file."""
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
        self._receive(answer, have, total, "ab")

    def _check_end(self, answer: Response, have: int) -> None:
        """Check a server without further bytes: all are here, or they aren't the same file's."""
        match = _UNSATISFIED.fullmatch(answer.headers.get("Content-Range", "").strip())
        if not match or int(match[1]) != have:
            self._start_over()
        self._check_total(have)
        self.resumed = True

    def _start_over(self) -> None:
        """Remove a part that can't be resumed; the next try starts over."""
        store.remove_part(self._job.target)
        raise _TemporaryFailure("sent something else than the rest of the file")

    def _check_total(self, total: int | None) -> None:
        """Refuse early a file that can't be right or doesn't fit."""
        size = self._job.checkpoint.size
        if size and total and total != size:
            store.remove_part(self._job.target)
            raise SourceFailed(f"has a file of {total} bytes where {size} were expected")
        if (total or 0) > MAX_BYTES:
            raise SourceFailed(f"has a file of {total} bytes, more than {cache.format_size(MAX_BYTES)}")
        cache.check_room(self._job.target.parent, (total or size or 0) - self._size())

    def _receive(self, answer: Response, have: int, total: int | None, mode: str) -> None:
        """Read the body into the part."""
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise SourceFailed("packs the file, which was not asked for")
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
                    self._report(have, expected)
                    self._job.check_cancelled()
            except _ConnectionLost:
                broke_off = True
        if have > limit:
            store.remove_part(self._job.target)
            raise SourceFailed(f"sends more than the {limit} bytes expected; it was cut off")
        if broke_off or (expected and have < expected):
            of = f" of {expected}" if expected else ""
            raise _TemporaryFailure(f"broke off after {have}{of} bytes")

    def _report(self, done: int, total: int | None) -> None:
        if self._job.progress:
            speed = self._came / max(time.monotonic() - self._began, 1e-6)
            self._job.progress(Transfer(self._job.checkpoint.name, done, total, speed))


def _session() -> Session:
    """Open a session that follows no redirects: requests would read a redirect's body into memory, however long."""
    import requests

    class Plain(requests.Session):
        def get_redirect_target(self, resp: Response) -> str | None:
            return None

    return Plain()


def _body(answer: Response) -> Iterator[bytes]:
    """Yield the bytes of an answer as they come."""
    from urllib3.exceptions import HTTPError

    while True:
        try:
            piece = answer.raw.read1(PIECE_BYTES, decode_content=False)
        except (HTTPError, OSError) as error:
            raise _ConnectionLost from error
        if not piece:
            return
        yield piece


def _check_safe(url: str, *, local: bool) -> None:
    """Allow https, and plain http to this machine where the source itself is on it."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and local and parts.hostname in LOCAL_HOSTS):
        return
    raise SourceFailed(f"leads to {parts.scheme}://{parts.hostname}, and only https is safe")
