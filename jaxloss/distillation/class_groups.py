"""Knowledge distillation over groups of classes: the true one and the others, the teacher's best and the rest."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.entropies import rows_of_logits
from jaxloss._floor.maths.numerics import log_sum_exp, poison
from jaxloss._floor.maths.softmax.labels import at_label, is_label
from jaxloss._floor.maths.softmax.terms import is_zero
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.distillation._networks import both_networks, softened

__all__ = ["decoupled_distillation_loss", "top_k_distillation_loss"]


def _with_bucket(alone: Array, rest: Array) -> Array:
    """The logits ``alone`` ``[..., G]`` and, in one more column, that of all classes of ``rest`` together."""
    return jnp.concatenate([alone, log_sum_exp(rest)[..., None]], axis=-1)


def _among_others(student: Array, teacher: Array) -> Array:
    """The divergence of logits; 0 where all classes of one of them are absent, so that there is no distribution."""
    nothing = jnp.any(jnp.stack([jnp.max(x, axis=-1) for x in (student, teacher)]) == -jnp.inf, axis=0)
    return rows_of_logits(*(jnp.where(nothing[..., None], jnp.zeros((), x.dtype), x) for x in (student, teacher)))


def decoupled_distillation_loss(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    labels: ArrayLike,
    *,
    target_weight: Scalar = 1.0,
    non_target_weight: Scalar = 8.0,
    temperature: Scalar = 4.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Decoupled knowledge distillation (DKD): divergences of the true class against all others, and among the others.

    .. math:: \ell = T^2 \left( \alpha \, \mathrm{KL}(b^t \,\|\, b^s) + \beta \, \mathrm{KL}(\hat p^t \,\|\, \hat p^s)
              \right), \qquad b = (p_y, 1 - p_y), \quad \hat p_k = \frac{p_k}{1 - p_y}, \; k \ne y

    with :math:`p = \mathrm{softmax}(z / T)` of each network. Plain distillation is the sum with :math:`\alpha = 1` and
    :math:`\beta = 1 - p_y^t`: the more certain the teacher is, the less it tells of the other classes. Here the two
    are weighted apart. The factor :math:`T^2` keeps the size of the gradient when T changes, as in
    `jaxloss.knowledge_distillation_loss`. The defaults are those of the authors for CIFAR-100; they add the
    cross-entropy with the labels and raise this term from 0 over the first epochs.

    Args:
        logits: Student's scores, shape ``[..., K]``, floating; -inf for a class that is absent.
        teacher_logits: Teacher's scores, shape ``[..., K]``, the same. They are differentiated too: pass them through
            ``jax.lax.stop_gradient`` if they depend on what is trained.
        labels: True class, shape ``[...]``, integer, in [0, K).
        target_weight: Factor :math:`\alpha` >= 0 of the divergence of the true class against all others.
        non_target_weight: Factor :math:`\beta` >= 0 of the divergence among the others.
        temperature: T > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly at equal logits, with zero gradient. +inf if a class is absent from the
        student only. NaN where a label is out of range.

    Raises:
        TypeError: If the logits are not floating or the labels not integer.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> logits, teacher_logits = jnp.array([[0.0, 0.0, 0.0]]), jnp.array([[0.0, 0.0, 2.0]])
        >>> jaxloss.decoupled_distillation_loss(logits, teacher_logits, jnp.array([0]), temperature=1.0)
        Array(2.7626474, dtype=float32)

    Reference:
        Zhao et al. (2022), Decoupled Knowledge Distillation. https://arxiv.org/abs/2203.08679
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    student, teacher = both_networks(where, logits, teacher_logits)
    temperature = checks.scalar("temperature", temperature, student.dtype, above=0)
    alpha = checks.scalar("target_weight", target_weight, student.dtype, at_least=0)
    beta = checks.scalar("non_target_weight", non_target_weight, student.dtype, at_least=0)
    labels = hide(where, labels)
    value_checks.ensure_labels(labels, student.shape[-1])
    known = (labels >= 0) & (labels < student.shape[-1])
    labels = jnp.where(known, labels, 0)
    scores = softened(temperature, student, teacher)
    others = [jnp.where(is_label(labels, x), -jnp.inf, x) for x in scores]
    groups = (_with_bucket(at_label(x, labels)[..., None], rest) for x, rest in zip(scores, others, strict=True))
    of_target = 0.0 if is_zero(alpha) else alpha * rows_of_logits(*groups)
    of_others = 0.0 if is_zero(beta) else beta * _among_others(*others)
    values = jnp.broadcast_to(temperature * temperature * (of_target + of_others), labels.shape)
    return reduce(poison(values.astype(student.dtype), known), where=where, weights=weights, reduction=reduction)


def top_k_distillation_loss(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    k: int,
    temperature: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Top-k distillation: KL divergence over the k best classes of the teacher and one bucket for all others.

    .. math:: \ell = T^2 \left( \sum_{i \in S} p_i \log \frac{p_i}{q_i}
              + p_{\bar S} \log \frac{p_{\bar S}}{q_{\bar S}} \right), \qquad p_{\bar S} = 1 - \sum_{i \in S} p_i

    with the softmax :math:`p` of the teacher and :math:`q` of the student at temperature T, and the set :math:`S` of
    the k largest scores of the teacher. The long tail of a vocabulary is learned as a whole, so its noise is not. At
    most `jaxloss.knowledge_distillation_loss`, and equal to it for ``k = K``. The bucket tells the student how much
    the tail holds; without it, :math:`p` and :math:`q` renormalised over :math:`S` are
    `jaxloss.knowledge_distillation_loss` of the k scores.

    Args:
        logits: Student's scores, shape ``[..., K]``, floating; -inf for a class that is absent.
        teacher_logits: Teacher's scores, shape ``[..., K]``, the same; differentiated too. Where only the k best
            log-probabilities of a teacher were stored, fill the other classes with the logarithm of what is left over
            ``K - k``.
        k: Number of classes in :math:`S`, from 1 to K; static. Of equal scores the first are taken.
        temperature: T > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly at equal logits, with zero gradient. +inf if a class of :math:`S`, or all
        others, are absent from the student only.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, ``k`` is not a whole number from 1 to K, or ``temperature`` is not positive.

    Example:
        >>> logits, teacher_logits = jnp.array([[0.0, 0.0, 0.0]]), jnp.array([[2.0, 1.0, 0.0]])
        >>> jaxloss.top_k_distillation_loss(logits, teacher_logits, k=1)
        Array(0.22907722, dtype=float32)

    Reference:
        Tan et al. (2019), Multilingual Neural Machine Translation with Knowledge Distillation.
        https://arxiv.org/abs/1902.10461. On what the k best miss: Anshumann et al. (2025), Sparse Logit Sampling:
        Accelerating Knowledge Distillation in LLMs. https://arxiv.org/abs/2503.16870
    """
    student, teacher = both_networks(where, logits, teacher_logits)
    temperature = checks.scalar("temperature", temperature, student.dtype, above=0)
    if (k := checks.whole("k", k)) > student.shape[-1]:
        raise ValueError(f"k must be at most the number of classes, {student.shape[-1]}; found {k}.")
    best = jax.lax.top_k(jax.lax.stop_gradient(teacher), k)[1]
    groups = (
        _with_bucket(jnp.take_along_axis(x, best, axis=-1, mode="promise_in_bounds"), _without(best, x))
        for x in softened(temperature, student, teacher)
    )
    values = temperature * temperature * rows_of_logits(*groups)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@jax.jit
def _without(places: Array, logits: Array) -> Array:
    """``logits`` ``[..., K]`` with -inf at the ``places`` ``[..., k]``."""
    # Row by row, so that rows on other devices stay there.
    row = lambda places, logits: logits.at[places].set(-jnp.inf, mode="promise_in_bounds", unique_indices=True)
    return jnp.vectorize(row, signature="(j),(k)->(k)")(places, logits)
