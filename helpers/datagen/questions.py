"""The bundled multiple-choice questions: from the tables of `facts`, and written by hand.

Every table asks for facts that the bundled models have read as sentences. Wrong options are of the
right one's kind, from the same table, and never right by accident; the right option stands at each
of the four places equally often in every subject. The same seed makes the same file.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from helpers.evaluate.questions import Question, QuestionSet, as_csv

from . import facts as F
from .material import article, cap, ing, plural, third
from .questions_by_hand import by_hand

SEED = 2718
DEV = 5  # solved examples a subject
FOLDER = Path(__file__).resolve().parents[1] / "assets" / "questions"
OUT = FOLDER / "course-questions.csv"

Row = tuple[str, str, list[str]]  # question, right option, at least three wrong ones


def world_capitals(rng: random.Random) -> Iterator[Row]:
    for country, capital, _, _, continent in F.COUNTRIES:
        if capital.split()[0] in country:
            continue  # Djibouti, Kuwait City: no question
        near = [row[1] for row in F.COUNTRIES if row[4] == continent and row[0] != country]
        yield f"What is the capital of {country}?", capital, near


def currencies(rng: random.Random) -> Iterator[Row]:
    names = sorted({row[2] for row in F.COUNTRIES})
    for country, _, currency, *_ in F.COUNTRIES:
        yield f"What is the currency of {country}?", f"the {currency}", _the(names, currency)


def languages(rng: random.Random) -> Iterator[Row]:
    names = sorted({row[3] for row in F.COUNTRIES})
    for country, _, _, language, _ in F.COUNTRIES:
        if country in F.MANY_LANGUAGES or country == "Kazakhstan":
            continue
        wrong = [n for n in names if n not in (language, *SPOKEN_TOO.get(language, ()))]
        yield f"What is the main language of {country}?", language, wrong


def continents(rng: random.Random) -> Iterator[Row]:
    names = sorted({row[4] for row in F.COUNTRIES})
    for country, *_, continent in F.COUNTRIES:
        if country not in F.TWO_CONTINENTS:
            question = f"On which continent is {country}?"
            if continent == "Oceania" or country in F.ISLANDS:
                question = f"To which part of the world does {country} belong?"
                question = question.replace("does the Solomon Islands", "do the Solomon Islands")
                question = question.replace("does the Maldives", "do the Maldives")
                question = question.replace("does the Bahamas", "do the Bahamas")
                question = question.replace("does the Philippines", "do the Philippines")
            yield question, continent, [n for n in names if n != continent]


def animals(rng: random.Random) -> Iterator[Row]:
    """Class, young and group of animals; what an animal has two words for is left out."""
    classes = sorted({row[1] for row in F.ANIMALS})
    young = sorted(
        {row[2] for row in F.ANIMALS if row[2] not in ("-", "infant", "larva", "hatchling")}
    )
    groups = ("pack", "herd", "flock", "pride", "swarm", "colony", "shoal", "litter")
    for name, kind, child, group, *_ in F.ANIMALS:
        ask = rng.choice(("class", "class", "young", "group"))
        if ask == "young" and child in young and child not in ("pup", "kit", "cub", "chick"):
            yield f"What is a young {name} called?", article(child), _articles(young, child)
        elif (
            ask == "group"
            and group in groups
            and name not in ("deer", "seal", "penguin", "mosquito")
        ):
            often = {"colony", "herd", "flock"} | ({"swarm"} if kind == "insect" else set())
            wrong = [g for g in groups if g not in often | {group}]
            yield (
                f"What is a group of {plural(name)} called?",
                article(group),
                [article(g) for g in wrong],
            )
        else:
            wrong = [c for c in classes if c != kind and {c, kind} != {"insect", "arachnid"}]
            yield (
                f"What kind of animal is {article(name)}?",
                article(kind),
                [article(c) for c in wrong],
            )


def chemical_elements(rng: random.Random) -> Iterator[Row]:
    for name, symbol, _ in F.ELEMENTS:
        first = [s for _, s, _ in F.ELEMENTS if s != symbol]
        near = [s for s in first if s[0] == symbol[0]]
        if rng.random() < 0.6:
            wrong = near if len(near) >= 3 else first
            yield f"What is the chemical symbol of {name}?", symbol, wrong
        else:
            wrong = [n for n, s, _ in F.ELEMENTS if s != symbol and (s in near or len(near) < 3)]
            yield f"Which element has the chemical symbol {symbol}?", name, wrong


def opposites(rng: random.Random) -> Iterator[Row]:
    for group in F.ANTONYM_GROUPS.values():
        for word, opposite in group:
            close = _relatives({word, opposite})
            near = [b for a, b in group if not {a, b} & close]
            yield f"What is the opposite of '{word}'?", opposite, near


def synonyms(rng: random.Random) -> Iterator[Row]:
    """A wrong option is of the same part of speech, and near the word in no chain of synonyms."""
    kinds = {pair: _part_of_speech(pair) for pair in F.SYNONYMS}
    for word, same in F.SYNONYMS:
        kind = kinds[word, same]
        if not kind or word in TWO_MEANINGS:
            continue
        close = _relatives({word, same})
        near = [
            b for a, b in F.SYNONYMS
            if kinds[a, b] == kind and a not in TWO_MEANINGS and not {a, b} & close
        ]  # fmt: skip
        yield f"Which word means nearly the same as '{word}'?", same, near


def plurals(rng: random.Random) -> Iterator[Row]:
    for singular, right in F.IRREGULAR_PLURALS:
        if singular in TWO_PLURALS or singular == right:
            continue
        stem = singular[:-1] if singular.endswith("e") else singular
        wrong = {f"{singular}s", f"{right}s", f"{stem}es", f"{stem}en", f"{right}es"} - {right}
        yield f"What is the plural of '{singular}'?", right, sorted(wrong)


def verb_forms(rng: random.Random) -> Iterator[Row]:
    for base, past, participle in F.IRREGULAR_VERBS:
        if len({base, past, participle}) == 3 and base not in ("spring", "shrink", "sink"):
            wrong = [participle, third(base), ing(base), base]
            yield f"What is the past tense of '{base}'?", past, wrong


def comparison_of_adjectives(rng: random.Random) -> Iterator[Row]:
    for base, comparative, superlative in F.COMPARATIVES:
        if " " in comparative or base in ("far", "little", "late", "near", "light"):
            continue
        wrong = [base, f"more {comparative}", f"most {superlative}"]
        if rng.random() < 0.5:
            yield f"What is the comparative of '{base}'?", comparative, [*wrong, superlative]
        else:
            yield f"What is the superlative of '{base}'?", superlative, [*wrong, comparative]


def professions(rng: random.Random) -> Iterator[Row]:
    for name, does in F.PROFESSIONS:
        close = next((c for c in ALIKE if name in c), ())
        wrong = [article(n) for n, _ in F.PROFESSIONS if n != name and n not in close]
        yield f"What do we call a person who {does}?", article(name), wrong


def kinds_of_things(rng: random.Random) -> Iterator[Row]:
    """Which of these is a bird? The others are of related categories, and of no second one."""
    homes: dict[str, list[str]] = {}
    for category, members in F.CATEGORIES.items():
        for member in members:
            homes.setdefault(member, []).append(category)
    for group in RELATED:
        for category in group:
            own = [m for m in F.CATEGORIES[category] if homes[m] == [category]]
            others = [c for c in group if c != category]
            for right in own:
                wrong = [m for c in others for m in F.CATEGORIES[c] if homes[m] == [c]]
                wrong = [m for m in wrong if m not in EITHER]
                if right not in EITHER:
                    yield f"Which of these is {category}?", right, wrong


def definitions(rng: random.Random) -> Iterator[Row]:
    for word, meaning in F.DEFINITIONS:
        kind = meaning.split()[:2]
        near = [w for w, m in F.DEFINITIONS if w != word and m.split()[:2] == kind]
        wrong = near if len(near) >= 3 else [w for w, _ in F.DEFINITIONS if w != word]
        wrong = [w for w in wrong if not any({w, word} <= set(c) for c in ALIKE)]
        yield f"Which word means: {meaning}?", word, wrong


def proverbs(rng: random.Random) -> Iterator[Row]:
    for first, second in F.PROVERBS:
        wrong = [s for f, s in F.PROVERBS if f != first and "fire" not in s]
        yield f"How does the proverb go on: {first} …", second, wrong


def similes(rng: random.Random) -> Iterator[Row]:
    for adjective, noun in F.SIMILES:
        if adjective in ("pretty", "old", "fit", "quick", "plain", "sound", "light", "swift"):
            continue
        others = [
            n for a, n in F.SIMILES if a != adjective and n not in SURE_TOO.get(adjective, ())
        ]
        same = [n for a, n in F.SIMILES if a == adjective]
        near = [n for n in others if n[:2] == noun[:2] and n not in same]
        wrong = near if len(set(near)) >= 3 else [n for n in others if n not in same]
        yield f"How does the comparison go on: as {adjective} as …", noun, wrong


def abbreviations(rng: random.Random) -> Iterator[Row]:
    for short, long, _ in F.ACRONYMS:
        initials = [
            other for s, other, _ in F.ACRONYMS
            if s != short and len(s) == len(short) and len(other.split()) == len(long.split())
        ]  # fmt: skip
        wrong = initials if len(initials) >= 3 else [o for s, o, _ in F.ACRONYMS if s != short]
        yield f"What does {short} stand for?", long, wrong


def numbers_and_units(rng: random.Random) -> Iterator[Row]:
    for _, small, factor, singular in F.UNITS:
        wrong = ["3", "7", "10", "12", "16", "24", "60", "100", "365", "1000"]
        question = f"How many {small} are there in {article(singular)}?"
        yield question, factor, [w for w in wrong if w != factor]
    words = [F.number_word(n) for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 20)]
    for thing, number in F.COUNTS:
        if re.search("(days|months|hours|minutes|seconds|years) there are", thing):
            continue  # asked for already
        yield f"How many {_has(thing)}?", number, [w for w in words if w != number]


def calendar(rng: random.Random) -> Iterator[Row]:
    for names, kind in ((F.MONTHS, "month"), (F.DAYS, "day")):
        for i, name in enumerate(names):
            after, before = names[(i + 1) % len(names)], names[i - 1]
            others = [n for n in names if n not in (name, after)]
            yield f"Which {kind} comes after {name}?", after, others
            others = [n for n in names if n not in (name, before)]
            yield f"Which {kind} comes before {name}?", before, others


def spelling(rng: random.Random) -> Iterator[Row]:
    """Which word is spelt correctly? The wrong ones are mistakes that people make in other words."""
    rows = [(wrong, right) for wrong, right in F.MISSPELT if wrong not in ALSO_WORDS]
    for bad, good in rows:
        others = [wrong for wrong, _ in rows if wrong != bad]
        yield "Which of these words is spelt correctly?", good, others


def _the(names: list[str], right: str) -> list[str]:
    """The other names with "the"; a pound is one, whether sterling or not."""
    close = {
        "pound": "pound sterling",
        "pound sterling": "pound",
        "krona": "krone",
        "krone": "krona",
    }
    return [f"the {name}" for name in names if name not in (right, close.get(right))]


def _articles(words: list[str], right: str) -> list[str]:
    return [article(word) for word in words if word != right]


def _relatives(words: set[str]) -> set[str]:
    """The words, their synonyms and opposites, and the synonyms of these."""
    pairs = [*F.SYNONYMS, *F.ANTONYMS]
    for _ in range(3):
        words = words | {w for pair in pairs if set(pair) & words for w in pair}
    return words


@functools.cache
def _tables() -> dict[str, set[str]]:
    return {
        "noun": {*F.NOUNS, *F.PARTS_OF_SPEECH["noun"], *sum(F.ANTONYM_GROUPS["noun"], ())},
        "verb": {
            *F.REGULAR_VERBS, *(v[0] for v in F.IRREGULAR_VERBS), *F.PARTS_OF_SPEECH["verb"],
            *sum(F.ANTONYM_GROUPS["verb"], ()),
        },
        "adjective": {
            *(a[0] for a in F.COMPARATIVES), *F.PARTS_OF_SPEECH["adjective"],
            *sum(F.ANTONYM_GROUPS["adjective"], ()),
        },
    }  # fmt: skip


def _part_of_speech(words: tuple[str, ...]) -> str:
    """noun, verb or adjective where the tables leave no doubt about all the words, else ""."""
    kinds = [kind for kind, table in _tables().items() if table & set(words)]
    return kinds[0] if len(kinds) == 1 else ""


def _has(thing: str) -> str:
    """The thing of COUNTS as a question: "legs a spider has" → "legs does a spider have"."""
    if thing.endswith(" has"):
        noun, _, owner = thing[:-4].partition(" ")
        return f"{noun} does {owner} have"
    if " has on " in thing:
        return "players does a football team have on the pitch"
    if " has, " in thing:
        return "fingers does a hand have, counting the thumb"
    if thing == "continents there are":
        return "continents are there"
    return thing.replace(" there are in ", " are there in ")


TWO_MEANINGS = {"flat", "present", "error", "fall", "rare", "unusual", "odd", "fix", "mad"}
TWO_PLURALS = {  # more than one form is right, or a wrong-looking one is right too
    "fish", "cactus", "fungus", "index", "appendix", "radius", "scarf", "hoof", "person", "penny",
    "die", "louse", "medium", "datum", "nucleus", "mouse", "life", "self", "stimulus", "calf",
    "phenomenon", "criterion", "bacterium", "postman", "fireman", "policeman", "elf", "ox", "echo",
    "hero", "mother-in-law", "passer-by", "basis", "grandchild", "toothbrush",
}  # fmt: skip
ALIKE = (  # professions and words of which another might be called right too
    ("doctor", "surgeon", "nurse", "midwife", "dentist", "optician", "pharmacist", "psychologist"),
    ("tailor", "weaver", "shoemaker", "cobbler", "saddler"),
    ("author", "novelist", "poet", "journalist", "editor", "secretary", "translator", "interpreter"),
    ("builder", "bricklayer", "roofer", "architect", "carpenter", "engineer"),
    ("musician", "pianist", "violinist", "composer", "conductor"),
    ("jeweller", "goldsmith", "blacksmith", "locksmith"),
    ("barber", "hairdresser"), ("clown", "magician", "actor", "dancer"),
    ("painter", "sculptor", "potter", "photographer"),
    ("farmer", "gardener", "florist", "forester", "shepherd", "beekeeper"),
    ("biologist", "zoologist", "chemist", "geologist", "archaeologist", "historian", "astronomer",
     "economist", "meteorologist"),
    ("judge", "lawyer", "detective", "police officer", "guard", "soldier"),
    ("pilot", "astronaut", "sailor", "diver", "explorer", "bus driver", "jockey"),
    ("teacher", "coach", "babysitter", "librarian", "referee", "lifeguard"),
    ("chef", "baker", "butcher", "confectioner", "waiter"), ("mechanic", "engineer", "electrician"),
    ("cashier", "accountant", "receptionist", "auctioneer"), ("mayor", "diplomat"),
    ("wage", "salary", "tax", "debt"), ("cathedral", "mosque", "synagogue"),
    ("forest", "jungle"), ("hive", "nest"), ("trophy", "souvenir"), ("map", "atlas"),
    ("novel", "legend", "autobiography", "poem"), ("planet", "comet"), ("tide", "flood"),
    ("tourist", "passenger", "pedestrian"), ("carnivore", "predator"),
)  # fmt: skip
RELATED = (  # categories that are near each other
    ("a mammal", "a bird", "a fish", "an insect", "a reptile"),
    ("a fruit", "a vegetable", "a drink", "a spice"), ("a flower", "a tree"),
    ("a piece of furniture", "a kitchen utensil", "a tool"), ("a vehicle", "a building"),
    ("an item of clothing", "a part of the body"), ("a family member", "a profession"),
    ("a metal", "a gemstone"), ("a weather phenomenon", "a body of water"),
    ("a sport", "a musical instrument", "a subject at school"), ("a language", "a month"),
    ("a colour", "a shape"),
)  # fmt: skip
SPOKEN_TOO = {  # main language → others that many people there speak, or that are nearly the same
    "German": ("Dutch",), "Serbian": ("Croatian",), "Croatian": ("Serbian",), "Tajik": ("Persian", "Russian"),
    "Persian": ("Tajik", "Azerbaijani"), **dict.fromkeys(
        ("Ukrainian", "Kyrgyz", "Uzbek", "Turkmen", "Latvian", "Estonian", "Lithuanian", "Georgian",
         "Armenian", "Azerbaijani", "Mongolian"), ("Russian",)),
    "Finnish": ("Swedish",), "Catalan": ("Spanish", "French"), "Slovak": ("Czech",), "Czech": ("Slovak",),
}  # fmt: skip
EITHER = {
    "lead",
    "tin",
    "coach",
    "rose",
    "cider",
    "bee",
    "desk",
    "clove",
    "pepper",
    "ginger",
    "ice",
}
SURE_TOO = {  # adjective → nouns of other similes that one could say as well
    "hard": ("a brick", "steel", "lead", "a rock", "leather"), "cold": ("a cucumber", "snow"),
    "white": ("a ghost", "a daisy", "ice"), "hot": ("toast",), "sharp": ("a pin",),
    "bright": ("day", "fire", "a flash", "lightning", "gold"), "fast": ("a deer", "a flash"),
    "strong": ("steel", "a lion", "an oak", "a rock"), "sturdy": ("an ox", "a rock", "steel"),
    "solid": ("ice", "steel", "a brick"), "steady": ("a rock", "an oak"), "still": ("the grave",),
    "silent": ("a mouse", "night", "a statue"), "quiet": ("the grave", "a lamb", "night", "a ghost"),
    "brave": ("a tiger",), "fierce": ("a lion", "a wolf"), "soft": ("snow", "a feather", "a baby"),
    "gentle": ("a dove", "a kitten", "a baby"), "innocent": ("a lamb", "a kitten"),
    "playful": ("a baby", "a lamb", "a monkey"), "weak": ("a baby", "a lamb"), "pale": ("snow",),
    "dark": ("coal",), "black": ("night",), "sweet": ("sugar",), "cunning": ("an eel",),
    "heavy": ("a brick", "an ox"), "tough": ("steel", "a brick", "an oak", "a rock"),
    "straight": ("a rake",), "stiff": ("a brick", "a statue", "steel", "a rake"),
    "agile": ("a kitten", "a deer"),
    "bald": ("a baby",), "thin": ("a pancake", "a pin"), "warm": ("fire",), "smooth": ("silk",),
    "deep": ("the sea",), "red": ("fire", "a berry"), "graceful": ("a deer",), "neat": ("a flash",),
    "proud": ("a lion",), "vain": ("a cat",), "busy": ("an ant",), "blind": ("a mole",), "fresh": ("day",),
    "clear": ("glass", "day", "a bell"), "clean": ("a pin", "snow"), "cool": ("ice",), "wise": ("the hills",),
    "rich": ("gold",), "loyal": ("steel",), "true": ("gold",), "bold": ("a lion",), "tall": ("an oak",),
}  # fmt: skip
ALSO_WORDS = {"therefor", "lightening", "minature", "shedule", "febuary", "wensday", "tounge"}

SUBJECTS: dict[Callable[[random.Random], Iterator[Row]], int] = {  # subject → questions asked
    world_capitals: 30, currencies: 14, languages: 14, continents: 14, animals: 24,
    chemical_elements: 18, opposites: 26, synonyms: 22, plurals: 14, verb_forms: 20,
    comparison_of_adjectives: 12, professions: 20, kinds_of_things: 24, definitions: 24,
    proverbs: 16, similes: 14, abbreviations: 16, numbers_and_units: 16, calendar: 12, spelling: 12,
}  # fmt: skip


def build_questions(seed: int = SEED) -> QuestionSet:
    """The bundled set: `DEV` examples and the questions of every subject."""
    found = QuestionSet("course")
    for maker, number in SUBJECTS.items():
        rng = random.Random(f"{seed} {maker.__name__}")
        rows = list(maker(rng))
        chosen = _different(rng.sample(rows, len(rows)), DEV + number)
        _add(found, maker.__name__, chosen, rng)
    for subject, rows in by_hand().items():
        rng = random.Random(f"{seed} {subject}")
        _add(found, subject, [(q, right, list(wrong)) for q, right, *wrong in rows], rng)
    return found


def _different(rows: list[Row], n: int) -> list[Row]:
    """The first n rows of which no two give the same answer, as far as the answers go round."""
    taken: list[Row] = []
    for most in range(1, n + 1):
        for row in rows:
            if len(taken) == n:
                return taken
            if row not in taken and sum(r[1] == row[1] for r in taken) < most:
                taken.append(row)
    return taken


def _add(found: QuestionSet, subject: str, rows: list[Row], rng: random.Random) -> None:
    places = [*_places(DEV, rng), *_places(len(rows) - DEV, rng)]
    for number, ((text, right, wrong), place) in enumerate(zip(rows, places, strict=True)):
        options = rng.sample(sorted(set(wrong) - {right}), 3)
        options.insert(place, right)
        question = Question(subject, cap(text), tuple(options), place)
        if number < DEV:
            found.dev.setdefault(subject, []).append(question)
        else:
            found.test.append(question)


def _places(n: int, rng: random.Random) -> list[int]:
    """n places from 0 to 3, each as often as the others but for one, in random order."""
    order = rng.sample(range(4), 4)
    places = [order[i % 4] for i in range(n)]
    rng.shuffle(places)
    return places


def write_questions() -> Path:
    """The file of the bundled set, written anew."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(as_csv(build_questions()), encoding="utf-8", newline="\n")
    return OUT
