"""Pretraining's own parts: windows, the restricted softmax, and the start of rare tokens."""

import json
import lzma
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TINY, random_model
from safetensors.torch import save_file

from helpers import pretrain as recipe
from helpers.collate import TENSORS
from helpers.errors import CourseError
from helpers.files import append_jsonl, read_json, read_jsonl
from helpers.model import count_parameters
from helpers.pretrain import (
    CORPUS,
    RECIPES,
    MuonAdamW,
    Phase,
    WindowPlan,
    frequent_tokens,
    gpt2_bytes,
    grow,
    held_out,
    longest_matches,
    pretrain,
    restricted_losses,
    settle_rare_tokens,
    start_phase,
    window_batch,
)
from helpers.train import TrainSettings, TrainState, load_state, save_state, token_losses, train
from helpers.weights import load_model

PHASE = Phase("test", steps=3, rows=5, length=11, lr=1e-3, precision="fp32", micro_batches=2)
needs_muon = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason=f"PyTorch {torch.__version__} has no Muon (2.9 has)"
)


def plan(phase=PHASE, seed=0):
    tokens = np.arange(300, dtype=np.uint16)
    return WindowPlan(phase, [tokens, tokens + 1000], [0.5, 0.5], seed, TINY.n_positions)


def equal(a, b):
    return all(
        torch.equal(getattr(x, f), getattr(y, f))
        for x, y in zip(a, b, strict=True)
        for f in TENSORS
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


# --- growing, Muon, phases -----------------------------------------------------------------------


def test_a_grown_model_computes_what_it_did_and_its_new_blocks_learn():
    model = random_model(TINY).bfloat16().float()  # stored in bfloat16 before it grew
    grown = grow(model, (0, 2))
    assert grown.config == replace(TINY, n_layer=4)
    ids = torch.arange(24).view(2, 12)
    torch.testing.assert_close(grown(ids), model(ids), rtol=1e-6, atol=1e-6)
    assert torch.equal(grown.blocks[1].mlp.up.weight, model.blocks[0].mlp.up.weight)
    assert torch.equal(grown.blocks[3].mlp.up.weight, model.blocks[1].mlp.up.weight)
    token_losses(grown, window_batch(ids, torch.arange(11).expand(2, 11)))[0].sum().backward()
    for n in (0, 2):
        assert grown.blocks[n].mlp.down.weight.grad.abs().sum() > 0
        assert grown.blocks[n].attention.out.weight.grad.abs().sum() > 0


@needs_muon
def test_muon_moves_the_matrices_of_the_blocks_and_adamw_all_the_rest():
    model = random_model(TINY)
    muon, adamw = MuonAdamW(model, TrainSettings(), 0.3).parts
    moved = {id(p) for group in muon.param_groups for p in group["params"]}
    names = {name for name, p in model.named_parameters() if id(p) in moved}
    assert names == {
        f"blocks.{n}.{part}.weight"
        for n in range(TINY.n_layer)
        for part in ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
    }
    others = [id(p) for group in adamw.param_groups for p in group["params"]]
    assert len(others) == len(set(others))
    assert moved.isdisjoint(others)
    assert len(moved) + len(others) == len(list(model.parameters()))
    assert [group.get("lr_scale") for group in adamw.param_groups] == [0.3, None, None]


@needs_muon
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_resumed_phase_ends_with_the_same_bits(tmp_path, optimizer):
    phase = replace(PHASE, steps=6, optimizer=optimizer, final_lr=0.1)

    def fresh():
        return start_phase(random_model(TINY), phase)

    whole = fresh()
    list(train(whole, plan(phase)))
    part = fresh()
    for record in train(part, plan(phase)):
        if record.step == 3:
            break
    save_state(tmp_path, part)
    resumed = load_state(tmp_path, fresh())
    list(train(resumed, plan(phase)))
    for (name, p), q in zip(
        whole.model.named_parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(p, q), name
    moments, others = (s.optimizer.state_dict()["state"] for s in (whole, resumed))
    assert moments.keys() == others.keys()
    for n in moments:
        assert moments[n].keys() == others[n].keys()
        assert all(torch.equal(moments[n][key], others[n][key]) for key in moments[n])


@needs_muon
def test_a_phase_keeps_the_moments_of_what_the_same_optimiser_moved_before():
    model = random_model(TINY)
    adamw = start_phase(model, PHASE)
    list(train(adamw, plan()))
    before = adamw.optimizer.state[model.tokens.weight]["exp_avg"].clone()
    both = start_phase(model, replace(PHASE, optimizer="muon"), adamw)
    assert torch.equal(both.optimizer.parts[1].state[model.tokens.weight]["exp_avg"], before)
    assert not both.optimizer.parts[0].state  # AdamW's moments mean nothing to Muon
    list(train(both, plan()))
    after = start_phase(model, replace(PHASE, optimizer="muon"), both)
    matrix = model.blocks[0].mlp.up.weight
    assert after.optimizer.parts[0].state[matrix]["momentum_buffer"].abs().sum() > 0
    dropped = start_phase(model, replace(PHASE, keep_moments=False), both)
    assert not dropped.optimizer.state


def test_a_pytorch_without_muon_says_what_to_do(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(CourseError, match=r"has no torch\.optim\.Muon: install 2\.9 or newer"):
        start_phase(random_model(TINY), replace(PHASE, optimizer="muon"))


# --- the recipe as a whole -----------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path):
    """Six small sources, one of which has something else to say."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for n, name in enumerate(CORPUS):
        text = f"The number of this source is {n}. " * 60
        with lzma.open(folder / f"{name}.txt.xz", "wt", encoding="utf-8") as file:
            file.write(f"{text}\n<|endoftext|>\n{text}")
    return folder


SMALL = (
    replace(PHASE, name="first", vocabulary=300),
    replace(PHASE, name="grown", new_blocks=(1,), vocabulary=300, prose=0.5, paragraphs=30),
    replace(
        PHASE, name="whole", steps=2, rows=2, length=97, full_softmax=True, random_positions=False
    ),
)


NOT_SAVED = {"tokens": 9, "loss": 0.0, "seconds": 0.0}


def test_finished_phases_are_loaded_and_a_killed_one_goes_on(tmp_path, corpus, monkeypatch):
    config = replace(TINY, n_layer=1)
    model = pretrain(config, SMALL, corpus, tmp_path / "a", every=1)
    assert model.config.n_layer == 2

    real, steps = recipe.train, []

    def killed(state, plan, **options):
        for record in real(state, plan, **options):
            steps.append((plan.phase.name, record.step))
            yield record
            if steps[-1] == ("grown", 2):
                raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "train", killed)
    monkeypatch.setattr(recipe, "SAVE_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        pretrain(config, SMALL, corpus, tmp_path / "b", every=1)
    # a step that was done and written down, but not saved, before the kill
    append_jsonl(tmp_path / "b" / "grown" / "curve.jsonl", {"step": 3, **NOT_SAVED})
    again = pretrain(config, SMALL, corpus, tmp_path / "b", every=1)
    assert steps == [
        *(("first", n) for n in (1, 2, 3)),
        *(("grown", n) for n in (1, 2, 3)),
        *(("whole", n) for n in (1, 2)),
    ]
    for (name, p), q in zip(model.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(p, q), name
    for phase in SMALL:
        a, b = (read_jsonl(tmp_path / f / phase.name / "curve.jsonl") for f in "ab")
        assert [(r["step"], r["loss"]) for r in a] == [(r["step"], r["loss"]) for r in b]
        assert a[-1]["tokens"] == phase.tokens


def test_a_phase_writes_down_what_it_was_and_where_it_ran(tmp_path, corpus):
    pretrain(replace(TINY, n_layer=1), SMALL[:1], corpus, tmp_path / "w", machine="a test")
    found = read_json(tmp_path / "w" / "first" / "phase.json")
    assert (found["steps"], found["optimizer"], found["lr"]) == (3, "adamw", 1e-3)
    assert (found["machine"], found["device"]) == ("a test", "cpu")
    assert found["threads"] == torch.get_num_threads()


def test_the_command_line_pretrains_and_saves(tmp_path, corpus, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES, "micro", (replace(TINY, n_layer=1), SMALL))
    # what the process shares with the other tests
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    monkeypatch.setattr(recipe, "keep_memory", lambda: None)
    options = f"--model micro --corpus {corpus} --work {tmp_path}/w --device cpu".split()
    with pytest.raises(CourseError, match="unknown phase 'wohle'; did you mean 'whole'"):
        recipe.main([*options, "--until", "wohle"])
    recipe.main([*options, "--until", "first", "--save", str(tmp_path / "model")])
    model = load_model(tmp_path / "model")
    out = capsys.readouterr().out.splitlines()
    assert json.loads(out[-1]) == {"parameters": count_parameters(model)}
    assert out[-2].startswith("first 3/3: ")


def test_the_recipes_make_models_of_the_promised_sizes():
    for name, most in (("mini", 20_000_000), ("micro", 8_000_000)):
        config, phases = RECIPES[name]
        layers = config.n_layer + sum(len(phase.new_blocks) for phase in phases)
        with torch.device("meta"):
            model = recipe.GPT(replace(config, n_layer=layers))
        assert count_parameters(model) <= most
        assert len({phase.name for phase in phases}) == len(phases)  # each has a folder of its own
        last = phases[-1]
        assert last.full_softmax
        assert last.length == config.n_positions
        assert not last.random_positions


def test_donated_embeddings_keep_as_much_of_another_models_as_fits(tmp_path):
    vectors = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    vectors[:, :2] = 3.0  # what is the same for every token tells nothing apart
    save_file({"model.tokens.weight": vectors}, tmp_path / "state.safetensors")
    ours = recipe.donated_embeddings(tmp_path / "state.safetensors", 5)
    assert ours.shape == (40, 5)
    assert ours.pow(2).mean().sqrt() == pytest.approx(0.05)
    apart, before = torch.pdist(ours), torch.pdist(vectors)
    torch.testing.assert_close(apart, before * (apart.sum() / before.sum()), atol=0, rtol=1e-3)
