"""Cases of `jaxloss.language.tokens`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "mask_tokens": "makes the inputs and labels of a masked language model",
    "next_tokens": "makes the inputs and labels of a causal language model",
}

CASES: list[Case] = []
