"""What is measured of a trained model, the same for every arm.

The primary metric, the response loss of every held-out row, is `item_losses`. The others are
computed only when asked for; `METRICS` in `grid` says what each is. All of it in fp32, whatever the
training ran in, and without random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional as F

from helpers.collate import by_length, padded
from helpers.data import ASSETS, words
from helpers.experiment.rows import INVERTED, Rows
from helpers.formatting import TEMPLATES, Template
from helpers.generate import generate, respond
from helpers.judge import ReferenceJudge
from helpers.masking import Example, make_examples
from helpers.model import GPT
from helpers.tokenizer import load_tokenizer
from helpers.train import token_losses

BATCH = 64  # rows; only responses need logits, so that memory is no matter
RESPONSE = ("response", "end")
ASKED = ("instruction", "input")
SAMPLE = 200  # rows of each side for `memory` and `paraphrase`
ANSWERS = 100  # held-out rows that are answered
NEW_TOKENS = 64
NGRAM = 4  # words
REWORDED = Template(
    "reworded",
    "Here is a task. Give the answer that it asks for.\n\n### Instruction:\n",
    "\n\n### Input:\n",
    "\n\n### Response:\n",
)


@torch.no_grad()
def item_losses(
    model: GPT, examples: Sequence[Example], names: Collection[str] = RESPONSE
) -> np.ndarray:
    """(n, 2) float64: each example's summed nll in nats, and how many tokens it is a sum over.

    Counted are the tokens of the segments in `names`, whatever the model was trained on. A row
    without any has 0 and 0.
    """
    device = next(model.parameters()).device
    # `padded` knows arms; the segments that count are renamed to what "response" learns from.
    counted = [
        Example(e.ids, ["response" if name in names else "template" for name in e.names])
        for e in examples
    ]
    found = np.zeros((len(examples), 2))
    usable = [i for i, e in enumerate(counted) if "response" in e.names[1:]]
    for part in by_length([counted[i] for i in usable], BATCH):
        batch = padded([counted[usable[i]] for i in part], "response").to(device)
        nll, weights = token_losses(model, batch)
        rows = (batch.doc_ids[batch.loss_weights > 0] - 1).cpu()
        for column, values in enumerate((nll, weights)):
            sums = torch.zeros(len(part), dtype=torch.float64)
            sums.index_add_(0, rows, values.double().cpu())
            found[[usable[i] for i in part], column] = sums.numpy()
    return found


def per_token(items: np.ndarray) -> float:
    """Nats per token: one sum divided once."""
    return float(items[:, 0].sum() / items[:, 1].sum())


def per_example(items: np.ndarray) -> float:
    """The mean over the rows of their own nats per token: short responses count as much as long."""
    return float((items[:, 0] / items[:, 1]).mean())


@dataclass
class Measured:
    """A trained model, the rows that it learnt from, and what to compare with."""

    model: GPT
    base: dict[str, torch.Tensor]  # the weights before training
    trained: Rows  # in the order in which they were drawn
    heldout: Rows
    items: np.ndarray  # `item_losses` of the held-out rows
    template: Template

    @cached_property
    def answers(self) -> list[dict]:
        """Greedy answers to a sample of the held-out rows, as records with `model_response`."""
        rows = self.heldout.sample(ANSWERS).records
        options = {"max_new_tokens": NEW_TOKENS, "batch_size": 32, "desc": None}
        return respond(self.model, rows, self.template, load_tokenizer(), **options)


def gap(m: Measured) -> dict:
    """Response loss on the rows that were trained on, and how much higher it is on the others."""
    train = per_token(item_losses(m.model, m.trained.examples))
    return {"train_response_loss": train, "gap": per_token(m.items) - train}


def memory(m: Measured) -> dict:
    """Loss on instructions and verbatim continuation of them, trained on and not.

    A held-out row can have its instruction word for word from a training row and only its input be
    new, as with "Write the number in words.": such rows are left out, for they tell of both.
    """
    learnt = {asked_for(record) for record in m.trained.records}
    new = [i for i, record in enumerate(m.heldout.records) if asked_for(record) not in learnt]
    unseen = m.heldout.take(new).sample(SAMPLE)
    result: dict = {"unseen_instructions": len(new)}
    for name, rows in (
        ("train", m.trained.take(range(min(SAMPLE, len(m.trained))))),
        ("heldout", unseen),
    ):
        asked = item_losses(m.model, rows.examples, ASKED)
        result[f"instruction_loss_{name}"] = per_token(asked) if len(rows) else math.nan
        result[f"verbatim_{name}"] = verbatim(m.model, rows)
    return result


def asked_for(record: dict) -> str:
    """What tells a row's request from others: the instruction, or of inverted rows the input."""
    return record["input"] if record["instruction"] == INVERTED else record["instruction"]


def verbatim(model: GPT, rows: Rows) -> float:
    """The share of instructions whose second half greedy decoding repeats token for token.

    The prompt is the example up to the middle of its instruction. Of inverted rows, whose
    instruction is the same for all, it is the input.
    """
    prompts, expected = [], []
    for record, example in zip(rows.records, rows.examples, strict=True):
        field = "input" if record["instruction"] == INVERTED else "instruction"
        places = [i for i, name in enumerate(example.names) if name == field]
        if len(places) > 1:
            middle = places[len(places) // 2]
            prompts.append(example.ids[:middle])
            expected.append(example.ids[middle : places[-1] + 1])
    if not prompts:
        return math.nan
    longest = max(map(len, expected))
    said = generate(model, prompts, max_new_tokens=longest, batch_size=BATCH, desc=None)
    pairs = zip(said, expected, strict=True)
    return sum(answer.ids[: len(ids)] == ids for answer, ids in pairs) / len(prompts)


def ngrams(text: str) -> set[tuple[str, ...]]:
    """The sequences of NGRAM words in a text."""
    ws = words(text)
    return {tuple(ws[i : i + NGRAM]) for i in range(len(ws) - NGRAM + 1)}


def overlap(m: Measured) -> dict:
    """How much of the answers stands in the training answers; the references show what is usual."""
    known = set().union(*(ngrams(r["output"]) for r in m.trained.records))
    whole = {tuple(words(r["output"])) for r in m.trained.records}
    result = {}
    for name, key in (("overlap", "model_response"), ("overlap_reference", "output")):
        texts = [row[key] for row in m.answers]
        grams = [gram for text in texts for gram in ngrams(text)]
        result[name] = sum(g in known for g in grams) / len(grams) if grams else math.nan
        result[f"{name}_whole"] = sum(tuple(words(t)) in whole for t in texts) / len(texts)
    return result


def stops(m: Measured) -> dict:
    """The share of answers that end by themselves, and the mean length of all in tokens."""
    n = len(m.answers)
    return {
        "stopped": sum(row["finish_reason"] == "stop" for row in m.answers) / n,
        "answer_tokens": sum(row["n_tokens"] for row in m.answers) / n,
    }


def score(m: Measured) -> dict:
    """The mean score of the answers by the reference judge, 0 to 100."""
    judge = ReferenceJudge()
    return {"score": sum(judge.score(row)[0] for row in m.answers) / len(m.answers)}


@torch.no_grad()
def plain(m: Measured) -> dict:
    """Perplexity of bundled ordinary text, each window read from its own beginning."""
    text = (ASSETS / "course" / "heldout.txt").read_text(encoding="utf-8")
    ids = torch.tensor(load_tokenizer().encode_ordinary(text))
    device, width = next(m.model.parameters()).device, m.model.config.n_positions
    total, count = 0.0, 0
    for window in ids.split(width):
        if len(window) > 1:
            logits = m.model(window[None, :-1].to(device))[0]
            total += float(F.cross_entropy(logits, window[1:].to(device), reduction="sum"))
            count += len(window) - 1
    return {"plain_perplexity": math.exp(total / count)}


def distance(m: Measured) -> dict:
    """|w - w₀| / |w₀| of all weights together, of the embeddings, each block and the last norm."""
    moved: dict[str, float] = {}
    before: dict[str, float] = {}
    for name, weight in m.model.state_dict().items():
        part = name.split(".")
        group = f"block{part[1]}" if part[0] == "blocks" else part[0]
        old = m.base[name].double()
        for sums, value in ((moved, weight.double() - old), (before, old)):
            square = float(value.square().sum())
            for key in ("distance", f"distance_{group}"):
                sums[key] = sums.get(key, 0.0) + square
    return {key: math.sqrt(moved[key] / before[key]) for key in sorted(moved)}


def paraphrase(m: Measured) -> dict:
    """How much higher the response loss is under prompt templates that were not trained with."""
    rows, limit = m.heldout.sample(SAMPLE), m.model.config.n_positions
    usual = item_losses(m.model, rows.examples)
    result = {}
    for template in (*TEMPLATES.values(), REWORDED):
        if template.name == m.template.name:
            continue
        examples, dropped = make_examples(
            rows.records, template, load_tokenizer(), max_length=limit
        )
        kept = np.delete(usual, [i for i, _ in dropped], axis=0)
        other = per_token(item_losses(m.model, examples)) if examples else math.nan
        result[f"paraphrase_{template.name}"] = other - (per_token(kept) if examples else 0.0)
    return result


MEASURES: dict[str, Callable[[Measured], dict]] = {
    "gap": gap,
    "memory": memory,
    "overlap": overlap,
    "stops": stops,
    "score": score,
    "plain": plain,
    "distance": distance,
    "paraphrase": paraphrase,
}


def measure(names: Sequence[str], measured: Measured) -> dict:
    """The secondary metrics of those names, side by side; None where there is nothing to measure."""
    result = {}
    for name in names:
        result.update(MEASURES[name](measured))
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in result.items()}
