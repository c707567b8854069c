"""The instructor's guide says what is true: numbers, commands, files."""

import re
from pathlib import Path

import nbformat
import pytest

from helpers.checks import exercises
from helpers.cli import build_parser

ROOT = Path(__file__).parent.parent
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
    assert set(re.findall(r"\b0[1-9]\.\d\b", GUIDE)) <= known


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


def test_its_few_lines_print_what_students_wrote(tmp_path, monkeypatch, capsys):
    (tmp_path / "class" / "ada").mkdir(parents=True)
    made = nbformat.read(ROOT / "exercises" / "06_masking_experiment.ipynb", as_version=4)
    [words] = [cell for cell in made.cells if cell.id == "ex-06-4-words"]
    words.source += "\n\nOne contrast, named beforehand."
    nbformat.write(made, tmp_path / "class" / "ada" / "06_masking_experiment.ipynb")
    monkeypatch.chdir(tmp_path)
    [lines] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
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
