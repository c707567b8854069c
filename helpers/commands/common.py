"""What every command shares: kinds of arguments, and how results and remarks are printed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def whole_number(text: str) -> int:
    """The number, for argparse."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, such as 2") from error


def number(text: str) -> float:
    """The number, for argparse."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 0.5") from error


def list_of(kind):
    """A type for argparse: values of that kind with commas between them, as a tuple."""

    def values(text: str) -> tuple:
        parts = [part.strip() for part in text.split(",")]
        if "" in parts:
            raise argparse.ArgumentTypeError(f"{text!r}: give values with commas between them")
        return tuple(kind(part) for part in parts)

    return values


def file_name(text: str) -> Path:
    """The path, for argparse; an empty one would mean the folder one happens to be in."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; give a file or folder")
    return Path(text)


def add_cluster(parser) -> None:
    """The option of commands that can have many runs trained at a time."""
    parser.add_argument(
        "--cluster",
        default="",
        metavar="auto|ADDRESS",
        help="train many runs at a time on a Ray cluster; auto: on all cores of this machine, or on the "
        "cluster that runs here",
    )


def emit(args, result: dict, text: str) -> None:
    """Print the result: as JSON, or as text for people."""
    print(json.dumps(result, ensure_ascii=False) if args.json else text)


def note(text: str) -> None:
    """A line for people, on stderr, so that stdout holds nothing but results."""
    print(text, file=sys.stderr, flush=True)


def plain(text: str) -> str:
    """The text without anything that would command the terminal, such as colours or its bell."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def points(score: float) -> str:
    """A score with one decimal and no negative zero."""
    return f"{round(score, 1) + 0.0:.1f}"
