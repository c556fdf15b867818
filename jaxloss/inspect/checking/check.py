"""`check_loss`: one call that says what is wrong with your own loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np

from jaxloss.inspect.cards import FloatName
from jaxloss.inspect.cards.record import Card
from jaxloss.inspect.case import Case
from jaxloss.inspect.checking.advice import advise
from jaxloss.inspect.checking.inputs import OwnKind
from jaxloss.inspect.checking.judging import case_of, judge
from jaxloss.inspect.checking.properties import own_card
from jaxloss.inspect.checking.reading import Reading, read
from jaxloss.inspect.checking.report import Report

__all__ = ["check_loss"]


def check_loss(
    fn: Callable[..., Any],
    *,
    kind: OwnKind,
    kinks: Sequence[float] = (),
    domain: tuple[float, float] | None = None,
    dtypes: Sequence[FloatName] = ("bfloat16", "float16"),
    thorough: bool = False,
    case: Case | None = None,
    progress: Callable[[float], Any] | None = None,
) -> Report:
    """Examine your own loss: its property card, and the laws that every loss of the library keeps.

    Three forms are read: a function of one number, such as the residual; a function of predictions and targets that
    returns one loss per entry; and such a function that also takes ``where, weights, reduction`` as the losses of the
    library do. Arguments with a default are hyperparameters and keep it.

    Which laws are asked depends on the form. Laws about numbers (values, derivatives, precision, transformations) are
    asked of all; laws about masks, weights, reductions and refusals, of the third form; laws about the words and the
    layout of this library, of none. A law that needs what a function lacks does not apply.

    Args:
        fn: The loss.
        kind: What its first argument is. It is never guessed, because a wrong guess would make nonsense of everything
            that follows. ``"residual"``: a prediction whose difference to the target is all that matters;
            ``"margin"``: a score, with a target of 1 or -1; ``"logit"``: with a target of 0 or 1; ``"prediction"``: of
            a positive quantity; ``"probability"``: with a target of 0 or 1; ``"penalty"``: a parameter, without a
            target; ``"classes"``: logits on the last axis, with a class index; ``"vectors"``: a vector on the last
            axis, with a target vector.
        kinks: Numbers where the slope may jump, beside those that are found.
        domain: The interval that proofs are about, two finite numbers; by default [-50, 50] or the part of it where
            the loss is defined.
        dtypes: The dtypes whose every number is tried.
        thorough: Whether to try every float32 number, too, which takes minutes.
        progress: Called with the share of all these numbers that are tried, from 0 to 1, while they are.
        case: Your own Case, in place of the one that ``kind`` gives, with legal inputs under the names that the library
            gives to data, edges, hyperparameters and an oracle. Its ``fn`` is replaced by ``fn``.

    Returns:
        The report. ``verdicts`` and ``laws`` are for programs, ``text()`` for readers, ``assert_()`` for tests.

    Raises:
        TypeError: If ``fn`` is not callable.
        ValueError: If ``fn`` and ``kind`` do not fit, ``fn`` fails or does not return one loss per entry, or another
            argument is out of its range.

    Example:
        >>> import jax
        >>> from jaxloss.inspect.checking import check_loss
        >>> report = check_loss(lambda z: (1 - jax.nn.sigmoid(z)) ** 2, kind="logit")
        >>> report.verdicts["push_when_wrong"].word.value
        'REFUTED'
        >>> report.advice[0].split(",")[0]
        'the gradient is only 4.1e-09 at z = -20'
    """
    _refuse(kinks, domain, dtypes)
    reading = read(fn, kind)
    with np.errstate(all="ignore"):  # what is not finite is found, and needs no warning
        every: tuple[FloatName, ...] = tuple(dict.fromkeys([*dtypes, *(["float32"] if thorough else [])]))
        return _examined(reading, own_card(reading, kinks, domain, every, progress), case)


def _examined(reading: Reading, card: Card, case: Case | None) -> Report:
    minimum = card.rows.get("minimum")
    known = case_of(reading, non_negative=minimum is not None and minimum.holds)
    if case is not None:
        known = dataclasses.replace(case, fn=known.fn, exempt={**known.exempt, **case.exempt})
    judgement = judge(reading, known)
    report = Report(reading.loss.__name__, reading.form, card, judgement.broken, judgement.skipped, (), reading.loss)
    return dataclasses.replace(report, advice=advise(report.verdicts, report.broken))


def _refuse(kinks: Sequence[float], domain: tuple[float, float] | None, dtypes: Sequence[str]) -> None:
    if unknown := [dtype for dtype in dtypes if dtype not in get_args(FloatName)]:
        raise ValueError(f"dtypes must be among {', '.join(get_args(FloatName))}; found {unknown[0]!r}")
    if not all(math.isfinite(kink) for kink in kinks):
        raise ValueError(f"kinks must be finite numbers; found {tuple(kinks)}")
    if domain is not None and not (len(domain) == 2 and -math.inf < domain[0] < domain[1] < math.inf):
        raise ValueError(f"domain must be two finite numbers in rising order; found {domain!r}")
