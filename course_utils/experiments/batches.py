"""Batches that an experiment makes itself: in another order every epoch, drawn from the seed of the training."""

import keras
import numpy as np


class Shuffled(keras.utils.PyDataset):
    """Images and labels in batches, in another order every epoch; what changes a batch overrides ``__getitem__``."""

    def __init__(self, images, labels, batch_size):
        super().__init__()
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.random = np.random.default_rng(int(keras.random.randint((), 0, 2**31 - 1)))
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index):
        return self.batch(index)

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.images))

    def batch(self, index):
        """Images of this batch, as float32, and their labels."""
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.images[chosen].astype("float32"), self.labels[chosen]
