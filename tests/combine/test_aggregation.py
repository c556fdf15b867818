"""Aggregators: agreement with other packages, and the laws that each method claims."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from jaxloss import combine, reductions
from jaxloss.combine.gradients.conflicts._quadratic import interior_point, nonneg_qp
from jaxloss.combine.gradients.sign_dropout import keep_one_sign

SIZES = (2, 3, 5, 8)
"""Of the references; most laws take 5, and 3 where a term is deleted, because these programs are compiled already."""


@functools.cache
def reference(size: int) -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "references" / f"aggregation_{size}.npz") as file:
        return dict(file)


def constant_targets(gram, present):
    return combine.gradvac_weights(gram, jnp.full(gram.shape, 0.2, gram.dtype), present=present)[0]


def spread(how):
    return lambda gram, present: combine.aligned_mtl_weights(gram, spread=how, present=present)


WEIGHTS = {
    "upgrad": lambda gram, present: combine.upgrad_weights(gram, present=present),
    "dualproj": lambda gram, present: combine.dualproj_weights(gram, present=present),
    "mgda": lambda gram, present: combine.mgda_weights(gram, present=present),
    "cagrad": lambda gram, present: combine.cagrad_weights(gram, caution=0.5, present=present),
    "imtl_g": lambda gram, present: combine.imtl_g_weights(gram, present=present),
    "conflict_free": lambda gram, present: combine.conflict_free_weights(gram, present=present),
    "aligned_min": spread("min"),
    "aligned_median": spread("median"),
    "aligned_rmse": spread("rmse"),
    "nash": lambda gram, present: combine.nash_weights(gram, present=present),
    "fairgrad_half": lambda gram, present: combine.fairgrad_weights(gram, fairness=0.5, present=present),
    "fairgrad_two": lambda gram, present: combine.fairgrad_weights(gram, fairness=2.0, present=present),
    "pcgrad": lambda gram, present: combine.pcgrad_weights(gram, present=present),
    "gradvac": constant_targets,
    "krum": lambda gram, present: combine.krum_weights(gram, outliers=0, selected=2, present=present),
    "equal_norms": lambda gram, present: combine.equal_norms_weights(gram, present=present),
}
DEGREES = {"nash": -1.0, "fairgrad_half": -2 / 3, "fairgrad_two": -4 / 3}
"""The power of the scale of the rows that the weights gain; 0 for the others."""

ORDERED = ("pcgrad", "gradvac")
"""The order of the terms is an argument of their own."""


@functools.cache
def compiled(name: str):
    return jax.jit(jax.vmap(WEIGHTS[name]))


CHUNK = 128


def weights_of(name: str, grams: np.ndarray, present: np.ndarray | None = None, dtype=np.float64) -> np.ndarray:
    """The weights for Gram matrices, in chunks of one length: one compilation for each method, size and dtype."""
    present = np.ones(grams.shape[:-1], bool) if present is None else present
    parts = []
    with jax.enable_x64(True):
        for start in range(0, len(grams), CHUNK):
            some = np.minimum(np.arange(start, start + CHUNK), len(grams) - 1)
            found = compiled(name)(jnp.asarray(grams[some], dtype), jnp.asarray(present[some]))
            assert found.dtype == dtype
            parts.append(np.asarray(found, np.float64))
    return np.concatenate(parts)[: len(grams)]


def products(rows: np.ndarray) -> np.ndarray:
    return rows @ np.swapaxes(rows, -1, -2)


def updates(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.einsum("bi,bin->bn", weights, rows)


def draw(rng, size: int, count: int = 400) -> np.ndarray:
    """Jacobians with rows of different lengths, many of them in conflict, and none near dependent."""
    rows = rng.normal(size=(count, size, 12))
    rows[1::4] -= 0.6 * rows[1::4].mean(axis=1, keepdims=True)
    rows[2::4] = np.abs(rows[2::4]) - 0.4
    rows *= 10.0 ** rng.uniform(-0.5, 0.5, size=(count, size, 1))
    return rows[np.linalg.eigvalsh(products(rows / np.linalg.norm(rows, axis=2, keepdims=True)))[:, 0] > 0.05]


def far(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The largest difference of each vector, relative to its largest entry."""
    return np.max(np.abs(found - expected), axis=-1) / np.maximum(np.max(np.abs(expected), axis=-1), 1e-300)


# Other packages.

THEIRS = {
    "upgrad": "upgrad",
    "dualproj": "dualproj",
    "imtl_g": "imtl_g",
    "aligned_min": "aligned_min",
    "aligned_median": "aligned_median",
    "aligned_rmse": "aligned_rmse",
    "pcgrad": "pcgrad",
}
THEIR_UPDATES = {
    "config_row": "conflict_free",
    "conflictfree_config_row": "conflict_free",
    "conflictfree_imtl_g_row": "imtl_g",
    "conflictfree_pcgrad_row": "pcgrad",
}


def comparable(name: str, record: dict[str, np.ndarray], dtype) -> np.ndarray:
    """Where the answer is unique, and in float32 well determined; surgery and cone projections always are."""
    rows = record["jacobians"].astype(np.float64)
    unit = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    relative = np.linalg.eigvalsh(products(rows))
    if name in ("upgrad", "dualproj", "pcgrad"):
        return (record["kinds"] != "deficient") | (dtype == np.float64)
    if name.startswith("aligned"):
        lowest = 1e-9 if dtype == np.float64 else 1e-3
        return (relative[:, 0] / relative[:, -1] > lowest) | ((record["kinds"] == "deficient") & (dtype == np.float64))
    return np.linalg.eigvalsh(products(unit))[:, 0] > (1e-7 if dtype == np.float64 else 2e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("theirs", [*THEIRS, *THEIR_UPDATES])
def test_weights_agree_with_other_packages(theirs, dtype) -> None:
    compared = 0
    for size in SIZES if dtype == np.float64 else (5, 8):
        record = reference(size)
        rows = record["jacobians"].astype(np.float64)
        ours = THEIRS.get(theirs) or THEIR_UPDATES[theirs]
        chosen = comparable(ours, record, dtype) & np.isfinite(record[theirs]).all(axis=1)
        found = weights_of(ours, products(rows), dtype=dtype)
        error = far(found, record[theirs]) if theirs in THEIRS else np.zeros(len(rows))
        if theirs in THEIR_UPDATES:
            apart = np.max(np.abs(updates(found, rows) - record[theirs]), axis=1)
            error = apart / np.max(np.abs(rows), axis=(1, 2))
        assert error[chosen].max() < (1e-8 if dtype == np.float64 else 1e-4), size
        compared += chosen.sum()
    assert compared > (100 if dtype == np.float64 else 40)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_preferences_agree_with_torchjd(dtype) -> None:
    functions = {
        "upgrad_preferring": combine.upgrad_weights,
        "dualproj_preferring": combine.dualproj_weights,
        "aligned_preferring": combine.aligned_mtl_weights,
        "config_preferring_row": combine.conflict_free_weights,
    }
    record = reference(3)
    rows = record["jacobians"].astype(np.float64)
    for name, fn in functions.items():
        chosen = comparable(name.split("_")[0], record, dtype)
        with jax.enable_x64(True):
            preference = jnp.asarray(record["preference"], dtype)
            call = jax.jit(jax.vmap(lambda gram, fn=fn, p=preference: fn(gram, p)))
            found = np.asarray(call(jnp.asarray(products(rows), dtype)), np.float64)
        found = updates(found, rows) if name.endswith("row") else found
        assert far(found[chosen], record[name][chosen]).max() < (1e-8 if dtype == np.float64 else 1e-4), name


def test_gradvac_over_two_steps_agrees_with_torchjd() -> None:
    for size in (2, 3):
        record = reference(size)
        rows = record["jacobians"].astype(np.float64)
        turned = rows + 0.5 * np.roll(rows, 1, axis=1)
        moving = np.min(np.linalg.norm(turned, axis=2), axis=1) > 1e-6
        with jax.enable_x64(True):
            step = jax.jit(jax.vmap(lambda gram, targets: combine.gradvac_weights(gram, targets, rate=0.3)))
            first, targets = step(jnp.asarray(products(rows)), jnp.zeros((len(rows), size, size)))
            second, _ = step(jnp.asarray(products(turned)), targets)
        regular = moving & (record["kinds"] != "deficient")
        assert far(np.asarray(first), record["gradvac_first"])[regular].max() < 1e-8
        assert far(np.asarray(second), record["gradvac_second"])[regular].max() < 1e-7
        assert far(np.asarray(second), np.asarray(weights_of("pcgrad", products(turned))))[regular].max() > 1e-2


def test_gradvac_at_the_first_step_is_libmtl_s() -> None:
    record = reference(3)
    rows = record["jacobians"].astype(np.float64)
    regular = record["kinds"] != "deficient"
    found = updates(weights_of("pcgrad", products(rows)), rows)[regular]
    assert far(found, record["libmtl_gradvac_row"][regular]).max() < 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_mgda_is_no_longer_than_the_references(size) -> None:
    record = reference(size)
    rows = record["jacobians"].astype(np.float64)
    whole = np.linalg.norm(rows, axis=(1, 2))
    length = lambda update: np.linalg.norm(update, axis=1)
    ours = length(updates(weights_of("mgda", products(rows)), rows))
    theirs = length(updates(record["mgda"], rows))
    assert np.all(ours <= theirs + 1e-6 * whole)
    assert np.all(ours <= length(record["libmtl_mgda_row"].astype(np.float64)) + 1e-6 * whole)
    assert np.median((theirs - ours) / whole) < 2e-2


@pytest.mark.parametrize("size", SIZES)
def test_cagrad_agrees_with_torchjd(size) -> None:
    record = reference(size)
    rows = record["jacobians"].astype(np.float64)
    found, expected = (updates(w, rows) for w in (weights_of("cagrad", products(rows)), record["cagrad"]))
    stationary = np.max(np.abs(expected), axis=1) == 0
    assert far(found[~stationary], expected[~stationary]).max() < 1e-3
    assert np.max(np.abs(found[stationary]), initial=0) == 0


@pytest.mark.parametrize(("theirs", "power"), [("nash", 1.0), ("fairgrad_half", 2.0), ("fairgrad_two", 0.5)])
def test_bargaining_agrees_with_torchjd_where_that_has_converged(theirs, power) -> None:
    compared = 0
    for size in SIZES:
        record = reference(size)
        rows = record["jacobians"].astype(np.float64)
        grams, expected = products(rows), record[theirs].astype(np.float64)
        with np.errstate(all="ignore"):
            residual = np.max(np.abs(np.einsum("bij,bj->bi", grams, expected) * expected**power - 1), axis=1)
        converged = residual < 1e-5
        found = weights_of(theirs, grams)
        assert far(found, expected)[converged].max(initial=0) < 1e-4
        compared += converged.sum()
    assert compared > 60


def test_rows_of_torchjd_that_are_not_functions_of_the_gram_matrix() -> None:
    for size in SIZES:
        record = reference(size)
        with jax.enable_x64(True):
            rows = jnp.asarray(record["jacobians"], jnp.float64)
            uniform = jnp.asarray(record["uniform"])
            dropped = jax.jit(jax.vmap(lambda r, u=uniform: keep_one_sign(r, u, 0.25)))(rows)
            trimmed = combine.trimmed_mean_of_gradients(trim=(size - 1) // 2)
            means = jax.vmap(lambda r, t=trimmed, m=size: t.update(r, (), **call(m))[0])(rows)
        regular = np.isfinite(record["graddrop_row"])
        np.testing.assert_allclose(np.asarray(dropped)[regular], record["graddrop_row"][regular], atol=1e-12)
        np.testing.assert_allclose(means, record["trimmed_row"], atol=1e-12)


# Optimality, from the definitions.


@pytest.mark.parametrize("size", [5, 8])
@pytest.mark.parametrize(("name", "power"), [("nash", 1.0), ("fairgrad_half", 2.0), ("fairgrad_two", 0.5)])
def test_bargaining_solves_its_equation(name, power, size, rng) -> None:
    for dtype, limit in ((np.float64, 1e-10), (np.float32, 1e-3)):
        rows = draw(rng, size).astype(np.float32).astype(np.float64)
        w = weights_of(name, products(rows), dtype=dtype)
        assert np.all(w > 0)
        residual = np.einsum("bij,bj->bi", products(rows), w) * w**power - 1
        assert np.abs(residual).max() < limit


@pytest.mark.parametrize("size", [5, 8])
def test_mgda_is_optimal_and_goes_down_everywhere(size, rng) -> None:
    grams = products(draw(rng, size))
    for dtype, limit in ((np.float64, 1e-9), (np.float32, 1e-3)):
        w = weights_of("mgda", grams, dtype=dtype)
        np.testing.assert_allclose(w.sum(axis=1), 1, rtol=1e-5)
        assert w.min() >= 0
        slopes = np.einsum("bij,bj->bi", grams, w)
        square = np.einsum("bi,bi->b", slopes, w)
        assert np.all(slopes.min(axis=1) >= square * (1 - limit))


def test_no_update_helps_a_term_at_its_minimum(rng) -> None:
    rows = draw(rng, 3)
    rows[:, 1] = 0
    np.testing.assert_array_equal(weights_of("mgda", products(rows)), np.eye(3)[[1] * len(rows)])
    for name in ("nash", "imtl_g", "conflict_free", "fairgrad_two", "equal_norms"):
        found = weights_of(name, products(rows))
        assert np.all(found[:, 1] == 0)
        alone = weights_of(name, products(rows[:, [0, 2]]))
        ratio = found[:, [0, 2]] / alone
        assert far(ratio, ratio[:, :1] * np.ones(2)).max() < 1e-7


@pytest.mark.parametrize("size", [3, 8])
@pytest.mark.parametrize("caution", [0.0, 0.5, 2.0])
def test_cagrad_closes_the_duality_gap(size, caution, rng) -> None:
    rows = draw(rng, size)
    grams = products(rows)
    mean = rows.mean(axis=1)
    for dtype, limit in ((np.float64, 1e-8), (np.float32, 1e-4)):
        with jax.enable_x64(True):
            call = jax.jit(jax.vmap(lambda gram, c: combine.cagrad_weights(gram, caution=c), (0, None)))
            w = np.asarray(call(jnp.asarray(grams, dtype), caution), np.float64)
        d = updates(w, rows)
        radius = caution * np.linalg.norm(mean, axis=1)
        np.testing.assert_allclose(np.linalg.norm(d - mean, axis=1), radius, atol=1e-5 * np.linalg.norm(mean))
        if caution == 0:
            np.testing.assert_allclose(w, 1 / size, rtol=1e-6)
            continue
        share = (w - 1 / size) / np.sum(w - 1 / size, axis=1, keepdims=True)
        bound = np.sum(updates(share, rows) * mean, axis=1) + radius * np.linalg.norm(updates(share, rows), axis=1)
        worst = np.einsum("bin,bn->bi", rows, d).min(axis=1)
        assert share.min() > -1e-6
        assert np.all(bound - worst <= limit * np.linalg.norm(rows, axis=(1, 2)) ** 2)


@pytest.mark.parametrize("size", [2, 4, 6, 7, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quadratic_programs_meet_their_optimality_conditions(size, dtype, rng) -> None:
    rows = rng.normal(size=(300, size, size + 1)) * 10.0 ** rng.uniform(-3, 3, size=(300, size, 1))
    rows[::3, -1] = -rows[::3, 0] * 10.0 ** rng.uniform(-3, 3, size=(100, 1))  # dependent, and in conflict
    lengths = np.linalg.norm(rows, axis=2)
    grams = products(rows) + 1e-3 * lengths[:, :, None] ** 2 * np.eye(size)
    linear = rng.normal(size=(300, size)) * lengths * 10.0 ** rng.uniform(-15, 15, size=(300, 1))
    with jax.enable_x64(True):
        solve = jax.jit(jax.vmap(nonneg_qp))
        z = np.asarray(solve(jnp.asarray(grams, dtype), jnp.asarray(linear, dtype)), np.float64)
    # In units in which the diagonal of the matrix and the largest entry of the linear part are 1.
    unit = np.max(np.abs(linear / lengths), axis=1, keepdims=True)
    slopes = (np.einsum("bij,bj->bi", grams, z) + linear) / lengths / unit
    z = z * lengths / unit
    limit = 2e-10 if dtype == np.float64 else 2e-3
    assert z.min() >= 0
    assert slopes.min() > -limit
    assert np.abs(slopes[z > 0]).max() < limit


def test_the_interior_point_alone_solves_what_pivoting_cannot(rng) -> None:
    rows = rng.normal(size=(50, 9, 12))
    grams, linear = products(rows) / 12, rng.normal(size=(50, 9))
    with jax.enable_x64(True):

        def solve(matrix, b):
            return interior_point(lambda z: matrix @ z + b, lambda z: matrix, jnp.ones_like(b), jnp.asarray(True))

        inner, slack = jax.jit(jax.vmap(solve))(jnp.asarray(grams), jnp.asarray(linear))
        exact = jax.jit(jax.vmap(nonneg_qp))(jnp.asarray(grams), jnp.asarray(linear))
    np.testing.assert_allclose(inner, exact, atol=1e-6)
    assert np.all(np.asarray(slack) > 0)


# Laws.


@pytest.mark.parametrize("name", sorted(set(WEIGHTS) - set(ORDERED)))
def test_the_order_of_the_terms_does_not_matter(name, rng) -> None:
    for size in (5, 8) if name in ("upgrad", "dualproj", "mgda", "cagrad") else (5,):
        grams = products(draw(rng, size))
        order = rng.permutation(size)
        mixed = weights_of(name, grams[:, order][:, :, order])
        assert far(mixed, weights_of(name, grams)[:, order]).max() < 1e-7


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_absent_terms_leave_the_problem(name, rng) -> None:
    present = np.array([True, False, True, True] if name == "krum" else [True, False, True])
    grams = products(draw(rng, len(present)))
    spoiled = grams.copy()
    spoiled[:, 1, :] = spoiled[:, :, 1] = np.nan
    found = weights_of(name, spoiled, np.broadcast_to(present, grams.shape[:2]))
    assert np.all(found[:, 1] == 0)
    alone = weights_of(name, grams[:, present][:, :, present])
    assert far(found[:, present], alone).max() < 1e-7
    assert far(weights_of(name, grams)[:, present], alone).max() > 1e-3


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_the_common_scale_of_the_gradients_does_not_matter(name, rng) -> None:
    grams = products(draw(rng, 5))
    for scale in (2.0**-45, 2.0**45):
        expected = weights_of(name, grams) * scale ** DEGREES.get(name, 0.0)
        assert far(weights_of(name, grams * scale**2), expected).max() < 1e-7
        if scale < 1:
            small = weights_of(name, grams * scale**2, dtype=np.float32)
            assert far(small, expected).max() < 2e-3


def awkward(rng, size: int) -> np.ndarray:
    """Rows between 1e-15 and 1e15, dependent rows, opposite rows, equal rows and rows of zeros."""
    rows = rng.normal(size=(600, size, 12))
    rows[:200] *= 10.0 ** rng.uniform(-15, 15, size=(200, size, 1))
    rows[100:400, -1] = -rows[100:400, :-1].sum(axis=1)
    rows[200:260, 1] = rows[200:260, 0]
    rows[260:320, 1] = -rows[260:320, 0]
    rows[320:380, 0] = 0
    rows[380:400] = 0
    rows[400:450, 1:] = 0
    rows[450:500] = rng.normal(size=(50, size, 1)) * rng.normal(size=(50, 1, 12))
    rows[500:550] *= 1e-15
    rows[550:] *= 1e15
    return rows


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_weights_are_finite_whatever_the_gradients(name, rng) -> None:
    size = 8 if name in ("upgrad", "dualproj", "mgda", "cagrad") else 5
    rows = awkward(rng, size).astype(np.float32)
    present = rng.uniform(size=rows.shape[:2]) < 0.8
    present[::2] = True
    present[-10:] = False
    found = weights_of(name, products(rows), present, dtype=np.float32)
    assert np.isfinite(found).all()
    assert np.all(found[~present] == 0)
    with np.errstate(under="ignore"):
        update = updates(found, np.where(present[:, :, None], rows, 0).astype(np.float64))
    assert np.isfinite(update.astype(np.float32)).all()


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_a_nan_or_an_overflow_is_not_hidden(name, rng) -> None:
    grams = products(draw(rng, 5, count=4))[:1]
    for bad, (i, j) in itertools.product((np.nan, np.inf), ((0, 0), (1, 2), (2, 1))):
        spoiled = grams.copy()
        spoiled[0, i, j] = bad
        assert np.isnan(weights_of(name, spoiled)).all()


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_one_term_alone_keeps_its_direction(name) -> None:
    if name == "krum":
        return
    (found,) = weights_of(name, np.array([[[9.0]]]))
    assert found[0] > 0
    if name not in ("nash", "fairgrad_half", "fairgrad_two", "cagrad"):
        np.testing.assert_allclose(found, 1, rtol=1e-6)


@pytest.mark.parametrize("size", [5, 8])
@pytest.mark.parametrize("name", ["upgrad", "dualproj"])
def test_cone_projections_conflict_with_no_term(name, size, rng) -> None:
    for rows in (draw(rng, size), awkward(rng, size)[200:500]):
        grams = products(rows)
        trace = np.einsum("bii->b", grams)[:, None]
        for dtype, slack in ((np.float64, 1e-9), (np.float32, 1e-5)):
            w = weights_of(name, grams, dtype=dtype)
            assert w.min() >= 1 / size - 1e-6
            along = np.einsum("bij,bj->bi", grams, w)
            assert np.all(along >= -(1e-4 + slack) * trace * w)
    conflict = np.einsum("bij->bi", products(draw(rng, size))) / size
    assert np.mean(conflict.min(axis=1) < -0.05) > 0.1, "the plain mean must conflict, or nothing is shown"


def test_upgrad_is_linear_under_scaling_and_dualproj_is_not(rng) -> None:
    rows, scales = draw(rng, 4), rng.uniform(0.3, 3, size=4)
    with jax.enable_x64(True):
        for fn, linear in ((combine.upgrad_weights, True), (combine.dualproj_weights, False)):
            call = jax.jit(jax.vmap(lambda g, p, fn=fn: fn(g, p, ridge=1e-10), (0, None)))
            parts = [np.asarray(call(products(rows), jnp.asarray(one))) for one in np.eye(4)]
            scaled = scales[:, None] * rows
            found = updates(np.asarray(call(products(scaled), jnp.ones(4))), scaled)
            expected = sum(scale * updates(part, rows) for scale, part in zip(scales, parts, strict=True))
            assert bool(far(found, expected).max() < 1e-6) is linear


def test_where_nothing_conflicts_surgery_and_projections_do_nothing(rng) -> None:
    grams = products(np.abs(rng.normal(size=(50, 5, 6))))
    for name, expected in (("upgrad", 0.2), ("dualproj", 0.2), ("pcgrad", 1.0)):
        np.testing.assert_allclose(weights_of(name, grams), expected, rtol=1e-7)


def test_equal_projections_equal_cosines_equal_singular_values(rng) -> None:
    rows = draw(rng, 4)
    lengths = np.linalg.norm(rows, axis=2)
    w = weights_of("imtl_g", products(rows))
    np.testing.assert_allclose(w.sum(axis=1), 1, rtol=1e-8)
    along = np.einsum("bin,bn->bi", rows, updates(w, rows)) / lengths
    np.testing.assert_allclose(along, along[:, :1] * np.ones(4), rtol=1e-6)

    d = updates(weights_of("conflict_free", products(rows)), rows)
    along = np.einsum("bin,bn->bi", rows, d)
    np.testing.assert_allclose(along / lengths, (along / lengths)[:, :1] * np.ones(4), rtol=1e-6)
    np.testing.assert_allclose(along.sum(axis=1), np.linalg.norm(d, axis=1) ** 2, rtol=1e-6)

    eigenvalues = np.linalg.eigvalsh(products(rows))
    for how, target in (("min", eigenvalues[:, 0]), ("median", eigenvalues[:, 1]), ("rmse", eigenvalues.mean(axis=1))):
        with jax.enable_x64(True):
            fn = lambda g, p, how=how: combine.aligned_mtl_weights(g, p, spread=how)
            balance = np.asarray(jax.jit(jax.vmap(jax.vmap(fn, (None, 0)), (0, None)))(products(rows), jnp.eye(4)))
        aligned = balance @ products(rows) @ np.swapaxes(balance, 1, 2)
        np.testing.assert_allclose(aligned, target[:, None, None] * np.eye(4), atol=1e-8 * eigenvalues.max())


@pytest.mark.parametrize("name", ["nash", "imtl_g", "conflict_free"])
def test_the_scale_of_one_term_does_not_turn_the_update(name, rng) -> None:
    rows = draw(rng, 5)
    scaled = rows * 10.0 ** rng.uniform(-6, 6, size=(len(rows), 5, 1))
    unit = lambda d: d / np.linalg.norm(d, axis=1, keepdims=True)
    before, after = (unit(updates(weights_of(name, products(x)), x)) for x in (rows, scaled))
    agree = np.sum(before * after, axis=1)
    assert np.abs(np.abs(agree) - 1).max() < 1e-8
    if name != "imtl_g":
        assert agree.min() > 0


def test_pcgrad_follows_its_order(rng) -> None:
    grams, order = products(draw(rng, 4)), rng.permutation(4)
    with jax.enable_x64(True):
        call = jax.jit(jax.vmap(lambda g, o: combine.pcgrad_weights(g, o), (0, None)))
        visits = np.stack([rng.permutation(4) for _ in range(4)])
        straight = np.asarray(call(grams, jnp.asarray(visits)))
        position = np.argsort(order)
        mixed = np.asarray(call(grams[:, order][:, :, order], jnp.asarray(position[visits[order]])))
    assert far(mixed, straight[:, order]).max() < 1e-12
    assert far(straight, weights_of("pcgrad", grams)).max() > 1e-3


def test_two_gradients_after_surgery_have_the_cosine_asked_for(rng) -> None:
    rows = draw(rng, 2)
    grams = products(rows)
    surgery = np.einsum("bij,bj->bi", grams, weights_of("pcgrad", grams))
    assert surgery.min() > -1e-9
    with jax.enable_x64(True):
        targets = jnp.full((2, 2), 0.4)
        call = jax.jit(jax.vmap(lambda g: combine.gradvac_weights(g, targets, rate=0.25)))
        found, after = map(np.asarray, call(jnp.asarray(grams)))
    lengths = np.linalg.norm(rows, axis=2)
    cosine = grams[:, 0, 1] / lengths[:, 0] / lengths[:, 1]
    # The weights of the second row beyond its own 1 come from the first, which then has the cosine 0.4 with it.
    turned = rows[:, 0] + (found[:, 1] - 1)[:, None] * rows[:, 1]
    now = np.sum(turned * rows[:, 1], axis=1) / np.linalg.norm(turned, axis=1) / lengths[:, 1]
    np.testing.assert_allclose(now, np.maximum(cosine, 0.4), atol=1e-9)
    np.testing.assert_allclose(after[:, 0, 1], 0.75 * 0.4 + 0.25 * cosine, atol=1e-12)
    np.testing.assert_array_equal(after[:, 0, 0], 0.4)


@pytest.mark.parametrize("present", [np.ones(7, bool), np.arange(7) != 2])
def test_krum_selects_as_the_paper_says(present, rng) -> None:
    batch = rng.normal(size=(100, 7, 3))
    batch[:, 3] += 40
    kept = np.flatnonzero(present)
    count = len(kept) - 2 - 2

    def score(rows, i):
        return sum(sorted(np.sum((rows[i] - rows[j]) ** 2) for j in kept if j != i)[:count])

    expected = np.zeros((100, 7))
    for line, rows in zip(expected, batch, strict=True):
        line[sorted(kept, key=lambda i, rows=rows: score(rows, i))[:3]] = 1 / 3
    with jax.enable_x64(True):
        fn = lambda gram: combine.krum_weights(gram, outliers=2, selected=3, present=jnp.asarray(present))
        found = jax.jit(jax.vmap(fn))(jnp.asarray(products(batch)))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert not np.any(found[:, 3])


# Aggregators.


def call(size, present=None, values=None, step=0):
    present = np.ones(size, bool) if present is None else np.asarray(present)
    values = np.ones(size, np.float32) if values is None else np.asarray(values, np.float32)
    return {"values": jnp.asarray(values), "present": jnp.asarray(present), "step": jnp.int32(step)}


NAMES = ("a", "b", "c")
EQUAL = dict.fromkeys(NAMES, 1.0)
AGGREGATORS = {
    "aligned_mtl": lambda: combine.aligned_mtl(preference=EQUAL),
    "cagrad": combine.cagrad,
    "conflict_free": combine.conflict_free,
    "constant_weighting": lambda: combine.constant_weighting(a=1.0, b=2.0, c=-0.5),
    "dualproj": lambda: combine.dualproj(preference=EQUAL),
    "equal_norms": combine.equal_norms,
    "fairgrad": lambda: combine.fairgrad(fairness=2.0),
    "graddrop": combine.graddrop,
    "gradnorm": combine.gradnorm,
    "gradvac": combine.gradvac,
    "imtl_g": combine.imtl_g,
    "krum": lambda: combine.krum(outliers=0),
    "learning_rate_annealing": lambda: combine.learning_rate_annealing(reference="b"),
    "mean_of_gradients": combine.mean_of_gradients,
    "mgda": combine.mgda,
    "nash": combine.nash,
    "pcgrad": combine.pcgrad,
    "random_weighting": combine.random_weighting,
    "sum_of_gradients": combine.sum_of_gradients,
    "trimmed_mean_of_gradients": lambda: combine.trimmed_mean_of_gradients(trim=1),
    "upgrad": combine.upgrad,
}
PARAMS = {"w": jnp.zeros((2, 3)), "half": jnp.zeros(2, jnp.bfloat16), "count": None, "b": jnp.zeros(())}


def stacked(rng):
    rows = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=(3, *p.shape)), p.dtype), PARAMS)
    return {**rows, "w": rows["w"].at[1].add(-rows["w"][0])}


def test_every_aggregator_is_tested() -> None:
    made = {n for n in combine.__all__ if callable(getattr(combine, n)) and f"{n}_weights" in combine.__all__}
    assert made <= set(AGGREGATORS)


@pytest.mark.parametrize("name", AGGREGATORS)
def test_aggregators_scan_keep_dtypes_and_delete_absent_terms(name, rng) -> None:
    aggregator = AGGREGATORS[name]()
    assert aggregator.groups(("b", "a", "c")) == {"a": ("a",), "b": ("b",), "c": ("c",)}
    rows = stacked(rng)
    present = np.array([[True, True, True], [False, True, True], [True, True, True]])
    spoiled = jax.tree.map(lambda r: jnp.stack([r, r.at[0].set(jnp.nan), r]), rows)

    @jax.jit
    def run(rows, state):
        def step(state, xs):
            i, rows, present = xs
            values = jnp.array([1.0, 2.0, 3.0]) / (i.astype(jnp.float32) + 1)
            grads, state = aggregator.update(rows, state, values=values, present=present, step=i)
            return state, (grads, state)

        return jax.lax.scan(step, state, (jnp.arange(3), rows, jnp.asarray(present)))

    start = aggregator.init(PARAMS, NAMES)
    state, (grads, states) = run(spoiled, start)
    assert jax.tree.structure(state) == jax.tree.structure(start)
    assert jax.tree.structure(grads) == jax.tree.structure(PARAMS)
    assert [x.dtype for x in jax.tree.leaves(grads)] == [x.dtype for x in jax.tree.leaves(PARAMS)]
    assert all(np.isfinite(np.asarray(x, np.float32)).all() for x in jax.tree.leaves(grads))
    assert max(np.abs(np.asarray(grads["w"])).max(axis=(1, 2))) > 0
    if not hasattr(state, "weights"):
        return
    assert states.weights.dtype == jnp.float32
    assert np.all(np.asarray(states.weights)[1, 0] == 0)
    for i in range(3):
        expected = jnp.einsum("i,ijk->jk", states.weights[i], jnp.where(present[i][:, None, None], rows["w"], 0))
        np.testing.assert_allclose(grads["w"][i], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(AGGREGATORS) - {"constant_weighting", "sum_of_gradients"}))
def test_all_absent_gives_zero_and_keeps_what_is_remembered(name, rng) -> None:
    aggregator = AGGREGATORS[name]()
    state = aggregator.init(PARAMS, NAMES)
    grads, after = jax.jit(aggregator.update)(stacked(rng), state, **call(3, present=[False] * 3))
    assert not any(np.any(x) for x in jax.tree.leaves(grads))
    if name in ("equal_norms", "gradnorm", "learning_rate_annealing"):
        jax.tree.map(np.testing.assert_array_equal, after.inner, state.inner)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("name", ["upgrad", "mgda", "cagrad", "nash", "imtl_g", "pcgrad", "equal_norms"])
def test_squares_outside_float32_do_not_matter(name, scale, rng) -> None:
    aggregator = AGGREGATORS[name]()
    rows = jnp.asarray(rng.normal(size=(3, 8)), jnp.float32)
    update = jax.jit(aggregator.update)
    expected, before = update(rows, aggregator.init(jnp.zeros(8), NAMES), **call(3))
    found, after = update(rows * scale, aggregator.init(jnp.zeros(8), NAMES), **call(3))
    degree = DEGREES.get(name, 0.0)
    np.testing.assert_allclose(np.float64(found), np.float64(expected) * scale ** (1 + degree), rtol=2e-4)
    np.testing.assert_allclose(np.float64(after.weights), np.float64(before.weights) * scale**degree, rtol=2e-4)


def test_a_gram_matrix_within_range_is_handed_on_as_it_is(rng) -> None:
    seen = []
    spy = combine.from_gramian(lambda gram, present: seen.append(gram) or jnp.ones(3))
    rows = {"x": jnp.asarray(rng.normal(size=(3, 4)), jnp.float32) * 1e8, "y": jnp.ones((3,))}
    spy.update(rows, spy.init({"x": jnp.zeros(4), "y": jnp.zeros(())}, NAMES), **call(3))
    np.testing.assert_array_equal(seen[0], combine.gramian(rows))
    np.testing.assert_allclose(seen[0], rows["x"] @ rows["x"].T + 1, rtol=1e-5)
    raw = combine.from_gramian(lambda gram, present: seen.append(gram) or jnp.ones(3), degree=None)
    raw.update({"x": rows["x"] * 1e-25}, raw.init({"x": jnp.zeros(4)}, NAMES), **call(3))
    np.testing.assert_allclose(seen[1], (rows["x"] @ rows["x"].T) * 1e-25 * 1e-25, rtol=1e-4)


def test_double_precision_rows_give_double_precision_weights(rng) -> None:
    with jax.enable_x64(True):
        rows = {"x": jnp.asarray(rng.normal(size=(3, 4))), "y": jnp.ones((3, 2), jnp.float32)}
        aggregator = combine.upgrad()
        state = aggregator.init({"x": jnp.zeros(4), "y": jnp.zeros(2, jnp.float32)}, NAMES)
        grads, after = aggregator.update(rows, state, **call(3))
        assert combine.gramian(rows).dtype == state.weights.dtype == after.weights.dtype == jnp.float64
        assert [g.dtype for g in grads.values()] == [jnp.float64, jnp.float32]


def test_random_methods_draw_anew_and_reproducibly(rng) -> None:
    rows = jnp.asarray(rng.normal(size=(3, 40)), jnp.float32)
    for make in (combine.random_weighting, combine.graddrop, combine.pcgrad):

        def steps(key, make=make):
            aggregator = make(key)
            state, found = aggregator.init(jnp.zeros(40), NAMES), []
            for _ in range(4):
                grads, state = jax.jit(aggregator.update)(rows, state, **call(3))
                found.append(np.asarray(grads))
            return np.stack(found)

        one, same, other = steps(0), steps(jax.random.key(0)), steps(1)
        np.testing.assert_array_equal(one, same)
        assert len(np.unique(one.round(4), axis=0)) > 1
        assert np.abs(one - other).max() > 1e-3


def test_random_weights_are_a_softmax_of_normals() -> None:
    aggregator = combine.random_weighting(3)
    state = jax.vmap(lambda key: combine.random_weighting(key).init(jnp.zeros(1), NAMES))(
        jax.random.split(jax.random.key(0), 4000)
    )
    more = call(3, present=[True, False, True])
    w = jax.jit(jax.vmap(lambda s: aggregator.update(jnp.ones((3, 1)), s, **more)[1].weights))(state)
    np.testing.assert_allclose(w.sum(axis=1), 1, rtol=1e-5)
    logits = np.log(w[:, 0] / w[:, 2])
    assert abs(logits.mean()) < 0.08
    assert abs(logits.std() - np.sqrt(2)) < 0.08


def test_graddrop_keeps_one_sign_per_entry_by_its_share() -> None:
    rows = jnp.array([[3.0], [-1.0]]) * jnp.ones((2, 20000))
    aggregator = combine.graddrop(0)
    grads, _ = aggregator.update(rows, aggregator.init(jnp.zeros(20000), ("a", "b")), **call(2))
    assert set(np.unique(grads)) == {-1.0, 3.0}
    assert abs(np.mean(np.asarray(grads) > 0) - 0.75) < 0.02
    whole, _ = combine.graddrop(0, leak=1.0).update(rows, jax.random.key(0), **call(2))
    np.testing.assert_array_equal(whole, 2.0)
    torn, _ = aggregator.update(rows.at[0, 0].set(jnp.nan), jax.random.key(0), **call(2))
    assert np.isnan(torn[0])
    assert np.isfinite(torn[1:]).all()


def test_the_trimmed_mean_hides_no_nan_and_shrinks_to_the_median() -> None:
    aggregator = combine.trimmed_mean_of_gradients(trim=1)
    rows = jnp.array([[1.0, 1.0], [2.0, jnp.nan], [60.0, 3.0], [4.0, 4.0]])
    found, _ = aggregator.update(rows, (), **call(4))
    np.testing.assert_array_equal(found, [3.0, jnp.nan])
    found, _ = aggregator.update(rows, (), **call(4, present=[True, False, True, True]))
    np.testing.assert_array_equal(found, [4.0, 3.0])
    found, _ = aggregator.update(rows, (), **call(4, present=[True, False, True, False]))
    np.testing.assert_array_equal(found, [30.5, 2.0])


def test_gradnorm_follows_the_paper(rng) -> None:
    rows = rng.normal(size=(6, 3, 5)) * np.array([1.0, 3.0, 0.2])[:, None]
    losses = rng.uniform(0.5, 2, size=(6, 3))
    present = np.ones((6, 3), bool)
    present[:2, 2] = False
    present[3, 0] = False
    aggregator = combine.gradnorm(learning_rate=0.1, restoring_force=0.7)
    state = aggregator.init(jnp.zeros(5), NAMES)
    w, first = np.ones(3), np.full(3, np.nan)
    for r, loss, on in zip(rows, losses, present, strict=True):
        grads, state = aggregator.update(jnp.asarray(r, jnp.float32), state, **call(3, on, loss))
        np.testing.assert_allclose(state.weights, np.where(on, w, 0), rtol=1e-5)
        np.testing.assert_allclose(grads, (np.where(on, w, 0)[:, None] * r).sum(axis=0), rtol=1e-4, atol=1e-6)
        first = np.where(on & np.isnan(first), loss, first)
        n, ratio = np.linalg.norm(r, axis=1)[on], (loss / first)[on]
        pull = w[on] * n - np.mean(w[on] * n) * (ratio / ratio.mean()) ** 0.7
        new = np.maximum(w[on] - 0.1 * np.sign(pull) * n / n.mean(), 0)
        w = w.copy()
        w[on] = new * w[on].sum() / new.sum()
    np.testing.assert_allclose(state.inner.weights, w, rtol=1e-5)
    assert abs(w.sum() - 3) < 1e-9
    assert np.ptp(w) > 0.1


def test_gradnorm_evens_out_the_lengths() -> None:
    rows = jnp.diag(jnp.array([1.0, 10.0, 0.1]))
    aggregator = combine.gradnorm(learning_rate=0.01)
    step = lambda state, _: (aggregator.update(rows, state, **call(3))[1], None)
    state, _ = jax.lax.scan(step, aggregator.init(jnp.zeros(3), NAMES), None, length=1500)
    lengths = state.inner.weights * jnp.diagonal(rows)
    assert float(lengths.max() / lengths.min()) < 3


def test_equal_norms_and_annealing_keep_running_means(rng) -> None:
    rows = {"x": rng.normal(size=(3, 3, 4)), "y": rng.normal(size=(3, 3, 2, 2)) * 2}
    present = np.array([[True, True, True], [True, True, False], [True, False, True]])
    flat = np.concatenate([rows["x"], rows["y"].reshape(3, 3, 4)], axis=2)
    params = {"x": jnp.zeros(4), "y": jnp.zeros((2, 2))}
    for name in ("equal_norms", "annealing"):
        even = name == "equal_norms"
        make = combine.equal_norms if even else functools.partial(combine.learning_rate_annealing, reference="b")
        aggregator = make(momentum=0.6)
        state, w = aggregator.init(params, NAMES), np.ones(3)
        for i, on in enumerate(present):
            leaves = {k: jnp.asarray(x[i], jnp.float32) for k, x in rows.items()}
            grads, state = aggregator.update(leaves, state, **call(3, on))
            if even:
                n = np.linalg.norm(flat[i], axis=1)
                new = n[on].mean() / n
                known = on
            else:
                new = np.abs(flat[i][1]).max() / np.abs(flat[i]).mean(axis=1)
                new[1] = 1
                known = on if on[1] else np.zeros(3, bool)
            w = np.where(known, 0.6 * w + 0.4 * new, w)
            np.testing.assert_allclose(state.weights, np.where(on, w, 0), rtol=1e-5)
            update = np.einsum("i,in->n", np.where(on, w, 0), flat[i])
            np.testing.assert_allclose(grads["y"].reshape(-1), update[4:], rtol=1e-4, atol=1e-5)


def test_ntk_traces_and_weights(rng) -> None:
    points = jnp.asarray(rng.normal(size=(7, 2)), jnp.float32)
    params = {"w": jnp.array([0.3, -0.7]), "b": jnp.float32(0.1)}
    residual = lambda p, x: jnp.tanh(p["w"] @ x + p["b"])
    inner = points @ params["w"] + params["b"]
    expected = np.mean((1 - np.tanh(inner) ** 2) ** 2 * (1 + np.sum(np.square(points), axis=1)))
    for size in (1, 3, 32):
        np.testing.assert_allclose(combine.ntk_trace(residual, params, points, batch_size=size), expected, rtol=1e-5)
    found = combine.ntk_weights(jnp.array([1.0, 2.0, 6.0]), present=jnp.array([True, False, True]))
    np.testing.assert_allclose(found, [3.5, 0, 3.5 / 6], rtol=1e-6)
    tx = combine.ntk_normalize(momentum=0.5)
    terms = {name: reductions.Term(jnp.ones(2), jnp.ones(2)) for name in NAMES}
    state = tx.init(terms)
    traces = {"c": jnp.float32(6), "a": jnp.float32(1), "b": jnp.float32(2)}
    weighed, state = tx.update(terms, state, step=0, traces=traces)
    np.testing.assert_allclose([weighed[name].values[0] for name in NAMES], [2.0, 1.25, 0.75], rtol=1e-6)
    _, kept = tx.update(terms, state, step=1, traces=dict.fromkeys(NAMES, jnp.float32(0)))
    assert kept == state
    with pytest.raises(ValueError, match=r"traces must name the terms \['a', 'b', 'c'\]; found \['a'\]"):
        tx.update(terms, state, step=0, traces={"a": jnp.float32(1)})
    with pytest.raises(KeyError, match="no annotation 'traces'"):
        tx.update(terms, state, step=0)


def test_players_follow_their_own_terms() -> None:
    game = combine.players(gen=("fool", "l2"), disc="judge")
    assert dict(game.groups(("fool", "judge", "l2"))) == {"disc": ("judge",), "gen": ("fool", "l2")}
    params = {"gen": {"w": jnp.zeros(2), "n": None}, "disc": [jnp.zeros(())]}
    state = game.init(params, ("fool", "judge", "l2"))
    rows = {"gen": {"w": jnp.array([[1.0, 2.0], [3.0, 4.0]]), "n": None}, "disc": [jnp.array([5.0, 6.0])]}
    grads, state = game.update(rows, state, **call(2))
    np.testing.assert_array_equal(grads["gen"]["w"], [3.0, 4.0])
    np.testing.assert_array_equal(grads["disc"][0], 5.0)
    grads, _ = game.update(rows, state, **call(2, present=[True, False]))
    np.testing.assert_array_equal(grads["gen"]["w"], 0)


def test_the_gram_matrix_is_summed_over_the_shards_of_a_leaf(rng) -> None:
    mesh = jax.make_mesh((2, 4), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    rows = {
        "x": jnp.asarray(rng.normal(size=(3, 8)), jnp.float32),
        "y": jnp.asarray(rng.normal(size=(3, 2)), jnp.float32),
    }
    specs = {"x": P(None, "model"), "y": P()}
    gram = jax.shard_map(combine.gramian, mesh=mesh, in_specs=(specs,), out_specs=P())(rows)
    np.testing.assert_allclose(gram, combine.gramian(rows), rtol=1e-5)
    params = jax.tree.map(lambda r: r[0], rows)
    for make in (combine.upgrad, functools.partial(combine.learning_rate_annealing, reference="a")):
        aggregator = make()
        state = aggregator.init(params, NAMES)
        update = lambda r, aggregator=aggregator, state=state: aggregator.update(r, state, **call(3))
        out = ({"x": P("model"), "y": P()}, P())
        found = jax.jit(jax.shard_map(update, mesh=mesh, in_specs=(specs,), out_specs=out))(rows)
        jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-6), found, update(rows))


def test_traced_hyperparameters_do_not_recompile(rng) -> None:
    traces = []
    gram = jnp.asarray(products(rng.normal(size=(3, 5))), jnp.float32)

    @jax.jit
    def both(caution, fairness, ridge):
        traces.append(1)
        rows = jnp.asarray(np.eye(3), jnp.float32)
        aggregator = combine.fairgrad(fairness=fairness)
        grads, _ = aggregator.update(rows, aggregator.init(jnp.zeros(3), NAMES), **call(3))
        return combine.cagrad_weights(gram, caution=caution), grads, combine.upgrad_weights(gram, ridge=ridge)

    assert np.abs(both(0.1, 1.0, 1e-4)[0] - both(0.6, 2.0, 1e-3)[0]).max() > 1e-3
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: combine.cagrad(caution=-0.1), ValueError, "caution must be >= 0"),
        (lambda: combine.upgrad(ridge=0.0), ValueError, "ridge must be > 0"),
        (lambda: combine.dualproj(ridge=-1.0), ValueError, "ridge must be > 0"),
        (lambda: combine.fairgrad(fairness=0.0), ValueError, "fairness must be > 0"),
        (lambda: combine.gradvac(rate=1.5), ValueError, "rate must be >= 0 and <= 1"),
        (lambda: combine.graddrop(leak=-0.5), ValueError, "leak must be >= 0 and <= 1"),
        (lambda: combine.krum(outliers=-1), ValueError, "outliers must be a whole number >= 0"),
        (lambda: combine.krum(outliers=1.5), ValueError, "outliers must be a whole number >= 0"),
        (lambda: combine.trimmed_mean_of_gradients(trim=-1), ValueError, "trim must be a whole number >= 0"),
        (lambda: combine.gradnorm(learning_rate=0.0), ValueError, "learning_rate must be > 0"),
        (lambda: combine.gradnorm(restoring_force=-1.0), ValueError, "restoring_force must be >= 0"),
        (lambda: combine.equal_norms(momentum=1.0), ValueError, "momentum must be >= 0 and < 1"),
        (
            lambda: combine.learning_rate_annealing(reference="a", momentum=-1.0),
            ValueError,
            "momentum must be >= 0 and < 1",
        ),
        (lambda: combine.ntk_normalize(momentum=2.0), ValueError, "momentum must be >= 0 and < 1"),
        (lambda: combine.aligned_mtl(spread="max"), ValueError, "spread must be one of 'min', 'median', 'rmse'"),
        (lambda: combine.upgrad(preference=[1.0]), TypeError, "upgrad: preference must map each term to a number"),
        (lambda: combine.from_gramian(3), TypeError, "needs a function of the Gram matrix; found int"),
        (lambda: combine.players(), ValueError, "name at least one player"),
        (lambda: combine.players(gen=()), ValueError, r"no terms for the player\(s\) \['gen'\]"),
    ],
)
def test_wrong_hyperparameters_are_refused_at_construction(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "params", "error", "message"),
    [
        (lambda: combine.upgrad(preference={"a": 1.0, "z": 1.0}), PARAMS, KeyError, r"unknown term\(s\) \['z'\]"),
        (
            lambda: combine.conflict_free(preference={"a": 1.0}),
            PARAMS,
            KeyError,
            r"no number for the term\(s\) \['b', 'c'\]",
        ),
        (lambda: combine.upgrad(preference={**EQUAL, "b": -1.0}), PARAMS, ValueError, "preference of 'b' must be >= 0"),
        (lambda: combine.constant_weighting(a=1.0), PARAMS, KeyError, r"no number for the term\(s\) \['b', 'c'\]"),
        (lambda: combine.learning_rate_annealing(reference="z"), PARAMS, KeyError, r"unknown term\(s\) \['z'\]"),
        (lambda: combine.trimmed_mean_of_gradients(trim=2), PARAMS, ValueError, "trim=2 needs at least 5 terms"),
        (lambda: combine.players(w="a", b=("b", "c")), PARAMS, KeyError, "the players are"),
        (lambda: combine.players(w=NAMES), jnp.zeros(3), TypeError, "params must be a dict with the entries"),
        (lambda: combine.players(w=("a", "z")), {"w": jnp.zeros(1)}, KeyError, r"players: unknown term\(s\) \['z'\]"),
        (lambda: combine.players(w="a"), {"w": jnp.zeros(1)}, ValueError, r"no player minimises the term\(s\)"),
    ],
)
def test_wrong_names_are_refused_at_init(make, params, error, message) -> None:
    with pytest.raises(error, match=message):
        make().init(params, NAMES)


@pytest.mark.parametrize(
    ("fn", "error", "message"),
    [
        (lambda: combine.upgrad_weights(jnp.ones((2, 3))), ValueError, "gram must have shape"),
        (lambda: combine.upgrad_weights(jnp.ones((2, 2), jnp.int32)), TypeError, "gram must be floating"),
        (lambda: combine.upgrad_weights(jnp.eye(2), jnp.ones(3)), ValueError, "preference must have shape"),
        (lambda: combine.mgda_weights(jnp.eye(2), present=jnp.ones(2)), TypeError, "where must be boolean"),
        (lambda: combine.pcgrad_weights(jnp.eye(2), jnp.eye(2)), TypeError, "order must be integer"),
        (lambda: combine.gradvac_weights(jnp.eye(2), jnp.eye(3)), ValueError, "targets must have shape"),
        (lambda: combine.krum_weights(jnp.eye(3), outliers=1), ValueError, "gram must have at least"),
        (lambda: combine.gramian({"a": jnp.ones((2, 3)), "b": jnp.ones((3, 3))}), ValueError, "one leading axis"),
        (lambda: combine.gramian({"a": jnp.ones(())}), ValueError, "one leading axis"),
        (lambda: combine.gramian({"a": jnp.ones(3, jnp.int32)}), TypeError, "must be floating"),
        (lambda: combine.gramian({"a": None}), ValueError, "one leading axis"),
        (lambda: combine.gradnorm_weights(jnp.eye(2), jnp.ones(3), jnp.ones(2)), ValueError, "weights must have shape"),
    ],
)
def test_wrong_arguments_are_refused(fn, error, message) -> None:
    with pytest.raises(error, match=message):
        fn()
