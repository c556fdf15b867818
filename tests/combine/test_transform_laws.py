"""What every transformation of terms keeps: states that scan, presence, order of the examples, no gradient to weights."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import combine, reductions
from jaxloss.combine.structure.terms import mean_of
from jaxloss.reductions import Term

ROWS, GROUPS = 8, 3
KEY = jax.random.key(1)


class Law(NamedTuple):
    """A transformation and what it is excused from, for a reason that its docstring states.

    Attributes:
        tx: The transformation.
        nonlinear: It replaces the losses by a function of them, which has a second derivative.
        ordered: The order of the examples means something.
        hides: It drops the largest or non-finite losses, NaN among them.
    """

    tx: combine.LossTransform
    nonlinear: bool = False
    ordered: bool = False
    hides: bool = False


class Momentum(NamedTuple):
    """An optimiser that is not optax's; all that is asked for is ``init`` and ``update``."""

    init: Any = lambda params: jax.tree.map(jnp.zeros_like, params)

    @staticmethod
    def update(slopes, state, params):
        state = jax.tree.map(lambda s, m: 0.9 * m + s, slopes, state)
        return jax.tree.map(lambda m: -0.1 * m, state), state


def table(tx: Any) -> dict[str, Law]:
    return {
        "chain": Law(combine.chain(combine.top_fraction(0.6), combine.weigh_tunable(a=2.0), combine.uncertainty(tx))),
        "on": Law(combine.on("a", combine.cvar(0.5), combine.ema_normalize())),
        "scale": Law(combine.scale(optax.linear_schedule(0.5, 1.0, 4))),
        "weigh": Law(combine.weigh(a=-0.5)),
        "weigh_tunable": Law(combine.weigh_tunable(a=0.5, b=3.0)),
        "monitor": Law(combine.monitor("a", "b"), hides=True),
        "top_fraction": Law(combine.top_fraction(optax.linear_schedule(0.9, 0.3, 4))),
        "cvar": Law(combine.cvar(0.3)),
        "trimmed_mean": Law(combine.trimmed_mean(0.3), hides=True),
        "small_loss": Law(combine.small_loss(0.5), hides=True),
        "co_teaching": Law(combine.small_loss(0.5, judges={"a": "b", "b": "a"})),
        "nonzero_mean": Law(combine.nonzero_mean()),
        "skip_nonfinite": Law(combine.skip_nonfinite(), hides=True),
        "clip_values": Law(combine.clip_values(0.7, 1.5)),
        "focal": Law(combine.focal(1.5), nonlinear=True),
        "reduce_by": Law(combine.reduce_by(reductions.mean())),
        "soft_maximum": Law(combine.reduce_by(reductions.soft_maximum, temperature=lambda _: 0.5), nonlinear=True),
        "worst_group": Law(combine.reduce_by(reductions.worst_group, groups="groups", num_groups=GROUPS)),
        "group_dro": Law(combine.group_dro(GROUPS, step_size=0.3)),
        "term_dro": Law(combine.term_dro(0.3)),
        "self_paced": Law(combine.self_paced(1.2)),
        "superloss": Law(combine.superloss(0.7), nonlinear=True),
        "causal": Law(combine.causal(0.5), ordered=True),
        "self_adaptive": Law(combine.self_adaptive(tx), ordered=True),
        "self_adaptive_points": Law(combine.self_adaptive(tx, points="points", num_points=ROWS + 1)),
        "uncertainty": Law(combine.uncertainty(tx)),
        "revised_uncertainty": Law(combine.revised_uncertainty(tx, initial={"a": 0.5, "b": 1.5})),
        "imtl_l": Law(combine.imtl_l(tx)),
        "scalarized": Law(combine.scalarized(lambda losses, present: jnp.sum(jnp.where(present, losses**2, 0)))),
        "geometric_mean": Law(combine.geometric_mean()),
        "tchebycheff": Law(combine.tchebycheff(0.2, preference={"a": 0.7}, ideal={"b": 0.1})),
        "vrex": Law(combine.vrex(0.3)),
        "dwa": Law(combine.dwa(1)),
        "coefficient_of_variation": Law(combine.coefficient_of_variation()),
        "softadapt": Law(combine.softadapt(0.5)),
        "relobralo": Law(combine.relobralo(KEY, lookback=0.5)),
        "famo": Law(combine.famo(tx)),
        "weigh_randomly": Law(combine.weigh_randomly(KEY)),
        "ema_normalize": Law(combine.ema_normalize(0.5)),
        "constrain": Law(combine.constrain(tx, at_most={"a": 0.4}, at_least={"a": 0.1}, equal={"b": 0.5})),
        "geco": Law(combine.geco({"b": 0.4}, step_size=0.3)),
    }


TRANSFORMS = table(optax.adam(0.05))
every = pytest.mark.parametrize("name", TRANSFORMS)
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def _standard_promotion():
    """For optax's own arithmetic; the transformations' own is tested strictly in test_strict_promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def batch(seed: int = 0, rows: int = ROWS) -> tuple[dict[str, Term], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=(2, ROWS))).astype(np.float32)
    weights = np.float32([[1, 2, 1, 1, 0, 1, 1, 0.5], [1, 1, 0, 1, 1, 1, 1, 1]])
    more = rows - ROWS
    values = np.concatenate([values, np.full((2, more), np.nan, np.float32)], 1)
    weights = np.concatenate([weights, np.zeros((2, more), np.float32)], 1)
    index = np.concatenate([rng.integers(0, GROUPS, ROWS), np.full(more, -1)]).astype(np.int32)
    points = np.concatenate([np.roll(np.arange(ROWS), 3), np.full(more, ROWS)]).astype(np.int32)
    terms = {n: Term(jnp.asarray(v), jnp.asarray(w)) for n, v, w in zip("ab", values, weights, strict=True)}
    return terms, {"groups": jnp.asarray(index), "points": jnp.asarray(points)}


@functools.cache
def jitted(name: str):
    return jax.jit(lambda terms, state, step, extra: TRANSFORMS[name].tx.update(terms, state, step=step, **extra))


def first_state(name: str, terms: Any = None) -> Any:
    return TRANSFORMS[name].tx.init(batch()[0] if terms is None else terms)


@functools.cache
def warm(name: str) -> Any:
    """A state after three steps."""
    state = first_state(name)
    for t in range(3):
        terms, extra = batch(t + 10)
        _, state = jitted(name)(terms, state, jnp.int32(t), extra)
    return state


def step(name: str, terms: Any, extra: Any, state: Any = None) -> tuple[dict[str, np.ndarray], Any]:
    out, new = jitted(name)(terms, warm(name) if state is None else state, jnp.int32(3), extra)
    return {n: np.asarray(mean_of(term)) for n, term in out.items()}, new


def close(actual: Any, expected: Any, rtol: float = 2e-6) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=rtol, atol=1e-6)


def signature(tree: Any) -> Any:
    return jax.tree.map(lambda x: (x.shape, x.dtype), jax.eval_shape(lambda: tree))


def finite(tree: Any) -> bool:
    return all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(tree))


@every
def test_the_state_is_a_fixpoint_and_scans(name: str) -> None:
    tx, state = TRANSFORMS[name].tx, first_state(name)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    batches = [batch(t + 10) for t in range(3)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *batches)

    def body(carry, given):
        (terms, extra), t = given
        out, carry = tx.update(terms, carry, step=t, **extra)
        return carry, {n: mean_of(term) for n, term in out.items()}

    final, means = jax.jit(lambda s, b: jax.lax.scan(body, s, (b, jnp.arange(3))))(state, stacked)
    assert signature(final) == signature(state)
    close(final, warm(name))
    assert finite((final, means))


@every
def test_init_looks_at_shapes_only(name: str) -> None:
    shapes = jax.eval_shape(lambda: batch()[0])
    close(first_state(name, shapes), first_state(name))


@every
def test_a_state_can_be_donated(name: str) -> None:
    """No array is there twice, nor shared with the transformation or another state."""
    states = [first_state(name) for _ in range(2)]
    buffers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(states)]
    assert len(set(buffers)) == len(buffers)


@every
def test_the_order_of_the_examples_does_not_matter(name: str) -> None:
    terms, extra = batch()
    order = np.random.default_rng(5).permutation(ROWS)
    moved = jax.tree.map(lambda x: x[order], (terms, extra))
    plain, other = step(name, terms, extra), step(name, *moved)
    if TRANSFORMS[name].ordered:
        assert not all(np.allclose(a, b) for a, b in zip(*map(jax.tree.leaves, (plain, other)), strict=True))
    else:
        close(other, plain)


@every
def test_rows_of_weight_zero_change_nothing(name: str) -> None:
    (terms, extra), (more, longer) = batch(), batch(rows=ROWS + 2)
    if name in ("on", "scale", "weigh"):  # these leave the losses of weight 0 as they are
        more = {n: Term(jnp.nan_to_num(term.values), term.weights) for n, term in more.items()}
    plain = step(name, terms, extra)
    if name == "self_adaptive":  # has a number per row
        grow = lambda x: jnp.concatenate([x, jnp.full(2, 7.0)]) if jnp.ndim(x) else x
        means, state = step(name, more, longer, jax.tree.map(grow, warm(name)))
        close((means, jax.tree.map(lambda x: x[:ROWS] if jnp.ndim(x) else x, state)), plain)
        assert all(np.all(table[ROWS:] == 7) for table in state.multipliers.values())
    else:
        close(step(name, more, longer), plain)


@every
def test_a_step_without_examples_leaves_the_state(name: str) -> None:
    terms, extra = batch()
    empty = {n: Term(term.values * jnp.nan, jnp.zeros_like(term.weights)) for n, term in terms.items()}
    for state in (warm(name), first_state(name)):
        means, after = step(name, empty, extra, state)
        jax.tree.map(np.testing.assert_array_equal, after, state)
    if name not in ("on", "scale", "weigh"):  # these leave the losses of weight 0 as they are
        assert all(value == 0 for value in means.values())


@every
def test_an_absent_term_keeps_its_part_of_the_state(name: str) -> None:
    terms, extra = batch()
    terms = {**terms, "a": Term(jnp.zeros(ROWS), jnp.zeros(ROWS))}
    means, after = step(name, terms, extra)
    assert finite((means, after))
    assert means["a"] == 0
    belongs = lambda path: any(getattr(key, "key", None) == "a" for key in path)
    for (path, new), old in zip(jax.tree_util.tree_leaves_with_path(after), jax.tree.leaves(warm(name)), strict=True):
        if belongs(path) and name != "term_dro":  # whose weights sum to 1
            np.testing.assert_array_equal(new, old)


@every
def test_a_nan_stays_in_the_loss_and_out_of_the_state(name: str) -> None:
    terms, extra = batch()
    terms = {**terms, "a": Term(terms["a"].values.at[1].set(jnp.nan), terms["a"].weights)}
    means, state = step(name, terms, extra)
    assert finite(state)
    assert finite(means["b"])
    assert TRANSFORMS[name].hides == np.isfinite(means["a"])


@every
def test_weights_and_states_are_constants(name: str) -> None:
    terms, extra = batch()
    tangent = {n: jnp.asarray(np.random.default_rng(4).normal(size=ROWS), jnp.float32) for n in terms}

    def parts(values, state):
        given = {n: Term(v, terms[n].weights) for n, v in values.items()}
        out, state = TRANSFORMS[name].tx.update(given, state, step=jnp.int32(3), **extra)
        total = sum(jnp.sum(mean_of(term)) for term in out.values())
        floats = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
        return total, [term.weights for term in out.values()] + floats

    def derivatives(values, state):
        _, moving = jax.jvp(lambda v: parts(v, state)[1], (values,), (tangent,))
        slope = jax.grad(lambda v: parts(v, state)[0])
        return moving, *jax.jvp(slope, (values,), (tangent,))

    moving, slope, curvature = jax.jit(derivatives)({n: t.values for n, t in terms.items()}, warm(name))
    assert not any(np.any(x) for x in moving)
    assert finite((slope, curvature))
    assert any(np.any(x) for x in jax.tree.leaves(slope)) == (name != "monitor")
    assert any(np.any(x) for x in jax.tree.leaves(curvature)) == TRANSFORMS[name].nonlinear


@every
def test_compiled_or_not(name: str) -> None:
    terms, extra = batch()
    out, state = TRANSFORMS[name].tx.update(terms, warm(name), step=jnp.int32(3), **extra)
    close(({n: mean_of(term) for n, term in out.items()}, state), step(name, terms, extra), rtol=1e-5)


@every
def test_vmap_over_runs(name: str) -> None:
    runs = [batch(seed) for seed in (1, 2)]
    both = jax.tree.map(lambda *x: jnp.stack(x), *runs)
    states = jax.tree.map(lambda x: jnp.stack([x, x]), warm(name))
    out, after = jax.vmap(jitted(name), in_axes=(0, 0, None, 0))(both[0], states, jnp.int32(3), both[1])
    means = {n: jax.vmap(mean_of)(term) for n, term in out.items()}
    for i, run in enumerate(runs):
        close(jax.tree.map(lambda x: x[i], (means, after)), step(name, *run), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name, law in TRANSFORMS.items() if not law.tx.per_example])
def test_means_suffice_where_it_is_promised(name: str) -> None:
    terms, extra = batch()
    close(step(name, {n: reductions.summarize(term) for n, term in terms.items()}, extra), step(name, terms, extra))


@every
def test_float64_stays_and_float16_never_appears(name: str) -> None:
    with jax.enable_x64(True):
        terms, extra = batch()
        wide = jax.tree.map(lambda x: x.astype(jnp.float64), terms)
        state = first_state(name, wide)
        run = lambda terms: TRANSFORMS[name].tx.update(terms, state, step=jnp.int32(3), **extra)
        out, after = jax.eval_shape(run, wide)
        assert all(x.dtype == jnp.float64 for x in jax.tree.leaves(out))
        assert signature(after) == signature(state)
        program = str(jax.make_jaxpr(run)(wide))
    assert "f16" not in program
    assert "f32" not in program or name in ("chain", "scale", "top_fraction"), "but for optax's schedules"


@every
def test_strict_promotion(name: str) -> None:
    terms, extra = batch()
    tx = table(Momentum())[name].tx
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.eval_shape(lambda: tx.update(terms, tx.init(terms), step=jnp.int32(3), **extra))


def test_the_promise_is_that_of_the_parts() -> None:
    means, examples = combine.scale(2.0), combine.focal()
    for tx, per_example in (
        (combine.chain(), False),
        (combine.chain(means, combine.weigh(a=1.0)), False),
        (combine.chain(means, examples), True),
        (combine.on("a", means), False),
        (combine.on("a", means, examples), True),
        (combine.LossTransform(means.init, means.update), True),
    ):
        assert tx.per_example is per_example


def test_the_table_is_complete() -> None:
    functions = {n: getattr(combine, n) for n in combine.__all__ if n.islower()}
    made = {n for n, fn in functions.items() if inspect.signature(fn).return_annotation == "LossTransform"}
    # Those that need a function of the user, or a number per term and not per example, have tests of their own.
    assert made - {"derive", "learned", "ntk_normalize", "stateless"} <= set(TRANSFORMS)
