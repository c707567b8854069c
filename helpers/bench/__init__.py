"""How fast the course is, beside others: what `course bench` does.

`textbook` is the plain way, `sides` what is timed, `worker` runs a side in a process of its own,
`compare` pairs them up and makes ratios of their turns, `report` tables and a figure of these.
"""

from helpers.bench.compare import GROUPS, Row, Sizes, run_bench
from helpers.bench.report import markdown, write_report

__all__ = ["GROUPS", "Row", "Sizes", "markdown", "run_bench", "write_report"]
