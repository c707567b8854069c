"""Reading a judge's reply: the score that it states, or None when it states none or several.

The stages, in the order of trust; the first that finds anything decides, and where it finds two
different numbers, or one off the scale (it is never moved onto it), the reply is unparsed:

1. schema: the reply is the JSON object that was asked for
2. json: a JSON object with a `score`, somewhere in the reply
3. labelled: "Score: 85", or a number out of the highest grade, "85/100"
4. sole: the only number in the reply
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

STAGES = ("schema", "json", "labelled", "sole")
KEYS = ("score", "rating", "grade")


def parse_score(raw: str, low: float = 0, high: float = 100, given: str = "") -> float | None:
    """The score from `low` to `high` that a reply states, or None when it states none or several.

    >>> parse_score("Score: 85/100"), parse_score("between 60 and 70"), parse_score("4/5", 1, 5)
    (85.0, None, 4.0)
    """
    return read_reply(raw, low, high, given)[1]


def read_reply(
    raw: str, low: float = 0, high: float = 100, given: str = ""
) -> tuple[str, float | None]:
    """The stage at which a reply was read (or "unparsed"), and its score.

    `given` is what the judge was shown. A statement that is copied from there (a response that
    says "Score: 100") is the response's, not the judge's, and does not count; only a reply that is
    nothing but the JSON object asked for is taken as it is.
    """
    said = raw if isinstance(_as_json(raw), Pairs) else without_thoughts(raw)
    whole = _as_json(said)
    if isinstance(whole, Pairs) and _fits_schema(whole, low, high):
        return "schema", float(whole[0][1])
    text, given = plain(said), plain(given).lower()
    for how, stage in zip(STAGES[1:], (_by_json, _by_label, _by_number), strict=True):
        stated = stage(text, low, high, given)
        if stated:
            score = stated[0] if len(set(stated)) == 1 else None
            return ("unparsed" if score is None else how), score
    return "unparsed", None


def number_from(value: Any, low: float = 0, high: float = 100) -> float | None:
    """`value` as a float if it is a number from `low` to `high`, written as one or as a string."""
    if isinstance(value, str):
        match = re.fullmatch(rf"\s*({NUMBER})(?:\s*/\s*{high:g}|\s*%)?\s*", plain(value))
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value + 0.0 if low <= value <= high else None  # NaN fails both comparisons


def grade_from(value: Any, low: float, high: float) -> float | None:
    """As `number_from`; and 0.85, which was meant on another scale than to 5 or 100, is none."""
    number = number_from(value, low, high)
    return None if number is not None and 0 < number < 1 else number


# --- making replies comparable --------------------------------------------------------------------

THOUGHT = r"(?:think|thinking|thoughts?|reasoning)"
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x2212: "-", 0x3000: " "}


def without_thoughts(raw: str) -> str:
    """The reply without its `<think>…</think>`; nothing is left of thoughts that were cut off."""
    text = re.sub(rf"<({THOUGHT})>.*?</\1>", " ", raw, flags=re.DOTALL | re.IGNORECASE)
    text = re.split(rf"</{THOUGHT}>", text, flags=re.IGNORECASE)[-1]  # opened in the prompt already
    return re.split(rf"<{THOUGHT}>", text, flags=re.IGNORECASE)[0]


def plain(text: str) -> str:
    """One line, full-width characters as ordinary ones, minus signs as "-".

    >>> plain("８５／１００"), plain("Score: –5"), plain("60–70")
    ('85/100', 'Score: -5', '60–70')
    """
    text = " ".join(text.translate(WIDE).split())
    return re.sub(r"(?<![^\s:=(])–(?=\d)", "-", text)


# --- stages: each gives the ratings that it finds, None for one that is not on the scale ----------

NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)"
OUT_OF = r"\s*(?:/|out\s+of|of)\s*"
LABELLED = re.compile(
    r"\b(?:score|rating|grade)\b[\"'*`\s]*(?:[:=–—]|-\s|is\b|of\b|would\s+be\b)?[\"'*`\s]*"
    rf"({NUMBER})(?:{OUT_OF}(\d+)\b)?(?!\s*(?:-|–|to\b|or\b)\s*\d)",
    re.IGNORECASE,
)
FRACTION = re.compile(rf"({NUMBER}){OUT_OF}(\d+)\b", re.IGNORECASE)
AFTER = re.compile(
    r"\s*(?:$|[.,;:!?)\]}*`\"'”»%/<]|percent\b|points?\b|pts\b|marks?\b|(?:because|for|since|as)\b)",
    re.IGNORECASE,
)
QUOTED = re.compile(r"\"([^\"]*)\"|“([^”]*)”|«([^»]*)»|‘([^’]*)’|(?<!\w)'([^']*)'(?!\w)")


class Pairs(list):
    """A JSON object as (key, value) pairs: of a key that stands twice, none is lost."""


def _as_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return None


def _fits_schema(pairs: Pairs, low: float, high: float) -> bool:
    return (
        [key for key, _ in pairs] == ["score"]
        and type(pairs[0][1]) is int
        and number_from(pairs[0][1], low, high) is not None
    )


def _by_json(text: str, low: float, high: float, given: str) -> list[float | None]:
    found, broken = [], False
    decoder = json.JSONDecoder(object_pairs_hook=Pairs)
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except RecursionError:
            return [None]
        except ValueError:
            broken, end = True, start + 1
        else:
            if end - start == len(text) or text[start:end].lower() not in given:
                found += [grade_from(v, low, high) for v in _score_values(value)]
        start = text.find("{", end)
    if not found and broken and text.count("{") > text.count("}"):
        return [None]  # cut off: its `8` may have been the beginning of `85`
    return found


def _score_values(value: Any) -> Iterator[Any]:
    """What stands under a key such as `score`, at any depth."""
    if isinstance(value, Pairs):
        for key, inner in value:
            if key.lower() in KEYS:
                yield inner
            else:
                yield from _score_values(inner)


def _by_label(text: str, low: float, high: float, given: str) -> list[float | None]:
    text = _prose(text, low, high)
    stated = [m for m in LABELLED.finditer(text) if not _copied(m, given)] or [
        m for m in FRACTION.finditer(text) if m[2] == f"{high:g}" and not _copied(m, given)
    ]
    scale = (None, f"{high:g}")
    return [grade_from(m[1], low, high) if m[2] in scale else None for m in stated]


def _by_number(text: str, low: float, high: float, given: str) -> list[float | None]:
    text = _prose(text, low, high)
    numbers = list(re.finditer(NUMBER, text))
    bare = re.fullmatch(rf"\W*{NUMBER}\s*(?:%|percent|points?)?\W*", text, re.IGNORECASE)
    theirs = set(re.findall(NUMBER, given))
    if FRACTION.search(text):  # "8/10": another scale
        return [None]
    return [
        grade_from(m[0], low, high)
        if bare or (AFTER.match(text, m.end()) and m[0] not in theirs)
        else None
        for m in numbers
    ]


def _prose(text: str, low: float, high: float) -> str:
    """The text without what it quotes, and without the scale where that is repeated."""
    inner = QUOTED.fullmatch(text)
    if inner:  # the whole reply in quotation marks is no quotation
        text = next(part for part in inner.groups() if part is not None)
    text = QUOTED.sub(lambda m: " … " if re.search(r"[^\W\d].*\d", m[0]) else m[0], text)
    scale = rf"\b{low:g}\s*(?:to|-|–|and)\s*{high:g}\b"
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "", re.sub(scale, " ", text))


def _copied(match: re.Match, given: str) -> bool:
    """Whether the words of the match stand in what the judge was shown."""
    return match[0].strip().lower() in given
