"""The usual plain formula of a loss, as a user writes it in a line: unreduced, and with the options that cost.

They are not of the house: less careful at the edges of the domain, and what speed is compared with.
"""

from jaxloss.benchmarks.formulas.dense import DENSE, Formula
from jaxloss.benchmarks.formulas.pooled import POOLED

__all__ = ["DENSE", "FORMULAS", "POOLED", "Formula"]

FORMULAS: dict[str, Formula] = {**DENSE, **POOLED}
"""Loss to its formula."""
