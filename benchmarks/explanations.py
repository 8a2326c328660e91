"""Do explanations point at the animal? Run as ``python benchmarks/explanations.py``.

EfficientNet-Lite0, as it comes, names a class for each of 100 photographs of pets. What speaks for that class, right or
wrong, is asked of occlusion and of Grad-CAM, and each map plays the pointing game against the annotators' masks: does
its highest point lie on the animal? The outline, which they left open, counts as animal. Two answers that look at
nothing play too: the centre of the picture, and a pixel drawn at random, whose expected score is the share of the
picture that the animal covers.

Prints a table in Markdown as soon as each row is known: images that were hit, the 95 % Wilson interval of their share,
in how many images the row was right where the centre was wrong and the other way round, the share of the positive part
of the map that lies on the animal, and the mean areas under the curves of deletion and insertion with two standard
errors. A map that is one point, or the same everywhere, puts no pixels in order, so in its place a cone around its
highest place is deleted and inserted, or random numbers. ``--figure FILE`` draws four of the photographs instead. Exits
with 1 where the photographs or the weights are missing.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from transfer import CATS, DOGS, are_cats

from course_utils import DatasetUnavailable, load, models
from course_utils.explain import deletion, energy_inside, grad_cam, insertion, occlusion_map, pointing_game
from course_utils.plots import saliency_overlay

HEADER = (
    *("map", "on the animal", "95 % interval", "better than the centre", "worse", "energy inside"),
    *("deletion", "insertion"),
)  # fmt: skip


def pets(count, size):
    """Photographs of the test split drawn with a fixed seed, their masks, whether each is a cat, and their source."""
    data = load("oxford_pets", "test", size=size)
    chosen = np.random.default_rng(0).choice(len(data.images), min(count, len(data.images)), replace=False)
    return data.images[chosen].astype("float32"), data.masks[chosen] != 2, are_cats(data)[chosen], data.source


def centre(images):
    """A map that is highest in the middle of the picture, and nowhere else."""
    heatmaps = np.zeros(images.shape[:3])
    rows, columns = heatmaps.shape[1:]
    heatmaps[:, (rows - 1) // 2 : rows // 2 + 1, (columns - 1) // 2 : columns // 2 + 1] = 1
    return heatmaps


def costliest(found, patch, stride):
    """A map that is highest at the centre of the position that costs the score most, and nowhere else."""
    falls = found.baseline[:, None, None] - found.scores
    heatmaps = np.zeros(found.heatmap.shape)
    for fall, heatmap in zip(falls, heatmaps, strict=True):
        row, column = np.unravel_index(fall.argmax(), fall.shape)
        heatmap[row * stride + patch // 2, column * stride + patch // 2] = 1
    return heatmaps


def ordering(heatmaps):
    """Maps that put all pixels in an order: a cone for one with a single point, random numbers for one with none."""
    rows, columns = heatmaps.shape[1:]
    ordered = heatmaps.astype(float)
    noise = np.random.default_rng(0).random(heatmaps.shape)
    for index, heatmap in enumerate(heatmaps):
        highest = np.argwhere(heatmap == heatmap.max())
        if len(highest) == heatmap.size:
            ordered[index] = noise[index]
        elif (heatmap != heatmap.min()).sum() == len(highest):
            offsets = np.indices((rows, columns)) - highest.mean(axis=0)[:, None, None]
            ordered[index] = -np.hypot(*offsets)
    return ordered


def area(curve):
    """The mean area and two standard errors of it."""
    return f"{curve.area.mean():.3f} ± {2 * curve.area.std(ddof=1) / len(curve.area) ** 0.5:.3f}"


def ways(model, images, predicted, score):
    """(name, maps) of every row, for the predicted classes; occlusion with strides of 16 pixels."""
    yield "centre of the picture", centre(images)
    yield "a pixel at random", np.ones(images.shape[:3])
    for patch in (32, 64, 96):
        found = occlusion_map(model, images, predicted, patch, 16, "mean", score)
        yield f"occlusion, {patch} px", found.heatmap
        yield f"occlusion, {patch} px: its costliest position", costliest(found, patch, 16)
    yield "occlusion, 64 px, blurred", occlusion_map(model, images, predicted, 64, 16, "blur", score).heatmap
    yield "Grad-CAM, last maps", grad_cam(model, images, predicted).heatmap


def draw(model, images, masks, score, file):
    """Photographs, their occlusion maps and their Grad-CAM, a row each, outlines as the annotators drew them."""
    seen = models.classify(model, images, top=1)
    nothing = np.zeros(images.shape[:3])
    occlusion = occlusion_map(model, images, None, 32, 16, "mean", score).heatmap
    cam = grad_cam(model, images, signed=True).heatmap
    maps = [each / np.abs(each).max(axis=(1, 2), keepdims=True) for each in (occlusion, cam)]
    titles = [f"{one.names[0]}, {one.probabilities[0]:.2f}" for one in seen]
    titles += [f"occlusion\n{each.min():+.1f} to {each.max():+.1f}" for each in occlusion]
    titles += [f"Grad-CAM\nup to {each.max():.1f}" for each in cam]
    figure = saliency_overlay(
        np.tile(images.astype("uint8"), (3, 1, 1, 1)), np.concatenate([nothing, *maps]), np.tile(masks, (3, 1, 1, 1)),
        titles, columns=len(images), label="how much the score of the named class owes to the place",
    )  # fmt: skip
    figure.savefig(file, dpi=180, bbox_inches="tight", pil_kwargs={"quality": 82})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100, metavar="N")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="of deletion and insertion")
    parser.add_argument("--score", default="log_odds", choices=("logit", "probability", "log_odds"))
    parser.add_argument("--figure", metavar="FILE", help="draw four photographs instead")
    arguments = parser.parse_args()
    try:
        model = models.efficientnet_lite("lite0")
        images, masks, is_cat, source = pets(arguments.images, model.input_shape[1])
    except (DatasetUnavailable, models.WeightsUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.figure:
        draw(model, images[:4], masks[:4], arguments.score, arguments.figure)
        return 0
    predicted = model.predict(images, verbose=0).argmax(axis=-1)
    named = np.where(is_cat, np.isin(predicted, CATS), np.isin(predicted, DOGS))
    print(
        f"{keras.backend.backend()}, keras {keras.__version__}: {len(images)} photographs ({source}), "
        f"{is_cat.sum()} of cats; {named.sum()} are called some cat or some dog rightly; score: {arguments.score}\n"
    )
    print("| " + " | ".join(HEADER) + " |")
    print("| " + " | ".join("---" for _ in HEADER) + " |", flush=True)
    guess = None
    for name, heatmaps in ways(model, images, predicted, arguments.score):
        game, ordered = pointing_game(heatmaps, masks), ordering(heatmaps)
        guess = game.hits if guess is None else guess
        low, high = game.interval
        drawn = name != "a pixel at random"  # else the numbers are what is to be expected, and nothing was counted
        row = (
            name,
            f"{game.hits.sum():.0f} of {len(images)}",
            f"{low:.2f} to {high:.2f}" * drawn,
            f"{np.maximum(game.hits - guess, 0).sum():.0f}" * drawn,
            f"{np.maximum(guess - game.hits, 0).sum():.0f}" * drawn,
            f"{energy_inside(np.maximum(heatmaps, 0), masks).mean():.2f}",
            *(area(way(model, images, ordered, predicted, arguments.steps)) for way in (deletion, insertion)),
        )
        print("| " + " | ".join(row) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
