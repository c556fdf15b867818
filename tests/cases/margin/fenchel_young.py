"""Cases of `jaxloss.margin.fenchel_young`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.margin._shared import GAPS, ahead, class_extremes


def _sparsemax(logits, labels):
    """Martins and Astudillo's algorithm: sort, and find the size of the support."""
    ordered = -np.sort(-logits, axis=-1)
    rank = np.arange(1, logits.shape[-1] + 1)
    support = np.sum(1 + rank * ordered > np.cumsum(ordered, axis=-1), axis=-1, keepdims=True)
    tau = (np.take_along_axis(np.cumsum(ordered, axis=-1), support - 1, -1) - 1) / support
    own = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return 0.5 * np.sum(np.where(logits > tau, logits**2 - tau**2, 0), axis=-1) + 0.5 - own


def _entmax(logits, labels, alpha=1.5):
    """The threshold by Brent's method, the loss as inner product and entropy.

    The unknown is the logarithm of the distance of the threshold from the least logit above it: the probability there is
    a steep function of the threshold itself.
    """
    result = np.zeros(labels.shape)
    for at in np.ndindex(labels.shape):
        z = (alpha - 1) * logits[at]
        probs = lambda least, lift, z=z: np.maximum(0, z - least + lift) ** (1 / (alpha - 1))
        least = min(k for k in z if probs(k, 0.0).sum() < 1)
        excess = lambda x, least=least, probs=probs: probs(least, np.exp(x)).sum() - 1
        p = probs(least, np.exp(scipy.optimize.brentq(excess, -700, 0, xtol=1e-16, rtol=1e-15)))
        p /= p.sum()
        result[at] = p @ (logits[at] - logits[at][labels[at]]) + (1 - np.sum(p**alpha)) / (alpha * (alpha - 1))
    return result


def _simplex_targets(rng: np.random.Generator, batch: Shape, classes: int = 4) -> Inputs:
    return {"scores": 2 * rng.normal(size=(*batch, classes)), "targets": draws.simplex(rng, batch, classes)}


def _softmax_fenchel_young(scores, targets, **_functions):
    return scipy.special.logsumexp(scores, axis=-1) - np.sum(scipy.special.entr(targets) + scores * targets, axis=-1)


CASES = [
    Case(
        fn=jaxloss.sparsemax_loss,
        draw=draws.scores_and_labels(),
        oracle=_sparsemax,
        source="Martins and Astudillo (2016), by sorting",
        labels="labels",
        perfect=ahead(1.0, "logits"),
        convex=True,
        cancels=GAPS,
        extremes=class_extremes(1e38, "logits"),
        structures={"two classes": draws.scores_and_labels(2), "many classes": draws.scores_and_labels(40)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.entmax15_loss,
        draw=draws.scores_and_labels(),
        oracle=lambda logits, labels: _entmax(logits, labels, 1.5),
        source="Peters et al. (2019), by Brent's method",
        labels="labels",
        perfect=ahead(2.0, "logits"),
        convex=True,
        cancels=GAPS,
        extremes=class_extremes(1e38, "logits"),
        structures={"two classes": draws.scores_and_labels(2), "many classes": draws.scores_and_labels(40)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.entmax_loss,
        draw=draws.scores_and_labels(),
        oracle=_entmax,
        source="Peters et al. (2019), by Brent's method",
        hypers={"alpha": 1.25},
        ends=({"alpha": 10.0},),
        bad_hypers=({"alpha": 1.0}, {"alpha": 0.5}),
        labels="labels",
        perfect=ahead(4.0, "logits"),
        convex=True,
        cancels=GAPS,
        extremes=class_extremes(1e38, "logits"),
        structures={"two classes": draws.scores_and_labels(2), "many classes": draws.scores_and_labels(40)},
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.fenchel_young_loss,
        draw=_simplex_targets,
        oracle=_softmax_fenchel_young,
        source="scipy.special.logsumexp and entr",
        hypers={
            "max_fun": jax.scipy.special.logsumexp,
            "regularizer": lambda targets: jnp.sum(targets * jnp.log(targets)),
        },
        bound=None,
        convex=True,
        cancels="a conjugate, a regularizer and an inner product are summed",
        extremes={
            "large": {"scores": 1e30 * np.array([[1.0, -1.0]]), "targets": np.array([[0.25, 0.75]])},
        },
        structures={"one class": lambda rng, batch: _simplex_targets(rng, batch, 1)},
    ),
]
