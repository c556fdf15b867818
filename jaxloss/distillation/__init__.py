"""Distillation: a student network learns from the outputs and features of a teacher.

The outputs of a teacher are arguments of these losses, and are differentiated like all others: pass them through
``jax.lax.stop_gradient`` if they depend on what is trained. Most are used beside the cross-entropy with the labels, as
a term of its own.

Some methods of distillation are losses of other families, called with the outputs of a teacher:

* Regression of logits (Ba and Caruana, 2014): ``squared_error(logits, teacher_logits)``
* Hints, FitNets (Romero et al., 2015): ``squared_error(hidden @ projection, teacher_hidden)``, with a projection that
  is trained too; for feature maps of several layers, `jaxloss.content_loss`
* Cosine of hidden states, DistilBERT (Sanh et al., 2019): ``cosine_distance(hidden, teacher_hidden)``
* Self-attention, MiniLM (Wang et al., 2020): ``kl_divergence_from_logits(scores, teacher_scores)`` of the scaled inner
  products of queries and keys, and of values, before the softmax; and so of the scores of candidates for a ranker
* Logit standardisation (Sun et al., 2024): `knowledge_distillation_loss` of ``jax.nn.standardize(logits)`` and
  ``jax.nn.standardize(teacher_logits)``
* Channel-wise distillation (Shu et al., 2021): `knowledge_distillation_loss` of feature maps as ``[..., C, H * W]``, a
  distribution over places for each channel
* Variational information distillation (Ahn et al., 2019): ``gaussian_nll(projected, variances, teacher_features)``,
  with one trained variance per channel
* Contrastive representation distillation (Tian et al., 2020), without its memory of all examples:
  ``infonce_loss(embeddings, teacher_embeddings)``
* Policy distillation (Rusu et al., 2016): ``kl_divergence_from_logits(logits, teacher_q_values / 0.01)``
* Sequence-level distillation (Kim and Rush, 2016): ``softmax_cross_entropy_with_integer_labels(logits, tokens)`` with
  tokens that the teacher generated
* On-policy distillation (Gu et al., 2024; Agarwal et al., 2024), with tokens that the student generated: the reverse
  divergence ``kl_divergence_from_logits(teacher_logits, logits)``, or `generalized_jensen_shannon_divergence` (GKD);
  from the generated tokens alone, ``policy_gradient_loss(logits, tokens, teacher_logps - logps)``
"""

from jaxloss.distillation import (
    class_groups,
    correlations,
    distributions,
    feature_maps,
    kernel_alignment,
    relations,
    scores,
    similarities,
    vocabularies,
)
from jaxloss.distillation.class_groups import *
from jaxloss.distillation.correlations import *
from jaxloss.distillation.distributions import *
from jaxloss.distillation.feature_maps import *
from jaxloss.distillation.kernel_alignment import *
from jaxloss.distillation.relations import *
from jaxloss.distillation.scores import *
from jaxloss.distillation.similarities import *
from jaxloss.distillation.vocabularies import *

__all__: list[str] = []
__all__ += class_groups.__all__
__all__ += correlations.__all__
__all__ += distributions.__all__
__all__ += feature_maps.__all__
__all__ += kernel_alignment.__all__
__all__ += relations.__all__
__all__ += scores.__all__
__all__ += similarities.__all__
__all__ += vocabularies.__all__
