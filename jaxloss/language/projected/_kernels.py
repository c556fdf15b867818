"""Cross-entropy of a softmax over a linear map by two kernels for a TPU, one for each pass of `_softmax`.

The first goes over the classes for a block of tokens and keeps a few running numbers in place. The second goes over the
tokens for a block of classes: the gradient of the kernel is summed on the chip and written once, and that of the hidden
states is read, added to and written for every block of classes.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from jaxloss._floor.typing import Array
from jaxloss.language.projected._blocks import (
    backward_grid,
    call,
    forward_grid,
    inputs,
    scores_of,
    split,
    whole_blocks,
)
from jaxloss.language.projected._rows import Row, known_to_pull, pull
from jaxloss.language.projected._tiles import Head, Options, Plan, dot, present_in

__all__ = ["running", "slopes"]


def running(plan: Plan, head: Head, labels: Array, options: Options) -> tuple[Array, ...]:
    """What the pass over the classes keeps of every token: see `_softmax.over_classes`."""
    tokens, features = head.hidden.shape
    grid = forward_grid(features)
    hidden, labels = whole_blocks(grid.tokens, (head.hidden, labels))
    head = head._replace(hidden=hidden)
    arrays, specs = inputs(grid, head, labels, options)
    kept = 6 if plan.smooth else 3

    def body(*refs: Any) -> None:
        given, (top, total, own, *even) = split(refs, len(arrays))
        index = pl.program_id(1)

        @pl.when(index == 0)
        def _() -> None:
            top[...] = jnp.full_like(top, float(jnp.finfo(jnp.float32).min) / 4)
            for sums in (total, own, *even):
                sums[...] = jnp.zeros_like(sums)

        here = scores_of(head, options, given, index * grid.classes)[1]
        add = lambda x: jnp.sum(x, axis=-1, keepdims=True)
        lower = top[...]
        peak = jnp.maximum(lower, jnp.max(here.scores, axis=-1, keepdims=True))
        others = jnp.where(here.is_label, here.zero, jnp.exp(here.scores - peak))
        total[...] = total[...] * jnp.exp(lower - peak) + add(others)
        own[...] += add(jnp.where(here.is_label, here.scores, here.zero))
        top[...] = peak
        if even:
            lean, mass, count = even
            weights, present = present_in(here)
            rest = jnp.logical_not(here.is_label) & present
            below = jnp.where(rest, peak - here.scores, here.zero)
            lean[...] += (peak - lower) * mass[...] + add(weights * below)
            mass[...] += add(jnp.where(rest, weights, here.zero))
            count[...] += add(present.astype(jnp.float32))

    outputs, column = kept * [((len(hidden), 1), jnp.float32)], grid.cut(tokens=None, one=1)
    run = call("cross_entropy", body, grid.steps(head), hidden, outputs, in_specs=specs, out_specs=kept * [column])
    found = [x[:tokens, 0] for x in run(*arrays)]
    *sums, present = found if plan.smooth else [*found, *(3 * [jnp.zeros_like(found[0])])]
    return (*sums, present.astype(jnp.int32))


def slopes(plan: Plan, head: Head, labels: Array, options: Options, row: Row, cotangent: Array) -> Head:
    """The gradients of hidden states, kernel and bias, each in the dtype of what it belongs to."""
    (tokens, features), bias = head.hidden.shape, head.bias
    grid = backward_grid(features, head.kernel.dtype.itemsize)
    hidden, labels, row = whole_blocks(grid.tokens, (head.hidden, labels, row))
    head = head._replace(hidden=hidden)
    arrays, specs = inputs(grid, head, labels, options)
    columns = [x[:, None] for x in (*known_to_pull(row), jnp.pad(cotangent, (0, len(hidden) - tokens)))]
    steps = grid.steps(head)

    def body(*refs: Any) -> None:
        given, known, (before, after, out, *shift), (summed,) = split(refs, len(arrays), len(columns), 3 + len(own))
        index = pl.program_id(1)
        rows, here, numbers = scores_of(head, options, given, pl.program_id(0) * grid.classes)
        *some, scale = (x[...] for x in known)
        pulled = pull(plan, here, some, numbers) * scale

        @pl.when(index == 0)
        def _() -> None:
            for sums in (summed, *shift):
                sums[...] = jnp.zeros_like(sums)

        for sums in shift:
            sums[...] += jnp.sum(pulled, axis=0, keepdims=True)
        pulled = pulled.astype(rows.dtype)
        summed[...] += dot(rows, pulled, (-2, -2), jnp.float32)
        after[...] = before[...] + dot(pulled, here.columns, (-1, -1), jnp.float32)

        @pl.when(index == steps[1] - 1)
        def _() -> None:
            out[...] = summed[...].astype(out.dtype)

    states, column = grid.cut(tokens=None, features=features), grid.cut(tokens=None, one=1)
    own = [] if bias is None else [((1, head.kernel.shape[-1]), jnp.float32)]
    run = call(
        "cross_entropy_gradient",
        body,
        steps,
        hidden,
        [(hidden.shape, jnp.float32), (head.kernel.shape, head.kernel.dtype), *own],
        in_specs=[*specs, *(column for _ in columns), states],
        out_specs=[states, grid.cut(features=features, classes=None), *(grid.cut(one=1, classes=None) for _ in own)],
        scratch_shapes=[pltpu.VMEM((features, grid.classes), jnp.float32)],
        input_output_aliases={len(arrays) + len(columns): 0},
    )
    states, kernel, *shift = run(*arrays, *columns, jnp.zeros(hidden.shape, jnp.float32))
    return Head(states[:tokens].astype(hidden.dtype), kernel, None if bias is None else shift[0][0].astype(bias.dtype))
