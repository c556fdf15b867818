"""Batches that are spread over devices: losses whose examples meet are those of the whole batch, or refuse in words."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxloss import reductions
from jaxloss.inspect.calls import call, cast, cast_hypers, differentiable, generator, next_state, of_floats, settings
from jaxloss.inspect.case import Case
from jaxloss.inspect.findings import differences, tree_differences
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "compare",
    "each_device_computes_its_own_examples",
    "every_way_of_spreading_gives_the_whole",
    "on_four_devices",
    "over_devices",
    "refuses_a_part_of_the_batch",
    "says_where_its_examples_are",
    "spread_equals_whole",
]

DEVICES = 8
Specs = dict[str, PartitionSpec]


def _spread(case: Case) -> tuple[dict[str, Any], Specs]:
    """The inputs of sixteen examples, and how they lie on the devices."""
    if "axis_name" not in inspect.signature(case.fn).parameters:
        raise DoesNotApply("no example meets another")
    if len(jax.devices("cpu")) < DEVICES:
        raise DoesNotApply("fewer than eight CPU devices: set --xla_force_host_platform_device_count=8")
    if case.spread is not None:
        inputs, axes = case.spread(generator())
    else:
        inputs = case.draw(generator(), (16,))
        axes = {name: None if name in case.shared else 0 for name in inputs}
    specs = {n: PartitionSpec() if a is None else PartitionSpec(*[None] * a, "data") for n, a in axes.items()}
    return cast(inputs, np.float32), specs


def _hypers(case: Case, inputs: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters that are not spread with the inputs."""
    return {n: v for n, v in cast_hypers(settings(case)[-1], np.float32).items() if n not in inputs}


def _tails(inputs: dict[str, Any], specs: Specs) -> dict[str, dict[str, Any]]:
    """A mask under which the second of four devices has no example, with weights; and no mask."""
    sizes = {x.shape[len(s) - 1] for n, s in specs.items() if s for x in [inputs[n]]}
    if sizes != {16}:
        return {"plain": {}}
    keep = np.array([1, 1, 0, 1] + [0] * 4 + [1, 1, 1, 0, 1, 1, 1, 1], bool)
    weights = np.random.default_rng(11).uniform(0.5, 2.0, 16)
    return {"masked": {"where": jnp.asarray(keep), "weights": jnp.asarray(weights, jnp.float32)}, "plain": {}}


def _mesh(devices: int) -> Mesh:
    return Mesh(np.array(jax.devices("cpu")[:devices]), ("data",))


def _everything(case: Case, **options: Any) -> Callable[..., Any]:
    """``(inputs, tails)`` to value, gradient and next state of the loss under every tail, mean and sum."""

    def results(inputs: dict[str, Any], tails: dict[str, dict[str, Any]]) -> Any:
        chosen = {**_hypers(case, inputs), **options}
        found = {}
        for name, tail in tails.items():
            fn, at = of_floats(case, inputs, **chosen, **tail, reduction="mean" if tail else "sum")
            value, gradient = jax.value_and_grad(fn)(at)
            state = next_state(case, inputs, **chosen, **tail)
            found[name] = {"value": value, "gradient": gradient, "state": state}
        return found

    return results


def _specs_of_tails(tails: dict[str, dict[str, Any]]) -> Any:
    return {name: dict.fromkeys(tail, PartitionSpec("data")) for name, tail in tails.items()}


def compare(actual: Any, expected: Any, what: str) -> Iterator[str]:
    """What differs between the results of `over_devices` and those of the whole."""
    for name, found in expected.items():
        yield from differences(actual[name]["value"], found["value"], f"{what}, {name}", rtol=1e-5, atol=1e-6)
        for part in ("gradient", "state"):
            yield from tree_differences(actual[name][part], found[part], 1e-5, f"{what}, {name}: {part}")


@law()
def says_where_its_examples_are(case: Case) -> Iterator[str]:
    """A loss whose examples meet takes ``axis_name``."""
    if not (case.pooled or case.meets):
        raise DoesNotApply("no example meets another")
    if "axis_name" not in inspect.signature(case.fn).parameters:
        yield "its examples meet, and it has no axis_name"


@law(full=True)
def spread_equals_whole(case: Case) -> Iterator[str]:
    """With ``axis_name``, four devices with unequal masks give value and gradient of the whole batch."""
    yield from on_four_devices(case)


def on_four_devices(case: Case, **options: Any) -> Iterator[str]:
    """What differs between the whole batch and four devices, whose calls are given ``options`` as well."""
    program, given, specs, expected = over_devices(case, **options)
    spread = jax.shard_map(program, mesh=_mesh(4), **specs)
    yield from compare(jax.device_get(jax.jit(spread)(*given)), expected, "four devices")


def over_devices(case: Case, **options: Any) -> tuple[Callable[..., Any], tuple[Any, Any], dict[str, Any], Any]:
    """The program of one device, what all of them are given and how it lies on them, and the results of the whole."""
    inputs, specs = _spread(case)
    tails = dict(list(_tails(inputs, specs).items())[:1])
    slopes = {n: specs[n] for n in differentiable(case, inputs)}
    out = {name: {"value": PartitionSpec(), "gradient": slopes, "state": PartitionSpec()} for name in tails}
    expected = jax.jit(_everything(case))(inputs, tails)
    lie = {"in_specs": (specs, _specs_of_tails(tails)), "out_specs": out}
    return _everything(case, axis_name="data", **options), (inputs, tails), lie, expected


@law(full=True)
def every_way_of_spreading_gives_the_whole(case: Case) -> Iterator[str]:
    """Eight devices, two without types of what varies, as in `jax.pmap`, and `jax.vmap`; and the terms of anchors.

    Without types the gradient inside is that of the sum over devices: its mean over them is the gradient, as usual.
    """
    inputs, specs = _spread(case)
    tails = _tails(inputs, specs)
    expected = jax.jit(_everything(case))(inputs, tails)
    results = _everything(case, axis_name="data")

    def untyped(inputs: Any, tails: Any) -> Any:
        found = results(inputs, tails)
        size = jax.lax.axis_size("data")
        share = lambda n, g: g / size if specs[n] else jax.lax.pmean(g, "data")
        for part in found.values():
            part["gradient"] = {n: share(n, g) for n, g in part["gradient"].items()}
        return found

    slopes = {n: specs[n] for n in differentiable(case, inputs)}
    out = {name: {"value": PartitionSpec(), "gradient": slopes, "state": PartitionSpec()} for name in tails}
    for devices, program, types in ((8, results, True), (2, untyped, False)):
        given = {"mesh": _mesh(devices), "in_specs": (specs, _specs_of_tails(tails)), "out_specs": out}
        spread = jax.jit(jax.shard_map(program, **given, check_vma=types))
        yield from compare(jax.device_get(spread(inputs, tails)), expected, f"{devices} devices, types {types}")
    split = lambda x, spec: jnp.moveaxis(
        jnp.reshape(x, (*x.shape[: len(spec) - 1], 4, -1, *x.shape[len(spec) :])), len(spec) - 1, 0
    )
    parts = {n: split(x, specs[n]) if specs[n] else x for n, x in inputs.items()}
    axes = {n: 0 if specs[n] else None for n in inputs}
    each = {name: {n: split(x, PartitionSpec("data")) for n, x in tail.items()} for name, tail in tails.items()}
    values = lambda inputs, tails: {n: f["value"] for n, f in untyped(inputs, tails).items()}
    found = jax.jit(jax.vmap(values, in_axes=(axes, 0), axis_name="data"))(parts, each)
    for tail in tails:
        yield from differences(found[tail], np.full(4, expected[tail]["value"]), f"vmap, {tail}", rtol=1e-5, atol=1e-6)
    if case.meets:
        hypers = _hypers(case, inputs)
        terms = lambda inputs, tails, **spread: {
            name: call(case, inputs, **hypers, **spread, **tail, reduction=reductions.term)
            for name, tail in tails.items()
        }
        here = jax.shard_map(
            functools.partial(terms, axis_name="data"),
            mesh=_mesh(4),
            in_specs=(specs, _specs_of_tails(tails)),
            out_specs=PartitionSpec("data"),
        )
        found = jax.device_get(jax.jit(here)(inputs, tails))
        yield from tree_differences(found, jax.jit(terms)(inputs, tails), 1e-5, "terms")


@law()
def refuses_a_part_of_the_batch(case: Case) -> Iterator[str]:
    """Without ``axis_name`` on devices, and in micro-batches, the loss raises; with ``axis_name=()`` it is local."""
    inputs, specs = _spread(case)
    hypers = _hypers(case, inputs)

    def trace(**options: Any) -> None:
        fn = lambda x: jnp.reshape(call(case, x, **hypers, **options), (1,))
        local = jax.shard_map(fn, mesh=_mesh(4), in_specs=(specs,), out_specs=PartitionSpec("data"))
        jax.eval_shape(local, inputs)

    trace(axis_name=())
    try:
        trace()
    except ValueError as error:
        if "axis_name='data'" not in str(error):
            yield f"the error does not say what to write: {error}"
    else:
        yield "inputs that vary over a mesh axis are taken for the whole batch"


@law(full=True)
def each_device_computes_its_own_examples(case: Case) -> Iterator[str]:
    """Losses and slopes inside `jax.shard_map` with its types, without an ``axis_name``, are those outside."""
    if case.pooled or case.meets or "axis_name" in inspect.signature(case.fn).parameters:
        raise DoesNotApply("its examples meet")
    if len(jax.devices("cpu")) < DEVICES:
        raise DoesNotApply("fewer than eight CPU devices: set --xla_force_host_platform_device_count=8")
    inputs = cast(case.draw(generator(), (DEVICES, 2)), np.float32)
    keep = jnp.arange(2 * DEVICES).reshape(-1, 2) % 3 > 0
    hypers = cast_hypers(settings(case)[-1], np.float32)
    names = [name for name in differentiable(case, inputs) if name not in case.shared]

    def losses(x: dict[str, Any], where: Any) -> Any:
        values = lambda some: call(case, {**x, **some}, **hypers, where=where, reduction="none")
        total = lambda some: jnp.sum(values(some))
        return values({}), jax.grad(total)({name: x[name] for name in names})

    along = PartitionSpec("data")
    specs = {name: PartitionSpec() if name in case.shared else along for name in inputs}
    parts = jax.shard_map(losses, mesh=_mesh(DEVICES), in_specs=(specs, along), out_specs=along)
    found = jax.jit(parts)(inputs, keep)
    yield from tree_differences(found, jax.jit(losses)(inputs, keep), 1e-5, "one device for two examples")
