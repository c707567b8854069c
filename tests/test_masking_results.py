"""The large run that lesson 06 reads: made by one command, small, and of the files we bundle."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import HERE, small_files

from benchmarks import masking
from helpers.data import data_path
from helpers.errors import CourseError
from helpers.experiment import Grid, load_grid, runner, summary
from helpers.experiment.measure import per_example, per_token
from helpers.files import sha256
from helpers.weights import find_model


def test_one_command_runs_packs_and_goes_on(tmp_path, records, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path, records)
    arms = ("all", "response")
    small = Grid(arms=arms, seeds=2, rows=(8,), epochs=(1,), lrs=(0.01,), **HERE)
    grids = (small, replace(small, arms=("all", "response@0.5"), rows=(16,)))
    monkeypatch.setattr(masking, "GRIDS", {"masking": grids})
    monkeypatch.setattr(masking, "BUILD", tmp_path / "build")
    monkeypatch.setattr(masking, "RESULTS", tmp_path / "results")

    assert masking.main([]) == 0
    said = capsys.readouterr().out
    stored = load_grid(tmp_path / "results" / "masking")
    for setting in stored.settings():
        for words in summary(stored, **setting)[1]["words"]:
            assert words in said

    monkeypatch.setattr(runner, "train_once", None)  # nothing is trained again
    before = (tmp_path / "results" / "masking" / "runs.jsonl").read_bytes()
    assert masking.main(["masking"]) == 0
    assert (tmp_path / "results" / "masking" / "runs.jsonl").read_bytes() == before
    with pytest.raises(CourseError, match="no experiment 'maskin'; did you mean 'masking'"):
        masking.main(["maskin"])


@pytest.fixture(params=masking.GRIDS)
def stored(request):
    """A committed experiment."""
    folder = masking.RESULTS / request.param
    if not folder.exists():
        pytest.skip(f"{folder.name} has not been run yet: make masking-results")
    return load_grid(folder)


def test_what_is_stored_is_what_the_command_makes(stored):
    """Every run of the grids, none beside them, on the weights and the data that we bundle."""
    grids = [grid.resolved() for grid in masking.GRIDS[stored.out.name]]
    assert {cell.run for grid in grids for cell in grid.cells()} | {"base"} == set(
        stored.runs["run"]
    )
    origin = stored.about["provenance"]
    assert origin["model_sha256"] == sha256(find_model(grids[0].model))
    assert origin["data_sha256"] == sha256(data_path(grids[0].data))
    assert origin["heldout_sha256"] == sha256(data_path("course-heldout"))
    assert stored.about["rows"]["heldout"] >= 1000


def test_what_is_stored_is_small_and_names_no_path(stored):
    assert sum(p.stat().st_size for p in stored.out.iterdir()) < 1_500_000
    assert "/" not in json.dumps(stored.about["settings"])


def test_the_rows_of_the_table_follow_from_the_losses(stored):
    for row in stored.runs.itertuples():
        items = stored.items(row.run)
        assert np.isclose(per_token(items), row.response_loss, rtol=1e-6)
        assert np.isclose(per_example(items), row.response_loss_per_example, rtol=1e-6)
