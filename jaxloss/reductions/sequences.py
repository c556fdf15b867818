"""Means over the tokens of sequences, in the orders that the field distinguishes."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.means.reducers import reducer
from jaxloss._floor.reduction import weighted_mean
from jaxloss._floor.typing import Array, AxisName, Scalar
from jaxloss.reductions._ranges import within
from jaxloss.reductions.means import mean

__all__ = ["sequence_mean", "sequence_mean_token_sum", "sequence_mean_token_sum_norm"]


def _over_sequences(values: Array, weights: Array, count_empty: bool, axis_name: AxisName | None) -> Array:
    """The mean of losses ``[...]`` of sequences; ``weights`` ``[..., T]`` say which of them have any token."""
    counted = jnp.ones(values.shape, bool) if count_empty else jnp.any(weights > 0, axis=-1)
    return mean(axis_name=axis_name)(values, counted.astype(values.dtype))


@reducer
def sequence_mean(
    values: Array, weights: Array, *, count_empty: bool = False, axis_name: AxisName | None = None
) -> Array:
    r"""Mean over the tokens of each sequence, then over sequences: short sequences count in full.

    .. math:: \frac{1}{N} \sum_i \frac{\sum_t w_{it} \ell_{it}}{\sum_t w_{it}}

    over the last axis, and then over the :math:`N` sequences that have any weight, on all devices along ``axis_name``
    if given. With ``count_empty`` a sequence without tokens counts, too, with the loss 0. This is the objective of
    GRPO: ``seq-mean-token-mean`` in verl, ``loss_type="grpo"`` in TRL.

    Example:
        >>> losses, where = jnp.array([[1.0, 1.0], [4.0, 9.0]]), jnp.array([[True, True], [True, False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.sequence_mean())
        Array(2.5, dtype=float32)

    Reference:
        Shao et al. (2024), DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models.
        https://arxiv.org/abs/2402.03300
    """
    checks.with_axes("tokens", allow_empty=True, values=values)
    return _over_sequences(weighted_mean(values, weights, -1), weights, count_empty, axis_name)


@reducer
def sequence_mean_token_sum(
    values: Array, weights: Array, *, count_empty: bool = False, axis_name: AxisName | None = None
) -> Array:
    r"""Sum over the tokens of each sequence, then the mean over sequences: long sequences count for more.

    .. math:: \frac{1}{N} \sum_{it} w_{it} \ell_{it}

    with the sum over :math:`t` along the last axis and the :math:`N` sequences that have any weight, on all devices
    along ``axis_name`` if given; with ``count_empty`` all sequences. Of log-probabilities it is the mean log-likelihood
    of sequences. It is ``seq-mean-token-sum`` in verl.

    Example:
        >>> losses, where = jnp.array([[1.0, 1.0], [4.0, 9.0]]), jnp.array([[True, True], [True, False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.sequence_mean_token_sum())
        Array(3., dtype=float32)
    """
    checks.with_axes("tokens", allow_empty=True, values=values)
    return _over_sequences(jnp.sum(values * weights, axis=-1), weights, count_empty, axis_name)


@reducer
def sequence_mean_token_sum_norm(
    values: Array,
    weights: Array,
    norm: Scalar | None = None,
    *,
    count_empty: bool = False,
    axis_name: AxisName | None = None,
) -> Array:
    r"""Sum over the tokens of each sequence over a constant length ``norm``, then the mean over sequences.

    .. math:: \frac{1}{N L} \sum_{it} w_{it} \ell_{it}

    with ``norm`` :math:`L` > 0, by default the size of the last axis, and the :math:`N` sequences that have any weight,
    on all devices along ``axis_name`` if given; with ``count_empty`` all sequences. With :math:`L` the longest
    completion allowed this is the objective of Dr. GRPO: ``loss_type="dr_grpo"`` in TRL and ``seq-mean-token-sum-norm``
    in verl, whose older versions do not take the mean over sequences.

    Example:
        >>> losses, where = jnp.array([[1.0, 1.0], [4.0, 9.0]]), jnp.array([[True, True], [True, False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.sequence_mean_token_sum_norm(4))
        Array(0.75, dtype=float32)

    Reference:
        Liu et al. (2025), Understanding R1-Zero-Like Training: A Critical Perspective.
        https://arxiv.org/abs/2503.20783
    """
    checks.with_axes("tokens", allow_empty=True, values=values)
    length = checks.scalar("norm", max(values.shape[-1], 1) if norm is None else norm, values.dtype, above=0)
    mean = _over_sequences(jnp.sum(values * weights, axis=-1) / length, weights, count_empty, axis_name)
    return within(mean, length > 0)
