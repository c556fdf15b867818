"""Which losses are quadratic in anything: the work and the largest array of value and gradient, traced at two sizes.

Nothing is compiled, so that all Cases of the tests take a minute. Every axis is tried: all axes of one length in the
inputs of a Case become ``N``, then ``2 N``. A loss is quadratic if an array or the work outgrows the inputs by more
than half a power of ``N``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxloss.inspect.calls import call, cast, cast_hypers, differentiable, settings
from jaxloss.inspect.case import Case

BATCH = 23
"""Length of the batch axis of a draw: no other axis has it."""

SIZES = (256, 512)
FASTER = 0.5
"""How much faster than the inputs something has to grow, as a power of N."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A loss with one of its lengths free.

    Attributes:
        case: The loss.
        length: The length in a draw that stands for ``N``.
    """

    case: Case
    length: int = BATCH

    @property
    def name(self) -> str:
        return self.case.name

    def hypers(self) -> dict[str, Any]:
        return cast_hypers(settings(self.case)[0], np.float32)

    @property
    def batch(self) -> int:
        """Examples beside the free length: several only where they meet."""
        return BATCH if self.length == BATCH or self.case.pooled or self.case.meets else 1

    def draw(self, batch: int) -> dict[str, jax.Array]:
        return cast(self.case.draw(np.random.default_rng(0), (batch,)), np.float32)

    def shapes(self, size: int) -> dict[str, jax.ShapeDtypeStruct]:
        """The inputs and arrays among the hyperparameters with ``size`` in place of the free length."""
        arrays = {n: x for n, x in {**self.draw(self.batch), **self.hypers()}.items() if isinstance(x, jax.Array)}
        longer = lambda shape: tuple(size if n == self.length else n for n in shape)
        return {n: jax.ShapeDtypeStruct(longer(x.shape), x.dtype) for n, x in arrays.items()}

    def arrays(self, size: int) -> dict[str, jax.Array]:
        """Inputs of ``shapes(size)``: drawn, if the batch grows; else what is drawn again and again, with noise."""
        if self.length == BATCH:
            return {**self.draw(size), **{n: x for n, x in self.hypers().items() if isinstance(x, jax.Array)}}
        rng = np.random.default_rng(1)

        def grown(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            for axis, (old, new) in enumerate(zip(x.shape, shape, strict=True)):
                x = jnp.take(x, jnp.arange(new) % old, axis=axis) if old != new else x
            if not jnp.issubdtype(x.dtype, jnp.floating):
                return x
            return x * jnp.asarray(rng.uniform(0.9, 1.0, x.shape), x.dtype)

        drawn = {**self.draw(self.batch), **self.hypers()}
        return {n: grown(drawn[n], like.shape) for n, like in self.shapes(size).items()}

    def value_and_grad(self, arrays: Mapping[str, Any], **options: Any) -> Any:
        """The mean loss and its gradients in all that is differentiated."""
        numbers = {n: x for n, x in self.hypers().items() if not isinstance(x, jax.Array)}
        inputs = {n: x for n, x in arrays.items() if n not in self.hypers()}
        more = {n: x for n, x in arrays.items() if n in self.hypers()} | numbers | options
        names = differentiable(self.case, inputs)
        loss = lambda some: jnp.sum(call(self.case, {**inputs, **some}, **more))
        return jax.value_and_grad(loss)({n: inputs[n] for n in names})


def forms(case: Case) -> list[Form]:
    """The loss with each of its lengths free, the batch first."""
    arrays = Form(case).shapes(BATCH).values()
    lengths = {n for x in arrays for n in x.shape if n > 1} - {BATCH}
    return [Form(case, length) for length in (BATCH, *sorted(lengths))]


def _entries(variables: Any) -> list[int]:
    return [math.prod(v.aval.shape) for v in variables if hasattr(v.aval, "shape")]


def _work(jaxpr: Any) -> tuple[float, float]:
    """Multiplications and results of all operations, loops of known length counted, and the largest array."""
    total, largest = 0.0, 0.0
    for eqn in jaxpr.eqns:
        here = _entries(eqn.outvars)
        largest = max(largest, *here, 0)
        inner = [x for value in eqn.params.values() for x in _jaxprs(value)]
        if inner:
            found = [_work(x) for x in inner]
            total += sum(work for work, _ in found) * eqn.params.get("length", 1)
            largest = max(largest, *(array for _, array in found))
        elif eqn.primitive.name == "dot_general":
            ((contracted, _), _) = eqn.params["dimension_numbers"]
            total += sum(here) * math.prod(eqn.invars[0].aval.shape[i] for i in contracted)
        else:
            total += sum(here)
    return total, largest


def _jaxprs(value: Any) -> list[Any]:
    if isinstance(value, core.ClosedJaxpr):
        return [value.jaxpr]
    if isinstance(value, core.Jaxpr):
        return [value]
    return [x for item in value for x in _jaxprs(item)] if isinstance(value, tuple | list) else []


def powers(form: Form) -> tuple[float, float] | None:
    """By how many powers of N the work and the largest array outgrow the inputs; None if the length is not free."""
    found = []
    for size in SIZES:
        shapes = form.shapes(size)
        try:
            jaxpr = jax.make_jaxpr(form.value_and_grad)(shapes)
        except (TypeError, ValueError, IndexError):  # a length that means something: coordinates, colours
            return None
        sizes = [math.prod(x.shape) for x in shapes.values()]
        found.append((*_work(jaxpr.jaxpr), sum(sizes), max(sizes)))
    work, array, all_inputs, one_input = (math.log2(max(b, 1) / max(a, 1)) for a, b in zip(*found, strict=True))
    return work - all_inputs, array - one_input


def largest_array(form: Form, size: int, options: Mapping[str, Any]) -> float:
    """The entries of the largest array of value and gradient, fused or not."""
    fn = lambda arrays: form.value_and_grad(arrays, **options)
    return _work(jax.make_jaxpr(fn)(form.shapes(size)).jaxpr)[1]


def quadratic(case: Case) -> list[tuple[Form, tuple[float, float]]]:
    """The forms of a loss in which it outgrows its inputs."""
    found = [(form, powers(form)) for form in forms(case)]
    return [(form, grown) for form, grown in found if grown and max(grown) > FASTER]
