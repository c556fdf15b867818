"""Functions as pytrees: the same structure from call to call, and the same function when opened."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.closures import as_tree, opened


class _Pair(NamedTuple):
    name: str
    array: Any


def _made(x: Any, power: float = 2, name: str = "a") -> Any:
    pair = _Pair(name, x)
    shift = lambda y: y + pair.array
    twice = lambda y: 2 * y

    def block(y: Any, /, factor: Any = 3.0, *, offset: Any = x) -> Any:
        return factor * twice(shift(y)) ** power - offset if pair.name == "a" else y

    return block


def test_opened_is_the_function() -> None:
    block = _made(jnp.arange(3.0))
    same = opened(as_tree(block))
    assert jnp.array_equal(same(1.0), block(1.0))
    assert jnp.array_equal(same(1.0, 2.0, offset=0.0), block(1.0, 2.0, offset=0.0))


def test_arrays_are_leaves_and_the_rest_is_structure() -> None:
    structure = lambda *args: jax.tree.structure(as_tree(_made(*args)))
    one, other = jnp.ones(2), jnp.zeros(2)
    assert structure(one) == structure(other)
    assert hash(structure(one)) == hash(structure(other))
    # In Python 1 == 1.0 == True.
    assert len({structure(one, power) for power in (1, 1.0, True)}) == 3
    assert structure(one, 2, "b") != structure(one)
    assert structure(0.5) != structure(1.5)


def test_equal_code_of_two_functions_is_told_apart_by_its_module() -> None:
    made = "def make(x):\n    return lambda: scale * x\n"
    worlds: list[dict[str, Any]] = [{"scale": 2, "__name__": "one"}, {"scale": 3, "__name__": "other"}]
    for world in worlds:
        exec(compile(made, "made", "exec"), world)
    two, three = (as_tree(world["make"](jnp.ones(()))) for world in worlds)
    assert jax.tree.structure(two) != jax.tree.structure(three)
    assert (opened(two)(), opened(three)()) == (2, 3)


def test_functions_of_modules_keep_their_identity() -> None:
    seen = jnp.square
    assert opened(as_tree(lambda: seen))() is seen


def test_a_function_is_traced_once_and_differentiated_by_what_it_closes_over() -> None:
    traces = []

    @jax.jit
    def run(tree: Any, y: Any) -> Any:
        traces.append(y)
        return jnp.sum(opened(tree)(y))

    slopes = [jax.grad(lambda x, at=at: run(as_tree(_made(x)), at))(jnp.ones(2)) for at in (1.0, 2.0)]
    assert len(traces) == 1
    # 3 * (2 * (y + x))**2 - x
    assert jnp.allclose(slopes[0], 24 * 2 - 1)
    assert jnp.allclose(slopes[1], 24 * 3 - 1)


def test_what_cannot_be_hashed_is_only_itself() -> None:
    class Model:
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Model)

    def made(model: Any) -> Any:
        return lambda: model

    one = Model()
    assert hash(jax.tree.structure(as_tree(made(one)))) == hash(jax.tree.structure(as_tree(made(one))))
    assert opened(as_tree(made(one)))() is one
