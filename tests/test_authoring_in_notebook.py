"""What notebooks call themselves: `glue`, `claim` and `needs`."""

import subprocess
import sys

import numpy as np
import pytest
from IPython.testing.globalipapp import start_ipython
from IPython.utils.capture import capture_output
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import claim, glue, needs
from course_utils.authoring.formatting import format_notebook
from course_utils.authoring.records import Claim, claims_in, glued_in


@pytest.fixture(scope="module", autouse=True)
def _ipython():
    start_ipython()


def glued(*args, **kwargs):
    """The outputs that a cell with this call would have."""
    with capture_output() as captured:
        glue(*args, **kwargs)
    return captured.outputs, captured.stdout


def shown_by_the_book(name, *args):
    """What {glue:text}`name` shows, by MyST-NB's own functions, and what is left on the page of the cell."""
    glue_utils = pytest.importorskip("myst_nb.ext.glue")
    from myst_nb.core.variables import format_plain_text

    (output,), _ = glued(name, *args)
    cell = new_code_cell("1", outputs=[new_output("display_data", output.data, metadata=output.metadata)])
    cell = format_notebook(new_notebook(cells=[new_markdown_cell("# T"), cell])).cells[1]
    ((key, found),) = glue_utils.extract_glue_data_cell(cell)
    assert key == name
    return format_plain_text(found["data"]["text/plain"], "s"), cell.outputs


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.9, ".3f", "0.900"),
        (0.9031, ".1%", "90.3%"),
        (138_357_544, ",", "138,357,544"),
        (np.float32(0.5), ".2f", "0.50"),
        (np.array(7), "", "7"),
        ("Model 5", "", "Model 5"),
        ('it\'s "so"', "", 'it\'s "so"'),
        (True, "", "True"),
    ],
)
def test_the_page_shows_the_text_as_it_was_written_and_nothing_below_the_cell(value, spec, text):
    shown, left = shown_by_the_book("some_value", value, spec)
    assert shown == text
    assert left == []


def test_a_scalar_tensor_is_a_number():
    class Tensor:
        shape = ()

        def numpy(self):
            return np.float32(0.25)

    assert shown_by_the_book("loss", Tensor(), ".2f")[0] == "0.25"


def test_the_value_is_seen_below_the_cell_only_if_asked_for():
    outputs, printed = glued("accuracy", 0.9, ".2f")
    assert printed == ""
    assert list(outputs[0].data) == ["application/papermill.record/text/plain"]
    assert glued("accuracy", 0.9, ".2f", display=True)[1] == "0.90\n"


@pytest.mark.parametrize("name", ["Model 5", "a:b", "", "é", 3])
def test_a_name_that_the_role_could_not_find_is_refused(name):
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        glue(name, 1)


@pytest.mark.parametrize("value", [[1, 2], np.zeros(3), object(), None])
def test_only_one_number_or_text_can_be_glued(value):
    with pytest.raises(TypeError, match="one number or one text"):
        glue("value", value)


def test_a_wrong_specification_is_explained():
    with pytest.raises(ValueError, match=r"glue\('accuracy', 0.9, 'd'\)"):
        glue("accuracy", 0.9, "d")


def claimed(condition, statement="width gained more than depth"):
    """The outputs and the printed text of a cell with this claim."""
    with capture_output() as captured:
        claim(statement, condition)
    outputs = [new_output("display_data", output.data, metadata=output.metadata) for output in captured.outputs]
    return outputs, captured.stdout


class Tensor:
    """A scalar tensor of TensorFlow: its shape is no tuple, and it has no ``item``."""

    shape = ()

    def __init__(self, value):
        self.value = value

    def numpy(self):
        return np.bool_(self.value)


class Symbolic:
    """A scalar that has no value yet, as the output of a Keras layer."""

    shape = ()


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("kind", [bool, np.bool_, np.array, Tensor], ids=lambda kind: kind.__name__)
def test_a_claim_is_recorded_and_only_a_false_one_is_seen(kind, value):
    outputs, printed = claimed(kind(value))
    assert claims_in(outputs) == [Claim("width gained more than depth", value)]
    seen = 'The page says "width gained more than depth". This run does not show it.\n'
    assert printed == ("" if value else seen)


def test_the_book_shows_nothing_of_claims_and_takes_none_for_a_glued_value():
    glue_utils = pytest.importorskip("myst_nb.ext.glue")
    (number,), _ = glued("accuracy", 0.9)
    outputs = [*claimed(True)[0], *claimed(True, "depth gained")[0]]
    outputs.append(new_output("display_data", number.data, metadata=number.metadata))
    made = format_notebook(new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("1", outputs=outputs)]))
    assert glued_in(made) == {"accuracy": "0.9"}
    keys = [key for key, _ in glue_utils.extract_glue_data_cell(made.cells[1])]
    assert len(set(keys)) == 3  # MyST-NB warns about a key that it has twice
    assert made.cells[1].outputs == []


@pytest.mark.parametrize(
    "condition",
    [
        None, 1, 0.0, float("nan"), np.float32(0.5), "yes", np.array([True, True]), np.array([[True]]), [True],
        (x > 0 for x in (1, 2)), lambda: True, np.ma.masked > 1, Symbolic(),
    ],
)  # fmt: skip
def test_what_is_no_truth_value_is_no_condition(condition):
    with pytest.raises(TypeError, match="takes True or False, and was given"):
        claim("width gained more than depth", condition)


def test_the_error_names_the_shape_of_an_array():
    with pytest.raises(TypeError, match=r"ndarray of shape \(3,\).*\.all\(\) or \.any\(\)"):
        claim("width gained more than depth", np.zeros(3) > 1)


def test_a_run_that_diverged_makes_claims_false():
    assert claimed(np.float32("nan") > 0.5)[1].endswith("does not show it.\n")
    assert claimed(np.float32("nan") <= 0.5)[1].endswith("does not show it.\n")


@pytest.mark.parametrize("statement", ["", "  ", "two\nlines", None, 3])
def test_a_statement_is_a_sentence(statement):
    with pytest.raises(ValueError, match="must be a sentence of the page"):
        claim(statement, True)


def test_plain_python_shows_nothing_and_loads_neither_ipython_nor_nbformat():
    code = (
        "import sys; from course_utils import claim, glue, needs; "
        "glue('accuracy', 0.9, '.2f'); claim('so', True); x = 1; needs('x'); "
        "sys.exit(' '.join({'IPython', 'nbformat', 'myst_nb'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_needs_stops_at_a_gap_and_at_a_name_that_does_not_exist():
    model, done = ..., 0  # noqa: F841 - looked up by name
    with pytest.raises(NotImplementedError, match="needs model, history: answer the task above"):
        needs("model", "history", "done")


def test_needs_stops_at_none():
    nothing = None  # noqa: F841
    with pytest.raises(NotImplementedError, match="needs nothing: answer the task above"):
        needs("nothing")


def test_needs_stops_at_a_function_that_is_not_answered_yet():
    def classify(images):
        raise NotImplementedError("not answered yet")

    def left_behind(images):
        return images
        raise NotImplementedError("not answered yet")

    needs("left_behind")
    with pytest.raises(NotImplementedError, match="needs classify: answer the task above"):
        needs("classify")


def test_needs_lets_pass_what_is_there_even_if_it_is_zero_or_empty():
    zero, empty, array = 0, [], np.zeros(2)  # noqa: F841
    needs("zero", "empty", "array", "shown_by_the_book")
