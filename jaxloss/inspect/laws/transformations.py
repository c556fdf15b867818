"""The transformations of JAX: a loss is the same function in all of them."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxloss import reductions
from jaxloss.inspect import programs
from jaxloss.inspect.calls import (
    call,
    cast,
    cast_hypers,
    differentiable,
    direction,
    free_settings,
    generator,
    of_floats,
    settings,
)
from jaxloss.inspect.case import Case, floats
from jaxloss.inspect.findings import differences, tree_differences
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "eager_equals_jit",
    "exports_for_every_platform",
    "exports_with_a_symbolic_batch",
    "lists_are_accepted",
    "no_nan_is_made_of_legal_inputs",
    "one_trace_for_all_hyperparameters",
    "second_derivatives_pass_through_scan",
    "sharded_equals_single_device",
    "vmap_and_scan_equal_a_loop",
]


@law(full=True)
def eager_equals_jit(case: Case) -> Iterator[str]:
    """Operation by operation, the loss is what it is as one program."""
    inputs = programs.plain_inputs(case)
    eager = call(case, cast(inputs, np.float32), **cast_hypers(settings(case)[-1], np.float32))
    yield from differences(eager, programs.plain(case)(inputs)["default"], "eager", rtol=2e-6, atol=1e-6)


@law(full=True)
def lists_are_accepted(case: Case) -> Iterator[str]:
    """Nested lists of numbers do as well as arrays."""
    inputs = programs.plain_inputs(case)
    lists = {n: np.asarray(x, np.float32 if n in floats(inputs) else None).tolist() for n, x in inputs.items()}
    value = jax.jit(lambda: call(case, lists, **settings(case)[-1]))()
    arrays = programs.plain(case)(inputs)
    # A mean of losses of either sign is as accurate as these are large.
    scale = max(float(case.cancels != ""), float(np.mean(np.abs(arrays["none"]))))
    yield from differences(value, arrays["default"], "lists", rtol=0.0, atol=1e-6 * scale)


@law(full=True)
def no_nan_is_made_of_legal_inputs(case: Case) -> Iterator[str]:
    """Value and gradient pass under ``jax_debug_nans``, operation by operation and as one program.

    Infinities are made on purpose, as the maximum of nothing, and by JAX's own ``isneginf``.
    """
    for name, inputs in {"ordinary": case.draw(generator(), (4,)), **case.extremes}.items():
        fn, at = of_floats(case, cast(inputs, np.float32), **cast_hypers(settings(case)[-1], np.float32))
        both = jax.value_and_grad(fn) if at else fn
        for how, run in (("eagerly", both), ("jitted", jax.jit(both))):
            try:
                # JAX prints a line while it looks for the operation; the findings of a law are returned, not printed.
                with jax.debug_nans(True), contextlib.redirect_stdout(io.StringIO()):
                    jax.block_until_ready(run(at))
            except FloatingPointError as error:
                yield f"{name}, {how}: {str(error).splitlines()[0]}"


def _scanned(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``fn`` as the only step of a scan."""

    def last(some: Any) -> Any:
        add = lambda total, step: (total + fn(step), None)
        return jax.lax.scan(add, jnp.zeros(()), jax.tree.map(lambda x: x[None], some))[0]

    return last


def _bend(fn: Callable[[Any], Any], at: Any, along: Any) -> Any:
    """Hessian times vector, plus the gradient and a little.

    A Hessian of 0 may have the rounding of the gradient, and a gradient of 0 that of its terms.
    """
    return jax.tree.map(lambda slope, bend: slope + bend + 1e-6, *jax.jvp(jax.grad(fn), (at,), (along,)))


@law(full=True)
def second_derivatives_pass_through_scan(case: Case) -> Iterator[str]:
    """Hessian times vector inside `jax.lax.scan` is that outside, at drawn inputs and at perfect ones.

    JAX 0.10 forgets the rule of a function with its own derivative where that rule calls the function again, in the
    second derivative of a scan. What is differentiated then is the code of the function, so that must be right too.
    """
    for kind, draw in {"drawn": case.draw, "perfect": case.perfect}.items():
        if draw is None:
            continue
        with jax.enable_x64(True):
            inputs = cast(draw(generator(), (4,)), np.float64)
            fn, at = of_floats(case, inputs, **cast_hypers(free_settings(case), np.float64))
            if not at:
                raise DoesNotApply("no input is differentiated")

            along = direction(generator(), at)
            plain, inside = jax.jit(lambda x, v, fn=fn: (_bend(fn, x, v), _bend(_scanned(fn), x, v)))(at, along)
            yield from tree_differences(inside, plain, 1e-6, f"{kind} inputs")


@law(full=True)
def one_trace_for_all_hyperparameters(case: Case) -> Iterator[str]:
    """Numbers may be traced: two values, one program; and vmap over them equals a loop."""
    numbers = {n: v for n, v in case.hypers.items() if isinstance(v, float | int) and n not in case.static}
    if not numbers:
        raise DoesNotApply("no hyperparameter is a number")
    if any(isinstance(v, bool) for v in numbers.values()):
        yield "a bool that is not static"
    inputs = cast(case.draw(generator(), (4,)), np.float32)
    rest = cast_hypers({n: v for n, v in case.hypers.items() if n not in numbers}, np.float32)
    near = {n: v * 1.03125 for n, v in numbers.items()}
    traces = []

    def traced(hypers: dict[str, Any]) -> Any:
        traces.append(hypers)
        return call(case, inputs, **rest, **hypers)

    program = jax.jit(traced)
    one, other = program(numbers), program(near)
    if len(traces) != 1:
        yield f"{len(traces)} traces for two values"
    known = jax.jit(lambda x: [call(case, x, **rest, **numbers), call(case, x, **rest, **near)])(inputs)
    swept = jax.jit(jax.vmap(lambda h: call(case, inputs, **rest, **h)))(
        {n: np.asarray([v, near[n]], np.float32) for n, v in numbers.items()}
    )
    yield from differences([one, other], np.asarray(known), "traced", rtol=4e-6, atol=1e-6)
    yield from differences(swept, np.asarray(known), "swept by vmap", rtol=4e-6, atol=1e-6)


@contextlib.contextmanager
def _young_heap() -> Iterator[None]:
    """Keep what is alive from the garbage collector: the check for leaks runs it at the end of every trace inside."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@law(full=True)
def vmap_and_scan_equal_a_loop(case: Case) -> Iterator[str]:
    """And no tracer leaks out of it."""
    inputs = cast(case.draw(generator(), (3, 4)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    batched = {n: x for n, x in inputs.items() if n not in case.shared}
    fn = lambda some: call(case, {**inputs, **some}, **hypers)
    program = jax.jit(fn)
    loop = np.asarray([program({n: np.asarray(x)[i] for n, x in batched.items()}) for i in range(3)])
    with _young_heap(), jax.checking_leaks():
        jax.eval_shape(jax.vmap(fn), batched)
    mapped, scanned = jax.jit(lambda x: (jax.vmap(fn)(x), jax.lax.map(fn, x)))(batched)
    yield from differences(mapped, loop, "vmap", rtol=4e-6, atol=1e-6)
    yield from differences(scanned, loop, "scan", rtol=4e-6, atol=1e-6)


@law(full=True)
def sharded_equals_single_device(case: Case) -> Iterator[str]:
    """Value and gradient of a batch that lies on eight devices."""
    if len(jax.devices("cpu")) < 8:
        raise DoesNotApply("fewer than eight CPU devices: set --xla_force_host_platform_device_count=8")
    rng = generator()
    batch = (8, 3)
    mesh = Mesh(np.array(jax.devices("cpu")[:8]), ("data",))
    inputs = cast(case.draw(rng, batch), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    keep = jnp.asarray(rng.uniform(size=batch) < 0.7)
    place = lambda n, x: jax.device_put(
        x, NamedSharding(mesh, PartitionSpec() if n in case.shared else PartitionSpec("data"))
    )
    sharded = {n: place(n, x) for n, x in inputs.items()}

    def both(x: dict[str, Any], where: Any) -> Any:
        fn, at = of_floats(case, x, **hypers, where=where)
        return jax.value_and_grad(fn)(at)

    actual = jax.jit(both)(sharded, place("where", keep))
    yield from tree_differences(actual, jax.jit(both)(inputs, keep), 2e-5, "eight devices")


@law(full=True)
def exports_for_every_platform(case: Case) -> Iterator[str]:
    """Value and gradient survive `jax.export` for CPU, CUDA and TPU, and the way back."""
    inputs = cast(case.draw(generator(), (4,)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    names = differentiable(case, inputs)

    def both(x: dict[str, Any]) -> Any:
        fn, _ = of_floats(case, x, **hypers)
        return jax.value_and_grad(fn)({n: x[n] for n in names})

    exported = jax.export.export(jax.jit(both), platforms=["cpu", "cuda", "tpu"])(inputs)
    back = jax.export.deserialize(exported.serialize())
    yield from tree_differences(back.call(inputs), jax.jit(both)(inputs), 1e-5, "after the round trip")


@law(full=True)
def exports_with_a_symbolic_batch(case: Case) -> Iterator[str]:
    """One exported program holds every reduction for batches of any size, after the way back from bytes too."""
    sizes = (4, 6)
    drawn = [cast(case.draw(generator(), (n, 5) if case.pooled else (n,)), np.float32) for n in sizes]
    hypers = cast_hypers(settings(case)[-1], np.float32)
    names = differentiable(case, drawn[0])

    def results(x: dict[str, Any]) -> dict[str, Any]:
        found = {kind: call(case, x, **hypers, reduction=kind) for kind in ("none", "sum", "mean")}
        term = call(case, x, **hypers, reduction=reductions.term)
        fn, _ = of_floats(case, x, **hypers)
        gradient = jax.grad(fn)({n: x[n] for n in names}) if names else {}
        return found | {"values": term.values, "weights": term.weights, "gradient": gradient}

    (symbol,) = jax.export.symbolic_shape("batch")
    of_any_size = {
        n: jax.ShapeDtypeStruct([symbol if a != b else a for a, b in zip(x.shape, y.shape, strict=True)], x.dtype)
        for (n, x), y in zip(drawn[0].items(), drawn[1].values(), strict=True)
    }
    program = jax.jit(results)
    back = jax.export.deserialize(jax.export.export(program)(of_any_size).serialize())
    for size, inputs in zip(sizes, drawn, strict=True):
        yield from tree_differences(back.call(inputs), program(inputs), 1e-5, f"a batch of {size}")
