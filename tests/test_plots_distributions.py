"""Histograms by depth: bars are shares, and dead, saturated and lost values are said."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import plots
from course_utils.plots.style import BLUE, VERMILION

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=4000)


def said(axes):
    return axes.texts[0].get_text().splitlines()


def bars(axes, color):
    wanted = matplotlib.colors.to_rgba(color)
    return [patch for patch in axes.patches if patch.get_facecolor() == wanted]


def test_bars_are_the_shares_of_the_values_and_all_panels_share_a_range():
    figure = plots.histogram_rows({"a": {1: NORMAL, 2: 3 * NORMAL}, "b": [NORMAL]}, bins=20)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    first = figure.axes[0]
    assert sum(bar.get_height() for bar in bars(first, BLUE)) == pytest.approx(1)
    wanted, _ = np.histogram(NORMAL, 20, first.get_xlim())
    np.testing.assert_allclose([bar.get_height() for bar in bars(first, BLUE)], wanted / 4000)
    assert said(first) == [f"sd {NORMAL.std():.2f}"]
    assert [axes.get_title() for axes in figure.axes] == ["layer 1", "layer 2", "layer 1"]
    figure.canvas.draw()
    assert plt.get_fignums() == []


def test_rows_may_have_ranges_of_their_own():
    figure = plots.histogram_rows({"a": [NORMAL, NORMAL / 2], "b": [9 * NORMAL]}, limits="row")
    first, second, third = (axes.get_xlim() for axes in figure.axes)
    assert first == second
    assert third[1] == pytest.approx(9 * first[1])


def test_dead_units_are_a_red_bar_and_a_share():
    figure = plots.histogram_rows({"relu": [NORMAL.clip(0, None), 0 * NORMAL]})
    alive, dead = figure.axes
    assert said(alive)[1] == f"{100 * (NORMAL <= 0).mean():.0f}% at 0"
    assert sum(bar.get_height() for bar in bars(alive, BLUE)) == pytest.approx((NORMAL > 0).mean())
    assert said(dead) == ["sd 0.00", "100% at 0"]
    (bar,) = bars(dead, VERMILION)
    assert bar.get_height() == dead.get_ylim()[1]
    assert bar.get_x() + bar.get_width() / 2 == pytest.approx(0)
    # the rest of the panel is scaled by its own bars: the zeros do not flatten it
    assert max(bar.get_height() for bar in bars(alive, BLUE)) > 0.5 * alive.get_ylim()[1]


def test_saturated_units_are_red_and_counted_and_a_wide_distribution_is_not():
    saturated, fine, wide = np.tanh(9 * NORMAL), np.tanh(NORMAL / 2), 2 * NORMAL
    first, second, third = plots.histogram_rows({"tanh": [saturated, fine, wide]}, limits=(-1.05, 1.05)).axes
    assert said(first)[1] == f"{100 * (np.abs(saturated) >= 0.97).mean():.0f}% at ±1"
    places = [bar.get_x() + bar.get_width() / 2 for bar in bars(first, VERMILION)]
    assert min(np.abs(places)) > 0.93
    assert {-1, 1} == {int(sign) for sign in np.sign(places)}
    assert len(said(second)) == 1
    assert said(third)[1:] == [f"{100 * (np.abs(wide) > 1.05).mean():.0f}% outside"]


def test_values_that_are_no_numbers_are_counted_and_small_deviations_readable():
    values = np.array([np.nan, np.inf, 1e-7, -1e-7])
    (axes,) = plots.histogram_rows({"lost": {"last": values}}, limits=(-1, 1)).axes
    assert said(axes) == ["sd 1e-07", "50% not finite"]
    (axes,) = plots.histogram_rows({"constant": {"bias": np.full(7, 0.3)}}).axes
    assert said(axes) == ["sd 0.00"]


def test_names_notes_and_the_axis_are_written():
    figure = plots.histogram_rows({"a": [NORMAL], "b": [NORMAL]}, xlabel="activation", notes={"b": "as before"})
    assert [part.get_suptitle() for part in figure.subfigs] == ["a", "b: as before"]
    assert figure.subfigs[-1].get_supxlabel() == "activation"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.histogram_rows({}), "no rows"),
        (lambda: plots.histogram_rows({"a": [[]]}), "row 'a' has no values for 1"),
        (lambda: plots.histogram_rows({"a": [[np.nan]]}), "none of the values is finite"),
        (lambda: plots.histogram_rows({"a": [[1.0]]}, notes={"z": "?"}), "notes on z; there are rows a"),
    ],
)
def test_what_cannot_be_drawn_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
