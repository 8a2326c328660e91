"""The checks of every chapter, proved from both sides; a new chapter is found by itself.

From one side: the solution's answers pass, and so do right answers written in another way. From the other: the blank is
not answered yet, and each wrong answer of ``tests/wrong_answers`` is told the mistake that it has, and no other.
"""

import functools
import importlib
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import course_utils
from course_utils.checks import engine

ROOT = Path(__file__).parents[1]
MODULES = engine.chapter_modules()  # {"03": "ch03_cnn_math", ...}
TASKS = [task_id for chapter in MODULES for task_id in engine.task_ids(chapter)]


@functools.cache
def _judged(task_id, number):
    """The verdict on one of the wrong answers; models are made and tried once."""
    return engine.judge(task_id, _make(_answers(task_id.split(".")[0]).WRONG[task_id][number][0]))


@functools.cache
def _answers(chapter):
    """The module with the wrong and the right answers to a chapter."""
    return importlib.import_module(f"tests.wrong_answers.{MODULES[chapter]}")


def _pairs(name):
    """(task id, number of a wrong answer or right answer, mistake); none where the file is missing: a test says so."""
    pairs = []
    for task_id in TASKS:
        try:
            entries = getattr(_answers(task_id.split(".")[0]), name).get(task_id, [])
        except ModuleNotFoundError:
            entries = []
        for number, entry in enumerate(entries):
            answer, mistake = (number, entry[1]) if name == "WRONG" else (entry, None)
            pairs.append(pytest.param(task_id, answer, mistake, id=f"{task_id}-{mistake or 'right'}-{number}"))
    return pairs


def _make(answer):
    return answer() if getattr(answer, "makes_an_answer", False) else answer


def _notebook(folder, chapter):
    return nbformat.read(ROOT / folder / f"{MODULES[chapter].removeprefix('ch')}.ipynb", as_version=4)


def _checked_in(notebook):
    """The ids that a notebook's code passes to `check`."""
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return re.findall(r"^\s*check\(\s*[\"']([^\"']+)[\"']", source, flags=re.MULTILINE)


def _verdicts(notebook, monkeypatch, *, blank):
    """Run a notebook's cells in this process, at smoke: the verdict of each check, by task.

    Where `blank`, a cell may raise NotImplementedError, and the next one goes on.
    """
    verdicts = {}

    def check(task_id, *answer):
        verdicts[task_id] = engine.judge(task_id, *answer)

    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr(course_utils, "check", check, raising=False)
    monkeypatch.setattr("course_utils.checks.check", check)
    namespace = {"__name__": "__main__", "display": lambda *shown: None}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or "setup" in cell.metadata.get("tags", ()):
            continue
        code = compile(TransformerManager().transform_cell(cell.source), f"<cell {number}>", "exec")
        try:
            exec(code, namespace)
        except NotImplementedError:
            if not blank:
                raise
    return verdicts


@pytest.mark.parametrize("chapter", MODULES)
def test_every_chapter_with_checks_has_wrong_answers_a_solution_and_an_exercise(chapter):
    slug = MODULES[chapter].removeprefix("ch")
    for path in (
        f"tests/wrong_answers/{MODULES[chapter]}.py",
        f"solutions/{slug}.ipynb",
        f"exercises/{slug}.ipynb",
    ):
        assert (ROOT / path).is_file(), f"{path} is missing: {MODULES[chapter]} has checks"


@pytest.mark.parametrize("chapter", MODULES)
def test_a_chapters_tasks_carry_its_number(chapter):
    module = importlib.import_module(f"course_utils.checks.{MODULES[chapter]}")
    strangers = [t for t in engine._tasks if engine._tasks[t].judge.__globals__.get("__name__") == module.__name__]
    assert all(task_id.split(".")[0] == chapter for task_id in strangers)
    assert engine.task_ids(chapter), f"{MODULES[chapter]} declares no task whose id begins with {chapter}."


@pytest.mark.parametrize("chapter", MODULES)
@pytest.mark.parametrize("folder", ["solutions", "exercises"])
def test_every_task_is_checked_in_the_notebook_and_every_check_is_of_a_task(folder, chapter):
    checked = _checked_in(_notebook(folder, chapter))
    assert list(dict.fromkeys(checked)) == engine.task_ids(chapter)  # in the same order too


@pytest.mark.parametrize("chapter", MODULES)
def test_the_solution_passes(chapter, monkeypatch):
    verdicts = _verdicts(_notebook("solutions", chapter), monkeypatch, blank=False)
    assert [verdict for verdict in verdicts.values() if not verdict.right] == []
    assert set(verdicts) == set(engine.task_ids(chapter))


@pytest.mark.parametrize("chapter", MODULES)
def test_the_blank_exercise_is_told_that_it_is_not_answered_yet(chapter, monkeypatch):
    verdicts = _verdicts(_notebook("exercises", chapter), monkeypatch, blank=True)
    assert [verdict for verdict in verdicts.values() if verdict.outcome != "blank"] == []


@pytest.mark.parametrize("chapter", MODULES)
def test_a_function_to_complete_is_not_called_in_the_cell_that_checks_it(chapter):
    """``check("05.described", described())`` would stop at the gap, before the check can say that it is one."""
    called = [
        task_id
        for cell in _notebook("exercises", chapter).cells
        if cell.cell_type == "code" and "raise NotImplementedError" in cell.source
        for task_id, name in re.findall(r"""^check\(["']([^"']+)["'], (\w+)\(""", cell.source, flags=re.MULTILINE)
        if f"def {name}(" in cell.source
    ]
    assert called == []


@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.parametrize("blank", [..., None, (..., ...)], ids=["ellipsis", "None", "part"])
def test_the_blank_is_not_answered_yet(task_id, blank):
    assert engine.judge(task_id, blank).outcome == "blank"


@pytest.mark.parametrize("task_id", [t for t in TASKS if engine.find(t).asks.startswith("a function")])
def test_a_function_to_complete_is_not_answered_yet(task_id):
    def todo(*args, **kwargs):
        raise NotImplementedError("not answered yet")

    assert engine.judge(task_id, todo).outcome == "blank"


@pytest.mark.parametrize("task_id", TASKS)
def test_a_task_has_three_wrong_answers_and_another_right_one(task_id):
    answers = _answers(task_id.split(".")[0])
    assert len(answers.WRONG.get(task_id, [])) >= 3
    assert len(answers.RIGHT.get(task_id, [])) >= 1


@pytest.mark.parametrize("task_id", TASKS)
def test_every_mistake_that_a_task_knows_is_proved_by_a_wrong_answer(task_id):
    proved = {mistake for _, mistake in _answers(task_id.split(".")[0]).WRONG.get(task_id, [])}
    assert set(engine.find(task_id).mistakes) - proved == set()


@pytest.mark.parametrize(("task_id", "number", "mistake"), _pairs("WRONG"))
def test_a_wrong_answer_is_told_its_mistake(task_id, number, mistake):
    verdict = _judged(task_id, number)
    assert not verdict.right
    assert verdict.mistake == mistake, verdict.message
    assert verdict.message.strip()


@pytest.mark.parametrize(("task_id", "answer", "mistake"), _pairs("RIGHT"))
def test_a_right_answer_written_in_another_way_passes(task_id, answer, mistake):
    verdict = engine.judge(task_id, _make(answer))
    assert verdict.right, verdict
    assert engine.find(task_id).why in verdict.message


@pytest.mark.parametrize("chapter", MODULES)
def test_no_hint_prints_a_line_of_the_solution(chapter):
    marks = (r"### BEGIN SOLUTION[^\n]*\n(.*?)### END SOLUTION", r"^([^\n]*?)# SOLUTION")
    answers = [
        re.sub(r"\s", "", line.removeprefix("return "))
        for cell in _notebook("solutions", chapter).cells
        if cell.cell_type == "code"
        for mark in marks
        for region in re.findall(mark, cell.source, flags=re.DOTALL | re.MULTILINE)
        for line in (text.strip() for text in region.splitlines())
    ]
    told = "\n".join(
        re.sub(r"\s", "", text)
        for task_id in engine.task_ids(chapter)
        for text in (*engine.find(task_id).nudges, *(hint for hint in _hints(task_id)))
    )
    assert answers, "the solution marks no answers"
    assert [line for line in answers if len(line) > 12 and line in told] == []


def _hints(task_id):
    """What the wrong answers to a task are told."""
    for number in range(len(_answers(task_id.split(".")[0]).WRONG.get(task_id, []))):
        yield _judged(task_id, number).message
