"""Which probability a classification loss makes a perfect model report, and whether it at least picks the class."""

from __future__ import annotations

import numpy as np

from jaxloss.inspect.cards.rows.sampling import curve, rounded, tested
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["reported", "reporting_rows"]

TRUE = (0.05, 0.2, 0.35, 0.45, 0.55, 0.65, 0.8, 0.95)
"""Probabilities of class 1 at which the expected loss is minimised."""
REACH = 30.0
NODES = 4000
ROUNDS = 8
"""A search by grids: each round looks at `NODES` points around the best of the one before, a hundredth as wide."""
TOLERANCE = 2e-3
"""A reported probability may differ this much from the true one and still count as proper."""


def reported(subject: Subject, true: float) -> float:
    r"""The score or probability that minimises the expected loss when class 1 has a probability.

    .. math:: \arg\min_z \; \eta \, \ell_1(z) + (1 - \eta) \, \ell_0(z)

    Args:
        subject: A loss of logits, margins or probabilities, for class 1. Its ``partner`` is the loss for class 0, the
            mirror image if it has none.
        true: The probability of class 1.

    Returns:
        The minimiser, in [-30, 30], or [0, 1] for probabilities; the middle of the flat part if there are several.
    """
    ones, partner = curve(subject.fn), subject.partner
    zeros = (lambda z: ones.values(-z)) if partner is None else curve(partner).values
    low, high = subject.domain if subject.kind == "prediction" else (-REACH, REACH)
    best, width = (low + high) / 2, high - low
    for _ in range(ROUNDS):
        numbers = np.linspace(max(low, best - width / 2), min(high, best + width / 2), NODES)
        expected = true * ones.values(numbers) + (1 - true) * zeros(numbers)
        least = np.min(expected)
        lowest = numbers[expected <= least + 1e-15 * abs(least)]
        best, width = float(lowest.mean()), width / 100 + float(np.ptp(lowest))
    return best


def reporting_rows(subject: Subject, link: str | None) -> dict[str, Verdict]:
    """Which probabilities a perfect model would report, for true ones from 0.05 to 0.95.

    Args:
        subject: A loss of logits, margins or probabilities, for class 1, as for `reported`.
        link: What the number says about the classes: ``"sigmoid"``, ``"identity"``, ``"sign"`` or, if it says nothing,
            None; see `View`.

    Returns:
        No rows without a link. The row ``calibrated``: whether the sign of the score, or the side of 1/2, is that of
        the more probable class. With a link to a probability also ``proper``: whether the reported probability is the
        true one; the row has the largest difference, and the evidence what is reported at 0.95.

    Reference:
        Bartlett, Jordan and McAuliffe (2006), Convexity, Classification, and Risk Bounds.
        https://doi.org/10.1198/016214505000000907
    """
    if link is None:
        return {}
    found = np.array([reported(subject, true) for true in TRUE])
    true = np.array(TRUE)
    side = np.sign(np.round(found - (0.5 if link == "identity" else 0.0), 6))
    rows = {"calibrated": _verdict(side == np.sign(true - 0.5), "picks the more probable class", true, found)}
    if link == "sign":
        return rows
    probs = found if link == "identity" else 1 / (1 + np.exp(-found))
    worst = float(np.max(np.abs(probs - true)))
    through = " through the sigmoid" if link == "sigmoid" else ""
    statement = f"reports {probs[-1]:.3f}{through} where the truth is {true[-1]:g}"
    proper = _verdict(np.abs(probs - true) <= TOLERANCE, statement, true, probs)
    evidence = {**proper.evidence, "at_0.95": rounded(probs[-1]), "link": link}
    return {**rows, "proper": Verdict(proper.word, statement, rounded(worst), evidence)}


def _verdict(holds: np.ndarray, statement: str, true: np.ndarray, found: np.ndarray) -> Verdict:
    if np.all(holds):
        return tested(statement, 0.0, true.size)
    at = int(np.flatnonzero(~holds)[-1])
    witness = {"true": float(true[at]), "reported": rounded(found[at])}
    return Verdict(Word.REFUTED, f"not always: {statement}", None, {"witness": witness})
