"""From losses of tokens to one number: the five ways in use, as reductions for any loss of shape ``[..., T]``."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp

from jaxloss import reductions
from jaxloss._floor import checks
from jaxloss._floor.reduction import divide_sums, weighted_sums
from jaxloss._floor.typing import Array, Reducer, Scalar

__all__ = ["aggregate_tokens"]

Mode = Literal[
    "token_mean",
    "sequence_mean_token_mean",
    "sequence_mean_token_sum",
    "sequence_mean_token_scale",
    "token_sum_norm",
]
MODES = (
    "token_mean",
    "sequence_mean_token_mean",
    "sequence_mean_token_sum",
    "sequence_mean_token_scale",
    "token_sum_norm",
)


def aggregate_tokens(
    mode: Mode, *, norm: Scalar | None = None, axis_name: str | tuple[str, ...] | None = None
) -> Reducer:
    r"""How the losses of tokens become one number: the value of ``reduction`` for a policy loss of shape ``[..., T]``.

    With token losses :math:`\ell_{it}`, weights :math:`w_{it}` (0 where masked) and the :math:`N` sequences that
    have any weight:

    .. math:: \begin{array}{ll}
              \text{token\_mean} & \sum_{it} w_{it} \ell_{it} \,/ \sum_{it} w_{it} \\
              \text{sequence\_mean\_token\_mean} & \frac{1}{N} \sum_i \left( \sum_t w_{it} \ell_{it}
              \,/ \sum_t w_{it} \right) \\
              \text{sequence\_mean\_token\_sum} & \frac{1}{N} \sum_{it} w_{it} \ell_{it} \\
              \text{sequence\_mean\_token\_scale} & \frac{1}{N L} \sum_{it} w_{it} \ell_{it} \\
              \text{token\_sum\_norm} & \frac{1}{L} \sum_{it} w_{it} \ell_{it} \end{array}

    DAPO takes the first, GRPO the second, Dr. GRPO the fourth with :math:`L` the longest answer allowed. The last
    is exact under gradient accumulation, if :math:`L` counts the tokens of all micro-batches together.

    Args:
        mode: One of the five names.
        norm: The constant :math:`L` > 0: for ``"sequence_mean_token_scale"`` the size of the last axis if None; for
            ``"token_sum_norm"`` it must be given; the other modes take none.
        axis_name: Mapped axes over which sums and counts are taken as well, so that shards with different masks
            give exactly the number of the whole batch.

    Returns:
        A function ``(values, weights) -> scalar``; 0 over nothing.

    Raises:
        ValueError: If ``mode`` is unknown, ``norm`` does not belong to it, or there is no token axis.

    Example:
        >>> losses = jnp.array([[1.0, 1.0], [4.0, 9.0]])
        >>> where = jnp.array([[True, True], [True, False]])
        >>> for mode in ("token_mean", "sequence_mean_token_mean", "sequence_mean_token_sum"):
        ...     jaxloss.reduce(losses, where=where, reduction=jaxloss.aggregate_tokens(mode))
        Array(2., dtype=float32)
        Array(2.5, dtype=float32)
        Array(3., dtype=float32)

    Reference:
        Yu et al. (2025), DAPO: An Open-Source LLM Reinforcement Learning System at Scale.
        https://arxiv.org/abs/2503.14476
        Liu et al. (2025), Understanding R1-Zero-Like Training: A Critical Perspective.
        https://arxiv.org/abs/2503.20783
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; found {mode!r}.")
    if (norm is None) if mode == "token_sum_norm" else (norm is not None and mode != "sequence_mean_token_scale"):
        raise ValueError(f"norm must be {'given' if norm is None else 'left out'} for {mode}; found {norm}.")

    def reduction(values: Array, weights: Array) -> Array:
        checks.with_axes("tokens", allow_empty=True, values=values)
        if mode == "token_mean":
            return reductions.mean(axis_name=axis_name)(values, weights)
        if mode == "token_sum_norm":
            return reductions.sum(axis_name=axis_name)(values, weights) / _length(norm, values)
        sequences = _sequence_losses(mode, norm, values, weights)
        counted = jnp.any(weights > 0, axis=-1).astype(values.dtype)
        return reductions.mean(axis_name=axis_name)(sequences, counted)

    return reduction


def _sequence_losses(mode: Mode, norm: Scalar | None, values: Array, weights: Array) -> Array:
    if mode == "sequence_mean_token_mean":
        return divide_sums(*weighted_sums(values, weights, -1))
    total = jnp.sum(values * weights, axis=-1)
    return total if mode == "sequence_mean_token_sum" else total / _length(norm, values)


def _length(norm: Scalar | None, values: Array) -> Scalar:
    return checks.scalar("norm", max(values.shape[-1], 1) if norm is None else norm, values.dtype, above=0)
