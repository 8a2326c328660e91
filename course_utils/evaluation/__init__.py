"""How good predictions are, over plain arrays: scores of classes, of confidence, and of regions.

Nothing here knows about networks. Labels are integers from 0, probabilities have one row an image and one column a
class, boxes are x0, y0, x1, y1 in pixels, masks are 0 and 1; every function says so when it is given something else.
"""

from .classes import accuracy, confusion, macro_f1, most_confused, per_class_report
from .confidence import Calibration, calibration, fit_temperature, soften
from .detection import average_precision, nms
from .intervals import wilson_interval
from .pixels import class_dice, class_iou, mean_iou
from .regions import box_iou, mask_iou, smooth_l1

__all__ = [
    "Calibration",
    "accuracy",
    "average_precision",
    "box_iou",
    "calibration",
    "class_dice",
    "class_iou",
    "confusion",
    "fit_temperature",
    "macro_f1",
    "mask_iou",
    "mean_iou",
    "most_confused",
    "nms",
    "per_class_report",
    "smooth_l1",
    "soften",
    "wilson_interval",
]
