"""What `diagnose` takes, what it leaves behind, and how it reports."""

from __future__ import annotations

import cProfile
import functools
import json
import sys
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine
from jaxloss.inspect.diagnosis import CAUSES, Diagnosis, Finding, diagnose
from jaxloss.inspect.diagnosis.causes import rank
from jaxloss.inspect.diagnosis.recording import recording
from jaxloss.inspect.examples import failures
from tests.inspect.diagnosis.sick import batch, classify, cross_entropy, labels, logits, model, params


def test_a_partial_keeps_its_arguments() -> None:
    fn = functools.partial(cross_entropy, labels=labels, reduction="sum")
    diagnosis = diagnose(fn, logits)
    assert not diagnosis, diagnosis.text()
    assert diagnosis.value == pytest.approx(float(cross_entropy(logits, labels, reduction="sum")), rel=1e-6)
    assert diagnose(functools.partial(fn, labels=labels + 1), logits).findings[0].cause == "labels_out_of_range"


def test_arguments_may_be_named() -> None:
    diagnosis = diagnose(cross_entropy, logits=logits, labels=labels, where=np.zeros(len(labels), bool))
    assert diagnosis.findings[0].cause == "all_masked"


def test_findings_are_sorted_by_directness() -> None:
    diagnosis = diagnose(cross_entropy, 2e4 * logits, labels + 1)
    assert [finding.cause for finding in diagnosis.findings] == ["labels_out_of_range", "huge_scores"]
    ranks = [rank(finding.cause) for finding in diagnosis.findings]
    assert ranks == sorted(ranks)


def test_the_report_is_text_and_json() -> None:
    finding = Finding("overflow", "exp at train.py:3", {"gives": float("inf"), "of": [1.0, float("nan")]}, "scale it.")
    diagnosis = Diagnosis((finding,), float("nan"))
    assert (
        str(diagnosis)
        == diagnosis.text()
        == (
            "1 finding (value nan), the most likely cause first\n"
            f"1. overflow in exp at train.py:3: {CAUSES['overflow']}\n"
            "  found: gives inf, of [1.0, nan]\n"
            "  remedy: scale it."
        )
    )
    read = json.loads(diagnosis.json())
    assert read["value"] == "nan"
    assert read["findings"][0]["evidence"] == {"gives": "inf", "of": [1.0, "nan"]}
    assert bool(diagnosis)
    assert not Diagnosis((), 1.0)
    assert Diagnosis((), None).text() == "Nothing found (no value)."


def test_an_unknown_cause_is_an_error() -> None:
    with pytest.raises(ValueError, match="cause must be one of"):
        Finding("bad luck", "", {}, "")


@pytest.mark.parametrize(
    ("fn", "args", "words"),
    [
        (1.5, (), "loss_fn must be a function; found float"),
        (combine.objective(lambda p, x: {"a": jnp.sum(p * x)}), (jnp.ones(2), jnp.ones(2)), "objective, params, state"),
    ],
)
def test_what_is_not_diagnosed_is_an_error(fn: Any, args: tuple[Any, ...], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        diagnose(fn, *args)


def test_the_example_runs() -> None:
    tried, broken = failures(diagnose, "diagnose", {"jnp": jnp, "jax": jax, "jaxloss": jaxloss})
    assert tried == 4
    assert not broken, "\n".join(broken)


def test_traced_arguments_are_an_error() -> None:
    with pytest.raises(TypeError, match="concrete arrays"):
        jax.jit(lambda x: diagnose(jnp.sum, x).value)(jnp.ones(2))


def test_nothing_is_left_behind() -> None:
    hook = lambda frame, event, argument: None
    before = sys.getprofile()
    sys.setprofile(hook)
    try:
        with warnings.catch_warnings(record=True) as caught, jax.debug_nans(True):
            warnings.simplefilter("always")
            shown = warnings.showwarning
            assert diagnose(lambda p: jnp.log(p - p), jnp.ones(())).findings[0].cause == "log_of_zero"
            assert sys.getprofile() is hook
            assert warnings.showwarning is shown
            assert jax.config.jax_debug_nans
        assert not caught
    finally:
        sys.setprofile(before)
    assert jax.config.jax_numpy_rank_promotion == "raise"


def test_a_run_may_be_profiled() -> None:
    profile = cProfile.Profile()
    profile.enable()
    try:
        assert not diagnose(lambda x: jnp.sum(x * x), jnp.ones(2))
        len([])
    finally:
        profile.disable()
    calls = {entry.code for entry in profile.getstats() if isinstance(entry.code, str)}
    assert "<built-in method builtins.len>" in calls, "the profiler was not switched on again"


def test_warnings_of_the_function_are_shown() -> None:
    def fn(x: jax.Array) -> jax.Array:
        warnings.warn("mind the step", UserWarning, stacklevel=1)
        return jnp.sum(x * x)

    with pytest.warns(UserWarning, match="mind the step"):
        diagnose(fn, jnp.ones(2))


def test_only_outermost_losses_are_recorded_with_their_arguments() -> None:
    with recording() as record:
        classify(params, batch)
        jax.grad(classify)(params, batch)
    assert [call.name for call in record.calls] == ["softmax_cross_entropy_with_integer_labels"]
    assert record.traced
    np.testing.assert_array_equal(record.calls[0].arguments["labels"], labels)
    assert record.calls[0].arguments["where"] is None
    np.testing.assert_allclose(record.calls[0].result, classify(params, batch))


def test_a_loss_of_ones_own_is_a_loss() -> None:
    @jaxloss.elementwise
    def cubed(predictions: jax.Array, targets: jax.Array) -> jax.Array:
        return jnp.abs(predictions - targets) ** 3

    x = np.linspace(0, 1, 8, dtype=np.float32)
    assert not diagnose(cubed, x, x[::-1])
    assert diagnose(cubed, x, x[::-1], where=np.zeros(8, bool)).findings[0].cause == "all_masked"


def test_a_function_without_names_and_with_a_number_as_parameter() -> None:
    fn = lambda *args: jnp.sum(args[1] * jnp.sqrt(args[0]))
    diagnosis = diagnose(fn, 0.0, np.ones(3, np.float32))
    assert diagnosis.findings[0].cause == "root_at_zero"
    assert diagnosis.findings[0].where.startswith("argument 0, through sqrt")


def test_broken_terms_are_named_beside_their_cause() -> None:
    def losses(params: Any, x: Any, y: Any) -> dict[str, Any]:
        return {"ce": cross_entropy(model(params, x), y), "log": jnp.log(jnp.sum(params["b"]) * 0.0)}

    objective = combine.objective(losses)
    state = objective.init(params, batch["x"], batch["y"])
    diagnosis = diagnose(objective, params, state, batch["x"], batch["y"])
    assert [finding.cause for finding in diagnosis.findings] == ["log_of_zero", "nonfinite_term"]
    assert all("term 'log'" in finding.where for finding in diagnosis.findings)
