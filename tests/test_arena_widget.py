"""The arena's widget without a browser: nothing is shown before the vote is stored."""

import re

import pytest

pytest.importorskip("sqlalchemy", reason="the extra `arena` is not installed: make setup")

from helpers.errors import RunError
from helpers.evaluate.arena import Arena, Ballots
from helpers.widgets import ArenaVote

NAMES = ("secret-base", "secret-tuned")


def rows(answer, n=3):
    return [
        {
            "instruction": f"Say <{i}>.",
            "input": "",
            "output": "x",
            "model_response": f"{answer} {i}",
        }
        for i in range(n)
    ]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "votes.sqlite"


@pytest.fixture
def widget(file):
    return ArenaVote(Arena(dict(zip(NAMES, (rows("<b>one</b>"), rows("two")), strict=True)), file))


def told(widget):
    return re.sub("<[^>]+>", "", widget.status.value)


def test_it_shows_a_pair_without_names_and_escapes_what_models_wrote(widget):
    page = widget.request.value + widget.status.value
    assert not any(name in page for name in NAMES)
    assert "Say &lt;" in page
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    assert page.count("<section aria-label=") == 2
    assert "0 of 3 pairs done" in told(widget)


def test_every_button_says_what_it_does_and_its_key(widget):
    assert [b.description for b in widget.buttons.values()] == [
        "A is better (a)", "B is better (b)", "Tie (t)", "Skip (s)", "Undo (u)",
    ]  # fmt: skip
    for key, button in zip("abtsu", widget.buttons.values(), strict=True):
        assert f"course-key-{key}" in button._dom_classes


def test_a_click_stores_the_vote_and_then_tells_who_was_who(widget, file):
    shown = widget.arena.current
    widget.buttons["left"].click()
    assert [v.winner for v in Ballots(file).all()] == [shown.left]
    expected = f"Kept: A is better. A was {shown.left}, B was {shown.right}. 1 of 3 pairs done."
    assert told(widget) == expected
    assert 'aria-live="polite"' in widget.status.value
    assert not any(name in widget.request.value for name in NAMES)


def test_skip_undo_and_the_end(widget, file):
    for choice in ("skip", "undo", "tie", "right", "left"):
        widget.buttons[choice].click()
    assert "Every pair has your vote" in widget.request.value
    widget.buttons["left"].click()
    assert "every pair has been voted on" in told(widget)
    widget.buttons["undo"].click()
    assert "Taken back" in told(widget)
    assert "2 of 3 pairs done" in told(widget)
    widget.buttons["undo"].click()
    assert "there is no vote to take back" in told(widget)
    assert not any(button.disabled for button in widget.buttons.values())  # it would lose the focus
    kept = [(v.choice, v.withdrawn) for v in Ballots(file).all()]
    assert kept == [("skip", True), ("tie", False), ("right", False), ("left", True)]


def test_a_vote_that_cannot_be_stored_is_told_and_the_pair_stays(widget, monkeypatch):
    shown = widget.arena.current

    def fail(vote):
        raise RunError("the disk is <full>")

    monkeypatch.setattr(widget.arena.ballots, "add", fail)
    widget.buttons["left"].click()
    assert 'role="alert"' in widget.status.value
    assert "the disk is &lt;full&gt;" in widget.status.value
    assert widget.arena.current == shown
    assert "A was" not in widget.status.value


def test_a_reopened_notebook_goes_on(widget, file):
    widget.buttons["left"].click()
    waiting = widget.request.value
    answers = dict(zip(NAMES, (rows("<b>one</b>"), rows("two")), strict=True))
    assert ArenaVote(Arena(answers, file)).request.value == waiting


def test_on_vote_is_called_with_each_vote(file):
    seen = []
    answers = dict(zip(NAMES, (rows("one"), rows("two")), strict=True))
    ArenaVote(Arena(answers, file), on_vote=seen.append).buttons["tie"].click()
    assert [v.choice for v in seen] == ["tie"]
