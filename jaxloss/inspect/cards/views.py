"""How a library loss is a function of one number, read from its signature and from how it behaves.

There is no list of losses here. The names of the arguments say what they are, and a few evaluations say the rest:
whether the loss takes single numbers, whether it depends on a difference only, and where it is defined.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.calls import TAIL
from jaxloss.inspect.cards.probing import OneNumber, equal, kinks, legal, takes_numbers, values
from jaxloss.inspect.subject import Kind, Subject

__all__ = ["PairLoss", "View", "settings_of", "view"]

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
ONES: Mapping[str, float] = {"Scalar": 1.0, "float": 1.0, "int": 1}
"""Annotation of a hyperparameter without a default to what it is taken to be."""
LABELS = (np.array(0, np.int32), np.array(1, np.int32))
PROBES = np.array([-3.0, -0.75, -0.25, 0.25, 0.75, 3.0])
"""Scores at which two readings of a loss are compared."""


@dataclasses.dataclass(frozen=True)
class View:
    """A loss as functions of one number.

    Attributes:
        subjects: One, or one per fixed target or class. A logit or margin of the negative class has its sign changed,
            so that its loss should fall, too.
        legal: The closed interval on which the loss is defined; an excluded end is moved inside, see `legal`.
        pair: The loss of a prediction and a target; None unless targets are real numbers.
        link: What the number says about two classes: ``"sigmoid"`` of it is a probability, it is one (``"identity"``),
            only its ``"sign"`` matters, or there are no classes (None).
    """

    subjects: tuple[Subject, ...]
    legal: tuple[float, float] = (-math.inf, math.inf)
    pair: PairLoss | None = None
    link: Literal["sigmoid", "identity", "sign"] | None = None


def settings_of(fn: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every hyperparameter of a loss that has a value: given, by default, or 1 for a number that has no default."""
    known = {p.name: p for p in inspect.signature(fn).parameters.values() if p.kind is p.KEYWORD_ONLY}
    free = {name: p for name, p in known.items() if name not in (*TAIL, "axis_name")}
    if unknown := sorted(set(parameters) - set(free)):
        raise ValueError(f"{fn.__name__} has no hyperparameter {unknown[0]!r}; it has: {', '.join(free) or 'none'}")
    usual = {name: p.default for name, p in free.items() if p.default is not p.empty and p.default is not None}
    required = {name: ONES[p.annotation] for name, p in free.items() if p.default is p.empty and p.annotation in ONES}
    return {**required, **usual, **parameters}


def view(fn: Callable[..., Any], **parameters: Any) -> View | None:
    """The one-dimensional view of a loss, by the names of its data.

    ====================================  ==========================================================================
    ``predictions, targets``              residual, if the loss depends on nothing else; otherwise the prediction at
                                          the targets 1 and 4
    ``probs, targets``, ``probs, labels`` probability of an example of class 1, and of one of class 0
    ``logits, targets``                   logit of an example of class 1, and of one of class 0
    ``logits, labels``                    the same, for the difference of the logits of two classes
    ``scores, targets``                   margin, with targets of 1 and -1
    ``scores, labels``                    margin, for the difference of the scores of two classes
    ``positive_scores, negative_scores``  margin, if the loss depends on the difference alone; so are pairs of rewards
                                          and of log-probabilities, the latter minus those of a reference
    ``fake_logits``                       margin, as the generator sees it
    one argument of a penalty             that argument
    ====================================  ==========================================================================

    Args:
        fn: A loss of the library, or one with its conventions.
        parameters: Hyperparameters off their defaults. A number that has no default is 1.

    Returns:
        The view; None if the loss takes other data, or more than one number per example.

    Raises:
        ValueError: If ``fn`` has no hyperparameter of a given name.

    Example:
        >>> import jaxloss
        >>> from jaxloss.inspect.cards import view
        >>> view(jaxloss.huber_loss, delta=2.0).subjects[0].kinks
        (-2.0, 2.0)
        >>> view(jaxloss.ssim_loss, data_range=1.0) is None
        True
    """
    chosen = settings_of(fn, parameters)
    signature = inspect.signature(fn).parameters
    data = tuple(name for name, p in signature.items() if p.kind is not p.KEYWORD_ONLY)
    tail = {"reduction": "none"} if "reduction" in signature else {}
    loss = _Loss(fn.__name__, lambda *data: fn(*data, **chosen, **tail), chosen)
    if data in RULES:
        return next((found for rule in RULES[data] if (found := rule(loss))), None)
    return _penalty(loss) if len(data) == 1 and "penalty" in fn.__name__ else None


@dataclasses.dataclass(frozen=True)
class _Loss:
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


def _regression(loss: _Loss) -> View | None:
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


def _at_target(loss: _Loss, target: float, domain: tuple[float, float]) -> Subject:
    name = f"{loss.name} at target {target:g}"
    return loss.subject(loss.at(target), "prediction", target, domain=domain, name=name)


def _probability(loss: _Loss) -> View | None:
    if not takes_numbers(loss.fn, 2):
        return None
    return _of_probability(loss, loss.at(1), loss.at(0))


def _two_probabilities(loss: _Loss) -> View | None:
    # Half precision would round 1 - p and blame the loss for it.
    wide = lambda p: p.astype(jnp.promote_types(p.dtype, jnp.float32))
    exact = [_of_two(loss.fn, lambda p: 1 - p, label) for label in LABELS]
    of_class = [lambda p, fn=fn: fn(wide(p)) for fn in exact]
    return _of_probability(loss, of_class[1], of_class[0]) if takes_numbers(of_class[1], 1) else None


def _of_probability(loss: _Loss, ones: OneNumber, zeros: OneNumber) -> View:
    defined = legal(ones, zeros)
    ends = np.array([0.0, 1.0])
    steep = any(np.any(np.abs(values(jax.grad(fn), ends)) > STEEP) for fn in (ones, zeros))
    domain = (NEAR_OPEN_END, 1 - NEAR_OPEN_END) if steep or defined != (0.0, 1.0) else (0.0, 1.0)
    of_one = loss.subject(ones, "prediction", 1.0, domain=domain, name=f"{loss.name} at target 1", partner=zeros)
    of_zero = loss.subject(zeros, "prediction", 0.0, domain=domain, name=f"{loss.name} at target 0", partner=ones)
    return View((of_one, of_zero), legal=defined, link="identity")


def _logit(loss: _Loss) -> View | None:
    return _rising(loss, "logit", loss.at(1), loss.at(0)) if takes_numbers(loss.fn, 2) else None


def _two_logits(loss: _Loss) -> View | None:
    return _of_two_scores(loss, "logit", list(np.eye(2)))


def _one_label(loss: _Loss) -> View | None:
    """A sum or a mean over labels, at one label."""
    of_class = [lambda z, target=target: loss.fn(z[None], jnp.full((1,), target, z.dtype)) for target in (0, 1)]
    of_both = lambda z: loss.fn(jnp.stack([z, 0.5 * z]), jnp.asarray([1, 0], z.dtype))
    if not takes_numbers(of_class[1], 1):
        return None
    parts = values(of_class[1], PROBES) + values(of_class[0], 0.5 * PROBES)
    both = values(of_both, PROBES)
    return _rising(loss, "logit", of_class[1], of_class[0]) if equal(both, parts) or equal(2 * both, parts) else None


def _margin(loss: _Loss) -> View | None:
    return _rising(loss, "margin", loss.at(1), loss.at(-1)) if takes_numbers(loss.fn, 2) else None


def _two_labels(loss: _Loss) -> View | None:
    return _of_two_scores(loss, "logit", LABELS)


def _two_margins(loss: _Loss) -> View | None:
    return _of_two_scores(loss, "margin", LABELS)


def _of_two_scores(loss: _Loss, kind: Kind, targets: Sequence[np.ndarray]) -> View | None:
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


def _difference(loss: _Loss) -> View | None:
    """Two scores of which the first should be larger."""
    if not takes_numbers(loss.fn, 2):
        return None
    other = np.full_like(PROBES, 1.5)
    same = equal(values(loss.fn, PROBES + other, other), values(loss.at(0), PROBES))
    return View((loss.subject(loss.at(0), "margin", math.inf),)) if same else None


def _log_ratios(loss: _Loss) -> View | None:
    """Preferences over a reference policy, at one for which both answers are certain."""
    at_zero = lambda chosen, rejected: loss.fn(chosen, rejected, jnp.zeros_like(chosen), jnp.zeros_like(rejected))
    return _difference(dataclasses.replace(loss, fn=at_zero))


def _generator(loss: _Loss) -> View | None:
    """The score that a discriminator gives to a generated example, which the generator wants to be large."""
    return View((loss.subject(loss.fn, "margin", math.inf),)) if takes_numbers(loss.fn, 1) else None


def _rising(loss: _Loss, kind: Kind, ones: OneNumber, zeros: OneNumber) -> View | None:
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


def _penalty(loss: _Loss) -> View | None:
    if not takes_numbers(loss.fn, 1):
        return None
    if np.all(np.diff(values(loss.fn, PROBES)) > 0):  # a barrier: the best is towards minus infinity
        return View((loss.subject(lambda x: loss.fn(-x), "penalty", math.inf, name=f"{loss.name}, sign changed"),))
    return View((loss.subject(loss.fn, "penalty", 0.0),))


RULES: Mapping[tuple[str, ...], tuple[Callable[[_Loss], View | None], ...]] = {
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
