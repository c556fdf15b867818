"""The helpers of `jaxloss.vision.boundaries.distance_maps`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "distance_transform": "distances within a mask; no loss",
    "signed_distance_map": "distances from the boundary of a mask; no loss",
}

CASES: list[Case] = []
