"""The losses of optax."""

from jaxloss._names.table import ForeignName, Library

__all__ = ["OPTAX"]

_ROWS = (
    ForeignName(
        ("squared_error",),
        ("optax.losses.squared_error(predictions, targets)",),
        "jaxloss.squared_error(predictions, targets, reduction='none')",
        "Targets are required.",
    ),
    ForeignName(
        ("l2_loss",),
        ("optax.losses.l2_loss(predictions, targets)",),
        "jaxloss.half_squared_error(predictions, targets, reduction='none')",
        "The name says the half, which other libraries' `l2_loss` does not have. Without targets, on parameters: "
        "`jaxloss.l2_penalty`.",
    ),
    ForeignName(
        ("huber_loss",),
        ("optax.losses.huber_loss(predictions, targets, delta=0.5)",),
        "jaxloss.huber_loss(predictions, targets, delta=0.5, reduction='none')",
        "Targets are required.",
    ),
    ForeignName(
        ("log_cosh",),
        ("optax.losses.log_cosh(predictions, targets)",),
        "jaxloss.log_cosh(predictions, targets, reduction='none')",
        "Small residuals keep their relative accuracy: 5e-9 at 1e-4, where optax gives 0 in float32.",
    ),
    ForeignName(
        ("cosine_similarity",),
        ("1 - optax.losses.cosine_similarity(predictions, targets)",),
        "jaxloss.cosine_distance(predictions, targets, reduction='none')",
        "One minus the similarity.",
    ),
    ForeignName(
        ("cosine_distance",),
        ("optax.losses.cosine_distance(predictions, targets)",),
        "jaxloss.cosine_distance(predictions, targets, reduction='none')",
        "Finite at zero vectors, where optax gives NaN unless `epsilon` is set.",
    ),
    ForeignName(
        ("sigmoid_binary_cross_entropy",),
        ("optax.losses.sigmoid_binary_cross_entropy(scores, bits)",),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, reduction='none')",
        "Has `label_smoothing` and `pos_weight`.",
    ),
    ForeignName(
        ("softmax_cross_entropy",),
        ("optax.losses.softmax_cross_entropy(logits, soft_targets)",),
        "jaxloss.softmax_cross_entropy(logits, soft_targets, reduction='none')",
        "`where` masks examples; mask a class by the logit `-jnp.inf`, which optax turns into NaN here.",
    ),
    ForeignName(
        ("safe_softmax_cross_entropy",),
        ("optax.losses.safe_softmax_cross_entropy(masked_logits, masked_targets)",),
        "jaxloss.softmax_cross_entropy(masked_logits, masked_targets, reduction='none')",
        "The plain function is the safe one.",
    ),
    ForeignName(
        ("softmax_cross_entropy_with_integer_labels",),
        ("optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels)",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, reduction='none')",
        "A label out of range gives NaN; optax takes -1 for the last class. `where` masks examples, optax's masks "
        "classes: use the logit `-jnp.inf`.",
    ),
    ForeignName(
        ("smooth_labels",),
        ("optax.losses.softmax_cross_entropy(logits, optax.losses.smooth_labels(one_hot, 0.1))",),
        "jaxloss.softmax_cross_entropy(logits, one_hot, label_smoothing=0.1, reduction='none')",
        "An argument of the cross-entropies.",
    ),
    ForeignName(
        ("poly_loss_cross_entropy",),
        ("optax.losses.poly_loss_cross_entropy(logits, soft_targets, epsilon=1.5)",),
        "jaxloss.poly_loss_cross_entropy(logits, soft_targets, epsilon=1.5, reduction='none')",
        "The same default `epsilon=2`; the paper's is 1.",
    ),
    ForeignName(
        ("sigmoid_focal_loss",),
        ("optax.losses.sigmoid_focal_loss(scores, bits, alpha=0.25, gamma=1.5)",),
        "jaxloss.sigmoid_focal_loss(scores, bits, alpha=0.25, gamma=1.5, reduction='none')",
        "The same defaults: `alpha=None, gamma=2`.",
    ),
    ForeignName(
        ("kl_divergence",),
        ("optax.losses.kl_divergence(log_probs, soft_targets)",),
        "jaxloss.kl_divergence(log_probs, soft_targets, reduction='none')",
        "Finite where target and prediction are both 0, and in the gradient of a target of 0.",
    ),
    ForeignName(
        ("kl_divergence_with_log_targets",),
        ("optax.losses.kl_divergence_with_log_targets(log_probs, log_targets)",),
        "jaxloss.kl_divergence_with_log_targets(log_probs, log_targets, reduction='none')",
        "Finite at a log-target of minus infinity.",
    ),
    ForeignName(
        ("hinge_loss",),
        ("optax.losses.hinge_loss(scores, signs)",),
        "jaxloss.hinge_loss(scores, signs, reduction='none')",
        "Targets are -1 and +1 in both; shapes never broadcast.",
    ),
    ForeignName(
        ("perceptron_loss",),
        ("optax.losses.perceptron_loss(scores, signs)",),
        "jaxloss.perceptron_loss(scores, signs, reduction='none')",
        "Targets are -1 and +1 in both.",
    ),
    ForeignName(
        ("multiclass_hinge_loss",),
        ("optax.losses.multiclass_hinge_loss(logits, labels)",),
        "jaxloss.multiclass_hinge_loss(logits, labels, reduction='none')",
        "A label out of range gives NaN.",
    ),
    ForeignName(
        ("multiclass_perceptron_loss",),
        ("optax.losses.multiclass_perceptron_loss(logits, labels)",),
        "jaxloss.multiclass_hinge_loss(logits + one_hot, labels, reduction='none')",
        "The multiclass hinge loss; 1 added to the score of the label takes its margin away.",
    ),
    ForeignName(
        ("multiclass_sparsemax_loss",),
        ("optax.losses.multiclass_sparsemax_loss(logits, labels)",),
        "jaxloss.sparsemax_loss(logits, labels, reduction='none')",
        "Any number of batch axes.",
    ),
    ForeignName(
        ("sparsemax_loss",),
        ("optax.losses.sparsemax_loss(scores, bits)",),
        "jaxloss.sparsemax_loss("
        "jnp.stack([jnp.zeros_like(scores), scores], axis=-1), bits.astype(int), reduction='none')",
        "Ours has a score per class; optax's is the binary case, with the score 0 for class 0.",
    ),
    ForeignName(
        ("make_fenchel_young_loss",),
        ("optax.losses.make_fenchel_young_loss(jax.nn.logsumexp)(logits, one_hot)",),
        "jaxloss.fenchel_young_loss(logits, one_hot, max_fun=jax.nn.logsumexp, reduction='none')",
        "One call. With `regularizer=` the loss is 0 at its minimum, which optax's is not in general.",
    ),
    ForeignName(
        ("generalized_kl_divergence", "convex_kl_divergence"),
        (
            "optax.losses.generalized_kl_divergence(log_rates, amounts)",
            "optax.losses.convex_kl_divergence(log_rates, amounts)",
        ),
        "jaxloss.generalized_kl_divergence(log_rates, amounts, reduction='none')",
        "Finite where target and prediction are both 0.",
    ),
    ForeignName(
        ("dice_loss",),
        ("optax.losses.dice_loss(pixel_logits, pixel_one_hot)",),
        "jaxloss.softmax_dice_loss(pixel_logits, pixel_labels, pixel_ndim=2, smoothing=1 / 12, reduction='none')",
        "Integer labels; ours says how many axes are pixels. `smooth=1` counts pixels, `smoothing` is a share of the "
        "12. Our `jaxloss.dice_loss` takes probabilities of one mask.",
    ),
    ForeignName(
        ("dice_loss",),
        ("optax.losses.dice_loss(pixel_logits, pixel_one_hot, alpha=0.3, beta=0.7, ignore_background=True)",),
        "jaxloss.softmax_tversky_loss(pixel_logits, pixel_labels, pixel_ndim=2, alpha=0.3, beta=0.7, "
        "smoothing=1 / 12, class_weights=jnp.array([0.0, 1.0, 1.0, 1.0]), reduction='none')",
        "A weight of 0 leaves the background out.",
    ),
    ForeignName(
        ("dice_loss",),
        ("optax.losses.dice_loss(pixel_logits, pixel_one_hot, class_weights=class_weights)",),
        "jnp.sum(class_weights) / 4 * jaxloss.softmax_dice_loss(pixel_logits, pixel_labels, pixel_ndim=2, "
        "smoothing=1 / 12, class_weights=class_weights, reduction='none')",
        "Our mean over the classes divides by the sum of their weights, optax's by their number.",
    ),
    ForeignName(
        ("binary_dice_loss",),
        ("optax.losses.binary_dice_loss(pixel_scores, pixel_bits)",),
        "jaxloss.sigmoid_dice_loss(pixel_scores, pixel_bits, pixel_ndim=2, smoothing=1 / 12, reduction='none')",
        "`smooth=1` counts pixels, `smoothing` is a share of the 12.",
    ),
    ForeignName(
        ("multiclass_generalized_dice_loss",),
        ("optax.losses.multiclass_generalized_dice_loss(pixel_logits, pixel_one_hot)",),
        "jaxloss.softmax_dice_loss(pixel_logits, pixel_labels, pixel_ndim=2, smoothing=1 / 12, "
        "class_weights=1 / (jnp.sum(pixel_one_hot, axis=(0, 1, 2)) ** 2 + 1e-7))",
        "A mean of Dice losses weighted by the sizes of the classes in the batch. The loss of the paper that it "
        "cites, one quotient of all classes, is `jaxloss.softmax_generalized_dice_loss`.",
    ),
    ForeignName(
        ("ntxent",),
        ("optax.losses.ntxent(predictions, labels, temperature=0.5)",),
        "jaxloss.ntxent(predictions, labels, temperature=0.5)",
        "The mean over all positive pairs, in both. Accurate however small, and 0 for a batch without a pair.",
    ),
    ForeignName(
        ("triplet_margin_loss",),
        ("optax.losses.triplet_margin_loss(predictions, targets, scores, margin=0.5, eps=0)",),
        "jaxloss.triplet_margin_loss(predictions, targets, scores, margin=0.5, reduction='none')",
        "Nothing is added under the root, where optax adds 1e-6. optax takes no magnitudes: with an odd `norm_degree` "
        "it gives other numbers, or NaN.",
    ),
    ForeignName(
        ("ctc_loss", "ctc_loss_with_forward_probs"),
        (
            "optax.losses.ctc_loss(frame_logits, frame_paddings, transcripts, transcript_paddings)",
            "optax.losses.ctc_loss_with_forward_probs("
            "frame_logits, frame_paddings, transcripts, transcript_paddings)[0]",
        ),
        "jaxloss.ctc_loss(frame_logits, transcripts, jnp.sum(frame_paddings == 0, axis=-1), "
        "jnp.sum(transcript_paddings == 0, axis=-1), reduction='none')",
        "Takes lengths, not paddings. Where no alignment fits the loss is infinite, optax's a large number; "
        "`where=jaxloss.ctc_feasible(...)` leaves such pairs out.",
    ),
    ForeignName(
        ("ranking_softmax_loss",),
        ("optax.losses.ranking_softmax_loss(scores, relevance, where=bits == 0, weights=amounts, reduce_fn=None)",),
        "jaxloss.ranking_softmax_loss(scores, relevance, where=bits == 0, weights=amounts, reduction='none')",
        "optax takes the mean unless `reduce_fn=None`. A list without a relevant item is absent from our mean, and "
        "counts as 0 in optax's.",
    ),
)

OPTAX = Library(
    title="optax",
    imports=("import optax",),
    note="optax returns one loss per example and leaves the mean to you; so does `reduction='none'`, and without it "
    "the mean is taken. `axis=` does not exist: move the axis to the end with `jnp.moveaxis`. `where=` masks "
    "examples and deletes them from the mean.",
    rows=_ROWS,
)
