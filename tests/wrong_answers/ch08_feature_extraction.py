"""Answers to chapter 8, as students write them."""

import numpy as np

WRONG = {
    "08.example": [
        (np.flipud, "order"),
        (lambda images: np.flip(images, axis=1), "upside down"),
        (lambda images: np.flip(images, axis=-1), "colours"),
    ],
}
RIGHT = {"08.example": [lambda images: np.stack([np.fliplr(image) for image in images])]}
