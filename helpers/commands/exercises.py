"""`course exercises build` and `words`."""

from __future__ import annotations

from pathlib import Path

from helpers.commands.common import emit, file_name, note, plain


def add_exercises(commands):
    parser = commands.add_parser("exercises", help="exercise notebooks to hand out")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="make them from those with solutions")
    build.add_argument("--check", action="store_true", help="write nothing: is any out of date?")
    build.add_argument(
        "--audience",
        choices=("self", "class"),
        help="class: no third hint and no expected output (default: self; with --nbgrader: class)",
    )
    build.add_argument(
        "--out", type=file_name, help="default: exercises, for a class build/exercises"
    )
    build.add_argument(
        "--nbgrader", type=file_name, metavar="FOLDER", help="write a source tree for nbgrader"
    )
    build.set_defaults(run=_build)
    words = actions.add_parser("words", help="print what a class wrote in words")
    words.add_argument(
        "folder", metavar="CLASS", type=file_name, help="a folder or a zip for each student in it"
    )
    words.add_argument("--exercise", default="", metavar="ID", help="such as 06.4; default: all")
    words.add_argument("--json", action="store_true", help="one JSON object on stdout")
    words.set_defaults(run=_words)
    return build


def _build(args) -> int:
    from helpers.classroom.build import build, orphans, refuse_folder, stale_files, write_files
    from helpers.errors import SettingsError

    if args.nbgrader:
        if args.check or args.out:
            raise SettingsError("exercises build: --nbgrader goes with neither --check nor --out.")
        return _nbgrader(args)
    audience = args.audience or "self"
    out = args.out or default_folder(audience)
    texts = build(audience)
    refuse_folder(out, audience)
    if not args.check:
        write_files(out, texts)
    report = {
        "audience": audience,
        "notebooks": sorted(texts),
        "stale": stale_files(out, texts),
        "without_source": orphans(out, texts),
        "out": str(out),
    }
    emit(args, report, build_text(report, args.check))
    return 1 if args.check and (report["stale"] or report["without_source"]) else 0


def default_folder(audience: str) -> Path:
    """Where the notebooks of an audience go: those for oneself are part of the course."""
    from helpers.classroom.build import EXERCISES

    return EXERCISES if audience == "self" else Path("build/exercises")


def build_text(report: dict, check: bool) -> str:
    """What was built, or which notebooks are not what they should be and what mends that."""
    n, out, lines = len(report["notebooks"]), report["out"], []
    if report["stale"]:
        names = ", ".join(report["stale"])
        lines.append(f"out of date in {out}: {names}. The same without --check writes them.")
    if report["without_source"]:
        names = ", ".join(report["without_source"])
        lines.append(f"in {out} without solutions to be made from: {names}. Remove these files.")
    if not report["stale"]:
        done = "up to date" if check else "written"
        lines.insert(0, f"{n} notebook{'s' if n != 1 else ''} {done}: {out}")
    return "\n".join(lines)


def _nbgrader(args) -> int:
    from helpers.classroom.nbgrader import write_nbgrader

    audience = args.audience or "class"
    paths = write_nbgrader(args.nbgrader, audience)
    names = sorted(path.name for path in paths)
    report = {"audience": audience, "notebooks": names, "out": str(args.nbgrader)}
    go_on = f"cd {args.nbgrader} && nbgrader generate_assignment {paths[0].stem}"
    emit(args, report, f"{len(names)} assignments were written. Next: {go_on}")
    return 0


def _words(args) -> int:
    from helpers.classroom.words import read_words

    report = read_words(args.folder, args.exercise)
    for problem in report["problems"]:
        note(problem)
    emit(args, report, words_text(report))
    return 0


def words_text(report: dict) -> str:
    """A heading for each exercise; below it each student's name and words, or why there are none."""
    lines = []
    for one in report["exercises"]:
        lines.append(f"{one['exercise']} · {one['title']}\n")
        for answer in one["answers"]:
            words = answer["words"] or f"({answer['remark']})"
            lines.append(plain(f"{answer['name']}\n{words}\n"))
    return "\n".join(lines).rstrip("\n")


COMMANDS = (add_exercises,)
