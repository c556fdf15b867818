"""A differentiable zero whose gradient has already been computed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.combine._engine.leaves import wide

__all__ = ["zero_with_gradient"]


def _is_primal(leaf: Any) -> bool:
    return hasattr(leaf, "perturbed")


def _perturbed(tree: Any) -> bool:
    return any(leaf.perturbed for leaf in jax.tree.leaves(tree, is_leaf=_is_primal))


def _values(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.value, tree, is_leaf=_is_primal)


@jax.custom_vjp
def zero_with_gradient(params: list[Array], gradients: list[Array]) -> Array:
    """0, with derivative ``gradients`` with respect to ``params``; differentiating by anything else is an error."""
    del params, gradients
    return jnp.zeros((), jnp.float32)


def _forward(params: Any, gradients: Any) -> tuple[Array, Any]:
    if _perturbed(gradients):
        raise TypeError(
            "an objective with aggregate=, axis_name= or microbatches= can only be differentiated with respect to its "
            "first argument. For another one, differentiate an objective without these options."
        )
    return jnp.zeros((), jnp.float32), (_values(params), _values(gradients))


def _backward(residuals: Any, cotangent: Array) -> tuple[Any, None]:
    params, gradients = residuals
    scaled = [_scaled(cotangent, gradient, param.dtype) for gradient, param in zip(gradients, params, strict=True)]
    return _constant(scaled, params), None


def _scaled(cotangent: Array, gradient: Array, dtype: Any) -> Array:
    gradient = wide(gradient)
    return (cotangent.astype(gradient.dtype) * gradient).astype(dtype)


zero_with_gradient.defvjp(_forward, _backward, symbolic_zeros=True)


@jax.custom_vjp
def _constant(gradients: list[Array], params: list[Array]) -> list[Array]:
    """The gradients, as constants that refuse to be differentiated: a second derivative would be a silent zero."""
    del params
    return gradients


def _constant_forward(gradients: Any, params: Any) -> tuple[Any, None]:
    if _perturbed(params):
        raise TypeError(
            "an objective with aggregate=, axis_name= or microbatches= has first derivatives only. For Hessians, or "
            "to differentiate through a training step, use an objective without these options."
        )
    return _values(gradients), None


_constant.defvjp(_constant_forward, lambda _, cotangents: (cotangents, None), symbolic_zeros=True)
