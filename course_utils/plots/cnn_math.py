"""Figures of chapter 03, CNN mathematics: windows, receptive fields, axes of normalisation, costs by layer.

Nothing here computes what a chapter teaches: the functions draw the arrays and sizes that they are given.
"""

import numpy as np

from ..arithmetic.sizes import whole_number
from .style import BLUE, GREEN, GREY, INK, ORANGE, PALETTE, PAPER, SKY, TINT, VERMILION, course_figure

WARM = "#F8E1B8"  # ORANGE on paper, for what is negative
DARK = "#C9CDD1"  # GREY on paper, for the dark pixels of an image


@course_figure
def filter_puzzle(image, kernels, responses, letters="ABC"):
    """Draw an image, what several kernels made of it, and the kernels, without saying which made which.

    Parameters
    ----------
    image : array, shape (H, W)
        The grey image.
    kernels : sequence of three arrays, shape (F, F)
        Numbered from 1 in the figure.
    responses : sequence of three arrays
        The filtered images in the order of ``letters``. All are drawn with one range, symmetric about 0.
    letters : sequence of str
        Names of the filtered images.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There are not three kernels, three responses and three letters.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> import numpy as np
    >>> figure = filter_puzzle(np.eye(6), [np.eye(3)] * 3, [np.eye(4)] * 3)
    >>> [axes.get_title() for axes in figure.axes[:4]]
    ['the image', 'A', 'B', 'C']
    """
    if not len(kernels) == len(responses) == len(letters) == 3:
        raise ValueError(
            f"filter_puzzle draws three of each; given {len(kernels)} kernels, {len(responses)} responses and "
            f"{len(letters)} letters."
        )
    import matplotlib.pyplot as plt

    reach = max(np.percentile(np.abs(response), 99) for response in responses) or 1.0
    figure = plt.figure(figsize=(6.6, 3.75))
    grid = figure.add_gridspec(6, 5)
    places = [grid[:3, :2], grid[:3, 2:4], grid[3:, :2], grid[3:, 2:4]]
    for place, title, picture in zip(places, ["the image", *letters], [image, *responses], strict=True):
        axes = figure.add_subplot(place)
        low, high = (image.min(), image.max()) if title == "the image" else (-reach, reach)
        axes.imshow(picture, cmap="gray", vmin=low, vmax=high)
        axes.set_title(title, fontweight="bold", pad=3)
        axes.set_axis_off()
    for index, kernel in enumerate(kernels):
        axes = figure.add_subplot(grid[2 * index : 2 * index + 2, 4])
        _number_grid(axes, kernel)
        axes.set_title(f"kernel {index + 1}", pad=3)
    return figure


@course_figure
def convolution_by_hand(image, kernel, output, position):
    """Draw a small image, a kernel and the result, with one window and the number that it gives marked.

    Parameters
    ----------
    image : array, shape (H, W)
        Small whole numbers, so that they can be read in the cells.
    kernel : array, shape (F, F)
        Its numbers also stand, small, in the corners of the marked window.
    output : array, shape (H', W')
        The result; NaN, drawn as a question mark, where the reader is to find it.
    position : tuple of int
        Row and column, in ``output``, of the number to mark.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        ``position`` lies outside of ``output``.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> import numpy as np
    >>> figure = convolution_by_hand(np.eye(5), np.ones((3, 3)), np.ones((3, 3)), (0, 2))
    >>> len(figure.axes)
    3
    """
    import matplotlib.pyplot as plt

    row, column = position
    output = np.asarray(output)
    if not (0 <= row < output.shape[0] and 0 <= column < output.shape[1]):
        raise ValueError(f"position {position} lies outside of the output, whose shape is {output.shape}.")
    height, width = np.shape(kernel)
    widths = [np.shape(array)[1] for array in (image, kernel, output)]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(6.6, 2.8), width_ratios=widths)
    _number_grid(left, image, fontsize=12)
    _number_grid(middle, kernel, fontsize=12)
    _number_grid(right, output, fontsize=12)
    for (i, j), weight in np.ndenumerate(np.asarray(kernel)):
        left.text(
            column + j + 0.42, row + i + 0.40, f"×{_short(weight)}", color=VERMILION, fontsize=9,
            ha="right", va="bottom",
        )  # fmt: skip
    _frame(left, column - 0.5, row - 0.5, width, height)
    _frame(right, column - 0.5, row - 0.5, 1, 1)
    for axes, title in ((left, "image"), (middle, "kernel"), (right, "result")):
        axes.set_title(title)
    return figure


@course_figure
def through_all_channels(height=5, width=6, channels=3, kernel_size=3, filters=4, position=(1, 2)):
    """Draw how a filter reads one window of every channel and gives one number, and how filters give maps.

    Parameters
    ----------
    height, width, channels : int
        Size of the input, drawn as one sheet of cells for each channel.
    kernel_size : int
        Height and width of the window, which is filled on every sheet.
    filters : int
        Number of feature maps, drawn as sheets of the sizes that follow without padding.
    position : tuple of int
        Row and column, in the maps, of the number that is marked.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The window does not fit, or ``position`` lies outside of the maps.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> figure = through_all_channels(channels=3, filters=4)
    >>> [text.get_text() for text in figure.axes[0].texts][-2:]
    ['a filter reads 3·3·3 = 27 numbers', 'and writes one']
    """
    rows, columns = height - kernel_size + 1, width - kernel_size + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"a window of {kernel_size} does not fit on {height}x{width} cells.")
    row, column = position
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"position {position} lies outside of the maps, whose shape is {(rows, columns)}.")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Polygon

    across = np.array([0.45, 0.3])  # from one cell of a row to the next: sheets are seen from the side
    down = np.array([0.0, -0.85])
    input_pace = width * across[0] + 0.35
    starts = [np.array([channel * input_pace, 0.0]) for channel in range(channels)]
    first = channels * input_pace + 1.7
    lift = (rows - height) * down[1] / -2  # maps stand at the middle of the input's height
    maps = [np.array([first + index * (columns * across[0] + 0.35), lift]) for index in range(filters)]
    figure, axes = plt.subplots(figsize=(6.6, 3.0))

    def corner(start, i, j):
        return start + i * down + j * across

    def sheet(start, rows, columns, filled, colour):
        for i, j in np.ndindex(rows, columns):
            cell = [corner(start, i + a, j + b) for a, b in ((0, 0), (0, 1), (1, 1), (1, 0))]
            inside = (i, j) in filled
            axes.add_patch(
                Polygon(cell, facecolor=colour if inside else PAPER, edgecolor=INK if inside else GREY, linewidth=0.8)
            )

    window = {(row + a, column + b) for a, b in np.ndindex(kernel_size, kernel_size)}
    for start in starts:
        sheet(start, height, width, window, SKY)
    for index, start in enumerate(maps):
        sheet(start, rows, columns, {(row, column)}, VERMILION if index == 0 else WARM)
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a beam through all windows, which ends in one number
        i, j = row + a * kernel_size, column + b * kernel_size
        path = np.array([*(corner(start, i, j) for start in starts), corner(maps[0], row + a, column + b)])
        axes.plot(*path.T, color=VERMILION, linewidth=1.1, zorder=5)
    for start, name, cells in (
        *((start, f"channel {n}", width) for n, start in enumerate(starts, 1)),
        *((start, f"map {n}", columns) for n, start in enumerate(maps, 1)),
    ):
        axes.text(start[0] + cells * across[0] / 2, height * down[1] - 0.25, name, ha="center", va="top", fontsize=9)
    products = f"{kernel_size}·{kernel_size}·{channels} = {kernel_size * kernel_size * channels}"
    top = width * across[1] + 0.35
    axes.text((channels * input_pace - 0.35) / 2, top, f"a filter reads {products} numbers", ha="center", va="bottom")
    axes.text(maps[0][0], top, "and writes one", color=VERMILION, va="bottom")
    axes.set_xlim(-0.2, maps[-1][0] + columns * across[0] + 0.2)
    axes.set_ylim(height * down[1] - 0.9, top + 0.7)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


@course_figure
def connections(size, kernel_size, captions):
    """Draw which inputs each output reads in a dense layer, in one that reads windows, and in a convolution.

    Lines of one colour are one weight; grey lines are each a weight of their own.

    Parameters
    ----------
    size, kernel_size : int
        Numbers in the row at the bottom, and width of the windows that move over it by one.
    captions : dict of str to str
        Titles of the three layers, in this order, and what to write below each.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There are not three captions.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> figure = connections(8, 3, {"dense": "", "windows": "", "convolution": ""})
    >>> [len(axes.lines) for axes in figure.axes]
    [48, 18, 18]
    """
    if len(captions) != 3:
        raise ValueError(f"connections draws three layers; given {len(captions)} captions.")
    import matplotlib.pyplot as plt

    outputs = size - kernel_size + 1
    shift = (size - outputs) / 2
    windows = [(tap, i + tap, i) for i in range(outputs) for tap in range(kernel_size)]
    wirings = (
        [(None, j, i) for i in range(outputs) for j in range(size)],
        [(None, j, i) for _, j, i in windows],
        windows,
    )
    figure, all_axes = plt.subplots(1, 3, figsize=(6.6, 2.3), sharey=True)
    for axes, (title, caption), wires in zip(all_axes, captions.items(), wirings, strict=True):
        for tap, j, i in wires:
            colour = GREY if tap is None else PALETTE[tap % len(PALETTE)]
            axes.plot([j, i + shift], [0, 1], color=colour, linewidth=0.9 if tap is None else 1.8, zorder=1)
        axes.scatter(np.arange(size), np.zeros(size), s=42, color=TINT, edgecolor=INK, zorder=2)
        axes.scatter(np.arange(outputs) + shift, np.ones(outputs), s=42, color=WARM, edgecolor=INK, zorder=2)
        axes.set_title(title)
        axes.text((size - 1) / 2, -0.25, caption, ha="center", va="top")
        axes.set_ylim(-0.75, 1.15)
        axes.set_axis_off()
    return figure


@course_figure
def window_positions(cases):
    """Draw, in one dimension, every position that a window takes, and the pixels that none of them reads.

    Parameters
    ----------
    cases : sequence of dict
        Drawn below each other, each with ``title``, ``size`` (pixels), ``kernel_size``, and where wanted ``strides``
        (1), ``padding`` (cells before and after, ``(0, 0)``) and ``dilation_rate`` (1).

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        A size, kernel, stride or dilation is no int, or ``padding`` is not two of them.
    ValueError
        In some case the window is wider than the padded row, or a number is too small.

    Notes
    -----
    A bar is a position, its dots are the pixels that it reads; numbered cells are pixels, dashed ones padding, and
    hatched ones are never read.
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> figure = window_positions([dict(title="plain", size=8, kernel_size=3, strides=2)])
    >>> len(figure.axes[0].lines)
    3
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    rows = [_positions(**case) for case in cases]
    left = min(row["cells"].start for row in rows)
    right = max(row["cells"].stop for row in rows)
    heights = [1.5 + 0.42 * row["lanes"] for row in rows]
    figure, all_axes = plt.subplots(
        len(rows), 1, figsize=(min(0.52 * (right - left) + 0.4, 7.2), 0.36 * sum(heights) + 0.3),
        height_ratios=heights, squeeze=False,
    )  # fmt: skip
    for axes, case, row, height in zip(all_axes[:, 0], cases, rows, heights, strict=True):
        for cell in row["cells"]:
            padding = not 0 <= cell < case["size"]
            unread = cell not in row["read"]
            axes.add_patch(
                Rectangle(
                    (cell - 0.46, -0.46), 0.92, 0.92, facecolor=PAPER if padding or unread else TINT,
                    edgecolor=VERMILION if unread and not padding else GREY, linestyle="--" if padding else "-",
                    hatch="////" if unread else None, linewidth=1.0,
                )
            )  # fmt: skip
            if padding:
                continue  # without a number, or its 0 would be taken for the number of a pixel
            backing = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8} if unread else None
            axes.text(cell, 0, str(cell), ha="center", va="center", color=INK, fontsize=9, bbox=backing)
        for index, taps in enumerate(row["windows"]):
            y = -0.85 - 0.42 * (index % row["lanes"])
            colour = PALETTE[index % 4]
            axes.plot([taps[0], taps[-1]], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
            axes.scatter(taps, [y] * len(taps), color=colour, s=26, zorder=3)
        axes.set_title(case["title"], loc="left", pad=2)
        axes.set_xlim(left - 0.7, right - 0.3)
        axes.set_ylim(0.6 - height, 0.6)
        axes.set_axis_off()
    return figure


@course_figure
def receptive_cone(stacks):
    """Draw stacks of layers from the side, with the cells that one number of the last layer depends on.

    Beside each level stand the number of those cells and, at the left, the receptive field ``r`` of one of them.

    Parameters
    ----------
    stacks : dict of str to sequence of tuple
        For each stack its title and its layers from the input on: ``(label, kernel_size, strides)``.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> figure = receptive_cone({"two": [("conv 3", 3, 1), ("conv 3", 3, 1)]})
    >>> len(figure.axes)
    1
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Polygon, Rectangle

    figure, all_axes = plt.subplots(1, len(stacks), figsize=(3.4 * len(stacks), 3.0), squeeze=False, sharex=True)
    for axes, (title, layers) in zip(all_axes[0], stacks.items(), strict=True):
        widths = [1]  # how many cells of each level are in the field, from the top down
        for _, kernel_size, strides in reversed(layers):
            widths.append((widths[-1] - 1) * strides + kernel_size)
        widths = widths[::-1]
        field, jump, labels, spans = 1, 1, ["input\nr = 1"], []
        for level, width in enumerate(widths):
            if level:
                label, kernel_size, strides = layers[level - 1]
                field += (kernel_size - 1) * jump
                jump *= strides
                labels.append(f"{label}\nr = {field}")
            offsets = (np.arange(width) - (width - 1) / 2) * jump
            half = jump / 2 - 0.08  # a cell is as wide as the step to its neighbour
            spans.append((offsets[0] - half, offsets[-1] + half))
            for offset in offsets:
                axes.add_patch(
                    Rectangle(
                        (offset - half, level - 0.2), 2 * half, 0.4, facecolor=TINT, edgecolor=BLUE, linewidth=1.2
                    )
                )
            axes.text(spans[-1][1] + 0.25, level, _cells(width), va="center", fontsize=9, color=INK)
        for level in range(len(layers)):
            (a, b), (c, d) = spans[level], spans[level + 1]
            corners = [(a, level + 0.2), (b, level + 0.2), (d, level + 0.8), (c, level + 0.8)]
            axes.add_patch(Polygon(corners, facecolor=ORANGE, alpha=0.22, edgecolor="none", zorder=0))
        axes.set_title(title)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xlabel("position in the input (pixels)")
        axes.set_ylim(-0.5, len(layers) + 0.5)
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="y", length=0)
    reach = max(abs(value) for axes in all_axes[0] for value in axes.dataLim.intervalx)
    for axes in all_axes[0]:
        axes.set_xlim(-reach - 0.6, reach + 2.8)
    return figure


@course_figure
def path_counts(counts, kernel_size=3):
    """Draw all paths from a row of pixels, through layers of one width, to one number of the last layer.

    Parameters
    ----------
    counts : sequence of int
        The number of paths from each pixel, written below it. There are as many pixels as the layers' receptive field
        is wide: ``layers * (kernel_size - 1) + 1``.
    kernel_size : int
        Width of every layer; 2 or more.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        No number of layers has a receptive field of that width.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> figure = path_counts([1, 2, 3, 2, 1])
    >>> len(figure.axes[0].lines)
    12
    """
    layers, rest = divmod(len(counts) - 1, kernel_size - 1)
    if rest or layers < 1:
        raise ValueError(
            f"path_counts was given {len(counts)} counts; layers of {kernel_size} see 1 + {kernel_size - 1} pixels, or "
            f"1 + 2 * {kernel_size - 1}, and so on."
        )
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.0, 0.75 * layers + 0.9))
    width = len(counts)
    for level in range(layers + 1):
        cells = width - level * (kernel_size - 1)
        places = np.arange(cells) + (width - cells) / 2
        if level:
            for place in places:
                for tap in range(kernel_size):
                    below = place + tap - (kernel_size - 1) / 2
                    axes.plot([below, place], [level - 1, level], color=GREY, linewidth=1.2, zorder=1)
        axes.scatter(places, np.full(cells, level), s=60, color=WARM if level else TINT, edgecolor=INK, zorder=2)
        name = f"layer {level}" if level else "pixels"
        axes.text(-0.7, level, name, ha="right", va="center")
    for place, count in enumerate(counts):
        axes.text(place, -0.35, str(count), ha="center", va="top")
    axes.text(-0.7, -0.35, "paths to the top", ha="right", va="top")
    axes.set_xlim(-2.4, width - 0.5)
    axes.set_ylim(-0.85, layers + 0.25)
    axes.set_axis_off()
    return figure


@course_figure
def influence(measured, inner, depths, computed, predicted, points):
    """Draw the squared influence of each pixel on one number of the last layer, and how its width grows with depth.

    Parameters
    ----------
    measured : array, shape (R, R)
        Share of each pixel of the receptive field in the squared influence; sums to 1.
    inner : float
        Side of the centred square to frame, in pixels: the part that holds 95 % of the squared influence.
    depths : sequence of int
        Numbers of layers.
    computed, predicted : sequence of float
        At each depth the width of the receptive field, and the predicted width of the part that holds 95 %.
    points : dict of str to tuple
        For each kind of network the depths and the widths that were measured.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 03, CNN mathematics. After Luo et al. (2016).

    Examples
    --------
    >>> import numpy as np
    >>> figure = influence(np.full((5, 5), 0.04), 5, [1, 2], [3, 5], [3, 5], {"linear": ([2], [5])})
    >>> figure.axes[1].get_xlabel()
    'number of 3×3 layers'
    """
    import matplotlib.pyplot as plt

    side = len(measured)
    centre = (side - 1) / 2
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 3.2), width_ratios=(1, 1.15))
    picture = left.imshow(100 * np.asarray(measured), cmap="cividis")
    _frame(left, -0.5, -0.5, side, side, colour=ORANGE)
    _frame(left, centre - inner / 2, centre - inner / 2, inner, inner, colour="white", linestyle="--")
    left.set_title(f"influence of {side}×{side} pixels")
    left.set_xlabel("column")
    left.set_ylabel("row")
    for spine in left.spines.values():
        spine.set_visible(False)
    figure.colorbar(picture, ax=left, label="share of the squared influence (%)", shrink=0.8)

    right.plot(depths, computed, color=ORANGE, linewidth=2)
    right.plot(depths, predicted, color=BLUE, linewidth=2, linestyle="--")
    for (label, (xs, ys)), marker, colour in zip(points.items(), "os^", (INK, GREEN, VERMILION), strict=False):
        right.plot(xs, ys, marker, color=colour, fillstyle="none" if marker == "o" else "full",
                   markersize=9 if marker == "o" else 4.5, markeredgewidth=1.5, label=label)  # fmt: skip
    right.text(depths[-1], computed[-1], "all that can matter ", color=INK, ha="right", va="bottom", rotation=0)
    label = "95 % of the squared\ninfluence, predicted"
    right.text(depths[-1], predicted[-1] * 0.62, label, color=INK, ha="right", va="top")
    right.set_xlabel("number of 3×3 layers")
    right.set_ylabel("width (pixels)")
    right.set_ylim(0, max(computed) * 1.12)
    right.legend(loc="upper left", title="measured", alignment="left", handletextpad=0.3)
    return figure


@course_figure
def normalisation_axes(images=4, channels=4, places=4, groups=2):
    """Draw which numbers of a batch share one mean in batch, layer, instance and group normalisation.

    Parameters
    ----------
    images, channels, places : int
        Cells of the block along its three axes: images of the batch, channels, and places (height and width as one).
    groups : int
        Number of groups of channels; divides ``channels``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        ``groups`` does not divide ``channels``.

    Notes
    -----
    Taught in chapter 03, CNN mathematics. The arrangement is that of Wu and He (2018), figure 2.

    Examples
    --------
    >>> [axes.get_title() for axes in normalisation_axes().axes]
    ['batch', 'layer', 'instance', 'group']
    """
    if channels % groups:
        raise ValueError(f"{channels} channels cannot be divided into {groups} groups of one size.")
    import matplotlib.pyplot as plt

    last, members = channels - 1, channels // groups
    chosen = {
        "batch": lambda n, c: c == last,
        "layer": lambda n, c: n == 0,
        "instance": lambda n, c: n == 0 and c == last,
        "group": lambda n, c: n == 0 and c > last - members,
    }
    figure, all_axes = plt.subplots(2, 2, figsize=(5.6, 4.6))
    for axes, (title, member) in zip(all_axes.flat, chosen.items(), strict=True):
        _block(axes, images, channels, places, member)
        axes.set_title(title, fontweight="bold")
    return figure


@course_figure
def layer_profile(names, columns):
    """Draw, for each layer of a network, its share of several totals, as bars side by side.

    Parameters
    ----------
    names : sequence of str
        The layers from the input on; drawn from top to bottom.
    columns : dict of str to sequence of float
        For each quantity its title and its value in each layer, in any unit; drawn as a share of their sum, in %,
        each quantity on a scale of its own.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        A column has another length than ``names``.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> figure = layer_profile(["conv", "dense"], {"weights": [1, 3], "seconds": [1, 1]})
    >>> [axes.get_title() for axes in figure.axes]
    ['weights', 'seconds']
    """
    for title, values in columns.items():
        if len(values) != len(names):
            raise ValueError(f"column {title!r} has {len(values)} values for {len(names)} layers.")
    import matplotlib.pyplot as plt

    figure, all_axes = plt.subplots(
        1, len(columns), figsize=(6.5, 0.185 * len(names) + 0.9), sharey=True, squeeze=False
    )
    for axes, colour, (title, values) in zip(all_axes[0], PALETTE, columns.items(), strict=False):
        shares = 100 * np.asarray(values, float) / np.sum(values)
        bars = axes.barh(range(len(names)), shares, color=colour, height=0.72)
        axes.bar_label(bars, [f"{share:.0f}" if share >= 1 else "" for share in shares], fontsize=9, padding=2)
        axes.set_title(title)
        axes.set_xlabel("share (%)")
        axes.set_xlim(0, max(shares) * 1.25)
    all_axes[0, 0].set_yticks(range(len(names)), names)
    all_axes[0, 0].set_ylim(len(names) - 0.4, -0.6)  # the first layer at the top
    return figure


def _number_grid(axes, values, fontsize=10):
    """Draw a matrix as cells with their numbers."""
    values = np.asarray(values)
    rows, columns = values.shape
    signed = np.nanmin(values) < 0  # then colour tells the signs apart, else grey the small numbers, as in an image
    for (i, j), value in np.ndenumerate(values):
        if signed:
            colour = TINT if value > 0 else WARM if value < 0 else PAPER
        else:
            colour = DARK if value < np.nanmax(values) / 2 else PAPER
        axes.add_patch(_cell(j, i, colour))
        axes.text(j, i, _short(value), ha="center", va="center", fontsize=fontsize)
    axes.set_xlim(-0.58, columns - 0.42)
    axes.set_ylim(rows - 0.42, -0.58)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _cells(count):
    return "1 cell" if count == 1 else f"{count} cells"


def _cell(x, y, colour):
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor=GREY, linewidth=0.8)


def _frame(axes, x, y, width, height, colour=VERMILION, linestyle="-"):
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (x, y), width, height, fill=False, edgecolor=colour, linewidth=2.4, linestyle=linestyle, clip_on=False,
            zorder=5,
        )
    )  # fmt: skip


def _short(value):
    """A number as it is written by hand: no needless decimals, a true minus sign, a question mark for NaN."""
    return "?" if np.isnan(value) else f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _positions(title, size, kernel_size, strides=1, padding=(0, 0), dilation_rate=1):
    """The windows of one case of `window_positions`: cells, taps of each window, cells that are read."""
    try:
        before, after = padding
    except (TypeError, ValueError):
        raise TypeError(f"{title!r}: padding is {padding!r}; it must be two ints, cells before and after.") from None
    for name, value, at_least in (
        ("size", size, 1), ("kernel_size", kernel_size, 1), ("strides", strides, 1),
        ("dilation_rate", dilation_rate, 1), ("padding before", before, 0), ("padding after", after, 0),
    ):  # fmt: skip
        whole_number(f"{title!r}: {name}", value, at_least)
    reach = (kernel_size - 1) * dilation_rate + 1
    if reach > size + before + after:
        raise ValueError(
            f"{title!r}: a window that reaches over {reach} cells does not fit into {size} pixels with a padding of "
            f"{before} and {after}."
        )
    starts = range(-before, size + after - reach + 1, strides)
    windows = [[start + tap * dilation_rate for tap in range(kernel_size)] for start in starts]
    return {
        "cells": range(-before, size + after),
        "windows": windows,
        "read": {cell for taps in windows for cell in taps},
        "lanes": min(-(-reach // strides), len(windows)),  # bars that would overlap go to different heights
    }


def _block(axes, images, channels, places, member):
    """Draw a block of cells from the front, the right and above; ``member(n, c)`` says which are filled."""
    from matplotlib.patches import Polygon

    slant = np.array([0.42, 0.36])  # one step into the page

    def corner(n, c, p):
        return np.array([c, p]) + n * slant

    def face(corners, filled, shade):
        colour = shade if filled else PAPER
        axes.add_patch(Polygon(corners, facecolor=colour, edgecolor=INK if filled else GREY, linewidth=0.8,
                               zorder=2 if filled else 1))  # fmt: skip

    for c in range(channels):
        for p in range(places):  # the front: the first image
            face([corner(0, c + i, p + j) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))], member(0, c), BLUE)
        for n in range(images):  # the top
            steps = ((0, 0), (0, 1), (1, 1), (1, 0))
            face([corner(n + i, c + j, places) for i, j in steps], member(n, c), "#4C9CCB")
    for n in range(images):
        for p in range(places):  # the right: the last channel
            steps = ((0, 0), (1, 0), (1, 1), (0, 1))
            face([corner(n + i, channels, p + j) for i, j in steps], member(n, channels - 1), "#00507F")
    axes.text(channels / 2, -0.22, "channels", ha="center", va="top")
    axes.text(-0.22, places / 2, "places", ha="right", va="center", rotation=90)
    x, y = corner(images / 2, channels, 0)
    axes.text(x + 0.25, y - 0.1, "images", ha="left", va="top")
    axes.set_xlim(-0.8, channels + images * slant[0] + 0.6)
    axes.set_ylim(-0.9, places + images * slant[1] + 0.15)
    axes.set_aspect("equal")
    axes.set_axis_off()
