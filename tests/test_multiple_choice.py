"""Multiple choice: the prompts, the likelihoods and their fast path, the shares and their tests."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import TINY, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.cli import main
from helpers.errors import DataError, RunError, SettingsError
from helpers.evaluate import multiple_choice as M
from helpers.evaluate.likelihood import (
    Ask,
    batches,
    log_likelihoods,
    log_likelihoods_plain,
    shared_prefix,
)
from helpers.evaluate.multiple_choice import (
    Answer,
    Way,
    answer_questions,
    compare,
    predict,
    summarise,
)
from helpers.evaluate.proportions import mcnemar, paired_difference, wilson
from helpers.evaluate.questions import Question, QuestionSet, load_questions, stratified
from helpers.model import GPTConfig
from helpers.plots import by_subject
from helpers.weights import save_model

SKY = Question("high_school_physics", " What is up? ", ("sky", "mud", "a cow", "tea"), 0)
SUM = Question("high_school_physics", "2 + 2?", ("3", "4", "5", "6"), 1)
MINI = GPTConfig(n_layer=2, n_head=3, n_embd=21, n_positions=1024, vocab_size=50257)


@pytest.fixture(scope="module")
def model():
    return random_model(MINI)


@pytest.fixture(scope="module")
def found():
    """Eleven questions of two subjects."""
    found = load_questions()
    chosen = [q for q in found.test if q.subject in ("nature", "geography")]
    found.test = stratified(chosen, 11)
    return found


def answers_of(model, found, way, tokenizer, **options):
    parts = answer_questions(model, found.test, found, way, tokenizer, **options)
    return sorted((a for part in parts for a in part), key=lambda a: a.index)


# --- prompts ----------------------------------------------------------------------------------------


def test_the_prompts_are_those_of_the_harness():
    assert M.prompt(SUM, [SKY], Way("letter")) == (
        "The following are multiple choice questions (with answers) about high school physics.\n\n"
        "What is up?\nA. sky\nB. mud\nC. a cow\nD. tea\nAnswer: A\n\n"
        "2 + 2?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:"
    )
    assert M.continuations(SUM, Way("letter")) == [" A", " B", " C", " D"]
    assert M.prompt(SUM, [SKY], Way("cloze")) == (
        "The following are questions (with answers) about high school physics.\n\n"
        "Question: What is up?\nAnswer: sky\n\nQuestion: 2 + 2?\nAnswer:"
    )
    assert M.continuations(SKY, Way("cloze")) == [" sky", " mud", " a cow", " tea"]


def test_a_template_asks_as_an_instruction_and_the_answer_follows_its_header():
    text = M.prompt(SUM, [], Way("letter", template="alpaca"))
    assert text.startswith("Below is an instruction")
    assert text.endswith(
        "2 + 2?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer with the letter.\n\n### Response:\n"
    )
    assert M.continuations(SUM, Way("letter", template="alpaca")) == ["A", "B", "C", "D"]
    text = M.prompt(SUM, [SKY], Way("cloze", template="plain"))
    assert text == "What is up?\nsky\n\n2 + 2?\n"


@pytest.mark.parametrize(
    ("way", "words"),
    [({"style": "leter"}, "did you mean 'letter'"), ({"shots": 6}, "shots are 6: give 0 to 5"),
     ({"shots": -1}, "shots are -1"), ({"template": "alpca"}, "did you mean 'alpaca'"),
     ({"normalise": "bytes"}, "did you mean 'byte'")],
)  # fmt: skip
def test_ways_out_of_range_are_refused(way, words):
    with pytest.raises(SettingsError, match=words):
        Way(**way)


def test_shots_are_dropped_from_the_end_until_the_prompt_fits(tokenizer):
    way, examples = Way("letter"), [SKY, replace(SKY, question="word " * 60), SUM]
    lengths = [len(tokenizer.encode_ordinary(M.prompt(SUM, examples[:k], way))) for k in range(4)]
    for room, shots in ((lengths[3], 3), (lengths[3] - 1, 2), (lengths[1], 1), (lengths[1] - 1, 0)):
        ready = M.prepare(SUM, examples, way, tokenizer, n_positions=room)
        assert (ready.shots, ready.cut, len(ready.ask.prompt)) == (shots, 0, lengths[shots])
    ready = M.prepare(SUM, examples, way, tokenizer, n_positions=lengths[0] - 5)
    assert (ready.shots, ready.cut) == (0, 5)
    assert tokenizer.decode(ready.ask.prompt).endswith("D. 6\nAnswer:")


def test_a_blank_option_has_a_letter_but_no_likelihood_in_a_template(tokenizer):
    blank = replace(SUM, choices=("", "4", "5", "6"))
    assert M.prepare(blank, [], Way("letter"), tokenizer, 1024)
    with pytest.raises(DataError, match="an option without text"):
        M.prepare(blank, [], Way("cloze", template="alpaca"), tokenizer, 1024)


# --- likelihoods ------------------------------------------------------------------------------------


def near(fast, plain, tolerance=1e-4):
    for a, b in zip(fast, plain, strict=True):
        assert [s.logp for s in a] == pytest.approx([s.logp for s in b], abs=tolerance)
        assert [s.greedy for s in a] == [s.greedy for s in b]


TOKEN = st.integers(0, 50256)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(TOKEN, max_size=9),
    st.lists(
        st.tuples(
            st.lists(TOKEN, min_size=1, max_size=7),
            st.lists(st.lists(TOKEN, min_size=1, max_size=4), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_shared_prefix_batch_and_mask_change_no_likelihood(prefix, rows):
    model = random_model(TINY)
    asks = [Ask(prefix + own, ends) for own, ends in rows]
    plain = log_likelihoods_plain(model, asks)
    near(log_likelihoods(model, asks), plain)
    for length in {len(prefix), len(prefix) // 2} - {0}:
        near(log_likelihoods(model, asks, shared_prefix(model, prefix), length), plain)


def test_in_double_precision_the_fast_path_is_the_plain_one():
    model = random_model(TINY, dtype=torch.float64)
    asks = [Ask([5, 6, 7, 8], [[9], [10, 11, 12]]), Ask([5, 6, 7], [[9, 9], [3]])]
    fast = log_likelihoods(model, asks, shared_prefix(model, [5, 6]), 2)
    near(fast, log_likelihoods_plain(model, asks), 2e-5)  # the logits become float32


@pytest.mark.parametrize("style", ["letter", "cloze"])
@pytest.mark.parametrize(("shots", "positions"), [(0, 1024), (3, 1024), (5, "tight")])
def test_the_answers_of_a_subject_are_those_without_any_cache(
    found, tokenizer, style, shots, positions
):
    """Where it is tight, some prompts have room for fewer shots, and use the cache's beginning."""
    way, tight = Way(style, shots), positions == "tight"
    if tight:
        texts = [M.prompt(q, found.examples(q.subject, shots), way) for q in found.test]
        positions = sorted(len(tokenizer.encode_ordinary(text)) for text in texts)[len(texts) // 2]
    model = random_model(replace(MINI, n_positions=positions))
    answers = answers_of(model, found, way, tokenizer)
    for a in answers:
        question = found.test[a.index]
        ready = M.prepare(
            question, found.examples(question.subject, shots), way, tokenizer, positions
        )
        plain = log_likelihoods_plain(model, [ready.ask])[0]
        assert a.logp == pytest.approx([s.logp for s in plain], abs=1e-4)
        assert a.shots == ready.shots
    assert len({a.shots for a in answers}) > 1 or not tight


def test_a_single_question_with_fewer_shots_takes_only_what_it_shares(found, tokenizer):
    """Its prompt alone has a long "common" prefix; the cache agrees with it only up to its own text."""
    way, few = Way("letter", 5), QuestionSet("x", found.test[:3], found.dev)
    few.test[0] = replace(few.test[0], question="Which word is it? " + "word " * 60)
    texts = [M.prompt(q, found.examples(q.subject, 5), way) for q in few.test]
    long, *others = (len(tokenizer.encode_ordinary(text)) for text in texts)
    assert long > max(others) + 40
    model = random_model(replace(MINI, n_positions=max(others)))
    for a in answers_of(model, few, way, tokenizer):
        ready = M.prepare(
            few.test[a.index], found.examples(a.subject, 5), way, tokenizer, max(others)
        )
        plain = log_likelihoods_plain(model, [ready.ask])[0]
        assert a.logp == pytest.approx([s.logp for s in plain], abs=1e-4)
        assert (a.shots < 5) == (a.index == 0)


def test_each_subject_s_prefix_is_computed_once(model, found, tokenizer, monkeypatch):
    made = []
    monkeypatch.setattr(
        M, "shared_prefix", lambda m, ids: made.append(ids) or shared_prefix(m, ids)
    )
    computed = []
    hidden = model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda ids, *a, **k: computed.append(ids.numel()) or hidden(ids, *a, **k)
    )
    answers_of(model, found, Way("letter", 5), tokenizer)
    assert len(made) == 2
    whole = sum(
        len(tokenizer.encode_ordinary(M.prompt(q, found.examples(q.subject, 5), Way("letter"))))
        for q in found.test
    )
    assert sum(computed) < whole / 2


def test_batches_hold_what_fits_and_every_question_once(model):
    asks = [Ask([1] * (3 + i % 90), [[2], [3]]) for i in range(300)]
    parts = batches(model, asks, 2)
    assert sorted(i for part in parts for i in part) == list(range(300))
    assert len(parts) > 1
    assert all(len(part) * max(len(asks[i].prompt) - 2 for i in part) <= 4096 for part in parts)


def test_a_batch_s_cache_holds_the_shared_tokens_of_every_row(model, monkeypatch):
    config = model.config
    slot = 2 * config.n_layer * config.n_embd * next(model.parameters()).element_size()
    monkeypatch.setattr("helpers.evaluate.likelihood.CACHE_BYTES", 100 * slot)
    asks = [Ask([1] * 25, [[2], [3]]) for _ in range(9)]
    assert [len(part) for part in batches(model, asks, 20)] == [4, 4, 1]  # 25 slots a row
    assert [len(part) for part in batches(model, asks, 0)] == [4, 4, 1]


def test_a_prompt_without_room_or_tokens_is_refused(tiny_model):
    for ask in (Ask([], [[1]]), Ask([1], [[]]), Ask([1] * 97, [[1, 2]])):
        with pytest.raises(DataError):
            log_likelihoods(tiny_model, [ask])
    log_likelihoods(tiny_model, [Ask([1] * 97, [[1]])])  # the last token is predicted, never read


def test_damaged_weights_are_named(tiny_model):
    with torch.no_grad():
        tiny_model.norm.bias.fill_(float("nan"))
    with pytest.raises(RunError, match="weights are damaged"):
        log_likelihoods(tiny_model, [Ask([1], [[1]])])


# --- predictions ------------------------------------------------------------------------------------


def test_normalisation_decides_between_short_and_long_options():
    logp, tokens, size = [-4.0, -6.0, -5.0, -9.0], [1, 3, 2, 2], [2, 4, 10, 3]
    assert predict(logp, tokens, size, Way("cloze", normalise="none")) == 0
    assert predict(logp, tokens, size, Way("cloze", normalise="token")) == 1
    assert predict(logp, tokens, size, Way("cloze", normalise="byte")) == 2
    assert predict(logp, tokens, size, Way("letter", normalise="byte")) == 0
    assert predict([-1.0, -1.0, -1.0, -1.0], tokens, size, Way("letter")) == 0


def test_bytes_are_those_of_the_option_without_the_space_before(model, tokenizer):
    found = QuestionSet("x", [Question("s", "Where?", ("Köln", "Bonn", "Ulm", "here"), 0)])
    (answer,) = answers_of(model, found, Way("cloze"), tokenizer)
    assert answer.bytes == [5, 4, 3, 4]
    assert answer.tokens == [len(tokenizer.encode_ordinary(" " + c)) for c in found.test[0].choices]


def made(predictions, answers, subject="s"):
    pairs = enumerate(zip(predictions, answers, strict=True))
    return [
        Answer(i, str(i), subject, a, p, 0, 0, [0.0] * 4, [1] * 4, [1] * 4) for i, (p, a) in pairs
    ]


def test_a_constant_answer_is_told_by_its_fingerprint():
    assert "chose C for all questions" in M.fingerprint(made([2] * 20, [0, 1, 2, 3] * 5))
    assert "chose A for 19 of 20" in M.fingerprint(made([0] * 19 + [1], [0, 1, 2, 3] * 5))
    assert M.fingerprint(made([0, 1] * 10, [0, 1, 2, 3] * 5)) == ""
    # Of nine questions nothing is said, of ten it is; nor of few that score as one letter would.
    assert M.fingerprint(made([2] * 9, [0, 1, 2] * 3)) == ""
    assert "chose C for all" in M.fingerprint(made([2] * 10, [0, 1, 2, 3, 0] * 2))
    assert M.fingerprint(made([1, 0, 3, 2] * 4 + [0] * 4, [0, 1, 2, 3] * 4 + [0] * 4)) == ""


def test_an_accuracy_that_always_one_letter_would_score_is_told():
    """MMLU's own: 22.95, 24.65, 25.51 and 26.89 % of 14,042 are A, B, C and D."""
    answers = [0] * 3223 + [1] * 3462 + [2] * 3582 + [3] * 3775
    right = [i < 3582 for i in range(14_042)]
    predictions = [a if ok else (a + 1) % 4 for a, ok in zip(answers, right, strict=True)]
    assert "25.51% is just what always answering C would score" in M.fingerprint(
        made(predictions, answers)
    )
    predictions[0] = (answers[0] + 2) % 4
    predictions[1] = (answers[1] + 2) % 4
    assert M.fingerprint(made(predictions, answers)) == ""


def test_the_summary_counts():
    answers = made([0, 1, 2, 3], [0, 1, 1, 1], "x") + made([1, 1], [1, 0], "y")
    answers[1] = replace(answers[1], shots=1)
    answers[2] = replace(answers[2], cut=3)
    report = summarise([replace(a, shots=a.shots or 2) for a in answers], Way("letter", 2))
    assert (report["n"], report["accuracy"], report["shots_dropped"], report["cut"]) == (
        6,
        0.5,
        1,
        1,
    )
    assert [(r["subject"], r["n"], r["accuracy"]) for r in report["by_subject"]] == [
        ("x", 4, 0.5),
        ("y", 2, 0.5),
    ]
    assert report["predicted"] == {"A": 1, "B": 3, "C": 1, "D": 1}
    assert report["ci95"] == list(wilson(3, 6))


# --- shares -----------------------------------------------------------------------------------------


def test_wilson_s_interval_is_the_textbook_s():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    with pytest.raises(DataError):
        wilson(1, 0)


def test_mcnemar_s_exact_p():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(9, 1) == mcnemar(1, 9)


def test_the_paired_difference_and_its_interval():
    a = [True] * 40 + [False] * 60
    b = [True] * 35 + [False] * 5 + [True] * 20 + [False] * 40
    result = paired_difference(a, b)
    assert result["difference"] == pytest.approx(0.15)
    assert (result["only_a"], result["only_b"]) == (5, 20)
    p12, p21 = 21 / 102, 6 / 102
    half = 1.959964 * ((p12 + p21 - (p12 - p21) ** 2) / 102) ** 0.5
    assert result["ci95"] == pytest.approx([p12 - p21 - half, p12 - p21 + half])
    assert result["p"] == stats.binomtest(5, 25).pvalue
    assert result["resolved"]
    with pytest.raises(DataError):
        paired_difference([True], [])


def test_two_models_are_compared_on_the_same_questions_only():
    a, b = made([0] * 30, [0] * 10 + [1] * 20), made([1] * 30, [0] * 10 + [1] * 20)
    result = compare(a, b)
    assert result["difference"] == pytest.approx(1 / 3)
    assert "not resolved" in result["words"]
    assert compare(a, made([0] * 10 + [1] * 20, [0] * 10 + [1] * 20))["words"].startswith(
        "B is right more often"
    )
    with pytest.raises(RunError, match="different questions"):
        compare(a, b[1:])


# --- files ------------------------------------------------------------------------------------------


def test_a_killed_run_goes_on_and_ends_with_the_same_file(
    model, found, tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setattr("helpers.evaluate.likelihood.BATCH_TOKENS", 60)  # several batches
    way, settings = Way("cloze"), {"model": "x"}
    args = (settings, model, found.test, found, way, tokenizer)
    whole = M.answer_into(tmp_path / "whole.jsonl", *args)
    fast, calls = M.log_likelihoods, []

    def killed(*a):
        calls.append(a)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fast(*a)

    monkeypatch.setattr(M, "log_likelihoods", killed)
    with pytest.raises(KeyboardInterrupt):
        M.answer_into(tmp_path / "cut.jsonl", *args)
    with open(tmp_path / "cut.jsonl", "ab") as f:
        f.write(b'{"index": 7, "it')  # a line that the kill cut off
    before = len(calls)
    assert M.answer_into(tmp_path / "cut.jsonl", *args) == whole
    again = len(calls) - before
    M.answer_into(tmp_path / "another.jsonl", *args)
    # The two batches that were done are not asked again.
    assert again == len(calls) - before - again - 2
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert M.open_answers(tmp_path / "cut.jsonl", settings) == whole
    with pytest.raises(RunError, match="holds something else"):
        M.answer_into(tmp_path / "cut.jsonl", {"model": "y"}, *args[1:])


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"settings": {}}\n{"a": 1}\n', encoding="utf-8")
    with pytest.raises(RunError, match=r"x\.jsonl, line 2: no answer \('index' is missing\)"):
        M.open_answers(tmp_path / "x.jsonl", {})


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model):
    return str(save_model(model, tmp_path_factory.mktemp("model")))


def test_course_mmlu_as_json(folder, capsys, tmp_path):
    command = ["mmlu", "--model", folder, "--against", "gpt2-micro", "--style", "cloze", "--sample", "26",
               "--shots", "1", "--json", "--out", str(tmp_path / "out")]  # fmt: skip
    assert main(command) == 0
    out = capsys.readouterr().out
    report = json.loads(out)
    assert {"n", "accuracy", "ci95", "shots", "shots_dropped", "by_subject"} <= set(report)
    assert (report["n"], report["shots"], report["shots_dropped"]) == (26, 1, 0)
    assert report["comparison"]["n"] == 26
    assert len(report["by_subject"]) > 12
    assert (tmp_path / "out" / "by-subject.png").stat().st_size > 5_000
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["n"] == 26
    assert main(command) == 0  # everything is there already
    assert json.loads(capsys.readouterr().out) == report


def test_course_mmlu_in_words_with_its_warning(folder, capsys, monkeypatch):
    monkeypatch.setattr(M, "predict", lambda *_: 2)
    assert main(["mmlu", "--model", folder, "--sample", "12"]) == 0
    out, err = capsys.readouterr()
    assert "of 12 questions right (95 % interval" in out
    assert "guessing 25 %" in out
    assert "Take care: the model chose C for all questions" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--style", "x"], "unknown style"), (["--shots", "9"], "give 0 to 5"),
     (["--sample", "0"], "a sample of 0"),
     (["--template", "x"], "unknown template"), (["--model", "no"], "no model 'no'")],
)  # fmt: skip
def test_bad_input_is_one_clear_line(options, words, capsys):
    assert main(["mmlu", *options]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_ctrl_c_says_how_to_go_on(folder, capsys, monkeypatch, tmp_path):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(M, "log_likelihoods", pressed)
    for more, words in (
        ([], "nothing is kept without --out"),
        (["--out", str(tmp_path)], "the same command goes on"),
    ):
        assert main(["mmlu", "--model", folder, "--sample", "4", *more]) == 1
        assert words in capsys.readouterr().err


def test_the_figure_tells_in_words_what_it_shows():
    report = {
        "model": "m",
        **summarise(made([0, 1], [0, 0], "x_y") + made([1, 1], [1, 0], "z"), Way()),
    }
    figure = by_subject(report)
    assert "4 questions of 2 subjects: m has 50.0 % right" in figure.caption
    assert "Guessing gives 25 %" in figure.caption
    both = by_subject({**report, "against": {**report, "model": "n"}})
    assert "n has 50.0 % right" in both.caption
