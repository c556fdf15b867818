"""Every loss on the accelerator at hand, if there is one, against the CPU."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxloss.inspect.calls import cast, cast_hypers, of_floats, settings
from jaxloss.inspect.case import Case
from tests.support import assert_trees_close, selected_cases


@pytest.fixture(params=[pytest.param("gpu", marks=pytest.mark.gpu), pytest.param("tpu", marks=pytest.mark.tpu)])
def device(request: pytest.FixtureRequest) -> jax.Device:
    if jax.default_backend() != request.param:
        pytest.skip(f"no {request.param} here")
    return jax.devices(request.param)[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("case", selected_cases(metafunc.config), ids=lambda case: case.name)


@pytest.mark.full
def test_values_and_gradients(case: Case, device: jax.Device) -> None:
    expected, actual = (_value_and_gradient(case, where) for where in (jax.devices("cpu")[0], device))
    assert_trees_close(actual, expected, 1e-4, case.name)


def _value_and_gradient(case: Case, device: jax.Device):
    inputs = cast(case.draw(np.random.default_rng(0), (6,)), np.float32)
    fn, at = of_floats(case, jax.device_put(inputs, device), **cast_hypers(settings(case)[-1], np.float32))
    return jax.device_get(jax.jit(jax.value_and_grad(fn))(at))
