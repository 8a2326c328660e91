"""Answers to chapter 7, as students write them."""

import numpy as np

WRONG = {
    "07.example": [
        (np.flipud, "order"),
        (lambda images: np.flip(images, axis=1), "upside down"),
        (lambda images: np.flip(images, axis=-1), "colours"),
    ],
}
RIGHT = {"07.example": [lambda images: np.stack([np.fliplr(image) for image in images])]}
