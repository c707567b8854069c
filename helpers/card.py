"""The model card of a bundled model: what it was made from, how, and how well it reads.

`python -m helpers.card` measures bits per byte on held-out text of each source beside two simple
baselines and writes README.md beside the weights. Every number in the card is computed here.
"""

from __future__ import annotations

import argparse
import lzma
import math
from pathlib import Path

import numpy as np
import torch

from helpers.data import ASSETS
from helpers.files import read_json, read_jsonl, write_json, write_text
from helpers.generate import generate
from helpers.model import GPT, count_parameters
from helpers.pretrain import CORPUS, Phase, held_out, tokenise, tokenise_prose, window_batch
from helpers.tokenizer import load_tokenizer
from helpers.train import evaluate_loss
from helpers.weights import load_model

STARTS = (
    "The opposite of hot is",
    "The capital of France is",
    "The past tense of sing is",
    "Once upon a time, a little girl",
    "In chemistry, a molecule is",
)


def bits_per_byte(model: GPT, tokens: np.ndarray, length: int = 256, most: int = 40_000) -> float:
    """Mean bits per byte of text on at most `most` tokens, in windows of `length`."""
    tokens = np.asarray(tokens[: min(most, len(tokens))]).astype(np.int64)
    windows = len(tokens) // (length + 1)
    ids = torch.from_numpy(tokens[: windows * (length + 1)].reshape(windows, length + 1))
    positions = torch.arange(length).expand(windows, length)
    batches = [
        window_batch(ids[i : i + 8], positions[i : i + 8].contiguous())
        for i in range(0, windows, 8)
    ]
    return evaluate_loss(model, batches) / math.log(2) / bytes_per_token(ids[:, 1:].flatten())


def bytes_per_token(tokens) -> float:
    """Bytes of text a token stands for, on average."""
    tokenizer = load_tokenizer()
    return len(tokenizer.decode_bytes(list(map(int, tokens)))) / len(tokens)


def unigram_bits(train: np.ndarray, test: np.ndarray) -> float:
    """Bits per byte of a model that knows only how frequent each token is (add-one smoothed)."""
    counts = np.bincount(train, minlength=50257) + 1.0
    bits = -np.log2(counts / counts.sum())
    return float(bits[test].mean()) / bytes_per_token(test)


def xz_bits(test: np.ndarray) -> float:
    """Bits per byte of the text compressed by xz at its highest level."""
    text = load_tokenizer().decode_bytes(list(map(int, test)))
    return 8 * len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) / len(text)


def measure(model: GPT, corpus: Path, work: Path) -> dict[str, dict[str, float]]:
    """Bits per byte for each source, ours and the baselines'."""
    sources = {name: held_out(tokens) for name, tokens in tokenise(corpus, work / "tokens").items()}
    unseen = tokenise_prose(work / "tokens", 999, 700)
    sources["our own prose, unseen"] = (unseen, unseen)
    rows = {}
    for name, (train, test) in sources.items():
        test = test[:40_000]
        rows[name] = {
            "model": bits_per_byte(model, test),
            "unigram": unigram_bits(np.asarray(train), np.asarray(test)),
            "xz": xz_bits(test),
        }
    return rows


def card(folder: Path, corpus: Path, work: Path, machine: str) -> str:
    """The text of README.md."""
    model, tokenizer = load_model(folder), load_tokenizer()
    phases, hours, tokens = [], 0.0, 0
    for path in sorted(work.glob("*/phase.json"), key=lambda p: p.stat().st_mtime):
        phase = Phase(**read_json(path))
        last = read_jsonl(path.with_name("curve.jsonl"))[-1]
        hours, tokens = hours + last["seconds"] / 3600, tokens + phase.tokens
        phases.append(
            f"| {phase.name} | {phase.steps:,} | {phase.rows} × {phase.length} | {phase.tokens / 1e6:.1f} "
            f"| {phase.vocabulary or 'all'} | {phase.lr:g} | {phase.prose:.0%} | {last['loss']:.2f} |"
        )
    bits = [
        f"| {name} | {row['model']:.2f} | {row['unigram']:.2f} | {row['xz']:.2f} |"
        for name, row in measure(model, corpus, work).items()
    ]
    answers = generate(
        model, [tokenizer.encode_ordinary(s) for s in STARTS], max_new_tokens=20, desc="samples"
    )
    samples = [
        f"> **{start}**{tokenizer.decode(a.ids)}".replace("\n", " ") + "\n"
        for start, a in zip(STARTS, answers, strict=True)
    ]
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in CORPUS.items())
    config = model.config
    return f"""# gpt2-mini

A real GPT-2, small enough to come with the course: {count_parameters(model):,} parameters, {config.n_layer} blocks of
width {config.n_embd} with {config.n_head} heads, 1,024 positions, GPT-2's vocabulary, tied head. Pretrained by this project
from a random start except for the token embeddings; never tuned on instructions. Weights: bfloat16, under
the project's licence (Apache-2.0). Texts, licences and attributions: [SOURCES.md](SOURCES.md).

`transformers.GPT2LMHeadModel.from_pretrained` opens this folder and gives the same logits.

## Recipe

`python -m helpers.pretrain`, the training loop of `helpers/train.py`: AdamW, gradient clipped to 1, float32,
{tokens / 1e6:.1f} M tokens in {hours:.1f} hours on {machine}. Curve: [curve.json](curve.json).

| phase | steps | windows × tokens | M tokens | softmax over | peak rate | own prose | last training loss |
|---|---|---|---|---|---|---|---|
{chr(10).join(phases)}

Shares of the texts where there is no prose of our own: {mixture}. With it, they share the rest.
Losses of phases with a restricted softmax are over fewer tokens and not comparable with the last.

**Facts on purpose.** The prose of our own states facts and word forms of the kinds that the bundled instructions ask
for, many of the very ones in its test rows among them, as plain sentences and never as request and reply. (The data
has grown since these weights were trained; what was added later is not in them.) Tuning then teaches the *format*. So a
score on the bundled test rows measures how well the model learnt to reply, not how much a model of this size can find
out by itself.

## How well it reads

Bits per byte on held-out text, lower is better: the last hundredth of each source, at most 40,000 tokens in
windows of 256. *Unigram* knows only how frequent each token is; *xz* is the compressor at its highest level.

| text | gpt2-mini | unigram | xz |
|---|---|---|---|
{chr(10).join(bits)}

## Samples (greedy)

{chr(10).join(samples)}
## Limits

It has read a small fraction of what GPT-2 read. Beyond the facts above it knows little, mixes things up
confidently, and cannot reason. It repeats itself when left to continue. Old books and a Bible translation
colour its English and its views; nothing was filtered. It is made for learning how training works, and for
nothing that anyone relies on.
"""


def main() -> None:
    """Command line: write the card and a thinned curve beside the weights."""
    parser = argparse.ArgumentParser(prog="python -m helpers.card", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="the folder pretraining worked in")
    parser.add_argument("--model", type=Path, default=ASSETS / "gpt2-mini")
    parser.add_argument("--machine", default="two processor cores")
    args = parser.parse_args()
    write_text(args.model / "README.md", card(args.model, args.corpus, args.work, args.machine))
    curve = []
    for path in sorted(args.work.glob("*/curve.jsonl"), key=lambda p: p.stat().st_mtime):
        lines = read_jsonl(path)
        kept = lines[::4] + ([lines[-1]] if (len(lines) - 1) % 4 else [])
        curve += [
            {
                "phase": r["phase"],
                "step": r["step"],
                "tokens": r["tokens"],
                "loss": round(r["loss"], 4),
            }
            for r in kept
        ]
    write_json(args.model / "curve.json", curve)


if __name__ == "__main__":
    main()
