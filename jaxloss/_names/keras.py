"""The losses of Keras, which are those of tf.keras."""

from jaxloss._names.keras_families import KERAS_FAMILIES
from jaxloss._names.table import ForeignName, Library

__all__ = ["KERAS"]

_ROWS = (
    ForeignName(
        ("mean_squared_error", "MeanSquaredError", "mse"),
        (
            "keras.losses.mean_squared_error(targets, predictions).mean()",
            "keras.losses.MeanSquaredError()(targets, predictions)",
            "keras.losses.get('mse')(targets, predictions).mean()",
        ),
        "jaxloss.squared_error(predictions, targets)",
        "Predictions first.",
    ),
    ForeignName(
        ("MeanSquaredError",),
        ("keras.losses.MeanSquaredError()(targets, predictions, sample_weight=weights)",),
        "jaxloss.squared_error(predictions, targets, weights=weights[:, None], "
        "reduction=jaxloss.reductions.mean_over(predictions.size))",
        "`sample_weight=` is `weights=`, of the shape of the losses; Keras divides by the number of losses, our mean "
        "by the sum of their weights.",
    ),
    ForeignName(
        ("mean_absolute_error", "MeanAbsoluteError", "mae"),
        (
            "keras.losses.mean_absolute_error(targets, predictions).mean()",
            "keras.losses.MeanAbsoluteError()(targets, predictions)",
            "keras.losses.get('mae')(targets, predictions).mean()",
        ),
        "jaxloss.absolute_error(predictions, targets)",
        "Predictions first. The gradient at a perfect fit is 0, Keras' on JAX is not.",
    ),
    ForeignName(
        ("RootMeanSquaredError",),
        ("keras.metrics.RootMeanSquaredError()(targets, predictions)",),
        "jaxloss.root_mean_squared_error(predictions.ravel(), targets.ravel())",
        "Ours pools the last axis; flatten for one root over everything.",
    ),
    ForeignName(
        ("mean_absolute_percentage_error", "MeanAbsolutePercentageError", "mape"),
        (
            "keras.losses.mean_absolute_percentage_error(amounts, predicted_amounts).mean()",
            "keras.losses.MeanAbsolutePercentageError()(amounts, predicted_amounts)",
            "keras.losses.get('mape')(amounts, predicted_amounts).mean()",
        ),
        "100 * jaxloss.mean_absolute_percentage_error(predicted_amounts, amounts)",
        "A fraction, not a percentage; predictions first.",
    ),
    ForeignName(
        ("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError", "msle"),
        (
            "keras.losses.mean_squared_logarithmic_error(amounts, predicted_amounts).mean()",
            "keras.losses.MeanSquaredLogarithmicError()(amounts, predicted_amounts)",
            "keras.losses.get('msle')(amounts, predicted_amounts).mean()",
        ),
        "jaxloss.mean_squared_log_error(predicted_amounts, amounts)",
        "Predictions first. Keras clips negative amounts, with gradient 0.",
    ),
    ForeignName(
        ("huber", "Huber"),
        (
            "keras.losses.huber(targets, predictions, delta=0.5).mean()",
            "keras.losses.Huber(delta=0.5)(targets, predictions)",
        ),
        "jaxloss.huber_loss(predictions, targets, delta=0.5)",
        "Predictions first.",
    ),
    ForeignName(
        ("log_cosh", "LogCosh", "LogCoshError"),
        (
            "keras.losses.log_cosh(targets, predictions).mean()",
            "keras.losses.LogCosh()(targets, predictions)",
            "keras.metrics.LogCoshError()(targets, predictions)",
        ),
        "jaxloss.log_cosh(predictions, targets)",
        "Predictions first.",
    ),
    ForeignName(
        ("cosine_similarity", "CosineSimilarity"),
        (
            "1 + keras.losses.cosine_similarity(targets, predictions).mean()",
            "1 + keras.losses.CosineSimilarity()(targets, predictions)",
        ),
        "jaxloss.cosine_distance(predictions, targets)",
        "Keras' loss is minus the similarity, ours one minus it: never negative, and 0 at a perfect fit.",
    ),
    ForeignName(
        ("pearson_correlation", "PearsonCorrelation"),
        (
            "1 - keras.metrics.pearson_correlation(targets, predictions).mean()",
            "1 - keras.metrics.PearsonCorrelation()(targets, predictions)",
        ),
        "jaxloss.pearson_correlation_loss(predictions, targets)",
        "One minus the correlation over the last axis.",
    ),
    ForeignName(
        ("concordance_correlation", "ConcordanceCorrelation"),
        (
            "1 - keras.metrics.concordance_correlation(targets, predictions).mean()",
            "1 - keras.metrics.ConcordanceCorrelation()(targets, predictions)",
        ),
        "jaxloss.concordance_correlation_loss(predictions, targets)",
        "One minus the correlation over the last axis.",
    ),
    ForeignName(
        ("poisson", "Poisson"),
        (
            "keras.losses.poisson(counts, rates).mean() + jax.scipy.special.gammaln(counts + 1).mean()",
            "keras.losses.Poisson()(counts, rates) + jax.scipy.special.gammaln(counts + 1).mean()",
        ),
        "jaxloss.poisson_nll(jnp.log(rates), counts)",
        "Ours takes the logarithm of the rate and includes the term log(y!).",
    ),
    ForeignName(
        ("kl_divergence", "KLDivergence", "kld"),
        (
            "keras.losses.kl_divergence(soft_targets, probs).mean()",
            "keras.losses.KLDivergence()(soft_targets, probs)",
            "keras.losses.get('kld')(soft_targets, probs).mean()",
        ),
        "jaxloss.kl_divergence(log_probs, soft_targets)",
        "Ours takes the logarithm of the predicted probabilities.",
    ),
    ForeignName(
        ("categorical_crossentropy", "CategoricalCrossentropy"),
        (
            "keras.losses.categorical_crossentropy(soft_targets, logits, from_logits=True).mean()",
            "keras.losses.CategoricalCrossentropy(from_logits=True)(soft_targets, logits)",
        ),
        "jaxloss.softmax_cross_entropy(logits, soft_targets)",
        "Logits. Keras' default is probabilities, which it normalises and clips: remove the softmax from the model.",
    ),
    ForeignName(
        ("categorical_crossentropy", "CategoricalCrossentropy"),
        (
            "keras.losses.categorical_crossentropy(soft_targets, probs).mean()",
            "keras.losses.CategoricalCrossentropy()(soft_targets, probs)",
        ),
        "jaxloss.softmax_cross_entropy(log_probs, soft_targets)",
        "For a model that ends with a softmax: the logarithms of probabilities are logits.",
    ),
    ForeignName(
        ("categorical_crossentropy", "CategoricalCrossentropy"),
        (
            "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(one_hot, logits)",
            "keras.losses.categorical_crossentropy(one_hot, logits, from_logits=True, label_smoothing=0.1).mean()",
        ),
        "jaxloss.softmax_cross_entropy(logits, one_hot, label_smoothing=0.1)",
        "The same rule.",
    ),
    ForeignName(
        ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
        (
            "keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True).mean()",
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)",
        ),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)",
        "Logits; Keras' default is probabilities. A label out of range gives NaN, Keras' loss on JAX is 0.",
    ),
    ForeignName(
        ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
        (
            "keras.losses.sparse_categorical_crossentropy(labels, probs).mean()",
            "keras.losses.SparseCategoricalCrossentropy()(labels, probs)",
        ),
        "jaxloss.nll_loss(log_probs, labels)",
        "For a model that ends with a softmax.",
    ),
    ForeignName(
        ("SparseCategoricalCrossentropy",),
        ("keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)(labels, logits)",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, where=labels != 2)",
        "`ignore_class` is a mask.",
    ),
    ForeignName(
        ("categorical_focal_crossentropy", "CategoricalFocalCrossentropy"),
        (
            "keras.losses.categorical_focal_crossentropy(one_hot, logits, alpha=0.25, from_logits=True).mean()",
            "keras.losses.CategoricalFocalCrossentropy(alpha=0.25, from_logits=True)(one_hot, logits)",
        ),
        "0.25 * jaxloss.softmax_focal_loss(logits, labels)",
        "Integer labels and logits; `alpha` is None by default, Keras multiplies everything by 0.25.",
    ),
    ForeignName(
        ("categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy"),
        (
            "keras.losses.categorical_generalized_cross_entropy(labels, probs, q=0.5).mean()",
            "keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5)(labels, probs)",
        ),
        "jaxloss.generalized_cross_entropy(log_probs, labels, q=0.5)",
        "Logits, which logarithms of probabilities are, too.",
    ),
    ForeignName(
        ("binary_crossentropy", "BinaryCrossentropy", "bce"),
        (
            "keras.losses.binary_crossentropy(bits, chances).mean()",
            "keras.losses.BinaryCrossentropy()(bits, chances)",
            "keras.losses.get('bce')(bits, chances).mean()",
        ),
        "jaxloss.binary_cross_entropy(chances, bits)",
        "For probabilities. Keras clips them to [1e-7, 1 - 1e-7], where its gradient is 0.",
    ),
    ForeignName(
        ("binary_crossentropy", "BinaryCrossentropy"),
        (
            "keras.losses.binary_crossentropy(bits, scores, from_logits=True, label_smoothing=0.1).mean()",
            "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)(bits, scores)",
        ),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, label_smoothing=0.1)",
        "For logits; the same smoothing.",
    ),
    ForeignName(
        ("binary_focal_crossentropy", "BinaryFocalCrossentropy"),
        (
            "keras.losses.binary_focal_crossentropy("
            "bits, scores, apply_class_balancing=True, alpha=0.25, from_logits=True).mean()",
            "keras.losses.BinaryFocalCrossentropy("
            "apply_class_balancing=True, alpha=0.25, from_logits=True)(bits, scores)",
        ),
        "jaxloss.sigmoid_focal_loss(scores, bits, alpha=0.25)",
        "Logits. Keras ignores its `alpha` unless `apply_class_balancing=True`; ours is None by default.",
    ),
    ForeignName(
        ("hinge", "Hinge"),
        ("keras.losses.hinge(signs, scores).mean()", "keras.losses.Hinge()(signs, scores)"),
        "jaxloss.hinge_loss(scores, signs)",
        "Targets are -1 and +1; Keras converts 0 and 1 if the whole batch has no other value.",
    ),
    ForeignName(
        ("squared_hinge", "SquaredHinge"),
        ("keras.losses.squared_hinge(signs, scores).mean()", "keras.losses.SquaredHinge()(signs, scores)"),
        "jaxloss.squared_hinge_loss(scores, signs)",
        "Targets are -1 and +1; Keras converts 0 and 1 if the whole batch has no other value.",
    ),
    ForeignName(
        ("categorical_hinge", "CategoricalHinge"),
        (
            "keras.losses.categorical_hinge(one_hot, positive_logits).mean()",
            "keras.losses.CategoricalHinge()(one_hot, positive_logits)",
        ),
        "jaxloss.multiclass_hinge_loss(positive_logits, labels)",
        "Integer labels. Keras takes the largest of the other scores and 0, so it differs where all others are "
        "negative.",
    ),
)

KERAS = Library(
    title="Keras",
    imports=("import keras",),
    note="The same names in tf.keras. Keras takes the targets first. Its functions average the last axis only, its "
    "classes everything, as ours do. `from_logits=` does not exist: the name of a loss says what it takes.",
    rows=_ROWS + KERAS_FAMILIES,
)
