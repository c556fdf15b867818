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
from jaxloss.inspect.cards import (
    Card,
    Enumeration,
    FloatName,
    View,
    bounded_gradient,
    cost_rows,
    enumerate_floats,
    falsify_convexity,
    float_verdict,
    influence_rows,
    predicting_rows,
    pushing_rows,
    reporting_rows,
    vector_view,
    view,
)
from jaxloss.inspect.cards.examination import STRENGTH, program_hash
from jaxloss.inspect.cards.record import plain
from jaxloss.inspect.cards.vectors import SIZE
from jaxloss.inspect.cards.views import settings_of
from jaxloss.inspect.checking.inputs import INPUTS
from jaxloss.inspect.checking.reading import Reading
from jaxloss.inspect.intervals import certify
from jaxloss.inspect.programs import AS_WRITTEN
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["own_card"]

NOT_FINITE = ("nan_value", "nan_gradient", "infinite_value", "infinite_gradient")
Domain = tuple[float, float]
Rows = dict[str, Verdict]


def own_card(reading: Reading, kinks: Sequence[float], domain: Domain | None, dtypes: Sequence[FloatName]) -> Card:
    """Every engine of the property cards that applies to a user's loss.

    Args:
        reading: The loss.
        kinks: Numbers where its slope may jump, beside those that are found.
        domain: The interval of proofs; by default that of the kind.
        dtypes: The dtypes whose every number is tried.

    Returns:
        The card.

    Raises:
        ValueError: If the loss is not what ``reading.kind`` says.
    """
    loss, settings = reading.loss, settings_of(reading.loss, {})
    found = None if reading.kind == "vectors" else view(loss)
    _fits(reading, found)
    rows: Rows = {}
    kind, hashed, interval = "vector", "", None
    if found:
        subjects = tuple(_adjusted(subject, kinks, domain) for subject in found.subjects)
        first = subjects[0]
        rows |= _weakest([_of_subject(subject, found.legal, dtypes) for subject in subjects], subjects)
        rows |= influence_rows(first) | reporting_rows(first, found.link) | predicting_rows(found.pair)
        rows |= cost_rows(first.fn)
        kind, interval, hashed = first.kind, first.domain, program_hash(first.fn, ())
    if reading.kind in ("classes", "vectors"):
        if of_vector := vector_view(loss):
            rows["convex"] = falsify_convexity(of_vector.fn, SIZE)
            hashed = hashed or program_hash(of_vector.fn, (SIZE,))
        rows["finite_gradient"] = _at_edges(reading, rows.get("finite_gradient"), dtypes)
    if not (reading.one or reading.whole) and len(INPUTS[reading.kind].data) > 1:
        rows["same_shapes"] = _same_shapes(reading)
    versions = {"jaxloss": jaxloss.__version__, "jax": jax.__version__}
    kept = {name: dataclasses.replace(row, evidence=plain(row.evidence)) for name, row in rows.items()}
    return Card(loss.__name__, "", kind, interval, plain(settings), hashed, versions, kept)


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


def _of_subject(subject: Subject, legal: Domain, dtypes: Sequence[FloatName]) -> Rows:
    rows = dict(certify(subject))
    enumerations = [enumerate_floats(subject, dtype, legal=legal) for dtype in dtypes]
    rows |= {found.dtype: float_verdict(found) for found in enumerations}
    if enumerations:
        rows["finite_gradient"] = _finite(enumerations)
    return rows | {"bounded_gradient": bounded_gradient(subject, legal)} | pushing_rows(subject)


def _finite(enumerations: Sequence[Enumeration]) -> Verdict:
    """Whether value and gradient are finite at every number of the dtypes at which the exact ones are."""
    for found in enumerations:
        for defect in NOT_FINITE:
            if defect in found.witnesses:
                witness = {"dtype": found.dtype, **found.witnesses[defect], "defect": defect}
                what = defect.replace("_", " ").replace("nan", "NaN")
                statement = f"{what} at the {found.dtype} input {witness['input']:g}"
                return Verdict(Word.REFUTED, statement, evidence={"witness": witness})
    names = " and ".join(found.dtype for found in enumerations)
    points = sum(found.points for found in enumerations)
    evidence = {"engine": "enumeration", "domain": f"{points} finite {names}", "dtype": names, "points": points}
    return Verdict(Word.PROVED, "value and gradient are finite wherever the exact ones are", evidence=evidence)


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


def _weakest(many: Sequence[Rows], subjects: Sequence[Subject]) -> Rows:
    """Row by row the weakest verdict, with the name of its subject if there are several."""
    if len(many) == 1:
        return many[0]
    rows = {}
    for name in many[0]:
        found = [(subject.name, rows_of[name]) for subject, rows_of in zip(subjects, many, strict=True)]
        subject, verdict = min(found, key=lambda item: STRENGTH.index(item[1].word))
        rows[name] = dataclasses.replace(verdict, evidence={**verdict.evidence, "subject": subject})
    return rows
