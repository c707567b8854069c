"""Right and wrong answers to the exercises of lesson 09, and what the checks must say to them."""

import itertools
import statistics

import numpy as np
import torch

from . import Answers, Wrong


def race_in_numpy(slow, fast):
    turns = np.sort(np.array(slow) / np.array(fast))
    return np.median(turns), turns[0], turns[-1], bool(turns[0] > 1 or turns[-1] < 1)


def race(slow, fast, *, ratio=lambda a, b: a / b, middle=None, ends=None, seen=None):
    """The right way, with one thing changed."""
    turns = [ratio(a, b) for a, b in zip(slow, fast, strict=True)]
    result = statistics.median(turns) if middle is None else middle(slow, fast, turns)
    low, high = (min(turns), max(turns)) if ends is None else ends(slow, fast, turns)
    told = not low <= 1 <= high if seen is None else seen(result, low, high)
    return result, low, high, told


def racing(part, mistake, **changes):
    return Wrong(lambda slow, fast: race(slow, fast, **changes), part, mistake)


TIMES, MIDDLE = "how many times as fast", "the median of the turns"
RANGE, SEEN = "the smallest and the largest ratio", "if 1 lies in between, nothing was seen"

RACE = Answers(
    other=race_in_numpy,
    wrong={
        "upside down": racing(TIMES, "upside down", ratio=lambda a, b: b / a),
        "difference": racing(TIMES, "a difference", ratio=lambda a, b: a - b),
        "saved": racing(TIMES, "the share saved", ratio=lambda a, b: (a - b) / a),
        "only the median": Wrong(
            lambda slow, fast: [a / b for a, b in zip(slow, fast, strict=True)], TIMES, None
        ),
        "medians divided": racing(
            MIDDLE,
            "ratio of the medians",
            middle=lambda a, b, turns: statistics.median(a) / statistics.median(b),
        ),
        "mean": racing(
            MIDDLE, "mean of the ratios", middle=lambda a, b, turns: statistics.fmean(turns)
        ),
        "sums divided": racing(
            MIDDLE, "ratio of the sums", middle=lambda a, b, turns: sum(a) / sum(b)
        ),
        "best of each": racing(MIDDLE, "best of each", middle=lambda a, b, turns: min(a) / min(b)),
        "widest range": racing(
            RANGE, "turns mixed", ends=lambda a, b, turns: (min(a) / max(b), max(a) / min(b))
        ),
        "largest first": racing(
            RANGE, "the wrong way round", ends=lambda a, b, turns: (max(turns), min(turns))
        ),
        "median above 1": racing(
            SEEN, "trusts the median", seen=lambda result, low, high: result > 1
        ),
        "low above 1": racing(
            SEEN, "sees only what is faster", seen=lambda result, low, high: low > 1
        ),
        "1 in between": racing(
            SEEN, "the other way round", seen=lambda result, low, high: low <= 1 <= high
        ),
    },
)


def law_in_shares(seconds, times):
    """The same with shares of 1 in place of seconds."""
    shares = np.array(seconds) / sum(seconds)
    left = shares / np.array(times)
    return 1 / left.sum(), 1 / (1 - left.max() / left.sum())


def speed_up(seconds, times, *, whole=None, ahead=None):
    after = [s / k for s, k in zip(seconds, times, strict=True)]
    first = sum(seconds) / sum(after) if whole is None else whole(seconds, times, after)
    rest = sum(after) - max(after)
    return first, (sum(after) / rest if ahead is None else ahead(seconds, after))


def gaining(part, mistake, **changes):
    return Wrong(lambda seconds, times: speed_up(seconds, times, **changes), part, mistake)


def each_by_the_law(seconds, times, after):
    gain = 1.0
    for s, k in zip(seconds, times, strict=True):
        share = s / sum(seconds)
        gain *= 1 / ((1 - share) + share / k)
    return gain


ONE, TWO = "one part gets faster", "several parts get faster"
AHEAD = "what the largest part that is left could still bring"

AMDAHL = Answers(
    other=law_in_shares,
    wrong={
        "largest": gaining(
            ONE, "the part's own speed-up", whole=lambda s, times, after: max(times)
        ),
        "product": Wrong(
            lambda s, times: speed_up(
                s, times, whole=lambda s, times, after: 1 / sum(1 / k for k in times)
            ),
            ONE,
            None,
        ),
        "mean": gaining(
            ONE, "mean of the ratios", whole=lambda s, times, after: sum(times) / len(times)
        ),
        "weighed": gaining(
            ONE,
            "ratios weighed by the time before",
            whole=lambda s, times, after: np.average(times, weights=s),
        ),
        "after by before": gaining(
            ONE, "upside down", whole=lambda s, times, after: sum(after) / sum(s)
        ),
        "law by law": gaining(TWO, "gains multiplied", whole=each_by_the_law),
        "largest of before": gaining(
            AHEAD,
            "the longest part of before",
            ahead=lambda s, after: sum(s) / (sum(s) - max(s)),
        ),
        "from the start": gaining(
            AHEAD,
            "compared with the start",
            ahead=lambda s, after: sum(s) / (sum(after) - max(after)),
        ),
        "share": gaining(AHEAD, "a share", ahead=lambda s, after: max(after) / sum(after)),
    },
)


def layout_in_tensors(prefix, lengths):
    sizes = torch.tensor([prefix, *lengths])
    docs = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    begins = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)[:-1]])
    own = torch.arange(len(docs)) - begins[docs]
    return own + (docs > 0) * prefix, docs


def layout(prefix, lengths, *, places=None, docs=None):
    """The right way, with one of the lists made otherwise."""
    positions, doc_ids = list(range(prefix)), [0] * prefix
    for row, n in enumerate(lengths, start=1):
        positions += range(prefix, prefix + n)
        doc_ids += [row] * n
    return (
        positions if places is None else places(prefix, lengths),
        doc_ids if docs is None else docs(prefix, lengths),
    )


def laid(part, mistake, **changes):
    return Wrong(lambda prefix, lengths: layout(prefix, lengths, **changes), part, mistake)


def first_row_only(prefix, lengths):
    places = list(range(prefix))
    for row, n in enumerate(lengths):
        places += range(prefix, prefix + n) if row == 0 else range(n)
    return places


def ranges(starts_and_stops):
    return list(itertools.chain.from_iterable(range(*pair) for pair in starts_and_stops))


BEGIN, GO_ON = "each row begins at 0", "with a shared prefix each row goes on after it"
WHOSE = "the documents: 0 for the prefix, then 1, 2, 3"

LAYOUT = Answers(
    other=layout_in_tensors,
    wrong={
        "arange": laid(BEGIN, "counts through", places=lambda p, n: list(range(p + sum(n)))),
        "from 1": laid(
            BEGIN,
            "counts from 1",
            places=lambda p, n: ranges([(1, p + 1), *((p + 1, p + 1 + k) for k in n)]),
        ),
        "nested": laid(BEGIN, "a list a row", places=lambda p, n: [list(range(k)) for k in n]),
        "rows from 0 on": laid(
            GO_ON, "begins again at 0", places=lambda p, n: ranges([(p,), *((k,) for k in n)])
        ),
        "first row only": laid(GO_ON, "only the first row goes on", places=first_row_only),
        "prefix again and again": laid(
            GO_ON, "the prefix in every row", places=lambda p, n: ranges([(p + k,) for k in n])
        ),
        "a gap": laid(
            GO_ON,
            "one too far",
            places=lambda p, n: ranges([(p,), *((p + (p > 0), p + (p > 0) + k) for k in n)]),
        ),
        "first row is 0": laid(
            WHOSE,
            "rows from 0",
            docs=lambda p, n: [0] * p + [row for row, k in enumerate(n) for _ in range(k)],
        ),
        "prefix is -1": laid(
            WHOSE,
            "prefix as padding",
            docs=lambda p, n: [-1] * p + [row for row, k in enumerate(n, 1) for _ in range(k)],
        ),
        "one each": laid(WHOSE, "one number a row", docs=lambda p, n: list(range(len(n) + 1))),
    },
)


def mask_by_loops(doc_ids):
    T = len(doc_ids)
    mask = [[False] * T for _ in range(T)]
    for query in range(T):
        for key in range(query + 1):
            mask[query][key] = doc_ids[key] in (0, doc_ids[query])
    return mask


def deciding(rule):
    """A mask by a rule about one pair: (query's place, key's place, their documents)."""

    def answer(doc_ids):
        T = range(len(doc_ids))
        pairs = [[(q, k, doc_ids[q], doc_ids[k]) for k in T] for q in T]
        return torch.tensor([[bool(rule(*pair)) for pair in row] for row in pairs])

    return answer


ALONE, APART = "in one text nobody looks ahead", "two rows do not see each other"
SHARED = "every row sees the prefix"

MASK = Answers(
    other=mask_by_loops,
    wrong={
        "no order": Wrong(deciding(lambda q, k, a, b: a == b or b == 0), ALONE, "looks ahead"),
        "transposed": Wrong(
            deciding(lambda q, k, a, b: (a == b or a == 0) and q <= k),
            ALONE,
            "query and key swapped",
        ),
        "strictly before": Wrong(
            deciding(lambda q, k, a, b: (a == b or b == 0) and k < q), ALONE, "not itself"
        ),
        "numbers": Wrong(
            lambda docs: deciding(lambda q, k, a, b: a == b and k <= q)(docs).float(), ALONE, None
        ),
        "causal": Wrong(deciding(lambda q, k, a, b: k <= q), APART, "plain causal"),
        "unequal": Wrong(
            deciding(lambda q, k, a, b: k <= q and (a != b or a == 1)),
            APART,
            "sees only the others",
        ),
        "no prefix": Wrong(
            deciding(lambda q, k, a, b: a == b and k <= q), SHARED, "prefix not seen"
        ),
        "prefix without order": Wrong(
            deciding(lambda q, k, a, b: b == 0 or (a == b and k <= q)),
            SHARED,
            "prefix looks ahead",
        ),
        "prefix sees all": Wrong(
            deciding(lambda q, k, a, b: 0 in (a, b) or (a == b and k <= q)),
            SHARED,
            "prefix sees its rows",
        ),
        "first row only": Wrong(
            deciding(lambda q, k, a, b: k <= q and (a == b or (b == 0 and a == 1))),
            SHARED,
            "first row only",
        ),
    },
)


ANSWERS = {"09.1": RACE, "09.2": AMDAHL, "09.3": LAYOUT, "09.4": MASK}
