"""A `Case`: everything that the laws need to know about one loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["Case", "Inputs", "Shape", "floats"]

Inputs = dict[str, np.ndarray]
Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """What the laws need to know about one public loss.

    Attributes:
        fn: The loss.
        draw: ``draw(rng, batch)`` gives legal inputs in the order of the signature, floats as float64, each with
            the leading axes ``batch``; away from kinks with probability one. For a pooled loss the last axis of
            ``batch`` is the pooled one.
        oracle: ``oracle(**inputs, **hypers)`` gives the unreduced loss in float64, by code that is not ours:
            another package, or the formula of the paper in NumPy.
        source: Where the oracle comes from, in words.
        hypers: Hyperparameters off their defaults; used beside the defaults in every law on values.
        pooled: Whether the loss pools the last batch axis, so that ``where`` and ``weights`` belong to its entries.
        single: For a pooled loss, why pools of one entry are meaningful, if they are; else they are refused.
        meets: Whether the examples of the last batch axis meet each other, as anchors and as each other's positives and
            negatives, while the loss keeps one value per example: ``weights`` weigh the anchors, ``where`` deletes
            an example from both roles, and a NaN may spread to all that meet it.
        shared: Inputs without batch axes, the same for every example (class centres, quantile levels).
        static: Hyperparameters that set the structure of the program and cannot be traced.
        fixed: Floating inputs and hyperparameters that are not differentiated, and why.
        bad_hypers: Keyword sets that must raise a ValueError.
        bound: A lower bound that every value respects, in floating point too; None if there is none.
        perfect: ``perfect(rng, batch)`` gives inputs at which the loss is exactly ``best`` with zero gradient
            in its first argument.
        best: The value at ``perfect``.
        convex: Whether the loss is convex in its first argument.
        extremes: Named inputs at the edges of the domain, at which value and gradient must be finite, the value not
            below ``bound``. Every loss has some.
        labels: The integer label argument that must be poisoned out of ``[0, classes)``, if any; the number of
            classes is the size of the last axis of the first input.
        classes: ``classes(inputs)`` gives the number of classes where it is not the last axis of the first input.
        half: ``half(rng, batch)`` replaces ``draw`` where inputs are rounded to 16 bits.
        cancels: Why values near 0 are differences of larger terms, if they are; errors are then relative to 1.
        ulps: Units in the last place that a float32 value may be off.
        tolerance: Relative tolerance against the oracle in float64.
        exempt: Law name to the reason why it cannot hold.
        leading: Positional arguments before the inputs that are no arrays of examples: functions, parameters, states.
        carries: Whether the loss returns ``(loss, new_state)``.
        illegal: Input name to values outside its domain. Put into one entry of one example, each gives NaN in the value
            and the gradient of that example alone, and an error under `jaxloss.checked`.
        constant: Inputs and hyperparameters through which no gradient flows although the value depends on them, and
            why.
        mistakes: Word of a message to a function of legal inputs that gives what people pass by mistake and only values
            can tell, such as boxes in another format: an error under `jaxloss.checked` that has the word.
        boolean: Whether the targets may be boolean: they say yes or no.
        slopes: ``slopes(**inputs, **hypers)`` gives, by input name, the gradient of the summed loss in float64; for
            losses whose gradient is not the derivative of their value.
        ends: Hyperparameters at the closed ends of their ranges; oracle, extremes and bound hold there too.
        spread: ``spread(rng)`` gives the inputs, and the axis of each that ``axis_name`` spreads over devices, which is
            a multiple of eight long, or None. For losses that take ``axis_name`` and pool another axis than the last
            of the batch. Hyperparameters that are spread with the inputs, one number per point, are among these.
        towards: ``towards(inputs)`` gives the direction in which the scores of the first input become certain and
            right, where it is not the one-hot label or the target.
        structures: Named draws of other structural sizes than those of ``draw``: one class, equal and unequal numbers
            of rows and columns, one time step.
        translates: Groups of inputs that may be moved by one constant, together, without a change of the loss.
    """

    fn: Callable[..., Any]
    draw: Callable[[np.random.Generator, Shape], Inputs]
    oracle: Callable[..., Any]
    source: str
    hypers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    pooled: bool = False
    single: str = ""
    meets: bool = False
    shared: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    fixed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    bad_hypers: tuple[Mapping[str, Any], ...] = ()
    bound: float | None = 0.0
    perfect: Callable[[np.random.Generator, Shape], Inputs] | None = None
    best: float = 0.0
    convex: bool = False
    extremes: Mapping[str, Inputs] = dataclasses.field(default_factory=dict)
    labels: str | None = None
    classes: Callable[[Inputs], int] | None = None
    half: Callable[[np.random.Generator, Shape], Inputs] | None = None
    cancels: str = ""
    ulps: float = 4.0
    tolerance: float = 1e-12
    exempt: Mapping[str, str] = dataclasses.field(default_factory=dict)
    leading: tuple[Any, ...] = ()
    carries: bool = False
    illegal: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    constant: Mapping[str, str] = dataclasses.field(default_factory=dict)
    mistakes: Mapping[str, Callable[[Inputs], Inputs]] = dataclasses.field(default_factory=dict)
    boolean: bool = False
    slopes: Callable[..., Mapping[str, Any]] | None = None
    ends: tuple[Mapping[str, Any], ...] = ()
    spread: Callable[[np.random.Generator], tuple[Inputs, Mapping[str, int | None]]] | None = None
    towards: Callable[[Inputs], np.ndarray] | None = None
    structures: Mapping[str, Callable[[np.random.Generator, Shape], Inputs]] = dataclasses.field(default_factory=dict)
    translates: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        return self.fn.__name__

    def unreduced(self, batch: Shape) -> Shape:
        return batch[:-1] if self.pooled else batch


def floats(inputs: Inputs) -> list[str]:
    return [name for name, value in inputs.items() if np.issubdtype(np.asarray(value).dtype, np.floating)]
