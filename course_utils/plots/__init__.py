"""Every recurring figure of the course. Each function returns the matplotlib Figure; `style` says how they look."""

import importlib

# name -> module: looked up on first use, so that `course_utils.plots` itself loads neither matplotlib nor seaborn
_HOMES = {
    "PatchExplorer": "patch_explorer",
    "ablation": "augmentation",
    "asked_twice": "augmentation",
    "block_diagrams": "blocks",
    "boxes": "overlays",
    "computational_graph": "graphs",
    "class_scatter": "transfer",
    "confusion_matrix": "training",
    "curve": "landscapes",
    "feature_map_grid": "features",
    "filter_grid": "features",
    "histogram_rows": "distributions",
    "image_grid": "images",
    "landscape": "landscapes",
    "layer_differences": "frameworks",
    "learning_curves": "training",
    "loss_curves": "training",
    "masks": "overlays",
    "model_comparison": "training",
    "rate_sweep": "training",
    "regions": "segmentation",
    "removal_curves": "saliency",
    "reliability_diagram": "training",
    "saliency_overlay": "saliency",
    "scores_by_count": "transfer",
    "templates": "features",
    "two_scores": "training",
}
_MODULES = (
    "augmentation", "blocks", "cnn_library", "cnn_math", "distributions", "features", "frameworks", "graphs", "images",
    "landscapes", "overlays", "patch_explorer", "saliency", "segmentation", "style", "training", "transfer",
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
