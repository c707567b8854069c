"""One training run in several processes: what they share out, add up and agree on.

`torchrun --nproc-per-node 2 -m helpers.cli train …` starts the same program twice. Each process, a
rank, computes its share of every step's rows; `Ranks` is all that the training loop sees of it.

By default every rank holds the whole model, and DistributedDataParallel averages the gradients while
the backward pass still runs (Li et al. 2020). Sharded, every rank holds a part of each weight, gradient
and moment, and a block is put together only while it is computed: `fully_shard`, after ZeRO
(Rajbhandari et al. 2020). Both average over ranks and know nothing of weights: a rank's summed loss
has to be divided by the mean weight of the ranks' shares, so that the average is the sum over all
rows divided once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from helpers.collate import Batch
from helpers.errors import CourseError, RunError, SettingsError
from helpers.model import GPT
from helpers.weights import contiguous


class Losses(nn.Module):
    """A model and its loss as one module, because both ways hook into `forward` alone."""

    def __init__(self, model: GPT, loss: Callable):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: Batch):
        """What the loss function gives: negative log-likelihoods (N,) and weights (N,)."""
        return self.loss(self.model, batch)


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is. One alone shares nothing and waits for nobody."""

    rank: int = 0
    size: int = 1
    shard: bool = False
    here: int = 1  # how many of them share this machine

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    @property
    def share(self) -> tuple[int, int]:
        """What `collate` wants to know: which share of the rows, of how many."""
        return self.rank, self.size

    def all_sum(self, *numbers: float) -> Any:
        """Each number, added up over all ranks."""
        if self.size == 1:
            return numbers
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return total.tolist()

    def agreed(self, make: Callable, *arguments) -> Any:
        """What `make(*arguments)` gives on rank 0, for every rank.

        What it raises there ends all of them: rank 0 with the message, the others without a word.
        """
        if self.size == 1:
            return make(*arguments)
        answer = [None]
        if self.first:
            try:
                answer = [make(*arguments)]
            except CourseError as error:
                answer = [error]
        dist.broadcast_object_list(answer, device=torch.device("cpu"))
        if isinstance(answer[0], CourseError):
            raise answer[0] if self.first else SystemExit(2)
        return answer[0]

    def wrap(self, model: GPT, loss: Callable, device: str) -> Callable:
        """The loss function to train and to evaluate with: its gradients meet those of all ranks.

        Sharding changes the model's parameters, so the optimiser is made afterwards.
        """
        if self.size == 1:
            return loss
        losses = Losses(contiguous(model) if not self.shard else model, loss)
        spread = shard(losses, device, self.size) if self.shard else synchronised(losses)
        return lambda model, batch: spread(batch)

    def gather(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The tensors, whole, on rank 0; nothing on the others, which take part all the same.

        Sharded ones are put together one after another, and kept on the CPU.
        """
        found = {}
        for name, tensor in tensors.items():
            complete = whole(tensor)
            if self.first:
                found[name] = complete.cpu() if self.shard else complete
        return found

    def whole_model(self, model: GPT) -> GPT | None:
        """An ordinary model with all of the weights, on rank 0; None on the others."""
        if not self.shard:
            return model if self.first else None
        state = self.gather(model.state_dict())
        if not self.first:
            return None
        with torch.device("meta"):
            ordinary = GPT(model.config)
        ordinary.load_state_dict(state, assign=True)
        return ordinary


ALONE = Ranks()


def synchronised(losses: Losses) -> nn.Module:
    """The module, whose gradients are averaged over all ranks while the backward pass runs."""
    from torch.nn.parallel import DistributedDataParallel

    # Gradients live in the buffers that are sent: without this, each would be there twice.
    return DistributedDataParallel(losses, gradient_as_bucket_view=True)


def shard(losses: Losses, device: str, size: int) -> nn.Module:
    """The module, of which each rank now holds a part. Block by block: never two whole copies."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(torch.device(device).type, (size,))
    for block in losses.model.blocks:
        fully_shard(contiguous(block), mesh=mesh)
    # The embedding is also the head, so the outermost part is whole from the first token to the
    # last logit. After that it is let go of as well: an evaluation leaves nothing behind.
    return fully_shard(contiguous(losses), mesh=mesh, reshard_after_forward=True)


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether this rank holds only a part of it."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with the parts of all ranks, each of which has to ask."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def placed(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The tensor where `like` is: on its device, and of a sharded one this rank's part."""
    tensor = tensor.to(like.device)
    if not is_sharded(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    # Every rank has read the same file, so nothing is sent.
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


@contextmanager
def joined(device: str = "auto", *, shard: bool = False) -> Iterator[Ranks]:
    """This process's place among those that torchrun started; without torchrun, ALONE.

    Raises RunError when another of them ends in the middle of the work.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "LOCAL_RANK" not in os.environ:
        if shard:
            raise SettingsError(
                "--shard spreads one model over several processes, and this is one alone: begin with "
                "`torchrun --nproc-per-node 2 -m helpers.cli train`, or leave it out."
            )
        yield ALONE
        return
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    dist.init_process_group(take_place(device, here))
    ranks = Ranks(dist.get_rank(), dist.get_world_size(), shard, here)
    try:
        with ends_when_told(ranks):
            yield ranks
    except RuntimeError as error:
        if not is_lost_connection(error):
            raise
        raise RunError(farewell(ranks)) from error
    except KeyboardInterrupt:
        if not ranks.first:  # which has the word
            raise SystemExit(1) from None
        raise
    dist.destroy_process_group()


def take_place(device: str, of: int) -> str:
    """Who is to carry messages, after this process, one `of` so many here, took its GPU or cores."""
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(
            f"device {device!r} for several processes: give auto, cpu or cuda; with cuda each of them "
            "takes a GPU of its own."
        )
    if device != "cpu" and torch.cuda.is_available():
        if of > torch.cuda.device_count():
            raise SettingsError(
                f"{of} processes on a machine with {torch.cuda.device_count()} GPUs: start no more "
                "than one for each (--nproc-per-node), or give --device cpu."
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # what "cuda" means from now on
        return "cpu:gloo,cuda:nccl"
    # 1 is torchrun's own choice, however many cores there are.
    if os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(max(1, cores() // of))
    return "gloo"


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def ends_when_told(ranks: Ranks) -> Iterator[None]:
    """While the block runs, torchrun's signal to end becomes a RunError: it says why, and cleans up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number, frame):
        raise RunError(farewell(ranks))

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def farewell(ranks: Ranks) -> str:
    """What a rank says that cannot go on by itself."""
    return (
        f"rank {ranks.rank} of {ranks.size} ends because another one has ended, or was told to: if "
        "that one gave a reason, it stands near this line. The same command with --resume goes on "
        "from the last checkpoint, with any number of processes."
    )


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether another rank is no longer there: gloo tells by its words only."""
    words = ("gloo", "connection closed", "connection reset", "broken pipe", "nccl")
    return isinstance(error, dist.DistError) or any(w in str(error).lower() for w in words)
