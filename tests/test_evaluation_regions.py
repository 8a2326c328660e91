"""Overlap of boxes and masks, against counted pixels, closed forms and properties; smooth L1 against Keras."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import evaluation
from course_utils.datasets.drawn import draw
from course_utils.evaluation import box_iou, mask_iou, smooth_l1

SIDE = 12
corners = st.integers(0, SIDE)
boxes = st.tuples(corners, corners, corners, corners).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
pairs = st.lists(st.tuples(boxes, boxes), min_size=1, max_size=20).map(lambda rows: np.array(rows).transpose(1, 0, 2))


def filled(boxes):
    """Boxes with whole corners as masks: pixel (row, column) reaches from column to column + 1."""
    masks = np.zeros((len(boxes), SIDE, SIDE), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return masks


@given(pairs)
def test_the_overlap_of_boxes_is_that_of_their_pixels(pair):
    a, b = pair
    shared, together = ((op(filled(a), filled(b))).sum((1, 2)) for op in (np.logical_and, np.logical_or))
    np.testing.assert_allclose(box_iou(a, b), np.where(together > 0, shared / np.maximum(together, 1), 0))
    some = together > 0
    np.testing.assert_allclose(mask_iou(filled(a), filled(b))[some], box_iou(a, b)[some])


@given(pairs, st.floats(-50, 50), st.floats(-50, 50), st.floats(0.1, 10))
def test_overlap_is_symmetric_within_0_and_1_and_moves_and_grows_with_the_image(pair, dx, dy, factor):
    a, b = pair
    overlap = box_iou(a, b)
    np.testing.assert_array_equal(overlap, box_iou(b, a))
    assert ((overlap >= 0) & (overlap <= 1)).all()
    shift = np.array([dx, dy, dx, dy])
    np.testing.assert_allclose(box_iou(factor * (a + shift), factor * (b + shift)), overlap, atol=1e-6)
    with_area = (a[:, 2:] > a[:, :2]).all(axis=1)
    np.testing.assert_array_equal(box_iou(a, a), with_area.astype(float))


def test_a_square_shifted_by_a_part_of_its_side_has_the_closed_form():
    shift = np.linspace(0, 1.5, 7)
    moved = np.stack([shift, 0 * shift, 1 + shift, 0 * shift + 1], axis=1)
    still = np.tile([0.0, 0, 1, 1], (7, 1))
    np.testing.assert_allclose(box_iou(still, moved), np.clip((1 - shift) / (1 + shift), 0, None))


def test_boxes_without_area_overlap_nothing():
    assert box_iou([[1, 1, 1, 5], [0, 0, 4, 4]], [[1, 1, 1, 5], [2, 2, 2, 2]]).tolist() == [0, 0]


def test_the_box_of_a_drawing_covers_its_mask():
    drawing = draw(20, 32, seed=4)
    full = np.tile([0, 0, 32, 32], (20, 1))
    areas = (drawing.boxes[:, 2:] - drawing.boxes[:, :2]).prod(axis=1)
    np.testing.assert_allclose(box_iou(drawing.boxes, full), areas / 32**2, rtol=1e-6)
    assert (mask_iou(drawing.masks, drawing.masks) == 1).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_masks_are_compared_image_by_image(seed, p, q):
    random = np.random.default_rng(seed)
    truth, found = random.random((3, 5, 4)) < p, random.random((3, 5, 4)) < q
    values = mask_iou(truth, found)
    for value, t, f in zip(values, truth, found, strict=True):
        a, b = set(zip(*np.nonzero(t), strict=True)), set(zip(*np.nonzero(f), strict=True))
        assert value == pytest.approx(len(a & b) / len(a | b) if a | b else 1.0)
    np.testing.assert_array_equal(values, mask_iou(found[..., None].astype("uint8"), truth.astype(int)))


def test_two_empty_masks_agree_and_an_empty_one_misses_everything():
    empty, full = np.zeros((1, 3, 3), int), np.ones((1, 3, 3), int)
    assert mask_iou(empty, empty).tolist() == [1.0]
    assert mask_iou(full, empty).tolist() == mask_iou(empty, full).tolist() == [0.0]


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 20))
def test_smooth_l1_is_the_huber_loss_of_keras_divided_by_its_delta(seed, beta):
    random = np.random.default_rng(seed)
    truth, prediction = random.normal(scale=3, size=(2, 6, 4))
    huber = keras.losses.Huber(delta=beta, reduction=None, dtype="float64")
    wanted = keras.ops.convert_to_numpy(huber(truth, prediction)) / beta
    np.testing.assert_allclose(smooth_l1(truth, prediction, beta), wanted, rtol=1e-6)


def test_smooth_l1_has_no_step_and_no_kink_where_its_parts_meet():
    for beta in (0.5, 1.0, 3.0):
        errors = np.array([[0.0], [beta - 1e-6], [beta], [beta + 1e-6]])
        _, below, at, above = smooth_l1(0 * errors, errors, beta)
        assert at == pytest.approx(beta / 2)
        assert (at - below) / 1e-6 == pytest.approx(1, abs=1e-5)
        assert (above - at) / 1e-6 == pytest.approx(1, abs=1e-5)


def test_every_public_name_is_there():
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: box_iou([0, 0, 1, 1], [0, 0, 1, 1]), r"shape \(4,\); expected \(boxes, 4\).* give \[box\]"),
        (lambda: box_iou(np.ones((2, 4)), np.ones((3, 4))), "2 boxes in a and 3 in b"),
        (lambda: box_iou([[0, 0, 1, 1]], [[5, 5, 3, 6]]), "box 0 of b is .* Is it x, y, width, height"),
        (lambda: mask_iou(np.zeros((4, 4)), np.zeros((4, 4))), r"expected \(images, height, width\)"),
        (lambda: mask_iou(np.zeros((2, 4, 4)), np.zeros((1, 4, 4))), "expected the same shape"),
        (lambda: mask_iou(np.zeros((1, 4, 4)), np.full((1, 4, 4), 0.7)), "give prediction > 0.5"),
        (lambda: mask_iou(np.full((1, 4, 4), 2), np.zeros((1, 4, 4))), "truth == the class"),
        (lambda: smooth_l1([1.0], [2.0]), r"expected \(rows, values\)"),
        (lambda: smooth_l1([[1.0]], [[2.0]], beta=0), "beta is 0; it must be above 0"),
    ],
)
def test_what_is_no_region_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_everywhere(wrong):
    box, mask = [[0, 0, 2, wrong]], np.full((1, 2, 2), wrong)
    for call in (
        lambda: evaluation.box_iou(box, [[0, 0, 1, 1]]),
        lambda: evaluation.box_iou([[0, 0, 1, 1]], box),
        lambda: evaluation.mask_iou(mask, np.ones((1, 2, 2))),
        lambda: evaluation.smooth_l1([[wrong]], [[1.0]]),
        lambda: evaluation.smooth_l1([[1.0]], [[wrong]]),
        lambda: evaluation.smooth_l1([[1.0]], [[1.0]], beta=abs(wrong)),
    ):
        with pytest.raises(ValueError, match="finite|other values than 0 and 1"):
            call()
