"""Every lesson in a real JupyterLab: it opens, runs, asks nobody else, and its widgets answer.

JupyterLab runs with the options of `make lab`. All lessons share one runs folder that is empty at
first, and lesson 04 comes first of all: the way of a student who opens a lesson out of order, and
the model is trained only once. Screenshots of every part are kept in build/screenshots.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from conftest import SHOTS

from helpers.lessons import find_lessons
from helpers.settings import COURSE

TOKEN = "course-test"
LESSONS = {path.stem: path for path in find_lessons()}
ORDER = sorted(LESSONS, key=lambda name: (name[:2] not in ("04", "05"), name))
VIEW = "application/vnd.jupyter.widget-view+json"
# What JupyterLab itself writes to the console when a kernel restarts while it asks it something:
# the debugger's state, or which widgets there are ("Comm not found", before any cell has run).
HARMLESS = ("Could not restore the debugger state", "Canceled future for", "Comm not found for")

# Loaded by every Python that the server starts, itself included: notes who wants to leave.
NETWORK_WATCH = """
import os, sys

def note(event, args):
    if event == "socket.connect":
        host = args[1][0] if isinstance(args[1], tuple) else ""  # else a socket in the file system
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0] or ""
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in ("", "localhost", "::1", "0.0.0.0") and not host.startswith("127."):
        with open(os.environ["COURSE_NETWORK_LOG"], "a") as log:
            log.write(f"{event} {host} by {sys.argv}\\n")

sys.addaudithook(note)
"""

FAULTS = [
    "import time\n\n"
    "from helpers.widgets import MaskingToggle\n\n\n"
    "def draw(arm):\n"
    "    if arm == 'response':\n"
    "        raise ValueError('this arm cannot be drawn')\n"
    "    time.sleep(2 * (arm == 'header+response'))\n"
    "    return f'<p>drawn for {arm}</p>'\n\n\n"
    "MaskingToggle(draw)",
    "from helpers import data\n\nrecords = data.load_records('my-data.json')",
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def options_of_make_lab():
    """The options with which `make lab` starts JupyterLab."""
    makefile = (COURSE / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    return re.search(r"jupyter lab (--.*)$", makefile, re.MULTILINE).group(1).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the served copies of the lessons lie."""
    folder = tmp_path_factory.mktemp("lab")
    for path in LESSONS.values():
        shutil.copy(path, folder)
    cells = [nbformat.v4.new_code_cell(source) for source in FAULTS]
    faults = nbformat.v4.new_notebook(cells=cells)
    faults.metadata["kernelspec"] = {"display_name": "Python 3", "name": "python3"}
    nbformat.write(faults, folder / "faults.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder, browser):
    """The address of a JupyterLab that serves copies of the lessons."""
    (folder / "config" / "labconfig").mkdir(
        parents=True
    )  # as `make lab` does: no question about news
    (folder / "config" / "labconfig" / "page_config.json").write_text(
        json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}})
    )
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(NETWORK_WATCH)
    port, known = free_port(), filter(None, [os.environ.get("PYTHONPATH")])
    environment = {
        **os.environ,
        "COURSE_RUNS": str(folder / "runs"),
        "COURSE_NETWORK_LOG": str(folder / "network.log"),
        "PYTHONPATH": os.pathsep.join([str(folder / "watch"), *known]),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
    }
    environment.pop("COURSE_PROGRESS", None)
    command = [sys.executable, "-m", "jupyterlab", *options_of_make_lab(), "--no-browser"]
    command += ["--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={folder}"]
    command += [f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=1).close()
            break
        except OSError:
            assert server.poll() is None, (folder / "lab.log").read_text()
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(20)


# --- what a person does in JupyterLab ------------------------------------------------------------


def open_notebook(page, lab, name):
    """The notebook `name` is open and its kernel waits."""
    # A workspace of its own: JupyterLab would open the earlier lessons' tabs again.
    page.goto(f"{lab}/lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
        " === 'idle'",
        timeout=90_000,
    )


def restart(page, command="notebook:restart-run-all"):
    """Restart the kernel, and with the default command run all cells: a menu entry and a click."""
    # The stored outputs go first, or an unstarted run would look like a finished one.
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    assert state(page)["ran"] == 0
    # In braces: returning the promise would wait for the dialog that the next lines answer.
    page.evaluate(f"() => {{ window.jupyterapp.commands.execute('{command}'); }}")
    page.locator("button.jp-mod-accept").click(timeout=15_000)
    page.wait_for_timeout(1000)


def state(page):
    """Code cells, those that ran, their error outputs and the number of widgets."""
    return page.evaluate(
        """view => {
            const found = {code: 0, ran: 0, errors: [], widgets: 0};
            for (const cell of window.jupyterapp.shell.currentWidget.content.model.cells) {
                if (cell.type !== 'code') continue;
                found.code += 1;
                if (cell.executionCount) found.ran += 1;
                for (let j = 0; j < cell.outputs.length; j++) {
                    const output = cell.outputs.get(j).toJSON();
                    if (output.output_type === 'error')
                        found.errors.push(`${output.ename}: ${output.evalue}`);
                    if (output.data && view in output.data) found.widgets += 1;
                }
            }
            return found;
        }""",
        VIEW,
    )


def wait_until_run(page, seconds=900):  # lesson 04 trains; a busy machine takes its time
    """The notebook's state when all cells ran or one failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = state(page)
        if found["errors"] or found["ran"] == found["code"]:
            return found
        page.wait_for_timeout(500)
    raise AssertionError(f"still running after {seconds} s: {found}")


def look_at_every_part(page, name):
    """Screenshots from top to bottom; returns the names of all controls of widgets on the way."""
    for old in SHOTS.glob(f"{name}-*.png"):
        old.unlink()
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
    panel.evaluate("e => { e.scrollTop = 0; }")
    names, number, at = set(), 0, -1
    while (top := panel.evaluate("e => e.scrollTop")) != at and number < 60:
        page.wait_for_timeout(250)
        if not page.locator(".jp-Cell:visible").evaluate_all(IN_VIEW):
            break  # below the last cell
        page.screenshot(path=SHOTS / f"{name}-{number:02}.png")
        names.update(controls(page))
        at, number = top, number + 1
        panel.evaluate("e => { e.scrollTop += e.clientHeight - 60; }")
        page.wait_for_timeout(150)
    return names


IN_VIEW = "cells => cells.some(c => c.getBoundingClientRect().bottom > 100)"


def controls(page):
    """The accessible names of all things in widgets that can be operated; unnamed ones are ""."""
    return page.evaluate(
        """() => [...document.querySelectorAll(
            '.jupyter-widgets :is(input, select, textarea, button, [role=slider], [contenteditable])'
        )].map(e => (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || '').trim())"""
    )


def tab_to(page, locator, limit=80):
    """Press Tab until the control has the focus; fails when it cannot be reached that way."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if locator.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"{limit} times Tab did not reach the control")


def focus_is_visible(locator):
    """Whether the focused control is marked by an outline or a shadow."""
    return locator.evaluate(
        """e => { const s = getComputedStyle(e);
                  return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0)
                      || s.boxShadow !== 'none'; }"""
    )


def focus_is_whole(locator):
    """Whether no box around the focused control cuts off the ring that marks it."""
    return locator.evaluate(
        """e => {
            const s = getComputedStyle(e), ring = e.getBoundingClientRect();
            const out = s.outlineStyle === 'none' ? 0
                : parseFloat(s.outlineWidth) + Math.max(0, parseFloat(s.outlineOffset));
            for (let box = e.parentElement; box !== document.body; box = box.parentElement) {
                if (getComputedStyle(box).overflow === 'visible') continue;
                const edge = box.getBoundingClientRect();
                if (ring.left - out < edge.left || ring.right + out > edge.right
                    || ring.top - out < edge.top || ring.bottom + out > edge.bottom) return false;
            }
            return true;
        }"""
    )


# --- the widgets, each with its test -------------------------------------------------------------


def widget_of(page, box):
    """The widget around a control, in sight, and the captions of its pictures."""
    box.scroll_into_view_if_needed()
    widget = page.locator(".jp-OutputArea-child", has=box)
    return widget, widget.locator("figcaption")


def expect_arm(captions, arm):
    """Both pictures, the tokens and the bars, name this arm."""
    for number in (0, 1):
        playwright_expect(captions.nth(number)).to_contain_text(
            re.compile(rf"^Loss on {re.escape(arm)}[:,]")
        )


def start_above(page, box):
    """Put the focus before the widget, as somebody who comes with the keyboard has it."""
    page.locator(".jp-CodeCell", has=box).locator(".cm-content").click()
    page.keyboard.press("Escape")  # leaves the editor, in which Tab would indent


def mask_the_instruction(page):
    """The checkbox recolours the example: by mouse, and by Tab and the space bar."""
    box = page.get_by_label("Mask the instruction")
    _, captions = widget_of(page, box)
    expect_arm(captions, "all")
    box.click()
    expect_arm(captions, "response")
    playwright_expect(page.get_by_label("Loss on")).to_have_value("response")
    page.screenshot(path=SHOTS / "toggle-by-mouse.png")
    start_above(page, box)
    tab_to(page, box)
    assert focus_is_visible(box)
    assert focus_is_whole(box)
    page.keyboard.press("Space")
    expect_arm(captions, "all")
    playwright_expect(page.get_by_label("Loss on")).to_have_value("all")
    assert not box.is_checked()
    playwright_expect(box).to_be_focused()  # a redrawing takes the focus from nobody
    page.screenshot(path=SHOTS / "toggle-by-keyboard.png")


def choose_an_arm(page):
    """The list, by its arrow keys: the box follows, and no key goes to the notebook instead."""
    box, arms = page.get_by_label("Mask the instruction"), page.get_by_label("Loss on")
    _, captions = widget_of(page, box)
    start_above(page, box)
    tab_to(page, arms)
    assert focus_is_visible(arms)
    assert focus_is_whole(arms)
    for arm in ("instruction+response", "header+response", "response", "response@0.1"):
        page.keyboard.press("ArrowDown")
        expect_arm(captions, arm)
        assert box.is_checked() == (arm in ("header+response", "response"))
        playwright_expect(arms).to_be_focused()
    page.screenshot(path=SHOTS / "toggle-list.png")
    cells = state(page)["code"]
    page.keyboard.press("a")
    expect_arm(captions, "all")
    assert not box.is_checked()
    assert state(page)["code"] == cells


def weigh_the_prompt(page):
    """The weight: off for other arms, typed and entered for its own, refused in words."""
    box, field = (
        page.get_by_label("Mask the instruction"),
        page.get_by_label("Prompt weight, 0 to 1"),
    )
    widget, captions = widget_of(page, box)
    assert field.is_disabled()
    page.get_by_label("Loss on").select_option("response with prompt weight")
    expect_arm(captions, "response@0.1")
    playwright_expect(field).to_be_enabled()
    start_above(page, box)
    tab_to(page, field)
    assert focus_is_visible(field)
    assert focus_is_whole(field)
    page.keyboard.press("Control+A")
    page.keyboard.type("0.25")
    page.keyboard.press("Enter")
    expect_arm(captions, "response@0.25")
    playwright_expect(field).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("7")
    page.keyboard.press("Tab")
    playwright_expect(widget.get_by_role("alert")).to_contain_text(
        "prompt weight '7' in 'response@7': give a number from 0 to 1"
    )
    playwright_expect(widget.get_by_role("alert")).to_contain_text("still shows: loss on")
    expect_arm(captions, "response@0.25")
    page.screenshot(path=SHOTS / "toggle-bad-weight.png")
    page.get_by_label("Loss on").select_option("all")
    expect_arm(captions, "all")
    playwright_expect(widget.get_by_role("alert")).to_have_count(0)


def playwright_expect(locator):
    from playwright.sync_api import expect

    return expect(locator)


TOGGLE = {
    "Mask the instruction": mask_the_instruction,
    "Loss on": choose_an_arm,
    "Prompt weight, 0 to 1": weigh_the_prompt,
}


def press(words, told):
    """A test of one button by the key in its brackets; `test_arena_in_jupyterlab` uses the mouse."""

    def test(page):
        button = page.locator(".course-arena").first.get_by_role("button", name=words)
        button.scroll_into_view_if_needed()
        button.focus()
        page.keyboard.press(words[-2])
        status = page.locator(".course-arena").first.get_by_role("status")
        playwright_expect(status).to_contain_text(told)

    return test


ARENA = {
    "A is better (a)": press("A is better (a)", "Kept: A is better. A was"),
    "B is better (b)": press("B is better (b)", "Kept: B is better. A was"),
    "Tie (t)": press("Tie (t)", "Kept: a tie."),
    "Skip (s)": press("Skip (s)", "Kept: skipped."),
    "Undo (u)": press("Undo (u)", "Taken back"),
}


def chat_parts(page):
    """The chat of lesson 04, in sight, and its line for what happens."""
    chat = page.locator(".course-chat").first
    chat.get_by_label("Message").scroll_into_view_if_needed()
    return chat, chat.locator(".course-chat-status")


def ask_by_enter(page):
    """A message by the keyboard: both answers stand there when it says that they are kept."""
    chat, status = chat_parts(page)
    message = chat.get_by_label("Message")
    start_above(page, message)
    tab_to(page, message)
    assert focus_is_visible(message)
    assert focus_is_whole(message)
    page.keyboard.type("What is the past tense of 'sing'?")
    page.keyboard.press("Enter")
    playwright_expect(status).to_contain_text("Kept in", timeout=60_000)
    playwright_expect(chat.get_by_role("region", name="base")).to_be_visible()
    playwright_expect(chat.get_by_role("region", name="tuned")).to_contain_text("sang")
    playwright_expect(message).to_have_value("")
    playwright_expect(message).to_be_focused()
    page.screenshot(path=SHOTS / "chat-of-lesson-04.png")


def fill(label, text, told):
    """A test of one more field: it is filled, and a message sent by Enter in this field."""

    def test(page):
        chat, _ = chat_parts(page)
        chat.get_by_label("Message").fill("Rewrite the sentence in the past tense.")
        chat.get_by_label(label).fill(text)
        chat.get_by_label(label).press("Enter")
        playwright_expect(chat).to_contain_text(told)
        playwright_expect(chat.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)

    return test


def click(words, told):
    """A test of one button by the mouse."""

    def test(page):
        chat, _ = chat_parts(page)
        chat.get_by_role("button", name=words).click()
        playwright_expect(chat).to_contain_text(told)

    return test


# What the chat does while it writes is seen in `test_chat_in_jupyterlab`.
CHAT = {
    "Message": ask_by_enter,
    "Input (optional)": fill("Input (optional)", "She sings.", "She sings."),
    "Top-k (empty: all)": fill("Top-k (empty: all)", "0", "top_k is 0"),
    "Temperature (0: greedy)": fill("Temperature (0: greedy)", "-1", "temperature is -1.0"),
    "Send (Enter)": click("Send (Enter)", "temperature is -1.0"),
    "Stop (Esc)": click("Stop (Esc)", "Nothing is being written."),
    "Show history": click("Show history", "newest first"),
}
WIDGETS = dict.fromkeys(
    ("02_collating_and_masking", "04_fine_tuning", "06_masking_experiment"), TOGGLE
)
WIDGETS["04_fine_tuning"] = {**TOGGLE, **CHAT}
WIDGETS["07_benchmarks_and_arena"] = ARENA


# --- the tests -----------------------------------------------------------------------------------


def shut_down_kernels(lab):
    """End all kernels: those of all lessons together take more memory than a laptop has."""
    with urllib.request.urlopen(f"{lab}/api/sessions?token={TOKEN}", timeout=10) as reply:
        sessions = json.load(reply)
    for session in sessions:
        address = f"{lab}/api/sessions/{session['id']}?token={TOKEN}"
        urllib.request.urlopen(urllib.request.Request(address, method="DELETE"), timeout=30).close()


@pytest.mark.parametrize("name", ORDER)
def test_lesson_runs_from_top_to_bottom(lab, open_page, name):
    with open_page(1200, 1000, HARMLESS) as page:
        open_notebook(page, lab, name)
        restart(page)
        found = wait_until_run(page)
        names = look_at_every_part(page, name)
        assert not found["errors"]
        assert found["ran"] == found["code"] > 0
        known = WIDGETS.get(name, {})
        assert names == set(known), "every control of a widget needs a test in WIDGETS"
        assert bool(found["widgets"]) == bool(known)
        for test in known.values():
            test(page)
    shut_down_kernels(lab)


def test_a_lesson_opened_out_of_order_makes_what_it_needs_and_says_so(folder, lab, open_page):
    """Lesson 04 ran before 03, which makes the untouched model's answers."""
    if not (folder / "runs" / "quick-tuned-all" / "responses.json").exists():
        pytest.skip("lesson 04 was not among the tests that ran")
    assert (folder / "runs" / "quick-base" / "responses.json").exists()


def test_faults_are_shown_where_they_happen(lab, open_page):
    """A callback that fails says so under its widget; one of our errors ends in its one line."""
    with open_page(1200, 1000, HARMLESS) as page:
        open_notebook(page, lab, "faults")
        restart(page)
        [error] = wait_until_run(page, 60)["errors"]
        last = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").last
        where, message = last.inner_text().strip().splitlines()
        assert where == "line 3: records = data.load_records('my-data.json')"
        assert message == error
        assert message.startswith("DataError: no data set 'my-data.json'")
        assert last.evaluate("e => e.scrollWidth <= e.clientWidth"), "the message is cut"
        page.screenshot(path=SHOTS / "fault-course-error.png")

        box = page.get_by_label("Mask the instruction")
        box.click()
        widget = page.locator(".jp-OutputArea-child", has=box).first
        playwright_expect(widget).to_contain_text("ValueError: this arm cannot be drawn")
        playwright_expect(widget.get_by_role("status")).to_have_text(
            "Not drawn; the error stands below. The picture still shows: loss on all."
        )
        page.screenshot(path=SHOTS / "fault-callback.png")
        box.click()
        playwright_expect(widget).to_contain_text("drawn for all")
        playwright_expect(widget).not_to_contain_text("ValueError")
        page.get_by_label("Loss on").select_option("header+response")
        playwright_expect(widget.get_by_role("status")).to_have_text("working…")
        page.screenshot(path=SHOTS / "toggle-working.png")
        playwright_expect(widget).to_contain_text("drawn for header+response")
        playwright_expect(widget.get_by_role("status")).to_contain_text("Shown: loss on")

        restart(page, "kernelmenu:restart")
        page.wait_for_timeout(1500)
        page.screenshot(path=SHOTS / "fault-restarted.png")
        restart(page)
        wait_until_run(page, 60)
        box = page.get_by_label("Mask the instruction")
        box.click()
        playwright_expect(page.locator(".jp-OutputArea-child", has=box).first).to_contain_text(
            "ValueError"
        )


def test_the_network_watch_sees_an_attempt(tmp_path):
    """The guard of the next test works: an attempt is noted, even one that fails."""
    (tmp_path / "sitecustomize.py").write_text(NETWORK_WATCH)
    log = tmp_path / "log"
    script = (
        "import socket; s = socket.socket(); s.settimeout(0.01); s.connect_ex(('192.0.2.1', 9))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COURSE_NETWORK_LOG": str(log)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert "socket.connect 192.0.2.1" in log.read_text()


def test_neither_server_nor_kernels_tried_to_leave_this_machine(folder, lab):
    """Last, because it looks back on all of the above."""
    log = folder / "network.log"
    assert not log.exists() or log.read_text() == ""
