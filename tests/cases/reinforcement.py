"""Cases of `jaxloss.reinforcement`."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

import jaxloss
from tests.cases import Case

HELPERS = {
    "categorical_l2_project": "turns a distribution on points into one on atoms",
    "double_q_learning_error": "an error with a sign, of which the loss is a function",
    "expected_sarsa_error": "an error with a sign, of which the loss is a function",
    "generalized_advantage_estimation": "advantages for policy losses, with a sign",
    "lambda_returns": "targets for values, one per step",
    "n_step_bootstrapped_returns": "targets for values, one per step",
    "q_learning_error": "an error with a sign, of which the loss is a function",
    "sarsa_error": "an error with a sign, of which the loss is a function",
    "td_error": "an error with a sign, of which the loss is a function",
    "td_lambda_error": "errors with a sign, of which the loss is a function",
    "vtrace_error": "errors with a sign, of which the loss is a function",
    "vtrace_td_error_and_advantage": "errors and advantages for the losses of critic and actor",
}

NO_GRADIENT = "the target is a constant of differentiation; tested by itself"
DIFFERENCE = "the error is a difference of values of any size"
ORDERED = "steps are in order: a copy of a step would make a longer trajectory, a weight only weighs its error"


def _fixed(*names):
    return dict.fromkeys(names, NO_GRADIENT)


def _rewards(rng, batch):
    return {"r_t": rng.normal(size=batch), "discount_t": 0.99 * (rng.uniform(size=batch) < 0.8)}


def _states(rng, batch):
    return {"v_tm1": 2 * rng.normal(size=batch), **_rewards(rng, batch), "v_t": 2 * rng.normal(size=batch)}


def _dyadic(rng, batch):
    """Numbers whose targets are exact in any floating-point format."""
    r, v = (rng.integers(-8, 8, size=batch) / 4 for _ in range(2))
    return {"r_t": r, "discount_t": np.full(batch, 0.5)}, v


def _states_perfect(rng, batch):
    rewards, v = _dyadic(rng, batch)
    return {"v_tm1": rewards["r_t"] + 0.5 * v, **rewards, "v_t": v}


def _ends(rng, batch):
    """Every step ends an episode, and every value is its reward."""
    r = rng.normal(size=batch).astype(np.float32).astype(float)
    return {"v_tm1": r, "r_t": r.copy(), "discount_t": np.zeros(batch), "v_t": rng.normal(size=batch)}


def _lambda_loss(v_tm1, r_t, discount_t, v_t, lambda_=0.95):
    returns = np.zeros_like(v_t)
    carry = v_t[..., -1]
    for t in reversed(range(v_t.shape[-1])):
        carry = r_t[..., t] + discount_t[..., t] * ((1 - lambda_) * v_t[..., t] + lambda_ * carry)
        returns[..., t] = carry
    return np.mean((returns - v_tm1) ** 2, axis=-1) / 2


def _off_policy(rng, batch):
    some = _states(rng, batch)
    order = ("v_tm1", "v_t", "r_t", "discount_t")
    return {**{n: some[n] for n in order}, "rho_tm1": np.exp(0.5 * rng.normal(size=batch))}


def _off_policy_perfect(rng, batch):
    some = _states_perfect(rng, batch)
    order = ("v_tm1", "v_t", "r_t", "discount_t")
    return {**{n: some[n] for n in order}, "rho_tm1": np.exp(rng.normal(size=batch))}


def _vtrace_loss(v_tm1, v_t, r_t, discount_t, rho_tm1, lambda_=1.0, clip_rho_threshold=1.0):
    """Equation 1 of the paper: a sum over all later steps, of products of all ratios between."""
    steps = v_t.shape[-1]
    errors = np.zeros_like(v_t)
    for s in range(steps):
        for t in range(s, steps):
            delta = r_t[..., t] + discount_t[..., t] * v_t[..., t] - v_tm1[..., t]
            factor = np.minimum(rho_tm1[..., t], clip_rho_threshold)
            for i in range(s, t):
                factor = factor * discount_t[..., i] * lambda_ * np.minimum(rho_tm1[..., i], 1)
            errors[..., s] += factor * delta
    return np.mean(errors**2, axis=-1) / 2


def _actions(*following):
    def draw(rng, batch):
        some = {
            "q_tm1": 2 * rng.normal(size=(*batch, 4)),
            "a_tm1": rng.integers(0, 4, size=batch).astype(np.int32),
            **_rewards(rng, batch),
        }
        for name in following:
            if name == "a_t":
                some[name] = rng.integers(0, 4, size=batch).astype(np.int32)
            elif name == "probs_a_t":
                raw = rng.gamma(1.0, size=(*batch, 4))
                some[name] = raw / raw.sum(-1, keepdims=True)
            else:
                some[name] = 2 * rng.normal(size=(*batch, 4))
        return some

    return draw


def _actions_perfect(*following):
    """All next values are equal, and the value of the action is its target."""

    def draw(rng, batch):
        rewards, v = _dyadic(rng, batch)
        some = _actions(*following)(rng, batch)
        for name in following:
            if name.startswith("q_t"):
                some[name] = np.repeat(v[..., None], 4, axis=-1)
            if name == "probs_a_t":
                some[name] = np.full((*batch, 4), 0.25)
        q = np.round(some["q_tm1"])
        np.put_along_axis(q, some["a_tm1"][..., None], (rewards["r_t"] + 0.5 * v)[..., None], -1)
        return {**some, **rewards, "q_tm1": q}

    return draw


def _pick(q, a):
    return np.vectorize(lambda row, i: row[i], signature="(n),()->()")(q, a)


def _half_square(q_tm1, a_tm1, r_t, discount_t, value):
    return (r_t + discount_t * value - _pick(q_tm1, a_tm1)) ** 2 / 2


ATOMS = np.linspace(-3.0, 3.0, 5)


def _project(points, probs, atoms):
    """Every point gives its probability to the two atoms around it, the nearer the more."""
    mass = np.zeros(len(atoms))
    for z, p in zip(np.clip(points, atoms[0], atoms[-1]), probs, strict=True):
        low = min(np.searchsorted(atoms, z, side="right") - 1, len(atoms) - 2)
        share = (z - atoms[low]) / (atoms[low + 1] - atoms[low])
        mass[low] += p * (1 - share)
        mass[low + 1] += p * share
    return mass


def _categorical_rows(logits, r_t, discount_t, following, atoms):
    """The loss of one transition."""
    mass = _project(r_t + discount_t * atoms, scipy.special.softmax(following), atoms)
    return -np.sum(mass * scipy.special.log_softmax(logits))


def _each(fn, *inputs):
    """``fn`` of every example; the inputs come with the number of their event axes."""
    arrays, ranks = [x for x, _ in inputs], [rank for _, rank in inputs]
    batch = arrays[0].shape[: arrays[0].ndim - ranks[0]]
    values = [fn(*(x[i] for x in arrays)) for i in np.ndindex(batch)]
    return np.reshape(values, batch)


def _categorical_td(v_logits_tm1, r_t, discount_t, v_logits_t, atoms):
    rows = lambda p, r, g, q: _categorical_rows(p, r, g, q, atoms)
    return _each(rows, (v_logits_tm1, 1), (r_t, 0), (discount_t, 0), (v_logits_t, 1))


def _categorical_double(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, q_t_selector, atoms):
    rows = lambda p, a, r, g, q, s: _categorical_rows(p[a], r, g, q[s.argmax()], atoms)
    inputs = (q_logits_tm1, 2), (a_tm1, 0), (r_t, 0), (discount_t, 0), (q_logits_t, 2), (q_t_selector, 1)
    return _each(rows, *inputs)


def _categorical_q(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, atoms):
    selector = scipy.special.softmax(q_logits_t, axis=-1) @ atoms
    return _categorical_double(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, selector, atoms)


def _categorical(*extra):
    def draw(rng, batch):
        shape = (*batch, 5) if "v" in extra else (*batch, 3, 5)
        first, second = ("v_logits_tm1", "v_logits_t") if "v" in extra else ("q_logits_tm1", "q_logits_t")
        some = {first: 2 * rng.normal(size=shape)}
        if "v" not in extra:
            some["a_tm1"] = rng.integers(0, 3, size=batch).astype(np.int32)
        some |= {**_rewards(rng, batch), second: rng.normal(size=shape)}
        if "selector" in extra:
            some["q_t_selector"] = rng.normal(size=(*batch, 3))
        return {**some, "atoms": ATOMS.copy()}

    return draw


def _quantiles(rng, batch):
    return {
        "dist_q_tm1": rng.normal(size=(*batch, 3, 4)),
        "tau_q_tm1": rng.uniform(0.1, 0.9, size=(*batch, 3)),
        "a_tm1": rng.integers(0, 4, size=batch).astype(np.int32),
        **_rewards(rng, batch),
        "dist_q_t_selector": rng.normal(size=(*batch, 2, 4)),
        "dist_q_t": 2 * rng.normal(size=(*batch, 5, 4)),
    }


def _quantiles_perfect(rng, batch):
    """The episode ends, and all quantiles equal the reward."""
    some = _quantiles(rng, batch)
    r = some["r_t"].astype(np.float32).astype(float)
    dist = np.broadcast_to(r[..., None, None], some["dist_q_tm1"].shape).copy()
    return {**some, "dist_q_tm1": dist, "r_t": r, "discount_t": np.zeros(batch)}


def _quantile_rows(q, tau, a, r, discount, selector, following, kappa):
    samples = r + discount * following[:, selector.mean(0).argmax()]
    total = 0.0
    for i, level in enumerate(tau):
        for y in samples:
            u = y - q[i, a]
            huber = u**2 / 2 if abs(u) <= kappa else kappa * (abs(u) - kappa / 2)
            total += abs(level - (u < 0)) * huber / kappa / len(samples)
    return total


def _quantile_loss(dist_q_tm1, tau_q_tm1, a_tm1, r_t, discount_t, dist_q_t_selector, dist_q_t, huber_param=1.0):
    rows = lambda *row: _quantile_rows(*row, huber_param)
    inputs = (dist_q_tm1, 2), (tau_q_tm1, 1), (a_tm1, 0), (r_t, 0), (discount_t, 0), (dist_q_t_selector, 2)
    return _each(rows, *inputs, (dist_q_t, 2))


def _two_hot(logits, targets, atoms):
    rows = lambda p, y: -np.sum(_project(np.array([y]), np.ones(1), atoms) * scipy.special.log_softmax(p))
    return _each(rows, (logits, 1), (targets, 0))


def _hl_gauss(logits, targets, edges, sigma_ratio=0.75):
    sigma = sigma_ratio * (edges[-1] - edges[0]) / (len(edges) - 1)
    masses = np.diff(scipy.stats.norm.cdf(edges, loc=targets[..., None], scale=sigma), axis=-1)
    masses /= masses.sum(-1, keepdims=True)
    return -np.sum(masses * scipy.special.log_softmax(logits, axis=-1), axis=-1)


def _histogram(name, points):
    return lambda rng, batch: {
        "logits": 2 * rng.normal(size=(*batch, 5)),
        "targets": rng.uniform(-2.5, 2.5, size=batch),
        name: np.linspace(-3.0, 3.0, points),
    }


def _policy(rng, batch):
    return {
        "logits_t": 2 * rng.normal(size=(*batch, 4)),
        "a_t": rng.integers(0, 4, size=batch).astype(np.int32),
        "adv_t": rng.normal(size=batch),
    }


def _policy_loss(logits_t, a_t, adv_t):
    return -adv_t * _pick(scipy.special.log_softmax(logits_t, axis=-1), a_t)


def _ratios(rng, batch):
    return {"prob_ratios_t": np.exp(0.4 * rng.normal(size=batch)), "adv_t": rng.normal(size=batch)}


def _clipped(prob_ratios_t, adv_t, epsilon=0.2):
    return -np.minimum(prob_ratios_t * adv_t, np.clip(prob_ratios_t, 1 - epsilon, 1 + epsilon) * adv_t)


def _soft_critic(rng, batch):
    return {
        "q_tm1": 2 * rng.normal(size=(*batch, 2)),
        **_rewards(rng, batch),
        "q_t": 2 * rng.normal(size=(*batch, 3)),
        "log_probs_t": 2 * rng.normal(size=batch),
    }


def _soft_critic_perfect(rng, batch):
    rewards, v = _dyadic(rng, batch)
    log_probs = rng.integers(-8, 8, size=batch) / 4
    aim = rewards["r_t"] + 0.5 * (v - 0.25 * log_probs)
    q_t = v[..., None] + np.array([2.0, 0.0, 1.0])
    return {"q_tm1": np.repeat(aim[..., None], 2, -1), **rewards, "q_t": q_t, "log_probs_t": log_probs}


def _soft_critic_loss(q_tm1, r_t, discount_t, q_t, log_probs_t, temperature):
    aim = r_t + discount_t * (q_t.min(-1) - temperature * log_probs_t)
    return ((q_tm1[..., 0] - aim) ** 2 + (q_tm1[..., 1] - aim) ** 2) / 2


LARGE = {"r_t": np.array([1e18, 0.0]), "discount_t": np.array([1.0, 0.0])}
LARGE_Q = {"q_tm1": np.array([[1e18, 0.0], [0.0, 0.0]]), "a_tm1": np.array([0, 1], np.int32), **LARGE}
NEXT_Q = np.array([[-np.inf, 1e18], [0.0, 0.0]])

CASES = [
    Case(
        fn=jaxloss.td_loss,
        draw=_states,
        oracle=lambda v_tm1, r_t, discount_t, v_t: (r_t + discount_t * v_t - v_tm1) ** 2 / 2,
        source="Sutton (1988)",
        fixed=_fixed("r_t", "discount_t", "v_t"),
        perfect=_states_perfect,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"large": {"v_tm1": np.array([-1e18, 0.0]), **LARGE, "v_t": np.array([1e18, 1e38])}},
    ),
    Case(
        fn=jaxloss.td_lambda_loss,
        draw=_states,
        oracle=_lambda_loss,
        source="Sutton and Barto, equation 12.2, as a loop back in time",
        hypers={"lambda_": 0.7},
        pooled=True,
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}),
        fixed=_fixed("r_t", "discount_t", "v_t"),
        perfect=_ends,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"large": {"v_tm1": np.array([-1e17, 0.0]), **LARGE, "v_t": np.array([1e18, 1e38])}},
        exempt={"weight_is_repetition": ORDERED},
    ),
    Case(
        fn=jaxloss.q_learning_loss,
        draw=_actions("q_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t: _half_square(q_tm1, a_tm1, r_t, discount_t, q_t.max(-1)),
        source="Watkins and Dayan (1992)",
        fixed=_fixed("r_t", "discount_t", "q_t"),
        perfect=_actions_perfect("q_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t": NEXT_Q}},
    ),
    Case(
        fn=jaxloss.double_q_learning_loss,
        draw=_actions("q_t_value", "q_t_selector"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector: _half_square(
            q_tm1, a_tm1, r_t, discount_t, _pick(q_t_value, q_t_selector.argmax(-1))
        ),
        source="van Hasselt, Guez and Silver (2016)",
        fixed=_fixed("r_t", "discount_t", "q_t_value", "q_t_selector"),
        perfect=_actions_perfect("q_t_value", "q_t_selector"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large, and a forbidden action": {**LARGE_Q, "q_t_value": NEXT_Q, "q_t_selector": NEXT_Q}},
    ),
    Case(
        fn=jaxloss.sarsa_loss,
        draw=_actions("q_t", "a_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t, a_t: _half_square(
            q_tm1, a_tm1, r_t, discount_t, _pick(q_t, a_t)
        ),
        source="Rummery and Niranjan (1994)",
        fixed=_fixed("r_t", "discount_t", "q_t"),
        perfect=_actions_perfect("q_t", "a_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large": {**LARGE_Q, "q_t": NEXT_Q, "a_t": np.array([1, 0], np.int32)}},
    ),
    Case(
        fn=jaxloss.expected_sarsa_loss,
        draw=_actions("q_t", "probs_a_t"),
        oracle=lambda q_tm1, a_tm1, r_t, discount_t, q_t, probs_a_t: _half_square(
            q_tm1, a_tm1, r_t, discount_t, np.einsum("...a,...a->...", q_t, probs_a_t)
        ),
        source="van Seijen et al. (2009)",
        fixed=_fixed("r_t", "discount_t", "q_t", "probs_a_t"),
        perfect=_actions_perfect("q_t", "probs_a_t"),
        convex=True,
        cancels=DIFFERENCE,
        labels="a_tm1",
        extremes={"large": {**LARGE_Q, "q_t": NEXT_Q, "probs_a_t": np.array([[0.0, 1.0], [0.5, 0.5]])}},
    ),
    Case(
        fn=jaxloss.vtrace_loss,
        draw=_off_policy,
        oracle=_vtrace_loss,
        source="Espeholt et al. (2018), equation 1, as sums of products",
        hypers={"lambda_": 0.9, "clip_rho_threshold": 1.5},
        pooled=True,
        bad_hypers=({"lambda_": -0.1}, {"lambda_": 1.1}, {"clip_rho_threshold": 0.0}),
        fixed=_fixed("v_t", "r_t", "discount_t", "rho_tm1"),
        perfect=_off_policy_perfect,
        cancels=DIFFERENCE,
        extremes={
            "large": {
                "v_tm1": np.array([-1e17, 0.0]),
                "v_t": np.array([1e17, 1e38]),
                **LARGE,
                "rho_tm1": np.array([np.inf, 0.0]),
            }
        },
        exempt={
            "weight_is_repetition": ORDERED,
            "derivatives": "the values are in their own targets, which pass no gradient; tested by itself",
        },
    ),
    Case(
        fn=jaxloss.categorical_td_loss,
        draw=_categorical("v"),
        oracle=_categorical_td,
        source="Bellemare, Dabney and Munos (2017), algorithm 1, as loops",
        shared=("atoms",),
        fixed=_fixed("r_t", "discount_t", "v_logits_t", "atoms"),
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
    ),
    Case(
        fn=jaxloss.categorical_q_learning_loss,
        draw=_categorical(),
        oracle=_categorical_q,
        source="Bellemare, Dabney and Munos (2017), algorithm 1, as loops",
        shared=("atoms",),
        fixed=_fixed("r_t", "discount_t", "q_logits_t", "atoms"),
        convex=True,
        labels="a_tm1",
        classes=lambda inputs: 3,
    ),
    Case(
        fn=jaxloss.categorical_double_q_learning_loss,
        draw=_categorical("selector"),
        oracle=_categorical_double,
        source="Bellemare, Dabney and Munos (2017), algorithm 1, as loops",
        shared=("atoms",),
        fixed=_fixed("r_t", "discount_t", "q_logits_t", "q_t_selector", "atoms"),
        convex=True,
        labels="a_tm1",
        classes=lambda inputs: 3,
    ),
    Case(
        fn=jaxloss.quantile_q_learning_loss,
        draw=_quantiles,
        oracle=_quantile_loss,
        source="Dabney et al. (2018), algorithm 1, as loops",
        hypers={"huber_param": 0.5},
        bad_hypers=({"huber_param": -1.0},),
        fixed={
            **_fixed("r_t", "discount_t", "dist_q_t_selector", "dist_q_t"),
            "tau_q_tm1": "levels are chosen, not learnt; their slope is that of the value",
        },
        perfect=_quantiles_perfect,
        convex=True,
        labels="a_tm1",
        extremes={
            "large": {
                "dist_q_tm1": np.array([[[1e18, 0.0]], [[1.0, 0.0]]]),
                "tau_q_tm1": np.array([[0.5], [1.0]]),
                "a_tm1": np.array([0, 1], np.int32),
                "r_t": np.array([-1e18, 0.0]),
                "discount_t": np.array([1.0, 0.0]),
                "dist_q_t_selector": np.array([[[-1e30, 1e30]], [[0.0, 0.0]]]),
                "dist_q_t": np.array([[[1.0, 1e30]], [[0.0, 0.0]]]),
            }
        },
    ),
    Case(
        fn=jaxloss.policy_gradient_loss,
        draw=_policy,
        oracle=_policy_loss,
        source="scipy.special.log_softmax",
        fixed=_fixed("adv_t"),
        bound=None,
        labels="a_t",
        extremes={
            "certain": {
                "logits_t": np.array([[1e4, -1e4], [-np.inf, 0.0]]),
                "a_t": np.array([1, 1], np.int32),
                "adv_t": np.array([1e4, -1e30]),
            }
        },
    ),
    Case(
        fn=jaxloss.reinforce_loss,
        draw=lambda rng, batch: {"log_probs_t": 2 * rng.normal(size=batch), "adv_t": rng.normal(size=batch)},
        oracle=lambda log_probs_t, adv_t: -log_probs_t * adv_t,
        source="Williams (1992)",
        fixed=_fixed("adv_t"),
        bound=None,
        convex=True,
    ),
    Case(
        fn=jaxloss.entropy_loss,
        draw=lambda rng, batch: {"logits_t": 2 * rng.normal(size=(*batch, 5))},
        oracle=lambda logits_t: -scipy.stats.entropy(scipy.special.softmax(logits_t, axis=-1), axis=-1),
        source="scipy.stats.entropy",
        bound=-1.609439,
        extremes={
            "certain, uniform and forbidden": {
                "logits_t": np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0], [-np.inf, 1.0, 0.0], [-np.inf, 0.0, -np.inf]])
            }
        },
    ),
    Case(
        fn=jaxloss.clipped_surrogate_pg_loss,
        draw=_ratios,
        oracle=_clipped,
        source="Schulman et al. (2017), equation 7",
        hypers={"epsilon": 0.3},
        bad_hypers=({"epsilon": -0.1},),
        fixed=_fixed("adv_t"),
        bound=None,
        convex=True,
        extremes={
            "any ratio": {
                "prob_ratios_t": np.array([0.0, 0.0, 1.0, np.inf, np.inf, 1e30]),
                "adv_t": np.array([1.0, -1.0, 0.0, 1.0, 0.0, -1.0]),
            }
        },
    ),
    Case(
        fn=jaxloss.sac_actor_loss,
        draw=lambda rng, batch: {"log_probs_t": 2 * rng.normal(size=batch), "q_t": 2 * rng.normal(size=(*batch, 2))},
        oracle=lambda log_probs_t, q_t, temperature: (
            temperature * log_probs_t - np.where(q_t[..., 0] < q_t[..., 1], q_t[..., 0], q_t[..., 1])
        ),
        source="Haarnoja et al. (2018), equation 9, with the smaller of two critics",
        hypers={"temperature": 0.3},
        bad_hypers=({"temperature": -0.1},),
        bound=None,
        convex=True,
        cancels=DIFFERENCE,
        extremes={"equal critics": {"log_probs_t": np.array([-1e30, 0.0]), "q_t": np.array([[1e30, 1e30], [0, 0]])}},
    ),
    Case(
        fn=jaxloss.sac_critic_loss,
        draw=_soft_critic,
        oracle=_soft_critic_loss,
        source="Haarnoja et al. (2018), equations 5 and 6",
        hypers={"temperature": 0.25},
        bad_hypers=({"temperature": -0.1},),
        fixed=_fixed("r_t", "discount_t", "q_t", "log_probs_t"),
        perfect=_soft_critic_perfect,
        convex=True,
        cancels=DIFFERENCE,
        extremes={
            "large": {
                "q_tm1": np.array([[1e18, -1e18]]),
                "r_t": np.array([1e18]),
                "discount_t": np.array([1.0]),
                "q_t": np.array([[1e18, 0.0]]),
                "log_probs_t": np.array([-1e18]),
            }
        },
    ),
    Case(
        fn=jaxloss.sac_temperature_loss,
        draw=lambda rng, batch: {"log_temperature": np.array(-0.7), "log_probs_t": 2 * rng.normal(size=batch)},
        oracle=lambda log_temperature, log_probs_t, target_entropy: (
            -np.exp(log_temperature) * (log_probs_t + target_entropy)
        ),
        source="Haarnoja et al. (2018), equation 18",
        hypers={"target_entropy": -3.0},
        shared=("log_temperature",),
        fixed=_fixed("log_probs_t"),
        bound=None,
        cancels=DIFFERENCE,
        extremes={"cold and hot": {"log_temperature": np.array(-200.0), "log_probs_t": np.array([1e30, -1e30])}},
    ),
    Case(
        fn=jaxloss.two_hot_cross_entropy,
        draw=_histogram("atoms", 5),
        oracle=_two_hot,
        source="Schrittwieser et al. (2020), appendix F, as loops",
        shared=("atoms",),
        fixed=_fixed("targets", "atoms"),
        convex=True,
        extremes={
            "beyond": {
                "logits": np.array([[1e4, 0.0], [-np.inf, 0.0]]),
                "targets": np.array([1e30, np.inf]),
                "atoms": np.array([0.0, 1.0]),
            }
        },
    ),
    Case(
        fn=jaxloss.hl_gauss_loss,
        draw=_histogram("edges", 6),
        oracle=_hl_gauss,
        source="scipy.stats.norm.cdf",
        hypers={"sigma_ratio": 1.5},
        bad_hypers=({"sigma_ratio": 0.0},),
        shared=("edges",),
        fixed=_fixed("targets", "edges"),
        convex=True,
        extremes={
            "beyond": {
                "logits": np.array([[1e4, 0.0], [0.0, 0.0]]),
                "targets": np.array([1e30, -np.inf]),
                "edges": np.array([0.0, 1.0, 2.0]),
            }
        },
    ),
    Case(
        fn=jaxloss.advantage_weighted_loss,
        draw=lambda rng, batch: {"log_probs_t": 2 * rng.normal(size=batch), "adv_t": rng.normal(size=batch)},
        oracle=lambda log_probs_t, adv_t, temperature=1.0, max_weight=100.0: (
            -np.clip(np.exp(adv_t / temperature), None, max_weight) * log_probs_t
        ),
        source="Kostrikov, Nair and Levine (2022), equation 7, with a limit",
        hypers={"temperature": 0.5, "max_weight": 3.0},
        bad_hypers=({"temperature": 0.0}, {"max_weight": 0.0}),
        fixed=_fixed("adv_t"),
        bound=None,
        convex=True,
        extremes={"any advantage": {"log_probs_t": np.array([-1e30, -1.0]), "adv_t": np.array([1e30, -1e30])}},
    ),
]
