"""A public loss with inputs and options as something to compare: ours first, then its peers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from jaxloss.benchmarks.comparing import Comparison, Implementation, compare_implementations
from jaxloss.benchmarks.inputs import draw
from jaxloss.benchmarks.peers import builtin

__all__ = ["MASKS", "OF_LOGITS", "Task", "masked", "task_of", "through_softmax"]

MASKS = ("where", "weights")

OF_LOGITS = ("kl_divergence", "kl_divergence_with_log_targets", "nll_loss")
"""Losses of log-probabilities that are compared through ``jax.nn.log_softmax``, as they are used: gradients in the
log-probabilities themselves may differ by what no normalised input can tell."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What is compared, on what.

    Attributes:
        title: The loss, its dtype and its options.
        names, inputs: The arguments, and then the keyword arguments that are arrays.
        argnums: Those that are differentiated.
        implementations: The first is what the others are compared with.
        batch: The shape of the masks.
        loss, hypers: The loss of jaxloss that is first, and its hyperparameters that are no arrays.
    """

    title: str
    names: tuple[str, ...]
    inputs: tuple[Any, ...]
    argnums: tuple[int, ...]
    implementations: tuple[Implementation, ...]
    batch: tuple[int, ...] = ()
    loss: str = ""
    hypers: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def compare(self, **options: Any) -> Comparison:
        """See `jaxloss.benchmarks.comparing.compare_implementations`."""
        fixed = {"argnums": self.argnums, "title": self.title, "names": self.names}
        return compare_implementations(self.implementations, self.inputs, **fixed, **options)


def masked(fn: Callable[..., Any], hypers: Mapping[str, Any], keywords: Sequence[str]) -> Callable[..., Any]:
    """A loss of the inputs and then of the keyword arguments that are arrays: as constants XLA would fold them."""

    def loss(*inputs: Any) -> Any:
        kept = len(inputs) - len(keywords)
        return fn(*inputs[:kept], **hypers, **dict(zip(keywords, inputs[kept:], strict=True)))

    return loss


def through_softmax(implementation: Implementation) -> Implementation:
    """A loss of log-probabilities as one of logits."""
    if implementation.eager:
        return implementation

    def load() -> Callable[..., Any]:
        loss = implementation.load()
        return lambda logits, *others: loss(jax.nn.log_softmax(logits), *others)

    return dataclasses.replace(implementation, load=load)


def task_of(
    name: str,
    *,
    size: int | None = None,
    dtype: str = "float32",
    axes: Mapping[str, int] | None = None,
    hypers: Mapping[str, Any] | None = None,
    masks: Sequence[str] = (),
    arrays: Mapping[str, Any] | None = None,
    peers: bool = True,
    label: str = "jaxloss",
    seed: int = 0,
) -> Task:
    """A public loss on inputs that are drawn.

    Args:
        name: The loss.
        size, dtype, axes, seed: See `jaxloss.benchmarks.inputs.draw`.
        hypers: Hyperparameters off their defaults.
        masks: Which of ``"where"`` and ``"weights"`` are given; a tenth of the entries is masked.
        arrays: Hyperparameters that are arrays, such as class weights.
        peers: Whether the plain formula and optax are compared with it, where they have the loss.
        label: Of ours.
    """
    fn, given = getattr(jaxloss, name), dict(hypers or {})
    drawn = draw(fn, size=size, dtype=dtype, axes=axes, seed=seed)
    settings = {**drawn.hypers, **given}
    shape = drawn.mask
    if shape is None:
        shape = jax.eval_shape(lambda *args: fn(*args, **settings, reduction="none"), *drawn.inputs).shape
    keys = jax.random.split(jax.random.key(seed + 1))
    draws = {
        "where": lambda: jax.random.bernoulli(keys[0], 0.9, shape),
        "weights": lambda: jax.random.uniform(keys[1], shape, jnp.float32, 0.5, 1.5),
    }
    keywords = {**(arrays or {}), **{mask: draws[mask]() for mask in masks}}
    ours = Implementation(label, functools.partial(lambda loss: loss, masked(fn, settings, tuple(keywords))))
    compared = [ours, *(builtin(name, settings, tuple(keywords)) if peers else [])]
    if name in OF_LOGITS:
        compared = list(map(through_softmax, compared))
    said = [f"{hyper}={value}" for hyper, value in given.items()]
    return Task(
        ", ".join([name, dtype, *said, *keywords]),
        (*drawn.names, *keywords),
        (*drawn.inputs, *keywords.values()),
        drawn.argnums,
        tuple(compared),
        shape,
        name,
        settings,
    )
