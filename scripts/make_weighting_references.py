"""Write tests/combine/references/weightings.npz: the weights that other packages give to one sequence of losses.

Needs torchjd 0.18, mdmm 0.1.3 and cooper-optim 1.0.1 beside torch; the tests need the file only.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from cooper.formulations.utils import compute_primal_quadratic_augmented_contribution
from cooper.utils import ConstraintType
from mdmm import EqConstraint
from torchjd import scalarization

STEPS, TERMS = 12, 3
torch.set_default_dtype(torch.float64)
LOSSES = torch.tensor(
    np.exp(np.random.default_rng(7).normal(size=(STEPS, TERMS)) * 0.5 - np.arange(STEPS)[:, None] / 9)
)


def slopes(scalarize) -> np.ndarray:
    """The slope of the scalarisation at every step; ``scalarize(losses, step)`` may change its own state."""
    rows = []
    for step in range(STEPS):
        losses = LOSSES[step].clone().requires_grad_()
        (slope,) = torch.autograd.grad(scalarize(losses, step), losses)
        rows.append(slope.numpy())
    return np.stack(rows)


def learned(module) -> np.ndarray:
    """The weights while the module's own parameters are trained by Adam."""
    optimiser = torch.optim.Adam(module.parameters(), lr=0.1)
    rows = []
    for step in range(STEPS):
        losses = LOSSES[step].clone().requires_grad_()
        optimiser.zero_grad()
        module(losses).backward()
        optimiser.step()
        rows.append(losses.grad.numpy())
    return np.stack(rows)


def dwa(epoch_length: int) -> np.ndarray:
    module, rows = scalarization.DWA(temperature=0.7), []
    for step in range(STEPS):
        losses = LOSSES[step].clone().requires_grad_()
        rows.append(torch.autograd.grad(module(losses), losses)[0].numpy())
        if (step + 1) % epoch_length == 0:
            module.step()
    return np.stack(rows)


def famo() -> np.ndarray:
    module, rows = scalarization.FAMO(TERMS, min_losses=torch.tensor([0.0, 0.01, 0.0]), lr=0.025, weight_decay=1e-3), []
    for step in range(STEPS):
        losses = LOSSES[step].clone().requires_grad_()
        rows.append(torch.autograd.grad(module(losses), losses)[0].numpy())
        if step + 1 < STEPS:
            module.update(LOSSES[step + 1])
    return np.stack(rows)


def mdmm(bound: float, damping: float, rate: float) -> np.ndarray:
    """An equality constraint on every term; the multipliers ascend by a negative learning rate, as mdmm has it."""
    now = SimpleNamespace(losses=None)
    constraints = [EqConstraint(lambda i=i: now.losses[i], bound, damping=damping) for i in range(TERMS)]
    for constraint in constraints:
        constraint.lmbda.data = constraint.lmbda.data.double()
    rows = []
    for step in range(STEPS):
        now.losses = LOSSES[step].clone().requires_grad_()
        for constraint in constraints:
            constraint.lmbda.grad = None
        sum(constraint().value for constraint in constraints).backward()
        with torch.no_grad():
            for constraint in constraints:
                constraint.lmbda += rate * constraint.lmbda.grad
        rows.append(now.losses.grad.numpy())
    return np.stack(rows)


def cooper(bound: float, sign: float, damping: float, rate: float) -> np.ndarray:
    """The augmented Lagrangian of an inequality; the multipliers ascend the violation and are projected."""
    multipliers, rows = torch.zeros(TERMS), []
    for step in range(STEPS):
        losses = LOSSES[step].clone().requires_grad_()
        violation = sign * (losses - bound)
        value = compute_primal_quadratic_augmented_contribution(
            multipliers, torch.full((TERMS,), damping), violation, ConstraintType.INEQUALITY
        )
        rows.append(torch.autograd.grad(value, losses)[0].numpy())
        multipliers = torch.relu(multipliers + rate * sign * (LOSSES[step] - bound))
    return np.stack(rows)


def main() -> None:
    preferences, ideal = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.0, 0.1, 0.05])
    plain, shaped = scalarization.STCH(0.3), scalarization.STCH(0.05, preferences, ideal)
    geometric = scalarization.GeometricMean()
    path = Path(__file__).parent.parent / "tests" / "combine" / "references" / "weightings.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        losses=LOSSES.numpy(),
        uncertainty=learned(scalarization.UW(TERMS)),
        imtl_l=learned(scalarization.IMTLL(TERMS)),
        dwa=dwa(1),
        dwa_epochs=dwa(3),
        famo=famo(),
        geometric_mean=slopes(lambda losses, _: geometric(losses)),
        tchebycheff=slopes(lambda losses, _: plain(losses)),
        tchebycheff_shaped=slopes(lambda losses, _: shaped(losses)),
        equal=mdmm(0.5, 2.0, 0.3),
        at_most=cooper(0.5, 1.0, 2.0, 0.3),
        at_least=cooper(0.5, -1.0, 2.0, 0.3),
    )


if __name__ == "__main__":
    main()
