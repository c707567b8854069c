"""Text as words that can be compared: what the reference judge regards as the same.

Case, punctuation, quotation marks, articles and the way numbers are written do not count.
Plural, tense and other word endings do, because many exercises are about exactly those.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

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
SMALL = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
VALUES = {w: n for n, w in enumerate(SMALL)} | {w: 20 + 10 * n for n, w in enumerate(TENS)}
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}

REWRITES = [
    (r"[\u2018\u2019\u02bc]", "'"),
    (r"[\u2212]", "-"),
    (r"(?<=[\"'“])a(?=[\"'”])|(?<=\b\w-)a\b|\ba(?=-\w\b)", "a_"),  # the letter, no article
    (r"(?<=\d),(?=\d{3}(?!\d))", ""),  # 1,000
    (r"%", " percent "),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"\bi'm\b", "i am"),
    (r"\b(it|he|she|that|there)'s\b", r"\1 is"),
    (r"(?<![\w.])(\d+(?:\.\d+)?)(?=[^\W\d])", r"\1 "),  # 5km, 2x
    (r"(\d+(?:\.\d+)?) (hundred|thousand|million|billion)\b", lambda m: _times(m[1], m[2])),
    (rf"\b({'|'.join(SCALES)}) and (?={'|'.join(VALUES)})", r"\1 "),
]
WORD = re.compile(r"(?<![\w)])-?\d+(?:\.\d+)?(?!\w)|\w+(?:'\w+)*|[+=<>/^÷×√$£€°]|[,;.]")
FORM = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """The words of a text, made comparable; numbers are written in digits.

    >>> words("The answer is “Twenty-five” km.") == words("answer is 25km")
    True
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    for pattern, replacement in REWRITES:
        text = re.sub(pattern, replacement, text)
    found = _digits([_plain_number(w) for w in WORD.findall(text)])
    found = [w for w in found if w not in PAUSES]
    return [w for w in found if w not in ARTICLES] or found or FORM.findall(text)


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
