"""`course tune`."""

from __future__ import annotations

from helpers.commands.common import add_cluster, emit, file_name, note, number, whole_number
from helpers.errors import RunError


def add_tune(commands):
    parser = commands.add_parser(
        "tune",
        help="search for hyperparameters, and measure how much of the find is luck",
        description="Tries settings of learning rate, batch size, epochs, warm-up, weight decay and "
        "LoRA rank, all with one seed, and takes the best by the loss on the validation rows. Then "
        "trains it again beside the usual setting, with fresh seeds. The same command goes on with "
        "what was interrupted; with more --trials or --seeds it adds to what is there.",
    )
    parser.add_argument("--data", default="course", help="name or file of records")
    parser.add_argument("--out", type=file_name, required=True, help="folder for the search")
    parser.add_argument("--model", default="gpt2-mini", help="name or folder")
    parser.add_argument(
        "--trials",
        type=whole_number,
        default=20,
        help="in all, with those that are there; default 20",
    )
    parser.add_argument(
        "--seeds", type=whole_number, default=5, help="of the repeats; default 5, 0 for none"
    )
    parser.add_argument(
        "--minutes",
        type=number,
        default=0.0,
        help="no trial begins later than this; default: no limit",
    )
    parser.add_argument("--rows", type=whole_number, default=0, help="to train on; default: all")
    parser.add_argument(
        "--heldout",
        default="",
        metavar="FILE",
        help="rows to measure the repeats on; default: course-heldout for course, else the data's own "
        "test rows",
    )
    parser.add_argument("--loss-on", default="all", metavar="ARM", help="as for train")
    parser.add_argument(
        "--try",
        dest="space",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="what to try: lora=16, epochs=1,2 or lr_times=0.5..4 (× the usual rate); also batch_size, "
        "warmup, weight_decay; may be given several times",
    )
    parser.add_argument("--template", default="alpaca")
    parser.add_argument(
        "--max-length", type=whole_number, default=0, help="tokens; default: what the model reads"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    add_cluster(parser)
    parser.set_defaults(run=_tune)
    return parser


def _tune(args) -> int:
    from helpers.tune import Search, load_search, read_space, run_search

    search = Search(
        model=args.model,
        data=args.data,
        heldout=args.heldout,
        loss_on=args.loss_on,
        rows=args.rows,
        trials=args.trials,
        seeds=args.seeds,
        minutes=args.minutes,
        space=read_space(args.space),
        template=args.template,
        max_length=args.max_length,
        device=args.device,
        precision=args.precision,
    )
    new = list(run_search(search, args.out, cluster=args.cluster))
    found = load_search(args.out)
    for line in tune_notes(found, search):
        note(line)
    figures, table = draw(found)
    report = {
        "trials": found.trials.to_dict("records"),
        "best": found.best.to_dict(),
        "usual": found.usual.to_dict(),
        "importance": [] if table is None else table.to_dict("records"),
        "optimism": optimism_records(found),
        "words": found.words(),
        "command": found.command(),
        "figures": figures,
        "new_runs": len(new),
        "out": str(args.out),
    }
    emit(args, without_nan(report), tune_text(found))
    return 0


def tune_notes(found, search) -> list[str]:
    """What a reader of the tables should know about how they came to be."""
    notes = []
    if len(found.trials) < search.trials:
        notes.append(
            f"{len(found.trials)} of {search.trials} trials: the time was up. The same command goes on."
        )
    if n := len(found.about["left_out"]):
        notes.append(f"rows left out: {n}; {found.out / 'search.json'} says which and why.")
    rows = found.about["rows"]["validation"]
    if rows < 200:
        notes.append(
            f"chosen on {rows} validation rows, which is few: believe what the repeats say, not the "
            "search."
        )
    return notes


def draw(found):
    """(the figures that were written, importance table or None with too few trials)."""
    from helpers import plots
    from helpers.files import atomic_path
    from helpers.tune import importance

    drawn = {
        "slices": plots.slices(found.trials, found.usual["trial"], found.best["trial"]),
        "repeats": plots.optimism(found.optimism()),
    }
    try:
        table = importance(found)
        drawn["importance"] = plots.importances(table)
    except RunError as error:
        note(str(error))
        table = None
    for name, picture in drawn.items():
        with atomic_path(found.out / f"{name}.png") as path:
            path.write_bytes(picture.png)
    return [str(found.out / f"{name}.png") for name in drawn], table


def optimism_records(found) -> list[dict]:
    """The three ways of measuring the gain, each with its interval as one value."""
    return [
        {
            "way": row.way,
            "gain": row.gain,
            "ci95": None if row.low != row.low else [row.low, row.high],
        }
        for row in found.optimism().itertuples()
    ]


def without_nan(value):
    """The value with None in place of what is no number, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(v) for key, v in value.items()}
    if isinstance(value, list):
        return [without_nan(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value


def tune_text(found, most: int = 10) -> str:
    """The best trials as a table, then what they are worth, then how to train with the best."""
    lines = [
        f"{'trial':>5} {'loss':>7} {'lr':>9} {'batch':>5} {'epochs':>6} {'warm-up':>7} {'decay':>6} "
        f"{'lora':>4}  how it ended"
    ]
    unfinished = found.trials["state"] != "finished"
    ranked = found.trials.assign(last=unfinished).sort_values(["last", "val_response_loss"])
    for row in ranked.head(most).itertuples():
        usual = ", the usual setting" if row.trial == found.usual["trial"] else ""
        lines.append(
            f"{row.trial:>5} {row.val_response_loss:>7.4f} {row.lr:>9.3g} {row.batch_size:>5} "
            f"{row.epochs:>6} {row.warmup:>7.2f} {row.weight_decay:>6.2f} {row.lora:>4}  {row.state}{usual}"
        )
    if len(ranked) > most:
        lines.append(f"  … and {len(ranked) - most} more in {found.out / 'trials.jsonl'}")
    return "\n".join([*lines, "", found.words(), found.command()])


COMMANDS = (add_tune,)
