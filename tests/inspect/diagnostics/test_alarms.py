"""Alarms: what gives reason for one, what does not, and what the text says."""

from __future__ import annotations

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine
from jaxloss.inspect import diagnostics

BAD = {
    "illegal data": {"ece": np.nan, "count": 100.0},
    "saturation": {"stuck": 0.9, "error": 0.5},
    "over-confidence": {"ece": 0.2, "null_ece": 0.04, "overconfidence": 0.19},
    "under-confidence": {"ece": 0.2, "null_ece": 0.04, "overconfidence": -0.19},
    "easy negatives": {"share": [0.95, 0.05], "population": [0.99, 0.01], "group_accuracy": [1.0, 0.1]},
    "dead units": {"dead": 0.6},
    "dormant gradients": {"gradient_dormant": 0.6},
    "constant units": {"constant": 0.6},
    "loss of plasticity": {"effective_rank": 20.0, "srank": 20.0},
    "loss of plasticity (probe)": {"probe": 1.5},
    "feature starvation (group)": {"gap": 0.3, "gap_error": 0.02, "worst_accuracy": 0.6},
    "feature starvation (cue)": {"concentration": 5.9, "area": 0.0625},
    "conflicting terms": {"worst_cosine": -0.8, "cosines": [[1.0, -0.8], [-0.8, 1.0]]},
    "one term dominates": {"share": [0.99, 0.01], "cosines": [[1.0, 0.0], [0.0, 1.0]]},
    "collapsed embeddings": {"variance": 0.5, "effective_share": 0.02},
    "no active triplets": {"active": 0.01},
}
"""Rule to readings that break it, measured ones where there are some."""

GOOD = {
    "illegal data": {"ece": 0.1},
    "saturation": {"stuck": 0.04},
    "over-confidence": {"ece": 0.03},
    "under-confidence": {"overconfidence": -0.02},
    "easy negatives": {"group_accuracy": [1.0, 0.7]},
    "dead units": {"dead": 0.2},
    "dormant gradients": {"gradient_dormant": 0.1},
    "constant units": {"constant": 0.1},
    "loss of plasticity": {"effective_rank": 45.0},
    "loss of plasticity (probe)": {"probe": 1.05},
    "feature starvation (group)": {"gap_error": 0.15},
    "feature starvation (cue)": {"concentration": 1.6},
    "conflicting terms": {"worst_cosine": -0.1},
    "one term dominates": {"share": [0.8, 0.2]},
    "collapsed embeddings": {"effective_share": 0.6},
    "no active triplets": {"active": 0.3},
}
"""What to change of them so that there is no reason for an alarm."""

START = {"dead": 0.1, "gradient_dormant": 0.05, "constant": 0.0, "effective_rank": 50.0, "srank": 50.0, "probe": 1.0}
RULES = {rule.name: rule for rule in diagnostics.RULES}


def history(readings: dict[str, object], reads: int = 6, every: int = 50) -> diagnostics.History:
    """The same readings again and again, after a healthy first one for what is compared with its start."""
    found = None
    for read in range(reads):
        shown = {name: START.get(name, value) if read == 0 else value for name, value in readings.items()}
        found = diagnostics.append(found, read * every, {f"x/{name}": value for name, value in shown.items()})
    assert found is not None
    return found


def names(*given: object, **options: object) -> list[str]:
    return [alarm.name for alarm in diagnostics.report(*given, **options)]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_gives_an_alarm_where_it_should_and_only_there(name: str) -> None:
    assert names(history(BAD[name])) == [name]
    assert names(history(BAD[name] | GOOD[name])) == []


@pytest.mark.parametrize("name", RULES)
def test_a_rule_suggests_what_exists_and_says_what_would_falsify_it(name: str) -> None:
    (alarm,) = diagnostics.report(history(BAD[name]))
    assert alarm.falsified_by
    assert re.search(r"\d", alarm.evidence), "an alarm shows numbers"
    for suggestion in alarm.suggests:
        path = re.fullmatch(r"jaxloss((?:\.\w+)+)(?:\(.*\))?", suggestion)
        assert path is not None, suggestion
        assert callable(functools.reduce(getattr, path[1].split(".")[1:], jaxloss))
    assert all(part in str(alarm) for part in (alarm.name, alarm.evidence, alarm.falsified_by, *alarm.suggests))


def test_an_alarm_needs_persistence() -> None:
    bad, good = BAD["over-confidence"], BAD["over-confidence"] | GOOD["over-confidence"]

    def of(pattern: str) -> diagnostics.History:
        found = None
        for step, mark in enumerate(pattern):
            readings = {f"x/{n}": v for n, v in (bad if mark == "b" else good).items()}
            found = diagnostics.append(found, step, readings)
        assert found is not None
        return found

    for pattern, expected in {
        "bb": 0,
        "bbb": 1,
        "bbbgg": 0,
        "bgbgb": 1,
        "ggggb": 0,
        "bbbggggb": 0,
        "gggbbb": 1,
    }.items():
        assert len(diagnostics.report(of(pattern))) == expected, pattern
    assert names(of("b"), persistence=(1, 1)) == ["over-confidence"]
    (alarm,) = diagnostics.report(of("gbgbb"))
    assert (alarm.step, alarm.reads) == (4, (3, 5))
    with pytest.raises(ValueError, match="1 <= held <= of"):
        diagnostics.report(of("b"), persistence=(3, 2))


def test_nothing_read_is_no_reason() -> None:
    nothing = diagnostics.append(None, np.arange(3), {"x/ece": np.zeros(3)}, due=np.zeros(3, bool))
    assert names(nothing) == []
    # A name with a slash is a name like any other.
    bad = BAD["no active triplets"]
    found = None
    for step in range(3):
        found = diagnostics.append(found, step, {f"train/last/{name}": value for name, value in bad.items()})
    (alarm,) = diagnostics.report(found)
    assert alarm.state == "train/last"


def test_saturation_needs_a_hundred_steps_and_an_error_that_does_not_fall() -> None:
    assert names(history(BAD["saturation"], every=10)) == []
    falling = None
    for read in range(8):
        falling = diagnostics.append(falling, 50 * read, {"x/stuck": 0.7, "x/error": 0.5 * 0.9**read})
    assert names(falling) == []


@pytest.mark.parametrize("every", [1, 10, 15, 24, 60])
def test_a_rule_of_many_steps_looks_back_as_far(every: int) -> None:
    found = None
    for read in range(120 // every + 3):
        found = diagnostics.append(found, every * read, {"x/stuck": 0.7, "x/error": 0.5})
    assert found is not None
    assert names(found) == ["saturation"]
    lately = {"x/stuck": np.where(found.steps < found.steps[-1] - 90, 0.1, 0.7), "x/error": found.readings["x/error"]}
    assert names(diagnostics.History(found.steps, lately)) == []


def test_readings_of_other_states_are_found_if_there_is_one() -> None:
    shares = {"last layer/share": [0.95, 0.05], "last layer/population": [0.99, 0.01]}
    found = None
    for step in range(5):
        found = diagnostics.append(found, step, {**shares, "pixels/group_accuracy": [1.0, 0.1]})
    (alarm,) = diagnostics.report(found)
    assert (alarm.name, alarm.state) == ("easy negatives", "last layer")
    assert "group 1, 1.0% of the examples" in alarm.evidence
    two = None
    for step in range(5):
        two = diagnostics.append(two, step, {**shares, "a/group_accuracy": [1.0, 0.1], "b/group_accuracy": [1.0, 0.1]})
    assert names(two) == []


def test_rules_do_not_mix_what_different_states_call_alike() -> None:
    """All kinds of states at once, by hand: ``share``, ``accuracy`` and ``count`` mean several things."""
    found = None
    for step in range(5):
        readings = {
            "examples/share": [0.99, 0.01],
            "examples/population": [0.5, 0.5],
            "examples/effective_share": 0.05,
            "terms/share": [0.6, 0.4],
            "terms/cosines": np.eye(2),
            "terms/worst_cosine": 0.0,
            "cue/share": 0.99,
            "eval/accuracy": 0.1,
            "eval/count": 100.0,
            "groups/group_accuracy": [0.9, 0.9, 0.1],
            "embeddings/variance": 0.9,
            "embeddings/effective_share": 0.9,
        }
        found = diagnostics.append(found, step, readings)
    assert names(found) == []


def test_history_fills_what_was_not_read() -> None:
    first = diagnostics.append(None, 1, {"a/x": 1.0})
    both = diagnostics.append(first, np.array([2, 3, 4]), {"b/y": np.ones((3, 2))}, due=np.array([True, False, True]))
    assert both.steps.tolist() == [1, 2, 4]
    np.testing.assert_array_equal(both.readings["a/x"], [1, np.nan, np.nan])
    np.testing.assert_array_equal(both.readings["b/y"], [[np.nan] * 2, [1, 1], [1, 1]])
    assert first.steps.tolist() == [1], "the given history is unchanged"
    with pytest.raises(ValueError, match="one reading for each of the 2 steps"):
        diagnostics.append(first, np.arange(2), {"a/x": 1.0})
    with pytest.raises(ValueError, match="must have the shape that it had before"):
        diagnostics.append(both, 5, {"b/y": np.ones(3)})


def test_reads_at_which_a_state_was_not_read_are_no_evidence() -> None:
    """A plasticity probe every fourth read persists over its own reads."""
    found = None
    for step in range(20):
        readings = {"x/other": 1.0} | ({"x/probe": 1.0 if step == 0 else 2.0} if step % 4 == 0 else {})
        found = diagnostics.append(found, step, readings)
    (alarm,) = diagnostics.report(found)
    assert (alarm.name, alarm.step, alarm.reads) == ("loss of plasticity (probe)", 16, (4, 5))


def train(loss: object, bias: float, rate: float = 0.5) -> diagnostics.History:
    """A logistic regression whose bias starts far on the wrong side, by gradient descent, with its saturation."""
    inputs = jax.random.normal(jax.random.key(0), (256, 4))
    targets = (inputs[:, 0] > 0).astype(jnp.float32)
    params = {"w": jnp.zeros(4), "b": jnp.array(bias)}
    bound = float(jnp.max(jnp.abs(jax.vmap(jax.grad(loss))(jnp.linspace(-20, 20, 4001), jnp.ones(4001)))))

    def step(carry: tuple, number: jax.Array) -> tuple:
        params, states = carry
        logits, pull = jax.vjp(lambda p: inputs @ p["w"] + p["b"], params)
        slopes = jax.vmap(jax.grad(loss))(logits, targets)
        params = jax.tree.map(lambda p, g: p - rate * g, params, pull(slopes / 256)[0])
        wrong = (logits > 0) != (targets > 0.5)
        state = diagnostics.saturation.update(states["train"], slopes[:, None], wrong, bound=bound)
        due, readings, states = diagnostics.read_every({"train": state}, number, every=25)
        return (params, states), (due, readings)

    start = (params, {"train": diagnostics.saturation.init()})
    _, (due, readings) = jax.jit(lambda start: jax.lax.scan(step, start, jnp.arange(250)))(start)
    return diagnostics.append(None, np.arange(250), readings, due=due)


def squared(logit: jax.Array, target: jax.Array) -> jax.Array:
    return jaxloss.squared_error(jax.nn.sigmoid(logit), target)


def test_a_squared_error_behind_a_sigmoid_saturates_and_a_cross_entropy_does_not() -> None:
    """Gradient descent from a bias of -8: the failure of one loss and not of the other, with the same signal."""
    (alarm,) = diagnostics.report(train(squared, -8.0))
    assert alarm.name == "saturation"
    assert names(train(jaxloss.sigmoid_binary_cross_entropy, -8.0)) == []
    assert names(train(squared, 0.0)) == []


def test_conflicting_terms_give_an_alarm_from_an_objective() -> None:
    """Two terms that want opposite things, through the one line in an objective."""
    losses = lambda p: {"up": jnp.sum(jnp.square(p - 3)), "down": jnp.sum(jnp.square(p + 3))}
    objective = combine.objective(losses, aggregate=diagnostics.terms.recorded())
    params, found = jnp.ones(3), None
    state = objective.init(params)
    for step in range(4):
        (_, aux), slopes = jax.value_and_grad(objective, has_aux=True)(params, state)
        params, state = params - 0.01 * slopes, aux.state
        readings = diagnostics.read({"terms": state.aggregator.terms})
        found = diagnostics.append(found, step, readings)
    assert "conflicting terms" in names(found)
