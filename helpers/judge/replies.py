"""Reading a judge's reply: the score that it states, or None when it states none or several.

Tried in this order: a JSON object with a `score`; a labelled number ("Score: 85") or one out of the
highest grade ("85/100"); the only number in the text. A number off the scale is no score, and is
never moved onto it. A JSON object that was cut off is not trusted: its `8` may have been the beginning
of `85`. What a model thinks aloud between <think> and </think> is not its reply.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)"
LABELLED = re.compile(
    r"\b(?:score|rating|grade)\b[\"'*`\s]*(?:[:=–—]|-\s|is\b|of\b|would\s+be\b)?[\"'*`\s]*"
    rf"({NUMBER})(?:\s*(?:/|out\s+of)\s*(\d+))?",
    re.IGNORECASE,
)
FRACTION = re.compile(rf"({NUMBER})\s*(?:/|out\s+of)\s*(\d+)", re.IGNORECASE)
THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)


def parse_score(raw: str, low: float = 0, high: float = 100) -> float | None:
    """The score from `low` to `high` that a reply states, or None when it states none or several.

    >>> parse_score("Score: 85/100"), parse_score("between 60 and 70"), parse_score("4/5", 1, 5)
    (85.0, None, 4.0)
    """
    text = " ".join(_plain(raw).split())
    if re.search(r"</?think(?:ing)?>", text, re.IGNORECASE):  # a thought that was cut off
        return None
    objects = _objects_with_score(text)
    if objects:
        return _the_only_one([number_from(value, low, high) for value in objects])
    if text.count("{") > text.count("}"):
        return None
    text = re.sub(rf"\b{low:g}\s*(?:to|-|–)\s*{high:g}\b", " ", text)  # the scale, repeated
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    top = f"{high:g}"
    stated = LABELLED.findall(text) or [f for f in FRACTION.findall(text) if f[1] == top]
    if stated:
        return _the_only_one(
            [number_from(n, low, high) if of in ("", top) else None for n, of in stated]
        )
    return _the_only_one([number_from(n, low, high) for n in re.findall(NUMBER, text)])


def number_from(value: Any, low: float = 0, high: float = 100) -> float | None:
    """`value` as a float if it is a number from `low` to `high`, written as one or as a string."""
    if isinstance(value, str):
        match = re.fullmatch(rf"\s*({NUMBER})(?:\s*/\s*{high:g}|\s*%)?\s*", value)
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if low <= value <= high else None  # NaN fails both comparisons


def _plain(raw: str) -> str:
    """The reply without thoughts; full-width digits and long minus signs as everybody types them."""
    text = THOUGHT.sub(" ", raw)
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-")


def _objects_with_score(text: str) -> list[Any]:
    whole = _score_values(text)
    return whole or [v for part in re.findall(r"\{[^{}]*\}", text) for v in _score_values(part)]


def _score_values(piece: str) -> list[Any]:
    """What the JSON object `piece` says under `score`; a key that comes twice counts twice."""
    try:
        pairs = json.loads(piece, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return []
    return [p[1] for p in _pairs(pairs) if p[0].lower() == "score"]


def _pairs(value: Any) -> list[tuple]:
    is_object = isinstance(value, list) and all(isinstance(pair, tuple) for pair in value)
    return value if is_object else []


def _the_only_one(values: list[float | None]) -> float | None:
    return values[0] if len(set(values)) == 1 else None
