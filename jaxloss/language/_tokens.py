"""Inputs and labels of language models: next tokens, tokens hidden at random, and tokens that occurred before."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["MaskedTokens", "NextTokens", "mask_tokens", "next_tokens", "previous_tokens"]


class NextTokens(NamedTuple):
    """Inputs, the labels that follow them, and the mask of the labels that count; all ``[..., T - offset]``."""

    inputs: Array
    labels: Array
    where: Array


class MaskedTokens(NamedTuple):
    """Corrupted inputs, the original tokens, and the mask of those to predict; all ``[..., T]``."""

    inputs: Array
    labels: Array
    where: Array


def next_tokens(
    tokens: ArrayLike, *, segments: ArrayLike | None = None, where: ArrayLike | None = None, offset: int = 1
) -> NextTokens:
    r"""Inputs and labels of a causal language model: at each position the label is the token that follows.

    .. math:: \mathrm{input}_t = x_t, \qquad \mathrm{label}_t = x_{t + k}

    Losses of this package never shift labels; this is the only place that does. Run the model on ``inputs`` and pass
    ``labels`` and ``where`` to `jaxloss.softmax_cross_entropy_with_integer_labels` or
    `jaxloss.linear_softmax_cross_entropy`. If the model was run on all T tokens, cut its scores to
    ``logits[..., :-offset, :]`` first. The mean is over all labels that count, for sequences of any length.

    Args:
        tokens: Shape ``[..., T]``, integer.
        segments: Shape ``[..., T]``, integer: the document that each token belongs to, 0 for padding. A label counts
            only if it is in the segment of its input, so packed documents do not predict each other. For a padding mask
            pass ``mask.astype(jnp.int32)``. None treats all tokens as one document.
        where: Shape ``[..., T]``, boolean: the tokens to predict; False for those of a prompt, which the model only
            reads.
        offset: How far ahead the label is, >= 1, static; above 1 for further heads of multi-token prediction.

    Returns:
        `NextTokens`. Labels that do not count keep their token.

    Raises:
        TypeError: If ``tokens`` or ``segments`` are not integer, or ``where`` is not boolean.
        ValueError: If the shapes differ or ``offset`` is not positive.

    Example:
        >>> batch = jaxloss.tokens.next_tokens(jnp.array([5, 6, 7, 8, 0]), segments=jnp.array([1, 1, 2, 2, 0]))
        >>> batch.labels
        Array([6, 7, 8, 0], dtype=int32)
        >>> batch.where
        Array([ True, False,  True, False], dtype=bool)

    Reference:
        Radford et al. (2018), Improving Language Understanding by Generative Pre-Training.
        https://openai.com/index/language-unsupervised/
        Gloeckle et al. (2024), Better & Faster Large Language Models via Multi-token Prediction.
        https://arxiv.org/abs/2404.19737
    """
    (tokens,) = checks.integer(tokens=tokens)
    checks.with_axes("tokens", allow_empty=True, tokens=tokens)
    if offset < 1:
        raise ValueError(f"offset must be >= 1; found {offset}.")
    counts = jnp.ones(tokens.shape, bool) if where is None else checks.mask(where, tokens.shape)
    counts = counts[..., offset:]
    if segments is not None:
        (segments,) = checks.integer(segments=segments)
        checks.same_shape(tokens=tokens, segments=segments)
        ahead = segments[..., offset:]
        counts = counts & (ahead != 0) & (ahead == segments[..., : ahead.shape[-1]])
    labels = tokens[..., offset:]
    return NextTokens(tokens[..., : labels.shape[-1]], labels, counts)


def mask_tokens(
    key: Array,
    tokens: ArrayLike,
    *,
    mask_token: int,
    vocabulary_size: int,
    rate: Scalar = 0.15,
    mask_share: Scalar = 0.8,
    random_share: Scalar = 0.1,
    where: ArrayLike | None = None,
) -> MaskedTokens:
    r"""Inputs and labels of a masked language model (BERT): tokens hidden at random.

    .. math:: m_t \sim \mathrm{Bernoulli}(r), \qquad
              \mathrm{input}_t = \begin{cases} \texttt{mask} & m_t = 1,\ u_t < s \\
              \text{a random token} & m_t = 1,\ s \le u_t < s + s' \\ x_t & \text{otherwise} \end{cases}

    with u uniform on [0, 1). Some chosen tokens stay unchanged, so the model cannot trust its inputs. Pass ``labels``
    and ``where`` to `jaxloss.softmax_cross_entropy_with_integer_labels`.

    Args:
        key: A random key.
        tokens: Shape ``[..., T]``, integer.
        mask_token: The token that replaces a hidden one.
        vocabulary_size: Number of tokens from which random ones are drawn, >= 1.
        rate: Probability r with which a token is chosen; in [0, 1].
        mask_share: Share s of the chosen tokens that are hidden; in [0, 1].
        random_share: Share s' of the chosen tokens that are replaced by a random one; in [0, 1].
        where: Shape ``[..., T]``, boolean: the tokens that may be chosen; False for padding and separators.

    Returns:
        `MaskedTokens`: the inputs, the labels (all of ``tokens``), and the mask of the chosen tokens.

    Raises:
        TypeError: If ``tokens`` are not integer or ``where`` is not boolean.
        ValueError: If a share is out of range or ``vocabulary_size`` is not positive.

    Example:
        >>> tokens = jnp.arange(10, 16)
        >>> batch = jaxloss.tokens.mask_tokens(jax.random.key(0), tokens, mask_token=3, vocabulary_size=30, rate=1.0)
        >>> bool(jnp.all(batch.where)), bool(jnp.all(batch.labels == tokens))
        (True, True)

    Reference:
        Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
        https://arxiv.org/abs/1810.04805
    """
    (tokens,) = checks.integer(tokens=tokens)
    if vocabulary_size < 1:
        raise ValueError(f"vocabulary_size must be >= 1; found {vocabulary_size}.")
    rate = checks.scalar("rate", rate, jnp.float32, at_least=0, at_most=1)
    mask_share = checks.scalar("mask_share", mask_share, jnp.float32, at_least=0, at_most=1)
    random_share = checks.scalar("random_share", random_share, jnp.float32, at_least=0, at_most=1)
    choice, fate, draw = jax.random.split(key, 3)
    chosen = jax.random.uniform(choice, tokens.shape, jnp.float32) < rate
    if where is not None:
        chosen = chosen & checks.mask(where, tokens.shape)
    lot = jax.random.uniform(fate, tokens.shape, jnp.float32)
    random = jax.random.randint(draw, tokens.shape, 0, vocabulary_size, jnp.int32).astype(tokens.dtype)
    inputs = jnp.where(chosen & (lot < mask_share + random_share), random, tokens)
    inputs = jnp.where(chosen & (lot < mask_share), jnp.asarray(mask_token, tokens.dtype), inputs)
    return MaskedTokens(inputs, tokens, chosen)


def previous_tokens(labels: ArrayLike, *, vocabulary_size: int, where: ArrayLike | None = None) -> Array:
    r"""Tokens that occurred earlier in a sequence, without the label: the negative candidates of `unlikelihood_loss`.

    .. math:: c_{tk} = 1 \quad \text{if } k \in \{y_1, \dots, y_{t-1}\} \setminus \{y_t\}

    Args:
        labels: Shape ``[..., T]``, integer in ``[0, vocabulary_size)``.
        vocabulary_size: Number of tokens K, >= 1; static.
        where: Shape ``[..., T]``, boolean: False excludes a token, such as padding, from those that have occurred.

    Returns:
        Shape ``[..., T, K]``, boolean: as large as the logits.

    Raises:
        TypeError: If ``labels`` are not integer or ``where`` is not boolean.
        ValueError: If ``labels`` has no last axis, ``where`` does not match it, or ``vocabulary_size`` is not positive.

    Example:
        >>> jaxloss.tokens.previous_tokens(jnp.array([2, 0, 2]), vocabulary_size=3).astype(int)
        Array([[0, 0, 0],
               [0, 0, 1],
               [1, 0, 0]], dtype=int32)

    Reference:
        Welleck, Kulikov, Roller, Dinan, Cho and Weston (2020), Neural Text Generation with Unlikelihood Training.
        https://arxiv.org/abs/1908.04319
    """
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("tokens", allow_empty=True, labels=labels)
    size = checks.whole("vocabulary_size", vocabulary_size)
    is_label = jax.nn.one_hot(labels, size, dtype=jnp.bool_)
    counts = is_label if where is None else is_label & checks.mask(where, labels.shape)[..., None]
    times = jnp.cumsum(counts, axis=-2, dtype=jnp.int32) - counts.astype(jnp.int32)
    return (times > 0) & ~is_label
