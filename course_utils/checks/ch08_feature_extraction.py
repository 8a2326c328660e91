"""The checks of chapter 8."""

from .kinds import Mistake, call, function, typed

function(
    "08.example",
    "mirrored(images)",
    cases=[call(typed("np.arange(2 * 3 * 4 * 3).reshape(2, 3, 4, 3)"))],
    right=lambda images: images[:, :, ::-1],
    mistakes=[
        Mistake("upside down", lambda images: images[:, ::-1], "That is top and bottom. Which axis counts columns?"),
        Mistake("colours", lambda images: images[..., ::-1], "That is the order of red, green and blue."),
        Mistake("order", lambda images: images[::-1], "That is the order of the images; each one is as it was."),
    ],
    nudges=("An image has as many columns as its width.", "The first axis counts images, the second one rows."),
    why="An example of what a right answer is told: why it matters.",
)
