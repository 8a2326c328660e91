"""Feeding a network: what is measured is the feeding, and files hold what was given."""

import time

import keras
import numpy as np
import pytest
from PIL import Image

from course_utils import feeding, load

SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    data = load("cats_vs_dogs", examples=6, size=32, source="stand-in")
    return data, feeding.write_jpegs(data, tmp_path_factory.mktemp("photographs"))


def test_a_file_lies_in_the_folder_of_its_class_and_shows_its_image(files):
    data, paths = files
    assert [path.parent.name for path in paths] == [data.class_names[label] for label in data.labels]
    for path, image in zip(paths, data.images, strict=True):
        with Image.open(path) as stored:
            difference = np.asarray(stored, dtype=float) - image
        assert np.abs(difference).mean() < 12, "JPEG loses a little, another image would lose more"


class Slow(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        time.sleep(0.5)
        return np.zeros((8, *SHAPE), "float32"), np.zeros((8, 1))


def test_slow_feeding_is_measured_as_slow():
    quick = feeding.measure(lambda: {"x": np.zeros((32, *SHAPE)), "y": np.zeros(32), "batch_size": 8}, 32, SHAPE)
    slow = feeding.measure(lambda: {"x": Slow()}, 32, SHAPE)
    assert slow.images_per_second < 1.5 * 8 / 0.5
    assert quick.images_per_second > slow.images_per_second


@pytest.mark.skipif(not feeding._STATM.is_file(), reason="only Linux says how much memory a process has")
def test_what_is_held_is_seen_in_the_memory():
    def hold():
        return {"x": np.ones((2_000, 64, 64, 3), "float32"), "y": np.zeros(2_000), "batch_size": 500}

    assert feeding.measure(hold, 2_000, (64, 64, 3), epochs=1).megabytes > 0.8 * 2_000 * 64 * 64 * 3 * 4 / 1e6


def test_tf_data_gives_every_file_once_an_epoch_with_its_label(files):
    pytest.importorskip("tensorflow")
    data, paths = files
    batches = feeding.with_tf_data(paths, data.labels, side=16, batch_size=4)
    for _ in range(2):
        shapes, labels = zip(*[(images.shape, labels.numpy().tolist()) for images, labels in batches], strict=True)
        assert [tuple(shape) for shape in shapes] == [(4, 16, 16, 3), (2, 16, 16, 3)]
        assert sorted(label for batch in labels for label in batch) == sorted(data.labels.tolist())
