"""What all states keep: they start at zero, merge by addition, ignore what is masked, and never enter a gradient."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from jaxloss.inspect import diagnostics
from tests.inspect.diagnostics.batches import KINDS, ROWS, Kind, cast, spoiled

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
KEEP = np.arange(ROWS) % 3 != 1


def close(found: object, expected: object, rtol: float = 2e-6) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(np.max(np.abs(b), initial=0)))


@functools.cache
def whole(name: str) -> object:
    kind = KINDS[name]
    return jax.jit(kind.update)(kind.init(), **cast(kind.data, jnp.float32))


read = jax.jit(lambda state: diagnostics.read({"x": state}))


@pytest.mark.parametrize("name", KINDS)
def test_starts_at_zero_and_counts_something(name: str) -> None:
    kind = KINDS[name]
    start = kind.init()
    assert all(leaf.dtype == jnp.float32 and not leaf.any() for leaf in jax.tree.leaves(start))
    close(diagnostics.restart(whole(name)), start)
    assert all(np.isfinite(leaf).all() and leaf.any() for leaf in jax.tree.leaves(whole(name)))
    readings = read(whole(name))
    assert all(np.isfinite(value).all() for value in readings.values()), readings
    # Nothing counted is nothing known: no share of it is a number.
    empty = read(start)
    shares = [n for n, v in empty.items() if not n.endswith("count")]
    assert sum(bool(np.isnan(empty[n]).any()) for n in shares) >= len(shares) / 2, empty


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.meets])
def test_parts_merge_by_addition(name: str) -> None:
    """Micro-batches of a scan, whose carry keeps its structure and dtypes."""
    kind = KINDS[name]
    parts = {n: x.reshape(4, ROWS // 4, *x.shape[1:]) for n, x in cast(kind.data, jnp.float32).items()}
    found, _ = jax.lax.scan(lambda state, part: (kind.update(state, **part), None), kind.init(), parts)
    close(found, whole(name))
    first, second = ({n: x[rows] for n, x in kind.data.items()} for rows in (slice(0, 7), slice(7, None)))
    update = jax.jit(kind.update)
    merged = diagnostics.merge(update(kind.init(), **first), update(kind.init(), **second))
    close(merged, whole(name))


@pytest.mark.parametrize("name", KINDS)
def test_eight_devices_with_masks_of_their_own(name: str) -> None:
    kind = KINDS[name]
    data = spoiled(kind.data, KEEP)
    expected = jax.jit(kind.update)(kind.init(), where=jnp.asarray(KEEP), **data)
    options = {"axis_name": "data"} if kind.meets else {}
    mesh = Mesh(np.array(jax.devices()[:8]), ("data",))

    @jax.jit
    @functools.partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("data"), PartitionSpec("data")),
        out_specs=PartitionSpec(),
    )
    def step(state: object, where: jax.Array, data: dict[str, jax.Array]) -> object:
        part = kind.update(diagnostics.restart(state), where=where, **data, **options)
        return diagnostics.merge(state, part, axis_name="data")

    close(step(kind.init(), jnp.asarray(KEEP), data), expected)


@pytest.mark.parametrize("name", KINDS)
def test_where_is_deletion(name: str) -> None:
    kind = KINDS[name]
    kept = {n: x[KEEP] for n, x in kind.data.items()}
    expected = jax.jit(kind.update)(kind.init(), **kept)
    for run in (kind.update, jax.jit(kind.update)):
        found = run(kind.init(), where=jnp.asarray(KEEP), **spoiled(kind.data, KEEP))
        close(found, expected)
    nothing = np.zeros(ROWS, bool)
    close(jax.jit(kind.update)(kind.init(), where=jnp.asarray(nothing), **spoiled(kind.data, nothing)), kind.init())


@KIND
def test_a_nan_that_counts_is_seen(kind: Kind) -> None:
    floats = [n for n, x in kind.data.items() if x.dtype == np.float32]
    for name in floats:
        data = cast(kind.data, jnp.float32)
        # Rows 0 to 2: one of them is wrong and of a group that is read.
        data[name] = data[name].at[:3].set(jnp.nan)
        state = jax.jit(kind.update)(kind.init(), **data)
        assert any(np.isnan(value).any() for value in read(state).values()), name


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.label])
def test_a_label_out_of_range_is_seen(name: str) -> None:
    kind = KINDS[name]
    for bad in (-1, 5, 2**31 - 1):
        data = cast(kind.data, jnp.float32)
        data[kind.label] = data[kind.label].at[2].set(bad)
        readings = read(jax.jit(kind.update)(kind.init(), **data))
        assert any(np.isnan(value).any() for value in readings.values()), bad


@pytest.mark.parametrize("dtype", [jnp.bfloat16, pytest.param(jnp.float16, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", KINDS)
def test_sixteen_bits_accumulate_in_float32(name: str, dtype: jnp.dtype) -> None:
    kind = KINDS[name]
    rounded = cast(kind.data, dtype)
    exact = {n: x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x for n, x in rounded.items()}
    update = jax.jit(kind.update)
    found = update(kind.init(), **rounded)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(found))
    close(found, update(kind.init(), **exact))


@KIND
def test_nothing_enters_the_gradient(kind: Kind) -> None:
    floats = {n: jnp.asarray(x) for n, x in kind.data.items() if x.dtype == np.float32}
    rest = {n: jnp.asarray(x) for n, x in kind.data.items() if x.dtype != np.float32}

    def total(floats: dict[str, jax.Array]) -> jax.Array:
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(kind.update(kind.init(), **floats, **rest)))

    assert all(not slope.any() for slope in jax.tree.leaves(jax.jit(jax.grad(total))(floats)))


@pytest.mark.full
@KIND
def test_leading_axes_are_examples(kind: Kind) -> None:
    """A batch of sequences counts like the list of its tokens; pairs and images have one batch axis."""
    if kind.meets or "inputs" in kind.data:
        pytest.skip("takes one batch axis")
    data = cast(kind.data, jnp.float32)
    folded = {n: x.reshape(8, 6, *x.shape[1:]) for n, x in data.items()}
    keep = jnp.asarray(KEEP)
    found = kind.update(kind.init(), where=keep.reshape(8, 6), **folded)
    close(found, kind.update(kind.init(), where=keep, **data))


def test_read_every_reads_and_restarts_inside_a_scan() -> None:
    kind = KINDS["saturation"]
    data = cast(kind.data, jnp.float32)

    def step(states: dict[str, object], number: jax.Array) -> tuple[dict[str, object], tuple[jax.Array, object]]:
        states = {"train": kind.update(states["train"], **data)}
        due, readings, states = diagnostics.read_every(states, number, every=4)
        return states, (due, readings)

    states, (due, readings) = jax.jit(lambda s: jax.lax.scan(step, s, jnp.arange(10)))({"train": kind.init()})
    assert due.tolist() == [i in (3, 7) for i in range(10)]
    assert (np.asarray(readings["train/error"]) == 0).tolist() == [i not in (3, 7) for i in range(10)]
    np.testing.assert_allclose(states["train"].counts, 2 * ROWS)
    history = diagnostics.append(None, np.arange(10), readings, due=due)
    assert history.steps.tolist() == [3, 7]
    np.testing.assert_allclose(history.readings["train/error"], kind.data["wrong"].mean(), rtol=1e-6)


def test_a_step_that_is_not_read_costs_nothing() -> None:
    """The expensive branch is a conditional of the compiled program, not a selection between two results."""
    states = {"layer": diagnostics.ranks.init(16)}
    program = jax.jit(lambda s, n: diagnostics.read_every(s, n, every=100)).lower(states, 0).compile()
    assert "conditional" in program.as_text()


@KIND
def test_an_empty_batch_adds_nothing(kind: Kind) -> None:
    close(kind.update(kind.init(), **{n: x[:0] for n, x in kind.data.items()}), kind.init())


@pytest.mark.full
def test_reading_passes_debug_nans() -> None:
    """What is not known is NaN, and that must not end a run in which somebody looks for another NaN."""
    with jax.debug_nans(True):
        start = {name: kind.init() for name, kind in KINDS.items()}
        assert diagnostics.read(start)
        step = jax.jit(lambda states: diagnostics.read_every(states, 0, every=2))
        due, _, _ = step({name: whole(name) for name in KINDS})
    assert not due


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_double_precision(name: str) -> None:
    """With x64 the states are float64, also of smaller inputs, and are read in it."""
    kind, expected = KINDS[name], whole(name)
    with jax.enable_x64(True):
        for dtype in (jnp.float64, jnp.float32):
            state = kind.update(kind.init(), **cast(kind.data, dtype))
            assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(state))
            close(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), state), expected)
            assert all(np.isfinite(value).all() for value in diagnostics.read({"x": state}).values())


def test_misuse_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="'mine' must be a state"):
        diagnostics.read({"mine": (jnp.zeros(3),)})
    with pytest.raises(ValueError, match="every must be a whole number"):
        diagnostics.read_every({}, jnp.array(0), every=0)
    with pytest.raises(ValueError, match="the units that init was told"):
        diagnostics.units.update(diagnostics.units.init(3), jnp.ones((4, 2)))
    with pytest.raises(TypeError, match="where must be boolean"):
        diagnostics.ranks.update(diagnostics.ranks.init(2), jnp.ones((4, 2)), where=jnp.ones(4))
    with pytest.raises(ValueError, match="one group per example"):
        diagnostics.groups.update(diagnostics.groups.init(2), jnp.ones(4), jnp.ones(4), jnp.zeros(3, int))
    with pytest.raises(ValueError, match="region must have the shape"):
        diagnostics.cues.update(diagnostics.cues.init(), jnp.ones((2, 3)), jnp.ones((2, 3)), jnp.ones(2, bool))
    with pytest.raises(ValueError, match="bins must divide the 960 cells"):
        diagnostics.calibration.ece(diagnostics.calibration.init(), bins=7)
    with pytest.raises(TypeError, match="features must be"):
        diagnostics.gradient_shares.update(
            diagnostics.gradient_shares.init(2, 1, 3), jnp.ones((4, 1)), jnp.zeros(4, int)
        )
    with pytest.raises(ValueError, match="bounds must be two numbers in rising order"):
        diagnostics.units.update(diagnostics.units.init(2), jnp.ones((4, 2)), bounds=(1, -1))
