"""A loss seen as a function of one number, which the engines of the property cards examine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax

__all__ = ["KINDS", "Kind", "Subject"]

Kind = Literal["residual", "margin", "logit", "prediction", "penalty"]
KINDS: Mapping[Kind, str] = {
    "residual": "prediction minus target; the best is 0",
    "margin": "score times a target of 1 or -1; the best is towards infinity",
    "logit": "logit of an example whose target is 1; the best is towards infinity",
    "prediction": "prediction for one fixed target, where the loss depends on more than their difference; best at it",
    "penalty": "one parameter or activation; the best is 0",
}
"""What the number is, by kind."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """A loss of one number.

    Attributes:
        name: Name of the loss.
        fn: From a number to the loss, in the dtype that the loss returns; can be traced, mapped and differentiated.
        kind: What the number is.
        domain: The interval that proofs are about.
        best: Where the loss should be minimal: a number, or ``inf`` for margins and logits.
        kinks: Numbers where the slope may jump. Proofs treat the sides apart; what jumps elsewhere is never proved.
        parameters: The hyperparameters, for the record.
        partner: For margins and logits, the loss of an example of the other class as a function of the same score; None
            if it is the mirror image.
    """

    name: str
    fn: Callable[[jax.Array], jax.Array]
    kind: Kind
    domain: tuple[float, float] = (-50.0, 50.0)
    best: float = 0.0
    kinks: tuple[float, ...] = ()
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    partner: Callable[[jax.Array], jax.Array] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; found {self.kind!r}")
        low, high = self.domain
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"domain must be two finite numbers in rising order; found {self.domain!r}")

    @property
    def falling(self) -> bool:
        """Whether the loss should fall over the whole domain."""
        return self.best == math.inf
