"""Inputs that are not finite, by argument and index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.diagnosis.arguments import Leaf
from jaxloss.inspect.diagnosis.arrays import first_index, is_floating, numbers
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

LARGE = 1e4
TARGETS = ("targets", "target", "labels", "label", "y", "y_true", "truth")
"""What people call what a model should predict."""


def nonfinite_leaves(trial: Trial) -> Iterator[Finding]:
    """NaN and infinity among the inputs, unless they leave the loss and its gradient finite, as behind a mask."""
    if trial.is_finite:
        return
    for leaf in trial.leaves:
        if not is_floating(leaf.value):
            continue
        values = numbers(leaf.value)
        # An infinity may be meant, as the logit of an absent class; a NaN never is.
        index = first_index(np.isnan(values)) or first_index(~np.isfinite(values))
        if index is None or (not np.isnan(values).any() and not _breaks(trial, leaf, values)):
            continue
        evidence = {"value": float(values[index]), "count": int(np.sum(~np.isfinite(values))), "of": int(values.size)}
        yield Finding(_cause(leaf), f"{leaf.where}{list(index) if index else ''}", evidence, _remedy(leaf))


def _breaks(trial: Trial, leaf: Leaf, values: np.ndarray) -> bool:
    """Whether the infinities of an input break the loss: large numbers in their place do not."""
    large = jnp.asarray(np.clip(values, -LARGE, LARGE), leaf.value.dtype)
    with contextlib.suppress(Exception):
        return bool(np.isfinite(trial.at([large if other is leaf else other.value for other in trial.leaves])))
    return True


def _cause(leaf: Leaf) -> str:
    if leaf.parameter:
        return "nonfinite_parameters"
    name = leaf.where.rstrip("]'\"").rpartition("'")[2].rpartition("[")[2]
    return "nonfinite_targets" if name in TARGETS else "nonfinite_input"


def _remedy(leaf: Leaf) -> str:
    if leaf.parameter:
        return "restore parameters from before they broke, and diagnose the step that broke them."
    if _cause(leaf) == "nonfinite_targets":
        return "mask missing targets: where=~jnp.isnan(targets)."
    return "mend or drop these entries before the loss, or mask them with where=."


RULES = (nonfinite_leaves,)
