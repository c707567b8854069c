"""The rules of the reference judge: what of the reference is there, and what speaks against an answer.

They reward what a model had to know: words of the reference that could not be copied from the
question. Their score is where `reference` begins; where they are certain, it is also where it ends.

**The formula.** Both texts become words as `helpers.judge.words` describes; numbers and units that
have the same value (10 % and 0.1, 1 km and 1000 m) become the same words. Sentences in which the
answer praises itself are taken off. Of several accepted references, the best counts.

1. The same words in the same order: 100. No words, or a copy of the question: 0. Else
       score = 95 · quality · (1 - padding) · contradiction.
2. *New* words are the content words of the reference that the question does not contain, in no
   form unless the text is to be rewritten. Quality is
       hits / (new + wrong / 2),
       hits  = new words that the answer has: 1 for the same word, 0.95 for another form of it, 0.85
               for a synonym, 0.8 for a slip of spelling; where the form is the task (a word of the
               question in another form), 1 or nothing; the last word of a name stands for all of it;
       wrong = content words that are neither in question nor in reference, as far as they stand in
               the place of something missing;
   with more than three new words to the power of 0.7, as few answers word them all the same. A
   reason that the reference adds counts 0.3. In rewriting, times S, the likeness of step 4.
3. Where the question offers a choice ("positive or negative", a list), the pick decides: the wrong
   one or both is 0. Where the reference sorts things ("Fruits: pear. Tools: saw."), quality is the
   share of things in their group.
4. Without new words (sorting, active to passive) the order decides. L is the longest common
   subsequence, S = 2 · L / (length of the answer + length of the reference), S0 the S of the best
   copy out of the question, and quality is max(0, S - S0) / (1 - S0).
5. Padding costs up to 0.4: words beyond those of question and reference, a few of them free.
   Contradiction is 0.08 for another number, for a negation, for an opposite ("larger", "smaller") or
   for two words exchanged ("A is larger than B"), where two of these cancel out; 0.16 for another
   unit or yes for no; 0.5 for the opposite in the reason only; else 1.
6. Where many answers are right (a simile, advice, a summary), an answer that contradicts nothing
   gets a guess if that is higher: up to 70 for words on the subject, and 28 without any.

Some tasks are about what step 1 overlooks. Where the reference is the given text in another form
(capitals, punctuation, "don't" for "do not"; a frame such as "The corrected sentence is: ..." is
taken off), step 4 compares the texts as they are written. Where it is the question's number in
another form ("25" and "twenty-five"), numbers are left as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from helpers.formatting import has_input
from helpers.judge.compare import (
    SENTENCES,
    Task,
    choice_worth,
    content_quality,
    contradiction,
    grouping_quality,
    groupings,
    is_rewriting,
    main_words,
    new_words,
    opposite_of,
    order_gain,
    order_quality,
    padding_cost,
    picks_of,
    similarity,
)
from helpers.judge.words import (
    FRAME_WORDS,
    FREE_REWRITING,
    OPEN_TASK,
    TASK_WORDS,
    form,
    is_content,
    is_number,
    literal,
    same_values,
    same_word,
    stem,
    words,
)

BEST_INEXACT = 95.0
PLAUSIBLE = 70.0  # an answer of another kind to a task with many right answers
CONTRARY = ("another number", "another unit", "yes for no", "the contrary", "a copy", "choice 0.00")
QUOTED = re.compile(  # with apostrophes inside single quotation marks
    r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)['‘]((?:[^'‘’]|(?<=\w)['’](?=\w))+)['’](?!\w)"
)
PRAISE = re.compile(
    r"\b(?:score|rating|grade|marks?|points)\b.{0,20}\b(?:100|10|full|highest|perfect)\b"
    r"|\b(?:full|highest|perfect) (?:score|marks?|points|rating)\b|\bgive (?:me|it|this) (?:a )?100\b"
    r"|\b(?:this|my) (?:is an? |answer is |response is )?(?:perfect|excellent|ideal)\b"
    r"|\bignore (?:the|all|any|every|previous)\b"
)


def score(record: dict) -> tuple[float, str]:
    """The score from 0 to 100 and a phrase that explains it: of several references, the best."""
    more = [r for r in record.get("references") or () if isinstance(r, str) and r.strip()]
    found = [_score(record, target) for target in (record["output"], *more)]
    best, why = max(found, key=lambda pair: pair[0])
    if _lacks_required(record):
        return round(0.1 * best, 1), why + "; without the word asked for"
    if best < PLAUSIBLE and not any(mark in why for mark in CONTRARY):
        plausible, reason = _plausible(record, [record["output"], *more])
        if plausible > best:
            return round(plausible, 1), reason
    return round(best, 1), why


def _score(record: dict, target: str) -> tuple[float, str]:
    """Score and reason against one reference."""
    given = given_text(record)
    whole, said = target, without_praise(record["model_response"], target)
    target, response = without_frame(said, target, given)
    split = reading(target, question_of(record), given)
    answer, reference = split(response), split(target)
    if answer == reference and answer:
        return (
            (100.0, "the same words as the reference")
            if response == said
            else _unpadded(100.0, whole, said, question_of(record))
        )
    if not answer:
        return 0.0, "nothing said" if not record["model_response"].strip() else "nothing but praise"
    copies = [split(text) for text in (question_of(record), *parts_of(record), given)]
    if split is not words and words(target) == words(given):
        score, why = _order_score(answer, reference, copies)
        return _unpadded(score, whole, said, question_of(record), f"a task about form: {why}")
    if any(answer == copy for copy in copies):
        return 0.0, "a copy of the question"
    if split is words:
        answer = same_values(answer, reference, copies[0])
    task = Task(
        copies[0], copies[-1], reference, answer, question_of(record), given, target, response
    )
    return _words_score(task, copies)


def _unpadded(score: float, reference: str, answer: str, question: str, why: str = "the same"):
    """The score less what padding around the quoted part of an answer costs."""
    texts = (question, "", reference, answer)
    padding, reason = padding_cost(Task(*map(words, texts), *texts))
    return score * (1 - padding), why + reason


def parts_of(record: dict) -> tuple[str, ...]:
    """Instruction and input (if any), as texts."""
    given = (record["input"],) if has_input(record) else ()
    return (record["instruction"], *given)


def question_of(record: dict) -> str:
    return "\n".join(parts_of(record))


def given_text(record: dict) -> str:
    """The text to work on: the input, or what is quoted or follows a colon, or nothing."""
    if has_input(record):
        return record["input"]
    return max(_inner(record["instruction"]), key=len)


def _inner(text: str) -> list[str]:
    """What stands in quotation marks, or else follows a colon; at least an empty string."""
    quoted = ["".join(groups) for groups in QUOTED.findall(text)]
    return quoted or [text.partition(":")[2].strip()]


def without_frame(answer: str, reference: str, given: str) -> tuple[str, str]:
    """Reference and answer, or what "The corrected sentence is: ..." encloses in each of them, if
    that is the given text in another form."""
    inner = _inner(reference)[-1]
    ends = inner and reference.rstrip("\"'”’. ").endswith(inner.rstrip("\"'”’. "))
    if given and ends and words(inner) == words(given) and form(inner) != form(given):
        return inner, _inner(answer)[-1] or answer
    return reference, answer


def reading(reference: str, question: str, given: str) -> Callable[[str], list[str]]:
    """How to split texts into words: `words`, or something stricter in a task about form."""
    if words(reference) == words(given):
        return next((s for s in (literal, form) if s(given) != s(reference)), words)
    if re.search(r"\bin (?:words|letters)\b", question.casefold()):
        return literal
    known = literal(question)
    anew = words(" ".join(w for w in literal(reference) if w not in known))
    asked, told = ({*filter(is_number, words(text))} for text in (question, reference))
    return literal if len(asked) == 1 and asked == told and any(map(is_number, anew)) else words


def without_praise(answer: str, reference: str) -> str:
    """The answer without its sentences about its own worth, unless the reference has such, too."""
    if not PRAISE.search(answer.casefold()) or PRAISE.search(reference.casefold()):
        return answer
    return " ".join(s for s in SENTENCES.split(answer) if not PRAISE.search(s.casefold()))


def _words_score(task: Task, copies: list[list[str]]) -> tuple[float, str]:
    """Steps 2 to 5: what of the new content is there, in which order, and what speaks against it."""
    grouped = groupings(task.reference_text)
    picks, offered = (set(), set()) if grouped else picks_of(task.question_text, main_words(task))
    new = new_words(task, picks)
    rewriting = is_rewriting(task.given, task.reference, task.given_text)
    if grouped:
        quality, why = grouping_quality(task)
    elif len(picks) == len(offered) == 1 or not new:
        quality, why = order_quality(task, copies)
    else:
        quality, why = content_quality(task, new, picks, rewriting)
        if rewriting:
            order = order_gain(task, copies)
            quality, why = quality * order, f"{why}, order {order:.2f}"
    if picks and not rewriting:
        turned = len(picks) == 1 and opposite_of(task.answer, main_words(task), task.question)
        wanted = offered - picks if turned else picks
        chosen, reason = choice_worth(task.answer, wanted, offered)
        quality, why = (0.8 + 0.2 * quality if chosen == 1 else quality) * chosen, why + reason
    padding, reason = padding_cost(task)
    against, contrary = contradiction(task, picks, offered)
    score = BEST_INEXACT * quality * (1 - padding) * against
    if quality < 0.4 and "choice 0.00" not in reason:
        contrary = contrary.replace("the contrary", "contradicts")
    return score, why + reason + contrary


def _order_score(answer, reference, copies) -> tuple[float, str]:
    """Likeness of order in a task about form, less what the best copy would get."""
    s = similarity(answer, reference)
    s0 = max((similarity(copy, reference) for copy in copies if copy != reference), default=0.0)
    score = BEST_INEXACT * max(0.0, s - s0) / (1 - s0)
    return score, f"word order S = {s:.2f}, S0 = {s0:.2f}"


def _plausible(record: dict, references: list[str]) -> tuple[float, str]:
    """Step 6: a task with many right answers gets a guess for an answer on its subject."""
    text, answer = (
        record["instruction"].casefold(),
        words(without_praise(record["model_response"], references[0])),
    )
    question, targets = words(question_of(record)), [words(r) for r in references]
    if any(opposite_of(answer, target, question) for target in targets):
        return 0.0, ""
    content = [w for w in answer if is_content(w)]
    if FREE_REWRITING.search(text) and not set(content) <= set(question):
        return _reworded(answer, targets, words(given_text(record)))
    if has_input(record) or not (OPEN_TASK.search(text) or len(references) > 1):
        return 0.0, ""
    target = [w for t in targets for w in t]
    topic = {w for w in question + target if is_content(w)} - TASK_WORDS - FRAME_WORDS
    own = [w for w in set(content) if w not in question]
    if not own:
        bare = content and len(set(content)) > len(content) / 2 and answer != question
        return (30.0, "on the subject, no more") if bare else (0.0, "")
    if "simile" in text and not {"like", "as"} & set(answer):
        return 20.0, "no comparison"
    near = sum(1 for w in set(content) if any(_akin(w, t) for t in topic))
    variety = len(set(content)) / len(content)
    long = len(answer) / (max(len(words(r)) for r in references) + 8)
    worth = PLAUSIBLE * (0.4 if not near else 0.7 + 0.15 * min(2, near)) * variety / max(1.0, long)
    return worth, f"one of many answers; {near} words on the subject"


def _reworded(answer: list[str], targets: list[list[str]], given: list[str]) -> tuple[float, str]:
    """Step 6 where the given text is to be worded anew: how much of a reference is there at all."""
    best = max((_soft(answer, target) for target in targets), default=0.0)
    before = max((_soft(given, target) for target in targets), default=0.0)
    changed = 1 - similarity(answer, given)
    worth = PLAUSIBLE * min(1.0, 1.3 * best) * min(1.0, 2 * changed)
    return worth, f"another wording, {best:.2f} of the content; the text has {before:.2f}"


def _soft(said: list[str], wanted: list[str]) -> float:
    """Share of the content words that have a counterpart on the other side, both ways."""
    one, other = ([w for w in t if is_content(w)] for t in (said, wanted))
    if not one or not other:
        return 0.0
    there = sum(max(same_word(w, v) for v in one) for w in other) / len(other)
    back = sum(max(same_word(w, v) for v in other) for w in one) / len(one)
    return (there + back) / 2


def _akin(one: str, other: str) -> bool:
    """Whether two words are of one subject as far as their letters tell: rainwater and water."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    part = len(shorter) > 3 and (longer.startswith(shorter) or longer.endswith(shorter))
    return bool(same_word(one, other) or part)


def _lacks_required(record: dict) -> bool:
    """Whether a sentence, poem or the like lacks the quoted word that it was to contain."""
    text = record["instruction"]
    if has_input(record) or not re.search(r"\b(?:uses?|using|with|contain|includ)", text):
        return False
    quoted = {w for t in QUOTED.findall(text) for w in words("".join(t)) if is_content(w)}
    there = {stem(w) for w in words(record["model_response"])}
    wanted = {stem(w) for w in words(record["output"])}
    return any(stem(w) in wanted and stem(w) not in there for w in quoted)
