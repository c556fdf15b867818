"""Binary and multiclass margins: kinks, encodings, parity with PyTorch and scikit-learn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

BINARY = (
    jaxloss.hinge_loss,
    jaxloss.squared_hinge_loss,
    jaxloss.smoothed_hinge_loss,
    jaxloss.modified_huber_loss,
    jaxloss.soft_margin_loss,
    jaxloss.perceptron_loss,
)


@pytest.fixture(params=BINARY, ids=lambda fn: fn.__name__)
def binary(request):
    return request.param


class TestEncoding:
    """Targets are -1 and +1; nothing else gets a plausible number."""

    @pytest.mark.parametrize("wrong", [0, 2, -2, 127])
    def test_other_targets_never_train(self, binary, wrong: int) -> None:
        scores, targets = jnp.array([0.3, 5.0, -0.2]), jnp.array([1, wrong, -1])
        for labels in (targets, targets.astype(jnp.float32)):
            values, pull = jax.vjp(lambda s, y=labels: binary(s, y, reduction="none"), scores)
            (gradient,) = pull(jnp.ones(3))
            np.testing.assert_array_equal(np.isnan(values), [False, True, False])
            np.testing.assert_array_equal(np.isnan(gradient), [False, True, False])

    def test_checked_names_the_remedy(self, binary) -> None:
        loss = jaxloss.checked(jax.jit(binary))
        with pytest.raises(ValueError, match=r"2 \* targets - 1"):
            loss(jnp.zeros(2), jnp.array([0, 1]))
        loss(jnp.zeros(2), jnp.array([-1, 1]))

    def test_masked_targets_may_be_anything(self, binary) -> None:
        keep = jnp.array([True, False])
        value = jaxloss.checked(lambda: binary(jnp.array([0.3, 0.3]), jnp.array([1, 0]), where=keep))()
        np.testing.assert_allclose(value, binary(jnp.array([0.3]), jnp.array([1])), rtol=1e-6)

    def test_integers_and_floats_agree(self, binary) -> None:
        scores, targets = jnp.array([0.3, -0.7, 1.5]), np.array([1, -1, -1])
        for dtype in (jnp.int8, jnp.int32, jnp.bfloat16):
            np.testing.assert_array_equal(
                binary(scores, jnp.asarray(targets, dtype)), binary(scores, jnp.asarray(targets, jnp.float32))
            )

    def test_one_row_does_not_change_another(self, binary) -> None:
        scores = jnp.array([0.3, 0.4])
        alone = binary(scores[:1], jnp.array([1]), reduction="none")
        for other in (-1, 0, 1):
            np.testing.assert_array_equal(binary(scores, jnp.array([1, other]), reduction="none")[:1], alone)


class TestKinks:
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_margin_losses_rest_on_the_margin(self, binary, sign: float) -> None:
        if binary in (jaxloss.soft_margin_loss, jaxloss.perceptron_loss):
            pytest.skip("no corner at a margin of 1")
        assert jax.grad(binary)(jnp.float32(sign), jnp.float32(sign)) == 0
        just_inside = np.nextafter(np.float32(sign), np.float32(0))
        assert sign * jax.grad(binary)(jnp.float32(just_inside), jnp.float32(sign)) < 0

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_perceptron_leaves_zero(self, sign: float) -> None:
        assert jax.grad(jaxloss.perceptron_loss)(jnp.float32(0), jnp.float32(sign)) == -sign / 2

    def test_crammer_singer_ties_share(self) -> None:
        gradient = jax.grad(jaxloss.multiclass_hinge_loss)(jnp.array([0.0, 2.0, 2.0, 1.0]), jnp.array(0))
        np.testing.assert_array_equal(gradient, [-1.0, 0.5, 0.5, 0.0])

    def test_crammer_singer_rests_on_the_margin(self) -> None:
        scores = jnp.array([1.0, 0.0, 0.0])
        for fn in (jaxloss.multiclass_hinge_loss, jaxloss.multi_margin_loss):
            value, gradient = jax.value_and_grad(fn)(scores, jnp.array(0))
            assert value == 0
            np.testing.assert_array_equal(gradient, np.zeros(3))


class TestBinaryValues:
    def test_hinge_is_that_of_scikit_learn(self, rng: np.random.Generator) -> None:
        import sklearn.metrics

        scores, targets = rng.normal(size=50), rng.choice([-1, 1], size=50)
        weights = rng.uniform(size=50)
        expected = sklearn.metrics.hinge_loss(targets, scores, sample_weight=weights)
        np.testing.assert_allclose(jaxloss.hinge_loss(scores, targets, weights=weights), expected, rtol=1e-6)

    def test_smoothed_hinge_tends_to_the_hinge(self, rng: np.random.Generator) -> None:
        scores, targets = jnp.asarray(rng.normal(size=50), jnp.float32), jnp.asarray(rng.choice([-1, 1], size=50))
        hinge = jaxloss.hinge_loss(scores, targets, reduction="none")
        for gamma in (1e-3, 1e-30):
            smooth = jax.jit(lambda g: jaxloss.smoothed_hinge_loss(scores, targets, gamma=g, reduction="none"))(gamma)
            assert np.all(smooth <= hinge)
            np.testing.assert_allclose(smooth, hinge, atol=gamma / 2 + 1e-7)

    def test_smoothed_hinge_of_width_two_is_a_quarter_of_modified_huber(self, rng: np.random.Generator) -> None:
        scores, targets = jnp.asarray(3 * rng.normal(size=50), jnp.float32), jnp.asarray(rng.choice([-1, 1], size=50))
        smooth = jaxloss.smoothed_hinge_loss(scores, targets, gamma=2.0, reduction="none")
        np.testing.assert_allclose(
            4 * smooth, jaxloss.modified_huber_loss(scores, targets, reduction="none"), rtol=1e-6
        )

    def test_soft_margin_neither_overflows_nor_vanishes(self) -> None:
        values, pull = jax.vjp(
            lambda s: jaxloss.soft_margin_loss(s, jnp.ones(4), reduction="none"), jnp.array([-200.0, -1e30, 20.0, 80.0])
        )
        np.testing.assert_allclose(values, [200.0, 1e30, np.log1p(np.exp(-20.0)), np.exp(-80.0)], rtol=4e-7)
        np.testing.assert_allclose(pull(jnp.ones(4))[0], [-1, -1, -np.exp(-20.0), -np.exp(-80.0)], rtol=4e-7)


class TestClassValues:
    def test_absent_classes_count_as_columns_only(self) -> None:
        scores = jnp.array([1.0, 0.5, -jnp.inf])
        assert jaxloss.multiclass_hinge_loss(scores, jnp.array(0)) == 0.5
        np.testing.assert_allclose(jaxloss.multi_margin_loss(scores, jnp.array(0)), 0.5 / 3, rtol=1e-6)
        assert jaxloss.multiclass_hinge_loss(scores, jnp.array(2)) == jnp.inf
        assert jaxloss.multi_margin_loss(scores, jnp.array(2)) == jnp.inf

    @pytest.mark.parametrize("wrong", [2, -1, 0.5])
    def test_memberships_are_zero_or_one(self, wrong: float) -> None:
        scores = jnp.array([[0.1, 0.2], [3.0, 0.0]])
        targets = jnp.array([[1.0, wrong], [1.0, 0.0]])
        values, pull = jax.vjp(lambda s: jaxloss.multilabel_margin_loss(s, targets, reduction="none"), scores)
        np.testing.assert_array_equal(np.isnan(values), [True, False])
        np.testing.assert_array_equal(np.isnan(pull(jnp.ones(2))[0]).any(-1), [True, False])
        with pytest.raises(ValueError, match="0 or 1"):
            jaxloss.checked(jaxloss.multilabel_margin_loss)(scores, targets)
        jaxloss.checked(jaxloss.multilabel_margin_loss)(scores, targets, where=jnp.array([False, True]))

    def test_the_power_is_static(self) -> None:
        with pytest.raises(ValueError, match="power"):
            jaxloss.multi_margin_loss(jnp.zeros(3), jnp.array(0), power=jnp.array(2))


class TestTorch:
    """Parity in value and gradient with `torch.nn.functional`."""

    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def compare(self, torch, ours, theirs, scores: np.ndarray) -> None:
        with jax.enable_x64(True):
            value, gradient = jax.value_and_grad(ours)(jnp.asarray(scores))
            at = torch.tensor(scores, requires_grad=True)
            expected = theirs(at)
            expected.backward()
            np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
            np.testing.assert_allclose(gradient, at.grad.numpy(), rtol=1e-10, atol=1e-14)

    def test_soft_margin(self, torch, rng: np.random.Generator) -> None:
        targets = rng.choice([-1.0, 1.0], size=(6, 3))
        keep = rng.uniform(size=(6, 3)) < 0.7
        self.compare(
            torch,
            lambda s: jaxloss.soft_margin_loss(s, targets, where=keep),
            lambda s: torch.nn.functional.soft_margin_loss(s[torch.tensor(keep)], torch.tensor(targets[keep])),
            rng.normal(size=(6, 3)),
        )

    @pytest.mark.parametrize("power", [1, 2])
    @pytest.mark.parametrize("margin", [1.0, 0.4])
    def test_multi_margin(self, torch, rng: np.random.Generator, power: int, margin: float) -> None:
        labels, class_weights = rng.integers(0, 5, size=8), rng.uniform(0.5, 2, size=5)
        hypers = {"margin": margin, "p": power, "weight": torch.tensor(class_weights)}
        keep = np.arange(8) % 3 != 0
        self.compare(
            torch,
            lambda s: jaxloss.multi_margin_loss(
                s, labels, margin=margin, power=power, class_weights=class_weights, where=keep
            ),
            lambda s: torch.nn.functional.multi_margin_loss(
                s[torch.tensor(keep)], torch.tensor(labels[keep]), **hypers
            ),
            rng.normal(size=(8, 5)),
        )

    def test_multilabel_margin(self, torch, rng: np.random.Generator) -> None:
        targets = (rng.uniform(size=(8, 5)) < 0.4).astype(int)
        lists = np.full((8, 5), -1)
        for row, members in zip(lists, targets, strict=True):
            (present,) = np.nonzero(members)
            row[: len(present)] = present
        self.compare(
            torch,
            lambda s: jaxloss.multilabel_margin_loss(s, targets),
            lambda s: torch.nn.functional.multilabel_margin_loss(s, torch.tensor(lists)),
            rng.normal(size=(8, 5)),
        )
