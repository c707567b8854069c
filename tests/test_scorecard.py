"""Intervals and paired comparisons, on numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.errors import DataError, RunError
from helpers.evaluate.scorecard import bootstrap_interval, compare, mean_interval
from helpers.judge import Verdict


def verdicts(scores, judge="j"):
    return [
        Verdict(i, f"item {i}", judge, "unparsed" if s is None else "scored", s, "")
        for i, s in enumerate(scores)
    ]


def spread(n, mean, sd, rng):
    """n numbers with exactly this mean and standard deviation."""
    x = rng.standard_normal(n)
    return mean + sd * (x - x.mean()) / x.std(ddof=1)


def test_the_t_interval_of_three_scores():
    mean, low, high = mean_interval([20.0, 40.0, 60.0])
    assert mean == 40
    assert (round(low, 2), round(high, 2)) == (-9.68, 89.68)  # 40 ± 4.303 · 20 / √3
    assert mean_interval([50.0, 50.0]) == (50, 50, 50)
    for interval in (mean_interval, bootstrap_interval):
        with pytest.raises(DataError, match="at least 2 scores, not 1"):
            interval([50.0])


def test_the_t_interval_covers_the_truth_95_times_in_100():
    samples = np.random.default_rng(0).normal(50, 30, size=(2000, 8))
    covered = [low <= 50 <= high for _, low, high in map(mean_interval, samples.tolist())]
    assert 0.935 <= np.mean(covered) <= 0.965


def test_the_bootstrap_interval_agrees_for_many_scores_and_is_repeatable():
    scores = list(spread(110, 50, 32, np.random.default_rng(1)))
    assert bootstrap_interval(scores) == bootstrap_interval(scores)
    assert bootstrap_interval(scores) == pytest.approx(mean_interval(scores), abs=0.6)
    assert bootstrap_interval([0.0, 100.0], n=2000)[1:] == (0, 100)


def test_a_constant_gain_is_resolved():
    result = compare(verdicts([10, 20, 30, 40]), verdicts([21, 29, 41, 49]))
    assert result["difference"] == 10
    assert result["n"] == 4
    assert result["resolved"]
    assert (result["mean_a"], result["mean_b"]) == (25, 35)
    assert [round(x, 2) for x in result["ci95"]] == [8.16, 11.84]  # 10 ± 3.182 · 1.155 / 2
    assert result["words"] == "B scores higher by 10.0 points (95 % interval 8.2 to 11.8)"
    back = compare(verdicts([21, 29, 41, 49]), verdicts([10, 20, 30, 40]))
    assert back["words"].startswith("B scores lower by 10.0 points (95 % interval -11.8 to -8.2)")


def test_the_published_masking_difference_is_not_resolved_on_110_rows():
    rng = np.random.default_rng(2)
    a, b = spread(110, 49.45, 32, rng), spread(110, 47.73, 32, rng)
    for share in (0.0, 0.5):  # of b's spread that it has in common with a
        mixed = share * (a - a.mean()) + (1 - share) * (b - b.mean()) + b.mean()
        result = compare(verdicts(a.tolist()), verdicts(mixed.tolist()))
        assert result["difference"] == pytest.approx(-1.72)
        assert not result["resolved"]
        assert result["words"].startswith("not resolved: B - A is -1.7")
        assert result["smallest_detectable"] > 5


def test_the_smallest_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((600, 30)) * 20
    gain = compare(verdicts([0.0] * 30), verdicts(list(spread(30, 0, 20, rng))))
    found = [
        compare(verdicts([0.0] * 30), verdicts((row + gain["smallest_detectable"]).tolist()))
        for row in noise
    ]
    assert 0.74 <= np.mean([f["resolved"] for f in found]) <= 0.86


def test_pairing_is_by_item_not_by_place():
    a, b = verdicts([10, 20, 30]), verdicts([11, 22, 33])
    assert compare(a, b[::-1])["difference"] == compare(a, b)["difference"] == 2


def test_the_same_item_twice_is_two_pairs():
    line = {"item": "x", "status": "scored"}
    a = [{**line, "score": 10}, {**line, "score": 20}]
    b = [{**line, "score": 13}, {**line, "score": 25}]
    assert (compare(a, b)["n"], compare(a, b)["difference"]) == (2, 4)


def test_items_without_a_score_on_either_side_are_left_out_and_counted():
    result = compare(verdicts([10, None, 30, 40]), verdicts([20, 30, None, 52]))
    assert (result["n"], result["left_out"]) == (2, 2)
    assert (result["mean_a"], result["difference"]) == (25, 11)
    result = compare(verdicts([10, None]), verdicts([None, 30]))
    assert (result["n"], result["left_out"], result["ci95"]) == (0, 2, None)
    assert result["words"] == "not resolved: only 0 items have a score in both"


def test_equal_scores_are_no_difference():
    assert not compare(verdicts([10, 20]), verdicts([10, 20]))["resolved"]


def test_other_items_or_another_judge_are_refused():
    with pytest.raises(RunError, match="2 items differ: 2 are only in A and 0 only in B.*same rec"):
        compare(verdicts([1, 2, 3]), verdicts([1]))
    with pytest.raises(RunError, match="different judges .j, reference."):
        compare(verdicts([1, 2]), verdicts([1, 2], judge="reference"))
