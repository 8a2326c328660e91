"""A project of one's own images: what a bad folder is told, how images are dealt out, and that the script runs."""

import html.parser
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils import feeding, load, projects
from course_utils.cli import main
from course_utils.projects import folder as folders


def photograph(path, seed, side=48):
    """A file of noise, another one for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype="uint8")
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pets(tmp_path):
    """Two classes of six images each."""
    for number, name in enumerate(["cat", "dog"]):
        for count in range(6):
            photograph(tmp_path / "pets" / name / f"{count}.png", 100 * number + count)
    return tmp_path / "pets"


# ----------------------------------------------------------------------------------------------------- bad folders


def of(tmp_path, *names):
    for name in names:
        (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
    return tmp_path / "images"


def an_archive(tmp_path):
    with tarfile.open(tmp_path / "images.tar", "w"):
        pass
    return tmp_path / "images.tar"


def no_class_folders(tmp_path):
    photograph(of(tmp_path, "") / "1.png", 0)
    return tmp_path / "images"


def broken_files(tmp_path):
    root = of(tmp_path, "cat", "dog")
    for count in range(6):
        photograph(root / "cat" / f"{count}.png", count)
        (root / "dog" / f"{count}.jpg").write_bytes(b"not a photograph")
    return root


def tiny_files(tmp_path):
    root = of(tmp_path, "cat", "dog")
    for count in range(6):
        photograph(root / "cat" / f"{count}.png", count)
        photograph(root / "dog" / f"{count}.png", 10 + count, side=16)
    return root


def copies(tmp_path):
    root = of(tmp_path, "cat", "dog")
    for count in range(6):
        photograph(root / "cat" / f"{count}.png", count)
        photograph(root / "dog" / f"{count}.png", 99)
    return root


BAD = {
    "missing": (lambda path: path / "nowhere", "There is no folder .*nowhere. Give the folder that holds one folder a"),
    "a file": (an_archive, r"images.tar is a file. .*An archive has to be unpacked first"),
    "empty": (lambda path: of(path, ""), "The folder .*images is empty. Give the folder"),
    "no class folders": (no_class_folders, "has 1 images and no folders, so nothing says which class an image is of"),
    "one class": (lambda path: of(path, "cat"), "has one class, cat: .*go one folder down"),
    "no images": (lambda path: of(path, "cat", "dog"), r"The folders in .*images \(cat, dog\) hold no images"),
    "a split": (
        lambda path: of(path, "train", "test", "val"),
        "are called test, train, val: those are parts of a split",
    ),
    "thousands": (lambda path: of(path, *map(str, range(2500))), "has 2,500 folders .*and 2,496 more.* one folder for"),
    "unreadable": (broken_files, r"1 of 2 classes have fewer than 5 .*: dog \(0\).* 0.jpg cannot be read as an image"),
    "tiny": (tiny_files, r"dog \(0\). 6 files were left out: 0.png has 16 by 16 pixels, fewer than 32"),
    "copies": (copies, r"fewer than 5 different images that can be used: dog \(1\)"),
}


@pytest.mark.parametrize(("make", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_folder_gets_a_sentence(tmp_path, make, sentence):
    with pytest.raises(projects.FolderError, match=re.compile(sentence, re.DOTALL)):
        projects.read_folder(make(tmp_path))


def test_a_folder_that_may_not_be_read_gets_a_sentence(pets, monkeypatch):
    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(projects.FolderError, match="pets cannot be read: Permission denied"):
        projects.read_folder(pets)


def test_what_cannot_be_used_is_left_out_with_its_reason(pets):
    whole = (pets / "cat" / "0.png").read_bytes()
    (pets / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    photograph(pets / "dog" / "small.png", 7, side=31)
    (pets / "dog" / "both.png").write_bytes((pets / "cat" / "1.png").read_bytes())
    (pets / "dog" / "notes.txt").write_text("a file of another kind")
    photograph(pets / "dog" / ".hidden" / "1.png", 8)
    found = projects.read_folder(pets)
    reasons = {file.name: reason for file, reason in found.left_out}
    assert reasons.keys() == {"cut.png", "small.png", "both.png", "1.png"}
    assert reasons["small.png"] == "has 31 by 31 pixels, fewer than 32"
    assert reasons["both.png"] == reasons["1.png"] == "stands in several classes: cat, dog"
    assert reasons["cut.png"].startswith("cannot be read as an image")
    assert len(found) == 11


# ----------------------------------------------------------------------------------------------------------- split


def test_the_parts_are_disjoint_and_copies_stay_together(pets):
    for count in range(6):  # of each image a copy under another name
        (pets / "cat" / f"copy of {count}.png").write_bytes((pets / "cat" / f"{count}.png").read_bytes())
    parts = projects.read_folder(pets).split()
    digests = [set(part.digests) for part in parts]
    assert len(set.union(*digests)) == sum(map(len, digests)) == 12
    assert sum(map(len, parts)) == 18
    assert all(set(part.labels) == {0, 1} for part in parts)


def test_the_split_depends_on_the_bytes_and_not_on_the_names(pets):
    before = [set(part.digests) for part in projects.read_folder(pets).split()]
    for number, file in enumerate(sorted(pets.rglob("*.png"))):
        file.rename(file.with_name(f"{(7 * number) % 12}_renamed.png"))
    assert [set(part.digests) for part in projects.read_folder(pets).split()] == before


def test_shares_that_leave_nothing_are_refused(pets):
    with pytest.raises(ValueError, match="validation is 0.5 and test 0.5"):
        projects.read_folder(pets).split(0.5, 0.5)


def test_batches_hold_every_image_with_its_label_once_an_epoch(pets):
    found = projects.read_folder(pets)
    batches = projects.Batches(found, side=48, batch_size=5, shuffle=True)
    seen = {}
    for number in range(len(batches)):
        for image, label in zip(*batches[number], strict=True):
            seen[image.tobytes()] = int(label)
    wanted = {
        np.asarray(Image.open(file)).tobytes(): int(label)
        for file, label in zip(found.files, found.labels, strict=True)
    }
    assert seen == wanted
    order = batches.order.tolist()
    batches.on_epoch_end()
    assert sorted(batches.order) == sorted(order)
    assert batches.order.tolist() != order


# ------------------------------------------------------------------------------------------------ command and script


class Pictures(html.parser.HTMLParser):
    """Alternative texts of all pictures, and every tag that is opened."""

    def __init__(self, text):
        super().__init__()
        self.alts, self.tags = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "img":
            self.alts.append(dict(attributes)["alt"])


@pytest.mark.slow
def test_the_command_makes_a_project_that_runs_and_reports(tmp_path, capsys):
    shapes = load("cats_vs_dogs", examples=60, size=64, source="stand-in")
    feeding.write_jpegs(shapes, tmp_path / "mine")
    # A name that would be a tag, if the report believed it.
    (tmp_path / "mine" / "cat").rename(tmp_path / "mine" / "<b>cat & $1")
    (tmp_path / "mine" / "dog" / "broken.jpg").write_bytes(b"")
    with pytest.raises(SystemExit) as end:
        main(["new-project", str(tmp_path / "my-pets"), "--images", str(tmp_path / "mine")])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "Folder of 60 images, 2 classes, 1 files left out\nleft out: dog/broken.jpg cannot be read" in printed

    program = "import classify; classify.main(base='small_vgg', side=64, epochs=2)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "my-pets", capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), "."])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"Accuracy [01]\.\d+ \(.*on 16 images that it has never seen", done.stdout)
    report = (tmp_path / "my-pets" / "report.html").read_text(encoding="utf-8")
    seen = Pictures(report)
    assert "b" not in seen.tags
    assert "&lt;b&gt;cat &amp; $1" in report
    assert any(text.startswith("Accuracy by epoch") for text in seen.alts)
    assert any("true classes down" in text and "of 16 are right" in text for text in seen.alts)
    assert any("1st: " in text and "2nd: " in text for text in seen.alts)
    assert "broken.jpg cannot be read" in report
    assert not re.search(r'(?:src|href)="(?!data:)', report)  # it needs no other file
    assert (tmp_path / "my-pets" / "model.keras").is_file()


def test_without_a_folder_it_is_about_the_pets(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    from course_utils import datasets

    few = {
        split: load("oxford_pets", split, examples=74 * 4, size=64, source="stand-in") for split in ("train", "test")
    }
    monkeypatch.setattr(datasets, "load", lambda name, split: few[split])
    found = projects.new_project(tmp_path / "my-pets")
    assert found.class_names == tuple(sorted(few["train"].class_names))
    assert len(found) == 2 * 74 * 4
    assert "IMAGES = 'images'" in (tmp_path / "my-pets" / "classify.py").read_text(encoding="utf-8")


def test_a_bad_folder_leaves_no_project_and_ends_in_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["new-project", str(tmp_path / "my-pets"), "--images", str(of(tmp_path, "cat"))])
    assert "has one class, cat" in capsys.readouterr().err
    assert not (tmp_path / "my-pets").exists()


def test_what_is_there_already_stays(tmp_path, pets):
    (tmp_path / "my-pets").mkdir()
    (tmp_path / "my-pets" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="There is something at .*my-pets already"):
        projects.new_project(tmp_path / "my-pets", pets)
    assert [file.name for file in (tmp_path / "my-pets").iterdir()] == ["thesis.txt"]


def test_the_endings_are_those_that_pillow_reads():
    known = Image.registered_extensions()
    assert all(ending in known for ending in folders.ENDINGS)
