"""Curves: one thing varied, everything else the same, each run done once, intervals that hold."""

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import HERE, small_files

from helpers import cli, plots
from helpers.curves import (
    CLEAN,
    OWN,
    Curve,
    crossing,
    curve_table,
    effects,
    load_curve,
    publish,
    run_curve,
    runner,
    template_matrix,
)
from helpers.curves import rows as rows_module
from helpers.curves.plan import read_template, run_name
from helpers.curves.results import marked_names
from helpers.curves.rows import Pool, draw, load_pool, near_copy
from helpers.data import near_duplicates, split
from helpers.errors import DataError, RunError, SettingsError
from helpers.evaluate.paired import crossed_mean, per_item
from helpers.files import read_json, read_jsonl, write_json, write_jsonl
from helpers.formatting import TEMPLATES
from helpers.judge.verdicts import mean_interval


def settings(place):
    """80 rows of 4 kinds: 68 to train on, 8 to test on and 4 to validate on."""
    small_files(place, [row(n) for n in range(80)])
    training = {"epochs": 1, "lr": 0.01, "batch_size": 4, "layout": "packed"}
    return Curve(points=(8, 16), seeds=2, max_new_tokens=3, **training, **HERE)


@pytest.fixture
def curve(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return settings(tmp_path)


def row(n):
    """A row that shares few words with the others."""
    kind, word = "abcd"[n % 4], f"w{n}"
    text = f"Tell {word} about x{n} and y{n} or z{n}."
    return {"instruction": text, "input": "", "output": f"It is {word}.", "kind": kind}


def plain_words(instruction):
    return near_copy({"instruction": instruction})["instruction"]


def names(records):
    return [r["instruction"] for r in records]


def pool(n=68, more=0):
    parts = split([row(k) for k in range(80)])
    return Pool(
        parts.train[:n], [row(k) for k in range(100, 100 + more)], parts.validation, parts.test, 0
    )


@pytest.fixture
def trained(monkeypatch):
    """What is trained from now on: how many rows, each time."""
    rows, plain = [], runner.tuned

    def tuned(desk, examples, seed, tick, **checkpoints):
        rows.append(len(examples))
        return plain(desk, examples, seed, tick, **checkpoints)

    monkeypatch.setattr(runner, "tuned", tuned)
    return rows


# --- which rows a run learns from ----------------------------------------------------------------


def test_fewer_rows_are_among_the_more_and_own_rows_come_first(curve):
    there = pool(20, more=30)
    few, some, most = (names(draw(curve, there, n, 1).records) for n in (8, 20, 40))
    assert some[:8] == few
    assert most[:20] == some
    assert sorted(some) == sorted(names(there.own))
    assert set(most[20:]) <= set(names(there.more))
    assert names(draw(curve, there, 8, 2).records) != few


def test_more_rows_than_there_are_are_refused(curve):
    with pytest.raises(SettingsError, match="51 rows: data.json has 50 to train on.*--more"):
        draw(curve, pool(20, more=30), 51, 1)
    with pytest.raises(SettingsError, match="3 rows are fewer than one batch of 4"):
        draw(curve, pool(), 3, 1)


def test_more_kinds_are_the_same_number_of_rows(curve):
    kinds = replace(curve, vary="kind", points=(1, 2, 3, 4), rows=14)
    drawn = [draw(kinds, pool(), n, 1) for n in kinds.points]
    counts = [Counter(r["kind"] for r in d.records) for d in drawn]
    assert [sorted(c.values()) for c in counts] == [[14], [7, 7], [4, 5, 5], [3, 3, 4, 4]]
    assert all(set(a) < set(b) for a, b in itertools.pairwise(counts))
    test = [r["kind"] for r in pool().test]
    assert drawn[1].marked == [kind in counts[1] for kind in test]
    firsts = {min(Counter(r["kind"] for r in draw(kinds, pool(), 1, s).records)) for s in range(9)}
    assert len(firsts) > 1  # a seed chooses the kinds, too


def test_kinds_come_only_from_those_that_have_rows_enough(curve):
    kinds = replace(curve, vary="kind", points=(2, 3), rows=20)
    rare = Pool([*pool().own[:60], {**row(90), "kind": "rare"}], [], [], pool().test, 0)
    for seed in range(5):
        assert "rare" not in {r["kind"] for r in draw(kinds, rare, 3, seed).records}
    with pytest.raises(SettingsError, match="4 of the 5 values have so many; 5 are asked for"):
        draw(replace(kinds, points=(2, 5)), rare, 5, 1)
    with pytest.raises(DataError, match="no row has the key 'family'.*kind"):
        draw(replace(kinds, vary="family"), rare, 2, 1)


def test_kinds_are_drawn_from_own_and_further_rows_alike(curve):
    kinds = replace(curve, vary="kind", points=(4,), rows=20)
    own = set(names(pool(20).own))
    drawn = [names(draw(kinds, pool(20, more=60), 4, seed).records) for seed in range(9)]
    assert 2 < np.mean([len(own & set(d)) for d in drawn]) < 8  # a quarter of 20 is 5


def test_a_near_copy_is_found_as_one():
    assert len(near_duplicates([near_copy(row(1))], [row(1)], rows_module.NEARLY)) == 1
    assert near_copy(row(1)) != row(1)


def test_dirt_is_put_in_and_taken_out_again(curve):
    dirty = replace(curve, vary="clean", points=CLEAN, rows=20, dirt=0.5)
    there = pool()
    found = {name: names(draw(dirty, there, name, 1).records) for name in CLEAN}
    clean = set(names(there.ordered(1)[:20]))
    leaked = {near_copy(r)["instruction"] for r in there.test[::2]}
    assert len(found["as it is"]) == 20 + 10 + 4
    assert leaked <= set(found["as it is"])
    assert len(found["no near-duplicates"]) == 20 + 4
    assert leaked <= set(found["no near-duplicates"])
    assert len(found["no leaks"]) == 20 + 10
    assert len(found["neither"]) == 20
    assert {plain_words(name) for name in found["neither"]} == {plain_words(name) for name in clean}
    assert not leaked & {*found["no leaks"], *found["neither"]}
    assert draw(dirty, there, "neither", 1).marked == [True, False] * 4


def test_without_dirt_clean_rows_stay_as_they_are(curve):
    clean = replace(curve, vary="clean", points=CLEAN, rows=20, dirt=0.0)
    drawn = [draw(clean, pool(), name, 1) for name in CLEAN]
    assert len({str(sorted(names(d.records))) for d in drawn}) == 1
    assert not any(any(d.marked) for d in drawn)


def test_further_rows_that_are_measured_are_left_out(curve, tmp_path):
    there = pool()
    asked_again = {**there.validation[0], "output": "Quite another answer, in other words."}
    write_jsonl(tmp_path / "more.jsonl", [row(200), near_copy(there.test[1]), asked_again])
    found = load_pool(replace(curve, more="more.jsonl"))
    assert (names(found.more), found.leaks_left_out) == ([row(200)["instruction"]], 2)


def test_the_generator_is_asked_only_where_the_course_has_too_few_rows(monkeypatch):
    monkeypatch.setattr(rows_module, "generated", lambda: (row(500),))
    assert load_pool(Curve(points=(100, 935))).more == []
    assert load_pool(Curve(points=(100, 936))).more == [row(500)]
    assert load_pool(Curve(vary="style", points=(1,))).more == [row(500)]
    assert load_pool(Curve(vary="template", points=("plain",))).more == []


def test_of_many_measured_rows_a_sample_is_taken(curve):
    whole, part = (load_pool(replace(curve, sample=n)) for n in (0, 3))
    assert (len(whole.test), len(whole.validation)) == (8, 4)
    assert names(part.test) == [names(whole.test)[i] for i in (0, 2, 5)]
    assert len(part.validation) == 3


# --- what is held constant -----------------------------------------------------------------------


def test_more_rows_are_more_steps_or_fewer_epochs(curve):
    assert [curve.steps_for(rows) for rows in (8, 16, 67)] == [2, 4, 17]
    same = replace(curve, same_steps=34)
    assert [same.steps_for(rows) for rows in (8, 16, 999)] == [34] * 3
    runs = list(run_curve(replace(curve, same_steps=5), "out"))[1:]
    assert [r["steps"] for r in runs] == [5] * 4
    assert [r["epochs"] for r in runs] == [2.5, 1.25] * 2


def test_the_same_steps_go_through_all_rows_before_any_comes_again():
    class Ten:
        steps_per_epoch = 10

        def micro_batches(self, epoch, step):
            return [epoch, step]

    first = runner.FirstSteps(Ten(), 23)
    assert first.steps_per_epoch == 23
    assert [first.micro_batches(0, n) for n in (0, 9, 10, 22)] == [[0, 0], [0, 9], [1, 0], [2, 2]]


def test_every_run_begins_with_the_base_weights(curve):
    """One model serves all runs: what the first leaves in it must not reach the second."""
    both = {r["run"]: r["response_loss"] for r in run_curve(curve, "both")}
    alone = {r["run"]: r["response_loss"] for r in run_curve(replace(curve, points=(16,)), "alone")}
    assert {name: both[name] for name in alone} == alone


# --- once, and again -----------------------------------------------------------------------------


def test_finished_runs_are_not_done_again_and_points_and_seeds_may_be_added(curve, trained):
    assert [r["run"] for r in run_curve(curve, "out")] == [
        "base", "8-seed1", "16-seed1", "8-seed2", "16-seed2",
    ]  # fmt: skip
    assert list(run_curve(curve, "out")) == []
    trained.clear()
    wider = replace(curve, points=(12,), seeds=3)
    assert [r["run"] for r in run_curve(wider, "out")] == ["12-seed1", "12-seed2", "12-seed3"]
    assert trained == [12] * 3
    about = read_json("out/curve.json")
    assert (about["settings"]["points"], about["settings"]["seeds"]) == ([8, 12, 16], 3)
    assert list(load_curve("out").runs) == [8, 12, 16]


def test_a_later_call_finds_the_same_numbers_as_one_call_for_all(curve):
    for seeds in (2, 3):
        list(run_curve(replace(curve, seeds=seeds), "grown"))
    list(run_curve(replace(curve, seeds=3), "whole"))
    keys = ("response_loss", "nll", "scores", "rows", "steps")
    found = [
        {r["run"]: [r.get(key) for key in keys] for r in read_jsonl(f"{out}/runs.jsonl")}
        for out in ("grown", "whole")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 2},
        {"vary": "kind", "points": (1, 2), "rows": 8},
        {"template": "alpaca"},
        {"loss_on": "response"},
        {"same_steps": 5},
    ],
)
def test_other_settings_need_another_folder(curve, change):
    list(run_curve(replace(curve, points=(8,)), "out"))
    with pytest.raises(RunError, match="could not be compared.*points and seeds"):
        list(run_curve(replace(curve, **{"points": (8,), **change}), "out"))


def test_changed_rows_and_other_folders_are_refused(curve, tmp_path):
    list(run_curve(replace(curve, points=(8,)), "out"))
    write_json(tmp_path / "data.json", [row(n) for n in range(1, 81)])
    with pytest.raises(RunError, match="the data file .* has changed"):
        list(run_curve(curve, "out"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty and holds no curve"):
        list(run_curve(curve, "full"))
    with pytest.raises(RunError, match="there is no curve in full"):
        load_curve("full")


def test_a_point_that_changes_which_kinds_are_drawn_from_is_refused(curve, tmp_path):
    rows = [{**row(n), "kind": "a" if n % 4 else "b"} for n in range(80)]  # 17 of b to train on
    write_json(tmp_path / "data.json", rows)
    kinds = replace(curve, vary="kind", rows=18, points=(2,))
    list(run_curve(kinds, "out"))
    with pytest.raises(RunError, match="draw from other values of 'kind'.*another folder"):
        list(run_curve(replace(kinds, points=(1,)), "out"))


def test_further_rows_that_have_changed_are_refused(curve, tmp_path):
    write_jsonl(tmp_path / "more.jsonl", [row(n) for n in range(200, 210)])
    longer = replace(curve, more="more.jsonl", points=(8, 70))
    list(run_curve(replace(longer, points=(8,)), "out"))
    write_jsonl(tmp_path / "more.jsonl", [row(n) for n in range(201, 211)])
    with pytest.raises(RunError, match="the more file .*has changed"):
        list(run_curve(longer, "out"))


def test_a_point_with_one_seed_is_not_shown_yet(curve):
    for number, _ in enumerate(run_curve(curve, "out")):
        if number == 3:  # the base model, both points of one seed, and one of the next
            break
    results = load_curve("out")
    assert (list(results.runs), results.unfinished) == ([8], [16])


# --- numbers -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    place = tmp_path_factory.mktemp("results")
    curve = replace(settings(place), points=(8, 16, 32), epochs=3)
    files = {name: str(place / getattr(curve, name)) for name in ("model", "data")}
    list(run_curve(replace(curve, **files), place / "out"))
    return load_curve(place / "out")


def test_the_table_is_what_the_runs_say(results):
    table = curve_table(results)
    assert list(table["point"]) == [8, 16, 32]
    runs = [r for r in read_jsonl(results.out / "runs.jsonl") if r["point"] == 16]
    nll, tokens = np.array([r["nll"] for r in runs]), np.array(runs[0]["n_tokens"])
    line = table.iloc[1]
    assert line["loss"] == pytest.approx(nll.sum() / (2 * tokens.sum()))
    assert line["loss"] == pytest.approx(np.mean([r["response_loss"] for r in runs]), abs=1e-4)
    e = crossed_mean(per_item(nll, tokens, "token"))
    assert (line["loss_low"], line["loss_high"]) == pytest.approx(
        (e.mean - e.half, e.mean + e.half)
    )
    assert line["score"] == pytest.approx(np.mean([r["score"] for r in runs]), abs=0.01)
    assert (line["rows"], line["steps"], line["seeds"]) == (16, 12, 2)
    assert line["tokens_a_row"] == pytest.approx(np.mean([r["tokens_a_row"] for r in runs]))
    speeds = [r["rows"] * 3 / r["seconds"] for r in runs]  # 3 epochs
    assert line["rows_per_second"] == pytest.approx(np.median(speeds))
    assert line["tokens_per_second"] == pytest.approx(
        np.median([r["tokens"] / r["seconds"] for r in runs])
    )


def test_the_inner_interval_leaves_out_what_makes_a_row_hard_at_all_points(results):
    hard, noise = np.array([0.0, 90, 10, 50]), np.array([[4.0, -1, 3, -2], [-4, 1, -3, 2]])
    runs = {
        point: [{**results.runs[8][0], "scores": {"plain": list(hard + better + n)}} for n in noise]
        for point, better in ((8, 0), (16, 5))
    }
    table = curve_table(replace(results, runs=runs))
    assert list(table["score"]) == [37.5, 42.5]
    assert (table["score_high"] - table["score"]).min() > 50
    e = crossed_mean(noise)
    assert e.half > 1
    half = table["score_within_high"] - table["score"]
    assert list(half) == pytest.approx([e.half * 2**0.5] * 2)


def test_effects_are_after_minus_before_and_paired(results):
    found, table = effects(results), curve_table(results)
    assert list(zip(found["before"], found["after"], strict=True)) == [(8, 16), (16, 32)]
    assert found["loss"].iloc[0] == pytest.approx(table["loss"].iloc[1] - table["loss"].iloc[0])
    a, b = (np.array([r["nll"] for r in results.runs[p]]) for p in (8, 16))
    e = crossed_mean(per_item(b - a, results.losses(8)[1], "token"))
    assert found["loss_low"].iloc[0] == pytest.approx(e.mean - e.half)
    assert found["loss_resolved"].iloc[0] == (abs(e.mean) > e.half)
    e = crossed_mean(better := np.array([[9.0, 3, 5, 7], [8, 4, 6, 8]]))
    runs = {
        point: [{**results.runs[8][0], "scores": {"plain": list(scores)}} for scores in rows]
        for point, rows in ((8, 50 - better), (16, np.full((2, 4), 50.0)))
    }
    score = effects(replace(results, runs=runs)).iloc[0]
    assert (score["score"], score["score_resolved"]) == (6.25, True)
    assert score["score_high"] == pytest.approx(6.25 + e.half)
    words = found["words"].iloc[0]
    assert words.startswith("rows 8 → 16: response loss −")
    assert ("not more than chance" in words) == (
        not (found["loss_resolved"].iloc[0] and found["score_resolved"].iloc[0])
    )


def test_a_published_curve_reads_as_any_other(results, tmp_path):
    publish(results, tmp_path / "small")
    assert curve_table(load_curve(tmp_path / "small")).equals(curve_table(results))


def test_marked_rows_are_scored_apart(curve):
    list(run_curve(replace(curve, vary="clean", points=(), rows=20), "out"))
    results = load_curve("out")
    table = curve_table(results)
    assert list(table["point"]) == list(CLEAN)
    scores = results.scores("no leaks")
    assert table["score_marked"].iloc[2] == pytest.approx(scores[:, ::2].mean())
    assert table["score_others"].iloc[2] == pytest.approx(scores[:, 1::2].mean())
    means = scores[:, 1::2].mean(axis=1)
    assert table["score_others_high"].iloc[2] == pytest.approx(mean_interval(list(means))[2])
    picture = plots.marked_scores(table, "training rows", marked_names("clean"))
    assert "the other test rows: as it is" in picture.caption
    assert list(effects(results)["before"]) == ["as it is"] * 3


# --- prompt formats ------------------------------------------------------------------------------


def test_formats_are_crossed(curve):
    formats = replace(curve, vary="template", points=("alpaca", "own"), rows=12)
    list(run_curve(formats, "out"))
    results = load_curve("out")
    matrix = template_matrix(results)
    assert list(zip(matrix["trained"], matrix["asked"], strict=True)) == [
        ("alpaca", "alpaca"), ("alpaca", "own"), ("own", "alpaca"), ("own", "own"),
    ]  # fmt: skip
    assert list(matrix["difference"])[::3] == [0, 0]
    cost = crossing(results)
    assert cost["difference"] == pytest.approx(np.mean(list(matrix["difference"])[1:3]))
    assert "averaged over 2 pairs" in cost["words"]
    table = curve_table(results)
    assert list(table["score"]) == pytest.approx(list(matrix["score"])[::3])
    assert table["tokens_a_row"].iloc[0] > table["tokens_a_row"].iloc[1] + 15
    picture = plots.formats_crossed(matrix)
    assert "trained with own, asked with alpaca" in picture.caption
    with pytest.raises(RunError, match="formats = |points = "):
        list(run_curve(replace(formats, points=("alpaca", "own", "plain")), "out"))


def test_each_format_is_asked_in_its_own_words(curve, monkeypatch):
    asked, plain = [], runner.respond

    def respond(model, records, template, *args, **options):
        asked.append(template)
        return plain(model, records, template, *args, **options)

    monkeypatch.setattr(runner, "respond", respond)
    list(run_curve(replace(curve, vary="template", points=("own", "phi3"), rows=8), "out"))
    assert asked == [OWN, TEMPLATES["phi3"]] * 5


def test_a_format_of_ones_own_is_read_from_a_file(tmp_path):
    mine = {"name": "mine", "before_instruction": "> ", "before_input": "\n", "header": "\n= "}
    write_json(tmp_path / "mine.json", mine)
    template = read_template(tmp_path / "mine.json")
    assert (template.name, template.header) == ("mine", "\n= ")
    points = (
        Curve(vary="template", own=(template,), device="cpu", precision="fp32").resolved().points
    )
    assert points == ("alpaca", "phi3", "plain", "mine")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "alpaca"}, "'alpaca' is empty or taken"),
        ({"header": " \n"}, "the header is blank"),
        ({"header": 3}, "has four texts"),
        ({"footer": ""}, "has four texts"),
    ],
)
def test_formats_that_cannot_work_are_refused(tmp_path, change, words):
    mine = {"name": "mine", "before_instruction": "> ", "before_input": "\n", "header": "\n= "}
    write_json(tmp_path / "mine.json", {**mine, **change})
    with pytest.raises(DataError, match=words):
        read_template(tmp_path / "mine.json")


# --- figures, the command line -------------------------------------------------------------------


def test_the_figure_says_all_its_numbers(results):
    table = curve_table(results)
    picture = plots.data_curve(table, "training rows", results.base)
    assert "16: loss" in picture.caption
    assert "means of 2 seeds. Thin lines: 95 % intervals" in picture.caption
    assert list(picture.table["point"]) == ["8", "16", "32"]
    assert "The untouched model scores" in picture.caption


LINE = (
    "curves --data data.json --model model --points 8,16 --seeds 2 --epochs 1 --lr 0.01 --batch-size 4 "
    "--template plain --max-new-tokens 3 --device cpu --precision fp32 --out out"
)


def test_the_command_prints_points_and_effects(curve, capsys):
    assert cli.main([*LINE.split(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [p["point"] for p in found["points"]] == [8, 16]
    assert {"loss", "loss_low", "loss_high", "score", "tokens_per_second"} <= set(
        found["points"][0]
    )
    assert (found["new_runs"], len(found["effects"]), found["vary"]) == (4, 1, "rows")
    assert cli.main(LINE.split()) == 0
    said = capsys.readouterr()
    assert "held constant: epochs: 1" in said.err
    assert "measured on 4 validation and 8 test rows" in said.err
    assert "rows 8 → 16: response loss" in said.out


def test_the_command_prints_kinds_and_formats(curve, capsys):
    kinds = LINE.replace("8,16", "1,2").replace("--out out", "--vary kind --rows 8 --out kinds")
    assert cli.main(kinds.split()) == 0
    said = capsys.readouterr()
    assert "test rows of other kinds" in said.out
    assert "rows: 8" in said.err
    formats = LINE.replace("8,16", "plain,own").replace("out out", "out f --vary template --rows 8")
    assert cli.main(formats.split()) == 0
    assert "score, asked with" in capsys.readouterr().out
    assert cli.main([*formats.split(), "--json"]) == 0
    assert {"matrix", "crossing"} <= set(json.loads(capsys.readouterr().out))
    page = Path("f/figures.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == page.count('<img alt="') == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("--seeds 1", "an interval needs at least 2"),
        ("--points 8,8", "8 is given twice"),
        ("--points 8,many", "'many' is no number of rows"),
        ("--points 0", "0 is no number of rows"),
        ("--points 9999", "9,999 rows: data.json has 68"),
        ("--vary clean --points dirty", "unknown point 'dirty'"),
        ("--vary template --points alpca", "did you mean 'alpaca'"),
        ("--vary colour", "no row has the key 'colour'"),
        ("--vary mood --points", "expected one argument"),
        ("--dirt -1", "dirt = -1.0"),
        ("--template own2", "unknown template 'own2'"),
        ("--rows -5", "rows = -5"),
        ("--lr -1", "lr = -1"),
    ],
)
def test_what_cannot_be_varied_is_told_in_one_line(curve, capsys, change, words):
    assert cli.main([*LINE.split(), *change.split()]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_the_name_of_a_run_says_what_it_is():
    assert (run_name(300, 2), run_name("no leaks", 1)) == ("300-seed2", "no leaks-seed1")
