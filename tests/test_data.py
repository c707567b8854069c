"""Data sets: what is accepted, what is refused and with which words, how it is split."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.data import BUNDLED, load_records, near_duplicates, split, words
from helpers.errors import DataError

GOOD = {"instruction": "Say hi.", "input": "", "output": "Hi."}


@pytest.fixture
def write(tmp_path):
    """A function that puts text or bytes into rows.json and returns the path."""

    def put(content, name="rows.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


# --- what is accepted ----------------------------------------------------------------------------


def test_a_list_and_json_lines_are_the_same(write):
    rows = [GOOD, {**GOOD, "instruction": "Add 1.", "family": "arithmetic"}]
    expected = load_records(write(json.dumps(rows)))
    assert expected == rows
    lines = "\n\n".join(json.dumps(r) for r in rows) + "\n"  # an empty line says nothing
    assert load_records(write(lines, "rows.jsonl")) == rows
    assert load_records(write(lines.replace("\n", "\r\n"))) == rows


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_separators_inside_a_string_do_not_end_a_json_line(write, end):
    """JSON allows U+2028, U+2029 and U+0085 in a string; str.splitlines would cut the row there."""
    row = {**GOOD, "output": "one\u2028two\u2029three\x85four"}
    text = json.dumps(row, ensure_ascii=False) + end
    assert load_records(write(text, "rows.jsonl")) == [row]


def test_a_byte_order_mark_is_ignored(write):
    assert load_records(write(b"\xef\xbb\xbf" + json.dumps([GOOD]).encode())) == [GOOD]
    assert load_records(write(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())) == [GOOD]


@pytest.mark.parametrize("nothing", [{}, {"input": None}, {"input": ""}])
def test_an_input_may_be_missing_null_or_empty(write, nothing):
    row = {"instruction": "Say hi.", **nothing, "output": "Hi."}
    assert load_records(write(json.dumps([row]))) == [GOOD]


def test_extra_keys_and_an_empty_output_are_kept(write):
    """An empty output cannot be trained on, but it can be answered; masking decides."""
    row = {**GOOD, "output": "", "family": "greeting", "level": 3}
    assert load_records(write(json.dumps([row]))) == [row]


def test_the_bundled_data_is_1100_rows():
    assert len(load_records("course")) == 1100
    assert load_records(BUNDLED["course"]) == load_records("course")


# --- what is refused -----------------------------------------------------------------------------

REFUSED = {  # name → (content, parts of the message)
    "not UTF-8": (b'[{"instruction": "caf\xe9"}]', ["not UTF-8", "byte 21", "Save it as UTF-8"]),
    "not JSON": ("hello", ["line 1", "not JSON", "a list of records, or one record a line"]),
    "cut off": ('[{"instruction": "a", "output": "b"},', ["line 1", "not JSON", "cut off"]),
    "cut off in line 2": (json.dumps(GOOD) + '\n{"instr', ["line 2", "not JSON"]),
    "empty file": ("", ["holds no rows"]),
    "blank file": (" \n\n", ["holds no rows"]),
    "empty list": ("[]", ["holds no rows"]),
    "a number for a row": (json.dumps([GOOD, 7]), ["row 2", "expected an object", "got int"]),
    "a list for a row": (json.dumps([["a"]]), ["row 1", "expected an object", "got list"]),
    "a bare string": ('"text"', ["row 1", "expected an object", "got str"]),
    "missing instruction": (
        json.dumps([GOOD, {"prompt": "a", "output": "b"}]),
        ["row 2", "'instruction' is missing", "found: 'prompt', 'output'", "Add it"],
    ),
    "missing output": (
        json.dumps([{"instruction": "a"}]),
        ["row 1", "'output' is missing", "found: 'instruction'"],
    ),
    "empty object": ("[{}]", ["row 1", "'instruction' is missing", "found: none"]),
    "a number for text": (
        json.dumps([{**GOOD, "output": 42}]),
        ["row 1", "'output' must be text", "int '42'", "quotes"],
    ),
    "a list for text": (
        json.dumps([{**GOOD, "input": ["a"]}]),
        ["row 1", "'input' must be text", "got list"],
    ),
    "null for text": (
        json.dumps([{**GOOD, "instruction": None}]),
        ["row 1", "'instruction' must be text", "NoneType"],
    ),
    "false for an input": (
        json.dumps([{**GOOD, "input": False}]),
        ["row 1", "'input' must be text", "got bool"],
    ),
    "a key twice": (
        '[{"instruction": "a", "output": "b", "output": "c"}]',
        ["'output' appears twice", "keep one"],
    ),
    "a key twice in line 2": (
        json.dumps(GOOD) + '\n{"input": "a", "input": "b"}',
        ["line 2", "'input' appears twice"],
    ),
    "blank instruction": (
        json.dumps([GOOD, GOOD, {**GOOD, "instruction": " \n"}]),
        ["row 3", "the instruction is empty"],
    ),
    "half a surrogate pair": (
        json.dumps([{**GOOD, "output": "ab\ud83d"}]),
        ["row 1", "'output'", "half a surrogate pair at character 2", "Remove it"],
    ),
    "half a surrogate pair in an extra key": (
        json.dumps([{**GOOD, "family": "ab\ud83d"}]),
        ["row 1", "'family'", "half a surrogate pair"],
    ),
    "NaN": ('[{"instruction": "a", "output": "b", "score": NaN}]', ["NaN"]),
    "infinity": ('[{"instruction": "a", "output": "b", "score": -Infinity}]', ["-Infinity"]),
    "brackets without end": ("[" * 100_000, ["not JSON"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_with_row_key_and_remedy(write, name):
    content, parts = REFUSED[name]
    path = write(content)
    with pytest.raises(DataError) as caught:
        load_records(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    for part in parts:
        assert part in message


def test_a_missing_file_offers_the_nearest_name():
    with pytest.raises(DataError, match=r"'cuorse'.*did you mean 'course'.*Known: course, .*book"):
        load_records("cuorse")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder: name the JSON file inside it"):
        load_records(tmp_path)


# --- splits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(1100, (935, 110, 55)), (20, (17, 2, 1)), (21, (17, 2, 2)), (99, (84, 9, 6))],
)
def test_split_sizes(n, sizes):
    assert tuple(map(len, split([GOOD] * n))) == sizes


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(20, 3000))
def test_the_parts_follow_file_order_and_lose_nothing(n):
    parts = split(list(range(n)))
    assert [*parts.train, *parts.test, *parts.validation] == list(range(n))
    assert all(parts)


def test_fewer_than_20_rows_are_refused_unless_the_validation_set_is_named():
    with pytest.raises(DataError, match=r"^19 rows are too few.*at least 20.*--val FILE"):
        split([GOOD] * 19)
    assert split([1, 2, 3], [4]) == ([1, 2, 3], [], [4])


# --- near-duplicates -----------------------------------------------------------------------------


def brute_force(left, right, threshold):
    """The definition, on every pair."""
    found = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            one, two = (set(words(" ".join(r.values()))) for r in (a, b))
            if one | two and len(one & two) / len(one | two) >= threshold:
                found.append((i, j, len(one & two) / len(one | two)))
    return found


def random_rows(rng, n):
    """Rows of few words, so that many pairs are similar and many sit right at a threshold."""
    vocabulary = ["a", "b", "c", "d", "e", "f", "naïve", "10", "x", "y", "z", "w"]
    return [
        {key: " ".join(rng.choices(vocabulary, k=rng.randrange(7))) for key in GOOD}
        for _ in range(n)
    ]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.75, 0.9, 1.0])
def test_near_duplicates_equal_the_definition(threshold):
    rng = random.Random(f"near {threshold}")
    for _ in range(10):
        left, right = random_rows(rng, 25), random_rows(rng, 30)
        right += left[:2]
        assert near_duplicates(left, right, threshold) == brute_force(left, right, threshold)


def test_a_near_duplicate_differs_in_case_and_punctuation_only():
    a = {"instruction": "Name the capital of France!", "input": "", "output": "Paris."}
    b = {"instruction": "name the capital of france", "input": "", "output": "It is PARIS"}
    assert near_duplicates([a], [b], 0.7) == [(0, 0, 6 / 8)]
    assert near_duplicates([a], [b]) == []
