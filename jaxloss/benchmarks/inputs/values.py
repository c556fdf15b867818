"""The values of an argument, from its name and the words of the docstring about its domain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from jaxloss.benchmarks.inputs.reading import Argument

__all__ = ["Values", "values_of"]

Values = Callable[[jax.Array, tuple[int, ...]], jax.Array]
"""A key and a shape to numbers."""


def normal(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return 2 * jax.random.normal(key, shape)


def confident(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Class scores, the largest of which is far above the others in most rows."""
    return 20 * normal(key, shape)


def gentle(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Logarithms of scales near 1, by which a residual may be divided and then be an exponent."""
    return 0.25 * jax.random.normal(key, shape)


def near(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Points whose distances are about one, whatever their dimension."""
    return jax.random.normal(key, shape) / jnp.sqrt(2.0 * shape[-1])


def positive(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.exp(jax.random.normal(key, shape) / 2)


def negative(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return -positive(key, shape)


def uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.uniform(key, shape, minval=0.02, maxval=0.98)


def above_uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Upper ends of intervals whose lower ends are `uniform`."""
    return 1 + positive(key, shape)


def signed_uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return 2 * uniform(key, shape) - 1


def bits(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bernoulli(key, 0.5, shape).astype(jnp.float32)


def signs(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return 2 * bits(key, shape) - 1


def truths(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bernoulli(key, 0.5, shape)


def simplex(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.nn.softmax(normal(key, shape))


def log_simplex(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.nn.log_softmax(normal(key, shape))


def grades(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.randint(key, shape, 0, 5).astype(jnp.float32)


def rising(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    del key
    return jnp.broadcast_to(jnp.linspace(-10.0, 10.0, shape[-1]), shape)


def levels(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    del key
    return jnp.broadcast_to((jnp.arange(shape[-1], dtype=jnp.float32) + 0.5) / shape[-1], shape)


def pairs(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Whose view an embedding is: two of each."""
    del key
    return jnp.broadcast_to(jnp.arange(shape[-1], dtype=jnp.int32) // 2, shape)


def boxes(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    corners, sides = jax.random.split(key)
    first = 10 * jax.random.uniform(corners, (*shape[:-1], 2))
    return jnp.concatenate([first, first + 5 * jax.random.uniform(sides, first.shape, minval=0.1)], axis=-1)


def triangles(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.tril(0.1 * jax.random.normal(key, shape), -1) + jnp.broadcast_to(jnp.eye(shape[-1]), shape)


def transition(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    del key
    return 0.8 * jnp.eye(shape[-1]) + 0.2 / shape[-1]


def below(low: int, high: int) -> Values:
    return lambda key, shape: jax.random.randint(key, shape, low, high)


def choices(high: int) -> Values:
    """Different ones of ``high`` on the last axis."""

    def draw(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        place = jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1)
        return (jax.random.randint(key, (*shape[:-1], 1), 0, high, jnp.int32) + place) % high

    return draw


def full(length: int) -> Values:
    """Sequences that are as long as their arrays."""
    return lambda _, shape: jnp.full(shape, length, jnp.int32)


BY_NAME: tuple[tuple[str, Values], ...] = (
    (r"transition$", transition),
    (r"scale_trils", triangles),
    (r"atoms|edges", rising),
    (r"levels|tau_", levels),
    (r"images|noisy", uniform),
    (r"^weak_logits$", confident),
    (r"log_scales", gentle),
    (r"log_variances|log_det|log_hazards|log_rates|log_importance|log_temperature", normal),
    (
        r"variances|scales|dispersions|sigmas|alphas|loss_weights|degrees_of|class_counts|prob_ratios|times|rho",
        positive,
    ),
    (r"class_priors", simplex),
    (r"discount|^lower_bounds", uniform),
    (r"^upper_bounds", above_uniform),
    (r"relevance|counts", grades),
    (r"logps?$|log_probs$|log_probs_t|log_q$|_logps$", negative),
    (r"^events$|^present$|^assignments$", truths),
    (r"kl_divergences|nlls|distances|risks", positive),
)
"""Pattern of a name to its values, where the words do not matter."""

BY_WORDS: tuple[tuple[str, Values], ...] = (
    (r"\b[Bb]oxes\b", boxes),
    (r"boolean", truths),
    (r"distributions|[Pp]robabilities :math:|[Mm]asses|probabilities that sum|sum to 1", simplex),
    (r"[Pp]redicted probabilities", simplex),
    (r"-1 or \+1|\+1 if|-1 for a dissimilar", signs),
    (r"0 or 1|1 for|1 if it happened|Membership", bits),
    (r"in \[-1, 1\]", signed_uniform),
    (r"in [\[(]0, 1[\])]|in ``\[0, 1\]``", uniform),
    (r"[Ii]mages", uniform),
    (r"counts", grades),
    (r"> ?-1|> 0|>= 0|\\ge 0", positive),
)
"""Pattern of the words to the values."""


def values_of(argument: Argument, axes: Mapping[str, int]) -> Values:
    """How the values of an argument are drawn."""
    name, says = argument.name, argument.says
    if "any integers" in says:
        return pairs
    if "Only its order" in says:
        return uniform
    if "integer: 1" in says:
        return below(0, 2)
    if says.startswith("Points of"):
        return near
    if name == "params" or "of ``params``" in says:
        return normal
    if name == "experts":
        return choices(axes["E"])
    if last := re.search(r"in \[0, (\w) - 1\]", says):
        return lambda key, shape: (axes[last[1]] - 1) * uniform(key, shape)
    if bounds := re.search(r"[\[(]([01]), (\w+)[)\]]", says) if re.search(r"integer|indices", says) else None:
        if "length" in name:
            return full(axes[bounds[2]] if bounds[2] in axes else int(bounds[2]))
        if bounds[2] in axes or (bounds[2].isdigit() and int(bounds[2]) > 1):
            least = 1 if "not the blank" in says else int(bounds[1])
            return below(least, axes[bounds[2]] if bounds[2] in axes else int(bounds[2]))
    if re.search(r"labels|^a_t", name) and "floating" not in says:
        return below(0, axes["classes"])
    if re.match(r"log_(predictions|targets|probs)$", name) and argument.last == "K":
        return log_simplex
    for pattern, values in BY_NAME:
        if re.search(pattern, name):
            return values
    simple = argument.last == "" or argument.last.startswith("*")
    for pattern, values in BY_WORDS:
        if re.search(pattern, says) and not (simple and values is simplex):
            return values
    if name == "probs":
        return simplex if argument.last == "K" else uniform
    return normal
