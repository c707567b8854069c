"""The command line: `course …`, a thin door to the package.

Results go to stdout, everything else to stderr; `--json` prints one object. Exit status: 0 success,
2 bad usage or input with one clear line, 1 a run that failed or was ended with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from helpers.errors import (
    CourseError,
    RunError,
    SettingsError,
    is_out_of_memory,
    nearest,
    one_line,
)


def main(argv: list[str] | None = None) -> int:
    """The exit status of a command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that cannot show “→” prints “?” instead
            stream.reconfigure(errors="replace")
    args = argparse.Namespace(command="")
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        return args.run(args)
    except CourseError as error:
        return complain(one_line(error))
    except KeyboardInterrupt:
        print(f"course: {stopped(args)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a folder that may not be written: the user's to mend
        return complain(f"{one_line(error)}. Check that path, and that it may be read and written.")
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return complain(out_of_memory(args))


def complain(message: str) -> int:
    """Exit status 2, after the one clear line."""
    print(f"course: {message}", file=sys.stderr)
    return 2


def stopped(args) -> str:
    """What to tell somebody who pressed Ctrl-C: how to go on."""
    if args.command == "train" and not args.resume:
        return "stopped; the same command with --resume goes on."
    if args.command in ("train", "generate", "judge", "run", "masking"):
        return "stopped; the same command goes on."
    return "stopped."


def out_of_memory(args) -> str:
    """What to tell somebody whose memory ran out: which setting to lower, and what it is now."""
    remedies = []
    if hasattr(args, "batch_size"):
        remedies.append(f"lower --batch-size (now {args.batch_size})")
    if hasattr(args, "max_length"):
        remedies.append(f"lower --max-length (now {args.max_length})")
    if hasattr(args, "max_new_tokens"):
        remedies.append(f"lower --max-new-tokens (now {args.max_new_tokens})")
    if getattr(args, "model", "gpt2-micro") != "gpt2-micro":
        smaller = "gpt2-micro" if args.model == "gpt2-mini" else "gpt2-mini"
        remedies.append(f"take a smaller model than {args.model}, such as {smaller}")
    remedies.append("close other programs")
    return f"out of memory: {', or '.join(remedies)}."


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, as all others of the course."""

    def error(self, message: str):
        command = self.prog.removeprefix("course").strip()
        usage = f"`{self.prog} --help` shows what can be given."
        raise SettingsError(f"{command}: {message}. {usage}" if command else f"{message}. {usage}")


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments of a command line. Raises SettingsError for anything unknown, nearest names offered."""
    parser, commands = build_parser()
    if not argv:
        raise SettingsError(
            f"name a command: {', '.join(commands)}. `course --help` explains them."
        )
    if not argv[0].startswith("-") and argv[0] not in commands:
        raise SettingsError(f"there is no command {argv[0]!r}; {nearest(argv[0], commands)}.")
    args, rest = parser.parse_known_args(argv)
    if rest:
        known = [o for a in commands[argv[0]]._actions for o in a.option_strings if o[:2] == "--"]
        raise SettingsError(
            f"{argv[0]}: {rest[0]!r} is not understood; {nearest(rest[0], known)}. A name with "
            "spaces needs quotes."
        )
    return args


def whole_number(text: str) -> int:
    """The number, for argparse."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, such as 2") from error


def number(text: str) -> float:
    """The number, for argparse."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 0.5") from error


def list_of(kind):
    """A type for argparse: values of that kind with commas between them, as a tuple."""

    def values(text: str) -> tuple:
        parts = [part.strip() for part in text.split(",")]
        if "" in parts:
            raise argparse.ArgumentTypeError(f"{text!r}: give values with commas between them")
        return tuple(kind(part) for part in parts)

    return values


def file_name(text: str) -> Path:
    """The path, for argparse; an empty one would mean the folder one happens to be in."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; give a file or folder")
    return Path(text)


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and those of all commands by name."""
    parser = Parser(
        prog="course", description="Instruction fine-tuning of GPT-2, from data set to score."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_run,
        _add_site,
        _add_data,
        _add_train,
        _add_generate,
        _add_judge,
        _add_compare,
        _add_masking,
        _add_fetch,
        _add_check,
    ):
        command = add(commands)
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser, commands.choices


def emit(args, result: dict, text: str) -> None:
    """Print the result: as JSON, or as text for people."""
    print(json.dumps(result, ensure_ascii=False) if args.json else text)


def note(text: str) -> None:
    """A line for people, on stderr, so that stdout holds nothing but results."""
    print(text, file=sys.stderr, flush=True)


# --- course run ----------------------------------------------------------------------------------


def _add_run(commands):
    parser = commands.add_parser("run", help="execute the lessons and build the site")
    parser.add_argument("--full", action="store_true", help="GPT-2 medium, the book's data, Ollama")
    parser.add_argument("--only", default="", metavar="01,02", help="these lessons only")
    parser.add_argument("--out", type=file_name, default=Path("build"), help="default: build")
    parser.add_argument("--write", action="store_true", help="also store outputs in notebooks/")
    parser.set_defaults(run=_run)
    return parser


def _run(args) -> int:
    from helpers.lessons import check_out, find_lessons, run_lessons
    from helpers.settings import COURSE, course_settings
    from helpers.site import build_site

    settings = course_settings("full" if args.full else "")
    started = time.perf_counter()
    lessons = find_lessons(args.only)
    check_out(args.out)
    note(f"{len(lessons)} lessons in {settings.mode} mode ({settings.model}, {settings.data})")
    results = []
    for result in run_lessons(settings, only=args.only, out=args.out, write=args.write):
        results.append(result)
        state = "ok    " if result.ok else "FAILED"
        note(f"  {state} {result.name:32} {result.seconds:6.1f} s  {result.error}")
    site = build_site(args.out / "notebooks", args.out / "site")
    report = {
        "lessons": [{"name": r.name, "ok": r.ok, "seconds": round(r.seconds, 1)} for r in results],
        **closing_numbers(settings, args.out / "runs"),
        "site": str(site),
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    if args.write and report["score"] and all(r.ok for r in results):
        draw_overview(settings, args.out / "runs", COURSE / "docs" / "overview.png")
    emit(args, report, closing_table(report))
    return 0 if all(r.ok for r in results) else 1


def draw_overview(settings, runs: Path, path: Path) -> None:
    """The README's picture: a test row that the tuned model answers exactly, and both means."""
    from helpers.evaluate.scorecard import mean_interval
    from helpers.files import atomic_path, read_json
    from helpers.judge import read_verdicts
    from helpers.plots import overview, show
    from helpers.settings import run_folder

    rows, scores = {}, {}
    for key, kind in (("before", "base"), ("after", "tuned")):
        folder = run_folder(settings, kind, runs)
        rows[key] = read_json(folder / "responses.json")
        scores[key] = [v.score or 0.0 for v in read_verdicts(folder / "verdicts.jsonl")]
    best = max(
        range(len(rows["after"])),
        key=lambda i: (scores["after"][i], len(rows["after"][i]["model_response"])),
    )
    asked = rows["after"][best]
    answers = {key: " ".join(rows[key][best]["model_response"].split()) for key in rows}
    means = {key: mean_interval(values) for key, values in scores.items()}
    question = " ".join((asked["instruction"], asked["input"])).strip()
    figure = show(overview(question, answers, means), "overview", dpi=110)
    with atomic_path(path) as temporary:
        temporary.write_bytes(figure.png)


def closing_numbers(settings, runs: Path) -> dict:
    """Response loss and mean score before and after, as far as the lessons left them."""
    from helpers.judge import read_verdicts, summarise
    from helpers.runs import run_summary
    from helpers.settings import run_folder

    report: dict = {"val_response_loss": None, "score": None}
    tuned, base = (run_folder(settings, kind, runs) for kind in ("tuned", "base"))
    if (tuned / "model.safetensors").exists():
        summary = run_summary(tuned)
        report["val_response_loss"] = {
            "before": summary["val_response_loss_before"],
            "after": summary["val_response_loss_after"],
        }
    if all((folder / "verdicts.jsonl").exists() for folder in (base, tuned)):
        before, after = (
            summarise(read_verdicts(folder / "verdicts.jsonl")) for folder in (base, tuned)
        )
        report["score"] = {
            "before": before["mean"],
            "before_ci95": before["ci95"],
            "after": after["mean"],
            "after_ci95": after["ci95"],
            "judge": settings.judge,
            "n": after["n"],
        }
    return report


def closing_table(report: dict) -> str:
    """The numbers of a course run as a small table."""
    lines = ["", f"{'':34}{'before':>16}{'after':>18}"]
    if loss := report["val_response_loss"]:
        name = "validation response loss (nats)"
        lines.append(f"{name:34}{loss['before']:>16.2f}{loss['after']:>18.2f}")
    if (score := report["score"]) and None not in (score["before_ci95"], score["after_ci95"]):
        before, after = points(score["before"]), points(score["after"])
        lines.append(f"{'mean score, 0–100':34}{before:>16}{after:>18}")
        spans = [
            f"{points(low)} … {points(high)}"
            for low, high in (score["before_ci95"], score["after_ci95"])
        ]
        lines.append(f"{'  95 % interval':34}{spans[0]:>16}{spans[1]:>18}")
        lines.append(f"  judge: {score['judge']}, {score['n']} test rows")
    passed = sum(lesson["ok"] for lesson in report["lessons"])
    lines.append(f"{passed} of {len(report['lessons'])} lessons ran, {report['minutes']} minutes")
    lines.append(f"Read them: {report['site']}")
    return "\n".join(lines)


# --- course site ---------------------------------------------------------------------------------


def _add_site(commands):
    parser = commands.add_parser("site", help="turn executed lessons into pages, running nothing")
    parser.add_argument("--notebooks", type=Path, help="default: the course's own, as stored")
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="default: build/site")
    parser.set_defaults(run=_site)
    return parser


def _site(args) -> int:
    from helpers.lessons import NOTEBOOKS, find_lessons, is_stale
    from helpers.settings import course_settings
    from helpers.site import build_site

    folder = args.notebooks or NOTEBOOKS
    site = build_site(folder, args.out)
    lessons = find_lessons(folder=folder)
    stale = [path.stem for path in lessons if is_stale(path, course_settings())]
    for name in stale:
        note(f"{name}: its outputs belong to other cells or settings; `course run` makes new ones.")
    report = {"site": str(site), "pages": len(lessons) + 1, "stale": stale}
    emit(args, report, f"Read them: {site}")
    return 0


# --- course train --------------------------------------------------------------------------------


def _add_train(commands):
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
    parser.add_argument("--batch-size", type=whole_number, default=8)
    parser.add_argument(
        "--max-length", type=whole_number, default=1024, help="tokens; default 1024"
    )
    parser.add_argument("--seed", type=whole_number, default=123)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
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
    from helpers.runs import RunSettings, fine_tune, run_summary, watched

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
    settings = RunSettings(
        model=args.model,
        data=args.data,
        loss_on=args.loss_on,
        template=args.template,
        validation=args.val,
        epochs=args.epochs,
        lr=args.lr or 0.0,
        batch_size=args.batch_size,
        max_length=args.max_length,
        seed=args.seed,
        device=args.device,
        precision=args.precision,
    )
    records = fine_tune(
        settings, args.out, resume=args.resume, checkpoint_every=args.checkpoint_every
    )
    for _ in watched(records, args.epochs, f"fine-tuning, loss on {args.loss_on}"):
        pass
    report = run_summary(args.out)
    if n := report["left_out"]:
        left_out = "1 row was" if n == 1 else f"{n} rows were"
        note(f"{left_out} left out; {args.out}/settings.json says which and why.")
    emit(
        args,
        report,
        f"response loss on validation: {report['val_response_loss_before']:.3f} → "
        f"{report['val_response_loss_after']:.3f} (loss on {report['loss_on']}, "
        f"{report['steps']} steps, {report['seconds']:.0f} s)\nmodel: {report['out']}",
    )
    return 0


# --- course generate -----------------------------------------------------------------------------


def _add_generate(commands):
    parser = commands.add_parser("generate", help="answer the rows of a data set")
    parser.add_argument(
        "--model", default="gpt2-mini", help="gpt2-micro, gpt2-mini, gpt2 …, or folder of a run"
    )
    parser.add_argument("--data", default="course")
    parser.add_argument("--split", default="test", help="test, train, val or all")
    parser.add_argument("--out", type=file_name, required=True, help="the responses.json to write")
    parser.add_argument("--template", default="", help="default: the one the model was tuned with")
    parser.add_argument("--max-new-tokens", type=whole_number, default=128)
    parser.add_argument("--temperature", type=number, default=0.0, help="0 = greedy, the default")
    parser.add_argument("--top-k", type=whole_number, default=None)
    parser.add_argument("--batch-size", type=whole_number, default=16, help="answers at a time")
    parser.add_argument("--seed", type=whole_number, default=123)
    parser.add_argument("--device", default="auto")
    parser.set_defaults(run=_generate)
    return parser


def _generate(args) -> int:
    from helpers.runs import (
        answer,
        check_answers_file,
        check_not_swapped,
        choose_rows,
        trained_on_all,
    )

    check_not_swapped(args.model, args.data)
    check_answers_file(args.out)
    if args.split == "test" and trained_on_all(args.model, args.data):
        note(
            f"Take care: {args.model} was trained on all rows of {args.data} (it had a validation "
            "file of its own), these among them. Its answers to them are no test."
        )
    report = answer(
        args.model,
        choose_rows(args.data, args.split),
        args.out,
        template=args.template,
        device=args.device,
        seed=args.seed,
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
        top_k=args.top_k,
        batch_size=args.batch_size,
    )
    emit(
        args,
        report,
        f"{report['n']} responses in {report['seconds']:.1f} s, {report['stopped']:.0%} ended by "
        f"themselves\nresponses: {report['out']}",
    )
    return 0


# --- course judge, course compare ----------------------------------------------------------------


def _add_judge(commands):
    parser = commands.add_parser("judge", help="score responses, 0 to 100")
    parser.add_argument("responses", type=file_name)
    parser.add_argument("--judge", default="reference", help="reference or ollama:MODEL")
    parser.add_argument("--workers", type=whole_number, default=1)
    parser.add_argument(
        "--out", type=file_name, help="default: verdicts.jsonl beside the responses"
    )
    parser.set_defaults(run=_judge)
    return parser


def _judge(args) -> int:
    from helpers.judge import judge_from_name, judge_responses, summarise
    from helpers.runs import read_responses

    rows = read_responses(args.responses)
    judge = judge_from_name(args.judge)
    out = args.out or args.responses.with_name("verdicts.jsonl")
    verdicts = judge_responses(judge, rows, out=out, workers=args.workers)
    report = {**summarise(verdicts), "out": str(out)}
    emit(args, report, judge_text(report))
    return 0 if report["scored"] else 1


def points(score: float) -> str:
    """A score with one decimal and no negative zero."""
    return f"{round(score, 1) + 0.0:.1f}"


def judge_text(report: dict) -> str:
    """The mean with its interval and what could not be scored, as two lines."""
    if report["mean"] is None:
        head = "no response could be scored"
    elif report["ci95"] is None:
        head = f"mean score {report['mean']:.1f} (one response: no interval)"
    else:
        low, high = report["ci95"]
        head = (
            f"mean score {points(report['mean'])} (95 % interval {points(low)} to {points(high)})"
        )
    again = "; the same command asks about these again" if report["failed"] else ""
    return (
        f"{head}\n{report['scored']} of {report['n']} scored, {report['unparsed']} unparsed, "
        f"{report['failed']} failed{again}; judge {report['judge']}\nverdicts: {report['out']}"
    )


def _add_compare(commands):
    parser = commands.add_parser("compare", help="compare two verdict files item by item")
    parser.add_argument("a", type=file_name)
    parser.add_argument("b", type=file_name)
    parser.set_defaults(run=_compare)
    return parser


def _compare(args) -> int:
    from helpers.evaluate.scorecard import compare
    from helpers.judge import read_verdicts

    report = compare(read_verdicts(args.a), read_verdicts(args.b))
    if report["n"] == 0:
        raise RunError(
            f"no item is scored in both {args.a} and {args.b}: there is nothing to compare. "
            "Score them with `course judge` first."
        )
    emit(args, report, report["words"])
    return 0


# --- course masking -------------------------------------------------------------------------------


def _add_masking(commands):
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
    parser.add_argument("--seeds", type=whole_number, default=5, help="how many; default 5")
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
    parser.add_argument("--batch-size", type=whole_number, default=8)
    parser.add_argument("--template", default="alpaca")
    parser.add_argument(
        "--max-length", type=whole_number, default=0, help="tokens; default: what the model reads"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--keep-models", action="store_true", help="keep the weights of every run")
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
        rows=args.rows or (),
        epochs=args.epochs,
        lrs=args.lr or (),
        sweep=args.sweep,
        ratios=args.ratio,
        metrics=args.metrics,
        batch_size=args.batch_size,
        template=args.template,
        max_length=args.max_length,
        device=args.device,
        precision=args.precision,
        keep_models=args.keep_models,
    )
    new = sum(row["arm"] != "base" for row in run_grid(grid, args.out))
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
    if n := rows["heldout_seen_in_training"]:
        notes.append(f"Take care: {n:,} of them stand in the training rows too, word for word.")
    if n := len(results.about["left_out"]):
        notes.append(f"rows left out: {n}; {results.out / 'grid.json'} says which and why.")
    for setting in results.settings():
        if len(results.arms(**setting)) < 2:
            what = ", ".join(f"{name} {value}" for name, value in setting.items())
            notes.append(f"not finished, so not shown: {what}. The command that began it goes on.")
    for row in results.sweep.itertuples() if len(results.sweep) else ():
        if row.chosen:
            edge = ", the end of what was tried: the best may lie beyond" if row.edge else ""
            notes.append(f"learning rate of {row.arm}, {row.rows} rows: {row.lr:g}{edge}")
    return notes


def masking_report(results) -> tuple[dict, str]:
    """What `--json` prints and what people read: means and contrasts, setting by setting."""
    from helpers.experiment import summary

    arms, pairs, parts = [], [], []
    for setting in results.settings():
        if len(results.arms(**setting)) < 2:
            continue  # begun by another command and not finished: a note says so
        means, contrasts = summary(results, **setting)
        for row in means.to_dict("records"):
            arms.append({**with_ci95(row), **setting})
        for row in contrasts.to_dict("records"):
            pairs.append({**with_ci95(row), **setting})
        parts.append(masking_table(setting, means, contrasts))
    base = results.runs[results.runs["arm"] == "base"].set_index("run")["response_loss"].to_dict()
    text = "\n\n".join([*parts, f"every run: {results.out / 'runs.jsonl'}"])
    return {"arms": arms, "pairs": pairs, "before": base, "out": str(results.out)}, text


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
    for row in means.itertuples():
        lines.append(f"  {row.arm:26}{row.mean:>8.4f}  {row.low:.4f} to {row.high:.4f}")
    lines += [f"  {words}" for words in contrasts["words"]]
    return "\n".join(lines)


# --- course fetch --------------------------------------------------------------------------------


def _add_fetch(commands):
    parser = commands.add_parser(
        "fetch", help="download models and data sets before they are needed"
    )
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="such as gpt2-medium, book, alpaca"
    )
    parser.set_defaults(run=_fetch)
    return parser


def _fetch(args) -> int:
    from helpers.data import BUNDLED, REMOTE, data_path
    from helpers.weights import KNOWN, find_model

    known = [*KNOWN, *BUNDLED, *REMOTE]
    for name in args.names:
        if name not in known:
            raise CourseError(f"{name!r} is no model or data set; {nearest(name, known)}.")
    found = []
    for name in args.names:
        path = find_model(name) if name in KNOWN else data_path(name)
        found.append({"name": name, "path": str(path), "bytes": path.stat().st_size})
    lines = [f"{item['name']}: {item['bytes']:,} bytes, {item['path']}" for item in found]
    emit(args, {"files": found}, "\n".join(lines))
    return 0


# --- course data check ---------------------------------------------------------------------------


def _add_data(commands):
    parser = commands.add_parser("data", help="look at a data set before training on it")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="lengths, duplicates, leaks, broken text")
    check.add_argument("file", metavar="FILE", help="name or file of records")
    check.add_argument("--template", default="alpaca", help="alpaca, phi3 or plain")
    check.set_defaults(run=_data_check)
    return check


def _data_check(args) -> int:
    from helpers.data_check import check_data

    report = check_data(args.file, args.template)
    emit(args, {"data": args.file, **report.as_dict()}, report_text(report))
    return 0


def report_text(report) -> str:
    """The tables of a data report, one below the other, and a line of advice for each finding."""
    splits = ", ".join(f"{name} {n:,}" for name, n in report.splits.items())
    parts = [f"{report.rows:,} rows ({splits}); {report.too_long:.1%} are too long for a GPT-2"]
    parts += [t.to_string(na_rep="") for t in (report.lengths, report.segments)]
    if report.families is not None:
        parts.append(report.families.to_string())
    for finding in report.findings.itertuples():
        n = finding.rows
        where = f"{n:,} row{'s' if n > 1 else ''}, first {finding.first}"
        parts.append(f"{finding.finding} ({where})\n    → {finding.advice}.")
    parts.append("" if len(report.findings) else "nothing to complain about")
    return "\n\n".join(filter(None, parts))


# --- course check --------------------------------------------------------------------------------


def _add_check(commands):
    parser = commands.add_parser("check", help="is this machine ready?")
    parser.add_argument("--full", action="store_true", help="ready for full mode")
    parser.set_defaults(run=_check)
    return parser


def _check(args) -> int:
    from helpers.environment import check_environment

    report = check_environment("full" if args.full else "")
    emit(args, report.as_dict(), str(report))
    return 0 if report.ready else 1


if __name__ == "__main__":
    sys.exit(main())
