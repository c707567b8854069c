"""Numbers in, an accessible figure out.

One look for the whole course: colours of Okabe and Ito's palette (told apart by colour-blind
readers), a line style and marker beside every colour, labelled axes, and the same colour for the
same thing everywhere. `show` wraps a figure in HTML with its caption as alternative text, because
Jupyter drops the alt text of bare images. Nothing here computes a result.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image  # matplotlib brings it along

from helpers.errors import DataError
from helpers.masking import segment_weights

LOOK = {  # thing → (colour, line style, marker)
    "before": ("#707070", (0, (1, 1)), "o"),
    "after": ("#0072b2", "-", "s"),
    "training": ("#d55e00", "-", None),
    "validation": ("#0072b2", "--", "o"),
    "padding": ("#cccccc", "-", None),
    "tokens": ("#009e73", "-", None),
}
ARM_LOOK = {  # arm of the masking experiment → (colour, line style, marker), in every figure
    "all": ("#000000", "-", "o"),
    "instruction+response": ("#e69f00", (0, (5, 2)), "^"),
    "header+response": ("#009e73", (0, (6, 2, 1, 2)), "D"),
    "response": ("#0072b2", (0, (2, 1)), "s"),
}
MAX_BYTES = 60_000  # of a picture in a lesson
PALETTE_FROM = 20_000  # bytes: from there on a palette of 256 colours, a third of the size
_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "course",
}


def figure(width: float = 7.0, height: float = 3.2, columns: int = 1):
    """An empty figure in the course's style and its axes (one, or a list of `columns`)."""
    with matplotlib.rc_context(_STYLE):
        fig = Figure(figsize=(width, height), layout="constrained")
        axes = fig.subplots(1, columns)
    return fig, axes if columns == 1 else list(axes)


class HTMLFigure:
    """A picture with a caption that a notebook shows and a screen reader reads.

    A table, if there is one, stands folded below: every number that was drawn.
    """

    def __init__(
        self, fig: Figure, caption: str, *, dpi: int = 100, table: pd.DataFrame | None = None
    ):
        buffer = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            fig.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        self.png, self.caption, self.table = _small(buffer.getvalue()), caption, table

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        text = html.escape(self.caption, quote=True)
        return (
            f'<figure><img alt="{text}" style="max-width:100%" '
            f'src="data:image/png;base64,{data}"/><figcaption>{text}</figcaption>'
            f"{self._table_html()}</figure>"
        )

    def _table_html(self) -> str:
        if self.table is None:
            return ""
        rows = self.table.to_html(index=False, border=0, na_rep="–", float_format=_three_digits)
        return f"<details><summary>The numbers as a table</summary>{rows}</details>"

    def __repr__(self) -> str:
        return f"Figure: {self.caption}"


def _three_digits(number: float) -> str:
    """1.04, 68.9, 2,066: as many digits as tell the numbers of a figure apart."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def ink(background) -> str:
    """ "black" or "white": what is read better on a colour, by WCAG's contrast ratio."""
    linear = [
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(background)
    ]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def _small(png: bytes, limit: int = PALETTE_FROM) -> bytes:
    """The picture, with a palette of 256 colours if it is above the limit: lessons are in git."""
    if len(png) <= limit:
        return png
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def show(
    fig: Figure, caption: str, *, dpi: int = 100, table: pd.DataFrame | None = None
) -> HTMLFigure:
    """The figure with its caption (and its numbers), ready to be the last line of a cell."""
    return HTMLFigure(fig, caption, dpi=dpi, table=table)


def losses(records: Sequence, loss_on: str, smooth: int = 9) -> Figure:
    """Training loss of every step (dots and their moving mean) and validation response loss."""
    fig, ax = figure()
    steps = [r.step for r in records if r.loss is not None]
    values = [r.loss for r in records if r.loss is not None]
    colour, style, _ = LOOK["training"]
    ax.plot(steps, values, ".", color=colour, alpha=0.3, markersize=4)
    half = smooth // 2
    means = [
        sum(values[max(0, i - half) : i + half + 1]) / len(values[max(0, i - half) : i + half + 1])
        for i in range(len(values))
    ]
    ax.plot(steps, means, color=colour, linestyle=style, label=f"training, loss on: {loss_on}")
    checked = [(r.step, r.val_response_loss) for r in records if r.val_response_loss is not None]
    colour, style, marker = LOOK["validation"]
    ax.plot(
        *zip(*checked, strict=True),
        color=colour,
        linestyle=style,
        marker=marker,
        label="validation, loss on: response",
    )
    ax.set(xlabel="optimiser steps", ylabel="loss (nats per token)")
    ax.set_ylim(bottom=0)
    ax.legend()
    return fig


def learning_rates(rates: Sequence[float]) -> HTMLFigure:
    """The learning rate of every step of a schedule, and where it is highest."""
    rates = [float(rate) for rate in rates]
    fig, ax = figure(height=2.8)
    colour, style, _ = LOOK["training"]
    ax.plot(range(len(rates)), rates, color=colour, linestyle=style, marker=".", markersize=4)
    top = rates.index(max(rates))
    ax.plot([top], [rates[top]], "o", color="black")
    where = {"xytext": (8, 2), "textcoords": "offset points", "va": "bottom", **_PLATE}
    ax.annotate(f"{rates[top]:.3g} at step {top}", (top, rates[top]), **where)
    ax.set(xlabel="optimiser steps", ylabel="learning rate", ylim=(0, 1.18 * rates[top]))
    ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    return show(
        fig,
        f"Learning rate of {len(rates)} steps: {rates[0]:.3g} at the first, highest at step {top} "
        f"with {rates[top]:.3g}, and {rates[-1]:.3g} at the last.",
    )


def lengths(counts: Sequence[int], label: str) -> Figure:
    """How many rows have how many tokens."""
    fig, ax = figure(height=2.6)
    ax.hist(counts, bins=range(0, max(counts) + 5, 4), color=LOOK["tokens"][0])
    ax.set(xlabel="tokens in a row", ylabel=label)
    return fig


def intervals(rows: Sequence[tuple[str, float, float, float]], label: str) -> Figure:
    """A point and a 95 % interval per named row (name, mean, low, high), the first on top."""
    fig, ax = figure(height=0.6 + 0.45 * len(rows))
    for place, (_name, mean, low, high) in enumerate(rows):
        ax.plot([low, high], [-place, -place], color=LOOK["after"][0], linewidth=2)
        ax.plot([mean], [-place], marker="s", color=LOOK["after"][0])
    ax.set_yticks([-i for i in range(len(rows))], [name for name, *_ in rows])
    ax.set_ylim(-len(rows) + 0.5, 0.5)
    ax.set_xlabel(label)
    return fig


def with_interval(mean: float, low: float, high: float, digits: int = 1) -> str:
    """The numbers as a caption has them: a true minus sign, and none before a zero.

    >>> with_interval(-1.3, -2.5, -0.04)
    '−1.3 (−2.5 to 0.0)'
    """
    shown = (f"{round(n, digits) + 0.0:.{digits}f}" for n in (mean, low, high))  # -0.0 + 0.0 = 0.0
    return "{} ({} to {})".format(*shown).replace("-", "−")


def padding_grid(doc_ids, labels) -> Figure:
    """A batch as a grid: a square per token, learnt from, only read, or padding."""
    rows, width = doc_ids.shape
    fig, ax = figure(height=0.9 + 0.24 * rows)
    names = np.where(doc_ids < 0, "padding", np.where(labels == -100, *list(TOKEN_LOOK)[1:3]))
    look = {name: TOKEN_LOOK[name] for name in ("padding", *list(TOKEN_LOOK)[1:3])}
    _runs(ax, names.tolist(), look, first=-0.5)
    ax.vlines(np.arange(0.5, width - 1), -0.5, rows, color="white", linewidth=0.72)  # a pixel
    ax.set(xlabel="position in the batch (tokens)", ylabel="row")
    ax.set_yticks(range(rows), range(1, rows + 1))
    ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return fig


def learnt_shares(shares: dict[str, float], loss_on: str = "") -> Figure:
    """Which share of all tokens (0…1) each arm learns from, a bar each; `loss_on`'s name is bold."""
    fig, ax = figure(height=0.9 + 0.4 * len(shares))
    places, values = range(len(shares)), [100 * share for share in shares.values()]
    rest = [100 - value for value in values]
    look = {"hatch": "///", "edgecolor": "white", "linewidth": 0}
    bars = ax.barh(places, values, 0.7, color="#0072b2", label="learnt from", **look)
    ax.barh(places, rest, 0.7, left=values, color="#bbbbbb", label="read, not learnt from")
    ax.bar_label(bars, [f"{value:.0f} %" for value in values], label_type="center", **_PLATE)
    ax.set_yticks(places, list(shares))
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == loss_on else "normal")
    ax.set(xlabel="% of all tokens, each counted with its weight", xlim=(0, 100))
    ax.invert_yaxis()
    ax.grid(False)
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return fig


# A number on a hatched bar stands on a white plate.
_PLATE = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}}


def positions(edges: Sequence[int], rows: Sequence[tuple[float, float, float]]) -> Figure:
    """Loss against position: a step and its 95 % interval (mean, low, high) between two edges."""
    fig, ax = figure(width=6.0, height=2.8)
    means, lows, highs = zip(*rows, strict=True)
    colour, style, _ = LOOK["validation"]
    ax.fill_between(
        edges, [*lows, lows[-1]], [*highs, highs[-1]], step="post", color=colour, alpha=0.2
    )
    ax.step(edges, [*means, means[-1]], where="post", color=colour, linestyle=style)
    ax.set(xlabel="position of the token", ylabel="loss (nats per token)", xlim=(0, edges[-1]))
    return fig


def overview(asked: str, answers: dict[str, str], means: dict[str, tuple]) -> Figure:
    """One request, its answers before and after, and both mean scores with intervals.

    answers: "before" and "after" → text; means: the same keys → (mean, low, high).
    """
    fig, (left, right) = figure(width=9, height=2.7, columns=2)
    left.axis("off")
    left.set_xlim(0, 1)
    titles = {
        "before": "the pretrained model",
        "after": "after this course, one of its good answers",
    }
    lines = [("The request", asked, "black")]
    lines += [(title, answers[key], LOOK[key][0]) for key, title in titles.items()]
    for place, (title, text, colour) in enumerate(lines):
        left.text(0, 0.98 - 0.36 * place, title, weight="bold", color=colour, va="top")
        wrapped = textwrap.fill(text, 48, max_lines=2, placeholder=" …")
        left.text(0, 0.88 - 0.36 * place, wrapped, family="monospace", size=9, va="top")
    for place, key in enumerate(("before", "after")):
        mean, low, high = means[key]
        colour, _, marker = LOOK[key]
        right.plot([low, high], [-place, -place], color=colour, linewidth=3)
        right.plot([mean], [-place], marker=marker, color=colour, markersize=9)
        right.annotate(
            f"{mean:.1f}", (mean, -place), (0, 9), textcoords="offset points", ha="center"
        )
    right.set_yticks([0, -1], ["before", "after"])
    right.set(ylim=(-1.6, 0.7), xlim=(-6, 100), xlabel="mean score on the test rows, 0–100")
    return fig


# --- scores and judges ----------------------------------------------------------------------------

RUN_LOOK = [("#0072b2", "-", "s"), ("#d55e00", "--", "o"), ("#009e73", ":", "^")]
SCALE = np.linspace(0, 100, 11)  # ten bins; the last one holds 100 as well


def score_distribution(
    runs: Mapping[str, Sequence[float]], intervals: Mapping[str, Sequence[float]]
) -> HTMLFigure:
    """How the scores of one to three runs spread, each with its mean and the mean's 95 % interval.

    runs: name → scores from 0 to 100; intervals: the same names → the ends of the interval.
    """
    if not 1 <= len(runs) <= len(RUN_LOOK) or not all(map(len, runs.values())):
        raise DataError(
            f"give the scores of 1 to {len(RUN_LOOK)} runs, not of {len(runs)}, or none"
        )
    fig, axes = figure(width=3.6 * max(2, len(runs)), columns=len(runs))
    axes = axes if len(runs) > 1 else [axes]
    counts = {name: np.histogram(scores, bins=SCALE)[0] for name, scores in runs.items()}
    top, told = max(n.max() for n in counts.values()), []
    for ax, look, (name, scores) in zip(axes, RUN_LOOK, runs.items(), strict=False):
        colour, _, marker = LOOK.get(name, look)
        (low, high), mean = intervals[name], float(np.mean(scores))
        ax.bar(SCALE[:-1], counts[name], 10, align="edge", color=colour, edgecolor="white")
        ax.plot([low, high], [1.12 * top] * 2, color="black", linewidth=3, solid_capstyle="butt")
        ax.plot(mean, 1.12 * top, marker=marker, color="black", markersize=8)
        ax.set(xlabel="score", ylabel="responses", xlim=(-4, 104), ylim=(0, 1.25 * top))
        ax.set_title(f"{name}: mean {with_interval(mean, low, high)}", size=10)
        ends = f"{np.mean(np.equal(scores, 0)):.0%} are 0 and {np.mean(np.greater_equal(scores, 90)):.0%} "
        told.append(
            f"{name}: {len(scores)} scores, mean {mean:.1f}, interval {low:.1f} to {high:.1f}; {ends}"
            "are 90 or more"
        )
    bins = [f"{a:.0f} to {b:.0f}" for a, b in itertools.pairwise(SCALE)]
    return show(
        fig,
        "Distribution of scores from 0 to 100; above the bars the mean and its 95 % interval. "
        f"{'. '.join(told)}.",
        table=pd.DataFrame({"scores": bins, **counts}),
    )


def paired_difference(
    a: Sequence[float], b: Sequence[float], interval: Sequence[float], names=("A", "B")
) -> HTMLFigure:
    """How much higher the second run scores on each of the same items, and its mean with interval.

    a and b: scores of the same items in the same order; interval: the 95 % interval of the mean of
    b - a. Colours say who is better on an item, and so does the side of the black line.
    """
    if len(a) != len(b) or not len(a):
        raise DataError(f"give the scores of two runs on the same items, not {len(a)} and {len(b)}")
    first, second = names
    apart = np.subtract(b, a)
    (low, high), mean = interval, float(apart.mean())
    bins = np.concatenate([np.arange(-105, 0, 10), np.arange(5, 106, 10)])
    counts, middles = np.histogram(apart, bins=bins)[0], (bins[:-1] + bins[1:]) / 2
    fig, ax = figure()
    sides = [
        (f"{first} is better", RUN_LOOK[1][0], "...", middles < 0),
        ("at most 5 points apart", "#bbbbbb", "", middles == 0),
        (f"{second} is better", RUN_LOOK[0][0], "///", middles > 0),
    ]
    for label, colour, hatch, where in sides:
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        ax.bar(middles[where], counts[where], 9, label=f"{label}: {counts[where].sum()}", **look)
    above = 1.1 * max(counts)
    ax.plot([low, high], [above] * 2, color="black", linewidth=3, solid_capstyle="butt")
    ax.plot(mean, above, marker="D", color="black", markersize=7)
    ax.axvline(0, color="black", linewidth=1)
    ax.set(xlabel=f"{second} − {first} on an item (points)", ylabel="items", ylim=(0, 1.2 * above))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    numbers = with_interval(mean, low, high)
    told = ", ".join(f"{label} on {counts[where].sum()}" for label, _, _, where in sides)
    ax.set_title(f"mean {numbers}", size=10, loc="left")
    return show(
        fig,
        f"Difference {second} − {first} on {len(apart)} items, in points; the diamond is the mean, "
        f"{numbers}, with its 95 % interval. Of the items: {told}.",
        table=pd.DataFrame({f"{second} − {first}": middles, "items": counts})[counts > 0],
    )


def calibration(table: pd.DataFrame, names=("A", "B")) -> HTMLFigure:
    """What judge B gives where A gives so much: a point a grade, on the dashed line if they agree.

    table: columns `from to n mean_a mean_b low high`, as `helpers.evaluate.agreement.calibration`
    makes it.
    """
    first, second = names
    fig, ax = figure(width=5.4, height=4.2)
    ax.plot([0, 100], [0, 100], color="#707070", linestyle="--", label="the same score from both")
    colour, style, marker = RUN_LOOK[0]
    ax.plot(table["mean_a"], table["mean_b"], color=colour, linestyle=style, linewidth=1)
    for row in table.itertuples():
        ax.plot([row.mean_a] * 2, [row.low, row.high], color=colour, linewidth=2)
        ax.plot(row.mean_a, row.mean_b, marker=marker, color=colour, markersize=7)
        top = row.high if row.high == row.high else row.mean_b
        where = {"textcoords": "offset points", "ha": "center", "size": 9}
        ax.annotate(f"n = {row.n}", (row.mean_a, top), (0, 8), **where, **_PLATE)
    ax.set(xlabel=f"score from {first}", ylabel=f"mean score from {second}")
    ax.set(xlim=(-8, 108), ylim=(-4, 112))
    ax.legend(loc="lower right", frameon=False)
    told = "; ".join(
        f"where {first} gives {row.mean_a:.1f} ({row.n}), {second} gives {row.mean_b:.1f}"
        + (f" (interval {row.low:.1f} to {row.high:.1f})" if row.low == row.low else "")
        for row in table.itertuples()
    )
    return show(
        fig,
        f"Mean score from {second} against the score from {first}, by grade, with 95 % intervals "
        f"and the number of answers; on the dashed line both give the same. On average, {told}.",
        table=table,
    )


def agreement(pairs: pd.DataFrame, words: str, names=("A", "B")) -> HTMLFigure:
    """The two scores of every answer as a dot, larger where several answers fall on one place.

    pairs: columns `a b`, as `helpers.evaluate.agreement.pair` makes them; words: how well they
    agree, for the caption. Scores are rounded to 5 points, or the dots would hide one another.
    """
    both = pairs[["a", "b"]].dropna()
    rounded = (both / 5).round() * 5
    spots = rounded.value_counts().sort_index().reset_index(name="answers")
    fig, ax = figure(width=5.4, height=4.4)
    ax.plot([0, 100], [0, 100], color="#707070", linestyle="--", label="the same score from both")
    area = 900 * spots["answers"] / max(40, spots["answers"].max())
    look = {"color": RUN_LOOK[0][0], "edgecolors": "white", "linewidths": 0.5}
    ax.scatter(spots["a"], spots["b"], s=area + 12, **look)
    inside = {"ha": "center", "va": "center", "size": 8, "color": "white", "weight": "bold"}
    for row in spots[spots["answers"] >= 10].itertuples():
        ax.annotate(f"{row.answers}", (row.a, row.b), **inside)
    ax.set(xlabel=f"score from {names[0]}", ylabel=f"score from {names[1]}")
    ax.set(xlim=(-8, 108), ylim=(-8, 108))
    ax.legend(loc="upper left", bbox_to_anchor=(0, 1.12), frameon=False)
    return show(
        fig,
        f"Scores of {len(both)} answers from {names[0]} (across) and {names[1]} (up), rounded to 5 "
        f"points; a larger dot is more answers. A is {names[0]}, B is {names[1]}: {words}.",
        table=spots.rename(columns={"a": names[0], "b": names[1]}),
    )


# --- the masking experiment -----------------------------------------------------------------------


def arm_look(arm: str) -> tuple:
    """(colour, line style, marker) of an arm: the same in every figure, whichever arms are beside it.

    The prompt weights `response@w` are purples, darker for a larger w, each with its own marker.
    Raises SettingsError for an unknown arm.
    """
    if arm in ARM_LOOK:
        return ARM_LOOK[arm]
    weight = segment_weights(arm)["template"]
    light, dark = np.array([0.80, 0.47, 0.65]), np.array([0.30, 0.05, 0.25])
    share = math.sqrt(weight)  # the weights of interest crowd near 0
    marker = "v<>Pdh"[int(np.searchsorted([0.05, 0.15, 0.3, 0.6, 0.9], weight))]
    colour = matplotlib.colors.to_hex(light + share * (dark - light))
    return colour, (0, (1, 1 + 2 * share)), marker


def one_model(losses: Mapping[str, float], loss_on: str = "") -> HTMLFigure:
    """The loss of one and the same model under several arms, a point each; `loss_on`'s is bold.

    losses: arm → nats per token, over the tokens that this arm learns from.
    """
    fig, ax = figure(height=0.9 + 0.34 * len(losses))
    for place, (arm, loss) in enumerate(losses.items()):
        colour, style, marker = arm_look(arm)
        ax.plot([0, loss], [-place, -place], color=colour, linestyle=style, linewidth=1.2)
        ax.plot(loss, -place, marker=marker, color=colour, markersize=8)
        ax.annotate(f"{loss:.2f}", (loss, -place), (10, -4), textcoords="offset points")
    ax.set_yticks([-i for i in range(len(losses))], list(losses))
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == loss_on else "normal")
    ax.set(xlabel="loss (nats per token that the arm learns from)")
    ax.set_xlim(0, 1.12 * max(losses.values()))
    ax.set_ylim(0.5 - len(losses), 0.5)
    told = ", ".join(f"{arm} {loss:.2f}" for arm, loss in losses.items())
    chosen = f" In bold: {loss_on}." if loss_on else ""
    return show(
        fig,
        f"One untouched model on the same rows, and its loss under each arm, in nats per token that "
        f"the arm learns from: {told}.{chosen}",
    )


def forest(table: pd.DataFrame, *, unit: str = "nats per token") -> HTMLFigure:
    """Every contrast a - b with its 95 % interval, the table's first row (pre-registered) on top.

    table: columns `a b difference low high resolved`, as `helpers.evaluate.paired.contrasts` makes
    them. A filled marker is a resolved difference, a hollow one is not; colour and shape are a's.
    """
    fig, ax = figure(width=9, height=1.0 + 0.3 * len(table))
    names, numbers = [], []
    for place, row in enumerate(table.itertuples()):
        colour, _, marker = arm_look(row.a)
        face = colour if row.resolved else "white"
        ax.plot([row.low, row.high], [-place, -place], color=colour, linewidth=2)
        ax.plot(
            row.difference, -place, marker=marker, color=colour, markerfacecolor=face, markersize=8
        )
        names.append(f"{row.a} − {row.b}")
        numbers.append(_interval(row.difference, row.low, row.high))
        ax.annotate(
            numbers[-1], (1.02, -place), xycoords=("axes fraction", "data"), va="center", size=9
        )
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks([-i for i in range(len(names))], names)
    ax.get_yticklabels()[0].set_weight("bold")
    ax.set_ylim(-len(names) + 0.5, 0.5)
    ax.set_xlabel(f"difference in response loss ({unit})\nleft of 0: the first arm is better")
    told = [
        f"{name} {number}, {'resolved' if resolved else 'not resolved'}"
        for name, number, resolved in zip(names, numbers, table["resolved"], strict=True)
    ]
    return show(
        fig,
        f"Differences in response loss between arms, {unit}, with 95 % intervals; filled markers "
        f"are resolved, hollow ones are not. {'; '.join(told)}.",
    )


def loss_histograms(losses: Mapping[str, Sequence[float]]) -> HTMLFigure:
    """Response loss of every held-out item under two arms, and the items' differences beside it.

    losses: arm a → loss per item, then arm b → the same items' (nats per token), for instance the
    mean over seeds. The highest 1 % are drawn in the last bin, the widest 2 % of the differences in
    the outer two.
    """
    if len(losses) != 2 or len({len(x) for x in losses.values()}) != 1:
        shapes = ", ".join(f"{arm}: {len(x)}" for arm, x in losses.items())
        raise DataError(f"give the losses of two arms on the same items, not of {shapes or 'none'}")
    (a, first), (b, second) = ((arm, np.asarray(x, dtype=float)) for arm, x in losses.items())
    fig, (left, right) = figure(width=9, height=3.4, columns=2)
    top = np.percentile([first, second], 99)
    bins = np.linspace(0, top, 31)
    for arm, values, filled in ((a, first, True), (b, second, False)):
        colour, _, _ = arm_look(arm)
        look = {"color": colour, "alpha": 0.45} if filled else {"color": colour, "linewidth": 1.8}
        kind = "stepfilled" if filled else "step"
        left.hist(
            np.minimum(values, top),
            bins=bins,
            histtype=kind,
            **look,
            label=f"loss on: {arm}, mean {values.mean():.3f}",
        )
    left.set(xlabel="response loss of an item (nats per token)", ylabel="held-out items")
    left.legend(loc="upper right")
    difference = first - second
    width = np.percentile(np.abs(difference), 98) or 1.0
    right.hist(
        np.clip(difference, -width, width), bins=np.linspace(-width, width, 32), color="#888888"
    )
    mean = f"{difference.mean():.3f}".replace("-", "−")
    right.axvline(0, color="black", linewidth=1)
    right.axvline(difference.mean(), color="#d55e00", linestyle="--", label=f"mean {mean}")
    right.set(xlabel=f"{a} − {b}, of an item\n(nats per token)", ylabel="held-out items")
    right.legend(loc="upper right")
    better = (difference < 0).mean()
    return show(
        fig,
        f"Response loss of {len(first):,} held-out items; the outermost bars hold what lies beyond. "
        f"Left: trained with loss on {a}, mean {first.mean():.3f} nats per token, and on {b}, mean "
        f"{second.mean():.3f}. Right: {a} − {b} item by item, mean {mean}; {a} is better on "
        f"{better:.0%} of the items.",
    )


def difference_by(
    table: pd.DataFrame,
    factor: str,
    *,
    pair: tuple[str, str] = ("response", "all"),
    label: str = "",
) -> HTMLFigure:
    """The contrast a - b with its 95 % interval against a factor: rows, epochs, ratio, weight.

    table: a row per level of the factor, columns `factor`, `difference low high`; `label` is what
    stands on the axis. With a column `a` (arms that change along the axis, such as prompt weights)
    each point has its own arm's look.
    """
    fig, ax = figure()
    names = [_level(x) for x in table[factor].tolist()]
    x, scale = _places(table[factor].tolist())
    ax.plot(x, table["difference"], color="#888888", linewidth=1, zorder=1)
    for place, row in zip(x, table.itertuples(), strict=True):
        colour, _, marker = arm_look(getattr(row, "a", pair[0]))
        ax.errorbar(
            place,
            row.difference,
            yerr=[[row.difference - row.low], [row.high - row.difference]],
            color=colour,
            marker=marker,
            markersize=7,
            capsize=4,
            linewidth=2,
        )
    ax.axhline(0, color="black", linewidth=1)
    ax.set_xscale(scale)
    ax.set_xticks(x, names)
    ax.minorticks_off()
    ax.margins(x=0.08)
    a, b = pair
    ax.set(xlabel=label or factor, ylabel=f"{a} − {b}\n(nats per token)")
    ax.set_title(f"below 0: {a} has the lower response loss", size=10, loc="left")
    numbers = table[["difference", "low", "high"]].itertuples(index=False)
    told = [f"{name}: {_interval(*n)}" for name, n in zip(names, numbers, strict=True)]
    return show(
        fig,
        f"Difference in response loss {a} − {b}, nats per token with 95 % intervals, by "
        f"{label or factor}. {'; '.join(told)}.",
    )


def _level(level) -> str:
    if isinstance(level, str):
        return level
    return f"{level:,}" if isinstance(level, int) else f"{level:g}"


def _places(levels: list) -> tuple[list[float], str]:
    """Where the levels of a factor stand and on which scale.

    Numbers stand as numbers, by their logarithm when the largest is 8 times the smallest or more.
    Words, and numbers that would stand on top of each other (0, 0.01, … 1), are spaced evenly.
    """
    evenly = [float(i) for i in range(len(levels))], "linear"
    if any(isinstance(level, str) for level in levels):
        return evenly
    numbers = sorted(levels)
    scale = "log" if numbers[0] > 0 and numbers[-1] >= 8 * numbers[0] else "linear"
    on_axis = np.log(numbers) if scale == "log" else np.asarray(numbers, dtype=float)
    gaps = np.diff(on_axis)
    if len(gaps) and gaps.min() < 0.06 * (on_axis[-1] - on_axis[0]):
        return evenly
    return levels, scale


def learning_curves(
    table: pd.DataFrame,
    *,
    x: str = "step",
    y: str = "val_response_loss",
    label: str = "optimiser steps",
) -> HTMLFigure:
    """Response loss on the same rows while training, an arm a curve: the mean over seeds.

    table: tidy, columns `arm seed`, x and y, the same x in every seed of an arm. Thin lines are single
    seeds. Every arm is measured on response tokens, whatever it learnt from.
    """
    fig, ax = figure(height=3.6)
    told = []
    for arm, rows in table.groupby("arm", sort=False):
        colour, style, marker = arm_look(arm)
        wide = rows.pivot(index=x, columns="seed", values=y)
        ax.plot(wide.index, wide, color=colour, alpha=0.3, linewidth=0.8)
        ax.plot(
            wide.index,
            wide.mean(axis=1),
            color=colour,
            linestyle=style,
            marker=marker,
            markersize=5,
            linewidth=1.8,
            label=f"loss on: {arm}",
        )
        last = wide.iloc[-1]
        told.append(f"{arm} ends at {last.mean():.3f} (seeds {last.min():.3f} to {last.max():.3f})")
    ax.set(xlabel=label, ylabel="response loss\n(nats per response token)")
    ax.legend()
    return show(
        fig,
        f"Response loss against {label}, one curve per arm, mean of "
        f"{table['seed'].nunique()} seeds. {'; '.join(told)}.",
    )


def _interval(middle: float, low: float, high: float) -> str:
    """A number and its interval, with two digits of the half width: −0.103 (−0.155 to −0.051)."""
    half = (high - low) / 2
    return with_interval(
        middle, low, high, 3 if half <= 0 else min(6, max(3, 1 - math.floor(math.log10(half))))
    )


# --- what data and formats buy --------------------------------------------------------------------


def data_curve(table: pd.DataFrame, label: str, base: Mapping | None = None) -> HTMLFigure:
    """Response loss and score at each point of a curve, with 95 % intervals.

    table: as `helpers.curves.curve_table` makes it, with its `within` intervals. label: what a point
    is. Numbers stand on a logarithmic axis where they span much. base: `score` of the untouched
    model, drawn as a line.
    """
    levels = list(table["point"])
    places, scale = _places(levels)
    names = [_level(level) for level in levels]
    fig, axes = figure(width=9, height=3.4, columns=2)
    base = base if base and base.get("score") is not None else None
    parts = (
        ("loss", "response loss\n(nats per response token)", "validation"),
        ("score", "score on test rows, 0–100", "after"),
    )
    for ax, (name, title, look) in zip(axes, parts, strict=True):
        colour, style, marker = LOOK[look]
        for kind, width in (("", 1), ("_within", 4)):
            low, high = table[f"{name}{kind}_low"], table[f"{name}{kind}_high"]
            ax.vlines(places, low, high, color=colour, linewidth=width)
        line = style if not any(isinstance(level, str) for level in levels) else "none"
        look = {"marker": marker, "markersize": 8, "markeredgecolor": "white"}
        ax.plot(places, table[name], color=colour, linestyle=line, **look)
        if base and name == "score":
            ax.axhline(base["score"], color=LOOK["before"][0], linestyle=":", label="untouched")
            ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=9, frameon=False)
            ax.set_ylim(bottom=min(0.0, table["score_low"].min()))  # a line at 0 is no axis
        ax.set_xscale(scale)
        ax.set_xticks(places, [textwrap.fill(text, 12) for text in names])
        ax.minorticks_off()
        ax.margins(x=0.08)
        ax.set(xlabel=label, ylabel=title)
    told = [
        f"{name}: loss {_interval(row.loss, row.loss_low, row.loss_high)}, "
        f"score {with_interval(row.score, row.score_low, row.score_high)}"
        for name, row in zip(names, table.itertuples(), strict=True)
    ]
    before = f" The untouched model scores {base['score']:.1f}." if base else ""
    return show(
        fig,
        f"Response loss on validation rows (left) and score on test rows (right) by {label}, means of "
        f"{_seeds(table)}. Thin lines: 95 % intervals; thick ones leave out how hard the measured "
        f"rows are, which is the same at all points: compare points by them. {'; '.join(told)}.{before}",
        table=_curve_numbers(table),
    )


def marked_scores(table: pd.DataFrame, label: str, names: tuple[str, str]) -> HTMLFigure:
    """Scores of the marked test rows and of the others at each point, with intervals over seeds.

    table: as `helpers.curves.curve_table` makes it of a curve that marks rows. names: what the marked
    rows are, and the others.
    """
    levels = list(table["point"])
    places, scale = _places(levels)
    fig, ax = figure(height=3.4)
    told, span = [], max(places) - min(places) or 1
    for (colour, style, marker), part, name in zip(
        RUN_LOOK, ("marked", "others"), names, strict=False
    ):
        mean, low, high = (table[f"score_{part}{end}"] for end in ("", "_low", "_high"))
        side = -1 if part == "marked" else 1  # beside each other, not on top of each other
        beside = [x * 1.03**side if scale == "log" else x + side * span / 100 for x in places]
        ax.vlines(beside, low, high, color=colour, linewidth=2)
        line = style if not any(isinstance(level, str) for level in levels) else "none"
        ax.plot(beside, mean, color=colour, linestyle=line, marker=marker, markersize=7, label=name)
        shown = [
            f"{_level(level)} {with_interval(m, a, b)}"
            for level, m, a, b in zip(levels, mean, low, high, strict=True)
            if m == m
        ]
        told.append(f"{name}: {', '.join(shown) or 'none'}")
    ax.set_xscale(scale)
    ax.set_xticks(places, [textwrap.fill(_level(level), 18) for level in levels])
    ax.minorticks_off()
    ax.margins(x=0.08)
    ax.set(xlabel=label, ylabel="score, 0–100")
    ax.legend()
    return show(
        fig,
        f"Mean scores of two parts of the test rows by {label}, with 95 % intervals over "
        f"{_seeds(table)}. {'; '.join(told)}.",
        table=table[
            ["point", *(c for c in table if c.startswith(("score_marked", "score_others")))]
        ],
    )


def _seeds(table: pd.DataFrame) -> str:
    few, many = table["seeds"].min(), table["seeds"].max()
    return f"{few} seeds" if few == many else f"{few} to {many} seeds"


def _curve_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a curve as they are read: each with its interval."""
    shown = {"point": [_level(p) for p in table["point"]]}
    shown |= {name: table[name] for name in ("seeds", "rows", "steps")}
    shown["response loss"] = [
        _interval(*values)
        for values in table[["loss", "loss_low", "loss_high"]].itertuples(index=False)
    ]
    shown["score"] = [
        with_interval(*values)
        for values in table[["score", "score_low", "score_high"]].itertuples(index=False)
    ]
    return pd.DataFrame(shown)


def formats_crossed(matrix: pd.DataFrame) -> HTMLFigure:
    """Scores by the prompt format trained with (rows) and the one asked with (columns).

    matrix: as `helpers.curves.template_matrix` makes it. The half interval stands below each score.
    """
    names = list(dict.fromkeys(matrix["trained"]))
    n = len(names)
    fig, ax = figure(width=2.8 + 1.25 * n, height=1.4 + 0.7 * n)
    scores = matrix.pivot(index="trained", columns="asked", values="score").loc[names, names]
    top = max(1.0, float(scores.to_numpy().max()))
    drawn = ax.imshow(scores, cmap="Blues", vmin=0, vmax=1.25 * top, aspect="auto")
    told = []
    for row in matrix.itertuples():
        i, j = names.index(row.trained), names.index(row.asked)
        text = f"{row.score:.1f}\n±{(row.high - row.low) / 2:.1f}"
        look = {"color": ink(drawn.to_rgba(row.score)), "weight": "bold" if i == j else "normal"}
        ax.text(j, i, text, ha="center", va="center", size=9, **look)
        told.append(
            f"trained with {row.trained}, asked with {row.asked}: {row.score:.1f} ({row.low:.1f} to "
            f"{row.high:.1f})"
        )
    ax.set_xticks(range(n), names)
    ax.set_yticks(range(n), names)
    ax.grid(False)
    ax.set(xlabel="asked in the format …", ylabel="trained with the format …")
    return show(
        fig,
        "Mean score on the test rows, 0 to 100, when a model trained with one prompt format is asked in "
        f"another; with 95 % intervals. {'; '.join(told)}.",
        table=matrix,
    )


# --- multiple choice ------------------------------------------------------------------------------


def by_subject(report: dict) -> HTMLFigure:
    """Accuracy with 95 % intervals, a row a subject, all questions on top, and the line of guessing.

    report: what `course mmlu --json` prints; with "against", both models beside each other.
    """
    models = [report, *([report["against"]] if "against" in report else [])]
    looks = [LOOK["after"]] if len(models) == 1 else [LOOK["before"], LOOK["after"]]
    names = ["all questions", *(row["subject"].replace("_", " ") for row in report["by_subject"])]
    fig, ax = figure(height=1.1 + 0.24 * len(names))
    for k, (model, (colour, _, marker)) in enumerate(zip(models, looks, strict=True)):
        shift = (k - (len(models) - 1) / 2) * 0.34
        for place, row in enumerate([model, *model["by_subject"]]):
            y, ends = place + shift, [100 * end for end in row["ci95"]]
            ax.plot(ends, [y, y], color=colour, linewidth=2.4 if place == 0 else 1.4)
            label = model["model"] if place == 0 else None
            ax.plot([100 * row["accuracy"]], [y], marker, color=colour, markersize=5, label=label)
    chance = 100 * report["chance"]
    ax.axvline(chance, color="black", linestyle=":", label=f"guessing, {chance:.0f} %")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.6)
    ax.set(xlim=(0, 100), xlabel="questions answered rightly, %, with 95 % intervals")
    ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False)
    told = "; ".join(_told_share(model) for model in models)
    return show(
        fig,
        f"Multiple choice ({report['style']}, {report['shots']} shots), {report['n']:,} questions of "
        f"{len(names) - 1} subjects: {told}. Guessing gives {chance:.0f} %.",
    )


def _told_share(model: dict) -> str:
    low, high = (100 * end for end in model["ci95"])
    rows = model["by_subject"]
    best, worst = (f(rows, key=lambda r: r["accuracy"]) for f in (max, min))
    return (
        f"{model['model']} has {100 * model['accuracy']:.1f} % right (95 % interval {low:.1f} to "
        f"{high:.1f}), most in {best['subject'].replace('_', ' ')} ({100 * best['accuracy']:.0f} %), "
        f"fewest in {worst['subject'].replace('_', ' ')} ({100 * worst['accuracy']:.0f} %)"
    )


# --- win rates and the arena ----------------------------------------------------------------------

MODEL_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#707070", "#e69f00", "#56b4e9")
MODEL_MARKERS = "sD^ovP<"


def model_looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name → (colour, marker). A model that is called like an arm looks like that arm."""
    own = {name: (ARM_LOOK[name][0], ARM_LOOK[name][2]) for name in names if name in ARM_LOOK}
    taken = {part for look in own.values() for part in look}
    colours, markers = (
        itertools.cycle([x for x in all_of if x not in taken])
        for all_of in (MODEL_COLOURS, MODEL_MARKERS)
    )
    return {name: own.get(name) or (next(colours), next(markers)) for name in names}


def ratings(table: pd.DataFrame) -> HTMLFigure:
    """Ratings with their 95 % intervals, the best on top, Elo's a hollow marker beside each.

    table: columns `model rating low high elo votes`, as `helpers.evaluate.arena.ratings` makes it.
    """
    fig, ax = figure(width=8, height=1.3 + 0.42 * len(table))
    looks = model_looks(sorted(table["model"]))
    for place, row in enumerate(table.itertuples()):
        colour, marker = looks[row.model]
        ax.plot([row.low, row.high], [-place, -place], color=colour, linewidth=2.5)
        ax.plot(row.rating, -place, marker=marker, color=colour, markersize=8)
        ax.plot(row.elo, -place - 0.28, marker="|", color="black", markersize=9, linestyle="none")
        told = f"{row.rating:.0f} ({row.low:.0f} to {row.high:.0f})"
        ax.annotate(told, (1.02, -place), xycoords=("axes fraction", "data"), va="center", size=9)
    ax.plot([], [], "|", color="black", markersize=9, label="Elo, vote by vote")
    ax.plot([], [], "s-", color="#444444", label="Bradley–Terry, 95 % interval")
    ax.set_yticks([-i for i in range(len(table))], list(table["model"]))
    ax.set_ylim(-len(table) + 0.3, 0.6)
    ax.set_xlabel("rating (400 points: odds of 10 to 1; the mean is 1,000)")
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9, frameon=False)
    told = "; ".join(
        f"{row.model} {row.rating:.0f} ({row.low:.0f} to {row.high:.0f}), Elo {row.elo:.0f}"
        for row in table.itertuples()
    )
    return show(
        fig, f"Bradley–Terry ratings from votes with 95 % intervals, the best first: {told}."
    )


def wins(shares: pd.DataFrame, counts: pd.DataFrame) -> HTMLFigure:
    """Who wins against whom: the share of the row's model against the column's, ties half.

    shares, counts: models × models, as in `helpers.evaluate.arena.Ratings`; NaN where two never met.
    """
    names, n = list(shares.index), len(shares)
    fig, ax = figure(width=2.6 + 1.0 * n, height=1.5 + 0.62 * n)
    values = np.ma.masked_invalid(100 * shares.to_numpy(dtype=float))
    colours = matplotlib.colormaps["PuOr_r"].with_extremes(bad="#eeeeee")
    drawn = ax.imshow(values, cmap=colours, vmin=0, vmax=100, aspect="auto")
    told = []
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if i == j:
                continue
            value, met = shares.iloc[i, j], int(counts.iloc[i, j])
            text = "never met" if np.isnan(value) else f"{100 * value:.0f} %\nof {met}"
            colour = "black" if np.isnan(value) else ink(drawn.to_rgba(100 * value))
            ax.text(j, i, text, ha="center", va="center", color=colour, size=9)
            if i < j:
                told.append(
                    f"{a} and {b} never met"
                    if np.isnan(value)
                    else f"{a} wins {100 * value:.0f} % of {met} against {b}"
                )
    ax.set_xticks(range(n), [textwrap.fill(name, 14) for name in names])
    ax.set_yticks(range(n), names)
    ax.grid(False)
    ax.set(xlabel="… against", ylabel="share of votes won by …")
    return show(fig, f"Who wins against whom, ties counted half: {'; '.join(told)}.")


def win_rates(pairs: Sequence[Mapping]) -> HTMLFigure:
    """The win rate of b against a for every pair, with 95 % intervals and its wins and ties.

    pairs: as `helpers.evaluate.pairwise.win_rates` returns them; those without items are left out.
    """
    pairs = [pair for pair in pairs if pair["n"]]
    fig, ax = figure(width=8.5, height=1.2 + 0.42 * len(pairs))
    names, told = [], []
    for place, pair in enumerate(pairs):
        rate, (low, high) = 100 * pair["win_rate"], (100 * end for end in pair["ci95"])
        face = LOOK["after"][0] if pair["resolved"] else "white"
        ax.plot([low, high], [-place, -place], color=LOOK["after"][0], linewidth=2.5)
        ax.plot(
            rate, -place, marker="s", color=LOOK["after"][0], markerfacecolor=face, markersize=8
        )
        names.append(f"{pair['b']} against {pair['a']}")
        number = f"{rate:.1f} ({low:.1f} to {high:.1f})"
        ax.annotate(number, (1.02, -place), xycoords=("axes fraction", "data"), va="center", size=9)
        verdict = "resolved" if pair["resolved"] else "not resolved"
        told.append(f"{names[-1]} {number}, {verdict}, {pair['ties']} of {pair['n']} items tied")
    ax.axvline(50, color="black", linewidth=1)
    ax.set_yticks([-i for i in range(len(names))], names)
    ax.set(xlim=(-2, 102), ylim=(0.5 - len(names), 0.5), xlabel="win rate, ties half (% of items)")
    return show(
        fig,
        "Win rates in % of items with 95 % intervals, ties half; filled markers are resolved, hollow "
        f"ones are not. {'; '.join(told)}.",
    )


# --- speed ----------------------------------------------------------------------------------------

TOKEN_LOOK = {  # what a token of a batch is → (colour, hatch)
    "what all rows begin with": ("#e69f00", "..."),
    "read, not learnt from": ("#bbbbbb", ""),
    "learnt from": ("#0072b2", "///"),
    "padding": ("#f0f0f0", ""),
}
SLOT_LOOK = {  # what is done about a token when the next one is generated → (colour, hatch)
    "computed": ("#0072b2", "///"),
    "taken from the cache": ("#009e73", ""),
    "not there yet": ("#f0f0f0", ""),
}


def _runs(
    ax, rows: Sequence[Sequence[str | None]], look: Mapping[str, tuple], first: float = 0
) -> dict[str, int]:
    """How many squares of each kind there are, drawn: a line a row, its kinds from left to right.

    first: where the first square begins.
    """
    counts = dict.fromkeys(look, 0)
    for place, row in enumerate(rows):
        start = first
        for kind, run in itertools.groupby(row):
            n = len(list(run))
            if kind:
                colour, hatch = look[kind]
                named = {"label": kind} if not counts[kind] else {}
                inside = {"hatch": hatch, "edgecolor": "white", "linewidth": 0}
                ax.barh(place, n, 0.86, left=start, color=colour, **inside, **named)
                counts[kind] += n
            start += n
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(False)
    return counts


def _one_legend(fig: Figure, axes) -> None:
    """One legend above all axes, each kind once."""
    found = {}
    for ax in axes:
        found.update(dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True)))
    fig.legend(found.values(), found.keys(), loc="outside upper center", ncols=4, frameon=False)


def layouts(padded, packed) -> HTMLFigure:
    """The same rows as a padded and as a packed batch (`collate.Batch`): what there is to compute."""
    P, borders = packed.borders[1], packed.borders[1:]
    begin, read, learn, pad = TOKEN_LOOK

    def kinds(labels):
        return [read if label == -100 else learn for label in labels.tolist()]

    left = [
        [begin] * P + kinds(labels[P:n]) + [pad] * (len(labels) - n)
        for labels, n in zip(padded.labels, (padded.doc_ids >= 0).sum(1).tolist(), strict=True)
    ]
    right = [[begin] * P] if P else []
    right += [[None] * P + kinds(packed.labels[0, a:b]) for a, b in itertools.pairwise(borders)]
    fig, axes = figure(width=9, height=1.3 + 0.2 * len(right), columns=2)
    names, counts = ("padded", "packed"), []
    for ax, name, rows in zip(axes, names, (left, right), strict=True):
        counts.append(_runs(ax, rows, TOKEN_LOOK))
        ax.set_title(f"{name}: {sum(counts[-1].values())} tokens to compute", size=10, loc="left")
        ax.set(xlabel="position in the text (tokens)", xlim=(0, padded.labels.shape[1]), yticks=[])
        ax.set_ylabel("rows")
    _one_legend(fig, axes)
    told = [
        f"{name}, {sum(n.values())} tokens: " + ", ".join(f"{k} {v}" for k, v in n.items() if v)
        for name, n in zip(names, counts, strict=True)
    ]
    return show(
        fig,
        f"The same {len(left)} rows in two layouts. {'; '.join(told)}. Packed rows are drawn one "
        "below the other; in memory they lie end to end, and the first line belongs to each of them.",
        table=pd.DataFrame(counts, index=names).rename_axis("layout").reset_index(),
    )


def attention_mask(mask, doc_ids: Sequence[int]) -> HTMLFigure:
    """What each token of a packed batch may look at: its own text, or the prefix (document 0).

    mask: (T, T), true where the token of the row may look at that of the column; doc_ids: T numbers.
    Raises DataError if the two do not belong together.
    """
    seen, docs = np.asarray(mask, dtype=bool), np.asarray(doc_ids)
    if seen.shape != (len(docs), len(docs)):
        raise DataError(
            f"the mask has the shape {seen.shape}, but there are {len(docs)} document numbers: "
            f"give one of {(len(docs), len(docs))}"
        )
    own = docs[:, None] == docs[None, :]
    kinds = np.where(seen, np.where(docs[None, :] == 0, 2, np.where(own, 1, 3)), 0)
    look = {
        "not seen": "#f0f0f0",
        "its own text": "#0072b2",
        "what all rows begin with": "#e69f00",
        "another text": "#000000",
    }
    fig, ax = figure(width=6.2, height=5.6)
    ax.imshow(kinds, cmap=ListedColormap(list(look.values())), vmin=0, vmax=3, interpolation="none")
    edges = [0, *(np.flatnonzero(np.diff(docs)) + 1).tolist(), len(docs)]
    for edge in edges[1:-1]:
        ax.axhline(edge - 0.5, color="white", linewidth=1)
        ax.axvline(edge - 0.5, color="white", linewidth=1)
    middles = [(a + b - 1) / 2 for a, b in itertools.pairwise(edges)]
    names = [f"text {docs[a]}" if docs[a] else "prefix" for a in edges[:-1]]
    ax.set_xticks(middles, names)
    ax.set_yticks(middles, names, rotation=90, va="center")
    ax.tick_params(length=0)
    ax.grid(False)
    ax.set(xlabel="… may look at this token", ylabel="this token …")
    counts = {name: int((kinds == kind).sum()) for kind, name in enumerate(look)}
    present = [Patch(color=look[name], label=name) for name in look if counts[name]]
    fig.legend(handles=present, loc="outside upper center", ncols=3, frameon=False)
    told = ", ".join(f"{name} {n:,}" for name, n in counts.items() if n)
    return show(
        fig,
        f"Which token of a packed batch of {len(docs)} may look at which: a row for the one that looks, "
        f"a column for the one that is looked at, lines between the texts. Of {seen.size:,} pairs: {told}.",
        dpi=80,
    )


def cache_filling(prompt: int, new: int) -> HTMLFigure:
    """Which tokens are computed for each new one, without a KV cache and with it.

    prompt: tokens of the prompt; new: tokens to generate.
    """
    compute, cached, later = SLOT_LOOK
    lengths = [prompt + step for step in range(new)]  # tokens that stand there before each new one
    rest = [[later] * (lengths[-1] - n) for n in lengths]
    without = [[compute] * n + gap for n, gap in zip(lengths, rest, strict=True)]
    stored = [0, *lengths[:-1]]
    with_cache = [
        [cached] * old + [compute] * (n - old) + gap
        for old, n, gap in zip(stored, lengths, rest, strict=True)
    ]
    fig, axes = figure(width=9, height=1.4 + 0.22 * new, columns=2)
    names, done = ("without a cache", "with a cache"), []
    for ax, name, rows in zip(axes, names, (without, with_cache), strict=True):
        done.append(_runs(ax, rows, SLOT_LOOK))
        ax.set_title(f"{name}: {done[-1][compute]} tokens computed", size=10, loc="left")
        ax.set(xlabel="place in the text (tokens)", ylabel="new token", xlim=(0, lengths[-1]))
        ax.set_yticks(range(new), range(1, new + 1))
    _one_legend(fig, axes)
    return show(
        fig,
        f"For each of {new} new tokens after a prompt of {prompt}, a line: what is computed and what "
        f"is taken from the cache. Without a cache {done[0][compute]} tokens are computed, with it "
        f"{done[1][compute]}: the prompt once, then one for each further token.",
        table=pd.DataFrame(done, index=names).rename_axis("way").reset_index(),
    )


def rows_leave(lengths: Sequence[int]) -> HTMLFigure:
    """How long each answer of a batch is, and what a batch that keeps all rows computes in vain."""
    order = sorted(lengths)
    longest, used = order[-1], sum(order)
    wasted = longest * len(order) - used
    look = {"tokens of the answer": ("#0072b2", "///"), "after its end": ("#f0f0f0", "")}
    fig, ax = figure(height=1.1 + 0.16 * len(order))
    answer, after = look
    _runs(ax, [[answer] * n + [after] * (longest - n) for n in order], look)
    ax.set(xlabel="new tokens", ylabel="answers", yticks=[], xlim=(0, longest))
    ax.xaxis.get_major_locator().set_params(integer=True)
    _one_legend(fig, [ax])
    return show(
        fig,
        f"{len(order)} answers of one batch, the shortest on top: {order[0]} to {longest} tokens, "
        f"{used} in all. A batch that keeps its rows to the end computes {wasted} more, "
        f"{wasted / (used + wasted):.0%} of its work, after an answer has ended.",
        table=pd.DataFrame({"answer": range(1, len(order) + 1), "tokens": order}),
    )


def ladder(table: pd.DataFrame, unit: str = "tokens per second") -> HTMLFigure:
    """How fast each rung of a ladder is, the first on top, and how many times the one above it.

    table: columns `rung rate ratio low high`; the ratio to the rung above with the smallest and the
    largest that were seen, none (NaN) for the first. Rates are the first one's times the ratios:
    what took turns is comparable, what was measured minutes apart is not.
    """
    fig, ax = figure(width=8, height=1.0 + 0.36 * len(table))
    ax.barh(range(len(table)), table["rate"], 0.7, color=LOOK["after"][0])
    told = []
    for place, row in enumerate(table.itertuples()):
        times = (
            "" if row.ratio != row.ratio else f"× {row.ratio:.2f} ({row.low:.2f} to {row.high:.2f})"
        )
        ax.annotate(
            f"{row.rate:,.0f}   {times}", (row.rate, place), (5, -4), textcoords="offset points"
        )
        told.append(f"{row.rung} {row.rate:,.0f}" + (f" ({times})" if times else ""))
    ax.set_yticks(range(len(table)), table["rung"])
    ax.set(xlabel=unit, xlim=(0, 1.5 * table["rate"].max()))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return show(
        fig,
        f"Speed of each rung in {unit}: the first as measured, each other one that of the rung above "
        f"times a ratio, the median of a few turns (with their range). {'; '.join(told)}.",
        table=table,
    )


# --- the search for hyperparameters ---------------------------------------------------------------

PARAMETERS = {  # as they are called on an axis
    "lr_times": "learning rate, × the usual",
    "batch_size": "rows in a batch",
    "epochs": "epochs",
    "warmup": "warm-up, share of the steps",
    "weight_decay": "weight decay",
    "lora": "LoRA rank (0: all weights)",
}
TRIAL_LOOK = {  # how a trial ended → (colour, marker, filled)
    "finished": ("#0072b2", "o", True),
    "pruned": ("#707070", "x", True),
    "diverged": ("#707070", "^", False),
    "usual": ("#000000", "D", False),
    "best": ("#d55e00", "*", True),
}


def importances(table: pd.DataFrame) -> HTMLFigure:
    """How much each hyperparameter has to do with the best trials, with the spread over resamples.

    table: columns `parameter importance low high`, as `helpers.tune.importance` makes it.
    """
    fig, ax = figure(height=1.0 + 0.36 * len(table))
    names = [PARAMETERS.get(name, name) for name in table["parameter"]]
    ax.barh(range(len(table)), table["importance"], 0.6, color=LOOK["after"][0])
    for place, row in enumerate(table.itertuples()):
        ax.plot([row.low, row.high], [place, place], color="black", linewidth=2)
    ax.set_yticks(range(len(table)), names)
    ax.set(xlabel="importance for being among the best trials (shares of 1)", xlim=(0, 1))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    told = "; ".join(
        f"{name} {row.importance:.2f} ({row.low:.2f} to {row.high:.2f})"
        for name, row in zip(names, table.itertuples(), strict=True)
    )
    return show(
        fig,
        "How much each hyperparameter has to do with being among the best trials; the black lines "
        f"are the middle 95 % when the trials are drawn again. {told}.",
    )


def slices(trials: pd.DataFrame, usual: int, best: int) -> HTMLFigure:
    """Validation loss of every trial against each hyperparameter, a small picture each.

    trials: columns `trial state val_response_loss` and the hyperparameters; usual and best: numbers
    of two trials. What was stopped stands where it was then; far above the others, at the top edge.
    """
    shown = [name for name in PARAMETERS if trials[name].nunique() > 1]
    rows = -(-len(shown) // 3)
    with matplotlib.rc_context(_STYLE):
        fig = Figure(figsize=(8, 0.5 + 2.1 * rows), layout="constrained")
        axes = fig.subplots(rows, 3, sharey=True, squeeze=False).flat
    losses = trials["val_response_loss"]
    ended = losses[trials["state"] == "finished"]
    top = max(
        ended.min() + 3 * (ended.median() - ended.min()), losses[trials["trial"] == usual].max()
    )
    top += 0.05 * (top - losses.min())
    marks = trials.assign(y=losses.fillna(top).clip(upper=top), look=trials["state"])
    marks.loc[marks["trial"] == usual, "look"] = "usual"
    marks.loc[marks["trial"] == best, "look"] = "best"
    for ax, name in zip(axes, shown, strict=False):
        even = name in ("batch_size", "lora")  # each value is twice the one before, or more
        at = {v: i for i, v in enumerate(sorted(trials[name].unique().tolist()))}
        for look, (colour, marker, filled) in TRIAL_LOOK.items():
            part = marks[marks["look"] == look]
            places = part[name].map(at) if even else part[name]
            face = {} if marker == "x" else {"facecolors": colour if filled else "white"}
            size = 110 if marker == "*" else 28
            edge = {"color": colour} if marker == "x" else {"edgecolors": colour}
            ax.scatter(places, part["y"], s=size, marker=marker, label=look, **face, **edge)
        if even:
            ax.set_xticks(list(at.values()), [f"{v:g}" for v in at])
        if name == "lr_times":
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
        ax.set_xlabel(PARAMETERS[name])
    for ax in list(axes):
        ax.axis("off")
    fig.supylabel("validation response loss\n(nats per token)", size=10)
    present = [look for look in TRIAL_LOOK if (marks["look"] == look).any()]
    handles, labels = fig.axes[0].get_legend_handles_labels()
    pairs = [(h, word) for h, word in zip(handles, labels, strict=True) if word in present]
    fig.legend(
        *zip(*pairs, strict=True), loc="outside upper center", ncols=len(pairs), frameon=False
    )
    by_trial = trials.set_index("trial")["val_response_loss"]
    counts = trials["state"].value_counts()
    return show(
        fig,
        f"{len(trials)} trials ({', '.join(f'{n} {state}' for state, n in counts.items())}): validation "
        "response loss in nats per token against each hyperparameter. The usual setting "
        f"has {by_trial[usual]:.3f}, the best trial {by_trial[best]:.3f}. What lies at the top edge "
        "lies above it, or has no finite loss.",
    )


def optimism(table: pd.DataFrame) -> HTMLFigure:
    """How much better the best trial is, in the search and repeated, with 95 % intervals.

    table: columns `words gain low high`, as `helpers.tune.Found.optimism` makes it; the first row, one
    seed of the search itself, has no interval.
    """
    fig, ax = figure(width=9, height=1.2 + 0.42 * len(table))
    told = []
    for place, row in enumerate(table.itertuples()):
        measured = row.low == row.low
        colour, marker = (LOOK["after"][0], "s") if measured else (LOOK["training"][0], "o")
        if measured:
            ax.plot([row.low, row.high], [-place, -place], color=colour, linewidth=2)
        ax.plot(row.gain, -place, marker=marker, color=colour, markersize=8)
        number = _interval(row.gain, row.low, row.high) if measured else f"{row.gain:.3f}"
        where = {"xycoords": ("axes fraction", "data"), "va": "center", "size": 9}
        ax.annotate(number, (1.02, -place), **where)
        told.append(f"{row.words} {number}")
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks([-i for i in range(len(table))], table["words"])
    ax.set_ylim(-len(table) + 0.5, 0.5)
    ax.set_xlabel(
        "how much lower the response loss is than with the usual setting\n(nats per token)"
    )
    ax.locator_params(axis="x", nbins=6)
    return show(
        fig,
        "How much better the best trial of the search is than the usual setting, nats per token of "
        f"response loss, with 95 % intervals: {'; '.join(told)}.",
    )
