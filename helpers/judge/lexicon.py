"""What words have to do with one another: WordNet's relations and word vectors.

WordNet says which words share a meaning, which one is a kind of another and which are opposites;
the vectors say which words are met in the same company. Both are reduced copies beside a notice in
helpers/assets/judge, made by benchmarks/judge_words.py.
"""

from __future__ import annotations

import lzma
import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.judge.words import is_slip, stem

FOLDER = Path(__file__).parents[1] / "assets" / "judge"
DETACH = (  # ending of a form and of the word that it is a form of
    ("ies", "y"), ("es", "e"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", "e"), ("ed", ""),
    ("ing", "e"), ("ing", ""), ("ier", "y"), ("iest", "y"), ("er", "e"), ("er", ""), ("est", "e"),
    ("est", ""), ("ily", "y"), ("ly", ""),
)  # fmt: skip


class WordNet(NamedTuple):
    """senses: lemma → synsets, commonest first; parents: of each synset; rank: 0 for the commonest."""

    senses: dict[str, tuple[int, ...]]
    parents: list[int]
    satellites: set[int]  # in a group of adjectives around a head, their parent
    opposites: set[tuple[str, str]]
    opposed: set[tuple[int, int]]  # heads of groups of adjectives
    forms: dict[str, str]
    rank: dict[str, int]


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    text = lzma.decompress((FOLDER / "wordnet.txt.xz").read_bytes()).decode()
    lemmas, parents, pairs, forms = (block.split("\n") for block in text.split("\n\n"))
    split = [line.split() for line in lemmas]
    pairs = [line.split() for line in pairs]
    both = {(p[i], p[1 - i]) for p in pairs for i in (0, 1)}
    heads = {(int(p[2 + i]), int(p[3 - i])) for p in pairs if len(p) > 2 for i in (0, 1)}
    return WordNet(
        {word: tuple(map(int, numbers)) for word, *numbers in split},
        [int(n.removeprefix("~")) for n in parents[0].split()],
        {i for i, n in enumerate(parents[0].split()) if n[0] == "~"},
        both,
        heads,
        dict(line.split() for line in forms),
        {word: i for i, (word, *_) in enumerate(split)},
    )


@lru_cache(maxsize=1)
def _vectors() -> tuple[dict[str, int], np.ndarray]:
    with np.load(FOLDER / "vectors.npz") as file:
        names, rows = str(file["words"]).split(), file["vectors"].astype(np.float32)
    return {w: i for i, w in enumerate(names)}, rows / np.linalg.norm(rows, axis=1, keepdims=True)


@lru_cache(maxsize=50_000)
def lemma(word: str) -> str:
    """The word that WordNet has for a form of it, or the form itself.

    >>> [lemma(w) for w in ("mice", "walks", "larger", "Oslo")]
    ['mouse', 'walk', 'large', 'Oslo']
    """
    known = wordnet()
    if word in known.forms:
        return known.forms[word]
    for ending, base in DETACH:
        stripped = word[: -len(ending)] if word.endswith(ending) else ""
        if len(stripped) > 2 and stripped + base in known.senses:
            return stripped + base
        if len(stripped) > 3 and stripped[-1] == stripped[-2] and stripped[:-1] in known.senses:
            return stripped[:-1]
    return word


def weight(word: str) -> float:
    """How much a word tells: from 0.3 for the commonest to 1 for rare ones, names and numbers."""
    rank = wordnet().rank.get(lemma(word))
    return 1.0 if rank is None else 0.3 + 0.7 * math.log1p(rank) / math.log1p(30_000)


def is_known(word: str) -> bool:
    """Whether it is a number or a word that WordNet or the vectors have."""
    return word[:1].isdigit() or lemma(word) in wordnet().senses or vector(word) is not None


def vector(word: str) -> np.ndarray | None:
    """The unit vector of a word or of its lemma, if there is one."""
    places, rows = _vectors()
    place = places.get(word, places.get(lemma(word)))
    return None if place is None else rows[place]


def cosine(one: str, other: str) -> float:
    """The cosine of two words' vectors; 0 where there is none."""
    a, b = vector(one), vector(other)
    return 0.0 if a is None or b is None else float(a @ b)


@lru_cache(maxsize=50_000)
def _synsets(word: str, most: int = 5) -> tuple[int, ...]:
    """The commonest synsets of a word, and of what it is a form of: "boring" and "bore"."""
    senses = wordnet().senses
    return tuple(s for w in {word: 0, lemma(word): 0} for s in senses.get(w, ())[:most])


@lru_cache(maxsize=50_000)
def similarity(one: str, other: str) -> float:
    """How far two words can stand for each other, from 0 to 1."""
    if one == other:
        return 1.0
    if one[:1].isdigit() or other[:1].isdigit():
        return 0.0
    if stem(one) == stem(other) or lemma(one) == lemma(other):
        return 0.95
    mine, theirs = set(_synsets(one)), set(_synsets(other))
    if mine & theirs:
        return 0.85
    if is_slip(one, other):
        return 0.8
    if are_opposites(one, other):
        return 0.0
    parents = wordnet().parents
    if any(parents[s] in theirs for s in mine) or any(parents[s] in mine for s in theirs):
        return 0.65
    heads = [{parents[s] for s in synsets & wordnet().satellites} for synsets in (mine, theirs)]
    if heads[0] & heads[1]:
        return 0.6
    return max(0.0, 0.8 * cosine(one, other))


@lru_cache(maxsize=50_000)
def are_opposites(one: str, other: str) -> bool:
    """Whether WordNet calls two words, or two groups of adjectives that they are in, opposites."""
    known = wordnet()
    short, long = sorted((one, other), key=len)
    if long.endswith(short) and long.removesuffix(short) in ("un", "in", "im", "dis", "ir", "non"):
        return True
    if {(a, b) for a in (one, lemma(one)) for b in (other, lemma(other))} & known.opposites:
        return True

    def heads(word: str) -> set[int]:
        found = _synsets(word, 3)
        return {*found, *(known.parents[s] for s in found)}

    return any((s, t) in known.opposed for s in heads(one) for t in heads(other))


@lru_cache(maxsize=50_000)
def are_kin(one: str, other: str) -> bool:
    """Whether two words are different things of one kind, as Oslo and Stockholm are cities."""
    parents = wordnet().parents
    mine, theirs = ({parents[s] for s in _synsets(w, 3)} - {-1} for w in (one, other))
    return bool(mine & theirs) and stem(one) != stem(other)


@lru_cache(maxsize=50_000)
def is_kind_of(word: str, kind: str) -> bool:
    """Whether WordNet counts a word among a kind of things, as Peru among countries."""
    goal, parents = set(_synsets(kind)), wordnet().parents
    for synset in _synsets(word):
        for _ in range(20):  # WordNet 3.0 has a circle or two
            if synset in goal:
                return True
            synset = parents[synset] if synset >= 0 else -1
    return False
