"""Who may ask for what: names, origins, tokens, cookies, headers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import websocket
from flask.testing import FlaskClient
from tests.apps.live.conftest import Served
from tests.apps.live.visiting import Visitor, form, photo

from mouthpiece.apps.live import LiveConfig
from mouthpiece.apps.live.access import AccessPolicy, check_token, name_of
from mouthpiece.apps.live.http_errors import HttpError
from mouthpiece.apps.live.messages import read_command
from mouthpiece.apps.live.server import link
from mouthpiece.apps.web import is_loopback
from mouthpiece.errors import OptionError

Client = Callable[..., FlaskClient]
TOKEN = "a-token-nobody-guesses"
START = {"start": "Start"}


def test_addresses_of_this_machine() -> None:
    for host in ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"):
        assert is_loopback(host)
    for host in ("0.0.0.0", "::", "192.168.1.2", "localhost.evil.example", "127.0.0.1.evil.example", ""):
        assert not is_loopback(host)
    assert [name_of(host) for host in ("A.b:80", "a", "[::1]:80", "[::1]")] == ["a.b", "a", "::1", "::1"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "", "a b", "x/../y", "[::1"]
)
def test_a_server_of_this_machine_answers_to_no_other_name(client: Client, host: str) -> None:
    refused = client().get("/", headers={"Host": host, "Accept": "application/json"})
    assert refused.status_code == 403 and refused.json is not None and refused.json["error"]["code"] == "foreign"
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LocalHost:1"])
def test_it_answers_to_its_own(client: Client, host: str) -> None:
    assert client().get("/", headers={"Host": host}).status_code == 200


def test_names_behind_a_proxy_are_told(client: Client) -> None:
    visitor = client(allow_hosts=("lips.example.org",))
    assert visitor.get("/", headers={"Host": "Lips.example.org"}).status_code == 200
    assert visitor.get("/", headers={"Host": "lips.example.com"}).status_code == 403
    over_ipv6 = client(allow_hosts=("2001:db8::7",))
    assert over_ipv6.get("/", headers={"Host": "[2001:db8::7]:8080"}).status_code == 200
    refused = client().get("/", headers={"Host": "lips.example.org"})
    assert "--allow-host lips.example.org" in refused.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": "file://localhost"},
        {"Origin": "http://localhost/path"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_changes_are_for_our_own_pages(client: Client, headers: dict[str, str]) -> None:
    visitor = client()
    visitor.get("/")
    for path in ("/upload", "/requests", "/video_feed"):
        assert visitor.post(path, data=START, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost"}, {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}]
)
def test_our_own_pages_and_programs_may(client: Client, headers: dict[str, str]) -> None:
    visitor = client()
    body, kind = form(photo())
    assert visitor.post("/upload", data=body, content_type=kind, headers=headers).status_code == 303
    assert visitor.post("/requests", data=START, headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_the_socket_is_for_our_own_pages(server: Served, origin: str) -> None:
    visitor = Visitor(server.url)
    visitor.get("/")
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        visitor.socket(origin=origin)
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Key": "short", "Sec-WebSocket-Version": "13"},
        {"Sec-WebSocket-Version": "13"},
        {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": "\u00e9\u00e9", "Sec-WebSocket-Version": "13"},
    ],
)
def test_handshakes_that_are_none_are_refused(server: Served, headers: dict[str, str]) -> None:
    visitor = Visitor(server.url)
    visitor.get("/")
    refused = visitor.ask("GET", "/live", headers={"Upgrade": "websocket", "Connection": "Upgrade"} | headers)
    assert refused.status == 400
    assert visitor.get("/live").status == 400  # no WebSocket at all


def test_a_token_lets_in_once_and_is_then_a_cookie(client: Client) -> None:
    visitor = client(token=TOKEN)
    assert visitor.get("/").status_code == 401
    assert "Set-Cookie" not in visitor.get("/").headers
    welcome = visitor.get(f"/?token={TOKEN}")
    assert welcome.status_code == 200 and TOKEN not in welcome.text and TOKEN not in welcome.headers["Set-Cookie"]
    assert 'http-equiv="refresh"' in welcome.text and welcome.headers["Cache-Control"] == "no-store"
    assert visitor.get("/").status_code == 200
    assert visitor.post("/requests", data={"stop": "Stop"}).status_code == 200


def test_without_the_token_there_is_nothing_but_how_it_looks(client: Client) -> None:
    visitor = client(token=TOKEN)
    for path in ("/", "/stats", "/video_feed", "/requests", "/live", "/nowhere", f"/stats?token={TOKEN}"):
        assert visitor.get(path, headers={"Authorization": "Bearer wrong"}).status_code in (400, 401)
    assert visitor.post("/upload").status_code == 401
    assert visitor.get("/?token=wrong").status_code == 401
    with visitor.get("/static/style.css") as style:
        assert style.status_code == 200
    assert visitor.get("/stats", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_cookies_are_ours_or_nobody_s() -> None:
    def policy(token: str | None = TOKEN, secret: bytes = b"s" * 32) -> AccessPolicy:
        return AccessPolicy(host="127.0.0.1", token=token, names=(), secret=secret)

    visitor = "0123456789abcdef" * 2
    cookie = policy().cookies.sign(visitor)
    assert policy().cookies.unsign(cookie) == visitor
    for other in (policy(token="another-token-it-is"), policy(token=None), policy(secret=b"t" * 32)):
        assert other.cookies.unsign(cookie) is None
    for bad in (None, "", ".", visitor, cookie[:-1], cookie + "0", "." + cookie, "\u00e9.\u00e9", "\ud800.x"):
        assert policy().cookies.unsign(bad) is None


def test_tokens_of_our_own_are_long_and_fit_for_links() -> None:
    one, other = (LiveConfig(host="0.0.0.0").token or "" for _ in range(2))
    assert check_token(one) and one != other
    for bad in ("short", "spaces are not fit for links", "x" * 15, "a/slash/in/the/token", "ümlauts-in-the-token"):
        with pytest.raises(OptionError):
            check_token(bad)


def test_other_addresses_ask_for_a_token_of_themselves() -> None:
    assert LiveConfig().token is None
    config = LiveConfig(host="0.0.0.0", port=80)
    assert config.token is not None and link(config) == f"http://localhost:80/?token={config.token}"
    assert link(LiveConfig(port=1)) == "http://localhost:1/"
    assert link(LiveConfig(host="::1", port=1)) == "http://[::1]:1/"
    assert link(LiveConfig(host="10.0.0.3", port=1, token=TOKEN)) == f"http://10.0.0.3:1/?token={TOKEN}"
    assert TOKEN not in repr(LiveConfig(token=TOKEN))


def test_every_answer_carries_the_headers(client: Client) -> None:
    visitor = client()
    for answer in (visitor.get("/"), visitor.get("/stats"), visitor.get("/nowhere"), visitor.post("/upload")):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "microphone=(self)" in answer.headers["Permissions-Policy"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
    odd = visitor.get("/healthz", headers={"Host": "x; script-src *"})
    assert "script-src *" not in odd.headers["Content-Security-Policy"]


def test_pages_have_nothing_inline(client: Client) -> None:
    visitor = client(token=TOKEN)
    for page in (
        visitor.get("/", headers={"Accept": "text/html"}),
        visitor.get(f"/?token={TOKEN}"),
        visitor.get("/"),
    ):
        assert "<style" not in page.text and " style=" not in page.text and " onclick=" not in page.text
        assert "<script>" not in page.text


def test_errors_are_escaped(client: Client) -> None:
    body, kind = form(b"x", name="<img src=x>.png")
    page = client().post("/upload", data=body, content_type=kind, headers={"Accept": "text/html"})
    assert page.status_code == 415 and "<img" not in page.text and "&lt;img" in page.text


def test_cookies_are_for_https_where_there_is_https(client: Client) -> None:
    visitor = client()
    assert "Secure" not in visitor.get("/").headers["Set-Cookie"]
    secure = visitor.application.test_client().get("/", base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_messages_are_small_and_flat() -> None:
    assert read_command('{"type": "ping", "t": 1.5}') == {"type": "ping", "t": 1.5}
    for bad in ("[" * 1000, "1" * 1025, '{"type": null}', '{"type": "ping", "t": [1]}', "\ud800"):
        with pytest.raises(HttpError):
            read_command(bad)
