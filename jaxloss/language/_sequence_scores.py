"""Log-probabilities of sequences from those of their tokens, as preference losses take them."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, pool_mass, pool_mean, pool_sum
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["mean_sequence_logps", "sequence_logps"]


def sequence_logps(token_logps: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Log-probability of each sequence, the sum over its tokens: for DPO, KTO and related losses.

    .. math:: \log \pi(y \mid x) = \sum_t m_t \log \pi(y_t \mid x, y_{<t})

    Args:
        token_logps: Log-probabilities of the tokens that occurred, shape ``[..., T]``, floating.
        where: Shape ``[..., T]``, boolean: True at the tokens of the answer, False at prompt and padding.

    Returns:
        Shape ``[...]``, float32 or float64; 0 for a sequence whose tokens are all masked.

    Raises:
        TypeError: If ``token_logps`` are not floating or ``where`` not boolean.
        ValueError: If ``token_logps`` has no last axis, or ``where`` has not its shape or axes of size 1.

    Example:
        >>> token_logps = jnp.array([[-1.0, -2.0, -9.0]])
        >>> jaxloss.tokens.sequence_logps(token_logps, where=jnp.array([[True, True, False]]))
        Array([-3.], dtype=float32)

    Reference:
        Rafailov et al. (2023), Direct Preference Optimization: Your Language Model is Secretly a Reward Model.
        https://arxiv.org/abs/2305.18290
    """
    token_logps = _token_logps(token_logps, where)
    return pool_sum(token_logps, pool_mass(where, None, token_logps)[0])


def mean_sequence_logps(token_logps: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Log-probability per token of each sequence: for SimPO, ORPO and other length-normalised losses.

    .. math:: \frac{1}{|y|} \log \pi(y \mid x) = \frac{\sum_t m_t \log \pi(y_t \mid x, y_{<t})}{\sum_t m_t}

    `jaxloss.ppo_clip_loss` of such means, old and new, has the sequence-level ratio of GSPO.

    Args:
        token_logps, where: See `jaxloss.tokens.sequence_logps`.

    Returns:
        Shape ``[...]``, float32 or float64; 0 for a sequence whose tokens are all masked.

    Raises:
        TypeError: If ``token_logps`` are not floating or ``where`` not boolean.
        ValueError: If ``token_logps`` has no last axis, or ``where`` has not its shape or axes of size 1.

    Example:
        >>> token_logps = jnp.array([[-1.0, -2.0, -9.0]])
        >>> jaxloss.tokens.mean_sequence_logps(token_logps, where=jnp.array([[True, True, False]]))
        Array([-1.5], dtype=float32)

    Reference:
        Meng, Xia and Chen (2024), SimPO: Simple Preference Optimization with a Reference-Free Reward.
        https://arxiv.org/abs/2405.14734
    """
    token_logps = _token_logps(token_logps, where)
    return pool_mean(token_logps, pool_mass(where, None, token_logps)[0])


def _token_logps(token_logps: ArrayLike, where: ArrayLike | None) -> Array:
    (token_logps,) = checks.floating(token_logps=token_logps)
    checks.with_axes("tokens", allow_empty=True, token_logps=token_logps)
    return blank(where, token_logps)[0]
