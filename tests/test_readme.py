"""The README's map is complete, and what the README and its guides tell to type can be typed."""

import re
import shlex
from pathlib import Path

import pytest

from helpers.cli import COMMANDS, build_parser
from helpers.lessons import find_lessons

ROOT = Path(__file__).parent.parent
NAMES = ("README.md", "docs/setup.md", "docs/commands.md", "CONTRIBUTING.md")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}
README = PAGES["README.md"]
EXTRAS = ".[arena,tune]"  # what `make setup` installs
LIMIT = 10_000  # bytes of a README that is read to its end; details belong into docs


def the_map():
    """The rows below "Where things are": question, lesson, exercises, command."""
    part = README.split("## Where things are")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def options(parser):
    """Every option of a parser and of the parsers below it."""
    found = set()
    for action in parser._actions:
        found.update(action.option_strings)
        if hasattr(action, "choices") and isinstance(action.choices, dict):
            for below in action.choices.values():
                found |= options(below)
    return found


def typed(page):
    """The lines of a page's shell blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGES[page], re.DOTALL)
    lines = (re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines())
    return [line for line in lines if line.strip()]


# --- the map -------------------------------------------------------------------------------------


def test_every_lesson_has_its_row_in_order_and_its_exercises_beside_it():
    lessons = [path.name for path in find_lessons()]
    rows = [row for row in the_map() if "notebooks/" in row[1]]
    assert [re.search(r"\(notebooks/(.+?)\)", row[1])[1] for row in rows] == lessons
    for lesson, (_, _, exercises, _) in zip(lessons, rows, strict=True):
        there = (ROOT / "exercises" / lesson).exists()
        assert exercises == (f"[{lesson[:2]}](exercises/{lesson})" if there else ""), lesson


def test_every_command_is_in_the_map():
    named = re.findall(r"`course ([a-z]+)", " ".join(row[3] for row in the_map()))
    assert set(named) == set(COMMANDS)


def test_every_row_asks_something_and_leads_somewhere():
    for question, *rest in the_map():
        assert question, rest
        assert any(rest), question


def test_every_guide_can_be_reached_from_the_readme():
    for path in (ROOT / "docs").glob("*.md"):
        reached = f"docs/{path.name}" in README or path.name == "grading.md"
        assert reached, path.name
    assert "docs/grading.md" in (ROOT / "exercises" / "INSTRUCTORS.md").read_text(encoding="utf-8")


def test_the_first_screen_says_what_it_is_shows_it_and_starts_it_with_one_command():
    start = README.split("\n## ")[0]
    assert start.startswith("# Instruction fine-tuning")
    assert start.index("![") < start.index("```bash")
    [command] = re.findall(r"```bash\n(.*?)```", start, re.DOTALL)
    assert re.fullmatch(r"make course +# .+\n", command)
    assert len(README.encode()) <= LIMIT


# --- what it says can be typed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "line"),
    [(p, line) for p in NAMES for line in typed(p) if line.lstrip().startswith("course ")],
)
def test_the_commands_of_a_block_are_understood(page, line):
    parser, _ = build_parser()
    parser.parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("page", NAMES)
def test_commands_in_a_sentence_exist_with_their_options(page):
    _, commands = build_parser()
    for span in re.findall(r"`course ([^`]+)`", PAGES[page]):
        name, *words = span.split()
        if name == "COMMAND":  # any of them
            continue
        assert name in commands, span
        given = {word for word in words if word.startswith("-")}
        assert given <= options(commands[name]), span


def test_options_named_alone_belong_to_some_command():
    _, commands = build_parser()
    known = set().union(*map(options, commands.values()))
    for page in ("README.md", "docs/commands.md"):
        for option in re.findall(r"`(--[a-z-]+)[^`]*`", PAGES[page]):
            assert option in known | {"--seed"}, (page, option)


@pytest.mark.parametrize("page", NAMES)
def test_targets_are_in_the_makefile_and_modules_are_there(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)(?:\w+=\S+ )?make ([a-z-]+)", PAGES[page], re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"python3? -m ((?:helpers|benchmarks)[.\w]*)", PAGES[page]):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_every_way_of_setting_up_installs_the_same_extras():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").split("setup-dev.stamp")[0]
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert set(re.findall(r'-e "(.+?)"', makefile)) == {EXTRAS}
    assert f"-e {EXTRAS}" in conda
    for page in ("README.md", "docs/setup.md"):
        whole = [e for e in re.findall(r'-e "(\.\[.+?\])"', PAGES[page]) if "," in e]
        assert set(whole) == {EXTRAS}, page


@pytest.mark.parametrize("page", NAMES)
def test_extras_are_in_the_project(page):
    tomllib = pytest.importorskip("tomllib", reason="tomllib is part of Python from 3.11 on")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"\.\[([a-z,]+)\]", PAGES[page]):
        assert set(extras.split(",")) <= set(project["optional-dependencies"]), extras


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)\)", PAGES[page]):
        assert (ROOT / page).parent.joinpath(target).exists(), target
    headings = re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGES[page])) <= anchors


def test_the_folder_for_ones_own_copies_is_left_alone_by_git():
    assert "mine/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "the folder `mine` is yours" in PAGES["docs/setup.md"]
