"""Losses of embeddings: pairs, triplets, contrast within a batch and self-supervision.

Two groups of these losses compare every example of a batch with the others, and share their arguments:

``embeddings``, ``labels`` (labelled sets, such as `jaxloss.supcon_loss` and `jaxloss.batch_hard_triplet_loss`)
    ``embeddings``: shape ``[..., N, D]``, floating. ``labels``: shape ``[..., N]``, any integers; examples with equal
    labels are positives of each other, all others are negatives.
Two matched sets (such as `jaxloss.infonce_loss` and `jaxloss.clip_loss`)
    Both of shape ``[..., N, D]``, floating. Row i of one set belongs to row i of the other; all other rows are
    negatives.
``axis_name``
    Mesh axes inside `jax.shard_map`, or an axis of `jax.pmap` or `jax.vmap`, over which the examples are spread. Every
    device compares its own anchors with the examples of all, so the loss and its gradient are those of one device that
    has the whole batch. ``"mean"`` and ``"sum"`` are then taken over the anchors of all devices; any other reduction is
    given those of this device. None: all examples are here, and inputs that are known to be spread are refused.
    ``()``: the examples of each device are a set of their own.
``chunk_size``
    Number of rows per chunk, >= 1, static: so many anchors at a time are compared with all examples, and memory grows
    with the size of a chunk instead of the square of the batch. The numbers are the same, rounding apart, and so is the
    choice of forward and reverse mode. A chunk is computed again for the gradient; outside of an objective, InfoNCE and
    SigLIP make the gradient of a mean or a sum together with the value. None takes all anchors at once if there are at
    most 4 million pairs, and otherwise so many that a chunk has about 4 million pairs, but at least 128.
``ring``
    With ``axis_name``: hand the rows of the devices on around a ring instead of gathering them, so that a device holds
    its own rows and those of one other, and the products of these, at a time. The same numbers for less memory; in
    reverse mode only. Static.
``where``
    Shape ``[..., N]``. A masked example is absent as an anchor, as a positive and as a negative.
``weights``, ``reduction``
    Shape ``[..., N]``, over the anchors; see `jaxloss.reduce`.

The examples of the last batch axis meet; leading axes are independent sets. Where similarities are cosines, embeddings
need not be normalised, and a zero vector is orthogonal to all others.

Example:
    >>> embeddings = jnp.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> print(f"{jaxloss.supcon_loss(embeddings, jnp.array([0, 0, 1, 1])):.6f}")
    0.000168
"""

from jaxloss.representation import (
    class_prototypes,
    contrast,
    metric_learning,
    prefixes,
    self_supervised,
    similarity_ranks,
    tuplets,
)
from jaxloss.representation.class_prototypes import *
from jaxloss.representation.contrast import *
from jaxloss.representation.metric_learning import *
from jaxloss.representation.prefixes import *
from jaxloss.representation.self_supervised import *
from jaxloss.representation.similarity_ranks import *
from jaxloss.representation.tuplets import *

__all__: list[str] = []
__all__ += class_prototypes.__all__
__all__ += contrast.__all__
__all__ += metric_learning.__all__
__all__ += prefixes.__all__
__all__ += self_supervised.__all__
__all__ += similarity_ranks.__all__
__all__ += tuplets.__all__
