"""What the reference judge looks at: numbers that compare an answer with task and reference.

`measure` returns them all, by name; GROUPS says which part of this module each comes from. A part
is a function of a Task and knows nothing of the others; what they are worth together is fitted
(benchmarks/fit_judge.py).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

import numpy as np

from helpers.judge.compare import picks_of, unit_clash
from helpers.judge.compare import similarity as in_order
from helpers.judge.lexicon import (
    are_kin,
    are_opposites,
    is_kind_of,
    is_known,
    similarity,
    vector,
    weight,
)
from helpers.judge.words import (
    NEGATIONS,
    is_content,
    is_number,
    literal,
    normal,
    same_values,
    stem,
    words,
)

NONE = -1.0  # a feature that says nothing about this task
SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
REASON = re.compile(r"\b(?:because|since|as it)\b", re.IGNORECASE)
BETWEEN = re.compile(r"\s*(?:[,;/\n]|\b(?:and|or)\b|\b\d+[.)]\s)\s*")
EVASIVE = re.compile(
    r"\bdepends\b|\b(?:i|we) (?:do not|can not|am not|could not) (?:know|answer|say|sure|able|help)"
    r"|\blanguage model\b|\bsorry\b|\bsome (?:people )?(?:say|think)|\bthere are many\b|\bunable to\b"
    r"|\bboth can\b|\bhard to say\b"
)
INVENT = re.compile(  # something of one's own is asked for
    r"\b(?:write|create|compose|invent|suggest|propose|describe|imagine|come up with|make up|think of"
    r"|generate|design|brainstorm|recommend|discuss|title|slogan|simile|metaphor|poem|haiku|story|tips?"
    r"|advice|sentence that|in a sentence|sentence with|caption|riddle|joke"
    r"|advantages?|disadvantages?|benefits?|ways?)\b"
)
ANY = re.compile(  # one of several is asked for
    r"^\W*(?:please )?(?:can you |could you )?"
    r"(?:give|name|list|tell|provide|suggest|state|find|offer|write|create)"
    r"(?: me| us)? (?:an?|one|two|three|four|five|six|ten|some|any|several|\d+)\b"
)
EXPLAIN = re.compile(
    r"\b(?:explain|why|how (?:do|does|can|to)|what does|meaning|define|describe|differ)"
)
REWRITE = re.compile(
    r"\b(?:rewrite|rephrase|paraphrase|reword|summari[sz]e|summary|shorten|simplify|combine|join|edit"
    r"|formal|informal|polite|concise|own words|shorter|simpler|clearer|main idea|improve)\b"
)


@dataclass(frozen=True)
class Task:
    """One item as texts: what is asked, what is given to work on, what was wanted, what was said.

    split says how strictly the texts are to be read (words, or with punctuation and capitals).
    """

    instruction: str
    question: str  # with the input
    given: str
    target: str
    answer: str
    references: int
    split: Callable[[str], list[str]]

    @cached_property
    def asked(self) -> list[str]:
        return self.split(self.question) if self.split is literal else words(self.question)

    @cached_property
    def wanted(self) -> list[str]:
        return self.split(self.target) if self.split is literal else words(self.target)

    @cached_property
    def said(self) -> list[str]:
        return self.read(self.answer)

    def read(self, text: str) -> list[str]:
        """The words of (part of) the answer, values written as in the reference."""
        if self.split is literal:
            return literal(text)
        found = words(text)
        return same_values(found, self.wanted, self.asked) if self.split is words else found

    @cached_property
    def head(self) -> list[str]:
        """The first sentence of the answer, or the first two if the first is a word or two."""
        parts = [p for p in SENTENCES.split(self.answer.strip()) if p]
        first = self.read(parts[0]) if parts else []
        return self.read(" ".join(parts[:2])) if len(first) < min(3, len(self.wanted)) else first

    @cached_property
    def main(self) -> list[str]:
        """The words of the reference without the reason that it gives."""
        return words(REASON.split(self.target)[0]) or self.wanted

    @cached_property
    def asked_stems(self) -> set[str]:
        return {stem(w) for w in self.asked}

    @cached_property
    def new(self) -> list[str]:
        """Words of the reference that the question does not give away: by stem, else by form."""
        content = [w for w in dict.fromkeys(self.wanted) if is_content(w)]
        asked = set(self.asked)
        return [w for w in content if stem(w) not in self.asked_stems] or [
            w for w in content if w not in asked
        ]

    @cached_property
    def extra(self) -> list[str]:
        """Words of substance that the answer brings along itself."""
        found = dict.fromkeys(self.said)
        return [w for w in found if is_content(w) and stem(w) not in self.asked_stems]


def measure(task: Task) -> dict[str, float]:
    """All features of an item, by name."""
    found = {name: float(value) for part in PARTS for name, value in part(task).items()}
    return {"guess": guess(found), **found}


def guess(f: dict[str, float]) -> float:
    """A first guess, which the fit corrects: new content, times what speaks against it."""
    if f["grouped"] >= 0:
        core = f["grouped"]
    elif f["offered"]:
        core = f["choice"]
    elif f["kept"] >= 0.4:
        core = f["edit_f"]
    else:
        core = f["new_soft"] * (0.4 + 0.6 * f["extra_head"])
    against = (f["contrary"], f["unit"], f["side"] == 0, f["numbers_only"] and not f["numbers"])
    return core * (0.1 if any(against) else 1.0) * math.exp(-0.5 * f["strange"] - f["repeated"])


def content(task: Task) -> dict[str, float]:
    """How much of the new content is there, and how much of the answer's is of that kind."""
    asked = set(task.asked)
    goal = task.new or [w for w in dict.fromkeys(task.wanted) if is_content(w)] or task.wanted
    said = [w for w in dict.fromkeys(task.said) if w not in asked or w in goal]
    best = [_best(w, said) for w in goal]
    first = [_best(w, [v for v in said if v in task.head]) for w in goal]
    own = task.extra
    right = [_best(w, task.wanted) for w in own]
    early = [(w, r) for w, r in zip(own, right, strict=True) if w in task.head]
    told = [w for w in dict.fromkeys(task.wanted) if is_content(w)]
    say = [w for w in dict.fromkeys(task.said) if is_content(w)]
    wrong = [w for w, r in early if r < 0.5]
    known = [w for w in told if stem(w) in task.asked_stems]
    mine = {stem(w) for w in task.said}
    there = {*task.wanted, *task.asked}
    missing = [w for w, r in zip(goal, best, strict=True) if r < 0.5]
    kin = sum(any(are_kin(w, v) for v in missing) for w in wrong)
    return {
        "new_exact": _mean([float(w in task.said) for w in goal], goal),
        "new_soft": _mean(best, goal),
        "new_worst": min(best, default=0.0),
        "new_last": best[-1] if best else 0.0,
        "new_first": best[0] if best else 0.0,
        "new_head": _mean(first, goal),
        "new_letters": letters([w for w in task.said if w not in asked], goal),
        "extra_soft": _mean(right, own, 1.0),
        "extra_head": _mean([r for _, r in early], [w for w, _ in early], 1.0),
        "extra_wrong": sum(r < 0.5 for r in right) / (1 + len(goal)),
        "replaced": min(len(wrong), len(missing)) / max(1, len(goal)),
        "replaced_by_kin": kin / max(1, len(goal)),
        "recall": _mean([_best(w, task.said) for w in told], told),
        "precision": _mean([_best(w, task.wanted) for w in say], say),
        "known": _mean([float(stem(w) in mine) for w in known], known, 1.0),
        "known_other": sum(w not in task.wanted for w in say if w in asked) / (1 + len(known)),
        "unknown": sum(not is_known(w) and w not in there for w in say) / max(1, len(say)),
        "n_new": math.log1p(len(task.new)),
        "n_extra": math.log1p(len(own)),
        "nothing_new": float(bool(task.new) and not own and not set(task.new) & set(task.said)),
    }


def wording(task: Task) -> dict[str, float]:
    """Likeness of the two texts as strings, and how much a copy would have of it."""
    n = len(task.wanted)
    window = max(
        in_order(part, task.wanted) for part in (task.said, task.said[: n + 1], task.said[-n:])
    )
    copy = max(
        in_order(task.asked, task.wanted),
        in_order(words(task.given), task.wanted),
    )
    return {
        "order": in_order(task.said, task.wanted),
        "order_window": window,
        "order_gain": (window - copy) / (1.001 - copy),
        "letters": letters(task.said, task.wanted),
        "letters_head": letters(task.head, task.wanted),
        "letters_copy": max(
            letters(task.asked, task.wanted), letters(words(task.given), task.wanted)
        ),
        "echo_letters": letters(task.said, task.asked),
        "echo_given": letters(task.said, words(task.given)) if task.given else NONE,
        "echo": _share(task.said, lambda w: stem(w) in task.asked_stems),
    }


def editing(task: Task) -> dict[str, float]:
    """Where the reference is the given text with changes: which of them were made, and which others."""
    given, target, answer = (task.split(t) for t in (task.given, task.target, task.answer))
    same = in_order(given, target) if task.given else 0.0
    wanted, made = _edits(given, target), _edits(given, answer[: 2 * len(target) + 10])
    if same < 0.4 or not wanted:
        return {
            "edit_f": 0.5,
            "kept": same,
            "edit_recall": 0.5,
            "edit_precision": 0.5,
            "edits": 0.0,
        }
    both = (wanted & made).total()
    return {
        "edit_f": 2 * both / max(1, wanted.total() + made.total()),
        "kept": same,
        "edit_recall": both / wanted.total(),
        "edit_precision": both / max(1, made.total()),
        "edits": math.log1p(wanted.total()),
    }


def claims(task: Task) -> dict[str, float]:
    """What speaks against an answer: another number or unit, yes for no, the contrary."""
    told, said, asked = (
        Counter(filter(is_number, w)) for w in (task.wanted, task.said, task.asked)
    )
    wanted = {*told} - {*asked} or {n for n in told if told[n] > asked[n]}  # as in "5 plus 0 is 5"
    met = [n for n in wanted if n in said and (n not in asked or said[n] > min(1, asked[n]))]
    numbers = 0.5 if not wanted else len(met) / len(wanted)
    sides = [{*w[:1]} & {"yes", "no", "true", "false"} for w in (task.wanted, task.said)]
    head = words(REASON.split(" ".join(task.head))[0]) or task.head
    negated = NEGATIONS.isdisjoint(task.main) != NEGATIONS.isdisjoint(head)
    short = len(head) < 0.6 * len(task.main) and NEGATIONS.isdisjoint(head)
    opposite = opposite_in(head, task.main, task.asked)
    swapped = swaps(head, task.main, opposite or ())
    there = {stem(w) for w in (*head, *(opposite or ()))}
    share = _share(task.main, lambda w: stem(w) in there)
    contrary = (
        (int(negated and not short) + int(bool(opposite)) + int(swapped)) % 2 * (share >= 0.5)
    )
    return {
        "numbers": numbers,
        "numbers_only": float(bool(task.new) and all(map(is_number, task.new))),
        "numbers_other": len({*said} - {*told} - {*asked})
        if told
        else min(1, len({*said} - {*asked})),
        "unit": float(unit_clash(task.said, task.wanted)),
        "side": 0.5 if not all(sides) else float(sides[0] == sides[1]),
        "negated": float(negated and not short),
        "opposite": float(bool(opposite_in(task.said, task.wanted, task.asked))),
        "contrary": float(contrary),
        "discord": discord(head, task.main),
    }


def choosing(task: Task) -> dict[str, float]:
    """Whether the answer picks, out of what the question offers, the same as the reference."""
    picks, offered = picks_of(task.question, task.main)
    if not picks:
        return {"choice": 0.5, "offered": 0.0}
    said = [w for w in task.said if w in offered]
    turned = opposite_in(task.head, task.main, task.asked)  # "A is smaller" for "B is larger"
    if len(picks) == 1 and said:
        both = any(
            w in ("or", "and", "/") and offered & {*task.said[max(0, i - 3) : i]}
            and offered & {*task.said[i + 1 : i + 4]}
            for i, w in enumerate(task.said)
        )  # fmt: skip
        return {
            "choice": 0.2 if both else float((said[0] in picks) != bool(turned)),
            "offered": len(offered),
        }
    chosen = set(said)
    share = len(chosen & picks) / max(1, len(chosen | picks))
    return {"choice": share if said else 0.3, "offered": len(offered)}


def listing(task: Task) -> dict[str, float]:
    """Where several things are wanted: which of them are there, and are the others of the kind?"""
    wanted, said = items(task.target), items(task.answer)
    pairs, mine = groupings(task.target), groupings(task.answer)
    grouped = len(pairs & mine) / max(1, len(pairs | mine)) if pairs else NONE
    hedged = float("or" in task.head and "or" not in task.wanted)
    named = [w for w in words(task.instruction) if is_content(w) and not is_number(w)]
    heads = [i[-1] for i in said if 0 < len(i) < 4]
    kinds = [any(is_kind_of(w, k) for k in named if stem(k) != stem(w)) for w in heads]
    hits = [max((_akin(w, s) for s in said), default=0.0) for w in wanted]
    good = [max((_akin(s, w) for w in wanted), default=0.0) for s in said]
    also = [any(are_kin(s[-1], w[-1]) for w in wanted if s and w) for s in said]
    fit = [max(hit, 0.9 * kin) for hit, kin in zip(good, also, strict=True)]
    found = {
        "listed": 0.0,
        "items": NONE,
        "items_of_kind": sum(kinds) / max(1, len(said)),
        "items_fit": sum(fit) / max(len(fit), len(wanted)) if _any_will_do(task) else 0.5,
        "items_count": NONE,
        "grouped": grouped,
        "hedged": hedged,
    }
    if len(wanted) > 1:
        found["listed"], found["items"] = math.log(len(wanted)), sum(hits) / len(hits)
        found["items_count"] = min(len({tuple(i) for i in said}), 2 * len(wanted)) / len(wanted)
    return found


def relation(task: Task) -> dict[str, float]:
    """Whether the answer is to the word in question what the reference is: a synonym, an opposite."""
    asked = words(task.given)
    if len(asked) != 1 or not task.new or len(task.new) > 2:
        return {"relation": 0.5}
    word, told, said = asked[0], task.new[-1], (task.extra or [asked[0]])[-1]
    if are_opposites(word, told):
        return {"relation": float(are_opposites(word, said))}
    if similarity(word, told) >= 0.5 and stem(word) != stem(told):
        alike = similarity(word, said) if stem(word) != stem(said) else 0.0
        return {"relation": 0.0 if are_opposites(word, said) else min(1.0, alike / 0.6)}
    return {"relation": 0.5}


def shape(task: Task) -> dict[str, float]:
    """Length, padding and repetition."""
    told = Counter(task.wanted) | Counter(task.asked)
    beyond = (Counter(task.said) - told).total()
    parts = [words(p) for p in SENTENCES.split(task.answer.strip()) if p]
    known = {stem(w) for w in (*task.wanted, *task.asked) if is_content(w)}
    strange = sum(len(p) for p in parts[1:] if not {stem(w) for w in p if is_content(w)} & known)
    pairs = list(zip(task.said, task.said[1:], strict=False))
    threes = list(zip(task.said, task.said[1:], task.said[2:], strict=False))
    return {
        "length": math.log(len(task.said) or 1),
        "length_reference": math.log(len(task.wanted) or 1),
        "length_ratio": math.log((len(task.said) + 2) / (len(task.wanted) + 2)),
        "sentences": len(parts) - len([p for p in SENTENCES.split(task.target) if p]),
        "beyond": beyond / (5 + len(task.wanted)),
        "strange": strange / (5 + len(task.wanted)),
        "repeated": 1 - len(set(pairs)) / max(1, len(pairs)),
        "repeated_threes": 1 - len(set(threes)) / max(1, len(threes)),
        "variety": len(set(task.said)) / max(1, len(task.said)),
        "markup": float("###" in task.answer) + float(task.answer.count("\n- ") > 1),
        "cut_off": float(task.answer.rstrip()[-1:] not in ".!?\"'”’)" and len(task.said) > 12),
    }


def topic(task: Task) -> dict[str, float]:
    """Whether the words are met in the same company: cosines of mean vectors."""
    answer, target, question = (
        _centre([w for w in t if is_content(w)]) for t in (task.said, task.wanted, task.asked)
    )
    own, new = _centre(task.extra), _centre(task.new)
    return {
        "near_reference": _cosine(answer, target),
        "near_new": _cosine(own, new),
        "near_question": _cosine(own, question),
        "reference_near_question": _cosine(new, question),
        "head_near": _cosine(_centre([w for w in task.head if is_content(w)]), target),
    }


def kind(task: Task) -> dict[str, float]:
    """What kind of task it is, and whether an answer is made at all."""
    text = normal(task.instruction)
    quoted = re.findall(r"[\"'“‘](\w+)[\"'”’]", task.instruction)
    required = [w for w in quoted if stem(w.casefold()) in {stem(v) for v in task.wanted}]
    there = {stem(w) for w in task.said}
    return {
        "invent": float(bool(INVENT.search(text))),
        "any": float(bool(ANY.search(text))),
        "explain": float(bool(EXPLAIN.search(text))),
        "rewrite": float(bool(REWRITE.search(text))),
        "with_given": float(bool(task.given)),
        "references": task.references,
        "evasive": float(bool(EVASIVE.search(normal(task.answer)))),
        "required": 1.0
        if not required
        else float(all(stem(w.casefold()) in there for w in required)),
        "question_mark": float(task.target.rstrip().endswith("?"))
        - float(task.answer.rstrip().endswith("?")),
    }


# --- the parts ------------------------------------------------------------------------------------


def _best(word: str, others: Sequence[str]) -> float:
    return max((similarity(word, other) for other in others), default=0.0)


def _mean(values: Sequence[float], of: Sequence[str], empty: float = 0.0) -> float:
    """The mean of values, weighted by how much each word tells; `empty` without words."""
    weights = [weight(w) for w in of]
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights) if of else empty


def _share(found: list[str], known: Callable[[str], bool]) -> float:
    found = [w for w in found if is_content(w)]
    return sum(map(known, found)) / max(1, len(found))


def letters(one: Sequence[str], other: Sequence[str]) -> float:
    """Mean F1 of the letter n-grams of two texts, n from 2 to 4 (chrF, Popović 2015)."""
    a, b = (f" {' '.join(t)} " for t in (one, other))
    found = []
    for n in (2, 3, 4):
        mine, theirs = (Counter(t[i : i + n] for i in range(len(t) - n + 1)) for t in (a, b))
        found.append(2 * (mine & theirs).total() / max(1, mine.total() + theirs.total()))
    return sum(found) / len(found)


def _edits(one: list[str], other: list[str]) -> Counter:
    """The tokens taken off and put in on the way from one text to the other."""
    found: Counter = Counter()
    for tag, i, j, k, m in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag != "equal":
            found.update(("-", w) for w in one[i:j])
            found.update(("+", w) for w in other[k:m])
    return found


def opposite_in(said: list[str], told: list[str], asked: list[str]) -> tuple[str, str] | None:
    """A word of the reference and the opposite that the answer has in its place."""
    mine, theirs = {stem(w) for w in said}, {stem(w) for w in told}
    known = {stem(w) for w in asked}
    other = [w for w in said if stem(w) not in theirs | known]
    missing = [w for w in told if is_content(w) and stem(w) not in mine]
    return next(((w, o) for w in missing for o in other if are_opposites(w, o)), None)


def swaps(said: list[str], told: list[str], opposite: Sequence[str] = ()) -> bool:
    """Whether the answer is the reference with two content words exchanged."""
    mine, theirs = (
        [stem(w) for w in t if is_content(w) and w not in opposite] for t in (said, told)
    )
    if Counter(mine) != Counter(theirs):
        return False
    return sum(a != b for a, b in zip(mine, theirs, strict=True)) == 2


def discord(said: list[str], told: list[str]) -> float:
    """Share of the pairs of common content words that stand in the other order."""
    theirs = {stem(w): i for i, w in reversed([*enumerate(told)]) if is_content(w)}
    places = [theirs[s] for s in dict.fromkeys(map(stem, said)) if s in theirs]
    pairs = [(a, b) for i, a in enumerate(places) for b in places[i + 1 :]]
    return sum(a > b for a, b in pairs) / len(pairs) if pairs else 0.0


def _any_will_do(task: Task) -> bool:
    return bool(ANY.search(normal(task.instruction)) or INVENT.search(normal(task.instruction)))


def items(text: str) -> list[list[str]]:
    """The things that a text lists, each as its words; a text that is no list is one thing."""
    text = re.sub(r"^[^:\n]{0,60}:\s", "", normal(text)).rstrip(".")
    found = [words(part) for part in BETWEEN.split(text)]
    found = [[w for w in part if is_content(w)] for part in found if part]
    found = [part for part in found if part]
    return found if found and sum(map(len, found)) / len(found) <= 3.5 else [words(text)]


def _akin(one: list[str], other: list[str]) -> float:
    there = [_best(w, other) for w in one]
    return sum(there) / max(1, len(there))


def groupings(text: str) -> set[tuple[str, str]]:
    """The pairs (label, item) of a text such as "Fruits: pear, fig. Tools: saw."; else nothing."""
    text = normal(text)
    groups = re.findall(r"(\w[\w ]*):\s*([^:.;\n]+)(?=[.;\n]|$)", text)
    groups += [(b, a) for a, b in re.findall(r"(\w+)\s+[-–=]\s+(\w+)(?=[,.;\n]|$)", text)]
    named = [(words(a), words(b)) for a, b in groups]
    return {(stem(a[-1]), w) for a, b in named if a for w in b if is_content(w)}


def _centre(found: Sequence[str]) -> np.ndarray | None:
    """The weighted mean of the words' vectors."""
    rows = [(weight(w), vector(w)) for w in found]
    rows = [w * v for w, v in rows if v is not None]
    return np.sum(rows, axis=0) if rows else None


def _cosine(one: np.ndarray | None, other: np.ndarray | None) -> float:
    if one is None or other is None:
        return NONE / 2
    return float(one @ other / max(1e-9, np.linalg.norm(one) * np.linalg.norm(other)))


PARTS = (content, wording, editing, claims, choosing, listing, relation, shape, topic, kind)
_NOTHING = Task("", "", "", "a", "b", 1, words)
GROUPS = {part.__name__: tuple(part(_NOTHING)) for part in PARTS}  # the names of the features
GROUPS["rules"] = ("rules", "guess")
