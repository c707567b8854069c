"""The examples in the tasks are true: what stands behind `>>>` gives what stands below it."""

import doctest
import re

import nbformat
import pytest

from exercises import ROOT, run_cell
from helpers.checks import exercises

SOLUTIONS = sorted((ROOT / "exercises" / "solutions").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_examples_in_the_tasks_are_true(path):
    cells = {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
    namespace = {"__name__": "__main__"}
    run_cell(cells["setup"], "<setup>", namespace)
    for exercise in exercises(path.name[:2]):
        prefix = f"ex-{exercise.id.replace('.', '-')}"
        run_cell(cells[f"{prefix}-answer"], f"<{prefix}>", namespace)
        shown = re.findall(r"```python\n(.*?)```", cells[f"{prefix}-task"], re.DOTALL)
        test = doctest.DocTestParser().get_doctest(
            "\n".join(shown), dict(namespace), exercise.id, str(path), 0
        )
        said = []
        result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
        assert result.attempted, f"{exercise.id} has no example to look at"
        assert not result.failed, "".join(said)
