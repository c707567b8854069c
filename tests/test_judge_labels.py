"""The labelled answers that judges are tested on: only whether the two files are sound.

No judge runs here. What the labels mean and how they came about: judge_labels/README.md.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "judge_labels"
HALVES = ("open", "sealed")
REQUIRED = {"instruction", "input", "output", "model_response", "label", "kind"}
OPTIONAL = {"references", "note"}
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


@pytest.mark.parametrize("half", HALVES)
def test_every_row_has_the_plain_keys_and_strings(half):
    for row in rows(half):
        assert REQUIRED <= set(row) <= REQUIRED | OPTIONAL, row
        assert all(isinstance(row[key], str) for key in REQUIRED - {"label"}), row
        assert row["instruction"].strip(), row
        assert row["output"].strip(), row
        assert all(isinstance(text, str) and text for text in row.get("references", [])), row


@pytest.mark.parametrize("half", HALVES)
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


@pytest.mark.parametrize("half", HALVES)
def test_every_task_has_two_to_four_answers_and_one_reference(half):
    assert set(tasks(half).values()) <= {2, 3, 4}
    references = {(row["instruction"], row["input"], row["output"]) for row in rows(half)}
    assert len(references) == len(tasks(half))


def test_no_answer_occurs_twice_and_the_halves_share_no_task():
    every = [row for half in HALVES for row in rows(half)]
    answers = Counter((row["instruction"], row["input"], row["model_response"]) for row in every)
    assert max(answers.values()) == 1, answers.most_common(1)
    assert not set(tasks("open")) & set(tasks("sealed"))


def test_the_halves_are_alike():
    def mean(half):
        labels = [row["label"] for row in rows(half)]
        return sum(labels) / len(labels)

    assert abs(mean("open") - mean("sealed")) < 5


@pytest.mark.parametrize("half", HALVES)
def test_most_labels_lie_near_an_end_of_the_scale_as_the_readme_says(half):
    ends = [row for row in rows(half) if row["label"] <= 25 or row["label"] >= 85]
    assert len(ends) > len(rows(half)) / 2


def test_the_readme_counts_what_the_files_hold():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    counts = {half: Counter(row["kind"] for row in rows(half)) for half in HALVES}
    for kind, (low, high) in RANGES.items():
        numbers = f"{counts['open'][kind]} | {counts['sealed'][kind]}"
        assert f"| {kind} | {numbers} | {low}–{high} |" in readme
    sizes = f"{len(rows('open'))} | {len(rows('sealed'))}"
    assert f"| answers | {sizes} | |" in readme
    assert f"| tasks | {len(tasks('open'))} | {len(tasks('sealed'))} | |" in readme
