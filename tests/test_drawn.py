"""Drawn images: the truth that comes with them is true, and they are as hard and as fast as promised."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from course_utils.datasets.drawn import PATTERNS, SHAPES, draw, trimaps
from course_utils.datasets.drawn_fields import CLUTTER, RADIUS, fields

few = settings(max_examples=25, deadline=None)
counts = st.integers(0, 40)
seeds = st.integers(0, 2**32)
sizes = st.one_of(st.integers(16, 48), st.tuples(st.integers(16, 48), st.integers(16, 48)))
class_counts = st.integers(1, len(SHAPES) * len(PATTERNS))


def arrays(drawing):
    return drawing.images, drawing.labels, drawing.masks, drawing.boxes


# ---------------------------------------------------------------- what comes back


@few
@given(counts, sizes, class_counts, seeds)
def test_shapes_and_types_are_those_promised(count, size, classes, seed):
    height, width = (size, size) if isinstance(size, int) else size
    drawing = draw(count, size, classes=classes, seed=seed)
    assert [(a.dtype.name, a.shape) for a in arrays(drawing)] == [
        ("uint8", (count, height, width, 3)),
        ("int32", (count,)),
        ("uint8", (count, height, width, 1)),
        ("float32", (count, 4)),
    ]
    assert len(drawing) == count
    assert len(set(drawing.class_names)) == classes


@few
@given(st.integers(1, 80), st.integers(0, 80), class_counts, seeds)
def test_a_shorter_drawing_is_the_start_of_a_longer_one(count, more, classes, seed):
    short, long = draw(count, classes=classes, seed=seed), draw(count + more, classes=classes, seed=seed)
    for ours, theirs in zip(arrays(short), arrays(long), strict=True):
        np.testing.assert_array_equal(ours, theirs[:count])


def test_another_seed_gives_other_images_in_another_order():
    one, other = draw(50, seed=1), draw(50, seed=2)
    assert (one.images != other.images).any(axis=(1, 2, 3)).all()
    assert (one.labels != other.labels).any()


def test_no_two_images_are_the_same():
    assert len(np.unique(draw(500).images.reshape(500, -1), axis=0)) == 500


def test_another_size_shows_the_same_scenes():
    small, large = draw(60, 48), draw(60, 96)
    assert np.array_equal(small.labels, large.labels)
    np.testing.assert_allclose(large.boxes, 2 * small.boxes, atol=3)
    halved = large.images.reshape(60, 48, 2, 48, 2, 3).mean(axis=(2, 4))
    assert np.abs(halved - small.images).mean() < 8  # noise, which belongs to pixels, is all that differs


@few
@given(st.integers(1, 200), class_counts, seeds)
def test_classes_are_balanced_to_within_one(count, classes, seed):
    frequencies = np.bincount(draw(count, 16, classes=classes, seed=seed).labels, minlength=classes)
    assert frequencies.max() - frequencies.min() <= 1


def test_labels_are_shuffled():
    labels = draw(1000, 16).labels.reshape(100, 10)
    assert len(np.unique(labels, axis=0)) > 95
    assert all(len(set(labels[:, place])) == 10 for place in range(10))


# ---------------------------------------------------------------- masks and boxes


@few
@given(st.integers(1, 40), sizes, seeds)
def test_boxes_are_tight_around_masks(count, size, seed):
    drawing = draw(count, size, classes=len(SHAPES), seed=seed)
    for mask, box in zip(drawing.masks, drawing.boxes, strict=True):
        assert set(np.unique(mask)) == {0, 1}
        assert Image.fromarray(mask[..., 0]).getbbox() == tuple(box)


def filling(name, **how):
    """Share of its box that an upright object of this class fills, at the median of some."""
    drawing = draw(9, 128, classes=[name], rotation=0, **how)
    (x0, y0, x1, y1), areas = drawing.boxes.T, drawing.masks.sum(axis=(1, 2, 3))
    return np.median(areas / ((x1 - x0) * (y1 - y0)))


@pytest.mark.parametrize(
    ("name", "share"),
    {
        "disk": np.pi / 4,
        "ring": np.pi / 4 * (1 - (0.44 / 0.8) ** 2),
        "square": 1,
        "frame": 1 - (0.42 / 0.8) ** 2,
        "triangle": 1 / 2,
        "hexagon": 3 / 4,
        "cross": (2 * 0.48 * 1.52 - 0.48**2) / 1.52**2,
        "leaf": (0.81 * np.arccos(0.5) * 2 - 0.45 * np.sqrt(0.81 * 4 - 0.81)) / (0.9 * 2 * np.sqrt(0.81 - 0.45**2)),
    }.items(),
)
def test_areas_are_those_of_geometry(name, share):
    assert filling(name) == pytest.approx(share, abs=0.015)


def star():
    angles = np.pi * np.arange(10) / 5
    radii = np.where(np.arange(10) % 2, 0.34, 0.8)
    return np.stack([radii * np.sin(angles), -radii * np.cos(angles)], axis=1)


@pytest.mark.parametrize(
    ("name", "corners"),
    {
        "star": star(),
        "triangle": [(0, -2), (np.sqrt(3), 1), (-np.sqrt(3), 1)],
        "hexagon": [(0, -2), (np.sqrt(3), -1), (np.sqrt(3), 1), (0, 2), (-np.sqrt(3), 1), (-np.sqrt(3), -1)],
        "arrow": [(80, 0), (12, 62), (12, 24), (-76, 24), (-76, -24), (12, -24), (12, -62)],
        "hourglass": [(-52, -60), (52, -60), (10, 0), (52, 60), (-52, 60), (-10, 0)],
    }.items(),
)
def test_polygons_are_those_that_pillow_fills(name, corners):
    """Drawn upright: the star stands on two points, the arrow points to the right."""
    drawing = draw(5, 256, classes=[name], rotation=0)
    corners = np.array(corners, float)
    low, high = corners.min(axis=0), corners.max(axis=0)
    for mask, box in zip(drawing.masks, drawing.boxes, strict=True):
        at = box[:2] + (corners - low) / (high - low) * (box[2:] - box[:2])
        large = Image.new("L", (4 * 256, 4 * 256))  # Pillow fills whatever the outline touches: little, when large
        ImageDraw.Draw(large).polygon([tuple(4 * corner) for corner in at], fill=1)
        expected = np.asarray(large).reshape(256, 4, 256, 4).mean(axis=(1, 3)) > 0.5
        found = mask[..., 0].astype(bool)
        assert (expected & found).sum() / (expected | found).sum() > 0.96


def test_objects_of_every_shape_are_seen_at_the_smallest_size():
    drawing = draw(2000, 16, classes=len(SHAPES))
    areas = drawing.masks.mean(axis=(1, 2, 3))
    assert areas.min() > 0.02
    assert areas.max() < 0.7


def test_rotation_limits_how_far_objects_turn():
    def widths(rotation):
        x0, y0, x1, y1 = draw(200, 64, classes=["arrow"], rotation=rotation).boxes.T
        return (x1 - x0) / (y1 - y0)

    lying = 1.56 / 1.24  # the arrow's length over its width
    assert np.ptp(widths(0)) < 0.2
    assert widths(20).min() > 0.95
    assert widths(180).min() < 1.1 / lying


# ---------------------------------------------------------------- distances


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_a_distance_within_its_circle(name):
    table = fields([name], 256)[0]
    middles = (np.arange(256) + 0.5) / 128 - 1
    x, y = np.meshgrid(middles, middles)
    assert (table[np.hypot(x, y) > RADIUS + 0.01] > 0).all()
    assert 0.08 < (table < 0).mean() < 0.55
    for axis in (0, 1):  # whoever goes a way comes no more than that way nearer
        assert np.abs(np.diff(table, axis=axis)).max() < 1.001 / 128
    assert np.median(np.hypot(*np.gradient(table, 1 / 128))[np.abs(table) < 0.03]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", [*PATTERNS, *CLUTTER])
def test_patterns_and_clutter_repeat_without_a_seam(name):
    table = fields([name], 128)[0]
    for axis in (0, 1):
        steps = np.abs(np.diff(table, axis=axis, append=table.take([0], axis=axis)))
        assert steps.take(-1, axis=axis).max() <= steps.max(initial=0) + 1e-6
        assert steps.max() < 5 / 64  # no leap anywhere: what is drawn of it has an edge one pixel wide


@pytest.mark.parametrize("name", [*PATTERNS, *CLUTTER])
def test_patterns_and_clutter_are_about_as_steep_as_distances(name):
    if name == "plain":
        return  # has no edge
    table = fields([name], 256)[0]
    steepness = np.hypot(*np.gradient(table, 1 / 128))[np.abs(table) < 0.01]
    assert 0.4 < np.median(steepness) < 1.6


# ---------------------------------------------------------------- what is seen


def lightness_inside_and_outside(drawing):
    inside = drawing.masks[..., 0].astype(bool)
    light = drawing.images.mean(axis=3)
    return np.array([(image[mask].mean(), image[~mask].mean()) for image, mask in zip(light, inside, strict=True)]).T


def test_objects_are_lighter_or_darker_than_the_ground_either_as_often():
    inside, outside = lightness_inside_and_outside(draw(1000))
    assert np.quantile(np.abs(inside - outside), 0.01) > 25
    assert 0.45 < (inside > outside).mean() < 0.55


def test_lightness_and_colour_do_not_tell_the_class():
    drawing = draw(4000, seed=3)
    inside = drawing.masks.astype(bool)
    colours = np.concatenate(
        [drawing.images.mean(axis=(1, 2), where=where) for where in (inside, ~inside)], axis=1
    )  # fmt: skip
    means = np.array([colours[:2000][drawing.labels[:2000] == label].mean(axis=0) for label in range(10)])
    guesses = ((colours[2000:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (guesses == drawing.labels[2000:]).mean() < 0.15


def regions_away_from_edges(drawing):
    """1 well inside the object and 2 well outside, counting what is beyond the image as outside."""
    around = ((0, 0), (2, 2), (2, 2), (0, 0))
    return trimaps(np.pad(drawing.masks, around), 2)[:, 2:-2, 2:-2, 0]


def test_without_clutter_the_ground_has_one_colour():
    drawing = draw(60, 64, classes=[f"plain {shape}" for shape in SHAPES], clutter=0)
    regions = regions_away_from_edges(drawing)
    for image, region in zip(drawing.images, regions, strict=True):
        for where in (region == 1, region == 2):  # but for the very tips of objects, too thin to be in their masks
            assert np.ptp(np.quantile(image[where], [0.01, 0.99], axis=0), axis=0).max() <= 1
        assert np.abs(image[region == 2].mean() - image[region == 1].mean()) > 25


def test_a_named_pattern_is_on_the_object():
    drawing = draw(200, 64, classes=["plain disk", "checked disk"], clutter=0)
    inside = regions_away_from_edges(drawing) == 1
    varied = np.array([np.ptp(image[mask]) > 8 for image, mask in zip(drawing.images.max(axis=3), inside, strict=True)])
    assert not varied[drawing.labels == 0].any()
    assert varied[drawing.labels == 1].mean() > 0.8  # two colours may, by chance, be nearly the same


def test_edges_are_smooth():
    """Some pixels are a mixture of object and ground: those whose middle is nearer to the edge than half a pixel."""
    drawing = draw(20, 64, classes=["plain disk"], clutter=0)
    for image, mask in zip(drawing.images.astype(int), drawing.masks[..., 0], strict=True):
        channel = np.abs(image[mask == 1].mean(axis=0) - image[mask == 0].mean(axis=0)).argmax()
        levels = image[..., channel]
        mixed = (levels > levels.min() + 2) & (levels < levels.max() - 2)
        radius = np.sqrt(mask.sum() / np.pi)
        assert 0.6 * 2 * np.pi * radius < mixed.sum() < 1.6 * 2 * np.pi * radius


# ---------------------------------------------------------------- trimaps


@few
@given(st.integers(0, 3), seeds)
def test_the_border_is_what_lies_so_many_steps_from_the_edge(border, seed):
    steps = scipy.ndimage.distance_transform_cdt
    masks = draw(3, seed=seed).masks
    for mask, regions in zip(masks[..., 0].astype(bool), trimaps(masks, border)[..., 0], strict=True):
        np.testing.assert_array_equal(regions == 1, steps(mask, "taxicab") > border)
        np.testing.assert_array_equal(regions == 2, steps(~mask, "taxicab") > border)
        assert ((regions == 3) == ~((regions == 1) | (regions == 2))).all()


@pytest.mark.parametrize("masks", [np.zeros((1, 4, 4), np.uint8), np.full((1, 4, 4, 1), 2), np.zeros((4, 4))])
def test_trimaps_of_what_is_no_mask_are_refused(masks):
    with pytest.raises(ValueError, match="of 0 and 1"):
        trimaps(masks)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"count": -1}, "count is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"size": 15}, "size is 15; no side may be below 16"),
        ({"size": (64, 8)}, r"size is \(64, 8\); no side may be below 16"),
        ({"size": (32, 32, 3)}, r"size is \(32, 32, 3\); give a number of pixels or \(height, width\)"),
        ({"classes": 0}, "classes is 0; give 1 to"),
        ({"classes": 1000}, "classes is 1000; give 1 to 138. There are 23 shapes .disk, .*6 patterns .plain, striped"),
        ({"classes": ["disk", "dog"]}, "no class 'dog'; give shapes, .* There are 23 shapes .disk"),
        ({"classes": "plaid disk"}, "no class 'plaid disk'"),
        ({"classes": ["disk", "disk"]}, "none twice"),
        ({"classes": []}, "at least one"),
        ({"rotation": 270}, "rotation is 270; give a number from 0 to 180"),
        ({"clutter": 1.5}, "clutter is 1.5; give a number from 0 to 1"),
    ],
)
def test_bad_input_is_named_with_what_would_be_good(arguments, said):
    with pytest.raises(ValueError, match=said):
        draw(**{"count": 1, **arguments})


@pytest.mark.parametrize("arguments", [{"count": 2.5}, {"size": "32"}, {"seed": None}])
def test_what_must_be_whole_must_be_whole(arguments):
    with pytest.raises(TypeError):
        draw(**{"count": 1, **arguments})


# ---------------------------------------------------------------- how fast and how hard


def test_drawing_takes_no_longer_than_decoding():
    measure = runpy.run_path(Path(__file__).parents[1] / "benchmarks" / "drawn.py")["measure"]
    drawings, decodings, *_ = measure(count=2000, repeats=5)
    assert min(drawings) < min(decodings)


def linear_accuracy(train, test):
    """The best of several strengths of regularisation, chosen on the test images: in the linear model's favour."""
    from sklearn.linear_model import RidgeClassifier

    x, x_test = (drawing.images.reshape(len(drawing), -1) / np.float32(127.5) - 1 for drawing in (train, test))
    return max(RidgeClassifier(alpha).fit(x, train.labels).score(x_test, test.labels) for alpha in (1e3, 1e4))


def convnet_accuracy(train, test, epochs):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    stack = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 127.5, -1)]
    for filters in (16, 32, 64):
        stack += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    model = keras.Sequential([*stack, layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    assert model.count_params() < 60_000
    model.fit(train.images, train.labels, epochs=epochs, verbose=0)
    return model.evaluate(test.images, test.labels, verbose=0)[1]


@pytest.mark.slow
def test_a_small_convnet_sees_what_a_linear_classifier_cannot():
    train, test = draw(5000, seed=1), draw(1000, seed=2)
    assert linear_accuracy(train, test) < 0.6
    assert convnet_accuracy(train, test, epochs=6) > 0.9


@pytest.mark.slow
def test_a_thousand_images_and_a_few_epochs_teach_something():
    """The smallest runs of notebooks depend on it; chance is 0.1."""
    assert convnet_accuracy(draw(1024, seed=1), draw(1000, seed=2), epochs=6) > 0.3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"count": 2.5}, "count is 2.5; it must be a whole number from 0"),
        ({"count": True}, "count is True"),
        ({"seed": None}, "seed is None; it must be a whole number"),
        ({"seed": "1"}, "seed is '1'"),
        ({"size": 32.0}, "size is 32.0; give a whole number of pixels"),
        ({"classes": 2.5}, "classes is 2.5"),
        ({"rotation": "30"}, "rotation is '30'; give a number from 0 to 180"),
        ({"clutter": None}, "clutter is None"),
    ],
)
def test_what_is_no_number_is_named_with_what_would_be(arguments, said):
    with pytest.raises(TypeError, match=said):
        draw(**{"count": 1, **arguments})
