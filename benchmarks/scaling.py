"""What does a second process cost, and what would GPT-2 XL on Alpaca-52k need?

    python -m benchmarks.scaling [--turns N] [--rows N] [--steps N] [--record]
    python -m benchmarks.scaling --page

Trains gpt2-mini on the course's rows, by turns in one process that uses all cores and in two that
share them (2 × ROWS rows a step in both: the same steps), and a third time sharded. Every turn is a
fresh process; its first step is not counted. Writes build/scaling.json; with --record also
benchmarks/results/scaling.json and the tables of docs/scaling.md, which --page writes alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from helpers.distributed import cores
from helpers.files import read_json, write_json, write_text

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "scaling.json"
PAGE = ROOT / "docs" / "scaling.md"
SIDES = {  # name → processes, sharded
    "one process": (1, False),
    "two processes": (2, False),
    "two processes, sharded": (2, True),
}
WORKERS = 2
MOST = 0.15  # that a second process may add to the time per token
# Of stanford_alpaca's data/alpaca_5000.json, one line of JSON: its characters, of which 47 a row are
# JSON's own. The whole file's rows; batch, epochs and longest row are those of its authors' script.
ALPACA = {
    "rows": 52_002,
    "characters": 2_044_701 / 5_000 - 47,
    "batch_size": 128,
    "epochs": 3,
    "longest": 512,
}
SUSTAINED = 100e12  # operations a second: a third of the 312e12 that an A100's data sheet names
WAYS = {  # what `course train` would be given → processes and options of `predict_memory`
    "`--precision fp32`": (1, {"precision": "fp32"}),
    "`--precision bf16`": (1, {}),
    "`--checkpointing`": (1, {"checkpointing": True}),
    "`--lora 16`": (1, {"lora": 16}),
    "`--lora 16 --checkpointing`": (1, {"lora": 16, "checkpointing": True}),
    "8 processes": (8, {}),
    "8 processes, `--shard`": (8, {"shard": True}),
    "8 processes, `--shard --checkpointing`": (8, {"shard": True, "checkpointing": True}),
}


def turn(side: str, args) -> dict:
    """One measurement, in fresh processes: seconds and tokens of every step but the first."""
    processes, sharded = SIDES[side]
    start = [sys.executable, "-m"]
    env = {**os.environ, "COURSE_PROGRESS": "off", "PYTHONPATH": str(ROOT)}
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    env["OMP_NUM_THREADS"] = str(max(1, cores() // processes))
    worker = ["benchmarks.scaling", "--worker", f"--rows={args.rows}", f"--steps={args.steps}"]
    worker += [f"--precision={args.precision}", f"--products={args.products}"]
    worker += ["--shard"] * sharded
    done = subprocess.run(
        [*start, *worker], env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def work(args) -> None:
    """What a process of a turn does: some steps of training without an evaluation."""
    from helpers.distributed import joined
    from helpers.runs import RunSettings, begin, keep_memory, load_examples
    from helpers.train import token_losses, train
    from helpers.weights import load_model

    settings = RunSettings(
        "gpt2-mini",
        "course",
        loss_on="response",
        batch_size=WORKERS * args.rows,
        epochs=1 + (args.steps + 1) * WORKERS * args.rows // 935,
        device="cpu",
        precision=args.precision,
        products=args.products,
        freeze_embeddings=False,
    ).resolved()
    with joined("cpu", shard=args.shard) as ranks:
        keep_memory()
        examples, _, _ = load_examples(settings)
        model = load_model(settings.model)
        loss = ranks.wrap(model, token_losses, "cpu")
        plan, state = begin(settings, model, examples, ranks)
        times, tokens = [], []
        for record in train(state, plan, loss=loss, ranks=ranks):
            times.append(record.seconds)
            tokens.append(record.tokens)
            if record.step > args.steps:
                break
        if ranks.first:
            print(json.dumps({"seconds": times[-1] - times[0], "tokens": tokens[-1] - tokens[0]}))


def measure(args, precision: str) -> dict:
    """Turns of every side, one after another, and what they say about the cost of a second process."""
    from helpers.arithmetic import choose_products
    from helpers.progress import bar
    from helpers.runs import choose_precision, provenance

    args.products = choose_products("auto", "cpu")
    args.precision = choose_precision(precision, "cpu")
    turns = {side: [] for side in SIDES}
    for _ in bar(range(args.turns), desc="turns", unit="turn", steady=True):
        for side in SIDES:
            found = turn(side, args)
            turns[side].append(found["seconds"] / found["tokens"])
    times = {side: median(values) for side, values in turns.items()}
    added = [b / a - 1 for a, b in zip(turns["one process"], turns["two processes"], strict=True)]
    return {
        "seconds_per_token": times,
        "turns": turns,
        "added": median(added),
        "added_from_to": [min(added), max(added)],
        "rows_a_rank": args.rows,
        "steps": args.steps,
        "precision": args.precision,
        "products": args.products,
        "cores": cores(),
        "provenance": provenance("gpt2-mini", "course"),
    }


def measured_table(found: dict) -> str:
    """What was measured, as Markdown."""
    lines = [
        "| | microseconds a token | against one process |",
        "|---|---:|---:|",
    ]
    one = found["seconds_per_token"]["one process"]
    for side, seconds in found["seconds_per_token"].items():
        lines.append(f"| {side} | {seconds * 1e6:.1f} | {seconds / one - 1:+.1%} |")
    low, high = found["added_from_to"]
    lines += [
        "",
        f"gpt2-mini, {found['rows_a_rank']} rows a process, {found['cores']} cores, "
        f"{found['precision']}, median of {len(found['turns']['one process'])} turns. Turn by turn the "
        f"second process added {found['added']:+.1%} ({low:+.1%} to {high:+.1%}); at most "
        f"{MOST:.0%} was the aim.",
    ]
    return "\n".join(lines)


def row_length() -> float:
    """Tokens of a mean Alpaca row with the Alpaca template, its characters taken as our rows' are."""
    from helpers.data import load_records
    from helpers.formatting import get_template
    from helpers.masking import make_examples
    from helpers.tokenizer import load_tokenizer

    records = load_records("course")
    template = get_template("alpaca")
    examples, _ = make_examples(records, template, load_tokenizer())
    tokens = sum(len(e.ids) for e in examples) / len(records)
    frame, _ = make_examples(
        [{"instruction": "?", "input": "", "output": "!"}], template, load_tokenizer()
    )
    around = len(frame[0].ids) - 2  # the template's own tokens and the end token
    characters = sum(len(r["instruction"] + r["input"] + r["output"]) for r in records)
    return around + ALPACA["characters"] / (characters / len(records)) * (tokens - around)


def worked_table() -> str:
    """What GPT-2 XL on Alpaca-52k needs: memory of each process and time, as Markdown."""
    from helpers.distributed import Ranks
    from helpers.memory import gb, predict_memory, step_operations
    from helpers.weights import GPT2_SIZES

    config, length = GPT2_SIZES["gpt2-xl"], row_length()
    tokens = ALPACA["rows"] * length * ALPACA["epochs"]
    lines = [
        "| | memory of each, GB | of it weights, gradients, moments | minutes |",
        "|---|---:|---:|---:|",
    ]
    for name, (size, options) in WAYS.items():
        options = {"precision": "bf16", **options}
        ranks = Ranks(0, size, options.pop("shard", False))
        memory = predict_memory(
            config, rows=ALPACA["batch_size"], length=round(length), ranks=ranks, **options
        )
        again = 4 / 3 if options.get("checkpointing") else 1
        operations = again * step_operations(config, tokens, tokens, length, options.get("lora", 0))
        minutes = operations / (SUSTAINED * size) / 60
        fixed = memory.total - memory.activations
        time = f"{minutes:.0f}" if options["precision"] == "bf16" else "more"
        lines.append(f"| {name} | {gb(memory.total)} | {gb(fixed)} | {time} |")
    return "\n".join(
        [
            *lines,
            "",
            f"{ALPACA['rows']:,} rows of {length:.0f} tokens on average, {ALPACA['epochs']} epochs, "
            f"{ALPACA['batch_size']} rows a step, loss on all tokens, bf16 unless said otherwise, "
            f"{SUSTAINED / 1e12:.0f} TFLOP/s sustained by each process's GPU.",
        ]
    )


def blocks() -> dict[str, str]:
    """The generated parts of the page, by name."""
    measured = "Not measured yet: `python -m benchmarks.scaling --record`, on a quiet machine."
    if RESULTS.exists():
        measured = "\n\n".join(map(measured_table, read_json(RESULTS)))
    return {"measured": measured, "worked out": worked_table()}


def page_with(page: str, made: dict[str, str]) -> str:
    """The page, its generated parts made anew."""
    for name, text in made.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, rest = page.split(begin)
        page = before + begin + text + end + rest.split(end)[1]
    return page


def write_page() -> None:
    """Bring docs/scaling.md up to date."""
    write_text(PAGE, page_with(PAGE.read_text(encoding="utf-8"), blocks()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rows", type=int, default=64, help="a process; default 64")
    parser.add_argument("--steps", type=int, default=14, help="a turn, after the first; default 14")
    parser.add_argument("--precision", default="fp32,auto", help="one or more; default fp32,auto")
    parser.add_argument("--products", default="auto", help=argparse.SUPPRESS)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--shard", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args)
        return 0
    if not args.page:
        found = [measure(args, precision) for precision in args.precision.split(",")]
        write_json(ROOT / "build" / "scaling.json", found)
        print(*map(measured_table, found), sep="\n\n")
        if args.record:
            write_json(RESULTS, found)
    if args.page or args.record:
        write_page()
    return 0


if __name__ == "__main__":
    sys.exit(main())
