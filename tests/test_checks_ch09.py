"""What chapter 09's exercise stands on: the network that knows six digits, its four runs, and what a base remembers."""

import keras
import numpy as np
import pytest

from course_utils import models
from course_utils.checks import memory, patients


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left():
    yield
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def last_rows():
    """What each run prints last: in fit, in use, unseen, old digits."""
    rows = {}
    for letter, script in patients.RUNS.items():
        with pytest.MonkeyPatch.context() as patch:
            printed = []
            patch.setattr("builtins.print", lambda *values, printed=printed: printed.append(" ".join(map(str, values))))
            patients.watch(script)
        rows[letter] = tuple(map(float, printed[-1].split()[2:]))
    return rows


def test_the_old_network_knows_the_old_digits_and_is_the_same_each_time():
    (base, classifier), (again, _) = patients.old_network(), patients.old_network()
    assert patients.accuracy(keras.Sequential([base, classifier]), *patients.old_digits()) > 0.95
    assert base is not again
    assert all(np.array_equal(*pair) for pair in zip(base.get_weights(), again.get_weights(), strict=True))


def test_the_check_trains_on_other_digits_than_the_exercise():
    (shown, labels), (hidden, _) = patients.new_digits(), patients.new_digits(first=60)
    assert len(shown) == len(hidden) == 40
    assert not {image.tobytes() for image in shown} & {image.tobytes() for image in hidden}
    assert np.bincount(labels).tolist() == [10, 10, 10, 10]


def test_each_of_the_four_runs_shows_its_cause(last_rows):
    assert all(in_fit > 0.9 for in_fit, *_ in last_rows.values())
    differs = {letter: abs(in_fit - in_use) for letter, (in_fit, in_use, *_) in last_rows.items()}
    assert max(differs, key=differs.get) == "D"
    assert sorted(differs.values())[-1] > 0.1 > 2 * sorted(differs.values())[-2]
    assert all(old < 0.9 if letter in "AC" else old > 0.9 for letter, (*_, old) in last_rows.items())


def test_a_model_remembers_what_its_base_does_whether_the_base_is_nested_or_in_a_row():
    base = models.pretrained_base("small_vgg", input_shape=(32, 32, 3))
    in_a_row = keras.Model(base.inputs, keras.layers.Dense(10)(base.output))
    nested = keras.Sequential([keras.Input((32, 32, 3)), base, keras.layers.Dense(10)])
    twice = keras.Sequential([keras.Input((32, 32, 3)), nested, keras.layers.Softmax()])
    known = memory.remembers(base)
    assert known > 0.6
    assert [memory.remembers(model) for model in (in_a_row, nested, twice)] == [known] * 3


def test_an_untrained_base_remembers_no_more_than_guessing():
    assert memory.remembers(models.small_vgg(weights=None, input_shape=(32, 32, 3))) < 0.3


def test_a_model_without_a_small_vgg_has_nothing_to_remember_with():
    with pytest.raises(ValueError, match="no small VGG in the model 'other'"):
        memory.remembers(keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()], name="other"))
