"""`jaxloss.softmax_cross_entropy_parts`: the numbers of two losses, from one pass."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

import jaxloss
from jaxloss import combine, reductions
from jaxloss.benchmarks.programs import figures

RNG = np.random.default_rng(3)
LOGITS = 3 * RNG.normal(size=(8, 5)).astype(np.float32)
LABELS = RNG.integers(5, size=8)
WHERE = np.arange(8) % 3 > 0
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "class weights": {"class_weights": jnp.array([1.0, 2.0, 0.5, 0.0, 3.0])},
    "all": {
        "label_smoothing": 0.2,
        "class_weights": jnp.array([1.0, 2.0, 0.5, 0.25, 3.0]),
        "where": WHERE,
        "weights": np.linspace(0.5, 2, 8).astype(np.float32),
    },
}

pytestmark = pytest.mark.full


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", OPTIONS)
def test_parts_add_up_to_the_loss_with_z_loss_in_value_and_gradient(name: str, reduction: str) -> None:
    options = OPTIONS[name] | {"reduction": reduction}

    def whole(z: Any) -> Any:
        return jnp.sum(jaxloss.softmax_cross_entropy_with_integer_labels(z, LABELS, z_loss=0.03, **options))

    def added(z: Any) -> Any:
        parts = jaxloss.softmax_cross_entropy_parts(z, LABELS, **options)
        return jnp.sum(parts.cross_entropy + 0.03 * parts.z_loss)

    ours, theirs = jax.value_and_grad(added)(LOGITS), jax.value_and_grad(whole)(LOGITS)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-6, atol=1e-7), ours, theirs)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_cross_entropy_is_that_of_its_own_function_to_the_bit(name: str) -> None:
    parts = jax.jit(lambda z: jaxloss.softmax_cross_entropy_parts(z, LABELS, **OPTIONS[name]))(LOGITS)
    alone = jax.jit(lambda z: jaxloss.softmax_cross_entropy_with_integer_labels(z, LABELS, **OPTIONS[name]))(LOGITS)
    assert parts.cross_entropy == alone


def test_log_normalizers_are_those_of_scipy_and_0_behind_the_mask() -> None:
    spoiled = np.where(WHERE[:, None], LOGITS, np.nan)
    found = jaxloss.softmax_cross_entropy_parts(spoiled, LABELS, where=WHERE).log_normalizers
    np.testing.assert_allclose(found, np.where(WHERE, scipy.special.logsumexp(LOGITS, axis=-1), 0), rtol=1e-6)
    pull = jax.grad(lambda z: jnp.sum(jaxloss.softmax_cross_entropy_parts(z, LABELS, where=WHERE)[2]))(spoiled)
    np.testing.assert_allclose(pull, WHERE[:, None] * scipy.special.softmax(LOGITS, axis=-1), rtol=1e-5, atol=1e-7)


def test_the_z_loss_alone_is_that_of_its_own_function() -> None:
    ours = jaxloss.softmax_cross_entropy_parts(LOGITS, LABELS, where=WHERE).z_loss
    np.testing.assert_allclose(ours, jaxloss.softmax_z_loss(LOGITS, where=WHERE), rtol=1e-6)


def test_an_illegal_label_is_nan_in_its_loss_and_its_gradient() -> None:
    bad = np.where(np.arange(8) == 2, 9, LABELS)
    loss = lambda z: jaxloss.softmax_cross_entropy_parts(z, bad, reduction="none").cross_entropy
    assert np.array_equal(np.isnan(loss(LOGITS)), np.arange(8) == 2)
    assert np.array_equal(np.isnan(jax.grad(lambda z: jnp.sum(loss(z)))(LOGITS)).any(-1), np.arange(8) == 2)


def test_parts_are_terms_of_an_objective_with_weights_of_their_own() -> None:
    def losses(z: Any) -> dict[str, Any]:
        parts = jaxloss.softmax_cross_entropy_parts(z, LABELS, where=WHERE, reduction=reductions.term)
        return {"ce": parts.cross_entropy, "z": parts.z_loss}

    objective = combine.objective(losses, combine.weigh(z=optax.constant_schedule(0.03)))
    (loss, aux), _ = jax.value_and_grad(objective, has_aux=True)(jnp.asarray(LOGITS), objective.init(LOGITS))
    whole = jaxloss.softmax_cross_entropy_with_integer_labels(LOGITS, LABELS, z_loss=0.03, where=WHERE)
    np.testing.assert_allclose(loss, whole, rtol=1e-6)
    np.testing.assert_allclose(aux.terms["z"].values, jaxloss.softmax_z_loss(LOGITS, where=WHERE), rtol=1e-6)


def test_the_second_result_reads_the_logits_no_second_time() -> None:
    logits, labels = jax.ShapeDtypeStruct((512, 1024), jnp.float32), jax.ShapeDtypeStruct((512,), jnp.int32)

    def both(z: Any, y: Any) -> Any:
        parts = jaxloss.softmax_cross_entropy_parts(z, y)
        return parts.cross_entropy + 1e-4 * parts.z_loss, parts

    one = lambda z, y: jaxloss.softmax_cross_entropy_with_integer_labels(z, y, z_loss=1e-4)
    compiled = [
        figures(jax.jit(fn).trace(logits, labels).lower().compile())["bytes_accessed"]
        for fn in (jax.value_and_grad(one), jax.value_and_grad(both, has_aux=True))
    ]
    assert compiled[1] < 1.02 * compiled[0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.75])
def test_smoothing_over_the_other_classes_is_a_factor_away(smoothing: float) -> None:
    """The convention of TensorFlow Addons and of Google's language models: the rest is shared by the K - 1 others."""
    classes = 5
    target = np.full((8, classes), smoothing / (classes - 1))
    target[np.arange(8), LABELS] = 1 - smoothing
    expected = -np.sum(target * scipy.special.log_softmax(LOGITS, axis=-1), axis=-1)
    ours = jaxloss.softmax_cross_entropy_with_integer_labels(
        LOGITS, LABELS, label_smoothing=smoothing * classes / (classes - 1), reduction="none"
    )
    np.testing.assert_allclose(ours, expected, rtol=2e-6)
