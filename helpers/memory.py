"""What a run will need, said before anything is loaded: memory by what it is for, and time.

The sizes of a model are known from its name or config.json, those of the batches from the data, so
both can be worked out beforehand; `peak_memory` says afterwards what it came to. Counting follows
Rajbhandari et al. 2020 (ZeRO, section 3) for weights, gradients and optimiser, and what autograd
keeps of this course's GPT-2 for the activations.
"""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from helpers.distributed import ALONE, Ranks
from helpers.environment import memory_gb
from helpers.lora import TARGETS
from helpers.masking import loss_weights
from helpers.model import GPT, GPTConfig, count_parameters
from helpers.runs import RunSettings, check_length, check_rows, load_examples
from helpers.weights import GPT2_SIZES, find_model, read_config

EVALUATION_ROWS = 32  # at most, in a batch of `collate.evaluation_batches`
# Share of the speed of a large matrix product that a training step reaches: gpt2-mini, one CPU core.
EFFICIENCY = {"fp32": 0.65, "bf16": 0.25}
MARGIN = 1.3  # × the tensors: what glibc keeps of freed memory came to 0 to 26 % on top of them


@dataclass(frozen=True)
class Memory:
    """Bytes at the busiest moment of a step, by what they are for."""

    weights: int
    gradients: int
    optimiser: int  # AdamW's two moments of each trained weight
    activations: int  # what the forward pass keeps for the backward pass, logits included

    @property
    def total(self) -> int:
        """All of it: an upper bound, as gradients grow while activations are let go."""
        return self.weights + self.gradients + self.optimiser + self.activations


@dataclass(frozen=True)
class Forecast:
    """What a run will need, and what there is."""

    memory: Memory
    program: int  # bytes that Python and PyTorch take by themselves; 0 on a GPU
    free: int  # bytes
    seconds: float
    ranks: int = 1  # processes, of which each needs that memory

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.memory.total + self.program

    def __str__(self) -> str:
        m = self.memory
        parts = f"weights {gb(m.weights)}, gradients {gb(m.gradients)}, "
        parts += f"optimiser {gb(m.optimiser)}, activations {gb(m.activations)}"
        program = f", Python and PyTorch {gb(self.program)}" if self.program else ""
        each = f" for each of {self.ranks} processes" if self.ranks > 1 else ""
        return (
            f"expected: {gb(self.total)} GB of memory{each} ({parts}{program}) and about "
            f"{minutes(self.seconds)}"
        )


def gb(size: float) -> str:
    """Bytes as GB (10⁹ bytes) with two digits that count."""
    return f"{size / 1e9:.2f}" if size < 1e9 else f"{size / 1e9:.1f}"


def minutes(seconds: float) -> str:
    """A time in the unit that suits it."""
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def model_config(name: str | Path) -> GPTConfig:
    """The sizes of a model, without its weights: GPT-2's four from their names, without a download."""
    if str(name) in GPT2_SIZES:
        return GPT2_SIZES[str(name)]
    path = find_model(name)
    return read_config(path.parent / "config.json", path)


def parameters_of(
    config: GPTConfig, lora: int = 0, freeze_embeddings: bool = False
) -> tuple[int, int]:
    """All parameters of a model of that size, LoRA's included, and how many of them are trained."""
    with torch.device("meta"):
        model = GPT(config)
        everything = count_parameters(model)
    if not lora:
        vectors = config.vocab_size + config.n_positions if freeze_embeddings else 0
        return everything, everything - vectors * config.n_embd
    layers = [m for name, m in model.blocks[0].named_modules() if name in TARGETS]
    thin = config.n_layer * lora * sum(m.in_features + m.out_features for m in layers)
    return everything + thin, thin


def predict_memory(
    config: GPTConfig,
    *,
    rows: int,
    length: int,
    targets: int | None = None,
    lora: int = 0,
    freeze_embeddings: bool = False,
    precision: str = "fp32",
    checkpointing: bool = False,
    ranks: Ranks = ALONE,
) -> Memory:
    """Memory for steps of `rows` × `length` tokens, of which `targets` are learnt from (default: all).

    Of each token a layer keeps, in its own width C: the inputs of both norms and their results (4),
    queries, keys and values (3), what attention gives (1), and the MLP before and after GELU (4 +
    4): 16 numbers, in bf16 all but the two norms' inputs at half the size.
    Each target has three rows over the whole vocabulary: log-probabilities and two gradients. With
    bf16 a copy of the weights comes on top; with checkpointing only each layer's input is kept, and
    one layer at a time computed again.
    Several ranks need this much each: a share of the rows and targets, and all of the weights or,
    sharded, a share of them, and whole only the embeddings and two blocks (one is computed, the next
    is under way) with the gradients of the embeddings and of one.
    """
    everything, trained = parameters_of(config, lora, freeze_embeddings)
    rows, targets = (None if n is None else -(-n // ranks.size) for n in (rows, targets))
    tokens, width = rows * length, config.n_embd
    half = precision == "bf16"
    layer = tokens * width * (2 * 4 + 14 * 2 if half else 16 * 4)
    layer += tokens * 4 * lora * (2 if half else 4)
    kept = config.n_layer * tokens * width * 4 + layer if checkpointing else config.n_layer * layer
    logits = (tokens if targets is None else targets) * config.vocab_size * 12
    parts, gathered, gradients = 1, 0, 0
    if ranks.shard:
        block = 12 * width**2 + 13 * width  # matrices; biases and norms
        outside = everything - config.n_layer * block
        parts, gathered, gradients = ranks.size, outside + 2 * block, outside + block
    return Memory(
        weights=everything * 4 // parts + gathered * 4 + (everything * 2 if half else 0),
        gradients=trained * 4 // parts + gradients * 4,
        optimiser=trained * 8 // parts,
        activations=kept + logits,
    )


def step_operations(
    config: GPTConfig, tokens: int, targets: int, length: float, lora: int = 0
) -> float:
    """Floating-point operations to train on so many tokens and targets, in rows of that mean length.

    A matrix product costs 2 operations for each weight and token, and as many again for each of its
    two gradients; LoRA leaves out the gradients of the matrices themselves.
    """
    passes = 2 if lora else 3
    matrices = 12 * config.n_layer * config.n_embd**2
    attention = 2 * config.n_layer * length * config.n_embd  # 2 products, half of it masked
    head = config.vocab_size * config.n_embd
    return 2 * passes * (tokens * (matrices + attention) + targets * head)


def forecast(settings: RunSettings, ranks: Ranks = ALONE) -> Forecast:
    """What a run of these settings will need, each of several ranks. Loads the data, not the model.

    Raises what `fine_tune` would raise for settings or data that cannot be used.
    """
    settings = settings.resolved()
    config = model_config(settings.model)
    with torch.device("meta"):
        check_length(GPT(config), settings)
    examples, validation, _ = load_examples(settings)
    check_rows(len(examples), settings)
    lengths = [len(e.ids) - 1 for e in examples]
    targets = [sum(map(bool, loss_weights(e, settings.loss_on)[1:])) for e in examples]
    evaluated = [sum(map(bool, loss_weights(e, "response")[1:])) for e in validation]
    rows = settings.batch_size // settings.accumulate
    memory = predict_memory(
        config,
        rows=min(rows, len(lengths)),
        length=max(lengths),
        targets=max(most(targets, rows), most(evaluated, EVALUATION_ROWS)),
        lora=settings.lora,
        freeze_embeddings=settings.freeze_embeddings,
        precision=settings.precision,
        checkpointing=settings.checkpointing,
        ranks=ranks,
    )
    operations = settings.epochs * step_operations(
        config, sum(lengths), sum(targets), sum(lengths) / len(lengths), settings.lora
    )
    cuda = settings.device.startswith("cuda")
    speed = operations_per_second(settings) * ranks.size  # each has its own cores, or GPU
    return Forecast(
        memory=memory,
        program=0 if cuda else psutil.Process().memory_info().rss,
        free=free_memory(settings.device) // (1 if cuda else ranks.here),
        seconds=operations / (EFFICIENCY[settings.precision] * speed),
        ranks=ranks.size,
    )


def most(values: list[int], n: int) -> int:
    """The sum of the n largest."""
    return sum(sorted(values)[-n:])


def operations_per_second(settings: RunSettings) -> float:
    """The speed of a large matrix product on the run's device, measured for a moment."""
    size = 1024 if settings.device == "cpu" else 4096
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    a = torch.randn(size, size).to(settings.device, dtype)
    times = []
    for _ in range(4):
        started = time.perf_counter()
        (a @ a)[0, 0].item()  # a GPU answers only when it is done
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def free_memory(device: str = "cpu") -> int:
    """Bytes that are free for a run on that device, a container's limit counted."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[0]
    return int(memory_gb()[0] * 1e9)


def too_much(expected: Forecast, settings: RunSettings) -> str:
    """What to say when a run will hardly fit; nothing when it will. The run may be tried all the same."""
    if MARGIN * expected.memory.total <= expected.free:
        return ""
    remedies = [f"a smaller --batch-size (now {settings.batch_size})"]
    if not settings.lora:
        remedies.append("--lora 16")
    remedies.append(f"a smaller model than {settings.model}")
    return (
        f"Take care: this needs about {gb(expected.memory.total)} GB of memory, and "
        f"{gb(expected.free)} GB are free: it will hardly fit, and the system may end the run. Less is "
        f"needed with {', or '.join(remedies)}."
    )


def peak_memory(device: str = "cpu") -> int | None:
    """The most bytes that this process has held so far (on a GPU: there). None where nobody counts."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    if os.name == "nt":
        return psutil.Process().memory_info().peak_wset
    if sys.platform == "linux":  # not resource's ru_maxrss: a parent's peak is handed down there
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on this system
    return None
