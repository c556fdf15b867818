"""Cases of losses over alignments; the oracles enumerate every alignment."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.spatial
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape

HELPERS = {"ctc_feasible": "says which pairs have an alignment at all, as a mask"}

FRAMES, LABELS, CLASSES = 5, 2, 3


def _speech(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Labels 1 and 2, so that the blank may be 0 or 3; always enough frames."""
    labels = rng.integers(1, CLASSES, size=(*batch, LABELS))
    return {
        "logits": rng.normal(size=(*batch, FRAMES, CLASSES + 1)),
        "labels": labels.astype(np.int32),
        "logit_lengths": rng.integers(3, FRAMES + 1, size=batch).astype(np.int32),
        "label_lengths": rng.integers(1, LABELS + 1, size=batch).astype(np.int32),
    }


def _collapse(path: tuple[int, ...], blank: int) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != blank]


def _ctc(logits, labels, logit_lengths, label_lengths, blank_id=0):
    """Over all paths through the classes, those that collapse to the labels."""
    result = np.empty(logit_lengths.shape)
    log_probs = scipy.special.log_softmax(logits, axis=-1)
    for i in np.ndindex(result.shape):
        length = logit_lengths[i]
        wanted = labels[i][: label_lengths[i]].tolist()
        paths = [
            sum(log_probs[i][t, symbol] for t, symbol in enumerate(path))
            for path in itertools.product(range(logits.shape[-1]), repeat=length)
            if _collapse(path, blank_id) == wanted
        ]
        result[i] = -scipy.special.logsumexp(paths)
    return result


def _certain(rng: np.random.Generator, batch: Shape) -> Inputs:
    """One path has all the probability, and no blank, so that it does not matter which class is the blank."""
    logits = np.full((*batch, FRAMES, CLASSES + 1), -1e4)
    logits[..., np.arange(FRAMES), [1, 1, 2, 2, 2]] = 0.0
    return _whole(logits, [1, 2], batch)


def _whole(logits: np.ndarray, labels: list[int], batch: Shape = (1,)) -> Inputs:
    """The same labels for all, nothing padded."""
    return {
        "logits": logits,
        "labels": np.broadcast_to(np.array(labels, np.int32), (*batch, len(labels))).copy(),
        "logit_lengths": np.full(batch, logits.shape[len(batch)], np.int32),
        "label_lengths": np.full(batch, len(labels), np.int32),
    }


def _transduced(rng: np.random.Generator, batch: Shape) -> Inputs:
    speech = _speech(rng, batch)
    speech["logits"] = rng.normal(size=(*batch, 3, LABELS + 1, CLASSES + 1))
    speech["logit_lengths"] = rng.integers(1, 4, size=batch).astype(np.int32)
    return speech


def _rnnt(logits, labels, logit_lengths, label_lengths, blank_id=0):
    """Over all ways to put the labels among the blanks; the last step is a blank."""
    result = np.empty(logit_lengths.shape)
    log_probs = scipy.special.log_softmax(logits, axis=-1)
    for i in np.ndindex(result.shape):
        frames, spoken = int(logit_lengths[i]), int(label_lengths[i])
        paths = []
        for places in itertools.combinations(range(frames + spoken - 1), spoken):
            t = u = 0
            score = 0.0
            for place in range(frames + spoken):
                speaks = place in places
                score += log_probs[i][t, u, labels[i][u] if speaks else blank_id]
                t, u = t + (not speaks), u + speaks
            paths.append(score)
        result[i] = -scipy.special.logsumexp(paths)
    return result


def _series(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=(*batch, 4, 2)), "targets": rng.normal(size=(*batch, 3, 2))}


def _alignments(i: int, j: int):
    """All monotone paths from (0, 0) to (i, j)."""
    if i < 0 or j < 0:
        return
    if i == j == 0:
        yield [(0, 0)]
    for before in ((i - 1, j), (i, j - 1), (i - 1, j - 1)):
        for path in _alignments(*before):
            yield [*path, (i, j)]


def _soft_dtw(predictions, targets, gamma=1.0):
    result = np.empty(predictions.shape[:-2])
    for k in np.ndindex(result.shape):
        costs = scipy.spatial.distance.cdist(predictions[k], targets[k], "sqeuclidean")
        totals = [sum(costs[cell] for cell in path) for path in _alignments(*np.subtract(costs.shape, 1))]
        result[k] = -gamma * scipy.special.logsumexp(-np.array(totals) / gamma)
    return result


def _soft_dtw_divergence(predictions, targets, gamma=1.0):
    own = _soft_dtw(predictions, predictions, gamma) + _soft_dtw(targets, targets, gamma)
    return _soft_dtw(predictions, targets, gamma) - own / 2


def _equal_series(rng: np.random.Generator, batch: Shape) -> Inputs:
    series = rng.normal(size=(*batch, 4, 2))
    return {"predictions": series, "targets": series.copy()}


def _tags(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {
        "logits": rng.normal(size=(*batch, 4, 3)),
        "labels": rng.integers(0, 3, size=(*batch, 4)).astype(np.int32),
        "lengths": rng.integers(1, 5, size=batch).astype(np.int32),
        "transitions": np.random.default_rng(1).normal(size=(3, 3)),
    }


def _crf(logits, labels, lengths, transitions):
    """Over all label sequences."""
    result = np.empty(lengths.shape)
    for i in np.ndindex(result.shape):

        def score(path, z=logits[i]):
            return sum(z[t, k] for t, k in enumerate(path)) + sum(
                transitions[j, k] for j, k in itertools.pairwise(path)
            )

        paths = itertools.product(range(logits.shape[-1]), repeat=lengths[i])
        result[i] = scipy.special.logsumexp([score(path) for path in paths]) - score(labels[i][: lengths[i]])
    return result


def _tagged(rng: np.random.Generator, batch: Shape) -> Inputs:
    tags = _tags(rng, batch)
    return {**tags, "logits": 1e4 * np.eye(3)[tags["labels"]]}


def _one_tagging(logits: list, transitions: np.ndarray) -> Inputs:
    labels = np.array([[0, 1]], np.int32)
    return {
        "logits": np.array([logits]),
        "labels": labels,
        "lengths": np.array([2], np.int32),
        "transitions": transitions,
    }


SERIES = {
    "far": {"predictions": np.full((1, 3, 1), 1e17), "targets": np.zeros((1, 2, 1))},
    "equal": {"predictions": np.ones((1, 3, 1)), "targets": np.ones((1, 3, 1))},
    "points": {"predictions": np.ones((1, 1, 2)), "targets": np.zeros((1, 1, 2))},
}
CANCELS = "the logarithm of a sum of alignments"

CASES = [
    Case(
        fn=jaxloss.ctc_loss,
        draw=_speech,
        oracle=_ctc,
        source="enumeration of all paths",
        hypers={"blank_id": 3},
        static=("blank_id",),
        bad_hypers=({"blank_id": -1}, {"blank_id": CLASSES + 1}),
        labels="labels",
        perfect=_certain,
        extremes={
            "absent classes": _whole(np.array([[[0.0, 0.0, 0.0, -np.inf], [-np.inf, 0.0, 0.0, -np.inf]] * 2]), [1, 2]),
            "saturated": _whole(np.array([[[1e4, -1e4, 1e4, 1e4], [-3e38, 3e38, 3e37, 0.0]] * 2]), [1, 2]),
            "far": _whole(np.array([[[0.0, -1e30, -1e30, 0.0]] * 4]), [1, 1]),
            "no labels": _whole(np.zeros((1, 2, 4)), []),
        },
        cancels=CANCELS,
    ),
    Case(
        fn=jaxloss.rnnt_loss,
        draw=_transduced,
        oracle=_rnnt,
        source="enumeration of all alignments",
        hypers={"blank_id": 3},
        static=("blank_id",),
        bad_hypers=({"blank_id": -1}, {"blank_id": CLASSES + 1}),
        labels="labels",
        extremes={
            "absent classes": _whole(np.broadcast_to(np.array([0.0, 0.0, -np.inf, 0.0]), (1, 3, 2, 4)).copy(), [1]),
            "saturated": _whole(np.broadcast_to(np.array([-3e37, 0.0, 3e37, 1e4]), (1, 2, 2, 4)).copy(), [1]),
            "no labels": _whole(np.zeros((1, 2, 1, 4)), []),
        },
        cancels=CANCELS,
    ),
    Case(
        fn=jaxloss.soft_dtw_loss,
        draw=_series,
        oracle=_soft_dtw,
        source="enumeration of all alignments",
        hypers={"gamma": 0.25},
        bad_hypers=({"gamma": 0.0}, {"gamma": -1.0}),
        bound=None,
        extremes=SERIES,
        cancels=CANCELS,
    ),
    Case(
        fn=jaxloss.soft_dtw_divergence,
        draw=_series,
        oracle=_soft_dtw_divergence,
        source="enumeration of all alignments",
        hypers={"gamma": 0.25},
        bad_hypers=({"gamma": 0.0}, {"gamma": -1.0}),
        perfect=_equal_series,
        extremes=SERIES,
        cancels="a difference of costs of both signs",
    ),
    Case(
        fn=jaxloss.minimum_risk_loss,
        draw=lambda rng, batch: {
            "logps": -rng.gamma(4.0, size=(*batch, 4)),
            "risks": rng.gamma(2.0, size=(*batch, 4)),
        },
        oracle=lambda logps, risks, sharpness=1.0: (
            (np.exp(sharpness * logps) * risks).sum(-1) / np.exp(sharpness * logps).sum(-1)
        ),
        source="a ratio of two sums",
        hypers={"sharpness": 0.5},
        bad_hypers=({"sharpness": 0.0}, {"sharpness": -1.0}),
        extremes={
            "far": {"logps": np.array([[0.0, -1e30, -np.inf]]), "risks": np.array([[1.0, 1e30, -1e30]])},
            "equal": {"logps": np.full((1, 2), -1e5), "risks": np.array([[-1.0, 1.0]])},
        },
        bound=None,
    ),
    Case(
        fn=jaxloss.linear_chain_crf_nll,
        draw=_tags,
        oracle=_crf,
        source="enumeration of all label sequences",
        shared=("transitions",),
        labels="labels",
        perfect=_tagged,
        convex=True,
        cancels="a difference of scores",
        extremes={
            "forbidden": _one_tagging([[0.0, -np.inf], [0.0, 0.0]], np.array([[-np.inf, 0.0], [-np.inf, -np.inf]])),
            "far": _one_tagging([[-1e30, 1e30], [1e30, -1e30]], np.zeros((2, 2))),
        },
    ),
]
