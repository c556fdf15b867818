"""Cases of `jaxloss.margin`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

SIGNS = {"targets": "a sign: any other value gives NaN"}
GAPS = "a hinge is the difference of numbers near 1"
SCALED = "the rounding of a cosine is multiplied by the scale"


def _optax(fn):
    """An optax loss in float64; optax mixes dtypes."""

    def oracle(*arrays, **inputs):
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return np.asarray(fn(*map(jnp.asarray, arrays), **{n: jnp.asarray(x) for n, x in inputs.items()}))

    return oracle


# ---- binary ----------------------------------------------------------------------------------------------------


def _signs(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"scores": 2 * rng.normal(size=batch), "targets": rng.choice([-1.0, 1.0], size=batch)}


def _right(least: float):
    """Scores at a margin of ``least`` and above."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        targets = rng.choice([-1.0, 1.0], size=batch)
        return {"scores": targets * np.maximum(least, least + rng.normal(size=batch)), "targets": targets}

    return draw


def _binary(large: float) -> dict[str, Inputs]:
    targets = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    return {
        "large": {"scores": large * np.array([-1.0, 1.0, 1.0, -1.0, -1.0]), "targets": targets},
        "kinks": {"scores": np.array([1.0, 1.0, 0.0, 0.0, -1.0]), "targets": targets},
    }


def _smoothed_hinge(scores, targets, gamma=1.0):
    margin = targets * scores
    return np.where(
        margin >= 1, 0.0, np.where(margin <= 1 - gamma, 1 - margin - gamma / 2, (1 - margin) ** 2 / (2 * gamma))
    )


BINARY = [
    Case(
        fn=jaxloss.hinge_loss,
        draw=_signs,
        oracle=lambda scores, targets: _optax(optax.losses.hinge_loss)(scores, targets),
        source="optax.losses.hinge_loss",
        fixed=SIGNS,
        perfect=_right(1.0),
        convex=True,
        extremes=_binary(3e38),
    ),
    Case(
        fn=jaxloss.squared_hinge_loss,
        draw=_signs,
        oracle=lambda scores, targets: np.where(targets * scores < 1, (scores - targets) ** 2, 0.0),
        source="formula, with the square written as a residual",
        fixed=SIGNS,
        perfect=_right(1.0),
        convex=True,
        extremes=_binary(1e18),
    ),
    Case(
        fn=jaxloss.smoothed_hinge_loss,
        draw=_signs,
        oracle=_smoothed_hinge,
        source="Shalev-Shwartz and Zhang (2013), equation 12",
        hypers={"gamma": 0.7},
        bad_hypers=({"gamma": 0.0}, {"gamma": -1.0}),
        fixed=SIGNS,
        perfect=_right(1.0),
        convex=True,
        extremes=_binary(3e38),
    ),
    Case(
        fn=jaxloss.modified_huber_loss,
        draw=_signs,
        oracle=lambda scores, targets: np.where(
            targets * scores >= -1, np.maximum(0, 1 - targets * scores) ** 2, -4 * targets * scores
        ),
        source="Zhang (2004)",
        fixed=SIGNS,
        perfect=_right(1.0),
        convex=True,
        extremes=_binary(4e37),
    ),
    Case(
        fn=jaxloss.soft_margin_loss,
        draw=_signs,
        oracle=lambda scores, targets: -scipy.special.log_expit(targets * scores),
        source="scipy.special.log_expit",
        fixed=SIGNS,
        convex=True,
        extremes=_binary(3e38),
    ),
    Case(
        fn=jaxloss.perceptron_loss,
        draw=_signs,
        oracle=lambda scores, targets: _optax(optax.losses.perceptron_loss)(scores, targets),
        source="optax.losses.perceptron_loss",
        fixed=SIGNS,
        perfect=_right(1e-30),
        convex=True,
        extremes=_binary(3e38),
    ),
]


# ---- classes ---------------------------------------------------------------------------------------------------


def _ahead(gap: float, first: str = "scores"):
    """The true class leads all others by ``gap`` at least, sometimes exactly."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        scores, labels = np.round(rng.normal(size=(*batch, 5)), 2), rng.integers(0, 5, size=batch)
        best = np.max(scores, axis=-1) + gap + rng.integers(0, 2, size=batch)
        np.put_along_axis(scores, labels[..., None], np.ceil(best)[..., None], axis=-1)
        return {first: scores, "labels": labels.astype(np.int32)}

    return draw


def _class_extremes(large: float, first: str = "scores") -> dict[str, Inputs]:
    labels = np.array([0, 2])
    return {
        "ties": {first: np.zeros((2, 3)), "labels": labels},
        "on the margin": {first: np.array([[1.0, 0.0, 0.0], [-1.0, -1.0, 0.0]]), "labels": labels},
        "large": {first: large * np.array([[1.0, -1.0, 0.0], [1.0, -1.0, -1.0]]), "labels": labels},
        "absent classes": {first: np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 0.0]]), "labels": labels},
        "one class": {first: np.ones((2, 1)), "labels": np.zeros(2, int)},
    }


def _multi_margin(scores, labels, margin=1.0, power=1, class_weights=None):
    result = np.zeros(labels.shape)
    for at in np.ndindex(labels.shape):
        own = labels[at]
        rivals = [max(0.0, margin - scores[at][own] + s) ** power for k, s in enumerate(scores[at]) if k != own]
        result[at] = sum(rivals) / len(scores[at]) * (1.0 if class_weights is None else class_weights[own])
    return result


def _multi_hot(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = (rng.uniform(size=(*batch, 5)) < 0.4).astype(np.float64)
    return {"scores": 2 * rng.normal(size=(*batch, 5)), "targets": targets}


def _separated(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.integers(0, 2, size=(*batch, 5)).astype(np.float64)
    return {"scores": np.where(targets == 1, 0.5, -0.5) * rng.integers(1, 4, size=targets.shape), "targets": targets}


def _multilabel_margin(scores, targets):
    result = np.zeros(scores.shape[:-1])
    for at in np.ndindex(result.shape):
        s, y = scores[at], targets[at]
        result[at] = sum(max(0.0, 1 - a + b) for a in s[y == 1] for b in s[y == 0]) / s.size
    return result


CLASSES = [
    Case(
        fn=jaxloss.multiclass_hinge_loss,
        draw=draws.scores_and_labels(first="scores"),
        oracle=lambda scores, labels: _optax(optax.losses.multiclass_hinge_loss)(scores, labels),
        source="optax.losses.multiclass_hinge_loss",
        labels="labels",
        perfect=_ahead(1.0),
        convex=True,
        cancels=GAPS,
        extremes=_class_extremes(1e38),
    ),
    Case(
        fn=jaxloss.multi_margin_loss,
        draw=draws.scores_and_labels(first="scores"),
        oracle=_multi_margin,
        source="Weston and Watkins (1999), by loops",
        hypers={"margin": 0.7, "power": 2, "class_weights": np.array([0.5, 2.0, 1.0, 0.25, 3.0])},
        static=("power",),
        bad_hypers=({"margin": -1.0}, {"power": 3}, {"power": 1.5}, {"class_weights": np.ones(4)}),
        labels="labels",
        perfect=_ahead(1.0),
        convex=True,
        cancels=GAPS,
        extremes={
            name: {
                **x,
                "scores": np.pad(x["scores"], ((0, 0), (0, 5 - x["scores"].shape[-1])), constant_values=-np.inf),
            }
            for name, x in _class_extremes(1e18).items()
        },
    ),
    Case(
        fn=jaxloss.multilabel_margin_loss,
        draw=_multi_hot,
        oracle=_multilabel_margin,
        source="Elisseeff and Weston (2001), by loops",
        fixed={"targets": "class memberships: any value but 0 and 1 gives NaN"},
        perfect=_separated,
        convex=True,
        cancels=GAPS,
        extremes={
            "large": {"scores": 1e37 * np.array([[1.0, -1.0, 0.0]]), "targets": np.array([[0.0, 1.0, 1.0]])},
            "all and none": {"scores": np.zeros((2, 3)), "targets": np.array([[1.0, 1, 1], [0, 0, 0]])},
            "on the margin": {"scores": np.array([[1.0, 0.0]]), "targets": np.array([[1.0, 0.0]])},
        },
    ),
]


# ---- Fenchel-Young ---------------------------------------------------------------------------------------------


def _sparsemax(logits, labels):
    """Martins and Astudillo's algorithm: sort, and find the size of the support."""
    ordered = -np.sort(-logits, axis=-1)
    rank = np.arange(1, logits.shape[-1] + 1)
    support = np.sum(1 + rank * ordered > np.cumsum(ordered, axis=-1), axis=-1, keepdims=True)
    tau = (np.take_along_axis(np.cumsum(ordered, axis=-1), support - 1, -1) - 1) / support
    own = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return 0.5 * np.sum(np.where(logits > tau, logits**2 - tau**2, 0), axis=-1) + 0.5 - own


def _of_threshold(logits, tau, alpha):
    return np.maximum(0, (alpha - 1) * logits - tau) ** (1 / (alpha - 1))


def _entmax(logits, labels, alpha=1.5):
    """The threshold by Brent's method, the loss as inner product and entropy."""
    result = np.zeros(labels.shape)
    for at in np.ndindex(labels.shape):
        z = logits[at] - logits[at].max()
        tau = scipy.optimize.brentq(lambda t, z=z: _of_threshold(z, t, alpha).sum() - 1, -1, 0, xtol=1e-16, rtol=1e-15)
        p = _of_threshold(z, tau, alpha)
        p /= p.sum()
        result[at] = p @ z - z[labels[at]] + (1 - np.sum(p**alpha)) / (alpha * (alpha - 1))
    return result


def _simplex_targets(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"scores": 2 * rng.normal(size=(*batch, 4)), "targets": draws.simplex(rng, batch, 4)}


def _softmax_fenchel_young(scores, targets, **_functions):
    return scipy.special.logsumexp(scores, axis=-1) - np.sum(scipy.special.entr(targets) + scores * targets, axis=-1)


FENCHEL_YOUNG = [
    Case(
        fn=jaxloss.sparsemax_loss,
        draw=draws.scores_and_labels(),
        oracle=_sparsemax,
        source="Martins and Astudillo (2016), by sorting",
        labels="labels",
        perfect=_ahead(1.0, "logits"),
        convex=True,
        cancels=GAPS,
        extremes=_class_extremes(1e38, "logits"),
    ),
    Case(
        fn=jaxloss.entmax15_loss,
        draw=draws.scores_and_labels(),
        oracle=lambda logits, labels: _entmax(logits, labels, 1.5),
        source="Peters et al. (2019), by Brent's method",
        labels="labels",
        perfect=_ahead(2.0, "logits"),
        convex=True,
        cancels=GAPS,
        extremes=_class_extremes(1e38, "logits"),
    ),
    Case(
        fn=jaxloss.entmax_loss,
        draw=draws.scores_and_labels(),
        oracle=_entmax,
        source="Peters et al. (2019), by Brent's method",
        hypers={"alpha": 1.25},
        bad_hypers=({"alpha": 1.0}, {"alpha": 0.5}),
        labels="labels",
        perfect=_ahead(4.0, "logits"),
        convex=True,
        cancels=GAPS,
        extremes=_class_extremes(1e38, "logits"),
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
    ),
]


# ---- angles ----------------------------------------------------------------------------------------------------


def _faces(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "embeddings": rng.normal(size=(*batch, 4)),
        "labels": rng.integers(0, 5, size=batch).astype(np.int32),
        "kernel": rng.normal(size=(4, 5)),
    }


def _angular(turn):
    """Cross-entropy of cosines in which ``turn`` maps the angle to the true class to its cosine."""

    def oracle(embeddings, labels, kernel, scale, **hypers):
        units = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
        angles = np.arccos(units @ (kernel / np.linalg.norm(kernel, axis=0)))
        own = np.arange(kernel.shape[-1]) == labels[..., None]
        logits = scale * np.where(own, turn(angles, **hypers), np.cos(angles))
        return -np.sum(np.where(own, scipy.special.log_softmax(logits, axis=-1), 0), axis=-1)

    return oracle


def _arcface(angles, margin):
    return np.where(angles <= np.pi - margin, np.cos(angles + margin), np.cos(angles) - margin * np.sin(margin))


SPHERE_EDGES = {
    "zero embeddings": {
        "embeddings": np.zeros((2, 3)),
        "labels": np.array([0, 1]),
        "kernel": np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
    },
    "zero centres": {"embeddings": np.ones((2, 3)), "labels": np.array([0, 1]), "kernel": np.zeros((3, 2))},
    "on and opposite the centre": {
        "embeddings": np.array([[2.0, 0.0], [-3.0, 0.0], [1e-3, -1e-3], [-2.0, 2.0]]),
        "labels": np.array([0, 0, 1, 1]),
        "kernel": np.array([[1.0, 1.0], [0.0, -1.0]]),
    },
    "large and small": {
        "embeddings": np.array([[1e38, 1e38], [1e-15, -2e-15]]),
        "labels": np.array([0, 1]),
        "kernel": np.array([[1e38, 1e-15], [-1e38, 1e-15]]),
    },
    "one class": {"embeddings": np.ones((2, 3)), "labels": np.zeros(2, int), "kernel": np.ones((3, 1))},
}

ANGULAR = [
    Case(
        fn=fn,
        draw=_faces,
        oracle=oracle,
        source=source,
        hypers=hypers,
        bad_hypers=bad,
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        ulps=16,
        extremes=SPHERE_EDGES,
    )
    for fn, oracle, source, hypers, bad in (
        (
            jaxloss.normalized_softmax_loss,
            lambda embeddings, labels, kernel, scale=20.0: _angular(np.cos)(embeddings, labels, kernel, scale),
            "Wang et al. (2017), with arccos",
            {"scale": 4.0},
            ({"scale": 0.0}, {"scale": -1.0}),
        ),
        (
            jaxloss.cosface_loss,
            lambda embeddings, labels, kernel, margin=0.35, scale=64.0: _angular(lambda a, m: np.cos(a) - m)(
                embeddings, labels, kernel, scale, m=margin
            ),
            "Wang et al. (2018), with arccos",
            {"scale": 4.0, "margin": 0.25},
            ({"scale": 0.0}, {"margin": -0.1}),
        ),
        (
            jaxloss.arcface_loss,
            lambda embeddings, labels, kernel, margin=0.5, scale=64.0: _angular(_arcface)(
                embeddings, labels, kernel, scale, margin=margin
            ),
            "Deng et al. (2019), with arccos",
            {"scale": 4.0, "margin": 0.75},
            ({"scale": 0.0}, {"margin": -0.1}, {"margin": 28.6}),
        ),
    )
]

CASES = BINARY + CLASSES + FENCHEL_YOUNG + ANGULAR
