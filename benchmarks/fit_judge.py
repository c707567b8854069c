"""Fits the reference judge to labelled answers, and says how well that generalises.

    python -m benchmarks.fit_judge              # cross-validation, then the fit
    python -m benchmarks.fit_judge --dry        # cross-validation only

Writes helpers/assets/judge/kernel.npz and benchmarks/results/reference_judge.md. The labels are those of
tests/judge_labels but for the sealed half of the second set, and beside them some answers are right or
wrong by construction. In cross-validation all answers to a task are in the same part, so no answer is
scored by a judge that has seen its task.

The method is kernel ridge regression on a subset of the answers (Rasmussen and Williams 2006, Gaussian
Processes for Machine Learning, section 8.3.1, https://gaussianprocess.org/gpml/): the score is a sum over
POINTS answers of a weight times the likeness of what was measured, and the weights make the weighted
squared error plus RIDGE times the square of the function smallest.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import linalg
from scipy.optimize import isotonic_regression

from benchmarks.reference_judge import FITTED as SETS
from benchmarks.reference_judge import FOLDER as LABELS
from benchmarks.reference_judge import agreement, task_of
from helpers.data import load_records, split
from helpers.judge import reference, rules
from helpers.judge.features import GROUPS
from helpers.judge.kernel import LIMIT, STEP, Kernel, likeness
from helpers.judge.lexicon import FOLDER, wordnet
from helpers.judge.words import is_content, is_number, words

RESULT = Path(__file__).parent / "results" / "reference_judge.md"
BUNDLED_SETS = ("course", "course-heldout", "course-newfamilies")
WIDTH, RIDGE, POINTS = 3.0, 0.4, 2500
RANKS = 0.5
PARTS, SEED = 10, 123
WRITTEN = 0.5  # what an answer weighs that was written for training; any other labelled answer 1
OTHER_REFERENCE, CONSTRUCTED, UNRELATED = 0.4, 0.1, 0.6
OTHERS = {  # at most
    "other references": 900,
    "unrelated": 2500,
    "constructed": 900,
    "constructed, bundled": 500,
}
BUNDLED = 120  # rows of the course, for constructed answers


def labelled() -> list[dict]:
    """The rows of all label sets, each with the name of its set."""
    rows = []
    for name in SETS:
        path = LABELS / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for row in map(json.loads, lines):
            written = name == "training" and row.get("origin") != "model"
            rows.append(row | {"set": name, "weight": WRITTEN if written else 1.0})
    return rows


def unlabelled(rows: Sequence[dict], seed: int = SEED) -> list[dict]:
    """Answers whose worth is known without a grader: a random choice of each kind."""
    rng = random.Random(seed)
    tasks = list({task_of(r): r for r in rows}.values())
    bundled = split(load_records("course")).train
    strangers = unrelated(tasks + bundled)
    kinds = (other_references(rows), strangers, constructed(tasks), constructed(bundled[:BUNDLED]))
    chosen = []
    for made, most in zip(kinds, OTHERS.values(), strict=True):
        chosen += rng.sample(made, min(most, len(made)))
    return chosen


def table(rows: Sequence[dict]) -> tuple[np.ndarray, list[str]]:
    """(rows, features): what the judge measures on each, and the names."""
    found = [reference.measured(row, rules.score(row)[0]) for row in rows]
    names = list(found[0])
    return np.array([[f[n] for n in names] for f in found]), names


# --- the fit ----------------------------------------------------------------------------------------


def fit(x, y, w, *, seed: int = SEED, points: int = POINTS) -> dict[str, np.ndarray | float]:
    """What a Kernel is made of but for its names and curve.

    x (N, D), y (N,) from 0 to 100, w (N,) weights; `points` of the rows are drawn by weight.
    """
    mean = np.average(x, axis=0, weights=w)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w)) + 1e-6
    placed = np.clip((x - mean) / scale, -LIMIT, LIMIT)
    rng = np.random.default_rng(seed)
    n = min(points, int((w > 0).sum()))
    at = np.sort(rng.choice(len(x), n, replace=False, p=w / w.sum()))
    steps = np.round(placed[at] / STEP).astype(np.int8)
    stored = steps * STEP
    offset = float(np.average(y, weights=w))
    near = likeness(placed, stored, WIDTH)
    left = (near * w[:, None]).T @ near + RIDGE * likeness(stored, stored, WIDTH)
    left[np.diag_indices(n)] += 1e-6 * len(x)
    weights = linalg.solve(left, near.T @ (w * (y - offset)), assume_a="pos")
    numbers = {"offset": offset, "width": WIDTH}
    return {"mean": mean, "scale": scale, "points": steps, "weights": weights} | numbers


def kernel(arrays: dict, names: Sequence[str], curve=((-1e3, 1e3), (-1e3, 1e3))) -> Kernel:
    groups = {name: list(members) for name, members in GROUPS.items()}
    points = arrays["points"] * STEP
    return Kernel(list(names), groups, curve=np.array(curve), **arrays | {"points": points})


def goals(labels: np.ndarray, among: np.ndarray) -> np.ndarray:
    """What is fitted: the mean of each label and of its rank among the graded ones, from 0 to 100.

    Most labels lie near an end of the scale; their ranks spread them, which Spearman asks for.
    """
    ordered = np.sort(among)
    rank = np.searchsorted(ordered, labels, "left") + np.searchsorted(ordered, labels, "right")
    return RANKS * 100 * rank / 2 / len(ordered) + (1 - RANKS) * labels


def calibrated(outputs: np.ndarray, labels: np.ndarray) -> tuple[list[float], list[float]]:
    """A rising curve from outputs (of networks that had not seen the answers) to mean labels."""
    order = np.argsort(outputs)
    found = isotonic_regression(labels[order]).x
    ends = np.quantile(np.arange(len(order)), np.linspace(0, 1, 13)).round().astype(int)
    at = [float(outputs[order][a : b + 1].mean()) for a, b in itertools.pairwise(ends)]
    to = [float(found[a : b + 1].mean()) for a, b in itertools.pairwise(ends)]
    low, high = at[0] - 25, at[-1] + 25  # beyond, on towards the ends of the scale
    return [low, *at, high], [0.0, *(v + i / 100 for i, v in enumerate(to)), 100.0]


# --- answers whose worth is known without a grader --------------------------------------------------

EVASIONS = (
    "I do not know the answer.", "It depends.", "I am sorry, but I cannot answer that.",
    "There are many opinions about this.", "As a language model, I cannot help with that.",
)  # fmt: skip


def other_references(rows: Sequence[dict]) -> list[dict]:
    """The labelled answers again, with a good answer to the same task as the reference."""
    tasks = defaultdict(list)
    for row in rows:
        tasks[task_of(row)].append(row)
    made = []
    for answers in tasks.values():
        for good in (row for row in answers if row["label"] >= 93):
            alone = {"output": good["model_response"], "references": []}
            for row in answers:
                if row["model_response"] != good["model_response"]:
                    made.append(row | alone)
            if good["model_response"] != good["output"]:
                made.append(good | alone | {"model_response": good["output"], "label": 97})
    return [row | {"weight": OTHER_REFERENCE} for row in made]


def unrelated(rows: Sequence[dict], seed: int = SEED) -> list[dict]:
    """Each task (one row each) with the reference of another with which it shares no new word."""
    rng = random.Random(seed)
    made = []
    for row in rows:
        task = {k: row.get(k) or "" for k in ("instruction", "input", "output")}
        new = set(reference.nearest(task | {"model_response": ""}).new)
        others = [o["output"] for o in rng.sample(rows, min(5, len(rows)))]
        other = next((o for o in others if not new & set(words(o)) and o != row["output"]), None)
        if other:
            made.append(task | {"model_response": other, "label": 1, "weight": UNRELATED})
    return made


def constructed(rows: Sequence[dict], seed: int = SEED) -> list[dict]:
    """Answers to tasks (one row each) that are wrong, bare, padded or contrary by construction."""
    rng = random.Random(seed)
    made = []
    for row in rows:
        task = {k: row.get(k) or "" for k in ("instruction", "input", "output")}
        item = reference.nearest(task | {"model_response": ""})
        text, new, others = row["output"], item.new, rng.sample(rows, min(5, len(rows)))
        tokens = text.split()

        def add(answer, label, weight=CONSTRUCTED, task=task):
            if answer and answer != task["output"]:
                made.append(task | {"model_response": answer, "label": label, "weight": weight})

        def without(words_gone, by="", tokens=tokens):
            keep = [by if _bare(t) in words_gone else t for t in tokens]
            return " ".join(t for t in keep if t)

        other = next((o["output"] for o in others if not set(new) & set(words(o["output"]))), "")
        add(other, 1, UNRELATED)
        add(rng.choice(EVASIONS), 1, UNRELATED)
        add(f"{text} {other}", 62)
        add(f"{text} {' '.join([text] * 3)}", 60)
        near = [r["output"] for r in rows if "family" in row and r.get("family") == row["family"]]
        near = [o for o in near if o != text and not set(new) <= set(words(o))]
        if near:
            add(rng.choice(near), 5)
        if item.new and item.given == "" and len(tokens) > 3:
            if 0 < len(new) < 3:
                add(" ".join(new), 96)
            add(without(set(new)), 3)
        if item.new and other:
            strange = [w for w in words(other) if is_content(w)]
            if strange:
                add(without({new[-1]}, rng.choice(strange)), 8 if len(new) < 3 else 25)
        if " is " in text and len(tokens) < 14:
            add(text.replace(" is ", " is not ", 1), 8)
        pair = [t for t in tokens if is_content(_bare(t)) and _bare(t)]
        if len(pair) > 1 and len(set(pair)) == len(pair) and "," not in text and len(tokens) > 3:
            one, two = rng.sample(pair, 2)
            swap = {one: two, two: one}
            add(" ".join(swap.get(t, t) for t in tokens), 12)
        numbers = [t for t in tokens if is_number(_bare(t)) and _bare(t) in new]
        if numbers:
            n = float(_bare(numbers[0]))
            add(text.replace(_bare(numbers[0]), f"{rng.choice([n + 1, n * 10, n / 2]):g}"), 5)
        for w in new:
            contrary = [b for a, b in wordnet().opposites if a == w]
            alike = [v for v in synonyms(w) if v not in item.asked]
            if contrary:
                add(without({w}, sorted(contrary)[0]), 5)
            if alike and len(new) < 3:
                add(without({w}, rng.choice(alike)), 90)
        parts = text.rstrip(".").split(", ")
        if len(parts) > 2 and all(len(p.split()) < 5 for p in parts):
            add(", ".join(parts[: len(parts) // 2]), 45)
    return made


def synonyms(word: str) -> list[str]:
    """The words that share the commonest sense of a word."""
    senses = wordnet().senses
    first = senses.get(word, ())[:1]
    return sorted(w for w, s in senses.items() if w != word and first and first[0] in s[:2])


def _bare(token: str) -> str:
    return token.strip(".,;:!?'\"()").casefold()


# --- cross-validation -------------------------------------------------------------------------------


def parts_of(rows: Sequence[dict], parts: int = PARTS, seed: int = SEED) -> np.ndarray:
    """(rows,): the part of each row; all answers to a task are in the same."""
    tasks = sorted({(r["instruction"], r.get("input") or "") for r in rows})
    random.Random(seed).shuffle(tasks)
    place = {task: i % parts for i, task in enumerate(tasks)}
    return np.array([place[r["instruction"], r.get("input") or ""] for r in rows])


def cross_validated(rows, x, y, w, names, *, seed: int = SEED) -> np.ndarray:
    """(rows,): the output for each answer of a fit that has not seen its task."""
    part = parts_of(rows, seed=seed)
    out = np.empty(len(rows))
    for i in range(PARTS):
        seen = part != i
        out[~seen] = kernel(fit(x[seen], y[seen], w[seen], seed=seed), names).outputs(x[~seen])
    return out


def scored(rows: Sequence[dict], outputs: np.ndarray, labels: np.ndarray, x, names) -> np.ndarray:
    """The scores of the judge for cross-validated outputs: each part calibrated by the others."""
    part = parts_of(rows)
    out = np.empty(len(rows))
    for i in range(PARTS):
        curve = calibrated(outputs[part != i], labels[part != i])
        out[part == i] = np.interp(outputs[part == i], *curve)
    return np.array(
        [
            reference.decided(row, *rules.score(row), dict(zip(names, f, strict=True)), s)
            for row, f, s in zip(rows, x, out, strict=True)
        ]
    )


def report(rows: Sequence[dict], scores: np.ndarray) -> str:
    """Agreement for each set of labels, for the two halves of the second set and all together."""
    labels = np.array([float(row["label"]) for row in rows])
    names = np.array([row["set"] for row in rows])
    bundled = {(r["instruction"], r["input"]) for n in BUNDLED_SETS for r in load_records(n)}
    own = np.array([task_of(row) in bundled for row in rows])
    parts = {name: names == name for name in SETS if (names == name).any()}
    if "second_open" in parts:
        parts["second_open, bundled tasks"] = parts["second_open"] & own
        parts["second_open, other tasks"] = parts["second_open"] & ~own
    parts["all"] = names != ""
    lines = [
        "| labels | answers | Spearman | Pearson | mean absolute error |",
        "|---|---|---|---|---|",
    ]
    for name, at in parts.items():
        found = agreement(labels[at], scores[at])
        cells = [
            f"{found[k]:.{d}f}"
            for k, d in (("Spearman", 3), ("Pearson", 3), ("mean absolute error", 1))
        ]
        lines.append(f"| {name} | {at.sum()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


RULES = """\
## The judge before it

Until then the judge was made of rules that were written by hand while reading `open.jsonl`, when no
judge had scored `sealed.jsonl` yet. That one reached:

| labels | Spearman | Pearson | mean absolute error |
|---|---|---|---|
| open, which it had been made with | 0.805 | 0.802 | 16.6 |
| sealed | 0.587 | 0.526 | 25.3 |
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry", action="store_true", help="cross-validation only")
    args = parser.parse_args()
    rows = labelled()
    every = rows + unlabelled(rows)
    x, names = table(every)
    y, w = (np.array([row[k] for row in every], float) for k in ("label", "weight"))
    n = len(rows)
    goal = goals(y, y[:n])
    outputs = cross_validated(every, x, goal, w, names)[:n]
    found = report(rows, scored(rows, outputs, y[:n], x[:n], names))
    print(found)
    if args.dry:
        return
    head = "# The reference judge, cross-validated\n\nMade by `python -m benchmarks.fit_judge`: "
    head += (
        f"{PARTS} parts that share no task, each scored by a\nfit and a curve made from the others."
    )
    RESULT.write_text(f"{head}\n\n{found}\n\n{RULES}", encoding="utf-8")
    groups = "\n".join(" ".join((name, *members)) for name, members in GROUPS.items())
    np.savez_compressed(
        FOLDER / "kernel.npz",
        features=np.array(" ".join(names)),
        groups=np.array(groups),
        curve=np.array(calibrated(outputs, y[:n])),
        **{k: np.float32(v) if k != "points" else v for k, v in fit(x, goal, w).items()},
    )


if __name__ == "__main__":
    main()
