"""LoRA: the weights stay as they are, and a small correction beside each matrix is trained.

A matrix W (out, in) of the model is frozen; what is learnt is the product of two thin ones, B (out,
rank) and A (rank, in). The layer computes W x + scale · B A x with scale = alpha / rank. A begins
random and B at zero, so that training begins at the model itself. Gradients, optimiser moments and
a file are needed for A and B alone. Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large
Language Models". The file is `peft`'s, under `peft`'s names (`weights` knows them).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from helpers.errors import SettingsError, WeightsError
from helpers.files import sha256
from helpers.model import GPT
from helpers.weights import (
    adapter_base,
    empty_model,
    find_model,
    load_model,
    read_adapter,
    write_adapter,
)

# The matrices of a block that are corrected; the paper takes attention's alone.
TARGETS = ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
FOLDER = "adapter"  # in a run folder. Not beside config.json: there transformers would take it for
# a correction that is still to be made, and make it twice, when peft is installed.


class LoRALinear(nn.Module):
    """A linear layer with frozen weights and a correction of low rank; names as in `nn.Linear`."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator=None):
        super().__init__()
        self.weight, self.bias = base.weight, base.bias
        self.scale = alpha / rank
        new = {"device": base.weight.device, "dtype": base.weight.dtype}
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features, **new))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, **new))
        bound = 1 / math.sqrt(base.in_features)  # as `nn.Linear` begins, and as peft does
        drawn = torch.empty(self.lora_A.shape).uniform_(-bound, bound, generator=generator)
        self.lora_A.data.copy_(drawn)  # drawn on the CPU: the same on every device

    def forward(self, x):
        """(..., in) → (..., out)."""
        y = F.linear(x, self.weight, self.bias)
        return y + self.scale * F.linear(F.linear(x, self.lora_A), self.lora_B)

    def correction(self) -> torch.Tensor:
        """What the two thin matrices add to the frozen one, (out, in)."""
        return self.scale * (self.lora_B @ self.lora_A)


def add_lora(model: GPT, rank: int, *, alpha: float = 0.0, targets=TARGETS, generator=None) -> GPT:
    """The model, now with LoRA layers for its `targets`; nothing else in it is trained any more.

    alpha: 0 stands for twice the rank, so that another rank needs no other learning rate.
    Raises SettingsError for a rank below 1, or one that is as large as the matrices themselves.
    """
    if not 1 <= rank <= model.config.n_embd // 2:
        raise SettingsError(
            f"LoRA's rank is {rank}: give 1 to {model.config.n_embd // 2} (half the model's width), "
            "such as 16. Without LoRA every weight is trained."
        )
    model.requires_grad_(False)
    for block in model.blocks:
        for target in targets:
            parent, name = block.get_submodule(target.split(".")[0]), target.split(".")[1]
            layer = LoRALinear(getattr(parent, name), rank, alpha or 2 * rank, generator)
            setattr(parent, name, layer)
    return model


def lora_layers(model: GPT) -> dict[str, LoRALinear]:
    """The LoRA layers of a model by name, such as "blocks.0.attention.qkv"."""
    return {name: m for name, m in model.named_modules() if isinstance(m, LoRALinear)}


@torch.no_grad()
def plain(model: GPT) -> GPT:
    """An ordinary model that computes the same: the corrections are added to its matrices.

    It is as fast as without LoRA, and shares with the other all that LoRA leaves alone.
    """
    state = {k: v for k, v in model.state_dict().items() if ".lora_" not in k}
    for name, layer in lora_layers(model).items():
        state[f"{name}.weight"] = layer.weight + layer.correction()
    ordinary = empty_model(model.config)
    ordinary.load_state_dict(state, assign=True)
    return ordinary.eval()


def save_adapter(model: GPT, folder: str | Path, base: str) -> Path:
    """`folder`, now holding the corrections alone, and name (`base`) and sha256 of their model."""
    layers = lora_layers(model)
    first = next(iter(layers.values()))
    return write_adapter(
        folder,
        {name: (layer.lora_A.detach(), layer.lora_B.detach()) for name, layer in layers.items()},
        targets=[t for t in TARGETS if f"blocks.0.{t}" in layers],
        alpha=first.scale * first.lora_A.shape[0],
        base=base,
        base_sha256=sha256(find_model(base)),
        config=model.config,
    )


@torch.no_grad()
def load_adapter(model: GPT, folder: str | Path) -> GPT:
    """The model with the corrections in `folder` on top of it, apart from its own weights."""
    adapter = read_adapter(folder, model.config)
    add_lora(model, adapter.rank, alpha=adapter.alpha, targets=adapter.targets)
    for name, layer in lora_layers(model).items():
        a, b = adapter.matrices[name]
        layer.lora_A.copy_(a)
        layer.lora_B.copy_(b)
    return model


def open_adapter(folder: str | Path, base: str | Path = "", **options) -> GPT:
    """An ordinary model from a folder with an adapter alone: its base is found by name, and merged.

    base: where that model is now; `options` are those of `load_model`. Raises WeightsError for
    another model's file.
    """
    name, digest = adapter_base(folder)
    path = find_model(base or name)
    if digest not in ("", sha256(path)):
        raise WeightsError(
            f"{folder} was trained on top of {name}, and {path} is another file (its sha256 differs), to "
            "which its corrections mean nothing. Give the model it belongs to."
        )
    return plain(load_adapter(load_model(path, **options), folder))
