"""The augmented Lagrangian, which is no loss of examples: it has tests of its own."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "augmented_lagrangian": "carries multipliers from call to call; one number per problem",
    "init_augmented_lagrangian": "makes the first state of augmented_lagrangian",
}

CASES: list[Case] = []
