"""Fits the network of the reference judge to labelled answers, and says how well that generalises.

    python -m benchmarks.fit_judge              # cross-validation, then the fit
    python -m benchmarks.fit_judge --dry        # cross-validation only

Writes helpers/assets/judge/network.json and benchmarks/results/reference_judge.md. The labels are those of tests/judge_labels, and beside them
the bundled training rows give answers that are right or wrong by construction. In cross-validation
all answers to a task are in the same part, so no answer is scored by a network that has seen its task.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import isotonic_regression

from benchmarks.reference_judge import FITTED as SETS
from benchmarks.reference_judge import FOLDER as LABELS
from benchmarks.reference_judge import agreement, task_of
from helpers.data import load_records, split
from helpers.judge import reference
from helpers.judge.features import GROUPS, measure
from helpers.judge.network import LIMIT, Network
from helpers.judge.thesaurus import FOLDER, wordnet
from helpers.judge.words import is_content, is_number, words

RESULT = Path(__file__).parent / "results" / "reference_judge.md"
BUNDLED_SETS = ("course", "course-heldout", "course-newfamilies")
MEMBERS, HIDDEN, STEPS, DECAY, DROPOUT = 8, 24, 300, 0.6, 0.15
RANKS = 0.5
PARTS, SEED = 10, 123
OTHER_REFERENCE, CONSTRUCTED, UNRELATED = 0.4, 0.1, 0.3  # what they weigh; a labelled answer 1
BUNDLED = 120  # rows of the course, for constructed answers


def labelled() -> list[dict]:
    """The rows of all label sets, each with the name of its set."""
    rows = []
    for name in SETS:
        path = LABELS / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows += [json.loads(line) | {"set": name, "weight": 1.0} for line in lines]
    return rows


def table(rows: Sequence[dict]) -> tuple[np.ndarray, list[str]]:
    """(rows, features): what the judge measures on each, and the names."""
    found = [measure(reference.nearest(row)) for row in rows]
    names = list(found[0])
    return np.array([[f[n] for n in names] for f in found]), names


# --- the network ------------------------------------------------------------------------------------


def fit(x, y, w, *, seed: int = SEED, steps: int = STEPS) -> dict[str, np.ndarray]:
    """The arrays of a Network but for its curve: least squares, with dropout of features.

    x (N, D), y (N,) from 0 to 100, w (N,) weights.
    """
    mean = np.average(x, axis=0, weights=w)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w)) + 1e-6
    torch.manual_seed(seed)
    inputs = torch.tensor(np.clip((x - mean) / scale, -LIMIT, LIMIT), dtype=torch.float32)
    goal, weight = (torch.tensor(v, dtype=torch.float32) for v in ((y - 50) / 40, w / w.mean()))
    d = x.shape[1]
    first = (torch.randn(MEMBERS, d, HIDDEN) / d**0.5).requires_grad_()
    second = (torch.randn(MEMBERS, HIDDEN) * 0.3 / HIDDEN**0.5).requires_grad_()
    bias = torch.zeros(MEMBERS, HIDDEN, requires_grad=True)
    offset = torch.zeros(MEMBERS, requires_grad=True)
    optimiser = torch.optim.AdamW([first, bias, second, offset], lr=5e-3, weight_decay=DECAY)
    for _ in range(steps):
        kept = (torch.rand(MEMBERS, d, 1) > DROPOUT) / (1 - DROPOUT)
        hidden = torch.relu(torch.einsum("nd,mdh->mnh", inputs, first * kept) + bias[:, None])
        said = torch.einsum("mnh,mh->mn", hidden, second) + offset[:, None]
        loss = ((said - goal) ** 2 * weight).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    arrays = {"first": first, "bias": bias, "second": second * 40, "offset": offset * 40 + 50}
    return {"mean": mean, "scale": scale} | {k: v.detach().numpy() for k, v in arrays.items()}


def network(arrays: dict, names: Sequence[str], curve=((-1e3, 1e3), (-1e3, 1e3))) -> Network:
    return Network(
        list(names), {k: list(v) for k, v in GROUPS.items()}, curve=np.array(curve), **arrays
    )


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
    made = []
    for row in rows:
        for good in rows:
            same = (good["instruction"], good["input"]) == (row["instruction"], row["input"])
            if same and good["label"] >= 93 and good["model_response"] != row["model_response"]:
                made.append(row | {"output": good["model_response"], "references": []})
    for good in rows:
        if good["label"] >= 93 and good["model_response"] != good["output"]:
            swapped = {
                "output": good["model_response"],
                "model_response": good["output"],
                "label": 97,
            }
            made.append(good | swapped | {"references": []})
    return [row | {"weight": OTHER_REFERENCE} for row in made]


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
        near = [r["output"] for r in rows if r.get("family", 0) == row.get("family") != None]  # noqa: E711
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
    """(rows,): the output for each answer of networks that have not seen its task."""
    part = parts_of(rows, seed=seed)
    out = np.empty(len(rows))
    for i in range(PARTS):
        seen = part != i
        out[~seen] = network(fit(x[seen], y[seen], w[seen], seed=seed), names).outputs(x[~seen])
    return out


def scored(rows: Sequence[dict], outputs: np.ndarray, labels: np.ndarray, x, names) -> np.ndarray:
    """The scores of the judge for cross-validated outputs: each part calibrated by the others."""
    part = parts_of(rows)
    out = np.empty(len(rows))
    for i in range(PARTS):
        curve = calibrated(outputs[part != i], labels[part != i])
        out[part == i] = np.interp(outputs[part == i], *curve)
    known = [reference.certain(row) for row in rows]
    return np.array(
        [
            k[0] if k else reference.ruled(dict(zip(names, f, strict=True)), s, "")[0]
            for k, f, s in zip(known, x, out, strict=True)
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
    torch.set_num_threads(1)
    rows = labelled()
    tasks = list({(r["instruction"], r["input"]): r for r in rows}.values())
    bundled = split(load_records("course")).train[:BUNDLED]
    every = rows + other_references(rows) + constructed(tasks) + constructed(bundled)
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
    head += f"{PARTS} parts that share no task, each scored by a\nnetwork and a curve fitted to the others."
    RESULT.write_text(f"{head}\n\n{found}\n\n{RULES}", encoding="utf-8")
    arrays = fit(x, goal, w)
    saved = {
        "features": names,
        "groups": GROUPS,
        "curve": np.array(calibrated(outputs, y[:n])),
    } | arrays
    rounded = {
        k: np.round(v, 3).tolist() if isinstance(v, np.ndarray) else v for k, v in saved.items()
    }
    text = json.dumps(rounded, separators=(",", ":"), indent=None)
    (FOLDER / "network.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
