"""What a check says about an answer, what it leaves in the notebook, and that it never raises."""

import random
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.checks import Exercise, Mistake, Part, examine, notebook
from helpers.checks.examination import can_stop
from helpers.checks.exercise import same
from helpers.checks.notebook import seed_number, shown
from helpers.errors import SettingsError


def course_double(x):
    return 2 * x


DOUBLE = Exercise(
    id="98.1",
    title="Twice",
    teaches="to double",
    difficulty="easy",
    minutes=1,
    answer="double",
    fallback=lambda: course_double,
    fallback_name="helpers.example.double",
    seconds=0.3,
    parts=(
        Part(
            "whole numbers",
            arguments=lambda seed: (3 + seed,),
            expected=lambda x: 2 * x,
            says="Look at 3.",
            mistakes=(Mistake("squares", lambda x: x * x, "You squared it: add it to itself."),),
        ),
        Part(
            "halves",
            arguments=lambda seed: (1.5,),
            expected=lambda x: 2 * x,
            says="Look at 1.5.",
        ),
        Part(
            "below nought",
            arguments=lambda seed: (-7,),
            expected=lambda x: 2 * x,
            says="Look at -7.",
        ),
    ),
)
OTHER = Exercise(
    id="98.2",
    title="A number",
    teaches="values",
    difficulty="open",
    minutes=1,
    answer="best",
    fallback=lambda: 7,
    parts=(Part("seven", lambda seed: (), lambda: 7, "It is between 6 and 8."),),
)


@pytest.fixture(autouse=True)
def lesson_98(monkeypatch):
    known = {"98.1": DOUBLE, "98.2": OTHER}

    def find(id):
        if id not in known:
            raise SettingsError(f"there is no exercise {id!r}.")
        return known[id]

    monkeypatch.setattr(notebook, "find_exercise", find)
    monkeypatch.setattr(notebook, "exercises", lambda lesson: (DOUBLE, OTHER))
    monkeypatch.delenv("COURSE_EXERCISE_SEED", raising=False)


class Notebook:
    """Cells that share their variables, and what they print."""

    def __init__(self, capsys):
        self.capsys, self.variables = capsys, {"__name__": "__main__"}
        self.run("from helpers.checks import check, expected, progress, require")

    def run(self, source):
        exec(compile(source, "<cell>", "exec"), self.variables)
        out, err = self.capsys.readouterr()
        assert err == ""
        return out


@pytest.fixture
def book(capsys):
    return Notebook(capsys)


def results(answer):
    return [(r.verdict, r.message) for r in examine(DOUBLE, answer).results]


# --- verdicts ------------------------------------------------------------------------------------


def test_a_right_answer_passes_every_part_in_order():
    outcome = examine(DOUBLE, lambda x: x + x)
    assert outcome.verdict == "passed"
    assert [r.part for r in outcome.results] == ["whole numbers", "halves", "below nought"]


def test_the_first_part_that_fails_ends_the_asking():
    assert results(lambda x: 2 * int(x)) == [("passed", ""), ("failed", "Look at 1.5.")]


def test_a_mistake_that_many_make_is_named():
    (result,) = examine(DOUBLE, lambda x: x * x).results
    assert (result.mistake, result.message) == ("squares", "You squared it: add it to itself.")


def test_an_exception_is_an_error_with_its_line(book):
    book.run("def double(x):\n    return x + 'x'")
    printed = book.run("check('98.1')")
    assert "Exercise 98.1 · Twice: error" in printed
    assert "Your code raised TypeError: unsupported operand" in printed


def test_an_answer_that_leaves_python_does_not_take_the_notebook_along():
    assert results(lambda x: sys.exit(3))[0][0] == "error"


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="no signals here")
def test_a_loop_without_end_is_a_time_out_even_when_it_catches_exceptions():
    def for_ever(x):
        while True:
            try:
                time.sleep(1)
            except Exception:
                continue

    ((verdict, message),) = results(for_ever)
    assert verdict == "time-out"
    assert "No answer within 0.3 seconds" in message


def test_where_nothing_can_be_stopped_a_slow_answer_is_still_a_time_out():
    """Not the main thread, or Windows: it is measured, and the student is told."""
    found = []

    def slow(x):
        time.sleep(0.35)
        return 2 * x

    def in_a_thread():
        found.extend([can_stop(), examine(DOUBLE, slow).verdict])
        found.append(notebook.verdict_text(DOUBLE, examine(DOUBLE, lambda x: 2 * x)))

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert found[:2] == [False, "time-out"]
    assert "interrupt the kernel" in found[2]
    if can_stop():
        assert "interrupt the kernel" not in notebook.verdict_text(DOUBLE, examine(DOUBLE, abs))


def stub(x):
    raise NotImplementedError()


def test_an_untouched_stub_is_not_attempted():
    outcome = examine(DOUBLE, stub)
    assert (outcome.verdict, outcome.attempted) == ("not attempted", False)


def test_an_answer_that_is_begun_has_been_attempted():
    assert results(lambda x: 2 * x if isinstance(x, int) else stub(x))[1][0] == "failed"


def test_arguments_that_an_answer_changes_are_its_own():
    from dataclasses import replace

    table = [1, 2]
    part = replace(DOUBLE.parts[0], arguments=lambda seed: (table,), expected=lambda t: 2)
    assert examine(replace(DOUBLE, parts=(part, part)), lambda t: t.pop()).verdict == "passed"
    assert table == [1, 2]


def test_a_check_draws_the_same_numbers_each_time_and_changes_nothing_outside():
    from dataclasses import replace

    drawn = []

    def draws(x):
        drawn.append((random.random(), np.random.rand(), float(torch.rand(()))))
        return 2 * x

    torch.manual_seed(5)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    for _ in range(2):
        examine(replace(DOUBLE, parts=DOUBLE.parts[:1]), draws)
    assert drawn[0] == drawn[1]
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())


# --- what the notebook shows and keeps -----------------------------------------------------------


def test_what_is_printed_needs_no_signs_to_be_understood(book):
    book.run("def double(x):\n    return 2 * int(x)")
    printed = book.run("check('98.1')")
    assert printed.splitlines() == [
        "Exercise 98.1 · Twice: failed",
        "  1. ✓ passed: whole numbers",
        "  2. ✗ failed: halves",
        "     Look at 1.5.",
        "     What came back: 2",
        "  3. not reached: below nought",
        "Until yours passes, `double` is helpers.example.double in the cells below.",
    ]


def test_later_cells_go_on_and_a_second_check_does_not_take_that_for_the_answer(book):
    assert "not attempted" in book.run("check('98.1')")
    assert book.variables["double"](4) == 8
    assert "not attempted" in book.run("check('98.1')")
    book.run("def double(x):\n    return x * x")
    for _ in range(2):
        assert "You squared it" in book.run("check('98.1')")
        assert book.variables["double"] is course_double
    book.run("def double(x):\n    return x + x")
    assert "passed" in book.run("check('98.1')")
    assert book.variables["double"] is not course_double


def test_who_passes_an_open_exercise_is_reminded_of_the_part_in_words(book):
    words = "The part in words is read by a person, not by this check: is it written?"
    assert book.run("best = 7\ncheck('98.2')").splitlines()[-1] == words
    assert words not in book.run("best = 8\ncheck('98.2')")
    assert words not in book.run("double = lambda x: x + x\ncheck('98.1')")


def test_an_answer_that_was_mended_elsewhere_comes_back(book):
    book.run("factor = 3\ndef double(x):\n    return factor * x")
    assert "failed" in book.run("check('98.1')")
    assert "✗" not in book.run("factor = 2\ncheck('98.1')")
    assert book.variables["double"] is not course_double


def test_a_value_may_be_the_answer_and_equal_the_one_put_in(book):
    """Python keeps one 7 for everybody: the student's must still be told from ours."""
    assert "not attempted" in book.run("best = None\ncheck('98.2')")
    assert book.variables["best"] + 1 == 8
    assert "not attempted" in book.run("check('98.2')")
    assert "98.2 · A number: passed" in book.run("best = 7\ncheck('98.2')")


def test_the_courses_own_function_is_no_answer(book):
    printed = book.run("from helpers.formatting import has_input as double\ncheck('98.1')")
    assert "not attempted" in printed
    assert "write one of your own" in printed


def test_an_unknown_exercise_is_named(book):
    assert book.run("check('98.7')") == "there is no exercise '98.7'.\n"
    assert book.run("expected('98.7')") == "there is no exercise '98.7'.\n"


def test_what_an_answer_writes_to_stderr_is_shown_on_stdout(book):
    """nbgrader gives no points to a cell that writes to stderr, however right the answer is."""
    book.run("import sys\ndef double(x):\n    print('hm', file=sys.stderr)\n    return 2 * x")
    printed = book.run("check('98.1')")
    assert printed.startswith("hm\nhm\nhm\nExercise 98.1 · Twice: passed")


def test_progress_counts_the_whole_lesson(book):
    assert "No check has run yet" in book.run("progress()")
    book.run("check('98.1')")
    assert "Lesson 98: 0 of 2 attempted, 0 of 2 passed." in book.run("progress()")
    book.run("double = abs\ncheck('98.1')\nbest = 7\ncheck('98.2')")
    assert book.run("progress()").splitlines() == [
        "Lesson 98: 2 of 2 attempted, 1 of 2 passed.",
        "  ✗ failed: 98.1 Twice",
        "  ✓ passed: 98.2 A number",
    ]


def test_what_is_expected_is_shown_on_demand(book):
    assert book.run("expected('98.1')").splitlines()[:3] == [
        "1. whole numbers",
        "   given     3",
        "   expected  6",
    ]


def test_require_raises_unless_the_students_own_answer_passes(book):
    """What nbgrader's hidden tests call, after the check has put our function in its place."""
    book.run("def double(x):\n    return 6\ncheck('98.1')")
    with pytest.raises(AssertionError, match=r"98\.1: failed"):
        book.run("require('98.1', seed=1)")
    book.run("def double(x):\n    return 2 * x\nrequire('98.1', seed=1)")
    book.run("del double")
    with pytest.raises(AssertionError, match=r"98\.1: not attempted"):
        book.run("require('98.1')")


# --- seeds, and values in a line -----------------------------------------------------------------


def test_a_student_may_have_numbers_of_their_own(book, monkeypatch):
    monkeypatch.setenv("COURSE_EXERCISE_SEED", "39")
    assert "given     42" in book.run("expected('98.1')")
    assert "given     4\n" in book.run("expected('98.1', seed=1)")
    monkeypatch.setenv("COURSE_EXERCISE_SEED", "maria")
    assert seed_number() == seed_number("maria") == 4279
    assert seed_number() != seed_number("mario")
    assert seed_number("") == 0


def test_values_are_shown_short():
    assert shown(torch.tensor([[1, 2], [3, 4]])) == "[[1, 2], [3, 4]]"
    assert shown(np.float64(0.5)) == "0.5"
    assert shown(torch.zeros(3, 50)) == "Tensor of shape (3, 50)"
    assert shown("a\nb") == r"'a\nb'"
    assert shown(1 / 3) == "0.333333"
    assert shown("x" * 1000).endswith("… (1,002 characters)")


class Everything:
    """Equals whatever it is compared with."""

    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (1, 1.0, True),
        ([1, 2], torch.tensor([1.0, 2.0]), True),
        ((1, [2.0]), [1, (2,)], True),
        (1 + 1e-6, 1, True),
        (float("nan"), float("nan"), True),
        (True, 1, False),
        ([True, False], [1, 0], False),
        (torch.tensor([True]), torch.tensor([1]), False),
        ([1, 2], [[1, 2]], False),
        (1.1, 1, False),
        (float("nan"), 0.0, False),
        ("1", 1, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        (None, "", False),
        (Everything(), "a", False),
        (Everything(), None, False),
        ([Everything()], ["a"], False),
    ],
)
def test_what_is_the_same(got, expected, equal):
    assert same(got, expected) == equal


def test_the_seconds_of_an_exercise_are_for_all_parts_together():
    part = Part("slow", arguments=lambda seed: (), expected=lambda: 1, says="")
    exercise = replace(DOUBLE, seconds=0.2, parts=(part,) * 4)
    slow = examine(exercise, lambda: time.sleep(0.12) or 1)
    assert slow.verdict == "time-out"
    assert len(slow.results) < 4
