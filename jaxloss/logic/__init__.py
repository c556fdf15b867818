"""Logic as losses: fuzzy connectives and quantifiers, comparisons, and the semantic losses of formulas.

`godel`, `lukasiewicz` and `product` are three fuzzy logics, each a `Logic`: a table of differentiable connectives and
quantifiers on truth values in [0, 1]. Write a rule with them, and minimise how far it is from true:

    >>> logic = jaxloss.logic.product
    >>> rain, wet = jnp.array([0.9, 0.1, 0.8]), jnp.array([1.0, 0.2, 0.5])
    >>> rule = jaxloss.logic.forall_p_mean(logic.implication(rain, wet))
    >>> 1 - rule
    Array(0.23551363, dtype=float32)

Comparisons of numbers, "this output is at most that one", are penalties of another logic, `dl2`, where 0 is true.

A rule between outputs of one classifier can also be a loss by itself: `jaxloss.semantic_loss` and its relatives, which
are in the flat namespace too, give the exact negative log-probability that a formula is true.
"""

from jaxloss.logic import comparisons, connectives, formulas, quantifiers, semantic
from jaxloss.logic.comparisons import *
from jaxloss.logic.connectives import *
from jaxloss.logic.formulas import *
from jaxloss.logic.quantifiers import *
from jaxloss.logic.semantic import *

__all__: list[str] = []
__all__ += comparisons.__all__
__all__ += connectives.__all__
__all__ += formulas.__all__
__all__ += quantifiers.__all__
__all__ += semantic.__all__
