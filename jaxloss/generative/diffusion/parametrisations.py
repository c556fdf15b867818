r"""From one quantity of a noisy example :math:`z = \alpha x + \sigma \epsilon` to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = ["convert"]

Quantity = Literal["epsilon", "x0", "v", "score"]
"""What a network predicts of a noisy example, by the names of the losses: see `convert`."""

Step = Callable[[Array, Array, Array, Array], Array]

CONVERSIONS: dict[tuple[Quantity, Quantity], Step] = {
    ("epsilon", "x0"): lambda z, epsilon, a, s: (z - s * epsilon) / a,
    ("epsilon", "v"): lambda z, epsilon, a, s: ((a * a + s * s) * epsilon - s * z) / a,
    ("epsilon", "score"): lambda _z, epsilon, _a, s: -epsilon / s,
    ("x0", "epsilon"): lambda z, x, a, s: (z - a * x) / s,
    ("x0", "v"): lambda z, x, a, s: (a * z - (a * a + s * s) * x) / s,
    ("x0", "score"): lambda z, x, a, s: (a * x - z) / (s * s),
    ("v", "epsilon"): lambda z, v, a, s: (s * z + a * v) / (a * a + s * s),
    ("v", "x0"): lambda z, v, a, s: (a * z - s * v) / (a * a + s * s),
    ("v", "score"): lambda z, v, a, s: -(s * z + a * v) / (s * (a * a + s * s)),
    ("score", "epsilon"): lambda _z, score, _a, s: -s * score,
    ("score", "x0"): lambda z, score, a, s: (z + s * s * score) / a,
    ("score", "v"): lambda z, score, a, s: -s * ((a * a + s * s) * score + z) / a,
}


def convert(
    noisy: ArrayLike,
    value: ArrayLike,
    alphas: ArrayLike,
    sigmas: ArrayLike,
    *,
    source: Quantity,
    target: Quantity,
) -> Array:
    r"""Convert a prediction of noise, data, velocity or score of noisy examples into another of the four.

    Given the noisy example :math:`z`, each of them determines the others, so a network that predicts one predicts all:

    .. math:: z = \alpha x + \sigma \epsilon, \qquad v = \alpha \epsilon - \sigma x, \qquad s = -\epsilon / \sigma

    Any schedule is allowed; :math:`\alpha^2 + \sigma^2 = 1` is not assumed.

    ===============  ==============================================  ================================================
    ``target``       from ``source="epsilon"``                       from ``source="v"``
    ===============  ==============================================  ================================================
    ``"x0"``         :math:`(z - \sigma \epsilon) / \alpha`          :math:`(\alpha z - \sigma v) / \rho`
    ``"epsilon"``    :math:`\epsilon`                                :math:`(\sigma z + \alpha v) / \rho`
    ``"v"``          :math:`(\rho \epsilon - \sigma z) / \alpha`     :math:`v`
    ``"score"``      :math:`-\epsilon / \sigma`                      :math:`-(\sigma z + \alpha v) / (\sigma \rho)`
    ===============  ==============================================  ================================================

    ===============  ==============================================  ================================================
    ``target``       from ``source="x0"``                            from ``source="score"``
    ===============  ==============================================  ================================================
    ``"x0"``         :math:`x`                                       :math:`(z + \sigma^2 s) / \alpha`
    ``"epsilon"``    :math:`(z - \alpha x) / \sigma`                 :math:`-\sigma s`
    ``"v"``          :math:`(\alpha z - \rho x) / \sigma`            :math:`-\sigma (\rho s + z) / \alpha`
    ``"score"``      :math:`(\alpha x - z) / \sigma^2`               :math:`s`
    ===============  ==============================================  ================================================

    with :math:`\rho = \alpha^2 + \sigma^2`.

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        value: The quantity named by ``source``, or a prediction of it, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.
        source: What ``value`` is: ``"epsilon"`` (noise), ``"x0"`` (data), ``"v"`` (velocity) or ``"score"``.
        target: What it is converted to, one of the same names.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if ``noisy`` or ``value`` is. Not finite where the
        formula divides by 0: pure noise (:math:`\alpha = 0`) determines no data, clean data (:math:`\sigma = 0`) no
        noise. From ``"v"`` to ``"x0"`` or ``"epsilon"`` it is finite at every noise level.

    Raises:
        TypeError: If ``noisy`` or ``value`` is not floating.
        ValueError: If the shapes differ, or ``source`` or ``target`` is not one of the four names.

    Example:
        >>> noisy, noise = jnp.array([[1.0]]), jnp.array([[0.5]])
        >>> alphas, sigmas = jnp.array([0.6]), jnp.array([0.8])
        >>> jaxloss.diffusion.convert(noisy, noise, alphas, sigmas, source="epsilon", target="x0")
        Array([[1.0]], dtype=float32)
        >>> jaxloss.diffusion.convert(noisy, noise, alphas, sigmas, source="epsilon", target="v")
        Array([[-0.5]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
        Vincent (2011), A Connection Between Score Matching and Denoising Autoencoders.
        https://doi.org/10.1162/NECO_a_00142
    """
    known = ("epsilon", "x0", "v", "score")
    for name, quantity in (("source", source), ("target", target)):
        if quantity not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; found {quantity!r}.")
    data, numbers = {"noisy": noisy, "value": value}, {"alphas": alphas, "sigmas": sigmas}
    (noisy, value), (alphas, sigmas) = example_data(None, data, numbers)
    if source == target:
        return value
    return CONVERSIONS[source, target](noisy, value, spread(alphas, noisy), spread(sigmas, noisy))
