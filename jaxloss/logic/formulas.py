"""Formulas of classical logic as functions of boolean arrays, and the assignments that satisfy them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["satisfying_assignments"]

Formula = Callable[..., Any]
"""Boolean arrays, one per variable, to a boolean array: ``lambda a, b: ~a | b``."""

MOST_VARIABLES = 16


def assignments_and_truth(formula: Formula, num_variables: int) -> tuple[np.ndarray, np.ndarray]:
    """All assignments ``[2**V, V]``, and which of them the formula holds for."""
    if not 1 <= num_variables <= MOST_VARIABLES:
        raise ValueError(
            f"a formula is enumerated over at most {MOST_VARIABLES} variables; found {num_variables}. Give its models "
            "to semantic_loss_of_assignments."
        )
    index = np.arange(2**num_variables)
    assignments = (index[:, None] >> np.arange(num_variables)[::-1]) % 2 == 1
    holds = np.asarray(formula(*assignments.T))
    if holds.dtype != np.bool_:
        raise TypeError(f"formula must give booleans, from operators such as &, |, ~ and ^; found {holds.dtype}.")
    return assignments, np.broadcast_to(holds, index.shape)


def satisfying_assignments(formula: Formula, num_variables: int) -> np.ndarray:
    """Assignments under which a formula is true (its models), by enumeration.

    Args:
        formula: A function of ``num_variables`` boolean NumPy arrays, by the operators ``&``, ``|``, ``~`` and ``^``.
        num_variables: Number of variables V, at most 16.

    Returns:
        A boolean NumPy array ``[models, V]``, in the order of binary numbers.

    Raises:
        TypeError: If the formula does not give booleans.
        ValueError: If there are more than 16 variables, or none.

    Example:
        >>> jaxloss.logic.satisfying_assignments(lambda a, b: a & ~b, 2).tolist()
        [[True, False]]

    Reference:
        Xu et al. (2018), A Semantic Loss Function for Deep Learning with Symbolic Knowledge.
        https://arxiv.org/abs/1711.11157
    """
    assignments, holds = assignments_and_truth(formula, num_variables)
    return assignments[holds]
