"""Text as words that can be compared: what the reference judge regards as the same.

Case, punctuation, quotation marks, articles and the way numbers are written do not count.
Plural, tense and other word endings stay, because many exercises are about exactly those; `stem`
takes them off, `same_word` says how far two words can stand for each other, and `quantities` reads
numbers with their units as values.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from difflib import SequenceMatcher
from fractions import Fraction
from functools import lru_cache

from helpers.judge.thesaurus import GROUPS, OPPOSITES

ARTICLES = {"a", "an", "the"}
PAUSES = {",", ";", "."}  # they end a number: "twenty, five" is not 25
NEGATIONS = {"no", "not", "never", "none", "nobody", "nothing", "neither", "nor"}
FUNCTION_WORDS = ARTICLES | set(
    "of to in on at by for with from into onto about as and or but if so than then also "  # noqa: SIM905
    "is are was were be been being am has have had having do does did doing "
    "will would shall should can could may might must "
    "i you he she it we they me him her us them my your his its our their "
    "this that these those there here who whom whose which what when where why how".split()
)
OPEN_TASK = re.compile(  # many answers are right: one asks for something of one's own
    r"\b(?:write|create|compose|invent|suggest|propose|describe|imagine|come up with|make up|think of"
    r"|give|offer|tell|share|provide|generate|use|form|make|brainstorm|recommend|name|list)\b"
    r"(?:[\s\w,'-]{0,40}?\b(?:title|slogan|simile|metaphor|poem|haiku|sentences?|story|tips?|advice"
    r"|advantages?|disadvantages?|benefits?|ways?|examples?|reasons?|question|caption|line|riddle|joke"
    r"|tweet|email|message|invitation|greeting|description|uses?|drawbacks?|ideas?|rhyme|motto"
    r"|paragraph|note|wish|excuse|compliment|things?|steps?)\b)|^\W*(?:please )?describe\b"
)
TASK_WORDS = set(
    "write create compose invent suggest propose describe give offer tell provide generate use "  # noqa: SIM905
    "make name list title slogan simile metaphor poem haiku sentence story tip advice advantage "
    "disadvantage benefit way example reason question caption line riddle one two three please short "
    "that good someone something".split()
)
FREE_REWRITING = re.compile(  # the given text again in one of many possible wordings
    r"\b(?:summari[sz]e|summary|formal|informal|concise|shorten|rephrase|paraphrase|simplify|main idea"
    r"|polite|politely|combine|join|reword|own words|shorter|simpler|clearer)\b"
)
FRAME_WORDS = set(  # they introduce an answer and say nothing of it
    "answer called known means mean meaning meant stands stand equal equals named word term "  # noqa: SIM905
    "credited following correct come comes came make makes take get put contain part belong".split()
)
SMALL = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
VALUES = {w: n for n, w in enumerate(SMALL)} | {w: 20 + 10 * n for n, w in enumerate(TENS)}
PARTS = {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "eighth": 8}
PARTS |= {"sixth": 6, "seventh": 7, "ninth": 9, "tenth": 10}
ORDINALS = (  # noqa: SIM905
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
).split()
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}

REWRITES = [
    (r"[\u2018\u2019\u02bc]", "'"),
    (r"[\u2212]", "-"),
    (r"<(/?\w+)[^<>]*>", r" \1_tag "),  # <a href="...">
    (r"(?<=[\"'“])a(?=[\"'”])|(?<=\b\w-)a\b|\ba(?=-\w\b)", "a_"),  # the letter, no article
    (r"(?<=\d),(?=\d{3}(?!\d))", ""),  # 1,000
    (r"%|\bper cent\b", " percent "),
    (r"[$] ?(\d[\d.]*)", r"\1 dollars "),
    (r"€ ?(\d[\d.]*)", r"\1 euros "),
    (r"£ ?(\d[\d.]*)", r"\1 pounds "),
    (r"°\s*c\b", " degrees celsius "),
    (r"°\s*f\b", " degrees fahrenheit "),
    (r"(?<![\w/.])(\d{1,4})/(\d{1,4})(?![\w/.]*[\w/])", lambda m: _share(m[1], m[2])),
    (
        rf"\b({'|'.join(SMALL[1:])})[ -]({'|'.join(PARTS)})s?\b(?! of \w+ \d{{4}})",
        lambda m: _share(VALUES[m[1]], PARTS[m[2]]),
    ),
    (r"\b(\d?\d)(?:st|nd|rd|th)\b", lambda m: _ordinal(int(m[1]))),
    (r"\bcarbon dioxide\b", "co2"),
    (r"\bthe united kingdom\b|\bu\.k\.", "uk"),
    (r"\bthe united states(?: of america)?\b|\bu\.s\.(?:a\.)?", "usa"),
    (r"\bas soon as possible\b", "asap"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"n't\b", " not"),
    (r"\bdislike", "not like"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"\bi'm\b", "i am"),
    (r"\b(it|he|she|that|there)'s\b", r"\1 is"),
    (r"(?<![\w.])(\d+(?:\.\d+)?)(?=[^\W\d])", r"\1 "),  # 5km, 2x
    (r"(\d+(?:\.\d+)?) (hundred|thousand|million|billion)\b", lambda m: _times(m[1], m[2])),
    (rf"\b({'|'.join(SCALES)}) and (?={'|'.join(VALUES)})", r"\1 "),
]
UNITS = {  # unit → what it measures, how many of the smallest unit here
    unit: (kind, Fraction(factor))
    for kind, table in {
        "length": "mm:1 cm:10 dm:100 m:1000 km:1000000 inch:25.4 foot:304.8 yard:914.4 mile:1609344",
        "weight": "mg:1 g:1000 kg:1000000 tonne:1000000000 ounce:28349.5 pound:453592",
        "volume": "ml:1 cl:10 l:1000",
        "time": "second:1 minute:60 hour:3600 day:86400 week:604800 month:2629800 year:31557600",
        "share": "percent:1/100",
        "dollar": "dollar:100 cent:1",
        "sterling": "penny:1",
        "celsius": "celsius:1",
        "fahrenheit": "fahrenheit:1",
        "kelvin": "kelvin:1",
    }.items()
    for unit, factor in (entry.split(":") for entry in table.split())
}
UNIT_NAMES = {"feet": "foot", "inches": "inch", "pence": "penny", "k": "kelvin", "s": "second"}
UNIT_NAMES |= {"kilogram": "kg", "gram": "g", "milligram": "mg", "kilo": "kg", "min": "minute"}
UNIT_NAMES |= {"h": "hour", "lb": "pound", "lbs": "pound", "oz": "ounce", "ton": "tonne"}
UNIT_NAMES |= {
    prefix + name: short + letter
    for prefix, short in {"milli": "m", "centi": "c", "deci": "d", "kilo": "k", "": ""}.items()
    for name, letter in {"metre": "m", "meter": "m", "litre": "l", "liter": "l"}.items()
}
IRREGULAR = {  # form → what it is a form of
    form: line.split()[0]
    for line in """be is are was were been being am|have has had|do does did done|go goes went gone
see saw seen|take took taken|give gave given|come came|get got gotten|make made|know knew known
think thought|say said|tell told|find found|leave left|feel felt|bring brought|buy bought|catch caught
teach taught|keep kept|sleep slept|write wrote written|break broke broken|speak spoke spoken
eat ate eaten|drink drank drunk|run ran|swim swam swum|begin began begun|sing sang sung|fly flew flown
grow grew grown|throw threw thrown|draw drew drawn|drive drove driven|ride rode ridden|rise rose risen
fall fell fallen|choose chose chosen|steal stole stolen|wear wore worn|tear tore torn|hold held
stand stood|sit sat|meet met|pay paid|sell sold|send sent|build built|lose lost|win won|hear heard
lead led|feed fed|mean meant|child children|man men|woman women|mouse mice|tooth teeth|foot feet
goose geese|person people|good better best|bad worse worst|freeze froze frozen|forget forgot forgotten
hide hid hidden|bite bit bitten|shake shook shaken|understand understood|show showed shown
mitochondrion mitochondria|shine shone|light lit|fight fought|blow blew blown""".replace(
        "\n", "|"
    ).split("|")
    for form in line.split()[1:]
}
ENDINGS = (  # noqa: SIM905
    "ingly edly fulness ation ition ness ment ing ied ity ous est ion ive ful ed er ly e y"
).split()
WORD = re.compile(r"(?<![\w)])-?\d+(?:\.\d+)?(?!\w)|\w+(?:'\w+)*|[+=<>/^÷×√$£€°]|[,;.]")
FORM = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """The words of a text, made comparable; numbers are written in digits.

    >>> words("The answer is “Twenty-five” km.") == words("answer is 25km")
    True
    """
    found = _digits([_plain_number(w) for w in WORD.findall(normal(text))])
    found = [w for w in found if w not in PAUSES]
    return [w for w in found if w not in ARTICLES] or found or FORM.findall(text)


@lru_cache(maxsize=4_000)  # an answer is compared with the same few texts many times
def normal(text: str) -> str:
    """The text with case, short forms, symbols and fractions written in one way."""
    text = (
        unicodedata.normalize("NFKC", text.replace("½", " 1/2")).casefold().replace("\u2044", "/")
    )
    for pattern, replacement in REWRITES:
        text = re.sub(pattern, replacement, text)
    return re.sub(r"  +", " ", text)


def literal(text: str) -> list[str]:
    """As `words`, but numbers in words and short forms such as "don't" stay as they are written."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return [w for w in re.findall(r"\w+(?:'\w+)*", text) if w not in ARTICLES]


def form(text: str) -> list[str]:
    """Words as they are written and punctuation marks, without quotation marks around it all."""
    return FORM.findall(unicodedata.normalize("NFKC", text).strip().strip("\"'“”‘’").strip())


def is_number(word: str) -> bool:
    """Whether a word out of `words` is a number."""
    return bool(re.fullmatch(r"-?\d+(?:\.\d+)?", word))


def is_content(word: str) -> bool:
    """Whether a word says something by itself, as nouns, verbs, numbers and "not" do."""
    return word not in FUNCTION_WORDS


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its ending, in American spelling; rough, but alike for forms of a word.

    >>> [stem(w) for w in ("walked", "walking", "stopped", "went", "realise", "colour")]
    ['walk', 'walk', 'stop', 'go', 'realiz', 'color']
    """
    word = IRREGULAR.get(word, word).removesuffix("'s")
    word = re.sub(r"(?<=\w\w)our(?=s|ed|ing|ful|ite|$)", "or", word)
    word = re.sub(r"(?<=\w\w)is(?=e|ed|es|ing|ation$)", "iz", word) if len(word) > 5 else word
    word = re.sub(
        r"(?<=\w\w)(?:ies$|(?<=ss|sh|ch|\wx)es$|(?<![sui])s$)",
        lambda m: "y" * (m[0] == "ies"),
        word,
    )
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou" else word


@lru_cache(maxsize=50_000)
def same_word(one: str, other: str) -> float:
    """How far two words can stand for each other: the same 1, the same stem 0.95, a synonym 0.85,
    a spelling slip in a long word 0.8, else 0."""
    if one == other:
        return 1.0
    if is_number(one) or is_number(other):
        return 0.0
    if stem(one) == stem(other):
        return 0.95
    if _groups(one) & _groups(other):
        return 0.85
    return 0.8 if is_slip(one, other) else 0.0


@lru_cache(maxsize=50_000)
def is_slip(one: str, other: str) -> bool:
    """Whether two long words differ by a letter or two, as a word and its misspelling do."""
    if one[:1] != other[:1] or min(len(one), len(other)) < 5 or abs(len(one) - len(other)) > 2:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= 0.84


@lru_cache(maxsize=50_000)
def opposites(word: str) -> frozenset[str]:
    """The stems of the words that mean the opposite."""
    base = stem(word)
    known = OPPOSITES.get(word) or _OPPOSITE_STEMS.get(base, frozenset())
    return frozenset(map(stem, known))


def quantities(found: list[str]) -> list[tuple[int, str, Fraction]]:
    """Position, kind and value of each number in a list out of `words`; without a unit, kind is ""."""
    out = []
    for i, word in enumerate(found):
        if is_number(word):
            unit = found[i + 1] if i + 1 < len(found) else ""
            unit = found[i + 2] if unit == "degrees" and i + 2 < len(found) else unit
            kind, factor = UNITS.get(unit_name(unit), ("", Fraction(1)))
            out.append((i, kind, Fraction(word) * factor))
    return out


def same_values(answer: list[str], reference: list[str], question: list[str]) -> list[str]:
    """The answer with numbers and units written as in the reference where the values are equal."""
    out, theirs = list(answer), quantities(reference)
    for i, kind, value in quantities(answer):
        for j, other_kind, other in theirs:
            rounded = reference[j] != answer[i] and "." in reference[j] and round(other) == value
            rounded |= (
                kind == other_kind == "time" and abs(other - value) < other / 1000
            )  # 365 days
            if answer[i] in reference or answer[i] in question:
                continue
            if (kind == other_kind or not (kind and other_kind)) and (value == other or rounded):
                bare = other_kind and not kind  # 0.1 for 10 percent
                out[i] = f"{reference[j]} {reference[j + 1]}" if bare else reference[j]
                if kind:
                    out[i + 1] = reference[j + 1] if other_kind else ""
    names = {unit_name(w): w for w in reference}
    return [names.get(unit_name(w), w) for w in " ".join(out).split()]


def unit_name(word: str) -> str:
    """A unit by its short name, m for metres; another word as it is."""
    for name in (word, word.removesuffix("s")):
        if name in UNIT_NAMES or name in UNITS:
            return UNIT_NAMES.get(name, name)
    return word


def _groups(word: str) -> frozenset[int]:
    return GROUPS.get(word) or _GROUP_STEMS.get(stem(word), frozenset())


def _share(part: str | int, whole: str | int) -> str:
    """A fraction as a decimal number; as it is if it has none."""
    if not int(whole):
        return f"{part}/{whole}"
    return f" {Decimal(int(part)) / Decimal(int(whole)):.6f} "


def _ordinal(number: int) -> str:
    return ORDINALS[number - 1] if 0 < number <= len(ORDINALS) else f"{number}th"


def _times(number: str, scale: str) -> str:
    return f"{Decimal(number) * SCALES[scale]:f}"


def _plain_number(word: str) -> str:
    return word.rstrip("0").rstrip(".") if is_number(word) and "." in word else word


def _digits(found: list[str]) -> list[str]:
    """The words with each run such as `two hundred five` replaced by its number, `205`."""
    out: list[str] = []
    total, part = 0, None  # of the number being read; part is what the next scale multiplies
    for word in [*found, ""]:
        value = VALUES.get(word)
        if value is not None and part is not None and _continues(total, part, value):
            part += value
        elif word in SCALES and (part is not None or total == 0):
            part = (1 if part is None else part) * SCALES[word]
            if word != "hundred":
                total, part = total + part, 0
        else:
            if part is not None:
                out.append(str(total + part))
            total, part = 0, value
            if value is None and word:
                out.append(word)
    return out


def _continues(total: int, part: int, value: int) -> bool:
    """Whether `value` goes on with a number, as five does after twenty or after two hundred."""
    if part % 100 == 0:
        return value > 0 and total + part > 0
    return part % 10 == 0 and part % 100 >= 20 and 0 < value < 10


_GROUP_STEMS: dict[str, frozenset[int]] = {}
for _word, _numbers in GROUPS.items():
    _GROUP_STEMS[stem(_word)] = _GROUP_STEMS.get(stem(_word), frozenset()) | _numbers
_OPPOSITE_STEMS = {stem(word): others for word, others in OPPOSITES.items()}
