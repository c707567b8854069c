"""Verdicts: asking a judge about every response, once, and keeping each answer as it arrives.

`judge_responses` turns records with a `model_response` into one Verdict each. Whatever goes wrong
with a single item becomes a verdict of its own (`unparsed` or `failed`), so the counts always add
up to the number of records: a reply that cannot be read is never quietly left out of the mean.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from scipy import stats

from helpers.errors import CourseError, DataError, RunError, SettingsError
from helpers.files import (
    append_jsonl,
    check_folder,
    content_hash,
    read_jsonl,
    remove_leftovers,
    repair_journal,
    write_jsonl,
)
from helpers.formatting import has_input
from helpers.judge.replies import number_from
from helpers.progress import bar

STATUSES = ("scored", "unparsed", "failed")
MOST_WORKERS = 8  # a local server answers a few at a time; more would wait in its queue
GIVE_UP_AFTER = 3  # consecutive items that the server did not answer at all
NOT_ASKED = "not asked: the server stopped answering"
MAX_RAW = 4000  # characters of a reply or an error page worth keeping


class Judge(Protocol):
    """What `judge_responses` needs. A ConnectionError or TimeoutError from `score` means that the
    server did not answer; any other exception is a fault of that one item."""

    name: str

    def score(self, record: dict) -> tuple[float | None, str]:
        """The score, 0 to 100 or None where the reply holds none, and the reply itself."""


@dataclass(frozen=True)
class Verdict:
    """What one judge said about one response; also one line of `verdicts.jsonl`."""

    index: int  # place in the list of records, from 0
    item: str  # hash of instruction, input and reference
    judge: str
    status: str  # scored, unparsed or failed
    score: float | None  # 0 to 100; None unless scored
    raw: str  # the judge's words, or the reason of the failure
    response: str = ""  # hash of the response that was judged
    rubric: str = ""  # name of the scale; the reference judge has none
    digest: str = ""  # of the judge's weights, where they are known
    asked: str = ""  # hash of everything else that decides a reply: options, rubric, its words


def item_hash(record: dict) -> str:
    """16 hexadecimal digits that stand for the question: instruction, input and reference."""
    given = record["input"] if has_input(record) else ""
    return content_hash([record["instruction"], given, record["output"]])[:16]


def response_hash(record: dict) -> str:
    """12 hexadecimal digits that stand for the response; a missing one has its own."""
    return content_hash([record.get("model_response"), record.get("finish_reason")])[:12]


def mean_interval(scores: Sequence[float]) -> tuple[float, float, float]:
    """The mean of two or more scores and the ends of its 95 % t-interval (not cut to 0–100)."""
    if len(scores) < 2:
        raise DataError(f"an interval needs at least 2 scores, not {len(scores)}")
    mean = math.fsum(scores) / len(scores)
    variance = math.fsum((s - mean) ** 2 for s in scores) / (len(scores) - 1)
    half = float(stats.t.ppf(0.975, len(scores) - 1)) * math.sqrt(variance / len(scores))
    return mean, mean - half, mean + half


def summarise(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Counts, mean and 95 % interval over the scored items, and how far the rest could move it.

    `bounds` is the mean over all n items if every unscored one had deserved 0, and if 100. `ci95`
    is None below two scores, `mean` and `bounds` are None when there is nothing to average.
    """
    scores = [v.score for v in verdicts if v.status == "scored"]
    n, rest = len(verdicts), len(verdicts) - len(scores)
    total = math.fsum(scores)
    return {
        "judge": ", ".join(sorted({v.judge for v in verdicts})),
        "n": n,
        **{status: sum(v.status == status for v in verdicts) for status in STATUSES},
        "mean": total / len(scores) if scores else None,
        "ci95": list(mean_interval(scores)[1:]) if len(scores) > 1 else None,
        "bounds": [total / n, (total + 100 * rest) / n] if n else None,
    }


# --- the journal ----------------------------------------------------------------------------------


def read_verdicts(path: str | Path) -> list[Verdict]:
    """The verdicts of a journal in item order; of several about one item, the last."""
    latest = {v.index: v for v in read_journal(path, _verdict, "a verdict", WHERE_FROM)}
    return [latest[index] for index in sorted(latest)]


def read_journal(path: str | Path, read: Callable, what: str, where: str) -> list:
    """What `read` makes of each line of a journal. Raises RunError for a line it makes None of.

    `what` names a line and `where` says which file to name instead. The same for a file that is not
    there, and for one of the user's own, which nobody should be told to remove.
    """
    try:
        lines = read_jsonl(path)
    except CourseError as error:
        reason = str(error).removesuffix(" Remove that line or the file.")
        raise RunError(f"{reason} {where}") from error
    found = [read(line) for line in lines]
    if None in found:
        raise RunError(f"{path}, line {found.index(None) + 1}: not {what}. {where}")
    return found


def known_fields(kind: type, line: Any) -> Any:
    """A dataclass of that kind from what it knows of a line; None where that makes none."""
    known = {f.name for f in fields(kind)}
    try:
        return kind(**{k: v for k, v in line.items() if k in known})
    except (TypeError, AttributeError):
        return None


WHERE_FROM = "Name a verdicts.jsonl that `course judge RUN/responses.json` wrote."


def _verdict(line: Any) -> Verdict | None:
    """The verdict in a line of a journal, or None when it is none."""
    verdict = known_fields(Verdict, line)
    if verdict is None:
        return None
    texts = [getattr(verdict, f.name) for f in fields(Verdict) if f.type == "str"]
    good = type(verdict.index) is int and all(isinstance(text, str) for text in texts)
    good = good and verdict.status in STATUSES
    good = good and (verdict.status == "scored") == (number_from(verdict.score) is not None)
    return verdict if good else None


def asked_hash(judge: Judge) -> str:
    """12 hexadecimal digits for a judge's options and rubric; "" for one that has neither."""
    rubric, options = getattr(judge, "rubric", None), getattr(judge, "options", None)
    if rubric is None and not options:
        return ""
    words = [rubric.system, rubric.closing, rubric.schema] if rubric else []
    return content_hash([options, words])[:12]


def _earlier_verdicts(path: Path, judge: Judge, items: list[str]) -> dict[int, Verdict]:
    """What an earlier run left in `path`, if it is about these items and from this judge."""
    rubric, asked = getattr(getattr(judge, "rubric", None), "name", ""), asked_hash(judge)
    remove_leftovers(path)
    earlier = read_verdicts(path) if path.exists() else []
    if not earlier and path.exists() and not _begins_like_a_verdict(path):
        raise RunError(
            f"{path} exists and holds no verdicts. Choose another file name, such as verdicts.jsonl."
        )
    for verdict in earlier:
        if verdict.judge != judge.name:
            other = f"holds verdicts of the judge {verdict.judge!r}, not {judge.name!r}"
        elif verdict.asked and verdict.rubric != rubric:
            other = f"holds verdicts under the rubric {verdict.rubric!r}, not {rubric!r}"
        elif (verdict.asked or not rubric) and verdict.asked != asked:
            other = f"holds verdicts of {judge.name} with other options or words"
        elif not 0 <= verdict.index < len(items) or items[verdict.index] != verdict.item:
            other = f"is about other items than these {len(items)} (first at {verdict.index})"
        else:
            continue
        raise RunError(f"{path} {other}. Choose another file name, or remove it to start again.")
    repair_journal(path)  # a line cut off by a crash must not be appended to
    return {verdict.index: verdict for verdict in earlier}


def _begins_like_a_verdict(path: Path) -> bool:
    """Whether a file without a whole line may be a journal's first: cutting that off loses nothing."""
    start = b'{"index": '
    return start.startswith(path.read_bytes()[: len(start)])


# --- asking ---------------------------------------------------------------------------------------


class _Asker:
    """Asks the judge about one item at a time and stops when nobody answers (thread-safe)."""

    def __init__(self, judge: Judge):
        self.judge = judge
        self.unanswered = 0
        self.lock = threading.Lock()

    def __call__(self, index: int, record: dict) -> Verdict:
        status, score, raw = self._ask(record)
        raw = raw.encode("utf-8", "replace").decode("utf-8")[:MAX_RAW]
        item, response = item_hash(record), response_hash(record)
        rubric = getattr(getattr(self.judge, "rubric", None), "name", "")
        digest, asked = getattr(self.judge, "digest", ""), asked_hash(self.judge)
        return Verdict(
            index, item, self.judge.name, status, score, raw, response, rubric, digest, asked
        )

    def _ask(self, record: dict) -> tuple[str, float | None, str]:
        if _no_response(record):
            return "failed", None, f"no response: {_no_response(record)}"
        if self.unanswered >= GIVE_UP_AFTER:
            return "failed", None, NOT_ASKED
        try:
            score, raw = self.judge.score(record)
        except (ConnectionError, TimeoutError) as error:
            with self.lock:
                self.unanswered += 1
            return "failed", None, str(error) or type(error).__name__
        except Exception as error:  # one bad item must not cost the others their verdicts
            self._answered()
            reason = str(error) or "no reason given"
            known = isinstance(error, CourseError)
            return "failed", None, reason if known else f"{type(error).__name__}: {reason}"
        self._answered()
        if number_from(score) is None:
            return "unparsed", None, raw
        return "scored", number_from(score), raw

    def _answered(self) -> None:
        with self.lock:
            if self.unanswered < GIVE_UP_AFTER:
                self.unanswered = 0


def _no_response(record: dict) -> str:
    """Why there is nothing to judge, or an empty string. An empty response is a response."""
    if record.get("finish_reason") == "prompt_too_long":
        return "prompt_too_long"
    return "model_response is missing" if record.get("model_response") is None else ""


def _ask_all(asker: _Asker, todo: list[tuple[int, dict]], workers: int) -> Iterator[Verdict]:
    """Verdicts as they arrive; with one worker in order and in this thread.

    The threads are daemons, so that Ctrl-C need not wait for replies that are on their way (an
    executor of concurrent.futures would).
    """
    if workers <= 1:
        yield from (asker(index, record) for index, record in todo)
        return
    questions: queue.SimpleQueue = queue.SimpleQueue()
    replies: queue.SimpleQueue = queue.SimpleQueue()
    for pair in todo:
        questions.put(pair)

    def work() -> None:
        while True:
            try:
                replies.put(asker(*questions.get_nowait()))
            except queue.Empty:
                return
            except BaseException as error:  # raised again where the replies are collected
                replies.put(error)
                return

    for _ in range(min(workers, len(todo))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in todo:
            reply = replies.get()
            if isinstance(reply, BaseException):
                raise reply
            yield reply
    finally:
        while not questions.empty():  # asked for no longer: an error, or Ctrl-C
            with suppress(queue.Empty):
                questions.get_nowait()


def judge_responses(
    judge: Judge, records: Sequence[dict], *, out: str | Path | None = None, workers: int = 1
) -> list[Verdict]:
    """One verdict a record, in their order; written to the journal `out` as each arrives.

    Run again with the same `out`, it asks only about items that failed or whose response changed.
    Raises RunError for a journal of another judge or of other items, and whatever the judge's
    preflight raises (JudgeError); after that, every failure is an item's own. When three items in
    a row get no answer from the server, the rest are not asked.
    """
    records = list(records)
    _check(records)
    if not 1 <= workers <= MOST_WORKERS:
        raise SettingsError(f"workers is {workers}: give 1 to {MOST_WORKERS}, such as 4.")
    out = None if out is None else Path(out)
    earlier = _earlier_verdicts(out, judge, [item_hash(r) for r in records]) if out else {}
    done = {
        index: verdict
        for index, verdict in earlier.items()
        if verdict.status != "failed" and verdict.response == response_hash(records[index])
    }
    todo = [(index, record) for index, record in enumerate(records) if index not in done]
    if hasattr(judge, "preflight") and any(not _no_response(record) for _, record in todo):
        judge.preflight()
        _check_digest(out, judge, earlier.values())
        if hasattr(judge, "warm_up"):
            judge.warm_up()
    if out:
        check_folder(out.parent)
        out.parent.mkdir(parents=True, exist_ok=True)
    with bar(total=len(todo), desc=f"judging with {judge.name}", unit="response") as progress:
        for verdict in _ask_all(_Asker(judge), todo, workers):
            done[verdict.index] = verdict
            if out:
                append_jsonl(out, asdict(verdict))
            if rate := _rate(judge):
                progress.set_postfix_str(f"{rate:.0f} tokens/s", refresh=False)
            progress.update()
    verdicts = [done[index] for index in range(len(records))]
    if out:
        write_jsonl(out, [asdict(verdict) for verdict in verdicts])
    return verdicts


def _rate(judge: Judge) -> float | None:
    meter = getattr(judge, "meter", None)
    return meter.rate() if meter else None


def _check_digest(out: Path | None, judge: Judge, earlier: Iterable[Verdict]) -> None:
    """Raises RunError when the weights behind the judge's name are no longer those of `earlier`."""
    digest = getattr(judge, "digest", "")
    for verdict in earlier:
        if verdict.digest and digest and verdict.digest != digest:
            raise RunError(
                f"{out} holds verdicts of {judge.name} with the weights {verdict.digest[:12]}, but the "
                f"model of that name is now {digest[:12]}. Choose another file name, or remove it to "
                "start again."
            )


def _check(records: list[dict]) -> None:
    for row, record in enumerate(records):
        for key in ("instruction", "output"):
            if not isinstance(record.get(key), str):
                raise DataError(f"row {row}: {key!r} is no text. Judge a file that generate wrote.")
        if not isinstance(record.get("model_response"), (str, type(None))):
            raise DataError(f"row {row}: 'model_response' is no text. Generate responses again.")
