"""Arrays for the code lines of the selector, drawn from what its tables say about each name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxloss
from jaxloss import combine
from jaxloss.inspect.choosing.tables import Task, common

SIZES = dict(zip("NMCDTUVKQBALFGEHWS", (4, 3, 5, 3, 8, 3, 6, 4, 5, 7, 4, 5, 9, 3, 4, 24, 24, 300), strict=True))
LIMITS = {"expert": "E", "good": 2, "domain": 2, "token": "V", "label": "V", "action": "A", "class": "C"}
"""What an integer counts, by the first word of these that its description has, and below what it stays."""


def names(task: Task) -> dict[str, Any]:
    """Everything that the code lines of a task may use."""
    rng = np.random.default_rng(8)
    known = {**common().inputs, **task.inputs}
    return {
        "jax": jax,
        "jnp": jnp,
        "jaxloss": jaxloss,
        "combine": combine,
        **{name: _drawn(name, says, rng) for name, says in known.items()},
    }


def batch() -> dict[str, jax.Array]:
    """What the function ``losses`` takes beside the parameters."""
    x = np.random.default_rng(3).normal(size=(6, 3)).astype(np.float32)
    return {"x": jnp.asarray(x), "y": jnp.asarray(x @ np.float32([1, -1, 2]))}


def evaluate(code: str, given: Mapping[str, Any]) -> jax.Array:
    """The number that a code line gives; of an objective, its value at the first step."""
    result = eval(code, dict(given))
    if isinstance(result, combine.Objective):
        state = result.init(given["params"], batch())
        return result(given["params"], state, batch())[0]
    return result


def _losses(params: Any, batch: Mapping[str, jax.Array]) -> dict[str, Any]:
    error = batch["x"] @ params["w"] - batch["y"]
    return {
        "first": jnp.mean(error**2),
        "second": 100 * jnp.mean(jnp.abs(params["w"] + 1)),
        "points": jaxloss.squared_error(batch["x"] @ params["w"], batch["y"], reduction=jaxloss.reductions.term),
        "groups": combine.Annotation(jnp.arange(6) % 2),
    }


FIXED = {
    "tx": optax.sgd(1e-2),
    "losses": _losses,
    "params": {"w": jnp.asarray([0.5, -0.5, 0.1])},
    "initial_params": {"w": jnp.zeros(3)},
    "discriminator": lambda params, x: jnp.tanh(x @ params["w"]),
    "u": lambda params, x: jnp.sin(x[0]) * params["w"][0] + x[1] * params["w"][1],
    "residual": lambda params, x: jnp.sin(x[0]) * params["w"][0] - x[1],
}
"""What is not an array."""


def _drawn(name: str, says: str, rng: np.random.Generator) -> Any:
    if name in FIXED:
        return FIXED[name]
    shapes = [_shape(text) for text in re.findall(r"\[([^\[\]]*)\]", says.partition(" in [")[0])]
    if says.startswith("a list of ("):
        return [tuple(_array(says, shape, rng) for shape in shapes)]
    if says.startswith("a list of"):
        return [_array(says, shapes[0], rng) for _ in range(2)]
    return _array(says, shapes[0], rng)


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(eval(part, dict(SIZES))) for part in text.split(","))


def _integers(says: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if "length" in says or "numbers of steps" in says:
        return np.full(shape, SIZES["U" if "their" in says else "T"])
    limit = next(limit for word, limit in LIMITS.items() if word in says)
    low = 1 if "without the blank" in says else 0
    return rng.integers(low, SIZES[limit] if isinstance(limit, str) else limit, size=shape)


def _array(says: str, shape: tuple[int, ...], rng: np.random.Generator) -> jax.Array:
    normal = rng.normal(size=shape)
    rules = {
        r"allowed combinations": lambda: np.arange(shape[1]) == np.arange(shape[0])[:, None],
        r"boolean": lambda: np.arange(np.prod(shape)).reshape(shape) % 3 != 1,
        r"integer": lambda: _integers(says, shape, rng),
        r"numbers of examples": lambda: 10 * np.arange(1, shape[0] + 1),
        r"boxes": lambda: np.concatenate([normal[..., :2], normal[..., :2] + 1 + np.abs(normal[..., 2:])], axis=-1),
        r"-1": lambda: np.where(normal > 0, 1.0, -1.0),
        r"^\S+ ?[^>]*\b1 (for|where|inside|in the|at the|or)": lambda: (
            (np.arange(normal.size) % 3 == 0).reshape(shape) * 1.0
        ),
        r"distributions|shares of the classes|probability of a noisy": lambda: np.asarray(
            jax.nn.softmax(normal, axis=-1)
        ),
        r"quantile levels": lambda: np.linspace(0.1, 0.9, shape[0]),
        r"rising": lambda: np.linspace(-5, 5, shape[0]),
        r"whole numbers": lambda: np.floor(np.exp(normal)),
        r"distances in bins": lambda: rng.uniform(0, SIZES["B"] - 1, size=shape),
        r"in \[0, 1\]|IoU": lambda: rng.uniform(size=shape),
        r"log-|^\[.*\], (those|logarithms of shares)": lambda: -np.exp(normal),
        r"> 1": lambda: 1 + np.exp(normal),
        r"> 0|>= 0": lambda: np.exp(normal),
    }
    draw = next((rule for pattern, rule in rules.items() if re.search(pattern, says)), lambda: normal)
    drawn = draw()
    return jnp.asarray(drawn, jnp.float32 if np.issubdtype(drawn.dtype, np.floating) else None)
