"""How the bundled models were pretrained: `python -m helpers.pretrain --help`.

The loop is `helpers.train.train`, the same as in fine-tuning; only the batches differ. They are
windows cut at random from a long row of tokens, every token is learnt from, and most phases score
only the most frequent tokens, because the full softmax is three quarters of a small GPT-2's work.
The text itself is not in the project (the model cards name every source); the recipe below is.

Two tricks, both ours to answer for: windows start at random positions half of the time, so that all
1,024 position embeddings are trained by short windows; and token embeddings may start from another
open model's, projected to our width (see `embeddings_from_gguf`).
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from helpers.collate import IGNORE_INDEX, Batch
from helpers.datagen.prose import prose
from helpers.errors import CourseError
from helpers.files import append_jsonl, write_json
from helpers.model import GPT, GPTConfig, count_parameters, init_weights
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.train import TrainSettings, TrainState, load_state, save_state, train

MINI = GPTConfig(n_layer=6, n_head=4, n_embd=256)
SEPARATOR = "<|endoftext|>"  # on a line of its own between documents
CORPUS = {  # file → share of the windows when there is no prose of our own
    "children-stories": 0.10,
    "openstax-textbooks": 0.32,
    "books-1900-1929": 0.24,
    "wordnet-glosses": 0.22,
    "bible-basic-english": 0.06,
    "plain-language": 0.06,
}


@dataclass(frozen=True)
class Phase:
    """One stretch of pretraining with its own batch shape, rate and mixture."""

    name: str
    steps: int
    rows: int  # windows a step
    length: int  # tokens a window
    vocabulary: int  # size of the restricted softmax; 0 = all 50,257
    lr: float
    warmup: float = 0.0
    final_lr: float = 1.0
    prose: float = 0.0  # share of the windows from our own generator
    micro_batches: int = 1
    random_positions: bool = True
    planned: int = 0  # steps the rate was planned for, where the phase was stopped earlier

    @property
    def tokens(self) -> int:
        """Tokens read in the phase."""
        return self.steps * self.rows * self.length


PHASES = (
    Phase("words", 1220, 24, 128, 8192, 2e-3, warmup=0.05, planned=1600),
    Phase("facts", 1040, 24, 128, 8192, 2e-3, final_lr=0.15, prose=0.45, planned=2900),
    Phase("practice", 2450, 24, 128, 8192, 1.6e-3, final_lr=0.15, prose=0.75),
    Phase("whole", 150, 6, 512, 0, 2.4e-4, final_lr=0.05, prose=0.6, random_positions=False),
)


def tokenise(folder: Path, cache: Path) -> dict[str, np.ndarray]:
    """Each corpus file as one row of uint16 tokens, kept as .npy in `cache` for the next time."""
    tokenizer = load_tokenizer()
    sources = {}
    for name in CORPUS:
        path = cache / f"{name}.npy"
        if not path.exists():
            with lzma.open(folder / f"{name}.txt.xz", "rt", encoding="utf-8") as file:
                text = file.read()
            save_tokens(path, (d.strip() for d in text.split(SEPARATOR)), tokenizer)
        sources[name] = np.load(path, mmap_mode="r")
    return sources


def tokenise_prose(cache: Path, seed: int, paragraphs: int) -> np.ndarray:
    """Tokens of our own declarative prose, paragraphs separated like documents."""
    path = cache / f"prose-{seed}-{paragraphs}.npy"
    if not path.exists():
        save_tokens(path, islice(prose(seed), paragraphs), load_tokenizer())
    return np.load(path, mmap_mode="r")


def save_tokens(path: Path, documents: Iterable[str], tokenizer) -> None:
    """Write documents as one uint16 array, an end token after each."""
    pieces = []
    for document in documents:
        pieces.append(np.array([*tokenizer.encode_ordinary(document), END_OF_TEXT], np.uint16))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.concatenate(pieces))


def held_out(tokens: np.ndarray, share: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """(training part, held-out part): the last `share` of a source is never trained on."""
    cut = int(len(tokens) * (1 - share))
    return tokens[:cut], tokens[cut:]


@dataclass
class WindowPlan:
    """Random windows of a mixture of sources; the batch of a step follows from seed and step."""

    phase: Phase
    sources: list[np.ndarray]
    shares: list[float]
    seed: int
    n_positions: int = 1024
    steps_per_epoch: int = field(init=False)

    def __post_init__(self):
        self.steps_per_epoch = self.phase.planned or self.phase.steps

    def micro_batches(self, epoch: int, step: int) -> list[Batch]:
        """The windows of one step, in `phase.micro_batches` parts."""
        rng = np.random.default_rng((self.seed, step))
        phase, T = self.phase, self.phase.length
        windows, offsets = [], []
        for source in rng.choice(len(self.sources), size=phase.rows, p=self.shares):
            tokens = self.sources[source]
            start = int(rng.integers(0, len(tokens) - T - 1))
            windows.append(tokens[start : start + T + 1].astype(np.int64))
            shifted = phase.random_positions and rng.random() < 0.5
            offsets.append(int(rng.integers(0, self.n_positions - T)) if shifted else 0)
        ids = torch.from_numpy(np.stack(windows))
        positions = torch.tensor(offsets)[:, None] + torch.arange(T)
        size = -(-phase.rows // phase.micro_batches)
        return [
            window_batch(ids[i : i + size], positions[i : i + size])
            for i in range(0, phase.rows, size)
        ]


def window_batch(ids: torch.Tensor, positions: torch.Tensor) -> Batch:
    """A batch in which every token of the windows (B, T + 1) is learnt from."""
    labels = ids[:, 1:].contiguous()
    return Batch(
        input_ids=ids[:, :-1].contiguous(),
        positions=positions,
        doc_ids=torch.ones_like(labels),
        labels=labels,
        loss_weights=torch.ones(labels.shape),
    )


def frequent_tokens(sources: list[np.ndarray], shares: list[float], size: int) -> torch.Tensor:
    """The `size` most frequent tokens of the mixture, (size,), sorted by id."""
    counts = sum(
        share * np.bincount(tokens[:4_000_000], minlength=50257) / min(len(tokens), 4_000_000)
        for tokens, share in zip(sources, shares, strict=True)
    )
    return torch.from_numpy(np.sort(np.argsort(-counts)[:size]).copy())


def restricted_losses(subset: torch.Tensor, vocab_size: int):
    """A loss function over the tokens in `subset` only; other targets are left out."""
    place = torch.full((vocab_size,), -1, dtype=torch.long)
    place[subset] = torch.arange(len(subset))

    def loss(model: GPT, batch: Batch):
        labels = torch.where(batch.labels == IGNORE_INDEX, -1, place[batch.labels.clamp(min=0)])
        targets = labels >= 0
        h = model.hidden(batch.input_ids, batch.positions)[targets]
        logits = F.linear(h, F.embedding(subset, model.tokens.weight)).float()
        nll = F.cross_entropy(logits, labels[targets], reduction="none")
        return nll, batch.loss_weights[targets]

    return loss


@torch.no_grad()
def settle_rare_tokens(model: GPT, batch: Batch, subset: torch.Tensor, shrink: float = 0.3) -> None:
    """Make the tokens that no restricted softmax has scored as unlikely as the rarest it has.

    Their logits were never pushed down. Each vector is shrunk, which keeps its direction and so its
    neighbours, and then moved along the mean hidden state until its mean logit on `batch` is that
    of the least likely tenth of `subset`. The phase with the full softmax refines them from there.
    """
    mean = model.hidden(batch.input_ids, batch.positions).mean((0, 1))  # (C,)
    logits = model.tokens.weight @ mean  # (V,)
    level = logits[subset].sort().values[: len(subset) // 10].mean()
    rare = torch.ones(len(logits), dtype=torch.bool)
    rare[subset] = False
    model.tokens.weight[rare] *= shrink
    shift = (level - shrink * logits[rare]) / mean.pow(2).sum()
    model.tokens.weight[rare] += shift[:, None] * mean


def embeddings_from_gguf(path: Path, width: int, rms: float = 0.05) -> torch.Tensor:
    """Token embeddings (V, width) for GPT-2's vocabulary, taken from a GGUF model's.

    Each of our tokens gets the vector of the same byte string there, or the mean over its longest
    matches; the vectors are centred and projected on their first `width` principal components, and
    scaled to a root mean square of `rms`. Needs the package `gguf`.
    """
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(str(path))
    tensor = next(t for t in reader.tensors if t.name == "token_embd.weight")
    vectors = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    words = reader.fields["tokenizer.ggml.tokens"]
    theirs = {gpt2_bytes(bytes(words.parts[i]).decode()): n for n, i in enumerate(words.data)}
    tokenizer = load_tokenizer()
    rows = []
    for token in range(tokenizer.n_vocab):
        word = tokenizer.decode_single_token_bytes(token) if token != END_OF_TEXT else b""
        rows.append(vectors[longest_matches(word, theirs)].mean(0))
    ours = torch.from_numpy(np.stack(rows))
    ours = ours - ours.mean(0)
    _, _, directions = torch.linalg.svd(ours.T @ ours)
    projected = ours @ directions[:width].T
    return projected * (rms / projected.pow(2).mean().sqrt())


def gpt2_bytes(word: str) -> bytes:
    """The bytes behind a token written in GPT-2's printable alphabet (space is Ġ, and so on)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    table = {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}
    return bytes(table[c] for c in word) if all(c in table for c in word) else word.encode()


def longest_matches(word: bytes, known: dict[bytes, int]) -> list[int]:
    """Ids in `known` that spell `word`, longest first from the left; unknown bytes are skipped."""
    found = []
    while word:
        size = next((n for n in range(len(word), 0, -1) if word[:n] in known), 0)
        if size:
            found.append(known[word[:size]])
        word = word[size or 1 :]
    return found or [0]


def pretrain_groups(model: GPT, embedding_scale: float) -> list[dict]:
    """Parameter groups: token embeddings at a share of the rate, matrices decayed, the rest not."""
    embeddings = [model.tokens.weight]
    others = [p for n, p in model.named_parameters() if n != "tokens.weight"]
    return [
        {"params": embeddings, "weight_decay": 0.0, "lr_scale": embedding_scale},
        {"params": [p for p in others if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in others if p.dim() < 2], "weight_decay": 0.0},
    ]


def run_phase(
    state: TrainState, plan: WindowPlan, loss, folder: Path, every: int
) -> Iterator[dict]:
    """Train one phase, yielding a line of progress every `every` steps and saving the state."""
    total, count, started, last = 0.0, 0, time.perf_counter(), plan.phase.steps
    if state.step >= last:
        return
    for record in train(state, plan, **({"loss": loss} if loss else {})):
        total, count = total + record.loss, count + 1
        if record.step % every == 0 or record.step == last:
            line = {**asdict(record), "phase": plan.phase.name, "loss": total / count}
            append_jsonl(folder / "curve.jsonl", line)
            yield line
            total, count = 0.0, 0
            if time.perf_counter() - started > 300 or record.step == last:
                save_state(folder, state)
                started = time.perf_counter()
        if record.step == last:
            return


def pretrain(
    config: GPTConfig,
    phases: tuple[Phase, ...],
    corpus: Path,
    out: Path,
    *,
    seed: int = 0,
    embeddings: Path | None = None,
    until: str = "",
    paragraphs: int = 200_000,
    precision: str = "fp32",
) -> GPT:
    """The model after all phases (or up to `until`); finished phases are loaded, not repeated."""
    torch.manual_seed(seed)
    model = init_weights(GPT(config), torch.Generator().manual_seed(seed))
    scale = 1.0
    if embeddings:
        scale = 0.3
        with torch.no_grad():
            model.tokens.weight.copy_(embeddings_from_gguf(embeddings, config.n_embd))
    sources = [held_out(t)[0] for t in tokenise(corpus, out / "tokens").values()]
    previous = subset = None
    for number, phase in enumerate(phases):
        settings = TrainSettings(
            epochs=1,
            lr=phase.lr,
            warmup=phase.warmup,
            final_lr=phase.final_lr,
            precision=precision,
        )
        state = TrainState(model, settings, pretrain_groups(model, scale))
        if previous:
            state.optimizer.load_state_dict(previous.optimizer.state_dict())
        folder = out / phase.name
        if (folder / "state.safetensors").exists():
            load_state(folder, state)
        texts, shares = list(sources), [s * (1 - phase.prose) for s in CORPUS.values()]
        if phase.prose:
            texts.append(tokenise_prose(out / "tokens", seed + number, paragraphs))
            shares.append(phase.prose)
        plan = WindowPlan(phase, texts, shares, seed + number, config.n_positions)
        loss = None
        if phase.vocabulary:
            subset = frequent_tokens(texts, shares, phase.vocabulary)
            loss = restricted_losses(subset, config.vocab_size)
        elif subset is not None and state.step == 0:
            settle_rare_tokens(model, plan.micro_batches(0, 0)[0], subset)
        folder.mkdir(parents=True, exist_ok=True)
        for line in run_phase(state, plan, loss, folder, every=20):
            speed = line["tokens"] / line["seconds"]
            print(f"{phase.name} {line['step']}/{phase.steps}: {line['loss']:.3f}, {speed:.0f}/s")
        write_json(folder / "phase.json", asdict(phase))
        previous = state
        if phase.name == until:
            break
    return model


def main() -> None:
    """Command line: pretrain, resuming where an earlier call stopped."""
    parser = argparse.ArgumentParser(prog="python -m helpers.pretrain", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with NAME.txt.xz files")
    parser.add_argument("--work", type=Path, required=True, help="tokens, states and curves")
    parser.add_argument("--embeddings", type=Path, help="GGUF file to start token embeddings from")
    parser.add_argument("--until", default="", help="stop after the phase of this name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--save", type=Path, help="where the finished model goes")
    args = parser.parse_args()
    names = [phase.name for phase in PHASES]
    if args.until and args.until not in names:
        raise CourseError(f"unknown phase {args.until!r}; known: {', '.join(names)}")
    torch.set_num_threads(os.cpu_count() or 1)
    model = pretrain(
        MINI,
        PHASES,
        args.corpus,
        args.work,
        seed=args.seed,
        embeddings=args.embeddings,
        until=args.until,
        precision=args.precision,
    )
    print(json.dumps({"parameters": count_parameters(model)}))
    if args.save:
        from helpers.weights import save_model

        save_model(model, args.save, dtype=torch.bfloat16)


if __name__ == "__main__":
    main()
