"""Right and wrong answers to the exercises of lesson 02, and what the checks must say to them."""

import torch
from torch.nn import functional as F

from . import Answers, Wrong

END, IGNORE = 50256, -100


def labels_by_loop(ids, weights):
    labels = []
    for t in range(len(ids) - 1):
        labels.append(IGNORE if weights[t + 1] == 0 else ids[t + 1])
    return torch.tensor(ids[: len(labels)]), torch.tensor(labels)


def no_shift(ids, weights):
    return ids[:-1], [t if w else IGNORE for t, w in zip(ids[:-1], weights, strict=False)]


def make(labels):
    """An answer with the right inputs and these labels."""
    return lambda ids, weights: (ids[:-1], labels(ids, weights))


def weighed(ids, weights):
    return [t if w else IGNORE for t, w in zip(ids, weights, strict=True)]


LABELS = Answers(
    other=labels_by_loop,
    wrong={
        "keeps the last token": Wrong(
            lambda ids, w: (ids, [*weighed(ids, w)[1:], IGNORE]),
            "the inputs are all tokens but the last",
            "keeps the last token",
        ),
        "inputs and labels swapped": Wrong(
            lambda ids, w: (weighed(ids, w)[1:], ids[:-1]),
            "the inputs are all tokens but the last",
            "drops the first token",
        ),
        "no shift": Wrong(no_shift, "each label is the token after its input", "no shift"),
        "shifts the other way": Wrong(
            make(lambda ids, w: [IGNORE, *weighed(ids, w)[:-2]]),
            "each label is the token after its input",
            "shifts the other way",
        ),
        "a label for the end": Wrong(
            make(lambda ids, w: [*weighed(ids, w)[1:], IGNORE]),
            "each label is the token after its input",
            "one label too many",
        ),
        "forgets the weights": Wrong(
            make(lambda ids, w: ids[1:]), "a token of weight 0 is no target", "weights ignored"
        ),
        "asks for the input's weight": Wrong(
            make(lambda ids, w: [t if v else IGNORE for t, v in zip(ids[1:], w, strict=False)]),
            "a token of weight 0 is no target",
            "weights not shifted",
        ),
        "filters": Wrong(
            make(lambda ids, w: [t for t, v in zip(ids[1:], w[1:], strict=True) if v]),
            "a token of weight 0 is no target",
            "labels left out",
        ),
        "multiplies": Wrong(
            make(lambda ids, w: [int(t * (v > 0)) for t, v in zip(ids[1:], w[1:], strict=True)]),
            "a token of weight 0 is no target",
            "0 in place of -100",
        ),
        "asks for weight 1": Wrong(
            make(lambda ids, w: [t if int(v) else IGNORE for t, v in zip(ids, w, strict=True)][1:]),
            "a small weight is still learnt from",
            "only weight 1 counts",
        ),
    },
)


def mask_by_length(n_masked):
    """An answer that masks so many labels after the shift, found from prompt and header."""

    def answer(prompt, header, response):
        labels = [*prompt, *header, *response, END][1:]
        n = n_masked(prompt, header)
        return [IGNORE] * n + labels[n:]

    return answer


def masked_before_shift(prompt, header, response):
    row = torch.tensor([*prompt, *header, *response, END])
    row[: len(prompt) + len(header)] = IGNORE
    return row[1:]


def reply_in_a_row(prompt, header, response):
    """A label for each token of the row: the shift is forgotten."""
    return [IGNORE] * (len(prompt) + len(header)) + response + [END]


def masked_by_id(prompt, header, response):
    given = {*prompt, *header}
    return [IGNORE if t in given else t for t in [*prompt, *header, *response, END][1:]]


PROMPT_MASKED = Answers(
    other=masked_before_shift,
    wrong={
        "forgets the end": Wrong(
            lambda p, h, r: [IGNORE] * (len(p) + len(h) - 1) + r,
            "there is a label for each input",
            "no end token",
        ),
        "forgets the shift": Wrong(
            reply_in_a_row, "there is a label for each input", "not shifted"
        ),
        "masks after the shift": Wrong(
            mask_by_length(lambda p, h: len(p) + len(h)),
            "the reply is learnt from its first word on",
            "first word masked",
        ),
        "labels are the inputs": Wrong(
            lambda p, h, r: [IGNORE] * (len(p) + len(h)) + r,
            "the reply is learnt from its first word on",
            "labels are the inputs",
        ),
        "masks the end": Wrong(
            lambda p, h, r: [IGNORE] * (len(p) + len(h) - 1) + r + [IGNORE],
            "the end is learnt",
            "the end masked",
        ),
        "masks nothing": Wrong(
            mask_by_length(lambda p, h: 0), "the request is not learnt", "learns everything"
        ),
        "masks with 0": Wrong(
            lambda p, h, r: [0] * (len(p) + len(h) - 1) + r + [END],
            "the request is not learnt",
            "0 in place of -100",
        ),
        "leaves the header in the loss": Wrong(
            mask_by_length(lambda p, h: len(p) - 1),
            "the header is not learnt",
            "header left in the loss",
        ),
        "masks as many labels as the prompt has tokens": Wrong(
            mask_by_length(lambda p, h: len(p)),
            "the header is not learnt",
            "one token into the header",
        ),
        "masks by id": Wrong(
            masked_by_id,
            "a word of the reply is learnt even if the request has it too",
            "masked by its id",
        ),
    },
)


def rectangle(rows, value=END):
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


def padded_by_place(rows):
    """(inputs, labels) as tensors, the labels of row i beyond place `stop(len(row))` masked."""
    return padded(rows, lambda n: n - 1)


def padded(rows, stop):
    both = rectangle(rows)
    labels = both[:, 1:].clone()
    for i, row in enumerate(rows):
        labels[i, stop(len(row)) :] = IGNORE
    return both[:, :-1], labels


def on_the_left(rows):
    longest = max(len(row) for row in rows)
    both = torch.tensor([[END] * (longest - len(row)) + row for row in rows])
    return both[:, :-1], both[:, 1:]


def keep_the_first_end(rows):
    """What is often written: of each row's 50256 all but the first are masked."""
    inputs, labels = rectangle(rows)[:, :-1], rectangle(rows)[:, 1:].clone()
    for row in labels:
        places = torch.nonzero(row == END).flatten()
        row[places[1:]] = IGNORE
    return inputs, labels


def no_shift_padded(rows):
    inputs, labels = padded_by_place(rows)
    return inputs, torch.where(labels == IGNORE, IGNORE, inputs)


PADDING = Answers(
    other=padded_by_place,
    wrong={
        "as wide as the longest row": Wrong(
            lambda rows: (rectangle(rows), rectangle(rows)),
            "all rows of the inputs have the same length",
            "one column too many",
        ),
        "no rectangle": Wrong(
            lambda rows: ([row[:-1] for row in rows], [row[1:] for row in rows]),
            "all rows of the inputs have the same length",
            "not padded",
        ),
        "pads on the left": Wrong(
            on_the_left, "the padding is on the right, and it is 50256", "padded on the left"
        ),
        "pads with 0": Wrong(
            lambda rows: (
                rectangle([row[:-1] for row in rows], 0),
                rectangle([row[1:] for row in rows], IGNORE),
            ),
            "the padding is on the right, and it is 50256",
            "padded with 0",
        ),
        "pads inputs with -100": Wrong(
            lambda rows: (
                rectangle([row[:-1] for row in rows], IGNORE),
                rectangle([row[1:] for row in rows], IGNORE),
            ),
            "the padding is on the right, and it is 50256",
            "inputs of -100",
        ),
        "does not shift": Wrong(no_shift_padded, "labels are shifted", "no shift"),
        "learns the padding": Wrong(
            lambda rows: padded(rows, lambda n: 1000),
            "each row has one end token to learn",
            "padding is learnt",
        ),
        "masks every 50256": Wrong(
            lambda rows: (
                rectangle(rows)[:, :-1],
                rectangle(rows)[:, 1:].masked_fill(rectangle(rows)[:, 1:] == END, IGNORE),
            ),
            "each row has one end token to learn",
            "masked by its id",
        ),
        "masks one place too many": Wrong(
            lambda rows: padded(
                rows, lambda n: n - 2 if n < max(len(row) for row in rows) else n - 1
            ),
            "each row has one end token to learn",
            "end of short rows lost",
        ),
        "keeps the first 50256": Wrong(
            keep_the_first_end,
            "an end token inside a row is learnt too",
            "keeps the first 50256 only",
        ),
    },
)


def loss_by_gather(logits, labels, weights):
    """The same from log-probabilities, one target at a time."""
    places = [tuple(place) for place in (labels != IGNORE).nonzero().tolist()]
    if not places:
        raise ValueError("no targets")
    log_p = torch.log_softmax(logits, dim=-1)
    summed = sum(-log_p[b, t, labels[b, t]] * weights[b, t] for b, t in places)
    return summed / sum(weights[place] for place in places)


def losses(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")  # (B, T)


def refusing(formula):
    """An answer that refuses an empty batch and is wrong elsewhere."""

    def answer(logits, labels, weights):
        if weights.sum() == 0:
            raise ValueError("no targets")
        return formula(losses(logits, labels), labels, weights)

    return answer


def zero_for_nothing(logits, labels, weights):
    return float((losses(logits, labels) * weights).sum() / max(float(weights.sum()), 1e-9))


def without_words(logits, labels, weights):
    if not weights.sum():
        raise ValueError
    return loss_by_gather(logits, labels, weights)


LOSS = Answers(
    other=loss_by_gather,
    wrong={
        "divides by all places": Wrong(
            refusing(lambda nll, labels, w: (nll * w).mean()),
            "one row: the mean over its targets",
            "divided by all places",
        ),
        "sums": Wrong(
            refusing(lambda nll, labels, w: (nll * w).sum()),
            "one row: the mean over its targets",
            "not divided",
        ),
        "base 2": Wrong(
            refusing(lambda nll, labels, w: (nll * w).sum() / w.sum() / 0.6931),
            "one row: the mean over its targets",
            None,
        ),
        "mean of row means": Wrong(
            refusing(lambda nll, labels, w: ((nll * w).sum(1) / w.sum(1)).mean()),
            "several rows: every target counts the same",
            "mean of row means",
        ),
        "plain cross entropy": Wrong(
            lambda logits, labels, w: F.cross_entropy(logits.flatten(0, 1), labels.flatten()),
            "a target counts by its weight",
            "weights forgotten",
        ),
        "divides by the number of targets": Wrong(
            refusing(lambda nll, labels, w: (nll * w).sum() / (labels != IGNORE).sum()),
            "a target counts by its weight",
            "divided by the number of targets",
        ),
        "returns nan": Wrong(
            lambda logits, labels, w: (losses(logits, labels) * w).sum() / w.sum(),
            "a batch without targets is refused",
            "returns nan",
        ),
        "returns 0": Wrong(zero_for_nothing, "a batch without targets is refused", "returns 0"),
        "bare ValueError": Wrong(
            without_words, "a batch without targets is refused", "refuses without words"
        ),
        "another exception": Wrong(
            lambda logits, labels, w: (
                loss_by_gather(logits, labels, w) if float(w.sum()) else 1 / 0
            ),
            "a batch without targets is refused",
            None,
        ),
    },
)


ANSWERS = {"02.1": LABELS, "02.2": PROMPT_MASKED, "02.3": PADDING, "02.4": LOSS}
