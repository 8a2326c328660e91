"""What notebooks call themselves: `glue` and `needs`."""

import subprocess
import sys

import numpy as np
import pytest
from IPython.testing.globalipapp import start_ipython
from IPython.utils.capture import capture_output
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import glue, needs
from course_utils.authoring.formatting import format_notebook


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


def test_plain_python_shows_nothing_and_loads_neither_ipython_nor_nbformat():
    code = (
        "import sys; from course_utils import glue, needs; glue('accuracy', 0.9, '.2f'); x = 1; needs('x'); "
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


def test_needs_lets_pass_what_is_there_even_if_it_is_zero_or_empty():
    zero, empty, array = 0, [], np.zeros(2)  # noqa: F841
    needs("zero", "empty", "array", "shown_by_the_book")
