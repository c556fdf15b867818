"""What the losses of a linear layer over a large vocabulary are computed from: checked, masked and cut into tiles."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.softmax.sharded_classes import all_classes, of_label
from jaxloss._floor.maths.softmax.terms import is_zero, optional_class_vector
from jaxloss._floor.reduction import hide
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar
from jaxloss.language.projected._tiles import Head, Options, Plan

__all__ = ["Problem", "on_chip", "problem_of"]

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


class Problem(NamedTuple):
    """The arguments of the forms.

    Attributes:
        plan, head, options: What is static, the linear map, and the hyperparameters.
        labels: Labels moved into the range of the classes.
        legal: Whether they were in it.
        weights: The weight of the class of every token; None for 1.
    """

    plan: Plan
    head: Head
    labels: Array
    options: Options
    legal: Array
    weights: Array | None


def problem_of(
    hidden: ArrayLike,
    kernel: ArrayLike,
    labels: ArrayLike,
    *,
    bias: ArrayLike | None,
    label_smoothing: Scalar,
    class_weights: ArrayLike | None,
    z_loss: Scalar,
    soft_cap: Scalar | None,
    chunk_size: int | None,
    vocab_axis_name: AxisName | None,
    where: ArrayLike | None,
) -> Problem:
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
    own = None if per_class is None else of_label(vocab_axis_name, per_class, inside)
    return Problem(plan, head, inside, options, inside == labels, own)


def on_chip(implementation: str) -> bool:
    """Whether kernels are asked for."""
    if implementation not in ("xla", "pallas"):
        raise ValueError(f"implementation must be 'xla' or 'pallas'; found {implementation!r}.")
    return implementation == "pallas"


def _checked(hidden: ArrayLike, kernel: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Array]:
    hidden, kernel = checks.floating(hidden=hidden, kernel=kernel)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", allow_empty=True, hidden=hidden)
    checks.with_axes("features classes", allow_empty=True, kernel=kernel)
    checks.with_axes("classes", kernel=kernel)
    checks.kernel(hidden.shape[-1], kernel)
    checks.has_shape(hidden.shape[:-1], "hidden.shape[:-1], the feature axis is last", labels=labels)
    return hidden, kernel, checks.as_int32(labels)


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
