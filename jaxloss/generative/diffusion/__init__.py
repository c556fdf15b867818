"""Losses of diffusion, score and flow models; their schedules and targets are in `jaxloss.diffusion`.

Some objectives are these and other losses, put together:

* Masked diffusion of tokens (MDLM, MD4; Sahoo et al. and Shi et al., 2024): cross-entropy of what is masked, each token
  weighted by the rate of the schedule, ``-alpha'(t) / (1 - alpha(t))``, which is ``1 / t`` for ``alpha(t) = 1 - t``,
  and divided by the number of all tokens: ``softmax_cross_entropy_with_integer_labels(logits, tokens, where=masked,
  weights=rates[:, None], reduction=reductions.mean_over(tokens.size))``. The logit of the mask token is -inf.
* Hybrid objective with learned variances (Nichol and Dhariwal, 2021): ``epsilon_prediction_loss(...) + 0.001 * T *
  gaussian_kl(true_means, true_log_variances, jax.lax.stop_gradient(means), log_variances)``, so that the bound trains
  the variances only; `discretized_gaussian_nll` takes the place of the divergence at the first of the T steps.
* Shortcut models (Frans et al., 2025): flow matching for step size 0, and elsewhere ``squared_error(model(x, t, 2 * d),
  target)``, where two steps are the target of one, ``jax.lax.stop_gradient((u + model(x + d * u, t + d, d)) / 2)`` with
  ``u = model(x, t, d)``.
* Flow matching with optimal transport in the batch (Tong et al., 2024): pair noise and data before the loss, ``noise[
  hungarian_matching(jnp.sum(jnp.square(noise[:, None] - samples), -1))]``.
"""

from jaxloss.generative.diffusion import consistency, flow_matching, objectives, score_matching
from jaxloss.generative.diffusion.consistency import *
from jaxloss.generative.diffusion.flow_matching import *
from jaxloss.generative.diffusion.objectives import *
from jaxloss.generative.diffusion.score_matching import *

__all__: list[str] = []
__all__ += consistency.__all__
__all__ += flow_matching.__all__
__all__ += objectives.__all__
__all__ += score_matching.__all__
