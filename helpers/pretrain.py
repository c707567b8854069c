"""How the bundled models were pretrained: `python -m helpers.pretrain --help`.

The loop is `helpers.train.train`, the same as in fine-tuning; only the batches differ. They are
windows cut at random from a long row of tokens, every token is learnt from, and most phases score
only the most frequent tokens, because the full softmax is three quarters of a small GPT-2's work.
The text itself is not in the project (the model cards name every source); the recipe below is.

Four tricks, all ours to answer for: windows start at random positions half of the time, so that all
1,024 position embeddings are trained by short windows; token embeddings may start from another
model's, projected to our width (`donated_embeddings`); a model may grow by blocks that say
nothing at first (`grow`); and its matrices may be trained with Muon (`MuonAdamW`).
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import safetensors
import torch
from torch.nn import functional as F

from helpers.collate import IGNORE_INDEX, Batch
from helpers.datagen.prose import prose
from helpers.errors import CourseError, nearest
from helpers.files import NUMBER, append_jsonl, repair_journal, row_with, write_json, write_jsonl
from helpers.model import GPT, GPTConfig, count_parameters, init_weights
from helpers.runs import choose_device, keep_memory
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.train import TrainSettings, TrainState, load_state, save_state, train
from helpers.weights import save_model

SEPARATOR = "<|endoftext|>"  # on a line of its own between documents
CORPUS = {  # file → share of the windows when there is no prose of our own
    "children-stories": 0.10,
    "openstax-textbooks": 0.32,
    "books-1900-1929": 0.24,
    "wordnet-glosses": 0.22,
    "bible-basic-english": 0.06,
    "plain-language": 0.06,
}
SAVE_SECONDS = 300.0  # of training between two states: what a killed run loses at most


@dataclass(frozen=True)
class Phase:
    """One stretch of pretraining with its own batch shape, rate, optimiser and mixture."""

    name: str
    steps: int
    rows: int  # windows a step
    length: int  # tokens a window
    lr: float
    warmup: float = 0.0  # share of the steps
    final_lr: float = 1.0  # where the cosine ends, as a share of lr; 1 = a constant rate
    planned: int = 0  # steps the rate was planned for, where the phase was stopped earlier
    seed: int = 0  # of the windows
    prose: float = 0.0  # share of the windows from our own generator
    prose_seed: int = 0
    paragraphs: int = 200_000  # of our own prose, read several times over
    vocabulary: int = 8192  # frequent tokens that the restricted softmax scores
    full_softmax: bool = False  # score all 50,257; the others are settled first
    random_positions: bool = True
    precision: str = "bf16"
    optimizer: str = "adamw"  # or muon: Muon for the blocks' matrices, AdamW for the rest
    embedding_scale: float = 0.3  # of the rate, for the token embeddings
    keep_moments: bool = True  # carry the optimiser's moments over from the phase before
    new_blocks: tuple[int, ...] = ()  # places of the blocks that the model grows by at the start
    micro_batches: int = 1

    @property
    def tokens(self) -> int:
        """Tokens read in the phase."""
        return self.steps * self.rows * self.length

    @property
    def settings(self) -> TrainSettings:
        """What the training loop has to know."""
        return TrainSettings(
            epochs=1,
            lr=self.lr,
            warmup=self.warmup,
            final_lr=self.final_lr,
            precision=self.precision,
        )


# What phases share. The prose generator grew meanwhile: each phase read what that of its day wrote.
FIRST = {"rows": 24, "length": 128, "precision": "fp32"}
SHORT = {"rows": 48, "length": 128}
LONG = {"rows": 6, "length": 1024, "random_positions": False}
FACTS = {"prose": 0.7, "prose_seed": 21, "paragraphs": 700_000}
MUON = {"optimizer": "muon", "prose": 0.7, "prose_seed": 31, "paragraphs": 700_000}

# fmt: off
MINI_PHASES = (  # up to whole-6 the first gpt2-mini, of 6 blocks; the rest go on from its weights
    Phase("words", 1220, **FIRST, lr=2e-3, warmup=0.05, planned=1600),
    Phase("facts", 1040, **FIRST, lr=2e-3, final_lr=0.15, planned=2900, seed=1,
          prose=0.45, prose_seed=1),
    Phase("practice", 2450, **FIRST, lr=1.6e-3, final_lr=0.15, seed=2, prose=0.75, prose_seed=2),
    Phase("whole-6", 150, 6, 512, lr=2.4e-4, final_lr=0.05, seed=3, prose=0.6, prose_seed=3,
          full_softmax=True, random_positions=False, precision="fp32"),
    Phase("grow", 1420, **SHORT, lr=1.2e-3, warmup=0.02, planned=8000, seed=11,
          prose=0.5, prose_seed=11, paragraphs=400_000, new_blocks=(2, 5)),
    Phase("facts2", 1940, **SHORT, **FACTS, lr=1.2e-3, seed=21),
    Phase("muon", 1104, **SHORT, **MUON, lr=1.6e-3, warmup=0.01, planned=6000, seed=101),
    Phase("decay", 1700, **SHORT, **MUON, lr=1.6e-3, final_lr=0.15, seed=111),
    Phase("long", 99, **LONG, **{**MUON, "prose": 0.65}, lr=2.4e-4, seed=121),
    Phase("whole", 70, **LONG, **{**MUON, "prose": 0.6}, lr=2.4e-4, final_lr=0.05, seed=131,
          full_softmax=True),
)
MICRO_PHASES = (  # its token embeddings start from the mini's after facts2
    Phase("read", 3581, **SHORT, **MUON, lr=3e-3, warmup=0.01, planned=9000, seed=201),
    Phase("decay", 1200, **SHORT, **MUON, lr=3e-3, final_lr=0.1, seed=211),
    Phase("long", 80, **LONG, **{**MUON, "prose": 0.65}, lr=3e-4, seed=221),
    Phase("whole", 70, **LONG, **{**MUON, "prose": 0.6}, lr=3e-4, final_lr=0.05, seed=231,
          full_softmax=True),
)
# fmt: on
RECIPES = {  # model → its sizes at the start, and what was done
    "mini": (GPTConfig(n_layer=6, n_head=4, n_embd=256), MINI_PHASES),
    "micro": (GPTConfig(n_layer=6, n_head=4, n_embd=128), MICRO_PHASES),
}


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
    place = torch.full((vocab_size,), -1, dtype=torch.long, device=subset.device)
    place[subset] = torch.arange(len(subset), device=subset.device)

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
    rare = torch.ones(len(logits), dtype=torch.bool, device=subset.device)
    rare[subset] = False
    model.tokens.weight[rare] *= shrink
    shift = (level - shrink * logits[rare]) / mean.pow(2).sum()
    model.tokens.weight[rare] += shift[:, None] * mean


def donated_embeddings(path: Path, width: int) -> torch.Tensor:
    """Token embeddings (V, width) from another model: a GGUF file, or a state of our own (safetensors)."""
    if path.suffix == ".gguf":
        return embeddings_from_gguf(path, width)
    with safetensors.safe_open(path, framework="pt") as file:
        return projected(file.get_tensor("model.tokens.weight").float(), width)


def projected(vectors: torch.Tensor, width: int, rms: float = 0.05) -> torch.Tensor:
    """Vectors (V, C) centred, on their first `width` principal components, scaled to this rms."""
    vectors = vectors - vectors.mean(0)
    _, _, directions = torch.linalg.svd(vectors.T @ vectors)
    found = vectors @ directions[:width].T
    return found * (rms / found.pow(2).mean().sqrt())


def embeddings_from_gguf(path: Path, width: int) -> torch.Tensor:
    """Token embeddings (V, width) for GPT-2's vocabulary, taken from a GGUF model's.

    Each of our tokens gets the vector of the same byte string there, or the mean over its longest
    matches; then they are `projected`. Needs the package `gguf`.
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
    return projected(torch.from_numpy(np.stack(rows)), width)


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


class MuonAdamW:
    """Two optimisers that look like one: Muon for the blocks' matrices, AdamW for all the rest.

    Muon makes the update of a matrix nearly orthogonal (Jordan et al. 2024); scaled to the size of
    AdamW's updates, both take the same rate (Liu et al. 2025). Embeddings, biases and norms are no
    maps between hidden states and stay with AdamW.
    """

    def __init__(self, model: GPT, settings: TrainSettings, embedding_scale: float):
        if not hasattr(torch.optim, "Muon"):
            raise CourseError(
                f"PyTorch {torch.__version__} has no torch.optim.Muon: install 2.9 or newer, or take "
                'optimizer="adamw".'
            )
        matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
        chosen = set(matrices)
        rest = []
        for group in pretrain_groups(model, embedding_scale):
            rest.append({**group, "params": [p for p in group["params"] if p not in chosen]})
        muon = torch.optim.Muon(
            matrices,
            lr=settings.lr,
            weight_decay=0.1,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        )
        adamw = torch.optim.AdamW(rest, lr=settings.lr, betas=settings.betas, fused=True)
        self.parts = (muon, adamw)

    @property
    def param_groups(self) -> list[dict]:
        """The groups of both."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """One update of every parameter."""
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict:
        """The moments of all parameters, AdamW's numbered on after Muon's. Rates are the phase's."""
        muon, adamw = (part.state_dict()["state"] for part in self.parts)
        first = self._first_of_adamw
        return {"state": {**muon, **{first + n: m for n, m in adamw.items()}}}

    def load_state_dict(self, state: dict) -> None:
        """Take over what `state_dict` returned."""
        first = self._first_of_adamw
        muon = {n: m for n, m in state["state"].items() if n < first}
        adamw = {n - first: m for n, m in state["state"].items() if n >= first}
        for part, moments in zip(self.parts, (muon, adamw), strict=True):
            part.load_state_dict({**part.state_dict(), "state": moments})

    @property
    def _first_of_adamw(self) -> int:
        return sum(len(group["params"]) for group in self.parts[0].param_groups)


def start_phase(model: GPT, phase: Phase, earlier: TrainState | None = None) -> TrainState:
    """The state before a phase's first step, with the moments of the phase before if it keeps them.

    A parameter has moments to keep if the same kind of optimiser moved it before.
    """
    if phase.optimizer == "muon":
        optimizer = MuonAdamW(model, phase.settings, phase.embedding_scale)
        state = TrainState(model, phase.settings, optimizer=optimizer)
    else:
        state = TrainState(model, phase.settings, pretrain_groups(model, phase.embedding_scale))
    if earlier and phase.keep_moments:
        for new in optimizer_parts(state):
            for old in optimizer_parts(earlier):
                if type(new) is type(old):
                    ours = {p for group in new.param_groups for p in group["params"]}
                    new.state.update({p: m for p, m in old.state.items() if p in ours})
    return state


def optimizer_parts(state: TrainState) -> tuple[torch.optim.Optimizer, ...]:
    """The PyTorch optimisers behind a state's one."""
    return getattr(state.optimizer, "parts", (state.optimizer,))


@torch.no_grad()
def grow(model: GPT, new_blocks: tuple[int, ...]) -> GPT:
    """A deeper model that computes the same: blocks at these places are new and say nothing yet.

    Their last matrices, attention.out and mlp.down, are zero, so nothing is added to the residual
    stream until training moves them. The old weights are rounded to bfloat16, as they are stored.
    """
    config = replace(model.config, n_layer=model.config.n_layer + len(new_blocks))
    grown = init_weights(GPT(config), torch.Generator().manual_seed(0))
    places = [n for n in range(config.n_layer) if n not in new_blocks]
    state = grown.state_dict()
    for name, value in model.state_dict().items():
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            name = f"blocks.{places[int(number)]}.{rest}"
        state[name].copy_(value.bfloat16())
    for number in new_blocks:
        for last in (grown.blocks[number].attention.out, grown.blocks[number].mlp.down):
            last.weight.zero_()
            last.bias.zero_()
    return grown.to(next(model.parameters()).device)


PROGRESS = row_with(step=int, tokens=int, loss=NUMBER, seconds=NUMBER)  # a line of curve.jsonl


def run_phase(
    state: TrainState, plan: WindowPlan, loss, folder: Path, every: int, device: str = "cpu"
) -> Iterator[dict]:
    """Train one phase, yielding a line of progress every `every` steps and saving the state."""
    curve, last = folder / "curve.jsonl", plan.phase.steps
    lines = [line for line in repair_journal(curve, PROGRESS) if line["step"] <= state.step]
    write_jsonl(curve, lines)  # without the steps that a killed run did and did not save
    if state.step >= last:
        return
    total, count, started = 0.0, 0, time.perf_counter()
    for record in train(state, plan, device=device, **({"loss": loss} if loss else {})):
        total, count = total + record.loss, count + 1
        if record.step % every == 0 or record.step == last:
            line = {**asdict(record), "phase": plan.phase.name, "loss": total / count}
            append_jsonl(curve, line)
            yield line
            total, count = 0.0, 0
            if time.perf_counter() - started > SAVE_SECONDS or record.step == last:
                save_state(folder, state)
                started = time.perf_counter()
        if record.step == last:
            return


def mixture(
    phase: Phase, sources: list[np.ndarray], cache: Path
) -> tuple[list[np.ndarray], list[float]]:
    """The token rows that a phase reads, and the share of the windows that each gets."""
    shares = [share * (1 - phase.prose) for share in CORPUS.values()]
    if not phase.prose:
        return sources, shares
    own = tokenise_prose(cache, phase.prose_seed, phase.paragraphs)
    return [*sources, own], [*shares, phase.prose]


def pretrain(
    config: GPTConfig,
    phases: tuple[Phase, ...],
    corpus: Path,
    out: Path,
    *,
    embeddings: Path | None = None,
    until: str = "",
    device: str = "cpu",
    machine: str = "",
    every: int = 20,
) -> GPT:
    """The model after all phases (or up to `until`); finished phases are loaded, not repeated.

    Leaves in `out`, for each phase, a folder with `state.safetensors`, `curve.jsonl` (a line every
    `every` steps) and `phase.json` (the phase and the machine), from which the card is written.
    """
    first = torch.Generator().manual_seed(phases[0].seed)
    model = init_weights(GPT(config), first).to(device)
    if embeddings:
        with torch.no_grad():
            model.tokens.weight.copy_(donated_embeddings(embeddings, config.n_embd))
    sources = [held_out(t)[0] for t in tokenise(corpus, out / "tokens").values()]
    state, before = None, None
    for phase in phases:
        if phase.new_blocks:
            model = grow(model, phase.new_blocks)
        texts, shares = mixture(phase, sources, out / "tokens")
        plan = WindowPlan(phase, texts, shares, phase.seed, config.n_positions)
        subset = frequent_tokens(texts, shares, phase.vocabulary).to(device)
        state, folder = start_phase(model, phase, state), out / phase.name
        if (folder / "state.safetensors").exists():
            load_state(folder, state)
        elif phase.full_softmax and before and not before.full_softmax:
            settle_rare_tokens(model, plan.micro_batches(0, 0)[0].to(device), subset)
        loss = None if phase.full_softmax else restricted_losses(subset, config.vocab_size)
        facts = {
            "embeddings": embeddings.stem if embeddings else "",
            "machine": machine,
            "device": device,
            "threads": torch.get_num_threads(),
        }
        if not (folder / "phase.json").exists():
            write_json(folder / "phase.json", {**asdict(phase), **facts})
        for line in run_phase(state, plan, loss, folder, every, device):
            speed = line["tokens"] / line["seconds"]
            print(f"{phase.name} {line['step']}/{phase.steps}: {line['loss']:.3f}, {speed:.0f}/s")
        before = phase
        if phase.name == until:
            break
    return model


def main(argv: list[str] | None = None) -> None:
    """Command line: pretrain, resuming where an earlier call stopped."""
    parser = argparse.ArgumentParser(prog="python -m helpers.pretrain", description=__doc__)
    parser.add_argument("--model", choices=RECIPES, default="mini")
    parser.add_argument("--corpus", type=Path, required=True, help="folder with NAME.txt.xz files")
    parser.add_argument("--work", type=Path, required=True, help="tokens, states and curves")
    parser.add_argument(
        "--embeddings",
        type=Path,
        help="start token embeddings from this GGUF file, or state.safetensors of another run",
    )
    parser.add_argument("--until", default="", help="stop after the phase of this name")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--machine", default=platform.machine(), help="in words, for the card")
    parser.add_argument("--save", type=Path, help="where the finished model goes, in bfloat16")
    args = parser.parse_args(argv)
    config, phases = RECIPES[args.model]
    names = [phase.name for phase in phases]
    if args.until and args.until not in names:
        raise CourseError(f"unknown phase {args.until!r}; {nearest(args.until, names)}.")
    torch.set_num_threads(args.threads)
    keep_memory()
    model = pretrain(
        config,
        phases,
        args.corpus,
        args.work,
        embeddings=args.embeddings,
        until=args.until,
        device=choose_device(args.device),
        machine=args.machine,
    )
    print(json.dumps({"parameters": count_parameters(model)}))
    if args.save:
        save_model(model, args.save, dtype=torch.bfloat16)


if __name__ == "__main__":
    main()
