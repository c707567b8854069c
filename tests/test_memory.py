"""Memory and time foretold: counted by hand for a tiny model, and held against what is measured."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from conftest import TINY, random_model, small_run

from helpers import memory
from helpers.cli import main
from helpers.collate import padded
from helpers.distributed import Ranks
from helpers.lora import add_lora
from helpers.masking import make_examples
from helpers.memory import (
    Forecast,
    forecast,
    model_config,
    parameters_of,
    peak_memory,
    predict_memory,
    step_operations,
    too_much,
)
from helpers.model import GPT, count_parameters
from helpers.train import freeze_embeddings, token_losses
from helpers.weights import GPT2_SIZES, KNOWN

SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)


@pytest.fixture
def settings(tmp_path, records):
    return small_run(tmp_path, records, SMALL)


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_sizes_of_a_known_model_need_no_download(name):
    assert parameters_of(model_config(name)) == (KNOWN[name].parameters, KNOWN[name].parameters)


@pytest.mark.parametrize("rank", [1, 5])
def test_the_parameters_of_lora(rank):
    model = add_lora(GPT(TINY), rank)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert parameters_of(TINY, rank) == (count_parameters(model), trained)


def test_the_parameters_that_are_left_with_frozen_embeddings():
    model = freeze_embeddings(GPT(TINY))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert parameters_of(TINY, freeze_embeddings=True) == (count_parameters(model), trained)


def test_weights_gradients_and_moments_of_gpt2_medium():
    """Four bytes each in float32, and AdamW keeps two moments; LoRA needs them for its own alone."""
    full = predict_memory(GPT2_SIZES["gpt2-medium"], rows=8, length=92)
    n = 354_823_168
    assert (full.weights, full.gradients, full.optimiser) == (4 * n, 4 * n, 8 * n)
    thin = predict_memory(GPT2_SIZES["gpt2-medium"], rows=8, length=92, lora=16)
    own = 24 * 16 * 1024 * (4 + 2 + 5 + 5)
    assert (thin.weights, thin.gradients, thin.optimiser) == (4 * (n + own), 4 * own, 8 * own)


def kept_for_backward(model, batch):
    """Bytes that autograd really keeps of a forward pass, parameters aside, each storage once."""
    storages, parameters = {}, {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = (storage.nbytes(), tensor)  # the tensor keeps it alive
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        nll, _ = token_losses(model, batch)
    assert nll.requires_grad
    return sum(size for size, _ in storages.values())


@pytest.mark.parametrize("lora", [0, 3])
def test_activations_are_what_autograd_keeps(records, tokenizer, lora):
    """Counted with PyTorch's own hooks. Of the three rows of a target, the forward pass keeps one."""
    config = replace(TINY, n_layer=5, n_head=3, n_embd=48, n_positions=97)
    model = random_model(config)
    if lora:
        add_lora(model, lora)
    batch = padded(make_examples(records, "alpaca", tokenizer)[0][:6], "response")
    rows, length = batch.input_ids.shape
    n = batch.n_targets
    expected = predict_memory(config, rows=rows, length=length, targets=n, lora=lora)
    logits = 4 * n * config.vocab_size
    assert kept_for_backward(model, batch) - logits == pytest.approx(
        expected.activations - 3 * logits, rel=0.03
    )


def test_checkpointing_and_bf16_need_less_and_longer_rows_more():
    config = GPT2_SIZES["gpt2"]
    plain = predict_memory(config, rows=8, length=512, targets=1)
    assert predict_memory(config, rows=8, length=1024, targets=1).activations == pytest.approx(
        2 * plain.activations, rel=1e-3
    )
    half = predict_memory(config, rows=8, length=512, targets=1, precision="bf16")
    assert 0.5 < half.activations / plain.activations < 0.6
    again = predict_memory(config, rows=8, length=512, targets=1, checkpointing=True)
    assert again.activations == pytest.approx(plain.activations * (1 / 12 + 1 / 16), rel=0.01)


def test_several_ranks_share_the_rows_and_sharded_also_the_weights():
    """Counted by hand for GPT-2 XL: whole are only what is outside the blocks and two of these."""
    config, n = GPT2_SIZES["gpt2-xl"], 1_557_611_200
    one = predict_memory(config, rows=9, length=100)
    plain = predict_memory(config, rows=9, length=100, ranks=Ranks(0, 8))
    two_rows = predict_memory(config, rows=2, length=100)  # who has most of nine rows has two
    assert plain == two_rows
    assert (plain.weights, plain.optimiser) == (one.weights, one.optimiser)
    shard = predict_memory(config, rows=9, length=100, ranks=Ranks(0, 8, shard=True))
    width = 1600
    block = 4 * width * width + 8 * width * width + 13 * width
    outside = 50257 * width + 1024 * width + 2 * width
    assert outside + 48 * block == n
    assert shard.optimiser == n
    assert shard.weights == n // 2 + 4 * (outside + 2 * block)
    assert shard.gradients == n // 2 + 4 * (outside + block)
    assert shard.activations == plain.activations


def test_what_is_said_of_several_ranks(settings):
    alone, two = forecast(settings), forecast(settings, Ranks(0, 2, here=2))
    assert "for each of 2 processes" in str(two)
    assert "processes" not in str(alone)
    assert two.memory.activations < alone.memory.activations
    assert two.free < 0.75 * alone.free  # both are on this machine


def test_operations_of_a_step():
    """Six for each weight and token, head included where there is a target; four with LoRA."""
    matrices = 12 * TINY.n_layer * TINY.n_embd**2
    head = TINY.vocab_size * TINY.n_embd
    assert step_operations(TINY, 7, 3, 0) == 6 * (7 * matrices + 3 * head)
    assert step_operations(TINY, 7, 3, 0, lora=2) == 4 * (7 * matrices + 3 * head)
    assert step_operations(TINY, 7, 3, 11) > step_operations(TINY, 7, 3, 0)


def test_the_busiest_batch_is_foretold(settings):
    """The longest rows with the most targets, or the evaluation's targets where they are more."""
    small = forecast(replace(settings, batch_size=1)).memory
    large = forecast(replace(settings, batch_size=8)).memory
    everything = forecast(replace(settings, loss_on="all")).memory
    assert small.activations < large.activations < everything.activations
    assert forecast(replace(settings, lora=2)).memory.optimiser < large.optimiser / 10
    assert forecast(replace(settings, epochs=4)).seconds > 0


def test_what_hardly_fits_is_said_with_the_remedies_and_what_fits_is_not(settings):
    need = predict_memory(SMALL, rows=8, length=90)
    expected = Forecast(need, program=10**9, free=int(need.total * 1.4), seconds=100.0)
    assert too_much(expected, settings) == ""
    tight = replace(expected, free=int(need.total * 1.2))
    warning = too_much(tight, settings)
    assert re.search(
        r"0\.\d\d GB are free: it will hardly.*--batch-size \(now 8\).*--lora 16", warning
    )
    assert "--lora" not in too_much(tight, replace(settings, lora=4))


def test_train_says_what_it_expects_before_it_starts_and_what_it_came_to(
    settings, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(memory, "free_memory", lambda device: 1000)
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    command = ["train", "--model", settings.model, "--data", settings.data, "--epochs", "1"]
    command += ["--max-length", "97", "--precision", "fp32", "--device", "cpu"]
    assert main([*command, "--out", f"{tmp_path}/run"]) == 0  # told, and done all the same
    out, err = capsys.readouterr()
    assert re.search(r"expected: [\d.]+ GB of memory \(weights .* and about \d+ second", err)
    assert "0.00 GB are free: it will hardly fit" in err
    assert re.search(r"memory [\d.]+ GB \(expected [\d.]+\), time \d+ second", out)
    assert main([*command, "--out", f"{tmp_path}/run", "--resume", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "expected" not in err  # nothing is left to do
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert main([*command, "--out", f"{tmp_path}/again"]) == 0
    err = capsys.readouterr().err
    assert "hardly fit" in err
    assert "expected" not in err
    report = json.loads(out)
    assert set(report["memory_bytes"]) == {"expected", "measured"}
    assert report["expected_seconds"] > 0


def test_peak_memory_is_the_most_that_was_held():
    script = """if True:
        import torch
        from helpers.memory import peak_memory
        before = peak_memory()
        torch.ones(50_000_000)  # 200 MB, let go at once
        print(before is None or peak_memory() - before > 150e6)
        """
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("True\n", "")
    assert peak_memory() is None or peak_memory() > 1e8
