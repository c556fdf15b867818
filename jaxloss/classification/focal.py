"""Cross-entropy that concentrates on hard examples: focal losses and online hard example mining."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss import reductions
from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.sigmoids import logit_sides, times_surprise, unless_absent
from jaxloss._floor.reduction import blank, hide, pool_mass, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["ohem_cross_entropy", "sigmoid_focal_loss", "softmax_focal_loss"]


@jax.custom_jvp
def _miss(logits: Array, targets: Array) -> Array:
    """The probability of the wrong side, ``t sigmoid(-z) + (1 - t) sigmoid(z)``, from one exponential."""
    up, _, small = logit_sides(logits)
    agreed = jnp.where(up, targets, 1 - targets)
    # Not a quotient: XLA on CPU stores one that is used more than once.
    return (agreed * small + (1 - agreed)) * (1 / (1 + small))


@_miss.defjvp
def _miss_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    logits, targets = primals
    _, _, small = logit_sides(logits)
    slope = (1 - 2 * targets) * (small * jnp.square(1 / (1 + small)))
    return _miss(logits, targets), slope * tangents[0] - jnp.tanh(0.5 * logits) * tangents[1]


def sigmoid_focal_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: Scalar | None = None,
    gamma: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sigmoid focal loss: elementwise binary cross-entropy in which easy examples count less.

    With :math:`p = \sigma(z)` and :math:`p_t = t p + (1 - t)(1 - p)`:

    .. math:: \ell = \alpha_t \, (1 - p_t)^\gamma \left(-t \log p - (1 - t) \log (1 - p)\right),
              \qquad \alpha_t = \alpha t + (1 - \alpha)(1 - t)

    The formula of optax and torchvision, for soft targets too. Other packages differ in the default of ``alpha``:
    torchvision and Kornia balance with 0.25, Keras has 0.25 and ignores it unless told otherwise.

    Args:
        logits: Shape ``[...]``, floating, unnormalised. An infinite logit is certain: its loss is 0 with slope 0 where
            it is right, and infinite elsewhere.
        targets: Shape ``[...]``, the same; probabilities of the positive class, floating or integer, in [0, 1].
            A target outside gives NaN.
        alpha: Weight of the positive class, against ``1 - alpha`` for the negative; in [0, 1]. None: no balance,
            both have weight 1.
        gamma: Exponent that focuses on hard examples; >= 0. 0 is cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.sigmoid_focal_loss(jnp.array([0.0, -4.0]), jnp.array([1, 0]), reduction="none")
        Array([1.732868e-01, 5.871570e-06], dtype=float32)

    Reference:
        Lin et al. (2017), Focal Loss for Dense Object Detection. https://arxiv.org/abs/1708.02002
    """
    logits, targets = checks.values(logits=logits, targets=checks.marks(targets))
    logits, targets = blank(where, logits, targets)
    gamma = checks.scalar("gamma", gamma, logits.dtype, at_least=0)
    share = numerics.power(_miss(logits, targets), gamma)
    surprise = sigmoid_binary_cross_entropy(logits, targets, reduction="none")
    if alpha is not None:
        alpha = checks.scalar("alpha", alpha, logits.dtype, at_least=0, at_most=1)
        share = share * (alpha * targets + (1 - alpha) * (1 - targets))
        surprise = unless_absent(surprise, ((targets <= 0) & (alpha >= 1)) | ((targets >= 1) & (alpha <= 0)))
    values = times_surprise(share, surprise)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def softmax_focal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    alpha: ArrayLike | None = None,
    gamma: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softmax focal loss: cross-entropy in which easy examples count less.

    With :math:`p = \mathrm{softmax}(z)`:

    .. math:: \ell = -\alpha_y \, (1 - p_y)^\gamma \log p_y

    One softmax over all classes. (The multi-class mode of some packages is a sum of binary focal losses instead:
    for that, call `jaxloss.sigmoid_focal_loss` with one-hot targets.)

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        alpha: Factors of the classes, shape ``[K]``, >= 0; None is 1 for all. They scale the losses and do not enter
            the denominator of a mean.
        gamma: Exponent that focuses on hard examples; >= 0. 0 is cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or a hyperparameter is out of
            range.

    Example:
        >>> logits = jnp.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        >>> jaxloss.softmax_focal_loss(logits, jnp.array([0, 2]), reduction="none")
        Array([0.01086933, 0.48827216], dtype=float32)

    Reference:
        Lin et al. (2017), Focal Loss for Dense Object Detection. https://arxiv.org/abs/1708.02002
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    nll = softmax_cross_entropy_with_integer_labels(logits, labels, where=where, reduction="none")
    gamma = checks.scalar("gamma", gamma, nll.dtype, at_least=0)
    values = nll * numerics.power(-jnp.expm1(-nll), gamma)
    if alpha is not None:
        (factors,) = checks.class_vector(logits.shape[-1], nll.dtype, alpha=alpha)
        values = values * factors[hide(where, labels)]
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ohem_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    keep_fraction: Scalar = 0.25,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean softmax cross-entropy of the hardest examples of the last axis (online hard example mining).

    .. math:: \ell = \frac{\sum_{i \in H} w_i \ell_i}{\sum_{i \in H} w_i}, \qquad
              |H| = \lceil f \cdot \text{valid entries} \rceil

    with H the entries of the largest cross-entropies :math:`\ell_i`. The last axis is pooled: pass the pixels of an
    image flat, or a batch flat to mine the whole of it. For the hardest examples of any other loss use
    ``reduction=jaxloss.reductions.top_fraction(f)``.

    Args:
        logits: Shape ``[..., N, K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[..., N]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        keep_fraction: Share :math:`f` of the valid entries that counts, rounded up to whole entries; in (0, 1]. The
            choice is not differentiated.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; at least the mean cross-entropy of the pool if there are no weights.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, there is no axis N, or
            ``keep_fraction`` is out of range; or if every pool has one entry, as in ``[N, 1, K]``.

    Example:
        >>> logits = jnp.array([[3.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
        >>> jaxloss.ohem_cross_entropy(logits, jnp.zeros(4, int))
        Array(1.3132617, dtype=float32)

    Reference:
        Shrivastava et al. (2016), Training Region-Based Object Detectors with Online Hard Example Mining.
        https://arxiv.org/abs/1604.03540
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    checks.with_pool("entries", labels=labels)
    each = softmax_cross_entropy_with_integer_labels(logits, labels, where=where, reduction="none")
    where, weights, each = whole_pool(axis_name, where, weights, each)
    keep_fraction = checks.scalar("keep_fraction", keep_fraction, each.dtype, above=0, at_most=1)
    mass, present = pool_mass(where, weights, each)
    mass = jnp.ones(each.shape, each.dtype) if mass is None else mass.astype(each.dtype)
    hardest = reductions.top_fraction(keep_fraction)
    for _ in each.shape[:-1]:
        hardest = jax.vmap(hardest)
    return reduce(hardest(each, mass), where=present, reduction=reduction)
