"""Penalties on parameters, which are no losses of examples: they have tests of their own."""

from __future__ import annotations

from tests.cases import Case

HELPERS = dict.fromkeys(
    ("elastic_net_penalty", "l1_penalty", "l2_sp_penalty"), "a penalty on parameters: one number per model"
)

CASES: list[Case] = []
