"""What a notebook says where a cell needs an answer that is not there; tried in a kernel, whose replies matter."""

import nbformat
import pytest

from course_utils.checks.unanswered import missing_name

nbclient = pytest.importorskip("nbclient")

GAP = 'raise NotImplementedError("not answered yet")'
CELLS = {
    "another handler": "def theirs(shell, kind, error, trace, tb_offset=None):\n    print('theirs')\n\n\n"
    "get_ipython().set_custom_exc((ImportError,), theirs)",
    "import": f"from course_utils import check, needs\n\n\ndef first():\n    {GAP}",
    "gap before its check": "first()",
    "function": f'def nll(x):\n    {GAP}\n\n\ncheck("02.several_names", nll)',
    "call": "nll(3)",
    "what it would make": "loss = nll(3)\nrate = loss / 2\n\n\ndef further():\n    pass",
    "what it would have made": "print(loss)",
    "function that it would have made": "further()",
    "value": 'guess = ...\ncheck("02.random_labels", guess)',
    "use of the value": "guess.upper()",
    "given function": "def shout():\n    return guess.upper()",
    "use of the given function": "shout()",
    "part": 'pair = (1, ...)\ncheck("02.staged", pair)',
    "use of the part": "sum(pair)",
    "needs": "needs('guess')",
    "needs a function": "needs('nll')\nprint('not come to')",
    "class": f'class Layer:\n    def forward(self, x):\n        {GAP}\n\n\ncheck("04.own_layer", Layer())',
    "method": "Layer().forward(1)",
    "cell": f'{GAP}\nlater = 1\ncheck("02.train_step", later)',
    "what the cell would have made": "print(later)",
    "import that fails": "import no_such_module",
    "mistake": "1 / 0",
    "unknown name": "other + 1",
    "syntax": "1 +",
    "unknown name in a check": 'check("02.several_names", mean_nll)',
    "text without quotes": 'choice = yes\ncheck("02.random_labels", choice)',
    "unknown name in a function": "def answer():\n    return other\n\n\ncheck('02.several_names', answer())",
    "library": "from concurrent.futures import Executor\n\nExecutor().submit(print)",
    "answered": "def nll(x):\n    return x / 0",
    "mistake in the answer": "nll(3)",
    "made after all": "loss = 3",
    "use of it": "print(loss)",
    "mistake in the value": 'guess = [1][3]\ncheck("02.random_labels", guess)',
    "another function": f'def build():\n    {GAP}\n\n\ncheck("02.staged", build)',
    "what it would build": 'built = build() / 0\ncheck("02.train_step", built)',
    "other function answered": "def build():\n    return 3",
    "what is not built yet": "print(built)",
    "mistake beside a right answer": 'built = build() / 0\ncheck("02.train_step", built)',
    "strict": "import os\n\nos.environ['COURSE_STRICT'] = '1'\nguess.upper()",
}


@pytest.fixture(scope="module")
def shown():
    """The first output of each cell and the kernel's reply to it, by the cell's name."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    replies = []
    client = nbclient.NotebookClient(
        notebook,
        kernel_name="python3",
        allow_errors=True,
        on_cell_executed=lambda execute_reply, **_: replies.append(execute_reply["content"]["status"]),
    )
    client.execute()
    outputs = [cell.outputs[0] if cell.outputs else None for cell in notebook.cells]
    return dict(zip(CELLS, zip(outputs, replies, strict=True), strict=True))


@pytest.mark.parametrize(
    ("cell", "name", "task"),
    [
        ("call", "nll", "02.several_names"),
        ("what it would make", "nll", "02.several_names"),
        ("what it would have made", "nll", "02.several_names"),
        ("function that it would have made", "nll", "02.several_names"),
        ("use of the value", "guess", "02.random_labels"),
        ("use of the given function", "guess", "02.random_labels"),
        ("use of the part", "pair", "02.staged"),
        ("needs", "guess", "02.random_labels"),
        ("needs a function", "nll", "02.several_names"),
        ("what it would build", "build", "02.staged"),
        ("method", "Layer", "04.own_layer"),
        ("what the cell would have made", "later", "02.train_step"),
    ],
)
def test_a_cell_that_needs_an_answer_says_which_task_asks_for_it_and_is_no_error(shown, cell, name, task):
    output, reply = shown[cell]
    assert output.text == f"This cell needs `{name}`, which task `{task}` asks for.\n"
    assert reply == "ok"


def test_a_gap_of_no_known_task_and_a_cell_that_is_a_gap_say_so(shown):
    output, reply = shown["gap before its check"]
    assert (output.text, reply) == ("This cell needs `first`, which a task above asks for.\n", "ok")
    output, reply = shown["cell"]
    assert (output.text, reply) == ("This cell is not answered yet: task `02.train_step`.\n", "ok")


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("mistake", "ZeroDivisionError"),
        ("unknown name", "NameError"),
        ("syntax", "SyntaxError"),
        ("unknown name in a function", "NameError"),
        ("library", "NotImplementedError"),
        ("mistake in the answer", "ZeroDivisionError"),
        ("mistake in the value", "IndexError"),
        ("mistake beside a right answer", "ZeroDivisionError"),
        ("strict", "AttributeError"),
    ],
)
def test_every_other_error_keeps_its_traceback(shown, cell, error):
    output, reply = shown[cell]
    assert (output.ename, reply) == (error, "error")
    assert "line" in "".join(output.traceback)


def test_a_cell_that_waited_for_what_is_answered_now_is_to_be_run_again(shown):
    output, reply = shown["what is not built yet"]
    assert (output.text, reply) == ("This cell needs `built`: run the cell that makes it first.\n", "ok")


def test_a_name_that_a_check_does_not_find_has_its_sentence(shown):
    for cell, name in {"unknown name in a check": "mean_nll", "text without quotes": "yes"}.items():
        output, reply = shown[cell]
        assert (output.ename, output.traceback, reply) == ("NameError", [missing_name(name)], "error")


def test_what_was_made_after_all_is_used(shown):
    assert shown["use of it"][0].text == "3\n"


def test_another_handler_keeps_its_errors(shown):
    assert shown["import that fails"][0].text == "theirs\n"
