"""Whether a loss still pushes where the prediction is wrong, and whether its slope is bounded."""

from __future__ import annotations

import math

import numpy as np

from jaxloss.inspect.cards.rows.sampling import curve, rounded, tested
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["FLAT", "bounded_gradient", "pushing_rows", "wrong_but_flat"]

FLAT = 0.05
"""Share of the reference slope below which a loss is called flat."""
WRONG = (-10.0, -20.0)
GROWTH = 1.5
"""A slope that is larger by this factor much farther out, or much closer to an end, is called unbounded."""
PAIRS = ((1e3, 1e6), (1e1, 1e2), (1e0, 1e1))
"""How far out slopes are compared; the nearer pairs where the farther one is beyond the largest number."""


def pushing_rows(subject: Subject) -> dict[str, Verdict]:
    r"""How hard a loss pushes a confidently wrong score.

    .. math:: \text{push when wrong} = \min_{z \in \{-10, -20\}} \frac{|\ell'(z)|}{|\ell'(-1)|}

    Args:
        subject: A loss of logits or margins.

    Returns:
        The row ``push_when_wrong``: TESTED if the number is at least 0.05, REFUTED with the flattest score as witness
        otherwise. Its evidence has the interval of wrong scores on which the slope is below 0.05 of its maximum. No
        rows for other kinds.
    """
    if subject.kind not in ("logit", "margin"):
        return {}
    slopes = np.abs(curve(subject.fn).slopes(np.array([-1.0, *WRONG])))
    if not slopes[0] > 0:
        why = "slope 0 at a score of -1"
        witness = {"score": -1.0, "slope": float(slopes[0])}
        return {"push_when_wrong": Verdict(Word.REFUTED, why, 0.0, {"witness": witness})}
    ratios = slopes[1:] / slopes[0]
    least, place = float(np.min(ratios)), WRONG[int(np.argmin(ratios))]
    flat = wrong_but_flat(subject)
    where = {"flat": [rounded(end) for end in flat[0]]} if flat else {}
    if least >= FLAT:
        statement = f"slope at -10 and -20 is at least {least:.3g} times that at -1"
        return {"push_when_wrong": tested(statement, least, 3, **where)}
    witness = {"score": place, "slope": rounded(slopes[0] * least), "slope_at_-1": rounded(slopes[0])}
    statement = f"flat where it is wrong: slope at {place:g} is {least:.2g} times that at -1"
    return {"push_when_wrong": Verdict(Word.REFUTED, statement, rounded(least), {"witness": witness, **where})}


def wrong_but_flat(subject: Subject) -> list[tuple[float, float]]:
    """The intervals of wrong numbers whose slope is below 0.05 of the largest one, from an end of the domain inwards.

    Wrong are negative logits and margins, and residuals of more than 1. Other kinds have none.
    """
    ends = {"logit": (subject.domain[0],), "margin": (subject.domain[0],), "residual": subject.domain}
    found = []
    for end in ends.get(subject.kind, ()):
        numbers = np.linspace(end, np.sign(end) * (subject.kind == "residual"), 1001)
        slopes = np.abs(curve(subject.fn).slopes(np.concatenate([numbers, -numbers])))
        steep = np.flatnonzero(slopes[: numbers.size] >= FLAT * np.max(slopes))
        last = int(steep[0]) - 1 if steep.size else numbers.size - 1
        if last >= 0:
            found.append((float(min(end, numbers[last])), float(max(end, numbers[last]))))
    return found


def bounded_gradient(subject: Subject, legal: tuple[float, float] = (-math.inf, math.inf)) -> Verdict:
    """Whether the slope stays bounded as the number grows, by its size far out and farther out.

    Proofs are about a bounded domain, on which every smooth loss has a bounded slope. This row asks about the rest: far
    out, or, where the loss ends at a number, close to it.

    Args:
        subject: Any loss of one number.
        legal: The interval on which the loss is defined.

    Returns:
        TESTED with the largest slope that was found, or REFUTED with a witness; UNKNOWN where no slope far out is a
        number.
    """
    for end, side in zip(legal, (-1.0, 1.0), strict=True):
        far, slope, before, slope_before = _farthest(subject, end, side)
        if not (math.isfinite(slope) and math.isfinite(slope_before)):
            why = f"slope {slope:g} at {far:g} and {slope_before:g} at {before:g}"
            return Verdict(Word.UNKNOWN, why, None, {})
        if slope > GROWTH * slope_before + 1e-12:
            witness = {
                "number": far,
                "slope": rounded(slope),
                "number_before": before,
                "slope_before": rounded(slope_before),
            }
            statement = f"slope grows without bound towards {round(end, 6):g}"
            return Verdict(Word.REFUTED, statement, None, {"witness": witness})
    near = np.abs(curve(subject.fn).slopes(np.linspace(*subject.domain, 2001)[1:-1]))
    most = float(np.max(near, where=np.isfinite(near), initial=0.0))
    return tested(f"slope stays bounded; at most {most:.4g} on the domain", most, near.size + 4)


def _farthest(subject: Subject, end: float, side: float) -> tuple[float, float, float, float]:
    """The farthest number towards an end whose slope does not overflow, its slope, and the same of one before it."""
    found = (0.0, math.inf, 0.0, math.inf)
    for pair in PAIRS:
        before, far = (side * distance if math.isinf(end) else end - side / distance for distance in pair)
        slope_before, slope = (float(x) for x in np.abs(curve(subject.fn).slopes(np.array([before, far]))))
        found = far, slope, before, slope_before
        if not math.isinf(slope):
            break
    return found
