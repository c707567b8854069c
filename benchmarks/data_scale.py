"""Does the data path stay as fast, and as small, from 1,000 to 100,000 rows?

    python benchmarks/data_scale.py [ROWS …]

For each number of rows (1,000, 10,000 and 100,000 unless given) a fresh process writes a data file,
tokenises it into an empty cache, opens the cache again and collates 200 packed batches of 8. Prints
microseconds of processor time per row (and per batch) and how much the process's memory grew: in
all, and its own (the rest is pages of the mapped file, which the system takes back when it needs
them); writes build/data_scale.json. The rows are the course's own with a number put in: what counts here
is how many there are.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCHES = 200


def write_rows(path: Path, n: int) -> None:
    """A JSON Lines file of n different rows."""
    from helpers.data import load_records

    rows = load_records("course")
    with open(path, "w", encoding="utf-8") as file:
        for i in range(n):
            row = rows[i % len(rows)]
            row = {**row, "instruction": f"{row['instruction']} ({i % 997})"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def peak_mb() -> float:
    """The most memory this process has had, in MB (Linux and macOS)."""
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e6 if sys.platform == "darwin" else 1e3)


def own_mb() -> float:
    """Memory of this process that is no file's page, in MB; NaN where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    kilobytes = re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)
    return int(kilobytes[1]) / 1e3 if kilobytes else float("nan")


def measure(path: str) -> dict:
    """Times of one data file in this process, the cache being empty."""
    from helpers.collate import BatchPlan
    from helpers.tokenizer import load_tokenizer
    from helpers.tokens import tokenised

    load_tokenizer().encode_ordinary("warm")
    before, own, found = peak_mb(), own_mb(), {}
    for name in ("tokenise", "open again"):
        started = time.process_time()
        rows, _, n_records = tokenised(path, "alpaca", 1024)
        found[name] = (time.process_time() - started) / n_records * 1e6
    started = time.process_time()
    plan = BatchPlan(rows, "response", layout="packed")
    found["plan"] = (time.process_time() - started) / n_records * 1e6
    started = time.process_time()
    for step in range(BATCHES):
        plan.micro_batches(step // plan.steps_per_epoch, step % plan.steps_per_epoch)
    found["collate, a batch"] = (time.process_time() - started) / BATCHES * 1e6
    grown = {"memory_mb": peak_mb() - before, "own_mb": own_mb() - own}
    return {**found, **grown, "rows": n_records}


def main(counts: list[int]) -> None:
    results = []
    for n in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            write_rows(path, n)
            command = [sys.executable, "-m", "benchmarks.data_scale", "--measure", str(path)]
            # With nothing below which a file is tokenised in memory, and a cache of its own.
            env = {**os.environ, "COURSE_CACHE": folder}
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        results.append(json.loads(done.stdout))
        shown = {k: round(v, 1) for k, v in results[-1].items()}
        print(f"{n:,} rows: {shown}", flush=True)
    out = Path("build") / "data_scale.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        from helpers import tokens

        tokens.CACHE_FROM = 0
        print(json.dumps(measure(sys.argv[2])))
    else:
        main([int(n) for n in sys.argv[1:]] or [1_000, 10_000, 100_000])
