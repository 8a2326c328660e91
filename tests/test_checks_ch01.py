"""What the checks of chapter 01 say to whoever's `find` stops: the reason, found by a call in which it does no harm."""

import functools

import pytest

from course_utils.checks import engine
from tests.wrong_answers.ch01_tasks import find_where_sure, one_crop_at_a_time, search_in_a_list, stacked


@pytest.mark.parametrize(
    ("find", "sentence"),
    [
        (search_in_a_list, "you hand on a list of crops."),
        (one_crop_at_a_time, "you hand on one crop."),
        (functools.partial(stacked, last=15, turned=True), "do rows go with its height"),
        (stacked, "stick out at the right or below"),
        (find_where_sure, "every window is most probably nothing."),
    ],
)
def test_a_search_that_stops_or_finds_nothing_is_told_why(find, sentence):
    assert sentence in engine.judge("01.slide", find).message.split("\n\n")[0]
