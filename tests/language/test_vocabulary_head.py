"""The memory-bounded cross-entropy of a linear layer: the numbers of the dense one, without its memory."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from jaxloss.language.projected import _problem

OPTIONS = {
    "plain": {},
    "smoothing": {"label_smoothing": 0.2},
    "everything": {"label_smoothing": 0.2, "z_loss": 0.01, "soft_cap": 3.0, "class_weights": np.linspace(0.2, 2, 11)},
}


def dense(hidden: Any, kernel: Any, labels: Any, *, bias: Any = None, soft_cap: Any = None, **rest: Any) -> jax.Array:
    wide = jnp.float64 if jnp.float64 in (hidden.dtype, kernel.dtype) else jnp.float32
    logits = jnp.einsum("...d,dk->...k", hidden.astype(wide), kernel.astype(wide))
    if bias is not None:
        logits = logits + jnp.expand_dims(bias.astype(wide), tuple(range(labels.ndim)))
    if soft_cap is not None:
        logits = soft_cap * jnp.tanh(logits / soft_cap)
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, **rest)


def draw(rng: np.random.Generator, batch: tuple[int, ...], dtype: Any, features: int = 4, classes: int = 11) -> dict:
    return {
        "hidden": jnp.asarray(rng.normal(size=(*batch, features)), dtype),
        "kernel": jnp.asarray(rng.normal(size=(features, classes)), dtype),
        "bias": jnp.asarray(rng.normal(size=classes), dtype),
    }


def gradients(loss: Any, some: dict, labels: Any, cotangent: Any, **kwargs: Any) -> Any:
    """Value and gradient of the contraction with ``cotangent``."""

    def total(some: dict) -> jax.Array:
        return jnp.sum(loss(some["hidden"], some["kernel"], labels, bias=some["bias"], **kwargs) * cotangent)

    return jax.jit(jax.value_and_grad(total))(some)


@pytest.mark.parametrize("chunk_size", [1, 4, 11, 1000, None])
@pytest.mark.parametrize("options", ["plain", "everything"])
def test_equals_the_dense_form(rng: np.random.Generator, options: str, chunk_size: int | None) -> None:
    """Values and gradients of all inputs, for chunks that divide the classes and that do not, to rounding."""
    with jax.enable_x64(True):
        some, labels = draw(rng, (2, 3), np.float64), jnp.asarray(rng.integers(0, 11, (2, 3)))
        kwargs = {"where": jnp.asarray(rng.uniform(size=(2, 3)) < 0.7), "reduction": "none", **OPTIONS[options]}
        cotangent = jnp.asarray(rng.normal(size=(2, 3)))
        expected = gradients(dense, some, labels, cotangent, **kwargs)
        actual = gradients(
            jaxloss.linear_softmax_cross_entropy, some, labels, cotangent, chunk_size=chunk_size, **kwargs
        )
        jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-13), actual, expected)


@pytest.mark.parametrize("options", OPTIONS)
def test_16_bit_inputs(rng: np.random.Generator, options: str) -> None:
    """Products accumulate in float32: errors are those of rounding the scores' slopes and the result once."""
    some, labels = draw(rng, (64,), jnp.bfloat16, features=32), jnp.asarray(rng.integers(0, 11, 64), jnp.int32)
    cotangent = jnp.asarray(rng.normal(size=64), jnp.float32)
    kwargs = {"reduction": "none", **OPTIONS[options]}
    value, slopes = gradients(jaxloss.linear_softmax_cross_entropy, some, labels, cotangent, chunk_size=4, **kwargs)
    wide = jax.tree.map(lambda x: x.astype(jnp.float32), some)
    exact, expected = gradients(dense, wide, labels, cotangent, **kwargs)
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    for name, slope in slopes.items():
        assert slope.dtype == jnp.bfloat16
        error = np.linalg.norm(slope.astype(jnp.float32) - expected[name]) / np.linalg.norm(expected[name])
        assert error < 2**-8, name


@pytest.mark.parametrize(
    ("hidden", "kernel"),
    [("bfloat16", "float32"), ("float32", "float16"), ("float16", "float16"), ("float16", "bfloat16")],
)
def test_mixed_dtypes(rng: np.random.Generator, hidden: str, kernel: str) -> None:
    some, labels = draw(rng, (6,), jnp.float32), jnp.asarray(rng.integers(0, 11, 6), jnp.int32)
    some = {"hidden": some["hidden"].astype(hidden), "kernel": some["kernel"].astype(kernel), "bias": some["bias"]}
    value, slopes = gradients(jaxloss.linear_softmax_cross_entropy, some, labels, 1.0, chunk_size=4)
    exact, expected = gradients(dense, some, labels, 1.0)
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    assert value.dtype == jnp.float32
    for name, slope in slopes.items():
        assert slope.dtype == some[name].dtype
        np.testing.assert_allclose(
            slope.astype(jnp.float32), expected[name].astype(jnp.float32), rtol=1e-2, atol=2e-6, err_msg=name
        )


def test_gradients_of_weights_and_hyperparameters(rng: np.random.Generator) -> None:
    """Example weights, class weights, smoothing, z-loss and cap are differentiated too, with the numbers of the dense form."""
    with jax.enable_x64(True):
        some, labels = draw(rng, (6,), np.float64), jnp.asarray(rng.integers(0, 11, 6))
        hypers = {"weights": jnp.asarray(rng.uniform(1, 2, 6)), "label_smoothing": 0.2, "z_loss": 0.1, "soft_cap": 2.0}
        hypers |= {"class_weights": jnp.asarray(rng.uniform(1, 2, 11))}

        def slopes(loss: Any, **kwargs: Any) -> Any:
            return jax.jit(jax.grad(lambda h: loss(some["hidden"], some["kernel"], labels, **h, **kwargs)))(hypers)

        actual, expected = slopes(jaxloss.linear_softmax_cross_entropy, chunk_size=4), slopes(dense)
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value, rtol=1e-10, err_msg=name)


def test_second_derivatives_meet_the_dense_ones(rng: np.random.Generator) -> None:
    """Across the inputs: the Hessian in the hidden states, the kernel and the bias together."""
    with jax.enable_x64(True):
        some = draw(rng, (3,), np.float64, features=2, classes=5)
        labels = jnp.array([0, 4, 2])
        flat, rebuild = ravel_pytree(some)

        def hessian(loss: Any, **kwargs: Any) -> jax.Array:
            fn = lambda x: loss(**rebuild(x), labels=labels, label_smoothing=0.1, z_loss=0.1, **kwargs)
            return jax.jit(jax.hessian(fn))(flat)

        actual = hessian(jaxloss.linear_softmax_cross_entropy, chunk_size=2)
        np.testing.assert_allclose(actual, hessian(dense), rtol=1e-9, atol=1e-12)


@pytest.fixture
def few_tokens_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of eight tokens, two from each of four groups, instead of 4096."""
    monkeypatch.setattr(_problem, "TOKENS", 8)
    monkeypatch.setattr(_problem, "ROWS", 2)


@pytest.mark.usefixtures("few_tokens_at_a_time")
@pytest.mark.parametrize("batch", [(24,), (4, 6), (23,)], ids=str)
@pytest.mark.parametrize("options", ["plain", "everything"])
def test_many_tokens(rng: np.random.Generator, options: str, batch: tuple[int, ...]) -> None:
    """Blocks of tokens change no number of value, gradient, tangent and second derivative; nor do 23, which have none."""
    with jax.enable_x64(True):
        some, labels = draw(rng, batch, np.float64), jnp.asarray(rng.integers(0, 11, batch))
        along = jax.tree.map(jnp.cos, some)
        kwargs = {"where": jnp.asarray(rng.uniform(size=batch) < 0.7), "label_smoothing": 0.1, **OPTIONS[options]}

        def results(loss: Any, **more: Any) -> Any:
            fn = lambda x: loss(**x, labels=labels, **kwargs, **more)
            second = jax.jvp(jax.grad(fn), (some,), (along,))
            return jax.jvp(fn, (some,), (along,)), second

        actual = jax.jit(lambda: results(jaxloss.linear_softmax_cross_entropy, chunk_size=4))()
        expected = jax.jit(lambda: results(dense))()
        jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-11), actual, expected)


@pytest.mark.usefixtures("few_tokens_at_a_time")
def test_many_tokens_of_16_bits(rng: np.random.Generator) -> None:
    """What the blocks add to the gradient of the kernel is not rounded between them."""
    some, labels = draw(rng, (1024,), jnp.bfloat16, features=32), jnp.asarray(rng.integers(0, 11, 1024), jnp.int32)
    _, slopes = gradients(jaxloss.linear_softmax_cross_entropy, some, labels, 1.0, chunk_size=4)
    _, expected = gradients(dense, jax.tree.map(lambda x: x.astype(jnp.float32), some), labels, 1.0)
    for name, slope in slopes.items():
        error = np.linalg.norm(slope.astype(jnp.float32) - expected[name]) / np.linalg.norm(expected[name])
        assert error < 2**-8, name


def test_an_absent_class_is_as_in_the_dense_form(rng: np.random.Generator) -> None:
    """A bias of -inf pads the vocabulary: nothing of the padding in value or gradient, smoothing included."""
    some, labels = draw(rng, (5,), np.float32), jnp.asarray(rng.integers(0, 9, 5), jnp.int32)
    padded = {**some, "bias": some["bias"].at[9:].set(-jnp.inf)}
    short = {"hidden": some["hidden"], "kernel": some["kernel"][:, :9], "bias": some["bias"][:9]}
    options = {"label_smoothing": 0.2, "z_loss": 0.1}
    value, slopes = gradients(jaxloss.linear_softmax_cross_entropy, padded, labels, 1.0, chunk_size=4, **options)
    exact, expected = gradients(jaxloss.linear_softmax_cross_entropy, short, labels, 1.0, chunk_size=4, **options)
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slopes["hidden"], expected["hidden"], rtol=1e-4, atol=1e-7)
    assert not np.any(slopes["kernel"][:, 9:])
    assert not np.any(slopes["bias"][9:])


def test_nearly_certain_predictions_keep_their_accuracy() -> None:
    """At a margin of 18 the loss is 1.5e-8, where one minus the probability is 0 in float32; so is its gradient."""
    hidden, kernel = jnp.array([[18.0]]), jnp.array([[1.0, 0.0, -10.0]])
    loss = lambda h: jaxloss.linear_softmax_cross_entropy(h, kernel, jnp.array([0]), chunk_size=2)
    value, slope = jax.value_and_grad(loss)(hidden)
    np.testing.assert_allclose(value, np.log1p(np.exp(-18.0)), rtol=1e-6)
    np.testing.assert_allclose(slope, [[-np.exp(-18.0)]], rtol=1e-5)
    assert jaxloss.linear_softmax_cross_entropy(hidden, kernel[:, :1], jnp.array([0])) == 0


def test_scores_far_from_zero() -> None:
    """An offset of all scores changes nothing; classes that come late may dwarf the first ones, or be dwarfed."""
    kernel = jnp.asarray([[-2e4, -1e4, 0.0, 1e4, 1e4 - 1]], jnp.float32)
    hidden, labels = jnp.repeat(jnp.array([1.0, -1.0]), 5)[:, None], jnp.tile(jnp.arange(5), 2)

    def results(loss: Any, **kwargs: Any) -> Any:
        fn = lambda h: loss(h, kernel, labels, label_smoothing=0.1, reduction="none", **kwargs)
        return jax.jit(lambda h: (fn(h), jax.grad(lambda x: jnp.sum(fn(x)))(h)))(hidden)

    actual, expected = results(jaxloss.linear_softmax_cross_entropy, chunk_size=2), results(dense)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), actual, expected)


def test_what_is_not_asked_for_is_not_computed(rng: np.random.Generator) -> None:
    """A frozen kernel costs no product for its gradient, and a value alone one product."""
    some, labels = draw(rng, (6,), np.float32), jnp.zeros(6, jnp.int32)
    loss = lambda h, k: jaxloss.linear_softmax_cross_entropy(h, k, labels, chunk_size=4)
    counts = []
    for fn in (loss, jax.grad(loss), jax.grad(loss, argnums=1), jax.grad(loss, argnums=(0, 1))):
        text = jax.jit(fn).lower(some["hidden"], some["kernel"]).as_text()
        counts.append(text.count("stablehlo.dot_general"))
    assert counts == [1, 3, 3, 4]


def test_no_array_has_all_scores() -> None:
    """In the program of value and gradient nothing has as many entries as all scores."""
    tokens, features, classes = 64, 8, 1024
    shapes = {"hidden": (tokens, features), "kernel": (features, classes), "bias": (classes,)}
    some = {n: jax.ShapeDtypeStruct(s, jnp.float32) for n, s in shapes.items()}

    def loss(some: dict, labels: jax.Array) -> jax.Array:
        return jaxloss.linear_softmax_cross_entropy(
            some["hidden"], some["kernel"], labels, bias=some["bias"], chunk_size=100, **OPTIONS["smoothing"]
        )

    def sizes(jaxpr: Any) -> Any:
        for equation in jaxpr.eqns:
            yield from (v.aval.size for v in equation.outvars)
            for inner in jaxprs_in_params(equation.params):
                yield from sizes(inner)

    traced = jax.make_jaxpr(jax.value_and_grad(loss))(some, jax.ShapeDtypeStruct((tokens,), jnp.int32))
    assert max(sizes(traced.jaxpr)) <= max(tokens * 100, features * classes)


@pytest.mark.parametrize(("tokens", "features", "classes"), [(512, 64, 32768), (1024, 32, 16384), (64, 32, 65536)])
def test_memory_by_default(tokens: int, features: int, classes: int) -> None:
    """Value and gradient hold less than an eighth of what all scores take, apart from their results."""
    struct = jax.ShapeDtypeStruct
    shapes = struct((tokens, features), jnp.float32), struct((features, classes), jnp.float32)
    step = jax.jit(jax.value_and_grad(jaxloss.linear_softmax_cross_entropy, argnums=(0, 1)))
    compiled = step.lower(*shapes, struct((tokens,), jnp.int32)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * tokens * classes / 8


@pytest.mark.parametrize("options", ["plain", "everything"])
def test_inside_shard_map(rng: np.random.Generator, options: str) -> None:
    """Tokens over four devices: the value and gradients of one device, with one sum over devices and none in a loop."""
    mesh = Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    some, labels = draw(rng, (8,), np.float32), jnp.asarray(rng.integers(0, 11, 8), jnp.int32)
    where = jnp.arange(8) < 7
    specs = {"hidden": PartitionSpec("data"), "kernel": PartitionSpec(), "bias": PartitionSpec()}

    def loss(some: dict, labels: jax.Array, where: jax.Array, reduction: Any = "mean") -> jax.Array:
        kwargs = {"bias": some["bias"], "where": where, "reduction": reduction, "chunk_size": 4, **OPTIONS[options]}
        return jaxloss.linear_softmax_cross_entropy(some["hidden"], some["kernel"], labels, **kwargs)

    everywhere = functools.partial(loss, reduction=jaxloss.reductions.mean(axis_name="data"))
    step = jax.shard_map(
        jax.value_and_grad(everywhere),
        mesh=mesh,
        in_specs=(specs, PartitionSpec("data"), PartitionSpec("data")),
        out_specs=(PartitionSpec(), specs),
    )
    actual = jax.jit(step)(some, labels, where)
    expected = jax.jit(jax.value_and_grad(loss))(some, labels, where)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-6), actual, expected)

    def sums(jaxpr: Any, looped: bool = False) -> Any:
        for equation in jaxpr.eqns:
            if equation.primitive.name.startswith("psum"):
                yield looped
            for inner in jaxprs_in_params(equation.params):
                yield from sums(inner, looped or equation.primitive.name == "scan")

    assert not any(sums(jax.make_jaxpr(step)(some, labels, where).jaxpr))


def test_refusals(rng: np.random.Generator) -> None:
    some, labels = draw(rng, (6,), np.float32), jnp.zeros(6, jnp.int32)
    hidden, kernel = some["hidden"], some["kernel"]
    loss = jaxloss.linear_softmax_cross_entropy
    with pytest.raises(ValueError, match=r"kernel must have shape \(4, 4\).*features, classes.*kernel\.T"):
        loss(hidden, kernel.T, labels)
    with pytest.raises(ValueError, match="kernel must end with the axes"):
        loss(hidden, kernel[:, :0], labels)
    with pytest.raises(ValueError, match="kernel must have shape"):
        loss(hidden, kernel[None], labels)
    with pytest.raises(TypeError, match="kernel must be floating"):
        loss(hidden, jnp.ones((4, 11), jnp.int32), labels)
    for chunk_size in (2.0, True, jnp.int32(3)):
        with pytest.raises(ValueError, match="chunk_size must be a whole number"):
            loss(hidden, kernel, labels, chunk_size=chunk_size)
    assert loss(hidden, kernel, labels, chunk_size=np.int64(3)).shape == ()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_pytorch(rng: np.random.Generator, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    fn = getattr(torch.nn.functional, "linear_cross_entropy", None)
    if fn is None:
        pytest.skip("this PyTorch has no linear_cross_entropy")
    some, labels = draw(rng, (9,), np.float32), rng.integers(0, 11, 9)
    labels[2] = -100
    tensors = {n: torch.tensor(np.asarray(x)).requires_grad_() for n, x in some.items()}
    theirs = fn(
        tensors["hidden"],
        tensors["kernel"].T,
        torch.tensor(labels),
        linear_bias=tensors["bias"],
        reduction=reduction,
        label_smoothing=0.1,
    )
    theirs.backward()
    ours, slopes = gradients(
        jaxloss.linear_softmax_cross_entropy,
        some,
        jnp.asarray(labels, jnp.int32),
        1.0,
        where=labels != -100,
        label_smoothing=0.1,
        reduction=reduction,
        chunk_size=4,
    )
    np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-5)
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, tensors[name].grad, rtol=1e-4, atol=1e-5, err_msg=name)
