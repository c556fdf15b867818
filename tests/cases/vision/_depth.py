"""What the Cases of depth share: maps one by one."""

from __future__ import annotations

import numpy as np

BAD_PIXELS = ({"pixel_ndim": 0}, {"pixel_ndim": 2}, {"pixel_ndim": 1.0})


def each_map(fn, *maps):
    """``fn`` of the pixels ``[N]`` of every map, stacked."""
    flat = [x.reshape(-1, x.shape[-1]) for x in maps]
    return np.reshape([fn(*pixels) for pixels in zip(*flat, strict=True)], maps[0].shape[:-1])
