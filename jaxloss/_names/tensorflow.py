"""The losses of TensorFlow and TensorFlow Addons that are not in Keras."""

from jaxloss._names.table import ForeignName, Library

__all__ = ["TENSORFLOW"]

_ROWS = (
    ForeignName(
        ("softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2"),
        (
            "tf.nn.softmax_cross_entropy_with_logits(labels=soft_targets, logits=logits)",
            "tf.compat.v1.nn.softmax_cross_entropy_with_logits_v2(labels=soft_targets, logits=logits)",
        ),
        "jaxloss.softmax_cross_entropy(logits, soft_targets, reduction='none')",
        "Logits first; the mean is the default.",
    ),
    ForeignName(
        ("sparse_softmax_cross_entropy_with_logits",),
        ("tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, reduction='none')",
        "Logits first; the mean is the default.",
    ),
    ForeignName(
        ("sigmoid_cross_entropy_with_logits",),
        ("tf.nn.sigmoid_cross_entropy_with_logits(labels=bits, logits=scores)",),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, reduction='none')",
        "Logits first; the mean is the default.",
    ),
    ForeignName(
        ("weighted_cross_entropy_with_logits",),
        ("tf.nn.weighted_cross_entropy_with_logits(labels=bits, logits=scores, pos_weight=2.0)",),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, pos_weight=2.0, reduction='none')",
        "Logits first; the mean is the default.",
    ),
    ForeignName(
        ("l2_loss",),
        ("tf.nn.l2_loss(predictions - targets)",),
        "jaxloss.half_squared_error(predictions, targets, reduction='sum')",
        "A sum with the half. On parameters: `jaxloss.l2_penalty`.",
    ),
    ForeignName(
        ("log_poisson_loss",),
        ("tf.nn.log_poisson_loss(targets=counts, log_input=log_rates)",),
        "jaxloss.poisson_nll(log_rates, counts, reduction='none') - jax.scipy.special.gammaln(counts + 1)",
        "The term log(y!) is included.",
    ),
    ForeignName(
        ("absolute_difference",),
        ("tf.compat.v1.losses.absolute_difference(labels=targets, predictions=predictions)",),
        "jaxloss.absolute_error(predictions, targets)",
        "Predictions first.",
    ),
    ForeignName(
        ("log_loss",),
        ("tf.compat.v1.losses.log_loss(labels=bits, predictions=chances)",),
        "jaxloss.binary_cross_entropy(chances, bits)",
        "No epsilon of 1e-7 inside the logarithms.",
    ),
    ForeignName(
        ("hinge_loss",),
        ("tf.compat.v1.losses.hinge_loss(labels=bits, logits=scores)",),
        "jaxloss.hinge_loss(scores, 2 * bits - 1)",
        "Targets are -1 and +1, TensorFlow's are 0 and 1.",
    ),
    ForeignName(
        ("huber_loss",),
        ("tf.compat.v1.losses.huber_loss(labels=targets, predictions=predictions, delta=0.5)",),
        "jaxloss.huber_loss(predictions, targets, delta=0.5)",
        "Predictions first.",
    ),
    ForeignName(
        ("cosine_distance",),
        ("tf.compat.v1.losses.cosine_distance(labels=unit_targets, predictions=unit_predictions, axis=-1)",),
        "jaxloss.cosine_distance(unit_predictions, unit_targets)",
        "Ours normalises its inputs; TensorFlow's expects unit vectors.",
    ),
    ForeignName(
        ("sigmoid_cross_entropy",),
        ("tf.compat.v1.losses.sigmoid_cross_entropy(multi_class_labels=bits, logits=scores, label_smoothing=0.1)",),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, label_smoothing=0.1)",
        "Logits first.",
    ),
    ForeignName(
        ("softmax_cross_entropy",),
        ("tf.compat.v1.losses.softmax_cross_entropy(onehot_labels=one_hot, logits=logits, label_smoothing=0.1)",),
        "jaxloss.softmax_cross_entropy(logits, one_hot, label_smoothing=0.1)",
        "Logits first.",
    ),
    ForeignName(
        ("sparse_softmax_cross_entropy",),
        ("tf.compat.v1.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)",
        "Logits first.",
    ),
    ForeignName(
        ("sampled_softmax_loss",),
        (
            "tf.nn.sampled_softmax_loss(output_weight, np.zeros(4), labels[:, None], predictions, "
            "num_sampled=3, num_classes=4, sampled_values=(sampled, label_counts[:, None], sample_counts), "
            "remove_accidental_hits=False)",
        ),
        "jaxloss.sampled_softmax_loss("
        "jnp.sum(predictions * output_weight[labels], -1), predictions @ output_weight[sampled].T, "
        "jnp.log(label_counts), jnp.broadcast_to(jnp.log(sample_counts), (len(labels), 3)), reduction='none')",
        "Takes the scores; sampling, biases and products are yours. Where a sample is the label, "
        "set its score to `-jnp.inf` (TensorFlow's `remove_accidental_hits`).",
    ),
    ForeignName(
        ("nce_loss",),
        (
            "tf.nn.nce_loss(output_weight, np.zeros(4), labels[:, None], predictions, "
            "num_sampled=3, num_classes=4, sampled_values=(sampled, label_counts[:, None], sample_counts), "
            "remove_accidental_hits=False)",
        ),
        "jaxloss.nce_loss(jnp.sum(predictions * output_weight[labels], -1), predictions @ output_weight[sampled].T, "
        "jnp.log(label_counts / 3), jnp.broadcast_to(jnp.log(sample_counts / 3), (len(labels), 3)), reduction='none')",
        "Takes the scores; sampling, biases and products are yours. Ours takes the probabilities of single draws, "
        "TensorFlow's their expected counts.",
    ),
    ForeignName(
        ("logcosh",),
        ("tf.keras.losses.logcosh(targets, predictions).mean()",),
        "jaxloss.log_cosh(predictions, targets)",
        "Predictions first.",
    ),
    ForeignName(
        ("kullback_leibler_divergence",),
        ("tf.keras.losses.kullback_leibler_divergence(soft_targets, probs).mean()",),
        "jaxloss.kl_divergence(log_probs, soft_targets)",
        "Ours takes the logarithm of the predicted probabilities.",
    ),
    ForeignName(
        ("pinball_loss", "PinballLoss"),
        (
            "tfa.losses.pinball_loss(targets, predictions, tau=0.9).mean()",
            "tfa.losses.PinballLoss(tau=0.9)(targets, predictions)",
        ),
        "jaxloss.quantile_loss(predictions, targets, quantile=0.9)",
        "Predictions first. An under-prediction costs 0.9, an over-prediction 0.1, in both.",
    ),
    ForeignName(
        ("sigmoid_focal_crossentropy", "SigmoidFocalCrossEntropy"),
        (
            "tfa.losses.sigmoid_focal_crossentropy(bits, scores, from_logits=True)",
            "tfa.losses.SigmoidFocalCrossEntropy(from_logits=True)(bits, scores)",
        ),
        "jaxloss.sigmoid_focal_loss(scores, bits, alpha=0.25, reduction='none').sum(-1)",
        "Logits first; `alpha` is None by default; TensorFlow Addons sums the last axis.",
    ),
    ForeignName(
        ("sparsemax_loss",),
        ("tfa.losses.sparsemax_loss(logits, tfa.activations.sparsemax(logits), one_hot)",),
        "jaxloss.sparsemax_loss(logits, labels, reduction='none')",
        "Integer labels, and no projection to hand over.",
    ),
)

TENSORFLOW = Library(
    title="TensorFlow",
    imports=("import tensorflow as tf", "import tensorflow_addons as tfa"),
    note="The names of tf.keras are under Keras. `tf.nn` returns one loss per example, as `reduction='none'` does. "
    "These lines are proven against the formulas that TensorFlow documents, not against TensorFlow itself.",
    rows=_ROWS,
)
