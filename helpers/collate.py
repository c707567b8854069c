"""Examples of different lengths become rectangular batches.

One type, `Batch`, for every layout. `padded` is the layout that lesson 02 builds up in drafts;
`packed` lays the texts end to end, without padding, and what all of them begin with only once. A
`BatchPlan` says which examples meet in which step of which epoch, in random order or with similar
lengths together, whatever the layout. What is learnt from is `masking`'s business, who looks at
whom in a packed batch `packing`'s, the arithmetic of the loss `train`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heapreplace
from itertools import accumulate as running_sums

import torch

from helpers.errors import DataError, SettingsError
from helpers.masking import Example, loss_weights

IGNORE_INDEX = -100  # cross_entropy leaves such labels out
PAD_ID = 50256  # GPT-2 has no padding token; its end-of-text token stands in


TENSORS = ("input_ids", "positions", "doc_ids", "labels", "loss_weights")


@dataclass(frozen=True)
class Batch:
    """One micro-batch; every tensor is (B, T).

    input_ids: int64 tokens; padding holds `PAD_ID`, which is also the real end token, so padding is
    told by `doc_ids`, never by the id.
    positions: int64, place of the token in its own text, from 0.
    doc_ids: int64, -1 for padding, 0 for a prefix that all rows share, 1… for rows.
    labels: int64, already shifted: labels[t] is the token that logits[t] should predict;
    IGNORE_INDEX where nothing is learnt.
    loss_weights: how much each label counts, 0 where nothing is learnt; float32, in a packed batch
    float64.
    borders: only of a packed batch, where its parts begin in T: the shared prefix (which may be
    empty), row 1, row 2 …, and last the end. The rows take part in one attention, which `packing`
    keeps apart; without borders every row of the tensors is a text of its own.
    """

    input_ids: torch.Tensor
    positions: torch.Tensor
    doc_ids: torch.Tensor
    labels: torch.Tensor
    loss_weights: torch.Tensor
    borders: tuple[int, ...] = ()

    def to(self, device) -> Batch:
        """The same batch on another device. On Apple's "mps", which has no float64, in float32."""
        tensors = {name: getattr(self, name) for name in TENSORS}
        if torch.device(device).type == "mps":
            tensors["loss_weights"] = self.loss_weights.float()
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items()})

    @property
    def n_tokens(self) -> int:
        """Real tokens of the rows: no padding, and a shared prefix counts for every row."""
        return self._count(self.doc_ids >= 0)

    @property
    def n_targets(self) -> int:
        """Labels that are learnt from; one in a shared prefix counts for every row."""
        return self._count(self.labels != IGNORE_INDEX)

    def _count(self, which: torch.Tensor) -> int:
        if not self.borders:
            return int(which.sum())
        n_rows, prefix = len(self.borders) - 2, self.borders[1]
        return int(which[:, :prefix].sum()) * n_rows + int(which[:, prefix:].sum())

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
    return checked(batch, len(examples), loss_on)


def checked(batch: Batch, n_rows: int, loss_on: str) -> Batch:
    """The batch; raises DataError when no token of it is learnt from."""
    if batch.n_targets == 0:
        raise DataError(
            f"no token of this batch of {n_rows} rows is learnt from (loss on {loss_on!r}): "
            "the loss would be 0/0. Leave out rows without a response."
        )
    return batch


def nothing() -> Batch:
    """A batch of one token of padding: no loss and no weight, and a gradient of zeros.

    For a process to whose share no row has fallen: it takes its part in the step all the same.
    """
    one = torch.zeros(1, 1, dtype=torch.long)
    return Batch(one + PAD_ID, one, one - 1, one + IGNORE_INDEX, torch.zeros(1, 1))


def share_of(rows: Sequence[int], share: tuple[int, int]) -> Sequence[int]:
    """The rows of a step that fall to one of several processes; share: (which, of how many).

    Dealt out like cards: rows in the order of their lengths are as long in every share.
    """
    which, of = share
    return rows[which::of]


def common_prefix(rows: Sequence[Sequence]) -> int:
    """How many tokens all rows begin with.

    >>> common_prefix([[5, 6, 7], [5, 6, 8, 9]])
    2
    """
    first, last = min(rows), max(rows)  # in a dictionary's order: what they share, all share
    pairs = enumerate(zip(first, last, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))


def shared_prefix(examples: Sequence[Example]) -> int:
    """How many tokens the examples can share: their longest common prefix, minus one token.

    The last common token predicts another next token in each row, so each row has its own. With
    the Alpaca template 23 tokens are shared: all of it up to the instruction but the last. Tokens
    of different segments are not the same: one row may learn from such a token, another not.
    """
    texts = [list(zip(example.ids, example.names, strict=True)) for example in examples]
    return max(0, common_prefix(texts) - 1)


def packed(examples: Sequence[Example], loss_on: str = "all") -> Batch:
    """A batch of one long row, (1, T): the shared prefix once, then what is left of each example.

    Nothing is padded. Every row goes on where the prefix ends, in its positions and in what it may
    look at. A label in the prefix stands for the same label in every row and weighs as much as they
    do together: loss and gradients are those of `padded`. The weights are float64, because 3 × 0.1
    in float32 is not three times the 0.1 of a padded batch. Raises DataError when no token of the
    batch would be learnt from.

    Three rows that begin with 5, 6 (e = 50256, everything learnt from):

        ids [5, 6, 7, e]    input_ids [[5, 6, 7, 6, 8, 6]]   prefix 5; rows 6 7, 6 8 and 6
            [5, 6, 8, e]    labels    [[6, 7, e, 8, e, e]]
            [5, 6, e]       positions [[0, 1, 2, 1, 2, 1]]
                            doc_ids   [[0, 1, 1, 2, 2, 3]]   weights [[3, 1, 1, 1, 1, 1]]
    """
    if not examples:
        raise DataError("a batch needs at least one example, got 0.")
    shared = shared_prefix(examples)
    first = examples[0].ids
    weights = [
        torch.tensor(loss_weights(example, loss_on)[1:], dtype=torch.float32).double()
        for example in examples
    ]
    ids, labels = first[:shared], first[1 : shared + 1]
    positions, doc_ids = list(range(shared)), [0] * shared
    for number, example in enumerate(examples, start=1):
        n = len(example.ids) - 1
        ids, labels = ids + example.ids[shared:-1], labels + example.ids[shared + 1 :]
        positions += range(shared, n)
        doc_ids += [number] * (n - shared)
    prefix_weight = weights[0][:shared] * len(examples)
    loss_weight = torch.cat([prefix_weight, *(w[shared:] for w in weights)])
    lengths = [shared, *(len(example.ids) - 1 - shared for example in examples)]
    batch = Batch(
        torch.tensor([ids]),
        torch.tensor([positions]),
        torch.tensor([doc_ids]),
        torch.where(loss_weight > 0, torch.tensor(labels), IGNORE_INDEX)[None],
        loss_weight[None],
        borders=tuple(running_sums(lengths, initial=0)),
    )
    return checked(batch, len(examples), loss_on)


LAYOUTS = {"padded": padded, "packed": packed}


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


def equal_tokens(lengths: Sequence[int], budget: int, generator: torch.Generator):
    """Index lists of steps that hold about the same number of tokens, in random order.

    As many steps as `budget` tokens each would take; every row, in random order, joins the step
    that has the fewest tokens so far. So no step is longer than the budget and one row, and every
    epoch has the same number of steps.
    """
    steps = min(len(lengths), -(-sum(lengths) // budget))
    found: list[list[int]] = [[] for _ in range(steps)]
    fewest = [(0, step) for step in range(steps)]  # a heap of (tokens, step)
    for i in torch.randperm(len(lengths), generator=generator).tolist():
        tokens, step = fewest[0]
        found[step].append(i)
        heapreplace(fewest, (tokens + lengths[i], step))
    return found


def check_batch_size(batch_size: int, accumulate: int = 1) -> None:
    """Raise SettingsError unless a step's rows can be cut into that many equal parts."""
    if batch_size < 1:
        raise SettingsError(f"batch size is {batch_size}: give at least 1 row a step, such as 8.")
    if accumulate < 1 or batch_size % accumulate:
        raise SettingsError(
            f"batch size {batch_size} in {accumulate} parts: give at least 1 part, and a batch size "
            "that is a multiple of the parts."
        )


def check_tokens_per_step(tokens: int, accumulate: int = 1) -> None:
    """Raise SettingsError for a budget of tokens that cannot be."""
    if tokens < 0:
        raise SettingsError(
            f"tokens per step is {tokens}: give at least 1, such as 8192, or 0 for none."
        )
    if tokens and accumulate > 1:
        raise SettingsError(
            f"{tokens} tokens per step and {accumulate} parts: give one or the other, a step of so "
            "many tokens is computed in one piece."
        )


def lengths_of(examples: Sequence[Example]) -> list[int]:
    """Tokens of every example; `tokens.TokenRows` knows them without making a single one."""
    if hasattr(examples, "lengths"):
        return examples.lengths.tolist()
    return [len(example.ids) for example in examples]


class BatchPlan:
    """Which examples make up which step: the same seed gives the same order for every arm.

    `steps(epoch)` is a list of index lists, `micro_batches(epoch, step)` the batches to accumulate
    for one optimiser step. Asking out of order gives the same answer, so a resumed run needs no
    replay. With `tokens_per_step` a step holds about so many tokens, whatever the batch size: of
    use on a GPU, where a step should fill the machine. Of several processes each collates its own
    `share` of every batch's rows (see `share_of`): steps and their rows are the same for any number.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        loss_on: str = "all",
        *,
        batch_size: int = 8,
        accumulate: int = 1,
        grouped: bool = True,
        layout: str = "padded",
        tokens_per_step: int = 0,
        seed: int = 0,
        share: tuple[int, int] = (0, 1),
    ):
        check_batch_size(batch_size, accumulate)
        check_tokens_per_step(tokens_per_step, accumulate)
        self.examples, self.loss_on, self.collate = examples, loss_on, LAYOUTS[layout]
        self.batch_size, self.accumulate = batch_size, accumulate
        self.grouped, self.seed, self.share = grouped, seed, share
        if not self.examples:
            raise DataError("there are no examples to train on: every row was left out.")
        self.tokens_per_step = tokens_per_step
        self._cached: tuple[int, list[list[int]]] = (-1, [])
        self.steps_per_epoch = len(self.steps(0))

    def steps(self, epoch: int) -> list[list[int]]:
        """The example indices of every step of that epoch (from 0)."""
        if self._cached[0] != epoch:
            seed = (self.seed * 1_000_003 + epoch) % 2**63  # torch takes no larger one
            generator = torch.Generator().manual_seed(seed)
            if self.tokens_per_step:
                order = equal_tokens(lengths_of(self.examples), self.tokens_per_step, generator)
            elif self.grouped:
                order = length_grouped(lengths_of(self.examples), self.batch_size, generator)
            else:
                order = random_order(len(self.examples), self.batch_size, generator)
            self._cached = (epoch, order)
        return self._cached[1]

    def micro_batches(self, epoch: int, step: int) -> list[Batch]:
        """The batches of one step; their gradients are added up before the update."""
        rows = self.steps(epoch)[step]
        size = len(rows) if self.tokens_per_step else self.batch_size // self.accumulate
        parts = [rows[i : i + size] for i in range(0, len(rows), size)]
        mine = [share_of(part, self.share) for part in parts]
        return [self.batch(share) if share else nothing() for share in mine]

    def batch(self, rows: Sequence[int]) -> Batch:
        """The batch of the examples with these indices."""
        return self.collate([self.examples[i] for i in rows], self.loss_on)


def by_length(examples: Sequence[Example], batch_size: int) -> list[list[int]]:
    """Index lists of batches with similar lengths together, in an order that never changes."""
    lengths = lengths_of(examples)
    order = sorted(range(len(examples)), key=lambda i: lengths[i])
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def evaluation_batches(
    examples: Sequence[Example],
    loss_on: str = "response",
    batch_size: int = 32,
    *,
    layout: str = "padded",
    share: tuple[int, int] = (0, 1),
):
    """Batches over all examples, as `by_length` puts them together.

    Of several processes each gets its `share` of the rows, in as many batches as the others.
    """
    parts = [share_of(part, share) for part in by_length(examples, batch_size * share[1])]
    collate = LAYOUTS[layout]
    return [collate([examples[i] for i in part], loss_on) if part else nothing() for part in parts]
