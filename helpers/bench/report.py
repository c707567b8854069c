"""Rows in; a Markdown table, a figure and JSON out."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path

from helpers.bench.compare import Row
from helpers.files import write_json, write_text

HEAD = (
    "what",
    "against",
    "ratio (least to most)",
    "at least / aim",
    "seconds, ours / theirs",
    "real tokens a second",
    "share of the peak",
    "peak memory, MB",
    "",
)


def markdown(rows: list[Row], about: dict) -> str:
    """The table, and under it what it was measured on."""
    lines = [HEAD, ["---"] * len(HEAD), *map(_cells, rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    agreement, peak, sizes = about["agreement"], about["peak"], about["sizes"]
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (
        f"{table}\n\n"
        f"Measured on {date.today().isoformat()}: {about['processor']}, cores: {about['cores']}, "
        f"threads: {about['threads']}, {about['memory_gb']} GB, {about['system']}, Python "
        f"{about['python']}, {packages}. Matrix products: {peak['fp32'] / 1e9:,.0f} GFLOP/s in "
        f"fp32, {peak['bf16'] / 1e9:,.0f} in bf16. Model: {Path(sizes['model']).name}; "
        f"turns: {sizes['turns']}, steps a turn: {sizes['steps']}, answers: {sizes['answers']} "
        f"(the textbook's way: {sizes['textbook_answers']}, the rest projected).\n\n"
        "A ratio is the peer's time over ours in turns that follow each other; shown is the median, "
        "with the least and the most. Shares of the peak count each row as if it were computed for "
        "itself, so that what is computed once for several can bring them above 100 %. Before: ours "
        "and the textbook agree on the first step, loss to "
        f"{agreement['loss']:.0e} and every gradient to {agreement['gradient']:.0e} of the whole, and "
        f"say the same words ({', '.join(agreement['words'])}).\n"
    )


def _cells(row: Row) -> list[str]:
    if row.ratio is None:
        seconds = "" if row.seconds is None else f"{row.seconds:.2f}"
        return [row.name, row.peer, "", _goal(row), seconds, _pair(row.tokens_per_second, None, ",.0f"),
                "", _pair(row.peak_mb, None, ",.0f"), row.note]  # fmt: skip
    return [
        f"{row.name} ({row.precision})" if "auto" in row.name or "same" in row.name else row.name,
        row.peer,
        f"**{row.ratio:.1f}×** ({row.ratio_min:.1f} to {row.ratio_max:.1f})",
        _goal(row),
        _pair(row.seconds, row.peer_seconds, ".2g" if (row.seconds or 1) < 0.1 else ".2f"),
        _pair(row.tokens_per_second, row.peer_tokens_per_second, ",.0f"),
        _pair(row.peak_share, row.peer_peak_share, ".0%"),
        _pair(row.peak_mb, row.peer_peak_mb, ",.0f"),
        row.note,
    ]


def _goal(row: Row) -> str:
    if row.at_least is None:
        return ""
    reached = ""
    if row.ratio is not None:
        reached = ": reached" if row.ratio >= row.at_least else ": **not reached**"
        reached = ": aim reached" if row.ratio >= row.aim else reached
    return f"{row.at_least:g}× / {row.aim:g}×{reached}"


def _pair(ours: float | None, theirs: float | None, how: str) -> str:
    return " / ".join(f"{value:{how}}" for value in (ours, theirs) if value is not None)


def draw(rows: list[Row]):
    """A bar for each ratio, with its least and most, and a mark where it should at least be."""
    from helpers.plots import LOOK, figure

    rows = [row for row in rows if row.ratio is not None]
    fig, axes = figure(height=1 + 0.45 * max(1, len(rows)))
    places = range(len(rows))
    colour = LOOK["after"][0]
    axes.barh(places, [row.ratio for row in rows], color=colour, height=0.6, label="median")
    axes.hlines(
        places, [r.ratio_min for r in rows], [r.ratio_max for r in rows], color="black", lw=2
    )
    goals = [(row.at_least, n) for n, row in enumerate(rows) if row.at_least]
    if goals:
        x, y = zip(*goals, strict=True)
        axes.plot(x, y, "D", color=LOOK["training"][0], label="at least", ls="")
    axes.axvline(1, color="black", lw=1)
    axes.set_xscale("log")
    axes.set_yticks(places, [f"{row.name}\nagainst {row.peer}" for row in rows], fontsize=7)
    axes.set_xlabel("times as fast as the peer (line: least to most)")
    axes.invert_yaxis()
    axes.legend(loc="lower right")
    return fig


def write_report(rows: list[Row], about: dict, out: Path) -> dict:
    """What `--json` prints, now also in `out` with the table and the figure."""
    found = {"rows": [asdict(row) for row in rows], "about": about}
    write_json(out / "bench.json", found)
    write_text(out / "bench.md", markdown(rows, about))
    draw(rows).savefig(out / "bench.png", dpi=120)
    return found


def record(rows: list[Row], about: dict, path: Path) -> None:
    """Add the dated table to a page of results, the newest first."""
    old = path.read_text(encoding="utf-8") if path.exists() else "# Results of `course bench`\n"
    head, _, rest = old.partition("\n## ")
    new = f"## {date.today().isoformat()}\n\n{markdown(rows, about)}"
    write_text(path, f"{head.rstrip()}\n\n{new}" + (f"\n## {rest}" if rest else ""))
