"""Networks of the course in plain PyTorch, and weights carried between them and Keras.

PyTorch is imported when a function needs it, so this module can be imported without it. Every network takes float
images with their channels first, (batch, channels, height, width), and gives one logit a class: PyTorch's loss takes
logits.
"""

import numpy as np


def convnet(classes=10, norm=None):
    """Chapter 04's convnet: two 5x5 convolutions, each with pooling and batch normalisation; 68,010 weights.

    Parameters
    ----------
    classes : int
    norm : dict, optional
        Arguments of the batch normalisation; by default those with which it equals the chapter's, whose momentum is
        0.9.

    Returns
    -------
    torch.nn.Sequential
        For images of 32 by 32 pixels. Layers have the names of `keras_convnet`'s.

    Notes
    -----
    Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> sum(weight.numel() for weight in convnet().parameters())  # doctest: +SKIP
    68010
    """
    from torch import nn

    norm = {"eps": 1e-3, "momentum": 0.1} if norm is None else norm
    return _named(
        conv1=nn.Conv2d(3, 16, 5, padding=2),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        norm1=nn.BatchNorm2d(16, **norm),
        conv2=nn.Conv2d(16, 64, 5, padding=2),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        norm2=nn.BatchNorm2d(64, **norm),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(0.5),
        dense=nn.Linear(64 * 8 * 8, classes),
    )


def larger_convnet(classes=10, widths=(32, 64, 128)):
    """Two 3x3 convolutions a block with batch normalisation, then the mean of each map; 288,746 weights.

    Parameters
    ----------
    classes : int
    widths : sequence of int
        Filters of both convolutions of each block.

    Returns
    -------
    torch.nn.Sequential
        For images of any size.

    Notes
    -----
    Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> larger_convnet(widths=(8,))(torch.zeros(2, 3, 32, 32)).shape  # doctest: +SKIP
    torch.Size([2, 10])
    """
    from torch import nn

    layers, channels = {}, 3
    for block, width in enumerate(widths, start=1):
        for number in (1, 2):
            layers[f"conv{block}_{number}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            layers[f"norm{block}_{number}"] = nn.BatchNorm2d(width)
            layers[f"relu{block}_{number}"] = nn.ReLU()
            channels = width
        if block < len(widths):
            layers[f"pool{block}"] = nn.MaxPool2d(2)
    layers |= {"average": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "dense": nn.Linear(channels, classes)}
    return _named(**layers)


def vgg16(include_top=True, classes=1000, narrower=1):
    """VGG16 in plain PyTorch: 138,357,544 weights.

    Parameters
    ----------
    include_top : bool
        With the three dense layers, for images of 224 by 224 pixels; or up to the last feature maps.
    classes : int
    narrower : int
        Divides every convolution's filters: 8 for the course's small VGG.

    Returns
    -------
    torch.nn.Sequential
        Layers have the names of `course_utils.models.vgg16`'s. Unlike that one it has no preprocessing: it takes blue,
        green, red minus their means.

    Notes
    -----
    Simonyan and Zisserman (2015), configuration D. Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> sum(weight.numel() for weight in vgg16().parameters())  # doctest: +SKIP
    138357544
    """
    from torch import nn

    layers, channels = {}, 3
    for block, (width, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for number in range(1, depth + 1):
            layers[f"block{block}_conv{number}"] = nn.Conv2d(channels, width // narrower, 3, padding=1)
            layers[f"block{block}_relu{number}"] = nn.ReLU()
            channels = width // narrower
        layers[f"block{block}_pool"] = nn.MaxPool2d(2)
    if include_top:
        layers |= {
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(channels * 7 * 7, 4096),
            "relu1": nn.ReLU(),
            "dropout1": nn.Dropout(0.5),
            "fc2": nn.Linear(4096, 4096),
            "relu2": nn.ReLU(),
            "dropout2": nn.Dropout(0.5),
            "predictions": nn.Linear(4096, classes),
        }
    return _named(**layers)


def _named(**layers):
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(layers))


# -------------------------------------------------------------------------------------------------- weights to and fro


def carry_to_torch(model, module):
    """Copy the weights of a Keras model into a PyTorch module whose layers have the same names.

    Kernels of convolutions and dense layers change the order of their axes. The rows of the first dense layer after a
    `Flatten` are sorted anew too: Keras writes the maps row by row, PyTorch channel by channel.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, its weights in Conv2D, Dense and BatchNormalization layers.
    module : torch.nn.Module
        Changed in place; `get_submodule` finds its layers under the names of the model's.

    Raises
    ------
    ValueError
        A layer with weights has no counterpart, or one of another shape.

    Notes
    -----
    Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> carry_to_torch(keras_model, module)  # doctest: +SKIP
    """
    import torch

    with torch.no_grad():
        for tensor, array, _ in _pairs(model, module):
            tensor.copy_(torch.from_numpy(array))


def carry_to_keras(module, model):
    """Copy the weights of a PyTorch module into a Keras model whose layers have the same names.

    Parameters
    ----------
    module : torch.nn.Module
    model : keras.Model
        Changed in place.

    Raises
    ------
    ValueError
        A layer with weights has no counterpart, or one of another shape.

    Notes
    -----
    The way back of `carry_to_torch`. Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> carry_to_keras(module, keras_model)  # doctest: +SKIP
    """
    for tensor, _, assign in _pairs(model, module):
        assign(tensor.detach().cpu().numpy())


def _pairs(model, module):
    """(tensor of PyTorch, what it is to hold, how to give an array of its shape back to Keras) for each weight."""
    import keras

    for layer in model.layers:
        if not layer.weights:
            continue
        try:
            other = module.get_submodule(layer.name)
        except AttributeError:
            names = ", ".join(name for name, _ in module.named_children())
            raise ValueError(f"The module has no layer {layer.name!r}; it has {names}.") from None
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = {"weight": layer.gamma, "bias": layer.beta}
            parts |= {"running_mean": layer.moving_mean, "running_var": layer.moving_variance}
            ways = {name: (variable, (0,), None) for name, variable in parts.items() if variable is not None}
        elif isinstance(layer, keras.layers.Conv2D):
            ways = {"weight": (layer.kernel, (3, 2, 0, 1), None)}
        elif isinstance(layer, keras.layers.Dense):
            ways = {"weight": (layer.kernel, (1, 0), _maps_before(model, layer))}
        else:
            raise ValueError(
                f"{layer.name!r} is a {type(layer).__name__}; only Conv2D, Dense and BatchNormalization here."
            )
        if getattr(layer, "bias", None) is not None:
            ways["bias"] = (layer.bias, (0,), None)
        for name, (variable, axes, maps) in ways.items():
            tensor = getattr(other, name, None)
            array = _to_torch(keras.ops.convert_to_numpy(variable), axes, maps)
            if tensor is None or tuple(tensor.shape) != array.shape:
                found = None if tensor is None else tuple(tensor.shape)
                raise ValueError(
                    f"{layer.name}.{name} has shape {found} in PyTorch; Keras' weight gives {array.shape}."
                )

            def assign(given, variable=variable, axes=axes, maps=maps):
                variable.assign(_to_keras(given, axes, maps))

            yield tensor, array, assign


def _to_torch(array, axes, maps):
    if maps:  # (height, width, channels) of what is flattened
        array = array.reshape(*maps, -1).transpose(2, 0, 1, 3).reshape(array.shape)
    return np.ascontiguousarray(array.transpose(axes))


def _to_keras(array, axes, maps):
    array = array.transpose(np.argsort(axes))
    if maps:
        height, width, channels = maps
        array = array.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(array.shape)
    return array


def _maps_before(model, dense):
    """The shape of the feature maps whose numbers a dense layer takes in a row; None where it takes no maps."""
    import keras

    through = (keras.layers.Dropout, keras.layers.Activation, keras.layers.ReLU)
    tensor = dense.input
    while True:
        layer = tensor._keras_history.operation
        if isinstance(layer, keras.layers.Flatten):
            return tuple(layer.input.shape[1:]) if len(layer.input.shape) == 4 else None
        if not isinstance(layer, through):
            return None
        tensor = layer.input
