"""Answers to lesson 08's exercises: another right one for each, and wrong ones that people give."""

import math
import re
from statistics import fmean

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from exercises import Answers, Wrong
from helpers.formatting import format_example, format_prompt

# --- 08.1 -----------------------------------------------------------------------------------------


def by_sorting(runs):
    losses = [(r["validation"], r["lr"]) for r in runs if abs(r["validation"]) < math.inf]
    return sorted(losses)[0][1] if losses else None


def lowest(kind):
    return lambda runs: min(runs, key=lambda run: run[kind])["lr"]


def place(runs):
    return int(np.argmin([run["validation"] for run in runs]))


def none_if_any(runs):
    return by_sorting(runs) if all(math.isfinite(r["validation"]) for r in runs) else None


def finite(runs):
    return [run for run in runs if math.isfinite(run["validation"])]


def first_of_equals(runs):
    return min(finite(runs), key=lambda r: r["validation"])["lr"] if finite(runs) else None


def largest_of_equals(runs):
    best = min((r["validation"] for r in finite(runs)), default=None)
    return max((r["lr"] for r in runs if r["validation"] == best), default=None)


def starts_with_the_first(runs):
    return by_sorting(runs) or runs[0]["lr"]


def min_of_nothing(runs):
    return min(finite(runs), key=lambda r: (r["validation"], r["lr"]))["lr"]


# --- 08.2 -----------------------------------------------------------------------------------------


def letters_and_digits(text):
    kept = [letter if letter.isalnum() else " " for letter in text.casefold()]
    return tuple("".join(kept).split())


def with_a_set(train, test):
    def task(row):
        return letters_and_digits(row["instruction"]), letters_and_digits(row["input"])

    known = {task(row) for row in train}
    return [i for i, row in enumerate(test) if task(row) in known]


def by(key, fields=("instruction", "input")):
    """A solution that compares these fields by another key."""

    def answer(train, test):
        known = [[key(row[field]) for field in fields] for row in train]
        return [i for i, row in enumerate(test) if [key(row[f]) for f in fields] in known]

    return answer


def of_train(train, test):
    return [i for i, row in enumerate(train) if with_a_set([row], test)]


def to_keep(train, test):
    return [i for i in range(len(test)) if i not in with_a_set(train, test)]


# --- 08.3 -----------------------------------------------------------------------------------------


class WithLinears(nn.Module):
    """Two linear layers without biases; their weights under the names that are asked for."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.lora_A = nn.Parameter(nn.Linear(base.in_features, rank, bias=False).weight.detach())
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    def correction(self):
        return torch.einsum("or,ri->oi", self.lora_B, self.lora_A).mul(self.scale)

    def forward(self, x):
        return F.linear(x, self.base.weight + self.correction(), self.base.bias)


def lora(
    scale=lambda alpha, rank: alpha / rank,
    begin=lambda n_in, n_out, rank: (torch.randn(rank, n_in), torch.zeros(n_out, rank)),
    wrap=(nn.Parameter, nn.Parameter),
    base_part=lambda base, x: base(x),
    thin=lambda x, a, b: x @ a.T @ b.T,
    merged=lambda scale, a, b, weight: scale * b @ a,
):
    """A class with one thing changed."""

    class Layer(nn.Module):
        def __init__(self, base, rank, alpha):
            super().__init__()
            self.base, self.scale = base, scale(alpha, rank)
            a, b = begin(base.in_features, base.out_features, rank)
            self.lora_A, self.lora_B = wrap[0](a), wrap[1](b)

        def forward(self, x):
            return base_part(self.base, x) + self.scale * thin(x, self.lora_A, self.lora_B)

        def correction(self):
            return merged(self.scale, self.lora_A, self.lora_B, self.base.weight)

    return Layer


# --- 08.4 -----------------------------------------------------------------------------------------


def with_zip(cost, records, templates):
    found = {}
    for template in templates:
        costs = [cost(format_prompt(row, template), row["output"]) for row in records]
        nats, tokens = zip(*costs, strict=True)
        found[template] = np.sum(nats) / np.sum(tokens)
    return found


def losses(
    prompt=format_prompt,
    reply="output",
    total=lambda costs: sum(x for x, _ in costs) / sum(n for _, n in costs),
):
    """A solution with one thing changed."""

    def answer(cost, records, templates):
        return {t: total([cost(prompt(r, t), r[reply]) for r in records]) for t in templates}

    return answer


def by_records(costs):
    return costs[0][0] / costs[0][1] if len(costs) == 1 else fmean(x for x, _ in costs)


def early_return(cost, records, templates):
    return with_zip(cost, records, templates[:1])


def carried_over(cost, records, templates):
    found, nats, tokens = {}, 0, 0
    for template in templates:
        for row in records:
            more, n = cost(format_prompt(row, template), row["output"])
            nats, tokens = nats + more, tokens + n
        found[template] = nats / tokens
    return found


VALIDATION, DIVERGED = (
    "the lowest validation loss decides",
    "a run that diverged is no candidate",
)
EQUAL, NONE = "of equal losses the smaller rate wins", "when all diverged, there is none"
PLACES, SPELLING = (
    "the places of the test rows",
    "case, punctuation and blanks do not matter",
)
ORDER = "words have an order, and borders"
BEGINS, OUTPUT = (
    "it begins as the layer that it corrects",
    "the output is the base's, plus alpha / rank times B A x",
)
MERGED, LEARN = "the correction can be merged into the matrix", "both thin matrices learn"
ONE, SEVERAL = (
    "one record, in the template that was asked for",
    "several records: one sum, divided once",
)
EVERY = "every template on its own"

ANSWERS = {
    "08.1": Answers(
        other=by_sorting,
        wrong={
            "test": Wrong(lowest("test"), VALIDATION, "chooses on the test set"),
            "train": Wrong(lowest("train"), VALIDATION, "chooses by the training loss"),
            "highest": Wrong(
                lambda runs: max(runs, key=lambda r: r["validation"])["lr"],
                VALIDATION,
                "takes the highest loss",
            ),
            "the loss": Wrong(
                lambda runs: min(r["validation"] for r in runs), VALIDATION, "returns the loss"
            ),
            "the place": Wrong(place, VALIDATION, "returns the place in the list"),
            "min with NaN": Wrong(lowest("validation"), DIVERGED, "chooses the run that diverged"),
            "None if any": Wrong(none_if_any, DIVERGED, "gives up as soon as one run diverged"),
            "first": Wrong(first_of_equals, EQUAL, "takes the first of equals"),
            "largest": Wrong(largest_of_equals, EQUAL, "takes the largest of equals"),
            "some rate": Wrong(starts_with_the_first, NONE, "recommends a rate that diverged"),
            "min of nothing": Wrong(min_of_nothing, NONE, "falls over an empty list"),
        },
    ),
    "08.2": Answers(
        other=with_a_set,
        wrong={
            "training places": Wrong(of_train, PLACES, "returns places in the training rows"),
            "to keep": Wrong(to_keep, PLACES, "returns what to keep"),
            "rows": Wrong(
                lambda train, test: [test[i] for i in with_a_set(train, test)],
                PLACES,
                "returns the rows themselves",
            ),
            "yes or no": Wrong(
                lambda train, test: [i in with_a_set(train, test) for i in range(len(test))],
                PLACES,
                "returns a yes or no for each row",
            ),
            "exact": Wrong(by(str), SPELLING, "compares letter by letter"),
            "case": Wrong(by(str.lower), SPELLING, "evens out the case only"),
            "blanks and case": Wrong(
                by(lambda text: text.lower().split()), SPELLING, "leaves the punctuation"
            ),
            "punctuation and case": Wrong(
                by(lambda text: re.sub(r"[.,:?!]", "", text.lower())), SPELLING, "leaves the blanks"
            ),
            "instructions": Wrong(
                by(letters_and_digits, ("instruction",)),
                "another input is another task",
                "compares instructions only",
            ),
            "replies too": Wrong(
                by(letters_and_digits, ("instruction", "input", "output")),
                "the reply does not matter",
                "compares the replies too",
            ),
            "bags": Wrong(
                by(lambda text: set(letters_and_digits(text))), ORDER, "compares bags of words"
            ),
            "no blanks": Wrong(
                by(lambda text: "".join(letters_and_digits(text))),
                ORDER,
                "takes the blanks out altogether",
            ),
        },
    ),
    "08.3": Answers(
        other=WithLinears,
        wrong={
            "transposed": Wrong(
                lora(
                    begin=lambda i, o, r: (torch.randn(i, r), torch.zeros(r, o)),
                    thin=lambda x, a, b: x @ a @ b,
                ),
                BEGINS,
                "turns the two matrices over",
            ),
            "B random": Wrong(
                lora(begin=lambda i, o, r: (torch.randn(r, i), torch.randn(o, r))),
                BEGINS,
                "begins with a random B",
            ),
            "two zeros": Wrong(
                lora(begin=lambda i, o, r: (torch.zeros(r, i), torch.zeros(o, r))),
                BEGINS,
                "begins with two zeros",
            ),
            "A zero": Wrong(
                lora(begin=lambda i, o, r: (torch.zeros(r, i), torch.randn(o, r))),
                BEGINS,
                "begins with a zero A",
            ),
            "alpha": Wrong(
                lora(scale=lambda alpha, rank: alpha),
                OUTPUT,
                "forgets to divide alpha by the rank",
            ),
            "no scale": Wrong(lora(scale=lambda alpha, rank: 1.0), OUTPUT, "leaves out the scale"),
            "rank / alpha": Wrong(
                lora(scale=lambda alpha, rank: rank / alpha), OUTPUT, "divides the rank by alpha"
            ),
            "root": Wrong(
                lora(scale=lambda alpha, rank: alpha / rank**0.5),
                OUTPUT,
                "divides by the root of the rank",
            ),
            "no bias": Wrong(
                lora(base_part=lambda base, x: x @ base.weight.T), OUTPUT, "forgets the bias"
            ),
            "no base": Wrong(lora(base_part=lambda base, x: 0), OUTPUT, "forgets the base"),
            "scale not merged": Wrong(
                lora(merged=lambda scale, a, b, weight: b @ a), MERGED, "merges without the scale"
            ),
            "transpose merged": Wrong(
                lora(merged=lambda scale, a, b, weight: scale * a.T @ b.T),
                MERGED,
                "merges the transpose",
            ),
            "merged already": Wrong(
                lora(merged=lambda scale, a, b, weight: weight + scale * b @ a),
                MERGED,
                "returns the merged matrix",
            ),
            "plain tensors": Wrong(
                lora(wrap=(torch.Tensor, torch.Tensor)), LEARN, "makes no parameters of them"
            ),
            "detached": Wrong(
                lora(thin=lambda x, a, b: x @ a.detach().T @ b.detach().T),
                LEARN,
                "cuts the gradient off",
            ),
            "B alone": Wrong(lora(wrap=(torch.Tensor, nn.Parameter)), LEARN, "lets only B learn"),
        },
    ),
    "08.4": Answers(
        other=with_zip,
        wrong={
            "Alpaca": Wrong(
                losses(lambda row, t: format_prompt(row)), ONE, "always asks in Alpaca's words"
            ),
            "whole text": Wrong(losses(format_example), ONE, "puts the reply into the prompt"),
            "instruction": Wrong(
                losses(reply="instruction"), ONE, "asks what the instruction costs"
            ),
            "a sum": Wrong(
                losses(total=lambda costs: sum(x for x, _ in costs)), ONE, "forgets to divide"
            ),
            "mean of means": Wrong(
                losses(total=lambda costs: fmean(x / n for x, n in costs)),
                SEVERAL,
                "takes the mean of the records' means",
            ),
            "by records": Wrong(
                losses(total=by_records), SEVERAL, "divides by the number of records"
            ),
            "early return": Wrong(early_return, EVERY, "returns after the first template"),
            "carried over": Wrong(carried_over, EVERY, "carries sums over to the next template"),
        },
    ),
}
