"""The arithmetic of convolutional networks: output sizes, parameters, multiply-adds, memory, receptive fields.

`sizes` counts for one layer, `fields` follows a chain of layers, `summary` does both for a whole Keras model. Nothing
here needs a framework: Keras is met only through the model that is handed to `summarize`.

>>> conv_output_size(32, 5, padding=2)
32
"""

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


def __getattr__(name):
    if name == "occlusion_bound":  # looked up on first use: it needs NumPy, the rest only Python
        from .changes import occlusion_bound

        return occlusion_bound
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
