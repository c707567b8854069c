"""The report: three ways side by side, the most disputed items first, the same bytes every time."""

import itertools
import json
import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy", reason="the extra `arena` is not installed: make setup")
pytest.importorskip("evalica", reason="the extra `arena` is not installed: make setup")

from helpers.cli import main
from helpers.errors import CourseError, DataError, RunError
from helpers.evaluate.arena import Arena, Ballots
from helpers.evaluate.report import gather, page
from helpers.files import write_json

QUESTIONS = ["cold", "blue", "seven", "a <b>cat</b>"]


def records(answers):
    return [
        {
            "instruction": f"Question {i}?",
            "input": "",
            "output": f"The answer is {wanted}.",
            "model_response": answer,
            "finish_reason": "stop",
        }
        for i, (wanted, answer) in enumerate(zip(QUESTIONS, answers, strict=True))
    ]


@pytest.fixture
def place(tmp_path, monkeypatch, capsys):
    """Two runs with scores, multiple choice, a win rate, and votes of people against the scores."""
    monkeypatch.chdir(tmp_path)
    right = [f"The answer is {word}." for word in QUESTIONS]
    answers = {"base": ["No.", "What?", right[2], "<script>alert(1)</script>"], "tuned": right}
    for number, (name, texts) in enumerate(answers.items()):
        write_json(tmp_path / f"runs/{name}/responses.json", records(texts))
        found = {"n": 400, "accuracy": 0.25 + number / 10, "ci95": [0.2, 0.4], "shots": 5}
        where = ("mmlu/report.json", "mmlu.json")[number]  # --out RUN/mmlu, or --json > file
        write_json(tmp_path / "runs" / name / where, found)
        assert main(["judge", f"runs/{name}/responses.json"]) == 0
    assert main(["winrate", "runs/base/responses.json", "runs/tuned/responses.json"]) == 0
    arena = Arena({n: records(t) for n, t in answers.items()}, "runs/votes.sqlite")
    while m := arena.current:  # people like the wrong answer to question 1 best
        liked = "base" if m.record["instruction"] == "Question 1?" else "tuned"
        arena.vote("left" if m.left == liked else "right")
    capsys.readouterr()
    return tmp_path


def soup_of(text):
    return BeautifulSoup(text, "html.parser")


def test_course_report_writes_a_page_and_json_that_say_the_same(place, capsys):
    assert main(["report", "runs/base", "runs/tuned", "--out", "out/report.html", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    stored = json.loads((place / "out/report.json").read_text())
    assert told["out"] == "out/report.html"
    assert told["models"] == stored["models"]
    base, tuned = stored["models"]
    assert tuned["score"]["mean"] == 100
    assert tuned["difference"]["difference"] == 100 - base["score"]["mean"]
    assert (base["mmlu"]["accuracy"], tuned["mmlu"]["accuracy"]) == (0.25, 0.35)
    assert len(stored["provenance"]["files"]) == 7
    assert (stored["pairs"][0]["wins_b"], stored["pairs"][0]["ties"]) == (3, 1)
    assert stored["arena"]["people"]["models"][0]["model"] == "tuned"
    soup = soup_of((place / "out/report.html").read_text())
    rows = [[c.get_text() for c in r.find_all(["th", "td"])] for r in soup.find("table")("tr")]
    assert rows[0] == [
        "model", "score, 0–100", "multiple choice, %", "wins against base, %", "rating by people",
    ]  # fmt: skip
    assert rows[2][0] == "tuned"
    assert rows[2][1:3] == ["100.0 (100.0 to 100.0)", "35.0 (20.0 to 40.0)"]
    assert re.fullmatch(r"87\.5 \(\d+\.\d to \d+\.\d\)", rows[2][3])
    assert re.fullmatch(r"\d{4} \(\d{3,4} to \d{4}\)", rows[2][4])


def test_the_most_disputed_item_comes_first(place):
    runs = {name: place / "runs" / name for name in ("base", "tuned")}
    items = gather(runs)["items"]
    assert items[0]["instruction"] == "Question 1?"
    assert items[0]["disagreement"] == 1.0
    [said] = items[0]["preferences"]
    assert (said["a"], said["b"], said["comparison"], said["people"]) == ("base", "tuned", 1, 0)
    assert said["score"] > 0.9
    assert items[-1]["instruction"] == "Question 2?"  # equal answers: nothing to dispute
    assert [x["disagreement"] for x in items] == sorted(
        (x["disagreement"] for x in items), reverse=True
    )


def test_repeated_it_is_the_same_to_the_byte(place):
    seen = []
    for _ in range(2):
        main(["report", "runs/base", "runs/tuned"])
        seen.append([(place / f"report.{kind}").read_bytes() for kind in ("html", "json")])
    assert seen[0] == seen[1]


def test_the_page_needs_nothing_else_and_runs_nothing(place):
    main(["report", "runs/base", "runs/tuned"])
    text = (place / "report.html").read_text()
    assert str(place) not in text
    soup = soup_of(text)
    assert not soup.find_all(["script", "iframe", "object"])
    for tag in soup.find_all(["img", "link", "a"]):
        target = tag.get("src") or tag.get("href")
        assert target.startswith(("data:", "#")), target
    assert "url(" not in text
    assert "<script>alert(1)</script>" in soup.get_text()  # what a model wrote, as text
    assert all(len(image["alt"]) > 40 for image in soup("img"))
    assert len(soup("img")) == 4
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_with_nothing_but_answers_it_says_what_is_missing_and_how_to_get_it(place):
    write_json(place / "alone/responses.json", records(QUESTIONS))
    report = gather({"alone": place / "alone"})
    text = soup_of(page(report)).get_text()
    for command in ("course judge", "course mmlu", "course winrate", "course arena"):
        assert command in text
    assert report["models"][0]["score"] is None


def test_what_is_about_changed_answers_is_left_out_and_said(place):
    runs = {name: place / "runs" / name for name in ("base", "tuned")}
    rows = json.loads((runs["tuned"] / "responses.json").read_text())
    rows[0]["model_response"] = "Something new."
    write_json(runs["tuned"] / "responses.json", rows)
    with pytest.raises(RunError, match=r"verdicts\.jsonl is about other responses"):
        gather(runs)
    (runs["tuned"] / "verdicts.jsonl").unlink()
    report = gather(runs)
    assert report["pairs"][0]["n"] == 3
    assert re.match("2 preferences in .* about answers that have changed", report["notes"][0])
    assert re.match("1 votes in .* answers that have changed", report["notes"][1])


def test_votes_that_cannot_rate_are_told_on_the_page(place):
    ballots = Ballots(place / "runs/votes.sqlite")
    for vote in ballots.all():
        if vote.winner == "base":
            ballots.withdraw(vote)
    report = gather({name: place / "runs" / name for name in ("base", "tuned")})
    assert "{base} never won or tied" in report["refused"]["people"]
    assert "{base} never won or tied" in soup_of(page(report)).get_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("runs/none", "runs/none is no folder of a run"),
        ("runs", "runs/responses.json does not exist. Make it with `course generate`"),
        ("runs/base runs/base", "two runs are called 'base': give them names, such as base2="),
        ("runs/base --out report.pdf", "give a name that ends in .html"),
        ("runs/base --winrate none.jsonl", "cannot read none.jsonl"),
        ("=runs/base", "names no folder"),
    ],
)
def test_course_report_refuses_in_one_line(place, capsys, line, words):
    assert main(["report", *line.split()]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (place / "report.html").exists()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    found=st.none() | st.integers() | st.lists(st.integers(), max_size=2)
    | st.fixed_dictionaries(
        {},
        optional={
            "accuracy": st.none() | st.floats(-1, 2) | st.text(max_size=2) | st.booleans(),
            "ci95": st.none() | st.lists(st.floats(-1, 2), max_size=3) | st.just("ab"),
            "n": st.none() | st.text(max_size=2),
        },
    )
)  # fmt: skip
def test_a_result_of_multiple_choice_is_one_or_is_refused(tmp_path, found):
    write_json(tmp_path / "run/responses.json", records(QUESTIONS))
    write_json(tmp_path / "run/mmlu.json", found)
    try:
        report = gather({"run": tmp_path / "run"})
    except DataError as error:
        message = str(error)
        assert "holds no result of `course mmlu`" in message
    else:
        assert 0 <= report["models"][0]["mmlu"]["accuracy"] <= 1


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=30))
def test_rubbish_in_a_run_s_files_is_a_clear_error(tmp_path, content):
    write_json(tmp_path / "run/responses.json", records(QUESTIONS))
    for name in ("mmlu.json", "verdicts.jsonl"):
        (tmp_path / "run" / name).write_bytes(content)
        try:
            gather({"run": tmp_path / "run"})
        except CourseError as error:
            message = str(error)
            assert name in message
        else:
            pytest.fail(f"{name} was accepted: {content!r}")
        (tmp_path / "run" / name).unlink()
