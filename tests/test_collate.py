"""Collating: literal tensors in and out, padding by position, a plan that anyone can resume."""

from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.collate import (
    IGNORE_INDEX,
    PAD_ID,
    BatchPlan,
    common_prefix,
    evaluation_batches,
    length_grouped,
    padded,
    random_order,
)
from helpers.errors import DataError, SettingsError
from helpers.masking import Example
from helpers.tokenizer import END_OF_TEXT

END = END_OF_TEXT
p = PAD_ID  # the same number: GPT-2 pads with its own end token
N = IGNORE_INDEX


def example(prompt, response):
    """An example of these ids: instruction, response and the end token."""
    names = ["instruction"] * len(prompt) + ["response"] * len(response) + ["end"]
    return Example([*prompt, *response, END], names)


def toy(lengths):
    """Examples of the given lengths (2 or more), told apart by their first id."""
    return [example([i], range(1, n - 1)) for i, n in enumerate(lengths)]


def test_common_prefix_of_token_lists():
    assert common_prefix([[1, 2, 3], [1, 2], [1, 2, 4]]) == 2
    assert common_prefix([[1], [2]]) == 0
    assert common_prefix([[1, 2]]) == 2


# --- padded --------------------------------------------------------------------------------------


def test_three_rows_of_3_2_and_2_tokens_everything_learnt_from():
    batch = padded([example([5, 6], []), example([7], []), example([8], [])], "all")
    assert batch.input_ids.tolist() == [[5, 6], [7, p], [8, p]]
    assert batch.labels.tolist() == [[6, END], [END, N], [END, N]]
    assert batch.positions.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert batch.doc_ids.tolist() == [[1, 1], [2, -1], [3, -1]]
    assert batch.loss_weights.tolist() == [[1, 1], [1, 0], [1, 0]]
    assert (batch.n_tokens, batch.n_targets, batch.weight) == (4, 4, 4.0)


def test_the_same_rows_masked():
    """Prompt 11 12 13, response 21 22; prompt 14, response 23."""
    batch = padded([example([11, 12, 13], [21, 22]), example([14], [23])], "response")
    assert batch.input_ids.tolist() == [[11, 12, 13, 21, 22], [14, 23, p, p, p]]
    assert batch.labels.tolist() == [[N, N, 21, 22, END], [23, END, N, N, N]]
    assert batch.loss_weights.tolist() == [[0, 0, 1, 1, 1], [1, 1, 0, 0, 0]]
    assert (batch.n_tokens, batch.n_targets, batch.weight) == (7, 5, 5.0)


def test_fractional_weights():
    batch = padded([example([11, 12, 13], [21]), example([14], [23])], "response@0.25")
    assert batch.labels.tolist() == [[12, 13, 21, END], [23, END, N, N]]
    assert batch.loss_weights.tolist() == [[0.25, 0.25, 1, 1], [1, 1, 0, 0]]
    assert batch.weight == 4.5


def test_types():
    batch = padded(toy([5, 3]), "all")
    for name in ("input_ids", "positions", "doc_ids", "labels"):
        assert getattr(batch, name).dtype == torch.int64
        assert getattr(batch, name).shape == (2, 4)
    assert batch.loss_weights.dtype == torch.float32
    assert batch.to("cpu").labels.tolist() == batch.labels.tolist()


def test_the_real_end_token_is_learnt_although_padding_has_the_same_id():
    """Padding found by comparing with the pad id loses it: the model then never stops by itself."""
    batch = padded([example([1], [2, 3, 4]), example([5], [6])], "response")
    assert PAD_ID == END == 50256
    assert (batch.labels == END).sum(1).tolist() == [1, 1]


def test_an_end_token_inside_a_text_is_no_padding():
    """Packed or odd data may hold 50256 in the middle: it is read, counted and learnt like any id."""
    row = Example([4, END, 6, END], ["instruction", "response", "response", "end"])
    batch = padded([row, *toy([6])], "all")
    assert batch.input_ids[0].tolist() == [4, END, 6, p, p]
    assert batch.doc_ids[0].tolist() == [1, 1, 1, -1, -1]
    assert batch.labels[0].tolist() == [END, 6, END, N, N]


def test_another_pad_id_changes_nothing_but_the_padding():
    one, two = padded(toy([5, 3]), "all"), padded(toy([5, 3]), "all", pad_id=0)
    assert two.input_ids.tolist() == [[0, 1, 2, 3], [1, 1, 0, 0]]
    for name in ("positions", "doc_ids", "labels", "loss_weights"):
        assert torch.equal(getattr(one, name), getattr(two, name))


lengths_of_prompt_and_response = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=6
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    lengths_of_prompt_and_response,
    st.sampled_from(["all", "instruction+response", "header+response", "response", "response@0.3"]),
)
def test_labels_are_the_inputs_shifted_by_one_and_nothing_is_lost(lengths, arm):
    rows = [example(range(1, n + 1), range(20, 20 + m)) for n, m in lengths]
    batch = padded(rows, arm)
    for i, row in enumerate(rows):
        n = len(row.ids) - 1
        real = batch.doc_ids[i] >= 0
        assert real.tolist() == [True] * n + [False] * (real.numel() - n)
        assert batch.input_ids[i][:n].tolist() == row.ids[:-1]
        assert batch.positions[i][:n].tolist() == list(range(n))
        learnt = batch.labels[i] != IGNORE_INDEX
        assert learnt.tolist() == (batch.loss_weights[i] > 0).tolist()
        assert batch.labels[i][learnt].tolist() == [
            token for t, token in enumerate(row.ids) if t > 0 and batch.loss_weights[i][t - 1] > 0
        ]
        assert (batch.labels[i] == END).sum() == 1
        assert not learnt[n:].any()


def test_a_batch_from_which_nothing_is_learnt_raises():
    """cross_entropy would give 0/0 = NaN, and one NaN step destroys a model."""
    nothing = Example([1, 2, 3], ["template"] * 3)
    with pytest.raises(DataError, match=r"batch of 2 rows.*'response'.*0/0"):
        padded([nothing, nothing], "response")
    assert padded([nothing, example([1], [2])], "response").n_targets == 2
    with pytest.raises(DataError, match="at least one example"):
        padded([], "all")


# --- order ---------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 99))
def test_every_row_comes_once_an_epoch(lengths, batch_size, seed):
    for order in (
        length_grouped(lengths, batch_size, torch.Generator().manual_seed(seed)),
        random_order(len(lengths), batch_size, torch.Generator().manual_seed(seed)),
    ):
        assert sorted(i for batch in order for i in batch) == list(range(len(lengths)))
        assert len(order) == -(-len(lengths) // batch_size)
        sizes = sorted(map(len, order))
        assert all(size == batch_size for size in sizes[1:])
        assert 1 <= sizes[0] <= batch_size


def test_length_grouped_batches_hold_neighbours_in_length():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 90, (203,), generator=generator).tolist()
    spans = [
        (min(lengths[i] for i in batch), max(lengths[i] for i in batch))
        for batch in length_grouped(lengths, 8, generator)
    ]
    in_order = sorted(spans)
    assert spans != in_order  # short ones do not come first
    for (_, longest), (shortest, _) in pairwise(in_order):
        assert longest <= shortest


def test_equal_lengths_meet_in_other_company_each_epoch():
    plan = BatchPlan(toy([5] * 40), batch_size=8)
    companies = [{frozenset(batch) for batch in plan.steps(epoch)} for epoch in range(3)]
    assert not companies[0] & companies[1]
    assert not companies[1] & companies[2]


# --- plan ----------------------------------------------------------------------------------------

LENGTHS = [3, 9, 4, 4, 7, 3, 12, 5, 5, 8, 6]
ARMS = ["all", "instruction+response", "header+response", "response", "response@0.1"]


@pytest.mark.parametrize("grouped", [True, False])
def test_same_seed_same_order_for_every_arm(grouped):
    """Otherwise a difference between two arms could be a difference between two orders."""
    plans = [BatchPlan(toy(LENGTHS), a, batch_size=4, grouped=grouped, seed=7) for a in ARMS]
    for epoch in range(3):
        orders = [plan.steps(epoch) for plan in plans]
        assert all(order == orders[0] for order in orders)
        ids = [plan.micro_batches(epoch, 1)[0].input_ids.tolist() for plan in plans]
        assert all(i == ids[0] for i in ids)


@pytest.mark.parametrize("grouped", [True, False])
def test_epochs_and_seeds_differ(grouped):
    plan = BatchPlan(toy(LENGTHS), batch_size=2, grouped=grouped, seed=7)
    other = BatchPlan(toy(LENGTHS), batch_size=2, grouped=grouped, seed=8)
    orders = [plan.steps(0), plan.steps(1), plan.steps(2), other.steps(0)]
    assert len({str(order) for order in orders}) == 4


def test_steps_can_be_asked_for_in_any_order():
    """A resumed run starts in the middle of an epoch and replays nothing."""
    make = lambda: BatchPlan(toy(LENGTHS), batch_size=3, seed=1)  # noqa: E731
    plan = make()
    forward = [
        [b.input_ids.tolist() for b in plan.micro_batches(epoch, step)]
        for epoch in range(3)
        for step in range(plan.steps_per_epoch)
    ]
    fresh = make()
    backward = [
        [b.input_ids.tolist() for b in fresh.micro_batches(epoch, step)]
        for epoch in reversed(range(3))
        for step in reversed(range(fresh.steps_per_epoch))
    ]
    assert forward == backward[::-1]


def test_an_epoch_reads_every_row_once():
    plan = BatchPlan(toy(LENGTHS), batch_size=4)
    assert plan.steps_per_epoch == 3
    first = Counter()
    for step in range(3):
        for batch in plan.micro_batches(0, step):
            first.update(batch.input_ids[:, 0].tolist())
    assert first == Counter(range(11))


def test_accumulating_cuts_a_step_into_parts():
    whole = BatchPlan(toy(LENGTHS), batch_size=4, accumulate=1, seed=3)
    parts = BatchPlan(toy(LENGTHS), batch_size=4, accumulate=2, seed=3)
    for step in range(3):
        (one,) = whole.micro_batches(0, step)
        several = parts.micro_batches(0, step)
        assert [len(b.input_ids) for b in several] == (
            [2, 2] if len(one.input_ids) == 4 else [2, 1]
        )
        rows = [row for b in several for row in b.input_ids[:, 0].tolist()]
        assert rows == one.input_ids[:, 0].tolist()
        assert sum(b.n_targets for b in several) == one.n_targets
        assert sum(b.weight for b in several) == one.weight


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(2, 40), min_size=1, max_size=60), st.integers(1, 200), st.integers(0, 9)
)
def test_steps_of_equal_tokens(lengths, budget, seed):
    """Every row once, no step beyond the budget and one row, as many steps in every epoch."""
    plan = BatchPlan(toy(lengths), tokens_per_step=budget, seed=seed)
    for epoch in range(2):
        steps = plan.steps(epoch)
        assert len(steps) == plan.steps_per_epoch
        assert sorted(i for step in steps for i in step) == list(range(len(lengths)))
        tokens = [sum(lengths[i] for i in step) for step in steps]
        assert max(tokens) < budget + max(lengths)
        assert max(tokens) - min(tokens) <= max(lengths)


def test_a_step_of_a_budget_is_one_batch():
    plan = BatchPlan(toy(LENGTHS), tokens_per_step=20, layout="packed")
    assert plan.steps_per_epoch == 4  # 66 tokens
    for step, rows in enumerate(plan.steps(0)):
        (batch,) = plan.micro_batches(0, step)
        assert batch.n_tokens == sum(LENGTHS[i] - 1 for i in rows)


@pytest.mark.parametrize(("tokens", "accumulate"), [(-1, 1), (20, 2)])
def test_a_budget_that_cannot_be_is_refused(tokens, accumulate):
    with pytest.raises(SettingsError, match=rf"{tokens}\b.*give"):
        BatchPlan(toy(LENGTHS), accumulate=accumulate, tokens_per_step=tokens)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(0, 1), (-8, 1), (8, 0), (8, 3), (4, 8)])
def test_sizes_that_do_not_divide_are_refused(batch_size, accumulate):
    with pytest.raises(SettingsError, match=rf"batch size (is )?{batch_size}\b.* at least 1"):
        BatchPlan(toy(LENGTHS), batch_size=batch_size, accumulate=accumulate)


def test_a_plan_without_examples_is_refused():
    with pytest.raises(DataError, match="no examples to train on"):
        BatchPlan([])


@pytest.mark.parametrize("seed", [0, -5, 2**31, 2**63, 10**30])
def test_any_whole_number_is_a_seed(seed):
    plans = [BatchPlan(toy(LENGTHS), batch_size=2, seed=seed) for _ in range(2)]
    assert plans[0].steps(1) == plans[1].steps(1)


def test_evaluation_reads_every_row_once_and_always_alike():
    rows = toy(LENGTHS)
    batches = evaluation_batches(rows, "response", batch_size=4)
    assert [len(b.input_ids) for b in batches] == [4, 4, 3]
    assert sorted(i for b in batches for i in b.input_ids[:, 0].tolist()) == list(range(11))
    again = evaluation_batches(rows, "response", batch_size=4)
    for one, two in zip(batches, again, strict=True):
        assert torch.equal(one.input_ids, two.input_ids)
    assert sum(b.n_targets for b in batches) == sum(n - 1 for n in LENGTHS)
