"""The programs of the README run, in order and in one namespace, and bad input gets the messages that it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import jaxloss
from jaxloss.inspect import diagnostics

README = (Path(__file__).parent.parent / "README.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", README, re.S | re.M)
MESSAGES = re.search(r"## What bad input gets\n\n```text\n(.*?)^```", README, re.S | re.M)


def _namespace() -> dict[str, Any]:
    """What a reader of the README has: a batch, a model, and a training loop around them."""
    key = jax.random.key(0)
    inputs, labels = jax.random.normal(key, (8, 3)), jnp.arange(8) % 4
    valid = labels != 3
    logits = jax.random.normal(key, (8, 4))

    def model(params: Any, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        hidden = x @ params["hidden"]
        return hidden @ params["out"], hidden, 0.1 * hidden

    params = {"hidden": jax.random.normal(key, (3, 2)), "out": jax.random.normal(key, (2, 4))}
    batch = {"x": inputs, "y": labels, "valid": valid}

    def loss_fn(params: Any, batch: Any) -> jax.Array:
        return jaxloss.softmax_cross_entropy_with_integer_labels(model(params, batch["x"])[0], batch["y"])

    return {
        "jax": jax,
        "jnp": jnp,
        "jaxloss": jaxloss,
        "optax": optax,
        "logits": logits,
        "labels": labels,
        "targets": jax.nn.one_hot(labels, 4),
        "predictions": logits,
        "example_weights": jnp.ones(8),
        "mask": logits > -1,
        "observed": logits < 1,
        "valid": valid,
        "model": model,
        "params": params,
        "batch": batch,
        "loss_fn": loss_fn,
        "my_loss": lambda residual: jax.nn.softplus(residual) + jax.nn.softplus(-residual),
        "seen": diagnostics.calibration.init(),
        "states": {},
        "history": None,
        "step": 100,
    }


@pytest.mark.full
def test_programs_of_the_readme_run() -> None:
    assert len(PROGRAMS) >= 7
    namespace = _namespace()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as a reader has them
        for program in PROGRAMS:
            exec(program, namespace)
    assert jnp.isfinite(namespace["loss"])


def _refusals() -> list[tuple[str, str]]:
    """Each call of the section on bad input, and the error that it shows, without line breaks."""
    assert MESSAGES is not None
    pairs = (block.split("\n", 1) for block in MESSAGES.group(1).strip().split("\n\n"))
    return [(call, " ".join(message.split())) for call, message in pairs]


@pytest.mark.parametrize(("call", "message"), _refusals())
def test_bad_input_gets_what_the_readme_shows(call: str, message: str) -> None:
    kind, _, words = message.partition(": ")
    with pytest.raises({"TypeError": TypeError, "ValueError": ValueError}[kind]) as refused:
        eval(call, {"jaxloss": jaxloss, "jnp": jnp})
    assert words in " ".join(str(refused.value).split())
