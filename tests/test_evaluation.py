"""Scores, against scikit-learn, closed forms and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from sklearn import metrics

from course_utils import evaluation

labelled = st.integers(2, 6).flatmap(
    lambda classes: st.lists(
        st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60
    ).map(lambda pairs: (classes, *np.array(pairs).T))
)


@given(labelled)
@settings(deadline=None)
def test_scores_agree_with_scikit_learn(data):
    classes, labels, predictions = data
    assert evaluation.accuracy(labels, predictions) == pytest.approx(metrics.accuracy_score(labels, predictions))
    wanted = metrics.confusion_matrix(labels, predictions, labels=range(classes))
    np.testing.assert_array_equal(evaluation.confusion(labels, predictions, classes), wanted)
    # from the counts, since evaluation itself asks scikit-learn
    both = wanted.sum(0) + wanted.sum(1)
    present = both > 0
    f1 = 2 * np.diag(wanted)[present] / both[present]
    assert evaluation.macro_f1(labels, predictions) == pytest.approx(f1.mean())


def test_the_report_counts_by_hand():
    #  true     cat cat cat dog dog eel
    #  called   cat cat dog dog cat cat
    report = evaluation.per_class_report([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 0], ["cat", "dog", "eel"])
    assert report.loc["cat", ["precision", "recall"]].tolist() == pytest.approx([2 / 4, 2 / 3])
    assert report.loc["dog", "F1"] == pytest.approx(0.5)
    assert report.loc["eel", ["precision", "recall", "F1"]].tolist() == [0, 0, 0]
    assert report.support.tolist() == [3, 2, 1, 6]
    assert report.loc["macro mean", "F1"] == pytest.approx((4 / 7 + 0.5 + 0) / 3)


def test_the_most_confused_pair_counts_both_directions():
    matrix = np.array([[9, 3, 0], [3, 9, 0], [5, 0, 9]])  # 0 and 1: 6 together; 2 called 0: 5 in one direction
    assert evaluation.most_confused(matrix) == (0, 1)
    matrix[2, 0] = 7
    assert evaluation.most_confused(matrix) == (2, 0)


def rows(scores):
    return special.softmax(np.asarray(scores, float), axis=1)


def test_a_calibrated_network_has_no_gap_and_an_overconfident_one_has():
    random = np.random.default_rng(0)
    probabilities = rows(random.normal(scale=1.5, size=(60_000, 4)))
    labels = (random.random((60_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)  # drawn from the probabilities
    assert evaluation.calibration(labels, probabilities).error < 0.01
    assert evaluation.calibration(labels, evaluation.soften(probabilities, 0.4)).error > 0.1


def test_the_calibration_error_is_that_of_its_definition():
    random = np.random.default_rng(1)
    probabilities = rows(random.normal(size=(500, 3)))
    labels = random.integers(0, 3, 500)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    error = 0.0
    for low in np.arange(10) / 10:
        inside = (confidence > low) & (confidence <= low + 0.1)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    result = evaluation.calibration(labels, probabilities, bins=10)
    assert result.error == pytest.approx(error)
    assert result.count.sum() == 500


@given(st.floats(0.2, 6), st.integers(0, 9))
@settings(deadline=None, max_examples=30)
def test_softening_divides_the_scores_and_keeps_the_answer(temperature, seed):
    scores = np.random.default_rng(seed).normal(size=(5, 4))
    softened = evaluation.soften(rows(scores), temperature)
    np.testing.assert_allclose(softened, rows(scores / temperature), atol=1e-9)
    np.testing.assert_array_equal(softened.argmax(1), scores.argmax(1))


def test_the_temperature_is_the_one_that_scipy_finds():
    random = np.random.default_rng(2)
    true = random.normal(scale=2, size=(4_000, 5))
    labels = (random.random((4_000, 1)) > rows(true).cumsum(axis=1)).sum(axis=1).clip(max=4)
    for factor in (0.5, 3.0):  # scores too small, too large
        probabilities = rows(true * factor)
        best = optimize.minimize_scalar(
            lambda t, p=probabilities: metrics.log_loss(labels, rows(np.log(p) / t)), bounds=(0.1, 10), method="bounded"
        )
        assert evaluation.fit_temperature(labels, probabilities) == pytest.approx(best.x, rel=1e-2)
        assert evaluation.fit_temperature(labels, probabilities) == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.accuracy([0.2, 0.8], [0, 1]), "argmax"),
        (lambda: evaluation.accuracy([[0, 1]], [0, 1]), "one integer an image"),
        (lambda: evaluation.accuracy([0, 1, 1], [0, 1]), "3 labels and 2 predictions"),
        (lambda: evaluation.macro_f1(np.array([], int), np.array([], int)), "at least one image"),
        (lambda: evaluation.confusion([0, 3], [0, 1], classes=3), "from 0 to 2, but 3 occurs"),
        (lambda: evaluation.most_confused([[1, 2, 3]]), "square"),
        (lambda: evaluation.calibration([0], [[2.0, -1.0]]), "softmax"),
        (lambda: evaluation.calibration([0], [[3.0, 1.0]]), "do not sum to 1"),
        (lambda: evaluation.calibration([2], [[0.5, 0.5]]), "label 2 has no column"),
        (lambda: evaluation.calibration([0, 1], [[0.5, 0.5]]), "a row for each label"),
        (lambda: evaluation.soften([[0.5, 0.5]], 0), "above 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
