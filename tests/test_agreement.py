"""Agreement of two judges, on numbers that can be checked by hand or in a second way."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from helpers import cli
from helpers.errors import DataError, RunError
from helpers.evaluate.agreement import (
    agreement,
    by_family,
    calibration,
    pair,
    read_scores,
    retest,
    weighted_kappa,
)
from helpers.files import write_json, write_jsonl
from helpers.judge import Verdict
from helpers.judge.verdicts import item_hash

A = [0, 10, 20, 30, 50, 70, 90, 100]
B = [10, 0, 30, 20, 60, 60, 100, 90]


def verdicts(scores, judge="j", response="r"):
    return [
        Verdict(i, f"item {i}", judge, "unparsed" if s is None else "scored", s, "", response)
        for i, s in enumerate(scores)
    ]


# --- what belongs together ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, verdicts], ids=["numbers", "verdicts"])
def test_lists_of_different_length_are_refused_and_never_zipped(kind):
    with pytest.raises((DataError, RunError), match="different length|items differ"):
        pair(kind(A), kind(B[:-1]))
    with pytest.raises(DataError, match="8 against 7 scores: the lists are of different length"):
        pair(kind(A), B[:-1])
    with pytest.raises(DataError, match="8 against 2 scores and families"):
        pair(kind(A), kind(B), families=["x", "y"])


def test_verdicts_are_paired_by_item_and_not_by_place():
    pairs = pair(verdicts(A), verdicts(B)[::-1])
    assert pairs["b"].tolist() == B
    twice = [replace(v, item="the same") for v in verdicts([1, 2])]
    assert pair(twice, twice).to_numpy().tolist() == [[1, 1], [2, 2]]


def test_other_items_or_other_responses_are_refused():
    others = [replace(v, item=f"x{v.index}") for v in verdicts(A)]
    with pytest.raises(RunError, match="16 items differ: 8 are only in A"):
        pair(verdicts(A), others)
    changed = verdicts(B)[:5] + verdicts(B, response="s")[5:]
    with pytest.raises(RunError, match="3 of 8 items have another response in A than in B"):
        pair(verdicts(A), changed)
    pair(verdicts(A), verdicts(B, response=""))  # written before responses were noted: nobody knows


@pytest.mark.parametrize("score", [-1, 100.5, float("nan"), "80", True])
def test_what_is_no_score_is_refused(score):
    with pytest.raises(DataError, match=r"is no score from 0 to 100. Grades from 1 to 5 become"):
        pair([50, score], [50, 60])


# --- the numbers ----------------------------------------------------------------------------------


def test_agreement_on_eight_answers_by_hand():
    report = agreement(pair(A, B))
    assert (report["n"], report["left_out"]) == (8, 0)
    assert (report["mae"], report["bias"]) == (10, 0)
    a, b = np.array(A), np.array(B)
    r = ((a - a.mean()) * (b - b.mean())).sum() / (8 * a.std() * b.std())
    assert report["pearson"] == pytest.approx(r)
    half = 1.959964 / np.sqrt(5)  # Fisher: z ± 1.96 / √(n - 3)
    low, high = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
    assert report["pearson_ci95"] == pytest.approx([low, high], rel=1e-6)
    # Ranks 1 2 3 4 5 6 7 8 against 2 1 4 3 5.5 5.5 8 7: Σ d² = 6.5, and one tie (Kendall 1970)
    assert report["spearman"] == pytest.approx((42 + 41.5 - 6.5) / (2 * np.sqrt(42 * 41.5)))
    assert report["kendall"] == pytest.approx((24 - 3) / np.sqrt(28 * 27))  # 3 discordant, 1 tie
    assert report["words"].startswith(
        "Pearson's r = 0.96 (95 % interval 0.78 to 0.99), rank correlation 0.9"
    )
    assert report["words"].endswith("on 8 answers they are 10.0 points apart on average")


def test_a_judge_who_is_always_kinder_correlates_and_yet_disagrees():
    report = agreement(pair([0, 20, 40, 60, 80], [20, 40, 60, 80, 100]))
    assert [report[k] for k in ("pearson", "spearman", "kendall")] == pytest.approx([1, 1, 1])
    assert (report["bias"], report["mae"]) == (20, 20)
    assert report["kappa"] == pytest.approx(
        1 - 0.8 / (0.04 * (0 + 40 + 25 * 0) * 0 + 4.4), abs=0.02
    )
    assert "B 20.0 higher than A" in report["words"]


def test_quadratic_kappa_is_the_concordance_of_the_grades():
    """Another formula, without any table (Fleiss and Cohen 1973; Lin 1989)."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 101, 300)
    b = np.clip(a + rng.integers(-40, 60, 300), 0, 100)
    x, y = (np.minimum(s // 20, 4) for s in (a, b))
    apart = ((x - y) ** 2).mean()
    expected = 1 - apart / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert weighted_kappa(a, b) == pytest.approx(expected)
    assert weighted_kappa(a, a) == 1
    assert weighted_kappa([0, 100, 0, 100], [0, 0, 100, 100]) == pytest.approx(0)
    assert weighted_kappa([100, 99], [81, 80]) is None  # all in one grade: nothing to agree about


def test_unscored_answers_are_left_out_and_counted():
    report = agreement(pair([*A, None, 50], [*B, 50, None]))
    assert (report["n"], report["left_out"]) == (8, 2)
    assert report["pearson"] == agreement(pair(A, B))["pearson"]
    with pytest.raises(DataError, match="none of 2 answers has a score from both"):
        agreement(pair([None, 1], [1, None]))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([50], [60], "on 1 answer they are 10.0 points apart on average, B 10.0 higher than A; "),
        ([1, 2, 3], [1, 2, 3], "on 3 answers .* fewer than 4 tell nothing about a correlation"),
        ([0] * 5, A[:5], "A gives 0 to all, so no correlation is defined"),
        ([7] * 5, [9] * 5, "A gives 7 to all and B gives 9 to all, so no correlation"),
    ],
)
def test_few_or_constant_scores_are_said_in_words(a, b, words):
    report = agreement(pair(a, b))
    assert report["pearson"] is report["pearson_ci95"] is report["spearman"] is None
    assert re.search(words, report["words"])


def test_calibration_by_grade_of_a():
    table = calibration(pair([0, 10, 19, 20, 90, 100, 50, None], [10, 20, 30, 0, 80, 100, None, 5]))
    assert table[["from", "to", "n"]].to_numpy().tolist() == [
        [0, 20, 3],
        [20, 40, 1],
        [80, 100, 2],
    ]
    assert table["mean_b"].tolist() == [20, 0, 90]
    assert table["mean_a"].tolist() == pytest.approx([29 / 3, 20, 95])
    assert table["low"].iloc[0] == 0  # 20 ± 24.8, cut
    assert np.isnan(table["low"].iloc[1])


def test_per_family_the_widest_apart_first():
    pairs = pair(A, B, families=["x", "x", "x", "x", "y", "y", "z", "z"])
    table = by_family(pairs)
    assert table["family"].tolist() == ["x", "y", "z"]
    assert table["n"].tolist() == [4, 2, 2]
    assert table["mae"].tolist() == [10, 10, 10]
    assert table["pearson"].iloc[0] == pytest.approx(0.6)
    assert np.isnan(table["pearson"].iloc[1])
    far = by_family(pair([0, 0], [1, 50], families=["near", "far"]))
    assert far["family"].tolist() == ["far", "near"]
    with pytest.raises(DataError, match="the families are not known"):
        by_family(pair(A, B))


def test_a_judge_asked_twice():
    report = retest(verdicts([10, 20, 30, None]), verdicts([10, 20, 36, 5]))
    assert (report["judge"], report["n"], report["largest"]) == ("j", 3, 6)
    assert report["identical"] == pytest.approx(2 / 3)
    assert report["sd"] == pytest.approx(np.sqrt(12))  # 0, 0, 6 around 2
    assert report["words"] == (
        "asked twice, j gave the same score to 67% of 3; the differences have a standard deviation "
        "of 3.5 points, the largest is 6.0"
    )
    same = retest(verdicts(A), verdicts(A))
    assert (same["identical"], same["sd"]) == (1, 0)
    assert same["words"] == "asked twice, j gave the same score to 100% of 8"
    with pytest.raises(RunError, match="asks one judge twice, and these are j, k"):
        retest(verdicts(A), verdicts(A, judge="k"))


# --- files and the command line -------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.txt").write_text("\n".join(map(str, B)))
    rows = [
        {"instruction": f"{i}", "output": "o", "model_response": "r", "family": "xy"[i % 2]}
        for i in range(8)
    ]
    write_json("responses.json", rows)
    again = [*A[:-1], 96]
    judged = {"a": (A, "reference"), "b": (B, "ollama:llama3"), "again": (again, "reference")}
    for name, (scores, judge) in judged.items():
        found = [replace(v, item=item_hash(rows[v.index])) for v in verdicts(scores, judge)]
        write_jsonl(f"{name}.jsonl", [asdict(v) for v in found])
    return tmp_path


def told(line, capsys):
    status = cli.main(line.split())
    return (status, *capsys.readouterr())


def test_scores_can_be_verdicts_a_list_or_lines(place):
    assert [v.score for v in read_scores("a.jsonl")] == A
    assert read_scores("people.txt") == B
    (place / "list.json").write_text("[1, null, 2.5]")
    assert read_scores("list.json") == [1, None, 2.5]
    (place / "lines.csv").write_text("\ufeff3\n-\n4.5\n")
    assert read_scores("lines.csv") == [3, None, 4.5]


def test_course_agree(place, capsys):
    line = "agree a.jsonl b.jsonl --responses responses.json --html page.html"
    status, out, err = told(f"{line} --json", capsys)
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report == json.loads(out, parse_constant=pytest.fail)  # NaN is no JSON
    assert report["pearson"] == pytest.approx(agreement(pair(A, B))["pearson"])
    assert report["retest"] is None
    assert {row["family"]: row["n"] for row in report["families"]} == {"x": 4, "y": 4}
    assert report["calibration"][0]["n"] == 2
    page = (place / "page.html").read_text(encoding="utf-8")
    assert page.count("<img alt=") == page.count("<table") == 2
    status, out, _ = told(line, capsys)
    assert out.startswith("A  a.jsonl\nB  b.jsonl\nPearson's r = 0.96")
    assert "Per family, the widest apart first" in out


def test_course_agree_notices_one_judge_asked_twice(place, capsys):
    _, out, _ = told("agree a.jsonl again.jsonl", capsys)
    assert "Asked twice, reference gave the same score to 88% of 8; the differ" in out
    report = json.loads(told("agree a.jsonl again.jsonl --json", capsys)[1])
    assert (report["retest"]["identical"], report["retest"]["largest"]) == (0.875, 4)
    assert json.loads(told("agree a.jsonl people.txt --json", capsys)[1])["retest"] is None


def test_families_of_other_rows_are_refused(place, capsys):
    rows = json.loads((place / "responses.json").read_text())
    write_json("others.json", rows[::-1])
    status, _, err = told("agree a.jsonl b.jsonl --responses others.json", capsys)
    assert status == 2
    assert "others.json is about other items than A. Name the file that was judged." in err


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "a.jsonl is given twice, .*--out again.jsonl"),
        ({"x": "1\n2\n"}, "8 against 2 scores: the lists are of different length"),
        ({"x": "1\ngood\n"}, "x, line 2: 'good' is no number. Give a verdicts.jsonl .*or a file"),
        ({"x": "1\n101\n"}, "x, line 2: 101.0 is no score from 0 to 100"),
        ({"x": "[1, NaN]"}, "x: nan is no score from 0 to 100"),
        ({"x": "[1, 2"}, r"x cannot be read as JSON \(.*\). Give a verdicts.jsonl"),
        ({"x": b"\xff\xfe\x00"}, "x is no text. Give a verdicts.jsonl"),
        ({"x": "- \n" * 8}, "none of 8 answers has a score from both. Score them"),
        ({"x": '{"a": 1}\n'}, "x, line 1: not a verdict"),
        ({"x": None}, "x: No such file"),
    ],
)
def test_course_agree_says_what_to_mend(place, capsys, files, message):
    for name, content in files.items():
        if content is not None:
            (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    status, out, err = told(f"agree a.jsonl {next(iter(files), 'a.jsonl')}", capsys)
    assert (status, out) == (2, "")
    assert re.fullmatch(f"course: .*{message}.*\\n", err)
