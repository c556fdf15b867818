"""The contract that preference and policy losses share: floating arrays of one shape."""

from __future__ import annotations

from typing import Any

from jaxloss import _checks
from jaxloss._reduce import blank
from jaxloss._typing import Array

__all__ = ["of_one_shape"]


def of_one_shape(where: Array | None, *, fill: float = 0, **arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating arrays of one shape, promoted, with ``fill`` where masked."""
    named = dict(zip(arrays, _checks.floating(**arrays), strict=True))
    _checks.same_shape(**named)
    return blank(where, *named.values(), fill=fill)
