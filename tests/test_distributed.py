"""Two processes are one: the same gradients, losses and files, whoever began the run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
import torch
import two_ranks
from conftest import TINY, random_model, small_run

from helpers import cli
from helpers.cli import main
from helpers.collate import BatchPlan, evaluation_batches, nothing, share_of
from helpers.commands.train import _prepared
from helpers.distributed import ALONE, Ranks, is_lost_connection, joined, take_place
from helpers.errors import RunError, SettingsError
from helpers.files import read_json, read_jsonl, write_json
from helpers.masking import make_examples
from helpers.runs import RunSettings, fine_tune
from helpers.train import evaluate_loss, token_losses
from helpers.weights import load_model

ROOT = Path(__file__).parent.parent
WAYS = ("whole", "shard")


# --- shares --------------------------------------------------------------------------------------


def test_rows_are_dealt_out_like_cards():
    assert [share_of([4, 1, 0, 3, 2], (rank, 2)) for rank in range(2)] == [[4, 0, 2], [1, 3]]
    assert [share_of([7], (rank, 3)) for rank in range(3)] == [[7], [], []]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_row_of_every_step_falls_to_one_rank(records, tokenizer, size):
    """Twenty-nine rows and batches of four: what is left over, and ranks without a row, included."""
    examples, _ = make_examples(records[:29], "alpaca", tokenizer)
    alone = BatchPlan(examples, batch_size=4, layout="packed", seed=3)
    plans = [
        BatchPlan(examples, batch_size=4, layout="packed", seed=3, share=(rank, size))
        for rank in range(size)
    ]
    for step in range(alone.steps_per_epoch):
        (whole,) = alone.micro_batches(1, step)
        shares = [batch for plan in plans for batch in plan.micro_batches(1, step)]
        assert len(shares) == size
        for count in ("n_tokens", "n_targets", "weight"):
            assert sum(getattr(b, count) for b in shares) == getattr(whole, count)
    whole = evaluation_batches(examples, batch_size=4)
    shares = [evaluation_batches(examples, batch_size=4, share=(r, size)) for r in range(size)]
    assert len({len(batches) for batches in shares}) == 1  # all take part equally often
    assert sum(b.n_targets for part in shares for b in part) == sum(b.n_targets for b in whole)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_share_without_rows_has_no_weight_and_a_gradient_of_zeros(checkpointing):
    batch = nothing()
    assert (batch.n_tokens, batch.n_targets, batch.weight) == (0, 0, 0.0)
    model = random_model(TINY)
    model.checkpointing = checkpointing
    nll, weights = token_losses(model, batch)
    (nll * weights).sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_a_share_without_rows_changes_no_evaluation(records, tokenizer):
    batches = evaluation_batches(make_examples(records[:3], "alpaca", tokenizer)[0])
    model = random_model(TINY)
    assert evaluate_loss(model, [*batches, nothing()]) == evaluate_loss(model, batches)


# --- one process, and what is refused ------------------------------------------------------------


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined() as ranks:
        assert ranks == ALONE
    assert ALONE.all_sum(3, 0.5) == (3, 0.5)
    assert ALONE.agreed(max, 1, 2) == 2
    assert ALONE.wrap(None, token_losses, "cpu") is token_losses


def test_sharding_needs_several_processes(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert main(["train", "--shard", "--out", f"{tmp_path}/run"]) == 2
    assert "torchrun --nproc-per-node 2" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora": 3}, "LoRA and --shard together.*Leave out one"),
        ({"freeze_embeddings": True}, "Frozen embeddings and --shard together: leave out one"),
    ],
)
def test_what_leaves_little_to_shard_is_one_too_many(tmp_path, records, change, message):
    settings = small_run(tmp_path, records, TINY, **change)
    with pytest.raises(SettingsError, match=message):
        next(fine_tune(settings, tmp_path / "run", ranks=replace(ALONE, shard=True)))


def test_each_process_takes_its_own_device(monkeypatch):
    with pytest.raises(SettingsError, match="'cuda:1' for several processes: give auto, cpu or"):
        take_place("cuda:1", 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(SettingsError, match="3 processes on a machine with 2 GPUs"):
        take_place("auto", 3)
    taken = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert "nccl" in take_place("auto", 2)
    assert taken == [1]


def test_processes_share_the_cores_where_torchrun_gave_each_one(monkeypatch):
    given = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr("helpers.distributed.cores", lambda: 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert take_place("cpu", 2) == "gloo"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")  # somebody's own choice
    take_place("cpu", 2)
    assert given == [3]


def test_a_lost_rank_is_told_from_an_error_of_ones_own():
    gone = "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer"
    assert is_lost_connection(RuntimeError(gone))
    assert not is_lost_connection(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


# --- two processes, begun once for all tests -----------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    """Thirty rows, some of them four times as long as others: 25 to train on."""
    return [
        {
            "instruction": f"Add {n}.",
            "input": f"To {n * 7}." if n % 3 == 0 else "",
            "output": f"The answer is {n * 8}." + " More text follows." * (n % 4),
        }
        for n in range(30)
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory, rows):
    """Two epochs of four steps, the last of four rows where the others have seven."""
    folder = tmp_path_factory.mktemp("two")
    run = small_run(folder, rows, TINY, loss_on="all", epochs=2, lr=1e-3, batch_size=7)
    return replace(run, layout="packed", products="torch")


@pytest.fixture(scope="module")
def alone(settings):
    """The records of one process, which leaves its run in `one`, and two runs that are not finished."""
    folder = Path(settings.data).parent
    for way in WAYS:
        two_ranks.stopped_after(3, settings, folder / f"to-{way}")
    list(fine_tune(replace(settings, lora=3, lr=0.01), folder / "lora-one"))
    return list(fine_tune(settings, folder / "one"))


def spawn(*command):
    """Two processes with the command, as torchrun would begin them; both have to end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1"}
    env |= {"MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            env={**env, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=240)[0] for process in processes]
    assert [p.returncode for p in processes] == [0, 0], "\n".join(outputs)


@pytest.fixture(scope="module")
def two(settings, alone, rows):
    """The folder in which two processes have done all that tests/two_ranks.py lists."""
    folder = Path(settings.data).parent
    write_json(folder / "records.json", rows)
    write_json(folder / "run.json", asdict(settings))
    spawn(str(ROOT / "tests" / "two_ranks.py"), str(folder))
    return folder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", list(two_ranks.STEPS))
def test_gradients_of_the_first_step(two, rows, way, name):
    """Both have learnt from the same rows, divided once by the weight of all of them."""
    facts, gradients = two_ranks.first_step(rows, name)
    found = read_json(two / "facts.json")[f"{way}/{name}"]
    assert found == {**facts, "loss": pytest.approx(facts["loss"], rel=1e-5)}
    theirs = torch.load(two / "gradients.pt")[f"{way}/{name}"]
    assert list(theirs) == list(gradients)
    for key, gradient in gradients.items():
        assert theirs[key].shape == gradient.shape
        assert (theirs[key] - gradient).norm() <= 1e-5 * gradient.norm(), key


def same_weights(one, other, config=TINY):
    """Weights to 1e-4. The key biases have no true gradient: what AdamW makes of rounding is noise."""
    one, other = load_model(one).state_dict(), load_model(other).state_dict()
    for name, weight in one.items():
        difference = (weight - other[name]).abs()
        if name.endswith("attention.qkv.bias"):
            difference[config.n_embd : 2 * config.n_embd] = 0
        assert difference.max() <= 1e-4, name


@pytest.mark.parametrize("way", WAYS)
def test_a_whole_run(two, alone, way):
    """Losses of every step, validation after every epoch, counts, and the files that are left."""
    for rank in range(2):
        told = read_json(two / f"told-{rank}.json")[way]
        assert [line["step"] for line in told] == [r.step for r in alone]
        for line, record in zip(told, alone, strict=True):
            for key in ("tokens", "target_tokens", "lr"):
                assert line[key] == getattr(record, key)
            assert line["val_response_loss"] == pytest.approx(record.val_response_loss, abs=1e-4)
            if record.step:
                assert line["loss"] == pytest.approx(record.loss, abs=1e-4)
    same_weights(two / way, two / "one")
    names = [sorted(p.name for p in (two / run).iterdir()) for run in (way, "one")]
    assert names[0] == names[1]
    assert len(read_jsonl(two / way / "metrics.jsonl")) == len(alone)  # one process wrote it
    assert read_json(two / way / "settings.json")["provenance"]["ranks"] == 2


@pytest.mark.parametrize("way", WAYS)
def test_one_began_two_went_on(two, alone, way):
    same_weights(two / f"to-{way}", two / "one")
    lines = read_jsonl(two / f"to-{way}" / "metrics.jsonl")
    assert [line["step"] for line in lines] == [r.step for r in alone]
    assert not (two / f"to-{way}" / "state.safetensors").exists()


@pytest.mark.parametrize("way", WAYS)
def test_two_began_and_two_went_on(two, way):
    """Stopped at a checkpoint after three steps; to the bit the run that nobody stopped."""
    first, second = (read_json(two / f"told-{rank}.json") for rank in range(2))
    resumed = list(map(timeless, first[f"{way} resumed"]))
    assert resumed == list(map(timeless, first[way]))  # rank 0 tells of the steps before as well
    assert list(map(timeless, second[f"{way} resumed"])) == resumed[4:]
    one, other = (load_model(two / run).state_dict() for run in (way, f"again-{way}"))
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def timeless(line):
    return {key: value for key, value in line.items() if key != "seconds"}


@pytest.mark.parametrize("way", WAYS)
def test_two_began_one_goes_on(two, settings, alone, way):
    assert (two / f"from-{way}" / "state.safetensors").exists()
    steps = [r.step for r in fine_tune(settings, two / f"from-{way}", resume=True)]
    assert steps == [r.step for r in alone]
    same_weights(two / f"from-{way}", two / "one")


def test_lora_in_two_processes(two):
    same_weights(two / "lora", two / "lora-one")
    assert (two / "lora" / "adapter").is_dir()


def test_a_folder_that_holds_a_run_ends_both_and_one_says_why(two):
    first, second = (read_json(two / f"told-{rank}.json") for rank in range(2))
    for way in WAYS:
        assert "already holds a run" in first[f"{way} again"]
        assert second[f"{way} again"] == "SystemExit(2)"


# --- torchrun itself -----------------------------------------------------------------------------


def torchrun(settings: RunSettings, out, *more):
    """A running `torchrun … course train` of two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "helpers.cli", "train", "--out", str(out)]
    for key in ("model", "data", "epochs", "lr", "batch_size", "max_length", "precision"):
        command += [f"--{key.replace('_', '-')}", str(getattr(settings, key))]
    return subprocess.Popen(
        [*command, "--device", "cpu", *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_steps(out, steps):
    """Until the run's journal has that many lines."""
    for _ in range(1200):
        if (out / "metrics.jsonl").exists() and len(read_jsonl(out / "metrics.jsonl")) > steps:
            return
        time.sleep(0.1)
    raise AssertionError(f"no {steps} steps within two minutes")


def rank_of(process: psutil.Process) -> str:
    return process.environ().get("RANK", "")


@pytest.mark.parametrize(("options", "frozen"), [([], True), (["--shard"], False)])
def test_sharded_a_bundled_model_trains_all_weights(options, frozen, tmp_path):
    """FSDP spreads all weights or none, so that what suits the model gives way."""
    command = ["train", "--model", "gpt2-micro", "--out", str(tmp_path / "run"), *options]
    settings, _ = _prepared(cli.parse(command), ALONE)
    assert settings.freeze_embeddings is frozen


@pytest.mark.large
@pytest.mark.parametrize("shard", [[], ["--shard"]])
def test_torchrun_speaks_once(settings, alone, tmp_path, shard):
    running = torchrun(settings, tmp_path / "run", "--json", *shard)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    report = json.loads(out)  # one object, so one process printed
    assert report["steps"] == 8
    assert report["val_response_loss_after"] == pytest.approx(alone[-1].val_response_loss, abs=1e-4)
    same_weights(tmp_path / "run", Path(settings.data).parent / "one")


@pytest.mark.large
@pytest.mark.parametrize("victim", ["0", "1"])
def test_a_rank_that_is_killed_ends_the_other_and_the_run_goes_on(settings, tmp_path, victim):
    settings, out = replace(settings, epochs=40), tmp_path / "run"
    running = torchrun(settings, out, "--checkpoint-every", "0")
    wait_for_steps(out, 5)
    ranks = {rank_of(p): p for p in psutil.Process(running.pid).children()}
    ranks[victim].kill()
    _, err = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "helpers/" not in err  # torchrun shows a traceback of its own, and ours has none
    other = "1" if victim == "0" else "0"
    assert f"rank {other} of 2 ends because another one has ended" in err
    assert "--resume goes on" in err
    done = max(line["step"] for line in read_jsonl(out / "metrics.jsonl"))
    again = list(fine_tune(replace(settings, products="auto"), out, resume=True))
    assert done < 160
    assert [r.step for r in again] == list(range(161))


@pytest.mark.large
def test_ctrl_c_makes_a_checkpoint_in_step(settings, tmp_path):
    out = tmp_path / "run"
    running = torchrun(replace(settings, epochs=40), out, "--checkpoint-every", "1e9")
    wait_for_steps(out, 5)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "stopped; the same command with --resume goes on" in err
    state = read_json(out / "state.json")
    assert int(state["step"]) == read_jsonl(out / "metrics.jsonl")[-1]["step"]


def test_ranks_say_which_share_is_theirs():
    assert Ranks(1, 3).share == (1, 3)
    assert not Ranks(1, 3).first
    with pytest.raises(RunError, match="no run"):
        ALONE.agreed(fail)


def fail():
    raise RunError("no run here")
