"""Knowledge distillation: divergences of the distributions of student and teacher, both from logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.distillation._networks import both_networks, softened

__all__ = ["generalized_jensen_shannon_divergence", "knowledge_distillation_loss", "skewed_kl_divergence"]


def _log_ratio(log_p: Array, log_q: Array) -> Array:
    """``log(q / p)``, 0 where both are absent."""
    absent = jnp.isneginf(log_p) & jnp.isneginf(log_q)
    zero = jnp.zeros((), log_p.dtype)
    return jnp.where(absent, zero, log_q) - jnp.where(absent, zero, log_p)


def _surplus(p: Array, q: Array, log_ratio: Array) -> Array:
    """``p log(p / q) + q - p`` for ``log_ratio = log(q / p)``: the terms of a divergence, each >= 0.

    Their sum is the divergence, because p and q both sum to one. Near 0 it is half a square, without cancellation.
    """
    near = log_ratio < 1
    zero = jnp.zeros((), p.dtype)
    small = p * numerics.exp_excess(jnp.where(near & (p != 0), log_ratio, zero))
    return jnp.where(near, small, q - p - p * jnp.where(near | (p == 0), zero, log_ratio))


def _log_shares(beta: Scalar, log_ratio: Array) -> tuple[Array, Array]:
    """``log(m / p)`` and ``log(m / q)`` of ``m = beta p + (1 - beta) q``, from whichever of p and q is the larger."""
    above, below = jnp.where(log_ratio > 0, log_ratio, 0), jnp.where(log_ratio > 0, 0, log_ratio)
    common = jnp.log1p((1 - beta) * jnp.expm1(below)) + jnp.log1p(beta * jnp.expm1(-above))
    return common + above, common - below


def knowledge_distillation_loss(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    temperature: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Knowledge distillation: KL divergence of softened teacher and student distributions, times squared temperature.

    .. math:: \ell = T^2 \, \mathrm{KL}(p \,\|\, q) = T^2 \sum_k p_k \log \frac{p_k}{q_k}, \qquad
              p = \mathrm{softmax}(t / T), \quad q = \mathrm{softmax}(z / T)

    The factor :math:`T^2` keeps the size of the gradient when T changes (optax, rlax and others leave it out). Summed
    over classes and averaged over examples, PyTorch's ``"batchmean"``. With the two arguments exchanged it is the
    reverse, mode-seeking divergence. Add the cross-entropy with the labels as a term of its own. For logit
    standardisation (Sun et al., 2024) pass ``jax.nn.standardize`` of both logits; for channel-wise distillation (Shu et
    al., 2021), feature maps as ``[..., C, H * W]``.

    Args:
        logits: Student's scores :math:`z`, shape ``[..., K]``, floating.
        teacher_logits: Teacher's scores :math:`t`, shape ``[..., K]``, the same. They are differentiated too: pass
            them through ``jax.lax.stop_gradient`` if they depend on what is trained. A class of logit -inf is absent.
        temperature: T > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly at equal logits, and accurate near them. +inf if a class is absent from the
        student only.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``temperature`` is not positive.

    Example:
        >>> logits, teacher_logits = jnp.array([[0.0, 0.0]]), jnp.array([[2.0, 0.0]])
        >>> jaxloss.knowledge_distillation_loss(logits, teacher_logits, temperature=2.0)
        Array(0.4437763, dtype=float32)

    Reference:
        Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network.
        https://arxiv.org/abs/1503.02531
    """
    student, teacher = both_networks(where, logits, teacher_logits)
    temperature = checks.scalar("temperature", temperature, student.dtype, above=0)
    log_q, log_p = (jax.nn.log_softmax(x, axis=-1) for x in softened(temperature, student, teacher))
    terms = _surplus(jnp.exp(log_p), jnp.exp(log_q), _log_ratio(log_p, log_q))
    values = temperature * temperature * jnp.sum(terms, axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def generalized_jensen_shannon_divergence(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    beta: Scalar = 0.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generalised Jensen-Shannon divergence (GKD): divergences of teacher and student from their mixture.

    .. math:: \ell = \beta \, \mathrm{KL}(p \,\|\, m) + (1 - \beta) \, \mathrm{KL}(q \,\|\, m), \qquad
              m = \beta p + (1 - \beta) q

    with the teacher's :math:`p = \mathrm{softmax}(t)` and the student's :math:`q = \mathrm{softmax}(z)`. It vanishes
    in both limits of :math:`\beta`: near 0 it is :math:`\beta \, \mathrm{KL}(p \| q)`, near 1
    :math:`(1 - \beta) \, \mathrm{KL}(q \| p)`. So 0 and 1, where TRL jumps to these divergences without their factor,
    are refused here; use `jaxloss.knowledge_distillation_loss`, or that with the arguments exchanged. For on-policy
    distillation the logits are those at tokens that the student generated. For a temperature divide both logits by
    it.

    Args:
        logits: Student's scores :math:`z`, shape ``[..., K]``, floating.
        teacher_logits: Teacher's scores :math:`t`, shape ``[..., K]``, the same; differentiated too. A class of
            logit -inf is absent.
        beta: Share of the teacher in the mixture; in (0, 1). At 1/2 this is the Jensen-Shannon divergence.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats, at most log 2; 0 exactly at equal logits, and accurate near them.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``beta`` is out of range.

    Example:
        >>> logits, teacher_logits = jnp.array([[0.0, -jnp.inf]]), jnp.array([[-jnp.inf, 0.0]])
        >>> jaxloss.generalized_jensen_shannon_divergence(logits, teacher_logits)
        Array(0.6931472, dtype=float32)

    Reference:
        Agarwal et al. (2024), On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes.
        https://arxiv.org/abs/2306.13649
    """
    student, teacher = both_networks(where, logits, teacher_logits)
    beta = checks.scalar("beta", beta, student.dtype, above=0, below=1)
    log_q, log_p = (jax.nn.log_softmax(x, axis=-1) for x in (student, teacher))
    p, q, ratio = jnp.exp(log_p), jnp.exp(log_q), _log_ratio(log_p, log_q)
    mixture = beta * p + (1 - beta) * q
    of_p, of_q = _log_shares(beta, ratio)
    terms = beta * _surplus(p, mixture, of_p) + (1 - beta) * _surplus(q, mixture, of_q)
    return reduce(jnp.sum(terms, axis=-1), where=where, weights=weights, reduction=reduction)


def skewed_kl_divergence(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    skew: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Skewed KL divergence (DistiLLM): KL divergence of the teacher from a mixture of teacher and student.

    .. math:: \ell = \mathrm{KL}(p \,\|\, \alpha p + (1 - \alpha) q) \le \log \frac{1}{\alpha}

    with the teacher's :math:`p = \mathrm{softmax}(t)` and the student's :math:`q = \mathrm{softmax}(z)`. The share of
    the teacher in the mixture bounds the loss and the ratio in its gradient where the student has missed what the
    teacher has. With the two arguments exchanged it is the skewed reverse divergence of the paper,
    :math:`\mathrm{KL}(q \,\|\, \alpha q + (1 - \alpha) p)`. Without a skew it would be
    `jaxloss.kl_divergence_from_logits`; near a perfect fit it is :math:`(1 - \alpha)^2` times that. For a
    temperature divide both logits by it.

    Args:
        logits: Student's scores :math:`z`, shape ``[..., K]``, floating.
        teacher_logits: Teacher's scores :math:`t`, shape ``[..., K]``, the same; differentiated too. A class of
            logit -inf is absent.
        skew: Share :math:`\alpha` of the first distribution in the mixture; in (0, 1).
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, in ``[0, -log(skew)]``, up to rounding there; 0 exactly at equal logits, and accurate near
        them.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``skew`` is out of range.

    Example:
        >>> logits, teacher_logits = jnp.array([[0.0, -jnp.inf]]), jnp.array([[-jnp.inf, 0.0]])
        >>> jaxloss.skewed_kl_divergence(logits, teacher_logits, skew=0.5)
        Array(0.6931472, dtype=float32)

    Reference:
        Ko et al. (2024), DistiLLM: Towards Streamlined Distillation for Large Language Models.
        https://arxiv.org/abs/2402.03898
    """
    student, teacher = both_networks(where, logits, teacher_logits)
    skew = checks.scalar("skew", skew, student.dtype, above=0, below=1)
    log_q, log_p = (jax.nn.log_softmax(x, axis=-1) for x in (student, teacher))
    p, q, ratio = jnp.exp(log_p), jnp.exp(log_q), _log_ratio(log_p, log_q)
    terms = _surplus(p, skew * p + (1 - skew) * q, _log_shares(skew, ratio)[0])
    return reduce(jnp.sum(terms, axis=-1), where=where, weights=weights, reduction=reduction)
