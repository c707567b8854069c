"""What `course grade` leaves for people to read, in a real browser: the class's page, a student's.

A class of toy submissions (tests/toy_exercises.py) is marked once. Among them are what makes pages
wide: a name without a space in it, a long value that came back, a message of many words.
"""

import json
import sys

import pytest
from conftest import SHOTS
from test_arena_in_jupyterlab import violations
from test_site_in_browser import CUT_OFF, focused

from helpers.classroom.grade import GradeSettings, grade
from helpers.classroom.marking import Lesson
from helpers.settings import COURSE

sys.path.append(str(COURSE / "tests"))  # where the toy exercises are
LONG = "a" * 50
ANSWERS = {
    "right": "def double(values):\n    return [2 * v for v in values]",
    "squares": "def double(values):\n    return [v * v for v in values]",
    LONG: "def double(values):\n    return {'x' * 200: 'y' * 200}",
    "raises": "def double(values):\n    raise ValueError('w' * 300)",
}
# What is wider than its box and scrolls there, but where no key can scroll it.
OUT_OF_REACH = """() => [...document.querySelectorAll('main *')].filter(e =>
    e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)
    && e.tabIndex < 0).map(e => e.outerHTML.slice(0, 100))"""


def notebook(double):
    ids = {"77-1-answer": double, "77-1-check": 'check("77.1")', "77-2-check": 'check("77.2")'}
    cells = [
        {"cell_type": "code", "id": f"ex-{id}", "source": source, "metadata": {}, "outputs": []}
        for id, source in ids.items()
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Name → address of each page that marking the class wrote."""
    root = tmp_path_factory.mktemp("marks")
    for name, answer in ANSWERS.items():
        (root / "class" / name).mkdir(parents=True)
        (root / "class" / name / "77_toy.ipynb").write_text(notebook(answer), encoding="utf-8")
    (root / "class" / "empty").mkdir()
    grade(
        root / "class",
        root / "out",
        GradeSettings(workers=1),
        {"77": Lesson("77", "toy_exercises")},
    )
    written = [root / "out" / "class.html", *(root / "out" / "feedback").iterdir()]
    assert len(written) == len(ANSWERS) + 2
    return {path.stem: path.as_uri() for path in written}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_axe_finds_nothing_serious_folded_or_open(pages, open_page, width, scheme):
    found = {}
    with open_page(width, 900, color_scheme=scheme) as page:
        for name in ("class", LONG, "raises", "empty"):
            page.goto(pages[name])
            page.screenshot(path=SHOTS / f"grade-{name[:9]}-{width}-{scheme}.png", full_page=True)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            if wrong := violations(page, "html"):
                found[name] = wrong
    assert found == {}


def test_pages_fit_a_phone_and_what_scrolls_there_scrolls_by_keyboard(pages, open_page):
    with open_page(375, 800) as page:
        for address in pages.values():
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert page.evaluate("document.scrollingElement.scrollWidth") <= 375
            assert page.evaluate(CUT_OFF) == []
            assert page.evaluate(OUT_OF_REACH) == []


def test_an_instructor_without_a_mouse_unfolds_the_numbers_and_opens_a_students_page(
    pages, open_page
):
    with open_page() as page:
        page.goto(pages["class"])
        assert not page.locator("details table").is_visible()
        seen = []
        while (seen or [""])[-1] != "squares":
            page.keyboard.press("Tab")
            text, visible = focused(page)
            assert visible, text
            seen.append(text)
            assert len(seen) < 30, seen
            if text == "The numbers as a table":
                page.keyboard.press("Enter")
                assert page.locator("details table").is_visible()
        assert "The numbers as a table" in seen
        page.keyboard.press("Enter")
        page.wait_for_url("**/feedback/squares.html")
        page.get_by_role("link", name="77.2").focus()
        page.keyboard.press("Enter")
        heading = page.get_by_role("heading", name="77.2")
        assert heading.bounding_box()["y"] < 900
