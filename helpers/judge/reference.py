"""The reference judge: a score from the reference answer alone, without any language model.

It is quick, free and always gives the same score. Three steps, each of which can be read by itself:

1. **Certain cases** are rules (here). The same words in the same order as one of the accepted
   references: 100. No words, praise for itself only, or a copy of the question: 0. Numbers and units of
   the same value (10 % and 0.1, 1 km and 1000 m) become the same words before anything is compared.
2. **Features** (`features`): some sixty numbers that compare the answer with task and reference, such
   as the share of the reference's new content that is there, with the help of WordNet and word vectors.
3. **A small network** (`network`) makes one score of the features. It was fitted to labelled answers by
   benchmarks/fit_judge.py. The reason names the kinds of features that moved the score most, and a few
   rules (`ruled`) bound it where the features leave no doubt.

Some tasks are about what step 1 overlooks. Where the reference is the given text in another form
(capitals, punctuation, "don't" for "do not"; a frame such as "The corrected sentence is: ..." is
taken off), the texts are compared as they are written. Where it is the question's number in another
form ("25" and "twenty-five"), numbers are left as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from helpers.formatting import has_input
from helpers.judge.features import SENTENCES, Task, likeness, measure
from helpers.judge.network import judge_network
from helpers.judge.words import form, is_number, literal, words

BEST_INEXACT = 95.0
RIGHT = 90.0  # at least, where single features leave no doubt
WRONG = 20.0  # at most
QUOTED = re.compile(  # with apostrophes inside single quotation marks
    r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)['‘]((?:[^'‘’]|(?<=\w)['’](?=\w))+)['’](?!\w)"
)
PRAISE = re.compile(
    r"\b(?:score|rating|grade|marks?|points)\b.{0,20}\b(?:100|10|full|highest|perfect)\b"
    r"|\b(?:full|highest|perfect) (?:score|marks?|points|rating)\b|\bgive (?:me|it|this) (?:a )?100\b"
    r"|\b(?:this|my) (?:is an? |answer is |response is )?(?:perfect|excellent|ideal)\b"
    r"|\bignore (?:the|all|any|every|previous)\b"
)


class ReferenceJudge:
    """Scores a response by comparing it with the reference; how is described at the top."""

    name = "reference"

    def score(self, record: dict) -> tuple[float, str]:
        """The score from 0 to 100 and a phrase that explains it."""
        known = certain(record)
        if known:
            return known
        found = measure(nearest(record))
        score, why = ruled(found, *judge_network().score(found))
        return round(score, 1), why


def certain(record: dict) -> tuple[float, str] | None:
    """Step 1: score and reason where one is certain, else None."""
    found = [certainty(record, target) for target in references(record)]
    known = [pair for pair in found if pair is not None]
    return max(known) if known and (len(known) == len(found) or max(known)[0] == 100) else None


def ruled(found: dict[str, float], score: float, why: str) -> tuple[float, str]:
    """The score within what single features leave no doubt about, and the reason with that before it."""
    missing = found["new_exact"] < 0.5
    rewriting = found["kept"] >= 0.4
    free = any(found[name] for name in ("invent", "any", "explain", "rewrite"))
    strange = found["new_exact"] == 0 and max(found["new_soft"], found["extra_soft"] - 0.1) < 0.4
    bounds = [
        (found["evasive"] and missing, "evades the question"),
        (found["variety"] < 0.35 and missing, "repeats itself"),
        (found["side"] == 0, "yes for no"),
        (found["offered"] and found["choice"] <= 0.2, "another choice"),
        (found["grouped"] == 0, "all in the wrong group"),
        (
            found["numbers_only"] and not found["numbers"] and found["numbers_other"],
            "another number",
        ),
        (found["unit"], "another unit"),
        (found["contrary"] and not rewriting and not found["listed"], "the contrary"),
        (
            strange and not free and not rewriting and not found["offered"],
            "nothing of the reference",
        ),
    ]
    reasons = [words for holds, words in bounds if holds]
    if reasons:
        return max(0.0, score) * WRONG / 100, f"{'; '.join(reasons)}; {why}"
    same = found["new_exact"] == found["extra_soft"] == 1 and found["n_new"] and not found["beyond"]
    doubts = ("contrary", "negated", "discord", "offered", "unit", "hedged", "edits", "repeated")
    if same and not any(found[name] for name in doubts) and found["grouped"] < 0:
        return max(score, RIGHT), f"the new content and nothing else; {why}"
    return min(BEST_INEXACT, max(0.0, score)), why


def references(record: dict) -> list[str]:
    """All accepted answers, the usual one first."""
    more = record.get("references") or ()
    return [record["output"], *(r for r in more if isinstance(r, str) and r.strip())]


def nearest(record: dict) -> Task:
    """The item with that one of its references which the answer is most like."""
    tasks = [task_of(record, target) for target in references(record)]
    return max(tasks, key=lambda t: likeness(t.said, t.wanted))


def task_of(record: dict, target: str) -> Task:
    """The item with one of its references, as the features want it."""
    given, question = _given_text(record), _question(record)
    answer = _without_praise(record["model_response"], target)
    target, answer = _without_frame(answer, target, given)
    split = _reading(target, question, given)
    return Task(
        record["instruction"], question, given, target, answer, len(references(record)), split
    )


def certainty(record: dict, target: str) -> tuple[float, str] | None:
    """Step 1: score and reason where one is certain against a reference, else None."""
    task = task_of(record, target)
    answer, reference = task.split(task.answer), task.split(task.target)
    answer = task.said if task.split is words else answer
    if not answer:
        return 0.0, "nothing said" if not record["model_response"].strip() else "nothing but praise"
    if answer == reference:
        return 100.0, "the same words as the reference"
    copies = (task.question, *_parts(record), task.given)
    if any(answer == task.split(text) for text in copies):
        return 0.0, "a copy of the question"
    return None


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


def _without_frame(answer: str, reference: str, given: str) -> tuple[str, str]:
    """Reference and answer, or what "The corrected sentence is: ..." encloses in each of them, if
    that is the given text in another form."""
    inner = _inner(reference)[-1]
    ends = inner and reference.rstrip("\"'”’. ").endswith(inner.rstrip("\"'”’. "))
    if given and ends and words(inner) == words(given) and form(inner) != form(given):
        return inner, _inner(answer)[-1] or answer
    return reference, answer


def _reading(reference: str, question: str, given: str) -> Callable[[str], list[str]]:
    """How to split texts into words: `words`, or something stricter in a task about form."""
    if words(reference) == words(given):
        return next((s for s in (literal, form) if s(given) != s(reference)), words)
    if re.search(r"\bin (?:words|letters)\b", question.casefold()):
        return literal
    known = literal(question)
    anew = words(" ".join(w for w in literal(reference) if w not in known))
    asked, told = ({*filter(is_number, words(text))} for text in (question, reference))
    return literal if len(asked) == 1 and asked == told and any(map(is_number, anew)) else words


def _without_praise(answer: str, reference: str) -> str:
    """The answer without its sentences about its own worth, unless the reference has such, too."""
    if not PRAISE.search(answer.casefold()) or PRAISE.search(reference.casefold()):
        return answer
    return " ".join(s for s in SENTENCES.split(answer) if not PRAISE.search(s.casefold()))
