"""The bundled models keep their promises: size, Hugging Face's logits, every position, a true card."""

import json
import re

import pytest
import torch
from conftest import BUNDLED

from helpers.card import STARTS, facts_on_purpose
from helpers.data import ASSETS
from helpers.files import sha256
from helpers.model import count_parameters
from helpers.pretrain import CORPUS, RECIPES, window_batch
from helpers.train import token_losses
from helpers.weights import KNOWN, load_model

MOST = {"gpt2-mini": (20_000_000, 40_000_000), "gpt2-micro": (8_000_000, 16_000_000)}


@pytest.mark.parametrize("name", BUNDLED)
def test_transformers_opens_it_with_our_logits(name, tokenizer):
    from transformers import GPT2LMHeadModel

    folder = KNOWN[name].folder
    ids = torch.tensor([tokenizer.encode_ordinary("The opposite of hot is cold.")])
    theirs = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    ours = load_model(name)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", BUNDLED)
def test_it_is_as_small_as_promised_and_its_files_are_the_listed_ones(name):
    parameters, size = MOST[name]
    folder = KNOWN[name].folder
    model = load_model(name)
    assert count_parameters(model) == KNOWN[name].parameters <= parameters
    assert (folder / "model.safetensors").stat().st_size <= size
    sums = (ASSETS / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {file: digest for digest, file in (line.split() for line in sums)}
    for file in ("config.json", "curve.json", "model.safetensors"):
        assert listed[f"{name}/{file}"] == sha256(folder / file)


@pytest.mark.parametrize("name", BUNDLED)
def test_its_last_positions_are_as_good_as_its_first(name, tokenizer):
    """The same tokens, near the end of 1,024 positions and again with less before them near the
    start: a model that never learnt its last positions predicts them much worse (by 0.7 nats, before
    the mini had read windows of full length). What came long before is mostly another story."""
    text = (ASSETS / "course" / "heldout.txt").read_text(encoding="utf-8")
    ids = torch.tensor(tokenizer.encode_ordinary(text))
    model = load_model(name)
    last, first = [], []
    with torch.no_grad():
        for start in range(0, len(ids) - 1024, 1024):
            window = ids[None, start : start + 1025]
            whole = window_batch(window, torch.arange(1024)[None])
            short = window_batch(window[:, 640:], torch.arange(384)[None])
            last.append(token_losses(model, whole)[0][-256:].mean())
            first.append(token_losses(model, short)[0][-256:].mean())
    assert torch.isfinite(torch.stack(last)).all()
    assert sum(last) / len(last) <= sum(first) / len(first) + 0.15


@pytest.mark.parametrize("name", BUNDLED)
def test_its_card_has_all_its_numbers(name):
    folder = KNOWN[name].folder
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{KNOWN[name].parameters:,} parameters" in text
    for phase in RECIPES[name.removeprefix("gpt2-")][1]:
        assert f"\n| {phase.name} | {phase.steps:,} | {phase.rows} × {phase.length:,} |" in text
    for source in (
        *CORPUS,
        "our own prose, of a seed never used",
        "heldout.txt, stories of our own",
    ):
        row = re.search(rf"^\| {re.escape(source)} \| ([^\n]+) \|$", text, re.MULTILINE)
        tokens, *bits = row[1].replace(",", "").split(" | ")
        ours, unigram, xz = map(float, bits)
        assert int(tokens) > 1_000
        assert 0 < ours < min(unigram, xz)
    assert facts_on_purpose() in text
    assert text.count("\n> **") == len(STARTS)
    assert "| 0–127 |" in text
    assert "| 896–1,023 |" in text
    assert re.search(r"!\[Loss on held-out text against position: [^\]]+\]\(positions\.png\)", text)
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (folder / target).exists(), target
    assert (folder / "positions.png").stat().st_size <= 60_000
    curve = (folder / "curve.json").read_text(encoding="utf-8")
    assert len(curve.encode()) <= 15_000
    phases = json.loads(curve)["phases"]
    assert list(phases) == [phase.name for phase in RECIPES[name.removeprefix("gpt2-")][1]]
