"""The judge behind an OpenAI-compatible server: how it asks, and that a key stays a secret."""

from __future__ import annotations

import json

import pytest
from fake_ollama import FakeOllama, free_port

from helpers import cli
from helpers.errors import JudgeError, SettingsError
from helpers.files import write_json
from helpers.judge import OpenAIJudge, judge_from_name, judge_responses

KEY = "sk-a-secret-that-nobody-may-see"


def rows(n=5):
    row = {"input": "", "output": "2", "model_response": "It is 2.", "finish_reason": "stop"}
    return [{"instruction": f"Add {i} and 1.", **row} for i in range(n)]


@pytest.fixture(autouse=True)
def no_key_from_outside(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # would break every request if used


def judge(server, **options):
    return OpenAIJudge("llama3:latest", server.url, timeout=2, **options)


def test_it_asks_for_a_schema_at_temperature_0_with_a_seed():
    with FakeOllama(score=70) as server:
        verdicts = judge_responses(judge(server), rows(), workers=2)
    assert [v.score for v in verdicts] == [70] * 5
    body = server.requests[0]
    assert (body["model"], body["temperature"], body["seed"]) == ("llama3:latest", 0, 123)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["score"]


@pytest.mark.parametrize(("formats", "kind"), [(("json_object",), "json_object"), ((), None)])
def test_a_server_that_takes_no_schema_is_asked_more_loosely_and_only_once(formats, kind):
    with FakeOllama(formats=formats) as server:
        verdicts = judge_responses(judge(server), rows())
    assert {v.status for v in verdicts} == {"scored"}
    kinds = [body.get("response_format", {}).get("type") for body in server.requests]
    assert kinds == [kind] * 5


def test_a_server_that_is_busy_is_asked_again():
    with FakeOllama(faults={0: "busy", 1: "busy"}) as server:
        assert judge_responses(judge(server), rows(1))[0].status == "scored"
        assert len(server.requests) == 3


def test_the_key_goes_into_the_request_and_nowhere_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    responses = write_json(tmp_path / "responses.json", rows())
    with FakeOllama(key=KEY, faults={1: "memory", 2: "prose"}) as server:
        name = f"openai:llama3:latest@{server.url}"
        assert cli.main(["judge", str(responses), "--judge", name, "--json"]) == 0
    with FakeOllama(key="another") as server:  # it repeats the key that it refuses
        name = f"openai:llama3:latest@{server.url}"
        out = tmp_path / "refused.jsonl"
        assert cli.main(["judge", str(responses), "--judge", name, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert "export OPENAI_API_KEY" in printed.err
    written = "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    assert KEY not in written + printed.out + printed.err
    assert json.loads(printed.out)["scored"] == 3


def test_a_key_does_not_travel_unencrypted_or_inside_an_address(monkeypatch):
    for address in ("http://me:{}@example.org/v1", "me:{}@example.org", "ftp://{}@example.org"):
        with pytest.raises(SettingsError, match="OPENAI_API_KEY|like http://") as told:
            OpenAIJudge("m", address.format(KEY))
        assert KEY not in str(told.value)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(SettingsError, match="unencrypted.*https://"):
        OpenAIJudge("m", "http://example.org/v1")
    OpenAIJudge("m", "https://example.org/v1")


@pytest.mark.parametrize("key", ["sk-two words", "sk-two\nlines", "sk-schlüssel", "sk-\x00"])
def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(monkeypatch, key):
    monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": key})
    with pytest.raises(SettingsError, match="holds a blank or a character") as told:
        OpenAIJudge("m", "https://example.org/v1")
    assert "sk-" not in str(told.value)


def test_a_web_server_of_another_kind_is_recognised(monkeypatch):
    with FakeOllama() as server:
        monkeypatch.setattr(server, "reply_to_get", lambda *_: (200, b"<html>hello</html>"))
        with pytest.raises(JudgeError, match="not as OpenAI's servers do.*8080.*`curl http"):
            judge_responses(judge(server), rows())
    assert server.requests == []


def test_preflight_says_what_to_do():
    with pytest.raises(JudgeError, match="no server answers.*Start it"):
        OpenAIJudge("m", f"http://127.0.0.1:{free_port()}").preflight()
    lacks = pytest.raises(JudgeError, match="no model 'm'.*are there: a, b")
    with FakeOllama(models=("a", "b")) as server, lacks:
        OpenAIJudge("m", server.url).preflight()
    with pytest.raises(SettingsError, match="like http://"):
        judge_from_name("openai:m@localhost:8080")


@pytest.mark.parametrize("fault", ["no content", "not JSON", "a list", "elsewhere"])
def test_a_fault_costs_one_item(fault):
    with FakeOllama(faults={2: fault}) as server:
        verdicts = judge_responses(judge(server), rows())
    assert [v.status for v in verdicts] == ["scored"] * 2 + ["failed"] + ["scored"] * 2
