"""Distillation of feature maps: the student attends to where the teacher does."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.distillation._directions import squared_chord

__all__ = ["attention_transfer_loss"]


def _attention(features: Array, power: Scalar) -> Array:
    """The sum of ``|features| ** power`` over the channels, ``[..., H * W]``, up to a factor."""
    *batch, height, width, _ = features.shape
    sizes = numerics.magnitude(features / numerics.scale_of(features, (-3, -2, -1)))
    plain = isinstance(power, float) and power == 2
    powers = jnp.square(sizes) if plain else numerics.power(sizes, power)
    return jnp.sum(powers, axis=-1).reshape(*batch, height * width)


def attention_transfer_loss(
    features: ArrayLike,
    teacher_features: ArrayLike,
    *,
    power: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Attention transfer: mean squared difference between the normalised attention maps of student and teacher.

    .. math:: \ell = \frac{1}{H W} \left\| \frac{Q}{\|Q\|_2} - \frac{Q'}{\|Q'\|_2} \right\|_2^2, \qquad
              Q_{hw} = \sum_c | A_{hwc} |^p

    with the activations :math:`A` of a layer of the student and those of the teacher in :math:`Q'`. The map says how
    much all channels together attend to a place, so the two networks may differ in their number of channels. A map of
    zeros stays zero when it is normalised. As in the authors' code, the squares are averaged over places, where the
    paper writes a norm: their factor of 1000 belongs to this form. For features of another resolution, resize one of
    them before; for tokens ``[..., L, C]``, add an axis of height 1.

    Args:
        features: Activations of the student, shape ``[..., H, W, C]``, floating.
        teacher_features: Activations of the teacher, shape ``[..., H, W, C']``, floating; ``C'`` may differ from ``C``.
            They are differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        power: Exponent p > 0; the larger, the more the strongest channel of a place counts.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2 / (H W)]``; 0 exactly for equal features, with zero gradient.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ in other axes than the last, an axis of an example is empty, or ``power`` is
            not positive.

    Example:
        >>> features = jnp.array([[[3.0], [0.0]]])
        >>> jaxloss.attention_transfer_loss(features, jnp.array([[[1.0, 2.0], [0.0, 0.0]]]))
        Array(0., dtype=float32)
        >>> jaxloss.attention_transfer_loss(features, jnp.array([[[0.0, 0.0], [1.0, 2.0]]]))
        Array(1., dtype=float32)

    Reference:
        Zagoruyko and Komodakis (2017), Paying More Attention to Attention: Improving the Performance of Convolutional
        Neural Networks via Attention Transfer. https://arxiv.org/abs/1612.03928
    """
    student, teacher = checks.floating(features=features, teacher_features=teacher_features)
    checks.with_axes("height width channels", features=student, teacher_features=teacher)
    expected = (*student.shape[:-1], teacher.shape[-1])
    checks.has_shape(expected, "features.shape[:-1], and channels of its own", teacher_features=teacher)
    student, teacher = blank(where, student, teacher, event_ndim=3)
    power = checks.scalar("power", power, student.dtype, above=0)
    values = squared_chord(*(_attention(x, power) for x in (student, teacher)))
    size = student.shape[-3] * student.shape[-2]
    return reduce(values / size, where=where, weights=weights, reduction=reduction)
