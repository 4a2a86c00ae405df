"""The studio in a real browser: what is said into its microphone moves a mouth in its video."""

from __future__ import annotations

import io
import re
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from tests.browser.conftest import DESKTOP, FAR_NAME, PHONE, WAIT_MS, Visit
from tests.browser.pictures import likeness, openings, video_pictures
from tests.browser.servers import Server

from mouthpiece import samples

TALL_PHONE = (PHONE[0], 2300)
"""A phone's width, and as much of the page as there is: Streamlit scrolls inside of it."""
MADE_MS = 90_000
"""Longest wait for a video: the machine may be busy."""
SPOKEN_S = 2
"""How long is recorded, at least."""
MOVES = 0.03
"""Range of the opening (over the eyes' distance) of a mouth that speaks: half of what the samples give."""
ARABIC_NAME = "صورة جدتي الجميلة.jpg"

Screenshot = Callable[[Page, str], Path]

expect.set_options(timeout=WAIT_MS)  # its own 5 s are too few for a busy machine


def face_input(page: Page) -> None:
    page.locator(".st-key-face-card").get_by_role("radio", name="Upload").click()


def use_sample(page: Page, name: str) -> None:
    card = page.locator(".st-key-speech-card")
    card.get_by_role("radio", name="Samples").click()
    await_sound(page)
    card.get_by_text(name).click()
    expect(page.locator(".st-key-summary")).to_contain_text(name)
    await_sound(page)


def await_sound(page: Page) -> None:
    """Until the speech can be heard: what is replaced before the browser has it makes it complain."""
    page.wait_for_function("document.querySelector('.st-key-speech-card audio')?.readyState >= 1")


def beginning_of(speech: Path, path: Path) -> Path:
    """A second and a half of it, in another file."""
    with wave.open(str(speech)) as whole, wave.open(str(path), "wb") as short:
        short.setparams(whole.getparams())
        short.writeframes(whole.readframes(round(1.5 * whole.getframerate())))
    return path


def upload_speech(page: Page, path: Path) -> None:
    card = page.locator(".st-key-speech-card")
    card.get_by_role("radio").nth(1).click()
    card.locator("input[type=file]").set_input_files(path)
    expect(page.locator(".st-key-summary")).to_contain_text(path.name)
    await_sound(page)


@pytest.fixture
def minute(tmp_path: Path) -> Path:
    """The sample of speech again and again, a minute and more."""
    path = tmp_path / "minute.wav"
    with wave.open(str(samples.sample_speech())) as sample, wave.open(str(path), "wb") as out:
        out.setparams(sample.getparams())
        said = sample.readframes(sample.getnframes())
        for _ in range(10):
            out.writeframes(said)
    return path


def make(page: Page) -> None:
    page.get_by_role("button", name="Make the video").click()


def await_video(page: Page) -> None:
    """Until the video is there and can be played."""
    try:
        page.locator(".st-key-result video").wait_for(timeout=MADE_MS)
        page.wait_for_function("document.querySelector('.st-key-result video').readyState >= 2", timeout=MADE_MS)
    except PlaywrightTimeout:
        pytest.fail(f"no video within {MADE_MS} ms; the page says: {page.locator('.st-key-video-card').inner_text()!r}")


def play(page: Page) -> float:
    """Play it for a moment; how far it got, seconds."""
    page.locator(".st-key-result video").evaluate("async node => { node.muted = true; await node.play(); }")
    page.wait_for_function("document.querySelector('.st-key-result video').currentTime > 0.3")
    page.locator(".st-key-result video").evaluate("node => node.pause()")
    return float(page.locator(".st-key-result video").evaluate("node => node.currentTime"))


def opening_range(page: Page, until_s: float) -> float:
    """Between the widest and the narrowest opening of the mouth in the video."""
    pictures = video_pictures(page, list(np.arange(0.1, until_s, 0.2)), ".st-key-result video")
    curve = openings(pictures)
    assert np.isfinite(curve).all(), "a face in every frame"
    return float(np.ptp(curve))


def test_what_is_said_moves_the_mouth(
    studio_server: Server, fake_microphone: Callable[..., Browser], visit: Visit, screenshot: Screenshot
) -> None:
    browser = fake_microphone(samples.sample_speech())
    asked: list[str] = []
    page = visit(studio_server.url, browser, size=(1280, 1000))

    def note(request: Request) -> None:
        if not request.url.startswith((studio_server.url, "data:", "blob:")):
            asked.append(request.url)

    page.on("request", note)
    page.get_by_role("button", name="Man", exact=True).click()
    expect(page.locator(".st-key-summary")).to_contain_text("Man")
    screenshot(page, "studio-desktop")
    recorder = page.get_by_test_id("stAudioInput")
    recorder.get_by_role("button", name="Record").click()
    expect(recorder.get_by_test_id("stAudioInputWaveformTimeCode")).to_have_text(re.compile(f"00:0[{SPOKEN_S}-9]"))
    recorder.get_by_role("button", name="Stop recording").click()
    expect(page.locator(".st-key-summary")).to_contain_text("Your recording")
    recorded_s = float(page.locator(".st-key-summary").inner_text().split()[-2])
    assert recorded_s > SPOKEN_S - 0.2
    recorder.get_by_role("button", name="Play").click()  # heard before it is used
    expect(recorder.get_by_role("button", name="Pause")).to_be_visible()
    make(page)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    screenshot(page, "studio-desktop-making")
    await_video(page)
    assert play(page) > 0.3
    length_s = float(page.locator(".st-key-result video").evaluate("node => node.duration"))
    assert length_s == pytest.approx(recorded_s, abs=0.15)
    assert opening_range(page, min(length_s, 2.3)) > MOVES
    expect(page.locator(".st-key-result")).to_contain_text("1 face found")
    screenshot(page, "studio-desktop-video")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert download.value.suggested_filename == "mouthpiece.mp4"
    assert Path(download.value.path()).read_bytes()[4:8] == b"ftyp"
    assert asked == [], "nothing is asked of anybody else"


def test_an_upload_with_an_arabic_name_on_a_phone(
    studio_server: Server, visit: Visit, screenshot: Screenshot, tmp_path: Path
) -> None:
    page = visit(studio_server.url, size=TALL_PHONE, dark=True)
    face_input(page)
    chooser = page.locator(".st-key-face-card input[type=file]")
    wrong = tmp_path / "ملف خاطئ.jpg"
    wrong.write_bytes(b"not a picture" * 99)
    chooser.set_input_files(wrong)
    error = page.locator(".st-key-face-card [data-testid=stAlert]")
    expect(error).to_contain_text("holds nothing of a known kind")
    expect(error).to_contain_text("ملف خاطئ.jpg")
    expect(page.get_by_role("button", name="Make the video")).to_be_disabled()
    screenshot(page, "studio-phone-dark-error")
    right = tmp_path / ARABIC_NAME
    shutil.copyfile(samples.sample_face(), right)
    chooser.set_input_files(right)
    name = page.locator(".st-key-face-card bdi")
    expect(name).to_have_text(ARABIC_NAME)
    assert name.evaluate("node => getComputedStyle(node).direction") == "rtl"
    use_sample(page, "عيّنة عربية")
    make(page)
    await_video(page)
    assert opening_range(page, 2.2) > MOVES
    screenshot(page, "studio-phone-dark")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE[0], "nothing sticks out to the side"


def test_a_picture_is_as_large_as_the_camera_gives_it(
    studio_server: Server, launch: Callable[..., Browser], visit: Visit, screenshot: Screenshot, tmp_path: Path
) -> None:
    stills = tmp_path / "camera.mjpeg"
    with Image.open(samples.sample_face()) as photo:
        photo.resize((640, 800)).crop((0, 100, 640, 580)).save(still := io.BytesIO(), "JPEG")
    stills.write_bytes(still.getvalue() * 10)
    flags = ("--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={stills}")
    with launch(*flags) as browser:
        page = visit(studio_server.url, browser, size=PHONE)
        page.locator(".st-key-face-card").get_by_role("radio", name="Camera").click()
        page.wait_for_timeout(2000)  # by then Streamlit would have fitted the camera to the page
        page.get_by_test_id("stCameraInputButton").click()
        expect(page.locator(".st-key-summary")).to_contain_text("Your picture")
        screenshot(page, "studio-phone-camera")
        use_sample(page, "English sample")
        make(page)
        await_video(page)
        size = page.locator(".st-key-result video").evaluate("node => [node.videoWidth, node.videoHeight]")
        assert size == [640, 480], "and not as small as a phone shows it"
        page.context.close()


def test_two_visitors_at_once(
    studio_server: Server, visit: Visit, screenshot: Screenshot, tmp_path: Path, minute: Path
) -> None:
    one = visit(studio_server.url, size=DESKTOP, dark=True)
    other = visit(studio_server.url, size=PHONE)
    other.get_by_role("button", name="Child", exact=True).click()
    expect(other.locator(".st-key-summary")).to_contain_text("Child")
    upload_speech(other, minute)  # so long that it is surely under way when it is given up
    use_sample(one, "English sample")
    for page in (other, one):
        make(page)
    cancel = other.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    screenshot(other, "studio-phone-making")
    cancel.click()
    expect(other.get_by_text("Cancelled. Nothing was kept.")).to_be_visible()
    upload_speech(other, beginning_of(samples.sample_speech(), tmp_path / "short.wav"))
    make(other)
    for page in (one, other):
        await_video(page)
    screenshot(other, "studio-phone")
    screenshot(one, "studio-desktop-dark")
    faces = [video_pictures(page, [0.5], ".st-key-result video")[0] for page in (one, other)]
    assert likeness(faces[0], faces[1]) < likeness(faces[0], faces[0]) - 0.02, "each has its own"
    sources = [page.locator(".st-key-result video").get_attribute("src") for page in (one, other)]
    assert sources[0] != sources[1]


def test_a_page_that_is_loaded_anew_goes_on_in_arabic(
    studio_server: Server, visit: Visit, screenshot: Screenshot, minute: Path
) -> None:
    page = visit(studio_server.url, size=(1280, 1000), locale="ar-EG")
    expect(page.get_by_role("heading", name="اجعل الوجه يتكلّم")).to_be_visible()
    page.wait_for_function("document.documentElement.dir == 'rtl' && document.documentElement.lang == 'ar'")
    page.get_by_role("button", name="امرأة محجّبة").click()
    upload_speech(page, minute)
    page.get_by_role("button", name="اصنع الفيديو").click()
    expect(page.locator(".st-key-making")).to_contain_text("الإطارات", timeout=MADE_MS)
    page.reload()
    expect(page.locator(".st-key-making")).to_contain_text("الإطارات", timeout=MADE_MS)
    expect(page.locator(".st-key-summary")).to_contain_text("امرأة محجّبة")
    expect(page.locator(".st-key-summary")).to_contain_text(minute.name)
    screenshot(page, "studio-desktop-arabic-making")
    page.get_by_role("button", name="إلغاء").click()
    expect(page.get_by_text("أُلغي، ولم يُحفظ شيء.")).to_be_visible()
    page.get_by_role("radio", name="English").click()
    expect(page.get_by_role("heading", name="Make a face speak")).to_be_visible()
    page.wait_for_function("document.documentElement.dir == 'ltr'")
    expect(page.locator(".st-key-summary")).to_contain_text("Woman with a headscarf")


@pytest.mark.parametrize("width", [360, 430])
@pytest.mark.parametrize("locale", ["en-US", "ar"])
def test_nothing_sticks_out_on_phones(studio_server: Server, visit: Visit, width: int, locale: str) -> None:
    page = visit(studio_server.url, size=(width, 800), locale=locale)
    for number in range(3):
        page.locator(".st-key-face-card").get_by_role("radio").nth(number).click()
        expect(page.locator(".st-key-face-card").get_by_role("radio").nth(number)).to_be_checked()
        tops = {
            round(button.bounding_box()["y"])  # type: ignore[index]
            for button in page.locator(".st-key-face-from").get_by_role("radio").all()
        }
        assert len(tops) == 1, "side by side"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_mouse_hides_nobody(studio_server: Server, visit: Visit) -> None:
    page = visit(studio_server.url)
    tile = page.get_by_role("button", name="Old man", exact=True)
    tile.click()
    expect(page.locator(".st-key-summary")).to_contain_text("Old man")
    tile.hover()
    assert tile.evaluate("node => getComputedStyle(node).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert tile.evaluate("node => getComputedStyle(node).outlineWidth") == "3px", "seen to be chosen"


def test_a_file_that_is_too_large_is_told(studio_server: Server, visit: Visit, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as file:
        file.truncate(201 << 20)
    page = visit(studio_server.url, size=PHONE)
    face_input(page)
    page.locator(".st-key-face-card input[type=file]").set_input_files(huge)
    told = page.locator(".st-key-face-card").get_by_role("alert")
    expect(told).to_be_visible()
    assert told.evaluate("node => getComputedStyle(node, '::after').content") == '"Not uploaded: at most 200 MB"'
    box = told.bounding_box()
    assert box is not None and box["height"] > 12, "seen without a mouse"


def test_a_page_without_https_says_why_it_cannot_record(
    studio_server: Server, launch: Callable[..., Browser], visit: Visit
) -> None:
    with launch(f"--host-resolver-rules=MAP {FAR_NAME} 127.0.0.1") as browser:
        page = visit(f"http://{FAR_NAME}:{studio_server.port}", browser, size=PHONE)
        for card in ("face", "speech"):
            page.locator(f".st-key-{card}-card").get_by_role("radio").nth(2 if card == "face" else 0).click()
            expect(page.locator(f".st-key-{card}-card .mp-insecure")).to_be_visible()
        expect(page.get_by_test_id("stAudioInput")).to_be_hidden()
        page.context.close()
    page = visit(studio_server.url)
    expect(page.get_by_test_id("stAudioInput")).to_be_visible()
    expect(page.locator(".mp-insecure")).to_be_hidden()


def test_cards_are_below_each_other_on_tablets(studio_server: Server, visit: Visit) -> None:
    page = visit(studio_server.url, size=(768, 1024))
    page.locator(".st-key-video-card").wait_for()
    page.wait_for_function(
        """() => {
  const [face, video] = ["face", "video"].map(
    card => document.querySelector(`.st-key-${card}-card`).getBoundingClientRect());
  return face.left === video.left && face.width === video.width && face.bottom < video.top;
}"""
    )


def test_menus_run_from_right_to_left_in_arabic(studio_server: Server, visit: Visit) -> None:
    page = visit(studio_server.url, locale="ar", size=(1280, 1000))
    card = page.locator(".st-key-video-card")
    card.get_by_text("خيارات أخرى").click()
    card.get_by_role("combobox").first.click()
    option = page.get_by_role("option").first
    expect(option).to_be_visible()
    assert option.evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_a_page_says_when_the_server_is_gone(serve: Callable[..., Server], browser: Browser) -> None:
    server = serve("studio")
    page = browser.new_page()  # whose console complains, of course
    page.goto(server.url)
    expect(page.get_by_role("button", name="Make the video")).to_be_visible()
    expect(page.locator(".mp-lost")).to_be_hidden()
    server.process.kill()
    expect(page.locator(".mp-lost")).to_be_visible()
    page.close()
