"""The site: every executed lesson as a page to read, the exercises and guides, and the map.

Each page is one file that needs nothing else: no network, no script, no other style sheet. What a
page says beyond its lesson comes from the lesson's own contract (the table under its title) and
from the README's map, so that nothing is written down twice. nbconvert turns cells into HTML;
this module gives them the shape of a page. The look is in assets/site/style.css.
"""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html

import helpers
from helpers.data import ASSETS
from helpers.errors import CourseError
from helpers.files import rewrite_text
from helpers.settings import COURSE, course_settings

NAME = "Instruction fine-tuning"
PURPOSE = "Take a pretrained GPT-2, teach it to follow instructions, and find out how good it is."
TIME = "Time"  # the contract's row with the minutes
GUIDES = {  # page → the file that it shows
    "setup": "docs/setup.md",
    "commands": "docs/commands.md",
    "glossary": "docs/glossary.md",
    "troubleshooting": "docs/troubleshooting.md",
    "instructors": "exercises/INSTRUCTORS.md",
    "grading": "docs/grading.md",
    "results": "benchmarks/RESULTS.md",
    "scaling": "docs/scaling.md",
}
NARROWEST = 30  # characters of code that a window of 320 pixels shows
EXERCISES = "exercises"  # the page that lists them, and the folder they are in


@dataclass(frozen=True)
class Lesson:
    """What a page and the front page need to know of a lesson. Texts are HTML, where not said."""

    name: str  # the notebook's name without its ending, and the page's
    title: str  # plain text, without the number
    lead: str  # its first paragraph
    contract: dict[str, str]  # the table under the title, row by row
    sections: list[tuple[str, str]]  # (id, HTML) of every heading of the second level
    body: str  # all that follows
    mode: str = ""  # what it was executed in; empty if it never ran to its end
    stamp: str = ""
    links: list[str] = field(default_factory=list)  # the lessons that it links to

    @property
    def number(self) -> str:
        """Its two digits, such as "03"."""
        return self.name[:2]


@dataclass(frozen=True)
class Guide:
    """A page that is no lesson: a guide, or the exercises of a lesson."""

    name: str  # the page's
    title: str  # plain text
    body: str
    sections: list[tuple[str, str]]  # as a lesson's
    listed: bool = True  # in the navigation of every page


def build_site(notebooks: Path, out: Path) -> Path:
    """`out/index.html` and a page for each executed notebook, readable without a network.

    The exercises and guides of the course join them, as far as they are there.
    """
    paths = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CourseError(f"there are no lessons in {notebooks}: `make course` executes them.")
    pages = {path.stem: path.stem for path in paths} | guide_files()
    lessons = [read_lesson(path, pages) for path in paths]
    guides = [read_guide(name, file, pages) for file, name in guide_files().items()]
    if exercises := [guide for guide in guides if not guide.listed]:
        guides.append(list_of_exercises(exercises))
    for old in [*out.glob("[0-9][0-9]_*.html"), *out.glob(f"{EXERCISES}*.html")]:
        old.unlink()  # of a lesson that is no more
    for lesson in lessons:
        rewrite_text(out / f"{lesson.name}.html", page(lesson, lessons, guides))
    for guide in guides:
        rewrite_text(out / f"{guide.name}.html", guide_page(guide, lessons, guides))
    return rewrite_text(out / "index.html", front_page(lessons, guides))


def guide_files() -> dict[str, str]:
    """File in the course → its page, for the guides and exercises that there are."""
    files = {file: name for name, file in GUIDES.items() if (COURSE / file).exists()}
    for path in sorted((COURSE / EXERCISES).glob("[0-9][0-9]_*.ipynb")):
        files[f"{EXERCISES}/{path.name}"] = f"{EXERCISES}-{path.stem}"
    return files


# --- from a notebook to the parts of a page ------------------------------------------------------


def read_lesson(path: Path, pages: dict[str, str]) -> Lesson:
    """A lesson with its links turned into links between `pages`."""
    notebook = nbformat.read(path, as_version=4)
    exporter = HTMLExporter(template_name="basic")
    soup = BeautifulSoup(exporter.from_notebook_node(notebook)[0], "html.parser")
    made = notebook.metadata.get("course", {})
    flatten(soup)
    mend_links(soup, pages)
    contract = take_contract(soup)
    title = take(soup, "h1")
    lead = take(soup, "p")
    name_tables(soup)
    reach_wide_code(soup)
    return Lesson(
        name=path.stem,
        title=re.sub(r"^\d\d · ", "", title.get_text()) if title else path.stem,
        lead=lead.decode_contents() if lead else "",
        contract=contract,
        sections=[(h["id"], h.decode_contents()) for h in soup.find_all("h2")],
        body=str(soup).strip(),
        mode=made.get("mode", ""),
        stamp=made.get("stamp", ""),
    )


def take(soup, tag: str):
    """The first such element, taken out of the page; None if there is none."""
    found = soup.find(tag)
    return found.extract() if found else None


def flatten(soup) -> None:
    """Keep of nbconvert's many boxes: `.cell` around code and its outputs, `.out` around each."""
    for tag in soup.select(".prompt, style, script, .anchor-link"):
        tag.decompose()
    for tag in soup.select(".output_subarea"):
        wrong = {"output_error", "output_stderr"} & set(tag["class"])
        tag["class"] = ["out", "wrong"] if wrong else ["out"]
    for tag in soup.select(".inner_cell, .input, .input_area, .text_cell_render, .text_cell"):
        tag.unwrap()
    for tag in soup.select(".output_wrapper, .output, .output_area"):
        tag.unwrap()
    for tag in soup.select(".code_cell"):
        tag.attrs = {"class": "cell"}
    for tag in soup.select(".highlight"):
        tag["class"] = "highlight"
    for tag in soup.select("img[style]"):
        del tag["style"]  # the style sheet knows what fits


def mend_links(soup, pages: dict[str, str]) -> None:
    """Links between files lead to their pages; a link to what the site lacks keeps its text only.

    `pages` has a lesson by its stem, any other file by its path in the course.
    """
    for link in soup.find_all("a", href=True):
        file, _, anchor = link["href"].partition("#")
        if name := page_of(file, pages):
            link["href"] = f"{name}.html" + (f"#{anchor}" if anchor else "")
        elif not link["href"].startswith(("https://", "http://", "#")):
            link.unwrap()


def page_of(file: str, pages: dict[str, str]) -> str:
    """The page of a file that a link names, from whatever folder; empty if it has none."""
    path = re.sub(r"^(?:\.{1,2}/)+", "", file)
    for known, name in pages.items():
        short = known.rpartition("/")[2]
        if path in (known, f"notebooks/{known}.ipynb", f"{known}.ipynb"):
            return name
        if path == short and known.endswith(".md"):
            return name
    return ""


def reach_wide_code(soup) -> None:
    """Let the keyboard's focus stop at code that scrolls in a narrow window: arrow keys move it then.

    Outputs are wrapped and need none; neither does code that fits the narrowest window.
    """
    for code in soup.find_all("pre"):
        widest = max(map(len, code.get_text().splitlines()), default=0)
        if widest > NARROWEST and not code.find_parent(class_="out"):
            code["tabindex"] = "0"


def take_contract(soup) -> dict[str, str]:
    """The table under the title as name → HTML, taken out of the page."""
    table = soup.find("table")
    if table is None or table.find_parent(class_="cell") or table.find("th").get_text(strip=True):
        return {}
    rows = [row.find_all("td") for row in table.extract().select("tbody tr")]
    return {name.get_text(): value.decode_contents() for name, value in rows}


def contract_list(rows: dict[str, str]) -> str:
    """What a lesson promises and needs, as a list; nothing if it says nothing."""
    items = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows.items())
    return f'<dl class="contract">{items}</dl>' if items else ""


def read_guide(name: str, file: str, pages: dict[str, str]) -> Guide:
    """A Markdown file, or a notebook of exercises, as a page."""
    path = COURSE / file
    if path.suffix == ".md":
        text = markdown2html(path.read_text(encoding="utf-8"))
    else:
        notebook = nbformat.read(path, as_version=4)
        text = HTMLExporter(template_name="basic").from_notebook_node(notebook)[0]
    soup = BeautifulSoup(text, "html.parser")
    flatten(soup)
    mend_links(soup, pages)
    title = take(soup, "h1")
    rows = take_contract(soup) if path.suffix == ".ipynb" else {}
    if rows:
        soup.find("p").insert_after(BeautifulSoup(contract_list(rows), "html.parser"))
    name_tables(soup)
    reach_wide_code(soup)
    seen: dict[str, int] = {}
    for heading in soup.find_all(id=True):
        seen[heading["id"]] = seen.get(heading["id"], 0) + 1
        if seen[heading["id"]] > 1:  # two results of one day
            heading["id"] += f"-{seen[heading['id']]}"
    return Guide(
        name=name,
        title=title.get_text() if title else path.stem,
        body=str(soup).strip(),
        sections=[(h["id"], h.decode_contents()) for h in soup.find_all("h2") if h.get("id")],
        listed=path.suffix == ".md",
    )


def list_of_exercises(exercises: list[Guide]) -> Guide:
    """The page that names the exercises of every lesson."""
    items = "".join(
        f'<h2 id="{one.name}"><a href="{one.name}.html">{html.escape(one.title)}</a></h2><ul>'
        + "".join(f"<li>{heading}</li>" for _, heading in one.sections)
        + "</ul>"
        for one in exercises
    )
    how = (
        "<p>They are notebooks in the folder <code>exercises</code>: you write the code, and a "
        "check says what is right and what to try next. <code>make lab</code> opens them.</p>"
    )
    return Guide(EXERCISES, "Exercises", how + items, [])


def name_tables(soup) -> None:
    """Give every table a caption, a place to scroll in, and headers that a screen reader can read."""
    for number, table in enumerate(soup.find_all("table"), start=1):
        heading = table.find_previous("h2")
        about = f"Table {number}: {heading.get_text()}" if heading else f"Table {number}"
        table.attrs = {}
        table.insert(0, tag(soup, "caption", about))
        box = tag(soup, "div", **{"class": "table", "role": "region", "tabindex": "0"})
        box["aria-label"] = about
        table.wrap(box)
        lift_index_name(table)
        for cell in table.select("tr, th, td"):
            cell.attrs = {k: v for k, v in cell.attrs.items() if k in ("colspan", "rowspan")}
        for cell in table.select("thead th"):
            if cell.get_text(strip=True):
                cell["scope"] = "col"
            else:
                cell.name = "td"  # an empty corner heads nothing
        for cell in table.select("tbody th"):
            cell["scope"] = "row"
        align_columns(table)


def lift_index_name(table) -> None:
    """Move the name of a table's index from pandas' second header row to the corner of the first."""
    rows = [row.find_all("th") for row in table.select("thead tr")]
    if len(rows) == 2 and not rows[0][0].get_text(strip=True):
        name, *others = (cell.get_text(strip=True) for cell in rows[1])
        if name and not any(others):
            rows[0][0].string = name
            rows[1][0].parent.decompose()


def align_columns(table) -> None:
    """Mark columns of numbers (right-aligned, header too) and cells of running text."""
    rows = [row.find_all(["th", "td"]) for row in table.find_all("tr")]
    body = [row.find_all(["th", "td"]) for row in table.select("tbody tr")]
    width = max((len(row) for row in rows), default=0)
    for column in range(width):
        texts = [row[column].get_text(strip=True) for row in body if len(row) > column]
        number = re.compile(r"[-−+]?[\d,.]+(e[-+]?\d+)?%?|NaN|None|")
        if any(texts) and all(number.fullmatch(text) for text in texts):
            for row in rows:
                if len(row) > column:
                    row[column]["class"] = "num"
    for cell in table.select("tbody td"):
        if len(cell.get_text()) > 40:
            cell["class"] = "long"


def tag(soup, name: str, text: str = "", **attributes):
    """A new element."""
    element = soup.new_tag(name, attrs=attributes)
    if text:
        element.string = text
    return element


def readme_map() -> dict[str, tuple[str, str]]:
    """Lesson → (the question that it answers, its command), from the README's map, as HTML."""
    text = (COURSE / "README.md").read_text(encoding="utf-8")
    row = re.compile(
        r"^\| (.+?) \| \[.+?\]\(notebooks/(\w+)\.ipynb\) \|[^|]*\|(.*)\|$", re.MULTILINE
    )
    return {name: (inline(ask), inline(run)) for ask, name, run in row.findall(text)}


def inline(markdown: str) -> str:
    """A line of Markdown as HTML, without the paragraph around it."""
    return re.sub(r"^<p>|</p>$", "", markdown2html(markdown.strip()).strip())


# --- pages ---------------------------------------------------------------------------------------


def frame(*, title: str, about: str, current: str, lessons, guides, parts: str, main: str) -> str:
    """A whole page: head, the lessons and guides to choose from, `main`, and what produced it."""
    style = (ASSETS / "site" / "style.css").read_text(encoding="utf-8")
    here = ' aria-current="page"'
    items = "".join(
        f'<li><a href="{x.name}.html"{here if x.name == current else ""}>{x.number} '
        f'<span class="name">{html.escape(x.title)}</span></a></li>'
        for x in lessons
    )
    more = "".join(
        f'<li><a href="{x.name}.html"{here if x.name == current else ""}>'
        f'<span class="name">{html.escape(x.title)}</span></a></li>'
        for x in guides
        if x.listed
    )
    more = (
        f'<nav class="lessons guides" aria-label="Exercises and guides"><ol>{more}</ol></nav>'
        * bool(more)
    )
    home = here if current == "index" else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<meta name="description" content="{html.escape(about)}">
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header class="side"><div class="side-inner">
<p class="brand"><a href="index.html"{home}>{NAME}</a></p>
<nav class="lessons" aria-label="Lessons"><ol>{items}</ol></nav>
{more}{parts}</div></header>
<main id="main">
{keep_whole(main)}
</main>
<footer class="site-foot">
{provenance(current, lessons)}
</footer>
</body>
</html>
"""


def keep_whole(page: str) -> str:
    """Mark short names in the text, so that no line ends inside `--seeds`."""
    return re.sub(r"<code>([^<]{1,24})</code>", r'<code class="whole">\1</code>', page)


def provenance(current: str, lessons: list[Lesson]) -> str:
    """What produced the outputs: mode, model, data, judge and the stamp of a lesson."""
    facts = []
    for mode in sorted({x.mode for x in lessons if x.mode and current in ("index", x.name)}):
        settings = course_settings(mode)
        facts.append(
            f"<p>Outputs of {mode} mode: model {settings.model}, data {settings.data}, judge "
            f"{settings.judge}, seed {settings.seed}.</p>"
        )
    stamp = next((x.stamp[:12] for x in lessons if x.name == current and x.stamp), "")
    stamp = f" The stamp of cells, settings and data is <code>{stamp}</code>." if stamp else ""
    return "".join(facts) + f"<p>Course {helpers.__version__}, Apache-2.0.{stamp}</p>"


def page(lesson: Lesson, lessons: list[Lesson], guides: list[Guide]) -> str:
    """A lesson as a page of its own."""
    main = [
        "<article>",
        f'<p class="eyebrow">Lesson {lesson.number}</p>',
        f"<h1>{html.escape(lesson.title)}</h1>",
        f'<p class="lead">{lesson.lead}</p>' if lesson.lead else "",
        "" if lesson.stamp else f'<p class="notice">{UNFINISHED}</p>',
        contract_list(lesson.contract),
        lesson.body,
        "</article>",
        pager(lesson, lessons),
    ]
    return frame(
        title=f"{lesson.number} · {lesson.title} · {NAME}",
        about=plain(lesson.lead) or PURPOSE,
        current=lesson.name,
        lessons=lessons,
        guides=guides,
        parts=table_of_contents(lesson.sections, "In this lesson"),
        main="\n".join(part for part in main if part),
    )


def table_of_contents(sections: list[tuple[str, str]], name: str) -> str:
    """Links to the sections of a page, or nothing."""
    parts = "".join(f'<li><a href="#{anchor}">{text}</a></li>' for anchor, text in sections)
    if not parts:
        return ""
    return (
        f'<nav class="parts" aria-label="{name}"><details><summary>{name}</summary>'
        f"<ol>{parts}</ol></details></nav>\n"
    )


def guide_page(guide: Guide, lessons: list[Lesson], guides: list[Guide]) -> str:
    """A guide, or the exercises of a lesson, as a page."""
    return frame(
        title=f"{guide.title} · {NAME}",
        about=f"{guide.title}: part of a course on instruction fine-tuning.",
        current=guide.name,
        lessons=lessons,
        guides=guides,
        parts=table_of_contents(guide.sections, "On this page"),
        main=f"<article>\n<h1>{html.escape(guide.title)}</h1>\n{guide.body}\n</article>",
    )


UNFINISHED = (
    "This lesson did not run to its end here: the last output shows why, and the cells after it "
    "have no output."
)


def plain(text: str) -> str:
    """HTML as plain text on one line."""
    return " ".join(BeautifulSoup(text, "html.parser").get_text().split())


def pager(lesson: Lesson, lessons: list[Lesson]) -> str:
    """Links to the lessons before and after."""
    place = lessons.index(lesson)
    links = []
    if place:
        links.append(("prev", "Previous", lessons[place - 1]))
    if place + 1 < len(lessons):
        links.append(("next", "Next", lessons[place + 1]))
    items = "".join(
        f'<a class="{rel}" rel="{rel}" href="{x.name}.html"><small>{word}</small>'
        f"{x.number} · {html.escape(x.title)}</a>"
        for rel, word, x in links
    )
    return f'<nav class="pager" aria-label="Previous and next lesson">{items}</nav>'


def front_page(lessons: list[Lesson], guides: list[Guide]) -> str:
    """What the course is, and the map: question → lesson → exercises → command."""
    asked = readme_map()
    practice = {guide.name for guide in guides}
    items = "".join(map_item(x, *asked.get(x.name, ("", "")), practice) for x in lessons)
    main = f"""<article>
<h1>{NAME}</h1>
<p class="lead">{PURPOSE}</p>
<p>These are the lessons as they ran on one machine, with everything they computed, to be read
anywhere. To change something and see what happens, open them with <code>make lab</code>: that is
where the learning is.</p>
{picture(lessons)}
<h2 id="map">The map</h2>
<ol class="map">{items}</ol>
</article>"""
    return frame(
        title=f"{NAME}, a course you can run",
        about=PURPOSE,
        current="index",
        lessons=lessons,
        guides=guides,
        parts="",
        main=main,
    )


def map_item(lesson: Lesson, question: str, command: str, pages: set[str]) -> str:
    """A lesson on the front page, with its exercises if they are among `pages`."""
    able = next(iter(lesson.contract.values()), "")
    exercises = f"{EXERCISES}-{lesson.name}"
    meta = [
        lesson.contract.get(TIME, ""),
        f'<a href="{exercises}.html">Exercises {lesson.number}</a>' if exercises in pages else "",
        f"On the command line: {command}" if command else "",
    ]
    lines = [
        f"<p>{question}</p>" if question else f"<p>{lesson.lead}</p>",
        f"<p>You will be able to {able}.</p>" if able else "",
        *(f'<p class="meta">{fact}</p>' for fact in meta if fact),
        "" if lesson.stamp else f'<p class="notice">{UNFINISHED}</p>',
    ]
    return (
        f'<li><span class="number" aria-hidden="true">{lesson.number}</span><div>'
        f'<h3><a href="{lesson.name}.html">{html.escape(lesson.title)}</a></h3>'
        f"{''.join(lines)}</div></li>"
    )


def picture(lessons: list[Lesson]) -> str:
    """The README's picture with its text, where all lessons ran in the mode that it shows."""
    if {x.mode for x in lessons} != {"quick"}:
        return ""
    readme = (COURSE / "README.md").read_text(encoding="utf-8")
    found = re.search(r"!\[(.+?)\]\((docs/overview\.png)\)", readme)
    if not found:
        return ""
    data = base64.b64encode((COURSE / found.group(2)).read_bytes()).decode()
    text = html.escape(found.group(1), quote=True)
    return (
        f'<figure class="wide" tabindex="0"><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}.</figcaption></figure>"
    )
