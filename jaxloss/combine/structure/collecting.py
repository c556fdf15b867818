"""Terms from inside a model: losses that its layers sow, and terms that are computed on some steps only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxloss._floor.means.notes import taking_notes
from jaxloss._floor.typing import Array
from jaxloss.combine.structure.terms import term_of
from jaxloss.reductions import Term

__all__ = ["collect", "every"]


def collect(tree: Any, *, reduce: Literal["sum", "mean"]) -> dict[str, Term]:
    """Collect the losses that the layers of a model have sown into terms, one per name.

    Args:
        tree: The sown values: Flax's ``intermediates`` or ``nnx.State`` as pure nested dicts, or any pytree of dicts.
            Values are losses, scalars or per-example, or `Term`, of one shape for each name; tuples and lists of
            values, as Linen sows them, count as several layers.
        reduce: ``"sum"`` or ``"mean"`` over the layers of a name. The two differ by a factor of the number of layers,
            so there is no default.

    Returns:
        The last string in the path of a value to the `Term`. Layers are stacked along the last axis.

    Raises:
        ValueError: If ``reduce`` is neither ``"sum"`` nor ``"mean"``, or the layers of a name differ in shape.
        TypeError: If a value is not a floating-point loss, or has no name.

    Example:
        >>> from jaxloss import combine
        >>> sown = {"block_0": {"balance": (jnp.float32(1.0),)}, "block_1": {"balance": (jnp.float32(3.0),)}}
        >>> {name: float(term.values) for name, term in combine.collect(sown, reduce="sum").items()}
        {'balance': 4.0}
    """
    if reduce not in ("sum", "mean"):
        raise ValueError(f"reduce must be 'sum' or 'mean'; found {reduce!r}.")
    layers: dict[str, list[Term]] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda x: isinstance(x, Term))[0]:
        names = [name for name in map(_name, path) if isinstance(name, str) and name != "value"]
        if not names:
            raise TypeError(f"collect: the value at '{jax.tree_util.keystr(path)}' has no name; sow it in a dict.")
        layers.setdefault(names[-1], []).append(term_of(names[-1], leaf))
    return {name: _together(name, terms, reduce) for name, terms in layers.items()}


def _name(key: Any) -> Any:
    return getattr(key, "key", getattr(key, "name", None))


def _together(name: str, terms: list[Term], reduce: str) -> Term:
    shapes = [term.values.shape for term in terms]
    if len(set(shapes)) > 1:
        raise ValueError(f"collect: the layers of {name!r} must have one shape; found {shapes}.")
    factor = len(terms) if reduce == "sum" else 1
    if not shapes[0]:
        return type(terms[0])(jnp.sum(jnp.stack([t.values for t in terms])) * factor / len(terms), terms[0].weights)
    values, weights = (jnp.stack([getattr(t, part) for t in terms], -1) for part in ("values", "weights"))
    return Term(values * factor, weights)


def every(period: Array | int, step: Array | int, fn: Callable[..., Any], *args: Any) -> Term:
    """Compute a term on every ``period``-th step only; on the other steps it is absent.

    For terms that are expensive and need not be evaluated often, such as a gradient penalty. On the steps in between,
    neither ``fn`` nor its backward pass runs, and the term has weight 0: it is absent from the objective and from means
    over steps. To keep its strength per step, multiply its weight by the period: ``combine.weigh(r1=16 * 5.0)``.

    Args:
        period: Number of steps, >= 1; traced or not.
        step: The number of the current step, for example ``state.step``, passed on by the training step.
        fn: ``fn(*args)`` returns a term as a loss function may: a scalar, per-example losses, or a `Term`.
        *args: Arguments of ``fn``. What ``fn`` closes over is differentiated as well.

    Returns:
        A `Term`. Under ``jax.vmap`` over ``step`` both branches run.

    Raises:
        TypeError: If ``fn`` does not return floating-point losses.

    Example:
        >>> from jaxloss import combine
        >>> [float(combine.every(2, step, jnp.square, 3.0).weights) for step in range(4)]
        [1.0, 0.0, 1.0, 0.0]

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN. https://arxiv.org/abs/1912.04958
    """

    def term(*args: Any) -> Term:
        with taking_notes():
            return term_of("every", fn(*args))

    shape = jax.eval_shape(term, *args)
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    return jax.lax.cond(jnp.asarray(step) % period == 0, term, lambda *_: nothing, *args)
