"""The exercises of lesson 02: labels, masks, padding, and the loss of a batch."""

from __future__ import annotations

import random

import torch
from torch.nn import functional as F

from helpers.checks.asking import nth
from helpers.checks.exercise import Exercise, Mistake, Part, call_it
from helpers.collate import IGNORE_INDEX as NONE
from helpers.tokenizer import END_OF_TEXT as END

# --- 02.1 labels ---------------------------------------------------------------------------------


def tokens(seed: int, n: int, salt: int = 0) -> list[int]:
    """That many ids, all different, none of them the end token."""
    return random.Random(1000 * salt + seed).sample(range(1000, 50_000), n)


def labels_of(ids: list[int], weights: list[float]) -> list[int]:
    """The next token at each place, NONE where its weight is 0."""
    return [t if w else NONE for t, w in zip(ids[1:], weights[1:], strict=True)]


def all_learnt(seed: int) -> tuple:
    return [*tokens(seed, 6), END], [1.0] * 7


def prompt_unlearnt(seed: int) -> tuple:
    return [*tokens(seed, 7, salt=1), END], [*[0.0] * 4, *[1.0] * 4]


def prompt_weighs_little(seed: int) -> tuple:
    return [*tokens(seed, 7, salt=2), END], [0.0, 0.0, *[0.1] * 3, *[1.0] * 3]


SHIFT = Exercise(
    id="02.1",
    title="What comes next",
    teaches="labels are the inputs, one place on",
    difficulty="easy",
    minutes=5,
    answer="make_labels",
    parts=(
        Part(
            "the inputs are all tokens but the last",
            all_learnt,
            lambda ids, weights: ids[:-1],
            "Return two lists, inputs and labels. The inputs are the ids in the same order, "
            "without the last one.",
            (
                Mistake(
                    "keeps the last token",
                    lambda ids, weights: ids,
                    "Your inputs still hold the last token. Nothing comes after it, so there is "
                    "nothing to predict there: leave it out of the inputs.",
                ),
                Mistake(
                    "drops the first token",
                    lambda ids, weights: ids[1:],
                    "Your inputs begin with the second token, so the model would never read the "
                    "first. Are inputs and labels the wrong way round?",
                ),
            ),
            nth(0, 2),
        ),
        Part(
            "each label is the token after its input",
            all_learnt,
            labels_of,
            "Put inputs and labels below each other: under each input must stand the token that "
            "follows it in `ids`.",
            (
                Mistake(
                    "no shift",
                    lambda ids, weights: ids[:-1],
                    "Your labels are the inputs themselves, so the model would learn to repeat "
                    "what it has just read. labels[t] must be the token after inputs[t]: shift by "
                    "one.",
                ),
                Mistake(
                    "shifts the other way",
                    lambda ids, weights: [NONE, *ids[:-2]],
                    "Your labels are shifted the other way: each is the token *before* its input, "
                    "which the model has already read. Begin the labels with the second token.",
                ),
                Mistake(
                    "one label too many",
                    lambda ids, weights: [*ids[1:], NONE],
                    "You have one label more than inputs. The last input already has its label, "
                    "the end token, and the end token itself is no input.",
                ),
            ),
            nth(1, 2),
        ),
        Part(
            "a token of weight 0 is no target",
            prompt_unlearnt,
            labels_of,
            "A label must be -100 exactly where the weight of *that label's token* is 0.",
            (
                Mistake(
                    "weights ignored",
                    lambda ids, weights: ids[1:],
                    "You shift rightly but do not look at `weights`: a token of weight 0 must get "
                    "the label -100, or it is learnt all the same.",
                ),
                Mistake(
                    "weights not shifted",
                    lambda ids, weights: labels_of(ids, [0.0, *weights[:-1]]),
                    "You ask for the weight of the input, and the label is the token after it. "
                    "weights[t] belongs to ids[t]: shift the weights together with the ids.",
                ),
                Mistake(
                    "labels left out",
                    lambda ids, weights: [t for t in labels_of(ids, weights) if t != NONE],
                    "You leave labels out, and those behind them slide under the wrong inputs. "
                    "Keep the place and write -100 in it.",
                ),
                Mistake(
                    "0 in place of -100",
                    lambda ids, weights: [0 if t == NONE else t for t in labels_of(ids, weights)],
                    "You write 0 where nothing should be learnt. But 0 is a token (it is '!'), and "
                    "the model would learn to say it. Only -100 is left out of the loss.",
                ),
            ),
            nth(1, 2),
        ),
        Part(
            "a small weight is still learnt from",
            prompt_weighs_little,
            labels_of,
            "Only a weight of 0 makes a label -100; every other weight keeps it.",
            (
                Mistake(
                    "only weight 1 counts",
                    lambda ids, weights: labels_of(ids, [float(w == 1) for w in weights]),
                    "You drop labels of weight 0.1. They count little, but they count: ask whether "
                    "the weight is 0, not whether it is 1.",
                ),
            ),
            nth(1, 2),
        ),
    ),
)


# --- 02.2 the prompt masked ----------------------------------------------------------------------


def three_texts(seed: int) -> tuple:
    """(prompt, header, response), no id twice."""
    ids = tokens(seed, 13, salt=3)
    return ids[:5], ids[5:8], ids[8:]


def repeating_reply(seed: int) -> tuple:
    """A reply that says a word of the prompt and one of the header again."""
    prompt, header, response = three_texts(seed)
    return prompt, header, [response[0], prompt[2], header[1], response[1]]


def response_labels(prompt: list[int], header: list[int], response: list[int]) -> list[int]:
    """The labels of prompt, header, response and end, nothing before the response learnt."""
    return [NONE] * (len(prompt) + len(header) - 1) + response + [END]


def piece(start, stop):
    """A way to ask for the labels between two places, each found from the three texts."""

    def call(answer, prompt, header, response):
        got = call_it(answer, prompt, header, response)
        begin, end = (f(len(prompt), len(header), len(response)) for f in (start, stop))
        return got[begin:end] if hasattr(got, "__getitem__") else got

    return call


def how_many(answer, *texts):
    got = call_it(answer, *texts)
    return len(got) if hasattr(got, "__len__") else got


PROMPT_MASKED = Exercise(
    id="02.2",
    title="Learn the reply, not the request",
    teaches="masking the prompt, its header included, and keeping the end",
    difficulty="medium",
    minutes=10,
    answer="reply_labels",
    fallback=lambda: response_labels,
    parts=(
        Part(
            "there is a label for each input",
            three_texts,
            lambda prompt, header, response: len(prompt + header + response),
            "Count your labels. The row is prompt, header, response and one end token; every "
            "token but the first is somebody's label.",
            (
                Mistake(
                    "no end token",
                    lambda prompt, header, response: len(prompt + header + response) - 1,
                    "You have one label too few. Did you forget to put the end token, 50256, "
                    "behind the response?",
                ),
                Mistake(
                    "not shifted",
                    lambda prompt, header, response: len(prompt + header + response) + 1,
                    "You have as many labels as the row has tokens. The first token is nobody's "
                    "label, because nothing comes before it: shift, as in 02.1.",
                ),
            ),
            how_many,
        ),
        Part(
            "the reply is learnt from its first word on",
            three_texts,
            lambda prompt, header, response: response,
            "The label of the header's last token must be the first token of the response, and "
            "the others follow. Print inputs and labels in pairs.",
            (
                Mistake(
                    "first word masked",
                    lambda prompt, header, response: [NONE, *response[1:]],
                    "The first word of the reply is masked too, so the model would never learn how "
                    "to begin. Labels are shifted: there is one label fewer before the reply than "
                    "there are tokens.",
                ),
                Mistake(
                    "labels are the inputs",
                    lambda prompt, header, response: [NONE, *response[:-1]],
                    "The reply's labels come one place late: each is its own input. Drop the row's "
                    "first token to make labels, not its last.",
                ),
            ),
            piece(lambda p, h, r: p + h - 1, lambda p, h, r: p + h + r - 1),
        ),
        Part(
            "the end is learnt",
            three_texts,
            lambda prompt, header, response: [END],
            "The last label must be the end token, 50256: after the reply's last word the model "
            "should stop.",
            (
                Mistake(
                    "the end masked",
                    lambda prompt, header, response: [NONE],
                    "You mask the end token. The model would learn what to say and never when to "
                    "stop: its label is 50256, not -100.",
                ),
            ),
            piece(lambda p, h, r: p + h + r - 1, lambda p, h, r: p + h + r),
        ),
        Part(
            "the request is not learnt",
            three_texts,
            lambda prompt, header, response: [NONE] * (len(prompt) - 1),
            "Every label that is a token of the prompt must be -100.",
            (
                Mistake(
                    "learns everything",
                    lambda prompt, header, response: prompt[1:],
                    "The prompt is still among the labels: this is the arm `all`. Write -100 in "
                    "place of each label that comes before the reply.",
                ),
                Mistake(
                    "0 in place of -100",
                    lambda prompt, header, response: [0] * (len(prompt) - 1),
                    "Your masked labels are 0, and 0 is a token of its own. PyTorch leaves out "
                    "-100 and nothing else.",
                ),
            ),
            piece(lambda p, h, r: 0, lambda p, h, r: p - 1),
        ),
        Part(
            "the header is not learnt",
            three_texts,
            lambda prompt, header, response: [NONE] * len(header),
            "The header must be masked as well: the words `### Response:` are given, nobody will "
            "ask the model to write them.",
            (
                Mistake(
                    "header left in the loss",
                    lambda prompt, header, response: header,
                    "The header is left in the loss. It is the same in every row, so it is soon "
                    "known by heart and makes the loss look better than the replies are. Mask "
                    "prompt *and* header.",
                ),
                Mistake(
                    "one token into the header",
                    lambda prompt, header, response: [NONE, *header[1:]],
                    "You mask as many labels as the prompt has tokens. That reaches one token into "
                    "the header, and the rest of it is learnt. Count prompt and header together.",
                ),
            ),
            piece(lambda p, h, r: p - 1, lambda p, h, r: p + h - 1),
        ),
        Part(
            "a word of the reply is learnt even if the request has it too",
            repeating_reply,
            response_labels,
            "Mask by place: how many labels come before the reply? What the tokens are does not "
            "matter.",
            (
                Mistake(
                    "masked by its id",
                    lambda prompt, header, response: [
                        NONE if t in prompt + header else t
                        for t in [*prompt, *header, *response, END][1:]
                    ],
                    "You mask every token that occurs in the prompt, wherever it stands. Replies "
                    "often repeat words of the request, and these must be learnt. Mask by place.",
                ),
            ),
        ),
    ),
)


# --- 02.3 padding with the end token -------------------------------------------------------------


def ragged(seed: int) -> tuple:
    """Three rows of 4, 6 and 3 tokens, the end token included."""
    ids = tokens(seed, 10, salt=4)
    return ([[*ids[:3], END], [*ids[3:8], END], [*ids[8:], END]],)


def conversations(seed: int) -> tuple:
    """The first row has two replies, each with its own end token."""
    ids = tokens(seed, 9, salt=5)
    return ([[*ids[:2], END, *ids[2:4], END], [*ids[4:6], END], [*ids[6:], END]],)


def fill(rows, width, value, left=False):
    """The rows, filled up to `width` with a value."""
    gaps = [[value] * (width - len(row)) for row in rows]
    pairs = zip(rows, gaps, strict=True)
    return [gap + row if left else row + gap for row, gap in pairs]


def width(rows) -> int:
    return max(len(row) for row in rows) - 1


def padded_inputs(rows, value=END, left=False):
    return fill([row[:-1] for row in rows], width(rows), value, left)


def padded_labels(rows, value=NONE):
    return fill([row[1:] for row in rows], width(rows), value)


def first_end_only(rows):
    """What keeps the first 50256 of a row and drops all others."""
    return [
        [NONE if t == END and END in row[:i] else t for i, t in enumerate(row)]
        for row in padded_labels(rows, END)
    ]


def row_lengths(answer, rows):
    got = nth(0, 2)(answer, rows)
    if not hasattr(got, "__len__"):
        return got
    return [len(row) if hasattr(row, "__len__") else row for row in got]


def longest_row_labels(answer, rows):
    """The labels of the longest row, which has no padding, up to its last word."""
    got = nth(1, 2)(answer, rows)
    at = max(range(len(rows)), key=lambda i: len(rows[i]))
    return got[at][: len(rows[at]) - 2] if hasattr(got, "__getitem__") else got


def ends_a_row(answer, rows):
    """How many labels of each row are the end token."""
    got = nth(1, 2)(answer, rows)
    return [sum(int(t) == END for t in row) for row in got]


PADDING = Exercise(
    id="02.3",
    title="The end that is also padding",
    teaches="padding is known by its place, never by its id",
    difficulty="medium",
    minutes=15,
    answer="pad_rows",
    fallback=lambda: lambda rows: (padded_inputs(rows), padded_labels(rows)),
    parts=(
        Part(
            "all rows of the inputs have the same length",
            ragged,
            lambda rows: [width(rows)] * len(rows),
            "Return inputs and labels. Each row of the inputs must be as long as the longest row "
            "without its last token.",
            (
                Mistake(
                    "one column too many",
                    lambda rows: [width(rows) + 1] * len(rows),
                    "Your inputs are one column too wide. Even in the longest row the last token "
                    "has no next one, so it is a label only.",
                ),
                Mistake(
                    "not padded",
                    lambda rows: [len(row) - 1 for row in rows],
                    "Your rows still have lengths of their own, and a tensor needs a rectangle. "
                    "Fill the shorter ones up to the longest.",
                ),
            ),
            row_lengths,
        ),
        Part(
            "the padding is on the right, and it is 50256",
            ragged,
            padded_inputs,
            "In the inputs a short row goes on with 50256 until it is as long as the others.",
            (
                Mistake(
                    "padded on the left",
                    lambda rows: padded_inputs(rows, left=True),
                    "You pad on the left. There every real token would look at the padding, which "
                    "stands before it. On the right nobody sees it.",
                ),
                Mistake(
                    "padded with 0",
                    lambda rows: padded_inputs(rows, 0),
                    "You pad with 0, which is the token '!'. The custom is GPT-2's end token, "
                    "50256.",
                ),
                Mistake(
                    "inputs of -100",
                    lambda rows: padded_inputs(rows, NONE),
                    "You pad the *inputs* with -100. That is a mark for labels; as an input it "
                    "has no embedding, and the model would crash. Pad inputs with 50256.",
                ),
            ),
            nth(0, 2),
        ),
        Part(
            "labels are shifted",
            ragged,
            lambda rows: max(rows, key=len)[1:-1],
            "Look at your longest row, which has no padding: its labels are its tokens from the "
            "second on.",
            (
                Mistake(
                    "no shift",
                    lambda rows: max(rows, key=len)[:-2],
                    "Your labels are not shifted: each one is its own input. Take the tokens from "
                    "the second on.",
                ),
            ),
            longest_row_labels,
        ),
        Part(
            "each row has one end token to learn",
            ragged,
            lambda rows: [1] * len(rows),
            "Count 50256 in each row of your labels. There should be one, the real end; where the "
            "padding is, the label is -100.",
            (
                Mistake(
                    "padding is learnt",
                    lambda rows: [row.count(END) for row in padded_labels(rows, END)],
                    "The padding is among your labels: a short row would teach the end again and "
                    "again. Its labels must be -100.",
                ),
                Mistake(
                    "masked by its id",
                    lambda rows: [0] * len(rows),
                    "No end token is left in your labels. You probably replaced every 50256 by "
                    "-100, the real end with the padding. A model trained so never stops. You know "
                    "how long each row is: mask what comes after.",
                ),
                Mistake(
                    "end of short rows lost",
                    lambda rows: [int(len(row) == width(rows) + 1) for row in rows],
                    "Only the longest row keeps its end token. In the others you mask one place "
                    "too many: a row of n tokens has n - 1 labels, and its end is the last of "
                    "them.",
                ),
            ),
            ends_a_row,
        ),
        Part(
            "an end token inside a row is learnt too",
            conversations,
            padded_labels,
            "The labels are wrong for rows with an end token inside. Ask for the length of each "
            "row, not for what its tokens are.",
            (
                Mistake(
                    "keeps the first 50256 only",
                    first_end_only,
                    "You keep the first 50256 of a row and mask the others. That works until a row "
                    "holds two replies, each with its end. The padding begins at the row's length, "
                    "not at a token.",
                ),
            ),
            nth(1, 2),
        ),
    ),
)


# --- 02.4 the loss of a batch --------------------------------------------------------------------

VOCABULARY = 11


def scored(targets: list[int], seed: int, places: int = 7, weighted: bool = False) -> tuple:
    """(logits, labels, weights) of a batch whose rows have so many targets, the last places."""
    source = torch.Generator().manual_seed(seed)
    size = (len(targets), places)
    logits = 3 * torch.randn(*size, VOCABULARY, generator=source)
    labels = torch.randint(VOCABULARY, size, generator=source)
    weights = torch.rand(size, generator=source) + 0.1 if weighted else torch.ones(size)
    for row, n in enumerate(targets):
        labels[row, : places - n] = NONE
    return logits, labels, weights * (labels != NONE)


def nll_of(logits, labels):
    """Negative log-likelihoods, 0 where there is no target; both (B, T)."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)


def loss_of(logits, labels, weights) -> float:
    return float((weights * nll_of(logits, labels)).sum() / weights.sum())


def unweighted(logits, labels, weights) -> float:
    return loss_of(logits, labels, (labels != NONE).float())


def mean_of_row_means(logits, labels, weights) -> float:
    rows = (weights * nll_of(logits, labels)).sum(1) / weights.sum(1)
    return float(rows.mean())


def over(count):
    """The weighted sum, divided by something else than the weights."""
    return lambda logits, labels, weights: float(
        (weights * nll_of(logits, labels)).sum() / count(labels)
    )


def loss_or_refusal(logits, labels, weights) -> float:
    """What later cells use: the loss, or a ValueError where nothing is learnt."""
    if not weights.sum() > 0:
        raise ValueError("no token of this batch is learnt from: the loss would be 0/0")
    return loss_of(logits, labels, weights)


def refusal(answer, *arguments) -> dict:
    """What the answer returns, or the exception by which it refuses and whether that has words."""
    try:
        return {"returns": call_it(answer, *arguments)}
    except (ValueError, ArithmeticError) as error:
        has_words = any(character.isalpha() for character in str(error))
        return {"raises": type(error).__name__, "in words": has_words}


LOSS = Exercise(
    id="02.4",
    title="One sum, divided once",
    teaches="the loss of a batch, by weights, and what to do when nothing is learnt",
    difficulty="hard",
    minutes=20,
    answer="batch_loss",
    fallback=lambda: loss_or_refusal,
    parts=(
        Part(
            "one row: the mean over its targets",
            lambda seed: scored([4], seed),
            loss_of,
            "With all weights 1, the loss of one row is the mean of -log(probability of the label) "
            "over the labels that are not -100.",
            (
                Mistake(
                    "divided by all places",
                    over(lambda labels: labels.numel()),
                    "You divide by the number of places, -100 included. They add nothing to the "
                    "sum, so they must not count below either.",
                ),
                Mistake(
                    "not divided",
                    over(lambda labels: 1),
                    "This is the sum of the losses. Divide it, or a long row would have a larger "
                    "loss than a short one that is predicted as well.",
                ),
            ),
        ),
        Part(
            "several rows: every target counts the same",
            lambda seed: scored([1, 6, 3], seed),
            loss_of,
            "Take sum and count over the whole batch, not row by row.",
            (
                Mistake(
                    "mean of row means",
                    mean_of_row_means,
                    "This is the mean of the rows' means. In a row with one target this target "
                    "would count as much as all targets of a long row together. Add everything up "
                    "first and divide once.",
                ),
            ),
        ),
        Part(
            "a target counts by its weight",
            lambda seed: scored([2, 6], seed, weighted=True),
            loss_of,
            "The loss is the sum of weight times loss, divided by the sum of the weights.",
            (
                Mistake(
                    "weights forgotten",
                    unweighted,
                    "You do not use `weights`: this is what plain `cross_entropy` returns. "
                    "Multiply each target's loss by its weight.",
                ),
                Mistake(
                    "divided by the number of targets",
                    over(lambda labels: (labels != NONE).sum()),
                    "You weigh above and count below. Halve all weights and this loss would halve, "
                    "though nothing has become easier. Divide by the sum of the weights.",
                ),
            ),
        ),
        Part(
            "a batch without targets is refused",
            lambda seed: scored([0, 0], seed),
            lambda logits, labels, weights: {"raises": "ValueError", "in words": True},
            "When no label is left, raise a ValueError that says so.",
            (
                Mistake(
                    "refuses without words",
                    lambda logits, labels, weights: {"raises": "ValueError", "in words": False},
                    "You refuse, but without a word. Whoever meets this an hour into a training "
                    "sees a bare ValueError and has to guess what is wrong with which batch. Put "
                    'it into brackets: raise ValueError("…").',
                ),
                Mistake(
                    "returns nan",
                    lambda logits, labels, weights: {"returns": float("nan")},
                    "You return nan, nought divided by nought. Nothing crashes, and one such loss "
                    "spoils every mean it goes into. Look at the sum of the weights *before* you "
                    "divide, and raise a ValueError.",
                ),
                Mistake(
                    "returns 0",
                    lambda logits, labels, weights: {"returns": 0.0},
                    "You return 0, the loss of a perfect model, for a batch that taught nothing. "
                    "Raise a ValueError instead.",
                ),
            ),
            refusal,
        ),
    ),
)


EXERCISES = (SHIFT, PROMPT_MASKED, PADDING, LOSS)
