"""A small neural network, read from a file: features in, a score and its reasons out.

Nothing is fitted here; benchmarks/fit_judge.py did that. Several networks of one hidden layer give
the mean of their outputs, and a curve turns that into a score on the scale of the labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from helpers.judge.thesaurus import FOLDER

LIMIT = 3.0  # standard deviations; a feature beyond counts as if it were there


@dataclass(frozen=True)
class Network:
    """features: D names; mean, scale: (D,); first (M, D, H), bias (M, H), second (M, H), offset (M,).

    curve: two rows, outputs and the scores that they stand for. groups: the names of the features
    that one reason is made of.
    """

    features: list[str]
    groups: dict[str, list[str]]
    mean: np.ndarray
    scale: np.ndarray
    first: np.ndarray
    bias: np.ndarray
    second: np.ndarray
    offset: np.ndarray
    curve: np.ndarray

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """(N,): the mean output of the networks for (N, D) features."""
        x = np.clip((x - self.mean) / self.scale, -LIMIT, LIMIT)
        hidden = np.maximum(0, np.einsum("nd,mdh->mnh", x, self.first) + self.bias[:, None])
        return (np.einsum("mnh,mh->mn", hidden, self.second) + self.offset[:, None]).mean(0)

    def scores(self, x: np.ndarray) -> np.ndarray:
        """(N,): scores of (N, D) features, before any rule."""
        return np.interp(self.outputs(x), *self.curve)

    def score(self, found: Mapping[str, float]) -> tuple[float, str]:
        """A score, and how far each group of features moves it from what it were at its mean."""
        x = np.array([found[name] for name in self.features])
        rows = np.tile(x, (len(self.groups) + 1, 1))
        for row, names in zip(rows[1:], self.groups.values(), strict=True):
            places = [self.features.index(name) for name in names]
            row[places] = self.mean[places]
        score, *others = self.scores(rows)
        moved = {name: score - other for name, other in zip(self.groups, others, strict=True)}
        main = sorted(moved, key=lambda name: -abs(moved[name]))[:3]
        return float(score), ", ".join(f"{name} {moved[name]:+.0f}" for name in main)


@lru_cache(maxsize=1)
def judge_network() -> Network:
    """The network of the reference judge."""
    found = json.loads((FOLDER / "network.json").read_text(encoding="utf-8"))
    plain = {key: found.pop(key) for key in ("features", "groups")}
    return Network(**plain, **{key: np.array(value) for key, value in found.items()})
