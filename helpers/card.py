"""The model card of a bundled model: what it was made from, how, and how well it reads.

`python -m helpers.card --model gpt2-mini` measures bits per byte on held-out text of each source
beside two simple baselines, and the loss at all 1,024 positions, and writes README.md, curve.json
and positions.png beside the weights. Every number in the card is computed here.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from helpers import plots
from helpers.data import ASSETS, load_records, split
from helpers.datagen.prose import KNOWN as STATED_ANSWERS
from helpers.datagen.prose import STATED_BY, TOPICAL
from helpers.errors import CourseError
from helpers.files import atomic_path, read_json, read_jsonl, write_text
from helpers.generate import generate
from helpers.judge.verdicts import mean_interval
from helpers.model import GPT, count_parameters
from helpers.pretrain import (
    CORPUS,
    PROGRESS,
    RECIPES,
    Phase,
    held_out,
    tokenise,
    tokenise_prose,
    window_batch,
)
from helpers.tokenizer import load_tokenizer
from helpers.train import evaluate_loss, learning_rate, token_losses
from helpers.weights import load_model

STARTS = (
    "The opposite of hot is",
    "The capital of France is",
    "The past tense of sing is",
    "A person who bakes bread is called",
    "Once upon a time, a little girl",
    "In chemistry, a molecule is",
)
MOST = 40_000  # tokens of a source that are read
UNSEEN = 999  # seed of our own prose that no model was trained on
POINTS = 40  # of a phase's curve that are kept
WIDTH = 32  # positions a step of the figure; four of them make a row of the table


# --- how well it reads ---------------------------------------------------------------------------


def bits_per_byte(model: GPT, tokens: np.ndarray, length: int = 256) -> float:
    """Mean bits per byte of text, in windows of `length` tokens."""
    tokens = np.asarray(tokens).astype(np.int64)
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
    """Bits per byte of the text compressed by xz (LZMA) at its highest level."""
    text = load_tokenizer().decode_bytes(list(map(int, test)))
    return 8 * len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) / len(text)


def texts(corpus: Path, cache: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name → (tokens that the unigram model counts, tokens that no model has read)."""
    sources = {name: held_out(tokens) for name, tokens in tokenise(corpus, cache).items()}
    everything = np.concatenate([train[:4_000_000] for train, _ in sources.values()])
    plain = (ASSETS / "course" / "heldout.txt").read_text(encoding="utf-8")
    sources["our own prose, of a seed never used"] = (
        tokenise_prose(cache, UNSEEN - 1, 2_000),
        tokenise_prose(cache, UNSEEN, 700),
    )
    ids = np.array(load_tokenizer().encode_ordinary(plain), np.uint16)
    sources["heldout.txt, stories of our own"] = (everything, ids)
    return sources


def measure(model: GPT, sources: dict) -> dict[str, dict[str, float]]:
    """Bits per byte of each source: ours and the baselines'."""
    rows = {}
    for name, (train, test) in sources.items():
        test = np.asarray(test[:MOST])
        rows[name] = {
            "model": bits_per_byte(model, test),
            "unigram": unigram_bits(np.asarray(train), test),
            "xz": xz_bits(test),
            "tokens": len(test),
        }
    return rows


@torch.no_grad()
def position_losses(model: GPT, sources: list[np.ndarray], windows: int) -> np.ndarray:
    """Loss in nats at every position, (windows, n_positions), of windows that begin at position 0.

    The windows do not overlap and are spread evenly over the held-out texts.
    """
    T = model.config.n_positions
    pieces = [t[i : i + T + 1] for t in sources for i in range(0, len(t) - T, T + 1)]
    if len(pieces) > windows:
        pieces = [pieces[i * len(pieces) // windows] for i in range(windows)]
    if len(pieces) < 2:
        raise CourseError(
            f"the held-out texts are shorter than two windows of {T} tokens: add text."
        )
    rows = []
    for piece in pieces:
        ids = torch.from_numpy(np.asarray(piece).astype(np.int64))[None]
        rows.append(token_losses(model, window_batch(ids, torch.arange(T)[None]))[0].numpy())
    return np.stack(rows)


def binned(losses: np.ndarray, width: int) -> list[tuple[float, float, float]]:
    """(mean, low, high) of every `width` positions; the 95 % interval is over windows."""
    places = range(0, losses.shape[1], width)
    return [mean_interval(losses[:, i : i + width].mean(1).tolist()) for i in places]


# --- what was done -------------------------------------------------------------------------------


def read_phase(phase: Phase, folder: Path) -> dict:
    """What a phase's folder says: `lines` of the curve up to its last step, `hours`, and the machine.

    `phase.json` may name `hours` where the curve has no seconds (null: counted in another phase's)
    and a `note`. Raises CourseError where it describes something else than the recipe.
    """
    facts = read_json(folder / "phase.json")
    for key, value in json.loads(json.dumps(asdict(phase))).items():
        if facts.get(key, value) != value:
            raise CourseError(
                f"{folder / 'phase.json'}: {key} is {facts[key]!r}, the recipe says {value!r}. Bring "
                "the recipe in helpers/pretrain.py in line with what was done."
            )
    curve = read_jsonl(folder / "curve.jsonl", PROGRESS)
    lines = {r["step"]: r for r in curve if r["step"] <= phase.steps}
    if phase.steps not in lines:
        raise CourseError(
            f"{folder / 'curve.jsonl'} ends at step {max(lines, default=0)}, before the phase's last, "
            f"{phase.steps}: finish the phase, or correct its steps in helpers/pretrain.py."
        )
    if "hours" not in facts:
        facts["hours"] = lines[phase.steps]["seconds"] / 3600
    return {**facts, "lines": [lines[step] for step in sorted(lines)]}


def recipe_table(phases: dict[Phase, dict]) -> str:
    """One row a phase, and the sum."""
    head = (
        "phase | steps | windows × tokens | M tokens | softmax over | optimiser | rate, peak → end "
        "| own prose | precision | threads | hours | last loss"
    )
    rows = [head, " | ".join("---" for _ in head.split("|"))]
    for phase, facts in phases.items():
        end = learning_rate(phase.steps - 1, phase.planned or phase.steps, phase.settings)
        hours = "" if facts["hours"] is None else f"{facts['hours']:.1f}"
        rows.append(
            f"{phase.name} | {phase.steps:,} | {phase.rows} × {phase.length:,} "
            f"| {phase.tokens / 1e6:.1f} | {'all' if phase.full_softmax else phase.vocabulary} "
            f"| {phase.optimizer} | {phase.lr:g} → {end:.2g} "
            f"| {phase.prose:.0%} | {phase.precision} | {facts['threads']} | {hours} "
            f"| {facts['lines'][-1]['loss']:.2f}"
        )
    tokens = sum(phase.tokens for phase in phases) / 1e6
    hours = sum(facts["hours"] or 0 for facts in phases.values())
    rows.append(f"together | | | {tokens:.1f} | | | | | | | {hours:.1f} |")
    return "\n".join(f"| {row} |" for row in rows)


def curves(phases: dict[Phase, dict]) -> str:
    """JSON text of the thinned curves: phase → [step, tokens, loss], a phase a line."""
    kept = {}
    for phase, facts in phases.items():
        lines = facts["lines"]
        chosen = {i * (len(lines) - 1) // (POINTS - 1) for i in range(POINTS)}
        kept[phase.name] = [
            [lines[i]["step"], lines[i]["tokens"], round(lines[i]["loss"], 4)]
            for i in sorted(chosen)
        ]
    rows = [f" {json.dumps(name)}: {json.dumps(points)}" for name, points in kept.items()]
    columns = json.dumps(["step", "tokens", "loss"])
    return f'{{"columns": {columns},\n"phases": {{\n' + ",\n".join(rows) + "\n}}\n"


def facts_on_purpose() -> str:
    """What the pretraining prose gives away of the instruction data, counted."""
    test = split(load_records("course")).test
    told = sum(row["family"] in STATED_BY for row in test)
    verbatim = sum(row["output"] in STATED_ANSWERS for row in test)
    return f"""**Facts on purpose.** The prose of our own (`helpers/datagen/prose.py`) states the facts and shows the operations
that the bundled instructions ask for, as plain sentences and never as request and reply: those of {told} of the
{len(test)} test rows among them. {TOPICAL:.0%} of the sentences of most kinds follow upon words that name their topic ("This
is about the capital of Serbia."), which is not far from a request; and {len(STATED_ANSWERS)} of the answers that were written by
hand stand in it word for word, {verbatim} of them answers to test rows. Tuning then teaches the *format*. So a score on the
bundled test rows measures how well the model learnt to reply, not how much a model of this size can find out by
itself. Token counts of a phase are tokens read, and the prose of a phase is read several times over."""


# --- the card ------------------------------------------------------------------------------------


def card(name: str, folder: Path, out: Path, corpus: Path, work: Path, windows: int) -> None:
    """Write README.md, curve.json and positions.png of the model `name`, whose weights are in `folder`."""
    model, tokenizer = load_model(folder), load_tokenizer()
    recipe = RECIPES[name.removeprefix("gpt2-")][1]
    phases = {phase: read_phase(phase, work / phase.name) for phase in recipe}
    sources = texts(corpus, work / "tokens")
    bits = [
        f"| {text} | {row['tokens']:,} | {row['model']:.2f} | {row['unigram']:.2f} | {row['xz']:.2f} |"
        for text, row in measure(model, sources).items()
    ]
    losses = position_losses(model, [sources[key][1] for key in CORPUS], windows)
    steps, caption = position_figure(losses, out / "positions.png")
    answers = generate(
        model, [tokenizer.encode_ordinary(s) for s in STARTS], max_new_tokens=20, desc="samples"
    )
    samples = [
        f"> **{start}**{tokenizer.decode(a.ids)}".replace("\n", " ") + "\n"
        for start, a in zip(STARTS, answers, strict=True)
    ]
    write_text(out / "curve.json", curves(phases))
    text = TEXT.format(
        name=name,
        parameters=count_parameters(model),
        config=model.config,
        start=_start(next(iter(phases.values()))),
        sources="SOURCES.md" if (folder / "SOURCES.md").exists() else "../gpt2-mini/SOURCES.md",
        recipe=recipe_table(phases),
        script=f"python -m helpers.pretrain --model {name.removeprefix('gpt2-')}",
        machines="; ".join(dict.fromkeys(facts["machine"] for facts in phases.values())),
        notes=_notes(phases),
        mixture=", ".join(f"{source} {share:.0%}" for source, share in CORPUS.items()),
        facts=facts_on_purpose(),
        most=MOST,
        bits="\n".join(bits),
        caption=caption,
        windows=len(losses),
        positions="\n".join(steps),
        samples="\n".join(samples),
    )
    write_text(out / "README.md", text)


def position_figure(losses: np.ndarray, path: Path) -> tuple[list[str], str]:
    """Rows of the small table and the caption; the figure goes to `path`."""
    rows, T = binned(losses, WIDTH), losses.shape[1]
    edges = [*range(0, T, WIDTH), T]
    caption = (
        f"Loss on held-out text against position: {rows[0][0]:.2f} nats per token at the first "
        f"{WIDTH} positions, {rows[-1][0]:.2f} at the last {WIDTH} of {T:,}, "
        f"{max(r[0] for r in rows[1:]):.2f} at most in between; bands are 95 % intervals."
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(plots.show(plots.positions(edges, rows), caption, dpi=80).png)
    table = [
        f"| {i * 4 * WIDTH:,}–{min((i + 1) * 4 * WIDTH, T) - 1:,} | {mean:.2f} | {low:.2f} to {high:.2f} |"
        for i, (mean, low, high) in enumerate(binned(losses, 4 * WIDTH))
    ]
    return table, caption


def _start(first: dict) -> str:
    """What the weights were before the first step."""
    if not first.get("embeddings"):
        return "from a random start"
    return f"from a random start except for the token embeddings (from {first['embeddings']}'s, projected)"


def _notes(phases: dict[Phase, dict]) -> str:
    """What the recipe's table has no column for."""
    notes = [facts["note"] for facts in phases.values() if facts.get("note")]
    for phase in phases:
        if phase.new_blocks:
            places = " and ".join(str(n + 1) for n in phase.new_blocks)
            notes.append(
                f"At the start of {phase.name} the model grew: its blocks number {places} are new and "
                "added nothing at first."
            )
    stopped = [f"{p.name} (of {p.planned:,} steps)" for p in phases if p.planned > p.steps]
    if stopped:
        notes.append(f"Stopped before the end that its rate was planned for: {', '.join(stopped)}.")
    return " ".join(notes)


TEXT = """# {name}

A real GPT-2, small enough to come with the course: {parameters:,} parameters, {config.n_layer} blocks of
width {config.n_embd} with {config.n_head} heads, {config.n_positions:,} positions, GPT-2's vocabulary, tied head. Pretrained by this project
{start}; never tuned on instructions. Weights: bfloat16,
under the project's licence (Apache-2.0). Texts, licences and attributions: [SOURCES.md]({sources}).

`transformers.GPT2LMHeadModel.from_pretrained` opens this folder and gives the same logits.

## Recipe

`{script}`: the training loop of `helpers/train.py`, gradient clipped to 1.
Machine: {machines}. Curves of all phases: [curve.json](curve.json).

{recipe}

*adamw* is AdamW for everything; *muon* is Muon for the matrices of the blocks and AdamW for the rest. {notes}
Shares of the texts where there is no prose of our own: {mixture}. With it, they share the rest.
Losses of phases with a restricted softmax are over fewer tokens and not comparable with the others.

{facts}

## How well it reads

Bits per byte on text that it has not read, lower is better: the last hundredth of each source, at most {most:,}
tokens, in windows of 256. *Unigram* knows only how frequent each token is (in the rest of the source; for `heldout.txt`
in all sources together); *xz* is the compressor (LZMA) at its highest level, alone with the text.

| text | tokens | {name} | unigram | xz |
|---|---|---|---|---|
{bits}

## Every position works

![{caption}](positions.png)

{windows} windows of {config.n_positions:,} tokens of the held-out texts, each from position 0 on:

| positions | loss, nats per token | 95 % interval |
|---|---|---|
{positions}

## Samples (greedy)

{samples}
## Limits

It has read a small fraction of what GPT-2 read. Beyond the facts above it knows little, mixes things up
confidently, and cannot reason. It repeats itself when left to continue. Old books and a Bible translation
colour its English and its views; nothing was filtered. It is made for learning how training works, and for
nothing that anyone relies on.
"""


def main(argv: list[str] | None = None) -> None:
    """Command line: write the card, a thinned curve and the figure beside the weights."""
    parser = argparse.ArgumentParser(prog="python -m helpers.card", description=__doc__)
    parser.add_argument("--model", choices=[f"gpt2-{name}" for name in RECIPES], required=True)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with NAME.txt.xz files")
    parser.add_argument("--work", type=Path, required=True, help="the folder pretraining worked in")
    parser.add_argument("--weights", type=Path, help="model folder (default: the bundled one)")
    parser.add_argument(
        "--out", type=Path, help="where the card goes (default: beside the weights)"
    )
    parser.add_argument("--windows", type=int, default=120, help="for the loss at each position")
    args = parser.parse_args(argv)
    folder = args.weights or ASSETS / args.model
    card(args.model, folder, args.out or folder, args.corpus, args.work, args.windows)


if __name__ == "__main__":
    main()
