"""Exercises of lesson 01: a prompt style, the split, and rows that are too long."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from helpers.checks.exercise import Exercise, Mistake, Part
from helpers.data import split
from helpers.formatting import format_prompt

END = 50256

# --- 01.1: the Phi-3 style -----------------------------------------------------------------------

REQUESTS = (
    ("Name the opposite.", "wide", "narrow"),
    ("Write the plural.", "mouse", "mice"),
    ("Translate into French.", "the bridge", "le pont"),
    ("Which one is a metal?", "iron, paper, wood", "iron"),
)


def each(answer: Any, records: list[dict]) -> list[Any]:
    """What the answer returns for each of the records."""
    return [answer(record) for record in records]


def phi3(record: dict) -> str:
    return format_prompt(record, "phi3")


def of_each(make: Callable[[dict], str]) -> Callable[[list[dict]], list[str]]:
    """The same for a list of records."""
    return lambda records: [make(record) for record in records]


def records_with(seed: int, **changes: Any) -> tuple[list[dict]]:
    """Two requests, drawn by the seed, with these fields in place of their own."""
    rows = random.Random(seed).sample(REQUESTS, 2)
    keys = ("instruction", "input", "output")
    return ([{**dict(zip(keys, row, strict=True)), **changes} for row in rows],)


def always_with_input(record: dict) -> str:
    return f"<|user|>\n{record['instruction']}\n{record['input']}\n<|assistant|>\n"


def if_not_empty(record: dict) -> str:
    given = f"{record['input']}\n" if record["input"] else ""
    return f"<|user|>\n{record['instruction']}\n{given}<|assistant|>\n"


def marks_replaced(record: dict) -> str:
    """Fields put in one after the other: the second replacement also changes the first field."""
    text = "<|user|>\n{instruction}\n{input}\n<|assistant|>\n"
    return text.replace("{instruction}", record["instruction"]).replace("{input}", record["input"])


STYLE = Exercise(
    id="01.1",
    title="Another way to ask",
    teaches="a prompt style is nothing but fixed words around the fields",
    difficulty="easy",
    minutes=5,
    answer="phi3_prompt",
    fallback=lambda: partial(format_prompt, template="phi3"),
    fallback_name='`format_prompt(record, "phi3")` of helpers.formatting',
    parts=(
        Part(
            "a request without an input",
            arguments=lambda seed: records_with(seed, input=""),
            call=each,
            expected=of_each(phi3),
            says="Compare what came back with the example in the task, one character after the "
            "other; `print(repr(…))` shows the line breaks.",
            mistakes=(
                Mistake(
                    "no line break at the end",
                    of_each(lambda record: phi3(record).rstrip("\n")),
                    "The last line break is missing. The reply begins on a line of its own, in "
                    "training and later: end the prompt with it.",
                ),
                Mistake(
                    "gives the reply away",
                    of_each(lambda record: phi3(record) + record["output"]),
                    "Your prompt contains the reply. It must stop where the model is to begin: "
                    "leave the output out.",
                ),
                Mistake(
                    "an empty line for no input",
                    of_each(always_with_input),
                    "Where there is no input you leave an empty line. Write the input, and the "
                    "line break that belongs to it, only if there is one.",
                ),
            ),
        ),
        Part(
            "the input has a line of its own",
            arguments=records_with,
            call=each,
            expected=of_each(phi3),
            says="Now there is an input: it follows the instruction, on the next line, and nothing "
            "else changes.",
            mistakes=(
                Mistake(
                    "forgets the input",
                    of_each(lambda record: phi3({**record, "input": ""})),
                    "The input is missing from your prompt: the model would be asked about "
                    "something that it cannot see. Add it below the instruction.",
                ),
                Mistake(
                    "the input on the same line",
                    of_each(
                        lambda record: phi3(
                            {
                                "instruction": f"{record['instruction']} {record['input']}",
                                "input": "",
                            }
                        )
                    ),
                    "Instruction and input stand on one line. Put a line break between them "
                    "instead of the blank.",
                ),
            ),
        ),
        Part(
            "an input of blanks, or None, is no input",
            arguments=lambda seed: (
                [{**records_with(seed)[0][0], "input": given} for given in ("  ", "\n", None)],
            ),
            call=each,
            expected=of_each(phi3),
            says="Data files have inputs such as two blanks, or None. All of them mean that there "
            "is no input: have a look at what your function makes of each.",
            mistakes=(
                Mistake(
                    "takes blanks for an input",
                    of_each(if_not_empty),
                    "You write inputs that consist of nothing but blanks. Test what is left after "
                    "`.strip()`, and take care: None has no `strip`.",
                ),
            ),
        ),
        Part(
            "what a field says stays as it is",
            arguments=lambda seed: records_with(
                seed, instruction="What does {input} do in a text?"
            ),
            call=each,
            expected=of_each(phi3),
            says="A request may contain braces, or words such as <|user|>. Nothing in a field may "
            "be interpreted: put the pieces together with + or an f-string.",
            mistakes=(
                Mistake(
                    "fills in twice",
                    of_each(marks_replaced),
                    "This instruction contains the word {input}, and you replaced that too. Do not "
                    "search in text that holds a field already: join the pieces instead.",
                ),
            ),
        ),
    ),
)

# --- 01.2: the split -----------------------------------------------------------------------------

# Here int(), round() and int(0.05 n) all differ, and so do the sizes of test and validation.
SIZES = (27, 67, 87, 107)


def some_rows(seed: int) -> tuple[list[int]]:
    """Numbered rows, as many as the seed draws."""
    draw = random.Random(seed)
    first = draw.randrange(100, 200)
    return (list(range(first, first + draw.choice(SIZES))),)


def nth(k: int) -> Callable[..., Any]:
    """How to ask for one of the three parts; an answer that returns no three is taken as it is."""

    def call(answer: Any, rows: list) -> Any:
        parts = answer(rows)
        return list(parts[k]) if isinstance(parts, (tuple, list)) and len(parts) == 3 else parts

    return call


def right(k: int) -> Callable[[list], list]:
    return lambda rows: split(rows)[k]


def tenth(rows: list) -> int:
    return int(0.10 * len(rows))


def sizes(answer: Any, counts: list[int]) -> list[list[int]]:
    """How many rows the answer puts into each part, for these numbers of rows."""
    return [[len(part) for part in answer(list(range(n)))] for n in counts]


def tests_first(rows: list) -> list:
    return rows[: tenth(rows)]


SPLIT = Exercise(
    id="01.2",
    title="Three parts, every row once",
    teaches="a split that loses no row and shows none twice",
    difficulty="medium",
    minutes=10,
    answer="split_rows",
    fallback=lambda: split,
    fallback_name="helpers.data.split",
    parts=(
        Part(
            "train is the first 85 per cent",
            arguments=some_rows,
            call=nth(0),
            expected=right(0),
            says="Return three lists: train, test, validation. Train holds the first int(0.85 n) "
            "rows, in the order of the file.",
            mistakes=(
                Mistake(
                    "rounds to the nearest",
                    lambda rows: rows[: round(0.85 * len(rows))],
                    "Your training part has a row more: you rounded, where int() cuts off. Two "
                    "people who round differently test on different rows.",
                ),
                Mistake(
                    "85 rows instead of 85 per cent",
                    lambda rows: rows[:85],
                    "You took a fixed number of rows. Take a share of len(rows), so that the split "
                    "also fits a larger file.",
                ),
            ),
        ),
        Part(
            "test is the next 10 per cent",
            arguments=some_rows,
            call=nth(1),
            expected=right(1),
            says="The test part has int(0.10 n) rows and begins where the training part ends: use "
            "the same border for both.",
            mistakes=(
                Mistake(
                    "begins at the first row again",
                    tests_first,
                    "Your test rows are training rows: the slice begins at 0 again. A model that "
                    "has seen them will look far better than it is.",
                ),
                Mistake(
                    "shares a row with train",
                    lambda rows: rows[int(0.85 * len(rows)) - 1 :][: tenth(rows)],
                    "The last training row is a test row too. The slice a[:k] does not contain "
                    "a[k], so the next one begins at k, not at k - 1.",
                ),
                Mistake(
                    "test and validation change places",
                    right(2),
                    "That is the validation part. The order is train, test, validation, in the "
                    "file and in what you return.",
                ),
                Mistake(
                    "the end of the file is the test",
                    lambda rows: rows[-tenth(rows) :],
                    "You took the test rows from the end of the file. They come right after the "
                    "training rows; the end is for validation.",
                ),
            ),
        ),
        Part(
            "validation is all the rest",
            arguments=some_rows,
            call=nth(2),
            expected=right(2),
            says="Validation begins where the test part ends and goes on to the last row.",
            mistakes=(
                Mistake(
                    "loses the last rows",
                    lambda rows: rows[int(0.85 * len(rows)) + tenth(rows) :][
                        : int(0.05 * len(rows))
                    ],
                    "Rows at the end of the file are in no part: three numbers that are each cut "
                    "off do not add up to n. Do not compute the last size, take what is left.",
                ),
                Mistake(
                    "contains the test rows",
                    lambda rows: rows[int(0.85 * len(rows)) :],
                    "Your validation part contains the test rows. Then what you choose by "
                    "validation is chosen by the test as well: begin after both other parts.",
                ),
            ),
        ),
        Part(
            "the sizes of larger files",
            arguments=lambda seed: ([1100, 1000 + seed, 20],),
            call=sizes,
            expected=lambda counts: [[len(p) for p in split(range(n))] for n in counts],
            says="The sizes are wrong for other numbers of rows. Let all three follow from "
            "len(rows).",
        ),
    ),
)

# --- 01.3: too long ------------------------------------------------------------------------------

FIELDS = ("template", "instruction", "input", "header", "response")


def token_row(seed: int, **lengths: int) -> dict[str, list[int]]:
    """A row of made-up token ids, all different, with so many in each field."""
    draw = random.Random(seed)
    ids = iter(draw.sample(range(1000, 9000), sum(lengths.values())))
    return {field: [next(ids) for _ in range(lengths[field])] for field in FIELDS}


def rows_of(*shapes: tuple[int, ...], max_length: int) -> Callable[[int], tuple]:
    """Arguments: rows with these lengths of the five fields, and the limit."""

    def arguments(seed: int) -> tuple:
        rows = [
            token_row(100 * seed + k, **dict(zip(FIELDS, shape, strict=True)))
            for k, shape in enumerate(shapes)
        ]
        return rows, max_length

    return arguments


def whole(row: dict) -> list[int]:
    return [*(token for field in FIELDS for token in row[field]), END]


def fitted(row: dict, max_length: int, order=("input", "instruction")) -> list[int] | None:
    """The row, cut field by field from the end until it fits; None where it cannot."""
    row = dict(row)
    for field in order:
        excess = max(len(whole(row)) - max_length, 0)
        row[field] = row[field][: max(len(row[field]) - excess, 0)]
    return whole(row) if row["response"] and len(whole(row)) <= max_length else None


def kept(fit: Callable[[dict, int], list[int] | None]) -> Callable[[list, int], dict]:
    """The result of a way to fit rows: those that it could, and how many it could not."""

    def result(rows: list, max_length: int) -> dict:
        done = [fit(row, max_length) for row in rows]
        return {"rows": [r for r in done if r is not None], "dropped": done.count(None)}

    return result


def plain(answer: Any, rows: list, max_length: int) -> Any:
    """What the answer says, as a dict: it returns the rows and how many it dropped."""
    got = answer(rows, max_length)
    if isinstance(got, (tuple, list)) and len(got) == 2:
        return {"rows": got[0], "dropped": got[1]}
    return got


def start_of_input_cut(row: dict, max_length: int) -> list[int] | None:
    excess = max(len(whole(row)) - max_length, 0)
    return fitted({**row, "input": row["input"][excess:]}, max_length)


def only_the_input_cut(row: dict, max_length: int) -> list[int] | None:
    return fitted(row, max_length, order=("input",))


def response_cut(row: dict, max_length: int) -> list[int] | None:
    return fitted(row, max_length, order=("input", "instruction", "response"))


def empty_is_fine(row: dict, max_length: int) -> list[int] | None:
    row = fitted({**row, "response": row["response"] or [-1]}, max_length)
    return row and [token for token in row if token != -1]


TRUNCATION = Exercise(
    id="01.3",
    title="Too long, and still worth learning",
    teaches="what may be cut from a row that is too long, and what never",
    difficulty="hard",
    minutes=20,
    answer="fit_rows",
    parts=(
        Part(
            "a row that fits stays whole",
            arguments=rows_of((3, 4, 2, 2, 3), (3, 2, 0, 2, 4), max_length=15),
            call=plain,
            expected=kept(fitted),
            says="Both rows fit. Return (rows, dropped): each row is its five fields, one after "
            "the other, and one end token; nothing is dropped.",
            mistakes=(
                Mistake(
                    "forgets the end token",
                    kept(lambda row, max_length: whole(row)[:-1]),
                    "The end token is missing. A model that never sees it never learns to stop: "
                    "add END behind the response.",
                ),
                Mistake(
                    "no room for the last token",
                    kept(lambda row, max_length: fitted(row, max_length - 1)),
                    "One row has exactly max_length tokens, and you cut it. It fits: is your "
                    "comparison < where it should be <=, or is the end token counted twice?",
                ),
            ),
        ),
        Part(
            "the end of the input is cut first",
            arguments=rows_of((3, 4, 6, 2, 3), (3, 4, 9, 2, 3), max_length=15),
            call=plain,
            expected=kept(fitted),
            says="These rows are too long, and it is enough to shorten the input from its end, by "
            "as many tokens as there are too many. Everything else stays.",
            mistakes=(
                Mistake(
                    "cuts the end of the row",
                    kept(lambda row, max_length: whole(row)[:max_length]),
                    "You cut off the end of the row, and with it the reply and its end token: the "
                    "model would learn to break off. Shorten the input instead.",
                ),
                Mistake(
                    "cuts the start of the row",
                    kept(lambda row, max_length: whole(row)[-max_length:]),
                    "You cut off the start of the row. The reply is whole, but the row begins in "
                    "the middle of the template, as no prompt ever will.",
                ),
                Mistake(
                    "cuts the start of the input",
                    kept(start_of_input_cut),
                    "You shorten the input, but from its start. Keep the start: input[:k], not "
                    "input[k:].",
                ),
                Mistake(
                    "forgets to count the end token",
                    kept(lambda row, max_length: fitted(row, max_length + 1)),
                    "Your rows have a token more than max_length. The end token needs a place as "
                    "well: count it in before you cut.",
                ),
                Mistake(
                    "cuts the instruction first",
                    kept(partial(fitted, order=("instruction", "input"))),
                    "You shorten the instruction although there is an input to shorten. What is "
                    "to be done says more than what to do it with: cut the input first.",
                ),
            ),
        ),
        Part(
            "then the end of the instruction",
            arguments=rows_of((3, 9, 4, 2, 3), (3, 12, 0, 2, 3), max_length=15),
            call=plain,
            expected=kept(fitted),
            says="Without its input the row is still too long. Cut the end of the instruction "
            "next, by what is still too much.",
            mistakes=(
                Mistake(
                    "gives up after the input",
                    kept(only_the_input_cut),
                    "You drop rows that could be saved: when the whole input is gone, the end of "
                    "the instruction may be cut as well.",
                ),
            ),
        ),
        Part(
            "a reply that does not fit is dropped and counted",
            arguments=rows_of((3, 4, 2, 2, 12), (3, 4, 2, 2, 3), (3, 1, 0, 2, 30), max_length=15),
            call=plain,
            expected=kept(fitted),
            says="With template, header, reply and end token alone, some of these rows are too "
            "long. Leave those out, keep the others, and say how many you left out.",
            mistakes=(
                Mistake(
                    "cuts the reply",
                    kept(response_cut),
                    "You shortened a reply. Half a reply followed by the end token teaches the "
                    "model to stop in the middle: drop the row and count it.",
                ),
                Mistake(
                    "drops without counting",
                    lambda rows, n: {**kept(fitted)(rows, n), "dropped": 0},
                    "You drop the right rows, and nobody learns of it: return how many there were. "
                    "Data that disappears quietly is found out too late.",
                ),
            ),
        ),
        Part(
            "an empty reply teaches nothing",
            arguments=rows_of((3, 4, 2, 2, 0), (3, 4, 2, 2, 3), max_length=15),
            call=plain,
            expected=kept(fitted),
            says="One row has an empty reply. It fits, but there is nothing to learn from it: drop "
            "and count it like the others.",
            mistakes=(
                Mistake(
                    "keeps empty replies",
                    kept(empty_is_fine),
                    "You keep a row with an empty reply. All it teaches is to stop at once: drop "
                    "it, and count it.",
                ),
            ),
        ),
    ),
)

EXERCISES = (STYLE, SPLIT, TRUNCATION)
