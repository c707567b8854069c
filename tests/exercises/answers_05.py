"""Answers to lesson 05's exercises: another right one for each, and wrong ones that people give."""

import math
import re
import statistics

import numpy as np
from scipy import stats

from exercises import Answers, Wrong

# --- 05.1 -----------------------------------------------------------------------------------------


def by_words(reply):
    """Word by word, without a pattern for the whole."""
    numbers = []
    for word in reply.replace("/100", " ").split():
        word = word.strip(".,:;!?()")
        if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", word):
            numbers.append(float(word))
    right = len(numbers) == 1 and 0 <= numbers[0] <= 100
    return numbers[0] if right else None


def stays_text(reply):
    found = re.findall(r"\d+", reply)
    return found[0] if len(found) == 1 else None


def zero_is_false(reply):
    return by_words(reply) or None


def integers_only(reply):
    found = re.findall(r"\d+", reply)
    return float(found[0]) if found else None


def decimal_is_two(reply):
    found = re.findall(r"\d+", reply.replace("/100", ""))
    return float(found[0]) if len(found) == 1 else None


def scale_is_two(reply):
    found = re.findall(r"\d+(?:\.\d+)?", reply)
    return float(found[0]) if len(found) == 1 else None


def last_number(reply):
    found = re.findall(r"\d+(?:\.\d+)?", reply)
    return float(found[-1]) if found else None


def fraction(reply):
    number = by_words(reply)
    return number / 100 if "/100" in reply else number


def first_number(reply):
    found = re.findall(r"\d+(?:\.\d+)?", reply.replace("/100", ""))
    return float(found[0]) if found else None


def last_of_two(reply):
    found = re.findall(r"\d+(?:\.\d+)?", reply.replace("/100", ""))
    return float(found[-1]) if found else None


def bare_number(reply):
    try:
        return float(reply)
    except ValueError:
        return None


def mean_number(reply):
    found = re.findall(r"\d+(?:\.\d+)?", reply.replace("/100", ""))
    return statistics.fmean(map(float, found)) if found else None


def one_number(reply, pattern=r"-?\d+(?:\.\d+)?"):
    found = re.findall(pattern, reply.replace("/100", ""))
    return float(found[0]) if len(found) == 1 else None


def clamped(reply):
    number = one_number(reply)
    return None if number is None else min(100, max(0, number))


def unsigned(reply):
    number = one_number(reply, r"\d+(?:\.\d+)?")
    return number if number is not None and number <= 100 else None


def silent_zero(reply):
    return 0.0 if not re.search(r"\d", reply) else by_words(reply)


def nan_passes(reply):
    try:
        number = float(reply)
    except ValueError:
        return by_words(reply)
    return None if number < 0 or number > 100 else number


# --- 05.2 -----------------------------------------------------------------------------------------


def with_numpy(scores):
    values = np.array([math.nan if s is None else s for s in scores])
    gone = np.isnan(values)
    return {
        "mean": None if gone.all() else np.nanmean(values),
        "coverage": 1 - gone.mean(),
        "bounds": [np.where(gone, end, values).mean() for end in (0, 100)],
    }


def card(**changes):
    """`with_numpy` with one entry computed otherwise: key=function of the scores."""
    return lambda scores: {**with_numpy(scores), **{k: f(scores) for k, f in changes.items()}}


def there(scores):
    return [s for s in scores if s is not None]


def divides_by_none(scores):
    return {"mean": sum(there(scores)) / len(there(scores))} | with_numpy(scores)


# --- 05.3 -----------------------------------------------------------------------------------------


def by_scipy(a, b):
    if set(a) != set(b):
        raise ValueError("different items")
    names = sorted(a)
    test = stats.ttest_rel([b[n] for n in names], [a[n] for n in names])
    low, high = test.confidence_interval(0.95)
    mean = statistics.fmean(b[n] - a[n] for n in names)
    return {"difference": mean, "ci95": (low, high), "resolved": low * high > 0}


def interval(t=lambda n: stats.t.ppf(0.975, n - 1), ddof=1, root=True):
    def answer(a, b):
        d = np.array([b[item] - a[item] for item in a])
        half = t(len(d)) * d.std(ddof=ddof) / (math.sqrt(len(d)) if root else 1)
        return {"difference": d.mean(), "ci95": [d.mean() - half, d.mean() + half]}

    return answer


def unpaired(a, b):
    x, y = np.array(list(a.values())), np.array(list(b.values()))
    low, high = stats.ttest_ind(y, x).confidence_interval(0.95)
    return {"difference": y.mean() - x.mean(), "ci95": [low, high]}


def by_place(a, b):
    return interval()(dict(enumerate(a.values())), dict(enumerate(b.values())))


def what_both_have(a, b):
    both = a.keys() & b.keys()
    return by_scipy({n: a[n] for n in both}, {n: b[n] for n in both})


def one_side(a, b):
    if any(item not in b for item in a):
        raise ValueError("B lacks items")
    return interval()(a, b)


def resolved_if(rule):
    def answer(a, b):
        found = by_scipy(a, b)
        return {**found, "resolved": rule(*found["ci95"])}

    return answer


PLAIN, ZERO = "the only number in a reply is the score", "0 is a score"
DECIMALS, SCALE = "decimals belong to the number", "/100 is the scale, not a number"
TWO, OFF = "two numbers are no score", "a number off the scale is none"
SILENT = "where nothing is said, nothing is returned"
MEAN, THERE = "the mean is over the items that have a score", "a score of 0 is there"
COVERAGE = "coverage is the share that has a score"
BOUNDS = "the bounds are what the missing scores could make of the mean"
NOTHING = "without any score there is no mean"
INTERVAL = "the interval comes from the differences, with t"
REFUSED, RESOLVED = "different items are refused", "resolved means that 0 lies outside"

ANSWERS = {
    "05.1": Answers(
        other=by_words,
        wrong={
            "leaves text": Wrong(stays_text, PLAIN, "leaves the score a text"),
            "bare numbers": Wrong(
                bare_number, PLAIN, "reads only replies that are nothing but a number"
            ),
            "if score": Wrong(zero_is_false, ZERO, "takes 0 for nothing"),
            "whole numbers": Wrong(integers_only, DECIMALS, "drops the decimals"),
            "digits only": Wrong(decimal_is_two, DECIMALS, "sees two numbers in a decimal"),
            "scale counted": Wrong(scale_is_two, SCALE, "counts the scale as a second number"),
            "last number": Wrong(last_number, SCALE, "returns the scale"),
            "fraction": Wrong(fraction, SCALE, "divides by the scale"),
            "first number": Wrong(first_number, TWO, "takes the first of two numbers"),
            "last of two": Wrong(last_of_two, TWO, "takes the last of two numbers"),
            "mean of numbers": Wrong(mean_number, TWO, "takes the mean of two numbers"),
            "no range": Wrong(one_number, OFF, "lets numbers off the scale through"),
            "clamps": Wrong(clamped, OFF, "moves numbers onto the scale"),
            "no sign": Wrong(unsigned, OFF, "drops the minus sign"),
            "silence is 0": Wrong(silent_zero, SILENT, "scores silence with 0"),
            "NaN": Wrong(nan_passes, SILENT, "lets NaN through"),
        },
    ),
    "05.2": Answers(
        other=with_numpy,
        wrong={
            "missing is 0": Wrong(
                card(mean=lambda s: sum(there(s)) / len(s)), MEAN, "counts missing scores as 0"
            ),
            "if score": Wrong(
                card(mean=lambda s: statistics.fmean(filter(None, s))),
                THERE,
                "drops the zeros along with the missing",
            ),
            "a count": Wrong(
                card(coverage=lambda s: len(there(s))),
                COVERAGE,
                "gives a number of items for a share",
            ),
            "per cent": Wrong(
                card(coverage=lambda s: 100 * len(there(s)) / len(s)),
                COVERAGE,
                "gives the coverage in per cent",
            ),
            "share missing": Wrong(
                card(coverage=lambda s: s.count(None) / len(s)),
                COVERAGE,
                "gives the share that is missing",
            ),
            "range of the scores": Wrong(
                card(bounds=lambda s: [min(there(s)), max(there(s))]),
                BOUNDS,
                "gives the lowest and the highest score",
            ),
            "bounds over the scored": Wrong(
                card(
                    bounds=lambda s: [
                        (sum(there(s)) + end * s.count(None)) / len(there(s)) for end in (0, 100)
                    ]
                ),
                BOUNDS,
                "divides the bounds by the items with a score",
            ),
            "scores that occurred": Wrong(
                card(
                    bounds=lambda s: [
                        statistics.fmean([end(there(s)) if x is None else x for x in s])
                        for end in (min, max)
                    ]
                ),
                BOUNDS,
                "fills the gaps with scores that occurred",
            ),
            "upside down": Wrong(
                card(bounds=lambda s: with_numpy(s)["bounds"][::-1]),
                BOUNDS,
                "gives the bounds upside down",
            ),
            "mean of nothing is 0": Wrong(
                card(mean=lambda s: statistics.fmean(there(s) or [0])),
                NOTHING,
                "calls the mean of nothing 0",
            ),
            "NaN": Wrong(
                card(mean=lambda s: statistics.fmean(there(s) or [math.nan])),
                NOTHING,
                "lets NaN stand for no mean",
            ),
            "divides by zero": Wrong(divides_by_none, NOTHING, "divides by zero"),
        },
    ),
    "05.3": Answers(
        other=by_scipy,
        wrong={
            "A minus B": Wrong(
                lambda a, b: by_scipy(b, a), "the difference is B minus A", "takes A minus B"
            ),
            "a sum": Wrong(
                lambda a, b: {"difference": sum(b.values()) - sum(a.values())},
                "the difference is B minus A",
                "forgets to divide the sum",
            ),
            "unpaired": Wrong(unpaired, INTERVAL, "compares two groups, not pairs"),
            "1.96": Wrong(interval(lambda n: 1.96), INTERVAL, "takes 1.96 for few items"),
            "ddof 0": Wrong(interval(ddof=0), INTERVAL, "divides the variance by n"),
            "no root of n": Wrong(
                interval(root=False), INTERVAL, "takes the spread of items for that of their mean"
            ),
            "one-sided": Wrong(
                interval(lambda n: stats.t.ppf(0.95, n - 1)),
                INTERVAL,
                "leaves 5 % outside at each end",
            ),
            "df n": Wrong(
                interval(lambda n: stats.t.ppf(0.975, n)),
                INTERVAL,
                "counts one degree of freedom too many",
            ),
            "by place": Wrong(by_place, "items are paired by name", "pairs by place"),
            "what both have": Wrong(what_both_have, REFUSED, "compares what happens to be in both"),
            "one side": Wrong(one_side, REFUSED, "notices a missing item on one side only"),
            "KeyError": Wrong(interval(), REFUSED, "falls over a missing item"),
            "only better": Wrong(
                resolved_if(lambda low, high: low > 0), RESOLVED, "sees only what is better"
            ),
            "any difference": Wrong(
                resolved_if(lambda low, high: low + high != 0),
                RESOLVED,
                "calls every difference resolved",
            ),
            "turned round": Wrong(
                resolved_if(lambda low, high: low < 0 < high), RESOLVED, "turns resolved round"
            ),
        },
    ),
}
