"""environment.yml: strictly valid, equal to pyproject.toml, and enough for every import there is."""

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it along for older Pythons

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
SPECS = [spec for spec in CONDA["dependencies"] if isinstance(spec, str)]

CONDA_NAME = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # else the same as on PyPI
# What is imported → the distribution, where the names differ.
DISTRIBUTION = {
    "IPython": "ipython",
    "bs4": "beautifulsoup4",
    "PIL": "pillow",
    "tiktoken_ext": "tiktoken",
    "lm_eval": "lm-eval",
}
# Imported, and left to a declared package that always brings it along.
BROUGHT_BY = {
    "ipython": "ipykernel",
    "jupyter-client": "ipykernel",
    "jupyter-core": "ipykernel",
    "jupyterlab-server": "jupyterlab",
    "pillow": "matplotlib",
    "traitlets": "ipykernel",
}
# Imported inside functions only, by those who asked for it: distribution → extra in pyproject.toml.
OPTIONAL = {
    "gguf": "export",
    "sqlalchemy": "arena",
    "evalica": "arena",
    "optuna": "tune",
    "xllamacpp": "judge",
    "pyarrow": "mmlu",
    "ray": "ray",
    "lm-eval": "harness",
    **dict.fromkeys(("datasets", "transformers", "tokenizers", "trl"), "bench"),
}
WHOLE_FILES = {"helpers/evaluate/harness.py"}  # an adapter: of no use without its package


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def split_spec(spec):
    """Name and bounds of a spec such as `pytorch>=2.6,<3`."""
    name, bounds = re.fullmatch(r"([\w.-]+)\s*(.*)", spec).groups()
    return name, SpecifierSet(bounds)


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonical(name): version for name, _, version in (ln.partition("==") for ln in lines)}


def declared():
    """Requirements of the core by their name on conda-forge."""
    requirements = map(Requirement, PROJECT["dependencies"])
    return {CONDA_NAME.get(r.name, r.name): r for r in requirements}


# --- the file itself -----------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS)
def test_conda_reads_every_line_and_the_locked_version_fits(spec):
    rattler = pytest.importorskip("rattler", reason="py-rattler is not installed: make setup-dev")
    parsed = rattler.MatchSpec(spec, strict=True)
    name, _ = split_spec(spec)
    assert parsed.name.normalized == name
    if name in declared():
        # conda-forge has no local versions such as 2.13.0+cpu
        version = pins()[canonical(declared()[name].name)].partition("+")[0]
        record = rattler.PackageRecord(name, version, rattler.BuildString("0"), 0, "noarch")
        assert parsed.matches(record), f"{version} is locked in constraints.txt"


@pytest.mark.parametrize("spec", ["pytorch>=2.*", "pytorch>=2.6,<", "pytorch=>2", "a b c/d"])
def test_what_conda_would_stumble_over_is_refused(spec):
    """The parser is strict, so that the test above means something."""
    rattler = pytest.importorskip("rattler", reason="py-rattler is not installed: make setup-dev")
    from rattler.exceptions import InvalidMatchSpecError

    with pytest.raises(InvalidMatchSpecError):
        rattler.MatchSpec(spec, strict=True)


def test_the_file_has_the_shape_that_conda_expects():
    assert set(CONDA) == {"name", "channels", "dependencies"}
    assert CONDA["channels"] == ["conda-forge"]
    assert CONDA["name"] == "instruction-finetuning"
    assert {"pip": ["-e .[arena,tune]"]} in CONDA["dependencies"]
    assert "pip" in SPECS  # conda warns when a pip part has no pip
    assert len({split_spec(spec)[0] for spec in SPECS}) == len(SPECS)


def test_the_bounds_are_those_of_pyproject():
    bounds = dict(map(split_spec, SPECS))
    assert bounds.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert bounds.pop("pip") == SpecifierSet()
    assert bounds == {name: requirement.specifier for name, requirement in declared().items()}


def test_python_is_as_old_as_the_check_allows():
    from helpers.environment import OLDEST_PYTHON

    assert PROJECT["requires-python"] == f">={'.'.join(map(str, OLDEST_PYTHON))}"


# --- what is imported ----------------------------------------------------------------------------


def sources():
    """Name and code of every module, lesson, exercise and benchmark of the course."""
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for folder in ("notebooks", "exercises", "benchmarks"):  # some may not be there yet
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in path.parts:
                cells = nbformat.read(path, as_version=4).cells
                for cell in (cell for cell in cells if cell.cell_type == "code"):
                    yield f"{path.relative_to(ROOT).as_posix()}, cell {cell.id}", cell.source


def imports(source):
    """Top-level names that are imported, and whether each import stands inside a function."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        for name in names:
            yield name.split(".")[0], id(node) in inside


def foreign_imports():
    """(distribution, inside a function?, where), for all that is neither Python's nor the course's."""
    for where, source in sources():
        for module, lazy in imports(source):
            if module not in sys.stdlib_module_names and module not in ("helpers", "benchmarks"):
                yield canonical(DISTRIBUTION.get(module, module)), lazy, where


def test_every_import_is_covered():
    core = {canonical(requirement.name) for requirement in declared().values()}
    found = list(foreign_imports())
    assert len({where for _, _, where in found}) > 20  # the walk does reach the files
    for distribution, lazy, where in found:
        if distribution in OPTIONAL:
            assert lazy or where in WHOLE_FILES, (
                f"{where} imports {distribution}, an extra, outside a function"
            )
            continue
        provider = BROUGHT_BY.get(distribution, distribution)
        assert provider in core, (
            f"{where} imports {distribution}: declare it in pyproject.toml and environment.yml, "
            "or as an extra in pyproject.toml and OPTIONAL here"
        )


def test_the_lists_of_this_file_hold_nothing_needless():
    found = {distribution for distribution, _, _ in foreign_imports()}
    assert set(OPTIONAL) | set(BROUGHT_BY) <= found


@pytest.mark.parametrize(("distribution", "provider"), BROUGHT_BY.items())
def test_what_is_left_to_another_package_is_really_brought_along(distribution, provider):
    needed = [Requirement(line) for line in metadata.requires(provider)]
    assert distribution in {canonical(r.name) for r in needed if not r.marker}


@pytest.mark.parametrize(("distribution", "extra"), OPTIONAL.items())
def test_optional_imports_are_declared_in_an_extra(distribution, extra):
    extras = PROJECT["optional-dependencies"][extra]
    assert distribution in {canonical(Requirement(line).name) for line in extras}


def test_the_walk_tells_an_import_in_a_function_from_one_at_the_top():
    source = "import a.b\nfrom c import d\ndef f():\n    import e\n    from .g import h\n"
    assert sorted(imports(source)) == [("a", False), ("c", False), ("e", True)]
