"""The committed notebooks: executed, fresh, small, readable without a kernel, and well made."""

import re
import statistics
from pathlib import Path

import nbformat
import pytest

from helpers import lessons
from helpers.errors import CourseError
from helpers.lessons import NOTEBOOKS, find_lessons
from helpers.settings import Settings
from helpers.site import UNFINISHED, build_site

PATHS = find_lessons()
IDS = [path.stem for path in PATHS]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


@pytest.fixture(params=PATHS, ids=IDS)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def test_lessons_are_numbered_in_the_order_of_the_course():
    assert [int(path.name[:2]) for path in PATHS] == list(range(10))


def test_outputs_belong_to_these_cells_settings_and_assets(path):
    """Stale? Run `make notebooks`."""
    assert not lessons.is_stale(path, Settings.quick()), f"{path.name}: run `make notebooks`"


def test_every_cell_ran_in_order_and_without_an_error(notebook):
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code(notebook)] == list(
        range(1, len(code(notebook)) + 1)
    )
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]


def test_outputs_need_no_kernel_no_network_and_little_room(notebook):
    assert "widgets" not in notebook.metadata
    for cell in code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            assert "application/vnd.jupyter.widget-view+json" not in data
            page = data.get("text/html", "")
            assert not re.search(r"""(src|href)=["']https?:""", page)
            for picture in re.findall(r"base64,([A-Za-z0-9+/=]+)", page):
                assert len(picture) * 3 / 4 <= 60_000
    assert len(nbformat.writes(notebook)) < 450_000


def test_figures_have_alternative_text(notebook):
    for cell in code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            assert "image/png" not in data, "show figures through plots.show: it keeps the alt text"
            for image in re.findall(r"<img [^>]*>", data.get("text/html", "")):
                assert len(re.search(r'alt="([^"]*)"', image).group(1)) > 20


def test_no_path_of_the_machine_is_in_the_outputs(notebook):
    for cell in code(notebook):
        assert not re.search(r"/(home|root|tmp|work|Users)/", str(cell.outputs))


def test_sentences_are_printed_in_lines_that_jupyterlab_does_not_break_within_a_word(notebook):
    printed = (o.text for cell in code(notebook) for o in cell.outputs if "text" in o)
    lines = [line for text in printed for line in text.splitlines()]
    assert not [line for line in lines if "interval" in line and len(line) > 92]
    assert not [line for line in lines if "no prediction" in line and len(line) > 99]


def test_shape_of_a_lesson(notebook):
    """The house style: one title, a contract, short cells, predictions, an ending."""
    lines = [len(cell.source.splitlines()) for cell in code(notebook)]
    assert statistics.median(lines) <= 10
    assert sorted(lines)[int(0.9 * len(lines))] <= 25
    assert max(len(cell.source.split()) for cell in text(notebook)) <= 125
    whole = "\n".join(cell.source for cell in text(notebook))
    assert len(re.findall(r"^# ", whole, re.MULTILINE)) == 1
    assert notebook.cells[0].source.startswith("# ")
    assert whole.count("<details>") == 3
    assert "## Summary" in whole
    assert len(re.findall(r"\*\*Predict", whole)) >= 2
    guesses = sum("my_guess" in cell.source and "None" in cell.source for cell in code(notebook))
    assert guesses >= 2


def test_cell_ids_are_stable_and_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"l\d\d-\w+", cell_id) for cell_id in ids)


def test_links_between_lessons_lead_somewhere(notebook):
    for cell in text(notebook):
        for target in re.findall(r"\]\((?!http)([^)#]+)", cell.source):
            assert (NOTEBOOKS / target).exists(), target


def test_changing_a_cell_makes_the_outputs_stale(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    code(notebook)[0].source += "\n# changed"
    nbformat.write(notebook, tmp_path / path.name)
    assert lessons.is_stale(tmp_path / path.name, Settings.quick())


def small_notebook(*sources):
    cells = [nbformat.v4.new_markdown_cell("# A title\n\nWhat it is about.\n\nMore.")]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def test_a_failing_lesson_is_reported_and_the_next_one_runs(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(small_notebook("1 / 0", "print('never')"), folder / "00_bad.ipynb")
    nbformat.write(
        small_notebook("import os; print(os.environ['COURSE_MODE'])"), folder / "01_good.ipynb"
    )
    monkeypatch.setattr(lessons, "find_lessons", lambda only: find_lessons(only, folder))
    results = list(lessons.run_lessons(Settings.quick(), out=tmp_path / "out"))
    assert [(r.name, r.ok) for r in results] == [("00_bad", False), ("01_good", True)]
    assert results[0].error == "ZeroDivisionError: division by zero"
    executed = nbformat.read(tmp_path / "out" / "notebooks" / "01_good.ipynb", as_version=4)
    assert code(executed)[0].outputs[0].text == "quick\n"
    assert "course" in executed.metadata
    failed = nbformat.read(tmp_path / "out" / "notebooks" / "00_bad.ipynb", as_version=4)
    assert "course" not in failed.metadata  # what failed is never stamped

    index = build_site(tmp_path / "out" / "notebooks", tmp_path / "out" / "site")
    assert "A title" in index.read_text(encoding="utf-8")
    assert "What it is about." in index.read_text(encoding="utf-8")
    pages = {p.stem: p.read_text(encoding="utf-8") for p in index.parent.glob("0*.html")}
    assert UNFINISHED in pages["00_bad"]
    assert "ZeroDivisionError" in pages["00_bad"]
    assert UNFINISHED not in pages["01_good"]


def test_choosing_lessons():
    assert [p.name[:2] for p in find_lessons("1, 04")] == ["01", "04"]
    with pytest.raises(CourseError, match="there is no lesson '42'"):
        find_lessons("42")
    with pytest.raises(CourseError, match="there are no lessons"):
        find_lessons(folder=Path(__file__).parent)
