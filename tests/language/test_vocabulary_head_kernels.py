"""The kernels of the cross-entropy of a linear layer: interpreted, beside the chunks, and compiled for TPUs without one."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from jaxloss.language.projected import _on_chip as on_chip

loss = jaxloss.linear_softmax_cross_entropy
on_tpus = [
    pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed"),
    pytest.mark.xdist_group("tpu compiler"),
    pytest.mark.usefixtures("no_compilation_cache"),
]
"""Marks of what is compiled for TPUs."""

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "masked": {"where": np.arange(45) % 3 > 0, "weights": np.linspace(0, 2, 45, dtype=np.float32)},
    "all": {"label_smoothing": 0.1, "z_loss": 1e-3, "soft_cap": 5.0, "reduction": "sum"},
}


def drawn(dtype: Any, *, per_class: bool) -> tuple[dict[str, Any], Any]:
    """Numbers of tokens and classes that blocks do not divide."""
    rng = np.random.default_rng(0)
    moved = {
        "hidden": jnp.asarray(rng.normal(size=(5, 9, 128)), dtype),
        "kernel": jnp.asarray(0.2 * rng.normal(size=(128, 300)), dtype),
    }
    if per_class:
        # Large, so that what fills up a block would show; a class of -inf is absent.
        moved["bias"] = jnp.asarray(np.where(np.arange(300) == 7, -np.inf, 60 * rng.normal(size=300)), jnp.float32)
        moved["class_weights"] = jnp.asarray(rng.uniform(0.5, 2, 300), jnp.float32)
    return moved, jnp.asarray(rng.integers(8, 300, (5, 9)), jnp.int32)


def value_and_slopes(moved: dict[str, Any], labels: Any, implementation: Any, **options: Any) -> Any:
    options |= {name: np.reshape(options[name], labels.shape) for name in ("where", "weights") if name in options}
    fixed = {name: moved[name] for name in moved if name == "class_weights"}
    moved = {name: moved[name] for name in moved if name not in fixed}
    return jax.value_and_grad(lambda m: loss(**m, **fixed, labels=labels, implementation=implementation, **options))(
        moved
    )


@pytest.mark.parametrize("name", ["plain", pytest.param("masked", marks=pytest.mark.full), "all"])
@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.full)])
@pytest.mark.usefixtures("interpreted")
def test_kernels_equal_the_chunks(dtype: str, name: str) -> None:
    moved, labels = drawn(dtype, per_class=name != "plain")
    expected = value_and_slopes(moved, labels, "xla", **OPTIONS[name])
    found = value_and_slopes(moved, labels, "pallas", **OPTIONS[name])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    for one, other in zip(jax.tree.leaves(found[1]), jax.tree.leaves(expected[1]), strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        # Other blocks than the chunks add in another order; in 16 bits they round each slope with its weight.
        bound = 2**-8 if dtype == "bfloat16" else 2e-6
        np.testing.assert_allclose(one, other, rtol=2 * bound, atol=bound * np.abs(other).max())
    if name == "masked":
        assert not np.any(np.asarray(found[1]["hidden"])[~OPTIONS[name]["where"].reshape(labels.shape)])


@pytest.mark.full
@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("argument", ["hidden", "kernel", "label"])
def test_what_is_no_number_is_lost_in_both(argument: str) -> None:
    """NaN in a token, in a class, and a label that is none: the same entries of value and gradient are NaN."""
    moved, labels = drawn("float32", per_class=False)
    if argument == "label":
        labels = labels.at[2, 3].set(300)
    else:
        moved[argument] = moved[argument].at[2, 3].set(jnp.nan)
    expected, found = (value_and_slopes(moved, labels, implementation) for implementation in ("xla", "pallas"))
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(jnp.isnan(x), jnp.isnan(y)), found, expected)


def test_without_a_tpu_it_computes_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the gradients of the hyperparameters."""
    monkeypatch.setattr(on_chip, "apply_to", lambda *_: True)
    moved, labels = drawn("float32", per_class=True)

    def value(implementation: Any, moved: dict[str, Any], numbers: dict[str, Any]) -> jax.Array:
        return loss(**moved, **numbers, labels=labels, implementation=implementation)

    numbers = {"label_smoothing": 0.1, "z_loss": 1e-3, "soft_cap": 5.0}
    expected, found = (
        jax.value_and_grad(functools.partial(value, implementation), argnums=(0, 1))(moved, numbers)
        for implementation in ("xla", "pallas")
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7), found, expected)


def test_few_tokens_are_computed_in_chunks() -> None:
    """So forward mode is there."""
    moved, labels = drawn("float32", per_class=False)
    along = lambda hidden: loss(hidden, moved["kernel"], labels, implementation="pallas")
    assert np.isfinite(jax.jvp(along, (moved["hidden"],), (moved["hidden"],))[1])


def test_an_unknown_implementation() -> None:
    moved, labels = drawn("float32", per_class=False)
    unknown: Any = "triton"
    with pytest.raises(ValueError, match="implementation must be 'xla' or 'pallas'; found 'triton'"):
        loss(**moved, labels=labels, implementation=unknown)


def compiled(topology: str, shape: dict[str, int], specs: dict[str, PartitionSpec], dtype: Any, **options: Any) -> Any:
    """Value and gradient for a mesh of the first chips, inside `jax.shard_map`."""
    devices = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
    mesh = Mesh(np.array(devices[: int(np.prod([*shape.values()]))]).reshape(*shape.values()), tuple(shape))
    struct = lambda size, dtype, spec: jax.ShapeDtypeStruct(size, dtype, sharding=NamedSharding(mesh, spec))
    moved = {
        "hidden": struct((8192, 512), dtype, specs["hidden"]),
        "kernel": struct((512, 5000), dtype, specs["kernel"]),
        "bias": struct((5000,), jnp.float32, PartitionSpec(*specs["kernel"][1:])),
    }
    labels = struct((8192,), jnp.int32, specs["hidden"])
    inside = {**specs, "bias": PartitionSpec(*specs["kernel"][1:])}

    @functools.partial(jax.shard_map, mesh=mesh, in_specs=(inside, specs["hidden"]), out_specs=PartitionSpec())
    def mean(moved: dict[str, Any], labels: Any) -> jax.Array:
        each = loss(**moved, labels=labels, implementation="pallas", reduction="none", **options)
        return jax.lax.pmean(jnp.mean(each), "data")

    return jax.jit(jax.value_and_grad(mean)).trace(moved, labels).lower(lowering_platforms=("tpu",)).compile()


class TestOnTpus:
    pytestmark = on_tpus

    @pytest.mark.full
    @pytest.mark.parametrize("topology", ["v5e:2x2", "v6e:2x2"])
    @pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
    def test_compiles_with_all_options(self, topology: str, dtype: str) -> None:
        specs = {"hidden": PartitionSpec("data"), "kernel": PartitionSpec(None, None)}
        found = compiled(topology, {"data": 1}, specs, dtype, label_smoothing=0.1, z_loss=1e-4, soft_cap=30.0)
        assert found.as_text().count("tpu_custom_call") >= 2

    @pytest.mark.full
    def test_over_tokens_and_classes_only_sums_travel(self) -> None:
        specs = {"hidden": PartitionSpec("data"), "kernel": PartitionSpec(None, "vocab")}
        text = compiled("v5e:2x2", {"data": 2, "vocab": 2}, specs, "bfloat16", vocab_axis_name="vocab").as_text()
        assert text.count("tpu_custom_call") >= 2
        assert "all-gather" not in text
