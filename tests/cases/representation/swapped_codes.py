"""Cases of `jaxloss.representation.self_supervised.swapped_codes`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases._complex_step import complex_step

K = 4


def _views(views):
    return lambda rng, batch: {"logits": rng.uniform(-1, 1, size=(*batch, views, K))}


def _codes(scores, code_temperature, rounds):
    """The matrix of the paper's listing, of one view: clusters by images, scaled by turns."""
    q = np.exp((scores - scores.max()) / code_temperature).T
    for _ in range(rounds):
        q = q / q.sum(axis=1, keepdims=True) / q.shape[0]
        q = q / q.sum(axis=0, keepdims=True) / q.shape[1]
    return (q * q.shape[1]).T


def _all_codes(logits, num_code_views, code_temperature, rounds):
    codes = np.zeros((*logits.shape[:-2], num_code_views, K))
    for i in np.ndindex(logits.shape[:-3]):
        for t in range(num_code_views):
            codes[i][:, t] = _codes(logits[i][:, t], code_temperature, rounds)
    return codes


def _swapped(logits, num_code_views=2, temperature=0.1, code_temperature=0.05, sinkhorn_iterations=3):
    codes = _all_codes(logits, num_code_views, code_temperature, sinkhorn_iterations)
    given = scipy.special.log_softmax(logits / temperature, -1)
    pairs = [(s, t) for s in range(logits.shape[-2]) for t in range(num_code_views) if s != t]
    return -np.mean([np.sum(codes[..., t, :] * given[..., s, :], -1) for s, t in pairs], axis=0)


def _slopes(logits, num_code_views=2, temperature=0.1, code_temperature=0.05, sinkhorn_iterations=3):
    """With the codes held constant."""
    codes = _all_codes(logits, num_code_views, code_temperature, sinkhorn_iterations)
    pairs = [(s, t) for s in range(logits.shape[-2]) for t in range(num_code_views) if s != t]

    def held(logits):
        scaled = logits / temperature
        given = scaled - np.log(np.sum(np.exp(scaled), -1, keepdims=True))
        return -np.mean([np.sum(codes[..., t, :] * given[..., s, :], -1) for s, t in pairs], axis=0)

    return complex_step(held, {"logits": logits}, ("logits",))


HYPERS = {"num_code_views": 1, "temperature": 0.5, "code_temperature": 0.25, "sinkhorn_iterations": 2}

CASES = [
    Case(
        fn=jaxloss.swav_loss,
        draw=_views(3),
        structures={"two views": _views(2)},
        oracle=_swapped,
        source="Caron et al. (2020), the listing of the paper, with scipy.special.log_softmax",
        hypers=HYPERS,
        static=("num_code_views", "sinkhorn_iterations"),
        ends=({**HYPERS, "sinkhorn_iterations": 1},),
        fixed={"code_temperature": "the codes are constants of differentiation"},
        constant={"code_temperature": "the codes are constants of differentiation"},
        slopes=_slopes,
        meets=True,
        bad_hypers=(
            {"num_code_views": 0},
            {"num_code_views": 9},
            {"temperature": 0.0},
            {"code_temperature": 0.0},
            {"sinkhorn_iterations": 0},
        ),
        ulps=16,  # scores in units of a temperature are exponents
        translates=(("logits",),),
        exempt={
            "derivatives": "the codes are made of the logits, and are constants of differentiation, as in the paper",
            "infinite_logits_are_tried": "clusters are rows of a head, and none of them is ever absent",
        },
        extremes={
            "equal": {"logits": np.zeros((2, 2, K))},
            "certain": {"logits": np.repeat(1000.0 * np.eye(K)[:, None], 2, axis=1)},
            "all in one": {"logits": np.repeat(1000.0 * np.eye(K)[[0, 0, 0]][:, None], 2, axis=1)},
            "opposed": {"logits": np.stack([1e30 * np.eye(K), -1e30 * np.eye(K)], axis=1)},
            "alone": {"logits": np.arange(8.0).reshape(1, 2, K)},
        },
    ),
]
