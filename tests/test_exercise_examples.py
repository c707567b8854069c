"""The examples in the tasks are true: what stands behind `>>>` gives what stands below it.

Tasks whose example is told in words are not among these.
"""

import doctest
import re

import nbformat
import pytest

from exercises import ROOT, run_cell

SOLUTIONS = sorted((ROOT / "exercises" / "solutions").glob("[0-9][0-9]_*.ipynb"))


def with_examples():
    """(notebook, what the ids of an exercise's cells begin with) of every task with an example."""
    for path in SOLUTIONS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.id.endswith("-task") and ">>>" in cell.source:
                yield path, cell.id.removesuffix("-task")


@pytest.mark.parametrize(
    ("path", "prefix"), [*with_examples()], ids=lambda x: getattr(x, "stem", x)
)
def test_the_example_in_a_task_is_true(path, prefix):
    cells = {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
    namespace = {"__name__": "__main__"}
    for id in ("setup", f"{prefix}-answer"):
        run_cell(cells[id], f"<{id}>", namespace)
    shown = re.findall(r"```python\n(.*?)```", cells[f"{prefix}-task"], re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(shown), namespace, prefix, str(path), 0)
    said = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert result.attempted == cells[f"{prefix}-task"].count(">>>")
    assert not result.failed, "".join(said)
