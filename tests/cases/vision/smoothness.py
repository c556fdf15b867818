"""Cases of `jaxloss.vision.image_quality.smoothness`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.vision._images import each_image


def _image(height, width, channels):
    return lambda rng, batch: {"images": rng.normal(size=(*batch, height, width, channels))}


def _total_variation(image, isotropic):
    total = 0.0
    height, width, channels = image.shape
    for h, w, c in np.ndindex(height, width, channels):
        down = image[h + 1, w, c] - image[h, w, c] if h + 1 < height else 0.0
        right = image[h, w + 1, c] - image[h, w, c] if w + 1 < width else 0.0
        total += np.hypot(down, right) if isotropic else abs(down) + abs(right)
    return total


CASES = [
    Case(
        fn=jaxloss.total_variation_loss,
        draw=_image(3, 4, 2),
        oracle=lambda images: each_image(lambda image: _total_variation(image, False), (images,)),
        source="formula",
        perfect=lambda rng, batch: {"images": np.broadcast_to(rng.normal(size=(*batch, 1, 1, 2)), (*batch, 3, 4, 2))},
        convex=True,
        structures={"one row": _image(1, 3, 1), "one column": _image(4, 1, 2), "one pixel": _image(1, 1, 3)},
        extremes={
            "one pixel": {"images": np.ones((1, 1, 1, 2))},
            "large": {"images": np.array([[[1e37], [-1e37]], [[0.0], [1e-30]]])[None]},
        },
        translates=(("images",),),
    ),
    Case(
        fn=jaxloss.isotropic_total_variation_loss,
        draw=_image(3, 4, 2),
        oracle=lambda images: each_image(lambda image: _total_variation(image, True), (images,)),
        source="formula",
        perfect=lambda rng, batch: {"images": np.broadcast_to(rng.normal(size=(*batch, 1, 1, 2)), (*batch, 3, 4, 2))},
        convex=True,
        structures={"one row": _image(1, 3, 1), "one column": _image(4, 1, 2), "one pixel": _image(1, 1, 3)},
        extremes={
            "one pixel": {"images": np.ones((1, 1, 1, 2))},
            "large": {"images": np.array([[[1e37], [-1e37]], [[0.0], [1e-30]]])[None]},
        },
        translates=(("images",),),
    ),
]
