"""The IoU loss that weights the distance of two boxes by its direction."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import power
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision.detection._centres import relative_centres, relative_lengths
from jaxloss.vision.detection._overlap import box_pair, lack_of_overlap

__all__ = ["siou_loss"]


def siou_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    theta: Scalar = 4.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SCYLLA-IoU loss (SIoU): IoU loss plus costs of the distance and angle of the centres and of the shapes.

    .. math:: \ell = 1 - \mathrm{IoU} + \frac{1}{2} \sum_{t \in \{x, y\}} \left(1 - e^{-(2 - \Lambda) \rho_t^2}\right)
              + \frac{1}{2} \sum_{t \in \{w, h\}} \left(1 - e^{-\omega_t}\right)^\theta

    with the distance of the centres over the side of the smallest enclosing box, :math:`\rho_x = \Delta x / c_w` and
    :math:`\rho_y = \Delta y / c_h`; the angle cost :math:`\Lambda = \sin 2 \alpha`, where :math:`\alpha` is the angle
    of the line of the centres to an axis; and :math:`\omega_w = |w - w'| / \max(w, w')`, :math:`\omega_h` alike.
    Centres that differ along one axis only are pulled up to twice as much as those on a diagonal. An inverted side,
    x1 < x0, counts as one of length 0 at its middle, as in `jaxloss.diou_loss`.

    Args:
        predictions: Boxes ``(x0, y0, x1, y1)``, shape ``[..., 4]``, floating; x and y in the same unit.
        targets: Boxes of the same shape; floating or integer.
        theta: Exponent :math:`\theta` of the difference of shape; >= 1. The paper takes 2 to 6: the larger, the less
            small differences count.
        where, weights, reduction: One entry per box, shape ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 3); 0 exactly at a perfect fit.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, the last axis does not have four entries, or ``theta`` is less than 1.

    Example:
        >>> jaxloss.siou_loss(jnp.array([0.0, 0.0, 2.0, 1.0]), jnp.array([0.0, 0.0, 1.0, 2.0]))
        Array(0.75122225, dtype=float32)

    Reference:
        Gevorgyan (2022), SIoU Loss: More Powerful Learning for Bounding Box Regression.
        https://arxiv.org/abs/2205.12740
    """
    box, target = box_pair(predictions, targets, where)
    lack = lack_of_overlap(box, target)
    theta = checks.scalar("theta", theta, lack.dtype, at_least=1)
    *centres, angle = relative_centres(box, target)
    distance = sum(-jnp.expm1(-(2 - angle) * jnp.square(share)) for share in centres)
    shape = sum(power(-jnp.expm1(-share), theta) for share in relative_lengths(box, target))
    return reduce(lack + 0.5 * (distance + shape), where=where, weights=weights, reduction=reduction)
