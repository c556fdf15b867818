"""Cases of `jaxloss.reinforcement.values.categorical_values`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case
from tests.cases.reinforcement._shared import draw_rewards, for_each, project, stopped


def _categorical_rows(logits, r_t, discount_t, following, atoms):
    """The loss of one transition."""
    mass = project(r_t + discount_t * atoms, scipy.special.softmax(following), atoms)
    return -np.sum(mass * scipy.special.log_softmax(logits))


def _categorical_td(v_logits_tm1, r_t, discount_t, v_logits_t, atoms):
    rows = lambda p, r, g, q: _categorical_rows(p, r, g, q, atoms)
    return for_each(rows, (v_logits_tm1, 1), (r_t, 0), (discount_t, 0), (v_logits_t, 1))


def _categorical_double(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, q_t_selector, atoms):
    rows = lambda p, a, r, g, q, s: _categorical_rows(p[a], r, g, q[s.argmax()], atoms)
    inputs = (q_logits_tm1, 2), (a_tm1, 0), (r_t, 0), (discount_t, 0), (q_logits_t, 2), (q_t_selector, 1)
    return for_each(rows, *inputs)


def _categorical_q(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, atoms):
    selector = scipy.special.softmax(q_logits_t, axis=-1) @ atoms
    return _categorical_double(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, selector, atoms)


def draw_categorical(*extra, actions=3, atoms=5):
    def draw(rng, batch):
        shape = (*batch, atoms) if "v" in extra else (*batch, actions, atoms)
        first, second = ("v_logits_tm1", "v_logits_t") if "v" in extra else ("q_logits_tm1", "q_logits_t")
        some = {first: 2 * rng.normal(size=shape)}
        if "v" not in extra:
            some["a_tm1"] = rng.integers(0, actions, size=batch).astype(np.int32)
        some |= {**draw_rewards(rng, batch), second: rng.normal(size=shape)}
        if "selector" in extra:
            some["q_t_selector"] = rng.normal(size=(*batch, actions))
        return {**some, "atoms": np.linspace(-3.0, 3.0, atoms)}

    return draw


def _sizes(*extra):
    return {
        "two atoms": draw_categorical(*extra, atoms=2),
        "one action": draw_categorical(*extra, actions=1),
        "as many actions as atoms": draw_categorical(*extra, actions=3, atoms=3),
    }


SATURATED = {
    "q_logits_tm1": np.array([[[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]]]),
    "a_tm1": np.zeros(1, np.int32),
    "r_t": np.array([1e30]),
    "discount_t": np.zeros(1),
    "q_logits_t": np.array([[[-1e30, 0.0, 1e30], [0.0, 1.0, 0.0]]]),
    "atoms": np.array([-1.0, 0.0, 1.0]),
}

HELPERS = {
    "categorical_l2_project": "turns a distribution on points into one on atoms",
}

POSITIONS = 8.0
"""The place of ``r + discount * z`` between two atoms is rounded to float32 of its size, in units of their distance."""

CASES = [
    Case(
        fn=jaxloss.categorical_td_loss,
        draw=draw_categorical("v"),
        structures={"two atoms": draw_categorical("v", atoms=2)},
        oracle=_categorical_td,
        source="Bellemare, Dabney and Munos (2017), algorithm 1, as loops",
        shared=("atoms",),
        **stopped("r_t", "discount_t", "v_logits_t", "atoms"),
        convex=True,
        extremes={
            "certain and wrong": {
                "v_logits_tm1": np.array([[1e4, 0.0, -1e4], [0.0, 1.0, -np.inf]]),
                "r_t": np.array([1e30, -1e30]),
                "discount_t": np.array([1.0, 0.0]),
                "v_logits_t": np.array([[-np.inf, 0.0, 1e4], [0.0, 0.0, 0.0]]),
                "atoms": np.array([0.0, 1.0, 2.0]),
            }
        },
        translates=(("v_logits_tm1",), ("v_logits_t",)),
    ),
    Case(
        fn=jaxloss.categorical_q_learning_loss,
        ulps=POSITIONS,
        draw=draw_categorical(),
        structures=_sizes(),
        oracle=_categorical_q,
        source="Bellemare, Dabney and Munos (2017), algorithm 1, as loops",
        shared=("atoms",),
        **stopped("r_t", "discount_t", "q_logits_t", "atoms"),
        convex=True,
        extremes={"saturated": SATURATED},
        labels="a_tm1",
        classes=lambda inputs: inputs["q_logits_tm1"].shape[-2],
        translates=(("q_logits_tm1",), ("q_logits_t",)),
    ),
    Case(
        fn=jaxloss.categorical_double_q_learning_loss,
        ulps=POSITIONS,
        draw=draw_categorical("selector"),
        structures=_sizes("selector"),
        oracle=_categorical_double,
        source="Bellemare, Dabney and Munos (2017), algorithm 1, as loops",
        shared=("atoms",),
        **stopped("r_t", "discount_t", "q_logits_t", "q_t_selector", "atoms"),
        convex=True,
        extremes={"saturated": SATURATED | {"q_t_selector": np.array([[1e30, -1e30]])}},
        labels="a_tm1",
        classes=lambda inputs: inputs["q_logits_tm1"].shape[-2],
        translates=(("q_logits_tm1",), ("q_logits_t",), ("q_t_selector",)),
    ),
]
