"""Boxes and masks on their images: what is drawn lies on the pixels that it speaks of, counted on the figure."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils import plots
from course_utils.datasets.drawn import draw
from course_utils.plots import overlays

IMAGES = np.zeros((2, 6, 8, 3), "uint8")


def frames(axes):
    """x0, y0, x1, y1 of each box, in pixels from the image's corner."""
    return [
        (patch.get_x() + 0.5, patch.get_y() + 0.5, patch.get_x() + patch.get_width() + 0.5,
         patch.get_y() + patch.get_height() + 0.5)
        for patch in axes.patches
    ]  # fmt: skip


def test_a_true_box_encloses_just_the_pixels_of_its_mask():
    drawing = draw(4, 32, seed=2)
    for axes, mask in zip(plots.boxes(drawing.images, drawing.boxes).axes, drawing.masks[..., 0], strict=True):
        ((x0, y0, x1, y1),) = frames(axes)
        rows, columns = np.nonzero(mask)
        assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_predicted_boxes_are_dashed_and_may_be_several_or_none():
    many = [np.array([[0, 0, 2, 2], [1, 1, 4, 4], [3, 3, 5, 6]]), np.zeros((0, 4))]
    figure = plots.boxes(IMAGES, [[1, 2, 3, 4], [0, 0, 8, 6]], predicted=many)
    first, second = figure.axes
    assert frames(first) == [(1, 2, 3, 4), (0, 0, 2, 2), (1, 1, 4, 4), (3, 3, 5, 6)]
    assert frames(second) == [(0, 0, 8, 6)]
    assert [patch.get_linestyle() == "-" for patch in first.patches] == [True, False, False, False]
    assert first.patches[0].get_edgecolor() != first.patches[1].get_edgecolor()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["true", "predicted"]
    figure.canvas.draw()
    assert plt.get_fignums() == []


def test_boxes_filled_up_with_nan_are_not_drawn():
    filled = np.full((2, 3, 4), np.nan)
    filled[0, 0] = [1, 1, 2, 2]
    assert [len(axes.patches) for axes in plots.boxes(IMAGES, filled).axes] == [1, 0]


def segments(collection):
    """A set of edges, each between the corners of pixels."""
    return {frozenset(map(tuple, edge + 0.5)) for edge in collection.get_segments()}


def test_the_outline_of_a_mask_are_the_edges_between_object_and_ground():
    mask = np.zeros((1, 3, 4), int)
    mask[0, 0, 1:3] = mask[0, 1, 1] = 1
    outline = plots.masks(np.zeros((1, 3, 4, 3)), mask).axes[0].collections[-1]
    across = {((x, 0), (x + 1, 0)) for x in (1, 2)} | {((2, 1), (3, 1)), ((1, 2), (2, 2))}
    down = {((1, y), (1, y + 1)) for y in (0, 1)} | {((3, 0), (3, 1)), ((2, 1), (2, 2))}
    assert segments(outline) == {frozenset(edge) for edge in across | down}


def test_found_missed_and_false_pixels_have_a_colour_each_and_the_rest_is_grey():
    truth, found = np.zeros((2, 1, 2, 2), int)
    truth[0] = [[1, 1], [0, 0]]
    found[0] = [[1, 0], [1, 0]]
    figure = plots.masks(np.full((1, 2, 2, 3), 128, "uint8"), truth[..., None], found.astype(bool))
    judged = figure.axes[1].images[0].get_array()
    wanted = [overlays.HIT, overlays.MISSED, overlays.FALSE_ALARM]
    for pixel, color in zip([judged[0, 0], judged[0, 1], judged[1, 0]], wanted, strict=True):
        distances = [np.abs(pixel - to_rgb(other)).sum() for other in wanted]
        assert wanted[int(np.argmin(distances))] == color
    assert np.ptp(judged[1, 1]) < 1e-9
    figure.canvas.draw()


@pytest.mark.parametrize("shape", [(5, 6, 8), (5, 6, 8, 1), (5, 6, 8, 3)])
def test_masks_have_a_row_of_images_above_each_row_of_predictions(shape):
    empty = np.zeros((5, 6, 8), bool)
    figure = plots.masks(np.zeros(shape), empty, ~empty, titles=list("abcde"), columns=3)
    figure.canvas.draw()
    rows = {}
    for axes in figure.axes:
        rows.setdefault(round(axes.get_position().y0, 3), []).append(axes.get_title())
    assert list(rows.values()) == [["a", "b", "c"], ["", "", ""], ["d", "e"], ["", ""]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.boxes(IMAGES, np.zeros((3, 4))), r"boxes has 3 entries for 2 images; expected \(images, 4\)"),
        (lambda: plots.boxes(IMAGES, np.zeros((2, 5))), r"one of shape \(5,\)"),
        (lambda: plots.boxes(IMAGES, np.zeros((2, 4)), np.zeros((1, 4))), "predicted has 1 entries"),
        (lambda: plots.masks(IMAGES, np.zeros((2, 8, 6))), r"expected \(2, 6, 8\)"),
        (lambda: plots.masks(IMAGES, np.zeros((2, 6, 8)), np.full((2, 6, 8), 0.3)), "give predicted > 0.5"),
        (lambda: plots.masks(IMAGES, np.zeros((2, 6, 8)), titles=["a"]), "1 titles for 2 images"),
    ],
)
def test_what_does_not_fit_the_images_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
