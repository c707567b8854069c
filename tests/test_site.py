"""The site: pages that need nothing else, say what the notebooks say, and lead somewhere."""

import base64
import itertools
import json
import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from helpers import site as site_module
from helpers.cli import main
from helpers.data import ASSETS
from helpers.errors import CourseError
from helpers.lessons import NOTEBOOKS, find_lessons, is_stale
from helpers.settings import Settings
from helpers.site import build_site, readme_map

NAMES = [path.stem for path in find_lessons()]
CSS = (ASSETS / "site" / "style.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build_site(NOTEBOOKS, folder)
    return folder


@pytest.fixture(scope="module")
def pages(folder):
    """Every page by its name, parsed."""
    return {
        path.stem: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(folder.glob("*.html"))
    }


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def notebook(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


# --- every page ----------------------------------------------------------------------------------


def test_there_is_a_front_page_and_a_page_for_each_lesson(folder, pages):
    guides = [guide for guide in pages if guide not in [*NAMES, "index"]]
    assert sorted(pages) == sorted([*NAMES, "index", *guides])
    assert set(guides) >= {"glossary", "troubleshooting"}
    assert {p.suffix for p in folder.iterdir()} == {".html"}, "a page is one file"


def test_pages_are_whole_documents_with_landmarks(pages):
    for name, page in pages.items():
        assert str(page).lstrip().startswith("<!DOCTYPE html>")
        assert page.html["lang"] == "en"
        for landmark in ("h1", "main", "header", "footer"):
            assert len(page.find_all(landmark)) == 1, (name, landmark)
        assert page.body.find("a")["href"] == "#" + page.main["id"], "the skip link comes first"
        assert 20 < len(page.find("meta", attrs={"name": "description"})["content"]) < 400
        assert "width=device-width" in page.find("meta", attrs={"name": "viewport"})["content"]
        levels = [int(h.name[1]) for h in page.find_all(re.compile("^h[1-6]$"))]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), name
    assert len({page.title.get_text() for page in pages.values()}) == len(pages)


def test_the_current_page_is_marked_in_the_navigation(pages):
    for name, page in pages.items():
        links = page.select("header nav.lessons:not(.guides) a")
        assert [link["href"] for link in links] == [f"{lesson}.html" for lesson in NAMES]
        current = [a["href"] for a in page.select("[aria-current=page]")]
        assert current == ([f"{name}.html"] if not name.startswith("exercises-") else [])


def test_previous_and_next_follow_the_order_of_the_lessons(pages):
    for place, name in enumerate(NAMES):
        links = {a["rel"][0]: a["href"] for a in pages[name].select("nav.pager a")}
        neighbours = {"prev": NAMES[:place][-1:], "next": NAMES[place + 1 : place + 2]}
        assert links == {rel: f"{n[0]}.html" for rel, n in neighbours.items() if n}


def test_every_link_and_anchor_leads_somewhere(pages):
    ids = {name: [tag["id"] for tag in page.find_all(id=True)] for name, page in pages.items()}
    for name, page in pages.items():
        assert len(set(ids[name])) == len(ids[name]), f"{name}: an id twice"
        for link in page.select("a[href]"):
            if link["href"].startswith("https://"):
                continue
            target, _, anchor = link["href"].partition("#")
            target = target.removesuffix(".html") or name
            assert target in pages, (name, link["href"])
            assert not anchor or anchor in ids[target], (name, link["href"])


def test_pages_load_nothing_and_run_nothing(pages):
    for name, page in pages.items():
        assert not page.select("script, iframe, object, embed, [onclick], [onload]"), name
        for tag in page.select("[src], link[href]"):
            assert (tag.get("src") or tag["href"]).startswith("data:"), (name, tag.name)
        assert not re.search(r"@import|url\(", str(page)), name


def test_pages_are_lean(folder):
    for path in folder.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        pictures = sum(map(len, re.findall(r"base64,([A-Za-z0-9+/=]+)", text)))
        assert len(text) - pictures < 172_000, path.name  # lesson 06 is the longest
        assert pictures < 350_000, path.name  # lesson 06 has seven figures


def test_the_same_notebooks_give_the_same_bytes_whatever_killed_builds_left(folder, tmp_path):
    killed = [f".{name}.html.abcd1234.part" for name in (NAMES[0], "grading", "index")]
    for left in killed:  # by writes that were killed
        (tmp_path / left).mkdir(parents=True)
    build_site(NOTEBOOKS, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in folder.iterdir()}
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


# --- what a lesson's page holds ------------------------------------------------------------------


def test_code_and_printed_text_are_those_of_the_notebook(pages, name):
    cells = [cell for cell in notebook(name).cells if cell.cell_type == "code"]
    shown = [pre.get_text().strip("\n") for pre in pages[name].select(".cell .highlight pre")]
    assert shown == [cell.source for cell in cells]
    printed = [o.text for cell in cells for o in cell.outputs if o.output_type == "stream"]
    found = {pre.get_text().strip() for pre in pages[name].select(".out > pre")}
    assert {text.strip() for text in printed} <= found


def test_every_section_is_in_the_table_of_contents(pages, name):
    links = pages[name].select("nav.parts a")
    headings = pages[name].select("main h2")
    assert [a.get_text() for a in links] == [h.get_text() for h in headings]
    sources = "\n".join(c.source for c in notebook(name).cells if c.cell_type == "markdown")
    assert len(headings) == len(re.findall(r"^## ", sources, re.MULTILINE))


def test_the_contract_stands_at_the_top(pages, name):
    terms = [dt.get_text() for dt in pages[name].select("dl.contract dt")]
    assert terms == ["You will be able to", site_module.TIME, "You need", "Next"]


def test_tables_have_captions_and_headers(pages, name):
    outputs = [o for c in notebook(name).cells for o in c.get("outputs", [])]
    tables = pages[name].find_all("table")
    assert len(tables) == sum("<table" in o.get("data", {}).get("text/html", "") for o in outputs)
    for table in tables:
        assert table.caption.get_text().startswith("Table ")
        assert table.parent["aria-label"] == table.caption.get_text()
        assert all(th.get("scope") in ("col", "row") and th.get_text() for th in table.select("th"))
        assert not [
            t.attrs
            for t in [table, *table.select("tr, th, td")]
            if {"style", "border"} & set(t.attrs)
        ]


def test_code_that_scrolls_in_a_narrow_window_is_reached_by_keyboard_and_no_other(pages):
    for page in pages.values():
        for code in page.select("main pre"):
            widest = max(map(len, code.get_text().splitlines()))
            scrolls = widest > 30 and not code.find_parent(class_="out")  # outputs are wrapped
            assert (code.get("tabindex") == "0") == scrolls, code


def test_short_names_in_the_text_are_kept_on_one_line(pages):
    kept = {code.get_text() for code in pages["commands"].select("main p code.whole")}
    assert {"--seeds", "course bench --quick"} <= kept
    assert max(map(len, kept)) <= 24
    assert not pages["02_collating_and_masking"].select("pre .whole")


def test_exercises_say_what_they_practise_in_a_list_as_lessons_do(pages):
    page = pages["exercises-09_making_it_fast"]
    assert page.select_one("dl.contract dt").get_text() == "Belongs to"
    assert not page.find("caption")


def test_the_name_of_an_index_heads_its_column(pages):
    """pandas gives it a second header row, with a gap above it."""
    headers = pages["05_llm_judge_scoring"].select("thead tr")
    [header] = [row for row in headers if "family" in row.get_text()]
    assert [th.get_text() for th in header.find_all("th")] == ["family", "n", "mean"]
    assert [th.get("class") for th in header.find_all("th")] == [None, ["num"], ["num"]]


def test_figures_keep_their_text(pages, name):
    outputs = [o for c in notebook(name).cells for o in c.get("outputs", [])]
    figures = pages[name].find_all("figure")
    assert len(figures) == sum(
        o.get("data", {}).get("text/html", "").count("<figure") for o in outputs
    )
    assert all(figure.figcaption.get_text() for figure in figures)
    assert all(len(image["alt"]) > 20 for image in pages[name].find_all("img"))


def test_no_lesson_has_a_formula_that_the_page_could_not_show(name):
    """Pages run no MathJax. The first formula needs MathML, made when the site is built."""
    for cell in notebook(name).cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            assert not re.search(r"\$[^$\n]+\$|\\\(|\\\[", prose), cell.id


def test_the_footer_says_what_produced_the_outputs(pages, name):
    made = notebook(name).metadata["course"]
    text = pages[name].footer.get_text(" ", strip=True)
    settings = Settings.quick()
    for fact in ("quick mode", settings.model, settings.data, settings.judge, made["stamp"][:12]):
        assert fact in text
    assert not re.search(r"/(home|root|tmp|Users)/", str(pages[name]))


# --- the front page ------------------------------------------------------------------------------


def test_the_map_takes_minutes_from_the_contract_and_questions_from_the_readme(pages):
    asked = readme_map()
    assert list(asked) == NAMES, "a lesson is missing in the README's map"
    for name, item in zip(NAMES, pages["index"].select("ol.map > li"), strict=True):
        contract = pages[name].select("dl.contract dd")
        assert item.a["href"] == f"{name}.html"
        assert contract[0].get_text() in item.get_text()
        assert contract[1].get_text() in item.get_text()
        for fact in asked[name]:
            assert BeautifulSoup(fact, "html.parser").get_text() in item.get_text()
        practice = f"exercises-{name}"
        linked = [link["href"] for link in item.select("p.meta a")]
        assert linked == [f"{practice}.html"] * (practice in pages)


def test_the_picture_is_shown_only_where_it_belongs_to_the_mode(pages, tmp_path):
    assert pages["index"].find("img")
    full = notebook(NAMES[0])
    full.metadata["course"]["mode"] = "full"
    nbformat.write(full, tmp_path / f"{NAMES[0]}.ipynb")
    index = build_site(tmp_path, tmp_path / "out").read_text(encoding="utf-8")
    assert "<img" not in index
    assert "full mode: model gpt2-medium" in index


# --- parts of a course, and other notebooks ------------------------------------------------------


def test_a_link_to_a_lesson_that_is_not_there_keeps_its_text_only(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "07_gone.html").write_text("a lesson of long ago")
    source = "# 02 · Two\n\nFirst.\n\n[one](01_x.ipynb), [self](02_y.ipynb#A), [card](../card.md)\n\n## A"
    cells = [nbformat.v4.new_markdown_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "02_y.ipynb")
    build_site(tmp_path, tmp_path / "out")
    page = (tmp_path / "out" / "02_y.html").read_text(encoding="utf-8")
    assert '<p>one, <a href="02_y.html#A">self</a>, card</p>' in page
    assert [p.name for p in (tmp_path / "out").glob("[0-9]*.html")] == ["02_y.html"]


def test_markup_in_a_title_or_an_output_stays_text_and_scripts_go(tmp_path):
    code = nbformat.v4.new_code_cell("print('<script>')")
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="<script>alert()</script>"),
        nbformat.v4.new_output("display_data", data={"text/html": "<b>a</b><script>b()</script>"}),
    ]
    cells = [nbformat.v4.new_markdown_cell('# 02 · A < B & "C"\n\nText.'), code]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "02_y.ipynb")
    build_site(tmp_path, tmp_path / "out")
    page = BeautifulSoup(
        (tmp_path / "out" / "02_y.html").read_text(encoding="utf-8"), "html.parser"
    )
    assert page.h1.get_text() == 'A < B & "C"'
    assert page.find("script") is None
    assert page.select_one(".out pre").get_text().strip() == "<script>alert()</script>"


def test_a_picture_of_matplotlib_is_shown_too(tmp_path):
    """A student's own `plt.show()` leaves a bare PNG."""
    data = {"image/png": base64.b64encode(b"\x89PNG").decode(), "text/plain": "<Figure>"}
    code = nbformat.v4.new_code_cell("plt.show()")
    code.outputs = [nbformat.v4.new_output("display_data", data=data)]
    cells = [nbformat.v4.new_markdown_cell("# Mine"), code]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "09_mine.ipynb")
    page = build_site(tmp_path, tmp_path / "out").with_name("09_mine.html")
    assert 'src="data:image/png;base64,' in page.read_text(encoding="utf-8")


def test_a_folder_without_lessons_is_refused(tmp_path, capsys):
    with pytest.raises(CourseError, match="there are no lessons in"):
        build_site(tmp_path, tmp_path / "out")
    assert main(["site", "--notebooks", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err.startswith("course: there are no lessons in")


def test_course_site_builds_from_the_stored_lessons(folder, tmp_path, capsys):
    assert main(["site", "--out", str(tmp_path / "site"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pages"] == len(NAMES) + 1
    assert report["stale"] == [p.stem for p in find_lessons() if is_stale(p, Settings.quick())]
    assert (tmp_path / "site" / "index.html").read_bytes() == (folder / "index.html").read_bytes()


def test_course_site_names_lessons_whose_outputs_are_stale(tmp_path, capsys):
    changed = notebook(NAMES[0])
    changed.cells[-1].source += " Changed."
    nbformat.write(changed, tmp_path / f"{NAMES[0]}.ipynb")
    assert main(["site", "--notebooks", str(tmp_path), "--out", str(tmp_path / "site")]) == 0
    told = capsys.readouterr()
    assert f"{NAMES[0]}: its outputs belong to other cells" in told.err
    assert told.out == f"Read them: {tmp_path / 'site' / 'index.html'}\n"


# --- colours -------------------------------------------------------------------------------------


def colours(scheme):
    """The style sheet's colours in the light or the dark scheme."""
    blocks = re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[0]))
    if scheme == "dark":
        dark = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[1]))
        assert set(dark) == set(found), "a colour without its dark twin"
        found = dark
    return found


def contrast(a, b):
    """WCAG 2's contrast ratio of two colours, 1 to 21."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(scheme):
    """WCAG AA: 4.5 for text, 3 for the ring around what has the focus."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    found = colours(scheme)
    pairs = [
        (text, back) for text in ("text", "soft", "link") for back in ("page", "panel", "stripe")
    ]
    pairs += [(text, "code") for text in ("text", "keyword", "string", "number", "comment", "name")]
    pairs += [("page", "accent"), ("warn-text", "warn")]
    for text, back in pairs:
        assert contrast(found[text], found[back]) >= 4.5, (text, back)
    for back in ("page", "panel", "code"):
        assert contrast(found["focus"], found[back]) >= 3, back
