"""What value and gradient of a loss cost per entry, as the compiler counts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.inspect.cards.rows.sampling import rounded
from jaxloss.inspect.programs import defaults
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["cost_rows"]

ENTRIES = 1024


def cost_rows(fn: Callable[[jax.Array], jax.Array]) -> dict[str, Verdict]:
    """Floating-point operations and bytes of a loss and of its gradient, per entry, from the cost analysis of XLA.

    Exponentials, logarithms and other transcendental functions are counted apart. The counts are those of the compiler
    for the default backend: they compare losses in one table and are no times.

    Args:
        fn: A loss of one number.

    Returns:
        The row ``cost``, whose number is the operations of value and gradient together.
    """
    entries = jax.ShapeDtypeStruct((ENTRIES,), jnp.float32)
    value = _count(lambda x: jnp.sum(jax.vmap(fn)(x)), entries)
    both = _count(jax.value_and_grad(lambda x: jnp.sum(jax.vmap(fn)(x))), entries)
    counts = {f"{name}_value": number for name, number in value.items()}
    counts |= {f"{name}_with_gradient": number for name, number in both.items()}
    statement = (
        f"{both['flops']:g} operations, {both['transcendentals']:g} transcendental, {both['bytes']:g} bytes per entry"
    )
    evidence = {"points": ENTRIES, "engine": f"XLA cost analysis, {jax.default_backend()}", **counts}
    return {"cost": Verdict(Word.TESTED, statement, both["flops"], evidence)}


def _count(fn: Callable[[jax.Array], Any], entries: jax.ShapeDtypeStruct) -> dict[str, float]:
    """Per entry; a counter that the backend does not have is 0."""
    found = jax.jit(fn, compiler_options=defaults()).lower(entries).compile().cost_analysis() or {}
    keys = {"flops": "flops", "transcendentals": "transcendentals", "bytes": "bytes accessed"}
    return {name: rounded(max(float(found.get(key, 0.0)), 0.0) / ENTRIES) for name, key in keys.items()}
