"""`course fetch`."""

from __future__ import annotations

from helpers.commands.common import emit
from helpers.errors import CourseError, nearest


def add_fetch(commands):
    parser = commands.add_parser(
        "fetch", help="download models and data sets before they are needed"
    )
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="such as gpt2-medium, book, alpaca, mmlu"
    )
    parser.set_defaults(run=_fetch)
    return parser


def _fetch(args) -> int:
    from helpers.data import BUNDLED, REMOTE, data_path
    from helpers.evaluate.questions import hub_paths
    from helpers.weights import KNOWN, find_model

    known = [*KNOWN, *BUNDLED, *REMOTE, "mmlu"]
    for name in args.names:
        if name not in known:
            raise CourseError(f"{name!r} is no model or data set; {nearest(name, known)}.")
    found = []
    for name in args.names:
        if name == "mmlu":
            paths = hub_paths()
        else:
            paths = [find_model(name) if name in KNOWN else data_path(name)]
        found += [{"name": name, "path": str(p), "bytes": p.stat().st_size} for p in paths]
    lines = [f"{item['name']}: {item['bytes']:,} bytes, {item['path']}" for item in found]
    emit(args, {"files": found}, "\n".join(lines))
    return 0


COMMANDS = (add_fetch,)
