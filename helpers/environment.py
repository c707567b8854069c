"""Is this machine ready? One item a check: what was found and, where needed, the command to type.

Here is `check_environment`, which `course check` and lesson 00 show. It must be able to speak when
the course's packages are missing or broken, so this file imports only the standard library at the
top; every other import happens inside the check that needs it. No check changes anything.
"""

from __future__ import annotations

import html
import locale
import os
import re
import shutil
import struct
import sys
import sysconfig
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

from helpers.errors import CourseError, JudgeError, SettingsError, without_password

COURSE = Path(__file__).resolve().parent.parent
ASSETS = COURSE / "helpers" / "assets"
DISTRIBUTION = "instruction-finetuning-course"
OLDEST_PYTHON = (3, 10)
USUAL_OLLAMA = "127.0.0.1"  # its default port is added
OLDEST_OLLAMA = (0, 5)  # replies in a fixed shape (`format` with a JSON schema) came with 0.5.0
NEW_PYTHON = {
    "win32": "winget install --exact --id Python.Python.3.12 --architecture x64",
    "darwin": "brew install python@3.12",
}
NEW_OLLAMA = {
    "win32": "winget install --exact --id Ollama.Ollama",
    "darwin": "brew install ollama",
    "linux": "curl -fsSL https://ollama.com/install.sh | sh",
}
MEMORY_LIMITS = (  # of a container on Linux, version 2 and version 1 of its control groups
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
# Threads of PyTorch wait for each other. When another program took one of two cores, generating was
# 3 to 5 times as slow; half a core is more than an idle desktop takes.
BUSY_CORES = 0.5
VISUAL_C = "winget install --exact --id Microsoft.VCRedist.2015+.x64"


@dataclass(frozen=True)
class Item:
    """One line of the report. With `ok`, a `fix` is advice; without, it is what mends the failure."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    @property
    def status(self) -> str:
        """The word that people read: ok, note (works, could be better) or MEND."""
        return ("note" if self.fix else "ok") if self.ok else "MEND"


@dataclass(frozen=True)
class Report:
    """All items for one mode. Shown as a table in a notebook and as aligned text elsewhere."""

    mode: str
    items: tuple[Item, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing has to be mended."""
        return all(item.ok for item in self.items)

    @property
    def verdict(self) -> str:
        """The report in one line."""
        bad = [item.name for item in self.items if not item.ok]
        if not bad:
            return f"Ready for {self.mode} mode."
        return f"{len(bad)} {'thing' if len(bad) == 1 else 'things'} to mend: {', '.join(bad)}."

    def as_dict(self) -> dict:
        """The report as plain values, for JSON."""
        items = [asdict(item) for item in self.items]
        return {"mode": self.mode, "ready": self.ready, "verdict": self.verdict, "items": items}

    def __str__(self) -> str:
        """Lines of at most 80 characters, but for commands, which must stay whole to be copied."""
        lines = []
        for item in self.items:
            head = f"{item.status:5} {item.name:15} "
            indents = {"initial_indent": head, "subsequent_indent": " " * len(head)}
            lines += textwrap.wrap(item.found, 79, break_on_hyphens=False, **indents)
            if item.fix:
                lines.append(f"{'':6}{'type:' if not item.ok else 'better:':8}{item.fix}")
        return "\n".join([*lines, "", *textwrap.wrap(self.verdict, 79)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """A table for a notebook; the status is a word, so nothing hangs on colour."""
        fixes = any(item.fix for item in self.items)
        names = ["status", "what", "found"] + (["type this in a terminal"] if fixes else [])
        head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in names)
        rows = []
        for item in self.items:
            cells = [item.status, item.name, item.found]
            texts = [html.escape(text) for text in cells]
            if not item.ok:
                texts[0] = f"<strong>{texts[0]}</strong>"
            if fixes:
                texts.append(f"<code>{html.escape(item.fix)}</code>" if item.fix else "")
            row = "".join(f'<td style="text-align:left">{text}</td>' for text in texts)
            rows.append(f"<tr>{row}</tr>")
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        return f"{table}<p><strong>{html.escape(self.verdict)}</strong></p>"


def check_environment(mode: str = "") -> Report:
    """What this machine has and lacks for the mode ("quick", "full"; "" asks COURSE_MODE).

    Raises SettingsError for an unknown `mode`; everything else that is wrong becomes an item.
    """
    items = [_guarded(check) for check in BASIC_CHECKS]
    try:
        from helpers.settings import Settings, course_settings
    except LOADING_ERRORS as error:
        mode = mode or os.environ.get("COURSE_MODE") or "quick"
        return Report(mode, _not_loaded(items, error))
    try:
        settings = course_settings(mode)
    except SettingsError as error:
        if mode:
            raise
        settings = Settings.quick()
        items.append(Item("mode", False, str(error), _unset("COURSE_MODE")))
    items += [_guarded(check, settings) for check in CHECKS]
    return Report(settings.mode, tuple(items))


# What goes wrong when packages of the course are imported: one is missing (ImportError), a library
# behind it does not load (OSError), or two of them do not fit each other (the rest).
LOADING_ERRORS = (ImportError, OSError, AttributeError, RuntimeError, ValueError)
# A check may meet all of that, and in addition files with other contents than they should have.
CHECK_ERRORS = (*LOADING_ERRORS, CourseError, LookupError, TypeError)


def _guarded(check: Callable[..., Item], *settings) -> Item:
    """The check's item. A check that breaks down is an item too: it must not hide the others."""
    try:
        return check(*settings)
    except CHECK_ERRORS as error:
        name = check.__name__[len("check_") :].replace("_", " ")
        reason = f"this check broke down: {type(error).__name__}: {error}"
        return Item(name, False, " ".join(reason.split()), install_command())


def _not_loaded(items: list[Item], error: BaseException) -> tuple[Item, ...]:
    """The items, one of which says why the rest cannot run: one failure, not a dozen of them."""
    waiting = f"{len(CHECKS)} further checks wait for it"
    if any(not item.ok and item.name == "packages" for item in items):  # then this is the reason
        return tuple(
            replace(item, found=f"{item.found}; {waiting}") if item.name == "packages" else item
            for item in items
        )
    # WinError 126: Microsoft's runtime library is not there, without which PyTorch does not load.
    library = isinstance(error, OSError) and sys.platform == "win32"
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    found = f"the course's packages do not load ({reason}); {waiting}"
    return (*items, Item("loading", False, found, VISUAL_C if library else install_command()))


# --- commands to type ----------------------------------------------------------------------------


def install_command(*arguments: str) -> str:
    """What installs the course (or the packages named) into this very Python.

    Relative paths where the terminal stands in the course's folder. In conda's environments
    without arguments it is conda's business; a system's Python that pip may not touch (PEP 668)
    gets an environment beside the course.
    """
    if not arguments and (Path(sys.prefix) / "conda-meta").is_dir():
        prefix, file = _quoted(sys.prefix), _quoted(COURSE / "environment.yml")
        return f"conda env update -p {prefix} -f {file}"
    if not arguments and _is_managed() and not _in_environment():
        if sys.platform == "win32":
            return "py -m venv .venv; .venv\\Scripts\\python -m pip install -e ."
        return "make setup" if Path.cwd() == COURSE else f"make -C {_quoted(COURSE)} setup"
    packages = list(arguments) or ["-e", _quoted(COURSE)]
    return " ".join([_program(sys.executable), "-m pip install", *packages])


def _in_environment() -> bool:
    return sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()


def _is_managed() -> bool:
    return (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists()


def _quoted(path: str | Path) -> str:
    """The path as short as it can be from here, in quotes where it holds a blank."""
    try:
        short = str(Path(path).relative_to(Path.cwd()))
    except ValueError:  # it lies elsewhere
        short = str(path)
    return f'"{short}"' if " " in short else short


def _program(path: str | Path) -> str:
    """The path as the first word of a command. PowerShell takes quotes there for a mere text."""
    quoted = _quoted(path)
    return f"& {quoted}" if sys.platform == "win32" and quoted.startswith('"') else quoted


def _script(name: str, *arguments: str) -> str:
    """A command line for a program of this environment, such as `.venv/bin/jupyter lab`."""
    return " ".join([_program(_scripts() / name), *arguments])


def _scripts() -> Path:
    """Where this Python's programs are; in conda on Windows that is not where python.exe is."""
    return Path(sysconfig.get_path("scripts"))


def _set(name: str, value: str) -> str:
    return f'$env:{name} = "{value}"' if sys.platform == "win32" else f'export {name}="{value}"'


def _unset(name: str) -> str:
    return f"Remove-Item Env:{name}" if sys.platform == "win32" else f"unset {name}"


def _restore_assets() -> str:
    """What brings the bundled files back: editable installs do not copy them, so pip cannot."""
    if _is_clone():
        return f"git -C {_quoted(COURSE)} checkout -- helpers/assets"
    return install_command("--force-reinstall", "--no-deps", _quoted(COURSE))


def _is_clone() -> bool:
    return (COURSE / ".git").exists()


# --- checks that need the standard library only --------------------------------------------------


def check_python() -> Item:
    """A Python that the packages exist for: new enough, CPython, 64 bits, with the usual lock."""
    found = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    found = found.replace("cpython ", "")
    wrong = ""
    if sys.version_info < OLDEST_PYTHON:
        wrong = f"too old: {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed"
    elif sys.implementation.name != "cpython":
        wrong = "PyTorch exists for CPython only"
    elif struct.calcsize("P") < 8:
        wrong = "a 32-bit build: PyTorch needs 64 bits"
    elif sysconfig.get_config_var("Py_GIL_DISABLED"):
        wrong = "a free-threaded build: not all packages exist for it"
    fix = NEW_PYTHON.get(sys.platform, f"conda env create -f {_quoted(COURSE / 'environment.yml')}")
    return Item("Python", not wrong, f"{found}, {wrong}" if wrong else found, fix if wrong else "")


def check_text_encoding() -> Item:
    """Whether file names and the screen can hold any character (UTF-8)."""
    files, screen = sys.getfilesystemencoding(), getattr(sys.stdout, "encoding", None) or "utf-8"
    name = "text encoding"
    fix = _set("PYTHONUTF8", "1")
    if files.lower().replace("-", "") != "utf8":
        found = f"file names are {files}, not UTF-8 (locale {locale.setlocale(locale.LC_CTYPE)})"
        return Item(name, False, found, fix)
    try:
        "→é日🙂".encode(screen)
    except UnicodeEncodeError:
        if "PYTHONIOENCODING" in os.environ:  # it would win over PYTHONUTF8
            fix = _unset("PYTHONIOENCODING")
        return Item(name, True, f"the screen shows {screen}: some characters become '?'", fix)
    return Item(name, True, "UTF-8")


def course_distribution() -> metadata.Distribution | None:
    """The course as installed in this Python; None when it merely lies in the current folder."""
    for distribution in metadata.distributions(name=DISTRIBUTION):
        if distribution.read_text("METADATA"):  # a clone's *.egg-info has a PKG-INFO instead
            return distribution
    return None


def check_packages() -> Item:
    """Every package that the course requires, in a version between its bounds."""
    course = course_distribution()
    if course is None:
        fix = start_lab() if in_notebook() else install_command()
        return Item("packages", False, "the course is not installed in this Python", fix)
    lines = course.requires or []
    plain = [re.match(r"[\w.-]+", line).group() for line in lines if ";" not in line]
    absent = [name for name in plain if not _version(name)]
    wrong = [f"missing: {', '.join(absent)}"] if absent else []
    if "packaging" not in absent:  # which reads the bounds
        wrong += _out_of_bounds(lines)
    if wrong:
        return Item("packages", False, "; ".join(wrong), install_command())
    return Item("packages", True, "all there, all within their bounds")


def _out_of_bounds(lines: list[str]) -> list[str]:
    """The packages among these requirements that are there in a version that does not do."""
    from packaging.requirements import Requirement

    wrong = []
    for requirement in map(Requirement, lines):
        applies = not requirement.marker or requirement.marker.evaluate({"extra": ""})
        version = _version(requirement.name)
        # Pre-releases count: vendors' builds of PyTorch call themselves 2.9.0a0+…
        fits = not version or requirement.specifier.contains(version, prereleases=True)
        if applies and not fits:
            wrong.append(f"{requirement.name} {version} (needs {requirement.specifier})")
    return wrong


def _version(name: str) -> str:
    """The installed version, or "" (also where a broken installation has lost it)."""
    try:
        return metadata.version(name) or ""
    except (metadata.PackageNotFoundError, KeyError):
        return ""


def check_helpers_package() -> Item:
    """That `helpers` means this course: no namesake, and no second copy of the course."""
    name = "helpers package"
    for rival in _rivals():
        owners = [
            owner
            for owner in metadata.packages_distributions().get("helpers", [])
            if owner != DISTRIBUTION
        ]
        found = f"another package of this name lies at {rival}: it can hide the course's"
        if owners:
            fix = f"{_program(sys.executable)} -m pip uninstall -y {owners[0]}"
        else:
            move = "Move-Item" if sys.platform == "win32" else "mv"
            fix = f"{move} {_quoted(rival)} {_quoted(rival.with_name('not-' + rival.name))}"
        return Item(name, False, found, fix)
    for beside in (Path.cwd(), Path.cwd().parent):
        module = beside / "helpers" / "environment.py"
        if module.exists() and not module.samefile(__file__):
            found = f"the course in {beside} is open, but `helpers` comes from {COURSE}"
            fix = f"{_program(sys.executable)} -m pip install -e {_quoted(beside)}"
            return Item(name, False, found, fix)
    return Item(name, True, "the course's own")


def _rivals() -> Iterator[Path]:
    """Other modules or packages called `helpers` that an import could find."""
    for entry in dict.fromkeys(sys.path):
        for path in (Path(entry or ".") / "helpers", Path(entry or ".") / "helpers.py"):
            module = path / "__init__.py" if path.suffix == "" else path
            own = path.is_dir() and path.resolve() == COURSE / "helpers"
            # A second clone of this course is the business of the check for copies.
            if module.is_file() and not own and not (path / "environment.py").exists():
                yield path.resolve()


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and hasattr(shell, "kernel")


def start_lab() -> str:
    """What opens the course in the JupyterLab of its own environment."""
    if sys.platform == "win32":
        return ".venv\\Scripts\\jupyter lab"
    if in_notebook() or not _in_environment():
        return f"make -C {_quoted(COURSE)} lab"
    return _script("jupyter", "lab", _quoted(COURSE))


def _is_ours(program: Path) -> bool:
    """Whether the program lies beside this Python or among its scripts."""
    folders = (Path(sys.executable).parent, _scripts())
    return _real(program.parent) in [_real(folder) for folder in folders]


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


BASIC_CHECKS = (check_python, check_text_encoding, check_packages, check_helpers_package)


# --- checks that need the course's packages ------------------------------------------------------


def check_kernel(settings) -> Item:
    """That notebooks run in this environment.

    In a notebook: the Python of this kernel has the course. In a terminal: the kernel `python3`
    that Jupyter finds first starts this Python, and `jupyter` is this environment's.
    """
    if in_notebook():
        where = "this notebook's Python has the course installed"
        if course_distribution() is None:
            where = f"this notebook runs in {sys.prefix}, where the course is not installed"
            return Item("kernel", False, where, start_lab())
        return Item("kernel", True, where)
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = Path(spec.argv[0])
    # A bare `python` is replaced by the Python that runs Jupyter (jupyter_client).
    if program.is_absolute() and not _is_ours(program):
        found = f"Jupyter's kernel python3 ({spec.resource_dir}) starts another Python: {program}"
        return Item("kernel", False, found, _script("jupyter", "kernelspec remove -f python3"))
    first = shutil.which("jupyter")
    if first and not _is_ours(Path(first)):
        return Item("kernel", True, "`jupyter` in this terminal is another Python's", start_lab())
    return Item("kernel", True, "notebooks run in this environment")


def check_widgets(settings) -> Item:
    """The front end of the checkboxes and sliders: the versions fit, the extension is on."""
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_page_config
    from packaging.requirements import Requirement

    extension = "@jupyter-widgets/jupyterlab-manager"
    for needed in map(Requirement, metadata.requires("ipywidgets") or []):
        version = _version(needed.name)
        if needed.name == "jupyterlab_widgets" and not needed.specifier.contains(version or "0"):
            found = f"ipywidgets {_version('ipywidgets')} needs {needed}, found {version or 'none'}"
            return Item("widgets", False, found, install_command("--upgrade", f'"{needed}"'))
    page = get_page_config(jupyter_path("labextensions"))
    if extension not in [entry["name"] for entry in page.get("federated_extensions", [])]:
        found = f"JupyterLab's extension {extension} is not there"
        repair = install_command("--force-reinstall", "--no-deps", "jupyterlab_widgets")
        return Item("widgets", False, found, repair)
    if any(name.split(":")[0] == extension for name in page.get("disabledExtensions", [])):
        found = f"JupyterLab's extension {extension} is switched off"
        enable = _script("jupyter", f'labextension enable "{extension}"')  # PowerShell reads @…
        return Item("widgets", False, found, enable)
    if in_notebook() and (other := _server_elsewhere()):
        found = f"JupyterLab itself runs in another Python ({other}), which may lack ipywidgets"
        return Item("widgets", True, found, start_lab())
    return Item(
        "widgets", True, f"ipywidgets {_version('ipywidgets')} and its JupyterLab extension"
    )


def _server_elsewhere() -> str:
    """The Jupyter server's program that started this kernel, if it is another Python's; else ""."""
    import psutil

    try:
        words = psutil.Process(os.getppid()).cmdline()[:3]
    except psutil.Error:  # gone, or another user's: then nothing can be said
        return ""
    # The script tells, not the first word: a framework build on macOS puts its own path there.
    scripts = [Path(word) for word in words if Path(word).stem.startswith("jupyter")]
    foreign = [path for path in scripts if path.is_absolute() and not _is_ours(path)]
    return str(foreign[0]) if foreign else ""


def check_tokenizer(settings) -> Item:
    """GPT-2's tokenizer from its bundled file, without a network."""
    from helpers.tokenizer import load_tokenizer

    try:
        ids = load_tokenizer().encode_ordinary("Hello world")
    except CourseError as error:
        return Item("tokenizer", False, str(error), _restore_assets())
    right = ids == [15496, 995]
    return Item("tokenizer", right, f'"Hello world" is {ids}', "" if right else _restore_assets())


def check_bundled_files(settings) -> Item:
    """The bundled models and data, byte for byte as in assets/SHA256SUMS (format of sha256sum)."""
    from helpers.files import sha256

    lines = (ASSETS / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    for expected, name in (line.split(maxsplit=1) for line in lines):
        path = ASSETS / name
        if not path.exists():
            return Item("bundled files", False, f"{name} is missing", _restore_assets())
        with open(path, "rb") as f:
            pointer = f.read(40).startswith(b"version https://git-lfs")
        if pointer:
            found = f"{name} is a pointer of git-lfs, not the file itself"
            return Item("bundled files", False, found, f"git -C {_quoted(COURSE)} lfs pull")
        if sha256(path) != expected:
            found = f"{name} ({path.stat().st_size:,} bytes) is damaged or cut off"
            return Item("bundled files", False, found, _restore_assets())
    return Item("bundled files", True, f"models and data whole ({len(lines)} files)")


def memory_gb() -> tuple[float, float]:
    """Memory that is free now and all there is, in GB (10⁹ bytes); a container's limit counts."""
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available, memory.total
    for limit in MEMORY_LIMITS:
        text = Path(limit).read_text().strip() if Path(limit).exists() else ""
        if text.isdigit():  # "max" means none
            free, total = min(free, int(text)), min(total, int(text))
    return free / 1e9, total / 1e9


def check_memory(settings) -> Item:
    """Enough free memory for the mode's model, its gradients and optimiser."""
    free, total = memory_gb()
    need = settings.memory_gb
    if free >= need:
        return Item("memory", True, f"at least {need:g} of {total:.0f} GB are free")
    found = f"{free:.1f} GB of {total:.0f} are free, {settings.mode} mode needs {need:g}"
    if settings.mode == "full":
        return Item("memory", False, found, _script("course", "run  # quick mode needs less"))
    return Item("memory", False, found, _script("course", "check  # after closing other programs"))


def check_disk(settings) -> Item:
    """Enough room where runs are kept."""
    from helpers.settings import runs_folder

    free = shutil.disk_usage(_nearest_existing(runs_folder())).free / 1e9
    need = settings.disk_gb
    if free >= need:
        return Item("disk", True, f"at least {need:g} GB are free for runs")
    found = f"{free:.1f} GB are free for runs, {settings.mode} mode needs {need:g}"
    return Item("disk", False, found, _set("COURSE_RUNS", "FOLDER-ON-ANOTHER-DISK"))


def _nearest_existing(path: Path) -> Path:
    path = path.absolute()
    return path if path.exists() else _nearest_existing(path.parent)


def _why_not_writable(folder: Path) -> str:
    """Why nothing can be written to the folder (or where it would be made); "" if it can."""
    place = _nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return f"{error.strerror or error}: {place}"


def check_write_access(settings) -> Item:
    """Whether runs can be written."""
    from helpers.settings import runs_folder

    reason = _why_not_writable(runs_folder())
    if not reason:
        return Item("write access", True, "the folder of runs can be written")
    found = f"runs cannot be written ({reason})"
    return Item("write access", False, found, _set("COURSE_RUNS", _home("course-runs")))


def _home(name: str) -> str:
    return f"$HOME\\{name}" if sys.platform == "win32" else f"$HOME/{name}"


def check_caches(settings) -> Item:
    """The folders of downloads: writable and, for full mode, with room for what is not there yet.

    In quick mode nothing is downloaded, so that a problem is only worth a note.
    """
    from huggingface_hub import constants

    from helpers.data import cache_folder

    quick = settings.mode == "quick"
    missing, size = _to_download(settings)
    for variable, folder in (
        ("HF_HUB_CACHE", Path(constants.HF_HUB_CACHE)),
        ("COURSE_CACHE", cache_folder()),
    ):
        fix = _set(variable, _home("course-cache"))
        if reason := _why_not_writable(folder):
            return Item("caches", quick, f"downloads cannot be kept ({reason})", fix)
        free = shutil.disk_usage(_nearest_existing(folder)).free / 1e9
        if free < size:
            found = f"{free:.1f} GB are free for downloads, {size:.1f} are needed"
            return Item("caches", False, found, _set(variable, "FOLDER-ON-ANOTHER-DISK"))
    if missing and constants.HF_HUB_OFFLINE:
        found = f"{' and '.join(missing)} not in the cache, and HF_HUB_OFFLINE forbids to fetch it"
        return Item("caches", False, found, _unset("HF_HUB_OFFLINE"))
    if missing:
        found = f"writable; still to be downloaded: {', '.join(missing)} ({size:.1f} GB)"
    else:
        found = "writable; nothing needs to be downloaded"
    return Item("caches", True, found)


def _to_download(settings) -> tuple[list[str], float]:
    """Model and data set that are not on this machine yet, and their size in GB."""
    from helpers import data, weights

    missing, size = [], 0.0
    known = weights.KNOWN.get(settings.model)
    if known and not weights.cached(known.name):
        missing.append(known.name)
        size += 4 * known.parameters / 1e9  # float32 on the hub
    if settings.data in data.REMOTE and not data.cached(settings.data):
        missing.append(f"data set {settings.data}")
    return missing, size


def check_judge(settings) -> Item:
    """The mode's judge: none to start in quick mode; in full mode Ollama, with the model."""
    from helpers.judge import judge_from_name

    judge = judge_from_name(settings.judge)
    if not hasattr(judge, "preflight"):
        return Item("judge", True, f"{settings.judge}: needs no server")
    try:
        judge.preflight()
    except JudgeError as error:
        return _ollama_failed(judge, error)
    version = judge.version()
    numbers = tuple(int(n) for n in version.split("-")[0].split(".")[:2] if n.isdigit())
    if numbers and numbers < OLDEST_OLLAMA:
        oldest = ".".join(map(str, OLDEST_OLLAMA))
        found = f"Ollama {version} is too old: {oldest} or newer gives replies of a fixed shape"
        return Item("judge", False, found, _new_ollama())
    return Item("judge", True, f"{settings.judge} answers (Ollama {version or 'of some version'})")


def _ollama_failed(judge, error: JudgeError) -> Item:
    """The item for what `preflight` met; it chains the cause, but for a model not pulled."""
    host, found = os.environ.get("OLLAMA_HOST"), str(error)
    if error.__cause__ is None:
        return Item("judge", False, found, f"ollama pull {judge.model}")
    if host and _answers_at_its_usual_address(judge):
        found = f"{found} (Ollama answers at its usual address, but OLLAMA_HOST is {without_password(host)})"
        return Item("judge", False, found, _unset("OLLAMA_HOST"))
    if isinstance(error.__cause__, (ConnectionError, TimeoutError)):
        if host or shutil.which("ollama"):
            return Item("judge", False, found, "ollama serve")
        found = f"Ollama is not installed: no program `ollama`, and no server at {judge.url}"
        return Item("judge", False, found, _new_ollama())
    return Item("judge", False, found, _unset("OLLAMA_HOST") if host else "ollama serve")


def _answers_at_its_usual_address(judge) -> bool:
    usual = type(judge)(judge.model, USUAL_OLLAMA)
    try:
        usual.version()
    except (OSError, CourseError):
        return False
    return usual.url != judge.url


def _new_ollama() -> str:
    return NEW_OLLAMA.get(sys.platform, NEW_OLLAMA["linux"])


def check_device(settings) -> Item:
    """What computes, in which precision, and why; a graphics card that lies idle is worth a note."""
    import torch

    from helpers.runs import choose_device, choose_precision

    with warnings.catch_warnings(record=True) as caught:  # an old driver says so by a warning
        warnings.simplefilter("always")
        device = choose_device("auto")
    if device == "cuda":
        return _check_cuda(settings, torch)
    precision = choose_precision(settings.precision, device)
    why = "as quick mode always does" if settings.mode == "quick" else "measured just now"
    found = f"{device} in {precision}, {why}"
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        if torch.version.cuda is None:
            found += "; an NVIDIA driver is here, but this PyTorch is built without CUDA"
            return Item("device", True, found, _cuda_torch())
        reason = str(caught[0].message) if caught else "no card is visible to it"
        found += f"; PyTorch cannot use the NVIDIA card: {' '.join(reason.split())[:200]}"
        return Item("device", True, found, "nvidia-smi")
    if torch.backends.mps.is_available():
        found += "; `course train --device mps` takes the Apple GPU"
    return Item("device", True, found)


def _check_cuda(settings, torch) -> Item:
    from helpers.runs import choose_precision

    name, (major, minor) = torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0)
    listed = torch.cuda.get_arch_list()  # such as sm_75 sm_90a sm_120, compute_120
    built = [int("".join(filter(str.isdigit, arch))) for arch in listed]
    card = f"{name} (compute capability {major}.{minor})"
    if built and 10 * major + minor < min(built):
        found = f"{card} is too old for this PyTorch, which would fail on it: leave it out"
        return Item("device", False, found, _set("CUDA_VISIBLE_DEVICES", "-1"))
    # compute_… is code that newer cards translate for themselves; sm_… runs within its generation.
    if built and major > max(built) // 10 and not any(a.startswith("compute") for a in listed):
        found = f"{card} is newer than this PyTorch, which would fail on it"
        return Item("device", False, found, install_command("--upgrade", "torch"))
    precision = choose_precision(settings.precision, "cuda")
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    known = "has" if native else "does not have"
    return Item("device", True, f"cuda in {precision}: {name}, which {known} native bfloat16")


def _cuda_torch() -> str:
    """What replaces a PyTorch without CUDA. PyPI has CUDA's build for Linux, but not for Windows."""
    reinstall = install_command("--force-reinstall", "torch")
    windows = " --index-url https://download.pytorch.org/whl/cu126"
    return reinstall + (windows if sys.platform == "win32" else "")


def check_threads(settings) -> Item:
    """How many of the processor's cores PyTorch uses, and whether others use them too."""
    import torch

    threads, cores = torch.get_num_threads(), _cores()
    found = f"{threads} of {cores} cores" if threads < cores else f"{threads}"
    if (busy := busy_cores()) > cores - threads + BUSY_CORES:
        found += (
            f"; other programs keep {busy:.1f} cores busy, so the lessons will take much longer"
        )
        return Item("threads", True, found, _script("course", "check  # after closing them"))
    if threads == 1 and cores >= 4:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            if os.environ.get(variable) == "1":
                return Item("threads", True, f"{found}, because {variable} is 1", _unset(variable))
        return Item("threads", True, found, _set("OMP_NUM_THREADS", str(cores)))
    return Item("threads", True, found)


def busy_cores(seconds: float = 0.5) -> float:
    """How many cores' worth of work other programs do, while this one waits `seconds`."""
    import psutil

    return psutil.cpu_percent(interval=seconds) / 100 * (os.cpu_count() or 1)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


CHECKS = (
    check_kernel,
    check_widgets,
    check_tokenizer,
    check_bundled_files,
    check_memory,
    check_disk,
    check_write_access,
    check_caches,
    check_judge,
    check_device,
    check_threads,
)
