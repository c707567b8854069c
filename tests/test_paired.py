"""Statistics over seeds × items: tables done by hand, and intervals that hold as often as they say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from helpers.errors import DataError
from helpers.evaluate import paired
from helpers.evaluate.paired import (
    Estimate,
    arm_means,
    bootstrap,
    by_group,
    contrast,
    contrasts,
    crossed_mean,
    holm,
    items_needed,
    more_data,
    pairs,
    seeds_needed,
)

CALIBRATION = runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "calibration.py"))
BY_HAND = np.array([[1.0, 3, 5], [3, 5, 10]])  # 2 seeds × 3 items


def grid(rng, *, arms=("all", "response"), seeds=3, items=110, gain=0.0, noise=0.02):
    """Losses as a grid leaves them: items differ much, arms little, `response` better by gain."""
    tokens = rng.integers(2, 60, items)
    easy = rng.gamma(2, 0.6, items)
    nll = {}
    for arm in arms:
        spread = noise * (rng.standard_normal((seeds, 1)) + rng.standard_normal((seeds, items)))
        nll[arm] = (easy + spread - gain * (arm == "response")) * tokens
    return nll, tokens


def estimate(*, seed=0.0, item=0.0, rest=0.0, seeds=5, items=110):
    """The Estimate that such components would give."""
    var_seeds, var_items = (seed + rest / items) / seeds, item / items
    df = float(paired.degrees_of_freedom(var_seeds, var_items, seeds, items))
    return Estimate(0.0, var_seeds, var_items, df, seeds, items, seed, item, rest)


# --- one table ------------------------------------------------------------------------------------


def test_a_table_of_two_seeds_and_three_items_by_hand():
    """Means 3, 6 and 2, 4, 7.5 of 4.5; residuals ±0.5, ±0.5, ±1: mean squares 13.5, 15.5, 1.5."""
    e = crossed_mean(BY_HAND)
    assert e.mean == 4.5
    assert (e.var_seeds, e.var_items) == pytest.approx((13.5 / 6, 14 / 6))
    assert (e.seed, e.item, e.rest) == pytest.approx(((13.5 - 1.5) / 3, (15.5 - 1.5) / 2, 1.5))
    assert 1 / e.df == pytest.approx((13.5 / 27.5) / 1 + (14 / 27.5) / 2)
    assert e.half == pytest.approx(stats.t.ppf(0.975, 1.3415) * np.sqrt(27.5 / 6), rel=1e-3)


def test_where_one_part_is_all_it_is_the_t_interval_of_that_part():
    values = np.array([20.0, 40, 60])  # 40 ± 4.303 · 20 / √3, as in the scorecard's test
    only_seeds = crossed_mean(np.repeat(values[:, None], 7, axis=1))
    assert (only_seeds.df, only_seeds.half) == pytest.approx((2, 49.68), abs=0.01)
    only_items = crossed_mean(np.repeat(values[None], 5, axis=0))
    assert (only_items.df, only_items.half) == pytest.approx((2, 49.68), abs=0.01)


def test_items_that_differ_less_than_chance_do_not_shrink_the_variance():
    """MS_items 0 below MS_rest 4 would give a variance of (4 + 0 - 4) / 4 = 0, an interval of no width."""
    e = crossed_mean(np.array([[1.0, 1, 3, 3], [3.0, 3, 1, 1], [2, 2, 2, 2], [4, 4, 4, 4]]))
    assert e.var_items == 0
    assert e.var_seeds == pytest.approx(np.var([2, 2, 2, 4], ddof=1) / 4)


def test_the_probability_agrees_with_the_interval():
    e = crossed_mean(BY_HAND)
    assert crossed_mean(BY_HAND - e.mean + e.half).p == pytest.approx(0.05)
    assert crossed_mean(np.zeros((2, 3))).p == 1
    assert crossed_mean(np.ones((2, 3))).p == 0


def test_the_metric_by_token_and_by_example():
    """Two items of 1 and 3 tokens: (1 + 9) / 4 = 2.5 nats a token, but (1 + 3) / 2 = 2 by example."""
    nll = {"all": [[1.0, 9], [1, 9]], "response": [[1.0, 5], [1, 5]]}
    assert arm_means(nll, [1, 3])["mean"].tolist() == [2.5, 1.5]
    assert arm_means(nll, [1, 3], per="example")["mean"].tolist() == pytest.approx([2, 4 / 3])
    assert contrast(nll, [1, 3], "response", "all").mean == -1
    assert contrast(nll, [1, 3], "response", "all", per="example").mean == pytest.approx(-2 / 3)


def test_a_group_of_items_counts_as_one_item():
    nll = {"a": [[1.0, 2, 3], [4, 5, 6]], "b": [[0.0, 0, 1], [0, 1, 1]]}
    tables, tokens = by_group(nll, [1, 2, 4], ["plural", "capital", "capital"])
    assert tables["a"].tolist() == [[5, 1], [11, 4]]  # capital, plural
    assert tables["b"].tolist() == [[1, 0], [2, 0]]
    assert tokens.tolist() == [6, 1]
    whole = contrast(nll, [1, 2, 4], "a", "b")
    assert contrast(tables, tokens, "a", "b").mean == pytest.approx(whole.mean)


def test_where_items_of_a_kind_move_together_intervals_by_kind_hold_and_those_by_item_do_not():
    rng, kinds, each, held = np.random.default_rng(3), 30, 20, {"item": 0, "kind": 0}
    groups = np.repeat(np.arange(kinds), each)
    for _ in range(400):
        gain = rng.standard_normal(kinds)[groups]  # of a kind; the mean over all kinds is 0
        table = gain + rng.standard_normal((3, 1)) / 10 + rng.standard_normal((3, len(groups)))
        nll, tokens = {"a": table, "b": 0 * table}, np.ones(len(groups))
        for name, found in (
            ("item", contrast(nll, tokens, "a", "b")),
            ("kind", contrast(*by_group(nll, tokens, groups), "a", "b")),
        ):
            held[name] += abs(found.mean) <= found.half
    assert 0.92 <= held["kind"] / 400 <= 0.98
    assert held["item"] / 400 < 0.7


def test_items_of_different_length_and_equal_loss_are_no_uncertainty():
    """The metric is a ratio: long items have more nats and more tokens. 2 nats a token are 2, sure."""
    tokens = np.array([1, 50, 7, 20])
    table = arm_means({"all": np.array([2.0 * tokens] * 3)}, tokens)
    assert table.iloc[0].tolist() == ["all", 2, pytest.approx(2), pytest.approx(2)]
    table = arm_means({"all": [[1.0, 9], [2, 9]]}, [1, 3])  # ratio 21/8; items 1 + w(1 - 21/8) …
    linear = 21 / 8 + (np.array([[1.0, 9], [2, 9]]) - 21 / 8 * np.array([1, 3])) / 2
    assert table["high"][0] == pytest.approx(21 / 8 + crossed_mean(linear).half)


# --- calibration ----------------------------------------------------------------------------------

LEAN = [(3, 110), (5, 110), (3, 1000)]
MIXES = CALIBRATION["MIXES"]


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize(("seeds", "items"), LEAN)
def test_95_of_100_intervals_hold_the_truth_and_twice_the_smallest_effect_is_found(
    seeds, items, mix
):
    covered, found = CALIBRATION["calibrate"](seeds, items, MIXES[mix], 1000)
    assert 0.93 <= covered <= 0.97
    assert found >= 0.90


@pytest.mark.large
@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize(("seeds", "items"), [d for d in CALIBRATION["DESIGNS"] if d[0] > 2])
def test_the_whole_grid_is_calibrated_on_5000_tables_each(seeds, items, mix):
    covered, found = CALIBRATION["calibrate"](seeds, items, MIXES[mix], 5000, seed=1)
    assert 0.935 <= covered <= 0.97
    assert found >= 0.95


def test_contrasts_without_an_effect_are_resolved_5_times_in_100():
    """End to end, on uneven lengths and skewed items whose noise grows with their difficulty."""
    rng, wrong, n = np.random.default_rng(5), 0, 500
    for _ in range(n):
        tokens, hard = rng.geometric(0.1, 110), rng.gamma(1, 1, 110)
        arms = [
            tokens
            * hard
            * (1 + 0.03 * rng.standard_normal((4, 1)) + 0.1 * rng.standard_normal((4, 110)))
            for _ in range(2)
        ]
        wrong += contrast({"all": arms[0], "response": arms[1]}, tokens, "response", "all").p < 0.05
    assert 0.03 <= wrong / n <= 0.07


def test_looking_after_every_few_seeds_resolves_too_often_what_is_not_there():
    """As docs/commands.md says: who stops at the first resolved difference finds too many."""
    rng, found = np.random.default_rng(2), 0
    for _ in range(2000):
        x = 0.2 * rng.normal(size=(10, 1)) + 0.1 * rng.normal(size=20) + rng.normal(size=(10, 20))
        found += any(paired.crossed_mean(x[:seeds]).p < 0.05 for seeds in (3, 5, 10))
    assert 0.08 < found / 2000 < 0.14  # about 11 in 100, not 5


def test_the_smallest_detectable_difference_by_hand():
    """4 degrees of freedom: t_0.975 + t_0.80 = 2.776 + 0.941 standard errors; t_0.995 = 4.604."""
    e = estimate(seed=5.0)
    assert (e.se, e.df) == (1, 4)
    assert e.smallest_detectable() == pytest.approx(3.717, abs=1e-3)
    assert e.smallest_detectable(0.01) == pytest.approx(4.604 + 0.941, abs=1e-3)


# --- the resampling twin --------------------------------------------------------------------------


def test_the_bootstrap_has_the_variance_that_the_mean_squares_say():
    rng = np.random.default_rng(6)
    nll, tokens = grid(rng, seeds=7, items=31, noise=0.3)
    ones = np.ones_like(tokens)  # equal lengths, so that the mean is no ratio and Owen's sum exact
    e = contrast(nll, ones, "response", "all")
    expected = 6 / 7 * (e.seed * 31 + e.rest) + 30 / 31 * (e.item * 7 + e.rest)
    expected = (expected + 6 * 30 / (7 * 31) * e.rest) / (7 * 31)
    drawn = bootstrap(nll, ones, "response", "all", n=20_000)
    assert drawn.mean() == pytest.approx(e.mean, abs=4 * e.se / np.sqrt(20_000))
    assert drawn.var() == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("per", ["token", "example"])
def test_with_many_seeds_interval_and_bootstrap_agree(per):
    """Real ratio on both sides: the twin resamples the tokens, the interval linearises them."""
    rng = np.random.default_rng(7)
    nll, tokens = grid(rng, seeds=60, items=200)
    nll["response"] += 0.2 * tokens * rng.gamma(1, 1, 200)  # the arms differ, more on some items
    e = contrast(nll, tokens, "response", "all", per=per)
    low, high = np.percentile(bootstrap(nll, tokens, "response", "all", per=per), [2.5, 97.5])
    assert (low, high) == pytest.approx((e.mean - e.half, e.mean + e.half), abs=0.12 * e.half)


def test_with_three_seeds_the_plain_bootstrap_is_far_too_narrow():
    rng = np.random.default_rng(8)
    nll = {"all": np.zeros((3, 200)), "response": rng.standard_normal((3, 1)) * np.ones((3, 200))}
    e = contrast(nll, np.ones(200), "response", "all")
    low, high = np.percentile(bootstrap(nll, np.ones(200), "response", "all"), [2.5, 97.5])
    assert high - low < 0.5 * 2 * e.half


# --- tables of arms -------------------------------------------------------------------------------


def test_holms_correction_by_hand():
    """0.005 · 4, 0.01 · 3, 0.03 · 2, and 0.04 · 1 is raised to what the smaller one has."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_the_pre_registered_pair_comes_first_then_those_with_its_second_arm():
    arms = ["all", "response@0.1", "header+response", "response"]
    assert pairs(arms) == [
        ("response", "all"),
        ("response@0.1", "all"),
        ("header+response", "all"),
        ("response@0.1", "header+response"),
        ("response@0.1", "response"),
        ("header+response", "response"),
    ]
    assert pairs(["a", "b", "c"], None) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_clear_gain_is_resolved_and_said_in_words():
    table = contrasts(*grid(np.random.default_rng(9), gain=0.3))
    assert list(table) == [
        "a", "b", "difference", "low", "high", "p", "p_holm", "resolved", "smallest_detectable",
        "words",
    ]  # fmt: skip
    row = table.iloc[0]
    assert (row.a, row.b, row.resolved, len(table)) == ("response", "all", True, 1)
    assert row.low < -0.3 < row.high < 0
    assert row.p == row.p_holm < 0.05
    assert row.words == (
        f"response has a lower response loss than all, by {-row.difference:.3f} nats per token "
        f"(95 % interval {-row.high:.3f} to {-row.low:.3f})"
    )
    back = contrasts(*grid(np.random.default_rng(9), gain=0.3), primary=("all", "response"))
    assert back.words[0].startswith("all has a higher response loss than response, by 0.")


def test_no_gain_is_not_resolved_and_says_what_could_have_been():
    table = contrasts(*grid(np.random.default_rng(10)), per="example")
    row = table.iloc[0]
    assert not row.resolved
    assert row.low < 0 < row.high
    assert row.words == (
        f"not resolved: response - all is {row.difference:.3f} nats per token, averaged by example "
        f"(95 % interval {row.low:.3f} to {row.high:.3f}); 3 seeds × 110 items could detect a "
        f"difference of about {row.smallest_detectable:.3f}"
    )


def test_two_seeds_are_allowed_and_warned_of():
    words = contrasts(*grid(np.random.default_rng(11), seeds=2)).words[0]
    assert words.endswith("2 seeds tell little of the spread between seeds: run 3 or more")


def test_the_others_are_corrected_and_the_pre_registered_pair_is_not(monkeypatch):
    """Four arms, so 5 other pairs. A p of 0.02 each: resolved alone, 0.1 among five."""
    monkeypatch.setattr(Estimate, "p", property(lambda self: 0.02))
    nll, tokens = grid(np.random.default_rng(12), arms=("all", "response", "x", "y"))
    table = contrasts(nll, tokens)
    assert table.p_holm.tolist() == pytest.approx([0.02] + [0.1] * 5)
    assert table.resolved.tolist() == [True] + [False] * 5
    assert table.words[1].startswith(
        "not resolved after Holm's correction for 5 contrasts: x - all"
    )
    alone = contrast(nll, tokens, "x", "all")
    assert table.smallest_detectable[1] == alone.smallest_detectable(0.01)
    assert contrasts(nll, tokens, primary=None).p_holm.tolist() == pytest.approx([0.12] * 6)


def test_fewer_questions_are_corrected_less():
    nll, tokens = grid(np.random.default_rng(12), arms=("all", "response", "x", "y"))
    table = contrasts(nll, tokens, others=[("x", "all"), ("y", "x")])
    assert table[["a", "b"]].values.tolist() == [["response", "all"], ["x", "all"], ["y", "x"]]
    assert table.p_holm[1:].tolist() == holm(table.p[1:].tolist())
    assert table.smallest_detectable[1] == contrast(nll, tokens, "x", "all").smallest_detectable(
        0.05 / 2
    )
    with pytest.raises(DataError, match="no result of arm 'z', known: all, response, x, y"):
        contrasts(nll, tokens, others=[("z", "all")])


def test_arms_overlap_where_their_difference_is_resolved():
    """Pairing takes the items' own difficulty out, which is most of each arm's interval."""
    nll, tokens = grid(np.random.default_rng(13), gain=0.15)
    means = arm_means(nll, tokens).set_index("arm")
    assert means.high["response"] > means.low["all"]
    assert contrasts(nll, tokens).resolved[0]
    assert means["mean"]["response"] - means["mean"]["all"] == pytest.approx(
        contrasts(nll, tokens).difference[0]
    )


def test_the_order_of_seeds_and_items_does_not_matter_if_it_is_the_same_in_every_arm():
    nll, tokens = grid(np.random.default_rng(14))
    s, i = np.array([2, 0, 1]), np.random.default_rng(0).permutation(110)
    turned = contrasts({arm: x[s][:, i] for arm, x in nll.items()}, tokens[i])
    numbers = ["difference", "low", "high", "p"]
    assert turned[numbers].values == pytest.approx(contrasts(nll, tokens)[numbers].values)


# --- what more data would do ----------------------------------------------------------------------


def test_ten_seeds_resolve_a_difference_of_one_standard_deviation_of_a_seed():
    """The textbook's number for a paired t-test: (2.262 + 0.883) / √10 < 1 < (2.306 + 0.889) / √9."""
    e = estimate(seed=1.0, seeds=3)
    assert seeds_needed(e, 1.0) == 10
    assert items_needed(e, 1.0) is None
    assert more_data(e, 1.0) == (
        "a difference of 1 is too small for 3 seeds × 110 items; it needs 10 seeds on these 110 "
        "items; 100% of the uncertainty comes from the seeds"
    )


def test_where_items_are_the_uncertainty_items_are_what_helps():
    """(1.963 + 0.842)² / 0.1² = 787 items, to within the steps of the search."""
    e = estimate(item=1.0)
    assert seeds_needed(e, 0.1) is None
    assert 787 <= items_needed(e, 0.1) <= 800
    assert "it needs about 7" in more_data(e, 0.1)


def test_what_is_peculiar_to_a_seed_on_an_item_shrinks_with_both():
    """Its part of the variance is 110 / (3 · 110) here: 10 seeds as above, or 5.364² · 110 / 3 items."""
    e = estimate(rest=110.0, seeds=3, items=110)
    assert seeds_needed(e, 1.0) == 10
    assert 1055 <= items_needed(e, 1.0) <= 1070


def test_what_suffices_already_and_what_needs_both():
    e = estimate(seed=1.0, item=1.0)
    assert seeds_needed(e, 3.0) == 5
    assert items_needed(e, 3.0) == 110
    assert more_data(e, 3.0).startswith("5 seeds × 110 items suffice for a difference of 3;")
    assert "it needs more seeds and more items" in more_data(e, 0.01)
    with pytest.raises(DataError, match="above 0 nats, not -1"):
        seeds_needed(e, -1)


# --- what is refused ------------------------------------------------------------------------------


def two_arms(**changed):
    return {"all": np.ones((3, 4)), "response": np.ones((3, 4)), **changed}


@pytest.mark.parametrize(
    ("groups", "message"), [(["x"], "1 groups for 3 items"), (["x"] * 3, "all items are of one")]
)
def test_groups_that_say_nothing_are_refused(groups, message):
    with pytest.raises(DataError, match=message):
        by_group({"a": np.ones((2, 3))}, [1, 1, 1], groups)


@pytest.mark.parametrize(
    ("nll", "tokens", "options", "message"),
    [
        (two_arms(), [1] * 4, {"per": "word"}, "per 'word' is no way of counting, known: token"),
        ({"all": np.ones((3, 4))}, [1] * 4, {}, "needs two arms, not 1 .all.: run another"),
        (two_arms(), [1] * 4, {"primary": ("reponse", "all")}, "did you mean 'response'"),
        (two_arms(), [1] * 4, {"primary": ("all", "all")}, "cannot be compared with itself"),
        (two_arms(response=np.ones((2, 4))), [1] * 4, {}, "'response' has results of shape .2, 4"),
        (two_arms(), [1] * 5, {}, "with 5 items is asked for: run every arm with the same seeds"),
        ({"all": [[1, 2]], "response": [[1, 2]]}, [1, 1], {}, "1 seed says nothing.*at least 2"),
        ({"all": [[1], [2]], "response": [[1], [2]]}, [1], {}, "1 item says nothing"),
        (two_arms(), [1, 1, 1, 0], {}, "tokens must be one number per item, each 1 or more"),
        (two_arms(), [1, 1, 1, np.nan], {}, "tokens must be one number per item"),
        (
            two_arms(all=[[1, 1, 1, 1], [1, 1, np.nan, 1], [1, 1, 1, 1]]),
            [1] * 4,
            {},
            "'all' has the loss nan at seed number 2, item number 3: repeat that run",
        ),
    ],
)
def test_bad_tables_are_refused_with_the_remedy(nll, tokens, options, message):
    with pytest.raises(DataError, match=message):
        contrasts(nll, tokens, **options)
