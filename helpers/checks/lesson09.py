"""The exercises of lesson 09: a race, Amdahl's law, and the places and the mask of a packed batch."""

from __future__ import annotations

import random
from math import prod
from statistics import mean, median

import torch

from helpers.checks.asking import nth
from helpers.checks.exercise import Exercise, Mistake, Part, call_it

# --- 09.1 a race ---------------------------------------------------------------------------------


def turns(ratios: tuple[float, ...], fast: list[float]) -> tuple[list[float], list[float]]:
    """(slow, fast): seconds in each turn, as a clock would show them, with about these ratios."""
    fast = [round(seconds, 2) for seconds in fast]
    return [round(r * s, 2) for r, s in zip(ratios, fast, strict=True)], fast


def one_turn(seed: int) -> tuple:
    return turns((3.0,), [1 + 0.4 * random.Random(seed).random()])


def five_turns(seed: int) -> tuple:
    """A machine that gets slower all the time, and ratios that have nothing to do with that."""
    source = random.Random(seed)
    return turns((4.0, 1.5, 1.2, 2.6, 1.9), [n + 0.1 * source.random() for n in (1, 2, 3, 4, 5)])


def three_races(seed: int) -> tuple:
    """One that is won, one that is open although its median is above 1, and one that is lost."""
    source = random.Random(seed)
    fast = [1 + source.random() for _ in range(3)]
    races = ((1.2, 1.3, 1.5), (0.9, 1.2, 1.3), (0.6, 0.7, 0.9))
    return ([turns(ratios, fast) for ratios in races],)


def ratios(slow, fast) -> list[float]:
    return [a / b for a, b in zip(slow, fast, strict=True)]


def smallest_and_largest(answer, slow, fast):
    got = call_it(answer, slow, fast)
    return list(got[1:3]) if isinstance(got, (tuple, list)) and len(got) == 4 else got


def verdicts(answer, races):
    """What the answer says of each race, its last value."""
    return [nth(3, 4)(answer, slow, fast) for slow, fast in races]


RACE = Exercise(
    id="09.1",
    title="Who was faster?",
    teaches="reading a race: ratios turn by turn, their median and their range",
    difficulty="easy",
    minutes=10,
    answer="race_result",
    parts=(
        Part(
            "how many times as fast",
            one_turn,
            lambda slow, fast: ratios(slow, fast)[0],
            "Return four values; the first is how many times as fast `fast` was. With one turn "
            "that is the slow one's seconds divided by the fast one's.",
            (
                Mistake(
                    "upside down",
                    lambda slow, fast: fast[0] / slow[0],
                    "Your ratio is upside down. Who needs a third of the seconds is 3 times as "
                    "fast: divide the slow time by the fast one.",
                ),
                Mistake(
                    "a difference",
                    lambda slow, fast: slow[0] - fast[0],
                    "You subtract. Seconds saved depend on how much was to do; how many times as "
                    "fast does not. Divide.",
                ),
                Mistake(
                    "the share saved",
                    lambda slow, fast: 1 - fast[0] / slow[0],
                    "You return the share of the time that is saved. Asked was how many times as "
                    "fast: slow divided by fast.",
                ),
            ),
            nth(0, 4),
        ),
        Part(
            "the median of the turns",
            five_turns,
            lambda slow, fast: median(ratios(slow, fast)),
            "Make one ratio of each turn, slow by fast, and take the median of these.",
            (
                Mistake(
                    "ratio of the medians",
                    lambda slow, fast: median(slow) / median(fast),
                    "You take the median of each column and then divide. These two medians may "
                    "come from different turns, when the machine was differently busy. Divide "
                    "within each turn first.",
                ),
                Mistake(
                    "mean of the ratios",
                    lambda slow, fast: mean(ratios(slow, fast)),
                    "You take the mean of the ratios. One turn in which something else was running "
                    "pulls it away; the median does not mind.",
                ),
                Mistake(
                    "ratio of the sums",
                    lambda slow, fast: sum(slow) / sum(fast),
                    "You divide the sums, so the slowest turns count most, and those are the ones "
                    "that were disturbed. One ratio a turn, then the median.",
                ),
                Mistake(
                    "best of each",
                    lambda slow, fast: min(slow) / min(fast),
                    "You compare the best time of each. They come from different turns, and that "
                    "one of the two had more luck is no speed-up.",
                ),
            ),
            nth(0, 4),
        ),
        Part(
            "the smallest and the largest ratio",
            five_turns,
            lambda slow, fast: [min(ratios(slow, fast)), max(ratios(slow, fast))],
            "The second and third value are the smallest and the largest of the turns' ratios.",
            (
                Mistake(
                    "turns mixed",
                    lambda slow, fast: [min(slow) / max(fast), max(slow) / min(fast)],
                    "Your range mixes turns: the slowest time of one with the fastest of another. "
                    "Such a race never took place. Take the smallest and largest of the ratios.",
                ),
                Mistake(
                    "the wrong way round",
                    lambda slow, fast: [max(ratios(slow, fast)), min(ratios(slow, fast))],
                    "The two are swapped: the smallest first.",
                ),
            ),
            smallest_and_largest,
        ),
        Part(
            "if 1 lies in between, nothing was seen",
            three_races,
            lambda races: [True, False, True],
            "Three races were asked about: all turns above 1, turns on both sides of 1, all turns "
            "below 1. The last value is True for the first and the third.",
            (
                Mistake(
                    "trusts the median",
                    lambda races: [True, True, False],
                    "You believe a median above 1. But in one of the turns the other one won, so "
                    "you have seen nothing yet. Look at the range.",
                ),
                Mistake(
                    "sees only what is faster",
                    lambda races: [True, False, False],
                    "You only see what got faster. If all ratios are below 1 you have seen "
                    "something too: your change makes it slower, and you want to know.",
                ),
                Mistake(
                    "the other way round",
                    lambda races: [False, True, False],
                    "Your last value is the other way round: True means that a difference was "
                    "seen, so that 1 does *not* lie in the range.",
                ),
            ),
            verdicts,
        ),
    ),
)


# --- 09.2 Amdahl ---------------------------------------------------------------------------------


def seconds_of_parts(seed: int) -> list[float]:
    """A step's three parts, the middle one the longest."""
    source = random.Random(seed)
    return [2 + source.random(), 6 + source.random(), 1 + source.random()]


def one_faster(seed: int) -> tuple:
    return seconds_of_parts(seed), [1.0, 4.0, 1.0]


def two_faster(seed: int) -> tuple:
    return seconds_of_parts(seed), [2.0, 5.0, 1.0]


def parts_after(seconds, times) -> list[float]:
    return [s / k for s, k in zip(seconds, times, strict=True)]


def whole(seconds, times) -> float:
    return sum(seconds) / sum(parts_after(seconds, times))


def without_largest(seconds) -> float:
    """How many times as fast, if the longest part took no time at all."""
    return sum(seconds) / (sum(seconds) - max(seconds))


def weighed(seconds, times) -> float:
    return sum(s * k for s, k in zip(seconds, times, strict=True)) / sum(seconds)


def law_by_law(seconds, times) -> float:
    """Amdahl's law for each part by itself, multiplied."""
    shares = [s / sum(seconds) for s in seconds]
    return prod(1 / (1 - s + s / k) for s, k in zip(shares, times, strict=True))


AMDAHL = Exercise(
    id="09.2",
    title="What was the rest doing?",
    teaches="Amdahl's law: what a faster part is worth to the whole",
    difficulty="medium",
    minutes=15,
    answer="speed_up",
    parts=(
        Part(
            "one part gets faster",
            one_faster,
            whole,
            "Return two values. The first is the time of the whole step before, divided by its "
            "time after.",
            (
                Mistake(
                    "the part's own speed-up",
                    lambda seconds, times: max(times),
                    "That is what the *part* gained. The others take as long as before, so the "
                    "whole gains less. How long does the whole step take now?",
                ),
                Mistake(
                    "mean of the ratios",
                    lambda seconds, times: mean(times),
                    "This is the mean of the three ratios. A part that takes no time would count as "
                    "much as one that takes all of it. Add up seconds, not ratios.",
                ),
                Mistake(
                    "ratios weighed by the time before",
                    weighed,
                    "You weigh each ratio with the time its part took. It looks fair and promises "
                    "too much: a part that is 1000 times as fast would make the whole hundreds of "
                    "times as fast. Compute each part's new time first.",
                ),
                Mistake(
                    "upside down",
                    lambda seconds, times: 1 / whole(seconds, times),
                    "This is the share of the time that is left. Before divided by after, please.",
                ),
            ),
            nth(0, 2),
        ),
        Part(
            "several parts get faster",
            two_faster,
            whole,
            "One faster part is right, two are not. Every part has a new time; add them all up.",
            (
                Mistake(
                    "gains multiplied",
                    law_by_law,
                    "You use the law for each part by itself and multiply. But when one part has "
                    "got faster, the shares of all others have grown. Work with seconds and you "
                    "need no shares.",
                ),
            ),
            nth(0, 2),
        ),
        Part(
            "what the largest part that is left could still bring",
            two_faster,
            lambda seconds, times: without_largest(parts_after(seconds, times)),
            "The second value looks ahead, from the step as it is now: it divides its time by the "
            "time it would take without its longest part.",
            (
                Mistake(
                    "the longest part of before",
                    lambda seconds, times: without_largest(seconds),
                    "You take the times from before. The part that was the longest is not any "
                    "more! Measure again before you optimise again: use the new times.",
                ),
                Mistake(
                    "compared with the start",
                    lambda seconds, times: (
                        sum(seconds)
                        / (sum(parts_after(seconds, times)) - max(parts_after(seconds, times)))
                    ),
                    "You compare with the step as it was in the beginning. The question is what "
                    "can *still* be gained: begin with the time it takes now.",
                ),
                Mistake(
                    "a share",
                    lambda seconds, times: (
                        max(parts_after(seconds, times)) / sum(parts_after(seconds, times))
                    ),
                    "This is the share of the longest part. If it vanished, how many times as fast "
                    "would the step be?",
                ),
            ),
            nth(1, 2),
        ),
    ),
)


# --- 09.3 the places of a packed batch -----------------------------------------------------------


def without_prefix(seed: int) -> tuple:
    return 0, [3 + seed % 4, 2, 4]


def with_prefix(seed: int) -> tuple:
    return 3 + seed % 4, [2, 4, 1]


def places(prefix, lengths) -> list[int]:
    own = [prefix + t for n in lengths for t in range(n)]
    return [*range(prefix), *own]


def documents(prefix, lengths, first=1, shared=0) -> list[int]:
    own = [row for row, n in enumerate(lengths, start=first) for _ in range(n)]
    return [shared] * prefix + own


LAYOUT = Exercise(
    id="09.3",
    title="End to end",
    teaches="positions and document numbers of a packed batch",
    difficulty="medium",
    minutes=10,
    answer="packed_layout",
    fallback=lambda: (
        lambda prefix, lengths: (
            places(prefix, lengths),
            documents(prefix, lengths),
        )
    ),
    parts=(
        Part(
            "each row begins at 0",
            without_prefix,
            places,
            "Return two lists. In the first each row counts its own tokens from 0 on, whatever "
            "lies before it in the batch.",
            (
                Mistake(
                    "counts through",
                    lambda prefix, lengths: list(range(sum(lengths))),
                    "You count through the whole batch. The second row would believe to stand in "
                    "the middle of a text, and a long batch would run out of positions. Each row "
                    "begins anew.",
                ),
                Mistake(
                    "counts from 1",
                    lambda prefix, lengths: [t + 1 for t in places(prefix, lengths)],
                    "You count from 1. The first token of a text has the position 0.",
                ),
                Mistake(
                    "a list a row",
                    lambda prefix, lengths: [list(range(n)) for n in lengths],
                    "You return a list for each row. They lie end to end in *one* long row: make "
                    "one list of them.",
                ),
            ),
            nth(0, 2),
        ),
        Part(
            "with a shared prefix each row goes on after it",
            with_prefix,
            places,
            "The prefix counts from 0. Then each row goes on where the prefix ends, every one of "
            "them anew.",
            (
                Mistake(
                    "begins again at 0",
                    lambda prefix, lengths: [*range(prefix), *places(0, lengths)],
                    "Your rows begin again at 0. But each is the continuation of the prefix: its "
                    "first token stands where the prefix has ended.",
                ),
                Mistake(
                    "only the first row goes on",
                    lambda prefix, lengths: [
                        *range(prefix + lengths[0]),
                        *places(0, lengths[1:]),
                    ],
                    "Only the first row goes on after the prefix. All of them do: the prefix is "
                    "the beginning of each.",
                ),
                Mistake(
                    "the prefix in every row",
                    lambda prefix, lengths: [t for n in lengths for t in range(prefix + n)],
                    "Your list has the prefix once for every row. Sparing that is what the layout "
                    "is for: the prefix once, then of each row only what is its own.",
                ),
                Mistake(
                    "one too far",
                    lambda prefix, lengths: [
                        *range(prefix),
                        *(t + 1 for t in places(prefix, lengths)[prefix:]),
                    ],
                    "There is a gap between the prefix and its rows. A prefix of n tokens ends at "
                    "n - 1, so a row goes on at n.",
                ),
            ),
            nth(0, 2),
        ),
        Part(
            "the documents: 0 for the prefix, then 1, 2, 3",
            with_prefix,
            documents,
            "In the second list each token says whose it is: 0 the prefix, 1 the first row, 2 the "
            "second, and so on.",
            (
                Mistake(
                    "rows from 0",
                    lambda prefix, lengths: documents(prefix, lengths, first=0),
                    "Your first row has the number 0, as the prefix has. Then all rows may look at "
                    "it, and it is no secret any more. Rows count from 1.",
                ),
                Mistake(
                    "prefix as padding",
                    lambda prefix, lengths: documents(prefix, lengths, shared=-1),
                    "You give the prefix the number -1, which stands for padding. It is real text, "
                    "and shared: 0.",
                ),
                Mistake(
                    "one number a row",
                    lambda prefix, lengths: list(range(len(lengths) + 1)),
                    "You have one number for each document. Each *token* needs one, so that the two "
                    "lists are equally long.",
                ),
            ),
            nth(1, 2),
        ),
    ),
)


# --- 09.4 its mask -------------------------------------------------------------------------------


def one_document(seed: int) -> tuple:
    return ([1] * (4 + seed % 4),)


def two_documents(seed: int) -> tuple:
    return (documents(0, [3, 2 + seed % 4]),)


def prefix_and_rows(seed: int) -> tuple:
    return (documents(3, [2, 1 + seed % 4, 3]),)


def pairs(rule):
    """What those get who decide by a rule: (doc of the query, of the key, is it not later)."""

    def mask(doc_ids):
        docs = torch.as_tensor(doc_ids)
        earlier = torch.ones(len(docs), len(docs), dtype=torch.bool).tril()
        return rule(docs[:, None], docs[None, :], earlier)

    return mask


packed_mask = pairs(lambda query, key, earlier: ((query == key) | (key == 0)) & earlier)
packed_mask.__doc__ = "The mask (T, T) of a packed batch whose document numbers are `doc_ids`."


MASK = Exercise(
    id="09.4",
    title="Neighbours who do not meet",
    teaches="the attention mask of a packed batch with a shared prefix",
    difficulty="hard",
    minutes=20,
    answer="packed_mask",
    fallback=lambda: packed_mask,
    fallback_name="what `plain_mask` of helpers.packing computes",
    parts=(
        Part(
            "in one text nobody looks ahead",
            one_document,
            packed_mask,
            "With a single document this is the causal mask: True on the diagonal and left of it.",
            (
                Mistake(
                    "looks ahead",
                    pairs(lambda query, key, earlier: query == key),
                    "Within a document everybody sees everybody, later tokens too. It must also be "
                    "true that the key does not come after the query.",
                ),
                Mistake(
                    "query and key swapped",
                    pairs(lambda query, key, earlier: earlier.T & (query == key)),
                    "Your mask is transposed. A row belongs to the token that looks, the query; a "
                    "column to the one that is looked at, the key.",
                ),
                Mistake(
                    "not itself",
                    pairs(lambda query, key, earlier: earlier.tril(-1) & (query == key)),
                    "Your tokens do not see themselves, and the first sees nobody at all: its "
                    "softmax is nan. The diagonal is True.",
                ),
            ),
        ),
        Part(
            "two rows do not see each other",
            two_documents,
            packed_mask,
            "A token must not look at another document. Compare the numbers of query and key.",
            (
                Mistake(
                    "plain causal",
                    pairs(lambda query, key, earlier: earlier),
                    "This is the plain causal mask: the second row reads the first, as if it went "
                    "on with it. The loss would be a little off and nothing would crash. Rows see "
                    "only their own document.",
                ),
                Mistake(
                    "sees only the others",
                    pairs(lambda query, key, earlier: earlier & ((query != key) | (query == 1))),
                    "Your second row sees the first, and not itself. Equal numbers may look, "
                    "unequal ones may not.",
                ),
            ),
        ),
        Part(
            "every row sees the prefix",
            prefix_and_rows,
            packed_mask,
            "Document 0 is the beginning of every row: all rows may look at it, and it looks at "
            "itself, causally.",
            (
                Mistake(
                    "prefix not seen",
                    pairs(lambda query, key, earlier: (query == key) & earlier),
                    "Your rows do not see the prefix, so they begin in the middle of nowhere. A "
                    "key of document 0 may be looked at by everybody who comes after it.",
                ),
                Mistake(
                    "prefix looks ahead",
                    pairs(lambda query, key, earlier: (key == 0) | ((query == key) & earlier)),
                    "In your prefix all tokens see each other. They too must not look ahead: 'not "
                    "later' holds for both cases.",
                ),
                Mistake(
                    "prefix sees its rows",
                    pairs(
                        lambda query, key, earlier: (
                            (query == 0) | (key == 0) | ((query == key) & earlier)
                        )
                    ),
                    "Your prefix looks at the rows that follow it. It is computed once for all of "
                    "them, so it must know nothing of any.",
                ),
                Mistake(
                    "first row only",
                    pairs(
                        lambda query, key, earlier: (
                            ((query == key) | ((key == 0) & (query == 1))) & earlier
                        )
                    ),
                    "Only your first row sees the prefix. It is the beginning of all of them.",
                ),
            ),
        ),
    ),
)


EXERCISES = (RACE, AMDAHL, LAYOUT, MASK)
