"""The arena: blind pairs, votes that no crash loses, and ratings with intervals that hold."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

pytest.importorskip("sqlalchemy", reason="the extra `arena` is not installed: make setup")
pytest.importorskip("evalica", reason="the extra `arena` is not installed: make setup")

from benchmarks.preference_calibration import STRENGTHS, cast, covered_ratings
from helpers import plots
from helpers.cli import main
from helpers.errors import CourseError, DataError, JudgeError, RunError, SettingsError
from helpers.evaluate.arena import (
    MIDDLE,
    SCALE,
    Arena,
    Ballots,
    Vote,
    check_connected,
    judge_votes,
    ratings,
    win_probability,
)
from helpers.evaluate.pairwise import ByScore
from helpers.judge.reference import ReferenceJudge


def rows(name, n=6):
    return [
        {
            "instruction": f"Say {i}.",
            "input": "",
            "output": f"word{i}",
            "model_response": f"{name}{i}",
        }
        for i in range(n)
    ]


ANSWERS = {name: rows(name) for name in ("base", "all", "response")}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "runs" / "votes.sqlite"


def vote(left="a", right="b", choice="left", *, item="i", voter="me", **more):
    return Vote(voter, more.pop("kind", "person"), item, left, right, choice, **more)


def duel(*results):
    """Votes from texts such as "a>b" or "a=b", each on an item of its own."""
    made = []
    for i, text in enumerate(results):
        left, sign, right = text[0], text[1], text[2]
        choice = {">": "left", "<": "right", "=": "tie"}[sign]
        made.append(vote(left, right, choice, item=f"i{i}", cast=f"{i:04}"))
    return made


# --- voting ---------------------------------------------------------------------------------------


def test_every_pair_of_every_item_comes_once_with_random_sides(file):
    arena = Arena(ANSWERS, file)
    shown = []
    while arena.current:
        m = arena.current
        shown.append((m.record["instruction"], m.left, m.right))
        assert m.answers == tuple(f"{n}{m.record['instruction'][4]}" for n in (m.left, m.right))
        arena.vote("tie")
    assert len(shown) == len({(item, *sorted(pair)) for item, *pair in shown}) == 3 * 6
    assert {frozenset(pair) for _, *pair in shown[:3]} == {frozenset(pair) for _, *pair in shown}
    on_left = sum(left < right for _, left, right in shown)
    assert 3 <= on_left <= 15
    assert Arena(ANSWERS, file, voter="you").current.left  # another voter has pairs of their own
    with pytest.raises(RunError, match="every pair has been voted on"):
        arena.vote("left")


def test_names_are_told_only_after_the_vote(file):
    arena = Arena(ANSWERS, file)
    assert arena.who() == ""
    m = arena.current
    arena.vote("left")
    assert arena.who() == f"A was {m.left}, B was {m.right}"


def test_reopened_it_goes_on_where_it_was(file):
    first = Arena(ANSWERS, file)
    order = [m.pair for m in first.matchups]
    first.vote("left")
    first.vote("skip")
    waiting = first.current
    again = Arena(ANSWERS, file)
    assert again.current == waiting
    assert [m.pair for m in again.matchups] == order
    assert (again.place, again.last) == ((2, 18), None)


def test_a_new_answer_of_a_model_is_voted_on_anew(file):
    answers = {name: rows(name, 2) for name in ("a", "b")}
    arena = Arena(answers, file)
    arena.vote("left")
    arena.vote("left")
    assert arena.current is None
    answers["b"][0]["model_response"] = "tuned again"
    assert Arena(answers, file).place == (1, 2)


def test_equal_answers_are_left_out_and_counted(file):
    arena = Arena({"a": rows("x"), "b": [*rows("x")[:5], *rows("y")[5:]]}, file)
    assert (arena.identical, arena.place) == (5, (0, 1))


def test_undo_takes_the_last_vote_back_and_marks_the_next_one(file):
    arena = Arena(ANSWERS, file)
    with pytest.raises(RunError, match="no vote to take back"):
        arena.undo()
    m = arena.current
    arena.vote("left")
    arena.undo()
    assert (arena.current, arena.place[0], arena.who()) == (m, 0, "")
    assert arena.vote("right").blind is False
    kept = Ballots(file).all()
    assert [(v.choice, v.withdrawn, v.blind) for v in kept] == [
        ("left", True, True),
        ("right", False, False),
    ]
    again = Arena(ANSWERS, file)  # a withdrawn vote makes its pair come again, seen as it is
    again.vote("tie")
    again.undo()
    assert Arena(ANSWERS, file).vote("tie").blind is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"choice": "lef"}, "a vote's choice is 'lef'; did you mean 'left'"),
        ({"kind": "cat"}, "a vote's kind is 'cat'"),
        ({"right": "a"}, "'a' is on both sides"),
        ({"voter": " "}, "a vote has no voter"),
        ({"item": 3}, "a vote's item is 3"),
        ({"blind": "no"}, "true or false"),
    ],
)
def test_a_vote_that_is_none_is_refused_before_it_is_stored(file, changes, words):
    ballots = Ballots(file)
    with pytest.raises(DataError, match=words):
        ballots.add(replace(vote(), **changes))
    assert ballots.all() == []


# --- nothing is lost ------------------------------------------------------------------------------


def test_the_file_is_in_wal_mode_and_commits_reach_the_disk(file):
    ballots = Ballots(file)
    with ballots.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def _cast_many(file, who, n):
    ballots = Ballots(file)
    for i in range(n):
        ballots.add(vote(voter=f"voter {who}", item=f"item {i}"))


def test_eight_processes_at_once_lose_no_vote(file):
    """All of them open the file when it is not there yet, which is the hardest moment."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_cast_many, args=(file, who, 15)) for who in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 8
    found = Ballots(file).all()
    assert len(found) == len({(v.voter, v.item) for v in found}) == 8 * 15
    assert list(Ballots(file).pending.glob("*.json")) == []


CRASH = """
import os, signal, sys
from helpers.evaluate import arena
from helpers.evaluate.arena import Ballots, Vote

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

ballots = Ballots(sys.argv[1])
if sys.argv[2] == "before the database":
    ballots._insert = die
else:  # after the database, before the note is removed
    arena.Path.unlink = die
ballots.add(Vote("me", "person", "i", "a", "b", "left"))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("moment", ["before the database", "after the database"])
def test_a_crash_in_the_middle_of_a_vote_loses_and_doubles_none(file, moment):
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(file), moment], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = Ballots(file).all()
    assert [(v.voter, v.choice) for v in found] == [("me", "left")]
    assert Ballots(file).all() == found


def test_a_database_that_fails_keeps_the_vote_for_the_next_time(file, monkeypatch):
    ballots = Ballots(file)
    monkeypatch.setattr("helpers.evaluate.arena.WAIT", 0.1)
    holder = sqlite3.connect(file)
    holder.execute("BEGIN EXCLUSIVE")  # somebody else writes, and does not end
    impatient = Ballots.__new__(Ballots)
    impatient.__dict__.update(ballots.__dict__)
    impatient.engine = ballots.sa.create_engine(ballots.url, connect_args={"timeout": 0.1})
    with pytest.raises(RunError, match=r"(?s)database is locked.*A vote .* is kept in "):
        impatient.add(vote())
    impatient.engine.dispose()
    holder.close()
    assert [v.choice for v in Ballots(file).all()] == ["left"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "the name of the votes' database is empty"),
        ("{tmp}", "is a folder: name a file"),
        ("sqlite://", "votes in memory would be lost"),
        ("nonsense://x/y", "nonsense"),
        ("{tmp}/text.txt", "file is not a database"),
        ("{tmp}/other.sqlite", "has a table of votes that is not the arena's"),
    ],
)
def test_what_is_no_database_of_votes_is_refused(tmp_path, url, words):
    (tmp_path / "text.txt").write_text("my notes, which are longer than a header of SQLite " * 30)
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE votes (id TEXT)")
    other.close()
    with pytest.raises(CourseError, match=words):
        Ballots(url.format(tmp=tmp_path))
    assert (tmp_path / "text.txt").read_text().startswith("my notes")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_row_of_rubbish_is_an_error_that_names_it(file, data):
    name = data.draw(st.sampled_from(["voter", "kind", "item", "left", "choice", "id"]))
    value = data.draw(st.text(max_size=4) | st.integers(0, 9) | st.binary(max_size=3))
    ballots = Ballots(file)
    with ballots.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM votes")
    ballots.add(vote())
    with ballots.engine.begin() as connection:
        connection.exec_driver_sql(f'UPDATE votes SET "{name}" = ?', (value,))
    try:
        found = ballots.all()
    except CourseError as error:
        message = str(error)
        assert "vote 1" in message or "cannot be used" in message
    else:
        assert len(found) == 1


@given(content=st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b'{"voter": 1}', b"null"]))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rubbish_among_the_pending_votes_is_named(file, content):
    ballots = Ballots(file)
    ballots.pending.mkdir(exist_ok=True)
    (ballots.pending / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.json is no vote"):
        Ballots(file)
    (ballots.pending / "x.json").unlink()


# --- judges ---------------------------------------------------------------------------------------


def test_judges_vote_in_both_orders_marked_and_never_twice(file):
    judge = ByScore(ReferenceJudge())
    answers = {"good": [{**r, "model_response": r["output"]} for r in rows("x")], "bad": rows("x")}
    assert judge_votes(judge, answers, file) == 12
    assert judge_votes(judge, answers, file) == 0
    found = Ballots(file).all()
    assert {v.kind for v in found} == {"judge"}
    assert {v.voter for v in found} == {judge.name}
    assert {v.winner for v in found} == {"good"}
    assert {v.left for v in found} == {"good", "bad"}


def test_a_judge_that_breaks_down_keeps_what_it_cast(file):
    class Tired:
        name = "tired"
        asked = 0

        def compare(self, record, a, b):
            self.asked += 1
            if self.asked == 5:
                raise ConnectionError("gone")
            return "tie", ""

    with pytest.raises(JudgeError, match=r"stopped answering \(gone\)"):
        judge_votes(Tired(), ANSWERS, file)
    assert len(Ballots(file).all()) == 4
    assert judge_votes(Tired(), {"a": rows("a", 1), "b": rows("b", 1)}, file) == 2


def test_people_and_judges_are_never_mixed():
    people = duel("a>b", "b>a", "a>b")
    judges = [replace(v, kind="judge", voter="j") for v in duel("b>a", "b>a", "a>b", "b>a")]
    both = [*people, *judges]
    assert ratings(both, n=20).table["model"].tolist() == ["a", "b"]
    found = ratings(both, kind="judge", n=20)
    assert (found.table["model"].tolist(), found.votes, found.voters) == (["b", "a"], 4, ("j",))
    third = replace(judges[0], voter="k")
    with pytest.raises(RunError, match=r"2 judges have voted \(j, k\)"):
        ratings([*both, third], kind="judge")
    assert ratings([*both, third], kind="judge", voter="j", n=20).votes == 4
    with pytest.raises(RunError, match="no votes of people yet"):
        ratings(judges)


# --- ratings --------------------------------------------------------------------------------------


def independent_fit(votes, names):
    """The ratings that maximise the likelihood, found by scipy: another library, another way."""
    place = {name: i for i, name in enumerate(names)}
    a, b = (np.array([place[getattr(v, side)] for v in votes]) for side in ("left", "right"))
    won = np.array([{"left": 1.0, "right": 0.0, "tie": 0.5}[v.choice] for v in votes])

    def loss(x):
        d = x[a] - x[b]
        return float((won * np.logaddexp(0, -d) + (1 - won) * np.logaddexp(0, d)).sum())

    def slope(x):
        e = 1 / (1 + np.exp(x[b] - x[a])) - won
        return np.bincount(a, e, len(names)) - np.bincount(b, e, len(names))

    x = minimize(loss, np.zeros(len(names)), jac=slope, method="BFGS", options={"gtol": 1e-9}).x
    return MIDDLE + SCALE * (x - x.mean())


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_ratings_equal_an_independent_fit(ties):
    votes = cast(np.random.default_rng(3), 800, 1, 0.0, ties)
    found = ratings(votes, n=2).table.sort_values("model")
    wanted = independent_fit(votes, list(STRENGTHS))
    assert np.abs(found["rating"].to_numpy() - wanted).max() < 1e-4


def test_many_votes_find_the_true_strengths():
    found = ratings(cast(np.random.default_rng(0), 6000, 1), n=2).table.sort_values("model")
    true = MIDDLE + SCALE * np.array(list(STRENGTHS.values()))
    assert np.abs(found["rating"].to_numpy() - true).max() < 20


def test_intervals_hold_the_truth():
    """`python -m benchmarks.preference_calibration` does it 500 times and for more kinds."""
    assert 0.91 <= covered_ratings("200 items, a vote each", 60, n=150) <= 0.99


def test_votes_on_one_item_hang_together():
    """Six votes on each of 40 items know less than 240 votes on 240 items."""
    votes = cast(np.random.default_rng(1), 40, 6, spread=2.0)
    apart = [replace(v, item=f"{i}") for i, v in enumerate(votes)]
    widths = [(t["high"] - t["low"]).mean() for t in (ratings(v).table for v in (votes, apart))]
    assert widths[0] > 1.05 * widths[1]


def test_the_order_of_votes_moves_elo_and_not_bradley_and_terry():
    votes = duel(*["a>b"] * 10, *["b>a"] * 10)
    forwards, backwards = (ratings(v, n=10).table.set_index("model") for v in (votes, votes[::-1]))
    assert forwards.loc["a", "rating"] == pytest.approx(1000)
    assert backwards.loc["a", "rating"] == pytest.approx(1000)
    assert forwards.loc["a", "elo"] < 990 < 1010 < backwards.loc["a", "elo"]


def test_the_win_matrix_counts_ties_half():
    found = ratings(duel("a>b", "b>a", "a=b", "a>b", "b>c", "c>b"), n=10)
    assert found.wins.loc["a", "b"] == pytest.approx(2.5 / 4)
    assert found.wins.loc["b", "a"] == pytest.approx(1.5 / 4)
    assert np.isnan(found.wins.loc["a", "c"])
    assert np.isnan(found.wins.loc["a", "a"])
    assert found.counts.loc["b", "a"] == 4
    report = found.report()
    assert report["win_shares"]["a"]["c"] is None
    assert json.dumps(report)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (["a>b", "b>a", "c>d", "d>c"], r"\{a, b\} and \{c, d\} were never compared"),
        (["a>b"], r"of the groups .*\{b\} never won or tied against the others"),
        (["a>b", "b>a", "a>c", "b>c"], r"\{c\} never won or tied"),
        (["a>b", "c>b", "c>a", "a>c", "b>d", "d>b"], r"\{b, d\} never won or tied"),
    ],
)
def test_votes_that_cannot_rate_are_refused_with_the_groups(results, words):
    with pytest.raises(RunError, match=words):
        ratings(duel(*results))


def test_a_tie_or_a_ring_connects():
    check_connected(duel("a=b", "b=c"))
    check_connected(duel("a>b", "b>c", "c>a"))


def test_what_is_not_counted_is_told():
    votes = [
        *duel("a>b", "b>a", "a=b"),
        vote(choice="skip"),
        vote(withdrawn=True),
        vote(blind=False),
    ]
    found = ratings(votes, n=10)
    assert (found.votes, found.not_blind) == (4, 1)
    assert found.not_counted == {"withdrawn": 1, "skipped": 1}
    found = ratings(votes, n=10, blind_only=True)
    assert (found.votes, found.not_blind, found.not_counted["not blind"]) == (3, 0, 1)
    with pytest.raises(SettingsError, match="unknown kind of voter 'peple'"):
        ratings(votes, kind="peple")


def test_ratings_are_odds():
    assert win_probability(1400, 1000) == pytest.approx(10 / 11)
    assert win_probability(1000, 1400) == pytest.approx(1 / 11)


def test_without_its_packages_it_says_what_to_type(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(CourseError, match=r"pip install -e '\.\[arena\]'"):
        Ballots(file)
    monkeypatch.setitem(sys.modules, "evalica", None)
    with pytest.raises(CourseError, match=r"pip install -e '\.\[arena\]'"):
        ratings(duel("a=b"))


# --- figures --------------------------------------------------------------------------------------


def test_the_figures_say_their_numbers():
    found = ratings(duel("a>b", "b>a", "a>b", "a=b", "b>c", "c>b"), n=50)
    shown = plots.ratings(found.table)
    first = found.table.iloc[0]
    assert (
        f"the best first: a {first.rating:.0f} ({first.low:.0f} to {first.high:.0f})"
        in shown.caption
    )
    shown = plots.wins(found.wins, found.counts)
    assert "a wins 62 % of 4 against b" in shown.caption
    assert "never met" in shown.caption
    pair = {"a": "old", "b": "new", "n": 10, "win_rate": 0.75, "ci95": [0.6, 0.9], "ties": 3}
    shown = plots.win_rates([{**pair, "resolved": True}, {**pair, "n": 0}])
    assert "new against old 75.0 (60.0 to 90.0), resolved, 3 of 10 items tied." in shown.caption
    for name in ("Win rates", "95 % intervals"):
        assert name in shown._repr_html_()


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, answers in ANSWERS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(answers), encoding="utf-8")
    return tmp_path


def type_in(monkeypatch, *keys):
    typed = iter(keys)

    def read():
        try:
            return next(typed)
        except StopIteration as error:
            raise EOFError from error

    monkeypatch.setattr("builtins.input", read)


VOTE = ["arena", "base.json", "all.json", "response.json"]


def test_course_arena_votes_by_keys_and_goes_on(place, capsys, monkeypatch):
    type_in(monkeypatch, "a", "B", "what?", "u", "t", "s", "q", "a")
    assert main([*VOTE, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "voter": "me", "new_votes": 3, "done": 3, "pairs": 18, "votes": "runs/votes.sqlite",
    }  # fmt: skip
    assert "'what?' is no vote. a: A is better" in err
    told = [line for line in err.splitlines() if line.startswith("Kept:")]
    assert [line.split(".")[0] for line in told] == [
        "Kept: A is better", "Kept: B is better", "Kept: a tie", "Kept: skip",
    ]  # fmt: skip
    before_first_vote = err.split("Kept:")[0]
    assert "A was" not in before_first_vote
    type_in(monkeypatch)  # the end of the input, at once
    assert main(VOTE) == 0
    assert "pair 4 of 18" in capsys.readouterr().err


def test_course_arena_lets_a_judge_vote_and_prints_ratings_with_figures(place, capsys):
    ballots = Ballots("runs/votes.sqlite")
    for i, (left, right) in enumerate([("base", "all"), ("all", "base"), ("all", "base")]):
        ballots.add(vote(left, right, item=f"{i}"))
    assert main([*VOTE, "--judge", "reference"]) == 0
    assert "36 new votes by reference (tie within 5)" in capsys.readouterr().out
    assert main(["arena", "--ratings", "--json", "--figures", "figures"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["ratings"]) == {"people", "reference (tie within 5)"}
    models = report["ratings"]["people"]["models"]
    assert [(m["model"], m["votes"]) for m in models] == [("all", 3), ("base", 3)]
    assert models[0]["low"] < models[0]["rating"] < models[0]["high"]
    assert len(report["figures"]) == 4
    assert all((place / f).read_bytes().startswith(b"\x89PNG") for f in report["figures"])


def test_a_database_s_password_is_not_printed(place, capsys, monkeypatch):
    ballots = Ballots("votes.sqlite")
    ballots.add_all([vote("a", "b"), vote("b", "a", item="j")])
    # No server of that kind is here: the file stands in for it.
    monkeypatch.setattr("helpers.evaluate.arena.database_url", lambda _: ballots.url)
    main(["arena", "--ratings", "--json", "--votes", "postgresql://me:s3cret@db.example/votes"])
    out, err = capsys.readouterr()
    assert "s3cret" not in out + err
    assert json.loads(out)["votes"] == "postgresql://…@db.example/votes"


def test_a_rating_that_cannot_be_given_does_not_hide_the_others(place, capsys):
    Ballots("runs/votes.sqlite").add(vote("all", "base"))
    assert main(["arena", "--ratings"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("course: people: no rating yet: of the groups")
    assert err.count("\n") == 1
    main([*VOTE, "--judge", "reference"])
    capsys.readouterr()
    assert main(["arena", "--ratings", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (list(report["ratings"]), list(report["refused"])) == (
        ["reference (tie within 5)"],
        ["people"],
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "name the responses of two models or more, or --ratings"),
        ("base.json", "name the responses of two models or more"),
        ("base.json --ratings", "--ratings counts the votes and needs no files"),
        ("--ratings", "nobody has voted yet"),
        ("base.json all.json --voter=", "the voter's name is empty"),
        ("base.json all.json --votes=", "the name of the votes' database is empty"),
        ("base.json all.json --judge nobody", "unknown judge 'nobody' for pairs"),
    ],
)
def test_course_arena_refuses_in_one_line(place, capsys, line, words):
    assert main(["arena", *line.split()]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_no_answer_commands_the_terminal(place, capsys, monkeypatch):
    evil = [{**r, "model_response": "\x1b[2Jgone\x07\r"} for r in ANSWERS["base"]]
    (place / "evil.json").write_text(json.dumps(evil))
    type_in(monkeypatch, "q")
    main(["arena", "evil.json", "all.json"])
    err = capsys.readouterr().err
    assert "[2Jgone" in err
    assert not {"\x1b", "\x07", "\r"} & set(err)


def test_votes_are_tables_for_pandas_too(file):
    """The file is plain SQLite: anybody can read the votes without us."""
    Ballots(file).add(vote())
    connection = sqlite3.connect(file)
    table = pd.read_sql("SELECT * FROM votes", connection)
    connection.close()
    assert table.loc[0, ["voter", "kind", "choice"]].tolist() == ["me", "person", "left"]
    assert os.path.getsize(file) > 0
