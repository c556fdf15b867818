"""Optional checks of values: part of the program under `checked`, absent from it otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.experimental import checkify

from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.typing import Array

__all__ = ["checked", "checking", "ensure", "ensure_labels", "ensure_logits", "ensure_probabilities", "within_domain"]

P = ParamSpec("P")
R = TypeVar("R")

ROUNDING = 1e-2
"""How far rounding in 16 bits may move the sum of probabilities away from 1."""

MANY = 64
"""How many scores lie between 0 and 1 by chance less than once in a life."""

# Part of the jit cache key: a function that was compiled unchecked is traced anew under `checked`.
checking = jax.make_user_context(False)


def ensure(condition: Callable[[], Array], message: str) -> None:
    """Check ``condition`` at run time if `checked` is in force; otherwise add nothing to the program."""
    if checking.value:
        checkify.check(jnp.all(condition()), message)


def within_domain(values: Array, valid: Array, message: str) -> Array:
    """``values`` with NaN, in value and gradient, where ``valid`` is False; under `checked` that is an error."""
    ensure(lambda: valid, message)
    return _if_valid(values, valid)


@jax.custom_jvp
def _if_valid(values: Array, valid: Array) -> Array:
    """`jaxloss._floor.maths.numerics.poison` by a selection, in front of which XLA on CPU makes one loop of a value."""
    return jnp.where(valid, values, jnp.nan)


_if_valid.defjvp(lambda primals, tangents: (_if_valid(*primals), poison(tangents[0], primals[1])))


def ensure_labels(labels: Array, num_classes: int, name: str = "labels") -> None:
    """Under `checked`: every label that is not masked lies in ``[0, num_classes)``."""
    ensure(
        lambda: (labels >= 0) & (labels < num_classes),
        f"{name} must lie in [0, {num_classes}); mask padding with where={name} != -100",
    )


def ensure_logits(name: str, scores: Array) -> None:
    """Under `checked`: ``scores`` that are called logits are not probabilities.

    Only many scores in (0, 1), or rows that sum to one, are taken for probabilities: a few logits may lie there by
    chance.
    """
    if name == "logits":
        ensure(
            lambda: jnp.logical_not(_seem_probabilities(scores)),
            "logits seem to be probabilities, which this loss would squash once more; pass what the network gives "
            "before its softmax or sigmoid, or use the loss that takes probs or log_probs",
        )


def _seem_probabilities(scores: Array) -> Array:
    if not scores.size:
        return jnp.zeros((), bool)
    inside = jnp.sum((scores > 0) & (scores < 1), dtype=jnp.int32)
    many = inside >= MANY
    if scores.ndim and scores.shape[-1] > 1:
        many = many | jnp.all(jnp.abs(jnp.sum(scores.astype(jnp.float32), axis=-1) - 1) <= ROUNDING)
    return many & jnp.all((scores >= 0) & (scores <= 1))


def ensure_probabilities(*, sum_to_one: bool = False, **arrays: Array) -> None:
    """Under `checked`: the arguments lie in ``[0, 1]`` and, if asked, sum to one over the last axis."""
    for name, array in arrays.items():
        ensure(
            lambda a=array: (a >= 0) & (a <= 1),
            f"{name} must be probabilities in [0, 1]; if these are logits, use the function that takes logits",
        )
        if sum_to_one:
            ensure(
                lambda a=array: jnp.abs(jnp.sum(a.astype(jnp.float32), axis=-1) - 1) <= ROUNDING,
                f"{name} must sum to 1 over the last axis",
            )


def checked(fn: Callable[P, R]) -> Callable[P, R]:
    r"""Run a loss, or anything built on losses, with value checks: labels in range, probabilities that are valid.

    Losses always check shapes and dtypes, which is free, and never values. To look for a fault, wrap a loss, a
    training step or a jitted function in ``checked``: the same program is traced with value checks and raises where one
    fails. It works outside and inside ``jax.jit``,
    ``jax.grad`` and ``jax.vmap``.

    Args:
        fn: Any function that calls jaxloss functions; it may be jitted already.

    Returns:
        A function with the signature of ``fn``. A failed check raises a ValueError; called while JAX is
        tracing, the check raises a ``JaxRuntimeError`` with the same message when the program runs.

    Raises:
        TypeError: If ``fn`` is not a function.

    Example:
        >>> loss = jaxloss.checked(jaxloss.softmax_cross_entropy_with_integer_labels)
        >>> loss(jnp.zeros((1, 3)), jnp.array([3]))
        Traceback (most recent call last):
            ...
        ValueError: labels must lie in [0, 3); mask padding with where=labels != -100
    """

    if not callable(fn):
        raise TypeError(
            f"fn must be a function; found {type(fn).__name__}. checked takes the function, not its result: "
            "checked(loss)(x, y)."
        )

    def fail(error: checkify.Error) -> None:
        message = error.get()
        if message is not None:
            raise ValueError(message.split(" (`check` failed)")[0])

    @functools.wraps(fn)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with checking(True):
            error, result = checkify.checkify(fn, errors=checkify.user_checks)(*args, **kwargs)
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(error)):
            jax.debug.callback(fail, error)
        else:
            fail(error)
        return result

    return run
