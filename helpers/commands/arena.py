"""`course arena`: vote blindly with the keyboard, let a judge vote, and read the ratings."""

from __future__ import annotations

import textwrap

from helpers.commands.common import emit, file_name, note, number, plain
from helpers.commands.winrate import read_named
from helpers.errors import RunError, SettingsError, without_password

KEYS = {"a": "left", "b": "right", "t": "tie", "s": "skip"}
HELP = "a: A is better, b: B is better, t: tie, s: skip, u: undo the last vote, q: stop"


def add_arena(commands):
    parser = commands.add_parser(
        "arena",
        help="vote on anonymous answers; ratings with intervals",
        description="Shows two answers to the same request without names, and keeps your votes: one "
        "key and Enter each. The names are told after the vote. With --judge a judge votes instead; "
        "with --ratings the votes so far are turned into ratings. The same command goes on where "
        "you stopped.",
    )
    parser.add_argument(
        "responses",
        nargs="*",
        metavar="FILE",
        help="responses.json, or NAME=FILE to name the model",
    )
    parser.add_argument(
        "--votes",
        default="runs/votes.sqlite",
        metavar="FILE",
        help="file (or SQLAlchemy URL) of the votes; default runs/votes.sqlite",
    )
    parser.add_argument("--voter", default="me", help="your name among the voters; default me")
    parser.add_argument("--judge", default="", help="a judge votes: reference, ollama:MODEL, …")
    parser.add_argument(
        "--margin", type=number, default=5.0, help="scores closer than this tie; default 5 points"
    )
    parser.add_argument("--ratings", action="store_true", help="print the ratings, ask nothing")
    parser.add_argument(
        "--blind-only", action="store_true", help="leave out votes cast after an undo showed names"
    )
    parser.add_argument(
        "--figures",
        type=file_name,
        metavar="FOLDER",
        help="also draw the ratings and who beat whom",
    )
    parser.set_defaults(run=_arena)
    return parser


def _arena(args) -> int:
    from helpers.evaluate.arena import Arena, Ballots, judge_votes
    from helpers.evaluate.pairwise import comparer_from_name

    if args.ratings and args.responses:
        raise SettingsError("arena: --ratings counts the votes and needs no files: leave them out.")
    if not args.ratings and len(args.responses) < 2:
        raise SettingsError("arena: name the responses of two models or more, or --ratings.")
    if args.ratings:
        return _ratings(args, Ballots(args.votes))
    answers = read_named(args.responses)
    if not args.judge:
        report = vote_by_keys(Arena(answers, args.votes, voter=args.voter))
    else:
        comparer = comparer_from_name(args.judge, args.margin)
        report = {"voter": comparer.name, "new_votes": judge_votes(comparer, answers, args.votes)}
    emit(
        args,
        {**report, "votes": without_password(args.votes)},
        f"{report['new_votes']} new votes by {report['voter']} in {without_password(args.votes)}",
    )
    return 0


def vote_by_keys(arena) -> dict:
    """Asks on stdin until all pairs are done, `q` or the end of the input; votes are kept at once."""
    new = 0
    if arena.identical:
        note(f"{arena.identical} pairs of equal answers are left out: there is nothing to prefer.")
    note(HELP)
    while (matchup := arena.current) is not None:
        note(shown(matchup, *arena.place))
        key = _key()
        if key in ("", "q"):
            break
        if key == "u":
            new -= _undone(arena)
        else:
            vote = arena.vote(KEYS[key])
            new += 1
            note(
                f"Kept: {vote.choice if vote.winner is None else _preferred(vote)}. {arena.who()}."
            )
    done, of = arena.place
    note(f"{done} of {of} pairs are done." + ("" if done == of else " The same command goes on."))
    return {"voter": arena.voter, "new_votes": new, "done": done, "pairs": of}


def _preferred(vote) -> str:
    return {"left": "A is better", "right": "B is better", "tie": "a tie"}[vote.choice]


def _undone(arena) -> int:
    try:
        arena.undo()
    except RunError as error:
        note(str(error))
        return 0
    note("Taken back. Vote on it again; the new vote is marked, since you know the names now.")
    return 1


def _key() -> str:
    """A known key, typed in full or not; "" at the end of the input."""
    while True:
        try:
            typed = input().strip().lower()
        except EOFError:
            return ""
        if typed in (*KEYS, "u", "q"):
            return typed
        note(f"{typed!r} is no vote. {HELP}")


def shown(matchup, done: int, of: int) -> str:
    """The pair as text: request, answer A, answer B."""
    record = matchup.record
    given = [("Input", record["input"])] if record["input"] and record["input"].strip() else []
    parts = [("Request", record["instruction"]), *given]
    parts += [("A", matchup.answers[0]), ("B", matchup.answers[1])]
    lines = [f"\n--- pair {done + 1} of {of} ---"]
    for name, text in parts:
        lines += [f"{name}:", textwrap.indent(plain(text) or "(nothing)", "    ")]
    return "\n".join(lines)


def _ratings(args, ballots) -> int:
    from helpers.evaluate.arena import judges_of, ratings

    votes = ballots.all()
    ballots.close()
    found, trouble = {}, {}
    for kind, voter in [("person", ""), *(("judge", name) for name in judges_of(votes))]:
        if not any(v.kind == kind for v in votes):
            continue
        try:
            found[voter or "people"] = ratings(
                votes, kind=kind, voter=voter, blind_only=args.blind_only
            )
        except RunError as error:
            trouble[voter or "people"] = str(error)
    if not found:
        raise RunError("; ".join(f"{who}: {why}" for who, why in trouble.items()) or NOBODY)
    figures = _draw(found, args.figures) if args.figures else []
    report = {
        "ratings": {who: r.report() for who, r in found.items()},
        "refused": trouble,
        "votes": without_password(args.votes),
        "figures": figures,
    }
    lines = []
    for who, r in found.items():
        lines += [f"{who}: {r.votes} votes{_aside(r)}", *(f"  {line}" for line in r.words())]
    lines += [f"{who}: {why}" for who, why in trouble.items()]
    emit(args, report, "\n".join([*lines, *figures]))
    return 0


NOBODY = "nobody has voted yet: `course arena A.json B.json` asks you."


def _aside(r) -> str:
    told = [f"{n} {why}" for why, n in r.not_counted.items()]
    told += [f"{r.not_blind} of them cast after the names were seen"] if r.not_blind else []
    return f" ({', '.join(told)})" if told else ""


def _draw(found: dict, folder) -> list[str]:
    from helpers import plots

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number_, (who, r) in enumerate(found.items(), start=1):
        for name, shown_ in (
            ("ratings", plots.ratings(r.table)),
            ("wins", plots.wins(r.wins, r.counts)),
        ):
            path = folder / f"{name}-{number_}.png"
            path.write_bytes(shown_.png)
            note(f"{path}: {who}. {shown_.caption}")
            paths.append(str(path))
    return paths


COMMANDS = (add_arena,)
