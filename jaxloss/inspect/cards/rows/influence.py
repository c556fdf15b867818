"""What an outlier does to an estimate: influence, efficiency and the pull of residuals of 10 and of 100."""

from __future__ import annotations

import math

import numpy as np

from jaxloss.inspect.cards.rows.sampling import curve, tested
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["influence_rows"]

REACH = 12.0
POINTS = 200_000
"""Nodes of the midpoint rule on [-12, 12]; the normal density is below 1e-31 beyond, and 0 is an edge of two cells."""
FAR = np.logspace(0, 6, 61)
"""Residuals at which slopes are followed outwards."""
ENOUGH = 0.05
"""Share of the largest slope below which an outlier no longer counts."""


def influence_rows(subject: Subject) -> dict[str, Verdict]:
    r"""Robustness of the location estimate that minimises a loss of residuals.

    With the slope :math:`\psi = \ell'` and a standard normal residual,

    .. math:: \text{efficiency} = \frac{(E\, \psi')^2}{E\, \psi^2}, \qquad
              \text{gross-error sensitivity} = \frac{\sup |\psi|}{E\, \psi'}, \qquad E\, \psi' = E\, r \psi(r).

    The last identity needs no second derivative, so that kinks do not matter. A loss that weighs the two signs
    differently estimates no centre of the normal, and has neither number.

    Args:
        subject: A loss of residuals.

    Returns:
        The rows ``efficiency``, ``gross_error_sensitivity``, ``redescending`` and ``outlier_pull``; no rows for other
        kinds.

    Reference:
        Hampel (1974), The Influence Curve and its Role in Robust Estimation.
        https://doi.org/10.1080/01621459.1974.10482962
    """
    if subject.kind != "residual":
        return {}
    width = 2 * REACH / POINTS
    residuals = (np.arange(POINTS) + 0.5) * width - REACH
    density = np.exp(-0.5 * residuals**2) * width / math.sqrt(2 * math.pi)
    near, far = curve(subject.fn).slopes(residuals), curve(subject.fn).slopes(np.concatenate([-FAR, FAR]))
    rows = {"redescending": _redescending(near, far), "outlier_pull": _pull(far[FAR.size :])}
    mean, bend, square = (float(np.sum(density * row)) for row in (near, residuals * near, near**2))
    if abs(mean) > 1e-6 * math.sqrt(square) or not math.isfinite(bend) or bend <= 0:
        why = Verdict(Word.NOT_APPLICABLE, "not symmetric: it estimates no centre of a normal distribution")
        return {**rows, "efficiency": why, "gross_error_sensitivity": why}
    efficiency = bend**2 / square
    rows["efficiency"] = tested(f"{efficiency:.4f} at the normal distribution", efficiency, POINTS)
    rows["gross_error_sensitivity"] = _sensitivity(near, far, bend)
    return rows


def _sensitivity(near: np.ndarray, far: np.ndarray, bend: float) -> Verdict:
    last, before = abs(far[-1]), abs(far[-11])
    if not last <= 1.5 * before + 1e-12:
        witness = {"residual": float(FAR[-1]), "slope": float(last)}
        return Verdict(Word.REFUTED, "one outlier may move the estimate by any amount", None, {"witness": witness})
    most = float(max(np.max(np.abs(near)), np.max(np.abs(far))))
    statement = f"one outlier of n moves the estimate by at most {most / bend:.3f} / n"
    return tested(statement, most / bend, near.size + far.size)


def _redescending(near: np.ndarray, far: np.ndarray) -> Verdict:
    most = float(max(np.max(np.abs(near)), np.max(np.abs(far))))
    ends = {"-1e6": abs(far[FAR.size - 1]), "1e6": abs(far[-1])}
    place, end = max(ends.items(), key=lambda item: item[1])
    if end < ENOUGH * most:
        return tested("slope falls to 0 for far outliers", end / most, near.size + far.size)
    witness = {"residual": float(place), "slope": float(end), "largest_slope": most}
    return Verdict(Word.REFUTED, "far outliers keep their pull", float(f"{end / most:.4g}"), {"witness": witness})


def _pull(right: np.ndarray) -> Verdict:
    at = {place: abs(float(right[np.abs(FAR - place).argmin()])) for place in (1, 10, 100)}
    if at[1] == 0:
        return Verdict(Word.NOT_APPLICABLE, "slope 0 at a residual of 1")
    ten, hundred = at[10] / at[1], at[100] / at[1]
    return tested(f"{ten:.3g} at a residual of 10, {hundred:.3g} at 100, relative to 1", hundred, 3, at_10=ten)
