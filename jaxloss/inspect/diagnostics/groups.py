"""Shortcuts: groups of examples on which the model fails.

A model that learns a shortcut, such as a background that agrees with the class in most images, is right on most
examples and wrong on those where the shortcut misleads. That the shortcut keeps the other features from being learned
is what Pezeshki and others call gradient starvation; here it is called feature starvation. It takes a suspected group,
or a suspected region of the input (`cues`): there is no claim without labels.

A group may also fail because it is hard, or because it is rare and overlaps others. The readings of one run do not
tell which: where the mean loss is minimal, the gradients of the groups add up to 0 in all three cases. Another run with
equal weights of the groups, ``1 / group_count``, does: a misled group becomes right while the others stay right, a hard
group stays wrong, and a rare one becomes right only at the expense of the others.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.inspect.diagnostics._entries import add, by_group, flat, members, ratio, within_one

__all__ = ["Groups", "init", "read", "update"]


class Groups(NamedTuple):
    """Sums over examples, by group; each of shape ``[groups]``.

    Attributes:
        losses: Sum of the losses.
        hits: Number of right predictions.
        counts: Number of examples.
    """

    losses: Array
    hits: Array
    counts: Array


def init(groups: int) -> Groups:
    """No examples yet.

    Args:
        groups: Number of groups.

    Returns:
        A `Groups` of zeros.

    Raises:
        ValueError: If ``groups`` is not a whole number >= 1.

    Example:
        >>> diagnostics.groups.init(4).counts.shape
        (4,)
    """
    groups = checks.whole("groups", groups)
    return Groups(jnp.zeros(groups), jnp.zeros(groups), jnp.zeros(groups))


def update(
    state: Groups, losses: ArrayLike, hits: ArrayLike, groups: ArrayLike, *, where: ArrayLike | None = None
) -> Groups:
    """Add examples.

    Args:
        state: The sums so far.
        losses: Loss of every example, shape ``[...]``, floating.
        hits: Shape ``[...]``, boolean, or 0 and 1: which predictions are right; a number outside [0, 1] makes the
            accuracies NaN.
        groups: Shape ``[...]``, integer; one outside ``[0, groups)`` makes the readings NaN.
        where: Boolean ``[...]``; False deletes an example.

    Returns:
        The sums with the examples added.

    Raises:
        TypeError: If ``losses`` is not floating, ``hits`` is not numeric, or ``groups`` is not integer.
        ValueError: If the shapes differ.

    Example:
        >>> state = diagnostics.groups.init(2)
        >>> losses, hits, groups = jnp.array([0.1, 0.3, 2.0]), jnp.array([1, 1, 0]), jnp.array([0, 0, 1])
        >>> state = diagnostics.groups.update(state, losses, hits, groups)
        >>> diagnostics.groups.read(state)["group_accuracy"]
        Array([1., 0.], dtype=float32)
    """
    (losses,) = checks.floating(losses=losses)
    (hits,) = checks.numeric(hits=checks.marks(hits))
    checks.same_shape(losses=losses, hits=hits)
    inside, legal = members(where, groups, losses.shape, state.counts.shape[0])
    columns = flat(where, losses), within_one(flat(where, hits))
    sums = (by_group(inside, jnp.where(legal, column, jnp.nan)) for column in columns)
    return add(state, *sums, jnp.sum(inside, axis=0))


def read(state: Groups) -> dict[str, Array]:
    r"""Loss and accuracy by group, and how far the worst group is behind.

    .. math:: \mathrm{gap} = \frac{\sum_k \mathrm{hits}_k}{\sum_k n_k} - \min_k \mathrm{acc}_k, \qquad
              \mathrm{error} = \Big( \frac{\tilde a (1 - \tilde a)}{n} \Big)^{1/2}

    Args:
        state: The sums.

    Returns:
        ``group_loss``, ``group_accuracy`` and ``group_count``, shape ``[groups]``, NaN in a group without examples;
        ``mean_accuracy``, ``worst_accuracy`` and ``gap``, scalars over the groups that have examples; ``gap_error``,
        the standard error of the accuracy of the worst group, with one hit and one miss added so that it is above 0.
        NaN without examples.

    Example:
        >>> state = diagnostics.groups.Groups(jnp.zeros(2), jnp.array([90.0, 2.0]), jnp.array([90.0, 10.0]))
        >>> round(float(diagnostics.groups.read(state)["gap"]), 3)
        0.72

    Reference:
        Sagawa, Koh, Hashimoto and Liang (2020), Distributionally Robust Neural Networks for Group Shifts.
        https://arxiv.org/abs/1911.08731
        Pezeshki, Kaba, Bengio, Courville, Precup and Lajoie (2021), Gradient Starvation: A Learning Proclivity in
        Neural Networks. https://arxiv.org/abs/2011.09468
    """
    accuracy = ratio(state.hits, state.counts)
    mean = ratio(jnp.sum(state.hits), jnp.sum(state.counts))
    some = state.counts > 0
    place = jnp.argmin(jnp.where(some, accuracy, jnp.inf))
    worst = accuracy[place]
    size = state.counts[place] + 2
    near = (state.hits[place] + 1) / size
    return {
        "group_loss": ratio(state.losses, state.counts),
        "group_accuracy": accuracy,
        "group_count": state.counts,
        "mean_accuracy": mean,
        "worst_accuracy": worst,
        "gap": mean - worst,
        "gap_error": jnp.sqrt(near * (1 - near) / size) + 0 * mean,
    }
