"""Adversarial losses: signs, halves, labels, saturation, averages, and other packages' results."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

KINDS = ("hinge", "least_squares", "minimax", "nonsaturating", "relativistic", "relativistic_average", "wasserstein")
LN2 = np.float32(np.log(2))


def pair(rng, n=6):
    return jnp.asarray(rng.normal(size=n), jnp.float32), jnp.asarray(rng.normal(size=n), jnp.float32)


def both(kind):
    return (getattr(jaxloss, f"gan_{kind}_{player}_loss") for player in ("discriminator", "generator"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_both_players_who_pull_apart(rng, kind):
    """The discriminator wants real scores up and generated ones down, the generator generated ones up."""
    real, fake = pair(rng)
    discriminator, generator = both(kind)
    in_real, in_fake = jax.grad(discriminator, (0, 1))(0.3 * real, 0.3 * fake)
    assert np.all(in_real <= 0)
    assert np.all(in_fake >= 0) or kind == "least_squares"
    paired = kind.startswith("relativistic")
    pull = jax.grad(generator, 1)(real, fake) if paired else jax.grad(generator)(fake - 3)
    assert np.all(pull < 0)


def test_the_hinge_generator_is_no_hinge():
    """A generator with max(0, 1 - f) would stop learning beyond the margin."""
    np.testing.assert_array_equal(jax.grad(jaxloss.gan_hinge_generator_loss)(jnp.array([5.0, -5.0])), [-0.5, -0.5])


def test_hinge_slope_is_zero_at_the_margins():
    """jnp.maximum would give half of it (optax.hinge_loss does)."""
    slopes = jax.grad(jaxloss.gan_hinge_discriminator_loss, (0, 1))(jnp.ones(1), -jnp.ones(1))
    np.testing.assert_array_equal(np.concatenate(slopes), [0, 0])


def test_saturation_where_the_discriminator_is_sure():
    """f = -100: the minimax generator has no gradient in float32, the non-saturating one all of it."""
    sure = jnp.array([-100.0])
    assert abs(float(jax.grad(jaxloss.gan_minimax_generator_loss)(sure)[0])) < 1e-40
    assert jax.grad(jaxloss.gan_nonsaturating_generator_loss)(sure)[0] == -1
    assert jaxloss.gan_minimax_generator_loss(jnp.array([200.0])) == -200


def test_near_certainty_keeps_its_digits():
    """log(1 + exp(-30)) is 0 in float32 unless it is log1p."""
    value = jaxloss.gan_nonsaturating_discriminator_loss(jnp.array([30.0]), jnp.array([-30.0]))
    np.testing.assert_allclose(value, 2 * np.exp(-30.0), rtol=1e-6)


def test_minimax_has_no_smoothing_unless_asked(rng):
    """TF-GAN smooths by default: label_smoothing=0.25 there moves the real targets to 0.875."""
    real, fake = pair(rng)
    plain = jaxloss.gan_minimax_discriminator_loss(real, fake)
    np.testing.assert_array_equal(plain, jaxloss.gan_nonsaturating_discriminator_loss(real, fake))
    smooth = jaxloss.gan_minimax_discriminator_loss(real, fake, real_smoothing=0.125)
    ones, zeros = jnp.ones(6), jnp.zeros(6)
    tfgan = jaxloss.sigmoid_binary_cross_entropy(real, ones, label_smoothing=0.25)
    np.testing.assert_allclose(smooth, tfgan + jaxloss.sigmoid_binary_cross_entropy(fake, zeros), rtol=1e-6)


def test_unequal_batches_and_masks_take_the_terms_one_by_one(rng):
    """What the docstrings say: each discriminator loss is the sum of two losses that exist by themselves."""
    real, fake = pair(rng)
    ones, zeros = jnp.ones(6), jnp.zeros(6)
    bce, near = jaxloss.sigmoid_binary_cross_entropy, lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6)
    near(jaxloss.gan_minimax_discriminator_loss(real, fake), bce(real, ones) + bce(fake, zeros))
    generator = jaxloss.gan_nonsaturating_generator_loss
    near(jaxloss.gan_nonsaturating_discriminator_loss(real, fake), generator(real) + generator(-fake))
    near(jaxloss.gan_wasserstein_discriminator_loss(real, fake), jaxloss.reduce(fake) - jaxloss.reduce(real))
    half = jaxloss.half_squared_error
    near(jaxloss.gan_least_squares_discriminator_loss(real, fake), half(real, ones) + half(fake, zeros))
    hinge = jaxloss.hinge_loss(real, ones) + jaxloss.hinge_loss(fake, -ones)
    near(jaxloss.gan_hinge_discriminator_loss(real, fake), hinge)


def test_least_squares_labels():
    real, fake = jnp.array([1.0, -1.0]), jnp.array([-1.0, 0.0])
    pearson = jaxloss.gan_least_squares_discriminator_loss(
        real, fake, real_label=1.0, fake_label=-1.0, reduction="none"
    )
    np.testing.assert_array_equal(pearson, [0, 2.5])
    assert jaxloss.gan_least_squares_generator_loss(jnp.zeros(3), real_label=0.0) == 0


# ---- relativistic ----------------------------------------------------------------------------------------------


def test_a_shift_of_all_scores_changes_no_relativistic_loss(rng):
    real, fake = pair(rng)
    for kind in ("relativistic", "relativistic_average"):
        for loss in both(kind):
            np.testing.assert_allclose(loss(real + 2, fake + 2), loss(real, fake), rtol=1e-5)


def test_average_of_one_is_the_pair_twice(rng):
    real, fake = pair(rng)
    one = jax.vmap(jaxloss.gan_relativistic_average_discriminator_loss)(real[:, None], fake[:, None])
    np.testing.assert_allclose(
        one, 2 * jaxloss.gan_relativistic_discriminator_loss(real, fake, reduction="none"), rtol=1e-6
    )


def test_the_players_are_each_other_with_roles_swapped(rng):
    real, fake = pair(rng)
    for kind in ("relativistic", "relativistic_average"):
        discriminator, generator = both(kind)
        np.testing.assert_array_equal(generator(real, fake), discriminator(fake, real))


def test_both_terms_move_the_generator(rng):
    """The second term through the average: leaving it out, or stopping the gradient, is another loss."""
    real, fake = pair(rng)
    gradient = jax.grad(jaxloss.gan_relativistic_average_generator_loss, 1)(real, fake)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    r, f = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    first = -sigmoid(-(f - r.mean())) / 6
    second = -sigmoid(-(f.mean() - r)).mean() / 6
    np.testing.assert_allclose(gradient, first + second, rtol=1e-5)


def test_masks_of_the_average_form_belong_to_entries(rng):
    real, fake = pair(rng)
    keep, mass = np.array([1, 1, 0, 1, 0, 1], bool), jnp.arange(1.0, 7)
    value = jaxloss.gan_relativistic_average_discriminator_loss(real, fake.at[2].set(jnp.nan), where=keep, weights=mass)
    fewer = jaxloss.gan_relativistic_average_discriminator_loss(real[keep], fake[keep], weights=mass[keep])
    np.testing.assert_allclose(value, fewer, rtol=1e-6)


# ---- parity ----------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(rng):
    keep = rng.uniform(size=7) < 0.7
    weights = rng.uniform(0.5, 2, size=7)
    return rng.normal(size=7), rng.normal(size=7), keep, weights


def test_torch_parity(drawn):
    torch = pytest.importorskip("torch")
    real, fake, keep, weights = drawn
    r, f = (torch.tensor(x, requires_grad=True) for x in (real, fake))
    bce = lambda x, t: torch.nn.functional.binary_cross_entropy_with_logits(x, torch.full_like(x, t), reduction="none")
    mass = torch.tensor(keep * weights / (keep * weights).sum())
    middle = lambda x: (mass * x).sum()
    theirs = {
        "minimax": (bce(r, 0.9) + bce(f, 0.0), -bce(f, 0.0), {"real_smoothing": 0.1}),
        "nonsaturating": (bce(r, 1.0) + bce(f, 0.0), bce(f, 1.0), {}),
        "hinge": (torch.relu(1 - r) + torch.relu(1 + f), -f, {}),
        "relativistic": (bce(r - f, 1.0), bce(f - r, 1.0), {}),
        "relativistic_average": (
            bce(r - middle(f), 1.0) + bce(f - middle(r), 0.0),
            bce(f - middle(r), 1.0) + bce(r - middle(f), 0.0),
            {},
        ),
    }
    for kind, (d, g, hypers) in theirs.items():
        relative = kind.startswith("relativistic")
        discriminator, generator = both(kind)
        tail = {"where": keep, "weights": weights}
        with jax.enable_x64(True):
            ours = {
                "d": jax.jit(
                    jax.value_and_grad(lambda x, y, fn=discriminator, h=hypers: fn(x, y, **h, **tail), (0, 1))
                )(real, fake),
                "g": jax.jit(
                    jax.value_and_grad(
                        lambda x, y, fn=generator, rel=relative: fn(x, y, **tail) if rel else fn(y, **tail), (0, 1)
                    )
                )(real, fake),
            }
        for expected, (value, slopes) in ((d, ours["d"]), (g, ours["g"])):
            np.testing.assert_allclose(value, middle(expected).detach(), rtol=1e-12, err_msg=kind)
            pulls = torch.autograd.grad(middle(expected), (r, f), retain_graph=True, materialize_grads=True)
            for a, b in zip(slopes, pulls, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-15, err_msg=kind)


def test_monai_parity(drawn):
    """MONAI averages, has no factor 1/2, and leaves its LSGAN scores without an activation only if asked."""
    pytest.importorskip("monai")
    torch = pytest.importorskip("torch")
    from monai.losses import PatchAdversarialLoss

    real, fake, _, _ = drawn
    r, f = (torch.tensor(x)[None, :] for x in (real, fake))
    squares = PatchAdversarialLoss(criterion="least_squares", no_activation_leastsq=True)
    with jax.enable_x64(True):
        ours = float(jaxloss.gan_least_squares_discriminator_loss(real, fake))
        generator = float(jaxloss.gan_least_squares_generator_loss(fake))
    # MONAI's discriminator form is a mean of its two terms' means only where its caller takes one.
    both_terms = squares(r, target_is_real=True, for_discriminator=True) + squares(
        f, target_is_real=False, for_discriminator=True
    )
    np.testing.assert_allclose(2 * ours, both_terms, rtol=1e-6)
    np.testing.assert_allclose(2 * generator, squares(f, target_is_real=True, for_discriminator=False), rtol=1e-6)
