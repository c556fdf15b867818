"""Mutants are wrong programs that a strong test kills and a weak one does not; the tree itself is never touched."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.mutation.edits import KINDS, Source, edits
from scripts.mutation.mutants import draw
from scripts.mutation.sources import read_modules

pytestmark = pytest.mark.full

ROOT = Path(__file__).parent.parent
INIT = "from jaxloss.toys import strong, weak\nfrom jaxloss.toys.strong import *\nfrom jaxloss.toys.weak import *\n"
TREE = {
    "jaxloss/__init__.py": "from jaxloss import toys\nfrom jaxloss.toys import *\n__all__ = [*toys.__all__]\n",
    "jaxloss/toys/__init__.py": f"{INIT}__all__ = [*strong.__all__, *weak.__all__]\n",
    "jaxloss/toys/strong.py": '__all__ = ["tripled"]\n\n\ndef tripled(x):\n    """3 x."""\n    return x * 3\n',
    "jaxloss/toys/weak.py": '__all__ = ["shifted"]\n\n\ndef shifted(x):\n    return x + 5\n',
    "tests/toys/test_strong.py": "import jaxloss\n\n\ndef test_tripled():\n    assert jaxloss.tripled(5) == 15\n",
    "tests/toys/test_weak.py": "import jaxloss\n\n\ndef test_shifted():\n    assert jaxloss.shifted(5) is not None\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def mutate(tree: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "mutate.py"), "--tree", str(tree), "--jobs", "1", *options]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_a_weak_test_lets_mutants_live(tree: Path) -> None:
    result = mutate(tree, "--sample", "4", "--kinds", "operator", "constant")
    assert result.returncode == 0, result.stderr
    rows = [line for line in result.stdout.splitlines() if line.startswith("jaxloss/")]
    assert len(rows) == 4
    strong, weak = ([row for row in rows if f"/{name}.py:" in row] for name in ("strong", "weak"))
    assert strong
    assert weak
    assert all(row.endswith("test_strong.py::test_tripled") for row in strong)
    assert all(row.endswith("SURVIVED") for row in weak)
    assert f"{len(strong)} of 4 mutants killed" in result.stdout
    assert "-    return x + 5" in result.stdout
    assert {path: (tree / path).read_text() for path in TREE} == TREE


def test_the_time_limit_kills_if_the_tests_keep_to_it_without_the_mutant(tree: Path) -> None:
    slow = "import time\n\n\ndef tripled(x):\n    return time.sleep(100) if x != 5 else x * 3\n"
    (tree / "jaxloss/toys/strong.py").write_text(f'__all__ = ["tripled"]\n{slow}')
    options = ("--sample", "1", "--kinds", "comparison", "--limit", "4")
    result = mutate(tree, *options)
    assert result.returncode == 0, result.stderr
    assert "x != 5 → x == 5" in result.stdout
    assert "the time limit" in result.stdout
    test = tree / "tests/toys/test_strong.py"
    test.write_text("import time\n" + test.read_text() + "    time.sleep(100)\n")
    assert "SURVIVED (its tests take longer than --limit)" in mutate(tree, *options).stdout


def test_a_test_that_fails_anyhow_kills_nothing(tree: Path) -> None:
    failing = "import jaxloss\n\n\ndef test_first():\n    assert jaxloss.tripled(5) == 4\n"
    text = TREE["tests/toys/test_strong.py"].removeprefix("import jaxloss\n")
    (tree / "tests/toys/test_strong.py").write_text(failing + text)
    result = mutate(tree, "--sample", "1", "--kinds", "operator", "--paths", "jaxloss/toys/strong.py")
    assert result.returncode == 0, result.stderr
    assert "test_strong.py::test_tripled" in result.stdout
    assert "left out, as it fails without any mutant: tests/toys/test_strong.py::test_first" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--paths", "jaxloss/nowhere"), "no file or folder"),
        (("--paths", "tests"), "no mutant in these paths"),
        (("--sample", "0"), "--sample, --jobs and --cases are at least 1"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_errors_are_one_line(tree: Path, options: tuple[str, ...], said: str) -> None:
    result = mutate(tree, *options)
    assert result.returncode == 2
    assert result.stderr.startswith("mutate.py: ")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_tree_that_cannot_be_tested_is_refused(tree: Path) -> None:
    (tree / "tests/toys/test_weak.py").write_text("import jaxloss\n\n\ndef test_shifted():\n    jaxloss.shifted(\n")
    result = mutate(tree, "--sample", "1")
    assert result.returncode == 2
    assert "test_weak.py" in result.stderr


def changes(code: str) -> set[tuple[str, str]]:
    """Kind and text of the whole program for every edit of a program."""
    source = Source(code)
    found = [edit for statement in ast.parse(code).body for edit in edits(statement, source)]
    return {(kind, source.replaced(node, after)) for kind, node, after in found}


@pytest.mark.parametrize(
    ("code", "kind", "after"),
    [
        ("y = (a - b) * c", "operator", {"y = (a + b) * c", "y = (a - b) / c"}),
        ("y = a / x**2", "operator", {"y = a * x**2", "y = a / (x*2)"}),
        ("y = (a > 0) & b", "operator", {"y = ((a > 0) | b)"}),
        ("y = a <= b", "comparison", {"y = a < b"}),
        ("y = 0.5 * x[1]", "constant", {f"y = {c} * x[1]" for c in ("1.0", "0.25", "0.0")} | {f"y = 0.5 * x[{i}]" for i in (0, 2)}),
        ("y = jnp.where(c, a + b, d)", "where", {"y = (a + b)", "y = d"}),
        ("y = poison(x, ok)", "guard", {"y = x"}),
        ("y = hide(where, x)", "guard", {"y = x"}),
        ("y = blank(where, x)", "guard", {"y = blank(None, x)"}),
        ("if n < 1:\n    raise ValueError(1 + 1)", "guard", {"if n < 1:\n    pass"}),
        ("y = f(a, b, *c, d=1)", "swapped arguments", set()),
        ("y = f(a, b, d=1)", "swapped arguments", {"y = f(b, a, d=1)"}),
        ("y = jnp.maximum(a, b)", "swapped arguments", set()),
        ("y = jnp.maximum(a, b)", "min max", {"y = jnp.minimum(a, b)"}),
        ("y = -x + ~m", "negation", {"y = x + ~m", "y = -x + m"}),
        ("y = jax.lax.stop_gradient(x)", "stop_gradient", {"y = x"}),
        ("y = jnp.sum(x, axis=-1)", "axis", {"y = jnp.sum(x, axis=-2)", "y = jnp.sum(x, axis=0)"}),
        ("y = jnp.sum(x, axis=-1)", "sum mean", {"y = jnp.mean(x, axis=-1)"}),
        ("y = jnp.sum(x, axis=-1)", "dropped argument", {"y = jnp.sum(x)"}),
        ("def f(x: A[1], *, k=2):\n    '''1 + 1'''\n    return x", "constant", {
            f"def f(x: A[1], *, k={k}):\n    '''1 + 1'''\n    return x" for k in (1, 3)
        }),
    ],
)  # fmt: skip
def test_kinds(code: str, kind: str, after: set[str]) -> None:
    assert {text for found, text in changes(code) if found == kind} == after


def test_drawing_is_deterministic_and_leaves_texts_alone() -> None:
    modules = [m for name, m in read_modules(ROOT).items() if name.startswith("jaxloss.regression.")]
    one, again, other = (draw(ROOT, modules, 40, seed, KINDS) for seed in (3, 3, 4))
    assert one == again
    assert [mutant.text for mutant in one] != [mutant.text for mutant in other]
    assert {mutant.kind for mutant in one} <= set(KINDS)
    assert len({mutant.text for mutant in one}) == 40
    for mutant in one:
        before, after = (ast.parse(text) for text in ((ROOT / mutant.path).read_text(), mutant.text))
        documented = [node for node in ast.walk(before) if isinstance(node, ast.FunctionDef | ast.Module)]
        changed = [node for node in ast.walk(after) if isinstance(node, ast.FunctionDef | ast.Module)]
        assert [ast.get_docstring(node) for node in documented] == [ast.get_docstring(node) for node in changed]
        assert mutant.diff.count("\n-") + mutant.diff.startswith("-") >= 1
        assert ast.dump(before) != ast.dump(after)
