"""Pieces of HTML that pages without other files are made of."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_NUMBER = re.compile(r"[-−+]?\d[\d,.]*")


def escaped(value: object) -> str:
    """Text for HTML; what no page can hold (halves of surrogate pairs) is replaced."""
    return html.escape(str(value).encode("utf-8", "replace").decode("utf-8"), quote=True)


def prose(value: object) -> str:
    """A sentence for HTML, in which `code` and *stress* are set as such; all else is escaped."""
    parts = re.split(r"`([^`\n]+)`", escaped(value))
    return "".join(
        f"<code>{part}</code>"
        if number % 2
        else re.sub(r"(?<![\w*])\*(\w[^*\n]*)(?<=\w)\*", r"<em>\1</em>", part)
        for number, part in enumerate(parts)
    )


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column names the rows. The cells are HTML, the rest is text.

    A column of nothing but numbers stands to the right, as numbers are compared.
    """
    about, numbers = escaped(caption), list(zip(*rows, strict=True))
    look = [
        ' class="num"' if place and all(map(_NUMBER.fullmatch, cells)) else ""
        for place, cells in enumerate(numbers)
    ] or [""] * len(head)
    columns = "".join(
        f'<th scope="col"{how}>{escaped(name)}</th>' for how, name in zip(look, head, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f"<td{how}>{cell}</td>" for how, cell in zip(look[1:], rest, strict=True))
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{about}"><table>'
        f"<caption>{about}</caption><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )
