"""Thin ipywidgets shells around functions of the course. Only notebooks import this.

Every widget has a plain-variable twin in its notebook, and the first picture is drawn by plain
code: without a widget front end nothing is lost but the clicking. Errors inside a callback are
shown in the widget's own output, where Jupyter would swallow them.
"""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
from IPython.display import HTML, display


def masking_toggle(draw: Callable[[str], str], *, value: bool = False) -> ipywidgets.VBox:
    """A labelled checkbox that redraws `draw(loss_on)` (HTML): unticked "all", ticked "response"."""
    box = ipywidgets.Checkbox(
        value=value, description="Mask the instruction", indent=False, layout={"width": "auto"}
    )
    picture = ipywidgets.Output()

    @picture.capture(clear_output=True, wait=True)
    def redraw(_change=None):
        display(HTML(draw("response" if box.value else "all")))

    box.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([box, picture])
