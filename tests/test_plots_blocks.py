"""Figures of chapter 11: each layer of a block is drawn, in its column, as wide as it has channels."""

import matplotlib

matplotlib.use("agg")

import keras
import pytest
from keras import layers

from course_utils import models, plots


def texts(axis):
    return {text.get_text(): text.get_position() for text in axis.texts}


def block(build):
    x = keras.Input((8, 8, 16))
    return keras.Model(x, build(x))


def test_layers_are_read_downwards_and_the_shortcut_stands_on_the_right():
    figure = plots.block_diagrams({"residual": block(lambda x: models.residual_block(x, 16))})
    (axis,) = figure.axes
    words = [text.get_text() for text in axis.texts]
    assert words == ["16", "3×3, 16", "batch norm", "ReLU", "3×3, 16", "batch norm", "+", "ReLU"]
    assert [text.get_position() for text in axis.texts] == [(0.0, row) for row in range(8)]
    (shortcut,) = [line for line in axis.lines if len(line.get_xdata()) == 4]
    assert max(shortcut.get_xdata()) > 0.5
    assert (min(shortcut.get_ydata()) < 1, max(shortcut.get_ydata()) > 5) == (True, True)


def test_a_projection_has_a_column_of_its_own():
    figure = plots.block_diagrams({"halved": block(lambda x: models.residual_block(x, 32, 2))})
    places = texts(figure.axes[0])
    assert places["1×1, 32"][0] != places["3×3, 32"][0]
    assert all(len(line.get_xdata()) == 2 for line in figure.axes[0].lines)


def test_a_box_is_wider_the_more_channels_it_has():
    def inverted(x):
        y = layers.DepthwiseConv2D(3, padding="same")(layers.Conv2D(64, 1)(x))
        return layers.Add()([x, layers.Conv2D(16, 1)(y)])

    figure = plots.block_diagrams({"inverted": block(inverted)}, {"inverted": "a note"})
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert widths[0] == widths[1] > widths[2]
    assert {"3×3 dw", "a note"} <= set(texts(figure.axes[0]))


def test_a_note_without_a_block_is_named():
    with pytest.raises(ValueError, match="notes on .'other'."):
        plots.block_diagrams({"one": block(lambda x: layers.ReLU()(x))}, {"other": "a note"})
