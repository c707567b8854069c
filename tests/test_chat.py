"""The chat: pieces that add up to the answer, stops at once, and nothing said is lost."""

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from conftest import TINY, random_model, small_run

from helpers import chat as chatting
from helpers import cli
from helpers.chat import Answer, Chat, Options, load_chat, read_history, transcript
from helpers.errors import CourseError, DataError, RunError, SettingsError, WeightsError
from helpers.files import append_jsonl
from helpers.generate import respond
from helpers.runs import fine_tune
from helpers.tokenizer import END_OF_TEXT

LONG = replace(TINY, n_positions=389)
SHORT = Options(max_new_tokens=7)


@pytest.fixture(scope="module")
def models():
    return {"one": random_model(LONG, 1), "two": random_model(LONG, 2)}


@pytest.fixture
def chat(models, tmp_path):
    return Chat(models, "plain", options=SHORT, history=tmp_path / "chat.jsonl")


def written(answers):
    """The answers, after each has been read to its end."""
    for answer in answers:
        answer.pieces = list(answer)
    return answers


def spoken(tokenizer, text, ends=True):
    """An answer whose model says this text, a token each."""
    ids = tokenizer.encode_ordinary(text)
    tokens = [tokenizer.decode_single_token_bytes(i) for i in ids] + [None] * ends
    kept = []
    answer = Answer("model", {}, iter(tokens), kept.append)
    answer.kept = kept
    return answer, len(ids)


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["plain", "alpaca", "phi3"])
def test_every_model_says_what_it_says_when_asked_without_a_chat(models, tmp_path, template):
    """In the prompt style of the chat, greedy, with and without an input."""
    chat = Chat(models, template, options=SHORT, history=tmp_path / "chat.jsonl")
    for given in ("", "an input"):
        request = {"instruction": "Say something.", "input": given}
        for answer in written(chat.ask(**request)):
            [row] = respond(
                models[answer.model], [request], template, chat.tokenizer, max_new_tokens=7
            )
            assert (answer.text, answer.n_tokens) == (row["model_response"], row["n_tokens"])
            assert answer.finish_reason == row["finish_reason"] == "length"
            assert "".join(answer.pieces) == answer.text


@pytest.mark.parametrize(
    "text", ["A plain answer.", "naïve 🙂 日本", " \n around \n\n inside \n ", "", "\n", "🙂"]
)
def test_pieces_add_up_to_the_text_and_no_character_is_shown_in_halves(tokenizer, text):
    answer, n = spoken(tokenizer, text)
    pieces = list(answer)
    assert "".join(pieces) == answer.text == text.strip()
    assert "\N{REPLACEMENT CHARACTER}" not in answer.text
    assert len(pieces) == n + 1  # one a token, so that one can stop after any
    assert (answer.n_tokens, answer.finish_reason, answer.kept) == (n, "stop", [answer])


def test_a_character_that_is_cut_off_is_shown_as_such(tokenizer):
    [first, *_] = tokenizer.encode_ordinary("🙂")
    answer = Answer("m", {}, iter([tokenizer.decode_single_token_bytes(first)]), lambda a: None)
    assert "".join(answer) == answer.text == "\N{REPLACEMENT CHARACTER}"
    assert answer.finish_reason == "length"


def test_to_stop_an_answer_computes_no_further_token(chat, models, monkeypatch):
    reads, hidden = [], type(models["one"]).hidden
    monkeypatch.setattr(
        type(models["one"]), "hidden", lambda *a: reads.append(a) or hidden(*a)
    )  # fmt: skip
    answer, other = chat.ask("Say something.")
    next(iter(answer)), next(iter(answer))
    text = answer.text
    answer.stop()
    answer.stop()
    assert list(answer) == []
    assert (answer.text, answer.n_tokens, answer.finish_reason) == (text, 2, "stopped")
    assert len(reads) == 2
    assert [line["model"] for line in read_history(chat.history)] == ["one"]
    assert written([other])[0].n_tokens == 7  # the other goes on


def test_answers_may_be_written_in_turns(chat):
    """The widget takes a token of each; a seed of its own keeps each what it is alone."""
    chat.options = replace(SHORT, temperature=1.0)
    alone = [a.text for a in written(chat.ask("Say something."))]
    chat.asked = 0
    one, two = chat.ask("Say something.")
    for _ in range(8):
        next(iter(one), None), next(iter(two), None)
    assert [one.text, two.text] == alone


def test_the_seed_in_the_history_gives_the_same_answer_again(chat, models, tmp_path):
    chat.options = replace(SHORT, temperature=1.0, top_k=50)
    first, second = ([a.text for a in written(chat.ask("Say something."))] for _ in range(2))
    assert first != second
    seed = read_history(chat.history)[-1]["seed"]
    again = Chat(models, "plain", options=chat.options, history=tmp_path / "other", seed=seed)
    assert [a.text for a in written(again.ask("Say something."))] == second


def test_the_end_token_ends_an_answer_and_is_no_part_of_it(models, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        chatting,
        "stream",
        lambda *a, **options: asked.append(options) or iter([64, 65, END_OF_TEXT]),
    )
    chat = Chat({"one": models["one"]}, "plain", history=tmp_path / "chat.jsonl")
    [answer] = written(chat.ask("Go."))
    assert asked[0]["stop_ids"] == {END_OF_TEXT}
    assert (answer.text, answer.n_tokens, answer.finish_reason) == ("ab", 2, "stop")
    assert chatting.remark(answer.line) == ""


# --- what is refused -----------------------------------------------------------------------------


def test_a_message_beyond_the_context_says_tokens_and_limit(chat):
    n = len(chat.tokenizer.encode_ordinary("word " * 500 + "\n"))
    with pytest.raises(DataError) as caught:
        chat.ask("word " * 500)
    assert f"with the prompt around it {n - 1:,} tokens" in str(caught.value)
    assert "one reads at most 388" in str(caught.value)
    assert "Shorten the message or its input" in str(caught.value)
    assert chat.asked == 0


def test_the_smallest_model_sets_the_limit(models, tmp_path):
    small = {**models, "small": random_model(replace(TINY, n_positions=13))}
    chat = Chat(small, "plain", history=tmp_path / "chat.jsonl")
    with pytest.raises(DataError, match="small reads at most 12"):
        chat.ask("one two three four five six seven eight nine ten eleven twelve")
    assert len(written(chat.ask("one two"))[2].text) >= 0


def test_a_message_as_long_as_a_book_is_refused_before_it_is_read(chat):
    with pytest.raises(DataError, match="100,001 characters, at most 100,000"):
        chat.ask("a" * 100_001)
    with pytest.raises(DataError, match="tokens, and one reads at most"):
        chat.ask("a" * 100_000)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_message_is_refused(chat, text):
    with pytest.raises(DataError, match="the message is empty"):
        chat.ask(text, "an input")


def test_half_a_surrogate_pair_is_replaced_and_can_be_kept(chat):
    written(chat.ask("Say \ud83d."))
    assert read_history(chat.history)[0]["instruction"] == "Say ?."


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"temperature": "hot"}, "temperature 'hot' is not a number: give one such as 0.7"),
        ({"temperature": ""}, "temperature '' is not a number"),
        ({"temperature": "-1"}, "temperature is -1.0"),
        ({"temperature": "nan"}, "temperature is nan"),
        ({"top_k": "many"}, "top-k 'many' is not a number: give one such as 40"),
        ({"top_k": "2.5"}, "top-k '2.5' is not a number"),
        ({"top_k": "0"}, "top_k is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(typed, message):
    with pytest.raises(SettingsError, match=message):
        Options().changed(**typed)


def test_options_as_they_are_typed_and_told():
    options = Options().changed(temperature=" 0.7 ", top_k="40")
    assert (options.temperature, options.top_k, str(options)) == (
        0.7,
        40,
        "temperature 0.7, top-k 40",
    )
    assert options.changed(top_k="off") == options.changed(top_k="") == Options(0.7)
    assert str(options.changed(temperature="0")) == "greedy"


def test_a_chat_needs_a_model():
    with pytest.raises(SettingsError, match="0 models"):
        Chat({})


# --- the history ---------------------------------------------------------------------------------


def test_each_answer_is_a_line_that_says_how_it_was_made(chat):
    written(chat.ask("Name a bird.", "in Latin"))
    one, two = read_history(chat.history)
    assert one["time"] == two["time"]
    assert {k: v for k, v in one.items() if k not in ("time", "response")} == {
        "instruction": "Name a bird.",
        "input": "in Latin",
        "template": "plain",
        "temperature": 0.0,
        "top_k": None,
        "max_new_tokens": 7,
        "seed": 123,
        "model": "one",
        "finish_reason": "length",
        "n_tokens": 7,
    }
    assert chat.said == [one, two]


def test_an_answer_is_kept_as_soon_as_it_ends(chat):
    one, two = chat.ask("Name a bird.")
    written([one])
    next(iter(two))
    assert [line["model"] for line in read_history(chat.history)] == ["one"]


KILLED = """
import os, signal, sys
from conftest import TINY, random_model
from helpers.chat import Chat, Options
chat = Chat({"one": random_model(TINY, 1), "two": random_model(TINY, 2)}, "plain",
            options=Options(max_new_tokens=5), history=sys.argv[1])
one, two = chat.ask("Name a bird.")
list(one), next(iter(two))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_kill_9_in_the_middle_of_an_answer_leaves_those_before_and_the_chat_goes_on(
    models, tmp_path
):
    path = tmp_path / "chat.jsonl"
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
    )
    assert process.returncode == -signal.SIGKILL
    with open(path, "ab") as file:
        file.write(b'{"time": "2026-')  # what a cut write leaves
    chat = Chat(models, "plain", options=SHORT, history=path)
    written(chat.ask("Name a tree."))
    said = [(line["model"], line["instruction"]) for line in read_history(path)]
    assert said == [("one", "Name a bird."), ("one", "Name a tree."), ("two", "Name a tree.")]


@pytest.mark.parametrize(
    "content",
    [
        '[{"instruction": "a"}]',
        '{"instruction": "a", "input": "", "output": "b"}\n',
        "a diary\n",
        "a diary without an end of the line",
        '[\n {"instruction": "a"}\n]',
        b"\x00\xff\n",
    ],
)
def test_a_file_of_another_kind_is_neither_added_to_nor_changed(models, tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = path.read_bytes()
    with pytest.raises(RunError, match="holds no history of a chat: name another file"):
        Chat(models, history=path)
    assert path.read_bytes() == before


def test_a_history_that_cannot_be_written_is_told_at_once(models, tmp_path):
    with pytest.raises(RunError, match="is a folder: name the file"):
        Chat(models, history=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="is a file, not a folder"):
        Chat(models, history=tmp_path / "file" / "chat.jsonl")
    Chat(models, history=tmp_path / "file")  # an empty one is as good as none


def test_the_history_lies_where_the_runs_are_unless_it_is_named(models, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "new"))
    chat = Chat(models, "plain", options=SHORT)
    written(chat.ask("Name a bird."))
    assert len(read_history(tmp_path / "new" / "chat.jsonl")) == 2


def test_a_transcript_names_each_message_once():
    base = {"time": "2026-01-02T03:04:05.678+00:00", "instruction": "Name a bird.", "input": ""}
    lines = [
        {**base, "model": "a", "response": "A wren.", "finish_reason": "stop", "n_tokens": 3},
        {**base, "model": "b", "response": "A", "finish_reason": "length", "n_tokens": 1},
        {**base, "input": "big", "model": "a", "response": "", "finish_reason": "stop"},
    ]
    assert transcript(lines) == (
        "You, 2026-01-02 03:04 UTC: Name a bird.\na: A wren.\nb: A (cut off after 1 tokens)\n\n"
        "You, 2026-01-02 03:04 UTC: Name a bird.\nInput: big\na:  (nothing: it ended at once)"
    )
    assert transcript(lines, last=1).startswith("You, 2026-01-02 03:04 UTC: Name a bird.\nInput")
    assert transcript([]) == "Nothing has been said yet."


# --- a run and its base --------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, records, monkeypatch):
    """A folder with a model, and a run on it in the prompt style phi3; commands are typed there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    settings = small_run(tmp_path, records, replace(TINY, n_layer=1, n_head=1, n_embd=7))
    settings = replace(settings, model="model", template="phi3", epochs=1, lr=0.01)
    list(fine_tune(settings, tmp_path / "run"))
    return tmp_path


def test_a_run_is_asked_in_the_style_of_its_training_beside_the_model_it_was_tuned_from(place):
    chat = load_chat("run")
    assert list(chat.models) == ["base (model)", "tuned (run)"]
    assert (chat.template.name, chat.stop_ids) == ("phi3", {END_OF_TEXT})
    tuned = chat.models["tuned (run)"].tokens.weight
    assert not torch.equal(chat.models["base (model)"].tokens.weight, tuned)
    assert list(load_chat("run", "").models) == ["tuned (run)"]
    assert list(load_chat("run", "gpt2-micro").models) == ["base (gpt2-micro)", "tuned (run)"]
    assert list(load_chat("model").models) == ["model (model)"]


def test_a_base_that_is_gone_says_how_to_go_on_without_it(place):
    (place / "model").rename(place / "moved")
    with pytest.raises(WeightsError, match="the base model cannot be loaded: no model 'model'"):
        load_chat("run")
    assert list(load_chat("run", "moved").models) == ["base (moved)", "tuned (run)"]


# --- course chat ---------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Stdin as if somebody typed."""

    def isatty(self):
        return True


def typed(line, text, capsys, monkeypatch, stdin=io.StringIO):
    """Exit status, stdout and stderr of a command line to which this is typed."""
    monkeypatch.setattr("sys.stdin", stdin(text))
    status = cli.main(line.split())
    captured = capsys.readouterr()
    return status, captured.out, captured.err


CHAT = "chat run --max-new-tokens 3 --device cpu"


def test_a_pipe_is_answered_line_by_line(place, capsys, monkeypatch):
    status, out, err = typed(CHAT, "Add 1.\n\n  /x\n", capsys, monkeypatch)
    lines = read_history(place / "runs" / "chat.jsonl")
    assert status == 0
    assert [line["instruction"] for line in lines] == ["Add 1.", "Add 1.", "/x", "/x"]
    assert [out.count(line) for line in ("You: Add 1.", "You: /x")] == [1, 1]
    assert [out.count(line) for line in ("base (model):", "tuned (run):")] == [2, 2]
    assert f"kept in {place / 'runs' / 'chat.jsonl'}" in err
    assert "prompt style phi3, greedy" in err


def test_json_is_one_object_and_the_answers_go_to_stderr(place, capsys, monkeypatch):
    line = f"{CHAT} --no-base --json --history mine.jsonl"
    status, out, err = typed(line, "Add 1.\nAdd 2.", capsys, monkeypatch)
    value = json.loads(out)
    assert (status, out.count("\n"), value["messages"], value["refused"]) == (0, 1, 2, 0)
    assert value["models"] == ["tuned (run)"]
    assert value["answers"] == read_history("mine.jsonl")
    assert value["history"] == "mine.jsonl"
    assert "You: Add 2." in err


def test_a_line_that_cannot_be_answered_is_told_and_the_others_are_answered(
    place, capsys, monkeypatch
):
    text = f"{'word ' * 200}\nAdd 1.\n/tempreature 1\n/temperature hot\n/save run\n"
    status, out, err = typed(CHAT, text, capsys, monkeypatch)
    assert status == 2
    assert out.count("You: ") == 1
    told = [line for line in err.splitlines() if line.startswith("course: ")]
    assert len(told) == 4
    assert "base (model) reads at most 96" in told[0]
    assert "no command '/tempreature'; did you mean 'temperature'?" in told[1]
    assert "temperature 'hot' is not a number" in told[2]
    assert "/save: run exists already. Name a new file" in told[3]


def test_the_commands_inside(place, capsys, monkeypatch):
    text = (
        "/input seven\nAdd 1.\nAdd 2.\n/temperature 0.7\n/top-k 40\nAdd 3.\n/history 1\n"
        "/save said.txt\n/help\n/quit\nnever\n"
    )
    status, out, err = typed(f"{CHAT} --no-base", text, capsys, monkeypatch)
    assert status == 0
    lines = read_history(place / "runs" / "chat.jsonl")
    assert [line["input"] for line in lines] == ["seven", "", ""]
    assert [line["temperature"] for line in lines] == [0, 0, 0.7]
    assert [line["top_k"] for line in lines] == [None, None, 40]
    assert [line["seed"] for line in lines] == [123, 124, 125]
    assert out.count("UTC: ") == 1  # by /history 1
    assert (place / "said.txt").read_text(encoding="utf-8").count("UTC: ") == 3
    for words in ("Now temperature 0.7, top-k 40.", "/top-k 40 ", "Saved in said.txt."):
        assert words in err


def test_what_a_model_writes_cannot_command_the_terminal(place, capsys, monkeypatch):
    [escape] = load_chat("run").tokenizer.encode_ordinary("\x1b")
    monkeypatch.setattr(chatting, "stream", lambda *a, **k: iter([escape, escape]))
    _, out, _ = typed(CHAT, "Add \x1b[2J", capsys, monkeypatch)
    assert "\x1b" not in out
    assert "\N{REPLACEMENT CHARACTER}" in out


def ctrl_c_after(presses):
    """A `stream` during which Ctrl-C is pressed after tokens of these numbers, counted on."""
    said = []

    def stream(*args, **options):
        for _ in range(5):
            said.append(1)
            if len(said) in presses:
                os.kill(os.getpid(), signal.SIGINT)
            yield 64

    return stream


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one's own process")
def test_ctrl_c_stops_the_answer_and_the_next_begins(place, capsys, monkeypatch):
    monkeypatch.setattr(chatting, "stream", ctrl_c_after([2]))
    status, _, _ = typed(CHAT, "Add 1.\nAdd 2.\n/quit\n", capsys, monkeypatch, Terminal)
    lines = read_history(place / "runs" / "chat.jsonl")
    found = [(line["n_tokens"], line["finish_reason"]) for line in lines]
    assert found == [(2, "stopped"), (5, "length"), (5, "length"), (5, "length")]
    assert status == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one's own process")
def test_a_second_ctrl_c_leaves_and_what_was_said_is_kept(place, capsys, monkeypatch):
    monkeypatch.setattr(chatting, "stream", ctrl_c_after([2, 6]))
    status, _, _ = typed(CHAT, "Add 1.\nnever\n", capsys, monkeypatch, Terminal)
    lines = read_history(place / "runs" / "chat.jsonl")
    assert status == 0
    assert {line["instruction"] for line in lines} == {"Add 1."}
    assert [(line["n_tokens"], line["finish_reason"]) for line in lines] == [
        (2, "stopped"), (3, "stopped"),
    ]  # fmt: skip


def test_ctrl_c_at_the_prompt_leaves(place, capsys, monkeypatch):
    def pressed(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", pressed)
    assert typed(CHAT, "", capsys, monkeypatch, Terminal)[0] == 0


def test_without_a_run_named_it_is_that_of_lesson_04(place, capsys, monkeypatch):
    made = []
    monkeypatch.setattr(
        "helpers.settings.artifact", lambda name, settings, say: made.append(name) or place / "run"
    )
    status, out, _ = typed("chat --max-new-tokens 2", "Add 1.\n", capsys, monkeypatch)
    assert (status, made) == (0, ["tuned"])
    assert "tuned (run):" in out


BAD = {
    "--base model --no-base": "--base and --no-base exclude each other",
    "--temperature -1": "temperature is -1.0",
    "--top-k 0": "top_k is 0",
    "--max-new-tokens 0": "max_new_tokens is 0",
    "--device tpu": "no device 'tpu'",
    "--base none": "no model 'none'",
    "--history data.json": "data.json holds no history of a chat",
}


@pytest.mark.parametrize("options", BAD)
def test_bad_input_is_told_before_anything_is_trained_or_loaded(
    place, capsys, monkeypatch, options
):
    monkeypatch.setattr("helpers.settings.artifact", None)
    monkeypatch.setattr(chatting, "load_chat", None)
    status, out, err = typed(f"chat {options}", "Add 1.\n", capsys, monkeypatch)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert BAD[options] in err


def test_a_run_that_is_not_there(place, capsys, monkeypatch):
    status, _, err = typed("chat nowhere", "Add 1.\n", capsys, monkeypatch)
    assert (status, err.count("\n")) == (2, 1)
    assert "no model 'nowhere'" in err


def test_the_disk_is_full_and_the_chat_goes_on(place, capsys, monkeypatch):
    def full(path, value):
        if value["instruction"] == "Add 1.":
            raise CourseError("cannot write: the disk is full")
        append_jsonl(path, value)

    monkeypatch.setattr(chatting, "append_jsonl", full)
    status, _, err = typed(f"{CHAT} --no-base", "Add 1.\nAdd 2.\n", capsys, monkeypatch)
    assert status == 2
    assert "the disk is full" in err
    assert [x["instruction"] for x in read_history(place / "runs" / "chat.jsonl")] == ["Add 2."]
