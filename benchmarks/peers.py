"""The one table of peers: what else computes a loss, and how it is called there.

A row is a label, the module it needs and a function from that module to a scalar function of our inputs. A module
that is not installed makes the peer absent, never an error.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Function = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another implementation of a loss: its mean over the examples, at the defaults of ours."""

    label: str
    module: str
    build: Callable[[Any], Function]
    dtypes: tuple[str, ...] = ("float32", "bfloat16")

    @property
    def eager(self) -> bool:
        """Whether it is a function of PyTorch tensors."""
        return self.module.split(".")[0] in ("torch", "piq", "kornia")

    def load(self) -> Function:
        """The function; an ImportError if its package is not installed."""
        return self.build(importlib.import_module(self.module))


def plain(fn: Function, label: str = "plain jnp") -> Peer:
    return Peer(label, "jax.numpy", lambda _: fn)


def optax(build: Callable[[Any], Function], label: str = "optax", **kwargs: Any) -> Peer:
    return Peer(label, "optax", build, **kwargs)


def keras(build: Callable[[Any], Function]) -> Peer:
    """Keras takes the targets first and averages over the last axis."""
    return Peer("keras", "keras.losses", build)


def torch(build: Callable[[Any], Function]) -> Peer:
    return Peer("torch", "torch.nn.functional", build)


def same_in_optax(name: str) -> Peer:
    """A loss of optax with our name and our arguments, unreduced."""
    return optax(lambda o: lambda *inputs: jnp.mean(getattr(o.losses, name)(*inputs)))


def bare_cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    rows = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.mean(jnp.take_along_axis(rows, labels[:, None], axis=-1))


def bare_binary_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    x, y = logits.astype(jnp.float32), targets.astype(jnp.float32)
    return jnp.mean(jnp.maximum(x, 0) - x * y + jnp.log1p(jnp.exp(-jnp.abs(x))))


def bare_squared_error(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(predictions.astype(jnp.float32) - targets.astype(jnp.float32)))


def bare_huber(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    distance = jnp.abs(predictions.astype(jnp.float32) - targets.astype(jnp.float32))
    return jnp.mean(jnp.where(distance <= 1, 0.5 * jnp.square(distance), distance - 0.5))


def bare_clip(images: jax.Array, texts: jax.Array) -> jax.Array:
    """The usual spelling: two cross-entropies, of the logits and of their transpose."""
    x, y = (z.astype(jnp.float32) for z in (images, texts))
    x, y = (z / jnp.linalg.norm(z, axis=-1, keepdims=True) for z in (x, y))
    logits = x @ y.T / 0.07
    labels = jnp.arange(logits.shape[0], dtype=jnp.int32)
    return (bare_cross_entropy(logits, labels) + bare_cross_entropy(logits.T, labels)) / 2


def optax_clip(o: Any, images: jax.Array, texts: jax.Array) -> jax.Array:
    """CLIP of optax's parts."""
    x, y = (z.astype(jnp.float32) for z in (images, texts))
    x, y = (z / jnp.linalg.norm(z, axis=-1, keepdims=True) for z in (x, y))
    logits = x @ y.T / 0.07
    labels = jnp.arange(logits.shape[0], dtype=jnp.int32)
    both = (o.softmax_cross_entropy_with_integer_labels(s, labels) for s in (logits, logits.T))
    return sum(jnp.mean(values) for values in both) / 2


def channels_first(fn: Function) -> Function:
    """A loss of images of PyTorch, which has the channels before height and width."""
    return lambda *images: fn(*(image.permute(0, 3, 1, 2) for image in images))


PEERS: dict[str, tuple[Peer, ...]] = {
    "softmax_cross_entropy_with_integer_labels": (
        same_in_optax("softmax_cross_entropy_with_integer_labels"),
        optax(
            lambda o: (
                lambda logits, labels: jnp.mean(
                    o.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels)
                )
            ),
            "optax, upcast",
            dtypes=("bfloat16",),
        ),
        keras(
            lambda k: (
                lambda logits, labels: jnp.mean(k.sparse_categorical_crossentropy(labels, logits, from_logits=True))
            )
        ),
        torch(lambda f: f.cross_entropy),
        plain(bare_cross_entropy),
    ),
    "softmax_cross_entropy": (
        same_in_optax("softmax_cross_entropy"),
        keras(
            lambda k: lambda logits, targets: jnp.mean(k.categorical_crossentropy(targets, logits, from_logits=True))
        ),
        torch(lambda f: f.cross_entropy),
    ),
    "nll_loss": (torch(lambda f: f.nll_loss),),
    "binary_cross_entropy": (
        keras(lambda k: lambda probs, targets: jnp.mean(k.binary_crossentropy(targets, probs))),
        torch(lambda f: f.binary_cross_entropy),
    ),
    "sigmoid_binary_cross_entropy": (
        same_in_optax("sigmoid_binary_cross_entropy"),
        keras(lambda k: lambda logits, targets: jnp.mean(k.binary_crossentropy(targets, logits, from_logits=True))),
        torch(lambda f: f.binary_cross_entropy_with_logits),
        plain(bare_binary_cross_entropy),
    ),
    "squared_error": (
        same_in_optax("squared_error"),
        keras(lambda k: lambda predictions, targets: jnp.mean(k.mean_squared_error(targets, predictions))),
        torch(lambda f: f.mse_loss),
        plain(bare_squared_error),
    ),
    "half_squared_error": (optax(lambda o: lambda *inputs: jnp.mean(o.l2_loss(*inputs))),),
    "huber_loss": (
        same_in_optax("huber_loss"),
        keras(lambda k: lambda predictions, targets: jnp.mean(k.huber(targets, predictions))),
        torch(lambda f: f.huber_loss),
        plain(bare_huber),
    ),
    "clip_loss": (
        plain(bare_clip),
        optax(lambda o: lambda images, texts: optax_clip(o, images, texts), "optax, two cross-entropies"),
    ),
    "ntxent": (optax(lambda o: o.losses.ntxent, dtypes=("float32",)),),
    "ssim_loss": (
        Peer("dm-pix", "dm_pix", lambda p: lambda *images: 1 - jnp.mean(p.ssim(*images)), dtypes=("float32",)),
        Peer(
            "piq",
            "piq",
            lambda p: channels_first(lambda *images: 1 - p.ssim(*images, downsample=False)),
            dtypes=("float32",),
        ),
        Peer(
            "kornia",
            "kornia.metrics",
            lambda k: channels_first(lambda *images: 1 - k.ssim(*images, 11, padding="valid").mean()),
            dtypes=("float32",),
        ),
    ),
}
"""Loss name to its peers."""


PACKAGES = ("jax", "jaxlib", "optax", "keras", "torch", "dm-pix", "piq", "kornia", "libtpu", "numpy")


def of(loss: str, dtype: str) -> list[Peer]:
    return [peer for peer in PEERS.get(loss, ()) if dtype in peer.dtypes]


def versions() -> dict[str, str]:
    """The packages that figures depend on, and which of them are absent."""

    def version(package: str) -> str:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "absent"

    return {package: version(package) for package in PACKAGES}
