"""What several test files share: a tiny model, the tokenizer, a small data set. No network."""

import os

os.environ.setdefault("COURSE_PROGRESS", "off")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from dataclasses import replace

import pytest
import torch

from helpers.files import write_json
from helpers.model import GPT, GPTConfig, init_weights
from helpers.runs import RunSettings
from helpers.tokenizer import load_tokenizer
from helpers.weights import KNOWN, save_model

BUNDLED = [name for name, known in KNOWN.items() if known.folder]

# Distinct primes where possible, so that no swapped axis can pass unnoticed.
TINY = GPTConfig(n_layer=2, n_head=3, n_embd=21, n_positions=97, vocab_size=50257)
SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)  # where a test trains many models
HERE = {  # what `small_files` leaves in the current folder, and how it is trained on
    "model": "model",
    "data": "data.json",
    "template": "plain",
    "device": "cpu",
    "precision": "fp32",
    "products": "torch",
}


def random_model(config: GPTConfig, seed: int = 0, dtype=torch.float32) -> GPT:
    """A model whose every parameter is random (biases and norms too), so that none goes untested."""
    generator = torch.Generator().manual_seed(seed)
    model = init_weights(GPT(config), generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return model.to(dtype)


def small_files(folder, records, config: GPTConfig = SMALL) -> None:
    """Puts a random model of that shape and these records in `folder`."""
    save_model(random_model(config), folder / "model")
    write_json(folder / "data.json", records)


def small_run(folder, records, config: GPTConfig, **changes) -> RunSettings:
    """The settings of a run on a random model of that shape and these records, both in `folder`."""
    small_files(folder, records, config)
    values = {"loss_on": "response", "max_length": 97, "device": "cpu", "precision": "fp32"}
    model, data = str(folder / "model"), str(folder / "data.json")
    return RunSettings(model=model, data=data, **{**values, **changes})


COUNTS = pytest.StashKey[list]()


@pytest.fixture
def count(request):
    """Takes a line that the end of the test run prints."""
    return request.config.stash.setdefault(COUNTS, []).append


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(COUNTS, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def tokenizer():
    return load_tokenizer()


@pytest.fixture
def plain_network(monkeypatch):
    """No proxy, certificate or mirror of the machine's own stands between a test and its server.

    Returns the list of the seconds that a download would have slept.
    """
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in (
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
        "HF_ENDPOINT",
        "HF_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    naps = []
    monkeypatch.setattr("helpers.fetch.sleep", naps.append)
    return naps


@pytest.fixture
def tiny_model():
    return random_model(TINY)


@pytest.fixture
def records():
    """Thirty small rows, every third with an input, with quotes, accents and emoji among them."""
    rows = []
    for n in range(30):
        rows.append(
            {
                "instruction": f"Say the number {n} in words, naïvely 🙂"
                if n % 5 == 0
                else f"Add {n}.",
                "input": f'The "other" number is {n * 7}.' if n % 3 == 0 else "",
                "output": f"The answer is {n * 8}." + " More text follows." * (n % 4),
            }
        )
    return rows
