"""The same facts as sentences to finish and as requests: which questions there are, what counts as right."""

import pytest

from helpers import data, weights
from helpers.datagen.known import KINDS, answers, begins_with, fact_questions, finishes, words
from helpers.generate import Response


@pytest.fixture(scope="module")
def train_rows():
    return data.split(data.load_records("course")).train


def test_each_kind_gives_so_many_facts_worded_both_ways():
    questions = fact_questions(3)
    assert [q["kind"] for q in questions] == [kind for kind in KINDS for _ in range(3)]
    assert len({q["statement"] for q in questions}) == len(questions)
    for q in questions:
        assert not q["statement"].endswith(" ")  # GPT-2's tokens begin with their space
        assert q["instruction"].endswith("?")
        assert q["output"]


def test_the_same_seed_gives_the_same_questions_and_another_gives_others():
    assert fact_questions(5, seed=1) == fact_questions(5, seed=1) != fact_questions(5, seed=2)


def test_no_question_can_be_answered_from_a_row_that_was_trained_on(train_rows):
    rows = [words(f"{r['instruction']} {r['input']} {r['output']}") for r in train_rows]
    for q in fact_questions(12, without=train_rows):
        subject = words(q["instruction"]) - words(KINDS[q["kind"]][1])
        assert not any((subject | words(q["output"])) <= row for row in rows), q


def test_a_kind_with_too_few_facts_gives_what_it_has():
    everything = [
        {"instruction": subject, "input": None, "output": answer}
        for kind, (_, _, facts) in KINDS.items()
        for subject, answer in facts
        if kind != "capital"
    ]
    assert {q["kind"] for q in fact_questions(4, without=everything)} == {"capital"}


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        (" Paris, of course.", "Paris", True),
        (" the city of Paris", "Paris", False),  # other words come first
        (" a kitten.", "kitten", True),
        ("'New Delhi'.", "New Delhi", True),
        (" New York", "New Delhi", False),
        (" Parisian", "Paris", False),
        ("", "Paris", False),
    ],
)
def test_a_sentence_is_finished_rightly_when_its_next_words_are_the_answer(text, answer, right):
    assert begins_with(text, answer) is right


def test_statement_and_request_are_put_to_the_model_and_judged_apart(monkeypatch, tokenizer):
    questions = [
        {"statement": "A is", "instruction": "What is A?", "input": "", "output": "b"},
        {"statement": "C is", "instruction": "What is C?", "input": "", "output": "d"},
    ]
    said = {"A is": " b.", "C is": " e.", "What is A?": "Who knows?", "What is C?": "C is d."}

    def generate(model, prompts, **options):
        texts = [tokenizer.decode(list(p)) for p in prompts]
        replies = [next(r for ask, r in said.items() if ask in text) for text in texts]
        return [Response(tokenizer.encode_ordinary(r), "stop") for r in replies]

    monkeypatch.setattr("helpers.datagen.known.generate", generate)
    monkeypatch.setattr("helpers.generate.generate", generate)
    assert finishes(None, questions, tokenizer) == [True, False]
    assert answers(None, questions, "alpaca", tokenizer) == [False, True]


def test_the_bundled_base_model_knows_more_than_it_says(tokenizer, train_rows):
    questions = fact_questions(4, without=train_rows)
    model = weights.load_model("gpt2-mini")
    known = sum(finishes(model, questions, tokenizer))
    said = sum(answers(model, questions, "alpaca", tokenizer))
    assert known > 5 > 2 > said
