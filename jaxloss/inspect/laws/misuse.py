"""Wrong shapes, dtypes, tails and hyperparameters are refused at the first trace, in words that name the argument."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.inspect import programs
from jaxloss.inspect.calls import call, cast, cast_hypers, generator, settings
from jaxloss.inspect.case import Case, Shape, floats
from jaxloss.inspect.findings import differences, refusals
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "adds_no_axis_to_a_tail",
    "mistakes_are_noticed",
    "refuses_a_column_of_pools",
    "refuses_a_wrong_tail",
    "refuses_hyperparameters_out_of_range",
    "refuses_shapes_that_differ",
    "refuses_wrong_dtypes",
    "takes_masks_for_targets",
]


def _inputs(case: Case, batch: Shape = (4,)) -> dict[str, Any]:
    """Examples as shapes and dtypes: nothing here is computed."""
    drawn = case.draw(generator(), batch)
    dtype = lambda n, x: np.dtype(np.float32) if n in floats(drawn) else np.asarray(x).dtype
    return {n: jax.ShapeDtypeStruct(np.shape(x), dtype(n, x)) for n, x in drawn.items()}


def _traced(case: Case, inputs: dict[str, Any], **kwargs: Any) -> Callable[[], Any]:
    return lambda: jax.eval_shape(lambda x: call(case, x, **kwargs), inputs)


@law()
def refuses_shapes_that_differ(case: Case) -> Iterator[str]:
    """An input with one example less, one axis more, or one example to broadcast."""
    inputs = _inputs(case)
    batched = [n for n in inputs if n not in case.shared]
    if len(batched) < 2:
        raise DoesNotApply("one batched input: nothing to differ from")
    hypers = cast_hypers(settings(case)[-1], np.float32)
    for name in batched:
        shape, dtype = inputs[name].shape, inputs[name].dtype
        for wrong in ((shape[0] - 1, *shape[1:]), (*shape, 1), (1, *shape[1:])):
            run = _traced(case, {**inputs, name: jax.ShapeDtypeStruct(wrong, dtype)}, **hypers)
            yield from refusals(run, ValueError, "shape|axis|axes", f"{name} of shape {wrong} in place of {shape}")


@law()
def takes_masks_for_targets(case: Case) -> Iterator[str]:
    """Boolean targets are 0 and 1 where they say yes or no, and refused elsewhere."""
    inputs = programs.clean_inputs(case)
    if "targets" not in inputs or "targets" in case.shared:
        raise DoesNotApply("no targets")
    hypers = cast_hypers(settings(case)[-1], np.float32)
    mask = np.random.default_rng(5).integers(0, 2, np.shape(inputs["targets"])).astype(bool)
    if not case.boolean:
        shapes = {**_inputs(case, (6,)), "targets": jax.ShapeDtypeStruct(mask.shape, np.bool_)}
        yield from refusals(_traced(case, shapes, **hypers), TypeError, "targets", "boolean targets")
        return
    each = jax.jit(lambda x: call(case, x, **hypers, reduction="none"))
    found, expected = (each(cast({**inputs, "targets": mask.astype(kind)}, np.float32)) for kind in (bool, float))
    yield from differences(found, expected, "boolean targets")


@law(full=True)
def mistakes_are_noticed(case: Case) -> Iterator[str]:
    """Under `jaxloss.checked`: probabilities given as logits, and what the Case names."""
    inputs = case.draw(generator(), (80,))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    checked = jaxloss.checked(jax.jit(lambda x: call(case, x, **hypers)))
    mistakes = dict(case.mistakes)
    if "logits" in inputs and not {"labels", "targets"}.isdisjoint(inputs):
        squash = jax.nn.softmax if np.ndim(inputs["logits"]) > 1 else jax.nn.sigmoid
        mistakes["probabilities"] = lambda x: {**x, "logits": np.asarray(squash(x["logits"]))}
    if not mistakes:
        raise DoesNotApply("nothing that only values can tell")
    for word, mistake in mistakes.items():
        run = functools.partial(checked, cast(mistake(inputs), np.float32))
        yield from refusals(run, ValueError, word, f"mistaken for {word}")


@law()
def refuses_a_column_of_pools(case: Case) -> Iterator[str]:
    """Pools of one entry each, from a head that returns ``[N, 1]``: a root mean square of one is an absolute error."""
    if not case.pooled or case.single:
        raise DoesNotApply(case.single or "every example is a loss of its own")
    hypers = cast_hypers(settings(case)[-1], np.float32)
    yield from refusals(_traced(case, _inputs(case, (4, 1)), **hypers), ValueError, "squeeze", "pools of one entry")
    _traced(case, _inputs(case, (1,)), **hypers)()


@law()
def refuses_wrong_dtypes(case: Case) -> Iterator[str]:
    """Predictions that are not floating, labels that are."""
    inputs = _inputs(case)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    first = next(iter(inputs))
    wrong = [(first, dtype) for dtype in (jnp.int32, jnp.uint8, jnp.bool_, jnp.complex64)]
    wrong += [(n, jnp.float32) for n, x in inputs.items() if not jnp.issubdtype(x.dtype, jnp.floating)]
    for name, dtype in wrong:
        run = _traced(case, {**inputs, name: jax.ShapeDtypeStruct(inputs[name].shape, dtype)}, **hypers)
        yield from refusals(run, TypeError, name, f"{name} of dtype {jnp.dtype(dtype)}")


@law()
def refuses_a_wrong_tail(case: Case) -> Iterator[str]:
    """Masks that are weights, weights that are masks, shapes that do not broadcast, unknown reductions."""
    inputs = _inputs(case)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"where": np.ones(4, np.float32)}, TypeError, "did you mean weights|Did you mean weights"),
        ({"where": np.ones(4, np.int32)}, TypeError, "where"),
        ({"weights": np.ones(4, bool)}, TypeError, "where"),
        ({"reduction": "average"}, ValueError, "reduction"),
        ({"where": np.ones((4, 7), bool)}, ValueError, "where"),
        ({"weights": np.ones((4, 7), np.float32)}, ValueError, "weights"),
    ]
    for kwargs, error, word in wrong:
        yield from refusals(_traced(case, inputs, **hypers, **kwargs), error, word, f"{kwargs}")


@law()
def adds_no_axis_to_a_tail(case: Case) -> Iterator[str]:
    """A mask or weights of examples do not become those of columns where there are as many of both."""
    inputs = _inputs(case, (4, 4))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    for name, dtype in (("where", np.bool_), ("weights", np.float32)):
        tail = np.ones(4, dtype)
        yield from refusals(_traced(case, inputs, **hypers, **{name: tail}), ValueError, name, f"{name} of shape (4,)")
        for fits in (tail[:, None], tail[None, :], tail[0]):
            _traced(case, inputs, **hypers, **{name: fits})()


@law()
def refuses_hyperparameters_out_of_range(case: Case) -> Iterator[str]:
    """The values that the Case names, NaN, and arrays in place of numbers."""
    inputs = _inputs(case)
    for bad in case.bad_hypers:
        run = _traced(case, inputs, **{**case.hypers, **bad})
        yield from refusals(run, ValueError, "|".join(bad), f"{bad}")
    for name, value in case.hypers.items():
        if isinstance(value, float) and name not in case.static:
            for wrong in (float("nan"), np.ones((2, 2), np.float32)):
                run = _traced(case, inputs, **{**case.hypers, name: wrong})
                yield from refusals(run, (TypeError, ValueError), name, f"{name} = {wrong}")
