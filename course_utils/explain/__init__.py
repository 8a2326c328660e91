"""What a network looks at: saliency by occlusion and by gradients, what its layers hold, and how good a map is.

Everything here takes a Keras model as it is, on any backend, and images as its input layer expects them: arrays
(images, height, width, channels). Maps come back as arrays in the images' height and width.
"""

import importlib

# name -> module: looked up on first use, so that `course_utils.explain` itself does not load Keras
_HOMES = {
    "Curve": "evaluate",
    "GradCam": "cam",
    "OcclusionMap": "occlusion",
    "PointingGame": "evaluate",
    "Randomisation": "randomise",
    "activations": "features",
    "agreement": "evaluate",
    "deletion": "evaluate",
    "energy_inside": "evaluate",
    "filters": "features",
    "grad_cam": "cam",
    "gradient": "gradients",
    "input_gradient": "gradients",
    "insertion": "evaluate",
    "occlusion_map": "occlusion",
    "pointing_game": "evaluate",
    "randomisation": "randomise",
}
_MODULES = ("cam", "evaluate", "features", "gradients", "occlusion", "randomise")

__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
