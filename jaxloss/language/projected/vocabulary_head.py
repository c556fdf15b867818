"""Cross-entropy of a linear layer over a large vocabulary, without storing its scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import times_class_weights
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.language.projected._problem import on_chip, problem_of
from jaxloss.language.projected._softmax import projected_cross_entropy

__all__ = ["linear_softmax_cross_entropy"]


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
        z_loss: Factor of the squared log-normaliser; >= 0. As a loss of its own: see
            `jaxloss.linear_softmax_cross_entropy_parts`.
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
    some = problem_of(
        hidden,
        kernel,
        labels,
        bias=bias,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
        z_loss=z_loss,
        soft_cap=soft_cap,
        chunk_size=chunk_size,
        vocab_axis_name=vocab_axis_name,
        where=where,
    )
    form: Callable[..., Array] = projected_cross_entropy
    if on_chip(implementation):
        from jaxloss.language.projected._on_chip import cross_entropy_on_chip as form  # Pallas takes long to import
    values = numerics.poison(form(some.plan, some.head, some.labels, some.options), some.legal)
    counted = times_class_weights(where, weights, some.weights, reduction)
    return reduce(values, where=where, weights=counted, reduction=reduction)
