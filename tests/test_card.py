"""The card of a bundled model: measured, complete, and about what was really done."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TINY, random_model
from test_pretrain import PHASE, corpus  # noqa: F401, a fixture

from helpers import card
from helpers.errors import CourseError
from helpers.files import read_json, write_json, write_jsonl
from helpers.pretrain import RECIPES, held_out, tokenise_prose
from helpers.weights import save_model

# The first was stopped early; in the second the model grew.
PHASES = (
    replace(PHASE, name="one", steps=40, planned=80, lr=2e-3, warmup=0.05, optimizer="muon"),
    replace(PHASE, name="two", steps=20, full_softmax=True, new_blocks=(1,), final_lr=0.1),
)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """What pretraining leaves: curves, one of them with steps that a killed run did in vain."""
    monkeypatch.setitem(RECIPES, "micro", (TINY, PHASES))
    for phase in PHASES:
        steps = range(1, phase.steps + (9 if phase.name == "one" else 1))
        lines = [
            {"step": s, "tokens": 55 * s, "loss": 9 - s / 50, "seconds": 90 * s} for s in steps
        ]
        write_jsonl(tmp_path / phase.name / "curve.jsonl", lines)
        machine = {"machine": f"machine {phase.name}", "threads": 2, "embeddings": "Donor-1M"}
        write_json(tmp_path / phase.name / "phase.json", machine)
    return tmp_path


def test_the_card_tells_what_was_done_and_how_well_it_reads(work, corpus, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(card, "MOST", 600)
    monkeypatch.setattr(card, "held_out", lambda tokens: held_out(tokens, 0.6))
    monkeypatch.setattr(card, "tokenise_prose", lambda c, seed, n: tokenise_prose(c, seed, 40))
    save_model(random_model(replace(TINY, n_positions=263)), tmp_path / "model")
    out = tmp_path / "out"
    options = f"--model gpt2-micro --corpus {corpus} --work {work} --weights {tmp_path}/model"
    card.main([*options.split(), "--out", str(out), "--windows", "5"])

    text = (out / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# gpt2-micro\n")
    assert (
        "| one | 40 | 5 × 11 | 0.0 | 8192 | muon | 0.002 → 0.002 | 0% | fp32 | 2 | 1.0 | 8.20 |"
        in text
    )
    assert "| two | 20 | 5 × 11 | 0.0 | all | adamw | 0.001 → " in text
    assert "machine one; machine two" in text
    assert "token embeddings (from Donor-1M's, projected)" in text
    assert "its blocks number 2 are new" in text
    assert "one (of 80 steps)" in text
    assert "word for word" in text  # facts on purpose
    assert "(../gpt2-mini/SOURCES.md)" in text
    for source in (*card.CORPUS, "our own prose", "heldout.txt"):
        assert f"| {source}" in text
    assert "![Loss on held-out text against position: " in text
    assert text.count("\n> **") == len(card.STARTS)
    assert (out / "positions.png").stat().st_size < 60_000

    curve = read_json(out / "curve.json")
    assert curve["columns"] == ["step", "tokens", "loss"]
    assert [len(points) for points in curve["phases"].values()] == [40, 20]
    assert curve["phases"]["one"][-1] == [40, 2200, 8.2]
    assert len(json.dumps(curve)) < 15_000


def test_a_recipe_that_is_not_what_was_done_is_refused(work):
    one, two = PHASES
    with pytest.raises(CourseError, match="ends at step 20, before the phase's last, 30"):
        card.read_phase(replace(two, steps=30), work / "two")
    write_json(work / "one" / "phase.json", {"lr": 1e-3, "machine": "m", "threads": 1})
    with pytest.raises(CourseError, match=r"lr is 0\.001, the recipe says 0\.002"):
        card.read_phase(one, work / "one")


def test_hours_may_be_known_only_of_several_phases_together(work):
    facts = {"machine": "m", "threads": 1, "hours": None}
    write_json(work / "one" / "phase.json", facts)
    phases = {phase: card.read_phase(phase, work / phase.name) for phase in PHASES}
    table = card.recipe_table(phases).splitlines()
    assert "| 1 |  | 8.20 |" in table[2]
    assert table[-1].endswith("| 0.5 | |")  # the hours of the second alone


def test_baselines_and_model_are_measured_alike(tokenizer):
    text = "the cat sat on the mat and the dog sat on the cat. " * 40
    ids = np.array(tokenizer.encode_ordinary(text), np.uint16)
    size = len(text.encode()) / len(ids)  # bytes a token
    assert card.bytes_per_token(ids) == pytest.approx(size)
    counts = np.bincount(ids, minlength=50257) + 1.0
    entropy = -np.log2(counts[ids] / counts.sum()).mean()
    assert card.unigram_bits(ids, ids) == pytest.approx(entropy / size)
    assert card.xz_bits(ids) < 1  # it repeats itself
    with torch.no_grad():
        uniform = random_model(replace(TINY, n_positions=300))
        uniform.tokens.weight.zero_()  # every token as likely as any other
    rows = len(ids) // 257
    learnt = card.bytes_per_token(ids[: rows * 257].reshape(rows, 257)[:, 1:].flatten())
    assert card.bits_per_byte(uniform, ids) == pytest.approx(math.log2(50257) / learnt, rel=1e-4)


def test_the_loss_of_every_position_is_measured_from_position_0():
    """A model that knows only positions: the loss must show where each token stood."""
    with torch.no_grad():
        model = random_model(TINY)
        model.positions.weight[50:] = 0
        first = card.position_losses(model, [np.arange(300, dtype=np.uint16)], 9)
        model.positions.weight[50:] += torch.randn(TINY.n_embd)
        second = card.position_losses(model, [np.arange(300, dtype=np.uint16)], 9)
    assert first.shape == (3, TINY.n_positions)
    changed = ~np.isclose(first, second).all(0)
    assert not changed[:50].any()
    assert changed[50:].all()
    bins = card.binned(first, 32)
    assert len(bins) == 4  # 97 positions
    assert bins[0][0] == pytest.approx(first[:, :32].mean(), rel=1e-5)
    with pytest.raises(CourseError, match="shorter than two windows of 97 tokens"):
        card.position_losses(model, [np.arange(150, dtype=np.uint16)], 9)
