"""`jaxloss.reductions` against NumPy, and over eight devices against one."""

from __future__ import annotations

import functools
import inspect
import pickle
import re
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from jaxloss import reductions
from jaxloss.reductions import Term

VALUES = np.float32([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
WEIGHTS = np.float32([1.0, 2.0, 0.0, 1.0, 0.5, 3.0])


def _worst(values, weights):
    order = np.argsort(-values, kind="stable")
    return values[order][weights[order] > 0], weights[order][weights[order] > 0]


def _cvar(fraction):
    """The mean of the worst mass, by walking down the sorted losses."""
    values, weights = _worst(VALUES, WEIGHTS)
    left, total = fraction * weights.sum(), 0.0
    budget = left
    for value, weight in zip(values, weights, strict=True):
        used = min(weight, left)
        total, left = total + used * value, left - used
    return total / budget


def test_mean_sum_and_mean_over() -> None:
    total = float(np.sum(VALUES * WEIGHTS))
    assert float(reductions.sum()(VALUES, WEIGHTS)) == pytest.approx(total)
    assert float(reductions.mean()(VALUES, WEIGHTS)) == pytest.approx(total / WEIGHTS.sum())
    assert float(reductions.mean_over(20)(VALUES, WEIGHTS)) == pytest.approx(total / 20)
    assert float(jax.jit(lambda n: reductions.mean_over(n)(VALUES, WEIGHTS))(20.0)) == pytest.approx(total / 20)


def test_sequence_mean_counts_every_sequence_alike() -> None:
    values, weights = jnp.array([[1.0, 3.0], [10.0, 99.0], [7.0, 7.0]]), jnp.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    assert float(reductions.sequence_mean()(values, weights)) == pytest.approx((2 + 10) / 2)


@pytest.mark.parametrize("fraction", [0.2, 0.4, 0.5, 1.0])
def test_top_fraction(fraction) -> None:
    values, weights = _worst(VALUES, WEIGHTS)
    k = int(np.ceil(np.float32(fraction) * len(values)))
    expected = np.sum(values[:k] * weights[:k]) / weights[:k].sum()
    assert float(reductions.top_fraction(fraction)(VALUES, WEIGHTS)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.77, 1.0])
def test_cvar(fraction) -> None:
    assert float(reductions.cvar(fraction)(VALUES, WEIGHTS)) == pytest.approx(_cvar(fraction), rel=1e-5)


def test_cvar_and_trimmed_mean_share_the_mass() -> None:
    mean = float(reductions.mean()(VALUES, WEIGHTS))
    worst, rest = float(reductions.cvar(0.3)(VALUES, WEIGHTS)), float(reductions.trimmed_mean(0.3)(VALUES, WEIGHTS))
    assert 0.3 * worst + 0.7 * rest == pytest.approx(mean, rel=1e-5)
    assert float(reductions.trimmed_mean(0.0)(VALUES, WEIGHTS)) == pytest.approx(mean, rel=1e-6)


def test_soft_maximum_lies_between_mean_and_maximum() -> None:
    reduction = lambda t: float(reductions.soft_maximum(t)(VALUES, WEIGHTS))
    expected = 2 * np.log(np.sum(WEIGHTS * np.exp(VALUES / 2)) / WEIGHTS.sum())
    assert reduction(2.0) == pytest.approx(expected, rel=1e-6)
    assert reduction(1e4) == pytest.approx(float(reductions.mean()(VALUES, WEIGHTS)), rel=1e-3)
    assert reduction(1e-3) == pytest.approx(9.0, rel=1e-2)


def test_worst_group() -> None:
    groups = np.array([0, 0, 1, 1, 2, 2])
    means = [5 / 3, 1.5, (4.5 + 7.8) / 3.5]
    assert float(reductions.worst_group(groups, 4)(VALUES, WEIGHTS)) == pytest.approx(max(means), rel=1e-6)
    with pytest.raises(ValueError, match="groups"):
        reductions.worst_group(groups[:3], 3)(jnp.asarray(VALUES), jnp.asarray(WEIGHTS))


# ---- tokens ----------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(5)
LOSSES = RNG.normal(size=(4, 6))
TOKENS = np.arange(6) < np.array([[6], [3], [0], [1]])
TOKEN_WEIGHTS = RNG.uniform(0.5, 2.0, size=(4, 6))
OF_TOKENS = {
    "mean": ((), lambda sums, masses: np.sum(sums) / np.sum(masses)),
    "sequence_mean": ((), lambda sums, masses: np.mean(np.divide(sums, masses))),
    "sequence_mean_token_sum": ((), lambda sums, masses: np.mean(sums)),
    "sequence_mean_token_sum_norm": ((), lambda sums, masses: np.mean(sums) / 6),
    "mean_over": ((9.0,), lambda sums, masses: np.sum(sums) / 9.0),
}


@pytest.mark.parametrize("name", OF_TOKENS)
def test_means_of_tokens_are_their_formulas_on_one_device_and_on_many(name: str) -> None:
    arguments, formula = OF_TOKENS[name]
    one = getattr(reductions, name)(*arguments)
    many = getattr(reductions, name)(*arguments, axis_name="data")
    spoiled = np.where(TOKENS, LOSSES, np.nan)
    for weights in (None, TOKEN_WEIGHTS):
        mass = TOKENS * (1.0 if weights is None else weights)
        counted = np.any(mass, axis=-1)
        expected = formula(np.sum(LOSSES * mass, axis=-1)[counted], np.sum(mass, axis=-1)[counted])
        with jax.enable_x64(True):
            ours = jax.jit(lambda x, w=weights: jaxloss.reduce(x, where=TOKENS, weights=w, reduction=one))(spoiled)
            np.testing.assert_allclose(ours, expected, rtol=1e-12)
            shard = lambda x, m, w: jaxloss.reduce(x, where=m, weights=w, reduction=many)
            split = [x.reshape(2, 2, 6) for x in (spoiled, TOKENS, np.ones((4, 6)) if weights is None else weights)]
            np.testing.assert_allclose(jax.vmap(shard, axis_name="data")(*split), [expected] * 2, rtol=1e-12)
    assert jaxloss.reduce(LOSSES, where=np.zeros((4, 6), bool), reduction=one) == 0


def test_the_norm_of_sequences_may_be_given_and_traced() -> None:
    fn = lambda norm: jaxloss.reduce(
        jnp.asarray(LOSSES, jnp.float32), reduction=reductions.sequence_mean_token_sum_norm(norm)
    )
    np.testing.assert_allclose(fn(12), 0.5 * fn(None), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(fn)(12.0), fn(12), rtol=1e-6)
    with pytest.raises(ValueError, match="norm must be > 0"):
        fn(0.0)


@pytest.mark.parametrize("name", [name for name in OF_TOKENS if name.startswith("sequence")])
def test_sequences_without_tokens_count_where_they_are_told_to(name: str) -> None:
    arguments, formula = OF_TOKENS[name]
    sums, masses = np.sum(LOSSES * TOKENS, axis=-1), np.sum(TOKENS, axis=-1)
    expected = formula(sums, np.maximum(masses, 1))
    for axis_name in (None, "data"):
        reduction = getattr(reductions, name)(*arguments, count_empty=True, axis_name=axis_name)
        shard = lambda x, m, by=reduction: jaxloss.reduce(x, where=m, reduction=by)
        with jax.enable_x64(True):
            if axis_name is None:
                found = shard(np.where(TOKENS, LOSSES, np.nan), TOKENS)
            else:
                found = jax.vmap(shard, axis_name="data")(LOSSES.reshape(2, 2, 6), TOKENS.reshape(2, 2, 6))
            np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in OF_TOKENS if name.startswith("sequence")])
def test_a_mean_of_sequences_needs_an_axis_of_tokens(name: str) -> None:
    with pytest.raises(ValueError, match="tokens"):
        jaxloss.reduce(jnp.ones(()), reduction=getattr(reductions, name)())


# ---- sums over event axes --------------------------------------------------------------------------------------

PIXELS = RNG.normal(size=(4, 2, 3))
SOME = RNG.uniform(size=(4, 2, 3)) < 0.7
EACH = np.array([0.5, 2.0, 0.0, 3.0])


def test_a_batch_mean_is_batchmean_of_torch() -> None:
    torch = pytest.importorskip("torch")
    p, q = RNG.dirichlet(np.ones(5), size=4), RNG.dirichlet(np.ones(5), size=4)
    theirs = torch.nn.functional.kl_div(torch.tensor(np.log(q)), torch.tensor(p), reduction="batchmean")
    with jax.enable_x64(True):
        ours = jaxloss.reduce(p * (np.log(p) - np.log(q)), reduction=reductions.batch_mean())
    np.testing.assert_allclose(ours, float(theirs), rtol=1e-12)


@pytest.mark.parametrize("event_ndim", [1, 2, 3])
def test_a_batch_mean_counts_examples_not_entries(event_ndim: int) -> None:
    """The mask of an example deletes it; masked entries of an example that is there are zeros."""
    flat = lambda x: np.broadcast_to(x, PIXELS.shape).reshape(-1, *PIXELS.shape[3 - event_ndim :])
    weights = EACH[:, None, None] if event_ndim < 3 else 2.0
    mass = flat(weights)[(slice(None), *[0] * event_ndim)]
    sums = np.sum(flat(PIXELS * SOME), axis=tuple(range(1, 1 + event_ndim)))
    seen = np.any(flat(SOME), axis=tuple(range(1, 1 + event_ndim)))
    expected = np.sum(mass * sums) / np.sum(mass * seen)
    spoiled = np.where(SOME, PIXELS, np.nan)
    with jax.enable_x64(True):
        one = lambda x: jaxloss.reduce(x, where=SOME, weights=weights, reduction=reductions.batch_mean(event_ndim))
        np.testing.assert_allclose(jax.jit(one)(spoiled), expected, rtol=1e-12)
        slope = jax.grad(one)(spoiled)
        assert np.all(np.isfinite(slope))
        assert np.all(slope[~SOME] == 0)
        assert jaxloss.reduce(PIXELS, where=False, reduction=reductions.batch_mean(event_ndim)) == 0


def test_a_batch_mean_over_devices_is_that_of_the_whole_batch() -> None:
    weights = np.broadcast_to(EACH[:, None, None], PIXELS.shape)
    shard = lambda x, m, w: jaxloss.reduce(x, where=m, weights=w, reduction=reductions.batch_mean(2, axis_name="data"))
    with jax.enable_x64(True):
        whole = jaxloss.reduce(PIXELS, where=SOME, weights=weights, reduction=reductions.batch_mean(2))
        split = [x.reshape(2, 2, 2, 3) for x in (PIXELS, SOME, weights)]
        np.testing.assert_allclose(jax.vmap(shard, axis_name="data")(*split), [whole] * 2, rtol=1e-12)


def test_a_batch_mean_keeps_its_numbers_for_weights_of_any_size() -> None:
    mean = lambda scale: jaxloss.reduce(
        jnp.ones((2, 3)), weights=scale * jnp.array([[1.0], [3.0]]), reduction=reductions.batch_mean()
    )
    assert [float(mean(scale)) for scale in (1.0, 1e38, 1e-37)] == [3.0] * 3


@pytest.mark.parametrize(("shape", "value"), [((0, 3), 0.0), ((3, 0), 0.0)])
def test_a_batch_mean_over_nothing_is_0(shape: tuple[int, int], value: float) -> None:
    assert jaxloss.reduce(jnp.zeros(shape), reduction=reductions.batch_mean()) == value


@pytest.mark.parametrize("event_ndim", [0, 4, 1.0, True])
def test_a_batch_mean_needs_axes_that_are_there(event_ndim: Any) -> None:
    with pytest.raises(ValueError, match="event_ndim must be"):
        jaxloss.reduce(PIXELS, reduction=reductions.batch_mean(event_ndim))


# ---- values ----------------------------------------------------------------------------------------------------

REPRESENTATIONS = {
    "mean()": lambda: reductions.mean(),
    "mean(axis_name='data')": lambda: reductions.mean(axis_name="data"),
    "sum()": lambda: reductions.sum(),
    "mean_over(3)": lambda: reductions.mean_over(n=3),
    "batch_mean()": lambda: reductions.batch_mean(),
    "batch_mean(2)": lambda: reductions.batch_mean(2),
    "sequence_mean(count_empty=True)": lambda: reductions.sequence_mean(count_empty=True),
    "sequence_mean()": lambda: reductions.sequence_mean(),
    "sequence_mean_token_sum_norm(512)": lambda: reductions.sequence_mean_token_sum_norm(512),
    "top_fraction(0.5)": lambda: reductions.top_fraction(0.5),
    "cvar(0.25)": lambda: reductions.cvar(fraction=0.25),
    "soft_maximum(2.0)": lambda: reductions.soft_maximum(2.0),
}


@pytest.mark.parametrize("text", REPRESENTATIONS)
def test_reductions_are_values(text: str) -> None:
    make = REPRESENTATIONS[text]
    one, other = make(), make()
    assert one is not other
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == text
    assert pickle.loads(pickle.dumps(one)) == one
    assert eval(text, {name: getattr(reductions, name) for name in reductions.__all__}) == one
    assert [make() == rival() for rival in REPRESENTATIONS.values()].count(True) == 1
    assert one != "mean"


def test_equal_reductions_compile_once() -> None:
    traced = chex.assert_max_traces(lambda p, reduction: jaxloss.squared_error(p, jnp.zeros(4), reduction=reduction), 2)
    loss = jax.jit(traced, static_argnames="reduction")
    for _ in range(3):
        loss(jnp.ones(4), reduction=reductions.top_fraction(0.5))
        loss(jnp.ones(4), reduction=reductions.mean())


def test_reductions_that_hold_arrays_work_traced_and_are_not_hashable() -> None:
    fn = lambda t: jaxloss.squared_error(jnp.asarray(VALUES), jnp.zeros(6), reduction=reductions.soft_maximum(t))
    np.testing.assert_allclose(jax.jit(fn)(2.0), fn(2.0), rtol=1e-6)
    assert np.all(np.isfinite(jax.vmap(jax.grad(fn))(jnp.array([1.0, 2.0]))))
    groups = np.array([0, 1])
    assert reductions.worst_group(groups, 2) == reductions.worst_group(groups, 2)
    assert reductions.worst_group(groups, 2) != reductions.worst_group(groups.copy(), 2)
    with pytest.raises(TypeError, match="worst_group holds an array and cannot be hashed.*build the reduction there"):
        hash(reductions.worst_group(groups, 2))
    jax.jit(lambda t: (hash(reductions.mean()), repr(reductions.soft_maximum(t)), t)[-1])(1.0)


WRONG = {
    "not called": (lambda: reductions.mean, "Write reduction=reductions.mean()."),
    "not called, one argument": (lambda: reductions.cvar, "Write reduction=reductions.cvar(fraction)."),
    "not called, two": (lambda: reductions.worst_group, "Write reduction=reductions.worst_group(groups, num_groups)."),
    "not called, sequences": (lambda: reductions.sequence_mean, "Write reduction=reductions.sequence_mean()."),
    "called": (lambda: reductions.term(), "write reduction=reductions.term, without parentheses"),
    "class": (lambda: reductions.Term, "found the class Term. Write reductions.term"),
    "jnp.mean": (lambda: jnp.mean, 'jax.numpy.mean is not. Write reduction="mean".'),
    "np.max": (lambda: np.max, "numpy.max is not. Write lambda values, weights: max(...)."),
    "builtin": (lambda: sum, 'builtins.sum is not. Write reduction="sum".'),
    "own function of no argument": (
        lambda: lambda: max,
        "found <lambda>(): it must take two arguments, (values, weights).",
    ),
    "own function of one argument": (
        lambda: lambda v: v.mean(),
        "found <lambda>(v): it must take two arguments, (values, weights).",
    ),
    "own factory": (
        lambda: lambda start, stop: max,
        "found <lambda>(start, stop): it returns a function; if it makes reductions, call it first.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_reduction_that_is_none_says_what_to_write(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(TypeError, match=re.escape(message)):
        jaxloss.squared_error(jnp.ones(3), jnp.zeros(3), reduction=make())


UNKNOWN = {
    "Mean": "'mean'",
    "SUM": "'sum'",
    "avg": "'mean'",
    "average": "'mean'",
    "sum_over_batch_size": "'mean'",
    "SUM_OVER_BATCH_SIZE": "'mean'",
    "token-mean": "'mean'",
    None: "'none' for no reduction",
    "batchmean": "reduction=jaxloss.reductions.batch_mean()",
    "seq-mean-token-mean": "reduction=jaxloss.reductions.sequence_mean()",
    "seq-mean-token-sum": "reduction=jaxloss.reductions.sequence_mean_token_sum()",
    "seq-mean-token-sum-norm": "reduction=jaxloss.reductions.sequence_mean_token_sum_norm()",
}


@pytest.mark.parametrize("reduction", UNKNOWN)
def test_an_unknown_reduction_says_what_was_likely_meant(reduction) -> None:
    guess = UNKNOWN[reduction]
    with pytest.raises(
        ValueError, match=re.escape(f"found {reduction!r}.") + ".*" + re.escape(f"Did you mean {guess}?")
    ):
        jaxloss.squared_error(jnp.ones((2, 3)), jnp.zeros((2, 3)), reduction=reduction)
    code = guess.removesuffix(" for no reduction").rpartition("reduction=")[2]
    meant = eval(code, {"jaxloss": jaxloss, "batch": 2})
    jaxloss.squared_error(jnp.ones((2, 3)), jnp.zeros((2, 3)), reduction=meant)


def test_an_unknown_reduction_without_a_guess_has_none() -> None:
    for reduction in ("median", ["mean"]):
        with pytest.raises(ValueError, match=r"functions are in jaxloss\.reductions\.$"):
            jaxloss.squared_error(jnp.ones(3), jnp.zeros(3), reduction=reduction)


def test_wrong_arguments_of_a_reduction_name_it() -> None:
    with pytest.raises(TypeError, match=r"top_fraction\(fraction\): missing a required argument: 'fraction'"):
        reductions.top_fraction()
    assert list(inspect.signature(reductions.mean_over).parameters) == ["n", "axis_name"]


ALL = {
    "mean": reductions.mean(),
    "sum": reductions.sum(),
    "mean_over": reductions.mean_over(3),
    "sequence_mean": reductions.sequence_mean(),
    "top_fraction": reductions.top_fraction(0.5),
    "cvar": reductions.cvar(0.5),
    "trimmed_mean": reductions.trimmed_mean(0.5),
    "soft_maximum": reductions.soft_maximum(2.0),
    "worst_group": reductions.worst_group(np.array([0, 1, 0, 1]), 2),
}


@pytest.mark.parametrize("name", ALL)
def test_masked_examples_are_absent_and_nothing_is_zero(name) -> None:
    loss = lambda p, where: jaxloss.squared_error(p, jnp.zeros(4), where=where, reduction=ALL[name])
    predictions = jnp.array([1.0, jnp.nan, 3.0, 2.0])
    keep = np.array([True, False, True, True])
    value, gradient = jax.jit(jax.value_and_grad(loss))(predictions, keep)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
    assert gradient[1] == 0
    clean = jax.value_and_grad(loss)(predictions.at[1].set(0.0), keep)
    np.testing.assert_allclose(value, clean[0], rtol=1e-6)
    np.testing.assert_allclose(gradient, clean[1], rtol=1e-6)
    value, gradient = jax.value_and_grad(loss)(predictions, np.zeros(4, bool))
    assert float(value) == 0
    assert not np.any(gradient)


@pytest.mark.parametrize("name", ALL)
def test_a_nan_is_not_sorted_away(name) -> None:
    predictions = jnp.array([1.0, jnp.nan, 3.0, 2.0])
    if name == "trimmed_mean":
        pytest.skip("it drops the worst by definition, and a NaN counts as the worst")
    assert np.isnan(jaxloss.squared_error(predictions, jnp.zeros(4), reduction=ALL[name]))


@pytest.mark.parametrize(
    ("factory", "bad"),
    [
        ("top_fraction", 0.0),
        ("top_fraction", 1.1),
        ("cvar", 0.0),
        ("trimmed_mean", 1.0),
        ("soft_maximum", 0.0),
        ("mean_over", 0),
    ],
)
def test_parameters_out_of_range(factory, bad) -> None:
    with pytest.raises(ValueError, match="must be"):
        getattr(reductions, factory)(bad)(jnp.ones(2), jnp.ones(2))


def test_terms_merge_exactly() -> None:
    one, other = Term(jnp.float32(2.0), jnp.float32(3.0)), Term(jnp.float32(5.0), jnp.float32(1.0))
    nothing = Term(jnp.float32(7.0), jnp.float32(0.0))
    both = reductions.merge(one, other)
    assert (float(both.values), float(both.weights)) == (2.75, 4.0)
    assert float(reductions.merge(one, nothing).values) == 2.0
    assert float(reductions.merge(nothing, nothing).values) == 0.0
    whole = reductions.summarize(Term(jnp.asarray(VALUES), jnp.asarray(WEIGHTS)))
    parts = [
        reductions.summarize(Term(jnp.asarray(VALUES[s]), jnp.asarray(WEIGHTS[s]))) for s in (slice(2), slice(2, 6))
    ]
    np.testing.assert_allclose(reductions.merge(*parts).values, whole.values, rtol=1e-6)


@pytest.mark.parametrize("check_vma", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_mean_over_devices_is_the_mean_of_the_whole_batch(masked, check_vma) -> None:
    """Shards with different masks, one of them empty, give the single-device value; so do unmasked ones."""
    rng = np.random.default_rng(0)
    predictions, targets = rng.normal(size=(2, 16)).astype(np.float32)
    keep = rng.uniform(size=16) < 0.5
    keep[4:6] = False
    mesh = Mesh(np.array(jax.devices("cpu")[:8]), ("data",))
    shard = PartitionSpec("data")

    @functools.partial(
        jax.shard_map, mesh=mesh, in_specs=(shard, shard, shard), out_specs=PartitionSpec(), check_vma=check_vma
    )
    def global_mean(p, t, where):
        return jaxloss.huber_loss(p, t, where=where if masked else None, reduction=reductions.mean(axis_name="data"))

    expected = jaxloss.huber_loss(predictions, targets, where=keep if masked else None)
    np.testing.assert_allclose(jax.jit(global_mean)(predictions, targets, keep), expected, rtol=1e-6)
    total = jax.shard_map(
        lambda p, t: jaxloss.huber_loss(p, t, reduction=reductions.sum(axis_name="data")),
        mesh=mesh,
        in_specs=(shard, shard),
        out_specs=PartitionSpec(),
        check_vma=check_vma,
    )(predictions, targets)
    np.testing.assert_allclose(total, jaxloss.huber_loss(predictions, targets, reduction="sum"), rtol=1e-6)


def test_gradient_over_devices() -> None:
    """Differentiated inside ``shard_map``, a replicated parameter gets the gradient of the whole batch."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 16)).astype(np.float32)
    keep = rng.uniform(size=16) < 0.5
    mesh = Mesh(np.array(jax.devices("cpu")[:8]), ("data",))
    shard = PartitionSpec("data")

    def loss(w, x, y, where, reduction):
        return jaxloss.squared_error(w * x, y, where=where, reduction=reduction)

    def local(w, x, y, where):
        return jax.grad(loss)(w, x, y, where, reductions.mean(axis_name="data"))

    mapped = jax.shard_map(local, mesh=mesh, in_specs=(PartitionSpec(), shard, shard, shard), out_specs=PartitionSpec())
    expected = jax.grad(loss)(0.7, x, y, keep, "mean")
    np.testing.assert_allclose(jax.jit(mapped)(jnp.float32(0.7), x, y, keep), expected, rtol=1e-5)


def _summarized(values, weights):
    return reductions.summarize(reductions.Term(values, weights)).values


EVERY = [
    reductions.mean(),
    reductions.sequence_mean(),
    reductions.top_fraction(0.5),
    reductions.cvar(0.5),
    reductions.trimmed_mean(0.4),
    reductions.soft_maximum(0.5),
    reductions.worst_group(jnp.array([0, 1, 1]), 2),
    _summarized,
    "mean",
]


@pytest.mark.parametrize("reduction", EVERY, ids=lambda reduction: getattr(reduction, "__name__", reduction))
@pytest.mark.parametrize("scale", [1.2e-38, 1e-30, 1e38])
def test_a_mean_does_not_change_with_the_scale_of_its_weights(reduction, scale: float) -> None:
    """Their products with small losses, and their sum, leave the range of float32."""
    weights = jnp.array([1.0, 2.0, 3.0])
    mean = jax.value_and_grad(lambda x, w: jaxloss.reduce(x, weights=w, reduction=reduction))
    values = jnp.array([1e-8, 2e-8, 3e-8])
    for actual, expected in zip(mean(values, weights * scale), mean(values, weights), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
        assert np.any(expected)


def test_terms_of_tiny_weights_merge() -> None:
    tiny = (
        reductions.Term(jnp.float32(1e-8), jnp.float32(1e-35)),
        reductions.Term(jnp.float32(3e-8), jnp.float32(1e-35)),
    )
    np.testing.assert_allclose(reductions.merge(*tiny).values, 2e-8, rtol=1e-6)


@pytest.mark.parametrize(
    ("n", "weight", "mean"),
    [(0.0, 0.0, 0.0), (0.0, 1.0, np.nan), (-1.0, 1.0, np.nan), (2.0, 1.0, 3.0), (2.0, 0.0, 0.0)],
)
def test_mean_over_a_traced_number_of_nothing(n: float, weight: float, mean: float) -> None:
    loss = lambda x, n, w: jaxloss.reduce(x, weights=w, reduction=reductions.mean_over(n))
    value, slope = jax.jit(jax.value_and_grad(loss))(jnp.array([1.0, 2.0, 3.0]), n, jnp.full(3, weight))
    np.testing.assert_array_equal(value, mean)
    np.testing.assert_array_equal(slope, np.full(3, np.nan if np.isnan(mean) else weight / 2))


@pytest.mark.parametrize(
    ("factory", "wrong"),
    [
        (reductions.top_fraction, (-0.5, 0.0, 1.5)),
        (reductions.cvar, (-0.5, 0.0, 1.5)),
        (reductions.trimmed_mean, (-0.5, 1.0)),
        (reductions.soft_maximum, (-0.5, 0.0)),
        (reductions.sequence_mean_token_sum_norm, (-0.5, 0.0)),
    ],
)
def test_a_traced_argument_out_of_range_never_trains(factory, wrong: tuple[float, ...]) -> None:
    """A concrete one is refused; a traced one cannot be, and would drop every example, say."""
    program = jax.jit(jax.value_and_grad(lambda x, number: jaxloss.reduce(x, reduction=factory(number))))
    for number in wrong:
        value, slope = program(jnp.array([1.0, 2.0, 3.0]), number)
        assert np.isnan(value)
        assert np.isnan(slope).all()


@pytest.mark.parametrize("index", [2, -1, 100])
@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_a_group_out_of_range_never_trains(index: int, wrap) -> None:
    loss = lambda x, groups, w: jaxloss.reduce(x, weights=w, reduction=reductions.worst_group(groups, 2))
    losses, groups = jnp.array([9.0, 2.0, 3.0]), jnp.array([index, 0, 1])
    value, slope = wrap(jax.value_and_grad(loss))(losses, groups, jnp.ones(3))
    assert np.isnan(value)
    assert np.isnan(slope).all()
    assert wrap(loss)(losses, groups, jnp.array([0.0, 1.0, 1.0])) == 3


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9])
def test_means_of_a_symbolic_size(size: int) -> None:
    (symbol,) = jax.export.symbolic_shape("n")
    both = lambda x: (jaxloss.reduce(x), jaxloss.reduce(x, weights=jnp.abs(x)))
    exported = jax.export.export(jax.jit(both))(jax.ShapeDtypeStruct((symbol,), jnp.float32))
    values = jnp.arange(1.0, 1 + size) * 1e37
    np.testing.assert_array_equal(exported.call(values), both(values))
