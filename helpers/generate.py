"""Generation: prompt ids in, response ids out, many prompts at once.

`prefill` reads the prompts into the cache, `decode_one_token` adds a token to every row, `sample`
picks it; `generate` is the loop around them. Rows of different lengths are padded on the left, so
that all rows grow at the same place. `generate_plain`, without cache or batch, is the twin that the
tests compare with. Names follow pytorch-labs/gpt-fast.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from helpers.errors import SettingsError
from helpers.formatting import format_prompt
from helpers.model import GPT, KVCache
from helpers.progress import bar
from helpers.tokenizer import END_OF_TEXT


@dataclass(frozen=True)
class Response:
    """What a model answered to one prompt."""

    ids: list[int]  # without the stop token
    finish_reason: str  # "stop" by itself, "length" cut off, "prompt_too_long" never asked


def sample(logits, *, temperature: float = 0.0, top_k: int | None = None, generator=None):
    """The next token of every row, (B,), from logits (B, V).

    Temperature 0 is greedy. Top-k keeps exactly k candidates; among equal logits the lower ids.
    """
    if temperature == 0:
        return logits.argmax(-1)
    if top_k is not None and top_k < logits.shape[-1]:
        order = torch.sort(logits, dim=-1, descending=True, stable=True).indices
        kept = order[:, :top_k]  # (B, k)
        cut = torch.full_like(logits, float("-inf"))
        logits = cut.scatter(1, kept, logits.gather(1, kept))
    probabilities = torch.softmax(logits.float() / temperature, dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def prefill(model: GPT, prompts: Sequence[Sequence[int]], slots: int):
    """The cache filled with the prompts, and the logits (B, V) after each prompt's last token.

    Also returns `pads` (B,): how many slots of padding each row starts with.
    """
    parameter = next(model.parameters())
    width = max(len(prompt) for prompt in prompts)
    pads = torch.tensor([width - len(p) for p in prompts], device=parameter.device)
    ids = torch.tensor(
        [[END_OF_TEXT] * (width - len(p)) + list(p) for p in prompts], device=parameter.device
    )
    slot = torch.arange(width, device=parameter.device)
    positions = (slot - pads[:, None]).clamp(min=0)  # (B, T)
    causal = slot[None, :] <= slot[:, None]  # (T, T)
    real = slot >= pads[:, None]  # (B, T)
    itself = torch.eye(width, dtype=torch.bool, device=parameter.device)
    # Padding looks at itself: a row of an all-False mask would be NaN.
    mask = (causal & real[:, None, :]) | itself  # (B, T, S)
    cache = KVCache(
        model.config, len(prompts), slots, device=parameter.device, dtype=parameter.dtype
    )
    h = model.hidden(ids, positions, mask[:, None], cache)
    return cache, model.head(h[:, -1]), pads


def decode_one_token(model: GPT, tokens, cache: KVCache, pads):
    """Logits (B, V) after appending `tokens` (B,) to every row."""
    slot = torch.arange(cache.length + 1, device=tokens.device)
    mask = (slot >= pads[:, None])[:, None, None, :]  # (B, 1, 1, S)
    positions = cache.length - pads[:, None]  # (B, 1)
    h = model.hidden(tokens[:, None], positions, mask, cache)
    return model.head(h[:, -1])


def generate(model: GPT, prompts: Sequence[Sequence[int]], **options) -> list[Response]:
    """A response for each prompt, in the order of the prompts; `options` as in `generate_batches`."""
    responses: dict[int, Response] = {}
    for batch in generate_batches(model, prompts, **options):
        responses.update(batch)
    return [responses[i] for i in range(len(prompts))]


@torch.no_grad()
def generate_batches(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = 128,
    temperature: float = 0.0,
    top_k: int | None = None,
    stop_ids: Collection[int] = (END_OF_TEXT,),
    batch_size: int = 16,
    generator: torch.Generator | None = None,
    done: Collection[int] = (),
    desc: str | None = "",  # of the bar; None: no bar
) -> Iterator[dict[int, Response]]:
    """Responses by the number of their prompt, a batch at a time, as they are finished.

    Prompts of similar length share a batch. A prompt that leaves no room for a single new token
    gets `finish_reason` "prompt_too_long" and the others go on; one with less room than
    `max_new_tokens` stops at the model's last position. Batches whose prompts are all in `done` are
    left out, and the others are not changed by that: each has the same neighbours (a sum's last bit
    depends on them) and, when sampling, random numbers of its own, which follow from `generator`
    and its place. Raises SettingsError for options out of range.
    """
    check_options(max_new_tokens, temperature, top_k, batch_size)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    possible = [i for i in order if 0 < len(prompts[i]) < model.config.n_positions]
    if too_long := set(order) - set(possible) - set(done):
        yield {i: Response([], "prompt_too_long") for i in too_long}
    seed = _draw_seed(generator) if temperature else 0
    device = next(model.parameters()).device
    model.eval()
    with bar(
        total=len(possible), desc="generating" if desc == "" else desc, unit="answer"
    ) as progress:
        for start in range(0, len(possible), batch_size):
            part = possible[start : start + batch_size]
            if not set(part) <= set(done):
                own = torch.Generator(device).manual_seed((seed + start) % 2**63)
                answers = _generate_batch(
                    model,
                    [prompts[i] for i in part],
                    max_new_tokens,
                    set(stop_ids),
                    partial(sample, temperature=temperature, top_k=top_k, generator=own),
                )
                yield dict(zip(part, answers, strict=True))
            progress.update(len(part))


def _draw_seed(generator: torch.Generator | None) -> int:
    device = generator.device if generator else "cpu"
    return int(torch.randint(2**62, (1,), generator=generator, device=device))


def _generate_batch(model, prompts, max_new_tokens: int, stop_ids: set[int], pick):
    """Responses for prompts that share a batch: prefill, then decode until every row is done."""
    limit = model.config.n_positions
    longest = max(len(p) for p in prompts)
    room = [min(max_new_tokens, limit - len(p)) for p in prompts]
    cache, logits, pads = prefill(model, prompts, longest + max(room))
    answers: list[list[int]] = [[] for _ in prompts]
    reasons: list[str | None] = [None] * len(prompts)
    while True:
        tokens = pick(logits)  # (B,)
        for row, token in enumerate(tokens.tolist()):
            if reasons[row] is not None:
                continue
            if token in stop_ids:
                reasons[row] = "stop"
                continue
            answers[row].append(token)
            if len(answers[row]) == room[row]:
                reasons[row] = "length"
        if all(reasons):
            return [Response(a, r) for a, r in zip(answers, reasons, strict=True)]
        # A finished row goes on decoding until its batch is done; its place must stay inside the
        # model, and what it says is not recorded.
        logits = decode_one_token(model, tokens, cache, _keep_inside(pads, cache, limit))


def _keep_inside(pads, cache: KVCache, limit: int):
    return torch.maximum(pads, torch.tensor(cache.length - (limit - 1), device=pads.device))


@torch.no_grad()
def generate_plain(
    model: GPT, prompt: Sequence[int], *, max_new_tokens: int, stop_ids=(END_OF_TEXT,)
) -> Response:
    """The greedy response to one prompt, the whole text read again for each token (the slow twin)."""
    ids = list(prompt)
    room = min(max_new_tokens, model.config.n_positions - len(ids))
    for _ in range(room):
        logits = model(torch.tensor([ids], device=next(model.parameters()).device))
        token = int(logits[0, -1].argmax())
        if token in stop_ids:
            return Response(ids[len(prompt) :], "stop")
        ids.append(token)
    return Response(ids[len(prompt) :], "length")


def check_options(
    max_new_tokens: int, temperature: float, top_k: int | None, batch_size: int = 16
) -> None:
    """Raise SettingsError for generation options outside their range."""
    if max_new_tokens < 1:
        raise SettingsError(
            f"max_new_tokens is {max_new_tokens}: it must be at least 1, such as 128."
        )
    if not 0 <= temperature < float("inf"):
        raise SettingsError(f"temperature is {temperature}: give 0 (greedy) or more, such as 0.7.")
    if top_k is not None and top_k < 1:
        raise SettingsError(f"top_k is {top_k}: keep at least 1 candidate, or leave it out.")
    if batch_size < 1:
        raise SettingsError(f"batch size is {batch_size}: it must be at least 1, such as 16.")


def prompt_ids(records: Sequence[dict], template, tokenizer) -> list[list[int]]:
    """The prompt of each record as tokens, ending with the response header, as in training."""
    return [tokenizer.encode_ordinary(format_prompt(r, template)) for r in records]


def with_responses(records: Sequence[dict], answers: Sequence[Response], tokenizer) -> list[dict]:
    """The records with `model_response`, `finish_reason` and `n_tokens` added."""
    return [
        {
            **record,
            "model_response": tokenizer.decode(answer.ids).strip(),
            "finish_reason": answer.finish_reason,
            "n_tokens": len(answer.ids),
        }
        for record, answer in zip(records, answers, strict=True)
    ]


def respond(model: GPT, records: Sequence[dict], template, tokenizer, **options) -> list[dict]:
    """The records with `model_response`, `finish_reason` and `n_tokens` added.

    A prompt longer than the model gets the status `prompt_too_long` and an empty response.
    `options` are those of `generate_batches`.
    """
    prompts = prompt_ids(records, template, tokenizer)
    return with_responses(records, generate(model, prompts, **options), tokenizer)
