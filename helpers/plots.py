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
import textwrap
from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

LOOK = {  # thing → (colour, line style, marker)
    "before": ("#707070", (0, (1, 1)), "o"),
    "after": ("#0072b2", "-", "s"),
    "training": ("#d55e00", "-", None),
    "validation": ("#0072b2", "--", "o"),
    "padding": ("#cccccc", "-", None),
    "tokens": ("#009e73", "-", None),
}
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
    """A picture with a caption that a notebook shows and a screen reader reads."""

    def __init__(self, fig: Figure, caption: str, *, dpi: int = 100):
        buffer = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            fig.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        self.png, self.caption = buffer.getvalue(), caption

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        text = html.escape(self.caption, quote=True)
        return (
            f'<figure><img alt="{text}" style="max-width:100%" '
            f'src="data:image/png;base64,{data}"/><figcaption>{text}</figcaption></figure>'
        )

    def __repr__(self) -> str:
        return f"Figure: {self.caption}"


def show(fig: Figure, caption: str, *, dpi: int = 100) -> HTMLFigure:
    """The figure with its caption, ready to be the last line of a cell."""
    return HTMLFigure(fig, caption, dpi=dpi)


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


def lengths(counts: Sequence[int], label: str) -> Figure:
    """How many rows have how many tokens."""
    fig, ax = figure(height=2.6)
    ax.hist(counts, bins=range(0, max(counts) + 5, 4), color=LOOK["tokens"][0])
    ax.set(xlabel="tokens in a row", ylabel=label)
    return fig


def scores(before: Sequence[float], after: Sequence[float]) -> Figure:
    """Two score distributions side by side, 0 to 100, their means marked."""
    fig, axes = figure(columns=2)
    top = 0
    for ax, name, values in zip(axes, ("before", "after"), (before, after), strict=True):
        colour, _, _ = LOOK[name]
        counts, _, _ = ax.hist(values, bins=range(0, 101, 10), color=colour, edgecolor="white")
        top = max(top, counts.max())
        mean = sum(values) / len(values)
        ax.axvline(mean, color="black", linestyle="--")
        ax.set(title=f"{name} fine-tuning: mean {mean:.1f}", xlabel="score", ylabel="responses")
    for ax in axes:
        ax.set_ylim(0, top * 1.08)
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


def padding_grid(doc_ids, labels) -> Figure:
    """A batch as a grid: a square per token, learnt from, only read, or padding."""
    rows, width = doc_ids.shape
    fig, ax = figure(height=0.9 + 0.24 * rows)
    kinds = [
        ("padding", "#f0f0f0", "", doc_ids < 0),
        ("read, not learnt from", "#bbbbbb", "", (doc_ids >= 0) & (labels == -100)),
        ("learnt from", "#0072b2", "///", labels != -100),
    ]
    for name, colour, hatch, where in kinds:
        cells = [(c, r) for r in range(rows) for c in range(width) if where[r][c]]
        for number, (column, row) in enumerate(cells):
            ax.bar(
                column,
                0.9,
                bottom=-row - 0.9,
                width=0.95,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
                label=name if number == 0 else None,
            )
    ax.set(xlabel="position in the batch", ylabel="row", yticks=[-r - 0.45 for r in range(rows)])
    ax.set_yticklabels(range(1, rows + 1))
    ax.grid(False)
    ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
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
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
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
    right.set(ylim=(-1.6, 0.7), xlim=(-2, 100), xlabel="mean score on the test rows, 0–100")
    return fig
