"""Export: what transformers and llama.cpp open is our model, our tokenizer and our prompt."""

import hashlib
import json
import sys
from dataclasses import asdict, replace

import pytest
import torch
from conftest import TINY, random_model
from test_lora import lora_model

from helpers.cli import main
from helpers.data import load_records, split
from helpers.errors import CourseError, RunError, SettingsError, WeightsError
from helpers.export import chat_template, export, modelfile, token_merges, token_names
from helpers.files import append_jsonl, write_json
from helpers.formatting import TEMPLATES, Template, format_prompt
from helpers.generate import generate, prompt_ids
from helpers.lora import plain, save_adapter
from helpers.tokenizer import END_OF_TEXT
from helpers.train import StepRecord
from helpers.weights import load_model, save_model

ODD = [
    "",
    " ",
    " leading and trailing  ",
    "a\n\n\n  b\t\ttabs\r\n",
    "naïve 🙂 👩‍👩‍👧 日本語 مرحبا Ⅷ ½ ²",
    "1234567 12,345.67 1st",
    "don't I'LL we've it's 'quoted'",
    "#!/bin/bash $&*() -- __init__",
    "\u00a0nbsp\u200bzero\ufeff",
    "x" * 60,
]


@pytest.fixture
def tiny_folder(tmp_path):
    """Width 32, so that whole rows can be quantised."""
    save_model(random_model(replace(TINY, n_head=2, n_embd=32)), tmp_path / "tiny")
    return tmp_path / "tiny"


# --- the tokenizer's files and the prompt ----------------------------------------------------------


def test_the_merges_are_openais_vocab_bpe_to_the_byte():
    """The published file, found again from the ranks alone; its hash is the one tiktoken checks."""
    text = "\n".join(["#version: 0.2", *(f"{a} {b}" for a, b in token_merges())]) + "\n"
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
    )


def test_the_token_names_are_those_of_encoder_json():
    names = token_names()
    assert len(names) == len(set(names)) == 50257
    assert (names[0], names[220], names[198], names[995]) == ("!", "Ġ", "Ċ", "Ġworld")
    assert names[END_OF_TEXT] == "<|endoftext|>"


def rendered(template, messages):
    from jinja2 import Environment

    return Environment().from_string(chat_template(template)).render(messages=messages)


@pytest.mark.parametrize(
    "template",
    [*TEMPLATES.values(), Template("own", 'Say "{{ x }}" \\n é:\n', "\n", "\n→ ")],
    ids=lambda t: t.name,
)
def test_the_chat_template_writes_the_prompt_of_training(template):
    question = {"role": "user", "content": "Name {{ a }} colour\n\n### Input:\nred"}
    prompt = format_prompt({"instruction": question["content"]}, template)
    assert rendered(template, [question]) == prompt
    talk = [{"role": "system", "content": "no"}, question, {"role": "assistant", "content": "Red."}]
    assert rendered(template, talk) == prompt + "Red.<|endoftext|>"


def test_the_modelfile_of_ollama():
    lines = modelfile(TEMPLATES["alpaca"], 1024).split("\n")
    assert lines == [
        "FROM ./model.gguf",
        'TEMPLATE """Below is an instruction that describes a task. Write a response that '
        "appropriately completes the request.",
        "",
        "### Instruction:",
        "{{ .Prompt }}",
        "",
        "### Response:",
        '"""',
        'PARAMETER stop "<|endoftext|>"',
        "PARAMETER temperature 0",
        "PARAMETER num_ctx 1024",
        "",
    ]


# --- Hugging Face ----------------------------------------------------------------------------------


def test_transformers_opens_the_folder_with_our_logits_and_our_tokens(
    tiny_folder, tmp_path, tokenizer
):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    export(tiny_folder, "hf", tmp_path / "hf")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    ids = torch.randint(0, END_OF_TEXT, (2, 13))
    with torch.no_grad():
        torch.testing.assert_close(
            theirs(ids).logits, load_model(tiny_folder)(ids), rtol=1e-4, atol=1e-4
        )
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    for text in ODD:
        assert words.encode(text) == tokenizer.encode_ordinary(text), text
        assert words.decode(words.encode(text)) == text
    assert words.eos_token_id == theirs.generation_config.eos_token_id == END_OF_TEXT
    assert words.model_max_length == TINY.n_positions
    chat = [{"role": "user", "content": "Say hi."}]
    prompt = words.apply_chat_template(chat, tokenize=False)
    assert prompt == format_prompt({"instruction": "Say hi."})


def test_the_card_says_how_the_run_was_trained_and_the_template_is_the_runs(tiny_folder, tmp_path):
    settings = {"model": "gpt2-mini", "data": "course", "template": "phi3", "epochs": 2, "lr": 2e-3}
    settings |= {
        "loss_on": "response",
        "seed": 5,
        "rows": {"train": 25, "validation": 3},
        "lora": 4,
    }
    write_json(tiny_folder / "settings.json", settings)
    for loss in (4.25, None, 1.5):
        append_jsonl(
            tiny_folder / "metrics.jsonl", asdict(StepRecord(0, 0, 0, 0, 0, None, loss, 0))
        )
    report = export(tiny_folder, "hf", tmp_path / "hf")
    card = (tmp_path / "hf" / "README.md").read_text(encoding="utf-8")
    assert "`gpt2-mini` on `course` (25 rows, 2 epochs, LoRA of rank 4, learning rate 0.002" in card
    assert "4.250 before, 1.500 after" in card
    assert "<|user|>\nName a colour" in card
    assert report["template"] == "phi3"
    assert "settings.json" not in report["files"]


@pytest.mark.parametrize(
    ("frozen", "words"),
    [(False, "all weights, learning"), (True, "all weights but the embeddings")],
)
def test_the_card_says_what_was_trained(tiny_folder, tmp_path, frozen, words):
    settings = {"model": "gpt2-mini", "data": "course", "epochs": 3, "lr": 2e-4, "seed": 5}
    settings |= {"loss_on": "all", "rows": {"train": 25, "validation": 3}}
    write_json(tiny_folder / "settings.json", {**settings, "freeze_embeddings": frozen})
    export(tiny_folder, "hf", tmp_path / "hf")
    assert words in (tmp_path / "hf" / "README.md").read_text(encoding="utf-8")


def test_an_adapter_is_exported_as_a_whole_model(tmp_path, capsys):
    """A folder with the small file alone: its base is found by the name in it."""
    model = lora_model(load_model("gpt2-micro"), rank=2)
    save_adapter(model, tmp_path / "adapter", "gpt2-micro")
    with pytest.raises(WeightsError, match=r"LoRA adapter.*course export … --to hf"):
        load_model(tmp_path / "adapter")
    assert main(["export", f"{tmp_path}/adapter", "--to", "hf", "--out", f"{tmp_path}/hf"]) == 0
    assert "from_pretrained" in capsys.readouterr().out
    ids = torch.randint(0, END_OF_TEXT, (1, 7))
    with torch.no_grad():
        torch.testing.assert_close(load_model(tmp_path / "hf")(ids), plain(model)(ids))


# --- what is refused -------------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_left_alone(tiny_folder):
    before = sorted(tiny_folder.iterdir())
    with pytest.raises(RunError, match="is not empty: name a new folder"):
        export(tiny_folder, "hf", tiny_folder)
    assert sorted(tiny_folder.iterdir()) == before


def test_unknown_formats_types_and_vocabularies(tiny_folder, tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'gguf'"):
        export(tiny_folder, "guf", tmp_path / "x")
    with pytest.raises(SettingsError, match="did you mean 'q8_0'"):
        export(tiny_folder, "gguf", tmp_path / "x", kind="q8")
    save_model(random_model(replace(TINY, vocab_size=50304)), tmp_path / "padded")
    with pytest.raises(WeightsError, match="50,304 tokens, GPT-2's tokenizer has 50,257"):
        export(tmp_path / "padded", "hf", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_without_the_package_gguf_the_command_says_what_to_install(
    tiny_folder, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(CourseError, match="`python -m pip install gguf`"):
        export(tiny_folder, "gguf", tmp_path / "x")


# --- GGUF ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f32", "f16", "q8_0"])
def test_the_gguf_file_read_back(tiny_folder, tmp_path, kind):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed (extra export)")
    report = export(tiny_folder, "gguf", tmp_path / "out", kind=kind)
    assert report["files"] == ["Modelfile", "model.gguf"]
    reader = gguf.GGUFReader(tmp_path / "out" / "model.gguf")
    values = {name: field.contents() for name, field in reader.fields.items()}
    assert values["general.architecture"] == "gpt2"
    assert values["gpt2.context_length"] == 97
    assert values["gpt2.attention.head_count"] == 2
    assert values["tokenizer.ggml.pre"] == "gpt-2"
    assert values["tokenizer.ggml.eos_token_id"] == END_OF_TEXT
    assert values["tokenizer.ggml.add_bos_token"] is False
    assert len(values["tokenizer.ggml.tokens"]) == 50257
    model = load_model(tiny_folder)
    found = {t.name: t for t in reader.tensors}
    assert len(found) == len(model.state_dict())
    ours = model.blocks[1].mlp.up.weight.detach()
    tensor = found["blk.1.ffn_up.weight"]
    assert tensor.tensor_type.name == kind.upper()
    theirs = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    error = {"f32": 0, "f16": 1e-3, "q8_0": 1e-2}[kind]
    torch.testing.assert_close(torch.tensor(theirs), ours, rtol=0, atol=error)
    for name in ("position_embd.weight", "blk.0.attn_norm.bias"):
        assert found[name].tensor_type.name == "F32"


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """The mini as GGUF, served by a real llama.cpp on this machine: a function that asks it."""
    pytest.importorskip("gguf", reason="the package gguf is not installed (extra export)")
    xllamacpp = pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
    import requests

    folder = tmp_path_factory.mktemp("gguf") / "mini"
    export("gpt2-mini", "gguf", folder, kind="f32")
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.n_gpu_layers = 1024, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup, params.verbosity = False, 0
    # In float32 throughout, as ours: its cache is float16 unless told, enough to change a token.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(params)  # stops when nothing names it any more

    def ask(path, **body):
        response = requests.post(f"{server.listening_address}/{path}", json=body, timeout=120)
        response.raise_for_status()
        return response.json()

    return ask


def test_llama_cpp_cuts_text_into_our_tokens(llama, tokenizer):
    for text in filter(None, ODD):
        assert llama("tokenize", content=text, add_special=True)["tokens"] == (
            tokenizer.encode_ordinary(text)
        ), text


def test_llama_cpp_answers_with_our_greedy_tokens(llama, tokenizer):
    rows = split(load_records("course")).test[:8]
    model = load_model("gpt2-mini")
    ours = generate(model, prompt_ids(rows, "alpaca", tokenizer), max_new_tokens=24)
    for row, answer in zip(rows, ours, strict=True):
        theirs = llama(
            "completion", prompt=format_prompt(row), n_predict=24, temperature=0, return_tokens=True
        )
        assert [t for t in theirs["tokens"] if t != END_OF_TEXT] == answer.ids, row["instruction"]
    chat = llama(
        "v1/chat/completions",
        messages=[{"role": "user", "content": rows[0]["instruction"]}],
        max_tokens=24,
        temperature=0,
    )
    assert rows[0]["input"] == ""
    said = chat["choices"][0]["message"]["content"]
    assert said.strip() == tokenizer.decode(ours[0].ids).strip()


def test_the_report_is_one_json_object(tiny_folder, tmp_path, capsys):
    command = ["export", str(tiny_folder), "--to", "hf", "--out", f"{tmp_path}/hf", "--json"]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"out", "to", "parameters", "template", "files", "bytes"} <= set(report)
