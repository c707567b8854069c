"""The table of the bundled models: measured once, from the judge's scores, every target named."""

import json
from dataclasses import replace

import pytest
from conftest import TINY, random_model

from benchmarks import bundled_models as bench
from helpers.files import read_json
from helpers.weights import KNOWN, save_model


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Both models are tiny ones, of seven numbers a token."""
    for seed, name in enumerate(("gpt2-mini", "gpt2-micro")):
        config = replace(TINY, n_layer=1, n_head=1, n_embd=7, n_positions=1024)
        save_model(random_model(config, seed), tmp_path / name)
        monkeypatch.setitem(KNOWN, name, replace(KNOWN["gpt2-mini"], folder=tmp_path / name))
    monkeypatch.setattr(bench, "BUNDLED", ("gpt2-mini", "gpt2-micro"))
    monkeypatch.setattr(bench.Plan, "quick", lambda: bench.Plan(1, 2, 20, 3, 3))


def test_a_finished_seed_is_not_repeated_and_a_killed_one_goes_on(
    tiny, tmp_path, monkeypatch, capsys
):
    real, tuned = bench.fine_tune, []

    def watched(settings, folder, **options):
        tuned.append((settings.model, settings.seed))
        for record in real(settings, folder, **options):
            if record.step == 1 and tuned == [("gpt2-mini", 11), ("gpt2-mini", 12)]:
                raise KeyboardInterrupt
            yield record

    monkeypatch.setattr(bench, "fine_tune", watched)
    options = ["--quick", "--models", "gpt2-mini", "--seeds", "11,12"]
    options += ["--work", str(tmp_path / "work")]
    with pytest.raises(KeyboardInterrupt):
        bench.main(options)
    assert bench.main(options) == 0
    assert tuned == [("gpt2-mini", 11), ("gpt2-mini", 12), ("gpt2-mini", 12)]
    page = capsys.readouterr().out
    assert bench.main([*options, "--families"]) == 0
    assert len(tuned) == 3
    again = capsys.readouterr().out
    assert again.startswith(page.rstrip())
    assert "## Families" in again

    results = read_json(tmp_path / "work" / "quick" / "bundled_models.json")
    assert results["seeds"] == [11, 12]
    mini = results["models"]["gpt2-mini"]
    assert [run["seed"] for run in mini["runs"]] == [11, 12]
    assert {"model_sha256", "data_sha256", "judge_sha256", "threads"} <= set(mini["provenance"])
    assert str(tmp_path) not in json.dumps(results)
    assert not list((tmp_path / "work").rglob("model.safetensors"))  # what takes most room is gone
    new_weights = random_model(replace(TINY, n_layer=1, n_head=1, n_embd=7, n_positions=1024), 9)
    save_model(new_weights, tmp_path / "gpt2-mini")
    assert bench.main(options) == 0
    assert tuned[3:] == [("gpt2-mini", 11), ("gpt2-mini", 12)]


def test_a_column_may_name_the_arm_it_is_tuned_with(tiny, tmp_path, monkeypatch, capsys):
    real, arms = bench.fine_tune, []

    def watched(settings, folder, **options):
        arms.append(settings.loss_on)
        return real(settings, folder, **options)

    monkeypatch.setattr(bench, "fine_tune", watched)
    options = ["--quick", "--seeds", "11,12", "--work", str(tmp_path / "work"), "--models"]
    assert bench.main([*options, "gpt2-mini,gpt2-mini:response"]) == 0
    assert arms == ["all", "all", "response", "response"]
    assert "| learns from | all | response |" in capsys.readouterr().out
    assert bench.main([*options, "gpt2-mini:respons"]) == 2
    assert "response" in capsys.readouterr().err


def run(seed, test, seconds=60.0, stopped=1.0):
    families = ["plural", "plural", "idiom"]
    sets = {
        name: {"scores": scores, "families": families, "stopped": stopped}
        for name, scores in (("test", test), ("known", [0, 50, 100]), ("new", [0, 0, 30]))
    }
    losses = {"val_response_loss_before": 4.0, "val_response_loss_after": 2.0 + seed / 10}
    return {"seed": seed, "sets": sets, "seconds": seconds, "precision": "fp32", **losses}


def model(*runs):
    untouched = {name: s | {"scores": [0, 10, 20]} for name, s in run(0, [0])["sets"].items()}
    found = {"base": untouched, "runs": list(runs), "parameters": 19_446_528, "bytes": 38_900_000}
    found |= {"epochs": 2, "lr": 2e-4, "loss_on": "all", "provenance": {"threads": 2}}
    return {**found, "summary": bench.summary(found)}


def test_means_are_over_seeds_and_intervals_over_items():
    numbers = model(run(1, [0, 40, 80]), run(2, [0, 60, 100]), run(3, [0, 50, 90]))["summary"]
    test = numbers["sets"]["test"]
    assert test["tuned"]["mean"] == pytest.approx(140 / 3)
    assert test["tuned"]["sd"] == pytest.approx(20 / 3)  # of 40, 160/3 and 140/3
    items = bench.mean_interval([0, 50, 90])
    assert test["tuned"]["ci95"] == pytest.approx(items[1:])
    assert test["gain"]["mean"] == pytest.approx(140 / 3 - 10)
    assert test["gain"]["ci95"] == pytest.approx(bench.mean_interval([0, 40, 70])[1:])
    assert test["exact"] == pytest.approx(1 / 9)
    assert (numbers["loss_before"], numbers["loss_after"]) == pytest.approx((4.0, 2.2))


def test_every_target_is_held_against_what_was_found():
    good = [run(n, [60, 60, 60]) for n in (1, 2)]
    slow = [run(1, [60, 60, 60], seconds=121.0, stopped=0.97), run(2, [0, 0, 0])]
    held = {t["what"]: t["holds"] for t in bench.targets({"gpt2-mini": model(*good)})}
    assert set(held.values()) == {True}
    lost = {t["what"]: t["holds"] for t in bench.targets({"gpt2-mini": model(*slow)})}
    assert [what for what, holds in lost.items() if not holds] == [
        "tuned, mean score on the test rows",
        "gain over base",
        "answers that stop, every seed",
        "seconds of tuning, the slowest seed",
    ]
    both = {"gpt2-mini": model(*slow), "gpt2-micro": model(*good)}
    micro = {t["what"]: t["holds"] for t in bench.targets(both) if t["model"] == "gpt2-micro"}
    assert micro == {
        "million parameters": False,
        "MB of weights": False,
        "tuned, below gpt2-mini": False,
    }


def test_the_page_shows_the_numbers(tmp_path):
    models = {"gpt2-mini": model(run(1, [0, 40, 80], stopped=0.99), run(2, [0, 60, 100]))}
    text = bench.page(models, [1, 2], bench.families(models))
    assert "| million parameters | 19.4 |" in text
    assert "| test rows (3): tuned | 46.7 ± 9.4 (" in text
    assert "| gpt2-mini | 1 | 40.0 | 50.0 | 10.0 | 99.0% | 4.00 → 2.10 | 60 |" in text
    assert (
        "| gpt2-mini | seconds of tuning, the slowest seed | 60 | at most 120 | holds |  |  |"
        in text
    )
    assert "| gpt2-mini | answers that stop, every seed | 99.0% | at least 98.0% | holds |" in text
    assert "| idiom | 3 | 73 |" in text  # 80, 100 and 30; twice 100 of the known


def test_what_cannot_be_measured_is_refused_at_once(tiny, tmp_path, capsys):
    for options, words in (
        ("--models gpt2-mnii", "no bundled model 'gpt2-mnii'; did you mean 'gpt2-mini'"),
        ("--seeds 11,11", "--seeds 11,11: give different whole numbers"),
        ("--seeds eleven", "--seeds eleven: give different whole numbers"),
        ("--known 1", "--known 1: give at least 2 rows"),
    ):
        assert bench.main(["--quick", "--work", str(tmp_path), *options.split()]) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "gpt2-micro" / "model.safetensors").unlink()
    assert bench.main(["--quick", "--work", str(tmp_path)]) == 2
    assert "gpt2-micro: there is no model.safetensors" in capsys.readouterr().err


def test_the_sample_of_held_out_rows_is_always_the_same():
    rows = [{"n": n} for n in range(1000)]
    chosen = bench.sample(rows, 250)
    assert chosen == bench.sample(rows, 250)
    assert [row["n"] for row in chosen] == sorted({row["n"] for row in chosen})
    assert len(chosen) == 250
    assert bench.sample(rows, 0) == bench.sample(rows, 5000) == rows
