"""New rows from a language model: kept when new, accounted for when not, whatever the server does."""

import itertools
import json
import re

import pytest
from fake_ollama import FakeOllama, free_port

from helpers import augment as module
from helpers import cli
from helpers.augment import (
    BARREN,
    MOST_FAILED,
    SILENT,
    Known,
    Order,
    augment,
    report,
    rows_in,
    sorted_out,
    writer_from_name,
)
from helpers.data import load_records, split
from helpers.errors import CourseError, JudgeError, RunError, SettingsError
from helpers.files import read_jsonl, write_json

ROWS = 30  # of the data set: 25 to train on, 3 to test on, 2 to validate on


@pytest.fixture(autouse=True)
def folder(tmp_path, records, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "data.json", records)


def author():
    """What a good model says: as many new rows as it is asked for, each time others."""
    numbers = itertools.count()

    def says(body):
        n = int(re.search(r"Write (\d+) further rows", body["messages"][1]["content"])[1])
        rows = [
            {
                "instruction": f"Tell fact {k} about planet {k * 7}.",
                "input": "",
                "output": f"It has {k}.",
            }
            for k in itertools.islice(numbers, n)
        ]
        return json.dumps({"rows": rows})

    return says


def ask(server, out="new", timeout=0.0, name="ollama:llama3", **changes):
    """The report, after asking the server with no waits between tries."""
    order = Order(data="data.json", **{"rows": 6, "per_request": 2, **changes})
    writer = writer_from_name(name, order, timeout=timeout)
    writer.server.sleep = lambda seconds: None
    if name.startswith("ollama"):
        writer.server.url = server.url
    made = list(augment(writer, order, out))
    return report(order, out, new_requests=len(made))


def counted(found):
    return {name: found[name] for name in ("accepted", "duplicate", "leak", "invalid", "failed")}


# --- what is asked, and what is kept -------------------------------------------------------------


def test_new_rows_are_kept_and_can_be_trained_on_without_moving_the_splits(tmp_path, records):
    with FakeOllama(says=author()) as server:
        found = ask(server)
    assert counted(found) == {"accepted": 6, "duplicate": 0, "leak": 0, "invalid": 0, "failed": 0}
    assert (found["stopped"], found["requests"], found["words"]) == ("rows", 3, "")
    rows = read_jsonl("new/rows.jsonl")
    assert rows[0] == {
        "instruction": "Tell fact 0 about planet 0.",
        "input": "",
        "output": "It has 0.",
        "source": "ollama:llama3",
    }
    parts = split(records)
    assert read_jsonl("new/train.jsonl") == [*parts.train, *rows]
    assert read_jsonl("new/validation.jsonl") == parts.validation
    assert len(load_records("new/train.jsonl")) == 31


def test_each_request_shows_other_training_rows_and_no_test_row(records):
    with FakeOllama(says=author()) as server:
        ask(server, rows=8)
    asked = [body["messages"][1]["content"] for body in server.requests]
    parts = split(records)
    for row in parts.test + parts.validation:
        assert not any(json.dumps(row["instruction"], ensure_ascii=False) in text for text in asked)
    shown = [[r for r in parts.train if f'"{r["instruction"]}"' in text] for text in asked]
    assert [len(rows) for rows in shown] == [4, 3, 3, 3]  # later ones show an accepted row as well
    assert len({str(rows) for rows in shown}) == 4
    assert all("about planet" in text for text in asked[1:])


def test_a_request_asks_for_json_at_its_own_seed():
    with FakeOllama(says=author()) as server:
        ask(server, temperature=1.1)
    first, second = (body["options"] for body in server.requests[:2])
    assert (first["temperature"], first["seed"], second["seed"]) == (1.1, 123, 124)
    rows = server.requests[0]["format"]["properties"]["rows"]
    assert (rows["maxItems"], rows["items"]["required"]) == (2, ["instruction", "input", "output"])


def test_an_openai_compatible_server_is_asked_in_its_own_words():
    with FakeOllama(says=author()) as server:
        found = ask(server, name=f"openai:llama3:latest@{server.url}")
    assert found["accepted"] == 6
    assert server.requests[1]["seed"] == 124
    assert server.requests[0]["response_format"]["type"] == "json_schema"


def test_the_same_order_asks_the_same_again():
    asked = []
    for out in ("one", "two"):
        with FakeOllama(says=author()) as server:
            ask(server, out)
        asked.append([body["messages"] for body in server.requests])
    assert asked[0] == asked[1]


OLD = {"instruction": "Name the capital of Peru.", "input": "", "output": "Lima."}
TEST = {
    "instruction": "Which sea lies north of Egypt?",
    "input": "",
    "output": "The Mediterranean.",
}


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"instruction": "Name the capital of Chile.", "output": "Santiago."}, "accepted"),
        ({"instruction": "name the capital of Peru", "output": "It is Lima."}, "duplicate"),
        ({"instruction": "Name Peru, of the capital!", "input": None, "output": "?"}, "duplicate"),
        ({"instruction": "WHICH SEA LIES NORTH OF EGYPT", "output": "A blue one."}, "leak"),
        ({"instruction": "Name a fruit.", "output": " "}, "invalid"),
        ({"instruction": "Name a fruit."}, "invalid"),
        ({"instruction": "", "output": "A pear."}, "invalid"),
        ({"instruction": ["Name a fruit."], "output": "A pear."}, "invalid"),
        ({"instruction": "Say it.\n\n### Response:\nYes", "output": "No."}, "invalid"),
        ({"instruction": "Half a pair \ud83d", "output": "No."}, "invalid"),
        ("Name a fruit.", "invalid"),
    ],
)
def test_what_becomes_of_a_row(row, status):
    known = Known([OLD], [TEST])
    found = sorted_out(json.dumps({"rows": [row]}), known)
    assert [f["status"] for f in found] == [status]
    assert ("reason" in found[0]) == (status == "invalid")
    json.dumps(found, allow_nan=False).encode("utf-8")
    if status == "accepted":
        (again,) = sorted_out(json.dumps([row]), known)  # said a second time
        assert again["status"] == "duplicate"


@pytest.mark.parametrize(
    ("reply", "n"),
    [
        ('{"rows": [{"instruction": "a", "output": "b"}, {"instruction": "c", "output": "d"}]}', 2),
        ('[{"instruction": "a", "output": "b"}]', 1),
        ('{"instruction": "a", "output": "b"}', 1),
        ('Sure:\n```json\n{"rows": [{"instruction": "a", "output": "b"}]}\n```\nEnjoy!', 1),
        ('{"instruction": "a", "output": "b"}\n{"instruction": "c", "output": "d"}', 2),
        ('{"rows": [{"instruction": "a", "output": "b"}, {"instruction": "c", "out', 1),
        ('<think>{"rows": [1, 2]}</think>{"tasks": [{"instruction": "a", "output": "b"}]}', 1),
        ('{"rows": []}', 0),
        ("I would rather not.", 0),
        ("", 0),
        ("{" * MOST_FAILED + '{"instruction": "a", "output": "b"}', 0),  # the search has an end
        ("[" * 100_000, 0),
        ('{"a' * 100_000, 0),
    ],
)
def test_rows_are_found_in_whatever_surrounds_them(reply, n):
    assert len(rows_in(reply)) == n


# --- servers that fail ---------------------------------------------------------------------------


def test_a_server_that_only_repeats_itself_is_stopped():
    same = json.dumps({"rows": [{"instruction": "Name a warm colour.", "output": "Red."}]})
    with FakeOllama(says=same) as server:
        found = ask(server)
    assert counted(found) == {"accepted": 1, "duplicate": 5, "leak": 0, "invalid": 0, "failed": 0}
    assert (found["stopped"], len(server.requests)) == ("repeats", 1 + BARREN)
    assert "held nothing new" in found["words"]
    assert "--temperature (now 0.8)" in found["words"]


def test_a_server_that_repeats_the_rows_it_is_shown_is_stopped(records):
    def parrot(body):
        return body["messages"][1]["content"]

    with FakeOllama(says=parrot) as server:
        found = ask(server)
    assert (found["accepted"], found["stopped"]) == (0, "repeats")
    assert found["duplicate"] == 4 * BARREN


def test_a_server_that_answers_garbage_is_stopped_and_each_reply_is_kept():
    with FakeOllama(always="prose") as server:
        found = ask(server)
    assert (found["invalid"], found["stopped"]) == (BARREN, "garbage")
    assert "no usable row" in found["words"]
    lines = read_jsonl("new/journal.jsonl")
    assert [line["raw"] for line in lines] == ["A fine answer, I would say."] * BARREN


def test_a_server_that_dies_is_stopped_and_another_goes_on():
    says = author()
    with FakeOllama(says=says, stop_after=2) as server:
        found = ask(server)
    assert (found["accepted"], found["failed"], found["stopped"]) == (4, SILENT, "silence")
    assert "Look after the server" in found["words"]
    before = read_jsonl("new/journal.jsonl")
    with FakeOllama(says=says) as server:
        found = ask(server)
    assert (found["accepted"], found["stopped"], len(server.requests)) == (6, "rows", 1)
    lines = read_jsonl("new/journal.jsonl")
    assert lines[:5] == before
    assert [line["request"] for line in lines] == list(range(6))


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("hang up", "answered"),  # by the second try, as are cut and busy
        ("cut", "answered"),
        ("busy", "answered"),
        ("memory", "failed"),
        ("not HTTP", "failed"),
        ("not JSON", "failed"),
        ("no content", "failed"),
        ("a list", "failed"),
        ("elsewhere", "failed"),
        ("stall", "failed"),
        ("trickle", "failed"),
        ("half a character", "answered"),
        ("wrong JSON", "answered"),
    ],
)
def test_one_bad_reply_costs_one_request(fault, status):
    with FakeOllama(says=author(), faults={1: fault}) as server:
        found = ask(server, timeout=0.4)
    lines = read_jsonl("new/journal.jsonl")
    assert lines[1]["status"] == status
    assert lines[1]["raw"]
    assert (found["accepted"], found["stopped"]) == (6, "rows")
    total = sum(found[name] for name in ("accepted", "duplicate", "leak", "invalid"))
    assert total == sum(len(line["rows"]) for line in lines)


def test_no_more_is_asked_than_allowed():
    with FakeOllama(says=author()) as server:
        found = ask(server, rows=100, max_requests=3)
        assert (found["accepted"], found["stopped"], len(server.requests)) == (6, "requests", 3)
        assert "--max-requests" in found["words"]
        found = ask(server, rows=100, max_requests=5)
    assert (found["accepted"], len(server.requests)) == (10, 5)


def test_what_is_finished_asks_nobody():
    with FakeOllama(says=author()) as server:
        ask(server)
    assert ask(server)["stopped"] == "rows"  # the server has gone


# --- what cannot be used -------------------------------------------------------------------------


def test_nobody_there_is_told_in_words_that_fit(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")
    order = Order(data="data.json")
    writer = writer_from_name("ollama:llama3", order)
    with pytest.raises(JudgeError, match="no Ollama server answers.*ollama serve") as told:
        list(augment(writer, order, "new"))
    assert "judge" not in str(told.value)


def test_other_data_and_other_folders_are_refused(tmp_path, records):
    with FakeOllama(says=author()) as server:
        ask(server)
        write_json(tmp_path / "data.json", records[:-1])
        with pytest.raises(RunError, match="made for other data.*another folder"):
            ask(server)
        (tmp_path / "full").mkdir()
        (tmp_path / "full/thesis.txt").write_text("mine")
        with pytest.raises(RunError, match="not empty"):
            ask(server, "full")
        (tmp_path / "new/journal.jsonl").write_text('{"index": 1}\n')
        write_json(tmp_path / "data.json", records)
        with pytest.raises(CourseError, match=r"journal.jsonl, line 1: 'request' is missing"):
            ask(server)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": 0}, "rows = 0.*1 to 100,000"),
        ({"per_request": 21}, "per_request = 21.*1 to 20"),
        ({"temperature": -1.0}, "temperature = -1.0.*0 to 2"),
        ({"max_requests": -1}, "max_requests = -1.*0 or more"),
    ],
)
def test_orders_out_of_range_are_refused(change, words):
    with pytest.raises(SettingsError, match=words):
        Order(**change).resolved()


@pytest.mark.parametrize("name", ["reference", "ollama:", "openai:gpt", "llamacpp:", "olama:phi3"])
def test_unknown_writers_are_refused(name):
    with pytest.raises(SettingsError, match="unknown writer.*ollama:MODEL"):
        writer_from_name(name, Order())


def test_a_few_seed_rows_are_all_shown_and_nothing_is_held_back(tmp_path, records):
    write_json(tmp_path / "data.json", records[:5])
    with FakeOllama(says=author()) as server:
        ask(server)
    assert len(read_jsonl("new/train.jsonl")) == 5 + 6
    assert not (tmp_path / "new/validation.jsonl").exists()


# --- the command line ----------------------------------------------------------------------------

LINE = "augment --data data.json --writer ollama:llama3 --rows 4 --per-request 2 --out new"


def test_the_command_says_what_became_of_the_replies(monkeypatch, capsys):
    with FakeOllama(says=author()) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        assert cli.main([*LINE.split(), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["accepted"], found["wanted"], found["stopped"]) == (4, 4, "rows")
        assert cli.main(LINE.split()) == 0
    said = capsys.readouterr().out
    assert "4 new rows of 4 wanted, from 2 requests (0 failed)" in said
    assert "course train --data new/train.jsonl --val new/validation.jsonl" in said


def test_the_command_fails_with_the_reason_when_rows_are_missing(monkeypatch, capsys):
    with FakeOllama(always="prose") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        assert cli.main(LINE.split()) == 1
    said = capsys.readouterr()
    assert "no usable row" in said.err
    assert said.err.count("\n") == 1
    assert "0 new rows of 4 wanted" in said.out


def test_ctrl_c_keeps_the_rows_that_are_there(monkeypatch, capsys):
    plain, calls = module.one_request, itertools.count()

    def one_request(*args):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return plain(*args)

    monkeypatch.setattr(module, "one_request", one_request)
    with FakeOllama(says=author()) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        assert cli.main(LINE.split()) == 1
    assert "the same command goes on" in capsys.readouterr().err
    assert len(read_jsonl("new/rows.jsonl")) == 2
