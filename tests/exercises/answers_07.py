"""Answers to lesson 07's exercises: another right one for each, and wrong ones that people give."""

import math

import numpy as np

from exercises import Answers, Wrong

# --- 07.1 -----------------------------------------------------------------------------------------


def by_argmax(options):
    return np.argmax([np.mean(option) for option in options])


def best_by(rule):
    """A solution that ranks the options by another rule, right for single tokens."""
    return lambda options: int(np.argmax([rule(option) for option in options]))


def last_of_equals(options):
    best = 0
    for i, option in enumerate(options):
        if np.mean(option) >= np.mean(options[best]):
            best = i
    return best


# --- 07.2 -----------------------------------------------------------------------------------------


def by_points(verdicts):
    """Points for B instead of names: +1, 0 or -1 in each order."""
    sides = ({"first": -1, "second": 1, "tie": 0}, {"first": 1, "second": -1, "tie": 0})
    wins = ties = losses = 0
    for ab, ba in verdicts:
        if ab is None or ba is None:
            continue
        points = sides[0][ab] + sides[1][ba]
        wins, ties, losses = wins + (points > 0), ties + (points == 0), losses + (points < 0)
    return report(wins, ties, losses)


def report(wins, ties, losses, empty=None):
    n = wins + ties + losses
    rate = (wins + ties / 2) / n if n else empty
    return {"n": n, "wins": wins, "ties": ties, "losses": losses, "win_rate": rate}


def items(rule, *, second=("b", "a"), empty=None):
    """A solution whose `rule` makes one winner of the winners in both orders (None: left out)."""

    def answer(verdicts):
        found = []
        for ab, ba in verdicts:
            one = {"first": "a", "second": "b"}.get(ab, ab)
            two = {"first": second[0], "second": second[1]}.get(ba, ba)
            found.append(rule(one, two))
        return report(*(found.count(name) for name in ("b", "tie", "a")), empty=empty)

    return answer


def preferred(one, two):
    if None in (one, two):
        return None
    if "tie" in (one, two):
        return one if two == "tie" else two
    return one if one == two else "tie"


def every_reply(verdicts):
    one_order = items(lambda one, two: one)(verdicts), items(lambda one, two: two)(verdicts)
    return report(*(one_order[0][k] + one_order[1][k] for k in ("wins", "ties", "losses")))


def rate(rule):
    def answer(verdicts):
        found = by_points(verdicts)
        n = found["n"] or 1
        return {**found, "win_rate": rule(found["wins"], found["ties"], found["losses"], n)}

    return answer


def of_a(verdicts):
    found = by_points(verdicts)
    return report(found["losses"], found["ties"], found["wins"])


def divides_by_zero(verdicts):
    found = by_points(verdicts)
    return {**found, "win_rate": (found["wins"] + found["ties"] / 2) / found["n"]}


# --- 07.3 -----------------------------------------------------------------------------------------


def by_odds(votes, k=16):
    """With odds instead of the formula, and the right model's share from the left one's."""
    ratings = {}
    for left, right, choice in votes:
        odds = 10 ** ((ratings.get(left, 1000) - ratings.get(right, 1000)) / 400)
        score = {"left": 1, "right": 0}.get(choice, 0.5)
        moved = k * (score - odds / (1 + odds))
        ratings[left] = ratings.get(left, 1000) + moved
        ratings[right] = ratings.get(right, 1000) - moved
    return ratings


def updated(
    expected=lambda a, b: 1 / (1 + 10 ** ((b - a) / 400)),
    score=lambda choice: {"left": 1, "right": 0, "tie": 0.5}[choice],
    gain=lambda k, score, expected: k * (score - expected),
    start=1000,
    step=None,
):
    """A solution with one thing changed; `score` None passes over the vote."""

    def answer(votes, k=16):
        ratings = {}
        for left, right, choice in votes:
            a, b = ratings.get(left, start), ratings.get(right, start)
            if score(choice) is None:
                continue
            moved = gain(step or k, score(choice), expected(a, b))
            ratings[left], ratings[right] = a + moved, b - moved
        return ratings

    return answer


def in_place(votes, k=16):
    ratings = {name: 1000 for vote in votes for name in vote[:2]}
    for left, right, choice in votes:
        score = {"left": 1, "right": 0, "tie": 0.5}[choice]
        ratings[left] += k * (score - 1 / (1 + 10 ** ((ratings[right] - ratings[left]) / 400)))
        ratings[right] += k * (1 - score - 1 / (1 + 10 ** ((ratings[left] - ratings[right]) / 400)))
    return ratings


def winner_gains(votes, k=16):
    ratings = {}
    for left, right, choice in votes:
        winner, other = (left, right) if choice == "left" else (right, left)
        a, b = ratings.get(winner, 1000), ratings.get(other, 1000)
        ratings[winner], ratings[other] = a + k * (1 - 1 / (1 + 10 ** ((b - a) / 400))), b
    return ratings


SINGLE, LONG = (
    "of single tokens the likeliest is chosen",
    "a long option is not punished for its length",
)
PLACES, TURNS = "places become models", "a preference that turns with the order is a tie"
HALF, LEFT_OUT = "a tie is half a win", "an item without both verdicts is left out"
NONE = "without items there is no rate"
EQUALS = "between equals half of k changes hands"
NEWS = "what was expected moves little, a surprise much"
TIE = "a tie pulls two models together"

ANSWERS = {
    "07.1": Answers(
        other=by_argmax,
        wrong={
            "lowest": Wrong(best_by(lambda o: -np.mean(o)), SINGLE, "chooses the least likely"),
            "a letter": Wrong(lambda o: "ABCD"[by_argmax(o)], SINGLE, "returns the letter"),
            "the value": Wrong(
                lambda o: max(np.mean(x) for x in o), SINGLE, "returns the log-probability"
            ),
            "sums": Wrong(best_by(sum), LONG, "compares sums"),
            "first token": Wrong(best_by(lambda o: o[0]), LONG, "looks at the first token only"),
            "last token": Wrong(best_by(lambda o: o[-1]), LONG, "looks at the last token only"),
            "probabilities": Wrong(
                best_by(lambda o: np.exp(o).mean()), LONG, "averages probabilities"
            ),
            "last of equals": Wrong(
                last_of_equals, "among equals the first is chosen", "takes the last of equals"
            ),
        },
    ),
    "07.2": Answers(
        other=by_points,
        wrong={
            "sides forgotten": Wrong(
                items(preferred, second=("a", "b")), PLACES, "forgets that the sides were changed"
            ),
            "A's wins": Wrong(of_a, PLACES, "counts the wins of A"),
            "replies": Wrong(every_reply, PLACES, "counts replies"),
            "first order": Wrong(items(lambda one, two: one), TURNS, "believes the first order"),
            "turns dropped": Wrong(
                items(lambda one, two: one if one == two else None), TURNS, "drops what turns"
            ),
            "both orders": Wrong(
                items(
                    lambda one, two: None if None in (one, two) else one if one == two else "tie"
                ),
                "won once and tied once is won",
                "asks for a win in both orders",
            ),
            "ties out": Wrong(
                rate(lambda w, t, x, n: w / (w + x)), HALF, "leaves the ties out of the rate"
            ),
            "ties lost": Wrong(rate(lambda w, t, x, n: w / n), HALF, "counts a tie as a loss"),
            "ties won": Wrong(rate(lambda w, t, x, n: (w + t) / n), HALF, "counts a tie as a win"),
            "per cent": Wrong(
                rate(lambda w, t, x, n: 100 * (w + t / 2) / n), HALF, "gives the rate in per cent"
            ),
            "silence ties": Wrong(
                items(lambda one, two: preferred(one, two) or "tie"),
                LEFT_OUT,
                "calls silence a tie",
            ),
            "one order": Wrong(
                items(lambda one, two: preferred(one or two, two or one)),
                LEFT_OUT,
                "believes one order where the other is missing",
            ),
            "nothing is even": Wrong(items(preferred, empty=0.5), NONE, "calls nothing a draw"),
            "nothing is lost": Wrong(items(preferred, empty=0.0), NONE, "calls nothing a defeat"),
            "divides by zero": Wrong(divides_by_zero, NONE, "divides by zero"),
        },
    ),
    "07.3": Answers(
        other=by_odds,
        wrong={
            "whole k": Wrong(
                updated(gain=lambda k, s, e: k * (2 * s - 1)), EQUALS, "moves by the whole k"
            ),
            "winner only": Wrong(winner_gains, EQUALS, "lets the winner gain and the loser keep"),
            "wrong way": Wrong(
                updated(gain=lambda k, s, e: k * (e - s)), EQUALS, "moves the wrong way"
            ),
            "in place": Wrong(in_place, EQUALS, "updates one before the other"),
            "from 0": Wrong(updated(start=0), EQUALS, "begins at 0"),
            "nothing expected": Wrong(
                updated(expected=lambda a, b: 0.5), NEWS, "forgets what was expected"
            ),
            "turned round": Wrong(
                updated(expected=lambda a, b: 1 / (1 + 10 ** ((a - b) / 400))),
                NEWS,
                "expects the weaker to win",
            ),
            "e": Wrong(
                updated(expected=lambda a, b: 1 / (1 + math.exp((b - a) / 400))),
                NEWS,
                "takes e for 10",
            ),
            "no 400": Wrong(
                updated(expected=lambda a, b: 1 / (1 + 10 ** (b - a))), NEWS, "forgets the scale"
            ),
            "no ties": Wrong(
                updated(score=lambda choice: {"left": 1, "right": 0}.get(choice)),
                TIE,
                "passes over ties",
            ),
            "tie is lost": Wrong(
                updated(score=lambda choice: float(choice == "left")), TIE, "counts a tie as a loss"
            ),
            "always 16": Wrong(
                updated(step=16), "k says how far a vote moves", "always moves by 16"
            ),
        },
    ),
}
