"""Thin ipywidgets shells around functions of the course. Only notebooks import this.

Every widget has a plain-variable twin in its notebook, and the first picture is drawn by plain
code: without a widget front end nothing is lost but the clicking. Errors inside a callback are
shown in the widget itself, where Jupyter would swallow them.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable
from contextlib import suppress

import ipywidgets

from helpers.chat import Answer, Chat, messages, read_history, remark
from helpers.errors import CourseError
from helpers.masking import ARMS, segment_weights

WEIGHTED = "response@"  # the arm whose name ends in a prompt weight
_LABEL = {"description_width": "initial"}  # a fixed width would cut the labels
# What ipywidgets leaves undone in JupyterLab, mended by a style and the handler of its arrival:
# it marks a focused list hardly at all, its checkbox's label cuts off the ring, and the notebook
# takes the arrow keys from a list (and letters: "a" would insert a cell) unless that is forbidden.
_MENDED = """<style onload="this.closest('.course-toggle').addEventListener('focusin', event => {
  if (event.target.matches('select')) event.target.setAttribute('data-lm-suppress-shortcuts', '');
})">
.course-toggle :is(input, select):focus-visible {
  outline: 2px solid var(--jp-brand-color1, #0072b2) !important; outline-offset: 1px; }
.course-toggle .widget-checkbox label { overflow: visible; }
</style>"""


class MaskingToggle(ipywidgets.VBox):
    """Controls that choose an arm, and a picture of it: `draw(loss_on)` as HTML, drawn anew each time.

    A checkbox, a list of the arms and a prompt weight, kept in step: the box is ticked when the arm
    gives the instruction no weight; ticking it chooses "response", unticking "all". The chosen arm
    is `.loss_on`. Whatever `draw` raises is shown: a CourseError as its message (the last picture
    stays), anything else with its traceback. Raises SettingsError for an unknown first arm.
    """

    def __init__(self, draw: Callable[[str], str], *, loss_on: str = "all"):
        segment_weights(loss_on)  # raises for an unknown arm
        arm, at, weight = loss_on.partition("@")
        self.draw, self.drawn, self.masked = draw, "", False
        self.box = ipywidgets.Checkbox(description="Mask the instruction", indent=False)
        self.arms = ipywidgets.Dropdown(
            options=[*((name, name) for name in ARMS), ("response with prompt weight", WEIGHTED)],
            value=arm + at,
            description="Loss on",
            style=_LABEL,
        )
        # A text field: a number field would change or drop an impossible weight without a word.
        self.weight = ipywidgets.Text(
            value=weight or "0.1",
            description="Prompt weight, 0 to 1",
            style=_LABEL,
            continuous_update=False,
        )
        self.status, self.picture = ipywidgets.HTML(), ipywidgets.HTML()
        self.trouble = ipywidgets.Output()
        for control, width in ((self.box, "auto"), (self.arms, "auto"), (self.weight, "18em")):
            control.layout = {"width": width, "margin": "2px 12px 2px 0"}
        # The padding is room for the ring of a focused control: the boxes around cut it off.
        controls = ipywidgets.HBox(
            [self.box, self.arms, self.weight], layout={"flex_flow": "row wrap", "padding": "4px"}
        )
        mended = ipywidgets.HTML(_MENDED, layout={"display": "none"})
        super().__init__([mended, controls, self.status, self.picture, self.trouble])
        self.add_class("course-toggle")
        self._say(self._update())  # an error of the first picture is an error of the cell
        self.box.observe(self._ticked, names="value")
        self.arms.observe(self._changed, names="value")
        self.weight.observe(self._changed, names="value")

    @property
    def loss_on(self) -> str:
        """The chosen arm as the course writes it, for example "all" or "response@0.1"."""
        weight = self.weight.value.strip() if self.arms.value == WEIGHTED else ""
        return self.arms.value + weight

    def _ticked(self, _change) -> None:
        # Nothing to do when it was `_update` that ticked the box.
        if self.box.value != self.masked:
            self.arms.value = "response" if self.box.value else "all"

    def _changed(self, _change) -> None:
        # The controls stay enabled meanwhile: disabling one would take the keyboard's focus from
        # it, and a change made while the kernel draws is drawn next.
        self.trouble.clear_output()
        self._say("working…")
        line = f"Not drawn; the error stands below. The picture still shows: loss on {self.drawn}."
        with self.trouble:
            line = self._update()
        self._say(line)

    def _update(self) -> str:
        """Bring the controls into step and draw; returns what to say about it."""
        self.weight.disabled = self.arms.value != WEIGHTED
        try:
            self.masked = segment_weights(self.loss_on)["instruction"] == 0
            self.box.value = self.masked
            self.picture.value = self.draw(self.loss_on)
        except CourseError as error:
            if not self.drawn:
                raise
            text = f"{error} The picture still shows: loss on {self.drawn}."
            return f'<span role="alert"><b>{html.escape(text)}</b></span>'
        self.drawn = self.loss_on
        return f"Shown: loss on {html.escape(self.drawn)}."

    def _say(self, line: str) -> None:
        self.status.value = f'<span role="status" aria-live="polite">{line}</span>'


# The arena's keys work while the focus is inside it, and only there; the notebook's own shortcuts
# ("a" and "b" insert cells) are off meanwhile.
_KEYS = """<style onload="{
  const arena = this.closest('.course-arena');
  arena.setAttribute('data-lm-suppress-shortcuts', '');
  arena.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const key = event.key.toLowerCase();
    if (!'abtsu'.includes(key) || key.length != 1) return;
    const button = arena.querySelector('.course-key-' + key);
    event.preventDefault(); event.stopPropagation();
    if (button) button.click();
  });
  // The second click of a double click would be a vote on a pair that nobody has read.
  arena.addEventListener('click', event => {
    if (event.detail > 1) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);
}">
.course-arena button:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #0072b2) !important; outline-offset: 2px; }
.course-arena .course-answers { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); }
.course-arena section { border: 1px solid #8a8a8a; border-radius: 6px; padding: 4px 12px 8px; }
.course-arena h4 { margin: 6px 0; }
.course-arena .course-text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.45; }
</style>"""


class ArenaVote(ipywidgets.VBox):
    """The arena to vote in by mouse or keys: two answers without names, five buttons.

    arena: a `helpers.evaluate.arena.Arena`. Each vote is stored before anything is shown; then the
    line under the buttons tells who was who, and the next pair is there. While the focus is inside,
    the keys a, b, t, s and u press the buttons. What goes wrong is told in the widget, and the pair
    stays. `on_vote(vote)` is called after each.
    """

    BUTTONS = (
        ("a", "A is better", "left"),
        ("b", "B is better", "right"),
        ("t", "Tie", "tie"),
        ("s", "Skip", "skip"),
        ("u", "Undo", "undo"),
    )

    def __init__(self, arena, *, on_vote: Callable | None = None):
        self.arena, self.on_vote = arena, on_vote
        self.request, self.status = ipywidgets.HTML(), ipywidgets.HTML()
        self.trouble = ipywidgets.Output()
        self.buttons = {}
        for key, words, choice in self.BUTTONS:
            button = ipywidgets.Button(description=f"{words} ({key})", layout={"width": "auto"})
            button.add_class(f"course-key-{key}")
            button.on_click(lambda _, choice=choice: self._pressed(choice))
            self.buttons[choice] = button
        # The padding is room for the ring of a focused button: the box around cuts it off.
        row = ipywidgets.HBox(
            list(self.buttons.values()), layout={"flex_flow": "row wrap", "padding": "4px"}
        )
        keys = ipywidgets.HTML(_KEYS, layout={"display": "none"})
        super().__init__([keys, self.request, row, self.status, self.trouble])
        self.add_class("course-arena")
        self._show("Press a key or a button. Who wrote what is told after your vote.")

    def _pressed(self, choice: str) -> None:
        self.trouble.clear_output()
        with self.trouble:
            try:
                line = self._undo() if choice == "undo" else self._vote(choice)
            except CourseError as error:
                line = f'<b role="alert">{html.escape(str(error))}</b>'
            self._show(line)

    def _vote(self, choice: str) -> str:
        vote = self.arena.vote(choice)
        if self.on_vote is not None:
            self.on_vote(vote)
        kept = {"left": "A is better", "right": "B is better", "tie": "a tie", "skip": "skipped"}
        return f"Kept: {kept[choice]}. {html.escape(self.arena.who())}."

    def _undo(self) -> str:
        self.arena.undo()
        return "Taken back: this is the last pair again. Its new vote is marked as not blind."

    def _show(self, line: str) -> None:
        """Draw the current pair, and say the line and how far one has come."""
        matchup = self.arena.current
        done, of = self.arena.place
        # No button is ever disabled: that would take the focus, and with it the keys, away.
        ended = "<p>Every pair has your vote. Thank you.</p>"
        self.request.value = ended if matchup is None else _pair(matchup)
        far = f"{done} of {of} pairs done."
        self.status.value = f'<span role="status" aria-live="polite">{line} {far}</span>'


def _pair(matchup) -> str:
    """Request and answers as HTML, without names."""
    record = matchup.record
    asked = record["instruction"]
    if record["input"] and record["input"].strip():
        asked += f"\n\n{record['input']}"
    answers = "".join(
        f'<section aria-label="Answer {name}"><h4>Answer {name}</h4>'
        f'<div class="course-text">{html.escape(text) or "<i>(nothing)</i>"}</div></section>'
        for name, text in zip("AB", matchup.answers, strict=True)
    )
    return (
        f'<h4>Request</h4><div class="course-text">{html.escape(asked)}</div>'
        f'<div class="course-answers">{answers}</div>'
    )


# Enter and Esc press buttons. What was typed is sent to the kernel when a field is left or Enter is
# pressed: the event below does it before the button's own message goes. The line that screen
# readers follow keeps its element: of one that comes new with its text, nothing may be read.
_CHAT = """<style onload="{
  const chat = this.closest('.course-chat');
  const press = name => chat.querySelector('.course-chat-' + name).click();
  const follow = () => {
    const line = chat.querySelector('.course-chat-status');
    if (line) { line.setAttribute('role', 'status'); line.setAttribute('aria-live', 'polite'); }
  };
  chat.setAttribute('data-lm-suppress-shortcuts', '');
  chat.addEventListener('focusin', follow);
  chat.addEventListener('keydown', event => {
    const field = event.target.matches('textarea, input');
    if (event.key == 'Escape') press('stop');
    else if (event.key == 'Enter' && field && !event.shiftKey && !event.isComposing) {
      event.target.dispatchEvent(new Event('change', {bubbles: true}));
      press('send');
    } else return;
    event.preventDefault(); event.stopPropagation();
  }, true);
}">
.course-chat :is(textarea, input, button):focus-visible {
  outline: 2px solid var(--jp-brand-color1, #0072b2) !important; outline-offset: 1px; }
.course-chat .widget-textarea { overflow: visible; }
.course-chat .course-columns { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); }
.course-chat .course-columns > * { border: 1px solid #8a8a8a; border-radius: 6px; padding: 4px 12px 8px;
  min-height: 4em; }
.course-chat h4 { margin: 6px 0; }
.course-chat .course-text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.45; }
.course-chat .course-heard { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
</style>"""


class ChatBox(ipywidgets.VBox):
    """A chat in a notebook: what is typed is answered by all models side by side, token by token.

    chat: a `helpers.chat.Chat`. Enter sends, Shift and Enter begin a new line, Esc and the Stop
    button end all answers at once. Screen readers are told the finished answers, not each token.
    What goes wrong is told in the widget, and what was typed stays. The models write while the
    kernel is free: when another cell runs, they wait for its end.
    """

    DRAW_EVERY = 0.05  # seconds: a browser that had to draw each token would fall behind
    SHOWN = 10  # messages of the history

    def __init__(self, chat: Chat):
        self.chat, self.answers = chat, []  # those that are being written
        self.stopped, self.drawn = False, 0.0
        area, options = {"width": "auto"}, chat.options
        self.message = _field("Message", ipywidgets.Textarea, rows=2, layout=area)
        self.input = _field("Input (optional)", ipywidgets.Textarea, rows=1, layout=area)
        self.temperature = _field("Temperature (0: greedy)", value=f"{options.temperature:g}")
        self.top_k = _field("Top-k (empty: all)", value=str(options.top_k or ""))
        self.buttons = {}
        for name, words, pressed in (
            ("send", "Send (Enter)", self._ask),
            ("stop", "Stop (Esc)", self._stop),
            ("history", "Show history", self._history),
        ):
            button = ipywidgets.Button(description=words, layout={"width": "auto"})
            button.add_class(f"course-chat-{name}")
            button.on_click(lambda _, pressed=pressed: self._pressed(pressed))
            self.buttons[name] = button
        for field in (self.temperature, self.top_k):
            field.layout.margin = "2px 12px 2px 0"
        self.columns, self.status, self.older = (ipywidgets.HTML() for _ in range(3))
        self.status.add_class("course-chat-status")
        self.trouble = ipywidgets.Output()
        # The padding is room for the ring of a focused control: the boxes around cut it off.
        row = {"flex_flow": "row wrap", "padding": "4px"}
        fields = ipywidgets.VBox([self.message, self.input], layout={"padding": "4px"})
        numbers = ipywidgets.HBox([self.temperature, self.top_k], layout=row)
        buttons = ipywidgets.HBox(list(self.buttons.values()), layout=row)
        keys = ipywidgets.HTML(_CHAT, layout={"display": "none"})
        shown = [self.status, self.columns, self.older, self.trouble]
        super().__init__([keys, fields, numbers, buttons, *shown])
        self.add_class("course-chat")
        self._say("Type a message and press Enter. Each stands alone: no model sees earlier ones.")

    def _pressed(self, do: Callable) -> None:
        self.trouble.clear_output()
        with self.trouble:
            try:
                do()
            except CourseError as error:
                self._complain(error)

    def _ask(self) -> None:
        if self.answers:
            self._say("The models are still writing. Esc or Stop ends their answers.")
            return
        typed = {"temperature": self.temperature.value, "top_k": self.top_k.value}
        self.chat.options = self.chat.options.changed(**typed)
        self.answers = self.chat.ask(self.message.value, self.input.value)
        self.stopped = False
        self.message.value = self.input.value = ""
        self._say(f"Writing, {html.escape(str(self.chat.options))} …")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: nobody could press Stop meanwhile
            asyncio.run(self._write(self.answers))
        else:  # the kernel's, which sees to the buttons between any two tokens
            self.task = loop.create_task(self._write(self.answers))

    def _stop(self) -> None:
        self.stopped = True
        if not self.answers:
            self._say("Nothing is being written.")

    async def _write(self, answers: list[Answer]) -> None:
        """Let the models write, and tell how it ended."""
        try:
            await self._in_turns(answers)
            for answer in answers:
                answer.stop()
            self._tell(answers)
        except CourseError as error:
            self._complain(error)
        except Exception:
            self._say("An answer failed; the error stands below.")
            with self.trouble:
                raise
        finally:
            for answer in answers:
                with suppress(CourseError):  # told already
                    answer.stop()
            self._draw(answers, at_once=True)
            self.answers = []

    async def _in_turns(self, answers: list[Answer]) -> None:
        """A token of each answer in turn, until all have ended or Stop is pressed."""
        writing = list(answers)
        while writing:
            for answer in list(writing):
                if next(iter(answer), None) is None:
                    writing.remove(answer)
                self._draw(answers, at_once=False)
                await asyncio.sleep(0)
                if self.stopped:
                    return

    def _draw(self, answers: list[Answer], *, at_once: bool) -> None:
        if at_once or time.monotonic() - self.drawn >= self.DRAW_EVERY:
            self.columns.value = _columns([answer.line for answer in answers])
            self.drawn = time.monotonic()

    def _tell(self, answers: list[Answer]) -> None:
        """A short line to see, the answers themselves to hear."""
        ends = [f"{a.model}: {remark(a.line) or 'ended by itself'}" for a in answers]
        seen = html.escape(f"{'; '.join(ends)}. Kept in {self.chat.history}.")
        heard = html.escape(" ".join(f"{a.model} says: {a.text}." for a in answers))
        self._say(f'{seen} <span class="course-heard">{heard}</span>')

    def _history(self) -> None:
        button = self.buttons["history"]
        if self.older.value:
            self.older.value, button.description = "", "Show history"
            return
        found = messages(read_history(self.chat.history), self.SHOWN)
        parts = (
            "".join(_columns(lines, "") for lines in reversed(found))
            or "<p>Nothing has been said yet.</p>"
        )
        title = (
            f"The last {len(found)} messages in {self.chat.history}, newest first"
            if found
            else "History"
        )
        self.older.value = f"<h4>{html.escape(title)}</h4>{parts}"
        button.description = "Hide history"

    def _complain(self, error: CourseError) -> None:
        self._say(f'<b role="alert">{html.escape(str(error))}</b>')

    def _say(self, line: str) -> None:
        self.status.value = line


def _field(words: str, kind=ipywidgets.Text, **options):
    """A field whose text reaches the kernel when it is left, or by Enter."""
    return kind(description=words, style=_LABEL, continuous_update=False, **options)


def _columns(lines: list[dict], title: str = "You") -> str:
    """A message and its answers as HTML, side by side where there is room.

    With a title they are regions and headings to jump to; without one, parts of the history.
    """
    asked = html.escape("\n\n".join(filter(None, (lines[0]["instruction"], lines[0]["input"]))))
    answers = ""
    for line in lines:
        name, ended = html.escape(line["model"]), html.escape(remark(line))
        text = f'<div class="course-text">{html.escape(line["response"])}</div>'
        text += f"<i>({ended})</i>" if ended else ""
        if title:
            busy = "false" if line["finish_reason"] else "true"
            heading = f'<section aria-label="{name}" aria-busy="{busy}"><h4>{name}</h4>'
            answers += f"{heading}{text}</section>"
        else:
            answers += f"<div><b>{name}</b>{text}</div>"
    head = f"<h4>{title}</h4>" if title else "<hr>"
    asked = f'{head}<div class="course-text">{asked}</div>'
    return f'{asked}<div class="course-columns">{answers}</div>'
