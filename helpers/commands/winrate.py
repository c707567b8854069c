"""`course winrate`."""

from __future__ import annotations

from pathlib import Path

from helpers.commands.common import emit, file_name, number
from helpers.errors import SettingsError


def add_winrate(commands):
    parser = commands.add_parser(
        "winrate",
        help="which model's answers are preferred, pair by pair",
        description="Compares the answers of two or more models to the same items, every pair in "
        "both orders, and prints how often each wins, ties half. The same command goes on with what "
        "was interrupted.",
    )
    parser.add_argument(
        "responses",
        nargs="+",
        metavar="FILE",
        help="responses.json, or NAME=FILE to name the model",
    )
    parser.add_argument(
        "--judge",
        default="reference",
        help="reference, ollama:MODEL and the like, or scores:JUDGE (its higher score wins)",
    )
    parser.add_argument(
        "--margin", type=number, default=5.0, help="scores closer than this tie; default 5 points"
    )
    parser.add_argument(
        "--out", type=file_name, help="journal; default: winrate.jsonl beside the first file"
    )
    parser.add_argument(
        "--export",
        type=file_name,
        metavar="FOLDER",
        help="also write the answers there as AlpacaEval's model_outputs",
    )
    parser.set_defaults(run=_winrate)
    return parser


def _winrate(args) -> int:
    from helpers.evaluate.pairwise import (
        comparer_from_name,
        judge_pairs,
        model_outputs,
        win_rates,
    )
    from helpers.files import write_json

    answers = read_named(args.responses)
    if args.export:
        for name, rows in answers.items():
            write_json(args.export / f"{name}.json", model_outputs(rows, name))
    comparer = comparer_from_name(args.judge, args.margin)
    out = args.out or named(args.responses[0])[1].with_name("winrate.jsonl")
    preferences = judge_pairs(comparer, answers, out=out)
    pairs = win_rates(preferences)
    failed = sum(p.status == "failed" for p in preferences)
    report = {
        "judge": comparer.name,
        "n": len(next(iter(answers.values()))),
        "pairs": pairs,
        "failed": failed,
        "unparsed": sum(p.status == "unparsed" for p in preferences),
        "out": str(out),
    }
    again = f"\n{failed} replies failed; the same command asks again" if failed else ""
    lines = [pair["words"] for pair in pairs]
    emit(args, report, "\n".join([*lines, f"judge {comparer.name}; replies: {out}"]) + again)
    return 0 if any(pair["n"] for pair in pairs) else 1


def named(text: str) -> tuple[str, Path]:
    """Name and path of a model's answers: NAME=FILE, or a name made from the path.

    >>> named("runs/base/responses.json")[0], named("mine.json")[0], named("new=a.json")[0]
    ('base', 'mine', 'new')
    """
    name, sign, path = text.partition("=")
    if text.isprintable() and (not sign or Path(text).exists()):
        file = Path(text) / "responses.json" if Path(text).is_dir() else Path(text)
        path, parent = str(file), file.parent.name
        name = parent if file.stem == "responses" and parent else file.stem
    name = name.strip()
    if not name or not path.strip() or not text.isprintable() or set(name) & set('/\\:*?"<>|'):
        raise SettingsError(
            f"{text!r} gives no name and file: write NAME=FILE, such as new=a.json."
        )
    return name, Path(path)


def read_named(texts: list[str]) -> dict[str, list[dict]]:
    """A model's name → its answers, in the order given."""
    from helpers.runs import read_responses

    answers: dict[str, list[dict]] = {}
    for name, path in map(named, texts):
        if name in answers:
            raise SettingsError(
                f"two files are called {name!r}: give them names, such as {name}2={path}."
            )
        answers[name] = read_responses(path)
    return answers


COMMANDS = (add_winrate,)
