"""Why a loss is NaN, flat or wrong: all rules over one observed run of it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxloss.combine import Objective
from jaxloss.combine.structure.results import ObjectiveState
from jaxloss.inspect.diagnosis.arrays import is_concrete
from jaxloss.inspect.diagnosis.report import Diagnosis, Finding, sorted_findings
from jaxloss.inspect.diagnosis.rules import DIRECT, INSIDE, SIGNS
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["diagnose"]


def diagnose(loss_fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Diagnosis:
    r"""Say why a loss is NaN, flat or wrong: the causes, the most likely one first, and what to write.

    The function is run once under observation, with its gradient. Where that does not explain what is wrong, it is run
    operation by operation: the operation that makes the first NaN, or stops the gradient, is named with its line. This
    takes seconds, so it is for a batch that went wrong and not for every step.

    Args:
        loss_fn: A loss of jaxloss; a function ``loss_fn(params, *data)`` that returns a scalar, or ``(scalar, aux)``,
            with any losses inside; or an objective of `jaxloss.combine.objective`. A jitted function is run without
            its outermost ``jit``.
        *args: Its arguments, with values: concrete arrays, not tracers. The gradient is taken by all floating arguments
            of a loss of jaxloss, and by the first argument of any other function. An objective takes
            ``(params, state, *data)``.
        **kwargs: Its keyword arguments.

    Returns:
        A `Diagnosis`. It is empty, and false, if nothing was found. An error inside ``loss_fn`` is a finding and is not
        raised.

    Raises:
        TypeError: If ``loss_fn`` is not a function, an argument is traced, or an objective gets no state.

    Example:
        >>> from jaxloss.inspect.diagnosis import diagnose
        >>> def loss(params, x):
        ...     return jnp.sum(jnp.where(x > 0, jnp.log(params * x), 0.0))
        >>> diagnosis = diagnose(loss, 1.0 * jnp.ones(2), jnp.array([0.0, 2.0]))
        >>> diagnosis.findings[0].cause
        'nan_behind_where'
    """
    _require_concrete(loss_fn, args, kwargs)
    quiet = (jax.debug_nans(False), jax.debug_infs(False), jax.numpy_rank_promotion("allow"))
    with contextlib.ExitStack() as stack, np.errstate(all="ignore"):
        for setting in quiet:
            stack.enter_context(setting)
        trial = Trial(_without_jit(loss_fn), args, kwargs)
        return Diagnosis(sorted_findings(_findings(trial)), trial.value)


def _findings(trial: Trial) -> Iterator[Finding]:
    direct = [finding for rule in DIRECT for finding in rule(trial)]
    yield from direct
    if trial.error is not None:
        return
    if not direct:
        for rule in INSIDE:
            yield from rule(trial)
    for rule in SIGNS:
        yield from rule(trial)


def _without_jit(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The Python function that was jitted: its calls then have values."""
    is_jitted = hasattr(fn, "lower") and hasattr(fn, "__wrapped__")
    return inspect.unwrap(fn) if is_jitted else fn


def _require_concrete(loss_fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not callable(loss_fn):
        raise TypeError(
            f"loss_fn must be a function; found {type(loss_fn).__name__}. diagnose takes the function and its "
            "arguments, not its result: diagnose(loss, x, y)."
        )
    if not is_concrete((args, kwargs)):
        raise TypeError("the arguments of diagnose must be concrete arrays; call it outside jax.jit and jax.grad.")
    if isinstance(loss_fn, Objective) and (len(args) < 2 or not isinstance(args[1], ObjectiveState)):
        raise TypeError("an objective is diagnosed as diagnose(objective, params, state, *data).")
