"""Losses with their gradients as they are spread over many devices: data x tensor parallel, contrast, objectives.

Every task is one function of arrays for one device or for the device of a mesh that it runs on; the batch grows with
the number of devices.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from jaxloss import combine, reductions

P = PartitionSpec
DATA, CLASSES = "data", "classes"
SPLIT = 8
"""Devices that share the vocabulary, where there are as many."""


@dataclasses.dataclass(frozen=True)
class Size:
    """Sizes of one device's part: tokens of a language model and its head, embeddings, examples of an objective."""

    tokens: int = 1024
    width: int = 2048
    vocabulary: int = 131072
    pairs: int = 256
    features: int = 512
    examples: int = 1024
    dtype: str = "bfloat16"


FULL = Size()
SMALL = Size(tokens=8, width=16, vocabulary=512, pairs=16, features=8, examples=8, dtype="float32")


@dataclasses.dataclass(frozen=True)
class Task:
    """A loss and its gradients.

    Attributes:
        name: What is compiled.
        draw: ``draw(size, devices)`` gives the arguments of all devices together; called under `jax.eval_shape` where
            only shapes are needed.
        specs: How each argument is spread.
        step: ``step(spread, *arguments)`` gives ``(loss, gradients)``; ``spread`` is False for all arguments on one
            device.
        results: How the gradients are spread.
        limit: ``limit(size, mesh)`` gives the entries of what no collective may carry: the logits of one device, all
            pairs of a contrast, the batch of an objective.
        plain: Whether XLA is left to divide the whole program, under `jax.jit` alone; else `jax.shard_map` does.
    """

    name: str
    draw: Callable[[Size, int], tuple[Any, ...]]
    specs: tuple[Any, ...]
    step: Callable[..., tuple[jax.Array, Any]]
    results: Any
    limit: Callable[[Size, Mapping[str, int]], int]
    plain: bool = False

    @property
    def by_classes(self) -> bool:
        """Whether the two axes of the mesh have different meanings."""
        return P(None, CLASSES) in self.specs

    def on(self, mesh: Mesh) -> Callable[..., tuple[jax.Array, Any]]:
        """The compiled function of arguments that are spread over a mesh."""
        results = (P(), self.results)
        if self.plain:
            placed = jax.tree.map(lambda spec: NamedSharding(mesh, spec), results)
            return jax.jit(functools.partial(self.step, False), out_shardings=placed)
        step = functools.partial(self.step, True)
        return jax.jit(jax.shard_map(step, mesh=mesh, in_specs=self.specs, out_specs=results))


def mesh_of(devices: Any, split: int = SPLIT) -> Mesh:
    """Data x classes: the vocabulary over ``split`` devices, or over all of fewer."""
    devices = np.array(devices).ravel()
    split = min(split, devices.size)
    return Mesh(devices.reshape(-1, split), (DATA, CLASSES))


def structs(task: Task, size: Size, mesh: Mesh) -> tuple[Any, ...]:
    """Shapes, dtypes and shardings of the arguments on a mesh."""

    def place(spec: Any, tree: Any) -> Any:
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec)), tree
        )

    shapes = jax.eval_shape(lambda: task.draw(size, mesh.size))
    return tuple(place(spec, tree) for spec, tree in zip(task.specs, shapes, strict=True))


def _tokens(size: Size, devices: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Last hidden states, the kernel of the head and the next tokens."""
    keys = jax.random.split(jax.random.key(0), 3)
    tokens = size.tokens * devices
    return (
        jax.random.normal(keys[0], (tokens, size.width), size.dtype),
        jax.random.normal(keys[1], (size.width, size.vocabulary), size.dtype)
        / jnp.asarray(size.width**0.5, size.dtype),
        jax.random.randint(keys[2], (tokens,), 0, size.vocabulary),
    )


def _dense(hidden: jax.Array, kernel: jax.Array, labels: jax.Array, **options: Any) -> jax.Array:
    logits = jnp.dot(hidden, kernel, preferred_element_type=jnp.float32)
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, **options)


def _next_token(loss: Callable[..., jax.Array], spread: bool, *arguments: jax.Array) -> tuple[jax.Array, Any]:
    hidden, kernel, labels = arguments
    options = {"vocab_axis_name": CLASSES, "reduction": reductions.mean(axis_name=DATA)} if spread else {}
    of = lambda hidden, kernel: loss(hidden, kernel, labels, **options)
    return jax.value_and_grad(of, argnums=(0, 1))(hidden, kernel)


def _embeddings(size: Size, devices: int) -> tuple[jax.Array, jax.Array]:
    """Two sets of embeddings that point in related directions."""
    first, second = jax.random.split(jax.random.key(1))
    shape = (size.pairs * devices, size.features)
    images = jax.random.normal(first, shape)
    return images, images + 2 * jax.random.normal(second, shape)


EVERYWHERE = (DATA, CLASSES)
"""What has no vocabulary spreads its batch over all devices."""


def _contrast(loss: Callable[..., jax.Array], options: Any, spread: bool, *embeddings: jax.Array) -> Any:
    options = {"axis_name": EVERYWHERE, **options} if spread else {}
    return jax.value_and_grad(functools.partial(loss, **options), argnums=(0, 1))(*embeddings)


def _examples(size: Size, devices: int) -> tuple[Any, Any]:
    """Parameters of a small network with two heads, and a batch."""
    keys = jax.random.split(jax.random.key(2), 7)
    width, classes, examples = size.features, 32, size.examples * devices
    real = lambda key, *shape: jax.random.normal(key, shape) / shape[0] ** 0.5
    params = {
        "trunk": real(keys[0], width, width),
        "classes": real(keys[1], width, classes),
        "values": real(keys[2], width, 1),
    }
    batch = {
        "x": jax.random.normal(keys[3], (examples, width)),
        "labels": jax.random.randint(keys[4], (examples,), 0, classes),
        "y": jax.random.normal(keys[5], (examples, 1)),
        "valid": jax.random.bernoulli(keys[6], 0.7, (examples,)),
    }
    return params, batch


def _terms(params: Any, batch: Any) -> dict[str, Any]:
    hidden = jax.nn.tanh(batch["x"] @ params["trunk"])
    return {
        "classes": jaxloss.softmax_cross_entropy_with_integer_labels(
            hidden @ params["classes"], batch["labels"], where=batch["valid"], reduction=reductions.term
        ),
        "values": jaxloss.huber_loss(hidden @ params["values"], batch["y"], reduction=reductions.term),
        "size": jaxloss.l2_penalty(params),
    }


MICROBATCHES = 4


def _objective(spread: bool, params: Any, batch: Any) -> tuple[jax.Array, Any]:
    """The sum of three terms with conflicting gradients resolved, in micro-batches."""
    options = {"axis_name": EVERYWHERE, "microbatches": MICROBATCHES} if spread else {}
    objective = combine.objective(_terms, combine.weigh(size=1e-4), aggregate=combine.upgrad(), **options)
    state = objective.init(params, batch)
    of = lambda params: objective(params, state, batch)[0]
    return jax.value_and_grad(of)(params)


def _logits(size: Size, mesh: Mapping[str, int]) -> int:
    tokens, classes = size.tokens * math.prod(mesh.values()) // mesh[DATA], size.vocabulary // mesh[CLASSES]
    return tokens * classes


def _all_pairs(size: Size, mesh: Mapping[str, int]) -> int:
    return (size.pairs * math.prod(mesh.values())) ** 2


def _batch(size: Size, mesh: Mapping[str, int]) -> int:
    return size.examples * size.features * math.prod(mesh.values())


def _language(name: str, loss: Callable[..., jax.Array], *, plain: bool = False) -> Task:
    specs, results = (P(DATA), P(None, CLASSES), P(DATA)), (P(DATA), P(None, CLASSES))
    return Task(name, _tokens, specs, functools.partial(_next_token, loss), results, _logits, plain)


def _pairs(name: str, loss: Callable[..., jax.Array], **options: Any) -> Task:
    spread = (P(EVERYWHERE), P(EVERYWHERE))
    return Task(name, _embeddings, spread, functools.partial(_contrast, loss, options), spread, _all_pairs)


def tasks() -> list[Task]:
    return [
        _language("next token, dense logits, plain jit", _dense, plain=True),
        _language("next token, dense logits", _dense),
        _language("next token, linear head", jaxloss.linear_softmax_cross_entropy),
        _pairs("CLIP, gathered", jaxloss.clip_loss),
        _pairs("CLIP, ring", jaxloss.clip_loss, ring=True),
        _pairs("SigLIP, gathered", jaxloss.siglip_loss),
        _pairs("SigLIP, ring", jaxloss.siglip_loss, ring=True),
        Task("objective, 4 micro-batches, UPGrad", _examples, (P(), P(EVERYWHERE)), _objective, P(), _batch),
    ]
