"""The page, clicked through without a browser."""

from __future__ import annotations

import io
import time
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from tests.apps.studio.conftest import Player

from mouthpiece import samples
from mouthpiece.apps.studio import networks, page
from mouthpiece.apps.studio.jobs import JobState
from mouthpiece.apps.web import Limits
from mouthpiece.engines.registry import load_engine
from mouthpiece.errors import NoFaceError, WeightsError
from mouthpiece.notices import notice
from mouthpiece.options import EngineOptions
from mouthpiece.types import EngineInfo

Studio = Callable[..., AppTest]
FACE = samples.sample_face().read_bytes()
SPEECH = samples.sample_speech().read_bytes()


def text_of(at: AppTest) -> str:
    """All that the page says in HTML of its own."""
    return " ".join(str(block.proto.body) for block in at.get("html"))


def choose(at: AppTest, **by_key: str) -> AppTest:
    for key, value in by_key.items():
        at.button_group(key=key.replace("_", "-")).set_value(value)
    return at.run()


def with_sample(at: AppTest, language: str = "en") -> AppTest:
    at = choose(at, speech_from="samples")
    return choose(at, sample=language)


def await_end(at: AppTest) -> AppTest:
    """Until the job is over and the page shows it."""
    until = time.monotonic() + 20
    while at.session_state["visit"].is_busy():
        assert time.monotonic() < until
        time.sleep(0.01)
    return at.run()


def await_frame(at: AppTest) -> AppTest:
    until = time.monotonic() + 20
    while at.session_state["visit"].job.status.progress is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    return at.run()


def test_it_begins_with_a_face_and_wants_speech(studio: Studio, player: Player) -> None:
    at = studio()
    assert not at.exception
    assert at.button(key="make").disabled and "It still needs speech" in text_of(at)
    assert at.button(key="animation-whole").disabled
    assert "comes later" in text_of(at)
    at = with_sample(at)
    assert not at.button(key="make").disabled


def test_from_click_to_video(studio: Studio, player: Player) -> None:
    at = with_sample(studio(), "ar")
    avatars = [str(button.key) for button in at.button if str(button.key).startswith("avatar-")]
    at.button(key=avatars[-1]).click().run()
    at.button(key="make").click().run()
    at = await_frame(at)
    assert at.get("progress")[0].proto.text == "25 of 100 frames · 2.0× real time · about 0:02 left"
    assert "make" not in [button.key for button in at.button]
    player.warnings = (notice("odd-size", width=3, height=3),)
    player.go_on.set()
    at = await_end(at)
    assert not at.exception
    assert "100 frames, made in 2.0 s (2.0× real time) by the engine mesh" in text_of(at)
    assert "Left as it was from 3.0 s to 4.0 s: the face is turned away" in text_of(at)
    assert at.warning[0].value.startswith("Odd size 3x3")
    assert at.get("video") and at.get("download_button")
    asked = player.asked[0]
    assert asked["face"].stem == avatars[-1].removeprefix("avatar-")
    assert asked["speech"] == samples.sample_speech("ar")
    assert asked["options"].engine.name == "mesh"
    first = at.session_state["visit"].job.status.result.path
    at = await_end(at.button(key="make").click().run())
    assert len(player.asked) == 2 and not first.exists(), "a new video takes the place of the last"


def test_cancel_cancels(studio: Studio, player: Player) -> None:
    at = with_sample(studio())
    at.button(key="make").click().run()
    at = await_frame(at)
    job = at.session_state["visit"].job
    at.button(key="cancel").click().run()
    assert job.status.state is JobState.CANCELLED and job.join(10), "its thread ends, which nobody let go on"
    at.run()
    assert at.info[0].value == "Cancelled. Nothing was kept."
    assert not at.button(key="make").disabled
    assert not list(at.session_state["visit"].folder.path.iterdir())


def test_choices_reach_the_pipeline(studio: Studio, player: Player) -> None:
    at = with_sample(studio())
    at.slider(key="intensity").set_value(1.5)
    at.selectbox(key="rest-en").set_value("a little")
    at.selectbox(key="which-en").set_value("left")
    at.button_group(key="quality").set_value("best")
    at.run()
    player.go_on.set()
    at = await_end(at.button(key="make").click().run())
    options = player.asked[0]["options"]
    assert (options.engine.intensity, options.engine.rest, options.face, options.quality) == (1.5, 0.25, "left", "best")


def test_a_page_tells_of_what_is_being_made(studio: Studio, player: Player) -> None:
    at = with_sample(studio())
    at = await_frame(at.button(key="make").click().run())
    at = at.button(key="avatar-old_man").click().run()
    assert ">Woman<" in text_of(at) and ">Old man<" not in text_of(at), "the progress is hers"
    player.go_on.set()
    at = await_end(at)
    assert text_of(at).count(">Woman<") == text_of(at).count(">Old man<") == 1, "her video; his may be next"


def test_missing_weights_say_how_to_get_them(
    studio: Studio, player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "cache"))
    at = with_sample(studio())
    at.selectbox(key="engine-en").set_value("wav2lip").run()
    assert "mouthpiece weights fetch" in at.warning[0].value.replace("\\", "")
    assert at.button(key="make").disabled
    assert "fake" not in at.selectbox(key="engine-en").options
    assert "intensity" not in [slider.key for slider in at.slider], "it has no use for it"
    at = choose(at, language="ar")
    lead, _, line = at.warning[0].value.replace("\\", "").partition("\n\n")
    assert lead == "لا يمكن تشغيل المحرّك." and "mouthpiece weights fetch" in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoFaceError("expected a face in the photo, but none was found"), "Expected a face in the photo, but none"),
        (WeightsError("no weights; fetch them"), "No weights; fetch them."),
        (RuntimeError("boom"), "Something went wrong here (RuntimeError)"),
    ],
)
def test_a_job_that_fails_says_why(studio: Studio, player: Player, error: Exception, said: str) -> None:
    player.fails_with = error
    player.go_on.set()
    at = with_sample(studio())
    at = await_end(at.button(key="make").click().run())
    assert at.error[0].value.replace("\\", "").startswith(said)
    assert not at.exception and not at.get("video")


def test_an_uploaded_face(studio: Studio, player: Player) -> None:
    at = choose(studio(), face_from="upload")
    assert "a face and speech" in text_of(at)
    at = at.file_uploader(key="face-upload").set_value(("../../صورة <b>.jpg", FACE, "image/jpeg")).run()
    assert '<bdi class="mp-file" dir="auto">صورة &lt;b&gt;.jpg</bdi>' in text_of(at)
    assert "768 × 960" in text_of(at)
    kept = list(at.session_state["visit"].folder.path.iterdir())
    assert [path.suffix for path in kept] == [".upload"]
    at = at.file_uploader(key="face-upload").set_value(("a.png", FACE + b"\0", "image/png")).run()
    now = list(at.session_state["visit"].folder.path.iterdir())
    assert len(now) == 1 and now != kept, "the one before is gone"


def test_an_uploaded_video(studio: Studio, player: Player, clip: Path) -> None:
    at = with_sample(studio())
    assert "fit-en" not in [box.key for box in at.selectbox], "a photo has no end"
    at = choose(at, face_from="upload")
    at = at.file_uploader(key="face-upload").set_value(("clip.jpg", clip.read_bytes(), "image/jpeg")).run()
    assert "video · 224 × 224 · 3.0 s" in text_of(at)
    assert "the rest of the face moves as in your video" in text_of(at)
    at = at.selectbox(key="fit-en").set_value("hold").run()
    player.go_on.set()
    await_end(at.button(key="make").click().run())
    assert player.asked[0]["options"].fit == "hold"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello" * 99, "but \u2068ملف.jpg\u2069 holds nothing of a known kind"),
        (SPEECH, "but \u2068ملف.jpg\u2069 is sound only"),
        (FACE[:999], "\u2068ملف.jpg\u2069 begins like JPEG"),
    ],
)
def test_a_wrong_face_is_told_in_one_line(studio: Studio, player: Player, content: bytes, said: str) -> None:
    at = choose(studio(), face_from="upload")
    at = at.file_uploader(key="face-upload").set_value(("ملف.jpg", content, "image/jpeg")).run()
    assert not at.exception
    assert said in at.error[0].value.replace("\\", "") and "\n" not in at.error[0].value
    assert at.button(key="make").disabled
    assert not list(at.session_state["visit"].folder.path.iterdir())


def test_limits_are_told(studio: Studio, player: Player) -> None:
    at = choose(studio(limits=Limits(most_bytes=1 << 20, most_s=3)), speech_from="upload")
    at = at.file_uploader(key="speech-upload").set_value(("a.wav", SPEECH, "audio/wav")).run()
    assert "at most 3 seconds, but \u2068a.wav\u2069 is 7 seconds long" in at.error[0].value.replace("\\", "")
    at = at.file_uploader(key="speech-upload").set_value(("b.wav", SPEECH * 8, "audio/wav")).run()
    assert "at most 1 MB" in at.error[0].value.replace("\\", "")


def test_a_recording_and_a_picture(studio: Studio, player: Player) -> None:
    at = choose(studio(), face_from="camera")
    at = at.camera_input[0].set_value(("c.jpg", FACE, "image/jpeg")).run()
    at = at.audio_input[0].set_value(("r.wav", SPEECH, "audio/wav")).run()
    assert "Your picture" in text_of(at) and "Your recording" in text_of(at)
    player.go_on.set()
    at = await_end(at.button(key="make").click().run())
    folder = at.session_state["visit"].folder.path
    assert player.asked[0]["face"].parent == player.asked[0]["speech"].parent == player.asked[0]["out"].parent == folder


def test_a_silent_recording_is_told(studio: Studio, player: Player) -> None:
    silence = io.BytesIO()
    with wave.open(silence, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        out.writeframes(bytes(64_000))
    at = studio()
    at = at.audio_input[0].set_value(("r.wav", silence.getvalue(), "audio/wav")).run()
    assert "nothing can be heard in \u2068the recording\u2069; is the microphone on?" in at.error[0].value.replace(
        "\\", ""
    )


def test_a_picture_of_nobody_is_told(studio: Studio, player: Player) -> None:
    wall = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 90, 90)).save(wall, "JPEG")
    at = choose(studio(), face_from="camera")
    at = at.camera_input[0].set_value(("c.jpg", wall.getvalue(), "image/jpeg")).run()
    assert "in the photo \u2068from the camera\u2069, but none was found" in at.error[0].value.replace("\\", "")


def test_two_visits_are_apart_and_wait_for_each_other(studio: Studio, player: Player) -> None:
    one, other = with_sample(studio(jobs_at_once=1)), with_sample(studio())
    state = page.studio_state()
    assert one.session_state["visit"].folder.path != other.session_state["visit"].folder.path
    one = await_frame(one.button(key="make").click().run())
    other = other.button(key="make").click().run()
    assert other.get("progress")[0].proto.text == "Waiting: 1 video is before yours"
    other = choose(other, face_from="upload")
    assert not other.exception, "its page goes on"
    player.go_on.set()
    one, other = await_end(one), await_end(other)
    results = [at.session_state["visit"].job.status.result.path for at in (one, other)]
    assert results[0].parent != results[1].parent and all(path.is_file() for path in results)
    one.session_state["visit"].folder.close()
    assert not results[0].exists() and results[1].is_file()
    assert page.studio_state() is state, "one for the server"
    page.studio_state.clear()
    assert page.studio_state() is state, "whoever clears Streamlit's caches"


def test_a_visit_that_was_over_begins_anew(studio: Studio, player: Player) -> None:
    at = with_sample(studio())
    at = await_frame(at.button(key="make").click().run())
    before = at.session_state["visit"]
    before.folder.close()
    assert before.job is not None and before.job.status.state is JobState.CANCELLED
    at = at.run()
    assert not at.exception and at.session_state["visit"] is not before
    assert not at.button(key="make").disabled


def test_a_broken_engine_of_another_package_says_so(
    studio: Studio, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        supported_options = frozenset({"intensity"})
        checkpoints = ()

        @classmethod
        def describe(cls, _: object) -> None:
            raise ZeroDivisionError("theirs")

    monkeypatch.setattr(networks, "engine_names", lambda: ["mesh", "their*s"])
    monkeypatch.setattr(networks, "load_engine", lambda name: Broken if name == "their*s" else load_engine(name))
    at = with_sample(studio())
    at = at.selectbox(key="engine-en").set_value("their*s").run()
    assert not at.exception and at.button(key="make").disabled
    assert "ZeroDivisionError: theirs" in at.warning[0].value.replace("\\", "")


def test_an_engine_of_another_package_has_checkpoints_of_its_own(
    studio: Studio, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its menu is that of wav2lip; what is chosen goes to it as its option, and its terms are shown."""

    class Theirs:
        supported_options = frozenset({"rest"})
        checkpoints = ("theirs-small", "theirs-large", "theirs-missing")

        @classmethod
        def describe(cls, options: EngineOptions) -> EngineInfo:
            return EngineInfo(options.name, "", 0.1, "ask *them*", "CPU", str(options.own), ready=True)

    monkeypatch.setattr(networks, "engine_names", lambda: ["theirs", "mesh", "fake"])
    monkeypatch.setattr(networks, "load_engine", lambda name: Theirs if name == "theirs" else load_engine(name))
    monkeypatch.setattr(networks, "cached_path", lambda name: None if name == "theirs-missing" else Path(name))
    at = with_sample(studio())
    assert at.selectbox(key="engine-en").options[1] == "theirs", "the default engine comes first"
    at = at.selectbox(key="engine-en").set_value("theirs").run()
    at = at.selectbox(key="checkpoint").set_value("theirs-large").run()
    assert len(at.selectbox(key="checkpoint").options) == 2 and not at.exception
    assert "ask *them*" in at.caption[0].value.replace("\\", "")
    player.go_on.set()
    await_end(at.button(key="make").click().run())
    engine = player.asked[0]["options"].engine
    assert (engine.name, dict(engine.own)) == ("theirs", {"checkpoint": "theirs-large"})


def loaded_anew(studio: Studio, before: AppTest) -> AppTest:
    """The page loaded again from its own address; its connection is new."""
    visit = before.session_state["visit"]
    visit.folder.reopen(lambda: False)
    at = studio(run=False)
    at.query_params["visit"] = visit.token
    return at.run()


def test_a_page_that_is_loaded_anew_goes_on(studio: Studio, player: Player) -> None:
    at = choose(studio(), face_from="upload")
    at = at.file_uploader(key="face-upload").set_value(("mine.jpg", FACE, "image/jpeg")).run()
    at = with_sample(at, "ar")
    at.slider(key="intensity").set_value(1.4).run()
    at = await_frame(at.button(key="make").click().run())
    again = loaded_anew(studio, at)
    assert not again.exception and not again.info
    assert again.session_state["visit"] is at.session_state["visit"]
    assert again.get("progress")[0].proto.text.startswith("25 of 100 frames")
    assert "mine.jpg" in text_of(again) and "768 × 960" in text_of(again)
    assert again.slider(key="intensity").value == 1.4
    player.go_on.set()
    again = await_end(again)
    assert again.get("video") and not again.button(key="make").disabled
    again = await_end(again.button(key="make").click().run())
    assert len(player.asked) == 2 and player.asked[0]["face"] == player.asked[1]["face"]


def test_what_was_sent_before_goes_when_something_else_was(studio: Studio, player: Player) -> None:
    at = choose(studio(), face_from="upload")
    at = at.file_uploader(key="face-upload").set_value(("mine.jpg", FACE, "image/jpeg")).run()
    again = loaded_anew(studio, at)
    assert "mine.jpg" in text_of(again)
    assert "mine.jpg" not in text_of(choose(again, face_from="camera")), "that was sent by another control"
    again = choose(again, face_from="upload")
    again = again.file_uploader(key="face-upload").set_value(("other.jpg", FACE, "image/jpeg")).run()
    assert "other.jpg" in text_of(again)
    again = again.file_uploader(key="face-upload").set_value(None).run()
    assert "other.jpg" not in text_of(again) and again.button(key="make").disabled


def test_what_was_sent_for_an_earlier_video_goes(studio: Studio, player: Player) -> None:
    at = with_sample(choose(studio(), face_from="upload"))
    at = at.file_uploader(key="face-upload").set_value(("a.jpg", FACE, "image/jpeg")).run()
    at = await_frame(at.button(key="make").click().run())
    at = at.file_uploader(key="face-upload").set_value(("b.jpg", FACE + b"\0", "image/jpeg")).run()
    first = player.asked[0]["face"]
    assert first.is_file(), "it is at work"
    player.go_on.set()
    at = await_end(at)
    await_end(at.button(key="make").click().run())
    assert not first.exists() and player.asked[1]["face"].is_file()


def test_an_address_that_is_open_elsewhere_gets_a_page_of_its_own(studio: Studio, player: Player) -> None:
    at = studio()
    other = studio(run=False)
    other.query_params["visit"] = at.session_state["visit"].token
    other.run()
    assert other.session_state["visit"] is not at.session_state["visit"]
    assert not other.info


def test_a_page_whose_files_are_gone_says_so(studio: Studio, player: Player) -> None:
    at = studio(run=False)
    at.query_params["visit"] = "of-another-server"
    at.run()
    assert "is gone" in at.info[0].value and not at.exception
    player.go_on.set()
    at = await_end(with_sample(at).button(key="make").click().run())
    assert not at.info, "who goes on knows"


def test_the_page_speaks_arabic(studio: Studio, player: Player) -> None:
    at = with_sample(studio())
    at.selectbox(key="rest-en").set_value("open").run()
    at = choose(at, language="ar")
    assert at.selectbox(key="rest-ar").value == "open", "what was chosen stays"
    assert "اجعل الوجه يتكلّم" in text_of(at)
    assert 'page.dir = "rtl"' in text_of(at)
    assert at.button(key="make").label == "اصنع الفيديو" and not at.button(key="make").disabled
    assert at.button(key="avatar-old_man").label == "رجل مسنّ"
    player.fails_with = NoFaceError("expected a face, but none was found")
    player.go_on.set()
    at = await_end(at.button(key="make").click().run())
    lead, _, line = at.error[0].value.replace("\\", "").partition("\n\n")
    assert (lead, line) == ("لم يُعثر على وجه واضح.", "Expected a face, but none was found.")
    at = choose(at, language="en")
    assert "Make a face speak" in text_of(at) and at.button(key="make").label == "Make the video"


def test_an_arabic_page_begins_with_the_arabic_sample(studio: Studio, player: Player) -> None:
    at = studio(run=False)
    at.query_params["language"] = "ar"
    at = choose(at.run(), speech_from="samples")
    assert at.button_group(key="sample").value == "ar" and ">عيّنة عربية<" in text_of(at)


def test_an_error_goes_with_what_it_was_about(studio: Studio, player: Player) -> None:
    player.fails_with = NoFaceError("expected a face, but none was found")
    player.go_on.set()
    at = with_sample(studio())
    at = await_end(at.button(key="make").click().run())
    assert at.error
    at = at.button(key="avatar-child").click().run()
    assert not at.error
