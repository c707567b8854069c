"""The labelled answers that judges are tested on: only whether the files are sound.

No judge runs here. What the labels mean and how they came about: judge_labels/README.md.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from helpers.data import load_records, split

FOLDER = Path(__file__).parent / "judge_labels"
HALVES = ("open", "sealed")
SECOND = ("second_open", "second_sealed")
SETS = (HALVES, SECOND)
FILES = (*HALVES, *SECOND, "training")
REQUIRED = {"instruction", "input", "output", "model_response", "label", "kind"}
OPTIONAL = {"references", "note", "origin"}
# Lowest and highest label of each kind, as the README gives them.
RANGES = {
    "good": (80, 100),
    "partly": (20, 85),
    "wrong": (0, 25),
    "evasive": (0, 5),
    "verbose": (35, 85),
}


def rows(half):
    text = (FOLDER / f"{half}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def tasks(half):
    return Counter((row["instruction"], row["input"]) for row in rows(half))


def middling(half):
    return [row for row in rows(half) if 25 < row["label"] < 85]


@pytest.mark.parametrize("half", FILES)
def test_every_row_has_the_plain_keys_and_strings(half):
    for row in rows(half):
        assert REQUIRED <= set(row) <= REQUIRED | OPTIONAL, row
        assert all(isinstance(row[key], str) for key in REQUIRED - {"label"}), row
        assert row["instruction"].strip(), row
        assert row["output"].strip(), row
        assert all(isinstance(text, str) and text for text in row.get("references", [])), row


@pytest.mark.parametrize("half", FILES)
def test_every_label_is_a_whole_number_within_the_range_of_its_kind(half):
    for row in rows(half):
        low, high = RANGES[row["kind"]]
        assert type(row["label"]) is int, row
        assert low <= row["label"] <= high, row


@pytest.mark.parametrize("half", HALVES)
def test_a_half_has_enough_answers_of_every_kind(half):
    assert len(rows(half)) >= 150
    kinds = Counter(row["kind"] for row in rows(half))
    assert min(kinds[kind] for kind in RANGES) >= 15, kinds


@pytest.mark.parametrize("half", SECOND)
def test_a_half_of_the_second_set_has_answers_of_every_kind_and_of_every_quality(half):
    assert len(rows(half)) >= 290
    assert set(RANGES) == {row["kind"] for row in rows(half)}
    assert len(middling(half)) >= 50


def test_the_second_set_has_at_least_150_tasks():
    assert sum(len(tasks(half)) for half in SECOND) >= 150


@pytest.mark.parametrize(
    ("half", "answers"),
    [(half, {2, 3, 4}) for half in HALVES] + [(half, {3, 4, 5}) for half in SECOND],
)
def test_every_task_has_its_number_of_answers_and_one_reference(half, answers):
    assert set(tasks(half).values()) <= answers
    references = {(row["instruction"], row["input"], row["output"]) for row in rows(half)}
    assert len(references) == len(tasks(half))


def test_no_answer_occurs_twice_and_no_two_files_share_a_task():
    every = [row for half in FILES for row in rows(half)]
    answers = Counter((row["instruction"], row["input"], row["model_response"]) for row in every)
    assert max(answers.values()) == 1, answers.most_common(1)
    # Written alike but for capitals and spaces is the same task.
    plain = [
        {" ".join(part.lower().split()) for part in ("\n".join(task) for task in tasks(half))}
        for half in FILES
    ]
    assert len(set().union(*plain)) == sum(len(part) for part in plain)


def bundled(name):
    return {(row["instruction"], row["input"]) for row in load_records(name)}


def test_the_second_set_asks_no_row_that_a_model_was_trained_or_is_tested_on():
    parts = split(load_records("course"))
    asked = {(row["instruction"], row["input"]) for row in parts.train + parts.test}
    for half in SECOND:
        assert not asked & set(tasks(half))


def by_a_model(half):
    known = bundled("course") | bundled("course-heldout") | bundled("course-newfamilies")
    return [row for row in rows(half) if (row["instruction"], row["input"]) in known]


@pytest.mark.parametrize("half", SECOND)
def test_about_half_of_the_second_set_answers_bundled_tasks(half):
    assert abs(len(by_a_model(half)) / len(rows(half)) - 0.5) < 0.1


def test_the_readme_counts_where_the_second_set_comes_from():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    real = " | ".join(str(len(by_a_model(half))) for half in SECOND)
    assert f"| answers by a bundled model | {real} | |" in readme
    between = " | ".join(str(len(middling(half))) for half in SECOND)
    assert f"| answers labelled 26 to 84 | {between} | |" in readme


@pytest.mark.parametrize("halves", SETS)
def test_the_halves_are_alike(halves):
    def mean(half):
        labels = [row["label"] for row in rows(half)]
        return sum(labels) / len(labels)

    one, other = halves
    assert abs(mean(one) - mean(other)) < 5


@pytest.mark.parametrize("half", HALVES)
def test_most_labels_lie_near_an_end_of_the_scale_as_the_readme_says(half):
    ends = [row for row in rows(half) if row["label"] <= 25 or row["label"] >= 85]
    assert len(ends) > len(rows(half)) / 2


@pytest.mark.parametrize("halves", SETS)
def test_the_readme_counts_what_the_files_hold(halves):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert " | ".join(f"{half}.jsonl" for half in halves) in readme
    counts = [Counter(row["kind"] for row in rows(half)) for half in halves]
    for kind, (low, high) in RANGES.items():
        numbers = " | ".join(str(count[kind]) for count in counts)
        assert f"| {kind} | {numbers} | {low}–{high} |" in readme
    sizes = " | ".join(str(len(rows(half))) for half in halves)
    assert f"| answers | {sizes} | |" in readme
    assert f"| tasks | {' | '.join(str(len(tasks(half))) for half in halves)} | |" in readme


def test_the_readme_counts_the_training_set():
    readme = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    by_model = [row for row in rows("training") if row.get("origin") == "model"]
    written = [row for row in rows("training") if "origin" not in row]
    sizes = {}
    for name, part in (("all", rows("training")), ("model", by_model), ("written", written)):
        sizes[name] = (len(part), len({(row["instruction"], row["input"]) for row in part}))
    assert "{:,} answers to {:,} tasks".format(*sizes["all"]) in readme
    assert (
        '{:,} answers by a bundled model** (`"origin": "model"`) to {} tasks'.format(
            *sizes["model"]
        )
        in readme
    )
    assert "{:,} answers written for it** to {} tasks".format(*sizes["written"]) in readme
