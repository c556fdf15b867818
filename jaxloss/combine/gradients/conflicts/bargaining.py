"""Fair division of progress among the terms: Nash-MTL and FairGrad."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import cosines, dot, resolution, reveal, without
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian

__all__ = ["fairgrad", "fairgrad_weights", "nash", "nash_weights"]

STEPS = 100


def fairgrad_weights(gram: Array, *, fairness: Scalar, present: Array | None = None) -> Array:
    r"""Weights of FairGrad: the update of a given length with the largest total utility of progress.

    .. math:: G w = w^{-1/\alpha}, \quad w > 0

    With :math:`\alpha` = 1 it is Nash bargaining. For large :math:`\alpha` only the smallest progress counts, and near
    0 the sum of progress. The solution is the optimum of a strictly convex function and is found by Newton's method.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        fairness: The exponent :math:`\alpha` > 0.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights > 0, shape ``[m]``; 0 where absent or where the gradient is 0. Where a convex combination of the
        gradients vanishes, they are large but finite: the diagonal of the cosines is increased by about 1e-6 in
        float32.

    Raises:
        ValueError: If ``gram`` is not square, or ``fairness`` is not > 0.

    Example:
        >>> from jaxloss import combine
        >>> combine.fairgrad_weights(jnp.diag(jnp.array([1.0, 8.0])), fairness=0.5)
        Array([1. , 0.5], dtype=float32)

    Reference:
        Ban and Ji (2024), Fair Resource Allocation in Multi-Task Learning. https://arxiv.org/abs/2402.15638
    """
    gram, present = without(gram, present)
    k = 1 / jnp.asarray(checks.scalar("fairness", fairness, gram.dtype, above=0), gram.dtype)
    angles, lengths = cosines(gram)
    moves = lengths > 0
    angles = angles + jnp.diag(jnp.where(moves, jnp.full_like(lengths, 0.1 * resolution(gram)), jnp.ones_like(lengths)))
    largest = jnp.max(lengths, initial=0)
    largest = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    share = jnp.where(moves, lengths / largest, jnp.ones_like(lengths))
    # In v = share * w, and relative to what each term would get alone, the system has unit diagonal.
    alone = share ** ((k - 1) / (k + 1))

    def goes_on(carry: tuple[Array, Array, Array]) -> Array:
        count, far, _ = carry
        return far & (count < STEPS)

    def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        count, _, v = carry
        ratio = v / alone
        pull = ratio**-k
        system = jax.scipy.linalg.cho_factor(angles + jnp.diag(k * pull / ratio))
        change = jax.scipy.linalg.cho_solve(system, alone * pull - dot(angles, v))
        falls = change < 0
        limit = jnp.min(jnp.where(falls, -v / jnp.where(falls, change, -jnp.ones_like(v)), jnp.inf))
        length = jnp.minimum(0.9 * limit, 1)
        far = jnp.max(jnp.abs(change) / v) > float(jnp.finfo(v.dtype).eps) ** 0.7
        return count + 1, far, v + length * change

    *_, v = jax.lax.while_loop(goes_on, step, (jnp.zeros((), jnp.int32), jnp.asarray(True), alone))
    lengths = jnp.where(moves, lengths, jnp.ones_like(lengths))
    weights = jnp.where(moves, v / alone * lengths ** (-2 / (1 + k)), jnp.zeros_like(v))
    return reveal(weights, gram, present)


def nash_weights(gram: Array, *, present: Array | None = None) -> Array:
    r"""Weights of Nash-MTL: the bargaining solution, which maximises the product of the progress of all terms.

    .. math:: w_i \, (G w)_i = 1, \quad w > 0

    It does not depend on the scales of the terms: each term has an equal share in the squared length of the update. The
    update always has the length :math:`\sqrt m`; the original code clips it to 1, which ``optax.clip_by_global_norm``
    does as well.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights > 0, shape ``[m]``; 0 where absent or where the gradient is 0; large but finite where a convex
        combination of the gradients vanishes.

    Raises:
        ValueError: If ``gram`` is not square.

    Example:
        >>> from jaxloss import combine
        >>> combine.nash_weights(jnp.diag(jnp.array([1.0, 4.0])))
        Array([1. , 0.5], dtype=float32)

    Reference:
        Navon et al. (2022), Multi-Task Learning as a Bargaining Game. https://arxiv.org/abs/2202.01017
    """
    return fairgrad_weights(gram, fairness=1.0, present=present)


def fairgrad(*, fairness: Scalar) -> Aggregator:
    """FairGrad: a fair division of progress among the terms; see `fairgrad_weights`.

    Args:
        fairness: As for `fairgrad_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Raises:
        ValueError: If ``fairness`` is not > 0.

    Example:
        >>> from jaxloss import combine
        >>> combine.fairgrad(fairness=0.0)
        Traceback (most recent call last):
            ...
        ValueError: fairness must be > 0; found 0.0.
    """
    fairness = checks.scalar("fairness", fairness, jnp.float32, above=0)
    return from_gramian(
        lambda gram, present: fairgrad_weights(gram, fairness=fairness, present=present),
        degree=-2 * fairness / (1 + fairness),
    )


def nash() -> Aggregator:
    """Nash-MTL: the bargaining solution; see `nash_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> combine.nash().init(jnp.zeros(3), ("ce", "kl")).weights
        Array([0., 0.], dtype=float32)
    """
    return from_gramian(nash_weights, degree=-1.0)
