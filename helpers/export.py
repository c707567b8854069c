"""A model for other programs: a Hugging Face folder, or a GGUF file for llama.cpp and Ollama.

Weights are written by `weights`, which knows the foreign names; here are the tokenizer's files, made
from the bundled ranks, the prompt template in the languages that those programs read, and a model
card. Nothing here needs a network. Sources: the GGUF specification (github.com/ggml-org/ggml,
docs/gguf.md), llama.cpp's converter for GPT-2, and Ollama's description of the Modelfile.
"""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import torch

from helpers.errors import CourseError, RunError, SettingsError, nearest
from helpers.files import (
    atomic_path,
    check_folder,
    new_folder,
    read_jsonl,
    write_json,
    write_text,
)
from helpers.formatting import END_TEXT, Template, format_prompt, get_template
from helpers.lora import open_adapter
from helpers.model import GPT, count_parameters
from helpers.runs import check_model, settings_of, step_records, tuned_template
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.weights import gguf_name, load_model, save_model

GGUF_TYPES = ("f32", "f16", "q8_0")
FORMATS = ("hf", "gguf")


def export(
    model: str | Path, to: str, out: str | Path, *, template: str = "", kind: str = "f16"
) -> dict:
    """Write a model (name, folder, or folder of an adapter) to the new folder `out`; says what it is.

    to: "hf" or "gguf"; kind: how a GGUF file holds matrices. The template is the one that the model
    was tuned with, or "alpaca", unless another is named.
    """
    if to not in FORMATS:
        raise SettingsError(f"unknown format {to!r}; {nearest(to, FORMATS)}.")
    if kind not in GGUF_TYPES:
        raise SettingsError(f"unknown type {kind!r}; {nearest(kind, GGUF_TYPES)}.")
    out = Path(out)
    check_folder(out)
    if out.exists() and any(out.iterdir()):
        raise RunError(f"{out} is not empty: name a new folder, so that nothing is overwritten.")
    run = Path(model).parent if is_adapter(model) else model
    chosen = get_template(template or tuned_template(run))
    if to == "gguf":
        import_gguf()  # before a large model is read
    loaded = open_adapter(model) if is_adapter(model) else load_model(model)
    check_model(loaded, model)
    with new_folder(out) as folder:
        if to == "hf":
            export_hf(loaded, folder, chosen, card=model_card(run, loaded, chosen))
        else:
            export_gguf(loaded, folder / "model.gguf", chosen, kind=kind, name=Path(model).name)
            write_text(folder / "Modelfile", modelfile(chosen, loaded.config.n_positions))
    return {
        "out": str(out),
        "to": to,
        "type": kind if to == "gguf" else "f32",
        "parameters": count_parameters(loaded),
        "template": chosen.name,
        "files": sorted(path.name for path in out.iterdir()),
        "bytes": sum(path.stat().st_size for path in out.iterdir()),
    }


def is_adapter(model: str | Path) -> bool:
    """Whether a folder holds an adapter and no model of its own."""
    folder = Path(model)
    return (folder / "adapter_config.json").exists() and not (folder / "model.safetensors").exists()


# --- Hugging Face --------------------------------------------------------------------------------


def export_hf(model: GPT, folder: str | Path, template: Template, card: str = "") -> Path:
    """`folder`, now holding what `transformers` needs to open model and tokenizer by its name."""
    folder = Path(folder)
    names = token_names()
    write_json(folder / "vocab.json", {name: i for i, name in enumerate(names)})
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in token_merges())]
    write_text(folder / "merges.txt", "\n".join(lines) + "\n")
    special = {f"{what}_token": END_TEXT for what in ("bos", "eos", "unk", "pad")}
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "GPT2Tokenizer",
            **special,
            "model_max_length": model.config.n_positions,
            "clean_up_tokenization_spaces": False,
            "chat_template": chat_template(template),
        },
    )
    ids = {f"{what}_token_id": END_OF_TEXT for what in ("bos", "eos", "pad")}
    write_json(folder / "generation_config.json", {**ids, "do_sample": False})
    write_text(folder / "README.md", card)
    return save_model(model, folder)


@functools.cache
def token_names() -> list[str]:
    """GPT-2's tokens by id, in the spelling of its vocab.json: every byte is a printable character."""
    tokenizer, letters = load_tokenizer(), byte_letters()
    names = [
        "".join(letters[b] for b in tokenizer.decode_single_token_bytes(i))
        for i in range(END_OF_TEXT)
    ]
    return [*names, END_TEXT]


@functools.cache
def byte_letters() -> list[str]:
    """A printable character for each byte, as GPT-2's authors chose: a space is Ġ, a newline Ċ."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    visible += range(ord("®"), ord("ÿ") + 1)
    hidden = [b for b in range(256) if b not in visible]
    return [chr(b) if b in visible else chr(256 + hidden.index(b)) for b in range(256)]


@functools.cache
def token_merges() -> list[tuple[str, str]]:
    """The pairs that were merged, in order: the lines of vocab.bpe, found again from the ranks.

    A token's last merge joins the two pieces that its bytes come to when only the merges before it
    are made.
    """
    tokenizer, letters = load_tokenizer(), byte_letters()
    ranks = {tokenizer.decode_single_token_bytes(i): i for i in range(END_OF_TEXT)}
    merges = []
    for token, rank in ranks.items():  # in the order of the ranks; the first 256 are single bytes
        if rank < 256:
            continue
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            joined = [ranks.get(a + b, rank) for a, b in itertools.pairwise(parts)]
            at = joined.index(min(joined))
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        merges.append(tuple("".join(letters[b] for b in part) for part in parts))
    return merges


def chat_template(template: Template) -> str:
    """The prompt as the Jinja template that transformers and llama.cpp apply to chat messages.

    A message of the user becomes an instruction with its header, one of the assistant a response
    with its end token; a system message has no place in these prompts and is left out.
    """
    before, header, end = (
        json.dumps(text, ensure_ascii=False)
        for text in (template.before_instruction, template.header, END_TEXT)
    )
    return (
        "{% for message in messages %}{% if message['role'] == 'user' %}"
        f"{{{{ {before} + message['content'] + {header} }}}}"
        "{% elif message['role'] == 'assistant' %}"
        f"{{{{ message['content'] + {end} }}}}"
        "{% endif %}{% endfor %}"
    )


def model_card(run: str | Path, model: GPT, template: Template) -> str:
    """A README.md for the exported folder: what the model is, how it was made, how it is asked."""
    settings = settings_of(run)
    title = Path(run).name
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation", "---", ""]
    lines += [f"# {title}", ""]
    lines += [f"A GPT-2 of {count_parameters(model):,} parameters.", ""]
    if settings:
        lines += [*_how_it_was_trained(Path(run), settings), ""]
    prompt = format_prompt({"instruction": "Name a colour of the rainbow."}, template)
    lines += [
        f'It expects this prompt (template "{template.name}", also stored as chat template), ends its '
        f"answer with `{END_TEXT}`, and reads at most {model.config.n_positions:,} tokens:",
        "",
        "```",
        *prompt.splitlines(),
        "```",
        "",
        "Small models make mistakes: check what it says before you rely on it. Licence and limits "
        "are those of the model it was made from and of the data it was trained on.",
    ]
    return "\n".join(lines) + "\n"


def _how_it_was_trained(run: Path, settings: dict) -> list[str]:
    how = "all weights but the embeddings" if settings.get("freeze_embeddings") else "all weights"
    how = f"LoRA of rank {settings['lora']}" if settings.get("lora") else how
    text = (
        f"Fine-tuned from `{settings['model']}` on `{Path(settings['data']).name}` "
        f"({settings['rows']['train']:,} rows, {settings['epochs']} epochs, {how}, learning rate "
        f"{settings['lr']:g}, loss on {settings['loss_on']}, seed {settings['seed']})."
    )
    journal = run / "metrics.jsonl"
    records = step_records(read_jsonl(journal), journal) if journal.exists() else []
    losses = [r.val_response_loss for r in records if r.val_response_loss is not None]
    if len(losses) > 1:
        text += (
            f" Response loss on its {settings['rows']['validation']:,} validation rows: "
            f"{losses[0]:.3f} before, {losses[-1]:.3f} after (nats per token)."
        )
    return [text]


# --- GGUF ----------------------------------------------------------------------------------------


def import_gguf():
    """The package gguf. Raises CourseError with the command that installs it."""
    try:
        import gguf
    except ModuleNotFoundError as error:
        raise CourseError(
            "writing GGUF needs the package gguf, which is not installed: `python -m pip install "
            "gguf`, or take --to hf, which needs nothing more."
        ) from error
    return gguf


def export_gguf(
    model: GPT, path: str | Path, template: Template, *, kind: str = "f16", name: str = "gpt2"
) -> Path:
    """`path`, now holding the model as llama.cpp reads it: sizes, tokenizer, template, tensors."""
    gguf = import_gguf()
    config = model.config
    with atomic_path(path) as temporary:
        writer = gguf.GGUFWriter(str(temporary), "gpt2")
        writer.add_name(name)
        writer.add_file_type(int(gguf.LlamaFileType[_file_type(kind)]))
        writer.add_context_length(config.n_positions)
        writer.add_embedding_length(config.n_embd)
        writer.add_feed_forward_length(4 * config.n_embd)
        writer.add_block_count(config.n_layer)
        writer.add_head_count(config.n_head)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        _add_tokenizer(gguf, writer, template)
        for ours, tensor in model.state_dict().items():
            _add_tensor(gguf, writer, ours, tensor, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return Path(path)


def _file_type(kind: str) -> str:
    return "ALL_F32" if kind == "f32" else f"MOSTLY_{kind.upper()}"


def _add_tokenizer(gguf, writer, template: Template) -> None:
    """GPT-2's BPE: tokens, merges, and `gpt-2`, the name of its way to cut text into words.

    Without that name llama.cpp guesses, and other numbers and spaces come out. No start token: GPT-2
    has none, and `add_bos_token` would put an end of text before every prompt.
    """
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(token_names())
    normal, control = int(gguf.TokenType.NORMAL), int(gguf.TokenType.CONTROL)
    writer.add_token_types([normal] * END_OF_TEXT + [control])
    writer.add_token_merges([f"{a} {b}" for a, b in token_merges()])
    writer.add_bos_token_id(END_OF_TEXT)
    writer.add_eos_token_id(END_OF_TEXT)
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat_template(template))


def _add_tensor(gguf, writer, ours: str, tensor: torch.Tensor, kind: str) -> None:
    """Matrices in the type asked for; biases, norms and positions stay in float32, as llama.cpp's do."""
    array = tensor.detach().to("cpu", torch.float32).contiguous().numpy()
    if array.ndim < 2 or ours.startswith("positions"):
        kind = "f32"
    elif kind == "q8_0" and array.shape[-1] % 32:  # quantised in groups of 32 numbers of a row
        kind = "f16"
    if kind == "q8_0":
        quantised = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(
            gguf_name(ours), gguf.quants.quantize(array, quantised), raw_dtype=quantised
        )
    else:
        writer.add_tensor(gguf_name(ours), array.astype("float16" if kind == "f16" else "float32"))


def modelfile(template: Template, n_positions: int, file: str = "model.gguf") -> str:
    """A Modelfile for `ollama create NAME -f Modelfile`: the file, the prompt, when to stop."""
    return (
        f"FROM ./{file}\n"
        f'TEMPLATE """{template.before_instruction}{{{{ .Prompt }}}}{template.header}"""\n'
        f'PARAMETER stop "{END_TEXT}"\n'
        "PARAMETER temperature 0\n"
        f"PARAMETER num_ctx {n_positions}\n"
    )
