"""The house itself: import order, environment files, notices, nothing of one machine."""

import ast
import io
import json
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = [
    "errors", "files", "cluster", "progress", "arithmetic", "fetch", "formatting", "tokenizer", "data",
    "data_check", "masking", "tokens", "collate", "packing", "model", "weights", "generate",
    "distributed", "train", "judge", "lora", "runs", "settings", "environment", "chat",
    "plots", "markup", "widgets", "evaluate", "experiment", "tune", "contest", "memory", "export", "bench",
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


def test_the_reading_order_that_the_package_tells_is_the_one_that_is_kept():
    text = ast.get_docstring(ast.parse((ROOT / "helpers/__init__.py").read_text(encoding="utf-8")))
    told = re.search(r"Reading order: ([^.]+)\.", text)[1].replace("\n", " ").split(", ")
    assert told == [name for name in ORDER[: ORDER.index("judge") + 1] if name in told]
    assert set(ORDER[: ORDER.index("judge")]) - set(told) == {"cluster", "data_check"}  # optional


def code_lines(path):
    """Lines of a module that hold code: no blank ones, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (*silent, tokenize.ENDMARKER)
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_code_lines_are_counted_without_words(tmp_path):
    (tmp_path / "a.py").write_text(
        '"""Words.\n\nMore."""\n\n# why\nx = """a\nb"""  # c\n\ny = (\n    1\n)\n'
    )
    assert code_lines(tmp_path / "a.py") == 5


def test_the_core_can_be_read_in_an_afternoon(count):
    """As CONTRIBUTING says: these modules, in this order, and so many lines."""
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    told = re.search(r"in this order: (.+?) of `judge`\. Those are under ([\d,]+) lines", text)
    before, judge = (re.findall(r"`(\w+)`", part) for part in told[1].split("then"))
    assert before == [name for name in ORDER if name in before]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    meant = re.search(r"meant to be read: (.+?), in this order", readme)[1]
    assert re.findall(r"`(\w+)`", meant) == [*before, "judge"]
    paths = [ROOT / "helpers" / f"{name}.py" for name in before]
    paths += [ROOT / "helpers" / "judge" / f"{name}.py" for name in judge]
    lines = sum(map(code_lines, paths))
    count(f"the core: {lines:,} lines of code in {len(paths)} modules")
    assert lines < int(told[2].replace(",", ""))


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


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_a_setup_that_finds_no_packages_says_what_it_takes(tmp_path):
    made = ["make", "setup", f"VENV={tmp_path}", "PYTHON=true", "PIP=false"]
    ended = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert "That takes PyPI, or a mirror of it, once" in ended.stderr
    assert "docs/setup.md says how" in ended.stderr
    assert not (tmp_path / "setup.stamp").exists()


def test_bundled_assets_keep_their_notices():
    for folder in filter(Path.is_dir, (ROOT / "helpers" / "assets").iterdir()):
        assert (folder / "NOTICE.md").exists() or (folder / "README.md").exists(), folder.name


# --- what no file of the course does ----------------------------------------------------------------

UNPICKLE = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
}
RUN_WHAT_IS_READ = ("eval", "exec", "torch.load", "torch.jit.load", "os.system")
SERVE = ("bind", "create_server", "HTTPServer", "TCPServer", "UDPServer")


def code_of_the_course():
    """(place, syntax tree) of every module, benchmark, and code cell of a lesson or exercise."""
    for path in [*(ROOT / "helpers").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("notebooks", "exercises"):
        for path in (ROOT / folder).rglob("*.ipynb"):
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    text = re.sub(r"(?m)^[%!].*", "pass", "".join(cell["source"]))
                    yield path.relative_to(ROOT).as_posix(), ast.parse(text)


def calls(tree):
    """(name as written, call) of every call in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_is_unpickled_and_no_text_is_run():
    """A file that somebody passes on must not be able to run a program."""
    for place, tree in code_of_the_course():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & UNPICKLE, f"{place}: {ast.unparse(node)}"
        for name, call in calls(tree):
            method = name.split(".")[-1] in ("read_pickle", "to_pickle", "extractall")
            bad = method or name in RUN_WHAT_IS_READ
            assert not bad, f"{place}: {ast.unparse(call)}"
            options = {option.arg: ast.unparse(option.value) for option in call.keywords}
            assert not {"allow_pickle", "trust_remote_code"} & set(options), place
            assert options.get("shell", "False") == "False", f"{place}: {ast.unparse(call)}"


def test_servers_listen_on_this_machine_only():
    tests = [(path.name, ast.parse(path.read_text())) for path in (ROOT / "tests").rglob("*.py")]
    for place, tree in [*code_of_the_course(), *tests]:
        for name, call in calls(tree):
            if name.endswith(SERVE) and call.args:
                assert re.match(r"\('(127\.0\.0\.1|localhost)', ", ast.unparse(call.args[0])), place
    for place, tree in code_of_the_course():
        everywhere = [n for n in ast.walk(tree) if getattr(n, "value", None) in ("0.0.0.0", "::")]
        # A client that is given a server's own "everywhere" asks this machine instead.
        assert not everywhere or place == "helpers/judge/ollama.py", place


def test_the_key_of_a_judge_is_read_in_one_place():
    """What nobody else reads, nobody else can write down; tests of that place look for it."""
    for place, tree in code_of_the_course():
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        named = any(isinstance(text, str) and text.endswith("_API_KEY") for text in texts)
        assert not named or place == "helpers/judge/openai.py", place


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
