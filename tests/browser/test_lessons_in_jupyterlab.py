"""Every lesson in a real JupyterLab in a headless Chromium: it opens, runs, and asks nobody else.

Needs Playwright for Python and a Chromium (Debian: `apt-get install chromium`); run it with
`make browser-test`. Screenshots are kept in build/screenshots, to be looked at.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from helpers.lessons import find_lessons
from helpers.settings import COURSE

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install -e '.[browser]'"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine")

TOKEN = "course-test"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = COURSE / "build" / "screenshots"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves copies of the lessons."""
    folder = tmp_path_factory.mktemp("lab")
    for path in find_lessons():
        shutil.copy(path, folder)
    port = free_port()
    environment = {
        **os.environ,
        "COURSE_RUNS": str(folder / "runs"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
    }
    environment.pop("COURSE_PROGRESS", None)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
    ]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    command.append("--LabApp.expose_app_in_browser=True")
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=1).close()
            break
        except OSError:
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def cells_state(page):
    """(code cells, those with an execution count, error outputs) of the open notebook."""
    return page.evaluate(
        """() => {
            const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
            let code = 0, ran = 0, errors = [];
            for (let i = 0; i < cells.length; i++) {
                const cell = cells.get(i);
                if (cell.type !== 'code') continue;
                code += 1;
                if (cell.executionCount) ran += 1;
                for (let j = 0; j < cell.outputs.length; j++)
                    if (cell.outputs.get(j).type === 'error')
                        errors.push(JSON.stringify(cell.outputs.get(j).toJSON()).slice(0, 300));
            }
            return [code, ran, errors];
        }"""
    )


@pytest.mark.parametrize("path", find_lessons(), ids=lambda p: p.stem)
def test_lesson_runs_from_top_to_bottom(lab, browser, path):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    outside, problems = [], []
    page.on("request", lambda r: outside.append(r.url) if not is_local(r.url) else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    # A workspace of its own: JupyterLab would open the earlier lessons' tabs again.
    page.goto(f"{lab}/lab/workspaces/{path.stem}/tree/{path.name}?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=90_000,
    )
    # In braces: returning the promise would wait for the dialog that the next lines answer.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-run-all'); }")
    accept = page.locator("button.jp-mod-accept")
    accept.wait_for(timeout=15_000)
    accept.click()
    deadline = time.monotonic() + 400
    time.sleep(3)
    while time.monotonic() < deadline:
        code, ran, errors = cells_state(page)
        if errors or (ran == code and code):
            break
        time.sleep(1)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{path.stem}.png")
    assert not errors
    assert ran == code
    if path.name.startswith("02"):
        toggle_by_mouse_and_keyboard(page)
    assert not outside, "a request left this machine"
    assert not problems
    page.close()


def is_local(url):
    return re.match(r"(https?|wss?)://127\.0\.0\.1[:/]", url) or url.startswith(("data:", "blob:"))


def toggle_by_mouse_and_keyboard(page):
    """The checkbox *Mask the instruction* recolours the example, by click and by space bar."""
    box = page.get_by_label("Mask the instruction").first
    box.scroll_into_view_if_needed()
    picture = page.locator(".jp-OutputArea-output figcaption", has_text="Loss on")
    assert box.is_visible()
    box.check()
    page.wait_for_timeout(1500)
    shown = [text for text in picture.all_inner_texts() if "response:" in text]
    page.screenshot(path=SHOTS / "02_toggle.png")
    assert len(shown) >= 2  # the static twin and the widget
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_timeout(1500)
    assert not box.is_checked()
    assert len([t for t in picture.all_inner_texts() if "response:" in t]) == len(shown) - 1
