"""What enumeration finds in formulas of others, by counts that were measured before, and what it must not find."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss.inspect.cards import Enumeration, enumerate_floats, float_verdict, view
from jaxloss.inspect.cards.rows.floats import CHUNK, NUMPY, _inputs
from jaxloss.inspect.programs import defaults
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Word


def found(fn, dtype: str, kind="residual", **more) -> Enumeration:
    return enumerate_floats(Subject("loss", fn, kind), dtype, **more)


def focal(gamma: float):
    return lambda z: optax.sigmoid_focal_loss(z, jnp.ones_like(z), gamma=gamma)


def where_form(r):
    return jnp.where(jnp.abs(r) <= 1, 0.5 * r * r, jnp.abs(r) - 0.5)


def test_huber_of_optax_loses_small_gradients() -> None:
    result = found(optax.huber_loss, "bfloat16")
    assert result.counts["lost_gradient"] == 1118  # all of them in [1e-4, 1e3]
    witness = result.witnesses["lost_gradient"]
    assert abs(witness["input"]) == pytest.approx(1e-4, rel=4e-3)
    assert witness["gradient"] == 0
    assert witness["exact_gradient"] == witness["input"]
    assert result.counts["nan_gradient"] == result.counts["negative"] == 0


def test_log_cosh_of_optax_is_negative() -> None:
    result = found(optax.log_cosh, "float16")
    assert result.counts["negative"] == 4836
    assert result.witnesses["negative"]["value"] == pytest.approx(-4.9e-4, rel=0.01)


@pytest.mark.parametrize(("gamma", "first"), [(2.0, 32768), (5.0, 13104)])
def test_focal_loss_of_optax_has_nan_gradients(gamma: float, first: int) -> None:
    result = found(focal(gamma), "float16", "logit")
    assert result.witnesses["nan_gradient"]["input"] == -first
    assert set(result.counts.values()) == {0, result.counts["nan_gradient"]}


def test_naive_log_cosh_has_nan_gradients() -> None:
    result = found(lambda r: jnp.log(jnp.cosh(r)), "bfloat16")
    assert result.counts["nan_gradient"] > 30_000
    assert 88 < abs(result.witnesses["nan_gradient"]["input"]) < 90  # cosh overflows float32
    assert result.counts["infinite_value"]


def test_a_root_of_a_square_overflows() -> None:
    result = found(lambda r: jnp.sqrt(1 + r * r) - 1, "float16")
    for defect in ("infinite_value", "lost_gradient"):
        assert abs(result.witnesses[defect]["input"]) == 256
        assert result.counts[defect] == 2 * (0x7C00 - 0x5C00)  # all from 256 to the largest


def test_the_form_with_where_is_exact() -> None:
    assert found(where_form, "bfloat16").worst_ulps == 0
    assert 0 < found(where_form, "float16").worst_ulps <= 1
    verdict = float_verdict(found(where_form, "bfloat16"))
    assert verdict.word is Word.PROVED
    assert verdict.evidence["points"] == 2 * 0x7F80  # all finite bfloat16


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("loss", [jaxloss.huber_loss, jaxloss.log_cosh, jaxloss.pseudo_huber_loss])
def test_losses_here_have_no_defect(loss, dtype: str) -> None:
    result = enumerate_floats(view(loss).subjects[0], dtype)
    assert result.sound
    assert result.worst_ulps <= 1


def test_exact_overflow_and_flushed_inputs_are_no_defects() -> None:
    assert found(lambda r: r * r, "float16").sound
    assert found(jnp.abs, "bfloat16").sound


def test_a_negative_loss_may_be_negative() -> None:
    assert found(lambda r: -jnp.exp(-r * r), "bfloat16").counts["negative"] == 0


def test_inputs_outside_the_domain_are_left_out() -> None:
    assert found(jnp.log1p, "float16").counts["nan_value"]
    result = found(jnp.log1p, "float16", legal=(0.0, np.inf))
    assert not result.counts["nan_value"]
    assert result.points == 0x7C00 + 1  # zero has two signs


def test_the_verdict_carries_a_witness() -> None:
    verdict = float_verdict(found(optax.huber_loss, "bfloat16"))
    assert verdict.word is Word.REFUTED
    assert verdict.evidence["witness"]["defect"] == "lost_gradient"
    assert "1118 inputs" in verdict.statement


@pytest.mark.full
def test_chunks_cover_every_float32_once() -> None:
    shares = []
    total = 0
    for share, inputs in _inputs(NUMPY["float32"], (2.0**126, np.inf)):
        shares.append(share)
        total += inputs.size
    assert total == 2 * 2**23  # two binades of 2^23 numbers each
    assert shares[-1] == 1
    assert len(shares) == 2**32 // CHUNK


def test_progress_is_told() -> None:
    shares: list[float] = []
    found(jnp.abs, "bfloat16", progress=shares.append)
    assert shares == [1.0]


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype must be one of bfloat16, float16, float32; found 'float8'"):
        found(jnp.abs, "float8")


@pytest.mark.full
def test_negative_float32_values_of_log_cosh() -> None:
    """One binade of the 2^32 numbers: log_cosh of optax is negative by rounding on many."""
    result = found(optax.log_cosh, "float32", legal=(2.0**-12, 2.0**-11))
    assert result.counts["negative"] > 50_000
    assert -1e-7 < result.witnesses["negative"]["value"] < 0


@pytest.mark.full
def test_float32_gradients_against_numpy() -> None:
    """Every number of [1.875, 2], where the worst of all 4,278,190,080 is: 2.005 ulp at 1.9461094."""
    loss = lambda z: jaxloss.sigmoid_binary_cross_entropy(z, jnp.ones_like(z), reduction="sum")
    result = found(loss, "float32", "logit", legal=(1.875, 2.0))
    inputs = np.arange(2**20 + 1, dtype=np.uint32) + np.float32(1.875).view(np.uint32)
    inputs = inputs.view(np.float32)
    assert result.points == inputs.size
    assert result.sound
    exact = -1 / (1 + np.exp(inputs.astype(np.float64)))
    slopes = np.asarray(jax.jit(jax.grad(loss), compiler_options=defaults())(inputs), np.float64)
    ulps = np.abs(slopes - exact) / np.spacing(np.abs(exact).astype(np.float32))
    np.testing.assert_allclose(result.worst_ulps, ulps.max(), rtol=1e-6)
    assert result.worst_input == inputs[ulps.argmax()]
    assert 1 < result.worst_ulps < 3
