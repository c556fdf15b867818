"""Speed and memory of losses beside each other: yours, ours, and those of other packages.

`compare` takes functions and arrays; ``jaxloss bench`` on the command line takes names. Neither is imported by
``import jaxloss``; charts and progress bars need ``pip install 'jaxloss[bench]'``.

Example:
    >>> from jaxloss import benchmarks
    >>> logits, labels = jnp.zeros((64, 10)), jnp.arange(64) % 10
    >>> mine = lambda z, y: -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=-1).mean()
    >>> theirs = jaxloss.softmax_cross_entropy_with_integer_labels
    >>> found = benchmarks.compare({"mine": mine, "theirs": theirs}, (logits, labels), rounds=3)
    >>> print(found.table().splitlines()[0])
    mine, theirs on cpu
    >>> sorted(found.to_dict())[:3]
    ['backend', 'entries', 'first_bytes']
"""

from jaxloss.benchmarks.comparing import compare
from jaxloss.benchmarks.results import Comparison, Entry
from jaxloss.benchmarks.timing import Spread

__all__ = ["Comparison", "Entry", "Spread", "compare"]
