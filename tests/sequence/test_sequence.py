"""Losses over alignments: infeasible pairs, padding, long sequences, limits, and parity with PyTorch and optax."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss

FRAMES, LABELS, CLASSES = 12, 4, 5


def _speech(seed: int = 0, batch: int = 8, frames: int = FRAMES, blank: int = 0) -> tuple[np.ndarray, ...]:
    """Every length there is, an empty target and repeated labels; all feasible."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([k for k in range(CLASSES) if k != blank], size=(batch, LABELS)).astype(np.int32)
    labels[1] = labels[1, 0]
    label_lengths = (np.arange(batch) % (LABELS + 1)).astype(np.int32)
    logit_lengths = rng.integers(2 * LABELS, frames + 1, size=batch).astype(np.int32)
    return 2 * rng.normal(size=(batch, frames, CLASSES)), labels, logit_lengths, label_lengths


@functools.partial(jax.jit, static_argnums=0, static_argnames=("blank_id", "reduction"))
def _value_and_slope(fn, first, *rest, **tail):
    """Losses of each example, and the gradient of their sum."""
    return fn(first, *rest, **tail), jax.grad(lambda x: jnp.sum(fn(x, *rest, **tail)))(first)


def _torch_ctc(torch, logits, labels, logit_lengths, label_lengths, **options):
    scores = torch.tensor(logits, requires_grad=True)
    values = torch.nn.functional.ctc_loss(
        torch.log_softmax(scores, -1).transpose(0, 1),
        torch.tensor(labels),
        torch.tensor(logit_lengths),
        torch.tensor(label_lengths),
        reduction="none",
        **options,
    )
    values.sum().backward()
    return values.detach().numpy(), scores.grad.numpy()


@pytest.mark.parametrize("blank", [0, 2, CLASSES - 1])
def test_ctc_is_that_of_torch(blank: int) -> None:
    torch = pytest.importorskip("torch")
    data = _speech(blank, blank=blank)
    theirs, slope = _torch_ctc(torch, *data, blank=blank)
    with jax.enable_x64(True):
        ours, gradient = _value_and_slope(jaxloss.ctc_loss, *data, blank_id=blank, reduction="none")
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, atol=1e-12)


def test_the_mean_of_torch_is_one_over_the_lengths_of_the_labels() -> None:
    torch = pytest.importorskip("torch")
    logits, labels, logit_lengths, label_lengths = _speech(8)
    label_lengths = np.maximum(label_lengths, 1)
    log_probs = torch.log_softmax(torch.tensor(logits), -1).transpose(0, 1)
    theirs = torch.nn.functional.ctc_loss(log_probs, *map(torch.tensor, (labels, logit_lengths, label_lengths)))
    tail = {"weights": 1 / label_lengths, "reduction": jaxloss.reductions.mean_over(8)}
    with jax.enable_x64(True):
        ours = jax.jit(functools.partial(jaxloss.ctc_loss, **tail))(logits, labels, logit_lengths, label_lengths)
    np.testing.assert_allclose(ours, float(theirs), rtol=1e-12)


def test_ctc_is_that_of_optax_where_an_alignment_exists() -> None:
    optax = pytest.importorskip("optax")
    logits, labels, logit_lengths, label_lengths = _speech(3)
    paddings = [np.arange(n) >= x[:, None] for n, x in ((FRAMES, logit_lengths), (LABELS, label_lengths))]
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        theirs = jax.jit(optax.losses.ctc_loss)(
            jnp.asarray(logits), paddings[0].astype(float), labels, paddings[1].astype(float)
        )
        ours = jax.jit(functools.partial(jaxloss.ctc_loss, reduction="none"))(
            logits, labels, np.sum(~paddings[0], -1), np.sum(~paddings[1], -1)
        )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_log_probabilities_are_logits_too() -> None:
    logits, *rest = _speech(4)
    program = jax.jit(jaxloss.ctc_loss)
    np.testing.assert_allclose(program(logits, *rest), program(jax.nn.log_softmax(logits), *rest), rtol=1e-6)


def test_infeasible_pairs_are_infinite_without_a_gradient_and_can_be_left_out() -> None:
    """optax and Keras give about 1e5 with a gradient that is not 0, PyTorch infinity."""
    torch = pytest.importorskip("torch")
    logits, labels, _, _ = _speech(5, batch=4)
    labels[:] = [[1, 1, 2, 3], [1, 2, 3, 4], [1, 1, 1, 1], [2, 2, 2, 2]]
    logit_lengths, label_lengths = np.array([4, 4, 6, 7], np.int32), np.array([4, 4, 4, 4], np.int32)
    data = (logits, labels, logit_lengths, label_lengths)
    theirs, slope = _torch_ctc(torch, *data, zero_infinity=True)
    with jax.enable_x64(True):
        feasible = jaxloss.ctc_feasible(labels, logit_lengths, label_lengths)
        np.testing.assert_array_equal(feasible, [False, True, False, True])
        values, gradient = _value_and_slope(jaxloss.ctc_loss, *data, reduction="none")
        np.testing.assert_array_equal(np.isposinf(values), ~feasible)
        np.testing.assert_allclose(gradient, slope, atol=1e-12)
        mean, gradient = _value_and_slope(jaxloss.ctc_loss, *data, where=feasible)
    np.testing.assert_allclose(mean, theirs.sum() / 2, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope / 2, atol=1e-12)


@pytest.mark.parametrize("labels", [[], [1], [1, 1], [2, 1, 2]])
def test_feasible_is_what_has_a_finite_loss(labels: list[int]) -> None:
    frames = np.arange(7, dtype=np.int32)
    targets = np.broadcast_to(np.array(labels, np.int32), (7, len(labels)))
    lengths = np.full(7, len(labels), np.int32)
    values = jax.jit(functools.partial(jaxloss.ctc_loss, reduction="none"))(
        np.zeros((7, 6, 3)), targets, frames, lengths
    )
    np.testing.assert_array_equal(np.isfinite(values), jaxloss.ctc_feasible(targets, frames, lengths))


def test_a_class_that_is_absent_makes_its_labels_impossible_and_nothing_else() -> None:
    logits = np.zeros((2, 4, 3), np.float32)
    logits[..., 2] = -np.inf
    labels, lengths = np.array([[1, 1], [1, 2]], np.int32), np.array([2, 2], np.int32)
    values, gradient = _value_and_slope(jaxloss.ctc_loss, logits, labels, np.array([4, 4]), lengths, reduction="none")
    np.testing.assert_allclose(values[0], -np.log(5 / 16), rtol=1e-6)
    assert values[1] == np.inf
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[1])


def test_padding_holds_anything() -> None:
    for garbage in (np.nan, np.inf, -np.inf):
        for fn, data in ((jaxloss.ctc_loss, _speech(6)), (jaxloss.rnnt_loss, _dialogue(6))):
            logits, labels, logit_lengths, label_lengths = (x.copy() for x in data)
            for i in range(len(labels)):
                logits[i, logit_lengths[i] :] = garbage
                labels[i, label_lengths[i] :] = -100
                if logits.ndim == 4:
                    logits[i, :, label_lengths[i] + 1 :] = garbage
            expected = _value_and_slope(fn, *data, reduction="none")
            spoiled = _value_and_slope(fn, logits, labels, logit_lengths, label_lengths, reduction="none")
            for ours, clean in zip(spoiled, expected, strict=True):
                np.testing.assert_array_equal(ours, clean)


@pytest.mark.parametrize("fn", [jaxloss.ctc_loss, jaxloss.rnnt_loss])
def test_blank_labels_and_lengths_out_of_range_are_not_numbers(fn) -> None:
    logits = np.zeros((5, 3, 3, 4) if fn is jaxloss.rnnt_loss else (5, 3, 4), np.float32)
    labels = np.array([[1, 2], [1, 0], [1, 2], [1, 2], [1, 2]], np.int32)
    logit_lengths, label_lengths = np.array([3, 3, 4, -1, 3]), np.array([2, 2, 2, 2, 3])
    values, gradient = _value_and_slope(fn, logits, labels, logit_lengths, label_lengths, reduction="none")
    np.testing.assert_array_equal(np.isnan(values), [False, True, True, True, True])
    assert np.all(np.isfinite(gradient[0]))
    assert np.isnan(gradient[1]).any()
    with pytest.raises(ValueError, match="not be the blank, which is 0"):
        jaxloss.checked(fn)(logits, labels, logit_lengths, label_lengths)
    for name in ("blank_id", "frames"):
        with pytest.raises(ValueError, match=name):
            fn(logits[:, : 3 if name == "blank_id" else 0], labels, logit_lengths, label_lengths, blank_id=-1)


def test_losses_are_never_negative_and_small_ones_are_accurate() -> None:
    """Every frame certain up to e^-20: 1 - exp(-loss) has no digit in float32."""
    logits = np.zeros((1, 5, 3), np.float32)
    logits[0, np.arange(5), [1, 1, 0, 2, 2]] = 20
    data = (np.array([[1, 2]]), np.array([5]), np.array([2]))
    with jax.enable_x64(True):
        exact = float(jax.jit(jaxloss.ctc_loss)(logits.astype(np.float64), *data))
    assert 0 < exact < 1e-8
    np.testing.assert_allclose(jax.jit(jaxloss.ctc_loss)(logits, *data), exact, rtol=1e-5)
    rng = np.random.default_rng(0)
    for scale in (5.0, 10.0, 15.0):
        some = np.repeat(logits, 200, 0) / 20 * scale + rng.normal(size=(200, 5, 3)).astype(np.float32)
        some[..., 1] += rng.choice([0, 20], size=(200, 1))
        losses = jax.jit(functools.partial(jaxloss.ctc_loss, reduction="none"))(
            some, np.full((200, 1), 1), np.full(200, 5), np.ones(200, int)
        )
        assert np.min(losses) >= 0


def test_long_sequences_keep_their_gradient() -> None:
    """Log-probabilities near -2000 have four decimals in float32, and so would the weights of alignments at each step."""
    rng = np.random.default_rng(0)
    speech = (5 * rng.normal(size=(1, 400, CLASSES)), np.resize([1, 2, 2, 3, 4], (1, 60)), [400], [60])
    dialogue = (5 * rng.normal(size=(1, 60, 31, CLASSES)), np.resize([1, 2, 2, 3, 4], (1, 30)), [60], [30])
    for fn, data in ((jaxloss.ctc_loss, speech), (jaxloss.rnnt_loss, dialogue)):
        results = []
        for dtype in (np.float32, np.float64):
            with jax.enable_x64(dtype is np.float64):
                results.append(_value_and_slope(fn, data[0].astype(np.float32).astype(dtype), *map(np.array, data[1:])))
        (value, slope), (exact, gradient) = results
        np.testing.assert_allclose(value, exact, rtol=1e-6)
        np.testing.assert_allclose(slope, gradient, atol=1e-4)


def test_mapped_over_devices_without_a_collective() -> None:
    """The carry of a scan inside shard_map varies over the mesh as the data do."""
    mesh = Mesh(np.array(jax.devices("cpu")[:2]), ("data",))
    series = np.random.default_rng(0).normal(size=(2, 4, 3, 2)).astype(np.float32)
    for fn, data in (
        (jaxloss.ctc_loss, _speech(7, batch=4)),
        (jaxloss.rnnt_loss, _dialogue(7)),
        (jaxloss.soft_dtw_loss, tuple(series)),
    ):
        program = functools.partial(fn, reduction="none")
        mapped = jax.jit(
            jax.shard_map(program, mesh=mesh, in_specs=PartitionSpec("data"), out_specs=PartitionSpec("data"))
        )
        np.testing.assert_allclose(mapped(*data), jax.jit(program)(*data), rtol=1e-5)


# ---- the transducer --------------------------------------------------------------------------------------------


def _dialogue(seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(4, 3, 3, CLASSES)),
        rng.integers(1, CLASSES, size=(4, 2)).astype(np.int32),
        np.array([3, 1, 2, 1], np.int32),
        np.array([2, 2, 1, 0], np.int32),
    )


def test_a_transducer_without_labels_is_a_product_of_blanks() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 1, 4))
    with jax.enable_x64(True):
        lengths = np.array([3, 1], np.int32)
        ours = jaxloss.rnnt_loss(logits, np.zeros((2, 0), int), lengths, 0 * lengths, blank_id=2, reduction="none")
        blanks = -np.asarray(jax.nn.log_softmax(logits))[:, :, 0, 2]
    np.testing.assert_allclose(ours, [blanks[0].sum(), blanks[1, 0]], rtol=1e-12)


def test_a_certain_alignment_of_the_transducer_costs_nothing() -> None:
    """Both labels at the first of two frames."""
    logits = np.full((1, 2, 3, 4), -1e4, np.float32)
    for t, u, symbol in ((0, 0, 1), (0, 1, 2), (0, 2, 0), (1, 2, 0)):
        logits[0, t, u, symbol] = 0
    value, slope = _value_and_slope(jaxloss.rnnt_loss, logits, np.array([[1, 2]]), np.array([2]), np.array([2]))
    assert value == 0
    assert not np.any(slope)


def test_the_backward_pass_of_the_transducer_keeps_nothing_of_the_size_of_the_logits() -> None:
    shape = (4, 40, 11, 64)
    spec = jax.ShapeDtypeStruct(shape, jnp.float32)
    lengths = jax.ShapeDtypeStruct((4,), jnp.int32)
    program = jax.jit(jax.value_and_grad(jaxloss.rnnt_loss))
    compiled = program.lower(spec, jax.ShapeDtypeStruct((4, 10), jnp.int32), lengths, lengths).compile()
    size = 4 * np.prod(shape)
    assert compiled.memory_analysis().temp_size_in_bytes < 2 * size


# ---- soft dynamic time warping ---------------------------------------------------------------------------------


def _dtw(x: np.ndarray, y: np.ndarray) -> float:
    """Dynamic time warping by the recursion of textbooks."""
    table = np.full((len(x) + 1, len(y) + 1), np.inf)
    table[0, 0] = 0
    for i in range(len(x)):
        for j in range(len(y)):
            cost = np.sum((x[i] - y[j]) ** 2)
            table[i + 1, j + 1] = cost + min(table[i, j], table[i, j + 1], table[i + 1, j])
    return table[-1, -1]


@pytest.mark.parametrize("gamma", [1e-3, 1e-6, 1e-30])
def test_without_smoothing_it_is_dynamic_time_warping(gamma: float) -> None:
    x, y = (np.random.default_rng(i).normal(size=(3, n, 2)) for i, n in ((0, 9), (1, 6)))
    x, y = x.astype(np.float32), y.astype(np.float32)
    values, slope = _value_and_slope(jaxloss.soft_dtw_loss, x, y, gamma=jnp.float32(gamma), reduction="none")
    np.testing.assert_allclose(
        values, [_dtw(a, b) for a, b in zip(x, y, strict=True)], rtol=1e-3 if gamma == 1e-3 else 1e-6
    )
    assert np.all(np.isfinite(slope))


def test_soft_dtw_is_that_of_tslearn() -> None:
    metrics = pytest.importorskip("tslearn.metrics")
    x, y = (np.random.default_rng(i).normal(size=(3, n, 2)) for i, n in ((0, 9), (1, 6)))
    with jax.enable_x64(True):
        ours = jaxloss.soft_dtw_loss(x, y, gamma=0.5, reduction="none")
    theirs = [metrics.soft_dtw(a, b, gamma=0.5) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_equal_series_have_a_negative_cost_and_no_divergence() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    near = x + np.float32(1e-3)
    program = jax.jit(lambda a, b: (jaxloss.soft_dtw_loss(a, b), jaxloss.soft_dtw_divergence(a, b)))
    cost, divergence = program(x, x)
    assert cost < 0
    assert divergence == 0
    assert 0 <= program(x, near)[1] < 1e-4


def test_the_divergence_has_its_minimum_at_equal_series_and_soft_dtw_has_not() -> None:
    x = np.random.default_rng(0).normal(size=(5, 1))
    with jax.enable_x64(True):
        for fn, still in ((jaxloss.soft_dtw_divergence, True), (jaxloss.soft_dtw_loss, False)):
            slope = jax.jit(jax.grad(fn))(x + 1e-7, x)
            assert (np.max(np.abs(slope)) < 1e-5) == still


def test_single_points_are_a_squared_distance() -> None:
    x, y = np.array([[[1.0, 2.0]]]), np.array([[[4.0, 6.0]]])
    np.testing.assert_allclose(jaxloss.soft_dtw_loss(x, y), 25)
    longer = np.repeat(y, 3, axis=1)
    np.testing.assert_allclose(jaxloss.soft_dtw_loss(x, longer), 75)
    with pytest.raises(ValueError, match="points"):
        jaxloss.soft_dtw_loss(x[:, :0], y)
    with pytest.raises(ValueError, match="targets"):
        jaxloss.soft_dtw_loss(x, y[..., :1])


# ---- expected risk ---------------------------------------------------------------------------------------------


def test_a_baseline_changes_no_gradient_of_the_expected_risk_and_padding_no_number() -> None:
    rng = np.random.default_rng(0)
    logps, risks = rng.normal(size=(2, 3, 4)).astype(np.float32)
    value, slope = _value_and_slope(jaxloss.minimum_risk_loss, logps, risks, reduction="none")
    shifted, same = _value_and_slope(jaxloss.minimum_risk_loss, logps, risks - 5, reduction="none")
    np.testing.assert_allclose(shifted, value - 5, rtol=1e-6)
    np.testing.assert_allclose(same, slope, atol=1e-6)
    padded = [np.pad(x, [(0, 0), (0, 2)], constant_values=fill) for x, fill in ((logps, -np.inf), (risks, 7.0))]
    longer, wider = _value_and_slope(jaxloss.minimum_risk_loss, *padded, reduction="none")
    np.testing.assert_allclose(longer, value, rtol=1e-6)
    np.testing.assert_allclose(wider, np.pad(slope, [(0, 0), (0, 2)]), rtol=1e-6, atol=1e-8)


# ---- conditional random fields ---------------------------------------------------------------------------------


def test_a_random_field_without_transitions_is_a_sum_of_cross_entropies() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 5, 4)).astype(np.float32), rng.integers(0, 4, size=(3, 5))
    lengths = np.array([5, 1, 3])
    value, slope = _value_and_slope(jaxloss.linear_chain_crf_nll, logits, labels, lengths, np.zeros((4, 4), np.float32))
    where = np.arange(5) < lengths[:, None]
    fn = lambda z: jaxloss.softmax_cross_entropy_with_integer_labels(z, labels, where=where, reduction="sum") / 3
    expected, gradient = jax.jit(jax.value_and_grad(fn))(logits)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(slope, gradient, atol=1e-6)


def test_a_forbidden_transition_is_infinite_without_a_gradient_and_behind_the_length_nothing() -> None:
    transitions = np.array([[0.0, -np.inf], [0.0, 0.0]], np.float32)
    labels = np.array([[0, 1, 1], [0, 0, 1], [1, 1, 0]], np.int32)
    logits = np.zeros((3, 3, 2), np.float32)
    logits[1, 2] = np.nan
    values, slope = _value_and_slope(
        jaxloss.linear_chain_crf_nll, logits, labels, np.array([3, 2, 3]), transitions, reduction="none"
    )
    np.testing.assert_allclose(values, [np.inf, np.log(3), np.log(4)], rtol=1e-6)
    assert np.all(np.isfinite(slope))
    assert not np.any(slope[0])
    assert not np.any(slope[1, 2])
    by_transition = jax.grad(lambda a: jaxloss.linear_chain_crf_nll(logits[2:], labels[2:], np.array([3]), a))
    assert np.all(np.isfinite(by_transition(transitions)))
