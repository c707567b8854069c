"""`course check`."""

from __future__ import annotations

from helpers.commands.common import emit


def add_check(commands):
    parser = commands.add_parser("check", help="is this machine ready?")
    parser.add_argument("--full", action="store_true", help="ready for full mode")
    parser.set_defaults(run=_check)
    return parser


def _check(args) -> int:
    from helpers.environment import check_environment

    report = check_environment("full" if args.full else "")
    emit(args, report.as_dict(), str(report))
    return 0 if report.ready else 1


COMMANDS = (add_check,)
