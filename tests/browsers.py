"""A browser for the tests that need one; conftest.py skips them where there is none."""

import contextlib
import functools
import http.server
import threading
from pathlib import Path

import pytest

from course_utils.doctor import chromium

STATIC = Path(__file__).parents[1] / "book" / "_static"

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


@contextlib.contextmanager
def served(page):
    """Serve book/_static, and at /page the text that `page` makes of the address's query; yields the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            if path != "/page":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page(query).encode())
            return None

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=STATIC))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def opener(browser, address, ready, **usual):
    """A function that opens /page and waits for the selector `ready`; takes a query and a context's options.

    At the end of the block, nothing may have been complained about or asked of another host.
    """
    contexts, complaints = [], []

    def heed(request):
        if not request.url.startswith((address, "data:")):
            complaints.append(request.url)

    def open_page(query="", **options):
        context = browser.new_context(**{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", heed)
        page.goto(f"{address}/page?{query}")
        if options.get("java_script_enabled", True):
            page.wait_for_selector(ready)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
