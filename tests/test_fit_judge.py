"""Fitting the reference judge: the boosting, the parts of cross-validation, the report on sealed answers."""

import json

import numpy as np
import pytest

from benchmarks import fit_judge, reference_judge
from helpers.errors import DataError
from helpers.judge import ReferenceJudge
from helpers.judge.trees import Trees, judge_trees

ROW = {"instruction": "What is the capital of Peru?", "input": "", "output": "Lima", "kind": "good"}


def test_trees_say_what_each_feature_adds_and_the_parts_sum_to_the_score():
    stump = [[0.0, 0, 0.5, 1, 2], [-10.0], [20.0, 1, 3.0, 3, 4], [15.0], [30.0]]
    trees = Trees(["content", "length"], 50.0, [stump, [[1.0]]])
    assert trees.parts({"content": 0.5, "length": 9}) == {"content": -10}
    assert trees.parts({"content": 0.6, "length": 9}) == {"content": 20, "length": 10}
    assert trees.score({"content": 0.6, "length": 9}) == (
        80.0,
        "content 0.60 (+20), length 9.00 (+10)",
    )


def test_boosting_finds_a_step_and_an_interaction():
    rng = np.random.default_rng(0)
    x = rng.random((401, 3))
    y = 100.0 * ((x[:, 0] > 0.5) ^ (x[:, 1] > 0.3))
    start, trees = fit_judge.fit_trees(x[:300], y[:300], np.ones(300), trees=80)
    error = np.abs(fit_judge.predict(start, trees, x[300:]) - y[300:]).mean()
    assert error < 15
    again = fit_judge.fit_trees(x[:300], y[:300], np.ones(300), trees=80)
    assert again == (start, trees)


def test_an_answer_without_weight_has_no_say():
    x, y = np.array([[0.0], [0.0], [1.0]] * 20), np.array([0.0, 100.0, 50.0] * 20)
    w = np.array([1.0, 0.0, 1.0] * 20)
    start, trees = fit_judge.fit_trees(x, y, w, trees=200)
    low, high = fit_judge.predict(start, trees, np.array([[0.0], [1.0]]))
    assert (round(low), round(high)) == (0, 50)


def test_all_answers_to_a_task_are_in_one_part():
    rows = [ROW | {"instruction": f"Task {i // 3}"} for i in range(60)]
    part = fit_judge.parts_of(rows)
    assert all(len(set(part[i : i + 3])) == 1 for i in range(0, 60, 3))
    assert len(set(part)) == fit_judge.PARTS


def test_the_committed_trees_know_the_features_that_are_measured():
    _, names = fit_judge.table([ROW | {"model_response": "The capital is Lima."}])
    assert judge_trees().features == names


@pytest.fixture
def folder(tmp_path):
    rows = []
    for i in range(12):
        task = ROW | {"instruction": f"What is the capital of country {i}?", "output": f"Town{i}"}
        rows.append(task | {"model_response": f"Town{i}", "label": 98})
        rows.append(task | {"model_response": f"Town{i + 1}", "label": 2, "kind": "wrong"})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "second_sealed.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_sealed_prints_and_writes_the_agreement_with_intervals(folder, capsys):
    result = folder / "result.md"
    reference_judge.main(["--sealed"], folder=folder, result=result)
    printed = capsys.readouterr().out
    assert printed.strip() in result.read_text(encoding="utf-8")
    assert "## second_sealed.jsonl: 24 answers to 12 tasks" in printed
    assert "| Spearman | 1.000 | 1.000 to 1.000 |" in printed or "| Spearman | 0.9" in printed
    assert "| Pearson | 0.9" in printed or "| Pearson | 1.0" in printed
    assert "| wrong | 12 | 2.0 |" in printed


def test_the_interval_draws_tasks_and_not_answers():
    """Two answers to one task that agree by chance count once."""
    rows = [ROW | {"instruction": f"{i // 4}", "label": 25 * (i % 4)} for i in range(40)]
    given = np.array([row["label"] for row in rows], float)
    given[20:] = given[20:][::-1]
    low, high = reference_judge.intervals(rows, given, draws=300)["Spearman"]
    assert low < -0.3
    assert high > 0.3


def test_a_missing_label_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"second_sealed\.jsonl is not in"):
        reference_judge.main(["--sealed"], folder=tmp_path, result=tmp_path / "r.md")


def test_the_judge_is_quick():
    """Nothing in it grows with more than the square of an answer's length."""
    judge = ReferenceJudge()
    score, _ = judge.score(ROW | {"model_response": "Lima is a city. " * 400})
    assert 0 <= score <= 100
