"""The reference judge: a score from the reference answer alone, without any language model.

It is quick, free and always gives the same score. Three steps, each of which can be read by itself:

1. **Rules** (`rules`) compare the words of answer and reference and look for what speaks against an
   answer. Where they are certain, they decide: the reference's words are 100, a copy of the question 0.
2. **Features** (`features`): some eighty numbers say how answer, reference and question are related,
   with the help of WordNet and word vectors (`lexicon`). The rules' score is one of them.
3. **Kernel ridge regression** (`kernel`) makes one score of the features: that of answers on which much
   the same was measured. It was fitted to labelled answers by benchmarks/fit_judge.py, and the reason
   names the kinds of features that moved the score most. `bounded` keeps it within what the rules know.

What it cannot do is know anything: a false reason, a wrong year that the reference does not name, or a
good answer in quite other words may pass it by. How far to trust it is a question that every judge has
to be asked.
"""

from __future__ import annotations

from helpers.judge import rules
from helpers.judge.features import Task, letters, measure
from helpers.judge.kernel import fitted_digest, judge_kernel
from helpers.judge.words import words

BEST_INEXACT = 95.0
RIGHT = 90.0  # a short answer that the rules find right gets at least this
PADDED, OFF_THE_POINT, NOTHING_RIGHT, WRONG, NOTHING_SAID = 70.0, 14.0, 12.0, 8.0, 3.0  # at most
DOUBTFUL = 55.0  # below, an answer in which the rules find nothing right has nothing right
UNLIKELY = 35.0  # the same for a task with many right answers
AGAINST = {  # what the rules say of a wrong answer, and what it is worth at most
    "another number": WRONG,
    "another unit": WRONG,
    "yes for no": WRONG,
    "choice 0.00": WRONG,
    "the contrary": 10.0,
    "contradicts": 12.0,
}


class ReferenceJudge:
    """Scores a response by comparing it with the reference; how is described at the top."""

    name = "reference"

    def __init__(self) -> None:
        # Scores of two fits must not mix in a journal.
        self.options = {"fitted": fitted_digest()[:12]}

    def score(self, record: dict) -> tuple[float, str]:
        """The score from 0 to 100 and a phrase that explains it."""
        ruled, why = rules.score(record)
        if is_certain(ruled, why):
            return ruled, why
        found = measured(record, ruled)
        learned, moved = judge_kernel().score(found)
        return round(decided(record, ruled, why, found, learned), 1), f"{why}; {moved}"


def measured(record: dict, ruled: float) -> dict[str, float]:
    """What step 3 is given: the features against the nearest reference, and the rules' score."""
    return measure(nearest(record)) | {"rules": ruled}


def references(record: dict) -> list[str]:
    """All accepted answers, the usual one first."""
    more = record.get("references") or ()
    return [record["output"], *(r for r in more if isinstance(r, str) and r.strip())]


def nearest(record: dict) -> Task:
    """The item with that one of its references which the answer is most like."""
    tasks = [task_of(record, target) for target in references(record)]
    return max(tasks, key=lambda t: letters(t.said, t.wanted))


def task_of(record: dict, target: str) -> Task:
    """The item with one of its references, as the features want it."""
    given, question = rules.given_text(record), rules.question_of(record)
    target, answer = rules.without_frame(
        rules.without_praise(record["model_response"], target), target, given
    )
    split = rules.reading(target, question, given)
    return Task(
        record["instruction"], question, given, target, answer, len(references(record)), split
    )


def is_certain(ruled: float, why: str) -> bool:
    """Whether the rules' verdict is the last word."""
    return ruled == 100 or why.startswith(("a copy", "nothing"))


def decided(record: dict, ruled: float, why: str, found: dict[str, float], learned: float) -> float:
    """The score: the rules' where they are certain, else the learned one within their bounds."""
    if is_certain(ruled, why):
        return ruled
    short = len(record["output"].split()) <= 4
    score = min(BEST_INEXACT, max(0.0, learned))
    for most in bounds(ruled, why, found, score):
        score = squeezed(score, most)
    if ruled == 0 and nearest(record).split is not words:
        score = min(score, NOTHING_SAID)  # the form is the task, and nothing of it is there
    sure = short or "in their group" in why
    return max(score, RIGHT) if ruled >= RIGHT and sure else score


def bounds(ruled: float, why: str, found: dict[str, float], score: float) -> list[float]:
    """What an answer is worth at most (see `squeezed`) for each thing that speaks against it."""
    free = any(found[name] for name in ("invent", "any", "explain", "rewrite"))
    closed = not free and found["kept"] < 0.4
    marks = [most for mark, most in AGAINST.items() if ruled < 50 and closed and mark in why]
    if found["evasive"] and found["new_exact"] < 0.5:
        marks.append(NOTHING_SAID)
    if ruled < 3 and closed and score < DOUBTFUL:
        marks.append(NOTHING_RIGHT)
    if ruled < 30 and free and not found["new_exact"] and score < UNLIKELY:
        marks.append(OFF_THE_POINT)
    off = "; 0 words on the subject" in why and found["near_question"] < 0.05
    off = off and found["new_soft"] < 0.3
    if off or (ruled == 0 and not found["new_exact"] and "padding" in why):
        marks.append(OFF_THE_POINT)
    if "padding" in why:
        marks.append(PADDED)
    return marks


def squeezed(score: float, most: float) -> float:
    """`most` and a tenth of what is beyond it, so that the order of scores is kept."""
    return min(score, most + 0.1 * (score - most))
