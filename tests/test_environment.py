"""Is this machine ready? Every check is made to fail, one by one, and names the command to type."""

import ast
import builtins
import io
import json
import shutil
import subprocess
import sys
import warnings
from collections import namedtuple
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_ollama import FakeOllama, free_port
from jupyter_client.kernelspec import KernelSpecManager

from helpers import environment
from helpers.data import REMOTE
from helpers.environment import ASSETS, COURSE, Item, Report, check_environment
from helpers.errors import SettingsError
from helpers.files import sha256
from helpers.lessons import asset_hashes
from helpers.settings import Settings

FULL = Settings.full()
PYTHON = "/course/.venv/bin/python"
REINSTALL = f"{PYTHON} -m pip install -e ."
Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A Linux machine on which nothing is wrong, its terminal in the course's folder.

    Facts of the real machine that a check would find (its environment, memory, programs) are
    replaced, so that what a test sees fail is what the test itself has broken.
    """
    monkeypatch.chdir(COURSE)
    for name in (
        "COURSE_MODE", "OLLAMA_HOST", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONIOENCODING",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(environment, "memory_gb", lambda: (30.0, 32.0))
    monkeypatch.setattr(environment, "_cores", lambda: 8)
    monkeypatch.setattr(environment, "busy_cores", lambda: 0.4)
    monkeypatch.setattr(environment, "_in_environment", lambda: True)
    monkeypatch.setattr(environment, "_is_clone", lambda: True)
    monkeypatch.setattr(environment, "_scripts", lambda: Path(PYTHON).parent)
    monkeypatch.setattr(environment, "course_distribution", lambda: course(["torch>=2.6,<3"]))
    monkeypatch.setattr(environment, "_rivals", lambda: iter(()))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100e9))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", kernelspec("python"))
    monkeypatch.setattr("jupyterlab_server.config.get_page_config", lambda path: PAGE)
    monkeypatch.setattr(sys, "executable", PYTHON)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "prefix", "/course/.venv")
    return monkeypatch


MANAGER = "@jupyter-widgets/jupyterlab-manager"
PAGE = {"federated_extensions": [{"name": MANAGER}], "disabledExtensions": {}}


def course(requires):
    return SimpleNamespace(requires=requires)


def kernelspec(program):
    """A stand-in for Jupyter's finder of kernels, whose python3 starts `program`."""
    spec = SimpleNamespace(argv=[program], resource_dir="/home/me/.local/share/jupyter/kernels/p")
    return lambda manager, name: spec


def test_a_machine_on_which_nothing_is_wrong(machine):
    report = check_environment("quick")
    assert [item.name for item in report.items if not item.ok or item.fix] == []
    assert [item.name for item in report.items] == [
        "Python", "text encoding", "packages", "helpers package", "kernel", "widgets", "tokenizer",
        "bundled files", "memory", "disk", "write access", "caches", "judge", "device", "threads",
    ]  # fmt: skip
    assert report.verdict == str(report).splitlines()[-1] == "Ready for quick mode."


def test_full_mode_on_a_machine_that_has_all_of_it(machine, tmp_path):
    snapshot = tmp_path / "hub/models--openai-community--gpt2-medium/snapshots" / MEDIUM
    snapshot.mkdir(parents=True)
    for file in ("config.json", "model.safetensors"):
        (snapshot / file).touch()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/book.json").touch()
    nothing = REMOTE["book"]._replace(sha256=sha256(tmp_path / "cache/book.json"))
    machine.setitem(REMOTE, "book", nothing)
    machine.setattr("helpers.runs.choose_precision", lambda name, device: "bf16")
    with FakeOllama() as server:
        machine.setenv("OLLAMA_HOST", server.url)
        report = check_environment("full")
    assert report.ready, report
    assert report.verdict == "Ready for full mode."
    found = {item.name: item.found for item in report.items}
    assert found["caches"] == "writable; nothing needs to be downloaded"
    assert found["device"] == "cpu in bf16, measured just now"


MEDIUM = "6dcaa7a952f72f9298047fd5137cd6e4f05f41da"

# --- every check fails once ----------------------------------------------------------------------
# Each case breaks one thing: what to break → (mode, name, a part of what was found, the command).


def old_python(machine, tmp_path):
    machine.setattr(sys, "version_info", Version(3, 9, 18, "final", 0))


def narrow_python(machine, tmp_path):
    machine.setattr("struct.calcsize", lambda code: 4)


def free_threaded_python(machine, tmp_path):
    machine.setattr("sysconfig.get_config_var", lambda name: int(name == "Py_GIL_DISABLED"))


def another_implementation(machine, tmp_path):
    machine.setattr(sys, "implementation", SimpleNamespace(name="pypy"))


def ascii_file_names(machine, tmp_path):
    machine.setattr(sys, "getfilesystemencoding", lambda: "ascii")


def course_not_installed(machine, tmp_path):
    machine.setattr(environment, "course_distribution", lambda: None)


def course_not_installed_and_pip_not_allowed(machine, tmp_path):
    course_not_installed(machine, tmp_path)
    machine.setattr(environment, "_in_environment", lambda: False)
    machine.setattr(environment, "_is_managed", lambda: True)


def a_package_out_of_bounds(machine, tmp_path):
    machine.setattr(environment, "course_distribution", lambda: course(["torch>=99", "nope>=1"]))


def not_even_packaging(machine, tmp_path):
    machine.setattr(environment, "course_distribution", lambda: course(["packaging>=23"]))
    machine.setattr(environment, "_version", lambda name: "")


def a_namesake(machine, tmp_path):
    (tmp_path / "helpers.py").touch()
    machine.setattr(environment, "_rivals", REAL_RIVALS)
    machine.syspath_prepend(tmp_path)


def an_installed_namesake(machine, tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers/__init__.py").touch()
    info = tmp_path / "helpers-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: helpers\nVersion: 0.2.0\n")
    (info / "top_level.txt").write_text("helpers\n")
    machine.setattr(environment, "_rivals", REAL_RIVALS)
    machine.syspath_prepend(tmp_path)


def a_second_clone(machine, tmp_path):
    for folder in ("helpers", "notebooks"):
        (tmp_path / "clone" / folder).mkdir(parents=True)
    (tmp_path / "clone/helpers/environment.py").touch()
    machine.chdir(tmp_path / "clone/notebooks")


def a_kernel_of_another_python(machine, tmp_path):
    machine.setattr(KernelSpecManager, "get_kernel_spec", kernelspec("/usr/bin/python3"))


def a_notebook_in_another_python(machine, tmp_path):
    machine.setattr(environment, "in_notebook", lambda: True)
    machine.setattr(environment, "course_distribution", lambda: None)


def widget_versions_apart(machine, tmp_path):
    real = environment._version
    machine.setattr(
        environment, "_version", lambda n: "1.0.2" if n == "jupyterlab_widgets" else real(n)
    )


def no_widget_extension(machine, tmp_path):
    machine.setattr("jupyterlab_server.config.get_page_config", lambda path: {})


def widget_extension_off(machine, tmp_path):
    page = {**PAGE, "disabledExtensions": {f"{MANAGER}:plugin": True}}
    machine.setattr("jupyterlab_server.config.get_page_config", lambda path: page)


def damaged_ranks(machine, tmp_path):
    from helpers.tokenizer import load_tokenizer

    (tmp_path / "ranks").write_bytes(b"not the ranks")
    machine.setattr("helpers.tokenizer.load_tokenizer", lambda: load_tokenizer(tmp_path / "ranks"))


def wrong_ids(machine, tmp_path):
    fake = SimpleNamespace(encode_ordinary=lambda text: [1, 2])
    machine.setattr("helpers.tokenizer.load_tokenizer", lambda: fake)


def bundle(machine, tmp_path, content):
    """Assets of one file, recorded as `whole` and holding `content` (None: no such file)."""
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "model").write_bytes(b"whole")
    (folder / "SHA256SUMS").write_text(f"{sha256(folder / 'model')}  model\n")
    (folder / "model").unlink()
    if content is not None:
        (folder / "model").write_bytes(content)
    machine.setattr(environment, "ASSETS", folder)
    machine.setattr(environment, "_restore_assets", lambda: "git checkout -- helpers/assets")


def a_bundled_file_cut_off(machine, tmp_path):
    bundle(machine, tmp_path, b"who")


def a_bundled_file_missing(machine, tmp_path):
    bundle(machine, tmp_path, None)


def a_bundled_file_by_lfs(machine, tmp_path):
    bundle(machine, tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n")


def little_memory(machine, tmp_path):
    machine.setattr(environment, "memory_gb", lambda: (2.9, 8.0))


def little_disk(machine, tmp_path):
    machine.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0.4e9))


def runs_in_the_way(machine, tmp_path):
    (tmp_path / "file").touch()  # permission bits do not stop root; a file in the way does
    machine.setenv("COURSE_RUNS", str(tmp_path / "file"))


def no_cache_of_models(machine, tmp_path):
    (tmp_path / "file").touch()
    machine.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file" / "hub"))


def no_cache_of_data(machine, tmp_path):
    (tmp_path / "file").touch()
    machine.setenv("COURSE_CACHE", str(tmp_path / "file" / "data"))


def no_room_for_the_model(machine, tmp_path):
    machine.setattr(environment, "check_disk", environment.check_memory)
    machine.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1.2e9))


def offline_without_the_model(machine, tmp_path):
    machine.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def no_ollama(machine, tmp_path):
    machine.setattr("helpers.judge.ollama.DEFAULT_PORT", free_port())


def ollama_not_started(machine, tmp_path):
    no_ollama(machine, tmp_path)
    machine.setattr(shutil, "which", lambda name: "/usr/bin/ollama" if name == "ollama" else None)


def a_card_that_is_too_old(machine, tmp_path, capability=(6, 1)):
    machine.setattr("helpers.runs.choose_device", lambda name: "cuda")
    machine.setattr("torch.cuda.get_device_name", lambda index: "Some Card")
    machine.setattr("torch.cuda.get_device_capability", lambda index: capability)
    machine.setattr("torch.cuda.get_arch_list", lambda: ["sm_75", "sm_80", "sm_90a"])
    machine.setattr("torch.cuda.is_bf16_supported", lambda **_: capability >= (8, 0))


def a_card_that_is_too_new(machine, tmp_path):
    a_card_that_is_too_old(machine, tmp_path, capability=(12, 0))


REAL_RIVALS = environment._rivals
[WIDGETS] = [r for r in metadata.requires("ipywidgets") if r.startswith("jupyterlab_widgets")]
CASES = [
    (old_python, "quick", "Python", "3.9.18, too old: 3.10", "conda env create -f environment.yml"),
    (narrow_python, "quick", "Python", "32-bit", "conda env create -f environment.yml"),
    (free_threaded_python, "quick", "Python", "free-threaded", "conda env create -f environment.yml"),
    (another_implementation, "quick", "Python", "CPython only", "conda env create -f environment.yml"),
    (ascii_file_names, "quick", "text encoding", "are ascii", 'export PYTHONUTF8="1"'),
    (course_not_installed, "quick", "packages", "is not installed in this Python", REINSTALL),
    (course_not_installed_and_pip_not_allowed, "quick", "packages", "not installed", "make setup"),
    (a_package_out_of_bounds, "quick", "packages", "missing: nope; torch ", REINSTALL),
    (not_even_packaging, "quick", "packages", "missing: packaging", REINSTALL),
    (a_namesake, "quick", "helpers package", "can hide", "mv {tmp}/helpers.py {tmp}/not-helpers.py"),
    (an_installed_namesake, "quick", "helpers package", "hide", f"{PYTHON} -m pip uninstall -y helpers"),
    (a_second_clone, "quick", "helpers package", "is open", f"{PYTHON} -m pip install -e {{tmp}}/clone"),
    (a_kernel_of_another_python, "quick", "kernel", "starts another Python: /usr/bin/python3",
     "/course/.venv/bin/jupyter kernelspec remove -f python3"),
    (a_notebook_in_another_python, "quick", "kernel", "runs in /course/.venv", "make -C . lab"),
    (widget_versions_apart, "quick", "widgets", "needs jupyterlab_widgets~=",
     f'{PYTHON} -m pip install --upgrade "{WIDGETS}"'),
    (no_widget_extension, "quick", "widgets", "not there",
     f"{PYTHON} -m pip install --force-reinstall --no-deps jupyterlab_widgets"),
    (widget_extension_off, "quick", "widgets", "switched off",
     f'/course/.venv/bin/jupyter labextension enable "{MANAGER}"'),
    (damaged_ranks, "quick", "tokenizer", "the file is damaged", "git -C . checkout -- helpers/assets"),
    (wrong_ids, "quick", "tokenizer", "[1, 2]", "git -C . checkout -- helpers/assets"),
    (a_bundled_file_cut_off, "quick", "bundled files", "model (3 bytes) is damaged or cut off",
     "git checkout -- helpers/assets"),
    (a_bundled_file_missing, "quick", "bundled files", "missing", "git checkout -- helpers/assets"),
    (a_bundled_file_by_lfs, "quick", "bundled files", "pointer of git-lfs", "git -C . lfs pull"),
    (little_memory, "quick", "memory", "2.9 GB of 8 are free, quick mode needs 3",
     "/course/.venv/bin/course check  # after closing other programs"),
    (little_memory, "full", "memory", "full mode needs 16",
     "/course/.venv/bin/course run  # quick mode needs less"),
    (little_disk, "quick", "disk", "0.4 GB", 'export COURSE_RUNS="FOLDER-ON-ANOTHER-DISK"'),
    (runs_in_the_way, "quick", "write access", "Not a directory", 'export COURSE_RUNS="$HOME/course-runs"'),
    (no_cache_of_models, "full", "caches", "cannot be kept", 'export HF_HUB_CACHE="$HOME/course-cache"'),
    (no_cache_of_data, "full", "caches", "cannot be kept", 'export COURSE_CACHE="$HOME/course-cache"'),
    (no_room_for_the_model, "full", "caches", "1.2 GB are free for downloads, 1.4 are needed",
     'export HF_HUB_CACHE="FOLDER-ON-ANOTHER-DISK"'),
    (offline_without_the_model, "full", "caches", "HF_HUB_OFFLINE forbids", "unset HF_HUB_OFFLINE"),
    (no_ollama, "full", "judge", "not installed", "curl -fsSL https://ollama.com/install.sh | sh"),
    (ollama_not_started, "full", "judge", "no Ollama server answers", "ollama serve"),
    (a_card_that_is_too_old, "quick", "device", "(compute capability 6.1) is too old",
     'export CUDA_VISIBLE_DEVICES="-1"'),
    (a_card_that_is_too_new, "quick", "device", "newer than this PyTorch",
     f"{PYTHON} -m pip install --upgrade torch"),
]  # fmt: skip


def one_item(name, mode, machine):
    """The item of that name, after all checks have run once."""
    machine.setattr("helpers.runs.choose_precision", lambda name, device: "fp32")
    [item] = [item for item in check_environment(mode).items if item.name == name]
    assert "\n" not in item.found + item.fix
    return item


@pytest.mark.parametrize(
    ("broken", "mode", "name", "found", "fix"),
    CASES,
    ids=[f"{case[0].__name__}-{case[1]}" for case in CASES],
)
def test_what_fails_names_the_command_that_mends_it(
    machine, tmp_path, broken, mode, name, found, fix
):
    broken(machine, tmp_path)
    item = one_item(name, mode, machine)
    assert (item.ok, item.status) == (False, "MEND")
    assert found in item.found
    assert item.fix == fix.format(tmp=tmp_path)


def test_every_check_has_a_case_that_fails_or_is_a_note(machine):
    names = {item.name for item in check_environment("quick").items}
    assert names - {case[2] for case in CASES} == {"threads"}  # never worth more than a note


OLLAMA = [
    # models, version, what OLLAMA_HOST and the usual address are → found, fix
    ("no model", ["phi3:latest"], "0.12.3", "has no model 'llama3'", "ollama pull llama3"),
    ("old", ["llama3:latest"], "0.4.7", "Ollama 0.4.7 is too old: 0.5", environment.NEW_OLLAMA["linux"]),
    ("wrong port", None, "0.12.3", "but OLLAMA_HOST is 127.0.0.1:", "unset OLLAMA_HOST"),
    ("not Ollama", None, "", "but not as Ollama does", "unset OLLAMA_HOST"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "models", "version", "found", "fix"), OLLAMA, ids=[case[0] for case in OLLAMA]
)
def test_what_ollama_lacks_names_its_command(machine, case, models, version, found, fix):
    machine.setattr("helpers.judge.OllamaJudge.version", lambda judge: version)
    tags = b"[1, 2]" if case == "not Ollama" else None
    with FakeOllama(models=tuple(models or ["llama3:latest"]), tags=tags) as server:
        machine.setenv("OLLAMA_HOST", server.url)
        if case == "wrong port":
            machine.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")
        elif case == "not Ollama":
            machine.setattr(environment, "_answers_at_its_usual_address", lambda judge: False)
        item = one_item("judge", "full", machine)
    assert not item.ok
    assert found in item.found
    assert item.fix == fix


# --- what is worth a note: it works, and could be better -----------------------------------------


def test_a_pytorch_without_cuda_beside_an_nvidia_driver(machine):
    machine.setattr(
        shutil, "which", lambda name: "/usr/bin/nvidia-smi" if "nvidia" in name else None
    )
    machine.setattr("torch.version.cuda", None)
    item = one_item("device", "quick", machine)
    assert (item.ok, item.status) == (True, "note")
    assert "cpu in fp32" in item.found
    assert "this PyTorch is built without CUDA" in item.found
    assert item.fix == f"{PYTHON} -m pip install --force-reinstall torch"
    machine.setattr(sys, "platform", "win32")  # PyPI has no CUDA build for Windows
    item = one_item("device", "quick", machine)
    assert " torch --index-url https://download.pytorch.org/whl/cu" in item.fix


def test_a_card_that_pytorch_cannot_use_gives_its_reason(machine):
    def old_driver(name):
        warnings.warn("The NVIDIA driver on your system is too old", UserWarning, stacklevel=1)
        return "cpu"

    machine.setattr(
        shutil, "which", lambda name: "/usr/bin/nvidia-smi" if "nvidia" in name else None
    )
    machine.setattr("torch.version.cuda", "13.0")
    machine.setattr("helpers.runs.choose_device", old_driver)
    item = one_item("device", "quick", machine)
    assert (item.status, item.fix) == ("note", "nvidia-smi")
    assert "driver on your system is too old" in item.found


@pytest.mark.parametrize(("capability", "native"), [((7, 5), "does not have"), ((9, 0), "has")])
def test_a_usable_card_says_whether_bfloat16_is_native(machine, capability, native, tmp_path):
    a_card_that_is_too_old(machine, tmp_path, capability)
    item = one_item("device", "full", machine)
    assert (item.ok, item.fix) == (True, "")
    assert item.found == f"cuda in fp32: Some Card, which {native} native bfloat16"


def test_an_apple_card_is_mentioned(machine):
    machine.setattr("torch.backends.mps.is_available", lambda: True)
    item = one_item("device", "quick", machine)
    assert item.found == (
        "cpu in fp32, as quick mode always does; `course train --device mps` takes the Apple GPU"
    )


def test_one_thread_on_many_cores(machine):
    machine.setattr("torch.get_num_threads", lambda: 1)
    item = one_item("threads", "quick", machine)
    assert (item.status, item.found) == ("note", "1 of 8 cores")
    assert item.fix == 'export OMP_NUM_THREADS="8"'
    machine.setenv("OMP_NUM_THREADS", "1")
    item = one_item("threads", "quick", machine)
    assert item.found == "1 of 8 cores, because OMP_NUM_THREADS is 1"
    assert item.fix == "unset OMP_NUM_THREADS"


def test_other_programs_at_work(machine):
    """PyTorch's threads wait for each other, and a thread that shares its core is late."""
    machine.setattr(environment, "busy_cores", lambda: 1.02)
    item = one_item("threads", "quick", machine)
    assert (item.status, item.found) == (
        "note",
        "8; other programs keep 1.0 cores busy, so the lessons will take much longer",
    )
    assert item.fix.endswith("check  # after closing them")
    machine.setattr("torch.get_num_threads", lambda: 6)  # two cores are left for others
    assert one_item("threads", "quick", machine).status == "ok"


def test_the_work_of_others_is_measured(monkeypatch):
    monkeypatch.setattr("psutil.cpu_percent", lambda interval: 75.0)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert environment.busy_cores(0.0) == 3.0


def test_a_screen_that_cannot_show_every_character(machine):
    machine.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    item = one_item("text encoding", "quick", machine)
    assert (item.status, item.fix) == ("note", 'export PYTHONUTF8="1"')
    assert "cp1252" in item.found
    machine.setenv("PYTHONIOENCODING", "cp1252")
    assert one_item("text encoding", "quick", machine).fix == "unset PYTHONIOENCODING"


def test_a_jupyter_of_another_python_on_the_path(machine):
    """The classical trap: `jupyter lab` starts the system's, and `import helpers` fails in it."""
    machine.setattr(shutil, "which", lambda name: "/usr/bin/jupyter" if name == "jupyter" else None)
    item = one_item("kernel", "quick", machine)
    assert (item.status, item.fix) == ("note", "/course/.venv/bin/jupyter lab .")
    assert "`jupyter` in this terminal is another Python's" in item.found


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["/usr/bin/python3", "/usr/bin/jupyter-lab"], "note"),
        (["/course/.venv/bin/python", "/course/.venv/bin/jupyter-lab"], "ok"),
        (["/Frameworks/Python", "/course/.venv/bin/jupyter-lab"], "ok"),  # macOS
        (["/usr/bin/python3", "/course/.venv/bin/course", "run"], "ok"),
    ],
)
def test_a_server_of_another_python_may_lack_the_widgets(machine, command, status):
    parent = SimpleNamespace(cmdline=lambda: command)
    machine.setattr("psutil.Process", lambda pid: parent)
    machine.setattr(environment, "in_notebook", lambda: True)
    assert one_item("kernel", "quick", machine).ok
    item = one_item("widgets", "quick", machine)
    assert item.status == status
    assert item.fix == ("make -C . lab" if status == "note" else "")


def test_caches_are_no_failure_where_nothing_is_downloaded(machine, tmp_path):
    no_cache_of_models(machine, tmp_path)
    item = one_item("caches", "quick", machine)
    assert (item.status, item.ok) == ("note", True)


def test_what_full_mode_will_download(machine):
    item = one_item("caches", "full", machine)
    assert item.found == ("writable; still to be downloaded: gpt2-medium, data set book (1.4 GB)")


# --- a check that breaks down, packages that do not load -----------------------------------------


def test_a_check_that_breaks_down_does_not_stop_the_others(machine):
    def burst(path):
        raise OSError(5, "Input/output error")

    machine.setattr(shutil, "disk_usage", burst)
    report = check_environment("quick")
    items = {item.name: item for item in report.items}
    assert len(items) == 15
    assert [name for name, item in items.items() if not item.ok] == ["disk", "caches"]
    assert items["disk"].found == "this check broke down: OSError: [Errno 5] Input/output error"
    assert items["disk"].fix == REINSTALL
    assert report.verdict == "2 things to mend: disk, caches."


def test_a_mistake_of_our_own_is_not_hidden(machine):
    machine.setattr(shutil, "disk_usage", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check_environment("quick")


def broken_import(machine, error):
    """`import helpers.settings` (and with it PyTorch) fails."""
    real = builtins.__import__

    def fake(name, *args, **kwargs):
        if name == "helpers.settings":
            raise error
        return real(name, *args, **kwargs)

    machine.setattr(builtins, "__import__", fake)


def test_missing_packages_are_one_failure_and_no_traceback(machine):
    broken_import(machine, ModuleNotFoundError("No module named 'torch'"))
    course_not_installed(machine, None)
    report = check_environment("full")
    assert report.verdict == "1 thing to mend: packages."
    item = report.items[2]
    assert item.found == (
        "the course is not installed in this Python; 11 further checks wait for it"
    )
    assert item.fix == REINSTALL


def test_packages_that_are_there_and_do_not_load(machine):
    broken_import(machine, ImportError("cannot import name 'a'\nfrom 'b'"))
    report = check_environment()
    assert report.verdict == "1 thing to mend: loading."
    assert report.items[-1].found.startswith(
        "the course's packages do not load (ImportError: cannot import name 'a' from 'b');"
    )
    assert report.items[-1].fix == REINSTALL


def test_a_library_of_windows_that_pytorch_needs(machine):
    broken_import(machine, OSError("[WinError 126] The specified module could not be found"))
    machine.setattr(sys, "platform", "win32")
    assert check_environment().items[-1].fix == environment.VISUAL_C


def test_an_unknown_mode_in_the_environment_is_an_item(machine):
    machine.setenv("COURSE_MODE", "fulll")
    report = check_environment()
    [item] = [item for item in report.items if not item.ok]
    assert (item.name, item.fix) == ("mode", "unset COURSE_MODE")
    assert "unknown mode 'fulll'; did you mean 'full'?" in item.found
    with pytest.raises(SettingsError, match="unknown mode 'fulll'"):
        check_environment("fulll")


COMMANDS = sorted(p.stem for p in (COURSE / "helpers" / "commands").glob("*.py"))


@pytest.mark.parametrize(
    "name", ["cli", "errors", "environment", *(f"commands/{name}" for name in COMMANDS)]
)
def test_an_old_python_can_read_what_tells_it_that_it_is_old(name):
    source = (COURSE / "helpers" / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    for node in tree.body:  # at the top: nothing but the standard library and the course's errors
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or node.names[0].name
            ours = module == "helpers.errors" or module.startswith("helpers.commands")
            assert ours or module.split(".")[0] in sys.stdlib_module_names


def test_a_clone_in_the_current_folder_is_not_an_installation(monkeypatch, tmp_path):
    """setuptools leaves a folder *.egg-info in a clone, whichever Python it was installed into."""
    name = "instruction_finetuning_course"
    for folder, file in (
        (f"clone/{name}.egg-info", "PKG-INFO"),
        (f"site/{name}-0.1.0.dist-info", "METADATA"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / file).write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n"
        )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "clone")])
    assert environment.course_distribution() is None
    monkeypatch.setattr(sys, "path", [str(tmp_path / "clone"), str(tmp_path / "site")])
    assert environment.course_distribution().version == "0.1.0"


@pytest.mark.parametrize(
    ("limit", "expected"), [("2000000000\n", (2.0, 2.0)), ("max\n", (6.0, 8.0))]
)
def test_the_limit_of_a_container_counts(monkeypatch, tmp_path, limit, expected):
    (tmp_path / "memory.max").write_text(limit)
    memory = SimpleNamespace(available=6e9, total=8e9)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr(environment, "MEMORY_LIMITS", (str(tmp_path / "memory.max"), "/nowhere"))
    assert environment.memory_gb() == expected


# --- commands on other systems -------------------------------------------------------------------


def test_commands_on_windows(machine):
    machine.setattr(sys, "platform", "win32")
    machine.setattr(sys, "executable", r"C:\Users\A B\course\.venv\Scripts\python.exe")
    assert environment._set("COURSE_RUNS", "D:/runs") == '$env:COURSE_RUNS = "D:/runs"'
    assert environment._unset("HF_HUB_OFFLINE") == "Remove-Item Env:HF_HUB_OFFLINE"
    assert environment.start_lab() == r".venv\Scripts\jupyter lab"
    assert environment.install_command() == (  # PowerShell runs a quoted program after & only
        r'& "C:\Users\A B\course\.venv\Scripts\python.exe" -m pip install -e .'
    )
    machine.setattr(environment, "_in_environment", lambda: False)
    machine.setattr(environment, "_is_managed", lambda: True)
    assert environment.install_command() == (
        r"py -m venv .venv; .venv\Scripts\python -m pip install -e ."
    )
    assert "make" not in environment.install_command()
    old_python(machine, None)
    assert environment.check_python().fix.startswith("winget install ")
    machine.setattr(sys, "platform", "darwin")
    assert environment.check_python().fix.startswith("brew install ")


def test_in_an_environment_of_conda_it_is_condas_business(machine, tmp_path):
    (tmp_path / "conda-meta").mkdir()
    machine.setattr(sys, "prefix", str(tmp_path))
    assert environment.install_command() == f"conda env update -p {tmp_path} -f environment.yml"
    assert environment.install_command("--upgrade", "torch").endswith(
        "-m pip install --upgrade torch"
    )


def test_from_another_folder_the_commands_name_the_courses(machine, tmp_path):
    machine.chdir(tmp_path)
    assert environment.install_command() == f"{PYTHON} -m pip install -e {COURSE}"
    assert environment._restore_assets() == f"git -C {COURSE} checkout -- helpers/assets"
    machine.setattr(environment, "_is_clone", lambda: False)
    assert environment._restore_assets().endswith(f" --force-reinstall --no-deps {COURSE}")


# --- the report ----------------------------------------------------------------------------------

LONG = "a rather long finding of many words " * 5
REPORT = Report(
    "quick",
    (
        Item("Python", True, "3.12.4"),
        Item(
            "threads", True, "1 of 8 cores, because OMP_NUM_THREADS is 1", "unset OMP_NUM_THREADS"
        ),
        Item("packages", False, "torch is <missing>", "pip install -e ."),
        Item("disk", False, LONG, "x" * 90),
    ),
)


def test_the_report_as_text():
    lines = str(REPORT).splitlines()
    assert lines[:5] == [
        "ok    Python          3.12.4",
        "note  threads         1 of 8 cores, because OMP_NUM_THREADS is 1",
        "      better: unset OMP_NUM_THREADS",
        "MEND  packages        torch is <missing>",
        "      type:   pip install -e .",
    ]
    assert lines[-1] == "2 things to mend: packages, disk."
    assert all(len(line) <= 79 for line in lines if "xxx" not in line)
    assert any(line.endswith("x" * 90) for line in lines)  # a command stays whole, to be copied
    assert " ".join(LONG.split()) in " ".join(str(REPORT).split())


def test_the_report_as_a_table_tells_the_status_in_words():
    page = REPORT._repr_html_()
    assert page.count("<tr>") == 5
    assert page.count("<strong>MEND</strong>") == 2
    assert '<td style="text-align:left">note</td>' in page
    assert "torch is &lt;missing&gt;" in page
    assert "<code>pip install -e .</code>" in page
    assert "2 things to mend: packages, disk." in page
    assert "color" not in page
    fine = Report("full", REPORT.items[:1])
    assert "type this" not in fine._repr_html_()
    assert "Ready for full mode." in fine._repr_html_()


def test_the_report_as_json():
    value = json.loads(json.dumps(REPORT.as_dict()))
    assert (value["mode"], value["ready"]) == ("quick", False)
    assert value["items"][2] == {
        "name": "packages", "ok": False, "found": "torch is <missing>", "fix": "pip install -e .",
    }  # fmt: skip


# --- the bundled files ---------------------------------------------------------------------------


def test_the_recorded_hashes_are_those_of_the_bundled_files():
    """New assets? `python tests/test_environment.py` in the course's environment writes the list anew."""
    lines = (ASSETS / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    recorded = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert recorded == asset_hashes()


def test_git_leaves_the_line_ends_of_the_assets_alone():
    """Git for Windows turns LF into CRLF in what it takes for text; the hashes would not fit."""
    if not (COURSE / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a clone of a git repository, or no git")
    files = [f"helpers/assets/{name}" for name in asset_hashes()]
    command = ["git", "check-attr", "text", "--", *files]
    out = subprocess.run(command, cwd=COURSE, capture_output=True, text=True, check=True).stdout
    assert out.count(": text: unset") == len(files)


def test_where_scripts_do_not_lie_beside_python(machine):
    """As in conda on Windows: python.exe at the top, jupyter.exe in Scripts."""
    machine.setattr(environment, "_scripts", lambda: Path("/conda/Scripts"))
    machine.setattr(sys, "executable", "/conda/python")
    machine.setattr(shutil, "which", lambda name: "/conda/Scripts/jupyter")
    assert one_item("kernel", "quick", machine).status == "ok"
    assert environment._script("jupyter", "lab") == "/conda/Scripts/jupyter lab"


if __name__ == "__main__":
    lines = [f"{digest}  {name}\n" for name, digest in asset_hashes().items()]
    (ASSETS / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")
