"""What the tests of weightings share: the weights that a transformation gives to a sequence of losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.combine import LossTransform
from jaxloss.reductions import Term

REFERENCES = np.load(Path(__file__).parent / "references" / "weightings.npz")
"""Losses ``[steps, terms]`` and the weights that other packages give them; see scripts/make_weighting_references.py."""

LOSSES = REFERENCES["losses"]
NAMES = "abc"


def named_terms(losses: Any, present: Any = (1, 1, 1)) -> dict[str, Term]:
    """0-d terms of one step."""
    return {n: Term(loss, jnp.asarray(p, loss.dtype)) for n, loss, p in zip(NAMES, losses, present, strict=True)}


def weights_of(tx: LossTransform, losses: Any = LOSSES, present: Any = None) -> tuple[np.ndarray, Any]:
    """The weight of every term in every step, in float64, and the last state."""
    present = np.ones_like(losses) if present is None else present

    def body(state: Any, given: Any) -> tuple[Any, Any]:
        values, there, t = given
        terms, state = tx.update(named_terms(values, there), state, step=t)
        return state, jnp.stack([terms[n].values for n in NAMES]) / values

    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        state = tx.init(named_terms(jnp.asarray(losses[0])))
        steps = (jnp.asarray(losses), jnp.asarray(present), jnp.arange(len(losses), dtype=jnp.int32))
        state, weights = jax.jit(lambda s, x: jax.lax.scan(body, s, x))(state, steps)
        return np.asarray(weights), jax.tree.map(np.asarray, state)
