"""The figures of chapter 03 show what they are given: positions, fields, axes and shares, counted on the figure."""

import matplotlib

matplotlib.use("agg")

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from course_utils.arithmetic import conv_output_size, receptive_fields
from course_utils.plots import cnn_math
from course_utils.plots.style import GREY, PAPER, SKY, VERMILION

IMAGE = np.array([[1, 1, 1, 7, 7], [1, 1, 1, 7, 7], [1, 1, 1, 7, 7], [1, 1, 7, 7, 7], [1, 7, 7, 7, 7]])
KERNEL = np.array([[-1, 0, 1]] * 3)


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: cnn_math.filter_puzzle(np.eye(6), [np.eye(3)] * 3, [np.eye(4)] * 3),
        lambda: cnn_math.convolution_by_hand(IMAGE, KERNEL, np.ones((3, 3)), (1, 0)),
        lambda: cnn_math.through_all_channels(),
        lambda: cnn_math.connections(8, 3, {"dense": "48", "windows": "18", "convolution": "3"}),
        lambda: cnn_math.window_positions([{"title": "plain", "size": 8, "kernel_size": 3}]),
        lambda: cnn_math.receptive_cone({"one": [("conv 3", 3, 1)]}),
        lambda: cnn_math.path_counts([1, 2, 3, 2, 1]),
        lambda: cnn_math.influence(np.full((5, 5), 0.04), 5, [1, 2], [3, 5], [3, 5], {"linear": ([2], [5])}),
        lambda: cnn_math.normalisation_axes(),
        lambda: cnn_math.layer_profile(["conv", "dense"], {"weights": [1, 3]}),
    ],
)
def test_every_function_returns_one_opaque_figure_that_fits_a_page(draw):
    before = plt.get_fignums()
    figure = draw()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == before, "a figure that pyplot still holds is shown twice"
    assert figure.get_size_inches()[0] <= 8
    assert to_hex(figure.get_facecolor()) == PAPER.lower()
    figure.canvas.draw()  # constrained layout and all texts work
    sizes = [t.get_fontsize() for axes in figure.axes for t in axes.findobj(matplotlib.text.Text) if t.get_text()]
    assert min(sizes) >= 9


@pytest.mark.parametrize(
    "figure",
    [
        cnn_math.receptive_cone({"one": [("conv 3", 3, 1)]}),
        cnn_math.influence(np.full((5, 5), 0.04), 5, [1, 2], [3, 5], [3, 5], {"linear": ([2], [5])}),
        cnn_math.layer_profile(["conv", "dense"], {"weights": [1, 3]}),
    ],
)
def test_axes_have_names(figure):
    for axes in figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel()


def test_the_filtered_pictures_share_one_range_around_zero():
    responses = [np.array([[-1.0, 0.5], [0, 0]]), np.array([[8.0, 0], [0, 0]]), np.zeros((2, 2))]
    figure = cnn_math.filter_puzzle(np.eye(6), [KERNEL] * 3, responses)
    ranges = {axes.images[0].get_clim() for axes in figure.axes[1:4]}
    assert len(ranges) == 1
    low, high = ranges.pop()
    assert low == -high
    assert high > 1


def test_the_puzzle_keeps_the_order_of_pictures_and_kernels():
    responses = [np.full((2, 2), value) for value in (1.0, 2.0, 3.0)]
    figure = cnn_math.filter_puzzle(np.eye(6), [np.full((1, 1), value) for value in (4, 5, 6)], responses)
    assert [axes.images[0].get_array()[0, 0] for axes in figure.axes[1:4]] == [1, 2, 3]
    assert [texts(axes) for axes in figure.axes[4:]] == [["4"], ["5"], ["6"]]


def test_the_puzzle_wants_three_of_each():
    with pytest.raises(ValueError, match="given 2 kernels, 3 responses"):
        cnn_math.filter_puzzle(np.eye(6), [KERNEL] * 2, [np.eye(4)] * 3)


@pytest.mark.parametrize("position", [(0, 0), (1, 2), (2, 1)])
def test_the_frames_mark_a_window_and_the_number_that_it_gives(position):
    left, _, right = cnn_math.convolution_by_hand(IMAGE, KERNEL, np.ones((3, 3)), position).axes
    frames = []
    for axes in (left, right):
        (frame,) = [patch for patch in axes.patches if isinstance(patch, Rectangle) and not patch.get_fill()]
        frames.append(frame.get_bbox().bounds)
    row, column = position
    assert frames[0] == (column - 0.5, row - 0.5, 3, 3)
    assert frames[1] == (column - 0.5, row - 0.5, 1, 1)


def test_numbers_to_be_found_are_question_marks():
    output = np.full((3, 3), np.nan)
    output[1, 0] = -6
    _, _, right = cnn_math.convolution_by_hand(IMAGE, KERNEL, output, (1, 0)).axes
    assert sorted(texts(right)) == ["?"] * 8 + ["\N{MINUS SIGN}6"]


def test_a_position_outside_of_the_result_is_refused():
    with pytest.raises(ValueError, match=r"\(0, 3\) lies outside of the output, whose shape is \(3, 3\)"):
        cnn_math.convolution_by_hand(IMAGE, KERNEL, np.ones((3, 3)), (0, 3))


@pytest.mark.parametrize(("channels", "kernel_size", "filters"), [(3, 3, 4), (5, 2, 1), (1, 3, 2)])
def test_a_filter_reads_its_window_of_every_channel_and_each_map_has_one_number_of_it(channels, kernel_size, filters):
    (axes,) = cnn_math.through_all_channels(5, 6, channels, kernel_size, filters, position=(1, 2)).axes
    cells = [to_hex(patch.get_facecolor()) for patch in axes.patches]
    assert len(cells) == 5 * 6 * channels + (6 - kernel_size) * (7 - kernel_size) * filters
    assert cells.count(SKY.lower()) == kernel_size**2 * channels
    assert cells.count(VERMILION.lower()) == 1
    assert cells.count(cnn_math.WARM.lower()) == filters - 1
    assert f"= {kernel_size**2 * channels} numbers" in " ".join(texts(axes))


def test_the_beam_runs_along_the_corners_of_every_window_and_ends_at_the_number():
    (axes,) = cnn_math.through_all_channels(5, 6, channels=3, kernel_size=3, filters=4, position=(1, 2)).axes
    corners = {tuple(np.round(point, 6)) for patch in axes.patches for point in patch.get_xy()}
    (number,) = [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == VERMILION.lower()]
    ends = {tuple(np.round(line.get_xydata()[-1], 6)) for line in axes.lines}
    assert ends == {tuple(np.round(point, 6)) for point in number.get_xy()}
    for line in axes.lines:
        assert len(line.get_xydata()) == 4
        assert {tuple(np.round(point, 6)) for point in line.get_xydata()} <= corners


@pytest.mark.parametrize(
    ("given", "message"),
    [({"kernel_size": 6}, "a window of 6 does not fit on 5x6"), ({"position": (3, 0)}, r"\(3, 0\) lies outside")],
)
def test_a_window_that_does_not_fit_on_the_channels_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        cnn_math.through_all_channels(**given)


@pytest.mark.parametrize(("size", "kernel_size"), [(8, 3), (5, 2), (4, 4)])
def test_wires_are_the_products_and_colours_the_shared_weights(size, kernel_size):
    captions = {"dense": "a", "windows": "b", "convolution": "c"}
    dense, windows, convolution = cnn_math.connections(size, kernel_size, captions).axes
    outputs = conv_output_size(size, kernel_size)
    assert [len(axes.lines) for axes in (dense, windows, convolution)] == [
        size * outputs,
        kernel_size * outputs,
        kernel_size * outputs,
    ]
    shared = {}
    for line in convolution.lines:
        (start, end), _ = line.get_data()
        shared.setdefault(line.get_color(), set()).add(round(end - start, 6))
    assert len(shared) == kernel_size
    assert all(len(tilts) == 1 for tilts in shared.values()), "a shared weight has one place in the window"
    assert {line.get_color() for line in windows.lines} == {GREY}
    assert [text for axes in (dense, windows, convolution) for text in texts(axes)] == ["a", "b", "c"]


def test_the_wires_are_three_layers():
    with pytest.raises(ValueError, match="given 2 captions"):
        cnn_math.connections(8, 3, {"dense": "", "convolution": ""})


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 12),
    kernel_size=st.integers(1, 5),
    strides=st.integers(1, 4),
    padding=st.integers(0, 2),
    dilation_rate=st.integers(1, 3),
)
def test_bars_are_the_positions_and_hatched_cells_those_that_none_reads(
    size, kernel_size, strides, padding, dilation_rate
):
    case = {"size": size, "kernel_size": kernel_size, "strides": strides, "dilation_rate": dilation_rate}
    if dilation_rate * (kernel_size - 1) + 1 > size + 2 * padding:
        with pytest.raises(ValueError, match="does not fit"):
            cnn_math.window_positions([dict(title="case", padding=(padding, padding), **case)])
        return
    (axes,) = cnn_math.window_positions([dict(title="case", padding=(padding, padding), **case)]).axes
    positions = conv_output_size(**case, padding=padding)
    assert len(axes.lines) == positions
    read = {i * strides + j * dilation_rate - padding for i in range(positions) for j in range(kernel_size)}
    hatched = {round(patch.get_x() + 0.46) for patch in axes.patches if patch.get_hatch()}
    assert hatched == set(range(-padding, size + padding)) - read
    heights = {}
    for line in axes.lines:  # bars at one height do not overlap
        heights.setdefault(round(line.get_ydata()[0], 6), []).append(tuple(line.get_xdata()))
    for bars in heights.values():
        bars.sort()
        assert all(before[1] < after[0] for before, after in itertools.pairwise(bars))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2)), min_size=1, max_size=3))
def test_the_cone_has_as_many_cells_as_the_field_and_they_lie_a_jump_apart(layers):
    (axes,) = cnn_math.receptive_cone({"stack": [("layer", *layer) for layer in layers]}).axes
    levels = {}
    for patch in axes.patches:
        if isinstance(patch, Rectangle):
            levels.setdefault(round(patch.get_y() + 0.2), []).append(patch.get_x() + patch.get_width() / 2)
    assert len(levels[0]) == receptive_fields(layers)[-1].size
    assert len(levels[len(layers)]) == 1
    for level, field in enumerate(receptive_fields(layers)):
        assert np.allclose(np.diff(sorted(levels[level])), field.jump)
        assert texts(axes)[level].split()[0] == str(len(levels[level]))
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert [label.splitlines()[-1] for label in labels] == [f"r = {field.size}" for field in receptive_fields(layers)]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"padding": (1.0, 1.0)}, TypeError, r"'case': padding before is 1.0 \(float\); it must be an int"),
        ({"padding": 1}, TypeError, "'case': padding is 1; it must be two ints"),
        ({"padding": None}, TypeError, "'case': padding is None; it must be two ints"),
        ({"padding": (0, -1)}, ValueError, "'case': padding after is -1; it must be at least 0"),
        ({"strides": 0}, ValueError, "'case': strides is 0; it must be at least 1"),
        ({"size": 8.0}, TypeError, "'case': size is 8.0"),
    ],
)
def test_a_case_that_is_not_made_of_whole_numbers_is_named(wrong, error, message):
    with pytest.raises(error, match=message):
        cnn_math.window_positions([{"title": "case", "size": 8, "kernel_size": 3} | wrong])


def test_only_pixels_have_numbers_and_padding_has_none():
    (axes,) = cnn_math.window_positions([dict(title="case", size=4, kernel_size=3, padding=(1, 2))]).axes
    assert texts(axes) == ["0", "1", "2", "3"]


def test_the_dark_pixels_of_an_image_are_the_dark_cells():
    left = cnn_math.convolution_by_hand(IMAGE, KERNEL, np.ones((3, 3)), (1, 0)).axes[0]
    shades = {to_hex(patch.get_facecolor()) for patch in left.patches[:3]}
    assert shades == {cnn_math.DARK.lower()}, "the first three pixels are 1"
    assert to_hex(left.patches[3].get_facecolor()) == PAPER.lower(), "the fourth is 7"


@pytest.mark.parametrize(("layers", "kernel_size"), [(1, 3), (2, 3), (4, 3), (3, 2)])
def test_the_paths_that_are_drawn_are_as_many_as_each_pixel_is_said_to_have(layers, kernel_size):
    counts = np.ones(1, int)
    for _ in range(layers):
        counts = np.convolve(counts, np.ones(kernel_size, int))
    (axes,) = cnn_math.path_counts(counts, kernel_size).axes
    upwards = {}
    for line in axes.lines:
        (x, above), (y, top) = line.get_data()
        assert top == y + 1
        upwards.setdefault((round(x, 6), y), []).append((round(above, 6), top))

    def paths(dot):
        return 1 if dot[1] == layers else sum(map(paths, upwards[dot]))

    assert [paths((pixel, 0)) for pixel in range(len(counts))] == counts.tolist()
    written = {text.get_position()[0]: text.get_text() for text in axes.texts if text.get_position()[1] < 0}
    assert [written[pixel] for pixel in range(len(counts))] == [str(count) for count in counts]


@pytest.mark.parametrize("counts", [[1], [1, 2, 2, 1]])
def test_paths_from_a_row_that_no_layers_of_this_width_see_are_refused(counts):
    with pytest.raises(ValueError, match=f"given {len(counts)} counts; layers of 3 see"):
        cnn_math.path_counts(counts)


def test_the_influence_map_is_framed_at_the_inner_square():
    left = cnn_math.influence(np.eye(7) / 7, 3, [1, 2, 3], [3, 5, 7], [3, 3, 5], {"linear": ([3], [5])}).axes[0]
    frames = [
        patch.get_bbox().bounds for patch in left.patches if isinstance(patch, Rectangle) and not patch.get_fill()
    ]
    assert sorted(frames) == [(-0.5, -0.5, 7, 7), (1.5, 1.5, 3, 3)]


def test_each_normalisation_fills_the_faces_of_the_numbers_that_share_a_mean():
    figure = cnn_math.normalisation_axes(images=3, channels=4, places=5, groups=2)
    filled = {
        axes.get_title(): sum(
            isinstance(patch, Polygon) and to_hex(patch.get_facecolor()) != PAPER.lower() for patch in axes.patches
        )
        for axes in figure.axes
    }
    # visible faces: front (channels x places of image 0), top (channels x images), right (images x places)
    assert filled == {"batch": 5 + 3 + 3 * 5, "layer": 4 * 5 + 4 + 5, "instance": 5 + 1 + 5, "group": 2 * 5 + 2 + 5}


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="4 channels cannot be divided into 3 groups"):
        cnn_math.normalisation_axes(channels=4, groups=3)


def test_shares_of_each_column_add_up_to_a_hundred():
    figure = cnn_math.layer_profile(["a", "b", "c"], {"weights": [1, 1, 2], "work": [0, 300, 100]})
    widths = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert widths == [[25, 25, 50], [0, 75, 25]]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]
    assert figure.axes[0].yaxis_inverted(), "the first layer stands at the top"


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match="column 'work' has 1 values for 2 layers"):
        cnn_math.layer_profile(["a", "b"], {"work": [1]})
