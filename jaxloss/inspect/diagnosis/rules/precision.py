"""What 16 bits lose: targets that coincide, and gradients that become 0."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.diagnosis.arrays import is_half, numbers
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

COARSE = 0.1
"""Share of the spread of targets that one unit in the last place may be."""
LOST = 0.5
"""Share of the entries of a gradient that may become 0."""
FEW = 4


def coarse_targets(trial: Trial) -> Iterator[Finding]:
    """Targets whose differences are about as large as the rounding of their dtype."""
    for call in trial.calls:
        targets = call.array("targets")
        if targets is None or not is_half(targets) or targets.size < FEW:
            continue
        values = numbers(targets)
        unit = float(jnp.finfo(targets.dtype).eps) * float(np.median(np.abs(values)))
        if np.std(values) > 0 and unit > COARSE * np.std(values):
            evidence = {
                "dtype": str(targets.dtype),
                "unit in the last place": unit,
                "standard deviation": float(np.std(values)),
                "distinct values": len(np.unique(values)),
                "of": int(values.size),
            }
            remedy = "keep targets in float32, or subtract their mean and divide by their scale before rounding."
            yield Finding("coarse_values", f"{call.where}, targets", evidence, remedy)


def lost_gradients(trial: Trial) -> Iterator[Finding]:
    """Gradients of 16 bits that are 0 where those of 32 bits are not."""
    learning = trial.learning
    if trial.gradient is None or not any(is_half(leaf.value) for leaf in learning):
        return
    with contextlib.suppress(Exception):
        exact = trial.gradient_at([_wide(leaf.value) for leaf in trial.leaves])
        for leaf, coarse, fine in zip(learning, trial.gradient, exact, strict=True):
            alive = numbers(fine) != 0
            lost = alive & (numbers(coarse) == 0)
            if is_half(leaf.value) and alive.any() and lost.sum() > LOST * alive.sum():
                evidence = {"dtype": str(leaf.value.dtype), "lost": int(lost.sum()), "of": int(alive.sum())}
                remedy = "multiply the loss by a scale such as 2**15 and divide the gradients by it, or use bfloat16."
                yield Finding("half_underflow", leaf.where, evidence, remedy)


def _wide(value: Any) -> Any:
    return jnp.asarray(value, jnp.float32) if is_half(value) else value


RULES = (coarse_targets, lost_gradients)
