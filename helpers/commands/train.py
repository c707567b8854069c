"""`course train`."""

from __future__ import annotations

import argparse

from helpers.commands.common import emit, file_name, note, number, whole_number
from helpers.errors import RunError, SettingsError


def add_train(commands):
    parser = commands.add_parser("train", help="fine-tune a model on a data set")
    parser.add_argument(
        "--model",
        default="gpt2-mini",
        help="gpt2-micro, gpt2-mini, gpt2 …, folder or .safetensors file",
    )
    parser.add_argument("--data", default="course", help="name or file of records")
    parser.add_argument("--out", type=file_name, required=True, help="folder for the run")
    parser.add_argument(
        "--loss-on",
        default="all",
        metavar="ARM",
        help="what to learn from: all (default), instruction+response, header+response, response, "
        "or response@0.1, which gives the prompt a weight from 0 to 1",
    )
    parser.add_argument("--template", default="alpaca")
    parser.add_argument("--val", default="", metavar="FILE", help="a validation file of its own")
    parser.add_argument("--epochs", type=whole_number, default=2)
    parser.add_argument("--lr", type=number, help="default: suits the model")
    parser.add_argument(
        "--lora",
        type=whole_number,
        default=0,
        metavar="RANK",
        help="train a small correction of this rank instead of the weights, such as 16",
    )
    parser.add_argument(
        "--freeze-embeddings",
        action=argparse.BooleanOptionalAction,
        help="leave the vectors of tokens and positions as they are, and train all else; default: "
        "for the bundled models yes, for others no",
    )
    parser.add_argument("--batch-size", type=whole_number, default=8)
    parser.add_argument(
        "--warmup",
        type=number,
        default=0.1,
        metavar="SHARE",
        help="of all steps, in which the rate rises; default 0.1",
    )
    parser.add_argument("--weight-decay", type=number, default=0.1, help="default 0.1")
    parser.add_argument(
        "--tokens-per-step",
        type=whole_number,
        default=0,
        metavar="N",
        help="as many rows a step as hold about N tokens, in place of --batch-size: fills a GPU",
    )
    parser.add_argument(
        "--max-length", type=whole_number, default=1024, help="tokens; default 1024"
    )
    parser.add_argument("--seed", type=whole_number, default=123)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument(
        "--layout",
        default="auto",
        help="padded, or packed (default): no padding, what all rows of a batch begin with computed "
        "once, the same numbers",
    )
    parser.add_argument(
        "--checkpointing",
        action="store_true",
        help="keep less of each layer and compute it again: less memory, more time, the same numbers",
    )
    parser.add_argument(
        "--shard",
        action="store_true",
        help="under torchrun: spread the model itself over the processes, where it does not fit one",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--checkpoint-every",
        type=number,
        default=60.0,
        metavar="SECONDS",
        help="how much work a crash may cost; 0 = every step; default 60",
    )
    parser.set_defaults(run=_train)
    return parser


def _train(args) -> int:
    from helpers.distributed import joined
    from helpers.runs import fine_tune, watched

    with joined(args.device, shard=args.shard) as ranks:
        settings, expected = ranks.agreed(_prepared, args, ranks)
        records = fine_tune(
            settings,
            args.out,
            resume=args.resume,
            checkpoint_every=args.checkpoint_every,
            ranks=ranks,
        )
        if ranks.first:
            records = watched(records, args.epochs, f"fine-tuning, loss on {args.loss_on}")
        for _ in records:
            pass
        if ranks.first:
            _report(args, settings, expected)
    return 0


def _prepared(args, ranks):
    """The settings of the run and what it is expected to need, after saying so."""
    from helpers.memory import forecast, too_much
    from helpers.runs import RunSettings, as_begun, start_folder

    if args.lr is not None and not 0 < args.lr < float("inf"):
        raise SettingsError(
            f"lr = {args.lr} is outside its range: give a number above 0, such as 5e-5, or leave "
            "--lr out."
        )
    if not args.checkpoint_every >= 0:
        raise SettingsError(
            f"checkpoint-every is {args.checkpoint_every}: give seconds, 0 for every step."
        )
    if args.resume and not (args.out / "settings.json").exists():
        raise RunError(
            f"there is no run in {args.out} to go on with: check the name, or leave out --resume."
        )
    frozen = args.freeze_embeddings
    if frozen is None and args.shard:  # which spreads all weights or none
        frozen = False
    settings = RunSettings(
        model=args.model,
        data=args.data,
        loss_on=args.loss_on,
        template=args.template,
        validation=args.val,
        epochs=args.epochs,
        lr=args.lr or 0.0,
        batch_size=args.batch_size,
        warmup=args.warmup,
        weight_decay=args.weight_decay,
        tokens_per_step=args.tokens_per_step,
        max_length=args.max_length,
        lora=args.lora,
        freeze_embeddings=frozen,
        seed=args.seed,
        device=args.device,
        precision=args.precision,
        layout=args.layout,
        checkpointing=args.checkpointing,
    )
    settings = as_begun(settings, args.out).resolved()
    start_folder(settings, args.out, args.resume)
    expected = forecast(settings, ranks)
    if not (args.out / "model.safetensors").exists():  # else it is resumed after its end
        announce(str(expected), too_much(expected, settings))
    return settings, expected


def _report(args, settings, expected) -> None:
    """Print what came of the run."""
    from helpers.memory import peak_memory
    from helpers.runs import run_summary

    peak = peak_memory(settings.device)
    report = {
        **run_summary(args.out),
        "memory_bytes": {"expected": expected.total, "measured": peak},
        "expected_seconds": expected.seconds,
    }
    if n := report["left_out"]:
        left_out = "1 row was" if n == 1 else f"{n} rows were"
        note(f"{left_out} left out; {args.out}/settings.json says which and why.")
    emit(
        args,
        report,
        f"response loss on validation: {report['val_response_loss_before']:.3f} → "
        f"{report['val_response_loss_after']:.3f} (loss on {report['loss_on']}, "
        f"{report['steps']} steps, {report['seconds']:.0f} s)\n"
        f"{came_to(expected, peak, report['seconds'])}model: {report['out']}",
    )


def announce(expected: str, warning: str) -> None:
    """Say what a run will need, before anything is loaded; in silence only what may go wrong."""
    from helpers.progress import quiet

    if not quiet():
        note(expected)
    if warning:
        note(warning)


def came_to(expected, peak: int | None, seconds: float) -> str:
    """A line that holds the expectation against what was measured."""
    from helpers.memory import gb, minutes

    memory = f"memory {gb(peak)} GB (expected {gb(expected.total)}), " if peak else ""
    return f"{memory}time {minutes(seconds)} (expected {minutes(expected.seconds)})\n"


COMMANDS = (add_train,)
