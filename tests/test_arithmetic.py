"""Who multiplies, and in which numbers: measured, never less exact than asked for, put back after."""

import pytest
import torch

from helpers import arithmetic
from helpers.arithmetic import CLOSE, autocast, choose_products, product_error, products_by
from helpers.errors import SettingsError


@pytest.fixture
def speed(monkeypatch):
    """Sets the seconds that a product takes by each library."""

    def set_speed(torch_seconds, onednn_seconds, error=1e-7):
        def seconds(dtype):
            by_onednn = torch.get_float32_matmul_precision() == "medium"
            return onednn_seconds if by_onednn else torch_seconds

        monkeypatch.setattr(arithmetic, "matmul_seconds", seconds)
        monkeypatch.setattr(arithmetic, "product_error", lambda library: error)
        arithmetic.onednn_is_faster.cache_clear()

    yield set_speed
    arithmetic.onednn_is_faster.cache_clear()


def test_onednn_is_taken_where_it_is_faster(speed):
    speed(2.0, 1.0)
    assert choose_products() == "onednn"
    speed(1.1, 1.0)
    assert choose_products() == "torch"


def test_onednn_is_not_taken_where_it_rounds_to_bfloat16(speed):
    """As it does on processors with AMX: fast, and no longer float32."""
    speed(2.0, 1.0, error=4e-3)
    assert choose_products() == "torch"
    with pytest.raises(SettingsError, match="error of 4e-03.*products torch, or precision bf16"):
        choose_products("onednn")


def test_a_choice_is_kept(speed):
    speed(1.0, 2.0)
    assert choose_products("onednn") == "onednn"
    assert choose_products("torch") == "torch"
    with pytest.raises(SettingsError, match="unknown products 'mkl'"):
        choose_products("mkl")


def test_elsewhere_than_on_a_cpu_nothing_is_chosen(speed):
    """There the same switch of PyTorch's would mean TF32."""
    speed(2.0, 1.0)
    assert choose_products("auto", "cuda") == choose_products("onednn", "cuda:1") == "torch"


def test_products_in_float32_are_exact_here():
    assert product_error("torch") < CLOSE
    if choose_products() == "onednn":
        assert product_error("onednn") < CLOSE


def test_bfloat16_would_be_noticed(monkeypatch):
    """The limit lies between what float32 and bfloat16 get wrong."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product_error("torch") > 10 * CLOSE


def test_the_switch_is_put_back_whatever_happens():
    def fails():
        with products_by("onednn"):
            assert torch.get_float32_matmul_precision() == "medium"
            raise KeyError

    before = torch.get_float32_matmul_precision()
    with pytest.raises(KeyError):
        fails()
    assert torch.get_float32_matmul_precision() == before


def test_the_choice_is_measured_once(speed):
    """Two runs of one process must not differ because the machine was busy in between."""
    speed(2.0, 1.0)
    assert choose_products() == "onednn"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arithmetic, "matmul_seconds", lambda dtype: 1.0)
        assert choose_products() == "onednn"


def test_autocast_is_for_bf16_only():
    a = torch.ones(2, 2)
    with autocast("cpu", "fp32"):
        assert (a @ a).dtype == torch.float32
    with autocast("cpu", "bf16"):
        assert (a @ a).dtype == torch.bfloat16
