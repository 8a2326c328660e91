"""Figures of chapter 11: blocks of layers, drawn from the models that they are."""

from .style import GREY, INK, TINT, VERMILION, course_figure

# Light enough for text in ink: a convolution that looks at neighbours, one of 1 by 1, one of each channel alone.
WIDE, POINT, DEPTHWISE = "#9CC4E0", TINT, "#F5DCA8"

_MERGES = {"Add": "+", "Multiply": "×", "Concatenate": "side by side"}
_NORMS = {
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "GroupNormalization": "group norm",
}


@course_figure
def block_diagrams(blocks, notes=None):
    """Blocks side by side, each drawn from a Keras model: a box a layer, wider with more channels.

    They are read downwards. A way past other layers, such as a shortcut, is a line on the right. dw is depthwise.

    Parameters
    ----------
    blocks : dict of str to keras.Model
        Title of a block to a functional model with one input and one output.
    notes : dict of str to str, optional
        A line under the block of this title.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is no block, or a note has no block.

    Notes
    -----
    Taught in chapter 11, Modern blocks.

    Examples
    --------
    >>> import keras
    >>> x = keras.Input((8, 8, 16))
    >>> y = keras.layers.Conv2D(16, 3, padding="same")(x)
    >>> figure = block_diagrams({"residual": keras.Model(x, keras.layers.Add()([x, y]))})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['16', '3×3, 16', '+']
    """
    import matplotlib.pyplot as plt

    unknown = sorted(set(notes or {}) - set(blocks))
    if not blocks or unknown:
        raise ValueError(f"block_diagrams: {len(blocks)} blocks and notes on {unknown}; give a block for each note.")
    drawn = {title: _layout(model) for title, model in blocks.items()}
    rows = max(max(place[1] for place in places.values()) for _, places, _ in drawn.values()) + 1
    widths = [max(1, len({place[0] for place in places.values()})) for _, places, _ in drawn.values()]
    figure, axes = plt.subplots(
        1, len(blocks), figsize=(sum(1.45 + 1.0 * (width - 1) for width in widths) + 0.2, 0.42 * rows + 0.9),
        squeeze=False, gridspec_kw={"width_ratios": [1.45 + 1.0 * (width - 1) for width in widths]},
    )  # fmt: skip
    most = max(layer.output.shape[-1] for model in blocks.values() for layer in model.layers)
    for axis, (title, (layers, places, edges)) in zip(axes[0], drawn.items(), strict=True):
        for source, target in edges:
            _line(axis, places[source], places[target], rows)
        for name, layer in layers.items():
            _box(axis, layer, places[name], most)
        across = [place[0] for place in places.values()]
        axis.set(xlim=(min(across) - 0.78, max(across) + 0.78), ylim=(rows - 0.4, -0.6))
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
        if notes and title in notes:
            axis.text(0.5, -0.01, notes[title], transform=axis.transAxes, ha="center", va="top", fontsize=8, color=INK)
    return figure


def _sources(layer):
    """Names of the layers that a layer's config says it is called on."""

    def found(value):
        if isinstance(value, dict):
            if "keras_history" in value:
                return [value["keras_history"][0]]
            value = list(value.values())
        return [name for each in value for name in found(each)] if isinstance(value, list | tuple) else []

    return found(layer["inbound_nodes"])


def _layout(model):
    """Layers by name, where each is drawn (across, downwards), and the connections."""
    sources = {layer["name"]: _sources(layer) for layer in model.get_config()["layers"]}
    layers = {layer.name: layer for layer in model.layers}
    level = {}
    for name in sources:  # Keras lists a layer behind those it is called on
        level[name] = 1 + max((level[each] for each in sources[name]), default=-1)
    across = {}
    for row in range(max(level.values()) + 1):
        names = [name for name in sources if level[name] == row]
        above = {name: across[sources[name][0]] if len(sources[name]) == 1 else 0.0 for name in names}
        if len(set(above.values())) < len(names):  # here the way divides
            above = {name: 1.15 * (place - (len(names) - 1) / 2) for place, name in enumerate(names)}
        across |= above
    edges = [(source, name) for name in sources for source in sources[name]]
    return layers, {name: (across[name], level[name]) for name in sources}, edges


def _line(axis, start, end, most):
    """A straight line to the next layer or another column; past layers in between, along the right side."""
    (x0, y0), (x1, y1) = start, end
    if y1 - y0 > 1.5 and x0 == x1:
        side = x0 + 0.6 + 0.12 * (y1 - y0) / most  # so that the longer of two does not cover the shorter
        axis.plot(
            [x0, side, side, x1], [y0 + 0.32, y0 + 0.32, y1 - 0.02, y1 - 0.02], color=VERMILION, linewidth=1.6, zorder=1
        )
    else:
        axis.plot([x0, x1], [y0 + 0.2, y1 - 0.2], color=GREY, linewidth=1, zorder=1)


def _square(size):
    return "×".join(map(str, size))


def _described(layer):
    """What stands in the box of a layer, and its colour."""
    kind = type(layer).__name__
    channels = layer.output.shape[-1]
    if kind == "InputLayer":
        return str(channels), "none"
    if kind in _MERGES:
        return _MERGES[kind], "none"
    if kind == "DepthwiseConv2D":
        return f"{_square(layer.kernel_size)} dw", DEPTHWISE
    if kind == "SeparableConv2D":
        return f"{_square(layer.kernel_size)} sep., {channels}", DEPTHWISE
    if kind == "Conv2D":
        return f"{_square(layer.kernel_size)}, {channels}", WIDE if max(layer.kernel_size) > 1 else POINT
    if kind == "Dense":
        return f"dense, {channels}", POINT
    if kind in _NORMS:
        return _NORMS[kind], "none"
    if kind == "GlobalAveragePooling2D":
        return "mean", "none"
    if "Pooling" in kind:
        return f"{'max' if kind.startswith('Max') else 'mean'} {_square(layer.pool_size)}", "none"
    if kind == "Activation":
        return {"relu": "ReLU", "gelu": "GELU"}.get(layer.activation.__name__, layer.activation.__name__), "none"
    return kind, "none"


def _box(axis, layer, place, most):
    import matplotlib.pyplot as plt

    text, color = _described(layer)
    x, y = place
    if color != "none":
        width = 0.58 + 0.5 * layer.output.shape[-1] / most
        axis.add_patch(
            plt.Rectangle(
                (x - width / 2, y - 0.36), width, 0.72, facecolor=color, edgecolor=INK, linewidth=0.8, zorder=2
            )
        )
    axis.text(
        x, y, text, ha="center", va="center", fontsize=8 if color != "none" else 7.5, color=INK, zorder=3,
        bbox=None if color != "none" else {"facecolor": axis.get_facecolor(), "edgecolor": "none", "pad": 1},
    )  # fmt: skip
