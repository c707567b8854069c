"""The command line: one JSON object on stdout, one clear line for bad input, and its exit status."""

import json
import re
from dataclasses import replace

import pytest
from conftest import TINY, random_model

from helpers import cli
from helpers.commands.run import closing_table
from helpers.files import read_json, write_json
from helpers.masking import ARMS
from helpers.weights import save_model

SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)


@pytest.fixture
def place(tmp_path, records, monkeypatch):
    """A folder with a model and a data set, in which the command is typed."""
    save_model(random_model(SMALL), tmp_path / "model")
    write_json(tmp_path / "data.json", records)
    write_json(tmp_path / "few.json", records[:5])
    write_json(
        tmp_path / "responses.json",
        [{**r, "model_response": r["output"], "finish_reason": "stop"} for r in records],
    )
    write_json(tmp_path / "worse.json", [{**r, "model_response": "No idea."} for r in records])
    (tmp_path / "broken.json").write_text('[{"instruction": ')
    (tmp_path / "latin.json").write_bytes(b'[{"instruction": "caf\xe9"}]')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("COURSE_MODE", raising=False)
    return tmp_path


TRAIN = (
    "train --model model --data data.json --max-length 97 --device cpu --precision fp32 --lr 0.01"
)


def run(line, capsys):
    """Exit status, stdout and stderr of a command line; usage errors leave by SystemExit."""
    try:
        status = cli.main(line.split())
    except SystemExit as leaving:
        status = leaving.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def run_json(line, capsys):
    status, out, _ = run(f"{line} --json", capsys)
    assert out.count("\n") == 1
    value = json.loads(out)
    assert isinstance(value, dict)
    return status, value


# --- what --json prints --------------------------------------------------------------------------


def test_train(place, capsys):
    status, value = run_json(f"{TRAIN} --out run --loss-on response", capsys)
    assert status == 0
    assert set(value) >= {
        "val_response_loss_before",
        "val_response_loss_after",
        "loss_on",
        "seconds",
        "target_tokens",
        "out",
    }
    assert (value["loss_on"], value["out"], value["steps"]) == ("response", "run", 8)
    assert value["val_response_loss_after"] < value["val_response_loss_before"]
    assert (place / "run" / "model.safetensors").exists()


@pytest.mark.parametrize("arm", ["instruction+response", "header+response", "response@0.25"])
def test_train_on_every_other_arm(place, capsys, arm):
    status, value = run_json(f"{TRAIN} --out run --epochs 1 --loss-on {arm}", capsys)
    assert (status, value["loss_on"]) == (0, arm)
    assert read_json(place / "run" / "settings.json")["loss_on"] == arm


def test_the_help_of_train_names_every_arm(capsys):
    _, out, _ = run("train --help", capsys)
    listed = out.rpartition("--loss-on ARM")[2].partition("--template")[0]
    assert {*ARMS, "response@0.1"} <= set(re.split(r"[\s,()]+", listed))


def test_train_prints_a_summary_for_people(place, capsys):
    status, out, _ = run(f"{TRAIN} --out run --epochs 1", capsys)
    assert status == 0
    assert "response loss on validation: " in out
    assert "(loss on all, 4 steps" in out
    assert out.endswith("model: run\n")


def test_rows_left_out_are_mentioned_on_stderr(place, capsys, records):
    records[3]["output"] = ""
    write_json(place / "data.json", records)
    status, out, err = run(f"{TRAIN} --out run --epochs 1 --json", capsys)
    assert status == 0
    assert "1 row was left out; run/settings.json says which and why" in err
    assert json.loads(out)["left_out"] == 1


def test_train_resumes(place, capsys):
    assert run(f"{TRAIN} --out run --epochs 1", capsys)[0] == 0
    before = (place / "run" / "model.safetensors").read_bytes()
    status, value = run_json(f"{TRAIN} --out run --epochs 1 --resume", capsys)
    assert (status, value["steps"]) == (0, 4)
    assert (place / "run" / "model.safetensors").read_bytes() == before


def test_ctrl_c_says_how_to_go_on(place, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("helpers.runs.fine_tune", interrupted)
    status, out, err = run(f"{TRAIN} --out run", capsys)
    assert (status, out) == (1, "")
    assert err == "course: stopped; the same command with --resume goes on.\n"


def test_generate(place, capsys):
    line = "generate --model model --data data.json --max-new-tokens 2 --out answers.json"
    status, value = run_json(line, capsys)
    assert status == 0
    assert set(value) >= {"n", "seconds", "stopped", "out"}
    assert (value["n"], value["out"]) == (3, "answers.json")
    assert 0 <= value["stopped"] <= 1
    status, value = run_json(f"{line} --split val --temperature 0.8 --top-k 3 --seed 1", capsys)
    assert (status, value["n"]) == (0, 2)
    status, value = run_json(f"{line} --precision bf16", capsys)
    assert (status, value["n"]) == (0, 3)


def test_judge_and_compare(place, capsys):
    status, a = run_json("judge worse.json --judge reference --out a.jsonl", capsys)
    assert status == 0
    assert set(a) >= {"judge", "n", "scored", "unparsed", "failed", "mean", "ci95", "out"}
    assert (a["judge"], a["n"], a["out"]) == ("reference", 30, "a.jsonl")
    assert a["scored"] + a["unparsed"] + a["failed"] == 30
    assert a["ci95"][0] <= a["mean"] <= a["ci95"][1]

    status, b = run_json("judge responses.json", capsys)
    assert (status, b["mean"], b["out"]) == (0, 100.0, "verdicts.jsonl")

    status, c = run_json("compare a.jsonl verdicts.jsonl", capsys)
    assert status == 0
    assert set(c) >= {"n", "difference", "ci95", "resolved"}
    assert (c["n"], c["resolved"]) == (30, True)
    assert c["difference"] == pytest.approx(100 - a["mean"])


def test_judge_and_compare_for_people(place, capsys):
    status, out, _ = run("judge worse.json --out a.jsonl", capsys)
    assert status == 0
    assert "30 of 30 scored, 0 unparsed, 0 failed; judge reference" in out
    assert run("judge responses.json", capsys)[0] == 0
    status, out, _ = run("compare a.jsonl verdicts.jsonl", capsys)
    assert status == 0
    assert out.strip()


def test_check(place, capsys):
    """Whether this machine is ready is not this test's business, that it is told so is."""
    status, value = run_json("check", capsys)
    assert len(value["items"]) >= 12
    for item in value["items"]:
        assert set(item) == {"name", "ok", "found", "fix"}
        assert item["ok"] or item["fix"]
    assert value["ready"] == all(item["ok"] for item in value["items"])
    assert status == (0 if value["ready"] else 1)


def test_check_for_people_ends_with_the_verdict(place, capsys, monkeypatch):
    monkeypatch.setattr("helpers.environment.memory_gb", lambda: (0.5, 8.0))
    status, out, _ = run("check", capsys)
    assert status == 1
    assert "MEND  memory          0.5 GB of 8 are free, quick mode needs 3\n" in out
    assert "check  # after closing other programs\n" in out
    assert "to mend: " in out.rstrip().splitlines()[-1]
    assert "memory" in out.rstrip().splitlines()[-1]


# --- bad usage and bad input ---------------------------------------------------------------------

BAD = {  # command line → a part of the one line on stderr
    f"{TRAIN} --out run --data none.json": "no data set 'none.json'",
    f"{TRAIN} --out run --data model": "is a model's folder",
    f"{TRAIN} --out run --data few.json": "5 rows are too few to split",
    f"{TRAIN} --out run --data broken.json": "not JSON",
    f"{TRAIN} --out run --data latin.json": "not UTF-8",
    f"{TRAIN} --out run --val none.json": "no data set 'none.json'",
    f"{TRAIN} --out run --loss-on respnse": "did you mean 'response'",
    f"{TRAIN} --out run --loss-on response@2": "prompt weight '2'",
    f"{TRAIN} --out run --template alpca": "did you mean 'alpaca'",
    f"{TRAIN} --out run --model gpt2-tiny": "no model 'gpt2-tiny'",
    f"{TRAIN} --out run --model data.json": "is a data set, not a model",
    f"{TRAIN} --out data.json": "is a file: name a folder",
    f"{TRAIN} --out model": "is not empty and holds no run",
    f"{TRAIN} --out data.json/run": "cannot write data.json/run",
    f"{TRAIN} --out run --epochs 0": "epochs = 0",
    f"{TRAIN} --out run --epochs two": "'two' is not a whole number",
    f"{TRAIN} --out run --lr -1": "lr = -1.0",
    f"{TRAIN} --out run --lr nan": "lr = nan",
    f"{TRAIN} --out run --batch-size 0": "batch size is 0",
    f"{TRAIN} --out run --max-length 5000": "max_length is 5000",
    f"{TRAIN} --out run --max-length 1": "max_length is 1",
    f"{TRAIN} --out run --device tpu": "no device 'tpu'",
    f"{TRAIN} --out run --precision fp8": "unknown precision 'fp8'",
    "train --data data.json": "required: --out",
    "generate --model model --data data.json --out model": "is a folder",
    "generate --model model --data data.json --out data.json/a.json": "cannot write",
    "generate --model model --data data.json --out a.json --split tests": "did you mean 'test'",
    "generate --model model --data data.json --out a.json --max-new-tokens 0": "max_new_tokens is 0",
    "generate --model model --data data.json --out a.json --temperature -1": "temperature is -1.0",
    "generate --model model --data data.json --out a.json --temperature nan": "temperature is nan",
    "generate --model model --data data.json --out a.json --top-k 0": "top_k is 0",
    "generate --model model --data data.json --out a.json --precision bf61": "mean 'bf16'",
    "bench --turns -1": "turns is -1",
    "bench --only loding": "did you mean 'loading'",
    "generate --model model --data data.json --out a.json --template x": "unknown template 'x'",
    "generate --model none --data data.json --out a.json": "no model 'none'",
    "judge none.json": "does not exist",
    "judge model": "model",
    "judge broken.json": "cannot be read as JSON",
    "judge data.json": "'model_response' is missing",
    "judge responses.json --judge refrence": "unknown judge 'refrence'; did you mean 'reference'",
    "judge responses.json --out model": "cannot read model",
    "judge responses.json --out data.json/v.jsonl": "data.json",
    "judge responses.json --out data.json": "data.json",
    "compare none.jsonl none.jsonl": "none.jsonl: No such file",
    "compare model model": "cannot read model",
    "run --only 77": "lesson",
    "tarin": "did you mean 'train'",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_clear_line_and_exit_status_2(place, capsys, line):
    status, out, err = run(line, capsys)
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    assert err.startswith("course: ")
    assert BAD[line] in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("line", [f"{TRAIN} --out run", f"{TRAIN} --out run --resume --seed 5"])
def test_a_folder_with_a_run_is_not_overwritten(place, capsys, line):
    assert run(f"{TRAIN} --out run --epochs 1", capsys)[0] == 0
    before = (place / "run" / "model.safetensors").read_bytes()
    status, out, err = run(line, capsys)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "course: run " in err
    assert (place / "run" / "model.safetensors").read_bytes() == before


def test_a_run_that_diverges_is_status_2_with_the_remedy(place, capsys):
    """A learning rate that is far too high is input, too; NaN is never written to the journal."""
    status, _, err = run(f"{TRAIN} --out run --epochs 5 --lr 1e38", capsys)
    assert status == 2
    assert "lower the learning rate (now 1e+38)" in err
    assert "NaN" not in (place / "run" / "metrics.jsonl").read_text()


def test_a_bug_keeps_its_traceback(place, capsys, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("helpers.runs.fine_tune", broken)
    with pytest.raises(ZeroDivisionError):
        run(f"{TRAIN} --out run", capsys)


@pytest.mark.parametrize("line", ["--help", "train --help", "generate --help", "judge --help"])
def test_help(line, capsys):
    status, out, err = run(line, capsys)
    assert (status, err) == (0, "")
    assert out.startswith("usage: course")


def test_comparing_files_without_a_common_score_is_an_error(tmp_path, capsys):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("")
    assert cli.main(["compare", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]) == 2
    assert "there is nothing to compare" in capsys.readouterr().err


def test_the_table_after_a_run_has_a_header_only_above_rows():
    """`--only 00,01,03` leaves neither a loss nor a score."""
    lessons = [
        {"name": "00", "ok": True, "seconds": 1.0},
        {"name": "01", "ok": False, "seconds": 2.0},
    ]
    report = {"lessons": lessons, "minutes": 0.1, "site": "site", "score": None}
    end = ["1 of 2 lessons ran, 0.1 minutes", "Read them: site"]
    bare = closing_table({**report, "val_response_loss": None})
    assert bare.splitlines() == ["", *end]
    table = closing_table({**report, "val_response_loss": {"before": 3.5, "after": 1.25}})
    blank, header, row, *rest = table.splitlines()
    assert (blank, header.split(), rest) == ("", ["before", "after"], end)
    assert row.split() == ["validation", "response", "loss", "(nats)", "3.50", "1.25"]
