"""Headless Chromium for tests of pages: the fixture `page`, in which an error of the page fails the test.

`conftest.py` imports the fixtures, so a test asks for ``page`` or ``chromium`` by name. The browser is the
one that is installed, else Playwright's own; where there is neither, or no Playwright, tests are skipped.
"""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", "--mute-audio"),
)

LAPTOP, TABLET = {"width": 1440, "height": 900}, {"width": 820, "height": 1180}


@pytest.fixture(scope="module")  # while Playwright runs, no other test of the process has an event loop
def chromium() -> "Iterator[Browser]":
    """A browser that a module's tests share."""
    pytest.importorskip("playwright", reason="tests of pages need Playwright: pip install playwright")
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        except Error as error:
            pytest.skip(f"no Chromium that runs: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: "Browser") -> "Iterator[Page]":
    """A page of laptop size with nothing remembered; what its scripts throw fails the test."""
    context = chromium.new_context(viewport=LAPTOP, accept_downloads=True)
    opened = context.new_page()
    thrown: list[str] = []
    opened.on("pageerror", lambda error: thrown.append(str(error)))
    yield opened
    context.close()
    assert not thrown
