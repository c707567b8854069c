"""Every check is proven: right answers pass, and each wrong one fails at its part, with its message.

The reference answers come from the solution notebooks, the others from tests/exercises. A lesson
whose files are not there yet has nothing to be tried; `test_there_are_enough…` counts what is.
"""

import random
from dataclasses import replace
from functools import cache
from time import perf_counter

import nbformat
import pytest
from nbclient import NotebookClient

from exercises import ROOT, answers_of, run_notebook
from helpers.checks import examine, exercises, find_exercise, same
from helpers.checks.exercise import DIFFICULTIES
from helpers.checks.registry import lessons_with_exercises
from helpers.classroom.build import cell_prefix

SOLUTIONS = sorted((ROOT / "exercises" / "solutions").glob("[0-9][0-9]_*.ipynb"))
STUDENT = [path.parents[1] / path.name for path in SOLUTIONS]
LESSONS = [f"{n:02}" for n in range(1, 10)]  # those that have exercises, once all are written
EXERCISES, WRONG = 24, 72  # at least so many of them, and of wrong answers, in all lessons
SEEDS = (0, 1, 2)

ALL = exercises()
IDS = [exercise.id for exercise in ALL]
WRONG_ANSWERS = [
    (exercise.id, name)
    for exercise in ALL
    if exercise.id in answers_of(exercise.lesson)
    for name in answers_of(exercise.lesson)[exercise.id].wrong
]


@cache
def ran(path):
    """A notebook's variables and what it printed; each is run once for all tests."""
    return run_notebook(path)


def solution_of(lesson):
    found = [path for path in SOLUTIONS if path.name.startswith(lesson)]
    assert len(found) == 1, f"lesson {lesson} needs one notebook in exercises/solutions: {found}"
    return found[0]


def reference(exercise):
    namespace, _ = ran(solution_of(exercise.lesson))
    return namespace[exercise.answer]


def answers(exercise):
    known = answers_of(exercise.lesson)
    assert exercise.id in known, f"tests/exercises/answers_{exercise.lesson}.py lacks {exercise.id}"
    return known[exercise.id]


def examined(exercise, wrong, seed=0):
    """The outcome; what is known to run for ever need not do so for all its seconds."""
    if wrong.verdict == "time-out":
        exercise = replace(exercise, seconds=0.3)
    return examine(exercise, wrong.answer, seed)


def reason(outcome):
    return [(r.part, r.verdict, r.message) for r in outcome.results if r.verdict != "passed"]


@pytest.fixture(params=ALL, ids=IDS)
def exercise(request):
    return request.param


def test_an_exercise_is_complete(exercise):
    assert exercise.difficulty in DIFFICULTIES
    assert 1 <= exercise.minutes <= 60
    assert exercise.answer.isidentifier()
    assert exercise.title
    assert exercise.teaches
    assert exercise.parts
    names = [part.name for part in exercise.parts]
    assert len(set(names)) == len(names)
    assert exercise.fallback or not exercise.fallback_name
    if exercise.fallback:  # True and None are the same object for everybody: not to be recognised
        assert exercise.fallback() is not None
        assert not isinstance(exercise.fallback(), bool)


def test_an_open_exercise_is_one_with_a_part_in_words(exercise):
    (path,) = [path for path in STUDENT if path.name.startswith(exercise.lesson)]
    ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]
    assert exercise.has_words == (f"{cell_prefix(exercise)}-words" in ids)


@pytest.mark.parametrize("lesson", lessons_with_exercises())
def test_exercises_are_numbered_in_order(lesson):
    ids = [exercise.id for exercise in exercises(lesson)]
    assert ids == [f"{lesson}.{n}" for n in range(1, len(ids) + 1)]
    assert 2 <= len(ids) <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_arguments_are_the_same_for_the_same_seed(exercise, seed):
    for part in exercise.parts:
        one, two = part.arguments(seed), part.arguments(seed)
        assert isinstance(one, tuple)
        assert same(one, two, 0.0), f"{part.name}: other arguments at each call"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_passes(exercise, seed):
    outcome = examine(exercise, reference(exercise), seed)
    assert outcome.verdict == "passed", reason(outcome)
    assert [r.part for r in outcome.results] == [part.name for part in exercise.parts]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_different_correct_answer_passes(exercise, seed):
    outcome = examine(exercise, answers(exercise).other, seed)
    assert outcome.verdict == "passed", reason(outcome)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_stands_in_for_an_answer_would_pass(exercise, seed):
    if exercise.fallback:
        outcome = examine(exercise, exercise.fallback(), seed)
        assert outcome.verdict == "passed", reason(outcome)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("id", "name"), WRONG_ANSWERS)
def test_a_wrong_answer_fails_at_its_part_with_its_message(id, name, seed):
    exercise = find_exercise(id)
    wrong = answers(exercise).wrong[name]
    outcome = examined(exercise, wrong, seed)
    assert outcome.verdict == wrong.verdict, reason(outcome)
    last = outcome.results[-1]
    assert last.part == wrong.part, last
    assert last.mistake == (wrong.mistake or ""), last
    assert wrong.says in last.message
    assert len(last.message) > 20


@pytest.mark.large
def test_students_with_numbers_of_their_own_get_the_same_verdicts(exercise):
    """COURSE_EXERCISE_SEED may be any name: no seed lets a wrong answer pass or a right one fail."""
    for seed in random.Random(exercise.id).sample(range(3, 10_000), 15):
        outcome = examine(exercise, answers(exercise).other, seed)
        assert outcome.verdict == "passed", (seed, reason(outcome))
        for name, wrong in answers(exercise).wrong.items():
            assert examined(exercise, wrong, seed).verdict == wrong.verdict, (seed, name)


def test_each_wrong_answer_has_a_message_of_its_own(exercise):
    wrong = answers(exercise).wrong
    assert len(wrong) >= 3, f"{exercise.id}: at least three typical wrong answers are needed"
    messages = {}
    for name, one in wrong.items():
        message = examined(exercise, one).results[-1].message
        assert message not in messages, f"{name!r} reads like {messages.get(message)!r}: {message}"
        messages[message] = name


def test_every_mistake_is_made_by_one_of_the_wrong_answers(exercise):
    """A mistake that nothing gives would be a message that nobody has seen."""
    known = {mistake.name for part in exercise.parts for mistake in part.mistakes}
    assert known == {wrong.mistake for wrong in answers(exercise).wrong.values()} - {None}


@pytest.fixture
def seed_zero(monkeypatch):
    monkeypatch.delenv("COURSE_EXERCISE_SEED", raising=False)


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_every_solution_passes(path, seed_zero):
    n = len(exercises(path.name[:2]))
    _, printed = ran(path)
    assert f"{n} of {n} attempted, {n} of {n} passed" in printed, printed


@pytest.mark.parametrize("path", STUDENT, ids=lambda path: path.stem)
def test_run_all_on_an_untouched_notebook_says_that_nothing_was_attempted(path, seed_zero):
    n = len(exercises(path.name[:2]))
    _, printed = ran(path)
    assert f"0 of {n} attempted, 0 of {n} passed" in printed, printed


@pytest.mark.large
@pytest.mark.parametrize("path", [*SOLUTIONS, *STUDENT], ids=lambda p: f"{p.parent.name} {p.stem}")
def test_in_a_kernel_of_its_own(path, monkeypatch, count):
    """The same with Jupyter's own machinery: no error, nothing on stderr, within its time."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    n, started = len(exercises(path.name[:2])), perf_counter()
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": path.parent}}).execute()
    count(f"{path.parent.name}/{path.stem}: {perf_counter() - started:.1f} s with its kernel")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    passed = n if path in SOLUTIONS else 0
    assert f"{passed} of {n} attempted, {passed} of {n} passed" in str(outputs)


def test_there_are_enough_exercises_and_wrong_answers(count):
    wrong = len(WRONG_ANSWERS)
    lessons = lessons_with_exercises()
    count(
        f"{len(ALL)} exercises in {len(lessons)} lessons, {wrong} wrong answers to them, all caught"
    )
    missing = sorted(set(LESSONS) - set(lessons))
    assert not missing, f"lessons {', '.join(missing)} have no exercises"
    assert len(ALL) >= EXERCISES
    assert wrong >= WRONG
