"""A training step of ours beside the textbook's, in turn, on a model of GPT-2 medium's size.

    python benchmarks/training.py [--layers 24] [--pairs 3] [--loss-on all] [--paths packed/fp32/onednn …]

The textbook's step: rows in random order, padded; attention written out with a stored mask; logits
of every position; AdamW without `fused`. Ours: a layout, a precision and who multiplies, with
slashes between them. Prints a line per pair and the median ratio with the smallest and the largest,
of seconds on the clock and of processor time, and writes build/training.json. Weights are random:
what they are makes no difference to the time. Takes 9 GB of memory at 24 layers; on a busy machine
look at the processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from helpers.arithmetic import PRODUCTS, autocast, products_by
from helpers.collate import LAYOUTS, length_grouped, padded, random_order
from helpers.data import load_records, split
from helpers.files import write_json
from helpers.masking import make_examples
from helpers.model import GPT, GPTConfig, init_weights
from helpers.runs import keep_memory
from helpers.tokenizer import load_tokenizer
from helpers.train import TrainSettings, TrainState, token_losses, train

PATHS = ("padded/fp32/torch", "packed/fp32/torch", "packed/fp32/onednn", "packed/bf16/torch")
LR = 1e-7  # the weights stay about what they are


class Textbook:
    """The plainest loop that a book would print."""

    def __init__(self, model: GPT):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.1)
        n = model.config.n_positions
        self.mask = torch.triu(torch.ones(n, n, dtype=torch.bool), diagonal=1)

    def attend(self, q, k, v):
        """Causal attention, written out: (B, H, T, D) three times → (B, H, T, D)."""
        scores = q @ k.transpose(2, 3)  # (B, H, T, T)
        scores.masked_fill_(self.mask[: q.shape[2], : q.shape[2]], -torch.inf)
        return torch.softmax(scores / k.shape[-1] ** 0.5, dim=-1) @ v

    def step(self, examples, loss_on):
        """One optimiser step on these examples; arms with fractional weights are none of it."""
        batch = padded(examples, loss_on)
        logits = self.model(batch.input_ids, mask=self.attend)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten())
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


class OneBatch:
    """A plan of a single step."""

    steps_per_epoch = 1

    def __init__(self, batch):
        self.batch = batch

    def micro_batches(self, epoch, step):
        return [self.batch]


class Ours:
    """A step of `helpers.train.train`."""

    def __init__(self, model: GPT, path: str):
        self.layout, precision, products = path.split("/")
        self.settings = TrainSettings(epochs=1, lr=LR, precision=precision, products=products)
        self.state = TrainState(model, self.settings)

    def step(self, examples, loss_on):
        """One optimiser step on these examples."""
        self.state.step = 0
        list(train(self.state, OneBatch(LAYOUTS[self.layout](examples, loss_on))))


def timed(run, *args) -> tuple[float, float]:
    """(seconds on the clock, seconds of processor time) that a call took."""
    clock, cpu = time.perf_counter(), time.process_time()
    run(*args)
    return time.perf_counter() - clock, time.process_time() - cpu


def gradients_agree(model: GPT, examples, loss_on: str, path: str, textbook: Textbook) -> float:
    """The largest difference of a gradient, against the largest gradient: ours and the textbook's."""
    layout, precision, products = path.split("/")
    batch = LAYOUTS[layout](examples, loss_on)
    with products_by(products):
        with autocast("cpu", precision):
            nll, weights = token_losses(model, batch)
        ours = torch.autograd.grad(
            (nll * weights).sum() / batch.weight, [*model.blocks.parameters()]
        )
    plain = padded(examples, loss_on)
    logits = model(plain.input_ids, mask=textbook.attend)
    loss = F.cross_entropy(logits.flatten(0, 1), plain.labels.flatten())
    theirs = torch.autograd.grad(loss, [*model.blocks.parameters()])
    most = max(float(g.abs().max()) for g in theirs)
    return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True)) / most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--loss-on", default="all")
    parser.add_argument("--paths", nargs="+", default=list(PATHS))
    args = parser.parse_args()
    keep_memory()
    records = split(load_records("course")).train
    examples, _ = make_examples(records, "alpaca", load_tokenizer())
    generator = torch.Generator().manual_seed(0)
    shuffled = random_order(len(examples), 8, generator)
    grouped = length_grouped([len(e.ids) for e in examples], 8, generator)
    model = init_weights(GPT(GPTConfig(args.layers, 16, 1024)), generator)
    model.train()
    textbook, rows = Textbook(model), {}
    for path in args.paths:
        first = [examples[i] for i in grouped[0]]
        difference = gradients_agree(model, first, args.loss_on, path, textbook)
        ours, ratios = Ours(model, path), []
        for pair in range(args.pairs + 1):  # the first warms up
            theirs = timed(textbook.step, [examples[i] for i in shuffled[pair]], args.loss_on)
            mine = timed(ours.step, [examples[i] for i in grouped[pair]], args.loss_on)
            print(f"{path}: textbook {theirs[1]:.2f} s, ours {mine[1]:.2f} s", flush=True)
            ratios.append([a / b for a, b in zip(theirs, mine, strict=True)])
        rows[path] = {"gradient_difference": difference}
        for name, values in zip(("clock", "processor"), zip(*ratios[1:], strict=True), strict=True):
            rows[path][name] = [statistics.median(values), min(values), max(values)]
            low_high = f"({min(values):.2f} to {max(values):.2f})"
            print(f"{path}, {name}: {rows[path][name][0]:.2f} times as fast {low_high}")
        print(f"{path}, gradients differ by at most {difference:.1e} of the largest")
        del ours
    facts = {"torch": torch.__version__, "threads": torch.get_num_threads(), "products": PRODUCTS}
    write_json(Path("build") / "training.json", {**vars(args), **facts, "rows": rows})


if __name__ == "__main__":
    main()
