"""The exercises of lesson 04: a mean over batches, choosing a token, the rate, a fair comparison."""

from __future__ import annotations

import math
import random

import torch

from helpers.checks.asking import outcome
from helpers.checks.exercise import Exercise, Mistake, Part, call_it

# --- 04.1 a mean over batches --------------------------------------------------------------------


def batches_of(*counts: int, weighted: bool = False, idle: int = 0):
    """Arguments: batches with so many targets, and one more with `idle` targets of weight 0."""

    def arguments(seed: int) -> tuple:
        source = torch.Generator().manual_seed(seed)
        batches = []
        for number, n in enumerate(counts, start=1):
            losses = number + torch.rand(n, generator=source)  # the later, the higher
            weights = 0.1 + torch.rand(n, generator=source) if weighted else torch.ones(n)
            batches.append((losses, weights))
        if idle:
            batches.insert(1, (torch.rand(idle, generator=source), torch.zeros(idle)))
        return (batches,)

    return arguments


def summed_once(batches) -> float:
    total = sum(float((losses * weights).sum()) for losses, weights in batches)
    return total / sum(float(weights.sum()) for _, weights in batches)


def batch_means(batches) -> list[float]:
    return [summed_once([batch]) if float(batch[1].sum()) else math.nan for batch in batches]


def mean_of_means(batches) -> float:
    return sum(batch_means(batches)) / len(batches)


def by_tokens(batches) -> float:
    """The mean of the batches' means, each counted by its number of targets."""
    pairs = zip(batch_means(batches), batches, strict=True)
    return sum(mean * len(b[0]) for mean, b in pairs) / sum(len(b[0]) for b in batches)


VALIDATION = Exercise(
    id="04.1",
    title="The loss of many batches",
    teaches="why a mean of means is not the mean",
    difficulty="easy",
    minutes=10,
    answer="mean_loss",
    parts=(
        Part(
            "one batch",
            batches_of(5, weighted=True),
            summed_once,
            "For one batch: the sum of loss times weight, divided by the sum of the weights.",
            (
                Mistake(
                    "weights forgotten",
                    lambda batches: float(batches[0][0].mean()),
                    "You do not use the weights. A target of weight 0.1 must count a tenth of one "
                    "of weight 1, above and below.",
                ),
                Mistake(
                    "divided by the number of targets",
                    lambda batches: float((batches[0][0] * batches[0][1]).mean()),
                    "You weigh the losses and divide by their number. Divide by what you weighed "
                    "with: the sum of the weights.",
                ),
            ),
        ),
        Part(
            "batches of different sizes",
            batches_of(2, 7, 4),
            summed_once,
            "One batch is right, several are not. Keep two sums while you go through the batches, "
            "and divide when you are through.",
            (
                Mistake(
                    "mean of batch means",
                    mean_of_means,
                    "This is the mean of the batches' means. A target in a small batch counts for "
                    "more than one in a large batch, and another batch size would give another "
                    "loss of the same model. Add up, and divide once at the end.",
                ),
                Mistake(
                    "sum of batch means",
                    lambda batches: sum(batch_means(batches)),
                    "You add up the means of the batches: with more batches this grows, though the "
                    "model is the same.",
                ),
                Mistake(
                    "last batch only",
                    lambda batches: batch_means(batches)[-1],
                    "This is the loss of the last batch alone. Do your sums begin anew in every "
                    "round of the loop?",
                ),
                Mistake(
                    "first batch only",
                    lambda batches: batch_means(batches)[0],
                    "This is the loss of the first batch alone. Does your `return` stand inside "
                    "the loop?",
                ),
            ),
        ),
        Part(
            "batches of different weight",
            batches_of(3, 6, weighted=True),
            summed_once,
            "With weights other than 1 it goes wrong. Divide by the weights of all batches "
            "together.",
            (
                Mistake(
                    "batches weighed by their targets",
                    by_tokens,
                    "You give each batch the weight of its number of targets. Nearly: it should "
                    "be the sum of its weights, or simply two sums over everything.",
                ),
            ),
        ),
        Part(
            "a batch that teaches nothing changes nothing",
            batches_of(3, 5, idle=4),
            summed_once,
            "One of these batches has only weights of 0. The result must be the same as without "
            "it.",
            (
                Mistake(
                    "one batch makes it nan",
                    lambda batches: math.nan,
                    "It is nan: one batch has nothing but weights of 0, and you divide by its sum. "
                    "Divide only once, when all batches are added up.",
                ),
            ),
        ),
    ),
)


# --- 04.2 which tokens may come ------------------------------------------------------------------


def scores(seed: int) -> torch.Tensor:
    """Logits of six tokens, all different, in no order."""
    values = [2.5, 1.0, 0.25, -0.5, -1.5, 3.25]
    random.Random(seed).shuffle(values)
    return torch.tensor(values)


def plainly(seed: int) -> tuple:
    return scores(seed), 1.0, None


def flatter(seed: int) -> tuple:
    return scores(seed), 2.0, None


def three_best(seed: int) -> tuple:
    return scores(seed), 1.0, 3


def tied(seed: int) -> tuple:
    """One token is best and three share the second place; two may stay."""
    best, *others = random.Random(seed).sample(range(6), 6)
    logits = torch.full((6,), -1.0)
    logits[best] = 2.0
    logits[others[:3]] = 1.0
    return logits, 1.0, 2


def greedy(seed: int) -> tuple:
    return scores(seed), 0.0, None


def greedy_tie(seed: int) -> tuple:
    """Two tokens share the first place, neither of them the first or the last."""
    logits = scores(seed)
    logits[torch.tensor(random.Random(seed).sample(range(1, 5), 2))] = 4.0
    return logits, 0.0, None


def kept(logits, top_k, *, higher=False) -> torch.Tensor:
    """Which tokens stay: the k best, of equals the ones with the lower ids (or the higher)."""
    if higher:
        return kept(logits.flip(0), top_k).flip(0)
    stay = torch.zeros(len(logits), dtype=torch.bool)
    stay[torch.sort(logits, descending=True, stable=True).indices[:top_k]] = True
    return stay


def chances(logits, temperature, top_k, *, stay=None) -> torch.Tensor:
    """The probability of every token; `stay` says which ones may come."""
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(), len(logits)).float()
    stay = kept(logits, top_k) if stay is None else stay
    return torch.softmax(logits.masked_fill(~stay, -torch.inf) / temperature, dim=0)


def how_many_stay(answer, logits, temperature, top_k):
    """How many tokens have a chance at all."""
    got = answer(logits, temperature, top_k)
    got = got.tolist() if hasattr(got, "tolist") else list(got)
    return sum(p > 0 for p in got)


def kth(logits, k):
    """The k-th largest logit."""
    return logits.sort(descending=True).values[k - 1]


TOP_K = Exercise(
    id="04.2",
    title="Exactly k candidates",
    teaches="temperature and top-k, where they break",
    difficulty="medium",
    minutes=20,
    answer="chances",
    fallback=lambda: chances,
    parts=(
        Part(
            "temperature 1 is the softmax",
            plainly,
            chances,
            "With temperature 1 and no top_k the probabilities are the softmax of the logits.",
            (
                Mistake(
                    "logarithms",
                    lambda logits, t, k: torch.log_softmax(logits, 0),
                    "These are logarithms of probabilities. Return the probabilities themselves; "
                    "they add up to 1.",
                ),
                Mistake(
                    "always greedy",
                    lambda logits, t, k: chances(logits, 0, k),
                    "You give everything to the best token. That is right at temperature 0 only.",
                ),
            ),
        ),
        Part(
            "a higher temperature makes the chances more equal",
            flatter,
            chances,
            "Divide the logits by the temperature, and take the softmax of that.",
            (
                Mistake(
                    "multiplies",
                    lambda logits, t, k: chances(logits, 1 / t, k),
                    "Your chances get more *un*equal when it gets hotter: you multiply by the "
                    "temperature. Divide.",
                ),
                Mistake(
                    "temperature ignored",
                    lambda logits, t, k: chances(logits, 1, k),
                    "The temperature changes nothing in your answer.",
                ),
                Mistake(
                    "after the softmax",
                    lambda logits, t, k: chances(logits, 1, k) / t,
                    "You divide the *probabilities*, and they no longer add up to 1. The "
                    "temperature belongs to the logits, before the softmax.",
                ),
            ),
        ),
        Part(
            "top-k keeps the k best",
            three_best,
            chances,
            "The k largest logits stay, all other tokens get the probability 0, and what is left "
            "adds up to 1.",
            (
                Mistake(
                    "top-k ignored",
                    lambda logits, t, k: chances(logits, t, None),
                    "top_k changes nothing in your answer: all tokens still have a chance.",
                ),
                Mistake(
                    "cut to 0",
                    lambda logits, t, k: torch.softmax(
                        logits.masked_fill(~kept(logits, k), 0.0) / t, dim=0
                    ),
                    "You set the logits of the others to 0. But 0 is an ordinary logit, and often a "
                    "good one! What should have no chance gets minus infinity.",
                ),
                Mistake(
                    "does not add up to 1",
                    lambda logits, t, k: chances(logits, t, None) * kept(logits, k),
                    "You cut after the softmax, and the rest no longer adds up to 1. Cut the "
                    "logits first, or divide by what is left.",
                ),
                Mistake(
                    "one too many",
                    lambda logits, t, k: chances(logits, t, k + 1),
                    "You keep one candidate too many. Indices begin at 0: the k-th largest is "
                    "number k - 1.",
                ),
                Mistake(
                    "the worst ones",
                    lambda logits, t, k: chances(logits, t, k, stay=kept(-logits, k)),
                    "You keep the k *worst*. Is your order ascending?",
                ),
            ),
        ),
        Part(
            "exactly k stay, even among equals",
            tied,
            lambda logits, t, k: k,
            "Count your candidates when several logits are equal: there must be exactly k.",
            (
                Mistake(
                    "all equals stay",
                    lambda logits, t, k: int((logits >= kth(logits, k)).sum()),
                    "You compare with the k-th largest logit, and all that equal it stay: more "
                    "than k. Choose by place in the order, not by value.",
                ),
                Mistake(
                    "all equals go",
                    lambda logits, t, k: int((logits > kth(logits, k)).sum()),
                    "You keep what is larger than the k-th largest logit, and drop all that equal "
                    "it: fewer than k stay. Choose by place in the order, not by value.",
                ),
            ),
            how_many_stay,
        ),
        Part(
            "of equals the lower ids stay",
            tied,
            chances,
            "Exactly k stay, but not always the same ones. `torch.topk` does not promise which of "
            "several equals it takes; `torch.sort` with stable=True does.",
            (
                Mistake(
                    "the higher ids",
                    lambda logits, t, k: chances(logits, t, k, stay=kept(logits, k, higher=True)),
                    "Of equal logits you keep the higher ids. Sort in descending order with "
                    "stable=True: then equals stay in the order of their ids.",
                ),
            ),
        ),
        Part(
            "temperature 0 takes the best",
            greedy,
            chances,
            "At temperature 0 the best token has the probability 1 and all others 0.",
            (
                Mistake(
                    "divides by 0",
                    lambda logits, t, k: torch.full_like(logits, math.nan),
                    "You divide by a temperature of 0, and everything becomes nan. Treat 0 by "
                    "itself, before you divide: it means, take the best.",
                ),
                Mistake(
                    "returns the token",
                    lambda logits, t, k: logits.argmax(),
                    "At temperature 0 you return the token itself. Return probabilities here too: "
                    "1 for this token and 0 for all others.",
                ),
                Mistake(
                    "like temperature 1",
                    lambda logits, t, k: chances(logits, 1, k),
                    "Your temperature 0 does what 1 does. It means the opposite of chance: all of "
                    "it goes to the best token.",
                ),
            ),
        ),
        Part(
            "temperature 0 and two that are best",
            greedy_tie,
            chances,
            "Greedy means one token, always the same: of equals the one with the lower id.",
            (
                Mistake(
                    "equals share",
                    lambda logits, t, k: (logits == logits.max()) / (logits == logits.max()).sum(),
                    "Two tokens share the first place and you give both a half. Did you put a "
                    "tiny temperature in place of 0? Then chance decides, and greedy should leave "
                    "nothing to chance: `argmax`.",
                ),
                Mistake(
                    "the higher id",
                    lambda logits, t, k: chances(logits.flip(0), t, k).flip(0),
                    "Of two tokens that are equally good you take the one with the higher id. "
                    "`argmax` takes the first.",
                ),
            ),
        ),
    ),
)


# --- 04.3 the learning rate ----------------------------------------------------------------------


def schedule(seed: int, warm: int = 5) -> tuple:
    """(steps, peak, warm, final) of a short run."""
    return 25 + 4 * (seed % 7), 2e-4, warm, 0.1


def cosine(step, steps, peak, warm, final) -> float:
    """A linear warm-up, then half a cosine from the peak to its share `final`."""
    if step < warm:
        return peak * (step + 1) / warm
    return peak * fall((step - warm) / (steps - warm), final)


def fall(done: float, final: float) -> float:
    """The share of the peak when that share of the way down is done."""
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))


def over(first, last):
    """A way to ask for the rates of the steps from `first` to before `last`."""

    def ask(rate, steps, peak, warm, final):
        between = range(first(steps, warm), last(steps, warm))
        return [rate(step, steps, peak, warm, final) for step in between]

    return ask


warming = over(lambda steps, warm: 0, lambda steps, warm: warm)
at_the_top = over(lambda steps, warm: warm, lambda steps, warm: warm + 1)
falling = over(lambda steps, warm: warm, lambda steps, warm: steps)


def without_warm_up(answer, *given):
    return outcome(lambda *again: falling(answer, *again), *given)


def rates(when, formula):
    """What a formula gives for those steps, from the part's arguments."""
    return lambda *given: when(formula, *given)


EXACT = 1e-9  # rates are small numbers

RATE = Exercise(
    id="04.3",
    title="Up, then down",
    teaches="a learning rate with warm-up and cosine decay",
    difficulty="medium",
    minutes=15,
    answer="rate_at",
    fallback=lambda: cosine,
    parts=(
        Part(
            "it rises to the peak",
            schedule,
            rates(warming, cosine),
            "During warm-up the rate rises by the same amount at each step, and its last step "
            "reaches the peak.",
            (
                Mistake(
                    "begins at 0",
                    rates(warming, lambda t, steps, peak, warm, final: peak * t / warm),
                    "Your first step has the rate 0: it computes a gradient and moves nothing. "
                    "Steps are counted from 0 here, so use step + 1.",
                ),
                Mistake(
                    "no warm-up",
                    rates(warming, lambda t, steps, peak, warm, final: peak),
                    "You begin at the peak. In the first `warm` steps the rate should rise to it.",
                ),
                Mistake(
                    "falls from the start",
                    rates(
                        warming, lambda t, steps, peak, warm, final: peak * fall(t / steps, final)
                    ),
                    "Your rate falls from the first step on. Ask first whether the step belongs to "
                    "the warm-up.",
                ),
            ),
            warming,
            EXACT,
        ),
        Part(
            "the way down begins at the peak",
            schedule,
            rates(at_the_top, cosine),
            "The first step after the warm-up still has the peak rate: nothing of the way down is "
            "done yet.",
            (
                Mistake(
                    "cosine counted from step 0",
                    rates(
                        at_the_top,
                        lambda t, steps, peak, warm, final: peak * fall(t / steps, final),
                    ),
                    "There is a jump after the warm-up, because your cosine has been running since "
                    "step 0. It begins where the warm-up ends: count from there.",
                ),
                Mistake(
                    "one step ahead",
                    rates(
                        at_the_top,
                        lambda t, steps, peak, warm, final: (
                            peak * fall((t + 1 - warm) / (steps - warm), final)
                        ),
                    ),
                    "Your cosine is one step ahead. The + 1 belongs to the warm-up only.",
                ),
            ),
            at_the_top,
            EXACT,
        ),
        Part(
            "it falls along half a cosine",
            schedule,
            rates(falling, cosine),
            "It begins right and then falls otherwise than half a cosine. Draw it with matplotlib "
            "and see where it ends: just above final × peak.",
            (
                Mistake(
                    "a straight line",
                    rates(
                        falling,
                        lambda t, steps, peak, warm, final: (
                            peak * (1 - (1 - final) * (t - warm) / (steps - warm))
                        ),
                    ),
                    "Your rate falls along a straight line. That is used as well, but the cosine "
                    "stays high for longer and lands more gently.",
                ),
                Mistake(
                    "falls to 0",
                    rates(falling, lambda *given: cosine(*given[:-1], 0.0)),
                    "Your rate falls to 0. It should end at final × peak.",
                ),
                Mistake(
                    "a whole wave",
                    rates(
                        falling,
                        lambda t, steps, peak, warm, final: (
                            peak * fall(2 * (t - warm) / (steps - warm), final)
                        ),
                    ),
                    "Your rate comes up again: that is a whole wave of the cosine. Half of one goes "
                    "from 1 to -1, and takes π.",
                ),
                Mistake(
                    "final taken for a rate",
                    rates(
                        falling,
                        lambda t, steps, peak, warm, final: (
                            final + (peak - final) * fall((t - warm) / (steps - warm), 0.0)
                        ),
                    ),
                    "You take `final` for a learning rate. It is a share of the peak: the end is at "
                    "final × peak.",
                ),
                Mistake(
                    "never arrives",
                    rates(
                        falling,
                        lambda t, steps, peak, warm, final: peak * fall((t - warm) / steps, final),
                    ),
                    "Your rate is still well above its end when the run is over: the way down has "
                    "only steps - warm steps. Divide by that.",
                ),
            ),
            falling,
            EXACT,
        ),
        Part(
            "there may be no warm-up",
            lambda seed: schedule(seed, warm=0),
            lambda *given: {"returns": falling(cosine, *given)},
            "With warm = 0 the first step has the peak rate, and the way down begins at once.",
            (
                Mistake(
                    "divides by no steps",
                    lambda *given: {"raises": "ZeroDivisionError"},
                    "With warm = 0 you divide by 0. Divide only in a step that belongs to the "
                    "warm-up.",
                ),
            ),
            without_warm_up,
            EXACT,
        ),
    ),
)


# --- 04.4 a fair comparison (open) ---------------------------------------------------------------

ARMS = ("small", "large")
CLOSE = 0.05  # budgets that differ by less are called the same


def no_arguments(seed: int) -> tuple:
    return ()


def is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def missing(plan) -> list[str]:
    """What the plan lacks, by the names of its entries."""
    if not isinstance(plan, dict):
        return ["plan"]
    lacks = [
        f"{arm}: {key}"
        for arm in ARMS
        for key in ("rows", "epochs")
        if not isinstance(plan.get(arm), dict) or not is_count(plan[arm].get(key))
    ]
    lacks += [] if is_count(plan.get("batch_size")) else ["batch_size"]
    lacks += [] if isinstance(plan.get("seeds"), (list, tuple)) else ["seeds"]
    return lacks + ([] if isinstance(plan.get("compare_on"), str) else ["compare_on"])


def more_rows(plan) -> str:
    small, large = (plan[arm]["rows"] for arm in ARMS)
    return "large has more" if large >= 2 * small else "too alike" if large > small else "swapped"


def budget(plan) -> str:
    """Whose arm takes more optimiser steps."""
    small, large = (
        math.ceil(plan[arm]["rows"] / plan["batch_size"]) * plan[arm]["epochs"] for arm in ARMS
    )
    if abs(small - large) <= CLOSE * max(small, large):
        return "the same"
    if plan["small"]["epochs"] == plan["large"]["epochs"]:
        return "the same epochs"
    return "large takes more" if large > small else "small takes more"


def seeds(plan) -> str:
    different = len(set(plan["seeds"]))
    if different >= 3:
        return "three or more"
    return "one" if len(plan["seeds"]) == 1 else "too few"


def compared_on(plan) -> str:
    text = plan["compare_on"].strip().lower()
    return next((name for name in ("validation", "test", "train") if name in text), text)


def of_the_plan(question):
    """A way to ask for what a question finds in the plan that the answer returns."""
    return lambda answer: question(call_it(answer))


FAIR = Exercise(
    id="04.4",
    title="More data, or more of the same?",
    teaches="fine-tuning on a larger data set, and a comparison that answers one question",
    difficulty="open",
    minutes=40,
    answer="make_plan",
    parts=(
        Part(
            "the plan is complete",
            no_arguments,
            list,  # nothing
            "Your plan lacks something, or a number in it is not a whole one above 0. It needs "
            "small and large with rows and epochs each, then batch_size, seeds and compare_on.",
            (),
            of_the_plan(missing),
        ),
        Part(
            "the large arm has clearly more rows",
            no_arguments,
            lambda: "large has more",
            "The larger data set should be larger.",
            (
                Mistake(
                    "arms swapped",
                    lambda: "swapped",
                    "Your `small` arm has at least as many rows as the `large` one. Swapped?",
                ),
                Mistake(
                    "hardly larger",
                    lambda: "too alike",
                    "Your arms hardly differ in size, so you will hardly see a difference. Take at "
                    "least twice as many rows.",
                ),
            ),
            of_the_plan(more_rows),
        ),
        Part(
            "both arms take as many steps",
            no_arguments,
            lambda: "the same",
            "Compare the numbers of optimiser steps: rows / batch_size, rounded up, times epochs.",
            (
                Mistake(
                    "the same epochs",
                    lambda: "the same epochs",
                    "Both arms have the same number of epochs, so the large one takes many more "
                    "steps. If it wins, was it the data or the training? Give the small arm more "
                    "epochs, until the steps are as many.",
                ),
                Mistake(
                    "large takes more",
                    lambda: "large takes more",
                    "The large arm takes more optimiser steps. Then two things differ, the data and "
                    "how long you train. Fewer epochs there, or more in the small arm.",
                ),
                Mistake(
                    "small takes more",
                    lambda: "small takes more",
                    "The small arm takes more optimiser steps than the large one. You went a "
                    "little far: fewer epochs there, or more in the large arm.",
                ),
            ),
            of_the_plan(budget),
        ),
        Part(
            "chance gets at least three tries",
            no_arguments,
            lambda: "three or more",
            "Give at least three different seeds: the range between them is your yardstick.",
            (
                Mistake(
                    "one seed",
                    lambda: "one",
                    "With one seed you see one difference, and cannot say how large it is by chance "
                    "alone. Take at least three.",
                ),
            ),
            of_the_plan(seeds),
        ),
        Part(
            "compared on rows that neither arm has seen",
            no_arguments,
            lambda: "validation",
            "Say which rows both arms are compared on, in one word.",
            (
                Mistake(
                    "test rows",
                    lambda: "test",
                    "You look at the test rows. Once you have chosen by them, they no longer tell "
                    "you how good your choice is. Choose on validation, and look at test once, at "
                    "the end.",
                ),
                Mistake(
                    "training rows",
                    lambda: "train",
                    "On its training rows the small arm looks best, because it has seen each of "
                    "them so often. Compare on rows that neither arm has seen.",
                ),
            ),
            of_the_plan(compared_on),
        ),
    ),
)


EXERCISES = (VALIDATION, TOP_K, RATE, FAIR)
