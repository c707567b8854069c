"""One report on several models: scores, multiple choice and preferences side by side.

`gather` reads what the other commands left in the run folders and returns it as JSON values;
`page` turns that into one HTML file that needs nothing else and is the same, byte for byte, when
nothing has changed. The three ways look at different things, so the items on which they disagree
come first. The look is the site's, from assets/site/style.css.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import helpers
from helpers import plots
from helpers.data import ASSETS
from helpers.errors import DataError, RunError
from helpers.evaluate.arena import Ballots, Vote, judges_of, ratings
from helpers.evaluate.pairwise import (
    Preference,
    common_items,
    item_outcomes,
    read_preferences,
    win_rates,
)
from helpers.evaluate.scorecard import compare
from helpers.files import (
    content_hash,
    read_json,
    rewrite_json,
    rewrite_text,
    sha256,
)
from helpers.judge.verdicts import Verdict, item_hash, read_verdicts, response_hash, summarise
from helpers.markup import escaped, table
from helpers.runs import read_responses, settings_of

MOST_SHOWN = 500  # items on the page; the JSON file has all
TITLE = "How good are these models?"


def write_report(
    runs: Mapping[str, Path], out: Path, *, winrate: Path | None = None, votes: str = ""
) -> dict[str, Any]:
    """The report as JSON values; written to `out` as a page and beside it as JSON."""
    report = gather(runs, winrate=winrate, votes=votes)
    rewrite_json(out.with_suffix(".json"), report)
    rewrite_text(out, page(report))
    return report


# --- what is there --------------------------------------------------------------------------------


def gather(
    runs: Mapping[str, Path], *, winrate: Path | None = None, votes: str = ""
) -> dict[str, Any]:
    """Everything known about the models: a name → its run folder, the first being the baseline.

    Of a folder are read `responses.json` (needed), `verdicts.jsonl` and `mmlu/report.json`. `winrate` is
    a journal of `course winrate` (looked for in the folders), `votes` the arena's database (looked
    for beside them). What is about answers that are no longer there is left out, and `notes` says
    so. Raises RunError when the models answered different items.
    """
    answers = {name: read_responses(folder / "responses.json") for name, folder in runs.items()}
    if len(answers) == 1:
        items = [{name: row} for name, rows in answers.items() for row in rows]
    else:
        items = common_items(answers)
    notes: list[str] = []
    verdicts = {name: _verdicts(runs[name], rows) for name, rows in answers.items()}
    journal = winrate or _first(folder / "winrate.jsonl" for folder in runs.values())
    preferences = _preferences(journal, items, notes) if journal else []
    database = votes or _first(folder.parent / "votes.sqlite" for folder in runs.values())
    ballots = _votes(str(database), answers, notes) if database else []
    found, refused = _ratings(ballots)
    pairs = win_rates(preferences) if preferences else []
    files = [journal]
    for folder in runs.values():
        names = ("responses.json", "verdicts.jsonl")
        files += [*(folder / name for name in names), _choice_file(folder)]
    return {
        "models": [_model(name, runs, verdicts) for name in runs],
        "pairs": pairs,
        "arena": {who: r.report() for who, r in found.items()},
        "refused": refused,
        "notes": notes,
        "items": _items(items, verdicts, preferences, ballots),
        "provenance": {
            "course": helpers.__version__,
            "files": {str(path): sha256(path) for path in files if path and path.exists()},
            "votes": content_hash([v.id for v in ballots])[:16] if ballots else None,
        },
    }


def _first(paths) -> Path | None:
    return next((path for path in paths if path.exists()), None)


def _model(name: str, runs: Mapping[str, Path], verdicts: Mapping) -> dict[str, Any]:
    """What is known about one model by itself, and its difference from the first."""
    folder, baseline = runs[name], next(iter(runs))
    mine, first = verdicts[name], verdicts[baseline]
    difference = compare(first, mine) if mine and first and name != baseline else None
    settings = settings_of(folder)
    keys = ("model", "data", "loss_on", "epochs", "lr", "seed")
    return {
        "name": name,
        "folder": str(folder),
        "settings": {key: settings[key] for key in keys if key in settings},
        "score": summarise(mine) if mine else None,
        "difference": difference,
        "mmlu": _multiple_choice(folder),
    }


def _verdicts(folder: Path, rows: Sequence[dict]) -> list[Verdict]:
    """The verdicts on these very responses, or none."""
    path = folder / "verdicts.jsonl"
    if not path.exists():
        return []
    found = read_verdicts(path)
    mine = [(item_hash(row), response_hash(row)) for row in rows]
    theirs = [(v.item, v.response) for v in found]
    if theirs != mine:
        raise RunError(
            f"{path} is about other responses than those beside it: run `course judge "
            f"{folder / 'responses.json'}` again."
        )
    return found


def _multiple_choice(folder: Path) -> dict[str, Any] | None:
    """What `course mmlu` found, or None. Raises DataError for a file that is something else."""
    path = _choice_file(folder)
    if path is None:
        return None
    found = read_json(path)
    keep = ("n", "accuracy", "ci95", "shots", "shots_dropped", "style", "warning", "by_subject")
    if not isinstance(found, dict) or not _is_share(found.get("accuracy"), found.get("ci95")):
        raise DataError(
            f"{path} holds no result of `course mmlu`: it needs accuracy and ci95, shares from 0 to "
            "1. Make it again, or remove it."
        )
    return {key: found[key] for key in keep if key in found}


def _choice_file(folder: Path) -> Path | None:
    """What `course mmlu --out RUN/mmlu` left, or `course mmlu --json > RUN/mmlu.json`."""
    return _first([*sorted(folder.glob("mmlu*/report.json")), *sorted(folder.glob("mmlu*.json"))])


def _is_share(value: Any, interval: Any) -> bool:
    ends = interval if isinstance(interval, list) and len(interval) == 2 else [None]
    return all(
        isinstance(x, (int, float)) and not isinstance(x, bool) and 0 <= x <= 1
        for x in (value, *ends)
    )


def _preferences(path: Path, items: list[dict], notes: list[str]) -> list[Preference]:
    """The preferences about these models' present answers."""
    kept, stale, others = [], 0, set()
    for p in read_preferences(path):
        if not items or p.a not in items[0] or p.b not in items[0]:
            others.add(f"{p.b} against {p.a}")
            continue
        rows = items[p.index] if p.index < len(items) else {}
        marks = [response_hash(rows[name]) for name in (p.a, p.b) if name in rows]
        if rows and p.item == item_hash(rows[p.a]) and p.answers == content_hash(marks)[:12]:
            kept.append(p)
        else:
            stale += 1
    if stale:
        notes.append(
            f"{stale} preferences in {path} are about answers that have changed and are not "
            "counted: `course winrate` asks again."
        )
    if others:
        notes.append(f"not shown, for not all of the models are here: {', '.join(sorted(others))}")
    return kept


def _votes(url: str, answers: Mapping[str, Sequence[dict]], notes: list[str]) -> list[Vote]:
    """The votes on these models' present answers."""
    ballots = Ballots(url)
    found = ballots.all()
    ballots.close()
    known = {
        (name, item_hash(row), response_hash(row)) for name, rows in answers.items() for row in rows
    }
    kept = [
        v
        for v in found
        if (v.left, v.item, v.left_answer) in known and (v.right, v.item, v.right_answer) in known
    ]
    if other := len(found) - len(kept):
        notes.append(
            f"{other} votes in {url} are about other models, or about answers that have changed, "
            "and are not counted."
        )
    return kept


def _ratings(votes: Sequence[Vote]) -> tuple[dict, dict[str, str]]:
    """Ratings by people and by each judge, and why some cannot be given."""
    found, refused = {}, {}
    sources = [("person", "")] * any(v.kind == "person" for v in votes)
    for kind, voter in [*sources, *(("judge", name) for name in judges_of(votes))]:
        try:
            found[voter or "people"] = ratings(votes, kind=kind, voter=voter)
        except RunError as error:
            refused[voter or "people"] = str(error)
    return found, refused


# --- items ----------------------------------------------------------------------------------------


def _items(items, verdicts, preferences, votes) -> list[dict[str, Any]]:
    """Every item with what each way says of it, those on which they disagree most first.

    Each way says for a pair of models how far the second is preferred, from 0 to 1: a score
    1/2 + difference/200, a comparison or a vote 0, 1/2 or 1 (votes: their mean). `disagreement` is
    the largest distance between two ways over all pairs; among equals, scores that differ more
    between the models come first (`spread`, in points).
    """
    outcomes: dict[tuple, str] = {}
    for row in item_outcomes(preferences).itertuples():
        if row.outcome is not None:
            outcomes[row.a, row.b, row.index] = row.outcome
    cast: dict[tuple, list[float]] = {}
    for v in votes:
        if not v.withdrawn and v.choice != "skip":
            a, b = sorted((v.left, v.right))
            share = 0.5 if v.choice == "tie" else float(v.winner == b)
            cast.setdefault((a, b, v.item, v.kind), []).append(share)
    made = [_item(i, rows, verdicts, outcomes, cast) for i, rows in enumerate(items)]
    return sorted(made, key=lambda x: (-x["disagreement"], -x["spread"], x["index"]))


def _item(index: int, rows: Mapping[str, dict], verdicts, outcomes, cast) -> dict[str, Any]:
    names, record = list(rows), next(iter(rows.values()))
    item = item_hash(record)
    scores = {name: verdicts[name][index].score for name in names if verdicts[name]}
    said, widest = [], 0.0
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            ways = _said(a, b, index, item, scores, outcomes, cast)
            if ways.keys() - {"score"}:
                said.append({"a": a, "b": b, **ways})
            if len(ways) > 1:
                widest = max(widest, max(ways.values()) - min(ways.values()))
    known = [s for s in scores.values() if s is not None]
    return {
        "index": index,
        "item": item,
        "instruction": record["instruction"],
        "input": record.get("input") or "",
        "output": record["output"],
        "answers": {name: row["model_response"] for name, row in rows.items()},
        "scores": scores,
        "preferences": said,
        "disagreement": widest,
        "spread": max(known) - min(known) if known else 0.0,
    }


def _said(a, b, index, item, scores, outcomes, cast) -> dict[str, float]:
    """Way → how far b is preferred to a, 0 to 1."""
    ways: dict[str, float] = {}
    if None not in (scores.get(a), scores.get(b)):
        ways["score"] = 0.5 + (scores[b] - scores[a]) / 200
    for first, second in ((a, b), (b, a)):
        if (outcome := outcomes.get((first, second, index))) is not None:
            winner = {"a": first, "b": second, "tie": ""}[outcome]
            ways["comparison"] = 0.5 if not winner else float(winner == b)
    low, high = sorted((a, b))
    for kind, name in (("person", "people"), ("judge", "judges' votes")):
        if shares := cast.get((low, high, item, kind)):
            mean = sum(shares) / len(shares)
            ways[name] = mean if high == b else 1 - mean
    return ways


# --- the page -------------------------------------------------------------------------------------


def page(report: Mapping[str, Any]) -> str:
    """The report as an HTML page that needs no other file."""
    style = (ASSETS / "site" / "style.css").read_text(encoding="utf-8")
    sections = [
        ("ways", "Three ways, side by side", _ways(report)),
        ("scores", "Scores", _scores(report)),
        ("choice", "Multiple choice", _choice(report)),
        ("preferences", "Preferences", _pairs(report)),
        ("arena", "Arena", _arena(report)),
        ("items", "Items, the most disputed first", _browser(report)),
        ("provenance", "Where this comes from", _provenance(report)),
    ]
    parts = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in sections)
    body = "\n".join(f'<h2 id="{name}">{title}</h2>\n{text}' for name, title, text in sections)
    names = ", ".join(model["name"] for model in report["models"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(f"{TITLE} {names}")}</title>
<link rel="icon" href="data:,">
<style>
{style}.answer {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
.table + ul {{ margin-top: .8rem; }}
</style>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header class="side"><div class="side-inner">
<p class="brand">Evaluation report</p>
<nav class="parts" aria-label="In this report"><details open><summary>In this report</summary>
<ol>{parts}</ol></details></nav>
</div></header>
<main id="main">
<article>
<h1>{TITLE}</h1>
<p class="lead">{escaped(names)}: what a score, multiple-choice questions and preferences say of
them. All intervals are 95 %.</p>
{body}
</article>
</main>
<footer class="site-foot"><p>Made by <code>course report</code>, course {helpers.__version__}.</p>
</footer>
</body>
</html>
"""


def _number(value: float, interval: Sequence[float] | None, *, times: float = 1, d: int = 1) -> str:
    if interval is None:
        return f"{times * value:.{d}f}"
    low, high = (times * end for end in interval)
    return f"{times * value:.{d}f} ({low:.{d}f} to {high:.{d}f})"


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escaped(line)}</li>' for line in lines)}</ul>" if lines else ""


def _missing(what: str, command: str) -> str:
    return f'<p class="notice">{what} With <code>{escaped(command)}</code> it will be.</p>'


def _ways(report: Mapping) -> str:
    """The table of everything, a row per model."""
    first = report["models"][0]["name"]
    against = {p["b"]: p for p in report["pairs"] if p["a"] == first and p["n"]}
    arenas = {
        who: {m["model"]: m for m in found["models"]} for who, found in report["arena"].items()
    }
    head = ["model", "score, 0–100", "multiple choice, %", f"wins against {first}, %"]
    rows = []
    for model in report["models"]:
        score, mmlu, pair = model["score"], model["mmlu"], against.get(model["name"])
        cells = [
            _number(score["mean"], score["ci95"]) if score and score["mean"] is not None else "–",
            _number(mmlu["accuracy"], mmlu["ci95"], times=100) if mmlu else "–",
            _number(pair["win_rate"], pair["ci95"], times=100) if pair else "–",
        ]
        for found in arenas.values():
            m = found.get(model["name"])
            cells.append(_number(m["rating"], (m["low"], m["high"]), d=0) if m else "–")
        rows.append([escaped(model["name"]), *cells])
    head += [f"rating by {who}" for who in arenas]
    notes = "".join(f'<p class="notice">{escaped(note)}</p>' for note in report["notes"])
    return table("Every model in every way, with 95 % intervals", head, rows) + notes


def _scores(report: Mapping) -> str:
    rows, lines = [], []
    for model in report["models"]:
        score = model["score"]
        if not score or score["mean"] is None:
            continue
        low, high = score["ci95"] or (score["mean"],) * 2
        rows.append((model["name"], score["mean"], low, high))
        lines.append(
            f"{model['name']}: {score['scored']} of {score['n']} scored, {score['unparsed']} "
            f"unparsed, {score['failed']} failed; judge {score['judge']}"
        )
        if model["difference"]:
            first = report["models"][0]["name"]
            lines.append(f"A is {first}, B is {model['name']}: {model['difference']['words']}")
    if not rows:
        return _missing("No response has been scored.", "course judge RUN/responses.json")
    told = "; ".join(f"{name} {plots.with_interval(*numbers)}" for name, *numbers in rows)
    drawn = plots.show(
        plots.intervals(rows, "mean score, 0–100"), f"Mean scores with 95 % intervals: {told}."
    )
    return drawn._repr_html_() + _list(lines)


def _choice(report: Mapping) -> str:
    rows, lines = [], []
    for model in report["models"]:
        if found := model["mmlu"]:
            ends = [100 * end for end in found["ci95"]]
            rows.append((model["name"], 100 * found["accuracy"], *ends))
            how = [f"{found['n']} questions"] if "n" in found else []
            how += [str(found["style"])] if found.get("style") else []
            how += [f"{found['shots']} shots"] if "shots" in found else []
            warning = f". Take care: {found['warning']}" if found.get("warning") else ""
            lines.append(f"{model['name']}: {', '.join(how)}{warning}")
    if not rows:
        return _missing(
            "No multiple-choice questions were asked.", "course mmlu --model RUN --out RUN/mmlu"
        )
    told = "; ".join(f"{name} {plots.with_interval(*numbers)}" for name, *numbers in rows)
    drawn = plots.show(
        plots.intervals(rows, "accuracy, % of questions"),
        f"Accuracy on multiple-choice questions with 95 % intervals: {told}.",
    )
    return drawn._repr_html_() + _list(lines)


def _pairs(report: Mapping) -> str:
    pairs = [pair for pair in report["pairs"] if pair["n"]]
    if not pairs:
        return _missing("No answers have been compared.", "course winrate A.json B.json")
    words = [pair["words"] for pair in pairs]
    return plots.win_rates(pairs)._repr_html_() + _list([*words, f"judge {pairs[0]['judge']}"])


def _arena(report: Mapping) -> str:
    import pandas as pd

    parts = []
    for who, found in report["arena"].items():
        table = pd.DataFrame(found["models"])
        parts.append(
            f"<h3>Votes by {escaped(who)}</h3>{plots.ratings(table)._repr_html_()}"
            f"<p>{found['votes']} votes by {len(found['voters'])} "
            f"{'voters' if len(found['voters']) > 1 else 'voter'}; {found['not_blind']} of them cast "
            "after the names had been seen.</p>"
        )
    parts += [
        f'<p class="notice">{escaped(who)}: {escaped(why)}</p>'
        for who, why in report["refused"].items()
    ]
    return "".join(parts) or _missing("Nobody has voted.", "course arena A.json B.json")


def _browser(report: Mapping) -> str:
    items = report["items"]
    intro = (
        "<p>An item is disputed when two ways prefer different models on it, or prefer one of them "
        "to a different degree. Read the first few: either a judge erred, or the ways see different "
        "things.</p>"
    )
    if len(items) > MOST_SHOWN:
        intro += f"<p>The first {MOST_SHOWN} of {len(items):,} items; the JSON file has all.</p>"
    return intro + "\n".join(map(_shown, items[:MOST_SHOWN]))


def _shown(item: Mapping) -> str:
    """One item, folded."""
    asked = item["instruction"] + (f" [{item['input']}]" if item["input"].strip() else "")
    head = asked if len(asked) <= 90 else asked[:89] + "…"
    rows = [
        [
            escaped(name),
            f'<div class="answer">{escaped(text) or "(nothing)"}</div>',
            _score(item, name),
        ]
        for name, text in item["answers"].items()
    ]
    rows.insert(0, ["reference", f'<div class="answer">{escaped(item["output"])}</div>', ""])
    said = [
        f"{p['b']} preferred to {p['a']}: "
        + ", ".join(f"{way} {100 * p[way]:.0f} %" for way in p if way not in ("a", "b"))
        for p in item["preferences"]
    ]
    number = item["index"] + 1
    return (
        f"<details><summary>{number}. {escaped(head)} — disagreement "
        f"{100 * item['disagreement']:.0f} %</summary>"
        f'<p class="answer">{escaped(asked)}</p>'
        + table(f"Answers to item {number}", ["who", "answer", "score"], rows)
        + _list(said)
        + "</details>"
    )


def _score(item: Mapping, name: str) -> str:
    score = item["scores"].get(name)
    return "–" if score is None else f"{score:.0f}"


def _provenance(report: Mapping) -> str:
    rows = []
    for model in report["models"]:
        about = ", ".join(f"{key} {value}" for key, value in model["settings"].items())
        rows.append(
            [escaped(model["name"]), escaped(model["folder"]), escaped(about or "no settings.json")]
        )
    where = report["provenance"]
    lines = [f"{path}: sha256 {digest[:16]}" for path, digest in where["files"].items()]
    lines += [f"votes: {where['votes']}"] if where["votes"] else []
    return table("The runs", ["model", "folder", "made with"], rows) + _list(lines)
