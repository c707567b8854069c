"""Any bytes in a file, any text in a field: what was asked for, or one CourseError; nothing else.

Files are damaged as disks and hasty hands do it (cut off, a bit turned, a few bytes over others or in
between) and as somebody does who wants to harm. The same choice of tests draws the same cases again;
another choice may not, since Hypothesis also draws words from the modules that are loaded.
COURSE_FUZZ=50 draws fifty times as many, new ones each time. Judges' replies, questions, votes and
preferences have such tests beside their others.
"""

import json
import math
import os
import shutil
import struct
import sys
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import hypothesis
import pytest
import torch
from conftest import TINY, random_model
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from helpers import cli
from helpers.classroom import wire
from helpers.classroom.submissions import Notebook, collect
from helpers.curves import curve_table, effects, load_curve
from helpers.curves.plan import read_template
from helpers.data import load_records, stream_records
from helpers.errors import CourseError, DataError, RunError, SettingsError, WeightsError
from helpers.evaluate.questions import load_questions
from helpers.experiment import load_grid, summary
from helpers.files import (
    append_jsonl,
    content_hash,
    read_json,
    read_jsonl,
    repair_journal,
    write_json,
)
from helpers.formatting import TEMPLATES, format_example, get_template
from helpers.judge import judge_from_name
from helpers.judge.rubric import RUBRICS
from helpers.judge.verdicts import read_verdicts
from helpers.lora import add_lora
from helpers.masking import SEGMENTS, segment_weights
from helpers.runs import (
    RunSettings,
    journal_until,
    open_journal,
    read_responses,
    run_summary,
    tuned_template,
)
from helpers.tokens import read_cache, write_cache
from helpers.train import StepRecord, TrainSettings, TrainState, load_state, save_state
from helpers.tune import load_search
from helpers.weights import load_model, read_adapter, save_model, write_adapter

MORE = int(os.environ.get("COURSE_FUZZ", "1"))
SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=5, n_positions=7, vocab_size=11)


def fuzz(examples):
    """Hypothesis, with so many examples: the same for the same tests, unless more were asked for."""
    return hypothesis.settings(
        max_examples=examples * MORE,
        derandomize=MORE == 1,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def refused(kind, read, *args):
    """What `read` makes of it; or None, after an error of that kind with a message of some length."""
    try:
        return read(*args)
    except kind as error:
        said = str(error)
    assert 10 < len(said) < 1000
    return None


# --- what files and fields may hold --------------------------------------------------------------

ODD = [
    "[" * 900 + "]" * 900,
    "[" * 20_000,
    "1e999",
    "-1e999",
    "NaN",
    "9" * 5000,
    '"\\ud83d"',
    "",
    " ",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KEYS = st.text(max_size=3) | st.sampled_from(["instruction", "input", "output", "model_response"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
JSON = VALUES.map(json.dumps) | st.sampled_from(ODD)


def damage(data: bytes, kind: int, at: float, junk: bytes) -> bytes:
    """The bytes cut, with a bit turned, written over or spread apart, at a share of their length."""
    n = int(at * len(data))
    if kind == 0:
        return data[:n]
    if kind == 1 and n < len(data):
        return data[:n] + bytes([data[n] ^ (1 << len(junk) % 8)]) + data[n + 1 :]
    return data[:n] + junk + data[n + (len(junk) if kind == 2 else 0) :]


def damages(first=1.0):
    """Ways to damage bytes, within the first share of them."""
    return st.builds(
        lambda kind, at, junk: partial(damage, kind=kind, at=at, junk=junk),
        st.integers(0, 3),
        st.floats(0, first),
        st.binary(min_size=1, max_size=9),
    )


# --- data ----------------------------------------------------------------------------------------

ROWS = [{"instruction": f"Add {n}.", "input": "é🙂", "output": "2", "n": n} for n in range(4)]
LIST = json.dumps(ROWS, ensure_ascii=False).encode()
LINES = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS)
DATA = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda text: text.encode()),
    st.builds(lambda make, data: make(data), damages(), st.sampled_from([LIST, LINES])),
    st.builds(
        lambda key, value, good: (
            f'[{good}, {{"instruction": "a", "output": "b", "{key}": {value}}}]'
        ),
        st.sampled_from(["input", "family", "n"]),
        JSON,
        st.just(json.dumps(ROWS[0])),
    ).map(str.encode),
)


@fuzz(100)
@given(DATA)
def test_any_bytes_as_data_are_rows_or_refused(tmp_path, data):
    path = tmp_path / "data.json"
    path.write_bytes(data)
    rows = refused(DataError, load_records, path)
    assert refused(DataError, lambda: list(stream_records(path))) == rows
    for row in rows or []:
        assert len(format_example(row)) > 100
        write_json(tmp_path / "again.json", row)  # rows are written into results
        assert content_hash(row)


@fuzz(60)
@given(DATA | st.lists(JSON, max_size=3).map(lambda lines: "\n".join(lines).encode()))
def test_any_bytes_as_responses_or_verdicts_are_refused_or_read(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    refused(CourseError, read_json, path)
    refused(RunError, read_verdicts, path)
    for row in refused(DataError, read_responses, path) or []:
        assert isinstance(row["model_response"], str)


@fuzz(60)
@given(st.lists(JSON, max_size=4), damages())
def test_a_journal_is_mended_at_its_end_or_refused(tmp_path, lines, make):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(make("".join(f"{line}\n" for line in lines).encode()))
    read = refused(CourseError, read_jsonl, path)
    mended = refused(CourseError, repair_journal, path)
    if mended is not None:
        append_jsonl(path, {"step": 9})
        assert repr(read_jsonl(path)) == repr([*mended, {"step": 9}])  # by its text: NaN is not NaN
    assert (mended is None) <= (read is None)


@fuzz(60)
@given(JSON)
def test_any_prompt_format_of_a_file_is_one_or_refused(tmp_path, text):
    path = tmp_path / "template.json"
    good = {"name": "mine", "before_instruction": "Q: ", "before_input": " ", "header": "\nA:"}
    for key in (*good, "more"):
        path.write_text(json.dumps({**good, key: 0}).replace("0", text), encoding="utf-8")
        template = refused(CourseError, read_template, path)
        assert template is None or "A" in format_example(ROWS[0], template)


# --- names and numbers -----------------------------------------------------------------------------

NAMES = st.text(max_size=12) | st.builds(
    "{}@{}".format, st.sampled_from(["response", "all", ""]), st.floats() | st.text(max_size=5)
)
NUMBERS = st.floats() | st.integers(-2, 2) | st.integers()


@fuzz(100)
@given(NAMES)
@example("response@0.1")
@example("phi3")
@example("reference")
@example("ollama")
@example("openai:phi3@http://localhost:8080/v1")
def test_any_name_is_known_or_refused(name):
    weights = refused(SettingsError, segment_weights, name)
    assert weights is None or all(0 <= weights[segment] <= 1 for segment in SEGMENTS)
    template = refused(SettingsError, get_template, name)
    assert template == TEMPLATES.get(name)
    judge = refused(SettingsError, judge_from_name, name)
    assert judge is None or judge.name.startswith(name.partition("@http")[0])
    for read, kind in ((load_records, DataError), (load_model, WeightsError)):
        assert refused(kind, read, name + "?") is None


@fuzz(100)
@given(
    st.sampled_from(["epochs", "lr", "warmup", "weight_decay", "clip", "final_lr", "eval_every"]),
    NUMBERS,
)
def test_any_number_for_a_setting_is_in_its_range_or_refused(name, value):
    settings = refused(SettingsError, lambda: TrainSettings(**{name: value}))
    most = math.inf if name == "clip" else sys.float_info.max  # no clipping is a setting too
    assert settings is None or 0 <= getattr(settings, name) <= most


@fuzz(60)
@given(st.sampled_from(["--epochs", "--lr", "--batch-size", "--seed", "--max-length", "--lora"]),
       NUMBERS.map(str) | st.text(max_size=4))  # fmt: skip
def test_any_option_of_a_run_is_taken_or_refused(option, text):
    line = ["train", "--model", "gpt2-micro", "--data", "course", "--out", "x"]
    args = refused(SettingsError, cli.parse, [*line, f"{option}={text}"])
    if args is not None:
        values = {"epochs": args.epochs, "lr": args.lr or 0.0, "batch_size": args.batch_size}
        values |= {"seed": args.seed, "max_length": args.max_length, "lora": args.lora}
        run = RunSettings("gpt2-micro", "course", device="cpu", precision="fp32", products="torch")
        resolved = refused(SettingsError, replace(run, **values).resolved)
        assert resolved is None or resolved.lr > 0


@fuzz(100)
@given(
    st.sampled_from(sorted(RUBRICS)),
    st.text(max_size=40) | st.from_regex(r'[{"score: 0-9./eE+,}<think>–]{1,30}') | JSON,
    st.text(max_size=20),
)
def test_any_reply_of_a_judge_is_points_or_none(name, raw, response):
    record = {"instruction": "Add 85.", "output": "2", "model_response": response}
    points = RUBRICS[name].points(raw, record)
    assert points is None or 0 <= points <= 100


# --- weights -------------------------------------------------------------------------------------


def stored(header, body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with that header (text, or a value for JSON), whether it is true or not."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return save_model(random_model(SMALL), tmp_path_factory.mktemp("fuzz") / "model")


def parts(data: bytes) -> tuple[dict, bytes]:
    """The header and the body of a safetensors file."""
    (n,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + n]), data[8 + n :]


def claiming(change, place: int):
    """Bytes → bytes whose header says something else of one tensor, in place of what is true."""

    def make(data: bytes) -> bytes:
        header, body = parts(data)
        names = sorted(set(header) - {"__metadata__"})
        return stored(change(header, names[place % len(names)]), body)

    return make


def saying(more: dict):
    """A change of a header: other facts about a tensor."""
    return lambda header, name: {**header, name: {**header[name], **more}}


def calling(other: str):
    """A change of a header: another name for a tensor."""
    return lambda header, name: {other if key == name else key: v for key, v in header.items()}


def describing(value):
    """A change of a header: other metadata."""
    return lambda header, name: {**header, "__metadata__": value}


DTYPES = ["F64", "F32", "F16", "BF16", "I64", "BOOL", "F8_E4M3", "C64", ""]
SIZES = st.sampled_from([0, 1, 2, 5, 7, 1 << 31, 1 << 62, 1 << 64, -1])
NAMES_IN_STATES = ["optimizer.0.x", "optimizer.9999.exp_avg", "optimizer.x.step", "optimizer.0"]
METADATA = st.sampled_from(["step", "tokens", "target_tokens", "seconds", "base"])
CLAIMS = st.one_of(
    st.builds(claiming, st.one_of(
        st.sampled_from(DTYPES).map(lambda dtype: saying({"dtype": dtype})),
        st.lists(SIZES, max_size=3).map(lambda shape: saying({"shape": shape})),
        st.tuples(SIZES, SIZES).map(lambda ends: saying({"data_offsets": ends})),
        (st.sampled_from(NAMES_IN_STATES) | st.text(max_size=9)).map(calling),
        (st.dictionaries(METADATA, st.text(max_size=4)) | VALUES).map(describing),
    ), st.integers(0, 99)),
    st.builds(
        lambda text, length: lambda _: stored(text, b"", length),
        JSON, st.sampled_from([None, 0, 1, 99, 1 << 20, 1 << 40, (1 << 64) - 1]),
    ),
    damages(0.3),
    damages(),
)  # fmt: skip


def grown():
    """Bytes that this process has ever taken at once, on systems that tell."""
    resource = pytest.importorskip("resource", reason="Windows does not tell")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@fuzz(60)
@given(CLAIMS)
def test_any_bytes_as_weights_are_a_model_or_refused(tmp_path, model_folder, make):
    write_json(tmp_path / "config.json", read_json(model_folder / "config.json"))
    path = tmp_path / "model.safetensors"
    path.write_bytes(make((model_folder / "model.safetensors").read_bytes()))
    before = grown()
    model = refused(WeightsError, load_model, path)
    assert grown() - before < 100_000_000
    for parameter in model.parameters() if model else ():
        assert torch.isfinite(parameter).all()


@fuzz(60)
@given(
    st.sampled_from(
        ["n_layer", "n_head", "n_embd", "n_positions", "n_ctx", "vocab_size", "layer_norm_epsilon",
         "activation_function", "model_type", "tie_word_embeddings"]
    ),
    NUMBERS | st.integers(0, 1001) | VALUES,
    damages() | st.none(),
)  # fmt: skip
def test_any_config_is_that_of_the_weights_or_refused(tmp_path, model_folder, key, value, make):
    config = read_json(model_folder / "config.json")
    text = json.dumps({**config, key: value}).encode()
    (tmp_path / "config.json").write_bytes(make(text) if make else text)
    (tmp_path / "model.safetensors").write_bytes((model_folder / "model.safetensors").read_bytes())
    model = refused(WeightsError, load_model, tmp_path)
    if model:
        assert torch.isfinite(model(torch.tensor([[1, 2, 3]]))).all()


@pytest.fixture(scope="module")
def adapter_folder(tmp_path_factory):
    model = add_lora(random_model(SMALL), 2)
    matrices = {
        name: (layer.lora_A.detach(), layer.lora_B.detach())
        for name, layer in model.named_modules()
        if hasattr(layer, "lora_A")
    }
    about = {"targets": ["attention.qkv", "attention.out", "mlp.up", "mlp.down"], "alpha": 4.0}
    about |= {"base": "gpt2-micro", "base_sha256": "", "config": SMALL}
    return write_adapter(tmp_path_factory.mktemp("fuzz") / "adapter", matrices, **about)


LORA = st.sampled_from(["r", "lora_alpha", "target_modules", "base_model_name_or_path", "bias"])


@fuzz(60)
@given(CLAIMS | st.just(lambda data: data), st.dictionaries(LORA, NUMBERS | VALUES, max_size=1))
def test_any_bytes_as_an_adapter_are_one_or_refused(tmp_path, adapter_folder, make, changes):
    config = {**read_json(adapter_folder / "adapter_config.json"), **changes}
    weights = make((adapter_folder / "adapter_model.safetensors").read_bytes())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "adapter_model.safetensors").write_bytes(weights)
    adapter = refused(WeightsError, read_adapter, tmp_path, SMALL)
    for pair in adapter.matrices.values() if adapter else ():
        assert all(torch.isfinite(matrix).all() for matrix in pair)


# --- what runs leave -----------------------------------------------------------------------------


def fresh_state():
    return TrainState(random_model(SMALL), TrainSettings())


@pytest.fixture(scope="module")
def state_folder(tmp_path_factory):
    folder, state = tmp_path_factory.mktemp("fuzz"), fresh_state()
    state.model(torch.tensor([[1, 2, 3]])).sum().backward()
    state.optimizer.step()
    state.step, state.tokens, state.target_tokens, state.seconds = 1, 3, 2, 0.5
    save_state(folder, state)
    return folder


@fuzz(60)
@given(CLAIMS)
def test_any_bytes_as_a_state_are_gone_on_with_or_refused(tmp_path, state_folder, make):
    data = (state_folder / "state.safetensors").read_bytes()
    (tmp_path / "state.safetensors").write_bytes(make(data))
    before = grown()
    state = refused(RunError, load_state, tmp_path, fresh_state())
    assert grown() - before < 100_000_000
    if state:
        assert (state.step, state.tokens) >= (0, 0)
        state.model(torch.tensor([[1, 2, 3]])).sum().backward()
        state.optimizer.step()


RECORD = {"step": 1, "epoch": 0.5, "tokens": 9, "target_tokens": 3, "lr": 0.1, "loss": None}
RECORD |= {"val_response_loss": 2.0, "seconds": 0.1}
SETTINGS = {"loss_on": "all", "rows": {}, "left_out": [], "precision": "fp32", "device": "cpu"}
SETTINGS |= {"provenance": {}}


@fuzz(60)
@given(st.sampled_from([*RECORD, "more", ""]), JSON)
def test_a_line_that_is_no_record_of_a_step_is_refused(tmp_path, key, text):
    line = json.dumps({**RECORD, key: "HERE"}).replace('"HERE"', text) if key else text
    (tmp_path / "metrics.jsonl").write_text(f"{json.dumps(RECORD)}\n{line}\n", encoding="utf-8")
    write_json(tmp_path / "settings.json", SETTINGS)
    summary = refused(CourseError, run_summary, tmp_path)
    assert summary is None or summary["val_response_loss_before"] == 2.0
    found = refused(CourseError, journal_until, 1, tmp_path / "metrics.jsonl")
    assert found is None or all(type(record) is StepRecord for record in found)


@fuzz(60)
@given(st.sampled_from(["loss_on", "rows", "left_out", "template", ""]), JSON)
def test_any_settings_of_a_run_are_read_or_refused(tmp_path, key, text):
    changed = json.dumps({**SETTINGS, key: "HERE"}).replace('"HERE"', text) if key else text
    (tmp_path / "settings.json").write_text(changed, encoding="utf-8")
    (tmp_path / "metrics.jsonl").write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    refused(CourseError, run_summary, tmp_path)
    refused(CourseError, lambda: get_template(tuned_template(tmp_path)))


@fuzz(60)
@given(st.lists(JSON, max_size=3), st.booleans())
def test_a_journal_of_answers_is_gone_on_with_or_begun_anew(tmp_path, lines, ours):
    first = [json.dumps({"key": "k", "products": "torch"})] if ours else []
    path = tmp_path / "answers.json.journal"
    path.write_text("".join(f"{line}\n" for line in first + lines), encoding="utf-8")
    found = refused(CourseError, open_journal, path, "k", "onednn")
    if found is not None:
        assert found[0] in ("torch", "onednn")
        assert read_jsonl(path)[0]["key"] == "k"


def told_masking(folder):
    found = load_grid(folder)
    return [summary(found, **setting) for setting in found.settings()]


def told_curve(folder):
    found = load_curve(folder)
    return curve_table(found), effects(found)


def told_search(folder):
    found = load_search(folder)
    return found.words(), found.command()


@fuzz(100)
@given(
    st.sampled_from(
        [
            ("masking-sweep", "runs.jsonl", told_masking),
            ("masking-sweep", "sweep.jsonl", told_masking),
            ("curves/clean", "runs.jsonl", told_curve),
            ("tune-narrow", "trials.jsonl", told_search),
        ]
    ),
    st.integers(0, 10_000),
    JSON | st.none(),
)
def test_a_line_with_another_key_or_value_is_read_or_refused(tmp_path, which, place, text):
    name, file, told = which
    folder = Path(__file__).parent.parent / "benchmarks" / "results" / name
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    lines = read_jsonl(folder / file)
    row = lines[place % len(lines)]
    key = list(row)[place // len(lines) % len(row)]
    row[key] = "HERE"
    if text is None:
        del row[key]
    changed = "".join(json.dumps(line) + "\n" for line in lines).replace('"HERE"', text or "")
    (tmp_path / file).write_text(changed, encoding="utf-8")
    refused(CourseError, told, tmp_path)


@pytest.fixture(scope="module")
def cache_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    write_json(folder / "data.json", ROWS)
    write_cache(folder / "tokens", str(folder / "data.json"), get_template("plain"), 64)
    return folder / "tokens"


@fuzz(60)
@given(st.sampled_from([".bin", ".npy", ".json"]),
       damages() | st.binary(max_size=30).map(lambda data: lambda _: data)
       | JSON.map(lambda text: lambda _: text.encode()))  # fmt: skip
def test_damaged_tokens_are_made_again(tmp_path, cache_file, suffix, make):
    whole, (rows, *others) = True, read_cache(cache_file)
    for other in (".bin", ".npy", ".json"):
        data = cache_file.with_suffix(other).read_bytes()
        made = make(data) if other == suffix else data
        whole = whole and made == data
        (tmp_path / "tokens").with_suffix(other).write_bytes(made)
    found = read_cache(tmp_path / "tokens")
    assert found is not None or not whole
    if found:
        assert (list(found[0]), *found[1:]) == (list(rows), *others)


# --- archives and notebooks ----------------------------------------------------------------------

NOTEBOOK = {"cells": [{"cell_type": "code", "id": "a", "source": ["x = 1"]}], "nbformat": 4}
CSV = "question,a,b,c,d,answer\nWhich?,1,2,3,4,B\n"
PACKINGS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def archive(path, name: str, text: str, packing: int) -> bytes:
    """A zip with that one file twice, under two names."""
    with zipfile.ZipFile(path, "w", packing) as made:
        for folder in ("ann", "bob"):
            made.writestr(zipfile.ZipInfo(f"{folder}/{name}"), text, packing)
    return path.read_bytes()


@fuzz(80)
@given(st.sampled_from(PACKINGS), damages())
def test_a_damaged_archive_is_read_or_refused(tmp_path, packing, make):
    path = tmp_path / "class.zip"
    path.write_bytes(make(archive(path, "x_test.csv", CSV, packing)))
    found = refused(DataError, load_questions, path)
    assert found is None or all(question.choices for question in found.test)

    path.write_bytes(make(archive(path, "01_x.ipynb", json.dumps(NOTEBOOK), packing)))
    students, _ = refused(CourseError, collect, path, ["01"]) or ([], [])
    for student in students:
        assert all(isinstance(one, Notebook) for one in student.notebooks.values())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["class.zip"]  # nothing was unpacked


@fuzz(60)
@given(
    st.builds(lambda make: make(json.dumps(NOTEBOOK).encode()), damages()) | JSON.map(str.encode)
)
def test_any_bytes_as_a_notebook_are_marked_or_said_to_be_none(tmp_path, data):
    (tmp_path / "ann").mkdir(exist_ok=True)
    (tmp_path / "ann" / "01_x.ipynb").write_bytes(data)
    ((student,), _) = collect(tmp_path, ["01"])
    one = student.notebooks["01"]
    assert one.problem or all(isinstance(cell.source, str) for cell in one.cells)


@fuzz(100)
@given(
    VALUES
    | st.fixed_dictionaries(
        {
            "!": st.sampled_from(["tensor", "array", "tuple", "dict", "object"]),
            "dtype": st.sampled_from(["float32", "bfloat16", "int64", "object", "O"]) | VALUES,
            "shape": st.lists(st.sampled_from([0, 1, 2, 1 << 40, 1 << 62, -1]), max_size=4)
            | VALUES,
            "data": st.sampled_from(["", "AAAAAA==", "AAAAAAAAAAA="]) | VALUES,
        },
        optional={"of": VALUES},
    )
)
def test_any_value_that_a_submission_sends_is_plain_data_or_refused(value):
    value = json.loads(json.dumps(value))
    try:
        wire.decode(value)
    except wire.WireError as error:
        message = str(error)
        assert "came back" in message
