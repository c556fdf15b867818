"""How a library loss is a function of one number, read from its signature and from how it behaves.

No losses are listed here. Argument names say what the arguments are, and a few evaluations say the rest:
whether the loss takes single numbers, whether it depends on a difference only, and where it is defined.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.inspect.calls import TAIL
from jaxloss.inspect.cards.reading.readings import ReadLoss, View, read

__all__ = ["settings_of", "view"]

ONES: Mapping[str, float] = {"Scalar": 1.0, "float": 1.0, "int": 1}
"""Annotation of a hyperparameter without a default to what it is taken to be."""


def settings_of(fn: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every hyperparameter of a loss that has a value: given, by default, or 1 for a number that has no default."""
    known = {p.name: p for p in inspect.signature(fn).parameters.values() if p.kind is p.KEYWORD_ONLY}
    free = {name: p for name, p in known.items() if name not in (*TAIL, "axis_name")}
    if unknown := sorted(set(parameters) - set(free)):
        raise ValueError(f"{fn.__name__} has no hyperparameter {unknown[0]!r}; it has: {', '.join(free) or 'none'}")
    usual = {name: p.default for name, p in free.items() if p.default is not p.empty and p.default is not None}
    required = {name: ONES[p.annotation] for name, p in free.items() if p.default is p.empty and p.annotation in ONES}
    return {**required, **usual, **parameters}


def view(fn: Callable[..., Any], **parameters: Any) -> View | None:
    """The one-dimensional view of a loss, by the names of its data.

    ====================================  ==========================================================================
    ``predictions, targets``              residual, if the loss depends on nothing else; otherwise the prediction at
                                          the targets 1 and 4
    ``probs, targets``, ``probs, labels`` probability of an example of class 1, and of one of class 0
    ``logits, targets``                   logit of an example of class 1, and of one of class 0
    ``logits, labels``                    the same, for the difference of the logits of two classes
    ``scores, targets``                   margin, with targets of 1 and -1
    ``scores, labels``                    margin, for the difference of the scores of two classes
    ``positive_scores, negative_scores``  margin, if the loss depends on the difference alone; so are pairs of rewards
                                          and of log-probabilities, the latter minus those of a reference
    ``fake_logits``                       margin, as the generator sees it
    one argument of a penalty             that argument
    ====================================  ==========================================================================

    Args:
        fn: A loss of the library, or one with its conventions.
        parameters: Hyperparameters off their defaults. A number that has no default is 1.

    Returns:
        The view; None if the loss takes other data, or more than one number per example.

    Raises:
        ValueError: If ``fn`` has no hyperparameter of a given name, or refuses its value.

    Example:
        >>> import jaxloss
        >>> from jaxloss.inspect.cards import view
        >>> view(jaxloss.huber_loss, delta=2.0).subjects[0].kinks
        (-2.0, 2.0)
        >>> view(jaxloss.ssim_loss, data_range=1.0) is None
        True
    """
    chosen = settings_of(fn, parameters)
    signature = inspect.signature(fn).parameters
    data = tuple(name for name, p in signature.items() if p.kind is not p.KEYWORD_ONLY)
    tail = {"reduction": "none"} if "reduction" in signature else {}
    loss = lambda *data: fn(*data, **chosen, **tail)
    found = read(ReadLoss(fn.__name__, loss, chosen), data)
    if found is None and parameters and view(fn) is not None:
        usual = lambda *data: fn(*data, **settings_of(fn, {}), **tail)
        for inputs in (_inputs(data, ()), _inputs(data, (2,))):
            if _takes(usual, inputs):
                # It takes these data, so what it refuses are its hyperparameters: let it say so.
                jax.eval_shape(loss, *inputs)
    return found


def _inputs(data: tuple[str, ...], shape: tuple[int, ...]) -> list[jax.ShapeDtypeStruct]:
    """One number each or one for each class, but one label."""
    label, others = jax.ShapeDtypeStruct((), jnp.int32), jax.ShapeDtypeStruct(shape, jnp.float32)
    return [label if name == "labels" else others for name in data]


def _takes(fn: Callable[..., Any], inputs: list[jax.ShapeDtypeStruct]) -> bool:
    try:
        jax.eval_shape(fn, *inputs)
    except (TypeError, ValueError):
        return False
    return True
