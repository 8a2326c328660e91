"""The checks of every chapter, proved from both sides; a new chapter is found by itself.

From one side, right answers written in another way than the solution's pass; that the solution itself does is proved
where it is run, by `course validate`, with checks that raise. From the other, the blank is not answered yet (as it is
when the whole exercise runs, in ``test_exercises.py``), each mistake that a check declares is told to whoever makes it,
and each wrong answer of ``tests/wrong_answers`` is told the mistake that it has, and no other.
"""

import functools
import importlib
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from course_utils.checks import engine
from course_utils.checks.comparing import same, typed

ROOT = Path(__file__).parents[1]
MODULES = engine.chapter_modules()  # {"03": "ch03_cnn_math", ...}
TASKS = [task_id for chapter in MODULES for task_id in engine.task_ids(chapter)]


def of_chapter(chapter, *values, **options):
    """A parameter of a test about one chapter: one worker makes all of them, and so makes a chapter's models once."""
    return pytest.param(*values, marks=pytest.mark.xdist_group(f"proof-{chapter}"), **options)


def _chapter(task_id):
    return task_id.split(".")[0]


each_chapter = pytest.mark.parametrize("chapter", [of_chapter(chapter, chapter) for chapter in MODULES])
each_task = pytest.mark.parametrize("task_id", [of_chapter(_chapter(task_id), task_id) for task_id in TASKS])


@functools.cache
def _answers(chapter):
    """The module with the wrong and the right answers to a chapter."""
    return importlib.import_module(f"tests.wrong_answers.{MODULES[chapter]}")


@functools.cache
def _wrong(task_id):
    """All wrong answers to a task, (answer, mistake, hint): its declaration's, and then others, whose hint is None."""
    declared = [(answer, mistake, hint) for mistake, answer, hint in engine.find(task_id).examples]
    try:
        written = _answers(_chapter(task_id)).WRONG.get(task_id, [])
    except ModuleNotFoundError:  # a test says so
        written = []
    return declared + [(answer, mistake, None) for answer, mistake in written]


@functools.cache
def _judged(task_id, number):
    """The verdict on one of the wrong answers; models are made and tried once."""
    return engine.judge(task_id, _make(_wrong(task_id)[number][0]))


def _make(answer):
    return answer() if getattr(answer, "makes_an_answer", False) else answer


def _all_wrong():
    for task_id in TASKS:
        for number, (_, mistake, hint) in enumerate(_wrong(task_id)):
            kind = "declared" if hint else "written"
            yield of_chapter(_chapter(task_id), task_id, number, id=f"{task_id}-{mistake}-{kind}-{number}")


def _all_right():
    for task_id in TASKS:
        try:
            answers = _answers(_chapter(task_id)).RIGHT.get(task_id, [])
        except ModuleNotFoundError:
            continue
        for number, answer in enumerate(answers):
            yield of_chapter(_chapter(task_id), task_id, answer, id=f"{task_id}-right-{number}")


def _notebook(folder, chapter):
    return nbformat.read(ROOT / folder / f"{MODULES[chapter].removeprefix('ch')}.ipynb", as_version=4)


def _code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def _checked_in(notebook):
    """The ids that a notebook's code passes to `check`."""
    return re.findall(r"^\s*check\(\s*[\"']([^\"']+)[\"']", "\n".join(_code(notebook)), flags=re.MULTILINE)


@each_chapter
def test_every_chapter_with_checks_has_wrong_answers_a_solution_and_an_exercise(chapter):
    slug = MODULES[chapter].removeprefix("ch")
    for path in (
        f"tests/wrong_answers/{MODULES[chapter]}.py",
        f"solutions/{slug}.ipynb",
        f"exercises/{slug}.ipynb",
    ):
        assert (ROOT / path).is_file(), f"{path} is missing: {MODULES[chapter]} has checks"


@each_chapter
def test_a_chapters_tasks_carry_its_number(chapter):
    module = importlib.import_module(f"course_utils.checks.{MODULES[chapter]}")
    strangers = [t for t in engine._tasks if engine._tasks[t].judge.__globals__.get("__name__") == module.__name__]
    assert all(task_id.split(".")[0] == chapter for task_id in strangers)
    assert engine.task_ids(chapter), f"{MODULES[chapter]} declares no task whose id begins with {chapter}."


@each_chapter
@pytest.mark.parametrize("folder", ["solutions", "exercises"])
def test_every_task_is_checked_in_the_notebook_and_every_check_is_of_a_task(folder, chapter):
    checked = _checked_in(_notebook(folder, chapter))
    assert list(dict.fromkeys(checked)) == engine.task_ids(chapter)  # in the same order too


@each_chapter
def test_a_function_to_complete_is_not_called_in_the_cell_that_checks_it(chapter):
    """``check("05.described", described())`` would stop at the gap, before the check can say that it is one."""
    called = [
        task_id
        for source in _code(_notebook("exercises", chapter))
        if "raise NotImplementedError" in source
        for task_id, name in re.findall(r"""^check\(["']([^"']+)["'], (\w+)\(""", source, flags=re.MULTILINE)
        if f"def {name}(" in source
    ]
    assert called == []


@each_task
@pytest.mark.parametrize("blank", [..., None, (..., ...)], ids=["ellipsis", "None", "part"])
def test_the_blank_is_not_answered_yet(task_id, blank):
    assert engine.judge(task_id, blank).outcome == "blank"


@pytest.mark.parametrize(
    "task_id", [of_chapter(_chapter(t), t) for t in TASKS if engine.find(t).asks.startswith("a function")]
)
def test_a_function_to_complete_is_not_answered_yet(task_id):
    def todo(*args, **kwargs):
        raise NotImplementedError("not answered yet")

    assert engine.judge(task_id, todo).outcome == "blank"


@each_task
def test_a_task_has_three_wrong_answers_and_another_right_one(task_id):
    assert len(_wrong(task_id)) >= 3
    assert len(_answers(_chapter(task_id)).RIGHT.get(task_id, [])) >= 1


@each_task
def test_every_mistake_that_a_task_knows_is_proved(task_id):
    assert set(engine.find(task_id).mistakes) - {mistake for _, mistake, _ in _wrong(task_id)} == set()


@pytest.mark.parametrize(("task_id", "number"), list(_all_wrong()))
def test_a_wrong_answer_is_told_its_mistake(task_id, number):
    _, mistake, hint = _wrong(task_id)[number]
    verdict = _judged(task_id, number)
    assert not verdict.right
    assert verdict.mistake == mistake, verdict.message
    assert verdict.message.strip()
    assert hint is None or verdict.message == hint


@pytest.mark.parametrize(("task_id", "answer"), list(_all_right()))
def test_a_right_answer_written_in_another_way_passes(task_id, answer):
    verdict = engine.judge(task_id, _make(answer))
    assert verdict.right, verdict
    assert engine.find(task_id).why in verdict.message


@pytest.mark.parametrize("task_id", [of_chapter(_chapter(t), t) for t in TASKS if engine.find(t).cases])
def test_a_case_can_be_pasted_and_run(task_id):
    """What a message shows of a case makes its arguments again, with names that the exercise has too."""
    task = engine.find(task_id)
    exercise = "\n".join(_code(_notebook("exercises", _chapter(task_id))))
    for case in task.cases:
        shown = "".join(case.typed("repeated", list(task.parameters.parameters)))
        sentences = re.findall(r"`([^`]+)`", shown)
        names = {"np": np, "repeated": lambda *args, **kwargs: (args, kwargs)}
        for given in (*case.given[0], *case.given[1].values()):
            if isinstance(given, typed):
                names |= given.names
        assert [name for name in names if name != "repeated" and not re.search(rf"\b{name}\b", exercise)] == []
        for definition in sentences[1:]:
            name, expression = definition.split(" = ", 1)
            names[name] = eval(expression, names)
        args, kwargs = eval(sentences[0], names)
        assert len(args) == len(case.args), f"{shown}: give long arguments as typed(...)"
        for again, meant in zip((*args, *kwargs.values()), (*case.args, *case.kwargs.values()), strict=True):
            if callable(meant):  # a lambda that was evaluated once more
                continue
            assert type(again) is type(meant)
            assert getattr(again, "dtype", None) == getattr(meant, "dtype", None)
            assert same(again, meant, 0.0), shown


@each_task
def test_texts_have_their_code_in_pairs_of_backticks_and_no_private_names(task_id):
    task = engine.find(task_id)
    told = [_judged(task_id, number).message for number in range(len(_wrong(task_id)))]
    for text in (task.asks, task.why, *task.nudges, *told):
        assert text.count("`") % 2 == 0, text
        assert not [code for code in re.findall(r"`([^`]+)`", text) if re.search(r"(?<![\w.])_[a-z]\w*", code)], text


@each_chapter
def test_no_hint_prints_a_line_of_the_solution(chapter):
    marks = (r"### BEGIN SOLUTION[^\n]*\n(.*?)### END SOLUTION", r"^([^\n]*?)# SOLUTION")
    answers = [
        re.sub(r"\s", "", line.removeprefix("return "))
        for source in _code(_notebook("solutions", chapter))
        for mark in marks
        for region in re.findall(mark, source, flags=re.DOTALL | re.MULTILINE)
        for line in (text.strip() for text in region.splitlines())
    ]
    told = "\n".join(
        re.sub(r"\s", "", text)
        for task_id in engine.task_ids(chapter)
        for text in (*engine.find(task_id).nudges, *(_judged(task_id, n).message for n in range(len(_wrong(task_id)))))
    )
    assert answers, "the solution marks no answers"
    assert [line for line in answers if len(line) > 12 and line in told] == []
