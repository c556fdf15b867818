"""What a call on a few examples costs where nothing compiles it, as in a notebook: python -m benchmarks.eager

A call takes as long as its checks and the programs that it starts one after the other; the arrays are too small to
matter. Beside it stands the same loss of optax, with the mean.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Calls", "calls", "table"]

EXAMPLES, CLASSES = 32, 100
HEADINGS = ("32 examples, no jit", "jaxloss", "optax", "ratio")


class Calls(NamedTuple):
    """The same call in two packages."""

    ours: Callable[[], Any]
    theirs: Callable[[], Any]


def calls() -> Mapping[str, Calls]:
    """Every row by its title."""
    import jax
    import jax.numpy as jnp
    import optax

    import jaxloss

    key, other = jax.random.split(jax.random.key(0))
    x, y = jax.random.normal(key, (EXAMPLES,)), jax.random.normal(other, (EXAMPLES,))
    logits, labels = jax.random.normal(key, (EXAMPLES, CLASSES)), jnp.arange(EXAMPLES) % CLASSES
    keep = jnp.arange(EXAMPLES) % 3 > 0
    pairs: Mapping[str, tuple[Callable[..., Any], Callable[..., Any], Any, Any]] = {
        "squared error": (jaxloss.squared_error, optax.squared_error, x, y),
        "Huber": (jaxloss.huber_loss, optax.huber_loss, x, y),
        "binary cross-entropy": (
            jaxloss.sigmoid_binary_cross_entropy,
            optax.sigmoid_binary_cross_entropy,
            x,
            keep.astype(jnp.float32),
        ),
        "cross-entropy": (
            jaxloss.softmax_cross_entropy_with_integer_labels,
            optax.softmax_cross_entropy_with_integer_labels,
            logits,
            labels,
        ),
    }

    def rows() -> Iterator[tuple[str, Calls]]:
        for title, (ours, theirs, predictions, targets) in pairs.items():
            for mask in (None, keep):

                def mine(p: Any, ours: Any = ours, t: Any = targets, mask: Any = mask) -> Any:
                    return ours(p, t, where=mask)

                def other(p: Any, theirs: Any = theirs, t: Any = targets, mask: Any = mask) -> Any:
                    return theirs(p, t).mean(where=mask)

                masked = "" if mask is None else ", where"
                yield title + masked, _on(mine, other, predictions)
                yield f"{title}{masked}, gradient", _on(jax.grad(mine), jax.grad(other), predictions)

    return dict(rows())


def _on(mine: Callable[[Any], Any], other: Callable[[Any], Any], predictions: Any) -> Calls:
    return Calls(lambda: mine(predictions), lambda: other(predictions))


def _microseconds(call: Callable[[], Any], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return 1e6 * (time.process_time() - start) / repeats


def table(rounds: int = 9, repeats: int = 100) -> str:
    """The table: medians of rounds in which the packages take turns, in microseconds of the processor."""
    from jaxloss.benchmarks.tables import ratio, rows

    cells = []
    for title, pair in calls().items():
        for call in pair:
            call()
        times = [[_microseconds(call, repeats) for call in pair] for _ in range(rounds)]
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        between = statistics.median(mine / other for mine, other in times)
        cells.append([title, f"{ours:.0f} us", f"{theirs:.0f} us", ratio(between)])
    return "\n".join(rows(HEADINGS, cells))


if __name__ == "__main__":
    print(table())
