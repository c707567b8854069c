"""The command line: `course …`, a thin door to the package.

Results go to stdout, everything else to stderr; `--json` prints one object. Exit status: 0 success,
2 bad usage or input with one clear line, 1 a run that failed or was ended with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from helpers.errors import (
    CourseError,
    SettingsError,
    is_out_of_memory,
    nearest,
    one_line,
)

COMMANDS = (  # modules of helpers.commands, in the order of `course --help`
    "run",
    "site",
    "data",
    "train",
    "generate",
    "judge",
    "compare",
    "agree",
    "probe",
    "mmlu",
    "masking",
    "tune",
    "curves",
    "augment",
    "fetch",
    "bench",
    "export",
    "winrate",
    "arena",
    "report",
    "chat",
    "exercises",
    "grade",
    "check",
)
GO_ON = (  # commands that go on with what was interrupted when they are typed again
    "train",
    "generate",
    "judge",
    "run",
    "masking",
    "tune",
    "curves",
    "augment",
    "winrate",
    "arena",
    "chat",
    "grade",
)


def main(argv: list[str] | None = None) -> int:
    """The exit status of a command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that cannot show “→” prints “?” instead
            stream.reconfigure(errors="replace")
    args = argparse.Namespace(command="")
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        return args.run(args)
    except CourseError as error:
        return complain(one_line(error))
    except KeyboardInterrupt:
        print(f"course: {stopped(args)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a folder that may not be written: the user's to mend
        return complain(f"{one_line(error)}. Check that path, and that it may be read and written.")
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return complain(out_of_memory(args))


def complain(message: str) -> int:
    """Exit status 2, after the one clear line."""
    print(f"course: {message}", file=sys.stderr)
    return 2


def stopped(args) -> str:
    """What to tell somebody who pressed Ctrl-C: how to go on."""
    if args.command == "train" and not args.resume:
        return "stopped; the same command with --resume goes on."
    if args.command in GO_ON:
        return "stopped; the same command goes on."
    if args.command == "mmlu":
        go_on = "the same command goes on." if args.out else "nothing is kept without --out FOLDER."
        return f"stopped; {go_on}"
    return "stopped."


def out_of_memory(args) -> str:
    """What to tell somebody whose memory ran out: which setting to lower, and what it is now."""
    remedies = []
    if hasattr(args, "batch_size"):
        remedies.append(f"lower --batch-size (now {args.batch_size})")
    if hasattr(args, "max_length"):
        remedies.append(f"lower --max-length (now {args.max_length})")
    if hasattr(args, "max_new_tokens"):
        remedies.append(f"lower --max-new-tokens (now {args.max_new_tokens})")
    if getattr(args, "model", "") not in ("", "gpt2-micro"):
        smaller = "gpt2-micro" if args.model == "gpt2-mini" else "gpt2-mini"
        remedies.append(f"take a smaller model than {args.model}, such as {smaller}")
    remedies.append("close other programs")
    return f"out of memory: {', or '.join(remedies)}."


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, as all others of the course."""

    def error(self, message: str):
        """Raise SettingsError, where argparse would print a usage and end the process."""
        command = self.prog.removeprefix("course").strip()
        usage = f"`{self.prog} --help` shows what can be given."
        raise SettingsError(f"{command}: {message}. {usage}" if command else f"{message}. {usage}")


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments of a command line. Raises SettingsError for anything unknown, nearest names offered."""
    parser, commands = build_parser()
    if not argv:
        raise SettingsError(
            f"name a command: {', '.join(commands)}. `course --help` explains them."
        )
    if not argv[0].startswith("-") and argv[0] not in commands:
        raise SettingsError(f"there is no command {argv[0]!r}; {nearest(argv[0], commands)}.")
    args, rest = parser.parse_known_args(argv)
    if rest:
        known = [o for a in commands[argv[0]]._actions for o in a.option_strings if o[:2] == "--"]
        raise SettingsError(
            f"{argv[0]}: {rest[0]!r} is not understood; {nearest(rest[0], known)}. A name with "
            "spaces needs quotes."
        )
    return args


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and those of all commands by name."""
    parser = Parser(
        prog="course", description="Instruction fine-tuning of GPT-2, from data set to score."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        for add in import_module(f"helpers.commands.{name}").COMMANDS:
            command = add(commands)
            command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser, commands.choices


if __name__ == "__main__":
    sys.exit(main())
