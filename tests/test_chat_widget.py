"""The chat's widget without a browser: it asks, writes, stops, and says what goes wrong."""

import asyncio
import re

import pytest
from conftest import TINY, random_model

from helpers import chat as chatting
from helpers.chat import Chat, Options, read_history
from helpers.errors import CourseError
from helpers.widgets import ChatBox


@pytest.fixture
def chat(tmp_path):
    models = {"base <b>": random_model(TINY, 1), "tuned": random_model(TINY, 2)}
    return Chat(models, "plain", options=Options(max_new_tokens=5), history=tmp_path / "chat.jsonl")


@pytest.fixture
def box(chat):
    return ChatBox(chat)


def send(box, message, **fields):
    """Type and press Enter; without a kernel the answers are there when this returns."""
    box.message.value = message
    for name, text in fields.items():
        getattr(box, name).value = text
    box.buttons["send"].click()


def told(box):
    return re.sub("<[^>]+>", "", box.status.value)


def test_every_control_has_a_name(box):
    fields = (box.message, box.input, box.temperature, box.top_k)
    assert [field.description for field in fields] == [
        "Message", "Input (optional)", "Temperature (0: greedy)", "Top-k (empty: all)",
    ]  # fmt: skip
    assert [b.description for b in box.buttons.values()] == [
        "Send (Enter)", "Stop (Esc)", "Show history",
    ]  # fmt: skip
    for name, button in box.buttons.items():
        assert f"course-chat-{name}" in button._dom_classes


def test_both_answers_stand_side_by_side_in_regions_of_their_own(box, chat):
    send(box, "Name a <bird>.", input="in Latin")
    page = box.columns.value
    assert re.findall('<section aria-label="([^"]*)" aria-busy="([^"]*)"', page) == [
        ("base &lt;b&gt;", "false"),
        ("tuned", "false"),
    ]
    assert "Name a &lt;bird&gt;.\n\nin Latin" in page
    assert page.count("(cut off after 5 tokens)") == 2
    assert (box.message.value, box.input.value) == ("", "")
    assert [line["input"] for line in read_history(chat.history)] == ["in Latin"] * 2


def test_the_finished_answers_are_told_once_and_no_token_before(box, chat):
    lines = []
    box.status.observe(lambda change: lines.append(change.new), "value")
    send(box, "Name a bird.")
    assert len(lines) == 2
    assert lines[0] == "Writing, greedy …"
    for line in read_history(chat.history):
        assert chatting.remark(line) in told(box)
        assert line["response"].split()[0] in told(box)
    assert f"Kept in {chat.history}." in told(box)


def test_temperature_and_top_k_are_those_in_the_fields(box, chat):
    send(box, "Name a bird.", temperature="0.9", top_k="40")
    line = read_history(chat.history)[-1]
    assert (line["temperature"], line["top_k"]) == (0.9, 40)
    send(box, "Name a bird.", top_k="")
    assert read_history(chat.history)[-1]["top_k"] is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": "<hot>"}, "temperature &#x27;&lt;hot&gt;&#x27; is not a number"),
        ({"top_k": "0"}, "top_k is 0"),
        ({"message": " "}, "the message is empty"),
        ({"message": "word " * 100}, "base &lt;b&gt; reads at most 96"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(box, chat, fields, message):
    fields = {"message": "Name a bird.", **fields}
    send(box, **fields)
    assert message in box.status.value
    assert 'role="alert"' in box.status.value
    assert box.message.value == fields["message"]
    assert read_history(chat.history) == []
    send(box, "Name a bird.", temperature="0", top_k="")
    assert "alert" not in box.status.value


def test_stop_ends_both_answers_at_once(box, chat, monkeypatch):
    """In a running loop, as in a kernel: the button is pressed between two tokens."""
    said = []

    def stream(*args, **options):
        while True:
            said.append(1)
            yield 64

    monkeypatch.setattr(chatting, "stream", stream)

    async def in_a_kernel():
        send(box, "Name a bird.")
        while len(said) < 7:
            await asyncio.sleep(0)
        box.buttons["send"].click()
        assert "still writing" in told(box)
        assert 'aria-busy="true"' in box.columns.value
        box.buttons["stop"].click()
        before = len(said)
        await box.task
        assert len(said) == before

    asyncio.run(in_a_kernel())
    assert [line["finish_reason"] for line in read_history(chat.history)] == ["stopped"] * 2
    assert box.columns.value.count("(stopped by you)") == 2
    assert 'aria-busy="true"' not in box.columns.value
    box.buttons["stop"].click()
    assert told(box) == "Nothing is being written."
    assert not any(button.disabled for button in box.buttons.values())  # it would lose the focus


def test_the_history_is_shown_on_demand_those_of_other_days_too(box, chat):
    send(box, "Name a <bird>.")
    box = ChatBox(chat)
    assert box.older.value == ""
    box.buttons["history"].click()
    assert "Name a &lt;bird&gt;." in box.older.value
    assert str(chat.history) in box.older.value
    assert box.buttons["history"].description == "Hide history"
    box.buttons["history"].click()
    assert box.older.value == ""


def test_an_answer_that_cannot_be_kept_is_told_and_the_chat_goes_on(box, monkeypatch):
    def full(path, value):
        raise CourseError("the disk is <full>")

    monkeypatch.setattr(chatting, "append_jsonl", full)
    send(box, "Name a bird.")
    assert '<b role="alert">the disk is &lt;full&gt;</b>' in box.status.value
    monkeypatch.undo()
    send(box, "Name a bird.")
    assert "Kept in" in told(box)


def test_a_bug_is_not_hidden_and_the_chat_goes_on(box, chat, monkeypatch, caplog):
    def broken(*args, **options):
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(chatting, "stream", broken)
    send(box, "Name a bird.")
    assert "ZeroDivisionError" in caplog.text  # where there is a kernel, it stands in the widget
    assert told(box) == "An answer failed; the error stands below."
    assert 'aria-busy="true"' not in box.columns.value
    monkeypatch.undo()
    send(box, "Name a bird.")
    assert "Kept in" in told(box)
