"""Where versions of JAX keep the parts of a primitive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["parts_of_scan"]


def parts_of_scan(params: Mapping[str, Any]) -> tuple[int, int]:
    """How many constants and how many carried numbers a scan has; JAX 0.12 holds them as trees."""
    if "ft_in" in params:
        consts, carry, _ = params["ft_in"].unpack()
        return len(consts), len(carry)
    return params["num_consts"], params["num_carry"]
