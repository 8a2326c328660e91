"""Scores of pixels: those of Keras and scikit-learn, and what they say of absent classes and of masks that are none."""

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from course_utils.evaluation import class_dice, class_iou, mean_iou


def some(seed, present):
    random = np.random.default_rng(seed)
    return tuple(random.choice(present, size=(2, 5, 7)) for _ in range(2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 2], [1]])
def test_scores_of_the_classes_that_are_there_are_those_of_scikit_learn(seed, present):
    labels, guess = some(seed, present)
    for ours, theirs in ((class_iou, jaccard_score), (class_dice, f1_score)):
        scores = ours(labels, guess, classes=4)
        wanted = theirs(labels.ravel(), guess.ravel(), labels=present, average=None)
        np.testing.assert_allclose(scores[present], wanted)
        absent = np.setdiff1d(np.arange(4), present)
        assert np.isnan(scores[absent]).all()


@pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 2], [3]])
def test_the_mean_is_that_of_keras_which_leaves_absent_classes_out_too(present):
    labels, guess = some(7, present)
    metric = keras.metrics.MeanIoU(num_classes=4)
    metric.update_state(labels, guess)
    assert mean_iou(labels, guess, 4) == pytest.approx(float(metric.result()), abs=1e-6)
    ious = class_iou(labels, guess, 4)
    for number in present:
        of_one = keras.metrics.IoU(num_classes=4, target_class_ids=[number])
        of_one.update_state(labels, guess)
        assert ious[number] == pytest.approx(float(of_one.result()), abs=1e-6)


def test_a_class_that_is_only_predicted_counts_as_missed():
    labels, guess = np.zeros((1, 2, 2), int), np.array([[[0, 0], [0, 1]]])
    np.testing.assert_allclose(class_iou(labels, guess, 3), [0.75, 0, np.nan])
    assert mean_iou(labels, guess, 3) == pytest.approx(0.375)


def test_dice_follows_from_iou():
    labels, guess = some(1, [0, 1, 2])
    iou = class_iou(labels, guess, 3)
    np.testing.assert_allclose(class_dice(labels, guess, 3), 2 * iou / (1 + iou))


@pytest.mark.parametrize(
    ("labels", "guess", "message"),
    [
        ([[1, 2, 3]], [[1, 2, 3]], "count from 1: subtract 1"),
        ([[0, 255]], [[0, 1]], "go from 0 to 255; expected 0 to 2"),
        ([[0, 1]], [[0.1, 0.9]], r"argmax\(axis=-1\)"),
        (np.zeros((1, 2, 2, 1), int), np.zeros((1, 2, 2), int), r"take \[..., 0\]"),
    ],
)
def test_what_is_no_mask_of_classes_is_named(labels, guess, message):
    for score in (class_iou, mean_iou, class_dice):
        with pytest.raises(ValueError, match=message):
            score(labels, guess, 3)


def test_no_pixels_have_no_mean():
    with pytest.raises(ValueError, match="no pixels"):
        mean_iou(np.zeros((0, 2, 2), int), np.zeros((0, 2, 2), int), 3)
