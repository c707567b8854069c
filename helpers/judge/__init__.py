"""Judges: they give a model's response a score from 0 to 100, next to the reference answer.

A judge is any object with a `name` and a method `score(record)` that returns `(score, raw)`: the
score, or None where the reply held no usable one, and the text it was read from. It may also have
`preflight()`, which raises JudgeError when there is no point in starting. Everything else, such as
journals, retries and summaries, is in `verdicts` and the same for all of them.
"""

from __future__ import annotations

from helpers.errors import SettingsError, nearest
from helpers.judge.ollama import OllamaJudge
from helpers.judge.reference import ReferenceJudge
from helpers.judge.verdicts import Verdict, judge_responses, read_verdicts, summarise

__all__ = [
    "OllamaJudge",
    "ReferenceJudge",
    "Verdict",
    "judge_from_name",
    "judge_responses",
    "read_verdicts",
    "summarise",
]

DEFAULT_OLLAMA_MODEL = "llama3"


def judge_from_name(name: str) -> ReferenceJudge | OllamaJudge:
    """The judge called `reference`, `ollama` (that is, `ollama:llama3`) or `ollama:MODEL`.

    >>> judge_from_name("ollama:phi3:mini").name
    'ollama:phi3:mini'
    """
    kind, _, model = name.partition(":")
    if name == "reference":
        return ReferenceJudge()
    if kind == "ollama":
        return OllamaJudge(model or DEFAULT_OLLAMA_MODEL)
    raise SettingsError(
        f"unknown judge {name!r}; {nearest(name, ['reference', 'ollama', 'ollama:MODEL'])}."
    )
