"""Self-supervision by swapped assignments (SwAV): each view predicts the balanced cluster codes of another view."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.spread import over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import diagonal

__all__ = ["swav_loss"]


def swav_loss(
    logits: ArrayLike,
    *,
    num_code_views: int = 2,
    temperature: Scalar = 0.1,
    code_temperature: Scalar = 0.05,
    sinkhorn_iterations: int = 3,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SwAV loss: cross-entropy of each view's cluster scores against the balanced codes of every other view.

    .. math:: \ell_n = \frac{1}{T (S - 1)} \sum_{t \le T} \sum_{s \ne t} \sum_k -q_{ntk} \log p_{nsk}, \qquad
              p_{ns} = \mathrm{softmax}(z_{ns} / \tau)

    The codes of a view start from :math:`e^{z_{ntk} / \epsilon}`. Sinkhorn iterations, by turns, make the clusters
    equally large over the images of the batch and the code of every image sum to 1. All of it is done in logarithms, so
    that no score is too large. The codes are constants of differentiation.

    Args:
        logits: Scores of the views for the clusters, the inner products of unit embeddings and unit prototypes, shape
            ``[..., N, S, K]``, floating. The first views, those of high resolution, have codes.
        num_code_views: Number of views T that have codes, an integer in [1, S], static.
        temperature: :math:`\tau` > 0.
        code_temperature: :math:`\epsilon` > 0, smaller than the temperature: the strength of the regularization.
        sinkhorn_iterations: An integer >= 1, static.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the images are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose. The codes are those of the whole
            batch; any reduction but ``"mean"`` and ``"sum"`` is given the images of this device.
        where, weights: Shape ``[..., N]``, of the images; a masked image is absent, also from the codes of the others,
            which do not depend on weights. See `jaxloss.reduce`.
        reduction: Over the images ``[..., N]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If an axis is missing or empty, there are fewer than two views, or a hyperparameter is out of range.

    Example:
        >>> views = jnp.array([[[0.5, 0.0], [0.5, 0.0]], [[0.0, 0.5], [0.0, 0.5]]])
        >>> print(f"{jaxloss.swav_loss(views):.6f}")
        0.006942

    Reference:
        Caron et al. (2020), Unsupervised Learning of Visual Features by Contrasting Cluster Assignments.
        https://arxiv.org/abs/2006.09882
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("images views clusters", allow_empty=True, logits=logits)
    checks.with_axes("views clusters", logits=logits)
    views, coded = logits.shape[-2], checks.whole("num_code_views", num_code_views)
    if views < 2 or coded > views:
        raise ValueError(
            f"logits must hold at least two views, and num_code_views of them must be there; found {views} views and "
            f"num_code_views={coded}."
        )
    rounds = checks.whole("sinkhorn_iterations", sinkhorn_iterations)
    batch = logits.shape[:-2]
    require_whole(axis_name, batch[-1:], logits)
    (scores,) = blank(where, logits, event_ndim=2)
    tau = checks.scalar("temperature", temperature, scores.dtype, above=0)
    sharp = checks.scalar("code_temperature", code_temperature, scores.dtype, above=0)
    keep = jnp.ones(batch, bool) if where is None else checks.mask(where, batch)
    fixed, keep = jax.lax.stop_gradient(scores[..., :coded, :]), keep[..., None, None]
    # The codes depend on how the scores of images compare: only what all of them share may be taken off.
    level = _largest(axis_name, keep, fixed, (-3, -1))
    codes = _balanced(axis_name, keep, jax.lax.stop_gradient((fixed - level) / sharp), rounds)
    surprise = -jax.nn.log_softmax(below_peak(scores)[0] / tau, axis=-1)
    crossed = jnp.matmul(codes, jnp.swapaxes(surprise, -1, -2), precision=precision())
    crossed = jnp.where(diagonal(crossed.shape), jnp.zeros((), crossed.dtype), crossed)
    values = jnp.sum(crossed, axis=(-2, -1)) / (coded * (views - 1))
    return reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))


@functools.partial(jax.jit, static_argnames=("axis_name", "rounds"))  # eagerly, a loop is compiled at every call
def _balanced(axis_name: AxisName | None, keep: Array, scores: Array, rounds: int) -> Array:
    """Codes ``[..., N, T, K]`` that sum to 1 over the clusters, from scores that are constants of differentiation."""

    def turn(_: Array, scores: Array) -> Array:
        return jax.nn.log_softmax(scores - _log_sizes(axis_name, keep, scores), axis=-1)

    return jnp.exp(jax.lax.fori_loop(0, rounds, turn, scores))


def _largest(axis_name: AxisName | None, keep: Array, scores: Array, axes: tuple[int, ...]) -> Array:
    """The largest score along ``axes``, kept, over the images of all devices; 0 where there are none."""
    peak = jnp.max(jnp.where(keep, scores, -jnp.inf), axis=axes, keepdims=True, initial=-jnp.inf)
    peak = jax.lax.pmax(peak, axis_name) if axis_name else peak
    return jnp.where(jnp.isneginf(peak), jnp.zeros((), scores.dtype), peak)


def _log_sizes(axis_name: AxisName | None, keep: Array, scores: Array) -> Array:
    """The logarithm of the size of every cluster over the images of all devices; 0 where there are none."""
    zero, peak = jnp.zeros((), scores.dtype), _largest(axis_name, keep, scores, (-3,))
    size = summed(axis_name, jnp.sum(jnp.where(keep, jnp.exp(scores - peak), zero), axis=-3, keepdims=True))
    return peak + jnp.log(jnp.where(size == 0, jnp.ones((), scores.dtype), size))
