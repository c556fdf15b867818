"""Classes that are spread over the devices of a mesh axis, each of which holds a slice of equal size.

Every function takes the name of the axis, or None if all classes are here.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import varying_axes
from jaxloss._floor.typing import Array, AxisName

__all__ = ["added", "all_classes", "first_class", "highest", "of_label", "typed_axes"]


def all_classes(axis_name: AxisName | None, here: int) -> int:
    """The number of classes on all devices."""
    return here if axis_name is None else here * jax.lax.axis_size(axis_name)


def first_class(axis_name: AxisName | None, here: int) -> Array | int:
    """The index among all classes of the first one that is here."""
    return 0 if axis_name is None else jax.lax.axis_index(axis_name) * here


def typed_axes(axis_name: AxisName | None) -> tuple[str, ...]:
    """The mesh axes of the classes over which values have types that say so; none under `jax.vmap`."""
    return () if axis_name is None else varying_axes(jax.lax.axis_index(axis_name))


def added(axis_name: AxisName | None, parts: Any) -> Any:
    """Sums over the classes here, added up over all devices."""
    return parts if axis_name is None else jax.lax.psum(parts, axis_name)


def highest(axis_name: AxisName | None, part: Array) -> Array:
    """The maximum over all devices of one over the classes here; a constant of differentiation."""
    part = jax.lax.stop_gradient(part)
    return part if axis_name is None else jax.lax.pmax(part, axis_name)


def of_label(axis_name: AxisName | None, per_class: Array, labels: Array) -> Array:
    """The entry of ``per_class`` for each of the ``labels``, which are indices among all classes."""
    if axis_name is None:
        return per_class[labels]
    place = labels - first_class(axis_name, per_class.shape[-1])
    inside = jnp.clip(place, 0, per_class.shape[-1] - 1)
    return added(axis_name, jnp.where(inside == place, per_class[inside], jnp.zeros((), per_class.dtype)))
