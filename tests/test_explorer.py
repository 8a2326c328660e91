"""The convolution explorer in headless Chromium, on a page of its own: no built book is needed."""

import json
import re
from pathlib import Path

import pytest

from course_utils.arithmetic import conv_output_size
from tests.browsers import launched, opener, served

CASES = json.loads((Path(__file__).parent / "cases" / "conv_output_size.json").read_text(encoding="utf-8"))["cases"]
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Explorer</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="explorer.css"><script type="module" src="explorer.js"></script></head>
<body style="margin:0"><main style="max-width:800px;margin:auto">
<div class="conv-explorer" SETTINGS>No script.</div></main></body></html>"""

# Settings (as a number: which sliders stand at their upper end) at which something is outside of its box.
CUT_OFF = """() => {
    const inputs = [...document.querySelectorAll("input[type=range]")];
    const stage = document.querySelector(".stage");
    const formula = document.querySelector(".formula");
    const outside = new Set();
    for (let corner = 0; corner < 2 ** inputs.length; corner++) {
        inputs.forEach((input, i) => {
            input.value = corner & (1 << i) ? input.max : input.min;
            input.dispatchEvent(new Event("input"));
        });
        const frame = stage.getBoundingClientRect();
        for (const part of stage.querySelectorAll("svg:not([hidden]) :is(rect, text), p:not([hidden])")) {
            const box = part.getBoundingClientRect();
            if (box.left < frame.left - 2 || box.right > frame.right + 2
                || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) outside.add(corner);
        }
        if (formula.scrollWidth > formula.clientWidth) outside.add(corner);
        if (document.documentElement.scrollWidth > window.innerWidth) outside.add(corner);
    }
    return [...outside];
}"""
SLIDERS = ("size", "kernel", "stride", "padding", "dilation")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with served(lambda settings: PAGE.replace("SETTINGS", settings.replace("&", " "))) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def open_page(browser, address):
    with opener(
        browser, address, ready=".stage .current", viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    ) as open_page:
        yield open_page


def choose(page, **settings):
    for key, value in settings.items():
        page.locator(f"input[data-key={key}]").evaluate(
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }",
            value,
        )


def settings_of(page):
    return {key: int(page.locator(f"input[data-key={key}]").input_value()) for key in SLIDERS}


def plain_formula(page):
    return page.locator(".formula .plain").all_text_contents()


def kernel_at(page):
    """Row and column, in cells of the padded input, of the kernel as it is drawn."""
    box = page.locator("svg .window").get_attribute("transform")
    x, y = (float(number) for number in re.findall(r"-?[\d.]+", box))
    corner = page.locator("svg .pickable").first  # the top left cell of the padded input
    x0, y0, cell = (float(corner.get_attribute(name)) for name in ("x", "y", "width"))
    return round((y - y0) / cell, 3), round((x - x0) / cell, 3)


def state(page):
    return page.locator(".state").text_content()


def test_sizes_agree_with_the_table_that_the_package_is_tested_on(open_page):
    page = open_page()
    found = page.evaluate(
        """async (cases) => {
            const { convOutputSize } = await import("./explorer-math.js");
            return cases.map((c) => convOutputSize(c.size, c.kernel, c.stride, c.padding, c.dilation));
        }""",
        CASES,
    )
    assert found == [case["output"] for case in CASES]


def test_cells_that_are_never_read_agree_with_trying_all_positions(open_page):
    page = open_page()
    found = page.evaluate(
        """async (cases) => {
            const { axis } = await import("./explorer-math.js");
            return cases.map((c) => { const a = axis(c); return [a.read, a.leftover, a.leftoverPixels]; });
        }""",
        CASES,
    )
    for case, (read, leftover, pixels) in zip(CASES, found, strict=True):
        room = case["size"] + 2 * case["padding"]
        taps = [tap * case["dilation"] for tap in range(case["kernel"])]
        starts = [start for start in range(0, room, case["stride"]) if start + taps[-1] < room]
        assert read == [any(cell - start in taps for start in starts) for cell in range(room)], case
        dropped = room - (starts[-1] + taps[-1] + 1) if starts else 0
        assert leftover == dropped, case
        assert pixels == max(0, dropped - case["padding"]), case


def test_formula_is_filled_in_and_agrees_with_the_package(open_page):
    page = open_page()
    for size, kernel, stride, padding, dilation in [
        (7, 3, 1, 0, 1),
        (8, 3, 3, 1, 1),
        (12, 4, 2, 2, 3),
        (5, 5, 4, 3, 2),
    ]:
        choose(page, size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        expected = conv_output_size(size, kernel, stride, padding, dilation)
        span = dilation * (kernel - 1) + 1
        lines = plain_formula(page)
        assert lines[1] == f"= {dilation}·({kernel} − 1) + 1 = {span}"
        assert lines[3] == f"= ⌊({size} + 2·{padding} − {span}) / {stride}⌋ + 1"
        assert lines[4].endswith(f"⌋ + 1 = {expected}")
        seen = page.locator(".equation .right").all_text_contents()
        assert seen[1] == f"{dilation} · ({kernel} − 1) + 1 = {span}"
        assert seen[3] == f"{size} + 2 · {padding} − {span}{stride} + 1"  # a fraction: one above the other
        assert seen[4] == lines[4].removeprefix("= ").replace("⌊", "").replace("⌋", "")
        assert page.locator(".answer").text_content() == str(expected)
        assert page.locator("svg .result").count() == expected**2
        assert f"Output {expected} × {expected}" in page.locator("svg").first.text_content()


def test_formula_shows_what_floor_does(open_page):
    page = open_page("data-size=8&data-stride=3")
    assert plain_formula(page)[-1] == "= ⌊1.66…⌋ + 1 = 2"
    assert "2 cells are left over, too few for another step of 3" in page.locator(".leftover").text_content()
    assert page.locator(".stage .unread").count() > 0
    choose(page, size=9)
    assert plain_formula(page)[-1] == "= ⌊2⌋ + 1 = 3"
    assert "floor drops nothing" in page.locator(".leftover").text_content()
    assert page.locator(".stage .unread").count() == 0


def test_leftover_cells_of_padding_lose_no_pixel(open_page):
    page = open_page("data-size=6&data-stride=2&data-padding=1")
    assert "1 cell is left over" in page.locator(".leftover").text_content()
    assert "no pixel of the image is lost" in page.locator(".leftover").text_content()
    assert page.locator(".stage .unread").count() == 8 + 8 - 1


def test_first_settings_can_be_given_by_the_page(open_page):
    page = open_page("data-size=9&data-kernel=99&data-dilation=x")
    assert settings_of(page) == {"size": 9, "kernel": 7, "stride": 1, "padding": 0, "dilation": 1}


def test_sliders_are_labelled_and_follow_the_keyboard(open_page):
    page = open_page()
    for name, key in [("Input size", "size"), ("Kernel", "kernel"), ("Stride", "stride"), ("Padding", "padding")]:
        slider = page.get_by_label(name, exact=True)
        before = settings_of(page)[key]
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert settings_of(page)[key] == before + 1
        assert page.locator(f".slider:has(input[data-key={key}]) output").text_content() == str(before + 1)
    assert page.locator(".answer").text_content() == str(conv_output_size(8, 4, 2, 1))
    page.get_by_role("slider", name="Dilation").press("End")
    assert settings_of(page)["dilation"] == 3


def test_arrow_keys_move_the_kernel_and_stop_at_the_border(open_page):
    page = open_page("data-size=7&data-stride=2")
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert kernel_at(page) == (4, 2)
    assert state(page).startswith("Position 8 of 9: row 2, column 1 of the output, counted from 0.")
    assert "rows 4 to 6 and columns 2 to 4" in state(page)
    page.keyboard.press("ArrowDown")
    assert kernel_at(page) == (4, 2)
    page.keyboard.press("Home")
    assert kernel_at(page) == (0, 0)
    page.keyboard.press("End")
    assert kernel_at(page) == (4, 4)


def test_everything_is_reached_with_the_tab_key(open_page):
    page = open_page()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                    const { dataset, classList, ariaLabel, textContent } = document.activeElement;
                    return dataset.key ?? (classList.contains("stage") ? "stage" : ariaLabel ?? textContent);
                }"""
            )
        )
    assert reached[:5] == list(SLIDERS)
    assert "stage" in reached
    assert reached[-3:] == ["Previous position", "▶ Play", "Next position"]


def test_a_click_on_an_output_cell_moves_the_kernel_there(open_page):
    page = open_page("data-size=8&data-kernel=2&data-stride=2&data-padding=1")
    page.locator("svg .result[data-row='3'][data-column='1']").click()
    assert kernel_at(page) == (6, 2)
    assert state(page).startswith("Position 17 of 25: row 3, column 1")
    cell = page.locator("svg .result[data-row='3'][data-column='1']").bounding_box()
    current = page.locator(".stage .current").bounding_box()
    assert (current["x"], current["y"]) == pytest.approx((cell["x"], cell["y"]), abs=1.5)


def test_a_click_on_the_input_moves_the_kernel_to_the_nearest_position(open_page):
    page = open_page("data-size=9&data-stride=3")
    page.locator("svg .pickable").nth(7 * 9 + 1).click()  # row 7, column 1
    assert kernel_at(page) == (6, 0)


def test_a_tap_moves_the_kernel_on_a_phone_and_nothing_is_cut_off(open_page):
    page = open_page(
        "data-size=6&data-padding=1", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page.locator("svg .result[data-row='2'][data-column='5']").tap()
    assert kernel_at(page) == (2, 5)
    assert page.evaluate(CUT_OFF) == []


def test_nothing_is_cut_off_at_any_corner_of_the_settings(open_page):
    assert open_page().evaluate(CUT_OFF) == []


def test_buttons_step_through_all_positions_and_around(open_page):
    page = open_page("data-size=4&data-kernel=3")
    assert state(page).startswith("Position 1 of 4")
    seen = [kernel_at(page)]
    for _ in range(4):
        page.get_by_role("button", name="Next position").click()
        seen.append(kernel_at(page))
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0)]
    page.get_by_role("button", name="Previous position").click()
    assert kernel_at(page) == (1, 1)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_starts_only_when_asked_and_pauses(open_page, motion):
    page = open_page(reduced_motion=motion)
    page.wait_for_timeout(700)
    assert state(page).startswith("Position 1 of 25")  # nothing moves by itself
    page.get_by_role("button", name="Play").click()
    assert page.locator(".state").get_attribute("aria-live") == "off"  # not two announcements a second
    page.wait_for_function("document.querySelector('.state').textContent.startsWith('Position 3')")
    page.get_by_role("button", name="Pause").click()
    assert page.locator(".state").get_attribute("aria-live") == "polite"
    stopped = state(page)
    page.wait_for_timeout(1200)
    assert state(page) == stopped


@pytest.mark.parametrize(("motion", "glides"), [("no-preference", True), ("reduce", False)])
def test_the_kernel_glides_unless_the_reader_wants_no_motion(open_page, motion, glides):
    page = open_page(reduced_motion=motion)
    between = page.evaluate(
        """() => new Promise((done) => {
            const seen = new Set();
            const kernel = document.querySelector("svg .window");
            const watch = new MutationObserver(() => seen.add(kernel.getAttribute("transform")));
            watch.observe(kernel, { attributes: true });
            document.querySelector("[aria-label='Next position']").click();
            setTimeout(() => { watch.disconnect(); done(seen.size); }, 500);
        })"""
    )
    assert (between > 2) == glides
    assert kernel_at(page) == (0, 1)


def test_impossible_settings_give_a_sentence_and_no_picture(open_page):
    page = open_page("data-size=5")
    choose(page, kernel=4, dilation=3, padding=1)
    sentence = "a kernel of 4 with dilation 3 spans 10 cells, and the padded input has only 7"
    assert sentence in page.locator(".impossible").text_content()
    assert page.locator(".impossible").is_visible()
    assert sentence in state(page)  # which screen readers are told
    assert not page.locator(".stage svg").is_visible()
    assert page.get_by_role("button", name="Play").is_disabled()
    assert plain_formula(page)[-1] == "= no position"
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    choose(page, dilation=1)
    assert page.locator(".stage svg").is_visible()
    assert page.locator(".answer").text_content() == "4"


def test_examples_set_the_sliders(open_page):
    page = open_page()
    page.get_by_role("button", name="keeps the size").click()
    chosen = settings_of(page)
    assert chosen["padding"] == 1
    assert page.locator(".answer").text_content() == str(chosen["size"])
    assert page.get_by_role("button", name="keeps the size").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="leaves pixels over").click()
    assert page.locator(".stage .unread").count() > 0


def test_the_kernel_stays_inside_when_the_output_shrinks(open_page):
    page = open_page()
    page.locator(".stage").press("End")
    assert kernel_at(page) == (4, 4)
    choose(page, size=4)
    assert kernel_at(page) == (1, 1)
    assert state(page).startswith("Position 4 of 4")


def test_both_themes_colour_the_picture(open_page):
    page = open_page()
    page.add_style_tag(
        content="html { --pst-color-surface: #f3f4f5 } html[data-theme=dark] { --pst-color-surface: #29313d }"
    )
    fill = "getComputedStyle(document.querySelector('svg .pixel')).fill"
    light = page.evaluate(fill)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert (light, page.evaluate(fill)) == ("rgb(243, 244, 245)", "rgb(41, 49, 61)")
