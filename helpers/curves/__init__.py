"""What more data, other data and other prompt formats buy: one thing is varied, seeds × points.

`Curve` says what is varied and where it is measured, `run_curve` trains and measures what a folder
does not hold yet, `load_curve` reads it; `curve_table`, `effects` and `template_matrix` are the
numbers that are drawn. The statistics are those of the masking experiment: every point is measured
on the same rows, so points are compared in pairs.
"""

from __future__ import annotations

from helpers.curves.plan import CLEAN, OWN, Curve
from helpers.curves.results import (
    CurveResults,
    crossing,
    curve_table,
    effects,
    load_curve,
    publish,
    template_matrix,
)
from helpers.curves.runner import run_curve

__all__ = [
    "CLEAN",
    "OWN",
    "Curve",
    "CurveResults",
    "crossing",
    "curve_table",
    "effects",
    "load_curve",
    "publish",
    "run_curve",
    "template_matrix",
]
