"""A deep-learning library in NumPy, small enough to be read: layers, losses, optimisers and a model that trains.

Images are arrays (batch, height, width, channels) in float32, and the names are those of Keras. A layer computes its
output (``forward``), and from the gradient of the loss by its output that by its input (``backward``); nothing
differentiates by itself. Read `layers` first, then `convolution` and `sequential`. Taught in chapter 04, A CNN library.

>>> model = Sequential([Conv2D(8, 3), ReLU(), MaxPool2D(2), Flatten(), Linear(10)], input_shape=(28, 28, 1))
>>> model.output_shape
(10,)
"""

from .convolution import Conv2D, MaxPool2D, conv2d_backward, conv2d_forward
from .gradients import check_gradients, numerical_gradient
from .layers import BatchNorm, Dropout, Flatten, Layer, Linear, Parameter, ReLU, Tanh
from .losses import MSE, SoftmaxCrossEntropy
from .optimizers import SGD, Adam, AdamW, Momentum, RMSProp
from .sequential import Sequential

__all__ = [
    "MSE", "SGD", "Adam", "AdamW", "BatchNorm", "Conv2D", "Dropout", "Flatten", "Layer", "Linear", "MaxPool2D",
    "Momentum", "Parameter", "RMSProp", "ReLU", "Sequential", "SoftmaxCrossEntropy", "Tanh", "check_gradients",
    "conv2d_backward", "conv2d_forward", "numerical_gradient",
]  # fmt: skip
