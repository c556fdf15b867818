"""What is measured: the headline sizes, and every Case of the tests at a small size."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss

Inputs = tuple[jax.Array, ...]

ROWS, CLASSES, ELEMENTS, IMAGES = 8192, 32768, 10**7, 8
PAIRS, VIEWS, FEATURES = 4096, 1024, 512


@dataclasses.dataclass(frozen=True)
class Workload:
    """One loss on one set of inputs.

    Attributes:
        loss: The public name in jaxloss.
        dtype: Of the floating inputs.
        names: The inputs in the order of the signature.
        draw: Makes them; called when it is their turn, because they may be large.
        wrt: Positions of the inputs that are differentiated.
        hypers: Keyword arguments that the loss cannot be called without.
        batch: The shape that ``where`` has.
        oracle: Two arrays that must agree before the loss is timed, and where the second comes from; for Cases.
    """

    loss: str
    dtype: str
    names: tuple[str, ...]
    draw: Callable[[], Inputs]
    wrt: tuple[int, ...] = (0,)
    hypers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    batch: tuple[int, ...] = ()
    oracle: Callable[[], tuple[Any, Any, str]] | None = None

    @property
    def name(self) -> str:
        return f"{self.loss}, {self.dtype}"

    def ours(self, *inputs: jax.Array) -> jax.Array:
        return getattr(jaxloss, self.loss)(*inputs, **self.hypers)


def _scores(dtype: str, rows: int) -> Inputs:
    scores, labels = jax.random.split(jax.random.key(1))
    return (
        2 * jax.random.normal(scores, (rows, CLASSES), dtype),
        jax.random.randint(labels, (rows,), 0, CLASSES),
    )


def _binary(dtype: str, size: int) -> Inputs:
    scores, targets = jax.random.split(jax.random.key(2))
    return (
        2 * jax.random.normal(scores, (size,), dtype),
        jax.random.bernoulli(targets, 0.5, (size,)).astype(dtype),
    )


def _pair(dtype: str, size: int) -> Inputs:
    predictions, targets = jax.random.split(jax.random.key(3))
    return (
        2 * jax.random.normal(predictions, (size,), dtype),
        2 * jax.random.normal(targets, (size,), dtype),
    )


def _matched(dtype: str, size: int) -> Inputs:
    """Two sets of embeddings that point in related directions."""
    first, second = jax.random.split(jax.random.key(4))
    images = jax.random.normal(first, (size, FEATURES), dtype)
    return images, images + 2 * jax.random.normal(second, (size, FEATURES), dtype)


def _two_views(dtype: str, size: int) -> Inputs:
    """Two views of each image, side by side, and whose they are."""
    first, second = jax.random.split(jax.random.key(5))
    labels = jnp.arange(size, dtype=jnp.int32) // 2
    images = jax.random.normal(first, (size, FEATURES), dtype)[labels]
    return images + 2 * jax.random.normal(second, (size, FEATURES), dtype), labels


def _images(dtype: str, size: int) -> Inputs:
    """Images in [0, 1] and noisy copies of them."""
    predictions, targets = jax.random.split(jax.random.key(4))
    original = jax.random.uniform(targets, (size, 256, 256, 3))
    noisy = jax.numpy.clip(original + 0.1 * jax.random.normal(predictions, original.shape), 0, 1)
    return noisy.astype(dtype), original.astype(dtype)


HEADLINE: dict[str, tuple[tuple[str, ...], Callable[[str, int], Inputs], int]] = {
    "softmax_cross_entropy_with_integer_labels": (("logits", "labels"), _scores, ROWS),
    "sigmoid_binary_cross_entropy": (("logits", "targets"), _binary, ELEMENTS),
    "squared_error": (("predictions", "targets"), _pair, ELEMENTS),
    "huber_loss": (("predictions", "targets"), _pair, ELEMENTS),
    "clip_loss": (("image_embeddings", "text_embeddings"), _matched, PAIRS),
    "ntxent": (("embeddings", "labels"), _two_views, VIEWS),
    "ssim_loss": (("predictions", "targets"), _images, IMAGES),
}
"""Loss name to the names of its inputs, how they are drawn and how many examples there are."""

HYPERS: dict[str, dict[str, Any]] = {"ssim_loss": {"data_range": 1.0}}
"""Keyword arguments that a loss cannot be called without."""


def headline(scale: float = 1.0) -> list[Workload]:
    """The losses that most programs spend their time in, at sizes that do not fit a cache."""

    def workload(name: str, dtype: str) -> Workload:
        inputs, make, examples = HEADLINE[name]
        size = max(1, round(examples * scale))
        draw = functools.partial(jax.jit(make, static_argnums=(0, 1)), dtype, size)
        return Workload(name, dtype, inputs, draw, hypers=HYPERS.get(name, {}), batch=(size,))

    return [workload(name, dtype) for name in HEADLINE for dtype in ("float32", "bfloat16")]


def sweep(scale: float = 1.0) -> list[Workload]:
    """Every Case that takes arrays alone, on about 512 examples; differentiated in every input that is."""
    from jaxloss.inspect.calls import call, cast, cast_hypers, settings
    from tests.cases import Case, all_cases, floats

    def check(case: Case) -> tuple[Any, Any, str]:
        """Our unreduced loss and its oracle, which may be slow, on a few examples."""
        plain = settings(case)[0]
        inputs = cast(case.draw(np.random.default_rng(1), (2, 4)), np.float32)
        value = jax.jit(lambda x: call(case, x, **cast_hypers(plain, np.float32), reduction="none"))(inputs)
        arrays = {n: np.asarray(x) for n, x in inputs.items()}
        exact = {n: x.astype(np.float64) if n in floats(arrays) else x for n, x in arrays.items()}
        return value, case.oracle(**exact, **plain), case.source

    def workload(case: Case) -> Workload:
        size = max(64, round(512 * scale))
        batch = (size // 32, 32) if case.pooled or case.meets else (size,)

        def draw() -> Inputs:
            return tuple(cast(case.draw(np.random.default_rng(0), batch), np.float32).values())

        few = case.draw(np.random.default_rng(0), (2,))
        names = tuple(few)
        wrt = tuple(names.index(name) for name in floats(few) if name not in case.fixed)
        hypers = cast_hypers(settings(case)[0], np.float32)
        return Workload(case.name, "float32", names, draw, wrt, hypers, batch, functools.partial(check, case))

    return [workload(case) for case in all_cases() if not case.leading]
