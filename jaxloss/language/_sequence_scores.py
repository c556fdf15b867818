"""Log-probabilities of sequences from those of their tokens, as preference losses take them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, pool_mass, pool_mean, pool_sum
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["mean_sequence_logps", "sequence_logps"]


def sequence_logps(
    token_logps: ArrayLike,
    *,
    segments: ArrayLike | None = None,
    num_segments: int | None = None,
    where: ArrayLike | None = None,
) -> Array:
    r"""Log-probability of each sequence, the sum over its tokens: for DPO, KTO and related losses.

    .. math:: \log \pi(y \mid x) = \sum_t m_t \log \pi(y_t \mid x, y_{<t})

    Args:
        token_logps: Log-probabilities of the tokens that occurred, shape ``[..., T]``, floating.
        segments: Shape ``[..., T]``, integer: the sequence that each token of a packed row belongs to, 1 to
            ``num_segments``; 0 for padding. None if a row is one sequence.
        num_segments: Most sequences S in a row, >= 1, static; given with ``segments``, and only with them.
        where: Shape ``[..., T]``, boolean: True at the tokens of the answer, False at prompt and padding.

    Returns:
        Shape ``[...]``, or ``[..., S]`` for packed rows; float32 or float64. It is 0 for a sequence without tokens,
        and NaN for every sequence of a row with a segment outside ``[0, num_segments]``.

    Raises:
        TypeError: If ``token_logps`` are not floating, ``segments`` not integer, or ``where`` not boolean.
        ValueError: If ``token_logps`` has no last axis, the shape of ``segments`` or ``where`` does not match it, or
            only one of ``segments`` and ``num_segments`` is given.

    Example:
        >>> token_logps = jnp.array([[-1.0, -2.0, -9.0]])
        >>> jaxloss.tokens.sequence_logps(token_logps, where=jnp.array([[True, True, False]]))
        Array([-3.], dtype=float32)
        >>> jaxloss.tokens.sequence_logps(token_logps, segments=jnp.array([[1, 1, 2]]), num_segments=3)
        Array([[-3., -9.,  0.]], dtype=float32)

    Reference:
        Rafailov et al. (2023), Direct Preference Optimization: Your Language Model is Secretly a Reward Model.
        https://arxiv.org/abs/2305.18290
    """
    token_logps = _token_logps(token_logps, where)
    if (of_segments := _sums_by_segment(token_logps, segments, num_segments, where)) is not None:
        return of_segments(token_logps)
    return pool_sum(token_logps, pool_mass(where, None, token_logps)[0])


def mean_sequence_logps(
    token_logps: ArrayLike,
    *,
    segments: ArrayLike | None = None,
    num_segments: int | None = None,
    where: ArrayLike | None = None,
) -> Array:
    r"""Log-probability per token of each sequence: for SimPO, ORPO and other length-normalised losses.

    .. math:: \frac{1}{|y|} \log \pi(y \mid x) = \frac{\sum_t m_t \log \pi(y_t \mid x, y_{<t})}{\sum_t m_t}

    `jaxloss.ppo_clip_loss` of such means, old and new, has the sequence-level ratio of GSPO.

    Args:
        token_logps, segments, num_segments, where: See `jaxloss.tokens.sequence_logps`.

    Returns:
        Shape ``[...]``, or ``[..., S]`` for packed rows; float32 or float64. It is 0 for a sequence without tokens,
        and NaN for every sequence of a row with a segment outside ``[0, num_segments]``.

    Raises:
        TypeError: If ``token_logps`` are not floating, ``segments`` not integer, or ``where`` not boolean.
        ValueError: If ``token_logps`` has no last axis, the shape of ``segments`` or ``where`` does not match it, or
            only one of ``segments`` and ``num_segments`` is given.

    Example:
        >>> token_logps = jnp.array([[-1.0, -2.0, -9.0]])
        >>> jaxloss.tokens.mean_sequence_logps(token_logps, where=jnp.array([[True, True, False]]))
        Array([-1.5], dtype=float32)

    Reference:
        Meng, Xia and Chen (2024), SimPO: Simple Preference Optimization with a Reference-Free Reward.
        https://arxiv.org/abs/2405.14734
    """
    token_logps = _token_logps(token_logps, where)
    if (of_segments := _sums_by_segment(token_logps, segments, num_segments, where)) is not None:
        return numerics.divide(of_segments(token_logps), of_segments(jnp.ones_like(token_logps)))
    return pool_mean(token_logps, pool_mass(where, None, token_logps)[0])


def _token_logps(token_logps: ArrayLike, where: ArrayLike | None) -> Array:
    (token_logps,) = checks.floating(token_logps=token_logps)
    checks.with_axes("tokens", allow_empty=True, token_logps=token_logps)
    return blank(where, token_logps)[0]


def _sums_by_segment(
    token_logps: Array, segments: ArrayLike | None, num_segments: int | None, where: ArrayLike | None
) -> Callable[[Array], Array] | None:
    """A function from values ``[..., T]`` to their sums ``[..., S]`` over the tokens of each segment that count."""
    if (segments is None) != (num_segments is None):
        raise ValueError(
            "segments and num_segments belong together; found "
            + ("num_segments only." if segments is None else "segments only: pass the most sequences in a row.")
        )
    if segments is None or num_segments is None:
        return None
    size = checks.whole("num_segments", num_segments)
    (segments,) = checks.integer(segments=segments)
    checks.same_shape(token_logps=token_logps, segments=segments)
    place = checks.as_int32(hide(where, segments))
    legal = (place >= 0) & (place <= size)
    value_checks.ensure(lambda: jnp.all(legal), "segments must be in [0, num_segments]")
    # The first sum is that of the padding. A token outside the range is in none.
    add = functools.partial(jax.ops.segment_sum, num_segments=size + 1)
    sums = jnp.vectorize(add, signature="(t),(t)->(s)")
    return lambda values: numerics.poison(sums(values, place)[..., 1:], jnp.all(legal, axis=-1, keepdims=True))
