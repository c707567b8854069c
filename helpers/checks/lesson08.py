"""The exercises of lesson 08: a learning rate, leaks between splits, LoRA, and other templates."""

from __future__ import annotations

import math
import random
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from helpers.checks.exercise import Exercise, Mistake, Part
from helpers.data import words
from helpers.formatting import format_example, format_prompt
from helpers.lora import LoRALinear

# --- 08.1: the rate that validation prefers -------------------------------------------------------

Run = dict[str, float]  # lr, and the losses train, validation and test (NaN: it diverged)
RATES = (5e-5, 1e-4, 2e-4, 4e-4, 8e-4)


def best_rate(runs: Sequence[Run]) -> float | None:
    """The rate with the lowest finite validation loss, the smaller one of equals."""
    finite = [run for run in runs if math.isfinite(run["validation"])]
    best = min(finite, key=lambda run: (run["validation"], run["lr"]), default=None)
    return None if best is None else best["lr"]


def _lowest(kind: str) -> Callable[[Sequence[Run]], float]:
    return lambda runs: min(runs, key=lambda run: run[kind])["lr"]


def _runs(seed: int) -> list[Run]:
    """Five runs; training, validation and test losses are lowest at different rates."""
    draw = random.Random(seed)
    rates = draw.sample(RATES, 5)
    by_place = {  # the lowest of each kind stands at another place, and so does the highest
        "train": [1.9, 1.7, 1.2, 1.6, 1.5],
        "validation": [2.6, 1.8, 2.1, 2.3, 2.0],
        "test": [2.2, 2.1, 2.3, 2.5, 1.7],
    }
    jitter = draw.random() / 20
    return [
        {"lr": rate, **{kind: round(losses[i] + jitter, 3) for kind, losses in by_place.items()}}
        for i, rate in enumerate(rates)
    ]


def _one_diverged(seed: int) -> tuple[list[Run]]:
    runs = _runs(seed)
    runs[0]["validation"] = math.nan
    runs[3]["validation"] = math.inf
    return (runs,)


def _three_equal(seed: int) -> tuple[list[Run]]:
    """The smallest of the three rates that tie stands between the two others."""
    runs = _runs(seed)
    for run, lr in zip(runs, (4e-4, 2e-4, 8e-4, 5e-5, 1e-4), strict=True):
        run["lr"] = lr
        run["validation"] = 1.5 if lr >= 2e-4 else 2.5
    return (runs,)


def _all_diverged(seed: int) -> tuple[list[Run]]:
    return ([{**run, "validation": math.nan} for run in _runs(seed)[: 2 + seed % 3]],)


def or_its_error(answer: Callable, runs: Sequence[Run]) -> Any:
    """What the answer returns, or the name of the ValueError that it raises."""
    try:
        return answer(runs)
    except ValueError:
        return "ValueError"


BEST_RATE = Exercise(
    id="08.1",
    title="Which learning rate?",
    teaches="that a setting is chosen on validation, and that the test set is for telling",
    difficulty="easy",
    minutes=10,
    answer="best_rate",
    fallback=lambda: best_rate,
    fallback_name="the course's own",
    parts=(
        Part(
            "the lowest validation loss decides",
            lambda seed: (_runs(seed),),
            best_rate,
            'Return the "lr" of the run whose "validation" is lowest.',
            (
                Mistake(
                    "chooses on the test set",
                    _lowest("test"),
                    "You chose by the test loss. Then nothing is left to test with: the number you "
                    "would report is the best of several tries. Choose by validation.",
                ),
                Mistake(
                    "chooses by the training loss",
                    _lowest("train"),
                    "You chose by the training loss, which falls even where a model only learns "
                    "its rows by heart. Choose by validation.",
                ),
                Mistake(
                    "takes the highest loss",
                    lambda runs: max(runs, key=lambda run: run["validation"])["lr"],
                    "You took the highest loss. A loss is better when it is lower.",
                ),
                Mistake(
                    "returns the loss",
                    lambda runs: min(run["validation"] for run in runs),
                    "That is the lowest loss itself. We want to know which learning rate led to it.",
                ),
                Mistake(
                    "returns the place in the list",
                    lambda runs: [run["lr"] for run in runs].index(best_rate(runs)),
                    "That is where the best run stands in the list. Return its learning rate.",
                ),
            ),
        ),
        Part(
            "a run that diverged is no candidate",
            _one_diverged,
            best_rate,
            "Leave out the runs whose validation loss is not finite: math.isfinite tells.",
            (
                Mistake(
                    "chooses the run that diverged",
                    lambda runs: runs[0]["lr"],
                    "You chose a run whose loss is NaN. NaN is neither smaller nor larger than "
                    "anything, and so `min` keeps it when it comes first. Leave such runs out.",
                ),
                Mistake(
                    "gives up as soon as one run diverged",
                    lambda runs: None,
                    "You return None because one run diverged. The others are as good as before.",
                ),
            ),
        ),
        Part(
            "of equal losses the smaller rate wins",
            _three_equal,
            best_rate,
            "Three runs are equally good. Take the smallest rate among them.",
            (
                Mistake(
                    "takes the first of equals",
                    lambda runs: runs[0]["lr"],
                    "You take whichever of equals comes first, so your choice depends on the order "
                    "of the list. Compare pairs: the loss, then the rate.",
                ),
                Mistake(
                    "takes the largest of equals",
                    lambda runs: runs[2]["lr"],
                    "Of equals you take the largest rate. The smaller one is further from where "
                    "training breaks: take that.",
                ),
            ),
        ),
        Part(
            "when all diverged, there is none",
            _all_diverged,
            best_rate,
            "No run is left: return None.",
            (
                Mistake(
                    "recommends a rate that diverged",
                    lambda runs: runs[0]["lr"],
                    "You recommend a rate although every run diverged. Return None: that is news, "
                    "and somebody should read it.",
                ),
                Mistake(
                    "falls over an empty list",
                    lambda runs: "ValueError",
                    "Your code raises a ValueError: it looks for the smallest of nothing. Treat "
                    "that case first; min also has a `default`.",
                ),
            ),
            call=or_its_error,
        ),
    ),
)

# --- 08.2: test rows that were trained on ---------------------------------------------------------

Records = Sequence[dict]
TASKS = (
    ("Name the opposite.", "wide", "narrow"),
    ("Write the plural.", "mouse", "mice"),
    ("Translate into French.", "the bridge", "le pont"),
    ("What is the capital of Norway?", "", "Oslo"),
    ("Spell the word backwards.", "lamp", "pmal"),
    ("Which season comes after spring?", "", "Summer."),
    ("Which one is a metal?", "iron, paper, wood", "iron"),
    ("How many legs has a spider?", "", "Eight."),
)


def leaked(train: Records, test: Records) -> list[int]:
    """Places of the test rows whose task, by its words, is in the training rows too."""
    return _found(train, test, lambda row: (words(row["instruction"]), words(row["input"])))


def _found(train: Records, test: Records, key: Callable[[dict], Any]) -> list[int]:
    known = [key(row) for row in train]
    return [i for i, row in enumerate(test) if key(row) in known]


def _keyed(key: Callable[[dict], Any]) -> Callable[[Records, Records], list[int]]:
    """The mistake of comparing by another key."""
    return lambda train, test: _found(train, test, key)


def _task(row: dict, change: Callable[[str], str]) -> tuple[str, str]:
    return change(row["instruction"]), change(row["input"])


def _training_places(train: Records, test: Records) -> list[int]:
    leaks = [test[i] for i in leaked(train, test)]
    return [next(j for j, row in enumerate(train) if leaked([row], [leak])) for leak in leaks]


def _record(task: tuple[str, str, str], **changes: str) -> dict[str, str]:
    return {**dict(zip(("instruction", "input", "output"), task, strict=True)), **changes}


def _drawn(seed: int, n: int = 8) -> list[dict[str, str]]:
    return [_record(task) for task in random.Random(seed).sample(TASKS, n)]


def _copies(seed: int) -> tuple[list, list]:
    """Test rows 1 and 3 stand in the training rows at places 4 and 0."""
    rows = _drawn(seed)
    return rows[:5], [rows[5], rows[4], rows[6], rows[0], rows[7]]


def _respelt(seed: int) -> tuple[list, list]:
    """The same three tasks in other spellings, and a new one."""
    rows = _drawn(seed)
    shout = {key: text.upper() for key, text in rows[0].items()}
    said = {**rows[1], "instruction": rows[1]["instruction"].rstrip(".?") + "!"}
    spaced = {**rows[2], "instruction": rows[2]["instruction"].replace(" ", "  ")}
    return rows[:5], [shout, said, spaced, rows[6]]


def _other_inputs(seed: int) -> tuple[list, list]:
    task = ("Name the opposite.", "wide", "narrow")
    rows = [row for row in _drawn(seed) if row["instruction"] != task[0]]
    train = [_record(task), *rows[:3]]
    return train, [_record(task, input="tall", output="short"), rows[4], rows[1]]


def _other_answers(seed: int) -> tuple[list, list]:
    rows = _drawn(seed)
    return rows[:4], [rows[5], {**rows[2], "output": "I am not sure."}, rows[6]]


def _same_words(seed: int) -> tuple[list, list]:
    """New tasks that use the words, or the letters, of old ones; the last one is a copy."""
    rows = _drawn(seed)
    old = [_record((text, "", "2")) for text in ("Subtract 3 from 5.", "Sort: 1, 23")]
    new = [_record((text, "", "-2")) for text in ("Subtract 5 from 3.", "Sort: 12, 3")]
    return [*rows[:3], *old], [*new, rows[1]]


LEAKED = Exercise(
    id="08.2",
    title="Was it in the training set?",
    teaches="that the same task in another spelling is still the same task",
    difficulty="medium",
    minutes=15,
    answer="leaked",
    fallback=lambda: leaked,
    fallback_name="made of helpers.data.words",
    parts=(
        Part(
            "the places of the test rows",
            _copies,
            leaked,
            "Return a list: the places, counted from 0, of the *test* rows that are in train too.",
            (
                Mistake(
                    "returns places in the training rows",
                    lambda train, test: sorted(_training_places(train, test)),
                    "Those are places in the training rows. It is the test set that can no longer "
                    "be trusted, so its rows are to go: return where they stand there.",
                ),
                Mistake(
                    "returns places in the training rows",
                    _training_places,
                    "Those are places in the training rows. It is the test set that can no longer "
                    "be trusted, so its rows are to go: return where they stand there.",
                ),
                Mistake(
                    "returns what to keep",
                    lambda train, test: [
                        i for i in range(len(test)) if i not in leaked(train, test)
                    ],
                    "Those are the test rows to keep. Return the others, which are to be dropped.",
                ),
                Mistake(
                    "returns the rows themselves",
                    lambda train, test: [test[i] for i in leaked(train, test)],
                    "You return the rows. Return where they stand in the test set, counted from 0: "
                    "`enumerate` gives both.",
                ),
                Mistake(
                    "returns a yes or no for each row",
                    lambda train, test: [i in leaked(train, test) for i in range(len(test))],
                    "You return True or False for every row. Return the places of those that are "
                    "True.",
                ),
            ),
        ),
        Part(
            "case, punctuation and blanks do not matter",
            _respelt,
            leaked,
            "Compare the words only: lower case, without punctuation, whatever stands between them.",
            (
                Mistake(
                    "compares letter by letter",
                    _keyed(lambda row: (row["instruction"], row["input"])),
                    "You find exact copies only. To a model, NAME THE OPPOSITE is no new task. "
                    "Bring every text into one form before you compare.",
                ),
                Mistake(
                    "evens out the case only",
                    _keyed(lambda row: _task(row, str.lower)),
                    "Upper case does not fool you any more. A missing full stop and a second blank "
                    "still do.",
                ),
                Mistake(
                    "leaves the punctuation",
                    _keyed(lambda row: _task(row, lambda t: " ".join(t.lower().split()))),
                    "You even out case and blanks, but a different mark at the end makes it another "
                    "text to you. Take the punctuation away as well.",
                ),
                Mistake(
                    "leaves the blanks",
                    _keyed(lambda row: _task(row, lambda t: re.sub(r"[^\w\s]", "", t.lower()))),
                    "Case and punctuation are gone, but two blanks in a row still make another "
                    'text. `" ".join(text.split())` leaves one.',
                ),
            ),
        ),
        Part(
            "another input is another task",
            _other_inputs,
            leaked,
            "A task is its instruction together with its input.",
            (
                Mistake(
                    "compares instructions only",
                    _keyed(lambda row: words(row["instruction"])),
                    "You look at the instruction only. The opposite of tall is not the opposite of "
                    "wide: you would throw away most of a good test set.",
                ),
            ),
        ),
        Part(
            "the reply does not matter",
            _other_answers,
            leaked,
            "What was asked decides, whatever the answer.",
            (
                Mistake(
                    "compares the replies too",
                    _keyed(lambda row: [words(text) for text in row.values()]),
                    "You miss a row that asks the same and has another answer. The model has seen "
                    "the question: leave the output out of the comparison.",
                ),
            ),
        ),
        Part(
            "words have an order, and borders",
            _same_words,
            leaked,
            "Keep the order of the words, and something between them.",
            (
                Mistake(
                    "compares bags of words",
                    _keyed(lambda row: sorted(words(row["instruction"] + " " + row["input"]))),
                    "You compare which words occur. 3 from 5 and 5 from 3 have the same words and "
                    "are two tasks: keep their order.",
                ),
                Mistake(
                    "takes the blanks out altogether",
                    _keyed(lambda row: ["".join(words(row[k])) for k in ("instruction", "input")]),
                    "Without any blanks, `1, 23` and `12, 3` are the same to you. Leave one between "
                    "two words.",
                ),
            ),
        ),
    ),
)

# --- 08.3: LoRA -----------------------------------------------------------------------------------

N_IN, N_OUT, RANK, ALPHA = 5, 3, 2, 8.0


def _tensors(seed: int) -> tuple:
    """weight, bias, A, B and x, in quarters; sizes that no swapped axis can pass."""
    generator = torch.Generator().manual_seed(80 + seed)
    shapes = [(N_OUT, N_IN), (N_OUT,), (RANK, N_IN), (N_OUT, RANK), (2, N_IN)]
    return tuple((4 * torch.randn(s, generator=generator)).round() / 4 for s in shapes)


def _layer(make: Callable, weight, bias, a=None, b=None) -> Any:
    """A layer of the student's class around a linear one, with these matrices if given."""
    base = nn.Linear(N_IN, N_OUT)
    base.weight.data, base.bias.data = weight.clone(), bias.clone()
    layer = make(base, RANK, ALPHA)
    if a is not None:
        layer.lora_A.data, layer.lora_B.data = a.clone(), b.clone()
    return layer


def at_the_start(make: Callable, weight, bias, a, b, x) -> dict[str, Any]:
    """Shapes of a new layer's two matrices, and whether they are zero."""
    layer = _layer(make, weight, bias)
    return _start(
        list(layer.lora_A.shape),
        list(layer.lora_B.shape),
        bool((layer.lora_A == 0).all()),
        bool((layer.lora_B == 0).all()),
    )


def _start(a=(RANK, N_IN), b=(N_OUT, RANK), a_zero=False, b_zero=True) -> dict:
    return {
        "shape of lora_A": list(a),
        "shape of lora_B": list(b),
        "lora_A is zero": a_zero,
        "lora_B is zero": b_zero,
    }


def forward(make: Callable, weight, bias, a, b, x) -> torch.Tensor:
    return _layer(make, weight, bias, a, b)(x).detach()


def correction(make: Callable, weight, bias, a, b, x) -> torch.Tensor:
    return _layer(make, weight, bias, a, b).correction().detach()


def what_learns(make: Callable, weight, bias, a, b, x) -> dict[str, list[str]]:
    """Which of the matrices an optimiser would be given, and which get a gradient."""
    layer = _layer(make, weight, bias, a, b)
    y = layer(x)
    if y.requires_grad:
        y.square().sum().backward()
    named = {"lora_A": layer.lora_A, "lora_B": layer.lora_B}
    return {
        "parameters": [name for name in named if name in dict(layer.named_parameters())],
        "with a gradient": [name for name, m in named.items() if m.grad is not None],
    }


def _lora(scale: float, *, bias_too: bool = True, base_too: float = 1.0) -> Callable:
    """The forward pass with another scale, or without a part of it."""

    def gives(weight, bias, a, b, x):
        y = base_too * F.linear(x, weight, bias if bias_too else None)
        return y + scale * F.linear(F.linear(x, a), b)

    return gives


def _learns(parameters: Sequence[str], gradients: Sequence[str]) -> Callable:
    return lambda *tensors: {"parameters": list(parameters), "with a gradient": list(gradients)}


BOTH = ("lora_A", "lora_B")

LORA = Exercise(
    id="08.3",
    title="A small correction beside a large matrix",
    teaches="what LoRA computes, how it begins, and what its scale is",
    difficulty="hard",
    minutes=25,
    answer="LoRALinear",
    fallback=lambda: LoRALinear,
    fallback_name="helpers.lora.LoRALinear",
    parts=(
        Part(
            "it begins as the layer that it corrects",
            _tensors,
            lambda *tensors: _start(),
            "lora_A is (rank, in) and random, lora_B is (out, rank) and all zeros.",
            (
                Mistake(
                    "turns the two matrices over",
                    lambda *tensors: _start((N_IN, RANK), (RANK, N_OUT)),
                    "Your matrices are transposed. As in nn.Linear the outputs come first: lora_A "
                    "is (rank, in), lora_B is (out, rank).",
                ),
                Mistake(
                    "begins with a random B",
                    lambda *tensors: _start(b_zero=False),
                    "With a random B your layer computes something else from the start, so training "
                    "would begin at a damaged model. Let lora_B be zero: then the correction is.",
                ),
                Mistake(
                    "begins with two zeros",
                    lambda *tensors: _start(a_zero=True),
                    "Both are zero. The gradient of each is a multiple of the other, so both "
                    "would stay zero for ever. Let lora_A be random.",
                ),
                Mistake(
                    "begins with a zero A",
                    lambda *tensors: _start(a_zero=True, b_zero=False),
                    "It would work with A at zero as well, but the convention, and every file of "
                    "such a correction, has it the other way: A random, B zero.",
                ),
            ),
            call=at_the_start,
        ),
        Part(
            "the output is the base's, plus alpha / rank times B A x",
            _tensors,
            _lora(ALPHA / RANK),
            "Three things are added: W x, the bias, and alpha / rank · B A x.",
            (
                Mistake(
                    "forgets to divide alpha by the rank",
                    _lora(ALPHA),
                    "You multiply by alpha. Divided by the rank, the correction keeps its size "
                    "when you try another rank, and so the learning rate may stay.",
                ),
                Mistake(
                    "leaves out the scale",
                    _lora(1.0),
                    "You add B A x as it is. Multiply it by alpha / rank.",
                ),
                Mistake(
                    "divides the rank by alpha",
                    _lora(RANK / ALPHA),
                    "Your scale is upside down: it is alpha / rank.",
                ),
                Mistake(
                    "divides by the root of the rank",
                    _lora(ALPHA / math.sqrt(RANK)),
                    "You divide by √rank. There is such a variant (rsLoRA); here it is the rank "
                    "itself.",
                ),
                Mistake(
                    "forgets the bias",
                    _lora(ALPHA / RANK, bias_too=False),
                    "The bias is missing. Let the base layer compute its part: self.base(x).",
                ),
                Mistake(
                    "forgets the base",
                    lambda weight, bias, a, b, x: ALPHA / RANK * F.linear(F.linear(x, a), b),
                    "You return the correction alone. It is added to what the base computes.",
                ),
            ),
            call=forward,
        ),
        Part(
            "the correction can be merged into the matrix",
            _tensors,
            lambda weight, bias, a, b, x: ALPHA / RANK * b @ a,
            "correction() returns the matrix that could be added to W: alpha / rank · B A.",
            (
                Mistake(
                    "merges without the scale",
                    lambda weight, bias, a, b, x: b @ a,
                    "Your matrix is B A without the scale. Merged, the model would compute "
                    "something else than before: multiply by alpha / rank here too.",
                ),
                Mistake(
                    "merges the transpose",
                    lambda weight, bias, a, b, x: (ALPHA / RANK * b @ a).T,
                    "Your matrix is (in, out), and W is (out, in): it is B A, not its transpose.",
                ),
                Mistake(
                    "returns the merged matrix",
                    lambda weight, bias, a, b, x: weight + ALPHA / RANK * b @ a,
                    "That is the merged matrix already. Return only what would be added to W.",
                ),
            ),
            call=correction,
        ),
        Part(
            "both thin matrices learn",
            _tensors,
            _learns(BOTH, BOTH),
            "An optimiser finds what is an nn.Parameter; gradients must get to both matrices.",
            (
                Mistake(
                    "makes no parameters of them",
                    _learns((), ()),
                    "Your matrices are plain tensors. No optimiser would find them, and the loss "
                    "would never move. Wrap each in nn.Parameter(…).",
                ),
                Mistake(
                    "cuts the gradient off",
                    _learns(BOTH, ()),
                    "They are parameters, but no gradient gets to them: something in forward "
                    "(`.data`, `.detach()`, `no_grad`) cuts it off.",
                ),
                Mistake(
                    "lets only B learn",
                    _learns(("lora_B",), ("lora_B",)),
                    "lora_A is no parameter. Random, and never trained, it would choose for you in "
                    "which directions the model may change. Wrap it in nn.Parameter as well.",
                ),
            ),
            call=what_learns,
        ),
    ),
)

# --- 08.4: another template than the one it was tuned with ----------------------------------------

STYLES = ("alpaca", "phi3", "plain")


def pretend_cost(prompt: str, response: str) -> tuple[float, int]:
    """Nats and tokens of a reply under a model that does not exist, the same for the same texts."""
    n = len(response.split()) + 1
    return n * (0.5 + zlib.crc32(f"{prompt}→{response}".encode()) % 1000 / 400), n


def with_costs(answer: Callable, records: Records, templates: Sequence[str]) -> Any:
    """What the answer makes of the records with `pretend_cost`."""
    return answer(pretend_cost, records, templates)


def losses_by_template(
    cost: Callable[[str, str], tuple[float, int]], records: Records, templates: Sequence[str]
) -> dict[str, float]:
    """Template → nats per token of the replies after prompts in that template."""
    found = {}
    for template in templates:
        costs = [cost(format_prompt(row, template), row["output"]) for row in records]
        found[template] = sum(nats for nats, _ in costs) / sum(n for _, n in costs)
    return found


def _losses(records: Records, templates: Sequence[str]) -> dict[str, float]:
    return losses_by_template(pretend_cost, records, templates)


def _otherwise(
    prompt: Callable[[dict, str], str] = format_prompt,
    reply: Callable[[dict], str] = lambda row: row["output"],
    total: Callable[[list], float] = lambda costs: (
        sum(x for x, _ in costs) / sum(n for _, n in costs)
    ),
) -> Callable:
    """The mistake of taking another prompt or reply, or of summing up in another way."""

    def gives(records: Records, templates: Sequence[str]) -> dict[str, float]:
        return {
            t: total([pretend_cost(prompt(row, t), reply(row)) for row in records])
            for t in templates
        }

    return gives


def _carried_over(records: Records, templates: Sequence[str]) -> dict[str, float]:
    found, nats, tokens = {}, 0.0, 0
    for template in templates:
        costs = [pretend_cost(format_prompt(row, template), row["output"]) for row in records]
        nats, tokens = nats + sum(x for x, _ in costs), tokens + sum(n for _, n in costs)
        found[template] = nats / tokens
    return found


def _long_and_short(seed: int) -> tuple[list, list]:
    rows = _drawn(seed, 4)
    rows[0]["output"] = "One. " * (5 + seed % 3)
    return rows, ["phi3"]


TEMPLATES = Exercise(
    id="08.4",
    title="Trained in one language, asked in another",
    teaches="what becomes of a tuned model that is asked in words it was not tuned with",
    difficulty="open",
    minutes=30,
    answer="losses_by_template",
    fallback=lambda: losses_by_template,
    fallback_name="made of helpers.formatting.format_prompt",
    parts=(
        Part(
            "one record, in the template that was asked for",
            lambda seed: (_drawn(seed, 1), ["phi3"]),
            _losses,
            "Make the prompt with format_prompt(record, template), give it to cost with the "
            "record's output, and divide the nats by the tokens.",
            (
                Mistake(
                    "always asks in Alpaca's words",
                    _otherwise(lambda row, t: format_prompt(row)),
                    "You format every prompt in the same words. Without a second argument "
                    "format_prompt takes Alpaca's: hand the template on to it.",
                ),
                Mistake(
                    "puts the reply into the prompt",
                    _otherwise(format_example),
                    "Your prompt holds the reply already, so the model only has to copy. "
                    "format_prompt stops where the reply begins; format_example does not.",
                ),
                Mistake(
                    "asks what the instruction costs",
                    _otherwise(reply=lambda row: row["instruction"]),
                    "You ask what the instruction costs after the prompt. It is the *output* that "
                    "the model should find likely.",
                ),
                Mistake(
                    "forgets to divide",
                    _otherwise(total=lambda costs: sum(x for x, _ in costs)),
                    "That is a sum of nats. Divide by the number of tokens.",
                ),
            ),
            call=with_costs,
        ),
        Part(
            "several records: one sum, divided once",
            _long_and_short,
            _losses,
            "Add up the nats of all records, add up their tokens, divide at the end.",
            (
                Mistake(
                    "takes the mean of the records' means",
                    _otherwise(total=lambda costs: sum(x / n for x, n in costs) / len(costs)),
                    "You average the records' own means. A reply of one word then counts as much "
                    "as a long one. Sum both first.",
                ),
                Mistake(
                    "divides by the number of records",
                    _otherwise(
                        total=lambda costs: (
                            costs[0][0] / costs[0][1]
                            if len(costs) == 1
                            else sum(x for x, _ in costs) / len(costs)
                        )
                    ),
                    "You divide by the number of records. We want nats per token.",
                ),
            ),
            call=with_costs,
        ),
        Part(
            "every template on its own",
            lambda seed: (_drawn(seed, 3), list(STYLES)),
            _losses,
            "The dict has a loss for every template, each from sums of its own.",
            (
                Mistake(
                    "returns after the first template",
                    lambda records, templates: _losses(records, templates[:1]),
                    "Only the first template is there: your `return` stands inside the loop. Move "
                    "it to the left.",
                ),
                Mistake(
                    "carries sums over to the next template",
                    _carried_over,
                    "From the second template on your losses hold those before. Begin both sums at "
                    "0 for every template: *inside* the outer loop.",
                ),
            ),
            call=with_costs,
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (BEST_RATE, LEAKED, LORA, TEMPLATES)
