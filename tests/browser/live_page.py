"""Somebody at the live page, and a camera on what it shows and sends."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect
from tests.browser.pictures import decoded

from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture, as_float

# Before the page's own script: what goes up by the WebSocket is kept, with the orders between, and so are the audio
# nodes that delay sound, what is played, and what the status line says, however shortly; `film()` keeps each frame that
# the canvas shows from then on.
WATCH = """
window.watched = {sent: [], sockets: [], delays: [], frames: [], played: [], words: []};
new MutationObserver(() => {
  const word = document.getElementById('word')?.textContent;
  if (word && word !== watched.words.at(-1)) watched.words.push(word);
}).observe(document, {subtree: true, childList: true});
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); watched.sockets.push(this); }
  send(data) { watched.sent.push([performance.now(), data]); super.send(data); }
};
window.DelayNode = class extends DelayNode {
  constructor(...given) { super(...given); watched.delays.push(this); }
};
window.AudioBufferSourceNode = class extends AudioBufferSourceNode {
  start(when) {
    const at = performance.now() + 1000 * (when - this.context.currentTime + this.context.outputLatency);
    watched.played.push([at, this.buffer.getChannelData(0)]);
    super.start(when);
  }
};
window.film = () => {
  const canvas = document.getElementById('face');
  watched.frames = [];
  watched.observer?.disconnect();
  watched.observer = new MutationObserver(() => {
    const {moment, latency} = canvas.dataset;
    if (moment === undefined) return;
    const at = performance.now();
    const jpeg = new Promise(done => canvas.toBlob(done, 'image/jpeg', 0.92));
    watched.frames.push({at, moment: Number(moment), latency: Number(latency), jpeg});
  });
  watched.observer.observe(canvas, {attributes: true, attributeFilter: ['data-frames']});
};
const asUrl = blob => new Promise(done => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.readAsDataURL(blob);
});
window.filmed = async () => {
  watched.observer.disconnect();
  const frames = [];
  for (const {at, moment, latency, jpeg} of watched.frames) {
    frames.push([at, moment, latency, await asUrl(await jpeg)]);
  }
  return frames;
};
window.heard = async () => {
  const {played} = watched;
  return [played.map(([at, data]) => [at, data.length]), await asUrl(new Blob(played.map(([, data]) => data)))];
};
window.spoken = async () => {
  // Sound since the last start, and when each packet of it left.
  const orders = watched.sent.map(([, data]) => typeof data === 'string' && data.includes('"start"'));
  const packets = watched.sent.slice(orders.lastIndexOf(true) + 1).filter(([, data]) => typeof data !== 'string');
  return [await asUrl(new Blob(packets.map(([, data]) => data))), packets.map(([at]) => at)];
};
"""


@dataclass(frozen=True)
class Shown:
    """One frame as the canvas showed it."""

    at_s: float
    """When, by the page's clock."""
    moment_s: float
    """What of the speech it shows."""
    latency_s: float
    """What the server said of its way."""
    picture: Picture


class LivePage:
    """A person with a browser."""

    def __init__(self, page: Page, url: str, word: str = "No face yet") -> None:
        """Open the page, and wait until it says that."""
        self.page = page
        self.url = url
        page.add_init_script(WATCH)
        page.goto(url)
        self.await_word(word)

    def await_word(self, *words: str) -> None:
        """Wait until the status line says one of these."""
        self.page.wait_for_function(
            "words => words.includes(document.getElementById('word').textContent)", arg=list(words)
        )

    def words(self) -> int:
        """How many things the status line has said."""
        return int(self.page.evaluate("watched.words.length"))

    def await_words(self, *words: str, since: int) -> None:
        """Wait until the status line has said these one after the other, however shortly, since it had said so many."""
        self.page.wait_for_function(
            """([words, since]) => {
              const told = watched.words.slice(since);
              return told.reduce((found, word) => found + (word === words[found]), 0) === words.length;
            }""",
            arg=[list(words), since],
        )

    def word(self) -> str:
        """What the status line says."""
        return self.page.locator("#word").inner_text()

    def figures(self) -> dict[str, float]:
        """What the page tells of how it goes: fps, p50, p95 (ms), dropped."""
        self.page.wait_for_function("() => document.getElementById('p50').textContent.endsWith('ms')")
        names = ("fps", "p50", "p95", "dropped")
        return {name: float(self.page.locator(f"#{name}").inner_text().removesuffix(" ms")) for name in names}

    def choose(self, photo: Path | dict[str, Any]) -> None:
        """Choose a photo, and wait until it is there."""
        self.page.set_input_files("#photo", photo)  # type: ignore[arg-type]
        self.page.wait_for_selector("#face[data-frames]")
        self.await_word("Ready", "Speaking", "Listening")

    def start(self) -> None:
        """Press Start, and wait until the page listens."""
        self.page.get_by_role("button", name="Start").click()
        self.await_word("Listening", "Speaking")

    def stop(self) -> float:
        """Press Stop; returns when, by the page's clock."""
        self.page.get_by_role("button", name="Stop").click()
        return self.now_s()

    def clear(self) -> None:
        """Press Clear."""
        self.page.get_by_role("button", name="Clear").click()

    def film(self) -> None:
        """Keep frames from now on."""
        self.page.evaluate("film()")

    def filmed(self) -> list[Shown]:
        """The frames since `film`, and no more."""
        frames = self.page.evaluate("filmed()")
        return [Shown(at / 1000, moment, latency, decoded(url)) for at, moment, latency, url in frames]

    def spoken(self) -> tuple[FloatArray, list[float]]:
        """The sound that went up since the last start, 16 kHz, and when each packet of it left by the page's clock."""
        url, times = self.page.evaluate("spoken()")
        data = base64.b64decode(url.partition(",")[2])
        return as_float(np.frombuffer(data, "<i2")) / np.float32(32768), [at / 1000 for at in times]

    def heard(self) -> tuple[FloatArray, FloatArray]:
        """The sound that the page played, 16 kHz, and when by the page's clock each sample of it was, seconds."""
        pieces, url = self.page.evaluate("heard()")
        sound = np.frombuffer(base64.b64decode(url.partition(",")[2]), "<f4")
        times_s = [at / 1000 + np.arange(length) / SAMPLE_RATE for at, length in pieces]
        return sound, as_float(np.concatenate(times_s))

    def now_s(self) -> float:
        """The page's clock."""
        return float(self.page.evaluate("performance.now()")) / 1000

    def frames(self) -> int:
        """How many frames the canvas has shown."""
        return int(self.page.evaluate("Number(document.getElementById('face').dataset.frames ?? 0)"))

    def await_frames(self, more: int) -> None:
        """Wait until the canvas has shown so many more."""
        self.page.wait_for_function(
            "least => Number(document.getElementById('face').dataset.frames ?? 0) >= least", arg=self.frames() + more
        )

    def stay(self, seconds: float) -> None:
        """Let time pass, by the wall."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self.page.wait_for_timeout(1000 * left_s)

    def expect_error(self, text: str) -> None:
        """An error is shown that says this."""
        expect(self.page.get_by_role("alert")).to_contain_text(text)
