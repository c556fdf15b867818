"""Losses of segmentation masks, and what their arguments mean.

All of them compare a predicted set of pixels with a target set. They share their arguments:

``pixel_ndim``
    Number of pixel axes that make one pool; an integer >= 1, static. The pixels of a pool are summed before the
    quotient is taken, and nothing else is: with masks ``[B, H, W]``, 2 gives one loss per image and 3 gives one loss
    for the whole batch. Volumes have 3 pixel axes.
``probs``, ``targets``
    Shape ``[..., *pixels]``. ``probs`` is floating, the probability that a pixel belongs to the mask. ``targets`` has
    the same shape, floating or integer, and says how far a pixel belongs to it. Both lie in [0, 1]; a value outside
    makes its pool NaN. The axis of several independent classes comes before the pixels, as in ``[B, K, H, W]``.
``logits``
    Unnormalised scores: shape ``[..., *pixels]`` for the sigmoid losses, ``[..., *pixels, K]`` for the softmax losses.
    In the latter a class of logit -inf is absent.
``labels``
    Shape ``[..., *pixels]``, integer class indices in ``[0, K)``; an index outside makes its pool NaN.
``smoothing``
    Agreement added to the numerator and the denominator, as a share of the pixels of a pool; >= 0. With an empty target
    the loss then shrinks with the number of false positives; without it, the loss is 1 for any number. Other packages
    count in pixels: ``smooth=1`` of optax is ``1 / N`` here, for N pixels. Where numerator and denominator are doubled,
    as in MONAI, it is half of that.
``class_weights``
    Shape ``[K]``, >= 0: weights of the classes in their mean. 0 leaves a class out, such as the background; None
    weights all classes alike. A class without pixels counts too: its loss falls to 0 with its probability.
``axis_name``
    Mesh axes inside ``jax.shard_map`` over which the pixels are spread, for the loss over all of them; None if all are
    here, ``()`` to take those of each device on purpose. On several devices a pool that is the whole batch needs it,
    such as ``pixel_ndim=3`` of ``[B, H, W]``; pools of one image each do not, if no image is cut.
``where``, ``weights``
    Shape ``[..., *pixels]``: they belong to the pixels. A pool without a pixel is absent; see `jaxloss.reduce`.
``reduction``
    Over the pools ``[...]``; see `jaxloss.reduce`.

Deep supervision is a sum over the outputs of a decoder, with the target at the size of each: ``sum(0.5**k *
jaxloss.sigmoid_dice_loss(z, jax.image.resize(targets, z.shape, "nearest"), pixel_ndim=2) for k, z in levels)``.

Example:
    >>> probs, targets = jnp.array([[0.5, 0.5], [0.0, 0.0]]), jnp.array([[1, 0], [0, 0]])
    >>> jaxloss.dice_loss(probs, targets, pixel_ndim=1, reduction="none")  # each row is a pool
    Array([0.49999, 0.     ], dtype=float32)
    >>> jaxloss.dice_loss(probs, targets, pixel_ndim=2, where=targets == 1)  # one pool, of one pixel
    Array(0.33332887, dtype=float32)
"""

from jaxloss.vision.segmentation import (
    centrelines,
    compounds,
    dice,
    dice_variants,
    instances,
    jaccard,
    lovasz,
    pairwise,
    tversky,
)
from jaxloss.vision.segmentation.centrelines import *
from jaxloss.vision.segmentation.compounds import *
from jaxloss.vision.segmentation.dice import *
from jaxloss.vision.segmentation.dice_variants import *
from jaxloss.vision.segmentation.instances import *
from jaxloss.vision.segmentation.jaccard import *
from jaxloss.vision.segmentation.lovasz import *
from jaxloss.vision.segmentation.pairwise import *
from jaxloss.vision.segmentation.tversky import *

__all__: list[str] = []
__all__ += centrelines.__all__
__all__ += compounds.__all__
__all__ += dice.__all__
__all__ += dice_variants.__all__
__all__ += instances.__all__
__all__ += jaccard.__all__
__all__ += lovasz.__all__
__all__ += pairwise.__all__
__all__ += tversky.__all__
