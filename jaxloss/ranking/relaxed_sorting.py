"""Sorting by a matrix of probabilities (NeuralSort), and the discounted cumulative gain of the result (NeuralNDCG)."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.ranking._lists import gains, lists, over_lists

__all__ = ["neural_ndcg_loss", "neural_sort"]


def neural_sort(scores: ArrayLike, *, temperature: Scalar = 1.0, where: ArrayLike | None = None) -> Array:
    r"""NeuralSort: the matrix that sorts a list in decreasing order, relaxed to rows that sum to one.

    .. math:: P_{r \cdot} = \mathrm{softmax}\left( \frac1\tau \left( (n + 1 - 2 r) \, s - \sum_k | s - s_k | \right)
              \right), \qquad r = 1, \dots, n

    As the temperature goes to 0 it becomes the permutation matrix, so that ``neural_sort(s) @ x`` holds ``x`` in the
    order of the scores; ``jnp.arange(1, n + 1) @ neural_sort(s)`` are soft ranks.

    Args:
        scores: Shape ``[..., N]``, floating.
        temperature: :math:`\tau` > 0, in units of ``scores``.
        where: Shape ``[..., N]``. Masked items get no probability, and the ranks below the ``n`` items that are kept
            have rows of 0.

    Returns:
        Shape ``[..., N, N]``: ranks, items.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If ``scores`` has no axis, or ``temperature`` is not positive.

    Example:
        >>> jaxloss.neural_sort(jnp.array([1.0, 3.0, 2.0]), temperature=0.01) @ jnp.array([10.0, 30.0, 20.0])
        Array([30., 20., 10.], dtype=float32)

    Reference:
        Grover, Wang, Zweig and Ermon (2019), Stochastic Optimization of Sorting Networks via Continuous Relaxations.
        https://arxiv.org/abs/1903.08850
    """
    (scores,) = checks.floating(scores=scores)
    checks.with_axes("items", allow_empty=True, scores=scores)
    (scores,) = blank(where, scores)
    keep = jnp.ones(scores.shape, bool) if where is None else checks.mask(where, scores.shape)
    temperature = checks.scalar("temperature", temperature, scores.dtype, above=0)
    if scores.shape[-1] == 0:
        return jnp.zeros((*scores.shape, 0), scores.dtype)
    return _sorting(scores, keep, temperature)


def neural_ndcg_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    sinkhorn_iterations: int = 50,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""NeuralNDCG: one minus the normalised discounted cumulative gain (NDCG) of gains that NeuralSort sorts.

    .. math:: \ell = 1 - \frac{1}{\mathrm{IDCG}} \sum_r \frac{(\hat P g)_r}{\log_2(1 + r)}

    with gains :math:`g = w (2^y - 1)`, IDCG the same sum over the best order, and :math:`\hat P` the matrix of
    `jaxloss.neural_sort` after Sinkhorn's scaling, which makes its columns sum to one as its rows do: without it an
    item can be on several ranks at once. As the temperature goes to 0 the loss becomes 1 - NDCG. Sinkhorn's scaling
    takes a fixed number of steps (allRank stops at a tolerance of 1e-6, after 50 at most), and its gradient is that
    of the steps. 0 steps are the loss of TensorFlow Ranking. allRank returns minus the measure. A list in which nothing
    is relevant is absent from the mean. Time and memory grow with the square of N.

    Args:
        scores: Shape ``[..., N]``, floating.
        relevance: Shape ``[..., N]``, the same; floating or integer, in [0, 100]; a negative one gives NaN.
        temperature: :math:`\tau` > 0, in units of ``scores``.
        sinkhorn_iterations: Number of times that columns and rows are scaled, >= 0, static.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the items are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A masked item is absent, also from the ranks; a weight scales the gain of
            an item. See `jaxloss.reduce`.
        reduction: Over the lists ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar below 1; 0 exactly where the order is right and the scores lie many temperatures apart. Where
        the scaling has not converged, it can be a little below 0.

    Raises:
        TypeError: If ``scores`` is not floating.
        ValueError: If the shapes differ, ``scores`` has no axis, or a hyperparameter is out of range.

    Example:
        >>> jaxloss.neural_ndcg_loss(jnp.array([[0.0, 100.0, -100.0]]), jnp.array([[1, 0, 0]]))
        Array(0.36907023, dtype=float32)

    Reference:
        Pobrotyn and Białobrzeski (2021), NeuralNDCG: Direct Optimisation of a Ranking Metric via Differentiable
        Relaxation of Sorting. https://arxiv.org/abs/2102.07831
    """
    items = lists(axis_name, where, weights, scores, relevance)
    temperature = checks.scalar("temperature", temperature, items.scores.dtype, above=0)
    steps = checks.whole("sinkhorn_iterations", sinkhorn_iterations, at_least=0)
    gain = gains(items)
    gain = gain / numerics.scale_of(gain)
    matrix = _scaled(_sorting(items.scores, items.keep, temperature), items.keep, steps)
    found = jnp.einsum("...ri,...i->...r", matrix, gain, precision=precision())
    best = jnp.flip(jnp.sort(gain, axis=-1), axis=-1)
    discount = 1 / jnp.log2(2 + jnp.arange(gain.shape[-1], dtype=gain.dtype))
    total = lambda x: jnp.sum(x * jnp.broadcast_to(discount, x.shape), axis=-1)
    values = numerics.divide(total(best - found), total(best))
    return over_lists(values, jnp.any(gain != 0, axis=-1), items, reduction)


def _filled(keep: Array) -> Array:
    """Which ranks there are: as many as there are kept items."""
    rank = jax.lax.broadcasted_iota(jnp.int32, keep.shape, keep.ndim - 1)
    return rank < jnp.sum(keep, axis=-1, keepdims=True, dtype=jnp.int32)


def _sorting(scores: Array, keep: Array, temperature: Scalar) -> Array:
    """NeuralSort's matrix ``[..., ranks, items]``, 0 for absent items and for the ranks that they leave empty."""
    zero = jnp.zeros((), scores.dtype)
    top = jnp.max(jax.lax.stop_gradient(scores), axis=-1, keepdims=True, where=keep, initial=-jnp.inf)
    # Only differences count, and those of near scores have their digits.
    below = jnp.where(keep, scores - jnp.where(jnp.isneginf(top), zero, top), zero)
    apart = numerics.magnitude(below[..., :, None] - below[..., None, :])
    spread = jnp.sum(jnp.where(keep[..., None, :], apart, zero), axis=-1)
    count = jnp.sum(keep, axis=-1, keepdims=True, dtype=scores.dtype)
    slope = count - 1 - 2 * jax.lax.broadcasted_iota(scores.dtype, scores.shape, scores.ndim - 1)
    logits = slope[..., :, None] * below[..., None, :] - spread[..., None, :]
    pairs = _filled(keep)[..., :, None] & keep[..., None, :]
    logits = jnp.where(pairs, logits, jnp.where(jnp.any(pairs, axis=-1, keepdims=True), -jnp.inf, zero))
    return jnp.where(pairs, jax.nn.softmax(below_peak(logits)[0] / temperature, axis=-1), zero)


@functools.partial(jax.jit, static_argnames="steps")
def _scaled(matrix: Array, keep: Array, steps: int) -> Array:
    """Sinkhorn's scaling of the columns and then the rows of ``matrix``, so many times.

    Every item is the most probable one of some rank, so no sum vanishes.
    """
    one, filled = jnp.ones((), matrix.dtype), _filled(keep)
    sums = functools.partial(jnp.einsum, precision=precision())

    def step(state: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        columns = 1 / jnp.where(keep, sums("...ri,...r->...i", matrix, state[0]), one)
        return (1 / jnp.where(filled, sums("...ri,...i->...r", matrix, columns), one), columns), None

    start = (jnp.ones(keep.shape, matrix.dtype),) * 2
    (rows, columns), _ = jax.lax.scan(step, vary_over(start, varying_axes(matrix)), length=steps)
    return rows[..., :, None] * matrix * columns[..., None, :]
