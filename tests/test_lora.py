"""LoRA: the model itself at the start, one small file, and everything opens what comes of it."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import TINY, random_model, small_run

from helpers import runs
from helpers.cli import main
from helpers.errors import RunError, SettingsError, WeightsError
from helpers.files import read_json, write_json
from helpers.lora import (
    TARGETS,
    add_lora,
    load_adapter,
    lora_layers,
    open_adapter,
    plain,
    save_adapter,
)
from helpers.model import count_parameters
from helpers.runs import RunSettings, fine_tune
from helpers.train import TrainSettings, TrainState
from helpers.weights import KNOWN, load_model, save_model

SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)
PEFT_NAMES = [  # as peft 0.21 writes them
    f"base_model.model.transformer.h.{n}.{layer}.lora_{part}.weight"
    for n in (0, 1)
    for layer in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    for part in "AB"
]


def lora_model(model, rank=3, seed=0, **options):
    """A model with corrections that are not zero any more."""
    generator = torch.Generator().manual_seed(seed)
    add_lora(model, rank, generator=generator, **options)
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.lora_B, std=0.3, generator=generator)
    return model


def some_ids():
    return torch.randint(0, 50257, (2, 11), generator=torch.Generator().manual_seed(1))


def logits(model):
    with torch.no_grad():
        return model(some_ids())


# --- the layer -------------------------------------------------------------------------------------


def test_at_the_start_nothing_has_changed_and_only_the_thin_matrices_are_trained():
    model = random_model(TINY)
    before = logits(model)
    add_lora(model, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(logits(model), before)
    trained = {k: tuple(p.shape) for k, p in model.named_parameters() if p.requires_grad}
    assert trained == {
        f"blocks.{n}.{target}.lora_{part}": shape
        for n in (0, 1)
        for target, into, out in (
            ("attention.qkv", 21, 63),
            ("attention.out", 21, 21),
            ("mlp.up", 21, 84),
            ("mlp.down", 84, 21),
        )
        for part, shape in (("A", (5, into)), ("B", (out, 5)))
    }
    groups = TrainState(model, TrainSettings()).optimizer.param_groups
    assert sum(p.numel() for group in groups for p in group["params"]) == sum(
        torch.Size(shape).numel() for shape in trained.values()
    )


def test_a_layer_adds_alpha_over_rank_times_b_a():
    model = lora_model(random_model(TINY), rank=3, alpha=12.0)
    layer = model.blocks[0].mlp.up
    x = torch.randn(4, 21)
    by_hand = x @ layer.weight.T + layer.bias + 4.0 * (x @ layer.lora_A.T @ layer.lora_B.T)
    torch.testing.assert_close(layer(x), by_hand)
    assert lora_model(random_model(TINY), rank=3).blocks[0].mlp.up.scale == 2.0  # alpha = 2 rank


def test_a_begins_within_one_over_the_root_of_the_inputs_and_follows_from_the_seed():
    a, b, c = (
        add_lora(random_model(TINY), 4, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    first = a.blocks[0].mlp.down.lora_A
    assert 0.9 / 84**0.5 < first.abs().max() <= 1 / 84**0.5
    assert torch.equal(first, b.blocks[0].mlp.down.lora_A)
    assert not torch.equal(first, c.blocks[0].mlp.down.lora_A)


def test_an_ordinary_model_computes_the_same_and_leaves_the_other_as_it_was():
    model = lora_model(random_model(TINY))
    apart, weight = logits(model), model.blocks[0].mlp.up.weight.clone()
    ordinary = plain(model)
    torch.testing.assert_close(logits(ordinary), apart, rtol=1e-4, atol=1e-4)
    assert torch.equal(model.blocks[0].mlp.up.weight, weight)
    assert torch.equal(logits(model), apart)
    assert not lora_layers(ordinary)
    assert all(p.requires_grad for p in plain(ordinary).parameters())
    assert count_parameters(ordinary) == count_parameters(random_model(TINY))


@pytest.mark.parametrize("rank", [-1, 0, 11])
def test_a_rank_out_of_range_is_refused(rank):
    with pytest.raises(SettingsError, match=f"rank is {rank}: give 1 to 10"):
        add_lora(random_model(TINY), rank)


# --- the small file --------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    base = random_model(TINY)
    save_model(base, tmp_path / "base")
    model = lora_model(base)
    save_adapter(model, tmp_path / "adapter", str(tmp_path / "base"))
    return model, tmp_path / "adapter"


def test_saved_and_loaded_on_top_of_the_base(saved, tmp_path):
    model, folder = saved
    again = load_adapter(load_model(tmp_path / "base"), folder)
    assert torch.equal(logits(again), logits(model))
    torch.testing.assert_close(logits(open_adapter(folder)), logits(model), rtol=1e-4, atol=1e-4)


def test_the_file_has_pefts_names_and_shapes(saved):
    from safetensors.torch import load_file

    _, folder = saved
    tensors = load_file(folder / "adapter_model.safetensors")
    assert sorted(tensors) == sorted(PEFT_NAMES)
    shapes = {
        name.split("h.1.")[-1]: tuple(t.shape) for name, t in tensors.items() if "h.1" in name
    }
    assert shapes["attn.c_attn.lora_A.weight"] == (3, 21)
    assert shapes["attn.c_attn.lora_B.weight"] == (63, 3)
    config = read_json(folder / "adapter_config.json")
    assert (config["r"], config["lora_alpha"], config["fan_in_fan_out"]) == (3, 6.0, True)


# peft 0.21 asks transformers 5 for something by an old name.
OLD_NAME = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@OLD_NAME
@pytest.mark.parametrize("targets", [TARGETS, TARGETS[:1], TARGETS[1:3]], ids=["all", "one", "two"])
def test_peft_opens_it_and_computes_the_same(tmp_path, targets):
    peft = pytest.importorskip("peft", reason="peft is not installed: pip install peft")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    save_model(random_model(TINY), tmp_path / "base")
    model = lora_model(load_model(tmp_path / "base"), targets=targets)
    save_adapter(model, tmp_path / "ours", str(tmp_path / "base"))
    base = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "base")
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "ours").eval()
    with torch.no_grad():
        torch.testing.assert_close(theirs(some_ids()).logits, logits(model), rtol=1e-4, atol=1e-4)
    # … and the other way: what peft saves, we read.
    theirs.save_pretrained(tmp_path / "theirs")
    again = load_adapter(load_model(tmp_path / "base"), tmp_path / "theirs")
    assert torch.equal(logits(again), logits(model))


@OLD_NAME
def test_peft_trains_the_same_gradients(tmp_path):
    peft = pytest.importorskip("peft", reason="peft is not installed: pip install peft")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    save_model(random_model(TINY), tmp_path / "base")
    model = lora_model(load_model(tmp_path / "base"))
    save_adapter(model, tmp_path / "ours", str(tmp_path / "base"))
    base = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "base")
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "ours", is_trainable=True).eval()
    for logits_of in (model(some_ids()), theirs(some_ids()).logits):
        logits_of.square().mean().backward()
    grads = {k: p.grad for k, p in theirs.named_parameters() if p.requires_grad}
    ours = model.blocks[1].mlp.down
    prefix = "base_model.model.transformer.h.1.mlp.c_proj"
    for part, grad in (("A", ours.lora_A.grad), ("B", ours.lora_B.grad)):
        torch.testing.assert_close(
            grads[f"{prefix}.lora_{part}.default.weight"], grad, rtol=1e-3, atol=1e-6
        )


def test_an_adapter_of_another_model_is_refused(saved, tmp_path):
    _, folder = saved
    save_model(random_model(TINY, seed=5), tmp_path / "base")
    with pytest.raises(WeightsError, match=r"another file \(its sha256 differs\)"):
        open_adapter(folder)
    other = random_model(replace(TINY, n_layer=1))
    with pytest.raises(WeightsError, match="does not fit a GPT-2 with 1 layers of width 21"):
        load_adapter(other, folder)
    with pytest.raises(WeightsError, match="does not fit a GPT-2 with 2 layers of width 24"):
        load_adapter(random_model(replace(TINY, n_embd=24)), folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "does not describe a LoRA adapter"),
        ({"use_dora": True}, "use_dora is True, which this course does not know"),
        ({"rank_pattern": {"c_fc": 8}}, "rank_pattern is .*c_fc.*Merge the adapter"),
        ({"r": None}, "does not fit"),
        ({"r": 4}, "does not fit"),
        ({"target_modules": ["attn.c_attn"]}, "does not fit"),
        ({"target_modules": ["lm_head"]}, "does not fit"),
    ],
)
def test_an_adapter_that_we_cannot_read_says_why(saved, change, message):
    _, folder = saved
    path = folder / "adapter_config.json"
    write_json(path, {**json.loads(path.read_text()), **change})
    with pytest.raises(WeightsError, match=message):
        load_adapter(random_model(TINY), folder)


def test_half_an_adapter_is_named(saved):
    _, folder = saved
    (folder / "adapter_model.safetensors").rename(folder / "x")
    with pytest.raises(WeightsError, match=r"adapter_model\.safetensors is missing"):
        open_adapter(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(WeightsError, match=r"holds no adapter.*A run with --lora leaves one"):
        open_adapter(folder)


# --- a run -----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path, records):
    """Eight steps of rank 2."""
    return small_run(tmp_path, records, SMALL, lr=3e-2, lora=2)


def test_a_run_leaves_an_ordinary_model_and_the_small_file(settings, tmp_path):
    out = tmp_path / "run"
    records = list(fine_tune(settings, out))
    assert records[-1].val_response_loss < records[0].val_response_loss
    assert sorted(p.name for p in out.iterdir()) == [
        "adapter", "config.json", "metrics.jsonl", "model.safetensors", "settings.json",
    ]  # fmt: skip
    tuned, base = load_model(out), load_model(settings.model)
    torch.testing.assert_close(logits(tuned), logits(open_adapter(out / "adapter")))
    for name, parameter in base.named_parameters():
        adapted = any(f".{target}.weight" in name for target in TARGETS)
        assert torch.equal(parameter, tuned.get_parameter(name)) != adapted, name


def test_transformers_does_not_correct_the_merged_model_again(settings, tmp_path):
    """With peft installed, an adapter_config.json beside config.json would be applied once more."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    list(fine_tune(settings, tmp_path / "run"))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "run")
    with torch.no_grad():
        torch.testing.assert_close(
            theirs(some_ids()).logits, logits(load_model(tmp_path / "run")), rtol=1e-4, atol=1e-4
        )
    assert not (tmp_path / "run" / "adapter_config.json").exists()


@pytest.mark.parametrize("after", [2, 9])
def test_a_resumed_run_is_bit_identical(settings, tmp_path, monkeypatch, after):
    """Stopped in the first epoch, and after the last step; the state holds no frozen weight."""
    list(fine_tune(settings, tmp_path / "whole"))
    monkeypatch.setattr(runs, "CHECKPOINT_SECONDS", -1.0)
    running = fine_tune(settings, tmp_path / "run")
    for _ in range(after):
        next(running)
    running.close()
    full = (tmp_path / "model" / "model.safetensors").stat().st_size
    assert (tmp_path / "run" / "state.safetensors").stat().st_size < full / 10
    assert not (tmp_path / "run" / "model.safetensors").exists()
    list(fine_tune(settings, tmp_path / "run", resume=True))
    for file in ("model.safetensors", "adapter/adapter_model.safetensors"):
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_resuming_with_another_rank_names_it_and_a_run_older_than_lora_goes_on(settings, tmp_path):
    out = tmp_path / "run"
    list(fine_tune(settings, out))
    with pytest.raises(RunError, match="with lora = 2, not 3"):
        next(fine_tune(replace(settings, lora=3), out, resume=True))
    settings = replace(settings, lora=0)
    list(fine_tune(settings, tmp_path / "old"))
    stored = read_json(tmp_path / "old" / "settings.json")
    write_json(tmp_path / "old" / "settings.json", {k: v for k, v in stored.items() if k != "lora"})
    assert list(fine_tune(settings, tmp_path / "old", resume=True))


def test_the_rate_of_lora_is_its_own():
    full = RunSettings("gpt2-mini", "course", device="cpu", precision="fp32").resolved().lr
    thin = RunSettings("gpt2-mini", "course", lora=16, device="cpu", precision="fp32").resolved().lr
    assert thin == pytest.approx(KNOWN["gpt2-mini"].lr * runs.LORA_RATE)
    assert full not in (thin, KNOWN["gpt2-mini"].lr)  # it is that for frozen embeddings
    assert runs.LORA_RATE == 10  # docs/commands.md says "tenfold"


def test_on_the_command_line(settings, tmp_path, capsys):
    command = ["train", "--model", settings.model, "--data", settings.data, "--max-length", "97"]
    command += ["--device", "cpu", "--precision", "fp32", "--epochs", "1"]
    assert main([*command, "--lora", "2", "--out", f"{tmp_path}/run"]) == 0
    assert (tmp_path / "run" / "adapter" / "adapter_model.safetensors").exists()
    capsys.readouterr()
    for rank, complaint in (("-1", "rank is -1: give 1 or more"), ("4", "rank is 4: give 1 to 3")):
        assert main([*command, "--lora", rank, "--out", f"{tmp_path}/bad"]) == 2
        assert complaint in capsys.readouterr().err


def test_at_rank_16_the_file_is_a_twentieth_of_the_minis_at_most(tmp_path):
    model = add_lora(load_model("gpt2-mini"), 16)
    save_adapter(model, tmp_path / "adapter", "gpt2-mini")
    small = (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size
    assert small <= 0.05 * 4 * KNOWN["gpt2-mini"].parameters
