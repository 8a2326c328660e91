"""Images from files, a batch at a time: a folder may hold more than memory does."""

import keras
import numpy as np

from ..datasets import pictures


class Batches(keras.utils.PyDataset):
    """Batches of a `Folder`, decoded when they are asked for; for ``fit`` and ``predict`` on any backend.

    Parameters
    ----------
    folder : Folder
    side : int
        The largest central square of each image is resized to so many pixels.
    batch_size : int
    shuffle : bool
        Another order in every epoch.
    seed : int

    Notes
    -----
    A batch is uint8 images (batch, side, side, 3), 0 to 255, and labels (batch,). Taught in chapter 13, The same
    networks in three frameworks.
    """

    def __init__(self, folder, side, batch_size=32, shuffle=False, seed=0):
        super().__init__()
        self.folder, self.side, self.batch_size = folder, side, batch_size
        self.random = np.random.default_rng(seed) if shuffle else None
        self.order = np.arange(len(folder))
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, number):
        chosen = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        return self.images(chosen), self.folder.labels[chosen]

    def on_epoch_end(self):
        if self.random is not None:
            self.order = self.random.permutation(self.order)

    def images(self, indices):
        """The images at these places of the folder, uint8."""
        target = (self.side, self.side)
        return np.stack([pictures.decode(self.folder.files[index].read_bytes(), target)[0] for index in indices])
