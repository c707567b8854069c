"""How often does a 95 % interval of a rating, or of a win rate, hold the truth?

    python -m benchmarks.preference_calibration [SIMULATIONS]

Draws votes between models of known strength (SIMULATIONS of each kind, 500 unless given) and items
with a known win rate, and prints the share of intervals that hold the truth. In some of the
arenas votes on one item hang together: each model's answer to it is better or worse than usual.
About five minutes on one core for 500.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Mapping

import numpy as np

from helpers.evaluate.arena import Vote, bradley_terry, coded, ratings
from helpers.evaluate.pairwise import win_rate_interval

STRENGTHS = {"a": 0.9, "b": 0.3, "c": -0.2, "d": -1.0}  # natural logarithms of odds; mean 0
ARENAS = {  # name → items, votes on each, spread of an answer around its model, share of ties
    "200 items, a vote each": (200, 1, 0.0, 0.0),
    "500 items, ties": (500, 1, 0.0, 0.2),
    "100 items, all pairs, hanging together": (100, 6, 1.0, 0.0),
}
RATES = {  # name → items, probabilities of win, tie and loss
    "110 items, few ties": (110, (0.50, 0.10, 0.40)),
    "110 items, many ties": (110, (0.20, 0.70, 0.10)),
    "110 items, lopsided": (110, (0.80, 0.15, 0.05)),
    "30 items": (30, (0.40, 0.20, 0.40)),
}


def cast(
    rng: np.random.Generator,
    items: int,
    each: int,
    spread: float = 0.0,
    ties: float = 0.0,
    strengths: Mapping[str, float] = STRENGTHS,
) -> list[Vote]:
    """Votes by the model of Bradley and Terry; a share of them are ties, whoever meets."""
    names = list(strengths)
    pairs = [(a, b) for a in names for b in names if a < b]
    votes = []
    for item in range(items):
        here = {name: strengths[name] + spread * rng.standard_normal() for name in names}
        met = [pairs[item % len(pairs)]] if each == 1 else pairs[:each]
        for a, b in met:
            p = 1 / (1 + np.exp(here[b] - here[a]))
            choice = "left" if rng.random() < p else "right"
            choice = "tie" if rng.random() < ties else choice
            votes.append(Vote("v", "person", f"item {item}", a, b, choice, cast=f"{len(votes):06}"))
    return votes


def truth(items: int, each: int, spread: float, ties: float) -> np.ndarray:
    """The ratings that endlessly many votes of this kind lead to, in the order of the names."""
    names, noise = list(STRENGTHS), np.random.default_rng(1).standard_normal(200_000)
    results, weights = [], []
    for i, j in itertools.combinations(range(len(names)), 2):
        apart = STRENGTHS[names[i]] - STRENGTHS[names[j]] + spread * math.sqrt(2) * noise
        p = float(np.mean(1 / (1 + np.exp(-apart))))
        results += [(names[i], names[j], choice) for choice in ("left", "right", "tie")]
        weights += [p * (1 - ties), (1 - p) * (1 - ties), ties]
    return bradley_terry(coded(results, names), weights, len(names))


def covered_ratings(name: str, simulations: int, n: int = 1000) -> float:
    """The share of intervals, over all models and simulations, that hold the true rating."""
    true, hits = truth(*ARENAS[name]), []
    for seed in range(simulations):
        table = ratings(cast(np.random.default_rng(100 + seed), *ARENAS[name]), n=n).table
        table = table.sort_values("model")
        hits += list((table["low"] <= true) & (true <= table["high"]))
    return float(np.mean(hits))


def covered_rates(name: str, simulations: int) -> float:
    """The share of intervals that hold the true win rate."""
    items, (win, tie, loss) = RATES[name]
    drawn = np.random.default_rng(0).multinomial(items, [win, tie, loss], size=simulations)
    ends = [win_rate_interval(*map(int, counts))[1:] for counts in drawn]
    return float(np.mean([low <= win + tie / 2 <= high for low, high in ends]))


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name in ARENAS:
        print(f"{name:42} {covered_ratings(name, simulations):7.1%}", flush=True)
    for name in RATES:
        print(f"{name:42} {covered_rates(name, max(simulations, 20_000)):7.1%}", flush=True)


if __name__ == "__main__":
    main()
