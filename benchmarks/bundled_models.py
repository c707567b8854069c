"""How good the bundled models become: `python -m benchmarks.bundled_models --help`.

Tunes each model on the training rows of `course` with the settings that it is shipped with, once
for each seed, and scores its answers with the reference judge: to the 110 test rows, to unseen items
of the families it was tuned on, and to families it never saw. Prints a table, says which targets
are met, and writes both as Markdown and JSON. Finished seeds are not repeated: what belongs to other
settings, weights, data or another judge has another folder.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers import judge as judges
from helpers.data import load_records
from helpers.errors import CourseError, SettingsError, nearest
from helpers.evaluate.scorecard import mean_interval
from helpers.files import content_hash, read_json, sha256, write_json, write_text
from helpers.judge import ReferenceJudge, judge_responses
from helpers.judge.kernel import fitted_digest
from helpers.masking import segment_weights
from helpers.model import count_parameters
from helpers.progress import bar
from helpers.runs import (
    RunSettings,
    answer,
    choose_rows,
    default_lr,
    fine_tune,
    provenance,
    read_responses,
    run_summary,
    watched,
)
from helpers.settings import COURSE, Settings, runs_folder
from helpers.weights import KNOWN, find_model, load_model

BUNDLED = tuple(name for name, known in KNOWN.items() if known.folder)
COLUMNS = ("gpt2-mini", "gpt2-mini:response", "gpt2-micro")  # model, or model:arm
RESULTS = COURSE / "benchmarks" / "results"
SETS = {"test": "test rows", "known": "unseen items of known families", "new": "unknown families"}
TARGETS = {  # model → what, at least (or at most), aim
    "gpt2-mini": (
        ("tuned, mean score on the test rows", 40.0, 60.0),
        ("gain over base", 25.0, 45.0),
        ("answers that stop, every seed", 0.98, 1.0),
        ("seconds of tuning, the slowest seed", -120.0, None),
        ("million parameters", -20.0, None),
        ("MB of weights", -40.0, None),
    ),
    "gpt2-micro": (("million parameters", -8.0, None), ("MB of weights", -16.0, None)),
}


@dataclass(frozen=True)
class Plan:
    """What is measured. Its hash, with those of model, data and judge, names the folder."""

    epochs: int
    max_new_tokens: int
    train: int  # first rows of `course` that are split; 0 = all
    known: int  # rows of `course-heldout`, a fixed sample; 0 = all
    new: int = 0  # rows of `course-newfamilies`; 0 = all

    @staticmethod
    def quick() -> Plan:
        """A few rows and tokens: tries the command, measures nothing."""
        return Plan(epochs=1, max_new_tokens=4, train=40, known=6, new=6)


def sample(rows: list[dict], n: int) -> list[dict]:
    """`n` of the rows in their order, always the same ones; all of them for 0."""
    if not 0 < n < len(rows):
        return rows
    return [rows[i] for i in sorted(random.Random(0).sample(range(len(rows)), n))]


def course_data(plan: Plan, work: Path) -> str:
    """The data set to tune on: `course`, or a file with its first rows."""
    if not plan.train:
        return "course"
    path = work / f"course-{plan.train}.json"
    if not path.exists():
        write_json(path, load_records("course")[: plan.train])
    return str(path)


def judge_hash() -> str:
    """A hash of the judge's source and fit: scores of two versions must not meet in one table."""
    source = sorted(Path(judges.__file__).parent.glob("*.py"))
    return content_hash([*map(sha256, source), fitted_digest()])


# --- measuring -----------------------------------------------------------------------------------


def measure_answers(model: str | Path, sets: dict[str, list], folder: Path, plan: Plan) -> dict:
    """For each set of rows: its scores by row, its families, and the share of answers that stopped."""
    found = {}
    for name, rows in sets.items():
        path = folder / f"{name}.json"
        if not path.exists():
            answer(model, rows, path, max_new_tokens=plan.max_new_tokens)
        responses = read_responses(path)
        verdicts = judge_responses(ReferenceJudge(), responses, out=folder / f"{name}.jsonl")
        stopped = [row["finish_reason"] == "stop" for row in responses]
        found[name] = {
            "scores": [verdict.score for verdict in verdicts],
            "families": [row["family"] for row in responses],
            "stopped": sum(stopped) / len(stopped),
        }
    return found


def measure_seed(settings: RunSettings, sets: dict[str, list], folder: Path, plan: Plan) -> dict:
    """What one tuning run achieves, from `folder/result.json` if it has been measured before.

    A run that was killed goes on. The tuned weights are removed at the end; the answers stay.
    """
    result = folder / "result.json"
    if result.exists():
        return read_json(result)
    name = f"{settings.model}, {settings.loss_on}, seed {settings.seed}"
    for _ in watched(fine_tune(settings, folder, resume=True), settings.epochs, desc=name):
        pass
    run = run_summary(folder)
    keys = ("val_response_loss_before", "val_response_loss_after", "seconds", "steps", "precision")
    found = {
        "seed": settings.seed,
        **{key: run[key] for key in keys},
        "sets": measure_answers(folder, sets, folder, plan),
    }
    write_json(result, found)
    (folder / "model.safetensors").unlink()
    return found


def measure_model(name: str, seeds: list[int], plan: Plan, work: Path, progress) -> dict:
    """Everything about one column, `model` or `model:arm`: the untouched one's answers, each seed's."""
    name, _, arm = name.partition(":")
    data = course_data(plan, work)
    shipped = Settings.quick()
    arm, rate = arm or shipped.loss_on, default_lr(name, shipped.freeze_embeddings)
    settings = {
        seed: shipped.run_settings(
            model=name, data=data, loss_on=arm, lr=rate, epochs=plan.epochs, seed=seed
        )
        for seed in seeds
    }
    sets = {
        "test": choose_rows(data, "test"),
        "known": sample(load_records("course-heldout"), plan.known),
        "new": sample(load_records("course-newfamilies"), plan.new),
    }
    where = {**provenance(name, data), "judge_sha256": judge_hash()}
    same = {**asdict(settings[seeds[0]]), "seed": 0, "data": ""}  # but for the seed
    folder = work / f"{name}-{content_hash([asdict(plan), same, where, sets])[:12]}"
    base = measure_answers(name, sets, folder / "base", plan)
    progress.update()
    runs = []
    for seed in seeds:
        runs.append(measure_seed(settings[seed], sets, folder / f"seed-{seed}", plan))
        progress.update()
    path = find_model(name)
    return {
        "parameters": count_parameters(load_model(name)),
        "bytes": path.stat().st_size,
        "epochs": plan.epochs,
        "lr": rate,
        "freeze_embeddings": shipped.freeze_embeddings,
        "loss_on": arm,
        "provenance": where,
        "base": base,
        "runs": runs,
    }


# --- from scores to a table ----------------------------------------------------------------------


def summary(found: dict) -> dict:
    """The table's numbers of one model: means over seeds, their spread, intervals over the items."""
    base, runs = found["base"], found["runs"]
    rows = {}
    for name in SETS:
        tuned = [run["sets"][name]["scores"] for run in runs]
        items = [statistics.fmean(scores) for scores in zip(*tuned, strict=True)]
        gains = [after - before for after, before in zip(items, base[name]["scores"], strict=True)]
        rows[name] = {
            "n": len(items),
            "base": _interval(base[name]["scores"]),
            "tuned": {**_interval(items), "sd": _sd([statistics.fmean(s) for s in tuned])},
            "gain": _interval(gains),
            "exact": statistics.fmean(score == 100 for scores in tuned for score in scores),
            "base_stopped": base[name]["stopped"],
            "stopped": statistics.fmean(run["sets"][name]["stopped"] for run in runs),
        }
    return {
        "sets": rows,
        "loss_before": statistics.fmean(run["val_response_loss_before"] for run in runs),
        "loss_after": statistics.fmean(run["val_response_loss_after"] for run in runs),
        "loss_after_sd": _sd([run["val_response_loss_after"] for run in runs]),
        "seconds": [run["seconds"] for run in runs],
    }


def _interval(scores: list[float]) -> dict:
    mean, low, high = mean_interval(scores)
    return {"mean": mean, "ci95": [low, high]}


def _sd(values: list[float]) -> float | None:
    """Standard deviation over seeds; none for a single one."""
    return statistics.stdev(values) if len(values) > 1 else None


def targets(models: dict[str, dict]) -> list[dict]:
    """Every target: what was found, what is asked (negative: at most), and whether it holds."""
    lines = []
    for name, wanted in TARGETS.items():
        if name not in models:
            continue
        found, numbers = models[name], models[name]["summary"]
        measured = {
            "tuned, mean score on the test rows": numbers["sets"]["test"]["tuned"]["mean"],
            "gain over base": numbers["sets"]["test"]["gain"]["mean"],
            "answers that stop, every seed": min(
                run["sets"]["test"]["stopped"] for run in found["runs"]
            ),
            "seconds of tuning, the slowest seed": max(numbers["seconds"]),
            "million parameters": found["parameters"] / 1e6,
            "MB of weights": found["bytes"] / 1e6,
        }
        for what, least, aim in wanted:
            value = measured[what]
            holds = value <= -least if least < 0 else value >= least
            reached = aim is not None and value >= aim
            lines.append(
                {"model": name, "what": what, "found": value, "asked": least, "holds": holds}
                | {"aim": aim, "aim_reached": reached}
            )
    if {"gpt2-mini", "gpt2-micro"} <= set(models):
        mini, micro = (
            models[name]["summary"]["sets"]["test"]["tuned"]["mean"]
            for name in ("gpt2-mini", "gpt2-micro")
        )
        lines.append(
            {"model": "gpt2-micro", "what": "tuned, below gpt2-mini", "found": micro}
            | {"asked": -mini, "holds": micro < mini, "aim": None, "aim_reached": False}
        )
    return lines


def families(models: dict[str, dict]) -> dict[str, dict]:
    """Model → family → (rows, mean score over rows and seeds), test and held-out items together."""
    tables = {}
    for name, found in models.items():
        scores = defaultdict(list)
        for run in found["runs"]:
            for answers in run["sets"].values():
                for family, score in zip(answers["families"], answers["scores"], strict=True):
                    scores[family].append(score)
        seeds = len(found["runs"])
        tables[name] = {
            family: {"rows": len(values) // seeds, "mean": statistics.fmean(values)}
            for family, values in sorted(scores.items())
        }
    return tables


# --- the page ------------------------------------------------------------------------------------


def page(models: dict[str, dict], seeds: list[int], by_family: dict | None) -> str:
    """The table, the seeds one by one, and the targets, as Markdown."""
    parts = [
        "# How good the bundled models become",
        f"`make models-table` wrote this page. Each model was tuned on `course` as it is shipped, with "
        f"the seeds {', '.join(map(str, seeds))}, and scored by the reference judge, 0 to 100. ± is the "
        "standard deviation over seeds; intervals (95 %) are over items, whose scores are averaged over "
        "the seeds first.",
        _table(["", *models], _model_rows(models)),
        "## Seed by seed",
        _table(
            [
                "model",
                "seed",
                *SETS.values(),
                "test answers that stop",
                "validation loss",
                "seconds",
            ],
            [_seed_row(name, run) for name, found in models.items() for run in found["runs"]],
        ),
        "## Targets",
        _table(
            ["model", "what", "found", "asked", "", "aim", ""], map(_target_row, targets(models))
        ),
    ]
    if by_family:
        names = sorted({family for table in by_family.values() for family in table})
        rows = []
        for family in names:
            cells = [by_family[model].get(family) for model in models]
            n = next(cell["rows"] for cell in cells if cell)
            rows.append([family, n, *(f"{cell['mean']:.0f}" if cell else "" for cell in cells)])
        parts += ["## Families", _table(["family", "rows", *models], rows)]
    return "\n\n".join(parts) + "\n"


def _table(head, rows) -> str:
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _score(numbers: dict) -> str:
    low, high = numbers["ci95"]
    spread = f" ± {numbers['sd']:.1f}" if numbers.get("sd") is not None else ""
    return f"{numbers['mean']:.1f}{spread} ({low:.1f} to {high:.1f})"


def _model_rows(models: dict[str, dict]):
    found = models.values()
    all_sets = [f["summary"]["sets"] for f in found]
    yield ["million parameters", *(f"{f['parameters'] / 1e6:.1f}" for f in found)]
    yield ["MB of weights", *(f"{f['bytes'] / 1e6:.1f}" for f in found)]
    yield ["learns from", *(f["loss_on"] for f in found)]
    yield ["epochs, learning rate", *(f"{f['epochs']}, {f['lr']:g}" for f in found)]
    for key, words in SETS.items():
        label = f"{words} ({all_sets[0][key]['n']:,})"
        yield [f"{label}: base", *(_score(sets[key]["base"]) for sets in all_sets)]
        yield [f"{label}: tuned", *(_score(sets[key]["tuned"]) for sets in all_sets)]
        yield [f"{label}: gain", *(_score(sets[key]["gain"]) for sets in all_sets)]
        yield [f"{label}: exactly right", *(f"{sets[key]['exact']:.0%}" for sets in all_sets)]
        stops = (f"{s[key]['base_stopped']:.1%} → {s[key]['stopped']:.1%}" for s in all_sets)
        yield [f"{label}: answers that stop", *stops]
    losses = [f["summary"] for f in found]
    yield [
        "validation response loss",
        *(f"{s['loss_before']:.2f} → {s['loss_after']:.2f}" for s in losses),
    ]
    yield ["seconds of tuning", *(" · ".join(f"{t:.0f}" for t in s["seconds"]) for s in losses)]
    yield [
        "threads, precision",
        *(f"{f['provenance']['threads']}, {f['runs'][0]['precision']}" for f in found),
    ]


def _seed_row(name: str, run: dict) -> list:
    means = [f"{statistics.fmean(run['sets'][key]['scores']):.1f}" for key in SETS]
    return [
        name,
        run["seed"],
        *means,
        f"{run['sets']['test']['stopped']:.1%}",
        f"{run['val_response_loss_before']:.2f} → {run['val_response_loss_after']:.2f}",
        f"{run['seconds']:.0f}",
    ]


def _target_row(line: dict) -> list:
    asked, share = line["asked"], line["what"].startswith("answers")
    shown = [line["found"], abs(asked), line["aim"]]
    found, limit, aim = (
        "" if v is None else f"{v:.1%}" if share else f"{v:.1f}".removesuffix(".0") for v in shown
    )
    side = "at most" if asked < 0 else "at least"
    reached = "" if line["aim"] is None else "reached" if line["aim_reached"] else "not reached"
    held = "holds" if line["holds"] else "does not hold"
    return [line["model"], line["what"], found, f"{side} {limit}", held, aim, reached]


# --- the command ---------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Command line: measure what is missing, print the page, write it and the numbers."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bundled_models", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--models",
        default=",".join(COLUMNS),
        help=f"name or name:arm; default: {','.join(COLUMNS)}",
    )
    parser.add_argument("--seeds", default="11,12,13", help="default: 11,12,13")
    parser.add_argument("--known", type=int, default=250, help="rows of course-heldout (250)")
    parser.add_argument("--full", action="store_true", help="all rows of course-heldout")
    parser.add_argument("--families", action="store_true", help="a table of families as well")
    parser.add_argument("--quick", action="store_true", help="a few rows: tries the command")
    parser.add_argument("--work", type=Path, help="folder of the runs")
    parser.add_argument("--out", type=Path, help="folder of the page and the numbers")
    args = parser.parse_args(argv)
    try:
        return run(args)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(args) -> int:
    """The command, its arguments read."""
    names, seeds = args.models.split(","), args.seeds.split(",")
    for name in names:
        model, _, arm = name.partition(":")
        if model not in BUNDLED:
            raise SettingsError(f"no bundled model {model!r}; {nearest(model, BUNDLED)}.")
        segment_weights(arm or "all")  # both before hours of work
        find_model(model)
    if not all(seed.isdecimal() for seed in seeds) or len({*seeds}) < len(seeds):
        raise SettingsError(
            f"--seeds {args.seeds}: give different whole numbers, such as 11,12,13."
        )
    if args.known < 2:
        raise SettingsError(f"--known {args.known}: give at least 2 rows, or --full for all.")
    seeds = [int(seed) for seed in seeds]
    shipped = Settings.quick()
    plan = Plan(shipped.epochs, shipped.max_new_tokens, 0, 0 if args.full else args.known)
    plan = Plan.quick() if args.quick else plan
    work = args.work or runs_folder() / "bundled-models"
    out = args.out or (work / "quick" if args.quick else RESULTS)
    models = {}
    with bar(total=len(names) * (1 + len(seeds)), desc="bundled models", unit="run") as progress:
        for name in names:
            found = measure_model(name, seeds, plan, work, progress)
            models[name] = {**found, "summary": summary(found)}
    by_family = families(models)
    text = page(models, seeds, by_family if args.families else None)
    write_text(out / "bundled_models.md", text)
    write_json(
        out / "bundled_models.json",
        {
            "plan": asdict(plan),
            "seeds": seeds,
            "models": {name: _without_items(found) for name, found in models.items()},
            "targets": targets(models),
            "families": by_family,
        },
    )
    print(text)
    print(f"Written: {out / 'bundled_models.md'} and bundled_models.json", file=sys.stderr)
    return 0


def _without_items(found: dict) -> dict:
    """The results without the scores of single rows, which stay in the folder of the runs."""
    kept = {key: value for key, value in found.items() if key != "base"}
    kept["runs"] = [
        {key: value for key, value in run.items() if key != "sets"}
        | {
            "sets": {
                name: {"mean": statistics.fmean(s["scores"]), "stopped": s["stopped"]}
                for name, s in run["sets"].items()
            }
        }
        for run in found["runs"]
    ]
    return kept


if __name__ == "__main__":
    sys.exit(main())
