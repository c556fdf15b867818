"""Chunks: a loss that takes ``chunk_size`` has the same numbers and derivatives for every size of chunk."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxloss.inspect.calls import cast, cast_hypers, direction, generator, of_floats, settings
from jaxloss.inspect.case import Case
from jaxloss.inspect.findings import differences, tree_differences
from jaxloss.inspect.law import DoesNotApply, law
from jaxloss.inspect.laws.spreading import on_four_devices

__all__ = ["chunks_change_nothing", "chunks_spread"]

SIZES = (1, 3, 1000)
"""One row at a time; a size that does not divide the rows; more than there are."""


def _chunked(case: Case) -> None:
    if "chunk_size" not in inspect.signature(case.fn).parameters:
        raise DoesNotApply("takes no chunk_size")


def _derivatives(case: Case, inputs: dict[str, Any], along: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The loss and its gradient, and how both change along a direction, by forward mode."""
    fn, at = of_floats(case, inputs, **options)
    value, gradient = jax.value_and_grad(fn)(at)
    slope, second = jax.jvp(jax.value_and_grad(fn), (at,), (along,))[1]
    return {"value": value, "gradient": gradient, "slope": slope, "second": second}


@law()
def chunks_change_nothing(case: Case) -> Iterator[str]:
    """Value, gradient, forward mode and second derivatives in float64, with a mask and weights and without."""
    _chunked(case)
    batch = (2, 7) if case.pooled or case.meets else (7,)
    tail = {
        "where": np.resize(np.array([1, 1, 0, 1, 1, 1, 0], bool), batch),
        "weights": generator().uniform(0.5, 2.0, batch),
    }
    with jax.enable_x64(True):
        inputs = cast(case.draw(generator(), batch), np.float64)
        # Not the numbers of the inputs: along these a loss of directions does not change.
        tangents = direction(np.random.default_rng(7), of_floats(case, inputs)[1])
        for hypers in settings(case):
            usual = {n: v for n, v in cast_hypers(hypers, np.float64).items() if n != "chunk_size"}
            for name, options in {"plain": usual, "masked": {**usual, **tail}}.items():

                def run(size: int | None, options: dict[str, Any] = options) -> Any:
                    program = lambda x, along: _derivatives(case, x, along, **options, chunk_size=size)
                    return jax.jit(program)(inputs, tangents)

                expected = run(None)
                for size in SIZES:
                    actual, what = run(size), f"chunk_size={size}, {name}"
                    yield from differences(actual["value"], expected["value"], what, rtol=1e-12, atol=1e-13)
                    yield from tree_differences(actual, expected, 1e-9, what)


@law(full=True)
def chunks_spread(case: Case) -> Iterator[str]:
    """The same on four devices with ``axis_name``, the rows of each in chunks."""
    _chunked(case)
    yield from on_four_devices(case, chunk_size=3)
