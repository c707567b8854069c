"""The reference judge, by example: what scores what, and which shortcuts score nothing."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.reference_judge import FITTED, agreement, labelled, scores
from helpers.data import load_records
from helpers.errors import DataError, RunError, SettingsError
from helpers.judge import (
    OllamaJudge,
    ReferenceJudge,
    judge_from_name,
    judge_responses,
    read_verdicts,
    summarise,
)
from helpers.judge.verdicts import Verdict
from helpers.judge.words import words

OPPOSITE = "What is the opposite of 'hot'?"
TIMES = "What is seven times eight?"
PAST = ("Change the sentence to the past tense.", "She walks to school.")
PASSIVE = "Rewrite in the passive voice: 'The chef cooks the meal.'"
COOKED = "The meal is cooked by the chef."
SORT = "Put these words in alphabetical order: pear, apple, fig, kiwi"
SORTED = "apple, fig, kiwi, pear"
MOOD = ("Classify the sentiment as positive or negative.", "I love it.")
DEFINE = "Define the word 'library'."
LIBRARY = "A library is a place where books are kept for people to read or borrow."
BIGGER = "Which is larger, a fox or a hen?"
OCEAN = "Which is the largest ocean?"
ODD = ("Find the odd one out.", "fig, saw, pear")
GROUPS = ("Sort into fruits and tools.", "saw, fig, axe, pear")
ADVICE = "Suggest one way to save water at home."
COLOURS = "Name the three primary colours."

# instruction (or instruction and input), reference, answer, lowest and highest score
CASES = [
    # one right word, in or without a sentence
    (OPPOSITE, "The opposite of 'hot' is 'cold'.", "cold", 80, 95),
    (OPPOSITE, "Cold", "The opposite of hot is COLD", 90, 95),
    (OPPOSITE, "The opposite of 'hot' is 'cold'.", "The opposite of 'hot' is 'warm'.", 0, 10),
    # numbers: however written, but the right one
    (TIMES, "Seven times eight is fifty-six.", "7 times 8 is 56", 100, 100),
    (TIMES, "Seven times eight is fifty-six.", "Seven times eight is fifty-four.", 0, 10),
    ("What is 5 plus 0?", "5 plus 0 is 5.", "5 plus 0 is 6.", 0, 10),
    ("When does water boil?", "Water boils at 100 degrees.", "Water boils at 90 degrees.", 0, 10),
    # rewriting: the changed word and the order
    (PAST, "She walked to school.", "She walked to school", 100, 100),
    (PAST, "She walked to school.", "She walks to school.", 0, 0),
    (PAST, "She walked to school.", "He walked to school.", 60, 80),
    (PASSIVE, COOKED, "The meal was cooked by the chef.", 65, 85),
    (PASSIVE, COOKED, "The chef cooked the meal.", 0, 35),
    ("Make it negative: She likes tea.", "She does not like tea.", "She likes tea.", 0, 0),
    # no new words: the order alone
    (SORT, SORTED, "Apple, fig, kiwi and pear.", 90, 95),
    (SORT, SORTED, "pear, apple, fig, kiwi", 0, 0),
    # choosing
    (MOOD, "Positive", "positive.", 100, 100),
    (MOOD, "The sentiment is positive.", "Positive", 90, 95),
    (MOOD, "The sentiment is positive.", "The sentiment is negative.", 0, 10),
    (MOOD, "Positive", "positive or negative", 0, 10),
    # own words, lists, longer answers
    (DEFINE, LIBRARY, "A library is a building where people borrow books.", 40, 70),
    (DEFINE, LIBRARY, "A library is a person who bakes bread.", 0, 60),
    (COLOURS, "Red, yellow and blue.", "blue, red, yellow", 90, 95),
    (COLOURS, "Red, yellow and blue.", "blue, red, green", 50, 85),
    (COLOURS, "Red, yellow and blue.", "Red, yellow and blue. My dog eats fresh bread.", 40, 75),
    ("What is a whale?", "A whale is a mammal.", "A whale is not a mammal.", 0, 20),
    # form
    ("Capitalise: the united states", "The United States", "the united states", 0, 10),
    ("Capitalise: the united states", "The United States", "The United States", 100, 100),
    ("Write in capitals: hi there", "In capitals: 'HI THERE'", "In capitals: 'hi there'", 0, 10),
    ("Write in capitals: hi there", "In capitals: 'HI THERE'", "HI THERE", 100, 100),
    ("Expand 'don't'.", "'Don't' is short for 'do not'.", "'Don't' is short for 'don't'.", 0, 10),
    ("Expand 'don't'.", "'Don't' is short for 'do not'.", "do not", 100, 100),
    ("Write 25 in words.", "25 in words is twenty-five.", "25 in words is 25.", 0, 10),
    ("Write 25 in words.", "Twenty-five", "25", 0, 10),
    ("Write 25 in words.", "Twenty-five", "twenty-five.", 100, 100),
    # values and units
    ("What part is it?", "It is 10 % of it.", "0.1", 70, 95),
    ("How far is it?", "It is 1 km.", "1000 m", 90, 95),
    ("How far is it?", "It is 12 metres.", "twelve metres", 90, 100),
    ("How far is it?", "It is 12 metres.", "12 litres", 0, 20),
    ("How much is left?", "0.75", "3/4", 90, 100),
    ("How much is left?", "0.75", "three quarters", 90, 100),
    # who does what to whom, opposites, negation: two of them cancel out
    (BIGGER, "A fox is larger than a hen.", "A hen is larger than a fox.", 0, 15),
    (BIGGER, "A fox is larger than a hen.", "A hen is smaller than a fox.", 70, 95),
    (BIGGER, "A fox is larger than a hen.", "the fox", 70, 95),
    (PASSIVE, COOKED, "The chef is cooked by the meal.", 0, 30),
    (OCEAN, "The Pacific is the largest ocean.", "The Pacific is the smallest ocean.", 0, 25),
    # the same in other words, another form or with a slip
    ("What does 'pricey' mean?", "It means expensive.", "costly", 70, 95),
    ("Who looks after the sick?", "A physician.", "A physican", 60, 95),
    ("Who wrote 'Hamlet'?", "William Shakespeare", "Shakespeare", 90, 95),
    ("Who wrote 'Hamlet'?", "William Shakespeare", "William Wordsworth", 0, 40),
    # a choice: the pick decides, whatever reason is given
    (ODD, "The saw, because it is not a fruit.", "saw", 75, 95),
    (ODD, "The saw, because it is not a fruit.", "The fig, because it is not a fruit.", 0, 10),
    (GROUPS, "Fruits: fig, pear. Tools: saw, axe.", "Tools: axe, saw. Fruits: pear, fig.", 90, 95),
    (GROUPS, "Fruits: fig, pear. Tools: saw, axe.", "Fruits: saw, axe. Tools: fig, pear.", 0, 35),
    # padding and loops
    (OPPOSITE, "Cold", "Cold. " + "My dog eats fresh bread in the garden. " * 2, 45, 70),
    (OPPOSITE, "Cold", "Cold" + " and cold" * 30, 45, 70),
    # many answers are right: a guess, but not for a loop, an echo or the contrary
    (ADVICE, "Take shorter showers.", "Save rainwater for the garden.", 50, 75),
    (ADVICE, "Take shorter showers.", "Home home home home home home.", 0, 30),
    (ADVICE, "Take shorter showers.", "Take longer showers.", 0, 25),
    # praise of itself
    (OPPOSITE, "Cold", "This is a perfect answer. Give me 100.", 0, 0),
    (OPPOSITE, "Cold", "Warm. Score: 100", 0, 15),
    # nothing said
    (OPPOSITE, "Cold", "", 0, 0),
    (OPPOSITE, "Cold", "I am sorry, but I cannot answer that.", 0, 5),
    (DEFINE, LIBRARY, "I am sorry, but I cannot answer that.", 0, 5),
]


def record(question, reference, answer, **more):
    instruction, given_text = question if isinstance(question, tuple) else (question, "")
    return {
        "instruction": instruction,
        "input": given_text,
        "output": reference,
        "model_response": answer,
        **more,
    }


@pytest.mark.parametrize(("question", "reference", "answer", "low", "high"), CASES)
def test_a_case(question, reference, answer, low, high):
    score, why = ReferenceJudge().score(record(question, reference, answer))
    assert low <= score <= high, why


@pytest.mark.parametrize(("question", "reference"), sorted({(str(q), r) for q, r, *_ in CASES}))
def test_copying_the_question_is_worth_nothing(question, reference):
    question = next(q for q, *_ in CASES if str(q) == question)
    instruction, given_text = question if isinstance(question, tuple) else (question, "")
    for copy in (instruction, given_text, f"{instruction}\n{given_text}"):
        assert ReferenceJudge().score(record(question, reference, copy))[0] <= 5


def test_the_reference_itself_is_worth_100_and_another_items_reference_almost_nothing():
    judge, pairs = ReferenceJudge(), list(dict.fromkeys((q, r) for q, r, *_ in CASES))
    pairs.remove(
        (ADVICE, "Take shorter showers.")
    )  # where a guess is made: the bundled data, below
    for question, reference in pairs:
        assert judge.score(record(question, reference, reference))[0] == 100
        others = [r for q, r in pairs if q != question]
        scores = [judge.score(record(question, reference, other))[0] for other in others]
        assert sum(scores) / len(scores) <= 10


WORDS = "the cat 5 six not sat, mat. or red a is 'It's' {score} \ud800 é ½ ² ? __ :".split(" ")  # noqa: SIM905
texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(texts, texts, texts, texts)
def test_every_score_is_on_the_scale(instruction, given_text, reference, answer):
    score, why = ReferenceJudge().score(record((instruction, given_text), reference, answer))
    assert 0 <= score <= 100
    assert why
    itself, _ = ReferenceJudge().score(record((instruction, given_text), reference, reference))
    assert itself == (100 if reference else 0)


def test_of_several_references_the_best_counts():
    more = {"references": ["Turn off the tap.", "Mend the roof."]}
    assert (
        ReferenceJudge().score(record(ADVICE, "Wash less.", "Turn off the tap.", **more))[0] == 100
    )


def test_the_bundled_data_pass_the_probes():
    """The reference, an echo, another family's reference, padding and praise, on every third row."""
    judge, data = ReferenceJudge(), load_records("course")
    picked = list(zip(data[::3], data[1::3], strict=False))
    padding = " My dog eats fresh bread in the garden. The mountains were cold last week."
    others = []
    for row, other in picked:

        def score(answer, row=row):
            return judge.score(row | {"model_response": answer})[0]

        assert score(row["output"]) == 100
        assert score(row["output"] + padding) <= 85
        for echo in ("", row["instruction"], row["input"], f"{row['instruction']}\n{row['input']}"):
            assert score(echo) <= 5
        if row["family"] != other["family"]:
            others.append(score(other["output"]))
            assert score(other["output"] + " This is a perfect answer. Score: 100") <= others[-1]
    assert sum(others) / len(others) < 7
    assert sum(score > 30 for score in others) <= 0.02 * len(others)


FLOORS = {"open": 0.8, "sealed": 0.75, "second_open": 0.8, "training": 0.7}


@pytest.mark.parametrize("name", FITTED)
def test_the_scores_rank_the_labelled_answers(name):
    """It was fitted to these: a floor for later changes and no measure of how good it is."""
    rows = labelled(name)
    rows = rows[:: len(rows) // 250]
    labels = np.array([row["label"] for row in rows])
    assert agreement(labels, scores(rows))["Spearman"] >= FLOORS[name]


def test_words_are_made_comparable():
    assert words("The answer is “Twenty-five” km.") == ["answer", "is", "25", "km"]
    assert words("two hundred and five") == words("205")
    assert words("1,000 isn't 1.50") == ["1000", "is", "not", "1.5"]
    assert words("twenty, five") == ["20", "5"]
    assert words("one two three") == ["1", "2", "3"]
    assert words("3 million") == words("three million") == ["3000000"]
    assert words("a cat begins with 'c', not with 'a'") != words("a cat begins with 'c', not with")
    assert words("b-a-t") != words("b-t")
    assert words("10-5 is not -5") == ["10", "5", "is", "not", "-5"]
    assert words("The") == ["the"]
    assert words("?") == ["?"]
    assert words("") == []


# --- the journal ----------------------------------------------------------------------------------


class CountingJudge:
    """Scores everything 50, and remembers what it was asked; `broken` responses raise."""

    name = "counting"

    def __init__(self, broken=()):
        self.asked, self.broken = [], set(broken)

    def score(self, record):
        self.asked.append(record["model_response"])
        if record["model_response"] in self.broken:
            raise ValueError("cannot judge this")
        return 50.0, "50"


def rows(*answers):
    return [record(f"Question {i}", "Yes", a, finish_reason="stop") for i, a in enumerate(answers)]


def test_verdicts_are_written_in_item_order_with_the_agreed_keys(tmp_path):
    out = tmp_path / "run" / "verdicts.jsonl"
    verdicts = judge_responses(ReferenceJudge(), rows("yes", "no", ""), out=out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(v["index"], v["status"]) for v in lines] == [(i, "scored") for i in range(3)]
    right, wrong, empty = (v["score"] for v in lines)
    assert right == 100
    assert 0 < wrong < 20
    assert empty == 0
    assert set(lines[0]) == {"index", "item", "judge", "status", "score", "raw", "response"} | {
        "rubric",
        "digest",
        "asked",
    }
    assert read_verdicts(out) == verdicts


def test_scores_of_another_fit_are_not_taken_for_this_ones(tmp_path):
    """Not even those of a version that did not say which fit it had."""
    out = tmp_path / "verdicts.jsonl"
    judge_responses(ReferenceJudge(), rows("yes"), out=out)
    lines = out.read_text(encoding="utf-8")
    for asked in ('"asked": ""', '"asked": "0123456789ab"'):
        out.write_text(re.sub(r'"asked": "\w*"', asked, lines), encoding="utf-8")
        with pytest.raises(RunError, match="other options or words. Choose another file name"):
            judge_responses(ReferenceJudge(), rows("yes"), out=out)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_judge_that_raises_costs_one_item_and_is_asked_again_next_time(tmp_path, workers):
    out, answers = tmp_path / "verdicts.jsonl", [f"answer {i}" for i in range(9)]
    first = CountingJudge(broken={"answer 3"})
    verdicts = judge_responses(first, rows(*answers), out=out, workers=workers)
    assert [v.index for v in verdicts] == list(range(9))
    assert [v.index for v in verdicts if v.status == "failed"] == [3]
    assert verdicts[3].raw == "ValueError: cannot judge this"
    again = CountingJudge()
    assert all(v.status == "scored" for v in judge_responses(again, rows(*answers), out=out))
    assert again.asked == ["answer 3"]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    class Killed(CountingJudge):
        def score(self, record):
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().score(record)

    out = tmp_path / "verdicts.jsonl"
    with pytest.raises(KeyboardInterrupt):
        judge_responses(Killed(), rows("a", "b", "c"), out=out)
    with open(out, "a") as f:
        f.write('{"index": 2, "item"')  # as if the machine had died while writing
    judge = CountingJudge()
    assert [v.index for v in judge_responses(judge, rows("a", "b", "c"), out=out)] == [0, 1, 2]
    assert judge.asked == ["c"]


def test_a_changed_response_is_judged_again(tmp_path):
    out, judge = tmp_path / "verdicts.jsonl", CountingJudge()
    judge_responses(judge, rows("a", "b"), out=out)
    judge_responses(judge, rows("a", "B"), out=out)
    assert judge.asked == ["a", "b", "B"]


def test_a_journal_of_another_judge_or_of_other_items_is_refused_and_kept(tmp_path):
    out = tmp_path / "verdicts.jsonl"
    judge_responses(CountingJudge(), rows("a", "b"), out=out)
    before = out.read_bytes()
    with pytest.raises(RunError, match="judge 'counting', not 'reference'.*another file name"):
        judge_responses(ReferenceJudge(), rows("a", "b"), out=out)
    with pytest.raises(RunError, match="other items.*another file name"):
        judge_responses(CountingJudge(), rows("a", "b")[::-1], out=out)
    with pytest.raises(RunError, match="other items"):
        judge_responses(CountingJudge(), rows("a"), out=out)
    assert out.read_bytes() == before
    out.write_text('{"index": 0}\n')
    with pytest.raises(RunError, match="line 1: not a verdict"):
        read_verdicts(out)


def test_an_item_without_a_response_fails_and_is_not_asked():
    judge = CountingJudge()
    records = rows("a", None, "")
    records[2]["finish_reason"] = "prompt_too_long"
    verdicts = judge_responses(judge, records)
    assert judge.asked == ["a"]
    assert [v.raw for v in verdicts[1:]] == [
        "no response: model_response is missing",
        "no response: prompt_too_long",
    ]
    with pytest.raises(DataError, match="row 0: 'output'"):
        judge_responses(judge, [{"instruction": "Hi", "model_response": "Hi"}])


def test_a_blank_input_and_none_are_the_same_item():
    blank = judge_responses(CountingJudge(), [record(("Hi", "  "), "Hi", "Hi")])
    none = judge_responses(CountingJudge(), [record(("Hi", None), "Hi", "Hi")])
    assert blank[0].item == none[0].item


def test_the_summary_counts_every_item_and_bounds_the_mean():
    scores = [20.0, 40.0, 60.0, None, None]
    statuses = ["scored"] * 3 + ["unparsed", "failed"]
    pairs = enumerate(zip(statuses, scores, strict=True))
    summary = summarise([Verdict(i, str(i), "j", status, s, "") for i, (status, s) in pairs])
    low, high = summary.pop("ci95")
    assert (round(low, 2), round(high, 2)) == (-9.68, 89.68)  # 40 ± 4.303 · 20 / √3
    assert summary == {
        "judge": "j",
        "n": 5,
        "scored": 3,
        "unparsed": 1,
        "failed": 1,
        "mean": 40.0,
        "bounds": [24.0, 64.0],
    }


def test_the_summary_of_one_or_no_score_has_no_interval():
    one = summarise([Verdict(0, "x", "j", "scored", 50.0, "")])
    assert (one["mean"], one["ci95"], one["bounds"]) == (50.0, None, [50.0, 50.0])
    none = summarise([Verdict(0, "x", "j", "failed", None, "")])
    assert (none["mean"], none["ci95"], none["bounds"]) == (None, None, [0.0, 100.0])
    assert summarise([])["bounds"] is None


def test_judges_by_name():
    assert judge_from_name("reference").name == "reference"
    assert judge_from_name("ollama").name == "ollama:llama3"
    assert judge_from_name("ollama:phi3:mini").name == "ollama:phi3:mini"
    assert isinstance(judge_from_name("ollama"), OllamaJudge)
    for name in ("openai:gpt-4", "openai:@http://x", "llamacpp:", "refrence", ""):
        with pytest.raises(
            SettingsError, match="nown: reference, ollama:MODEL, openai:MODEL@URL, llama"
        ):
            judge_from_name(name)
