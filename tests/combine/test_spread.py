"""One objective gives the same numbers on one device, on many, and in micro-batches."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from jaxloss import combine, reductions
from jaxloss.combine.gradients.aggregator import Aggregator
from jaxloss.combine.structure.terms import lift
from jaxloss.reductions import Term
from tests.support import assert_trees_close

pytestmark = pytest.mark.full

P = PartitionSpec
ALL = pytest.mark.all_topologies
RNG = np.random.default_rng(3)
BATCH, WIDTH = 24, 4
DATA = {
    "x": RNG.normal(size=(BATCH, WIDTH)).astype(np.float32),
    "y": RNG.normal(size=(BATCH,)).astype(np.float32),
    "label": RNG.integers(0, 3, BATCH).astype(np.int32),
    "valid": RNG.uniform(size=BATCH) > 0.4,
}
DATA["valid"][:6] = False  # the first device of four or eight, and a whole micro-batch, has no valid example
PARAMS = {
    "w": RNG.normal(size=(WIDTH, 8)).astype(np.float32),
    "head": RNG.normal(size=(8, 3)).astype(np.float32),
    "out": RNG.normal(size=(8,)).astype(np.float32),
    "steps": np.int32(7),
}


def losses(params: Any, batch: Any) -> dict[str, Any]:
    hidden = jnp.tanh(batch["x"] @ params["w"])
    logits, value = hidden @ params["head"], hidden @ params["out"]
    return {
        "ce": jaxloss.softmax_cross_entropy_with_integer_labels(
            logits, batch["label"], where=batch["valid"], reduction=reductions.term
        ),
        "fit": jaxloss.huber_loss(value, batch["y"], weights=1 + batch["y"] ** 2, reduction=reductions.term),
        "mean": jaxloss.squared_error(hidden, jnp.zeros_like(hidden), reduction=reductions.term),
        "size": 0.1 * jnp.sum(params["w"] ** 2),
        "groups": combine.Annotation(batch["label"]),
    }


def contrast(params: Any, batch: Any) -> dict[str, Any]:
    """Losses whose examples meet, beside those of examples."""
    first, second = jnp.tanh(batch["x"] @ params["w"]), jnp.sin(batch["x"] @ params["w"])
    tail = {"where": batch["valid"], "weights": 1 + batch["y"] ** 2}
    return {
        **losses(params, batch),
        "pairs": combine.whole_batch(functools.partial(jaxloss.clip_loss, temperature=0.5), first, second, **tail),
        "mined": combine.whole_batch(jaxloss.batch_hard_triplet_loss, first, batch["label"], where=batch["valid"]),
        "agreement": combine.whole_batch(jaxloss.pearson_correlation_loss, first[:, 0], batch["y"], **tail),
    }


def plain_sum() -> Aggregator:
    add = lambda rows, state, *, values, present, step, **extra: (
        jax.tree.map(lambda r: jnp.sum(r, 0), rows),
        state,
    )
    return Aggregator(lambda params, names: (), add)


def halves() -> combine.LossTransform:
    """Keep the larger half of each term of examples: no sum over parts gives this."""

    def fn(terms: Any, step: Any) -> Any:
        def one(term: Term) -> Term:
            values = jax.lax.stop_gradient(jnp.where(term.weights > 0, term.values, -jnp.inf))
            keep = jnp.sum(term.weights > 0) // 2
            threshold = jnp.sort(jnp.ravel(values))[::-1][keep]
            return Term(term.values, jnp.where(values > threshold, term.weights, 0))

        return {name: one(term) if term.values.ndim and term.values.size > 8 else term for name, term in terms.items()}

    return combine.stateless(fn)


RECIPES: dict[str, dict[str, Any]] = {
    "alone": {},
    "weighed": {"transforms": (combine.weigh(ce=0.3, size=lambda step: 0.5 + step.astype(jnp.float32)),)},
    "switched off": {"transforms": (combine.weigh(ce=0.0, fit=lambda step: 0.0 * step.astype(jnp.float32)),)},
    "hard examples": {"transforms": (combine.on(["ce", "fit"], halves()), combine.weigh(fit=2.0))},
    "derived": {"transforms": (combine.derive("square", lambda m: jnp.sum(m**2), "mean"), combine.scale(0.7))},
    "groups": {"transforms": (combine.on(["ce", "fit"], combine.group_dro(3, step_size=0.5)),)},
    "added": {"aggregate": plain_sum()},
    "upgrad": {"transforms": (combine.weigh(size=0.0),), "aggregate": combine.upgrad()},
    "whole batch": {"losses": contrast, "transforms": (combine.on(["ce", "pairs"], halves()),)},
    "whole batch, upgrad": {"losses": contrast, "aggregate": combine.upgrad()},
}


def evaluate(recipe: dict[str, Any], steps: int = 2, losses: Any = losses, **options: Any) -> Any:
    losses = recipe.get("losses", losses)
    objective = combine.objective(losses, *recipe.get("transforms", ()), aggregate=recipe.get("aggregate"), **options)
    state = objective.init(PARAMS, DATA)

    def run(params: Any, state: Any, batch: Any) -> Any:
        for _ in range(steps):
            floats = {k: v for k, v in params.items() if k != "steps"}
            step = lambda p, s=state: objective({**p, "steps": params["steps"]}, s, batch)
            (loss, aux), gradient = jax.value_and_grad(step, has_aux=True)(floats)
            state = aux.state
        return loss, aux, gradient

    return run, state


@functools.cache
def reference(name: str) -> Any:
    run, state = evaluate({**RECIPES[name]})
    return jax.jit(run)(PARAMS, state, DATA)


def on_devices(recipe: dict[str, Any], devices: int, microbatches: int, check: bool) -> Any:
    mesh = Mesh(np.array(jax.devices()[:devices]), ("data",))
    run, state = evaluate(recipe, axis_name="data", microbatches=microbatches)
    program = jax.shard_map(run, mesh=mesh, in_specs=(P(), P(), P("data")), out_specs=P(), check_vma=check)
    return jax.jit(program)(PARAMS, state, DATA)


def same(actual: Any, expected: Any, rtol: float = 1e-5) -> None:
    for part in range(3):
        a, e = actual[part], expected[part]
        if part == 1:
            a, e = a._replace(extra=None), e._replace(extra=None)
        assert_trees_close(jax.tree.leaves(a), jax.tree.leaves(e), rtol, ("loss", "aux", "gradient")[part])


@pytest.mark.parametrize(
    ("microbatches", "name"), [*((4, name) for name in RECIPES), (3, "hard examples"), (3, "upgrad")]
)
def test_micro_batches(name: str, microbatches: int) -> None:
    run, state = evaluate(RECIPES[name], microbatches=microbatches)
    same(jax.jit(run)(PARAMS, state, DATA), reference(name))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(
    ("devices", "microbatches", "check"), [(2, 1, True), (8, 1, True), (4, 2, True), (4, 1, False), (2, 3, False)]
)
def test_devices(name: str, devices: int, microbatches: int, check: bool) -> None:
    same(on_devices(RECIPES[name], devices, microbatches, check), reference(name))


SPECS = {"w": P(None, "fsdp"), "head": P("fsdp"), "out": P(), "steps": P()}


@pytest.mark.parametrize("name", ["hard examples", "upgrad"])
@pytest.mark.parametrize("check", [True, False], ids=["check_vma", "no check"])
def test_sharded_parameters(name: str, check: bool) -> None:
    """Parameters that are gathered inside: their gradients come back sharded, and are not added up twice."""
    recipe = RECIPES[name]

    def gathered(params: Any, batch: Any) -> Any:
        gather = functools.partial(jax.lax.all_gather, axis_name="fsdp", tiled=True)
        return losses({**params, "w": gather(params["w"], axis=1), "head": gather(params["head"], axis=0)}, batch)

    run, state = evaluate(recipe, losses=gathered, axis_name=("data", "fsdp"), params_specs=None if check else SPECS)
    mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "fsdp"))
    gradient = {name: spec for name, spec in SPECS.items() if name != "steps"}
    program = jax.shard_map(
        run,
        mesh=mesh,
        in_specs=(SPECS, P(), P(("data", "fsdp"))),
        out_specs=(P(), P(), gradient),
        check_vma=check,
    )
    same(jax.jit(program)(PARAMS, state, DATA), reference(name))


def test_the_axis_of_a_vmap() -> None:
    run, state = evaluate(RECIPES["hard examples"], axis_name="data")
    shards = jax.tree.map(lambda leaf: leaf.reshape(4, -1, *leaf.shape[1:]), DATA)
    found = jax.vmap(run, in_axes=(None, None, 0), axis_name="data")(PARAMS, state, shards)
    same(jax.tree.map(lambda leaf: leaf[0], found), reference("hard examples"))


def test_sharded_arrays_under_jit() -> None:
    mesh = Mesh(np.array(jax.devices()), ("data",))
    run, state = evaluate(RECIPES["hard examples"])
    batch = jax.device_put(DATA, NamedSharding(mesh, P("data")))
    params, state = jax.device_put((PARAMS, state), NamedSharding(mesh, P()))
    same(jax.jit(run)(params, state, batch), reference("hard examples"))


@pytest.mark.parametrize("options", [{}, {"microbatches": 2}], ids=["plain", "micro-batches"])
def test_many_seeds_at_once(options: Any) -> None:
    run, state = evaluate(RECIPES["hard examples"], **options)
    seeds = jax.tree.map(lambda leaf: np.stack([leaf, (2 * leaf).astype(leaf.dtype)]), PARAMS)
    found = jax.jit(jax.vmap(run, in_axes=(0, None, None)))(seeds, state, DATA)
    same(jax.tree.map(lambda leaf: leaf[0], found), reference("hard examples"))


def in_two_processes(module: str, *words: str, timeout: float = 300) -> list[Any]:
    """The JSON that each of two processes of the module prints, with real collectives between them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent.parent.parent)}
    command = [sys.executable, "-m", f"tests.combine.{module}", address]
    start = functools.partial(
        subprocess.Popen, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    processes = [start([*command, str(n), *words]) for n in range(2)]
    printed = []
    for process in processes:
        output, errors = process.communicate(timeout=timeout)
        assert process.returncode == 0, errors[-3000:]
        printed.append(json.loads(output.splitlines()[-1]))
    return printed


def test_two_processes() -> None:
    """Two processes of two devices each give the numbers of one device."""
    for found in in_two_processes("two_processes"):
        for name in found:
            loss, aux, gradient = reference(name)
            expected = [np.ravel(leaf).tolist() for leaf in jax.tree.leaves((loss, aux.terms, aux.weights, gradient))]
            for actual, leaf in zip(found[name], expected, strict=True):
                np.testing.assert_allclose(actual, leaf, rtol=1e-5, atol=1e-5 * max(map(abs, leaf)))


SOME = ("clip_loss", "batch_hard_triplet_loss", "cox_efron_nll", "mmd_loss", "vicreg_loss")


@pytest.mark.parametrize("names", [pytest.param(SOME, id="some"), pytest.param((), id="all", marks=ALL)])
def test_losses_whose_examples_meet_in_two_processes(names: tuple[str, ...]) -> None:
    """Spread over two processes of four devices each, they are those of the whole batch."""
    for found in in_two_processes("two_processes_losses", *names, timeout=1800):
        assert len(found) == len(names) or len(found) > 60
        assert {name: broken for name, broken in found.items() if broken} == {}


def test_linear_transformations_cost_micro_batches_no_second_pass() -> None:
    """Matrix products of a compiled step: as many as hand-written accumulation has."""

    def products(transforms: Any) -> int:
        run, state = evaluate({"transforms": transforms}, steps=1, microbatches=4)
        text = jax.jit(run).lower(PARAMS, state, DATA).compile().as_text()
        return text.count("dot(") + text.count("dot-general(")

    def accumulated(params: Any, batch: Any) -> Any:
        parts = jax.tree.map(lambda leaf: leaf.reshape(4, -1, *leaf.shape[1:]), batch)

        def body(total: Any, part: Any) -> Any:
            value = lambda p: sum(jnp.sum(lift(losses(p, part))[n].values) for n in ("ce", "fit", "mean", "size"))
            return jax.tree.map(jnp.add, total, jax.grad(value)(params)), None

        return jax.lax.scan(body, jax.tree.map(jnp.zeros_like, params), parts)

    floats = {name: leaf for name, leaf in PARAMS.items() if name != "steps"}
    text = jax.jit(accumulated).lower(floats, DATA).compile().as_text()
    by_hand = text.count("dot(") + text.count("dot-general(")
    linear = products((combine.weigh(ce=0.5, fit=2.0),))
    assert linear <= by_hand
    assert products((combine.on("fit", halves()),)) > linear


# ---- what is refused -------------------------------------------------------------------------------------------


def micro(**options: Any) -> Any:
    objective = combine.objective(losses, **{"microbatches": 2, **options})
    return objective, objective.init(PARAMS, DATA)


FLOATS = {name: leaf for name, leaf in PARAMS.items() if name != "steps"}


def test_a_batch_that_does_not_divide() -> None:
    objective, state = micro(microbatches=5)
    with pytest.raises(ValueError, match=r"microbatches=5 must divide .* \(24.*'batch\['"):
        objective(PARAMS, state, DATA)


def test_other_arguments_are_not_differentiated() -> None:
    objective, state = micro()
    value = lambda x: objective(PARAMS, state, {**DATA, "x": x})[0]
    for fn in (value, jax.jit(value)):
        with pytest.raises(TypeError, match="first argument"):
            jax.eval_shape(jax.grad(fn), jnp.asarray(DATA["x"]))


def test_second_derivatives_are_refused_and_never_zero() -> None:
    objective, state = micro()
    value = lambda w: objective({**PARAMS, "w": w}, state, DATA)[0]
    w = jnp.asarray(PARAMS["w"])
    slope = lambda w: jnp.sum(jax.grad(value)(w) ** 2)
    for fn in (jax.grad(slope), jax.grad(jax.jit(slope))):
        with pytest.raises(TypeError, match="first derivatives only"):
            jax.eval_shape(fn, w)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(value, (w,), (w,))  # not eval_shape: JAX refuses it later than the trace
    with pytest.raises(TypeError, match="first derivatives only"):
        jax.eval_shape(lambda w: jax.jvp(slope, (w,), (w,)), w)


def test_terms_that_vary_without_axis_name() -> None:
    run, state = evaluate(RECIPES["alone"])
    mesh = Mesh(np.array(jax.devices()), ("data",))
    program = jax.shard_map(run, mesh=mesh, in_specs=(P(), P(), P("data")), out_specs=P())
    with pytest.raises(ValueError, match=r"vary over the mesh axes \['data'\].*axis_name"):
        jax.eval_shape(program, PARAMS, state, DATA)


def test_parameters_changed_in_place() -> None:
    def counting(params: Any, batch: Any) -> Any:
        params["steps"] = params["steps"] + 1
        return losses(params, batch)

    objective = combine.objective(counting, microbatches=2)
    with pytest.raises(TypeError, match=r"in place.*has_aux"):
        objective(PARAMS, objective.init(dict(PARAMS), DATA), DATA)


def test_no_batch_to_split_and_no_parts() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        combine.objective(losses, microbatches=0)
    objective = combine.objective(lambda params: {"a": params}, microbatches=2)
    with pytest.raises(TypeError, match="first argument after the state"):
        objective(1.0, objective.init(1.0))


# ---- what is kept ----------------------------------------------------------------------------------------------


def test_a_loss_scale_multiplies_the_gradient_and_16_bits_keep_their_dtype() -> None:
    objective, state = micro()
    half = {name: jnp.asarray(leaf, jnp.bfloat16) for name, leaf in FLOATS.items()}
    batch = {**DATA, "x": jnp.asarray(DATA["x"], jnp.bfloat16), "y": jnp.asarray(DATA["y"], jnp.bfloat16)}
    value = lambda p, scale: scale * objective({**p, "steps": PARAMS["steps"]}, state, batch)[0]
    once, scaled = jax.grad(value)(half, 1.0), jax.grad(value)(half, 1024.0)
    assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(once))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(1024 * a, b), once, scaled)


def test_random_keys_differ_between_micro_batches_and_extra_is_stacked() -> None:
    def noisy(params: Any, batch: Any, key: Any) -> Any:
        noise = jax.random.normal(key)
        return {"a": params * noise + 0 * batch}, noise

    objective = combine.objective(noisy, microbatches=2, has_aux=True)
    args = (jnp.ones(4), jax.random.key(0))
    state = objective.init(1.0, *args)
    (_, aux), slope = jax.value_and_grad(objective, has_aux=True)(1.0, state, *args)
    assert aux.extra.shape == (2,)
    assert aux.extra[0] != aux.extra[1]
    np.testing.assert_allclose(slope, np.sum(aux.extra) / 2, rtol=1e-6)


def test_evaluating_without_a_gradient_costs_one_forward_pass() -> None:
    objective, state = micro(microbatches=1, aggregate=plain_sum())
    cost = lambda fn: jax.jit(fn).lower(PARAMS, DATA).compile().cost_analysis()["flops"]
    alone = cost(lambda p, b: combine.objective(losses)(p, combine.objective(losses).init(p, b), b)[0])
    assert cost(lambda p, b: objective(p, state, b)[0]) <= 1.05 * alone


def test_one_forward_trace_and_one_transposition_for_each_term() -> None:
    """Matrix products of a shared trunk with three heads: 4 forward, and back 3 for each head's own term."""
    traced = []

    def heads(params: Any, x: Any) -> Any:
        traced.append(1)
        hidden = jnp.tanh(x @ params["trunk"])
        return {name: jnp.sum(jnp.sin(hidden @ params[name]), -1) for name in ("a", "b", "c")}

    params = {name: jnp.ones((8, 8)) * 0.1 for name in ("trunk", "a", "b", "c")}
    objective = combine.objective(heads, aggregate=plain_sum())
    state = objective.init(params, jnp.ones((4, 8)))
    traced.clear()
    step = jax.jit(jax.grad(lambda p, x: objective(p, state, x)[0]))
    text = step.lower(params, jnp.ones((4, 8))).as_text()
    assert len(traced) == 1
    assert text.count("dot_general") == 4 + 3 * 3
