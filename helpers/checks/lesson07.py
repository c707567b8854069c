"""The exercises of lesson 07: choosing an option, winning against another model, ratings."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from helpers.checks.exercise import Exercise, Mistake, Part
from helpers.checks.lesson05 import picked
from helpers.evaluate.arena import win_probability
from helpers.evaluate.multiple_choice import LETTERS, Way, predict
from helpers.evaluate.pairwise import win_rates

# --- 07.1: which option does the model find likeliest? --------------------------------------------

Options = Sequence[Sequence[float]]  # the log-probability of every token of every option


def choose(options: Options) -> int:
    """The option with the highest log-probability per token, the first among equal ones."""
    tokens = [len(option) for option in options]
    logp = [sum(option) for option in options]
    return predict(logp, tokens, tokens, Way("cloze", normalise="token"))


def _best(rule: Callable[[Sequence[float]], float]) -> Callable[[Options], int]:
    """The mistake of ranking the options by this rule."""
    return lambda options: max(range(len(options)), key=lambda i: rule(options[i]))


def _mean(option: Sequence[float]) -> float:
    return sum(option) / len(option)


def _mean_probability(option: Sequence[float]) -> float:
    return sum(map(math.exp, option)) / len(option)


def _letters(seed: int) -> tuple[list]:
    return ([[x] for x in random.Random(seed).sample([-0.7, -1.3, -1.9, -2.6], 4)],)


def _texts(seed: int) -> tuple[list]:
    """Options of several lengths; each careless rule prefers another one of them."""
    draw = random.Random(seed)
    options = [
        [-0.9, -0.8, -1.0, -0.9],  # the likeliest token by token
        [-1.5],  # the shortest has the highest sum
        [-0.3, -2.5],  # begins best
        [-2.6, -0.2],  # ends best
        [-5.0, -0.05, -0.35],  # two likely tokens and one that hardly occurs
    ]
    draw.shuffle(options)
    return ([[round(x - draw.random() / 100, 4) for x in option] for option in options],)


def _equals(seed: int) -> tuple[list]:
    low = -1.0 - seed % 4
    return ([[low - 1], [low], [low - 0.5, low + 0.5], [low - 2, low - 1]],)


CHOOSE = Exercise(
    id="07.1",
    title="Long answers are not worse",
    teaches="that likelihoods of texts are compared per token",
    difficulty="easy",
    minutes=10,
    answer="choose",
    fallback=lambda: choose,
    fallback_name="made of helpers.evaluate.multiple_choice.predict",
    parts=(
        Part(
            "of single tokens the likeliest is chosen",
            _letters,
            choose,
            "Return the place of the option with the highest log-probability, counted from 0.",
            (
                Mistake(
                    "chooses the least likely",
                    lambda options: _best(lambda option: -_mean(option))(options),
                    "You choose the lowest. These are log-probabilities and not losses: all are "
                    "below 0, and the likeliest is closest to 0.",
                ),
                Mistake(
                    "returns the letter",
                    lambda options: LETTERS[choose(options)],
                    "That is the right letter. Return its place, counted from 0, so that it works "
                    "for any number of options.",
                ),
                Mistake(
                    "returns the log-probability",
                    lambda options: max(map(_mean, options)),
                    "You return how likely the best option is. Return where it stands: its place, "
                    "counted from 0.",
                ),
            ),
        ),
        Part(
            "a long option is not punished for its length",
            _texts,
            choose,
            "Divide the sum of each option's log-probabilities by how many tokens it has.",
            (
                Mistake(
                    "compares sums",
                    _best(sum),
                    "You compare the sums. Every token more makes a text less likely, so the "
                    "shortest option wins, right or wrong. Divide by the number of tokens.",
                ),
                Mistake(
                    "looks at the first token only",
                    _best(lambda option: option[0]),
                    "You look at the first token of each option. That suffices for letters; a text "
                    "that begins well may still go wrong.",
                ),
                Mistake(
                    "looks at the last token only",
                    _best(lambda option: option[-1]),
                    "You look at the last token of each option only. All of them count.",
                ),
                Mistake(
                    "averages probabilities",
                    _best(_mean_probability),
                    "You average the probabilities. Then one absurd token hardly matters, if the "
                    "others are easy. The probability of a text is a *product*: average the "
                    "logarithms.",
                ),
            ),
        ),
        Part(
            "among equals the first is chosen",
            _equals,
            choose,
            "Two options are equally likely here. Take the first, so that a run can be repeated.",
            (
                Mistake(
                    "takes the last of equals",
                    lambda options: 2,
                    "You take the last of two equal options. Everybody takes the first, so use > "
                    "where you have >=, or ask a list for the index of its max.",
                ),
            ),
        ),
    ),
)

# --- 07.2: win rates ------------------------------------------------------------------------------

Verdicts = Sequence[tuple[str | None, str | None]]  # when A is shown first, when B is shown first
IN_ORDER = ({"first": "a", "second": "b"}, {"first": "b", "second": "a"})
COUNTS = ("n", "wins", "ties", "losses")


def win_rate(verdicts: Verdicts) -> dict[str, Any]:
    """`n wins ties losses win_rate` of B, by items; those without both verdicts are left out."""
    lines = [
        {
            "a": "a",
            "b": "b",
            "index": index,
            "item": str(index),
            "order": order,
            "judge": "somebody",
            "winner": names.get(place, place),
        }
        for index, item in enumerate(verdicts)
        for place, order, names in zip(item, ("ab", "ba"), IN_ORDER, strict=True)
    ]
    (found,) = win_rates(lines)
    return {
        "n": found["n"],
        "wins": found["wins_b"],
        "ties": found["ties"],
        "losses": found["wins_a"],
        "win_rate": found["win_rate"],
    }


def _counted(outcomes: Sequence[str]) -> dict[str, int]:
    """What somebody counts who gives the items these winners."""
    wins, ties, losses = (outcomes.count(name) for name in ("b", "tie", "a"))
    return {"n": wins + ties + losses, "wins": wins, "ties": ties, "losses": losses}


def _models(item: tuple[str | None, str | None], second=IN_ORDER[1]) -> list[str | None]:
    """The winners of both orders, as models."""
    return [
        names.get(place, place) for names, place in zip((IN_ORDER[0], second), item, strict=True)
    ]


def _preferred(winners: Sequence[str | None]) -> str:
    """The model that is preferred more often."""
    lead = winners.count("b") - winners.count("a")
    return "b" if lead > 0 else "a" if lead < 0 else "tie"


def _by(rule: Callable[[list], str | None]) -> Callable[[Verdicts], dict]:
    """Counts of items by a rule that makes a winner of the two orders' (None: item left out)."""
    return lambda verdicts: _counted([w for w in (rule(_models(v)) for v in verdicts) if w])


def _both_the_same(winners: Sequence[str | None]) -> str:
    return winners[0] if winners[0] == winners[1] else "tie"


def _rate(rule: Callable[[int, int, int], float]) -> Callable[[Verdicts], dict]:
    """A win rate by a rule of wins, ties, losses."""

    def gives(verdicts: Verdicts) -> dict:
        found = win_rate(verdicts)
        return {"win_rate": rule(found["wins"], found["ties"], found["losses"])}

    return gives


def _steady(seed: int) -> list[tuple]:
    """B preferred in both orders, then A; B more often."""
    return [("second", "first")] * (4 + seed % 3) + [("first", "second")] * 2


def _turning(seed: int) -> list[tuple]:
    return _steady(seed) + [("first", "first")] * 3 + [("second", "second")]


def _half_tied(seed: int) -> list[tuple]:
    half = [("second", "tie"), ("tie", "first"), ("tie", "second"), ("tie", "tie")]
    return _steady(seed) + half + [("tie", "first")] * (seed % 2)


def _silent(seed: int) -> list[tuple]:
    return _steady(seed) + [(None, "first"), ("second", None), (None, None)]


def _only(*keys: str) -> Callable[[Verdicts], dict]:
    return lambda verdicts: {key: win_rate(verdicts)[key] for key in keys}


WIN_RATE = Exercise(
    id="07.2",
    title="Who wins when the sides are changed?",
    teaches="that a preference counts only if it survives the other order, and that ties are half",
    difficulty="medium",
    minutes=20,
    answer="win_rate",
    fallback=lambda: win_rate,
    fallback_name="made of helpers.evaluate.pairwise.win_rates",
    parts=(
        Part(
            "places become models",
            lambda seed: (_steady(seed),),
            _only(*COUNTS),
            "In the second order B stands first. An item that B gets in both orders is one win.",
            (
                Mistake(
                    "forgets that the sides were changed",
                    lambda verdicts: _counted(
                        [_both_the_same(_models(v, IN_ORDER[0])) for v in verdicts]
                    ),
                    "You read both orders alike, so that every steady preference looks like one "
                    "that turns. In the second order `first` means B.",
                ),
                Mistake(
                    "counts the wins of A",
                    lambda verdicts: _counted([_preferred(_models((b, a))) for a, b in verdicts]),
                    "Wins and losses are exchanged. We ask how B does: in the first order B stands "
                    "second.",
                ),
                Mistake(
                    "counts replies",
                    lambda verdicts: _counted([w for v in verdicts for w in _models(v)]),
                    "You count every reply, so each item counts twice. Both replies are about the "
                    "same item: make one winner of them.",
                ),
            ),
            call=picked(*COUNTS),
        ),
        Part(
            "a preference that turns with the order is a tie",
            lambda seed: (_turning(seed),),
            _only(*COUNTS),
            "A judge that prefers whatever stands first has not preferred a model.",
            (
                Mistake(
                    "believes the first order",
                    _by(lambda winners: winners[0]),
                    "You believe the first order and never look at the second. Here the judge "
                    "sometimes prefers a *place*: then nobody has won.",
                ),
                Mistake(
                    "drops what turns",
                    _by(lambda winners: winners[0] if winners[0] == winners[1] else None),
                    "You drop the items whose verdict turned round. They say that the two are hard "
                    "to tell apart, which is news: count them as ties.",
                ),
            ),
            call=picked(*COUNTS),
        ),
        Part(
            "won once and tied once is won",
            lambda seed: (_half_tied(seed),),
            _only(*COUNTS),
            "The item goes to the model that is preferred more often in its two orders.",
            (
                Mistake(
                    "asks for a win in both orders",
                    _by(_both_the_same),
                    "You give an item away only if both orders agree. A win and a tie do not "
                    "contradict each other: the item goes to the one that was preferred.",
                ),
            ),
            call=picked(*COUNTS),
        ),
        Part(
            "a tie is half a win",
            lambda seed: (_half_tied(seed) + _turning(seed),),
            _only("win_rate"),
            'Under "win_rate": (wins + ties / 2) / n.',
            (
                Mistake(
                    "leaves the ties out of the rate",
                    _rate(lambda w, t, x: w / (w + x)),
                    "You divide by the items that somebody won. Two models that nearly always tie "
                    "would look far apart. Count a tie as half a win.",
                ),
                Mistake(
                    "counts a tie as a loss",
                    _rate(lambda w, t, x: w / (w + t + x)),
                    "Your ties count for nothing, so B loses by them. Seen from A, the rates of "
                    "both would not add up to 1. A tie is half a win.",
                ),
                Mistake(
                    "counts a tie as a win",
                    _rate(lambda w, t, x: (w + t) / (w + t + x)),
                    "Your ties count as whole wins. They are nobody's: half a win for each side.",
                ),
                Mistake(
                    "gives the rate in per cent",
                    _rate(lambda w, t, x: 100 * (w + t / 2) / (w + t + x)),
                    "Your rate is in per cent. Give it as a number from 0 to 1.",
                ),
            ),
            call=picked("win_rate"),
        ),
        Part(
            "an item without both verdicts is left out",
            lambda seed: (_silent(seed),),
            _only(*COUNTS, "win_rate"),
            "None means that the judge gave no verdict. Leave the item out of n as well.",
            (
                Mistake(
                    "calls silence a tie",
                    lambda verdicts: _with_rate(
                        _by(lambda w: "tie" if None in w else _preferred(w))(verdicts)
                    ),
                    "You count an item without a verdict as a tie. Nobody said that the answers "
                    "are equally good. Leave it out, and n tells how many were left.",
                ),
                Mistake(
                    "believes one order where the other is missing",
                    lambda verdicts: _with_rate(
                        _by(lambda w: None if w == [None, None] else _preferred(w))(verdicts)
                    ),
                    "Where one order has no verdict you believe the other. But a single order is "
                    "just what we do not trust: leave the item out.",
                ),
            ),
            call=picked(*COUNTS, "win_rate"),
        ),
        Part(
            "without items there is no rate",
            lambda seed: ([(None, "first")] * (1 + seed % 3),),
            _only("n", "win_rate"),
            "When n is 0, the win rate is None.",
            (
                Mistake(
                    "calls nothing a draw",
                    lambda verdicts: {"n": 0, "win_rate": 0.5},
                    "You say 0.5 where nothing was compared. That reads as if the two were equal: "
                    "return None.",
                ),
                Mistake(
                    "calls nothing a defeat",
                    lambda verdicts: {"n": 0, "win_rate": 0.0},
                    "You say 0.0 where nothing was compared, as if B had lost everything. Return "
                    "None.",
                ),
                Mistake(
                    "divides by zero",
                    lambda verdicts: "ZeroDivisionError",
                    "You divide by n, and here it is 0. Treat this case before you divide.",
                ),
            ),
            call=picked("n", "win_rate"),
        ),
    ),
)


def _with_rate(counts: dict[str, int]) -> dict[str, Any]:
    return {**counts, "win_rate": (counts["wins"] + counts["ties"] / 2) / counts["n"]}


# --- 07.3: ratings --------------------------------------------------------------------------------

Vote = tuple[str, str, str]  # left, right, and "left", "right" or "tie"
START = 1000.0
SCORE = {"left": 1.0, "tie": 0.5, "right": 0.0}  # of the left model


def elo(votes: Sequence[Vote], k: float = 16.0) -> dict[str, float]:
    """Elo's ratings after the votes in the order given, 1000 before the first."""
    return _played(votes, k, lambda a, b, score: score - win_probability(a, b))


def _played(
    votes: Sequence[Vote],
    k: float,
    surprise: Callable[[float, float, float], float],
    *,
    loser: float = 1.0,
    start: float = START,
) -> dict[str, float]:
    """Ratings by a rule: ratings left and right, score of left → how much of k left gains."""
    ratings: dict[str, float] = {}
    for left, right, choice in votes:
        a, b = ratings.setdefault(left, start), ratings.setdefault(right, start)
        gain = k * surprise(a, b, SCORE[choice])
        ratings[left], ratings[right] = a + gain, b - loser * gain
    return ratings


def _instead(surprise: Callable, **options: Any) -> Callable[..., dict]:
    """The mistake of updating by another rule."""
    return lambda votes, k=16.0: _played(votes, k, surprise, **options)


def _right(a: float, b: float, score: float) -> float:
    return score - win_probability(a, b)


def _one_after_the_other(votes: Sequence[Vote], k: float = 16.0) -> dict[str, float]:
    """The right model's expectation is computed after the left one's rating has moved."""
    ratings: dict[str, float] = {}
    for left, right, choice in votes:
        a, b = ratings.setdefault(left, START), ratings.setdefault(right, START)
        ratings[left] = a + k * _right(a, b, SCORE[choice])
        ratings[right] = b + k * _right(b, ratings[left], 1 - SCORE[choice])
    return ratings


def _winner_only(votes: Sequence[Vote], k: float = 16.0) -> dict[str, float]:
    ratings: dict[str, float] = {}
    for left, right, choice in votes:
        a, b = ratings.setdefault(left, START), ratings.setdefault(right, START)
        gain = k * _right(a, b, SCORE[choice])
        ratings[left], ratings[right] = a + max(0.0, gain), b + max(0.0, -gain)
    return ratings


def _equals_meet(seed: int) -> tuple:
    return ([("cat", "dog", "left"), ("emu", "fox", "right")],)


def _surprise(seed: int) -> tuple:
    return ([("cat", "dog", "left")] * (4 + seed % 3) + [("dog", "cat", "left")],)


def _late_tie(seed: int) -> tuple:
    return ([("cat", "dog", "left")] * (4 + seed % 3) + [("cat", "dog", "tie")],)


def _other_step(seed: int) -> tuple:
    votes = [("cat", "dog", "left"), ("cat", "emu", "left"), ("dog", "emu", "right")]
    return votes, 24.0 + 4 * (seed % 3)


ELO = Exercise(
    id="07.3",
    title="A rating, vote by vote",
    teaches="that Elo's ratings depend on the order of the votes",
    difficulty="open",
    minutes=25,
    answer="elo",
    fallback=lambda: elo,
    fallback_name="made of helpers.evaluate.arena.win_probability",
    parts=(
        Part(
            "between equals half of k changes hands",
            _equals_meet,
            elo,
            "All begin at 1000, so 0.5 was expected of each. The winner gains k · (1 − 0.5), the "
            "loser loses as much. Return a dict: name → rating.",
            (
                Mistake(
                    "moves by the whole k",
                    _instead(lambda a, b, score: 2 * score - 1),
                    "A whole k changes hands. But the winner of two equals was expected to score "
                    "0.5 already: only the rest, score minus expected, is news.",
                ),
                Mistake(
                    "lets the winner gain and the loser keep",
                    _winner_only,
                    "Your winner gains and nobody loses. Then ratings only ever rise. What one "
                    "gains, the other gives.",
                ),
                Mistake(
                    "moves the wrong way",
                    _instead(lambda a, b, score: win_probability(a, b) - score),
                    "Your winner sinks and your loser rises. It is score minus expected.",
                ),
                Mistake(
                    "updates one before the other",
                    _one_after_the_other,
                    "The sum of your two ratings has changed: you moved the left one first, and "
                    "worked out the right one's chances from that. Compute both from the ratings "
                    "*before* the vote, then move both.",
                ),
                Mistake(
                    "begins at 0",
                    _instead(_right, start=0.0),
                    "Your ratings begin at 0. Only differences matter, so that is no error in "
                    "itself, but we agreed on 1000.",
                ),
            ),
        ),
        Part(
            "what was expected moves little, a surprise much",
            _surprise,
            elo,
            "Of a model rated a against one rated b, expect 1 / (1 + 10 ** ((b - a) / 400)).",
            (
                Mistake(
                    "forgets what was expected",
                    _instead(lambda a, b, score: score - 0.5),
                    "Every vote moves your ratings by the same amount. After some wins a further "
                    "one is hardly news: compute what was expected from the ratings as they are "
                    "now.",
                ),
                Mistake(
                    "expects the weaker to win",
                    _instead(lambda a, b, score: score - win_probability(b, a)),
                    "You expect most of the weaker model. Look at the exponent: it is the "
                    "*opponent's* rating minus one's own.",
                ),
                Mistake(
                    "takes e for 10",
                    _instead(lambda a, b, score: score - 1 / (1 + math.exp((b - a) / 400))),
                    "You use e where Elo uses 10. On his scale 400 points are odds of ten to one.",
                ),
                Mistake(
                    "forgets the scale",
                    _instead(lambda a, b, score: score - 1 / (1 + 10 ** ((b - a) / 1))),
                    "After one win you are almost certain of the next: the 400 that the difference "
                    "is divided by is missing.",
                ),
            ),
        ),
        Part(
            "a tie pulls two models together",
            _late_tie,
            elo,
            "A tie is a score of 0.5 for each. The better one had expected more, so it loses a "
            "little.",
            (
                Mistake(
                    "passes over ties",
                    lambda votes: elo([vote for vote in votes if vote[2] != "tie"]),
                    "You pass over ties. One is news if a win was expected: score it 0.5 for both.",
                ),
                Mistake(
                    "counts a tie as a loss",
                    lambda votes: elo([(a, b, "right" if c == "tie" else c) for a, b, c in votes]),
                    'Your tie costs the left model as much as a defeat: `choice == "left"` is '
                    "False for a tie too. Score a tie 0.5.",
                ),
            ),
        ),
        Part(
            "k says how far a vote moves",
            _other_step,
            elo,
            "Use the k that is given, and let a model that has not voted yet begin at 1000.",
            (
                Mistake(
                    "always moves by 16",
                    lambda votes, k: elo(votes),
                    "You move by 16 whatever k says. 16 is only what k is when nobody gives one.",
                ),
            ),
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (CHOOSE, WIN_RATE, ELO)
