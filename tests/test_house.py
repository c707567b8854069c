"""The house itself: import order, environment files, notices, nothing of one machine."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = [
    "errors", "files", "cluster", "progress", "arithmetic", "fetch", "formatting", "tokenizer", "data",
    "data_check", "masking", "tokens", "collate", "packing", "model", "weights", "generate",
    "distributed", "train", "judge", "lora", "runs", "settings", "environment", "chat",
    "plots", "widgets", "evaluate", "experiment", "tune", "contest", "memory", "export", "bench",
    "datagen", "curves", "augment",
    "pretrain", "card", "lessons", "site", "checks", "classroom", "commands", "cli",
]  # fmt: skip


def imports_of(path):
    """Top-level module names and `helpers` submodules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{a.name}" for a in node.names if node.module == "helpers")
    return found


def rooms(path):
    parts = path.relative_to(ROOT / "helpers").with_suffix("").parts
    return parts[0]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "helpers").rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_imports_point_upwards_in_the_reading_order(path):
    room = rooms(path)
    if room == "__init__":
        return
    assert room in ORDER, f"{room} has no place in the reading order yet"
    for name in imports_of(path):
        if name.startswith("helpers."):
            other = name.split(".")[1]
            if other in ORDER and other != room:
                assert ORDER.index(other) < ORDER.index(room), f"{room} imports {other}"


def test_only_notebooks_import_widgets():
    for path in (ROOT / "helpers").rglob("*.py"):
        if path.stem != "widgets":
            assert "ipywidgets" not in imports_of(path)
            assert "helpers.widgets" not in imports_of(path)


def test_importing_the_command_line_is_quick_and_quiet():
    """`course --help` must not wait for torch."""
    script = "import sys, helpers.cli; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("False\n", "")


def test_the_constraints_pin_every_core_dependency_within_its_bounds():
    from packaging.requirements import Requirement

    tomllib = pytest.importorskip("tomllib", reason="tomllib is part of Python from 3.11 on")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, _, version = line.partition("==")
        pins[re.sub(r"[-_.]+", "-", name.lower())] = version
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        version = pins[re.sub(r"[-_.]+", "-", requirement.name.lower())]
        assert requirement.specifier.contains(version), f"{text}: {version} is pinned"


def test_bundled_assets_keep_their_notices():
    for folder in filter(Path.is_dir, (ROOT / "helpers" / "assets").iterdir()):
        assert (folder / "NOTICE.md").exists() or (folder / "README.md").exists(), folder.name


def test_numbers_in_the_readme_are_true():
    from helpers.data import load_records
    from helpers.lessons import find_lessons
    from helpers.weights import KNOWN

    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{round(KNOWN['gpt2-mini'].parameters / 1e6)} million parameters" in text
    assert f"of {round(KNOWN['gpt2-micro'].parameters / 1e6)} million, `gpt2-micro`" in text
    assert f"({round(KNOWN['gpt2-medium'].parameters / 1e6)} M parameters)" in text
    assert f"{len(load_records('course')):,} bundled instructions" in text
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert f"{names[len(find_lessons())].capitalize()} notebooks" in text
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
