"""What the checks of chapter 02 say where the name of a mistake does not tell all."""

import numpy as np
import pytest

from course_utils.checks import judge
from tests.wrong_answers import ch02_from_lines_to_networks as answers


@pytest.mark.parametrize(
    ("task_id", "answer", "sentence"),
    [
        ("02.linear_backward", lambda x, w, d: (x.T @ d, d.sum(0), d @ w.T), "Here each of 2 examples has 5 places"),
        (
            "02.linear_backward",
            answers.linear_for_places_in_a_line,
            "With the places in a line, your function is right.",
        ),
        ("02.train_step", answers.step_counting_classes_in_the_labels, "Here no example is of the last class."),
    ],
)
def test_a_function_that_stops_for_a_known_reason_is_told_it(task_id, answer, sentence):
    verdict = judge(task_id, answer)
    assert verdict.mistake == "stopped"
    assert sentence in verdict.message


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (answers.comparing(sides=(1, 0), h=1e-4), "and not on a curve"),
        (answers.comparing(lambda n, g: np.abs(n / 2 - g).max() > 1e-5), "Is the way 2h"),
        (answers.comparing(answers.relatively_unsafe), "0 divided by 0"),
    ],
)
def test_a_test_of_the_gradient_that_accuses_a_sound_network_is_told_on_which_slopes_it_fails(answer, sentence):
    assert sentence in judge("02.is_broken", answer).message
