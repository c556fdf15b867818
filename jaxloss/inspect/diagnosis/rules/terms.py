"""Terms of an objective whose gradients differ in size by orders of magnitude."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np

from jaxloss.inspect.diagnosis.arrays import numbers
from jaxloss.inspect.diagnosis.compiling import compiled
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

IMBALANCE = 1e4
"""Ratio of the gradients of two terms beyond which the smaller one does not matter."""


def unequal_terms(trial: Trial) -> Iterator[Finding]:
    """Terms whose weighted gradient is a small part of that of the largest."""
    if trial.objective is None or len(trial.terms) < 2 or trial.gradient is None:
        return
    sizes = _gradient_sizes(trial)
    alive = sorted((size, name) for name, size in sizes.items() if size > 0 and np.isfinite(size))
    if alive and alive[-1][0] > IMBALANCE * alive[0][0]:
        (small, weak), (large, strong) = alive[0], alive[-1]
        remedy = f"weigh {weak!r} up or {strong!r} down: combine.weigh({strong}={small / large:.1e})."
        yield Finding("term_imbalance", f"terms {strong!r} and {weak!r}", {"gradient norms": sizes}, remedy)


def _gradient_sizes(trial: Trial) -> dict[str, float]:
    """The norm of the gradient of each term by the parameters, times its effective weight."""
    means = lambda learning: {name: trial.term_total(name, learning) for name in trial.terms}
    slopes = compiled(jax.jacrev(means), trial.starts)
    weights = {name: abs(float(trial.aux.weights.get(name, 1.0))) for name in trial.terms}
    norm = lambda tree: float(np.sqrt(sum(np.sum(np.square(numbers(leaf))) for leaf in jax.tree.leaves(tree))))
    return {name: weights[name] * norm(slopes[name]) for name in trial.terms}


RULES = (unequal_terms,)
