"""Cases of `jaxloss.language.aggregation`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "aggregate_tokens": "makes a reduction for the losses of tokens",
}

CASES: list[Case] = []
