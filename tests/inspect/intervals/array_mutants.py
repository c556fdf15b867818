"""Losses with known faults that compute with small arrays: softmax families, extrema, masks, and what is looked up."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy import special

from jaxloss._floor.maths.softmax import soft_targets, terms
from tests.inspect.intervals.mutant import Loss, Mutant, between, by_formula, grid, place, subject


def _log_sums(others: np.ndarray) -> dict[str, Loss]:
    """``log(exp(r) + sum(exp(others)))`` in the ways in which people write it."""
    scores = lambda r: jnp.concatenate([jnp.reshape(r, 1), jnp.asarray(others, r.dtype)])
    one_hot = np.eye(others.size + 1)[0]
    return {
        "logsumexp": lambda r: jax.nn.logsumexp(scores(r)),
        "log_softmax": lambda r: r - jax.nn.log_softmax(scores(r))[0],
        "log of softmax": lambda r: r - jnp.log(jax.nn.softmax(scores(r))[0]),
        "without a shift": lambda r: jnp.log(jnp.sum(jnp.exp(scores(r)))),
        "logaddexp": lambda r: jnp.logaddexp(r, jax.nn.logsumexp(scores(r)[1:])),
        "label": lambda r: r + terms.label_terms(scores(r), jnp.int32(0))[0],
        "targets": lambda r: r + soft_targets.target_terms(scores(r), jnp.asarray(one_hot, r.dtype))[0],
        "two terms": lambda r: sum(terms.label_terms(scores(r), jnp.int32(0))[1:]),
        "softplus": lambda r: r + jax.nn.softplus(jax.nn.logsumexp(scores(r)[1:]) - r),
        "minus the miss": lambda r: r - jnp.log1p(-jnp.sum(jax.nn.softmax(scores(r))[1:])),
    }


def entropy(rng: np.random.Generator) -> Mutant:
    """A multiple of a log-sum-exp, a line, and perhaps a parabola: convex or not by its weights alone."""
    others = rng.uniform(-3, 3, rng.integers(1, 4))
    weight, line = float(rng.choice([-1, 1])) * between(rng, 0.01, 5), float(rng.normal())
    bow = float(rng.choice([0.0, between(rng, 1e-3, 1.0)]))
    name, log_sum = list(_log_sums(others).items())[rng.integers(10)]
    share = lambda x: special.expit(x - special.logsumexp(others))
    truth, steepest, strongest = by_formula(
        lambda x: weight * share(x) + line + bow * x,
        lambda x: weight * share(x) * (1 - share(x)) + bow,
        grid(float(special.logsumexp(others)), 1.0),
    )
    if weight > 0:
        truth["convex"] = True
    fn = lambda r: weight * log_sum(r) + line * r + 0.5 * bow * r * r
    label = f"entropy {name} weight={weight!r} line={line!r} bow={bow!r} others={others.tolist()!r}"
    return Mutant(subject(label, fn), truth, steepest, strongest)


def focal(rng: np.random.Generator) -> Mutant:
    """A power of the miss of a softmax times its cross-entropy, as everybody writes it."""
    gamma, others = float(rng.choice([0.5, 1.0, 2.0, 3.0])), rng.uniform(-2, 2, 3)
    at = special.logsumexp(others)
    grid_ = np.linspace(-50, 50, 100_001)
    wrong, nll = special.expit(at - grid_), np.logaddexp(0, at - grid_)
    slopes = -(gamma * wrong**gamma * (1 - wrong) * nll + wrong ** (gamma + 1))
    log_p: list[Callable[[jax.Array], jax.Array]] = [
        lambda z: jax.nn.log_softmax(z)[0],
        lambda z: jnp.log(jax.nn.softmax(z)[0]),
        lambda z: -terms.label_terms(z, jnp.int32(0))[0],
    ]
    form = log_p[rng.integers(3)]
    scores = lambda r: jnp.concatenate([jnp.reshape(r, 1), jnp.asarray(others, r.dtype)])
    fn = lambda r: -((1 - jnp.exp(form(scores(r)))) ** gamma) * form(scores(r))
    truth = {"convex": False, "pseudo_convex": False, "minimum": False, "lipschitz": True, "gradient": True}
    return Mutant(subject(f"focal gamma={gamma!r} others={others.tolist()!r}", fn), truth, 0.999 * np.abs(slopes).max())


def _ramps(c: float) -> dict[str, Loss]:
    """``max(r - c, 0)`` by arrays."""
    pair = lambda r: jnp.stack([r - c, jnp.zeros_like(r)])
    return {
        "largest": lambda r: jnp.max(pair(r)),
        "smallest": lambda r: -jnp.min(-pair(r)),
        "running maximum": lambda r: lax.cummax(pair(r))[1],
        "sum of parts": lambda r: jnp.sum(jnp.where(pair(r) > 0, pair(r), 0.0)),
        "by its place": lambda r: jnp.sum(jnp.where(jnp.arange(2) == jnp.argmax(pair(r)), pair(r), 0.0)),
        "conditional": lambda r: lax.cond(r > c, lambda x: x - c, lambda x: 0 * x, r),
        "switch": lambda r: lax.switch((r > c).astype(int), [lambda x: 0 * x, lambda x: x - c], r),
        "relu and a product": lambda r: jax.nn.relu(pair(r)) @ jnp.ones(2),
        "clip": lambda r: jnp.sum(jnp.clip(pair(r)[::-1], 0.0, 1e6)),
        "scan": lambda r: lax.scan(lambda most, x: (jnp.maximum(most, x), None), 0 * r, pair(r))[0],
        "softmax of certainty": lambda r: jnp.max(jnp.pad(pair(r), (1, 1)), initial=0.0),
    }


def corner(rng: np.random.Generator) -> Mutant:
    """A parabola with a kink up or down at the extremum of an array."""
    c, s = abs(place(rng)), float(rng.choice([-1, 1])) * between(rng, 1e-9, 10.0)
    forms = _ramps(c)
    form, ramp = list(forms.items())[rng.integers(len(forms))]
    truth = {"convex": s > 0, "smooth": False, "lipschitz": True, "gradient": True}
    if not 0.9 < -s / c < 1.1:
        truth["pseudo_convex"] = c + s > 0
    if s > 0:
        truth["minimum"] = True
    declared = (c,) if rng.random() < 0.5 else ()
    fn = lambda r: 0.5 * r * r + s * ramp(r)
    return Mutant(subject(f"corner {form} c={c!r} s={s!r}", fn, declared), truth, max(50.0, 50 + s) * 0.999)


def leap(rng: np.random.Generator) -> Mutant:
    """A parabola with a jump of the value where an array is decided otherwise."""
    c, h = abs(place(rng)), float(rng.choice([-1, 1])) * between(rng, 1e-9, 1.0)
    forms: list[Loss] = [
        lambda r: h * jnp.argmax(jnp.stack([jnp.full_like(r, c), r])).astype(r.dtype),
        lambda r: jnp.where(jnp.any(jnp.stack([r, -100 + 0 * r]) > c), h, 0.0),
        lambda r: jnp.where(jnp.all(jnp.stack([r, -100 + 0 * r]) <= c), 0.0, h),
        lambda r: lax.cond(r > c, lambda: jnp.asarray(h, r.dtype), lambda: jnp.asarray(0.0, r.dtype)),
        lambda r: h * jnp.cumsum((jnp.stack([r, 60 + r, r]) > c).astype(r.dtype))[2] / 3,
        lambda r: h * jnp.sum(jax.nn.one_hot(jnp.argmax(jnp.stack([0 * r + c, r])), 2, dtype=r.dtype)[1:]),
        lambda r: h * jnp.prod(jnp.heaviside(jnp.stack([r - c, 0 * r + 1]), 0.5)),
    ]
    at = int(rng.integers(len(forms)))
    truth = {"convex": False, "smooth": False, "lipschitz": False, "gradient": False, "pseudo_convex": h > 0}
    if h > 0:
        truth["minimum"] = True
    if at == 4:  # jumps at two other places, too
        truth.pop("pseudo_convex")
        truth.pop("minimum", None)
    declared = (c,) if rng.random() < 0.5 else ()
    fn = lambda r: 0.5 * r * r + forms[at](r)
    return Mutant(subject(f"leap form={at} c={c!r} h={h!r}", fn, declared), truth, np.inf)


def spot(rng: np.random.Generator) -> Mutant:
    """A parabola that is lifted near one of several places, which is the only one in the domain."""
    c, h, w = abs(place(rng)), between(rng, 1e-6, 0.04), between(rng, 1e-12, 1e-3)
    places = np.asarray([-80.0, c, 90.0, 120.0])[rng.permutation(4)]
    forms: list[Loss] = [
        lambda r: jnp.sum(jnp.where(jnp.abs(r - places) < w, h, 0.0)),
        lambda r: h * jnp.max(jnp.where(jnp.abs(r - places) < w, 1.0, 0.0)),
        lambda r: jnp.where(jnp.all(jnp.stack([r > c - w, r < c + w])), h, 0.0),
        lambda r: h * jnp.any(jnp.abs(r - jnp.flip(jnp.asarray(places))) < w).astype(r.dtype),
        lambda r: h * jnp.exp(-jnp.min(jnp.square((r - places) / w))),
    ]
    at = int(rng.integers(len(forms)))
    smooth = at == 4
    truth = {"convex": False, "smooth": smooth, "lipschitz": smooth, "gradient": smooth, "minimum": True}
    if smooth:
        truth = {"convex": False, "minimum": True, "lipschitz": True}
    if h > 5 * w * c:
        truth["pseudo_convex"] = False
    fn = lambda r: 0.5 * r * r + forms[at](r)
    return Mutant(subject(f"spot form={at} c={c!r} w={w!r} h={h!r}", fn), truth, 0.5 * h / w if smooth else np.inf)


def shuffled(rng: np.random.Generator) -> Mutant:
    """A sum of parabolas of different widths, whose weights are moved to other places: it bends up or down by these."""
    n = int(rng.integers(3, 6))
    widths, centres, weights = rng.uniform(0.2, 2, n), rng.normal(size=n), rng.normal(size=n)
    order = rng.permutation(n)
    moves: list[tuple[Callable[[jax.Array], jax.Array], np.ndarray]] = [
        (lambda a: a[::-1], weights[::-1]),
        (lambda a: a[jnp.asarray(order)], weights[order]),
        (lambda a: jnp.roll(a, 1), np.roll(weights, 1)),
        (lambda a: jnp.pad(a, (1, 0))[:n], np.pad(weights, (1, 0))[:n]),
        (lambda a: jnp.cumsum(a), np.cumsum(weights)),
        (lambda a: lax.cumsum(a, reverse=True), np.cumsum(weights[::-1])[::-1]),
        (lambda a: jnp.where(jnp.arange(n) == jnp.argmax(a), -a, a), np.where(weights == weights.max(), -weights, weights)),
        (lambda a: jnp.tile(a.reshape(1, n), (2, 1)).T.ravel()[:n], np.repeat(weights, 2)[:n]),
        (lambda a: jnp.concatenate(jnp.split(a, [1])[::-1]), np.roll(weights, -1)),
        (lambda a: jnp.eye(n, dtype=a.dtype)[:, jnp.asarray(order)] @ a, np.eye(n)[:, order] @ weights),
    ]  # fmt: skip
    at = int(rng.integers(len(moves)))
    move, moved = moves[at]
    truth, steepest, strongest = by_formula(
        lambda x: np.sum(moved * widths * (widths * x[:, None] - centres), 1),
        lambda x: np.full(x.shape, np.sum(moved * widths**2)),
        np.linspace(-50, 50, 2001),
    )
    fn = lambda r: 0.5 * jnp.sum(move(jnp.asarray(weights) + 0 * r) * jnp.square(widths * r - centres))
    label = f"shuffled move={at} weights={weights.tolist()!r} widths={widths.tolist()!r}"
    return Mutant(subject(label, fn), truth, steepest, strongest)


def leaky_softmax(rng: np.random.Generator) -> Mutant:
    """A softmax with a part that no gradient flows through, or that it flows through alone."""
    c = float(rng.uniform(-2, 2))
    stop = lax.stop_gradient
    forms: list[Loss] = [
        lambda r: -jax.nn.log_softmax(jnp.stack([r, stop(0.5 * r) + c]))[0],
        lambda r: jnp.log(jnp.sum(jnp.exp(jnp.stack([r, 0 * r + c]) - stop(jnp.maximum(r, c))))) + 0.01 * r * r,
        lambda r: -jnp.log(stop(jax.nn.softmax(jnp.stack([r, 0 * r + c])))[0]) + 0.5 * r,
        lambda r: terms.label_terms(jnp.stack([r, 0 * r + c]), jnp.int32(0))[1] + 0.01 * r * r,
        lambda r: terms.label_terms(jnp.stack([r, 0 * r + c]), jnp.int32(1))[2] + 0.01 * r * r,
        lambda r: jnp.sum(stop(jax.nn.softmax(jnp.stack([r, 0 * r + c]))) * jnp.stack([-r, r])),
    ]
    at = int(rng.integers(len(forms)))
    truth = {"gradient": False, "lipschitz": True}
    if at in (0, 2):
        truth["convex"] = True
    if at in (1, 3, 5):
        truth["convex"] = False
    return Mutant(subject(f"leaky softmax form={at} c={c!r}", forms[at]), truth, 0.3)


def softmax_impostor(rng: np.random.Generator) -> Mutant:
    """The name of a verified function of arrays, with another rule or another body."""
    name = str(rng.choice(["label_terms", "target_terms"]))
    home = terms if name == "label_terms" else soft_targets
    original = getattr(home, name).__wrapped__
    given = jnp.int32(0) if name == "label_terms" else np.asarray([1.0, 0.0])
    factor, where = float(rng.choice([1.5, -1.0])), float(rng.choice([1e-7, 100.0]))
    body = (lambda *a: tuple(-t for t in original.fun(*a))) if rng.random() < 0.5 else original.fun
    if body is not original.fun:
        body.__name__ = body.__qualname__ = name
    rule = jax.custom_jvp(body)

    @rule.defjvp
    def _(primals, tangents):
        _, right = jax.jvp(lambda z: body(z, primals[1]), primals[:1], tangents[:1])
        lie = jnp.where(jnp.abs(primals[0][0] - 3.3) < where, factor, 1.0)
        return rule(*primals), tuple(lie * t for t in right)

    fn = lambda r: rule(jnp.stack([r, 0 * r]), given)[0] + 0.5 * r
    truth = {"gradient": False, "convex": body is original.fun, "lipschitz": True}
    return Mutant(subject(f"softmax impostor {name} factor={factor} where={where}", fn), truth, 0.49)


def flat_liar(rng: np.random.Generator) -> Mutant:
    """A parabola and a number that does not move, whose rule says that it does: everywhere, or in one place."""
    c, w = place(rng), float(rng.choice([1e-7, 100.0]))
    forms: list[Loss] = [
        lambda r: 0 * r,
        lambda r: jnp.ones_like(r),
        lambda r: r - r,
        lambda r: jnp.sum(0 * jnp.stack([r, r])),
    ]
    rule = jax.custom_jvp(forms[rng.integers(len(forms))])
    rule.defjvps(lambda tangent, _, r: tangent * jnp.where(jnp.abs(r - c) < w, 1.0, 0.0))
    truth = {"gradient": False, "convex": True, "lipschitz": True, "smooth": True}
    return Mutant(subject(f"flat liar c={c!r} w={w!r}", lambda r: 0.5 * r * r + rule(r)), truth, 49.9, 1.0)


KINDS = (
    entropy, focal, corner, leap, spot, shuffled, leaky_softmax, softmax_impostor, flat_liar, entropy, corner, spot,
)  # fmt: skip
