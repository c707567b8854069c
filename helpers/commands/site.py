"""`course site`."""

from __future__ import annotations

from pathlib import Path

from helpers.commands.common import emit, note


def add_site(commands):
    parser = commands.add_parser("site", help="turn executed lessons into pages, running nothing")
    parser.add_argument("--notebooks", type=Path, help="default: the course's own, as stored")
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="default: build/site")
    parser.set_defaults(run=_site)
    return parser


def _site(args) -> int:
    from helpers.lessons import NOTEBOOKS, find_lessons, is_stale
    from helpers.settings import course_settings
    from helpers.site import build_site

    folder = args.notebooks or NOTEBOOKS
    site = build_site(folder, args.out)
    lessons = find_lessons(folder=folder)
    stale = [path.stem for path in lessons if is_stale(path, course_settings())]
    for name in stale:
        note(f"{name}: its outputs belong to other cells or settings; `course run` makes new ones.")
    report = {"site": str(site), "pages": len(lessons) + 1, "stale": stale}
    emit(args, report, f"Read them: {site}")
    return 0


COMMANDS = (add_site,)
