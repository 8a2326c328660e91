"""A browser for the tests that need one; conftest.py skips them where there is none."""

import contextlib

import pytest

from course_utils.doctor import chromium

# Without what takes time and nobody sees: drawing as a graphics card would, in software, and looking for updates.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextlib.contextmanager
def launched():
    """Chromium, driven by Playwright, until the end of the block. A process can hold one at a time."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        browser.close()
