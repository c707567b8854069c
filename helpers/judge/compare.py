"""What the rules of the reference judge compare: new words, choices, groups, order, padding, contradictions.

`rules.py` tells how these parts become one score; each function here is one mechanism and
returns a number from 0 to 1 with a phrase about it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from helpers.judge.words import (
    FRAME_WORDS,
    NEGATIONS,
    is_content,
    is_number,
    is_slip,
    normal,
    opposites,
    quantities,
    same_word,
    stem,
    words,
)

CONTRADICTION = 0.08
PADDING = 0.4  # the most that padding costs, of what the answer would be worth without
LIST_ITEM = r"(?:(?:an?|the)\s+)?[\w.-]*\w"
LIST = re.compile(rf"{LIST_ITEM}(?:(?:\s*[,/;]\s*(?:or\s+|and\s+)?|\s+(?:or|and)\s+){LIST_ITEM})+")
REASON = re.compile(r"\b(?:because|since)\b", re.IGNORECASE)
SENTENCES = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Task:
    """One item, split into words: what is asked, what is given, what was wanted, what was said."""

    question: list[str]
    given: list[str]
    reference: list[str]
    answer: list[str]
    question_text: str
    given_text: str
    reference_text: str
    answer_text: str


def picks_of(question: str, main: list[str]) -> tuple[set[str], set[str]]:
    """The words that a reference picks from a list in the question, and all that were offered.

    `main` are the reference's words without the reason that it gives.
    """
    text = re.sub(r"[\"'“”‘’()?]", " ", normal(question))
    for match in LIST.finditer(text):
        choice = re.search(r" or |[a-z]/", match[0])
        offered = [w for w in words(match[0]) if w not in ("or", "and", "/")]
        if not choice and (
            len(re.findall(r",|;", match[0])) < 2 or not all(map(is_content, offered))
        ):
            continue
        told = [w for w in main if w in offered]
        if told and set(offered) - set(told):
            return set(told), set(offered)
    either = re.search(rf"\b(?:which|who|what)\b.*?({LIST_ITEM}) or ({LIST_ITEM})", text, re.DOTALL)
    if either:
        offered = [words(option)[-1] for option in either.groups() if words(option)]
        told = [w for w in main if w in offered]
        if len(set(told)) == 2:
            return {told[0]}, set(offered)
    return set(), set()


def main_words(task: Task) -> list[str]:
    """The words of the reference without the reason that it gives."""
    return words(REASON.split(task.reference_text)[0]) or task.reference


def choice_worth(answer: list[str], picks: set[str], offered: set[str]) -> tuple[float, str]:
    """1 where the answer picks the same; picking all of them is worth nothing."""
    said = [w for w in answer if w in offered]
    if not said:
        return 0.3, "; no choice"
    if len(picks) == 1 and len(offered) > 1 and _hedged(answer, offered):
        return 0.0, "; choice 0.00"
    chosen = {said[0]} if len(picks) == 1 else set(said)
    chance = len(picks) / len(offered)
    share = len(chosen & picks) / len(chosen | picks)
    worth = max(0.0, share - chance) / (1 - chance)
    return worth, f"; choice {worth:.2f}"


def _hedged(answer: list[str], offered: set[str]) -> bool:
    """Whether two options are joined by "or" or "and", or both said to hold."""
    return bool(
        any(
            word in ("or", "and", "/")
            and offered & set(answer[max(0, i - 4) : i])
            and offered & set(answer[i + 1 : i + 5])
            for i, word in enumerate(answer)
        )
    )


def new_words(task: Task, picks: set[str]) -> Counter:
    """The content words of the reference that the question does not give away."""
    known = Counter(task.question)
    content = [w for w in task.reference if is_content(w) or len(task.reference) < 3 or w in picks]
    new = Counter(w for w in content if w in picks or w not in known)
    new = Counter({w: n for w, n in new.items() if w not in FRAME_WORDS}) or new
    stems = {stem(w) for w in task.question}
    if not is_rewriting(task.given, task.reference, task.given_text):
        new = Counter({w: n for w, n in new.items() if w in picks or stem(w) not in stems}) or new
    return new


def content_quality(task: Task, new: Counter, picks: set[str], rewriting: bool):
    """What share of the new words the answer has, less what it puts in their place."""
    stems = {stem(w) for w in task.question}
    asked = [w for w in task.question if is_content(w)]
    left = Counter(w for w in task.answer if is_content(w) or w in new)
    hits = total = 0.0
    light = _reason_words(task)
    name = _surnames(task)
    for word in new.elements():
        strict = word not in picks and (stem(word) in stems or any(is_slip(word, w) for w in asked))
        weight = 0.3 if word in light or word in name else 1.0
        total += weight
        best = max(left, key=lambda w: (_match(w, word, strict, task, rewriting), w), default="")
        worth = _match(best, word, strict, task, rewriting) if best else 0.0
        if worth:
            left[best] -= 1
            left += Counter()
        elif name.get(word) in task.answer:
            worth = 1.0
        hits += weight * worth
    told = stems | {stem(w) for w in task.reference}
    extra = sum(n for w, n in left.items() if stem(w) not in told)
    mine = {stem(w) for w in task.answer}
    gone = {w for w in task.reference if is_content(w) and w not in new and stem(w) not in mine}
    replaced = len(gone) if len(task.answer) > 0.7 * len(task.reference) else 0
    wrong = min(extra, total - hits + replaced / 2)
    quality = hits / (total + wrong / 2)
    if new.total() > 3 and not rewriting:
        quality = quality**0.7
    return quality, f"{hits:.1f} of {total:.1f} new words, {wrong:.1f} in their place"


def _match(said: str, wanted: str, strict: bool, task: Task, rewriting: bool) -> float:
    if not strict:
        return same_word(said, wanted) if said not in task.question or said == wanted else 0.0
    if said == wanted:
        return 1.0
    related = rewriting and said not in task.question and stem(said) == stem(wanted)
    return 0.5 if related else 0.0


def _reason_words(task: Task) -> set[str]:
    """The words of a reason that was not asked for."""
    parts = REASON.split(task.reference_text)
    if len(parts) < 2 or re.search(r"\bwhy\b|\breason", task.question_text.casefold()):
        return set()
    return set(words(" ".join(parts[1:]))) - set(words(parts[0]))


def _surnames(task: Task) -> dict[str, str]:
    """For each word of a name of several words its last word, by which people are known."""
    out: dict[str, str] = {}
    for match in re.finditer(
        r"[A-Z][a-zà-ÿ][\w'-]*(?: [A-Z][a-zà-ÿ][\w'-]*)+", task.reference_text
    ):
        parts = words(match[0])
        if parts and parts[-1] not in task.question:
            out |= dict.fromkeys(parts[:-1], parts[-1])
    return out


def groupings(text: str) -> set[tuple[str, str]]:
    """The pairs (label, item) of a text such as "Fruits: pear, fig. Tools: saw."; else nothing."""
    groups = re.findall(r"(\w[\w ]*):\s*([^:.;\n]+)(?=[.;\n]|$)", normal(text))
    if len(groups) < 2:
        return set()
    return {(stem(words(a)[-1]), w) for a, b in groups for w in words(b) if is_content(w)}


def grouping_quality(task: Task) -> tuple[float, str]:
    """The share of the things that the reference sorts which the answer has in the same group."""
    wanted, said = groupings(task.reference_text), groupings(task.answer_text)
    items = re.findall(r"(\w[\w ]*):\s*([^:.;\n]+)", normal(task.answer_text))
    said = said or {(stem(words(a)[-1]), w) for a, b in items for w in words(b) if is_content(w)}
    share = len(wanted & said) / max(1, len(wanted | said))
    return share, f"{len(wanted & said)} of {len(wanted)} items in their group"


def is_rewriting(given: list[str], reference: list[str], text: str) -> bool:
    """Whether the reference is mostly the given text again, which is no question and has no gap."""
    if text.rstrip().endswith("?") or re.search(r"__|\.\.\.|…", text):
        return False
    old, made = (Counter(map(stem, filter(is_content, w))) for w in (given, reference))
    return len(given) > 2 and 2 * (old & made).total() >= max(old.total(), made.total(), 1)


def order_gain(task: Task, copies: list[list[str]]) -> float:
    """Step 3 for rewriting: likeness to the reference, as far as it is better than the text's."""
    kept = {w for w in task.reference if not is_content(w)}
    said = [w for w in task.answer if is_content(w) or w in kept or len(task.answer) < 12]
    return _best_window(said, task.reference)


def _best_window(said: list[str], reference: list[str]) -> float:
    """Likeness of the whole answer, of its beginning or of its end to the reference."""
    n = len(reference)
    return max(similarity(part, reference) for part in (said, said[: n + 1], said[-n:]))


def order_quality(task: Task, copies) -> tuple[float, str]:
    """Step 3 without new words: likeness of order, less what the best copy would get."""
    kept = {w for w in task.reference if not is_content(w)}
    said, *copies = ([w for w in t if is_content(w) or w in kept] for t in (task.answer, *copies))
    reference = task.reference
    if Counter(said) == Counter(reference) and said == reference:
        return 1.0, "the reference and function words"
    s = _best_window(said, reference)
    s0 = max((similarity(copy, reference) for copy in copies if copy != reference), default=0.0)
    return max(0.0, s - s0) / (1 - s0), f"word order S = {s:.2f}, S0 = {s0:.2f}"


def similarity(one: list[str], other: list[str]) -> float:
    """2 · L / (length of one + length of the other), L the longest common subsequence."""
    best = [0] * (len(other) + 1)
    for word in one[: 4 * len(other) + 50]:
        before = best[:]
        for i, match in enumerate(other, start=1):
            best[i] = before[i - 1] + 1 if word == match else max(before[i], best[i - 1])
    return 2 * best[-1] / max(1, len(one) + len(other))


def padding_cost(task: Task) -> tuple[float, str]:
    """What words beyond those of question and reference cost; a few are free, but not where a whole
    sentence shares nothing with either, which counts twice."""
    told = Counter(task.question) | Counter(task.reference)
    beyond = (Counter(task.answer) - told).total() - max(5, len(task.reference) // 2)
    strange = 0
    for sentence in SENTENCES.split(task.answer_text)[1:]:
        found = words(sentence)
        if len(found) > 2 and not {w for w in found if is_content(w)} & told.keys():
            strange += 2 * len(found)
    cost = PADDING * min(1.0, max(0, beyond, strange) / 15)
    return cost, f"; padding -{cost:.0%}" if cost else ""


def contradiction(task: Task, picks: set[str], offered: set[str]) -> tuple[float, str]:
    """0.08 where the answer says the contrary or another number, else 1."""
    told, said, asked = (
        set(filter(is_number, w)) for w in (task.reference, task.answer, task.question)
    )
    wanted = told - asked
    if not wanted and not picks and len(told) < 3:  # as in "5 plus 0 is 5": how often counts
        told, said = (Counter(filter(is_number, w)) for w in (task.reference, task.answer))
        wanted = told
    if wanted - said and said - told:
        return CONTRADICTION, "; another number"
    if unit_clash(task.answer, task.reference):
        return 2 * CONTRADICTION, "; another unit"
    sides = [{*w[:1]} & {"yes", "no", "true", "false"} for w in (task.reference, task.answer)]
    if all(sides) and sides[0] != sides[1]:
        return 2 * CONTRADICTION, "; yes for no"
    reference = main_words(task)
    head = task.answer[: len(reference) + 2]
    if len(head) > len(words(REASON.split(task.answer_text)[0])):
        head = words(REASON.split(task.answer_text)[0]) or head
    said_not, told_not = (not NEGATIONS.isdisjoint(w) for w in (head, reference))
    whole = len(task.answer) > 0.6 * len(reference)  # a short answer may leave the claim out
    whole = whole and NEGATIONS.isdisjoint(task.question)
    flips = [said_not > told_not or (told_not > said_not and whole)]
    opposite = opposite_of(head, reference, task.question)
    flips.append(bool(opposite))
    chosen = [w for w in head if w in offered]
    wrong_pick = len(picks) == 1 and chosen and chosen[0] not in picks and picks < {*reference}
    listed = task.reference_text.count(",") > 1
    flips.append(
        (not listed and _swapped(head, reference, opposite)) or bool(wrong_pick and opposite)
    )
    if sum(flips) % 2:
        return CONTRADICTION, "; the contrary"
    if reference != task.reference and opposite_of(task.answer, task.reference, task.question):
        return 0.5, "; the contrary as a reason"
    return 1.0, ""


def unit_clash(answer: list[str], reference: list[str]) -> bool:
    """Whether a number of the reference stands in the answer with a unit of another kind."""
    theirs = {reference[i]: kind for i, kind, _ in quantities(reference)}
    found = ((answer[i], kind) for i, kind, _ in quantities(answer))
    return any(kind and theirs.get(word) and kind != theirs[word] for word, kind in found)


def opposite_of(
    head: list[str], reference: list[str], question: list[str]
) -> tuple[str, str] | None:
    """A word of the reference and the opposite that the answer has in its place."""
    said, told = {stem(w): w for w in head}, {stem(w) for w in reference}
    asked = {stem(w) for w in question}
    for word in reference:
        if is_content(word) and stem(word) not in said:
            for other in opposites(word):
                if other in said and other not in told and other not in asked:
                    return word, said[other]
    return None


def _swapped(head: list[str], reference: list[str], opposite) -> bool:
    """Whether the answer is the reference with two content words exchanged, not within a list."""
    one, other = opposite or ("", "")
    mine = [stem(w) for w in head if is_content(w) and w != other]
    theirs = [stem(w) for w in reference if is_content(w) and w != one]
    if Counter(mine) != Counter(theirs):
        return False
    places = [i for i, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]]
    return len(places) == 2
