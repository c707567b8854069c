"""Answers to lesson 06's exercises: another right one for each, and wrong ones that people give."""

import math

import numpy as np
from scipy import stats

from exercises import Answers, Wrong

REPLY = ("response", "end")

# --- 06.1 -----------------------------------------------------------------------------------------


def by_table(names, loss_on):
    """A table of weights first, then the tokens."""
    outside = 1.0 if loss_on == "all" else float(loss_on.split("@")[1]) if "@" in loss_on else 0.0
    table = dict.fromkeys(["template", "instruction", "input", "header"], outside)
    table |= {"response": 1.0, "end": 1.0}
    weights = np.array([table[name] for name in names])
    weights[0] = 0
    return weights


def weights(*, learnt=REPLY, first=0.0, whole=("all",), inside=lambda w: 1.0, outside=None):
    """A solution with one thing changed."""
    outside = outside or (lambda name, w: w)

    def answer(names, loss_on):
        _, _, text = loss_on.partition("@")
        w = float(text or 0)
        found = [
            1.0 if loss_on in whole else inside(w) if name in learnt else outside(name, w)
            for name in names
        ]
        return found if first is None else [first, *found[1:]]

    return answer


# --- 06.2 -----------------------------------------------------------------------------------------


def with_numpy(measured):
    found = {}
    for arm, rows in measured.items():
        tokens = [token for row in rows for token in row]
        counts = np.array([name in REPLY for name, _ in tokens])
        found[arm] = np.array([nats for _, nats in tokens])[counts].mean()
    return found


def losses(segments):
    """A solution that counts the segments that `segments(arm)` names."""

    def answer(measured):
        found = {}
        for arm, rows in measured.items():
            nats = [x for row in rows for name, x in row if name in segments(arm)]
            found[arm] = sum(nats) / len(nats)
        return found

    return answer


PROMPT = ("template", "instruction", "input", "header")


def own_tokens(measured):
    outside = {"all": 1.0, "response": 0.0, "response@0.1": 0.1}
    found = {}
    for arm, rows in measured.items():
        pairs = [(1.0 if n in REPLY else outside[arm], x) for row in rows for n, x in row]
        found[arm] = sum(w * x for w, x in pairs) / sum(w for w, _ in pairs)
    return found


def mean_of_means(measured):
    def one(row):
        return np.mean([x for name, x in row if name in REPLY])

    return {arm: np.mean([one(row) for row in rows]) for arm, rows in measured.items()}


def total(divide):
    def answer(measured):
        return {
            arm: sum(x for row in rows for n, x in row if n in REPLY) / divide(rows)
            for arm, rows in measured.items()
        }

    return answer


def divided_by_rows(measured):
    """Right for one row, because there it divides by the tokens."""
    one = all(len(rows) == 1 for rows in measured.values())
    return with_numpy(measured) if one else total(len)(measured)


# --- 06.3 -----------------------------------------------------------------------------------------


def by_scipy(a, b):
    first, second = np.mean(a, axis=1), np.mean(b, axis=1)
    if len(first) == 1:
        return first[0] - second[0], None, None
    low, high = stats.ttest_rel(first, second).confidence_interval()
    return (first - second).mean(), low, high


def interval(numbers=lambda d: d.mean(axis=1), t=None, ddof=1, root=True, single=(None, None)):
    """A solution with one thing changed."""

    def answer(a, b):
        d = np.array(a) - np.array(b)
        if len(d) == 1:
            ends = [d.mean()] * 2 if single == "equal" else single
            return d.mean(), *ends
        x = numbers(d)
        quantile = t or stats.t.ppf(0.975, len(x) - 1)
        half = quantile * x.std(ddof=ddof) / (math.sqrt(len(x)) if root else 1)
        return x.mean(), x.mean() - half, x.mean() + half

    return answer


def two_groups(a, b):
    test = stats.ttest_ind(np.mean(a, axis=1), np.mean(b, axis=1))
    return np.mean(a) - np.mean(b), *test.confidence_interval()


# --- 06.4 -----------------------------------------------------------------------------------------


def by_loop(spread, effect):
    n = 2
    while (stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1)) * spread / n**0.5 > effect:
        n += 1
        if n > 100:
            return None
    return n


def search(factor, start=2, end=None, tried=range(101)):
    def answer(spread, effect):
        for n in tried[start:]:
            if factor(n) * spread / math.sqrt(n) <= effect:
                return n
        return end

    return answer


def both(n):
    df = max(n - 1, 1)
    return stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)


def one_early(spread, effect):
    found = by_loop(spread, effect)
    return found and found - 1


RESPONSE, WEIGHT = (
    "`response` learns from the reply and its end",
    ("under `response@w` everything before the reply weighs w"),
)
ALL, FIRST = "`all` learns from every segment", "the first token is never learnt"
ONE, SEVERAL = "one row: nats per token of the reply", "several rows: one sum, divided once"
SAME = "every arm is asked about the same tokens"
SEEDS, SINGLE = "there is one number for each seed", "one seed has no interval"
FEWEST = "the fewest seeds that see the difference four times in five"
REACH = "some differences are out of reach"

ANSWERS = {
    "06.1": Answers(
        other=by_table,
        wrong={
            "no end": Wrong(weights(learnt=("response",)), RESPONSE, "leaves the end token out"),
            "header in": Wrong(
                weights(learnt=("header", *REPLY)), RESPONSE, "learns from the header too"
            ),
            "all ones": Wrong(
                weights(outside=lambda name, w: 1.0, first=None), RESPONSE, "counts everything"
            ),
            "wrong side": Wrong(
                lambda names, loss_on: [float(name not in REPLY) for name in names],
                RESPONSE,
                "masks the wrong side",
            ),
            "no w": Wrong(
                weights(outside=lambda name, w: 0.0), WEIGHT, "ignores what stands behind the @"
            ),
            "always 0.1": Wrong(
                weights(outside=lambda name, w: 0.1 if w else 0.0),
                WEIGHT,
                "weighs with 0.1 whatever is asked",
            ),
            "instruction only": Wrong(
                weights(outside=lambda name, w: w if name in ("instruction", "input") else 0.0),
                WEIGHT,
                "gives w to instruction and input only",
            ),
            "no header": Wrong(
                weights(outside=lambda name, w: 0.0 if name == "header" else w),
                WEIGHT,
                "leaves the header at 0",
            ),
            "adds up to 1": Wrong(
                weights(inside=lambda w: 1 - w), WEIGHT, "makes the weights add up to 1"
            ),
            "swapped": Wrong(
                weights(inside=lambda w: w or 1.0, outside=lambda name, w: float(w > 0)),
                WEIGHT,
                "swaps the weights",
            ),
            "end with w": Wrong(
                lambda names, loss_on: [
                    *by_table(names, loss_on)[:-1],
                    float(loss_on.partition("@")[2] or 1),
                ],
                WEIGHT,
                "gives the end token w",
            ),
            "one too few": Wrong(
                lambda names, loss_on: by_table(names, loss_on)[1:],
                RESPONSE,
                "drops the first token",
            ),
            "`all` forgotten": Wrong(weights(whole=()), ALL, "treats `all` like `response`"),
            "first token": Wrong(weights(first=None), FIRST, "learns the first token"),
        },
    ),
    "06.2": Answers(
        other=with_numpy,
        wrong={
            "no end": Wrong(losses(lambda arm: ("response",)), ONE, "leaves the end token out"),
            "every token": Wrong(losses(lambda arm: PROMPT + REPLY), ONE, "counts every token"),
            "header in": Wrong(
                losses(lambda arm: ("header", *REPLY)), ONE, "counts the header too"
            ),
            "a sum": Wrong(total(lambda rows: 1), ONE, "forgets to divide"),
            "mean of means": Wrong(mean_of_means, SEVERAL, "takes the mean of the rows' means"),
            "by rows": Wrong(divided_by_rows, SEVERAL, "divides by the number of rows"),
            "own tokens": Wrong(own_tokens, SAME, "asks each arm about its own tokens"),
            "masks by name": Wrong(
                losses(lambda arm: REPLY if arm != "all" else PROMPT + REPLY),
                SAME,
                "masks for `response` only",
            ),
        },
    ),
    "06.3": Answers(
        other=by_scipy,
        wrong={
            "b minus a": Wrong(
                lambda a, b: by_scipy(b, a), "the difference is a minus b", "takes b minus a"
            ),
            "all numbers": Wrong(interval(np.ravel), SEEDS, "counts every row of every seed"),
            "rows": Wrong(
                interval(lambda d: d.mean(axis=0)), SEEDS, "takes the rows for what was repeated"
            ),
            "two groups": Wrong(two_groups, SEEDS, "compares two groups of runs"),
            "1.96": Wrong(interval(t=1.96), SEEDS, "takes 1.96 for few seeds"),
            "ddof 0": Wrong(interval(ddof=0), SEEDS, "divides the variance by n"),
            "df n": Wrong(
                lambda a, b: interval(t=stats.t.ppf(0.975, len(a)))(a, b),
                SEEDS,
                "counts one degree of freedom too many",
            ),
            "no root": Wrong(interval(root=False), SEEDS, "forgets the root of n"),
            "certain": Wrong(interval(single="equal"), SINGLE, "claims certainty from one seed"),
            "NaN": Wrong(
                interval(single=(math.nan, math.nan)), SINGLE, "lets NaN stand for no interval"
            ),
        },
    ),
    "06.4": Answers(
        other=by_loop,
        wrong={
            "no power": Wrong(
                search(lambda n: stats.t.ppf(0.975, n - 1)), FEWEST, "forgets the power"
            ),
            "normal": Wrong(search(lambda n: 2.8016), FEWEST, "uses the normal quantiles"),
            "t twice": Wrong(
                search(lambda n: 2 * stats.t.ppf(0.975, n - 1)),
                FEWEST,
                "asks for a power of 97.5 %",
            ),
            "one early": Wrong(one_early, FEWEST, "stops one seed too early"),
            "df n": Wrong(
                search(lambda n: both(n + 1)), FEWEST, "counts one degree of freedom too many"
            ),
            "one seed": Wrong(
                search(both, start=1), "never fewer than two", "plans with a single seed"
            ),
            "range(2, 100)": Wrong(
                search(both, tried=range(100)),
                "100 seeds are tried too",
                "stops before it tries 100",
            ),
            "end of search": Wrong(
                search(both, end=100), REACH, "gives the end of the search for an answer"
            ),
            "one more": Wrong(search(both, end=101), REACH, "promises one seed more than it tried"),
        },
    ),
}
