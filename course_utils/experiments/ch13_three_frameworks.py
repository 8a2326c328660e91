"""Chapter 13's one long training: a convnet in plain PyTorch that is to pass 0.80 on CIFAR-10 on two cores."""

from ..datasets import load
from ..models import in_torch
from .plain_torch import TorchExperiment


def data():
    """CIFAR-10: 45,000 images to train, 5,000 to validate, 10,000 to test."""
    return (*load("cifar10", "train").holdout(0.1, seed=0), load("cifar10", "test"))


EXPERIMENTS = {
    "larger, in PyTorch": TorchExperiment(in_torch.larger_convnet, images=45_000, epochs=16, rate=0.2),
}
