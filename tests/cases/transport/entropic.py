"""Cases of `jaxloss.transport.entropic`."""

from __future__ import annotations

HELPERS = {
    "entropic_transport_loss": "its solver is the optional package ott-jax",
    "sinkhorn_divergence": "its solver is the optional package ott-jax",
}

CASES = []
