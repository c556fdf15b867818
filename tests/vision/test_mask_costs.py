"""Tables of the costs of all pairs of masks against the losses of the pairs, and what they hold in memory."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

N, M, H, W = 5, 3, 4, 6
DICE, BINARY = jaxloss.pairwise_sigmoid_dice_loss, jaxloss.pairwise_sigmoid_binary_cross_entropy
BOTH = pytest.mark.parametrize("table", [DICE, BINARY], ids=["dice", "binary"])


def masks(seed: int = 0, *lead: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 4 * rng.normal(size=(*lead, N, H, W)), rng.integers(0, 2, (*lead, M, H, W)).astype(float)


def pair(table, logits, targets, **options):
    """The loss of one pair."""
    if table is DICE:
        return jaxloss.sigmoid_dice_loss(logits, targets, pixel_ndim=2, **options)
    return jaxloss.sigmoid_binary_cross_entropy(logits, targets, **options)


def one_by_one(table, logits, targets, **options):
    one = partial(pair, table, **options)
    return jnp.stack([jnp.stack([one(z, y) for y in targets]) for z in logits])


def x64(fn, *arrays):
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.jit(fn)(*(jnp.asarray(x) for x in arrays)))


@BOTH
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_tables_are_the_losses_of_pairs(table, masked: bool) -> None:
    """With their gradients, in 64 bits and in 32, where a nearly perfect pair keeps its digits."""
    logits, targets = masks()
    logits[0] = 30 * (2 * targets[0] - 1)
    where = np.random.default_rng(1).uniform(size=(H, W)) < 0.6
    options = {"where": jnp.asarray(where)} if masked else {}
    share = jnp.asarray(np.random.default_rng(2).normal(size=(N, M)))
    total = lambda costs: jnp.sum(share.astype(costs.dtype) * costs)
    ours = lambda z, y: (
        table(z, y, pixel_ndim=2, **options),
        jax.grad(lambda z: total(table(z, y, pixel_ndim=2, **options)))(z),
    )
    theirs = lambda z, y: (
        one_by_one(table, z, y, **options),
        jax.grad(lambda z: total(one_by_one(table, z, y, **options)))(z),
    )
    exact = x64(theirs, logits, targets)
    for a, b in zip(x64(ours, logits, targets), exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-17)
    costs, slope = jax.jit(ours)(jnp.asarray(logits, jnp.float32), jnp.asarray(targets, jnp.float32))
    assert exact[0][0, 0] < 1e-10
    np.testing.assert_allclose(costs, exact[0], rtol=1e-5)
    np.testing.assert_allclose(slope, exact[1], rtol=1e-4, atol=1e-7)


def test_soft_targets_of_the_cross_entropy() -> None:
    logits, targets = masks()
    targets = 0.9 * targets + 0.05
    ours = x64(lambda z, y: BINARY(z, y, pixel_ndim=2), logits, targets)
    np.testing.assert_allclose(ours, x64(partial(one_by_one, BINARY), logits, targets), rtol=1e-12)


def test_costs_of_mask2former() -> None:
    """Its formulas, with a smoothing in pixels that is added to the doubled quotient."""
    torch = pytest.importorskip("torch")
    logits, targets = masks()
    z, y = (torch.tensor(x).flatten(1) for x in (logits, targets))
    p = z.sigmoid()
    dice = 1 - (2 * torch.einsum("nc,mc->nm", p, y) + 1) / (p.sum(-1)[:, None] + y.sum(-1)[None] + 1)
    ours = x64(lambda z, y: DICE(z, y, pixel_ndim=2, smoothing=0.5 / (H * W)), logits, targets)
    np.testing.assert_allclose(ours, dice, rtol=1e-12)
    entropy = lambda label: torch.nn.functional.binary_cross_entropy_with_logits(z, label(z), reduction="none")
    positive, negative = entropy(torch.ones_like), entropy(torch.zeros_like)
    expected = torch.einsum("nc,mc->nm", positive, y) + torch.einsum("nc,mc->nm", negative, 1 - y)
    np.testing.assert_allclose(
        x64(lambda z, y: BINARY(z, y, pixel_ndim=2), logits, targets), expected / (H * W), rtol=1e-12
    )


@BOTH
def test_axes_types_and_transformations(table) -> None:
    logits, targets = masks(0, 2)
    each = jnp.stack([table(z, y, pixel_ndim=2) for z, y in zip(logits, targets, strict=True)])
    fn = partial(table, pixel_ndim=2)
    assert each.shape == (2, N, M)
    assert each.dtype == jnp.float32
    np.testing.assert_allclose(jax.jit(fn)(logits, targets), each, rtol=2e-6)
    np.testing.assert_allclose(jax.vmap(fn)(logits, targets), each, rtol=2e-6)
    flat = table(logits.reshape(2, N, -1), targets.reshape(2, M, -1) == 1, pixel_ndim=1)
    np.testing.assert_allclose(flat, each, rtol=2e-6)
    narrow = jnp.asarray(logits[0], jnp.bfloat16)
    np.testing.assert_allclose(fn(narrow, targets[0]), fn(narrow.astype(jnp.float32), targets[0]), rtol=1e-6)
    assert fn(narrow, targets[0]).dtype == jnp.float32
    _, tangent = jax.jvp(lambda z: fn(z, targets[0]), (jnp.asarray(logits[0]),), (jnp.ones((N, H, W)),))
    back = jax.grad(lambda z: jnp.sum(fn(z, targets[0])))(jnp.asarray(logits[0]))
    np.testing.assert_allclose(jnp.sum(tangent), jnp.sum(back), rtol=1e-4)
    assert fn(logits[:, :0], targets).shape == (2, 0, M)
    assert fn(logits, targets[:, :0]).shape == (2, N, 0)
    assert jaxloss.hungarian_matching(each).shape == (2, M)


@BOTH
def test_masked_pixels_are_absent(table) -> None:
    logits, targets = masks(0, 2)
    where = np.random.default_rng(1).uniform(size=(2, H, W)) < 0.6
    run = jax.jit(jax.value_and_grad(lambda z, y, keep: jnp.sum(table(z, y, pixel_ndim=2, where=keep))))
    clean, slope = run(logits, targets, where)
    spoil = lambda x: np.where(where[:, None], x, np.nan)
    dirty, other = run(spoil(logits), spoil(targets), where)
    np.testing.assert_array_equal(dirty, clean)
    np.testing.assert_array_equal(other, slope)
    assert not np.any(np.asarray(slope)[~np.broadcast_to(where[:, None], slope.shape)])
    nothing, still = run(logits, targets, np.zeros((2, H, W), bool))
    assert nothing == 0
    assert not np.any(still)


@BOTH
def test_bad_numbers_spoil_their_row_or_column(table) -> None:
    logits, targets = masks()
    fn = jax.jit(partial(table, pixel_ndim=2))
    spoiled = targets.copy()
    for number in (-0.1, 1.5, np.nan, *((0.5,) if table is DICE else ())):
        spoiled[1, 2, 3] = number
        np.testing.assert_array_equal(np.isnan(fn(logits, spoiled)), np.arange(M)[None] == np.full((N, 1), 1))
    logits[2, 0, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(fn(logits, targets)), np.arange(N)[:, None] == np.full((1, M), 2))


@BOTH
def test_certain_predictions(table) -> None:
    _, targets = masks()
    for size in (1e4, np.inf):
        costs = np.asarray(jax.jit(partial(table, pixel_ndim=2))(size * (2 * targets - 1), targets))
        np.testing.assert_array_equal(np.diagonal(costs), 0)
        assert np.all(costs[~np.eye(M, dtype=bool)] > 0)
    assert np.all(DICE(-1e4 * (2 * targets - 1), targets, pixel_ndim=2, smoothing=0.0) <= 1)


@BOTH
def test_no_array_of_all_pairs_and_pixels_is_held(table) -> None:
    n, m, pixels = 100, 30, 4096
    shapes = [jax.ShapeDtypeStruct((k, pixels), jnp.float32) for k in (n, m)]
    for fn in (lambda z, y: table(z, y, pixel_ndim=1), jax.grad(lambda z, y: jnp.sum(table(z, y, pixel_ndim=1)))):
        held = jax.jit(fn).lower(*shapes).compile().memory_analysis().temp_size_in_bytes
        assert held <= 0.15 * 4 * n * m * pixels


@BOTH
def test_refusals(table) -> None:
    logits, targets = (jnp.asarray(x, jnp.float32) for x in masks(0, 2))
    fn = partial(table, pixel_ndim=2)
    for bad in (targets[0], targets[..., :-1], targets[:, :, None]):
        with pytest.raises(ValueError, match="targets"):
            fn(logits, bad)
    with pytest.raises(ValueError, match="masks"):
        table(logits[0, 0], targets[0, 0], pixel_ndim=2)
    with pytest.raises(ValueError, match="pixel_ndim"):
        table(logits, targets, pixel_ndim=0)
    with pytest.raises(TypeError, match="logits"):
        fn(targets.astype(jnp.int32), targets)
    with pytest.raises(TypeError, match="where"):
        fn(logits, targets, where=jnp.ones((2, H, W)))
    with pytest.raises(ValueError, match="where"):
        fn(logits, targets, where=jnp.ones((2, N, H, W), bool))
    with pytest.raises(ValueError, match="smoothing"):
        DICE(logits, targets, pixel_ndim=2, smoothing=-1.0)
