"""Measurements that are too long for the tests: each is a command, its result is in `results/`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from helpers.errors import CourseError


def in_one_line(main: Callable[[list[str]], int]) -> NoReturn:
    """Ends with what `main` makes of the arguments; of a CourseError only its message is shown."""
    try:
        sys.exit(main(sys.argv[1:]))
    except CourseError as error:
        sys.exit(str(error))
