"""Packed batches: literal tensors, and the same loss and gradients as padded ones, for every arm."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from conftest import TINY, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from helpers import collate, packing, train
from helpers.arithmetic import CLOSE, PRODUCTS, product_error, products_by
from helpers.collate import BatchPlan, evaluation_batches, packed, shared_prefix
from helpers.errors import DataError
from helpers.masking import Example, make_examples
from helpers.packing import PackedAttention, VarlenAttention, packed_attention, plain_mask
from helpers.train import (
    TokenLosses,
    TrainSettings,
    TrainState,
    evaluate_loss,
    head_losses,
    token_losses,
)

SMALL = replace(TINY, n_head=3, n_embd=6, vocab_size=31)
ARMS = ["all", "instruction+response", "header+response", "response", "response@0.3"]
END, N = 30, -100
padded = partial(collate.padded, pad_id=END)  # GPT-2's own is beyond this small vocabulary
SEGMENTS = ["template", "instruction", "input", "header", "response"]


@pytest.fixture(autouse=True, scope="module")
def small_padding():
    """Plans pad with the small vocabulary's end token too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(collate.LAYOUTS, "padded", padded)
        yield


def example(ids, names=None):
    """An example that ends with END; without names everything but the end is a response."""
    return Example([*ids, END], [*(names or ["response"] * len(ids)), "end"])


@st.composite
def batches(draw):
    """One to six rows that often share a beginning; some are nothing but that beginning."""
    token = st.integers(0, 3)  # few different ones, so that rows go on alike for a while by chance
    common = draw(st.lists(token, max_size=6))
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        ids = common + draw(st.lists(token, min_size=0 if common else 1, max_size=9))
        first_of = sorted(draw(st.lists(st.integers(0, len(ids)), min_size=4, max_size=4)))
        names = [SEGMENTS[sum(t >= start for start in first_of)] for t in range(len(ids))]
        rows.append(example(ids, names))
    return rows


def loss_and_gradients(batch, attention=packed_attention, dtype=torch.float64, config=SMALL):
    """What a step computes from the batch: loss, its gradient by every weight."""
    model = random_model(config, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "packed_attention", attention)
        nll, weights = token_losses(model, batch)
    loss = (nll * weights).sum() / batch.weight
    return loss.item(), torch.autograd.grad(loss, list(model.parameters()))


def by_plain_mask(batch):
    return plain_mask(batch)


def assert_same(one, two, tolerance):
    assert one[0] == pytest.approx(two[0], rel=tolerance)
    largest = max(float(g.abs().max()) for g in two[1])
    for ours, plain in zip(one[1], two[1], strict=True):
        torch.testing.assert_close(ours, plain, rtol=tolerance, atol=tolerance * largest)


# --- what is in a packed batch -------------------------------------------------------------------


def test_three_rows_that_begin_alike_literally():
    """The last common token, 6, stands in each row: it predicts 7, 8 and the end."""
    batch = packed([example([5, 6, 7]), example([5, 6, 8]), example([5, 6])], "all")
    assert batch.input_ids.tolist() == [[5, 6, 7, 6, 8, 6]]
    assert batch.labels.tolist() == [[6, 7, END, 8, END, END]]
    assert batch.positions.tolist() == [[0, 1, 2, 1, 2, 1]]
    assert batch.doc_ids.tolist() == [[0, 1, 1, 2, 2, 3]]
    assert batch.loss_weights.tolist() == [[3, 1, 1, 1, 1, 1]]
    assert batch.borders == (0, 1, 3, 5, 6)
    assert (batch.n_tokens, batch.n_targets, batch.weight) == (8, 8, 8.0)


def test_a_masked_prefix_is_read_and_not_learnt():
    names = ["template", "template", "response"]
    batch = packed([example([5, 6, 7], names), example([5, 6, 8], names)], "response")
    assert batch.labels.tolist() == [[N, 7, END, 8, END]]
    assert batch.loss_weights.tolist() == [[0, 1, 1, 1, 1]]


def test_three_times_a_tenth_is_what_three_padded_rows_weigh():
    """0.1 is not a float32; three times the nearest one is not a float32 either."""
    rows = [example([5, 6, last], ["instruction", "instruction", "response"]) for last in (7, 8, 9)]
    batch, plain = packed(rows, "response@0.1"), padded(rows, "response@0.1")
    assert batch.loss_weights[0, 0].item() == plain.loss_weights[:, 0].double().sum().item()
    assert batch.weight == pytest.approx(plain.weight, rel=1e-15)


def test_on_an_apple_gpu_the_weights_are_float32(monkeypatch):
    """It has no float64; the machine of the test need not have one."""
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device: tensor)
    batch = packed([example([5, 6]), example([5, 7])], "response@0.1")
    assert batch.to("cuda").loss_weights.dtype == torch.float64
    moved = batch.to("mps")
    assert moved.loss_weights.dtype == torch.float32
    assert (moved.borders, moved.labels.dtype) == (batch.borders, torch.int64)


def test_tokens_of_different_segments_are_not_shared():
    """The same token can be instruction here and response there: learnt from here, not there."""
    one = example([5, 6, 7, 8], ["instruction", "instruction", "instruction", "response"])
    two = example([5, 6, 7, 8], ["instruction", "instruction", "response", "response"])
    batch = packed([one, two], "response")
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 6, 7, 8]]
    assert batch.labels.tolist() == [[N, N, 8, END, 7, 8, END]]
    assert (batch.n_targets, batch.weight) == (5, 5.0)


def test_no_common_prefix():
    batch = packed([example([5, 6]), example([7])], "all")
    assert batch.input_ids.tolist() == [[5, 6, 7]]
    assert batch.doc_ids.tolist() == [[1, 1, 2]]
    assert batch.borders == (0, 0, 2, 3)


def test_rows_that_are_all_the_same_are_computed_once():
    batch = packed([example([5, 6])] * 3, "all")
    assert batch.input_ids.tolist() == [[5, 6]]
    assert batch.doc_ids.tolist() == [[0, 0]]
    assert batch.loss_weights.tolist() == [[3, 3]]
    assert batch.n_tokens == 6


def test_a_row_without_tokens_of_its_own_takes_no_part_in_attention():
    """All its targets stand in the prefix: nothing more is computed for it."""
    attention = PackedAttention((0, 2, 2, 5, 6))  # a prefix of 2; rows of 0, 3 and 1 tokens
    assert (attention.prefix, attention.rows, attention.longest) == (2, 2, 3)
    assert attention.side_by_side.tolist() == [2, 3, 4, 5, 5, 5]
    assert attention.back.tolist() == [0, 1, 2, 3]


def test_of_alpaca_23_tokens_are_shared(records, tokenizer):
    examples, _ = make_examples(records[:8], "alpaca", tokenizer)
    assert shared_prefix(examples) == 23
    batch = packed(examples, "all")
    assert batch.input_ids.numel() == padded(examples, "all").n_tokens - 7 * 23
    assert batch.n_tokens == padded(examples, "all").n_tokens


def test_a_batch_from_which_nothing_is_learnt_raises():
    nothing = Example([1, 2, 3], ["template"] * 3)
    with pytest.raises(DataError, match=r"batch of 2 rows.*'response'.*0/0"):
        packed([nothing, nothing], "response")
    assert packed([nothing, example([1, 2])], "response").n_targets == 2
    with pytest.raises(DataError, match="at least one example"):
        packed([], "all")


# --- the same as padded --------------------------------------------------------------------------


@settings(max_examples=50, deadline=None, derandomize=True)
@given(batches(), st.sampled_from(ARMS))
def test_packed_equals_padded_to_1e10(rows, arm):
    """Loss and gradients, by the plain mask and by the fast attention, for any rows and arm."""
    try:
        expected = loss_and_gradients(padded(rows, arm))
    except DataError:
        with pytest.raises(DataError, match="0/0"):
            packed(rows, arm)
        return
    batch, plain = packed(rows, arm), padded(rows, arm)
    for count in ("n_tokens", "n_targets", "weight"):
        assert getattr(batch, count) == pytest.approx(getattr(plain, count), rel=1e-12)
    for attention in (by_plain_mask, packed_attention):
        assert_same(loss_and_gradients(batch, attention), expected, 1e-10)


@pytest.mark.parametrize("short", [0, 10**9])
def test_long_and_short_rows_are_attended_to_alike(monkeypatch, short):
    """By PyTorch's attention and by ours, written out."""
    monkeypatch.setattr(packing, "SHORT", short)
    chosen = packing.best_attention("cpu", 100)
    assert (chosen is packing.written_out) == (short > 0)
    assert packing.best_attention("cuda", 100) is not packing.written_out
    rows = rows_of(6)
    assert_same(
        loss_and_gradients(packed(rows, "all")), loss_and_gradients(padded(rows, "all")), 1e-10
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(batches(), st.sampled_from(["all", "response@0.3"]))
def test_in_float32_to_1e5_whoever_multiplies(rows, arm):
    expected = loss_and_gradients(padded(rows, arm))
    exact = [library for library in PRODUCTS if product_error(library) < CLOSE]
    for library in exact:
        with products_by(library):
            found = loss_and_gradients(packed(rows, arm), dtype=torch.float32)
        found = (found[0], [g.double() for g in found[1]])
        assert_same(found, expected, 1e-5)


def rows_of(n, prefix=4, seed=0):
    """Random rows of different lengths behind a common prefix."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for i in range(n):
        ids = torch.randint(0, 30, (3 + 5 * i % 11,), generator=generator).tolist()
        names = ["template"] * prefix + ["instruction", "header"] + ["response"] * (len(ids) - 2)
        made.append(example([*range(prefix), *ids], names))
    return made


def test_perturbing_one_row_changes_nothing_in_another():
    """Not a bit of another row's losses, and no gradient flows from one row into another."""
    rows = rows_of(4)
    other = example([*rows[1].ids[:4], *(7,) * (len(rows[1].ids) - 5)], rows[1].names[:-1])
    model = random_model(SMALL, dtype=torch.float64)
    one, two = packed(rows, "all"), packed([rows[0], other, *rows[2:]], "all")
    assert one.borders == two.borders
    untouched = (one.doc_ids != 2)[0]
    losses = [token_losses(model, batch)[0] for batch in (one, two)]
    assert torch.equal(losses[0][untouched], losses[1][untouched])
    assert not torch.equal(losses[0][~untouched], losses[1][~untouched])

    x = torch.randn(3, 1, 3, one.input_ids.numel(), 2, dtype=torch.float64, requires_grad=True)
    for attend in (PackedAttention(one.borders), partial(masked, plain_mask(one))):
        y = attend(*x)
        (gradient,) = torch.autograd.grad(y[:, :, (one.doc_ids == 2)[0]].sum(), x)
        reached = gradient.abs().sum((0, 1, 2, 4)) > 0
        assert set(one.doc_ids[0, reached].tolist()) == {0, 2}


def masked(mask, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def plain_varlen(q, k, v, starts_q, starts_k, most_q, most_k, *, window_size):
    """What `varlen_attn` is documented to do, text by text."""
    assert window_size == (-1, 0)
    assert (starts_q.dtype, starts_k.dtype) == (torch.int32, torch.int32)
    assert (most_q, most_k) == (int(starts_q.diff().max()), int(starts_k.diff().max()))
    found = []
    for i in range(len(starts_q) - 1):
        a, b, c, d = (*starts_q[i : i + 2].tolist(), *starts_k[i : i + 2].tolist())
        mask = torch.ones(b - a, d - c, dtype=torch.bool).tril((d - c) - (b - a))
        parts = (x.transpose(0, 1) for x in (q[a:b], k[c:d], v[c:d]))
        found.append(masked(mask, *parts).transpose(0, 1))
    return torch.cat(found)


@pytest.mark.parametrize("prefix", [0, 4])
def test_attention_for_unequal_lengths_is_given_the_same_task(monkeypatch, prefix):
    """The kernel itself exists on CUDA only; its place is taken by what its documentation says."""
    monkeypatch.setattr(packing, "varlen_attn", plain_varlen)
    rows = rows_of(5, prefix)
    if prefix:  # a row that is nothing but the prefix and its end
        rows.append(example(range(4), ["template"] * 4))
    batch = packed(rows, "all")
    assert batch.borders[1] == max(0, prefix - 1)
    varlen = loss_and_gradients(batch, lambda b: VarlenAttention(b.borders))
    assert_same(varlen, loss_and_gradients(padded(rows, "all")), 1e-10)


def test_where_there_is_no_such_attention_the_rows_are_brought_side_by_side(monkeypatch):
    assert isinstance(packed_attention(packed(rows_of(3), "all")), PackedAttention)
    assert packed_attention(padded(rows_of(3), "all")) is None
    assert not packing.has_varlen("cuda", torch.float32)
    assert not packing.has_varlen("cpu", torch.bfloat16)
    monkeypatch.setattr(packing, "varlen_attn", None)
    assert not packing.has_varlen("cuda", torch.bfloat16)


# --- in training ---------------------------------------------------------------------------------


def step(rows, *, layout, accumulate=1, **options):
    """Loss of one step, and the gradients, read off a step of plain descent."""
    model = random_model(SMALL, dtype=torch.float64)
    before = [p.detach().clone() for p in model.parameters()]
    state = TrainState(model, TrainSettings(epochs=1, lr=1.0, warmup=0.0, clip=1e9, **options))
    state.optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    plan = BatchPlan(rows, "response@0.3", batch_size=8, accumulate=accumulate, layout=layout)
    (record,) = train.train(state, plan)
    return record, [old - p.detach() for old, p in zip(before, model.parameters(), strict=True)]


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_accumulated_checkpointed_and_in_pieces_it_is_the_same_step(layout, monkeypatch):
    rows = rows_of(8)
    record, gradients = step(rows, layout="padded")
    for accumulate, checkpointing, chunk in [(1, False, 5), (4, False, 2048), (2, True, 7)]:
        monkeypatch.setattr(train, "CHUNK", chunk)
        options = {"layout": layout, "accumulate": accumulate, "checkpointing": checkpointing}
        found, found_gradients = step(rows, **options)
        assert_same((found.loss, found_gradients), (record.loss, gradients), 1e-10)
        assert (found.tokens, found.target_tokens) == (record.tokens, record.target_tokens)


def test_checkpointing_keeps_less_for_the_backward_pass():
    batch = packed(rows_of(8), "all")
    kept = []
    for checkpointing in (False, True):
        model = random_model(SMALL)
        model.checkpointing = checkpointing
        sizes = []
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x
        )
        with hooks:
            token_losses(model, batch)
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 2


def test_logits_are_never_all_there_at_once(monkeypatch):
    model, seen = random_model(SMALL), []
    monkeypatch.setattr(train, "CHUNK", 4)
    head = model.head
    monkeypatch.setattr(model, "head", lambda h: seen.append(len(h)) or head(h))
    h = torch.randn(11, 6, requires_grad=True)
    head_losses(model, h, torch.arange(11)).sum().backward()
    assert sorted(seen) == [3, 3, 4, 4, 4, 4]  # forwards, and again for the backward pass


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 4, 64])
def test_token_losses_are_cross_entropy_and_so_is_their_gradient(dtype, rows, monkeypatch):
    monkeypatch.setitem(train.ROWS, "cpu", rows)
    h = torch.randn(11, 6, dtype=dtype, requires_grad=True)
    w = torch.randn(31, 6, dtype=dtype, requires_grad=True)
    labels, weights = torch.arange(11) * 2, torch.rand(11)
    exact = torch.promote_types(dtype, torch.float32)

    def plain(logits, labels):
        return F.cross_entropy(logits.to(exact), labels, reduction="none")

    found = []
    for losses in (plain, TokenLosses.apply):
        values = losses(h @ w.T, labels)
        found.append([values, *torch.autograd.grad((values * weights).sum(), (h, w))])
    for ours, theirs in zip(found[1], found[0], strict=True):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs)


def test_the_gradient_takes_the_place_of_the_logits():
    logits = torch.randn(5, 31, requires_grad=True)
    there = logits * 1  # not a leaf, as the head's
    losses = TokenLosses.apply(there, torch.arange(5))
    losses.sum().backward(retain_graph=True)
    assert torch.equal(there, logits.grad)
    with pytest.raises(RuntimeError, match="inplace"):  # a second time there are no logits left
        losses.sum().backward()


def test_an_evaluation_is_the_same_packed():
    rows = rows_of(13)
    model = random_model(SMALL, dtype=torch.float64)
    plain = evaluate_loss(model, evaluation_batches(rows))
    found = evaluate_loss(model, evaluation_batches(rows, layout="packed", batch_size=4))
    assert found == pytest.approx(plain, rel=1e-12)


def test_the_layout_changes_nothing_in_the_order():
    rows = rows_of(20)
    plans = [BatchPlan(rows, batch_size=4, layout=layout) for layout in ("padded", "packed")]
    assert plans[0].steps(1) == plans[1].steps(1)
