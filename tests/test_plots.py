"""Figures of the masking experiment: an arm looks alike everywhere, and the alt text says the numbers."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from helpers.collate import packed, padded
from helpers.errors import DataError, SettingsError
from helpers.masking import ARMS, Example
from helpers.plots import (
    MAX_BYTES,
    _places,
    agreement,
    arm_look,
    attention_mask,
    cache_filling,
    calibration,
    difference_by,
    figure,
    forest,
    ink,
    ladder,
    layouts,
    learning_curves,
    learning_rates,
    loss_histograms,
    model_looks,
    one_model,
    overview,
    padding_grid,
    paired_difference,
    ratings,
    rows_leave,
    score_distribution,
    show,
    with_interval,
)

WEIGHTS = ["response@0.01", "response@0.1", "response@0.25", "response@0.5"]
EVERY = [*ARMS, *WEIGHTS]


def coloured(shown, arm) -> int:
    """Pixels of a figure in exactly an arm's colour."""
    pixels = np.asarray(Image.open(io.BytesIO(shown.png)).convert("RGB"))
    return int((pixels == rgb(arm)).all(axis=-1).sum())


def rgb(arm) -> tuple:
    return tuple(round(255 * part) for part in to_rgb(arm_look(arm)[0]))


def contrast_rows(pairs):
    rows = [(a, b, -0.1 + 0.02 * i, -0.15, 0.5 - 0.1 * i, i == 0) for i, (a, b) in enumerate(pairs)]
    return pd.DataFrame(rows, columns=["a", "b", "difference", "low", "high", "resolved"])


def levels(factor, values, **more):
    numbers = {"difference": -0.0512, "low": -0.0812, "high": -0.0212}
    return pd.DataFrame([{factor: value, **numbers} for value in values]).assign(**more)


def curves(arms, seeds=3, steps=(0, 20, 40)):
    rows = [
        {"arm": arm, "seed": seed, "step": step, "val_response_loss": 4 - step / 20 + seed / 10}
        for arm in arms
        for seed in range(seeds)
        for step in steps
    ]
    return pd.DataFrame(rows)


def test_no_two_arms_share_a_colour_or_a_marker():
    """Shape tells arms apart where colour does not: in grey print, or to a colour-blind reader."""
    looks = [arm_look(arm) for arm in EVERY]
    assert len({colour for colour, _, _ in looks}) == len({m for _, _, m in looks}) == len(EVERY)
    styles = [arm_look(arm)[1] for arm in (*ARMS, "response@0.1")]
    assert len(set(map(str, styles))) == 5
    with pytest.raises(SettingsError, match="unknown arm 'reponse'"):
        arm_look("reponse")


@pytest.mark.parametrize(("a", "b"), [("response", "all"), ("response@0.1", "header+response")])
def test_the_same_arm_has_the_same_colour_in_every_figure(a, b):
    """Whichever arms are beside it: a legend learnt once holds."""
    drawn = [
        forest(contrast_rows([(a, b)])),
        loss_histograms({b: [1.0, 2, 4], a: [2.0, 3, 1]}),
        difference_by(levels("rows", [100, 935]), "rows", pair=(a, b)),
        difference_by(levels("weight", [0.0, 0.1], a=[a, b]), "weight"),
        learning_curves(curves([a])),
        learning_curves(curves([b, a])),
    ]
    for shown in drawn:
        assert coloured(shown, a) > 20


def test_one_model_under_many_arms_says_every_loss_and_the_chosen_one():
    shown = one_model({"all": 3.5, "response": 4.25}, "response")
    assert shown.caption == (
        "One untouched model on the same rows, and its loss under each arm, in nats per token that "
        "the arm learns from: all 3.50, response 4.25. In bold: response."
    )
    assert "In bold" not in one_model({"all": 3.5}).caption
    assert coloured(shown, "all") > 20
    assert coloured(shown, "response") > 20


def test_the_forest_says_every_contrast_the_first_on_top():
    shown = forest(contrast_rows([("response", "all"), ("response@0.1", "all")]))
    assert shown.caption == (
        "Differences in response loss between arms, nats per token, with 95 % intervals; filled "
        "markers are resolved, hollow ones are not. response − all −0.100 (−0.150 to 0.500), "
        "resolved; response@0.1 − all −0.080 (−0.150 to 0.400), not resolved."
    )
    assert f'alt="{shown.caption}"' in shown._repr_html_()


def test_a_hollow_marker_is_not_resolved():
    """Filled and hollow differ in ink: the same row, once resolved and once not."""
    table = contrast_rows([("response", "all")])
    filled, hollow = (coloured(forest(table.assign(resolved=r)), "response") for r in (True, False))
    assert filled > hollow + 30


def test_the_histograms_say_both_means_and_who_is_better_how_often():
    shown = loss_histograms({"response": [1.0, 2, 3, 4], "all": [2.0, 3, 4, 3]})
    assert shown.caption.startswith("Response loss of 4 held-out items;")
    assert "on response, mean 2.500 nats per token, and on all, mean 3.000" in shown.caption
    assert "response − all item by item, mean −0.500; response is better on 75% of" in shown.caption
    same = loss_histograms({"response": [1.0, 1], "all": [1.0, 1]})  # no spread at all
    assert "mean 0.000; response is better on 0% of" in same.caption
    with pytest.raises(DataError, match="two arms on the same items, not of response: 2, all: 3"):
        loss_histograms({"response": [1, 2], "all": [1, 2, 3]})


def test_the_difference_against_a_factor_says_every_level():
    shown = difference_by(levels("rows", [100, 1000]), "rows", label="training rows")
    assert shown.caption == (
        "Difference in response loss response − all, nats per token with 95 % intervals, by training "
        "rows. 100: −0.051 (−0.081 to −0.021); 1,000: −0.051 (−0.081 to −0.021)."
    )
    weights = levels("weight", [0.0, 0.25], a=["response", "response@0.25"])
    shown = difference_by(weights, "weight", pair=("response@w", "all"))
    assert "response loss response@w − all" in shown.caption
    assert "by weight. 0: −0.051 (−0.081 to −0.021); 0.25: −0.051" in shown.caption


def test_levels_stand_as_numbers_where_they_can_be_told_apart():
    assert _places([1, 2, 3]) == ([1, 2, 3], "linear")
    assert _places([100, 300, 935]) == ([100, 300, 935], "log")
    assert _places([0, 0.01, 0.1, 0.5, 1]) == ([0, 1, 2, 3, 4], "linear")
    assert _places(["short", "long"]) == ([0, 1], "linear")
    assert _places([7]) == ([7], "linear")


def test_learning_curves_say_where_every_arm_ends_and_its_seeds():
    shown = learning_curves(curves(["all", "response"]))
    assert shown.caption == (
        "Response loss against optimiser steps, one curve per arm, mean of 3 seeds. all ends at "
        "2.100 (seeds 2.000 to 2.200); response ends at 2.100 (seeds 2.000 to 2.200)."
    )


def test_the_distribution_of_scores_says_mean_interval_and_both_ends():
    runs = {"before": [0.0, 0, 0, 10], "after": [0.0, 95, 100, 45]}
    shown = score_distribution(runs, {"before": (0, 10.5), "after": (12.25, 100)})
    assert shown.caption == (
        "Distribution of scores from 0 to 100; above the bars the mean and its 95 % interval. "
        "before: 4 scores, mean 2.5, interval 0.0 to 10.5; 75% are 0 and 0% are 90 or more. "
        "after: 4 scores, mean 60.0, interval 12.2 to 100.0; 25% are 0 and 50% are 90 or more."
    )
    assert shown.table.columns.tolist() == ["scores", "before", "after"]
    assert shown.table["after"].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 0, 2]  # 100 is in the last
    for none in ({}, {"x": []}):
        with pytest.raises(DataError, match="the scores of 1 to 3 runs"):
            score_distribution(none, {})


def test_the_paired_difference_says_who_is_better_how_often():
    shown = paired_difference([0, 50, 90, 10], [100, 50, 93, 0], (-50, 70), ("v1", "v2"))
    assert shown.caption == (
        "Difference v2 − v1 on 4 items, in points; the diamond is the mean, 23.2 (−50.0 to 70.0), "
        "with its 95 % interval. Of the items: v1 is better on 1, at most 5 points apart on 2, "
        "v2 is better on 1."
    )
    assert shown.table.to_numpy().tolist() == [[-10, 1], [0, 2], [100, 1]]
    with pytest.raises(DataError, match="two runs on the same items, not 1 and 2"):
        paired_difference([1], [1, 2], (0, 1))


def test_a_mean_of_zero_stands_clear_of_the_axis():
    means = {"before": (0.1, 0.0, 0.2), "after": (51.6, 42.9, 60.2)}
    fig = overview("Why?", {"before": "No.", "after": "Yes."}, means)
    fig.draw_without_rendering()
    right = fig.axes[1]
    labels = {text.get_text(): text.get_window_extent() for text in right.texts}
    assert list(labels) == ["0.1", "51.6"]
    assert labels["0.1"].x0 > right.bbox.x0 + 3  # pixels


def test_numbers_in_captions_have_a_true_minus_and_none_before_a_zero():
    assert with_interval(0.1, -0.04, 0.2) == "0.1 (0.0 to 0.2)"
    assert with_interval(-0.107, -0.229, 0.016, 3) == "−0.107 (−0.229 to 0.016)"
    assert with_interval(51.64, 42.9, 100) == "51.6 (42.9 to 100.0)"


def test_the_calibration_says_every_grade_and_none_where_there_is_no_interval():
    columns = ["from", "to", "n", "mean_a", "mean_b", "low", "high"]
    rows = [(0, 20, 3, 9.7, 20.0, 0.0, 44.8), (20, 40, 1, 20.0, 0.0, np.nan, np.nan)]
    shown = calibration(pd.DataFrame(rows, columns=columns), ("people", "reference"))
    assert shown.caption.endswith(
        "On average, where people gives 9.7 (3), reference gives 20.0 (interval 0.0 to 44.8); where "
        "people gives 20.0 (1), reference gives 0.0."
    )
    assert "<td>–</td>" in shown._repr_html_()


def test_the_agreement_counts_answers_that_fall_on_one_place():
    pairs = pd.DataFrame({"a": [0.0, 1, 100, np.nan], "b": [0.0, 2, 48, 5]})
    shown = agreement(pairs, "r = 0.9", ("people", "reference"))
    assert "Scores of 3 answers from people (across)" in shown.caption
    assert shown.caption.endswith("A is people, B is reference: r = 0.9.")
    assert shown.table.to_numpy().tolist() == [[0, 0, 2], [100, 50, 1]]


def test_a_table_of_the_numbers_is_folded_below_a_figure():
    fig, ax = figure()
    ax.plot([0, 1])
    page = show(fig, "a line", table=pd.DataFrame({"<x>": [1.25]}))._repr_html_()
    assert "<details><summary>The numbers as a table</summary><table" in page
    assert "<th>&lt;x&gt;</th>" in page
    assert "1.25</td>" in page
    assert "<details>" not in show(fig, "a line")._repr_html_()


def test_every_figure_is_small_enough_for_a_committed_lesson():
    rng = np.random.default_rng(0)
    drawn = [
        forest(contrast_rows(combinations(EVERY, 2))),  # 28 rows
        loss_histograms({"response": rng.gamma(2, 1, 1000), "all": rng.gamma(2, 1, 1000)}),
        difference_by(levels("weight", [0.01, 0.1, 0.25, 0.5], a=WEIGHTS), "weight"),
        learning_curves(curves(EVERY, seeds=5, steps=range(0, 200, 10))),
        agreement(pd.DataFrame(rng.integers(0, 101, (500, 2)), columns=["a", "b"]), "r = 0"),
        score_distribution(
            {n: rng.integers(0, 101, 99) for n in "xyz"}, dict.fromkeys("xyz", (0, 9))
        ),
    ]
    for shown in drawn:
        assert len(shown.png) <= MAX_BYTES == 60_000, shown.caption


def test_a_small_picture_is_left_as_it_is():
    fig, ax = figure()
    ax.plot([0, 1])
    assert Image.open(io.BytesIO(show(fig, "a line").png)).mode == "RGBA"


# --- speed: what the pictures of lesson 09 count ---------------------------------------------------


def example(own, *response):
    """Three tokens that all rows begin with, of which each keeps the last; its own; a response."""
    names = ["template"] * 3 + ["instruction"] * 2 + ["response"] * len(response)
    return Example([5, 6, 7, own, 8, *response], names)


def test_layouts_counts_the_tokens_of_both_batches():
    rows = [example(11, 1, 2, 3), example(12, 4), example(13, 9, 50256)]
    shown = layouts(padded(rows, "response"), packed(rows, "response"))
    table = shown.table.set_index("layout")
    assert table.loc["padded"].tolist() == [3 * 2, 3 * 2, 3 + 1 + 2, 0 + 2 + 1]  # (3, 7)
    assert table.loc["packed"].tolist() == [2, 3 * 2, 3 + 1 + 2, 0]  # the same, nothing twice
    assert "padded, 21 tokens" in shown.caption
    assert "packed, 14 tokens" in shown.caption
    assert "padding" not in shown.caption.split("packed, ")[1]


def test_layouts_without_a_common_beginning():
    rows = [Example([n, 2, 3], ["instruction", "response", "response"]) for n in (7, 8)]
    table = layouts(padded(rows, "all"), packed(rows, "all")).table
    assert table["what all rows begin with"].tolist() == [0, 0]
    assert table["learnt from"].tolist() == [4, 4]


def test_cache_filling_counts_what_is_computed():
    shown = cache_filling(prompt=3, new=4)
    table = shown.table.set_index("way")
    assert table["computed"].tolist() == [3 + 4 + 5 + 6, 3 + 1 + 1 + 1]
    assert table.loc["with a cache", "taken from the cache"] == 3 + 4 + 5
    assert (table.sum(axis=1) == 4 * 6).all()  # every new token has a line of the same width


def test_rows_leave_says_what_is_computed_in_vain():
    shown = rows_leave([5, 1, 2])
    assert shown.table["tokens"].tolist() == [1, 2, 5]
    assert "8 in all" in shown.caption
    assert "computes 7 more, 47% of its work" in shown.caption


def test_ladder_says_every_rung_and_no_ratio_for_the_first():
    nan = float("nan")
    table = pd.DataFrame(
        [("plain", 500.0, nan, nan, nan), ("better", 1250.0, 2.5, 2.25, 2.75)],
        columns=["rung", "rate", "ratio", "low", "high"],
    )
    shown = ladder(table, "tokens per second")
    assert "plain 500; better 1,250 (× 2.50 (2.25 to 2.75))" in shown.caption
    assert "nan" not in shown.caption
    assert table.equals(shown.table)


# --- schedules and masks --------------------------------------------------------------------------


def test_a_schedule_says_where_it_begins_is_highest_and_ends():
    shown = learning_rates([1e-4, 2e-4, 1.5e-4, 2e-5])
    assert shown.caption == (
        "Learning rate of 4 steps: 0.0001 at the first, highest at step 1 with 0.0002, and 2e-05 at "
        "the last."
    )


def test_a_mask_shows_each_text_and_the_prefix_and_what_should_not_be_seen():
    docs = [0, 0, 1, 1, 2]
    right = np.array(
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1]]
    )
    caption = attention_mask(right, docs).caption
    assert caption.endswith("Of 25 pairs: not seen 12, its own text 4, what all rows begin with 9.")
    everything_before = np.tril(np.ones((5, 5)))
    assert "another text 2." in attention_mask(everything_before, docs).caption
    with pytest.raises(DataError, match=r"the shape \(5, 5\), but there are 4 document numbers"):
        attention_mask(right, docs[:4])


def test_a_batch_as_a_grid_has_a_square_for_every_token():
    rows = [Example([5] * n, ["response"] * n) for n in (3, 5)]
    batch = padded(rows, "response")
    fig = padding_grid(batch.doc_ids, batch.labels)
    (ax,) = fig.axes
    widths = dict.fromkeys(("learnt from", "padding"), 0)
    for container in ax.containers:
        for bar in container:
            kind = "padding" if to_rgb(bar.get_facecolor()) == to_rgb("#f0f0f0") else "learnt from"
            widths[kind] += bar.get_width()
    assert widths == {"learnt from": 2 + 4, "padding": 2}
    (gaps,) = ax.collections
    assert [path.vertices[0][0] for path in gaps.get_paths()] == [0.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("background", "better"),
    [("white", "black"), ("#000000", "white"), ("#0072b2", "white"), ("#e69f00", "black")],
)
def test_numbers_on_a_colour_are_black_or_white_whichever_is_read_better(background, better):
    assert ink(background) == better


def test_a_model_named_like_an_arm_looks_like_it_and_no_other_does():
    looks = model_looks(["all", "base", "micro", "response"])
    assert looks["all"] == ("#000000", "o")
    assert looks["response"] == ("#0072b2", "s")
    assert len({colour for colour, _ in looks.values()}) == len({m for _, m in looks.values()}) == 4
    rows = [("response", 1100.0), ("all", 1000.0), ("base", 900.0)]
    table = pd.DataFrame(rows, columns=["model", "rating"])
    shown = ratings(table.assign(low=table.rating - 9, high=table.rating + 9, elo=table.rating))
    assert coloured(shown, "all") > 20
    assert coloured(shown, "response") > 20


def test_a_table_shows_ratios_and_rates_with_three_digits():
    numbers = pd.DataFrame({"ratio": [1.038, float("nan")], "rate": [2571.2, 85.5]})
    cells = show(figure()[0], "x", table=numbers)._repr_html_()
    for cell in ("1.04", "–", "2,571", "85.5"):
        assert f"<td>{cell}</td>" in cells
