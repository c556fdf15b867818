"""Losses whose examples meet inside a split objective, and terms that were averaged too early."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from jaxloss import combine, reductions
from jaxloss.inspect.calls import call, cast, cast_hypers, differentiable, direction, settings
from jaxloss.inspect.case import Case
from tests.support import assert_trees_close, selected_cases

SIZE = 16
P = PartitionSpec
ALL = pytest.mark.all_topologies


def _data() -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(3)
    normal = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    params = {"image": normal(5, 4), "text": normal(6, 4), "temperature": jnp.float32(0.3)}
    keep = np.ones(SIZE, bool)
    keep[[1, 4, 5, 6, 7, 12]] = False  # the second of four parts is empty
    batch = {
        "image": normal(SIZE, 5),
        "text": normal(SIZE, 6),
        "label": jnp.asarray(rng.integers(0, 3, SIZE), jnp.int32),
        "keep": jnp.asarray(keep),
        "weights": jnp.asarray(rng.uniform(0.5, 2, SIZE), jnp.float32),
    }
    return params, batch


def _clip(params: Any, batch: Any, whole: Any) -> dict[str, Any]:
    tail = {"where": batch["keep"], "weights": batch["weights"]}
    first, second = jnp.tanh(batch["image"] @ params["image"]), jnp.tanh(batch["text"] @ params["text"])
    loss = lambda x, y, temperature, **tail: jaxloss.clip_loss(x, y, temperature=temperature, **tail)
    return {
        "clip": whole(loss, first, second, params["temperature"], **tail),
        "fit": jaxloss.squared_error(first, second, where=batch["keep"][:, None]),
        "size": jaxloss.l2_penalty(params),
    }


def _scalar(params: Any, batch: Any, whole: Any) -> dict[str, Any]:
    """A pooled loss, one number for the batch, a mined one and a distance between two samples."""
    first, second = jnp.tanh(batch["image"] @ params["image"]), jnp.tanh(batch["text"] @ params["text"])
    return {
        "spread": whole(jaxloss.pearson_correlation_loss, first[:, 0], second[:, 0], where=batch["keep"]),
        "mined": whole(jaxloss.batch_hard_triplet_loss, first, batch["label"], where=batch["keep"]),
        "distance": whole(functools.partial(jaxloss.mmd_loss, bandwidths=(1.0, 2.0)), first, second),
    }


def _run(
    losses: Any, params: Any, batch: Any, devices: int, microbatches: int, *transforms: Any, **options: Any
) -> Any:
    split = {"microbatches": microbatches, **({"axis_name": "data"} if devices > 1 else {})}
    objective = combine.objective(losses, *transforms, **split, **options)
    state = combine.objective(losses, *transforms, **options).init(params, batch)

    def step(params: Any, batch: Any) -> Any:
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, batch)
        return {"loss": loss, "gradient": gradient, "metrics": aux.metrics()}

    if devices > 1:
        mesh = Mesh(np.array(jax.devices("cpu")[:devices]), ("data",))
        step = jax.shard_map(step, mesh=mesh, in_specs=(P(), P("data")), out_specs=P())
    return jax.device_get(jax.jit(step)(params, batch))


@pytest.mark.parametrize("losses", [_clip, _scalar], ids=["clip", "numbers"])
@pytest.mark.parametrize(("devices", "microbatches"), [(1, 2), (1, 4), (2, 1), (4, 2), (8, 2)])
def test_functions_of_the_whole_batch_are_those_of_one_piece(losses: Any, devices: int, microbatches: int) -> None:
    params, batch = _data()
    whole = functools.partial(losses, whole=combine.whole_batch)
    one = _run(whole, params, batch, 1, 1)
    assert_trees_close(_run(whole, params, batch, devices, microbatches), one, 1e-5, f"{devices} x {microbatches}")


def test_the_whole_batch_of_one_piece_is_a_call() -> None:
    params, batch = _data()
    called = _run(functools.partial(_clip, whole=lambda fn, *args, **kwargs: fn(*args, **kwargs)), params, batch, 1, 1)
    assert_trees_close(
        _run(functools.partial(_clip, whole=combine.whole_batch), params, batch, 1, 1), called, 1e-6, "called"
    )


def test_transformations_see_the_examples_of_the_whole_batch() -> None:
    params, batch = _data()
    whole = functools.partial(_clip, whole=combine.whole_batch)
    hard = combine.on("clip", combine.top_fraction(0.4))
    one = _run(whole, params, batch, 1, 1, hard)
    for devices, microbatches in ((1, 4), (4, 1), (2, 2)):
        assert_trees_close(_run(whole, params, batch, devices, microbatches, hard), one, 1e-5, "hard examples")


def test_aggregators_take_functions_of_the_whole_batch() -> None:
    params, batch = _data()
    whole = functools.partial(_clip, whole=combine.whole_batch)
    one = _run(whole, params, batch, 1, 1, aggregate=combine.upgrad())
    for devices, microbatches in ((1, 4), (2, 2)):
        found = _run(whole, params, batch, devices, microbatches, aggregate=combine.upgrad())
        assert_trees_close(found, one, 1e-5, "aggregated")


def test_a_loss_with_axis_name_needs_no_gathering() -> None:
    params, batch = _data()

    def losses(params: Any, batch: Any, axis_name: Any = None) -> dict[str, Any]:
        first, second = batch["image"] @ params["image"], batch["text"] @ params["text"]
        return {"clip": jaxloss.clip_loss(first, second, where=batch["keep"], axis_name=axis_name)}

    one = _run(losses, params, batch, 1, 1)
    spread = functools.partial(losses, axis_name="data")
    mesh = Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    objective = combine.objective(spread, axis_name="data")
    state = combine.objective(losses).init(params, batch)

    def step(params: Any, batch: Any) -> Any:
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, batch)
        return {"loss": loss, "gradient": gradient, "metrics": aux.metrics()}

    found = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=(P(), P("data")), out_specs=P()))(params, batch)
    assert_trees_close(jax.device_get(found), one, 1e-5, "axis_name")


def _linear(term: Any) -> Any:
    return lambda params, batch: {"fit": term(params, batch), "size": jnp.sum(params**2)}


def _fit(params: Any, batch: Any, **tail: Any) -> Any:
    return jaxloss.squared_error(batch["x"] @ params, batch["y"], where=batch["keep"], **tail)


AVERAGED = {
    "mean": lambda p, b: 1.0 * _fit(p, b),
    "sum": lambda p, b: _fit(p, b, reduction="sum"),
    "robust": lambda p, b: _fit(p, b, reduction=reductions.trimmed_mean(0.1)),
    "mean of examples": lambda p, b: jnp.mean(_fit(p, b, reduction="none")),
    "inner jit": lambda p, b: jax.jit(_fit)(p, b),
    "checkpoint": lambda p, b: jax.checkpoint(_fit)(p, b),
    "scan": lambda p, b: jax.lax.scan(lambda c, x: (c + x, None), 0 * b["y"][0], _fit(p, b, reduction="none"))[0],
}


def _small() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    batch = {"x": rng.normal(size=(8, 3)), "y": rng.normal(size=8), "keep": np.array([1, 1, 0, 0, 0, 1, 1, 1], bool)}
    return jnp.ones(3), {n: jnp.asarray(x, bool if n == "keep" else jnp.float32) for n, x in batch.items()}


@pytest.mark.parametrize("kind", AVERAGED)
@pytest.mark.parametrize("split", ["microbatches", "axis_name", "untyped", "examples"])
def test_numbers_made_of_a_part_are_refused(kind: str, split: str) -> None:
    params, batch = _small()
    losses = _linear(AVERAGED[kind])
    state = combine.objective(losses).init(params, batch)
    if split == "microbatches":
        run = lambda: combine.objective(losses, microbatches=2).init(params, batch)
    elif split == "examples":
        run = lambda: combine.objective(losses, combine.on("fit", combine.top_fraction(0.5))).init(params, batch)
    else:
        step = combine.objective(losses, axis_name="data")
        mesh = Mesh(np.array(jax.devices("cpu")[:2]), ("data",))
        spread = jax.shard_map(
            lambda p, b: step(p, state, b)[0],
            mesh=mesh,
            in_specs=(P(), P("data")),
            out_specs=P(),
            check_vma=split == "axis_name",
        )
        run = lambda: jax.eval_shape(spread, params, batch)
    with pytest.raises(ValueError, match=r"numbers made of the batch.*reductions\.term.*whole_batch"):
        run()


@pytest.mark.parametrize("kind", ["mean", "none", "term"])
@pytest.mark.parametrize(("devices", "microbatches"), [(1, 1), (1, 4), (2, 1), (2, 2)])
def test_what_a_loss_returns_is_its_examples(kind: str, devices: int, microbatches: int) -> None:
    params, batch = _small()
    reduction = reductions.term if kind == "term" else kind
    losses = _linear(lambda p, b: _fit(p, b, weights=jnp.abs(b["y"]), reduction=reduction))
    expected = _run(_linear(lambda p, b: _fit(p, b, weights=jnp.abs(b["y"]))), params, batch, 1, 1)
    for transforms in ((), (combine.on("fit", combine.top_fraction(0.5)),)):
        if transforms:
            terms = _linear(lambda p, b: _fit(p, b, weights=jnp.abs(b["y"]), reduction=reductions.term))
            expected = _run(terms, params, batch, 1, 1, *transforms)
        found = _run(losses, params, batch, devices, microbatches, *transforms)
        assert_trees_close(found, expected, 1e-5, kind)


def test_a_number_of_the_parameters_or_of_all_devices_is_welcome() -> None:
    params, batch = _small()

    def losses(params: Any, batch: Any) -> Any:
        hidden = batch["x"] @ params
        penalties = jax.jit(lambda p, x: (jnp.sum(jnp.abs(p)), jnp.sum(x)))(params, hidden)
        return {"fit": _fit(params, batch), "size": penalties[0]}

    one = _run(losses, params, batch, 1, 1)
    assert_trees_close(_run(losses, params, batch, 1, 4), one, 1e-5, "micro-batches")
    assert_trees_close(_run(losses, params, batch, 4, 1), one, 1e-5, "devices")
    everywhere = lambda p, b: {"fit": 1.0 * _fit(p, b, reduction=reductions.mean(axis_name="data"))}
    alone = lambda p, b: {"fit": _fit(p, b)}
    mesh = Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    state = combine.objective(alone).init(params, batch)
    value = lambda objective: jax.value_and_grad(lambda p, b: objective(p, state, b)[0])
    averaged = value(combine.objective(everywhere, axis_name="data"))
    spread = jax.shard_map(averaged, mesh=mesh, in_specs=(P(), P("data")), out_specs=P())
    expected = value(combine.objective(alone))(params, batch)
    assert_trees_close(jax.jit(spread)(params, batch), expected, 1e-5, "a mean over devices")


@pytest.mark.parametrize("options", [{"microbatches": 2}, {"axis_name": "data"}], ids=["microbatches", "axis_name"])
def test_a_local_loss_of_a_part_is_refused(options: dict[str, Any]) -> None:
    params, batch = _data()

    def losses(params: Any, batch: Any, axis_name: Any = None) -> dict[str, Any]:
        first = jax.jit(lambda x, w: x @ w)(batch["image"], params["image"])
        local = functools.partial(jaxloss.clip_loss, axis_name=axis_name, reduction=reductions.term)
        return {"clip": jax.jit(local)(first, batch["text"] @ params["text"])}

    # The program of the losses is in the cache of traces, from where they are allowed to be.
    combine.objective(losses).init(params, batch)
    with pytest.raises(ValueError, match="whole_batch" if "microbatches" in options else "axis_name='data'"):
        combine.objective(losses, **options).init(params, batch)
    combine.objective(functools.partial(losses, axis_name=()), **options).init(params, batch)


SPLITS = [(devices, parts) for devices in (1, 2, 4, 8) for parts in (1, 2, 4) if devices * parts > 1]
EXAMPLES = 32
DIRECTIONS = 4


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every loss in one of the splits, which move on with ``--rotate``; in the others for ``-m all_topologies``."""
    if "case" in metafunc.fixturenames:
        cases = [c for c in selected_cases(metafunc.config) if "axis_name" in inspect.signature(c.fn).parameters]
        turn = metafunc.config.getoption("rotate") or 0
        others = lambda place, case: () if place == (sum(map(ord, case.name)) + turn) % len(SPLITS) else (ALL,)
        metafunc.parametrize(
            ("case", "split"),
            [
                pytest.param(case, split, id=f"{case.name}-{split[0]}x{split[1]}", marks=others(place, case))
                for case in cases
                for place, split in enumerate(SPLITS)
            ],
        )


def test_every_loss_whose_examples_meet_in_parts(case: Case, split: tuple[int, int]) -> None:
    """Micro-batches on each of some devices, with unequal masks: value, gradient and metrics of one piece."""
    if case.spread is not None:
        inputs, axes = case.spread(np.random.default_rng(0))
        tail: dict[str, Any] = {}
    else:
        inputs = case.draw(np.random.default_rng(0), (EXAMPLES,))
        axes = {name: None if name in case.shared else 0 for name in inputs}
        keep = np.arange(EXAMPLES) % 5 != 1
        keep[8:12] = False  # a part that is empty
        tail = {"where": jnp.asarray(keep), "weights": jnp.arange(1.0, EXAMPLES + 1)}
    given = cast(inputs, np.float32)
    hypers = {n: v for n, v in cast_hypers(settings(case)[-1], np.float32).items() if n not in given}
    whole = {name: x for name, x in given.items() if axes[name] is None}
    # Of a sample of twice as many points, two are in every row of the batch.
    size = min(given[name].shape[axis] for name, axis in axes.items() if axis is not None)
    if size % np.prod(split):
        pytest.skip(f"the sample has {size} points")
    rows = lambda x, axis: jnp.reshape(jnp.moveaxis(x, axis, 0), (size, -1, *np.delete(x.shape, axis)))
    batch = {name: rows(x, axis) for name, x in given.items() if (axis := axes[name]) is not None}
    names = [name for name in differentiable(case, given) if name in batch]

    def loss(tail: Any, **rows: Any) -> Any:
        flat = {name: jnp.reshape(x, (-1, *x.shape[2:])) for name, x in rows.items()}
        back = {name: jnp.moveaxis(x, 0, axes[name] or 0) for name, x in flat.items()}
        return call(case, {name: back.get(name, whole.get(name)) for name in given}, **hypers, **tail)

    def losses(params: Any, parts: Any) -> Any:
        rows, along, tail = parts
        moved = {n: x + jnp.tensordot(along[n], params[n], 1) if n in params else x for n, x in rows.items()}
        return {"it": combine.whole_batch(loss, tail, **moved)}

    # In one direction the slopes of the examples may cancel: errors are relative to the largest of several.
    params = {name: jnp.zeros(DIRECTIONS) for name in names}
    ways = [direction(np.random.default_rng(way), {name: batch[name] for name in names}) for way in range(DIRECTIONS)]
    parts = batch, jax.tree.map(lambda *x: jnp.stack(x, axis=-1), *ways), tail
    one = _run(losses, params, parts, 1, 1)
    assert_trees_close(_run(losses, params, parts, *split), one, 1e-5, case.name)
