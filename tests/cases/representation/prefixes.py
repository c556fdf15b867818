"""What `jaxloss.representation.prefixes` has: a sum of other losses, which has no examples of its own."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {"matryoshka_loss": "a sum of another loss of prefixes, which keeps its own tail"}

CASES: list[Case] = []
