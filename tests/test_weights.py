"""Checkpoints: other people's key names, and one clear error for everything else."""

import json

import pytest
import safetensors.torch
import torch
from conftest import TINY, random_model

from helpers.errors import WeightsError
from helpers.weights import find_model, key_mapping, load_model, save_model


@pytest.fixture
def saved(tmp_path):
    model = random_model(TINY)
    save_model(model, tmp_path / "model")
    return model, tmp_path / "model"


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
