"""Which tokens are learnt from: one builder for every arm of the masking question.

An `Example` is a row of token ids in which every token knows the segment it came from. An arm
(`loss_on`) gives each segment a weight; the weight of a token is that of its segment. Arms: `all`
(the whole text), `instruction+response` (Shi et al. 2024), `header+response`, `response` (the
prompt is masked) and `response@w` (everything before the response with weight w).
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from dataclasses import dataclass

from helpers.errors import DataError, SettingsError, nearest
from helpers.formatting import Template, has_input, prompt_segments
from helpers.tokenizer import END_OF_TEXT, encode_segments

SEGMENTS = ("template", "instruction", "input", "header", "response", "end")
ARMS = {
    "all": frozenset(SEGMENTS),
    "instruction+response": frozenset({"instruction", "input", "response", "end"}),
    "header+response": frozenset({"header", "response", "end"}),
    "response": frozenset({"response", "end"}),
}


@dataclass(frozen=True)
class Example:
    """A training row: token ids and, for each, the name of its segment (see SEGMENTS)."""

    ids: list[int]
    names: list[str]

    @property
    def n_prompt(self) -> int:
        """Tokens before the response."""
        return sum(name not in ("response", "end") for name in self.names)


def segment_weights(loss_on: str) -> dict[str, float]:
    """The loss weight of each segment under an arm.

    >>> segment_weights("response@0.1")["instruction"]
    0.1

    Raises SettingsError for an unknown arm or a prompt weight outside 0…1.
    """
    arm, at, weight = loss_on.partition("@")
    if arm not in ARMS or (at and arm != "response"):
        known = [*ARMS, "response@0.1"]
        raise SettingsError(f"unknown arm {loss_on!r} for the loss; {nearest(loss_on, known)}.")
    outside = 0.0
    if at:
        try:
            outside = float(weight)
        except ValueError:
            outside = math.nan
        if not 0 <= outside <= 1:
            raise SettingsError(
                f"prompt weight {weight!r} in {loss_on!r}: give a number from 0 to 1, "
                "for example response@0.1."
            )
    return {name: 1.0 if name in ARMS[arm] else outside for name in SEGMENTS}


def loss_weights(example: Example, loss_on: str) -> list[float]:
    """The loss weight of every token. The first is 0: nothing comes before it to predict it from."""
    weights = segment_weights(loss_on)
    return [0.0] + [weights[name] for name in example.names[1:]]


def make_example(
    record: dict, template: str | Template, tokenizer, *, max_length: int = 1024
) -> Example:
    """The record as tokens: prompt and response encoded apart, one end token.

    A text longer than `max_length` tokens loses the end of its input, then of its instruction; the
    template, the header and the response are never cut. Raises DataError when that is not enough,
    or when the output is empty.
    """
    if not record["output"].strip():
        raise DataError("the output is empty: there is nothing to learn from this row.")
    response = tokenizer.encode_ordinary(record["output"])
    room = max_length - len(response) - 1
    ids, names = fit_prompt(record, template, tokenizer, room)
    return Example(
        ids + response + [END_OF_TEXT],
        names + ["response"] * len(response) + ["end"],
    )


def fit_prompt(record: dict, template: str | Template, tokenizer, room: int):
    """Prompt ids and segment names in at most `room` tokens, cut as `make_example` says."""
    ids, names = encode_segments(prompt_segments(record, template), tokenizer)
    for field in ("input", "instruction"):
        if len(ids) > room and (field != "input" or has_input(record)):
            ids, names, record = _shorten(record, field, template, tokenizer, room)
    if len(ids) > room:
        raise DataError(
            f"the row does not fit: with input and instruction cut away its prompt still has "
            f"{len(ids)} tokens, and {max(room, 0)} are left beside the response. "
            "Shorten the output or raise the length limit."
        )
    return ids, names


def _shorten(record: dict, field: str, template: str | Template, tokenizer, room: int):
    """The prompt with the end of one field cut, token by token, until it fits or nothing is left."""
    kept = tokenizer.encode_ordinary(record[field])
    while True:
        ids, names = encode_segments(prompt_segments(record, template), tokenizer)
        excess = len(ids) - room
        if excess <= 0 or not kept:
            return ids, names, record
        kept = kept[: max(len(kept) - excess, 0)]
        text = tokenizer.decode(kept, errors="ignore")
        record = {**record, field: text}


def make_examples(
    records: Iterable[dict], template: str | Template, tokenizer, *, max_length: int = 1024
) -> tuple[list[Example], list[tuple[int, str]]]:
    """All examples that can be made, and (row number from 0, reason) of every row that cannot."""
    examples, left_out = [], []
    for index, record in enumerate(records):
        try:
            examples.append(make_example(record, template, tokenizer, max_length=max_length))
        except DataError as error:
            left_out.append((index, str(error)))
    return examples, left_out


def learnt_text(example: Example, loss_on: str, tokenizer) -> str:
    """What the arm learns from, decoded back to text: the quickest check of a mask."""
    weights = loss_weights(example, loss_on)
    return tokenizer.decode([t for t, w in zip(example.ids, weights, strict=True) if w])


def learnt_share(examples: Iterable[Example], loss_on: str) -> float:
    """The share of all tokens that the arm learns from, each counted with its weight (0…1)."""
    total = weight = 0.0
    for example in examples:
        total += len(example.ids)
        weight += sum(loss_weights(example, loss_on))
    return weight / total


# Learnt tokens are blue and underlined, ignored ones grey: readable without colour too.
_STYLE = (
    "font-family:ui-monospace,monospace;font-size:0.95em;line-height:1.9;white-space:pre-wrap;"
    "border:1px solid #8888;border-radius:4px;padding:0.6em;color:#222;background:#fff"
)


def colour_tokens(example: Example, loss_on: str, tokenizer) -> str:
    """The example as HTML: every token a box, what is learnt from in blue and underlined.

    The strength of the blue is the weight; hovering shows id, segment and weight.
    """
    boxes = []
    weights = loss_weights(example, loss_on)
    for token, name, weight in zip(example.ids, example.names, weights, strict=True):
        text = tokenizer.decode([token], errors="replace")
        shown = html.escape(text).replace("\n", "↵\n")
        if weight:
            look = f"background:rgba(0,114,178,{0.12 + 0.28 * weight:.2f});"
            look += "border-bottom:2px solid #0072b2"
        else:
            look = "color:#666;background:#f2f2f2"
        title = f"id {token}, {name}, weight {weight:g}"
        boxes.append(f'<span style="{look};margin:0 1px" title="{title}">{shown}</span>')
    share = learnt_share([example], loss_on)
    caption = (
        f"Loss on <b>{html.escape(loss_on)}</b>: {share:.0%} of {len(example.ids)} tokens are learnt "
        "from (blue, underlined); grey ones are read but not learnt from."
    )
    return f'<figure><div style="{_STYLE}">{"".join(boxes)}</div><figcaption>{caption}</figcaption></figure>'
