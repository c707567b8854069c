"""Judges: they give a model's response a score from 0 to 100, next to the reference answer.

A judge is any object with a `name` and a method `score(record)` that returns `(score, raw)`: the
score, or None where the reply held no usable one, and the text it was read from. It may also have
`preflight()`, which raises JudgeError when there is no point in starting, `close()`, and what else
decides its verdicts: `digest` of its weights, `options`, `rubric`. Everything else, such as
journals, retries and summaries, is in `verdicts` and the same for all of them.
"""

from __future__ import annotations

from helpers.errors import SettingsError, nearest
from helpers.judge.llamacpp import LlamaCppJudge
from helpers.judge.ollama import OllamaJudge
from helpers.judge.openai import OpenAIJudge
from helpers.judge.reference import ReferenceJudge
from helpers.judge.rubric import RUBRICS, rubric_from_name
from helpers.judge.verdicts import Verdict, judge_responses, read_verdicts, summarise

__all__ = [
    "JUDGES",
    "RUBRICS",
    "LlamaCppJudge",
    "OllamaJudge",
    "OpenAIJudge",
    "ReferenceJudge",
    "Verdict",
    "judge_from_name",
    "judge_responses",
    "read_verdicts",
    "summarise",
]

DEFAULT_OLLAMA_MODEL = "llama3"


JUDGES = ("reference", "ollama:MODEL", "openai:MODEL@URL", "llamacpp:FILE.gguf")


def judge_from_name(
    name: str, *, rubric: str = "0-100", timeout: float | None = None, workers: int = 1, pull=None
):
    """The judge called `reference`, `ollama:MODEL`, `openai:MODEL@URL` or `llamacpp:FILE.gguf`.

    `rubric` names the scale and `timeout` is the seconds to wait for a reply, both for language
    models only; `workers` how many questions at a time it must bear, `pull` see OllamaJudge.

    >>> judge_from_name("ollama:phi3:mini").name
    'ollama:phi3:mini'
    """
    kind, _, rest = name.partition(":")
    options = {"rubric": rubric_from_name(rubric)}
    options |= {} if timeout is None else {"timeout": seconds(timeout)}
    if name == "reference":
        if rubric != "0-100":
            raise SettingsError(
                f"the reference judge is a formula and knows no rubric {rubric!r}: leave it out, or "
                "name a language model as judge."
            )
        return ReferenceJudge()
    if kind == "ollama":
        return OllamaJudge(rest or DEFAULT_OLLAMA_MODEL, pull=pull, **options)
    if kind == "openai" and rest.partition("@")[0] and rest.partition("@")[2]:
        model, _, url = rest.rpartition("@")  # a model's name may hold an @, a URL of ours not
        return OpenAIJudge(model, url, **options)
    if kind == "llamacpp" and rest:
        return LlamaCppJudge(rest, workers=workers, **options)
    raise SettingsError(f"unknown judge {name!r}; {nearest(name, [*JUDGES, 'ollama'])}.")


def seconds(timeout: float) -> float:
    """The time-out, if it is one that can be kept. Raises SettingsError otherwise."""
    if not 0 < timeout <= 3600:
        raise SettingsError(
            f"a time-out of {timeout:g} s: give more than 0 and at most 3600 seconds."
        )
    return timeout
