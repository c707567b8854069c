"""`course bench`: what is compared is the same, in turn, and a peer that cannot run is said so."""

import json

import pytest
import torch
from conftest import random_model

from helpers.bench import compare, report, sides, textbook
from helpers.bench.compare import Comparison, Group, Row, Sizes, make_row, refuse_to_differ
from helpers.bench.worker import Worker
from helpers.cli import main
from helpers.errors import RunError, SettingsError
from helpers.generate import generate_plain
from helpers.model import GPTConfig
from helpers.weights import save_model

SMALL = GPTConfig(n_layer=2, n_head=3, n_embd=21, n_positions=257, vocab_size=50257)
PEAK = {"fp32": 1e12, "bf16": 2e12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(random_model(SMALL), tmp_path_factory.mktemp("bench") / "model"))


# --- the textbook's way ----------------------------------------------------------------------------


def test_the_textbook_has_the_same_first_step_and_ours_is_compared_only_then(folder, monkeypatch):
    found = sides.next_turn(sides.same_step(folder, "course"))
    assert refuse_to_differ({**found, "words": {}})["gradient"] < 1e-5
    monkeypatch.setattr(textbook.Gelu, "forward", lambda self, x: torch.nn.functional.gelu(x))
    found = sides.next_turn(sides.same_step(folder, "course"))
    with pytest.raises(RunError, match="ours and the textbook differ in the"):
        refuse_to_differ({**found, "words": {}})


@pytest.mark.parametrize("found", [{"loss": 2e-5}, {"gradient": float("nan")}, {"words": {"x": 1}}])
def test_any_difference_refuses(found):
    same = {"loss": 1e-7, "gradient": 1e-6, "words": {"transformers": 0}}
    assert refuse_to_differ(same) == same
    with pytest.raises(RunError, match="No time is worth comparing"):
        refuse_to_differ({**same, **found})


def test_a_separate_head_starts_as_the_embedding_and_has_weights_of_its_own():
    model = random_model(SMALL)
    tied, separate = textbook.copied(model), textbook.copied(model, tied=False)
    assert sum(p.numel() for p in tied.parameters()) == sum(p.numel() for p in model.parameters())
    more = sum(p.numel() for p in separate.parameters()) - SMALL.vocab_size * SMALL.n_embd
    assert more == sum(p.numel() for p in model.parameters())
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        torch.testing.assert_close(separate(ids), model(ids), atol=1e-4, rtol=1e-4)


def test_the_textbook_writes_what_our_plain_twin_says():
    model = random_model(SMALL)
    expected = generate_plain(model, [5, 6, 7], max_new_tokens=6, stop_ids=()).ids
    assert textbook.write(textbook.copied(model), [5, 6, 7], 6) == expected


# --- the sides -------------------------------------------------------------------------------------


def test_both_sides_of_training_take_the_same_rows_and_the_same_first_loss(folder):
    ours = sides.train_ours(folder, "course", 1)
    book = sides.train_textbook(folder, "course", 1)
    next(ours), next(book)
    for _ in range(2):
        a, b = next(ours), next(book)
        assert (a["tokens"], a["work"], a["steps"]) == (b["tokens"], b["work"], b["steps"])
        assert a["steps"] == 234
        assert a["first_loss"] == pytest.approx(b["first_loss"], rel=1e-5)
        assert min(a["seconds"], a["evaluation"], b["seconds"], b["evaluation"]) > 0


def test_all_sides_of_generation_give_answers_of_the_references_lengths(folder):
    turns = [
        sides.next_turn(sides.generate_ours(folder, "course", 3)),
        sides.next_turn(sides.generate_textbook(folder, "course", 2, 3)),
        sides.next_turn(sides.generate_transformers(folder, "course", 3, batch_size=2)),
    ]
    ours, book, theirs = (turn["answers"] for turn in turns)
    assert ours == theirs
    assert ours[:2] == book
    assert sum(map(len, ours)) == turns[0]["tokens"] == turns[1]["tokens"]
    assert turns[1]["seconds"] > turns[1]["measured_seconds"]  # projected from two to three


def test_the_same_words_are_said_alone_in_a_batch_and_by_the_others():
    found = sides.next_turn(sides.same_words("gpt2-mini", "course", 2, True))
    assert found == {"alone": 0, "the textbook": 0, "transformers": 0}


@pytest.mark.large
def test_trl_learns_the_same():
    pytest.importorskip("trl", reason='needs pip install -e ".[bench]"')
    ours = sides.next_turn(sides.train_ours("gpt2-micro", "course", 1, "response", grouped=True))
    theirs = sides.next_turn(sides.train_trl("gpt2-micro", "course", 1))
    assert theirs["first_loss"] == pytest.approx(ours["first_loss"], rel=1e-4)
    assert theirs["tokens"] == ours["tokens"]


# --- turns and ratios ------------------------------------------------------------------------------


class FakeWorker:
    """Takes no time; `log` lists its turns, `dying` sides fail."""

    log: list = []  # noqa: RUF012
    dying: tuple = ()

    def __init__(self, side, options):
        self.side = side

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ready(self):
        if self.side in self.dying:
            raise RunError(f"{self.side} ended early")
        return {"memory_mb": 100.0}

    def turn(self):
        self.log.append(self.side)
        return {"seconds": {"a_ours": 2.0, "b": 5.0}[self.side], "peak_mb": 300.0, "tokens": 8}


@pytest.fixture
def fakes(monkeypatch):
    monkeypatch.setattr(compare, "Worker", FakeWorker)
    monkeypatch.setattr(FakeWorker, "log", [])
    pair = (Comparison("x", "B", "ours", "b", 1.2, 2.0),)
    group = Group(lambda sizes: {"b": ("b", {}), "ours": ("a_ours", {})}, pair)
    monkeypatch.setitem(compare.GROUPS, "fake", group)
    return FakeWorker


@pytest.mark.parametrize("keep", [False, True])
def test_the_sides_take_turns_and_the_ratio_is_the_peers_time_over_ours(fakes, keep):
    rows = compare.measure("fake", Sizes("m", turns=2, keep=keep), lambda text: None)
    assert fakes.log == ["b", "a_ours", "b", "a_ours"]
    assert [(r.ratio, r.peak_mb, r.tokens_per_second) for r in rows] == [(2.5, 300.0, 4.0)]


def test_a_peer_that_fails_has_a_row_that_says_why_and_ours_ends_the_run(fakes, monkeypatch):
    monkeypatch.setattr(fakes, "dying", ("b",))
    (row,) = compare.measure("fake", Sizes("m"), lambda text: None)
    assert (row.ratio, row.note) == (None, "not measured: b ended early")
    monkeypatch.setattr(fakes, "dying", ("a_ours",))
    with pytest.raises(RunError, match="a_ours ended early"):
        compare.measure("fake", Sizes("m"), lambda text: None)


def test_a_peer_that_is_not_installed_has_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(compare.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(compare, "chosen_precision", lambda: "fp32")
    (row,) = compare.measure("trl", Sizes("m"), lambda text: None)
    assert (row.peer, row.ratio) == ("TRL", None)
    assert row.note.startswith("not measured: pip install")


def turns_of(*seconds, **more):
    return [{"seconds": s, "peak_mb": 1.0, "first_loss": 3.0, **more} for s in seconds]


def test_a_row_shows_the_median_of_the_ratios_with_the_least_and_the_most():
    pair = Comparison("x", "B", "ours", "b")
    turns = {"ours": turns_of(1, 2, 1), "b": turns_of(4, 4, 3, precision="fp32", work=5e11)}
    row = make_row(pair, turns, {}, Sizes("m"))
    assert (row.ratio, row.ratio_min, row.ratio_max) == (3.0, 2.0, 4.0)
    assert row.peer_work_per_second == 1.25e11
    row.work_per_second = 1e12
    compare.add_shares([row], PEAK)
    assert (row.peak_share, row.peer_peak_share) == (1.0, 0.125)
    turns["b"][0]["first_loss"] = 3.2
    with pytest.raises(
        RunError, match=r"first step's loss is 3\.0000 with ours and 3\.2000 with B"
    ):
        make_row(pair, turns, {}, Sizes("m"))


def test_two_epochs_are_their_steps_and_an_evaluation_every_five():
    assert compare.two_epochs({"steps": 234, "seconds": 2.0, "evaluation": 10.0}) == 468 + 470


def test_the_data_path_is_compared_with_itself_where_it_was_measured(tmp_path):
    path = tmp_path / "data_scale.json"
    assert "benchmarks.data_scale" in compare.data_rows(path)[0].note
    sizes = ((100_000, 50, 9.0, 6.0), (1000, 40, 4.0, 3.0))
    keys = ("rows", "tokenise", "memory_mb", "own_mb")
    found = [dict(zip(keys, one, strict=True)) for one in sizes]
    path.write_text(json.dumps(found))
    (row,) = compare.data_rows(path)
    assert row.ratio == pytest.approx(0.8)
    assert row.note.startswith("1,000 and 100,000 rows; memory grows by 4 and 9 MB")
    assert "3 and 6 MB are the process's own" in row.note


def test_a_worker_measures_in_a_process_of_its_own(folder):
    with Worker("load_ours", {"model": folder}) as worker:
        before = worker.ready()
        turn = worker.turn()
    assert 0 < turn["seconds"] < 60
    assert turn["peak_mb"] >= before["memory_mb"] > 50
    with Worker("nobody", {}) as worker, pytest.raises(RunError, match="there is no side 'nobody'"):
        worker.ready()


# --- the report and the command --------------------------------------------------------------------

ABOUT = {
    "processor": "P", "cores": 2, "threads": 2, "memory_gb": 8.0, "system": "Linux", "python": "3",
    "packages": {"torch": "2"}, "agreement": {"loss": 0.0, "gradient": 1e-7, "words": {"alone": 0}},
    "peak": PEAK, "sizes": vars(Sizes("m")),
}  # fmt: skip
ROWS = [
    Row("step", "B", 2.5, 2.0, 3.0, 300.0, 400.0, 1.0, 2.5, at_least=1.9, aim=4.0),
    Row("slow", "B", 1.0, 1.0, 1.0, 300.0, 400.0, 1.0, 1.0, at_least=1.9, aim=4.0),
    Row("gpu", "none", note="not measured: no CUDA GPU here"),
]


def test_the_command_prints_rows_and_leaves_table_figure_and_a_dated_page(
    tmp_path, capsys, monkeypatch
):
    asked = []

    def fake(sizes, only, say):
        asked.append((sizes, only))
        return ROWS, ABOUT

    monkeypatch.setattr("helpers.bench.run_bench", fake)
    page = tmp_path / "RESULTS.md"
    line = ["bench", "--quick", "--json", "--steps", "7", "--only", "training,gpu"]
    for _ in range(2):
        assert main([*line, "--out", str(tmp_path / "out"), "--record", str(page)]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[0])["rows"]
    assert set(rows[0]) >= {"name", "peer", "ratio", "ratio_min", "ratio_max", "peak_mb"}
    assert [row["ratio"] for row in rows] == [2.5, 1.0, None]
    assert (asked[0][0].steps, asked[0][0].model, asked[0][1]) == (
        7,
        "gpt2-mini",
        ("training", "gpu"),
    )
    table = (tmp_path / "out" / "bench.md").read_text()
    assert "**2.5×** (2.0 to 3.0) | 1.9× / 4×: reached" in table
    assert "1.9× / 4×: **not reached**" in table
    assert "not measured: no CUDA GPU here" in table
    assert (tmp_path / "out" / "bench.png").stat().st_size > 5000
    assert page.read_text().count("\n## 20") == 2
    assert page.read_text().startswith("# Results")


def test_an_unknown_group_and_no_turns_are_refused():
    with pytest.raises(SettingsError, match="no group 'trainig'; did you mean 'training'"):
        compare.run_bench(Sizes("m"), ("trainig",))
    with pytest.raises(SettingsError, match="turns is 0"):
        Sizes("m", turns=0)
    assert report.markdown(ROWS, ABOUT).count("\n|") == len(ROWS) + 1
