"""Distillation between networks that do not share their classes, such as language models with other tokenizers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import distance
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.distillation._networks import softened

__all__ = ["universal_logit_distillation_loss"]


def _falling(logits: Array, size: int) -> Array:
    """The probabilities from the largest to the smallest, followed by zeros up to ``size`` of them."""
    probs = jax.nn.softmax(jnp.flip(jnp.sort(logits, axis=-1), axis=-1), axis=-1)
    return jnp.pad(probs, [(0, 0)] * (probs.ndim - 1) + [(0, size - probs.shape[-1])])


def universal_logit_distillation_loss(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Universal logit distillation (ULD): distance of the sorted probabilities of student and teacher.

    .. math:: \ell = \sum_k \left| q_{(k)} - p_{(k)} \right|, \qquad q_{(1)} \ge q_{(2)} \ge \dots

    with the softmax :math:`q` of the student and :math:`p` of the teacher, the shorter one followed by zeros. The
    authors derive it as a Wasserstein distance whose cost is the same between all classes of the two vocabularies. No
    class has a counterpart: the loss teaches how certain the teacher is, and the cross-entropy with the tokens, as a
    term of its own, of what. The positions of the two networks must correspond: cut or align the sequences before. For
    a temperature divide the logits by it.

    Args:
        logits: Student's scores, shape ``[..., K]``, floating; -inf for a class that is absent.
        teacher_logits: Teacher's scores, shape ``[..., L]``, floating; ``L`` may differ from ``K``. They are
            differentiated too: pass them through ``jax.lax.stop_gradient`` if they depend on what is trained.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2]``, up to rounding at 2; 0 exactly at equal logits, with zero gradient.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ in other axes than the last, or a class axis is missing or empty.

    Example:
        >>> logits, teacher_logits = jnp.log(jnp.array([0.7, 0.1, 0.2])), jnp.log(jnp.array([0.5, 0.5]))
        >>> print(f"{jaxloss.universal_logit_distillation_loss(logits, teacher_logits):.4f}")
        0.6000

    Reference:
        Boizard et al. (2024), Towards Cross-Tokenizer Distillation: the Universal Logit Distillation Loss for LLMs.
        https://arxiv.org/abs/2402.12030
    """
    student, teacher = checks.floating(logits=logits, teacher_logits=teacher_logits)
    checks.with_axes("classes", logits=student, teacher_logits=teacher)
    expected = (*student.shape[:-1], teacher.shape[-1])
    checks.has_shape(expected, "logits.shape[:-1], and classes of its own", teacher_logits=teacher)
    student, teacher = softened(1.0, *promote(*(hide(where, x, event_ndim=1) for x in (student, teacher))))
    size = max(student.shape[-1], teacher.shape[-1])
    values = jnp.sum(distance(_falling(student, size), _falling(teacher, size)), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
