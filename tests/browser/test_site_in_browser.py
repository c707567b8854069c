"""The site in a real browser, opened from the disk as a reader opens it: wide, narrow, printed."""

import pytest
from conftest import SHOTS
from test_arena_in_jupyterlab import violations

from helpers.lessons import NOTEBOOKS, find_lessons
from helpers.site import build_site

NAMES = [*(path.stem for path in find_lessons()), "index"]
WIDTHS = {"desktop": 1280, "phone": 375}
# What sticks out of the window, unless it lies in a box that scrolls: then the box must not.
CUT_OFF = """() => [...document.querySelectorAll('main *')].filter(e => {
    if (e.closest('details:not([open])')) return false;
    const box = e.closest('pre, .table, .wide, figure > div') || e;
    return box.getBoundingClientRect().right > innerWidth + 1;
}).map(e => e.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build_site(NOTEBOOKS, folder)
    return folder


def address(site, name):
    return (site / f"{name}.html").as_uri()


def focused(page):
    """The text of what has the keyboard's focus, and whether one can see that it has."""
    return page.evaluate(
        """() => { const e = document.activeElement, s = getComputedStyle(e);
                   return [e.textContent.trim(),
                           s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; }"""
    )


@pytest.mark.parametrize("name", NAMES)
def test_page_fits_its_window(site, open_page, name):
    """Wide code and tables scroll in their own box; the page itself never scrolls sideways."""
    with open_page() as page:
        page.goto(address(site, name))
        for kind, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=SHOTS / f"site-{name}-{kind}.png", full_page=True)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
            assert page.evaluate(CUT_OFF) == []
        assert page.locator("main img").evaluate_all("all => all.every(i => i.naturalWidth > 0)")
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=SHOTS / f"site-{name}-phone-dark.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_axe_finds_nothing_serious_on_any_page(site, open_page, width, scheme):
    """Lessons, guides, exercises and the front page; in the narrow window code and tables scroll."""
    found = {}
    with open_page(width, 900, color_scheme=scheme) as page:
        for path in sorted(site.glob("*.html")):
            page.goto(path.as_uri())
            if wrong := violations(page, "html"):
                found[path.stem] = wrong
    assert found == {}


def test_lines_are_not_too_long_to_read(site, open_page):
    """On a wide screen a full line of text has 40 to 80 characters, whatever font there is."""
    with open_page(1920, 1000) as page:
        page.goto(address(site, NAMES[1]))
        characters = page.locator("article > p, article > ul").evaluate_all(
            """all => all.map(e => {
                const pen = document.createElement('canvas').getContext('2d');
                pen.font = getComputedStyle(e).font;
                return e.clientWidth / pen.measureText(e.textContent).width * e.textContent.length;
            })"""
        )
        assert len(characters) > 10
        assert min(characters) >= 40
        assert max(characters) <= 80


def test_dark_pages_keep_their_figures_on_white(site, open_page):
    with open_page(color_scheme="dark") as page:
        page.goto(address(site, "05_llm_judge_scoring"))
        colours = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor,
                      getComputedStyle(document.querySelector('figure img')).backgroundColor]"""
        )
        assert colours == ["rgb(20, 24, 29)", "rgb(255, 255, 255)"]


def test_a_reader_without_a_mouse_gets_from_page_to_page(site, open_page):
    with open_page() as page:
        page.goto(address(site, "index"))
        page.keyboard.press("Tab")
        assert focused(page) == ["Skip to the text", True]
        page.screenshot(path=SHOTS / "site-skip-link.png")
        seen = []
        while "Batches and masks" not in (seen or [""])[-1]:
            page.keyboard.press("Tab")
            text, visible = focused(page)
            assert visible, text
            seen.append(text)
            assert len(seen) < 30, seen
        page.keyboard.press("Enter")
        page.wait_for_url("**/02_collating_and_masking.html")
        assert page.locator("nav.lessons [aria-current=page]").inner_text().startswith("02")
        page.locator("nav.pager .next").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/03_loading_gpt2.html")


def test_the_contents_of_a_lesson_are_beside_it_or_folded_away(site, open_page):
    with open_page(1280, 900) as page:
        page.goto(address(site, "03_loading_gpt2"))
        page.locator("nav.parts a", has_text="Faster with a memory").click()
        heading = page.locator("main h2", has_text="Faster with a memory")
        assert 0 <= heading.bounding_box()["y"] < 200
        assert page.locator("nav.parts").bounding_box()["y"] >= 0, "it stays in sight"
    with open_page(375, 800) as page:
        page.goto(address(site, "03_loading_gpt2"))
        link = page.locator("nav.parts a").first
        assert not link.is_visible()
        page.locator("nav.parts summary").focus()
        page.keyboard.press("Enter")
        link.wait_for(state="visible")
        assert page.locator("main h1").bounding_box()["y"] < 1200


@pytest.mark.parametrize("name", ["02_collating_and_masking", "index"])
def test_printed_pages_leave_out_what_one_cannot_click_and_cut_nothing(site, open_page, name):
    with open_page(660, 900, color_scheme="dark") as page:  # the width of A4 without its margins
        page.goto(address(site, name))
        page.emulate_media(media="print")
        assert page.locator("header").is_hidden()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        cut = page.locator("pre, .table").evaluate_all(
            "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"
        )
        assert not cut
        answers = page.locator("article details").evaluate_all(
            "all => all.map(d => d.clientHeight)"
        )
        assert all(height > 60 for height in answers), "answers are printed, too"
        page.emulate_media(media=None)
        pdf = SHOTS / f"site-{name}.pdf"
        page.pdf(path=pdf, format="A4")
        assert pdf.read_bytes().startswith(b"%PDF")
