"""Checkpoints: other people's key names, and one clear error for everything else."""

import copy
import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from conftest import TINY, random_model

from helpers.collate import BatchPlan
from helpers.errors import WeightsError
from helpers.files import sha256
from helpers.masking import make_examples
from helpers.model import count_parameters
from helpers.train import TrainSettings, TrainState, load_state, save_state, train
from helpers.weights import (
    GPT2_SIZES,
    empty_model,
    find_model,
    key_mapping,
    load_model,
    save_model,
)


@pytest.fixture
def saved(tmp_path):
    model = random_model(TINY)
    save_model(model, tmp_path / "model")
    return model, tmp_path / "model"


@pytest.fixture
def examples(records, tokenizer):
    return make_examples(records[:12], "plain", tokenizer)[0]


def rewrite(folder, change):
    """Apply `change` to the tensors of a saved model."""
    path = folder / "model.safetensors"
    tensors = change(dict(safetensors.torch.load_file(path)))
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


def assert_same(a, b):
    for (name, p), (_, q) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        assert torch.equal(p, q), name


def test_saving_and_loading_returns_every_tensor(saved):
    model, folder = saved
    assert_same(load_model(folder), model)
    assert_same(load_model(folder / "model.safetensors"), model)


def test_without_the_transformer_prefix_and_with_old_buffers(saved):
    """openai-community/gpt2 itself: no prefix, and the causal mask saved as attn.bias."""
    model, folder = saved

    def old_style(tensors):
        tensors = {k.removeprefix("transformer."): v for k, v in tensors.items()}
        return {
            **tensors,
            "h.0.attn.bias": torch.ones(1, 1, 5, 5),
            "h.1.attn.masked_bias": torch.ones(1),
        }

    rewrite(folder, old_style)
    assert_same(load_model(folder), model)


def test_a_head_equal_to_the_embedding_is_tied_and_another_one_is_not(saved):
    model, folder = saved
    rewrite(folder, lambda t: {**t, "lm_head.weight": t["transformer.wte.weight"].clone()})
    assert load_model(folder).config.tied
    rewrite(folder, lambda t: {**t, "lm_head.weight": t["transformer.wte.weight"] + 1})
    separate = load_model(folder)
    assert not separate.config.tied
    h = torch.randn(2, TINY.n_embd)
    torch.testing.assert_close(separate.head(h), h @ (model.tokens.weight + 1).T)


def files(folder):
    return {path.name: sha256(path) for path in folder.iterdir()}


def test_the_weights_are_the_file_and_nothing_written_to_them_reaches_it(saved):
    """Mapped privately: two models of one file, and the file, stay apart."""
    model, folder = saved
    before = files(folder)
    changed, other = load_model(folder), load_model(folder)
    stored = safetensors.torch.load_file(folder / "model.safetensors")
    qkv = changed.blocks[0].attention.qkv.weight
    assert not qkv.is_contiguous()
    assert qkv.T.is_contiguous()
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.zero_()
    assert files(folder) == before
    assert_same(other, model)
    assert_same(load_model(folder), model)
    for key, tensor in safetensors.torch.load_file(folder / "model.safetensors").items():
        assert torch.equal(tensor, stored[key])


def test_a_loaded_model_trains_as_one_whose_weights_are_its_own(saved, tmp_path, examples):
    """Step by step, and after a resume: fused AdamW goes by place in memory, whatever the strides."""
    _, folder = saved
    before = files(folder)
    plan = BatchPlan(examples, batch_size=5, seed=1)
    settings = TrainSettings(epochs=3, lr=1e-2)
    copied = copy.deepcopy(load_model(folder))
    for parameter in copied.parameters():
        parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    straight, mapped = TrainState(copied, settings), TrainState(load_model(folder), settings)
    for _ in train(straight, plan):
        pass
    steps = train(mapped, plan)
    next(steps), next(steps)
    save_state(tmp_path, mapped)
    resumed = load_state(tmp_path, TrainState(load_model(folder), settings))
    for _ in train(resumed, plan):
        pass
    assert_same(resumed.model, straight.model)
    assert files(folder) == before


def test_a_model_without_weights_takes_no_memory_and_no_random_numbers():
    state = torch.get_rng_state()
    model = empty_model(GPT2_SIZES["gpt2-xl"])
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert count_parameters(model) == 1_557_611_200
    assert torch.equal(torch.get_rng_state(), state)


def test_a_fresh_process_loads_a_model_without_the_compiler():
    """torch's own random starting weights would import it: a second before anything is read."""
    script = (
        "import sys; from helpers.weights import load_model; load_model('gpt2-micro')\n"
        "print('torch._dynamo' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


def test_half_precision_on_disk_is_float32_in_memory(saved, tmp_path):
    model, _ = saved
    save_model(model, tmp_path / "half", dtype=torch.bfloat16)
    loaded = load_model(tmp_path / "half")
    assert loaded.tokens.weight.dtype == torch.float32
    torch.testing.assert_close(loaded.tokens.weight, model.tokens.weight, rtol=1e-2, atol=1e-2)


def test_the_first_wrong_shape_is_named_with_both_shapes(saved):
    _, folder = saved
    rewrite(folder, lambda t: {**t, "transformer.h.1.mlp.c_fc.weight": torch.ones(84, 21)})
    with pytest.raises(
        WeightsError, match=r"h\.1\.mlp\.c_fc\.weight' has shape \(84, 21\).*\(21, 84\)"
    ):
        load_model(folder)


def test_a_missing_and_a_foreign_tensor_are_named(saved):
    _, folder = saved
    rewrite(folder, lambda t: {k: v for k, v in t.items() if k != "transformer.ln_f.bias"})
    with pytest.raises(WeightsError, match=r"'transformer\.ln_f\.bias' is missing"):
        load_model(folder)
    rewrite(
        folder, lambda t: {**t, "transformer.ln_f.bias": torch.ones(21), "extra": torch.ones(1)}
    )
    with pytest.raises(WeightsError, match="'transformer.extra' is not part of a GPT-2"):
        load_model(folder)


def test_unknown_names_pickles_and_cut_files_are_refused(saved, tmp_path):
    _, folder = saved
    with pytest.raises(WeightsError, match="did you mean 'gpt2-mini'"):
        load_model("gpt2-mni")
    pickle = tmp_path / "pytorch_model.bin"
    pickle.write_bytes(b"\x80\x04")
    with pytest.raises(WeightsError, match="can run code when opened"):
        load_model(pickle)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"5,000 bytes\) is not a whole safetensors file"):
        load_model(folder)


def test_a_config_of_another_kind_is_refused(saved):
    _, folder = saved
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    with pytest.raises(WeightsError, match="describes a 'llama', not a 'gpt2'"):
        load_model(folder)
    (folder / "config.json").write_text(json.dumps({**config, "activation_function": "gelu"}))
    with pytest.raises(WeightsError, match="'gelu' is not GPT-2's tanh GELU"):
        load_model(folder)
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json is missing"):
        load_model(folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"no model\.safetensors"):
        find_model(tmp_path)


def test_four_matrices_a_block_are_stored_transposed():
    transposed = [ours for ours, (_, t) in key_mapping(TINY).items() if t]
    assert len(transposed) == 4 * TINY.n_layer
    assert all("qkv" in n or "out" in n or "up" in n or "down" in n for n in transposed)


def test_without_a_network_the_error_names_the_cache_and_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        WeightsError, match="gpt2 is not in the cache .* use the bundled model: gpt2-mini"
    ):
        load_model("gpt2")
