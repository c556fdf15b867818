"""What `check_loss` says of good losses, of bad ones, and of functions of others whose faults were measured before."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss.inspect.cards.rows import floats
from jaxloss.inspect.case import Case
from jaxloss.inspect.checking import Report, check_loss
from jaxloss.inspect.checking.inputs import INPUTS
from jaxloss.inspect.checking.judging import CONTRACT, FORM, NUMBERS, OWN_AFFAIR
from jaxloss.inspect.examples import failures
from jaxloss.inspect.laws import LAWS
from jaxloss.inspect.programs import defaults
from jaxloss.inspect.verdict import Word
from tests.inspect.checking import losses

ORACLES = {"right": 1.0, "wrong": 1.5}
MASKS = {"garbage_behind_the_mask_is_inert", "masks_survive_the_compiler"}
USUAL = {
    "good": (losses.good, "residual"),
    "log_error": (losses.log_error, "prediction"),
    "masked_too_late": (losses.masked_too_late, "prediction"),
    "clipped": (losses.clipped_cross_entropy, "logit"),
    "sigmoid_squared_error": (losses.sigmoid_squared_error, "logit"),
    "ripple": (losses.ripple, "residual"),
    "straight_through": (losses.straight_through, "residual"),
    "huber": (optax.huber_loss, "residual"),
    "log_cosh": (optax.log_cosh, "residual"),
    "focal": (optax.sigmoid_focal_loss, "logit"),
    "cosine": (optax.cosine_distance, "vectors"),
    "classes": (optax.softmax_cross_entropy_with_integer_labels, "classes"),
}


@functools.cache
def report(name: str) -> Report:
    fn, kind = USUAL[name]
    return check_loss(fn, kind=kind)


def asserted(name: str, *names: str) -> None:
    """What a user's test does."""
    assert_ = report(name).assert_
    assert_(*names)


def witness(name: str, row: str):
    verdict = report(name).verdicts[row]
    assert verdict.word is Word.REFUTED, verdict
    return verdict.evidence["witness"]


def test_a_good_loss_of_ten_lines_passes_everything() -> None:
    found = report("good")
    assert not found.broken
    assert not found.advice
    refuted = {name for name, verdict in found.verdicts.items() if verdict.word is Word.REFUTED}
    assert refuted == {"redescending"}  # a Huber loss is not
    asserted("good", "convex", "finite_gradient", "gradient", "bfloat16", *found.laws)


def test_a_good_loss_is_asked_all_that_is_not_about_this_library() -> None:
    """With a mask, weights and a reduction, only what it has no subject for is left out."""
    found = report("good")
    assert {"garbage_behind_the_mask_is_inert", "mask_is_deletion", "weight_is_repetition"} <= set(found.laws)
    assert {"refuses_shapes_that_differ", "half_precision", "exports_for_every_platform"} <= set(found.laws)
    assert {name for name, law in LAWS.items() if law.group == "form"} <= set(found.skipped)
    assert set(found.laws) | set(found.skipped) == set(LAWS)
    assert "oracle" not in found.laws
    assert "independent" in found.skipped["equals_its_oracle"]


def test_a_mask_behind_a_logarithm_is_found() -> None:
    late = report("masked_too_late")
    assert set(late.broken) >= MASKS
    advice = next(text for text in late.advice if text.startswith("garbage_behind_the_mask_is_inert"))
    assert "nan" in advice
    assert "jaxloss.blank(where, predictions, targets, fill=1)" in advice
    with pytest.raises(AssertionError, match=r"masked_too_late:\n  garbage_behind_the_mask_is_inert is broken: nan"):
        asserted("masked_too_late", "garbage_behind_the_mask_is_inert")


@pytest.mark.full
def test_a_mask_before_the_logarithm_mends_it() -> None:
    assert set(report("masked_too_late").broken) - set(report("log_error").broken) == MASKS


def test_every_group_of_laws_has_a_rule() -> None:
    """A new group says whom it concerns before it is asked."""
    groups = {law.group for law in LAWS.values()}
    assert groups == NUMBERS | CONTRACT | FORM
    assert len(groups) == len(NUMBERS) + len(CONTRACT) + len(FORM)
    assert set(OWN_AFFAIR) <= set(LAWS)


@pytest.mark.full
def test_a_straight_through_gradient_is_found() -> None:
    at = witness("straight_through", "gradient")
    (point,) = at["points"]
    assert at["gradient"] == np.sign(point)
    assert abs(at["gradient"] - (np.sign(point) + 3 * np.cos(3 * point))) > 0.5
    assert "derivatives" in report("straight_through").broken
    assert any("stop_gradient" in text for text in report("straight_through").advice)


@pytest.mark.full
def test_a_ripple_is_not_convex() -> None:
    low, middle, high = witness("ripple", "convex")["points"]
    at = lambda x: x * x + np.sin(4 * x)
    assert at(middle) > (at(low) + at(high)) / 2
    assert report("ripple").verdicts["minimum"].word is Word.REFUTED


@pytest.mark.full
def test_a_clipped_cross_entropy_does_not_push() -> None:
    assert witness("clipped", "push_when_wrong") == {"score": -20.0, "slope": 0.0, "slope_at_-1": 0.7311}
    assert report("clipped").advice[0].startswith("the gradient is 0 at z = -20")
    assert "logits" in report("clipped").advice[0]
    with pytest.raises(AssertionError, match=r"push_when_wrong is REFUTED: flat .* witness: \{'score': -20.0"):
        asserted("clipped", "push_when_wrong")


@pytest.mark.full
def test_a_squared_error_of_probabilities_saturates() -> None:
    at = witness("sigmoid_squared_error", "push_when_wrong")
    p = 1 / (1 + np.exp(20.0))
    assert at["slope"] == pytest.approx(2 * (1 - p) ** 2 * p, rel=1e-3)
    assert "proper" in report("sigmoid_squared_error").verdicts


@pytest.mark.full
def test_huber_of_optax_loses_small_gradients() -> None:
    at = witness("huber", "bfloat16")
    assert at["defect"] == "lost_gradient"
    assert at["gradient"] == 0
    assert at["exact_gradient"] == at["input"] == pytest.approx(1e-4, rel=4e-3)
    assert report("huber").verdicts["bfloat16"].evidence["counts"]["lost_gradient"] == 1118
    assert any(text.startswith("bfloat16: gradient 0") for text in report("huber").advice)


@pytest.mark.full
def test_log_cosh_of_optax_is_negative() -> None:
    at = witness("log_cosh", "float16")
    assert at["defect"] == "negative"
    assert at["value"] == pytest.approx(-4.9e-4, rel=0.01)
    assert report("log_cosh").verdicts["float16"].evidence["counts"]["negative"] == 4836


@pytest.mark.full
def test_focal_loss_of_optax_has_nan_gradients() -> None:
    at = witness("focal", "float16")
    assert at["defect"] == "nan_gradient"
    assert at["input"] == -32768
    with pytest.raises(AssertionError, match="finite_gradient is REFUTED: NaN gradient"):
        asserted("focal", "finite_gradient")


@pytest.mark.full
def test_cosine_distance_of_optax_has_no_gradient_at_zero() -> None:
    at = witness("cosine", "finite_gradient")
    assert at["at"] == "a zero vector"
    assert at["inputs"]["predictions"] == [0.0] * 5
    assert at["gradient_0"] == "nan"
    assert any("zero vector" in finding for finding in report("cosine").broken["extremes_are_finite"])
    assert report("cosine").verdicts["convex"].word is Word.REFUTED


@pytest.mark.full
def test_a_loss_of_classes_is_seen_in_all_its_scores() -> None:
    found = report("classes")
    assert found.verdicts["convex"].word is Word.TESTED
    assert found.verdicts["finite_gradient"].holds
    assert found.verdicts["proper"].holds
    assert "extremes_are_finite" in found.laws
    assert "extremes_are_finite" not in found.broken  # an absent class is a logit of minus infinity


@pytest.mark.full
def test_a_one_hot_cross_entropy_is_lost_at_an_absent_class() -> None:
    """0 times minus infinity."""

    def one_hot(logits, labels):
        return -jnp.sum(jax.nn.one_hot(labels, 5) * jax.nn.log_softmax(logits), -1)

    found = check_loss(one_hot, kind="classes", dtypes=())
    assert found.verdicts["finite_gradient"].evidence["witness"]["at"] == "an absent class"


@pytest.mark.full
def test_kinks_domain_and_dtypes_are_those_that_were_asked_for() -> None:
    found = check_loss(jnp.abs, kind="residual", kinks=(0.25, 3.0), domain=(-1, 2), dtypes=("float16",))
    assert found.card.domain == (-1.0, 2.0)
    assert "bfloat16" not in found.verdicts
    assert found.verdicts["convex"].evidence["domain"] == [-1.0, 2.0]
    assert 0.25 in found.verdicts["convex"].evidence["kinks"]
    assert 3.0 not in found.verdicts["convex"].evidence["kinks"]


@pytest.mark.full
def test_a_case_of_ones_own_brings_its_oracle() -> None:
    def squared(predictions, targets):
        return (predictions - targets) ** 2

    def draw(rng, batch):
        return {"predictions": rng.normal(size=batch), "targets": rng.normal(size=batch)}

    def scaled(factor):
        return lambda predictions, targets: factor * (predictions - targets) ** 2

    extremes = {"zero": {"predictions": np.zeros(2), "targets": np.zeros(2)}}
    known = {name: Case(squared, draw, scaled(factor), "NumPy", extremes=extremes) for name, factor in ORACLES.items()}
    found = {name: check_loss(squared, kind="residual", dtypes=(), case=case) for name, case in known.items()}
    assert found["right"].laws["equals_its_oracle"] == []
    assert "equals_its_oracle" in found["wrong"].broken


@pytest.mark.full
@pytest.mark.parametrize("kind", sorted(set(INPUTS) - {"residual", "logit", "vectors", "classes", "prediction"}))
def test_every_kind_can_be_checked(kind: str) -> None:
    fns = {
        "margin": lambda m: jax.nn.softplus(-m),
        "penalty": lambda w: w * w / (1 + jnp.abs(w)),
        "probability": lambda p, t: (p - t) ** 2,
    }
    found = check_loss(fns[kind], kind=kind)
    assert found.verdicts["gradient"].holds
    assert found.verdicts["convex"].word is Word.PROVED
    assert set(found.broken) <= {"half_precision", "single_precision"}


def test_a_thorough_check_tries_every_float32(monkeypatch) -> None:
    seen = []

    def stop(reading, kinks, domain, dtypes, progress):
        seen.append(dtypes)
        raise StopIteration

    monkeypatch.setattr("jaxloss.inspect.checking.check.own_card", stop)
    for thorough in (True, False):
        with pytest.raises(StopIteration):
            check_loss(losses.good, kind="residual", dtypes=("float16",), thorough=thorough)
    assert seen == [("float16", "float32"), ("float16",)]


@pytest.mark.full
def test_a_thorough_check_says_what_float32_does(monkeypatch) -> None:
    """Of one binade; of all 2^32 inputs, log_cosh of optax is negative at 23,807,790, which takes some minutes."""

    def some(dtype, legal):
        return every(dtype, (2.0**-12, 2.0**-11) if dtype is np.float32 else legal)

    every = floats._inputs
    monkeypatch.setattr(floats, "_inputs", some)
    found = check_loss(optax.log_cosh, kind="residual", dtypes=("float16",), thorough=True)
    verdict = found.verdicts["float32"]
    assert verdict.word is Word.REFUTED
    assert verdict.evidence["points"] == 2**23 + 1
    inputs = np.arange(2**23 + 1, dtype=np.uint32) + np.float32(2.0**-12).view(np.uint32)
    values = jax.jit(optax.log_cosh, compiler_options=defaults())(inputs.view(np.float32))
    assert verdict.evidence["counts"]["negative"] == int((np.asarray(values) < 0).sum()) > 50_000
    assert any(text.startswith("float32: negative value of a loss that is >= 0") for text in found.advice)
    assert found.verdicts["finite_gradient"].evidence["dtype"] == "float16 and float32"


def test_text_is_as_wide_as_asked_and_says_what_broke() -> None:
    text = report("masked_too_late").text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "BROKEN   garbage_behind_the_mask_is_inert: nan behind the mask" in text
    assert "ADVICE   garbage_behind_the_mask_is_inert" in text
    assert "read as a function of predictions and targets, with where, weights and reduction" in text
    assert str(report("good")) == report("good").text()


def test_a_picture_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    figure = report("good").plot()
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "slope", "curvature"]


def test_names_that_mean_nothing_are_errors() -> None:
    with pytest.raises(
        ValueError, match=r"no property or law is named 'convexity'; there are the properties gradient,"
    ):
        asserted("good", "convexity")
    with pytest.raises(ValueError, match="the law 'docstring' was not asked: it is about the words"):
        asserted("good", "docstring")
    with pytest.raises(ValueError, match="assert_ needs the names"):
        asserted("good")
    with pytest.raises(AssertionError, match="redescending is REFUTED: far outliers keep their pull; witness"):
        asserted("good", "convex", "redescending")


@pytest.mark.full
def test_the_example_of_the_docstring_runs() -> None:
    tries, found = failures(check_loss, "check_loss", {})
    assert tries
    assert not found


PLAIN = """
    import sys
    sys.modules["tests"] = None
    import jax, jax.numpy as jnp, jaxloss
    from jaxloss.inspect.checking import check_loss

    def squared(predictions, targets):
        predictions, targets = jaxloss.blank(None, predictions, targets)
        return jnp.square(predictions - targets)

    report = check_loss(squared, kind="residual")
    report.assert_("convex", "gradient", "half_precision", "exports_for_every_platform")
    assert not report.broken, report.broken
    assert "eight CPU devices" in report.skipped["sharded_equals_single_device"]
    assert report.verdicts["same_shapes"].evidence["witness"]["losses"] == [4, 4]
    assert jnp.arange(2.0).dtype == jnp.float32
    print(report.text())
"""


@pytest.mark.full
def test_a_plain_process_needs_no_flags_and_no_tests(tmp_path) -> None:
    """One device, no x64, promotion and broadcasting as JAX has them; the package is all that can be imported."""
    root = Path(jaxloss.__file__).parents[1]
    (tmp_path / "jaxloss").symlink_to(root / "jaxloss")
    kept = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PYTHONPATH") and not k.startswith("JAX_")}
    environment = {**kept, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(tmp_path)}
    program = textwrap.dedent(PLAIN)
    run = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "PROVED   convex" in done.stdout
    assert done.stderr == ""


OWN = {
    "huber_loss": "residual",
    "hinge_loss": "margin",
    "sigmoid_binary_cross_entropy": "logit",
    "binary_cross_entropy": "probability",
    "softmax_cross_entropy_with_integer_labels": "classes",
    "cosine_distance": "vectors",
}


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(OWN))
def test_losses_of_the_library_break_nothing(name: str) -> None:
    """Whatever a user's loss is told, ours are not."""
    found = check_loss(getattr(jaxloss, name), kind=OWN[name], dtypes=())
    assert not found.broken
