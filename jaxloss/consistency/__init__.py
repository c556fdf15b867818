"""Consistency: predictions that do not change with what should not matter.

The losses of semi-supervised learning compare a network with itself on unlabelled examples; those of robust training,
under perturbations and across environments. Most are used beside the cross-entropy with the labels, as a term of its
own. A prediction that is a target is a constant where a loss says so; elsewhere pass it through
``jax.lax.stop_gradient``. (`jaxloss.consistency_loss` is that of consistency models, in ``generative``.)

Some methods are losses of other families, called with two predictions of one network:

* Pseudo-labels (Lee, 2013): ``fixmatch_loss(logits, logits, threshold=0.0)``
* FlexMatch (Zhang et al., 2021), of learned thresholds per class: ``fixmatch_loss(logits, weak_logits, threshold=0.0,
  reduction="none")``, and 0 where the largest probability is below the threshold of its class
* Pi model and mean teacher (Laine and Aila, 2017; Tarvainen and Valpola, 2017):
  ``squared_error(jax.nn.softmax(logits), jax.nn.softmax(teacher_logits))``
* MixMatch (Berthelot et al., 2019), of unlabelled examples: ``squared_error(jax.nn.softmax(logits), targets)`` with the
  sharpened mean over several views, ``jax.nn.softmax(jnp.log(probs) / 0.5)``; `jaxloss.augmentation` has the mixtures
* Entropy minimisation (Grandvalet and Bengio, 2004): `jaxloss.entropy`
* R-Drop (Liang et al., 2021): half the sum of ``kl_divergence_from_logits(logits, other_logits)`` and
  ``kl_divergence_from_logits(other_logits, logits)``, of two passes under dropout
* TRADES (Zhang et al., 2019), beside the cross-entropy of clean examples:
  ``kl_divergence_from_logits(adversarial_logits, logits)``; the attack is yours
* Adversarial logit pairing (Kannan et al., 2018): ``squared_error(adversarial_logits, logits)``
* Risk extrapolation (Krueger et al., 2021) and group DRO (Sagawa et al., 2020), of terms and groups:
  `jaxloss.combine.vrex` and `jaxloss.combine.group_dro`
"""

from jaxloss.consistency import adaptive_thresholds, invariance, pseudo_labels, shared_information, virtual_adversaries
from jaxloss.consistency.adaptive_thresholds import *
from jaxloss.consistency.invariance import *
from jaxloss.consistency.pseudo_labels import *
from jaxloss.consistency.shared_information import *
from jaxloss.consistency.virtual_adversaries import *

__all__: list[str] = []
__all__ += adaptive_thresholds.__all__
__all__ += invariance.__all__
__all__ += pseudo_labels.__all__
__all__ += shared_information.__all__
__all__ += virtual_adversaries.__all__
