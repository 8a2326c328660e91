"""A photograph on which the reader of a page moves a patch, and sees what a network then says of it.

What the network says at every position is computed beforehand and stored with the page. Where no script runs, as in
Jupyter and Colab, a still picture shows one position.
"""

import base64
import html
import io
import json

import numpy as np


class PatchExplorer:
    """The picture and its numbers, as HTML. A notebook shows it; `book/_static/patch-explorer.js` moves the patch.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    grids : dict of int to array of float, shape (classes, rows, columns)
        For each size of the patch, in pixels, the probability of each class with the patch at each position, evenly
        apart: the first at the upper left corner, the last at the lower right one or before it.
    clean : array of float, shape (classes,)
        The probabilities of the whole image. The class that stands first is the one that the reader is asked about.
    names : sequence of str
        Of the classes.
    stride : int
        Pixels between two positions.
    fill : (int, int, int)
        Colour of the patch, from 0 to 255.
    alt : str
        What is to be seen in the photograph, in words.

    Attributes
    ----------
    still : tuple of int
        (patch, row, column) of the position that the still picture shows. It is where the script starts and gives
        nothing away: the upper left corner, with the second size of patch where there are several.

    Raises
    ------
    ValueError
        The numbers do not fit the image or one another.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[[0.9, 0.2]], [[0.1, 0.8]]])
    >>> found = PatchExplorer(np.zeros((8, 16, 3), "uint8"), {8: scores}, [0.9, 0.1], ["cat", "dog"], 8, alt="Black.")
    >>> found.still, "cat 0.90" in found._repr_html_()
    ((8, 0, 0), True)
    """

    def __init__(self, image, grids, clean, names, stride, fill=(127, 127, 127), alt=""):
        image, clean = np.asarray(image), np.asarray(clean, float)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(f"image is {image.dtype} of shape {image.shape}; expected uint8, (height, width, 3).")
        if clean.shape != (len(names),) or not grids:
            raise ValueError(f"clean has shape {clean.shape} for {len(names)} names and {len(grids)} sizes of patch.")
        self._grids = {}
        for patch, scores in grids.items():
            scores = np.asarray(scores, float)
            sides = tuple((side - patch) // stride + 1 for side in image.shape[:2])
            if scores.shape != (len(names), *sides):
                raise ValueError(
                    f"the scores of patch {patch} have shape {scores.shape}; expected {(len(names), *sides)}: classes, "
                    f"rows and columns of positions every {stride} pixels."
                )
            self._grids[int(patch)] = scores
        self._image, self._clean, self._names, self._alt = image, clean, tuple(names), alt
        self._stride, self._fill = int(stride), tuple(map(int, fill))
        self.still = list(self._grids)[:2][-1], 0, 0

    def __repr__(self):  # the same in every run: a notebook stores it beside the picture
        sizes = ", ".join(map(str, self._grids))
        return f"PatchExplorer({len(self._names)} classes, patches of {sizes} pixels)"

    def _repr_html_(self):
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(self._image).save(file, "JPEG", quality=88)
        picture = base64.b64encode(file.getvalue()).decode()
        height, width = self._image.shape[:2]
        patch, row, column = self.still
        there = self._grids[patch][:, row, column]
        place = [
            f"left:{100 * column * self._stride / width:.3f}%", f"top:{100 * row * self._stride / height:.3f}%",
            f"width:{100 * patch / width:.3f}%", f"height:{100 * patch / height:.3f}%",
        ]  # fmt: skip
        numbers = {
            "height": height, "width": width, "stride": self._stride, "names": self._names,
            "fill": self._fill, "clean": _short(self._clean),
            "grids": [{"patch": size, "scores": _short(scores)} for size, scores in self._grids.items()],
        }  # fmt: skip
        data = json.dumps(numbers, separators=(",", ":")).replace("<", "\\u003c")
        return (
            '<div class="patch-explorer"><div style="position:relative;max-width:24rem">'
            f'<img alt="{html.escape(self._alt)}" src="data:image/jpeg;base64,{picture}" '
            'style="display:block;width:100%">'
            f'<span style="position:absolute;background:rgb{self._fill};{";".join(place)}"></span></div>'
            f"<p>Without a patch: {self._listed(self._clean)}.<br>With the patch where it is: {self._listed(there)}. "
            "On the page of the book, where scripts run, the patch can be moved.</p>"
            f'<script type="application/json">{data}</script></div>'
        )

    def _listed(self, probabilities):
        return ", ".join(
            f"{html.escape(name)} {share:.2f}" for name, share in zip(self._names, probabilities, strict=True)
        )


def _short(values):
    """Nested lists with four digits behind the point, more than the page shows."""
    return np.round(np.asarray(values, float), 4).tolist()
