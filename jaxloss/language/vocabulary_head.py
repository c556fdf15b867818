"""Cross-entropy of a linear layer over a large vocabulary, without storing its scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.sharded_classes import all_classes, of_label
from jaxloss._floor.maths.softmax.terms import is_zero, optional_class_vector, times_class_weights
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.language._projected_softmax import projected_cross_entropy
from jaxloss.language._projected_tiles import Head, Options, Plan

__all__ = ["linear_softmax_cross_entropy"]

FEWEST, MOST = 512, 2048
"""Classes of a default chunk, fewest and most; in between about a thirty-second of all classes."""

FEW = 2**17
"""Number of scores up to which a chunk has more classes than that."""

TOKENS, HIDDEN = 4096, 2**24
"""Tokens of a block, and entries of their hidden states, at most: a TPU keeps both and the scores on the chip. Up to
twice as many tokens are one block, if their hidden states have no more."""

BLOCKS = 16
"""Most blocks: a `jax.jit` may spread the tokens over devices, and each needs enough of every block."""

ROWS = 64
"""Tokens of a block that lie together, for which the memory of a TPU is laid out."""


def linear_softmax_cross_entropy(
    hidden: ArrayLike,
    kernel: ArrayLike,
    labels: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    label_smoothing: Scalar = 0.0,
    class_weights: ArrayLike | None = None,
    z_loss: Scalar = 0.0,
    soft_cap: Scalar | None = None,
    chunk_size: int | None = None,
    implementation: Literal["xla", "pallas"] = "xla",
    vocab_axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softmax cross-entropy of a linear layer over a large vocabulary, computed in chunks without storing all scores.

    .. math:: z_k = \operatorname{cap}\bigl(h^\top W_k + b_k\bigr), \qquad
              \ell = -\log \frac{e^{z_y}}{\sum_k e^{z_k}}, \qquad
              \operatorname{cap}(u) = \kappa \tanh(u / \kappa)

    with smoothing, class weights and z-loss as in `jaxloss.softmax_cross_entropy_with_integer_labels`, and equal to
    that loss of ``hidden @ kernel + bias``. The value takes one pass over chunks of classes. The gradient computes the
    scores of each chunk again: a third more multiplications than the dense form. Apart from its results it needs memory
    for the gradient of ``hidden`` in float32 and a few chunks. All derivatives equal those of the dense form, under any
    reduction, in reverse and in forward mode. Two differences from PyTorch and common kernels: ``kernel`` is
    ``[features, classes]``, and products accumulate in float32 for 16-bit inputs.

    Over devices: split tokens in any way, or the classes by ``vocab_axis_name``, or both. A plain `jax.jit` gathers a
    kernel that is split over its classes for every chunk, and every device computes all of them. With ``chunk_size=K``
    it gathers nothing, and every device holds its share of the scores.

    Args:
        hidden: Last hidden states, shape ``[..., D]``, floating.
        kernel: Shape ``[D, K]``, floating. Pass a tied embedding ``[K, D]`` transposed, which does not copy it.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``. An unmasked label outside gives NaN in value
            and gradient; ``ignore_index`` is spelled ``where=labels != -100``.
        bias: Shape ``[K]``, floating; None for no bias. A class of bias -inf is absent, unless scores are capped.
        label_smoothing: Share of the target spread evenly over all K classes; in [0, 1].
        class_weights: Shape ``[K]``, >= 0; None weights all classes equally.
        z_loss: Factor of the squared log-normaliser; >= 0.
        soft_cap: Bound :math:`\kappa` > 0 of the scores; None for no bound.
        chunk_size: Number of classes per chunk, >= 1, static. None takes 512 to 2048 by the number of classes, and more
            if there are few tokens. Larger chunks need more memory, smaller ones more passes over the gradient of
            ``hidden``. Many tokens are taken in blocks, too.
        implementation: ``"xla"`` leaves all to the compiler. ``"pallas"`` takes two kernels on a TPU v5e or v6e, with
            first derivatives in reverse mode only: a fifth fewer cycles by the compiler's count, but not yet timed on a
            chip. They are for one device, or for `jax.shard_map`: a plain `jax.jit` gathers what it has spread. With
            few tokens or classes, outside 128 to 8192 features, and on all other machines it computes in chunks.
        vocab_axis_name: Mesh axis that the classes are spread over, inside `jax.shard_map`. ``kernel``, ``bias`` and
            ``class_weights`` are this device's slice of the classes, all of one size and in order; everything else is
            equal along the axis, and labels count all classes. A few numbers per token travel, and the gradient of
            ``hidden``, which is summed; neither scores nor the kernel do. None if all classes are here.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; float32, or float64 if an input is.

    Raises:
        TypeError: If ``hidden`` or ``kernel`` are not floating, or ``labels`` not integer.
        ValueError: If the shapes do not match, the class axis is empty, a hyperparameter is out of range, or the
            implementation is unknown.

    Example:
        >>> hidden, kernel = jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> loss = jaxloss.linear_softmax_cross_entropy(hidden, kernel, jnp.array([1]))
        >>> print(f"{loss:.6f}")
        0.407606

    Reference:
        Wijmans, Huval, Hertzberg, Koltun and Krähenbühl (2024), Cut Your Losses in Large-Vocabulary Language Models.
        https://arxiv.org/abs/2411.09009
        Gemma Team (2024), Gemma 2: Improving Open Language Models at a Practical Size (soft cap).
        https://arxiv.org/abs/2408.00118
        Shoeybi et al. (2019), Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism
        (classes over devices). https://arxiv.org/abs/1909.08053
    """
    hidden, kernel, labels = _checked(hidden, kernel, labels)
    hidden, labels = hide(where, hidden, event_ndim=1), hide(where, labels)
    here = kernel.shape[-1]
    num_classes = all_classes(vocab_axis_name, here)
    value_checks.ensure_labels(labels, num_classes)
    inside = jnp.clip(labels, 0, num_classes - 1)
    work = jnp.float64 if jnp.float64 in (hidden.dtype, kernel.dtype) else jnp.float32
    smoothing = checks.scalar("label_smoothing", label_smoothing, work, at_least=0, at_most=1)
    z_factor = checks.scalar("z_loss", z_loss, work, at_least=0)
    cap = None if soft_cap is None else jnp.asarray(checks.scalar("soft_cap", soft_cap, work, above=0), work)
    per_class = optional_class_vector(here, work, class_weights=class_weights)
    chunk, blocks = _chunk(chunk_size, labels.size, here), _tokens(labels.size, hidden.shape[-1])
    plan = Plan(chunk, not is_zero(smoothing), not is_zero(z_factor), vocab_axis_name, *blocks)
    head = Head(hidden, kernel, optional_class_vector(here, work, bias=bias))
    options = Options(jnp.asarray(smoothing, work), jnp.asarray(z_factor, work), cap, per_class)
    values = _form(implementation)(plan, head, inside, options)
    values = numerics.poison(values, inside == labels)
    own = None if per_class is None else of_label(vocab_axis_name, per_class, inside)
    return reduce(values, where=where, weights=times_class_weights(where, weights, own, reduction), reduction=reduction)


def _checked(hidden: ArrayLike, kernel: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Array]:
    hidden, kernel = checks.floating(hidden=hidden, kernel=kernel)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", allow_empty=True, hidden=hidden)
    checks.with_axes("features classes", allow_empty=True, kernel=kernel)
    checks.with_axes("classes", kernel=kernel)
    checks.kernel(hidden.shape[-1], kernel)
    checks.has_shape(hidden.shape[:-1], "hidden.shape[:-1], the feature axis is last", labels=labels)
    return hidden, kernel, checks.as_int32(labels)


def _form(implementation: str) -> Callable[[Plan, Head, Array, Options], Array]:
    if implementation == "xla":
        return projected_cross_entropy
    if implementation != "pallas":
        raise ValueError(f"implementation must be 'xla' or 'pallas'; found {implementation!r}.")
    from jaxloss.language._projected_on_chip import cross_entropy_on_chip  # Pallas takes long to import

    return cross_entropy_on_chip


def _chunk(chunk_size: int | None, tokens: int, num_classes: int) -> int:
    """The classes of a chunk; by default a power of two, for the matrix units."""
    if chunk_size is not None:
        return min(checks.whole("chunk_size", chunk_size), num_classes)
    usual = min(max(FEWEST, 1 << (num_classes // 32).bit_length() >> 1), MOST)
    few = FEW >> max(tokens - 1, 0).bit_length() if isinstance(tokens, int) else 0
    return min(max(usual, few), num_classes)


def _tokens(tokens: int, features: int) -> tuple[int, int | None]:
    """The groups of tokens, and how many of each a block has; None for all, also where no number near fits."""
    if not isinstance(tokens, int) or (tokens <= 2 * TOKENS and tokens * features <= HIDDEN):
        return 1, None
    most = max(min(TOKENS, HIDDEN // max(features, 1)), tokens // BLOCKS)
    groups = math.gcd(tokens, 1 << (most // ROWS).bit_length() >> 1)
    rows, fewer = tokens // groups, most // groups
    fitting = max((n for n in range(1, fewer + 1) if rows % n == 0), default=0)
    return groups, fitting if 4 * fitting >= max(fewer, 1) else None
