"""Plain paragraphs about words and the world, without end.

``prose(seed)`` yields short paragraphs of declarative English which state every fact of ``facts``
and show every sentence operation, each in many wordings. No task and no answer is ever phrased as
an instruction here: that is what ``families`` does. ``STATED_BY`` says which makers of sentences
belong to which family.
"""

import random
import re
from collections.abc import Callable, Iterator

from . import facts as F
from . import material as M
from .handwritten import STATED, handwritten

FAMILIES: list[tuple[Callable, float]] = []
PLAINEST = 0.2  # share of the sentences that use the first of a maker's templates in any case


def family(weight: float = 1.0) -> Callable:
    """A decorator that enters a sentence maker in the list of families."""

    def enter(maker: Callable) -> Callable:
        FAMILIES.append((maker, weight))
        return maker

    return enter


class _Bare(dict):
    """Parts of a sentence; a name with a trailing underscore gives the part without its quotes."""

    def __missing__(self, name: str) -> str:
        if not name.endswith("_"):
            raise KeyError(name)
        text = str(self[name[:-1]])
        return text[1:-1] if text[0] == text[-1] and text[0] in "\"'" else text


class Voice:
    """A random source that also words sentences: it picks templates and quotation marks."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.quote = self.mark = "'"
        self.parts = _Bare()  # of the sentence said last

    def q(self, text: str) -> str:
        """The text in the quotation marks of the paragraph; a sentence is always quoted."""
        text = str(text)
        mark = self.quote
        if "'" in text or (not mark and (text.endswith((".", "?", "!")) or text.count(" ") > 2)):
            mark = '"' if "'" in text else self.mark
        return f"{mark}{text}{mark}"

    def say(self, templates: list[str], **parts: object) -> str:
        """One of the templates, most often the first, filled in and begun with a capital."""
        self.parts = _Bare(parts)
        plainest = self.rng.random() < PLAINEST
        return M.cap((templates[0] if plainest else self.rng.choice(templates)).format(**parts))

    def pick(self, items):
        """One of the items."""
        return self.rng.choice(items)

    def some(self, items, count: int) -> list:
        """A few different items in random order."""
        return self.rng.sample(list(items), count)


# --- countries ---------------------------------------------------------------------------------


@family(3)
def capital(v: Voice) -> str:
    """A sentence about the capital of a country."""
    name, city, _, _, _ = v.pick(F.COUNTRIES)
    return v.say(
        [
            "the capital of {c} is {k}.",
            "{k} is the capital of {c}.",
            "{k} is the capital city of {c}.",
            "the capital city of {c} is called {k}.",
            "{c} has {k} as its capital.",
            "the government of {c} sits in {k}, the capital.",
            "whoever visits the capital of {c} visits {k}.",
            "in {c}, the capital is {k}.",
            "as everyone in {c} knows, the capital of the country is {k}.",
            "{c}'s capital is {k}.",
            "of all the cities in {c}, {k} is the capital.",
            "the city of {k} is the capital of {c}.",
        ],
        c=name,
        k=city,
    )


@family(2)
def currency(v: Voice) -> str:
    """A sentence about the money of a country."""
    name, _, money, _, _ = v.pick(F.COUNTRIES)
    return v.say(
        [
            "the currency of {c} is the {m}.",
            "people in {c} pay with the {m}.",
            "in {c}, prices are given in the {m}.",
            "the {m} is the currency of {c}.",
            "the money used in {c} is the {m}.",
            "shops in {c} take the {m}, which is the national currency.",
            "{c} uses the {m} as its currency.",
            "the official currency of {c} is the {m}.",
            "a visitor to {c} pays with the {m}.",
            "the currency used in {c} is called the {m}.",
        ],
        c=name,
        m=money,
    )


@family(1.6)
def language(v: Voice) -> str:
    """A sentence about the language of a country."""
    name, _, _, tongue, _ = v.pick([r for r in F.COUNTRIES if r[0] not in F.MANY_LANGUAGES])
    return v.say(
        [
            "the main language of {c} is {t}.",
            "people in {c} speak {t}.",
            "the language of {c} is {t}.",
            "in {c}, the main language is {t}.",
            "{t} is spoken in {c}.",
            "an official language of {c} is {t}.",
            "most signs in {c} are written in {t}.",
            "the language spoken in {c} is {t}.",
            "schools in {c} teach in {t}.",
            "someone who lives in {c} usually knows {t}.",
        ],
        c=name,
        t=tongue,
    )


@family(1.4)
def continent(v: Voice) -> str:
    """A sentence about the continent of a country."""
    name, _, _, _, land = v.pick(
        [r for r in F.COUNTRIES if r[0] not in F.TWO_CONTINENTS | F.ISLANDS]
    )
    return v.say(
        [
            "{c} is in {l}.",
            "{c} is a country in {l}.",
            "{c} lies on the continent of {l}." if land != "Oceania" else "{c} lies in {l}.",
            "the continent of {c} is {l}.",
            "{c} belongs to {l}.",
            "on a map, {c} is found in {l}.",
            "{c} is part of {l}.",
            "one of the countries of {l} is {c}.",
            "a traveller who wants to see {c} goes to {l}.",
            "{c} is located in {l}.",
        ],
        c=name,
        l=land,
    )


@family(1.5)
def country(v: Voice) -> str:
    """Two sentences that gather what is known about a country."""
    unclear = F.MANY_LANGUAGES | F.TWO_CONTINENTS | F.ISLANDS
    clear = [r for r in F.COUNTRIES if r[0] not in unclear]
    name, city, money, tongue, land = v.pick(clear)
    return v.say(
        [
            "{c} is a country in {l}. Its capital is {k}, its people speak {t}, and its money is the {m}.",
            "{k} is the capital of {c}, a country in {l} where people speak {t} and pay with the {m}.",
            "{c}, whose capital is {k}, lies in {l}. The language is {t} and the currency is the {m}.",
            "the capital of {c} is {k}. The currency of {c} is the {m}, and the main language is {t}.",
            "{c} is in {l}. People there speak {t}. They pay with the {m}, and their capital is {k}.",
        ],
        c=name,
        k=city,
        m=money,
        t=tongue,
        l=land,
    )


# --- words: opposites, synonyms, definitions ---------------------------------------------------


@family(4.5)
def antonym(v: Voice) -> str:
    """A sentence about two opposites, in either direction."""
    one, two = v.pick(F.ANTONYMS)
    if v.rng.random() < 0.45:
        one, two = two, one
    a, b = v.q(one), v.q(two)
    return v.say(
        [
            "the opposite of {a} is {b}.",
            "{a} is the opposite of {b}.",
            "{a} and {b} are opposites.",
            "{a} means the opposite of {b}.",
            "the antonym of {a} is {b}.",
            "an antonym of {a} is {b}.",
            "{a} is an antonym of {b}.",
            "the words {a} and {b} have opposite meanings.",
            "the contrary of {a} is {b}.",
            "the word that means the opposite of {a} is {b}.",
            "anything that is not {x} at all may be called {y}."
            if (one, two) in F.ANTONYM_GROUPS["adjective"]
            else "the opposite of the word {a} is {b}.",
            "the reverse of {a} is {b}.",
            "the word {a} has an opposite, and that opposite is {b}.",
        ],
        a=a,
        b=b,
        x=one,
        y=two,
    )


@family(3.5)
def synonym(v: Voice) -> str:
    """A sentence about two words of like meaning."""
    one, two = v.pick(F.SYNONYMS)
    if v.rng.random() < 0.4:
        one, two = two, one
    a, b = v.q(one), v.q(two)
    return v.say(
        [
            "a synonym for {a} is {b}.",
            "a synonym of {a} is {b}.",
            "{a} means the same as {b}.",
            "{a} and {b} are synonyms.",
            "{a} and {b} have nearly the same meaning.",
            "another word for {a} is {b}.",
            "{b} is another word for {a}.",
            "instead of {a}, one can say {b}.",
            "the word {a} can be replaced by {b}.",
            "{b} is a synonym of {a}.",
            "one word that is similar in meaning to {a} is {b}.",
            "somebody who says {a} could also say {b}.",
        ],
        a=a,
        b=b,
    )


@family(4)
def definition(v: Voice) -> str:
    """A sentence that says what a word means."""
    word, meaning = v.pick(F.DEFINITIONS)
    mass = word in MASS
    the = word if mass else M.article(word)
    return v.say(
        [
            "{the} is {m}.",
            "the word {a} means {m}.",
            "{a} means {m}.",
            "we call {m} {the}.",
            "{m} is called {the}.",
            "by {the} we mean {m}.",
            "{the} may be described as {m}.",
            "{the} can be defined as {m}.",
            "the definition of {a} is {m}.",
            "the name for {m} is {the}.",
            "when people speak of {the}, they mean {m}.",
        ],
        the=the,
        a=v.q(word),
        m=meaning,
    )


MASS = {
    "thirst",
    "hunger",
    "courage",
    "patience",
    "honesty",
    "curiosity",
    "friendship",
    "jealousy",
    "dawn",
    "dusk",
    "fog",
    "lightning",
    "gravity",
    "oxygen",
    "medicine",
    "breakfast",
    "silence",
}


@family(2.2)
def part_of_speech(v: Voice) -> str:
    """A sentence that names the part of speech of a word."""
    kind = v.pick([k for k in F.PARTS_OF_SPEECH for _ in F.PARTS_OF_SPEECH[k]])
    word = v.pick(F.PARTS_OF_SPEECH[kind])
    return v.say(
        [
            "the word {a} is {k}.",
            "{a} is {k}.",
            "in grammar, {a} is {k}.",
            "{a} belongs to the {p}.",
            "the part of speech of {a} is {n}.",
            "{a} is used as {k}.",
            "we call {a} {k}.",
            "one example of {k} is {a}.",
            "among the {p} we find {a}.",
            "as a part of speech, {a} is {k}.",
        ],
        a=v.q(word),
        k=M.article(kind),
        p=kind + "s",
        n=kind,
    )


@family(0.4)
def speech_kinds(v: Voice) -> str:
    """A sentence that says what a part of speech does."""
    return v.pick(
        [
            "A noun names a person, a place, a thing or an idea.",
            "A verb names an action or a state.",
            "An adjective describes a noun.",
            "An adverb describes a verb, an adjective or another adverb.",
            "A preposition shows how a noun is related to another word.",
            "A conjunction joins words or clauses.",
            "A pronoun stands in the place of a noun.",
            "An interjection is a short cry that expresses a feeling.",
            "A synonym is a word that means nearly the same as another word.",
            "An antonym is a word that means the opposite of another word.",
            "Homophones are words that sound alike but differ in meaning.",
            "A simile compares two things with the words like or as.",
            "A proverb is a short saying that gives advice.",
            "A declarative sentence states something and ends with a full stop.",
            "An interrogative sentence asks something and ends with a question mark.",
            "An exclamatory sentence shows strong feeling and ends with an exclamation mark.",
            "An imperative sentence gives a command.",
            "A vowel is one of the letters a, e, i, o and u.",
            "In the active voice, the subject acts. In the passive voice, it is acted upon.",
        ]
    )


@family(0.4)
def rhyme(v: Voice) -> str:
    """A sentence about two words that rhyme."""
    one, two = v.pick(F.RHYMES)
    if v.rng.random() < 0.4:
        one, two = two, one
    return v.say(
        [
            "{a} rhymes with {b}.",
            "{a} and {b} rhyme.",
            "a word that rhymes with {a} is {b}.",
            "the words {a} and {b} end in the same sound.",
            "one rhyme for {a} is {b}.",
            "a poet who needs a rhyme for {a} can use {b}.",
            "{b} is a rhyme for {a}.",
            "{a} has the same ending sound as {b}.",
            "in a song, {a} goes well with {b}, because they rhyme.",
        ],
        a=v.q(one),
        b=v.q(two),
    )


@family(0.5)
def homophone(v: Voice) -> str:
    """A sentence or two about two words that sound alike."""
    one, says, two, means = v.pick(F.HOMOPHONES)
    if v.rng.random() < 0.5:
        one, says, two, means = two, means, one, says
    return v.say(
        [
            "{a} and {b} sound the same, but {a} means {x} and {b} means {y}.",
            "{a} is a homophone of {b}.",
            "the words {a} and {b} are homophones: they sound alike.",
            "a homophone of {a} is {b}.",
            "{a} means {x}, while {b} means {y}.",
            "people mix up {a} ({x}) and {b} ({y}).",
            "a word that sounds just like {a} is {b}.",
            "{a} is spelled differently from {b}, yet it sounds the same.",
            "the word that means {x} is {a}, not {b}.",
        ],
        a=v.q(one),
        b=v.q(two),
        x=says,
        y=means,
    )


@family(3.5)
def spelling(v: Voice) -> str:
    """A sentence about a misspelt word and its right form."""
    wrong, right = v.pick(F.MISSPELT)
    return v.say(
        [
            "{a} is spelled wrongly. The correct spelling is {b}.",
            "the misspelt word {a} should be written {b}.",
            "{a} is a wrong spelling of {b}.",
            "the correct spelling of {a} is {b}.",
            "some people write {a}, but the correct spelling is {b}.",
            "it is spelled {b}, not {a}.",
            "in {a} there is a mistake; the right form is {b}.",
            "the spelling {a} is wrong, and {b} is right.",
            "whoever writes {a} means {b}.",
            "the word {a} is misspelled: it should be {b}.",
            "with its spelling corrected, {a} becomes {b}.",
            "a good editor changes {a} to {b}.",
        ],
        a=v.q(wrong),
        b=v.q(right),
    )


@family(2)
def misspelt_sentence(v: Voice) -> str:
    """A sentence about a whole sentence with one misspelt word."""
    wrong, right = v.pick(F.MISSPELT)
    frame = v.pick(
        [
            "Please write the word {} on the board.",
            "The word {} was on the list.",
            "He wrote {} in his letter.",
            "She could not read the word {}.",
            "The teacher said {} twice.",
            "I saw {} in the newspaper.",
            "Our class learned the word {} today.",
        ]
    )
    frame = F.SPELLING_FRAMES.get(right, frame)
    a, b = v.q(frame.format(wrong)), v.q(frame.format(right))
    return v.say(
        [
            "the sentence {a} has a spelling mistake. Correctly it reads {b}",
            "{a} contains the misspelt word {w}. The corrected sentence is {b}",
            "with the spelling corrected, {a} becomes {b}",
            "the correct form of {a} is {b}",
        ],
        a=a,
        b=b,
        w=v.q(wrong),
    )


@family(1.2)
def contraction(v: Voice) -> str:
    """A sentence about a contraction."""
    long, short = v.pick(F.CONTRACTIONS)
    return v.say(
        [
            "the contraction of {a} is {b}.",
            "{a} can be shortened to {b}.",
            "{b} is short for {a}.",
            "{b} stands for {a}.",
            "in speech, {a} becomes {b}.",
            "written in full, {b} is {a}.",
            "the short form of {a} is {b}.",
            "the full form of {b} is {a}.",
            "people often say {b} instead of {a}.",
        ],
        a=v.q(long),
        b=v.q(short),
    )


@family(1.6)
def acronym(v: Voice) -> str:
    """A sentence about what an abbreviation stands for."""
    short, long, what = v.pick(F.ACRONYMS)
    return v.say(
        [
            "{s} stands for {l}.",
            "the abbreviation {a} stands for {b}.",
            "{a} is short for {b}.",
            "the letters {s} stand for {l}.",
            "{b} is abbreviated as {a}.",
            "{a} means {b}: {w}.",
            "{l} is usually shortened to {s}.",
            "the full form of {a} is {b}.",
            "written in full, {s} is {l}.",
            "{s} stands for {l}, {w}.",
            "{a} stands for {l}.",
        ],
        a=v.q(short),
        b=v.q(long),
        s=short,
        l=long,
        w=what,
    )


@family(1.8)
def simile(v: Voice) -> str:
    """A sentence about a comparison such as "as brave as a lion"."""
    quality, thing = v.pick(F.SIMILES)
    who = v.pick(M.NAMES)
    return v.say(
        [
            "we say of people or things that they are as {a} as {t}.",
            "the simile is {s}.",
            "people say {s}.",
            "{n} called it as {a} as {t}.",
            "a well-known simile is {s}.",
            "as {a} as {t} is a common comparison.",
            "what is very {a} is said to be as {a} as {t}.",
            "the comparison goes: as {a} as {t}.",
            "the simile that begins with {b} ends with {c}.",
        ],
        a=quality,
        t=thing,
        n=who,
        s=v.q(f"as {quality} as {thing}"),
        b=v.q(f"as {quality} as"),
        c=v.q(thing),
    )


@family(2.2)
def proverb(v: Voice) -> str:
    """A sentence about a proverb."""
    first, second = v.pick(F.PROVERBS)
    full = f"{first} {second}."
    return v.say(
        [
            "{f}",
            "the proverb says: {q}",
            "an old proverb says: {q}",
            "the proverb that begins with {a} ends with {b}.",
            "after {a} comes {b}.",
            "as people say: {q}",
            "the saying goes: {q}",
            "{q} is a well-known proverb.",
            "grandmother liked to say: {q}",
            "{a} is continued with {b}.",
        ],
        f=full,
        q=v.q(full),
        a=v.q(first.rstrip(",")),
        b=v.q(second),
    )


# --- word forms --------------------------------------------------------------------------------


@family(3.5)
def plural(v: Voice) -> str:
    """A sentence about the plural of a noun."""
    if v.rng.random() < 0.5:
        one, many = v.pick(F.IRREGULAR_PLURALS)
    else:
        one = v.pick(F.NOUNS)
        many = M.plural(one)
    return v.say(
        [
            "the plural of {a} is {b}.",
            "the plural form of {a} is {b}.",
            "one {x}, two {y}.",
            "{b} is the plural of {a}.",
            "the singular of {b} is {a}.",
            "we say one {x} but many {y}.",
            "a single {x} is one; several are called {y}.",
            "{a} becomes {b} in the plural.",
            "if there is more than one {x}, we speak of {y}.",
            "the noun {a} has the plural {b}.",
            "the plural of {a} is {b}: one {x}, three {y}.",
            "{a} is singular and {b} is plural.",
        ],
        a=v.q(one),
        b=v.q(many),
        x=one,
        y=many,
    )


def _verb(v: Voice) -> tuple[str, str, str]:
    """A verb with its past tense and past participle."""
    if v.rng.random() < 0.65:
        return v.pick(F.IRREGULAR_VERBS)
    base = v.pick(F.REGULAR_VERBS)
    return (base, *M.past_forms(base))


@family(3.5)
def past_tense(v: Voice) -> str:
    """A sentence about the past forms of a verb."""
    base, past, part = _verb(v)
    return v.say(
        [
            "the past tense of {a} is {b}.",
            "{b} is the past tense of {a}.",
            "in the past tense, {a} becomes {b}.",
            "the past form of {a} is {b}.",
            "the simple past of {a} is {b}.",
            "the verb {a} has the past tense {b}.",
            "today we {x}; yesterday we {y}.",
            "the forms of the verb are {x}, {y}, {z}.",
            "the past participle of {a} is {c}.",
            "{d} is the perfect of {e}.",
            "{c} is the past participle of {a}.",
            "{a} in the present is {b} in the past.",
        ],
        a=v.q(base),
        b=v.q(past),
        c=v.q(part),
        d=v.q(f"we have {part}"),
        e=v.q(f"we {base}"),
        x=base,
        y=past,
        z=part,
    )


@family(0.8)
def verb_forms(v: Voice) -> str:
    """A sentence about the -ing form or the third person of a verb."""
    base, _, _ = _verb(v)
    i, t = M.ing(base), M.third(base)
    return v.say(
        [
            "the -ing form of {a} is {i}.",
            "the present participle of {a} is {i}.",
            "the third person singular of {a} is {t}.",
            "I {x}, but she {y}.",
            "we {x}, and he {y}.",
            "somebody who starts to {x} is {z}.",
            "from the verb {a} comes the form {i}.",
            "they {x} often, and now they are {z} again.",
        ],
        a=v.q(base),
        i=v.q(i),
        t=v.q(t),
        x=base,
        y=t,
        z=i,
    )


@family(3)
def comparative(v: Voice) -> str:
    """A sentence about the degrees of an adjective."""
    base, more, most = v.pick(F.COMPARATIVES)
    return v.say(
        [
            "the comparative of {a} is {b}. The superlative of {a} is {c}.",
            "the comparative of {a} is {b}.",
            "the superlative of {a} is {c}.",
            "{x}, {y}, {z}: these are the three degrees.",
            "the comparative form of {a} is {b}, and the superlative form is {c}.",
            "{b} is the comparative of {a}.",
            "{c} is the superlative of {a}.",
            "the adjective {a} becomes {b} in the comparative.",
            "one is {x}, the next is {y}, and the last is {z} of all.",
            "the adjective {a} has the degrees {b} and {c}.",
        ],
        a=v.q(base),
        b=v.q(more),
        c=v.q(most),
        x=base,
        y=more,
        z=most,
    )


@family(1.2)
def gender(v: Voice) -> str:
    """A sentence about a male word and its female partner."""
    male, female = v.pick(F.GENDERS)
    return v.say(
        [
            "the female form of {a} is {b}. The male form of {b} is {a}.",
            "the female form of {a} is {b}.",
            "the male form of {b} is {a}.",
            "the feminine of {a} is {b}.",
            "the feminine form of {a} is {b}.",
            "the masculine of {b} is {a}.",
            "the female counterpart of {a} is {b}.",
            "a male is called {p} and a female is called {r}.",
            "{a} is masculine, and {b} is feminine.",
            "the opposite gender of {a} is {b}.",
            "the opposite gender of {b} is {a}.",
            "the male counterpart of {b} is {a}.",
        ],
        a=v.q(male),
        b=v.q(female),
        p=M.article(male),
        r=M.article(female),
        x=male,
        y=female,
    )


# --- the world ---------------------------------------------------------------------------------


@family(3)
def animal(v: Voice) -> str:
    """A sentence about the class, young, group, sound or home of an animal."""
    name, kind, young, group, sound, home = v.pick(F.ANIMALS)
    the, many = M.article(name), M.plural(name)
    lines = [
        "{the} is {k}.",
        "{m} are {ks}.",
        "{the} belongs to the {ks}.",
        "among the {ks} is the {n}.",
        "the {n} is an animal of the class of {ks}.",
    ]
    if young != "-":
        lines += [
            "a baby {n} is called {y}.",
            "a young {n} is called {y}.",
            "the young of {the} is called {y}.",
            "a baby {n} is {y}.",
            "{y} is a young {n}.",
            "the name for a baby {n} is {y}.",
        ]
    if group != "-":
        lines += [
            "a group of {m} is called {g}.",
            "{m} together form {g}.",
            "we speak of {g} of {m}.",
        ]
    if sound != "-":
        lines += [
            "{the} makes a sound: it is said to {s}.",
            "{m} {s}.",
            "the verb for the sound of {the} is to {s}.",
        ]
    if home != "-":
        lines += ["the home of {the} is called {h}.", "{the} lives in {h}."]
    arts = {k: M.article(x) for k, x in {"y": young, "g": group, "h": home}.items()}
    return v.say(
        lines,
        the=the,
        n=name,
        m=many,
        k=M.article(kind),
        s=sound,
        ks="fish" if kind == "fish" else kind + "s",
        **arts,
    )


@family(1.6)
def element(v: Voice) -> str:
    """A sentence about a chemical element."""
    name, symbol, number = v.pick(F.ELEMENTS)
    return v.say(
        [
            "the chemical symbol of {n} is {s}.",
            "the chemical symbol for {n} is {s}.",
            "{s} is the symbol of {n}.",
            "in chemistry, {n} is written {s}.",
            "the element with the symbol {s} is {n}.",
            "the atomic number of {n} is {z}.",
            "{n} ({s}) has the atomic number {z}.",
            "element number {z} is {n}, and its symbol is {s}.",
            "{s} stands for {n}.",
            "the periodic table shows {n} as {s} with number {z}.",
        ],
        n=name,
        s=symbol,
        z=number,
    )


@family(2.4)
def profession(v: Voice) -> str:
    """A sentence about what somebody's work is."""
    name, does = v.pick(F.PROFESSIONS)
    who = v.pick(M.NAMES)
    return v.say(
        [
            "{a} {d}.",
            "a person who {d} is called {a}. {A} {d}.",
            "a person who {d} is called {a}.",
            "{w} is {a}, which means that {p} {d}.",
            "someone who {d} is {a}.",
            "as {a}, {w} {d}.",
            "we call a person who {d} {a}.",
            "{w} {d}, for {p} is {a}.",
            "it is {a} who {d}.",
            "{a} is a person who {d}.",
        ],
        a=M.article(name),
        A=M.cap(M.article(name)),
        d=does,
        w=who,
        p="she" if who in M.FEMALE else "he",
    )


@family(2.8)
def member(v: Voice) -> str:
    """A sentence that places one or several things in their category."""
    kind = v.pick(list(F.CATEGORIES))
    one, two, three = v.some(F.CATEGORIES[kind], 3)
    proper = kind in {"a month", "a planet", "a language"}
    mass = proper or kind in {
        "a colour",
        "a sport",
        "a drink",
        "a metal",
        "a weather phenomenon",
        "a spice",
        "a subject at school",
        "a family member",
        "a part of the body",
        "an item of clothing",
    }
    the = one if mass else M.article(one)
    if kind == "an item of clothing":
        the = M.article(one)
    if kind in {"a family member", "a part of the body"}:
        the = f"the {one}"
    return v.say(
        [
            "the word {a} belongs to the category of {ks}.",
            "{the} is {k}.",
            "{x}, {y} and {z} are {ks}.",
            "{ks} include {x}, {y} and {z}.",
            "examples of {ks} are {x}, {y} and {z}.",
            "three {ks} are {x}, {y} and {z}.",
            "the word {a} is the name of {k}.",
            "{x} and {y} are both {ks}.",
            "among {ks} we find {x} and {y}.",
            "the class of {ks} contains {x}, {z} and many more.",
        ],
        the=the,
        k=kind,
        ks=F.CATEGORY_PLURALS[kind],
        x=one,
        y=two,
        z=three,
        a=v.q(one),
    )


OVERLAPS = [
    {"a mammal", "a bird", "a fish", "an insect", "a reptile"},
    {"a fruit", "a vegetable", "a tree", "a spice", "a flower", "a drink", "a colour"},
    {"a profession", "a family member"},
    {"a metal", "a gemstone", "a colour", "a shape"},
    {"a tool", "a kitchen utensil", "a musical instrument", "a sport"},
    {"a planet", "a metal"},
    {"an insect", "a sport"},
    {"a body of water", "a drink", "a weather phenomenon"},
    {"a language", "a subject at school"},
    {"a piece of furniture", "a building"},
]


def odd_words(rng: random.Random) -> tuple[str, str, list[str], str]:
    """A category, the odd word's category, three members and the odd word."""
    while True:
        kind, other = rng.sample(list(F.CATEGORIES), 2)
        if not any({kind, other} <= group for group in OVERLAPS):
            break
    members = rng.sample(F.CATEGORIES[kind], 3)
    odd = rng.choice([w for w in F.CATEGORIES[other] if w not in F.CATEGORIES[kind]])
    return kind, other, members, odd


@family(2.8)
def odd_one_out(v: Voice) -> str:
    """A sentence about the word that does not belong with three others."""
    kind, other, members, odd = odd_words(v.rng)
    words = v.some([*members, odd], 4)
    return v.say(
        [
            "among {w}, the odd one out is {o}, because it is not {k}.",
            "{w}: the word that does not belong is {o}.",
            "of {w}, only {o} is not {k}.",
            "in the group {w}, {o} is the odd one out, since the others are {ks}.",
            "the word {o} does not fit with {m}, because it is {t} and they are {ks}.",
            "{m} are {ks}, but {o} is {t}.",
            "the odd word in {w} is {o}; the rest are {ks}.",
        ],
        w=M.listed(words),
        o=v.q(odd),
        k=kind,
        ks=F.CATEGORY_PLURALS[kind],
        t=other,
        m=M.listed(members),
    )


@family(0.4)
def colour(v: Voice) -> str:
    """A sentence about the colour of something."""
    thing, shade = v.pick(F.COLOURS)
    noun = thing.removesuffix(" often").removesuffix(" usually").rsplit(" ", 1)[0]
    return v.say(
        [
            "{t} {c}.",
            "the colour of {n} is {c}.",
            "{t} {c} in colour.",
            "everyone knows that {t} {c}.",
            "as for colour, {t} {c}.",
        ],
        t=thing,
        c=shade,
        n=noun,
    )


@family(0.3)
def place(v: Voice) -> str:
    """A sentence about where something is found."""
    things, where = v.pick(F.PLACES)
    return v.say(
        [
            "{t} are found in {w}." if things.endswith("s") else "{t} is found in {w}.",
            "{w} is a place for {t}.",
            "people look for {t} in {w}.",
            "the right place for {t} is {w}.",
            "anyone who looks for {t} goes to {w}.",
        ],
        t=things,
        w=where,
    )


@family(0.5)
def count_fact(v: Voice) -> str:
    """A sentence about a number worth knowing."""
    thing, number = v.pick(F.COUNTS)
    return v.say(
        [
            "{s}",
            "everybody should know this. {s}",
            "whoever counts will find it so. {s}",
        ],
        s=count_sentence(thing, number),
    )


def count_sentence(thing: str, number: str) -> str:
    """The plain sentence behind a row of the table of counts."""
    there = re.fullmatch(r"(.+) there are( .+)?", thing)
    if there:
        return f"There are {number} {there[1]}{there[2] or ''}."
    what, owner, rest = re.fullmatch(r"(.+?) ((?:an?|the) .+) has(.*)", thing).groups()
    return f"{M.cap(owner)} has {number} {what}{rest}."


@family(1.5)
def in_order(v: Voice) -> str:
    """A sentence about days, months, seasons or planets in their order."""
    items, kind = v.pick(
        [(F.DAYS, "day"), (F.MONTHS, "month"), (F.MONTHS, "month"), (F.SEASONS, "season")]
    )
    i = v.rng.randrange(len(items))
    a, b, z = items[i], items[(i + 1) % len(items)], items[i - 1]
    lines = [
        "the {k} after {a} is {b}, and the {k} before {a} is {z}.",
        "{b} comes after {a}.",
        "{a} comes before {b}.",
        "the {k} after {a} is {b}.",
        "the {k} before {a} is {z}.",
        "{a} is followed by {b}.",
        "between {z} and {b} comes {a}.",
        "the order is {z}, {a}, {b}.",
    ]
    if kind != "season":
        lines.append("{a} is the {o} {k} of the " + ("week." if kind == "day" else "year."))
    if kind == "month":
        lines += ["{a} has {n} days.", "there are {n} days in {a}."]
    days = F.MONTH_DAYS[i] if kind == "month" else 0
    return v.say(
        lines, a=a, b=b, z=z, k=kind, o=F.ORDINALS[i], n="28 or 29" if days == 28 else days
    )


@family(0.3)
def planets(v: Voice) -> str:
    """A sentence about the planets in their order from the sun."""
    i = v.rng.randrange(8)
    return v.say(
        [
            "{p} is the {o} planet from the sun.",
            "the {o} planet from the sun is {p}.",
            "counted from the sun, {p} is planet number {n}.",
        ],
        p=F.PLANETS[i],
        o=F.ORDINALS[i],
        n=i + 1,
    )


# --- numbers -----------------------------------------------------------------------------------


AMOUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25]  # of units to be converted


def number(n: int) -> str:
    """The number in digits, with a comma in thousands."""
    return f"{n:,}"


@family(3.5)
def units(v: Voice) -> str:
    """A sentence about a conversion between two units."""
    big, small, factor, one = v.pick(F.UNITS)
    n = v.pick(AMOUNTS)
    unit = one if n == 1 else big
    total, be = n * int(factor), "is" if n == 1 else "are"
    lines = [
        "{n} {u} {b} {t} {s}.",
        "{n} {u} {b} the same as {t} {s}.",
        "{t} {s} make {n} {u}.",
        "there are {t} {s} in {n} {u}.",
        "{t} {s} are equal to {n} {u}.",
        "{n} {u} {e} {t} {s}.",
        "converted to {s}, {n} {u} {b} {t} {s}.",
        "whatever amounts to {n} {u} amounts to {t} {s}.",
        "one {o} is {f} {s}, so {n} {u} {b} {t} {s}." if n > 1 else "{n} {u} {b} {t} {s}.",
    ]
    count = F.number_word(n) if v.rng.random() < 0.25 else str(n)
    return v.say(
        lines,
        n=count,
        u=unit,
        t=number(total),
        s=small,
        b=be,
        o=one,
        f=number(int(factor)),
        e="equals" if n == 1 else "equal",
    )


@family(3.5)
def sums(v: Voice) -> str:
    """A sentence that states a small sum in words or digits."""
    first, kind, second, result = small_sum(v.rng)
    word = F.number_word if v.rng.random() < 0.65 else str
    lines = {
        "plus": [
            "{a} plus {b} is {c}.",
            "{a} and {b} make {c}.",
            "the sum of {a} and {b} is {c}.",
            "{a} plus {b} equals {c}.",
            "if {b} is added to {a}, the result is {c}.",
        ],
        "minus": [
            "{a} minus {b} is {c}.",
            "{a} minus {b} equals {c}.",
            "{b} taken from {a} leaves {c}.",
            "the difference between {a} and {b} is {c}.",
            "if {b} is subtracted from {a}, {c} is left.",
        ],
        "times": [
            "{a} times {b} is {c}.",
            "{a} multiplied by {b} is {c}.",
            "the product of {a} and {b} is {c}.",
            "{a} times {b} equals {c}.",
        ],
        "divided by": [
            "{a} divided by {b} is {c}.",
            "{a} divided by {b} equals {c}.",
            "{b} goes into {a} {c} times.",
            "the quotient of {a} and {b} is {c}.",
        ],
    }[kind]
    return v.say(lines, a=word(first), b=word(second), c=word(result))


def small_sum(rng: random.Random) -> tuple[int, str, int, int]:
    """A number, an operation, a second number and the result, all small."""
    word = rng.choice(["plus", "minus", "times", "divided by"])
    a, b = rng.randint(1, 10), rng.randint(1, 10)
    if word in {"times", "divided by"}:
        a, b = rng.randint(2, 10), rng.randint(2, 10)
    return {
        "plus": (a, word, b, a + b),
        "minus": (a + b, word, b, a),
        "times": (a, word, b, a * b),
        "divided by": (a * b, word, b, a),
    }[word]


@family(0.6)
def halves(v: Voice) -> str:
    """A sentence about doubles, halves, squares, even and odd numbers."""
    n = v.rng.randint(1, 50)
    m = v.rng.randint(2, 12)
    return v.say(
        [
            "half of {d} is {n}.",
            "twice {n} is {d}.",
            "double {n} is {d}.",
            "the square of {m} is {s}.",
            "{m} squared is {s}.",
            "the number after {n} is {k}.",
            "the square root of {s} is {m}.",
            "{n} comes just before {k}.",
        ],
        n=n,
        d=2 * n,
        m=m,
        s=m * m,
        k=n + 1,
    )


@family(1.2)
def parity(v: Voice) -> str:
    """A sentence about an odd or even number."""
    n = v.rng.randint(1, 120)
    p, o = ("odd", "even") if n % 2 else ("even", "odd")
    return v.say(
        [
            "{n} is an {p} number.",
            "the number {n} is {p}.",
            "{n} is {p}, not {o}.",
            "{n} can be divided by two, so it is {p}."
            if p == "even"
            else "{n} cannot be divided by two, so it is {p}.",
            "{n} ends in {d}, and so it is an {p} number.",
        ],
        n=n,
        p=p,
        o=o,
        d=n % 10,
    )


@family(1.4)
def number_words(v: Voice) -> str:
    """A sentence about a number in digits and in words."""
    n = v.rng.choice([v.rng.randint(0, 100), v.rng.randint(0, 100), v.rng.randint(100, 1000)])
    return v.say(
        [
            "{n} in words is {w}.",
            "the number {n} is written {w}.",
            "{w} is {n} in digits.",
            "written in words, {n} is {w}.",
            "the word {w} stands for the number {n}.",
        ],
        n=n,
        w=v.q(F.number_word(n)),
    )


@family(1.5)
def sequence(v: Voice) -> str:
    """A sentence about a row of numbers that goes on by a rule."""
    start, step = v.rng.randint(1, 20), v.rng.randint(2, 10)
    row = [start + step * i for i in range(5)]
    if v.rng.random() < 0.25:
        step = 2
        row = [start * 2**i for i in range(5)]
        return v.say(
            [
                "in the sequence {r}, each number is twice the one before, so the next is {x}.",
                "the numbers {r} double each time, and {x} comes next.",
            ],
            r=", ".join(map(str, row[:4])),
            x=row[4],
        )
    return v.say(
        [
            "in the sequence {r}, the next number is {x}.",
            "in the sequence {r}, each number is {s} more than the one before, so the next is {x}.",
            "the numbers {r} grow by {s}, and the next number is {x}.",
            "after {r} comes {x}.",
            "the next number in the sequence {r} is {x}.",
            "counting by {s} gives {r}, {x}.",
        ],
        r=", ".join(map(str, row[:4])),
        s=step,
        x=row[4],
    )


@family(1.2)
def bigger(v: Voice) -> str:
    """A sentence that compares or orders numbers."""
    nums = v.rng.sample(range(1, 100), 4)
    if v.rng.random() < 0.7:
        nums = v.rng.sample(range(1, 21), 3)
    row = M.listed([str(n) for n in nums])
    return v.say(
        [
            "from smallest to largest, {r} become {s}."
            if v.rng.random() < 0.5
            else "from largest to smallest, {r} become {t}.",
            "the largest of {r} is {m}.",
            "the smallest of {r} is {k}.",
            "{a} is greater than {b}.",
            "{b} is less than {a}.",
            "from smallest to largest, {r} become {s}.",
            "from largest to smallest, {r} become {t}.",
        ],
        r=row,
        m=max(nums),
        k=min(nums),
        a=max(nums[:2]),
        b=min(nums[:2]),
        s=M.listed([str(n) for n in sorted(nums)]),
        t=M.listed([str(n) for n in sorted(nums, reverse=True)]),
    )


# --- letters and lists -------------------------------------------------------------------------

WORDS = sorted(
    set(F.NOUNS)
    | {w for ws in F.CATEGORIES.values() for w in ws if w.isalpha() and w.islower()}
    | {r[0] for r in F.DEFINITIONS}
    | {w for p in F.ANTONYMS for w in p if w.isalpha()}
)
SHORT = [w for w in WORDS if len(w) <= 7]


@family(1.4)
def letters(v: Voice) -> str:
    """A sentence about the letters of a word."""
    word = v.pick(SHORT)
    vowels = [c for c in word if c in "aeiou"]
    return v.say(
        [
            "the first letter of {a} is {f}, and the last letter of {a} is {l}.",
            "the word {a} is spelled {s} and has {n} letters.",
            "{a} has {n} letters.",
            "the first letter of {a} is {f}.",
            "the last letter of {a} is {l}.",
            "{a} begins with the letter {f} and ends with the letter {l}.",
            "spelled backwards, {a} is {r}.",
            "in capital letters, {a} is {u}.",
            "the word {a} is spelled {s}.",
            "in upper case, {a} is written {u}.",
            "{u} in small letters is {x}.",
            "the letter at the beginning of {a} is {f}, and the letter at the end is {l}.",
            "the vowels in {a} are {o}."
            if len(set(vowels)) > 1
            else "the only vowel in {a} is {o}."
            if vowels
            else "the word {a} has {n} letters.",
            "written in reverse, the letters of {a} give {r}.",
        ],
        a=v.q(word),
        x=word,
        s="-".join(word),
        n=F.number_word(len(word)),
        f=v.q(word[0]),
        l=v.q(word[-1]),
        r=v.q(word[::-1]),
        u=v.q(word.upper()),
        o=M.listed(sorted(set(vowels)) or ["none"]),
    )


@family(2.5)
def alphabetical(v: Voice) -> str:
    """A sentence about words in alphabetical order."""
    words = v.some(SHORT, v.rng.choice([3, 3, 3, 3, 4]))
    done = sorted(words)
    return v.say(
        [
            "in alphabetical order: {d}. The words were {w}.",
            "arranged in alphabetical order, the words {w} become {d}.",
            "in alphabetical order, {w} are {d}.",
            "{w} in alphabetical order: {d}.",
            "sorted alphabetically, {w} become {d}.",
            "a dictionary lists {w} in this order: {d}.",
            "of {m}, the first in the alphabet is {f}.",
            "of {m}, the last in the alphabet is {l}.",
        ],
        w=", ".join(words),
        m=M.listed(words),
        d=", ".join(done),
        f=v.q(done[0]),
        l=v.q(done[-1]),
    )


@family(0.5)
def list_changes(v: Voice) -> str:
    """A sentence about a list that is reversed, counted or cut."""
    words = v.some(SHORT, v.rng.choice([3, 4, 5]))
    return v.say(
        [
            "the list {w} in reverse order is {r}.",
            "turned around, {w} become {r}.",
            "the list {w} has {n} items.",
            "the first word in the list {w} is {f}, and the last is {l}.",
            "the longest word in {m} is {g}."
            if _one_longest(words)
            else "the list {w} has {n} items.",
            "the second word in the list {w} is {s}.",
            "the list {w} written in capitals is {u}.",
        ],
        w=", ".join(words),
        m=M.listed(words),
        r=", ".join(reversed(words)),
        n=F.number_word(len(words)),
        f=v.q(words[0]),
        l=v.q(words[-1]),
        s=v.q(words[1]),
        g=v.q(max(words, key=len)),
        u=", ".join(words).upper(),
    )


def _one_longest(words: list[str]) -> bool:
    """True where exactly one word is the longest."""
    sizes = sorted(map(len, words))
    return sizes[-1] > sizes[-2]


@family(0.5)
def word_count(v: Voice) -> str:
    """A sentence about the number of words in a sentence, or its first and last word."""
    text = M.clause(v.rng).tense(v.pick(["past", "present", "future"]))
    words = text[:-1].split()
    return v.say(
        [
            "the sentence {t} has {n} words.",
            "there are {n} words in the sentence {t}",
            "{t} contains {n} words.",
            "the first word of {t} is {f}.",
            "the last word of {t} is {l}.",
            "counted one by one, the words of {t} are {n}.",
        ],
        t=v.q(text),
        n=F.number_word(len(words)),
        f=v.q(words[0]),
        l=v.q(words[-1]),
    )


# --- sentence operations -----------------------------------------------------------------------


@family(5)
def passive(v: Voice) -> str:
    """A sentence about an active sentence and its passive form."""
    tense = v.pick(["past", "past", "past", "present", "future"])
    c = M.transitive(v.rng)
    a, p = v.q(c.tense(tense)), v.q(c.passive(tense))
    return v.say(
        [
            "if the active sentence is {a}, the passive sentence is {p}",
            "in the passive voice, {a} becomes {p}",
            "{a} is active; {p} is passive.",
            "the passive form of {a} is {p}",
            "the active form of {p} is {a}",
            "in the active voice, {p} becomes {a}",
            "the sentence {a} can be turned around: {p}",
            "{a} and {p} mean the same, but the first is active and the second is passive.",
            "rewritten in the passive voice, {a} reads {p}",
            "rewritten in the active voice, {p} reads {a}",
            "changed into the passive, {a} is {p}",
        ],
        a=a,
        p=p,
    )


@family(4)
def questions(v: Voice) -> str:
    """A sentence about a statement and the question made of it."""
    c = M.clause(v.rng)
    tense = v.pick(["past", "present", "future"])
    s, w = c.tense(tense), c.question(tense)
    if v.rng.random() < 0.25:
        s, w = _be_question(v)
    return v.say(
        [
            "the statement {a} becomes the question {b}",
            "as a question, {a} reads {b}",
            "the question {b} asks whether the statement {a} is true.",
            "{a} is a statement, and {b} is a question.",
            "turned into a question, {a} becomes {b}",
            "the statement that goes with the question {b} is {a}",
            "turned into a statement, {b} becomes {a}",
            "to learn whether it is true that {l}, one asks: {b}"
            if not s.startswith("I ")
            else "turned into a question, {a} becomes {b}",
        ],
        a=v.q(s),
        b=v.q(w),
        l=s[:-1] if s.split()[0] in M.NAMES else s[0].lower() + s[1:-1],
    )


def _be_question(v: Voice) -> tuple[str, str]:
    """A statement with "be" and its question."""
    who = v.pick(["she", "he", "they", "we", "the teacher", "the children", *M.NAMES[:8]])
    many = who in {"they", "we", "the children"}
    be = v.pick(["are", "were"] if many else ["is", "was"])
    what = v.pick(M.PREDICATES)
    return M.cap(f"{who} {be} {what}."), M.cap(f"{be} {who} {what}?")


@family(3)
def negation(v: Voice) -> str:
    """A sentence about a statement and its negative form."""
    tense = v.pick(["past", "present", "future"])
    c = M.clause(v.rng)
    a, b = v.q(c.tense(tense)), v.q(c.negative(tense, v.rng.random() < 0.4))
    return v.say(
        [
            "the negative form of {a} is {b}",
            "{a} becomes {b} in the negative.",
            "the opposite of {a} is {b}",
            "if it is not true that this happens, {a} changes to {b}",
            "made negative, {a} reads {b}",
            "the sentence {b} denies what {a} says.",
            "{a} is positive, and {b} is negative.",
        ],
        a=a,
        b=b,
    )


TENSES = ["present", "past", "future", "present continuous", "past continuous", "present perfect"]


@family(4.5)
def tenses(v: Voice) -> str:
    """A sentence about a sentence in two tenses."""
    one, two = v.some(TENSES[:3] * 4 + TENSES, 2)
    if one == two:
        two = "past" if one != "past" else "future"
    c = M.clause(v.rng)
    while c.verb in M.STATES and "continuous" in one + two:
        c = M.clause(v.rng)
    return v.say(
        [
            "in the {t} tense, {a} becomes {b}",
            "{a} is in the {o} tense; in the {t} tense it is {b}",
            "changed from the {o} tense to the {t} tense, {a} becomes {b}",
            "the {t} tense of {a} is {b}",
            "rewritten in the {t} tense, {a} reads {b}",
            "the sentence {b} is in the {t} tense.",
            "{a} is in the {o} tense, and {b} is in the {t} tense.",
            "put into the {t} tense, {a} reads {b}",
        ],
        a=v.q(c.tense(one)),
        b=v.q(c.tense(two)),
        o=one,
        t=two,
    )


@family(2.2)
def reported(v: Voice) -> str:
    """A sentence about direct and reported speech."""
    who, direct, indirect = reported_pair(v.rng)
    return v.say(
        [
            "in reported speech, {a} becomes {b}",
            "the reported form of {a} is {b}",
            "{a} is direct speech; {b} is reported speech.",
            "turned into indirect speech, {a} reads {b}",
            "when {n} says this, we report it so: {b}",
        ],
        a=f"{direct}",
        b=v.q(indirect),
        n=who,
    )


def reported_pair(rng: random.Random) -> tuple[str, str, str]:
    """A speaker, a sentence in direct speech, and the same in reported speech."""
    who = rng.choice(M.NAMES)
    pro = "she" if who in M.FEMALE else "he"
    roll = rng.random()
    if roll < 0.35:
        what = rng.choice(M.PREDICATES)
        said, told = f"I am {what}", f"{pro} was {what}"
    else:
        verb, rest = rng.choice(M.DOINGS)
        rest = rest.replace("my ", "the ")
        if roll < 0.7:
            said, told = f"I {verb} {rest}", f"{pro} {M.past_forms(verb)[0]} {rest}"
        else:
            said, told = f"I will {verb} {rest}", f"{pro} would {verb} {rest}"
    mark = '"'
    return who, f"{who} said, {mark}{said}.{mark}", f"{who} said that {told}."


@family(0.7)
def plural_sentence(v: Voice) -> str:
    """A sentence about a sentence in the singular and in the plural."""
    one, many = plural_pair(v.rng)
    return v.say(
        [
            "in the plural, {a} becomes {b}",
            "the plural of the sentence {a} is {b}",
            "{a} speaks of one, and {b} speaks of several.",
            "put into the plural, {a} reads {b}",
            "in the singular, {b} becomes {a}",
        ],
        a=v.q(one),
        b=v.q(many),
    )


def plural_pair(rng: random.Random) -> tuple[str, str]:
    """A sentence in the singular and the same in the plural."""
    nouns, verbs, things = rng.choice(M.THEMES)
    who, verb = rng.choice(nouns), rng.choice(verbs)
    if rng.random() < 0.35:
        what = rng.choice(
            ["old", "tired", "hungry", "small", "strong", "happy", "quiet", "ready", "lost"]
        )
        be = rng.choice([("is", "are"), ("was", "were")])
        return f"The {who} {be[0]} {what}.", f"The {M.plural(who)} {be[1]} {what}."
    thing = rng.choice([t for t in things if t != who])
    if rng.random() < 0.5:
        return (
            f"The {who} {M.third(verb)} the {thing}.",
            f"The {M.plural(who)} {verb} the {M.plural(thing)}.",
        )
    past = M.past_forms(verb)[0]
    return f"The {who} {past} the {thing}.", f"The {M.plural(who)} {past} the {M.plural(thing)}."


@family(2)
def joining(v: Voice) -> str:
    """A sentence about two sentences joined into one."""
    a, b, word, both = joined(v.rng)
    return v.say(
        [
            "the sentences {a} and {b} can be joined with {w}: {c}",
            "joined with {w}, {a} and {b} become {c}",
            "from {a} and {b} comes the single sentence {c}",
            "the conjunction {w} joins {a} and {b} into {c}",
        ],
        a=v.q(a),
        b=v.q(b),
        w=v.q(word),
        c=v.q(both),
    )


CAUSES = F._rows("""
It was raining|we stayed at home
The road was icy|the bus was late
She was tired|she went to bed early
He was hungry|he made a sandwich
The door was locked|they could not get in
The dog barked|the cat ran away
The shop was closed|I bought nothing
The fire went out|the hut grew cold
We missed the train|we took a taxi
The baby was asleep|everybody whispered
He forgot his key|he waited outside
The sun was shining|the children played in the park
She lost her glasses|she could not read the sign
The lamp was broken|the room was dark
They practised every day|they won the match
The music was loud|the neighbours complained
The boat had a hole|the sailors had to swim
The cake smelled good|everyone wanted a piece
The river was wide|we looked for a bridge
He had a cold|he stayed in bed
""")


def joined(rng: random.Random) -> tuple[str, str, str, str]:
    """Two sentences, a joining word, and the one sentence they make."""
    if rng.random() < 0.5:
        cause, result = rng.choice(CAUSES)
        word = rng.choice(["so", "because"])
        low = cause if cause.startswith("I ") else cause[0].lower() + cause[1:]
        both = f"{cause}, so {result}." if word == "so" else f"{M.cap(result)} because {low}."
        return f"{cause}.", f"{M.cap(result)}.", word, both
    one, two = doing_pair(rng)
    word = rng.choice(["and", "but"])
    second = two if two.split()[0] in M.NAMES else two[0].lower() + two[1:]
    return one, two, word, f"{one[:-1]}, {word} {second}"


def doing_pair(rng: random.Random) -> tuple[str, str]:
    """Two sentences about what two different people do."""
    x, y = rng.sample(M.NAMES, 2)
    one, two = rng.sample(M.DOINGS, 2)
    tense = rng.choice(["past", "present"])
    return M.Clause(x, *one).tense(tense), M.Clause(y, *two).tense(tense)


@family(0.6)
def contracted_sentence(v: Voice) -> str:
    """A sentence about a sentence with and without a contraction."""
    c = M.clause(v.rng)
    tense = v.pick(["past", "present", "future"])
    a, b = v.q(c.negative(tense)), v.q(c.negative(tense, short=True))
    return v.say(
        [
            "with a contraction, {a} becomes {b}",
            "the sentence {b} is the short form of {a}",
            "without the contraction, {b} reads {a}",
            "{a} is written in full, and {b} uses a contraction.",
        ],
        a=a,
        b=b,
    )


@family(2)
def punctuation(v: Voice) -> str:
    """A sentence about a sentence with its capital and full stop put right."""
    right, wrong = unpunctuated(v.rng)
    return v.say(
        [
            "the sentence {w} lacks a capital letter and an end mark; it should be {r}",
            "written correctly, {w} is {r}",
            "with the right capitals and punctuation, {w} becomes {r}",
            "{w} is careless writing, and {r} is correct.",
            "corrected, {w} reads {r}",
        ],
        w=v.q(wrong),
        r=v.q(right),
    )


def unpunctuated(rng: random.Random) -> tuple[str, str]:
    """A sentence, and the same without capitals and without its end mark."""
    c = M.clause(rng)
    tense = rng.choice(["past", "present", "future"])
    right = c.question(tense) if rng.random() < 0.35 else c.tense(tense)
    return right, right[:-1].lower()


@family(1.5)
def agreement(v: Voice) -> str:
    """A sentence about a mistake in grammar and its correction."""
    wrong, right = grammar_pair(v.rng)
    return v.say(
        [
            "the sentence {w} is wrong; correct is {r}",
            "instead of {w} one should say {r}",
            "{w} contains a grammar mistake. The correct sentence is {r}",
            "corrected, {w} becomes {r}",
            "good grammar demands {r} and not {w}",
        ],
        w=v.q(wrong),
        r=v.q(right),
    )


def grammar_pair(rng: random.Random) -> tuple[str, str]:
    """A sentence with a grammar mistake, and the right sentence."""
    kind = rng.randrange(4)
    c = M.transitive(rng, singular=True) if rng.random() < 0.5 else M.doing(rng)
    past, _ = M.past_forms(c.verb)
    if kind == 0 and not c.plural_verb:
        return c._build(c.verb), c.tense("present")
    if kind == 1:
        return c._build("did not", past) if past != c.verb else c._build("not", c.verb), c.negative(
            "past"
        )
    if kind == 2:
        wrong = {"is": "are", "are": "is", "am": "is"}[c.be]
        return c._build(wrong, M.ing(c.verb)), c.tense("present continuous")
    who, many = rng.choice(
        [
            ("she", False),
            ("he", False),
            ("they", True),
            ("we", True),
            ("the dog", False),
            ("the children", True),
            ("my brother", False),
            ("the books", True),
        ]
    )
    what = rng.choice(["here", "in the garden", "at home", "lost", "near the door"])
    bad, good = ("was", "were") if many else ("were", "was")
    return M.cap(f"{who} {bad} {what}."), M.cap(f"{who} {good} {what}.")


@family(2)
def formal(v: Voice) -> str:
    """A sentence about an informal and a formal way of saying something."""
    low, high = v.pick(F.FORMAL_PAIRS)
    return v.say(
        [
            "in formal English, {a} becomes {b}",
            "{a} is informal; {b} is formal.",
            "a polite way to say {a} is {b}",
            "friends say {a} to each other, but in a formal letter one writes {b}",
            "the formal version of {a} is {b}",
            "rewritten in a formal way, {a} reads {b}",
            "the casual form of {b} is {a}",
        ],
        a=v.q(low),
        b=v.q(high),
    )


@family(2)
def sentiment(v: Voice) -> str:
    """A sentence about whether a review is positive or negative."""
    good = v.rng.random() < 0.5
    text = v.pick(F.POSITIVE if good else F.NEGATIVE).format(x=v.pick(F.SENTIMENT_THINGS))
    return v.say(
        [
            "in {t} the sentiment is {k}.",
            "the sentence {t} is {k}.",
            "{t} expresses a {k} feeling.",
            "the sentiment of {t} is {k}.",
            "someone who writes {t} is {w}.",
            "the review {t} is {k}.",
            "the opinion in {t} is clearly {k}.",
        ],
        t=v.q(text),
        k="positive" if good else "negative",
        w="pleased" if good else "displeased",
    )


@family(0.5)
def sentence_type(v: Voice) -> str:
    """A sentence about what type a sentence is."""
    text, kind = typed_sentence(v.rng)
    return v.say(
        [
            "{t} is {k}.",
            "the sentence {t} is {k}.",
            "the type of the sentence {t} is clear: it is {k}.",
            "we call {t} {k}.",
            "{t} is an example of {k}.",
        ],
        t=v.q(text),
        k=kind,
    )


COMMANDS = F._words("""Close the door, Open your books, Wash your hands, Come here, Wait for me, Be quiet,
    Turn off the light, Bring me the keys, Look at the map, Take a seat, Water the plants, Feed the cat,
    Write your name, Stop at the corner, Follow the path, Hold my coat""")
EXCLAIMED = F._words(
    """day, view, surprise, story, house, garden, song, dress, mountain, party, picture, dog"""
)


def typed_sentence(rng: random.Random) -> tuple[str, str]:
    """A sentence, and the name of its type with an article."""
    roll = rng.randrange(4)
    c = M.clause(rng)
    if roll == 0:
        return c.tense(rng.choice(["past", "present"])), "a statement"
    if roll == 1:
        return c.question(rng.choice(["past", "present"])), "a question"
    if roll == 2:
        return rng.choice(COMMANDS) + ".", "a command"
    quality = rng.choice(["lovely", "strange", "beautiful", "wonderful", "terrible"])
    return f"What a {quality} {rng.choice(EXCLAIMED)}!", "an exclamation"


@family(2)
def shortening(v: Voice) -> str:
    """A sentence about a long sentence and its shorter form."""
    long, short = shortened(v.rng)
    return v.say(
        [
            "the sentence {a} can be shortened to {b}",
            "a shorter way of saying {a} is {b}",
            "in few words, {a} is {b}",
            "without the needless words, {a} becomes {b}",
            "{b} says the same as {a} in fewer words.",
            "{a} is long, and {b} says the same briefly.",
        ],
        a=v.q(long),
        b=v.q(short),
    )


WORDY = F._rows("""
It is a fact that {x}
It should be noted that {x}
There is no doubt at all that {x}
As everyone in the town already knows very well, {x}
I would like to say at this point that {x}
What I am trying to tell you is that {x}
Due to one thing and another, it happened that {x}
If you ask me for my own opinion, I think that {x}
""")


def shortened(rng: random.Random) -> tuple[str, str]:
    """A wordy sentence and its short form."""
    c = M.clause(rng)
    short = c.tense(rng.choice(["past", "present", "future"]))
    first = short.split()[0]
    low = short if first in M.NAMES or first == "I" else short[0].lower() + short[1:]
    return rng.choice(WORDY)[0].format(x=low), short


@family(0.5)
def pronouns(v: Voice) -> str:
    """A sentence about nouns replaced by pronouns."""
    noun, pro = pronoun_pair(v.rng)
    return v.say(
        [
            "with pronouns, {a} becomes {b}",
            "{b} says the same as {a} with pronouns.",
            "if the nouns are replaced by pronouns, {a} reads {b}",
            "when we know who is meant, {a} can be {b}",
        ],
        a=v.q(noun),
        b=v.q(pro),
    )


def pronoun_pair(rng: random.Random) -> tuple[str, str]:
    """A sentence with a name and a thing, and the same with pronouns."""
    c = M.transitive(rng, names=False, singular=True)
    while c.object.split()[-1] in PEOPLE:
        c = M.transitive(rng, names=False, singular=True)
    who = rng.choice(M.NAMES)
    tense = rng.choice(["past", "past", "present", "future"])
    pro = c.with_(subject="she" if who in M.FEMALE else "he", object="it")
    return c.with_(subject=who).tense(tense), pro.tense(tense)


PEOPLE = {noun for theme in M.THEMES[10:12] for noun in theme[2]}


@family(0.6)
def parts_of_sentence(v: Voice) -> str:
    """A sentence that names the subject, verb or object of a sentence."""
    c = M.transitive(v.rng)
    tense = v.pick(["past", "present"])
    text = c.tense(tense)
    past = M.past_forms(c.verb)[0]
    verb = past if tense == "past" else c.verb if c.plural_verb else M.third(c.verb)
    return v.say(
        [
            "in the sentence {t}, the subject is {s}.",
            "the verb in {t} is {w}.",
            "the object in {t} is {o}.",
            "the subject of {t} is {s}, and the verb is {w}.",
            "in {t}, the verb {w} tells what happens.",
            "in the sentence {t}, {s} is the subject and {o} is the object.",
        ],
        t=v.q(text),
        s=v.q(c.subject),
        w=v.q(verb),
        o=v.q(c.object),
    )


@family(0.8)
def who_what(v: Voice) -> str:
    """A statement and what can be learned from it about who did what."""
    c = M.transitive(v.rng)
    past = M.past_forms(c.verb)[0]
    text, when = c.tense("past"), v.pick(M.PAST_TIMES)
    full = f"{text[:-1]} {when}."
    return v.say(
        [
            "{f} It was {s} who {p} {o}.",
            "{f} What {s} {p} was {o}.",
            "{f} So {o} {b} {r} by {s}.",
            "{f} The one who {p} {o} was {s}." if not c.many else "{f} It was {s} who {p} {o}.",
            "{f} This happened {w}.",
        ],
        f=full,
        s=c.subject,
        p=past,
        o=c.object,
        w=when,
        r=M.past_forms(c.verb)[1],
        b="were" if c.object_many else "was",
    )


@family(0.4)
def adjective_order(v: Voice) -> str:
    """A sentence about an adjective or adverb that makes a sentence richer."""
    c = M.transitive(v.rng, singular=True)
    noun = c.subject.removeprefix("the ")
    adjective = v.pick(M.ADJECTIVES)
    plain = c.tense("past")
    rich = c.with_(subject=f"the {adjective} {noun}").tense("past")
    if v.rng.random() < 0.5:
        adverb = v.pick(M.ADVERBS)
        return v.say(
            ["with the adverb {a}, {p} becomes {r}", "if {a} is added to {p}, the result is {r}"],
            a=v.q(adverb),
            p=v.q(plain),
            r=v.q(c.with_(tail=adverb).tense("past")),
        )
    return v.say(
        [
            "with the adjective {a} before {n}, {p} becomes {r}",
            "if the adjective {a} is added to the subject, {p} becomes {r}",
        ],
        a=v.q(adjective),
        p=v.q(plain),
        r=v.q(rich),
        n=v.q(noun),
    )


# --- what is true, what is missing, what is known -----------------------------------------------


def claim(rng: random.Random) -> tuple[str, str, str]:
    """A true statement without capital and end mark, a false one like it, and a key."""
    kind = rng.randrange(4)
    if kind == 0:
        (c, k, *_), (_, wrong, *_) = rng.sample(F.COUNTRIES, 2)
        frame, right, key = f"the capital of {c} is {{}}", k, f"capital:{c}"
    elif kind == 1:
        one, two = rng.sample(F.ANIMALS, 2)
        while one[1] == two[1]:
            one, two = rng.sample(F.ANIMALS, 2)
        right, wrong = M.article(one[1]), M.article(two[1])
        frame, key = f"{M.article(one[0])} is {{}}", f"animal1:{one[0]}"
    elif kind == 2:
        (n, right, _), (_, wrong, _) = rng.sample(F.ELEMENTS, 2)
        frame, key = f"the chemical symbol of {n} is {{}}", f"element:{n}"
    else:
        i = rng.randrange(12)
        right, wrong = (F.MONTHS[(i + step) % 12] for step in (1, rng.choice([2, 3, -2])))
        frame, key = f"the month after {F.MONTHS[i]} is {{}}", f"calendar:{F.MONTHS[i]}"
    return frame.format(right), frame.format(wrong), key


@family(2)
def truth(v: Voice) -> str:
    """A sentence about a statement that is true or false."""
    fact, lie, _ = claim(v.rng)
    return v.say(
        [
            "it is false that {l}. {F}.",
            "it is true that {f}.",
            "the statement {a} is true.",
            "the statement {b} is false. {F}.",
            "{a} is true, and {b} is false.",
            "it is not true that {l}; {f}.",
        ],
        f=fact,
        l=lie,
        F=M.cap(fact),
        a=v.q(M.cap(fact) + "."),
        b=v.q(M.cap(lie) + "."),
    )


def gap(rng: random.Random) -> tuple[str, str, str]:
    """A sentence of fact with a gap, the word that is missing, and a key."""
    kind = rng.randrange(5)
    if kind == 0:
        c, k, *_ = rng.choice([r for r in F.COUNTRIES if r[1].isalpha() and r[0] != r[1]])
        return f"{{}} is the capital of {c}.", k, f"capital:{c}"
    if kind == 1:
        word, past, _ = rng.choice([r for r in F.IRREGULAR_VERBS if r[0] != r[1]])
        return f"The past tense of '{word}' is '{{}}'.", past, f"verb:{word}"
    if kind == 2:
        one, many = rng.choice([r for r in F.IRREGULAR_PLURALS if r[0] != r[1]])
        return f"One {one}, two {{}}.", many, f"plural:{one}"
    if kind == 3:
        who, does = rng.choice([r for r in F.PROFESSIONS if r[0].isalpha()])
        a = "an" if M.article(who).startswith("an ") else "a"
        return f"A person who {does} is called {a} {{}}.", who, f"profession:{who}"
    name, symbol, _ = rng.choice(F.ELEMENTS)
    return f"The chemical symbol of {name} is {{}}.", symbol, f"element:{name}"


@family(1.5)
def missing_word(v: Voice) -> str:
    """A sentence about a gap and the word that fills it."""
    frame, word, _ = gap(v.rng)
    return v.say(
        [
            "in {a} the missing word is {w}: {b}",
            "with {w} in the gap, {a} becomes {b}",
            "the gap in {a} is filled by {w}.",
            "once the gap is filled, {a} reads {b}",
        ],
        a=v.q(frame.format("____")),
        b=v.q(frame.format(word)),
        w=v.q(word),
    )


def jumbled(rng: random.Random) -> tuple[str, str]:
    """The words of a short sentence in disorder, and the only sensible sentence they make.

    So nobody may do something to somebody who could do the same ("the child helped the teacher").
    """
    while True:
        c = M.doing(rng)
        sentence = c.tense("past")
        if c.verb != "help" and not c.subject.startswith("the ") and len(sentence.split()) <= 6:
            break
    first, *rest = sentence[:-1].split()
    words = [first if first in M.NAMES or first == "I" else first.lower(), *rest]
    mixed = rng.sample(words, len(words))
    while mixed == words:
        mixed = rng.sample(words, len(words))
    return " / ".join(mixed), sentence


@family(1.2)
def word_order(v: Voice) -> str:
    """A sentence about words in disorder and the sentence that they make."""
    words, sentence = jumbled(v.rng)
    return v.say(
        [
            "the words {w} make the sentence {s}",
            "put in order, {w} become {s}",
            "from the words {w} comes the sentence {s}",
            "in the right order, {w} read {s}",
        ],
        w=words,
        s=v.q(sentence),
    )


KNOWN = [r["output"] for r in handwritten() if r["family"] in STATED and r["output"][-1] == "."]


@family(6)
def known(v: Voice) -> str:
    """A sentence of general knowledge, from the rows written by hand."""
    return v.say(
        [
            "{s}",
            "{s}",
            "{s}",
            "it is good to know a few things. {s}",
            "this much is certain. {s}",
            "{s} Children learn this at school.",
            "{s} Most people know that.",
            "here is a plain fact. {s}",
        ],
        s=v.pick(KNOWN),
    )


STATED_BY = {
    "antonym": antonym,
    "synonym": synonym,
    "plural": plural,
    "past-tense": past_tense,
    "degree": comparative,
    "gender": gender,
    "spelling-word": spelling,
    "spelling-sentence": misspelt_sentence,
    "contraction": contraction,
    "acronym": acronym,
    "part-of-speech": part_of_speech,
    "define": definition,
    "first-letter": letters,
    "alphabetical": alphabetical,
    "capital": capital,
    "currency": currency,
    "language": language,
    "continent": continent,
    "animal-class": animal,
    "animal-young": animal,
    "element-symbol": element,
    "profession": profession,
    "profession-name": profession,
    "classify": member,
    "odd-one-out": odd_one_out,
    "calendar": in_order,
    "units": units,
    "arithmetic-words": sums,
    "number-words": number_words,
    "sequence": sequence,
    "sort-numbers": bigger,
    "odd-even": parity,
    "passive": passive,
    "active": passive,
    "to-question": questions,
    "to-statement": questions,
    "negate": negation,
    "change-tense": tenses,
    "reported": reported,
    "join": joining,
    "punctuate": punctuation,
    "grammar": agreement,
    "sentiment": sentiment,
    "shorten": shortening,
    "formal": formal,
    "simile": simile,
    "proverb": proverb,
    "fill-in": missing_word,
    "true-false": truth,
    "order-words": word_order,
    **dict.fromkeys(STATED, known),
}

# --- what a sentence is about -------------------------------------------------------------------

# maker → what its sentence may be about, and the plain sentence that says it
ABOUT = {
    capital: [
        ("the capital of {c}", "The capital of {c} is {k}."),
        ("{c} and its capital", "The capital of {c} is {k}."),
    ],
    currency: [
        ("the currency of {c}", "The currency of {c} is the {m}."),
        ("{c} and its currency", "The currency of {c} is the {m}."),
    ],
    language: [
        ("the main language of {c}", "The main language of {c} is {t}."),
        ("{c} and its main language", "The main language of {c} is {t}."),
    ],
    continent: [
        ("the continent of {c}", "{c} is in {l}."),
        ("{c} and its continent", "{c} is in {l}."),
    ],
    antonym: [("the opposite of {a}", "The opposite of {a} is {b}.")],
    synonym: [("a synonym for {a}", "A synonym for {a} is {b}.")],
    definition: [("the meaning of {a}", "{the} is {m}."), ("the word {a}", "{the} is {m}.")],
    part_of_speech: [("the part of speech of {a}", "The word {a} is {k}.")],
    spelling: [("the right spelling of {a}", "The correct spelling is {b}.")],
    misspelt_sentence: [("the sentence {a} with the right spelling", "{b_}")],
    contraction: [("the contraction of {a}", "The contraction of {a} is {b}.")],
    acronym: [("the abbreviation {s}", "{s} stands for {l}."), ("{s} in full", "{l}.")],
    simile: [("the simile that begins with {b}", "As {a} as {t}.")],
    proverb: [("the proverb that begins with {a}", "{f}")],
    plural: [
        ("the plural of {a}", "The plural of {a} is {b}."),
        ("the word {x} in the plural", "{y}."),
    ],
    past_tense: [
        ("the past tense of {a}", "The past tense of {a} is {b}."),
        ("the verb {x} in the past tense", "{y}."),
    ],
    comparative: [
        ("the comparative of {a}", "The comparative of {a} is {b}."),
        ("the superlative of {a}", "The superlative of {a} is {c}."),
    ],
    gender: [
        ("the female form of {a}", "The female form of {a} is {b}."),
        ("the male form of {b}", "The male form of {b} is {a}."),
    ],
    animal: [
        ("the class of {the}", "{the} is {k}."),
        ("the kind of animal that {the} is", "{the} is {k}."),
    ],
    element: [
        ("the chemical symbol of {n}", "The chemical symbol of {n} is {s}."),
        ("{n} and its chemical symbol", "The chemical symbol of {n} is {s}."),
    ],
    profession: [
        ("the work of {a}", "{A} {d}."),
        ("a person who {d}", "A person who {d} is called {a}."),
    ],
    member: [("the category of {a}", "The word {a} belongs to the category of {ks}.")],
    odd_one_out: [("the odd one out among {w}", "The odd one out is {o}.")],
    in_order: [
        ("the {k} after {a}", "The {k} after {a} is {b}."),
        ("the {k} before {a}", "The {k} before {a} is {z}."),
    ],
    units: [
        ("{n} {u} in {s}", "{n} {u} {b} {t} {s}."),
        ("the number of {s} in {n} {u}", "{n} {u} {b} {t} {s}."),
    ],
    number_words: [("the number {n} in words", "{n} in words is {w}.")],
    parity: [("the number {n}, odd or even", "{n} is an {p} number.")],
    passive: [
        ("the passive form of {a}", "{p_}"),
        ("the active form of {p}", "{a_}"),
        ("the sentence {a} in the passive voice", "{p_}"),
        ("the sentence {p} in the active voice", "{a_}"),
    ],
    questions: [
        ("the question that belongs to {a}", "{b_}"),
        ("the statement {a} turned into a question", "{b_}"),
        ("the question {b} turned into a statement", "{a_}"),
    ],
    negation: [
        ("the negative form of {a}", "{b_}"),
        ("the sentence {a} in the negative", "{b_}"),
    ],
    tenses: [("the sentence {a} in the {t} tense", "{b_}"), ("the {t} tense of {a}", "{b_}")],
    reported: [("reported speech for {a}", "{b_}"), ("{a} in reported speech", "{b_}")],
    joining: [("the sentences {a} and {b}, joined with {w}", "{c_}")],
    punctuation: [("the right capitals and punctuation for {w}", "{r_}")],
    agreement: [("the correct form of {w}", "{r_}"), ("{w} with the grammar corrected", "{r_}")],
    formal: [("a formal way of saying {a}", "{b_}"), ("{a} in formal English", "{b_}")],
    sentiment: [("the sentiment of {t}", "The sentiment is {k}.")],
    shortening: [("the short form of {a}", "{b_}"), ("{a} in fewer words", "{b_}")],
    letters: [
        ("the first letter of {a}", "The first letter of {a} is {f}."),
        ("the last letter of {a}", "The last letter of {a} is {l}."),
    ],
    alphabetical: [("the words {w} in alphabetical order", "{d}.")],
    sequence: [("the next number after {r}", "The next number is {x}.")],
    missing_word: [("the missing word in {a}", "{b_}"), ("{a} with the gap filled", "{b_}")],
    word_order: [("the words {w} in the right order", "{s_}")],
}
LEADS = [
    "this is about {x}. {s}",
    "now to {x}. {s}",
    "here we come to {x}. {s}",
    "the next line gives {x}. {s}",
    "somebody was thinking of {x}. {s}",
    "in the notebook there was a line about {x}. {s}",
    "{x}: {s}",
    "{x}. {s}",
]
IN_A_ROW = 0.7  # share of the paragraphs whose sentences stand in a row, not each on its line
TOPICAL = 0.3  # share of the sentences, of makers that have topics, that follow upon their topic


def told(maker: Callable, v: Voice) -> str:
    """A sentence of the maker, now and then after the topic that it is about."""
    text = maker(v)
    if maker not in ABOUT or v.rng.random() >= TOPICAL:
        return _finish(text)
    topic, plain = v.pick(ABOUT[maker])
    x, s = topic.format_map(v.parts), M.cap(plain.format_map(v.parts))
    lead = v.pick(LEADS)
    if x.endswith((".'", '."', "?'", '?"', "!'", '!"')):
        lead = lead.replace("{x}. ", "{x} ")
    return M.cap(lead.format(x=x, s=_finish(s)))


# --- paragraphs --------------------------------------------------------------------------------

MAKERS = [maker for maker, _ in FAMILIES]
WEIGHTS = [weight for _, weight in FAMILIES]


def _finish(sentence: str) -> str:
    """The sentence with exactly one end mark, whatever its last quotation ends with."""
    if sentence.endswith((".", "!", "?")):
        return sentence
    if sentence[-1] in "\"'" and sentence[-2:-1] in (".", "!", "?"):
        return sentence
    return sentence + "."


def paragraph(v: Voice) -> str:
    """One paragraph of 15 to 120 words, from one family or from several."""
    v.quote = v.pick(["'", "'", "'", "'", '"', ""])
    v.mark = v.quote or v.pick(["'", '"'])
    one = v.rng.random() < 0.6
    maker = v.rng.choices(MAKERS, WEIGHTS)[0]
    wanted, out, words = v.rng.randint(1, 6), [], 0
    while words < 15 or len(out) < wanted:
        if not one:
            maker = v.rng.choices(MAKERS, WEIGHTS)[0]
        text = told(maker, v)
        if text in out:
            continue
        if words + len(text.split()) > 115:
            break
        out.append(text)
        words += len(text.split())
    return (" " if v.rng.random() < IN_A_ROW else "\n").join(out)


def prose(seed: int) -> Iterator[str]:
    """Paragraphs without end; the same seed gives the same paragraphs."""
    v = Voice(seed)
    while True:
        yield paragraph(v)
