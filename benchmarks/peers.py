"""The packages whose losses ours are timed beside: Keras, PyTorch, rax, and those of images.

Plain formulas and optax are in the engine. A row is a label, the module it needs and a function from that module to an
unreduced loss of our inputs. A module that cannot be imported makes the peer absent, with the reason, and is no error.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxloss.benchmarks.comparing import Implementation
from jaxloss.benchmarks.peers import reduced

Function = Callable[..., Any]
Build = Callable[[Any], Function]


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another implementation of a loss; the hyperparameters that it takes are keywords of what ``build`` gives."""

    label: str
    module: str
    build: Build
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    takes: tuple[str, ...] = ()
    masks: bool = True

    @property
    def eager(self) -> bool:
        """Whether it is a function of PyTorch tensors."""
        return self.module.split(".")[0] in ("torch", "piq", "kornia")

    def fits(self, dtype: str, hypers: Mapping[str, Any], keywords: Sequence[str]) -> bool:
        """Whether it has the options."""
        given = {*hypers, *keywords} - {"where", "weights"}
        masked = bool({"where", "weights"} & set(keywords))
        return dtype in self.dtypes and given <= set(self.takes) and (self.masks or not masked)

    def load(self, hypers: Mapping[str, Any], keywords: Sequence[str]) -> Function:
        """The scalar function; an ImportError if its package cannot be imported."""
        try:
            module = importlib.import_module(self.module)
        except ImportError:
            raise
        except Exception as error:  # a package that breaks on import, such as one beside the wrong version of another
            raise ImportError(f"{self.module}: {type(error).__name__}: {error}") from error
        return reduced(functools.partial(self.build(module), **hypers), keywords)


def keras(build: Build, **more: Any) -> Peer:
    """Keras takes the targets first and averages over the last axis."""
    return Peer("keras", "keras.losses", build, **more)


def torch(build: Build, **more: Any) -> Peer:
    return Peer("torch", "torch.nn.functional", build, **more)


def elementwise(name: str) -> Peer:
    """A function of PyTorch of two tensors."""
    return torch(lambda f: lambda x, y, **hypers: getattr(f, name)(x, y, reduction="none", **hypers))


def torch_cross_entropy(f: Any, logits: Any, labels: Any, class_weights: Any = None, **options: Any) -> Any:
    values = f.cross_entropy(logits, labels, reduction="none", **options)
    return values if class_weights is None else (values, class_weights[labels])


def channels_first(fn: Function) -> Function:
    """A loss of images of PyTorch, which has the channels before height and width."""
    return lambda *images: fn(*(image.permute(0, 3, 1, 2) for image in images))


def _rax(name: str) -> Peer:
    return Peer("rax", "rax", lambda r: getattr(r, name), dtypes=("float32",), masks=False)


SINGLE = ("float32",)

PEERS: dict[str, tuple[Peer, ...]] = {
    "softmax_cross_entropy_with_integer_labels": (
        keras(lambda k: lambda logits, labels: k.sparse_categorical_crossentropy(labels, logits, from_logits=True)),
        torch(lambda f: functools.partial(torch_cross_entropy, f), takes=("label_smoothing", "class_weights")),
    ),
    "softmax_cross_entropy": (
        keras(lambda k: lambda logits, targets: k.categorical_crossentropy(targets, logits, from_logits=True)),
        torch(
            lambda f: (
                lambda logits, targets, label_smoothing=0.0: f.cross_entropy(
                    logits, targets, label_smoothing=label_smoothing, reduction="none"
                )
            ),
            takes=("label_smoothing",),
        ),
    ),
    "linear_softmax_cross_entropy": (
        torch(
            lambda f: lambda hidden, kernel, labels: f.cross_entropy(hidden @ kernel, labels, reduction="none"),
        ),
        Peer(
            "torch, linear_cross_entropy",
            "torch.nn.functional",
            lambda f: lambda hidden, kernel, labels: f.linear_cross_entropy(hidden, kernel.T, labels, reduction="none"),
        ),
    ),
    "kl_divergence": (
        torch(lambda f: lambda z, p: f.kl_div(z.log_softmax(-1), p, reduction="none").sum(-1), dtypes=SINGLE),
    ),
    "sigmoid_binary_cross_entropy": (
        keras(lambda k: lambda logits, targets: k.binary_crossentropy(targets, logits, from_logits=True), masks=False),
        elementwise("binary_cross_entropy_with_logits"),
    ),
    "squared_error": (
        keras(lambda k: lambda predictions, targets: k.mean_squared_error(targets, predictions), masks=False),
        elementwise("mse_loss"),
    ),
    "absolute_error": (
        keras(lambda k: lambda predictions, targets: k.mean_absolute_error(targets, predictions), masks=False),
        elementwise("l1_loss"),
    ),
    "huber_loss": (
        keras(lambda k: lambda predictions, targets: k.huber(targets, predictions), masks=False),
        elementwise("huber_loss"),
    ),
    "log_cosh": (keras(lambda k: lambda predictions, targets: k.log_cosh(targets, predictions), masks=False),),
    "cosine_distance": (torch(lambda f: lambda x, y: 1 - f.cosine_similarity(x, y, dim=-1)),),
    "triplet_margin_loss": (
        torch(lambda f: lambda a, p, n: f.triplet_margin_loss(a, p, n, eps=0.0, reduction="none"), dtypes=SINGLE),
    ),
    "ranking_softmax_loss": (_rax("softmax_loss"),),
    "listmle_loss": (_rax("listmle_loss"),),
    "ctc_loss": (
        torch(
            lambda f: (
                lambda logits, labels, logit_lengths, label_lengths: f.ctc_loss(
                    logits.log_softmax(-1).transpose(0, 1), labels, logit_lengths, label_lengths, reduction="none"
                )
            ),
            dtypes=SINGLE,
        ),
    ),
    "ssim_loss": (
        Peer("dm-pix", "dm_pix", lambda p: lambda *images: 1 - p.ssim(*images), dtypes=SINGLE),
        Peer(
            "piq",
            "piq",
            lambda p: channels_first(lambda *images: 1 - p.ssim(*images, downsample=False, reduction="none")),
            dtypes=SINGLE,
        ),
        Peer(
            "kornia",
            "kornia.metrics",
            lambda k: channels_first(lambda *images: 1 - k.ssim(*images, 11, padding="valid").mean((1, 2, 3))),
            dtypes=SINGLE,
        ),
    ),
}
"""Loss name to its peers."""

PACKAGES = ("jax", "jaxlib", "numpy", "libtpu", "optax", "keras", "torch", "rax", "dm-pix", "piq", "kornia")


def of(loss: str, dtype: str, hypers: Mapping[str, Any], keywords: Sequence[str]) -> list[Implementation]:
    """The peers that have the options of a row."""
    return [
        Implementation(peer.label, functools.partial(peer.load, hypers, keywords), peer.eager)
        for peer in PEERS.get(loss, ())
        if peer.fits(dtype, hypers, keywords)
    ]
