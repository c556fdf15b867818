"""Games: several players in one objective, each with its own parameters and terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from jaxloss._floor.typing import Array
from jaxloss.combine.gradients._rows import present_rows
from jaxloss.combine.gradients.aggregator import Aggregator
from jaxloss.combine.structure._observe import trainable
from jaxloss.combine.structure.terms import known_names

__all__ = ["players"]


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _name(key: Any) -> str:
    """The name of an entry of a pytree; empty where entries have numbers."""
    name = getattr(key, "key", getattr(key, "name", ""))
    return name if isinstance(name, str) else ""


def _entries(params: Any, order: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """The top-level entries of the parameters by name, in their order, and the structure that holds them."""
    found, structure = jax.tree_util.tree_flatten_with_path(params, is_leaf=lambda part: part is not params)
    if not all(path and _name(path[0]) for path, _ in found):
        raise TypeError(
            f"players: params must be a dict with the entries {order}, or a dataclass, NamedTuple or module that JAX "
            f"knows as a pytree with these names; found {type(params).__name__}."
        )
    return {_name(path[0]): part for path, part in found}, structure


def players(**routes: str | Sequence[str]) -> Aggregator:
    """Several players in one objective: each top-level entry of the parameters minimises its own terms.

    For example, both sides of a GAN train from one forward pass: the loss of the discriminator does not change the
    generator.

    Args:
        **routes: Name of a top-level entry of the parameters to the name, or names, of the terms that it minimises.
            A term may belong to several players. The parameters are a dict, or a registered dataclass, NamedTuple or
            module; an entry without floating arrays, such as a function or a counter, needs no player.

    Returns:
        An `Aggregator` with one group per player. Its ``init`` raises a KeyError if a player has no parameters, if
        parameters have no player or if a term does not exist, a ValueError if a term has no player, and a TypeError if
        the entries of the parameters have no names.

    Example:
        >>> from jaxloss import combine
        >>> game = combine.players(disc="real_or_fake", gen=("fool", "l2"))
        >>> params = {"disc": jnp.zeros(1), "gen": jnp.zeros(1)}
        >>> state = game.init(params, ("fool", "l2", "real_or_fake"))
        >>> rows = {"disc": jnp.array([[1.0], [2.0]]), "gen": jnp.array([[3.0], [4.0]])}
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, True]), "step": jnp.int32(0)}
        >>> game.update(rows, state, **more)[0]
        {'disc': Array([1.], dtype=float32), 'gen': Array([4.], dtype=float32)}
    """
    order = sorted(routes)
    terms = {name: _listed(routes[name]) for name in order}
    if not routes:
        raise ValueError("players: name at least one player, such as players(disc='real_or_fake', gen='fool').")
    if idle := [name for name in order if not terms[name]]:
        raise ValueError(f"players: no terms for the player(s) {idle}.")

    def match(tree: Any) -> None:
        parts = _entries(tree, order)[0]
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
        chosen = trainable(jax.tree.leaves(tree))
        trained = {_name(path[0]) for path, own in zip(paths, chosen, strict=True) if own}
        if not trained <= set(order) <= set(parts):
            raise KeyError(f"players: the players are {order}, the entries of params are {sorted(parts)}")

    def init(params: Any, names: Sequence[str], /) -> tuple[()]:
        match(params)
        routed = {name for group in terms.values() for name in group}
        known_names("players", routed, dict.fromkeys(names))
        if unrouted := sorted(set(names) - routed):
            raise ValueError(f"players: no player minimises the term(s) {unrouted}; the routes are {terms}.")
        return ()

    def update(rows: Any, state: Any, /, *, present: Array, **_: Any) -> tuple[Any, Any]:
        match(rows)
        parts, structure = _entries(present_rows(rows, present), order)
        own = [jax.tree.map(lambda leaf, name=name: leaf[order.index(name)], part) for name, part in parts.items()]
        return jax.tree.unflatten(structure, own), state

    return Aggregator(init, update, lambda _: terms)
