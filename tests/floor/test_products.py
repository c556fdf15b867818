"""Products of the user's data: in the highest precision, unless the user asks for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import jaxloss
from tests.support import products_in

ROWS = jnp.arange(32.0).reshape(8, 4) % 7 - 3

LOSSES: dict[str, Callable[[Any], Any]] = {
    "infonce_loss": lambda x: jaxloss.infonce_loss(x, ROWS),
    "infonce_loss, bfloat16": lambda x: jaxloss.infonce_loss(x.astype(jnp.bfloat16), ROWS),
    "clip_loss, chunks": lambda x: jaxloss.clip_loss(x, ROWS, chunk_size=3),
    "siglip_loss, chunks": lambda x: jaxloss.siglip_loss(x, ROWS, chunk_size=3),
    "supcon_loss": lambda x: jaxloss.supcon_loss(x, jnp.arange(8) // 2),
    "barlow_twins_loss": lambda x: jaxloss.barlow_twins_loss(x, ROWS),
    "arcface_loss": lambda x: jaxloss.arcface_loss(x, jnp.arange(8), ROWS.T),
    "sliced_wasserstein_loss": lambda x: jaxloss.sliced_wasserstein_loss(x, ROWS, directions=ROWS[:2]),
}
EXACT = {"mmd_loss": lambda x: jaxloss.mmd_loss(x, ROWS), "energy_distance": lambda x: jaxloss.energy_distance(x, ROWS)}
"""Losses of squared distances, which are differences of products."""


def _precisions(loss: Callable[[Any], Any]) -> set[Any]:
    found = {equation.params["precision"] for equation in products_in(jax.jit(jax.value_and_grad(loss)), ROWS)}
    assert found
    return found


def _each(precision: Any) -> set[Any]:
    return {(precision, precision)}


@pytest.mark.parametrize("name", LOSSES)
def test_precision(name: str) -> None:
    """Under one `jax.jit`, which remembers the programs of each."""
    loss = jax.jit(LOSSES[name])
    for _ in range(2):
        assert _precisions(loss) == _each(jax.lax.Precision.HIGHEST)
        with jax.default_matmul_precision("bfloat16"):
            assert _precisions(loss) == _each(jax.lax.Precision.DEFAULT)
        with jax.default_matmul_precision("BF16_BF16_F32_X3"):
            assert _precisions(loss) == {jax.lax.DotAlgorithmPreset.BF16_BF16_F32_X3}


def test_precision_of_the_configuration() -> None:
    before = jax.default_matmul_precision.value
    try:
        jax.config.update("jax_default_matmul_precision", "tensorfloat32")
        assert _precisions(LOSSES["infonce_loss"]) == _each(jax.lax.Precision.HIGH)
    finally:
        jax.config.update("jax_default_matmul_precision", before)


@pytest.mark.parametrize("name", EXACT)
def test_differences_of_products_stay_exact(name: str) -> None:
    with jax.default_matmul_precision("bfloat16"):
        assert _precisions(EXACT[name]) == _each(jax.lax.Precision.HIGHEST)
