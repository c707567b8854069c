"""`course run`."""

from __future__ import annotations

import time
from pathlib import Path

from helpers.commands.common import emit, file_name, note, points


def add_run(commands):
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
    """The numbers of a course run as a small table, without one where the lessons left none."""
    lines = []
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
    if lines:
        lines.insert(0, f"{'':34}{'before':>16}{'after':>18}")
    passed = sum(lesson["ok"] for lesson in report["lessons"])
    lines.append(f"{passed} of {len(report['lessons'])} lessons ran, {report['minutes']} minutes")
    lines.append(f"Read them: {report['site']}")
    return "\n".join(["", *lines])


COMMANDS = (add_run,)
