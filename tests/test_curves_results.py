"""The large curves that lesson 08 reads: made by one command, small, and of the files we bundle."""

import json

import numpy as np
import pytest
from conftest import HERE, small_files

from benchmarks import curves
from helpers.curves import Curve, curve_table, effects, load_curve, runner
from helpers.curves.plan import run_name
from helpers.data import data_path
from helpers.errors import CourseError
from helpers.experiment.measure import per_token
from helpers.files import sha256
from helpers.weights import find_model


def test_one_command_runs_publishes_and_goes_on(tmp_path, records, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path, records)
    small = Curve(points=(8, 16), seeds=2, epochs=1, lr=0.01, max_new_tokens=2, **HERE)
    monkeypatch.setattr(curves, "CURVES", {"rows": small})
    monkeypatch.setattr(curves, "BUILD", tmp_path / "build")
    monkeypatch.setattr(curves, "RESULTS", tmp_path / "results")

    assert curves.main([]) == 0
    said = capsys.readouterr().out
    for words in effects(load_curve(tmp_path / "results" / "rows"))["words"]:
        assert words in said

    monkeypatch.setattr(runner, "tuned", None)  # nothing is trained again
    before = (tmp_path / "results" / "rows" / "runs.jsonl").read_bytes()
    assert curves.main(["rows"]) == 0
    assert (tmp_path / "results" / "rows" / "runs.jsonl").read_bytes() == before
    with pytest.raises(CourseError, match="no curve 'row'; did you mean 'rows'"):
        curves.main(["row"])


@pytest.fixture(params=curves.CURVES)
def stored(request):
    """A committed curve."""
    folder = curves.RESULTS / request.param
    if not folder.exists():
        pytest.skip(f"{folder.name} has not been run yet: python -m benchmarks.curves")
    return load_curve(folder)


def test_what_is_stored_is_what_the_command_makes(stored):
    """Every run of the curve, none beside them, on the weights and the data that we bundle."""
    curve = curves.CURVES[stored.out.name].resolved()
    runs = [row for rows in stored.runs.values() for row in rows]
    assert {run_name(*run) for run in curve.runs()} == {row["run"] for row in runs}
    settings = stored.about["settings"]
    for name in ("vary", "model", "data", "epochs", "same_steps", "lr", "loss_on", "dirt"):
        assert settings[name] == getattr(curve, name), name
    origin = stored.about["provenance"]
    assert origin["model_sha256"] == sha256(find_model(curve.model))
    assert origin["data_sha256"] == sha256(data_path(curve.data))


def test_what_is_stored_is_small_and_names_no_path(stored):
    assert sum(p.stat().st_size for p in stored.out.iterdir()) < 200_000
    assert "/" not in json.dumps(stored.about["settings"])


def test_the_numbers_of_each_run_follow_from_its_items(stored):
    for point, rows in stored.runs.items():
        nll, tokens = stored.losses(point)
        for row, losses in zip(rows, nll, strict=True):
            items = np.stack([losses, tokens], axis=1)
            assert per_token(items) == pytest.approx(row["response_loss"], rel=1e-5)
            scores = row["scores"][row["template"]]
            assert sum(scores) / len(scores) == pytest.approx(row["score"], abs=0.01)
    assert len(curve_table(stored)) == len(stored.runs)
