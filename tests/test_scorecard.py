"""Intervals and paired comparisons, on numbers that can be checked by hand."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pytest

from helpers import cli
from helpers.errors import DataError, RunError, SettingsError
from helpers.evaluate.scorecard import (
    bootstrap_interval,
    compare,
    mean_interval,
    score_card,
    score_interval,
    would_differ,
)
from helpers.files import write_jsonl
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
        assert result["smallest_detectable"] > 1.72
        assert result["items_needed"] > 110


@pytest.mark.parametrize("spread_of_scores", [26.5, 32.0, 40.0])  # intervals of ±5, ±6 and ±7.6
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_two_published_means_are_no_difference_whatever_is_plausible(spread_of_scores, correlation):
    result = would_differ(49.45, 47.73, 110, spread=spread_of_scores, correlation=correlation)
    assert not result["resolved"]
    assert result["ci95"][0] < -1.72 < 0 < result["ci95"][1]
    assert result["smallest_detectable"] > 4


def test_what_110_items_can_show_at_all():
    result = would_differ(49.45, 47.73, 110)
    assert result["difference"] == pytest.approx(-1.72)
    assert [round(x, 1) for x in result["ci95"]] == [-10.3, 6.8]  # 1.982 · 32 · √(2 / 110)
    assert result["smallest_detectable"] == pytest.approx((1.98197 + 0.84518) * 4.3147, rel=1e-3)
    assert result["words"] == (
        "not resolved: 47.73 against 49.45 on 110 items is no difference, if single scores spread by "
        "32 points (standard deviation) and the two runs' scores of an item correlate by 0: the "
        "difference of -1.7 has the 95 % interval -10.3 to 6.8, and so many items can detect about "
        "12.2 points. It would take a correlation above 0.96 to resolve it"
    )


def test_what_would_have_to_be_true_is_where_the_verdict_turns():
    needed = would_differ(49.45, 47.73, 110)["needed_correlation"]
    assert not would_differ(49.45, 47.73, 110, correlation=needed - 1e-6)["resolved"]
    sure = would_differ(49.45, 47.73, 110, correlation=needed + 1e-6)
    assert sure["resolved"]
    assert sure["words"].startswith("B scores lower by 1.7 points, if single scores spread by 32")
    rng, spread_needed = np.random.default_rng(0), would_differ(50, 52, 40)["needed_spread"]
    for factor, resolved in ((0.999, True), (1.001, False)):
        gain = spread(40, 2, factor * spread_needed, rng)
        result = compare(verdicts([50.0] * 40), verdicts((50 + gain).tolist()), resamples=0)
        assert result["resolved"] is resolved
    assert would_differ(50, 50, 110)["needed_correlation"] is None
    assert would_differ(50, 90, 110)["resolved"]


@pytest.mark.parametrize(
    ("means", "n", "more", "message"),
    [
        ((101, 50), 110, {}, "a mean score is 101: give one from 0 to 100"),
        ((50, float("nan")), 110, {}, "a mean score is nan"),
        ((50, 51), 1, {}, "1 items: give 2 or more"),
        ((50, 51), 110, {"spread": 51}, "a spread of 51 points: .* at most 50"),
        ((50, 51), 110, {"spread": 0}, "a spread of 0 points: give one above 0"),
        ((50, 51), 110, {"correlation": 1}, "a correlation of 1: give one between -1 and 1"),
    ],
)
def test_means_that_cannot_be_are_refused(means, n, more, message):
    with pytest.raises(SettingsError, match=message):
        would_differ(*means, n, **more)


def test_an_interval_never_leaves_the_scale_without_saying_so():
    assert score_interval([20.0, 40.0, 60.0]) == (
        0.0,
        pytest.approx(89.68, abs=0.01),
        "the t-interval is cut at 0",
    )
    assert score_interval([0.0, 100.0])[2] == "the t-interval is cut at 0 and 100"
    assert score_interval([40.0, 50.0, 60.0])[2] == ""
    card = score_card([100.0] * 9 + [0.0])
    assert card["ci95"][1] == 100
    assert card["bootstrap95"][1] <= 100
    assert card["words"].startswith("mean 90.0 (95 % interval 67.4 to 100.0, by bootstrap ")
    assert card["words"].endswith("; the t-interval is cut at 100); 10 of 10 scored")


def test_equal_scores_are_not_certainty():
    """The untouched model gets 0 on all 110 rows: that does not prove that it always would."""
    low, high, remark = score_interval([0.0] * 110)
    assert (low, round(high, 2)) == (0.0, 2.69)  # 100 · (1 - 0.05^(1/110)), about 300 / 110
    assert remark == "all 110 are 0.0: only the rule of three applies"
    assert score_interval([40.0] * 110)[:2] == pytest.approx((40 * 0.9731, 40 + 60 * 0.0269), 1e-3)
    assert score_card([0.0] * 110)["words"] == (
        "mean 0.0 (95 % interval 0.0 to 2.7; all 110 are 0.0: only the rule of three applies); 110 "
        "of 110 scored"
    )
    same = compare(verdicts([0.0] * 110), verdicts([0.0] * 110))
    assert not same["resolved"]
    assert same["words"] == (
        "not resolved: B - A is 0.0 points (95 % interval -2.7 to 2.7; all 110 are 0.0: only the "
        "rule of three applies)"
    )
    assert not compare(verdicts([10] * 3), verdicts([20] * 3))["resolved"]
    assert compare(verdicts([0.0] * 110), verdicts([100.0] * 110))["resolved"]


def test_the_bootstrap_interval_holds_where_the_t_interval_does_not():
    """Mostly 0 and a few 100: why both are shown."""
    rng, held = np.random.default_rng(4), {"t": 0, "bootstrap": 0}
    samples = [100.0 * (rng.random(110) < 0.03) for _ in range(120)]
    samples = [x.tolist() for x in samples if x.any()]
    for x in samples:
        for name, (low, high) in {
            "t": score_interval(x)[:2],
            "bootstrap": bootstrap_interval(x, n=999)[1:],
        }.items():
            held[name] += low <= 3 <= high
    assert held["bootstrap"] / len(samples) >= 0.93
    assert held["t"] / len(samples) <= 0.93


def test_a_card_counts_what_has_no_score_and_bounds_what_it_could_do():
    card = score_card(verdicts([10, None, 30, 80]))
    assert (card["n"], card["scored"], card["coverage"], card["mean"]) == (4, 3, 0.75, 40)
    assert card["bounds"] == [30, 55]
    assert card["words"].endswith("3 of 4 scored, so the mean over all lies between 30.0 and 55.0")
    assert card["sd"] == pytest.approx(1300**0.5)  # (30² + 10² + 40²) / (3 - 1)
    assert score_card([10, None, 30, 80]) == card  # plain numbers do as well
    assert score_card([None, None])["words"] == "no mean: 0 of 2 scored"
    assert score_card([7.0])["words"] == "mean 7.0 (one score: no interval); 1 of 1 scored"
    with pytest.raises(DataError, match="no scores to sum up"):
        score_card([])


def test_how_many_items_it_would_take():
    a, gain = [50.0] * 50, spread(50, 2, 20, np.random.default_rng(5))
    result = compare(verdicts(a), verdicts((50 + gain).tolist()))
    assert result["items_needed"] == 785  # (2.8016 · 20 / 2)²
    assert "and it would take about 785 to detect one of 2.0" in result["words"]


def test_two_items_are_the_fewest():
    assert compare(verdicts([50.0] * 3), verdicts([60.0, 61.0, 62.0]))["items_needed"] == 2


def test_the_smallest_detectable_difference_by_hand():
    """(t_0.975 + t_0.80) · sd / √n with 3 degrees of freedom: 4.161 · 2.582 / 2."""
    result = compare(verdicts([50.0] * 4), verdicts([50.0, 52.0, 54.0, 56.0]))
    assert result["smallest_detectable"] == pytest.approx(5.372, abs=1e-3)


def test_the_smallest_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((600, 30)) * 20
    gain = compare(verdicts([0.0] * 30), verdicts(list(spread(30, 0, 20, rng))))
    found = [
        compare(
            verdicts([0.0] * 30),
            verdicts((row + gain["smallest_detectable"]).tolist()),
            resamples=0,
        )
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


def told(line, capsys):
    """Exit status, stdout and stderr of a command line."""
    status = cli.main(line.split())
    return (status, *capsys.readouterr())


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """a.jsonl and b.jsonl: 40 items, b 10 points better, one item of b without a score."""
    monkeypatch.chdir(tmp_path)
    a = [float(10 + i) for i in range(40)]
    for name, scores in (("a", a), ("b", [None, *(s + 9 + i % 3 for i, s in enumerate(a[1:]))])):
        write_jsonl(f"{name}.jsonl", [asdict(v) for v in verdicts(scores)])


def test_course_compare_shows_both_runs_and_answers_the_question(runs, capsys):
    status, out, err = told("compare a.jsonl b.jsonl", capsys)
    assert (status, err) == (0, "")
    a, b, left_out, question, answer = out.splitlines()
    assert a.startswith("A  a.jsonl: mean 29.5 (95 % interval 25.8 to 33.2, by bootstrap ")
    assert "39 of 40 scored, so the mean over all lies between" in b
    assert left_out == "1 without a score in both are left out below."
    assert question == "Would these two runs differ on other items of the same kind?"
    assert answer == "Yes: B scores higher by 10.0 points (95 % interval 9.7 to 10.3)."
    status, out, _ = told("compare a.jsonl b.jsonl --json", capsys)
    report = json.loads(out)
    assert report.keys() >= {"n", "difference", "ci95", "resolved", "bootstrap95", "a", "b"}
    assert (report["n"], report["difference"], report["b"]["coverage"]) == (39, 10, 0.975)
    assert told("compare a.jsonl a.jsonl", capsys)[1].splitlines()[-1].startswith("Not resolved: B")


def test_course_compare_of_two_published_means(runs, capsys):
    status, out, err = told("compare 49.45 47.73 --items 110", capsys)
    assert (status, err) == (0, "")
    assert out.splitlines()[1].startswith("Not resolved: 47.73 against 49.45 on 110 items is no ")
    status, out, _ = told("compare 49.45 47.73 --items 110 --spread 10 --json", capsys)
    report = json.loads(out)
    assert (report["spread"], report["correlation"], report["resolved"]) == (10, 0, False)
    status, out, _ = told("compare 1 2 --items 110 --spread 9 --correlation 0.97", capsys)
    assert "Yes: B scores higher by 1.0 points, if single scores spread by 9 points" in out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compare 49.45 47.73", "49.45 and 47.73 are no files. .*--items 110"),
        ("compare a.jsonl 3 --items 9", "mean scores such as 49.45, not a.jsonl and 3. Leave --it"),
        ("compare a.jsonl b.jsonl --spread 9", "--spread and --correlation are for two means"),
        ("compare 1 2 --items 1", "1 items: give 2 or more"),
        (
            "compare a.jsonl none.jsonl",
            "none.jsonl: No such file .* `course judge RUN/responses.json`",
        ),
    ],
)
def test_course_compare_says_what_to_mend(runs, capsys, line, message):
    status, out, err = told(line, capsys)
    assert (status, out) == (2, "")
    assert re.fullmatch(f"course: .*{message}.*\n", err)
