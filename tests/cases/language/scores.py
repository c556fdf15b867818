"""Cases of `jaxloss.language.scores`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "mean_sequence_logps": "turns log-probabilities of tokens into the inputs of preference losses",
    "sequence_logps": "turns log-probabilities of tokens into the inputs of preference losses",
}

CASES: list[Case] = []
