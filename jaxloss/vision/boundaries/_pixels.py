"""Predicted and target masks whose pixels keep their places, and what each pixel counts."""

from __future__ import annotations

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import blank, relative_mass
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.vision._pools import check_pixel_ndim, flat, flat_mask

__all__ = ["mask_pair"]


def mask_pair(
    probs: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Array, Array, Array | None, Array | None]:
    """Both masks, blanked, the mass of each pixel, all ``[..., *pixels]``, and which images ``[...]`` have any."""
    probs, targets = checks.values(probs=probs, targets=checks.marks(targets))
    check_pixel_ndim(pixel_ndim, probs.shape, "probs")
    probs, targets = blank(where, probs, targets)
    value_checks.ensure_probabilities(probs=probs, targets=targets)
    if weights is not None:
        weights = flat(checks.example_weights(weights, probs.shape, probs.dtype), pixel_ndim)
    mass, present = relative_mass(flat_mask(where, probs.shape, pixel_ndim), weights, flat(probs, pixel_ndim))
    return probs, targets, None if mass is None else mass.reshape(probs.shape), present
