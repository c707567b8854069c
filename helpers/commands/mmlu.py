"""`course mmlu`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name, note, whole_number


def add_mmlu(commands):
    parser = commands.add_parser(
        "mmlu",
        help="multiple choice: how often is the right option the likeliest?",
        description="Asks multiple-choice questions in MMLU's format and compares how likely the "
        "model finds the options; nothing is generated. With --against, a second model gets the same "
        "questions, and the difference is tested.",
    )
    parser.add_argument("--model", default="gpt2-mini", help="name or folder of a run")
    parser.add_argument("--against", default="", metavar="MODEL", help="a second model, B")
    parser.add_argument(
        "--questions",
        default="course",
        help="course (bundled), mmlu (the original, downloaded), or a CSV, JSON or Parquet file, or "
        "a folder or archive of them",
    )
    parser.add_argument(
        "--style",
        default="letter",
        help="letter (A to D after all options were shown, the default) or cloze (the option's text)",
    )
    parser.add_argument("--shots", type=whole_number, default=0, help="solved examples before, 0-5")
    parser.add_argument(
        "--template",
        default="",
        help="ask as an instruction: alpaca, phi3, plain; default: the benchmark's own text",
    )
    parser.add_argument(
        "--normalise",
        default="byte",
        help="cloze: likelihood per byte (default), per token, or none",
    )
    parser.add_argument(
        "--sample", type=whole_number, metavar="N", help="only N questions, every subject its share"
    )
    parser.add_argument("--seed", type=whole_number, default=123, help="of the sample")
    parser.add_argument(
        "--out", type=file_name, help="folder for answers, report and figure; then it can go on"
    )
    parser.add_argument("--device", default="auto")
    parser.set_defaults(run=_mmlu)
    return parser


def _mmlu(args) -> int:
    from helpers.evaluate.multiple_choice import Way, compare
    from helpers.evaluate.questions import load_questions, stratified

    way = Way(args.style, args.shots, args.template, args.normalise)
    found = load_questions(args.questions)
    questions = found.test
    if args.sample is not None:
        questions = stratified(questions, args.sample, args.seed)
    answers, reports = [], []
    for name, file in (("model", "answers-a.jsonl"), ("against", "answers-b.jsonl")):
        if getattr(args, name):
            answers.append(_ask(args, getattr(args, name), questions, found, way, file))
            reports.append(_report(args, getattr(args, name), answers[-1], way))
    report = reports[0]
    if args.against:
        report = {**report, "against": reports[1], "comparison": compare(*answers)}
    text = mmlu_text(report)
    if args.out:
        report["out"] = str(args.out)
        text += f"\n{_keep(args.out, report)}"
    emit(args, report, text)
    return 0


def _ask(args, model: str, questions, found, way, file: str):
    """The model's answers; with --out they are kept in that file as they come."""
    from dataclasses import asdict

    from helpers.evaluate.multiple_choice import answer_into, answer_questions
    from helpers.evaluate.questions import item_hash
    from helpers.files import check_folder, content_hash, sha256
    from helpers.runs import check_model, choose_device, keep_memory
    from helpers.tokenizer import load_tokenizer
    from helpers.weights import find_model, load_model

    device = choose_device(args.device)
    if args.out:
        check_folder(args.out)
    keep_memory()
    weights = find_model(model)
    loaded, tokenizer = load_model(model, device=device), load_tokenizer()
    check_model(loaded, model)
    if not args.out:
        batches = answer_questions(loaded, questions, found, way, tokenizer)
        return sorted((a for batch in batches for a in batch), key=lambda a: a.index)
    settings = {
        "model": model,
        "model_sha256": sha256(weights),
        "questions": args.questions,
        "questions_sha256": content_hash([item_hash(q) for q in questions]),
        "examples_sha256": content_hash([item_hash(q) for qs in found.dev.values() for q in qs]),
        **asdict(way),
    }
    return answer_into(args.out / file, settings, loaded, questions, found, way, tokenizer)


def _report(args, model: str, answers, way) -> dict:
    from helpers.evaluate.multiple_choice import summarise

    return {"model": model, "questions": args.questions, **summarise(answers, way)}


def _keep(out, report: dict) -> str:
    """The line that says where the report and its figure now lie."""
    from helpers.files import atomic_path, write_json
    from helpers.plots import by_subject

    figure = by_subject(report)
    with atomic_path(out / "by-subject.png") as path:
        path.write_bytes(figure.png)
    write_json(out / "report.json", {**report, "figure": figure.caption})
    return f"answers, report and figure: {out}"


def mmlu_text(report: dict) -> str:
    """What people read: each model's accuracy, the subjects, and the comparison."""
    models = [report, *([report["against"]] if "against" in report else [])]
    parts = [_headline(r) for r in models]
    width = max(len(row["subject"]) for row in report["by_subject"])
    names = [f"{'AB'[i]}: {r['model']}" for i, r in enumerate(models)] if models[1:] else []
    table = ["; ".join(names)] if names else []
    for rows in zip(*(r["by_subject"] for r in models), strict=True):
        shares = "   ".join(_share(row) for row in rows)
        table.append(f"  {rows[0]['subject']:{width}} {rows[0]['n']:>5}  {shares}")
    parts.append("\n".join(table))
    if "comparison" in report:
        parts.append(report["comparison"]["words"])
    for warning in dict.fromkeys(r["warning"] for r in models):
        if warning:
            note(f"Take care: {warning}")
    return "\n\n".join(parts)


def _headline(report: dict) -> str:
    low, high = (100 * x for x in report["ci95"])
    norm = f" by {report['normalise']}" if report["normalise"] not in (None, "none") else ""
    how = f"{report['style']}{norm}, {report['shots']} shots"
    if report["template"]:
        how += f", template {report['template']}"
    lines = [
        f"{report['model']}: {100 * report['accuracy']:.2f} % of {report['n']:,} questions right "
        f"(95 % interval {low:.1f} to {high:.1f}; guessing {100 * report['chance']:.0f} %)",
        f"{how}; chosen: {', '.join(f'{x} {n:,}' for x, n in report['predicted'].items())}",
    ]
    if report["shots"]:
        lines.append(f"questions with room for fewer shots: {report['shots_dropped']:,}")
    if report["cut"]:
        lines.append(f"questions too long for the model, their beginning cut: {report['cut']:,}")
    return "\n".join(lines)


def _share(row: dict) -> str:
    low, high = (100 * x for x in row["ci95"])
    return f"{100 * row['accuracy']:5.1f} % ({low:.0f} to {high:.0f})"


COMMANDS = (add_mmlu,)
