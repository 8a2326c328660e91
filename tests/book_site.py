"""The built book as the tests see it, and what can be wrong with one."""

import dataclasses
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Build:
    """What came of a build: the folder of pages, the exit status and everything that was printed."""

    html: Path
    status: int
    log: str

    def pages(self):
        """Addresses of all pages, relative to the site, such as ``book/index.html``."""
        return sorted(path.relative_to(self.html).as_posix() for path in self.html.rglob("*.html") if _is_page(path))

    def soup(self, page):
        return parsed(self.html / page)


def build(source, output):
    """Build a book with the command of ``make book``, without a backend for Keras: a reader of the book has none."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going", "--all", "-q"]
    done = subprocess.run(
        [*command, "--path-output", output, source],
        env={**os.environ, "KERAS_BACKEND": "none_at_all"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Build(Path(output) / "_build" / "html", done.returncode, done.stdout + done.stderr)


def built_once(tmp_path_factory):
    """The book of this repository, built by the first test that asks; other workers of pytest-xdist wait for it.

    ``BUILT_BOOK`` names the pages that `make book` has just made without a warning: they are not made again.
    """
    if built := os.environ.get("BUILT_BOOK"):
        return Build(ROOT / built, 0, "")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return _built_in(folder)


@functools.cache
def _built_in(folder):
    import fcntl

    record = folder / "book.json"
    with (folder / "book.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if record.exists():
            stored = json.loads(record.read_text())
            return Build(Path(stored["html"]), stored["status"], stored["log"])
        site = build(ROOT, folder / "book")
        record.write_text(json.dumps({"html": str(site.html), "status": site.status, "log": site.log}))
        return site


@functools.cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(path):
    return {element["id"] for element in parsed(path).find_all(id=True)}


def _is_page(path):
    return not {"_static", "_sources"} & set(path.parts)


def toc_files(toc):
    """Every file that a table of contents lists, in reading order, without suffix."""
    if isinstance(toc, dict):
        return [toc[key] for key in ("root", "file") if key in toc] + [
            file for value in toc.values() if isinstance(value, list) for file in toc_files(value)
        ]
    return [file for item in toc for file in toc_files(item)]


def book_toc():
    return toc_files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))


def notebooks():
    """The notebooks of the book, relative to the repository and without suffix: chapters, exercises, solutions."""
    return sorted(
        path.relative_to(ROOT).with_suffix("").as_posix()
        for folder in ("book", "exercises", "solutions")
        for path in (ROOT / folder).glob("[0-9a]*_*.ipynb")
    )


def broken_links(site):
    """Every link, picture, script and style sheet of a page that leads to no file, or to no place in its page."""
    return [
        f"{page} -> {address}"
        for page in site.pages()
        for element in site.soup(page).find_all(["a", "link", "img", "script", "source"])
        if (address := element.get("href") or element.get("src")) and not _leads_somewhere(site, page, address)
    ]


def _leads_somewhere(site, page, address):
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return True
    target = unquote(urlsplit(urljoin(page, address)).path) or page
    path = site.html / (target + "index.html" if target.endswith("/") else target)
    if not path.is_file():
        return False
    if not parts.fragment or path.suffix != ".html":
        return True
    return unquote(parts.fragment) in anchors(path)


def foreign_resources(site):
    """What a browser would fetch from other hosts: scripts, styles, pictures, frames, and addresses in style sheets."""
    found = [
        f"{page} <- {element[attribute]}"
        for page in site.pages()
        for tag, attribute in (("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src"), ("video", "src"))
        for element in site.soup(page).find_all(tag, {attribute: re.compile(r"^(https?:)?//")})
        if element.get("rel") != ["canonical"]
    ]
    for sheet in site.html.rglob("*.css"):
        for address in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", sheet.read_text("utf-8")):
            found.append(f"{sheet.relative_to(site.html)} <- {address}")
    return found


def pictures_without_text(site):
    """Pictures of the text that a screen reader could say nothing about."""
    return [
        f"{page}: {picture.get('src')}"
        for page in site.pages()
        for picture in site.soup(page).select("article img, article svg[role=img], article canvas")
        if not _says_something((picture.get("alt") or picture.get("aria-label") or "").strip())
    ]


def _says_something(text):
    """A picture that was given no text has the name of its file there: Sphinx puts it in."""
    return bool(text) and not re.search(r"\.(png|svg|jpe?g|gif)$", text)


def colab_links(site, page):
    return sorted(
        link["href"] for link in site.soup(page).find_all("a", href=re.compile("colab.research.google.com/github"))
    )
