"""Recorded terms against TorchJD 0.18.0, whose numbers are written down, so that the comparison runs everywhere.

The network, its data and its losses need no random numbers; TorchJD differentiates them with `torchjd.autojac.jac`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine
from jaxloss.inspect.diagnostics import terms

ROWS = 24
INPUTS = np.sin(1.0 + 0.7 * np.arange(6.0 * ROWS)).reshape(ROWS, 6)
TARGETS = np.cos(1.3 * np.arange(ROWS))
WEIGHTS = {"first": np.sin(0.9 * np.arange(24.0)).reshape(6, 4), "last": np.cos(0.8 * np.arange(4))}

GRAM = [
    [1.083853971142517, -0.06784954606309903, 0.7566016759747293],
    [-0.06784954606309903, 0.013836645170018072, -0.0883286741163128],
    [0.7566016759747293, -0.0883286741163128, 56.38868814135887],
]
"""Inner products of the gradients of the three losses."""

UPGRAD = [0.3539192466115802, 2.9914213785645156, 0.33357923622156677]
"""``torchjd.aggregation.UPGradWeighting`` of them."""


def losses(params: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> dict[str, jax.Array]:
    predictions = jnp.tanh(x @ params["first"]) @ params["last"]
    return {
        "fit": jaxloss.squared_error(predictions, y),
        "robust": jaxloss.absolute_error(2 * predictions, 3 - y),
        "size": sum(jnp.sum(jnp.square(leaf)) for leaf in params.values()),
    }


def record(microbatches: int) -> terms.Recorded:
    x, y, params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), (INPUTS, TARGETS, WEIGHTS))
    objective = combine.objective(losses, aggregate=terms.recorded(combine.upgrad()), microbatches=microbatches)
    step = jax.jit(jax.value_and_grad(objective, has_aux=True))
    return step(params, objective.init(params, x, y), x, y)[0][1].state.aggregator


@pytest.mark.parametrize("microbatches", [1, 3])
def test_recorded_terms_are_those_of_torchjd(microbatches: int) -> None:
    found, gram = record(microbatches), np.array(GRAM)
    np.testing.assert_allclose(found.terms.gram, gram, rtol=2e-5)
    np.testing.assert_allclose(found.weights, UPGRAD, rtol=2e-5)
    numbers, lengths = terms.read(found.terms), np.sqrt(np.diag(gram))
    np.testing.assert_allclose(numbers["norm"], lengths, rtol=2e-5)
    np.testing.assert_allclose(numbers["share"], gram.sum(1) / gram.sum(), rtol=2e-5)
    np.testing.assert_allclose(numbers["cosines"], gram / np.outer(lengths, lengths), rtol=2e-5)
    np.testing.assert_allclose(numbers["worst_cosine"], -0.554, atol=1e-3)  # of fit and robust, which conflict


@pytest.mark.full
def test_torchjd_itself() -> None:
    pytest.importorskip("torchjd", reason="torchjd is not installed")
    import torch
    from torchjd.aggregation import UPGradWeighting
    from torchjd.autojac import jac

    x, y = torch.tensor(INPUTS), torch.tensor(TARGETS)
    first, last = (torch.tensor(WEIGHTS[name], requires_grad=True) for name in ("first", "last"))
    predictions = torch.tanh(x @ first) @ last
    size = first.square().sum() + last.square().sum()
    values = torch.stack([(predictions - y).square().mean(), (2 * predictions - 3 + y).abs().mean(), size])
    rows = torch.cat([rows.reshape(3, -1) for rows in jac(values, [first, last])], dim=1)
    np.testing.assert_allclose((rows @ rows.T).numpy(), GRAM, rtol=1e-9)
    np.testing.assert_allclose(UPGradWeighting()(rows @ rows.T).numpy(), UPGRAD, rtol=1e-9)
