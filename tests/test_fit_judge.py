"""Fitting the reference judge: the network, the parts of cross-validation, the report on sealed answers."""

import json

import numpy as np
import pytest

from benchmarks import fit_judge, reference_judge
from helpers.errors import DataError
from helpers.judge import ReferenceJudge
from helpers.judge.kernel import LIMIT, Kernel, judge_kernel, likeness

ROW = {"instruction": "What is the capital of Peru?", "input": "", "output": "Lima", "kind": "good"}


def toy(**changes):
    """One known answer at 0, 0 in two features, worth 40 points more than any that is far from it."""
    arrays = {
        "mean": np.zeros(2), "scale": np.ones(2), "points": np.zeros((1, 2)),
        "weights": np.array([40.0]), "offset": 50.0, "width": 4.0,
        "curve": np.array([[0.0, 100.0], [0.0, 100.0]]),
    }  # fmt: skip
    return Kernel(
        ["content", "length"], {"what": ["content"], "shape": ["length"]}, **arrays | changes
    )


def test_an_answer_is_worth_what_its_like_are_and_the_reason_says_which_features_moved_it():
    assert toy().score({"content": 0.0, "length": 0.0}) == (90.0, "what +0, shape +0")
    assert toy().score({"content": 1.0, "length": 0.0})[0] == pytest.approx(50 + 40 / np.e)
    score, why = toy().score({"content": 2.5, "length": 0.0})
    assert score == pytest.approx(50, abs=0.1)
    assert why == "what -40, shape +0"
    beyond = [toy().score({"content": x, "length": 0.0})[0] for x in (LIMIT, 99.0)]
    assert beyond[0] == beyond[1]
    curved = toy(curve=np.array([[50.0, 90.0], [10.0, 95.0]]))
    assert curved.score({"content": 0.0, "length": 0.0})[0] == 95.0


def test_the_fit_is_ridge_regression_solved_by_hand():
    """With every row among the points: the classical solution, but for the rounding of places."""
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(60, 3)), rng.random(60) * 100, rng.random(60) + 0.1
    arrays = fit_judge.fit(x, y, w)
    placed = np.clip((x - arrays["mean"]) / arrays["scale"], -LIMIT, LIMIT)
    near = likeness(placed, placed, fit_judge.WIDTH)
    goal = y - np.average(y, weights=w)
    alpha = np.linalg.solve(near + np.diag(fit_judge.RIDGE / w), goal)
    found = fit_judge.kernel(arrays, "abc").outputs(x)
    assert found == pytest.approx(near @ alpha + np.average(y, weights=w), abs=1.5)


def test_the_fit_finds_a_step_and_an_interaction_and_is_repeatable():
    rng = np.random.default_rng(0)
    x = rng.random((401, 3))
    y = 100.0 * ((x[:, 0] > 0.5) ^ (x[:, 1] > 0.5))
    arrays = fit_judge.fit(x[:300], y[:300], np.ones(300), points=200)
    assert arrays["points"].shape == (200, 3)
    found = fit_judge.kernel(arrays, "abc").outputs(x[300:])
    assert np.corrcoef(found, y[300:])[0, 1] > 0.8
    again = fit_judge.fit(x[:300], y[:300], np.ones(300), points=200)
    assert all(np.array_equal(arrays[key], again[key]) for key in arrays)


def test_an_answer_without_weight_has_no_say():
    x, y = np.array([[0.0], [0.0], [1.0]] * 20), np.array([0.0, 100.0, 50.0] * 20)
    arrays = fit_judge.fit(x, y, np.array([1.0, 0.0, 1.0] * 20))
    low, high = fit_judge.kernel(arrays, "a").outputs(np.array([[0.0], [1.0]]))
    assert low < 15
    assert 40 < high < 60


def test_the_curve_rises_and_reaches_both_ends():
    outputs, labels = np.arange(100.0), np.array([0.0] * 50 + [100.0, 80.0] * 25)
    at, to = fit_judge.calibrated(outputs, labels)
    assert at == sorted(at)
    assert to == sorted(to)
    assert (to[0], to[-1]) == (0, 100)
    assert np.interp([10, 90], at, to) == pytest.approx([0, 90], abs=1)


def test_constructed_answers_are_what_their_labels_say():
    row = ROW | {"output": "The capital of Peru is Lima."}
    other = {"instruction": "Name a fruit.", "input": "", "output": "An apple."}
    made = {r["model_response"]: r["label"] for r in fit_judge.constructed([row, other])}
    assert made["lima"] == 96
    assert made["The capital of Peru is not Lima."] == 8
    assert made["The capital of Peru is"] == 3
    assert made["An apple."] == 1


def test_a_good_answer_serves_as_a_reference_of_its_task_only():
    good = ROW | {"model_response": "It is Lima.", "label": 97}
    bad = ROW | {"model_response": "Quito", "label": 3}
    other = ROW | {"instruction": "Name a fruit.", "model_response": "fig", "label": 9}
    made = fit_judge.other_references([good, bad, other])
    pairs = [(r["output"], r["model_response"], r["label"]) for r in made]
    assert pairs == [("It is Lima.", "Quito", 3), ("It is Lima.", "Lima", 97)]


def test_all_answers_to_a_task_are_in_one_part():
    rows = [ROW | {"instruction": f"Task {i // 3}"} for i in range(60)]
    part = fit_judge.parts_of(rows)
    assert all(len(set(part[i : i + 3])) == 1 for i in range(0, 60, 3))
    assert len(set(part)) == fit_judge.PARTS


def test_the_committed_fit_knows_the_features_that_are_measured():
    _, names = fit_judge.table([ROW | {"model_response": "The capital is Lima."}])
    assert judge_kernel().features == names
    assert {n for names in judge_kernel().groups.values() for n in names} == set(names)


def test_unrelated_answers_share_no_new_word_with_the_reference():
    rows = [ROW, {"instruction": "Name a fruit.", "input": "", "output": "An apple."}]
    made = fit_judge.unrelated(rows)
    assert [(r["output"], r["model_response"], r["label"]) for r in made] == [
        ("Lima", "An apple.", 1),
        ("An apple.", "Lima", 1),
    ]


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
