"""Occlusion: cover a part of the image, see how the score of a class falls, and do so everywhere.

`cover` covers images and makes maps of scores, `networks` chooses between whole passes and windows and keeps what was
compiled, `plan` says which windows of each map are computed again, `windows` computes them.
"""

from .cover import OcclusionMap, occlusion_map

__all__ = ["OcclusionMap", "occlusion_map"]
