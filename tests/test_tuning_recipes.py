"""The recipes' table: what is tuned and measured once, what is frozen, and whom a difference compares."""

from dataclasses import replace

import pytest
import torch
from conftest import TINY, random_model

from benchmarks import tuning_recipes as bench
from benchmarks.tuning_recipes import Recipe
from helpers.data import load_records
from helpers.settings import Settings
from helpers.weights import KNOWN, load_model, save_model

ROWS = load_records("course")[:9]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The mini is a tiny model, of eight numbers a token."""
    config = replace(TINY, n_layer=1, n_head=1, n_embd=8, n_positions=1024)
    save_model(random_model(config, 0), tmp_path / "mini")
    monkeypatch.setitem(KNOWN, "gpt2-mini", replace(KNOWN["gpt2-mini"], folder=tmp_path / "mini"))


def changed(recipe) -> set[str]:
    """The weights that a recipe moves."""
    before, after = load_model("gpt2-mini").state_dict(), bench.tune(recipe, 1, ROWS)[0]
    return {k for k, v in after.state_dict().items() if not torch.equal(v, before[k])}


def test_a_recipe_trains_what_it_says(tiny):
    everything = set(load_model("gpt2-mini").state_dict())
    embeddings = {"tokens.weight", "positions.weight"}
    matrices = {f"blocks.0.{m}.weight" for m in ("attention.qkv", "attention.out")}
    matrices |= {f"blocks.0.{m}.weight" for m in ("mlp.up", "mlp.down")}
    assert changed(Recipe()) == everything
    assert changed(Recipe(frozen=True)) == everything - embeddings
    assert changed(Recipe(lora=2)) == matrices


def test_no_row_that_chooses_is_one_that_reports():
    sets = bench.row_sets()
    sizes = {"val": 55, "choose": 200, "confirm": 400}
    assert {name: len(rows) for name, rows in sets.items()} == sizes
    texts = [(row["instruction"], row["input"]) for rows in sets.values() for row in rows]
    assert len(set(texts)) == sum(sizes.values())


def test_lesson_04_s_recipe_is_among_them_and_is_the_modes():
    quick, recipe = Settings.quick(), bench.RECIPES["frozen (lesson 04)"][0]
    same = ("loss_on", "lr", "epochs")
    assert {k: getattr(recipe, k) for k in same} == {k: getattr(quick, k) for k in same}
    assert (recipe.frozen, recipe.lora) == (quick.freeze_embeddings, 0)
    assert bench.RECIPES["all weights"][0].lr == KNOWN[quick.model].lr


def test_differences_are_paired_by_row_over_the_common_seeds():
    def run(*scores):
        measures = {"loss": 1.0, "scores": list(scores), "seconds": 9.0}
        return dict.fromkeys(bench.REPORT, measures)

    first = {11: run(0, 50), 12: run(20, 90)}  # by row 10 and 70
    other = {11: run(10, 62)}  # 10 and 12 above seed 11's own
    cells = bench.line("other", other, first)
    assert cells[:5] == ["other", "11", "1.000", "1.000", "36.0"]
    assert cells[5] == "36.0, +11.0 (-1.7 to +23.7)"  # 11 ± 12.7 · 1, as t has it for two rows
    assert cells[-1] == "9"
    assert bench.line("first", first, first)[5] == "40.0"


def test_what_is_measured_is_not_measured_again(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "WORK", tmp_path / "work")
    monkeypatch.setattr(bench, "RECIPES", {"usual": (Recipe(), (1, 2), ("val",))})
    monkeypatch.setattr(bench, "CHOICE", ("val",))
    monkeypatch.setattr(bench, "row_sets", lambda: {"val": ROWS[:3]})
    real, tuned = bench.tune, []

    def watched(recipe, seed, rows):
        tuned.append(seed)
        return real(recipe, seed, ROWS)

    monkeypatch.setattr(bench, "tune", watched)
    bench.main()
    bench.main()
    assert tuned == [1, 2]
    assert capsys.readouterr().out.count("| usual | 1, 2 |") == 2
