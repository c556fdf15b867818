"""The card of one loss, made live: every engine that applies, one after the other."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.inspect.cards.lemmas.rows import lemma_of, lemma_program, with_lemmas
from jaxloss.inspect.cards.reading.readings import View
from jaxloss.inspect.cards.reading.vectors import SIZE, vector_view
from jaxloss.inspect.cards.reading.views import settings_of, view
from jaxloss.inspect.cards.record import Card, plain
from jaxloss.inspect.cards.rows.cost import cost_rows
from jaxloss.inspect.cards.rows.falsifier import falsify_convexity
from jaxloss.inspect.cards.rows.floats import NUMPY, FloatName, enumerate_floats, float_verdict
from jaxloss.inspect.cards.rows.influence import influence_rows
from jaxloss.inspect.cards.rows.predicting import predicting_rows
from jaxloss.inspect.cards.rows.pushing import bounded_gradient, pushing_rows
from jaxloss.inspect.cards.rows.reporting import reporting_rows
from jaxloss.inspect.intervals import certify
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["card", "examine", "loss_named", "program_hash"]

HALVES: tuple[FloatName, ...] = ("bfloat16", "float16")
STRENGTH = (Word.REFUTED, Word.UNKNOWN, Word.NOT_APPLICABLE, Word.TESTED, Word.LEMMA, Word.PROVED)
"""From the weakest: a loss with several subjects has the weakest verdict of any of them."""


def card(loss: str | Callable[..., Any], **parameters: Any) -> Card:
    """The property card of a loss, computed now.

    A loss of one number per example gets all rows: what is proved on an interval, every bfloat16 and float16 input,
    influence, efficiency, what it reports or predicts, and its cost. A loss of a vector gets a search for a
    counterexample to convexity; so does one of a number whose convexity is neither proved nor refuted. What a textbook
    theorem says of a loss is a row with the word LEMMA, if a search for a contradiction finds none: about the Euclidean
    norm of the logits, predictions or embeddings of one example. On the card of a loss of one number such rows are
    called ``vector_lipschitz``, ``vector_smooth`` and ``vector_minimum``. Other losses get a card without rows.
    `cards` reads the committed table instead.

    Args:
        loss: A loss of the library, its name, or a function with its conventions.
        parameters: Hyperparameters off their defaults. A number that has no default is 1.

    Returns:
        The card. A card of several fixed targets or classes has the weakest verdict of them in every row.

    Raises:
        ValueError: If no loss has this name, or the loss has no hyperparameter of a given name or refuses its value.

    Example:
        >>> from jaxloss.inspect.cards import card
        >>> found = card("huber_loss", delta=1.345)
        >>> found.rows["efficiency"].value, found.rows["bfloat16"].word.value
        (0.95, 'PROVED')
        >>> row = card("triplet_margin_loss").rows["lipschitz"]
        >>> row.word.value, round(row.value, 3), row.evidence["reference"]["authors"]
        ('LEMMA', 2.449, 'Shalev-Shwartz and Ben-David')
    """
    fn = loss_named(loss) if isinstance(loss, str) else loss
    found, vector = view(fn, **parameters), vector_view(fn, **parameters)
    rows = examine(found) if found else {}
    if vector:
        of_vector = falsify_convexity(vector.fn, SIZE)
        rows["convex"] = min(rows.get("convex", of_vector), of_vector, key=_strength)
    settings = settings_of(fn, parameters)
    rows = with_lemmas(rows, fn, settings, one_number=found is not None)
    if found:
        first = found.subjects[0]
        return _card(fn, parameters, first.kind, first.domain, program_hash(first.fn, ()), rows)
    if vector:
        return _card(fn, parameters, "vector", None, program_hash(vector.fn, (SIZE,)), rows)
    program = program_hash(*lemma_program(fn, settings)) if lemma_of(fn) else ""
    return _card(fn, parameters, "none", None, program, rows)


def loss_named(name: str) -> Callable[..., Any]:
    """The loss of the library with a name.

    Raises:
        ValueError: If there is none; the message names the closest ones.
    """
    if name in jaxloss.__all__ and callable(fn := getattr(jaxloss, name)):
        return fn
    close = difflib.get_close_matches(name, jaxloss.__all__, 3)
    raise ValueError(f"no loss is named {name!r}; close: {', '.join(close) or 'none, see jaxloss.__all__'}")


def program_hash(fn: Callable[..., Any], shape: tuple[int, ...]) -> str:
    """A hash of the program of a loss at one float32 input, without the addresses of functions in it."""
    text = str(jax.make_jaxpr(fn)(jax.ShapeDtypeStruct(shape, jnp.float32)))
    return hashlib.sha256(re.sub(r"0x[0-9a-f]+|<function .*?>", "", text).encode()).hexdigest()[:12]


def _card(
    fn: Callable[..., Any],
    parameters: Mapping[str, Any],
    kind: str,
    domain: tuple[float, float] | None,
    program: str,
    rows: Mapping[str, Verdict],
) -> Card:
    module = inspect.getmodule(fn)
    folders = module.__name__.split(".") if module else [""]
    family = folders[1] if folders[0] == "jaxloss" and len(folders) > 2 else ""
    versions = {"jaxloss": jaxloss.__version__, "jax": jax.__version__}
    settings = plain(settings_of(fn, parameters))
    kept = {name: dataclasses.replace(row, evidence=plain(row.evidence)) for name, row in rows.items()}
    return Card(fn.__name__, family, kind, domain, settings, program, versions, kept)


def examine(
    found: View, *, dtypes: Sequence[FloatName] = HALVES, progress: Callable[[float], Any] | None = None
) -> dict[str, Verdict]:
    """Every row that applies to a loss of one number.

    Args:
        found: The loss: of the library, from `view`, or made by hand from a `jaxloss.inspect.subject.Subject`.
        dtypes: The dtypes whose every number is an input; ``"float32"`` takes some minutes.
        progress: Called with the finished share of these inputs, from 0 to 1.

    Returns:
        Name of a row to its verdict, the weakest of those of all subjects.
    """
    many, share_of = [], _shares(len(found.subjects), dtypes, progress)
    for place, subject in enumerate(found.subjects):
        rows = dict(certify(subject))
        if rows["convex"].word is Word.UNKNOWN:
            rows["convex"] = _searched(subject, rows["convex"])
        for dtype in dtypes:
            tried = enumerate_floats(subject, dtype, legal=found.legal, progress=share_of(place, dtype))
            rows[dtype] = float_verdict(tried)
        many.append(rows | {"bounded_gradient": bounded_gradient(subject, found.legal)} | pushing_rows(subject))
    first = found.subjects[0]
    rows = _weakest(many, found.subjects)
    rows |= influence_rows(first) | reporting_rows(first, found.link) | predicting_rows(found.pair)
    return rows | cost_rows(first.fn)


def _shares(
    subjects: int, dtypes: Sequence[FloatName], progress: Callable[[float], Any] | None
) -> Callable[[int, FloatName], Callable[[float], Any]]:
    """From the share of one enumeration to that of all, by the number of inputs."""
    report = progress or (lambda _: None)
    sizes = {dtype: 2.0 ** (8 * np.dtype(NUMPY[dtype]).itemsize) for dtype in dtypes}
    whole = subjects * sum(sizes.values())

    def share_of(place: int, dtype: FloatName) -> Callable[[float], Any]:
        before = place * sum(sizes.values()) + sum(sizes[d] for d in dtypes[: dtypes.index(dtype)])
        return lambda share: report((before + share * sizes[dtype]) / whole)

    return share_of


def _searched(subject: Subject, unknown: Verdict) -> Verdict:
    """What a search for a counterexample says where the proof is open."""
    found = falsify_convexity(lambda x: subject.fn(x[0]), 1, domain=subject.domain)
    return dataclasses.replace(found, evidence={**found.evidence, "open": unknown.statement})


def _strength(verdict: Verdict) -> int:
    return STRENGTH.index(verdict.word)


def _weakest(many: list[dict[str, Verdict]], subjects: Sequence[Subject]) -> dict[str, Verdict]:
    """Row by row the weakest verdict, with the name of its subject if there are several."""
    if len(many) == 1:
        return many[0]
    rows = {}
    for name in many[0]:
        found = [(subject.name, rows_of[name]) for subject, rows_of in zip(subjects, many, strict=True)]
        subject, verdict = min(found, key=lambda item: _strength(item[1]))
        rows[name] = dataclasses.replace(verdict, evidence={**verdict.evidence, "subject": subject})
    return rows
