"""Tokens on disk: the very examples of the rows, made once, whole or made again."""

import json

import numpy as np
import pytest
from conftest import TINY, random_model

from helpers import tokens
from helpers.collate import BatchPlan, evaluation_batches
from helpers.data import load_records, stream_records
from helpers.errors import DataError
from helpers.files import read_json, write_json, write_jsonl
from helpers.masking import make_examples
from helpers.runs import RunSettings, fine_tune
from helpers.tokens import tokenised
from helpers.weights import save_model


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Every file is kept, in this folder."""
    monkeypatch.setattr(tokens, "CACHE_FROM", 0)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokens"


@pytest.fixture
def data(tmp_path, records):
    """Thirty rows of JSON Lines; the fifth has no output and the seventh is too long."""
    records[4]["output"] = " "
    records[6]["output"] = "long " * 100
    return str(write_jsonl(tmp_path / "data.jsonl", records))


def made_plainly(data, tokenizer, template="alpaca"):
    return make_examples(load_records(data), template, tokenizer, max_length=97)


@pytest.mark.parametrize("template", ["alpaca", "plain"])
def test_the_examples_are_those_of_the_rows(cache, data, tokenizer, template):
    """Made, read from the file, and as views of a part of it: always the same."""
    examples, left_out = made_plainly(data, tokenizer, template)
    assert [row for row, _ in left_out] == [4, 6]
    for _ in range(2):
        rows, dropped, n_records = tokenised(data, template, 97)
        assert (list(rows), dropped, n_records) == (examples, left_out, 30)
        assert list(rows[3:9]) == examples[3:9]
        assert list(rows[3:20][2:5]) == examples[5:8]
        assert (rows[-1], rows[3:9][-1], rows[3:9][0]) == (examples[-1], examples[8], examples[3])
        assert rows[3:9].lengths.tolist() == [len(e.ids) for e in examples[3:9]]
        with pytest.raises(IndexError):
            rows[28]
    assert isinstance(rows.tokens, np.memmap)
    assert rows.tokens.itemsize == 3


def test_a_file_is_tokenised_once(cache, data, monkeypatch):
    tokenised(data, "alpaca", 97)
    monkeypatch.setattr(tokens, "each_row", lambda *args: pytest.fail("tokenised again"))
    tokenised(data, "alpaca", 97)
    assert sorted(file.suffix for file in cache.iterdir()) == [".bin", ".json", ".npy"]


def test_whatever_the_tokens_follow_from_makes_another_file(cache, data, monkeypatch):
    tokenised(data, "alpaca", 97)
    tokenised(data, "phi3", 97)
    tokenised(data, "alpaca", 96)
    with open(data, "a") as file:
        file.write(json.dumps({"instruction": "One more.", "output": "Yes."}) + "\n")
    assert tokenised(data, "alpaca", 97)[2] == 31
    monkeypatch.setattr(tokens, "FORMAT", 2)
    tokenised(data, "alpaca", 97)
    assert len(list(cache.glob("*.bin"))) == len(list(cache.glob("*.json"))) == 5


DAMAGE = {
    "cut": (".bin", lambda file: file.write_bytes(file.read_bytes()[:-30])),
    "cut inside a token": (".bin", lambda file: file.write_bytes(file.read_bytes()[:-1])),
    "no tokens": (".bin", lambda file: file.write_bytes(b"")),
    "no ends": (".npy", lambda file: file.write_bytes(b"")),
    "other ends": (".npy", lambda file: np.save(file, np.zeros(5))),
    "no facts": (".json", lambda file: file.unlink()),
    "other facts": (".json", lambda file: write_json(file, {**read_json(file), "rows": 29})),
    "no JSON": (".json", lambda file: file.write_text("{")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_tokens_are_made_again(cache, data, damage):
    expected = list(tokenised(data, "alpaca", 97)[0])
    suffix, do_damage = DAMAGE[damage]
    (file,) = cache.glob(f"*{suffix}")
    whole = file.read_bytes()
    do_damage(file)
    assert list(tokenised(data, "alpaca", 97)[0]) == expected
    assert file.read_bytes() == whole


def test_a_row_that_is_no_record_is_an_error_and_leaves_nothing(cache, data):
    with open(data, "a") as file:
        file.write("{}\n")
    with pytest.raises(DataError, match="row 31: the key 'instruction' is missing"):
        tokenised(data, "alpaca", 97)
    assert list(cache.iterdir()) == []


def test_without_room_for_them_they_stay_in_memory(cache, data, monkeypatch, tokenizer, capsys):
    cache.parent.write_text("a file where the cache folder should be")
    rows, _, _ = tokenised(data, "alpaca", 97)
    assert list(rows) == made_plainly(data, tokenizer)[0]
    assert "cannot write" in (said := capsys.readouterr().err)
    assert "made again next time" in said


def test_small_files_leave_nothing_behind(cache, data, monkeypatch):
    monkeypatch.setattr(tokens, "CACHE_FROM", 1_000_000)
    assert len(tokenised(data, "alpaca", 97)[0]) == 28
    assert not cache.exists()


def test_batches_are_the_same_from_either(cache, data, tokenizer):
    plain, rows = made_plainly(data, tokenizer)[0], tokenised(data, "alpaca", 97)[0]
    plans = [BatchPlan(examples, batch_size=4, layout="packed") for examples in (plain, rows)]
    assert plans[0].steps(1) == plans[1].steps(1)
    one, two = (plan.micro_batches(1, 2)[0] for plan in plans)
    assert one.input_ids.tolist() == two.input_ids.tolist()
    one, two = (evaluation_batches(examples)[0] for examples in (plain, rows))
    assert one.labels.tolist() == two.labels.tolist()


def test_a_run_is_the_same_from_either(cache, data, tmp_path, monkeypatch):
    """Weights, rows and the rows left out, from memory, from a new file and from an old one."""
    save_model(random_model(TINY), tmp_path / "model")
    run = RunSettings(
        model=str(tmp_path / "model"), data=data, epochs=1, max_length=97, precision="fp32"
    )
    found = []
    for name, least in [("memory", 1_000_000), ("new", 0), ("old", 0)]:
        monkeypatch.setattr(tokens, "CACHE_FROM", least)
        list(fine_tune(run, tmp_path / name))
        stored = read_json(tmp_path / name / "settings.json")
        weights = (tmp_path / name / "model.safetensors").read_bytes()
        found.append((weights, stored["rows"], stored["left_out"]))
    assert found[0] == found[1] == found[2]
    assert found[0][1] == {"train": 23, "validation": 2}
    assert [row[:2] for row in found[0][2]] == [["train", 5], ["train", 7]]


# --- rows one at a time --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["lines", "list"])
def test_streamed_records_are_the_records(tmp_path, records, form):
    path = tmp_path / "data"
    (write_jsonl if form == "lines" else write_json)(path, records)
    assert list(stream_records(path)) == load_records(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"instruction": "a", "output": "b"}\n{"instruction": "a"',
        '{"instruction": "a", "output": "b"}\n\n{"instruction": "a"}\n',
        '{"instruction": "a", "output": 3}\n',
        '{\n "instruction": "a"\n}\n',
        "",
        "instruction,output\n",
    ],
)
def test_streamed_records_raise_what_loading_raises(tmp_path, text):
    path = tmp_path / "data.jsonl"
    path.write_text(text)
    with pytest.raises(DataError) as expected:
        load_records(path)
    with pytest.raises(DataError) as found:
        list(stream_records(path))
    assert str(found.value) == str(expected.value)
