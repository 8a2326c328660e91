"""Suppression by its definition, average precision by scikit-learn's where the two agree, and by hand elsewhere."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from course_utils.evaluation import average_precision, box_iou, nms


def some_boxes(seed, count=30):
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 30, (count, 2))
    return np.hstack([corner, corner + random.uniform(5, 20, (count, 2))]), random.permutation(count) / count


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_box_is_kept_exactly_if_no_surer_kept_one_overlaps_it_more_than_the_threshold(seed, threshold):
    boxes, scores = some_boxes(seed)
    kept = nms(boxes, scores, threshold)
    assert (np.diff(scores[kept]) < 0).all()
    for index in range(len(boxes)):
        rivals = [other for other in kept if scores[other] > scores[index]]
        overlaps = box_iou(boxes[[index] * len(rivals)], boxes[rivals])
        assert (index in kept) == (overlaps <= threshold).all()


def test_suppression_of_nothing_and_of_equal_scores():
    assert nms([], []).shape == (0,)
    assert nms([[0, 0, 2, 2]] * 3, [0.5] * 3).tolist() == [0]


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_the_area_under_the_best_precision_still_to_come(seed):
    """Every image has one object and one box: whether the box finds it is the label of a ranking."""
    random = np.random.default_rng(seed)
    right, scores = random.random(40) < 0.6, random.permutation(40) / 40
    truth = [[[0, 0, 10, 10]]] * 40
    boxes = [[[0, 0, 10, 9] if each else [20, 0, 30, 10]] for each in right]
    found = average_precision(truth, boxes, [[score] for score in scores])
    precision, recall, _ = precision_recall_curve(right, scores)  # recall falls from 1 to 0
    best = np.maximum.accumulate(precision)
    recall = recall * right.sum() / 40  # missed objects are objects
    assert found == pytest.approx((best[:-1] * -np.diff(recall)).sum())


def test_a_second_box_on_an_object_is_a_mistake_and_suppression_mends_it():
    truth, boxes, scores = (
        [[[0, 0, 10, 10], [20, 0, 30, 10]]],
        [[[0, 0, 10, 10], [1, 0, 10, 10], [20, 0, 30, 10]]],
        [[0.9, 0.8, 0.7]],
    )
    assert average_precision(truth, boxes, scores) == pytest.approx((1 + 2 / 3) / 2)
    kept = nms(boxes[0], scores[0])
    assert average_precision(truth, [np.array(boxes[0])[kept]], [np.array(scores[0])[kept]]) == 1


def test_images_without_boxes_or_objects_count():
    box = [[0, 0, 10, 10]]
    assert average_precision([box, box], [box, []], [[0.5], []]) == pytest.approx(0.5)
    assert average_precision([box, []], [box, box], [[0.5], [0.9]]) == pytest.approx(0.5)
    assert np.isnan(average_precision([[]], [box], [[0.5]]))
    assert average_precision([box], [[]], [[]]) == 0


def test_the_threshold_is_an_iou_that_is_enough():
    truth, boxes = [[[0, 0, 10, 10]]], [[[0, 0, 10, 5]]]
    assert average_precision(truth, boxes, [[1.0]], 0.5) == 1
    assert average_precision(truth, boxes, [[1.0]], 0.51) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nms([[0, 0, 1, 1]], [0.5, 0.4]), "a score for each box"),
        (lambda: nms([[5, 5, 1, 1]], [0.5]), "x0 <= x1"),
        (lambda: nms([[0, 0, 1, 1]], [0.5], 50), "from 0 to 1, as an IoU is"),
        (lambda: average_precision([[]], [[], []], [[]]), "an entry for each image"),
        (lambda: average_precision([[]], [[[0, 0, 1, 1]]], [[]]), "boxes of image 0 are 1"),
        (lambda: average_precision([[]], [[]], [[]], 0), "above 0"),
    ],
)
def test_what_cannot_be_scored_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
