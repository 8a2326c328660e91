"""The arithmetic of convolutional networks: output sizes, parameters, multiply-adds, memory, receptive fields.

`sizes` counts for one layer, `fields` follows a chain of layers, `summary` does both for a whole Keras model. Nothing
here needs a framework: Keras is met only through the model that is handed to `summarize`.

>>> conv_output_size(32, 5, padding=2)
32
"""

from .changes import occlusion_bound
from .fields import ReceptiveField, receptive_field, receptive_fields
from .sizes import (
    conv_multiply_adds,
    conv_output_size,
    conv_parameters,
    dense_parameters,
    pool_output_size,
    same_padding,
)
from .summary import Row, Summary, summarize

__all__ = [
    "ReceptiveField", "Row", "Summary", "conv_multiply_adds", "conv_output_size", "conv_parameters", "dense_parameters",
    "occlusion_bound", "pool_output_size", "receptive_field", "receptive_fields", "same_padding", "summarize",
]  # fmt: skip
