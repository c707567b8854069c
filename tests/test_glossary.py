"""The glossary: in order, one meaning a word, and the numbers lead to lessons that speak of it."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from helpers.lessons import find_lessons

PAGE = Path(__file__).parent.parent / "docs" / "glossary.md"
ENTRIES = {
    word: (meaning, lessons.split(", ") if lessons else [])
    for word, meaning, lessons in re.findall(
        r"^\| (?!word \|)([^|-].*?) \| (.+?)(?: \[([\d, ]+)\])? \|$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
SAID = {  # what lessons say where they do not write the word as the glossary does
    "agreement": "agree",
    "Alpaca template": "Alpaca",
    "bf16": "bfloat16",
    "BPE, byte-pair encoding": "into pieces",
    "causal": "looks only at itself and what stands before it|causal",
    "confidence interval": "95 % *interval*",
    "contamination, leakage": "leak",
    "course text": "Build a Large Language Model",
    "cross-entropy": "cross_entropy",
    "Elo, Bradley–Terry": "Bradley and Terry",
    "greedy": "likeliest token",
    "held-out rows": "held-out",
    "`ignore_index`": "label that equals -100",
    "instruction modelling": "learn from the instruction too",
    "instruction masking": "masking",
    "kappa, weighted": "weighted kappa",
    "KV cache": "KV cache|keep their keys and values",
    "labels": "label",
    "loss weight": "weight for each label",
    "McNemar's test": "McNemar's p",
    "over-fitting": "begun to memorise|over-fitting",
    "p-value": "p =",
    "packing": "packed batch",
    "padding": "pad",
    "paired difference": "pair",
    "resolved": "not resolved",
    "sealed answers": "kept sealed",
    "shared prefix": "what all rows begin with",
    "shift by one": "draft 2: shift",
    "smallest detectable difference": "would be found in 80 of 100|smallest detectable",
    "test, validation": "*validation*",
    "tied head": "*tied* weights",
    "warm-up": "warms up",
}


@cache
def lesson_text(number):
    """All that a lesson's cells say and print, in small letters, without line breaks."""
    (path,) = [path for path in find_lessons() if path.name.startswith(number)]
    said = []
    for cell in nbformat.read(path, as_version=4).cells:
        printed = [output.get("text", "") for output in cell.get("outputs", [])]
        said += [cell.source, *printed]
    return " ".join(" ".join(said).split()).lower()


def test_words_stand_in_order_and_once():
    rows = PAGE.read_text(encoding="utf-8").count("\n| ") - 1  # the head is no entry
    assert len(ENTRIES) == rows >= 60
    words = [word.strip("`").casefold() for word in ENTRIES]
    assert words == sorted(words)


@pytest.mark.parametrize("word", ENTRIES)
def test_the_lesson_in_brackets_speaks_of_it(word):
    meaning, lessons = ENTRIES[word]
    assert meaning.endswith((".", ")"))
    phrases = SAID.get(word, word).lower().split("|")
    for number in lessons:
        assert any(phrase in lesson_text(number) for phrase in phrases), f"not in lesson {number}"


@pytest.mark.parametrize("word", [word for word, (_, lessons) in ENTRIES.items() if not lessons])
def test_a_word_without_a_number_is_in_no_lesson(word):
    for path in find_lessons():
        assert word not in lesson_text(path.name[:2])
