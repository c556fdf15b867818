"""Losses of variational and vector-quantised autoencoders."""

from jaxloss.generative.variational import elbo, free_bits, quantization
from jaxloss.generative.variational.elbo import *
from jaxloss.generative.variational.free_bits import *
from jaxloss.generative.variational.quantization import *

__all__: list[str] = []
__all__ += elbo.__all__
__all__ += free_bits.__all__
__all__ += quantization.__all__
