"""An objective: named terms of one forward pass, transformed, weighted and summed into one differentiable number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxloss._floor.typing import Array
from jaxloss.combine._engine.direct import evaluate_directly
from jaxloss.combine._engine.parts import evaluate_parts
from jaxloss.combine._engine.plan import Plan, first_state
from jaxloss.combine.gradients.aggregator import Aggregator
from jaxloss.combine.structure.results import Aux, ObjectiveState
from jaxloss.combine.structure.transforms import LossTransform, chain, described

__all__ = ["Objective", "objective"]


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """A differentiable function ``objective(params, state, *args, **kwargs) -> (loss, aux)``, and its first state.

    It is made by `objective`. It can be given to ``jax.value_and_grad``, ``jax.jit``, ``jax.checkpoint`` and
    ``jax.eval_shape`` like any function.

    Attributes:
        plan: What it was made of.
    """

    plan: Plan

    @property
    def __name__(self) -> str:
        """What JAX calls the objective in traces, profiles and errors."""
        return "objective"

    def init(self, params: Any, *args: Any, **kwargs: Any) -> ObjectiveState:
        """The first state. Only shapes are looked at; no maths is run.

        The losses see what they see in an evaluation: Python numbers, flags, strings and functions as they are, and
        arrays as tracers. They may therefore branch on ``train=True``.
        """
        if isinstance(params, ObjectiveState):
            raise TypeError("init takes the arguments of the losses, init(params, *args), without a state.")
        return first_state(self.plan, params, *args, **kwargs)

    def apply(self, params: Any, state: ObjectiveState, /, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        """The loss and its report; the same as calling the objective."""
        if isinstance(params, ObjectiveState):
            raise TypeError("params and state are swapped: the call is objective(params, state, *args).")
        if not isinstance(state, ObjectiveState):
            raise TypeError(
                "the second argument of an objective must be its state, from objective.init(params, *args) or from "
                f"aux.state of the last step; found {type(state).__name__}."
            )
        evaluate = evaluate_directly if self.plan.in_one_piece else evaluate_parts
        return evaluate(self.plan, params, state, *args, **kwargs)

    def __call__(self, params: Any, state: ObjectiveState, /, *args: Any, **kwargs: Any) -> tuple[Array, Aux]:
        return self.apply(params, state, *args, **kwargs)


def objective(
    losses: Callable[..., Any],
    *transforms: LossTransform,
    aggregate: Aggregator | None = None,
    axis_name: str | tuple[str, ...] | None = None,
    microbatches: int = 1,
    has_aux: bool = False,
    params_specs: Any = None,
) -> Objective:
    r"""Turn a function that returns named terms into one differentiable objective with a state.

    .. math:: L(\theta) = \sum_k w_k \, \frac{\sum_i m_{ki} \, \ell_{ki}(\theta)}{\sum_i m_{ki}}

    The loss is the sum over terms :math:`k` of their weighted means over the examples :math:`i` of the whole batch,
    after the transformations. Without the options below, the objective is plain JAX: ``jax.jvp``, Hessians,
    ``jax.vmap`` over parameters and ``jax.lax.scan`` over steps all work, and under ``jit`` with sharded arrays the
    sums are global.

    With ``aggregate``, ``axis_name`` or ``microbatches``, the value, the gradient and everything in the `Aux` are those
    of one device that evaluates the whole batch at once, also for transformations that need the whole batch. Such an
    objective has a first derivative in reverse mode with respect to ``params``; any other derivative is an error. A
    linear factor on the loss, such as a loss scale, multiplies the finished gradient.

    **Terms are losses of examples.** Return what a loss gives as it is: its default mean, or ``"none"``, is taken apart
    into the losses and weights of the examples that it was reduced from, so ``reduction=jaxloss.reductions.term`` is
    needed only where you go on computing with them. The objective recognises the very array that the loss returned,
    traced in the same function; a number computed from it, or returned through an inner ``jax.jit``, is a number. It
    is welcome if it depends on the parameters alone. If it was made of the batch, it is a term of its own for an
    objective in one piece, and refused where the batch is split or a transformation looks at its examples: a mean of
    means is not the mean. Losses whose examples meet each other take ``axis_name``, or go into `whole_batch`.

    **Micro-batches.** The size of the batch is the leading axis of the first array in the first argument after the
    state. Every array with that leading axis is split, in any argument, positional or by name, and at any depth of a
    pytree: of ``objective(params, state, x, y, mask=mask)``, all three. Other arrays, 0-d arrays and Python values are
    given whole to every part. A term of a part must have the examples of the part as its leading axis, so that an array
    that should have been split, but was not, is an error. Which arrays are split is not an option. An array that must
    stay whole, but has the leading axis by chance, is passed as ``table[None]`` and used as ``table[0]``: no batch that
    can be split has the size 1. An array that must be split is passed with the batch first.

    **Random keys.** A key of `jax.random.key` that is given whole is folded with the number of the part: every part
    draws differently. An array of keys with one key per example is split. Old keys of ``jax.random.PRNGKey`` look like
    data and are refused with ``microbatches``. Under ``axis_name``, a key is used as it is: every device draws the same
    numbers, unless ``losses`` uses ``jax.random.fold_in(key, jax.lax.axis_index(axis_name))``.

    Args:
        losses: ``losses(params, *args, **kwargs)`` runs the model once and returns a dict of named terms: what losses
            return, arrays of per-example losses, `whole_batch`, or numbers. The leading axis of a term is the batch. An
            `Annotation` among them is data for the transformations.
        *transforms: Transformations of the terms, in order; see `chain`, `on`, `scale`, `weigh`.
        aggregate: How the gradients of the terms are combined, for example ``combine.upgrad()``; None adds them. An
            aggregator needs the memory of one gradient per term and one backward pass per term.
        axis_name: Inside `jax.shard_map`, the mesh axis or axes that the batch is sharded over.
        microbatches: Number of parts into which each device's batch is split; see below for what is split.
        has_aux: Whether ``losses`` returns ``(terms, extra)``; ``extra`` is returned in the `Aux`.
        params_specs: The PartitionSpecs of ``params``, or a prefix of them. Required only with ``check_vma=False`` and
            sharded parameters; otherwise the types of the parameters contain the mesh axes.

    Returns:
        An `Objective`.

    Raises:
        TypeError: If ``losses`` is not a function, a transformation is not a `LossTransform`, or ``aggregate`` is
            neither None nor an `Aggregator`. At ``init``, if ``losses`` does not return a dict, or a term is not
            floating. At the call, if ``params`` and ``state`` are swapped, or with ``microbatches`` there is no array
            to split or an old random key. In differentiation, if the argument is not ``params``, or if ``losses``
            changed ``params`` in place.
        KeyError: At ``init``, if a transformation or the aggregator names a term that does not exist.
        ValueError: If a transformation changes the set of names, the state belongs to another objective, the terms
            vary over a mesh axis that is not named, a number was made of a part of the batch, or ``microbatches`` does
            not divide the batch or finds a term whose leading axis is not that of a part.

    Example:
        >>> from jaxloss import combine
        >>> def losses(params, x, y):
        ...     return {"fit": jaxloss.squared_error(params * x, y), "size": params**2}
        >>> objective = combine.objective(losses, combine.weigh(size=0.5))
        >>> state = objective.init(2.0, jnp.ones(3), jnp.ones(3))
        >>> (loss, aux), slope = jax.value_and_grad(objective, has_aux=True)(2.0, state, jnp.ones(3), jnp.ones(3))
        >>> float(loss), float(slope), float(aux.terms["fit"].weights)
        (3.0, 4.0, 3.0)
    """
    if not callable(losses):
        raise TypeError(
            "objective needs a function losses(params, *args) that returns a dict of named terms; found "
            f"{type(losses).__name__}."
        )
    if not isinstance(aggregate, Aggregator | None):
        raise TypeError(f"aggregate must be an aggregator, such as combine.upgrad(); found {described(aggregate)}.")
    if microbatches < 1:
        raise ValueError(f"microbatches must be at least 1; found {microbatches}.")
    axes = (axis_name,) if isinstance(axis_name, str) else tuple(axis_name or ())
    return Objective(Plan(losses, chain(*transforms), aggregate, axes, microbatches, has_aux, params_specs))
