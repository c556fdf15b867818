"""FreeMatch and SoftMatch: limits, averages over steps and devices, few examples, what trains."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss


def _views(rng, examples=32, classes=4):
    return 2 * rng.normal(size=(examples, classes)), 3 * rng.normal(size=(examples, classes))


def test_balanced_classes_have_one_threshold(rng):
    """FreeMatch of a state that stays: FixMatch at the running confidence, lower for classes that are rare."""
    strong, weak = _views(rng)
    state = jaxloss.FreematchState(jnp.float32(0.8), jnp.full(4, 0.25, jnp.float32))
    loss, new = jaxloss.freematch_loss(strong, weak, state, rate=0.0)
    np.testing.assert_allclose(loss, jaxloss.fixmatch_loss(strong, weak, threshold=0.8), rtol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, new, state)
    rare = state._replace(class_probs=jnp.array([0.4, 0.4, 0.1, 0.1], jnp.float32))
    values = jaxloss.freematch_loss(strong, weak, rare, rate=0.0, reduction="none")[0]
    probs = scipy.special.softmax(weak, -1)
    levels = np.array([0.8, 0.8, 0.2, 0.2])[probs.argmax(-1)]
    np.testing.assert_array_equal(np.asarray(values) > 0, probs.max(-1) >= levels)


def test_softmatch_is_between_all_and_none(rng):
    """Many deviations: only what is above the mean counts; few: everything does."""
    strong, weak = _views(rng)
    state = jaxloss.SoftmatchState(jnp.float32(0.7), jnp.float32(0.01))
    one = lambda n: jaxloss.softmatch_loss(strong, weak, state, num_deviations=n, rate=0.0)[0]
    np.testing.assert_allclose(one(1e4), jaxloss.fixmatch_loss(strong, weak, threshold=0.7), rtol=1e-5)
    np.testing.assert_allclose(one(1e-4), jaxloss.fixmatch_loss(strong, weak, threshold=0.0), rtol=1e-5)


@pytest.mark.parametrize("size", [1, 0])
def test_few_examples_leave_what_they_do_not_tell(size):
    logits = jnp.full((size, 3), 2.0)
    soft, free = jaxloss.init_softmatch_loss(3), jaxloss.init_freematch_loss(3)
    loss, state = jaxloss.softmatch_loss(logits, logits, soft, rate=0.5)
    assert state.variance == 1
    assert np.isfinite(loss)
    loss, state = jaxloss.freematch_loss(logits, logits, free, rate=0.5)
    np.testing.assert_allclose(state.class_probs, free.class_probs, rtol=1e-6)
    if not size:
        assert loss == 0
        jax.tree.map(np.testing.assert_array_equal, state, free)


def test_the_thresholds_rise_with_the_network(rng):
    """The same predictions, more and more certain: the running confidence follows from 1 / K to about 1."""
    weak = jnp.asarray(rng.normal(size=(64, 5)), jnp.float32)

    def step(state, scale):
        _, state = jaxloss.freematch_loss(weak, scale * weak, state, rate=0.1)
        return state, state.confidence

    _, levels = jax.lax.scan(step, jaxloss.init_freematch_loss(5), jnp.linspace(0.1, 30.0, 200))
    assert np.all(np.diff(levels) > 0)
    assert 0.2 < levels[0] < 0.25
    assert levels[-1] > 0.95


@pytest.mark.parametrize("name", ["freematch", "softmatch"])
def test_averages_of_all_devices(rng, name):
    """Loss and state, with a device that has no example."""
    fn, state = getattr(jaxloss, f"{name}_loss"), getattr(jaxloss, f"init_{name}_loss")(4)
    data = [jnp.asarray(x, jnp.float32) for x in _views(rng, 8)]
    tail = jnp.array([1, 0, 0, 0, 1, 1, 1, 1], bool), jnp.asarray(rng.uniform(0.5, 2, 8), jnp.float32)

    def run(logits, weak, where, weights, **spread):
        return fn(logits, weak, state, rate=0.5, where=where, weights=weights, **spread)

    mesh = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    examples, every = jax.sharding.PartitionSpec("data"), jax.sharding.PartitionSpec()
    spread = jax.shard_map(
        functools.partial(run, axis_name="data"), mesh=mesh, in_specs=(examples,) * 4, out_specs=every
    )
    actual, expected = (jax.jit(fn)(*data, *tail) for fn in (spread, run))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), actual, expected)


def test_wrong_states_are_refused(rng):
    strong, weak = _views(rng)
    with pytest.raises(ValueError, match="class_probs"):
        jaxloss.freematch_loss(strong, weak, jaxloss.init_freematch_loss(5))
    with pytest.raises(ValueError, match="num_classes"):
        jaxloss.init_softmatch_loss(0)
