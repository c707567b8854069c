"""The browser suite where there is no browser: it skips with the reason, or fails if told to."""

import runpy

import pytest

from helpers.settings import COURSE

SUITE = COURSE / "tests" / "browser"


@pytest.fixture
def demand_browser(monkeypatch):
    monkeypatch.setenv("PATH", "")
    return runpy.run_path(str(SUITE / "conftest.py"))["demand_browser"]


# Both are caught in both tests: a skip that gets through would skip the test that forbids it.
OUTCOMES = (pytest.skip.Exception, pytest.fail.Exception)


@pytest.mark.parametrize(("required", "outcome"), list(zip(("0", "1"), OUTCOMES, strict=True)))
def test_without_a_browser_the_suite_skips_unless_one_is_required(
    demand_browser, monkeypatch, required, outcome
):
    monkeypatch.setenv("COURSE_REQUIRE_BROWSER", required)
    with pytest.raises(OUTCOMES, match="Playwright is not installed|no chromium") as caught:
        demand_browser()
    assert caught.type is outcome
