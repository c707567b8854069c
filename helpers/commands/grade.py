"""`course grade`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name, note, number, whole_number

KEYS = ("name", "notebooks", "passed", "failed", "not_attempted", "error", "timeout", "problems")


def add_grade(commands):
    parser = commands.add_parser("grade", help="mark what a class handed in")
    parser.add_argument(
        "folder", metavar="CLASS", type=file_name, help="a folder or a zip for each student in it"
    )
    parser.add_argument("--out", type=file_name, required=True, help="where grades and pages go")
    parser.add_argument("--workers", type=whole_number, help="notebooks at a time; default: cores")
    parser.add_argument(
        "--timeout", type=number, default=60.0, help="seconds for a cell or an answer; default 60"
    )
    parser.add_argument(
        "--memory", type=number, default=2000.0, help="MB that a notebook may use; default 2000"
    )
    parser.add_argument("--seed", type=whole_number, help="what the checks draw their numbers from")
    parser.set_defaults(run=_grade)
    return parser


def _grade(args) -> int:
    from helpers.classroom.grade import SEED, GradeSettings, check_memory, grade
    from helpers.classroom.sandbox import Limits
    from helpers.errors import SettingsError

    if args.workers is not None and args.workers < 1:
        raise SettingsError(f"--workers {args.workers}: give 1 or more.")
    check_memory(args.memory)  # before it becomes a whole number, which nan and inf do not
    settings = GradeSettings(
        limits=Limits(seconds=args.timeout, memory=int(args.memory * 1e6)),
        workers=args.workers or 0,
        seed=SEED if args.seed is None else args.seed,
    )
    report = grade(args.folder, args.out, settings)
    students = [{key: row[key] for key in KEYS} for row in report["students"]]
    for problem in report["problems"]:
        note(problem)
    for row in students:
        for problem in row["problems"]:
            note(f"{row['name']}: {problem}")
    result = {"students": students, "isolation": report["isolation"], "out": str(args.out)}
    emit(args, result, grade_text(result))
    return 0


def grade_text(result: dict) -> str:
    """A line per student, and where to read more."""
    width = max(len(row["name"]) for row in result["students"])
    lines = []
    for row in result["students"]:
        n = sum(row[key] for key in KEYS[2:7])
        rest = [f"{row[key]} {key.replace('_', ' ')}" for key in KEYS[3:7] if row[key]]
        line = f"{row['name']:{width}}  {row['passed']} of {n} passed"
        lines.append(", ".join([line, *rest]).replace("timeout", "time-out"))
    lines.append(f"isolation: {result['isolation']}")
    lines.append(
        f"the class: {result['out']}/class.html, a page per student: {result['out']}/feedback"
    )
    return "\n".join(lines)


COMMANDS = (add_grade,)
