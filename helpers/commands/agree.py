"""`course agree`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name
from helpers.errors import RunError


def add_agree(commands):
    parser = commands.add_parser("agree", help="do two judges agree about the same answers?")
    what = "a verdicts.jsonl, a JSON list of scores, or a file with one score a line (- for none)"
    parser.add_argument("a", type=file_name, help=what)
    parser.add_argument("b", type=file_name, help="the same answers, judged by another or again")
    parser.add_argument(
        "--responses", type=file_name, help="the responses.json that was judged: adds a table"
    )
    parser.add_argument("--html", type=file_name, help="write a page with the figures to this file")
    parser.set_defaults(run=_agree)
    return parser


def _agree(args) -> int:
    from helpers.evaluate.agreement import agreement, by_family, calibration, pair, read_scores

    if args.a.exists() and args.b.exists() and args.a.samefile(args.b):
        raise RunError(
            f"{args.a} is given twice, and agrees with itself. For a retest, judge the same "
            "responses again into another file: course judge … --out again.jsonl."
        )
    a, b = read_scores(args.a), read_scores(args.b)
    families = _families(args.responses, a) if args.responses else None
    pairs = pair(a, b, families)
    report = agreement(pairs)
    tables = {"calibration": calibration(pairs)}
    tables |= {} if families is None else {"families": by_family(pairs)}
    again = _retest(a, b)
    if args.html:
        _write_page(args.html, pairs, report, tables, (args.a.name, args.b.name))
    found = {name: _records(table) for name, table in tables.items()}
    page = {"html": str(args.html)} if args.html else {}
    emit(args, {**report, "retest": again, **found, **page}, _text(args, report, again, tables))
    return 0


def _families(path, a) -> list[str]:
    """The family of each row of a responses.json, "all" where it has none."""
    from helpers.judge.verdicts import item_hash
    from helpers.runs import read_responses

    rows = read_responses(path)
    items = [item_hash(row) for row in rows]
    if any(getattr(v, "item", item) != item for v, item in zip(a, items, strict=False)):
        raise RunError(f"{path} is about other items than A. Name the file that was judged.")
    return [str(row.get("family", "all")) for row in rows]


def _retest(a, b) -> dict | None:
    """The retest, if both are verdicts of one judge."""
    from helpers.evaluate.agreement import retest

    judges = {getattr(line, "judge", None) for line in (*a, *b)}
    return retest(a, b) if len(judges) == 1 and None not in judges else None


def _text(args, report: dict, again: dict | None, tables: dict) -> str:
    found = [report["words"], again["words"] if again else ""]
    if report["left_out"]:
        found.append(f"{report['left_out']} without a score in both are left out")
    lines = [f"A  {args.a}", f"B  {args.b}", *(f"{w[0].upper()}{w[1:]}." for w in found if w)]
    lines.append("What B gives where A gives so much (low and high: 95 % interval of B's mean):")
    lines.append(_table(tables["calibration"]))
    if "families" in tables:
        lines.append("Per family, the widest apart first (a few answers say little):")
        lines.append(_table(tables["families"], pearson="{:.2f}".format))
    return "\n".join([*lines, *([f"page: {args.html}"] if args.html else [])])


def _table(table, **formats) -> str:
    one_decimal = "{:.1f}".format
    return table.to_string(index=False, na_rep="", float_format=one_decimal, formatters=formats)


def _records(table) -> list[dict]:
    """The rows of a table, with None for what is missing: JSON knows no NaN."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _write_page(path, pairs, report: dict, tables: dict, names: tuple[str, str]) -> None:
    """A page that stands alone: how well they agree, the scatter and the calibration plot."""
    import html

    from helpers import plots
    from helpers.files import atomic_path

    title = html.escape(f"{names[0]} and {names[1]}")
    figures = (
        plots.agreement(pairs, report["words"], names),
        plots.calibration(tables["calibration"], names),
    )
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<body><h1>{title}</h1>{''.join(figure._repr_html_() for figure in figures)}</body></html>\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


COMMANDS = (add_agree,)
