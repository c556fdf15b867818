"""Plant one bug of every kind in a copy of the repository and see whether the tests catch it.

    python scripts/plant_bugs.py

Prints one line per bug and exits with 1 if any of them lives. A bug is a replacement of text that must occur.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Bug(NamedTuple):
    """What is wrong, where, the text before and after, and the tests that should see it."""

    kind: str
    file: str
    before: str
    after: str
    tests: str


BUGS = [
    Bug(
        "mask by multiplication",
        "_floor/reduction.py",
        "return jnp.where(keep, array, jnp.asarray(fill, array.dtype))",
        "return array * keep.astype(array.dtype)",
        "garbage and absolute_error",
    ),
    Bug(
        "mask after the maths",
        "regression/hyperbolic.py",
        "blank(where, predictions, targets)",
        "blank(None, predictions, targets)",
        "garbage and (pseudo_huber or charbonnier)",
    ),
    Bug(
        "mean over the padded size",
        "_floor/reduction.py",
        "return plain_mean(values) if mass is None else divide_sums(*weighted_sums(hide(where, values), mass))",
        "return plain_mean(hide(where, values) * (1 if mass is None else mass.astype(values.dtype)))",
        "mask_is_deletion and absolute_error",
    ),
    Bug(
        "no guard on an empty batch",
        "_floor/reduction.py",
        "return numerics.divide(numerator, denominator)",
        "return numerator / denominator",
        "nothing_left and absolute_error",
    ),
    Bug(
        "16-bit accumulation",
        "_floor/reduction.py",
        "jnp.float64 if wide else jnp.float32",
        "jnp.float64 if wide else arrays[0].dtype",
        "half_precision and absolute_error",
    ),
    Bug(
        "wrong coefficient",
        "regression/huber.py",
        "near * (residual - 0.5 * near)",
        "near * (residual - 0.4 * near)",
        "huber_loss",
    ),
    Bug("wrong default", "regression/huber.py", "delta: Scalar = 1.0", "delta: Scalar = 1.5", "huber_loss and oracle"),
    Bug(
        "missing shape check",
        "regression/squared.py",
        "predictions, targets = checks.values(predictions=predictions, targets=targets)",
        "predictions, targets = checks.floating(predictions=predictions, targets=targets)",
        "refuses and half_squared_error",
    ),
    Bug(
        "custom rule that drops the cotangent",
        "classification/binary.py",
        "-jax.nn.sigmoid(-logits) * tangent, jax.nn.sigmoid(logits) * tangent",
        "-jax.nn.sigmoid(-logits) * (0 * tangent + 1), jax.nn.sigmoid(logits) * tangent",
        "derivatives and sigmoid_binary",
    ),
    Bug(
        "custom rule that drops one summand",
        "classification/_softmax_terms.py",
        "pull = jnp.where(_is_label(labels, logits), jnp.expm1(-nll)[..., None], share)",
        "pull = share",
        "derivatives and integer_labels",
    ),
    Bug(
        "masked entry kept as a negative",
        "classification/rates.py",
        "one, other = (members if mass is None else members & mass for members in (first, second))",
        "one, other = first if mass is None else first & mass, second",
        "pairwise_auc and (deletion or garbage or repetition)",
    ),
    Bug(
        "label -1 trains the last class",
        "classification/softmax.py",
        "    inside = jnp.clip(labels, 0, num_classes - 1)\n    nll,",
        "    labels = inside = jnp.where(labels < 0, labels + num_classes, labels)\n    nll,",
        "out_of_range_never_train and integer_labels",
    ),
    Bug(
        "value check that branches under jit",
        "classification/softmax.py",
        "    smoothing = checks.scalar(",
        '    if jnp.any(jnp.isnan(logits)):\n        raise ValueError("NaN logits")\n    smoothing = checks.scalar(',
        "cross_entropy and (one_trace or scan)",
    ),
    Bug(
        "export without a Case",
        "regression/squared.py",
        '__all__ = ["half_squared_error",',
        'third_squared_error = checks.values\n__all__ = ["third_squared_error", "half_squared_error",',
        "every_loss_has_one_case",
    ),
]


def caught(bug: Bug) -> bool:
    """Whether the named tests fail in a copy of the repository with the bug in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        path = copy / "jaxloss" / bug.file
        text = path.read_text()
        if bug.before not in text:
            raise SystemExit(f"{bug.kind}: the text to replace is no longer in {bug.file}")
        path.write_text(text.replace(bug.before, bug.after))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "tests/test_laws.py", "-k", bug.tests]
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        result = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 1):
        raise SystemExit(f"{bug.kind}: the tests did not run:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.returncode == 1


def main() -> int:
    living = 0
    for bug in BUGS:
        found = caught(bug)
        living += not found
        print(f"{'caught' if found else 'LIVES ':6}  {bug.kind}  ({bug.file})", flush=True)
    return int(living > 0)


if __name__ == "__main__":
    raise SystemExit(main())
