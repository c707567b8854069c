"""The masking experiment: fair to every arm, done once, read back as arrays for the statistics."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import HERE, SMALL, TINY, random_model, small_files
from torch.nn import functional as F

from helpers import cli
from helpers.commands.masking import masking_report
from helpers.data import load_records
from helpers.errors import CourseError, RunError, SettingsError
from helpers.evaluate import paired
from helpers.experiment import (
    Cell,
    Grid,
    above_untouched,
    differences,
    load_grid,
    measure,
    pack,
    run_grid,
    runner,
    secondary,
    summary,
)
from helpers.experiment.grid import METRICS, SWEEP
from helpers.experiment.measure import (
    MEASURES,
    Measured,
    distance,
    item_losses,
    memory,
    overlap,
    paraphrase,
    per_example,
    per_token,
    plain,
    stops,
)
from helpers.experiment.rows import INVERTED, Rows, invert, length_ratio, load_material
from helpers.files import alone_in, read_json, read_jsonl, write_json, write_jsonl
from helpers.formatting import TEMPLATES
from helpers.generate import Response
from helpers.masking import Example, make_examples
from helpers.model import GPT
from helpers.runs import default_lr
from helpers.train import StepRecord
from helpers.weights import load_model


@pytest.fixture
def grid(tmp_path, records, monkeypatch):
    """30 rows: 25 to train on, and the 3 of the test and 2 of the validation split held out."""
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path, records)
    arms = ("all", "response")
    return Grid(arms=arms, seeds=2, rows=(8,), epochs=(1,), lrs=(0.01,), batch_size=4, **HERE)


@pytest.fixture
def trained(monkeypatch):
    """The cells that are trained from now on."""
    cells, plain_train_once = [], runner.train_once

    def train_once(bench, cell, *rest, **options):
        cells.append(cell)
        return plain_train_once(bench, cell, *rest, **options)

    monkeypatch.setattr(runner, "train_once", train_once)
    return cells


def run(grid, out="out"):
    return list(run_grid(grid, out))


# --- the same for every arm ----------------------------------------------------------------------


def test_the_id_of_a_run_says_what_it_is():
    assert Cell("response@0.1", 2, 935, 2, "any", 2e-4).run == (
        "response@0.1-seed2-rows935-epochs2-lr0.0002"
    )
    assert Cell("all", 11, 300, 4, "inverted", 0).run == (
        "all-seed11-rows300-epochs4-inverted-swept"
    )


def test_an_arm_written_in_two_ways_is_the_same_run(grid):
    names = [
        replace(grid, arms=("all", a)).resolved().arms for a in ("response@.1", "response@0.10")
    ]
    assert names == [("all", "response@0.1")] * 2


@pytest.mark.parametrize(
    "arms", [("all", "response@0"), ("response@1.0", "response"), ("response@1", "response@0.0")]
)
def test_an_arm_whose_prompt_weight_changes_nothing_has_its_plain_name(grid, trained, arms):
    """The report would not know it for the contrast announced, and train it twice."""
    run(grid)
    trained.clear()
    assert run(replace(grid, arms=arms)) == trained == []
    assert list(load_grid("out").pairs()) == [("response", "all")]


def test_a_resolved_grid_can_be_resolved_again(grid):
    for settings in (grid, replace(grid, sweep=True, lrs=())):
        assert settings.resolved().resolved() == settings.resolved()


def test_every_arm_sees_the_same_rows_in_the_same_batches_in_the_same_order(grid, monkeypatch):
    seen = {}

    def train(state, plan, **options):
        epochs = range(state.settings.epochs)
        steps = [(e, s) for e in epochs for s in range(plan.steps_per_epoch)]
        batches = [b for e, s in steps for b in plan.micro_batches(e, s)]
        seen[plan.loss_on, plan.seed] = batches
        return (StepRecord(n, 0.0, 0, 0, 0.0, 1.0, None, 0.0) for n in range(len(batches)))

    monkeypatch.setattr(runner, "train", train)
    arms = ("all", "instruction+response", "header+response", "response", "response@0.1")
    run(replace(grid, arms=arms, epochs=(2,)))
    for seed in (1, 2):
        for arm in arms[1:]:
            pairs = list(zip(seen["all", seed], seen[arm, seed], strict=True))
            assert len(pairs) == 4  # 2 epochs of 8 rows, 4 at a time
            assert all(torch.equal(a.input_ids, b.input_ids) for a, b in pairs)
            assert not all(torch.equal(a.loss_weights, b.loss_weights) for a, b in pairs)
    first, other = (seen["all", seed][0].input_ids for seed in (1, 2))
    assert first.shape != other.shape or not torch.equal(first, other)


def test_fewer_rows_are_among_the_more_and_all_rows_are_the_split(grid, records):
    material = load_material(grid, 97)
    for seed in (1, 2, 3):
        few, some, all_rows = (
            [r["instruction"] for r in material.subset("any", n, seed)[0].records]
            for n in (5, 12, 25)
        )
        assert set(few) < set(some) < set(all_rows)
        assert all_rows == [r["instruction"] for r in records[:25]]
    assert len({str(material.subset("any", 5, s)[0].records) for s in (1, 2, 3)}) == 3


def test_every_run_begins_with_the_base_weights(grid):
    """One model serves all runs: what the first leaves in it must not reach the second."""
    together = {row["run"]: row["response_loss"] for row in run(grid)}
    alone = {}
    for number, arms in enumerate((("response", "all"), ("response@0.5", "response"))):
        alone.update(
            {r["run"]: r["response_loss"] for r in run(replace(grid, arms=arms), f"{number}")}
        )
    assert {name: alone[name] for name in together} == together


def test_a_run_that_diverged_leaves_no_gradient_for_the_next(grid):
    bench = runner.set_up(grid.resolved())
    cell = Cell("all", 1, 8, 1, "any", 0.01)
    rows, _ = bench.straight.subset("any", 8, 1)
    expected = runner.train_once(bench, cell, 0.01, rows, lambda _: None)
    with pytest.raises(RunError, match="lower the learning rate"):
        runner.train_once(bench, cell, 1e30, rows, lambda _: None)
    again = runner.train_once(bench, cell, 0.01, rows, lambda _: None)
    assert {**again, "seconds": 0} == {**expected, "seconds": 0}


# --- the primary metric --------------------------------------------------------------------------


def test_item_losses_are_those_of_each_row_read_alone(tokenizer, records):
    model = random_model(TINY, dtype=torch.float64)
    examples, _ = make_examples(records, "alpaca", tokenizer, max_length=97)
    items = item_losses(model, examples)
    for example, (nll, tokens) in zip(examples, items, strict=True):
        logits = model(torch.tensor([example.ids[:-1]]))[0].detach()
        losses = F.cross_entropy(logits, torch.tensor(example.ids[1:]), reduction="none")
        learnt = [name in ("response", "end") for name in example.names[1:]]
        assert tokens == sum(learnt)
        assert nll == pytest.approx(float(losses[torch.tensor(learnt)].sum()), rel=1e-10)


def test_item_losses_of_other_segments(tokenizer):
    """The first token is never predicted, and a row with nothing to count has 0 of 0."""
    model = random_model(TINY)
    both = [
        Example([5, 6, 7, 8], ["instruction"] * 2 + ["response", "end"]),
        Example([5, 6], ["template", "end"]),
    ]
    assert item_losses(model, both, ("instruction",))[:, 1].tolist() == [1, 0]
    assert item_losses(model, both, ("instruction",))[1, 0] == 0


def test_per_token_and_per_example():
    items = np.array([[6.0, 2.0], [8.0, 8.0]])
    assert per_token(items) == 1.4  # 14 / 10
    assert per_example(items) == 2.0  # (3 + 1) / 2


def test_a_row_of_the_table_agrees_with_its_file(grid):
    rows = run(grid)
    assert [row["run"] for row in rows] == [
        "base",
        "all-seed1-rows8-epochs1-lr0.01",
        "response-seed1-rows8-epochs1-lr0.01",
        "all-seed2-rows8-epochs1-lr0.01",
        "response-seed2-rows8-epochs1-lr0.01",
    ]
    assert rows == read_jsonl("out/runs.jsonl")
    for row in rows:
        items = np.load(f"out/items/{row['run']}.npy")
        assert (items.shape, items.dtype) == ((5, 2), np.float64)
        assert row["response_loss"] == per_token(items)
        assert row["response_loss_per_example"] == per_example(items)
        assert row["heldout_rows"] == 5
    assert rows[1]["target_tokens"] > rows[2]["target_tokens"]  # all tokens, or the responses
    assert rows[2]["response_loss"] < rows[0]["response_loss"]


def test_the_untouched_model_is_measured_too(grid, tokenizer, records):
    row = run(grid)[0]
    examples, _ = make_examples(records[25:], "plain", tokenizer)
    assert (row["arm"], row["seed"], row["steps"]) == ("base", 0, 0)
    assert row["response_loss"] == per_token(item_losses(load_model("model"), examples))


# --- which rows are held out ---------------------------------------------------------------------


def test_held_out_rows(grid, records):
    write_json("more.json", records[:3])
    named = load_material(replace(grid, heldout="more.json"), 97)
    own = load_material(grid, 97)
    swept = load_material(replace(grid, sweep=True, lrs=()), 97)
    course = load_material(Grid(), 1024)
    assert named.heldout.records == records[:3]
    assert own.heldout.records == records[25:]  # test and validation
    assert swept.heldout.records == records[25:28]  # validation chooses the rates
    assert len(course.heldout) == 1000
    assert all(m.train.records == records[:25] for m in (named, own, swept))


def test_the_training_file_is_not_held_out(grid, records):
    write_json("copy.json", records)
    write_jsonl("lines.jsonl", [{"id": n, **record} for n, record in enumerate(records[::-1])])
    for name in ("copy.json", "lines.jsonl"):
        with pytest.raises(
            SettingsError, match=rf"{name}.*are the data itself.*leave --heldout out"
        ):
            run(replace(grid, heldout=name))


# --- the length ratio ----------------------------------------------------------------------------


def test_a_record_turned_round():
    record = {"instruction": "Add.", "input": "2, 3", "output": "5", "family": "sum"}
    assert invert(record) == {
        "instruction": INVERTED,
        "input": "5",
        "output": "Add.\n2, 3",
        "family": "sum",
    }
    assert invert({**record, "input": " "})["output"] == "Add."


def test_inverted_rows_learn_the_request_and_are_told_the_answer(grid, tokenizer, records):
    material = load_material(grid, 97, inverted=True)
    for record, example in zip(records, material.train.examples, strict=False):
        learnt = [i for i, n in zip(example.ids, example.names, strict=True) if n == "response"]
        request = record["instruction"] + (f"\n{record['input']}" if record["input"] else "")
        assert tokenizer.decode(learnt) == request
        given = [i for i, n in zip(example.ids, example.names, strict=True) if n == "input"]
        assert tokenizer.decode(given) == record["output"]


def test_thirds_by_length_ratio(grid):
    material = load_material(grid, 97)
    levels = material.levels
    ratios = {
        level: [length_ratio([material.train.examples[i]]) for i in levels[level]]
        for level in ("low", "middle", "high")
    }
    assert sorted(levels["low"] + levels["middle"] + levels["high"]) == levels["any"]
    assert [len(levels[level]) for level in ratios] == [8, 9, 8]
    assert max(ratios["low"]) <= min(ratios["middle"])
    assert max(ratios["middle"]) <= min(ratios["high"])


def test_levels_of_the_ratio_have_equally_many_rows_and_their_own_ids(grid):
    rows = run(replace(grid, rows=(), ratios=("any", "low", "high", "inverted"), seeds=2))
    assert {row["rows"] for row in rows if row["arm"] != "base"} == {8}
    mean = {row["ratio"]: row["length_ratio"] for row in rows if row["seed"] == 1}
    assert mean["low"] < mean["any"] < mean["high"]
    assert [row["run"] for row in rows if row["arm"] == "base"] == ["base", "base-inverted"]
    found = differences(load_grid("out")).set_index("ratio")
    assert list(found.index) == ["any", "low", "high", "inverted"]
    for ratio in found.index:
        nll, tokens = load_grid("out").nll(ratio=ratio)
        difference = (nll["response"] - nll["all"]).mean(0).sum() / tokens.sum()
        assert found.loc[ratio, "difference"] == pytest.approx(difference)


# --- learning rates ------------------------------------------------------------------------------


def test_a_sweep_chooses_each_arms_rate_on_validation_only(grid, trained, monkeypatch):
    best = {"all": 5e-5, "response": 1e-4}
    chosen_on = []

    def evaluate_loss(model, batches, **_):
        chosen_on.append(sum(int(b.doc_ids.max()) for b in batches))
        cell = trained[-1]
        return 9.0 if cell.rate == 2e-4 else 1 + abs(math.log(cell.rate / best[cell.arm]))

    monkeypatch.setattr(runner, "evaluate_loss", evaluate_loss)
    rows = run(replace(grid, sweep=True, lrs=()))
    assert {row["arm"]: row["lr"] for row in rows if row["seed"]} == best
    assert {row["run"] for row in rows if row["seed"] == 2} == {
        "all-seed2-rows8-epochs1-swept",
        "response-seed2-rows8-epochs1-swept",
    }
    assert set(chosen_on) == {2}  # the validation rows; the 3 of the test split are held out
    assert {cell.seed for cell in trained[:10]} == {0}
    sweep = load_grid("out").sweep
    assert sweep["chosen"].sum() == 2
    assert not sweep["edge"].any()
    trained.clear()
    assert run(replace(grid, sweep=True, lrs=())) == []
    assert trained == []


def test_a_rate_that_diverges_loses_the_sweep(grid, monkeypatch):
    monkeypatch.setattr(runner, "SWEEP", (1.0, 1e30))
    run(replace(grid, sweep=True, lrs=()))
    sweep = load_grid("out").sweep
    assert sweep[sweep["lr"] > 1]["val_response_loss"].isna().all()
    assert set(sweep[sweep["chosen"]]["lr"]) == {5e-5}


# --- finished runs are never repeated ------------------------------------------------------------


def test_what_is_finished_is_not_done_again_and_more_can_be_added(grid, trained, tmp_path):
    run(grid)
    trained.clear()
    assert run(grid) == []
    assert trained == []
    for change in (
        {"arms": ("all", "response", "response@0.1")},
        {"seeds": 3},
        {"rows": (4, 8), "epochs": (1, 2)},
        {"lrs": (0.01, 0.02), "ratios": ("any", "inverted")},
        {"keep_models": True, "seeds": 4},
    ):
        trained.clear()
        more = replace(grid, **change)
        new = [c for c in more.resolved().cells() if c not in grid.resolved().cells()]
        run(more)
        assert [c for c in trained if c in grid.resolved().cells()] == []
        assert set(trained) <= set(new)
    run(grid)  # asks for less, and what was asked for before still counts
    assert [row["run"] for row in read_jsonl("out/runs.jsonl")].count("base") == 1
    asked = read_json("out/grid.json")["settings"]
    assert (asked["rows"], asked["epochs"], asked["seeds"]) == ([8, 4], [1, 2], 4)
    assert load_grid("out").nll(rows=8, epochs=2, ratio="any", rate="0.01")[0]["all"].shape == (
        2,
        5,
    )
    models = sorted(path.name.partition("-rows")[0] for path in (tmp_path / "out/models").iterdir())
    assert models == ["all-seed4", "response-seed4"]  # those that were trained with it
    assert load_model(next((tmp_path / "out/models").iterdir()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch_size": 8}, "batch_size = 4, not 8"),
        ({"template": "phi3"}, "template = 'plain', not 'phi3'"),
        ({"metrics": ("gap",)}, r"metrics = \[\], not \['gap'\]"),
        ({"heldout": "more.json"}, "heldout = '', not 'more.json'"),
        ({"max_length": 90}, "max_length = 0, not 90"),
        ({"precision": "bf16"}, "precision = 'fp32', not 'bf16'"),
        ({"freeze_embeddings": True}, "freeze_embeddings = False, not True"),
        ({"sweep": True, "lrs": ()}, "the test and validation rows of data.json, and with a sweep"),
    ],
)
def test_settings_that_would_change_finished_runs_are_refused(grid, records, change, says):
    write_json("more.json", records[:3])
    run(grid)
    before = read_json("out/grid.json")
    with pytest.raises(RunError, match=says + r".*[Nn]ame another folder"):
        run(replace(grid, **change))
    assert read_json("out/grid.json") == before


def test_with_frozen_embeddings_no_run_moves_them_and_each_is_trained_at_their_rate(grid):
    frozen = replace(grid, freeze_embeddings=True, keep_models=True)
    run(frozen)
    before, after = load_model(grid.model), load_model(next(Path("out/models").iterdir()))
    assert torch.equal(after.tokens.weight, before.tokens.weight)
    assert torch.equal(after.positions.weight, before.positions.weight)
    assert not torch.equal(after.blocks[0].mlp.up.weight, before.blocks[0].mlp.up.weight)
    for freeze in (False, True):
        usual = replace(grid, model="gpt2-mini", lrs=(), freeze_embeddings=freeze).resolved()
        assert usual.lrs == (default_lr("gpt2-mini", freeze),)
        assert usual.run_settings(usual.cells()[0]).freeze_embeddings is freeze


@pytest.mark.parametrize("freeze", [False, True])
def test_a_sweep_tries_rates_around_the_one_that_suits_that_way(grid, monkeypatch, freeze):
    monkeypatch.setattr(runner, "default_lr", lambda model, frozen: 0.004 if frozen else 0.001)
    run(replace(grid, sweep=True, lrs=(), freeze_embeddings=freeze))
    tried = {row["lr"] for row in read_jsonl("out/sweep.jsonl")}
    assert sorted(tried) == [(0.004 if freeze else 0.001) * times for times in SWEEP]


def test_an_experiment_begun_before_there_was_that_choice_goes_on(grid):
    run(grid)
    about = read_json("out/grid.json")
    del about["settings"]["freeze_embeddings"]
    write_json("out/grid.json", about)
    with pytest.raises(RunError, match="freeze_embeddings = False, not True"):
        run(replace(grid, freeze_embeddings=True))
    run(replace(grid, seeds=3))


def test_a_file_that_has_changed_is_refused(grid, records):
    run(grid)
    write_json("data.json", records[::-1])
    with pytest.raises(RunError, match=r"the data file .+ has changed.*Name another folder"):
        run(grid)


def test_a_folder_of_something_else_is_refused(grid, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("all of it")
    with pytest.raises(RunError, match="full is not empty and holds no experiment"):
        run(grid, "full")
    with pytest.raises(RunError, match="there is no experiment in full"):
        load_grid("full")


def test_a_second_process_in_the_folder_is_refused(grid, tmp_path):
    run(grid)
    with (
        alone_in(tmp_path / "out", "experiment"),
        pytest.raises(CourseError, match=r"another process is at work on the experiment in out"),
    ):
        run(replace(grid, seeds=3))
    run(replace(grid, seeds=3))


def test_a_half_written_row_is_cut_off_and_that_run_done_again(grid, trained, tmp_path):
    expected = run(grid)
    path = tmp_path / "out" / "runs.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    trained.clear()
    again = run(grid)
    assert [cell.run for cell in trained] == [expected[-1]["run"]]
    assert again[0]["response_loss"] == expected[-1]["response_loss"]


def test_a_run_whose_losses_are_gone_is_done_again_and_counts_once(grid, trained, tmp_path):
    rows = run(grid)
    (tmp_path / "out" / "items" / f"{rows[2]['run']}.npy").unlink()
    assert len(load_grid("out").runs) == 4
    trained.clear()
    run(grid)
    assert [cell.run for cell in trained] == [rows[2]["run"]]
    assert sorted(load_grid("out").runs["run"]) == sorted(row["run"] for row in rows)


def test_new_seeds_begin_where_the_first_seed_says(grid, trained):
    """In a new folder a test on fresh seeds, in the same one more seeds."""
    run(replace(grid, first_seed=7), "new")
    assert sorted({cell.seed for cell in trained}) == [7, 8]
    assert read_json("new/grid.json")["settings"]["first_seed"] == 7
    run(grid)
    trained.clear()
    run(replace(grid, first_seed=2, seeds=3))
    assert [(cell.seed, cell.arm) for cell in trained] == [
        (seed, arm) for seed in (3, 4) for arm in ("all", "response")
    ]
    assert load_grid("out").pairs() == {("response", "all"): [1, 2, 3, 4]}
    assert read_json("out/grid.json")["settings"]["first_seed"] == 1
    alike = [load_grid("new").runs, load_grid("out").runs]
    assert not set(alike[0]["response_loss"][1:]) & set(alike[1]["response_loss"][1:])


def test_an_experiment_from_before_there_was_a_first_seed_goes_on(grid):
    run(grid)
    about = read_json("out/grid.json")
    del about["settings"]["first_seed"]
    write_json("out/grid.json", about)
    run(replace(grid, first_seed=3))
    assert load_grid("out").pairs() == {("response", "all"): [1, 2, 3, 4]}
    assert read_json("out/grid.json")["settings"]["first_seed"] == 1


@pytest.mark.parametrize("seed", [0, -1, 10**9 + 1])
def test_a_first_seed_that_is_no_seed_of_a_grid_is_refused(grid, seed):
    with pytest.raises(SettingsError, match=rf"first seed is {seed}: give .* 1 to 1,000,000,000"):
        replace(grid, first_seed=seed).resolved()


# --- read back -----------------------------------------------------------------------------------


def test_the_arrays_for_the_statistics(grid):
    rows = {row["run"]: row for row in run(replace(grid, rows=(4, 8), seeds=3))}
    results = load_grid("out")
    assert len(results.runs) == len(rows) == 13
    assert results.settings() == [
        {"rows": n, "epochs": 1, "ratio": "any", "rate": "0.01"} for n in (4, 8)
    ]
    nll, tokens = results.nll(rows=4)
    assert list(nll) == ["all", "response"]
    assert (nll["all"].shape, tokens.shape) == ((3, 5), (5,))
    for arm, table in nll.items():
        for seed, values in enumerate(table, start=1):
            row = rows[f"{arm}-seed{seed}-rows4-epochs1-lr0.01"]
            assert values.sum() / tokens.sum() == pytest.approx(row["response_loss"])
    with pytest.raises(SettingsError, match="name one of rows = 4, 8"):
        results.nll()
    with pytest.raises(SettingsError, match="no run with rows = 9; there are: 4, 8"):
        results.nll(rows=9)


def test_unfinished_arms_and_seeds_are_left_out(grid):
    run(grid)
    for index, row in enumerate(
        run_grid(replace(grid, arms=("all", "response@0.1"), seeds=4), "out")
    ):
        if index == 2:  # response@0.1 has seeds 1 and 2, then all has seed 3
            assert row["run"].startswith("all-seed3")
            break
    nll, _ = load_grid("out").nll()
    assert {arm: len(table) for arm, table in nll.items()} == {
        "all": 2, "response": 2, "response@0.1": 2,
    }  # fmt: skip
    with pytest.raises(RunError, match="0 seeds finished for every arm .header.response, all."):
        load_grid("out").nll(("header+response", "all"))


def test_an_arm_with_fewer_seeds_takes_none_from_the_others(grid):
    """Each contrast stands on the seeds that its own two arms have."""
    run(replace(grid, seeds=4))
    before = summary(load_grid("out"))
    run(replace(grid, arms=(*grid.arms, "response@0.5"), seeds=2))
    means, contrasts = summary(load_grid("out"))
    assert means["seeds"].tolist() == [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2]]
    assert dict(zip(contrasts["a"] + " - " + contrasts["b"], contrasts["seeds"], strict=True)) == {
        "response - all": [1, 2, 3, 4],
        "response@0.5 - all": [1, 2],
        "response - response@0.5": [1, 2],
    }
    assert means.iloc[:2].equals(before[0])
    assert contrasts.iloc[:1].equals(before[1])


def test_arms_without_seeds_in_common_are_not_compared(grid):
    run(grid)
    rows = read_jsonl("out/runs.jsonl")
    for row in rows:  # as if response had been run on other seeds
        row["seed"] += 10 if row["arm"] == "response" else 0
    write_jsonl("out/runs.jsonl", rows)
    results = load_grid("out")
    assert results.pairs() == {("response", "all"): []}
    assert differences(results).empty
    with pytest.raises(RunError, match=r"no two arms \(all, response\) have 2 finished seeds in c"):
        summary(results)


def test_a_packed_experiment_says_the_same(grid):
    """Small enough to publish, and every interval can be computed from it again."""
    run(replace(grid, ratios=("any", "inverted")))  # each with its own held-out tokens
    for path in Path("out/items").glob("*inverted*"):  # as if one row could not be turned round
        np.save(path, np.load(path)[1:])
    packed = pack(load_grid("out"), "small")
    assert sorted(p.name for p in packed.parent.iterdir()) == [
        "grid.json",
        "items.npz",
        "runs.jsonl",
    ]
    full, small = load_grid("out"), load_grid("small")
    assert small.about == full.about
    assert small.runs.equals(full.runs)
    assert len(small.packed) == len(full.runs) == 10
    for ratio in ("any", "inverted"):
        (nll, tokens), (again, counts) = full.nll(ratio=ratio), small.nll(ratio=ratio)
        assert (tokens == counts).all()
        for arm, table in nll.items():
            assert np.allclose(table, again[arm], rtol=1e-7, atol=0)
    assert pack(small, "small") == packed  # again, and over itself
    assert load_grid("small").runs.equals(full.runs)


def test_a_packed_sweep_keeps_its_rates(grid):
    run(replace(grid, sweep=True, lrs=()))
    pack(load_grid("out"), "small")
    assert load_grid("small").sweep.equals(load_grid("out").sweep)


def test_a_packed_experiment_is_not_added_to(grid, tmp_path):
    run(grid)
    pack(load_grid("out"), "small")
    with pytest.raises(RunError, match="small holds a packed experiment, which is for reading"):
        run(grid, "small")
    assert not (tmp_path / "small" / "items").exists()
    with pytest.raises(RunError, match="out is not empty and holds no packed experiment"):
        pack(load_grid("small"), "out")


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK"])
def test_a_packed_file_that_is_damaged_is_refused_in_words(grid, damage):
    run(grid)
    packed = pack(load_grid("out"), "small")
    packed.write_bytes(damage or packed.read_bytes()[:500])
    with pytest.raises(RunError, match=r"items.npz cannot be read .* from the repository again"):
        load_grid("small")


def test_an_arm_trained_on_a_tenth_of_the_rows_is_told_from_the_full_one(grid):
    """End to end: two settings that must differ, and the statistics must say so."""
    few = load_records("course-heldout")[:60]
    write_json("heldout.json", few)
    big = replace(grid, data="course", heldout="heldout.json", rows=(12, 120), seeds=3)
    run(replace(big, arms=("response", "header+response"), batch_size=8))
    results = load_grid("out")
    nll = {n: results.nll(rows=n)[0]["response"] for n in (12, 120)}
    tokens = results.nll(rows=12)[1]
    table = paired.contrasts(
        {"tenth": nll[12], "full": nll[120]}, tokens, primary=("full", "tenth")
    )
    assert table.loc[0, "resolved"]
    assert table.loc[0, "difference"] < 0


# --- the secondary metrics -----------------------------------------------------------------------


def test_every_metric_is_described_and_can_be_measured():
    assert set(METRICS) == set(MEASURES)


@pytest.fixture
def measured(tokenizer, records):
    """A model that finds every token equally likely, whatever it reads."""
    model = GPT(SMALL)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    examples, _ = make_examples(records, "alpaca", tokenizer, max_length=97)
    rows = Rows(records, examples)
    base = {k: v.clone() for k, v in random_model(SMALL).state_dict().items()}
    heldout = rows.take(range(20, 30))
    items = item_losses(model, heldout.examples)
    return Measured(model, base, rows.take(range(20)), heldout, items, TEMPLATES["alpaca"])


def test_a_model_without_any_knowledge(measured):
    uniform = math.log(SMALL.vocab_size)
    assert per_token(measured.items) == pytest.approx(uniform)
    assert plain(measured)["plain_perplexity"] == pytest.approx(SMALL.vocab_size, rel=1e-4)
    found = measure.measure(("gap", "paraphrase", "memory"), measured)
    assert found["train_response_loss"] == pytest.approx(uniform)
    assert found["gap"] == pytest.approx(0, abs=1e-5)
    assert set(paraphrase(measured)) == {f"paraphrase_{n}" for n in ("phi3", "plain", "reworded")}
    assert found["paraphrase_plain"] == pytest.approx(0, abs=1e-5)
    assert found["instruction_loss_heldout"] == pytest.approx(uniform)
    assert (found["verbatim_train"], found["verbatim_heldout"]) == (0, 0)


def test_verbatim_continuation_of_instructions(measured, tokenizer, monkeypatch):
    """A model that knows the training instructions by heart repeats those and no others."""
    rows = [
        {"instruction": f"{n} apples and more", "input": "", "output": "Yes."} for n in range(9)
    ]
    rows = Rows(rows, make_examples(rows, "alpaca", tokenizer)[0])
    measured.trained, measured.heldout = rows.take(range(6)), rows.take(range(6, 9))
    heart = {tuple(e.ids[:n]): e.ids[n:] for e in measured.trained.examples for n in range(40)}
    asked = []

    def generate(model, prompts, *, max_new_tokens, **_):
        asked.extend(tokenizer.decode(prompt) for prompt in prompts)
        said = [heart.get(tuple(prompt), [0])[:max_new_tokens] for prompt in prompts]
        return [Response(ids, "length") for ids in said]

    monkeypatch.setattr(measure, "generate", generate)
    found = memory(measured)
    assert (found["verbatim_train"], found["verbatim_heldout"]) == (1, 0)
    assert asked[0].endswith("### Instruction:\n0 apples")  # the first half, to be gone on with


def test_an_instruction_that_was_trained_on_with_another_input_is_not_unseen(
    measured, tokenizer, monkeypatch
):
    """Finishing it word for word is memory: counted as unseen, it would pass for none."""
    asked = ["Write the number in words.", "How tall is it?"]
    rows = [{"instruction": a, "input": str(n), "output": "."} for a in asked for n in range(4)]
    rows = Rows(rows, make_examples(rows, "alpaca", tokenizer)[0])
    measured.trained, measured.heldout = rows.take([0, 1]), rows.take(range(2, 8))
    seen = []
    monkeypatch.setattr(measure, "verbatim", lambda _, rows: seen.append(rows.records) or 0.0)
    assert memory(measured)["unseen_instructions"] == 4
    assert [{row["instruction"] for row in part} for part in seen] == [{asked[0]}, {asked[1]}]

    measured.heldout = rows.take([2, 3])  # nothing is left: no number, and no crash
    monkeypatch.undo()
    found = measure.measure(["memory"], measured)
    assert found["unseen_instructions"] == 0
    assert found["instruction_loss_heldout"] is found["verbatim_heldout"] is None


def test_distance_is_relative_to_the_base_weights(measured):
    measured.model.load_state_dict({k: 1.5 * v for k, v in measured.base.items()})
    assert distance(measured) == {
        name: pytest.approx(0.5)
        for name in (
            "distance", "distance_block0", "distance_norm", "distance_positions", "distance_tokens"
        )
    }  # fmt: skip


def test_overlap_and_stops_by_hand(measured):
    measured.trained.records[:] = [{"output": "one two three four five"}]
    said = [
        ("One two three four six", "stop", 4),
        ("one two three four five", "length", 8),
        ("no", "stop", 0),
    ]
    measured.answers = [
        {"model_response": text, "output": "a b c d", "finish_reason": reason, "n_tokens": n}
        for text, reason, n in said
    ]
    found = overlap(measured)
    assert found["overlap"] == 3 / 4  # 1 2 3 4, 2 3 4 6, 1 2 3 4, 2 3 4 5
    assert found["overlap_whole"] == 1 / 3
    assert (found["overlap_reference"], found["overlap_reference_whole"]) == (0, 0)
    assert stops(measured) == {"stopped": 2 / 3, "answer_tokens": 4}


def test_metrics_in_a_grid_are_columns_of_every_row(grid):
    names = ("gap", "memory", "overlap", "stops", "score", "distance", "paraphrase")
    rows = run(replace(grid, metrics=names))
    assert len({tuple(row) for row in rows[1:]}) == 1
    assert rows[0]["distance"] == 0 < rows[1]["distance"]
    assert {"gap", "verbatim_train", "overlap", "stopped", "score"} < set(rows[0])
    assert 0 <= rows[1]["score"] <= 100


def test_every_metric_is_reported_with_its_interval_over_seeds(grid, capsys):
    """Means per arm and response - all, from numbers that can be checked by hand."""
    run(replace(grid, seeds=3, metrics=("stops", "score")))
    rows = read_jsonl("out/runs.jsonl")
    assert set(rows[1]) - set(runner.COLUMNS) == {"stopped", "answer_tokens", "score"}
    scores = {"all": [10.0, 20.0, 30.0], "response": [11.0, 22.0, 33.0]}  # 1, 2 and 3 more
    for row in rows[1:]:
        row["score"] = scores[row["arm"]][row["seed"] - 1]
        row["stopped"] = 1.0
        row["answer_tokens"] = None if row["arm"] == "all" else 5.0
    write_jsonl("out/runs.jsonl", rows)
    found = {row["metric"]: row for row in secondary(load_grid("out"))}
    half = 4.302653 * 1 / math.sqrt(3)  # t with 2 degrees of freedom, and the deviation of 1, 2, 3
    assert found["score"] == {
        "metric": "score",
        "means": {"all": 20, "response": 22},
        "difference": 2,
        "ci95": [pytest.approx(2 - half), pytest.approx(2 + half)],
        "seeds": [1, 2, 3],
    }
    assert (found["stopped"]["difference"], found["stopped"]["ci95"]) == (0, None)
    assert found["answer_tokens"]["means"] == {"all": None, "response": 5}
    assert (found["answer_tokens"]["difference"], found["answer_tokens"]["seeds"]) == (None, [])

    again = MASKING.replace(",response@0.1 --seeds 2 --rows 4,8", " --seeds 3 --rows 8")
    again = f"{again} --metrics score,stops"
    assert cli.main(again.split()) == 0
    said = capsys.readouterr().out
    assert (
        "\n  score: all 20, response 22; response - all 2 (95 % interval -0.4841 to 4.484)" in said
    )
    assert "\n  answer_tokens: all nothing to measure, response 5\n" in said
    assert said.count("secondary and not corrected for their number") == 1
    assert cli.main([*again.split(), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["metrics"]
    assert [(row["metric"], row["rows"]) for row in told][-1] == ("score", 8)
    assert told[-1]["ci95"] == found["score"]["ci95"]


def test_runs_that_training_made_worse_are_named(grid, capsys):
    """Compared with the untouched model on the same rows; without it, with guessing."""
    run(replace(grid, ratios=("any", "inverted")))
    rows = read_jsonl("out/runs.jsonl")
    losses = {"base": 5, "base-inverted": 3, "all-seed1-rows8-epochs1-lr0.01": 2823}
    losses |= {"all-seed1-rows8-epochs1-inverted-lr0.01": 4}  # worse than 3, though not than 5
    for row in rows:
        row["response_loss"] = losses.get(row["run"], 2.5)
    write_jsonl("out/runs.jsonl", rows)
    assert above_untouched(load_grid("out")) == list(losses)[2:]
    said = masking_report(load_grid("out"))
    assert said[0]["above_untouched"] == list(losses)[2:]
    assert (
        f"Take care: training made 2 runs worse than the untouched model ({list(losses)[2]}, "
        in (said[1])
    )
    write_jsonl("out/runs.jsonl", rows[2:])
    assert above_untouched(load_grid("out")) == list(losses)[2:3]  # 2823, above ln(50257) = 10.8
    for row in rows:
        row["response_loss"] = 2.5
    write_jsonl("out/runs.jsonl", rows)
    assert "Take care" not in masking_report(load_grid("out"))[1]


def test_without_metrics_there_is_nothing_beside_the_loss(grid):
    assert set(run(grid)[1]) == set(runner.COLUMNS)
    assert secondary(load_grid("out")) == []


# --- the command line ----------------------------------------------------------------------------

MASKING = (
    "masking --model model --data data.json --out out --arms all,response,response@0.1 --seeds 2 "
    "--rows 4,8 --lr 0.01 --epochs 1 --batch-size 4 --template plain --device cpu --precision fp32"
)


def test_course_masking_prints_one_object(grid, capsys):
    assert cli.main(f"{MASKING} --json".split()) == 0
    captured = capsys.readouterr()
    value = json.loads(captured.out)
    assert value["new_runs"] == 12
    assert [(a["arm"], a["rows"]) for a in value["arms"]] == [
        (arm, n) for n in (4, 8) for arm in ("all", "response", "response@0.1")
    ]
    assert set(value["arms"][0]) >= {"arm", "mean", "ci95"}
    for n in (4, 8):
        pairs = [p for p in value["pairs"] if p["rows"] == n]
        assert (pairs[0]["a"], pairs[0]["b"]) == ("response", "all")
        assert len(pairs) == 3
        assert set(pairs[0]) >= {
            "a", "b", "difference", "ci95", "resolved", "p", "p_holm", "smallest_detectable", "words"
        }  # fmt: skip
        means = {a["arm"]: a["mean"] for a in value["arms"] if a["rows"] == n}
        assert pairs[0]["difference"] == pytest.approx(means["response"] - means["all"])
    assert "measured on 5 held-out rows" in captured.err
    assert "1,000 or more" in captured.err


def test_course_masking_counts_seeds_and_held_out_rows(grid, capsys, records):
    """Who reads the object alone learns what the notes for people say."""
    write_json("mixed.json", records[:4] + records[25:])  # 4 are trained on
    few = MASKING.replace("--rows 4,8", "--rows 8 --heldout mixed.json --json")
    assert cli.main(few.split()) == 0
    captured = capsys.readouterr()
    value = json.loads(captured.out)
    assert value["heldout"] == {"rows": 9, "seen_in_training": 4, "is": "mixed.json"}
    assert [row["seeds"] for row in value["arms"] + value["pairs"]] == [[1, 2]] * 6
    assert "Take care: 4 of them stand in the training rows too" in captured.err


def test_course_masking_in_words(grid, capsys):
    assert cli.main(MASKING.split()) == 0
    out = capsys.readouterr().out
    assert "4 rows, epochs: 1, lr 0.01\n" in out
    assert "8 rows, epochs: 1, lr 0.01\n" in out
    assert out.count("response@0.1") >= 4
    said = "response - all is tested once in each of 2 settings and not corrected for their number"
    assert out.count(said) == 1
    assert "at least one is resolved is up to 10%." in out  # 1 - 0.95²
    assert "every run: out" in out
    assert "resolved" in out or "response loss than" in out


def test_course_masking_says_on_which_seeds_a_contrast_stands(grid, capsys):
    few = MASKING.replace("--rows 4,8", "--rows 8")
    assert cli.main([*few.replace(",response@0.1", "").split(), "--seeds", "3"]) == 0
    assert "seeds 1" not in capsys.readouterr().out
    assert cli.main(few.split()) == 0
    said = capsys.readouterr().out
    assert said.count("; seeds 1, 2, 3\n") == 2
    assert said.count("; seeds 1, 2\n") == 1
    assert "is tested once" not in said
    assert said.count("\n  on 3 seeds: ") == 1
    assert said.count("\n  on 2 seeds: ") == 2
    assert "The arms have not all the same seeds" in said


def test_course_masking_says_that_embeddings_are_frozen(grid, capsys):
    assert cli.main(f"{MASKING} --freeze-embeddings".split()) == 0
    assert read_json("out/grid.json")["settings"]["freeze_embeddings"] is True
    assert "; trained with frozen embeddings" in capsys.readouterr().err
