"""Which tokens are learnt from: one builder for every arm of the masking question.

An `Example` is a row of token ids in which every token knows the segment it came from. An arm
(`loss_on`) gives each segment a weight; the weight of a token is that of its segment. Arms: `all`
(the whole text), `instruction+response` (Shi et al. 2024), `header+response`, `response` (the
prompt is masked) and `response@w` (everything before the response with weight w).
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
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


def learnt_by_segment(examples: Iterable[Example], loss_on: str) -> dict[str, tuple[int, float]]:
    """Segment → (its tokens, the sum of their loss weights), over all examples."""
    found = dict.fromkeys(SEGMENTS, (0, 0.0))
    for example in examples:
        for name, weight in zip(example.names, loss_weights(example, loss_on), strict=True):
            tokens, summed = found[name]
            found[name] = (tokens + 1, summed + weight)
    return found


def learnt_share(examples: Iterable[Example], loss_on: str) -> float:
    """The share of all tokens that the arm learns from, each counted with its weight (0…1)."""
    parts = learnt_by_segment(examples, loss_on).values()
    return sum(weight for _, weight in parts) / sum(tokens for tokens, _ in parts)


# --- pictures of a mask, as HTML -----------------------------------------------------------------

# Learnt tokens are blue and underlined, ignored ones grey: readable without colour too.
_STYLE = (
    "font-family:ui-monospace,monospace;font-size:0.95em;line-height:1.9;white-space:pre-wrap;"
    "border:1px solid #8888;border-radius:4px;padding:0.6em;color:#222;background:#fff"
)

_FIGURE = '<figure style="line-height:1.5">'  # a widget would space its lines for controls


def colour_tokens(example: Example, loss_on: str, tokenizer) -> str:
    """The example as HTML: every token a box, what is learnt from in blue and underlined.

    The strength of the blue is the weight; hovering shows id, segment and weight.
    """
    boxes = _boxes(example, loss_on, tokenizer)
    return _picture(f'<div style="{_STYLE}">{boxes}</div>', [example], loss_on)


def colour_rows(examples: Sequence[Example], loss_on: str, tokenizer) -> str:
    """Several examples as HTML, each like `colour_tokens`, with line breaks only shown as ↵."""
    rows = [_boxes(example, loss_on, tokenizer, newline="↵") for example in examples]
    items = "".join(f'<div style="margin:0 0 0.5em">{row}</div>' for row in rows)
    return _picture(f'<div style="{_STYLE}">{items}</div>', examples, loss_on)


def _boxes(example: Example, loss_on: str, tokenizer, newline: str = "↵\n") -> str:
    """The tokens of a row as coloured HTML boxes."""
    boxes = []
    weights = loss_weights(example, loss_on)
    for token, name, weight in zip(example.ids, example.names, weights, strict=True):
        text = tokenizer.decode([token], errors="replace")
        shown = html.escape(text).replace("\n", newline)
        if weight:
            look = f"background:rgba(0,114,178,{0.12 + 0.28 * weight:.2f});"
            look += "border-bottom:2px solid #0072b2"
        else:
            look = "color:#666;background:#f2f2f2"
        title = f"id {token}, {name}, weight {weight:g}"
        boxes.append(f'<span style="{look};margin:0 1px" title="{title}">{shown}</span>')
    return "".join(boxes)


def _picture(content: str, examples: Sequence[Example], loss_on: str) -> str:
    """The coloured tokens with a caption that names the arm and the share learnt from."""
    tokens = sum(len(example.ids) for example in examples)
    share = learnt_share(examples, loss_on)
    counted = ", each counted with its weight" if "@" in loss_on else ""
    caption = (
        f"Loss on <b>{html.escape(loss_on)}</b>: {share:.0%} of {tokens} tokens are learnt from "
        f"(blue, underlined{counted}); grey ones are read but not learnt from."
    )
    return f"{_FIGURE}{content}<figcaption>{caption}</figcaption></figure>"


_BAR = {  # a token's fate → its look; the hatching tells them apart without colour
    "learnt from": "background:repeating-linear-gradient(45deg,#0072b2 0 5px,#3391c4 5px 7px)",
    "only read": "background:#bbb",
}


def segment_bars(examples: Sequence[Example], loss_on: str) -> str:
    """An HTML table: each segment's share of all tokens, and how much of it is learnt from.

    Bars are drawn to one scale: grey is only read, blue is learnt from (tokens times weight). The
    caption says which part of the loss is about the response, the end token included.
    """
    parts = learnt_by_segment(examples, loss_on)
    tokens, learnt = (sum(values) for values in zip(*parts.values(), strict=True))
    about_reply = (parts["response"][1] + parts["end"][1]) / learnt
    widest = max(count for count, _ in parts.values())
    rows = [_bar_row(name, *parts[name], tokens, widest) for name in SEGMENTS if parts[name][0]]
    heads = "".join(
        f'<th scope="col" style="text-align:left;padding:0 0.8em 0 0">{head}</th>'
        for head in ("segment", "tokens, to scale", "of all tokens", "learnt from")
    )
    n = len(examples)
    caption = (
        f"Loss on <b>{html.escape(loss_on)}</b>, {n:,} {'row' if n == 1 else 'rows'}: "
        f"{learnt / tokens:.0%} of all tokens are learnt from (blue, tokens times weight), and "
        f"{about_reply:.0%} of the loss is about the response and its end."
    )
    box = "border:1px solid #8888;border-radius:4px;padding:0.6em"  # in the page's own colours
    return (
        f'{_FIGURE}<div style="{box}"><table style="border-collapse:collapse">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _bar_row(name: str, count: int, weight: float, tokens: int, widest: int) -> str:
    """A line of `segment_bars`: the name, two shares of all tokens, and the bar."""
    cell = '<td style="text-align:left;padding:0 0.8em 0 0;white-space:nowrap">'
    widths = {"learnt from": weight / widest, "only read": (count - weight) / widest}
    bar = "".join(
        f'<span style="display:inline-block;height:0.9em;width:{100 * width:.1f}%;{_BAR[fate]}"'
        f' title="{name}, {fate}"></span>'
        for fate, width in widths.items()
    )
    return (
        f'<tr><th scope="row" style="text-align:left;padding:0 0.8em 0 0">{name}</th>'
        f'{cell}<div style="width:min(22em,40vw)">{bar}</div></td>'
        f"{cell}{count / tokens:.1%}</td>{cell}{weight / tokens:.1%}</td></tr>"
    )
