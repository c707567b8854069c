"""Data sets: load, validate, split, find near-duplicates.

A data set is a JSON list, or JSON Lines, of records `{"instruction", "input", "output"}` (the Alpaca
triple of Taori et al. 2023). Extra keys are kept. Anything else is refused with the row, the key
and the remedy. `course` is the bundled data set; any local path works too.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from helpers.errors import DataError, FetchError, nearest
from helpers.fetch import fetch
from helpers.files import sha256

ASSETS = Path(__file__).parent / "assets"
BUNDLED = {
    "course": ASSETS / "course" / "instruction-data.json",
    "course-heldout": ASSETS / "course" / "course-heldout.jsonl",  # 1,000 more rows of its kind
    "course-newfamilies": ASSETS / "course" / "course-newfamilies.jsonl",  # kinds it does not have
}


class Remote(NamedTuple):
    """A data set on the web: its address, its sha256, and what must be said of its licence."""

    url: str
    sha256: str
    licence: str = ""


REMOTE = {
    # Chapter 7 of Sebastian Raschka's "Build a Large Language Model (From Scratch)".
    "book": Remote(
        "https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/main/"
        "ch07/01_main-chapter-code/instruction-data.json",
        "7e09a9af353722ca15c18bc580f093f9c39d3178335a75177319cb1e1d163944",
    ),
    # The original 52,002 rows. We have not seen the file ourselves: the hash is the one on which
    # several public repositories agree that pin this file.
    "alpaca": Remote(
        "https://raw.githubusercontent.com/tatsu-lab/stanford_alpaca/"
        "761dc5bfbdeeffa89b8bff5d038781a4055f796a/alpaca_data.json",
        "2eddafc6b977608d778aaab8dfc7e50e547b3af9826dfb9e909d9fc362e4a419",
        "The data set alpaca (Taori et al. 2023) is licensed CC BY-NC 4.0: non-commercial use only; "
        "and models trained on it are for research only, say its authors "
        "(https://github.com/tatsu-lab/stanford_alpaca).",
    ),
}
SMALLEST = 20  # rows; fewer cannot be split into three parts worth measuring on
LARGEST_FIELD = 100_000  # characters; GPT-2 reads 1,024 tokens, some 5,000 characters


class Splits(NamedTuple):
    """The three parts of a data set, in file order."""

    train: list[dict]
    test: list[dict]
    validation: list[dict]


def data_path(name: str | Path) -> Path:
    """The file of a bundled or downloadable data set by name, or the path itself."""
    if str(name) in BUNDLED:
        return BUNDLED[str(name)]
    if str(name) in REMOTE:
        return download(str(name))
    path = Path(name)
    if not str(name).strip():
        raise DataError(
            f"the name of the data set is empty; {nearest('', [*BUNDLED, *REMOTE])}. Give one of "
            "these, or the path of a JSON or JSON Lines file."
        )
    if not path.exists():
        raise DataError(
            f"no data set {str(name)!r}: it is neither a file nor a bundled name; "
            f"{nearest(str(name), [*BUNDLED, *REMOTE])}. Give the path of a JSON or JSON Lines file."
        )
    if path.is_dir():
        if (path / "model.safetensors").exists():
            raise DataError(
                f"{path} is a model's folder, not a data set: are model and data swapped? Name the "
                "JSON or JSON Lines file."
            )
        raise DataError(f"{path} is a folder: name the JSON file inside it.")
    return path


def cache_folder() -> Path:
    """Where downloaded data sets are kept: COURSE_CACHE, or a folder in the user's cache."""
    root = os.environ.get("COURSE_CACHE") or Path.home() / ".cache" / "instruction-finetuning"
    return Path(root)


def cached(name: str) -> Path | None:
    """The file of a named data set if it is on this disk, whole and unchanged; else None."""
    if name in BUNDLED:
        return BUNDLED[name]
    path = cache_folder() / f"{name}.json"
    there = name in REMOTE and path.is_file() and sha256(path) == REMOTE[name].sha256
    return path if there else None


def address(name: str) -> str:
    """Where a data set comes from; COURSE_DATA_MIRROR, a base address, takes the place of the host."""
    url, mirror = REMOTE[name].url, os.environ.get("COURSE_DATA_MIRROR")
    return mirror.rstrip("/") + urlsplit(url).path if mirror else url


def download(name: str) -> Path:
    """The cached file of a data set on the web, fetched and checked when it is not there yet."""
    if path := cached(name):
        return path
    path = cache_folder() / f"{name}.json"
    other = f"The file at {path} is not the expected one (by its sha256). " if path.exists() else ""
    try:
        fetch(address(name), path, sha256=REMOTE[name].sha256)
    except FetchError as error:
        raise DataError(
            f"the data set {name!r} could not be downloaded: {error} {other}Try again later, or use "
            f"the bundled data: course. Other ways: put the file at {path} by hand; COURSE_CACHE "
            "names another folder, COURSE_DATA_MIRROR another server."
        ) from error
    if REMOTE[name].licence:
        print(REMOTE[name].licence, file=sys.stderr)
    return path


def load_records(name: str | Path) -> list[dict]:
    """The validated records of a bundled data set or a local file, at least one.

    Raises DataError that names the row (counted from 1), the key and the remedy.
    """
    path = data_path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}. Check that you may read it."
        ) from error
    rows = parse_rows(as_text(data, path), str(path))
    if not rows:
        raise DataError(f"{path} holds no rows: at least one record is needed. Add some.")
    return [check_record(row, number, str(path)) for number, row in enumerate(rows, start=1)]


def stream_records(name: str | Path) -> Iterator[dict]:
    """The same records as `load_records`, those of JSON Lines one at a time, never all in memory.

    A JSON list has to be read as a whole. Raises the same DataErrors, when it comes to the row.
    """
    path = data_path(name)
    if not is_json_lines(path):
        yield from load_records(name)
        return
    number = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                rows = parse_rows(as_text(line, path), str(path))
                records = [check_record(row, number + 1, str(path)) for row in rows]
            except DataError:
                load_records(name)  # raises it with the number of the line
                raise
            number += len(records)
            yield from records


def is_json_lines(path: Path) -> bool:
    """Whether a file begins as JSON Lines do; no when it cannot be read at all."""
    try:
        with open(path, "rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


KINDS = {  # how files begin that are no text, and what to do with them
    b"PK\x03\x04": "a zip archive (or a spreadsheet): unpack it, or export the sheet",
    b"\x1f\x8b": "compressed (gzip): unpack it",
    b"PAR1": "a Parquet table: convert it",
    b"\xff\xfe": "UTF-16, not UTF-8: save it as UTF-8, for example with `iconv -f utf-16 -t utf-8`",
    b"\xfe\xff": "UTF-16, not UTF-8: save it as UTF-8, for example with `iconv -f utf-16 -t utf-8`",
}


def as_text(data: bytes, path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; any other file is named."""
    for start, kind in KINDS.items():
        if data.startswith(start):
            raise DataError(f"{path} is {kind}. Expected a JSON or JSON Lines file.")
    if b"\0" in data:
        raise DataError(f"{path} is a binary file, not text. Expected a JSON or JSON Lines file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte {error.start} is {data[error.start]:#04x}). Save it as "
            "UTF-8, for example with `iconv -f latin1 -t utf-8` or in an editor's Save As."
        ) from error


def parse_rows(text: str, path: str) -> list:
    """The rows of a JSON list, or of JSON Lines, not yet validated."""
    if not text.strip():
        return []
    if text.lstrip()[0] == "[":
        return _parse(text, path, "")
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() cuts at U+2028 too
        if line.strip():
            rows.append(_parse(line, path, f", line {number}"))
    return rows


def _looks_like(line: str, path: str) -> str:
    """What a file whose line is no JSON seems to be, and how to make JSON of it, or nothing."""
    name, first = Path(path).name, line.strip()
    if first.startswith("{"):
        return ""
    if path.lower().endswith((".csv", ".tsv")) or re.search(r"\binstruction\b.*[,;\t]", first):
        return (
            "This looks like a table (CSV). Convert it with Python: import pandas; pandas.read_csv("
            f"{name!r}).fillna('').to_json('{Path(path).stem}.json', orient='records')"
        )
    if path.lower().endswith((".yaml", ".yml")) or re.match(r"---|-?\s*\w+:(\s|$)", first):
        return (
            "This looks like YAML. Convert it with Python: import json, yaml; "
            f"json.dump(yaml.safe_load(open({name!r})), open('{Path(path).stem}.json', 'w'))"
        )
    return ""


def _parse(text: str, path: str, where: str):
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        place = where or f", line {getattr(error, 'lineno', 1)}"
        reason = getattr(error, "msg", error)
        hint = (where and _looks_like(text, path)) or _json_hint(text, where, error)
        raise DataError(f"{path}{place}: not JSON ({reason}). {hint}") from error
    except DataError as error:
        raise DataError(f"{path}{where}: {error}") from error


def _json_hint(text: str, where: str, error: Exception) -> str:
    """The likely reason why a text is not JSON, as advice."""
    if where and text.rstrip().endswith(","):
        return "In JSON Lines no comma stands at the end of a line: remove it."
    at = getattr(error, "pos", 0)
    comma = text[:at].rstrip().endswith(",") or text[at : at + 1] == ","  # Python 3.13 points at it
    if comma and re.match(r"[\s,]*[\]}]", text[at:]):
        return "There is a comma too many just before: remove it."
    if where and text.strip() in ("{", '{"'):
        return "One record a line is expected, or a list in square brackets: put [ ] around it all."
    return (
        "Expected a list of records, or one record a line; the file may be cut off: save or "
        "download it again."
    )


def _unique_keys(pairs: list[tuple]) -> dict:
    repeated = [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
    if repeated:
        raise DataError(f"the key {repeated[0]!r} appears twice in one record: keep one of them.")
    return dict(pairs)


def _finite(text: str) -> float:
    """A number, for `json`, which makes infinity of 1e999; and that cannot be written again."""
    if math.isinf(number := float(text)):
        raise DataError(
            f"{text[:20]} is more than a computer's numbers reach: write a smaller one."
        )
    return number


def _no_constant(name: str):
    raise DataError(f"{name} is not a number in JSON: leave it out or write null.")


def check_record(row, number: int, path: str) -> dict:
    """The record with its three text fields, extra keys kept. A null or missing input becomes ""."""
    where = f"{path}, row {number}"
    if not isinstance(row, dict):
        raise DataError(
            f'{where}: expected an object like {{"instruction": …, "input": …, "output": …}}, '
            f"got {type(row).__name__} {str(row)[:40]!r}. Write one such object for each row."
        )
    record = {**row, "input": row.get("input") if row.get("input") is not None else ""}
    for key in ("instruction", "input", "output"):
        if key not in record:
            found = ", ".join(map(repr, row)) or "none"
            raise DataError(f"{where}: the key {key!r} is missing (found: {found}). Add it.")
        value = record[key]
        if not isinstance(value, str):
            raise DataError(
                f"{where}: {key!r} must be text, got {type(value).__name__} "
                f"{str(value)[:40]!r}. Put it in quotes."
            )
        if len(value) > LARGEST_FIELD:
            raise DataError(
                f"{where}: {key!r} has {len(value):,} characters, at most {LARGEST_FIELD:,} are "
                "allowed (the model reads about 5,000). Shorten it, or remove the row."
            )
    for key, value in record.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{where}: {key!r} holds half a surrogate pair at character {error.start}, which "
                "is no valid text. Remove it."
            ) from error
    if not record["instruction"].strip():
        raise DataError(f"{where}: the instruction is empty. Write one or remove the row.")
    return record


def split(records: Sequence[dict], validation: Sequence[dict] | None = None) -> Splits:
    """Train, test and validation in file order: int(0.85 n), int(0.10 n), the rest.

    1,100 rows give 935 / 110 / 55. With a validation set of your own, all of `records` is trained
    on and the test split is empty. Raises DataError below 20 rows.
    """
    if validation is not None:
        return Splits(list(records), [], list(validation))
    n_train, n_test, _ = split_sizes(len(records))
    return Splits(
        list(records[:n_train]),
        list(records[n_train : n_train + n_test]),
        list(records[n_train + n_test :]),
    )


def split_sizes(n: int) -> tuple[int, int, int]:
    """Rows of the train, test and validation parts. Raises DataError below 20 rows."""
    if n < SMALLEST:
        raise DataError(
            f"{n} rows are too few to split: at least {SMALLEST} are needed. Add rows; only "
            "`course train` can take a validation file of your own instead (`--val FILE`)."
        )
    n_train, n_test = int(0.85 * n), int(0.10 * n)
    return n_train, n_test, n - n_train - n_test


def words(text: str) -> list[str]:
    """The words of a text in lower case, punctuation dropped."""
    return re.findall(r"[^\W_]+", text.lower())


def near_duplicates(
    left: Sequence[dict], right: Sequence[dict], threshold: float = 0.9
) -> list[tuple[int, int, float]]:
    """Pairs (index in left, index in right, similarity) that are almost the same record.

    Similarity is the Jaccard index of the two sets of words over all three fields. An inverted
    index on each record's rarest words keeps it fast: records above the threshold share one.
    """
    sets = [[frozenset(_all_words(r)) for r in side] for side in (left, right)]
    counts = Counter(word for side in sets for ws in side for word in ws)
    index = defaultdict(list)
    for j, ws in enumerate(sets[1]):
        for word in rarest_words(ws, counts, threshold):
            index[word].append(j)
    found = []
    for i, ws in enumerate(sets[0]):
        candidates = {j for word in rarest_words(ws, counts, threshold) for j in index[word]}
        for j in sorted(candidates):
            similarity = len(ws & sets[1][j]) / len(ws | sets[1][j])
            if similarity >= threshold:
                found.append((i, j, similarity))
    return found


def _all_words(record: dict) -> list[str]:
    return words(" ".join((record["instruction"], record["input"], record["output"])))


def rarest_words(ws: frozenset[str], counts: Counter, threshold: float) -> list[str]:
    """The rarest words of a set, so many that a set above the threshold shares one of its own."""
    # Prefix filtering (Chaudhuri et al. 2006): two sets with Jaccard ≥ t must share a word among
    # the first n - ceil(t n) + 1 of each, in any one order of all words.
    ordered = sorted(ws, key=lambda w: (counts[w], w))
    return ordered[: len(ordered) - -(-int(threshold * len(ordered) * 1000) // 1000) + 1]
