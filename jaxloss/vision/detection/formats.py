"""Converters between formats of boxes; the losses take corners, ``(x0, y0, x1, y1)``."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["cxcywh_to_xyxy", "xywh_to_xyxy", "xyxy_to_cxcywh", "xyxy_to_xywh", "xyxy_to_yxyx", "yxyx_to_xyxy"]


def xyxy_to_cxcywh(boxes: ArrayLike) -> Array:
    """Corners ``(x0, y0, x1, y1)`` to centre, width and height ``(cx, cy, w, h)``.

    Args:
        boxes: Shape ``[..., 4]``, floating.

    Returns:
        Shape ``[..., 4]``, in the dtype of ``boxes``. An inverted side, x1 < x0, has a negative length.

    Raises:
        TypeError: If ``boxes`` is not floating.
        ValueError: If the last axis does not have four entries.

    Example:
        >>> jaxloss.boxes.xyxy_to_cxcywh(jnp.array([1.0, 2.0, 4.0, 4.0]))
        Array([2.5, 3. , 3. , 2. ], dtype=float32)
    """
    x0, y0, x1, y1 = _parts(boxes)
    return jnp.stack([x0 + 0.5 * (x1 - x0), y0 + 0.5 * (y1 - y0), x1 - x0, y1 - y0], axis=-1)


def cxcywh_to_xyxy(boxes: ArrayLike) -> Array:
    """Centre, width and height ``(cx, cy, w, h)`` to corners ``(x0, y0, x1, y1)``.

    Args:
        boxes: Shape ``[..., 4]``, floating.

    Returns:
        Shape ``[..., 4]``, in the dtype of ``boxes``.

    Raises:
        TypeError: If ``boxes`` is not floating.
        ValueError: If the last axis does not have four entries.

    Example:
        >>> jaxloss.boxes.cxcywh_to_xyxy(jnp.array([2.5, 3.0, 3.0, 2.0]))
        Array([1., 2., 4., 4.], dtype=float32)
    """
    cx, cy, w, h = _parts(boxes)
    return jnp.stack([cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h], axis=-1)


def xyxy_to_xywh(boxes: ArrayLike) -> Array:
    """Corners ``(x0, y0, x1, y1)`` to first corner, width and height ``(x0, y0, w, h)``, as in COCO files.

    Args:
        boxes: Shape ``[..., 4]``, floating.

    Returns:
        Shape ``[..., 4]``, in the dtype of ``boxes``. An inverted side, x1 < x0, has a negative length.

    Raises:
        TypeError: If ``boxes`` is not floating.
        ValueError: If the last axis does not have four entries.

    Example:
        >>> jaxloss.boxes.xyxy_to_xywh(jnp.array([1.0, 2.0, 4.0, 4.0]))
        Array([1., 2., 3., 2.], dtype=float32)
    """
    x0, y0, x1, y1 = _parts(boxes)
    return jnp.stack([x0, y0, x1 - x0, y1 - y0], axis=-1)


def xywh_to_xyxy(boxes: ArrayLike) -> Array:
    """First corner, width and height ``(x0, y0, w, h)``, as in COCO files, to corners ``(x0, y0, x1, y1)``.

    Args:
        boxes: Shape ``[..., 4]``, floating.

    Returns:
        Shape ``[..., 4]``, in the dtype of ``boxes``.

    Raises:
        TypeError: If ``boxes`` is not floating.
        ValueError: If the last axis does not have four entries.

    Example:
        >>> jaxloss.boxes.xywh_to_xyxy(jnp.array([1.0, 2.0, 3.0, 2.0]))
        Array([1., 2., 4., 4.], dtype=float32)
    """
    x0, y0, w, h = _parts(boxes)
    return jnp.stack([x0, y0, x0 + w, y0 + h], axis=-1)


def yxyx_to_xyxy(boxes: ArrayLike) -> Array:
    """Corners ``(y0, x0, y1, x1)``, as in TensorFlow, to ``(x0, y0, x1, y1)``.

    Args:
        boxes: Shape ``[..., 4]``, floating.

    Returns:
        Shape ``[..., 4]``, in the dtype of ``boxes``.

    Raises:
        TypeError: If ``boxes`` is not floating.
        ValueError: If the last axis does not have four entries.

    Example:
        >>> jaxloss.boxes.yxyx_to_xyxy(jnp.array([2.0, 1.0, 4.0, 4.0]))
        Array([1., 2., 4., 4.], dtype=float32)
    """
    y0, x0, y1, x1 = _parts(boxes)
    return jnp.stack([x0, y0, x1, y1], axis=-1)


def xyxy_to_yxyx(boxes: ArrayLike) -> Array:
    """Corners ``(x0, y0, x1, y1)`` to ``(y0, x0, y1, x1)``, as in TensorFlow.

    Args:
        boxes: Shape ``[..., 4]``, floating.

    Returns:
        Shape ``[..., 4]``, in the dtype of ``boxes``.

    Raises:
        TypeError: If ``boxes`` is not floating.
        ValueError: If the last axis does not have four entries.

    Example:
        >>> jaxloss.boxes.xyxy_to_yxyx(jnp.array([1.0, 2.0, 4.0, 4.0]))
        Array([2., 1., 4., 4.], dtype=float32)
    """
    x0, y0, x1, y1 = _parts(boxes)
    return jnp.stack([y0, x0, y1, x1], axis=-1)


def _parts(boxes: ArrayLike) -> list[Array]:
    (boxes,) = checks.floating(boxes=boxes)
    checks.with_axes("coordinates", boxes=boxes)
    checks.has_shape((*boxes.shape[:-1], 4), "four coordinates per box", boxes=boxes)
    return [boxes[..., i] for i in range(4)]
