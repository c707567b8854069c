"""Does another recipe make more of the same base and rows? `python -m benchmarks.tuning_recipes`.

Each of RECIPES tunes gpt2-mini on the training rows of `course`. Loss and score (reference judge, greedy
answers) on CHOICE, the validation rows and 200 rows of `course-heldout`, choose; 400 other rows report.
Finished seeds are not repeated. Half an hour of one core; matrix products run in bfloat16.
"""

import random
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from helpers.collate import BatchPlan, evaluation_batches
from helpers.data import load_records, split
from helpers.evaluate.scorecard import mean_interval
from helpers.files import append_jsonl, content_hash, read_jsonl
from helpers.generate import respond
from helpers.judge import ReferenceJudge, judge_responses
from helpers.lora import add_lora, plain
from helpers.masking import make_examples
from helpers.model import GPT
from helpers.runs import keep_memory, within_memory
from helpers.tokenizer import load_tokenizer
from helpers.train import TrainSettings, TrainState, evaluate_loss, freeze_embeddings, train
from helpers.weights import load_model

WORK = Path(__file__).parent.parent / "build" / "tuning-recipes"
CHOICE, REPORT = ("val", "choose"), ("val", "choose", "confirm")
SEEDS = (11, 12, 13)


@dataclass(frozen=True)
class Recipe:
    """How a model is tuned."""

    loss_on: str = "all"
    lr: float = 2e-4
    frozen: bool = False  # the embeddings, and with them the head
    epochs: int = 2
    lora: int = 0  # rank


RECIPES = {  # name → recipe, seeds, where it is measured; differences are to the first
    "all weights": (Recipe(), SEEDS, REPORT),
    "frozen (lesson 04)": (Recipe(lr=5e-4, frozen=True), SEEDS, REPORT),
    "response, all weights": (Recipe("response"), SEEDS, REPORT),
    "response, frozen": (Recipe("response", lr=5e-4, frozen=True), SEEDS, REPORT),
    "all weights, 4e-4": (Recipe(lr=4e-4), SEEDS[:1], CHOICE),
    "frozen, 2e-4": (Recipe(lr=2e-4, frozen=True), SEEDS[:1], CHOICE),
    "frozen, 1e-3": (Recipe(lr=1e-3, frozen=True), SEEDS[:1], CHOICE),
    "frozen, 3 epochs": (Recipe(lr=5e-4, frozen=True, epochs=3), SEEDS[:1], CHOICE),
    "response, LoRA 16": (Recipe("response", lr=2e-3, lora=16), SEEDS[:1], CHOICE),
}


def tune(recipe: Recipe, seed: int, rows: list[dict]) -> tuple[GPT, float]:
    """An ordinary model tuned on the rows, and the processor's seconds of training."""
    model = load_model("gpt2-mini")
    if recipe.lora:
        add_lora(model, recipe.lora, generator=torch.Generator().manual_seed(seed))
    if recipe.frozen:
        freeze_embeddings(model)
    examples = make_examples(rows, "alpaca", load_tokenizer())[0]
    plan = BatchPlan(examples, recipe.loss_on, layout="packed", seed=seed)
    settings = TrainSettings(epochs=recipe.epochs, lr=recipe.lr, precision="bf16")
    state = TrainState(model, settings)
    began = time.process_time()
    list(within_memory(train(state, plan)))
    return plain(model), time.process_time() - began


def row_sets() -> dict[str, list[dict]]:
    """The rows to measure on; no two sets share one."""
    parts, heldout = split(load_records("course")), load_records("course-heldout")
    rows = [heldout[i] for i in random.Random(1).sample(range(len(heldout)), len(heldout))]
    return {"val": parts.validation, "choose": rows[:200], "confirm": rows[200:600]}


def measure(model: GPT, rows: list[dict]) -> dict:
    """Response loss of a model in nats, its answers and their scores, row by row."""
    tokenizer = load_tokenizer()
    answered = respond(model, rows, "alpaca", tokenizer, max_new_tokens=64, batch_size=32)
    batches = evaluation_batches(make_examples(rows, "alpaca", tokenizer)[0], layout="packed")
    scores = [v.score for v in judge_responses(ReferenceJudge(), answered)]
    answers = [row["model_response"] for row in answered]
    return {"loss": evaluate_loss(model, batches), "scores": scores, "answers": answers}


def measured(recipe: Recipe, seed: int, names, sets: dict, journal: Path) -> dict[str, dict]:
    """Measures by set, from the journal where they are there already."""
    lines = {line["key"]: line for line in (read_jsonl(journal) if journal.exists() else [])}
    keys = {name: content_hash([asdict(recipe), seed, sets[name]]) for name in names}
    if missing := [name for name in names if keys[name] not in lines]:
        model, seconds = tune(recipe, seed, split(load_records("course")).train)
        for name in missing:
            line = {"key": keys[name], "seconds": seconds, **measure(model, sets[name])}
            append_jsonl(journal, line)
            lines[line["key"]] = line
    return {name: lines[keys[name]] for name in names}


def by_row(runs: list[dict], *names: str) -> list[float]:
    """The mean score of each row of those sets over the runs."""
    scores = [[s for name in names for s in run[name]["scores"]] for run in runs]
    return [statistics.fmean(row) for row in zip(*scores, strict=True)]


def line(name: str, runs: dict[int, dict], first: dict[int, dict]) -> list[str]:
    """A line of the table. Intervals (95 %) of differences are over rows, paired, of common seeds."""
    each = list(runs.values())
    cells = [name, ", ".join(map(str, runs))]
    cells += [f"{statistics.fmean(run[key]['loss'] for run in each):.3f}" for key in CHOICE]
    cells += [f"{statistics.fmean(by_row(each, *CHOICE)):.1f}"]
    for key in REPORT[2:]:
        cells.append(f"{statistics.fmean(by_row(each, key)):.1f}" if key in each[0] else "")
        if runs is not first and key in each[0]:
            pairs = [by_row([who[seed] for seed in runs], key) for who in (runs, first)]
            gain, low, high = mean_interval([a - b for a, b in zip(*pairs, strict=True)])
            cells[-1] += f", {gain:+.1f} ({low:+.1f} to {high:+.1f})"
    return [*cells, f"{statistics.median(run['val']['seconds'] for run in each):.0f}"]


def main() -> None:
    """Measure what is missing of all recipes, and print a table."""
    keep_memory()
    WORK.mkdir(parents=True, exist_ok=True)
    sets, found = row_sets(), {}
    for name, (recipe, seeds, where) in RECIPES.items():
        found[name] = {n: measured(recipe, n, where, sets, WORK / "journal.jsonl") for n in seeds}
    head = ["recipe", "seeds", "val loss", "loss of 200", "choice", "400 rows", "s"]
    first = next(iter(found.values()))
    lines = [head, ["---"] * len(head), *(line(name, runs, first) for name, runs in found.items())]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


if __name__ == "__main__":
    main()
