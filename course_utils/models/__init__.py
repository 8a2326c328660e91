"""Every architecture of the course, one file a family, and where trained weights are found."""

import importlib

# name -> module: looked up on first use, so that `course_utils.models` itself does not load Keras. No function has the
# name of its module: whichever of the two is bound last would win.
_HOMES = {
    **dict.fromkeys(("dense_network", "model_1", "model_2", "model_3", "model_4", "model_5"), "scratch"),
    **dict.fromkeys(("BASES", "pretrained_base"), "bases"),
    "efficientnet_lite": "efficientnet",
    **dict.fromkeys(("mini_xception", "residual_block", "residual_network", "separable_block"), "blocks"),
    "small_convnet": "few_images",
    **dict.fromkeys(("PixelLoss", "segmenter", "tapped", "unet"), "segmentation"),
    **dict.fromkeys(("features", "unfreeze", "with_classifier"), "transfer"),
    **dict.fromkeys(("small_vgg", "vgg16"), "vgg"),
    **dict.fromkeys(("Prediction", "classify", "imagenet_classes"), "predictions"),
    "WeightsUnavailable": "weights",
}
_MODULES = (
    "bases", "blocks", "efficientnet", "few_images", "in_torch", "predictions", "pretraining", "scratch",
    "segmentation", "torch_files", "transfer", "vgg", "weights",
)  # fmt: skip

__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
