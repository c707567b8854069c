"""Our models in EleutherAI's lm-evaluation-harness, for numbers that others' can be put beside.

    from lm_eval import simple_evaluate
    from helpers.evaluate.harness import CourseLM
    simple_evaluate(model=CourseLM("gpt2-mini"), tasks=["mmlu"], num_fewshot=5)["results"]["mmlu"]

It needs the extra `harness` (python -m pip install -e ".[harness]"); the harness fetches its data sets
from the Hugging Face hub. Only tasks that compare log-likelihoods can be run, as MMLU does.
"""

from __future__ import annotations

from lm_eval.api.model import LM

from helpers.evaluate.likelihood import Ask, Score, batches, log_likelihoods
from helpers.model import GPT
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.weights import load_model


class CourseLM(LM):
    """A model of ours as the harness wants it: by name or folder, or loaded already."""

    def __init__(self, model: str | GPT = "gpt2-mini", *, device: str = "cpu"):
        super().__init__()
        self.model = model if isinstance(model, GPT) else load_model(model, device=device)
        self.model.eval()
        self.tokenizer = load_tokenizer()

    def loglikelihood(self, requests, disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """For each (context, continuation): its log-likelihood, and whether greedy decoding gives it.

        Continuations of the same context are computed together.
        """
        texts = [request.args for request in requests]
        contexts = list(dict.fromkeys(context for context, _ in texts))
        ends = {
            context: list(dict.fromkeys(e for c, e in texts if c == context))
            for context in contexts
        }
        asks = [self._ask(context, ends[context]) for context in contexts]
        found: dict[tuple[str, str], Score] = {}
        for part in batches(self.model, asks, 0):
            scores = log_likelihoods(self.model, [asks[i] for i in part])
            for i, own in zip(part, scores, strict=True):
                found.update(
                    {(contexts[i], e): s for e, s in zip(ends[contexts[i]], own, strict=True)}
                )
        return [tuple(found[text]) for text in texts]

    def _ask(self, context: str, ends: list[str]) -> Ask:
        """The token ids; a space at the context's end belongs to what follows (as in the harness).

        A context too long for the model loses its beginning; an empty one becomes the end token.
        """
        bare = context.rstrip()
        spaces = context[len(bare) :]
        prompt = self.tokenizer.encode_ordinary(bare) or [END_OF_TEXT]
        continuations = [self._end(bare, spaces + end) for end in ends]
        room = self.model.config.n_positions + 1 - max(map(len, continuations))
        return Ask(prompt[-room:], continuations)

    def _end(self, bare: str, end: str) -> list[int]:
        whole = self.tokenizer.encode_ordinary(bare + end)
        return whole[len(self.tokenizer.encode_ordinary(bare)) :]

    def loglikelihood_rolling(self, requests, disable_tqdm: bool = False):
        """Not offered: perplexity tasks need it, multiple choice does not."""
        raise NotImplementedError("CourseLM runs tasks that compare continuations, such as mmlu.")

    def generate_until(self, requests, disable_tqdm: bool = False):
        """Not offered: `course generate` answers, and `course judge` scores."""
        raise NotImplementedError("CourseLM runs tasks that compare continuations, such as mmlu.")
