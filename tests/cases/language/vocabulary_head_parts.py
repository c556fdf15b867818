"""Cases of `jaxloss.language.projected.vocabulary_head_parts`: none, as its function returns several losses at once."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {"linear_softmax_cross_entropy_parts": "two losses and the log-normalisers from one pass, not one number"}

CASES: list[Case] = []
