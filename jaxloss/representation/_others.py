"""Sets without labels: every row against all others, those of other devices too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.chunks import by_rows
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, AxisName
from jaxloss.representation._groups import Crowd, crowd_of, diagonal, examples, similarities

__all__ = ["against_others", "chosen_rows", "unlabelled"]


def unlabelled(
    where: ArrayLike | None, axis_name: AxisName | None, chunk_size: int | None, embeddings: Any
) -> tuple[Array, Crowd]:
    """``(embeddings [..., N, D], their crowd)``, checked and blanked."""
    (embeddings,) = checks.floating(embeddings=embeddings)
    examples("embeddings", embeddings)
    crowd = crowd_of(where, axis_name, embeddings, chunk_size=chunk_size)
    return promote(hide(where, embeddings, event_ndim=1))[0], crowd


def against_others(of_rows: Callable[[Array, Array], Any], x: Array, crowd: Crowd) -> Any:
    """``of_rows(products, others)``, a pytree of ``[..., N]``, a chunk of rows at a time.

    The two are ``[..., rows, M]``: the inner products of rows here and everywhere, and which rows of all devices are
    others, which are kept, as the row itself is.
    """
    everybody, theirs = crowd.everybody(x), crowd.everybody_kept()

    def block(rows: Any, start: Array) -> Any:
        some, keep = rows
        products = similarities(some, everybody)
        others = ~diagonal(products.shape, crowd.first + start)
        if keep is not None and theirs is not None:
            others = others & keep[..., :, None] & theirs[..., None, :]
        return of_rows(products, others)

    return by_rows(block, crowd.chunk(x, everybody), (x, crowd.keep), x.ndim - 2)


def chosen_rows(x: Array, crowd: Crowd, places: Array) -> Array:
    """The rows of all devices at the ``places`` ``[..., N]``; ``x`` itself if it is empty."""
    if not x.shape[-2]:
        return x
    return jnp.take_along_axis(crowd.everybody(x), places[..., None], axis=-2, mode="promise_in_bounds")
