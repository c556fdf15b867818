"""Healthy losses that look like sick ones: nothing is to be found in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from tests.inspect.diagnosis.sick import (
    C,
    D,
    N,
    accuracy,
    batch,
    bias,
    broken,
    classify,
    cross_entropy,
    features,
    labels,
    line,
    logits,
    mask,
    model,
    normal,
    padded,
    params,
    signs,
    targets,
    truth,
    weights,
)


def masked(params: Any, batch: Any) -> jax.Array:
    return cross_entropy(model(params, batch["x"]), batch["y"], where=batch["y"] != -100)


def mean_of_kept(params: Any, batch: Any) -> jax.Array:
    losses = cross_entropy(model(params, batch["x"]), batch["y"], reduction="none")
    keep = batch["mask"].astype(jnp.float32)
    return jnp.sum(losses * keep) / jnp.sum(keep)


def with_accuracy(params: Any, batch: Any) -> tuple[jax.Array, Any]:
    return classify(params, batch), {"accuracy": accuracy(params, batch)}


def safe_logarithm(params: Any, x: Any) -> jax.Array:
    return jnp.mean(jnp.where(x > 0, jnp.log(jnp.where(x > 0, params * x, 1.0)), 0.0))


def bootstrapped(params: Any, batch: Any) -> jax.Array:
    logits = model(params, batch["x"])
    certain = jax.lax.stop_gradient(jnp.max(jax.nn.softmax(logits), -1))
    return cross_entropy(logits, batch["y"], weights=certain)


def attention(params: Any, x: Any) -> jax.Array:
    scores = x @ params["w"] @ params["w"].T @ x.T
    scores = jnp.where(jnp.tri(N, dtype=bool), scores, -jnp.inf)
    return jaxloss.squared_error(jax.nn.softmax(scores) @ x, jnp.asarray(features))


def partly_dead(params: Any, batch: Any) -> jax.Array:
    hidden = jax.nn.relu(batch["x"] @ params["w0"] + params["b0"][None])
    return cross_entropy(hidden @ params["w"] + params["b"][None], batch["y"])


def per_example(params: Any, batch: Any) -> jax.Array:
    one = lambda x, y: cross_entropy(x @ params["w"] + params["b"], y)
    return jnp.mean(jax.vmap(one)(batch["x"], batch["y"]))


def recurrent(params: Any, x: Any, y: Any) -> jax.Array:
    turn = lambda state, row: (jnp.tanh(0.5 * state + row @ params), jnp.tanh(state))
    return jaxloss.squared_error(jax.lax.scan(turn, jnp.zeros(()), x)[1], y)


def gaussian(params: Any, x: Any, y: Any) -> jax.Array:
    """A negative value that is legal: the density is above 1."""
    return jaxloss.gaussian_nll(x @ params, jnp.full(y.shape, 1e-3), y)


def all_pairs(params: Any, x: Any) -> jax.Array:
    scores = x @ params
    return jnp.mean(jax.nn.softplus(scores[:, None] - scores[None, :]))


def distances(params: Any, x: Any) -> jax.Array:
    rows = x @ params["w"]
    square = jnp.sum(jnp.square(rows[:, None] - rows[None, :]), -1)
    positive = square > 0
    return jnp.mean(jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0))


def siamese(params: Any, x: Any) -> jax.Array:
    return jaxloss.byol_loss(x @ params["online"], x @ params["target"])


def padded_by_hand(params: Any, x: Any, y: Any) -> jax.Array:
    """Padding of -1 that points at the last class and is masked."""
    values = jax.nn.log_softmax(model(params, x))[jnp.arange(N), y]
    keep = y >= 0
    return -jnp.sum(jnp.where(keep, values, 0.0)) / jnp.sum(keep.astype(jnp.float32))


half_dead = {
    "w0": normal(D, 8),
    "b0": np.asarray([-99, 0, 0, 0, -99, 0, 0, 0], np.float32),
    "w": normal(8, C),
    "b": bias,
}
unit = normal(N, 8)
unit /= np.linalg.norm(unit, axis=-1, keepdims=True)

HEALTHY: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "padding behind a mask": (masked, (params, {**batch, "y": padded}), {}),
    "NaN behind a mask": (
        jaxloss.squared_error,
        (broken(targets, 3, np.nan), targets + 1),
        {"where": np.arange(N) != 3},
    ),
    "padding masked by hand": (padded_by_hand, (params, features, np.where(mask, labels, -1).astype(np.int32)), {}),
    "indices of tokens": (lambda table, i: jnp.mean(jnp.square(table[i])), (normal(7, 3), labels), {}),
    "a mask with its own mean": (mean_of_kept, (params, {**batch, "mask": mask}), {}),
    "auxiliary output": (with_accuracy, (params, batch), {}),
    "a jitted function": (jax.jit(classify), (params, batch), {}),
    "a safe logarithm": (safe_logarithm, (np.float32(2), np.maximum(targets, 0)), {}),
    "stop_gradient on weights": (bootstrapped, (params, batch), {}),
    "a causal mask": (attention, ({"w": weights}, features), {}),
    "dead units": (partly_dead, (half_dead, batch), {}),
    "a head of zeros": (
        partly_dead,
        ({**half_dead, "w": np.zeros((8, C), np.float32), "b": np.zeros(C, np.float32)}, batch),
        {},
    ),
    "vmap": (per_example, (params, batch), {}),
    "scan": (recurrent, (line, features, targets), {}),
    "a negative likelihood": (gaussian, (line, features, features @ line + 1e-3 * targets), {}),
    "all pairs": (all_pairs, (line, features), {}),
    "distances to itself": (distances, ({"w": weights}, features), {}),
    "a target network": (siamese, ({"online": weights, "target": weights + normal(D, C)}, features), {}),
    "absent classes": (cross_entropy, (broken(logits, (slice(None), 3), -np.inf), np.minimum(labels, 2)), {}),
    "integer weights": (cross_entropy, (logits, labels), {"weights": mask.astype(np.int32)}),
    "large targets": (jaxloss.absolute_error, (3e5 + 1e4 * targets, 3e5 + 1e4 * normal(N)), {}),
    "the temperature of CLIP": (jaxloss.infonce_loss, (unit, unit[::-1]), {"temperature": 0.01}),
    "a generator": (jaxloss.sigmoid_binary_cross_entropy, (targets, np.ones(N, np.float32)), {}),
    "residuals of an equation": (jaxloss.squared_error, (targets, np.zeros(N, np.float32)), {}),
    "one example": (cross_entropy, (logits[:1], labels[:1]), {}),
    "bfloat16": (jaxloss.squared_error, (targets.astype(jnp.bfloat16), normal(N).astype(jnp.bfloat16)), {}),
    "some fitted margins": (jaxloss.hinge_loss, (signs * np.linspace(-1, 3, N, dtype=np.float32), signs), {}),
    "lists": (jaxloss.sigmoid_binary_cross_entropy, ([0.5, -1.0], [1.0, 0.0]), {}),
    "yes and no": (jaxloss.sigmoid_binary_cross_entropy, (targets, truth), {}),
}
