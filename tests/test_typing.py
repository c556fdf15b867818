"""What a user's type checker says about a script that uses an installed copy."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import jaxloss

pytestmark = pytest.mark.full

ROOT = Path(jaxloss.__file__).parent.parent

RIGHT = """
import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss import blank, checked, combine, reduce, reductions
from jaxloss.reductions import Term
from jaxloss.typing import Array, ArrayLike, Reduction, Scalar

error: Array = jaxloss.squared_error([1.0, 2.0], np.zeros(2), where=[True, False], weights=[1, 2])
jaxloss.huber_loss(1.0, 2, delta=np.float32(0.5), reduction=reductions.mean())
jaxloss.huber_loss(jnp.ones(3), jnp.ones(3), delta=jnp.asarray(0.5), reduction="none")
jaxloss.vision.dice_loss(jnp.ones((2, 4)), jnp.ones((2, 4)), pixel_ndim=1)
jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((2, 3)), [0, 1], reduction=reductions.top_fraction(0.5))
jaxloss.squared_error(1.0, 2.0, reduction=reductions.term)
jaxloss.squared_error(1.0, 2.0, reduction=lambda values, weights: values * weights)
safe: Array = checked(jaxloss.absolute_error)([1.0], [2.0])
reduce([1.0, 2.0], reduction=reductions.sequence_mean_token_sum_norm(512, axis_name="data"))


@jaxloss.elementwise
def cauchy_loss(predictions: Array, targets: Array, *, scale: Scalar = 1.0) -> Array:
    return jnp.log1p(jnp.square((predictions - targets) / scale))


@jaxloss.per_example(logits="classes", label="")
def cross_entropy(logits: Array, label: Array) -> Array:
    return -jax.nn.log_softmax(logits)[label]


loss: Array = cauchy_loss([1.0], np.ones(1), scale=2.0, where=[True], reduction=reductions.cvar(0.1))
gradient = jax.grad(cross_entropy)(jnp.ones((2, 3)), label=jnp.ones(2, int), reduction="sum")
name: str = cauchy_loss.__name__


def by_hand(x: ArrayLike, *, where: ArrayLike | None = None, reduction: Reduction = "mean") -> Array:
    (x,) = blank(where, jnp.asarray(x))
    jaxloss.checks.scalar("scale", 1.0, x.dtype)
    return reduce(x, where=where, reduction=reduction)


def losses(params: dict[str, Array], x: Array) -> dict[str, Array | Term]:
    return {"fit": jaxloss.squared_error(params["w"] * x, x), "l2": jaxloss.l2_penalty(params)}


objective = combine.objective(losses, combine.weigh(l2=1e-4))
state = objective.init({"w": jnp.ones(3)}, jnp.ones(3))
(value, aux), gradients = jax.value_and_grad(objective, has_aux=True)({"w": jnp.ones(3)}, state, jnp.ones(3))
"""

WRONG = """
import jaxloss
from jaxloss import reductions

jaxloss.squared_error(1.0, 2.0, reduction="average")
jaxloss.squared_error(1.0, 2.0, reduction=reductions.mean)
jaxloss.squared_error(1.0, 2.0, reduction=reductions.term())
jaxloss.squared_error(1.0, 2.0, axis=-1)
jaxloss.squared_error(1.0)
jaxloss.no_such_loss(1.0)
jaxloss.elementwise(lambda p: p)(1.0, reduction="average")
jaxloss.per_example(lambda p: p)
reductions.top_fraction("half")
reductions.mean(0.5)
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory) -> Path:
    """A folder with an environment that holds an installed copy of the package, and our environment after it."""
    folder = tmp_path_factory.mktemp("user")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    (site,) = (folder / "env").glob("[lL]ib/**/site-packages")
    if importlib.util.find_spec("hatchling"):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
        (wheel,) = folder.glob("jaxloss-*.whl")
        zipfile.ZipFile(wheel).extractall(site)
    else:  # a wheel holds the folder as it is
        shutil.copytree(ROOT / "jaxloss", site / "jaxloss", ignore=shutil.ignore_patterns("__pycache__"))
    assert (site / "jaxloss" / "py.typed").exists()
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def _complaints(user: Path, script: str) -> dict[int, str]:
    if not importlib.util.find_spec("pyright"):
        pytest.skip("pyright is in the extra 'dev'")
    (user / "script.py").write_text(script)
    python = next((user / "env").glob("[bS]*/python*"))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", python, "script.py"]
    report = subprocess.run(command, cwd=user, capture_output=True, text=True, check=False)
    found = json.loads(report.stdout)["generalDiagnostics"]
    return {entry["range"]["start"]["line"] + 1: entry["message"] for entry in found if entry["severity"] == "error"}


def test_right_uses_are_accepted(user: Path) -> None:
    assert _complaints(user, RIGHT) == {}


def test_every_wrong_use_is_an_error(user: Path) -> None:
    lines = [n for n, line in enumerate(WRONG.splitlines(), 1) if line and "import" not in line]
    assert sorted(_complaints(user, WRONG)) == lines
