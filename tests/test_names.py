"""The table of foreign names is true: every line of it is run here, their call against ours."""

from __future__ import annotations

import copy
import doctest
import functools
import importlib
import inspect
import pickle
import re
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import cli
from jaxloss.names import public_modules
from jaxloss.names.page import markdown_page
from jaxloss.names.table import ForeignName, Library, inputs, key, libraries, same_idea
from tests import tensorflow_formulas

LIBRARIES = libraries()
TORCH, OPTAX, KERAS, TENSORFLOW, RAX, COMMON = LIBRARIES
ROWS = [(library, row) for library in LIBRARIES for row in library.rows]
IDS = [f"{library.title}-{row.names[0]}-{library.rows.index(row)}" for library, row in ROWS]

N, D, C = 8, 5, 4
T, L = 7, 3


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def index_lists(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Per row some classes in random order and then -1, and the same as bits."""
    lists, bits = np.full((N, C), -1), np.zeros((N, C))
    for row in range(N):
        chosen = rng.permutation(C)[: rng.integers(0, C + 1)]
        lists[row, : len(chosen)] = chosen
        bits[row, chosen] = 1
    return lists, bits


def surely(rng: np.random.Generator, values: list[int], *shape: int) -> np.ndarray:
    """Random numbers below the largest of ``values``, all of which occur in every row."""
    drawn = rng.integers(0, max(values) + 1, size=shape)
    drawn[..., : len(values)] = values
    return rng.permuted(drawn, axis=-1)


def speech(rng: np.random.Generator, logits: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of frames and what was said, which some alignment fits."""
    frames, labels = rng.integers(2 * L - 1, T + 1, size=N), rng.integers(1, L + 1, size=N)
    said = np.arange(L) < labels[:, None]
    return {
        "frame_logits": logits,
        "frame_lengths": frames,
        "frame_paddings": (np.arange(T) >= frames[:, None]).astype(float),
        "transcripts": np.where(said, rng.integers(1, C, size=(N, L)), 0),
        "transcript_lengths": labels,
        "transcript_paddings": 1.0 - said,
    }


@functools.cache
def draw(seed: int) -> dict[str, np.ndarray]:
    """Every input that occurs in the table."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return 1.5 * rng.normal(size=shape)

    def positive(*shape: int) -> np.ndarray:
        return rng.gamma(2.0, size=shape) + 0.1

    def unit(*shape: int) -> np.ndarray:
        x = rng.normal(size=shape)
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    def boxes(*shape: int) -> np.ndarray:
        corner = rng.normal(size=(*shape, 2))
        return np.concatenate([corner, corner + positive(*shape, 2)], axis=-1)

    probs, soft_targets = softmax(normal(N, C)), softmax(normal(N, C))
    labels = rng.integers(0, C, size=N)
    bits = rng.integers(0, 2, size=(N, D)).astype(float)
    absent = np.arange(C) == (labels[:, None] + 1) % C
    lists, chosen = index_lists(rng)
    pixel_labels = surely(rng, [*range(C)], 2 * 3 * 4).reshape(2, 3, 4)
    return {
        "predictions": normal(N, D),
        "targets": normal(N, D),
        "history": normal(N, D),
        "predicted_amounts": positive(N, D),
        "amounts": positive(N, D),
        "unit_predictions": unit(N, D),
        "unit_targets": unit(N, D),
        "scores": normal(N, D),
        "signs": 2 * bits - 1,
        "bits": bits,
        "chances": rng.uniform(0.05, 0.95, size=(N, D)),
        "pos_weight": positive(D),
        "logits": normal(N, C),
        "labels": labels,
        **{name: normal(N, C) for name in ("target_logits", "teacher_logits", "selector_q_values")},
        "positive_logits": positive(N, C),
        "masked_logits": np.where(absent, -np.inf, normal(N, C)),
        "masked_targets": np.where(absent, 0.0, soft_targets),
        "index_lists": lists,
        "index_bits": chosen,
        "probs": probs,
        "log_probs": np.log(probs),
        "one_hot": np.eye(C)[labels],
        "soft_targets": soft_targets,
        "log_targets": np.log(soft_targets),
        **{name: normal(N, D) for name in ("anchors", "positives", "negatives", "others", "embeddings", "hidden")},
        **{name: normal(N, D) for name in ("first_scores", "second_scores", "costs", "mixture_logits")},
        "distances": positive(N, D),
        "unit_kernel": unit(C, D).T,
        "output_weight": normal(C, D),
        "head_kernel": normal(D, 3),
        "projection": normal(D, 2),
        "tail_kernel": normal(2, 2),
        "sampled": rng.integers(0, C, size=3),
        "label_counts": positive(N),
        "sample_counts": positive(3),
        "class_weights": positive(C),
        "weights": positive(N),
        "means": normal(N, D),
        "variances": positive(N, D),
        **{name: normal(N, D) for name in ("means_p", "log_variances_p", "means_q", "log_variances_q")},
        "log_rates": normal(N, D),
        "rates": positive(N, D),
        "counts": rng.poisson(2.0, size=(N, D)).astype(float),
        "pixel_scores": normal(2, 3, 4),
        "pixel_bits": surely(rng, [0, 1], 2, 3, 4).astype(float),
        "pixel_chances": rng.uniform(0.05, 0.95, size=(2, 3, 4)),
        "pixel_logits": normal(2, 3, 4, C),
        "pixel_labels": pixel_labels,
        "pixel_one_hot": np.eye(C)[pixel_labels],
        **{name: rng.uniform(size=(2, 3, 4, 1)) for name in ("images", "target_images")},
        **{name: normal(2, 3, 4, C) for name in ("feature_maps", "target_feature_maps")},
        "heads": positive(C),
        "boxes": boxes(N),
        "target_boxes": boxes(N),
        **speech(rng, normal(N, T, C)),
        "joint_logits": normal(N, 3, L + 1, C),
        "transitions": normal(C, C),
        "relevance": surely(rng, [0, 3], N, D),
        **{name: normal(N, D) for name in ("real_logits", "fake_logits", "real", "fake", "encodings", "codes")},
        "interpolation": rng.uniform(size=N),
        "log_importance_weights": normal(N, D),
        "samples": normal(N, D),
        "noise": normal(N, D),
        "alphas": positive(N),
        "sigmas": positive(N),
        "token_logits": normal(N, T, C),
        "tokens": rng.integers(0, C, size=(N, T)),
        "is_answer": surely(rng, [0, 1], N, T).astype(bool),
        **{name: -positive(N, D) for name in ("token_logps", "old_token_logps", "reference_token_logps")},
        **{name: -positive(N) for name in ("chosen_logps", "rejected_logps")},
        **{name: -positive(N) for name in ("reference_chosen_logps", "reference_rejected_logps")},
        **{name: normal(N) for name in ("chosen_rewards", "rejected_rewards")},
        "candidate_logps": normal(N, D),
        "risks": positive(N, D),
        "rewards": normal(N, D),
        "discounts": rng.integers(0, 2, size=(N, D)) * rng.uniform(size=(N, D)),
        "advantages": normal(N, D),
        "values": normal(N, D + 1),
        **{name: normal(N, D) for name in ("old_values", "returns")},
        "q_values": normal(N, C),
        "next_q_values": normal(N, C),
        "actions": rng.integers(0, C, size=N),
        "atom_logits": normal(N, C, 6),
        "next_atom_logits": normal(N, C, 6),
        "quantiles": normal(N, 3, C),
        "next_quantiles": normal(N, 3, C),
    }


def run(call: str, inputs: Mapping[str, Any], scope: Mapping[str, Any]) -> np.ndarray:
    return np.asarray(eval(call, {**scope, **inputs}))


def ours(row: ForeignName, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Under the strict settings of the other tests."""
    arrays = {name: jnp.asarray(value) for name, value in inputs.items()}
    return run(row.ours, arrays, {"jaxloss": jaxloss, "jnp": jnp, "jax": jax})


def theirs(library: Library, inputs: Mapping[str, np.ndarray]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Inputs and names for the calls of a library, as its own ``import`` lines say."""
    scope: dict[str, Any] = {"jax": jax, "jnp": jnp}
    if library is TORCH:
        torch = pytest.importorskip("torch")
        inputs = {name: torch.tensor(value) for name, value in inputs.items()}
    if library in (KERAS, RAX):
        pytest.importorskip(library.title.casefold())
    if library in (OPTAX, KERAS, RAX):
        inputs = {name: jnp.asarray(value) for name, value in inputs.items()}
    if library is TENSORFLOW:
        return inputs, {"tf": tensorflow_formulas.tf, "tfa": tensorflow_formulas.tfa, "np": np}
    for line in library.imports:
        exec(line, scope)
    return inputs, scope


def assert_parity(library: Library, row: ForeignName, seed: int) -> None:
    with jax.enable_x64(True), warnings.catch_warnings():
        inputs = draw(seed)
        actual = ours(row, inputs)
        assert np.all(np.isfinite(actual)), row.ours
        assert np.any(actual != 0), row.ours
        with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            warnings.simplefilter("ignore")
            foreign, scope = theirs(library, inputs)
            for call in row.theirs:
                expected = run(call, foreign, scope)
                assert actual.shape == expected.shape, f"{call}: {expected.shape}; {row.ours}: {actual.shape}"
                # Keras computes in float32 and clips probabilities at 1e-7.
                rtol = 1e-5 if library is KERAS else 1e-6 if library is TENSORFLOW else 1e-12
                np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol, err_msg=call)


# ---- the table is true -----------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize(("library", "row"), ROWS, ids=IDS)
def test_both_calls_of_a_row_give_the_same_numbers(library: Library, row: ForeignName) -> None:
    for seed in range(3):
        assert_parity(library, row, seed)


def test_a_false_row_is_found() -> None:
    row = OPTAX.rows[0]
    false = ForeignName(row.names, row.theirs, f"1.0001 * {row.ours}", row.difference)
    with pytest.raises(AssertionError, match="squared_error"):
        assert_parity(OPTAX, false, 0)


@pytest.mark.parametrize(("library", "row"), ROWS, ids=IDS)
def test_a_row_names_losses_that_exist(library: Library, row: ForeignName) -> None:
    mentioned = [*row.functions, *re.findall(r"jaxloss\.([\w.]+)", row.difference + library.note)]
    assert row.functions, f"{row.ours} calls no loss of jaxloss"
    for path in mentioned:
        member = jaxloss
        for part in path.split("."):
            member = vars(member)[part]
        assert callable(member), path


@pytest.mark.parametrize(("library", "row"), ROWS, ids=IDS)
def test_a_row_is_about_its_names(library: Library, row: ForeignName) -> None:
    """Every name of a library is called in its row; formulas stand for names in common use."""
    calls = " ".join(row.theirs)
    for name in row.names:
        assert name.isidentifier()
        if library is not COMMON:
            assert re.search(rf"[.']{name}['(]", calls), f"{name} is not proven by {calls}"
    assert row.difference == "" or row.difference.endswith(".")


def test_every_input_is_described_and_used() -> None:
    described = {name for names in inputs() for name in names.split(", ")}
    drawn = draw(0)
    assert described == set(drawn)
    calls = " ".join(" ".join([*row.theirs, row.ours]) for _, row in ROWS)
    assert {name for name in drawn if not re.search(rf"\b{name}\b", calls)} == set()


def test_no_row_twice() -> None:
    calls = [(library.title, call) for library, row in ROWS for call in row.theirs]
    assert len(calls) == len(set(calls))
    in_libraries = {key(name) for library, row in ROWS if library is not COMMON for name in row.names}
    assert not in_libraries & {key(name) for row in COMMON.rows for name in row.names}, "a library has it"


NAN, INF = np.nan, np.inf


STATED = [
    (
        TORCH,
        "F.cross_entropy(torch.zeros(2, 3), torch.tensor([-100, -100]))",
        NAN,
        "jaxloss.softmax_cross_entropy_with_integer_labels(jnp.zeros((2, 3)), labels, where=labels != -100)",
        0,
    ),
    (
        TORCH,
        "F.binary_cross_entropy(torch.zeros(1), torch.ones(1))",
        100,
        "jaxloss.binary_cross_entropy(jnp.zeros(1), jnp.ones(1))",
        88.33655,
    ),
    (
        TORCH,
        "F.soft_margin_loss(torch.tensor([-200.0]), torch.ones(1))",
        INF,
        "jaxloss.soft_margin_loss(jnp.array([-200.0]), jnp.ones(1))",
        200,
    ),
    (
        TORCH,
        "F.gaussian_nll_loss(torch.zeros(1), torch.ones(1), torch.zeros(1))",
        0.5e6 + 0.5 * np.log(1e-6),
        "jaxloss.gaussian_nll(jnp.zeros(1), jnp.zeros(1), jnp.ones(1))",
        NAN,
    ),
    (
        TORCH,
        "F.kl_div(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]]), reduction='mean')",
        0.5 * np.log(2),
        "jaxloss.kl_divergence(jnp.log(jnp.array([[0.5, 0.5]])), jnp.array([[1.0, 0.0]]))",
        np.log(2),
    ),
    (
        OPTAX,
        "optax.losses.log_cosh(jnp.float32(1e-4), jnp.float32(0.0))",
        0,
        "jaxloss.log_cosh(jnp.float32(1e-4), jnp.float32(0.0))",
        5e-9,
    ),
    (
        OPTAX,
        "optax.losses.cosine_distance(jnp.zeros(2), jnp.ones(2))",
        NAN,
        "jaxloss.cosine_distance(jnp.zeros(2), jnp.ones(2))",
        1,
    ),
    (
        OPTAX,
        "optax.losses.softmax_cross_entropy(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0]))",
        NAN,
        "jaxloss.softmax_cross_entropy(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0]))",
        0,
    ),
    (
        OPTAX,
        "optax.losses.softmax_cross_entropy_with_integer_labels(jnp.zeros((1, 3)), jnp.array([-1]))[0]",
        np.log(3),
        "jaxloss.softmax_cross_entropy_with_integer_labels(jnp.zeros((1, 3)), jnp.array([-1]))",
        NAN,
    ),
    (
        OPTAX,
        "optax.losses.kl_divergence(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0]))",
        NAN,
        "jaxloss.kl_divergence(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0]))",
        0,
    ),
    (
        OPTAX,
        "optax.losses.kl_divergence_with_log_targets(jnp.array([0.0, -jnp.inf]), jnp.array([0.0, -jnp.inf]))",
        NAN,
        "jaxloss.kl_divergence_with_log_targets(jnp.array([0.0, -jnp.inf]), jnp.array([0.0, -jnp.inf]))",
        0,
    ),
    (OPTAX, "jax.grad(optax.losses.hinge_loss)(1.0, 1.0)", -0.5, "jax.grad(jaxloss.hinge_loss)(1.0, 1.0)", 0),
    (
        TORCH,
        "F.cosine_embedding_loss(torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1))",
        1,
        "jaxloss.cosine_embedding_loss(jnp.zeros((1, 2)), jnp.ones((1, 2)), jnp.ones(1))",
        1,
    ),
    (
        TORCH,
        "F.hinge_embedding_loss(torch.tensor([0.25]), torch.zeros(1))",
        0.25 + 0.75,
        "jaxloss.hinge_embedding_loss(jnp.array([0.25]), jnp.zeros(1))",
        NAN,
    ),
    (
        TORCH,
        "F.margin_ranking_loss(torch.ones(1), torch.zeros(1), torch.zeros(1), margin=0.5)",
        0.5,
        "jaxloss.margin_ranking_loss(jnp.ones(1), jnp.zeros(1), jnp.zeros(1), margin=0.5)",
        NAN,
    ),
    (
        TORCH,
        "F.triplet_margin_loss(torch.zeros(1, 4).double(), torch.zeros(1, 4).double(), torch.eye(1, 4).double())",
        1 + 2e-6 - np.sqrt((1 - 1e-6) ** 2 + 3e-12),
        "jaxloss.triplet_margin_loss(jnp.zeros((1, 4)), jnp.zeros((1, 4)), jnp.eye(1, 4))",
        0,
    ),
    (
        OPTAX,
        "optax.losses.triplet_margin_loss(jnp.zeros((1, 1)), jnp.ones((1, 1)), 1.5 * jnp.ones((1, 1)), "
        "norm_degree=3)[0]",
        NAN,
        "jaxloss.triplet_margin_loss(jnp.zeros((1, 1)), jnp.ones((1, 1)), 1.5 * jnp.ones((1, 1)), norm_degree=3.0)",
        0.5,
    ),
    (
        OPTAX,
        "optax.losses.ranking_softmax_loss(jnp.zeros((2, 2)), jnp.array([[1.0, 0.0], [0.0, 0.0]]))",
        0.5 * np.log(2),
        "jaxloss.ranking_softmax_loss(jnp.zeros((2, 2)), jnp.array([[1.0, 0.0], [0.0, 0.0]]))",
        np.log(2),
    ),
    (
        OPTAX,
        "optax.losses.ctc_loss("
        "jnp.zeros((1, 1, 3)), jnp.zeros((1, 1)), jnp.array([[1, 2]]), jnp.zeros((1, 2))).round(-2)[0]",
        1e5,
        "jaxloss.ctc_loss(jnp.zeros((1, 1, 3)), jnp.array([[1, 2]]), jnp.array([1]), jnp.array([2]))",
        INF,
    ),
    (
        OPTAX,
        "optax.losses.ntxent(jnp.eye(2), jnp.arange(2))",
        NAN,
        "jaxloss.ntxent(jnp.eye(2), jnp.arange(2))",
        0,
    ),
    (
        OPTAX,
        "optax.losses.generalized_kl_divergence(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0]))",
        NAN,
        "jaxloss.generalized_kl_divergence(jnp.array([0.0, -jnp.inf]), jnp.array([1.0, 0.0]))",
        0,
    ),
    (
        KERAS,
        "jax.grad(lambda x: keras.losses.mean_absolute_error(jnp.ones(1), x))(jnp.ones(1))[0]",
        -1,
        "jax.grad(lambda x: jaxloss.absolute_error(x, jnp.ones(1)))(jnp.ones(1))[0]",
        0,
    ),
    (
        KERAS,
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(jnp.array([3]), jnp.zeros((1, 3)))",
        0,
        "jaxloss.softmax_cross_entropy_with_integer_labels(jnp.zeros((1, 3)), jnp.array([3]))",
        NAN,
    ),
    (
        KERAS,
        "keras.losses.binary_focal_crossentropy(jnp.ones(1), jnp.zeros(1), alpha=0.1, from_logits=True)",
        0.25 * np.log(2),
        "jaxloss.sigmoid_focal_loss(jnp.zeros(1), jnp.ones(1), alpha=0.1)",
        0.025 * np.log(2),
    ),
    (
        KERAS,
        "keras.losses.hinge(jnp.array([[0.0], [1.0]]), jnp.zeros((2, 1))).mean() + "
        "keras.losses.hinge(jnp.array([[0.0], [-1.0]]), jnp.ones((2, 1)))[0]",
        1 + 1,
        "jaxloss.hinge_loss(jnp.ones(1), -jnp.ones(1))",
        2,
    ),
    (
        KERAS,
        "keras.losses.categorical_hinge(jnp.array([[1.0, 0.0]]), jnp.array([[0.5, -3.0]]))[0]",
        0.5,
        "jaxloss.multiclass_hinge_loss(jnp.array([[0.5, -3.0]]), jnp.array([0]))",
        0,
    ),
]
"""A library, a call of it, its value, our call, and its value."""


@pytest.mark.full
@pytest.mark.parametrize(
    ("library", "call", "value", "own", "own_value"), STATED, ids=[re.sub(r"\W+", "-", row[3])[:60] for row in STATED]
)
def test_differences_that_the_table_states(
    library: Library, call: str, value: float, own: str, own_value: float
) -> None:
    labels = jnp.array([-100, -100])
    actual = run(own, {"labels": labels}, {"jaxloss": jaxloss, "jnp": jnp, "jax": jax})
    np.testing.assert_allclose(actual, own_value, rtol=1e-6)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(run(call, *theirs(library, {})), value, rtol=1e-6)


# ---- the table is complete -------------------------------------------------------------------------------------

NOT_HERE = {
    TORCH: {
        "pairwise_distance": "a distance of two vectors, `jnp.linalg.norm`, which no loss is",
    },
    OPTAX: {},
    KERAS: {
        "Loss": "the base class",
        "deserialize": "not a loss",
        "get": "not a loss",
        "serialize": "not a loss",
    },
}
"""What the libraries keep among their losses and the table leaves out, and why."""


def losses_of(library: Library) -> set[str]:
    if library is TORCH:
        functional = importlib.import_module("torch.nn.functional")
        modules = importlib.import_module("torch.nn.modules.loss")
        words = "loss|entropy|_div$|nll|similarity|distance"
        return {name for name in dir(functional) if re.search(words, name)} | set(modules.__all__)
    if library is OPTAX:
        members = vars(importlib.import_module("optax").losses)
    else:
        members = vars(importlib.import_module("keras.losses"))
    return {name for name, member in members.items() if not name.startswith("_") and callable(member)}


@pytest.mark.parametrize("library", NOT_HERE, ids=lambda library: library.title)
def test_no_loss_of_the_library_is_forgotten(library: Library) -> None:
    pytest.importorskip({"PyTorch": "torch", "optax": "optax", "Keras": "keras"}[library.title])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        existing = losses_of(library)
    named = {name for row in library.rows for name in row.names}
    assert existing - named - NOT_HERE[library].keys() == set(), "neither in the table nor in NOT_HERE"
    assert NOT_HERE[library].keys() - existing == set(), "in NOT_HERE, but the library has no such loss"
    assert NOT_HERE[library].keys() & named == set(), "in NOT_HERE and in the table"


# ---- the error -------------------------------------------------------------------------------------------------


def message(name: str, module: Any = jaxloss) -> str:
    with pytest.raises(AttributeError) as raised:
        getattr(module, name)
    return str(raised.value)


@pytest.mark.parametrize(("library", "row"), ROWS, ids=IDS)
def test_a_foreign_name_raises_an_error_that_names_ours(library: Library, row: ForeignName) -> None:
    for name in row.names:
        if name in vars(jaxloss):
            continue
        text = message(name)
        assert text.startswith(f"jaxloss has no `{name}`; ")
        assert f"jaxloss.{row.functions[0]}(" in text
        assert library is COMMON or f" of {library.title} use " in text


def test_the_error_shows_the_call_that_was_typed() -> None:
    assert message("MSELoss") == (
        "jaxloss has no `MSELoss`; for `nn.MSELoss()(predictions, targets)` of PyTorch use "
        "`jaxloss.squared_error(predictions, targets)`. Shapes that differ raise an error, where PyTorch broadcasts "
        "them with a warning."
    )


def test_a_name_in_common_use_goes_without_its_formula() -> None:
    assert message("RMSE") == (
        "jaxloss has no `RMSE`; use `jaxloss.root_mean_squared_error(predictions.ravel(), targets.ravel())`. Ours "
        "pools the last axis; flatten for one root over everything."
    )


def test_a_name_of_several_losses_shows_each_of_them() -> None:
    text = message("cross_entropy")
    assert "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)" in text
    assert "jaxloss.softmax_cross_entropy(logits, soft_targets)" in text
    text = message("l2_loss")
    assert " of optax use " in text
    assert " of TensorFlow use " in text


def test_a_name_spelt_exactly_is_meant() -> None:
    assert "PyTorch" not in message("binary_crossentropy")
    assert "Keras" in message("binary_crossentropy")
    assert "F.mse_loss" in message("MSEloss")


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("squared_eror", "squared_error"),
        ("SquaredError", "squared_error"),
        ("half_square_error", "half_squared_error"),
        ("mse_los", "squared_error"),
        ("reducing", "reduce"),
        ("integer_labels", "softmax_cross_entropy_with_integer_labels"),
        ("focal", "sigmoid_focal_loss"),
        ("corn_loss", "corn_ordinal_loss"),
        ("Squared_Error_Loss", "squared_error"),
    ],
)
def test_a_slip_gets_a_guess(name: str, guess: str) -> None:
    assert re.search(rf"\. Did you mean .*\b{guess}\b.*\?$", message(name))


@pytest.mark.parametrize("name", ["__wrapped__", "__path_of_nothing__", "_mse_loss", "zzz"])
def test_other_names_raise_the_ordinary_error(name: str) -> None:
    assert message(name) == f"jaxloss has no `{name}`."


@pytest.mark.parametrize("name", ["JukeboxLoss", "SURELoss", "ManifoldLoss", "P2SGradLoss", "RankedListLoss"])
def test_an_absent_loss_gets_no_guess(name: str) -> None:
    assert re.fullmatch(
        rf"jaxloss has no `{name}`; jaxloss has no counterpart of this loss of [\w -]+\.", message(name)
    )


@pytest.mark.parametrize("name", ["dpi_loss", "mpa_loss", "itrace_loss"])
def test_short_names_of_other_losses_are_no_guesses(name: str) -> None:
    assert message(name) == f"jaxloss has no `{name}`."


def test_false_friends_are_told_apart() -> None:
    assert "displacement field" in message("DiffusionLoss")
    assert "epsilon_prediction_loss(" in message("diffusion_loss")
    assert "jaxloss.ranking_softmax_loss(scores, relevance)" in message("softmax_loss")
    assert "`jaxloss.softmax_cross_entropy_with_integer_labels`" in message("softmax_loss")
    assert "jaxloss.huber_quantile_loss(" in message("quantile_regression_loss")


def test_an_argument_is_named_as_one() -> None:
    text = message("class_weights")
    assert text.startswith("jaxloss has no `class_weights`; it is an argument of `")
    assert "`softmax_cross_entropy_with_integer_labels`" in text
    assert message("temperature").endswith(" more")
    assert "`huber_loss`" in message("delta")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("weight", "`class_weights=`"),
        ("class_weight", "`weights=`"),
        ("sample_weight", "`weights=`"),
        ("ignore_index", "`where=labels != -100`"),
        ("axis", "`jnp.moveaxis(logits, 1, -1)`"),
        ("dim", "classes are the last axis"),
        ("mask", "`where=`"),
        ("label_smoothing_factor", "`label_smoothing=`"),
        ("from_logits", "`softmax_` or `sigmoid_` take logits"),
        ("losses", "`jaxloss.squared_error(predictions, targets)`"),
        ("functional", "flat names"),
        ("metrics", "`jaxloss.reductions.merge`"),
        ("kl_categorical", "jaxloss.kl_divergence_from_logits(logits, target_logits)"),
        ("categorical_kl", "jaxloss.kl_divergence_from_logits(logits, target_logits)"),
        ("evidence_lower_bound", "`.sum((-3, -2, -1))`"),
        ("ppo_policy_loss", "jaxloss.ppo_clip_loss("),
        ("weighted_cross_entropy", "class_weights=class_weights"),
        ("PCGrad", "combine.pcgrad()"),
        ("seq_mean_token_mean", "reductions.sequence_mean()"),
    ],
)
def test_words_that_are_no_loss_are_answered(name: str, says: str) -> None:
    text = message(name)
    assert text.startswith(f"jaxloss has no `{name}`; ")
    assert says in text


def test_what_the_answers_in_words_name_exists() -> None:
    for says in (entry.says for library in LIBRARIES for entry in library.in_words):
        for path in re.findall(r"`jaxloss\.([\w.]+)", says):
            assert functools.reduce(getattr, path.split("."), jaxloss), path


def test_a_module_that_is_not_loaded_is_imported() -> None:
    program = (
        "import jaxloss\n"
        "try: jaxloss.nn.functional.cross_entropy\n"
        "except AttributeError as error: print(error)\n"
        "from jaxloss import nn\n"
        "assert jaxloss.nn is nn\n"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, timeout=120, capture_output=True, text=True)
    assert said.stdout == "jaxloss has no `nn` yet; write `import jaxloss.nn`. Losses are `jaxloss.<name>`.\n"
    with pytest.raises(AttributeError, match=r"jaxloss has no `nn\.VGG`\.$"):
        getattr(jaxloss, "nn.VGG")


@pytest.mark.parametrize(
    ("row", "argument_names"),
    [
        ("triplet_loss", "triplet_margin_loss(anchors, positives, negatives)"),
        ("TripletMarginLoss", "triplet_margin_loss(anchors, positives, negatives, "),
        ("normal_kl", "gaussian_kl(means_p, log_variances_p, means_q, log_variances_q)"),
        ("ce_loss", "softmax_cross_entropy_with_integer_labels(logits, labels)"),
        ("kd_loss", "knowledge_distillation_loss(logits, teacher_logits, "),
        ("gan_loss", "gan_nonsaturating_discriminator_loss(real_logits, fake_logits)"),
        ("vq_loss", "vq_codebook_loss(encodings, codes)"),
        ("value_loss", "ppo_value_clip_loss(values[:, :-1], old_values, returns)"),
        ("lpips", "lpips_loss(feature_maps, target_feature_maps, heads)"),
    ],
)
def test_recipes_call_arguments_by_what_they_are(row: str, argument_names: str) -> None:
    assert f"`jaxloss.{argument_names}" in message(row)


def test_a_name_of_another_module_is_found_there() -> None:
    assert message("upgrad") == "jaxloss has no `upgrad`; use `jaxloss.combine.upgrad`"
    assert (
        message("squared_error", jaxloss.combine)
        == "jaxloss.combine has no `squared_error`; use `jaxloss.squared_error`"
    )


@pytest.mark.parametrize(
    ("module", "name", "answer"),
    [
        (jaxloss.combine, "PCGrad", "combine.pcgrad()"),
        (jaxloss.combine, "pc_grd", "pcgrad"),
        (jaxloss.combine, "gradient_reversal", "combine.reverse_gradient"),
        (jaxloss.reductions, "batchmean", "reductions.batch_mean(event_ndim)"),
        (jaxloss.reductions, "top_k", "reductions.top_fraction"),
        (jaxloss.reductions, "trimed_mean", "trimmed_mean"),
        (jaxloss.reductions, "Mean", "Did you mean mean?"),
        (jaxloss.reductions, "seq_mean_token_mean", "reductions.sequence_mean()"),
        (jaxloss.reductions, "seq_mean_token_sum", "reductions.sequence_mean_token_sum()"),
        (jaxloss.reductions, "seq_mean_token_sum_norm", "reductions.sequence_mean_token_sum_norm("),
        (jaxloss.reductions, "token_mean", "`reduction='mean'`"),
        (jaxloss.divergences, "kl_div", "jaxloss.kl_divergence(log_probs, soft_targets)"),
        (jaxloss.classification, "CrossEntropyLoss", "_with_integer_labels(logits, labels)"),
        (jaxloss.returns, "gae", "jaxloss.returns.generalized_advantage_estimation("),
        (jaxloss.vision, "SSIM", "Did you mean ssim?"),
        (jaxloss.divergences, "SSIM", "Did you mean jaxloss.ssim?"),
        (jaxloss.vision, "squared_eror", "Did you mean jaxloss.squared_error?"),
        (jaxloss.vision, "squared_error", "use `jaxloss.squared_error`"),
        (jaxloss.vision, "box_iou", "use `jaxloss.boxes.box_iou`"),
        (jaxloss.vision, "class_weights", "it is an argument of "),
        (jaxloss.vision, "ignore_index", "where=labels != -100"),
    ],
)
def test_the_other_modules_help_too(module: Any, name: str, answer: str) -> None:
    assert answer in message(name, module)


@pytest.mark.parametrize("module", public_modules(), ids=lambda module: module.__name__)
def test_every_public_module_helps_and_can_be_probed(module: Any) -> None:
    assert message("zzz", module) == f"{module.__name__} has no `zzz`."
    assert message("__wrapped__", module) == f"{module.__name__} has no `__wrapped__`."
    assert not hasattr(module, "mse_loss")
    with pytest.raises(ImportError, match="cannot import name 'mse_loss'"):
        exec(f"from {module.__name__} import mse_loss")
    inspect.getmembers(module)
    doctest.DocTestFinder().find(module)
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name)


@pytest.mark.parametrize("namespace", ["combine", "reductions"])
def test_what_the_tables_of_modules_name_exists(namespace: str) -> None:
    module = getattr(jaxloss, namespace)
    for use in same_idea(namespace).values():
        for called in re.findall(rf"`{namespace}\.(\w+)", use):
            assert callable(vars(module)[called]), called


def test_python_adds_no_guess_of_its_own() -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(jaxloss, "squared_eror")  # noqa: B009
    text = "".join(traceback.format_exception(raised.value))
    assert text.count("Did you mean") == 1


def test_probing_for_attributes_works() -> None:
    assert not hasattr(jaxloss, "mse_loss")
    assert getattr(jaxloss, "mse_loss", None) is None
    assert "mse_loss" not in dir(jaxloss)
    with pytest.raises(ImportError):
        from jaxloss import mse_loss  # noqa: F401
    assert pickle.loads(pickle.dumps(jaxloss.squared_error)) is jaxloss.squared_error
    assert copy.copy(jaxloss.squared_error) is jaxloss.squared_error


def test_import_does_not_load_the_table() -> None:
    program = (
        "import sys, jaxloss\n"
        "loaded = lambda: 'jaxloss.names.table' in sys.modules\n"
        "hasattr(jaxloss, '__wrapped__'), dir(jaxloss)\n"
        "assert not loaded()\n"
        "hasattr(jaxloss, 'mse_loss')\n"
        "assert loaded()\n"
        "assert not {'torch', 'optax', 'keras', 'tensorflow'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


# ---- the page --------------------------------------------------------------------------------------------------


def test_the_page_holds_the_whole_table() -> None:
    page = markdown_page()
    for library in LIBRARIES:
        assert f"\n## {library.title}\n" in page
    for _, row in ROWS:
        for piece in (*row.names, *row.theirs, row.ours, row.difference):
            assert piece.replace("|", "\\|") in page, piece
    for library in LIBRARIES:
        assert all(entry.says in page for entry in library.absent)
    for name in draw(0):
        assert name in page


def test_every_line_of_a_table_has_its_columns() -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", markdown_page(), re.MULTILINE)
    assert len(tables) == 1 + len(LIBRARIES)
    for table in tables:
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} in ({3}, {5})


# ---- the command -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("mse_loss", message("mse_loss")),
        ("nn.MSELoss", message("MSELoss")),
        ("jaxloss.mse_loss", message("mse_loss")),
        ("reductions.token_mean", message("token_mean", jaxloss.reductions)),
        ("squared_error", "jaxloss.squared_error: Squared difference; its mean is the mean squared error (MSE)."),
        ("vision.dice_loss", f"jaxloss.vision.dice_loss: {inspect.getdoc(jaxloss.dice_loss)}".split("\n")[0]),
    ],
)
def test_the_command_answers_for_one_name(name: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("jaxloss.nn")  # no home of losses, imported or not
    assert cli.main(["names", name]) == 0
    assert capsys.readouterr().out == f"{answer}\n"


# ---- the map ---------------------------------------------------------------------------------------------------


def test_the_docstring_of_the_package_names_every_public_module() -> None:
    assert jaxloss.__doc__
    for module in public_modules()[1:]:
        assert f"``{module.__name__.removeprefix('jaxloss.')}``" in jaxloss.__doc__
    assert len(jaxloss.__doc__.splitlines()) <= 24, "one screen"
