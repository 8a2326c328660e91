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


HALF = [[0.5, 0.5]]
LABELS = [0, 1, 2]
# Every function that takes labels, with three images of three classes.
OF_LABELS = {
    "accuracy": lambda labels: evaluation.accuracy(labels, LABELS),
    "accuracy, predictions": lambda labels: evaluation.accuracy(LABELS, labels),
    "macro_f1": lambda labels: evaluation.macro_f1(labels, LABELS),
    "per_class_report": lambda labels: evaluation.per_class_report(labels, LABELS, ["a", "b", "c"]),
    "confusion": lambda labels: evaluation.confusion(LABELS, labels, 3),
    "calibration": lambda labels: evaluation.calibration(labels, np.eye(3)),
    "fit_temperature": lambda labels: evaluation.fit_temperature(labels, np.eye(3)),
}


@pytest.mark.parametrize("function", OF_LABELS)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, -1, 2], r"-1 occurs in (labels|predictions), at 1"),
        ([0.0, 1.0, 2.0], "float64; expected one integer"),
        ([0, np.nan, 2], "float64; expected one integer"),
        ([True, False, True], "bool; expected one integer"),
        (["0", "1", "2"], "expected numbers"),
        ([[0], [1], [2]], r"shape \(3, 1\)"),
        ([[0], [1, 2]], "cannot be read as an array"),
        (2, r"shape \(\)"),
        (np.array([], int), "at least one image"),
        ([0, 1], "2 labels|2 predictions|a row for each label"),
    ],
)
def test_labels_that_are_none_are_refused_everywhere(function, labels, message):
    with pytest.raises(ValueError, match=message):
        OF_LABELS[function](labels)


@pytest.mark.parametrize("function", ["per_class_report", "confusion", "calibration", "fit_temperature"])
def test_a_label_above_the_last_class_is_refused_where_their_number_is_known(function):
    with pytest.raises(ValueError, match="from 0 to 2, but 3 occurs|label 3 has no column.* 0 to 2"):
        OF_LABELS[function]([0, 1, 3])


@pytest.mark.parametrize(
    "score",
    [
        lambda rows: evaluation.calibration([0], rows),
        lambda rows: evaluation.fit_temperature([0], rows),
        lambda rows: evaluation.soften(rows, 2.0),
    ],
)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[0.5, 0.6]], "row 0 sums to 1.1"),
        ([[0.2, 0.1]], "do not sum to 1"),
        ([[np.nan, 1.0]], "non-finite"),
        ([[1.5, -0.5]], "negative"),
        ([0.5, 0.5], r"shape \(2,\); expected \(images, classes\)"),
        (np.zeros((0, 2)), "at least one"),
        (np.zeros((1, 0)), "at least one"),
        ([["a", "b"]], "expected numbers"),
    ],
)
def test_rows_that_are_no_probabilities_are_refused_everywhere(score, given, message):
    with pytest.raises(ValueError, match=message):
        score(given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.per_class_report([0, 1, 2], [0, 1, 2], ["a", "b"]), "from 0 to 1, but 2 occurs in labels"),
        (lambda: evaluation.per_class_report([0, 1], [0, 1], ["a", "a"]), "a name twice"),
        (lambda: evaluation.per_class_report([0, 1], [0, 1], "ab"), "from 0 to 0, but 1 occurs"),
        (lambda: evaluation.confusion([0], [0], classes=0), "classes is 0"),
        (lambda: evaluation.most_confused(np.diag([4, 5, 6])), "no mistakes"),
        (lambda: evaluation.most_confused([[1, np.nan], [0, 1]]), "counts"),
        (lambda: evaluation.most_confused([[0.9, 0.1], [0.2, 0.8]]), "counts"),
        (lambda: evaluation.most_confused([[5, -1], [2, 3]]), "counts"),
        (lambda: evaluation.most_confused([[5]]), "two classes or more"),
        (lambda: evaluation.calibration([0], HALF, bins=0), "bins is 0"),
        (lambda: evaluation.soften(HALF, np.nan), "above 0"),
        (lambda: evaluation.soften(HALF, np.inf), "finite"),
        (lambda: evaluation.soften(HALF, [1.0, 2.0]), "a single finite number"),
        (lambda: evaluation.wilson_interval(np.nan, 3), "successes holds nan"),
    ],
)
def test_what_else_is_given_is_looked_over(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("give", [np.uint8, np.int32, list, tuple])
def test_labels_of_every_integer_type_give_the_same_scores(give):
    labels = [0, 1, 2, 2]
    given = np.array(labels, give) if isinstance(give, type) and issubclass(give, np.integer) else give(labels)
    assert evaluation.accuracy(given, labels) == 1
    np.testing.assert_array_equal(evaluation.confusion(given, labels, 3), np.diag([1, 1, 2]))
