"""Claims of theorems as rows of a card: only those that survive a search for a contradiction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

import jaxloss
from jaxloss.inspect.cards.lemmas.checking import Check, check
from jaxloss.inspect.cards.lemmas.drawing import word_of
from jaxloss.inspect.cards.lemmas.formulas import holds, names_in, number
from jaxloss.inspect.cards.lemmas.functions import VectorFunction
from jaxloss.inspect.cards.lemmas.tables import Claim, Lemma, lemmas
from jaxloss.inspect.cards.rows.sampling import rounded
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["claim_row", "lemma_of", "lemma_program", "lemma_rows", "merged", "of_the_vector", "with_lemmas"]

NEAR = 1e-2
"""Distance to a claimed minimum that the search must come within."""
ABOUT_THE_VECTOR = ("lipschitz", "smooth", "minimum")
"""Rows whose number is another one for the whole vector of an example than for one number of it."""
PASSED_ON = ("lipschitz", "smooth")
"""Those of them that hold for every entry of a vector if they hold for the vector."""
KEPT = ("at_0.95", "link")
"""Numbers of a row without a lemma that the one with it also has."""


def lemma_of(fn: Callable[..., Any]) -> Lemma | None:
    """What theorems say of a loss of the library; None for other functions and losses."""
    name = getattr(fn, "__name__", "")
    return lemmas().get(name) if getattr(jaxloss, name, None) is fn else None


def lemma_rows(fn: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Verdict]:
    """The rows that theorems give to a loss, for hyperparameters that meet their conditions.

    Every claim is searched for a contradiction now: convexity for a chord below the loss, a Lipschitz constant for a
    larger gradient or difference quotient, smoothness for a larger curvature or jump of the gradient, a minimum for a
    smaller value, a proper score for a report that is better than the truth.

    Args:
        fn: A loss of the library.
        settings: All hyperparameters that have a value.

    Returns:
        Row to LEMMA, with the theorem, the reference and what the search reached; to REFUTED with a witness where the
        search contradicts the claim; or to UNKNOWN where it comes nowhere near a claimed minimum or the loss is not
        finite.
    """
    lemma = lemma_of(fn)
    if lemma is None:
        return {}
    return {claim.row: claim_row(claim, lemma, fn, settings) for claim in lemma.claims if holds(claim.when, settings)}


def claim_row(claim: Claim, lemma: Lemma, fn: Callable[..., Any], settings: Mapping[str, Any]) -> Verdict:
    """One claim as a row, at the sizes of its lemma; the least favourable check decides."""
    checks = [check(claim, VectorFunction(fn, lemma, settings, n)) for n in lemma.sizes]
    evidence: dict[str, Any] = {
        "points": sum(found.points for found in checks),
        "lemma": claim.theorem.name,
        "reference": {name: getattr(claim.theorem, name) for name in ("authors", "year", "title", "place", "link")},
        "because": claim.because,
        "argument": ", ".join(lemma.argument),
    }
    value = _value(claim, lemma, settings)
    if contradicted := next((found for found in checks if found.witness), None):
        statement = f"a search contradicts a theorem: {_said(claim, lemma, value)}"
        return Verdict(Word.REFUTED, statement, None, {**evidence, "witness": contradicted.witness})
    if not all(found.finite for found in checks):
        statement = f"a theorem, but no search: the loss is not finite at inputs of {', '.join(lemma.inputs)}"
        return Verdict(Word.UNKNOWN, statement, None, evidence)
    if claim.row == "minimum" and (gap := max(_reached(checks))) > NEAR:
        statement = f"never below {_shown(claim, value)}, but the search stayed {gap:.2g} above it"
        return Verdict(Word.UNKNOWN, statement, None, evidence)
    if claim.bound:
        name = "distance" if claim.row == "minimum" else "reached"
        evidence |= {name: rounded(max(_reached(checks))), "formula": claim.bound}
    author = f"{claim.theorem.authors} {claim.theorem.year}"
    return Verdict(Word.LEMMA, f"{_said(claim, lemma, value)}: {claim.because} ({author})", value, evidence)


def lemma_program(fn: Callable[..., Any], settings: Mapping[str, Any]) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """A loss of the library that has a lemma, as a function of its vector alone, and the shape of that."""
    lemma = lemmas()[fn.__name__]
    function = VectorFunction(fn, lemma, settings, lemma.sizes[-1])
    drawn = function.others(np.random.default_rng(20240607), 1)
    others = {name: values[0] for name, values in drawn.items()}
    return lambda vector: function(vector, others), (function.size,)


def _reached(checks: list[Check]) -> list[float]:
    return [found.reached for found in checks if found.reached is not None]


def _value(claim: Claim, lemma: Lemma, settings: Mapping[str, Any]) -> float | None:
    """The number of a row, if hyperparameters alone decide it."""
    if claim.row == "proper":
        return 0.0
    if not claim.bound or names_in(claim.bound) & {*lemma.inputs, "size"}:
        return None
    with jax.enable_x64(True):
        return rounded(float(number(claim.bound, settings)))


def _shown(claim: Claim, value: float | None) -> str:
    return claim.bound if value is None else f"{value:g}"


def _said(claim: Claim, lemma: Lemma, value: float | None) -> str:
    *first, last = lemma.argument
    where, shown = f"{', '.join(first)} and {last}" if first else last, _shown(claim, value)
    if "size" in shown:
        where = f"{where} of that size"
    return {
        "convex": f"convex in {where}",
        "lipschitz": f"gradient norm at most {shown} in {where}",
        "smooth": f"Lipschitz constant of the gradient at most {shown} in {where}",
        "minimum": f"never below {shown} in {where}, and as close to it as one likes",
        "proper": f"strictly proper in {where}",
    }[claim.row]


def of_the_vector(name: str) -> str:
    """The name of a row about the whole vector on the card of a loss of one number."""
    return f"vector_{name}" if name in ABOUT_THE_VECTOR else name


def with_lemmas(
    rows: Mapping[str, Verdict], fn: Callable[..., Any], settings: Mapping[str, Any], *, one_number: bool
) -> dict[str, Verdict]:
    """The rows of a card with those of theorems.

    A row that was refuted stays. On the card of a loss of one number, rows about the gradient, the curvature and the
    minimum in the whole vector are called ``vector_lipschitz``, ``vector_smooth`` and ``vector_minimum``. Where the
    steepness of the number is unknown, the bound for the vector is taken: the number is one entry of it, unless the
    entries are probabilities, which move together.

    Args:
        rows: What is known without theorems.
        fn: The loss.
        settings: All hyperparameters that have a value.
        one_number: Whether the rows are about one number.

    Returns:
        All rows.
    """
    lemma = lemma_of(fn)
    if lemma is None:
        return dict(rows)
    free = all(word_of(lemma.inputs[name]) == "numbers" for name in lemma.argument)
    return merged(rows, lemma_rows(fn, settings), one_number=one_number, passed_on=PASSED_ON if free else ())


def merged(
    rows: Mapping[str, Verdict], of_lemmas: Mapping[str, Verdict], *, one_number: bool, passed_on: tuple[str, ...]
) -> dict[str, Verdict]:
    """The rows of `with_lemmas`, where those of ``passed_on`` hold for one number if they hold for the vector."""
    found = dict(rows)
    for name, verdict in of_lemmas.items():
        before, own = rows.get(name), of_the_vector(name) if one_number else name
        if before is None:
            found[own] = verdict
        elif own == name:
            found[own] = before if before.word is Word.REFUTED else _instead_of(verdict, before)
        else:
            found[own] = verdict
            if before.word is Word.UNKNOWN and name in passed_on:
                found[name] = _instead_of(verdict, before)
    return found


def _instead_of(verdict: Verdict, before: Verdict) -> Verdict:
    """A verdict that replaces another one says so, and keeps the numbers that others may ask for."""
    kept = {name: before.evidence[name] for name in KEPT if name in before.evidence}
    instead = {"without_lemma": f"{before.word}: {before.statement}"}
    return dataclasses.replace(verdict, evidence={**verdict.evidence, **kept, **instead})
