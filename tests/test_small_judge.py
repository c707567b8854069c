"""The small judge that lesson 05 reads about: made by one command, and of the answers we have."""

import json
from dataclasses import asdict

import pytest

from benchmarks import small_judge
from helpers.data import load_records, split
from helpers.evaluate.probes import probe_answers, probe_records, probe_table
from helpers.files import read_jsonl
from helpers.judge import ReferenceJudge, read_verdicts
from helpers.judge.verdicts import item_hash, response_hash


def test_one_command_probes_judges_and_goes_on(tmp_path, monkeypatch, capsys):
    labelled = tmp_path / "some.jsonl"
    labelled.write_text(
        "".join(json.dumps(row) + "\n" for row in read_jsonl(small_judge.LABELLED)[:9])
    )
    monkeypatch.setattr(small_judge, "LABELLED", labelled)
    assert small_judge.main(["--judge", "reference", "--out", str(tmp_path / "out")]) == 0
    page = capsys.readouterr().out
    assert "| the reference itself | at least 90 | 20 | 0 | 100.0 | 100% | yes |" in page
    assert page.strip() == (tmp_path / "out" / "README.md").read_text(encoding="utf-8").strip()
    monkeypatch.setattr(ReferenceJudge, "score", None)  # nothing is asked again
    assert small_judge.main(["--judge", "reference", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == page
    assert small_judge.main(["--judge", "refrence"]) == 2
    assert "did you mean 'reference'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def stored():
    return {
        name: read_verdicts(small_judge.RESULTS / f"{name}.jsonl") for name in ("probes", "labels")
    }


def test_the_stored_verdicts_are_about_our_probes_and_labels(stored):
    rows = split(load_records("course")).test
    records = probe_records(rows)
    assert len(probe_table(probe_answers(records, stored["probes"]))) == 6
    labelled = read_jsonl(small_judge.LABELLED)
    assert [(item_hash(r), response_hash(r)) for r in labelled] == [
        (v.item, v.response) for v in stored["labels"]
    ]


def test_the_stored_verdicts_say_who_made_them_and_nothing_of_the_machine(stored):
    made_by = json.loads((small_judge.RESULTS / "made_by.json").read_text(encoding="utf-8"))
    assert made_by.keys() >= {"judge", "model", "licence", "from", "answers"}
    assert {v.judge for name in stored for v in stored[name]} == {made_by["judge"]}
    everything = json.dumps([asdict(v) for name in stored for v in stored[name]] + [made_by])
    assert not any(word in everything for word in ("/home/", "/root/", "/tmp/", "/Users/", "C:"))
