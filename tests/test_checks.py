"""The engine of the checks: what each kind of answer is told, and that nothing raw escapes."""

import json
import linecache
import subprocess
import sys
import threading
import warnings
from decimal import Decimal
from fractions import Fraction
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest

from course_utils import nn
from course_utils.budget import profile
from course_utils.checks import CheckFailed, Wrong, check, engine, hint, judge, kinds, run
from course_utils.checks.comparing import describe, difference, same, type_fault, typed, written
from course_utils.checks.rendering import Panel

NUDGES = ("a nudge", "a stronger one")


@pytest.fixture(autouse=True)
def tasks(monkeypatch):
    """Tasks of a chapter zz, which only exist during a test."""
    monkeypatch.setattr(engine, "_tasks", dict(engine._tasks))
    monkeypatch.setattr(engine, "_hints_shown", {})
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    common = {"nudges": NUDGES, "why": "It matters."}
    kinds.function(
        "zz.double",
        "double(values, times=2)",
        cases=[kinds.call(np.array([1.0, 2.5])), kinds.call(np.array([[3.0], [4.0]]), times=3)],
        right=lambda values, times=2: values * times,
        mistakes=[kinds.Mistake("times ignored", lambda values, times=2: values * 2, "Always twice.")],
        **common,
    )
    kinds.function(
        "zz.half", "half(n)", cases=[kinds.call(4), kinds.call(7), kinds.call(n=9)], right=lambda n: n // 2, **common
    )
    kinds.function("zz.shape", "shape(n)", cases=[kinds.call(4), kinds.call(7)], right=lambda n: (n, n + 1), **common)
    kinds.function("zz.name", "name(n)", cases=[kinds.call(4), kinds.call(7)], right=lambda n: f"layer {n}", **common)
    kinds.value(
        "zz.count",
        "a number of weights",
        right=138_357_544,
        mistakes=[
            kinds.Mistake("no biases", 138_344_128, "Biases."),
            kinds.Mistake("in millions", lambda n: 138 <= n < 139, "Millions."),
        ],
        **common,
    )
    kinds.value("zz.mean", "a mean", right=0.25, **common)
    kinds.value("zz.box", "a box", right=(1, 2, 3), **common)
    kinds.prediction("zz.guess", right="yes", choices={"yes": "So it is.", "no": "Look again."}, nudges=NUDGES)
    kinds.estimate("zz.size", "a size", low=2, high=3, too_low="More.", too_high="Less.", **common)

    kinds.task("zz.length", "a list", **common)(len)

    @kinds.task("zz.own", "a list", mistakes=("short",), **common)
    def own(answer):
        if len(answer) < 3:
            raise Wrong("short", f"Only {len(answer)}.")
        return f"Length {len(answer)}."


def told(task_id, answer):
    verdict = judge(task_id, answer)
    return verdict.outcome, verdict.mistake


# --- what a function is told ----------------------------------------------------------------------------------------


def test_a_right_function_is_told_why_it_matters():
    verdict = judge("zz.double", lambda values, times=2: values * times)
    assert verdict.right
    assert verdict.mistake is None
    assert verdict.message == "It matters."


def test_a_function_with_a_known_mistake_is_told_its_name():
    verdict = judge("zz.double", lambda values, times=2: values + values)
    assert (verdict.mistake, verdict.message) == ("times ignored", "Always twice.")


def test_an_unrelated_mistake_gets_the_first_case_that_differs():
    verdict = judge("zz.half", lambda n: n - 2)
    assert verdict.mistake == "other"
    assert "`half(7)` gives `5`, and should give `3`" in verdict.message
    assert "1 of 3 cases" in verdict.message


@pytest.mark.parametrize("nothing", [..., None], ids=str)
def test_an_ellipsis_or_none_is_not_answered_yet(nothing):
    for task_id in ("zz.double", "zz.count", "zz.guess", "zz.size", "zz.own"):
        assert told(task_id, nothing) == ("blank", "blank")


def test_a_part_that_is_an_ellipsis_is_not_answered_yet():
    assert "Part of it" in judge("zz.box", [1, ..., 3]).message
    assert told("zz.own", {"a": [...]}) == ("blank", "blank")


def test_a_function_that_raises_not_implemented_or_returns_an_ellipsis_is_not_answered_yet():
    def todo(n):
        raise NotImplementedError("not answered yet")

    assert told("zz.half", todo) == ("blank", "blank")
    assert told("zz.half", lambda n: ...) == ("blank", "blank")


def test_an_answer_left_out_is_said_so():
    assert judge("zz.half").outcome == "blank"
    assert "wants your answer after the task" in judge("zz.half").message


def test_a_value_in_place_of_a_function_is_said_so():
    verdict = judge("zz.half", 2)
    assert verdict.mistake == "wrong type"
    assert "`half` without parentheses" in verdict.message


def test_a_pair_is_shown_as_a_pair():
    assert "gives `(5, 5)`, and should give `(4, 5)`" in judge("zz.shape", lambda n: [n + 1, n + 1]).message


def test_an_exception_shows_its_type_its_message_and_the_students_line():
    def half(n):
        rest = n - 4
        return n / rest  # the student's line

    verdict = judge("zz.half", half)
    assert (verdict.outcome, verdict.mistake) == ("stopped", "stopped")
    assert "`half(4)` raised `ZeroDivisionError: division by zero`" in verdict.message
    assert "return n / rest  # the student's line" in verdict.message
    assert f"line {half.__code__.co_firstlineno + 2} " in verdict.message


def test_an_exception_in_a_library_shows_the_students_line_that_led_there():
    def double(values, times=2):
        return json.loads("no json")

    assert 'return json.loads("no json")' in judge("zz.double", double).message


def test_an_exception_in_a_function_of_another_cell_shows_the_line_that_called_it():
    names = {}
    for cell, lines in {
        "<given>": ["def fit(n):", "    return n / 0"],
        "<own>": ["def half(n):", "    return fit(n)"],
    }.items():
        source = [line + "\n" for line in lines]
        linecache.cache[cell] = len(source), None, source, cell
        exec(compile("".join(source), cell, "exec"), names)
    with pytest.raises(Wrong, match=r"`half` raised .* in `fit`, called in line 2 of its cell: `return fit\(n\)`"):
        run(names["half"], 4)


def test_an_exceptions_message_is_shown_without_colours_and_cut_where_it_is_long():
    def half(n):
        raise ValueError("\x1b[1mcannot\x1b[0m halve " + 400 * "this ")

    message = judge("zz.half", half).message
    assert "`ValueError: cannot halve this" in message
    assert "\x1b" not in message
    assert "this ...`" in message
    assert len(message) < 500


def test_a_recursion_without_end_and_an_exit_have_their_sentence():
    def deep(n):
        return deep(n)

    assert "RecursionError" in judge("zz.half", deep).message
    assert "SystemExit" in judge("zz.half", lambda n: sys.exit("enough")).message


def test_other_arguments_are_said_so():
    verdict = judge("zz.half", lambda count: count // 2)
    assert verdict.mistake == "signature"
    assert "`half(n=9)`" in verdict.message
    assert "(count)" in verdict.message


def test_a_missing_return_is_said_so():
    verdict = judge("zz.half", lambda n: None)
    assert verdict.mistake == "no return"
    assert "return" in verdict.message


def test_an_input_changed_in_place_is_said_so():
    def double(values, times=2):
        values *= times
        return values

    assert told("zz.double", double) == ("wrong", "input changed")


def test_whoever_empties_a_list_is_told_how_to_go_through_it():
    def last(values):
        return values.pop()

    kinds.function("zz.last", "last(values)", cases=[kinds.call([1, 2])], right=lambda v: v[-1], nudges=NUDGES, why="-")
    verdict = judge("zz.last", last)
    assert verdict.mistake == "input changed"
    assert "`reversed(...)`" in verdict.message


def test_whoever_changes_the_arrays_of_a_list_is_told_of_a_new_array():
    def double(arrays):
        arrays[0] *= 2
        return arrays[0]

    cases = [kinds.call([np.ones(2)])]
    kinds.function("zz.arrays", "double(arrays)", cases=cases, right=lambda a: 2 * a[0], nudges=NUDGES, why="-")
    verdict = judge("zz.arrays", double)
    assert verdict.mistake == "input changed"
    assert verdict.message.endswith("work on a copy, or write the results to a new array.")


def test_a_repeated_call_with_another_result_is_said_so():
    calls = []

    def half(n):
        calls.append(n)
        return n // 2 + len(calls)

    assert told("zz.half", half) == ("wrong", "changes between calls")


def test_a_result_that_is_changed_by_the_next_call_is_judged_as_it_was():
    shared = [0, 0]

    def shape(n):
        shared[:] = [n, n + 1]
        return shared

    assert judge("zz.shape", shape).right


@pytest.mark.parametrize(
    ("task_id", "answer", "mistake"),
    [
        ("zz.half", lambda n: float(n // 2), "float for int"),
        ("zz.half", lambda n: str(n // 2), "wrong type"),
        ("zz.half", lambda n: n > 4, "wrong type"),
        ("zz.half", lambda n: (n // 2,), "wrong type"),
        ("zz.half", lambda n: {1: n}, "wrong type"),
        ("zz.half", lambda n: 2, "constant"),
        ("zz.double", lambda values, times=2: (values * times).tolist(), "list for array"),
        ("zz.double", lambda values, times=2: "twice", "wrong type"),
        ("zz.double", lambda values, times=2: (values * times).ravel()[:1], "shape"),
        ("zz.double", lambda values, times=2: [[1, 2], [3]], "constant"),
        ("zz.shape", lambda n: (n, n + 1.0), "float for int"),
        ("zz.shape", lambda n: n, "wrong type"),
        ("zz.shape", lambda n: (n,), "shape"),
        ("zz.name", lambda n: n, "wrong type"),
        ("zz.name", lambda n: f"block {n}", "other"),
        ("zz.half", (i for i in ()), "wrong type"),
        ("zz.half", lambda n: (i for i in ()), "wrong type"),
        ("zz.half", lambda n: threading.Lock(), "unreadable"),
    ],
)
def test_a_wrong_result_is_told_what_is_wrong_with_it(task_id, answer, mistake):
    assert told(task_id, answer) == ("wrong", mistake)


@pytest.mark.parametrize(
    ("task_id", "answer"),
    [
        ("zz.half", lambda n: np.int32(n // 2)),
        ("zz.half", lambda n: np.array(n // 2)),
        ("zz.double", lambda values, times=2: (values * times).astype("float32")),
        ("zz.shape", lambda n: [n, n + 1]),
        ("zz.shape", lambda n: np.array([n, n + 1])),
        ("zz.name", lambda n: f"Layer  {n}"),
        ("zz.count", np.int64(138_357_544)),
        ("zz.count", 138_357_544.0),
        ("zz.mean", np.float32(0.25)),
        ("zz.mean", 0.2500001),
        ("zz.box", [1, 2, 3]),
        ("zz.box", np.array([1.0, 2.0, 3.0])),
        ("zz.guess", " YES "),
        ("zz.mean", Fraction(1, 4)),
        ("zz.size", Fraction(5, 2)),
        ("zz.size", 2),
        ("zz.size", 3.0),
        ("zz.own", "abc"),
    ],
)
def test_a_right_value_of_another_reasonable_type_is_right(task_id, answer):
    assert judge(task_id, answer).right


def test_the_packages_own_function_is_kindly_refused():
    def wrapped(n):
        return profile()

    def imported(n):
        """With a docstring."""
        from course_utils import budget

        found = budget.profile()
        return str(found) if False else found

    def kept(n):
        from course_utils import budget

        print(budget.profile(), end="")
        found = budget.profile()
        return found

    def built(n):
        layer = nn.Dropout(0.5)
        layer.build(n, np.random.default_rng(0))
        return layer.forward(n)

    for answer in (profile, partial(profile), wrapped, imported, kept, built):
        assert told("zz.half", answer) == ("wrong", "package's own")


def test_an_own_function_that_mentions_the_package_is_judged_by_what_it_does():
    def asserting(n):
        assert profile()
        return n // 2

    def printing(n):
        print(profile(), end="")
        return n // 2

    def wrong(n):
        return n // 2 + len(profile())

    assert judge("zz.half", asserting).right
    assert judge("zz.half", printing).right
    assert told("zz.half", wrong) == ("wrong", "other")


def test_a_call_that_is_not_answered_yet_is_named_where_others_are():
    def half(n):
        if n > 4:
            raise NotImplementedError
        return 2

    verdict = judge("zz.half", half)
    assert (verdict.outcome, verdict.message) == ("blank", "`half(7)` is not answered yet; other calls are.")


def test_one_value_of_two_is_counted():
    message = judge("zz.shape", lambda n: (n,)).message
    assert message == "`shape(4)` returns `(4,)`: one value, and 2 were asked for."


def test_one_array_where_two_were_asked_for_is_called_one():
    def twice(x):
        return x, 2 * x

    x = np.ones((2, 5))
    kinds.function("zz.twice", "twice(x)", cases=[kinds.call(x)], right=twice, nudges=NUDGES, why="It matters.")
    message = judge("zz.twice", lambda x: x + 0).message
    assert message.endswith("returns one array, of shape (2, 5); 2 were asked for, in a tuple.")
    assert judge("zz.twice", lambda x: np.stack(twice(x))).right


def test_a_missing_key_is_not_printed_with_all_its_arrays():
    message = judge("zz.half", lambda n: {}[nn.Parameter("kernel", n * np.ones((9, 9)))]).message
    assert "raised `KeyError: a Parameter`" in message
    assert "raised `KeyError: 'velocity'`" in judge("zz.half", lambda n: {}["velocity"]).message


def test_a_list_of_one_value_is_asked_for_and_shown_as_such():
    kinds.function("zz.list", "ones(n)", cases=[kinds.call(1)], right=lambda n: [1.0], nudges=NUDGES, why="-")
    assert judge("zz.list", lambda n: 1.0).message.endswith("one value, `1.0`; a list of one value was expected.")
    assert judge("zz.list", lambda n: []).message == "`ones(1)` returns `[]`: 0 values, and one was asked for."
    assert judge("zz.list", lambda n: [2.0]).message == "`ones(1)` gives `[2.0]`, and should give `[1.0]`."


def test_a_stop_gets_the_cases_own_sentence_only_where_it_is_the_cause():
    cases = [kinds.call(4).told(stopping="Is 4 even?", right_for=kinds.call(3))]
    kinds.function("zz.stops", "stops(n)", cases=cases, right=lambda n: n, nudges=NUDGES, why="It matters.")

    def only_odd(n):
        return {1: 1, 3: 3}[n]

    def unrelated(n):
        return [1][n]

    def wrong_elsewhere(n):
        return {1: 1, 3: 5}[n]

    assert judge("zz.stops", only_odd).message.endswith(" Is 4 even?")
    for answer in (unrelated, wrong_elsewhere):
        assert "Error" in judge("zz.stops", answer).message
        assert "even" not in judge("zz.stops", answer).message
    with pytest.raises(ValueError, match="right_for"):
        kinds.call(4).told(stopping="Always.")


def test_of_several_sentences_the_one_that_fits_is_told_also_where_nothing_is_returned():
    case = kinds.call(4).told(stopping="Is 4 even?", right_for=kinds.call(3))
    cases = [case.told(stopping="Is 4 large?", right_for=kinds.call(2))]
    kinds.function("zz.silent", "silent(n)", cases=cases, right=lambda n: n, nudges=NUDGES, why="It matters.")
    for known, sentence in (({3: 3}, "Is 4 even?"), ({2: 2}, "Is 4 large?"), ({}, "Is there a `return` on every way")):
        assert f"returns `None`. {sentence}" in judge("zz.silent", known.get).message


def test_of_an_error_in_a_graph_the_cause_is_told_and_not_the_way_to_it():
    way = "".join(f'  File "/usr/lib/keras/layer.py", line {n}, in call\n\n' for n in range(9))

    def stops(n):
        raise RuntimeError(f"Graph execution error:\n\nDetected at node loss defined at:\n{way}Received a label of 1.")

    assert "`RuntimeError: Received a label of 1.`" in judge("zz.half", stops).message


def test_what_has_no_order_is_no_list():
    for answer, kind in (({1, 2, 3}, "a set"), ({"a": 1, "b": 2, "c": 3}, "a dict")):
        verdict = judge("zz.box", answer)
        assert verdict.mistake == "wrong type"
        assert kind in verdict.message


def test_where_ints_are_asked_for_arrays_of_floats_in_a_tuple_are_not_right():
    case = kinds.call(np.array([1, 2]))
    kinds.function("zz.both", "both(n)", cases=[case], right=lambda n: (n, n), ints=True, nudges=NUDGES, why="So.")
    assert judge("zz.both", lambda n: (n, n + 0)).right
    assert judge("zz.both", lambda n: (n, n + 0.0)).mistake == "float for int"


class Layer:
    def forward(self, n):
        raise NotImplementedError(f"{type(self).__name__}.forward")


Layer.forward.__code__ = Layer.forward.__code__.replace(co_filename="/usr/lib/python3/dist-packages/layers.py")


def test_a_method_that_a_library_misses_is_not_a_gap():
    class Half(Layer):
        def foward(self, n):  # misspelt
            return n // 2

    verdict = judge("zz.half", lambda n: Half().forward(n))
    assert verdict.outcome == "stopped"
    assert "NotImplementedError: Half.forward" in verdict.message


def test_a_librarys_line_is_not_shown_as_the_students():
    def half(n):
        return Layer().forward(n)  # the student's line

    assert "return Layer().forward(n)  # the student's line" in judge("zz.half", half).message
    assert "line" not in judge("zz.half", Layer().forward).message  # nothing of the student's is on the way
    for path in ("/a/site-packages/x.py", "/usr/lib/python3/dist-packages/x.py", json.__file__, kinds.__file__):
        assert not engine.is_students(path)
    assert engine.is_students("/tmp/ipykernel_1/123.py")


def test_a_class_is_not_accused_of_keeping_something():
    class Half:
        def __init__(self, n):
            self.n = n // 2

    verdict = judge("zz.half", Half)
    assert verdict.mistake == "wrong type"
    assert "the class `Half`" in verdict.message
    assert told("zz.half", lambda n: Half(n)) == ("wrong", "wrong type")


def test_what_is_the_same_in_all_cases_is_not_said_to_be_the_same_everywhere():
    message = judge("zz.half", lambda n: min(n, 3)).message
    assert "gives `3` in each of the 3 cases" in message


def test_whole_numbers_for_shares_are_not_put_down_to_one_cause():
    kinds.function(
        "zz.share",
        "share(a, b)",
        cases=[kinds.call(1, 2), kinds.call(2, 2)],
        right=lambda a, b: a / b,
        nudges=NUDGES,
        why="It matters.",
    )
    verdict = judge("zz.share", lambda a, b: int(a == b))
    assert verdict.mistake == "whole division"
    assert "a comparison" in verdict.message


def test_texts_keep_their_backticks_in_pairs_whatever_an_exception_or_an_answer_says():
    def half(n):
        raise ValueError("`n is not closed")

    assert judge("zz.half", half).message.count("`") % 2 == 0
    assert judge("zz.guess", "a ` in it").message.count("`") % 2 == 0


def test_only_warnings_about_the_students_lines_are_shown():
    def double(values, times=2):
        return np.array([np.inf]) - np.inf  # the student's line

    names = {}
    exec(compile("def right(x): return x / x", kinds.__file__, "exec"), names)
    case = kinds.call(np.zeros(2))
    kinds.function("zz.warns", "warns(x)", cases=[case], right=names["right"], nudges=NUDGES, why="It matters.")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        judge("zz.double", double)
        assert judge("zz.warns", lambda x: np.full(2, np.nan)).right
    assert {warning.filename for warning in seen} == {__file__}


# --- what values, predictions and judges are told -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task_id", "answer", "mistake"),
    [
        ("zz.count", 138_344_128, "no biases"),
        ("zz.count", 138.36, "in millions"),
        ("zz.count", 138_357_545, "other"),  # within a float's tolerance, and still not the count
        ("zz.count", "138357544", "wrong type"),
        ("zz.count", [138_357_544], "wrong type"),
        ("zz.count", True, "wrong type"),
        ("zz.count", lambda: 138_357_544, "wrong type"),
        ("zz.count", float("nan"), "other"),
        ("zz.mean", 25, "other"),
        ("zz.mean", "a quarter", "wrong type"),
        ("zz.box", (1, 2), "shape"),
        ("zz.box", (1, 2, 4), "other"),
        ("zz.box", 6, "wrong type"),
        ("zz.guess", "no", "no"),
        ("zz.guess", "maybe", "not a choice"),
        ("zz.guess", 1, "not a choice"),
        ("zz.size", 1, "too low"),
        ("zz.size", 3.5, "too high"),
        ("zz.size", "2", "wrong type"),
        ("zz.size", float("nan"), "other"),
        ("zz.own", [1], "short"),
        ("zz.length", 5, "unreadable"),
    ],
)
def test_a_wrong_value_is_told_what_is_wrong_with_it(task_id, answer, mistake):
    assert told(task_id, answer) == ("wrong", mistake)


def test_a_wrong_value_is_not_told_the_right_one():
    assert "138357544" not in judge("zz.count", 7).message.replace(",", "").replace("_", "")


def test_a_judges_remark_comes_before_why():
    assert judge("zz.own", [1, 2, 3]).message == "Length 3.\n\nIt matters."


def test_a_judge_that_fails_itself_says_what_the_task_wants():
    verdict = judge("zz.length", 5)
    assert "wants a list" in verdict.message
    assert "TypeError" in verdict.message


def test_a_judge_calls_the_students_code_through_run():
    with pytest.raises(Wrong) as caught:
        run(lambda: 1 // 0)
    assert caught.value.outcome == "stopped"


# --- showing, strictness, hints, unknown tasks ----------------------------------------------------------------------


def test_check_shows_and_goes_on(capsys):
    check("zz.half", lambda n: float(n // 2))
    shown = capsys.readouterr().out
    assert shown.startswith("Not yet: zz.half\n")
    assert "a float" in shown


def test_strict_raises_check_failed_with_the_mistake(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    check("zz.half", lambda n: n // 2)
    for wrong in (..., 2, lambda n: n, lambda n: 1 // 0):
        with pytest.raises(CheckFailed, match=r"zz\.half"):
            check("zz.half", wrong)
    assert capsys.readouterr().out.startswith("Right: zz.half")


@pytest.mark.parametrize("value", ["", "0", " "])
def test_only_1_is_strict(monkeypatch, value):
    monkeypatch.setenv("COURSE_STRICT", value)
    check("zz.half", ...)


def test_the_second_hint_is_the_stronger_one_and_stays(capsys):
    shown = []
    for _ in range(3):
        hint("zz.half")
        shown.append(capsys.readouterr().out)
    assert "a nudge" in shown[0]
    assert 'hint("zz.half")' in shown[0]
    assert all("a stronger one" in text for text in shown[1:])
    assert "again" not in shown[1]
    assert "(2 of 2 again" in shown[2]


def test_of_a_list_whose_parts_have_names_the_first_that_is_not_right_is_told():
    kinds.value("zz.parts", "two shapes", right=[(3, 4), (12,)], parts=("`a`", "`b`"), nudges=NUDGES, why="It matters.")
    assert judge("zz.parts", [(3, 4), (12,)]).right
    for answer, told in {
        ((3, 4), (3, 4)): "`b` is not right: you give `(3, 4)`. (1 of 2 are right.)",
        ((3, 5), (15,)): "`a` is not right: you give `(3, 5)`.",
        ((3, 4.5), (12,)): "`a` is not right: you give `(3, 4.5)`. (1 of 2 are right.)",
        ((3, 4),): "The result is `((3, 4),)`: one value, and 2 were asked for.",
        ("3 x 4", (12,)): "This check wants two shapes, and got `('3 x 4', (12,))`.",
    }.items():
        assert judge("zz.parts", answer).message == told


def test_an_unknown_task_lists_those_of_its_chapter():
    for use in (hint, judge, check):
        with pytest.raises(LookupError, match=r"no task '03\.outputsize'; chapter 03 has .*03\.unread"):
            use("03.outputsize")


@pytest.mark.parametrize("task_id", ["98.size", "size", "", None, 3])
def test_an_unknown_chapter_lists_the_chapters(task_id):
    with pytest.raises(LookupError, match=r"Chapters with tasks: .*03, "):
        judge(task_id)


def test_a_chapter_that_fails_to_load_does_so_each_time(monkeypatch, tmp_path):
    (tmp_path / "chyy_broken.py").write_text(
        "from course_utils.checks.kinds import value\n"
        "value('yy.a', 'a', right=1, nudges=('a', 'b'), why='c')\n"
        "raise OSError('broken')\n"
    )
    monkeypatch.setattr(engine, "_HERE", str(tmp_path))
    monkeypatch.setattr("course_utils.checks.__path__", [str(tmp_path)])
    for _ in range(2):
        with pytest.raises(OSError, match="broken"):
            judge("yy.a", 1)


def test_an_appendix_counts_like_a_chapter_and_no_other_module_does(monkeypatch, tmp_path):
    for name in ("ch03_cnn_math", "a1_it_does_not_learn", "networks", "a_b", "a1", "b1_x"):
        (tmp_path / f"{name}.py").touch()
    monkeypatch.setattr(engine, "_HERE", str(tmp_path))
    assert engine.chapter_modules() == {"03": "ch03_cnn_math", "a1": "a1_it_does_not_learn"}


def test_a_task_declared_twice_or_without_two_nudges_is_refused():
    with pytest.raises(ValueError, match="declared twice"):
        kinds.value("zz.mean", "a mean", right=1, nudges=NUDGES, why="")
    for nudges in ((), ("one",), ("one", " "), ("a", ...)):
        with pytest.raises(ValueError, match="nudge"):
            kinds.value("zz.new", "a mean", right=1, nudges=nudges, why="")
    with pytest.raises(ValueError, match="not among"):
        kinds.prediction("zz.new", right="c", choices={"a": "", "b": ""}, nudges=NUDGES)


def test_the_checks_load_no_framework():
    code = (
        "import sys, course_utils.checks as checks\n"
        "for chapter in checks.engine.chapter_modules(): checks.task_ids(chapter)\n"
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- in a terminal, a notebook, a page ------------------------------------------------------------------------------


def test_in_a_terminal_lines_are_short_and_the_outcome_stands_in_words():
    shown = repr(Panel("03.size", "stopped", "word " * 60 + "\n\nA second paragraph."))
    assert shown.startswith("Your code stopped: 03.size\n")
    assert max(map(len, shown.splitlines())) <= 88
    assert shown.endswith("    A second paragraph.")


class _Outline(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.styles = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.styles.append(dict(attributes).get("style") or "")

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("outcome", ["right", "wrong", "stopped", "blank", "hint"])
def test_in_a_notebook_the_outcome_stands_in_words_and_text_takes_the_pages_colour(outcome):
    panel = Panel("03.size", outcome, "First `x < 1`.\n\nSecond.")
    page = _Outline(panel._repr_html_())
    assert panel.heading in page.text
    assert page.tags.count("p") == 3
    assert "background" not in " ".join(page.styles)
    assert [style for style in page.styles if "color:" in style and "color: inherit" not in style] == []


def test_what_students_type_is_escaped():
    page = Panel("03.size", "wrong", "`<script>alert(1)</script>` & <b>")._repr_html_()
    assert _Outline(page).tags.count("script") == 0
    assert "<code>&lt;script&gt;" in page
    assert "&amp; &lt;b&gt;" in page


# --- comparing and describing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "right", "equal"),
    [
        (1, 1.0 + 1e-7, True),
        (1.0 + 1e-7, 1, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        ([1, [2, 3]], (1, (2, 3)), True),
        ([[1, 2], [3]], np.ones((2, 2)), False),
        ("1", 1, False),
        (True, 1, False),
        (1, True, True),
        (0.0, False, True),
        (2, True, False),
        ("1", True, False),
        (Fraction(1, 4), 0.25, True),
        (Fraction(3), 3, True),
        ([Fraction(1, 2), 1], (0.5, 1.0), True),
        (Decimal("0.25"), 0.25, True),
        (np.True_, True, True),
        ({"a": [1]}, {"a": (1,)}, True),
        ({"a": 1}, {"b": 1}, False),
        ({1, 2}, (1, 2), False),
        (np.ones((2, 2)), np.ones((2, 1)), False),
        (np.ones(2, "float32") * np.float32(0.1), np.ones(2) * 0.1, True),
        ("ab", ("a", "b"), False),
        (object(), 1, False),
        (10**400, 10**400, True),
    ],
)
def test_values_are_the_same_where_a_teacher_would_say_so(answer, right, equal):
    assert same(answer, right) is equal


@pytest.mark.parametrize(
    "value",
    [
        (1, [2.5, "it's"], {"a": (3,)}),
        [("conv", 8), ("pool",), ("dense", 10)],
        np.array([1.0, np.nan, -np.inf]),
        np.array([[1, 2], [3, 4]]),
        np.array([1, 2], "uint8"),
        np.array([0.1, 0.2], "float32"),
        np.array([[True, False], [False, True]]),
        np.zeros((3, 4)),
        np.ones((2, 20, 30), "uint8"),
        np.full(7, 0.25),
        np.zeros((6, 2), bool),
        np.zeros((0, 4)),
        np.float64(0.5),
        [np.arange(3)],
    ],
    ids=repr,
)
def test_a_value_is_written_so_that_it_can_be_pasted(value):
    again = eval(written(value), {"np": np})
    assert same(again, value, 0.0)
    assert getattr(again, "dtype", None) == getattr(value, "dtype", None) or np.isscalar(value)


def test_a_list_is_asked_for_where_a_dict_is_given_whatever_a_mistake_is_true_of():
    kinds.value(
        "zz.listed",
        "a list of two numbers",
        right=[2**20, 7],
        mistakes=[kinds.Mistake("short", lambda answer: len(answer) == 2, "Two.")],
        nudges=NUDGES,
        why="It matters.",
    )
    for answer in ({"a": 1, "b": 2}, {1, 2}, "ab"):
        assert judge("zz.listed", answer).mistake == "wrong type"
    assert judge("zz.listed", [1, 2]).mistake == "short"


def test_a_float_in_a_list_of_whole_numbers_is_another_number_and_no_other_type():
    kinds.value("zz.whole", "a list of two numbers", right=[2**20, 7], nudges=NUDGES, why="It matters.")
    assert judge("zz.whole", (2.0**20, 7.0)).right
    verdict = judge("zz.whole", [1.05e6, 7])
    assert verdict.mistake == "other"
    assert "1 of 2 is right" in verdict.message
    assert judge("zz.whole", ["1048576", 7]).mistake == "wrong type"


def test_a_long_call_is_typed_with_its_arguments_behind_it():
    case = kinds.call(
        typed("np.arange(60).reshape(3, 4, 5) % 7"), np.zeros(3), times=typed("np.eye(40)[:, ::2] * 3 - np.pi / 7")
    )
    assert case.typed("f", ["image", "zeros"]) == (
        "`f(image, np.array([0.0, 0.0, 0.0]), times=times)`",
        "\n\nHere `image = np.arange(60).reshape(3, 4, 5) % 7` and `times = np.eye(40)[:, ::2] * 3 - np.pi / 7`.",
    )
    assert case.args[0].shape == (3, 4, 5)
    next_use = "`f(3, s=2)`, which this notebook asks for next,"
    assert kinds.call(3, s=2).in_next_cell().typed("f", ["n"]) == (next_use, "")


def test_a_verdict_says_what_is_wrong_before_it_says_of_which_long_arguments():
    cases = [kinds.call(typed("np.arange(70).reshape(2, 5, 7) ** 2 % 11 - np.arange(70).reshape(2, 5, 7)"))]
    kinds.function("zz.long", "long(x)", cases=cases, right=np.sum, nudges=NUDGES, why="It matters.")
    for answer, found in ((lambda x: 5, "gives `5`, and"), (lambda x: None, "returns `None`."), (min, "raised `")):
        first, arguments = judge("zz.long", answer).message.split("\n\n")
        assert first.startswith(f"`long(x)` {found}")
        assert arguments.startswith("Here `x = np.arange(70)")


def test_where_cases_are_questions_apart_two_mistakes_do_not_hide_each_other_and_no_answer_is_given_away():
    answers = {"one": (1, 1), "two": (2, 2), "three": (3, 3)}
    kinds.function(
        "zz.apart",
        "apart(name)",
        cases=[kinds.call(name) for name in answers],
        right=lambda name: answers[name],
        mistakes=[kinds.Mistake("one lost", lambda name: (answers | {"one": (1,)})[name], "What of one?")],
        nudges=NUDGES,
        why="It matters.",
        apart=True,
    )
    assert judge("zz.apart", lambda name: (answers | {"one": (1,), "three": (3,)})[name]).mistake == "one lost"
    for other in ((3,), (3, 7)):
        verdict = judge("zz.apart", lambda name: (answers | {"three": other})[name])  # noqa: B023 - called at once
        assert verdict.mistake == "other"
        assert verdict.message.startswith(f"`apart('three')` gives `{other}`, which is not it. (2 of 3 cases")
    assert judge("zz.apart", answers.get).right


def test_a_wrong_implementation_gets_all_arguments_and_may_be_the_reference_with_others(tasks):
    """Called by position with the task's defaults, however a case is typed; a dict changes arguments or switches."""
    got = []
    kinds.function(
        "zz.sum",
        "total(a, b=2, c=3)",
        cases=[kinds.call(1, c=5), kinds.call(b=4, a=1), kinds.call(2)],
        right=lambda a, b=2, c=3, *, sign=1: a + sign * b + c,
        mistakes=[
            kinds.Mistake("nothing", lambda a, b, c: got.append((a, b, c)), "Nothing."),
            kinds.Mistake("always 2", {"b": 2}, "B."),
            kinds.Mistake("difference", [{"sign": -1}, {"c": 0}], "Sign or c."),
        ],
        nudges=NUDGES,
        why="It matters.",
    )
    assert judge("zz.sum", lambda a, b=2, c=3: a + b + c).right
    assert told("zz.sum", lambda a, b=2, c=3: a + 2 + c) == ("wrong", "always 2")
    assert got == [(1, 2, 5)]
    assert told("zz.sum", lambda a, b=2, c=3: a - b + c) == ("wrong", "difference")
    assert told("zz.sum", lambda a, b=2, c=3: a + b) == ("wrong", "difference")
    examples = engine.find("zz.sum").examples
    assert [(name, judge("zz.sum", answer).mistake) for name, answer, _ in examples] == [
        ("nothing", "no return"),
        ("always 2", "always 2"),
        ("difference", "difference"),
        ("difference", "difference"),
    ]


def test_of_several_results_the_first_wrong_one_is_shown():
    right = (np.zeros((4, 5)), np.zeros(5), np.ones((5, 3)))
    _, clause = difference((np.zeros((4, 5)), np.zeros(5), np.ones((3, 5))), right)
    assert clause == "as part 3 of 3 something of shape (3, 5), and should give shape (5, 3)."
    _, clause = difference((np.zeros((4, 5)), np.ones(5), np.ones((5, 3))), right)
    assert clause == "as part 2 of 3 `[1.0, 1.0, 1.0, 1.0, 1.0]`, and should give `[0.0, 0.0, 0.0, 0.0, 0.0]`."


def test_of_a_dict_of_results_the_wrong_key_is_shown():
    right = {"kernel": np.zeros((20, 30)), "bias": np.zeros(30)}
    _, clause = difference({"kernel": np.zeros((20, 30)), "bias": np.ones(30)}, right)
    assert clause == "at the key 'bias' `1` at `[0]`, and should give `0` there."
    _, clause = difference({"kernel": np.zeros((20, 30))}, right)
    assert "with the keys 'kernel', 'bias'" in clause


def test_what_is_found_in_a_list_is_not_taken_for_the_list():
    assert type_fault([2], ["dense"], "It returns")[1] == "It returns a list with `2`; text was expected."


def test_a_view_of_a_dict_is_told_to_be_collected():
    message = judge("zz.shape", lambda n: {n: 0, n + 1: 0}.keys()).message
    assert "gives a dict_keys, which shows what is in a dict. Collect the values" in message


def test_floats_are_refused_only_where_ints_are_used_as_such():
    wanted, given = np.array([1, 2]), np.array([1.0, 2.0])
    assert type_fault(given, wanted) is None
    assert type_fault(given, wanted, ints=True)[0] == "float for int"
    assert type_fault(wanted.astype("uint8"), wanted, ints=True) is None


def test_a_list_that_is_not_it_is_told_how_many_are_right_and_a_hint_may_quote_the_answer():
    assert "is not it. (2 of 3 are right.)" in judge("zz.box", (1, 2, 4)).message
    mistake = kinds.Mistake("odd", lambda n: n % 2, lambda n: f"{n} is odd.")
    kinds.value("zz.even", "an even number", right=2, mistakes=[mistake], nudges=NUDGES, why="It matters.")
    assert judge("zz.even", 7).message == "7 is odd."


def test_truth_values_are_compared_one_by_one():
    assert same(np.array([True, False]), np.array([True, False]))
    assert not same(np.array([True, True]), np.array([True, False]))


def test_numbers_of_numpy_are_described_as_numbers():
    assert describe((np.int64(3), (np.int64(4), np.float64(0.5)))) == "`(3, (4, 0.5))`"


@pytest.mark.parametrize("value", [1 - 0.9, np.float64(1 - 0.9), np.float32(0.1), np.array(0.1, "float32")])
def test_numbers_are_described_without_what_rounding_leaves_behind(value):
    assert describe(value) == "`0.1`"


def test_values_are_described_in_few_words():
    assert describe(np.zeros((4, 5))) == "an array of shape (4, 5)"
    assert describe(np.array([1, 2])) == "`[1, 2]`"
    assert describe(list(range(100))) == "a list of length 100"
    assert describe(len) == "the function `len`"
    assert describe(int) == "the class `int`"
    assert describe(partial(len)) == "a partial"  # called like a function, and has no name
