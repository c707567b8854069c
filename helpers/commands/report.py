"""`course report`."""

from __future__ import annotations

from pathlib import Path

from helpers.commands.common import emit, file_name
from helpers.errors import SettingsError


def add_report(commands):
    parser = commands.add_parser(
        "report",
        help="one page on several models: scores, multiple choice, preferences",
        description="Writes a page that opens anywhere, offline, and the same as JSON beside it, from "
        "what judge, mmlu, winrate and arena left. The first RUN is the baseline.",
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="folder with responses.json, or NAME=FOLDER"
    )
    parser.add_argument("--out", type=file_name, default=Path("report.html"))
    parser.add_argument(
        "--winrate",
        type=file_name,
        metavar="FILE",
        help="journal of `course winrate`; default: winrate.jsonl in one of the folders",
    )
    parser.add_argument(
        "--votes", default="", help="the arena's votes; default: votes.sqlite beside the folders"
    )
    parser.set_defaults(run=_report)
    return parser


def _report(args) -> int:
    from helpers.evaluate.report import write_report

    if args.out.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"report: --out is {args.out}: give a name that ends in .html.")
    report = write_report(folders(args.runs), args.out, winrate=args.winrate, votes=args.votes)
    where = {"out": str(args.out), "data": str(args.out.with_suffix(".json"))}
    text = f"{len(report['models'])} models, {len(report['items'])} items: {args.out}"
    emit(args, {**{k: v for k, v in report.items() if k != "items"}, **where}, text)
    return 0


def folders(texts: list[str]) -> dict[str, Path]:
    """A model's name → its run folder, in the order given."""
    found: dict[str, Path] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not sign or Path(text).exists():
            name, path = Path(text).resolve().name, text
        if not name.strip() or not path.strip():
            raise SettingsError(f"{text!r} names no folder: write RUN or NAME=RUN.")
        if name in found:
            raise SettingsError(
                f"two runs are called {name!r}: give them names, such as {name}2={path}."
            )
        if not Path(path).is_dir():
            raise SettingsError(f"{path} is no folder of a run: `course generate` makes one.")
        found[name] = Path(path)
    return found


COMMANDS = (add_report,)
