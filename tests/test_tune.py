"""The search: chosen on validation rows alone, done once, and its luck measured afterwards."""

import itertools
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import HERE, TINY, random_model, small_files

from benchmarks import tuning
from helpers import cli, contest, plots, tune
from helpers.contest import load_contest, run_contest
from helpers.errors import CourseError, RunError, SettingsError
from helpers.files import alone_in, read_json, read_jsonl, write_json
from helpers.tune import Choice, Found, Range, Search, importance, load_search, run_search
from helpers.weights import save_model

optuna = pytest.importorskip("optuna", reason="optuna is not installed: make setup")
SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=8)


@pytest.fixture
def search(tmp_path, records, monkeypatch):
    """30 rows: 25 to train on, 3 of the test split held out, 2 to choose on. Ranks up to 4."""
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path, records, SMALL)
    space = {"batch_size": (4, 8), "epochs": (1, 2)}
    return Search(rows=8, trials=4, seeds=2, layout="padded", space=space, **HERE)


@pytest.fixture
def scripted(monkeypatch):
    """No training: `losses` maps the place of a trial to its losses; what was begun is in `begun`."""

    script = SimpleNamespace(losses={}, begun=[], default=(2.0, 1.9))

    def begin_run(bench, choice, seed):
        script.begun.append((choice, seed))
        return len(script.begun) - 1, choice

    def epoch_losses(bench, place, choice):
        found = script.losses.get(place, script.default)
        if found is None:
            raise RunError("the loss of step 1 is nan")
        yield from (found * 4)[: choice.epochs]

    monkeypatch.setattr(tune, "begin_run", begin_run)
    monkeypatch.setattr(tune, "epoch_losses", epoch_losses)
    return script


def run(search, out="out"):
    return list(run_search(search, out))


def settings_of(trials):
    return [asdict(tune.choice_of(row)) for _, row in trials.iterrows()]


# --- what is tried --------------------------------------------------------------------------------


def test_the_first_trial_is_the_usual_setting_and_every_trial_has_the_same_seed(search, scripted):
    run(replace(search, seeds=0))
    choices, seeds = zip(*scripted.begun, strict=True)
    assert choices[0] == Choice()
    assert set(seeds) == {tune.SEARCH_SEED}
    assert len(set(choices)) == len(choices) == search.trials


def test_a_trial_trains_what_its_row_says(search, monkeypatch):
    begun, plain = [], tune.begin

    def begin(settings, model, examples):
        plan, state = plain(settings, model, examples)
        begun.append((settings, state, len(examples)))
        return plan, state

    monkeypatch.setattr(tune, "begin", begin)
    run(replace(search, seeds=0, trials=2, space={**search.space, "lora": (4,)}))
    for row, (settings, state, rows) in zip(read_jsonl("out/trials.jsonl"), begun, strict=True):
        assert rows == 8
        assert row["lr"] == settings.lr == state.settings.lr
        assert row["warmup"] == state.settings.warmup
        assert row["weight_decay"] == state.optimizer.param_groups[0]["weight_decay"]
        assert row["epochs"] == state.settings.epochs == len(row["losses"])
        assert settings.batch_size == row["batch_size"]
        assert all(("lora_" in n) == p.requires_grad for n, p in state.model.named_parameters())


def test_only_validation_rows_choose(search, monkeypatch):
    """Held-out rows are measured by item_losses alone, and no trial calls it."""
    monkeypatch.setattr(tune, "item_losses", None)
    run(replace(search, seeds=0))
    found = load_search("out")
    finished = found.trials[found.trials["state"] == "finished"]
    assert found.best["val_response_loss"] == finished["val_response_loss"].min()


def test_a_trial_worse_than_the_median_of_its_epoch_is_stopped(search, scripted):
    scripted.losses = dict.fromkeys(range(6), (2.0, 1.5)) | {6: (2.1, 0.1), 7: (1.9, 1.8)}
    run(replace(search, seeds=0, trials=8, space={**search.space, "epochs": (2,)}))
    trials = load_search("out").trials
    assert list(trials["state"]) == ["finished"] * 6 + ["pruned", "finished"]
    assert trials["losses"][6] == [2.1]  # its second epoch, the best of all, was never trained
    assert load_search("out").best["val_response_loss"] == 1.5


def test_a_loss_that_is_not_finite_is_an_answer_and_the_search_goes_on(search, scripted):
    scripted.losses = {1: None, 2: (1.0, 0.9)}
    run(replace(search, seeds=0))
    trials = load_search("out").trials
    assert list(trials["state"]).count("diverged") == 1
    assert trials["state"][1] == "diverged"
    assert load_search("out").best["trial"] == 2


def test_the_time_limit_lets_each_call_begin_one_trial(search, scripted):
    for trials in (1, 2):
        run(replace(search, seeds=0, minutes=1e-9))
        assert len(load_search("out").trials) == trials


# --- once -----------------------------------------------------------------------------------------

KILLED = """
import json, os, signal, sys
from helpers import tune
plain, begun = tune.epoch_losses, []

def epoch_losses(bench, plan, state):
    begun.append(1)
    for loss in plain(bench, plan, state):
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield loss

tune.epoch_losses = epoch_losses
settings = json.loads(sys.argv[1])
settings["space"] = tune.read_back(settings["space"])
list(tune.run_search(tune.Search(**settings), "out"))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_a_killed_search_goes_on_without_repeating_a_trial(search, tmp_path):
    search = replace(search, seeds=0, trials=5)
    script = {**asdict(search), "space": tune.written(search.space)}
    died = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, json.dumps(script)],
        env={**os.environ, "PYTHONPATH": str(tuning.BUILD.parent)},
        timeout=120,
    )
    assert died.returncode == -signal.SIGKILL
    assert len(read_jsonl("out/trials.jsonl")) == 2
    new = run(search)
    assert len(new) == 3  # the trial that was killed, and two more; the first two stand
    run(search, "whole")
    one, other = load_search("out").trials, load_search("whole").trials
    assert settings_of(one) == settings_of(other)
    assert list(one["losses"]) == list(other["losses"])
    assert len({json.dumps(choice) for choice in settings_of(one)}) == 5


def test_a_trial_that_was_stopped_is_done_anew_with_its_own_setting(search, scripted, monkeypatch):
    """The usual setting is queued, not proposed: without being queued again it would be lost."""
    going_on = tune.epoch_losses

    def ctrl_c(bench, plan, state):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(tune, "epoch_losses", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(replace(search, seeds=0))
    monkeypatch.setattr(tune, "epoch_losses", going_on)
    run(replace(search, seeds=0))
    assert scripted.begun[0] == scripted.begun[1] == (Choice(), tune.SEARCH_SEED)
    assert settings_of(load_search("out").trials)[0] == asdict(Choice())
    assert len(load_search("out").trials) == search.trials


def test_a_finished_search_is_not_done_again_and_more_trials_are_added(search, monkeypatch):
    run(search)
    first = load_search("out").trials
    assert run(search) == []
    run(replace(search, trials=5, seeds=0))
    pd.testing.assert_frame_equal(load_search("out").trials[:4], first)
    assert len(load_search("out").trials) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 12}, "holds runs with rows = 8, not 12"),
        ({"space": {"epochs": (1,)}}, "holds runs with space = "),
        ({"loss_on": "response"}, "holds runs with loss_on = 'all', not 'response'"),
    ],
)
def test_a_folder_of_another_search_is_refused(search, scripted, change, message):
    run(replace(search, seeds=0, trials=2))
    with pytest.raises(RunError, match=message):
        run(replace(search, **change))


def test_changed_data_other_files_and_a_second_process_are_refused(search, scripted, records):
    run(replace(search, seeds=0, trials=2))
    with alone_in("out", "search"), pytest.raises(CourseError, match="another process is at work"):
        run(search)
    write_json("data.json", records[1:])
    with pytest.raises(RunError, match="the data file .* has changed"):
        run(search)
    write_json("mine/notes.json", [])
    with pytest.raises(RunError, match="mine is not empty and holds no search"):
        run(search, "mine")


# --- luck -----------------------------------------------------------------------------------------


def table(rng, level, rows=40):
    tokens = np.full(rows, 5.0)
    return np.stack([5 * (level + 0.1 * rng.standard_normal(rows)), tokens], axis=1)


@pytest.fixture
def lucky(search, scripted, monkeypatch):
    """A search in which a trial looks 0.1 nats better than the usual setting, and is no better."""
    scripted.losses, scripted.default = {2: (1.5, 1.4)}, (1.5, 1.5)
    rng, seeds = np.random.default_rng(0), []

    def trained_losses(bench, choice, seed):
        seeds.append(seed)
        return {rows: table(rng, 1.5) for rows in ("validation", "heldout")}

    monkeypatch.setattr(tune, "trained_losses", trained_losses)
    rows = run(replace(search, seeds=4, space={**search.space, "epochs": (2,)}))
    return load_search("out"), rows, seeds


def test_the_winner_is_repeated_beside_the_usual_setting_with_fresh_seeds(lucky):
    found, rows, seeds = lucky
    assert [(row["setting"], row["seed"]) for row in rows[4:]] == list(
        itertools.chain(*([("usual", n), ("trial2", n)] for n in (1, 2, 3, 4)))
    )
    assert tune.SEARCH_SEED not in seeds
    assert found.seeds() == [1, 2, 3, 4]


def test_what_was_luck_is_gone_when_it_is_repeated(lucky):
    found, *_ = lucky
    measured = found.optimism().set_index("way")
    assert measured.loc["search", "gain"] == pytest.approx(0.1)
    for way in ("validation", "heldout"):
        assert measured.loc[way, "low"] < 0 < measured.loc[way, "high"] < 0.1
    assert "0.100 nats per token better in the search; repeated with 4 fresh seeds" in found.words()
    assert found.words().count("not resolved") == 2


def test_a_gain_is_measured_as_usual_minus_best_paired_by_seed_and_row(tmp_path):
    found = Found(
        tmp_path,
        pd.DataFrame(
            [
                {"trial": n, "state": "finished", "val_response_loss": loss, **asdict(choice)}
                for n, loss, choice in ((0, 1.0, Choice()), (1, 0.9, Choice(epochs=3)))
            ]
        ),
        {"usual": asdict(Choice())},
    )
    (tmp_path / "repeats").mkdir()
    for seed, (name, level) in itertools.product((1, 2, 3), (("usual", 6.0), ("trial1", 5.0))):
        nll = np.array([level + seed, 2 * level + seed, level], dtype=np.float32)
        parts = {"validation_nll": nll, "validation_tokens": np.array([4, 4, 2], dtype=np.uint16)}
        held = {f"heldout_{k.partition('_')[2]}": v for k, v in parts.items()}
        np.savez_compressed(tmp_path / f"repeats/{name}-seed{seed}.npz", **parts, **held)
    gain = found.optimism().set_index("way")["gain"]
    assert gain["search"] == pytest.approx(0.1)
    assert gain["heldout"] == pytest.approx((1 + 2 + 1) / 10)


def test_when_the_usual_setting_is_best_nothing_is_repeated(search, scripted):
    scripted.losses = {0: (1.0, 1.0)}
    assert len(run(search)) == search.trials
    assert (
        load_search("out").words() == "none of 4 trials was better than the usual setting: keep it"
    )


def test_importance_puts_what_decides_first_and_the_shares_sum_to_1(tmp_path):
    rng = np.random.default_rng(1)
    rows = []
    for n in range(40):
        lr, decay = 2.0 ** rng.uniform(-3, 3), rng.uniform(0, 0.3)
        loss = abs(np.log2(lr)) + 0.01 * rng.standard_normal()
        choice = Choice(lr_times=lr, weight_decay=decay, warmup=rng.uniform(0, 0.3))
        rows.append({"trial": n, "state": "finished", "val_response_loss": loss, **asdict(choice)})
    space = {**tune.SPACE, "lora": (0,)}
    about = {"usual": asdict(Choice()), "settings": {"space": tune.written(space)}}
    found = Found(tmp_path, pd.DataFrame(rows), about)
    shares = importance(found)
    assert shares["parameter"][0] == "lr_times"
    assert shares["importance"].sum() == pytest.approx(1)
    assert "lora" not in set(shares["parameter"])
    assert (shares["low"] <= shares["high"]).all()
    assert shares["low"][0] > shares["high"][1:].median()
    for picture in (plots.importances(shares), plots.slices(found.trials, 0, 1)):
        assert len(picture.png) < plots.MAX_BYTES
        assert len(picture.caption) > 20


# --- the border -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 1}, "1 trials: give at least 2"),
        ({"seeds": 1}, "1 seed: an interval needs at least 2"),
        ({"minutes": -1}, "minutes = -1: give a time above 0"),
        ({"rows": -1}, "-1 rows: give at least 1"),
        ({"rows": 26}, "26 rows: data.json has 25 to train on"),
        ({"space": {"lora": (5,)}}, "model takes up to 4"),
        ({"space": {"rate": (1,)}}, "'rate' is nothing that can be searched"),
        ({"space": {"epochs": Range(1, 4)}}, "epochs takes whole numbers"),
        ({"space": {"warmup": Range(0.2, 0.1)}}, "give the lower end first"),
        ({"space": {"lr_times": Range(0.0, 1.0, log=True)}}, "and above 0"),
        ({"space": {"warmup": Range(0.5, 1.5)}}, "warmup = 1.5 is outside its range"),
        ({"space": {"epochs": (2, 2)}}, "none of them twice"),
        (
            {"space": {"lr_times": (1,), "warmup": (0.1,), "weight_decay": (0.1,)}},
            "would try the same setting twice",
        ),
    ],
)
def test_what_could_not_be_tried_is_refused_before_anything_is_trained(search, change, message):
    with pytest.raises(SettingsError, match=message):
        run(replace(search, **change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lora", "'lora' names nothing to try"),
        ("ranks=4", "did you mean|known"),
        ("lora=four", "lora takes whole numbers, such as 0"),
        ("warmup=a..b", "warmup takes numbers, such as 0.1"),
    ],
)
def test_what_is_typed_wrongly_says_what_to_type(text, message):
    with pytest.raises(SettingsError, match=message):
        tune.read_space([text])


def test_ranges_and_values_as_they_are_typed():
    assert tune.read_space(["lr_times=0.5..4", "epochs=1,2", "lora=16"]) == {
        "lr_times": Range(0.5, 4.0, log=True),
        "epochs": (1, 2),
        "lora": (16,),
    }
    space = {**tune.SPACE, "epochs": (3, 4), "lora": (16,), "warmup": Range(0.2, 0.3)}
    assert tune.usual(space) == Choice(epochs=3, lora=16, warmup=0.2)
    assert tune.read_back(json.loads(json.dumps(tune.written(space)))) == space


def test_without_optuna_the_command_says_what_to_install(search, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert cli.main(["tune", "--model", "model", "--data", "data.json", "--out", "out"]) == 2
    assert "pip install -e '.[tune]'" in capsys.readouterr().err


def test_on_the_command_line(search, capsys):
    options = ["--model", "model", "--data", "data.json", "--rows", "8", "--trials", "5"]
    options += ["--seeds", "2", "--template", "plain", "--try", "epochs=1,2", "--try", "lora=0"]
    assert cli.main(["tune", *options, "--out", "out", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["trials"]) == 5
    assert sum(row["importance"] for row in report["importance"]) == pytest.approx(1)
    assert report["optimism"][0]["way"] == "search"
    for name in report["figures"]:
        assert Path(name).read_bytes()[:4] == b"\x89PNG"
    assert cli.main(["tune", *options, "--out", "out"]) == 0
    said = capsys.readouterr()
    assert report["words"] in said.out
    assert ", the usual setting" in said.out
    assert "chosen on 2 validation rows, which is few" in said.err


def test_two_trials_have_no_importance_and_all_the_rest(search, scripted, capsys):
    options = ["--model", "model", "--data", "data.json", "--rows", "8", "--trials", "2"]
    options += ["--seeds", "0", "--template", "plain", "--try", "lora=0", "--json"]
    assert cli.main(["tune", *options, "--out", "out"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["importance"] == []
    assert "2 trials with a loss say nothing about what matters" in said.err
    assert report["optimism"] == [{"way": "search", "gain": 0.0, "ci95": None}]


def test_the_command_that_is_printed_trains_the_best_setting(lucky):
    found, *_ = lucky
    args = cli.parse(found.command().split()[1:])
    best = found.best
    assert (args.lr, args.batch_size, args.epochs) == (
        best["lr"],
        best["batch_size"],
        best["epochs"],
    )
    assert (args.warmup, args.weight_decay, args.lora) == (
        best["warmup"],
        best["weight_decay"],
        best["lora"],
    )
    assert args.freeze_embeddings is (None if best["lora"] else False)  # as in the search


# --- settings side by side ------------------------------------------------------------------------

ENTRIES = {"all weights": ("model", Choice(epochs=1)), "thin": ("model", Choice(epochs=1, lora=2))}


def test_a_contest_pairs_its_entries_and_goes_on_where_it_was_stopped(search, monkeypatch):
    started = run_contest(ENTRIES, search, "sizes", seeds=2)
    first = next(started)
    started.close()
    rows = list(run_contest(ENTRIES, search, "sizes", seeds=2))
    assert first["run"] == "0-seed1"
    assert [row["run"] for row in rows] == ["0-seed2", "1-seed1", "1-seed2"]
    found = load_contest("sizes")
    assert list(found.means()["arm"]) == list(ENTRIES)
    assert found.nll["thin"].shape == (2, 3)
    found.contrasts(("thin", "all weights"))
    monkeypatch.setattr(contest, "repeat", None)
    assert list(run_contest(ENTRIES, search, "sizes", seeds=2)) == []


def test_every_entry_of_a_contest_trains_its_own_model(search):
    save_model(random_model(SMALL, seed=1), "other")
    entries = {name: (name, Choice(epochs=1)) for name in ("model", "other")}
    list(run_contest(entries, search, "sizes", seeds=2))
    list(run_contest(dict(reversed(entries.items())), search, "turned", seeds=2))
    found, turned = load_contest("sizes"), load_contest("turned")
    assert not np.allclose(found.nll["model"], found.nll["other"])
    for name in entries:
        assert np.array_equal(found.nll[name], turned.nll[name])


def test_a_contest_of_other_settings_of_one_entry_or_one_seed_is_refused(search):
    next(run_contest(ENTRIES, search, "sizes"))
    with pytest.raises(RunError, match="0 seeds finished for every entry"):
        load_contest("sizes")
    with pytest.raises(RunError, match="holds a contest of other entries"):
        next(run_contest(ENTRIES, replace(search, rows=9), "sizes"))
    with pytest.raises(SettingsError, match="1 entries: a contest needs at least 2"):
        next(run_contest(dict(list(ENTRIES.items())[:1]), search, "one"))
    with pytest.raises(SettingsError, match="1 seed: an interval needs at least 2"):
        next(run_contest(ENTRIES, search, "one", seeds=1))
    with pytest.raises(RunError, match="there is no contest in one"):
        load_contest("one")


# --- the large run --------------------------------------------------------------------------------


def test_one_command_makes_what_the_lesson_reads_and_goes_on(search, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tuning, "BUILD", tmp_path / "build")
    monkeypatch.setattr(tuning, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(tuning, "SEARCHES", {"tune": search})
    monkeypatch.setattr(tuning, "CONTESTS", {"sizes": ENTRIES})
    monkeypatch.setattr(tuning, "COMMON", search)
    assert tuning.main([]) == 0
    stored = load_search(tmp_path / "results" / "tune")
    assert stored.words() in capsys.readouterr().out
    assert not (tmp_path / "results" / "tune" / "study.sqlite").exists()
    monkeypatch.setattr(tune, "begin_run", None)  # nothing is trained again
    assert tuning.main(["tune", "sizes"]) == 0
    with pytest.raises(CourseError, match="no run 'tun'; did you mean 'tune'"):
        tuning.main(["tun"])


@pytest.mark.parametrize("name", [*tuning.SEARCHES, *tuning.CONTESTS])
def test_what_is_stored_names_no_path_and_is_of_the_files_we_bundle(name):
    from helpers.data import data_path
    from helpers.files import sha256

    folder = tuning.RESULTS / name
    if not folder.exists():
        pytest.skip(f"{name} has not been run yet: python -m benchmarks.tuning {name}")
    about = read_json(folder / ("search.json" if name in tuning.SEARCHES else "contest.json"))
    for entry in about.get("entries", {name: about}).values():
        assert entry["provenance"]["data_sha256"] == sha256(data_path("course"))
        assert "/" not in json.dumps(entry["settings"])
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 500_000


def test_a_run_trains_a_copy_with_its_own_warm_up_and_weight_decay(search):
    bench = tune.open_bench(search.resolved())
    before = {name: weight.clone() for name, weight in bench.model.state_dict().items()}
    plan, state = tune.begin_run(bench, Choice(warmup=0.25, weight_decay=0.07), 1)
    assert state.settings.warmup == 0.25
    assert [g["weight_decay"] for g in state.optimizer.param_groups] == [0.07, 0.0]
    assert len(list(tune.epoch_losses(bench, plan, state))) == 2
    assert all(torch.equal(weight, before[n]) for n, weight in bench.model.state_dict().items())
    assert not torch.equal(state.model.tokens.weight, before["tokens.weight"])
