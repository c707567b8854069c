"""`course curves`."""

from __future__ import annotations

from helpers.commands.common import (
    add_cluster,
    emit,
    file_name,
    list_of,
    note,
    number,
    whole_number,
)


def add_curves(commands):
    parser = commands.add_parser(
        "curves",
        help="what more rows, more kinds of rows, clean rows or another prompt format buy",
        description="Varies one thing, trains with several seeds at each point, and measures all runs "
        "on the same rows: response loss on validation, score of the answers to the test rows. "
        "The same command goes on with what was interrupted; with more points or seeds it adds to "
        "what is there.",
    )
    parser.add_argument(
        "--vary",
        default="rows",
        metavar="WHAT",
        help="rows (default); a key of the records, such as family or style: the same number of rows "
        "of more kinds; clean: near-duplicates and leaks removed or not; template: prompt formats, "
        "each also asked in the others",
    )
    parser.add_argument(
        "--points",
        type=list_of(point),
        metavar="P,…",
        help="for rows such as 100,1000,10000; for a key how many of its values, such as 4,8,16; "
        "names for clean and template; default: suits what is varied",
    )
    parser.add_argument("--data", default="course", help="name or file of records")
    parser.add_argument(
        "--more",
        default="",
        metavar="FILE",
        help="further training rows, for what goes beyond the data's own, such as `course augment` "
        "writes; for course our generator makes 10,000",
    )
    parser.add_argument("--out", type=file_name, required=True, help="folder for the curve")
    parser.add_argument("--model", default="gpt2-mini", help="name or folder")
    parser.add_argument(
        "--rows", type=whole_number, default=0, help="how many, where rows are not what is varied"
    )
    parser.add_argument("--seeds", type=whole_number, default=3, help="how many; default 3")
    parser.add_argument("--loss-on", default="all", metavar="ARM", help="see `course train`")
    parser.add_argument(
        "--epochs", type=whole_number, default=2, help="the same for all points; default 2"
    )
    parser.add_argument(
        "--same-steps",
        type=whole_number,
        default=0,
        metavar="N",
        help="N optimiser steps for all points instead: fewer rows are read more often",
    )
    parser.add_argument("--lr", type=number, help="default: suits the model")
    parser.add_argument("--batch-size", type=whole_number, default=8)
    parser.add_argument("--template", default="alpaca")
    parser.add_argument(
        "--own",
        type=file_name,
        metavar="FILE",
        help="a prompt format of your own: JSON with name, before_instruction, before_input, header",
    )
    parser.add_argument(
        "--dirt",
        type=number,
        default=0.5,
        metavar="SHARE",
        help="for clean: near-duplicates put in, as a share of the rows, and a leak of every second "
        "test row; 0 = only what the data has; default 0.5",
    )
    parser.add_argument("--max-new-tokens", type=whole_number, default=64)
    parser.add_argument(
        "--sample",
        type=whole_number,
        default=200,
        metavar="N",
        help="measure on at most N validation and N test rows, evenly spaced; 0 = all; default 200",
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    add_cluster(parser)
    parser.set_defaults(run=_curves)
    return parser


def point(text: str) -> int | str:
    """A point of a curve: a number, or a name."""
    return int(text) if text.isdecimal() else text


def _curves(args) -> int:
    from helpers.curves import OWN, Curve, load_curve, run_curve
    from helpers.curves.plan import read_template

    curve = Curve(
        vary=args.vary,
        points=args.points or (),
        model=args.model,
        data=args.data,
        more=args.more,
        rows=args.rows,
        seeds=args.seeds,
        loss_on=args.loss_on,
        epochs=args.epochs,
        same_steps=args.same_steps,
        lr=args.lr or 0.0,
        batch_size=args.batch_size,
        template=args.template,
        own=(read_template(args.own),) if args.own else (OWN,),
        dirt=args.dirt,
        max_new_tokens=args.max_new_tokens,
        sample=args.sample,
        device=args.device,
        precision=args.precision,
    )
    rows = run_curve(curve, args.out, cluster=args.cluster)
    new = sum(row["run"] != "base" for row in rows)
    results = load_curve(args.out)
    for line in curve_notes(results):
        note(line)
    report, text = curve_report(results)
    figures = str(write_figures(results, args.out / "figures.html"))
    emit(args, {**report, "new_runs": new, "figures": figures}, f"{text}\nfigures: {figures}")
    return 0


def write_figures(results, path):
    """A page with the curve's figures, each with its alternative text and its numbers."""
    from helpers import plots
    from helpers.curves import curve_table, template_matrix
    from helpers.curves.results import POINT_NAMES, marked_names
    from helpers.files import write_text

    table, vary = curve_table(results), results.vary
    label = POINT_NAMES.get(vary, f"values of {vary} in as many rows")
    figures = [plots.data_curve(table, label, results.base)]
    if "score_marked" in table:
        figures.append(plots.marked_scores(table, label, marked_names(vary)))
    if vary == "template":
        figures.append(plots.formats_crossed(template_matrix(results)))
    body = "\n".join(figure._repr_html_() for figure in figures)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{label}</title>'
    return write_text(path, f"{head}\n{body}\n</html>\n")


def curve_notes(results) -> list[str]:
    """What a reader of the table should know: what was held constant, what is missing."""
    settings, rows = results.about["settings"], results.about["rows"]
    if settings["same_steps"]:
        held = f"{settings['same_steps']:,} steps for every run"
    else:
        held = f"epochs: {settings['epochs']}"
    if results.about["held_rows"]:
        clean = " before anything is put in" if results.vary == "clean" else ""
        held += f"; rows: {results.about['held_rows']:,}{clean}"
    notes = [f"held constant: {held}"]
    notes.append(f"measured on {rows['validation']} validation and {rows['test']} test rows")
    if n := rows["leaks_left_out"]:
        notes.append(f"further rows left out because they nearly are measured ones: {n}")
    if results.unfinished:
        notes.append(
            f"not finished, so not shown: {', '.join(map(str, results.unfinished))}. The command that "
            "began it goes on."
        )
    return notes


def curve_report(results) -> tuple[dict, str]:
    """What `--json` prints and what people read."""
    from helpers.curves import crossing, curve_table, effects, template_matrix
    from helpers.curves.results import marked_names

    table, found = curve_table(results), effects(results)
    points = table.to_dict("records")  # NaN, where no test row is of a kind, is no JSON
    base = {key: results.base[key] for key in ("response_loss", "score")} if results.base else None
    report = {
        "vary": results.vary,
        "points": [{k: None if v != v else v for k, v in row.items()} for row in points],
        "effects": found.to_dict("records"),
        "before": base,
        "out": str(results.out),
    }
    parts = [points_table(results.vary, table)]
    if "score_marked" in table:
        parts.append(marked_table(table, marked_names(results.vary)))
    parts.append("\n".join(found["words"]) if len(found) else "")
    if results.vary == "template":
        matrix = template_matrix(results)
        report["matrix"] = matrix.to_dict("records")
        parts.append(matrix_table(matrix))
        if len(results.runs) > 1:
            report["crossing"] = crossing(results)
            parts.append(report["crossing"]["words"])
    parts.append(f"every run: {results.out / 'runs.jsonl'}")
    return report, "\n\n".join(filter(None, parts))


def points_table(vary: str, table) -> str:
    """A line a point: loss and score with their intervals, and what the runs cost."""
    lines = [
        f"{vary:20}{'rows':>7}{'steps':>7}  {'response loss':26}{'score':24}{'tokens/row':>10}"
        f"{'tokens/s':>10}{'rows/s':>8}"
    ]
    for row in table.itertuples():
        loss = f"{row.loss:.4f} ({row.loss_low:.4f} to {row.loss_high:.4f})"
        score = f"{row.score:.1f} ({row.score_low:.1f} to {row.score_high:.1f})"
        lines.append(
            f"{row.point!s:20}{row.rows:>7}{row.steps:>7}  {loss:26}{score:24}"
            f"{row.tokens_a_row:>10.1f}{row.tokens_per_second:>10.0f}{row.rows_per_second:>8.1f}"
        )
    return "\n".join(lines)


def marked_table(table, names: tuple[str, str]) -> str:
    """Scores of the marked test rows and of the others, a line a point."""
    lines = [f"{'score of':20}{names[0]:>32}{names[1]:>32}"]
    for row in table.itertuples():
        shown = [
            "–" if value is None or value != value else f"{value:.1f}"
            for value in (row.score_marked, row.score_others)
        ]
        lines.append(f"{row.point!s:20}{shown[0]:>32}{shown[1]:>32}")
    return "\n".join(lines)


def matrix_table(matrix) -> str:
    """The scores by format trained with and asked with, and how sure the differences are."""
    names = list(dict.fromkeys(matrix["trained"]))
    lines = [f"{'score, asked with':20}" + "".join(f"{name:>22}" for name in names)]
    for name in names:
        cells = [
            f"{row.score:.1f} ({row.low:.1f} to {row.high:.1f})"
            for row in matrix[matrix["trained"] == name].itertuples()
        ]
        lines.append(f"trained with {name:7}" + "".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)


COMMANDS = (add_curves,)
