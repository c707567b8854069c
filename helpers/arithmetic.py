"""In which numbers, and by which library, matrices are multiplied.

Two choices, each made by a short measurement on this machine. *Precision*: under "bf16" matrix
products run in bfloat16, while weights and sums stay in float32. *Products*: float32 products on a
CPU go to the library that PyTorch takes by itself ("torch", which is MKL in its x86 wheels) or to
oneDNN ("onednn"). Both do the same arithmetic; MKL holds back on processors that are not Intel's,
where oneDNN can be twice as fast.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache

import torch

from helpers.errors import SettingsError, nearest

PRODUCTS = ("torch", "onednn")
WORTH = 1.2  # how many times as fast another way must be to be taken
CLOSE = 1e-5  # largest error of a float32 product, against the largest number in it


def autocast(device: str | torch.device, precision: str):
    """The context in which matrix products run in bfloat16, or one that does nothing."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


@contextmanager
def products_by(library: str) -> Iterator[None]:
    """While the block runs, float32 products on the CPU are computed by that library.

    PyTorch hands them to oneDNN only when oneDNN may round the inputs to bfloat16. It does so on
    processors with AMX alone; `choose_products` looks whether it does here.
    """
    if library == "torch":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def choose_products(name: str = "auto", device: str = "cpu") -> str:
    """ "torch" or "onednn"; "auto" takes oneDNN where it is faster and just as exact.

    Anything but a CPU has one way only: "torch". Raises SettingsError for oneDNN where its products
    are not float32's.
    """
    if name not in ("auto", *PRODUCTS):
        raise SettingsError(f"unknown products {name!r}; {nearest(name, ['auto', *PRODUCTS])}.")
    if name == "torch" or device != "cpu":
        return "torch"
    error = product_error("onednn")
    if name == "onednn" and error > CLOSE:
        raise SettingsError(
            f"products onednn: float32 products come out with an error of {error:.0e} on this "
            f"processor, more than {CLOSE:.0e}. Use products torch, or precision bf16."
        )
    if name == "onednn":
        return name
    return "onednn" if error <= CLOSE and onednn_is_faster() else "torch"


@cache
def onednn_is_faster() -> bool:
    """Whether oneDNN is well ahead; measured once, so that all runs of a process are alike."""
    with products_by("onednn"):
        seconds = matmul_seconds(torch.float32)
    return matmul_seconds(torch.float32) > WORTH * seconds


def product_error(library: str, size: int = 256) -> float:
    """The largest error of a float32 product (size, size), against the largest number in it."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, size, size, generator=generator)
    exact = a.double() @ b.double()
    with products_by(library):
        found = a @ b
    return float((found - exact).abs().max() / exact.abs().max())


def matmul_seconds(dtype: torch.dtype, size: int = 1024, repeats: int = 3) -> float:
    """The least of a few timings of three (size, size) matrix products, in seconds of processor time.

    Time on the clock depends on what else the machine is doing, and a choice between two ways of
    computing should not. Windows counts processor time in steps of 16 ms: hence three products.
    """
    a = torch.randn(size, size, generator=torch.Generator().manual_seed(0)).to(dtype)
    times = []
    for _ in range(repeats + 1):
        started = time.process_time()
        for _ in range(3):
            a @ a
        times.append(time.process_time() - started)
    return min(times[1:])
