"""Cases of `jaxloss.language.advantages`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "batch_scaled_advantages": "turns rewards of groups into advantages",
    "centered_advantages": "turns rewards of groups into advantages",
    "group_advantages": "turns rewards of groups into advantages",
    "leave_one_out_advantages": "turns rewards of groups into advantages",
}

CASES: list[Case] = []
