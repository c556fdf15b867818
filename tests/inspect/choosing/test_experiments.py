"""What the selector says it measured, measured: small seeded problems, with the numbers that its sentences give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

import jaxloss
from jaxloss import combine


def descend(loss: Callable[[Any], jax.Array], start: Any, *, steps: int = 400, rate: float = 0.05) -> Any:
    """The parameters after steps of Adam, whose rate falls to 0."""
    zeros = jax.tree.map(jnp.zeros_like, start)

    def step(carry: Any, t: jax.Array) -> tuple[Any, None]:
        params, first, second = carry
        slope = jax.grad(loss)(params)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, second, slope)
        now = rate * (1 - t / steps)
        move = lambda p, m, v: p - now * (m / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(v / (1 - 0.99 ** (t + 1))) + 1e-8)
        return (jax.tree.map(move, params, first, second), first, second), None

    times = jnp.arange(steps, dtype=jnp.float32)
    return jax.jit(lambda at: jax.lax.scan(step, (at, zeros, zeros), times)[0][0])(start)


def f32(x: Any) -> jax.Array:
    return jnp.asarray(x, jnp.float32)


def linear(weights: Any, x: jax.Array) -> jax.Array:
    z = x @ weights["w"]
    return z + jnp.broadcast_to(weights["b"], z.shape)


def zero(size: int) -> dict[str, jax.Array]:
    return {"w": jnp.zeros(size), "b": jnp.zeros(())}


def test_predicted_statistic() -> None:
    quantiles = (np.arange(20000) + 0.5) / 20000
    targets = f32(stats.lognorm(1).ppf(quantiles))
    losses = {
        "squared": jaxloss.squared_error,
        "absolute": jaxloss.absolute_error,
        "log": jaxloss.mean_squared_log_error,
        "percentage": jaxloss.mean_absolute_percentage_error,
        "gamma": jaxloss.gamma_deviance,
    }
    at = {name: jnp.zeros(()) for name in losses}
    total = lambda logs: sum(fn(jnp.full(targets.shape, jnp.exp(logs[name])), targets) for name, fn in losses.items())
    found = {name: float(jnp.exp(x)) for name, x in descend(total, at, steps=600).items()}
    exact = {"squared": np.exp(0.5), "gamma": np.exp(0.5), "absolute": 1.0, "log": 1.239, "percentage": np.exp(-1)}
    for name, expected in exact.items():
        assert found[name] == pytest.approx(expected, rel=0.01), name


def test_reported_probability() -> None:
    truth = 0.95
    both = f32([truth, 1 - truth])
    one, zero_ = jnp.ones(()), jnp.zeros(())
    risks = {
        "cross-entropy": lambda z: [jaxloss.sigmoid_binary_cross_entropy(z, y) for y in (one, zero_)],
        "brier": lambda z: [jaxloss.brier_score(jax.nn.sigmoid(z), y) for y in (one, zero_)],
        "smoothed": lambda z: [jaxloss.sigmoid_binary_cross_entropy(z, y, label_smoothing=0.1) for y in (one, zero_)],
        "focal": lambda z: [jaxloss.sigmoid_focal_loss(z, y, gamma=2.0) for y in (one, zero_)],
    }
    total = lambda at: sum(jnp.dot(both, jnp.stack(risk(at[name]))) for name, risk in risks.items())
    reported = jax.nn.sigmoid(f32(list(descend(total, {name: jnp.zeros(()) for name in risks}, steps=800).values())))
    names = sorted(risks)
    found = dict(zip(names, np.asarray(reported), strict=True))
    assert found["cross-entropy"] == pytest.approx(0.95, abs=2e-3)
    assert found["brier"] == pytest.approx(0.95, abs=2e-3)
    assert found["smoothed"] == pytest.approx(0.905, abs=2e-3)
    assert found["focal"] == pytest.approx(0.75, abs=5e-3)


def outlying(seed: int, share: float) -> tuple[jax.Array, jax.Array, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 4))
    truth = np.array([1.0, -2.0, 0.5, 0.0])
    y = x @ truth + rng.normal(size=200)
    wrong = rng.uniform(size=200) < share
    return f32(x), f32(np.where(wrong, y + rng.uniform(8, 25, size=200), y)), truth


def test_outliers_in_targets() -> None:
    def errors(share: float) -> dict[str, float]:
        data = [outlying(seed, share) for seed in range(10)]
        x, y = (jnp.stack([d[i] for d in data]) for i in (0, 1))
        fit = lambda fn, start, **hypers: descend(
            lambda p: fn(jnp.einsum("sni,si->sn", x, p["w"]) + p["b"][:, None], y, **hypers), start, rate=0.1
        )
        start = {"w": jnp.zeros((10, 4)), "b": jnp.zeros(10)}
        huber = fit(jaxloss.huber_loss, start, delta=1.345)
        fits = {
            "squared": fit(jaxloss.squared_error, start),
            "huber": huber,
            "tukey": fit(jaxloss.tukey_biweight_loss, huber),
            "tukey from afar": fit(jaxloss.tukey_biweight_loss, {**start, "b": jnp.full(10, 40.0)}),
        }
        away = lambda p: np.sqrt(np.sum((np.asarray(p["w"]) - data[0][2][None]) ** 2, -1) + np.asarray(p["b"]) ** 2)
        return {name: float(np.mean(away(p))) for name, p in fits.items()}

    clean, dirty = errors(0.0), errors(0.15)
    assert clean["huber"] < 1.1 * clean["squared"]
    assert dirty["squared"] == pytest.approx(2.5, abs=0.2)
    assert dirty["huber"] == pytest.approx(0.34, abs=0.05)
    assert dirty["tukey"] == pytest.approx(0.17, abs=0.03)
    assert dirty["tukey from afar"] == pytest.approx(40, abs=0.5)  # where it started: no residual is within the scale


def test_interval_coverage() -> None:
    rng = np.random.default_rng(4)
    draw = lambda n: (x := rng.uniform(0, 1, n), 2 * x + (0.2 + x) * rng.normal(size=n))
    (x, y), (new_x, new_y) = draw(2000), draw(4000)
    x, y = f32(x), f32(y)
    levels = f32([0.1, 0.9])
    pinball = descend(
        lambda p: jaxloss.multi_quantile_loss(x[:, None] * p["w"][None] + p["b"][None], y, levels),
        {"w": jnp.zeros(2), "b": jnp.zeros(2)},
        steps=800,
    )
    likely = descend(
        lambda p: jaxloss.gaussian_nll(x * p["w"] + p["b"], jnp.exp(x * p["v"] + p["c"]), y),
        {name: jnp.zeros(()) for name in "wbvc"},
        steps=800,
    )
    mean = descend(lambda p: jaxloss.squared_error(x * p["w"] + p["b"], y), {n: jnp.zeros(()) for n in "wb"}, steps=800)
    spread = 1.2816 * np.std(y - (x * mean["w"] + mean["b"]))
    scale = 1.2816 * np.exp(0.5 * (new_x * likely["v"] + likely["c"]))
    ends = {
        "pinball": [new_x * pinball["w"][i] + pinball["b"][i] for i in (0, 1)],
        "likelihood": [new_x * likely["w"] + likely["b"] + sign * scale for sign in (-1, 1)],
        "mean": [new_x * mean["w"] + mean["b"] + sign * spread for sign in (-1, 1)],
    }
    found = {}
    for name, (low, high) in ends.items():
        inside = (np.asarray(low) <= new_y) & (new_y <= np.asarray(high))
        found[name] = (inside.mean(), inside[new_x < 0.2].mean(), inside[new_x > 0.8].mean())
    for name in ("pinball", "likelihood"):
        assert all(0.75 < share < 0.85 for share in found[name])
    assert found["mean"][1] == pytest.approx(0.99, abs=0.01)
    assert found["mean"][2] == pytest.approx(0.62, abs=0.04)


@pytest.mark.full
def test_overdispersed_counts() -> None:
    rng = np.random.default_rng(5)
    counts = f32(rng.negative_binomial(1, 1 / 11, size=4000))  # mean 10, variance 110
    ones = jnp.ones(counts.shape)
    poisson = descend(lambda p: jaxloss.poisson_nll(ones * p, counts), jnp.zeros(()), rate=0.1)
    negative = descend(
        lambda p: jaxloss.negative_binomial_nll(ones * jnp.exp(p[0]), ones * jnp.exp(p[1]), counts),
        jnp.zeros(2),
        rate=0.1,
    )
    mean = float(jnp.mean(counts))
    assert float(jnp.exp(poisson)) == pytest.approx(mean, rel=1e-2)
    assert float(jnp.exp(negative[0])) == pytest.approx(mean, rel=1e-2)
    low, high = stats.poisson(mean).interval(0.8)
    narrow = np.mean((counts >= low) & (counts <= high))
    dispersion = float(jnp.exp(negative[1]))
    low, high = stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean)).interval(0.8)
    wide = np.mean((counts >= low) & (counts <= high))
    assert narrow == pytest.approx(0.32, abs=0.03)
    assert wide == pytest.approx(0.82, abs=0.03)


def clusters(seed: int, sizes: list[int], *, size: int = 8, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    centres = np.random.default_rng(100).normal(size=(len(sizes), size))
    centres *= apart / np.linalg.norm(centres, axis=-1, keepdims=True)
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return centres[labels] + rng.normal(size=(labels.size, size)), labels


def network(p: Any, x: jax.Array) -> jax.Array:
    return jnp.tanh(x @ p["a"] + p["b"][None]) @ p["c"] + p["d"][None]


def fresh(size: int, hidden: int, classes: int) -> dict[str, jax.Array]:
    rng = np.random.default_rng(0)
    weights = lambda n, m: f32(rng.normal(size=(n, m)) / np.sqrt(n))
    return {
        "a": weights(size, hidden),
        "b": jnp.zeros(hidden),
        "c": weights(hidden, classes),
        "d": jnp.zeros(classes),
    }


@pytest.mark.full
def test_wrong_labels() -> None:
    x, labels = clusters(1, [100] * 4, apart=3.5)
    rng = np.random.default_rng(2)
    wrong = rng.uniform(size=labels.size) < 0.4
    noisy = jnp.asarray(np.where(wrong, rng.integers(0, 4, size=labels.size), labels))
    new_x, new_labels = clusters(3, [500] * 4, apart=3.5)
    transition = 0.6 * jnp.eye(4) + 0.1
    losses = {
        "plain": jaxloss.softmax_cross_entropy_with_integer_labels,
        "generalized": jaxloss.generalized_cross_entropy,
        "forward": lambda z, y: jaxloss.forward_correction_loss(z, y, transition),
    }
    found = {}
    for name, fn in losses.items():
        params = descend(lambda p: fn(network(p, f32(x)), noisy), fresh(8, 64, 4), steps=600, rate=0.02)
        found[name] = float(np.mean(np.argmax(network(params, f32(new_x)), -1) == new_labels))
    assert found["plain"] == pytest.approx(0.63, abs=0.06)
    assert found["generalized"] == pytest.approx(0.87, abs=0.06)
    assert found["forward"] == pytest.approx(0.83, abs=0.06)


def test_rare_classes() -> None:
    sizes = [1000, 300, 100, 30, 10]
    x, labels = clusters(5, sizes)
    new_x, new_labels = clusters(6, [400] * 5)
    priors = f32(np.array(sizes) / sum(sizes))
    start = {"w": jnp.zeros((8, 5)), "b": jnp.zeros(5)}
    plain = descend(
        lambda p: jaxloss.softmax_cross_entropy_with_integer_labels(linear(p, f32(x)), jnp.asarray(labels)), start
    )
    shifted = descend(
        lambda p: jaxloss.logit_adjusted_cross_entropy(linear(p, f32(x)), jnp.asarray(labels), priors), start
    )
    found = [float(np.mean(np.argmax(linear(p, f32(new_x)), -1) == new_labels)) for p in (plain, shifted)]
    assert found[0] == pytest.approx(0.59, abs=0.04)
    assert found[1] == pytest.approx(0.72, abs=0.04)


def rare(seed: int, share: float, n: int, apart: float = 1.0) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(seed)
    y = rng.uniform(size=n) < share
    return f32(rng.normal(size=(n, 4)) + apart * y[:, None] * np.array([1.0, 1.0, 0.5, 0.0])), f32(y)


def test_rare_positives() -> None:
    x, y = rare(7, 0.02, 6000)
    new_x, new_y = rare(8, 0.02, 6000)
    fits = {
        weight: descend(
            lambda p: jaxloss.sigmoid_binary_cross_entropy(linear(p, x), y, pos_weight=weight), zero(4), rate=0.1
        )
        for weight in (1.0, 49.0)
    }
    recall = {w: float(np.mean(linear(p, new_x)[new_y > 0] > 0)) for w, p in fits.items()}
    mean = {w: float(np.mean(jax.nn.sigmoid(linear(p, new_x)))) for w, p in fits.items()}
    moved = float(np.mean(linear(fits[1.0], new_x)[new_y > 0] > np.log(0.02 / 0.98)))
    assert recall[1.0] < 0.1
    assert recall[49.0] == pytest.approx(0.79, abs=0.05)
    assert moved == pytest.approx(recall[49.0], abs=0.05)
    assert mean[1.0] == pytest.approx(0.02, abs=0.005)
    assert mean[49.0] > 0.25


@pytest.mark.full
def test_rare_foreground() -> None:
    x, y = rare(9, 0.02, 6400, apart=1.3)
    new_x, new_y = rare(10, 0.02, 6400, apart=1.3)
    masks = lambda a: a.reshape(1, 80, 80)
    losses = {
        "cross-entropy": lambda z: jaxloss.sigmoid_binary_cross_entropy(z, y),
        "dice": lambda z: jaxloss.sigmoid_dice_loss(masks(z), masks(y), pixel_ndim=2),
        "both": lambda z: jaxloss.sigmoid_dice_cross_entropy(masks(z), masks(y), pixel_ndim=2),
        "tversky": lambda z: jaxloss.sigmoid_tversky_loss(masks(z), masks(y), pixel_ndim=2, alpha=0.3, beta=0.7),
        "focal": lambda z: jaxloss.sigmoid_focal_loss(z, y, alpha=0.25, gamma=2.0),
    }
    fitted = descend(
        lambda p: sum(fn(linear(p[name], x)) for name, fn in losses.items()), dict.fromkeys(losses, zero(4))
    )
    inside = np.asarray(new_y) > 0
    overlap, right = {}, {}
    for name in losses:
        guess = np.asarray(linear(fitted[name], new_x)) > 0
        overlap[name] = 2 * np.sum(guess & inside) / (np.sum(guess) + np.sum(inside))
        right[name] = np.mean(guess == inside)
    assert right["cross-entropy"] > max(right["dice"], right["both"], right["tversky"])
    assert overlap["cross-entropy"] == pytest.approx(0.08, abs=0.04)
    assert overlap["focal"] < overlap["cross-entropy"]
    assert overlap["dice"] == pytest.approx(0.29, abs=0.05)
    assert overlap["both"] == pytest.approx(0.27, abs=0.05)
    assert overlap["tversky"] > overlap["dice"]


def test_easy_negatives() -> None:
    rng = np.random.default_rng(11)
    logits = f32(np.concatenate([rng.normal(-1, 1, 20), rng.normal(-5, 1, 20000)]))
    y = f32(np.arange(20020) < 20)

    def share(fn: Callable[..., jax.Array]) -> float:
        slope = np.abs(jax.grad(lambda z: fn(z, y, reduction="sum"))(logits))
        return float(slope[:20].sum() / slope.sum())

    assert share(jaxloss.sigmoid_binary_cross_entropy) == pytest.approx(0.06, abs=0.02)
    assert share(jaxloss.sigmoid_focal_loss) == pytest.approx(0.93, abs=0.02)


def test_unlabelled_positives() -> None:
    rng = np.random.default_rng(12)
    n, prior = 1000, 0.4
    truth = rng.uniform(size=n) < prior
    x = np.concatenate([rng.normal(size=(300, 2)) + 2, rng.normal(size=(n, 2)) + 2 * truth[:, None]])
    labelled = jnp.arange(n + 300) < 300
    new_truth = rng.uniform(size=4000) < prior
    new_x = f32(rng.normal(size=(4000, 2)) + 2 * new_truth[:, None])
    losses = {
        "as negatives": lambda z: jaxloss.sigmoid_binary_cross_entropy(z, labelled.astype(jnp.float32)),
        "unbiased": lambda z: jaxloss.unbiased_pu_loss(z, labelled, prior=prior),
        "non-negative": lambda z: jaxloss.nonnegative_pu_loss(z, labelled, prior=prior),
    }
    found = {
        name: float(np.mean((linear(descend(lambda p: fn(linear(p, f32(x))), zero(2)), new_x) > 0) == new_truth))
        for name, fn in losses.items()
    }
    assert found["as negatives"] == pytest.approx(0.68, abs=0.05)
    assert found["unbiased"] == pytest.approx(0.93, abs=0.02)
    assert found["non-negative"] == pytest.approx(0.93, abs=0.02)


@pytest.mark.full
def test_censored_times() -> None:
    rng = np.random.default_rng(13)
    x = rng.normal(size=300)
    event = rng.exponential(size=300) / np.exp(x)
    censored = rng.exponential(size=300) * 0.7
    times, seen = np.minimum(event, censored), jnp.asarray(event <= censored)
    ends = np.append(np.linspace(0.1, 1.9, 19), 1e9)
    interval = np.searchsorted(ends, times)
    at_risk = jnp.asarray(np.arange(20)[None] <= np.where(seen, interval, interval - 1)[:, None])
    hit = jnp.asarray((np.arange(20)[None] == interval[:, None]) & np.asarray(seen)[:, None])
    tied = f32(np.ceil(times / 0.25))
    x, times = f32(x), f32(times)
    fits = {
        "cox": lambda p: jaxloss.cox_efron_nll(x * p["w"], times, seen),
        "efron": lambda p: jaxloss.cox_efron_nll(x * p["w"], tied, seen),
        "breslow": lambda p: jaxloss.cox_breslow_nll(x * p["w"], tied, seen),
        "dropped": lambda p: jaxloss.squared_error(x * p["w"] + p["b"][0], jnp.log(times), where=seen),
        "discrete": lambda p: jaxloss.sigmoid_binary_cross_entropy(
            x[:, None] * p["w"] + p["b"][None], f32(hit), where=at_risk
        ),
    }
    start = {name: {"w": jnp.zeros(()), "b": jnp.zeros(20)} for name in fits}
    found = descend(lambda p: sum(fn(p[name]) for name, fn in fits.items()), start, steps=150, rate=0.1)
    slope = {name: float(p["w"]) for name, p in found.items()}
    hazards = jax.nn.sigmoid(found["discrete"]["b"])
    survival = np.cumprod(1 - np.asarray(hazards))[:10]
    assert slope["cox"] == pytest.approx(1, abs=0.2)
    assert slope["dropped"] > -0.6  # of the logarithm of the time, which is -1
    assert slope["breslow"] < slope["efron"] - 0.1 < slope["cox"] - 0.1
    np.testing.assert_allclose(survival, np.exp(-ends[:10]), atol=0.05)


def terms(params: Any) -> dict[str, jax.Array]:
    return {"small": jnp.sum((params - 1) ** 2), "large": 100 * jnp.sum((params + 2) ** 2)}


def test_terms_of_different_scale() -> None:
    share = {}
    ways = {
        "plain": (),
        "normalised": (combine.ema_normalize(0.9),),
        "learned": (combine.uncertainty(optax.adam(0.1)),),
    }
    for name, transforms in ways.items():
        objective = combine.objective(terms, *transforms)
        params = jnp.zeros(3)

        @jax.jit
        def step(state, _):
            aux = objective(params, state)[1]
            return aux.state, {name: aux.weights[name] * jnp.mean(term.values) for name, term in aux.terms.items()}

        with jax.numpy_dtype_promotion("standard"):
            parts = jax.lax.scan(step, objective.init(params), length=1000)[1]
        share[name] = float(parts["large"][-1] / (parts["large"][-1] + parts["small"][-1]))
    assert share["plain"] > 0.99
    assert share["normalised"] == pytest.approx(0.5, abs=0.01)
    assert share["learned"] < 0.65


@pytest.mark.full
def test_conflicting_gradients() -> None:
    params = jnp.asarray([0.0, 0.5])

    def losses(p: jax.Array) -> dict[str, jax.Array]:
        return {"first": 10 * jnp.sum((p - f32([1, 1])) ** 2), "second": jnp.sum((p - f32([-1, 1])) ** 2)}

    each = [jax.grad(lambda p: losses(p)[name])(params) for name in ("first", "second")]
    assert float(each[0] @ each[1]) < 0
    gain = {}
    for name, aggregate in (("sum", None), ("pcgrad", combine.pcgrad()), ("upgrad", combine.upgrad())):
        objective = combine.objective(losses, aggregate=aggregate)
        update = jax.jit(jax.grad(objective, has_aux=True))(params, objective.init(params))[0]
        gain[name] = [float(update @ slope) for slope in each]
    assert min(gain["sum"]) < 0
    assert min(gain["pcgrad"]) >= 0
    assert min(gain["upgrad"]) >= -1e-4


@pytest.mark.full
def test_one_bad_example() -> None:
    labels, lengths = jnp.asarray([[1, 2, 3], [1, 1, 1]]), jnp.asarray([4, 4])  # the second needs five frames

    def losses(p: jax.Array) -> dict[str, Any]:
        logits = p * jnp.ones((2, 4, 5))
        return {
            "fit": jaxloss.ctc_loss(logits, labels, lengths, jnp.asarray([3, 3]), reduction=jaxloss.reductions.term)
        }

    def first_step(objective: combine.Objective) -> Any:
        return jax.jit(jax.value_and_grad(objective, has_aux=True))(jnp.ones(()), objective.init(jnp.ones(())))

    (plain, _), _ = first_step(combine.objective(losses))
    (guarded, aux), slope = first_step(combine.objective(losses, combine.skip_nonfinite()))
    assert np.isinf(plain)
    assert np.isfinite([guarded, slope]).all()
    alone = jaxloss.ctc_loss(jnp.ones((1, 4, 5)), labels[:1], lengths[:1], jnp.asarray([3]))
    np.testing.assert_allclose(guarded, alone, rtol=1e-6)
    assert int(aux.state.transform[0].skipped["fit"]) == 1
