"""Right and wrong answers to the exercises of lesson 04, and what the checks must say to them."""

import math

import torch

from . import Answers, Wrong


def mean_of_all_targets(batches):
    """The same, with all targets in one long tensor."""
    losses, weights = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return torch.dot(losses, weights) / weights.sum()


def means(batches):
    return [(losses * weights).sum() / weights.sum() for losses, weights in batches]


def return_in_the_loop(batches):
    for losses, weights in batches:
        return (losses * weights).sum() / weights.sum()
    return 0.0


def sums_in_the_loop(batches):
    for losses, weights in batches:
        total, weight = 0.0, 0.0
        total += (losses * weights).sum()
        weight += weights.sum()
    return total / weight


def weighed_by_size(batches):
    sizes = [len(losses) for losses, _ in batches]
    return sum(m * n for m, n in zip(means(batches), sizes, strict=True)) / sum(sizes)


def weighed_by_weight(batches):
    totals = [weights.sum() for _, weights in batches]
    return sum(m * w for m, w in zip(means(batches), totals, strict=True)) / sum(totals)


VALIDATION = Answers(
    other=mean_of_all_targets,
    wrong={
        "no weights": Wrong(
            lambda batches: torch.cat([losses for losses, _ in batches]).mean(),
            "one batch",
            "weights forgotten",
        ),
        "divides by the number": Wrong(
            lambda batches: torch.cat([x * w for x, w in batches]).mean(),
            "one batch",
            "divided by the number of targets",
        ),
        "mean of means": Wrong(
            lambda batches: sum(means(batches)) / len(batches),
            "batches of different sizes",
            "mean of batch means",
        ),
        "sum of means": Wrong(
            lambda batches: sum(means(batches)), "batches of different sizes", "sum of batch means"
        ),
        "sums begin anew": Wrong(sums_in_the_loop, "batches of different sizes", "last batch only"),
        "returns in the loop": Wrong(
            return_in_the_loop, "batches of different sizes", "first batch only"
        ),
        "by size": Wrong(
            weighed_by_size, "batches of different weight", "batches weighed by their targets"
        ),
        "one mean is nan": Wrong(
            weighed_by_weight,
            "a batch that teaches nothing changes nothing",
            "one batch makes it nan",
        ),
    },
)


def chances_by_hand(logits, temperature, top_k):
    """The same in plain Python."""
    ids = sorted(range(len(logits)), key=lambda i: (-float(logits[i]), i))
    if temperature == 0:
        top_k, temperature = 1, 1.0
    stay = set(ids[:top_k])
    powers = [math.exp(x / temperature) if i in stay else 0.0 for i, x in enumerate(logits)]
    return [power / sum(powers) for power in powers]


def chances(
    logits,
    temperature,
    top_k,
    *,
    heat=lambda x, t: x / t,
    cut=-math.inf,
    stay=None,
    cold=None,
    more=0,
    after=lambda p, t: p,
):
    """The right way, with one thing changed."""
    if temperature == 0:
        one = torch.nn.functional.one_hot(logits.argmax(), len(logits)).float()
        return one if cold is None else cold(logits)
    if top_k is not None:
        order = torch.sort(logits, descending=True, stable=True).indices
        keep = torch.zeros(len(logits), dtype=torch.bool)
        keep[order[: top_k + more]] = True
        keep = keep if stay is None else stay(logits, top_k)
        logits = torch.where(keep, logits, cut)
    return after(torch.softmax(heat(logits, temperature), 0), temperature)


def wrong(part, mistake, **changes):
    return Wrong(lambda *given: chances(*given, **changes), part, mistake)


def cut_late(logits, temperature, top_k):
    p = chances(logits, temperature, None)
    if top_k is None:
        return p
    keep = torch.zeros(len(p), dtype=torch.bool)
    keep[torch.sort(p, descending=True, stable=True).indices[:top_k]] = True
    return p * keep


def kth(logits, k):
    return logits.topk(k).values[-1]


def last_of_ascending(logits, k):
    keep = torch.zeros(len(logits), dtype=torch.bool)
    keep[torch.sort(logits, stable=True).indices[-k:]] = True
    return keep


def first_of_ascending(logits, k):
    keep = torch.zeros(len(logits), dtype=torch.bool)
    keep[torch.sort(logits, stable=True).indices[:k]] = True
    return keep


ONE, HOT = "temperature 1 is the softmax", "a higher temperature makes the chances more equal"
BEST, EXACTLY = "top-k keeps the k best", "exactly k stay, even among equals"
GREEDY = "temperature 0 takes the best"
TWO = "temperature 0 and two that are best"

TOP_K = Answers(
    other=chances_by_hand,
    wrong={
        "log softmax": wrong(ONE, "logarithms", after=lambda p, t: p.log()),
        "argmax always": Wrong(lambda logits, t, k: chances(logits, 0, k), ONE, "always greedy"),
        "multiplies": wrong(HOT, "multiplies", heat=lambda x, t: x * t),
        "no temperature": wrong(HOT, "temperature ignored", heat=lambda x, t: x),
        "temperature after the softmax": wrong(
            HOT, "after the softmax", heat=lambda x, t: x, after=lambda p, t: p / t
        ),
        "no top-k": Wrong(lambda logits, t, k: chances(logits, t, None), BEST, "top-k ignored"),
        "others to 0": wrong(BEST, "cut to 0", cut=0.0),
        "cuts probabilities": Wrong(cut_late, BEST, "does not add up to 1"),
        "one too many": wrong(BEST, "one too many", more=1),
        "ascending": wrong(BEST, "the worst ones", stay=first_of_ascending),
        "keeps what equals the k-th": wrong(
            EXACTLY, "all equals stay", stay=lambda logits, k: logits >= kth(logits, k)
        ),
        "keeps what beats the next": wrong(
            EXACTLY,
            "all equals go",
            stay=lambda logits, k: logits > logits.sort(descending=True).values[k],
        ),
        "the end of an ascending order": wrong(
            "of equals the lower ids stay", "the higher ids", stay=last_of_ascending
        ),
        "divides by 0": wrong(
            GREEDY, "divides by 0", cold=lambda logits: torch.softmax(logits / 0.0, 0)
        ),
        "the token itself": wrong(
            GREEDY, "returns the token", cold=lambda logits: int(logits.argmax())
        ),
        "0 taken for nothing given": wrong(
            GREEDY, "like temperature 1", cold=lambda logits: torch.softmax(logits, 0)
        ),
        "a tiny temperature": wrong(
            TWO, "equals share", cold=lambda logits: torch.softmax(logits / 1e-6, 0)
        ),
        "the last of the best": wrong(
            TWO,
            "the higher id",
            cold=lambda logits: torch.eye(len(logits))[
                len(logits) - 1 - int(logits.flip(0).argmax())
            ],
        ),
    },
)


def rate_from_two_lists(step, steps, peak, warm, final):
    """The same, by making the whole schedule and looking one step up."""
    rise = [peak * n / warm for n in range(1, warm + 1)]
    down = steps - warm
    middle, half = peak * (1 + final) / 2, peak * (1 - final) / 2
    return (rise + [middle + half * math.cos(n * math.pi / down) for n in range(down)])[step]


def rate(
    step,
    steps,
    peak,
    warm,
    final,
    *,
    rise=lambda t, warm: (t + 1) / warm,
    done=lambda t, steps, warm: (t - warm) / (steps - warm),
    fall=lambda p, final: final + (1 - final) * 0.5 * (1 + math.cos(math.pi * p)),
):
    if step < warm:
        return peak * rise(step, warm)
    return peak * fall(done(step, steps, warm), final)


def changed(part, mistake, **changes):
    return Wrong(lambda *given: rate(*given, **changes), part, mistake)


def final_as_a_rate(step, steps, peak, warm, final):
    if step < warm:
        return peak * (step + 1) / warm
    p = (step - warm) / (steps - warm)
    return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * p)) if p else peak


def warm_up_worked_out_first(step, steps, peak, warm, final):
    rising = (step + 1) / warm
    return peak * rising if step < warm else rate(step, steps, peak, warm, final)


RISE, TOP = "it rises to the peak", "the way down begins at the peak"
FALL = "it falls along half a cosine"

RATE = Answers(
    other=rate_from_two_lists,
    wrong={
        "begins at 0": changed(RISE, "begins at 0", rise=lambda t, warm: t / warm),
        "no warm-up": changed(RISE, "no warm-up", rise=lambda t, warm: 1.0),
        "cosine only": Wrong(
            lambda t, steps, peak, warm, final: rate(t, steps, peak, 0, final),
            RISE,
            "falls from the start",
        ),
        "cosine from step 0": changed(
            TOP, "cosine counted from step 0", done=lambda t, steps, warm: t / steps
        ),
        "one step ahead": changed(
            TOP, "one step ahead", done=lambda t, steps, warm: (t + 1 - warm) / (steps - warm)
        ),
        "linear": changed(FALL, "a straight line", fall=lambda p, final: 1 - (1 - final) * p),
        "to 0": changed(
            FALL, "falls to 0", fall=lambda p, final: 0.5 * (1 + math.cos(math.pi * p))
        ),
        "whole wave": changed(
            FALL,
            "a whole wave",
            fall=lambda p, final: final + (1 - final) * 0.5 * (1 + math.cos(2 * math.pi * p)),
        ),
        "final as a rate": Wrong(final_as_a_rate, FALL, "final taken for a rate"),
        "divided by all steps": changed(
            FALL, "never arrives", done=lambda t, steps, warm: (t - warm) / steps
        ),
        "degrees": changed(
            FALL,
            None,
            fall=lambda p, final: final + (1 - final) * 0.5 * (1 + math.cos(180 * p)),
        ),
        "divides by warm first": Wrong(
            warm_up_worked_out_first, "there may be no warm-up", "divides by no steps"
        ),
    },
)


def plan(small=(300, 6), large=(935, 2), seeds=(1, 2, 3), compare_on="validation", **more):
    """A function that returns a plan; each arm is (rows, epochs)."""
    arms = {"small": small, "large": large}
    made = {arm: {"rows": rows, "epochs": epochs} for arm, (rows, epochs) in arms.items()}
    return lambda: {**made, "batch_size": 8, "seeds": [*seeds], "compare_on": compare_on, **more}


SAME = "both arms take as many steps"
UNSEEN = "compared on rows that neither arm has seen"

FAIR = Answers(
    other=plan((467, 4), (935, 2), (7, 8, 9, 10), "the validation rows", batch_size=16),
    wrong={
        "half an epoch": Wrong(plan(large=(935, 0.5)), "the plan is complete", None),
        "swapped": Wrong(
            plan((935, 2), (300, 6)), "the large arm has clearly more rows", "arms swapped"
        ),
        "hardly larger": Wrong(
            plan((800, 2), (935, 2)), "the large arm has clearly more rows", "hardly larger"
        ),
        "the same epochs": Wrong(plan((300, 2), (935, 2)), SAME, "the same epochs"),
        "still more steps for large": Wrong(plan((300, 3), (935, 2)), SAME, "large takes more"),
        "more steps for small": Wrong(plan((300, 9), (935, 2)), SAME, "small takes more"),
        "one seed": Wrong(plan(seeds=(1,)), "chance gets at least three tries", "one seed"),
        "a seed three times": Wrong(
            plan(seeds=(1, 1, 1)), "chance gets at least three tries", None
        ),
        "test": Wrong(plan(compare_on="test"), UNSEEN, "test rows"),
        "train": Wrong(plan(compare_on="training rows"), UNSEEN, "training rows"),
    },
)


ANSWERS = {"04.1": VALIDATION, "04.2": TOP_K, "04.3": RATE, "04.4": FAIR}
