"""The data of an adversarial loss of the discriminator."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["score_pair"]


def score_pair(where: ArrayLike | None, real_logits: ArrayLike, fake_logits: ArrayLike) -> tuple[Array, ...]:
    """The scores of real and of generated examples: floating, of one shape, 0 where masked."""
    real_logits, fake_logits = checks.floating(real_logits=real_logits, fake_logits=fake_logits)
    checks.same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return blank(where, real_logits, fake_logits)
