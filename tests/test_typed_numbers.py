"""Numbers of a run that were typed are found; settings, published numbers and counts are let pass."""

from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from course_utils.authoring.cell_code import parse
from course_utils.authoring.typed_numbers import typed_results

CODE = """\
rates = [0.3, 0.1, 1e-3]  # 0.77 stands in a comment
run = budget(epochs=30, examples=50_000, seconds=90)
figure, axes = plt.subplots(figsize=(9, 3.2))
expect("test accuracy", accuracy, full=0.88, laptop=0.70, smoke=0.31)
print("dashed: 0.25")"""
COUNTED = new_code_cell(
    "sizes",
    outputs=[new_output("stream", name="stdout", text="parameters: 1,578,506; share 0.7421; 4.04 MiB\n")],
    metadata={"tags": ["nbval-check-output"]},
)


def typed(text="", alt="", template=None):
    """What is found on a page with this text, or with a figure that has this alternative text."""
    metadata = {"mystnb": {"image": {"alt": alt}}} | ({"course": {"alt": template}} if template else {})
    code = [new_code_cell(CODE, metadata=metadata), COUNTED]
    page = SimpleNamespace(
        cells=[new_markdown_cell(text), *code], code=code, trees=[(cell, parse(cell.source)) for cell in code]
    )
    return [number for _, number, _ in typed_results(page)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("although Model 1 stood near 0.61 after six", ["0.61"]),
        ("It reaches 93 % in 11 minutes, or 4.5 s an epoch.", ["93 %", "11 minutes", "4.5 s"]),
        ("Validation ends at 0.881, training at 0.960.", ["0.881", "0.960"]),
        ("The loss is 3.8e-06.", ["3.8e-06"]),
        ("The best rate is 0.3, the accuracy 0.30.", ["0.30"]),
        ("SGD is lowest at 0.1.", ["0.1"]),
        ("It reaches the 0.88 that was promised.", ["0.88"]),
        ("as {cite:t}`he2015` say. Here it is 0.42.", ["0.42"]),
        ("| network | accuracy |\n| --- | --- |\n| dense | 0.412 |", ["0.412"]),
        ("more than chapter 6, which gets to 0.91.", ["0.91"]),
        ("It takes 935 seconds and 12 GB.", ["935 seconds", "12 GB"]),
    ],
)
def test_a_result_in_the_text_is_found(text, found):
    assert typed(text) == found


@pytest.mark.parametrize(
    ("alt", "found"),
    [
        ("All four are valleys: SGD is lowest at 0.1, with 1.38, Adam at 0.003.", ["0.1", "1.38", "0.003"]),
        ("Bars: einsum 4.3, columns of the batch 2.4, the library 1.0.", ["4.3", "2.4", "1.0"]),
        ("Sd 0.3 rises to about 20,000 and falls to 3 in the last layer.", ["20,000"]),
        ("Tanh falls from 1e-3 to 1e-10 at a step near 1e-5.", ["1e-10", "1e-5"]),
        ("At 30 percent, 42 percent in the first two layers.", ["42 percent"]),
    ],
)
def test_a_result_in_an_alternative_text_is_found(alt, found):
    assert typed(alt=alt) == found


def test_of_a_filled_alternative_text_the_template_counts():
    assert typed(alt="It ends at 0.61.", template="It ends at {accuracy}.") == []
    assert typed(alt="It ends at 0.61, not 0.5.", template="It ends at {accuracy}, not 0.52.") == ["0.52"]


@pytest.mark.parametrize(
    "text",
    [
        "At a rate of 0.3 or 0.001, 50,000 images, for 30 epochs, 90 seconds at most, below the line at 0.25.",
        "Half of 30 %: see 0.1.",
        "He et al. reach 0.93 {cite:p}`he2015`.",
        "1,578,506 parameters in 4.0 MiB, 74 % of them in one layer.",
        "A kernel of 3x3, 32×32 pixels, 4 by 4 places, a 1-16-16-1 network, in 2012, three models, 10 classes.",
        "$p = 0.51$, `rate=0.52`, $$x^{0.53}$$\n\n```python\nx = 0.54\n```",
        "It ends at {glue:text}`accuracy_055`. See [chapter 3](0.56.html), https://x.org/0.57 and section 4.2.",
        "Python 3.11, TensorFlow 2.21 and Keras 3.15.1.",
        "# 4. A heading",
        "Stop after 600 steps; it ends at 600.",
    ],
)
def test_settings_published_numbers_sizes_counts_and_formulas_are_none(text):
    assert typed(text) == []


def test_a_finding_shows_its_sentence():
    page = SimpleNamespace(cells=[new_markdown_cell("First. Then it is\n0.61 here. Last.")], code=[], trees=[])
    assert [found[1:] for found in typed_results(page)] == [("0.61", "Then it is 0.61 here.")]
