"""Fetching from a server on this machine that has all the bad manners there are."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.checkpoints import serving
from tests.checkpoints.conftest import Publish
from tests.checkpoints.serving import CONTENT, CONTENT_SHA256, Server

from mouthpiece.checkpoints import cache, download, store
from mouthpiece.checkpoints.catalogue import Checkpoint
from mouthpiece.checkpoints.download import RetryPolicy, Transfer
from mouthpiece.checkpoints.fetching import fetch
from mouthpiece.checkpoints.store import CheckpointState, state_of
from mouthpiece.errors import Cancelled, DiskFullError, WeightsError

QUICK = RetryPolicy(tries=3, backoff_s=0.01)
SIZE = len(CONTENT)


def fetched(checkpoint: Checkpoint, patience: RetryPolicy = QUICK) -> Path:
    """Fetch without waiting long, and see that it went well."""
    path = fetch(checkpoint, policy=patience)
    assert path.read_bytes() == CONTENT
    assert left_behind(checkpoint) == {checkpoint.file_name, "record.json"}
    assert state_of(checkpoint.name) is CheckpointState.HERE
    return path


def refused(checkpoint: Checkpoint, expecting: str) -> str:
    """Fetch in vain, and see that it is one line and leaves nothing."""
    with pytest.raises(WeightsError, match=expecting) as caught:
        fetch(checkpoint, policy=QUICK)
    said = str(caught.value)
    assert "\n" not in said
    assert f"get {checkpoint.file_name} elsewhere and run: mouthpiece weights add FILE" in said
    assert state_of(checkpoint.name) is CheckpointState.MISSING
    return said


def left_behind(checkpoint: Checkpoint) -> set[str]:
    """What lies in a checkpoint's folder."""
    folder = store.folder_of(checkpoint.name)
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def start_part(checkpoint: Checkpoint, server: Server, count: int) -> None:
    """Have a fetch break off after so many bytes."""
    vain = RetryPolicy(tries=1, backoff_s=0.0)
    server.then(serving.cut_after(count))
    with pytest.raises(WeightsError, match="broke off"):
        fetch(checkpoint, policy=vain)
    part = store.part_path(store.folder_of(checkpoint.name) / checkpoint.file_name)
    assert part.read_bytes() == CONTENT[:count]
    server.asked.clear()


def test_a_good_server(server: Server, publish: Publish) -> None:
    checkpoint = publish(server.url(), size=SIZE)
    path = fetched(checkpoint)
    assert path == store.cached_path("tiny")
    assert server.ranges == [None]
    assert server.asked[0][1]["User-Agent"].startswith("mouthpiece/")
    assert store.read_record("tiny") == store.Record(CONTENT_SHA256, server.url())
    fetched(checkpoint)
    assert len(server.asked) == 1


def test_progress_is_told(server: Server, publish: Publish) -> None:
    told: list[Transfer] = []
    fetch(publish(server.url()), progress=told.append)
    assert [t.done for t in told] == sorted({t.done for t in told})
    assert told[-1].done == SIZE
    assert {(t.name, t.total) for t in told} == {("tiny", SIZE)}
    assert all(t.speed > 0 for t in told)


def test_nothing_is_printed(server: Server, publish: Publish, capfd: pytest.CaptureFixture[str]) -> None:
    fetched(publish(server.url()))
    assert capfd.readouterr() == ("", "")


class TestBrokenConnections:
    """What came is kept and gone on with."""

    def test_within_one_fetch(self, server: Server, publish: Publish) -> None:
        server.then(serving.cut_after(100_000), serving.cut_after(70_000), serving.cut_after(0))
        fetched(publish(server.url()))
        assert server.ranges == [None, "bytes=100000-", "bytes=170000-", "bytes=170000-"]

    def test_many_that_get_on_are_not_given_up(self, server: Server, publish: Publish) -> None:
        server.then(*[serving.cut_after(50_000)] * 5)
        fetched(publish(server.url()))
        assert len(server.asked) == 6

    def test_those_that_bring_nothing_are(self, server: Server, publish: Publish) -> None:
        server.always = serving.cut_after(0)
        said = refused(publish(server.url()), "127.0.0.1: broke off after 0 of 300000 bytes")
        assert len(server.asked) == QUICK.tries
        assert said.startswith("tiny could not be fetched (")

    def test_a_server_that_ignores_ranges_and_always_breaks_is_given_up(self, server: Server, publish: Publish) -> None:
        def always_from_the_start(handler: serving.Handler, server: Server) -> None:
            handler.head(200, Content_Length=SIZE)
            handler.wfile.write(CONTENT[:90_000])

        server.always = always_from_the_start
        refused(publish(server.url()), "broke off after 90000 of 300000 bytes")
        assert len(server.asked) == QUICK.tries

    @pytest.mark.parametrize("known", [True, False])
    def test_over_two_fetches(self, server: Server, publish: Publish, known: bool) -> None:
        checkpoint = publish(server.url(), sha256=CONTENT_SHA256 if known else None)
        start_part(checkpoint, server, 123_456)
        fetched(checkpoint)
        assert server.ranges == ["bytes=123456-"]
        assert server.asked[0][1]["If-Range"] == serving.ETAG

    def test_a_part_that_was_whole(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url())
        start_part(checkpoint, server, 1000)
        store.part_path(store.folder_of("tiny") / "tiny.pth").write_bytes(CONTENT)
        fetched(checkpoint)
        assert server.ranges == [f"bytes={SIZE}-"]

    def test_a_part_that_is_too_long_starts_over(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url())
        start_part(checkpoint, server, 1000)
        store.part_path(store.folder_of("tiny") / "tiny.pth").write_bytes(CONTENT + b"more")
        fetched(checkpoint)
        assert server.ranges == [f"bytes={SIZE + 4}-", None]

    def test_a_spoilt_part_is_found_out_and_fetched_anew(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url())
        start_part(checkpoint, server, 1000)
        store.part_path(store.folder_of("tiny") / "tiny.pth").write_bytes(bytes(1000))
        fetched(checkpoint)
        assert server.ranges == ["bytes=1000-", None]

    def test_a_file_that_changed_meanwhile_starts_over(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url(), sha256=None)
        start_part(checkpoint, server, 1000)
        server.content, server.etag = CONTENT[::-1], '"second"'
        assert fetch(checkpoint, policy=QUICK).read_bytes() == CONTENT[::-1]
        assert server.ranges == ["bytes=1000-"]

    def test_a_changed_file_that_does_not_heed_if_range_starts_over(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url(), sha256=None)
        start_part(checkpoint, server, 1000)

        def heedless(handler: serving.Handler, server: Server) -> None:
            del handler.headers["If-Range"]
            serving.well_behaved(handler, server)

        server.content, server.etag = CONTENT[::-1], '"second"'
        server.always = heedless
        assert fetch(checkpoint, policy=QUICK).read_bytes() == CONTENT[::-1]
        assert server.ranges == ["bytes=1000-", None]

    def test_without_a_version_unknown_bytes_start_over(self, server: Server, publish: Publish) -> None:
        server.etag = None
        checkpoint = publish(server.url(), sha256=None)
        start_part(checkpoint, server, 1000)
        fetched(checkpoint)
        assert server.ranges == [None]

    def test_without_a_version_known_bytes_go_on(self, server: Server, publish: Publish) -> None:
        server.etag = None
        checkpoint = publish(server.url())
        start_part(checkpoint, server, 1000)
        fetched(checkpoint)
        assert server.ranges == ["bytes=1000-"]
        assert "If-Range" not in server.asked[0][1]

    def test_another_source_goes_on_with_known_bytes(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url("first"), server.url("second"))
        server.then(serving.cut_after(1000), *[serving.status(404)])
        fetched(checkpoint)
        assert [(path, headers["Range"]) for path, headers in server.asked] == [
            ("/first", None),
            ("/first", "bytes=1000-"),
            ("/second", "bytes=1000-"),
        ]

    @pytest.mark.parametrize(
        "note", [{"url": 1, "no": 2}, {"url": "", "etag": 3, "modified": None, "total": 4}, [], None]
    )
    def test_a_spoilt_note_starts_over(self, server: Server, publish: Publish, note: object) -> None:
        checkpoint = publish(server.url())
        start_part(checkpoint, server, 1000)
        store.part_note_path(store.folder_of("tiny") / "tiny.pth").write_text(json.dumps(note))
        fetched(checkpoint)
        assert server.ranges == [None]


class TestServersThatLie:
    """Only the published bytes count."""

    def test_ignoring_ranges(self, server: Server, publish: Publish) -> None:
        server.then(serving.cut_after(200_000))
        server.always = serving.ignoring_ranges
        fetched(publish(server.url()))
        assert server.ranges == [None, "bytes=200000-"]

    def test_another_range(self, server: Server, publish: Publish) -> None:
        server.then(serving.cut_after(200_000), serving.wrong_range)
        fetched(publish(server.url()))
        assert server.ranges == [None, "bytes=200000-", None]

    def test_wrong_bytes_are_removed_and_said(self, server: Server, publish: Publish) -> None:
        server.always = serving.wrong_bytes
        checkpoint = publish(server.url())
        refused(
            checkpoint, r"127.0.0.1: served other bytes than the published ones \(wrong sha256\), which were removed"
        )
        assert left_behind(checkpoint) == set()
        assert len(server.asked) == 1

    def test_wrong_bytes_from_one_source_leave_the_next(self, server: Server, publish: Publish) -> None:
        server.then(serving.wrong_bytes)
        fetched(publish(server.url("first"), server.url("second")))
        assert [path for path, _ in server.asked] == ["/first", "/second"]

    def test_the_wrong_size_is_refused_before_it_is_read(self, server: Server, publish: Publish) -> None:
        refused(publish(server.url(), size=SIZE + 1), f"has a file of {SIZE} bytes where {SIZE + 1} were expected")

    @pytest.mark.parametrize("size", [SIZE, None])
    def test_announcing_less(self, server: Server, publish: Publish, size: int | None) -> None:
        server.always = serving.announcing(SIZE - 10)
        checkpoint = publish(server.url(), size=size)
        refused(checkpoint, "where 300000 were expected" if size else "wrong sha256")
        assert left_behind(checkpoint) == set()

    def test_announcing_more(self, server: Server, publish: Publish) -> None:
        server.always = serving.announcing(SIZE + 10)
        refused(publish(server.url()), "broke off after 300000 of 300010 bytes|something else than the rest")

    def test_a_body_without_end_is_cut_off(
        self, server: Server, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.always = serving.endless
        checkpoint = publish(server.url(), size=SIZE)
        refused(checkpoint, f"sends more than the {SIZE} bytes expected; it was cut off")
        assert left_behind(checkpoint) == set()
        monkeypatch.setattr(download, "MAX_BYTES", 1_000_000)
        checkpoint = publish(server.url(), name="other", sha256=None)
        refused(checkpoint, "sends more than the 1000000 bytes expected; it was cut off")
        assert left_behind(checkpoint) == set()

    def test_more_than_any_checkpoint_is_refused(
        self, server: Server, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(download, "MAX_BYTES", 100_000)
        refused(publish(server.url()), "has a file of 300000 bytes, more than 100.0 kB")

    def test_packed_bodies_are_refused(self, server: Server, publish: Publish) -> None:
        server.always = serving.packed
        refused(publish(server.url()), "packs the file")
        assert server.asked[0][1]["Accept-Encoding"] == "identity"

    def test_what_first_came_is_remembered_where_nothing_is_published(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url(), sha256=None)
        fetched(checkpoint).write_bytes(b"spoilt")
        assert state_of("tiny") is CheckpointState.DAMAGED
        server.then(serving.wrong_bytes)
        with pytest.raises(WeightsError, match="wrong sha256"):
            fetch(checkpoint, policy=QUICK)
        fetched(checkpoint)


class TestErrors:
    """What servers answer when they have nothing to give."""

    @pytest.mark.parametrize("code", [403, 404, 410])
    def test_no_such_file(self, server: Server, publish: Publish, code: int) -> None:
        server.always = serving.status(code)
        refused(publish(server.url()), f"127.0.0.1: answered {code}")
        assert len(server.asked) == 1

    def test_troubles_that_pass(self, server: Server, publish: Publish) -> None:
        server.then(serving.status(500), serving.status(503))
        fetched(publish(server.url()))
        assert len(server.asked) == 3

    def test_troubles_that_stay(self, server: Server, publish: Publish) -> None:
        server.always = serving.status(502)
        refused(publish(server.url("a"), server.url("b")), r"\(127.0.0.1: answered 502; 127.0.0.1: answered 502\)")
        assert len(server.asked) == 2 * QUICK.tries

    def test_a_silence_in_the_middle(self, server: Server, publish: Publish) -> None:
        server.then(serving.stalling(100_000, 60.0))
        fetched(publish(server.url()), replace(QUICK, read_timeout_s=1.0))
        assert server.ranges == [None, "bytes=100000-"]

    def test_slow_is_not_silent(self, server: Server, publish: Publish) -> None:
        server.then(serving.slow(6, 0.4))
        fetched(publish(server.url()), replace(QUICK, read_timeout_s=1.8))
        assert len(server.asked) == 1

    def test_nobody_there(self, publish: Publish) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        refused(publish(f"http://127.0.0.1:{port}/x"), "127.0.0.1: can't be reached")

    def test_no_network(self, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
        """Asking again would only take time."""
        monkeypatch.setattr(download.Download, "_wait", lambda *_: pytest.fail("asked again"))
        said = refused(publish("https://weights.invalid/a", "https://other.invalid/b"), "is there a network")
        assert said == (
            "tiny could not be fetched (weights.invalid: not found; is there a network?; other.invalid: not found; "
            "is there a network?); try again later, or get tiny.pth elsewhere and run: mouthpiece weights add FILE"
        )

    def test_no_source(self, publish: Publish) -> None:
        checkpoint = replace(publish(), project_page="https://example.org")
        refused(
            checkpoint,
            r"nothing is known to serve tiny \(its project is at https://example\.org\); get tiny.pth",
        )
        assert left_behind(checkpoint) == set()


class TestRedirects:
    """Only to where it is safe."""

    def test_on_this_machine(self, server: Server, publish: Publish) -> None:
        server.then(serving.redirecting("/second"), serving.redirecting(server.url("third")))
        fetched(publish(server.url("first")))
        assert [path for path, _ in server.asked] == ["/first", "/second", "/third"]

    @pytest.mark.parametrize(
        "location",
        ["http://example.com/weights.pth", "ftp://127.0.0.1/w", "file:///etc/passwd", "http://169.254.169.254/"],
    )
    def test_elsewhere_without_https(self, server: Server, publish: Publish, location: str) -> None:
        server.then(serving.redirecting(location))
        refused(publish(server.url()), f"leads to {location.split(':', maxsplit=1)[0]}://.*, and only https is safe")

    def test_nonsense(self, server: Server, publish: Publish) -> None:
        server.then(serving.redirecting("http://[nonsense"))
        refused(publish(server.url()), "sent what makes no sense")

    def test_in_circles(self, server: Server, publish: Publish) -> None:
        server.always = serving.redirecting("/again")
        refused(publish(server.url()), "redirected more than 5 times")
        assert len(server.asked) == download.MAX_REDIRECTS + 1

    def test_plain_http_is_for_this_machine(self, publish: Publish) -> None:
        refused(publish("http://example.com/weights.pth"), "leads to http://example.com, and only https is safe")

    def test_a_public_source_does_not_reach_into_this_machine(self) -> None:
        with pytest.raises(download.SourceFailed):
            download._check_safe("http://127.0.0.1/", local=False)


class TestStopping:
    """What came is kept; nothing else is left."""

    def test_as_asked(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url())
        answers = iter([False, False, True])
        with pytest.raises(Cancelled, match="what was fetched so far is kept"):
            fetch(checkpoint, cancelled=lambda: next(answers))
        assert left_behind(checkpoint) == {"tiny.pth.part", "tiny.pth.part.json"}
        server.asked.clear()
        fetched(checkpoint)
        assert server.ranges[0] and server.ranges[0].startswith("bytes=")

    def test_while_waiting_to_ask_again(self, server: Server, publish: Publish) -> None:
        server.always = serving.status(503)
        began = time.monotonic()
        with pytest.raises(Cancelled):
            fetch(
                publish(server.url()),
                cancelled=lambda: time.monotonic() - began > 0.3,
                policy=RetryPolicy(backoff_s=30.0),
            )
        assert time.monotonic() - began < 15

    def test_by_an_exception_from_the_keyboard(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url())

        def interrupt(transfer: Transfer) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fetch(checkpoint, progress=interrupt)
        assert left_behind(checkpoint) == {"tiny.pth.part", "tiny.pth.part.json"}
        fetched(checkpoint)

    def test_by_being_killed(self, server: Server, publish: Publish) -> None:
        checkpoint = publish(server.url())
        server.then(serving.stalling(100_000, 60.0))
        with _process(server) as other:
            part = store.part_path(store.folder_of("tiny") / "tiny.pth")
            deadline = time.monotonic() + 20
            while not (part.is_file() and part.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.02)
            other.kill()
        assert left_behind(checkpoint) == {"tiny.pth.part", "tiny.pth.part.json"}
        server.asked.clear()
        fetched(checkpoint)
        assert server.ranges[0] and server.ranges[0].startswith("bytes=")


def test_a_damaged_file_is_fetched_anew(server: Server, publish: Publish) -> None:
    checkpoint = publish(server.url())
    fetched(checkpoint).write_bytes(b"spoilt")
    fetched(checkpoint)
    assert len(server.asked) == 2


def test_no_room(server: Server, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    free = cache.SPARE_BYTES + SIZE - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, free))
    checkpoint = publish(server.url())
    with pytest.raises(DiskFullError, match=r"expected room for 67 MB in .*; make room or set MOUTHPIECE_CACHE"):
        fetch(checkpoint)
    assert left_behind(checkpoint) == set()


def test_a_cache_in_the_way(server: Server, publish: Publish, cache_folder: Path) -> None:
    cache_folder.write_text("a file")
    with pytest.raises(WeightsError, match="expected to write into the cache") as caught:
        fetch(publish(server.url()))
    assert "\n" not in str(caught.value)
    assert not server.asked


FETCHING = """
import sys
from mouthpiece.checkpoints import catalogue
from mouthpiece.checkpoints.fetching import fetch
tiny = catalogue.Checkpoint(
    name="tiny", title="", file_name="tiny.pth", licence="", sources=(sys.argv[1],), sha256=sys.argv[2]
)
catalogue._load_all = lambda: ({"tiny": tiny}, ())
print(fetch(tiny, waiting=lambda: print("waiting", flush=True)))
"""


def _process(server: Server) -> subprocess.Popen[str]:
    """A process that fetches."""
    arguments = [sys.executable, "-c", FETCHING, server.url(), CONTENT_SHA256]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=os.environ)


def test_two_processes_fetch_once(server: Server, publish: Publish) -> None:
    publish(server.url())
    under_way, go_on = threading.Event(), threading.Event()

    def held(handler: serving.Handler, server: Server) -> None:
        under_way.set()
        go_on.wait(20)
        serving.well_behaved(handler, server)

    server.then(held)
    with _process(server) as first:
        assert under_way.wait(20)
        with _process(server) as second:
            assert second.stdout and first.stdout
            assert second.stdout.readline() == "waiting\n"
            go_on.set()
            path = second.stdout.read().strip()
            assert first.stdout.read().strip() == path
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == CONTENT_SHA256
    assert len(server.asked) == 1
