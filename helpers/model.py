"""GPT-2, readable.

From the smallest part to the whole: cache, attention, MLP, block, model. Sources: the GPT-2 report
(Radford et al. 2019) and OpenAI's released code (github.com/openai/gpt-2, src/model.py) for the
architecture; the reading order follows karpathy/minGPT. There is no loss in here and no dropout:
losses belong to `train`, files to `weights`, text to `tokenizer`.

Letters in shape comments: B rows, T new tokens, S tokens seen (cached + new), C = n_embd,
H = n_head, D = C // H, V = vocab_size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from helpers.errors import SettingsError

LARGEST = {  # far beyond any GPT-2: a larger size is a damaged file, and would take all memory
    "n_layer": 1_000,
    "n_head": 1_000,
    "n_embd": 100_000,
    "n_positions": 1_000_000,
    "vocab_size": 10_000_000,
}


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT-2. The defaults are the 124 M model's."""

    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    n_positions: int = 1024  # longest sequence, in tokens
    vocab_size: int = 50257  # 50,000 merges + 256 bytes + <|endoftext|>
    layer_norm_epsilon: float = 1e-5
    tied: bool = True  # the head shares the token embedding's matrix

    def __post_init__(self):
        for name, largest in LARGEST.items():
            if not 1 <= getattr(self, name) <= largest:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}: it must be from 1 to {largest:,}."
                )
        if self.n_embd % self.n_head:
            raise SettingsError(
                f"n_embd {self.n_embd} is not a multiple of n_head {self.n_head}: "
                "every head needs the same width."
            )


class KVCache:
    """The keys and values of tokens already seen, for every layer, in memory set aside beforehand.

    `length` slots are filled, the same number in every row; rows of different lengths are padded on
    the left and the padding is masked. Slots say where a token is stored, `positions` (an argument
    of the model) say where it stands in its text: the two differ as soon as there is padding.
    """

    def __init__(self, config: GPTConfig, rows: int, slots: int, *, device=None, dtype=None):
        shape = (config.n_layer, rows, config.n_head, slots, config.n_embd // config.n_head)
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.length = 0

    def append(self, layer: int, k: torch.Tensor, v: torch.Tensor):
        """All keys and values of `layer`, (B, H, S, D), with the new ones (B, H, T, D) written in."""
        end = self.length + k.shape[2]
        if end > self.keys.shape[3]:
            raise SettingsError(
                f"the KV cache has {self.keys.shape[3]} slots and needs {end}: make it larger."
            )
        self.keys[layer, :, :, self.length : end] = k
        self.values[layer, :, :, self.length : end] = v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class Attention(nn.Module):
    """Multi-head self-attention; which token may look at which is the caller's mask."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.n_head = config.n_head
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.out = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, x, mask=None, cache: KVCache | None = None, layer: int = 0):
        """(B, T, C) → (B, T, C). `mask` is boolean, True = may look; None = causal.

        In place of a mask, a function may attend: (q, k, v) → y, all (B, H, T, D). See `packing`.
        """
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, self.n_head, -1).transpose(1, 2)  # (B, H, T, D)
        k = k.view(B, T, self.n_head, -1).transpose(1, 2)  # (B, H, T, D)
        v = v.view(B, T, self.n_head, -1).transpose(1, 2)  # (B, H, T, D)
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, H, S, D)
        # SDPA's own causal mask lines up the *first* query with the *first* key: right only while
        # there is nothing in the cache, so `hidden` passes an explicit mask otherwise.
        if callable(mask):
            y = mask(q, k, v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        y = y.transpose(1, 2).reshape(B, T, C)  # heads side by side again
        return self.out(y)


class MLP(nn.Module):
    """Two linear layers, four times as wide inside, with GPT-2's tanh approximation of GELU."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.up = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.down = nn.Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x):
        """(B, T, C) → (B, T, C)."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """One layer: attention, then MLP, each on a normalised copy and added to the stream."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attention = Attention(config)
        self.norm2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = MLP(config)

    def forward(self, x, mask=None, cache: KVCache | None = None, layer: int = 0):
        """(B, T, C) → (B, T, C)."""
        x = x + self.attention(self.norm1(x), mask, cache, layer)
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """GPT-2: embeddings, blocks, a last norm, and a head that usually shares the embedding."""

    checkpointing = False  # keep no block's inner numbers for the backward pass: compute them again

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.n_embd)
        self.positions = nn.Embedding(config.n_positions, config.n_embd)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        if not config.tied:
            self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def hidden(self, input_ids, positions=None, mask=None, cache: KVCache | None = None):
        """Hidden states (B, T, C) of `input_ids` (B, T), after the last norm.

        positions: (B, T) place of each token in its own text; default: count on from the cache.
        mask: boolean, broadcastable to (B, H, T, S), True = may look; default: causal. Or a function
        that attends in its place, as `packing` makes them.
        cache: filled in place; its `length` grows by T.
        Raises SettingsError when a default position is beyond `n_positions`.
        """
        B, T = input_ids.shape
        seen = cache.length if cache is not None else 0
        if positions is None:
            if seen + T > self.config.n_positions:
                raise SettingsError(
                    f"{seen + T} tokens, but the model has {self.config.n_positions} positions: "
                    "shorten the text."
                )
            positions = torch.arange(seen, seen + T, device=input_ids.device).expand(B, T)
        if mask is None and seen:
            mask = causal_mask(T, seen + T, device=input_ids.device)
        x = self.tokens(input_ids) + self.positions(positions)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, mask, cache, layer, use_reentrant=False)
            else:
                x = block(x, mask, cache, layer)
        if cache is not None:
            cache.length += T
        return self.norm(x)

    def head(self, h):
        """Logits (..., V) of hidden states (..., C): how well each token's vector fits."""
        return F.linear(h, self.tokens.weight if self.config.tied else self.lm_head.weight)

    def forward(self, input_ids, positions=None, mask=None, cache: KVCache | None = None):
        """Logits (B, T, V): the scores of each next token. The same arguments as `hidden`."""
        return self.head(self.hidden(input_ids, positions, mask, cache))


def causal_mask(new: int, seen: int, *, device=None) -> torch.Tensor:
    """(T, S) boolean mask: each of the last `new` of `seen` tokens looks at itself and before."""
    queries = torch.arange(seen - new, seen, device=device)[:, None]
    return torch.arange(seen, device=device)[None, :] <= queries


def init_weights(model: GPT, generator: torch.Generator) -> GPT:
    """The model with fresh random weights, as in GPT-2: normal 0.02, residual paths scaled down.

    The projections that write into the residual stream are divided by sqrt(2 * n_layer), because
    that many of them add up (GPT-2 report, section 2.3).
    """
    residual = 0.02 / (2 * model.config.n_layer) ** 0.5
    for name, parameter in model.named_parameters():
        if name.endswith(("attention.out.weight", "mlp.down.weight")):
            nn.init.normal_(parameter, std=residual, generator=generator)
        elif name.startswith("positions"):
            nn.init.normal_(parameter, std=0.01, generator=generator)
        elif "norm" in name:
            nn.init.constant_(parameter, 1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, std=0.02, generator=generator)
    return model


def count_parameters(model: nn.Module) -> int:
    """The number of parameters, shared ones counted once (GPT-2 medium: 354,823,168)."""
    return sum(p.numel() for p in model.parameters())
