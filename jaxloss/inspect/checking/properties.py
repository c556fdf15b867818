"""The property card of a user's loss, with the kinks, the domain and the dtypes that were asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.inspect.calls import cast, generator
from jaxloss.inspect.cards import Card, FloatName, View, examine, falsify_convexity, vector_view, view
from jaxloss.inspect.cards.examination import program_hash
from jaxloss.inspect.cards.reading.vectors import SIZE
from jaxloss.inspect.cards.reading.views import settings_of
from jaxloss.inspect.cards.record import plain
from jaxloss.inspect.checking.inputs import INPUTS
from jaxloss.inspect.checking.reading import Reading
from jaxloss.inspect.programs import AS_WRITTEN
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["own_card"]

NOT_FINITE = ("nan_value", "nan_gradient", "infinite_value", "infinite_gradient")
Domain = tuple[float, float]
Rows = Mapping[str, Verdict]


def own_card(
    reading: Reading,
    kinks: Sequence[float],
    domain: Domain | None,
    dtypes: Sequence[FloatName],
    progress: Callable[[float], Any] | None = None,
) -> Card:
    """Every engine of the property cards that applies to a user's loss.

    Args:
        reading: The loss.
        kinks: Numbers where its slope may jump, beside those that are found.
        domain: The interval of proofs; by default that of the kind.
        dtypes: The dtypes whose every number is tried.
        progress: Called with the share of these numbers that are tried, from 0 to 1.

    Returns:
        The card. Beside the rows of the library's cards it has ``finite_gradient``, and ``same_shapes`` for a function
        of predictions and targets.

    Raises:
        ValueError: If the loss is not what ``reading.kind`` says.
    """
    loss, kind, interval, rows, hashed = reading.loss, "vector", None, {}, ""
    found = None if reading.kind == "vectors" else view(loss)
    _fits(reading, found)
    if found:
        found = dataclasses.replace(found, subjects=tuple(_adjusted(s, kinks, domain) for s in found.subjects))
        first = found.subjects[0]
        kind, interval, hashed = first.kind, first.domain, program_hash(first.fn, ())
        rows = examine(found, dtypes=dtypes, progress=progress)
        rows |= _finite(rows, dtypes)
    if reading.kind in ("classes", "vectors"):
        if of_vector := vector_view(loss):
            hashed = hashed or program_hash(of_vector.fn, (SIZE,))
            if "convex" not in rows or rows["convex"].word is not Word.REFUTED:
                rows["convex"] = falsify_convexity(of_vector.fn, SIZE)
        rows["finite_gradient"] = _at_edges(reading, rows.get("finite_gradient"), dtypes)
    if not (reading.one or reading.whole) and len(INPUTS[reading.kind].data) > 1:
        rows["same_shapes"] = _same_shapes(reading)
    versions = {"jaxloss": jaxloss.__version__, "jax": jax.__version__}
    kept = {name: dataclasses.replace(row, evidence=plain(row.evidence)) for name, row in rows.items()}
    return Card(loss.__name__, "", kind, interval, plain(settings_of(loss, {})), hashed, versions, kept)


def _fits(reading: Reading, found: View | None) -> None:
    """Refuse a kind that contradicts the function: what would be said of it would be nonsense."""
    kind, name = reading.kind, reading.loss.__name__
    if kind in ("classes", "vectors"):
        return
    if found is None:
        raise ValueError(
            f"{name} does not depend on {INPUTS[kind].data[0]} or takes no single numbers, so that kind={kind!r} does "
            "not fit: losses of class logits are kind='classes', losses of vectors kind='vectors'"
        )
    if kind == "residual" and found.subjects[0].kind != "residual":
        raise ValueError(
            f"{name} depends on more than predictions minus targets: it is kind='prediction' if both are positive, "
            "kind='probability' if predictions are probabilities of targets of 0 and 1"
        )


def _adjusted(subject: Subject, kinks: Sequence[float], domain: Domain | None) -> Subject:
    low, high = domain or subject.domain
    both = [*kinks, *(-kink for kink in kinks)] if subject.falling else kinks  # class 0 has its sign changed
    inner = {kink for kink in (*subject.kinks, *map(float, both)) if low < kink < high}
    return dataclasses.replace(subject, domain=(float(low), float(high)), kinks=tuple(sorted(inner)))


def _finite(rows: Rows, dtypes: Sequence[FloatName]) -> Rows:
    """Whether value and gradient are finite at every number of the dtypes at which the exact ones are.

    The witness of a row about a dtype is that of its first defect, and defects that are not finite come first.
    """
    for dtype in dtypes:
        witness = rows[dtype].evidence.get("witness", {})
        if witness.get("defect") in NOT_FINITE:
            what = witness["defect"].replace("_", " ").replace("nan", "NaN")
            evidence = {"witness": {"dtype": dtype, **witness}}
            statement = f"{what} at the {dtype} input {witness['input']:g}"
            return {"finite_gradient": Verdict(Word.REFUTED, statement, evidence=evidence)}
    if not dtypes:
        return {}
    names = " and ".join(filter(None, [", ".join(dtypes[:-1]), dtypes[-1]]))
    points = sum(rows[dtype].evidence["points"] for dtype in dtypes)
    evidence = {"engine": "enumeration", "domain": f"{points} finite {names}", "dtype": names, "points": points}
    statement = "value and gradient are finite wherever the exact ones are"
    return {"finite_gradient": Verdict(Word.PROVED, statement, evidence=evidence)}


def _at_edges(reading: Reading, before: Verdict | None, dtypes: Sequence[FloatName]) -> Verdict:
    """Whether value and gradient are finite at drawn inputs and at the edges of the domain."""
    if before and not before.holds:
        return before
    about = INPUTS[reading.kind]
    first, points = about.data[0], 0
    # The compiler may turn a product of 0 and infinity into 0.
    both = jax.jit(_value_and_gradient(reading.loss, first), compiler_options=AS_WRITTEN)
    for name, inputs in {"drawn inputs": about.draw(generator(), (64,)), **about.extremes}.items():
        for dtype in ("float32", *dtypes):
            value, gradient = (np.asarray(x, np.float64) for x in both(cast(inputs, jnp.dtype(dtype))))
            points += value.size
            no_value, no_gradient = ~np.isfinite(value), ~np.isfinite(gradient).all(-1)
            if (lost := no_value | no_gradient).any():
                at = int(np.argmax(lost))
                broken = [what for what, rows in (("value", no_value), ("gradient", no_gradient)) if np.take(rows, at)]
                witness = {"at": name, "dtype": dtype, "value": float(value[at])}
                witness |= {f"gradient_{i}": float(g) for i, g in enumerate(gradient[at])}
                witness |= {"inputs": {n: np.asarray(x)[at].tolist() for n, x in inputs.items()}}
                statement = f"{' and '.join(broken)} not finite at {name} in {dtype}"
                return Verdict(Word.REFUTED, statement, evidence={"witness": witness})
    return Verdict(Word.TESTED, "value and gradient are finite at drawn inputs and edges", evidence={"points": points})


def _value_and_gradient(loss: Callable[..., Any], first: str) -> Callable[[Mapping[str, Any]], Any]:
    def both(inputs: Mapping[str, Any]) -> tuple[jax.Array, jax.Array]:
        def total(x: jax.Array) -> tuple[jax.Array, jax.Array]:
            values = loss(**{**inputs, first: x}, reduction="none")
            return jnp.sum(values), values

        gradient, values = jax.grad(total, has_aux=True)(inputs[first])
        return values, gradient

    return both


def _same_shapes(reading: Reading) -> Verdict:
    """Whether a column of predictions is refused beside a row of targets, as from a head that returns ``[N, 1]``."""
    first, second = INPUTS[reading.kind].data
    drawn = cast(INPUTS[reading.kind].draw(generator(), (4,)), np.float32)
    shape = drawn[first].shape
    column = jax.ShapeDtypeStruct((4, 1, *shape[1:]), drawn[first].dtype)
    try:
        found = jax.eval_shape(lambda x, y: reading.loss(x, y, reduction="none"), column, drawn[second])
    except Exception:
        return Verdict(Word.TESTED, "refuses shapes that differ", evidence={"points": 1})
    witness = {first: list(column.shape), second: list(drawn[second].shape), "losses": list(found.shape)}
    statement = f"{first} of shape {witness[first]} are broadcast against {second} of shape {witness[second]}"
    return Verdict(Word.REFUTED, statement, float(math.prod(found.shape)), {"witness": witness})
