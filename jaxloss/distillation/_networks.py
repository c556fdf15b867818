"""The logits of a student and its teacher."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["both_networks", "softened"]


def both_networks(where: ArrayLike | None, logits: ArrayLike, teacher_logits: ArrayLike) -> tuple[Array, Array]:
    """Logits ``[..., K]`` of student and teacher in the working dtype, checked and blanked."""
    logits, teacher_logits = checks.floating(logits=logits, teacher_logits=teacher_logits)
    checks.with_axes("classes", logits=logits)
    checks.same_shape(logits=logits, teacher_logits=teacher_logits)
    student, teacher = promote(*(hide(where, x, event_ndim=1) for x in (logits, teacher_logits)))
    return student, teacher


def softened(temperature: Scalar, *logits: Array) -> tuple[Array, ...]:
    """Each of ``logits`` over the temperature, with the largest of each row at 0, so that nothing overflows."""
    return tuple(below_peak(x)[0] / temperature for x in logits)
