"""The same facts twice: as sentences to finish, and as requests.

A base model may know a fact and still not give it when asked. `fact_questions` words each fact both
ways, `finishes` and `answers` ask a model, and lessons 03 and 04 compare the two.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from helpers.generate import generate, respond

from . import facts as F

KINDS = {  # kind → (sentence to finish, request, [(subject, answer), …])
    "capital": (
        "The capital of {} is",
        "What is the capital of {}?",
        [(name, city) for name, city, *_ in F.COUNTRIES],
    ),
    "past tense": (
        "The past tense of '{}' is '",
        "What is the past tense of '{}'?",
        [(base, past) for base, past, _ in F.IRREGULAR_VERBS],
    ),
    "opposite": (
        "The opposite of '{}' is '",
        "What is the opposite of '{}'?",
        F.ANTONYMS,
    ),
    "plural": (
        "The plural of '{}' is '",
        "What is the plural of '{}'?",
        [pair for pair in F.IRREGULAR_PLURALS if pair[0] != pair[1]],
    ),
    "young animal": (
        "A young {} is called",
        "What is a young {} called?",
        [(name, young) for name, _, young, *_ in F.ANIMALS if young != "-"],
    ),
}


def fact_questions(each: int = 12, *, seed: int = 0, without: Iterable[dict] = ()) -> list[dict]:
    """`each` facts of every kind: records with `kind`, `statement`, `instruction`, `output`.

    `statement` is the beginning of a sentence whose next words are `output`. Facts whose subject
    and answer both occur in a record of `without` (the training rows) are left out, so that a right
    answer cannot come from there; a kind with fewer facts left gives what it has.
    """
    rng = random.Random(seed)
    seen = [words(f"{r['instruction']} {r.get('input') or ''} {r['output']}") for r in without]
    questions = []
    for kind, (statement, request, facts) in KINDS.items():
        unseen = [
            (subject, answer)
            for subject, answer in facts
            if not any(words(f"{subject} {answer}") <= row for row in seen)
        ]
        for subject, answer in rng.sample(unseen, min(each, len(unseen))):
            questions.append(
                {
                    "kind": kind,
                    "statement": statement.format(subject),
                    "instruction": request.format(subject),
                    "input": "",
                    "output": answer,
                }
            )
    return questions


def words(text: str) -> set[str]:
    """The words of a text in lower case."""
    return set(re.findall(r"[^\W_]+", text.lower()))


def finishes(model, questions: Sequence[dict], tokenizer) -> list[bool]:
    """For each question, whether the model's next few words after the statement are the answer."""
    # No statement ends with a space: GPT-2's tokens begin with theirs (" Paris" is one token).
    prompts = [tokenizer.encode_ordinary(q["statement"]) for q in questions]
    replies = generate(model, prompts, max_new_tokens=8)
    return [
        begins_with(tokenizer.decode(reply.ids), question["output"])
        for question, reply in zip(questions, replies, strict=True)
    ]


def begins_with(text: str, answer: str) -> bool:
    """Whether the first words of a text are the answer, whatever articles and quotes come before."""
    found = [w for w in re.findall(r"[^\W_]+", text.lower()) if w not in ("a", "an", "the")]
    wanted = re.findall(r"[^\W_]+", answer.lower())
    return found[: len(wanted)] == wanted


def answers(model, questions: Sequence[dict], template, tokenizer) -> list[bool]:
    """For each question, whether the answer occurs in the model's reply to the request."""
    replies = respond(model, questions, template, tokenizer, max_new_tokens=24)
    return [words(reply["output"]) <= words(reply["model_response"]) for reply in replies]
