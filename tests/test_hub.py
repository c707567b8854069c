"""GPT-2 by name, from a pretend Hugging Face hub: its cache, its redirects, its faults."""

import dataclasses
import hashlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch
from conftest import TINY, random_model
from fake_ollama import free_port
from fake_web import FakeWeb, fake_hub
from huggingface_hub import hf_hub_download

from helpers import data, weights
from helpers.cli import main
from helpers.weights import KNOWN, hub_folder, load_model, save_model

KNOWN_MEDIUM = KNOWN["gpt2-medium"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The two files of a tiny model that stands in for GPT-2 medium: config.json, model.safetensors."""
    folder = save_model(random_model(TINY), tmp_path_factory.mktemp("published"))
    return [(folder / name).read_bytes() for name in ("config.json", "model.safetensors")]


@pytest.fixture
def cache(plain_network, monkeypatch, tmp_path, published):
    """An empty hub cache, online; `gpt2-medium` is published with the tiny model's sha256."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    known = dataclasses.replace(KNOWN_MEDIUM, sha256=hashlib.sha256(published[1]).hexdigest())
    monkeypatch.setitem(KNOWN, "gpt2-medium", known)
    return tmp_path / "hub"


@pytest.fixture
def serve(cache, monkeypatch, published):
    """A function that starts a hub as HF_ENDPOINT; returns (hub, storage)."""
    started = []

    def start(config=published[0], model=published[1], **options):
        hub = fake_hub(KNOWN_MEDIUM, config, model, **options)
        servers = hub.__enter__()
        started.append(hub)
        monkeypatch.setenv("HF_ENDPOINT", servers[0].url)
        return servers

    yield start
    for hub in started:
        hub.__exit__(None, None, None)


def refused(capsys, cache, words, name="gpt2-medium"):
    """The one line that a command prints when a model cannot be had; nothing poses as its file."""
    assert main(["fetch", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
    assert f"{name} is not in the cache ({cache}) and could not be downloaded" in err
    assert f"put config.json and model.safetensors into {hub_folder(KNOWN[name])} by hand" in err
    assert "or use the bundled model: gpt2-mini." in err
    assert weights.cached(name) is None
    return err


# --- the way of a model ---------------------------------------------------------------------------


def test_a_model_is_fetched_once_and_then_loads_without_a_request(serve, capsys):
    hub, storage = serve()
    assert weights.cached("gpt2-medium") is None
    model = load_model("gpt2-medium")
    assert torch.equal(model.tokens.weight, random_model(TINY).tokens.weight)
    base = f"/openai-community/gpt2-medium/resolve/{KNOWN_MEDIUM.revision}"
    asked = [path for _, path, _ in hub.requests]
    assert asked == [f"{base}/config.json", f"{base}/model.safetensors"]
    assert len(storage.requests) == 1
    load_model("gpt2-medium")
    assert len(hub.requests) == 2
    assert capsys.readouterr().err == ""
    folder = hub_folder(KNOWN_MEDIUM)
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert weights.cached("gpt2-medium") == folder / "model.safetensors"


def test_the_hub_s_own_library_finds_what_we_fetched(serve, cache):
    hub, _ = serve()
    path = weights.download(KNOWN["gpt2-medium"])
    asked = len(hub.requests)
    revision = KNOWN_MEDIUM.revision
    for file in ("config.json", "model.safetensors"):
        theirs = hf_hub_download(KNOWN_MEDIUM.repository, file, revision=revision, cache_dir=cache)
        assert theirs == str(path.with_name(file))
    assert len(hub.requests) == asked


def test_we_find_what_the_hub_s_own_library_fetched(serve, cache):
    """Its cache holds links to blobs; and this pretend hub answers what the library really asks."""
    hub, storage = serve()
    for file in ("config.json", "model.safetensors"):
        hf_hub_download(
            KNOWN_MEDIUM.repository,
            file,
            revision=KNOWN_MEDIUM.revision,
            endpoint=hub.url,
            cache_dir=cache,
        )
    assert [method for method, _, _ in hub.requests] == ["HEAD", "GET", "HEAD"]
    assert [method for method, _, _ in storage.requests] == ["GET"]
    asked = len(hub.requests)
    load_model("gpt2-medium")
    assert len(hub.requests) == asked


def test_bundled_and_unknown_names_in_the_cache():
    assert weights.cached("gpt2-mini") == KNOWN["gpt2-mini"].folder / "model.safetensors"
    assert weights.cached("gpt5") is None


def test_without_a_mirror_the_hub_is_asked_through_the_proxy(cache, monkeypatch, capsys):
    """The proxy refuses, so nothing leaves this machine; but it has seen where we wanted to go."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    err = refused(capsys, cache, "the proxy does not answer or refuses: check HTTPS_PROXY")
    assert "[https://huggingface.co/openai-community/gpt2-medium/resolve/" in err
    with FakeWeb({}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HF_ENDPOINT", "http://mirror.invalid")
        refused(capsys, cache, "mirror.invalid says that it has no such file (status 404)")
    assert proxy.requests[0][1].startswith("http://mirror.invalid/openai-community/gpt2-medium/")


def test_a_token_goes_to_the_hub_and_never_to_its_storage(serve, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_pretend")
    hub, storage = serve()
    load_model("gpt2-medium")
    assert {headers["Authorization"] for _, _, headers in hub.requests} == {"Bearer hf_pretend"}
    assert all("Authorization" not in headers for _, _, headers in storage.requests)


def test_a_token_that_cannot_be_one_is_refused_and_not_repeated(serve, cache, monkeypatch, capsys):
    """Libraries would quote it in their errors."""
    serve()
    monkeypatch.setenv("HF_TOKEN", "hf_pre…tend")
    err = refused(capsys, cache, "look at your token (HF_TOKEN)")
    assert "hf_pre" not in err


# --- faults --------------------------------------------------------------------------------------

FAULTS = {  # what always goes wrong at the storage → what is said
    "401": "127.0.0.1 has no such file, or wants another token than yours (status 401)",
    "404": "127.0.0.1 says that it has no such file (status 404)",
    "403": "127.0.0.1 refuses access (status 403)",
    "429 600": "too many requests (429) and asks to wait 600 seconds",
    "503": "127.0.0.1 is out of order (status 503)",
    "wrong": "what came is not the expected file (sha256 ",
    "login": "sent a web page instead of the file",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_storage_that_always_fails(serve, cache, capsys, fault):
    serve(always=fault)
    refused(capsys, cache, FAULTS[fault])
    assert not (hub_folder(KNOWN_MEDIUM) / "model.safetensors").exists()


def test_a_hub_that_has_no_such_model(serve, cache, capsys):
    serve()
    refused(capsys, cache, "says that it has no such file (status 404)", name="gpt2-large")


@pytest.mark.parametrize("name", ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"])
def test_no_network(cache, monkeypatch, capsys, plain_network, name):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    refused(capsys, cache, "no connection to 127.0.0.1: this computer is offline", name)
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.invalid")
    refused(capsys, cache, "mirror.invalid cannot be found: this computer is offline", name)
    assert plain_network == []  # said at once


def test_a_storage_that_cannot_be_reached_is_named_itself(serve, cache, capsys):
    """Some networks let the hub through and block the servers it redirects to."""
    hub, _ = serve()
    headers = hub.headers[next(path for path in hub.headers if path.endswith("safetensors"))]
    headers["Location"] = "http://storage.invalid/blob"
    refused(capsys, cache, "storage.invalid cannot be found")


def test_offline_mode_asks_nobody_and_loads_what_is_there(serve, cache, monkeypatch, capsys):
    hub, _ = serve()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(capsys, cache, "HF_HUB_OFFLINE is set, so no server was asked")
    assert hub.requests == []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    load_model("gpt2-medium")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    load_model("gpt2-medium")


def test_a_cut_download_is_continued_from_the_storage(serve, published):
    _, storage = serve(faults=["cut", "500", "cut"])
    load_model("gpt2-medium")
    ranges = storage.ranges_asked()
    assert len(ranges) == 4
    assert ranges[0] == ""
    assert ranges[1] == ranges[2] != ranges[3]
    assert all(asked.startswith("bytes=") for asked in ranges[1:])


def test_a_killed_download_goes_on_in_the_next_process(serve, cache, published):
    _, storage = serve(faults=["stall"])
    environment = {**os.environ, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-m", "helpers.cli", "fetch", "gpt2-medium"]
    process = subprocess.Popen(command, env=environment)
    part = hub_folder(KNOWN_MEDIUM) / ".model.safetensors.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size > len(published[1]) // 3):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()
    assert weights.cached("gpt2-medium") is None
    came = part.stat().st_size
    load_model("gpt2-medium")
    assert storage.ranges_asked() == ["", f"bytes={came}-"]


def test_a_full_disk(serve, cache, capsys):
    """/dev/full answers each write as a full disk does."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    hub_folder(KNOWN_MEDIUM).mkdir(parents=True)
    (hub_folder(KNOWN_MEDIUM) / ".model.safetensors.part").symlink_to("/dev/full")
    (hub_folder(KNOWN_MEDIUM) / ".model.safetensors.part.etag").write_text("")
    serve(always="no length")
    err = refused(capsys, cache, "the disk is full at ")
    assert "HF_HOME names another folder" in err


def test_a_mirror_that_serves_something_else_as_config(serve, cache, capsys):
    serve(config=b'{"model_type": "llama"}')
    refused(capsys, cache, "what came is not a GPT-2's config.json")
    assert not (hub_folder(KNOWN_MEDIUM) / "config.json").exists()


def test_a_mirror_that_serves_other_weights_is_pointed_out(serve, monkeypatch, capsys):
    monkeypatch.setitem(KNOWN, "gpt2-medium", KNOWN_MEDIUM)
    serve()
    load_model("gpt2-medium")
    assert "is not the file that was published as gpt2-medium" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "garbage"])
def test_a_damaged_file_in_the_cache_is_named(serve, capsys, published, damage):
    serve()
    path = weights.download(KNOWN["gpt2-medium"])
    bad = {
        "cut": published[1][:-1],
        "longer": published[1] + b"x",
        "empty": b"",
        "garbage": b"x" * 99,
    }
    path.write_bytes(bad[damage])
    assert main(["fetch", "gpt2-medium"]) == 2
    err = capsys.readouterr().err
    assert f"{path} ({len(bad[damage]):,} bytes) is damaged or not complete" in err
    assert "Delete this file and run the same command again" in err
    path.unlink()
    assert main(["fetch", "gpt2-medium"]) == 0
    assert path.read_bytes() == published[1]


# --- GPT-2 medium's real layout and size ----------------------------------------------------------


def layout(width=1024, layers=24, vocabulary=50257, positions=1024):
    """Name → shape, as openai-community/gpt2-medium stores it: no prefix, the causal mask kept."""
    shapes = {"wte.weight": (vocabulary, width), "wpe.weight": (positions, width)}
    for part, wide in (("c_attn", 3), ("c_proj", 1)):
        for n in range(layers):
            shapes[f"h.{n}.attn.{part}.weight"] = (width, wide * width)
            shapes[f"h.{n}.attn.{part}.bias"] = (wide * width,)
    for n in range(layers):
        shapes[f"h.{n}.mlp.c_fc.weight"] = (width, 4 * width)
        shapes[f"h.{n}.mlp.c_fc.bias"] = (4 * width,)
        shapes[f"h.{n}.mlp.c_proj.weight"] = (4 * width, width)
        shapes[f"h.{n}.mlp.c_proj.bias"] = (width,)
        shapes[f"h.{n}.attn.bias"] = (1, 1, positions, positions)
    norms = [f"h.{n}.ln_{i}" for n in range(layers) for i in (1, 2)]
    for norm in (*norms, "ln_f"):
        shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (width,)
    return dict(sorted(shapes.items()))


def numbers(name, shape):
    """Repeatable small random numbers, other ones for each tensor; quickly made."""
    block = np.random.default_rng(0).standard_normal(1 << 16, dtype=np.float32) * 0.02
    return np.resize(np.roll(block, sum(name.encode()) * 97), shape)


def write_safetensors(path, shapes):
    """The sha256 of a .safetensors file of these tensors, written piece by piece."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = at + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        for piece in (len(text).to_bytes(8, "little"), text):
            f.write(piece)
            digest.update(piece)
        for name, shape in shapes.items():
            piece = numbers(name, shape).data
            f.write(piece)
            digest.update(piece)
    return digest.hexdigest()


LOAD_MEDIUM = """
import json, resource, torch
from helpers.weights import load_model
model = load_model("gpt2-medium")
with torch.no_grad():
    logits = model(torch.tensor([[15496, 995]]))
print(json.dumps({
    "parameters": sum(p.numel() for p in model.parameters()),
    "qkv": model.blocks[23].attention.qkv.weight[:2, :3].tolist(),
    "embedding": model.tokens.weight[50256, :3].tolist(),
    "logits": list(logits.shape), "finite": bool(logits.isfinite().all()),
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
"""


def test_a_file_of_gpt2_medium_s_real_layout_and_size(plain_network, tmp_path):
    """Random weights under OpenAI's names: 1.5 GB through the hub, the cache and the mapping of names.

    The size in bytes is that of the published file, header included.
    """
    if shutil.disk_usage(tmp_path).free < 6e9:
        pytest.skip("less than 6 GB of disk are free")
    if psutil.virtual_memory().available < 8e9:
        pytest.skip("less than 8 GB of memory are free")
    if sys.platform == "win32":
        pytest.skip("the peak of memory is read the Unix way")
    shapes, path = layout(), tmp_path / "model.safetensors"
    sha256 = write_safetensors(path, shapes)
    assert path.stat().st_size == 1_519_984_962
    sizes = {"n_layer": 24, "n_head": 16, "n_embd": 1024, "n_ctx": 1024, "n_positions": 1024}
    config = json.dumps({"model_type": "gpt2", "vocab_size": 50257, **sizes}).encode()
    with fake_hub(KNOWN_MEDIUM, config, path, sha256=sha256) as (hub, storage):
        cache = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
        result = subprocess.run(
            [sys.executable, "-c", LOAD_MEDIUM],
            env={**os.environ, **cache, "HF_ENDPOINT": hub.url},
            capture_output=True,
            text=True,
        )
    shutil.rmtree(tmp_path)  # pytest would keep these 3 GB
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["parameters"] == KNOWN_MEDIUM.parameters == 354_823_168
    name = "h.23.attn.c_attn.weight"
    np.testing.assert_array_equal(found["qkv"], numbers(name, shapes[name]).T[:2, :3])
    np.testing.assert_array_equal(
        found["embedding"], numbers("wte.weight", shapes["wte.weight"])[50256, :3]
    )
    assert found["logits"] == [1, 2, 50257]
    assert found["finite"]
    assert found["peak"] < 4e9  # the file, the transposed copies, and torch itself
    assert storage.ranges_asked() == [""]
    assert "is not the file that was published" in result.stderr  # these are random numbers


def test_training_downloads_both_model_and_data_and_shows_two_bars(
    serve, monkeypatch, capsys, tmp_path, records
):
    rows = json.dumps(records[:20]).encode()
    book = data.Remote("https://data.invalid/book.json", hashlib.sha256(rows).hexdigest())
    monkeypatch.setitem(data.REMOTE, "book", book)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    monkeypatch.setattr("helpers.progress.DELAY", 0)
    serve()
    out = ["--out", str(tmp_path / "run"), "--epochs", "1", "--max-length", "97", "--json"]
    with FakeWeb({"/book.json": rows}) as web:
        monkeypatch.setenv("COURSE_DATA_MIRROR", web.url)
        assert main(["train", "--model", "gpt2-medium", "--data", "book", *out]) == 0
    text, err = capsys.readouterr()
    assert json.loads(text)["steps"] > 0
    for name in ("book.json", "config.json", "model.safetensors"):
        assert f"{name}: " in err
