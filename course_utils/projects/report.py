"""The report of a project: one HTML file about how often a model is right, where it is wrong, and where it looked."""

import base64
import html
import io
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from .. import evaluation, explain, plots
from .batches import Batches

MOST_IN_MATRIX = 40  # classes; the figure of more cannot be read
EXPLAINED = 6  # images of each kind

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; } th, td { text-align: right; padding: 0.1rem 0.8rem; }
th:first-child, td:first-child { text-align: left; } tr + tr { border-top: 1px solid #8884; }
.wide { overflow-x: auto; }
"""


@dataclass(frozen=True)
class Result:
    """What a report found. Made by `write_report`.

    Attributes
    ----------
    accuracy : float
    interval : (float, float)
        Where the accuracy on many more such images would lie, with a confidence of 0.95.
    baseline : float
        Accuracy of always naming the class that is most frequent in training.
    images : int
        That were scored.
    """

    accuracy: float
    interval: tuple
    baseline: float
    images: int

    def __str__(self):
        low, high = self.interval
        return (
            f"Accuracy {self.accuracy:.3f} ({low:.3f} to {high:.3f}) on {self.images:,} images that it has never seen; "
            f"{self.baseline:.3f} for always naming the commonest class"
        )


def write_report(path, model, train, validation, test, history, base_name):
    """Score a model on the test images of a folder, explain some of its answers, and write all of it into one file.

    Parameters
    ----------
    path : path-like
        Such as ``"report.html"``. The file needs nothing else: its pictures are inside.
    model : keras.Model
        Images (batch, side, side, 3) as they are stored in, one probability a class out.
    train, validation, test : Folder
        From `Folder.split`.
    history : dict of list of float
        What ``fit`` recorded.
    base_name : str
        Which trained network the model stands on.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        The model does not give one probability for each class of the folder.

    Notes
    -----
    Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> result = write_report("report.html", model, *folder.split(), history.history, "efficientnet_lite0")
    ... # doctest: +SKIP
    >>> print(Result(0.97, (0.94, 0.99), 0.5, 200))
    Accuracy 0.970 (0.940 to 0.990) on 200 images that it has never seen; 0.500 for always naming the commonest class
    """
    names, side = test.class_names, model.input_shape[1]
    if model.output_shape[-1] != len(names):
        raise ValueError(
            f"write_report: the model has {model.output_shape[-1]} outputs and the folder {len(names)} classes; there "
            "must be one probability for each class."
        )
    batches = Batches(test, side)
    probabilities = np.asarray(model.predict(batches, verbose=0), "float64")
    guess = probabilities.argmax(axis=1)
    right = guess == test.labels
    result = Result(
        float(right.mean()),
        tuple(map(float, evaluation.wilson_interval(int(right.sum()), len(right)))),
        float((test.labels == np.bincount(train.labels, minlength=len(names)).argmax()).mean()),
        len(right),
    )
    sure = probabilities.max(axis=1)
    mistakes = np.flatnonzero(~right)
    mistakes = mistakes[np.argsort(-sure[mistakes], kind="stable")][:EXPLAINED]
    best_of_each = [int(max(np.flatnonzero(right & (guess == label)), key=sure.__getitem__, default=-1))
                    for label in range(len(names))]  # fmt: skip
    surest = sorted((index for index in best_of_each if index >= 0), key=lambda index: -sure[index])[:EXPLAINED]

    parts = [
        f"<h1>{', '.join(map(html.escape, names[:6]))}{' and more' if len(names) > 6 else ''}</h1>",
        f"<p><strong>{html.escape(str(result))}.</strong></p>",
        f"<p>{len(train):,} images to train on, {len(validation):,} to choose the best epoch by, {len(test):,} to be "
        f"scored on, {len(names):,} classes. The network is {html.escape(base_name)}, its weights as they came, with a "
        f"new classifier; Keras {keras.__version__} on {keras.config.backend()}. One training: another seed may give "
        "another result inside the interval, and similar photographs in two parts make it look too good.</p>",
        _section("How it learned", _picture(plots.learning_curves({"this model": [history]}), _curve_text(history))),
        _section("Class by class", _classes(test.labels, guess, names)),
        _section("What it confuses", _confusions(test.labels, guess, names)),
        _section("Its surest mistakes", _explained(model, batches, probabilities, mistakes, test)),
        _section("Where it looks when it is right", _explained(model, batches, probabilities, surest, test)),
        _section("Files that were left out", _left_out(test)),
    ]
    text = "\n".join(parts)
    Path(path).write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>How well it tells them apart</title><style>{_STYLE}</style></head>\n<body>\n{text}\n</body>\n"
        "</html>\n",
        encoding="utf-8",
    )
    return result


def _section(title, content):
    return f"<h2>{title}</h2>\n{content}"


def _picture(figure, text):
    figure.savefig(stored := io.BytesIO(), format="png", dpi=110)
    content = base64.b64encode(stored.getvalue()).decode()
    return f'<p><img alt="{html.escape(text)}" src="data:image/png;base64,{content}"></p>'


def _curve_text(history):
    return (
        f"Accuracy by epoch. In training it ends at {history['accuracy'][-1]:.3f}, "
        f"on the images to validate at {history['val_accuracy'][-1]:.3f}."
    )


def _classes(labels, guess, names):
    report = evaluation.per_class_report(labels, guess, names)
    rows = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td>{row['precision']:.2f}</td><td>{row['recall']:.2f}</td>"
        f"<td>{row['F1']:.2f}</td><td>{int(row['support']):,}</td></tr>"
        for name, row in report.iterrows()
    )
    head = "<tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>images</th></tr>"
    return (
        "<p>Precision: of those that it calls so, how many are. Recall: of those that are, how many it calls so.</p>"
        f'<div class="wide"><table>{head}{rows}</table></div>'
    )


def _confusions(labels, guess, names):
    matrix = evaluation.confusion(labels, guess, len(names))
    wrong = matrix - np.diag(np.diag(matrix))
    pairs = [divmod(int(place), len(names)) for place in np.argsort(-wrong, axis=None, kind="stable")[:10]]
    lines = "".join(
        f"<li>{html.escape(names[true])}, called {html.escape(names[said])}: {wrong[true, said]:,} of "
        f"{matrix[true].sum():,}</li>"
        for true, said in pairs
        if wrong[true, said]
    )
    listed = f"<ul>{lines}</ul>" if lines else "<p>Nothing, on these images.</p>"
    if len(names) > MOST_IN_MATRIX:
        return listed
    text = f"A square of numbers: true classes down, answers across. {np.trace(matrix):,} of {len(labels):,} are right."
    return listed + _picture(plots.confusion_matrix(matrix, list(names)), text)


def _explained(model, batches, probabilities, chosen, folder):
    """Each image beside where the network looked for its best and for its second answer."""
    if not len(chosen):
        return "<p>There are none among these images.</p>"
    names = folder.class_names
    images = batches.images(chosen)
    order = np.argsort(-probabilities[chosen], axis=1, kind="stable")
    pixels = images.astype("float32")
    maps = [explain.grad_cam(model, pixels, class_index=order[:, rank]).heatmap for rank in (0, 1)]
    shown = np.stack([images, images, images], axis=1).reshape(-1, *images.shape[1:])
    over = np.stack([np.zeros_like(maps[0]), *maps], axis=1).reshape(-1, *images.shape[1:3])
    titles = []
    for index, (first, second) in zip(chosen, order[:, :2], strict=True):
        share = probabilities[index]
        titles += [
            f"it is: {names[folder.labels[index]]}",
            f"1st: {names[first]} {share[first]:.2f}",
            f"2nd: {names[second]} {share[second]:.2f}",
        ]
    figure = plots.saliency_overlay(shown, over, titles=[_plain(title) for title in titles], columns=3)
    files = "".join(f"<li>{html.escape(str(folder.files[index].relative_to(folder.path)))}</li>" for index in chosen)
    text = (
        f"{len(chosen)} images in grey, a row each: without a map, with the places that speak for the first answer, "
        f"and with those for the second. {'; '.join(titles)}"
    )
    return (
        "<p>Warm colours: where the last feature maps speak for that answer (Grad-CAM, each map on a scale of its "
        "own). They are coarse, and show where, not what. Top to bottom:</p>"
        f"<ol>{files}</ol>" + _picture(figure, text)
    )


def _plain(title):
    """A title in which no dollar begins a formula, and no longer than its picture is wide."""
    title = title.replace("$", r"\$")
    return title if len(title) <= 24 else title[:22] + ".."


def _left_out(folder):
    if not folder.left_out:
        return "<p>None.</p>"
    rows = "".join(
        f"<li>{html.escape(str(file.relative_to(folder.path)))} {html.escape(reason)}</li>"
        for file, reason in folder.left_out[:50]
    )
    more = f"<p>And {len(folder.left_out) - 50:,} more.</p>" if len(folder.left_out) > 50 else ""
    return f"<ul>{rows}</ul>{more}"
