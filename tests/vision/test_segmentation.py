"""Overlap losses against other packages, and what the laws cannot see: pooling, empty masks, soft labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.inspect.programs import defaults
from tests.support import run_examples

B, H, W, K = 2, 3, 4, 3
PIXELS = H * W
STEMS = ("dice", "jaccard", "tversky")


def masks(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(B, H, W)), rng.integers(0, 2, (B, H, W)).astype(float)


def classes(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(B, H, W, K)), rng.integers(0, K, (B, H, W))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def channels_first(torch, x: np.ndarray):
    return torch.tensor(np.moveaxis(x, -1, 1))


def each(loss, *inputs, **kwargs):
    with jax.enable_x64(True):
        return np.asarray(jax.jit(lambda x: loss(*x, **kwargs))([jnp.asarray(x) for x in inputs]))


@pytest.mark.parametrize("batch", [False, True], ids=["per image", "per batch"])
def test_binary_losses_of_monai(torch, batch: bool) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, targets = masks()
    z, y = (torch.tensor(x)[:, None] for x in (logits, targets))
    size, ndim = (PIXELS * (B if batch else 1), 3 if batch else 2)
    # MONAI adds to numerator and denominator of the doubled quotient; its Jaccard denominator is doubled too.
    share = {"smoothing": 0.25 / size, "pixel_ndim": ndim}
    options = {"sigmoid": True, "batch": batch, "smooth_nr": 0.5, "smooth_dr": 0.5}
    pairs = (
        (losses.DiceLoss(**options), each(jaxloss.sigmoid_dice_loss, logits, targets, **share)),
        (losses.DiceLoss(jaccard=True, **options), each(jaxloss.sigmoid_jaccard_loss, logits, targets, **share)),
        (
            losses.DiceLoss(squared_pred=True, **options),
            each(jaxloss.sigmoid_squared_dice_loss, logits, targets, pixel_ndim=ndim, smoothing=0.5 / size),
        ),
        (
            losses.TverskyLoss(alpha=0.3, beta=0.8, **options),
            each(
                jaxloss.sigmoid_tversky_loss, logits, targets, **{**share, "smoothing": 0.5 / size}, alpha=0.3, beta=0.8
            ),
        ),
    )
    for theirs, ours in pairs:
        np.testing.assert_allclose(ours, theirs(z, y).item(), rtol=1e-6, err_msg=str(theirs))


@pytest.mark.parametrize("background", [True, False])
def test_class_losses_of_monai(torch, background: bool) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, labels = classes()
    labels[0][labels[0] == 2] = 1  # class 2 is absent from the first image
    z, y = channels_first(torch, logits), torch.tensor(labels)[:, None]
    chosen = None if background else jnp.array([0.0, 1.0, 1.0])
    options = {"softmax": True, "to_onehot_y": True, "include_background": background, "smooth_nr": 0, "smooth_dr": 0}
    ours = each(jaxloss.softmax_dice_loss, logits, labels, pixel_ndim=2, class_weights=chosen, smoothing=0.0)
    np.testing.assert_allclose(ours, losses.DiceLoss(**options)(z, y).item(), rtol=1e-6)
    ours = each(jaxloss.softmax_generalized_dice_loss, logits, labels, pixel_ndim=2, class_weights=chosen)
    np.testing.assert_allclose(ours, losses.GeneralizedDiceLoss(**options)(z, y).item(), rtol=1e-6)


def test_dice_and_cross_entropy_of_monai(torch) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, labels = classes()
    loss = losses.DiceCELoss(
        softmax=True,
        to_onehot_y=True,
        include_background=False,
        lambda_dice=0.7,
        lambda_ce=0.4,
        smooth_nr=0,
        smooth_dr=0,
    )
    theirs = loss(channels_first(torch, logits), torch.tensor(labels)[:, None]).item()
    share = {"pixel_ndim": 2, "smoothing": 0.0, "dice_weight": 0.7, "cross_entropy_weight": 0.4}
    ours = each(jaxloss.softmax_dice_cross_entropy, logits, labels, class_weights=jnp.array([0, 1, 1]), **share)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    logits, targets = masks()
    loss = losses.DiceCELoss(sigmoid=True, lambda_dice=0.7, lambda_ce=0.4, smooth_nr=0, smooth_dr=0)
    theirs = loss(*(torch.tensor(x)[:, None] for x in (logits, targets))).item()
    np.testing.assert_allclose(each(jaxloss.sigmoid_dice_cross_entropy, logits, targets, **share), theirs, rtol=1e-6)


def test_optax_pools_all_axes_but_the_first_and_the_last() -> None:
    losses = pytest.importorskip("optax.losses")
    logits, labels = classes()
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"), jax.enable_x64(True):
        one_hot = jax.nn.one_hot(labels, K, dtype=jnp.float64)
        theirs = losses.dice_loss(jnp.asarray(logits), one_hot, smooth=2.0, alpha=0.3, beta=0.6)
        weighed = losses.dice_loss(jnp.asarray(logits), one_hot, ignore_background=True)
        binary = losses.binary_dice_loss(*(jnp.asarray(x)[..., None] for x in masks()))
    ours = each(
        jaxloss.softmax_tversky_loss, logits, labels, pixel_ndim=2, smoothing=2 / PIXELS, alpha=0.3, beta=0.6,
        reduction="none",
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    share = {"pixel_ndim": 2, "smoothing": 1 / PIXELS, "reduction": "none"}
    ours = each(jaxloss.softmax_dice_loss, logits, labels, class_weights=jnp.array([0, 1, 1]), **share)
    np.testing.assert_allclose(ours, weighed, rtol=1e-12)
    np.testing.assert_allclose(each(jaxloss.sigmoid_dice_loss, *masks(), **share), binary, rtol=1e-12)


def test_keras_pools_everything_and_swaps_the_prices_of_tversky() -> None:
    losses = pytest.importorskip("keras").losses
    logits, targets = (x.astype(np.float32) for x in masks())
    probs = sigmoid(logits)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        dice, tversky = losses.dice(targets, probs), losses.tversky(targets, probs, alpha=0.6, beta=0.3)
    share = {"pixel_ndim": 3, "smoothing": 0.0}
    np.testing.assert_allclose(jaxloss.dice_loss(probs, targets, **share), dice, rtol=1e-5)
    np.testing.assert_allclose(jaxloss.tversky_loss(probs, targets, alpha=0.3, beta=0.6, **share), tversky, rtol=1e-5)


def test_losses_of_kornia(torch) -> None:
    losses = pytest.importorskip("kornia.losses")
    logits, targets = masks()
    theirs = losses.lovasz_hinge_loss(torch.tensor(logits)[:, None], torch.tensor(targets))
    np.testing.assert_allclose(each(jaxloss.lovasz_hinge_loss, logits, targets, pixel_ndim=2), theirs, rtol=1e-6)
    logits, labels = classes(1)
    z, y = channels_first(torch, logits), torch.tensor(labels)
    assert all(set(np.unique(image)) == set(range(K)) for image in labels), "kornia counts absent classes"
    np.testing.assert_allclose(
        each(jaxloss.lovasz_softmax_loss, logits, labels, pixel_ndim=2), losses.lovasz_softmax_loss(z, y), rtol=1e-6
    )


@pytest.mark.parametrize("stem", STEMS)
def test_forms_agree_and_defaults_are_documented(stem: str) -> None:
    """Sigmoid is softmax over two logits; the probability form is both after the activation; no hyper is needed."""
    of = lambda prefix: getattr(jaxloss, f"{prefix}{stem}_loss")
    logits, targets = masks()
    one = each(of("sigmoid_"), logits, targets, pixel_ndim=2)
    np.testing.assert_allclose(each(of(""), sigmoid(logits), targets, pixel_ndim=2), one, rtol=1e-12)
    two = np.stack([np.zeros_like(logits), logits], axis=-1)
    labels, only = targets.astype(np.int32), jnp.array([0.0, 1.0])
    np.testing.assert_allclose(each(of("softmax_"), two, labels, pixel_ndim=2, class_weights=only), one, rtol=1e-12)
    price = {"dice": 0.5, "jaccard": 1.0, "tversky": 0.5}[stem]
    explicit = {"alpha": price, "beta": price, "gamma": 1.0, "smoothing": 1e-5}
    np.testing.assert_allclose(each(jaxloss.sigmoid_tversky_loss, logits, targets, pixel_ndim=2, **explicit), one)


@pytest.mark.parametrize("name", ["dice_loss", "jaccard_loss", "tversky_loss", "squared_dice_loss"])
def test_soft_targets_are_the_best_prediction(name: str) -> None:
    loss = getattr(jaxloss, name)
    targets = jnp.array([0.1, 0.4, 0.9, 0.0])
    at = lambda probs: float(loss(probs, targets, pixel_ndim=1))
    assert at(targets) == 0
    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = jnp.clip(targets + jnp.asarray(0.05 * rng.normal(size=4), jnp.float32), 0, 1)
        assert at(moved) > 0
    assert at(jnp.round(targets)) > 0.05, "the product of memberships would prefer the rounded targets"


@pytest.mark.parametrize("name", ["sigmoid_dice_loss", "sigmoid_jaccard_loss", "sigmoid_tversky_loss"])
def test_empty_targets(name: str) -> None:
    """Nothing of nothing is 0; alarms on an empty target cost, and less when there are fewer."""
    loss = getattr(jaxloss, name)
    empty, certain = jnp.zeros((2, 2)), jnp.full((2, 2), -1e4)
    value, slope = jax.value_and_grad(loss)(certain, empty, pixel_ndim=2)
    assert value == 0
    assert not np.any(slope)
    share = {"pixel_ndim": 2, "smoothing": 0.1}
    few, many = (float(loss(jnp.full((2, 2), z), empty, **share)) for z in (-5.0, 0.0))
    assert 0 < few < many < 1
    assert np.all(np.asarray(jax.grad(loss)(jnp.zeros((2, 2)), empty, **share)) > 0)


def test_pooling_is_by_image_or_by_batch() -> None:
    logits, targets = masks()
    by_batch = each(jaxloss.sigmoid_dice_loss, logits, targets, pixel_ndim=3)
    flat = each(jaxloss.sigmoid_dice_loss, logits.ravel(), targets.ravel(), pixel_ndim=1)
    images = [each(jaxloss.sigmoid_dice_loss, z, y, pixel_ndim=2) for z, y in zip(logits, targets, strict=True)]
    by_image = each(jaxloss.sigmoid_dice_loss, logits, targets, pixel_ndim=2)
    np.testing.assert_allclose(by_batch, flat, rtol=1e-12)
    np.testing.assert_allclose(by_image, np.mean(images), rtol=1e-12)
    assert abs(by_batch - by_image) > 1e-4
    with pytest.raises(TypeError, match="pixel_ndim"):
        jaxloss.sigmoid_dice_loss(logits, targets)


def test_masks_and_weights_of_pixels_broadcast_over_images() -> None:
    logits, labels = classes()
    where, weights = (np.arange(W) < 3)[None, None, :], np.arange(1.0, H + 1)[None, :, None]
    names = ("softmax_dice_loss", "softmax_generalized_dice_loss", "lovasz_softmax_loss")
    for name in names:
        loss = getattr(jaxloss, name)
        actual = each(loss, logits, labels, pixel_ndim=2, where=where, weights=weights)
        fewer = logits[:, :, :3], labels[:, :, :3]
        repeated = [np.repeat(x, [1, 2, 3], axis=1) for x in fewer]
        np.testing.assert_allclose(actual, each(loss, *repeated, pixel_ndim=2), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "name",
    [
        "softmax_dice_loss",
        "softmax_jaccard_loss",
        "softmax_tversky_loss",
        "softmax_generalized_dice_loss",
        "softmax_dice_cross_entropy",
        "lovasz_softmax_loss",
    ],
)
def test_a_label_that_is_no_class_spoils_its_pool(name: str) -> None:
    loss = getattr(jaxloss, name)
    logits, labels = jnp.zeros((2, 2, 3)), jnp.array([[0, 3], [0, 1]])
    fn = lambda z, **kwargs: jax.jit(lambda z: loss(z, labels, pixel_ndim=1, reduction="none", **kwargs))(z)
    np.testing.assert_array_equal(np.isnan(fn(logits)), [True, False])
    slope = jax.grad(lambda z: jnp.sum(fn(z)))(logits)
    np.testing.assert_array_equal(np.isnan(slope).any((1, 2)), [True, False])
    assert not np.any(np.isnan(fn(logits, where=labels < 3)))
    with pytest.raises(ValueError, match="labels"):
        jaxloss.checked(fn)(logits)


def test_values_that_are_no_probabilities_never_train() -> None:
    for name in ("dice_loss", "jaccard_loss", "tversky_loss", "squared_dice_loss"):
        loss = getattr(jaxloss, name)
        assert np.isnan(loss(jnp.array([1.5, 0.0]), jnp.array([1.0, 0.0]), pixel_ndim=1)), name
        assert np.isnan(loss(jnp.array([0.5, 0.0]), jnp.array([1.0, -1.0]), pixel_ndim=1)), name
        with pytest.raises(ValueError, match="probs"):
            jaxloss.checked(loss)(jnp.array([1.5, 0.0]), jnp.array([1.0, 0.0]), pixel_ndim=1)
    assert np.isnan(jaxloss.lovasz_hinge_loss(jnp.ones(2), jnp.array([1.0, -1.0]), pixel_ndim=1))


def test_small_losses_keep_their_relative_accuracy() -> None:
    exact = 2 * np.exp(-30.0) / (2 + 2 * np.exp(-30.0))
    logits, targets = jnp.array([30.0, -30.0]), jnp.array([1.0, 0.0])
    np.testing.assert_allclose(
        jaxloss.sigmoid_dice_loss(logits, targets, pixel_ndim=1, smoothing=0.0), exact, rtol=1e-6
    )
    logits, labels = jnp.array([[30.0, 0.0], [0.0, 30.0]]), jnp.array([0, 1])
    fn = lambda z: jaxloss.softmax_dice_loss(z, labels, pixel_ndim=1, smoothing=0.0)
    value, slope = jax.value_and_grad(fn)(logits)
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slope, exact / 2 * np.array([[-1, 1], [1, -1]]), rtol=1e-5)


def test_the_smallest_focal_exponents_stay_finite() -> None:
    fn = lambda z: jaxloss.sigmoid_tversky_loss(z, jnp.array([1.0, 0.0]), pixel_ndim=1, gamma=0.5)
    for z in (10.0, 40.0, 100.0, 1e4):
        assert np.all(np.isfinite(jax.grad(fn)(jnp.array([z, -z])))), z
    assert fn(jnp.array([1e4, -1e4])) == 0


def test_lovasz_of_an_empty_target_is_the_greatest_hinge() -> None:
    logits = jnp.array([0.5, -0.5, 3.0])
    assert jaxloss.lovasz_hinge_loss(logits, jnp.zeros(3), pixel_ndim=1) == 4
    assert jaxloss.lovasz_hinge_loss(logits, jnp.zeros(3), pixel_ndim=1, where=logits < 3) == 1.5


def test_classes_without_a_pixel() -> None:
    """They count in the Dice loss, by the greatest other weight in the generalised one, and not in Lovász's."""
    logits, labels = jnp.array([[2.0, 0.0, 1.0], [0.0, 2.0, -1.0]]), jnp.array([0, 1])
    probs = jax.nn.softmax(logits, axis=-1)
    both = jnp.sum(jnp.diagonal(probs))
    total = jnp.sum(probs) + 2
    generalized = jaxloss.softmax_generalized_dice_loss(logits, labels, pixel_ndim=1)
    np.testing.assert_allclose(generalized, 1 - 2 * both / total, rtol=1e-6)
    present = jnp.array([1, 1, 0])
    np.testing.assert_allclose(
        jaxloss.lovasz_softmax_loss(logits, labels, pixel_ndim=1),
        jaxloss.lovasz_softmax_loss(logits, labels, pixel_ndim=1, class_weights=present),
    )
    gone = jaxloss.softmax_dice_loss(logits.at[:, 2].set(-jnp.inf), labels, pixel_ndim=1)
    assert gone < jaxloss.softmax_dice_loss(logits, labels, pixel_ndim=1)


def test_the_example_of_the_shared_arguments_runs() -> None:
    module = jaxloss.vision.segmentation
    assert run_examples(module, module.__name__, {"jaxloss": jaxloss, "jnp": jnp})


OF_IMAGES = {
    "probs": lambda z, y, **options: jaxloss.tversky_loss(jax.nn.sigmoid(z), y % 2, alpha=0.3, **options),
    "sigmoid": lambda z, y, **options: jaxloss.sigmoid_dice_cross_entropy(z, y % 2, **options),
    "squares": lambda z, y, **options: jaxloss.sigmoid_squared_dice_loss(z, y % 2, **options),
    "softmax": lambda z, y, **options: jaxloss.softmax_generalized_dice_loss(jnp.stack([z, -z], -1), y % 2, **options),
    "hinge": lambda z, y, **options: jaxloss.lovasz_hinge_loss(z, y % 2, **options),
    "ranked": lambda z, y, **options: jaxloss.lovasz_softmax_loss(jnp.stack([z, -z], -1), y % 2, **options),
}
"""Losses as functions of scores ``[B, H, W]`` and whole numbers."""


@pytest.mark.parametrize("name", OF_IMAGES)
def test_the_scale_of_the_weights_is_no_matter(name: str) -> None:
    """Their sum may be beyond the largest float32."""
    loss, rng = OF_IMAGES[name], np.random.default_rng(6)
    scores, labels = jnp.asarray(rng.normal(size=(2, 4, 3)), jnp.float32), jnp.asarray(rng.integers(0, 2, (2, 4, 3)))
    weights = jnp.asarray(rng.uniform(0.5, 1.0, (2, 4, 3)), jnp.float32)
    huge, usual = (loss(scores, labels, pixel_ndim=2, weights=s * weights) for s in (3e38, 1.0))
    np.testing.assert_allclose(huge, usual, rtol=1e-5)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_pools_of_images_on_four_devices(name: str) -> None:
    """A pool of the whole batch needs ``axis_name``, pools of whole images need none, cut images need it again."""
    loss, rng = OF_IMAGES[name], np.random.default_rng(5)
    scores = jnp.asarray(2 * rng.normal(size=(8, 4, 3)), jnp.float32)
    labels, keep = jnp.asarray(rng.integers(0, 2, (8, 4, 3))), jnp.asarray(rng.uniform(size=(8, 4, 3)) < 0.7)
    keep = keep.at[2:4].set(False).at[:, 1].set(False)
    mesh = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    images, rows, every = (jax.sharding.PartitionSpec(*axes) for axes in (("data",), (None, "data"), ()))

    def program(spec, out, **options):
        here = lambda z, y, m: loss(z, y, where=m, **options)
        return jax.shard_map(here, mesh=mesh, in_specs=(spec, spec, spec), out_specs=out)

    whole = lambda z: loss(z, labels, where=keep, pixel_ndim=3)
    spread = lambda z: program(images, every, pixel_ndim=3, axis_name="data")(z, labels, keep)
    actual, expected = (jax.jit(jax.value_and_grad(fn))(scores) for fn in (spread, whole))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7), actual, expected)

    each = loss(scores, labels, where=keep, pixel_ndim=2, reduction="none")
    apart = jax.jit(program(images, images, pixel_ndim=2, reduction="none"))
    np.testing.assert_allclose(apart(scores, labels, keep), each, rtol=1e-6)
    cut = jax.jit(program(rows, every, pixel_ndim=2, axis_name="data", reduction="none"))
    np.testing.assert_allclose(cut(scores, labels, keep), each, rtol=1e-5)

    with pytest.raises(ValueError, match="axis_name='data'"):
        jax.eval_shape(program(images, every, pixel_ndim=3), scores, labels, keep)


@pytest.mark.parametrize("name", ["dice_loss", "jaccard_loss", "sigmoid_dice_loss", "sigmoid_jaccard_loss"])
def test_one_pixel_out_of_the_domain_spoils_its_pool_of_many(name: str) -> None:
    """As users compile it: the fused minima of XLA on CPU lose a NaN, which these pools do not."""
    rng = np.random.default_rng(2)
    probs, targets = (jnp.asarray(rng.uniform(size=(3, 5000)), jnp.float32) for _ in range(2))
    loss = lambda p, y, keep=None: getattr(jaxloss, name)(p, y, pixel_ndim=1, where=keep, reduction="none")
    both = lambda p, y, keep=None: (loss(p, y, keep), jax.grad(lambda p: jnp.sum(loss(p, y, keep)))(p))
    program = jax.jit(both, compiler_options=defaults())
    clean = program(probs, targets)
    assert np.all(np.isfinite(clean[0]))
    for number in (jnp.nan, jnp.inf, -jnp.inf, 1.0000001, -1e-9, 2.0, -1.0):
        legal_score = name.startswith("sigmoid") and not np.isnan(number)
        for data in [(probs, targets.at[1, 77].set(number))] + [(probs.at[1, 77].set(number), targets)] * (
            not legal_score
        ):
            values, slopes = program(*data)
            np.testing.assert_array_equal(np.isnan(values), [False, True, False], err_msg=f"{number}")
            np.testing.assert_array_equal(np.isnan(slopes), np.isnan(values)[:, None] | np.zeros((1, 5000), bool))
            keep = jnp.ones(probs.shape, bool).at[1, 77].set(False)
            for a, b in zip(program(*data, keep), program(probs, targets, keep), strict=True):
                np.testing.assert_array_equal(a, b)
        if legal_score:
            assert np.all(np.isfinite(program(probs.at[1, 77].set(number), targets)[0]))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("dice_loss", 0.1),
        ("jaccard_loss", 0.1),
        ("sigmoid_dice_loss", 1.1),
        ("tversky_loss", 3.1),
        ("sigmoid_tversky_loss", 3.1),
    ],
)
def test_few_arrays_of_the_size_of_the_pixels_are_stored(name: str, most: float) -> None:
    """In units of one array; a value and gradient kept six of them where selections stood in front of the sums."""
    pixels = 2**18
    loss = lambda p, y: getattr(jaxloss, name)(p, y, pixel_ndim=1)
    for fn in (loss, jax.value_and_grad(loss)):
        entry = jax.ShapeDtypeStruct((1, pixels), jnp.float32)
        compiled = jax.jit(fn, compiler_options=defaults()).lower(entry, entry).compile()
        assert compiled.memory_analysis().temp_size_in_bytes <= most * 4 * pixels
        assert " dot(" not in compiled.as_text(), "a sum of products, which XLA on CPU takes twenty times as long for"


def tube(thickness=3, size=16):
    mask = np.zeros((size, size), np.float32)
    start = (size - thickness) // 2
    mask[start : start + thickness] = 1
    return mask


def test_centrelines_are_those_of_monai():
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("monai.losses")
    probs, targets = np.random.default_rng(0).uniform(size=(2, 3, 9, 8))
    theirs = losses.SoftclDiceLoss(iter_=4, smooth_nr=0.5, smooth_dr=0.5, smooth=1e-300, reduction="none")
    expected = theirs(torch.tensor(probs)[:, None], torch.tensor(targets)[:, None])
    with jax.enable_x64(True):
        fn = lambda p: jaxloss.soft_cldice_loss(
            p, targets, pixel_ndim=2, num_iterations=4, smoothing=0.5, reduction="none"
        )
        np.testing.assert_allclose(fn(probs), expected, rtol=1e-10)


def test_volumes_have_centrelines_too():
    probs, targets = np.random.default_rng(1).uniform(size=(2, 5, 6, 7))
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("monai.losses")
    expected = losses.SoftclDiceLoss(smooth=1e-300)(torch.tensor(probs)[None, None], torch.tensor(targets)[None, None])
    with jax.enable_x64(True):
        value = jaxloss.soft_cldice_loss(probs, targets, pixel_ndim=3)
    np.testing.assert_allclose(value, expected, rtol=1e-10)


def test_a_cut_costs_more_than_a_thinner_tube():
    whole, thin, cut = tube(5), tube(3), tube(5)
    cut[:, 7:9] = 0
    value = lambda mask: float(jaxloss.soft_cldice_loss(mask, whole, pixel_ndim=2))
    assert value(whole) == 0
    assert value(thin) < 0.02
    assert value(cut) > 3 * value(thin)
    assert jaxloss.dice_loss(cut, whole, pixel_ndim=2) < jaxloss.dice_loss(thin, whole, pixel_ndim=2)


def test_a_gradient_keeps_two_arrays_of_every_erosion():
    entry = jax.ShapeDtypeStruct((1, 128, 128), jnp.float32)

    def arrays(num_iterations: int) -> float:
        loss = lambda p, y: jaxloss.soft_cldice_loss(p, y, pixel_ndim=2, num_iterations=num_iterations)
        compiled = jax.jit(jax.grad(loss), compiler_options=defaults()).lower(entry, entry).compile()
        return compiled.memory_analysis().temp_size_in_bytes / (4 * entry.size)

    few = arrays(3)
    assert few <= 25
    assert arrays(13) - few <= 21


def test_pixels_of_instances_come_together_and_apart():
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(3), 10)
    step = jax.jit(
        jax.value_and_grad(lambda x: jaxloss.discriminative_loss(x, labels, num_instances=5, norm_weight=0.0))
    )
    pixels = rng.normal(size=(30, 2)).astype(np.float32)
    for _ in range(300):
        value, slope = step(pixels)
        pixels = pixels - 0.5 * slope
    means = np.stack([np.asarray(pixels)[labels == c].mean(0) for c in range(3)])
    gaps = np.linalg.norm(means[:, None] - means, axis=-1)[np.triu_indices(3, 1)]
    assert value < 1e-3
    assert gaps.min() > 2.9
    nearest = np.argmin(np.linalg.norm(np.asarray(pixels)[:, None] - means, axis=-1), axis=-1)
    np.testing.assert_array_equal(nearest, labels)


def test_a_background_is_masked_and_a_strange_label_is_an_error():
    pixels, labels = jnp.ones((4, 2)), jnp.array([0, 1, 1, 7])
    value = lambda where: jaxloss.discriminative_loss(pixels, labels, num_instances=3, where=where)
    assert np.isnan(value(None))
    assert np.isfinite(value(labels < 3))
