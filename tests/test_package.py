"""What a stranger gets: a light import, one way to every name, a house that keeps its own rules."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.registry import HELPERS, losses, public_functions
from tests.support import run_examples

ROOT = Path(jaxloss.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
OPTIONAL = ("flax", "matplotlib", "optax", "rich", "safetensors", "scipy", "sklearn", "torch", "keras")
MAY_IMPORT = {
    "benchmarks": {"matplotlib", "torch"},
    "cards": {"matplotlib"},
    "cli": set(OPTIONAL),
    "intervals": {"scipy"},  # which JAX itself requires
    "nn": {"flax", "safetensors", "torch"},
}
"""Folder to the optional packages that its functions may import when they are called."""


def python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return result.stdout


def test_import_needs_jax_and_chex_only() -> None:
    loaded = python("import jaxloss, sys; print(*{m.split('.')[0] for m in sys.modules})").split()
    assert not set(OPTIONAL) & set(loaded)
    assert {"jax", "chex"} <= set(loaded)


ELSEWHERE = {"blank", "checked", "diagnose", "elementwise", "per_example", "reduce"}
"""Public functions that live in the private floor or in a public module."""

VOCABULARIES = {
    name: getattr(jaxloss, name)
    for name in ("boxes", "checks", "diffusion", "fields", "logic", "reductions", "returns", "tokens", "typing")
}
"""Public modules whose names are reached through the module and not at the root."""


def test_every_public_function_has_one_documented_path() -> None:
    owners: dict[str, str] = {}
    apart = (
        "jaxloss.benchmarks",
        "jaxloss.cli",
        "jaxloss.combine",
        "jaxloss.inspect",
        "jaxloss.names",
        "jaxloss.nn",
        "jaxloss.__main__",
    )
    for info in pkgutil.walk_packages(jaxloss.__path__, "jaxloss."):
        if info.ispkg or "._" in info.name or info.name.startswith(apart):
            continue
        module = importlib.import_module(info.name)
        assert module.__all__, info.name
        if module in VOCABULARIES.values():
            continue
        assert info.name.rsplit(".", 1)[1] not in public_functions(), f"module {info.name} is named like a function"
        for name in module.__all__:
            assert name not in owners, f"{name} is in {owners.get(name)} and {info.name}"
            owners[name] = info.name
            homes = [home for home in VOCABULARIES.values() if name in home.__all__]
            homes = [jaxloss] if name in jaxloss.__all__ else homes  # logic is a family, too: its losses are flat
            assert len(homes) == 1, f"{name} is reached through {homes}"
            assert getattr(homes[0], name) is getattr(module, name)
    flat = set(owners) & set(jaxloss.__all__)
    classes = {name for name in flat if inspect.isclass(getattr(jaxloss, name))}
    assert flat - classes == set(public_functions()) - ELSEWHERE


@pytest.mark.full
@pytest.mark.parametrize("name", VOCABULARIES)
@jax.numpy_dtype_promotion("standard")
def test_examples_of_the_vocabularies(name: str) -> None:
    names = {"jaxloss": jaxloss, "jax": jax, "jnp": jnp, "np": np}
    vocabulary = VOCABULARIES[name]
    assert run_examples(vocabulary, name, names), "a vocabulary teaches itself with an example"
    for member in (getattr(vocabulary, member) for member in vocabulary.__all__):
        if inspect.isfunction(member):
            assert member.__doc__
            run_examples(member, member.__name__, names)


def test_helpers_are_public_and_have_reasons() -> None:
    assert set(HELPERS) <= set(public_functions())
    assert all(len(reason.split()) >= 3 for reason in HELPERS.values())
    assert not set(HELPERS) & set(losses())


def test_no_test_needs_a_package_of_oracles() -> None:
    """Their extra is not installed everywhere: a test that uses one takes it by `pytest.importorskip`."""
    packages = {"calibration", "coral_pytorch", "flint", "keras", "kornia", "monai", "ot", "pytorch_metric_learning"}
    packages |= {"rax", "relplot", "safetensors", "scoringrules", "torch"}
    needed = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for statement in ast.parse(path.read_text()).body
        for name in _imported(statement)
        if name.split(".")[0] in packages
    ]
    assert not needed, "\n".join(needed)


def _imported(statement: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(statement, ast.ImportFrom):
        return [statement.module or ""]
    return [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_house_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no module docstring"
    assert len(text.splitlines()) <= 300, "more than one idea"
    imports = [name for node in ast.walk(tree) for name in _imported(node)]
    if path.name != "checks.py":
        assert not any(name.split(".")[0] == "chex" for name in imports), "only checks imports chex"
    allowed = set().union(*(MAY_IMPORT.get(part, set()) for part in path.parts))
    optional = {name.split(".")[0] for name in imports} & set(OPTIONAL)
    assert optional <= allowed, "optional packages belong to the extras"
    assert "type: ignore" not in text  # the rule itself, not a suppression
    assert "pyright: ignore" not in text  # the rule itself, not a suppression
    if path.name != "reduction.py":
        assert "jnp.mean(" not in text, "averages are taken in reduction"


@pytest.mark.parametrize(
    "name",
    [
        "_floor.means.terms",
        "_floor.value_checks",
        "_floor.reduction",
        "reductions",
    ],
)
@jax.numpy_dtype_promotion("standard")
def test_examples_of_the_floor(name: str) -> None:
    module = importlib.import_module(f"jaxloss.{name}")
    names = {"jaxloss": jaxloss, "jax": jax, "jnp": jnp}
    assert run_examples(module, module.__name__, names, recurse=True)


def test_the_readme_names_every_loss() -> None:
    words = set(re.findall(r"\w+", (Path(__file__).parent.parent / "README.md").read_text()))
    assert not (missing := set(losses()) - words), f"not in the table of README.md: {missing}"


def test_helpers_have_docstrings_and_examples() -> None:
    for name in set(HELPERS) - {"checked", "reduce"}:
        text = public_functions()[name].__doc__ or ""
        assert "Args:" in text, name
        assert run_examples(public_functions()[name], name, {"jaxloss": jaxloss, "jax": jax, "jnp": jnp})


TWO_ORDERS = {
    frozenset(("kernel", "labels")): "floating and integer: a swap is a TypeError",
    frozenset(("samples", "predictions")): "score distillation moves the samples, which therefore come first",
    frozenset(("log_probs_t", "q_t")): "the critic of SAC takes a transition first, its actor none",
    **{frozenset(("v_t", name)): "V-trace has the order of rlax" for name in ("r_t", "discount_t")},
}


def test_arguments_come_in_one_order() -> None:
    """Two arguments that several functions take come in one order: a swap of equal shapes trains on."""
    orders: dict[frozenset[str], set[tuple[str, str]]] = {}
    for fn in public_functions().values():
        data = [p.name for p in inspect.signature(fn).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        for pair in itertools.combinations(data, 2):
            orders.setdefault(frozenset(pair), set()).add(pair)
    several = {pair for pair, found in orders.items() if len(found) > 1}
    assert several == set(TWO_ORDERS)
