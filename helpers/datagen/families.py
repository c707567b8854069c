"""Task families: each makes instruction records of one kind from the tables of ``facts``.

A family is a ``draw`` function that picks an item, a block of wordings (style | instruction |
input) and a block of outputs, of which the first is the usual one. ``make`` puts one of each
together. How many records of which family make a data set is decided in ``build``; the rows written
by hand are in ``handwritten``.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from . import facts as F
from . import material as M
from . import prose as P

STYLES = ("question", "command", "polite", "terse")
USUAL = 0.7  # share of the answers that use the first of a family's outputs


@dataclass(frozen=True)
class Family:
    """One kind of task: how an item is drawn, and how it may be worded."""

    name: str
    draw: Callable[[random.Random], dict]
    wordings: list[tuple[str, ...]]
    outputs: list[str]


FAMILIES: dict[str, Family] = {}


class _Parts(dict):
    """Parts of a template; a name with a trailing underscore gives the part in quotes."""

    def __missing__(self, name: str) -> str:
        """The part in quotation marks that do not clash with it."""
        text = str(self[name.removesuffix("_")])
        mark = '"' if "'" in text else "'"
        return f"{mark}{text}{mark}"


def task(name: str, wordings: str, outputs: str) -> Callable:
    """A decorator that enters a draw function as a family."""

    def enter(draw: Callable) -> Callable:
        lines = [line.strip() for line in outputs.strip().splitlines()]
        FAMILIES[name] = Family(name, draw, F._rows(wordings), lines)
        return draw

    return enter


def _bare_capital(text: str) -> str:
    """The output with a capital, unless it is a bare word or list that needs none."""
    return M.cap(text) if text.endswith((".", "!", "?")) else text


class Made(NamedTuple):
    """A record, the fact it is about, and the part of the answer that is not in every answer."""

    row: dict
    fact: str
    answer: str


def make(name: str, rng: random.Random, with_input: bool | None = None) -> Made:
    """A record of the family; it has an input, or none, where that is asked for and possible."""
    family = FAMILIES[name]
    parts = _Parts(family.draw(rng))
    wordings = family.wordings
    if with_input is not None:
        wordings = [w for w in wordings if (len(w) > 2) is with_input] or wordings
    style, instruction, *given = rng.choice(wordings)
    usual, *others = family.outputs
    output = rng.choice(others) if others and rng.random() >= USUAL else usual
    row = {
        "instruction": M.cap(instruction.format_map(parts)),
        "input": given[0].format_map(parts) if given else "",
        "output": _bare_capital(output.format_map(parts)),
        "family": name,
        "style": style,
    }
    return Made(row, str(parts["key"]), str(parts.get("answer", row["output"])).lower())


def _asked_once(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs in both directions, without words that stand in two pairs: one answer each."""
    times = Counter(word for pair in pairs for word in pair)
    both = [*pairs, *((b, a) for a, b in pairs)]
    return [(a, b) for a, b in both if times[a] == 1]


# --- single words ------------------------------------------------------------------------------

ANTONYMS, SYNONYMS = _asked_once(F.ANTONYMS), _asked_once(F.SYNONYMS)


@task(
    "antonym",
    """
    question | What is the opposite of {a_}?
    question | Which word means the opposite of {a_}?
    command | Give an antonym of {a_}.
    command | Provide the antonym of the following word. | {a}
    polite | Could you please tell me the opposite of {a_}?
    terse | Antonym of {a_}.
    terse | Opposite of the given word? | {a}
    question | What is the antonym of the following word? | {a}
    command | State the opposite of {a_}.
""",
    """
    The opposite of {a_} is {b_}.
    An antonym of {a_} is {b_}.
    {b}
""",
)
def _antonym(rng: random.Random) -> dict:
    """An antonym pair in one direction."""
    a, b = rng.choice(ANTONYMS)
    return {"key": f"antonym:{min(a, b)}/{max(a, b)}", "a": a, "b": b, "answer": b}


@task(
    "synonym",
    """
    question | What is a synonym for {a_}?
    question | Which other word means the same as {a_}?
    command | Give a synonym for the word {a_}.
    command | Find another word with the same meaning. | {a}
    polite | Please suggest another word for {a_}.
    terse | Synonym of {a_}.
    terse | A word with a similar meaning? | {a}
    question | What is a synonym for the following word? | {a}
    command | Provide a synonym for {a_}.
""",
    """
    A synonym for {a_} is {b_}.
    Another word for {a_} is {b_}.
    {b}
""",
)
def _synonym(rng: random.Random) -> dict:
    """A synonym pair in one direction."""
    a, b = rng.choice(SYNONYMS)
    return {"key": f"synonym:{min(a, b)}/{max(a, b)}", "a": a, "b": b, "answer": b}


def _noun(rng: random.Random) -> tuple[str, str]:
    """A noun and its plural."""
    if rng.random() < 0.4:
        return rng.choice(F.IRREGULAR_PLURALS)
    noun = rng.choice(F.NOUNS)
    return noun, M.plural(noun)


@task(
    "plural",
    """
    question | What is the plural of {a_}?
    question | What do we call more than one {a}?
    command | Write the plural form of {a_}.
    command | Give the plural of the noun. | {a}
    polite | Could you give me the plural of {a_}, please?
    terse | Plural of {a_}.
    command | Turn the word into its plural form. | {a}
    question | How do you write {a_} in the plural?
""",
    """
    The plural of {a_} is {b_}.
    {b}
""",
)
def _plural(rng: random.Random) -> dict:
    """A noun and its plural."""
    a, b = _noun(rng)
    return {"key": f"plural:{a}", "a": a, "b": b, "answer": b}


def _verb(rng: random.Random) -> tuple[str, str]:
    """A verb and its past tense."""
    if rng.random() < 0.6:
        return rng.choice(F.IRREGULAR_VERBS)[:2]
    verb = rng.choice(F.REGULAR_VERBS)
    return verb, M.past_forms(verb)[0]


@task(
    "past-tense",
    """
    question | What is the past tense of {a_}?
    question | What is the simple past of the verb {a_}?
    command | Give the past tense of {a_}.
    command | Write the past tense of the verb. | {a}
    polite | Please tell me the past tense of the verb {a_}.
    terse | Past tense of {a_}.
    question | How do you write {a_} in the past tense?
    command | Change the verb to the past tense. | {a}
""",
    """
    The past tense of {a_} is {b_}.
    {b}
""",
)
def _past_tense(rng: random.Random) -> dict:
    """A verb and its past tense."""
    a, b = _verb(rng)
    return {"key": f"verb:{a}", "a": a, "b": b, "answer": b}


@task(
    "degree",
    """
    question | What is the {w} form of {a_}?
    question | What is the {w} of {a_}?
    command | Give the {w} of the adjective {a_}.
    command | Provide the {w} form of the adjective. | {a}
    polite | Could you please give the {w} of {a_}?
    terse | {w} of {a_}.
    terse | {w} form? | {a}
""",
    """
    The {w} of {a_} is {b_}.
    {b}
""",
)
def _degree(rng: random.Random) -> dict:
    """An adjective and its comparative or superlative."""
    a, more, most = rng.choice(F.COMPARATIVES)
    w, b = rng.choice([("comparative", more), ("superlative", most)])
    return {"key": f"degree:{a}", "w": w, "a": a, "b": b, "answer": b}


@task(
    "gender",
    """
    question | What is the {g} counterpart of {a_}?
    question | What is the {g} form of the word {a_}?
    command | Name the {g} counterpart of {a_}.
    command | Give the opposite gender of the noun. | {a}
    polite | Please tell me the {g} form of {a_}.
    terse | {g} of {a_}.
""",
    """
    The {g} form of {a_} is {b_}.
    {b}
""",
)
def _gender(rng: random.Random) -> dict:
    """A noun and its counterpart of the other gender."""
    male, female = rng.choice(F.GENDERS)
    key = f"gender:{male}"
    if rng.random() < 0.6:
        return {"key": key, "g": "female", "a": male, "b": female, "answer": female}
    return {"key": key, "g": "male", "a": female, "b": male, "answer": male}


@task(
    "spelling-word",
    """
    question | What is the correct spelling of {a_}?
    question | How should the word {a_} be spelled?
    command | Correct the spelling of {a_}.
    command | Correct the spelling of the following word. | {a}
    polite | Could you please correct the spelling of {a_}?
    terse | Fix the spelling: {a}
    question | What is the correct spelling of the following word? | {a}
    command | Write the word {a_} without the spelling mistake.
""",
    """
    The correct spelling is {b_}.
    {b}
""",
)
def _spelling_word(rng: random.Random) -> dict:
    """A misspelt word and the right one."""
    a, b = rng.choice(F.MISSPELT)
    return {"key": f"spelling:{b}", "a": a, "b": b, "answer": b}


@task(
    "spelling-sentence",
    """
    question | What is the correct spelling of this sentence? | {s}
    command | Correct the spelling mistake in the sentence. | {s}
    command | Rewrite the sentence with the right spelling: {s_}
    polite | Please fix the spelling in this sentence: {s_}
    terse | Fix the spelling. | {s}
    command | Edit the following sentence to remove the spelling mistake. | {s}
""",
    """
    {r}
""",
)
def _spelling_sentence(rng: random.Random) -> dict:
    """A sentence with one misspelt word, and the right sentence."""
    wrong = {right: bad for bad, right in F.MISSPELT}
    word = rng.choice(list(F.SPELLING_FRAMES))
    frame = F.SPELLING_FRAMES[word]
    return {
        "key": f"spelling:{word}",
        "s": frame.format(wrong[word]),
        "r": frame.format(word),
        "answer": word,
    }


@task(
    "contraction",
    """
    question | What is the contraction of {a_}?
    command | Write the contraction of {a_}.
    command | Shorten the words to a contraction. | {a}
    polite | Please give me the contracted form of {a_}.
    terse | Contraction of {a_}.
    question | How can {a_} be shortened to one word?
""",
    """
    The contraction of {a_} is {b_}.
    {b}
""",
)
def _contraction(rng: random.Random) -> dict:
    """A full form and its contraction."""
    a, b = rng.choice(F.CONTRACTIONS)
    return {"key": f"contraction:{a}", "a": a, "b": b, "answer": b}


@task(
    "acronym",
    """
    question | What does {s_} stand for?
    question | What is the full form of {s}?
    command | Expand the abbreviation {s_}.
    command | Write out the abbreviation. | {s}
    polite | Could you tell me what {s} stands for?
    terse | Full form of {s}.
""",
    """
    {s} stands for {l}.
    {l}
""",
)
def _acronym(rng: random.Random) -> dict:
    """A short form and its long form."""
    s, long, _ = rng.choice(F.ACRONYMS)
    return {"key": f"acronym:{s}", "s": s, "l": long, "answer": long}


@task(
    "part-of-speech",
    """
    question | What part of speech is the word {a_}?
    question | Is {a_} {x} or {y}?
    command | Name the part of speech of {a_}.
    command | Identify the part of speech of the word. | {a}
    polite | Please tell me which part of speech {a_} is.
    terse | Part of speech: {a}
    command | State the part of speech of the following word. | {a}
""",
    """
    The word {a_} is {k}.
    {k}
""",
)
def _part_of_speech(rng: random.Random) -> dict:
    """A word and its part of speech."""
    kind = rng.choice(list(F.PARTS_OF_SPEECH)[:4] * 3 + list(F.PARTS_OF_SPEECH))
    word = rng.choice(F.PARTS_OF_SPEECH[kind])
    other = rng.choice([k for k in F.PARTS_OF_SPEECH if k != kind])
    x, y = rng.sample([M.article(kind), M.article(other)], 2)
    k = M.article(kind)
    return {"key": f"pos:{word}", "a": word, "k": k, "x": x, "y": y, "answer": kind}


@task(
    "define",
    """
    question | What is {the}?
    question | What does the word {a_} mean?
    command | Define the word {a_}.
    command | Define the word in one sentence. | {a}
    polite | Could you please explain what {a_} means?
    terse | Meaning of {a_}.
    question | What is the meaning of the following word? | {a}
    command | Explain the word {a_}.
""",
    """
    {t}
""",
)
def _define(rng: random.Random) -> dict:
    """A word and its definition."""
    word, meaning = rng.choice(F.DEFINITIONS)
    the = word if word in P.MASS else M.article(word)
    return {"key": f"define:{word}", "a": word, "the": the, "t": M.cap(f"{the} is {meaning}.")}


# --- lists --------------------------------------------------------------------------------------


@task(
    "first-letter",
    """
    question | What is the {w} letter of {a_}?
    question | Which letter does the word {a_} {v} with?
    command | Name the {w} letter of the word {a_}.
    command | Give the {w} letter of the word. | {a}
    polite | Please tell me the {w} letter of {a_}.
    terse | {w} letter of {a_}.
""",
    """
    The {w} letter of {a_} is {c_}.
""",
)
def _first_letter(rng: random.Random) -> dict:
    """A word and its first or last letter."""
    word = rng.choice(P.SHORT)
    w, v, c = rng.choice([("first", "begin", word[0]), ("last", "end", word[-1])])
    return {"key": f"letters:{word}", "a": word, "w": w, "v": v, "c": c, "answer": c}


@task(
    "alphabetical",
    """
    question | What is the alphabetical order of these words? | {w}
    command | Put these words in alphabetical order: {w}.
    command | Arrange the words in alphabetical order. | {w}
    command | Sort the list alphabetically. | {w}
    polite | Could you please put the words {m} in alphabetical order?
    terse | Alphabetical order: {w}
""",
    """
    {d}
    In alphabetical order: {d}.
""",
)
def _alphabetical(rng: random.Random) -> dict:
    """A few words and their order."""
    words = rng.sample(P.SHORT, 3)
    done = sorted(words)
    while done == words:
        rng.shuffle(words)
    return {
        "key": "abc:" + "".join(done),
        "w": ", ".join(words),
        "m": M.listed(words),
        "d": ", ".join(done),
        "answer": " ".join(done),
    }


# --- the world ---------------------------------------------------------------------------------


@task(
    "capital",
    """
    question | What is the capital of {c}?
    question | Which city is the capital of {c}?
    command | Name the capital of {c}.
    command | Name the capital of the country. | {C}
    polite | Could you tell me the capital of {c}, please?
    terse | Capital of {c}.
    question | What is the capital city of {c}?
    command | Tell me the capital of {c}.
""",
    """
    The capital of {c} is {k}.
    {k} is the capital of {c}.
    {k}
""",
)
def _capital(rng: random.Random) -> dict:
    """A country and its capital."""
    c, k = rng.choice([r[:2] for r in F.COUNTRIES if r[0] != r[1]])
    return {"key": f"capital:{c}", "c": c, "C": M.cap(c), "k": k, "answer": k}


def _country(rng: random.Random, kind: str, column: int, unfair: set[str] = frozenset()) -> dict:
    """A country and one cell of its row; countries of which it would be unfair to ask are left."""
    row = rng.choice([r for r in F.COUNTRIES if r[0] not in unfair])
    c, x = row[0], row[column]
    return {"key": f"{kind}:{c}", "c": c, "C": M.cap(c), "x": x, "answer": x}


@task(
    "currency",
    """
    question | What is the currency of {c}?
    question | Which currency is used in {c}?
    command | Name the currency of {c}.
    command | Name the currency of the country. | {C}
    polite | Could you tell me which currency people use in {c}?
    terse | Currency of {c}.
""",
    """
    The currency of {c} is the {x}.
    People in {c} pay with the {x}.
    the {x}
""",
)
def _currency(rng: random.Random) -> dict:
    """A country and its money."""
    return _country(rng, "currency", 2)


@task(
    "language",
    """
    question | What is the main language of {c}?
    question | Which language do most people speak in {c}?
    command | Name the main language of {c}.
    command | Name the main language of the country. | {C}
    polite | Please tell me which language people speak in {c}.
    terse | Main language of {c}.
""",
    """
    The main language of {c} is {x}.
    People in {c} speak {x}.
    {x}
""",
)
def _language(rng: random.Random) -> dict:
    """A country and its language."""
    return _country(rng, "language", 3, F.MANY_LANGUAGES)


@task(
    "continent",
    """
    question | On which continent is {c}?
    question | Which continent does {c} belong to?
    command | Name the continent of {c}.
    command | Name the continent on which the country lies. | {C}
    polite | Could you tell me on which continent {c} lies?
    terse | Continent of {c}.
""",
    """
    {c} is in {x}.
    {x}
""",
)
def _continent(rng: random.Random) -> dict:
    """A country and its continent."""
    return _country(rng, "continent", 4, F.TWO_CONTINENTS | F.ISLANDS)


def _animal(rng: random.Random, column: int) -> dict:
    """An animal and one cell of its row that is not empty."""
    row = rng.choice([r for r in F.ANIMALS if r[column] != "-"])
    return {
        "key": f"animal{column}:{row[0]}",
        "n": row[0],
        "the": M.article(row[0]),
        "X": M.article(row[column]),
        "answer": row[column],
    }


@task(
    "animal-class",
    """
    question | What kind of animal is {the}?
    question | Which class of animals does {the} belong to?
    command | Classify the animal {n_} as a mammal, bird, reptile, fish or other class.
    command | Name the class of the animal. | {n}
    polite | Please tell me what kind of animal {the} is.
    terse | Animal class of {the}.
""",
    """
    {the} is {X}.
    {X}
""",
)
def _animal_class(rng: random.Random) -> dict:
    """An animal and its class."""
    return _animal(rng, 1)


@task(
    "animal-young",
    """
    question | What is a baby {n} called?
    question | What do you call the young of {the}?
    command | Name the young of {the}.
    command | Give the name for the young of the animal. | {n}
    polite | Could you tell me what a young {n} is called?
    terse | Baby {n}.
""",
    """
    A baby {n} is called {X}.
    {X}
""",
)
def _animal_young(rng: random.Random) -> dict:
    """An animal and its young."""
    return _animal(rng, 2)


@task(
    "element-symbol",
    """
    question | What is the chemical symbol for {n}?
    question | Which symbol stands for {n} in chemistry?
    command | Give the chemical symbol of {n}.
    command | Give the chemical symbol of the element. | {n}
    polite | Could you tell me the chemical symbol for {n}?
    terse | Symbol of {n}.
""",
    """
    The chemical symbol of {n} is {s}.
    {s}
""",
)
def _element_symbol(rng: random.Random) -> dict:
    """An element and its symbol."""
    n, s, _ = rng.choice(F.ELEMENTS)
    return {"key": f"element:{n}", "n": n, "s": s, "answer": s}


@task(
    "profession",
    """
    question | What does {a} do?
    question | What is the work of {a}?
    command | Explain what {a} does.
    command | Say in one sentence what this person does. | {n}
    polite | Please tell me what {a} does.
    terse | Work of {a}.
""",
    """
    {A} {d}.
    {A} is a person who {d}.
""",
)
def _profession(rng: random.Random) -> dict:
    """A profession and what it does."""
    n, d = rng.choice(F.PROFESSIONS)
    a = M.article(n)
    return {"key": f"profession:{n}", "n": n, "a": a, "A": M.cap(a), "d": d, "answer": n}


@task(
    "profession-name",
    """
    question | What is a person who {d} called?
    question | What do you call a person who {d}?
    command | Name the profession of someone who {d}.
    command | Name the profession. | someone who {d}
    polite | Could you tell me what a person who {d} is called?
    terse | A person who {d}.
""",
    """
    A person who {d} is called {a}.
    {a}
""",
)
def _profession_name(rng: random.Random) -> dict:
    """What a person does, and the profession."""
    return _profession(rng)


@task(
    "classify",
    """
    question | Which category does {w_} belong to: {x} or {y}?
    question | Is {w_} the name of {p} or {r}?
    command | Classify {w_} as one of these: {x}, {y}.
    command | Assign the word to one category: {x} or {y}. | {w}
    polite | Please say whether {w_} belongs to {x} or {y}.
    terse | {x} or {y}: {w}
    command | Classify the word under {x} or {y}. | {w}
""",
    """
    The word {w_} belongs to the category of {ks}.
    {ks}
""",
)
def _classify(rng: random.Random) -> dict:
    """A word, its category and a wrong category."""
    kind, other, members, _ = P.odd_words(rng)
    word = members[0]
    while word in F.CATEGORIES[other]:
        kind, other, members, _ = P.odd_words(rng)
        word = members[0]
    p, r = rng.sample([kind, other], 2)
    return {
        "key": f"classify:{word}",
        "w": word,
        "k": kind,
        "ks": F.CATEGORY_PLURALS[kind],
        "x": F.CATEGORY_PLURALS[p],
        "y": F.CATEGORY_PLURALS[r],
        "p": p,
        "r": r,
        "answer": kind,
    }


@task(
    "odd-one-out",
    """
    question | Which word does not belong: {w}?
    question | Which of these is the odd one out? | {w}
    command | Find the odd one out: {w}.
    command | Pick the word that does not fit with the others. | {w}
    polite | Could you please find the word that does not belong: {w}?
    terse | Odd one out: {w}
    command | Identify the odd one out. | {w}
""",
    """
    The odd one out is {o_}.
    The odd one out is {o_}, because the others are {ks}.
""",
)
def _odd_one_out(rng: random.Random) -> dict:
    """Four words of which one is of another category."""
    kind, _, members, odd = P.odd_words(rng)
    words = rng.sample([*members, odd], 4)
    return {
        "key": "odd:" + "".join(sorted(words)),
        "w": ", ".join(words),
        "o": odd,
        "answer": odd,
        "ks": F.CATEGORY_PLURALS[kind],
    }


@task(
    "calendar",
    """
    question | Which {k} comes {w} {a}?
    question | What is the {k} {w} {a}?
    command | Name the {k} that comes {w} {a}.
    command | Name the {k} that comes {w} this one. | {A}
    polite | Please tell me which {k} comes {w} {a}.
    terse | The {k} {w} {a}.
""",
    """
    The {k} {w} {a} is {b}.
    {b}
""",
)
def _calendar(rng: random.Random) -> dict:
    """A day, month or season and the one before or after it."""
    items, kind = rng.choice([(F.DAYS, "day"), (F.MONTHS, "month"), (F.SEASONS, "season")])
    i = rng.randrange(len(items))
    word, step = rng.choice([("after", 1), ("before", -1)])
    a, b = items[i], items[(i + step) % len(items)]
    first = a if step == 1 else b
    return {
        "key": f"calendar:{first}", "k": kind, "w": word, "a": a, "A": M.cap(a), "b": b, "answer": b
    }  # fmt: skip


# --- numbers -----------------------------------------------------------------------------------


@task(
    "units",
    """
    question | How many {s} are there in {n} {u}?
    question | What is {n} {u} in {s}?
    command | Convert {n} {u} to {s}.
    command | Convert the quantity to {s}. | {n} {u}
    polite | Could you please convert {n} {u} to {s}?
    terse | {n} {u} in {s}.
""",
    """
    {n} {u} {be} {t} {s}.
    {t} {s}
""",
)
def _units(rng: random.Random) -> dict:
    """A quantity in a large and in a small unit."""
    big, small, factor, one = rng.choice(F.UNITS)
    n = rng.choice(P.AMOUNTS)
    return {
        "key": f"units:{n}{big}{small}",
        "n": n,
        "u": one if n == 1 else big,
        "s": small,
        "t": f"{n * int(factor):,}",
        "be": "is" if n == 1 else "are",
    }


@task(
    "arithmetic-words",
    """
    question | What is {a} {o} {b}?
    question | How much is {a} {o} {b}?
    command | Calculate {a} {o} {b}.
    command | Work out the sum and answer in words. | {a} {o} {b}
    polite | Could you tell me what {a} {o} {b} is?
    terse | {a} {o} {b}.
""",
    """
    {a} {o} {b} is {c}.
    {c}
""",
)
def _arithmetic_words(rng: random.Random) -> dict:
    """A small sum in words."""
    a, o, b, c = P.small_sum(rng)
    x, y, z = (F.number_word(n) for n in (a, b, c))
    return {"key": f"sum:{o}{sorted((a, b))}", "a": x, "o": o, "b": y, "c": z}


@task(
    "number-words",
    """
    question | How is the number {n} written in words?
    command | Write {n} in words.
    command | Write the number in words. | {n}
    polite | Please write the number {n} in words.
    terse | {n} in words.
""",
    """
    {n} in words is {w_}.
    {w}
""",
)
def _number_words(rng: random.Random) -> dict:
    """A number and its words."""
    n = rng.randint(11, 100) if rng.random() < 0.8 else rng.randint(101, 999)
    return {"key": f"words:{n}", "n": n, "w": F.number_word(n), "answer": n}


@task(
    "sequence",
    """
    question | What number comes next: {r}?
    question | Which number continues this sequence? | {r}
    command | Continue the sequence: {r}
    command | Give the next number in the sequence. | {r}
    polite | Could you tell me the next number in the sequence {r}?
    terse | Next number: {r}
""",
    """
    The next number is {x}.
    {x}
""",
)
def _sequence(rng: random.Random) -> dict:
    """A row of numbers and the number that follows."""
    start, step = rng.randint(1, 20), rng.randint(2, 10)
    row = [start + step * i for i in range(5)]
    text = ", ".join(map(str, row[:4]))
    return {"key": f"sequence:{text}", "r": text, "x": row[4], "answer": text}


@task(
    "sort-numbers",
    """
    question | What are these numbers from {o}? | {r}
    command | Order these numbers from {o}: {r}.
    command | Sort the numbers from {o}. | {r}
    polite | Please put the numbers {r} in order from {o}.
    terse | From {o}: {r}
""",
    """
    {d}
    From {o}: {d}.
""",
)
def _sort_numbers(rng: random.Random) -> dict:
    """A few numbers and their order."""
    nums = rng.sample(range(1, 21), 3)
    down = rng.random() < 0.4
    while nums == sorted(nums, reverse=down):
        rng.shuffle(nums)
    text, done = (", ".join(map(str, x)) for x in (nums, sorted(nums, reverse=down)))
    return {
        "key": f"numbers:{done}",
        "r": text,
        "d": done,
        "o": "largest to smallest" if down else "smallest to largest",
    }


@task(
    "odd-even",
    """
    question | Is {n} an odd or an even number?
    question | Is the number {n} even?
    command | Say whether {n} is odd or even.
    command | Classify the number as odd or even. | {n}
    polite | Could you tell me whether {n} is odd or even?
    terse | {n}: odd or even?
""",
    """
    {n} is an {k} number.
    {k}
""",
)
def _odd_even(rng: random.Random) -> dict:
    """A number that is odd or even."""
    n = rng.randint(2, 120)
    k = "odd" if n % 2 else "even"
    return {"key": f"parity:{n}", "n": n, "k": k, "answer": k}


# --- sentences ---------------------------------------------------------------------------------


def _stem(text: str) -> str:
    """The words of a sentence that make it the same task as another."""
    return " ".join(sorted(text.lower().split()))


@task(
    "passive",
    """
    question | How do you say this in the passive voice? | {s}
    command | Rewrite the sentence in the passive voice. | {s}
    command | Rewrite this sentence in the passive voice: {s_}
    command | Convert the active sentence to passive: {s_}
    polite | Could you please change this sentence to the passive voice? | {s}
    terse | Passive voice: {s}
    command | Change the following sentence to the passive voice. | {s}
""",
    """
    {r}
""",
)
def _passive(rng: random.Random) -> dict:
    """An active sentence and its passive form."""
    c = M.transitive(rng)
    tense = rng.choice(["past", "past", "present", "future"])
    return {"key": "voice:" + _stem(c.tense("past")), "s": c.tense(tense), "r": c.passive(tense)}


@task(
    "active",
    """
    question | What is the active form of this sentence? | {r}
    command | Rewrite the sentence in the active voice. | {r}
    command | Turn the passive sentence into an active one: {r_}
    polite | Please change this sentence to the active voice: {r_}
    terse | Active voice: {r}
    command | Change the following sentence to the active voice. | {r}
""",
    """
    {s}
""",
)
def _active(rng: random.Random) -> dict:
    """A passive sentence and its active form."""
    return _passive(rng)


def _asked(rng: random.Random) -> dict:
    """A statement and its question."""
    c = M.clause(rng)
    tense = rng.choice(["past", "present", "future"])
    s, r = c.tense(tense), c.question(tense)
    if rng.random() < 0.25:
        s, r = P._be_question(_Picker(rng))
    return {"key": "asked:" + _stem(s), "s": s, "r": r}


class _Picker:
    """The least that the sentence makers of ``prose`` need: a way to pick."""

    def __init__(self, rng: random.Random):
        self.pick = rng.choice


@task(
    "to-question",
    """
    question | How would you ask this as a question? | {s}
    command | Turn the statement into a question. | {s}
    command | Change this statement into a question: {s_}
    polite | Please rewrite this statement as a question: {s_}
    terse | As a question: {s}
    command | Convert the following statement into a question. | {s}
""",
    """
    {r}
""",
)
def _to_question(rng: random.Random) -> dict:
    """A statement and its question."""
    return _asked(rng)


@task(
    "to-statement",
    """
    question | What is the statement behind this question? | {r}
    command | Turn the question into a statement. | {r}
    command | Rewrite this question as a statement: {r_}
    polite | Could you change this question into a statement? | {r}
    terse | As a statement: {r}
    command | Convert the question into a statement. | {r}
""",
    """
    {s}
""",
)
def _to_statement(rng: random.Random) -> dict:
    """A question and its statement."""
    return _asked(rng)


@task(
    "negate",
    """
    question | What is the negative form of this sentence? | {s}
    command | Make the sentence negative. | {s}
    command | Rewrite this sentence in the negative: {s_}
    polite | Please turn this sentence into a negative one: {s_}
    terse | Negative form: {s}
    command | Change the following sentence into its negative form. | {s}
""",
    """
    {r}
""",
)
def _negate(rng: random.Random) -> dict:
    """A sentence and its negative form."""
    c = M.clause(rng)
    tense = rng.choice(["past", "present", "future"])
    s = c.tense(tense)
    return {"key": "negate:" + _stem(s), "s": s, "r": c.negative(tense)}


@task(
    "change-tense",
    """
    question | How does this sentence read in the {g} tense? | {s}
    command | Rewrite the sentence in the {g} tense. | {s}
    command | Change this sentence to the {g} tense: {s_}
    command | Edit the sentence so that it is in the {g} tense. | {s}
    polite | Could you please put this sentence into the {g} tense: {s_}
    terse | {g} tense: {s}
""",
    """
    {r}
""",
)
def _change_tense(rng: random.Random) -> dict:
    """A sentence in one tense and the same in another."""
    source, goal = rng.sample(["past", "past", "present", "future"], 2)
    c = M.clause(rng)
    if source == goal or c.tense(source) == c.tense(goal):
        return _change_tense(rng)
    return {
        "key": "tense:" + _stem(c.tense("past")), "g": goal, "s": c.tense(source), "r": c.tense(goal)
    }  # fmt: skip


@task(
    "reported",
    """
    question | How do you put this into reported speech? | {s}
    command | Change the direct speech to reported speech. | {s}
    command | Rewrite in reported speech: {s}
    polite | Please rewrite this as reported speech: {s}
    terse | Reported speech: {s}
    command | Change the following sentence to indirect speech. | {s}
""",
    """
    {r}
""",
)
def _reported(rng: random.Random) -> dict:
    """Direct speech and reported speech."""
    _, s, r = P.reported_pair(rng)
    return {"key": "reported:" + _stem(r), "s": s, "r": r}


@task(
    "join",
    """
    question | How can these sentences be joined with {w_}? | {a} {b}
    command | Join the two sentences with {w_}. | {a} {b}
    command | Combine {a_} and {b_} with the word {w_}.
    polite | Please join these sentences with {w_}: {a} {b}
    terse | Join with {w_}: {a} {b}
    command | Combine the following sentences with {w_}. | {a} {b}
""",
    """
    {c}
""",
)
def _join(rng: random.Random) -> dict:
    """Two sentences and the one that they make."""
    a, b, w, c = P.joined(rng)
    return {
        "key": f"join:{_stem(a)}" if w in {"so", "because"} else f"join:{_stem(a + b)}",
        "a": a,
        "b": b,
        "w": w,
        "c": c,
    }


@task(
    "punctuate",
    """
    question | How should this sentence be written correctly? | {w}
    command | Correct the capital letters and the punctuation. | {w}
    command | Add the missing capital letters and the end mark: {w_}
    polite | Please correct the punctuation and capitals of this sentence: {w_}
    terse | Punctuate: {w}
    command | Edit the following text so that capitals and punctuation are right. | {w}
""",
    """
    {r}
""",
)
def _punctuate(rng: random.Random) -> dict:
    """A sentence without capitals and end mark, and the right one."""
    r, w = P.unpunctuated(rng)
    return {"key": "punctuate:" + _stem(w), "w": w, "r": r}


@task(
    "grammar",
    """
    question | What is the correct form of this sentence? | {w}
    command | Correct the grammar of the sentence. | {w}
    command | Fix the grammar mistake: {w_}
    polite | Could you please correct this sentence: {w_}
    terse | Correct the grammar: {w}
    command | Edit the following sentence for grammar. | {w}
    command | Edit the sentence so that the verb is right. | {w}
""",
    """
    {r}
""",
)
def _grammar(rng: random.Random) -> dict:
    """A sentence with a grammar mistake, and the right one."""
    w, r = P.grammar_pair(rng)
    while w == r:
        w, r = P.grammar_pair(rng)
    return {"key": "grammar:" + _stem(r), "w": w, "r": r}


@task(
    "sentiment",
    """
    question | Is this review positive or negative? | {s}
    question | Does the sentence {s_} express a positive or a negative feeling?
    command | Classify the sentiment of the sentence as positive or negative. | {s}
    polite | Please tell me the sentiment of this sentence: {s_}
    terse | Positive or negative: {s}
    command | Classify the following review as positive or negative. | {s}
""",
    """
    The sentiment is {k}.
    {k}
""",
)
def _sentiment(rng: random.Random) -> dict:
    """A review sentence and its sentiment."""
    good, x = rng.random() < 0.5, rng.choice(F.SENTIMENT_THINGS)
    s = rng.choice(F.POSITIVE if good else F.NEGATIVE).format(x=x)
    k = "positive" if good else "negative"
    return {
        "key": f"sentiment:{s}",
        "s": s,
        "k": k,
        "answer": k,
    }


@task(
    "shorten",
    """
    question | How can this sentence be said in fewer words? | {a}
    command | Shorten the sentence. | {a}
    command | Make this sentence shorter without changing its meaning: {a_}
    polite | Could you please shorten this sentence: {a_}
    terse | Shorten: {a}
""",
    """
    {b}
""",
)
def _shorten(rng: random.Random) -> dict:
    """A wordy sentence and a short one."""
    a, b = P.shortened(rng)
    return {"key": "shorten:" + _stem(b), "a": a, "b": b}


@task(
    "formal",
    """
    question | How would you say this formally? | {a}
    command | Rewrite the sentence in a more formal way. | {a}
    command | Rewrite {a_} in formal English.
    polite | Please make this sentence more formal: {a_}
    terse | Formal version of {a_}
    command | Rewrite the following sentence in a formal way. | {a}
""",
    """
    {b}
""",
)
def _formal(rng: random.Random) -> dict:
    """An informal sentence and a formal one."""
    a, b = rng.choice(F.FORMAL_PAIRS)
    return {"key": f"formal:{a}", "a": a, "b": b}


@task(
    "simile",
    """
    question | How does the simile "as {a} as" go on?
    question | What is a common simile with the word {a_}?
    command | Complete the simile: as {a} as ...
    command | Complete the comparison. | as {a} as
    command | Finish the following simile. | as {a} as
    polite | Could you please finish the simile "as {a} as"?
    terse | As {a} as ...
""",
    """
    as {a} as {t}
    The simile is "as {a} as {t}".
""",
)
def _simile(rng: random.Random) -> dict:
    """A quality and what it is compared with."""
    a, t = rng.choice(F.SIMILES)
    return {"key": f"simile:{a}", "a": a, "t": t, "answer": t}


@task(
    "proverb",
    """
    question | How does this proverb end? | {a} ...
    question | What is the rest of the proverb "{a} ..."?
    command | Complete the proverb: {a} ...
    command | Complete the proverb. | {a} ...
    polite | Please finish the proverb "{a} ..."
    terse | Finish: {a} ...
""",
    """
    {f}
    The proverb ends with "{b}".
""",
)
def _proverb(rng: random.Random) -> dict:
    """The first half of a proverb and the whole."""
    a, b = rng.choice(F.PROVERBS)
    return {"key": f"proverb:{a}", "a": a, "b": b, "f": f"{a} {b}.", "answer": b}


@task(
    "fill-in",
    """
    question | Which word is missing? | {s}
    command | Fill in the blank: {s}
    command | Complete the sentence with the missing word. | {s}
    polite | Could you please fill in the missing word: {s}
    terse | Missing word: {s}
""",
    """
    {r}
""",
)
def _fill_in(rng: random.Random) -> dict:
    """A sentence of fact with a gap, and the whole sentence."""
    frame, x, key = P.gap(rng)
    return {"key": key, "s": frame.format("____"), "r": frame.format(x), "answer": x}


@task(
    "true-false",
    """
    question | True or false: {s}?
    question | Is this statement true or false? | {S}.
    command | Say whether the statement is true or false. | {S}.
    polite | Please tell me whether this is true: {S}.
    terse | True or false? | {S}.
""",
    """
    {r}
""",
)
def _true_false(rng: random.Random) -> dict:
    """A statement that is true or false, with the answer and how it is."""
    fact, lie, key = P.claim(rng)
    truth = rng.random() < 0.5
    s, word = (fact, "True") if truth else (lie, "False")
    return {"key": key, "s": s, "S": M.cap(s), "r": f"{word}. {M.cap(fact)}.", "answer": word}


@task(
    "order-words",
    """
    question | Which sentence do these words make? | {w}
    command | Put the words in order to make a sentence. | {w}
    command | Make a sentence from these words: {w}
    polite | Please put these words in the right order: {w}
    terse | Order the words: {w}
""",
    """
    {s}
""",
)
def _order_words(rng: random.Random) -> dict:
    """Words in disorder, and the sentence that they make."""
    w, s = P.jumbled(rng)
    return {"key": "order:" + _stem(s), "w": w, "s": s}
