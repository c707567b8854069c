"""Ways to ask an answer that more than one exercise uses; all return plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.checks.exercise import call_it


def nth(k: int, of: int) -> Callable[..., Any]:
    """A way to ask for one of the `of` things that the answer returns together.

    Where it returns something else, that is what comes back, and is wrong.
    """

    def call(answer: Any, *arguments: Any) -> Any:
        got = call_it(answer, *arguments)
        return got[k] if isinstance(got, (tuple, list)) and len(got) == of else got

    return call


def outcome(answer: Any, *arguments: Any) -> dict[str, Any]:
    """What the answer returns, or the name of the exception by which it refuses.

    Only refusals and arithmetic are caught: whatever else goes wrong is an error of the answer.
    """
    try:
        return {"returns": call_it(answer, *arguments)}
    except (ValueError, ArithmeticError) as error:
        return {"raises": type(error).__name__}
