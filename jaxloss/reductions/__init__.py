"""Reductions of per-example losses, for the ``reduction`` argument of every loss.

A reduction is a function ``(values, weights) -> result``: ``values`` are the per-example losses, ``weights`` their
weights, 0 where an example is masked. Any function of your own works as well. Here `term` is passed as it is, without
parentheses, because it has no arguments; every other one is called.

>>> jaxloss.squared_error(jnp.array([1.0, 3.0]), jnp.zeros(2), reduction=jaxloss.reductions.top_fraction(0.5))
Array(9., dtype=float32)

With ``axis_name`` a mean or sum is that over all devices, also where their masks differ. Inside `jax.shard_map`, whose
types tell what varies, its gradient is that of the whole batch. Inside `jax.pmap`, or with ``check_vma=False``, JAX
differentiates the sum of what all devices return: a gradient taken inside is that of this device's part times the
number of devices, so take ``jax.lax.pmean`` of the gradients, never ``psum``. A gradient of the whole mapped function
is right in both.

Reductions made by a call are values: ``mean() == mean()``, ``repr(top_fraction(0.5))`` is ``"top_fraction(0.5)"``, and
they can be hashed, so ``jax.jit(loss, static_argnames="reduction")`` compiles once for equal reductions. A reduction
that holds an array, such as the groups of `worst_group` or an annealed temperature, may be traced but not hashed:
Python raises a TypeError. Build it inside the compiled function.
"""

from jaxloss._floor.means.terms import Term as Term
from jaxloss._floor.means.terms import merge as merge
from jaxloss._floor.means.terms import summarize as summarize
from jaxloss._floor.means.terms import term as term
from jaxloss.reductions import means, robust, sequences
from jaxloss.reductions.means import *
from jaxloss.reductions.robust import *
from jaxloss.reductions.sequences import *

__all__ = ["Term", "merge", "summarize", "term"]
__all__ += means.__all__
__all__ += robust.__all__
__all__ += sequences.__all__
