"""Distillation of relations between classes: correlations instead of equal probabilities."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import plain_mean, reduce
from jaxloss._floor.spread import mass_over, mean_over, require_whole, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.distillation._networks import both_networks, softened
from jaxloss.regression.correlations import pearson_correlation_loss

__all__ = ["correlation_distillation_loss"]


def correlation_distillation_loss(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    inter_class_weight: Scalar = 1.0,
    intra_class_weight: Scalar = 1.0,
    temperature: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""DIST: one minus the correlation of student and teacher over the classes of an example and over examples.

    .. math:: \ell = T^2 \left( \beta \sum_n w_n \left( 1 - \rho(q_{n \cdot}, p_{n \cdot}) \right)
              + \frac{\gamma}{K} \sum_k \left( 1 - \rho_w(q_{\cdot k}, p_{\cdot k}) \right) \right)

    with Pearson's correlation :math:`\rho`, the softmax :math:`q` of the student and :math:`p` of the teacher at
    temperature T, and the weights :math:`w` of the examples, which sum to 1. The first term compares how an example
    prefers the classes, the second how the examples of the batch share out a class. A correlation asks for the same
    order and proportions and not for the same probabilities, which a much stronger teacher makes unreachable. Where
    probabilities are constant the correlation is undefined and counts as 0. The examples are pooled, so ``where`` and
    ``weights`` belong to them. Larger batches make the second term more exact.

    Args:
        logits: Student's scores, shape ``[..., N, K]``, floating; -inf for a class that is absent.
        teacher_logits: Teacher's scores, shape ``[..., N, K]``, the same. They are differentiated too: pass them
            through ``jax.lax.stop_gradient`` if they depend on what is trained.
        inter_class_weight: Factor :math:`\beta` >= 0 of the correlation over the classes of an example.
        intra_class_weight: Factor :math:`\gamma` >= 0 of the correlation over the examples of a class.
        temperature: T > 0.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a set without examples is absent. See `jaxloss.reduce`.
        reduction: Over the sets ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 2 T^2 (beta + gamma)]``, up to rounding there; 0 exactly at equal logits, with zero gradient,
        unless probabilities are constant.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or a hyperparameter is out of range; or if there is one class, or one example
            in every set, as in ``[N, 1, K]``.

    Example:
        >>> logits = jnp.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> print(f"{jaxloss.correlation_distillation_loss(logits, logits[:, ::-1]):.4f}")
        2.0833

    Reference:
        Huang et al. (2022), Knowledge Distillation from A Stronger Teacher. https://arxiv.org/abs/2205.10536
    """
    student, teacher = both_networks(where, logits, teacher_logits)
    checks.with_pool("examples classes", logits=student)
    checks.with_pool("classes", logits=student)
    entries = student[..., 0]
    require_whole(axis_name, entries.shape, student, teacher)
    temperature = checks.scalar("temperature", temperature, student.dtype, above=0)
    beta = checks.scalar("inter_class_weight", inter_class_weight, student.dtype, at_least=0)
    gamma = checks.scalar("intra_class_weight", intra_class_weight, student.dtype, at_least=0)
    probs = [jax.nn.softmax(x, axis=-1) for x in softened(temperature, student, teacher)]
    mass, present = mass_over(axis_name, where, weights, entries)
    share = None if mass is None else at_unit_scale(mass, -1, axis_name).astype(student.dtype)
    lack = functools.partial(pearson_correlation_loss, axis_name=(), reduction="none")
    inter = mean_over(axis_name, lack(*probs), mass)
    # Every device has the whole column of every class, which keeps the digits of one minus a correlation.
    _, every, *columns = whole_pool(axis_name, None, share, *probs, event_ndim=1)
    intra = jax.vmap(functools.partial(lack, weights=every), in_axes=-1, out_axes=-1)(*columns)
    if not entries.shape[-1]:
        present = jnp.zeros(entries.shape[:-1], bool)
    values = temperature * temperature * (beta * inter + gamma * plain_mean(intra, -1))
    return reduce(values, where=present, reduction=reduction)
