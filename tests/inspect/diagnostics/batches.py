"""One batch for every kind of state: how it starts, what is added to it, and what lies behind a mask."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxloss.inspect import diagnostics as d

ROWS = 48
Data = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of state.

    Attributes:
        init: Makes the state of zeros.
        update: Adds a batch, ``update(state, where=None, **data)``.
        data: The batch, arrays with the leading axis of the examples.
        label: Name of the argument with integers that may be out of range; None if there is none.
        options: Keyword arguments of ``update`` on a mesh axis ``data``, where examples meet.
    """

    init: Callable[[], Any]
    update: Callable[..., Any]
    data: Data
    label: str | None = None
    meets: bool = False


def _draw() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    f32 = lambda *shape: rng.normal(size=(ROWS, *shape)).astype(np.float32)
    return {
        "logits": 2 * f32(5),
        "labels": rng.integers(0, 5, ROWS),
        "confidences": rng.uniform(size=ROWS).astype(np.float32),
        "hits": rng.integers(0, 2, ROWS).astype(bool),
        "slopes": f32(3) / ROWS,
        "features": np.maximum(f32(6), 0),
        "other": f32(6),
        "groups": rng.integers(0, 4, ROWS),
        "losses": np.abs(f32()),
        "images": f32(4, 4),
        "image_slopes": f32(4, 4),
        "near": np.abs(f32()),
        "far": 0.5 + np.abs(f32()),
    }


DRAWN = _draw()
REGION = np.zeros((4, 4), bool)
REGION[:2, 1] = True


def _data(**names: str) -> Data:
    return {argument: DRAWN[name] for argument, name in names.items()}


KINDS: Mapping[str, Kind] = {
    "calibration": Kind(
        d.calibration.init, d.calibration.update, _data(logits="logits", labels="labels"), label="labels"
    ),
    "confidences": Kind(
        d.calibration.init, d.calibration.update_with_confidences, _data(confidences="confidences", hits="hits")
    ),
    "gradient_shares": Kind(
        lambda: d.gradient_shares.init(4, 3, 6),
        d.gradient_shares.update,
        _data(slopes="slopes", groups="groups", features="features"),
        label="groups",
    ),
    "saturation": Kind(
        d.saturation.init,
        lambda state, where=None, **data: d.saturation.update(state, **data, bound=0.5, where=where),
        _data(slopes="slopes", wrong="hits"),
    ),
    "units": Kind(
        lambda: d.units.init(6),
        lambda state, where=None, **data: d.units.update(state, **data, bounds=(0, 2), where=where),
        _data(activations="features", slopes="other"),
    ),
    "ranks": Kind(lambda: d.ranks.init(6), d.ranks.update, _data(features="features")),
    "groups": Kind(
        lambda: d.groups.init(4), d.groups.update, _data(losses="losses", hits="hits", groups="groups"), label="groups"
    ),
    "cues": Kind(
        d.cues.init,
        lambda state, where=None, **data: d.cues.update(state, **data, region=jnp.asarray(REGION), where=where),
        _data(inputs="images", slopes="image_slopes"),
    ),
    "embeddings": Kind(lambda: d.embeddings.init(6), d.embeddings.update, _data(embeddings="other")),
    "pairs": Kind(d.pairs.init, d.pairs.update, _data(anchors="other", positives="features"), meets=True),
    "triplets": Kind(
        d.triplets.init,
        lambda state, where=None, **data: d.triplets.update(state, **data, margin=0.2, where=where),
        _data(to_positives="near", to_negatives="far"),
    ),
}


def cast(data: Data, dtype: Any) -> dict[str, Any]:
    """The data with floats in another dtype."""
    return {n: jnp.asarray(x, dtype if x.dtype == np.float32 else None) for n, x in data.items()}


def spoiled(data: Data, keep: np.ndarray) -> dict[str, Any]:
    """The data with the worst there is where ``keep`` is False: NaN, labels out of range."""
    found = {}
    for name, x in data.items():
        bad = np.nan if x.dtype == np.float32 else (-100 if x.dtype.kind == "i" else True)
        mask = keep.reshape(-1, *[1] * (x.ndim - 1))
        found[name] = jnp.asarray(np.where(mask, x, np.asarray(bad, x.dtype)))
    return found
