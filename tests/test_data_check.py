"""The check of a data set: a clean file finds nothing, and every fault is found exactly once."""

import json

import pytest

from helpers import cli, data_check
from helpers.data import load_records
from helpers.data_check import ADVICE, check_data, check_records

LONG = (
    "Explain to a curious child from the village why tall ships with heavy cargo float so well on "
    "the wide blue sea although iron bars sink"
)
SHIPS = LONG.replace("iron bars", "small stones")


def row(instruction, output, given=""):
    return {"instruction": instruction, "input": given, "output": output}


@pytest.fixture
def clean():
    """200 rows (170 train, 20 test, 10 validation) with nothing to complain about."""
    return [row(r["instruction"], r["output"], r["input"]) for r in load_records("course")[:200]]


def findings(records):
    table = check_records(records).findings
    return {f.finding: (f.rows, f.first) for f in table.itertuples()}


def test_a_clean_file_finds_nothing(clean):
    assert findings(clean) == {}


def test_the_bundled_data_is_clean():
    for name in ("course", "course-heldout", "course-newfamilies"):
        assert set(check_data(name).findings["finding"]) <= {"family without training rows"}
    assert check_data("course").findings.empty


# finding → (index of the row, the row that has the fault)
FAULTS = {
    "too long": (40, row("Summarise the text.", "A few words.", "word " * 1100 + "end")),
    "empty output": (41, row("Say something kind to a stranger.", "")),
    "output repeats the instruction": (42, row("Name a large river!", "Name a large river.")),
    "end token in a field": (43, row("Greet the king.", "Good day, Majesty.<|endoftext|>")),
    "template marker in a field": (44, row("Greet her.\n### Response:", "Good day, Majesty.")),
    "mojibake": (45, row("Where did they meet?", "They met in a cafÃ©.")),
    "replacement character": (46, row("Where did you meet?", "We met in a caf\ufffd.")),
    "control character": (47, row("Ring the bell.", "Ding\x07 dong.")),
    "byte order mark": (48, row("\ufeffOpen the file.", "It is open.")),
    "invisible character": (49, row("Write a big word.", "hippo\u200bpotamus")),
    "carriage return": (50, row("Write two lines.", "first\r\nsecond")),
    "blanks at the ends": (51, row("Name a colour of the rainbow. ", "violet")),
    "exact duplicate": (52, 5),  # a copy of that row
    "same task, other output": (53, row("Say hello to Ben.", "Hello, Ben.")),
    "near-duplicate": (54, row(LONG, "They push the water aside and it carries them.")),
    "leak": (175, 6),  # index 175 is in the test part
    "near leak": (176, row(SHIPS.replace("Explain", "Tell"), "A hull holds mostly light air.")),
}


def spoil(clean):
    """The clean rows with each fault once, and the earlier halves of the pairs among them."""
    rows = list(clean)
    rows[20] = row("Say hello to Ben.", "Good morning, Ben!")
    rows[21] = row(
        LONG.replace("curious", "clever"), "They push the water aside and it carries them."
    )
    rows[22] = row(SHIPS, "A hull holds mostly light air.")
    for index, fault in FAULTS.values():
        rows[index] = rows[fault] if isinstance(fault, int) else fault
    return rows


def test_each_fault_is_found_exactly_once(clean):
    found = findings(spoil(clean))
    assert found == {name: (1, str(index + 1)) for name, (index, _) in FAULTS.items()}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_taken_out_is_not_found(clean, name):
    rows = spoil(clean)
    index, _ = FAULTS[name]
    rows[index] = clean[index]
    assert set(findings(rows)) == set(FAULTS) - {name}


def test_one_output_or_one_family_that_dominates(clean):
    mostly = [{**r, "output": "yes" if i % 3 else r["output"]} for i, r in enumerate(clean)]
    assert findings(mostly)["one output dominates"] == (1, "2")
    named = [{**r, "family": "other" if i % 5 == 0 else "sums"} for i, r in enumerate(clean)]
    assert findings(named) == {"one family dominates": (1, "2")}
    half = [{**r, "family": "other" if i % 2 else "sums"} for i, r in enumerate(clean)]
    assert findings(half) == {}


def test_a_family_that_is_never_trained_on(clean):
    named = [{**r, "family": f"kind {i % 3}"} for i, r in enumerate(clean)]
    named[180]["family"] = "stranger"
    assert findings(named) == {"family without training rows": (1, "181")}


def test_rows_that_are_all_alike_do_not_take_for_ever(clean, monkeypatch):
    monkeypatch.setattr(data_check, "COMPARISONS", 100)
    same = " ".join(f"w{i}" for i in range(30))
    rows = [row(f"{same} a{i}", f"b{i}") for i in range(60)]
    assert findings(rows) == {"search stopped": (1, "15")}


def test_every_finding_has_one_line_of_advice():
    others = {"one output dominates", "one family dominates", "family without training rows"}
    assert set(ADVICE) == set(FAULTS) | others | {"search stopped"}
    assert all("\n" not in advice and len(advice) <= 100 for advice in ADVICE.values())


@pytest.mark.parametrize(
    "text", ["café", "naïve façade", "Ålesund, São Paulo", "10 °C ± 1", "„Ja“ – “yes”", "日本語 ⛵"]
)
def test_letters_beyond_ascii_are_no_fault(clean, text):
    assert findings([row("Say it.", text), *clean]) == {}


@pytest.mark.parametrize("text", ["cafÃ©", "itâ€™s", "5Â°C", "Ã\xa0 la carte", "ðŸ˜€"])
def test_mojibake_is_recognised(clean, text):
    assert set(findings([row("Say it.", text), *clean])) == {"mojibake"}


def test_tables_count_what_is_there():
    """Two rows, by hand: lengths in characters and tokens, tokens by segment, families."""
    records = [
        {**row("Say hi.", "Hi.", "to Ben"), "family": "talk"},
        {**row("Say hi there.", "Hi there."), "family": "talk"},
    ]
    report = check_records(records, "plain")
    assert report.splits == {"train": 2, "test": 0, "validation": 0}
    assert report.lengths.loc["input"].to_dict() == {
        "rows": 1, "characters, median": 6, "characters, longest": 6,
        "tokens, median": 2, "tokens, longest": 2,
    }  # fmt: skip
    assert report.lengths.loc["output", "characters, longest"] == 9
    assert report.segments["tokens"].to_dict() == {
        "instruction": 7, "template": 1, "input": 2, "header": 2, "response": 5, "end": 2
    }  # fmt: skip
    assert report.families.loc["talk", "train"] == 2
    assert report.too_long == 0


# --- course data check -------------------------------------------------------------------------


@pytest.fixture
def bad_file(clean, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in spoil(clean)), encoding="utf-8")
    return path


def test_the_command_advises_and_ends_well(bad_file, capsys):
    assert cli.main(["data", "check", str(bad_file)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("200 rows (train 170, test 20, validation 10); 0.5% are too long")
    for name in FAULTS:
        assert f"{name} (1 row, first {FAULTS[name][0] + 1})\n    → {ADVICE[name]}." in out


def test_the_command_says_so_when_all_is_well(capsys):
    assert cli.main(["data", "check", "course"]) == 0
    assert capsys.readouterr().out.endswith("nothing to complain about\n")


def test_the_command_prints_one_json_object(bad_file, capsys):
    assert cli.main(["data", "check", str(bad_file), "--json"]) == 0
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    report = json.loads(out, parse_constant=pytest.fail)
    assert set(report) == {
        "data", "rows", "splits", "lengths", "segments", "too_long", "families", "findings"
    }  # fmt: skip
    assert report["rows"] == 200
    assert {f["finding"] for f in report["findings"]} == set(FAULTS)


def test_a_small_file_without_inputs_prints_valid_json(tmp_path, capsys):
    """A table without numbers must not become NaN, which is no JSON."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps([row("Say hi.", "Hi.")]))
    assert cli.main(["data", "check", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert report["lengths"]["input"]["tokens, longest"] is None
    assert report["families"] is None


@pytest.mark.parametrize("content", ["", "[", '[{"instruction": "x"}]', "\xe9"])
def test_a_file_that_cannot_be_read_is_status_2(tmp_path, capsys, content):
    path = tmp_path / "data.json"
    path.write_bytes(content.encode("latin-1"))
    assert cli.main(["data", "check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"course: {path}")
    assert err.count("\n") == 1
