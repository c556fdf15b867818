"""Cases of `jaxloss.reinforcement.returns`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "generalized_advantage_estimation": "advantages for policy losses, with a sign",
    "lambda_returns": "targets for values, one per step",
    "n_step_bootstrapped_returns": "targets for values, one per step",
}

CASES: list[Case] = []
