"""New training rows written by a language model, checked one by one, kept as they arrive.

After Self-Instruct (Wang et al. 2022, arXiv 2212.10560): a few training rows are shown, further ones
are asked for as JSON, and what comes back is kept only when it follows the data contract and is new.
Shown are training rows only. What nearly is a test or validation row is refused as a leak, as far as
words tell: the same fact in quite other words passes, so read what you train on.

`out/` holds `journal.jsonl` (a line for each request: the raw reply, and what became of each row of
it), `rows.jsonl` (what was accepted), and at the end `train.jsonl` and `validation.jsonl`: the
data's own training rows with the new ones behind them, and its validation rows as they were. A run
that was killed goes on with the next request.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.data import SMALLEST, Splits, check_record, data_path, load_records, split, words
from helpers.data_check import ADVICE, Row, text_findings
from helpers.errors import CourseError, DataError, RunError, SettingsError, nearest, one_line
from helpers.files import (
    alone_in,
    append_jsonl,
    check_folder,
    read_json,
    read_jsonl,
    remove_leftovers,
    repair_journal,
    row_with,
    sha256,
    write_json,
    write_jsonl,
)
from helpers.judge import LlamaCppJudge, OllamaJudge, OpenAIJudge
from helpers.judge.replies import without_thoughts
from helpers.progress import bar

WRITERS = ("ollama:MODEL", "openai:MODEL@URL", "llamacpp:FILE.gguf")
FIELDS = ("instruction", "input", "output")
FILES = ("journal.jsonl", "rows.jsonl", "train.jsonl", "validation.jsonl")
STATUSES = ("accepted", "duplicate", "leak", "invalid")  # of a row of a reply
NEARLY = 0.85  # share of common words that makes two rows, or two requests, nearly the same
BARREN = 5  # replies in a row without a new row: a model that repeats itself does not stop doing so
SILENT = 3  # requests in a row without a reply
ROW_TOKENS = 200  # room for each row of a reply
CONTEXT = 4096  # tokens of request and reply
MOST_FAILED = 200  # brackets that begin no JSON; a longer search would take seconds, for nothing
BRACKET = re.compile(r"[{\[]")
LONGEST_SHOWN = 800  # characters of a row that is shown
SYSTEM = (
    "You write training rows for a small language model that is learning to follow instructions. A "
    "row is a request and the reply that a knowledgeable, helpful person would give. Reply with JSON "
    'only: {"rows": [{"instruction": "…", "input": "…", "output": "…"}, …]}.'
)
ASK = (
    "These rows exist already:\n{shown}\n\nWrite {n} further rows. Each asks for something that none "
    "of these asks for: vary the kind of task, the topic and the wording. `input` holds the text to "
    'work on, and is "" where the instruction says everything. The output is true, complete and '
    "short, one or two sentences at most."
)


@dataclass(frozen=True)
class Order:
    """What is asked for. All of it may change when a run goes on, but for the data."""

    data: str = "course"
    rows: int = 100  # at least so many, if they can be had
    per_request: int = 5
    shown: int = 4  # rows that each request shows
    max_requests: int = 0  # in all; 0 = four times as many as would do if every row were new
    temperature: float = 0.8
    seed: int = 123

    def resolved(self) -> Order:
        """The same order, checked, with its limit of requests. Raises SettingsError."""
        limits = {
            "rows": (1 <= self.rows <= 100_000, "give 1 to 100,000"),
            "per_request": (1 <= self.per_request <= 20, "give 1 to 20"),
            "shown": (1 <= self.shown <= 20, "give 1 to 20"),
            "max_requests": (self.max_requests >= 0, "give 0 or more"),
            "temperature": (0 <= self.temperature <= 2, "give 0 to 2, such as 0.8"),
        }
        for name, (good, remedy) in limits.items():
            if not good:
                raise SettingsError(
                    f"{name} = {getattr(self, name)} is outside its range: {remedy}."
                )
        most = self.max_requests or 4 * -(-self.rows // self.per_request) + 2 * BARREN
        return Order(**{**self.__dict__, "max_requests": most})


def writer_from_name(name: str, order: Order, *, timeout: float = 0.0, pull=None):
    """The client of a language model called as a judge is: `ollama:MODEL` and so on; see WRITERS.

    It has `ask(messages, schema)`, `preflight()` and `name`. `timeout` in seconds, 0 = the client's
    own; `pull` see OllamaJudge.
    """
    kind, _, rest = name.partition(":")
    room = min(CONTEXT // 2, ROW_TOKENS * order.per_request + 100)
    options = {"instead": "", **({"timeout": timeout} if timeout else {"timeout": 180.0})}
    if kind == "ollama" and rest:
        writer = OllamaJudge(rest, num_ctx=CONTEXT, num_predict=room, pull=pull, **options)
    elif kind == "openai" and rest.rpartition("@")[0] and rest.rpartition("@")[2]:
        model, _, url = rest.rpartition("@")
        writer = OpenAIJudge(model, url, max_tokens=room, **options)
    elif kind == "llamacpp" and rest:
        writer = LlamaCppJudge(rest, num_ctx=CONTEXT, max_tokens=room, **options)
    else:
        raise SettingsError(f"unknown writer {name!r}; {nearest(name, WRITERS)}.")
    writer.options["temperature"] = order.temperature
    return writer


# --- asking and reading --------------------------------------------------------------------------


def messages(shown: Sequence[dict], n: int) -> list[dict]:
    """The conversation that asks for n rows, in the form that chat servers take."""
    rows = "\n".join(
        json.dumps({field: row[field] for field in FIELDS}, ensure_ascii=False) for row in shown
    )
    asked = ASK.format(shown=rows, n=n)
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}]


def schema(n: int) -> dict:
    """JSON schema of a reply with n rows at most."""
    row = {
        "type": "object",
        "properties": {field: {"type": "string"} for field in FIELDS},
        "required": list(FIELDS),
        "additionalProperties": False,
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": n}
    return {"type": "object", "properties": {"rows": rows}, "required": ["rows"]}


def rows_in(reply: str) -> list:
    """What stands in a reply as rows, not yet checked: from JSON, or pieces of JSON among words.

    Of a reply that was cut off, the rows that are whole. An empty list where there is no JSON.

    >>> rows_in('Sure! [{"instruction": "Say hi.", "output": "Hi."}, {"instr')
    [{'instruction': 'Say hi.', 'output': 'Hi.'}]
    """
    text, found, place, failed = without_thoughts(reply), [], 0, 0
    decoder = json.JSONDecoder()
    while failed < MOST_FAILED and (bracket := BRACKET.search(text, place)):
        try:
            value, place = decoder.raw_decode(text, bracket.start())
        except ValueError:
            place = bracket.end()  # cut off, or none: what it holds may still be whole
            failed += 1
        except RecursionError:
            break
        else:
            found += _rows_of(value)
    return found


def _rows_of(value) -> list:
    """The rows of a JSON value: of {"rows": […]} or another single list in an object, of a list."""
    if isinstance(value, dict) and not set(FIELDS) & set(value):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        return lists[0] if len(lists) == 1 else [value]
    return value if isinstance(value, list) else [value]


def checked(row, number: int) -> dict:
    """The row as a record of three texts. Raises DataError with the reason why it is none."""
    record = check_record(row, number, "the reply")
    record = {field: record[field].strip() for field in FIELDS}
    found = [name for name, numbers in text_findings([Row(number, "train", record)]) if numbers]
    if found:
        raise DataError(f"the reply, row {number}: {found[0]}: {ADVICE[found[0]]}.")
    return record


class Known:
    """The rows that there are, to tell new ones from."""

    def __init__(self, training: Sequence[dict], measured: Sequence[dict]):
        self.rows: list[tuple[str, frozenset, frozenset]] = []
        for what, rows in (("leak", measured), ("duplicate", training)):
            for row in rows:
                self.add(row, what)

    def add(self, row: dict, what: str = "duplicate") -> None:
        """From now on a row like this one is a duplicate (or a leak)."""
        self.rows.append((what, *_word_sets(row)))

    def like(self, row: dict) -> str:
        """ "leak" or "duplicate" for a row that nearly is one of them, "" for a new one.

        Nearly the same is what shares NEARLY of its words, in the request alone or in all it says.
        """
        asked, said = _word_sets(row)
        found = ""
        for what, its_asked, its_said in self.rows:
            if _near(asked, its_asked) or _near(said, its_said):
                found = what
                if what == "leak":
                    break
        return found


def _word_sets(row: dict) -> tuple[frozenset, frozenset]:
    asked = words(f"{row['instruction']} {row['input']}")
    return frozenset(asked), frozenset([*asked, *words(row["output"])])


def _near(a: frozenset, b: frozenset) -> bool:
    small, large = sorted((len(a), len(b)))
    if not small or small < NEARLY * large:
        return False
    common = len(a & b)
    return common >= NEARLY * (len(a) + len(b) - common)


def sorted_out(reply: str, known: Known) -> list[dict]:
    """What becomes of each row of a reply: `status` (see STATUSES), and `record` or `reason`.

    Accepted rows are known from then on. A reply without any row is one invalid row.
    """
    rows, result = rows_in(reply), []
    if not rows:
        return [{"status": "invalid", "reason": "the reply holds no row in JSON"}]
    for number, row in enumerate(rows, start=1):
        try:
            record = checked(row, number)
        except DataError as error:
            result.append({"status": "invalid", "reason": one_line(error)})
            continue
        status = known.like(record) or "accepted"
        result.append({"status": status, "record": record})
        if status == "accepted":
            known.add(record)
    return result


# --- the run -------------------------------------------------------------------------------------


def augment(writer, order: Order, out: str | Path) -> Iterator[dict]:
    """Ask until there are rows enough; yields each line of the journal as it is written.

    It ends when `order.rows` are accepted, after `order.max_requests`, after BARREN replies in a row
    without a new row, and after SILENT requests in a row without a reply: `report` says which.
    Raises RunError when `out` holds something else, and whatever the writer's preflight raises.
    """
    order, out = order.resolved(), Path(out)
    parts = _parts(order.data)
    start_folder(order, out)
    with alone_in(out, "rows"):
        for name in ("augment.json", *FILES):
            remove_leftovers(out / name)
        lines = repair_journal(out / "journal.jsonl", line_fault)
        accepted = accepted_rows(lines)
        known = Known([*parts.train, *accepted], [*parts.test, *parts.validation])
        if not why_stopped(lines, order, len(lines)):
            writer.preflight()
        try:
            yield from _requests(writer, order, out, lines, parts.train, accepted, known)
        finally:  # after Ctrl-C as well
            write_files(out, parts, accepted)


def _requests(
    writer,
    order: Order,
    out: Path,
    lines: list[dict],
    training: Sequence[dict],
    accepted: list[dict],
    known: Known,
) -> Iterator[dict]:
    """One request after another, until there is a reason to stop; `lines` and `accepted` grow."""
    begun = len(lines)
    with bar(total=order.rows, initial=len(accepted), desc="new rows", unit="row") as progress:
        while not why_stopped(lines, order, begun):
            line = one_request(writer, order, len(lines), training, accepted, known)
            append_jsonl(out / "journal.jsonl", line)
            lines.append(line)
            new = accepted_rows([line])
            accepted += new
            progress.set_postfix_str(f"{len(lines)} requests", refresh=False)
            progress.update(len(new))
            yield line


def _parts(data: str) -> Splits:
    """The data's splits; a file of a few seed rows is all training."""
    records = load_records(data)
    return split(records) if len(records) >= SMALLEST else Splits(records, [], [])


def start_folder(order: Order, out: Path) -> None:
    """Make the folder, or check that it is this data's. Raises RunError otherwise."""
    check_folder(out)
    path, now = (
        out / "augment.json",
        {"data": order.data, "data_sha256": sha256(data_path(order.data))},
    )
    if path.exists():
        before = read_json(path)
        if not isinstance(before, dict) or before.get("data_sha256") != now["data_sha256"]:
            raise RunError(
                f"{out} holds rows that were made for other data, or the file has changed since: new "
                "rows are only new beside the rows they were compared with. Name another folder."
            )
        return
    if out.exists() and any(p for p in out.iterdir() if not p.name.startswith(".")):
        raise RunError(f"{out} is not empty and holds no rows of ours: name another folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, now)


REQUEST = row_with(request=int, writer=str, status=str, raw=str, rows=list)
ROW = row_with(status=str)
ACCEPTED = row_with(record=dict)


def line_fault(line) -> str:
    """What is wrong with a line of journal.jsonl; "" if nothing is."""
    if fault := REQUEST(line):
        return fault
    rows = line["rows"]
    faults = (ROW(row) or (ACCEPTED(row) if row["status"] == "accepted" else "") for row in rows)
    return next((f"of a row {fault}" for fault in faults if fault), "")


def accepted_rows(lines: Sequence[dict]) -> list[dict]:
    """The accepted rows of a journal's lines; `source` says who wrote them."""
    return [
        {**row["record"], "source": line["writer"]}
        for line in lines
        for row in line["rows"]
        if row["status"] == "accepted"
    ]


def one_request(
    writer,
    order: Order,
    number: int,
    training: Sequence[dict],
    accepted: Sequence[dict],
    known: Known,
) -> dict:
    """A line of the journal. What goes wrong with the request is in it, not raised."""
    rng = random.Random(f"{order.seed}, request {number}")
    shown = choose_shown(rng, training, accepted, order.shown)
    writer.options["seed"] = order.seed + number  # else temperature or not, each reply is the same
    started = time.perf_counter()
    line = {"request": number, "writer": writer.name, "digest": writer.digest, "status": "answered"}
    try:
        reply = writer.ask(messages(shown, order.per_request), schema(order.per_request))
        raw = reply.encode("utf-8", "replace").decode("utf-8")  # half a character cannot be stored
        line |= {"raw": raw, "rows": sorted_out(raw, known)}
    except (ConnectionError, TimeoutError, CourseError) as error:
        line |= {"status": "failed", "raw": one_line(error), "rows": []}
    return {**line, "seconds": round(time.perf_counter() - started, 3)}


def choose_shown(
    rng: random.Random, training: Sequence[dict], accepted: Sequence[dict], n: int
) -> list[dict]:
    """Rows to show: training rows that are not too long, one of them an accepted one, if any."""
    short = [r for r in training if sum(len(r[f]) for f in FIELDS) <= LONGEST_SHOWN] or training
    new = rng.sample(accepted, 1) if accepted and n > 1 else []
    own = rng.sample(short, min(n - len(new), len(short)))
    return [*own, *new]


def why_stopped(lines: Sequence[dict], order: Order, begun: int = 0) -> str:
    """Why no further request is made: rows, requests, repeats, garbage or silence; "" = go on.

    Only the lines after the first `begun`, those of this call, can make it give up.
    """
    if len(accepted_rows(lines)) >= order.rows:
        return "rows"
    recent = lines[begun:]
    if len(recent) >= SILENT and all(x["status"] == "failed" for x in recent[-SILENT:]):
        return "silence"
    answered = [line for line in recent if line["status"] == "answered"][-BARREN:]
    if len(answered) == BARREN and not accepted_rows(answered):
        seen = Counter(row["status"] for line in answered for row in line["rows"])
        return "garbage" if seen["invalid"] > seen["duplicate"] + seen["leak"] else "repeats"
    return "requests" if len(lines) >= order.max_requests else ""


def write_files(out: Path, parts: Splits, accepted: list[dict]) -> None:
    """Write what was accepted, and with it files to train on that leave the other splits alone."""
    write_jsonl(out / "rows.jsonl", accepted)
    write_jsonl(out / "train.jsonl", [*parts.train, *accepted])
    if parts.validation:
        write_jsonl(out / "validation.jsonl", parts.validation)


def report(order: Order, out: str | Path, new_requests: int = 0) -> dict:
    """Counts over the whole journal, why it ended, and in `words` what to do about it.

    `new_requests` is how many the call made that has just ended.
    """
    order, out = order.resolved(), Path(out)
    path = out / "journal.jsonl"
    lines = read_jsonl(path, line_fault) if path.exists() else []
    rows = Counter(row["status"] for line in lines for row in line["rows"])
    stopped = why_stopped(lines, order, len(lines) - new_requests)
    return {
        "wanted": order.rows,
        **{status: rows[status] for status in STATUSES},
        "requests": len(lines),
        "failed": sum(line["status"] == "failed" for line in lines),
        "stopped": stopped or "early",
        "words": in_words(stopped, lines, order),
        "validation": (out / "validation.jsonl").exists(),
        "out": str(out),
    }


def in_words(stopped: str, lines: Sequence[dict], order: Order) -> str:
    """Why it ended before there were rows enough, and what may help; "" when there are."""
    if stopped == "rows":
        return ""
    last = lines[-1]["raw"][:200] if lines else ""
    reasons = [r["reason"] for line in lines[-BARREN:] for r in line["rows"] if "reason" in r]
    return {
        "silence": f"{SILENT} requests in a row got no reply ({last}). Look after the server; the same "
        "command goes on.",
        "repeats": f"{BARREN} replies in a row held nothing new: the model repeats itself, or the rows "
        f"it is shown. Raise --temperature (now {order.temperature:g}), show it more rows with --shown, "
        "or take a larger model; the same command goes on.",
        "garbage": f"{BARREN} replies in a row held no usable row (last: "
        f"{reasons[-1] if reasons else 'none'}) Take a larger model, or lower --per-request (now "
        f"{order.per_request}); the same command goes on.",
        "requests": f"{len(lines)} requests were made, the most allowed. With a larger --max-requests "
        "the same command goes on.",
        "": "it was ended early; the same command goes on.",
    }[stopped]
