"""How losses are read as functions of one number: a rule for each way in which losses name their data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.reading.probing import OneNumber, equal, kinks, legal, takes_numbers, values
from jaxloss.inspect.subject import Kind, Subject

__all__ = ["PairLoss", "ReadLoss", "View", "read"]

PairLoss = Callable[[jax.Array, jax.Array], jax.Array]
"""The loss of one prediction and one target."""

REACH = 50.0
"""Proofs are about predictions from -50 to 50, or the part of it where the loss is defined."""
NEAR_OPEN_END = 2.0**-6
"""Where proofs begin beside an end that the loss excludes, such as a prediction of 0 of a positive quantity."""
STEEP = 1e3
"""Slope at a probability of 0 or 1 from which that end is left out of proofs, too."""
FIXED_TARGETS = (1.0, 4.0)
"""Targets of a loss that depends on more than the difference to its prediction."""
LABELS = (np.array(0, np.int32), np.array(1, np.int32))
PROBES = np.array([-3.0, -0.75, -0.25, 0.25, 0.75, 3.0])
"""Scores at which two readings of a loss are compared."""


@dataclasses.dataclass(frozen=True)
class View:
    """A loss as functions of one number.

    Attributes:
        subjects: One, or one per fixed target or class. A logit or margin of the negative class has its sign changed,
            so that its loss should fall, too.
        legal: The closed interval on which the loss is defined; excluded ends are moved inside by 1e-38.
        pair: The loss of a prediction and a target; None unless targets are real numbers.
        link: What the number says about two classes: ``"sigmoid"`` of it is a probability, it is one (``"identity"``),
            only its ``"sign"`` matters, or there are no classes (None).
    """

    subjects: tuple[Subject, ...]
    legal: tuple[float, float] = (-math.inf, math.inf)
    pair: PairLoss | None = None
    link: Literal["sigmoid", "identity", "sign"] | None = None


@dataclasses.dataclass(frozen=True)
class ReadLoss:
    """A loss with its hyperparameters filled in."""

    name: str
    fn: Callable[..., Any]
    parameters: Mapping[str, Any]

    def at(self, target: Any) -> OneNumber:
        """The loss of a number and a fixed target."""
        return lambda x: self.fn(x, jnp.asarray(target, x.dtype))

    def subject(self, fn: OneNumber, kind: Kind, best: float, **more: Any) -> Subject:
        low, high = more.setdefault("domain", (-REACH, REACH))
        inner = tuple(k for k in kinks(fn, self.parameters) if low < k < high)
        return Subject(
            more.pop("name", self.name), fn, kind, best=best, kinks=inner, parameters=self.parameters, **more
        )


def _regression(loss: ReadLoss) -> View | None:
    if not takes_numbers(loss.fn, 2):
        return None
    residuals, targets = np.meshgrid([-0.75, -0.25, 0.25, 2.5, 7.0], [0.0, 1.0, 3.0])
    if equal(values(loss.fn, residuals + targets, targets), values(loss.at(0), residuals)):
        return View((loss.subject(loss.at(0), "residual", 0.0),), pair=loss.fn)
    defined = legal(*(loss.at(target) for target in FIXED_TARGETS))
    domain = max(defined[0] or 0.0, -REACH), min(defined[1], REACH)
    if 0 < defined[0] < NEAR_OPEN_END:
        domain = NEAR_OPEN_END, domain[1]
    subjects = [_at_target(loss, target, domain) for target in FIXED_TARGETS]
    return View(tuple(subjects), legal=defined, pair=loss.fn)


def _at_target(loss: ReadLoss, target: float, domain: tuple[float, float]) -> Subject:
    name = f"{loss.name} at target {target:g}"
    return loss.subject(loss.at(target), "prediction", target, domain=domain, name=name)


def _probability(loss: ReadLoss) -> View | None:
    if not takes_numbers(loss.fn, 2):
        return None
    return _of_probability(loss, loss.at(1), loss.at(0))


def _two_probabilities(loss: ReadLoss) -> View | None:
    # Half precision would round 1 - p and blame the loss for it.
    wide = lambda p: p if p.dtype.itemsize >= 4 else p.astype(jnp.float32)
    exact = [_of_two(loss.fn, lambda p: 1 - p, label) for label in LABELS]
    of_class = [lambda p, fn=fn: fn(wide(p)) for fn in exact]
    return _of_probability(loss, of_class[1], of_class[0]) if takes_numbers(of_class[1], 1) else None


def _of_probability(loss: ReadLoss, ones: OneNumber, zeros: OneNumber) -> View:
    defined = legal(ones, zeros)
    ends = np.array([0.0, 1.0])
    steep = any(np.any(np.abs(values(jax.grad(fn), ends)) > STEEP) for fn in (ones, zeros))
    domain = (NEAR_OPEN_END, 1 - NEAR_OPEN_END) if steep or defined != (0.0, 1.0) else (0.0, 1.0)
    of_one = loss.subject(ones, "prediction", 1.0, domain=domain, name=f"{loss.name} at target 1", partner=zeros)
    of_zero = loss.subject(zeros, "prediction", 0.0, domain=domain, name=f"{loss.name} at target 0", partner=ones)
    return View((of_one, of_zero), legal=defined, link="identity")


def _logit(loss: ReadLoss) -> View | None:
    return _rising(loss, "logit", loss.at(1), loss.at(0)) if takes_numbers(loss.fn, 2) else None


def _two_logits(loss: ReadLoss) -> View | None:
    return _of_two_scores(loss, "logit", list(np.eye(2)))


def _one_label(loss: ReadLoss) -> View | None:
    """A sum or a mean over labels, at one label."""
    of_class = [lambda z, target=target: loss.fn(z[None], jnp.full((1,), target, z.dtype)) for target in (0, 1)]
    of_both = lambda z: loss.fn(jnp.stack([z, 0.5 * z]), jnp.asarray([1, 0], z.dtype))
    if not takes_numbers(of_class[1], 1):
        return None
    parts = values(of_class[1], PROBES) + values(of_class[0], 0.5 * PROBES)
    both = values(of_both, PROBES)
    return _rising(loss, "logit", of_class[1], of_class[0]) if equal(both, parts) or equal(2 * both, parts) else None


def _margin(loss: ReadLoss) -> View | None:
    return _rising(loss, "margin", loss.at(1), loss.at(-1)) if takes_numbers(loss.fn, 2) else None


def _two_labels(loss: ReadLoss) -> View | None:
    return _of_two_scores(loss, "logit", LABELS)


def _two_margins(loss: ReadLoss) -> View | None:
    return _of_two_scores(loss, "margin", LABELS)


def _of_two_scores(loss: ReadLoss, kind: Kind, targets: Sequence[np.ndarray]) -> View | None:
    """A loss of two classes, if only the difference of their scores matters."""
    of_class = [_of_two(loss.fn, jnp.zeros_like, target) for target in targets]
    moved = [_of_two(loss.fn, lambda x: jnp.full_like(x, 1.5), target) for target in targets]
    if not takes_numbers(of_class[1], 1):
        return None
    same = all(equal(values(of_class[c], PROBES), values(moved[c], PROBES + 1.5)) for c in (0, 1))
    return _rising(loss, kind, of_class[1], of_class[0]) if same else None


def _of_two(fn: Callable[..., jax.Array], other: OneNumber, target: np.ndarray) -> OneNumber:
    """The loss of two scores, of which the second is the number."""
    dtype = lambda x: x.dtype if target.dtype.kind == "f" else None
    return lambda x: fn(jnp.stack([other(x), x]), jnp.asarray(target, dtype(x)))


def _difference(loss: ReadLoss) -> View | None:
    """Two scores of which the first should be larger."""
    if not takes_numbers(loss.fn, 2):
        return None
    other = np.full_like(PROBES, 1.5)
    same = equal(values(loss.fn, PROBES + other, other), values(loss.at(0), PROBES))
    return View((loss.subject(loss.at(0), "margin", math.inf),)) if same else None


def _log_ratios(loss: ReadLoss) -> View | None:
    """Preferences over a reference policy, at one for which both answers are certain."""
    at_zero = lambda chosen, rejected: loss.fn(chosen, rejected, jnp.zeros_like(chosen), jnp.zeros_like(rejected))
    return _difference(dataclasses.replace(loss, fn=at_zero))


def _generator(loss: ReadLoss) -> View | None:
    """The score that a discriminator gives to a generated example, which the generator wants to be large."""
    return View((loss.subject(loss.fn, "margin", math.inf),)) if takes_numbers(loss.fn, 1) else None


def _rising(loss: ReadLoss, kind: Kind, ones: OneNumber, zeros: OneNumber) -> View | None:
    """A score that should be large for class 1 and small for class 0; None if the loss does not depend on it."""
    link = "sigmoid" if kind == "logit" else "sign"
    found = values(ones, PROBES)
    if np.all(found == found[0]):
        return None
    if equal(values(zeros, -PROBES), found):
        return View((loss.subject(ones, kind, math.inf),), link=link)
    of_one = loss.subject(ones, kind, math.inf, name=f"{loss.name} of class 1", partner=zeros)
    mirrored = [lambda z: zeros(-z), lambda z: ones(-z)]
    of_zero = loss.subject(mirrored[0], kind, math.inf, name=f"{loss.name} of class 0", partner=mirrored[1])
    return View((of_one, of_zero), link=link)


def _penalty(loss: ReadLoss) -> View | None:
    if not takes_numbers(loss.fn, 1):
        return None
    steps = np.diff(values(loss.fn, PROBES))
    if not np.any(steps):
        return None
    if np.all(steps > 0):  # a barrier: the best is towards minus infinity
        return View((loss.subject(lambda x: loss.fn(-x), "penalty", math.inf, name=f"{loss.name}, sign changed"),))
    return View((loss.subject(loss.fn, "penalty", 0.0),))


RULES: Mapping[tuple[str, ...], tuple[Callable[[ReadLoss], View | None], ...]] = {
    ("predictions", "targets"): (_regression,),
    ("probs", "targets"): (_probability,),
    ("probs", "labels"): (_two_probabilities,),
    ("logits", "targets"): (_logit, _two_logits, _one_label),
    ("logits", "labels"): (_two_labels,),
    ("scores", "targets"): (_margin,),
    ("scores", "labels"): (_two_margins,),
    ("positive_scores", "negative_scores"): (_difference,),
    ("chosen_rewards", "rejected_rewards"): (_difference,),
    ("chosen_logps", "rejected_logps"): (_difference,),
    ("chosen_logps", "rejected_logps", "reference_chosen_logps", "reference_rejected_logps"): (_log_ratios,),
    ("fake_logits",): (_generator,),
}
"""Names of the data to the readings that are tried, the first that fits first."""


def read(loss: ReadLoss, data: tuple[str, ...]) -> View | None:
    """The first reading that fits a loss with these names of its data; None if there is none."""
    if data in RULES:
        return next((found for rule in RULES[data] if (found := rule(loss))), None)
    return _penalty(loss) if len(data) == 1 and "penalty" in loss.name else None
