"""`course judge`."""

from __future__ import annotations

import sys

from helpers.commands.common import emit, file_name, number, points, whole_number


def add_judge(commands):
    parser = commands.add_parser("judge", help="score responses, 0 to 100")
    parser.add_argument("responses", type=file_name)
    parser.add_argument(
        "--judge",
        default="reference",
        help="reference, ollama:MODEL, openai:MODEL@URL or llamacpp:FILE.gguf",
    )
    parser.add_argument("--rubric", default="0-100", help="0-100 or 1-5, for language models")
    parser.add_argument("--workers", type=whole_number, default=1, help="questions at a time")
    parser.add_argument("--timeout", type=number, help="seconds to wait for a reply")
    parser.add_argument("--pull", action="store_true", help="fetch a missing model with Ollama")
    parser.add_argument(
        "--out", type=file_name, help="default: verdicts.jsonl beside the responses"
    )
    parser.set_defaults(run=_judge)
    return parser


def _judge(args) -> int:
    from helpers.judge import judge_from_name, judge_responses, summarise
    from helpers.runs import read_responses

    rows = read_responses(args.responses)
    judge = judge_from_name(
        args.judge,
        rubric=args.rubric,
        timeout=args.timeout,
        workers=args.workers,
        pull=lambda why: args.pull or may_pull(why),
    )
    out = args.out or args.responses.with_name("verdicts.jsonl")
    verdicts = judge_responses(judge, rows, out=out, workers=args.workers)
    report = {**summarise(verdicts), "out": str(out)}
    emit(args, report, judge_text(report))
    return 0 if report["scored"] else 1


def may_pull(why: str) -> bool:
    """Whether the person at the keyboard wants the model fetched; nobody there means no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{why} Fetch it now? It may be gigabytes. [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def judge_text(report: dict) -> str:
    """The mean with its interval and what could not be scored, as two lines."""
    if report["mean"] is None:
        head = "no response could be scored"
    elif report["ci95"] is None:
        head = f"mean score {report['mean']:.1f} (one response: no interval)"
    else:
        low, high = report["ci95"]
        head = (
            f"mean score {points(report['mean'])} (95 % interval {points(low)} to {points(high)})"
        )
    missing = report["unparsed"] + report["failed"]
    if missing and report["bounds"]:
        low, high = map(points, report["bounds"])
        head += f"; over all {report['n']} it lies between {low} and {high}"
    again = "; the same command asks about these again" if report["failed"] else ""
    return (
        f"{head}\n{report['scored']} of {report['n']} scored, {report['unparsed']} unparsed, "
        f"{report['failed']} failed{again}; judge {report['judge']}\nverdicts: {report['out']}"
    )


COMMANDS = (add_judge,)
