"""Figures of chapter 07: every score and every answer is drawn where it belongs."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from course_utils import plots


def test_every_seed_and_every_mean_is_drawn_in_its_row():
    figure = plots.ablation({"alone": {"flip": [0.7, 0.8]}, "left out": {"flip": [0.6]}}, references={"plain": 0.65})
    (axis,) = figure.axes
    dots = [line.get_xydata().tolist() for line in axis.lines if line.get_marker() == "o"]
    assert dots == [[[0.7, 1.0], [0.8, 1.0]], [[0.6, 3.0]]]
    means = [line.get_xydata().tolist() for line in axis.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(means, [[[0.75, 1.0]], [[0.6, 3.0]]])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["alone", "flip", "left out", "flip"]
    assert {text.get_text() for text in axis.texts} == {"0.750", "0.600", "plain"}


def test_a_row_without_scores_is_named():
    with pytest.raises(ValueError, match="no score of zoom"):
        plots.ablation({"alone": {"flip": [0.7], "zoom": []}})


def test_contradictions_are_counted():
    one, other = np.array([0.9, 0.2, 0.6, 0.4]), np.array([0.8, 0.7, 0.3, 0.1])
    figure = plots.asked_twice({"plain": (one, other), "sure": (one, one)}, [1, 0, 1, 0], ("cat", "dog"))
    titles = [axis.get_title().splitlines()[1] for axis in figure.axes]
    assert titles == ["contradicts itself on 2 of 4", "contradicts itself on 0 of 4"]
    assert figure.axes[0].get_xlabel() == "probability of dog, picture"


def test_as_many_answers_as_labels():
    with pytest.raises(ValueError, match="labels"):
        plots.asked_twice({"plain": ([0.1], [0.2])}, [0, 1], ("cat", "dog"))
