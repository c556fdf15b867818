"""What several modules of Cases of `jaxloss.reinforcement` draw and compute."""

from __future__ import annotations

import numpy as np

STOPPED = "it is behind a stop_gradient"

DIFFERENCE = "the error is a difference of values of any size"

ORDERED = "steps are in order: a copy of a step would make a longer trajectory, a weight only weighs its error"


def stopped(*names):
    """Fields of a Case for inputs behind a stop_gradient."""
    return {"fixed": dict.fromkeys(names, STOPPED), "constant": dict.fromkeys(names, STOPPED)}


def draw_rewards(rng, batch):
    return {
        "r_t": rng.normal(size=batch),
        "discount_t": rng.uniform(0.5, 1, size=batch) * (rng.uniform(size=batch) < 0.8),
    }


def draw_states(rng, batch):
    return {"v_tm1": 2 * rng.normal(size=batch), **draw_rewards(rng, batch), "v_t": 2 * rng.normal(size=batch)}


def draw_dyadic(rng, batch):
    """Numbers whose targets are exact in any floating-point format."""
    r, v = (rng.integers(-8, 8, size=batch) / 4 for _ in range(2))
    return {"r_t": r, "discount_t": np.full(batch, 0.5)}, v


def draw_fitted_states(rng, batch):
    rewards, v = draw_dyadic(rng, batch)
    return {"v_tm1": rewards["r_t"] + 0.5 * v, **rewards, "v_t": v}


def draw_actions(*following, actions=4):
    def draw(rng, batch):
        some = {
            "q_tm1": 2 * rng.normal(size=(*batch, actions)),
            "a_tm1": rng.integers(0, actions, size=batch).astype(np.int32),
            **draw_rewards(rng, batch),
        }
        for name in following:
            if name == "a_t":
                some[name] = rng.integers(0, actions, size=batch).astype(np.int32)
            elif name == "probs_a_t":
                raw = rng.gamma(1.0, size=(*batch, actions))
                some[name] = raw / raw.sum(-1, keepdims=True)
            else:
                some[name] = 2 * rng.normal(size=(*batch, actions))
        return some

    return draw


def draw_fitted_actions(*following):
    """All next values are equal, and the value of the action is its target."""

    def draw(rng, batch):
        rewards, v = draw_dyadic(rng, batch)
        some = draw_actions(*following)(rng, batch)
        for name in following:
            if name.startswith("q_t"):
                some[name] = np.repeat(v[..., None], 4, axis=-1)
            if name == "probs_a_t":
                some[name] = np.full((*batch, 4), 0.25)
        q = np.round(some["q_tm1"])
        np.put_along_axis(q, some["a_tm1"][..., None], (rewards["r_t"] + 0.5 * v)[..., None], -1)
        return {**some, **rewards, "q_tm1": q}

    return draw


def pick(q, a):
    return np.vectorize(lambda row, i: row[i], signature="(n),()->()")(q, a)


def half_square(q_tm1, a_tm1, r_t, discount_t, value):
    return (r_t + discount_t * value - pick(q_tm1, a_tm1)) ** 2 / 2


def project(points, probs, atoms):
    """Every point gives its probability to the two atoms around it, the nearer the more."""
    mass = np.zeros(len(atoms))
    for z, p in zip(np.clip(points, atoms[0], atoms[-1]), probs, strict=True):
        low = min(np.searchsorted(atoms, z, side="right") - 1, len(atoms) - 2)
        share = (z - atoms[low]) / (atoms[low + 1] - atoms[low])
        mass[low] += p * (1 - share)
        mass[low + 1] += p * share
    return mass


def for_each(fn, *inputs):
    """``fn`` of every example; the inputs come with the number of their event axes."""
    arrays, ranks = [x for x, _ in inputs], [rank for _, rank in inputs]
    batch = arrays[0].shape[: arrays[0].ndim - ranks[0]]
    values = [fn(*(x[i] for x in arrays)) for i in np.ndindex(batch)]
    return np.reshape(values, batch)


LARGE = {"r_t": np.array([1e18, 0.0]), "discount_t": np.array([1.0, 0.0])}

LARGE_Q = {"q_tm1": np.array([[1e18, 0.0], [0.0, 0.0]]), "a_tm1": np.array([0, 1], np.int32), **LARGE}

NEXT_Q = np.array([[-np.inf, 1e18], [0.0, 0.0]])


def numbers_of_actions(*following):
    """Structures of a Case: one action, and two."""
    return {f"{n} actions": draw_actions(*following, actions=n) for n in (1, 2)}
