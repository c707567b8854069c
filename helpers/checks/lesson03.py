"""The exercises of lesson 03: positions, the checkpoint's layout, a mask for the cache, a count."""

from __future__ import annotations

import random

import torch

from helpers.checks.asking import outcome
from helpers.checks.exercise import Exercise, Mistake, Part
from helpers.model import causal_mask
from helpers.weights import GPT2_SIZES

# --- 03.1 positions ------------------------------------------------------------------------------


def counted_on(lengths: list[int], new: int, n_positions: int = 0) -> list[list[int]]:
    """For each text, the places of its next tokens."""
    return [list(range(n, n + new)) for n in lengths]


def returned(gives):
    """The same as `outcome` would report it: what is returned, as plain data."""
    return lambda *arguments: {"returns": gives(*arguments)}


def one_text(first: int):
    """Arguments: one text with that many tokens (and a few by seed, unless it is new)."""

    def arguments(seed: int) -> tuple:
        length = first + random.Random(seed).randrange(5) if first else 0
        return [length], 4, 32

    return arguments


def unequal_texts(seed: int) -> tuple:
    """Three texts, of which the first is neither the shortest nor the longest."""
    short, middle, long = sorted(random.Random(seed).sample(range(3, 12), 3))
    return [middle, long, short], 2, 32


def filled_up(seed: int) -> tuple:
    n_positions = 16 + seed % 9
    return [3, n_positions - 2], 2, n_positions


def too_long(seed: int) -> tuple:
    n_positions = 16 + seed % 9
    return [3, n_positions - 1], 2, n_positions


REFUSED = {"raises": "ValueError"}

POSITIONS = Exercise(
    id="03.1",
    title="Where am I?",
    teaches="positions go on where each text's past ends",
    difficulty="easy",
    minutes=10,
    answer="next_positions",
    fallback=lambda: counted_on,
    parts=(
        Part(
            "a new text begins at 0",
            one_text(0),
            counted_on,
            "Return a list with a list for each text. The first token of a text has the position "
            "0, the next one 1, and so on.",
            (
                Mistake(
                    "counts from 1",
                    lambda lengths, new, _: [list(range(1, new + 1))],
                    "You count from 1. GPT-2 was trained with 0 for the first token; from 1 on "
                    "everything is one place late, and the answers get a little worse without any "
                    "error.",
                ),
                Mistake(
                    "not a list of lists",
                    lambda lengths, new, _: list(range(new)),
                    "You return the positions of one text. The model wants a row for each text of "
                    "the batch, even if there is only one: put them into a list.",
                ),
            ),
        ),
        Part(
            "positions go on after the past",
            one_text(6),
            counted_on,
            "`lengths` says how many tokens the model has read already. The next one's position "
            "is just that number.",
            (
                Mistake(
                    "begins again at 0",
                    lambda lengths, new, _: [list(range(new))],
                    "You begin again at 0, though the text has a past. This is what happens when "
                    "you forget positions with a cache: every new token believes to be the first.",
                ),
                Mistake(
                    "one too early",
                    lambda lengths, new, _: counted_on([lengths[0] - 1], new),
                    "You give the last old token's position away again. n tokens stand at 0 to "
                    "n - 1, so the next one stands at n.",
                ),
                Mistake(
                    "counts every token again",
                    lambda lengths, new, _: [list(range(lengths[0] + new))],
                    "You return positions for the old tokens too. The model has them in its cache; "
                    "it asks for the new ones only.",
                ),
            ),
        ),
        Part(
            "each text goes on by its own length",
            unequal_texts,
            counted_on,
            "Compare row by row: the first position of a row must be that row's length.",
            (
                Mistake(
                    "all like the longest",
                    lambda lengths, new, _: counted_on([max(lengths)] * len(lengths), new),
                    "All texts go on where the longest one does, so the short ones leap over "
                    "positions. Padding is no part of a text: each has its own length.",
                ),
                Mistake(
                    "all like the first",
                    lambda lengths, new, _: counted_on([lengths[0]] * len(lengths), new),
                    "All texts go on where the first one does. Go through all of `lengths`.",
                ),
            ),
        ),
        Part(
            "the last position may be used",
            filled_up,
            returned(counted_on),
            "With n positions the last is n - 1: a text may fill the model to the brim.",
            (
                Mistake(
                    "refuses the last position",
                    lambda lengths, new, _: REFUSED,
                    "You refuse a text that just fits. After the new tokens it may have n_positions "
                    "tokens, but not more: look at your < or <=.",
                ),
            ),
            outcome,
        ),
        Part(
            "beyond the last position is refused",
            too_long,
            lambda lengths, new, n_positions: REFUSED,
            "A text that would become longer than n_positions must raise a ValueError.",
            (
                Mistake(
                    "goes beyond the last",
                    returned(counted_on),
                    "You hand out a position that the model has no vector for. The error comes "
                    "later then, from deep inside, and on a GPU hard to read. Raise a ValueError "
                    "here.",
                ),
                Mistake(
                    "stays at the last",
                    returned(
                        lambda lengths, new, n_positions: [
                            [min(p, n_positions - 1) for p in row]
                            for row in counted_on(lengths, new)
                        ]
                    ),
                    "Two tokens of a text share the last position. Nothing crashes, and what the "
                    "model writes gets worse. Raise a ValueError rather.",
                ),
            ),
            outcome,
        ),
    ),
)


# --- 03.2 the checkpoint's layout ----------------------------------------------------------------

TURNED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
WIDTH = 5  # n_embd of the small block that is asked about


def stored(name: str, *shape: int):
    """Arguments: a tensor of that name and shape, as it stands in the file."""

    def arguments(seed: int) -> tuple:
        source = torch.Generator().manual_seed(seed)
        return name, torch.randn(*shape, generator=source)

    return arguments


def turned(name: str, tensor):
    return tensor.t()


def as_stored(name: str, tensor):
    return tensor


def as_we_keep_it(name: str, tensor):
    """The tensor as a linear layer keeps it, if it is one of the four."""
    return tensor.t() if name.endswith(TURNED) else tensor


def reshaped(name: str, tensor):
    return tensor.reshape(tensor.shape[1], tensor.shape[0])


LAYOUT = Exercise(
    id="03.2",
    title="The matrix that fits both ways",
    teaches="which tensors of a GPT-2 file are stored transposed",
    difficulty="medium",
    minutes=10,
    answer="from_file",
    fallback=lambda: as_we_keep_it,
    parts=(
        Part(
            "the matrix for query, key and value is turned",
            stored("h.3.attn.c_attn.weight", WIDTH, 3 * WIDTH),
            turned,
            "The file holds this matrix as (inputs, outputs); return it as (outputs, inputs).",
            (
                Mistake(
                    "not turned",
                    as_stored,
                    "You return `attn.c_attn.weight` as it is in the file, (inputs, outputs). "
                    "`nn.Linear` keeps its weight as (outputs, inputs): transpose it.",
                ),
                Mistake(
                    "reshaped",
                    reshaped,
                    "The shape is right and the numbers are in the wrong places: you reshaped. "
                    "`reshape` and `view` read the numbers in the same order; a transpose swaps "
                    "rows and columns.",
                ),
            ),
        ),
        Part(
            "the matrix back from the MLP is turned",
            stored("h.0.mlp.c_proj.weight", 4 * WIDTH, WIDTH),
            turned,
            "`mlp.c_proj.weight` is one of the four that are stored transposed.",
            (
                Mistake(
                    "turned only when wide",
                    as_stored,
                    "You leave `mlp.c_proj.weight` as it is. Is it because it is taller than wide? "
                    "Whether to turn a tensor cannot be seen from its shape: go by its name.",
                ),
            ),
        ),
        Part(
            "the square one is turned",
            stored("h.11.attn.c_proj.weight", WIDTH, WIDTH),
            turned,
            "`attn.c_proj.weight` is stored transposed like the other three.",
            (
                Mistake(
                    "the square one left",
                    as_stored,
                    "You left the square matrix as it was, since it fits. It fits both ways! The "
                    "model would load without a word and talk nonsense. `attn.c_proj.weight` must "
                    "be turned too.",
                ),
            ),
        ),
        Part(
            "embeddings stay as they are",
            stored("wte.weight", 7, WIDTH),
            as_stored,
            "`wte.weight` has a row for each token in the file, and so has `nn.Embedding`.",
            (
                Mistake(
                    "turns every matrix",
                    turned,
                    "You turn every matrix, and the embeddings are matrices too. They are tables, "
                    "a row for each token, and stored as `nn.Embedding` wants them.",
                ),
            ),
        ),
        Part(
            "positions stay as they are, even when their table is square",
            stored("wpe.weight", WIDTH, WIDTH),
            as_stored,
            "`wpe.weight` is a table with a row for each position: leave it.",
            (
                Mistake(
                    "turns what is square",
                    turned,
                    "You turn this table of positions. It happens to be square here, but it is "
                    "an embedding. Only the four matrices named c_attn, c_proj and c_fc are turned.",
                ),
            ),
        ),
        Part(
            "biases stay as they are",
            stored("h.0.attn.c_attn.bias", 3 * WIDTH),
            as_stored,
            "A bias is one row of numbers, there is nothing to turn. Does your condition take "
            "`c_attn.bias` for a matrix?",
            (
                Mistake(
                    "bias becomes a column",
                    lambda name, tensor: tensor[:, None],
                    "You made a column of a bias. It must keep its one dimension.",
                ),
                Mistake(
                    "bias becomes a row",
                    lambda name, tensor: tensor[None],
                    "You gave a bias a second dimension. It must keep its one.",
                ),
            ),
        ),
    ),
)


# --- 03.3 a mask for the cache -------------------------------------------------------------------


def sizes(new: int, past: int):
    """Arguments: about so many new tokens, and about so many before them."""

    def arguments(seed: int) -> tuple:
        n, more = new + (seed % 4 if new > 1 else 0), seed % 7 if past else 0
        return n, n + past + more

    return arguments


def from_the_first_key(new: int, seen: int):
    """What `tril` makes of a mask that is not square, and PyTorch's `is_causal` too."""
    return torch.ones(new, seen, dtype=torch.bool).tril()


def not_itself(new: int, seen: int):
    return torch.ones(new, seen, dtype=torch.bool).tril(seen - new - 1)


def added(new: int, seen: int):
    """The mask as numbers to add to the scores."""
    return torch.zeros(new, seen).masked_fill(~causal_mask(new, seen), -torch.inf)


MASK = Exercise(
    id="03.3",
    title="Who may look at whom",
    teaches="the causal mask when part of the text is in a cache",
    difficulty="medium",
    minutes=15,
    answer="cache_mask",
    fallback=lambda: causal_mask,
    fallback_name="helpers.model.causal_mask",
    parts=(
        Part(
            "without a past it is a triangle",
            sizes(4, 0),
            causal_mask,
            "A row for each new token, a column for each token seen; True on the diagonal and to "
            "the left of it.",
            (
                Mistake(
                    "upside down",
                    lambda new, seen: ~not_itself(new, seen),
                    "Your tokens look ahead: each sees itself and what comes *after* it, the very "
                    "words it should predict. True means may look, and stands left of the diagonal.",
                ),
                Mistake(
                    "not itself",
                    not_itself,
                    "Your tokens do not look at themselves, and the first one looks at nobody: its "
                    "softmax is nan. The diagonal is True.",
                ),
                Mistake(
                    "ones and zeros",
                    lambda new, seen: causal_mask(new, seen).float(),
                    "These are numbers, and attention *adds* a mask of numbers to the scores. Make "
                    "it boolean, True = may look.",
                ),
                Mistake(
                    "to be added",
                    added,
                    "This mask is made to be added to scores, 0 and -inf. That works as well, but "
                    "you were asked for True and False.",
                ),
            ),
        ),
        Part(
            "one new token looks at everything",
            sizes(1, 5),
            causal_mask,
            "One new token after a past: one row, a column for each token seen, all True.",
            (
                Mistake(
                    "lined up with the first key",
                    from_the_first_key,
                    "Your new token sees the text's first token only. You lined up the first "
                    "*query* with the first *key*; but the query is the last token of the text. "
                    "PyTorch's `is_causal=True` does the same. Line the two up at the end.",
                ),
                Mistake(
                    "the past left out",
                    lambda new, seen: causal_mask(new, new),
                    "Your mask has columns for the new tokens only. The past is looked at too: a "
                    "column for each token *seen*.",
                ),
                Mistake(
                    "a row for each token seen",
                    lambda new, seen: causal_mask(seen, seen),
                    "Your mask has a row for each token seen. The old ones ask nothing any more, "
                    "their answers are in the cache: a row for each *new* token.",
                ),
            ),
        ),
        Part(
            "several new tokens do not look ahead",
            sizes(3, 4),
            causal_mask,
            "The first new token sees the past and itself, each further one sees one token more.",
            (
                Mistake(
                    "everything is seen",
                    lambda new, seen: torch.ones(new, seen, dtype=torch.bool),
                    "All new tokens see everything, each other's future included. That is right "
                    "for one new token and wrong for several: they too come one after another.",
                ),
                Mistake(
                    "one too far",
                    lambda new, seen: torch.ones(new, seen, dtype=torch.bool).tril(seen - new + 1),
                    "Every new token sees one token too many, its own successor. Only the last row "
                    "should be all True.",
                ),
                Mistake(
                    "only the past",
                    lambda new, seen: torch.arange(seen).expand(new, seen) < seen - new,
                    "Your new tokens see the past, but neither themselves nor the new ones before "
                    "them.",
                ),
            ),
        ),
    ),
)


# --- 03.4 counting -------------------------------------------------------------------------------

SIZES = ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")


def size_of(n_layer, n_head, n_embd, n_positions, vocab_size) -> int:
    """Parameters of a GPT-2: two tables, its blocks, and the last norm."""
    return (vocab_size + n_positions + 2) * n_embd + n_layer * (12 * n_embd**2 + 13 * n_embd)


def small(n_layer: int):
    """Arguments: sizes that no two mistakes can share, with so many blocks."""

    def arguments(seed: int) -> tuple:
        source = random.Random(seed)
        return n_layer, 3, 3 * source.randrange(11, 20), source.randrange(30, 40), 211 + seed % 50

    return arguments


def published(seed: int) -> tuple:
    """One of the four sizes of GPT-2."""
    config = list(GPT2_SIZES.values())[seed % len(GPT2_SIZES)]
    return tuple(getattr(config, name) for name in SIZES)


def differing(difference):
    """What somebody counts who is off by `difference(n_layer, n_head, n_embd, n_positions, vocab_size)`."""
    return lambda *given: size_of(*given) + difference(*given)


COUNT = Exercise(
    id="03.4",
    title="124,439,808",
    teaches="where the parameters of a GPT-2 are",
    difficulty="hard",
    minutes=20,
    answer="gpt2_parameters",
    parts=(
        Part(
            "two tables and the last norm",
            small(0),
            size_of,
            "Begin with a GPT-2 without any block: n_layer is 0. It has a vector for each token, "
            "one for each position, and a last norm.",
            (
                Mistake(
                    "the head counted too",
                    differing(lambda n, h, c, p, v: v * c),
                    "You count the head as a matrix of its own. It is tied: the head *is* the "
                    "table of token embeddings, so these numbers exist once.",
                ),
                Mistake(
                    "positions forgotten",
                    differing(lambda n, h, c, p, v: -p * c),
                    "You forgot the positions: each has a learnt vector in GPT-2, just as each "
                    "token has.",
                ),
                Mistake(
                    "last norm forgotten",
                    differing(lambda n, h, c, p, v: -2 * c),
                    "You forgot the last norm, after all blocks. It is small and it is there.",
                ),
                Mistake(
                    "norm without its bias",
                    differing(lambda n, h, c, p, v: -c),
                    "A layer norm has two vectors, one to multiply by and one to add. You count "
                    "one of them.",
                ),
            ),
        ),
        Part(
            "one block",
            small(1),
            size_of,
            "Without blocks you were right; now one block is added. Write down its four matrices, "
            "their biases, and its two norms.",
            (
                Mistake(
                    "biases forgotten",
                    differing(lambda n, h, c, p, v: -9 * c),
                    "You forgot the biases. Each of the four matrices has one, as long as what it "
                    "puts out: three times, once, four times and once the width.",
                ),
                Mistake(
                    "norms forgotten",
                    differing(lambda n, h, c, p, v: -4 * c),
                    "You forgot the block's norms. There are two, one before attention and one "
                    "before the MLP, and each has two vectors.",
                ),
                Mistake(
                    "no way out of attention",
                    differing(lambda n, h, c, p, v: -c * c - c),
                    "You have the matrices for query, key and value, but not the one after them "
                    "that mixes the heads again. It is the square one.",
                ),
                Mistake(
                    "matrices for every head",
                    differing(lambda n, h, c, p, v: (h - 1) * (4 * c * c + 4 * c)),
                    "You count attention once for every head. But the heads *share* the width: "
                    "each has n_embd / n_head of it. More heads, the same number of parameters.",
                ),
                Mistake(
                    "mask counted",
                    differing(lambda n, h, c, p, v: p * p),
                    "You count the causal mask. Old files store it, but it is no parameter: "
                    "nothing of it is learnt.",
                ),
            ),
        ),
        Part(
            "a real GPT-2",
            published,
            size_of,
            "One block is right, several are not. All blocks are alike, and everything outside of "
            "them is there once.",
            (
                Mistake(
                    "one block only",
                    lambda n, h, c, p, v: size_of(1, h, c, p, v),
                    "You count one block, and there are n_layer of them, all alike.",
                ),
                Mistake(
                    "a last norm in every block",
                    differing(lambda n, h, c, p, v: (n - 1) * 2 * c),
                    "You count the last norm once for every block. It stands after all of them, "
                    "once.",
                ),
            ),
        ),
    ),
)


EXERCISES = (POSITIONS, LAYOUT, MASK, COUNT)
