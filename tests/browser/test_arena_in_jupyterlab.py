"""The arena in a real JupyterLab: votes by mouse and by keyboard, and axe's opinion of it.

Also the page of `course report`, opened from the disk. axe-core comes with axe-playwright-python.
"""

import json

import nbformat
import pytest
from conftest import SHOTS
from playwright.sync_api import expect
from test_lessons_in_jupyterlab import (
    HARMLESS,
    lab,  # noqa: F401
    open_notebook,
    restart,
    wait_until_run,
)

from helpers.cli import main
from helpers.evaluate.arena import Ballots

CELL = """
from helpers.evaluate.arena import Arena
from helpers.widgets import ArenaVote

def rows(name):
    return [{"instruction": f"Say {i}.", "input": "", "output": "x",
             "model_response": f"an answer {name} {i}"} for i in range(4)]

ArenaVote(Arena({"first model": rows("one"), "second model": rows("two")}, "votes.sqlite"))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a notebook that opens an arena; `lab` serves it."""
    folder = tmp_path_factory.mktemp("arena")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "name": "python3"}
    nbformat.write(notebook, folder / "arena.ipynb")
    return folder


def violations(page, selector):
    """What axe finds serious or critical in a part of the page."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="pip install -e '.[browser]'"
    )
    found = axe.Axe().run(page, context=selector).response["violations"]
    return [
        (v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
    ]


def cast(folder):
    return [(v.choice, v.withdrawn) for v in Ballots(folder / "votes.sqlite").all()]


def test_votes_by_mouse_and_by_keyboard(folder, lab, open_page):  # noqa: F811
    with open_page(harmless=HARMLESS) as page:
        open_notebook(page, lab, "arena")
        restart(page)
        wait_until_run(page, 120)
        arena = page.locator(".course-arena").first
        status = arena.get_by_role("status")
        expect(arena.get_by_role("region", name="Answer A")).to_be_visible()
        expect(arena).not_to_contain_text("model")
        page.screenshot(path=SHOTS / "arena-before.png")
        assert violations(page, ".course-arena") == []

        arena.get_by_role("button", name="A is better (a)").click()
        expect(status).to_contain_text("Kept: A is better. A was")
        expect(status).to_contain_text("1 of 4 pairs done")
        page.screenshot(path=SHOTS / "arena-after.png")
        assert cast(folder) == [("left", False)]

        page.keyboard.press("b")  # the focus is on the button that was clicked
        expect(status).to_contain_text("2 of 4 pairs done")
        page.keyboard.press("u")
        expect(status).to_contain_text("Taken back")
        page.keyboard.press("t")
        expect(status).to_contain_text("Kept: a tie")
        page.keyboard.press("Tab")  # and as one finds the buttons without knowing any keys
        expect(arena.get_by_role("button", name="Undo (u)")).not_to_be_focused()
        arena.get_by_role("button", name="Skip (s)").focus()
        page.keyboard.press("Enter")
        expect(status).to_contain_text("3 of 4 pairs done")
        assert cast(folder) == [("left", False), ("right", True), ("tie", False), ("skip", False)]
        cells = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
        assert cells == 1, "a and b insert cells in JupyterLab, but not from inside the arena"

        restart(page)  # a reopened notebook goes on where it was
        wait_until_run(page, 120)
        expect(page.locator(".course-arena").first).to_contain_text("3 of 4 pairs done")
        box = page.locator(".course-arena").first.get_by_role("button", name="B is better (b)")
        box.dblclick()  # the second click would be a vote on a pair that nobody has read
        expect(page.locator(".course-arena").first).to_contain_text("Every pair has your vote")
        assert len(cast(folder)) == 5


def test_the_report_opens_from_the_disk_and_axe_finds_nothing_serious(
    tmp_path, monkeypatch, open_page
):
    monkeypatch.chdir(tmp_path)
    for name, answer in (("base", "No."), ("tuned", "The answer is 3.")):
        rows = [
            {"instruction": f"What is {i}?", "input": "", "output": f"The answer is {i}."}
            for i in range(6)
        ]
        (tmp_path / "runs" / name).mkdir(parents=True)
        path = tmp_path / "runs" / name / "responses.json"
        path.write_text(json.dumps([{**r, "model_response": answer} for r in rows]))
        main(["judge", str(path)])
    runs = ["runs/base", "runs/tuned"]
    main(["winrate", *runs])
    for i in range(4):
        row = {"left": "base", "right": "tuned", "choice": ("left", "right")[i % 2]}
        _vote(tmp_path, i, row)
    main(["report", *runs])
    for width, scheme in ((1280, "light"), (375, "dark")):
        with open_page(width, 900, color_scheme=scheme) as page:
            page.goto((tmp_path / "report.html").as_uri())
            page.locator("article summary").first.click()
            page.screenshot(path=SHOTS / f"report-{width}.png", full_page=True)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
            assert violations(page, "html") == []
            assert page.locator("main img").evaluate_all("all => all.every(i => i.naturalWidth)")


def _vote(folder, i, row):
    from helpers.evaluate.arena import Vote
    from helpers.evaluate.report import item_hash, response_hash

    hashes = {}
    for side in ("left", "right"):
        rows = json.loads((folder / "runs" / row[side] / "responses.json").read_text())
        hashes[f"{side}_answer"] = response_hash(rows[i])
    vote = Vote(
        "me", "person", item_hash(rows[i]), row["left"], row["right"], row["choice"], **hashes
    )
    Ballots(folder / "runs" / "votes.sqlite").add(vote)
