"""The model is GPT-2: same logits as transformers, same answers with and without a cache."""

import pytest
import torch
from conftest import TINY, random_model
from transformers import GPT2Config, GPT2LMHeadModel

from helpers.errors import SettingsError
from helpers.model import GPT, GPTConfig, KVCache, causal_mask, count_parameters, init_weights
from helpers.weights import GPT2_SIZES, KNOWN


@pytest.mark.parametrize("name", sorted(GPT2_SIZES))
def test_known_sizes_have_the_published_number_of_parameters(name):
    with torch.device("meta"):
        model = GPT(GPT2_SIZES[name])
    assert count_parameters(model) == KNOWN[name].parameters


def test_width_must_be_a_multiple_of_the_heads():
    with pytest.raises(SettingsError, match="n_embd 10 is not a multiple of n_head 3"):
        GPTConfig(n_embd=10, n_head=3)


def test_fresh_weights_are_as_small_as_gpt_2_s():
    """Normal 0.02, positions 0.01; what writes into the residual stream less the deeper the model."""
    config = GPTConfig(n_layer=8, n_head=1, n_embd=128, n_positions=128, vocab_size=101)
    model = init_weights(GPT(config), torch.Generator().manual_seed(0))
    block = model.blocks[3]
    for weight, std in (
        (model.tokens.weight, 0.02),
        (model.positions.weight, 0.01),
        (block.attention.qkv.weight, 0.02),
        (block.mlp.up.weight, 0.02),
        (block.attention.out.weight, 0.02 / 4),  # √(2 · 8) = 4
        (block.mlp.down.weight, 0.02 / 4),
    ):
        assert weight.std().item() == pytest.approx(std, rel=0.05)
        assert abs(weight.mean().item()) < 0.05 * std
    assert torch.equal(block.norm1.weight, torch.ones(128))
    assert not any(p.any() for name, p in model.named_parameters() if name.endswith("bias"))


def test_the_cache_changes_nothing_whatever_the_pieces():
    """is_causal with a cache is the classic trap: several new tokens, something already seen."""
    model = random_model(TINY, dtype=torch.float64)
    ids = torch.randint(0, 50257, (2, 17), generator=torch.Generator().manual_seed(1))
    whole = model(ids)
    for pieces in ([17], [5, 12], [1] * 17, [7, 1, 1, 8]):
        cache = KVCache(TINY, 2, 17, dtype=torch.float64)
        parts = [model(part, cache=cache) for part in ids.split(pieces, dim=1)]
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-10)


def test_a_full_cache_says_so():
    model = random_model(TINY)
    cache = KVCache(TINY, 1, 4)
    with pytest.raises(SettingsError, match="has 4 slots and needs 5"):
        model(torch.zeros(1, 5, dtype=torch.long), cache=cache)


def test_a_text_beyond_the_last_position_is_refused():
    with pytest.raises(SettingsError, match="98 tokens, but the model has 97"):
        random_model(TINY)(torch.zeros(1, 98, dtype=torch.long))


def test_positions_are_explicit():
    """The same tokens at shifted positions give other logits; default positions count from 0."""
    model = random_model(TINY)
    ids = torch.tensor([[3, 5, 7]])
    torch.testing.assert_close(model(ids), model(ids, positions=torch.tensor([[0, 1, 2]])))
    assert not torch.allclose(model(ids), model(ids, positions=torch.tensor([[4, 5, 6]])))


def test_no_token_sees_the_future():
    model = random_model(TINY)
    ids = torch.randint(0, 50257, (1, 11), generator=torch.Generator().manual_seed(2))
    changed = ids.clone()
    changed[0, 7] += 1
    before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7:], after[:, 7:])


def test_causal_mask_in_numbers():
    assert causal_mask(2, 4).int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tied", [True, False])
def test_logits_equal_transformers_in_both_directions(tmp_path, seed, tied):
    from helpers.weights import load_model, save_model

    sizes = torch.randint(1, 4, (2,), generator=torch.Generator().manual_seed(seed)).tolist()
    config = GPTConfig(
        n_layer=sizes[0],
        n_head=sizes[1],
        n_embd=sizes[1] * 14,
        n_positions=31,
        vocab_size=101,
        tied=tied,
    )
    ids = torch.randint(0, 101, (3, 13), generator=torch.Generator().manual_seed(seed))

    ours = random_model(config, seed)
    save_model(ours, tmp_path / "ours")
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path / "ours").eval()
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, ours(ids), rtol=1e-5, atol=1e-5)

    torch.manual_seed(seed)
    theirs = GPT2LMHeadModel(
        GPT2Config(
            n_layer=config.n_layer,
            n_head=config.n_head,
            n_embd=config.n_embd,
            n_positions=31,
            vocab_size=101,
            tie_word_embeddings=tied,
            bos_token_id=1,
            eos_token_id=1,
        )
    ).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_model(tmp_path / "theirs")
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-5, atol=1e-5)
