"""Optimal transport, kernel discrepancies and distances of samples and point clouds.

The losses of this package compare two sets of points, and share their arguments:

``predictions``, ``targets``
    Points ``[..., N, D]`` and ``[..., M, D]``, floating; ``[..., N]`` and ``[..., M]`` on the line. The numbers of
    points may differ; the leading axes, one pair of samples per entry, must be equal.
``prediction_weights``, ``target_weights``
    Masses >= 0 of the points, of shape ``[N]`` or ``[..., N]`` and ``[M]`` or ``[..., M]``; scaled to sum to one. A
    point of mass 0 is absent, even if it is NaN. None gives all points of a sample equal masses.
``chunk_size``
    Number of rows per chunk, >= 1, static: memory grows with N times it instead of with all pairs of points. The
    gradient computes each chunk a second time. The numbers do not depend on it, rounding apart. None chooses: all pairs
    at once while they are few. Forward mode and higher derivatives work.
``axis_name``
    Mesh axes inside ``jax.shard_map`` over which the points of both samples are spread, with their masses, for the loss
    over all of them; None if all are here, ``()`` to take those of each device on purpose. Every device gathers all
    points. The discrepancies and the Chamfer distance then compare its own points with all of them, (n + m)(N + M)
    pairs if n and m are its own; every device solves the transport problems whole.
``where``, ``weights``, ``reduction``
    One entry per pair of samples, shape ``[...]``; see `jaxloss.reduce`.

The exact cost of transport, a linear program, is that of `jaxloss.hungarian_matching` for samples of one size and equal
masses, `jaxloss.wasserstein_1d_loss` on a line, and the limit of `jaxloss.entropic_transport_loss` for a small
regularization, which exceeds it by at most the regularization times the entropy of the masses.

The Gromov-Wasserstein distance compares distances within the samples and needs a plan, which the solvers of ott-jax
(``GromovWasserstein``) and POT find. Given a plan, it is `jaxloss.squared_error` of the distances of all pairs of one
sample and all pairs of the other, weighted by the product of the two masses of the plan, with ``reduction="sum"``; the
fused one adds the sum of plan times cost of features. The plan is a constant, by `jax.lax.stop_gradient`: at its
optimum the gradient is right without that of the solver.

Example:
    >>> masses = jnp.array([1.0, 1.0, 0.0])
    >>> jaxloss.energy_distance(jnp.array([[0.0], [2.0], [99.0]]), jnp.array([[3.0]]), prediction_weights=masses)
    Array(3., dtype=float32)
"""

from jaxloss.transport import covariances, discrepancy, entropic, point_clouds, sorted_transport
from jaxloss.transport.covariances import *
from jaxloss.transport.discrepancy import *
from jaxloss.transport.entropic import *
from jaxloss.transport.point_clouds import *
from jaxloss.transport.sorted_transport import *

__all__: list[str] = []
__all__ += covariances.__all__
__all__ += discrepancy.__all__
__all__ += entropic.__all__
__all__ += point_clouds.__all__
__all__ += sorted_transport.__all__
