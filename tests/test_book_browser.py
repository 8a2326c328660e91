"""The book in a browser: every page, wide and light, narrow and dark."""

import functools
import http.server
import threading
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests import book_site
from tests.browsers import launched

pytestmark = pytest.mark.browser

SCREENS = {"desktop, light": (1280, 900, "light"), "phone, dark": (360, 740, "dark")}

# What only a browser can tell: pictures that do not load, formulas left as TeX, a page wider than its screen. A formula
# on lines of its own can scroll where it is too wide; one within a line is cut off by the theme.
LOOK = """
async () => {
  await (window.MathJax?.startup?.promise ?? null);
  document.querySelectorAll("img[loading=lazy]").forEach((picture) => { picture.loading = "eager"; });
  await Promise.all([...document.images].map((picture) => picture.decode().catch(() => null)));
  const width = document.documentElement.clientWidth;
  const needed = document.documentElement.scrollWidth;
  const found = [];
  for (const picture of document.images)
    if (!picture.naturalWidth && picture.currentSrc) found.push(`picture does not load: ${picture.src}`);
  for (const formula of document.querySelectorAll(".math")) {
    const drawn = formula.querySelector("mjx-math");
    const right = (element) => element.getBoundingClientRect().right;
    if (!drawn || formula.querySelector("mjx-merror"))
      found.push(`formula is not typeset: ${formula.textContent.slice(0, 60)}`);
    else if (formula.tagName == "SPAN" && right(drawn) > right(formula) + 1)
      found.push(`formula is cut off: ${formula.textContent.slice(0, 60)}`);
  }
  if (needed > width) {
    const wide = [...document.querySelectorAll("main *")].find((e) => e.getBoundingClientRect().right > width + 1);
    found.push(`page is ${needed} px wide on a screen of ${width}: ${wide?.tagName} ${wide?.className}`);
  }
  return found;
}
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return book_site.built_once(tmp_path_factory)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def serve():
    """Serve folders on this machine: ``serve(folder)`` gives the address."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")  # closed before another file of tests starts one
def browser():
    with launched() as browser:
        yield browser


def shown(screen):
    """What a browser is told to be like."""
    width, height, theme = SCREENS[screen]
    return {"viewport": {"width": width, "height": height}, "color_scheme": theme}


def look_at(browser, address, pages, *screens):
    """Open pages, a few at a time since each has to be quiet for half a second, and return everything that is wrong.

    A page is loaded once and shown on each of the screens.
    """
    context = browser.new_context(**shown(screens[0]))
    found = []
    host = urlsplit(address).netloc

    def open_tab(page):
        def elsewhere(route):
            found.append(f"{page}: asks another host, {route.request.url}")
            route.abort()

        tab = context.new_page()
        tab.route(lambda url: urlsplit(url).netloc not in ("", host), elsewhere)
        tab.on("console", lambda m: found.append(f"{page}: console, {m.text}") if m.type == "error" else None)
        tab.on("pageerror", lambda error: found.append(f"{page}: script stopped, {error}"))
        tab.on("response", lambda r: found.append(f"{page}: {r.status} for {r.url}") if r.status >= 400 else None)
        tab.goto(address + page, wait_until="load")
        return tab

    for first in range(0, len(pages), 6):
        tabs = {page: open_tab(page) for page in pages[first : first + 6]}
        for page, tab in tabs.items():
            tab.wait_for_load_state("networkidle")
            for screen in screens:
                tab.set_viewport_size(shown(screen)["viewport"])
                tab.emulate_media(color_scheme=shown(screen)["color_scheme"])
                found += [f"{page}, {screen}: {fault}" for fault in tab.evaluate(LOOK)]
            tab.close()
    context.close()
    return found


@pytest.mark.slow
def test_every_page_is_whole_and_asks_no_other_host(browser, serve, site):
    assert look_at(browser, serve(site.html), site.pages(), *SCREENS) == []


BARE = '<!doctype html><html><link rel="icon" href="data:,"><body>{}</body></html>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<img src="https://example.org/a.png" alt="x">', "asks another host"),
        ('<img src="missing.png" alt="x">', "picture does not load"),
        ('<span class="math">\\(x^2\\)</span>', "formula is not typeset"),
        (
            '<span class="math" style="display: inline-flex; max-width: 100%; overflow: hidden"><mjx-container>'
            '<mjx-math style="display: inline-block; width: 500px">x</mjx-math></mjx-container></span>',
            "formula is cut off",
        ),
        ('<main><div style="width: 500px">wide</div></main>', "px wide on a screen of"),
        ("<script>throw Error('oh')</script>", "script stopped"),
        ("<script>console.error('oh')</script>", "console, oh"),
        ('<script src="missing.js"></script>', "404 for"),
    ],
)
def test_a_fault_of_a_page_is_found(browser, serve, tmp_path, body, fault):
    (tmp_path / "page.html").write_text(BARE.format(body))
    assert any(fault in found for found in look_at(browser, serve(tmp_path), ["page.html"], "phone, dark"))


def test_a_page_without_fault_is_not_reported(browser, serve, tmp_path):
    (tmp_path / "page.html").write_text(BARE.format("fine"))
    assert look_at(browser, serve(tmp_path), ["page.html"], "phone, dark") == []


# The live figure of the home page


@pytest.fixture(scope="module")
def home(browser, serve, site):
    """The home page, opened once: each test begins with a preset or a number of its own."""
    page = browser.new_page()
    page.goto(serve(site.html) + "book/index.html")
    page.wait_for_selector(".nine-numbers .presets button")
    yield page
    page.close()


def pixels(page, canvas):
    """The picture on the first or second canvas, as an array of grey levels."""
    values = page.evaluate(
        """(number) => {
          const canvas = document.querySelectorAll(".nine-numbers canvas")[number];
          return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
        }""",
        canvas,
    )
    side = int((len(values) // 4) ** 0.5)
    return np.array(values).reshape(side, side, 4)[..., 0]


@pytest.mark.parametrize(
    ("preset", "shift"), [("nothing", 0), ("blur", 0), ("sharpen", 0), ("upright edges", 128), ("level edges", 128)]
)
def test_the_live_figure_convolves_as_scipy_does(home, preset, shift):
    from scipy.signal import correlate2d

    home.get_by_role("button", name=preset).click()
    kernel = np.array([float(field.input_value()) for field in home.locator(".nine-numbers input").all()]).reshape(3, 3)
    expected = np.clip(correlate2d(pixels(home, 0), kernel, mode="valid") + shift, 0, 255)
    assert pixels(home, 1).shape == (62, 62)
    assert np.abs(pixels(home, 1) - expected).max() <= 1


def test_the_live_figure_follows_a_typed_number_and_a_drawn_line(home):
    before = pixels(home, 1)
    home.get_by_label("centre").fill("0.9")
    typed = pixels(home, 1)
    assert (typed != before).any()
    box = home.locator(".nine-numbers canvas").first.bounding_box()
    home.mouse.move(box["x"] + 20, box["y"] + 20)
    home.mouse.down()
    home.mouse.move(box["x"] + 90, box["y"] + 20)
    home.mouse.up()
    assert (pixels(home, 1) != typed).any()
    home.get_by_role("button", name="start afresh").click()
    np.testing.assert_array_equal(pixels(home, 1), typed)
