"""Examples of different lengths become rectangular batches.

One type, `Batch`, for every layout. `padded` is the layout that lesson 02 builds up in drafts; a
`BatchPlan` says which examples meet in which step of which epoch, in random order or with similar
lengths together. What is learnt from is `masking`'s business, the arithmetic of the loss `train`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from helpers.errors import DataError, SettingsError
from helpers.masking import Example, loss_weights

IGNORE_INDEX = -100  # cross_entropy leaves such labels out
PAD_ID = 50256  # GPT-2 has no padding token; its end-of-text token stands in


@dataclass(frozen=True)
class Batch:
    """One micro-batch; every tensor is (B, T).

    input_ids: int64 tokens; padding holds `PAD_ID`, which is also the real end token, so padding is
    told by `doc_ids`, never by the id.
    positions: int64, place of the token in its own text, from 0.
    doc_ids: int64, -1 for padding, 1… for rows.
    labels: int64, already shifted: labels[t] is the token that logits[t] should predict;
    IGNORE_INDEX where nothing is learnt.
    loss_weights: float32, how much each label counts; 0 where nothing is learnt.
    """

    input_ids: torch.Tensor
    positions: torch.Tensor
    doc_ids: torch.Tensor
    labels: torch.Tensor
    loss_weights: torch.Tensor

    def to(self, device) -> Batch:
        """The same batch on another device."""
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))

    @property
    def n_tokens(self) -> int:
        """Real tokens in the batch, padding not counted."""
        return int((self.doc_ids >= 0).sum())

    @property
    def n_targets(self) -> int:
        """Positions that a loss is computed for."""
        return int((self.labels != IGNORE_INDEX).sum())

    @property
    def weight(self) -> float:
        """The sum of the loss weights: what the batch's summed loss is divided by."""
        return float(self.loss_weights.double().sum())


def padded(examples: Sequence[Example], loss_on: str = "all", *, pad_id: int = PAD_ID) -> Batch:
    """A batch with one example a row, padded on the right to the longest.

    The last token of a row has no next token to predict, so T is the longest length minus one.
    Raises DataError when no token of the batch would be learnt from.

    Three rows of 3, 2 and 2 tokens, everything learnt from (p = 50256):

        ids [5, 6, p]   input_ids [[5, 6],    labels [[6, p],
            [7, p]                 [7, p],            [p, -100],
            [8, p]                 [8, p]]            [p, -100]]
    """
    if not examples:
        raise DataError("a batch needs at least one example, got 0.")
    width = max(len(example.ids) for example in examples) - 1
    rows = []
    for number, example in enumerate(examples, start=1):
        n = len(example.ids) - 1
        gap = width - n
        weights = loss_weights(example, loss_on)[1:]
        labels = [t if w else IGNORE_INDEX for t, w in zip(example.ids[1:], weights, strict=True)]
        rows.append(
            (
                example.ids[:-1] + [pad_id] * gap,
                list(range(n)) + [0] * gap,
                [number] * n + [-1] * gap,
                labels + [IGNORE_INDEX] * gap,
                weights + [0.0] * gap,
            )
        )
    ids, positions, doc_ids, labels, weights = zip(*rows, strict=True)
    batch = Batch(
        torch.tensor(ids),
        torch.tensor(positions),
        torch.tensor(doc_ids),
        torch.tensor(labels),
        torch.tensor(weights, dtype=torch.float32),
    )
    if batch.n_targets == 0:
        raise DataError(
            f"no token of this batch of {len(examples)} rows is learnt from (loss on {loss_on!r}): "
            "the loss would be 0/0. Leave out rows without a response."
        )
    return batch


def length_grouped(lengths: Sequence[int], batch_size: int, generator: torch.Generator):
    """Index lists of batches whose rows have similar lengths, in random order.

    All rows are shuffled, sorted by length (equal lengths stay shuffled), cut into batches, and the
    batches shuffled: within an epoch every row is seen once and hardly any padding is left.
    """
    order = torch.randperm(len(lengths), generator=generator).tolist()
    order.sort(key=lambda i: lengths[i])
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def random_order(n: int, batch_size: int, generator: torch.Generator):
    """Index lists of batches in random order; the last one may be smaller, no row is left out."""
    order = torch.randperm(n, generator=generator).tolist()
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def check_batch_size(batch_size: int, accumulate: int = 1) -> None:
    """Raise SettingsError unless a step's rows can be cut into that many equal parts."""
    if batch_size < 1:
        raise SettingsError(f"batch size is {batch_size}: give at least 1 row a step, such as 8.")
    if accumulate < 1 or batch_size % accumulate:
        raise SettingsError(
            f"batch size {batch_size} in {accumulate} parts: give at least 1 part, and a batch size "
            "that is a multiple of the parts."
        )


class BatchPlan:
    """Which examples make up which step: the same seed gives the same order for every arm.

    `steps(epoch)` is a list of index lists, `micro_batches(epoch, step)` the batches to accumulate
    for one optimiser step. Asking out of order gives the same answer, so a resumed run needs no
    replay.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        loss_on: str = "all",
        *,
        batch_size: int = 8,
        accumulate: int = 1,
        grouped: bool = True,
        seed: int = 0,
    ):
        check_batch_size(batch_size, accumulate)
        self.examples, self.loss_on = list(examples), loss_on
        self.batch_size, self.accumulate = batch_size, accumulate
        self.grouped, self.seed = grouped, seed
        if not self.examples:
            raise DataError("there are no examples to train on: every row was left out.")
        self.steps_per_epoch = -(-len(self.examples) // batch_size)
        self._cached: tuple[int, list[list[int]]] = (-1, [])

    def steps(self, epoch: int) -> list[list[int]]:
        """The example indices of every step of that epoch (from 0)."""
        if self._cached[0] != epoch:
            seed = (self.seed * 1_000_003 + epoch) % 2**63  # torch takes no larger one
            generator = torch.Generator().manual_seed(seed)
            if self.grouped:
                lengths = [len(example.ids) for example in self.examples]
                order = length_grouped(lengths, self.batch_size, generator)
            else:
                order = random_order(len(self.examples), self.batch_size, generator)
            self._cached = (epoch, order)
        return self._cached[1]

    def micro_batches(self, epoch: int, step: int) -> list[Batch]:
        """The padded batches of one step; their gradients are added up before the update."""
        rows = self.steps(epoch)[step]
        size = self.batch_size // self.accumulate
        parts = [rows[i : i + size] for i in range(0, len(rows), size)]
        return [padded([self.examples[i] for i in part], self.loss_on) for part in parts]


def by_length(examples: Sequence[Example], batch_size: int) -> list[list[int]]:
    """Index lists of batches with similar lengths together, in an order that never changes."""
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].ids))
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def evaluation_batches(
    examples: Sequence[Example], loss_on: str = "response", batch_size: int = 32
):
    """Padded batches over all examples, as `by_length` puts them together."""
    parts = by_length(examples, batch_size)
    return [padded([examples[i] for i in part], loss_on) for part in parts]
