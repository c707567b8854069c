"""What a notebook shows of an error of ours: the line of the cell and the one line that helps."""

import linecache

import pytest

from helpers.data import load_records
from helpers.errors import CourseError, DataError


def run_as_cell(source, **names):
    """Execute `source` as Jupyter does, under the name of a file that is not on the disk."""
    name = "/tmp/ipykernel_1/2.py"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), names)


def test_a_cell_shows_its_own_line_and_the_message():
    with pytest.raises(CourseError) as caught:
        run_as_cell("name = 'nowhere.json'\nload(name)\n", load=load_records)
    where, message = caught.value._render_traceback_()
    assert where == "line 2: load(name)"
    assert message.startswith("DataError: no data set 'nowhere.json'")


def test_outside_of_a_cell_the_message_stands_alone():
    assert DataError("3 rows are too few")._render_traceback_() == ["DataError: 3 rows are too few"]
