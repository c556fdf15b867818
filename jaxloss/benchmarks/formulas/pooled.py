"""Formulas of losses whose examples meet, or are pooled before a non-linearity."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss.benchmarks.formulas.dense import Array, Formula, as_float, binary, integer_labels, unit

__all__ = ["POOLED"]


def _infonce(queries: Array, keys: Array, temperature: float = 0.07) -> Array:
    logits = unit(queries) @ unit(keys).T / temperature
    return integer_labels(logits, jnp.arange(logits.shape[0]))


def _clip(image_embeddings: Array, text_embeddings: Array, temperature: float = 0.07) -> Array:
    """Two cross-entropies, of the logits and of their transpose."""
    return (
        _infonce(image_embeddings, text_embeddings, temperature)
        + _infonce(text_embeddings, image_embeddings, temperature)
    ) / 2


def _siglip(images: Array, texts: Array, temperature: float = 0.1, bias: float = -10.0) -> Array:
    logits = unit(images) @ unit(texts).T / temperature + bias
    return jnp.sum(binary(logits, jnp.eye(logits.shape[0])), axis=-1)


def _sigmoid_dice(logits: Array, targets: Array, pixel_ndim: int = 2, smoothing: float = 1e-5) -> Array:
    x, y = as_float(logits, targets)
    chance, axes = jax.nn.sigmoid(x), tuple(range(-pixel_ndim, 0))
    both, either = (chance * y).mean(axes), (chance.mean(axes) + y.mean(axes)) / 2
    return 1 - (both + smoothing) / (either + smoothing)


def _squared_distances(x: Array, y: Array) -> Array:
    return jnp.maximum(jnp.sum(x * x, -1)[:, None] + jnp.sum(y * y, -1)[None, :] - 2 * x @ y.T, 0)


def _energy(predictions: Array, targets: Array) -> Array:
    x, y = as_float(predictions, targets)
    apart = lambda a, b, same: jnp.sqrt(jnp.where(same, 1.0, _squared_distances(a, b)))
    within = lambda a: jnp.where(jnp.eye(len(a), dtype=bool), 0.0, apart(a, a, jnp.eye(len(a), dtype=bool))).mean()
    return 2 * apart(x, y, False).mean() - within(x) - within(y)


def _mmd(predictions: Array, targets: Array, bandwidths: Array | tuple[float, ...] = (1.0,)) -> Array:
    x, y = as_float(predictions, targets)
    widths = jnp.asarray(bandwidths)[:, None, None]
    near = lambda a, b: jnp.exp(-_squared_distances(a, b)[None] / (2 * jnp.square(widths))).mean()
    return near(x, x) + near(y, y) - 2 * near(x, y)


def _ranking_softmax(scores: Array, relevance: Array) -> Array:
    s, r = as_float(scores, relevance)
    return -jnp.sum(r * jax.nn.log_softmax(s), axis=-1)


def _listmle(scores: Array, relevance: Array) -> Array:
    """Of grades that differ: every item against those that are not better."""
    s, r = as_float(scores, relevance)
    s = jnp.take_along_axis(s, jnp.argsort(-r, axis=-1), axis=-1)
    rest = jnp.flip(jax.lax.cumlogsumexp(jnp.flip(s, -1), axis=s.ndim - 1), -1)
    return jnp.sum(rest - s, axis=-1)


def lambda_returns(r_t: Array, discount_t: Array, v_t: Array, lambda_: float) -> Array:
    """One step after the other, from the end."""
    r, g, v = (jnp.moveaxis(x, -1, 0) for x in as_float(r_t, discount_t, v_t))
    follow = lambda later, now: (now[0] + now[1] * ((1 - lambda_) * now[2] + lambda_ * later),) * 2
    return jnp.moveaxis(jax.lax.scan(follow, v[-1], (r, g, v), reverse=True)[1], 0, -1)


def _td_lambda(v_tm1: Array, r_t: Array, discount_t: Array, v_t: Array, lambda_: float = 0.95) -> Array:
    targets = jax.lax.stop_gradient(lambda_returns(r_t, discount_t, v_t, lambda_))
    return 0.5 * jnp.square(targets - v_tm1.astype(jnp.float32))


def _cox(log_hazards: Array, times: Array, events: Array) -> Array:
    """Of times that differ: who is at risk is a cumulative sum over the sorted times."""
    order = jnp.argsort(-times)
    risks = jax.lax.cumlogsumexp(log_hazards[order])
    return jnp.sum(jnp.where(events[order], risks - log_hazards[order], 0)) / events.sum()


POOLED: dict[str, Formula] = {
    "clip_loss": _clip,
    "cox_breslow_nll": _cox,
    "energy_distance": _energy,
    "infonce_loss": _infonce,
    "listmle_loss": _listmle,
    "mmd_loss": _mmd,
    "ranking_softmax_loss": _ranking_softmax,
    "sigmoid_dice_loss": _sigmoid_dice,
    "siglip_loss": _siglip,
    "td_lambda_loss": _td_lambda,
}
"""Loss to its formula; a mask deletes entries inside it, which nobody writes in a line, and is not offered here."""
