"""What is varied, at which points, and what is held constant. Nothing is read or trained here.

What `vary` may be:

rows          a point is so many training rows, the fewer among the more; constant are the epochs,
              so that more rows mean more steps
a key         of the records, such as family or style: a point is so many of its values; constant
              are the rows, and each value gives as many
clean         training rows with near-duplicates and leaks, or without; constant are the others
template      a point is a prompt format; constant are the rows, the epochs and the order

With `same_steps` every run takes so many optimiser steps instead: fewer rows are read more often.
Both are fair, to different questions: what do I get when I learn from
everything I have, and what do I get for the same computing?
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from helpers.errors import DataError, SettingsError, nearest
from helpers.experiment.grid import Cell, Grid, canonical, check_distinct, check_seeds
from helpers.files import read_json
from helpers.formatting import TEMPLATES, Template

CLEAN = ("as it is", "no near-duplicates", "no leaks", "neither")
OWN = Template("own", "Q: ", "\n", "\nA:\n")  # stands for a format of your own
ROWS = 600  # where rows are held constant and none are named
POINTS = {
    "rows": (100, 300, 935),
    "clean": CLEAN,
    "family": (4, 8, 16, 32),
    "style": (1, 2, 4),
}


@dataclass(frozen=True)
class Curve:
    """One thing that is varied, its points, and all that stays the same."""

    vary: str = "rows"
    points: tuple[int | str, ...] = ()  # () = those of POINTS
    model: str = "gpt2-mini"
    data: str = "course"  # its validation and test rows are what is measured on
    more: str = ""  # a file of further training rows; "" = none, for course our generator's
    rows: int = 0  # how many, where rows are not what is varied; 0 = ROWS, or all there are
    seeds: int = 3  # how many; they count from 1
    loss_on: str = "all"
    epochs: int = 2
    same_steps: int = 0  # so many optimiser steps for every run, in place of the epochs
    lr: float = 0.0  # 0 = the rate that suits the model
    batch_size: int = 8
    template: str = "alpaca"
    own: tuple[Template, ...] = (OWN,)  # formats of your own, by their names
    dirt: float = 0.5  # vary = clean: near-duplicates put in, as a share of the rows
    max_new_tokens: int = 64
    sample: int = 200  # at most so many validation and so many test rows, evenly spaced; 0 = all
    device: str = "auto"
    precision: str = "auto"
    products: str = "auto"
    layout: str = "auto"

    def resolved(self) -> Curve:
        """The same curve, checked, with every "auto" and default that needs no data filled in."""
        check_seeds(self.seeds)
        check_distinct("points", self.points)
        usual = {**POINTS, "template": tuple(self.templates())}
        points = self.points or usual.get(self.vary, ())
        if not points:
            raise SettingsError(
                f"there are no usual points for {self.vary!r}: name some with --points, such as "
                "2,4,8 (how many of its values)."
            )
        self.check_points(points)
        if self.template not in self.templates():
            raise SettingsError(
                f"unknown template {self.template!r}; {nearest(self.template, self.templates())}."
            )
        if not 0 <= self.dirt <= 10:
            raise SettingsError(f"dirt = {self.dirt}: give a share of the rows from 0 to 10.")
        for name in ("rows", "same_steps", "sample"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} = {getattr(self, name)}: give 0 or more.")
        settings = self.grid().run_settings(Cell(self.loss_on, 1, 0, self.epochs, "any", self.lr))
        fixed = settings.resolved()
        names = ("lr", "device", "precision", "products", "layout")
        auto = {name: getattr(fixed, name) for name in names}
        return replace(self, points=points, loss_on=canonical(self.loss_on), **auto)

    def check_points(self, points: tuple) -> None:
        """Refuse points that are not of the kind that is varied."""
        known = {"clean": CLEAN, "template": tuple(self.templates())}.get(self.vary)
        for point in points:
            if known and point not in known:
                raise SettingsError(
                    f"unknown point {point!r} of {self.vary}; {nearest(str(point), known)}."
                )
            if not known and (not isinstance(point, int) or point < 1):
                raise SettingsError(
                    f"the point {point!r} is no number of {self.vary}: give whole numbers from 1."
                )

    def templates(self) -> dict[str, Template]:
        """All prompt formats by name, those of one's own among them."""
        return {**TEMPLATES, **{template.name: template for template in self.own}}

    def grid(self) -> Grid:
        """The same settings as the masking experiment takes them, which trains the runs."""
        names = ("model", "data", "batch_size", "device", "precision", "products", "layout")
        return Grid(**{name: getattr(self, name) for name in names})

    def steps_for(self, rows: int) -> int:
        """How many optimiser steps a run takes that learns from so many rows."""
        return self.same_steps or self.epochs * -(-rows // self.batch_size)

    def runs(self) -> list[tuple[int | str, int]]:
        """Every (point, seed); seed by seed, so that a curve cut short is still paired."""
        return [(point, seed) for seed in range(1, self.seeds + 1) for point in self.points]


def run_name(point: int | str, seed: int) -> str:
    """The id of a run: it never changes, whatever is added later.

    >>> run_name("no leaks", 2)
    'no leaks-seed2'
    """
    return f"{point}-seed{seed}"


def read_template(path: str | Path) -> Template:
    """A prompt format from a JSON file with the four fields of `formatting.Template`.

    {"name": "mine", "before_instruction": "Q: ", "before_input": "\\n", "header": "\\nA:\\n"}
    """
    fields, found = ("name", "before_instruction", "before_input", "header"), read_json(path)
    good = isinstance(found, dict) and set(found) == set(fields)
    if not good or not all(isinstance(text, str) for text in found.values()):
        raise DataError(
            f"{path}: a prompt format has four texts, {', '.join(fields)}, and no more."
        )
    if not found["name"] or found["name"] in TEMPLATES:
        raise DataError(
            f"{path}: the name {found['name']!r} is empty or taken ({', '.join(TEMPLATES)}). Give "
            "the format another."
        )
    if not found["header"].strip():
        raise DataError(
            f"{path}: the header is blank, so nothing would say where the answer begins. Write one, "
            'such as "\\nA:\\n".'
        )
    return Template(**found)
