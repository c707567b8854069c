"""Bad input: one clear line with the value, the limit and the remedy, and nothing half-written.

Each case is a command line as a beginner might type it, in a folder with a small model and a small
data set. `says` lists what the line must contain. Afterwards the whole folder is as it was before.
"""

import gzip
import json
import pickle
import shlex
import shutil
import socket
import threading
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from conftest import TINY, random_model
from fake_ollama import FakeOllama, free_port

from helpers import cli
from helpers.data import load_records
from helpers.files import read_json, write_json
from helpers.weights import save_model

SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)
ROW = {"instruction": "Add 1.", "input": "", "output": "2"}
TRAIN = "train --model model --out run --max-length 97 --device cpu --precision fp32 --lr 0.01"
DATA = f"{TRAIN} --data"
GENERATE = "generate --model model --data data.json --max-new-tokens 2 --device cpu --out a.json"
MASKING = "masking --model model --data data.json --out grid --device cpu --precision fp32"
OLLAMA = "judge responses.json --judge ollama:llama3"


@pytest.fixture(scope="module")
def template_place(tmp_path_factory):
    """The folder that every case starts from a copy of."""
    place = tmp_path_factory.mktemp("template")
    save_model(random_model(SMALL), place / "model")
    rows = [{**ROW, "instruction": f"Add {n}.", "output": f"It is {n}."} for n in range(30)]
    write_json(place / "data.json", rows)
    write_json(place / "responses.json", [{**r, "model_response": "No."} for r in rows])
    write_json(place / "other-responses.json", [{**r, "model_response": "No."} for r in rows[:9]])
    for name in ("responses", "other-responses"):
        assert cli.main(["judge", f"{place}/{name}.json", "--out", f"{place}/{name}.jsonl"]) == 0
    return place


@pytest.fixture
def place(template_place, tmp_path, monkeypatch):
    """That copy, with spaces and umlauts in its name, as the folder in which one types."""
    folder = tmp_path / "Übung eins"
    shutil.copytree(template_place, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")
    monkeypatch.delenv("COURSE_MODE", raising=False)
    return folder


@dataclass
class Case:
    """A command line, what its one line must say, and what has to be made wrong before."""

    line: str
    says: tuple[str, ...]
    prepare: object = None  # called with the place, a monkeypatch and an exit stack


# --- what is made wrong --------------------------------------------------------------------------


def file(name, content):
    """A file with that content: bytes, text, or a value to be written as JSON."""

    def prepare(place, *_):
        data = content if isinstance(content, (bytes, str)) else json.dumps(content)
        data = data if isinstance(data, bytes) else data.encode()
        (place / name).write_bytes(data)

    return prepare


def rows_with(number, **changes):
    """bad.json: good rows, but for one (counted from 1)."""
    rows = [{**ROW} for _ in range(30)]
    rows[number - 1].update(changes)
    rows[number - 1] = {k: v for k, v in rows[number - 1].items() if v is not ...}
    return file("bad.json", rows)


def config(**changes):
    """The model's config.json with other values."""

    def prepare(place, *_):
        path = place / "model" / "config.json"
        write_json(path, {**read_json(path), **changes})

    return prepare


def weights(change):
    """The model's tensors after `change`."""

    def prepare(place, *_):
        path = place / "model" / "model.safetensors"
        tensors = safetensors.torch.load_file(path)
        change(tensors)
        safetensors.torch.save_file(tensors, path)

    return prepare


def model_file(make):
    """The model's weights file, replaced by what `make` returns from its bytes."""

    def prepare(place, *_):
        path = place / "model" / "model.safetensors"
        path.write_bytes(make(path.read_bytes()))

    return prepare


def put_nan(tensors):
    tensors["transformer.h.0.mlp.c_fc.bias"][3] = float("nan")


def other_width(tensors):
    tensors["transformer.wpe.weight"] = torch.zeros(97, 8)


def torch_save(_):
    path = Path("saved.pt")
    torch.save({"weight": torch.zeros(3)}, path)
    data = path.read_bytes()
    path.unlink()
    return data


def archive(place, *_):
    with zipfile.ZipFile(place / "bad.json", "w") as z:
        z.writestr("data.json", json.dumps([ROW]))


def a_run(place, *_):
    """A finished run of one epoch in `run`."""
    line = f"{DATA} data.json --epochs 1"
    assert cli.main(line.split()) == 0


def unfinished_run(place, *_):
    a_run(place)
    (place / "run" / "model.safetensors").unlink()


def raises(target, error):
    """A function of the package that fails as a machine would make it fail."""

    def prepare(place, monkeypatch, stack):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr(target, fail)

    return prepare


def not_tokenised(place, monkeypatch, stack):
    """10 MB in one field, and a tokenizer that must not be reached."""
    rows_with(7, output="ten megabytes " * 750_000)(place)
    unreachable = raises("helpers.masking.encode_segments", AssertionError("it was tokenised"))
    unreachable(place, monkeypatch, stack)


def ollama(**options):
    """A server of that kind where OLLAMA_HOST says."""

    def prepare(place, monkeypatch, stack):
        monkeypatch.setenv("OLLAMA_HOST", stack.enter_context(FakeOllama(**options)).url)

    return prepare


def another_service(place, monkeypatch, stack):
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{stack.enter_context(greeting_server())}")


@contextmanager
def greeting_server():
    """The port of a server that speaks first, and not HTTP, as ssh does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                        connection.recv(1000)
            except OSError:  # closed: the test is over
                return

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def no_lessons(place, monkeypatch, stack):
    monkeypatch.setattr("helpers.lessons.NOTEBOOKS", place)


def runs_of_somebody(place, *_):
    (place / "out" / "runs" / "mine").mkdir(parents=True)
    (place / "out" / "runs" / "mine" / "model.safetensors").write_bytes(b"precious")


LONG = {"instruction": "word " * 200, "input": "", "output": "x"}
VERDICT = {"index": 0, "item": "a", "judge": "reference", "status": "scored", "score": 7, "raw": ""}
NO_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 40000000000000 bytes."
)

CASES = {
    # --- data -------------------------------------------------------------------------------------
    "data file missing": Case(
        f"{DATA} none.json", ("'none.json'", "known: course, course-heldout", "Give the path")
    ),
    "bundled name misspelt": Case(f"{DATA} cuorse", ("'cuorse'", "did you mean 'course'")),
    "no name": Case(
        f"{DATA} ''", ("name of the data set is empty", "course, course-heldout", "path")
    ),
    "truncated JSON": Case(
        f"{DATA} bad.json",
        ("bad.json, line 1", "not JSON", "cut off", "download it again"),
        file("bad.json", json.dumps([ROW] * 30)[:-9]),
    ),
    "not JSON": Case(
        f"{DATA} bad.json",
        ("line 1", "not JSON", "one record a line"),
        file("bad.json", "Dear diary"),
    ),
    "a folder": Case(
        f"{DATA} photos",
        ("photos is a folder", "name the JSON file"),
        lambda place, *_: (place / "photos").mkdir(),
    ),
    "a model as data": Case(f"{DATA} model", ("model's folder", "swapped", "JSON")),
    "latin-1": Case(
        f"{DATA} bad.json",
        ("not UTF-8", "byte 21 is 0xe9", "iconv -f latin1"),
        file("bad.json", '[{"instruction": "café"}]'.encode("latin-1")),
    ),
    "UTF-16": Case(
        f"{DATA} bad.json",
        ("UTF-16, not UTF-8", "iconv -f utf-16 -t utf-8"),
        file("bad.json", json.dumps([ROW]).encode("utf-16")),
    ),
    "a picture": Case(
        f"{DATA} bad.json",
        ("binary file, not text", "JSON Lines"),
        file("bad.json", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ),
    "a zip archive": Case(f"{DATA} bad.json", ("zip archive", "unpack it"), archive),
    "compressed": Case(
        f"{DATA} bad.json", ("gzip", "unpack it"), file("bad.json", gzip.compress(b"[]"))
    ),
    "a table": Case(
        f"{DATA} my.csv",
        ("line 1", "CSV", "pandas.read_csv('my.csv')", "'my.json', orient='records'"),
        file("my.csv", 'instruction,input,output\n"Add 1.",,2\n'),
    ),
    "YAML": Case(
        f"{DATA} my.yaml",
        ("line 1", "looks like YAML", "my.json"),
        file("my.yaml", "- instruction: Add 1.\n  output: '2'\n"),
    ),
    "JSON Lines with commas": Case(
        f"{DATA} bad.jsonl",
        ("line 1", "no comma stands at the end", "remove it"),
        file("bad.jsonl", ",\n".join([json.dumps(ROW)] * 30)),
    ),
    "a comma after the last row": Case(
        f"{DATA} bad.json",
        ("line 1", "comma too many", "remove it"),
        file("bad.json", f"[{json.dumps(ROW)}, ]"),
    ),
    "a list inside an object": Case(
        f"{DATA} bad.json",
        ("row 1", "'instruction' is missing", "'data'"),
        file("bad.json", {"data": [ROW] * 30}),
    ),
    "the same on several lines": Case(
        f"{DATA} bad.json",
        ("line 1", "square brackets", "[ ]"),
        file("bad.json", json.dumps(ROW, indent=1)),
    ),
    "0 rows": Case(f"{DATA} bad.json", ("no rows", "at least one"), file("bad.json", [])),
    "an empty file": Case(f"{DATA} bad.json", ("no rows", "at least one"), file("bad.json", "")),
    "5 rows": Case(
        f"{DATA} bad.json",
        ("5 rows are too few", "at least 20", "--val FILE"),
        file("bad.json", [ROW] * 5),
    ),
    "5 rows for a command without --val": Case(
        MASKING.replace("data.json", "bad.json"),
        ("5 rows are too few", "at least 20", "Add rows; only `course train` can take"),
        file("bad.json", [ROW] * 5),
    ),
    "a row without instruction": Case(
        f"{DATA} bad.json",
        ("row 4", "'instruction' is missing", "found: 'input', 'output'", "Add it"),
        rows_with(4, instruction=...),
    ),
    "a number for text": Case(
        f"{DATA} bad.json", ("row 9", "'output'", "int '42'", "quotes"), rows_with(9, output=42)
    ),
    "a list for text": Case(
        f"{DATA} bad.json", ("row 2", "'input'", "got list", "quotes"), rows_with(2, input=["a"])
    ),
    "text for a row": Case(
        f"{DATA} bad.json", ("row 1", "got str 'a'", "one such object"), file("bad.json", ["a"])
    ),
    "a key twice": Case(
        f"{DATA} bad.json",
        ("'output' appears twice", "keep one"),
        file("bad.json", '[{"instruction": "a", "output": "b", "output": "c"}]'),
    ),
    "10 MB in one field": Case(
        f"{DATA} bad.json",
        ("row 7", "'output'", "10,500,000 characters", "at most 100,000", "Shorten it"),
        not_tokenised,
    ),
    "only empty outputs": Case(
        f"{DATA} bad.json",
        ("no row of the train part", "25 left out", "output is empty", "Mend"),
        file("bad.json", [{**ROW, "output": ""}] * 30),
    ),
    "validation file missing": Case(f"{DATA} data.json --val none.json", ("'none.json'", "Give")),
    # --- names ------------------------------------------------------------------------------------
    "unknown command": Case("tarin --data x", ("'tarin'", "did you mean 'train'", "judge")),
    "no command": Case("", ("name a command", "train, generate", "course --help")),
    "unknown option": Case(
        f"{DATA} data.json --epoches 3", ("'--epoches'", "did you mean '--epochs'")
    ),
    "a name with a space and no quotes": Case(
        "train --data my data.json --out run", ("'data.json' is not understood", "quotes")
    ),
    "no --out": Case("train --data data.json", ("required: --out", "`course train --help`")),
    "empty --out": Case(f"{GENERATE} --out ''", ("--out", "name is empty", "give a file")),
    "unknown model": Case(
        f"{DATA} data.json --model gtp2-mini", ("'gtp2-mini'", "did you mean 'gpt2-mini'")
    ),
    "model and data swapped": Case(
        "train --model course --data gpt2-mini --out run",
        ("'course' is a data set", "swapped?", "gpt2-mini, gpt2"),
    ),
    "a data file as model": Case(
        f"{DATA} data.json --model data.json", ("'data.json' is a data set", "swapped?", "a folder")
    ),
    "no model": Case(f"{DATA} data.json --model ''", ("name of the model is empty", "gpt2-mini")),
    "unknown arm": Case(
        f"{DATA} data.json --loss-on respnse",
        ("'respnse'", "did you mean 'response'", "Known: all"),
    ),
    "a prompt weight of 2": Case(
        f"{DATA} data.json --loss-on response@2", ("'2'", "from 0 to 1", "response@0.1")
    ),
    "unknown template": Case(
        f"{DATA} data.json --template alpca", ("'alpca'", "did you mean 'alpaca'", "phi3, plain")
    ),
    "unknown split": Case(
        f"{GENERATE} --split tests", ("'tests'", "did you mean 'test'", "train, val, all")
    ),
    "unknown judge": Case(
        "judge responses.json --judge refrence",
        ("'refrence'", "did you mean 'reference'", "ollama"),
    ),
    "unknown device": Case(f"{DATA} data.json --device gpu", ("'gpu'", "auto, cpu")),
    "a device number that is not there": Case(
        f"{DATA} data.json --device cpu:zwei", ("'cpu:zwei'", "did you mean 'cpu'")
    ),
    "unknown precision": Case(
        f"{DATA} data.json --precision fp16", ("'fp16'", "did you mean 'bf16'", "auto, fp32")
    ),
    # --- weights ----------------------------------------------------------------------------------
    "weights of another model": Case(
        f"{DATA} data.json",
        ("'transformer.wpe.weight'", "(97, 8)", "(97, 7)", "different models"),
        weights(other_width),
    ),
    "a tensor missing": Case(
        f"{DATA} data.json",
        ("'transformer.ln_f.bias' is missing", "different models"),
        weights(lambda tensors: tensors.pop("transformer.ln_f.bias")),
    ),
    "NaN in the weights": Case(
        GENERATE,
        ("'transformer.h.0.mlp.c_fc.bias'", "NaN", "1 of 28", "Download the model again"),
        weights(put_nan),
    ),
    "weights cut off": Case(
        GENERATE,
        ("5,000 bytes", "not a whole safetensors file", "Download or save it again"),
        model_file(lambda data: data[:5000]),
    ),
    "a pickle": Case(
        f"{DATA} data.json --model model.pt",
        ("model.pt is not a .safetensors file", "run code", "save_pretrained"),
        file("model.pt", pickle.dumps({"weight": [1.0]})),
    ),
    "a pickle under another name": Case(
        GENERATE,
        ("model.safetensors is a pickled checkpoint", "refused", "save_pretrained"),
        model_file(lambda _: pickle.dumps({"weight": [1.0]})),
    ),
    "torch.save under another name": Case(
        GENERATE, ("is a pickled checkpoint", "refused", "save_pretrained"), model_file(torch_save)
    ),
    "config.json missing": Case(
        GENERATE,
        ("config.json is missing", "Put it beside"),
        lambda place, *_: (place / "model" / "config.json").unlink(),
    ),
    "config.json not JSON": Case(
        GENERATE,
        ("config.json cannot be read as JSON", "Download or save"),
        file("model/config.json", '{"n_layer": '),
    ),
    "config.json of a Llama": Case(
        GENERATE, ("'llama'", "only GPT-2", "gpt2-mini"), config(model_type="llama")
    ),
    "n_head that does not divide n_embd": Case(
        GENERATE,
        ("config.json", "n_embd 7", "n_head 2", "Put back the config.json"),
        config(n_head=2),
    ),
    "n_head 0": Case(GENERATE, ("n_head is 0", "from 1 to 1,000", "Put back"), config(n_head=0)),
    "a negative size": Case(
        GENERATE, ("n_layer is -1", "from 1 to 1,000", "Put back"), config(n_layer=-1)
    ),
    "an absurd size": Case(
        GENERATE, ("n_layer is 1000000000", "from 1 to 1,000", "Put back"), config(n_layer=10**9)
    ),
    "a size beyond the weights": Case(
        GENERATE,
        ("(50257, 7)", "(50257, 99999)", "different models"),
        config(n_embd=99_999, n_head=1),
    ),
    "a size in words": Case(GENERATE, ("'n_embd'", "'seven'", "Put back"), config(n_embd="seven")),
    "another vocabulary": Case(
        GENERATE,
        ("vocabulary of 100 tokens", "50,257", "take a model"),
        lambda place, *_: save_model(random_model(replace(SMALL, vocab_size=100)), place / "model"),
    ),
    "a folder without weights": Case(
        GENERATE,
        ("no model.safetensors in model", "holds model.safetensors and config.json"),
        lambda place, *_: (place / "model" / "model.safetensors").unlink(),
    ),
    "an unfinished run as model": Case(
        f"{GENERATE} --model run",
        ("no model.safetensors in run", "not finished", "--resume"),
        unfinished_run,
    ),
    # --- settings ---------------------------------------------------------------------------------
    "0 epochs": Case(f"{DATA} data.json --epochs 0", ("epochs = 0", "give 1 to 10,000")),
    "-1 epochs": Case(f"{DATA} data.json --epochs -1", ("epochs = -1", "give 1 to")),
    "epochs in words": Case(f"{DATA} data.json --epochs two", ("'two'", "whole number, such as 2")),
    "lr 0": Case(f"{DATA} data.json --lr 0", ("lr = 0.0", "above 0", "5e-5")),
    "lr negative": Case(f"{DATA} data.json --lr -1", ("lr = -1.0", "above 0", "5e-5")),
    "lr NaN": Case(f"{DATA} data.json --lr nan", ("lr = nan", "above 0", "5e-5")),
    "lr infinite": Case(f"{DATA} data.json --lr inf", ("lr = inf", "above 0", "5e-5")),
    "lr with a comma": Case(f"{DATA} data.json --lr 0,01", ("'0,01'", "not a number, such as 0.5")),
    "batch size 0": Case(f"{DATA} data.json --batch-size 0", ("batch size is 0", "at least 1")),
    "batch size huge": Case(
        f"{DATA} data.json --batch-size 1000000", ("1000000", "the 25 rows", "give 1 to 25")
    ),
    "max length 0": Case(f"{DATA} data.json --max-length 0", ("max_length is 0", "2", "1024")),
    "max length 5000": Case(f"{DATA} data.json --max-length 5000", ("5000", "2 to 97 tokens")),
    "checkpoints every -1 s": Case(
        f"{DATA} data.json --checkpoint-every -1", ("-1.0", "give seconds, 0 for every step")
    ),
    "temperature -1": Case(f"{GENERATE} --temperature -1", ("-1.0", "0 (greedy) or more", "0.7")),
    "top-k 0": Case(f"{GENERATE} --top-k 0", ("top_k is 0", "at least 1", "leave it out")),
    "0 new tokens": Case(f"{GENERATE} --max-new-tokens 0", ("is 0", "at least 1", "such as 128")),
    "more new tokens than positions": Case(
        f"{GENERATE} --max-new-tokens 98", ("is 98", "97 positions", "Give less")
    ),
    "answers 0 at a time": Case(f"{GENERATE} --batch-size 0", ("batch size is 0", "at least 1")),
    "every prompt too long": Case(
        f"{GENERATE} --data bad.json",
        ("every prompt is too long", "shortest of 3", "the model reads 97", "Shorten"),
        file("bad.json", [LONG] * 30),
    ),
    "unknown mode": Case(
        "run",
        ("'quik'", "did you mean 'quick'"),
        lambda place, monkeypatch, stack: monkeypatch.setenv("COURSE_MODE", "quik"),
    ),
    # --- where it goes ----------------------------------------------------------------------------
    "--out below a file": Case(
        f"{DATA} data.json --out data.json/run",
        ("data.json/run", "data.json is a file", "another folder"),
    ),
    "--out is a file": Case(f"{DATA} data.json --out data.json", ("is a file", "name a folder")),
    "--out holds other files": Case(
        f"{DATA} data.json --out model", ("model is not empty", "no run", "another folder")
    ),
    "--out holds a run": Case(
        f"{DATA} data.json --epochs 1", ("already holds a run", "--resume", "another folder"), a_run
    ),
    "a folder that may not be written": Case(
        f"{DATA} data.json",
        ("cannot write run", "not writable", "Choose another folder"),
        lambda place, monkeypatch, stack: monkeypatch.setattr("os.access", lambda *_: False),
    ),
    "a read-only disk": Case(
        GENERATE,
        ("cannot write a.json", "Read-only file system", "Choose another folder"),
        raises("tempfile.mkdtemp", OSError(30, "Read-only file system")),
    ),
    "resumed with other settings": Case(
        f"{DATA} data.json --epochs 3 --resume", ("epochs = 1, not 3", "its own settings"), a_run
    ),
    "nothing to resume": Case(
        f"{DATA} data.json --resume", ("no run in run", "check the name", "leave out --resume")
    ),
    "answers below a file": Case(
        f"{GENERATE} --out data.json/a.json", ("data.json is a file", "another folder")
    ),
    "answers into a folder": Case(
        f"{GENERATE} --out model", ("model is a folder", "such as responses.json")
    ),
    "answers over the data": Case(
        f"{GENERATE} --out data.json",
        ("data.json exists and holds no responses", "another file"),
    ),
    "verdicts over the data": Case(
        "judge responses.json --out data.json", ("data.json", "course judge", "Name")
    ),
    "verdicts over notes": Case(
        "judge responses.json --out notes.txt",
        ("notes.txt exists and holds no verdicts", "another file name"),
        file("notes.txt", "my notes, without a newline at the end"),
    ),
    "lessons over the lessons": Case(
        f"run --out {shlex.quote(str(Path(cli.__file__).parent.parent))}",
        ("would write over the lessons", "such as build"),
    ),
    "lessons over somebody's runs": Case(
        "run --out out", ("did not make", "would empty", "name another one"), runs_of_somebody
    ),
    # --- memory -----------------------------------------------------------------------------------
    "no memory for training": Case(
        f"{DATA} data.json",
        ("out of memory", "--batch-size (now 8)", "--max-length (now 97)", "gpt2-mini"),
        raises("helpers.runs.load_model", RuntimeError(NO_MEMORY)),
    ),
    "no memory for the small one": Case(
        f"{DATA} data.json --model gpt2-mini",
        ("out of memory", "a smaller model than gpt2-mini, such as gpt2-micro"),
        raises("helpers.runs.load_model", RuntimeError(NO_MEMORY)),
    ),
    "no memory on the GPU": Case(
        f"{DATA} data.json",
        ("out of memory", "--batch-size (now 8)"),
        raises("helpers.runs.load_model", torch.OutOfMemoryError("CUDA out of memory.\nTried…")),
    ),
    "no memory for Python": Case(
        GENERATE,
        ("out of memory", "--batch-size (now 16)", "--max-new-tokens (now 2)"),
        raises("helpers.runs.load_model", MemoryError()),
    ),
    # --- the masking experiment -------------------------------------------------------------------
    "one arm": Case(f"{MASKING} --arms all", ("1 arm (all)", "at least 2", "all,response")),
    "an arm twice": Case(f"{MASKING} --arms all,all", ("'all' is given twice", "leave one")),
    "an arm under two names": Case(
        f"{MASKING} --arms all,response@1", ("'response@1' is the same as 'all'", "leave one")
    ),
    "an unknown arm": Case(
        f"{MASKING} --arms all,respones", ("'respones'", "did you mean 'response'")
    ),
    "a weight above 1": Case(
        f"{MASKING} --arms all,response@1.5", ("'1.5'", "from 0 to 1", "response@0.1")
    ),
    "a comma too many": Case(f"{MASKING} --arms all,", ("'all,'", "commas between")),
    "one seed": Case(f"{MASKING} --seeds 1", ("1 seed:", "at least 2, better 5")),
    "more rows than there are": Case(
        f"{MASKING} --rows 8,26", ("26 rows", "has 25 to train on", "Give 1 to 25")
    ),
    "more rows than a third": Case(
        f"{MASKING} --rows 9 --ratio low", ("9 rows", "has 8", "ratio 'low'", "Give 1 to 8")
    ),
    "0 rows for every arm": Case(f"{MASKING} --rows 0", ("0 rows", "Give 1 to 25")),
    "rows below a batch": Case(
        f"{MASKING} --rows 5", ("5 rows", "one batch of 8", "batch size of at most 5")
    ),
    "rows twice": Case(f"{MASKING} --rows 9,9", ("rows: 9 is given twice", "one of them")),
    "0 epochs in a list": Case(f"{MASKING} --epochs 2,0", ("epochs = 0", "give 1 to")),
    "a negative rate": Case(f"{MASKING} --lr 0.1,-1", ("lr = -1.0", "above 0")),
    "a sweep and a rate": Case(f"{MASKING} --sweep --lr 0.1", ("leave out either", "0.1")),
    "an unknown metric": Case(
        f"{MASKING} --metrics gap,scores", ("metric 'scores'", "did you mean 'score'")
    ),
    "an unknown ratio": Case(f"{MASKING} --ratio hihg", ("'hihg'", "did you mean 'high'")),
    "its own data held out": Case(
        f"{MASKING} --heldout data.json", ("are the data itself", "leave --heldout out")
    ),
    "a length beyond it": Case(
        f"{MASKING} --max-length 98", ("max_length is 98", "2 to 97 tokens")
    ),
    "a folder of other things": Case(
        f"{MASKING} --out model", ("model is not empty", "holds no experiment", "another folder")
    ),
    "a grid.json of another program": Case(
        f"{MASKING} --out .",
        ("grid.json does not describe", "another folder"),
        file("grid.json", []),
    ),
    # --- judges -----------------------------------------------------------------------------------
    "Ollama down": Case(OLLAMA, ("no Ollama server answers at http://127.0.0.1", "ollama serve")),
    "a model that is not pulled": Case(
        OLLAMA, ("'llama3'", "`ollama pull llama3`", "phi3:mini"), ollama(models=("phi3:mini",))
    ),
    "another web server": Case(
        OLLAMA, ("not as Ollama does", "OLLAMA_HOST", "11434"), ollama(tags=b"<html>hello</html>")
    ),
    "no web server at all": Case(OLLAMA, ("not as Ollama does", "11434"), another_service),
    "an address without sense": Case(
        OLLAMA,
        ("'127.0.0.1:port'", "valid port", "Set OLLAMA_HOST"),
        lambda place, monkeypatch, stack: monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:port"),
    ),
    "0 workers": Case("judge responses.json --workers 0", ("workers is 0", "1 to 8", "such as 4")),
    "no responses": Case("judge none.json", ("none.json does not exist", "course generate")),
    "a data set to judge": Case(
        "judge data.json", ("row 1", "'model_response' is missing", "course generate")
    ),
    "verdicts to judge": Case(
        "judge responses.jsonl", ("cannot be read as JSON", "course generate")
    ),
    "a folder to judge": Case("judge model", ("model", "Is a directory", "course generate")),
    "an object to judge": Case(
        "judge bad.json", ("expected a list", "course generate"), file("bad.json", {"a": 1})
    ),
    "0 responses": Case("judge bad.json", ("no rows", "course generate"), file("bad.json", [])),
    "verdicts of other items": Case(
        "judge responses.json --out other-responses.jsonl --judge reference",
        ("other-responses.jsonl", "other items", "another file name"),
        file("responses.json", [{**ROW, "model_response": "3"}]),
    ),
    "comparing different items": Case(
        "compare responses.jsonl other-responses.jsonl", ("21 items differ", "same records")
    ),
    "comparing responses": Case(
        "compare responses.json responses.json", ("line 1", "course judge", "verdicts.jsonl")
    ),
    "comparing a missing file": Case("compare a.jsonl b.jsonl", ("a.jsonl", "Check the name")),
    "a verdict without a score": Case(
        "compare bad.jsonl bad.jsonl",
        ("line 1", "not a verdict", "course judge"),
        file("bad.jsonl", json.dumps({**VERDICT, "score": None}) + "\n"),
    ),
    "a verdict about a list": Case(
        "compare bad.jsonl bad.jsonl",
        ("line 1", "not a verdict", "course judge"),
        file("bad.jsonl", json.dumps({**VERDICT, "item": []}) + "\n"),
    ),
    # --- lessons ----------------------------------------------------------------------------------
    "a lesson that is not there": Case("run --only 99", ("'99'", "00, 01", "--only 01,02")),
    "a lesson without number": Case("run --only ,", ("no lesson ''", "00, 01", "--only 01,02")),
    "no lessons here": Case("run", ("no lessons in", "cloned", "helpers.cli run"), no_lessons),
}


def snapshot(folder):
    """Every file below the folder with its content, and every folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def read_aloud(case, place, capsys, monkeypatch):
    """The one line that the command prints; everything else about it is checked here."""
    with ExitStack() as stack, monkeypatch.context() as patch:
        if case.prepare:
            case.prepare(place, patch, stack)
        capsys.readouterr()
        before = snapshot(place)
        status = cli.main(shlex.split(case.line))
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert snapshot(place) == before
    assert captured.err.startswith("course: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


@pytest.fixture(autouse=True)
def no_lesson_begins(monkeypatch):
    """Should a guard of `course run` break, the test fails before it writes over the real lessons."""

    def begin(*_, **__):
        raise AssertionError("bad input reached the lessons")

    monkeypatch.setattr("helpers.lessons.run_lessons", begin)


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_clear_line_and_leaves_everything_as_it_was(
    place, capsys, monkeypatch, name
):
    line = read_aloud(CASES[name], place, capsys, monkeypatch)
    for part in CASES[name].says:
        assert part in line
    assert "Remove that line or the file" not in line  # advice for journals, not for one's own data


def test_a_prompt_that_is_too_long_does_not_keep_the_others_from_an_answer(place):
    file("bad.json", [*[ROW] * 26, LONG, ROW, ROW, ROW])(place)  # row 27 is in the test split
    assert cli.main(shlex.split(f"{GENERATE} --data bad.json")) == 0
    assert [row["finish_reason"] == "prompt_too_long" for row in read_json(place / "a.json")] == [
        False,
        True,
        False,
    ]
    assert not list(place.glob("a.json.*"))  # the journal is gone


def test_a_bug_that_is_no_lack_of_memory_keeps_its_traceback(place, monkeypatch):
    raises("helpers.runs.load_model", RuntimeError("mat1 and mat2 shapes"))(
        place, monkeypatch, None
    )
    with pytest.raises(RuntimeError, match="mat1"):
        cli.main(shlex.split(GENERATE))


def test_the_largest_field_that_is_allowed_is_read(place):
    file("fine.json", [{**ROW, "output": "a" * 100_000}] * 20)(place)
    assert len(load_records("fine.json")) == 20
