"""The published routes with their forms, as programs and pages ask for them."""

from __future__ import annotations

import http.client
import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from tests.apps.live.conftest import Serve, Served
from tests.apps.live.visiting import TIMEOUT_S, Visitor, claiming, form, photo
from werkzeug.test import TestResponse

from mouthpiece import samples
from mouthpiece.apps.live import LiveConfig, create_app
from mouthpiece.apps.live.config import default_sessions
from mouthpiece.apps.live.face_uploads import MOST_BYTES, read_face
from mouthpiece.apps.live.routes import EXTENSION
from mouthpiece.apps.live.session_registry import FORGET_S, KEEP_FACE_S, SessionRegistry
from mouthpiece.errors import InputError, OptionError

Client = Callable[..., FlaskClient]
JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def upload(client: FlaskClient, data: bytes, headers: dict[str, str] = JSON, name: str = "me.png") -> TestResponse:
    body, kind = form(data, name=name)
    return client.post("/upload", data=body, content_type=kind, headers=headers)


def registry_of(client: FlaskClient) -> SessionRegistry:
    registry: SessionRegistry = client.application.extensions[EXTENSION]
    return registry


def test_the_page_comes_with_a_cookie_that_scripts_and_other_sites_never_see(client: Client) -> None:
    page = client().get("/")
    assert page.status_code == 200 and page.mimetype == "text/html"
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie


def test_an_upload_goes_back_to_the_page_as_published(client: Client) -> None:
    visitor = client()
    for headers in (PAGE, {}):
        sent = upload(visitor, photo(), headers)
        assert sent.status_code == 303 and sent.headers["Location"] == "/"


def test_a_face_of_the_gallery_needs_no_photo(client: Client) -> None:
    visitor = client()
    page = visitor.get("/", headers=PAGE).get_data(as_text=True)
    for avatar in samples.avatars():
        assert f'data-avatar="{avatar.name}"' in page and f'aria-label="{avatar.title()}"' in page
        small = visitor.get(f"/avatars/{avatar.name}.jpg")
        assert small.mimetype == "image/jpeg" and len(small.data) < 20_000
        assert "max-age" in small.headers["Cache-Control"]
        with Image.open(io.BytesIO(small.data)) as picture:
            assert picture.size == (128, 160)
    taken = visitor.post("/avatar", data={"avatar": "old_lady"}, headers=JSON)
    assert taken.status_code == 200 and taken.json is not None and taken.json["face"]
    assert (taken.json["width"], taken.json["height"]) == (512, 640)
    assert visitor.post("/avatar", data={"avatar": "child"}, headers=PAGE).status_code == 303


@pytest.mark.parametrize(
    "name", ["", "nobody", "../face", "..%2fface", "woman.jpg", "/etc/passwd", "woman\0", "a" * 9999]
)
def test_other_names_lead_nowhere(client: Client, name: str) -> None:
    visitor = client()
    refused = visitor.post("/avatar", data={"avatar": name}, headers=JSON)
    assert refused.status_code == 404 and refused.json is not None
    assert refused.json["error"]["message"].startswith("expected the name of a face of the gallery: woman, man")
    assert registry_of(visitor).sessions == []
    assert visitor.get(f"/avatars/{name}.jpg").status_code in (308, 404)


def test_the_gallery_is_for_whom_the_server_is_for(client: Client) -> None:
    stranger = client(host="0.0.0.0", token="sesame-0123456789")
    assert stranger.get("/avatars/woman.jpg").status_code == 401
    assert stranger.post("/avatar", data={"avatar": "woman"}).status_code == 401
    foreign = client().post("/avatar", data={"avatar": "woman"}, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    full = client(sessions=1)
    assert full.post("/avatar", data={"avatar": "woman"}).status_code == 303
    other = full.application.test_client()
    assert other.post("/avatar", data={"avatar": "woman"}, headers=JSON).status_code == 503


def test_what_is_no_media_is_no_photo_and_a_still_of_a_video_would_do(client: Client, tmp_path: Path) -> None:
    refused = upload(client(), b"%PDF-1.4 nothing", name="paper.pdf")
    assert refused.json is not None
    assert refused.json["error"]["message"] == "expected a photo, but paper.pdf is none; choose one: JPEG, PNG or WebP"
    spoken = upload(client(), samples.sample_speech("en").read_bytes(), name="me.wav")
    assert spoken.json is not None
    said = "expected a photo, but me.wav holds no picture; choose one: JPEG, PNG or WebP"
    assert spoken.json["error"]["message"] == said


def test_an_upload_tells_programs_what_they_have(client: Client) -> None:
    sent = upload(client(), photo(size=(96, 64)))
    assert sent.status_code == 200
    assert sent.json == {
        "type": "state",
        "face": True,
        "speaking": False,
        "mic": "browser",
        "width": 96,
        "height": 64,
        "engine": "stand-in",
        "faces": 1,
    }


def test_large_photos_are_drawn_smaller(client: Client) -> None:
    sent = upload(client(), photo(size=(2000, 1000), kind="JPEG"))
    assert sent.json is not None and (sent.json["width"], sent.json["height"]) == (640, 320)


def test_photos_stand_upright() -> None:
    with io.BytesIO() as file:
        picture = Image.new("RGB", (80, 40), "red")
        exif = picture.getexif()
        exif[0x0112] = 6  # turn by 90 degrees
        picture.save(file, "JPEG", exif=exif)
        assert read_face(file.getvalue(), "a.jpg", None).shape == (80, 40, 3)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "request"),
        (b"not a picture at all", 415, "not-media"),
        (samples.sample_speech("en").read_bytes(), 415, "no-picture"),
        (photo()[:60], 422, "broken-media"),
        (photo(size=(8, 8)), 422, "picture-size"),
        (photo(0), 422, "no-face"),
    ],
    ids=["empty", "text", "sound", "cut off", "tiny", "no face"],
)
def test_what_is_no_photo_of_a_face_is_refused_in_one_line(client: Client, data: bytes, status: int, code: str) -> None:
    visitor = client()
    refused = upload(visitor, data)
    assert refused.status_code == status and refused.json is not None
    assert refused.json["error"]["code"] == code
    assert "\n" not in refused.json["error"]["message"] and "<file object>" not in refused.json["error"]["message"]
    page = upload(visitor, data, PAGE)
    assert page.status_code == status and page.mimetype == "text/html"


def test_moving_pictures_are_refused(client: Client) -> None:
    with io.BytesIO() as file:
        shades = [Image.new("RGB", (64, 64), (i, i, i)) for i in (90, 160, 230)]
        shades[0].save(file, "GIF", save_all=True, append_images=shades[1:], duration=100)
        refused = upload(client(), file.getvalue(), name="moves.gif")
    assert refused.status_code == 415 and refused.json is not None
    assert "moves.gif" in refused.json["error"]["message"]


def test_files_beyond_the_limit_are_refused(client: Client) -> None:
    refused = upload(client(), bytes(MOST_BYTES + (1 << 20)))
    assert refused.status_code == 413 and refused.json is not None and "16 MB" in refused.json["error"]["message"]


def test_a_picture_that_claims_too_much_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(InputError, match=r"64 megapixels, bomb\.png claims 12000x12000"):
        read_face(claiming(12_000, 12_000), "bomb.png", 640)


def test_uploads_of_another_kind_are_refused(client: Client) -> None:
    visitor = client()
    assert visitor.post("/upload", json={"image": "x"}).status_code == 415
    assert visitor.post("/upload", data=photo()).status_code == 415
    assert visitor.post("/upload", data={"other": (io.BytesIO(photo()), "a.png")}).status_code == 400
    assert visitor.post("/upload", data={"image": "text"}, content_type="multipart/form-data").status_code == 400


def test_names_are_shown_tamely_and_nothing_is_written(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = upload(client(), b"no picture", name="../../etc/\u202epasswd.jpg")
    assert refused.json is not None and refused.status_code == 415
    message = refused.json["error"]["message"]
    assert ".." not in message and "\u202e" not in message and "passwd.jpg" in message
    upload(client(), photo(size=(1500, 1500)), name="../out.png")
    assert list(tmp_path.iterdir()) == []


def test_start_stop_and_clear(client: Client) -> None:
    visitor = client()
    assert visitor.post("/requests", data={"start": "Start"}, headers=JSON).status_code == 409
    upload(visitor, photo())
    for order, speaking, face in (
        ({"start": "Start"}, True, True),
        ({"stop": "Stop"}, False, True),
        ({"stop": "Stop"}, False, True),
        ({"start": "Start"}, True, True),
        ({"clear": "clear"}, False, False),
    ):
        state = visitor.post("/requests", data=order, headers=JSON).json
        assert state is not None and (state["speaking"], state["face"]) == (speaking, face)


def test_orders_answer_pages_with_the_page_as_published(client: Client) -> None:
    visitor = client()
    upload(visitor, photo())
    for method in (visitor.get, visitor.post):
        answer = method("/requests", data={"start": "Start"}, headers=PAGE)
        assert answer.status_code == 200 and answer.mimetype == "text/html"


def test_to_get_changes_nothing(client: Client) -> None:
    visitor = client()
    upload(visitor, photo())
    assert visitor.get("/requests?start=Start").status_code == 200
    assert visitor.get("/stats").get_json()["session"]["speaking"] is False


@pytest.mark.parametrize("data", [{}, {"start": "start"}, {"start": "Start", "stop": "Stop"}, {"go": "1"}])
def test_other_orders_are_refused(client: Client, data: dict[str, str]) -> None:
    refused = client().post("/requests", data=data, headers=JSON)
    assert refused.status_code == 400


def test_browser_sessions_are_kept_apart(client: Client) -> None:
    one = client()
    other = one.application.test_client()
    upload(one, photo())
    one.post("/requests", data={"start": "Start"})
    other.get("/")
    assert one.get("/stats").get_json()["session"]["speaking"] is True
    assert other.get("/stats").get_json()["session"] is None
    assert other.post("/requests", data={"clear": "clear"}, headers=JSON).status_code == 200
    assert one.get("/stats").get_json()["session"]["face"] is True


def test_stats_are_for_whom_they_concern(client: Client) -> None:
    token = "abcdefghijklmnop"
    visitor = client(token=token, sessions=3)
    visitor.get(f"/?token={token}")
    upload(visitor, photo())
    own = visitor.get("/stats").get_json()
    assert own["sessions"] == 1 and own["places"] == 3 and "all" not in own
    assert {"fps", "p50_ms", "p95_ms", "dropped", "width", "height", "said"} <= set(own["session"])
    everyone = visitor.application.test_client().get("/stats", headers={"Authorization": f"Bearer {token}"}).get_json()
    assert everyone["session"] is None and len(everyone["all"]) == 1


def test_health_needs_no_token_and_no_name(client: Client) -> None:
    answer = client(token="abcdefghijklmnop").get("/healthz", headers={"Host": "10.0.0.7:8080"})
    assert answer.status_code == 200 and answer.get_json() == {"ok": True}


def test_unknown_addresses_and_methods(client: Client) -> None:
    visitor = client()
    assert visitor.get("/nowhere", headers=JSON).status_code == 404
    assert visitor.get("/upload", headers=JSON).status_code == 405
    assert visitor.put("/requests").headers["Allow"]


def test_beyond_the_places_there_is_a_clear_no(client: Client) -> None:
    first = client(sessions=1)
    upload(first, photo())
    second = first.application.test_client()
    for refused in (second.get("/", headers=PAGE), upload(second, photo(), PAGE)):
        assert refused.status_code == 503 and refused.mimetype == "text/html"
        assert "the only place is taken" in refused.text and refused.headers["Retry-After"] == "10"
    assert upload(second, photo()).json["error"]["code"] == "busy"  # type: ignore[index]
    assert first.get("/").status_code == 200


def test_who_leaves_is_forgotten_but_for_the_face(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = client(sessions=1)
    upload(visitor, photo())
    registry = registry_of(visitor)
    (session,) = registry.sessions
    later_s = time.monotonic() + FORGET_S + 1
    monkeypatch.setattr("mouthpiece.apps.live.session_registry.time.monotonic", lambda: later_s)
    registry.forget_idle()
    assert registry.sessions == []
    monkeypatch.undo()
    assert visitor.post("/requests", data={"start": "Start"}, headers=JSON).status_code == 200
    assert registry.sessions != [session]
    registry.forget_idle(later_s + KEEP_FACE_S + 1)


def test_old_faces_are_forgotten(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = client(sessions=1)
    upload(visitor, photo())
    registry = registry_of(visitor)
    left_s = time.monotonic() + FORGET_S + 1
    with monkeypatch.context() as later:
        later.setattr("mouthpiece.apps.live.session_registry.time.monotonic", lambda: left_s)
        registry.forget_idle()
        registry.forget_idle(left_s + KEEP_FACE_S + 1)
    assert visitor.post("/requests", data={"start": "Start"}, headers=JSON).status_code == 409


def test_the_feed_has_jpeg_parts_with_the_published_boundary(server: Served) -> None:
    visitor = Visitor(server.url)
    assert visitor.get("/video_feed").status == 400  # nobody's
    visitor.get("/")
    assert visitor.get("/video_feed").status == 409
    visitor.upload(photo())
    connection = http.client.HTTPConnection(visitor.host, visitor.port, timeout=TIMEOUT_S)
    connection.request("GET", "/video_feed", headers={"Cookie": visitor.cookie})
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
    visitor.order(start="Start")
    assert answer.readline() == b"--frame\r\n"
    for _ in range(5):
        assert answer.readline() == b"Content-Type: image/jpeg\r\n"
        length = re.fullmatch(rb"Content-Length: (\d+)\r\n", answer.readline())
        assert length is not None and answer.readline() == b"\r\n"
        picture = Image.open(io.BytesIO(answer.read(int(length[1]))))
        assert picture.format == "JPEG" and picture.size == (96, 64)
        assert answer.readline() == b"\r\n" and answer.readline() == b"--frame\r\n"
    visitor.order(clear="clear")
    answer.read()  # to its end
    connection.close()


def test_stats_end_with_who_watches(served: Serve) -> None:
    visitor = Visitor(served(sessions=1).url)
    visitor.upload(photo())
    connection = http.client.HTTPConnection(visitor.host, visitor.port, timeout=TIMEOUT_S)
    connection.request("GET", "/video_feed", headers={"Cookie": visitor.cookie})
    with connection.getresponse() as answer:
        answer.readline()
        assert visitor.get("/stats").json["session"]["watchers"] == 1
        connection.close()
    end_s = time.monotonic() + 20
    while visitor.get("/stats").json["session"]["watchers"] and time.monotonic() < end_s:
        time.sleep(0.1)
    assert visitor.get("/stats").json["session"]["watchers"] == 0


def test_configs_that_make_no_sense() -> None:
    with pytest.raises(OptionError, match="port expects"):
        LiveConfig(port=70_000)
    with pytest.raises(OptionError, match="sessions expects"):
        LiveConfig(sessions=0)
    with pytest.raises(OptionError, match="token expects"):
        LiveConfig(token="short")
    assert default_sessions() >= 2


def test_the_real_engine_refuses_a_wall_and_takes_a_face(tmp_path: Path) -> None:
    app = create_app(LiveConfig(sessions=1))
    try:
        visitor = app.test_client()
        refused = upload(visitor, photo(size=(256, 256)), name="wall.png")
        assert refused.status_code == 422 and refused.json is not None and refused.json["error"]["code"] == "no-face"
        assert "wall.png" in refused.json["error"]["message"] and "array" not in refused.json["error"]["message"]
        taken = upload(visitor, samples.sample_face().read_bytes(), name="face.jpg")
        assert taken.json is not None and (taken.json["engine"], taken.json["height"]) == ("mesh", 640)
    finally:
        app.extensions[EXTENSION].close()
