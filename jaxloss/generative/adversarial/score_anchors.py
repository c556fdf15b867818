"""The LeCam penalty of a discriminator, with the running averages of its scores as state."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.reduction import pool_mass, reduce
from jaxloss._floor.spread import mean_over, over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.generative.adversarial._scores import score_pair

__all__ = ["LecamState", "init_lecam_penalty", "lecam_penalty"]


class LecamState(NamedTuple):
    """The running averages of the scores of real and of generated examples, the anchors of `lecam_penalty`."""

    real_mean: Array
    fake_mean: Array


def init_lecam_penalty(real_mean: Scalar = 0.0, fake_mean: Scalar = 0.0) -> LecamState:
    r"""Initial state of `lecam_penalty`.

    .. math:: \alpha_R, \; \alpha_F

    Args:
        real_mean: The average :math:`\alpha_R` to start from, one number.
        fake_mean: The average :math:`\alpha_F` to start from, one number.

    Returns:
        A `LecamState`, in float32.

    Raises:
        TypeError: If an argument is not a number.

    Example:
        >>> jaxloss.init_lecam_penalty()
        LecamState(real_mean=Array(0., dtype=float32), fake_mean=Array(0., dtype=float32))

    Reference:
        Tseng et al. (2021), Regularizing Generative Adversarial Networks under Limited Data.
        https://arxiv.org/abs/2104.03310
    """
    means = {"real_mean": real_mean, "fake_mean": fake_mean}
    return LecamState(
        **{name: jnp.asarray(checks.scalar(name, mean, jnp.float32), jnp.float32) for name, mean in means.items()}
    )


def lecam_penalty(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    state: LecamState,
    *,
    rate: Scalar = 0.01,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, LecamState]:
    r"""LeCam penalty: squared lead of a discriminator's scores over the running averages of the other side.

    .. math:: \ell = \max(0, r - \alpha_F)^2 + \max(0, \alpha_R - f)^2, \qquad
              \alpha_R \leftarrow \alpha_R + \beta \, (\bar r - \alpha_R), \quad
              \alpha_F \leftarrow \alpha_F + \beta \, (\bar f - \alpha_F)

    It keeps a discriminator from overfitting where data are few: scores of real examples are drawn towards those of
    generated ones, and the other way round. The averages are updated first and get no gradient, as in the authors'
    code, which has the maxima. The paper has plain squares, which are the same where real scores are above generated
    ones. Start once the averages have settled.

    Args:
        real_logits: Scores :math:`r` of real examples, shape ``[...]``, floating.
        fake_logits: Scores :math:`f` of generated examples, shape ``[...]``, the same; never broadcast.
        state: From `init_lecam_penalty`, or the step before.
        rate: Share :math:`\beta` of this batch in the running averages, in [0, 1]; one minus the decay of others.
        axis_name: See `jaxloss.path_length_penalty`.
        where, weights: Shape ``[...]``, of the pairs; see `jaxloss.reduce`. Both count in the averages, too.
        reduction: See `jaxloss.reduce`.

    Returns:
        ``(penalty, new_state)``: a scalar >= 0 in squared units of the scores, and the updated averages, which an empty
        batch leaves unchanged.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``rate`` is out of range.

    Example:
        >>> real_logits, fake_logits = jnp.array([2.0, 0.0]), jnp.array([-1.0, 1.0])
        >>> penalty, state = jaxloss.lecam_penalty(real_logits, fake_logits, jaxloss.init_lecam_penalty(), rate=0.5)
        >>> penalty, state.real_mean
        (Array(3.125, dtype=float32), Array(0.5, dtype=float32))

    Reference:
        Tseng et al. (2021), Regularizing Generative Adversarial Networks under Limited Data.
        https://arxiv.org/abs/2104.03310
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    require_whole(axis_name, real_logits.shape[:1], real_logits, fake_logits)
    rate = checks.scalar("rate", rate, real_logits.dtype, at_least=0, at_most=1)
    mass, _ = pool_mass(where, weights, real_logits)
    flat = None if mass is None else jnp.ravel(mass)
    share = jnp.ones(real_logits.shape, bool) if mass is None else mass.astype(bool)
    any_left = summed(axis_name, jnp.sum(share, dtype=jnp.int32)) > 0

    def moved(mean: Array, scores: Array) -> Array:
        mean = mean.astype(scores.dtype)
        step = mean_over(axis_name, jnp.ravel(jax.lax.stop_gradient(scores)), flat) - mean
        return mean + rate * jnp.where(any_left, step, jnp.zeros((), scores.dtype))

    real_mean, fake_mean = moved(state.real_mean, real_logits), moved(state.fake_mean, fake_logits)
    values = jnp.square(positive_part(real_logits - fake_mean)) + jnp.square(positive_part(real_mean - fake_logits))
    penalty = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    return penalty, LecamState(real_mean.astype(state.real_mean.dtype), fake_mean.astype(state.fake_mean.dtype))
