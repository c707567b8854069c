"""The chat in a real JupyterLab: sent by keyboard, seen to grow, stopped, and axe's opinion of it."""

import re

import nbformat
import pytest
from conftest import SHOTS
from playwright.sync_api import expect
from test_arena_in_jupyterlab import violations
from test_lessons_in_jupyterlab import (  # noqa: F401
    HARMLESS,
    focus_is_visible,
    focus_is_whole,
    lab,
    open_notebook,
    restart,
    start_above,
    state,
    tab_to,
    wait_until_run,
)

from helpers.chat import read_history

# Two bundled models that never end by themselves, 60 tokens at about ten a second.
CELL = """
import time

from helpers.chat import Chat, Options
from helpers.weights import load_model
from helpers.widgets import ChatBox

models = {"base": load_model("gpt2-mini"), "tuned": load_model("gpt2-micro")}
for model in models.values():
    hidden = model.hidden
    model.hidden = lambda *args, hidden=hidden: time.sleep(0.05) or hidden(*args)
options = Options(max_new_tokens=60)
ChatBox(Chat(models, options=options, stop_ids=(), history="chat.jsonl"))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a notebook that opens a chat; `lab` serves it."""
    folder = tmp_path_factory.mktemp("chat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "name": "python3"}
    nbformat.write(notebook, folder / "chat.ipynb")
    return folder


def ended(folder):
    return [
        (a["instruction"], a["model"], a["finish_reason"])
        for a in read_history(folder / "chat.jsonl")
    ]


def count_changes(status):
    """From now on the page counts how often the text of the line changes."""
    status.evaluate(
        """line => { window.heard = [];
            new MutationObserver(() => window.heard.push(line.innerText))
                .observe(line, {childList: true, subtree: true, characterData: true}); }"""
    )


def grows(page, region):
    """Wait until there is text in the region, and then until there is more."""
    expect(region).to_have_attribute("aria-busy", "true", timeout=20_000)
    text = region.locator(".course-text")
    expect(text).to_have_text(re.compile(r"\S"), timeout=20_000)
    before = text.inner_text()
    expect(text).not_to_have_text(before)
    assert text.inner_text().startswith(before)


def test_a_chat_by_keyboard_and_by_mouse(folder, lab, open_page):  # noqa: F811
    with open_page(1200, 1000, HARMLESS) as page:
        open_notebook(page, lab, "chat")
        restart(page)
        wait_until_run(page, 120)
        chat = page.locator(".course-chat").first
        status, message = chat.get_by_role("status"), chat.get_by_label("Message")
        expect(message).to_be_visible()
        start_above(page, message)
        tab_to(page, message)
        assert focus_is_visible(message)
        assert focus_is_whole(message)
        expect(status).to_have_attribute("aria-live", "polite")
        assert violations(page, ".course-chat") == []
        count_changes(status)

        page.keyboard.type("Name a bird ab")  # a and b insert cells in JupyterLab
        page.keyboard.press("Enter")
        base, tuned = (chat.get_by_role("region", name=name) for name in ("base", "tuned"))
        grows(page, base)
        grows(page, tuned)
        page.screenshot(path=SHOTS / "chat-while-it-writes.png")
        assert violations(page, ".course-chat") == []
        expect(status).to_contain_text("Kept in chat.jsonl", timeout=60_000)
        expect(base).to_contain_text("(cut off after 60 tokens)")
        expect(base).to_have_attribute("aria-busy", "false")
        expect(message).to_be_focused()
        expect(message).to_have_value("")
        heard = page.evaluate("window.heard")
        assert len(set(heard)) == 2, "screen readers hear the beginning and the end, no token"
        text = " ".join(base.locator(".course-text").inner_text().split())
        assert f"base says: {text}." in heard[-1]
        said = [("Name a bird ab", model, "length") for model in ("base", "tuned")]
        assert ended(folder) == said
        assert state(page)["code"] == 1
        page.screenshot(path=SHOTS / "chat-when-done.png")
        assert violations(page, ".course-chat") == []

        page.keyboard.type("Two")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("lines")
        page.keyboard.press("Enter")
        grows(page, base)
        page.keyboard.press("Escape")
        expect(status).to_contain_text("base: stopped by you; tuned: stopped by you", timeout=2000)
        text = base.inner_text()
        said += [("Two\nlines", model, "stopped") for model in ("base", "tuned")]
        assert ended(folder) == said
        expect(message).to_be_focused()
        page.screenshot(path=SHOTS / "chat-stopped.png")

        chat.get_by_label("Temperature (0: greedy)").fill("warm")
        message.fill("By mouse")
        chat.get_by_role("button", name="Send (Enter)").click()
        expect(chat.get_by_role("alert")).to_contain_text("temperature 'warm' is not a number")
        assert base.inner_text() == text
        expect(message).to_have_value("By mouse")
        page.screenshot(path=SHOTS / "chat-bad-temperature.png")
        assert violations(page, ".course-chat") == []
        chat.get_by_label("Temperature (0: greedy)").fill("0.8")
        chat.get_by_label("Top-k (empty: all)").fill("40")
        chat.get_by_role("button", name="Send (Enter)").click()
        expect(status).to_contain_text("Writing, temperature 0.8, top-k 40")
        grows(page, tuned)
        chat.get_by_role("button", name="Stop (Esc)").click()
        expect(status).to_contain_text("base: stopped by you; tuned: stopped by you", timeout=2000)
        said += [("By mouse", model, "stopped") for model in ("base", "tuned")]
        assert ended(folder) == said

        chat.get_by_role("button", name="Show history").click()
        expect(chat.get_by_text("The last 3 messages in chat.jsonl")).to_be_visible()
        page.screenshot(path=SHOTS / "chat-history.png")
        assert violations(page, ".course-chat") == []
        chat.get_by_role("button", name="Hide history").click()
        expect(chat.get_by_text("The last 3 messages in chat.jsonl")).to_have_count(0)


def test_a_narrow_dark_page_shows_the_answers_one_below_the_other(folder, lab, open_page):  # noqa: F811
    with open_page(700, 1000, HARMLESS) as page:
        open_notebook(page, lab, "chat")
        page.evaluate(
            "() => window.jupyterapp.commands.execute("
            "'apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        restart(page)
        wait_until_run(page, 120)
        chat = page.locator(".course-chat").first
        message = chat.get_by_label("Message")
        message.fill("Name a tree")
        message.press("Enter")
        regions = [chat.get_by_role("region", name=name) for name in ("base", "tuned")]
        grows(page, regions[1])
        message.press("Escape")
        expect(chat.get_by_role("status")).to_contain_text("stopped by you")
        page.screenshot(path=SHOTS / "chat-dark.png")
        assert violations(page, ".course-chat") == []
