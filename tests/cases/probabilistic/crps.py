"""Cases of `jaxloss.probabilistic.forecasts.crps`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests.cases import Case
from tests.cases._packages import sklearn_metric
from tests.cases.probabilistic._shared import ensemble, hit


def _gaussian(rng, batch):
    return {
        "means": 2 * rng.normal(size=batch),
        "scales": rng.gamma(4.0, 0.3, size=batch) + 0.1,
        "targets": 2 * rng.normal(size=batch),
    }


def _gaussian_crps(means, scales, targets):
    z = (targets - means) / scales
    return scales * (z * (1 - 2 * scipy.stats.norm.sf(z)) + 2 * scipy.stats.norm.pdf(z) - np.pi**-0.5)


def _energy(members, targets, pairs=None):
    """The definition, over all pairs."""
    size = members.shape[-1]
    spread = np.abs(members[..., :, None] - members[..., None, :]).sum((-2, -1))
    return np.abs(members - targets[..., None]).mean(-1) - spread / (2 * (pairs or size**2))


def _quantiles(rng, batch):
    return {
        "predictions": rng.normal(size=(*batch, 3)),
        "targets": rng.normal(size=batch),
        "levels": np.array([0.125, 0.5, 0.8]),
    }


def _one_quantile(rng, batch):
    return {"predictions": rng.normal(size=(*batch, 1)), "targets": rng.normal(size=batch), "levels": np.array([0.3])}


def _quantile_crps(predictions, targets, levels):
    values = [
        2
        * np.mean(
            [
                sklearn_metric("mean_pinball_loss")([targets[i]], [p], alpha=a)
                for p, a in zip(predictions[i], levels, strict=True)
            ]
        )
        for i in np.ndindex(targets.shape)
    ]
    return np.reshape(values, targets.shape)


CASES = [
    Case(
        fn=jaxloss.gaussian_crps,
        draw=_gaussian,
        oracle=_gaussian_crps,
        source="Gneiting et al. (2005), with scipy.stats.norm",
        convex=True,
        extremes={
            "far": {"means": np.array([0.0, 1e30]), "scales": np.array([1e-30, 1.0]), "targets": np.array([1e30, 0.0])},
            "hit": {"means": np.array([0.0, 1.0]), "scales": np.array([1e-37, 1e30]), "targets": np.array([0.0, 1.0])},
        },
        illegal={"scales": (0.0, -1.0)},
        translates=(("means", "targets"),),
    ),
    Case(
        fn=jaxloss.ensemble_crps,
        draw=ensemble(5),
        oracle=_energy,
        source="the definition over all pairs",
        perfect=hit(5),
        extremes={"large": {"members": np.array([[1e30, -1e30, 0.0, 0.0]]), "targets": np.array([0.0])}},
        structures={"one member": ensemble(1), "two members": ensemble(2)},
        translates=(("members", "targets"),),
    ),
    Case(
        fn=jaxloss.fair_ensemble_crps,
        draw=ensemble(5),
        oracle=lambda members, targets: _energy(members, targets, members.shape[-1] * (members.shape[-1] - 1)),
        source="the definition over all pairs",
        perfect=hit(5),
        extremes={"large": {"members": np.array([[1e30, -1e30, 0.0, 0.0]]), "targets": np.array([0.0])}},
        structures={"two members": ensemble(2), "three members": ensemble(3)},
        translates=(("members", "targets"),),
    ),
    Case(
        fn=jaxloss.quantile_crps,
        draw=_quantiles,
        oracle=_quantile_crps,
        source="sklearn.metrics.mean_pinball_loss, twice its mean",
        shared=("levels",),
        perfect=lambda _, batch: {
            "predictions": np.ones((*batch, 2)),
            "targets": np.ones(batch),
            "levels": np.array([0.25, 0.5]),
        },
        convex=True,
        extremes={
            "large": {
                "predictions": np.array([[1e30, -1e30]]),
                "targets": np.array([0.0]),
                "levels": np.array([0.1, 0.9]),
            }
        },
        illegal={"levels": (0.0, 1.0, 1.2)},
        structures={"one level": _one_quantile},
        translates=(("predictions", "targets"),),
    ),
]
