"""Checkpoints: a name or path ↔ a model. The only file that knows foreign parameter names.

On disk every model is `model.safetensors` + `config.json` in the layout of Hugging Face's
`GPT2LMHeadModel`, which opens them with the same logits. Two things differ from our names: they
call parts otherwise, and they store the four matrices of a block as OpenAI's "Conv1D", transposed.
Nothing is ever unpickled. On a CPU a model's weights *are* its file: pages of it that the system
brings into memory when they are first read, and copies when they are first written to.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch.overrides import TorchFunctionMode

from helpers.errors import FetchError, SettingsError, WeightsError, nearest
from helpers.fetch import fetch
from helpers.files import atomic_path, write_json
from helpers.model import GPT, GPTConfig

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class KnownModel:
    """A model that can be asked for by name."""

    name: str
    parameters: int
    # A learning rate for fine-tuning that works. For the bundled models the best on validation with
    # 1, 2 and 3 epochs (5e-5 to 3e-4 for the mini, 2e-4 to 6e-4 for the micro): 2 epochs are best.
    lr: float
    # The same with frozen embeddings, where the model is better for it; 0: where nobody has tried. In
    # small models the embeddings are most of the weights (see benchmarks/results/tuning_recipes.md).
    frozen_lr: float = 0.0
    folder: Path | None = None  # bundled
    repository: str = ""  # on the Hugging Face hub
    revision: str = ""
    # Of model.safetensors at this revision, as several public repositories quote it.
    sha256: str = ""


KNOWN = {
    model.name: model
    for model in (
        KnownModel("gpt2-mini", 19_446_528, 2e-4, 5e-4, folder=ASSETS / "gpt2-mini"),
        KnownModel("gpt2-micro", 7_753_856, 4e-4, 8e-4, folder=ASSETS / "gpt2-micro"),
        KnownModel(
            "gpt2",
            124_439_808,
            5e-5,
            repository="openai-community/gpt2",
            revision="607a30d783dfa663caf39e06633721c8d4cfcd7e",
            sha256="248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
        ),
        KnownModel(
            "gpt2-medium",
            354_823_168,
            5e-5,
            repository="openai-community/gpt2-medium",
            revision="6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
            sha256="fc5a354a19255ad494f3d71549390baca1ccf61d1d822b9408971705c687c9cd",
        ),
        KnownModel(
            "gpt2-large",
            774_030_080,
            5e-5,
            repository="openai-community/gpt2-large",
            revision="32b71b12589c2f8d625668d2335a01cac3249519",
            sha256="5f47f3e12f91cd33b662ce7e433b6150ad5512b5884a2cee961b50e9c3bbebce",
        ),
        KnownModel(
            "gpt2-xl",
            1_557_611_200,
            5e-5,
            repository="openai-community/gpt2-xl",
            revision="15ea56dee5df4983c59b2538573817e1667135e2",
            sha256="0f8b28eb05a8075f48b61b6f35332978c74fc7763fa9fb4051a1c30511736a6a",
        ),
    )
}

GPT2_SIZES = {
    "gpt2": GPTConfig(),
    "gpt2-medium": GPTConfig(n_layer=24, n_head=16, n_embd=1024),
    "gpt2-large": GPTConfig(n_layer=36, n_head=20, n_embd=1280),
    "gpt2-xl": GPTConfig(n_layer=48, n_head=25, n_embd=1600),
}

# Ours → theirs, inside a block; True where the matrix is stored transposed.
_BLOCK = {
    "norm1.weight": ("ln_1.weight", False),
    "norm1.bias": ("ln_1.bias", False),
    "attention.qkv.weight": ("attn.c_attn.weight", True),
    "attention.qkv.bias": ("attn.c_attn.bias", False),
    "attention.out.weight": ("attn.c_proj.weight", True),
    "attention.out.bias": ("attn.c_proj.bias", False),
    "norm2.weight": ("ln_2.weight", False),
    "norm2.bias": ("ln_2.bias", False),
    "mlp.up.weight": ("mlp.c_fc.weight", True),
    "mlp.up.bias": ("mlp.c_fc.bias", False),
    "mlp.down.weight": ("mlp.c_proj.weight", True),
    "mlp.down.bias": ("mlp.c_proj.bias", False),
}


def key_mapping(config: GPTConfig) -> dict[str, tuple[str, bool]]:
    """Our parameter name → (Hugging Face name, stored transposed?), for every parameter."""
    mapping = {
        "tokens.weight": ("transformer.wte.weight", False),
        "positions.weight": ("transformer.wpe.weight", False),
    }
    for layer in range(config.n_layer):
        for ours, (theirs, transposed) in _BLOCK.items():
            mapping[f"blocks.{layer}.{ours}"] = (f"transformer.h.{layer}.{theirs}", transposed)
    mapping["norm.weight"] = ("transformer.ln_f.weight", False)
    mapping["norm.bias"] = ("transformer.ln_f.bias", False)
    if not config.tied:
        mapping["lm_head.weight"] = ("lm_head.weight", False)
    return mapping


def load_model(
    name: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> GPT:
    """The model of that name, or in that folder or .safetensors file, ready to use.

    Names: the bundled models, and GPT-2's four sizes from the Hugging Face hub at pinned revisions.
    Every tensor is checked for name and shape. Raises WeightsError with the first mismatch.
    In the file's own type on a CPU nothing is copied: the weights are the mapped file (what is
    changed in them never reaches it), the four Conv1D matrices of a block transposed views.
    """
    path = find_model(name)
    config = read_config(path.parent / "config.json", path)
    tensors = read_tensors(path)
    config, state = to_ours(tensors, config, str(path))
    model = empty_model(config)
    for key, value in state.items():
        there = value.to(device=device, dtype=dtype)
        state[key] = there if there is value else there.contiguous()
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(True)


class _NoInit(TorchFunctionMode):
    """Where this is on, torch's layers come without the random weights they are born with.

    Also where there is no memory to fill (device "meta") torch draws them, and for that imports its
    compiler the first time: a second, more than all the rest of loading takes.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", "") == "torch.nn.init":
            return None
        return function(*args, **(kwargs or {}))


def empty_model(config: GPTConfig) -> GPT:
    """A model of these sizes whose weights have shapes but no numbers: they are assigned to it."""
    with torch.device("meta"), _NoInit():
        return GPT(config)


def contiguous(model: GPT) -> GPT:
    """The model, every weight in memory of its own and in the order of its indices.

    Fused AdamW goes through weight, gradient and moments by place in memory. Of a transposed view
    (see `load_model`) a resumed run's moments, read from a file, would meet the wrong weights. And
    where no weight is the mapped file any more, its pages no longer take memory.
    """
    for parameter in model.parameters():
        sharded = hasattr(parameter, "full_tensor")  # is so already, and must stay itself
        if not sharded:
            parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    return model


def find_model(name: str | Path) -> Path:
    """The .safetensors file behind a name, folder or file; downloads it when it is on the hub."""
    known = KNOWN.get(str(name))
    if known and known.folder:
        return _existing(known.folder / "model.safetensors", name)
    if known:
        return download(known)
    path = Path(name)
    if not str(name).strip():
        raise WeightsError(
            f"the name of the model is empty; {nearest('', KNOWN)}. Give one of these, or a folder."
        )
    if path.is_dir():
        return _existing(path / "model.safetensors", name)
    if not path.exists():
        raise WeightsError(
            f"no model {str(name)!r}: neither a known name nor a file or folder; "
            f"{nearest(str(name), KNOWN)}."
        )
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path} is not a .safetensors file. Pickled checkpoints (.bin, .pt, .pth) can run "
            "code when opened and are refused; convert it with transformers' `save_pretrained`."
        )
    return path


def _existing(path: Path, name) -> Path:
    if path.exists():
        return path
    folder = path.parent
    if (folder / "state.safetensors").exists() or (folder / "metrics.jsonl").exists():
        why = "The run in it is not finished: go on with it by `course train … --resume`."
    elif (folder / "adapter_config.json").exists():
        why = (
            "It is a LoRA adapter, a correction of another model: `course export … --to hf` makes a "
            "model of both."
        )
    elif any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        why = (
            "The pickled checkpoint in it can run code when opened and is refused: convert it with "
            "transformers' `save_pretrained`."
        )
    else:
        why = "A model folder holds model.safetensors and config.json."
    raise WeightsError(f"{name}: there is no {path.name} in {folder}. {why}")


def cached(name: str) -> Path | None:
    """The .safetensors file of a known model if it is on this disk; else None. Asks no server."""
    from huggingface_hub import try_to_load_from_cache

    known = KNOWN.get(name)
    if known is None or known.folder:
        return known and known.folder / "model.safetensors"
    paths = [
        try_to_load_from_cache(known.repository, file, revision=known.revision)
        for file in ("config.json", "model.safetensors")
    ]
    return Path(paths[1]) if all(isinstance(path, str) for path in paths) else None


def download(known: KnownModel) -> Path:
    """The model's file in the hub's cache, fetched at its pinned revision when it is not there.

    Address, mirror (HF_ENDPOINT), cache folder (HF_HOME), token and HF_HUB_OFFLINE are the hub
    library's. The bytes are not: huggingface_hub 2.4 starts over after a crash, does not compare the
    sha256, and repeats itself for 20 seconds when there is no network.
    """
    if path := cached(known.name):
        return _whole(path)
    folder = hub_folder(known)
    try:
        found = _fetch_from_hub(known, folder)
    except FetchError as error:
        raise WeightsError(
            f"{known.name} is not in the cache ({folder.parents[2]}) and could not be downloaded: "
            f"{error} Try again later, or use the bundled model: gpt2-mini. Other ways: put "
            f"config.json and model.safetensors into {folder} by hand; HF_HOME names another folder, "
            "HF_ENDPOINT a mirror."
        ) from error
    path = folder / "model.safetensors"
    if known.sha256 not in ("", found):  # whole, as the server announced it, but not the original
        print(f"Note: {path} is not the file that was published as {known.name}.", file=sys.stderr)
    return _whole(path)


def hub_folder(known: KnownModel) -> Path:
    """Where the hub's cache keeps a model's files of the pinned revision."""
    from huggingface_hub import constants

    repository = f"models--{known.repository.replace('/', '--')}"
    return Path(constants.HF_HUB_CACHE) / repository / "snapshots" / known.revision


def _fetch_from_hub(known: KnownModel, folder: Path) -> str:
    """The sha256 of model.safetensors, now in `folder` beside its config.json."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    if constants.HF_HUB_OFFLINE:
        raise FetchError("HF_HUB_OFFLINE is set, so no server was asked.")
    endpoint = os.environ.get("HF_ENDPOINT") or None  # also when set after the library's import

    def get(file, check=None):
        url = hf_hub_url(known.repository, file, revision=known.revision, endpoint=endpoint)
        return fetch(url, folder / file, check=check, headers=build_hf_headers())

    get("config.json", _complaint_about_config)
    return get("model.safetensors")


def _complaint_about_config(path: Path) -> str:
    try:
        read_config(path, path)
    except WeightsError as error:
        return f"what came is not a GPT-2's config.json ({error})"
    return ""


def _whole(path: Path) -> Path:
    """The path of a cached file, if its size is what its header says."""
    try:
        with safetensors.safe_open(path, framework="pt"):
            return path
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(
            f"{path} ({path.stat().st_size:,} bytes) is damaged or not complete ({error}). Delete "
            "this file and run the same command again: it will be downloaded anew."
        ) from error


def read_config(path: Path, weights: Path) -> GPTConfig:
    """The sizes in a Hugging Face config.json of a GPT-2."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{weights}: its config.json is missing. Put it beside it.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} cannot be read as JSON ({error}). Download or save the model again."
        ) from error
    if not isinstance(raw, dict) or raw.get("model_type", "gpt2") != "gpt2":
        kind = raw.get("model_type") if isinstance(raw, dict) else type(raw).__name__
        raise WeightsError(
            f"{path} describes a {kind!r}, not a 'gpt2': only GPT-2 can be loaded, "
            "such as gpt2-mini."
        )
    if raw.get("activation_function", "gelu_new") not in ("gelu_new", "gelu_pytorch_tanh"):
        raise WeightsError(
            f"{path}: activation {raw['activation_function']!r} is not GPT-2's tanh GELU "
            "('gelu_new'). Take a GPT-2 that has it."
        )
    try:
        return GPTConfig(
            **{name: _size(raw, name) for name in ("n_layer", "n_head", "n_embd", "vocab_size")},
            n_positions=_size(raw, "n_positions" if raw.get("n_positions") else "n_ctx"),
            layer_norm_epsilon=float(raw.get("layer_norm_epsilon", 1e-5)),
            tied=bool(raw.get("tie_word_embeddings", True)),
        )
    except (TypeError, ValueError, SettingsError) as error:
        raise WeightsError(
            f"{path}: {error} Put back the config.json that belongs to the weights."
        ) from error


def _size(raw: dict, name: str) -> int:
    value = raw.get(name)
    if type(value) is not int:  # True is an int too
        raise ValueError(f"size {name!r} is missing or not a number ({value!r}).")
    return value


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, under the names they have there."""
    try:
        with open(path, "rb") as f:
            start = f.read(4)
        if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
            raise WeightsError(
                f"{path} is a pickled checkpoint under another name: it could run code when opened "
                "and is refused. Convert it with transformers' `save_pretrained`."
            )
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        size = os.path.getsize(path) if path.exists() else 0
        raise WeightsError(
            f"{path} ({size:,} bytes) is not a whole safetensors file ({error}). "
            "Download or save it again."
        ) from error


def write_tensors(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a .safetensors file; what the system refuses is an OSError, as for any other file."""
    try:
        safetensors.torch.save_file(tensors, path, metadata=metadata)
    except safetensors.SafetensorError as error:
        if code := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from error
        raise


def to_ours(
    tensors: dict[str, torch.Tensor], config: GPTConfig, path: str
) -> tuple[GPTConfig, dict[str, torch.Tensor]]:
    """Config and weights under our names and orientation, every one checked.

    Keys may lack the `transformer.` prefix; the `attn.bias` and `attn.masked_bias` buffers of old
    files are constants of the causal mask and ignored; a `lm_head.weight` that differs from the
    embedding makes the head a separate one.
    """
    found = {}
    for key, tensor in tensors.items():
        if key.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        full = key if key.startswith(("transformer.", "lm_head.")) else f"transformer.{key}"
        found[full] = tensor
    head, embedding = found.get("lm_head.weight"), found.get("transformer.wte.weight")
    separate = head is not None and (embedding is None or not torch.equal(head, embedding))
    config = GPTConfig(**{**config.__dict__, "tied": not separate})
    if not separate:
        found.pop("lm_head.weight", None)

    expected = {key: tuple(p.shape) for key, p in empty_model(config).named_parameters()}
    state = {}
    for ours, (theirs, transposed) in key_mapping(config).items():
        if theirs not in found:
            raise WeightsError(
                f"{path}: the tensor {theirs!r} is missing ({len(found)} others are there). Weights "
                "and config belong to different models, or the file is another architecture's."
            )
        tensor = found.pop(theirs)
        shape = expected[ours][::-1] if transposed else expected[ours]
        if tuple(tensor.shape) != shape:
            raise WeightsError(
                f"{path}: {theirs!r} has shape {tuple(tensor.shape)}, but config.json asks for "
                f"{shape}. Weights and config belong to different models."
            )
        _check_numbers(tensor, theirs, path)
        state[ours] = tensor.t() if transposed else tensor
    if found:
        raise WeightsError(
            f"{path}: the tensor {min(found)!r} is not part of a GPT-2 with {config.n_layer} "
            f"layers ({len(found)} such). Weights and config belong to different models."
        )
    return config, state


def _check_numbers(tensor: torch.Tensor, name: str, path: str) -> None:
    """Refuse weights that would answer with nonsense: NaN, infinite, or no fractions at all."""
    if not tensor.is_floating_point():
        raise WeightsError(
            f"{path}: {name!r} holds {tensor.dtype}, not floating-point numbers (a quantised "
            "file?). Take the original weights."
        )
    if torch.isfinite(tensor.sum()):  # one look at each, where all is well
        return
    if bad := int((~torch.isfinite(tensor)).sum()):
        raise WeightsError(
            f"{path}: {name!r} holds NaN or infinity in {bad:,} of {tensor.numel():,} places, so "
            "every answer would be nonsense. Download the model again, or train it again with a "
            "lower learning rate."
        )


def save_model(model: GPT, folder: str | Path, *, dtype: torch.dtype | None = None) -> Path:
    """`folder`, now holding model.safetensors and config.json, whole or not at all."""
    folder = Path(folder)
    state = model.state_dict()
    tensors = {}
    for ours, (theirs, transposed) in key_mapping(model.config).items():
        tensor = state[ours].detach().to("cpu", dtype or state[ours].dtype)
        tensors[theirs] = tensor.t().contiguous() if transposed else tensor.contiguous()
    write_json(folder / "config.json", hf_config(model.config, tensors))
    with atomic_path(folder / "model.safetensors") as path:
        write_tensors(tensors, path, {"format": "pt"})
    return folder


def hf_config(config: GPTConfig, tensors: dict[str, torch.Tensor]) -> dict:
    """The config.json that Hugging Face's GPT-2 expects; dropout is 0."""
    dtype = str(tensors["transformer.wte.weight"].dtype).removeprefix("torch.")
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "n_positions": config.n_positions,
        "n_ctx": config.n_positions,
        "vocab_size": config.vocab_size,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "tie_word_embeddings": config.tied,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "bos_token_id": 50256,
        "eos_token_id": 50256,
        "torch_dtype": dtype,
    }


# Ours → llama.cpp's, for the GGUF format; matrices lie there as (out, in), which is our orientation.
_GGUF = {
    "tokens": "token_embd",
    "positions": "position_embd",
    "norm1": "attn_norm",
    "attention.qkv": "attn_qkv",
    "attention.out": "attn_output",
    "norm2": "ffn_norm",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
    "norm": "output_norm",
    "lm_head": "output",
}


def gguf_name(ours: str) -> str:
    """The name that llama.cpp's GPT-2 has for one of our parameters.

    >>> gguf_name("blocks.3.mlp.up.bias")
    'blk.3.ffn_up.bias'
    """
    layer, kind = ours.rsplit(".", 1)
    if layer.startswith("blocks."):
        _, number, inside = layer.split(".", 2)
        return f"blk.{number}.{_GGUF[inside]}.{kind}"
    return f"{_GGUF[layer]}.{kind}"


# --- adapters: LoRA's matrices in the layout of `peft` ---------------------------------------------


@dataclass(frozen=True)
class Adapter:
    """LoRA's matrices as they were stored, under our names, and the model that they belong to."""

    rank: int
    alpha: float
    targets: tuple[str, ...]  # layers of a block, such as "attention.qkv"
    base: str  # name or path of the model they were trained on top of
    base_sha256: str  # of its file; empty in an adapter of other origin
    matrices: dict[str, tuple[torch.Tensor, torch.Tensor]]  # layer → A (rank, in), B (out, rank)


def write_adapter(
    folder: str | Path, matrices, *, targets, alpha: float, base: str, base_sha256: str, config
) -> Path:
    """`folder`, now holding adapter_model.safetensors and adapter_config.json as `peft` reads them.

    peft knows the base by its place on the hub; our name for it and its hash are in the metadata.
    """
    folder = Path(folder)
    names = key_mapping(config)
    tensors = {}
    for layer, (a, b) in matrices.items():
        for part, tensor in (("A", a), ("B", b)):
            tensors[_peft_name(names, layer, part)] = tensor.to("cpu").contiguous()
    known = KNOWN.get(base)
    of_base = {"base_model_name_or_path": known.repository if known and known.repository else base}
    if known and known.revision:
        of_base["revision"] = known.revision
    write_json(
        folder / "adapter_config.json",
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            **of_base,
            "r": int(next(iter(matrices.values()))[0].shape[0]),
            "lora_alpha": alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": True,  # Conv1D: their matrices are stored transposed
            "target_modules": [_BLOCK[f"{t}.weight"][0].removesuffix(".weight") for t in targets],
            "inference_mode": True,
        },
    )
    with atomic_path(folder / "adapter_model.safetensors") as path:
        # One entry: safetensors writes several in an order that changes from run to run.
        ours = json.dumps({"name": str(base), "sha256": base_sha256})
        write_tensors(tensors, path, {"base": ours})
    return folder


def _peft_name(names: dict[str, tuple[str, bool]], layer: str, part: str) -> str:
    theirs = names[f"{layer}.weight"][0].removesuffix(".weight")
    return f"base_model.model.{theirs}.lora_{part}.weight"


def read_adapter_config(folder: str | Path) -> dict:
    """What a folder's adapter_config.json says, if it is LoRA as this course does it."""
    path = Path(folder) / "adapter_config.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(
            f"{folder} holds no adapter: there is no adapter_config.json. A run with --lora leaves one "
            "in its folder `adapter`."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} cannot be read as JSON ({error}). Copy it again.") from error
    if not isinstance(raw, dict) or raw.get("peft_type") != "LORA":
        raise WeightsError(
            f"{path} does not describe a LoRA adapter. Take one that was made by LoRA."
        )
    wanted = raw.get("target_modules")
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise WeightsError(
            f"{path}: target_modules is {str(wanted)[:40]!r}, not a list of names: write there "
            "the layers that the adapter corrects, such as c_attn."
        )
    for key in ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save"):
        if raw.get(key):
            raise WeightsError(
                f"{path}: {key} is {raw[key]!r}, which this course does not know. Merge the adapter "
                "with peft and take the merged model."
            )
    return raw


def read_adapter(folder: str | Path, config: GPTConfig) -> Adapter:
    """The adapter in a folder, every matrix checked for name and shape. Raises WeightsError."""
    raw = read_adapter_config(folder)
    path = Path(folder) / "adapter_model.safetensors"
    found = read_tensors(_existing_adapter(path))
    ours = {theirs.removesuffix(".weight"): key for key, (theirs, _) in _BLOCK.items()}
    wanted = raw["target_modules"]
    targets = [
        key.removesuffix(".weight")
        for theirs, key in ours.items()
        if key.endswith(".weight") and any(theirs == w or theirs.endswith(f".{w}") for w in wanted)
    ]
    shapes = {key: tuple(p.shape) for key, p in empty_model(config).named_parameters()}
    names, matrices = key_mapping(config), {}
    try:
        rank, alpha = int(raw["r"]), float(raw["lora_alpha"])
        for layer in (f"blocks.{n}.{t}" for n in range(config.n_layer) for t in targets):
            out, into = shapes[f"{layer}.weight"]
            pair = []
            for part, shape in (("A", (rank, into)), ("B", (out, rank))):
                tensor = found.pop(_peft_name(names, layer, part))
                if tuple(tensor.shape) != shape:
                    raise ValueError(f"{layer}: {tuple(tensor.shape)} instead of {shape}")
                _check_numbers(tensor, _peft_name(names, layer, part), str(path))
                pair.append(tensor)
            matrices[layer] = tuple(pair)
        if found or not matrices:
            raise ValueError(f"{min(found, default='no matrix at all')}")
        if not 0 < alpha < math.inf:
            raise ValueError(f"lora_alpha is {alpha}")
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} does not fit a GPT-2 with {config.n_layer} layers of width {config.n_embd} "
            f"({error}). Take the model that it was trained on top of."
        ) from error
    return Adapter(rank, alpha, tuple(targets), *adapter_base(folder), matrices)


def adapter_base(folder: str | Path) -> tuple[str, str]:
    """Name and sha256 of the model that the adapter in a folder belongs to."""
    raw = read_adapter_config(folder)
    path = _existing_adapter(Path(folder) / "adapter_model.safetensors")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            ours = json.loads((file.metadata() or {}).get("base", "{}"))
        if not isinstance(ours, dict) or not all(isinstance(text, str) for text in ours.values()):
            raise ValueError(f"its base is {str(ours)[:40]!r}")
    except (OSError, safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} cannot be read ({error}). Copy it again.") from error
    theirs = str(raw.get("base_model_name_or_path") or "")
    of_hub = [k.name for k in KNOWN.values() if k.repository and k.repository == theirs]
    return ours.get("name") or (of_hub or [theirs])[0], ours.get("sha256", "")


def _existing_adapter(path: Path) -> Path:
    if not path.exists():
        raise WeightsError(f"{path} is missing. Put it beside its adapter_config.json.")
    return path
