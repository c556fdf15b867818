"""Networks that some losses need, in Flax NNX: the extra ``flax``. ``import jaxloss`` alone does not load them."""

from jaxloss.nn.vgg import VGG, load_lpips_heads, load_vgg

__all__ = ["VGG", "load_lpips_heads", "load_vgg"]
