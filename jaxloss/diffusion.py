r"""What surrounds the losses of diffusion and flow models: noising, paths, conversions, weights of noise levels.

Add noise with `diffuse` (or `linear_flow_path`), let a network predict, compare by one of the losses, and `convert`
its prediction into what a sampler needs. Here the prediction is the noise itself, so the data come back:

    >>> samples, noise = jnp.array([[1.0, -2.0]]), jnp.array([[0.5, 0.25]])
    >>> alphas, sigmas = jnp.array([0.6]), jnp.array([0.8])
    >>> noisy = jaxloss.diffusion.diffuse(samples, noise, alphas, sigmas)
    >>> loss_weights = jaxloss.diffusion.min_snr_weights_for_epsilon(alphas, sigmas)
    >>> jaxloss.epsilon_prediction_loss(noise, noise, loss_weights)
    Array(0., dtype=float32)
    >>> jaxloss.diffusion.convert(noisy, noise, alphas, sigmas, source="epsilon", target="x0")
    Array([[ 1., -2.]], dtype=float32)
"""

from jaxloss.generative.diffusion import flow_weighting, noising, parametrisations, paths, weighting
from jaxloss.generative.diffusion.flow_weighting import *
from jaxloss.generative.diffusion.noising import *
from jaxloss.generative.diffusion.parametrisations import *
from jaxloss.generative.diffusion.paths import *
from jaxloss.generative.diffusion.weighting import *

__all__: list[str] = []
__all__ += flow_weighting.__all__
__all__ += noising.__all__
__all__ += parametrisations.__all__
__all__ += paths.__all__
__all__ += weighting.__all__
