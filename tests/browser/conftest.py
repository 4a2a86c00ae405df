"""Real servers, a real browser, a microphone that hears a file, and what the pages showed kept as pictures.

What runs lasts for a module: the driver keeps an event loop running, which other tests must not meet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright
from tests.browser.chromium import QUIET, UNSLOWED, chromium_path, microphone_flags
from tests.browser.servers import Server, running

SCREENSHOTS = Path(__file__).with_name("screenshots")
DESKTOP = (1280, 800)
PHONE = (390, 844)
LYING = (844, 390)
"""The phone on its side."""
FAR_NAME = "studio.test"
"""A name that is not this machine's; browsers that are told so find it here all the same."""
WAIT_MS = 45_000
"""Longest wait for anything on a page unless a test says otherwise: the machine may be busy."""
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of [45]\d\d")
_LOST = re.compile(r"WebSocket connection to '[^']*' failed|Failed to load resource: net::ERR_")

Visit = Callable[..., Page]
Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What drives browsers."""
    chromium_path()  # Skips before anything is started.
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def launch(playwright: Playwright) -> Iterator[Callable[..., Browser]]:
    """Start a Chromium with more flags; it ends with the module, or when closed."""
    with ExitStack() as stack:

        def start(*flags: str) -> Browser:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), headless=True, args=[*QUIET, *UNSLOWED, *flags]
            )
            stack.callback(browser.close)
            return browser

        yield start


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Browser:
    """Chromium; whoever asks for the microphone is refused, as nobody is there to say yes."""
    return launch()


@pytest.fixture
def fake_microphone(launch: Callable[..., Browser]) -> Iterator[Callable[..., Browser]]:
    """Start a Chromium whose microphone is allowed and hears this WAV file: `fake_microphone(wav, again=False)`."""
    with ExitStack() as stack:

        def start(wav: Path, *, again: bool = False) -> Browser:
            started = launch(*microphone_flags(wav, again=again))
            stack.callback(started.close)
            return started

        yield start


@pytest.fixture
def visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open an address in a new session of a browser: `visit(url, browser=, size=DESKTOP, dark=False, **context)`.

    The test fails at its end where a page's script failed or broke the content security policy. Where a server is made
    to fail, `loses_server=True`: that Chromium then tells of connections is no trouble of the page's.
    """
    troubles: list[str] = []

    def note(message: ConsoleMessage, loses_server: bool) -> None:
        if message.type != "error" or _REFUSED.match(message.text) or (loses_server and _LOST.match(message.text)):
            return
        troubles.append(message.text)

    with ExitStack() as stack:

        def open_page(
            url: str,
            browser: Browser | None = None,
            *,
            size: tuple[int, int] = DESKTOP,
            dark: bool = False,
            loses_server: bool = False,
            **context: Any,
        ) -> Page:
            chosen = browser or request.getfixturevalue("browser")
            session = chosen.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
                is_mobile=size in (PHONE, LYING),
                has_touch=size in (PHONE, LYING),
                **context,
            )
            stack.callback(session.close)
            session.set_default_timeout(WAIT_MS)
            page = session.new_page()
            page.on("console", lambda message: note(message, loses_server))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.goto(url)
            return page

        yield open_page
    assert troubles == []


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Run a command that serves until the module ends: `serve("live", "--sessions", "2")`."""
    cache = tmp_path_factory.mktemp("cache")
    with ExitStack() as stack:

        def start(*arguments: str) -> Server:
            folder = tmp_path_factory.mktemp("server")
            return stack.enter_context(running(arguments, folder, cache=cache))

        yield start


@pytest.fixture(scope="module")
def live_server(serve: Serve) -> Server:
    """`mouthpiece live`, with room for all who come while those before them are not yet forgotten."""
    return serve("live", "--sessions", "24")


@pytest.fixture(scope="module")
def studio_server(serve: Serve) -> Server:
    """`mouthpiece studio` as it comes, but for a name by which it is reached without HTTPS."""
    return serve("studio", "--allow-host", FAR_NAME)


@pytest.fixture(scope="module")
def screenshot() -> Callable[[Page, str], Path]:
    """Keep what a page shows as screenshots/NAME.png, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)

    def keep(page: Page, name: str) -> Path:
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, animations="disabled")
        return path

    return keep
