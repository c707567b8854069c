"""The arena: which of two anonymous answers do you prefer? Votes, kept safely, and ratings.

A vote is one row in a database, and it is there before the voter sees who wrote what. Several
notebooks may vote into one file. People's votes and judges' votes lie in the same table, marked,
and are never counted together. Ratings are Bradley and Terry's (1952), as the Chatbot Arena's
(Chiang et al. 2024, arXiv 2403.04132): a model's strength is estimated from all votes at once, so
that it does not matter in which order they came. Elo's, which goes vote by vote, stands beside it
for contrast. Both are computed by evalica (Ustalov 2025), and SQLAlchemy keeps the votes: two
packages of the extra `arena`.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from helpers.errors import CourseError, DataError, JudgeError, RunError, SettingsError, nearest
from helpers.evaluate.pairwise import Comparer, common_items
from helpers.files import check_folder, content_hash, write_error, write_text
from helpers.judge.verdicts import item_hash, response_hash
from helpers.progress import bar

CHOICES = ("left", "right", "tie", "skip")
KINDS = ("person", "judge")
WAIT = 60.0  # seconds that a vote waits while others are being written
STORE_EVERY = 2.0  # seconds between the storings of a judge's votes, which can be asked for again
SCALE, MIDDLE = 400 / math.log(10), 1000.0  # 400 points of rating are odds of 10 to 1
NEEDS = "the arena needs two more packages: pip install -e '.[arena]' in the course's folder."


def _sqlalchemy():
    """The library, or what to type to have it."""
    try:
        import sqlalchemy
    except ImportError as error:
        raise CourseError(NEEDS) from error
    return sqlalchemy


# --- votes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vote:
    """One vote; also one row of the table."""

    voter: str
    kind: str  # person or judge
    item: str  # hash of instruction, input and reference
    left: str  # the models' names, as they were shown
    right: str
    choice: str  # left, right, tie or skip
    left_answer: str = ""  # hashes of the answers: a model tuned again answers anew
    right_answer: str = ""
    blind: bool = True  # False: the voter had seen the names of this pair before
    withdrawn: bool = False
    cast: str = ""  # UTC
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def winner(self) -> str | None:
        """The name of the preferred model, "" for a tie, None for a pair that was skipped."""
        return {"left": self.left, "right": self.right, "tie": ""}.get(self.choice)

    @property
    def pair(self) -> tuple:
        """What was compared: the item, and both answers whichever side they were on."""
        sides = sorted([(self.left, self.left_answer), (self.right, self.right_answer)])
        return self.item, *sides


def checked(vote: Vote) -> Vote:
    """The vote, or a DataError that says what is wrong with it."""
    texts = {f.name: getattr(vote, f.name) for f in fields(Vote) if f.type == "str"}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise DataError(f"a vote's {name} is {text!r}: it has to be a text.")
    for name in ("voter", "item", "left", "right", "id"):
        if not texts[name].strip():
            raise DataError(f"a vote has no {name}: give one.")
    for name, known in (("choice", CHOICES), ("kind", KINDS)):
        if texts[name] not in known:
            raise DataError(f"a vote's {name} is {texts[name]!r}; {nearest(texts[name], known)}.")
    if vote.left == vote.right:
        raise DataError(f"{vote.left!r} is on both sides: a vote needs two models.")
    if not isinstance(vote.blind, bool) or not isinstance(vote.withdrawn, bool):
        raise DataError("a vote's blind and withdrawn are true or false.")
    return vote


class Ballots:
    """Votes in a database: `url` is a file's name or any URL that SQLAlchemy knows.

    A vote is first written to a file of its own in the folder `.pending`, then to the database,
    then the file goes. Whatever ends the process in between, the next one that opens the database
    brings the vote in; its id keeps it from being counted twice. SQLite runs in WAL mode, in which
    readers and a writer do not stop each other; it needs a disk of this machine, no network folder.
    """

    def __init__(self, url: str | Path):
        sa = _sqlalchemy()
        self.sa, self.url = sa, database_url(url)
        self.pending = _pending_folder(self.url)
        self.table = _table(sa)
        check_folder(self.pending.parent)
        self.pending.parent.mkdir(parents=True, exist_ok=True)
        with self._translated():
            self.engine = sa.create_engine(self.url, **_options(self.url))
            if self.url.get_backend_name() == "sqlite":
                sa.event.listen(self.engine, "connect", _prepare_sqlite)
        with self._alone(), self._translated():
            self.table.metadata.create_all(self.engine)
        self._check_table()
        self.bring_in()

    def add(self, vote: Vote) -> Vote:
        """The vote as stored, on the disk when this returns. Raises CourseError; it is kept then, too."""
        vote = checked(replace(vote, cast=vote.cast or _now()))
        text = json.dumps(asdict(vote), ensure_ascii=False)
        note = write_text(self.pending / f"{vote.id}.json", text)
        self._insert(vote)
        note.unlink(missing_ok=True)  # another process may have brought it in
        return vote

    def add_all(self, votes: Sequence[Vote]) -> None:
        """Store votes that can be cast again, a judge's, in one go: all of them or none."""
        rows = [asdict(checked(replace(v, cast=v.cast or _now()))) for v in votes]
        if rows:
            with self._translated(), self.engine.begin() as connection:
                connection.execute(self.table.insert(), rows)

    def withdraw(self, vote: Vote) -> None:
        """Take a vote back. It stays in the table, marked."""
        with self._translated(), self.engine.begin() as connection:
            where = self.table.c.id == vote.id
            connection.execute(self.table.update().where(where).values(withdrawn=True))

    def all(self) -> list[Vote]:
        """Every vote, in the order of their casting, withdrawn and skipped ones too."""
        order = self.table.c.cast, self.table.c.id
        with self._translated(), self.engine.connect() as connection:
            rows = connection.execute(self.table.select().order_by(*order)).mappings().all()
        return [self._read(number, row) for number, row in enumerate(rows, start=1)]

    def bring_in(self) -> int:
        """How many votes an ended process had left behind; they are in the database now."""
        found = 0
        for path in sorted(self.pending.glob("*.json")):
            vote = _pending_vote(path)
            if vote is not None:
                self._insert(vote)
                path.unlink(missing_ok=True)
                found += 1
        return found

    def close(self) -> None:
        """Give the database file back."""
        self.engine.dispose()

    def _insert(self, vote: Vote) -> None:
        try:
            with self._translated(), self.engine.begin() as connection:
                connection.execute(self.table.insert().values(**asdict(vote)))
        except self.sa.exc.IntegrityError:  # its id is there: another process brought it in
            pass

    def _read(self, number: int, row: Mapping) -> Vote:
        try:
            return checked(Vote(**row))
        except (DataError, TypeError) as error:
            what = f"{self._where()}, vote {number}"
            raise DataError(f"{what}: {error} Remove that row, or name another file.") from error

    def _check_table(self) -> None:
        with self._translated():
            columns = {c["name"] for c in self.sa.inspect(self.engine).get_columns("votes")}
        if missing := {f.name for f in fields(Vote)} - columns:
            raise RunError(
                f"{self._where()} has a table of votes that is not the arena's (no column "
                f"{min(missing)!r}). Name another file."
            )

    def _where(self) -> str:
        return self.url.database or self.url.render_as_string(hide_password=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time makes the tables and turns WAL on: both fail when done twice at once."""
        lock = self.pending.with_suffix(".lock")
        try:
            with FileLock(lock, timeout=WAIT):
                yield
        except NotImplementedError:  # a file system without locks
            yield
        except OSError as error:
            raise write_error(lock, error) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLAlchemy's complaints as one line that says what to do."""
        exc = self.sa.exc
        try:
            yield
        except exc.IntegrityError:
            raise
        except (exc.SQLAlchemyError, ImportError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise RunError(
                f"the votes in {self._where()} cannot be used ({reason}). Check that it is a file "
                "of the arena, on a disk of this machine, and may be written. A vote that was being "
                f"cast is kept in {self.pending}."
            ) from error


def database_url(url: str | Path):
    """SQLAlchemy's URL of a database; a plain name is a SQLite file."""
    sa = _sqlalchemy()
    text = str(url)
    if not text.strip():
        raise SettingsError("the name of the votes' database is empty: give a file.")
    if not re.match(r"[a-z][\w+]*://", text):
        if Path(text).is_dir():
            raise SettingsError(f"{text} is a folder: name a file for the votes in it.")
        return sa.URL.create("sqlite", database=str(Path(text)))
    try:
        made = sa.make_url(text)
        made.get_backend_name()
    except (sa.exc.ArgumentError, ValueError) as error:
        raise SettingsError(
            f"{text.partition('@')[2] or text!r} is no database ({error}). Give a file's name."
        ) from error
    if made.get_backend_name() == "sqlite" and made.database in (None, "", ":memory:"):
        raise SettingsError("votes in memory would be lost with the kernel: give a file's name.")
    return made


def _options(url) -> dict:
    if url.get_backend_name() != "sqlite":
        return {}
    from sqlalchemy.pool import NullPool  # no connection outlives its vote, nor crosses a fork

    return {"connect_args": {"timeout": WAIT}, "poolclass": NullPool}


def _prepare_sqlite(connection, _record) -> None:
    """WAL, and every commit flushed to the disk (WAL's default only flushes now and then)."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _pending_folder(url) -> Path:
    if url.get_backend_name() == "sqlite":
        return Path(url.database + ".pending")
    from helpers.settings import runs_folder

    mark = content_hash(url.render_as_string(hide_password=True))[:8]
    return runs_folder() / f"arena-{mark}.pending"


def _pending_vote(path: Path) -> Vote | None:
    """The vote in a file; None when another process has just brought it in."""
    try:
        return checked(Vote(**json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError, DataError) as error:
        raise DataError(
            f"{path} is no vote ({error}). It was not written by the arena: remove it."
        ) from error


def _table(sa):
    columns = {"str": sa.Text, "bool": sa.Boolean}
    return sa.Table(
        "votes",
        sa.MetaData(),
        *(
            sa.Column(f.name, sa.String(32) if f.name == "id" else columns[f.type], nullable=False)
            for f in fields(Vote)
            if f.name != "id"
        ),
        sa.Column("id", sa.String(32), primary_key=True),
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


# --- what to vote on ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Matchup:
    """One pair of answers to one item, with its sides."""

    record: dict  # instruction, input, output
    left: str  # the models' names: not to be shown before the vote
    right: str
    answers: tuple[str, str]  # the texts, left and right
    hashes: tuple[str, str]

    def vote(self, voter: str, choice: str, kind: str = "person", blind: bool = True) -> Vote:
        """A vote on this pair, not yet stored."""
        left, right = self.hashes
        item = item_hash(self.record)
        return Vote(voter, kind, item, self.left, self.right, choice, left, right, blind)

    @cached_property
    def pair(self) -> tuple:
        """What is compared, as in Vote."""
        return self.vote("x", "skip").pair


class Arena:
    """Pairs of answers for one voter, in an order of his own, and where his votes go.

    answers: a model's name → its rows (records with a `model_response`), the same items in each.
    Order and sides follow from voter, item and models alone: opened again, the arena goes on with
    the first pair that this voter has not voted on. Every pair of models has its turn before one
    comes again. Pairs of equal answers are left out (`identical` counts them): there is nothing to
    prefer. `who` is told only after the vote.
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[dict]],
        votes: str | Path | Ballots,
        *,
        voter: str = "me",
    ):
        items = common_items(answers)
        if not voter.strip():
            raise SettingsError("the voter's name is empty: give one, such as me.")
        self.voter, self.models = voter.strip(), list(answers)
        self.ballots = votes if isinstance(votes, Ballots) else Ballots(votes)
        self.matchups, self.identical = _matchups(items, self.models, self.voter)
        mine = [v for v in self.ballots.all() if v.kind == "person" and v.voter == self.voter]
        self.done = {v.pair for v in mine if not v.withdrawn}
        self.seen = {v.pair for v in mine}  # withdrawn, too: the names were shown
        self.last: tuple[Matchup, Vote] | None = None
        self.again: Matchup | None = None

    @property
    def current(self) -> Matchup | None:
        """The pair to vote on, None when there is none left."""
        if self.again is not None:
            return self.again
        return next((m for m in self.matchups if m.pair not in self.done), None)

    @property
    def place(self) -> tuple[int, int]:
        """How many pairs are done, and of how many."""
        return sum(m.pair in self.done for m in self.matchups), len(self.matchups)

    def vote(self, choice: str) -> Vote:
        """The vote on the current pair, stored: left, right, tie or skip."""
        matchup = self.current
        if matchup is None:
            raise RunError("every pair has been voted on: add models or items for more.")
        blind = matchup.pair not in self.seen
        vote = self.ballots.add(matchup.vote(self.voter, choice, blind=blind))
        self.done.add(matchup.pair)
        self.seen.add(matchup.pair)
        self.last, self.again = (matchup, vote), None
        return vote

    def undo(self) -> Vote:
        """The last vote, taken back; its pair is current again, though no longer a blind one."""
        if self.last is None:
            raise RunError("there is no vote to take back.")
        matchup, vote = self.last
        self.ballots.withdraw(vote)
        self.done.discard(matchup.pair)
        self.last, self.again = None, matchup
        return vote

    def who(self) -> str:
        """Who was who in the last vote; empty before one."""
        if self.last is None:
            return ""
        matchup, _ = self.last
        return f"A was {matchup.left}, B was {matchup.right}"


def _matchups(
    items: list[dict[str, dict]], models: list[str], voter: str
) -> tuple[list[Matchup], int]:
    """All pairs in the voter's order, and how many were left out because the answers are equal."""
    queues, identical = [], 0
    for a, b in itertools.combinations(sorted(models), 2):
        queue = {}
        for rows in items:
            made = _matchup(rows[a], rows[b], a, b, voter)
            if made is None:
                identical += 1
            else:
                queue[made.pair] = made  # an item that stands in the data twice is voted on once
        order = sorted(queue, key=lambda pair: content_hash([voter, pair]))
        queues.append([queue[pair] for pair in order])
    random.Random(voter).shuffle(queues)
    rounds = itertools.zip_longest(*queues)
    return [m for group in rounds for m in group if m is not None], identical


def _matchup(first: dict, second: dict, a: str, b: str, voter: str) -> Matchup | None:
    """The pair with its sides drawn by a hash; None where there is nothing to prefer."""
    texts = [row.get("model_response") or "" for row in (first, second)]
    if texts[0] == texts[1]:
        return None
    hashes = [response_hash(row) for row in (first, second)]
    shown = [(a, texts[0], hashes[0]), (b, texts[1], hashes[1])]
    if int(content_hash([voter, item_hash(first), a, b, hashes])[0], 16) % 2:
        shown.reverse()
    names, answers, marks = zip(*shown, strict=True)
    record = {key: first.get(key, "") for key in ("instruction", "input", "output")}
    return Matchup(record, *names, answers, marks)


def judge_votes(
    comparer: Comparer, answers: Mapping[str, Sequence[dict]], votes: str | Path | Ballots
) -> int:
    """How many votes a judge has cast now: every pair and item, in both orders, marked as a judge's.

    Equal answers are voted on as well (a tie, if the judge is any good). What it has voted on
    before is not asked again. A reply without a choice is a skip; a server that does not answer
    ends it with JudgeError, and the same call goes on later.
    """
    ballots = votes if isinstance(votes, Ballots) else Ballots(votes)
    items = common_items(answers)
    done = {
        (v.left, v.right, v.item, v.left_answer, v.right_answer)
        for v in ballots.all()
        if v.kind == "judge" and v.voter == comparer.name and not v.withdrawn
    }
    todo = {}
    for rows, (a, b) in itertools.product(items, itertools.permutations(answers, 2)):
        sides = rows[a], rows[b]
        record = {key: rows[a].get(key, "") for key in ("instruction", "input", "output")}
        texts = tuple(row.get("model_response") or "" for row in sides)
        made = Matchup(record, a, b, texts, tuple(map(response_hash, sides)))
        key = (a, b, item_hash(record), *made.hashes)
        if key not in done:
            todo[key] = made
    if todo and hasattr(comparer, "preflight"):
        comparer.preflight()
    cast: list[Vote] = []
    stored = time.monotonic()
    try:
        for made in bar(list(todo.values()), desc=f"{comparer.name} votes", unit="vote"):
            choice, _ = comparer.compare(made.record, *made.answers)
            word = {"a": "left", "b": "right", "tie": "tie"}.get(choice, "skip")
            cast.append(made.vote(comparer.name, word, kind="judge"))
            if time.monotonic() - stored > STORE_EVERY:
                ballots.add_all(cast)
                cast, stored = [], time.monotonic()
    except (ConnectionError, TimeoutError) as error:
        raise JudgeError(
            f"{comparer.name} stopped answering ({error}). Its votes so far are kept; the same "
            "command goes on with the rest."
        ) from error
    finally:  # an error or Ctrl-C costs no vote that was cast
        ballots.add_all(cast)
    return len(todo)


# --- ratings --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ratings:
    """What the votes come to."""

    table: pd.DataFrame  # model rating low high elo votes win_rate, the best first
    wins: pd.DataFrame  # row model → share won against the column's, ties half; NaN: never met
    counts: pd.DataFrame  # how many votes on each pair
    voters: tuple[str, ...]
    kind: str  # person or judge
    votes: int
    not_blind: int  # of these votes: cast after an undo, when the names had been seen
    not_counted: dict[str, int]  # why (skipped, withdrawn, not blind) → how many

    def report(self) -> dict[str, Any]:
        """All of it as JSON values."""
        wins = self.wins.astype(object).where(self.wins.notna(), None)
        return {
            "kind": self.kind,
            "voters": list(self.voters),
            "votes": self.votes,
            "not_blind": self.not_blind,
            "not_counted": self.not_counted,
            "models": self.table.to_dict("records"),
            "win_shares": wins.to_dict("index"),
        }

    def words(self) -> list[str]:
        """A sentence for each model, the best first."""
        who = "people" if self.kind == "person" else f"the judge {self.voters[0]}"
        return [
            f"{row.model}: {row.rating:.0f} ({row.low:.0f} to {row.high:.0f}), wins "
            f"{100 * row.win_rate:.0f} % of its {row.votes} votes by {who}"
            for row in self.table.itertuples()
        ]


def ratings(
    votes: Sequence[Vote],
    *,
    kind: str = "person",
    voter: str = "",
    blind_only: bool = False,
    n: int = 1000,
    seed: int = 0,
) -> Ratings:
    """Ratings with 95 % intervals from the votes of people (or of one judge).

    A rating of r means odds of 10^((r - s)/400) to 1 against a model of rating s; the mean of all
    is 1,000. Ties count as half a win for each. The interval is a bootstrap over *items*: votes on
    one item hang together. It is Rubin's (1981) Bayesian one, which gives every item a random
    weight above 0 and so never loses the only vote that holds two models together, as drawing with
    replacement may. Raises RunError where the votes cannot say: too few, two judges, or models that
    no chain of wins connects in both directions, and then names the groups.
    """
    chosen, left_out = _countable(votes, kind, voter, blind_only)
    names = sorted({name for v in chosen for name in (v.left, v.right)})
    check_connected(chosen)
    rows, counts = _counted(chosen)
    results = coded(rows, names)
    strengths = bradley_terry(results, counts.sum(axis=0), len(names))
    items = len(counts)
    weights = np.random.default_rng(seed).dirichlet(np.ones(items), size=n) * items
    drawn = np.array([bradley_terry(results, w @ counts, len(names)) for w in weights])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    wins, met = _matrices(chosen, names)
    table = pd.DataFrame(
        {
            "model": names,
            "rating": strengths,
            "low": low,
            "high": high,
            "elo": elo(chosen, names),
            "votes": [int(met.loc[name].sum()) for name in names],
            "win_rate": [float(wins.loc[name].sum() / met.loc[name].sum()) for name in names],
        }
    ).sort_values("rating", ascending=False, ignore_index=True)
    order = list(table["model"])
    shares = (wins / met.where(met > 0)).loc[order, order]
    voters = tuple(sorted({v.voter for v in chosen}))
    return Ratings(
        table=table,
        wins=shares,
        counts=met.loc[order, order],
        voters=voters,
        kind=kind,
        votes=len(chosen),
        not_blind=sum(not v.blind for v in chosen),
        not_counted=left_out,
    )


def judges_of(votes: Sequence[Vote]) -> list[str]:
    """The judges that have voted."""
    return sorted({v.voter for v in votes if v.kind == "judge"})


def _countable(votes, kind, voter, blind_only) -> tuple[list[Vote], dict[str, int]]:
    """The votes to count, and how many of this kind are not counted and why."""
    if kind not in KINDS:
        raise SettingsError(f"unknown kind of voter {kind!r}; {nearest(kind, KINDS)}.")
    mine = [v for v in votes if v.kind == kind and voter in ("", v.voter)]
    if kind == "judge" and len(judges := sorted({v.voter for v in mine})) > 1:
        raise RunError(
            f"{len(judges)} judges have voted ({', '.join(judges)}): their ratings are not to be "
            "mixed. Name one."
        )
    reasons = {
        "withdrawn": lambda v: v.withdrawn,
        "skipped": lambda v: v.choice == "skip",
        "not blind": lambda v: blind_only and not v.blind,
    }
    left_out, chosen = dict.fromkeys(reasons, 0), []
    for v in mine:
        reason = next((name for name, holds in reasons.items() if holds(v)), None)
        if reason:
            left_out[reason] += 1
        else:
            chosen.append(v)
    if not chosen:
        of = f" of {voter}" if voter else {"person": " of people", "judge": " of judges"}[kind]
        raise RunError(f"there are no votes{of} yet: vote first.")
    return chosen, {reason: count for reason, count in left_out.items() if count}


def check_connected(votes: Sequence[Vote]) -> None:
    """None when ratings exist: every model is connected with every other by wins both ways (Ford 1957).

    Raises RunError that names the groups: either they never met, or one never lost to the other.
    """
    names = sorted({name for v in votes for name in (v.left, v.right)})
    place = {name: i for i, name in enumerate(names)}
    edges = []
    for v in votes:
        a, b = place[v.left], place[v.right]
        edges += [(a, b)] * (v.choice in ("left", "tie")) + [(b, a)] * (
            v.choice in ("right", "tie")
        )
    graph = sparse.coo_array(
        (np.ones(len(edges)), np.array(edges, dtype=int).reshape(-1, 2).T), shape=(len(names),) * 2
    )
    apart = _groups(graph, names, "weak")
    if len(apart) > 1:
        raise RunError(
            f"no rating: {_listed(apart)} were never compared with each other, not even by way of "
            "a third. Vote on pairs between the groups."
        )
    chain = _groups(graph, names, "strong")
    if len(chain) > 1:
        beaten = [
            g
            for g in chain
            if not any(a in _places(g, place) for a, _ in _leaving(edges, g, place))
        ]
        raise RunError(
            f"no rating yet: of the groups {_listed(chain)}, {_listed(beaten[:1])} never won or tied "
            "against the others, so nothing says how much weaker it is. More votes on those pairs "
            "will tell."
        )


def _groups(graph, names: list[str], connection: str) -> list[list[str]]:
    _, labels = connected_components(graph, directed=True, connection=connection)
    return [[n for n, at in zip(names, labels, strict=True) if at == g] for g in sorted({*labels})]


def _places(group: list[str], place: dict[str, int]) -> set[int]:
    return {place[name] for name in group}


def _leaving(edges: list[tuple[int, int]], group: list[str], place: dict[str, int]):
    """Wins of members of the group against models outside."""
    inside = _places(group, place)
    return [(a, b) for a, b in edges if a in inside and b not in inside]


def _listed(groups: list[list[str]]) -> str:
    return " and ".join("{" + ", ".join(group) + "}" for group in groups)


def _counted(votes: Sequence[Vote]) -> tuple[list[tuple], np.ndarray]:
    """The different results (left, right, choice), and how often each came, a row for each item."""
    items = sorted({v.item for v in votes})
    rows = sorted({(v.left, v.right, v.choice) for v in votes})
    at_item, at_row = ({x: i for i, x in enumerate(xs)} for xs in (items, rows))
    counts = np.zeros((len(items), len(rows)))
    for v in votes:
        counts[at_item[v.item], at_row[v.left, v.right, v.choice]] += 1
    return rows, counts


def _evalica():
    try:
        import evalica
    except ImportError as error:
        raise CourseError(NEEDS) from error
    return evalica


def bradley_terry(results: np.ndarray, weights: Sequence[float], models: int) -> np.ndarray:
    """Ratings of models 0, 1, …; results: rows of (left, right, winner), each with its weight.

    A winner is evalica's number for left, right or a tie. Raises RunError if they do not settle.
    """
    left, right, winners = results.T
    limit = 10_000
    found = _evalica().bradley_terry(
        left,
        right,
        winners.tolist(),
        index=pd.RangeIndex(models),  # looking names up takes longer than the fit
        weights=list(weights),
        tolerance=1e-10,
        limit=limit,
    )
    if found.iterations >= limit:
        raise RunError(f"the ratings did not settle in {limit:,} steps: more votes are needed.")
    logs = np.log(found.scores.sort_index().to_numpy())
    return MIDDLE + SCALE * (logs - logs.mean())


def coded(rows: Sequence[tuple[str, str, str]], names: list[str]) -> np.ndarray:
    """(left, right, choice) as numbers: places among the names, and evalica's winners."""
    lib = _evalica()
    winners = {"left": lib.Winner.X, "right": lib.Winner.Y, "tie": lib.Winner.Draw}
    place = {name: i for i, name in enumerate(names)}
    return np.array([(place[a], place[b], int(winners[choice])) for a, b, choice in rows])


def elo(votes: Sequence[Vote], names: list[str], k: float = 16.0) -> np.ndarray:
    """Elo's ratings after the votes in the order given; k is the step (points)."""
    left, right, winners = coded([(v.left, v.right, v.choice) for v in votes], names).T
    found = _evalica().elo(
        left, right, winners.tolist(), index=pd.RangeIndex(len(names)), k=k, initial=MIDDLE
    )
    return found.scores.sort_index().to_numpy()


def _matrices(votes: Sequence[Vote], names: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Wins of the row's model against the column's, ties half, and how often the two met."""
    wins, met = (pd.DataFrame(0.0, index=names, columns=names) for _ in range(2))
    for v in votes:
        share = {"left": 1.0, "right": 0.0, "tie": 0.5}[v.choice]
        wins.loc[v.left, v.right] += share
        wins.loc[v.right, v.left] += 1 - share
        met.loc[v.left, v.right] += 1
        met.loc[v.right, v.left] += 1
    return wins, met


def win_probability(a: float, b: float) -> float:
    """How often a model rated a is preferred to one rated b, ties half.

    >>> round(win_probability(1200, 1000), 2)
    0.76
    """
    return 1 / (1 + 10 ** ((b - a) / 400))
