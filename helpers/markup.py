"""Pieces of HTML that pages without other files are made of."""

from __future__ import annotations

import html
from collections.abc import Sequence


def escaped(value: object) -> str:
    """Text for HTML; what no page can hold (halves of surrogate pairs) is replaced."""
    return html.escape(str(value).encode("utf-8", "replace").decode("utf-8"), quote=True)


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column names the rows. The cells are HTML, the rest is text."""
    about = escaped(caption)
    columns = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{about}"><table>'
        f"<caption>{about}</caption><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )
