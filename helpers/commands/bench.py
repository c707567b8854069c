"""`course bench`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from helpers.commands.common import emit, file_name, list_of, note, whole_number


def add_bench(commands):
    parser = commands.add_parser(
        "bench",
        help="how fast is the course here, beside others?",
        description="Trains, answers and loads in turn with the plain way of a textbook, TRL and "
        "transformers, with the same rows and weights, after checking that all compute the same.",
    )
    parser.add_argument("--quick", action="store_true", help="the bundled model: 3 minutes, not 40")
    parser.add_argument(
        "--model", default="", help="default: random weights of GPT-2 medium's size"
    )
    parser.add_argument("--data", default="course")
    parser.add_argument(
        "--only", type=list_of(str), metavar="GROUP,…", default=(),
        help="training, trl, generation, loading, data, gpu",
    )  # fmt: skip
    parser.add_argument("--turns", type=whole_number, default=0, help="pairs; default 3")
    parser.add_argument("--steps", type=whole_number, default=0, help="training steps a turn")
    parser.add_argument("--answers", type=whole_number, default=0, help="test rows to answer")
    parser.add_argument("--out", type=file_name, help="default: build/bench")
    parser.add_argument(
        "--record", type=file_name, metavar="FILE", help="add the table to this page, dated"
    )
    parser.set_defaults(run=_bench)
    return parser


def _bench(args) -> int:
    from helpers.bench import run_bench, write_report
    from helpers.bench.compare import Sizes, check_groups, quick_sizes
    from helpers.bench.report import markdown, record
    from helpers.files import check_folder
    from helpers.settings import COURSE

    out = args.out or COURSE / "build" / "bench"
    check_folder(out)
    check_groups(args.only)
    sizes = quick_sizes(args.model or "gpt2-mini") if args.quick else Sizes(args.model)
    given = {"turns": args.turns, "steps": args.steps, "answers": args.answers}
    sizes = replace(sizes, data=args.data, **{k: v for k, v in given.items() if v})
    if not sizes.model:
        sizes = replace(sizes, model=str(random_medium(COURSE / "build" / "bench-model")))
    rows, about = run_bench(sizes, args.only, note)
    report = write_report(rows, about, out)
    if args.record:
        record(rows, about, args.record)
    emit(args, report, f"{markdown(rows, about)}\nWritten: {out}")
    return 0


def random_medium(folder: Path) -> Path:
    """A folder with random weights of GPT-2 medium's size (1.4 GB), made the first time."""
    import torch

    from helpers.model import GPT, init_weights
    from helpers.weights import GPT2_SIZES, save_model

    if not (folder / "model.safetensors").exists():
        note(f"making random weights of GPT-2 medium's size, 1.4 GB, once: {folder}")
        model = GPT(GPT2_SIZES["gpt2-medium"])
        save_model(init_weights(model, torch.Generator().manual_seed(0)), folder)
    return folder


COMMANDS = (add_bench,)
