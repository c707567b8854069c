"""The instructor's guide says what is true: numbers, commands, files."""

import re
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import toy_exercises

from helpers.checks import exercises
from helpers.classroom import build
from helpers.cli import build_parser
from helpers.errors import CourseError

ROOT = Path(__file__).parent.parent
OWN = "02.5"  # the exercise of one's own that the guide shows how to add
GUIDE = (ROOT / "exercises" / "INSTRUCTORS.md").read_text(encoding="utf-8")


def test_the_table_counts_the_exercises_and_their_minutes():
    rows = re.findall(r"^\| (\d\d) \| [^|]+ \| (\d+) \| (\d+) \|$", GUIDE, re.MULTILINE)
    found = {}
    for one in exercises():
        number, minutes = found.get(one.id[:2], (0, 0))
        found[one.id[:2]] = (number + 1, minutes + one.minutes)
    assert {lesson: (int(n), int(minutes)) for lesson, n, minutes in rows} == found


def test_every_open_exercise_is_named_as_one_to_read():
    sentence = re.search(r"Those marked \*open\* \((.+?)\)", GUIDE)[1]
    assert sentence.split(", ") == [x.id for x in exercises() if x.difficulty == "open"]


def test_exercises_that_the_plans_name_exist():
    known = {x.id for x in exercises()}
    assert set(re.findall(r"\b0[1-9]\.\d\b", GUIDE)) - {OWN} <= known
    assert OWN not in known


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"(?:^|`)(course [a-z]+ [^`\n#]+)", GUIDE, re.M)))
)
def test_its_commands_are_understood(line):
    words = line.strip().split()[1:]
    parser, _ = build_parser()
    parser.parse_args(words)


def test_it_names_the_folder_in_which_the_notebooks_for_a_class_lie():
    from helpers.commands.exercises import default_folder

    assert f"`{default_folder('class').as_posix()}`" in GUIDE


def python_of_the_guide():
    return [textwrap.dedent(x) for x in re.findall(r" *```python\n(.*?)```", GUIDE, re.DOTALL)]


def test_its_recipe_for_an_exercise_of_ones_own_builds(tmp_path, monkeypatch):
    """Its lines add the cells; filled with what it asks for, the notebook is in order."""
    own = replace(toy_exercises.DOUBLE, id=OWN, title="Title", minutes=5)
    lesson = exercises("02")
    monkeypatch.setattr(build, "exercises", lambda number: (*lesson, own))
    path = tmp_path / "exercises" / "solutions" / "02_collating_and_masking.ipynb"
    path.parent.mkdir(parents=True)
    shutil.copy(build.SOLUTIONS / path.name, path)
    monkeypatch.chdir(tmp_path)
    [lines] = [code for code in python_of_the_guide() if "ex-02-5" in code]
    exec(compile(lines, "INSTRUCTORS.md", "exec"), {})
    with pytest.raises(CourseError, match="ex-02-5-task lacks .* ex-02-5-hints has 0 hints"):
        build.read_source(path)
    notebook = nbformat.read(path, as_version=4)
    asked = dict(re.findall(r"^   - \*(\w+)\*: (.+)$", GUIDE, re.MULTILINE))
    code = {kind: re.findall(r"`(.+?)`", text) for kind, text in asked.items()}
    begin, end = code["answer"]
    cells = {cell.id: cell for cell in notebook.cells}
    cells["ex-02-5-task"].source = "\n\n".join(code["task"])
    cells["ex-02-5-answer"].source = f"def double(v):\n    {begin}\n    return 2 * v\n    {end}"
    cells["ex-02-5-check"].source = "\n".join(code["check"])
    cells["ex-02-5-hints"].source = "\n\n".join(3 * code["hints"])
    nbformat.write(notebook, path)
    made = build.student_text(build.read_source(path), "class")
    assert "raise NotImplementedError()" in made.partition("ex-02-5-answer")[2]


def test_its_few_lines_print_what_students_wrote(tmp_path, monkeypatch, capsys):
    (tmp_path / "class" / "ada").mkdir(parents=True)
    made = nbformat.read(ROOT / "exercises" / "06_masking_experiment.ipynb", as_version=4)
    [words] = [cell for cell in made.cells if cell.id == "ex-06-4-words"]
    words.source += "\n\nOne contrast, named beforehand."
    nbformat.write(made, tmp_path / "class" / "ada" / "06_masking_experiment.ipynb")
    monkeypatch.chdir(tmp_path)
    [lines] = [code for code in python_of_the_guide() if "words" in code]
    exec(compile(lines, "INSTRUCTORS.md", "exec"), {})
    assert capsys.readouterr().out == f"ada\n{words.source}\n\n"


def test_a_stick_holds_all_that_the_set_up_asks_for():
    """Both recipes name the same extras: else `make setup` would miss a package offline."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = set(re.findall(r'-e "\.(\[.+?\])"', makefile.split("setup-dev.stamp")[0]))
    assert wanted == set(
        re.findall(r'pip download.* "\.(\[.+?\])"', GUIDE + makefile.replace("$(PIP)", "pip"))
    )


def test_its_targets_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|\n *|\" )make ([a-z-]+)`?", GUIDE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", GUIDE):
        assert (ROOT / "exercises" / target).exists(), target
