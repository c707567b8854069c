"""Progress bars that work in a terminal, in a notebook without widgets, and in a log file.

Plain text bars of tqdm on stderr: they need no widget front end and leave nothing behind in a
notebook's stored outputs when `COURSE_PROGRESS=off`, as when the lessons are executed for reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from tqdm import tqdm


def bar(
    items: Iterable | None = None,
    *,
    total: int | None = None,
    initial: int = 0,
    desc: str = "",
    unit: str = "it",
):
    """A tqdm bar over `items` (or to be updated by hand), silent when COURSE_PROGRESS is "off".

    With the unit "B" it counts bytes, as 1.52 GB.
    """
    return tqdm(
        items,
        total=total,
        initial=initial,
        desc=desc,
        unit=unit,
        unit_scale=unit == "B",
        disable=os.environ.get("COURSE_PROGRESS", "on") == "off",
        dynamic_ncols=True,
        leave=False,
        mininterval=0.5,
    )
