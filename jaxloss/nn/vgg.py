"""The convolutions of VGG-16 and VGG-19, as feature networks for perceptual losses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.typing import Array
from jaxloss.nn import _files

try:
    from flax import nnx
except ImportError as error:
    raise ImportError("jaxloss.nn needs Flax: pip install 'jaxloss[flax]'") from error

__all__ = ["VGG", "load_lpips_heads", "load_vgg"]

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of every block, before it is pooled."""

WIDTHS = (64, 128, 256, 512, 512)

LPIPS_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


class _Layer(NamedTuple):
    """One step: its name, its place in torchvision's ``features``, and the channels of a convolution."""

    name: str
    place: int
    inputs: int
    outputs: int

    @property
    def kind(self) -> str:
        return self.name[:4]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        kernel = (self.outputs, self.inputs, 3, 3)
        return {f"features.{self.place}.weight": kernel, f"features.{self.place}.bias": (self.outputs,)}


def _plan(depth: int) -> list[_Layer]:
    if depth not in BLOCKS:
        raise ValueError(f"depth must be 16 or 19; found {depth!r}.")
    plan, channels = [], 3
    for block, (count, width) in enumerate(zip(BLOCKS[depth], WIDTHS, strict=True), start=1):
        for position in range(1, count + 1):
            plan.append(_Layer(f"conv{block}_{position}", len(plan), channels, width))
            plan.append(_Layer(f"relu{block}_{position}", len(plan), width, width))
            channels = width
        plan.append(_Layer(f"pool{block}", len(plan), width, width))
    return plan


def _cut(layers: Sequence[str], depth: int) -> list[_Layer]:
    """The plan up to the deepest of ``layers``."""
    plan = _plan(depth)
    places = {layer.name: layer.place for layer in plan}
    unknown = [name for name in layers if name not in places]
    if unknown or not layers or isinstance(layers, str):
        raise ValueError(f"layers must be names of VGG-{depth}, some of {', '.join(places)}; found {layers!r}.")
    return plan[: max(places[name] for name in layers) + 1]


class VGG(nnx.Module):
    r"""The convolutional part of VGG-16 or VGG-19: from images to the feature maps of chosen layers.

    The layers are those of torchvision without batch normalisation, named as is usual: ``conv3_2``, ``relu3_2`` and
    ``pool3`` belong to the third block. Nothing is computed, and no weight held, beyond the deepest chosen layer. The
    weights are random until they are loaded: see `load_vgg`.

    Args:
        layers: Names of the layers whose outputs are wanted.
        depth: 16 or 19.
        precision: Of the convolutions, as in `jax.lax.conv`; None is the default of the device, 16 bits on a TPU.
        rngs: Random streams of Flax for the weights.

    Example:
        >>> from flax import nnx
        >>> import jaxloss.nn
        >>> network = jaxloss.nn.VGG(("relu1_2", "pool1"), rngs=nnx.Rngs(0))
        >>> jax.tree.map(jnp.shape, network(jnp.ones((5, 8, 8, 3))))
        {'pool1': (5, 4, 4, 64), 'relu1_2': (5, 8, 8, 64)}

    Reference:
        Simonyan and Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image Recognition.
        https://arxiv.org/abs/1409.1556
    """

    def __init__(self, layers: Sequence[str] = LPIPS_LAYERS, *, depth: int = 16, precision: Any = None, rngs: nnx.Rngs):
        plan = _cut(layers, depth)
        self.layers, self.depth = tuple(layers), depth
        self.convolutions = nnx.Dict(
            {
                layer.name: nnx.Conv(layer.inputs, layer.outputs, (3, 3), precision=precision, rngs=rngs)
                for layer in plan
                if layer.kind == "conv"
            }
        )

    def __call__(self, images: Array) -> dict[str, Array]:
        """Feature maps by the name of their layer.

        Args:
            images: RGB in the range [0, 1], shape ``[..., H, W, 3]``, floating. They are normalised here, by the
                mean and the standard deviation of ImageNet, and computed with in the dtype of the weights.

        Returns:
            ``{name: [..., h, w, channels]}``.

        Raises:
            TypeError: If ``images`` are not floating.
            ValueError: If there are not three channels, or no pixel would be left after the pools.
        """
        (images,) = checks.floating(images=images)
        checks.with_axes("height width channels", images=images)
        plan = _cut(self.layers, self.depth)
        least = 2 ** sum(layer.kind == "pool" for layer in plan)
        if images.shape[-1] != 3 or min(images.shape[-3:-1]) < least:
            raise ValueError(f"images must have shape [..., H, W, 3] with H and W >= {least}; found {images.shape}.")
        x = images.astype(self.convolutions["conv1_1"].kernel.dtype)
        mean, deviation = (jnp.asarray(v, x.dtype) for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        x = (x - jnp.broadcast_to(mean, x.shape)) / jnp.broadcast_to(deviation, x.shape)
        features = {}
        for layer in plan:
            if layer.kind == "conv":
                x = self.convolutions[layer.name](x)
            else:
                x = nnx.relu(x) if layer.kind == "relu" else nnx.max_pool(x, (2, 2), strides=(2, 2))
            if layer.name in self.layers:
                features[layer.name] = x
        return features


def load_vgg(
    path: str | os.PathLike[str], layers: Sequence[str] = LPIPS_LAYERS, *, depth: int = 16, precision: Any = None
) -> VGG:
    r"""A `VGG` with the weights that torchvision publishes, from a file of yours; nothing is downloaded.

    The file is the ``state_dict`` of ``torchvision.models.vgg16`` or ``vgg19`` (those without batch normalisation):
    the published ``.pth``, read with PyTorch if it is installed, or the same tensors as ``.safetensors``, read with
    safetensors. Its tensors are called ``features.0.weight`` and so on; the classifier may be there or not.

    Args:
        path: Of the file.
        layers: Names of the layers whose outputs are wanted.
        depth: 16 or 19.
        precision: Of the convolutions, as in `jax.lax.conv`.

    Returns:
        The network, in float32.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the package that reads such files is not installed.
        ValueError: If the file cannot be read, or a tensor is missing, unexpected or of a wrong shape: all are named.

    Example:
        >>> network = jaxloss.nn.load_vgg("vgg16-397923af.pth", ("relu2_2",))  # doctest: +SKIP
        >>> jaxloss.content_loss(network(predictions), network(targets))  # doctest: +SKIP
    """
    plan = _plan(depth)
    convolutions = [layer for layer in _cut(layers, depth) if layer.kind == "conv"]
    needed = {name: shape for layer in convolutions for name, shape in layer.shapes().items()}
    known = {name: shape for layer in plan if layer.kind == "conv" for name, shape in layer.shapes().items()}
    classifier = {f"classifier.{k}.{part}": None for k in (0, 3, 6) for part in ("weight", "bias")}
    tensors = _files.read_tensors(path)
    what = f"the weights of torchvision's vgg{depth}"
    _files.verify(tensors, needed, {**known, **classifier}, source=str(path), what=what)
    network = nnx.eval_shape(lambda: VGG(layers, depth=depth, precision=precision, rngs=nnx.Rngs(0)))
    for layer in convolutions:
        kernel, bias = (np.asarray(tensors[name], np.float32) for name in layer.shapes())
        conv = network.convolutions[layer.name]
        # PyTorch: outputs, inputs, height, width. Flax: height, width, inputs, outputs.
        conv.kernel, conv.bias = nnx.Param(jnp.asarray(kernel.transpose(2, 3, 1, 0))), nnx.Param(jnp.asarray(bias))
    return network


def load_lpips_heads(path: str | os.PathLike[str]) -> dict[str, Array]:
    r"""The published channel weights of LPIPS for VGG-16, from a file of yours, for `jaxloss.lpips_loss`.

    The file is ``vgg.pth`` of the authors' package ``lpips``, or the same tensors as ``.safetensors``, called
    ``lin0.model.1.weight`` to ``lin4.model.1.weight``. With `VGG` of these layers, the default ones, and images in
    [0, 1] the loss equals the authors' for images in [-1, 1].

    Args:
        path: Of the file.

    Returns:
        ``{"relu1_2": [64], "relu2_2": [128], "relu3_3": [256], "relu4_3": [512], "relu5_3": [512]}``, each >= 0.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the package that reads such files is not installed.
        ValueError: If the file cannot be read, or a tensor is missing, unexpected or of a wrong shape.

    Example:
        >>> heads = jaxloss.nn.load_lpips_heads("lpips/weights/v0.1/vgg.pth")  # doctest: +SKIP
        >>> jaxloss.lpips_loss(network(predictions), network(targets), heads)  # doctest: +SKIP
    """
    names = {layer: f"lin{k}.model.1.weight" for k, layer in enumerate(LPIPS_LAYERS)}
    needed = {name: (1, width, 1, 1) for name, width in zip(names.values(), WIDTHS, strict=True)}
    tensors = _files.read_tensors(path)
    _files.verify(tensors, needed, {}, source=str(path), what="the heads of LPIPS for VGG-16")
    return {layer: jnp.asarray(np.asarray(tensors[name], np.float32).reshape(-1)) for layer, name in names.items()}
