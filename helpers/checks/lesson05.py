"""The exercises of lesson 05: a reply becomes a score, scores a mean, two means a difference."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from helpers.checks.exercise import Exercise, Mistake, Part
from helpers.errors import CourseError
from helpers.evaluate.scorecard import compare, score_card
from helpers.judge.replies import parse_score

# --- 05.1: a reply becomes a score ----------------------------------------------------------------

NUMBER = r"-?\d+(?:\.\d+)?"


def ask_each(answer: Callable, replies: Sequence[str]) -> list:
    """What the answer makes of each reply."""
    return [answer(reply) for reply in replies]


def _scores(replies: Sequence[str]) -> list[float | None]:
    return [parse_score(reply) for reply in replies]


def _found(replies: Sequence[str], pick: Callable[[list[str]], Any]) -> list:
    """What a careless reader takes of the numbers in each reply, the scale among them."""
    return [pick(re.findall(NUMBER, reply)) for reply in replies]


def _two_digits(seed: int, n: int) -> list[int]:
    """n different numbers from 11 to 89."""
    return random.Random(seed).sample(range(11, 90), n)


def _plain_replies(seed: int) -> tuple:
    a, b, c = _two_digits(seed, 3)
    return ([f"{a}", f"Score: {b}", f"I give it {c} points."],)


def _two_number_replies(seed: int) -> tuple:
    a, b, c, d = _two_digits(seed, 4)
    return ([f"Between {a} and {b}.", f"{c} for style, {d} for content."],)


def _off_scale_replies(seed: int) -> tuple:
    a, b = _two_digits(seed, 2)
    return ([f"Score: {100 + a}", f"-{b}"],)


READ_SCORE = Exercise(
    id="05.1",
    title="What did the judge say?",
    teaches="that a reply is a score only when it leaves no doubt",
    difficulty="easy",
    minutes=10,
    answer="read_score",
    fallback=lambda: parse_score,
    fallback_name="helpers.judge.replies.parse_score",
    parts=(
        Part(
            "the only number in a reply is the score",
            _plain_replies,
            _scores,
            "Look for the one number in the text and return it with float(…).",
            (
                Mistake(
                    "leaves the score a text",
                    lambda replies: _found(replies, lambda n: n[0]),
                    "You return the digits as text. No mean can be taken of texts: make a number of "
                    "it with float(…).",
                ),
                Mistake(
                    "reads only replies that are nothing but a number",
                    lambda replies: [float(replies[0]), None, None],
                    "You read the bare number, and give up as soon as there are words around it. "
                    "Judges like to talk: search the reply for a number.",
                ),
            ),
            call=ask_each,
        ),
        Part(
            "0 is a score",
            lambda seed: (["0", "Score: 0"],),
            _scores,
            "The worst answer gets 0, and 0 is a score like any other.",
            (
                Mistake(
                    "takes 0 for nothing",
                    lambda replies: [None] * len(replies),
                    "Your 0 became None. In Python 0 counts as false, so `if score` and "
                    "`score or None` lose it. Ask for `is None`, or for how many numbers there are.",
                ),
            ),
            call=ask_each,
        ),
        Part(
            "decimals belong to the number",
            lambda seed: ([f"Score: {_two_digits(seed, 1)[0]}.5"],),
            _scores,
            "The point and the digits behind it are part of the number.",
            (
                Mistake(
                    "drops the decimals",
                    lambda replies: _found(replies, lambda n: float(int(float(n[0])))),
                    "You read the digits before the point and lose the rest. Let your pattern go on "
                    "over a point with digits behind it.",
                ),
                Mistake(
                    "sees two numbers in a decimal",
                    lambda replies: [None] * len(replies),
                    "To you a decimal number is two numbers, with a point between them. Let your "
                    "pattern take the point along when digits follow.",
                ),
            ),
            call=ask_each,
        ),
        Part(
            "/100 is the scale, not a number",
            lambda seed: ([f"{n}/100" for n in _two_digits(seed, 2)],),
            _scores,
            "What stands before /100 is the score. Take the scale away before you look for numbers.",
            (
                Mistake(
                    "counts the scale as a second number",
                    lambda replies: [None] * len(replies),
                    "You count the 100 of `/100` as a number of its own, so you see two and give "
                    "up. Take the scale away first.",
                ),
                Mistake(
                    "returns the scale",
                    lambda replies: [100.0] * len(replies),
                    "Every answer gets 100 from you: you took the last number, which is the scale.",
                ),
                Mistake(
                    "divides by the scale",
                    lambda replies: [float(r.split("/")[0]) / 100 for r in replies],
                    "You worked out the fraction. All our scores lie between 0 and 100, so that "
                    "they can be compared: the number before the stroke is what we want.",
                ),
            ),
            call=ask_each,
        ),
        Part(
            "two numbers are no score",
            _two_number_replies,
            _scores,
            "Such a reply does not say which number it means: return None.",
            (
                Mistake(
                    "takes the first of two numbers",
                    lambda replies: _found(replies, lambda n: float(n[0])),
                    "You take the first of two numbers. Nobody said that it is the score: count the "
                    "numbers before you choose one.",
                ),
                Mistake(
                    "takes the last of two numbers",
                    lambda replies: _found(replies, lambda n: float(n[-1])),
                    "You take the last of two numbers. Nobody said that it is the score: count the "
                    "numbers before you choose one.",
                ),
                Mistake(
                    "takes the mean of two numbers",
                    lambda replies: _found(replies, lambda n: sum(map(float, n)) / len(n)),
                    "You take the mean of the numbers, a score that the judge never gave. Return "
                    "None, and let the item be counted as one without a score.",
                ),
            ),
            call=ask_each,
        ),
        Part(
            "a number off the scale is none",
            _off_scale_replies,
            _scores,
            "Return None for a number below 0 or above 100.",
            (
                Mistake(
                    "lets numbers off the scale through",
                    lambda replies: _found(replies, lambda n: float(n[0])),
                    "You return scores below 0 or above 100. A single one of them can move a mean "
                    "by points: check the range before you return.",
                ),
                Mistake(
                    "moves numbers onto the scale",
                    lambda replies: [min(100.0, max(0.0, float(n))) for n in _found(replies, max)],
                    "You move such a number to the nearest end of the scale. But a judge that says "
                    "850 may have meant 85: you do not know, so say None.",
                ),
                Mistake(
                    "drops the minus sign",
                    lambda replies: [None, abs(float(replies[1]))],
                    "Your pattern passes over the minus sign, so that -5 becomes a 5. Let the sign "
                    "be part of the number.",
                ),
            ),
            call=ask_each,
        ),
        Part(
            "where nothing is said, nothing is returned",
            lambda seed: (["", "NaN", "A good answer.", "n/a"],),
            _scores,
            "No number, no score: return None.",
            (
                Mistake(
                    "scores silence with 0",
                    lambda replies: [0.0] * len(replies),
                    "You give 0 where the judge said nothing. That is a verdict on the answer, and "
                    "nobody passed it: return None.",
                ),
                Mistake(
                    "lets NaN through",
                    lambda replies: [math.nan if r == "NaN" else None for r in replies],
                    'float("NaN") works, and no comparison stops what comes out: NaN is neither '
                    "below 0 nor above 100. Ask for what you want, 0 <= score <= 100.",
                ),
            ),
            call=ask_each,
        ),
    ),
)

# --- 05.2: what a mean is a mean of ---------------------------------------------------------------


def picked(*keys: str) -> Callable[..., Any]:
    """A way to ask: the answer's dict with these keys only; what is no dict as it is."""

    def call(answer: Callable, *arguments: Any) -> Any:
        try:
            found = answer(*arguments)
        except (ArithmeticError, ValueError) as error:
            return type(error).__name__
        if isinstance(found, Mapping):
            return {key: found[key] for key in keys if key in found}
        return found

    return call


def _card(*keys: str) -> Callable[[Sequence], dict]:
    return lambda scores: {key: score_card(scores)[key] for key in keys}


def _some_missing(seed: int) -> tuple:
    """Seven scores between 20 and 90, two of them missing."""
    a, b, c, d, e = map(float, random.Random(seed).sample(range(20, 91), 5))
    return ([a, b, None, c, None, d, e],)


def _with_zeros(seed: int) -> tuple:
    (scores,) = _some_missing(seed)
    return ([0.0, *scores, 0.0],)


def _there(scores: Sequence) -> list[float]:
    return [s for s in scores if s is not None]


def _bounds_over(scores: Sequence, n: int, low: float = 0.0, high: float = 100.0) -> dict:
    total, missing = sum(_there(scores)), scores.count(None)
    return {"bounds": [(total + missing * low) / n, (total + missing * high) / n]}


SCORE_CARD = Exercise(
    id="05.2",
    title="What is this mean a mean of?",
    teaches="that a mean belongs beside its coverage, and beside what the missing scores could do to it",
    difficulty="medium",
    minutes=15,
    answer="score_card",
    fallback=lambda: score_card,
    fallback_name="helpers.evaluate.scorecard.score_card",
    parts=(
        Part(
            "the mean is over the items that have a score",
            _some_missing,
            _card("mean"),
            'Return a dict, and under "mean" the mean of the scores that are not None.',
            (
                Mistake(
                    "counts missing scores as 0",
                    lambda scores: {"mean": sum(_there(scores)) / len(scores)},
                    "You divide by all items, which makes every missing score a 0. The judge never "
                    "gave that 0. Divide by as many scores as you added up.",
                ),
            ),
            call=picked("mean"),
        ),
        Part(
            "a score of 0 is there",
            _with_zeros,
            _card("mean"),
            "A 0 was given by the judge and counts. Only None is missing.",
            (
                Mistake(
                    "drops the zeros along with the missing",
                    lambda scores: {"mean": float(np.mean([s for s in scores if s]))},
                    "With `if score` you drop the zeros as well, and the model looks better than it "
                    "is. Ask `if score is not None`.",
                ),
            ),
            call=picked("mean"),
        ),
        Part(
            "coverage is the share that has a score",
            _with_zeros,
            _card("coverage"),
            'Under "coverage": how many have a score, divided by how many there are.',
            (
                Mistake(
                    "gives a number of items for a share",
                    lambda scores: {"coverage": len(_there(scores))},
                    "You count the scores. A count means nothing without the number of items: "
                    "divide by it.",
                ),
                Mistake(
                    "gives the coverage in per cent",
                    lambda scores: {"coverage": 100 * len(_there(scores)) / len(scores)},
                    "Your share is in per cent. Give it as a number from 0 to 1.",
                ),
                Mistake(
                    "gives the share that is missing",
                    lambda scores: {"coverage": scores.count(None) / len(scores)},
                    "That is the share which is missing. Coverage is the rest.",
                ),
            ),
            call=picked("coverage"),
        ),
        Part(
            "the bounds are what the missing scores could make of the mean",
            _with_zeros,
            _card("bounds"),
            'Under "bounds": the mean of all items if each missing score had been 0, and if 100.',
            (
                Mistake(
                    "gives the lowest and the highest score",
                    lambda scores: {"bounds": [min(_there(scores)), max(_there(scores))]},
                    "Those are the lowest and the highest score. The bounds are means: put 0 in the "
                    "place of every None and take the mean of all, then do it again with 100.",
                ),
                Mistake(
                    "divides the bounds by the items with a score",
                    lambda scores: _bounds_over(scores, len(_there(scores))),
                    "Here the missing items take part, so divide by all of them. (A sign that "
                    "something is wrong: your upper bound can get above 100.)",
                ),
                Mistake(
                    "fills the gaps with scores that occurred",
                    lambda scores: _bounds_over(
                        scores, len(scores), min(_there(scores)), max(_there(scores))
                    ),
                    "You fill the gaps with the lowest and highest score that occurred. The missing "
                    "ones may be worse or better than any of these: use the ends of the scale, 0 "
                    "and 100.",
                ),
                Mistake(
                    "gives the bounds upside down",
                    lambda scores: {"bounds": _bounds_over(scores, len(scores))["bounds"][::-1]},
                    "Both numbers are right. The lower one comes first.",
                ),
            ),
            call=picked("bounds"),
        ),
        Part(
            "without any score there is no mean",
            lambda seed: ([None] * (3 + seed % 3),),
            _card("mean", "coverage", "bounds"),
            "With nothing but None: mean None, coverage 0.0, and bounds from 0 to 100.",
            (
                Mistake(
                    "calls the mean of nothing 0",
                    lambda scores: {"mean": 0.0, "coverage": 0.0, "bounds": [0.0, 100.0]},
                    "You report a mean of 0, the worst that a model can get, for one that nobody "
                    "has judged. Return None.",
                ),
                Mistake(
                    "lets NaN stand for no mean",
                    lambda scores: {"mean": math.nan, "coverage": 0.0, "bounds": [0.0, 100.0]},
                    "NaN spreads: every number computed with it becomes NaN, without a word. Return "
                    "None, which complains at once.",
                ),
                Mistake(
                    "divides by zero",
                    lambda scores: "ZeroDivisionError",
                    "You divide by the number of scores, and here there are none. Treat this case "
                    "before you divide.",
                ),
            ),
            call=picked("mean", "coverage", "bounds"),
        ),
    ),
)

# --- 05.3: two models on the same items -----------------------------------------------------------

Scores = Mapping[str, float]


def paired_difference(a: Scores, b: Scores) -> dict[str, Any]:
    """`difference` (b - a), `ci95` and `resolved` for two dicts of scores by item."""
    lines = [
        [{"item": item, "status": "scored", "score": score} for item, score in side.items()]
        for side in (a, b)
    ]
    found = compare(*lines, resamples=0)
    return {key: found[key] for key in ("difference", "ci95", "resolved")}


def _two_models(seed: int, gain: float = 4.0, n: int = 7, noise: float = 6.0) -> tuple[dict, dict]:
    """Scores of two models by item: items differ much, the models less."""
    rng = np.random.default_rng(1000 + seed)
    hard = rng.permutation(np.linspace(25, 75, n))
    wobble = rng.permutation(np.linspace(-noise, noise, n))
    names = [f"q{i + 1}" for i in range(n)]
    a = {name: round(float(x), 1) for name, x in zip(names, hard, strict=True)}
    b = {name: round(float(x), 1) for name, x in zip(names, hard + gain + wobble, strict=True)}
    return a, b


def _other_order(seed: int) -> tuple[dict, dict]:
    """The same, the second model's items from the last to the first."""
    a, b = _two_models(seed, n=8)
    return a, dict(reversed(b.items()))


def _uneven(seed: int) -> tuple[list]:
    """Pairs of models that did not answer the same items: one lacks some, then the other."""
    a, b = _two_models(seed)
    fewer = dict(list(b.items())[:-1])
    return ([(a, fewer), (fewer, b)],)


def _three_cases(seed: int) -> tuple[list]:
    """B clearly better, B clearly worse, nothing to be seen."""
    return ([_two_models(seed, gain) for gain in (12.0, -12.0, 0.5)],)


def whether_refused(answer: Callable, cases: Sequence[tuple[dict, dict]]) -> list[str]:
    """For each case whether the answer refused it, fell over it, or went on."""
    found = []
    for a, b in cases:
        try:
            answer(a, b)
        except (ValueError, CourseError):
            found.append("refused")
        except KeyError:
            found.append("KeyError")
        else:
            found.append("went on")
    return found


def whether_resolved(answer: Callable, cases: Sequence[tuple[dict, dict]]) -> list:
    """What the answer says under "resolved" in each case."""
    return [answer(a, b)["resolved"] for a, b in cases]


def _differences(a: Scores, b: Scores) -> np.ndarray:
    return np.array([b[item] - a[item] for item in a])


def _by_place(a: Scores, b: Scores) -> np.ndarray:
    return np.array(list(b.values())) - np.array(list(a.values()))


def _ends(d: np.ndarray, t: float, *, ddof: int = 1, n: float = 0) -> dict:
    """The interval with this quantile around the mean of d."""
    half = t * d.std(ddof=ddof) / math.sqrt(n or len(d))
    return {"ci95": [float(d.mean() - half), float(d.mean() + half)]}


def _t(n: int, level: float = 0.975) -> float:
    return float(stats.t.ppf(level, n - 1))


def _unpaired(a: Scores, b: Scores, df_of: Callable[[int], int]) -> dict:
    first, second = (np.array(list(side.values())) for side in (a, b))
    n, d = len(first), second.mean() - first.mean()
    half = stats.t.ppf(0.975, df_of(n)) * math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / n)
    return {"ci95": [d - half, d + half]}


UNPAIRED = (
    "Your interval is much too wide: it is that of two separate groups. Each item was answered by "
    "both models, so take the difference item by item first, and then the spread of those."
)

PAIRED_DIFFERENCE = Exercise(
    id="05.3",
    title="Better, or just different?",
    teaches="that two models on the same items are compared pair by pair, and the interval decides",
    difficulty="open",
    minutes=25,
    answer="paired_difference",
    fallback=lambda: paired_difference,
    fallback_name="made of helpers.evaluate.scorecard.compare",
    parts=(
        Part(
            "the difference is B minus A",
            _two_models,
            lambda a, b: {"difference": float(_differences(a, b).mean())},
            "Return a dict, and under \"difference\" the mean of B's score minus A's.",
            (
                Mistake(
                    "takes A minus B",
                    lambda a, b: {"difference": -float(_differences(a, b).mean())},
                    "Your sign is turned round. We say how much better B is, so it is B minus A.",
                ),
                Mistake(
                    "forgets to divide the sum",
                    lambda a, b: {"difference": float(_differences(a, b).sum())},
                    "That is the sum of the differences. Divide it by the number of items.",
                ),
            ),
            call=picked("difference"),
        ),
        Part(
            "the interval comes from the differences, with t",
            _two_models,
            lambda a, b: _ends(_differences(a, b), _t(len(a))),
            'Under "ci95": mean ± t · s / √n, where s is the standard deviation of the differences '
            "(divided by n - 1) and t = stats.t.ppf(0.975, n - 1).",
            (
                Mistake(
                    "compares two groups, not pairs",
                    lambda a, b: _unpaired(a, b, lambda n: 2 * n - 2),
                    UNPAIRED,
                ),
                Mistake(
                    "compares two groups, not pairs",
                    lambda a, b: _unpaired(a, b, lambda n: n - 1),
                    UNPAIRED,
                ),
                Mistake(
                    "takes 1.96 for few items",
                    lambda a, b: _ends(_differences(a, b), 1.96),
                    "You use 1.96, as if the spread were known. You only estimate it, from few "
                    "items, and t pays for that: stats.t.ppf(0.975, n - 1).",
                ),
                Mistake(
                    "divides the variance by n",
                    lambda a, b: _ends(_differences(a, b), _t(len(a)), ddof=0),
                    "Your standard deviation is a little too small: NumPy divides by n unless you "
                    "ask for n - 1. Say ddof=1.",
                ),
                Mistake(
                    "takes the spread of items for that of their mean",
                    lambda a, b: _ends(_differences(a, b), _t(len(a)), n=1),
                    "Your interval says where single differences lie. That of their mean is "
                    "narrower: divide the standard deviation by √n.",
                ),
                Mistake(
                    "leaves 5 % outside at each end",
                    lambda a, b: _ends(_differences(a, b), _t(len(a), 0.95)),
                    "With the quantile 0.95, 5 % lie beyond *each* end, which makes it a 90 % "
                    "interval. Take 0.975.",
                ),
                Mistake(
                    "counts one degree of freedom too many",
                    lambda a, b: _ends(_differences(a, b), _t(len(a) + 1)),
                    "One degree of freedom went into the mean: t takes n - 1, not n.",
                ),
            ),
            call=picked("ci95"),
            tolerance=1e-3,
        ),
        Part(
            "items are paired by name",
            _other_order,
            lambda a, b: _ends(_differences(a, b), _t(len(a))),
            "The second dict has the same items in another order. Look each item up by its name.",
            (
                Mistake(
                    "pairs by place",
                    lambda a, b: _ends(_by_place(a, b), _t(len(a))),
                    "You pair the first with the first and the second with the second, and here "
                    "the second model's items come in another order. The mean hides this; the "
                    "interval does not. Use `b[item]`.",
                ),
            ),
            call=picked("ci95"),
            tolerance=1e-3,
        ),
        Part(
            "different items are refused",
            _uneven,
            lambda cases: ["refused"] * len(cases),
            "When the two dicts do not hold the same items, raise a ValueError that says so.",
            (
                Mistake(
                    "compares what happens to be in both",
                    lambda cases: ["went on"] * len(cases),
                    "You drop the items that only one model answered, without a word. Those may "
                    "be just the hard ones. Compare the keys first, and raise a ValueError.",
                ),
                Mistake(
                    "notices a missing item on one side only",
                    lambda cases: ["refused", "went on"],
                    "You notice when B lacks an item and not when A does. Compare the two sets of "
                    "keys: `a.keys() != b.keys()`.",
                ),
                Mistake(
                    "falls over a missing item",
                    lambda cases: ["KeyError", "went on"],
                    "A KeyError is an accident, and it only happens when B lacks something. Compare "
                    "the keys first, and raise a ValueError that says what is wrong.",
                ),
            ),
            call=whether_refused,
        ),
        Part(
            "resolved means that 0 lies outside",
            _three_cases,
            lambda cases: [True, True, False],
            'Under "resolved": True when the whole interval lies above 0, or the whole below.',
            (
                Mistake(
                    "sees only what is better",
                    lambda cases: [True, False, False],
                    "You ask only whether the interval lies above 0. When it lies below, B is "
                    "worse, and that is resolved as well.",
                ),
                Mistake(
                    "calls every difference resolved",
                    lambda cases: [True, True, True],
                    "To you every difference is one. Two means are never quite equal: ask whether "
                    "the interval keeps clear of 0.",
                ),
                Mistake(
                    "turns resolved round",
                    lambda cases: [False, False, True],
                    "You say True where 0 lies inside the interval. That is the case which is *not* "
                    "resolved.",
                ),
            ),
            call=whether_resolved,
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (READ_SCORE, SCORE_CARD, PAIRED_DIFFERENCE)
