"""The losses of a linear layer over a large vocabulary that one pass over its scores gives beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.parts import CrossEntropyParts, reduced_parts
from jaxloss._floor.maths.softmax.terms import times_class_weights
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.language.projected._parts import projected_parts
from jaxloss.language.projected._problem import on_chip, problem_of

__all__ = ["linear_softmax_cross_entropy_parts"]


def linear_softmax_cross_entropy_parts(
    hidden: ArrayLike,
    kernel: ArrayLike,
    labels: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    label_smoothing: Scalar = 0.0,
    class_weights: ArrayLike | None = None,
    soft_cap: Scalar | None = None,
    chunk_size: int | None = None,
    implementation: Literal["xla", "pallas"] = "xla",
    vocab_axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> CrossEntropyParts:
    r"""Cross-entropy, z-loss and log-normalisers of a linear layer, from one pass over chunks of its scores.

    Equal to `jaxloss.softmax_cross_entropy_parts` of ``hidden @ kernel + bias``, in the memory of
    `jaxloss.linear_softmax_cross_entropy`. The gradient of any sum of the three takes as many products as that of the
    cross-entropy alone. Derivatives are for reverse mode, of any order; for forward mode take the other two functions.

    Args:
        hidden, kernel, labels, bias, label_smoothing, class_weights, soft_cap, chunk_size, implementation,
            vocab_axis_name, where, weights, reduction: See `jaxloss.linear_softmax_cross_entropy`.

    Returns:
        A ``CrossEntropyParts`` of ``cross_entropy``, ``z_loss`` (both >= 0, reduced with the same weights, class
        weights included) and ``log_normalizers`` of shape ``[...]``; float32, or float64 if an input is.

    Raises:
        TypeError: If ``hidden`` or ``kernel`` are not floating, or ``labels`` not integer.
        ValueError: If the shapes do not match, the class axis is empty, a hyperparameter is out of range, or the
            implementation is unknown.

    Example:
        >>> hidden, kernel = jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> parts = jaxloss.linear_softmax_cross_entropy_parts(hidden, kernel, jnp.array([1]))
        >>> print(f"{parts.cross_entropy:.4f} {parts.z_loss:.4f} {parts.log_normalizers}")
        0.4076 5.7966 [2.407606]

    Reference:
        Chowdhery et al. (2022), PaLM: Scaling Language Modeling with Pathways. https://arxiv.org/abs/2204.02311
        Wijmans, Huval, Hertzberg, Koltun and Krähenbühl (2024), Cut Your Losses in Large-Vocabulary Language Models.
        https://arxiv.org/abs/2411.09009
    """
    some = problem_of(
        hidden,
        kernel,
        labels,
        bias=bias,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
        z_loss=0.0,
        soft_cap=soft_cap,
        chunk_size=chunk_size,
        vocab_axis_name=vocab_axis_name,
        where=where,
    )
    form: Callable[..., tuple[Array, Array]] = projected_parts
    if on_chip(implementation):
        from jaxloss.language.projected._on_chip import parts_on_chip as form  # Pallas takes long to import
    values, log_normalizers = form(some.plan, some.head, some.labels, some.options)
    values = numerics.poison(values, some.legal)
    counted = times_class_weights(where, weights, some.weights, reduction)
    return reduced_parts(values, log_normalizers, where=where, weights=counted, reduction=reduction)
