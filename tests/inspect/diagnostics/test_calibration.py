"""Calibration against its definitions in NumPy; other packages are asked in `test_calibration_peers`."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from jax.sharding import Mesh, PartitionSpec

from jaxloss.inspect.diagnostics import calibration

BINS = 15


@functools.cache
def sample(size: int, sharpness: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    """Logits of an over-confident classifier of ten classes, and labels."""
    rng = np.random.default_rng(size)
    logits = rng.normal(size=(size, 10))
    labels = np.array([rng.choice(10, p=p) for p in scipy.special.softmax(logits, axis=-1)])
    return (sharpness * logits).astype(np.float32), labels


def predictions(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probs = scipy.special.softmax(logits.astype(np.float64), axis=-1)
    return probs.max(-1), (probs.argmax(-1) == labels).astype(float)


@functools.cache
def counted(size: int) -> calibration.Calibration:
    return jax.jit(calibration.update)(calibration.init(), *sample(size))


def binned(confidences: np.ndarray, hits: np.ndarray, bins: int = BINS) -> list[tuple[int, float, float]]:
    """Count, mean confidence and accuracy of every bin ``(a, b]`` with an example."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.maximum(np.searchsorted(edges, confidences, side="left") - 1, 0)
    inside = [place == b for b in range(bins)]
    return [(m.sum(), confidences[m].mean(), hits[m].mean()) for m in inside if m.any()]


@pytest.mark.parametrize("size", [60, 1000])
def test_binned_errors_are_their_definitions(size: int) -> None:
    confidences, hits = predictions(*sample(size))
    rows = binned(confidences, hits)
    state = counted(size)
    np.testing.assert_allclose(calibration.ece(state), sum(n * abs(c - a) for n, c, a in rows) / size, rtol=2e-6)
    unbiased = sum(n * ((c - a) ** 2 - a * (1 - a) / (n - 1)) for n, c, a in rows if n > 1) / size
    np.testing.assert_allclose(calibration.debiased_l2(state), np.sqrt(max(unbiased, 0)), rtol=1e-5)
    np.testing.assert_allclose(calibration.overconfidence(state), confidences.mean() - hits.mean(), rtol=1e-5)
    diagram = calibration.diagram(state)
    shown = [
        (n, c, a) for n, c, a in zip(*(np.asarray(x) for x in (diagram.share, *diagram[:2])), strict=True) if n > 0
    ]
    np.testing.assert_allclose([(n * size, c, a) for n, c, a in shown], rows, rtol=1e-5)


@pytest.mark.parametrize("size", [300, 6000])
def test_adaptive_error_is_that_of_sorted_confidences(size: int) -> None:
    confidences, hits = predictions(*sample(size))
    order = np.argsort(confidences, kind="stable")
    parts = np.split((confidences - hits)[order], BINS)
    expected = sum(abs(part.sum()) for part in parts) / size
    # A cell that a border crosses is divided in proportion: by at most its mass.
    np.testing.assert_allclose(calibration.adaptive_ece(counted(size)), expected, atol=5e-4)


def test_a_bin_of_two_counts_in_the_debiased_error_and_a_bin_of_one_does_not() -> None:
    error = lambda *rows: float(
        calibration.debiased_l2(
            calibration.update_with_confidences(
                calibration.init(), jnp.array([c for c, _ in rows]), jnp.array([h for _, h in rows])
            )
        )
    )
    np.testing.assert_allclose(error((1.0, 0), (1.0, 0)), 1, rtol=1e-6)
    assert error((1.0, 0)) == 0


def test_confidence_one_is_counted_in_the_last_bin() -> None:
    """Softmax in float32 reaches 1 all the time; left-closed bins drop it, or give it a bin of its own."""
    logits = jnp.array([[40.0, 0.0], [40.0, 0.0], [0.0, 0.1]])
    state = calibration.update(calibration.init(), logits, jnp.array([0, 1, 1]))
    diagram = calibration.diagram(state, bins=2)
    np.testing.assert_allclose(diagram.share, [0, 1])
    np.testing.assert_allclose(jnp.sum(state.counts[-1]), 2)
    exact = calibration.update_with_confidences(calibration.init(), jnp.array([0.0, 0.5, 1.0]), jnp.ones(3))
    np.testing.assert_allclose(calibration.diagram(exact, bins=2).share, [2 / 3, 1 / 3], rtol=1e-6)


def test_probabilities_beyond_one_are_illegal_but_for_rounding() -> None:
    count = lambda c: calibration.overconfidence(
        calibration.update_with_confidences(calibration.init(), jnp.array([c]), jnp.ones(1))
    )
    assert float(count(1 + 1e-7)) == 0
    assert np.isnan(count(1.01))
    assert np.isnan(count(-0.01))


def reflected(confidences: np.ndarray, hits: np.ndarray, width: float, points: int = 1000) -> float:
    """The integral of the smoothed residual, by a sum over reflections at all confidences as they are."""
    at = (np.arange(points) + 0.5) / points
    density = np.zeros(points)
    for shift in range(-3, 4):
        for image in (confidences, -confidences):
            distance = (at[:, None] - image[None, :] - 2 * shift) / width
            density += np.exp(-np.square(distance) / 2) @ (hits - confidences)
    return float(np.abs(density).mean() / (width * np.sqrt(2 * np.pi) * len(hits)))


@pytest.mark.parametrize("size", [60, 300])
def test_smooth_error_is_the_fixed_point_of_reflected_smoothing(size: int) -> None:
    confidences, hits = predictions(*sample(size))
    expected = scipy.optimize.brentq(lambda w: reflected(confidences, hits, w) - w, 1e-3, 1, xtol=1e-5)
    np.testing.assert_allclose(calibration.smooth_ece(counted(size)), expected, atol=3e-5)


def test_null_is_the_error_of_calibrated_models() -> None:
    """Beside a simulation with one Bernoulli number for every prediction, and figures of another experiment."""
    confidences, _ = predictions(*sample(1000))
    rng = np.random.default_rng(0)
    draws = rng.uniform(size=(400, 1000)) < confidences
    errors = [sum(n * abs(c - a) for n, c, a in binned(confidences, hits.astype(float))) / 1000 for hits in draws]
    null = jax.jit(functools.partial(calibration.null_ece, draws=400))
    found = null(counted(1000), jax.random.key(1))
    np.testing.assert_allclose(found, np.quantile(errors, 0.95), rtol=0.06)
    assert float(calibration.ece(counted(1000))) > 2 * float(found)
    calibrated = calibration.update(calibration.init(), *sample(1000, 1.0))
    assert float(calibration.ece(calibrated)) < float(null(calibrated, jax.random.key(1)))


@pytest.mark.full
def test_null_keeps_its_level() -> None:
    """Of 200 calibrated models, 10 exceed the quantile of 95 % on average: 0 to 22 within four standard deviations."""
    size, models = 400, 200
    key = jax.random.key(3)
    confidences = jax.random.uniform(key, (models, size), minval=0.4)
    hits = jax.random.uniform(jax.random.fold_in(key, 1), (models, size)) < confidences
    keys = jax.random.split(key, models)

    @jax.vmap
    def exceeds(confidences: jax.Array, hits: jax.Array, key: jax.Array) -> jax.Array:
        state = calibration.update_with_confidences(calibration.init(60), confidences, hits)
        return calibration.ece(state) > calibration.null_ece(state, key, draws=100)

    exceeded = int(jax.jit(lambda *given: jnp.sum(exceeds(*given)))(confidences, hits, keys))
    assert 1 <= exceeded <= 22, exceeded


def test_temperature_is_the_optimum() -> None:
    logits, labels = sample(1000)

    def nll(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        return -scipy.special.log_softmax(scaled, axis=-1)[np.arange(1000), labels].mean()

    expected = np.exp(scipy.optimize.minimize_scalar(nll, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x)
    found = calibration.fit_temperature(logits, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(found, 2.5, rtol=0.1)  # what the logits were multiplied by
    masked = np.where(np.arange(1000)[:, None] % 2 == 0, logits, np.nan)
    kept = calibration.fit_temperature(masked, labels, where=np.arange(1000) % 2 == 0)
    np.testing.assert_allclose(kept, calibration.fit_temperature(logits[::2], labels[::2]), rtol=1e-5)


def test_temperature_at_the_edges() -> None:
    fit = jax.jit(calibration.fit_temperature)
    sure = jnp.array([[5.0, 0.0], [0.0, 5.0]])
    np.testing.assert_allclose(fit(sure, jnp.array([0, 1])), 0.01, rtol=1e-5)
    np.testing.assert_allclose(fit(sure, jnp.array([1, 0])), 100, rtol=1e-5)
    assert np.isnan(fit(sure, jnp.array([0, 2])))
    assert np.isnan(fit(sure.at[0, 0].set(jnp.nan), jnp.array([0, 1])))
    assert np.isfinite(fit(sure, jnp.array([0, 2]), where=jnp.array([True, False])))
    # A class that is masked out has no probability at any temperature.
    masked = jnp.concatenate([jnp.array([[2.0, 0.0]] * 3 + [[0.0, 2.0]]), jnp.full((4, 1), -jnp.inf)], axis=-1)
    labels = jnp.array([0, 0, 1, 1])
    np.testing.assert_allclose(fit(masked, labels), fit(masked[:, :2], labels), rtol=1e-6)
    with pytest.raises(ValueError, match="0 < lowest < highest"):
        calibration.fit_temperature(sure, jnp.array([0, 1]), lowest=2.0, highest=1.0)


def test_temperature_over_devices() -> None:
    logits, labels = (x[:64] for x in sample(1000))
    mesh = Mesh(np.array(jax.devices()[:8]), ("data",))
    fit = jax.shard_map(
        functools.partial(calibration.fit_temperature, axis_name="data"),
        mesh=mesh,
        in_specs=PartitionSpec("data"),
        out_specs=PartitionSpec(),
    )
    np.testing.assert_allclose(jax.jit(fit)(logits, labels), calibration.fit_temperature(logits, labels), rtol=1e-5)


@pytest.mark.parametrize("bad", [{"labels": 10}, {"logits": np.nan}])
def test_every_reading_of_illegal_data_is_nan(bad: dict[str, float]) -> None:
    data = dict(zip(("logits", "labels"), (x.copy() for x in sample(60)), strict=True))
    for name, value in bad.items():
        data[name][7] = value
    readings = jax.jit(lambda data: calibration.read(calibration.update(calibration.init(), **data)))(data)
    assert {name for name, value in readings.items() if not np.isnan(value)} <= {"count"}
