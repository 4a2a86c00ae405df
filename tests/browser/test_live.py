"""The live page in Chromium, on its real server, with a microphone that hears a file."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import scipy.signal
from benchmarks.material import read_photo, read_speech, with_height
from benchmarks.openings import Curve
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import DESKTOP, LYING, PHONE, WAIT_MS, Serve, Visit
from tests.browser.live_page import LivePage, Shown
from tests.browser.pictures import canvas_picture, decoded, looks, openings
from tests.browser.servers import Server

from mouthpiece.options import SyncOptions
from mouthpiece.pipeline import draw
from mouthpiece.samples import avatars, sample_face, sample_speech
from mouthpiece.types import SAMPLE_RATE, FloatArray

NARROW = (360, 740)
"""A small phone."""
SPEAKING_S = 5.0
"""How long somebody speaks before they press Stop: in the middle of a word."""
PHOTO_HEIGHT = 512
LEAST_FPS = 5
"""Frames a second that even a machine with much else to do shows."""
AT_REST = 0.012
"""A mouth at rest is read as no farther open than this beyond its rest, in distances of the outer eye corners."""
ALIKE = 0.6
"""Half seconds of a recording that went through a browser's resampling are at least so like it."""
RECENT_S = 3.0
"""Over so much time the page looks for the packet that came with the least delay."""
LOUD = 0.03
"""Root mean square above which half a second is told from another."""
SPEAKS = 0.025
"""The sample face, saying the sample speech, opens its mouth at least so far."""

Microphone = Callable[..., Browser]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample face, as small as the figures are told for."""
    return _photo(sample_face(), tmp_path_factory.mktemp("photo") / "face.png")


@pytest.fixture(scope="module")
def other_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else."""
    child = next(avatar for avatar in avatars() if avatar.name == "child")
    return _photo(child.path, tmp_path_factory.mktemp("photo") / "other.png")


def _photo(path: Path, out: Path) -> Path:
    cv2.imwrite(str(out), cv2.cvtColor(with_height(read_photo(path), PHOTO_HEIGHT), cv2.COLOR_RGB2BGR))
    return out


@pytest.fixture
def sit_down(visit: Visit, live_server: Server) -> Callable[..., LivePage]:
    """Somebody opens the page: `sit_down(browser=None, server=live_server, **as visit)`."""

    def open_page(browser: Browser | None = None, server: Server = live_server, **how: object) -> LivePage:
        return LivePage(visit("about:blank", browser, **how), server.url)

    return open_page


def test_a_face_speaks_along_and_comes_to_rest(
    sit_down: Callable[..., LivePage],
    fake_microphone: Microphone,
    photo: Path,
    screenshot: Callable[[Page, str], Path],
) -> None:
    person = sit_down(fake_microphone(sample_speech()))
    person.choose(photo)
    resting = canvas_picture(person.page)
    person.film()
    person.start()
    person.stay(SPEAKING_S)
    told = person.figures()
    screenshot(person.page, "live-desktop-light-speaking")
    stopped_s = person.stop()
    person.stay(0.5)
    person.await_frames(2)
    shown = person.filmed()
    heard, left_s = person.spoken()

    baseline, *opened = openings([resting, *(one.picture for one in shown)])
    read = np.array(opened)
    speaking = np.array([one.at_s < stopped_s and one.moment_s > 0 for one in shown])
    assert speaking.sum() >= LEAST_FPS * SPEAKING_S
    assert np.nanmax(read[speaking]) > baseline + SPEAKS

    # Chromium's capture slips where the machine is busy: the mouth owes its motion to what went up, not to the file.
    assert np.median([one.r for one in places(heard, read_speech(sample_speech()))]) > ALIKE, "not what was spoken"
    times_s, meant = _file_run(photo, heard)
    moments_s = np.array([one.moment_s for one in shown])
    r = _correlation(read[speaking], np.interp(moments_s[speaking], times_s, meant))
    assert r >= 0.7, f"the page's mouth follows the file run's with r = {r:.2f}"

    p50_ms = 1000 * float(np.median([one.latency_s for one, speaks in zip(shown, speaking, strict=True) if speaks]))
    assert told["p50"] == pytest.approx(p50_ms, rel=0.5)
    assert told["p50"] <= told["p95"]
    assert told["fps"] >= LEAST_FPS

    late_s = lateness([one for one, speaks in zip(shown, speaking, strict=True) if speaks], left_s)
    rest_by_s = stopped_s + 0.5 + unrest(late_s)  # frames come no more evenly then
    at_rest = np.array([one.at_s > rest_by_s for one in shown])
    assert at_rest.any()
    assert np.nanmax(read[at_rest]) < baseline + AT_REST

    person.clear()
    person.await_word("No face yet")
    expect(person.page.locator("#stage")).to_have_attribute("data-shows", "nothing")
    assert canvas_picture(person.page).max() == 0, "the picture is gone"
    assert person.page.request.get(f"{person.url}/video_feed").status == 409


class Place(NamedTuple):
    """Where in a recording half a second of it was found."""

    sample: int
    """Where the half second begins in what was heard."""
    moment_s: float
    """Where it begins in the recording."""
    r: float


def places(heard: FloatArray, recording: FloatArray) -> list[Place]:
    """Where each loud half second of what was heard lies in the recording, by normalised cross-correlation."""
    length = SAMPLE_RATE // 2
    power = np.convolve(np.square(recording, dtype=np.float64), np.ones(length), "valid")
    found = []
    for sample in range(0, len(heard) - length + 1, length):
        piece = heard[sample : sample + length].astype(np.float64)
        if np.sqrt(np.mean(piece**2)) < LOUD:
            continue
        product = scipy.signal.correlate(recording, piece, mode="valid", method="fft")
        likeness = product / np.sqrt(np.maximum(power, 1e-6) * (piece @ piece))
        best = int(likeness.argmax())
        found.append(Place(sample, best / SAMPLE_RATE, float(likeness[best])))
    return found


def unrest(late_s: FloatArray) -> float:
    """How much lateness varies, seconds: sound follows it gently, so a stuttering machine draws them apart so far."""
    return float(np.subtract(*np.percentile(late_s, [90, 10])))


def lateness(shown: Sequence[Shown], left_s: Sequence[float]) -> FloatArray:
    """How long after its sound each frame was seen, seconds, given when the packets of 20 ms left.

    Packet n holds the samples up to 20 ms * (n + 1), and the least delayed one of late tells when the speech began, as
    the page has it: a microphone that loses sound on a busy machine moves all that comes after.
    """
    left = np.array(left_s)
    began_s = left - 0.02 * (np.arange(len(left)) + 1)
    recent = [(left <= one.at_s) & (left > one.at_s - RECENT_S) for one in shown]
    return np.array(
        [one.at_s - began_s[near].min() - one.moment_s for one, near in zip(shown, recent, strict=True) if near.any()],
        dtype=np.float32,
    )


def _file_run(photo: Path, speech: FloatArray) -> tuple[Curve, Curve]:
    """Times and openings of the same face saying the same, all of it known beforehand."""
    options = SyncOptions(fps=Fraction(25))
    frames = [(float(frame.time_s), frame.rgb) for frame in draw(photo, (speech, SAMPLE_RATE), options)]
    return np.array([time_s for time_s, _ in frames]), openings(rgb for _, rgb in frames)


def _correlation(one: Curve, other: Curve) -> float:
    known = np.isfinite(one) & np.isfinite(other)
    return float(np.corrcoef(one[known], other[known])[0, 1])


def test_two_sessions_stay_apart(
    sit_down: Callable[..., LivePage], fake_microphone: Microphone, photo: Path, other_photo: Path
) -> None:
    browser = fake_microphone(sample_speech("ar"), again=True)
    one, other = sit_down(browser), sit_down(browser)
    one.choose(photo)
    other.choose(other_photo)
    one.start()
    other.start()
    one.await_frames(5)
    other.await_frames(5)
    is_one, is_other = looks(read_photo(photo)), looks(read_photo(other_photo))
    for person, own, foreign in ((one, is_one, is_other), (other, is_other, is_one)):
        seen = looks(canvas_picture(person.page))
        assert seen @ own > 0.9
        assert seen @ own > seen @ foreign + 0.1

    one.stop()
    one.await_word("Ready")
    other.await_frames(5)
    assert other.word() == "Listening"
    one.clear()
    one.await_word("No face yet")
    other.await_frames(5)
    assert looks(canvas_picture(other.page)) @ is_other > 0.9


def test_a_lost_connection_is_taken_up_again(
    sit_down: Callable[..., LivePage], fake_microphone: Microphone, photo: Path
) -> None:
    person = sit_down(fake_microphone(sample_speech(), again=True))
    person.choose(photo)
    person.page.get_by_role("button", name="Start").press("Space")
    person.await_word("Listening")
    person.await_frames(3)
    said = person.words()
    person.page.evaluate("watched.sockets.at(-1).close()")
    person.await_words("Not connected. Trying again…", "Listening", since=said)
    person.await_frames(5)
    assert person.page.evaluate("watched.sockets.length") == 2
    assert person.page.locator("#error").is_hidden()
    person.page.keyboard.press("Enter")  # the button has kept the focus
    person.await_word("Ready")


def test_a_face_of_the_gallery_speaks_and_another_takes_its_place(
    sit_down: Callable[..., LivePage],
    fake_microphone: Microphone,
    other_photo: Path,
    screenshot: Callable[[Page, str], Path],
) -> None:
    person = sit_down(fake_microphone(sample_speech(), again=True), size=NARROW)
    faces = person.page.get_by_role("region", name="Faces to try").get_by_role("button")
    assert [face.get_attribute("aria-label") for face in faces.all()] == [avatar.title() for avatar in avatars()]
    for face in faces.all():
        box = face.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= NARROW[0], "all of them are in sight"
    faces.nth(0).focus()
    person.page.keyboard.press("Enter")
    person.await_word("Ready")
    person.page.wait_for_selector("#face[data-frames]")
    person.start()
    person.await_frames(3)
    child = person.page.get_by_role("button", name="Child")
    child.click()
    person.await_word("Listening")
    person.await_frames(5)
    assert looks(canvas_picture(person.page)) @ looks(read_photo(other_photo)) > 0.9
    assert child.get_attribute("aria-pressed") == "true"
    assert faces.nth(0).get_attribute("aria-pressed") == "false"
    screenshot(person.page, "live-narrow-gallery")
    person.stop()


def test_two_windows_of_one_person_speak_in_turn(
    sit_down: Callable[..., LivePage], fake_microphone: Microphone, photo: Path
) -> None:
    one = sit_down(fake_microphone(sample_speech(), again=True))
    one.choose(photo)
    one.start()
    other = LivePage(one.page.context.new_page(), one.url, word="Another window speaks")
    other.start()
    one.await_word("Another window speaks")
    assert one.page.get_by_role("button", name="Start").is_enabled()
    other.await_frames(3)
    other.page.close()
    one.await_word("Ready")


def test_a_server_that_falls_silent_is_noticed(
    sit_down: Callable[..., LivePage], serve: Serve, fake_microphone: Microphone, photo: Path
) -> None:
    """As after a laptop's sleep, or where the network has gone: the socket stays open, and nothing comes."""
    server = serve("live")
    person = sit_down(fake_microphone(sample_speech(), again=True), server=server, loses_server=True)
    person.choose(photo)
    person.start()
    person.await_frames(3)
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        person.await_word("Not connected. Trying again…")
        assert person.page.locator("#fps").inner_text() == "–"
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)
    person.await_word("Listening")
    person.await_frames(5)
    assert person.page.locator("#error").is_hidden()
    person.stop()


def test_the_fifth_window_takes_the_place_of_the_first(sit_down: Callable[..., LivePage]) -> None:
    first = sit_down()
    others = [first.page.context.new_page() for _ in range(4)]
    for page in others:
        page.goto(first.url)
        expect(page.locator("#word")).to_have_text("No face yet")
    first.await_word("Open elsewhere")
    first.expect_error("several windows")
    first.stay(1.0)
    assert first.page.evaluate("watched.sockets.length") == 1, "it doesn't fight for its place"
    expect(others[0].locator("#word")).to_have_text("No face yet")


def test_hearing_oneself_is_in_time_with_the_picture(
    sit_down: Callable[..., LivePage], fake_microphone: Microphone, photo: Path
) -> None:
    person = sit_down(fake_microphone(sample_speech(), again=True))
    person.choose(photo)
    person.start()
    assert not person.page.get_by_role("switch", name="Hear myself").is_checked()
    person.page.locator("#hear").click()
    person.stay(2.5)
    person.page.wait_for_function(f"() => ({_HEARD_AFTER})() > 0.02")  # the delay is known
    person.film()
    person.stay(2.0)
    delay_s = float(person.page.evaluate(_HEARD_AFTER))
    shown = person.filmed()
    _, left_s = person.spoken()

    late_s = lateness(shown, left_s)
    assert len(late_s) >= 2 * LEAST_FPS
    assert 0.02 < delay_s < 3
    assert np.median(late_s) == pytest.approx(delay_s, abs=0.06 + unrest(late_s)), "picture and sound are apart"
    person.stop()


def test_what_goes_wrong_is_said(
    sit_down: Callable[..., LivePage], tmp_path: Path, photo: Path, screenshot: Callable[[Page, str], Path]
) -> None:
    person = sit_down(size=PHONE)
    note = {"name": "صورة.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture at all"}
    person.page.set_input_files("#photo", note)  # type: ignore[arg-type]
    person.expect_error("صورة.jpg")
    screenshot(person.page, "live-phone-light-error")
    assert person.page.get_by_role("button", name="Start").is_disabled()

    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((64, 64, 3), 200, np.uint8))
    person.page.set_input_files("#photo", blank)
    person.expect_error("face")

    two = tmp_path / "two.png"
    one = read_photo(photo)
    cv2.imwrite(str(two), np.hstack([one, one])[..., ::-1])
    person.choose(two)
    expect(person.page.locator("#note")).to_have_text(re.compile("^2 faces are in this photo; one of them speaks"))
    person.clear()
    person.await_word("No face yet")
    assert person.page.locator("#note").is_hidden()

    large = tmp_path / "large.png"
    noise = np.random.default_rng(0).integers(0, 60, (3000, 2400, 3), np.uint8)
    cv2.imwrite(str(large), cv2.add(cv2.resize(read_photo(photo), (2400, 3000))[..., ::-1], noise))
    assert large.stat().st_size > 16e6  # beyond the server's limit
    person.choose(large)
    assert person.page.locator("#error").is_hidden(), "a good photo ends the matter"
    person.page.get_by_role("button", name="Start").click()
    person.expect_error("The microphone is blocked")
    person.await_word("Ready")
    person.page.get_by_role("button", name="Close this message").click()
    assert person.page.locator("#error").is_hidden()


def test_a_token_opens_the_door_and_a_full_house_says_so(
    serve: Serve, visit: Visit, photo: Path, screenshot: Callable[[Page, str], Path]
) -> None:
    token = "open-sesame-0123456789"
    server = serve("live", "--sessions", "1", "--token", token)
    stranger = visit(server.url)
    expect(stranger.get_by_role("alert")).to_contain_text("open the link with the token")

    first = LivePage(visit("about:blank"), f"{server.url}/?token={token}")
    assert token not in first.page.url, "the token is no longer in the address"
    first.choose(photo)

    second = visit(f"{server.url}/?token={token}", dark=True)
    expect(second.get_by_role("alert")).to_contain_text("the only place is taken")
    assert second.request.get(server.url).status == 503
    screenshot(second, "live-desktop-dark-full")


def test_the_feed_moves_in_a_plain_img(
    sit_down: Callable[..., LivePage], fake_microphone: Microphone, photo: Path
) -> None:
    person = sit_down(fake_microphone(sample_speech(), again=True))
    person.choose(photo)
    person.start()
    person.page.evaluate(
        """() => {
          const feed = document.createElement('img');
          feed.id = 'feed';
          feed.src = 'video_feed';
          document.body.append(feed);
        }"""
    )
    person.page.wait_for_function("() => document.getElementById('feed').naturalWidth > 0")
    seen: set[str] = set()
    end_s = time.monotonic() + WAIT_MS / 1000
    while len(seen) < 3 and time.monotonic() < end_s:
        person.stay(0.1)
        seen.add(person.page.evaluate(_FEED_PNG))
    assert len(seen) == 3, "the feed stands still"
    assert decoded(seen.pop()).shape[0] == person.page.evaluate("document.getElementById('face').height")


def test_a_recording_speaks_and_is_heard(serve: Serve, visit: Visit, photo: Path) -> None:
    server = serve("live", "--mic", str(sample_speech()))
    person = LivePage(visit("about:blank"), server.url)
    person.choose(photo)
    baseline = openings([canvas_picture(person.page)])[0]
    assert person.page.get_by_role("switch", name="Hear the speech").is_checked(), "a recording is there to be heard"
    person.start()  # No microphone is asked for: this browser would be refused.
    person.stay(1.0)  # for the delay to be known
    person.film()
    person.stay(3.0)
    shown = person.filmed()
    sound, times_s = person.heard()
    person.stop()
    assert np.nanmax(openings(one.picture for one in shown)) > baseline + SPEAKS

    found = [one for one in places(sound, read_speech(sample_speech())) if one.r > ALIKE]
    assert found, "what is played isn't the recording"
    heard_late_s = np.median([times_s[one.sample] - one.moment_s for one in found])
    late_s = np.array([one.at_s - one.moment_s for one in shown])
    assert np.median(late_s) == pytest.approx(heard_late_s, abs=0.06 + unrest(late_s)), "picture and sound are apart"


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, True), (PHONE, False), (PHONE, True), (LYING, False)])
def test_how_it_looks(
    sit_down: Callable[..., LivePage],
    photo: Path,
    screenshot: Callable[[Page, str], Path],
    size: tuple[int, int],
    dark: bool,
) -> None:
    person = sit_down(size=size, dark=dark)
    kind = {PHONE: "phone", LYING: "lying", DESKTOP: "desktop"}[size]
    name = f"live-{kind}-{'dark' if dark else 'light'}"
    screenshot(person.page, f"{name}-empty")
    assert person.page.evaluate(_OVERFLOW) <= 0, "the page is wider than its window"
    person.choose(photo)
    screenshot(person.page, f"{name}-ready")
    said = "12 frames a second, 384 px: this machine can't keep up"
    stats = {"type": "stats", "fps": 12.2, "p50_ms": 0, "p95_ms": 0, "dropped": 7, "said": said}
    seen = person.page.evaluate(_TOLD, json.dumps(stats))
    assert seen == [said, "12", "–", "7"]
    assert person.page.evaluate(_OVERFLOW) <= 0, "the page is wider than its window"
    toggle = person.page.get_by_role("button", name="Start").bounding_box()
    assert toggle is not None
    assert toggle["y"] + toggle["height"] <= size[1], "the big button is in sight"


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_the_worklet_resamples(visit: Visit, live_server: Server, rate: int) -> None:
    page = visit(live_server.url)
    rng = np.random.default_rng(5)
    sound = scipy.signal.lfilter([1.0], [1, -0.7], rng.standard_normal(rate)).astype(np.float32)
    sound *= 0.2 / np.abs(sound).max()
    sound += 0.2 * np.sin(2 * np.pi * 12_000 * np.arange(rate) / rate).astype(np.float32)  # must not come back as 4 kHz
    url = page.evaluate(_RESAMPLED, [base64.b64encode(sound.tobytes()).decode(), rate])
    made = np.frombuffer(base64.b64decode(url), "<i2").astype(np.float32) / 32768
    if rate == SAMPLE_RATE:
        np.testing.assert_allclose(made, sound[: len(made)], atol=1 / 32768)
        return
    expected = scipy.signal.resample_poly(sound.astype(np.float64), 160, rate // 100, window=("kaiser", 14.0))
    low = scipy.signal.butter(12, 6000, fs=SAMPLE_RATE, output="sos")  # where both pass everything
    wanted, got = (scipy.signal.sosfiltfilt(low, x[: len(made)])[800:-800] for x in (expected, made))
    lag = int(scipy.signal.correlate(got, wanted, method="fft").argmax()) - (len(wanted) - 1)
    assert lag == 0
    error_db = 10 * np.log10(np.mean((got - wanted) ** 2) / np.mean(wanted**2))
    assert error_db < -45
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    alias = spectrum[round(4000 * len(made) / SAMPLE_RATE)]
    assert alias < 5 * np.median(spectrum), "what lies above 8 kHz folds back"


def test_the_delay_drifts_gently_and_jumps_only_far(visit: Visit, live_server: Server) -> None:
    page = visit(live_server.url)
    steps = page.evaluate(_DELAYS, "static/timing.js")
    ms = np.array([step["ms"] for step in steps])
    jumps = [number for number, step in enumerate(steps) if step["jumped"]]
    # Ten seconds each of 120, 180 and 800 ms, told and asked every 100 ms.
    assert jumps == [0, next(i for i in range(200, 300) if abs(ms[i] - ms[i - 1]) > 250)]
    assert ms[99] == 120
    assert ms[199] == pytest.approx(180, abs=1)
    assert np.abs(np.diff(ms[:200])).max() <= 0.015 * 100 + 1e-9, "a pitch that nobody hears"
    assert ms[-1] == 800


_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_HEARD_AFTER = """() => {
  const node = watched.delays.at(-1);
  return node.delayTime.value + node.context.outputLatency;
}"""
_DELAYS = """async path => {
  const {Delay} = await import(new URL(path, document.baseURI));
  const delay = new Delay();
  return Array.from({length: 300}, (_, step) => {
    const now = 100 * step;
    delay.note(step < 100 ? 120 : step < 200 ? 180 : 800, now);
    const jumped = delay.follow(now);
    return {ms: delay.ms, jumped};
  });
}"""
_TOLD = """message => {
  watched.sockets.at(-1).onmessage({data: message});
  return ['stepped', 'fps', 'p50', 'dropped'].map(id => document.getElementById(id).innerText);
}"""
_FEED_PNG = """() => {
  const feed = document.getElementById('feed');
  const canvas = document.createElement('canvas');
  canvas.width = feed.naturalWidth;
  canvas.height = feed.naturalHeight;
  canvas.getContext('2d').drawImage(feed, 0, 0);
  return canvas.toDataURL('image/png');
}"""
_RESAMPLED = """async ([data, rate]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const sound = new Float32Array(bytes.buffer);
  const context = new OfflineAudioContext(1, sound.length, rate);
  await context.audioWorklet.addModule(document.body.dataset.worklet);
  const buffer = context.createBuffer(1, sound.length, rate);
  buffer.copyToChannel(sound, 0);
  const source = new AudioBufferSourceNode(context, {buffer});
  const node = new AudioWorkletNode(context, 'listener', {numberOfOutputs: 0});
  const packets = [];
  node.port.onmessage = message => packets.push(new Uint8Array(message.data));
  source.connect(node);
  source.start();
  await context.startRendering();
  // What the audio thread has posted comes later: all but the last packet and what the filter still holds.
  const least = Math.floor(sound.length / rate * 50) - 2;
  for (let wait = 0; packets.length < least && wait < 500; wait += 1) await new Promise(done => setTimeout(done, 20));
  const whole = packets.flatMap(packet => Array.from(packet));
  let text = '';
  for (const byte of whole) text += String.fromCharCode(byte);
  return btoa(text);
}"""
