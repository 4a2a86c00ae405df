"""The studio in a real browser: what is said into its microphone moves a mouth in its video."""

from __future__ import annotations

import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from tests.browser.conftest import DESKTOP, PHONE, WAIT_MS, Visit
from tests.browser.pictures import likeness, openings, video_pictures
from tests.browser.servers import Server

from mouthpiece import samples

TALL_PHONE = (PHONE[0], 2300)
"""A phone's width, and as much of the page as there is: Streamlit scrolls inside of it."""
MADE_MS = 90_000
"""Longest wait for a video: the machine may be busy."""
SPOKEN_MS = 2500
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
    page.wait_for_timeout(SPOKEN_MS)
    recorder.get_by_role("button", name="Stop recording").click()
    expect(page.locator(".st-key-summary")).to_contain_text("Your recording")
    recorder.get_by_role("button", name="Play").click()  # heard before it is used
    expect(recorder.get_by_role("button", name="Pause")).to_be_visible()
    make(page)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    screenshot(page, "studio-desktop-making")
    await_video(page)
    assert play(page) > 0.3
    length_s = float(page.locator(".st-key-result video").evaluate("node => node.duration"))
    assert length_s == pytest.approx(SPOKEN_MS / 1000, abs=1.0)
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


def test_two_visitors_at_once(studio_server: Server, visit: Visit, screenshot: Screenshot, tmp_path: Path) -> None:
    one = visit(studio_server.url, size=DESKTOP, dark=True)
    other = visit(studio_server.url, size=PHONE)
    other.get_by_role("button", name="Child", exact=True).click()
    expect(other.locator(".st-key-summary")).to_contain_text("Child")
    for page in (one, other):
        use_sample(page, "English sample")
        make(page)
    expect(other.get_by_role("button", name="Cancel")).to_be_visible()
    other.get_by_role("button", name="Cancel").click()
    expect(other.get_by_text("Cancelled. Nothing was kept.")).to_be_visible()
    card = other.locator(".st-key-speech-card")
    card.get_by_role("radio", name="Upload").click()
    card.locator("input[type=file]").set_input_files(beginning_of(samples.sample_speech(), tmp_path / "short.wav"))
    expect(other.locator(".st-key-summary")).to_contain_text("short.wav")
    make(other)
    screenshot(other, "studio-phone")
    for page in (one, other):
        await_video(page)
    screenshot(one, "studio-desktop-dark")
    faces = [video_pictures(page, [0.5], ".st-key-result video")[0] for page in (one, other)]
    assert likeness(faces[0], faces[1]) < likeness(faces[0], faces[0]) - 0.02, "each has its own"
    sources = [page.locator(".st-key-result video").get_attribute("src") for page in (one, other)]
    assert sources[0] != sources[1]
