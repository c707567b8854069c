"""`course probe`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name, points, whole_number


def add_probe(commands):
    parser = commands.add_parser("probe", help="is a judge worth asking? six kinds of answers tell")
    parser.add_argument("--judge", default="reference", help="as for `course judge`")
    parser.add_argument("--data", default="course", help="rows to probe with")
    parser.add_argument("--split", default="test", help="test, train, val or all")
    parser.add_argument("--rows", type=whole_number, default=20, metavar="N", help="default: 20")
    parser.add_argument("--seed", type=whole_number, default=123, help="which rows are drawn")
    parser.add_argument("--workers", type=whole_number, default=1)
    parser.add_argument("--out", type=file_name, help="keep the verdicts; goes on if interrupted")
    parser.set_defaults(run=_probe)
    return parser


def _probe(args) -> int:
    from helpers.evaluate.probes import probe
    from helpers.judge import judge_from_name
    from helpers.runs import choose_rows

    judge = judge_from_name(args.judge)
    rows = choose_rows(args.data, args.split)
    table, answers = probe(
        judge, rows, n=args.rows, seed=args.seed, out=args.out, workers=args.workers
    )
    report = {
        "judge": judge.name,
        "n": int(table["n"].iloc[0]),
        "passed": bool(table["passed"].all()),
        "probes": table.astype(object).where(table.notna(), None).to_dict("records"),
        "out": str(args.out) if args.out else None,
    }
    emit(args, report, probe_text(report, answers))
    return 0 if report["passed"] else 1


def probe_text(report: dict, answers) -> str:
    """The pass table, one miss of each failed probe, and what to make of it."""
    lines = [f"{'probe':28}{'its score must be':26}{'it was, of ' + str(report['n']):14}mean"]
    missed = []
    for row in report["probes"]:
        right = round(row["share"] * row["n"])
        mean = "–" if row["mean"] is None else points(row["mean"])
        verdict = "" if row["passed"] else "   FAILED"
        lines.append(f"{row['probe']:28}{row['wanted']:26}{right:<14}{mean:>5}{verdict}")
        if not row["passed"]:
            missed.append(_one_miss(answers[(answers["probe"] == row["probe"]) & ~answers["ok"]]))
    if report["passed"]:
        return "\n".join([*lines, f"{report['judge']} passes all probes."])
    names = ", ".join(row["probe"] for row in report["probes"] if not row["passed"])
    end = f"{report['judge']} fails: {names}. Its scores say little; ask another judge."
    return "\n".join([*lines, "", *missed, end])


def _one_miss(misses) -> str:
    """The first answer that did not get what it must."""
    miss = misses.iloc[0]
    got = (
        points(miss["score"]) if miss["score"] == miss["score"] else f"no score ({miss['status']})"
    )
    asked, answer = (_short(miss[key]) for key in ("instruction", "answer"))
    return f"  {miss['probe']}, such as: {asked!r} → {answer!r} got {got}"


def _short(text: str, limit: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}…"


COMMANDS = (add_probe,)
