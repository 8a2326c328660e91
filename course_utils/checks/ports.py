"""A small Keras network and a program that is said to be the same, for chapter 13's exercise.

The program keeps its weights as PyTorch does, under PyTorch's names and with PyTorch's axes. It is written in
`keras.ops`, so that it can be asked where PyTorch is not installed; a test holds it against PyTorch where it is. What
it does otherwise than the network stands in `program`; to read it is to skip the last task.
"""

import numpy as np

SIZE = 34  # pixels, of the images here
LAYERS = ("pixels", "conv", "norm", "depthwise", "logits")
_SHAPES = {  # of a state's arrays; None for whatever size
    "conv.weight": (None, 3, None, None),
    "conv.bias": (None,),
    "norm.weight": (None,),
    "norm.bias": (None,),
    "norm.running_mean": (None,),
    "norm.running_var": (None,),
    "depthwise.weight": (None, 1, None, None),
    "depthwise.bias": (None,),
    "dense.weight": (None, None),
    "dense.bias": (None,),
}


def network(seed=0):
    """A network of random weights: two convolutions, batch normalisation, four logits.

    Parameters
    ----------
    seed : int
        Another seed gives other weights.

    Returns
    -------
    keras.Model
        Takes images (batch, 34, 34, 3) with pixels from 0 to 255, red first.
    """
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 127.5, offset=-1, name="pixels"),
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu", name="depthwise"),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(4, name="logits"),
        ],
        name="network",
    )
    rng = np.random.default_rng(seed)
    spread = {"kernel": (-0.5, 0.5), "gamma": (0.5, 1.5), "moving_variance": (0.003, 0.03)}
    model.set_weights([rng.uniform(*spread.get(each.name, (0, 0.3)), each.shape) for each in model.weights])
    return model


def activations(model, images):
    """What each layer of the network gives.

    Parameters
    ----------
    model : keras.Model
        Of `network`.
    images : array, shape (batch, 34, 34, 3)

    Returns
    -------
    dict of str to ndarray
        In the order of the network, channels last.
    """
    from keras import ops

    found, x = {}, np.asarray(images, "float32")
    for layer in model.layers:
        x = layer(x, training=False)
        if layer.name in LAYERS:
            found[layer.name] = ops.convert_to_numpy(x)
    return found


def state_of(model):
    """The network's weights as a colleague has carried them over: names and axes of PyTorch, every value unchanged.

    Returns
    -------
    dict of str to ndarray
        A new one at each call.
    """
    weights = {f"{layer.name}.{each.name}": each for layer in model.layers for each in layer.weights}
    ours = {
        "conv.weight": ("conv.kernel", (3, 2, 0, 1)),
        "conv.bias": ("conv.bias", (0,)),
        "norm.weight": ("norm.gamma", (0,)),
        "norm.bias": ("norm.beta", (0,)),
        "norm.running_mean": ("norm.moving_mean", (0,)),
        "norm.running_var": ("norm.moving_variance", (0,)),
        "depthwise.weight": ("depthwise.kernel", (2, 3, 0, 1)),
        "depthwise.bias": ("depthwise.bias", (0,)),
        "dense.weight": ("logits.kernel", (1, 0)),
        "dense.bias": ("logits.bias", (0,)),
    }
    from keras import ops

    return {
        name: np.ascontiguousarray(ops.convert_to_numpy(weights[key].value).transpose(axes))
        for name, (key, axes) in ours.items()
    }


def program(state, images):
    """What the colleague's program gives at each layer, with the weights of a state.

    Parameters
    ----------
    state : dict of str to ndarray
        As from `state_of`, or tensors of PyTorch. Sizes of kernels are taken from the arrays.
    images : array, shape (batch, 34, 34, 3)
        Pixels from 0 to 255, red first.

    Returns
    -------
    dict of str to ndarray
        In the order of the network, channels first.

    Raises
    ------
    ValueError
        The state lacks an array, or one has a shape with which the program cannot compute.
    """
    from keras import ops

    def convolve(convolution, x, kernel, strides):
        return ops.convert_to_numpy(convolution(x, kernel, strides, "valid", data_format="channels_last"))

    w = arrays_of(state)
    found = {"pixels": np.asarray(images, "float32")[..., ::-1] / np.float32(255)}
    x = convolve(ops.conv, found["pixels"], w["conv.weight"].transpose(2, 3, 1, 0), 1)
    x = found["conv"] = np.maximum(x + w["conv.bias"], 0)
    scale = w["norm.weight"] / np.sqrt(w["norm.running_var"] + np.float32(1e-5))
    x = found["norm"] = (x - w["norm.running_mean"]) * scale + w["norm.bias"]
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = convolve(ops.depthwise_conv, x, w["depthwise.weight"].transpose(2, 3, 0, 1), 2)
    x = found["depthwise"] = np.maximum(x + w["depthwise.bias"], 0)
    found["logits"] = x.mean(axis=(1, 2)) @ w["dense.weight"].T + w["dense.bias"]
    return {name: each.transpose(0, 3, 1, 2) if each.ndim == 4 else each for name, each in found.items()}


def arrays_of(state):
    """The arrays that the program takes from a state, as float32; of PyTorch's tensors and parameters, their values.

    Raises
    ------
    ValueError
        The program cannot compute with them.
    """
    if not isinstance(state, dict):
        raise ValueError(f"A state is a dict of arrays; got a {type(state).__name__}.")
    arrays = {}
    for name, wanted in _SHAPES.items():
        if name not in state:
            raise ValueError(f"The state has no {name!r}; it has {', '.join(map(str, state)) or 'nothing'}.")
        value = state[name]
        arrays[name] = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, "float32")
        shape = arrays[name].shape
        if len(shape) != len(wanted) or any(need not in (None, size) for need, size in zip(wanted, shape, strict=True)):
            axes = ", ".join("any" if need is None else str(need) for need in wanted)
            raise ValueError(f"{name!r} has the shape {shape}; the program needs ({axes}).")
    channels = {name: arrays[name].shape[0] for name in _SHAPES if not name.startswith("dense")}
    channels["dense.weight"] = arrays["dense.weight"].shape[1]
    if len(set(channels.values())) > 1:
        raise ValueError(f"The arrays do not have the same number of channels: {channels}.")
    for name in ("conv.weight", "depthwise.weight"):
        if max(arrays[name].shape[2:]) > SIZE // 2:
            raise ValueError(
                f"{name!r} has the shape {arrays[name].shape}; the kernel is larger than the program allows."
            )
    return arrays
