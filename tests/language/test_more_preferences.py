"""Anchored and self-play preference losses, other divergences, lists, and diffusion: limits and what TRL computes."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

pytestmark = pytest.mark.full

FOUR = -np.random.default_rng(0).gamma(4.0, size=(4, 20))


def test_they_are_those_of_trl() -> None:
    """Its ``loss_type`` strings, written down again with PyTorch."""
    torch = pytest.importorskip("torch")
    beta, shift = 0.3, 0.4
    chosen, rejected, reference_chosen, reference_rejected = (torch.tensor(x) for x in FOUR)
    r_w, r_l = beta * (chosen - reference_chosen), beta * (rejected - reference_rejected)
    sigmoid, log_sigmoid, softplus = torch.sigmoid, torch.nn.functional.logsigmoid, torch.nn.functional.softplus
    log_smoothing, log_rest = np.log(0.1), np.log(0.9)
    js = (r_w - r_l) / beta - (softplus(r_w / beta) - softplus(r_l / beta))
    alpha = (torch.exp(-0.5 * r_l / beta) - torch.exp(-0.5 * r_w / beta)) / 0.5
    theirs = {
        "apo_zero": 1 - sigmoid(r_w) + sigmoid(r_l),
        "apo_down": sigmoid(r_w) + 1 - sigmoid(r_w - r_l),
        "bco_pair": -log_sigmoid(r_w - shift) - log_sigmoid(-(r_l - shift)),
        "nca_pair": -log_sigmoid(r_w) - 0.5 * log_sigmoid(-r_w) - 0.5 * log_sigmoid(-r_l),
        "sppo_hard": (r_w / beta - 0.5 / beta) ** 2 + (r_l / beta + 0.5 / beta) ** 2,
        "exo_pair": sigmoid(r_w - r_l) * (log_sigmoid(r_w - r_l) - log_rest)
        + sigmoid(r_l - r_w) * (log_sigmoid(r_l - r_w) - log_smoothing),
        "jensen_shannon_dpo": -log_sigmoid(beta * js),
        "alpha_dpo": -log_sigmoid(beta * alpha),
        "discopop": -log_sigmoid(r_w - r_l) * (1 - sigmoid((r_w - r_l) / 0.05))
        + torch.exp(r_l - r_w) * sigmoid((r_w - r_l) / 0.05),
    }
    options = {"bco_pair": {"reward_shift": shift}, "exo_pair": {"label_smoothing": 0.1}}
    with jax.enable_x64(True):
        for name, expected in theirs.items():
            fn = getattr(jaxloss, f"{name}_loss")
            ours = fn(*FOUR, beta=beta, **options.get(name, {}), reduction="none")
            np.testing.assert_allclose(ours, expected, rtol=1e-9, err_msg=name)


class TestQuantiles:
    def test_they_are_those_of_trl(self) -> None:
        torch = pytest.importorskip("torch")
        chosen, rejected, reference_chosen, reference_rejected = (torch.tensor(x) for x in FOUR)
        log_sigmoid = torch.nn.functional.logsigmoid
        for fn, better, worse in (
            (jaxloss.aot_loss, chosen - rejected, reference_chosen - reference_rejected),
            (jaxloss.aot_unpaired_loss, chosen - reference_chosen, rejected - reference_rejected),
        ):
            delta = 0.3 * (torch.sort(better).values - torch.sort(worse).values)
            theirs = -log_sigmoid(delta) * 0.9 - log_sigmoid(-delta) * 0.1
            with jax.enable_x64(True):
                ours = fn(*FOUR, beta=0.3, label_smoothing=0.1)
                np.testing.assert_allclose(ours, theirs.mean(), rtol=1e-12)

    def test_the_order_of_the_answers_does_not_matter_without_pairs(self, rng) -> None:
        chosen, rejected, reference_chosen, reference_rejected = FOUR
        mixed = rng.permutation(20)
        with jax.enable_x64(True):
            ours = jaxloss.aot_unpaired_loss(chosen, rejected[mixed], reference_chosen, reference_rejected[mixed])
            np.testing.assert_allclose(ours, jaxloss.aot_unpaired_loss(*FOUR), rtol=1e-12)
            assert abs(ours - jaxloss.dpo_loss(*FOUR)) > 1e-4

    @pytest.mark.parametrize("fn", [jaxloss.aot_loss, jaxloss.aot_unpaired_loss])
    def test_weights_are_copies_and_masks_deletions(self, fn, rng) -> None:
        counts = rng.integers(0, 4, size=20)
        with jax.enable_x64(True):
            copied = fn(*(np.repeat(x, counts) for x in FOUR))
            np.testing.assert_allclose(fn(*FOUR, weights=counts), copied, rtol=1e-9)
            np.testing.assert_allclose(fn(*FOUR, where=counts > 1), fn(*FOUR[:, counts > 1]), rtol=1e-9)


def test_apo_zero_is_two_kto_losses() -> None:
    chosen, rejected, reference_chosen, reference_rejected = FOUR
    with jax.enable_x64(True):
        good = jaxloss.kto_loss(chosen, reference_chosen, np.ones(20, int), beta=0.4)
        bad = jaxloss.kto_loss(rejected, reference_rejected, np.zeros(20, int), beta=0.4)
        np.testing.assert_allclose(jaxloss.apo_zero_loss(*FOUR, beta=0.4), good + bad, rtol=1e-12)


def test_which_way_apo_moves_the_answers() -> None:
    at = jnp.full(1, -30.0)
    for fn, signs in ((jaxloss.apo_zero_loss, (-1, 1)), (jaxloss.apo_down_loss, (0, 1))):
        slopes = jax.grad(fn, argnums=(0, 1))(at, at, at, at)
        np.testing.assert_array_equal(np.sign(np.ravel(slopes)), signs)
    falling = jax.grad(jaxloss.apo_down_loss)(at, at - 30, at, at)
    assert falling > 0


def test_bco_bounds_dpo_from_above() -> None:
    with jax.enable_x64(True):
        dpo = jaxloss.dpo_loss(*FOUR, beta=0.3, reduction="none")
        for shift in (-1.0, 0.0, 0.5):
            bco = jaxloss.bco_pair_loss(*FOUR, beta=0.3, reward_shift=shift, reduction="none")
            assert np.all(bco > dpo)


def test_exo_rests_at_its_aim_and_keeps_the_digits_near_it() -> None:
    zero = jnp.zeros(1)
    aim = np.log(999.0) / 0.1
    value, slope = jax.value_and_grad(jaxloss.exo_pair_loss)(zero + aim, zero, zero, zero)
    assert 0 <= value < 1e-12
    assert abs(slope[0]) < 1e-7
    near = jaxloss.exo_pair_loss(zero + aim + 0.01, zero, zero, zero)
    np.testing.assert_allclose(near, 0.5 * 0.999 * 0.001 * (0.1 * 0.01) ** 2, rtol=2e-2)
    far = jax.grad(jaxloss.exo_pair_loss)(zero - 500, zero, zero, zero)
    assert abs(far[0]) < 1e-15


def test_sppo_rests_where_both_log_ratios_have_their_aims() -> None:
    zero = jnp.zeros(2)
    value, slopes = jax.value_and_grad(jaxloss.sppo_hard_loss, (0, 1))(zero + 5, zero - 5, zero, zero)
    assert value == 0
    assert not np.any(slopes)


def test_nca_has_its_minimum_at_a_finite_reward() -> None:
    zero = jnp.zeros(1)
    slope = jax.grad(jaxloss.nca_pair_loss)(zero + np.log(2.0), zero - 500, zero, zero, beta=1.0)
    np.testing.assert_allclose(slope, [0], atol=1e-7)


def test_discopop_joins_two_losses_and_has_a_local_minimum_between_them() -> None:
    zero, far = jnp.zeros(1), jnp.array([30.0])
    run = lambda margin: jaxloss.discopop_loss(margin, zero, zero, zero, beta=1.0)
    np.testing.assert_allclose(run(far), np.exp(-30.0), rtol=1e-5)
    np.testing.assert_allclose(run(-far), 30, rtol=1e-6)
    slopes = [float(jax.grad(run)(jnp.array([s]))[0]) for s in (-0.3, 0.0, 0.3)]
    np.testing.assert_array_equal(np.sign(slopes), [-1, 1, -1])


class TestDivergences:
    def test_a_small_order_is_dpo_and_order_1_the_forward_divergence(self) -> None:
        chosen, rejected, reference_chosen, reference_rejected = FOUR
        with jax.enable_x64(True):
            small = jaxloss.alpha_dpo_loss(*FOUR, alpha=1e-9, reduction="none")
            np.testing.assert_allclose(small, jaxloss.dpo_loss(*FOUR, reduction="none"), rtol=1e-7)
            links = (
                -np.exp(reference - policy)
                for policy, reference in ((chosen, reference_chosen), (rejected, reference_rejected))
            )
            won, lost = links
            one = jaxloss.alpha_dpo_loss(*FOUR, alpha=1.0, reduction="none")
            np.testing.assert_allclose(one, np.log1p(np.exp(-0.1 * (won - lost))), rtol=1e-9)

    def test_alpha_po_is_between_simpo_and_f_dpo_of_a_certain_reference(self) -> None:
        chosen, rejected = (0.1 * logps for logps in FOUR[:2])
        zero = np.zeros_like(chosen)
        with jax.enable_x64(True):
            small = jaxloss.alpha_po_loss(chosen, rejected, alpha=1e-9, reduction="none")
            np.testing.assert_allclose(small, jaxloss.simpo_loss(chosen, rejected, reduction="none"), rtol=1e-7)
            certain = jaxloss.alpha_dpo_loss(chosen, rejected, zero, zero, beta=2.0, alpha=0.3)
            actual = jaxloss.alpha_po_loss(chosen, rejected, alpha=0.3, beta=2.0, margin=0.0)
            np.testing.assert_allclose(actual, certain, rtol=1e-12)

    def test_alpha_po_of_sums_over_tokens_stays_finite(self) -> None:
        sizes = [-3e4, -300.0, -30.0, 0.0]
        pairs = jnp.array(list(itertools.product(sizes, sizes)), jnp.float32).T
        fn = lambda c, r: jaxloss.alpha_po_loss(c, r, alpha=0.5, reduction="sum")
        value, slopes = jax.jit(jax.value_and_grad(fn, (0, 1)))(*pairs)
        assert np.isfinite(value)
        assert np.all(np.isfinite(slopes))

    def test_jensen_shannon_is_dpo_where_both_answers_are_unlikely(self) -> None:
        low, zero = jnp.array([-700.0]), jnp.zeros(1)
        actual = jaxloss.jensen_shannon_dpo_loss(low + 3, low, zero, zero)
        np.testing.assert_allclose(actual, jaxloss.dpo_loss(low + 3, low, zero, zero), rtol=1e-6)
        high = jaxloss.jensen_shannon_dpo_loss(-low + 3, -low, zero, zero)
        np.testing.assert_allclose(high, np.log(2), rtol=1e-6)

    @pytest.mark.parametrize("fn", [jaxloss.alpha_dpo_loss, jaxloss.jensen_shannon_dpo_loss])
    def test_log_ratios_of_any_size_are_finite(self, fn) -> None:
        sizes = [-3e4, -300.0, 0.0, 300.0, 3e4]
        pairs = jnp.array(list(itertools.product(sizes, sizes)), jnp.float32).T
        zero = jnp.zeros(25)
        value, slopes = jax.jit(jax.value_and_grad(lambda c, r: fn(c, r, zero, zero, reduction="sum"), (0, 1)))(*pairs)
        assert np.isfinite(value)
        assert np.all(np.isfinite(slopes))


class TestLists:
    def test_a_list_of_two_answers_is_dpo(self) -> None:
        """Listwise DPO is the Plackett-Luce likelihood of the rewards, with the answers in order of preference."""
        chosen, rejected, reference_chosen, reference_rejected = FOUR
        with jax.enable_x64(True):
            rewards = 0.3 * np.stack([chosen - reference_chosen, rejected - reference_rejected], -1)
            listed = jaxloss.listmle_loss(rewards, np.broadcast_to(np.array([1.0, 0.0]), (20, 2)))
            np.testing.assert_allclose(listed, jaxloss.dpo_loss(*FOUR, beta=0.3), rtol=1e-12)

    def test_a_list_is_a_product_of_choices(self, rng) -> None:
        logps, reference = -rng.gamma(4.0, size=(2, 6, 4))
        with jax.enable_x64(True):
            rewards = 0.1 * (logps - reference)
            expected = -np.sum([rewards[:, k] - np.log(np.exp(rewards[:, k:]).sum(-1)) for k in range(4)], axis=0)
            listed = jaxloss.listmle_loss(rewards, np.broadcast_to(np.arange(4.0)[::-1], (6, 4)), reduction="none")
            np.testing.assert_allclose(listed, expected, rtol=1e-12)


def test_diffusion_dpo_is_dpo_of_negative_errors(rng) -> None:
    """The inner term of diffusers is half of its beta times the difference of four mean squared errors."""
    torch = pytest.importorskip("torch")
    model_w, model_l, reference_w, reference_l = rng.gamma(2.0, scale=1e-3, size=(4, 8))
    inside = -0.5 * 5000 * ((model_w - model_l) - (reference_w - reference_l))
    theirs = -torch.nn.functional.logsigmoid(torch.tensor(inside)).mean()
    with jax.enable_x64(True):
        ours = jaxloss.dpo_loss(-model_w, -model_l, -reference_w, -reference_l, beta=2500.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
