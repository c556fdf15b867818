"""Losses over pairs of pooled entries: rows of one device against the columns of all, never all pairs on each."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from jaxloss.inspect.calls import cast, differentiable, generator, of_floats, settings
from jaxloss.inspect.case import Case, Shape
from tests.cases import all_cases
from tests.support import assert_trees_close

OVER_PAIRS = (
    "approx_ndcg_loss",
    "lambdarank_loss",
    "listmle_loss",
    "pairwise_auc_loss",
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "representation_orthogonality_penalty",
)
CASES = [pytest.param(case, id=case.name) for case in all_cases() if case.name in OVER_PAIRS]
AXES = ("hosts", "chips")
MESH = Mesh(np.array(jax.devices("cpu")[:8]).reshape(2, 4), AXES)


def programs(case: Case, batch: Shape, inputs: dict[str, Any], tail: dict[str, Any]) -> tuple[Any, Any]:
    """Value and gradient with the last batch axis spread over two axes of a mesh, and on one device."""

    def results(inputs: dict[str, Any], tail: dict[str, Any], **options: Any) -> Any:
        fn, at = of_floats(case, inputs, **settings(case)[-1], **tail, **options)
        return jax.value_and_grad(fn)(at)

    last = PartitionSpec(*[None] * (len(batch) - 1), AXES)
    specs = dict.fromkeys(inputs, last), dict.fromkeys(tail, last)
    out = PartitionSpec(), dict.fromkeys(differentiable(case, inputs), last)
    here = functools.partial(results, axis_name=AXES)
    return jax.jit(jax.shard_map(here, mesh=MESH, in_specs=specs, out_specs=out)), jax.jit(results)


@pytest.mark.parametrize("case", CASES)
def test_several_pools_over_two_axes_of_a_mesh(case: Case) -> None:
    """One pool is empty, and of another a device has no entry."""
    inputs = cast(case.draw(generator(), (3, 16)), np.float32)
    keep = jnp.asarray(generator().uniform(size=(3, 16)) < 0.8).at[1, 4:6].set(False).at[2].set(False)
    weights = jnp.asarray(generator().uniform(0.5, 2, (3, 16)), jnp.float32)
    tail = {"where": keep, "weights": weights}
    spread, whole = programs(case, (3, 16), inputs, tail)
    assert_trees_close(jax.device_get(spread(inputs, tail)), jax.device_get(whole(inputs, tail)), 1e-5, case.name)


@pytest.mark.parametrize("case", CASES)
def test_no_device_holds_all_pairs(case: Case) -> None:
    inputs = cast(case.draw(generator(), (2048,)), np.float32)
    spread, _ = programs(case, (2048,), inputs, {})
    all_pairs = 2048 * 2048 * np.dtype(np.float32).itemsize
    assert spread.lower(inputs, {}).compile().memory_analysis().temp_size_in_bytes < all_pairs / 3
