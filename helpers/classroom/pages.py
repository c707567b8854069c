"""What a student and what the instructor reads: a page each, one file that needs nothing else.

Everything that a submission can have put into a page (names, messages, what came back) is escaped.
The look is the site's, from assets/site/style.css.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd

from helpers import plots
from helpers.data import ASSETS
from helpers.markup import escaped, prose, table

MOST_DRAWN = 12  # sub-checks in the figure; the tables have all
MOST_ANSWERS = 5  # wrong answers of a sub-check on the page; grades.json has all
HOW = {
    "namespaces": "Each submission ran in a process of its own, without network, and could write to "
    "a small folder of its own only.",
    "guard": "Each submission ran in a process of its own in which Python refused network and "
    "writing elsewhere. This machine offers nothing stronger.",
}


def feedback_page(row: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """A student's page: every exercise with its verdict, and what to try next."""
    titles = report["titles"]
    n, attempted = len(row["exercises"]), len(row["exercises"]) - row["not_attempted"]
    lead = f"{row['passed']} of {n} exercises passed, {attempted} of {n} attempted."
    body = [f'<p class="lead">{lead}</p>', notices(row["problems"])]
    rows = [
        [f'<a href="#ex-{escaped(one["exercise"])}">{escaped(one["exercise"])}</a>']
        + [escaped(titles[one["exercise"]]), escaped(one["verdict"])]
        for one in row["exercises"]
    ]
    body.append(table("All exercises", ["exercise", "title", "verdict"], rows))
    body += [exercise_section(one, titles[one["exercise"]]) for one in row["exercises"]]
    return page(f"Feedback for {row['name']}", "\n".join(body), report)


def exercise_section(one: Mapping[str, Any], title: str) -> str:
    """What became of one exercise, part by part."""
    id = escaped(one["exercise"])
    lines = [f'<h2 id="ex-{id}">{id} · {escaped(title)} · {escaped(one["verdict"])}</h2>']
    if one["message"]:
        lines.append(f"<p>{prose(one['message'])}</p>")
    items = []
    for part in one["parts"]:
        item = f"<strong>{escaped(part['verdict'])}</strong>: {prose(part['part'])}"
        if part["message"]:
            item += f"<br>{prose(part['message'])}"
        if part["got"]:
            item += f"<br>What came back: <code>{escaped(part['got'])}</code>"
        items.append(f"<li>{item}</li>")
    return "\n".join([*lines, f"<ol>{''.join(items)}</ol>" if items else ""])


def class_page(report: Mapping[str, Any]) -> str:
    """The instructor's page: who did what, which sub-check fails most, and how."""
    students, exercises = report["students"], report["class"]
    notes = [f"{row['name']}: {problem}" for row in students for problem in row["problems"]]
    body = [
        f'<p class="lead">{len(students)} students, {len(exercises)} exercises.</p>',
        notices([*report["problems"], *notes]),
        '<h2 id="hard">What the class did not understand</h2>',
        hardest(exercises, len(students)),
        '<h2 id="wrong">The commonest wrong answers</h2>',
        wrong_answers(exercises),
        '<h2 id="exercises">Exercise by exercise</h2>',
        count_table("Verdicts by exercise", exercises),
        '<h2 id="students">Student by student</h2>',
        student_table(students),
    ]
    return page("What the class did", "\n".join(body), report)


def hardest(exercises: Sequence[Mapping], n: int) -> str:
    """A figure of the sub-checks at which most answers end."""
    rows = [
        {"sub-check": f"{e['exercise']} {p['part']}".replace("`", ""), "students": p["failed"]}
        for e in exercises
        for p in e["parts"]
    ]
    rows.sort(key=lambda row: -row["students"])
    if not rows:
        return "<p>No answer that was given is wrong.</p>"
    drawn = pd.DataFrame(rows[:MOST_DRAWN])
    names = [_two_lines(name) for name in drawn["sub-check"]]
    fig, ax = plots.figure(height=0.9 + 0.36 * len(drawn) + 0.1 * "\n".join(names).count("\n"))
    places = range(len(drawn))
    bars = ax.barh(places, drawn["students"], 0.6, color="#0072b2")
    ax.bar_label(bars, padding=4)
    ax.set_yticks(list(places), names, parse_math=False)
    ax.set(xlabel="students whose answer fails here", xlim=(0, 1.12 * max(drawn["students"])))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.invert_yaxis()
    top, more = rows[0], len(rows) - len(drawn)
    caption = (
        f"At which sub-check the answers of {n} students fail: most often, {top['students']} "
        f"{'time' if top['students'] == 1 else 'times'}, at {top['sub-check']}."
    )
    if more:
        caption += f" Drawn are the first {len(drawn)}; the table has {more} more."
    return plots.show(fig, caption, table=pd.DataFrame(rows))._repr_html_()


def _two_lines(text: str, limit: int = 40) -> str:
    return "\n".join(textwrap.wrap(text, limit, max_lines=2, placeholder=" …"))


def wrong_answers(exercises: Sequence[Mapping]) -> str:
    """For each sub-check, the wrong answers that several gave, the commonest first."""
    rows = []
    for e in exercises:
        for part in e["parts"]:
            for answer in part["answers"][:MOST_ANSWERS]:
                name = f"{e['exercise']} {part['part']}"
                rows.append((answer["students"], name, answer["answer"]))
    rows.sort(key=lambda row: -row[0])
    if not rows:
        return "<p>There are none.</p>"
    cells = [[prose(name), escaped(answer), str(n)] for n, name, answer in rows]
    return table("Wrong answers, grouped", ["sub-check", "answer", "students"], cells)


COLUMNS = ("passed", "failed", "not_attempted", "error", "timeout")
HEAD = ("passed", "failed", "not attempted", "error", "time-out")


def count_table(caption: str, exercises: Sequence[Mapping]) -> str:
    """An HTML table: exercise by exercise, how many students have which verdict."""
    rows = [
        [escaped(f"{e['exercise']} {e['title']}"), *(str(e[key]) for key in COLUMNS)]
        for e in exercises
    ]
    return table(caption, ["exercise", *HEAD], rows)


def student_table(students: Sequence[Mapping]) -> str:
    """An HTML table: student by student, how many exercises have which verdict."""
    rows = [
        [
            f'<a href="{html.escape(quote(row["page"]))}">{escaped(row["name"])}</a>',
            *(str(row[key]) for key in ("notebooks", *COLUMNS)),
        ]
        for row in students
    ]
    return table("Students", ["student", "notebooks", *HEAD], rows)


# --- pieces of pages ------------------------------------------------------------------------------


def page(title: str, body: str, report: Mapping[str, Any]) -> str:
    """A whole page."""
    style = (ASSETS / "site" / "style.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}
body {{ display: block; }}
</style>
</head>
<body>
<main id="main"><article>
<h1>{escaped(title)}</h1>
{body}
</article></main>
<footer class="site-foot"><p>Course {escaped(report["course"])}. {HOW[report["isolation"]]}</p></footer>
</body>
</html>
"""


def notices(lines: Sequence[str]) -> str:
    """Each line as a paragraph that stands out, in HTML."""
    return "".join(f'<p class="notice">{escaped(line)}</p>' for line in lines)
