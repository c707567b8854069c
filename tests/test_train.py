"""Training: one loss on every path, exact resuming, and nothing that is not finite."""

from dataclasses import replace

import pytest
import torch
from conftest import TINY, random_model
from torch.nn import functional as F

from helpers.collate import BatchPlan, evaluation_batches, nothing, padded
from helpers.errors import DataError, RunError, SettingsError
from helpers.masking import Example, loss_weights
from helpers.train import (
    TokenLosses,
    TrainSettings,
    TrainState,
    clear_state,
    compile_blocks,
    evaluate_loss,
    learning_rate,
    load_state,
    save_state,
    token_losses,
    train,
)

SMALL = replace(TINY, n_head=1, n_embd=7)  # 50,257 tokens all the same: padding is token 50256
ARMS = ["all", "instruction+response", "header+response", "response", "response@0.3"]


def examples(n, seed=0):
    """Random examples of 9 to 29 tokens with all segments in them."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(n):
        prompt = int(torch.randint(1, 11, (1,), generator=generator))
        response = int(torch.randint(1, 12, (1,), generator=generator))
        names = ["template"] * 3 + ["instruction"] * prompt + ["header"] * 2
        names += ["response"] * response + ["end"]
        ids = torch.randint(0, 50256, (len(names) - 1,), generator=generator).tolist()
        made.append(Example([*ids, 50256], names))
    return made


def fresh(settings, seed=0, config=SMALL, dtype=torch.float32):
    return TrainState(random_model(config, seed, dtype), settings)


def weights_of(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def assert_equal_weights(one, two):
    for name, p in one.items():
        assert torch.equal(p, two[name]), name


# --- the loss ------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ARMS)
def test_token_losses_are_cross_entropy_on_the_full_logits(arm):
    model = random_model(SMALL, dtype=torch.float64)
    batch = padded(examples(5), arm)
    nll, weights = token_losses(model, batch)

    logits = model(batch.input_ids, batch.positions)  # (B, T, V), padding and prompts included
    plain = F.cross_entropy(
        logits.flatten(0, 1), batch.labels.flatten(), ignore_index=-100, reduction="none"
    )
    learnt = batch.labels.flatten() != -100
    assert nll.dtype == torch.float64
    assert nll.shape == weights.shape == (batch.n_targets,)
    torch.testing.assert_close(nll, plain[learnt], rtol=0, atol=1e-12)
    assert torch.equal(weights, batch.loss_weights.flatten()[learnt])


def test_without_fractions_the_loss_is_pytorchs_mean():
    model = random_model(SMALL, dtype=torch.float64)
    batch = padded(examples(5), "response")
    logits = model(batch.input_ids, batch.positions)
    plain = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten())
    assert evaluate_loss(model, [batch]) == pytest.approx(plain.item(), abs=1e-12)


def test_logits_in_bf16_have_losses_in_float32_and_a_gradient_of_their_own_kind():
    """As of a model whose weights are bf16 themselves, without autocast."""
    logits = torch.randn(37, 11, generator=torch.Generator().manual_seed(0)).bfloat16()
    labels, weights = torch.arange(37) % 11, torch.linspace(0, 1, 37)
    exact = logits.double().requires_grad_()
    expected = F.cross_entropy(exact, labels, reduction="none")
    (expected * weights).sum().backward()
    leaf = logits.clone().requires_grad_()
    found = TokenLosses.apply(leaf * 1, labels)  # the gradient overwrites what it is given
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    (found * weights).sum().backward()
    assert leaf.grad.dtype == torch.bfloat16
    torch.testing.assert_close(leaf.grad.double(), exact.grad, rtol=2**-8, atol=1e-6)


def test_the_loss_is_computed_in_float32_under_bf16():
    batch = padded(examples(3), "all")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nll, _ = token_losses(random_model(SMALL), batch)
    assert nll.dtype == torch.float32


def one_row_at_a_time(model, rows, arm):
    """The plain twin: no batch, no padding, no collate; loss and gradients of all rows together."""
    total = weight = 0.0
    for row in rows:
        logits = model(torch.tensor([row.ids[:-1]]))[0]
        nll = F.cross_entropy(logits, torch.tensor(row.ids[1:]), reduction="none")
        # The weights are float32 in a batch, so 0.3 is the float32 nearest to it.
        w = torch.tensor(loss_weights(row, arm)[1:], dtype=torch.float32).double()
        total, weight = total + (nll * w).sum(), weight + w.sum()
    loss = total / weight
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return loss.item(), gradients


def one_step(model, rows, arm, *, accumulate):
    """Loss and gradients of one step of the real loop, read off a step of plain descent."""
    settings = TrainSettings(epochs=1, lr=1.0, warmup=0.0, clip=1e9)
    state = TrainState(model, settings)
    state.optimizer = torch.optim.SGD(state.groups, lr=1.0, weight_decay=0.0)
    for group in state.optimizer.param_groups:
        group["weight_decay"] = 0.0
    before = weights_of(model)
    plan = BatchPlan(rows, arm, batch_size=len(rows), accumulate=accumulate)
    (record,) = train(state, plan)
    assert record.lr == 1.0
    return record.loss, [before[name] - p.detach() for name, p in model.named_parameters()]


@pytest.mark.parametrize("arm", ARMS)
def test_every_path_gives_the_same_loss_and_gradients(arm):
    """Padded, accumulated and row by row, in float64: equal to 1e-10."""
    rows = examples(8)
    loss, gradients = one_row_at_a_time(random_model(SMALL, dtype=torch.float64), rows, arm)
    for accumulate in (1, 2, 4, 8):
        model = random_model(SMALL, dtype=torch.float64)
        found, found_gradients = one_step(model, rows, arm, accumulate=accumulate)
        assert found == pytest.approx(loss, rel=1e-10)
        for ours, plain in zip(found_gradients, gradients, strict=True):
            torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("arm", ["all", "response@0.3"])
def test_in_float32_to_1e5(arm):
    rows = examples(8)
    loss, _ = one_row_at_a_time(random_model(SMALL), rows, arm)
    for accumulate in (1, 4):
        found, _ = one_step(random_model(SMALL), rows, arm, accumulate=accumulate)
        assert found == pytest.approx(loss, rel=1e-5)


def test_what_stands_in_the_padding_changes_nothing():
    model = random_model(SMALL, dtype=torch.float64)
    rows = examples(5)
    one, two = (padded(rows, "response", pad_id=pad) for pad in (50256, 17))
    assert torch.equal(token_losses(model, one)[0], token_losses(model, two)[0])


# --- evaluation ----------------------------------------------------------------------------------


def constant_losses(per_batch):
    """A loss function that gives every target of the k-th batch the value per_batch[k]."""
    values = iter(per_batch)

    def loss(model, batch):
        targets = batch.labels != -100
        return torch.full((batch.n_targets,), next(values)), batch.loss_weights[targets]

    return loss


def test_evaluation_is_one_sum_divided_once():
    """Nine targets of loss 1.0 in one batch, one of 3.0 in another: 1.2, not the mean 2.0."""
    nine = padded([Example(list(range(10)), ["response"] * 10)], "response")
    one = padded([Example([1, 2], ["response", "end"])], "response")
    assert (nine.n_targets, one.n_targets) == (9, 1)
    model = random_model(SMALL)
    assert evaluate_loss(model, [nine, one], loss=constant_losses([1.0, 3.0])) == pytest.approx(1.2)


def test_evaluation_adds_up_in_float64():
    """In float32 2²⁴ + 1 + 1 is 2²⁴: of many small losses beside large ones some would be lost."""

    def loss(model, batch):
        return torch.tensor([2.0**24, 1, 1]), torch.ones(3)

    assert evaluate_loss(None, [nothing()], loss=loss) * 3 == 2**24 + 2


def test_evaluation_divides_by_the_weights():
    """Five targets of weight 0.5 and loss 3, two of weight 1 and loss 1: (7.5 + 2) / 4.5."""
    names = ["instruction"] * 6 + ["response", "end"]
    batch = padded([Example(list(range(8)), names)], "response@0.5")

    def loss(model, batch):
        return torch.tensor([3.0] * 5 + [1.0] * 2), batch.loss_weights[batch.labels != -100]

    assert evaluate_loss(random_model(SMALL), [batch], loss=loss) == pytest.approx(9.5 / 4.5)


def test_the_batch_size_of_an_evaluation_changes_nothing():
    model, rows = random_model(SMALL, dtype=torch.float64), examples(13)
    expected = one_row_at_a_time(model, rows, "response")[0]
    for batch_size in (1, 4, 32):
        batches = evaluation_batches(rows, "response", batch_size)
        assert evaluate_loss(model, batches) == pytest.approx(expected, rel=1e-12)


def test_nothing_to_evaluate_on_raises():
    with pytest.raises(DataError, match="no token to evaluate on"):
        evaluate_loss(random_model(SMALL), [])


def run(settings, *, rows=11, batch_size=4, validation=(), state=None, **options):
    """All records of a run on random examples, and its state."""
    state = state or fresh(settings)
    plan = BatchPlan(examples(rows), "response", batch_size=batch_size)
    return list(train(state, plan, validation=validation, **options)), state


def test_the_last_step_is_evaluated_whatever_the_distance():
    rows = examples(5)
    state = fresh(TrainSettings(epochs=1, eval_every=2))
    records = train(state, BatchPlan(rows, batch_size=1), validation=evaluation_batches(rows))
    assert [r.step for r in records if r.val_response_loss is not None] == [2, 4, 5]


def test_evaluating_more_often_changes_nothing_else():
    """In the textbook loop an evaluation draws random numbers, and the batch order changes."""
    validation = evaluation_batches(examples(5, seed=1))
    found = []
    for every in (0, 1, 2):
        torch.manual_seed(5)
        records, state = run(TrainSettings(lr=1e-3, eval_every=every), validation=validation)
        found.append(([r.loss for r in records], state, torch.rand(3), records))
    for losses, state, random_numbers, _ in found[1:]:
        assert losses == found[0][0]
        assert_equal_weights(weights_of(state.model), weights_of(found[0][1].model))
        assert torch.equal(random_numbers, found[0][2])
    due = [[r.step for r in records if r.val_response_loss is not None] for *_, records in found]
    assert due == [[3, 6], [1, 2, 3, 4, 5, 6], [2, 4, 6]]


# --- the loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # warm-up over 2 of 10 steps, then half a cosine from 1 down towards 0.1
        (
            {"warmup": 0.2},
            [0.5, 1.0, 1.0, 0.96575, 0.86820, 0.72221, 0.55, 0.37779, 0.23180, 0.13425],
        ),
        ({"warmup": 0.0, "final_lr": 1.0}, [1.0] * 10),
        (
            {"warmup": 0.5, "final_lr": 0.0},
            [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 0.90451, 0.65451, 0.34549, 0.09549],
        ),
    ],
)
def test_the_learning_rate_of_every_step(changes, expected):
    settings = TrainSettings(lr=1.0, **changes)
    found = [learning_rate(step, 10, settings) for step in range(10)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_one_step_in_all_is_taken_at_the_peak():
    assert learning_rate(0, 1, TrainSettings(lr=3e-4)) == 3e-4


def test_records_count_what_was_read():
    records, _ = run(TrainSettings(epochs=2, lr=1e-3))
    rows = examples(11)
    assert [r.step for r in records] == [1, 2, 3, 4, 5, 6]
    assert [r.epoch for r in records] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    assert records[2].tokens == sum(len(e.ids) - 1 for e in rows)
    learnt = sum(name in ("response", "end") for e in rows for name in e.names)
    assert records[2].target_tokens == learnt
    assert records[5].target_tokens == 2 * learnt
    settings = TrainSettings(epochs=2, lr=1e-3)
    assert [r.lr for r in records] == [learning_rate(step, 6, settings) for step in range(6)]
    seconds = [r.seconds for r in records]
    assert seconds == sorted(seconds)


def test_it_overfits_a_single_batch():
    settings = TrainSettings(epochs=90, lr=2e-2, weight_decay=0.0)
    records, state = run(settings, rows=4, batch_size=4, state=fresh(settings, config=TINY))
    assert records[0].loss > 5
    assert records[-1].loss < 0.05
    assert evaluate_loss(state.model, evaluation_batches(examples(4))) < 0.05


def test_a_group_of_parameters_may_have_a_rate_of_its_own():
    """Pretraining slows the embeddings down; the record tells the rate of the others."""
    model = random_model(SMALL)
    slow, others = [model.tokens.weight], [p for n, p in model.named_parameters() if n[0] != "t"]
    groups = [{"params": slow, "lr_scale": 0.25}, {"params": others}]
    state = TrainState(model, TrainSettings(epochs=1, warmup=0.0, lr=0.1), groups)
    (record,) = train(state, BatchPlan(examples(3), batch_size=3))
    assert record.lr == 0.1
    assert [group["lr"] for group in state.optimizer.param_groups] == [0.025, 0.1]


def test_no_weight_decay_on_biases_and_norms():
    groups = fresh(TrainSettings(weight_decay=0.1)).groups
    assert [g["weight_decay"] for g in groups] == [0.1, 0.0]
    assert {p.dim() for p in groups[0]["params"]} == {2}
    assert {p.dim() for p in groups[1]["params"]} == {1}


def test_bf16_runs_and_stays_near_fp32():
    fp32, _ = run(TrainSettings(lr=1e-3))
    bf16, state = run(
        TrainSettings(lr=1e-3, precision="bf16"), validation=evaluation_batches(examples(3))
    )
    assert {p.dtype for p in state.model.parameters()} == {torch.float32}
    assert [r.loss for r in bf16] == pytest.approx([r.loss for r in fp32], rel=0.03)
    assert bf16[0].loss != fp32[0].loss


def test_without_its_compiler_a_gpu_runs_uncompiled_and_says_so(monkeypatch, capsys, tiny_model):
    compiled = []
    monkeypatch.setattr(
        type(tiny_model.blocks[0].mlp), "compile", lambda self, **how: compiled.append(how)
    )
    monkeypatch.setattr("helpers.train.find_spec", lambda name: None)
    assert not compile_blocks(tiny_model)
    assert "Triton is not installed" in capsys.readouterr().err
    monkeypatch.setattr("helpers.train.find_spec", lambda name: "there")
    assert compile_blocks(tiny_model)
    assert compiled == [{"dynamic": True}] * 2


# --- what is not finite --------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched():
    state = fresh(TrainSettings(lr=0.025))
    with torch.no_grad():
        state.model.norm.weight.fill_(float("inf"))
    before = weights_of(state.model)
    with pytest.raises(
        RunError, match=r"loss of step 1 is nan: lower the learning rate \(now 0.025\)"
    ):
        run(None, state=state)
    assert_equal_weights(before, weights_of(state.model))
    assert state.step == 0


def test_a_gradient_that_is_not_finite_stops_too():
    """The loss may be finite while its gradient is not: sqrt has slope infinity at 0."""

    def loss(model, batch):
        nll, weights = token_losses(model, batch)
        return nll + (model.norm.weight.sum() * 0.0).sqrt(), weights

    state = fresh(TrainSettings(lr=0.025))
    before = weights_of(state.model)
    with pytest.raises(
        RunError, match=r"gradient of step 1 .*lower the learning rate \(now 0.025\)"
    ):
        run(None, state=state, loss=loss)
    assert_equal_weights(before, weights_of(state.model))


def test_a_validation_loss_that_is_not_finite_stops_too():
    """A last step that blew the model up has no next one to notice it."""
    state = fresh(TrainSettings(epochs=1, lr=1e38))
    with pytest.raises(RunError, match=r"validation loss after step 1 is .*\(now 1e\+38\)"):
        run(None, rows=4, state=state, validation=evaluation_batches(examples(3)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("lr", 0.0),
        ("lr", -1e-4),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("weight_decay", -0.1),
        ("weight_decay", float("nan")),
        ("weight_decay", float("inf")),
        ("warmup", 1.0),
        ("warmup", -0.1),
        ("final_lr", 1.5),
        ("clip", 0.0),
        ("eval_every", -1),
        ("precision", "fp16"),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(SettingsError, match=f"^{name} = .*outside its range"):
        TrainSettings(**{name: value})


# --- stopping and going on -----------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, stop):
    """Stopped in the first epoch, at its end (3 steps) and in the second."""
    settings = TrainSettings(epochs=2, lr=1e-2)
    validation = evaluation_batches(examples(5, seed=1))
    whole, whole_state = run(settings, validation=validation)

    state = fresh(settings)
    plan = BatchPlan(examples(11), "response", batch_size=4)
    running = train(state, plan, validation=validation)
    first = [next(running) for _ in range(stop)]
    save_state(tmp_path, state)
    running.close()

    other = load_state(tmp_path, fresh(settings, seed=99))  # the weights come from the file
    assert other.step == stop
    rest, other = run(settings, validation=validation, state=other)
    untimed = [replace(r, seconds=0) for r in first + rest]
    assert untimed == [replace(r, seconds=0) for r in whole]
    assert_equal_weights(weights_of(other.model), weights_of(whole_state.model))
    assert rest[-1].seconds > first[-1].seconds


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    settings = TrainSettings(lr=1e-3)
    _, state = run(settings)
    save_state(tmp_path, state)
    records, _ = run(settings, state=load_state(tmp_path, fresh(settings)))
    assert records == []


def test_resume_files_are_removed(tmp_path):
    save_state(tmp_path, fresh(TrainSettings()))
    assert {path.name for path in tmp_path.iterdir()} == {"state.safetensors", "state.json"}
    clear_state(tmp_path)
    assert list(tmp_path.iterdir()) == []
    clear_state(tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"", None])
def test_a_damaged_or_missing_state_is_refused(tmp_path, damage):
    save_state(tmp_path, fresh(TrainSettings()))
    path = tmp_path / "state.safetensors"
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(RunError, match=r"state\.safetensors: cannot be read"):
        load_state(tmp_path, fresh(TrainSettings()))


def test_the_state_of_a_model_of_another_size_is_refused(tmp_path):
    save_state(tmp_path, fresh(TrainSettings()))
    other = fresh(TrainSettings(), config=replace(SMALL, n_embd=8))
    with pytest.raises(RunError, match=r"has shape \(50257, 7\), not \(50257, 8\)"):
        load_state(tmp_path, other)
