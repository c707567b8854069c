"""The instructor's guide says what is true: numbers, commands, files."""

import re
from pathlib import Path

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


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`?(course [a-z]+ [^`\n#]+)", GUIDE))))
def test_its_commands_are_understood(line):
    words = line.strip().split()[1:]
    if words[0] in ("exercises", "grade", "fetch", "check", "run"):
        parser, _ = build_parser()
        parser.parse_args(words)


def test_its_targets_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)", GUIDE)) - {"weights"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", GUIDE):
        assert (ROOT / "exercises" / target).exists(), target
