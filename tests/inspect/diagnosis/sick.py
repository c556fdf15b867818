"""Sick losses, one or more for each cause: what is called, and the cause that must be named first."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss import combine

rng = np.random.default_rng(20261129)
N, D, C = 16, 5, 4


class Sick(NamedTuple):
    """A call of a sick loss, the cause to name first, and a word of the place."""

    cause: str
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = MappingProxyType({})
    place: str = ""


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


features, weights, bias = normal(N, D), 0.5 * normal(D, C), 0.1 * normal(C)
labels = rng.integers(0, C, N).astype(np.int32)
labels[:C] = np.arange(C)
logits, targets, probs = (
    normal(N, C),
    normal(N),
    np.full((N, C), 0.25, np.float32) + 0.01 * normal(N, 1) * [1, -1, 1, -1],
)
probs = probs.astype(np.float32)
truth = (rng.random(N) > 0.5).astype(np.float32)
truth[:2] = 0, 1
params = {"w": weights, "b": bias}
batch = {"x": features, "y": labels}
cross_entropy = jaxloss.softmax_cross_entropy_with_integer_labels


def broken(array: np.ndarray, index: Any, value: float) -> np.ndarray:
    """A copy with one entry changed."""
    changed = array.copy()
    changed[index] = value
    return changed


def model(params: Any, x: Any) -> jax.Array:
    return x @ params["w"] + params["b"][None]


def classify(params: Any, batch: Any) -> jax.Array:
    return cross_entropy(model(params, batch["x"]), batch["y"])


def softmax_twice(params: Any, batch: Any) -> jax.Array:
    return cross_entropy(jax.nn.softmax(model(params, batch["x"])), batch["y"])


def hand_written(params: Any, x: Any, y: Any) -> jax.Array:
    """Cross-entropy from a logarithm of a softmax, which underflows."""
    return -jnp.mean(jnp.log(jax.nn.softmax(model(params, x)))[jnp.arange(N), y])


def column_against_row(params: Any, x: Any, y: Any) -> jax.Array:
    return jnp.mean(jnp.square(x @ params - y))


def log_behind_where(params: Any, x: Any) -> jax.Array:
    return jnp.mean(jnp.where(x > 0, jnp.log(params * x), 0.0))


def distance(params: Any, x: Any) -> jax.Array:
    return jnp.mean(jnp.linalg.norm(params - x, axis=-1))


def root(params: Any, x: Any) -> jax.Array:
    return jnp.mean(jnp.sqrt(params * x))


def correlation(params: Any, x: Any) -> jax.Array:
    y = params - params
    return jnp.mean(x * y / (jnp.sum(y) / 3.0))


def two_terms(params: Any, x: Any, y: Any) -> dict[str, Any]:
    return {"ce": cross_entropy(model(params, x), y), "kl": -jnp.mean(jnp.log(jnp.square(params["b"] - params["b"])))}


def bad_labels(params: Any, x: Any, y: Any) -> dict[str, Any]:
    return {"size": jaxloss.l2_penalty(params), "ce": cross_entropy(model(params, x), y)}


def unequal(params: Any, x: Any, y: Any) -> dict[str, Any]:
    return {"ce": cross_entropy(model(params, x), y), "decay": 1e-9 * jnp.sum(params["w"] ** 2)}


def objective_of(losses: Callable[..., Any], *data: Any, **options: Any) -> tuple[Any, tuple[Any, ...]]:
    objective = combine.objective(losses, **options)
    return objective, (params, objective.init(params, *data), *data)


def stopped(params: Any, batch: Any) -> jax.Array:
    return cross_entropy(jax.lax.stop_gradient(model(params, batch["x"])), batch["y"])


def accuracy(params: Any, batch: Any) -> jax.Array:
    return jnp.mean((jnp.argmax(model(params, batch["x"]), -1) != batch["y"]).astype(jnp.float32))


def count_of_errors(params: Any, batch: Any) -> jax.Array:
    return jnp.sum(jnp.argmax(model(params, batch["x"]), -1) != batch["y"])


def rounded(params: Any, x: Any, y: Any) -> jax.Array:
    return jaxloss.squared_error(jnp.round(x @ params), y)


def half_used(params: Any, batch: Any) -> jax.Array:
    return cross_entropy(batch["x"] @ params["w"] + 0 * batch["x"][:, :1], batch["y"])


def sigmoid_regression(params: Any, x: Any, y: Any) -> jax.Array:
    return jaxloss.squared_error(jax.nn.sigmoid(x @ params[0] + params[1]), y)


def rectified(params: Any, batch: Any) -> jax.Array:
    hidden = jax.nn.relu(batch["x"] @ params["w0"] + params["b0"])
    return cross_entropy(hidden @ params["w"] + params["b"], batch["y"])


def clipped(params: Any, x: Any, y: Any) -> jax.Array:
    return jaxloss.squared_error(jnp.clip(x @ params + 9.0, -1.0, 1.0), y)


def switched_off(params: Any, batch: Any, scale: float) -> jax.Array:
    return scale * jnp.asarray(1.0) * classify(params, batch) + 1.0


def masked_mean(params: Any, x: Any, y: Any, mask: Any) -> jax.Array:
    losses = cross_entropy(model(params, x), y, reduction="none")
    return jnp.mean(losses * mask.astype(jnp.float32))


def ignores_mask(params: Any, batch: Any) -> jax.Array:
    return classify(params, batch)


def binary_by_hand(params: Any, x: Any, y: Any) -> jax.Array:
    z = x @ params
    return jnp.mean(jax.nn.softplus(z) - y * z)


def uniform_by_hand(params: Any, x: Any, y: Any) -> jax.Array:
    scores = 1e-9 * (x @ params["w"]) + params["b"][None]
    return -jnp.mean(jax.nn.log_softmax(scores)[jnp.arange(N), y])


def not_reduced(params: Any, batch: Any) -> jax.Array:
    return cross_entropy(model(params, batch["x"]), batch["y"], reduction="none")


def half_exp(params: Any, x: Any) -> jax.Array:
    return jnp.mean(jnp.square(x * params))


def tiny_loss(params: Any, x: Any) -> jax.Array:
    return 1e-6 * jnp.mean(jnp.square((x * params).astype(jnp.float32)))


def perfect_margins(params: Any, x: Any, y: Any) -> jax.Array:
    return jaxloss.hinge_loss(x @ params, y)


def endless(params: Any, x: Any) -> jax.Array:
    halve = lambda state: 0.5 * state
    return jax.lax.while_loop(lambda state: state > 1.0, halve, jnp.sum(params * x) ** 2 + 2.0)


def mapped(params: Any, x: Any, y: Any) -> jax.Array:
    return jnp.mean(jax.vmap(lambda row, label: cross_entropy(row @ params["w"] + params["b"], label))(x, y))


def inner_jit(params: Any, batch: Any) -> jax.Array:
    return 1.0 * jax.jit(classify)(params, batch)


def indexed(params: Any, x: Any, y: Any) -> jax.Array:
    return -jnp.mean(jax.nn.log_softmax(model(params, x))[jnp.arange(N), y])


def taken(params: Any, x: Any, y: Any) -> jax.Array:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(model(params, x)), y[:, None], axis=-1))


signs = (2 * truth - 1).astype(np.float32)
line = normal(D)
separable = signs[:, None] * np.abs(features)
corners = np.concatenate([100 + 10 * rng.random((N, 2)), 10 + rng.random((N, 2))], -1).astype(np.float32)
boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], -1)
images = rng.random((2, 16, 16, 3)).astype(np.float32)
one_hot = np.eye(C, dtype=np.float32)[labels]
mask = (np.arange(N) < 10).astype(bool)
padded = np.where(mask, labels, -100).astype(np.int32)
unit = normal(N, 8)
big_logits = 2e4 * normal(N, C)
positives = np.tile(normal(1, 8), (N, 1))
large_params = {"w": 200 * weights, "b": bias}
dead = {"w0": normal(D, 8), "b0": np.full(8, -100.0, np.float32), "w": normal(8, C), "b": bias}


def swap_data(params: Any, data: Any) -> jax.Array:
    images, labels = data
    return cross_entropy(images.reshape(len(images), -1) @ params, labels)


SICK: dict[str, Sick] = {
    # errors
    "labels before logits": Sick("swapped_arguments", cross_entropy, (labels, logits), place="labels"),
    "targets before logits": Sick("swapped_arguments", jaxloss.sigmoid_binary_cross_entropy, (truth, 5 * targets)),
    "labels before images": Sick("swapped_arguments", swap_data, (normal(D, C), (labels, features)), place="sick.py:"),
    "batch before params": Sick("swapped_arguments", classify, (batch, params), place=""),
    "class axis first": Sick("class_axis", cross_entropy, (normal(2, C, 6), np.zeros((2, 6), np.int32))),
    "one-hot labels": Sick("one_hot_labels", cross_entropy, (logits, one_hot.astype(np.int32))),
    "class indices": Sick("integer_targets", jaxloss.softmax_cross_entropy, (logits, labels)),
    "class weights": Sick(
        "class_weights_as_weights", cross_entropy, (logits, labels), {"weights": np.ones(C, np.float32)}
    ),
    "float mask": Sick("mask_not_boolean", cross_entropy, (logits, labels), {"where": mask.astype(np.float32)}),
    "column": Sick("shapes_differ", jaxloss.squared_error, (targets, targets[:, None])),
    "integer predictions": Sick("wrong_dtype", jaxloss.squared_error, (labels, labels)),
    "error": Sick("exception", lambda params, x: params["none"] * x, (params, features)),
    "not reduced": Sick("not_scalar", not_reduced, (params, batch)),
    "several terms": Sick("not_scalar", lambda params, x: {"a": jnp.sum(params["w"])}, (params, features)),
    "count": Sick("integer_loss", count_of_errors, (params, batch)),
    "while": Sick("no_gradient", endless, (line, line)),
    "integer parameters": Sick(
        "integer_parameters",
        lambda params, x: jnp.mean(x * params.astype(jnp.float32)),
        (labels, targets),
        place="params",
    ),
    # inputs
    "broken parameters": Sick(
        "nonfinite_parameters",
        classify,
        ({**params, "w": broken(weights, (1, 2), np.nan)}, batch),
        place="params['w'][1, 2]",
    ),
    "broken targets": Sick(
        "nonfinite_targets", jaxloss.squared_error, (targets, broken(targets, 3, np.nan)), place="targets[3]"
    ),
    "broken targets in a batch": Sick(
        "nonfinite_targets",
        lambda w, data: jaxloss.squared_error(data["x"] @ w, data["y"]),
        (line, {"x": features, "y": broken(targets, 3, np.nan)}),
        place="data['y'][3]",
    ),
    "broken features": Sick(
        "nonfinite_input",
        classify,
        (params, {**batch, "x": broken(features, (2, 1), np.inf)}),
        place="batch['x'][2, 1]",
    ),
    "broken predictions": Sick(
        "nonfinite_input", jaxloss.squared_error, (broken(targets, 5, np.nan), targets), place="predictions[5]"
    ),
    "padding": Sick("unmasked_padding", classify, (params, {**batch, "y": padded}), place="labels[10]"),
    "padding of -1": Sick(
        "unmasked_padding", cross_entropy, (logits, np.where(mask, labels, -1).astype(np.int32)), place="labels[10]"
    ),
    "labels from 1": Sick("labels_out_of_range", cross_entropy, (logits, labels + 1), place="labels"),
    "too many classes": Sick(
        "labels_out_of_range", classify, (params, {**batch, "y": broken(labels, 7, 9)}), place="labels[7]"
    ),
    "softmax twice": Sick("probabilities_as_logits", softmax_twice, (params, batch), place="logits"),
    "probabilities": Sick("probabilities_as_logits", cross_entropy, (probs, labels)),
    "logits": Sick("logits_as_probabilities", jaxloss.binary_cross_entropy, (3 * targets, truth), place="probs"),
    "log-probabilities": Sick("positive_log_probabilities", jaxloss.nll_loss, (2 * np.abs(logits), labels)),
    "signs as targets": Sick("target_coding", jaxloss.sigmoid_binary_cross_entropy, (targets, signs)),
    "zeros and ones as signs": Sick("target_coding", jaxloss.hinge_loss, (targets, truth)),
    "half a distribution": Sick("unnormalised_distribution", jaxloss.softmax_cross_entropy, (logits, 0.5 * one_hot)),
    "widths": Sick("box_format", jaxloss.giou_loss, (corners, corners + 0.5)),
    "bytes": Sick("data_range", jaxloss.psnr_loss, (255 * images, 255 * images), {"data_range": 1.0}),
    "negative variances": Sick("outside_domain", jaxloss.gaussian_nll, (targets, -np.ones(N, np.float32), targets)),
    "labels under vmap": Sick("labels_out_of_range", mapped, (params, features, labels + 1), place="mapped, labels"),
    "labels under jit": Sick("labels_out_of_range", inner_jit, (params, {**batch, "y": labels + 1}), place="labels["),
    "infinite mask": Sick(
        "infinity_minus_infinity",
        lambda params, x: jnp.mean(jax.nn.softmax(params * jnp.abs(x) - jnp.inf)),
        (line, features[0]),
    ),
    "infinite feature": Sick("nonfinite_input", classify, (params, {**batch, "x": broken(features, (2, 1), np.inf)})),
    "NaN behind where": Sick(
        "nonfinite_input",
        lambda params, x: jnp.mean(jnp.where(jnp.isnan(x), 0.0, params * x)),
        (np.float32(2), broken(targets, 3, np.nan)),
        place="x[3]",
    ),
    "padding that wraps": Sick(
        "unmasked_padding", indexed, (params, features, np.where(mask, labels, -1).astype(np.int32)), place="y"
    ),
    # masks
    "no examples": Sick("empty_batch", classify, (params, {"x": features[:0], "y": labels[:0]}), place="batch['x']"),
    "nothing counts": Sick("all_masked", cross_entropy, (logits, labels), {"where": np.zeros(N, bool)}, "where"),
    "nothing weighs": Sick(
        "zero_weights", cross_entropy, (logits, labels), {"weights": np.zeros(N, np.float32)}, "weights"
    ),
    "negative weight": Sick(
        "negative_weights",
        cross_entropy,
        (logits, labels),
        {"weights": broken(np.ones(N, np.float32), 3, -1)},
        "weights[3]",
    ),
    # intermediates
    "index": Sick("index_out_of_range", taken, (params, features, broken(labels, 3, 7)), place="gather at sick.py:"),
    "log of softmax": Sick("log_of_zero", hand_written, (large_params, features, labels), place="log at sick.py:"),
    "log of negative": Sick(
        "log_of_negative",
        lambda params, x: jnp.mean(jnp.log(params * x)),
        (np.float32(1), targets),
        place="log at sick.py:",
    ),
    "root of negative": Sick("root_of_negative", root, (np.float32(1), targets), place="sqrt at sick.py:"),
    "nothing over nothing": Sick("zero_over_zero", correlation, (np.float32(2), targets), place="div at sick.py:"),
    "one over nothing": Sick(
        "division_by_zero",
        lambda params, x: jnp.mean(params / jnp.maximum(x, 0)),
        (np.float32(2), targets),
        place="div at sick.py:",
    ),
    "exponential": Sick(
        "overflow",
        lambda params, x: jnp.mean(jnp.log1p(jnp.exp(params * x))),
        (np.float32(100), targets),
        place="exp at sick.py:",
    ),
    "half precision": Sick(
        "half_overflow", half_exp, (np.float16(300), np.full(4, 2.0, np.float16)), place="at sick.py:"
    ),
    "whole rows absent": Sick(
        "infinity_minus_infinity",
        lambda params, x: jnp.mean(jax.nn.softmax(jnp.where(x > 9, params * x, -jnp.inf))),
        (np.float32(1), features),
        place="sub at sick.py:",
    ),
    "in a jitted part": Sick(
        "log_of_zero",
        lambda params, x: jax.jit(lambda a: jnp.sum(jnp.log(a - a)))(params * x),
        (np.float32(1), targets),
        place="log at sick.py:",
    ),
    "in a loop": Sick(
        "log_of_zero",
        lambda params, x: jax.lax.scan(lambda c, a: (c + jnp.log(a * params), None), jnp.zeros(()), x)[0],
        (np.float32(1), broken(np.abs(targets), 3, 0)),
        place="log at sick.py:",
    ),
    "a term": Sick("log_of_zero", *objective_of(two_terms, features, labels), place="term 'kl'"),
    "labels of a term": Sick("labels_out_of_range", *objective_of(bad_labels, features, labels + 1), place="term 'ce'"),
    "a term of parts": Sick(
        "unmasked_padding",
        *objective_of(
            lambda params, x, y: {"ce": cross_entropy(model(params, x), y)}, features, padded, microbatches=2
        ),
        place="term 'ce'",
    ),
    # gradients
    "where after log": Sick(
        "nan_behind_where", log_behind_where, (np.float32(2), np.maximum(targets, 0)), place="log at sick.py:"
    ),
    "distance of equals": Sick(
        "zero_norm", distance, (features[0], features), place="params[0], through sqrt at sick.py:"
    ),
    "root of nothing": Sick(
        "root_at_zero", root, (broken(np.abs(targets), 2, 0), np.abs(targets)), place="params[2], through sqrt"
    ),
    "power": Sick(
        "infinite_slope",
        lambda params, x: jnp.mean(params**0.3 * x),
        (broken(np.abs(targets), 2, 0), targets),
        place="params[2], through pow",
    ),
    # values
    "all pairs": Sick("broadcast", column_against_row, (line[:, None], features, targets), place="at sick.py:"),
    "padding counts": Sick("mean_over_padding", masked_mean, (params, features, labels, mask), place="mask"),
    "mask in a batch": Sick("unused_mask", ignores_mask, (params, {**batch, "mask": mask}), place="batch['mask']"),
    # flat
    "stop_gradient": Sick("gradient_stopped", stopped, (params, batch), place="stop_gradient at sick.py:"),
    "argmax": Sick("not_differentiable", accuracy, (params, batch), place="argmax at sick.py:"),
    "stop_gradient in a split batch": Sick(
        "gradient_stopped",
        *objective_of(lambda params, x, y: {"ce": stopped(params, {"x": x, "y": y})}, features, labels, microbatches=2),
        place="stop_gradient at sick.py:",
    ),
    "norm in a term": Sick(
        "zero_norm",
        *objective_of(
            lambda params, x, y: {"fit": distance(x[:1] + 0.0 * params["b"][0], x)},
            features,
            labels,
            aggregate=combine.upgrad(),
        ),
        place="through sqrt at sick.py:",
    ),
    "round": Sick("not_differentiable", rounded, (line, features, targets), place="round at sick.py:"),
    "forgotten bias": Sick("unused_argument", half_used, (params, batch), place="params['b']"),
    "margins": Sick("satisfied", perfect_margins, (np.full(D, 9, np.float32), separable, signs)),
    "perfect margins": Sick("satisfied", jaxloss.hinge_loss, (9 * signs, signs)),
    "sigmoid": Sick(
        "saturated", sigmoid_regression, ((0.1 * line, np.float32(-60)), features, truth), place="logistic at sick.py:"
    ),
    "rectifier": Sick("dead_relu", rectified, (dead, batch), place="params['b0']"),
    "clip": Sick("clipped", clipped, (0.1 * line, features, targets), place="at sick.py:"),
    "switched off": Sick("zero_factor", functools.partial(switched_off, scale=0.0), (params, batch)),
    "small gradients": Sick(
        "half_underflow", tiny_loss, ((0.01 * targets).astype(np.float16), targets.astype(np.float16)), place="params"
    ),
    # signs
    "labels of -1 and 1": Sick(
        "negative_value",
        binary_by_hand,
        (9 * line, features, np.where(features @ line > 0, 1, -1).astype(np.float32)),
        place="y",
    ),
    "one vector": Sick("collapsed_embeddings", jaxloss.triplet_margin_loss, (positives, positives, positives)),
    "uniform": Sick("uniform_predictions", cross_entropy, (np.zeros((N, C), np.float32), labels)),
    "uniform for yes or no": Sick(
        "uniform_predictions", jaxloss.sigmoid_binary_cross_entropy, (np.zeros(N, np.float32), truth)
    ),
    "half for yes or no": Sick(
        "uniform_predictions", jaxloss.binary_cross_entropy, (np.full(N, 0.5, np.float32), truth)
    ),
    "the mean": Sick("constant_predictions", jaxloss.squared_error, (np.full(N, 0.3, np.float32), targets)),
    "rounded targets": Sick(
        "coarse_values",
        jaxloss.squared_error,
        ((1000 - targets).astype(jnp.bfloat16), (1000 + targets).astype(jnp.bfloat16)),
    ),
    "cold": Sick("tiny_temperature", jaxloss.infonce_loss, (unit, normal(N, 8)), {"temperature": 1e-4}),
    "huge logits": Sick("huge_scores", cross_entropy, (big_logits, labels)),
    "features in euros": Sick(
        "huge_inputs", classify, ({"w": 1e-6 * weights, "b": bias}, {**batch, "x": 1e5 * features})
    ),
    "lost term": Sick("term_imbalance", *objective_of(unequal, features, labels), place="'decay'"),
    "chance": Sick("known_constant", uniform_by_hand, ({"w": weights, "b": np.zeros(C, np.float32)}, features, labels)),
    "one class": Sick("constant_targets", cross_entropy, (logits, np.full(N, 2, np.int32))),
}
