"""Pretraining's own parts: windows, the restricted softmax, and the start of rare tokens."""

import numpy as np
import torch
from conftest import TINY, random_model

from helpers.pretrain import (
    Phase,
    WindowPlan,
    frequent_tokens,
    gpt2_bytes,
    held_out,
    longest_matches,
    restricted_losses,
    settle_rare_tokens,
    window_batch,
)
from helpers.train import TrainSettings, TrainState, token_losses, train

PHASE = Phase("test", steps=3, rows=5, length=11, vocabulary=0, lr=1e-3, micro_batches=2)


def plan(phase=PHASE, seed=0):
    tokens = np.arange(300, dtype=np.uint16)
    return WindowPlan(phase, [tokens, tokens + 1000], [0.5, 0.5], seed, TINY.n_positions)


def equal(a, b):
    return all(
        torch.equal(getattr(x, f), getattr(y, f))
        for x, y in zip(a, b, strict=True)
        for f in vars(x)
    )


def test_windows_follow_from_seed_and_step():
    assert equal(plan().micro_batches(0, 2), plan().micro_batches(0, 2))
    assert not equal(plan().micro_batches(0, 2), plan().micro_batches(0, 1))
    assert not equal(plan().micro_batches(0, 2), plan(seed=1).micro_batches(0, 2))


def test_a_window_predicts_its_next_token_at_some_position_of_the_model():
    first, second = plan().micro_batches(0, 0)
    assert (first.input_ids.shape, second.input_ids.shape) == ((3, 11), (2, 11))
    assert torch.equal(first.labels, first.input_ids + 1)
    offsets = {
        int(p)
        for step in range(30)
        for b in plan().micro_batches(0, step)
        for p in b.positions[:, 0]
    }
    assert 0 in offsets
    assert max(offsets) > 40
    assert max(offsets) + 11 <= TINY.n_positions


def test_the_last_part_of_a_source_is_never_trained_on():
    train_part, test_part = held_out(np.arange(1000))
    assert (len(train_part), len(test_part)) == (990, 10)
    assert test_part[0] == 990


def test_the_restricted_softmax_over_all_tokens_is_the_full_one():
    model = random_model(TINY, dtype=torch.float64)
    batch = window_batch(torch.arange(24).view(2, 12), torch.arange(11).expand(2, 11))
    everything = torch.arange(TINY.vocab_size)
    nll, weights = restricted_losses(everything, TINY.vocab_size)(model, batch)
    expected, _ = token_losses(model, batch)
    torch.testing.assert_close(nll.double(), expected, rtol=1e-5, atol=1e-5)
    assert weights.tolist() == [1.0] * 22


def test_the_restricted_softmax_leaves_other_targets_out():
    model = random_model(TINY)
    batch = window_batch(torch.tensor([[5, 6, 7, 8]]), torch.arange(3).expand(1, 3))
    nll, _ = restricted_losses(torch.tensor([6, 8, 9]), TINY.vocab_size)(model, batch)
    assert nll.shape == (2,)  # 6 and 8 are scored, 7 is not
    h = model.hidden(batch.input_ids, batch.positions)[0, [0, 2]]
    logits = h @ model.tokens.weight[[6, 8, 9]].T
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]), reduction="none")
    torch.testing.assert_close(nll, expected)


def test_frequent_tokens_are_counted_over_the_mixture():
    sources = [np.array([1, 1, 1, 2]), np.array([3, 3, 4, 4])]
    assert frequent_tokens(sources, [0.9, 0.1], 2).tolist() == [1, 2]
    assert frequent_tokens(sources, [0.1, 0.9], 2).tolist() == [3, 4]


def test_settled_tokens_are_unlikely_and_the_others_untouched():
    model = random_model(TINY)
    before = model.tokens.weight.detach().clone()
    subset = torch.arange(200)
    batch = window_batch(torch.arange(24).view(2, 12), torch.arange(11).expand(2, 11))
    mean = model.hidden(batch.input_ids, batch.positions).mean((0, 1)).detach()
    settle_rare_tokens(model, batch, subset)
    assert torch.equal(model.tokens.weight[subset], before[subset])
    logits = (model.tokens.weight @ mean).detach()
    level = logits[subset].sort().values[:20].mean()
    torch.testing.assert_close(
        logits[200:], level.expand(TINY.vocab_size - 200), rtol=1e-3, atol=1e-3
    )


def test_pretraining_is_the_same_loop_as_fine_tuning():
    model = random_model(TINY)
    state = TrainState(model, TrainSettings(epochs=1, lr=1e-3))
    records = list(train(state, plan()))
    assert [r.step for r in records] == [1, 2, 3]
    assert records[-1].tokens == 3 * 5 * 11


def test_foreign_tokens_are_matched_by_their_bytes():
    assert gpt2_bytes("Ġhello") == b" hello"
    assert gpt2_bytes("Ċ") == b"\n"
    known = {b" un": 3, b"happy": 7, b" ": 9, b"u": 1}
    assert longest_matches(b" unhappy", known) == [3, 7]
    assert longest_matches(b"zzz", known) == [0]
