"""Kernel ridge regression, read from a file: what is measured on an answer in, a score and its reasons out.

An answer is worth what answers are worth on which much the same was measured. Nothing is fitted here;
benchmarks/fit_judge.py did that (see there for the method and its source).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from helpers.files import sha256
from helpers.judge.lexicon import FOLDER

FITTED = FOLDER / "kernel.npz"
LIMIT = 3.0  # standard deviations; what lies beyond counts as if it were there
STEP = LIMIT / 127  # a place is stored in 8 bits a feature


@dataclass(frozen=True)
class Kernel:
    """features: D names; mean, scale (D,); points (M, D) in standard deviations; weights (M,).

    width: how quickly the likeness of two answers falls; curve: two rows, outputs and the scores that
    they stand for; groups: the features that one reason is made of, by its name.
    """

    features: list[str]
    groups: dict[str, list[str]]
    mean: np.ndarray
    scale: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    offset: float
    width: float
    curve: np.ndarray

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """(N,): offset + the sum of weights times likeness to each point, for (N, D) features."""
        return self.offset + likeness(self.placed(x), self.points, self.width) @ self.weights

    def placed(self, x: np.ndarray) -> np.ndarray:
        """(N, D) features in standard deviations, within LIMIT."""
        return np.clip((x - self.mean) / self.scale, -LIMIT, LIMIT)

    def scores(self, x: np.ndarray) -> np.ndarray:
        """(N,): scores of (N, D) features, before any rule."""
        return np.interp(self.outputs(x), *self.curve)

    def score(self, found: Mapping[str, float]) -> tuple[float, str]:
        """A score, and how far each group of features moves it from what it were at the group's mean."""
        x = np.array([found[name] for name in self.features])
        rows = np.tile(x, (len(self.groups) + 1, 1))
        for row, names in zip(rows[1:], self.groups.values(), strict=True):
            places = [self.features.index(name) for name in names]
            row[places] = self.mean[places]
        score, *others = self.scores(rows)
        moved = {name: score - other for name, other in zip(self.groups, others, strict=True)}
        main = sorted(moved, key=lambda name: -abs(moved[name]))[:3]
        return float(score), ", ".join(f"{name} {moved[name]:+.0f}" for name in main)


def likeness(one: np.ndarray, other: np.ndarray, width: float) -> np.ndarray:
    """(N, M): exp(-width · half the mean squared difference) between rows of (N, D) and (M, D)."""
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.exp(-width * squares / (2 * one.shape[1]))


@lru_cache(maxsize=1)
def fitted_digest() -> str:
    """The sha256 of the file that `judge_kernel` reads, in hexadecimal digits."""
    return sha256(FITTED)


@lru_cache(maxsize=1)
def judge_kernel() -> Kernel:
    """The one of the reference judge, from helpers/assets/judge/kernel.npz."""
    with np.load(FITTED) as file:
        found = {name: file[name] for name in file.files}
    names = str(found.pop("features")).split()
    groups = [line.split() for line in str(found.pop("groups")).splitlines()]
    found["points"] = found["points"].astype(np.float32) * STEP
    numbers = {name: float(found.pop(name)) for name in ("offset", "width")}
    return Kernel(names, {name: members for name, *members in groups}, **found, **numbers)
