"""A real browser for the tests of this folder, or the reason why there is none.

Needs Playwright for Python and a Chromium (Debian: `apt-get install chromium`); run with
`make browser-test`. Where one of them is missing the tests skip and say why; with
COURSE_REQUIRE_BROWSER=1 they fail instead, so that a server cannot pass by not looking.
"""

import os
import re
import shutil
from contextlib import contextmanager
from importlib import util

import pytest

from helpers.settings import COURSE

SHOTS = COURSE / "build" / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names are not even looked up: what tries to leave this machine fails, and is seen to try.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def find_chromium():
    """The path of a Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def why_no_browser():
    """What is missing for these tests and how to get it; empty when nothing is."""
    if util.find_spec("playwright") is None:
        return "Playwright is not installed: pip install -e '.[browser]'"
    if not find_chromium():
        return "there is no chromium on this machine: apt-get install chromium"
    return ""


def demand_browser():
    """Skip the test, or fail it if a browser is required, unless there is one."""
    if reason := why_no_browser():
        required = os.environ.get("COURSE_REQUIRE_BROWSER") == "1"
        (pytest.fail if required else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    demand_browser()
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """A context manager that opens an empty page and fails when something went wrong on it.

    Wrong are: a request to anywhere but this machine, an exception in the page, a console error.
    """

    @contextmanager
    def opened(width=1280, height=900, harmless=(), **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        outside, problems = [], []
        context.on("request", lambda r: None if is_local(r.url) else outside.append(r.url))
        page = context.new_page()
        page.on("websocket", lambda ws: None if is_local(ws.url) else outside.append(ws.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        yield page
        context.close()
        assert not outside, "the page asked for something outside this machine"
        assert not [p for p in problems if not any(known in p for known in harmless)]

    return opened


def is_local(url):
    """Whether a request stays on this machine."""
    return bool(re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|(data|blob|file|about):", url))
