"""The dense cross-entropy of logits whose classes are spread over devices: one device's numbers, nothing gathered."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

import jaxloss
from jaxloss import reductions
from tests.language.test_sharded_vocabulary import TOKENS, assert_close, collectives, mesh

CLASSES = 24
WEIGHTS = np.linspace(0.2, 2, CLASSES)
OPTIONS = {
    "plain": {},
    "class weights": {"class_weights": WEIGHTS},
    "everything": {"label_smoothing": 0.2, "z_loss": 0.01, "class_weights": WEIGHTS},
}
SLICED = PartitionSpec("data", "model")


def loss(logits: jax.Array, labels: jax.Array, where: jax.Array, **kwargs: Any) -> jax.Array:
    if "class_weights" in kwargs and "vocab_axis_name" in kwargs:
        here = logits.shape[-1]
        start = jax.lax.axis_index(kwargs["vocab_axis_name"]) * here
        kwargs["class_weights"] = jax.lax.dynamic_slice_in_dim(jnp.asarray(kwargs["class_weights"]), start, here)
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, where=where, **kwargs)


def sharded(fn: Any, shape: tuple[int, int], out_specs: Any, **kwargs: Any) -> Any:
    kwargs = {"reduction": reductions.mean(axis_name="data"), **kwargs}
    everywhere = fn(functools.partial(loss, vocab_axis_name="model", **kwargs))
    return jax.jit(jax.shard_map(everywhere, mesh=mesh(*shape), in_specs=(SLICED, TOKENS, TOKENS), out_specs=out_specs))


@pytest.mark.parametrize("shape", [(1, 8), (4, 2), (2, 1)], ids=str)
@pytest.mark.parametrize("options", OPTIONS)
def test_equals_one_device(rng: np.random.Generator, shape: tuple[int, int], options: str) -> None:
    """Value and gradient, with absent classes and masked rows that hold NaN."""
    with jax.enable_x64(True):
        logits = jnp.asarray(3 * rng.normal(size=(8, CLASSES))).at[1, :9].set(-jnp.inf).at[3].set(jnp.nan)
        labels, where = jnp.asarray(rng.integers(9, CLASSES, 8)), jnp.arange(8) % 4 != 3
        step = sharded(jax.value_and_grad, shape, (PartitionSpec(), SLICED), **OPTIONS[options])
        expected = jax.jit(jax.value_and_grad(functools.partial(loss, **OPTIONS[options])))(logits, labels, where)
        assert_close(step(logits, labels, where), expected)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_edges(dtype: str) -> None:
    """Digits of nearly perfect predictions, labels outside, absent labels, and large logits, in every dtype."""
    logits = (
        jnp.zeros((8, CLASSES), dtype).at[0, 20].set(20).at[1, 3].set(1e4).at[2, 5].set(-jnp.inf).at[3].set(-jnp.inf)
    )
    labels, where = jnp.array([20, 3, 5, 0, -1, CLASSES, 23, 0]), jnp.ones(8, bool)
    found = sharded(lambda fn: fn, (1, 8), TOKENS, reduction="none")(logits, labels, where)
    expected = loss(logits, labels, where, reduction="none")
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(found[0], np.log1p((CLASSES - 1) * np.exp(-20.0)), rtol=1e-6)
    slopes = [
        jax.jit(jax.grad(lambda z: jnp.sum(jnp.where(labels >= 0, fn(z, labels, where), 0))))(logits)
        for fn in (sharded(lambda fn: fn, (1, 8), TOKENS, reduction="none"), functools.partial(loss, reduction="none"))
    ]
    np.testing.assert_allclose(*(np.asarray(s, np.float32) for s in slopes), rtol=1e-6 if dtype == "float32" else 1e-2)


def test_derivatives(rng: np.random.Generator) -> None:
    """Forward mode and Hessian-vector products; the gradient in the smoothing besides."""
    with jax.enable_x64(True):
        logits = jnp.asarray(rng.normal(size=(8, CLASSES)))
        labels, where = jnp.asarray(rng.integers(0, CLASSES, 8)), jnp.arange(8) != 3

        def forward(fn: Any) -> Any:
            return lambda z, *rest: jax.jvp(lambda x: fn(x, *rest), (z,), (jnp.cos(z),))[1]

        one = functools.partial(loss, **OPTIONS["everything"])
        for fn, specs in ((forward, PartitionSpec()), (lambda fn: forward(jax.grad(fn)), SLICED)):
            found = sharded(fn, (2, 4), specs, **OPTIONS["everything"])(logits, labels, where)
            assert_close(found, jax.jit(fn(one))(logits, labels, where), 1e-9)

        def smoothing(shape: tuple[int, int] | None) -> jax.Array:
            def total(epsilon: jax.Array) -> jax.Array:
                if shape is None:
                    return loss(logits, labels, where, label_smoothing=epsilon)
                part = lambda z, *rest: loss(
                    z,
                    *rest,
                    vocab_axis_name="model",
                    label_smoothing=epsilon,
                    reduction=reductions.mean(axis_name="data"),
                )
                specs = (SLICED, TOKENS, TOKENS)
                return jax.shard_map(part, mesh=mesh(*shape), in_specs=specs, out_specs=PartitionSpec())(
                    logits, labels, where
                )

            return jax.jit(jax.grad(total))(jnp.asarray(0.2))

        assert_close(smoothing((2, 4)), smoothing(None))


@pytest.mark.parametrize(("options", "numbers"), [("plain", 3), ("everything", 7)])
def test_what_travels(options: str, numbers: int) -> None:
    """With the gradient, as many numbers for each row as the loss needs, and none of its logits."""
    rows = 64
    step = sharded(jax.value_and_grad, (1, 8), (PartitionSpec(), SLICED), **OPTIONS[options])
    text = step.lower(jnp.zeros((rows, CLASSES)), jnp.zeros(rows, jnp.int32), jnp.ones(rows, bool)).compile().as_text()
    assert collectives(text) == {"all-reduce": rows}
    sums = [line.split(" all-reduce(")[0] for line in text.splitlines() if " all-reduce(" in line]
    assert sum(shape.count(f"[{rows}]") for shape in sums) == numbers
