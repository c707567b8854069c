"""Generation: prompt ids in, response ids out, many prompts at once.

`prefill` reads the prompts into the cache, `decode_one_token` adds a token to every row, `sample`
picks it; `generate` is the loop around them, and `stream` the one for a single prompt whose answer
somebody watches. A token costs a computer much the same for one row as for
eight: what takes the time is fetching the weights. So prompts share a batch, the words that all of
them begin with are read once, nothing is padded, and a row that has finished leaves. `generate_plain`,
without cache or batch, is the twin that the tests compare with. Names follow pytorch-labs/gpt-fast.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from helpers.arithmetic import products_by
from helpers.collate import common_prefix
from helpers.errors import SettingsError
from helpers.formatting import format_prompt
from helpers.model import GPT, KVCache
from helpers.progress import bar
from helpers.tokenizer import END_OF_TEXT

PACK = 512  # prompt tokens read at a time: enough to keep the processor busy, few to look past


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


class RaggedCache(KVCache):
    """A KV cache whose rows have lengths of their own: a token's slot is its position, no padding.

    `next` names the places of the tokens that the model reads next: their rows and slots, both (N,).
    """

    def __init__(self, config, rows: int, slots: int, *, device=None, dtype=None):
        super().__init__(config, rows, slots, device=device, dtype=dtype)
        self.lengths = [0] * rows  # tokens in each row that is still there
        self.shared = 0  # tokens that all rows begin with
        self.next: tuple[torch.Tensor, torch.Tensor] | None = None
        self.packed = False  # the next tokens are (1, N), of many rows, else (B, 1)

    def append(self, layer: int, k: torch.Tensor, v: torch.Tensor):
        """Keys and values to look at: the shared ones and the new, or all of the rows that are left."""
        found = []
        for store, new in ((self.keys[layer], k), (self.values[layer], v)):
            store.transpose(1, 2)[self.next] = new.transpose(1, 2).flatten(0, 1)  # (N, H, D)
            if self.packed:
                found.append(torch.cat([store[:1, :, : self.shared], new], dim=2))
            else:
                found.append(store[: len(self.lengths), :, : max(self.lengths) + 1])
        return found

    def drop(self, row: int) -> None:
        """Forget a row; the last one takes its place."""
        last = len(self.lengths) - 1
        if row != last:
            used = self.lengths[last]
            self.keys[:, row, :, :used] = self.keys[:, last, :, :used]
            self.values[:, row, :, :used] = self.values[:, last, :, :used]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()


def prefill(model: GPT, prompts: Sequence[Sequence[int]], slots: int):
    """The cache filled with the prompts, and the logits (B, V) after each prompt's last token.

    The tokens that all prompts begin with are read once. The rest of the prompts is packed: one
    behind the other in a single row, PACK tokens at a time, each looking only at its own.
    """
    parameter = next(model.parameters())
    cache = RaggedCache(
        model.config, len(prompts), slots, device=parameter.device, dtype=parameter.dtype
    )
    cache.packed = True
    if shared := read_once(prompts):
        _read(model, cache, [(0, 0, prompts[0][:shared])])
        for store in (cache.keys, cache.values):
            store[:, 1:, :, :shared] = store[:, :1, :, :shared].clone()
    cache.shared = shared
    last = []  # the hidden state (C,) of each prompt's last token
    for chunk in _chunks(prompts, shared):
        h = _read(model, cache, chunk)[0]  # (N, C)
        ends = torch.tensor([len(ids) for _, _, ids in chunk]).cumsum(0) - 1
        last.append(h[ends.to(h.device)])
    cache.lengths = [len(prompt) for prompt in prompts]
    cache.packed = False
    return cache, model.head(torch.cat(last))


def read_once(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens need reading once for all prompts: what they begin with, 0 for one alone.

    Every prompt keeps a token of its own, after which its answer begins.
    """
    if len(prompts) < 2:
        return 0
    return min(common_prefix(prompts), min(map(len, prompts)) - 1)


def _chunks(prompts, shared: int) -> Iterator[list[tuple[int, int, Sequence[int]]]]:
    """What is left to read, (row, first slot, ids) each, cut into parts of about PACK tokens."""
    part: list = []
    for row, prompt in enumerate(prompts):
        rest = prompt[shared:]
        if part and sum(len(ids) for _, _, ids in part) + len(rest) > PACK:
            yield part
            part = []
        part.append((row, shared, rest))
    yield part


def _read(model: GPT, cache: RaggedCache, chunk):
    """Hidden states (1, N, C) of packed tokens, each of which looks at its own row and the shared."""
    device = cache.keys.device
    row = torch.tensor([r for r, _, ids in chunk for _ in ids], device=device)  # (N,)
    slot = torch.cat([torch.arange(first, first + len(ids)) for _, first, ids in chunk]).to(device)
    ids = torch.tensor([[token for _, _, ids in chunk for token in ids]], device=device)  # (1, N)
    own = (row[:, None] == row) & (slot[:, None] >= slot)  # (N, N)
    shared = torch.ones(len(row), cache.shared, dtype=torch.bool, device=device)
    cache.next = row, slot
    return model.hidden(ids, slot[None], torch.cat([shared, own], dim=1), cache)


def decode_one_token(model: GPT, tokens, cache: RaggedCache):
    """Logits (B, V) after appending `tokens` (B,) to the rows that are left."""
    length = torch.tensor(cache.lengths, device=tokens.device)
    row = torch.arange(len(length), device=tokens.device)
    seen = torch.arange(max(cache.lengths) + 1, device=tokens.device)
    mask = (seen <= length[:, None])[:, None, None, :]  # (B, 1, 1, S)
    cache.next = row, length
    h = model.hidden(tokens[:, None], length[:, None], mask, cache)
    cache.lengths = [n + 1 for n in cache.lengths]
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
    max_new_tokens: int | Sequence[int] = 128,  # for all prompts, or one number for each
    temperature: float = 0.0,
    top_k: int | None = None,
    stop_ids: Collection[int] = (END_OF_TEXT,),
    batch_size: int = 16,
    generator: torch.Generator | None = None,
    done: Collection[int] = (),
    products: str = "torch",  # who multiplies float32 matrices; see `arithmetic`
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
    most = _for_each(max_new_tokens, len(prompts))
    for value in sorted(set(most)) or [1]:
        check_options(value, temperature, top_k, batch_size)
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
                pick = partial(sample, temperature=temperature, top_k=top_k, generator=own)
                asked, limits = [prompts[i] for i in part], [most[i] for i in part]
                with products_by(products):
                    answers = _generate_batch(model, asked, limits, set(stop_ids), pick)
                yield dict(zip(part, answers, strict=True))
            progress.update(len(part))


def _for_each(max_new_tokens: int | Sequence[int], n: int) -> list[int]:
    """A limit for each prompt. Raises SettingsError when there are more or fewer than prompts."""
    most = [max_new_tokens] * n if isinstance(max_new_tokens, int) else list(max_new_tokens)
    if len(most) != n:
        raise SettingsError(
            f"max_new_tokens has {len(most)} values for {n} prompts: give one number, or one each."
        )
    return most


def _draw_seed(generator: torch.Generator | None) -> int:
    device = generator.device if generator else "cpu"
    return int(torch.randint(2**62, (1,), generator=generator, device=device))


def _generate_batch(model, prompts, most: list[int], stop_ids: set[int], pick):
    """Responses for prompts that share a batch: prefill, then decode until every row has left."""
    room = [
        min(new, model.config.n_positions - len(p)) for new, p in zip(most, prompts, strict=True)
    ]
    slots = max(len(p) + new for p, new in zip(prompts, room, strict=True)) - 1
    cache, logits = prefill(model, prompts, slots)
    answers: list[list[int]] = [[] for _ in prompts]
    reasons = [""] * len(prompts)
    rows = list(range(len(prompts)))  # whose answer each row of the cache holds
    while True:
        tokens = pick(logits).tolist()  # (B,)
        for row in reversed(range(len(rows))):
            who = rows[row]
            if tokens[row] in stop_ids:
                reasons[who] = "stop"
            else:
                answers[who].append(tokens[row])
                if len(answers[who]) == room[who]:
                    reasons[who] = "length"
            if reasons[who]:
                cache.drop(row)
                rows[row], tokens[row] = rows[-1], tokens[-1]
                rows.pop(), tokens.pop()
        if not rows:
            return [Response(a, r) for a, r in zip(answers, reasons, strict=True)]
        logits = decode_one_token(model, torch.tensor(tokens, device=logits.device), cache)


@torch.no_grad()
def stream(
    model: GPT,
    prompt: Sequence[int],
    *,
    max_new_tokens: int = 128,
    temperature: float = 0.0,
    top_k: int | None = None,
    stop_ids: Collection[int] = (END_OF_TEXT,),
    generator: torch.Generator | None = None,
) -> Iterator[int]:
    """The tokens of the response to one prompt, each as soon as it is found.

    A stop token, when one comes, is the last of them; without it the answer was cut off after
    `max_new_tokens` or at the model's last position. Nothing is computed ahead of who reads: to stop
    is to ask for no further token. `generator` lives on the model's device. Raises SettingsError for
    options out of range, and for a prompt that leaves no room for an answer.
    """
    check_options(max_new_tokens, temperature, top_k)
    if not 0 < len(prompt) < model.config.n_positions:
        raise SettingsError(
            f"the prompt has {len(prompt):,} tokens: give 1 to {model.config.n_positions - 1:,}, so "
            "that an answer has room."
        )
    model.eval()
    room = min(max_new_tokens, model.config.n_positions - len(prompt))
    cache, logits = prefill(model, [prompt], len(prompt) + room - 1)
    for left in reversed(range(room)):
        token = sample(logits, temperature=temperature, top_k=top_k, generator=generator)  # (1,)
        yield int(token)
        if not left or int(token) in stop_ids:
            return
        logits = decode_one_token(model, token, cache)


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
