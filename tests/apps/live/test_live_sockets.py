"""The WebSocket: sound and orders up, frames and news down, on the production server."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import websocket
from tests.apps.live.conftest import Serve, Served
from tests.apps.live.stand_in import LATENCY_S, StandInSession, stand_in_config
from tests.apps.live.visiting import LineClosed, Visitor, photo

from mouthpiece.apps.live import create_app
from mouthpiece.apps.live.access import RateLimiter
from mouthpiece.apps.live.browser_session import MOST_CLIENTS, BrowserSession
from mouthpiece.apps.live.clients import Client
from mouthpiece.apps.live.http_errors import HttpError, NoFaceYet
from mouthpiece.apps.live.messages import MOST_MESSAGE, EncodedFrame, unpack_sound
from mouthpiece.apps.live.microphone import Listener, Microphone
from mouthpiece.apps.live.routes import EXTENSION
from mouthpiece.apps.live.server import threaded_server
from mouthpiece.apps.live.session_registry import SessionRegistry
from mouthpiece.apps.live.sockets import ClientConnection, timeout_option
from mouthpiece.errors import EngineError
from mouthpiece.live import LiveFrame
from mouthpiece.options import LiveOptions
from mouthpiece.types import SAMPLE_RATE

SOON_S = 20.0
"""The machine may be busy."""
LOUD = np.full(1600, 0.9, np.float32)


@pytest.fixture
def visitor(server: Served) -> Visitor:
    """Somebody with a face."""
    one = Visitor(server.url)
    assert one.upload(photo()).status == 200
    return one


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true."""
    end_s = time.monotonic() + SOON_S
    while not true() and time.monotonic() < end_s:
        time.sleep(0.02)
    return true()


def test_a_face_speaks_and_rests(visitor: Visitor) -> None:
    with visitor.socket() as line:
        state = line.message("state")
        assert (state["face"], state["speaking"], state["mic"]) == (True, False, "browser")
        resting = line.frame()
        assert resting.brightness < 5 and resting.latency_s == 0 and resting.rgb.shape == (64, 96, 3)
        line.say("start")
        assert line.message("state")["speaking"] is True
        line.sound(LOUD)
        speaking = line.frame(lambda seen: seen.brightness > 200)
        assert speaking.moment_s == pytest.approx(len(LOUD) / SAMPLE_RATE)
        assert LATENCY_S <= speaking.latency_s < LATENCY_S + SOON_S
        line.say("stop")
        assert line.message("state")["speaking"] is False
        assert line.frame().brightness < 5  # within a frame
        line.say("clear")
        assert line.message("state", lambda state: not state["face"])


def test_clocks_and_figures(visitor: Visitor) -> None:
    with visitor.socket() as line:
        line.say("ping", t=12.5)
        assert line.message("pong")["t"] == 12.5
        line.say("start")
        line.sound(LOUD)
        stats = line.message("stats", lambda stats: stats["p50_ms"] > 0)
    assert stats["p95_ms"] >= stats["p50_ms"] >= 1000 * LATENCY_S
    assert {"fps", "dropped", "said", "width", "height"} <= set(stats)


def test_orders_from_anywhere_reach_all_who_watch(visitor: Visitor) -> None:
    with visitor.socket() as one, visitor.socket() as other:
        visitor.order(start="Start")
        for line in (one, other):
            assert line.message("state", lambda state: state["speaking"])
        one.sound(LOUD)
        assert other.frame(lambda seen: seen.brightness > 200)


def test_one_of_several_pages_speaks(visitor: Visitor) -> None:
    visitor.upload(photo())
    with visitor.socket() as one, visitor.socket() as other:
        one.message("state")
        other.message("state")
        one.say("start")
        assert not one.message("state", lambda state: state["speaking"])["elsewhere"]
        assert other.message("state", lambda state: state["speaking"])["elsewhere"]
        one.sound(np.full(320, 0.5, np.float32))
        assert one.frame(lambda seen: seen.brightness > 130)
        for _ in range(3):
            other.sound(np.full(320, 1.0, np.float32))
        assert one.frame(lambda seen: seen.moment_s > 0).brightness < 200, "only who started it is heard"
        other.say("start")
        assert one.message("state", lambda state: state.get("elsewhere", False))["speaking"]
        other.sound(np.full(320, 1.0, np.float32))
        assert other.frame(lambda seen: seen.brightness > 230)
        other.connection.close()
        assert not one.message("state", lambda state: not state["speaking"])["elsewhere"], "who spoke has gone"


def test_a_face_can_come_while_the_page_watches(server: Served) -> None:
    one = Visitor(server.url)
    one.get("/")
    with one.socket() as line:
        assert line.message("state")["face"] is False
        line.say("start")
        assert line.message("error")["code"] == "no-face-yet"
        one.upload(photo())
        assert line.message("state", lambda state: state["face"])
        assert line.frame()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "start",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "fly"}',
        '{"type": "ping", "t": "x"}',
        '{"type": "ping", "t": true}',
        '{"type": "ping", "t": NaN}',
        '{"type": "ping", "t": 1e999}',
        '{"type": "ping", "t": ' + "9" * 900 + "}",
        '{"type": ' + "[" * 500,
        '{"type": "start", "x": [[[[[[]]]]]]}',
        '{"type": "' + "a" * 2000 + '"}',
        "\0",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_messages_that_say_nothing_are_answered_with_what_was_expected(visitor: Visitor, text: str) -> None:
    with visitor.socket() as line:
        line.connection.send(text)
        error = line.message("error")
        assert error["code"] == "request" and error["message"].startswith("expected")
        line.say("ping", t=1)
        assert line.message("pong")


def test_sound_that_isn_t_is_refused(visitor: Visitor) -> None:
    with visitor.socket() as line:
        line.say("start")
        line.connection.send_binary(b"odd")
        assert line.message("error")["code"] == "request"
        for _ in range(8):  # seconds at once
            line.connection.send_binary(bytes(MOST_MESSAGE))
        assert line.message("error")["code"] == "too-fast"


def test_messages_beyond_a_second_of_sound_end_the_line(visitor: Visitor) -> None:
    with visitor.socket() as line:
        line.connection.send_binary(bytes(MOST_MESSAGE + 2))
        with pytest.raises((websocket.WebSocketException, OSError)):
            for _ in line.until():
                pass
    assert visitor.get("/healthz").status == 200


def test_who_never_makes_sense_is_sent_away(visitor: Visitor) -> None:
    with visitor.socket() as line:
        for _ in range(60):
            line.connection.send("nonsense")
        with pytest.raises((websocket.WebSocketException, OSError)):
            for _ in line.until():
                pass


def test_a_line_that_is_replaced_is_told_so(visitor: Visitor) -> None:
    lines = []
    try:
        for _ in range(MOST_CLIENTS + 1):
            lines.append(visitor.socket())
            assert lines[-1].message("state")  # the server knows it now: lines come in this order
        with pytest.raises(LineClosed) as told:
            for _ in lines[0].until():
                pass
        assert told.value.code == 4000
        lines[-1].connection.send('{"type": "ping", "t": 1}')
        assert lines[-1].message("pong")
    finally:
        for line in lines:
            line.__exit__()


def test_nobody_comes_in_without_the_page_s_cookie(server: Served) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Visitor(server.url).socket()
    assert refused.value.status_code == 400


def test_places_are_given_back_soon_after_the_line_breaks(served: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_FORGET_S", "0.5")
    monkeypatch.setenv("STAND_IN_PING_S", "2")  # time enough to look before the silent line is given up
    url = served(sessions=1).url
    first, second = Visitor(url), Visitor(url)
    second.get("/")
    assert first.upload(photo()).status == 200
    line = first.socket()
    line.message("state")
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        second.socket()
    assert refused.value.status_code == 503
    assert second.get("/").status == 503
    # Gone without a word of the protocol's.
    connection = line.connection.sock
    assert connection is not None
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert soon(lambda: second.get("/").status == 200)
    with second.socket() as taken:
        assert taken.message("state")["face"] is False
    assert soon(lambda: first.get("/").status == 200)
    with first.socket() as back:  # the face was kept
        assert back.message("state", lambda state: state["face"])
        # A lid was shut: the connection stands, but nobody answers.
        assert soon(lambda: second.get("/").status == 200)


def test_speaking_ends_with_the_last_page(visitor: Visitor) -> None:
    with visitor.socket() as line:
        line.say("start")
        line.message("state", lambda state: state["speaking"])
    assert soon(lambda: visitor.get("/stats").json["session"]["speaking"] is False)


def test_a_client_gets_the_newest_frame_and_counts_what_it_missed() -> None:
    client = Client("socket")
    for moment_s in (0.0, 0.04, 0.08):
        client.put_frame(EncodedFrame(b"", moment_s, 0.0))
    client.put_message({"type": "state"})
    assert client.next(0) == {"type": "state"}
    frame = client.next(0)
    assert isinstance(frame, EncodedFrame) and frame.moment_s == 0.08 and client.dropped == 2
    assert client.next(0) is None


def a_session(live: StandInSession) -> BrowserSession:
    session = BrowserSession(lambda _: live, Microphone())
    session.put_face(np.full((48, 64, 3), 200, np.uint8))
    return session


def a_live() -> StandInSession:
    return StandInSession(np.full((48, 64, 3), 200, np.uint8), LiveOptions())


def test_one_thread_draws_for_all_and_only_while_somebody_watches() -> None:
    live = a_live()
    session = a_session(live)
    try:
        session.start()
        time.sleep(0.1)
        assert live.drawers == set()
        clients = [session.watch("socket"), session.watch("feed")]
        frames: list[list[EncodedFrame]] = [[], []]
        end_s = time.monotonic() + SOON_S
        while min(map(len, frames)) < 5 and time.monotonic() < end_s:
            for client, seen in zip(clients, frames, strict=True):
                item = client.next(0.05)
                if isinstance(item, EncodedFrame):
                    seen.append(item)
        assert len(live.drawers) == 1
        assert {id(frame) for frame in frames[0]} & {id(frame) for frame in frames[1]}  # the very same, encoded once
    finally:
        session.close()
    assert live.closed and session.idle_s >= 0


def test_a_face_that_can_t_be_drawn_is_told_of_and_taken_away() -> None:
    for error, code in ((EngineError("the engine stumbled"), "engine"), (ZeroDivisionError("x"), "error")):
        live = a_live()

        def fail(timeout_s: float = 1.0, error: Exception = error) -> LiveFrame | None:
            raise error

        live.next_frame = fail  # type: ignore[method-assign]
        session = a_session(live)
        client = session.watch("socket")
        told = [client.next(SOON_S) for _ in range(3)]
        assert [item["type"] for item in told if isinstance(item, dict)] == ["state", "error", "state"]
        assert isinstance(told[1], dict) and told[1]["code"] == code
        with pytest.raises(NoFaceYet):
            session.start()
        session.close()


class SlowMicrophone(Microphone):
    """A microphone that takes its time to open."""

    def __init__(self) -> None:
        self.opening, self.may_open = threading.Event(), threading.Event()
        self.open = False

    def attach(self, session: Listener) -> None:
        self.opening.set()
        assert self.may_open.wait(SOON_S)
        self.open = True

    def detach(self, session: Listener) -> None:
        self.open = False


def test_a_microphone_that_opens_slowly_holds_nobody_up() -> None:
    microphone = SlowMicrophone()
    registry = SessionRegistry(2, lambda _: a_live(), microphone)
    session = registry.enter("a")
    session.put_face(np.full((48, 64, 3), 200, np.uint8))
    client = session.watch("socket")
    starting = threading.Thread(target=session.start)
    starting.start()
    assert microphone.opening.wait(SOON_S)
    done = threading.Event()

    def use() -> None:
        """Do what other clients and the sweeper do meanwhile."""
        registry.forget_idle()
        registry.enter("b").put_face(np.full((48, 64, 3), 200, np.uint8))
        assert session.state()["speaking"] and session.stats()["face"]
        session.leave(session.watch("feed"))
        while not isinstance(client.next(SOON_S), EncodedFrame):
            pass
        done.set()

    threading.Thread(target=use, daemon=True).start()
    try:
        assert done.wait(SOON_S)
        stopping = threading.Thread(target=session.stop)
        stopping.start()
        assert soon(lambda: not session.state()["speaking"])
    finally:
        microphone.may_open.set()
    starting.join(SOON_S)
    stopping.join(SOON_S)
    assert not microphone.open, "it was stopped before it was open"
    registry.close()


def test_a_new_face_takes_the_place_of_the_old_one() -> None:
    lives = [a_live(), a_live()]
    waiting = list(lives)
    session = BrowserSession(lambda _: waiting.pop(0), Microphone())
    for _ in lives:
        session.put_face(np.full((48, 64, 3), 200, np.uint8))
    assert lives[0].closed and not lives[1].closed
    session.close()


def test_a_registry_that_is_closed_is_empty() -> None:
    registry = SessionRegistry(2, lambda _: a_live(), Microphone())
    session = registry.enter("a")
    session.put_face(np.full((48, 64, 3), 200, np.uint8))
    client = session.watch("socket")
    registry.close()
    assert client.dismissed and registry.sessions == []
    with pytest.raises(HttpError):
        registry.enter("a")
    with pytest.raises(HttpError):
        session.watch("socket")


def test_werkzeug_s_server_does_as_well() -> None:
    """What runs on Windows, run here."""
    app = create_app(config := stand_in_config(sessions=2))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threaded_server(config, app, listener)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        visitor = Visitor(f"http://localhost:{server.port}")
        assert visitor.upload(photo()).status == 200
        with visitor.socket() as line:
            line.say("start")
            line.sound(LOUD)
            assert line.frame(lambda seen: seen.brightness > 200)
        assert visitor.get("/").status == 200
    finally:
        app.extensions[EXTENSION].close()
        server.shutdown()
        serving.join()
        server.server_close()


def test_samples_come_as_sent() -> None:
    sent = np.array([0, 1, -1, 32767, -32768], "<i2")
    samples = unpack_sound(sent.tobytes())
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, sent / 32768)
    assert len(unpack_sound(b"")) == 0


def test_a_connection_sends_whole_messages_and_gives_up_on_who_doesn_t_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = ClientConnection(ours)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout_option(0.2))
        got = bytearray()
        reader = threading.Thread(target=lambda: got.extend(iter_all(theirs, 3_000_000)))
        reader.start()
        assert connection.send(bytes(3_000_000)) == 3_000_000
        reader.join()
        assert len(got) == 3_000_000
        with pytest.raises(OSError):
            connection.send(bytes(20_000_000))
        with pytest.raises(OSError):  # half a message was the end
            connection.send(b"x")


def iter_all(connection: socket.socket, count: int) -> bytes:
    """So many bytes."""
    got = bytearray()
    while len(got) < count:
        got.extend(connection.recv(1 << 16))
    return bytes(got)


def test_a_connection_answers_few_pings() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = ClientConnection(ours)
        pong = b"\x8a\x7d" + bytes(125)
        with pytest.raises(OSError, match="pings"):
            for _ in range(1000):
                connection.send(pong)


def test_rate_limits() -> None:
    now_s = 0.0
    limiter = RateLimiter(2.0, 4.0, lambda: now_s)
    assert limiter.take(4) and not limiter.take(1)
    now_s = 1.0
    assert limiter.take(2) and not limiter.take(0.1)
    assert limiter.wait_s(4) == pytest.approx(2.0)
    now_s = 100.0
    assert limiter.wait_s(4) == 0 and not limiter.take(1)
