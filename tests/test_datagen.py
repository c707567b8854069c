"""Checks of the course data: its file, its splits, its families, and the prose for pretraining."""

import itertools
import json
from collections import defaultdict

import pytest

from helpers.datagen import build
from helpers.datagen.families import FAMILIES, STYLES
from helpers.datagen.handwritten import BLOCKS, handwritten
from helpers.datagen.prose import prose

SPLITS = {"train": (0, 935), "test": (935, 1045), "validation": (1045, 1100)}


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """The rows of the committed file."""
    return json.loads(build.OUT.read_text(encoding="utf-8"))


def split_of(i: int) -> str:
    """The split to which the row at a position belongs."""
    return next(name for name, (start, stop) in SPLITS.items() if start <= i < stop)


def test_committed_file_is_what_the_script_makes(rows):
    """The file has 1,100 rows and is rebuilt exactly."""
    assert len(rows) == 1100
    assert build.build_course() == rows
    text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    assert build.OUT.read_text(encoding="utf-8") == text


def test_rows_have_the_same_keys_and_no_empty_text(rows):
    """Every row has five strings; only the input may be empty."""
    for row in rows:
        assert list(row) == ["instruction", "input", "output", "family", "style"]
        assert all(isinstance(value, str) and value == value.strip() for value in row.values())
        assert all([row["instruction"], row["output"], row["style"] in STYLES])
        assert not any(mark in "".join(row.values()) for mark in ("{", "}", "  "))


def test_make_up_of_the_rows(rows):
    """Inputs, families and handwritten rows are as many as the course says."""
    assert 0.27 <= sum(bool(row["input"]) for row in rows) / len(rows) <= 0.33
    assert len({row["family"] for row in rows}) >= 40
    assert len({row["family"] for row in rows[935:1045]}) >= 35
    assert sum(row["family"] in BLOCKS for row in rows) >= 150
    assert len(handwritten()) >= build.BY_HAND


def test_every_family_has_four_wordings_in_several_styles():
    """No family is worded in one way only."""
    for family in FAMILIES.values():
        styles = [wording[0] for wording in family.wordings]
        assert len(styles) >= 4
        assert len(set(styles)) >= 3
        assert set(styles) <= set(STYLES)


def test_no_task_and_no_answer_of_a_family_repeats(rows):
    """Instruction and input differ everywhere, and so do the answers within a family."""
    tasks = [build.task_key(row) for row in rows]
    answers = [(row["family"], build.norm(row["output"])) for row in rows]
    assert len(set(tasks)) == len(tasks)
    assert len(set(answers)) == len(answers)


def test_no_near_duplicates_across_splits(rows):
    """No two rows of different splits share nine tenths of their words."""
    sets = [build.tokens(row) for row in rows]
    index = defaultdict(list)
    for i, words in enumerate(sets):
        for word in words:
            index[word].append(i)
    for i, words in enumerate(sets):
        rare = sorted(words, key=lambda word: len(index[word]))[: len(words) // 5 + 1]
        others = {j for word in rare for j in index[word] if split_of(j) != split_of(i)}
        assert not [j for j in others if build.near(words, sets[j], 0.9)]


def test_generate_makes_many_new_rows(rows):
    """Ten thousand rows come without repeats, none of them from the course, always the same."""
    more = build.generate(10_000, 7, rows)
    tasks = {build.task_key(row) for row in more}
    assert len(more) == len(tasks) == 10_000
    assert not tasks & {build.task_key(row) for row in rows}
    assert more[:50] == build.generate(10_000, 7, rows)[:50]


def test_prose_is_repeatable_and_plain():
    """The same seed gives the same paragraphs, of a fair length, without any prompt format."""
    some = list(itertools.islice(prose(3), 3000))
    assert some == list(itertools.islice(prose(3), 3000))
    assert some[:20] != list(itertools.islice(prose(4), 20))
    assert all(15 <= len(text.split()) <= 120 for text in some)
    text = "\n".join(some)
    assert not any(word in text for word in ("###", "Instruction", "Response", "{", "}"))
