"""Progress bars that work in a terminal, in a notebook without widgets, and in a log file.

Plain text bars of tqdm: they need no widget front end and leave nothing behind in a notebook's
stored outputs when `COURSE_PROGRESS=off`, as when the lessons are executed for reading. They go to
stderr, in a notebook to stdout, because Jupyter paints stderr red.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from tqdm import tqdm

DELAY = 1.0  # seconds: what is done sooner needs no bar


def bar(
    items: Iterable | None = None,
    *,
    total: int | None = None,
    initial: int = 0,
    desc: str | None = "",
    unit: str = "it",
    steady: bool = False,
):
    """A tqdm bar over `items` (or to be updated by hand), silent when COURSE_PROGRESS is "off".

    With the unit "B" it counts bytes, as 1.52 GB. A desc of None means no bar: what is done is part
    of something that has one. `steady` estimates the time left from the whole time so far, where
    pauses between the steps are part of the work.
    """
    in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
    return tqdm(
        items,
        file=sys.stdout if in_notebook else sys.stderr,
        delay=DELAY,
        total=total,
        initial=initial,
        desc=desc,
        unit=unit,
        unit_scale=unit == "B",
        disable=desc is None or quiet(),
        dynamic_ncols=True,
        leave=False,
        mininterval=0.5,
        smoothing=0.0 if steady else 0.3,
    )


def quiet() -> bool:
    """Whether COURSE_PROGRESS is "off": nothing is said then of work that goes well."""
    return os.environ.get("COURSE_PROGRESS", "on") == "off"
