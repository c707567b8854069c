"""The instruction-masking experiment: arms × seeds × factors, the same metric for every arm.

`Grid` says what is compared, `run_grid` trains and measures what a folder does not hold yet,
`load_grid` reads the folder. What is random and what is not: a seed decides which rows are taken
and in which order they come, equally for all arms; so arms are compared in pairs.
"""

from __future__ import annotations

from helpers.experiment.grid import DEFAULT_ARMS, LEVELS, METRICS, Cell, Grid
from helpers.experiment.results import (
    Results,
    above_untouched,
    differences,
    load_grid,
    pack,
    secondary,
    summary,
)
from helpers.experiment.runner import run_grid

__all__ = [
    "DEFAULT_ARMS",
    "LEVELS",
    "METRICS",
    "Cell",
    "Grid",
    "Results",
    "above_untouched",
    "differences",
    "load_grid",
    "pack",
    "run_grid",
    "secondary",
    "summary",
]
