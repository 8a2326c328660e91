"""What `load` promises of every data set, tried on the stand-ins; the frozen Dataset; choosing and splitting."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import course_utils
from course_utils import datasets
from course_utils.datasets import jpegs, pictures, registry, selection

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


def stand_in(name, split="train", **options):
    return datasets.load(name, split, source="stand-in", **options)


def numbered(labels, **options):
    """A data set whose images carry their own number."""
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return datasets.Dataset("numbered", "train", images, labels, tuple("abcde"), "test", **options)


def numbers(data):
    return data.images[:, 0, 0, 0].tolist()


# ---------------------------------------------------------------- stand-ins

EXPECTED = {"mnist": (28, 28, 1, 10), "cifar10": (32, 32, 3, 10), "cats_vs_dogs": (180, 180, 3, 2)}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_stand_in_has_the_shapes_types_and_classes_of_the_data(name):
    data = stand_in(name, examples=40)
    *shape, classes = EXPECTED[name]
    assert data.images.shape == (40, *shape)
    assert data.images.dtype == np.uint8
    assert (data.labels.shape, data.labels.dtype) == ((40,), np.int32)
    assert data.class_names == registry.DATASETS[name].class_names
    assert np.bincount(data.labels).tolist() == [40 // classes] * classes
    assert data.masks is data.boxes is None
    assert data.source.startswith("stand-in")


def test_the_stand_in_of_the_pets_has_37_breeds_and_masks_and_boxes():
    data = stand_in("oxford_pets", examples=37)
    assert data.images.shape == (37, 224, 224, 3)
    assert sorted(data.labels.tolist()) == list(range(37))
    assert data.masks.shape == (37, 224, 224, 1)
    assert {int(value) for value in np.unique(data.masks)} == {1, 2, 3}
    without = np.isnan(data.boxes).all(axis=1)
    assert 0.4 < without.mean() < 0.6
    assert np.isfinite(data.boxes[~without]).all()
    for mask, box in zip(data.masks[~without], data.boxes[~without], strict=True):
        rows, columns = np.nonzero(mask[..., 0] == 1)
        assert box[0] <= columns.min()
        assert box[1] <= rows.min()
        assert columns.max() + 1 <= box[2]
        assert rows.max() + 1 <= box[3]


@pytest.mark.parametrize("name", datasets.NAMES)
def test_a_stand_in_comes_in_a_size_that_costs_seconds_where_none_is_asked_for(name):
    entry = registry.DATASETS[name]
    for split, count in zip(("train", "test"), entry.stand_in, strict=True):
        assert len(stand_in(name, split, size=32 if entry.photographs else None)) == count <= 2000


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_same_seed_gives_the_same_stand_in_and_another_seed_another(name):
    first, again, other = (stand_in(name, examples=50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.images != other.images).any()


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_smaller_stand_in_is_the_beginning_of_a_larger(name):
    small, large = stand_in(name, examples=30), stand_in(name, examples=80)
    np.testing.assert_array_equal(large.images[:30], small.images)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_no_image_is_in_both_splits(name):
    train = {image.tobytes() for seed in (0, 1) for image in stand_in(name, seed=seed).images}
    test = {image.tobytes() for seed in (0, 1) for image in stand_in(name, "test", seed=seed).images}
    assert not train & test


def test_more_digits_than_there_are_come_moved_by_up_to_two_pixels():
    data = stand_in("mnist", examples=2000)
    moves = [(down, across) for down in range(-2, 3) for across in range(-2, 3)]
    seen = set()
    for first, again in zip(data.images[:50, ..., 0], data.images[1437:1487, ..., 0], strict=True):
        (move,) = (move for move in moves if (np.roll(first, move, (0, 1)) == again).all())
        seen.add(move)
        assert not first[:4].any()
    assert len(seen) > 15
    np.testing.assert_array_equal(data.labels[1437:], data.labels[: 2000 - 1437])


def test_the_digits_can_be_told_apart():
    train, test = stand_in("mnist", examples=800), stand_in("mnist", "test", examples=100)
    flat, query = (data.images.reshape(len(data), -1).astype(float) for data in (train, test))
    nearest = ((flat**2).sum(1) - 2 * query @ flat.T).argmin(1)
    assert np.mean(train.labels[nearest] == test.labels) > 0.93


def test_photographs_come_in_any_size():
    assert stand_in("cats_vs_dogs", examples=2, size=64).images.shape == (2, 64, 64, 3)
    data = stand_in("oxford_pets", examples=2, size=(48, 96))
    assert data.images.shape == (2, 48, 96, 3)
    assert data.masks.shape == (2, 48, 96, 1)


def test_the_profile_smoke_takes_the_stand_in(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    assert course_utils.load("cifar10", examples=10).source == "stand-in (drawn images)"


# ---------------------------------------------------------------- what cannot be asked


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name": "cifar100"}, "no data set 'cifar100'; there are mnist, cifar10, cats_vs_dogs, oxford_pets"),
        ({"name": "mnist", "split": "validation"}, "'validation'; it must be 'train' or 'test'.*holdout"),
        ({"name": "mnist", "source": "web"}, "'web'; it must be None, 'cache', 'mirror', 'host' or 'stand-in'"),
        ({"name": "mnist", "examples": 0}, "examples is 0; it must be at least 1"),
        ({"name": "mnist", "size": 32}, "size is 32, but the images of mnist are 28x28"),
        ({"name": "oxford_pets", "size": (32, 32, 3)}, r"number of pixels or \(height, width\)"),
        ({"name": "oxford_pets", "size": 0}, "size is 0"),
        ({"name": ["mnist"]}, r"no data set \['mnist'\]; there are mnist"),
        ({"name": "mnist", "seed": -1}, "seed is -1; it must be at least 0"),
        ({"name": "mnist", "examples": -5}, "examples is -5; it must be at least 1, or None for all"),
    ],
)
def test_what_cannot_be_is_said(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        datasets.load(**{"source": "stand-in"} | arguments)


@pytest.mark.parametrize("name", ["mnist", "cats_vs_dogs"])
@pytest.mark.parametrize("value", [2.5, 2.0, "2", True, [2], b"2", np.float32(2)])
@pytest.mark.parametrize("argument", ["examples", "seed", "size"])
def test_what_is_no_whole_number_is_said(name, value, argument):
    if argument == "size":
        value = (32, value)  # alone, a list may be height and width
    with pytest.raises(TypeError, match=rf"load: {argument} is .*(must be|give) a whole number"):
        datasets.load(name, source="stand-in", **{argument: value})


def test_no_seed_is_none_and_numpys_numbers_are_numbers():
    with pytest.raises(TypeError, match="seed is None"):
        stand_in("mnist", seed=None)
    assert len(stand_in("mnist", examples=np.int64(3), seed=np.uint8(1))) == 3


def test_importing_loads_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules); import course_utils.datasets;"
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'keras', 'sklearn', 'scipy', 'PIL', 'pooch', 'requests', 'tqdm', 'matplotlib'}))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# ---------------------------------------------------------------- Dataset


def test_a_dataset_cannot_be_changed():
    data = numbered([0, 1, 2])
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.labels = None


def test_making_a_dataset_leaves_the_array_writable():
    labels = np.zeros(3, np.int32)
    numbered(labels)
    labels[0] = 1


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("images", np.zeros((3, 2, 2), np.uint8), "images has shape"),
        ("labels", [0, 1], "labels has shape"),
        ("masks", np.zeros((3, 2, 2), np.uint8), "masks has shape"),
        ("boxes", np.zeros((3, 2)), "boxes has shape"),
        ("images", np.zeros((3, 2, 2, 1)), "images has numbers of type float64; they must be uint8"),
        ("labels", [0.0, 0.5, 1.0], "labels has numbers of type float64; they must be int32"),
        ("labels", [0, 1, 2], "labels go from 0 to 2; with 2 classes they must go from 0 to 1"),
        ("labels", [0, -1, 1], "labels go from -1 to 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(field, value, complaint):
    arrays = {"images": np.zeros((3, 2, 2, 1), np.uint8), "labels": [0, 1, 0]} | {field: value}
    with pytest.raises(ValueError, match=f"Dataset: {complaint}"):
        datasets.Dataset("wrong", "train", **arrays, class_names=("a", "b"), source="test")


def test_a_dataset_says_what_it_is():
    data = stand_in("oxford_pets", examples=3, size=(16, 20))
    assert repr(data) == (
        "Dataset oxford_pets, train: 3 images 16x20x3, 37 classes, with masks and boxes, from: stand-in (drawn images)"
    )


def test_a_subset_takes_indices_a_mask_or_a_slice():
    masks, boxes = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(2, 1).repeat(2, 2), np.zeros((4, 4))
    data = numbered([0, 1, 2, 3], masks=masks, boxes=boxes)
    for indices in ([3, 1], np.array([3, 1]), slice(3, 0, -2)):
        part = data.subset(indices)
        assert numbers(part) == part.labels.tolist() == part.masks[:, 0, 0, 0].tolist() == [3, 1]
        assert part.boxes.shape == (2, 4)
    assert numbers(data.subset(data.labels < 2)) == [0, 1]
    assert len(data.subset([])) == 0
    with pytest.raises(IndexError):
        data.subset([4])
    with pytest.raises(IndexError, match="a slice or a sequence"):
        data.subset(2)


@settings(deadline=None)
@given(LABELS, st.floats(0.05, 0.95), st.integers(0, 5))
def test_a_holdout_divides_every_class_in_the_same_proportion(labels, fraction, seed):
    data, held_out = numbered(labels), round(fraction * len(labels))
    assume(0 < held_out < len(labels))
    train, validation = data.holdout(fraction, seed)
    assert sorted(numbers(train) + numbers(validation)) == numbers(data)
    assert numbers(train) == sorted(numbers(train))
    assert len(validation) == held_out
    for label in set(labels):
        assert abs(np.sum(validation.labels == label) - fraction * labels.count(label)) < 1
    assert (train.split, validation.split) == ("train", "validation")
    assert numbers(data.holdout(fraction, seed)[1]) == numbers(validation)


def test_another_seed_holds_out_others():
    data = numbered([0, 1] * 20)
    assert numbers(data.holdout(0.2, 0)[1]) != numbers(data.holdout(0.2, 1)[1])


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 0.001, float("nan"), float("inf")])
def test_a_holdout_of_nothing_or_everything_is_refused(fraction):
    with pytest.raises(ValueError, match="holdout"):
        numbered([0, 1, 0, 1]).holdout(fraction)


@pytest.mark.parametrize(
    "arguments", [{"fraction": "0.1"}, {"fraction": None}, {"fraction": True}, {"seed": None}, {"seed": 1.5}]
)
def test_a_holdout_by_what_is_no_number_is_refused(arguments):
    [(name, value)] = arguments.items()
    with pytest.raises(TypeError, match=f"holdout: {name} is {value!r}; .*number"):
        numbered([0, 1, 0, 1]).holdout(**arguments)


# ---------------------------------------------------------------- choosing


@settings(deadline=None)
@given(LABELS, st.integers(0, 5))
def test_every_beginning_of_the_order_is_as_balanced_as_the_labels_allow(labels, seed):
    order = selection.balanced_order(labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    left = {label: labels.count(label) for label in labels}
    taken = dict.fromkeys(left, 0)
    for index in order:
        taken[labels[index]] += 1
        for one in taken:  # a class that has any left is never two behind another
            if taken[one] < left[one]:
                assert max(taken.values()) - taken[one] <= 1


def test_the_order_depends_on_the_seed_and_nothing_else():
    labels = np.arange(100) % 3
    first = selection.balanced_order(labels, 7)
    np.testing.assert_array_equal(first, selection.balanced_order(labels, 7))
    assert (first != selection.balanced_order(labels, 8)).any()


# ---------------------------------------------------------------- pictures


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 300), st.integers(1, 300))
@example(186, 200, 180, 180)  # where rounding leaves the image
def test_the_crop_is_central_inside_and_of_the_right_proportions(width, height, tall, wide):
    left, top, right, bottom = pictures.central_crop(width, height, (tall, wide))
    assert 0 <= left <= right <= width
    assert 0 <= top <= bottom <= height
    assert left + right == pytest.approx(width)
    assert top + bottom == pytest.approx(height)
    assert (right - left) * tall == pytest.approx((bottom - top) * wide)
    assert (right - left) == pytest.approx(width) or (bottom - top) == pytest.approx(height)
    # Pillow refuses a box that leaves the image by the smallest rounding error.
    Image.new("L", (width, height)).resize((wide, tall), box=(left, top, right, bottom))


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 80), st.integers(20, 80), st.integers(24, 60), st.integers(24, 60), st.data())
def test_mask_and_box_of_a_rectangle_stay_together(width, height, tall, wide, data):
    x0, x1 = sorted(data.draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(data.draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    mask = np.full((height, width), 3, np.uint8)  # not 2, which mixing 1 and 2 could not be told from
    mask[y0:y1, x0:x1] = 1
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    moved, size = pictures.decode(stream.getvalue(), (tall, wide), channels=1)
    assert set(np.unique(moved)) <= {1, 3}
    box = pictures.move_box((x0, y0, x1, y1), size, (tall, wide))
    rows, columns = np.nonzero(moved[..., 0] == 1)
    if np.isnan(box[0]):
        assert not len(rows)
    elif len(rows):
        truth = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        np.testing.assert_allclose(box, truth, atol=1.01)


RAMP = np.tile(np.linspace(10, 245, 60), (40, 1))


def written(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def grey_in(mode):
    """A picture that goes from dark to bright, in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray(np.rint(RAMP * 257).astype(np.uint16))
    if mode in ("F", "I"):
        return Image.fromarray(RAMP.astype(np.float32)).convert(mode)
    if mode == "LAB":
        return Image.merge("LAB", [Image.fromarray(RAMP.astype(np.uint8)), *[Image.new("L", (60, 40), 128)] * 2])
    grey = Image.fromarray(RAMP.astype(np.uint8))
    return grey.convert("RGB").convert(mode) if mode in ("P", "CMYK", "YCbCr", "RGBA") else grey.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "TIFF"), ("L", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("P", "GIF"), ("PA", "TIFF"), ("RGB", "BMP"),
     ("RGB", "WEBP"), ("RGBA", "PNG"), ("CMYK", "TIFF"), ("CMYK", "JPEG"), ("YCbCr", "TIFF"), ("I;16", "PNG")],
)  # fmt: skip
def test_photographs_of_every_mode_have_the_right_brightness(mode, kind):
    array, size = pictures.decode(written(grey_in(mode), kind), (20, 30))
    assert (array.shape, array.dtype, size) == ((20, 30, 3), np.uint8, (60, 40))
    assert np.abs(array.mean(axis=(0, 2)) - RAMP[0].reshape(30, 2).mean(axis=1)).max() < (60 if mode == "1" else 8)


@pytest.mark.parametrize(
    ("mode", "kind"), [("I", "TIFF"), ("F", "TIFF"), ("I;16", "TIFF"), ("LAB", "TIFF"), ("F", "PPM")]
)
def test_photographs_whose_range_nobody_knows_are_refused(mode, kind):
    with pytest.raises(pictures.Broken, match="of which nobody knows what black and white are"):
        pictures.decode(written(grey_in(mode), kind), (20, 30))


def test_what_is_transparent_is_shown_on_white():
    seen = np.zeros((4, 4, 4), np.uint8)
    seen[:2] = 0, 0, 0, 255
    seen[2:, :2] = 200, 0, 0, 51  # a fifth of it, over white
    stream = written(Image.fromarray(seen), "PNG")
    array, _ = pictures.decode(stream, (4, 4))
    assert array[0, 0].tolist() == [0, 0, 0]
    assert array[3, 0].tolist() == pytest.approx([0.2 * 200 + 0.8 * 255, 0.8 * 255, 0.8 * 255], abs=1)
    assert array[3, 3].tolist() == [255, 255, 255]
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, 0, 0, 0])
    assert (pictures.decode(written(palette, "PNG", transparency=1), (4, 4))[0] == 255).all()


def test_an_orientation_is_not_followed_and_of_an_animation_the_first_picture_is_taken():
    upright = grey_in("L")
    exif = Image.Exif()
    exif[274] = 6
    turned, plain = (pictures.decode(written(upright, "JPEG", **more), (20, 30)) for more in ({"exif": exif}, {}))
    assert turned[1] == plain[1] == (60, 40)
    np.testing.assert_array_equal(turned[0], plain[0])
    animation = written(upright, "GIF", save_all=True, append_images=[Image.new("L", (60, 40), 9)])
    assert abs(pictures.decode(animation, (20, 30))[0].mean() - RAMP.mean()) < 5


@pytest.mark.parametrize("values", [[0, 1], [255], [1, 2, 3, 4], [1, 2, 128]])
def test_a_mask_of_other_values_is_refused_and_they_are_named(values):
    mask = np.resize(np.array(values, np.uint8), (20, 300))  # some of them outside the part that is kept
    with pytest.raises(
        pictures.Broken, match=f"a mask with the values {', '.join(map(str, values))}, where 1, 2 and 3"
    ):
        pictures.decode(written(Image.fromarray(mask), "PNG"), (10, 10), channels=1)


@pytest.mark.parametrize("mode", ["1", "I;16", "RGB", "LA", "F"])
def test_a_mask_of_another_mode_is_refused(mode):
    with pytest.raises(pictures.Broken, match="a mask of mode"):
        pictures.decode(written(grey_in(mode), "TIFF" if mode == "F" else "PNG"), (10, 10), channels=1)


def test_a_png_that_does_not_have_its_checksum_is_broken():
    content = bytearray(written(Image.fromarray(np.ones((30, 30), np.uint8)), "PNG"))
    content[content.index(b"IDAT") + 4 + 2 + 5] ^= 1
    for channels in (1, 3):
        with pytest.raises(pictures.Broken):
            pictures.decode(bytes(content), (10, 10), channels)


# ---------------------------------------------------------------- JPEGs whose data are not what their picture needs


def smooth_noise(width, height, seed, mode="RGB"):
    """A picture with something in every block."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(2, height // 6), max(2, width // 6), 3), np.uint8)
    noisy = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    noisy = np.clip(noisy + random.integers(-12, 13, noisy.shape), 0, 255).astype(np.uint8)
    return Image.fromarray(noisy).convert(mode)


@settings(max_examples=150)
@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(0, 9), st.sampled_from(["L", "RGB", "CMYK"]),
    st.integers(1, 100), st.sampled_from([0, 1, 2]), st.booleans(), st.booleans(), st.sampled_from([0, 1, 3]),
)  # fmt: skip
@example(17, 33, 0, "RGB", 100, 2, True, False, 0)
def test_a_whole_jpeg_has_no_fault(width, height, seed, mode, quality, subsampling, optimize, progressive, restarts):
    options = {"quality": quality, "subsampling": subsampling, "optimize": optimize, "progressive": progressive}
    picture = smooth_noise(width, height, seed, mode)
    assert jpegs.fault(written(picture, "JPEG", **options, restart_marker_rows=restarts)) is None


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"quality": 1}, {"quality": 100, "subsampling": 0}])
def test_a_picture_of_nothing_has_no_fault(level, options):
    for mode in ("L", "RGB"):
        assert jpegs.fault(written(Image.new("L", (40, 30), level).convert(mode), "JPEG", **options)) is None


def scan_of(content):
    return content.index(b"\xff\xda") + 14, len(content) - 2


@settings(max_examples=60)
@given(
    st.integers(40, 90), st.integers(40, 90), st.integers(0, 9), st.sampled_from(["L", "RGB"]), st.integers(150, 300)
)
def test_a_jpeg_that_lacks_its_last_bytes_is_found(width, height, seed, mode, count):
    content = written(smooth_noise(width, height, seed, mode), "JPEG", quality=95)
    _, end = scan_of(content)
    assert jpegs.fault(content[: end - count] + content[end:])


def test_jpegs_with_more_bytes_than_their_picture_needs_are_found():
    found = 0
    for seed in range(40):
        content = written(smooth_noise(60, 50, seed), "JPEG", quality=90)
        start, end = scan_of(content)
        more = content[start : start + 100].removesuffix(b"\xff")
        found += jpegs.fault(content[:end] + more + content[end:]) == "its picture ends before its data do"
    assert found >= 28  # in the others, what follows is black or white


@pytest.mark.parametrize(
    ("garbled", "found"),
    [
        (b"\xff\xe4\x10\x20", "a marker interrupts its data"),
        (b"\xff\xd1", "its restart markers are not in order"),
        (b"\xff\xc4\x00\x09", "there is no marker at byte"),
    ],
)
def test_a_jpeg_with_a_marker_in_its_middle_is_found(garbled, found):
    content = written(smooth_noise(80, 60, 1), "JPEG")
    start, end = scan_of(content)
    middle = (start + end) // 2
    assert found in jpegs.fault(content[:middle] + garbled + content[middle + len(garbled) :])


def test_of_jpegs_garbled_in_the_middle_many_are_found():
    """Not all: where as many blocks were lost as gained, the data end where they should. Archives have checksums."""
    random = np.random.default_rng(0)
    shown = passed = 0
    for seed in range(60):
        content = bytearray(written(smooth_noise(120, 90, seed), "JPEG", quality=88))
        start, end = scan_of(content)
        middle = (start + end) // 2
        content[middle : middle + 64] = random.integers(0, 255, 64, np.uint8).tobytes()
        try:
            Image.open(io.BytesIO(content)).load()
        except OSError:
            continue
        shown += 1
        passed += jpegs.fault(bytes(content)) is None
    assert shown > 20
    assert passed < 0.6 * shown


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image_is_broken(content):
    with pytest.raises(pictures.Broken):
        pictures.decode(content, (10, 10))


def annotation(*sides):
    names = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{name}>{side}</{name}>" for name, side in zip(names, sides, strict=True))
    return f"<annotation><object><bndbox>{box}</bndbox></object></annotation>".encode()


def test_a_box_is_read():
    assert pictures.read_box(annotation(1, 2, 30.5, 40)) == (1, 2, 30.5, 40)


@pytest.mark.parametrize(
    "content",
    [b"", b"<annotation/>", b"<a><object><bndbox><xmin>x</xmin></bndbox></object></a>", annotation(9, 1, 3, 4),
     annotation(1, 4, 3, 4), annotation("nan", 1, 3, 4), annotation(1, 2, "inf", 4), annotation("-inf", 2, 3, 4)],
)  # fmt: skip
def test_an_annotation_without_a_box_is_broken(content):
    with pytest.raises(pictures.Broken):
        pictures.read_box(content)
