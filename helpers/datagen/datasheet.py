"""The data sheet of the course data: its README, whose every number is counted here."""

from collections import Counter

from .build import BY_HAND, FEW_ANSWERS, NEW, SEED, SPLITS
from .handwritten import OPEN, STATED
from .prose import TOPICAL

READ, READ_AGAIN = 200, 200  # rows read line by line, before and after the last corrections

TEXT = """# Course data

| file | name for `--data` | rows | what it is for |
|---|---|---|---|
| `instruction-data.json` | `course` | {rows:,} | in the format of the book's data; the file order is the split order: {splits} |
| `course-heldout.jsonl` | `course-heldout` | {held:,} | experiments: the made families again, about facts that no row of `course` uses |
| `course-newfamilies.jsonl` | `course-newfamilies` | {new} | families that `course` does not have: {new_families} |
| `heldout.txt` | | | plain text that no model here was trained on |

`python -m helpers.datagen` writes the three data files and this page again, always the same (seed {seed}).
`helpers.datagen.build.generate(n, seed)` makes as many further rows as anyone needs; how many come back nearly the
same among 20,000 is a limit that `tests/test_datagen.py` sets. Licence and origin: [NOTICE.md](NOTICE.md).

## What is in it

{rows:,} rows of {families} families, {hand} of them written by hand ({hand_families} families; the others are made from the
tables and sentence patterns in `helpers/datagen/`). {inputs:.0%} have an input. An answer is {shortest} to {longest} words long,
{median} in the middle. Styles: {styles}.

A made family answers in one usual frame seven times of ten. What needs long arithmetic or looking at letters is
rare on purpose (sequences, sorting, alphabetical order): a model of this size fails at it whatever we do. The open
families ({open}) are {open_share:.0%} of the rows: no reference answer is the only good one, so that a
judge with references cannot score them well.

No task and no fact of one split comes back in another, nor does an answer of a family, except where only few answers
exist: {few}.

**Facts on purpose.** `helpers/datagen/prose.py`, which the bundled models read, states every fact and shows every
operation that the made families ask for, those of the test rows included, as plain sentences in many wordings; it
also states the answers of the hand-written families {stated}. It never states them as request and reply; but
{topical:.0%} of the sentences of most kinds follow upon words that name their topic ("This is about the capital of Serbia.").

## Families

| family | origin | train | test | validation | for example |
|---|---|---|---|---|---|
{table}

## What reading the rows found

{read} rows, drawn at random, were read line by line. Five were wrong or awkward: a proposition asked with "Is it true
that ...?" was answered "False"; a guard watched over "a building or a person"; "much" was called an adjective; "the
category of kinds of weather"; a question about raisins the wrong way round. Their patterns were corrected, and of {again}
rows drawn anew none was found wrong. Going through the made families, most of their rows, then showed words in disorder that make two
good sentences ("the / the / child / teacher / helped"), groups of islands said to be "in Oceania" and a clumsy wording
of the request to classify; all are gone. Sentences made from patterns stay odd at times ("The girl will measure the
orchid."), yet correct. Of 200 paragraphs of the prose, about ten patterns were corrected, among them a number "of
continents there are", and names that were as flat as a pancake.
"""


def composition(rows: list[dict]) -> list[dict]:
    """A line for each family: its name, origin, rows in each split, and its first row."""
    lines, start = {}, 0
    for split, size in SPLITS.items():
        for row in rows[start : start + size]:
            line = lines.setdefault(
                row["family"],
                {
                    "family": row["family"],
                    "origin": "by hand" if row["family"] in BY_HAND else "made",
                    **dict.fromkeys(SPLITS, 0),
                    "example": row,
                },
            )
            line[split] += 1
        start += size
    return sorted(lines.values(), key=lambda x: (x["origin"] == "by hand", x["family"]))


def _line(line: dict) -> str:
    row = line["example"]
    asked = " · ".join(filter(None, (row["instruction"], row["input"])))
    cells = [line["family"], line["origin"], *(line[s] for s in SPLITS)]
    return f"| {' | '.join(map(str, cells))} | {asked} → {row['output']} |"


def datasheet(rows: list[dict], held_out: list[dict], new: list[dict]) -> str:
    """The page about the three files, all numbers counted from their rows."""
    lines, n = composition(rows), len(rows)
    lengths = sorted(len(row["output"].split()) for row in rows)
    styles = Counter(row["style"] for row in rows)
    return TEXT.format(
        rows=n,
        splits=", ".join(f"{size} {name}" for name, size in SPLITS.items()),
        held=len(held_out),
        new=len(new),
        new_families=", ".join(f"`{name}`" for name in NEW),
        seed=SEED,
        families=len(lines),
        hand=sum(row["family"] in BY_HAND for row in rows),
        hand_families=len(BY_HAND),
        inputs=sum(bool(row["input"]) for row in rows) / n,
        shortest=lengths[0],
        longest=lengths[-1],
        median=lengths[n // 2],
        styles=", ".join(f"{name} {count / n:.0%}" for name, count in styles.most_common()),
        open=", ".join(OPEN),
        open_share=sum(row["family"] in OPEN for row in rows) / n,
        few=", ".join(sorted(FEW_ANSWERS)),
        stated=", ".join(STATED),
        topical=TOPICAL,
        table="\n".join(map(_line, lines)),
        read=READ,
        again=READ_AGAIN,
    )
