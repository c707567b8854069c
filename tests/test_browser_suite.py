"""The browser suite where there is no browser: it skips with the reason, or fails if told to."""

import runpy

import pytest

from helpers.settings import COURSE

SUITE = COURSE / "tests" / "browser"


@pytest.fixture
def demand_browser(monkeypatch):
    monkeypatch.setenv("PATH", "")
    return runpy.run_path(str(SUITE / "conftest.py"))["demand_browser"]


def test_without_a_browser_the_suite_skips_with_the_reason(demand_browser, monkeypatch):
    monkeypatch.delenv("COURSE_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Playwright is not installed|no chromium"):
        demand_browser()


def test_where_a_browser_is_required_its_absence_is_a_failure(demand_browser, monkeypatch):
    monkeypatch.setenv("COURSE_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="Playwright is not installed|no chromium"):
        demand_browser()
