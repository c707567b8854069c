"""`course masking`."""

from __future__ import annotations

from helpers.commands.common import (
    add_cluster,
    emit,
    file_name,
    list_of,
    note,
    number,
    whole_number,
)


def add_masking(commands):
    parser = commands.add_parser(
        "masking",
        help="does masking the instruction pay? arms × seeds, compared on held-out rows",
        description="Trains every arm with every seed, measures all of them by the response loss on "
        "the same held-out rows, and says which differences are more than chance. What is given "
        "as A,B,… may have several values. The same command goes on with what was interrupted; "
        "with more arms, seeds or values it adds to what is there.",
    )
    parser.add_argument("--data", default="course", help="name or file of records")
    parser.add_argument("--out", type=file_name, required=True, help="folder for the experiment")
    parser.add_argument("--model", default="gpt2-mini", help="name or folder")
    parser.add_argument(
        "--heldout",
        default="",
        metavar="FILE",
        help="rows to measure on; default: course-heldout for course, else the data's own test and "
        "validation rows",
    )
    parser.add_argument(
        "--arms",
        type=list_of(str),
        metavar="ARM,…",
        help="default: all,instruction+response,header+response,response,response@0.1",
    )
    parser.add_argument(
        "--seeds",
        type=whole_number,
        default=5,
        help="how many; default 5. Fix it first: adding seeds until a difference is resolved finds one "
        "by chance more often than in 5 of 100",
    )
    parser.add_argument(
        "--first-seed",
        type=whole_number,
        default=1,
        metavar="K",
        help="take the seeds from K on; default 1. With a new --out, what one experiment showed can be "
        "tested on seeds that had no part in it; in the same folder they are added to the others",
    )
    parser.add_argument("--rows", type=list_of(whole_number), metavar="N,…", help="default: all")
    parser.add_argument("--epochs", type=list_of(whole_number), default=(2,), metavar="N,…")
    parser.add_argument(
        "--lr", type=list_of(number), metavar="RATE,…", help="default: suits the model"
    )
    parser.add_argument(
        "--sweep", action="store_true", help="each arm at its own best rate, found on validation"
    )
    parser.add_argument(
        "--ratio",
        type=list_of(str),
        default=("any",),
        metavar="LEVEL,…",
        help="instruction length against response length: any, low, middle, high (a third of the "
        "rows each), inverted (the request is the answer)",
    )
    parser.add_argument(
        "--metrics",
        type=list_of(str),
        default=(),
        metavar="NAME,…",
        help="also gap, memory, overlap, stops, score, plain, distance, paraphrase",
    )
    parser.add_argument(
        "--freeze-embeddings",
        action="store_true",
        help="leave the vectors of tokens and positions as they are, as `course train` does with the "
        "bundled models; default: train all weights",
    )
    parser.add_argument("--batch-size", type=whole_number, default=8)
    parser.add_argument("--template", default="alpaca")
    parser.add_argument(
        "--max-length", type=whole_number, default=0, help="tokens; default: what the model reads"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--keep-models", action="store_true", help="keep the weights of every run")
    add_cluster(parser)
    parser.set_defaults(run=_masking)
    return parser


def _masking(args) -> int:
    from helpers.experiment import DEFAULT_ARMS, Grid, load_grid, run_grid

    grid = Grid(
        model=args.model,
        data=args.data,
        heldout=args.heldout,
        arms=args.arms or DEFAULT_ARMS,
        seeds=args.seeds,
        first_seed=args.first_seed,
        rows=args.rows or (),
        epochs=args.epochs,
        lrs=args.lr or (),
        sweep=args.sweep,
        freeze_embeddings=args.freeze_embeddings,
        ratios=args.ratio,
        metrics=args.metrics,
        batch_size=args.batch_size,
        template=args.template,
        max_length=args.max_length,
        device=args.device,
        precision=args.precision,
        keep_models=args.keep_models,
    )
    new = sum(row["arm"] != "base" for row in run_grid(grid, args.out, cluster=args.cluster))
    results = load_grid(args.out)
    for line in masking_notes(results):
        note(line)
    report, text = masking_report(results)
    emit(args, {**report, "new_runs": new}, text)
    return 0


def masking_notes(results) -> list[str]:
    """What a reader of the tables should know about the held-out rows and the rates."""
    from helpers.experiment.rows import ENOUGH

    rows, about = results.about["rows"], results.about["settings"]["heldout_is"]
    notes = [f"measured on {rows['heldout']:,} held-out rows ({about})"]
    if rows["heldout"] < ENOUGH:
        notes[0] += f"; with {ENOUGH:,} or more, smaller differences could be seen (--heldout FILE)"
    if results.about["settings"].get("freeze_embeddings"):
        notes[0] += "; trained with frozen embeddings"
    if n := rows["heldout_seen_in_training"]:
        notes.append(f"Take care: {n:,} of them stand in the training rows too, word for word.")
    if n := len(results.about["left_out"]):
        notes.append(f"rows left out: {n}; {results.out / 'grid.json'} says which and why.")
    for setting in results.settings():
        what = ", ".join(f"{name} {value}" for name, value in setting.items())
        seeds = results.pairs(**setting)
        if not any(len(common) >= 2 for common in seeds.values()):
            notes.append(f"not finished, so not shown: {what}. The command that began it goes on.")
            continue
        for (a, b), common in seeds.items():
            if len(common) < 2:
                notes.append(
                    f"not compared: {a} and {b} have {len(common)} finished seeds in common, and an "
                    f"interval needs 2 ({what})."
                )
    for row in results.sweep.itertuples() if len(results.sweep) else ():
        if row.chosen:
            edge = ", the end of what was tried: the best may lie beyond" if row.edge else ""
            notes.append(f"learning rate of {row.arm}, {row.rows} rows: {row.lr:g}{edge}")
    return notes


def heldout_report(about: dict) -> dict:
    """How many rows were measured on, which, and how many of them stand in the training rows too."""
    rows, which = about["rows"], about["settings"]["heldout_is"]
    return {
        "rows": rows["heldout"],
        "seen_in_training": rows["heldout_seen_in_training"],
        "is": which,
    }


def masking_report(results) -> tuple[dict, str]:
    """What `--json` prints and what people read: means and contrasts, setting by setting."""
    from helpers.experiment import above_untouched, secondary, summary

    arms, pairs, metrics, parts = [], [], [], []
    for setting in results.settings():
        if not any(len(common) >= 2 for common in results.pairs(**setting).values()):
            continue  # begun by another command and not finished: a note says so
        means, contrasts = summary(results, **setting)
        for row in means.to_dict("records"):
            arms.append({**with_ci95(row), **setting})
        for row in contrasts.to_dict("records"):
            pairs.append({**with_ci95(row), **setting})
        others = secondary(results, **setting)
        metrics += [{**row, **setting} for row in others]
        parts.append("\n".join([masking_table(setting, means, contrasts), *metric_lines(others)]))
    base = results.runs[results.runs["arm"] == "base"].set_index("run")["response_loss"].to_dict()
    parts += several_settings([(pair["a"], pair["b"]) for pair in pairs])
    worse = above_untouched(results)
    parts += diverged(worse)
    text = "\n\n".join([*parts, f"every run: {results.out / 'runs.jsonl'}"])
    report = {"arms": arms, "pairs": pairs, "metrics": metrics, "before": base}
    report["heldout"] = heldout_report(results.about)
    return {**report, "above_untouched": worse, "out": str(results.out)}, text


def with_ci95(row: dict) -> dict:
    """The row with its interval as one value."""
    return {
        **{key: value for key, value in row.items() if key not in ("low", "high")},
        "ci95": [row["low"], row["high"]],
    }


def masking_table(setting: dict, means, contrasts) -> str:
    """One setting for people: a line for each arm, then each contrast in words."""
    ratio = "" if setting["ratio"] == "any" else f", length ratio {setting['ratio']}"
    rate = setting["rate"] if setting["rate"] == "swept" else f"lr {setting['rate']}"
    lines = [
        f"{setting['rows']} rows, epochs: {setting['epochs']}, {rate}{ratio}",
        f"{'response loss, nats a token':28}{'mean':>8}  95 % interval",
    ]
    same = all(seeds == means["seeds"][0] for seeds in means["seeds"])
    on = ["" if same else f"; seeds {', '.join(map(str, s))}" for s in means["seeds"]]
    for row, seeds in zip(means.itertuples(), on, strict=True):
        lines.append(f"  {row.arm:26}{row.mean:>8.4f}  {row.low:.4f} to {row.high:.4f}{seeds}")
    if not same:
        lines.append(
            "  The arms have not all the same seeds: a mean is over its arm's own, a difference over "
            "those that both arms have."
        )
    for words, seeds in zip(contrasts["words"], contrasts["seeds"], strict=True):
        lines.append(f"  {words}" if same else f"  on {len(seeds)} seeds: {words}")
    return "\n".join(lines)


def several_settings(tested: list[tuple[str, str]]) -> list[str]:
    """A line that says how often the announced contrast is tested, if that is more than once."""
    from helpers.evaluate.paired import ALPHA, PRIMARY

    n = tested.count(PRIMARY)
    by_chance = 1 - (1 - ALPHA) ** n  # less where settings share their luck
    line = (
        f"{PRIMARY[0]} - {PRIMARY[1]} is tested once in each of {n} settings and not corrected for their "
        f"number: with no difference in any of them, the chance that at least one is resolved is up "
        f"to {by_chance:.0%}."
    )
    return [line] if n > 1 else []


def diverged(runs: list[str]) -> list[str]:
    """A line that names the runs that training made worse, if there are any."""
    if not runs:
        return []
    named = ", ".join(runs[:6]) + (f" and {len(runs) - 6} more" if len(runs) > 6 else "")
    return [
        f"Take care: training made {len(runs)} run{'' if len(runs) == 1 else 's'} worse than the "
        f"untouched model ({named}). What is said of them says little about masking; lower the rate "
        "with --lr, or find one with --sweep."
    ]


def metric_lines(found: list[dict]) -> list[str]:
    """What was measured beside the loss, for people; nothing when nothing was."""
    lines = []
    for row in found:
        means = [
            f"{arm} {'nothing to measure' if mean is None else format(mean, '.4g')}"
            for arm, mean in row["means"].items()
        ]
        line = f"  {row['metric']}: {', '.join(means)}"
        if row["difference"] is not None:
            line += f"; response - all {row['difference']:.4g}"
        if row["ci95"]:
            line += " (95 % interval {:.4g} to {:.4g})".format(*row["ci95"])
        lines.append(line)
    head = (
        "beside the loss: means over seeds and t-intervals over seeds, all of them secondary and not "
        "corrected for their number"
    )
    return [head, *lines] if lines else []


COMMANDS = (add_masking,)
