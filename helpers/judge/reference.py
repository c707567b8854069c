"""The reference judge: a score from the reference answer alone, without any language model.

It is quick, free and always gives the same score, and it rewards what a model had to know: words of
the reference that could not be copied from the question. What it cannot do is recognise a good
answer in other words; how far to trust it is a question that every judge has to be asked.

**The formula.** Both texts become words as `helpers.judge.words` describes.

1. The same words in the same order: 100. Everything else gets at most 95, an empty answer 0.
2. *New* words are the content words of the reference that instruction and input do not contain. (A
   list they offer, as in "positive or negative", gives nothing away: where the reference picks
   some of its words, all of them count as not contained.) If there are new words:
       F     = 2 · hits / (hits + wrong + new), where
       hits  = new words that the answer has, new = how many there are,
       wrong = content words of the answer beyond those of the question and of the reference;
               a word said more often than there counts as well, so rambling costs;
       F0    = what copying the question gets: 0 unless it offers such a list;
       score = 95 · max(0, F - F0) / (1 - F0).
   Where the task is to rewrite a given text (at least half of the content words are common to the
   text and the reference) the order counts too: score · S, with the S of step 3.
3. Without new words (sorting, choosing, active to passive) the order decides, over content words
   and those function words that the reference has. L is the longest common subsequence,
       S     = 2 · L / (length of the answer + length of the reference),
       S0    = the S of a copy of instruction, input, both or the quoted text, whichever is largest,
       score = 95 · max(0, S - S0) / (1 - S0).
4. Contradictions: · 0.05 if the answer has another number in place of one of the reference's;
   · 0.25 if one of the two has a negation ("not", "never") and the beginning of the other has none.

Some tasks are about what step 1 overlooks. Where the reference is the given text in another form
(capitals, punctuation, "don't" for "do not"; a frame such as "The corrected sentence is: ..." is
taken off), step 3 compares the texts as they are written. Where it is the question's number in
another form ("25" and "twenty-five"), steps 1 to 3 leave numbers as they are written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from helpers.formatting import has_input
from helpers.judge.words import NEGATIONS, form, is_content, is_number, literal, words

BEST_INEXACT = 95.0
WRONG_NUMBER, WRONG_NEGATION = 0.05, 0.25
QUOTED = re.compile(  # with apostrophes inside single quotation marks
    r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)['‘]((?:[^'‘’]|(?<=\w)['’](?=\w))+)['’](?!\w)"
)
LIST_ITEM = r"(?:(?:an?|the)\s+)?[\w-]+"
LIST = re.compile(rf"{LIST_ITEM}(?:(?:\s*[,/;]\s*(?:or\s+|and\s+)?|\s+(?:or|and)\s+){LIST_ITEM})+")


class ReferenceJudge:
    """Scores a response by comparing it with the reference; the formula is at the top."""

    name = "reference"

    def score(self, record: dict) -> tuple[float, str]:
        """The score from 0 to 100 and a phrase that explains it."""
        given = _given_text(record)
        target, response = _without_frame(record, given)
        split = _reading(target, _question(record), given)
        answer, reference = split(response), split(target)
        copies = [split(text) for text in (_question(record), *_parts(record), given)]
        if answer == reference and answer:
            return 100.0, "the same words as the reference"
        if split is not words and words(target) == words(given):
            score, why = _order_score(answer, reference, copies)
            return round(score, 1), f"a task about form: {why}"
        known = _known_words(_question(record), reference, split)
        if any(is_content(w) and w not in known for w in reference):
            score, why = _content_score(answer, reference, known, copies[0])
            if _is_rewriting(split(given), reference, given):
                similar = _similarity(answer, reference)
                score, why = score * similar, f"{why}, S = {similar:.2f}"
        else:
            kept = {w for w in reference if not is_content(w)}
            said, *copies = (
                [w for w in text if is_content(w) or w in kept] for text in (answer, *copies)
            )
            score, why = _order_score(said, reference, copies)
        factor, contradiction = _contradiction(words(response), words(target))
        return round(score * factor, 1), why + contradiction


def _parts(record: dict) -> tuple[str, ...]:
    """Instruction and input (if any), as texts."""
    given = (record["input"],) if has_input(record) else ()
    return (record["instruction"], *given)


def _question(record: dict) -> str:
    return "\n".join(_parts(record))


def _given_text(record: dict) -> str:
    """The text to work on: the input, or what is quoted or follows a colon, or nothing."""
    if has_input(record):
        return record["input"]
    return max(_inner(record["instruction"]), key=len)


def _inner(text: str) -> list[str]:
    """What stands in quotation marks, or else follows a colon; at least an empty string."""
    quoted = ["".join(groups) for groups in QUOTED.findall(text)]
    return quoted or [text.partition(":")[2].strip()]


def _without_frame(record: dict, given: str) -> tuple[str, str]:
    """Reference and answer, or what "The corrected sentence is: ..." encloses in each of them, if
    that is the given text in another form."""
    reference, answer = record["output"], record["model_response"]
    inner = _inner(reference)[-1]
    if given and words(inner) == words(given) and form(inner) != form(given):
        return inner, _inner(answer)[-1] or answer
    return reference, answer


def _reading(reference: str, question: str, given: str) -> Callable[[str], list[str]]:
    """How to split texts into words: `words`, or something stricter in a task about form."""
    if words(reference) == words(given):
        return next((s for s in (literal, form) if s(given) != s(reference)), words)
    known = literal(question)
    anew = words(" ".join(w for w in literal(reference) if w not in known))
    asked, told = ({*filter(is_number, words(text))} for text in (question, reference))
    return literal if len(asked) == 1 and asked == told and any(map(is_number, anew)) else words


def _known_words(question: str, reference: list[str], split: Callable) -> Counter:
    """How often the question says each word, without the lists that the reference chooses from."""
    known, wanted = Counter(split(question)), set(reference)
    for match in LIST.finditer(re.sub(r"[\"'“”‘’]", "", question.casefold())):
        offered = {w for w in split(match[0]) if is_content(w)}
        if offered & wanted and offered - wanted:
            known = Counter({w: n for w, n in known.items() if w not in offered})
    return known


def _content_score(answer, reference, known: Counter, question) -> tuple[float, str]:
    """Step 2: overlap of new words, less what copying the question would get."""
    f, hits, new = _overlap(answer, reference, known)
    f0 = _overlap(question, reference, known)[0]
    score = BEST_INEXACT * max(0.0, f - f0) / (1 - f0 or 1)
    return score, f"{hits} of {new} new words, F = {f:.2f}, F0 = {f0:.2f}"


def _overlap(answer, reference, known: Counter) -> tuple[float, int, int]:
    said = Counter(w for w in answer if is_content(w))
    new = Counter(w for w in reference if is_content(w) and w not in known)
    hits = (said & new).total()
    wrong = (said - (known | Counter(reference))).total()
    return 2 * hits / (hits + wrong + new.total()), hits, new.total()


def _is_rewriting(given: list[str], reference: list[str], text: str) -> bool:
    """Whether the reference is mostly the given text again, which is no question and has no gap."""
    if text.rstrip().endswith("?") or re.search(r"__|\.\.\.|…", text):
        return False
    old, made = (Counter(filter(is_content, w)) for w in (given, reference))
    return 2 * (old & made).total() >= max(old.total(), made.total(), 1)


def _order_score(answer, reference, copies) -> tuple[float, str]:
    """Step 3: similarity of word order, less what the best copy would get."""
    if answer == reference and answer:
        return BEST_INEXACT, "the reference and function words"
    s = _similarity(answer, reference)
    s0 = max((_similarity(copy, reference) for copy in copies if copy != reference), default=0.0)
    score = BEST_INEXACT * max(0.0, s - s0) / (1 - s0)
    return score, f"word order S = {s:.2f}, S0 = {s0:.2f}"


def _similarity(one: list[str], other: list[str]) -> float:
    """2 · L / (length of one + length of the other), L the longest common subsequence."""
    best = [0] * (len(other) + 1)
    for word in one:
        before = best[:]
        for i, match in enumerate(other, start=1):
            best[i] = before[i - 1] + 1 if word == match else max(before[i], best[i - 1])
    return 2 * best[-1] / max(1, len(one) + len(other))


def _contradiction(answer, reference) -> tuple[float, str]:
    """The factor of step 4 and a phrase about it."""
    factor, why = 1.0, ""
    wanted, said = (Counter(filter(is_number, w)) for w in (reference, answer))
    if wanted - said and said - wanted:
        factor, why = factor * WRONG_NUMBER, why + "; another number"
    beginning = answer[: len(reference) + 2]
    if NEGATIONS.isdisjoint(beginning) != NEGATIONS.isdisjoint(reference):
        factor, why = factor * WRONG_NEGATION, why + "; a negation too many or too few"
    return factor, why
