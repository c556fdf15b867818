"""The data of an adversarial loss of the discriminator."""

from __future__ import annotations

from jaxloss import _checks
from jaxloss._reduce import blank
from jaxloss._typing import Array

__all__ = ["score_pair"]


def score_pair(where: Array | None, real_logits: Array, fake_logits: Array) -> tuple[Array, ...]:
    """The scores of real and of generated examples: floating, of one shape, 0 where masked."""
    real_logits, fake_logits = _checks.floating(real_logits=real_logits, fake_logits=fake_logits)
    _checks.same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return blank(where, real_logits, fake_logits)
