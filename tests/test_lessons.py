"""The committed notebooks: executed, fresh, small, readable without a kernel, and well made."""

import ast
import re
import statistics
import symtable
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


def names(statement):
    """The names that a statement reads and those that it binds, of those that cells share."""
    tables = [outer := symtable.symtable(ast.unparse(statement), "cell", "exec")]
    for table in tables:
        tables += table.get_children()
    reads = {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (table is outer or symbol.is_global())
    }
    symbols = [s for s in outer.get_symbols() if s.is_assigned() or s.is_imported()]
    binds = {symbol.get_name() for symbol in symbols}
    if isinstance(statement, (ast.For, ast.While, ast.If, ast.With, ast.Try)):
        reads -= binds  # such as a loop's own variable
    return (reads | binds if isinstance(statement, ast.AugAssign) else reads), binds


def reads_and_binds(source):
    """What a cell reads of others' names, and how it binds its own: name → the last statement.

    What a function reads it reads when it is called: names that its cell binds are not others'.
    """
    reads, late, binds = set(), set(), {}
    for statement in ast.parse(source).body:
        read, bound = names(statement)
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            late |= read
        else:
            reads |= read - binds.keys()
        imported = isinstance(statement, (ast.Import, ast.ImportFrom))
        binds |= dict.fromkeys(bound, "import" if imported else ast.unparse(statement))
    return reads | (late - binds.keys()), binds


def taken_away(cells):
    """Every name that a cell binds to something else after an earlier cell has read it, in words.

    `cells` are (number, source). A copy of a name's own value, changed by `replace`, may take the name.
    """
    found, bound, readers = [], {}, {}
    for number, source in cells:
        reads, binds = reads_and_binds(source)
        for name in sorted(reads & bound.keys()):
            readers.setdefault(name, []).append((number, bound[name]))
        for name, how in sorted(binds.items()):
            earlier = [(n, before) for n, before in readers.get(name, []) if n != number]
            robbed = [n for n, before in earlier if before != how]
            same = name.startswith("my_guess") or how.startswith(f"{name} = replace({name}, ")
            if robbed and not same:
                found.append(f"cell {number} binds {name!r} anew, which cells {robbed} read")
        bound |= binds
    return found


def test_an_earlier_cell_can_be_run_again(notebook):
    """No cell takes a name that an earlier one reads for something else: give it another name."""
    sources = [(i, c.source) for i, c in enumerate(notebook.cells) if c.cell_type == "code"]
    found = taken_away(sources)
    assert not found, "; ".join(found)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (
            ["rows = [1]", "len(rows)", "rows = 2"],
            ["cell 2 binds 'rows' anew, which cells [1] read"],
        ),
        (["def f(): 1", "f()", "f = 2"], ["cell 2 binds 'f' anew, which cells [1] read"]),
        (["from a import f", "[f(x) for x in 'ab']", "for f in 'ab': 1"], ["cell 2 binds 'f'"]),
        (["x = 1", "def f(): return x", "x = 2"], ["cell 2 binds 'x' anew, which cells [1] read"]),
        (["n = 1", "n += 1", "n = 9"], ["cell 2 binds 'n' anew, which cells [1] read"]),
        (["rows = [1]", "rows = [2]", "len(rows)"], []),  # nobody had read it
        (["rows = [1]\nlen(rows)", "rows = 2"], []),  # the first cell makes its own
        (["x = 1", "for x in 'ab': print(x)", "for x in 'cd': print(x)"], []),
        (["x = 1", "[x for x in 'ab']", "def f(x): return x", "x = 2"], []),
        (["x = 1", "def f(): return x\nx = 2\nf()", "x = 3"], []),
        (["x = 1", "print(x)", "x = 1"], []),
        (["from a import f", "f()", "from a import f, g"], []),
        (["s = a()", "print(s)", "s = replace(s, b=1)"], []),
        (["my_guess = None", "print(my_guess)", "my_guess = 3"], []),
    ],
)
def test_what_takes_a_name_away(cells, found):
    said = taken_away(enumerate(cells))
    assert len(said) == len(found)
    assert all(line.startswith(start) for line, start in zip(said, found, strict=True))


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
