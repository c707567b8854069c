"""How likely a model finds continuations of a prompt: every shared token is computed once.

A benchmark asks thousands of prompts that begin alike, each with a few possible continuations. Two
things are therefore computed once: the tokens that all prompts of a group share (`Shared`), and
each prompt, whatever the number of its continuations. These stand behind the prompt in one row;
a mask lets each see the prompt and itself, and positions go on from the prompt's end in each.
`log_likelihoods_plain`, a forward pass a continuation, is the twin that the tests compare with.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch

from helpers.errors import DataError, RunError
from helpers.model import GPT, KVCache

CACHE_BYTES = 400_000_000  # of keys and values in a batch
BATCH_TOKENS = 4096  # new ones, padding counted: more is no faster on a CPU
HEAD_ROWS = 512  # hidden states at a time: each becomes 50,257 float32 logits, 0.2 MB


class Ask(NamedTuple):
    """A prompt and its possible continuations, as token ids; none of them empty."""

    prompt: list[int]
    continuations: list[list[int]]


class Score(NamedTuple):
    """What the model thinks of a continuation."""

    logp: float  # nats, summed over its tokens
    greedy: bool  # each of its tokens is the likeliest one


class Shared(NamedTuple):
    """Keys and values of the tokens that several prompts begin with, in a cache of one row."""

    ids: list[int]
    cache: KVCache


@torch.no_grad()
def shared_prefix(model: GPT, ids: Sequence[int]) -> Shared:
    """The Shared of these tokens, at least one."""
    parameter = next(model.parameters())
    cache = KVCache(model.config, 1, len(ids), device=parameter.device, dtype=parameter.dtype)
    model.hidden(torch.tensor([list(ids)], device=parameter.device), cache=cache)
    return Shared(list(ids), cache)


def batches(model: GPT, asks: Sequence[Ask], shared: int) -> list[list[int]]:
    """Index lists of batches, similar lengths together, that fit the two limits above.

    `shared` tokens of each prompt are in a cache, which every row of a batch gets a copy of.
    """
    parameter = next(model.parameters())
    config = model.config
    per_token = 2 * config.n_layer * config.n_embd * parameter.element_size()
    slots = max(1, CACHE_BYTES // per_token)
    order = sorted(range(len(asks)), key=lambda i: _width(asks[i], shared))
    parts: list[list[int]] = []
    for i in order:
        width, rows = _width(asks[i], shared), len(parts[-1]) + 1 if parts else 1
        if not parts or rows * width > BATCH_TOKENS or rows * (shared + width) > slots:
            parts.append([])
        parts[-1].append(i)
    return parts


def _width(ask: Ask, shared: int) -> int:
    """The tokens that have to be computed for it: a continuation's last one is only predicted."""
    return len(ask.prompt) - shared + sum(len(c) - 1 for c in ask.continuations)


@torch.no_grad()
def log_likelihoods(
    model: GPT, asks: Sequence[Ask], shared: Shared | None = None, length: int = 0
) -> list[list[Score]]:
    """A Score for every continuation of every ask; they make one batch.

    Of `shared`, the first `length` tokens are used: every prompt begins with them and goes on.
    Raises DataError for an ask without tokens or beyond the model's positions.
    """
    for ask in asks:
        _check(model, ask, length)
    rows = [_row(ask, length) for ask in asks]
    ids, positions, docs = (
        _padded([r[k] for r in rows], pad) for k, pad in ((0, 0), (1, 0), (2, -1))
    )
    device = next(model.parameters()).device
    cache = _copies(model, shared, len(asks), length, ids.shape[1]) if length else None
    if any(len(c) > 1 for ask in asks for c in ask.continuations):
        mask = _mask(docs, length).to(device)
        h = model.hidden(ids.to(device), positions.to(device), mask, cache)
    else:  # one token each: only the prompt is read, and padding on the right disturbs nobody
        h = model.hidden(ids.to(device), cache=cache)
    return _scores(model, h, [r[3] for r in rows])


def _check(model: GPT, ask: Ask, length: int) -> None:
    if len(ask.prompt) <= length or not all(ask.continuations):
        raise DataError("a prompt or continuation without a token of its own: give it some text.")
    longest = len(ask.prompt) + max(len(c) for c in ask.continuations) - 1
    if longest > model.config.n_positions:
        raise DataError(
            f"{longest} tokens, but the model has {model.config.n_positions} positions: shorten "
            "the prompt."
        )


def _row(ask: Ask, length: int):
    """ids, positions, docs of a row, and where its continuations' tokens are predicted.

    docs: 0 for the prompt, 1… for continuations. The last list has, for every continuation, a pair
    of (place in the row, token to predict there) a token.
    """
    own = ask.prompt[length:]
    ids, docs = list(own), [0] * len(own)
    positions = list(range(length, len(ask.prompt)))
    targets = []
    for number, continuation in enumerate(ask.continuations, start=1):
        places = [len(own) - 1, *range(len(ids), len(ids) + len(continuation) - 1)]
        targets.append(list(zip(places, continuation, strict=True)))
        ids += continuation[:-1]
        docs += [number] * (len(continuation) - 1)
        positions += range(len(ask.prompt), len(ask.prompt) + len(continuation) - 1)
    return ids, positions, docs, targets


def _padded(rows: Sequence[list[int]], pad: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [pad] * (width - len(row)) for row in rows])


def _mask(docs: torch.Tensor, length: int) -> torch.Tensor:
    """(B, 1, T, length + T): what is shared, and before in the row what is the prompt's or one's own."""
    B, T = docs.shape
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    keys, queries = docs[:, None, :], docs[:, :, None]
    new = causal & ((keys == 0) | (keys == queries))  # (B, T, T)
    return torch.cat([torch.ones(B, T, length, dtype=torch.bool), new], dim=2)[:, None]


def _copies(model: GPT, shared: Shared, rows: int, length: int, new: int) -> KVCache:
    """A cache with `length` shared tokens in every row and room for `new` more."""
    one = shared.cache
    cache = KVCache(model.config, rows, length + new, device=one.keys.device, dtype=one.keys.dtype)
    cache.keys[:, :, :, :length] = one.keys[:, :, :, :length]
    cache.values[:, :, :, :length] = one.values[:, :, :, :length]
    cache.length = length
    return cache


def _scores(model: GPT, h: torch.Tensor, targets) -> list[list[Score]]:
    """A Score for every continuation, from hidden states (B, T, C) and the targets of `_row`."""
    places = sorted({(row, t) for row, ts in enumerate(targets) for c in ts for t, _ in c})
    number = {place: n for n, place in enumerate(places)}
    flat = [(number[row, t], token) for row, ts in enumerate(targets) for c in ts for t, token in c]
    rows, columns = zip(*places, strict=True)
    states = h[list(rows), list(columns)]  # (N, C)
    logp, best = torch.empty(len(flat)), torch.empty(len(flat), dtype=torch.bool)
    where, tokens = (torch.tensor(x) for x in zip(*flat, strict=True))
    for start in range(0, len(places), HEAD_ROWS):
        log_probabilities = model.head(states[start : start + HEAD_ROWS]).float().log_softmax(-1)
        here = (where >= start) & (where < start + HEAD_ROWS)
        rows_here, tokens_here = (where[here] - start).to(h.device), tokens[here].to(h.device)
        logp[here] = log_probabilities[rows_here, tokens_here].cpu()
        best[here] = (log_probabilities.argmax(-1)[rows_here] == tokens_here).cpu()
    if not torch.isfinite(logp).all():
        raise RunError(
            "the model gives a log-probability that is no number: its weights are damaged, or their "
            "precision is too low. Train or download it again."
        )
    values = iter(zip(logp.double().tolist(), best.tolist(), strict=True))
    return [[_sum(list(itertools.islice(values, len(c)))) for c in ts] for ts in targets]


def _sum(tokens: list[tuple[float, bool]]) -> Score:
    return Score(sum(logp for logp, _ in tokens), all(best for _, best in tokens))


@torch.no_grad()
def log_likelihoods_plain(model: GPT, asks: Sequence[Ask]) -> list[list[Score]]:
    """The same scores without cache, batch or mask: a forward pass for every continuation."""
    device = next(model.parameters()).device
    found = []
    for prompt, continuations in asks:
        scores = []
        for continuation in continuations:
            logits = model(torch.tensor([prompt + continuation[:-1]], device=device))[0]
            logits = logits[len(prompt) - 1 :]  # (T, V)
            target = torch.tensor(continuation, device=device)
            logp = logits.float().log_softmax(-1).gather(1, target[:, None]).sum()
            scores.append(Score(float(logp), bool((logits.argmax(-1) == target).all())))
        found.append(scores)
    return found
