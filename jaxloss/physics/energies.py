"""Energies: a field that minimises one (the deep Ritz method), and one that is learned with its forces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.masked_points import stand_in
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.physics._points import at_each, kept_points, targets_like
from jaxloss.physics.fields import Field, gradient

__all__ = ["deep_ritz_loss", "force_matching_loss"]


def deep_ritz_loss(
    u: Field,
    params: Any,
    points: ArrayLike,
    sources: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Deep Ritz energy of the Poisson equation at collocation points, from first derivatives alone.

    .. math:: \ell = \tfrac12 \lVert \nabla u(x) \rVert_2^2 - f(x) \cdot u(x)

    Its integral over the domain is minimal at the solution of :math:`-\Delta u = f`. The mean over uniform points times
    the volume of the domain is that integral; for other points pass quadrature ``weights`` with ``reduction="sum"``.
    The boundary values are a term of their own, `jaxloss.dirichlet_boundary_loss` with a large factor; without them the
    solution has a normal derivative of 0. `jaxloss.pde_residual_loss` takes second derivatives instead. The minimum is
    not 0, and the energy at a few fixed points may have none: draw points anew in every step.

    Args:
        u: ``(params, x) -> value`` for one point ``x`` of shape ``[D]``.
        params: The parameters of the field, any pytree.
        points: Points of the domain, shape ``[..., D]``, floating. A masked point is replaced by the first that is not
            masked.
        sources: Source :math:`f` there, shape ``[..., *value]``; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of any sign, in units of energy per volume.

    Raises:
        TypeError: If ``points`` or the values are not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> u = lambda height, x: height * jnp.sin(jnp.pi * x[0])
        >>> points = jnp.linspace(0.0, 1.0, 101)[:-1, None]
        >>> sources = jnp.pi**2 * jnp.sin(jnp.pi * points[:, 0])  # the solution has the height 1
        >>> energy = lambda height: jaxloss.deep_ritz_loss(u, height, points, sources)
        >>> print(f"{energy(1.0):.3f}", f"{energy(0.9):.3f}", f"{energy(1.1):.3f}")
        -2.467 -2.443 -2.443

    Reference:
        E and Yu (2018), The Deep Ritz Method: A Deep Learning-Based Numerical Algorithm for Solving Variational
        Problems. https://arxiv.org/abs/1710.00211
    """
    (points,) = kept_points(where, points=points)
    batch_ndim = points.ndim - 1
    values, slopes = at_each(u, params, points), at_each(gradient(u), params, points)
    sources = targets_like(values, sources, where, batch_ndim)
    over = lambda x: jnp.sum(x, axis=tuple(range(batch_ndim, x.ndim)))
    densities = 0.5 * over(jnp.square(slopes)) - over(sources * values)
    return reduce(densities, where=where, weights=weights, reduction=reduction)


def force_matching_loss(
    energy: Callable[[Any, Array], Array],
    params: Any,
    positions: ArrayLike,
    energies: ArrayLike,
    forces: ArrayLike,
    *,
    energy_weight: Scalar = 1.0,
    force_weight: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Force matching: squared errors of a learned energy and of its forces, the negative gradient in the positions.

    .. math:: \ell = \alpha \left( E(R) - \hat E \right)^2
              + \frac{\beta}{A} \sum_{a=1}^{A} \left\lVert -\nabla_{R_a} E(R) - \hat F_a \right\rVert_2^2

    The forces conserve the energy by construction. SchNet takes 0.01 for :math:`\alpha` and 1 for :math:`\beta`; with
    :math:`\alpha = 0` the energy is known up to a constant. Divide both energies by the number of atoms to weigh them
    per atom. A padding atom whose position the energy ignores, with a force of 0, adds 0 and counts in A.

    Args:
        energy: ``(params, positions) -> energies`` for positions ``[N, A, D]`` and energies ``[N]``, each
            molecule by itself. Kinds of atoms are closed over: ``lambda params, x: network(params, x, kinds)``.
        params: The parameters of the energy, any pytree; gradients flow to them.
        positions: Positions R of the atoms, shape ``[N, A, D]``, floating. A masked molecule is replaced by the first
            that is not masked.
        energies: Reference energies, shape ``[N]``.
        forces: Reference forces, shape ``[N, A, D]``, in units of energy per length.
        energy_weight: Factor :math:`\alpha` >= 0.
        force_weight: Factor :math:`\beta` >= 0, in squared units of length.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where both are matched.

    Raises:
        TypeError: If ``positions`` or the energies of the function are not floating.
        ValueError: If the shapes do not match, there are no atoms, or a factor is negative.

    Example:
        >>> spring = lambda stiffness, x: 0.5 * stiffness * jnp.sum(x**2, axis=(-2, -1))
        >>> positions = jnp.array([[[1.0, 0.0], [0.0, 2.0]]])
        >>> energies, forces = spring(1.0, positions), -positions
        >>> for stiffness in (1.0, 3.0):
        ...     print(jaxloss.force_matching_loss(spring, stiffness, positions, energies, forces))
        0.0
        35.0

    Reference:
        Schütt et al. (2017), SchNet: A Continuous-Filter Convolutional Neural Network for Modeling Quantum
        Interactions. https://arxiv.org/abs/1706.08566
    """
    (positions,) = checks.floating(positions=positions)
    energies, forces = checks.numeric(energies=energies, forces=forces)
    checks.with_axes("molecules atoms coordinates", allow_empty=True, positions=positions)
    checks.with_axes("atoms coordinates", positions=positions)
    checks.has_shape(
        (*positions.shape[:1], *positions.shape[-2:]), "molecules, atoms, coordinates", positions=positions
    )
    checks.has_shape(positions.shape[:1], "one energy per molecule", energies=energies)
    checks.has_shape(positions.shape, "the shape of positions", forces=forces)
    positions = stand_in(where, positions, event_ndim=2)

    def total(x: Array) -> tuple[Array, Array]:
        (found,) = checks.floating(energies=energy(params, x))
        checks.has_shape(x.shape[:1], "one energy per molecule", energies=found)
        return jnp.sum(found), found

    slopes, found = promote(*jax.grad(total, has_aux=True)(positions))
    alpha = checks.scalar("energy_weight", energy_weight, found.dtype, at_least=0)
    beta = checks.scalar("force_weight", force_weight, found.dtype, at_least=0)
    misses = found - hide(where, energies).astype(found.dtype)
    pulls = slopes + hide(where, forces, event_ndim=2).astype(found.dtype)
    squares = jnp.sum(jnp.square(pulls), axis=(-2, -1)) / positions.shape[-2]
    values = alpha * jnp.square(misses) + beta * squares
    return reduce(values, where=where, weights=weights, reduction=reduction)
