"""The patch explorer in headless Chromium, on a page of its own, as a notebook's output stands there."""

import json
import re

import numpy as np
import pytest

from course_utils.plots import PatchExplorer
from tests.browsers import launched, opener, served

NAMES = ["tabby <cat>", "dog"]
IMAGE = np.random.default_rng(0).integers(0, 256, size=(48, 64, 3)).astype("uint8")
RANDOM = np.random.default_rng(1)
GRIDS = {patch: RANDOM.random((2, (48 - patch) // 8 + 1, (64 - patch) // 8 + 1)) for patch in (16, 24)}
CLEAN = [0.6, 0.3]
EXPLORER = PatchExplorer(IMAGE, GRIDS, CLEAN, NAMES, stride=8, alt="Coloured noise.")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Explorer</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="patch-explorer.css"><script type="module" src="patch-explorer.js"></script></head>
<body style="margin:0"><main style="max-width:800px;margin:auto">BODY</main></body></html>"""


def stored(explorer):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', explorer._repr_html_())[1])


def test_the_numbers_of_the_run_are_stored_to_four_digits():
    numbers = stored(EXPLORER)
    assert [grid["patch"] for grid in numbers["grids"]] == [16, 24]
    for grid in numbers["grids"]:
        np.testing.assert_allclose(grid["scores"], GRIDS[grid["patch"]], atol=5e-5)
    assert numbers["clean"] == CLEAN
    assert numbers["names"] == NAMES


def test_as_text_it_names_its_patches_and_no_address_in_memory():
    assert repr(EXPLORER) == "PatchExplorer(2 classes, patches of 16, 24 pixels)"


def test_without_scripts_the_patch_lies_in_the_corner_and_gives_nothing_away():
    assert EXPLORER.still == (24, 0, 0)
    text = EXPLORER._repr_html_()
    assert f"left:0.000%;top:0.000%;width:{100 * 24 / 64:.3f}%;height:{100 * 24 / 48:.3f}%" in text
    assert f"With the patch where it is: tabby &lt;cat&gt; {GRIDS[24][0, 0, 0]:.2f}" in text
    assert 'alt="Coloured noise."' in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(image=IMAGE / 255), "expected uint8"),
        (dict(grids={16: GRIDS[24]}), r"patch 16 have shape \(2, 4, 6\); expected \(2, 5, 7\)"),
        (dict(clean=[0.6]), "for 2 names"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = dict(image=IMAGE, grids=GRIDS, clean=CLEAN, names=NAMES, stride=8) | change
    with pytest.raises(ValueError, match=message):
        PatchExplorer(**given)


@pytest.fixture(scope="module")
def address():
    with served(lambda _: PAGE.replace("BODY", EXPLORER._repr_html_())) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def open_page(browser, address):
    with opener(
        browser, address, ready=".patch-explorer[data-ready]", viewport={"width": 1000, "height": 900}
    ) as open_page:
        yield open_page


def state(page):
    return page.locator(".state").text_content()


def shown(page):
    return [float(text) for text in page.locator(".value").all_text_contents()]


def covered(page):
    """Left and top of the patch, in pixels of the photograph."""
    box, stage = (page.locator(which).bounding_box() for which in (".cover", ".stage"))
    scale = 64 / stage["width"]
    return (box["x"] - stage["x"]) * scale, (box["y"] - stage["y"]) * scale


@pytest.mark.browser
def test_the_numbers_are_hidden_until_the_reader_has_guessed(open_page):
    page = open_page()
    assert page.locator(".value").all_text_contents() == ["?", "?"]
    assert "Where does it cost tabby <cat> most? Without a patch: tabby <cat> 0.60, dog 0.30." in state(page)
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".value").all_text_contents() == ["?", "?"]
    page.get_by_role("button", name="This is my guess").click()
    mine = GRIDS[24][0, 0, 1]
    better = (GRIDS[24][0] < mine).sum()
    assert f"Your guess takes tabby <cat> from 0.60 to {mine:.2f}. " in state(page)
    assert f"{better} of {4 * 6} positions cost it more" in state(page)
    assert f"the costliest leaves {GRIDS[24][0].min():.2f}" in state(page)
    assert page.evaluate("document.activeElement.className") == "stage"


@pytest.mark.browser
@pytest.mark.parametrize("patch", [16, 24])
def test_at_every_position_the_numbers_are_those_of_the_run(open_page, patch):
    page = open_page()
    page.get_by_role("button", name=f"{patch} pixels").click()
    page.get_by_role("button", name="This is my guess").click()
    page.locator(".stage").focus()
    page.keyboard.press("Home")
    _, rows, columns = GRIDS[patch].shape
    for row in range(rows):
        for column in range(columns):
            assert shown(page) == pytest.approx(GRIDS[patch][:, row, column], abs=0.0051)
            assert f"row {row + 1} of {rows}, column {column + 1} of {columns}" in state(page)
            assert covered(page) == pytest.approx((8 * column, 8 * row), abs=0.3)
            page.keyboard.press("ArrowRight")
        for _ in range(columns):
            page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    assert covered(page) == pytest.approx((64 - patch, 48 - patch), abs=0.3)
    page.get_by_role("button", name="Lift the patch").click()
    assert shown(page) == CLEAN
    assert not page.locator(".cover").is_visible()


@pytest.mark.browser
def test_a_pointer_moves_the_patch_to_the_nearest_position(open_page):
    page = open_page()
    page.get_by_role("button", name="16 pixels").click()
    stage = page.locator(".stage").bounding_box()
    scale = stage["width"] / 64
    page.mouse.click(stage["x"] + 30 * scale, stage["y"] + 33 * scale)
    assert covered(page) == pytest.approx((24, 24), abs=0.3)  # centres at 8, 16, 24, 32
    page.mouse.move(stage["x"] + 30 * scale, stage["y"] + 33 * scale)
    page.mouse.down()
    page.mouse.move(stage["x"] + 63 * scale, stage["y"] + 1 * scale)
    page.mouse.up()
    assert covered(page) == pytest.approx((48, 0), abs=0.3)


@pytest.mark.browser
def test_a_tap_moves_the_patch_and_nothing_is_wider_than_a_phone(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="16 pixels").tap()
    stage = page.locator(".stage").bounding_box()
    page.touchscreen.tap(stage["x"] + stage["width"] * 40 / 64, stage["y"] + stage["height"] * 8 / 48)
    assert covered(page) == pytest.approx((32, 0), abs=0.3)
    page.get_by_role("button", name="This is my guess").tap()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
def test_the_map_of_all_positions_is_darkest_where_the_class_loses_most(open_page):
    page = open_page()
    page.get_by_role("button", name="16 pixels").click()
    page.get_by_role("button", name="This is my guess").click()
    page.get_by_role("button", name="Show all positions").click()
    alphas = page.evaluate(
        """() => {
            const map = document.querySelector("canvas");
            const pixels = map.getContext("2d").getImageData(0, 0, map.width, map.height).data;
            return Array.from({ length: pixels.length / 4 }, (_, i) => pixels[4 * i + 3]);
        }"""
    )
    falls = np.abs(CLEAN[0] - GRIDS[16][0])
    np.testing.assert_allclose(np.reshape(alphas, falls.shape), 0.85 * 255 * falls / falls.max(), atol=2)


@pytest.mark.browser
def test_everything_is_reached_with_the_tab_key(open_page):
    page = open_page()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className || document.activeElement.textContent"))
    assert reached == ["stage", "16 pixels", "24 pixels", "This is my guess"]


@pytest.mark.browser
def test_the_script_starts_where_the_still_picture_stands(open_page):
    page = open_page()
    assert covered(page) == pytest.approx((0, 0), abs=0.3)
    cover, stage = (page.locator(which).bounding_box()["width"] for which in (".cover", ".stage"))
    assert 64 * cover / stage == pytest.approx(EXPLORER.still[0], abs=0.3)


@pytest.mark.browser
def test_without_scripts_the_page_shows_the_still_picture(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("img").is_visible()
    assert "With the patch where it is" in page.locator(".patch-explorer p").text_content()
