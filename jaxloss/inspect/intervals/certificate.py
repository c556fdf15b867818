"""A certificate: what is proved, refuted or left open about a loss of one number."""

from __future__ import annotations

import jax
import numpy as np

from jaxloss.inspect.intervals.covering.search import explore
from jaxloss.inspect.intervals.programs.interpreter import trace
from jaxloss.inspect.intervals.programs.rules import Missing
from jaxloss.inspect.intervals.rows import honesty, shape, steepness
from jaxloss.inspect.intervals.rows.findings import Findings
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["ROWS", "certify"]

ROWS = ("gradient", "minimum", "pseudo_convex", "convex", "curvature", "lipschitz", "smooth")


def certify(subject: Subject) -> dict[str, Verdict]:
    r"""Prove or refute what a loss of one number does on its domain.

    The traced program is evaluated on boxes that tile the domain, by interval arithmetic with outward rounding: its
    value, its first two derivatives by the rules of calculus, and its jumps. Boxes that do not decide a row are cut in
    two. Kinks are found to the float, and the sides of each are looked at apart.

    The rows are statements about the value, in real arithmetic with the float64 constants of the program, to within
    rounding: jumps of value and slope up to :math:`2^{-44}` and wrong signs of slope and curvature up to
    :math:`10^{-12}`, both relative to the size of the loss, are forgiven. Elementary functions of NumPy are assumed to
    be within 4 units in the last place. Nothing is said of numbers outside the domain.

    Inside the program there may be arrays of up to 32 entries, as in a softmax of a few classes of which one logit
    moves. Larger arrays, loops of unknown length and sorting leave all rows UNKNOWN.

    Args:
        subject: The loss; ``subject.fn`` is traced in float64.

    Returns:
        A verdict for each name in `ROWS`:

        * ``"gradient"``: what `jax.grad` returns is the derivative, and at a kink lies between the slopes of its sides.
          Proved by rules only; a loss with a derivative rule that is not in the registry is at best TESTED.
        * ``"minimum"``: never negative, and 0 at ``subject.best``; for margins and logits falling to next to nothing at
          the end of the domain. The statement says which. ``value`` is the minimum, or the value that refutes it.
        * ``"pseudo_convex"``: never rises towards ``subject.best``.
        * ``"convex"``: the second derivative is never negative, and no kink bends down.
        * ``"curvature"``: the range of the second derivative off the kinks, as ``low`` and ``high`` of the evidence;
          ``value`` is the constant of strong convexity, 0 if there is none, None if the loss is not proved convex.
        * ``"lipschitz"``: ``value`` is the largest slope, ``steepest_at`` in the evidence says where.
        * ``"smooth"``: the slope is continuous; ``value`` is the largest second derivative in size.

        REFUTED has a ``witness`` of ``points`` and ``values`` that were evaluated again by JAX. UNKNOWN says what is in
        the way.

    Example:
        >>> from jaxloss.inspect.intervals import certify
        >>> from jaxloss.inspect.subject import Subject
        >>> verdict = certify(Subject("absolute error", jnp.abs, "residual"))["lipschitz"]
        >>> print(verdict.word, verdict.statement)
        PROVED slope at most 1 on [-50, 50]

    Reference:
        Moore, Kearfott and Cloud (2009), Introduction to Interval Analysis. https://doi.org/10.1137/1.9780898717716
    """
    with jax.enable_x64(True), np.errstate(all="ignore"):
        try:
            program = trace(subject.fn)
            findings = Findings(subject, program, explore(subject, program))
        except Missing as missing:
            return _all_unknown(subject, f"the engine has no rule for {missing}")
        convexity = shape.convex(findings)
        return {
            "gradient": honesty.gradient(findings),
            "minimum": shape.minimum(findings),
            "pseudo_convex": shape.pseudo_convex(findings),
            "convex": convexity,
            "curvature": steepness.curvature(findings, convexity),
            "lipschitz": steepness.lipschitz(findings),
            "smooth": steepness.smooth(findings),
        }


def _all_unknown(subject: Subject, why: str) -> dict[str, Verdict]:
    evidence = {"engine": "intervals", "domain": list(subject.domain)}
    return {row: Verdict(Word.UNKNOWN, why, None, evidence) for row in ROWS}
