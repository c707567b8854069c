"""docs/scaling.md: its numbers are those of the benchmark and of `helpers.memory`."""

import re

from benchmarks import scaling
from helpers.data import load_records
from helpers.files import read_json
from helpers.weights import KNOWN

FOUND = {
    "seconds_per_token": {"one process": 1e-4, "two processes": 1.1e-4},
    "turns": {"one process": [1e-4] * 3, "two processes": [1.1e-4] * 3},
    "added": 0.1,
    "added_from_to": [0.09, 0.12],
    "rows_a_rank": 64,
    "cores": 2,
    "precision": "fp32",
}


def test_the_page_is_up_to_date():
    page = scaling.PAGE.read_text(encoding="utf-8")
    anew = scaling.page_with(page, scaling.blocks())
    assert page == anew, "`python -m benchmarks.scaling --page` writes it anew"


def test_only_the_generated_parts_are_written_anew():
    page = "a\n<!-- one -->\nold\n<!-- end of one -->\nb\n"
    assert scaling.page_with(page, {"one": "new"}) == page.replace("old", "new")


def test_what_was_measured_as_a_table():
    text = scaling.measured_table(FOUND)
    assert "| one process | 100.0 | +0.0% |" in text
    assert "| two processes | 110.0 | +10.0% |" in text
    assert "median of 3 turns" in text
    assert "+10.0% (+9.0% to +12.0%); at most 15%" in text


def test_a_second_process_adds_no_more_than_it_may():
    """Of the committed measurement, where there is one."""
    if scaling.RESULTS.exists():
        found = read_json(scaling.RESULTS)[0]  # fp32, as the lessons train
        assert found["rows_a_rank"] >= 64
        assert found["added"] <= scaling.MOST


def test_gpt2_xl_on_alpaca_by_hand():
    """Sixteen bytes a parameter in float32, six operations for each and token."""
    n = KNOWN["gpt2-xl"].parameters
    cells = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", scaling.worked_table(), re.M)
    rows = {name: values for name, *values in cells}
    assert set(scaling.WAYS) == set(rows)
    assert float(rows["`--precision fp32`"][1]) == round(16 * n / 1e9, 1)
    operations = 6 * n * 52_002 * 3 * scaling.row_length()
    minutes = float(rows["`--precision bf16`"][2])
    assert operations <= minutes * 60 * scaling.SUSTAINED <= 1.05 * operations  # and attention
    assert abs(float(rows["8 processes"][2]) - minutes / 8) <= 0.6
    assert float(rows["8 processes, `--shard`"][1]) < float(rows["8 processes"][1]) / 3


def test_the_length_of_a_row_is_right_where_it_is_known(monkeypatch):
    """With our own rows' characters the formula gives our own rows' tokens."""
    records = load_records("course")
    characters = sum(len(r["instruction"] + r["input"] + r["output"]) for r in records)
    alpaca = scaling.row_length()
    monkeypatch.setitem(scaling.ALPACA, "characters", characters / len(records))
    ours = scaling.row_length()
    assert 40 < ours < 80
    assert alpaca > 1.5 * ours
