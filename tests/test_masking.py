"""Masking: which tokens each arm learns from, in ids and weights."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.errors import DataError, SettingsError
from helpers.formatting import TEMPLATES, Template, example_segments, format_prompt
from helpers.masking import (
    ARMS,
    Example,
    colour_rows,
    colour_tokens,
    learnt_by_segment,
    learnt_share,
    learnt_text,
    loss_weights,
    make_example,
    make_examples,
    segment_bars,
    segment_weights,
)
from helpers.plots import learnt_shares
from helpers.tokenizer import END_OF_TEXT, load_tokenizer

TOY = Template("toy", "Q:\n", "\nI:\n", "\nA:\n")
ROW = {"instruction": "Say hi.", "input": "to Bo", "output": "Hi."}
# fmt: off
IDS = [48, 25, 198, 25515, 23105, 13, 198, 40, 25, 198, 1462, 3248, 198, 32, 25, 198, 17250, 13, 50256]
#      Q   :   ↵    Say    hi     .   ↵    I   :   ↵    to    Bo    ↵    A   :   ↵    Hi     .   end
NAMES = (["template"] * 3 + ["instruction"] * 3 + ["template"] * 4 + ["input"] * 2 + ["header"] * 4
         + ["response"] * 2 + ["end"])
WEIGHTS = {
    "all":                  [0, 1, 1,  1, 1, 1,  1, 1, 1, 1,  1, 1,  1, 1, 1, 1,  1, 1, 1],
    "instruction+response": [0, 0, 0,  1, 1, 1,  0, 0, 0, 0,  1, 1,  0, 0, 0, 0,  1, 1, 1],
    "header+response":      [0, 0, 0,  0, 0, 0,  0, 0, 0, 0,  0, 0,  1, 1, 1, 1,  1, 1, 1],
    "response":             [0, 0, 0,  0, 0, 0,  0, 0, 0, 0,  0, 0,  0, 0, 0, 0,  1, 1, 1],
    "response@0.5":         [0] + [0.5] * 15 + [1, 1, 1],
    "response@0":           [0] + [0] * 15 + [1, 1, 1],
    "response@1":           [0] + [1] * 18,
}
# fmt: on


def test_a_row_becomes_these_ids_with_these_names(tokenizer):
    example = make_example(ROW, TOY, tokenizer)
    assert example.ids == IDS
    assert example.names == NAMES
    assert example.n_prompt == 16


@pytest.mark.parametrize("arm", WEIGHTS)
def test_the_weight_of_every_token(arm):
    assert loss_weights(Example(IDS, NAMES), arm) == WEIGHTS[arm]


def test_every_arm_is_in_the_table_above():
    assert set(ARMS) <= set(WEIGHTS)


@pytest.mark.parametrize(
    ("arm", "text"),
    [
        ("all", ":\nSay hi.\nI:\nto Bo\nA:\nHi.<|endoftext|>"),
        ("instruction+response", "Say hi.to BoHi.<|endoftext|>"),
        ("header+response", "\nA:\nHi.<|endoftext|>"),
        ("response", "Hi.<|endoftext|>"),
    ],
)
def test_decoded_back_to_text(tokenizer, arm, text):
    assert learnt_text(Example(IDS, NAMES), arm, tokenizer) == text


@pytest.mark.parametrize(
    ("arm", "share"), [("all", 18 / 19), ("response", 3 / 19), ("response@0.5", 10.5 / 19)]
)
def test_the_learnt_share_counts_every_token_with_its_weight(arm, share):
    example = Example(IDS, NAMES)
    assert learnt_share([example], arm) == pytest.approx(share)
    assert learnt_share([example] * 3, arm) == pytest.approx(share)


def test_tokens_and_weights_of_every_segment():
    """The 19 tokens of the row above; the first, which is never learnt from, is the template's."""
    found = learnt_by_segment([Example(IDS, NAMES)], "response@0.5")
    assert found == {
        "template": (7, 3.0),
        "instruction": (3, 1.5),
        "input": (2, 1.0),
        "header": (4, 2.0),
        "response": (2, 2.0),
        "end": (1, 1.0),
    }


@pytest.mark.parametrize("weight", ["0", "0.1", "1", "1e-3"])
def test_a_prompt_weight_is_a_number_from_0_to_1(weight):
    weights = segment_weights(f"response@{weight}")
    assert weights == {
        **dict.fromkeys(("template", "instruction", "input", "header"), float(weight)),
        "response": 1.0,
        "end": 1.0,
    }


@pytest.mark.parametrize(
    ("arm", "parts"),
    [
        ("respnse", "unknown arm 'respnse'.*did you mean 'response'"),
        ("Response", "unknown arm 'Response'.*did you mean 'response'"),
        ("", "unknown arm ''.*known: all, instruction"),
        ("all@0.1", "unknown arm 'all@0.1'"),
        ("header+response@0.1", "unknown arm 'header.response@0.1'"),
        ("response@2", "prompt weight '2' in 'response@2': give a number from 0 to 1"),
        ("response@-0.1", "prompt weight '-0.1'"),
        ("response@nan", "prompt weight 'nan'"),
        ("response@", "prompt weight ''"),
        ("response@a lot", "prompt weight 'a lot'"),
    ],
)
def test_an_arm_that_does_not_exist(arm, parts):
    with pytest.raises(SettingsError, match=parts):
        segment_weights(arm)


# --- prompt and response are encoded apart -------------------------------------------------------


def test_the_prompt_is_what_generation_will_see(tokenizer):
    """Encoded as one text, the border would disappear inside " Answer" and the mask with it."""
    template = Template("t", "", "\n", " Ans")
    row = {"instruction": "Add.", "input": "", "output": "wer"}
    example = make_example(row, template, tokenizer)
    assert [tokenizer.decode([t]) for t in example.ids] == [
        "Add",
        ".",
        " Ans",
        "wer",
        "<|endoftext|>",
    ]
    assert len(tokenizer.encode_ordinary("Add. Answer")) == 3


ALPHABETS = (
    "abcdefgh     ABC.,!?",
    "0123456789 +-*/=",
    "\n\t  \r:#{}<|>&\"'",
    "äöüéèñçßøłž ĳﬁ",
    "日本語中文한국어 العربية",
    "🙂👩‍👩‍👧🏳️‍🌈👍🏽 \u200b\u2028\ufeff",
)
PIECES = ("### Response:\n", "<|endoftext|>", "\n\n", " the", "Answer", "")


def random_text(rng, longest=24):
    pieces = [
        "".join(rng.choices(rng.choice(ALPHABETS), k=rng.randrange(longest // 3)))
        for _ in range(rng.randrange(1, 4))
    ]
    return "".join(pieces) + rng.choice(PIECES)


def random_row(rng):
    return {
        "instruction": random_text(rng) + "?",
        "input": rng.choice(["", random_text(rng)]),
        "output": random_text(rng) + rng.choice("x!🙂"),
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_on_ten_thousand_random_rows(tokenizer, template):
    """What `response` learns is the response and one end token, whatever is typed anywhere."""
    rng = random.Random(f"masking {template}")
    for _ in range(3_400):  # three templates: more than 10,000 rows
        row = random_row(rng)
        example = make_example(row, template, tokenizer)
        learnt = [
            t for t, w in zip(example.ids, loss_weights(example, "response"), strict=True) if w
        ]
        assert tokenizer.decode_bytes(learnt) == row["output"].encode() + b"<|endoftext|>"
        assert learnt_text(example, "response", tokenizer) == row["output"] + "<|endoftext|>"
        # One end token, the last, and every arm learns it; the first token is never a target.
        assert example.ids.count(END_OF_TEXT) == 1
        assert (example.ids[-1], example.names[-1]) == (END_OF_TEXT, "end")
        for arm in WEIGHTS:
            weights = loss_weights(example, arm)
            assert (weights[0], weights[-1]) == (0, 1)
        # The prompt is generation's prompt, token for token.
        prompt = tokenizer.encode_ordinary(format_prompt(row, template))
        assert example.ids[: example.n_prompt] == prompt
        assert tokenizer.decode_bytes(prompt) == format_prompt(row, template).encode()


def test_example_segments_join_to_the_training_text():
    assert [s.name for s in example_segments(ROW)][-3:] == ["header", "response", "end"]
    assert "".join(s.text for s in example_segments(ROW, TOY)) == (
        "Q:\nSay hi.\nI:\nto Bo\nA:\nHi.<|endoftext|>"
    )


# --- too long, or empty --------------------------------------------------------------------------

LONG = {"instruction": "Sum up: " + "one two three " * 20, "input": "Word. " * 50, "output": "Ok."}


def parts_of(example, tokenizer):
    """Segment name → its tokens as text, pieces of the same name joined."""
    pieces = {}
    for token, name in zip(example.ids, example.names, strict=True):
        pieces[name] = pieces.get(name, "") + tokenizer.decode([token])
    return pieces


def test_the_end_of_the_input_is_cut_first(tokenizer):
    whole = make_example(LONG, TOY, tokenizer)
    n = len(whole.ids)
    for limit in (n, n - 1, n - 40, n - 95):
        example = make_example(LONG, TOY, tokenizer, max_length=limit)
        assert len(example.ids) == limit
        before, after = parts_of(whole, tokenizer), parts_of(example, tokenizer)
        assert before.pop("input").startswith(after.pop("input"))
        assert before == after  # everything else is as it was


def test_then_the_end_of_the_instruction(tokenizer):
    whole = parts_of(make_example(LONG, TOY, tokenizer), tokenizer)
    for limit in (50, 20, 15):
        example = make_example(LONG, TOY, tokenizer, max_length=limit)
        after = parts_of(example, tokenizer)
        assert limit - 1 <= len(example.ids) <= limit
        assert "input" not in after
        assert whole["instruction"].startswith(after["instruction"])
        assert (after["header"], after["response"]) == ("\nA:\n", "Ok.")
        assert after["end"] == "<|endoftext|>"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False), st.integers(2, 60))
def test_a_cut_row_keeps_its_template_header_response_and_end(rng, limit):
    tokenizer = load_tokenizer()
    row = random_row(rng)
    row["input"] *= 4
    template = "plain" if limit < 40 else "alpaca"
    try:
        example = make_example(row, template, tokenizer, max_length=limit)
    except DataError:
        return
    assert len(example.ids) <= limit
    text = tokenizer.decode_bytes(example.ids).decode("utf-8")  # no half characters
    style = TEMPLATES[template]
    assert text.startswith(style.before_instruction)
    assert text.endswith(style.header + row["output"] + "<|endoftext|>")
    assert learnt_text(example, "response", tokenizer) == row["output"] + "<|endoftext|>"


def test_an_emoji_at_the_cut_goes_as_a_whole(tokenizer):
    row = {"instruction": "Count.", "input": "🙂" * 9, "output": "9"}
    for limit in range(9, 24):
        example = make_example(row, "plain", tokenizer, max_length=limit)
        text = tokenizer.decode_bytes(example.ids).decode("utf-8")
        emoji = text.count("🙂")
        assert text == "Count.\n" + ("🙂" * emoji + "\n") * bool(emoji) + "9<|endoftext|>"
        assert emoji == min(9, (limit - 6) // 2) or emoji == min(9, (limit - 6) // 2 - 1)


def test_a_response_that_does_not_fit_is_left_out_and_reported(tokenizer):
    rows = [
        ROW,
        {**ROW, "output": "very " * 40 + "long."},
        {**ROW, "output": " \n"},
        {**ROW, "output": ""},
        LONG,
    ]
    examples, left_out = make_examples(rows, TOY, tokenizer, max_length=30)
    assert [len(e.ids) for e in examples] == [19, 30]
    assert [row for row, _ in left_out] == [1, 2, 3]
    assert re.search(
        r"does not fit: .* still has 7 tokens, and 0 are left.*Shorten the output", left_out[0][1]
    )
    assert "output is empty" in left_out[1][1]
    assert "output is empty" in left_out[2][1]


def test_the_shortest_row_that_fits(tokenizer):
    """Q : ↵ (3), ↵ A : ↵ (4), "Ok" and "." (2), end (1): ten tokens, and not one fewer."""
    example = make_example(LONG, TOY, tokenizer, max_length=10)
    assert tokenizer.decode(example.ids) == "Q:\n\nA:\nOk.<|endoftext|>"
    assert example.names == ["template"] * 3 + ["header"] * 4 + ["response"] * 2 + ["end"]
    with pytest.raises(DataError, match="does not fit"):
        make_example(LONG, TOY, tokenizer, max_length=9)


# --- colours -------------------------------------------------------------------------------------


def boxes(html):
    return re.findall(r'<span style="([^"]*)" title="([^"]*)">(.*?)</span>', html, re.DOTALL)


def test_colours_show_id_segment_and_weight_of_every_token(tokenizer):
    found = boxes(colour_tokens(Example(IDS, NAMES), "response@0.5", tokenizer))
    assert len(found) == 19
    assert [title for _, title, _ in found][:4] == [
        "id 48, template, weight 0",
        "id 25, template, weight 0.5",
        "id 198, template, weight 0.5",
        "id 25515, instruction, weight 0.5",
    ]
    assert found[-1][1] == "id 50256, end, weight 1"
    assert found[3][2] == "Say"
    learnt = ["underline" in s or "border-bottom" in s for s, _, _ in found]
    assert learnt == [False] + [True] * 18
    # A larger weight is a stronger blue.
    assert "rgba(0,114,178,0.26)" in found[1][0]
    assert "rgba(0,114,178,0.40)" in found[-1][0]


def test_html_in_a_record_stays_text(tokenizer):
    row = {"instruction": "<script>alert(1)</script>", "input": "", "output": "\"<b>\" & 'c'"}
    html = colour_tokens(make_example(row, "plain", tokenizer), "response", tokenizer)
    assert "<script" not in html
    assert "<b>" not in html.partition("<figcaption>")[0]
    assert "".join(text for _, _, text in boxes(html)) == (
        "&lt;script&gt;alert(1)&lt;/script&gt;↵\n"
        "&quot;&lt;b&gt;&quot; &amp; &#x27;c&#x27;&lt;|endoftext|&gt;"
    )


def test_the_caption_says_how_much_is_learnt_from(tokenizer):
    html = colour_tokens(Example(IDS, NAMES), "response", tokenizer)
    assert "Loss on <b>response</b>: 16% of 19 tokens are learnt from" in html


def test_the_caption_of_a_weighted_arm_says_how_tokens_are_counted(tokenizer):
    html = colour_tokens(Example(IDS, NAMES), "response@0.5", tokenizer)
    assert (
        "55% of 19 tokens are learnt from (blue, underlined, each counted with its weight)" in html
    )


def test_rows_of_a_batch_stand_on_a_line_each(tokenizer):
    html = colour_rows([Example(IDS, NAMES)] * 2, "response", tokenizer)
    assert len(boxes(html)) == 38
    assert "\n" not in html
    assert html.count("↵") == 10  # five line breaks a row
    assert "Loss on <b>response</b>: 16% of 38 tokens are learnt from" in html


def bars(html):
    """Segment → (its share, what is learnt from, widths of the blue and the grey bar), as text."""
    shares = dict(re.findall(r'<th scope="row"[^>]*>(\w+)</th>(.*?)</tr>', html))
    return {
        name: re.findall(r">([\d.]+%)</td>", row) + re.findall(r"width:([\d.]+%);", row)
        for name, row in shares.items()
    }


def test_a_bar_for_every_segment():
    """Blue and grey widths are per cent of the longest segment, the template of seven tokens."""
    html = segment_bars([Example(IDS, NAMES)] * 2, "response@0.5")
    assert bars(html) == {
        "template": ["36.8%", "15.8%", "42.9%", "57.1%"],
        "instruction": ["15.8%", "7.9%", "21.4%", "21.4%"],
        "input": ["10.5%", "5.3%", "14.3%", "14.3%"],
        "header": ["21.1%", "10.5%", "28.6%", "28.6%"],
        "response": ["10.5%", "10.5%", "28.6%", "0.0%"],
        "end": ["5.3%", "5.3%", "14.3%", "0.0%"],
    }
    assert "Loss on <b>response@0.5</b>, 2 rows: 55% of all tokens are learnt from" in html
    assert "29% of the loss is about the response and its end" in html  # 3 / 10.5


def test_segments_that_no_row_has_get_no_bar(tokenizer):
    html = segment_bars([make_example({**ROW, "input": ""}, TOY, tokenizer)], "response")
    assert list(bars(html)) == ["template", "instruction", "header", "response", "end"]
    assert "1 row:" in html
    assert "100% of the loss is about the response" in html


def test_the_figure_of_the_arms_has_a_bar_each_and_marks_the_chosen_one():
    [ax] = learnt_shares({"all": 0.98, "response": 0.19}, "response").axes
    learnt, rest = ([bar.get_width() for bar in bars] for bars in ax.containers)
    assert learnt == pytest.approx([98, 19])
    assert rest == pytest.approx([2, 81])
    names = {label.get_text(): label.get_fontweight() for label in ax.get_yticklabels()}
    assert names == {"all": "normal", "response": "bold"}
    assert [text.get_text() for text in ax.texts] == ["98 %", "19 %"]
