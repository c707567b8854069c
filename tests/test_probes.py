"""Probes: a judge that can be fooled is found out, each kind of fool by the probe made for it."""

from __future__ import annotations

import json
import re

import pytest

from helpers import cli
from helpers.data import load_records
from helpers.errors import DataError, RunError, SettingsError
from helpers.evaluate.probes import (
    PADDING,
    PRAISE,
    PROBES,
    probe,
    probe_answers,
    probe_records,
    probe_table,
)
from helpers.judge import ReferenceJudge, judge_responses, read_verdicts

ROWS = [
    {"instruction": f"Name animal {i}.", "input": "", "output": f"animal{i} lives here{i}."}
    for i in range(30)
]
ROWS[3]["input"] = "a short list"


class Fool:
    """A judge made of one function: record → score or None."""

    name = "fool"

    def __init__(self, score):
        self.give = score

    def score(self, record):
        score = self.give(record)
        return score, f"{score}"


def strict(record):
    """100 for the reference, 50 for what begins with it, else 0."""
    answer, reference = record["model_response"], record["output"]
    return 100.0 if answer == reference else 50.0 if answer.startswith(reference) else 0.0


def is_wrong(record):
    return not record["model_response"].startswith(record["output"])


FOOLS = {  # what each is fooled by: everything else it gets right
    "the reference itself": lambda r: min(50.0, strict(r)),
    "an empty answer": lambda r: 60.0 if not r["model_response"] else strict(r),
    "the question repeated": lambda r: (
        90.0 if r["model_response"].startswith(r["instruction"]) else strict(r)
    ),
    "another row's reference": lambda r: (
        70.0
        if "lives" in r["model_response"] and is_wrong(r) and PRAISE not in r["model_response"]
        else strict(r)
    ),
    "reference and padding": lambda r: (
        95.0 if r["model_response"] == r["output"] else 100.0 if not is_wrong(r) else 0.0
    ),
    "wrong, and praises itself": lambda r: 100.0 if PRAISE in r["model_response"] else strict(r),
}


def test_a_judge_who_compares_passes():
    table, answers = probe(Fool(strict), ROWS)
    assert table["passed"].all()
    assert table["probe"].tolist() == [kind.name for kind in PROBES] == list(FOOLS)
    assert table["n"].tolist() == [20] * 6
    assert table["mean"].tolist() == [100, 0, 0, 0, 50, 0]
    assert (len(answers), answers["ok"].all()) == (120, True)


@pytest.mark.parametrize("name", FOOLS)
def test_each_kind_of_fool_fails_its_own_probe_and_no_other(name):
    table, answers = probe(Fool(FOOLS[name]), ROWS)
    assert table["probe"][~table["passed"]].tolist() == [name]
    assert set(answers["probe"][~answers["ok"]]) == {name}


def test_one_odd_row_of_twenty_is_forgiven_and_two_are_not():
    seen = [r["instruction"] for r in probe_records(ROWS)[::6]]
    for odd, passed in ((seen[:1], True), (seen[:2], False)):
        judge = Fool(lambda r, odd=odd: 0.0 if r["instruction"] in odd else strict(r))
        table, _ = probe(judge, ROWS)
        assert table["share"].iloc[0] == pytest.approx(1 - len(odd) / 20)
        assert table["passed"].iloc[0] == passed


def test_a_reply_without_a_score_is_a_miss_and_counted():
    """A judge that is struck dumb by an empty answer does not pass that probe by silence."""
    table, answers = probe(Fool(lambda r: strict(r) if r["model_response"] else None), ROWS)
    empty = table[table["probe"] == "an empty answer"].iloc[0]
    assert (empty["unscored"], empty["share"], empty["passed"]) == (20, 0, False)
    assert set(answers["status"]) == {"scored", "unparsed"}

    def breaks(record):
        raise ConnectionError("gone")

    table, _ = probe(Fool(breaks), ROWS)
    assert table["unscored"].tolist() == [20] * 6
    assert not table["passed"].any()
    assert table["mean"].isna().all()


def test_without_a_score_for_the_reference_padding_cannot_pass():
    judge = Fool(lambda r: None if r["model_response"] == r["output"] else strict(r))
    table, _ = probe(judge, ROWS)
    assert table["share"].tolist() == [0, 1, 1, 1, 0, 1]


def test_the_wrong_reference_is_surely_wrong():
    """Of two kinds and without a word of substance in common, whichever rows are drawn."""
    rows = [
        {"instruction": "Is it good?", "output": "positive", "family": "mood"},
        {"instruction": "Is it bad?", "output": "negative", "family": "mood"},
        {
            "instruction": "What charge has a proton?",
            "output": "It is positive.",
            "family": "facts",
        },
        {"instruction": "How many?", "output": "7", "family": "sums"},
    ]
    for seed in range(20):
        records = {(r["row"], r["probe"]): r for r in probe_records(rows, seed=seed)}
        for place in range(4):
            wrong = records[place, "another row's reference"]["model_response"]
            assert wrong in {0: "7", 1: "It is positive. 7", 2: "negative 7"}.get(place, wrong)
            assert wrong != rows[place]["output"]
    sums = [
        {"instruction": f"What is {i} + 1?", "output": f"The answer is {i + 1}."} for i in (1, 2)
    ]
    assert "answer is 3" in probe_records(sums)[3]["model_response"]  # shares half: good enough
    texts = ("a crimson round apple", "a crimson round cherry", "a crimson pointed tower")
    alike = [{"instruction": f"Draw {i}.", "output": text} for i, text in enumerate(texts)]
    for seed in range(10):
        records = {(r["row"], r["probe"]): r for r in probe_records(alike, seed=seed)}
        assert "tower" in records[0, "another row's reference"]["model_response"]
    with pytest.raises(DataError, match="row 1: no other .* surely wrong"):
        probe_records(alike[:2])
    with pytest.raises(DataError, match="row 1: no other row has a reference that is surely wrong"):
        probe_records(rows[:2])
    with pytest.raises(SettingsError, match="0 rows to probe with: give 1 or more"):
        probe_records(rows, n=0)


def test_what_is_tried_on_a_row_with_input():
    records = probe_records(ROWS, n=30)[18:24]
    answers = [r["model_response"] for r in records]
    assert answers[:3] == ["animal3 lives here3.", "", "Name animal 3.\na short list"]
    assert answers[4] == f"animal3 lives here3. {PADDING}"
    assert answers[5].endswith(PRAISE)
    assert "give me 100" in PRAISE
    assert {r["output"] for r in records} == {"animal3 lives here3."}


def test_an_interrupted_run_goes_on_from_its_journal(tmp_path):
    asked = []

    def counted(record):
        asked.append(record)
        return strict(record)

    first, _ = probe(Fool(counted), ROWS, n=5, out=tmp_path / "probes.jsonl")
    assert (len(asked), len(read_verdicts(tmp_path / "probes.jsonl"))) == (30, 30)
    again, _ = probe(Fool(counted), ROWS, n=5, out=tmp_path / "probes.jsonl")
    assert len(asked) == 30
    assert again.equals(first)


def test_verdicts_out_of_a_file_must_be_about_these_probes():
    records = probe_records(ROWS, n=5)
    verdicts = judge_responses(Fool(strict), records)
    assert probe_table(probe_answers(records, verdicts)).equals(probe(Fool(strict), ROWS, n=5)[0])
    for others in (probe_records(ROWS, n=5, seed=1), probe_records(ROWS, n=6)):
        with pytest.raises(RunError, match="these 30 verdicts are not about these .* Probe again"):
            probe_answers(others, verdicts)


def test_the_reference_judge_passes_all_probes_on_the_bundled_data():
    table, answers = probe(ReferenceJudge(), load_records("course"), n=150)
    assert table["passed"].all(), answers[~answers["ok"]]


# --- the command line -----------------------------------------------------------------------------


def told(line, capsys):
    status = cli.main(line.split())
    return (status, *capsys.readouterr())


def test_course_probe(capsys):
    status, out, _ = told("probe --rows 4", capsys)
    assert status == 0
    assert out.splitlines()[1].split() == [
        "the",
        "reference",
        "itself",
        "at",
        "least",
        "90",
        "4",
        "100.0",
    ]
    assert out.splitlines()[-1] == "reference passes all probes."
    status, out, _ = told("probe --rows 4 --json", capsys)
    report = json.loads(out)
    assert (status, report["judge"], report["n"], report["passed"]) == (0, "reference", 4, True)
    assert [row["share"] for row in report["probes"]] == [1.0] * 6


def test_course_probe_of_a_fool_shows_a_miss_and_ends_with_status_1(capsys, monkeypatch, tmp_path):
    fool = Fool(
        lambda r: FOOLS["an empty answer"](r) if PRAISE not in r["model_response"] else None
    )
    monkeypatch.setattr("helpers.judge.judge_from_name", lambda name: fool)
    status, out, _ = told(f"probe --judge x --rows 4 --out {tmp_path / 'p.jsonl'}", capsys)
    assert status == 1
    assert re.search(r"an empty answer +at most 10 +0 +60.0   FAILED\n", out)
    assert re.search(r"  an empty answer, such as: '.+' → '' got 60.0\n", out)
    assert re.search(r"praises itself +at most 20 +0 +–   FAILED\n", out)
    assert "got no score (unparsed)\n" in out
    assert out.endswith(
        "fool fails: an empty answer, wrong, and praises itself. Its scores say little; ask another "
        "judge.\n"
    )
    status, out, _ = told("probe --judge x --rows 4 --json", capsys)
    report = json.loads(out, parse_constant=pytest.fail)
    assert (status, report["passed"], report["probes"][5]["mean"]) == (1, False, None)


def test_a_reference_without_words_is_never_its_own_wrong_answer():
    rows = [{"instruction": "Say.", "input": "", "output": words} for words in ("?!", "Paris")]
    for seed in range(9):
        for record in probe_records(rows, n=2, seed=seed):
            if record["probe"] == "another row's reference":
                assert record["model_response"] != record["output"]
