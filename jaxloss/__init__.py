"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

import sys as _sys
import typing as _t

from jaxloss import combine, reductions
from jaxloss._reduce import reduce
from jaxloss._value_checks import checked
from jaxloss.audio.signal_distortion import *
from jaxloss.audio.spectrograms import *
from jaxloss.auxiliary.activations import *
from jaxloss.auxiliary.centers import *
from jaxloss.auxiliary.entropies import *
from jaxloss.auxiliary.jacobians import *
from jaxloss.auxiliary.mixing import *
from jaxloss.auxiliary.parameters import *
from jaxloss.auxiliary.structured_parameters import *
from jaxloss.classification.adaptive import *
from jaxloss.classification.bi_tempered import *
from jaxloss.classification.binary import *
from jaxloss.classification.calibration import *
from jaxloss.classification.focal import *
from jaxloss.classification.imbalance import *
from jaxloss.classification.label_noise import *
from jaxloss.classification.multilabel import *
from jaxloss.classification.ordinal import *
from jaxloss.classification.polynomial import *
from jaxloss.classification.positive_unlabeled import *
from jaxloss.classification.rates import *
from jaxloss.classification.sampled import *
from jaxloss.classification.softmax import *
from jaxloss.fused.linear_head import *
from jaxloss.generative.adversarial import *
from jaxloss.generative.consistency import *
from jaxloss.generative.critics import *
from jaxloss.generative.diffusion import *
from jaxloss.generative.divergence import *
from jaxloss.generative.entropic_divergence import *
from jaxloss.generative.evidence import *
from jaxloss.generative.factorised_divergence import *
from jaxloss.generative.features import *
from jaxloss.generative.flow_matching import *
from jaxloss.generative.free_bits import *
from jaxloss.generative.gaussian_divergence import *
from jaxloss.generative.gradient_penalties import *
from jaxloss.generative.noise_weighting import *
from jaxloss.generative.noising import *
from jaxloss.generative.parametrisations import *
from jaxloss.generative.probability_distances import *
from jaxloss.generative.relativistic import *
from jaxloss.generative.score_matching import *
from jaxloss.generative.spectral_divergence import *
from jaxloss.generative.vector_quantization import *
from jaxloss.geometry.point_clouds import *
from jaxloss.language.policy_advantages import *
from jaxloss.language.policy_aggregation import *
from jaxloss.language.policy_divergence import *
from jaxloss.language.policy_objectives import *
from jaxloss.language.policy_values import *
from jaxloss.language.preference_free import *
from jaxloss.language.preference_hinges import *
from jaxloss.language.preference_pairs import *
from jaxloss.language.preference_rewards import *
from jaxloss.language.preference_scores import *
from jaxloss.language.preference_unpaired import *
from jaxloss.language.tokens import *
from jaxloss.language.vocabulary_scores import *
from jaxloss.margin.angular import *
from jaxloss.margin.binary_margin import *
from jaxloss.margin.fenchel_young import *
from jaxloss.margin.hinge import *
from jaxloss.margin.multiclass_margin import *
from jaxloss.physics.boundary_conditions import *
from jaxloss.physics.constraint_penalties import *
from jaxloss.physics.differential_equations import *
from jaxloss.physics.field_derivatives import *
from jaxloss.physics.fuzzy_quantifiers import *
from jaxloss.physics.godel_logic import *
from jaxloss.physics.lukasiewicz_logic import *
from jaxloss.physics.multipliers import *
from jaxloss.physics.product_logic import *
from jaxloss.physics.semantic import *
from jaxloss.probabilistic.counts import *
from jaxloss.probabilistic.crps import *
from jaxloss.probabilistic.discretized import *
from jaxloss.probabilistic.evidential import *
from jaxloss.probabilistic.gaussian import *
from jaxloss.probabilistic.heavy_tailed import *
from jaxloss.probabilistic.positive import *
from jaxloss.probabilistic.scores import *
from jaxloss.probabilistic.transformed import *
from jaxloss.ranking.comparisons import *
from jaxloss.ranking.discounted_gain import *
from jaxloss.ranking.listwise import *
from jaxloss.ranking.pairwise import *
from jaxloss.regression.absolute import *
from jaxloss.regression.directions import *
from jaxloss.regression.expectiles import *
from jaxloss.regression.general_robust import *
from jaxloss.regression.huber import *
from jaxloss.regression.hyperbolic import *
from jaxloss.regression.logarithmic import *
from jaxloss.regression.percentage import *
from jaxloss.regression.quantiles import *
from jaxloss.regression.redescending import *
from jaxloss.regression.scaled import *
from jaxloss.regression.squared import *
from jaxloss.reinforcement.categorical_values import *
from jaxloss.reinforcement.off_policy import *
from jaxloss.reinforcement.policy_gradients import *
from jaxloss.reinforcement.q_learning import *
from jaxloss.reinforcement.quantile_values import *
from jaxloss.reinforcement.returns import *
from jaxloss.reinforcement.sarsa import *
from jaxloss.reinforcement.soft_actor_critic import *
from jaxloss.reinforcement.temporal_difference import *
from jaxloss.reinforcement.value_histograms import *
from jaxloss.representation.distillation import *
from jaxloss.representation.label_contrast import *
from jaxloss.representation.matched_contrast import *
from jaxloss.representation.mined_triplets import *
from jaxloss.representation.pairs import *
from jaxloss.representation.prediction import *
from jaxloss.representation.queue_contrast import *
from jaxloss.representation.redundancy import *
from jaxloss.representation.self_distillation import *
from jaxloss.representation.triplets import *
from jaxloss.representation.weighted_pairs import *
from jaxloss.routing.expert_balance import *
from jaxloss.routing.expert_variation import *
from jaxloss.sequence.expected_risk import *
from jaxloss.sequence.random_field import *
from jaxloss.sequence.soft_alignment import *
from jaxloss.sequence.temporal_classification import *
from jaxloss.sequence.transducer import *
from jaxloss.survival.proportional_hazards import *
from jaxloss.transport.discrepancy import *
from jaxloss.transport.entropic import *
from jaxloss.transport.sorted_transport import *
from jaxloss.vision.box_formats import *
from jaxloss.vision.boxes import *
from jaxloss.vision.dense_detection import *
from jaxloss.vision.dice import *
from jaxloss.vision.dice_cross_entropy import *
from jaxloss.vision.dice_variants import *
from jaxloss.vision.feature_maps import *
from jaxloss.vision.jaccard import *
from jaxloss.vision.lovasz import *
from jaxloss.vision.multi_scale_similarity import *
from jaxloss.vision.pairwise_boxes import *
from jaxloss.vision.set_matching import *
from jaxloss.vision.signal_to_noise import *
from jaxloss.vision.smoothness import *
from jaxloss.vision.structural_similarity import *
from jaxloss.vision.tversky import *

__version__ = "0.1.0"

if not _t.TYPE_CHECKING:  # to a type checker a module with __getattr__ has every attribute

    def __getattr__(name: str) -> _t.NoReturn:
        """For names that do not exist: which of ours do what PyTorch, optax, Keras and TensorFlow call so."""
        message = f"module 'jaxloss' has no attribute {name!r}"
        if not name.startswith("_"):
            from jaxloss._names import explain

            public = [known for known, member in globals().items() if callable(member) and not known.startswith("_")]
            message += explain(name, public)
        # With ``obj`` and without ``name`` Python adds no guess of its own to the message.
        raise AttributeError(message, obj=_sys.modules[__name__])
