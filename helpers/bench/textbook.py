"""The textbook way to fine-tune a GPT-2, written out as plainly as a first chapter would.

What `course bench` measures the course against. Padded batches in random order, attention in full with
a stored mask, logits and losses for every token, AdamW as it comes, ten batches looked at every five
steps, answers one at a time with the whole text read again for every word. All of it is correct; none
of it is fast. Nothing here is used by the course itself.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

PAD = 50256
IGNORED = -100


class Attention(nn.Module):
    """Causal self-attention, formula by formula."""

    def __init__(self, width: int, heads: int, positions: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        later = torch.ones(positions, positions).triu(diagonal=1).bool()
        self.register_buffer("later", later, persistent=False)

    def forward(self, x):
        """(B, T, C) → (B, T, C)."""
        B, T, C = x.shape
        D = C // self.heads
        query = self.query(x).view(B, T, self.heads, D).transpose(1, 2)  # (B, H, T, D)
        key = self.key(x).view(B, T, self.heads, D).transpose(1, 2)
        value = self.value(x).view(B, T, self.heads, D).transpose(1, 2)
        scores = query @ key.transpose(2, 3) / D**0.5  # (B, H, T, T)
        scores = scores.masked_fill(self.later[:T, :T], float("-inf"))
        weights = F.dropout(torch.softmax(scores, dim=-1), 0.0, self.training)
        mixed = (weights @ value).transpose(1, 2).contiguous().view(B, T, C)
        return self.out(mixed)


class Gelu(nn.Module):
    """GPT-2's activation, from its formula."""

    def forward(self, x):
        """The same shape."""
        inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + torch.tanh(inner))


class Norm(nn.Module):
    """Layer normalisation, from its formula."""

    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        """(…, C) → (…, C)."""
        mean = x.mean(dim=-1, keepdim=True)
        variance = x.var(dim=-1, keepdim=True, unbiased=False)
        return self.scale * (x - mean) / torch.sqrt(variance + 1e-5) + self.shift


class Layer(nn.Module):
    """Attention, then two wide linear layers, each added to what came in."""

    def __init__(self, width: int, heads: int, positions: int):
        super().__init__()
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.attention = Attention(width, heads, positions)
        self.up = nn.Linear(width, 4 * width)
        self.gelu = Gelu()
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        """(B, T, C) → (B, T, C)."""
        x = x + F.dropout(self.attention(self.norm1(x)), 0.0, self.training)
        return x + F.dropout(self.down(self.gelu(self.up(self.norm2(x)))), 0.0, self.training)


class TextbookGPT(nn.Module):
    """GPT-2 with all logits always; with a head of its own, or (`tied`) the embedding's matrix."""

    def __init__(self, *, vocabulary, width, heads, layers, positions, tied=True):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(positions, width)
        self.layers = nn.Sequential(*(Layer(width, heads, positions) for _ in range(layers)))
        self.norm = Norm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids):
        """(B, T) token ids → (B, T, V) logits."""
        places = torch.arange(ids.shape[1], device=ids.device)
        return self.head(self.norm(self.layers(self.tokens(ids) + self.places(places))))


def copied(model, tied: bool = True) -> TextbookGPT:
    """A textbook model with the weights of one of the course's (`helpers.model.GPT`)."""
    c = model.config
    book = TextbookGPT(
        vocabulary=c.vocab_size,
        width=c.n_embd,
        heads=c.n_head,
        layers=c.n_layer,
        positions=c.n_positions,
        tied=tied,
    )
    with torch.no_grad():
        for mine, theirs in matching(book, dict(model.named_parameters())):
            mine.copy_(theirs)
    return book


def matching(book: TextbookGPT, ours: dict[str, torch.Tensor]):
    """Pairs of a textbook parameter and what belongs to it in `ours`: values or gradients by name."""
    yield book.tokens.weight, ours["tokens.weight"]
    yield book.places.weight, ours["positions.weight"]
    if book.head.weight is not book.tokens.weight:
        yield book.head.weight, ours.get("lm_head.weight", ours["tokens.weight"])
    norms = [(book.norm, "norm")]
    for n, layer in enumerate(book.layers):
        name = f"blocks.{n}"
        norms += [(layer.norm1, f"{name}.norm1"), (layer.norm2, f"{name}.norm2")]
        for kind in ("weight", "bias"):
            three = ours[f"{name}.attention.qkv.{kind}"].chunk(3)
            for part, value in zip(("query", "key", "value"), three, strict=True):
                yield getattr(getattr(layer.attention, part), kind), value
            yield getattr(layer.attention.out, kind), ours[f"{name}.attention.out.{kind}"]
            yield getattr(layer.up, kind), ours[f"{name}.mlp.up.{kind}"]
            yield getattr(layer.down, kind), ours[f"{name}.mlp.down.{kind}"]
    for norm, name in norms:
        yield norm.scale, ours[f"{name}.weight"]
        yield norm.shift, ours[f"{name}.bias"]


def collate(rows: list[list[int]]):
    """Inputs and targets (B, T) of token lists, padded to the longest; padding is not learnt from."""
    longest = max(len(row) for row in rows)
    inputs, targets = [], []
    for row in rows:
        padding = longest - len(row)
        inputs.append(torch.tensor(row[:-1] + [PAD] * padding))
        targets.append(torch.tensor(row[1:] + [IGNORED] * padding))
    return torch.stack(inputs), torch.stack(targets)


def batch_loss(model, rows: list[list[int]]):
    """The mean loss over the tokens of a batch."""
    inputs, targets = collate(rows)
    logits = model(inputs)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def make_optimizer(model):
    """AdamW with the settings of the usual fine-tuning recipe."""
    return torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.1)


def training_step(model, optimizer, rows: list[list[int]]) -> float:
    """One step on one batch; its loss."""
    model.train()
    optimizer.zero_grad()
    loss = batch_loss(model, rows)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches: list[list[list[int]]]) -> float:
    """The mean of the losses of some batches."""
    model.eval()
    total = 0.0
    for rows in batches:
        total += batch_loss(model, rows).item()
    return total / len(batches)


@torch.no_grad()
def write(model, prompt: list[int], new_tokens: int) -> list[int]:
    """The most likely next token, `new_tokens` times, the whole text read again for each."""
    model.eval()
    ids = torch.tensor([prompt])
    for _ in range(new_tokens):
        logits = model(ids)[:, -1, :]
        best = torch.argmax(torch.softmax(logits, dim=-1), dim=-1, keepdim=True)
        ids = torch.cat([ids, best], dim=1)
    return ids[0, len(prompt) :].tolist()
