"""How a library loss is a function of one vector, for losses that are no function of one number."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.reading.views import settings_of

__all__ = ["SIZE", "VectorView", "vector_view"]

SIZE = 5
CLASSES = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
GRADES = np.array([3.0, 2.0, 0.0, 1.0, 0.0])
NUMBERS = np.array([-1.0, 0.5, 1.0, 2.0, 4.0])
LABELS = np.array([0, 1, 0, 1, 1], np.int32)

VECTOR = jax.ShapeDtypeStruct((SIZE,), jnp.float32)
OTHERS: Mapping[tuple[str, ...], tuple[tuple[np.ndarray, ...], ...]] = {
    ("logits", "labels"): ((np.array(1, np.int32),), (LABELS,)),
    ("logits", "targets"): ((CLASSES,),),
    ("scores", "labels"): ((np.array(1, np.int32),),),
    ("scores", "targets"): ((2 * CLASSES - 1,), (CLASSES,)),
    ("scores", "relevance"): ((GRADES,),),
    ("predictions", "targets"): ((NUMBERS,),),
    ("logits",): ((),),
    ("real_logits", "fake_logits"): ((NUMBERS,),),
}
"""Names of the data to the fixed values of all but the first, that are tried one after the other."""


@dataclasses.dataclass(frozen=True)
class VectorView:
    """A loss as a function of one vector of five numbers.

    Attributes:
        fn: From the vector to the loss.
        parameters: The hyperparameters, for the record.
    """

    fn: Callable[[jax.Array], jax.Array]
    parameters: Mapping[str, Any]


def vector_view(fn: Callable[..., Any], **parameters: Any) -> VectorView | None:
    """A loss of five logits, scores or predictions, with one-hot labels, grades or numbers as fixed targets.

    Args:
        fn: A loss of the library, or one with its conventions.
        parameters: Hyperparameters off their defaults.

    Returns:
        The view; None if the loss takes other data, or does not reduce a vector to one number.

    Raises:
        ValueError: If ``fn`` has no hyperparameter of a given name, or refuses its value.
    """
    chosen = settings_of(fn, parameters)
    signature = inspect.signature(fn).parameters
    data = tuple(name for name, p in signature.items() if p.kind is not p.KEYWORD_ONLY)
    if "reduction" not in signature:
        return None
    for others in OTHERS.get(data, ()):
        candidate = _at(fn, others, {**chosen, "reduction": "none"})
        if _gives_one_number(candidate):
            return VectorView(candidate, chosen)
        if parameters and _gives_one_number(_at(fn, others, {**settings_of(fn, {}), "reduction": "none"})):
            # It takes these data, so what it refuses are its hyperparameters: let it say so.
            jax.eval_shape(candidate, VECTOR)
    return None


def _gives_one_number(candidate: Callable[[jax.Array], Any]) -> bool:
    try:
        found = jax.eval_shape(candidate, VECTOR)
    except (TypeError, ValueError):
        return False
    return isinstance(found, jax.ShapeDtypeStruct) and found.shape == ()


def _at(
    fn: Callable[..., Any], others: tuple[np.ndarray, ...], settings: Mapping[str, Any]
) -> Callable[[jax.Array], Any]:
    """The loss as a function of its first argument; floating targets get its dtype."""
    return lambda x: fn(x, *(jnp.asarray(o, x.dtype if o.dtype.kind == "f" else None) for o in others), **settings)
