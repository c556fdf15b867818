"""The laws: every one runs over every Case.

A law that cannot hold for a loss is named in the Case's ``exempt``, with the reason in words.
"""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from tests.cases import Case, all_cases, floats
from tests.registry import losses
from tests.support import (
    TAIL,
    assert_finite,
    assert_trees_close,
    call,
    cast,
    cast_hypers,
    contracted,
    differentiable,
    direction,
    inner,
    keyword_parameters,
    loss,
    of_floats,
    rows,
    run_examples,
    settings,
)

CASES = all_cases()
EPS32, EPS64 = np.finfo(np.float32).eps, np.finfo(np.float64).eps


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    law = request.node.function.__name__.removeprefix("test_")
    if law in request.param.exempt:
        pytest.skip(f"cannot hold: {request.param.exempt[law]}")
    return request.param


# ---- the registry ----------------------------------------------------------------------------------------------


def test_every_loss_has_one_case() -> None:
    assert sorted(losses()) == [case.name for case in CASES]


def test_exemptions_name_laws() -> None:
    laws = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    for case in CASES:
        assert set(case.exempt) <= laws, case.name
        assert all(len(reason.split()) >= 3 for reason in case.exempt.values()), case.name


# ---- form ------------------------------------------------------------------------------------------------------


def test_signature(case: Case) -> None:
    parameters = list(inspect.signature(case.fn).parameters.values())
    assert [p.name for p in parameters[-3:]] == list(TAIL)
    assert [p.default for p in parameters[-3:]] == [None, None, "mean"]
    assert all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters)
    data = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert all(p.default is p.empty for p in data)
    assert not {"axis", "from_logits"} & {p.name for p in parameters}
    assert [p.name for p in data][len(case.leading) :] == list(case.draw(np.random.default_rng(0), (2,)))


def test_hypers_are_all_off_default(case: Case) -> None:
    parameters = keyword_parameters(case.fn)
    assert set(parameters) == set(case.hypers)
    for name, value in case.hypers.items():
        assert not np.array_equal(value, parameters[name].default), name


def test_docstring(case: Case) -> None:
    text = inspect.getdoc(case.fn) or ""
    for section in ("Args:", "Returns:", "Raises:", "Example:", "Reference:"):
        assert f"\n{section}" in text, f"no section {section}"
    assert ".. math::" in text, "no formula"
    described = " ".join(re.findall(r"^    ([\w, ]+):", text.split("Args:")[1].split("Returns:")[0], re.M))
    missing = set(inspect.signature(case.fn).parameters) - set(re.split(r"[, ]+", described))
    assert not missing, f"undescribed arguments {missing}"
    reference = text.split("Reference:")[1]
    assert re.search(r"\(\d{4}\)", reference), "no year"
    assert "https://" in reference, "no link"


def test_example_runs(case: Case) -> None:
    names = {"jaxloss": jaxloss, "jax": jax, "jnp": jnp}
    assert run_examples(case.fn, case.name, names)


# ---- values and derivatives ------------------------------------------------------------------------------------


def test_equals_its_oracle(case: Case, rng: np.random.Generator) -> None:
    for batch in ((7,), (3, 4)):
        for hypers in settings(case):
            inputs = case.draw(rng, batch)
            expected = np.asarray(case.oracle(**inputs, **hypers), np.float64)
            assert expected.shape == case.unreduced(batch)
            with jax.enable_x64(True):
                actual = loss(case, cast(inputs, np.float64), **cast_hypers(hypers, np.float64), reduction="none")
                assert actual.dtype == jnp.float64
            np.testing.assert_allclose(actual, expected, rtol=case.tolerance, atol=1e-14, err_msg=f"{hypers}")


def test_derivatives(case: Case, rng: np.random.Generator) -> None:
    """Finite differences, reverse and forward mode agree, to second order, under a random cotangent."""
    batch = (5,)
    hypers = settings(case)[-1]
    with jax.enable_x64(True):
        inputs = cast(case.draw(rng, batch), np.float64)
        cotangent = jnp.asarray(rng.normal(size=case.unreduced(batch)) + 2)
        fn, at = contracted(case, inputs, cotangent, **cast_hypers(hypers, np.float64))
        value, gradient = jax.jit(fn), jax.jit(jax.grad(fn))
        slope = jax.jit(lambda x, v: jax.jvp(fn, (x,), (v,))[1])
        curve = jax.jit(lambda x, v: jax.jvp(jax.grad(fn), (x,), (v,))[1])
        reverse = gradient(at)
        step = 1e-6
        for name in at:
            along = direction(rng, {name: at[name]})
            along = {n: along.get(n, jnp.zeros_like(x)) for n, x in at.items()}
            ahead = jax.tree.map(lambda x, v: x + step * v, at, along)
            behind = jax.tree.map(lambda x, v: x - step * v, at, along)
            expected = inner(reverse, along)
            scale = np.sqrt(inner(reverse, reverse) * inner(along, along)) + abs(float(value(at))) * 1e-4 + 1e-12
            difference = (float(value(ahead)) - float(value(behind))) / (2 * step)
            assert abs(difference - expected) <= 2e-6 * scale, f"d/d{name}: {expected}, differences {difference}"
            assert abs(float(slope(at, along)) - expected) <= 1e-12 * scale, f"forward mode along {name}"
            second = curve(at, along)
            assert_finite(second, f"Hessian-vector product along {name}")
            bend = jax.tree.map(lambda a, b: (a - b) / (2 * step), gradient(ahead), gradient(behind))
            size = np.sqrt(inner(second, second)) + np.sqrt(inner(reverse, reverse)) * 1e-2 + 1e-9
            error = jax.tree.map(jnp.subtract, second, bend)
            assert np.sqrt(inner(error, error)) <= 1e-4 * size, f"Hessian along {name}"


def test_single_precision(case: Case, rng: np.random.Generator) -> None:
    """float32 against float64 of the same float32 inputs: values to 4 ulp, gradients to 16 of the largest entry."""
    hypers = settings(case)[-1]
    batch = (64,)
    inputs = {
        n: np.asarray(x, np.float32) if n in floats(case.draw(rng, batch)) else x
        for n, x in case.draw(np.random.default_rng(5), batch).items()
    }
    hypers32 = {
        k: np.asarray(v, np.float32).astype(v.dtype) if isinstance(v, np.ndarray) else v for k, v in hypers.items()
    }
    results = {}
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(dtype == np.float64):
            converted = cast(
                {n: np.asarray(x, np.float64) if n in floats(inputs) else x for n, x in inputs.items()}, dtype
            )
            fn, at = of_floats(case, converted, **cast_hypers(hypers32, dtype), reduction="none")
            values, gradient = jax.jit(lambda x: (fn(x), jax.grad(lambda y: jnp.sum(fn(y)))(x)))(at)
            assert values.dtype == dtype
            results[dtype] = np.asarray(values), jax.tree.map(np.asarray, gradient)
    (v32, g32), (v64, g64) = results[np.float32], results[np.float64]
    scale = np.maximum(np.abs(v64), 1.0 if case.cancels else 1e-30)
    ulps = np.max(np.abs(v32 - v64) / scale, initial=0) / EPS32
    assert ulps <= case.ulps, f"value off by {ulps:.1f} ulp"
    for name in g64:
        assert g32[name].dtype == np.float32
        largest = np.max(np.abs(g64[name]), initial=0) + 1e-30
        ulps = np.max(np.abs(g32[name] - g64[name]), initial=0) / largest / EPS32
        assert ulps <= 4 * case.ulps, f"gradient in {name} off by {ulps:.1f} ulp"


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision(case: Case, rng: np.random.Generator, dtype: Any) -> None:
    """16-bit inputs: computed and returned as float32, gradients in the dtype of the inputs."""
    hypers = settings(case)[-1]
    inputs = cast((case.half or case.draw)(rng, (16,)), dtype)
    fn, at = of_floats(case, inputs, **cast_hypers(hypers, np.float32))
    value, gradient = jax.jit(jax.value_and_grad(fn))(at)
    assert value.dtype == jnp.float32
    with jax.enable_x64(True):
        wide = {n: np.asarray(x, np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x for n, x in inputs.items()}
        exact, at64 = of_floats(case, cast(wide, np.float64), **cast_hypers(hypers, np.float64))
        expected, slopes = jax.jit(jax.value_and_grad(exact))(at64)
    np.testing.assert_allclose(float(value), float(expected), rtol=1e-5, atol=1e-5 if case.cancels else 1e-7)
    for name in at:
        assert gradient[name].dtype == dtype, name
        largest = np.max(np.abs(slopes[name]), initial=0) + 1e-6
        error = np.max(np.abs(np.asarray(gradient[name], np.float64) - np.asarray(slopes[name])), initial=0)
        assert error <= 2 * float(jnp.finfo(dtype).eps) * largest, name


def test_extremes_are_finite(case: Case) -> None:
    for hypers in settings(case):

        def results(inputs: dict, hypers: Any = hypers) -> Any:
            fn, at = of_floats(case, inputs, **cast_hypers(hypers, np.float32))
            return jax.value_and_grad(fn)(at)

        program = jax.jit(results)
        for name, inputs in case.extremes.items():
            value, gradient = program(cast(inputs, np.float32))
            assert_finite(value, f"value at {name}")
            assert_finite(gradient, f"gradient at {name}")


def test_perfect_prediction(case: Case, rng: np.random.Generator) -> None:
    """Exactly the stated minimum, with zero gradient, in float32 and float64."""
    if case.perfect is None:
        pytest.skip("no prediction is perfect, or its loss has no fixed value")
    inputs = case.perfect(rng, (9,))
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(dtype == np.float64):
            for hypers in settings(case):
                fn, at = of_floats(case, cast(inputs, dtype), **cast_hypers(hypers, dtype), reduction="none")
                first = next(iter(at))
                values, gradient = jax.jit(lambda x: (fn(x), jax.grad(lambda y: jnp.sum(fn(y)))(x)[first]))(at)
                np.testing.assert_array_equal(np.asarray(values), case.best)
                np.testing.assert_array_equal(np.asarray(gradient), np.zeros(np.shape(at[first])))


def test_bound(case: Case, rng: np.random.Generator) -> None:
    """No value falls below the declared bound, not by rounding either."""
    if case.bound is None:
        pytest.skip("unbounded below")
    draws = [case.draw(rng, (512,))] + ([case.perfect(rng, (512,))] if case.perfect else [])
    for hypers in settings(case):
        value = jax.jit(lambda x: call(case, x, **cast_hypers(hypers, np.float32), reduction="none"))
        for inputs in draws:
            for wiggle in (0.0, 1e-7, 1e-3):
                moved = dict(inputs)
                first = next(iter(floats(inputs)))
                if first not in case.fixed:
                    moved[first] = inputs[first] * (1 + wiggle)
                assert np.min(value(cast(moved, np.float32))) >= case.bound


def test_convex(case: Case, rng: np.random.Generator) -> None:
    if not case.convex:
        pytest.skip("not declared convex")
    with jax.enable_x64(True):
        for hypers in settings(case):
            one, other = (case.draw(rng, (200,)) for _ in range(2))
            first = next(iter(one))
            program = jax.jit(lambda x: call(case, x, **cast_hypers(hypers, np.float64), reduction="none"))
            value = lambda x: np.asarray(program(cast({**one, first: x}, np.float64)))
            ends = (value(one[first]) + value(other[first])) / 2
            middle = value((one[first] + other[first]) / 2)
            assert np.all(middle <= ends + 1e-12 * (1 + np.abs(ends)))


# ---- reductions, masks, weights --------------------------------------------------------------------------------


def test_reductions_agree(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (3, 4)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    reductions = ("none", "sum", jaxloss.reductions.mean(), jaxloss.reductions.term)
    program = lambda x: (call(case, x, **hypers), *(call(case, x, **hypers, reduction=r) for r in reductions))
    default, each, total, mean, term = jax.jit(program)(inputs)
    chex.assert_shape(each, case.unreduced((3, 4)))
    chex.assert_shape(default, ())
    assert isinstance(term, jaxloss.reductions.Term)
    chex.assert_equal_shape([term.values, term.weights, each])
    np.testing.assert_allclose(jnp.sum(each), total, rtol=1e-6)
    np.testing.assert_allclose(default, mean, rtol=1e-6)
    np.testing.assert_allclose(default, jnp.sum(term.values * term.weights) / jnp.sum(term.weights), rtol=2e-6)
    np.testing.assert_allclose(term.values * term.weights, each, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_mask_is_deletion(case: Case, rng: np.random.Generator, jit: bool) -> None:
    """Value and gradient with a mask are those of the inputs without the masked rows."""
    batch = (6,)
    keep = np.array([True, False, True, True, False, True])
    inputs = cast(case.draw(rng, batch), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    weights = jnp.asarray(rng.uniform(0.5, 2.0, batch), jnp.float32)
    fewer = cast({n: np.asarray(x) for n, x in rows(case, inputs, keep).items()}, np.float32)
    wrap = jax.jit if jit else (lambda f: f)

    def results(x: dict, where: Any, w: Any) -> Any:
        """Value and gradient of a mean with weights; compiled, also of a sum without."""
        found = {}
        for weighed, reduction in ((True, "mean"), (False, "sum")) if jit else ((True, "mean"),):
            tail = {"where": where, "weights": w if weighed else None, "reduction": reduction}
            fn, at = of_floats(case, x, **hypers, **tail)
            found[f"{reduction}, {'weighed' if weighed else 'equal'}"] = jax.value_and_grad(fn)(at)
        return found

    actual = wrap(lambda x, w: results(x, keep, w))(inputs, weights)
    expected = jax.jit(lambda x, w: results(x, None, w))(fewer, weights[keep])
    for kind, (value, gradient) in actual.items():
        np.testing.assert_allclose(value, expected[kind][0], rtol=4e-6, atol=1e-6 if case.cancels else 1e-9)
        for name in gradient:
            if name not in case.shared:
                assert not np.any(np.asarray(gradient[name])[~keep]), f"masked rows pull on {name}"
                gradient[name] = np.asarray(gradient[name])[keep]
        assert_trees_close(gradient, expected[kind][1], 3e-5, f"gradient, {kind}")
    masked = np.asarray(loss(case, inputs, **hypers, where=keep, reduction="none"))
    alone = np.asarray(loss(case, fewer, **hypers, reduction="none"))
    if case.pooled:
        np.testing.assert_allclose(masked, alone, rtol=4e-6, atol=1e-6)
    else:
        assert not np.any(masked[~keep])
        np.testing.assert_allclose(masked[keep], alone, rtol=4e-6, atol=1e-6)


def test_weight_is_repetition(case: Case, rng: np.random.Generator) -> None:
    """A weight of k counts as k copies, 0 as none; the scale of all weights does not move the mean.

    Where examples meet, a copy would be another negative: there a weight is that of k copies of the anchor's term.
    """
    counts = np.array([2, 0, 1, 3, 1])
    inputs = case.draw(rng, (5,))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    repeated = cast(rows(case, inputs, np.repeat(np.arange(5), counts)), np.float32)
    weights = jnp.asarray(counts, jnp.float32)

    def both(x: dict, w: Any = None) -> list:
        return [call(case, x, **hypers, weights=w, reduction=reduction) for reduction in ("mean", "sum")]

    program = jax.jit(both)
    mean, total = program(cast(inputs, np.float32), weights)
    if case.meets:
        term = loss(case, cast(inputs, np.float32), **hypers, reduction=jaxloss.reductions.term)
        sums = np.sum(term.values * term.weights * weights), np.sum(term.weights * weights)
        expected = [sums[0] / sums[1], sums[0]]
    else:
        expected = program(repeated)
    np.testing.assert_allclose([mean, total], expected, rtol=4e-6, atol=1e-6 if case.cancels else 1e-9)
    scaled, _ = program(cast(inputs, np.float32), 8 * weights)
    np.testing.assert_allclose(scaled, mean, rtol=1e-6)


def test_garbage_behind_the_mask_is_inert(case: Case, rng: np.random.Generator) -> None:
    """NaN, infinities and absurd labels behind a mask stay out of value, gradient and Hessian, eagerly too."""
    keep = np.array([True, False, True, True, False, True])
    clean = case.draw(rng, (6,))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    along = direction(rng, of_floats(case, cast(clean, np.float32))[1])

    def results(inputs: dict, weights: Any, reduction: str) -> Any:
        fn, at = of_floats(case, inputs, **hypers, where=keep, weights=weights, reduction=reduction)
        total = lambda x: jnp.sum(fn(x))
        return fn(at), *jax.jvp(jax.grad(total), (at,), (along,))

    for wrap, reduction, kinds in ((lambda f: f, "mean", (np.nan,)), (jax.jit, "none", (np.nan, np.inf, -np.inf))):
        program = wrap(functools.partial(results, reduction=reduction))
        expected = program(cast(clean, np.float32), jnp.where(jnp.asarray(keep), 1.5, jnp.float32(0.0)))
        assert_finite(expected, "clean inputs")
        for garbage in kinds:
            inputs = {n: np.array(x) for n, x in clean.items()}
            for name, x in inputs.items():
                if name not in case.shared:
                    x[~keep] = garbage if name in floats(clean) else -100
            weights = jnp.where(jnp.asarray(keep), 1.5, jnp.float32(garbage))
            result = program(cast(inputs, np.float32), weights)
            assert_trees_close(result, expected, 1e-6, f"{garbage} behind the mask, {reduction}")


def test_nan_is_not_hidden(case: Case, rng: np.random.Generator) -> None:
    """A NaN in an unmasked entry shows in its own example and in no other."""
    inputs = case.draw(rng, (4,))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    program = jax.jit(lambda x: call(case, x, **hypers, reduction="none"))
    for name in floats(inputs):
        if name in case.shared:
            continue
        spoiled = {n: np.array(x) for n, x in inputs.items()}
        spoiled[name].reshape(4, -1)[1, 0] = np.nan
        values = np.asarray(program(cast(spoiled, np.float32)))
        if case.pooled or case.meets:
            assert np.isnan(values if case.pooled else values[1]), name
        else:
            np.testing.assert_array_equal(np.isnan(values), [False, True, False, False], err_msg=name)


def test_nothing_left_is_zero(case: Case, rng: np.random.Generator) -> None:
    """An all-masked batch and an empty one give 0 with zero gradient."""
    hypers = cast_hypers(settings(case)[-1], np.float32)
    for batch, where in (((5,), np.zeros(5, bool)), ((0,), None), ((0, 3), None)):
        inputs = cast(case.draw(rng, batch), np.float32)

        def results(x: dict, where: Any = where) -> Any:
            pairs = [of_floats(case, x, **hypers, where=where, reduction=r) for r in ("mean", "sum")]
            each = call(case, x, **hypers, where=where, reduction="none")
            return [jax.value_and_grad(fn)(at) for fn, at in pairs], each

        reduced, each = jax.jit(results)(inputs)
        for value, gradient in reduced:
            assert float(value) == 0, batch
            assert not any(np.any(np.asarray(g)) for g in gradient.values()), batch
        assert each.shape == case.unreduced(batch)
        assert not np.any(np.asarray(each))


# ---- transformations -------------------------------------------------------------------------------------------


class TestVariants(chex.TestCase):
    """jit and no jit, on device and off, give the same numbers."""

    @chex.variants(with_jit=True, without_jit=True, with_device=True, without_device=True)
    def test_jit_equals_eager(self) -> None:
        rng = np.random.default_rng(3)
        for case in CASES:
            inputs = cast(case.draw(rng, (6,)), np.float32)
            hypers = cast_hypers(settings(case)[-1], np.float32)
            fn = lambda *x, case=case, inputs=inputs, hypers=hypers: call(
                case, dict(zip(inputs, x, strict=True)), **hypers
            )
            value = self.variant(fn)(*inputs.values())
            expected = call(case, inputs, **hypers)
            np.testing.assert_allclose(value, expected, rtol=2e-6, atol=1e-6, err_msg=case.name)


def test_one_trace_for_all_hyperparameters(case: Case, rng: np.random.Generator) -> None:
    """Numbers may be traced: two values, one program; and vmap over them equals a loop."""
    numbers = {n: v for n, v in case.hypers.items() if isinstance(v, float | int) and n not in case.static}
    if not numbers:
        pytest.skip("no hyperparameter is a number")
    assert not any(isinstance(v, bool) for v in numbers.values())
    chex.clear_trace_counter()
    inputs = cast(case.draw(rng, (4,)), np.float32)
    rest = cast_hypers({n: v for n, v in case.hypers.items() if n not in numbers}, np.float32)
    fn = jax.jit(chex.assert_max_traces(lambda x, h: call(case, x, **rest, **h), n=1))
    near = {n: v * 1.03125 for n, v in numbers.items()}
    one, other = fn(inputs, numbers), fn(inputs, near)
    np.testing.assert_allclose(one, loss(case, inputs, **rest, **numbers), rtol=4e-6, atol=1e-6)
    np.testing.assert_allclose(other, loss(case, inputs, **rest, **near), rtol=4e-6, atol=1e-6)
    swept = jax.jit(jax.vmap(lambda h: call(case, inputs, **rest, **h)))(
        {n: jnp.asarray([v, near[n]], jnp.float32) for n, v in numbers.items()}
    )
    np.testing.assert_allclose(swept, [one, other], rtol=4e-6, atol=1e-6)


def test_vmap_and_scan_equal_a_loop(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (3, 4)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    batched = {n: x for n, x in inputs.items() if n not in case.shared}
    fn = lambda some: call(case, {**inputs, **some}, **hypers)
    program = jax.jit(fn)
    loop = [program(jax.tree.map(lambda x, i=i: x[i], batched)) for i in range(3)]
    with jax.checking_leaks():
        mapped = jax.jit(jax.vmap(fn))(batched)
    np.testing.assert_allclose(mapped, loop, rtol=4e-6, atol=1e-6)
    _, scanned = jax.lax.scan(lambda carry, some: (carry + 1.0, fn(some)), 0.0, batched)
    np.testing.assert_allclose(scanned, loop, rtol=4e-6, atol=1e-6)


def test_sharded_equals_single_device(case: Case, rng: np.random.Generator) -> None:
    batch = (8, 3)
    mesh = Mesh(np.array(jax.devices("cpu")[:8]), ("data",))
    inputs = cast(case.draw(rng, batch), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    keep = jnp.asarray(rng.uniform(size=batch) < 0.7)
    place = lambda n, x: jax.device_put(
        x, NamedSharding(mesh, PartitionSpec() if n in case.shared else PartitionSpec("data"))
    )
    sharded = {n: place(n, x) for n, x in inputs.items()}

    def both(x: dict, where: Any) -> Any:
        fn, at = of_floats(case, x, **hypers, where=where)
        return jax.value_and_grad(fn)(at)

    actual = jax.jit(both)(sharded, place("where", keep))
    assert_trees_close(actual, jax.jit(both)(inputs, keep), 2e-5, "eight devices")


def test_exports_for_every_platform(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (4,)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    names = differentiable(case, inputs)

    def both(x: dict) -> Any:
        fn, _ = of_floats(case, x, **hypers)
        return jax.value_and_grad(fn)({n: x[n] for n in names})

    exported = jax.export.export(jax.jit(both), platforms=["cpu", "cuda", "tpu"])(inputs)
    back = jax.export.deserialize(exported.serialize())
    assert_trees_close(back.call(inputs), jax.jit(both)(inputs), 1e-5, "after the round trip")


# ---- misuse ----------------------------------------------------------------------------------------------------


def test_refuses_shapes_that_differ(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (4,)), np.float32)
    batched = [n for n in inputs if n not in case.shared]
    if len(batched) < 2:
        pytest.skip("one batched input: nothing to differ from")
    hypers = cast_hypers(settings(case)[-1], np.float32)
    for name in batched:
        for wrong in (inputs[name][:-1], inputs[name][..., None], inputs[name][:1]):
            with pytest.raises(ValueError, match=r"shape|ax[ie]s"):
                loss(case, {**inputs, name: wrong}, **hypers)


def test_refuses_wrong_dtypes(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (4,)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    first = next(iter(inputs))
    for dtype in (jnp.int32, jnp.uint8, jnp.bool_, jnp.complex64):
        with pytest.raises(TypeError, match=first):
            loss(case, {**inputs, first: jnp.ones(inputs[first].shape, dtype)}, **hypers)
    for name in inputs:
        if name not in floats({n: np.asarray(x) for n, x in inputs.items()}):
            with pytest.raises(TypeError, match=name):
                loss(case, {**inputs, name: inputs[name].astype(jnp.float32)}, **hypers)


def test_refuses_a_wrong_tail(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (4,)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    with pytest.raises(TypeError, match="did you mean weights|Did you mean weights"):
        loss(case, inputs, **hypers, where=jnp.ones(4))
    with pytest.raises(TypeError, match="where"):
        loss(case, inputs, **hypers, where=jnp.ones(4, jnp.int32))
    with pytest.raises(TypeError, match="where"):
        loss(case, inputs, **hypers, weights=jnp.ones(4, bool))
    with pytest.raises(ValueError, match="reduction"):
        loss(case, inputs, **hypers, reduction="average")
    for tail in ("where", "weights"):
        with pytest.raises(ValueError, match=tail):
            loss(case, inputs, **hypers, **{tail: jnp.ones((4, 7), bool if tail == "where" else jnp.float32)})


def test_labels_out_of_range_never_train(case: Case, rng: np.random.Generator) -> None:
    """NaN in the value and in the gradient of the example, an error under `checked`, nothing if masked."""
    if case.labels is None:
        pytest.skip("no class labels")
    inputs = case.draw(rng, (4,))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    first = next(iter(inputs))
    classes = case.classes(inputs) if case.classes else inputs[first].shape[-1]
    names = differentiable(case, cast(inputs, np.float32))

    def results(x: dict) -> Any:
        fn, at = of_floats(case, x, **hypers, reduction="none")
        return fn(at), jax.grad(lambda y: jnp.sum(fn(y)))({n: x[n] for n in names})[first]

    program, checked = jax.jit(results), jaxloss.checked(jax.jit(lambda x: call(case, x, **hypers)))
    for wrong in (-1, -100, classes, 10**6):
        spoiled = {n: np.array(x) for n, x in inputs.items()}
        spoiled[case.labels][1] = wrong
        values, gradient = program(cast(spoiled, np.float32))
        np.testing.assert_array_equal(np.isnan(values), [False, True, False, False], err_msg=f"label {wrong}")
        lost = np.isnan(np.asarray(gradient).reshape(4, -1)).any(-1)
        np.testing.assert_array_equal(lost, [False, True, False, False], err_msg=f"label {wrong}")
    with pytest.raises(ValueError, match=case.labels):
        checked(cast(spoiled, np.float32))
    jaxloss.checked(lambda x: loss(case, x, **hypers, where=np.arange(4) != 1))(cast(spoiled, np.float32))


def test_refuses_no_classes(case: Case, rng: np.random.Generator) -> None:
    if case.labels is None or case.classes:
        pytest.skip("no class axis")
    inputs = case.draw(rng, (4,))
    first = next(iter(inputs))
    with pytest.raises(ValueError, match=first):
        loss(case, cast({**inputs, first: inputs[first][..., :0]}, np.float32), **settings(case)[-1])


def test_refuses_hyperparameters_out_of_range(case: Case, rng: np.random.Generator) -> None:
    inputs = cast(case.draw(rng, (4,)), np.float32)
    for bad in case.bad_hypers:
        with pytest.raises(ValueError, match="|".join(bad)):
            loss(case, inputs, **{**case.hypers, **bad})
    for name, value in case.hypers.items():
        if isinstance(value, float) and name not in case.static:
            with pytest.raises((TypeError, ValueError), match=name):
                loss(case, inputs, **{**case.hypers, name: float("nan")})
            with pytest.raises((TypeError, ValueError), match=name):
                loss(case, inputs, **{**case.hypers, name: jnp.ones((2, 2))})


def test_numbers_of_numpy_do_not_promote(case: Case, rng: np.random.Generator) -> None:
    numbers = {n: np.float64(v) if isinstance(v, float) else v for n, v in case.hypers.items()}
    with jax.enable_x64(True):
        inputs = cast(case.draw(rng, (4,)), np.float32)
        assert loss(case, inputs, **numbers).dtype == jnp.float32


def test_lists_are_accepted(case: Case, rng: np.random.Generator) -> None:
    inputs = case.draw(rng, (3,))
    hypers = settings(case)[-1]
    lists = {n: np.asarray(x, np.float32 if n in floats(inputs) else None).tolist() for n, x in inputs.items()}
    np.testing.assert_allclose(
        call(case, lists, **hypers), loss(case, cast(inputs, np.float32), **cast_hypers(hypers, np.float32)), rtol=1e-6
    )
