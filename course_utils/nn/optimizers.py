"""Optimisers: how parameters follow their gradients. Each is one rule, applied to each parameter by itself."""

import math
from dataclasses import dataclass, field

import numpy as np

from .layers import check_number


@dataclass(eq=False)
class Optimizer:
    """What optimisers share: a learning rate, and a memory for each parameter. `update` is the rule.

    Raises
    ------
    TypeError, ValueError
        The learning rate is not 0 or larger, a share that a step keeps not from 0 to below 1, or epsilon not above 0.
    """

    learning_rate: float = 0.01
    memory: dict = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        check_number("learning_rate", self.learning_rate, 0)
        for share in ("momentum", "rho", "beta_1", "beta_2"):  # those that the rule at hand has
            if hasattr(self, share):
                check_number(share, getattr(self, share), 0, 1)
        if hasattr(self, "epsilon"):
            check_number("epsilon", self.epsilon, 0, low_too=False)

    def step(self, parameters):
        """Change each parameter's value, in place, by its gradient."""
        for parameter in parameters:
            if parameter.gradient is None:
                raise RuntimeError(f"{parameter.name} has no gradient; call backward before step.")
            parameter.check()
            if parameter not in self.memory:
                self.memory[parameter] = self.start(parameter.value)
            self.update(parameter.value, parameter.gradient, self.memory[parameter])

    def start(self, value):
        """The memory of a parameter before its first step."""
        return {}


@dataclass(eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient.

    Parameters
    ----------
    learning_rate : float
        Length of the step as a multiple of the gradient.

    Notes
    -----
    Source: Robbins and Monro (1951), A stochastic approximation method. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Parameter
    >>> weight = Parameter("kernel", np.array([1.0]), gradient=np.array([2.0]))
    >>> SGD(learning_rate=0.1).step([weight])
    >>> weight.value
    array([0.8])
    """

    def update(self, value, gradient, memory):
        value -= self.learning_rate * gradient


@dataclass(eq=False)
class Momentum(Optimizer):
    """A velocity gathers the gradients, and each step forgets a part of it: ``v = momentum * v - rate * gradient``.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        Share of the velocity that a step keeps, from 0 to below 1.

    Notes
    -----
    Source: Polyak (1964), Some methods of speeding up the convergence of iteration methods. Keras:
    ``SGD(momentum=...)``. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Parameter
    >>> weight = Parameter("kernel", np.array([1.0]), gradient=np.array([2.0]))
    >>> optimizer = Momentum(learning_rate=0.1)
    >>> for _ in range(2):
    ...     optimizer.step([weight])
    >>> weight.value.round(4)  # 1 - 0.2 - (0.2 + 0.18)
    array([0.42])
    """

    momentum: float = 0.9

    def start(self, value):
        return {"velocity": np.zeros_like(value)}

    def update(self, value, gradient, memory):
        velocity = memory["velocity"]
        velocity *= self.momentum
        velocity -= self.learning_rate * gradient
        value += velocity


@dataclass(eq=False)
class RMSProp(Optimizer):
    """Divide the gradient by its usual size: the root of a moving average of its squares.

    Parameters
    ----------
    learning_rate : float
        About the size of a step, whatever the gradient's is.
    rho : float
        Share of the old average that a step keeps.
    epsilon : float
        Added to the average, under the root.

    Notes
    -----
    Source: Tieleman and Hinton (2012), Lecture 6.5, Neural networks for machine learning. Where epsilon stands, and
    its value, are as in Keras' ``RMSprop``. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Parameter
    >>> weight = Parameter("kernel", np.array([1.0, 1.0]), gradient=np.array([2.0, 200.0]))
    >>> RMSProp(learning_rate=0.1).step([weight])
    >>> weight.value.round(4)
    array([0.6838, 0.6838])
    """

    learning_rate: float = 1e-3
    rho: float = 0.9
    epsilon: float = 1e-7

    def start(self, value):
        return {"square": np.zeros_like(value)}

    def update(self, value, gradient, memory):
        square = memory["square"]
        square += (1 - self.rho) * (gradient * gradient - square)
        value -= self.learning_rate * gradient / np.sqrt(square + self.epsilon)


@dataclass(eq=False)
class Adam(Optimizer):
    """Momentum and RMSProp together, both corrected for having started at zero.

    Parameters
    ----------
    learning_rate : float
        About the size of a step, whatever the gradient's is.
    beta_1, beta_2 : float
        Share of the old average that a step keeps, of the gradient and of its square.
    epsilon : float
        Added to the root.

    Notes
    -----
    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization; in the order of computation of the end of
    section 2, as in Keras. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Parameter
    >>> weight = Parameter("kernel", np.array([1.0, 1.0]), gradient=np.array([2.0, 200.0]))
    >>> Adam(learning_rate=0.1).step([weight])
    >>> weight.value.round(4)
    array([0.9, 0.9])
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def start(self, value):
        return {"steps": 0, "mean": np.zeros_like(value), "square": np.zeros_like(value)}

    def update(self, value, gradient, memory):
        memory["steps"] += 1
        mean, square, steps = memory["mean"], memory["square"], memory["steps"]
        mean += (1 - self.beta_1) * (gradient - mean)
        square += (1 - self.beta_2) * (gradient * gradient - square)
        rate = self.learning_rate * math.sqrt(1 - self.beta_2**steps) / (1 - self.beta_1**steps)
        value -= rate * mean / (np.sqrt(square) + self.epsilon)


@dataclass(eq=False)
class AdamW(Adam):
    """Adam, and beside its step every value shrinks by the share ``learning_rate * weight_decay``.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon : float
        As for `Adam`.
    weight_decay : float
        At least 0.

    Notes
    -----
    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2; the default is that of
    Keras. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Parameter
    >>> weight = Parameter("kernel", np.array([1.0, 1.0]), gradient=np.array([0.0, 200.0]))
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).step([weight])
    >>> weight.value.round(4)  # both shrink by a twentieth, and the second makes a step of 0.1
    array([0.95, 0.85])
    """

    weight_decay: float = 0.004

    def __post_init__(self):
        super().__post_init__()
        check_number("weight_decay", self.weight_decay, 0)

    def update(self, value, gradient, memory):
        value -= self.learning_rate * self.weight_decay * value
        super().update(value, gradient, memory)
