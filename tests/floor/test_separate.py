"""Functions with a slope of their own in each argument."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.maths.separate import with_slopes


@with_slopes(lambda x, y: y + 2 * x, lambda x, y: x)
def _product(x: jax.Array, y: jax.Array) -> jax.Array:
    return x * (x + y)


def test_the_slopes_are_the_given_ones_to_any_order_in_either_mode() -> None:
    x, y = jnp.array([1.0, 2.0]), jnp.array([3.0, 5.0])
    np.testing.assert_array_equal(_product(x, y), [4, 14])
    slopes = jax.jit(jax.grad(lambda x, y: jnp.sum(_product(x, y)), argnums=(0, 1)))(x, y)
    np.testing.assert_array_equal(slopes, [[5, 9], [1, 2]])
    value, along = jax.jvp(_product, (x, y), (jnp.ones(2), 10 * jnp.ones(2)))
    np.testing.assert_array_equal([value, along], [[4, 14], [15, 29]])
    np.testing.assert_array_equal(jax.hessian(_product, argnums=(0, 1))(1.0, 3.0), [[2, 1], [1, 0]])
    np.testing.assert_array_equal(jax.vmap(jax.grad(_product))(x, y), [5, 9])


def test_only_the_slopes_asked_for_are_computed() -> None:
    @with_slopes(lambda x, y: y, lambda x, y: pytest.fail("nobody asked for this slope"))
    def product(x: jax.Array, y: jax.Array) -> jax.Array:
        return x * y

    assert jax.grad(product)(2.0, 3.0) == 3
    assert jax.jvp(lambda x: product(x, 3.0), (2.0,), (1.0,))[1] == 3
    assert jax.grad(lambda z: product(2.0, 3.0) * z)(1.0) == 6
