"""When a reading is a reason for an alarm, what to try then, and what would show that the alarm is wrong.

The numbers are starting points from small experiments (tabular data, digits, synthetic images), not validated on large
models. Where possible, a rule compares a run with its own start, or a number with what chance explains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["RULES", "Rule"]

Readings = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Rule:
    """What `report` looks for.

    Attributes:
        name: Name of the failure.
        uses: Names of the readings, without the name of their state. The first one says which states the rule is about;
            the others are taken from the same state, or from the only other one that has them.
        holds: From these readings, each ``[reads, ...]``, to a boolean ``[reads]``: where the effect is large enough.
            NaN must give False.
        evidence: What was found: from the readings at one read, and those at the first, to a sentence with the numbers.
        suggests: What to try: names of losses and other public functions.
        falsified_by: What would show that the alarm is wrong.
        steps: The reads that count must span at least so many steps.
    """

    name: str
    uses: tuple[str, ...]
    holds: Callable[[Readings], np.ndarray]
    evidence: Callable[[Readings, Readings], str]
    suggests: tuple[str, ...]
    falsified_by: str
    steps: int = 0


def _saturated(r: Readings) -> np.ndarray:
    """Stuck, and the error is not falling: not 2 % below that of four reads before, or of the start."""
    error = r["error"]
    before = error[np.maximum(np.arange(len(error)) - 4, 0)]
    return (r["stuck"] > 0.5) & (error > 0.98 * before)


def _weakest_group(r: Readings) -> np.ndarray:
    """The group with the worst accuracy among those of less than half of the examples, by read."""
    known = (r["population"] < 0.5) & ~np.isnan(r["group_accuracy"])
    accuracy = np.where(known, r["group_accuracy"], np.inf)
    return np.argmin(accuracy, axis=-1)


def _of_group(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, np.asarray(group)[..., None], axis=-1)[..., 0]


def _easy_negatives(r: Readings) -> np.ndarray:
    if r["share"].shape != r["group_accuracy"].shape:  # the accuracies are those of other groups
        return np.zeros(len(r["share"]), bool)
    group = _weakest_group(r)
    small = _of_group(r["population"], group) < 0.5
    return small & (_of_group(r["share"], group) < 0.15) & (_of_group(r["group_accuracy"], group) < 0.5)


def _easy_negatives_evidence(r: Readings, _: Readings) -> str:
    group = _weakest_group(r)
    share, accuracy, population = (_of_group(r[name], group) for name in ("share", "group_accuracy", "population"))
    return (
        f"group {group}, {population:.1%} of the examples, has {share:.0%} of the gradient of the last layer and an "
        f"accuracy of {accuracy:.0%}"
    )


def _collapsed_evidence(r: Readings, _: Readings) -> str:
    variance = f"embeddings of length 1 have a variance of {r['variance']:.4f}"
    if np.isnan(r["effective_share"]):
        return f"{variance}: they are one point"
    return f"{variance} and use {r['effective_share']:.0%} of their dimensions"


def _since_start(values: np.ndarray) -> float:
    """The first reading that is not NaN."""
    known = values[~np.isnan(values)]
    return float(known[0]) if len(known) else float("nan")


RULES: tuple[Rule, ...] = (
    Rule(
        "illegal data",
        ("ece", "count"),
        lambda r: np.isnan(r["ece"]) & (r["count"] > 0),
        lambda r, _: f"the calibration of {r['count']:.0f} predictions is NaN",
        ("jaxloss.checked",),
        "all labels lie in [0, classes) and all logits are finite; padding is masked with where=",
    ),
    Rule(
        "saturation",
        ("stuck", "error"),
        _saturated,
        lambda r, first: (
            f"{r['stuck']:.0%} of the wrong examples have under a twentieth of the largest gradient, and the error is "
            f"{r['error']:.1%} ({first['error']:.1%} at the start)"
        ),
        ("jaxloss.sigmoid_binary_cross_entropy", "jaxloss.softmax_cross_entropy_with_integer_labels"),
        "the error falls within the next reads: Adam rescales small gradients and often recovers",
        steps=100,
    ),
    Rule(
        "over-confidence",
        ("ece", "null_ece", "overconfidence"),
        lambda r: (r["ece"] > r["null_ece"]) & (r["overconfidence"] > 0.03),
        lambda r, _: (
            f"ECE {r['ece']:.3f}, where chance explains {r['null_ece']:.3f}; confidence minus accuracy is "
            f"{r['overconfidence']:+.3f}"
        ),
        ("jaxloss.softmax_cross_entropy_with_integer_labels(label_smoothing=0.1)", "jaxloss.temperature_scaling_nll"),
        "the gap vanishes on data that was not trained on; smoothing can also make a calibrated model worse",
    ),
    Rule(
        "under-confidence",
        ("ece", "null_ece", "overconfidence"),
        lambda r: (r["ece"] > r["null_ece"]) & (r["overconfidence"] < -0.03),
        lambda r, _: (
            f"ECE {r['ece']:.3f}, where chance explains {r['null_ece']:.3f}; confidence minus accuracy is "
            f"{r['overconfidence']:+.3f}"
        ),
        ("jaxloss.softmax_cross_entropy_with_integer_labels", "jaxloss.temperature_scaling_nll"),
        "training is young: confidence usually grows after accuracy; or the loss smooths labels on purpose",
    ),
    Rule(
        "easy negatives",
        ("population", "share", "group_accuracy"),
        _easy_negatives,
        _easy_negatives_evidence,
        ("jaxloss.sigmoid_dice_loss", "jaxloss.sigmoid_tversky_loss", "jaxloss.class_balanced_weights"),
        "the accuracy of the group rises with another threshold of the decision alone: recall decides, not the share",
    ),
    Rule(
        "dead units",
        ("dead",),
        lambda r: (r["dead"] > 0.3) & (r["dead"] > _since_start(r["dead"]) + 0.2),
        lambda r, first: f"{r['dead']:.0%} of the units are never active ({first['dead']:.0%} at the start)",
        ("jaxloss.l2_sp_penalty",),
        "the plasticity probe learns as fast as at the start: sparse activity alone is no failure",
    ),
    Rule(
        "dormant gradients",
        ("gradient_dormant",),
        lambda r: (r["gradient_dormant"] > 0.3) & (r["gradient_dormant"] > _since_start(r["gradient_dormant"]) + 0.2),
        lambda r, first: (
            f"{r['gradient_dormant']:.0%} of the units get almost no gradient "
            f"({first['gradient_dormant']:.0%} at the start)"
        ),
        ("jaxloss.l2_sp_penalty",),
        "the plasticity probe learns as fast as at the start",
    ),
    Rule(
        "constant units",
        ("constant",),
        lambda r: (r["constant"] > 0.3) & (r["constant"] > _since_start(r["constant"]) + 0.2),
        lambda r, first: (
            f"{r['constant']:.0%} of the units answer every input alike ({first['constant']:.0%} at the start)"
        ),
        ("jaxloss.l2_sp_penalty",),
        "the plasticity probe learns as fast as at the start",
    ),
    Rule(
        "loss of plasticity",
        ("effective_rank", "srank"),
        lambda r: r["effective_rank"] < 0.5 * _since_start(r["effective_rank"]),
        lambda r, first: (
            f"the features have an effective rank of {r['effective_rank']:.1f}, {first['effective_rank']:.1f} at the "
            "start"
        ),
        ("jaxloss.l2_sp_penalty",),
        "the plasticity probe learns as fast as at the start, or the accuracy on new tasks does not fall",
    ),
    Rule(
        "loss of plasticity (probe)",
        ("probe",),
        lambda r: r["probe"] > 1.1 * _since_start(r["probe"]),
        lambda r, first: f"random labels are learned to a loss of {r['probe']:.3f}, {first['probe']:.3f} at the start",
        ("jaxloss.l2_sp_penalty",),
        "the probe used other inputs, another number of steps or another rate of learning than at the start",
    ),
    Rule(
        "feature starvation (group)",
        ("gap", "gap_error", "worst_accuracy"),
        lambda r: (r["gap"] > 0.1) & (r["gap"] > 3 * r["gap_error"]),
        lambda r, _: (
            f"the worst group has an accuracy of {r['worst_accuracy']:.0%}, {r['gap']:.0%} below the mean "
            f"(standard error {r['gap_error']:.0%})"
        ),
        ("jaxloss.combine.group_dro", "jaxloss.reductions.worst_group", "jaxloss.class_balanced_weights"),
        "with equal weights of the groups, its accuracy stays low: the group is hard; or it rises only as that of the "
        "others falls: the group is rare and overlaps them. A misled group becomes right, and the others stay right",
    ),
    Rule(
        "feature starvation (cue)",
        ("concentration", "area"),
        lambda r: (r["concentration"] > 3) & (r["concentration"] * r["area"] > 0.2),
        lambda r, _: (
            f"{r['concentration'] * r['area']:.0%} of the attribution lies in the suspected region, "
            f"{r['area']:.1%} of the input"
        ),
        ("jaxloss.combine.group_dro", "jaxloss.reductions.worst_group"),
        "predictions stay right when the region is replaced with that of another example",
    ),
    Rule(
        "conflicting terms",
        ("worst_cosine", "cosines"),
        lambda r: r["worst_cosine"] < -0.3,
        lambda r, _: f"the gradients of two terms have a cosine of {r['worst_cosine']:.2f}",
        ("jaxloss.combine.pcgrad", "jaxloss.combine.upgrad"),
        "every term still falls: terms that balance each other at an optimum have cosines near -1",
    ),
    Rule(
        "one term dominates",
        ("cosines", "share"),
        lambda r: (np.max(r["share"], axis=-1) > 0.95) & (r["share"].shape[-1] > 1),
        lambda r, _: (
            f"term {int(np.argmax(r['share']))} of the sorted names has {np.max(r['share']):.0%} of the gradient"
        ),
        ("jaxloss.combine.weigh", "jaxloss.combine.gradnorm", "jaxloss.combine.uncertainty"),
        "the other terms are at their minimum, or small on purpose",
    ),
    Rule(
        "collapsed embeddings",
        ("variance", "effective_share"),
        lambda r: (r["variance"] < 0.01) | (r["effective_share"] < 0.1),
        _collapsed_evidence,
        ("jaxloss.vicreg_loss", "jaxloss.barlow_twins_loss"),
        "a linear probe on the embeddings is as accurate as before",
    ),
    Rule(
        "no active triplets",
        ("active",),
        lambda r: r["active"] < 0.05,
        lambda r, _: f"{r['active']:.1%} of the triplets have a loss above 0",
        ("jaxloss.batch_semi_hard_triplet_loss", "jaxloss.batch_hard_triplet_loss"),
        "retrieval on held-out data is as good as required: the task is solved",
    ),
)
"""The rules of `report`."""
