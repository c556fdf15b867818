"""Gradients of NumPy formulas to full precision, for losses whose gradient is not the derivative of their value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.cases import Inputs

STEP = 1e-30


def complex_step(formula: Callable[..., np.ndarray], inputs: Inputs, names: Sequence[str]) -> Inputs:
    """The gradient of the sum of an analytic ``formula``: the imaginary part after an imaginary step, entry by entry."""
    slopes = {name: np.zeros(inputs[name].shape) for name in names}
    for name in names:
        for index in np.ndindex(inputs[name].shape):
            moved = inputs[name].astype(complex)
            moved[index] += STEP * 1j
            slopes[name][index] = np.sum(formula(**{**inputs, name: moved})).imag / STEP
    return slopes
