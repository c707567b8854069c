"""The students' exercises in a real JupyterLab: Run All on each, and one solved by keyboard."""

import shutil

import nbformat
import pytest
from conftest import SHOTS
from playwright.sync_api import expect
from test_arena_in_jupyterlab import violations
from test_lessons_in_jupyterlab import (  # noqa: F401
    HARMLESS,
    lab,
    look_at_every_part,
    open_notebook,
    restart,
    shut_down_kernels,
    wait_until_run,
)

from helpers.checks.registry import exercises
from helpers.settings import COURSE

EXERCISES = sorted((COURSE / "exercises").glob("[0-9][0-9]_*.ipynb"))
NAMES = [f"exercises-{path.stem}" for path in EXERCISES]
CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copies of the students' notebooks; `lab` serves them."""
    folder = tmp_path_factory.mktemp("exercises")
    for path, name in zip(EXERCISES, NAMES, strict=True):
        shutil.copy(path, folder / f"{name}.ipynb")
    return folder


def shown(page):
    """All text that the open notebook's cells have put out."""
    return page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
            .filter(c => c.type === 'code').flatMap(c => c.outputs.toJSON())
            .map(o => [o.text || Object.values(o.data || {}).flat().join('')].flat().join(''))
            .join('\\n')"""
    )


@pytest.mark.parametrize("name", NAMES)
def test_run_all_says_that_nothing_was_attempted(lab, open_page, name):  # noqa: F811
    n = len(exercises(name.removeprefix("exercises-")[:2]))
    with open_page(1200, 1000, HARMLESS) as page:
        open_notebook(page, lab, name)
        restart(page)
        found = wait_until_run(page, 300)
        assert not found["errors"]
        assert f"0 of {n} attempted" in shown(page)
        assert look_at_every_part(page, name) == set(), "a widget here needs a test"
        assert violations(page, f"{CELL} .jp-RenderedMarkdown") == []
        assert violations(page, f"{CELL} .jp-OutputArea-output") == []
    shut_down_kernels(lab)


def test_an_exercise_is_solved_by_keyboard(folder, lab, open_page):  # noqa: F811
    """A hint unfolds, an answer is typed, and the check under it says what it found."""
    solution = nbformat.read(COURSE / "exercises" / "solutions" / EXERCISES[0].name, as_version=4)
    source = next(c.source for c in solution.cells if c.id == "ex-01-1-answer")
    with open_page(1200, 1000, HARMLESS) as page:
        open_notebook(page, lab, NAMES[0])
        restart(page, "kernelmenu:restart-and-clear")
        hint = page.locator("summary", has_text="Hint 1").first
        hint.focus()
        page.keyboard.press("Enter")
        text = page.locator(".jp-RenderedMarkdown p", has_text="Write the two examples on paper")
        expect(text.first).to_be_visible()
        cells = page.locator(CELL)
        answer = cells.filter(has_text="def phi3_prompt(record)").first
        for wanted, typed in (("failed", None), ("passed", source)):
            answer.locator(".cm-content").click()
            page.keyboard.press("Control+a")
            page.keyboard.insert_text(typed or "def phi3_prompt(record):\n    return ''\n")
            page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-above')")
            page.keyboard.press("Shift+Enter")
            page.wait_for_timeout(500)
            check = cells.filter(has_text='check("01.1")').first
            check.locator(".cm-content").click()
            page.keyboard.press("Control+Enter")
            expect(check.locator(".jp-OutputArea-output").first).to_contain_text(
                wanted, timeout=60_000
            )
            page.screenshot(path=SHOTS / f"exercise-{wanted}.png")
            assert violations(page, f"{CELL} .jp-OutputArea-output") == []
