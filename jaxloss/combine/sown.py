"""Losses that layers leave behind inside a model, gathered into terms."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxloss.combine.terms import lift
from jaxloss.reductions import Term

__all__ = ["collect"]


def collect(tree: Any, *, reduce: Literal["sum", "mean"]) -> dict[str, Term]:
    """Terms from the values that the layers of a model have sown, one for each name.

    Args:
        tree: The sown values: Flax's ``intermediates`` or ``nnx.State`` as pure nested dicts, or any pytree of
            dicts. Values are losses, scalars or per-example, or `Term`, of one shape for each name; tuples and lists
            of values, as Linen sows, count as several layers.
        reduce: Whether the losses of the layers of a name are added or averaged. The two differ by the number of
            layers, so there is no default.

    Returns:
        The last string in the path of a value to the `Term`. Layers are stacked along the last axis.

    Raises:
        ValueError: If ``reduce`` is something else, or the layers of a name differ in shape.
        TypeError: If a value is not a floating-point loss, or has no name.

    Example:
        >>> from jaxloss import combine
        >>> sown = {"block_0": {"balance": (jnp.float32(1.0),)}, "block_1": {"balance": (jnp.float32(3.0),)}}
        >>> {name: float(term.values) for name, term in combine.collect(sown, reduce="sum").items()}
        {'balance': 4.0}
    """
    if reduce not in ("sum", "mean"):
        raise ValueError(f"reduce must be 'sum' or 'mean'; found {reduce!r}.")
    layers: dict[str, list[Term]] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda x: isinstance(x, Term))[0]:
        names = [name for name in map(_name, path) if isinstance(name, str) and name != "value"]
        if not names:
            raise TypeError(f"collect: the value at '{jax.tree_util.keystr(path)}' has no name; sow it in a dict.")
        layers.setdefault(names[-1], []).append(lift({names[-1]: leaf})[names[-1]])
    return {name: _together(name, terms, reduce) for name, terms in layers.items()}


def _name(key: Any) -> Any:
    return getattr(key, "key", getattr(key, "name", None))


def _together(name: str, terms: list[Term], reduce: str) -> Term:
    shapes = [term.values.shape for term in terms]
    if len(set(shapes)) > 1:
        raise ValueError(f"collect: the layers of {name!r} must have one shape; found {shapes}.")
    factor = len(terms) if reduce == "sum" else 1
    if not shapes[0]:
        return type(terms[0])(jnp.sum(jnp.stack([t.values for t in terms])) * factor / len(terms), terms[0].weights)
    values, weights = (jnp.stack([getattr(t, part) for t in terms], -1) for part in ("values", "weights"))
    return Term(values * factor, weights)
