"""The cross-entropy of a linear layer whose classes, tokens or both are spread over devices: one device's numbers."""

from __future__ import annotations

import functools
import importlib.util
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from jaxloss import reductions
from jaxloss.language.projected import _problem

CLASSES = 24
"""Six on each of four devices, or twelve on each of two: chunks of five or seven divide none of these."""
OPTIONS = {
    "plain": {},
    "smoothing": {"label_smoothing": 0.2},
    "everything": {"label_smoothing": 0.2, "z_loss": 0.01, "soft_cap": 3.0},
}
SPECS = {
    "hidden": PartitionSpec("data"),
    "kernel": PartitionSpec(None, "model"),
    "bias": PartitionSpec("model"),
    "class_weights": PartitionSpec("model"),
}
TOKENS = PartitionSpec("data")


def mesh(data: int, model: int, devices: Any = None) -> Mesh:
    devices = jax.devices("cpu") if devices is None else devices
    return Mesh(np.array(devices[: data * model]).reshape(data, model), ("data", "model"))


def draw(rng: np.random.Generator, dtype: Any, batch: int = 8, features: int = 4) -> dict[str, jax.Array]:
    return {
        "hidden": jnp.asarray(rng.normal(size=(batch, features)), dtype),
        "kernel": jnp.asarray(rng.normal(size=(features, CLASSES)), dtype),
        "bias": jnp.asarray(rng.normal(size=CLASSES), dtype),
        "class_weights": jnp.asarray(rng.uniform(0.2, 2, CLASSES), dtype),
    }


def loss(some: dict, labels: jax.Array, where: jax.Array, *, weighted: bool = False, **kwargs: Any) -> jax.Array:
    kwargs = {"chunk_size": 5, "bias": some["bias"], "where": where, **kwargs}
    kwargs |= {"class_weights": some["class_weights"]} if weighted else {}
    return jaxloss.linear_softmax_cross_entropy(some["hidden"], some["kernel"], labels, **kwargs)


def sharded(fn: Any, on: Mesh, out_specs: Any, **kwargs: Any) -> Any:
    """``fn`` of the loss over all devices of a mesh: tokens over ``data``, classes over ``model``."""
    everywhere = functools.partial(
        loss, vocab_axis_name="model", **{"reduction": reductions.mean(axis_name="data")} | kwargs
    )
    return jax.jit(jax.shard_map(fn(everywhere), mesh=on, in_specs=(SPECS, TOKENS, TOKENS), out_specs=out_specs))


def assert_close(actual: Any, expected: Any, rtol: float = 1e-11) -> None:
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol / 100), actual, expected)


@pytest.mark.parametrize("shape", [(1, 4), (2, 2), (4, 2), (4, 1)], ids=str)
@pytest.mark.parametrize(("options", "weighted"), [("plain", False), ("smoothing", True), ("everything", True)])
def test_equals_one_device(rng: np.random.Generator, shape: tuple[int, int], options: str, weighted: bool) -> None:
    """Value and gradient in the hidden states, the kernel, the bias and the class weights, masks included."""
    with jax.enable_x64(True):
        some, labels = draw(rng, np.float64), jnp.asarray(rng.integers(0, CLASSES, 8))
        where, kwargs = jnp.arange(8) % 3 > 0, {"weighted": weighted, **OPTIONS[options]}
        step = sharded(jax.value_and_grad, mesh(*shape), (PartitionSpec(), SPECS), **kwargs)
        expected = jax.jit(jax.value_and_grad(functools.partial(loss, **kwargs)))(some, labels, where)
        assert_close(step(some, labels, where), expected)


def test_many_tokens(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of two tokens of the eight on each device, in two groups."""
    monkeypatch.setattr(_problem, "TOKENS", 2)
    monkeypatch.setattr(_problem, "ROWS", 1)
    with jax.enable_x64(True):
        some, labels = draw(rng, np.float64, batch=16), jnp.asarray(rng.integers(0, CLASSES, 16))
        where, kwargs = jnp.arange(16) % 3 > 0, {"weighted": True, **OPTIONS["everything"]}
        step = sharded(jax.value_and_grad, mesh(2, 4), (PartitionSpec(), SPECS), **kwargs)
        found = step(some, labels, where)
        monkeypatch.undo()
        assert_close(found, jax.jit(jax.value_and_grad(functools.partial(loss, **kwargs)))(some, labels, where))


def test_labels_outside_and_masks(rng: np.random.Generator) -> None:
    """NaN for a label outside of the range of all classes, in that token alone; nothing where masked."""
    some, labels = draw(rng, np.float32), jnp.array([0, 23, 24, -1, 6, 5, 24, 17])
    where = jnp.arange(8) != 6
    values = sharded(lambda fn: fn, mesh(2, 4), TOKENS, reduction="none")(some, labels, where)
    expected = loss(some, labels, where, reduction="none")
    np.testing.assert_array_equal(np.isnan(expected), [False, False, True, True] + 4 * [False])
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    slopes = sharded(jax.grad, mesh(2, 4), SPECS, reduction=reductions.sum(axis_name="data"))(some, labels, where)
    np.testing.assert_array_equal(np.isnan(slopes["hidden"]).any(1), np.isnan(expected))


def test_nearly_certain_predictions_and_absent_classes() -> None:
    """A loss of 1.5e-8 keeps its digits though its two classes are on two devices; one device has no class at all."""
    some = {"hidden": jnp.array([[18.0]]), "kernel": jnp.zeros((1, 8)).at[0, 0].set(1.0)}
    some |= {"bias": jnp.array([0.0, -jnp.inf, 0.0] + 5 * [-jnp.inf]), "class_weights": jnp.ones(8)}
    labels, where = jnp.array([0]), jnp.array([True])
    step = sharded(jax.value_and_grad, mesh(1, 4), (PartitionSpec(), SPECS))
    value, slopes = step(some, labels, where)
    np.testing.assert_allclose(value, np.log1p(np.exp(-18.0)), rtol=1e-6)
    np.testing.assert_allclose(slopes["hidden"], [[-np.exp(-18.0)]], rtol=1e-5)
    assert not np.any(slopes["kernel"][:, 3:])
    smoothed = sharded(lambda fn: fn, mesh(1, 4), PartitionSpec(), label_smoothing=0.5)(some, labels, where)
    np.testing.assert_allclose(smoothed, 0.25 * 18 + np.log1p(np.exp(-18.0)), rtol=1e-6)


def test_forward_mode_and_second_derivatives(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        some, labels = draw(rng, np.float64), jnp.asarray(rng.integers(0, CLASSES, 8))
        where, kwargs = jnp.arange(8) != 3, {"weighted": True, **OPTIONS["everything"]}

        def forward(fn: Any) -> Any:
            along = lambda some: jax.tree.map(jnp.cos, some)
            return lambda some, *rest: jax.jvp(lambda x: fn(x, *rest), (some,), (along(some),))[1]

        def second(fn: Any) -> Any:
            return forward(jax.grad(fn))

        one = functools.partial(loss, **kwargs)
        for fn, specs in ((forward, PartitionSpec()), (second, SPECS)):
            found = sharded(fn, mesh(2, 4), specs, **kwargs)(some, labels, where)
            assert_close(found, jax.jit(fn(one))(some, labels, where), 1e-9)


def test_under_vmap(rng: np.random.Generator) -> None:
    """An axis of `jax.vmap` stands for the devices as well; the gradient is taken of the mapped function."""
    some, labels = draw(rng, np.float32), jnp.asarray(rng.integers(0, CLASSES, 8), jnp.int32)
    where = jnp.ones(8, bool)

    def total(kernel: jax.Array) -> jax.Array:
        parts = jnp.moveaxis(kernel.reshape(4, 4, 6), 1, 0)
        one = lambda part, bias: loss({**some, "kernel": part, "bias": bias}, labels, where, vocab_axis_name="model")
        return jnp.mean(jax.vmap(one, axis_name="model")(parts, some["bias"].reshape(4, 6)))

    expected = jax.value_and_grad(lambda kernel: loss({**some, "kernel": kernel}, labels, where))(some["kernel"])
    assert_close(jax.jit(jax.value_and_grad(total))(some["kernel"]), expected, 1e-5)


def collectives(text: str) -> dict[str, int]:
    """The names of the collectives in a compiled program, and the entries of the largest result of each."""
    found: dict[str, int] = {}
    kinds = "all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter"
    for shape, kind in re.findall(rf"= (\(?[^=]*?) ({kinds})(?:-start)?\(", text):
        for dims in re.findall(r"\[([\d,]*)\]", shape):
            found[kind] = max(found.get(kind, 0), int(np.prod([int(d) for d in dims.split(",") if d])))
    return found


def lowered(
    on: Mesh, tokens: int, features: int, classes: int, dtype: Any, fn: Any, out_specs: Any, **kwargs: Any
) -> Any:
    """The sharded program, lowered for its mesh."""
    sizes = {"hidden": (tokens, features), "kernel": (features, classes), "bias": (classes,)}
    sizes |= {"class_weights": (classes,)}
    struct = lambda shape, dtype, spec: jax.ShapeDtypeStruct(shape, dtype, sharding=NamedSharding(on, spec))
    some = {name: struct(size, dtype, SPECS[name]) for name, size in sizes.items()}
    rest = struct((tokens,), jnp.int32, TOKENS), struct((tokens,), jnp.bool_, TOKENS)
    return sharded(fn, on, out_specs, **kwargs).trace(some, *rest).lower()


@pytest.mark.parametrize("options", ["plain", "everything"])
def test_what_travels(options: str) -> None:
    """Of the value a few numbers for each token; of the gradient that of the shared hidden states besides."""
    tokens, features, kwargs = 256, 16, {"chunk_size": 32, "weighted": options != "plain", **OPTIONS[options]}
    value = lowered(mesh(1, 8), tokens, features, 1024, jnp.float32, lambda fn: fn, PartitionSpec(), **kwargs)
    assert collectives(value.compile().as_text()) == {"all-reduce": tokens}
    slope = lowered(mesh(1, 8), tokens, features, 1024, jnp.float32, jax.grad, SPECS, **kwargs)
    text = slope.compile().as_text()
    assert collectives(text) == {"all-reduce": tokens * features}  # more than the kernel has here
    assert len(re.findall(rf"f32\[{tokens},{features}\][^=]* all-reduce", text)) == 1


@pytest.mark.full
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed")
@pytest.mark.xdist_group("tpu compiler")
@pytest.mark.usefixtures("no_compilation_cache")
def test_what_travels_on_a_tpu() -> None:
    """Data by tensor parallel: neither scores nor kernel are gathered, and no device holds its scores."""
    on = mesh(2, 2, topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices)
    tokens, features, classes = 2048, 256, 32768
    compiled = lowered(
        on, tokens, features, classes, jnp.bfloat16, jax.value_and_grad, (PartitionSpec(), SPECS), chunk_size=512
    ).compile()
    found = collectives(compiled.as_text())
    assert "all-gather" not in found
    # The largest is the gradient of the kernel here, summed over the tokens.
    assert found["all-reduce"] <= features * classes // 2
    assert compiled.memory_analysis().temp_size_in_bytes < tokens // 2 * classes // 2 * 4 / 4
