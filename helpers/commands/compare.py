"""`course compare`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name, number, whole_number
from helpers.errors import RunError, SettingsError

QUESTION = "Would these two runs differ on other items of the same kind?"


def add_compare(commands):
    parser = commands.add_parser("compare", help="do two runs differ by more than chance?")
    parser.add_argument("a", type=file_name, help="a verdicts.jsonl; with --items, a mean score")
    parser.add_argument("b", type=file_name, help="the same of the other run")
    parser.add_argument(
        "--items", type=whole_number, metavar="N", help="A and B are means over the same N items"
    )
    parser.add_argument(
        "--spread", type=number, metavar="SD", help="with --items: of single scores; default: 32"
    )
    parser.add_argument(
        "--correlation", type=number, metavar="R", help="with --items: of A's and B's; default: 0"
    )
    parser.set_defaults(run=_compare)
    return parser


def _compare(args) -> int:
    if args.items is not None:
        return _compare_means(args)
    if args.spread is not None or args.correlation is not None:
        raise SettingsError(
            "compare: --spread and --correlation are for two means. Add --items N, or leave them "
            "out: two verdict files tell both."
        )
    if not (args.a.exists() or args.b.exists()) and None not in (_mean(args.a), _mean(args.b)):
        raise SettingsError(
            f"compare: {args.a} and {args.b} are no files. To compare two means, say over how many "
            "items: --items 110."
        )
    return _compare_files(args)


def _compare_files(args) -> int:
    from helpers.evaluate.scorecard import compare, score_card
    from helpers.judge import read_verdicts

    a, b = read_verdicts(args.a), read_verdicts(args.b)
    report = compare(a, b)
    if report["n"] == 0:
        raise RunError(
            f"no item is scored in both {args.a} and {args.b}: there is nothing to compare. "
            "Score them with `course judge` first."
        )
    report |= {"a": score_card(a), "b": score_card(b)}
    left_out = report["left_out"]
    aside = f"\n{left_out} without a score in both are left out below." if left_out else ""
    emit(
        args,
        report,
        f"A  {args.a}: {report['a']['words']}\nB  {args.b}: {report['b']['words']}{aside}\n"
        f"{QUESTION}\n{answer(report)}",
    )
    return 0


def _compare_means(args) -> int:
    from helpers.evaluate.scorecard import USUAL_SPREAD, would_differ

    means = _mean(args.a), _mean(args.b)
    if None in means:
        raise SettingsError(
            f"compare: with --items, A and B are mean scores such as 49.45, not {args.a} and "
            f"{args.b}. Leave --items out to compare two verdict files."
        )
    report = would_differ(
        *means,
        args.items,
        spread=USUAL_SPREAD if args.spread is None else args.spread,
        correlation=args.correlation or 0.0,
    )
    emit(args, report, f"{QUESTION}\n{answer(report)}")
    return 0


def answer(report: dict) -> str:
    """What the report says to the question, in one line."""
    words = report["words"]
    return f"Yes: {words}." if report["resolved"] else f"{words[0].upper()}{words[1:]}."


def _mean(path) -> float | None:
    try:
        return float(str(path))
    except ValueError:
        return None


COMMANDS = (add_compare,)
