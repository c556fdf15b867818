"""What is measured: the headline rows, and every Case of the tests at a small size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from benchmarks import peers
from jaxloss.benchmarks.comparing import Implementation
from jaxloss.benchmarks.tasks import Task, masked, task_of

OURS = "jaxloss"
BOTH_TYPES = ("float32", "bfloat16")
SINGLE = ("float32",)


@dataclasses.dataclass(frozen=True)
class Row:
    """One loss with some options.

    Attributes:
        loss: The public name in jaxloss.
        size: How many examples.
        axes: Lengths of axes that its docstring names.
        hypers: Hyperparameters off their defaults.
        masks: ``"where"`` and ``"weights"`` if they are given.
        arrays: Hyperparameters that are arrays, by name, as functions of the size of the last axis of the first input.
        dtypes: Of the inputs.
        least: The smallest size at which the row measures anything.
        fewest: Axes at the smallest size.
    """

    loss: str
    size: int
    axes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    hypers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    masks: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = SINGLE
    least: int = 64
    fewest: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def names(self) -> Iterator[str]:
        """Titles, one for each dtype."""
        options = [*(f"{k}={v}" for k, v in self.hypers.items()), *self.arrays, *self.masks]
        for dtype in self.dtypes:
            yield ", ".join([self.loss, dtype, *options])

    def task(self, dtype: str, scale: float = 1.0) -> Task:
        """With every peer; at a scale below one there are fewer examples, but never so few that nothing is computed."""
        size = max(self.least, round(self.size * scale))
        axes = {**self.axes, **(self.fewest if size == self.least else {})}
        fixed = {"hypers": self.hypers, "masks": self.masks, "label": OURS}
        columns = axes.get("K", 0)
        arrays = {name: jnp.linspace(0.5, 1.5, columns) for name in self.arrays}
        task = task_of(self.loss, size=size, dtype=dtype, axes=axes, arrays=arrays, **fixed)
        keywords = (*self.arrays, *self.masks)
        others = peers.of(self.loss, dtype, self.hypers, keywords)
        return dataclasses.replace(task, implementations=(*task.implementations, *others))


_CLASSES = {"K": 32768}
_FEW = {"K": 256}


def _classes(loss: str, **more: Any) -> Row:
    return Row(loss, 2048, axes=_CLASSES, fewest=_FEW, **more)


def _elements(loss: str, **more: Any) -> Row:
    return Row(loss, 10**7, least=4096, **more)


_INTEGER = "softmax_cross_entropy_with_integer_labels"

HEADLINE: tuple[Row, ...] = (
    _classes(_INTEGER, dtypes=BOTH_TYPES),
    _classes(_INTEGER, masks=("where",), dtypes=BOTH_TYPES),
    _classes(_INTEGER, masks=("weights",)),
    _classes(_INTEGER, hypers={"label_smoothing": 0.1}, dtypes=BOTH_TYPES),
    _classes(_INTEGER, hypers={"z_loss": 1e-4}),
    _classes(_INTEGER, arrays=("class_weights",)),
    Row("softmax_cross_entropy", 1024, axes=_CLASSES, fewest=_FEW),
    Row("softmax_cross_entropy", 1024, axes=_CLASSES, fewest=_FEW, hypers={"label_smoothing": 0.1}),
    Row("softmax_focal_loss", 1024, axes=_CLASSES, fewest=_FEW),
    Row("kl_divergence", 1024, axes=_CLASSES, fewest=_FEW),
    Row("kl_divergence_from_logits", 1024, axes=_CLASSES, fewest=_FEW),
    Row("linear_softmax_cross_entropy", 1024, axes={"D": 256, "K": 16384}, fewest={"D": 16, "K": 256}),
    _elements("squared_error", dtypes=BOTH_TYPES),
    _elements("squared_error", masks=("where",)),
    _elements("squared_error", masks=("weights",)),
    _elements("absolute_error"),
    _elements("huber_loss", dtypes=BOTH_TYPES),
    _elements("huber_loss", masks=("where",)),
    _elements("log_cosh"),
    _elements("quantile_loss", hypers={"quantile": 0.9}),
    _elements("hinge_loss"),
    _elements("sigmoid_binary_cross_entropy", dtypes=BOTH_TYPES),
    _elements("sigmoid_binary_cross_entropy", masks=("where",)),
    _elements("sigmoid_binary_cross_entropy", hypers={"label_smoothing": 0.1}),
    _elements("sigmoid_focal_loss"),
    Row("cosine_distance", 20_000, axes={"D": 512}),
    Row("triplet_margin_loss", 20_000, axes={"D": 256}),
    Row("sigmoid_dice_loss", 256, least=4),
    Row("giou_loss", 10**6),
    Row("ciou_loss", 10**6),
    Row("clip_loss", 4096, axes={"D": 512}, fewest={"D": 16}, dtypes=BOTH_TYPES),
    Row("siglip_loss", 4096, axes={"D": 512}, fewest={"D": 16}),
    Row("infonce_loss", 4096, axes={"D": 512}, fewest={"D": 16}),
    Row("ntxent", 1024, axes={"D": 512}, fewest={"D": 16}),
    Row("supcon_loss", 2048, axes={"D": 512}, fewest={"D": 16}),
    Row("batch_hard_triplet_loss", 1024),
    Row("batch_semi_hard_triplet_loss", 1024),
    Row("batch_all_triplet_loss", 256, least=32),
    Row("energy_distance", 2048, axes={"D": 64}),
    Row("mmd_loss", 2048, axes={"D": 64}),
    Row("ranking_softmax_loss", 4096, axes={"N": 256}, fewest={"N": 32}),
    Row("listmle_loss", 8192, axes={"N": 2048}, fewest={"N": 32}),
    Row("approx_ndcg_loss", 8192, axes={"N": 512}, fewest={"N": 32}),
    Row("pairwise_logistic_loss", 8192, axes={"N": 512}, fewest={"N": 32}),
    Row("td_lambda_loss", 256, axes={"T": 2048}, fewest={"T": 32}),
    Row("cox_breslow_nll", 4096),
    Row("ssim_loss", 4, axes={"H": 256, "W": 256}, fewest={"H": 32, "W": 32}, least=1),
    Row("ctc_loss", 32, axes={"T": 400, "K": 64, "N": 50}, fewest={"T": 20, "K": 16, "N": 4}, least=2),
    Row("soft_dtw_loss", 8, axes={"N": 128, "M": 128, "D": 16}, fewest={"N": 8, "M": 8}, least=2),
)
"""What most programs spend their time in, options that cost, and what is known to lose; sizes do not fit a cache."""

GROWN = (_INTEGER, "huber_loss", "sigmoid_binary_cross_entropy", "clip_loss", "ntxent", "kl_divergence")
"""Rows of the page that are shown at several sizes."""


def headline(scale: float = 1.0, only: Collection[str] | None = None) -> Iterator[tuple[str, Callable[[], Task]]]:
    """Titles and what makes the task when it is its turn: its arrays may be large."""
    for row in HEADLINE:
        if only is None or row.loss in only:
            for title, dtype in zip(row.names(), row.dtypes, strict=True):
                yield title, lambda row=row, dtype=dtype: row.task(dtype, scale)


def oracle_error(case: Any) -> float:
    """The largest difference of an unreduced loss from its oracle, which may be slow, on a few examples."""
    from jaxloss.inspect.calls import call, cast, cast_hypers, settings
    from tests.cases import floats

    plain = settings(case)[0]
    inputs = cast(case.draw(np.random.default_rng(1), (2, 4)), np.float32)
    value = jax.jit(lambda x: call(case, x, **cast_hypers(plain, np.float32), reduction="none"))(inputs)
    arrays = {n: np.asarray(x) for n, x in inputs.items()}
    exact = {n: x.astype(np.float64) if n in floats(arrays) else x for n, x in arrays.items()}
    expected = case.oracle(**exact, **plain)
    gap, largest = np.max(np.abs(np.asarray(value) - expected), initial=0), np.max(np.abs(expected), initial=0)
    return float(gap / (largest or 1))


def sweep(scale: float = 1.0, only: Collection[str] | None = None) -> Iterator[tuple[str, Callable[[], Task]]]:
    """Every Case that takes arrays alone, on about 512 examples; differentiated in every input that is."""
    from jaxloss.inspect.calls import cast, cast_hypers, settings
    from tests.cases import Case, all_cases, floats

    def task(case: Case) -> Task:
        size = max(64, round(512 * scale))
        batch = (size // 32, 32) if case.pooled or case.meets else (size,)
        drawn = cast(case.draw(np.random.default_rng(0), batch), np.float32)
        names = tuple(drawn)
        argnums = tuple(names.index(name) for name in floats(dict(drawn)) if name not in case.fixed)
        hypers = cast_hypers(settings(case)[0], np.float32)
        if not (gap := oracle_error(case)) <= ORACLE:
            raise ArithmeticError(f"{case.name} disagrees with its oracle ({case.source}) by {gap:.1e}")
        ours = Implementation(OURS, lambda: masked(getattr(jaxloss, case.name), hypers, ()))
        return Task(f"{case.name}, float32", names, tuple(drawn.values()), argnums, (ours,), batch, case.name, hypers)

    for case in all_cases():
        if not case.leading and (only is None or case.name in only):
            yield f"{case.name}, float32", lambda case=case: task(case)


ORACLE = 1e-4
"""Largest difference from an oracle, in float32."""
