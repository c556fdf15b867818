"""`jaxloss.linear_softmax_cross_entropy_parts`: the numbers of two dense losses, for the products of one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from jaxloss import combine, reductions
from jaxloss.language.projected import _problem

CLASSES = 11
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.2},
    "all": {"label_smoothing": 0.2, "soft_cap": 3.0, "class_weights": np.linspace(0.2, 2, CLASSES)},
}
Some = dict[str, Any]

parts = jaxloss.linear_softmax_cross_entropy_parts


def dense(hidden: Any, kernel: Any, labels: Any, *, bias: Any, soft_cap: Any = None, **rest: Any) -> Any:
    logits = jnp.einsum("...d,dk->...k", hidden, kernel) + jnp.expand_dims(bias, tuple(range(labels.ndim)))
    if soft_cap is not None:
        logits = soft_cap * jnp.tanh(logits / soft_cap)
    return jaxloss.softmax_cross_entropy_parts(logits, labels, **rest)


def drawn(rng: np.random.Generator, batch: tuple[int, ...], dtype: Any = np.float64) -> tuple[Some, Any]:
    some = {
        "hidden": jnp.asarray(rng.normal(size=(*batch, 4)), dtype),
        "kernel": jnp.asarray(rng.normal(size=(4, CLASSES)), dtype),
        "bias": jnp.asarray(rng.normal(size=CLASSES), dtype),
    }
    return some, jnp.asarray(rng.integers(0, CLASSES, batch))


def contraction(form: Callable[..., Any], labels: Any, cotangents: Any, **options: Any) -> Callable[[Some], Any]:
    """Any sum of the three results."""

    def total(some: Some) -> jax.Array:
        found = form(**some, labels=labels, reduction="none", **options)
        return sum((jnp.sum(x * y) for x, y in zip(found, cotangents, strict=True)), jnp.zeros(()))

    return total


def assert_close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol / 10), found, expected)


@pytest.mark.parametrize("chunk_size", [1, 4, CLASSES, None])
@pytest.mark.parametrize("name", OPTIONS)
def test_equal_the_dense_parts(rng: np.random.Generator, name: str, chunk_size: int | None) -> None:
    """Values, and the gradients of any sum of them in all inputs and hyperparameters."""
    with jax.enable_x64(True):
        some, labels = drawn(rng, (2, 3))
        where, cotangents = jnp.asarray(rng.uniform(size=(2, 3)) < 0.7), rng.normal(size=(3, 2, 3))
        hypers = jax.tree.map(jnp.asarray, OPTIONS[name])

        def results(form: Callable[..., Any], **more: Any) -> Any:
            loss = lambda s, h: contraction(form, labels, cotangents, where=where, **h, **more)(s)
            return form(**some, labels=labels, where=where, **hypers), jax.grad(loss, argnums=(0, 1))(some, hypers)

        assert_close(results(functools.partial(parts, chunk_size=chunk_size)), results(dense))


@pytest.mark.parametrize("name", OPTIONS)
def test_blocks_of_tokens(rng: np.random.Generator, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With second derivatives, of which reverse mode gives those in forward direction, too."""
    monkeypatch.setattr(_problem, "TOKENS", 8)
    monkeypatch.setattr(_problem, "ROWS", 2)
    with jax.enable_x64(True):
        some, labels = drawn(rng, (4, 6))
        along, cotangents = jax.tree.map(jnp.cos, some), rng.normal(size=(3, 4, 6))

        def results(form: Callable[..., Any]) -> Any:
            loss = contraction(form, labels, cotangents, **OPTIONS[name])
            twice = jax.grad(lambda s: sum(jnp.vdot(x, along[n]) for n, x in jax.grad(loss)(s).items()))
            return jax.grad(loss)(some), jax.jvp(jax.grad(loss), (some,), (along,))[1], twice(some)

        assert_close(jax.jit(lambda: results(functools.partial(parts, chunk_size=4)))(), results(dense), 1e-9)


def test_the_cross_entropy_is_that_of_its_own_function(rng: np.random.Generator) -> None:
    some, labels = drawn(rng, (6,), np.float32)
    own = lambda s: jaxloss.linear_softmax_cross_entropy(**s, labels=labels, chunk_size=4)
    one = lambda s: parts(**s, labels=labels, chunk_size=4).cross_entropy
    expected, found = jax.value_and_grad(own)(some), jax.value_and_grad(one)(some)
    np.testing.assert_array_equal(found[0], expected[0])
    assert_close(found[1], expected[1], 1e-6)


def test_both_gradients_take_the_products_of_one(rng: np.random.Generator) -> None:
    some, labels = drawn(rng, (6,), np.float32)

    def products(loss: Callable[..., Any]) -> int:
        return jax.jit(jax.grad(loss)).lower(some).as_text().count("stablehlo.dot_general")

    def both(some: Some) -> jax.Array:
        found = parts(**some, labels=labels, chunk_size=4)
        return found.cross_entropy + 1e-4 * found.z_loss + jnp.sum(found.log_normalizers)

    one = lambda s: jaxloss.linear_softmax_cross_entropy(**s, labels=labels, chunk_size=4, z_loss=1e-4)
    assert products(both) == products(one) == 4


def test_they_are_terms_of_an_objective(rng: np.random.Generator) -> None:
    some, labels = drawn(rng, (8,), np.float32)
    where = jnp.arange(8) % 3 > 0

    def losses(some: Some) -> dict[str, Any]:
        found = parts(**some, labels=labels, where=where, reduction=reductions.term)
        return {"ce": found.cross_entropy, "z": found.z_loss}

    objective = combine.objective(losses, combine.weigh(z=optax.constant_schedule(0.03)))
    (loss, _), slope = jax.value_and_grad(objective, has_aux=True)(some, objective.init(some))
    one = lambda s: jaxloss.linear_softmax_cross_entropy(**s, labels=labels, where=where, z_loss=0.03)
    assert_close((loss, slope), jax.value_and_grad(one)(some), 1e-5)


def test_an_illegal_label_and_what_is_masked(rng: np.random.Generator) -> None:
    some, labels = drawn(rng, (4,), np.float32)
    labels, where = labels.at[1].set(CLASSES).at[2].set(-1), jnp.arange(4) != 2
    some["hidden"] = some["hidden"].at[2].set(jnp.nan)
    found = parts(**some, labels=labels, where=where, reduction="none")
    np.testing.assert_array_equal(np.isnan(found.cross_entropy), [False, True, False, False])
    assert np.all(np.isfinite(found.log_normalizers))
    assert found.log_normalizers[2] == found.z_loss[2] == 0
    slope = jax.grad(lambda h: jnp.sum(parts(**some | {"hidden": h}, labels=labels, where=where).cross_entropy))
    np.testing.assert_array_equal(np.isnan(slope(some["hidden"])).any(-1), [False, True, False, False])


def test_forward_mode_is_refused(rng: np.random.Generator) -> None:
    some, labels = drawn(rng, (4,), np.float32)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda s: parts(**s, labels=labels).z_loss, (some,), (some,))


def test_they_can_be_mapped(rng: np.random.Generator) -> None:
    some, labels = drawn(rng, (3, 5), np.float32)
    one = lambda h, y: parts(h, some["kernel"], y, bias=some["bias"], chunk_size=4)
    pull = lambda h, y: jax.grad(lambda x: sum(jax.tree.map(jnp.sum, one(x, y)), jnp.zeros(())))(h)
    for fn in (one, pull):
        mapped = jax.vmap(fn)(some["hidden"], labels)
        looped = [fn(h, y) for h, y in zip(some["hidden"], labels, strict=True)]
        assert_close(mapped, jax.tree.map(lambda *x: jnp.stack(x), *looped), 1e-5)


@pytest.mark.parametrize("name", OPTIONS)
def test_tokens_and_classes_over_devices(rng: np.random.Generator, name: str) -> None:
    mesh = Mesh(np.array(jax.devices("cpu")[:4]).reshape(2, 2), ("data", "model"))
    options = dict(OPTIONS[name])
    with jax.enable_x64(True):
        some, labels = drawn(rng, (8,))
        # Two devices have the classes, of which there are twelve; the last is absent.
        some["kernel"] = jnp.pad(some["kernel"], [(0, 0), (0, 1)])
        some["bias"] = jnp.pad(some["bias"], (0, 1), constant_values=-jnp.inf)
        options.pop("soft_cap", None)
        some |= {
            n: jnp.pad(jnp.asarray(options.pop(n)), (0, 1), mode="edge") for n in ("class_weights",) if n in options
        }

        def loss(some: Some, labels: Any, **more: Any) -> jax.Array:
            found = parts(**some, labels=labels, chunk_size=4, **options, **more)
            return found.cross_entropy + 0.1 * found.z_loss

        spread = {"hidden": PartitionSpec("data"), "kernel": PartitionSpec(None, "model")}
        specs = {n: spread.get(n, PartitionSpec("model")) for n in some}
        everywhere = functools.partial(loss, vocab_axis_name="model", reduction=reductions.mean(axis_name="data"))
        step = jax.shard_map(
            jax.value_and_grad(everywhere),
            mesh=mesh,
            in_specs=(specs, PartitionSpec("data")),
            out_specs=(PartitionSpec(), specs),
        )
        assert_close(jax.jit(step)(some, labels), jax.value_and_grad(loss)(some, labels))


@pytest.mark.parametrize("cotangents", [(1.0, 0.0), (0.0, 1.0), (0.7, -0.3)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.usefixtures("interpreted")
def test_kernels_equal_the_chunks(cotangents: tuple[float, float], dtype: str, rng: np.random.Generator) -> None:
    """Run by the interpreter, in blocks that divide neither tokens nor classes."""
    some = {
        "hidden": jnp.asarray(rng.normal(size=(5, 9, 128)), dtype),
        "kernel": jnp.asarray(0.2 * rng.normal(size=(128, 300)), dtype),
        "bias": jnp.asarray(rng.normal(size=300), jnp.float32),
    }
    labels = jnp.asarray(rng.integers(0, 300, (5, 9)), jnp.int32)

    def results(implementation: Any) -> Any:
        def loss(some: Some) -> Any:
            options = {"label_smoothing": 0.1, "soft_cap": 5.0, "where": jnp.arange(45).reshape(5, 9) % 3 > 0}
            found = parts(**some, labels=labels, implementation=implementation, **options)
            return cotangents[0] * found.cross_entropy + cotangents[1] * found.z_loss, found

        return jax.value_and_grad(loss, has_aux=True)(some)

    (_, found), slopes = results("pallas")
    (_, expected), others = results("xla")
    assert_close(found, expected, 1e-5)
    bound = 2**-8 if dtype == "bfloat16" else 4e-6
    for one, other in zip(jax.tree.leaves(slopes), jax.tree.leaves(others), strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        np.testing.assert_allclose(one, other, rtol=2 * bound, atol=bound * np.abs(other).max())
