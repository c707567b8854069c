"""`course data check`."""

from __future__ import annotations

from helpers.commands.common import emit


def add_data(commands):
    parser = commands.add_parser("data", help="look at a data set before training on it")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="lengths, duplicates, leaks, broken text")
    check.add_argument("file", metavar="FILE", help="name or file of records")
    check.add_argument("--template", default="alpaca", help="alpaca, phi3 or plain")
    check.set_defaults(run=_data_check)
    return check


def _data_check(args) -> int:
    from helpers.data_check import check_data

    report = check_data(args.file, args.template)
    emit(args, {"data": args.file, **report.as_dict()}, report_text(report))
    return 0


def report_text(report) -> str:
    """The tables of a data report, one below the other, and a line of advice for each finding."""
    splits = ", ".join(f"{name} {n:,}" for name, n in report.splits.items())
    parts = [f"{report.rows:,} rows ({splits}); {report.too_long:.1%} are too long for a GPT-2"]
    parts += [t.to_string(na_rep="") for t in (report.lengths, report.segments)]
    if report.families is not None:
        parts.append(report.families.to_string())
    for finding in report.findings.itertuples():
        n = finding.rows
        where = f"{n:,} row{'s' if n > 1 else ''}, first {finding.first}"
        parts.append(f"{finding.finding} ({where})\n    → {finding.advice}.")
    parts.append("" if len(report.findings) else "nothing to complain about")
    return "\n\n".join(filter(None, parts))


COMMANDS = (add_data,)
