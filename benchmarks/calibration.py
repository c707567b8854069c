"""How often does a 95 % interval of helpers.evaluate.paired hold the truth?

    python benchmarks/calibration.py [TABLES]

Draws tables of seeds × items (TABLES of each kind, 2,000 unless given) whose mean has variance 1,
a part of it from the seeds, a part from the items and the rest from what is peculiar to one seed
on one item. Prints a line per design and mix: the share of intervals that hold the truth (0), and
the share of effects twice the smallest detectable one that are found. About a minute on one core.
"""

from __future__ import annotations

import sys

import numpy as np

from helpers.evaluate.paired import crossed_mean

MIXES = {  # share of the mean's variance: seeds, items, rest
    "seeds only": (1, 0, 0),
    "items only": (0, 1, 0),
    "rest only": (0, 0, 1),
    "all alike": (1 / 3, 1 / 3, 1 / 3),
    "seeds and items": (0.5, 0.5, 0),
    "mostly seeds": (0.9, 0.1, 0),
    "mostly items": (0.2, 0.8, 0),
}
DESIGNS = [(seeds, items) for seeds in (2, 3, 5, 10) for items in (110, 1000)]


def table(seeds: int, items: int, mix: tuple, rng: np.random.Generator) -> np.ndarray:
    """A table (seeds, items) around 0 whose mean has variance 1."""
    by_seed, by_item, rest = np.sqrt(mix)
    return (
        by_seed * np.sqrt(seeds) * rng.standard_normal((seeds, 1))
        + by_item * np.sqrt(items) * rng.standard_normal(items)
        + rest * np.sqrt(seeds * items) * rng.standard_normal((seeds, items))
    )


def calibrate(
    seeds: int, items: int, mix: tuple, tables: int, seed: int = 0
) -> tuple[float, float]:
    """Shares of intervals that hold the truth, and of effects twice the smallest that are found.

    The smallest detectable effect is the median of what the tables say of themselves.
    """
    rng = np.random.default_rng(seed)
    found = [crossed_mean(table(seeds, items, mix, rng)) for _ in range(tables)]
    mean, half = np.array([e.mean for e in found]), np.array([e.half for e in found])
    effect = 2 * np.median([e.smallest_detectable() for e in found])
    return float(np.mean(np.abs(mean) <= half)), float(np.mean(np.abs(mean + effect) > half))


def main() -> None:
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{'seeds':>5} {'items':>5}  {'the variance is':16} {'covered':>8} {'found':>8}")
    for seeds, items in DESIGNS:
        for name, mix in MIXES.items():
            covered, found = calibrate(seeds, items, mix, tables)
            print(f"{seeds:5} {items:5}  {name:16} {covered:8.1%} {found:8.1%}", flush=True)


if __name__ == "__main__":
    main()
