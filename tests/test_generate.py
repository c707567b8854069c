"""Generation: the batched, cached way says exactly what the plain loop says."""

import pytest
import torch
from conftest import TINY, random_model

from helpers import generate as generation
from helpers.errors import SettingsError
from helpers.generate import generate, generate_plain, read_once, respond, sample, stream
from helpers.weights import load_model


@pytest.fixture(scope="module")
def model():
    return random_model(TINY, dtype=torch.float64)


def prompts_of(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 50256, (n,), generator=generator).tolist() for n in lengths]


def test_ragged_batch_equals_the_plain_loop_token_for_token(model):
    prompts = prompts_of([1, 13, 5, 2, 29, 7, 5])
    expected = [generate_plain(model, p, max_new_tokens=11) for p in prompts]
    for batch_size in (1, 3, 7):
        assert generate(model, prompts, max_new_tokens=11, batch_size=batch_size) == expected


def test_stopping_is_per_row_and_the_stop_token_is_not_part_of_the_answer(model):
    prompts = prompts_of([4, 9, 6])
    free = [generate_plain(model, p, max_new_tokens=12) for p in prompts]
    stop = free[1].ids[5]  # a token that row 1 says; the others may or may not
    expected = [generate_plain(model, p, max_new_tokens=12, stop_ids={stop}) for p in prompts]
    answers = generate(model, prompts, max_new_tokens=12, stop_ids={stop})
    assert answers == expected
    assert answers[1].finish_reason == "stop"
    assert stop not in answers[1].ids


def count_reads(model, monkeypatch):
    """A list that grows by (rows, new tokens a row) whenever the model reads something."""
    shapes, hidden = [], type(model).hidden

    def counted(self, input_ids, *args):
        shapes.append(tuple(input_ids.shape))
        return hidden(self, input_ids, *args)

    monkeypatch.setattr(type(model), "hidden", counted)
    return shapes


def test_nothing_is_padded_and_what_all_prompts_begin_with_is_read_once(model, monkeypatch):
    prompts = [[5, 6, 7, 8, *rest] for rest in prompts_of([1, 23, 3])]
    shapes = count_reads(model, monkeypatch)
    generate(model, prompts, max_new_tokens=3, stop_ids=())
    assert shapes == [(1, 4), (1, 1 + 23 + 3), (3, 1), (3, 1)]


def test_a_row_that_has_finished_leaves_the_batch_and_the_others_say_the_same(model, monkeypatch):
    """Also when the row that leaves is the first, the last, or several at once."""
    prompts = prompts_of([4, 9, 6, 2, 30])
    limits = [3, 7, 3, 1, 5]
    alone = zip(prompts, limits, strict=True)
    expected = [generate_plain(model, p, max_new_tokens=n, stop_ids=()) for p, n in alone]
    shapes = count_reads(model, monkeypatch)
    assert generate(model, prompts, max_new_tokens=limits, stop_ids=()) == expected
    assert [rows for rows, _ in shapes[1:]] == [4, 4, 2, 2, 1, 1]


@pytest.mark.parametrize("pack", [1, 16, 40])
def test_prompts_packed_in_several_parts_say_the_same(model, monkeypatch, pack):
    prompts = [[5, 6, *rest] for rest in prompts_of([3, 31, 8, 8, 15])]
    expected = generate(model, prompts, max_new_tokens=4)
    monkeypatch.setattr(generation, "PACK", pack)
    assert generate(model, prompts, max_new_tokens=4) == expected


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([[1, 2, 3]], 0),
        ([[1, 2, 3], [1, 2, 3]], 2),
        ([[1, 2, 3, 4], [1, 2], [1, 2, 9]], 1),
        ([[7, 1], [8, 1]], 0),
        ([[1, 2, 3], [1, 2, 4], [1, 5, 4]], 1),
    ],
)
def test_what_is_read_once_leaves_every_prompt_a_token(prompts, shared):
    assert read_once(prompts) == shared


def test_the_bundled_model_says_in_a_batch_what_it_says_alone(tokenizer):
    """In float32, as the lessons use it, prompts of 2 to 500 tokens side by side."""
    model = load_model("gpt2-mini")
    request = "Below is an instruction that describes a task. Write a response"
    texts = ["The sky", request, f"{request} that appropriately completes it.", "One two " * 250]
    prompts = [tokenizer.encode_ordinary(text) for text in texts]
    expected = [generate_plain(model, p, max_new_tokens=8) for p in prompts]
    assert generate(model, prompts, max_new_tokens=8) == expected


def test_bfloat16_weights_say_nearly_the_same(model):
    """The cache takes the weights' type; the logits are the same to bfloat16's three digits."""
    prompts = [[5, 6, *rest] for rest in prompts_of([4, 9])]
    exact = generation.prefill(model, prompts, 20)[1]
    half = random_model(TINY).bfloat16()
    cache, logits = generation.prefill(half, prompts, 20)
    assert cache.keys.dtype == logits.dtype == torch.bfloat16
    assert (logits.double() - exact).norm() < 0.05 * exact.norm()
    assert [len(a.ids) for a in generate(half, prompts, max_new_tokens=3, stop_ids=())] == [3, 3]


def test_the_last_position_ends_a_row_and_the_others_go_on(model):
    prompts = prompts_of([95, 3, 60])
    expected = [generate_plain(model, p, max_new_tokens=40) for p in prompts]
    answers = generate(model, prompts, max_new_tokens=40)
    assert answers == expected
    assert [len(a.ids) for a in answers] == [2, 40, 37]


def test_a_prompt_as_long_as_the_model_is_reported_and_the_others_go_on(model):
    answers = generate(model, prompts_of([97, 3, 200]), max_new_tokens=2)
    assert [a.finish_reason for a in answers] == ["prompt_too_long", "length", "prompt_too_long"]


def test_temperature_zero_is_greedy_and_never_divides():
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 0.0, 1.0]])
    assert sample(logits).tolist() == [1, 0]


def test_top_k_keeps_exactly_k_among_ties():
    """Cutting at the k-th value keeps every equal one: with all logits equal, top-2 kept 50,257."""
    logits = torch.zeros(4000, 7)
    generator = torch.Generator().manual_seed(0)
    drawn = sample(logits, temperature=1.0, top_k=2, generator=generator)
    assert set(drawn.tolist()) == {0, 1}
    whole = sample(torch.zeros(50, 50257), temperature=1.0, top_k=2, generator=generator)
    assert set(whole.tolist()) == {0, 1}  # a long row is sorted by other code


def test_sampling_follows_the_softmax_at_that_temperature():
    logits = torch.tensor([[0.0, 1.0, 2.0]]).expand(60000, 3)
    drawn = sample(logits, temperature=2.0, generator=torch.Generator().manual_seed(0))
    share = torch.bincount(drawn, minlength=3) / 60000
    expected = torch.softmax(torch.tensor([0.0, 0.5, 1.0]), 0)
    torch.testing.assert_close(share, expected, atol=0.01, rtol=0)


def test_same_seed_same_sample(model):
    prompts = prompts_of([4, 8])
    first, second = (
        generate(
            model,
            prompts,
            max_new_tokens=8,
            temperature=0.9,
            top_k=20,
            generator=torch.Generator().manual_seed(5),
        )
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0"),
        ({"max_new_tokens": [0]}, "max_new_tokens is 0"),
        ({"max_new_tokens": [3, 4]}, "2 values for 1 prompts"),
    ],
)
def test_options_out_of_range_are_refused(model, options, message):
    with pytest.raises(SettingsError, match=message):
        generate(model, [[1]], **options)


@pytest.mark.parametrize("length", [1, 13, 60, 95, 96])
def test_a_stream_is_the_plain_loop_token_for_token(model, length):
    """Up to 40 tokens, or as many as the model's 97 positions leave."""
    [prompt] = prompts_of([length])
    expected = generate_plain(model, prompt, max_new_tokens=40, stop_ids=())
    assert list(stream(model, prompt, max_new_tokens=40, stop_ids=())) == expected.ids
    stop = expected.ids[-1]
    [short] = generate(model, [prompt], max_new_tokens=40, stop_ids={stop})
    assert list(stream(model, prompt, max_new_tokens=40, stop_ids={stop})) == [*short.ids, stop]


def test_a_stream_computes_nothing_ahead_of_who_reads(model, monkeypatch):
    reads = count_reads(model, monkeypatch)
    tokens = stream(model, [1, 2, 3], stop_ids=())
    assert reads == []
    next(tokens), next(tokens)
    assert reads == [(1, 3), (1, 1)]
    assert torch.is_grad_enabled()  # between two tokens as well


def test_a_stream_draws_the_same_with_the_same_seed(model):
    def drawn(seed, **options):
        generator = torch.Generator().manual_seed(seed)
        return list(stream(model, [4, 5], max_new_tokens=9, generator=generator, **options))

    hot = {"temperature": 1.0, "stop_ids": ()}
    assert drawn(5, **hot) == drawn(5, **hot) != drawn(6, **hot)
    greedy = generate_plain(model, [4, 5], max_new_tokens=9, stop_ids=()).ids
    assert drawn(5, top_k=1, **hot) == greedy


@pytest.mark.parametrize(
    ("length", "options", "message"),
    [
        (0, {}, "the prompt has 0 tokens: give 1 to 96"),
        (97, {}, "the prompt has 97 tokens: give 1 to 96"),
        (3, {"temperature": -1.0}, "temperature is -1.0"),
        (3, {"top_k": 0}, "top_k is 0"),
    ],
)
def test_a_stream_that_cannot_begin_says_why(model, length, options, message):
    with pytest.raises(SettingsError, match=message):
        next(stream(model, [7] * length, **options))


def test_respond_keeps_order_and_fields(tiny_model, tokenizer, records):
    long = {"instruction": "word " * 120, "input": "", "output": "x", "family": "long"}
    answered = respond(
        tiny_model, [records[0], long, records[3]], "plain", tokenizer, max_new_tokens=3
    )
    assert [a["instruction"] for a in answered] == [
        r["instruction"] for r in (records[0], long, records[3])
    ]
    assert [a["finish_reason"] for a in answered] == ["length", "prompt_too_long", "length"]
    assert [a["n_tokens"] for a in answered] == [3, 0, 3]
    assert answered[1]["family"] == "long"


def test_batches_do_not_share_their_random_numbers(tiny_model):
    """The same prompt in batches of its own: equal numbers would give equal answers."""
    prompts = [[11, 12, 13]] * 5
    generator = torch.Generator().manual_seed(1)
    options = {"max_new_tokens": 6, "temperature": 1.0, "batch_size": 1, "generator": generator}
    answers = generate(tiny_model, prompts, **options)
    assert len({tuple(answer.ids) for answer in answers}) == 5
