"""The laws of the library, asked of a user's loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.case import Case
from jaxloss.inspect.checking.inputs import INPUTS
from jaxloss.inspect.checking.reading import Reading, Refused
from jaxloss.inspect.law import DoesNotApply, Law
from jaxloss.inspect.laws import LAWS

__all__ = ["Judgement", "case_of", "judge"]

NUMBERS = frozenset({"values", "derivatives", "precision", "digits", "transformations"})
"""Groups of laws about the numbers of a loss: asked of every function."""
CONTRACT = frozenset({"masks", "domain", "misuse", "spreading", "chunks", "eager"})
"""Groups about the library's contract: asked of a function that takes ``where``, ``weights`` and ``reduction``."""
FORM = frozenset({"form"})
"""Groups about the words and the layout of this library: asked of its own losses only."""
OWN_AFFAIR = {
    "takes_masks_for_targets": "whether targets may be boolean is for the loss to say",
    "mistakes_are_noticed": "which mistakes it notices is for the loss to say",
    "eager_calls_compile_once": "whether the loss is compiled is for its caller to say",
}


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the laws say.

    Attributes:
        broken: Name of a law that was asked to what broke, as sentences; none if it holds.
        skipped: Name of a law that was not asked to the reason.
    """

    broken: Mapping[str, list[str]]
    skipped: Mapping[str, str]


def _no_oracle(**_: Any) -> Any:
    raise DoesNotApply("an independent implementation is missing")


def case_of(reading: Reading, *, non_negative: bool) -> Case:
    """The Case of a user's loss: legal inputs by kind, and what is known about it.

    Args:
        reading: The loss.
        non_negative: Whether the loss is known to be >= 0, so that no rounding may take it below.
    """
    about, loss = INPUTS[reading.kind], reading.own
    about = about.of_one_number() if reading.one else about
    perfect = about.perfect if about.perfect and _is_zero(loss, about.perfect) else None
    return Case(
        fn=loss,
        draw=about.draw,
        oracle=_no_oracle,
        source="none",
        extremes=about.extremes,
        bound=0.0 if non_negative else None,
        perfect=perfect,
        exempt=OWN_AFFAIR,
        **about.more,
    )


def _is_zero(loss: Callable[..., Any], perfect: Callable[..., Mapping[str, Any]]) -> bool:
    inputs = {name: jnp.asarray(x, jnp.float32) for name, x in perfect(np.random.default_rng(0), (4,)).items()}
    return not np.any(loss(**inputs, reduction="none"))


def judge(reading: Reading, case: Case) -> Judgement:
    """Ask every law that concerns a loss.

    Args:
        reading: The loss.
        case: Its Case.

    Returns:
        What broke, and why other laws were not asked.
    """
    broken, skipped = {}, {}
    for name, law in LAWS.items():
        try:
            _concerns(law, reading, case)
            broken[name] = law(case)
        except DoesNotApply as reason:
            skipped[name] = str(reason)
        except Exception as error:
            cause = error.__cause__ if isinstance(error, Refused) and error.__cause__ else error
            first = (str(cause).strip().splitlines() or [""])[0]
            broken[name] = [f"the loss raised {type(cause).__name__}: {first}"]
    return Judgement(broken, skipped)


def _concerns(law: Law, reading: Reading, case: Case) -> None:
    """Raise `DoesNotApply` unless a law is asked of this loss."""
    if law.group in FORM:
        raise DoesNotApply("it is about the words and the layout of this library")
    if law.group in CONTRACT and not reading.whole:
        raise DoesNotApply("the function does not take where, weights and reduction")
    if law.name in case.exempt:
        raise DoesNotApply(case.exempt[law.name])
