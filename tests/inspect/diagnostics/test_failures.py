"""Real runs that fail with one loss and not with another: the same signals tell them apart."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.inspect import diagnostics as d

pytestmark = pytest.mark.full
Loss = Callable[[jax.Array, jax.Array], jax.Array]


def history(step: Callable[..., tuple], start: object, states: dict[str, object], steps: int, every: int) -> d.History:
    """The readings of a run of ``step(params, states) -> (params, states)``."""

    def one(carry: tuple, number: jax.Array) -> tuple:
        params, states = step(*carry)
        due, readings, states = d.read_every(states, number, every=every)
        return (params, states), (due, readings)

    _, (due, readings) = jax.jit(lambda carry: jax.lax.scan(one, carry, jnp.arange(steps)))((start, states))
    return d.append(None, np.arange(steps), readings, due=due)


def run(*given: object) -> list[str]:
    """Names of the alarms of a run."""
    return [alarm.name for alarm in d.report(history(*given))]


def faint_foreground() -> tuple[jax.Array, jax.Array]:
    """Pixels with four features, one in a hundred of the foreground and little different."""
    rng = np.random.default_rng(0)
    targets = (rng.uniform(size=4096) < 0.01).astype(np.float32)
    features = rng.normal(size=(4096, 4)).astype(np.float32)
    features[:, 0] += 3 * targets
    return jnp.asarray(features), jnp.asarray(targets)


def segmentation(loss: Loss) -> list[str]:
    features, targets = faint_foreground()
    foreground = targets.astype(jnp.int32)

    def step(params: dict[str, jax.Array], states: dict[str, object]) -> tuple:
        logits, pull = jax.vjp(lambda p: features @ p["w"] + p["b"], params)
        slopes = jax.grad(loss)(logits, targets)
        hits = (logits > 0) == (targets > 0)
        states = {
            "pixels": d.gradient_shares.update(states["pixels"], slopes[:, None], foreground, features),
            "groups": d.groups.update(states["groups"], jnp.zeros(4096), hits, foreground),
        }
        gradients = pull(slopes)[0]
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in gradients.values()))
        return jax.tree.map(lambda p, g: p - 0.05 * g / norm, params, gradients), states

    start = {"w": jnp.zeros(4), "b": jnp.zeros(())}
    return run(step, start, {"pixels": d.gradient_shares.init(2, 1, 4), "groups": d.groups.init(2)}, 60, 6)


def test_easy_negatives() -> None:
    assert "easy negatives" in segmentation(jaxloss.sigmoid_binary_cross_entropy)
    assert "easy negatives" not in segmentation(functools.partial(jaxloss.sigmoid_dice_loss, pixel_ndim=1))


def shortcut(weigh: bool) -> list[str]:
    """A cue agrees with the class in 95 of 100 examples and is easier than what always tells it."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 2000)
    agrees = rng.uniform(size=2000) < 0.95
    signs = (2 * labels - 1)[:, None] * np.array([[0.6, 2.0]])
    signs[:, 1] *= np.where(agrees, 1, -1)
    inputs = jnp.asarray(signs + rng.normal(size=(2000, 2)) * np.array([[0.3, 0.1]]), jnp.float32)
    targets, groups = jnp.asarray(labels, jnp.float32), jnp.asarray(agrees, jnp.int32)
    weights = jnp.where(agrees, 0.05, 0.95).astype(jnp.float32) if weigh else None
    region = jnp.array([False, True])

    def step(params: jax.Array, states: dict[str, object]) -> tuple:
        logits = inputs @ params
        losses = jaxloss.sigmoid_binary_cross_entropy(logits, targets, reduction="none")
        hits = (logits > 0) == (targets > 0)
        slopes = jax.grad(lambda x: jnp.sum(x @ params))(inputs)
        states = {
            "groups": d.groups.update(states["groups"], losses, hits, groups),
            "cue": d.cues.update(states["cue"], inputs, slopes, region),
        }
        loss = lambda p: jaxloss.sigmoid_binary_cross_entropy(inputs @ p, targets, weights=weights)
        return params - 0.5 * jax.grad(loss)(params), states

    return run(step, jnp.zeros(2), {"groups": d.groups.init(2), "cue": d.cues.init()}, 50, 5)


def test_a_shortcut() -> None:
    assert "feature starvation (group)" in shortcut(weigh=False)
    assert "feature starvation (group)" not in shortcut(weigh=True)


def failing_group(kind: str, weigh: bool) -> tuple[bool, np.ndarray]:
    """Whether group 0, 5 % of the examples, raises the alarm, and the accuracies of both groups in the end."""
    rng = np.random.default_rng(1)
    group = (rng.uniform(size=2000) > 0.05).astype(int)
    labels = group if kind == "rare" else rng.integers(0, 2, 2000)
    cue, noise = {
        "misled": ([[0.6, -2.0], [0.6, 2.0]], [0.3, 0.1]),
        "hard": ([[0.1, 0.1], [1.5, 1.0]], [0.5, 0.5]),
        "rare": ([[0.6, 0.2], [0.6, 0.2]], [0.6, 0.6]),
    }[kind]
    drawn = (2 * labels - 1)[:, None] * np.array(cue)[group] + rng.normal(size=(2000, 2)) * noise
    inputs, targets, groups = jnp.asarray(drawn, jnp.float32), jnp.asarray(labels, jnp.float32), jnp.asarray(group)
    weights = jnp.asarray(1 / np.bincount(group)[group], jnp.float32) if weigh else None

    def step(params: dict[str, jax.Array], states: dict[str, object]) -> tuple:
        logits = lambda p: inputs @ p["w"] + p["b"]
        losses = jaxloss.sigmoid_binary_cross_entropy(logits(params), targets, reduction="none")
        hits = (logits(params) > 0) == (targets > 0)
        loss = lambda p: jaxloss.sigmoid_binary_cross_entropy(logits(p), targets, weights=weights)
        params = jax.tree.map(lambda p, g: p - 0.5 * g, params, jax.grad(loss)(params))
        return params, {"groups": d.groups.update(states["groups"], losses, hits, groups)}

    read = history(step, {"w": jnp.zeros(2), "b": jnp.zeros(())}, {"groups": d.groups.init(2)}, 50, 5)
    names = [alarm.name for alarm in d.report(read)]
    return "feature starvation (group)" in names, read.readings["groups/group_accuracy"][-1]


def test_equal_weights_tell_a_misled_group_from_a_hard_and_from_a_rare_one() -> None:
    """The alarm names all three, because the readings of one run do not tell them apart; those of the second one do."""
    alike = {kind: failing_group(kind, weigh=False) for kind in ("misled", "hard", "rare")}
    assert all(alarmed and worst < 0.65 and rest > 0.95 for alarmed, (worst, rest) in alike.values()), alike
    told = {kind: failing_group(kind, weigh=True) for kind in alike}
    misled, hard, rare = (accuracies for _, accuracies in told.values())
    assert not told["misled"][0]
    assert misled.min() > 0.95, "both groups are right"
    assert told["hard"][0]
    assert hard[0] < 0.65
    assert rare[0] > alike["rare"][1][0] + 0.5
    assert rare[1] < alike["rare"][1][1] - 0.1, "at the expense of the others"


def overfitted(smoothing: float) -> list[str]:
    """Random features and labels that are wrong in one of four examples, learned by heart; read on held-out data."""
    rng = np.random.default_rng(2)

    def draw() -> tuple[jax.Array, jax.Array]:
        labels = rng.integers(0, 3, 150)
        inputs = rng.normal(size=(150, 40)) + 2.5 * np.eye(3, 40)[labels]
        noisy = np.where(rng.uniform(size=150) < 0.25, rng.integers(0, 3, 150), labels)
        return jnp.asarray(inputs, jnp.float32), jnp.asarray(noisy)

    (inputs, labels), (held, answers) = draw(), draw()

    def step(params: jax.Array, states: dict[str, object]) -> tuple:
        loss = lambda p: jaxloss.softmax_cross_entropy_with_integer_labels(
            inputs @ p, labels, label_smoothing=smoothing
        )
        states = {"held out": d.calibration.update(states["held out"], held @ params, answers)}
        return params - 1.0 * jax.grad(loss)(params), states

    return run(step, jnp.zeros((40, 3)), {"held out": d.calibration.init()}, 300, 30)


def test_over_confidence() -> None:
    assert "over-confidence" in overfitted(0.0)
    assert "over-confidence" not in overfitted(0.4)
