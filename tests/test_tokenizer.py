"""GPT-2's tokenizer, offline: its published ids, and a segment name for every token."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.errors import WeightsError
from helpers.formatting import Segment
from helpers.tokenizer import END_OF_TEXT, RANKS, encode_segments, load_tokenizer

# No surrogates: data.load_records refuses them, and UTF-8 cannot hold them.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["", " ", "\n", "\n\n", "🙂", " 🙂", "naïve", "Hello", " wor", "ld", "<|endoftext|>", "👩‍👩‍👧"]
)
SEGMENTS = st.lists(
    st.builds(Segment, st.sampled_from(["template", "instruction", "input", "header"]), TEXT),
    max_size=6,
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Hello world", [15496, 995]),
        ("Every effort moves you", [6109, 3626, 6100, 345]),
        ("naïve", [2616, 38776]),
        ("🙂", [8582, 25081]),
        ("\n\n### Response:\n", [198, 198, 21017, 18261, 25, 198]),
        ("", []),
    ],
)
def test_published_ids(tokenizer, text, ids):
    assert tokenizer.encode(text) == tokenizer.encode_ordinary(text) == ids
    assert tokenizer.decode(ids) == text


def test_the_vocabulary_is_gpt2s(tokenizer):
    assert tokenizer.n_vocab == 50257
    assert tokenizer.eot_token == END_OF_TEXT == 50256
    assert tokenizer.decode([END_OF_TEXT]) == "<|endoftext|>"
    # The first 256 are single bytes, the last merge is the last line of vocab.bpe.
    assert sorted(tokenizer.decode_single_token_bytes(i) for i in range(256)) == [
        bytes([i]) for i in range(256)
    ]
    assert tokenizer.decode_single_token_bytes(50255) == b" gazed"


def test_an_end_marker_typed_into_a_field_is_ordinary_text(tokenizer):
    assert tokenizer.encode_ordinary("<|endoftext|>") == [27, 91, 437, 1659, 5239, 91, 29]
    ids, names = encode_segments([Segment("instruction", "<|endoftext|>")], tokenizer)
    assert ids == [27, 91, 437, 1659, 5239, 91, 29]
    assert names == ["instruction"] * 7


def test_the_file_is_read_once():
    assert load_tokenizer() is load_tokenizer()


def test_a_missing_file_of_ranks_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.tiktoken: No such file.*Reinstall"):
        load_tokenizer(tmp_path / "none.tiktoken")


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"", lambda data: data.replace(b" 995\n", b" 994\n", 1)],
    ids=["cut off", "empty", "one rank changed"],
)
def test_a_damaged_file_of_ranks_is_refused(tmp_path, damage):
    path = tmp_path / "damaged.tiktoken"
    path.write_bytes(damage(RANKS.read_bytes()))
    with pytest.raises(WeightsError, match=r"expected 306cd27f03c1….*damaged"):
        load_tokenizer(path)


def named(tokenizer, *segments):
    return encode_segments([Segment(*s) for s in segments], tokenizer)


def test_every_token_gets_the_name_of_its_segment(tokenizer):
    segments = [
        ("template", "Q: "),
        ("instruction", "Say hi."),
        ("template", "\nI: "),
        ("input", "to Bo"),
        ("header", "\nA:\n"),
    ]
    ids, names = named(tokenizer, *segments)
    assert ids == [48, 25, 13816, 23105, 13, 198, 40, 25, 284, 3248, 198, 32, 25, 198]
    # " Say" and " to" begin with a space of the template: they straddle the border.
    assert names == (
        ["template"] * 3 + ["instruction"] * 2 + ["template"] * 4 + ["input"] + ["header"] * 4
    )


def test_a_token_across_a_border_belongs_to_the_template(tokenizer):
    ids, names = named(tokenizer, ("instruction", "Hello wor"), ("input", "ld!"))
    assert ids == [15496, 995, 0]  # encoded as one piece: "Hello", " world", "!"
    assert names == ["instruction", "template", "input"]


def test_borders_are_counted_in_bytes_not_characters(tokenizer):
    """An emoji is one character, four bytes and here two tokens."""
    ids, names = named(tokenizer, ("instruction", "🙂é"), ("header", "\n"))
    assert ids == [8582, 25081, 2634, 198]
    assert names == ["instruction", "instruction", "instruction", "header"]


def test_half_an_emoji_across_a_border(tokenizer):
    """ " 🙂" begins with a token of a space and three of the emoji's four bytes."""
    ids, names = named(tokenizer, ("template", "x "), ("instruction", "🙂 ok"), ("header", "\n"))
    assert ids == [87, 32485, 12876, 198]
    assert tokenizer.decode_single_token_bytes(32485) == b" \xf0\x9f\x99\x82"
    assert names == ["template", "template", "instruction", "header"]


def test_empty_segments_own_no_token(tokenizer):
    assert named(tokenizer, ("template", ""), ("instruction", "Hello"), ("header", "")) == (
        [15496],
        ["instruction"],
    )
    assert named(tokenizer) == ([], [])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEGMENTS)
def test_the_ids_are_those_of_the_joined_text(segments):
    tokenizer = load_tokenizer()
    text = "".join(text for _, text in segments)
    ids, names = encode_segments(segments, tokenizer)
    assert ids == tokenizer.encode_ordinary(text)
    assert len(names) == len(ids)
    assert END_OF_TEXT not in ids


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEGMENTS)
def test_a_name_is_given_only_where_the_whole_token_lies_in_that_segment(segments):
    """The plain twin: a list of (first byte, past the last byte, name), searched for each token."""
    tokenizer = load_tokenizer()
    spans, start = [], 0
    for name, text in segments:
        end = start + len(text.encode())
        spans.append((start, end, name))
        start = end
    ids, names = encode_segments(segments, tokenizer)
    start = 0
    for token, name in zip(ids, names, strict=True):
        end = start + len(tokenizer.decode_single_token_bytes(token))
        touched = {n for first, past, n in spans if first < end and start < past}
        assert name == (touched.pop() if len(touched) == 1 else "template")
        start = end
