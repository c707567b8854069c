"""Prompt templates: a record becomes a list of named pieces of text.

A record is `{"instruction": str, "input": str, "output": str}`; a missing, null or blank input means
none. A template only says which fixed words stand between the fields. Sources: the Alpaca prompt
(Taori et al. 2023; the variant with one preamble for all rows) and the chat markers of Phi-3's
model card, kept as ordinary text because GPT-2 has no such special tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from helpers.errors import SettingsError, nearest

END_TEXT = "<|endoftext|>"


class Segment(NamedTuple):
    """A piece of an example: its role and its text."""

    name: str  # template, instruction, input, header, response or end
    text: str


@dataclass(frozen=True)
class Template:
    """A prompt style. Each field is literal text; nothing is interpreted inside it."""

    name: str
    before_instruction: str
    before_input: str  # written only when the record has an input
    header: str  # ends the prompt; the response follows it at once


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            "alpaca",
            "Below is an instruction that describes a task. "
            "Write a response that appropriately completes the request."
            "\n\n### Instruction:\n",
            "\n\n### Input:\n",
            "\n\n### Response:\n",
        ),
        Template("phi3", "<|user|>\n", "\n", "\n<|assistant|>\n"),
        Template("plain", "", "\n", "\n"),
    )
}


def get_template(template: str | Template) -> Template:
    """The template of that name; a Template of your own passes through."""
    if isinstance(template, Template):
        return template
    if template not in TEMPLATES:
        raise SettingsError(f"unknown template {template!r}; {nearest(template, TEMPLATES)}.")
    return TEMPLATES[template]


def prompt_segments(record: dict, template: str | Template = "alpaca") -> list[Segment]:
    """The prompt as named segments, ending with the response header.

    >>> [s.name for s in prompt_segments({"instruction": "Say hi."})]
    ['template', 'instruction', 'header']
    """
    template = get_template(template)
    segments = [
        Segment("template", template.before_instruction),
        Segment("instruction", record["instruction"]),
    ]
    if has_input(record):
        segments += [Segment("template", template.before_input), Segment("input", record["input"])]
    return [*segments, Segment("header", template.header)]


def example_segments(record: dict, template: str | Template = "alpaca") -> list[Segment]:
    """All segments of a training row, in order: the prompt's, then response and end."""
    return [
        *prompt_segments(record, template),
        Segment("response", record["output"]),
        Segment("end", END_TEXT),
    ]


def format_prompt(record: dict, template: str | Template = "alpaca") -> str:
    """The text that generation starts from: everything up to and including the header."""
    return "".join(text for _, text in prompt_segments(record, template))


def format_example(record: dict, template: str | Template = "alpaca") -> str:
    """The whole training text: prompt, response and one end-of-text marker."""
    return "".join(text for _, text in example_segments(record, template))


def has_input(record: dict) -> bool:
    """Whether the record has an input that is more than white space."""
    return bool((record.get("input") or "").strip())
