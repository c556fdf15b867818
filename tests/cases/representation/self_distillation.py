"""Cases of `jaxloss.representation.self_distillation`."""

from __future__ import annotations

HELPERS = {
    "init_dino_loss": "the state of dino_loss before its first step",
    "dino_loss": "takes a centre and returns the loss with the next one",
}

CASES = []
