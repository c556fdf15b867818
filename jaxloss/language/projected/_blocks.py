"""How the kernels of `_kernels` are cut into blocks, and the scores of a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from jaxloss._floor.typing import Array
from jaxloss.language.projected._tiles import Head, Options, Tile, dot, operand

__all__ = ["Grid", "apply_to", "backward_grid", "call", "forward_grid", "inputs", "scores_of", "split", "whole_blocks"]

FEATURES = 128, 8192
"""Fewest and most features: a block of the kernel has them all."""

CLASSES = 1024
"""Fewest classes: a block of the gradient has as many."""

MEMORY = 110 * 2**20
"""What a kernel may take of the 128 MiB on a chip; the sizes below are for it."""

REVISITS = 4
"""Fewest blocks of tokens. A block that is added to comes back after as many steps. It is fetched one step ahead, when
the step before may still be writing its own: what is two steps older is always written."""


class Grid(NamedTuple):
    """The tokens and classes of a block, and the order in which a kernel takes the blocks: the last axis innermost."""

    tokens: int
    classes: int
    order: tuple[str, str]

    def steps(self, head: Head) -> tuple[int, int]:
        """The number of blocks along each axis of the order."""
        counts = {
            "tokens": pl.cdiv(head.hidden.shape[0], self.tokens),
            "classes": pl.cdiv(head.kernel.shape[-1], self.classes),
        }
        first, second = self.order
        return counts[first], counts[second]

    def cut(self, **axes: int | None) -> pl.BlockSpec:
        """How an array with these axes is cut: one with a length is whole, one without is ``tokens`` or ``classes``."""
        sizes = {"tokens": self.tokens, "classes": self.classes}

        def place(*index: Any) -> tuple[Any, ...]:
            here = dict(zip(self.order, index, strict=True))
            return tuple(here[axis] if length is None else 0 for axis, length in axes.items())

        return pl.BlockSpec(tuple(sizes[axis] if length is None else length for axis, length in axes.items()), place)


def _power_of_two(number: int, least: int, most: int) -> int:
    return min(max(1 << (number.bit_length() - 1), least), most)


def forward_grid(features: int) -> Grid:
    return Grid(_power_of_two(2**21 // features, 256, 1024), 512, ("tokens", "classes"))


def backward_grid(features: int, itemsize: int) -> Grid:
    classes = CLASSES if features * itemsize <= 8192 else CLASSES // 2
    return Grid(_power_of_two(2**20 // features, 128, 512), classes, ("classes", "tokens"))


def apply_to(head: Head, labels: Array) -> bool:
    """Whether the kernels are for these shapes, and for the TPU here if there is one.

    They are for chips with one core: two would add to the same block at the same time.
    """
    try:
        chip = pltpu.get_tpu_info()
    except (ValueError, RuntimeError):  # no TPU here: compiled for one elsewhere, or not used
        chip = None
    features, classes = head.kernel.shape
    sizes_known = isinstance(labels.size, int) and isinstance(classes, int) and isinstance(features, int)
    if not sizes_known or operand(head)[1] != jnp.float32 or not FEATURES[0] <= features <= FEATURES[1]:
        return False
    fits = chip is None or (chip.num_cores == 1 and chip.vmem_capacity_bytes > MEMORY)
    return fits and classes >= CLASSES and labels.size >= REVISITS * forward_grid(features).tokens


def whole_blocks(tokens: int, rows: Any) -> Any:
    """Arrays of tokens with the last token again until the blocks are full: its numbers fit together."""

    def fill(x: Array) -> Array:
        return jnp.pad(x, [(0, -len(x) % tokens), *(x.ndim - 1) * [(0, 0)]], mode="edge")

    return jax.tree.map(fill, rows)


def inputs(grid: Grid, head: Head, labels: Array, options: Options) -> tuple[list[Array], list[pl.BlockSpec]]:
    """Hidden states, kernel, labels, hyperparameters, and what there is of a row per class; and how they are cut."""
    features = head.hidden.shape[-1]
    cap = jnp.zeros_like(options.smoothing) if options.soft_cap is None else options.soft_cap
    numbers = jnp.stack([options.smoothing, options.z_factor, cap])
    per_class = [x[None, :] for x in (head.bias, options.class_weights) if x is not None]
    specs = [
        grid.cut(tokens=None, features=features),
        grid.cut(features=features, classes=None),
        grid.cut(tokens=None, one=1),
        pl.BlockSpec(memory_space=pltpu.SMEM),
        *(grid.cut(one=1, classes=None) for _ in per_class),
    ]
    return [head.hidden, head.kernel, labels[:, None], numbers, *per_class], specs


def split(refs: Sequence[Any], *counts: int) -> list[Sequence[Any]]:
    """The first of ``refs``, as many as the first count, the next ones, and so on; in the end those that are left."""
    parts, start = [], 0
    for count in counts:
        parts.append(refs[start : start + count])
        start += count
    return [*parts, refs[start:]]


def scores_of(head: Head, options: Options, refs: Sequence[Any], first: Array) -> tuple[Array, Tile, Options]:
    """The hidden states of a block, its scores as `_tiles.tile` has them, and the hyperparameters.

    ``refs`` are those of `inputs` for ``head`` and ``options``, ``first`` is the first class of the block.
    """
    hidden, kernel, labels, numbers, *per_class = refs
    factor, work = operand(head)
    rows, columns = hidden[...].astype(factor), kernel[...].astype(factor)
    found = iter(per_class)
    shift: Array | None = None if head.bias is None else next(found)[...].astype(work)
    weights: Array | None = None if options.class_weights is None else next(found)[...]
    number = jax.lax.broadcasted_iota(jnp.int32, (1, columns.shape[-1]), 1)
    inside: Array | None = None
    if head.kernel.shape[-1] % columns.shape[-1]:  # the last block goes on behind the classes, over whatever is there
        inside = first + number < head.kernel.shape[-1]
        columns = jnp.where(inside, columns, jnp.zeros((), factor))
        shift = None if shift is None else jnp.where(inside, shift, 0)
        weights = None if weights is None else jnp.where(inside, weights, 0)
    scores, slope = dot(rows, columns, (-1, -2), work), None
    scores = scores if shift is None else scores + shift
    known = Options(numbers[0], numbers[1], None if options.soft_cap is None else numbers[2], weights)
    if known.soft_cap is not None:
        bent = jnp.tanh(scores / known.soft_cap)
        scores, slope = known.soft_cap * bent, (1 - bent) * (1 + bent)
    scores = scores if inside is None else jnp.where(inside, scores, -jnp.inf)
    place = labels[...] - first
    distance = number.astype(work) - place.astype(work)
    return rows, Tile(columns, scores, slope, distance, number == place, weights, jnp.zeros((), work)), known


def call(
    name: str, body: Callable[..., None], steps: tuple[int, int], like: Array, outputs: Sequence[Any], **more: Any
) -> Callable[..., Any]:
    """A kernel over a grid; its outputs, shapes and dtypes, differ over the devices that ``like`` differs over."""
    kind = jax.typeof(like).manual_axis_type
    return pl.pallas_call(
        body,
        name=name,
        grid=steps,
        out_shape=[jax.ShapeDtypeStruct(shape, dtype, manual_axis_type=kind) for shape, dtype in outputs],
        compiler_params=pltpu.CompilerParams(dimension_semantics=("arbitrary", "arbitrary"), vmem_limit_bytes=MEMORY),
        **more,
    )
