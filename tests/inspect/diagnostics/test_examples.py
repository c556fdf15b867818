"""Every public function has an example that is executed, and a complete docstring."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import jax
import jax.numpy as jnp
import pytest

import jaxloss
from jaxloss.inspect import diagnostics
from tests.support import run_examples

MODULES = [
    importlib.import_module(info.name)
    for info in pkgutil.iter_modules(diagnostics.__path__, f"{diagnostics.__name__}.")
    if not info.name.rpartition(".")[2].startswith("_")
]
FUNCTIONS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if inspect.isfunction(getattr(module, name))
}
NAMES = {"diagnostics": diagnostics, "jax": jax, "jnp": jnp, "jaxloss": jaxloss}


@pytest.mark.full
@pytest.mark.parametrize("name", FUNCTIONS)
def test_example_of_function(name: str) -> None:
    function = FUNCTIONS[name]
    assert run_examples(function, name, NAMES) >= 1
    text = inspect.getdoc(function) or ""
    assert "Returns:" in text
    for parameter in inspect.signature(function).parameters:
        assert f"{parameter}:" in text, f"{name}: {parameter} is not described"


@pytest.mark.full
def test_example_of_package() -> None:
    assert run_examples(diagnostics, "diagnostics", NAMES) >= 1
