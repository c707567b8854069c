"""The training loop, as a generator of step records.

`train` yields after every optimiser step; printing, plotting, saving and stopping early are the
caller's. The bundled models were pretrained with the same function: fine-tuning differs only in
its batches. The loss is the weighted sum of negative log-likelihoods divided once by the summed
weight, over a whole optimiser step and in evaluation alike. Sources: AdamW (Loshchilov & Hutter
2019), warm-up and cosine decay as in GPT-3 (Brown et al. 2020).
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import safetensors
import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from helpers.arithmetic import PRODUCTS, autocast, products_by
from helpers.collate import IGNORE_INDEX, Batch
from helpers.distributed import ALONE, Ranks, placed, whole
from helpers.errors import DataError, RunError, SettingsError
from helpers.files import atomic_path, write_json
from helpers.model import GPT
from helpers.packing import packed_attention
from helpers.weights import contiguous, write_tensors

MOST_EPOCHS = 10_000
ADAMW = {"step", "exp_avg", "exp_avg_sq"}  # what it keeps of each parameter
ROWS = {"cpu": 32}  # of logits at a time, which fit the processor's cache
CHUNK = 2048  # targets; their logits in float32 are 412 MB


@dataclass(frozen=True)
class TrainSettings:
    """How to train; which rows meet in which step is the plan's business."""

    epochs: int = 2
    lr: float = 5e-5  # peak learning rate
    weight_decay: float = 0.1  # on matrices only, not on biases and norms
    warmup: float = 0.1  # share of all steps in which the rate rises from 0
    final_lr: float = 0.1  # where the cosine ends, as a share of the peak
    clip: float = 1.0  # largest norm of the gradient
    betas: tuple[float, float] = (0.9, 0.95)
    eval_every: int = 0  # steps between evaluations; 0 = at the end of each epoch
    precision: str = "fp32"  # or bf16: matrix products in bfloat16, weights and sums in float32
    products: str = "torch"  # who multiplies float32 matrices; see `arithmetic`
    checkpointing: bool = False  # less memory, a third more work: see `model.GPT.checkpointing`

    def __post_init__(self):
        limits = {
            "epochs": (1 <= self.epochs <= MOST_EPOCHS, f"give 1 to {MOST_EPOCHS:,}"),
            "lr": (
                self.lr > 0 and math.isfinite(self.lr),
                "give a number above 0, such as 5e-5",
            ),
            "weight_decay": (0 <= self.weight_decay < math.inf, "give 0 or more, such as 0.1"),
            "warmup": (0 <= self.warmup < 1, "give a share from 0 to below 1"),
            "final_lr": (0 <= self.final_lr <= 1, "give a share from 0 to 1"),
            "clip": (self.clip > 0, "give a number above 0"),
            "eval_every": (self.eval_every >= 0, "give 0 or more"),
            "precision": (self.precision in ("fp32", "bf16"), "give fp32 or bf16"),
            "products": (self.products in PRODUCTS, f"give {' or '.join(PRODUCTS)}"),
        }
        for name, (good, remedy) in limits.items():
            if not good:
                value = getattr(self, name)
                raise SettingsError(f"{name} = {value!r} is outside its range: {remedy}.")


@dataclass(frozen=True)
class StepRecord:
    """What one optimiser step did. Losses are in nats per weighted target token."""

    step: int  # finished steps, from 1
    epoch: float  # finished epochs, fractional
    tokens: int  # real tokens read so far
    target_tokens: int  # labels learnt from so far
    lr: float
    loss: float | None  # of this step's batches, before the update; none in a record of step 0
    val_response_loss: float | None  # only where an evaluation was due
    seconds: float  # training time so far, evaluations included


class Plan(Protocol):
    """Where batches come from: any step of any epoch, in any order, always the same."""

    steps_per_epoch: int

    def micro_batches(self, epoch: int, step: int) -> list[Batch]:
        """The batches of one step (both from 0), whose gradients are added up."""


LossFunction = Callable[[GPT, Batch], tuple[torch.Tensor, torch.Tensor]]


def token_losses(model: GPT, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Negative log-likelihoods (N,) in nats of the batch's N targets, and their weights (N,).

    Logits are computed only where there is a target: the head is most of a small model's work.
    """
    targets = batch.labels != IGNORE_INDEX  # (B, T)
    h = model.hidden(batch.input_ids, batch.positions, packed_attention(batch))[targets]  # (N, C)
    return head_losses(model, h, batch.labels[targets]), batch.loss_weights[targets]


def head_losses(model: GPT, h: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihoods (N,) of `labels` (N,) under hidden states (N, C).

    The logits of a token are 50,257 numbers. More than CHUNK tokens are taken in pieces, and their
    logits are computed a second time for the backward pass instead of being kept.
    """

    def losses(h, labels):
        return TokenLosses.apply(model.head(h), labels)

    if len(h) <= CHUNK:
        return losses(h, labels)
    pieces = zip(h.split(CHUNK), labels.split(CHUNK), strict=True)
    return torch.cat([checkpoint(losses, *piece, use_reentrant=False) for piece in pieces])


def in_rows(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Each tensor in views of a few rows: on a CPU of as many as stay in its cache."""
    rows = ROWS.get(tensors[0].device.type, CHUNK)
    return (t.split(rows) for t in tensors)


class TokenLosses(torch.autograd.Function):
    """`cross_entropy` of logits (N, V) and labels (N,), whose gradient overwrites the logits.

    Logits and their gradient are by far the largest tensors of a step. Written into one another, a few
    rows at a time, they need their memory once, and no float32 copy of it under autocast.
    """

    @staticmethod
    def forward(ctx, logits, labels):
        """The losses (N,) in float32 or better."""
        ctx.save_for_backward(logits, labels)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        pieces = zip(*in_rows(logits, labels), strict=True)
        return torch.cat([F.cross_entropy(x.to(dtype), y, reduction="none") for x, y in pieces])

    @staticmethod
    def backward(ctx, weights):
        """The gradient (N, V): probability of each token, less 1 at the label, times the weight."""
        logits, labels = ctx.saved_tensors
        for x, y, weight in zip(*in_rows(logits, labels, weights), strict=True):
            p = torch.softmax(x, dim=-1, dtype=weight.dtype)
            p[torch.arange(len(y), device=y.device), y] -= 1
            x.copy_(p.mul_(weight[:, None]))
        return logits, None


@torch.no_grad()
def evaluate_loss(
    model: GPT,
    batches: Sequence[Batch],
    *,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    products: str = "torch",
    loss: LossFunction = token_losses,
    ranks: Ranks = ALONE,
) -> float:
    """Mean loss in nats per target over all batches: one sum divided once, no mean of means.

    Uses no random numbers, so evaluating more often changes nothing else. Of several ranks each has
    batches of its own, and all get the same answer.
    """
    total, weight = 0.0, 0.0
    for batch in batches:
        with products_by(products), autocast(device, precision):
            nll, weights = loss(model, batch.to(device))
        total += float((nll.double() * weights).sum())
        weight += float(weights.double().sum())
    total, weight = ranks.all_sum(total, weight)
    if weight == 0:
        raise DataError("no token to evaluate on: give rows with a response.")
    return total / weight


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """The rate of step `step` (from 0) of `steps`: a linear warm-up, then half a cosine."""
    warm = math.ceil(settings.warmup * steps)
    if step < warm:
        return settings.lr * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    share = settings.final_lr + (1 - settings.final_lr) * 0.5 * (1 + math.cos(math.pi * done))
    return settings.lr * share


def parameter_groups(model: GPT, weight_decay: float) -> list[dict]:
    """Matrices with weight decay, biases and norms without; each group may scale the rate.

    Frozen parameters are in neither.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]


def freeze_embeddings(model: GPT) -> GPT:
    """The model, whose token and position vectors are trained no more, nor the head that shares them.

    AdamW moves every number by about the rate, however small its gradient. The vectors of tokens that
    no row holds it moves farthest, as their gradients change direction less often, away from what
    pretraining had made of them.
    """
    model.tokens.requires_grad_(False)
    model.positions.requires_grad_(False)
    return model


class TrainState:
    """A model, its optimiser and how far they are: what a checkpoint must hold.

    Dropout is 0 and every batch follows from seed, epoch and step, so there is no random state to
    keep. `lr_scale` of a parameter group multiplies the rate (pretraining slows embeddings down).
    The optimiser is AdamW over `groups`, or the one that is given.
    """

    def __init__(
        self,
        model: GPT,
        settings: TrainSettings,
        groups: list[dict] | None = None,
        *,
        optimizer: torch.optim.Optimizer | None = None,
    ):
        self.model, self.settings = contiguous(model), settings
        self.groups = groups or parameter_groups(model, settings.weight_decay)
        self.optimizer = optimizer or torch.optim.AdamW(
            self.groups, lr=settings.lr, betas=settings.betas, fused=_fused_available(model)
        )
        self.step = self.tokens = self.target_tokens = 0
        self.seconds = 0.0

    def counters(self) -> dict[str, str]:
        """Progress as strings, as safetensors wants its metadata."""
        return {
            "step": str(self.step),
            "tokens": str(self.tokens),
            "target_tokens": str(self.target_tokens),
            "seconds": repr(self.seconds),
        }


def _fused_available(model: GPT) -> bool:
    device = next(model.parameters()).device.type
    return device in ("cpu", "cuda", "mps")


def compile_blocks(model: GPT) -> bool:
    """Whether the MLPs, two thirds of a block's work, are compiled from now on.

    Attention is left as it is: its mask is another Python object for each packed batch, and the
    compiler would begin anew with each. Without Triton, PyTorch's compiler for GPUs, nothing is
    compiled, and a line on stderr says so.
    """
    if find_spec("triton") is None:
        print("Triton is not installed: the model runs uncompiled, slower.", file=sys.stderr)
        return False
    for block in model.blocks:
        block.mlp.compile(dynamic=True)  # every batch has another number of tokens
    return True


def train(
    state: TrainState,
    plan: Plan,
    *,
    validation: Sequence[Batch] = (),
    loss: LossFunction = token_losses,
    device: str | torch.device = "cpu",
    ranks: Ranks = ALONE,
) -> Iterator[StepRecord]:
    """Train from `state.step` to the end of the last epoch, yielding a record after each step.

    Between two records the caller may save `state`, plot, or stop: nothing is half done then. Of
    several ranks each has a plan and a validation set of its own share, and `loss` is
    `ranks.wrap`'s; the records are the same on all of them.
    Raises RunError when the loss is not finite, before the weights are touched.
    """
    settings, model = state.settings, state.model
    steps = settings.epochs * plan.steps_per_epoch
    every = settings.eval_every or plan.steps_per_epoch
    model.train()
    model.checkpointing = settings.checkpointing
    while state.step < steps:
        started = time.perf_counter()
        epoch, step_in_epoch = divmod(state.step, plan.steps_per_epoch)
        batches = plan.micro_batches(epoch, step_in_epoch)

        # Forward and backward. Every micro-batch is divided by the weight of the whole step: its mean
        # over the ranks, because their gradients are averaged.
        total_weight, tokens, targets = ranks.all_sum(
            sum(batch.weight for batch in batches),
            sum(batch.n_tokens for batch in batches),
            sum(batch.n_targets for batch in batches),
        )
        total_loss = 0.0
        for batch in batches:
            with products_by(settings.products):
                with autocast(device, settings.precision):
                    nll, weights = loss(model, batch.to(device))
                    part = (nll * weights).sum() / (total_weight / ranks.size)
                part.backward()
            total_loss += float(part.detach()) / ranks.size
        (total_loss,) = ranks.all_sum(total_loss)
        check_finite(f"loss of step {state.step + 1}", total_loss, settings)

        # Update.
        norm = whole(torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip))
        check_finite(f"gradient of step {state.step + 1}", float(norm), settings)
        lr = learning_rate(state.step, steps, settings)
        for group in state.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)

        # Count, evaluate, report.
        state.step += 1
        state.tokens += int(tokens)
        state.target_tokens += int(targets)
        due = validation and (state.step % every == 0 or state.step == steps)
        val_loss = None
        if due:
            val_loss = evaluate_loss(
                model,
                validation,
                device=device,
                precision=settings.precision,
                products=settings.products,
                loss=loss,
                ranks=ranks,
            )
            check_finite(f"validation loss after step {state.step}", val_loss, settings)
        state.seconds += time.perf_counter() - started
        yield StepRecord(
            step=state.step,
            epoch=state.step / plan.steps_per_epoch,
            tokens=state.tokens,
            target_tokens=state.target_tokens,
            lr=lr,
            loss=total_loss,
            val_response_loss=val_loss,
            seconds=state.seconds,
        )


def check_finite(what: str, value: float, settings: TrainSettings) -> None:
    """Raise RunError for a loss or gradient norm that is infinite or NaN."""
    if not math.isfinite(value):
        other = " or use precision fp32" if settings.precision != "fp32" else ""
        raise RunError(
            f"the {what} is {value}: lower the learning rate (now {settings.lr:g}){other}."
        )


def save_state(folder: str | Path, state: TrainState, ranks: Ranks = ALONE) -> None:
    """Write `state.safetensors` (weights, optimiser, counters: one atomic file) and `state.json`.

    Frozen weights are left out: they are those of the model that the run began with. All ranks
    have to call this; the first writes, the same files for any number of them.
    """
    tensors = {f"model.{k}": v.contiguous() for k, v in trained_weights(state.model).items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            tensors[f"optimizer.{index}.{key}"] = value.contiguous()
    tensors = ranks.gather(tensors)
    if not ranks.first:
        return
    with atomic_path(Path(folder) / "state.safetensors") as path:
        write_tensors(tensors, path, state.counters())
    write_json(
        Path(folder) / "state.json", {**state.counters(), "settings": asdict(state.settings)}
    )


def trained_weights(model: GPT) -> dict[str, torch.Tensor]:
    """The parameters that training changes, by name."""
    return {k: p.detach() for k, p in model.named_parameters() if p.requires_grad}


def load_state(folder: str | Path, state: TrainState) -> TrainState:
    """`state`, filled from `folder/state.safetensors`, ready to go on exactly where it stopped.

    Tensor by tensor: of a sharded state each rank keeps its own part. Raises RunError for a file
    that is damaged, or does not fit.
    """
    path = Path(folder) / "state.safetensors"
    optimizer = state.optimizer.state_dict()
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            counters = file.metadata()
            state.step, state.tokens = int(counters["step"]), int(counters["tokens"])
            state.target_tokens = int(counters["target_tokens"])
            state.seconds = float(counters["seconds"])
            for name, weight in trained_weights(state.model).items():
                weight.copy_(_stored(file, f"model.{name}", weight))
            optimizer["state"] = _moments(file, state.optimizer)
        if not (
            min(state.step, state.tokens, state.target_tokens) >= 0 <= state.seconds < math.inf
        ):
            raise ValueError(f"its counters are {counters}")
    except (OSError, safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}). Delete the folder and start again."
        ) from error
    state.optimizer.load_state_dict(optimizer)
    return state


def _stored(file, name: str, like: torch.Tensor) -> torch.Tensor:
    """The tensor of that name, placed as `like` is. Raises ValueError for another shape."""
    tensor = file.get_tensor(name)
    if tensor.shape != like.shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, not {tuple(like.shape)}")
    return placed(tensor, like)


def _moments(file, optimizer: torch.optim.Optimizer) -> dict[int, dict[str, torch.Tensor]]:
    """What the optimiser knew of each parameter, by its number. Raises ValueError where a part lacks."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name in file.keys():  # noqa: SIM118 (not a dictionary)
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            like = torch.tensor(0.0) if key == "step" else parameters[int(index)]
            moments.setdefault(int(index), {})[key] = _stored(file, name, like)
    for index, found in moments.items():
        if 0 < len(ADAMW & set(found)) < len(ADAMW):
            raise ValueError(
                f"of {', '.join(sorted(ADAMW))} of parameter {index} not all are there"
            )
    return moments


def clear_state(folder: str | Path) -> None:
    """Remove the resume files of a finished run."""
    for name in ("state.safetensors", "state.json"):
        (Path(folder) / name).unlink(missing_ok=True)
