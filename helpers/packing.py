"""Attention in a packed batch: every row looks at the shared prefix and at itself, at nothing else.

`plain_mask` says it in one boolean matrix, for the model's ordinary attention. `PackedAttention` is
the fast twin. Of the (T, T) matrix only narrow strips are allowed, so it computes these: the prefix
looks at itself; and the rows, brought side by side, look at (prefix, row). The linear layers, which
are most of the work, see no padding in either. Padding that the strips need is on the right of the
rows, where causality hides it. Both give the same numbers, which the tests insist on.

On CUDA PyTorch may have an attention for texts of unequal lengths (`varlen_attn`), which needs no
padding at all; `packed_attention` takes it where it is there, and `PackedAttention` everywhere else.
"""

from __future__ import annotations

import inspect
from itertools import accumulate, pairwise

import torch
from torch.nn import functional as F

from helpers.collate import Batch

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # before PyTorch 2.10
    varlen_attn = None


SHORT = 256 * 256  # scores of a head and row up to which they are written out on a CPU


def plain_mask(batch: Batch) -> torch.Tensor:
    """(B, 1, T, T) boolean, True = the query (third axis) may look at the key (last axis).

    Keys must be of the same row or of the shared prefix (document 0), and must not come later.
    """
    query, key = batch.doc_ids[:, :, None], batch.doc_ids[:, None, :]  # (B, T, 1), (B, 1, T)
    earlier = batch.positions[:, None, :] <= batch.positions[:, :, None]  # (B, T, T)
    return ((key == query) | (key == 0))[:, None] & earlier[:, None]


def written_out(q, k, v, mask):
    """Attention as in a textbook: (R, H, L, D), and keys and values (R, H, S, D) → (R, H, L, D)."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (R, H, L, S)
    scores = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, dim=-1) @ v


def best_attention(device: str | torch.device, size: int):
    """What is quickest for (L, S) = `size` scores a head: PyTorch's own, or written out.

    On a CPU PyTorch's works through every head of every row by itself. For short rows its backward
    pass takes 3 to 5 times as long (bfloat16, or float32 by oneDNN; rows of 34 tokens), while the
    scores that it avoids to keep are few.
    """
    if torch.device(device).type == "cpu" and size <= SHORT:
        return written_out
    return lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class PackedAttention:
    """What `model.hidden` takes as its mask: (q, k, v) → y, all (1, H, T, D), for one packed batch.

    P tokens of prefix, R rows with tokens of their own, L tokens in the longest of them.
    """

    def __init__(self, borders: tuple[int, ...], device="cpu"):
        self.prefix = P = borders[1]
        rows = [(start, end) for start, end in pairwise(borders[1:]) if end > start]
        self.rows, self.longest = len(rows), max((end - start for start, end in rows), default=0)
        L = self.longest
        # Token t of every row, side by side; where a row is shorter, its last token stands in.
        side_by_side = [[min(start + t, end - 1) for t in range(L)] for start, end in rows]
        back = [r * L + t for r, (start, end) in enumerate(rows) for t in range(end - start)]
        self.side_by_side = torch.tensor(side_by_side, dtype=torch.long, device=device).flatten()
        self.back = torch.tensor(back, dtype=torch.long, device=device)
        # Query t of a row sees all of the prefix and its own row up to t.
        self.mask = torch.ones(L, P + L, dtype=torch.bool, device=device).tril(diagonal=P)
        self.prefix_mask = torch.ones(P, P, dtype=torch.bool, device=device).tril()
        self.attend = best_attention(device, max(P, L) * (P + L))

    def __call__(self, q, k, v):
        """(1, H, T, D) three times → (1, H, T, D)."""
        P = self.prefix
        parts = []
        if P:
            parts.append(self.attend(*(x[:, :, :P] for x in (q, k, v)), self.prefix_mask))
        if self.rows:
            parts.append(self.attend_rows(q, k, v))
        return torch.cat(parts, dim=2)

    def attend_rows(self, q, k, v):
        """The tokens after the prefix, (1, H, T - P, D)."""
        rows = self.gather(q)  # (R, H, L, D)
        keys, values = (torch.cat([self.repeat(x), self.gather(x)], dim=2) for x in (k, v))
        y = self.attend(rows, keys, values, self.mask)
        y = y.transpose(1, 2).flatten(0, 1)  # (R L, H, D)
        return y.index_select(0, self.back).transpose(0, 1)[None]  # padding is left behind

    def gather(self, x):
        """(1, H, T, D) → (R, H, L, D): the rows side by side."""
        found = x[0].transpose(0, 1).index_select(0, self.side_by_side)  # (R L, H, D)
        return found.unflatten(0, (self.rows, self.longest)).transpose(1, 2)

    def repeat(self, x):
        """(1, H, T, D) → (R, H, P, D): the prefix once for every row, without a copy."""
        return x[:, :, : self.prefix].expand(self.rows, -1, -1, -1)


class VarlenAttention:
    """The same as `PackedAttention`, by one call of PyTorch's attention for unequal lengths.

    The prefix is a text of its own; every row asks (L queries) and is answered by prefix and row
    (P + L keys), causally from the end backwards, as that function lines them up.
    """

    def __init__(self, borders: tuple[int, ...], device=None):
        P = borders[1]
        rows = [(start, end) for start, end in pairwise(borders[1:]) if end > start]
        keys_at = [[*range(P)]] * bool(P) + [[*range(P), *range(*row)] for row in rows]
        queries = [P] * bool(P) + [end - start for start, end in rows]
        keys = [len(places) for places in keys_at]
        self.keys_at = torch.tensor([t for places in keys_at for t in places], device=device)
        self.most = (max(queries), max(keys))
        self.starts = tuple(
            torch.tensor([0, *accumulate(n)], dtype=torch.int32, device=device)
            for n in (queries, keys)
        )

    def __call__(self, q, k, v):
        """(1, H, T, D) three times → (1, H, T, D)."""
        q, k, v = (x[0].transpose(0, 1) for x in (q, k, v))  # (T, H, D)
        k, v = k.index_select(0, self.keys_at), v.index_select(0, self.keys_at)
        causal = {"window_size": (-1, 0)}  # as far back as there are keys, nothing ahead
        y = varlen_attn(q.contiguous(), k, v, *self.starts, *self.most, **causal)
        return y.transpose(0, 1)[None]


def has_varlen(device, dtype: torch.dtype) -> bool:
    """Whether PyTorch has its attention for unequal lengths, for that device and kind of number."""
    return (
        torch.device(device).type == "cuda"
        and dtype in (torch.bfloat16, torch.float16)
        and varlen_attn is not None
        and "window_size" in inspect.signature(varlen_attn).parameters
    )


def packed_attention(batch: Batch):
    """The fastest attention for a packed batch here; None, plain causal attention, for any other."""
    if not batch.borders:
        return None
    device = batch.input_ids.device
    numbers = (
        torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    )
    kind = VarlenAttention if numbers and has_varlen(device, numbers) else PackedAttention
    return kind(batch.borders, device)
