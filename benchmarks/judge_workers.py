"""How much faster several questions at a time are: `python -m benchmarks.judge_workers`.

A pretend server takes 0.2 s for each reply, as a small language model might. Prints the seconds that
one worker and four need for the same items, in turn, and the median of the ratios.
"""

from __future__ import annotations

import statistics
import sys
import time
from importlib import import_module
from pathlib import Path

from helpers.judge import OllamaJudge, judge_responses

sys.path.append(str(Path(__file__).parent.parent / "tests"))
FakeOllama = import_module("fake_ollama").FakeOllama
SECONDS, ITEMS, PAIRS = 0.2, 40, 3


def seconds(server, rows: list[dict], workers: int) -> float:
    """How long the items take with so many questions at a time."""
    start = time.perf_counter()
    verdicts = judge_responses(OllamaJudge("llama3", server.url), rows, workers=workers)
    assert all(v.status == "scored" for v in verdicts)
    return time.perf_counter() - start


def main() -> None:
    row = {"instruction": "Say yes.", "input": "", "output": "Yes", "finish_reason": "stop"}
    rows = [{**row, "model_response": f"yes {i}"} for i in range(ITEMS)]
    with FakeOllama(takes=SECONDS) as server:
        pairs = [[seconds(server, rows, workers) for workers in (1, 4)] for _ in range(PAIRS)]
    for one, four in pairs:
        print(f"1 worker {one:.2f} s, 4 workers {four:.2f} s: {one / four:.2f} times as fast")
    ratios = [one / four for one, four in pairs]
    print(f"median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
