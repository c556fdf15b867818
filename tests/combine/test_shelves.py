"""The combinator layer as a library: one path to every name, imports one way, examples that run, objects that jit."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import weakref
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine
from tests.support import run_examples

MODULES = {
    info.name.removeprefix("jaxloss.combine."): importlib.import_module(info.name)
    for info in pkgutil.walk_packages(combine.__path__, "jaxloss.combine.")
}
SHELVES = ("structure", "weights", "examples", "gradients", "_engine", "objectives")
"""From the bottom upwards; the three in the middle do not know each other."""


def shelf_of(name: str) -> str:
    return name.split(".")[0]


def test_every_name_has_one_home() -> None:
    public = {
        n: m for n, m in MODULES.items() if not hasattr(m, "__path__") and "_" not in {p[0] for p in n.split(".")}
    }
    owned = [name for module in public.values() for name in module.__all__]
    assert sorted(owned) == sorted(combine.__all__)
    assert len(set(owned)) == len(owned)
    assert not {name.split(".")[-1] for name in MODULES} & set(owned), "a module is named like a function"
    for name, module in public.items():
        assert all(getattr(combine, member) is getattr(module, member) for member in module.__all__), name


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    shelf = shelf_of(name)
    below = SHELVES[: SHELVES.index(shelf)]
    allowed = {shelf, *(below if shelf in ("_engine", "objectives") else ("structure",))}
    tree = ast.parse(Path(inspect.getfile(MODULES[name])).read_text())
    imported = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert {
        shelf_of(m.removeprefix("jaxloss.combine.")) for m in imported if m.startswith("jaxloss.combine.")
    } <= allowed


@pytest.mark.full
@pytest.mark.parametrize("module", [combine, *MODULES.values()], ids=lambda module: module.__name__)
@jax.numpy_dtype_promotion("standard")  # for optax's own arithmetic
def test_examples(module: ModuleType) -> None:
    run_examples(module, module.__name__, {"jaxloss": jaxloss, "jax": jax, "jnp": jnp}, recurse=True)


@pytest.mark.parametrize("name", sorted(n for n in combine.__all__ if n.islower()))
def test_docstrings_are_complete(name: str) -> None:
    member = getattr(combine, name)
    needed = ["Returns:", "Example:"] + ["Args:"] * bool(inspect.signature(member).parameters)
    assert not [section for section in needed if section not in member.__doc__]


@pytest.mark.parametrize("options", [{}, {"aggregate": combine.upgrad(), "microbatches": 2}], ids=["plain", "parts"])
def test_an_objective_is_a_function_to_jax(options) -> None:
    x = jnp.arange(4.0)
    objective = combine.objective(
        lambda p, x: {"fit": (p * x - 1) ** 2, "size": p**2}, combine.weigh(size=0.5), **options
    )
    state = jax.eval_shape(objective.init, 2.0, x)
    assert jax.tree.structure(state) == jax.tree.structure(objective.init(2.0, x))
    state = objective.init(2.0, x)
    expected, aux = objective(2.0, state, x)
    for fn in (
        jax.jit(objective),
        jax.jit(objective.apply),
        jax.checkpoint(objective),
        functools.partial(objective),
        jax.jit(lambda objective, *args: objective(*args), static_argnums=0).__get__(objective),
    ):
        loss, found = fn(2.0, state, x)
        np.testing.assert_allclose(loss, expected, rtol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, aux)
    assert jax.eval_shape(objective, 2.0, state, x)[0].shape == ()
    assert {objective: 1}[objective] == 1
    assert weakref.ref(objective)() is objective


@pytest.mark.parametrize("made", [combine.weigh(a=2.0), combine.upgrad()], ids=["transformation", "aggregator"])
def test_pairs_of_functions_are_values(made) -> None:
    assert hash(made) == hash(type(made)(**{name: getattr(made, name) for name in vars(made)}))
    assert weakref.ref(made)() is made
    terms = {"a": jaxloss.reductions.Term(jnp.ones(2), jnp.ones(2))}
    if isinstance(made, combine.LossTransform):
        found, _ = jax.jit(made.update)(terms, made.init(terms), step=jnp.int32(0))
        np.testing.assert_array_equal(found["a"].values, 2)
    else:
        more = {"values": jnp.ones(1), "present": jnp.ones(1, bool), "step": jnp.int32(0)}
        found, _ = jax.jit(made.update)(jnp.ones((1, 3)), made.init(jnp.zeros(3), ("a",)), **more)
        np.testing.assert_allclose(found, 1)


@pytest.mark.parametrize("name", sorted(n for n in combine.__all__ if n.endswith(("_weights", "_weighting"))))
def test_the_suffix_tells_the_kind(name: str) -> None:
    """``*_weighting`` makes an aggregator, ``*_weights`` is a pure function of arrays."""
    returned = inspect.signature(getattr(combine, name)).return_annotation
    assert (returned == "Aggregator") if name.endswith("_weighting") else ("Array" in returned)
