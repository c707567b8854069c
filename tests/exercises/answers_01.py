"""Answers to the exercises of lesson 01, right and wrong, as a student would write them."""

from exercises import Answers, Wrong
from helpers.formatting import Template, format_prompt

END = 50256
FIELDS = ("template", "instruction", "input", "header", "response")
MINE = Template("mine", "<|user|>\n", "\n", "\n<|assistant|>\n")


# --- 01.1 ----------------------------------------------------------------------------------------


def with_a_template(record):
    return format_prompt(record, MINE)


def without_the_last_break(record):
    return with_a_template(record).strip()


def with_the_reply(record):
    return with_a_template(record) + record["output"]


def input_always(record):
    return "<|user|>\n" + record["instruction"] + "\n" + record["input"] + "\n<|assistant|>\n"


def alpaca_words(record):
    return format_prompt(record, "alpaca")


def instruction_only(record):
    return f"<|user|>\n{record['instruction']}\n<|assistant|>\n"


def on_one_line(record):
    return (
        f"<|user|>\n{record['instruction']} {record['input'] or ''}".rstrip() + "\n<|assistant|>\n"
    )


def if_there_is_something(record):
    text = f"<|user|>\n{record['instruction']}\n"
    if record["input"]:
        text += record["input"] + "\n"
    return text + "<|assistant|>\n"


def strips_none(record):
    extra = "\n" + record["input"] if record["input"].strip() else ""
    return f"<|user|>\n{record['instruction']}{extra}\n<|assistant|>\n"


def by_replacing(record):
    given = (record["input"] or "").strip()
    style = "<|user|>\n{instruction}\n{input}\n<|assistant|>\n"
    if not given:
        style = style.replace("{input}\n", "")
    return style.replace("{instruction}", record["instruction"]).replace("{input}", given)


# --- 01.2 ----------------------------------------------------------------------------------------


def split_by_index(rows):
    n = len(rows)
    train, test, validation = [], [], []
    for index, row in enumerate(rows):
        if index < n * 85 // 100:
            train.append(row)
        elif index < n * 85 // 100 + n // 10:
            test.append(row)
        else:
            validation.append(row)
    return [train, test, validation]


def splits(first, second, third):
    """A split whose parts are made by these functions of rows, int(0.85 n) and int(0.10 n)."""

    def split_rows(rows):
        a, b = int(0.85 * len(rows)), int(0.10 * len(rows))
        return tuple(part(rows, a, b) for part in (first, second, third))

    return split_rows


def train(rows, a, b):
    return rows[:a]


def test(rows, a, b):
    return rows[a : a + b]


def rest(rows, a, b):
    return rows[a + b :]


test.__test__ = False  # pytest would take it for one of its own


def all_rounded(rows):
    n = len(rows)
    a, b = round(0.85 * n), round(0.10 * n)
    return rows[:a], rows[a : a + b], rows[a + b :]


def reversed_order(rows):
    return splits(train, test, rest)(rows[::-1])


# --- 01.3 ----------------------------------------------------------------------------------------


def joined(row):
    return [token for field in FIELDS for token in row[field]] + [END]


def pop_until_it_fits(rows, max_length):
    """Takes one token away at a time, as often as it has to."""
    done, dropped = [], 0
    for row in rows:
        row = {field: list(row[field]) for field in FIELDS}
        while len(joined(row)) > max_length and (row["input"] or row["instruction"]):
            (row["input"] or row["instruction"]).pop()
        if row["response"] and len(joined(row)) <= max_length:
            done.append(joined(row))
        else:
            dropped += 1
    return [done, dropped]


def fitting(
    shorten, end=(END,), keep=lambda row, ids, limit: row["response"] and len(ids) <= limit
):
    """An answer that joins what `shorten` leaves of a row, and keeps the row if `keep` says so."""

    def fit_rows(rows, max_length):
        done = []
        for row in rows:
            short = shorten(row, max_length)
            ids = [token for field in FIELDS for token in short[field]] + list(end)
            if keep(short, ids, max_length):
                done.append(ids)
        return done, len(rows) - len(done)

    return fit_rows


def shorten(row, max_length, order=("input", "instruction")):
    row = dict(row)
    for field in order:
        room = max_length - 1 - sum(len(row[other]) for other in FIELDS if other != field)
        row[field] = row[field][: max(room, 0)]
    return row


def one_too_few(row, max_length):
    return shorten(row, max_length - 1)


def one_too_many(row, max_length):
    return shorten(row, max_length + 1)


def instruction_first(row, max_length):
    return shorten(row, max_length, ("instruction", "input"))


def input_only(row, max_length):
    return shorten(row, max_length, ("input",))


def reply_as_well(row, max_length):
    return shorten(row, max_length, ("input", "instruction", "response"))


def input_from_its_start(row, max_length):
    excess = max(sum(len(row[field]) for field in FIELDS) + 1 - max_length, 0)
    return shorten({**row, "input": row["input"][excess:]}, max_length)


def cut_at_the_end(rows, max_length):
    return [joined(row)[:max_length] for row in rows], 0


def cut_at_the_start(rows, max_length):
    return [joined(row)[-max_length:] for row in rows], 0


def never_counts(rows, max_length):
    return pop_until_it_fits(rows, max_length)[0], 0


def keeps_empty(row, ids, limit):
    return len(ids) <= limit


def for_ever(rows, max_length):
    row = rows[0]
    while sum(len(row[field]) for field in FIELDS) + 1 >= max_length:
        row = dict(row)
    return rows, 0


WHOLE, INPUT, INSTRUCTION, REPLY, EMPTY = (
    "a row that fits stays whole",
    "the end of the input is cut first",
    "then the end of the instruction",
    "a reply that does not fit is dropped and counted",
    "an empty reply teaches nothing",
)
FIRST, SECOND, THIRD = (
    "train is the first 85 per cent",
    "test is the next 10 per cent",
    "validation is all the rest",
)

ANSWERS = {
    "01.1": Answers(
        other=with_a_template,
        wrong={
            "strips the last line break": Wrong(
                without_the_last_break, "a request without an input", "no line break at the end"
            ),
            "adds the reply": Wrong(
                with_the_reply, "a request without an input", "gives the reply away"
            ),
            "always writes the input": Wrong(
                input_always, "a request without an input", "an empty line for no input"
            ),
            "stays with Alpaca": Wrong(
                alpaca_words, "a request without an input", says="one character after the other"
            ),
            "leaves the input out": Wrong(
                instruction_only, "the input has a line of its own", "forgets the input"
            ),
            "writes one line": Wrong(
                on_one_line, "the input has a line of its own", "the input on the same line"
            ),
            "tests for an empty text": Wrong(
                if_there_is_something,
                "an input of blanks, or None, is no input",
                "takes blanks for an input",
            ),
            "strips None": Wrong(
                strips_none,
                "an input of blanks, or None, is no input",
                says="AttributeError",
                verdict="error",
            ),
            "replaces marks": Wrong(
                by_replacing, "what a field says stays as it is", "fills in twice"
            ),
        },
    ),
    "01.2": Answers(
        other=split_by_index,
        wrong={
            "rounds": Wrong(all_rounded, FIRST, "rounds to the nearest"),
            "85 rows": Wrong(
                splits(lambda rows, a, b: rows[:85], test, rest),
                FIRST,
                "85 rows instead of 85 per cent",
            ),
            "turns the file round": Wrong(reversed_order, FIRST, says="in the order of the file"),
            "starts again": Wrong(
                splits(train, lambda rows, a, b: rows[:b], rest),
                SECOND,
                "begins at the first row again",
            ),
            "overlaps by one": Wrong(
                splits(train, lambda rows, a, b: rows[a - 1 : a - 1 + b], rest),
                SECOND,
                "shares a row with train",
            ),
            "validation before test": Wrong(
                splits(train, rest, test), SECOND, "test and validation change places"
            ),
            "test at the end": Wrong(
                splits(train, lambda rows, a, b: rows[-b:], rest),
                SECOND,
                "the end of the file is the test",
            ),
            "cuts off all three": Wrong(
                splits(train, test, lambda rows, a, b: rows[a + b : a + b + int(0.05 * len(rows))]),
                THIRD,
                "loses the last rows",
            ),
            "test is part of validation": Wrong(
                splits(train, test, lambda rows, a, b: rows[a:]), THIRD, "contains the test rows"
            ),
        },
    ),
    "01.3": Answers(
        other=pop_until_it_fits,
        wrong={
            "no end": Wrong(fitting(shorten, end=()), WHOLE, "forgets the end token"),
            "counts the end twice": Wrong(
                fitting(one_too_few), WHOLE, "no room for the last token"
            ),
            "never ends": Wrong(for_ever, WHOLE, says="never ends", verdict="time-out"),
            "cuts the end of the row": Wrong(cut_at_the_end, INPUT, "cuts the end of the row"),
            "cuts the start of the row": Wrong(
                cut_at_the_start, INPUT, "cuts the start of the row"
            ),
            "keeps the end of the input": Wrong(
                fitting(input_from_its_start), INPUT, "cuts the start of the input"
            ),
            "one too many": Wrong(
                fitting(one_too_many, keep=lambda row, ids, n: row["response"]),
                INPUT,
                "forgets to count the end token",
            ),
            "instruction first": Wrong(
                fitting(instruction_first), INPUT, "cuts the instruction first"
            ),
            "input only": Wrong(fitting(input_only), INSTRUCTION, "gives up after the input"),
            "shortens replies": Wrong(fitting(reply_as_well), REPLY, "cuts the reply"),
            "counts nothing": Wrong(never_counts, REPLY, "drops without counting"),
            "keeps empty replies": Wrong(
                fitting(shorten, keep=keeps_empty), EMPTY, "keeps empty replies"
            ),
        },
    ),
}
