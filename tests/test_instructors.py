"""The instructor's guide says what is true: numbers, commands, files."""

import io
import json
import re
import shutil
import textwrap
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import toy_exercises

from helpers.checks import exercises
from helpers.classroom import build
from helpers.cli import build_parser, main
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


def test_its_recipe_for_an_exercise_of_ones_own_builds(tmp_path, monkeypatch):
    """Its lines add the cells; filled with what it asks for, the notebook is in order."""
    own = replace(toy_exercises.DOUBLE, id=OWN, title="Title", minutes=5)
    lesson = exercises("02")
    monkeypatch.setattr(build, "exercises", lambda number: (*lesson, own))
    path = tmp_path / "exercises" / "solutions" / "02_collating_and_masking.ipynb"
    path.parent.mkdir(parents=True)
    shutil.copy(build.SOLUTIONS / path.name, path)
    monkeypatch.chdir(tmp_path)
    [lines] = [textwrap.dedent(x) for x in re.findall(r" *```python\n(.*?)```", GUIDE, re.DOTALL)]
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


WORDS = "One contrast, named beforehand."
WORDS_FILE = "06_masking_experiment.ipynb"


def with_words(words=WORDS, ids=True, whole=False):
    """Lesson 06's notebook as bytes, handed in with these words in their cell."""
    made = nbformat.read(ROOT / "exercises" / WORDS_FILE, as_version=4)
    [cell] = [cell for cell in made.cells if cell.id == "ex-06-4-words"]
    cell.source = words if whole else cell.source.replace("YOUR ANSWER HERE", words)
    if not ids:
        made.nbformat_minor = 4
        for one in made.cells:
            del one["id"]
    return nbformat.writes(made).encode("utf-8")


def zipped(name, data):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, data)
    return stream.getvalue()


HANDED_IN = {  # file below the class → what it holds, and what is printed for it
    f"ada/{WORDS_FILE}": (with_words(), WORDS),
    "ben.zip": (zipped(f"work/{WORDS_FILE}", with_words()), WORDS),
    "cleo/week 3/06_mine (1).ipynb": (with_words(), WORDS),
    "dora/upload.zip": (zipped("06-x.ipynb", with_words()), WORDS),
    f"emil/{WORDS_FILE}": (with_words(ids=False), WORDS),
    f"fay/{WORDS_FILE}": (with_words(whole=True), WORDS),
    f"gus/{WORDS_FILE}": (b"{ no json", f"({WORDS_FILE} cannot be read)"),
    f"hal/{WORDS_FILE}": (
        with_words("YOUR ANSWER HERE"),
        f"(nothing in its place in {WORDS_FILE})",
    ),
    f"ida/{WORDS_FILE}": (
        with_words(ids=False, whole=True),
        f"({WORDS_FILE} has no cell ex-06-4-words any more)",
    ),
    "jo/02_x.ipynb": (with_words(), "(no notebook 06_*.ipynb)"),
    f"kim/{WORDS_FILE}": (with_words("\x1b[31mred \U0001f642"), "�[31mred 🙂"),
}


def test_its_command_prints_what_students_wrote_however_they_hand_it_in(
    tmp_path, monkeypatch, capsys
):
    for name, (data, _) in HANDED_IN.items():
        (tmp_path / "class" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    [line] = re.findall(r"^course (exercises words .+)$", GUIDE, re.MULTILINE)
    assert main(line.split()) == 0
    out, err = capsys.readouterr()
    printed = [f"{re.split(r'[/.]', name)[0]}\n{said}" for name, (_, said) in HANDED_IN.items()]
    assert out == "\n\n".join(["06.4 · Before you run", *printed]) + "\n"
    assert f"gus: {WORDS_FILE} was not marked: it is not a notebook" in err


def test_all_that_the_class_wrote_is_one_object(tmp_path, capsys):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / WORDS_FILE).write_bytes(with_words())
    assert main(["exercises", "words", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    asked = [one["exercise"] for one in report["exercises"]]
    assert asked == [x.id for x in exercises() if x.difficulty == "open"]
    [said] = [x["answers"] for x in report["exercises"] if x["exercise"] == "06.4"]
    assert said == [{"name": "ada", "words": WORDS, "remark": ""}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere is no folder and no zip"),
        ([".", "--exercise", "06.1"], "06.1 asks for no words; those that do: 04.4, 05.3, 06.4"),
        ([".", "--exercise", "06.9"], "there is no exercise '06.9'"),
    ],
)
def test_words_that_nobody_can_have_written_are_refused(arguments, says, capsys):
    assert main(["exercises", "words", *arguments]) == 2
    assert says in capsys.readouterr().err


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
