"""Losses with known faults, drawn from a seed: what is true of each follows from how it was made."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from tests.inspect.intervals import array_mutants
from tests.inspect.intervals.mutant import Loss, Mutant, between, by_formula, grid, place, subject


def dent(rng: np.random.Generator) -> Mutant:
    """A parabola with a dent of any width, which bends it or not."""
    c, w = place(rng), between(rng, 1e-12, 1.0)
    ratio = float(rng.choice([between(rng, 1e-2, 0.9), between(rng, 1.4, 1e4)]))
    h = min(ratio * w * w, 0.3 * c * c)
    bump = lambda u: np.exp(-u * u)
    truth, steepest, strongest = by_formula(
        lambda x: x + 2 * h / w * ((x - c) / w) * bump((x - c) / w),
        lambda x: 1 + h / w**2 * (2 - 4 * ((x - c) / w) ** 2) * bump((x - c) / w),
        grid(c, w),
    )
    if abs(c) > 30 * w:
        truth["minimum"] = True
    fn = lambda r: 0.5 * r * r - h * jnp.exp(-jnp.square((r - c) / w))
    return Mutant(subject(f"dent c={c!r} w={w!r} h={h!r}", fn), truth, steepest, strongest)


def ripple(rng: np.random.Generator) -> Mutant:
    """A parabola with ripples all over."""
    w, ratio = between(rng, 1e-2, 1.0), float(rng.choice([between(rng, 1e-2, 0.9), between(rng, 1.2, 100.0)]))
    h = ratio * w * w
    truth = {"convex": ratio < 1, "minimum": True, "smooth": True, "lipschitz": True, "gradient": True}
    if not 0.95 < ratio * 0.21723 < 1.05:
        truth["pseudo_convex"] = ratio * 0.21723 < 1
    fn = lambda r: 0.5 * r * r + h * (1 - jnp.cos(r / w))
    return Mutant(subject(f"ripple w={w!r} ratio={ratio!r}", fn), truth, 50 - h / w, max(1 + 0.99 * ratio, 1.0))


def steep_step(rng: np.random.Generator) -> Mutant:
    """A parabola with a smooth step of any width."""
    c, w, h = place(rng), between(rng, 1e-9, 1.0), float(rng.choice([-1, 1])) * between(rng, 1e-9, 1.0)
    truth, steepest, strongest = by_formula(
        lambda x: x + h / w / np.cosh(np.clip((x - c) / w, -300, 300)) ** 2,
        lambda x: 1 - 2 * h / w**2 * np.tanh((x - c) / w) / np.cosh(np.clip((x - c) / w, -300, 300)) ** 2,
        grid(c, w),
    )
    fn = lambda r: 0.5 * r * r + h * jnp.tanh((r - c) / w)
    return Mutant(subject(f"step c={c!r} w={w!r} h={h!r}", fn), truth, steepest, strongest)


def bump_on_hyperbola(rng: np.random.Generator) -> Mutant:
    """A convex function with little curvature far out, and a bump there."""
    c, w = place(rng), between(rng, 1e-6, 1.0)
    h = between(rng, 0.05, 20.0) * w * w * (1 + c * c) ** -1.5 * float(rng.choice([-1, 1]))
    truth, steepest, strongest = by_formula(
        lambda x: x / np.sqrt(1 + x * x) - 2 * h / w * ((x - c) / w) * np.exp(-(((x - c) / w) ** 2)),
        lambda x: (1 + x * x) ** -1.5 + h / w**2 * (4 * ((x - c) / w) ** 2 - 2) * np.exp(-(((x - c) / w) ** 2)),
        grid(c, w),
    )
    fn = lambda r: jnp.sqrt(1 + r * r) - 1 + h * jnp.exp(-jnp.square((r - c) / w))
    return Mutant(subject(f"bump c={c!r} w={w!r} h={h!r}", fn), truth, steepest, strongest)


def _ramp(rng: np.random.Generator, c: float) -> tuple[str, Loss]:
    """``max(r - c, 0)`` in one of the ways in which people write it."""
    forms: list[tuple[str, Loss]] = [
        ("maximum", lambda r: jnp.maximum(r - c, 0.0)),
        ("relu", lambda r: jax.nn.relu(r - c)),
        ("abs", lambda r: 0.5 * (r - c + jnp.abs(r - c))),
        ("where", lambda r: jnp.where(r > c, r - c, 0.0)),
        ("sign", lambda r: 0.5 * (r - c) * (1 + jnp.sign(r - c))),
        ("product", lambda r: (r - c) * (r >= c).astype(r.dtype)),
        ("scaled", lambda r: jnp.maximum(0.7 * r - 0.7 * c, 0.0) / 0.7),
        ("clip", lambda r: jnp.clip(r - c, 0.0, 1e6)),
        ("sqrt", lambda r: 0.5 * (r - c + jnp.sqrt(jnp.square(r - c)))),
    ]
    return forms[rng.integers(len(forms))]


def kink(rng: np.random.Generator) -> Mutant:
    """A parabola with a kink up or down, declared or not, written in many ways."""
    c, s = abs(place(rng)), float(rng.choice([-1, 1])) * between(rng, 1e-9, 10.0)
    form, ramp = _ramp(rng, c)
    declared = tuple(float(x) for x in rng.choice([c, 1.0, -c, 0.0], rng.integers(3), replace=False))
    truth = {"convex": s > 0, "smooth": False, "lipschitz": True}
    if not 0.9 < -s / c < 1.1:
        truth["pseudo_convex"] = c + s > 0
    if s > 0:
        truth["minimum"] = True
    if form != "sqrt":
        truth["gradient"] = True
    fn = lambda r: 0.5 * r * r + s * ramp(r)
    return Mutant(subject(f"kink {form} c={c!r} s={s!r}", fn, declared), truth, max(50.0, 50 + s) * 0.999)


def jump(rng: np.random.Generator) -> Mutant:
    """A parabola with a jump of the value."""
    c, h = abs(place(rng)), float(rng.choice([-1, 1])) * between(rng, 1e-9, 1.0)
    at = rng.integers(4)
    forms: list[Loss] = [
        lambda r: jnp.where(r > c, h, 0.0),
        lambda r: h * jnp.heaviside(r - c, 0.5),
        lambda r: h * 0.5 * (1 + jnp.sign(r - c)),
        lambda r: jnp.where(0.7 * r < 0.7 * c, 0.0, h),
    ]
    truth = {"convex": False, "smooth": False, "lipschitz": False, "gradient": False, "pseudo_convex": h > 0}
    if h > 0:
        truth["minimum"] = True
    declared = (c,) if rng.random() < 0.5 else ()
    fn = lambda r: 0.5 * r * r + forms[at](r)
    return Mutant(subject(f"jump form={at} c={c!r} h={h!r}", fn, declared), truth, np.inf)


def island(rng: np.random.Generator) -> Mutant:
    """A parabola that is lifted or lowered on a narrow interval, or at one point."""
    c, h = abs(place(rng)), float(rng.choice([-1, 1])) * between(rng, 1e-6, 0.04)
    w = between(rng, 1e-12, 0.1) if rng.random() < 0.8 else 0.0
    truth = {"convex": False, "smooth": False, "lipschitz": False, "gradient": False}
    if not 0.2 < abs(h) / max(w * c, 1e-300) < 5:
        truth["pseudo_convex"] = False
    if abs(h) > 5 * w * c:
        truth["pseudo_convex"] = False
    else:
        truth.pop("pseudo_convex", None)
    truth["minimum"] = True
    inside: Loss = (lambda r: jnp.abs(r - c) < w) if w else (lambda r: r == c)
    fn = lambda r: 0.5 * r * r + jnp.where(inside(r), h, 0.0)
    return Mutant(subject(f"island c={c!r} w={w!r} h={h!r}", fn), truth, np.inf)


def straight_through(rng: np.random.Generator) -> Mutant:
    """A value with a part that no gradient flows through."""
    k = between(rng, 1e-3, 10.0)
    truth: dict[str, bool] = {"gradient": False, "smooth": True, "lipschitz": True, "pseudo_convex": False}
    if not 0.9 < 0.7698 * k < 1.1:
        truth["convex"] = 0.7698 * k < 1
    fn = lambda r: 0.5 * r * r + jax.lax.stop_gradient(k * jnp.tanh(r))
    return Mutant(subject(f"straight through k={k!r}", fn), truth, 49.0, 1.0)


def liar(rng: np.random.Generator) -> Mutant:
    """A parabola with a derivative rule of its own, right or wrong, everywhere or in one place."""
    e = float(rng.choice([0.0, between(rng, 1e-3, 1.0)]))
    c, w = place(rng), between(rng, 1e-3, 10.0)
    local = bool(rng.random() < 0.5)
    wrong: Loss = (lambda r: 1 + jnp.where(jnp.abs(r - c) < w, e, 0.0)) if local else (lambda r: 1 + e + 0 * r)
    if rng.random() < 0.5:
        rule = jax.custom_jvp(lambda r: 0.5 * r * r)
        rule.defjvps(lambda tangent, _, r: tangent * r * wrong(r))
        fn: Loss = rule
    else:
        backward = jax.custom_vjp(lambda r: 0.5 * r * r)
        backward.defvjp(lambda r: (0.5 * r * r, r), lambda r, cotangent: (cotangent * r * wrong(r),))
        fn = backward
    truth = {"convex": True, "pseudo_convex": True, "minimum": True, "lipschitz": True, "smooth": True}
    truth["gradient"] = e == 0
    return Mutant(subject(f"liar e={e!r} c={c!r} w={w!r} local={local}", fn), truth, 49.9, 1.0)


def impostor(_rng: np.random.Generator) -> Mutant:
    """The name of a verified function, with another body or another rule."""

    def softplus(x: jax.Array) -> jax.Array:
        return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    def log_cosh(x: jax.Array) -> jax.Array:
        return -0.5 * x * x

    if _rng.random() < 0.5:
        rule = jax.custom_jvp(softplus)
        rule.defjvps(lambda tangent, _, x: tangent * jnp.tanh(x))
        truth = {"gradient": False, "lipschitz": True, "pseudo_convex": False}
        return Mutant(subject("impostor rule", rule), truth, 0.99)
    log_cosh.__name__ = "_log_cosh"
    rule = jax.custom_jvp(log_cosh)
    rule.defjvps(lambda tangent, _, x: tangent * jnp.tanh(x))
    truth = {"gradient": False, "convex": False, "minimum": False, "pseudo_convex": False}
    return Mutant(subject("impostor body", rule), truth, 49.9, 1.0)


def hidden_liar(rng: np.random.Generator) -> Mutant:
    """A wrong gradient, in one place or everywhere, under a function that the engine takes together with what is inside."""
    c, w = place(rng), float(rng.choice([1e-7, 100.0]))
    factor: Loss = lambda r: jnp.where(jnp.abs(r - c) < w, 1.5, 1.0)
    square = jax.custom_jvp(lambda r: r * r)
    square.defjvps(lambda tangent, _, r: tangent * 2 * r * factor(r))
    stopped: Loss = lambda r: jax.lax.stop_gradient(r * r)
    exp = jax.custom_jvp(lambda r: jnp.exp(r))
    exp.defjvps(lambda tangent, exp_r, r: tangent * exp_r * factor(jnp.abs(r) * jnp.sign(c)))
    forms: list[Loss] = [
        lambda r: jnp.sqrt(1 + square(r)) - 1,
        lambda r: jnp.sqrt(1 + stopped(r)) - 1,
        lambda r: jnp.abs(r) + jnp.log(1 + exp(-jnp.abs(r))) - jnp.log(jnp.asarray(2.0, r.dtype)),
        lambda r: jnp.abs(r) + jnp.log1p(exp(-jnp.abs(r))) - jnp.log(jnp.asarray(2.0, r.dtype)),
        lambda r: 1 / (1 + exp(-r)),
        lambda r: jnp.sqrt(square(r)),
    ]
    at = rng.integers(len(forms))
    return Mutant(subject(f"hidden liar {at}", forms[at]), {"gradient": False, "lipschitz": True}, 0.2)


def flat(rng: np.random.Generator) -> Mutant:
    """A parabola that is cut off."""
    a = between(rng, 0.1, 40.0)
    truth = {
        "convex": False,
        "pseudo_convex": True,
        "minimum": True,
        "lipschitz": True,
        "smooth": False,
        "gradient": True,
    }
    fn = lambda r: 0.5 * jnp.square(jnp.clip(r, -a, a))
    return Mutant(subject(f"flat a={a!r}", fn), truth, 0.999 * a)


def wrong_minimum(rng: np.random.Generator) -> Mutant:
    """A parabola that is best elsewhere, or not 0 at its best."""
    m, b = between(rng, 1e-9, 10.0) * float(rng.choice([0, 1])), between(rng, 1e-9, 1.0)
    b *= float(rng.choice([-1, 1]))
    truth = {"convex": True, "pseudo_convex": m == 0, "minimum": False, "smooth": True, "gradient": True}
    fn = lambda r: 0.5 * jnp.square(r - m) + b
    return Mutant(subject(f"wrong minimum m={m!r} b={b!r}", fn), truth, 50.0, 1.0)


def lower_of_two(rng: np.random.Generator) -> Mutant:
    """The smaller of two parabolas."""
    m, b = place(rng), between(rng, 1e-6, 0.04)
    truth = {"convex": False, "pseudo_convex": False, "minimum": True, "lipschitz": True, "smooth": False}
    fn = lambda r: jnp.minimum(0.5 * r * r, 0.5 * jnp.square(r - m) + b)
    return Mutant(subject(f"lower of two m={m!r} b={b!r}", fn), truth, 19.0)


def rounded(rng: np.random.Generator) -> Mutant:
    """A parabola of a rounded argument."""
    k = between(rng, 0.1, 1e6)
    rounding = (jnp.round, jnp.floor, jnp.ceil)[rng.integers(3)]
    truth = {"convex": False, "smooth": False, "lipschitz": False, "gradient": False}
    fn = lambda r: 0.5 * jnp.square(rounding(r * k) / k)
    return Mutant(subject(f"rounded k={k!r}", fn), truth, np.inf)


def fine_print(rng: np.random.Generator) -> Mutant:
    """A parabola of an argument in less precision: a staircase."""
    dtype = (jnp.float32, jnp.bfloat16)[rng.integers(2)]
    truth = {"convex": False, "smooth": False, "lipschitz": False, "gradient": False}
    fn = lambda r: 0.5 * jnp.square(r.astype(dtype).astype(r.dtype))
    return Mutant(subject(f"in {dtype.__name__}", fn), truth, np.inf)


def plateau(rng: np.random.Generator) -> Mutant:
    """Nested maxima and minima whose kinks coincide or hide behind each other."""
    c, t = between(rng, 0.5, 20.0), between(rng, 0.05, 0.4)
    rise: Loss = lambda r: jnp.maximum(jnp.maximum(jnp.abs(r), c) - c, 0.0)
    cut: Loss = lambda r: jnp.minimum(rise(r), t * c)
    convex = bool(rng.random() < 0.5)
    truth = {"convex": convex, "pseudo_convex": True, "minimum": True, "lipschitz": True, "smooth": False}
    return Mutant(subject(f"plateau c={c!r} t={t!r}", rise if convex else cut), truth, 1.0)


def nan_trap(rng: np.random.Generator) -> Mutant:
    """A value that is fine everywhere, with a gradient that is NaN where the other branch has none."""
    c = between(rng, 0.1, 20.0)
    truth = {"convex": False, "pseudo_convex": True, "gradient": False}
    fn = lambda r: jnp.where(
        jnp.abs(r) > c, jnp.log(jnp.maximum(jnp.abs(r) / c, 0 * r)) * jnp.sqrt(jnp.abs(r) - c), 0.0
    )
    return Mutant(subject(f"NaN trap c={c!r}", fn), truth)


KINDS = (
    dent, ripple, steep_step, bump_on_hyperbola, kink, jump, island, straight_through, liar, impostor, hidden_liar, flat,
    wrong_minimum, lower_of_two, rounded, fine_print, plateau, nan_trap, dent, kink, island, *array_mutants.KINDS,
)  # fmt: skip


def draw(seed: int, number: int) -> Iterator[Mutant]:
    """Mutants of all kinds in turn."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        yield KINDS[index % len(KINDS)](rng)
