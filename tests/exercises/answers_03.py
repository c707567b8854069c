"""Right and wrong answers to the exercises of lesson 03, and what the checks must say to them."""

import torch

from helpers.model import GPTConfig, count_parameters
from helpers.weights import empty_model

from . import Answers, Wrong


def positions_by_tensor(lengths, new, n_positions):
    positions = torch.tensor(lengths)[:, None] + torch.arange(new)
    if positions.max() >= n_positions:
        raise ValueError(f"position {int(positions.max())} of {n_positions}")
    return positions


def refusing_from(most):
    """An answer that refuses a longest text for which `most(length, n_positions)` is true."""

    def answer(lengths, new, n_positions):
        if most(max(lengths) + new, n_positions):
            raise ValueError("too long")
        return [list(range(n, n + new)) for n in lengths]

    return answer


POSITIONS = Answers(
    other=positions_by_tensor,
    wrong={
        "counts from 1": Wrong(
            lambda lengths, new, n: [list(range(x + 1, x + new + 1)) for x in lengths],
            "a new text begins at 0",
            "counts from 1",
        ),
        "flat": Wrong(
            lambda lengths, new, n: [x + t for x in lengths for t in range(new)],
            "a new text begins at 0",
            "not a list of lists",
        ),
        "arange": Wrong(
            lambda lengths, new, n: torch.arange(new).expand(len(lengths), new),
            "positions go on after the past",
            "begins again at 0",
        ),
        "the last old one again": Wrong(
            lambda lengths, new, n: [
                list(range(max(x - 1, 0), max(x - 1, 0) + new)) for x in lengths
            ],
            "positions go on after the past",
            "one too early",
        ),
        "old ones too": Wrong(
            lambda lengths, new, n: [list(range(x + new)) for x in lengths],
            "positions go on after the past",
            "counts every token again",
        ),
        "goes on after the longest": Wrong(
            lambda lengths, new, n: [
                list(range(max(lengths), max(lengths) + new)) for _ in lengths
            ],
            "each text goes on by its own length",
            "all like the longest",
        ),
        "goes on after the first": Wrong(
            lambda lengths, new, n: [list(range(lengths[0], lengths[0] + new))] * len(lengths),
            "each text goes on by its own length",
            "all like the first",
        ),
        "refuses too early": Wrong(
            refusing_from(lambda length, n: length >= n),
            "the last position may be used",
            "refuses the last position",
        ),
        "never refuses": Wrong(
            refusing_from(lambda length, n: False),
            "beyond the last position is refused",
            "goes beyond the last",
        ),
        "clamps": Wrong(
            lambda lengths, new, n: (torch.tensor(lengths)[:, None] + torch.arange(new)).clamp(
                max=n - 1
            ),
            "beyond the last position is refused",
            "stays at the last",
        ),
    },
)

WEIGHTS = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


def by_parts_of_the_name(name, tensor):
    *_, part, kind = name.split(".")
    if part.startswith("c_") and kind == "weight":
        return torch.einsum("io->oi", tensor)
    return tensor.clone()


def turn_if(condition):
    return lambda name, tensor: tensor.t() if condition(name, tensor) else tensor


LAYOUT = Answers(
    other=by_parts_of_the_name,
    wrong={
        "leaves all": Wrong(
            lambda name, tensor: tensor,
            "the matrix for query, key and value is turned",
            "not turned",
        ),
        "reshapes": Wrong(
            lambda name, tensor: (
                tensor.reshape(tensor.shape[::-1]) if name.endswith(WEIGHTS) else tensor
            ),
            "the matrix for query, key and value is turned",
            "reshaped",
        ),
        "turns what is wide": Wrong(
            turn_if(lambda name, t: t.dim() == 2 and t.shape[0] < t.shape[1]),
            "the matrix back from the MLP is turned",
            "turned only when wide",
        ),
        "turns what does not fit": Wrong(
            turn_if(lambda name, t: name.endswith(WEIGHTS) and t.shape[0] != t.shape[1]),
            "the square one is turned",
            "the square one left",
        ),
        "turns every matrix": Wrong(
            turn_if(lambda name, t: t.dim() == 2),
            "embeddings stay as they are",
            "turns every matrix",
        ),
        "turns what is square": Wrong(
            turn_if(
                lambda name, t: (
                    name.endswith(WEIGHTS) or (t.dim() == 2 and t.shape[0] == t.shape[1])
                )
            ),
            "positions stay as they are, even when their table is square",
            "turns what is square",
        ),
        "bias as a column": Wrong(
            lambda name, t: (
                t.reshape(t.shape[0], -1).t()
                if name.endswith(WEIGHTS)
                else t[:, None]
                if name.endswith(".bias")
                else t
            ),
            "biases stay as they are",
            "bias becomes a column",
        ),
        "bias as a row": Wrong(
            lambda name, t: (
                torch.atleast_2d(t).t() if name.endswith(WEIGHTS) else torch.atleast_2d(t)
            ),
            "biases stay as they are",
            "bias becomes a row",
        ),
    },
)


def mask_by_positions(new, seen):
    return [[key <= query for key in range(seen)] for query in range(seen - new, seen)]


def boolean(new, seen):
    return torch.ones(new, seen, dtype=torch.bool)


MASK = Answers(
    other=mask_by_positions,
    wrong={
        "looks ahead": Wrong(
            lambda new, seen: boolean(new, seen).triu(seen - new),
            "without a past it is a triangle",
            "upside down",
        ),
        "strictly before": Wrong(
            lambda new, seen: boolean(new, seen).tril(seen - new - 1),
            "without a past it is a triangle",
            "not itself",
        ),
        "numbers": Wrong(
            lambda new, seen: torch.ones(new, seen).tril(seen - new),
            "without a past it is a triangle",
            "ones and zeros",
        ),
        "minus infinity": Wrong(
            lambda new, seen: torch.full((new, seen), -torch.inf).triu(seen - new + 1),
            "without a past it is a triangle",
            "to be added",
        ),
        "plain tril": Wrong(
            lambda new, seen: boolean(new, seen).tril(),
            "one new token looks at everything",
            "lined up with the first key",
        ),
        "new tokens only": Wrong(
            lambda new, seen: boolean(new, new).tril(),
            "one new token looks at everything",
            "the past left out",
        ),
        "the whole triangle": Wrong(
            lambda new, seen: boolean(seen, seen).tril(),
            "one new token looks at everything",
            "a row for each token seen",
        ),
        "all of it after a past": Wrong(
            lambda new, seen: boolean(new, seen) if seen > new else boolean(new, seen).tril(),
            "several new tokens do not look ahead",
            "everything is seen",
        ),
        "one too far": Wrong(
            lambda new, seen: boolean(new, seen).tril(seen - new + (1 < new < seen)),
            "several new tokens do not look ahead",
            "one too far",
        ),
        "only the past": Wrong(
            lambda new, seen: (
                boolean(new, seen).tril(seen - new)
                if new in (1, seen)
                else torch.arange(seen).expand(new, seen) < seen - new
            ),
            "several new tokens do not look ahead",
            "only the past",
        ),
    },
)


def counted_in_a_model(n_layer, n_head, n_embd, n_positions, vocab_size):
    """The same from a model without numbers: two such models tell what one block adds."""
    one, two = (
        count_parameters(empty_model(GPTConfig(n, n_head, n_embd, n_positions, vocab_size)))
        for n in (1, 2)
    )
    return one + (n_layer - 1) * (two - one)


def count(
    n_layer,
    n_head,
    n_embd,
    n_positions,
    vocab_size,
    *,
    bias=1,
    norm_bias=1,
    block_norms=2,
    last_norms=1,
    heads=1,
    out=1,
    tables=1,
    positions=1,
    mask=0,
    layers=None,
):
    C = n_embd
    norm = (1 + norm_bias) * C
    attention = heads * (3 * (C + bias) * C + out * (C + bias) * C)
    mlp = (C + bias) * 4 * C + (4 * C + bias) * C
    block = block_norms * norm + attention + mlp + mask * n_positions**2
    outside = (tables * vocab_size + positions * n_positions) * C + last_norms * norm
    return outside + (n_layer if layers is None else min(n_layer, layers)) * block


def counting(**changes):
    return lambda *sizes: count(*sizes, **changes)


COUNT = Answers(
    other=counted_in_a_model,
    wrong={
        "head twice": Wrong(
            counting(tables=2), "two tables and the last norm", "the head counted too"
        ),
        "no positions": Wrong(
            counting(positions=0), "two tables and the last norm", "positions forgotten"
        ),
        "no last norm": Wrong(
            counting(last_norms=0), "two tables and the last norm", "last norm forgotten"
        ),
        "no biases at all": Wrong(
            counting(bias=0, norm_bias=0),
            "two tables and the last norm",
            "norm without its bias",
        ),
        "matrices without bias": Wrong(counting(bias=0), "one block", "biases forgotten"),
        "no norms in the block": Wrong(counting(block_norms=0), "one block", "norms forgotten"),
        "one norm in the block": Wrong(counting(block_norms=1), "one block", None),
        "no output of attention": Wrong(counting(out=0), "one block", "no way out of attention"),
        "by heads": Wrong(
            lambda n, h, *rest: count(n, h, *rest, heads=h), "one block", "matrices for every head"
        ),
        "mask": Wrong(counting(mask=1), "one block", "mask counted"),
        "one block": Wrong(counting(layers=1), "a real GPT-2", "one block only"),
        "last norm in each block": Wrong(
            lambda n, *rest: count(n, *rest, last_norms=max(1, n)),
            "a real GPT-2",
            "a last norm in every block",
        ),
    },
)


ANSWERS = {"03.1": POSITIONS, "03.2": LAYOUT, "03.3": MASK, "03.4": COUNT}
