"""Templates: a record becomes exactly this text, in exactly these named pieces."""

import pytest

from helpers.errors import SettingsError
from helpers.formatting import (
    TEMPLATES,
    Segment,
    Template,
    format_example,
    format_prompt,
    get_template,
    has_input,
    prompt_segments,
)

ROW = {"instruction": "Say hi.", "input": "", "output": "Hi."}
ROW_WITH_INPUT = {"instruction": "Greet.", "input": "Bo", "output": "Hi, Bo."}
TEXTS = {  # template → (prompt without input, prompt with input)
    "alpaca": (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\nSay hi.\n\n### Response:\n",
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\nGreet.\n\n### Input:\nBo\n\n### Response:\n",
    ),
    "phi3": ("<|user|>\nSay hi.\n<|assistant|>\n", "<|user|>\nGreet.\nBo\n<|assistant|>\n"),
    "plain": ("Say hi.\n", "Greet.\nBo\n"),
}


def test_these_are_all_the_templates():
    assert set(TEMPLATES) == set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_the_prompt_is_exactly_this_text(name):
    assert format_prompt(ROW, name) == TEXTS[name][0]
    assert format_prompt(ROW_WITH_INPUT, name) == TEXTS[name][1]


@pytest.mark.parametrize("name", TEXTS)
def test_a_training_text_is_prompt_response_and_one_end(name):
    assert format_example(ROW, name) == TEXTS[name][0] + "Hi.<|endoftext|>"
    assert format_example(ROW_WITH_INPUT, name) == TEXTS[name][1] + "Hi, Bo.<|endoftext|>"


def test_alpaca_is_the_default():
    assert format_prompt(ROW) == TEXTS["alpaca"][0]
    assert prompt_segments(ROW) == prompt_segments(ROW, "alpaca")


def test_segments_name_the_role_of_every_piece():
    assert prompt_segments(ROW_WITH_INPUT, "phi3") == [
        Segment("template", "<|user|>\n"),
        Segment("instruction", "Greet."),
        Segment("template", "\n"),
        Segment("input", "Bo"),
        Segment("header", "\n<|assistant|>\n"),
    ]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("row", [ROW, ROW_WITH_INPUT])
def test_the_prompt_ends_with_the_header_and_the_segments_join_to_it(name, row):
    segments = prompt_segments(row, name)
    assert segments[-1] == ("header", TEMPLATES[name].header)
    assert "".join(text for _, text in segments) == format_prompt(row, name)


def test_the_alpaca_header_is_these_six_tokens(tokenizer):
    assert tokenizer.encode_ordinary(TEMPLATES["alpaca"].header) == [
        198,
        198,
        21017,
        18261,
        25,
        198,
    ]


def test_the_alpaca_words_before_the_instruction_are_24_tokens(tokenizer):
    assert len(tokenizer.encode_ordinary(TEMPLATES["alpaca"].before_instruction)) == 24


@pytest.mark.parametrize("nothing", [{}, {"input": None}, {"input": ""}, {"input": " \n\t\u3000"}])
def test_a_missing_null_or_blank_input_means_none(nothing):
    row = {"instruction": "Say hi.", "output": "Hi.", **nothing}
    assert not has_input(row)
    for name, (text, _) in TEXTS.items():
        assert format_prompt(row, name) == text


def test_the_fields_are_taken_as_they_are():
    """No strip and no interpretation: braces, percent signs and markers are only text."""
    row = {
        "instruction": "  {instruction} %s\n",
        "input": "### Response:\n",
        "output": " {x}<|endoftext|>",
    }
    assert format_example(row, "plain") == (
        "  {instruction} %s\n\n### Response:\n\n {x}<|endoftext|><|endoftext|>"
    )


def test_a_template_of_your_own():
    own = Template("mine", "Q: {", "\nGiven: ", "\nA: }")
    assert get_template(own) is own
    assert format_prompt(ROW, own) == "Q: {Say hi.\nA: }"
    assert format_prompt(ROW_WITH_INPUT, own) == "Q: {Greet.\nGiven: Bo\nA: }"


@pytest.mark.parametrize(
    ("typed", "meant"), [("alpca", "alpaca"), ("Phi3", "phi3"), ("plian", "plain")]
)
def test_an_unknown_template_offers_the_nearest_name(typed, meant):
    with pytest.raises(
        SettingsError, match=f"{typed!r}; did you mean '{meant}'.*alpaca, phi3, plain"
    ):
        get_template(typed)


def test_an_unknown_template_far_from_all_lists_them():
    with pytest.raises(SettingsError, match="'zzz'; known: alpaca, phi3, plain"):
        get_template("zzz")
