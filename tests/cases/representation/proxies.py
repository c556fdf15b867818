"""Cases of `jaxloss.representation.class_prototypes.proxies`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.representation._shared import ROUNDED, D, cosine_table

C = 4
GROWS = "the sums inside the logarithms count examples, so that twice the weights are not the same batch"


def _compared(classes=C, size=D):
    def draw(rng, batch):
        return {
            "embeddings": rng.normal(size=(*batch, size)),
            "labels": rng.integers(0, classes, size=batch).astype(np.int32),
            "proxies": np.random.default_rng(7).normal(size=(classes, size)),
        }

    return draw


def _proxy_nca(embeddings, labels, proxies, temperature=1.0):
    """Of squared distances between unit vectors, class by class."""
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)

    def one(x, y):
        d = scipy.spatial.distance.cdist([unit(x)], unit(proxies), "sqeuclidean")[0] / temperature
        return d[y] + np.log(sum(np.exp(-d[k]) for k in range(len(d)) if k != y))

    flat = zip(embeddings.reshape(-1, embeddings.shape[-1]), labels.ravel(), strict=True)
    return np.reshape([one(x, y) for x, y in flat], labels.shape)


def _proxy_anchor(embeddings, labels, proxies, margin=0.1, scale=32.0):
    """Proxy by proxy, example by example."""

    def one(x, y):
        s = cosine_table(x, proxies)
        pulled = [[-scale * (s[n, k] - margin) for n in range(len(y)) if y[n] == k] for k in range(len(proxies))]
        pushed = [[scale * (s[n, k] + margin) for n in range(len(y)) if y[n] != k] for k in range(len(proxies))]
        soft = lambda exponents: np.logaddexp(0, scipy.special.logsumexp(exponents)) if exponents else 0.0
        return np.mean([soft(e) for e in pulled if e]) + np.mean([soft(e) for e in pushed])

    batch = labels.shape[:-1]
    return np.reshape([one(embeddings[i], labels[i]) for i in np.ndindex(batch)], batch)


EDGES = {
    "zeros": {"embeddings": np.zeros((2, 3)), "labels": np.array([0, 1]), "proxies": np.eye(3)},
    "zero proxies": {"embeddings": np.ones((2, 3)), "labels": np.array([0, 1]), "proxies": np.zeros((4, 3))},
    "at the proxies": {"embeddings": np.eye(3), "labels": np.arange(3), "proxies": np.eye(3)},
    "opposite": {"embeddings": -np.eye(3), "labels": np.arange(3), "proxies": np.eye(3)},
    "large": {"embeddings": 1e30 * np.eye(3), "labels": np.array([1, 1, 1]), "proxies": -1e30 * np.eye(3)},
    "tiny": {"embeddings": 1e-30 * np.ones((2, 3)), "labels": np.array([0, 1]), "proxies": 1e-30 * np.eye(3)},
}

CASES = [
    Case(
        fn=jaxloss.proxy_nca_loss,
        draw=_compared(),
        structures={"two classes": _compared(2), "two features": _compared(C, 2)},
        oracle=_proxy_nca,
        source="Movshovitz-Attias et al. (2017), with SciPy's squared distances of unit vectors",
        hypers={"temperature": 0.3},
        bad_hypers=({"temperature": 0.0}, {"temperature": -1.0}),
        shared=("proxies",),
        labels="labels",
        classes=lambda inputs: len(inputs["proxies"]),
        bound=None,
        cancels="the logit of the own class is subtracted from a log-sum of the others",
        ulps=ROUNDED,
        extremes=EDGES,
    ),
    Case(
        fn=jaxloss.proxy_anchor_loss,
        draw=_compared(),
        structures={"one class": _compared(1), "two features": _compared(C, 2)},
        oracle=_proxy_anchor,
        source="Kim et al. (2020), proxy by proxy, with SciPy's cosines",
        hypers={"margin": 0.3, "scale": 4.0},
        ends=({"margin": 0.0, "scale": 4.0}, {"margin": 1.0, "scale": 4.0}),
        bad_hypers=({"margin": -0.1}, {"margin": 1.1}, {"scale": 0.0}),
        pooled=True,
        single="one example is pulled by its proxy and pushed by all others",
        shared=("proxies",),
        labels="labels",
        classes=lambda inputs: len(inputs["proxies"]),
        ulps=ROUNDED,
        exempt={"weight_is_repetition": GROWS},
        extremes=EDGES,
    ),
]
