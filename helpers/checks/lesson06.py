"""The exercises of lesson 06: loss weights, losses that can be compared, and seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from helpers.checks.exercise import Exercise, Mistake, Part
from helpers.evaluate.scorecard import detectable, mean_interval
from helpers.experiment.measure import per_token
from helpers.masking import Example, loss_weights, segment_weights

# --- 06.1: how much every token counts ------------------------------------------------------------

LEARNT = ("response", "end")


def token_weights(names: Sequence[str], loss_on: str) -> list[float]:
    """The loss weight of every token of a row, whose segments are `names`."""
    return loss_weights(Example([0] * len(names), list(names)), loss_on)


def _row(seed: int) -> list[str]:
    """The segments of a short row, token by token."""
    draw = random.Random(seed)
    lengths = {"template": 2, "instruction": draw.randint(2, 4), "input": draw.randint(1, 3)}
    lengths |= {"header": 2, "response": draw.randint(2, 4), "end": 1}
    return [name for name, n in lengths.items() for _ in range(n)]


def _weight(seed: int) -> str:
    """An arm with a prompt weight that nobody would write into the code."""
    return f"response@{random.Random(seed).choice((0.15, 0.2, 0.25, 0.3))}"


def _by_name(names: Sequence[str], inside: float, outside: float, **others: float) -> list[float]:
    """Weights by segment: what is learnt, the rest, and what `others` say."""
    return [others.get(name, inside if name in LEARNT else outside) for name in names]


def after_the_first(answer: Callable, names: Sequence[str], loss_on: str) -> list:
    """The weights of all tokens but the first, which has a part of its own."""
    return list(answer(names, loss_on))[1:]


def _w(loss_on: str) -> float:
    return float(loss_on.partition("@")[2])


TOKEN_WEIGHTS = Exercise(
    id="06.1",
    title="How much does each token count?",
    teaches="that every arm of the masking question is one weight per token",
    difficulty="easy",
    minutes=10,
    answer="token_weights",
    fallback=lambda: token_weights,
    fallback_name="made of helpers.masking.loss_weights",
    parts=(
        Part(
            "`response` learns from the reply and its end",
            lambda seed: (_row(seed), "response"),
            token_weights,
            "Under `response` a token weighs 1 if its segment is `response` or `end`, else 0.",
            (
                Mistake(
                    "leaves the end token out",
                    lambda names, loss_on: _by_name(names, 1.0, 0.0, end=0.0),
                    "The end token weighs 0 with you. Then the model never learns to stop, and "
                    "rambles on after every reply. Let `end` count like `response`.",
                ),
                Mistake(
                    "learns from the header too",
                    lambda names, loss_on: _by_name(names, 1.0, 0.0, header=1.0),
                    "You count the header. It is the same in every row, so it only makes the loss "
                    "look small. It belongs to the prompt.",
                ),
                Mistake(
                    "drops the first token",
                    lambda names, loss_on: _by_name(names, 1.0, 0.0)[1:],
                    "Your list is one too short. Keep a weight for every token, the first one too.",
                ),
                Mistake(
                    "counts everything",
                    lambda names, loss_on: [1.0] * len(names),
                    "Every token counts with you, whatever the arm. Look at the name of its segment.",
                ),
                Mistake(
                    "masks the wrong side",
                    lambda names, loss_on: _by_name(names, 0.0, 1.0),
                    "You have masked the reply and kept the prompt. It is the other way round.",
                ),
            ),
        ),
        Part(
            "under `response@w` everything before the reply weighs w",
            lambda seed: (_row(seed), _weight(seed)),
            lambda names, loss_on: token_weights(names, loss_on)[1:],
            "Read the number behind the @. The reply and its end weigh 1, all other tokens w.",
            (
                Mistake(
                    "ignores what stands behind the @",
                    lambda names, loss_on: _by_name(names, 1.0, 0.0)[1:],
                    "The prompt still weighs 0: you do not read the number behind the @. "
                    '`loss_on.partition("@")` gives you both halves.',
                ),
                Mistake(
                    "weighs with 0.1 whatever is asked",
                    lambda names, loss_on: _by_name(names, 1.0, 0.1)[1:],
                    "You weigh the prompt with the 0.1 of the example. The arm says which weight: "
                    "read the number behind the @.",
                ),
                Mistake(
                    "gives w to instruction and input only",
                    lambda names, loss_on: _by_name(
                        names, 1.0, 0.0, instruction=_w(loss_on), input=_w(loss_on)
                    )[1:],
                    "Template and header still weigh 0 with you. *Everything* before the reply "
                    "gets w, the fixed words too.",
                ),
                Mistake(
                    "leaves the header at 0",
                    lambda names, loss_on: _by_name(names, 1.0, _w(loss_on), header=0.0)[1:],
                    "The header still weighs 0. It stands before the reply, so it gets w like the "
                    "rest.",
                ),
                Mistake(
                    "swaps the weights",
                    lambda names, loss_on: _by_name(names, _w(loss_on), 1.0)[1:],
                    "You give w to the reply and 1 to the prompt. Swap them.",
                ),
                Mistake(
                    "makes the weights add up to 1",
                    lambda names, loss_on: _by_name(names, 1 - _w(loss_on), _w(loss_on))[1:],
                    "You give the reply what w leaves over. The weights need not add up to 1: the "
                    "loss is divided by their sum later. The reply weighs 1.",
                ),
                Mistake(
                    "gives the end token w",
                    lambda names, loss_on: _by_name(names, 1.0, _w(loss_on), end=_w(loss_on))[1:],
                    "Your end token weighs w. It belongs to the reply, so it weighs 1.",
                ),
            ),
            call=after_the_first,
        ),
        Part(
            "`all` learns from every segment",
            lambda seed: (_row(seed), "all"),
            lambda names, loss_on: token_weights(names, loss_on)[1:],
            "Under `all` every token weighs 1.",
            (
                Mistake(
                    "treats `all` like `response`",
                    lambda names, loss_on: _by_name(names, 1.0, 0.0)[1:],
                    "Under `all` your prompt weighs 0. That arm learns from everything.",
                ),
            ),
            call=after_the_first,
        ),
        Part(
            "the first token is never learnt",
            lambda seed: (_row(seed), "all"),
            token_weights,
            "Only the first token's weight differs: it must be 0 under every arm.",
            (
                Mistake(
                    "learns the first token",
                    lambda names, loss_on: [1.0] * len(names),
                    "Your first token counts. But nothing stands before it, so there is nothing to "
                    "predict it from: give it 0, under every arm.",
                ),
            ),
        ),
    ),
)

# --- 06.2: losses that can be compared ------------------------------------------------------------

Row = Sequence[tuple[str, float]]  # (segment, nats) of every token
Measured = Mapping[str, Sequence[Row]]  # arm → the held-out rows, under the model of that arm


def response_losses(measured: Measured) -> dict[str, float]:
    """Each arm's response loss in nats per token: response and end tokens, one sum divided once."""
    found = {}
    for arm, rows in measured.items():
        kept = [[nats for name, nats in row if name in LEARNT] for row in rows]
        found[arm] = per_token(np.array([(sum(nats), len(nats)) for nats in kept]))
    return found


def _measured(seed: int, arms: Sequence[str], lengths: Sequence[int]) -> tuple[dict]:
    """Held-out rows, the same ones for each arm; one number of response tokens a row."""
    rng = np.random.default_rng(600 + seed)
    levels = {"template": 0.2, "instruction": 4.0, "header": 0.1, "response": 2.0, "end": 0.6}
    names = [
        ["template"] * 2 + ["instruction"] * 3 + ["header"] + ["response"] * n + ["end"]
        for n in lengths
    ]
    return (
        {
            arm: [[(s, round(levels[s] * rng.uniform(0.5, 1.5), 2)) for s in row] for row in names]
            for arm in arms
        },
    )


def _per_arm(loss: Callable[[str, Sequence[Row]], float]) -> Callable[[Measured], dict]:
    return lambda measured: {arm: loss(arm, rows) for arm, rows in measured.items()}


def _mean_over(names: Sequence[str]) -> Callable[[str, Sequence[Row]], float]:
    """The mean over the tokens of these segments, all rows together."""
    return lambda arm, rows: float(np.mean([x for row in rows for name, x in row if name in names]))


def _own(arm: str, rows: Sequence[Row]) -> float:
    """The loss that the arm itself was trained on."""
    weights = segment_weights(arm)
    tokens = [(weights[name], nats) for row in rows for name, nats in row]
    return sum(w * nats for w, nats in tokens) / sum(w for w, _ in tokens)


def _mean_of_rows(arm: str, rows: Sequence[Row]) -> float:
    return float(np.mean([_mean_over(LEARNT)(arm, [row]) for row in rows]))


EVERYTHING = ("template", "instruction", "input", "header", "response", "end")

RESPONSE_LOSSES = Exercise(
    id="06.2",
    title="One question for all models",
    teaches="that losses over different tokens are different quantities",
    difficulty="medium",
    minutes=15,
    answer="response_losses",
    fallback=lambda: response_losses,
    fallback_name="made of helpers.experiment.measure.per_token",
    parts=(
        Part(
            "one row: nats per token of the reply",
            lambda seed: _measured(seed, ("response",), (4,)),
            response_losses,
            "Return a dict: for each arm the mean nats of its `response` and `end` tokens.",
            (
                Mistake(
                    "leaves the end token out",
                    _per_arm(_mean_over(("response",))),
                    "You leave the end token out. Knowing when to stop is part of a reply: count "
                    "`end` as well.",
                ),
                Mistake(
                    "counts every token",
                    _per_arm(_mean_over(EVERYTHING)),
                    "You take the mean of all tokens, those of the prompt among them. Nobody will "
                    "ask the model to write prompts: keep `response` and `end`.",
                ),
                Mistake(
                    "counts the header too",
                    _per_arm(_mean_over(("header", *LEARNT))),
                    "You count the header as part of the reply. It is always the same, and so easy "
                    "that it hides what you want to see.",
                ),
                Mistake(
                    "forgets to divide",
                    _per_arm(lambda arm, rows: sum(x for n, x in rows[0] if n in LEARNT)),
                    "That is the sum of the nats. Divide it by the number of tokens that it is a "
                    "sum of.",
                ),
            ),
        ),
        Part(
            "several rows: one sum, divided once",
            lambda seed: _measured(seed, ("response",), (1, 4, 9)),
            response_losses,
            "Add up the nats of all rows, count the tokens of all rows, and divide at the end.",
            (
                Mistake(
                    "takes the mean of the rows' means",
                    _per_arm(_mean_of_rows),
                    "You average row by row, and then the rows. So a token of a short reply counts "
                    "more than one of a long reply. Add everything up first, divide once.",
                ),
                Mistake(
                    "divides by the number of rows",
                    _per_arm(
                        lambda arm, rows: (
                            sum(x for row in rows for n, x in row if n in LEARNT) / len(rows)
                        )
                    ),
                    "You divide by the number of rows. We want nats per *token*: divide by how "
                    "many tokens were counted.",
                ),
            ),
        ),
        Part(
            "every arm is asked about the same tokens",
            lambda seed: _measured(seed, ("all", "response", "response@0.1"), (2, 5)),
            response_losses,
            "Compute the same thing for every arm. The arm's name must not change what is counted.",
            (
                Mistake(
                    "asks each arm about its own tokens",
                    _per_arm(_own),
                    "You give each arm the loss that it was trained on. Those are answers to "
                    "different questions, and the smallest belongs to whoever got the easiest. "
                    "Count `response` and `end` for all of them.",
                ),
                Mistake(
                    "masks for `response` only",
                    _per_arm(
                        lambda arm, rows: _mean_over(
                            LEARNT if arm.startswith("response") else EVERYTHING
                        )(arm, rows)
                    ),
                    "You count the reply for the masked arms and everything for `all`. The model "
                    "trained on `all` has to answer the same question as the others.",
                ),
            ),
        ),
    ),
)

# --- 06.3: seeds are what repeats -----------------------------------------------------------------

Table = Sequence[Sequence[float]]  # a line for each seed, a loss for each held-out row


def seed_interval(a: Table, b: Table) -> tuple[float, float | None, float | None]:
    """The mean of a - b and the ends of its 95 % interval over seeds (None for a single seed)."""
    per_seed = (np.asarray(a) - np.asarray(b)).mean(axis=1)
    if len(per_seed) < 2:
        return float(per_seed.mean()), None, None
    return mean_interval(per_seed.tolist())


def _tables(seed: int, seeds: int = 4, items: int = 6) -> tuple[list, list]:
    """Losses of two arms: seeds move both arms alike, rows differ much, the arms a little."""
    rng = np.random.default_rng(60 + seed)
    a = 2.0 + 0.3 * rng.normal(size=(seeds, 1)) + 0.6 * rng.random((1, items))
    a = a + 0.05 * rng.normal(size=(seeds, items))
    shift = 0.08 + 0.08 * rng.normal(size=(seeds, 1)) + 0.2 * rng.normal(size=(1, items))
    return a.round(2).tolist(), (a + shift).round(2).tolist()


def _interval_of(values: np.ndarray, t: float = 0.0, *, ddof: int = 1, n: float = 0) -> list:
    """The ends of the interval around the mean of values."""
    t = t or float(stats.t.ppf(0.975, len(values) - 1))
    half = t * values.std(ddof=ddof) / math.sqrt(n or len(values))
    return [float(values.mean() - half), float(values.mean() + half)]


def _apart(a: Table, b: Table) -> np.ndarray:
    return np.asarray(a) - np.asarray(b)


def _per_seed(a: Table, b: Table) -> np.ndarray:
    return _apart(a, b).mean(axis=1)


def _two_groups(a: Table, b: Table, df_of: Callable[[int], int]) -> list:
    first, second = (np.asarray(table).mean(axis=1) for table in (a, b))
    n, d = len(first), first.mean() - second.mean()
    half = stats.t.ppf(0.975, df_of(n)) * math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / n)
    return [float(d - half), float(d + half)]


GROUPS = (
    "You compare two groups of runs. But the arms share their seeds: what a lucky seed does, it "
    "does to both. Take the difference seed by seed before you look at the spread."
)

SEED_INTERVAL = Exercise(
    id="06.3",
    title="How many numbers do you really have?",
    teaches="that what was repeated is the training, so seeds are counted and not rows",
    difficulty="hard",
    minutes=20,
    answer="seed_interval",
    fallback=lambda: seed_interval,
    fallback_name="made of helpers.evaluate.scorecard.mean_interval",
    parts=(
        Part(
            "the difference is a minus b",
            _tables,
            lambda a, b: float(_apart(a, b).mean()),
            "The first of the three values is the mean of all differences a - b.",
            (
                Mistake(
                    "takes b minus a",
                    lambda a, b: -float(_apart(a, b).mean()),
                    "Your sign is turned round: the contrast is a - b, and below 0 means that a is "
                    "better.",
                ),
            ),
            call=lambda answer, a, b: answer(a, b)[0],
        ),
        Part(
            "there is one number for each seed",
            _tables,
            lambda a, b: list(mean_interval(_per_seed(a, b).tolist())[1:]),
            "First the mean over the rows, for each seed; that gives as many differences as seeds. "
            "Then mean ± t · s / √n, where n is the number of seeds.",
            (
                Mistake(
                    "counts every row of every seed",
                    lambda a, b: _interval_of(_apart(a, b).ravel()),
                    "You treat seeds × rows as so many independent numbers, and your interval is "
                    "far from the right one. All rows of a line come from *one* training. Take "
                    "each seed's mean first.",
                ),
                Mistake(
                    "takes the rows for what was repeated",
                    lambda a, b: _interval_of(_apart(a, b).mean(axis=0)),
                    "You averaged over the seeds and kept the rows. That says what other rows "
                    "would do, not what another training would do. Average along the other axis.",
                ),
                Mistake(
                    "compares two groups of runs",
                    lambda a, b: _two_groups(a, b, lambda n: 2 * n - 2),
                    GROUPS,
                ),
                Mistake(
                    "compares two groups of runs",
                    lambda a, b: _two_groups(a, b, lambda n: n - 1),
                    GROUPS,
                ),
                Mistake(
                    "takes 1.96 for few seeds",
                    lambda a, b: _interval_of(_per_seed(a, b), 1.96),
                    "1.96 is for many seeds. With a handful of them the spread itself is a guess, "
                    "and t with n - 1 degrees of freedom makes up for it.",
                ),
                Mistake(
                    "divides the variance by n",
                    lambda a, b: _interval_of(_per_seed(a, b), ddof=0),
                    "NumPy's std divides by n unless you say ddof=1. With so few seeds this makes "
                    "the interval clearly too narrow.",
                ),
                Mistake(
                    "forgets the root of n",
                    lambda a, b: _interval_of(_per_seed(a, b), n=1),
                    "That is where single seeds lie. Their mean is surer: divide by √n.",
                ),
                Mistake(
                    "counts one degree of freedom too many",
                    lambda a, b: _interval_of(_per_seed(a, b), float(stats.t.ppf(0.975, len(a)))),
                    "t takes n - 1 degrees of freedom, not n: one went into the mean.",
                ),
            ),
            call=lambda answer, a, b: answer(a, b)[1:],
        ),
        Part(
            "one seed has no interval",
            lambda seed: _tables(seed, seeds=1),
            lambda a, b: [float(_apart(a, b).mean()), None, None],
            "With a single seed return the difference, and None for both ends.",
            (
                Mistake(
                    "claims certainty from one seed",
                    lambda a, b: [float(_apart(a, b).mean())] * 3,
                    "Your interval has no width, as if one run said everything. One seed says "
                    "nothing about the spread between seeds: return None for both ends.",
                ),
                Mistake(
                    "lets NaN stand for no interval",
                    lambda a, b: [float(_apart(a, b).mean()), math.nan, math.nan],
                    "With one seed your formula divides 0 by 0, and NaN comes out. Treat this case "
                    "first, and return None for both ends.",
                ),
            ),
        ),
    ),
)

# --- 06.4: before you run -------------------------------------------------------------------------

MOST = 100  # seeds


def seeds_needed(spread: float, effect: float) -> int | None:
    """The fewest seeds that find a true difference with 80 % power, None beyond MOST.

    spread: the standard deviation of the differences from seed to seed, in nats; effect: the
    smallest difference that matters.
    """
    return _first(spread, effect, lambda n: float(detectable(1.0, n - 1)))


def _first(spread: float, effect: float, factor: Callable, start: int = 2, end: Any = None):
    """The first n at which factor(n) · spread / √n is not above the effect."""
    enough = (n for n in range(start, MOST + 1) if factor(n) * spread / math.sqrt(n) <= effect)
    return next(enough, end)


def for_each(answer: Callable, cases: Sequence[tuple[float, float]]) -> list:
    """What the answer says for each pair of spread and effect."""
    return [answer(spread, effect) for spread, effect in cases]


def _each(rule: Callable[[float, float], Any]) -> Callable[[Sequence], list]:
    return lambda cases: [rule(spread, effect) for spread, effect in cases]


def _quantile(level: float, df: float) -> float:
    return float(stats.t.ppf(level, df))


def planned(seed: int) -> tuple:
    """Spreads and effects, of sizes at which no two of the mistakes come to the same numbers."""
    spread = round(0.02 + seed % 7 / 1000, 3)
    return (
        [
            (spread, round(spread / (r + SHIFTS[seed % len(SHIFTS)] / 100), 5))
            for r in (0.5, 1.0, 2.0)
        ],
    )


def just_enough(seed: int) -> tuple:
    """A spread and an effect between what one seed fewer than MOST would detect and what MOST do."""
    spread = round(0.02 + seed % 7 / 1000, 3)
    detected = [spread * float(detectable(1 / math.sqrt(n), n - 1)) for n in (MOST - 1, MOST)]
    return ([(spread, sum(detected) / 2)],)


SHIFTS = (0, 1, 2, 3, 7, 11)  # of the ratio: with others, n and n - 1 degrees of freedom agree
NORMAL = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))

SEEDS_NEEDED = Exercise(
    id="06.4",
    title="Before you run",
    teaches="that an experiment is planned from the difference that would matter",
    difficulty="open",
    minutes=25,
    answer="seeds_needed",
    fallback=lambda: seeds_needed,
    fallback_name="made of helpers.evaluate.scorecard.detectable",
    parts=(
        Part(
            "the fewest seeds that see the difference four times in five",
            planned,
            _each(seeds_needed),
            "Try n = 2, 3, 4, … and return the first for which (t(0.975) + t(0.8)) · spread / √n is "
            "not above the effect; both t have n - 1 degrees of freedom.",
            (
                Mistake(
                    "forgets the power",
                    _each(lambda s, e: _first(s, e, lambda n: _quantile(0.975, n - 1))),
                    "With so few seeds a true difference of this size would be missed about every "
                    "other time: you left out t(0.8), which buys the power.",
                ),
                Mistake(
                    "uses the normal quantiles",
                    _each(lambda s, e: _first(s, e, lambda n: NORMAL)),
                    "You use the normal distribution, which knows the spread exactly. With few "
                    "seeds t is larger, so you need more of them.",
                ),
                Mistake(
                    "stops one seed too early",
                    _each(lambda s, e: (seeds_needed(s, e) or 0) - 1),
                    "Your number is one too small: it is the last that does *not* suffice.",
                ),
                Mistake(
                    "counts one degree of freedom too many",
                    _each(
                        lambda s, e: _first(s, e, lambda n: _quantile(0.975, n) + _quantile(0.8, n))
                    ),
                    "n seeds leave n - 1 degrees of freedom, because one goes into their mean.",
                ),
                Mistake(
                    "asks for a power of 97.5 %",
                    _each(lambda s, e: _first(s, e, lambda n: 2 * _quantile(0.975, n - 1))),
                    "You add t(0.975) twice. The second quantile is the power that you want: "
                    "t(0.8), for four times in five.",
                ),
            ),
            call=for_each,
        ),
        Part(
            "never fewer than two",
            lambda seed: ([(0.01, 1.0 + seed)],),
            _each(seeds_needed),
            "However large the effect, start at two seeds: one shows no spread.",
            (
                Mistake(
                    "plans with a single seed",
                    _each(lambda s, e: 1),
                    "One seed is enough for you. But one seed shows no spread, so nothing measured "
                    "with it has an interval. Start at n = 2.",
                ),
            ),
            call=for_each,
        ),
        Part(
            f"{MOST} seeds are tried too",
            just_enough,
            _each(seeds_needed),
            f"Here {MOST} seeds are just enough: {MOST} is the answer.",
            (
                Mistake(
                    f"stops before it tries {MOST}",
                    _each(lambda s, e: None),
                    f"You return None where {MOST} seeds are just enough. range(2, {MOST}) ends "
                    f"with {MOST - 1}: Python leaves its end out.",
                ),
            ),
            call=for_each,
        ),
        Part(
            "some differences are out of reach",
            lambda seed: ([(0.5, 0.001), (0.02 + seed / 100, 0.0)],),
            _each(seeds_needed),
            f"When not even {MOST} seeds would do, return None.",
            (
                Mistake(
                    "gives the end of the search for an answer",
                    _each(lambda s, e: MOST),
                    f"You return {MOST} where {MOST} seeds are not enough: that is only where you "
                    "stopped looking. Return None.",
                ),
                Mistake(
                    "promises one seed more than it tried",
                    _each(lambda s, e: MOST + 1),
                    f"You return {MOST + 1}, a number that you never tried. When the search ends "
                    "without a find, return None.",
                ),
            ),
            call=for_each,
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (TOKEN_WEIGHTS, RESPONSE_LOSSES, SEED_INTERVAL, SEEDS_NEEDED)
