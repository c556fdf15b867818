"""Names in common use for losses of embeddings, of distillation and of samples, with NumPy formulas."""

from jaxloss._names.table import ForeignName

__all__ = ["COMMON_EMBEDDINGS"]

COMMON_EMBEDDINGS = (
    ForeignName(
        ("triplet", "triplet_loss"),
        (
            "np.mean(np.maximum(np.linalg.norm(predictions - targets, axis=-1) "
            "- np.linalg.norm(predictions - scores, axis=-1) + 1, 0))",
        ),
        "jaxloss.triplet_margin_loss(predictions, targets, scores)",
        "Anchors, positives, negatives; Euclidean distances, which FaceNet squares. Mined in a batch of labels: "
        "`jaxloss.batch_hard_triplet_loss`, `jaxloss.batch_semi_hard_triplet_loss`, `jaxloss.batch_all_triplet_loss`.",
    ),
    ForeignName(
        ("triplet_hard_loss", "hard_triplet_loss", "batch_hard"),
        (
            "np.mean([max(1 + d[labels == l].max() - d[labels != l].min(), 0) for x, l in zip(predictions, labels) "
            "for d in [np.linalg.norm(predictions - x, axis=-1)] if np.sum(labels == l) > 1])",
        ),
        "jaxloss.batch_hard_triplet_loss(predictions, labels)",
        "Embeddings first. An anchor without a positive is absent from the mean.",
    ),
    ForeignName(
        ("triplet_semihard_loss", "semi_hard_triplet_loss"),
        (
            "np.mean([max(1 + d[p] - min(far[far > d[p]], default=far.max()), 0) "
            "for x, l in zip(predictions, labels) for d in [np.linalg.norm(predictions - x, axis=-1)] "
            "for far in [d[labels != l]] for p in np.nonzero((labels == l) & (d > 0))[0]])",
        ),
        "jaxloss.batch_semi_hard_triplet_loss(predictions, labels)",
        "Embeddings first, and they are not normalised. The mean over all positive pairs, as in TensorFlow Addons.",
    ),
    ForeignName(
        ("siamese_loss", "pairwise_contrastive_loss", "margin_contrastive_loss"),
        (
            "np.mean([y * d**2 + (1 - y) * max(3 - d, 0) ** 2 "
            "for d, y in zip(np.linalg.norm(predictions - targets, axis=-1), bits[:, 0])])",
        ),
        "jaxloss.contrastive_loss(predictions, targets, bits[:, 0], margin=3.0)",
        "Takes embeddings. 1 is a similar pair.",
    ),
    ForeignName(
        ("contrastive_loss", "hadsell_loss"),
        (
            "np.mean([(1 - y) * d**2 + y * max(3 - d, 0) ** 2 "
            "for d, y in zip(np.linalg.norm(predictions - targets, axis=-1), bits[:, 0])]) / 2",
        ),
        "0.5 * jaxloss.contrastive_loss(predictions, targets, 1 - bits[:, 0], margin=3.0)",
        "The paper's form: with a half, and 0 for a similar pair. TensorFlow Addons' function of this name takes "
        "distances, pytorch-metric-learning's does not square them.",
    ),
    ForeignName(
        ("npair_loss", "npairs_loss", "n_pair_loss", "multiclass_n_pair_loss"),
        ("-np.mean(np.diag(log_softmax(predictions @ targets.T, -1)))",),
        "jaxloss.n_pairs_loss(predictions, targets)",
        "Row i of the one belongs to row i of the other. No penalty on the lengths.",
    ),
    ForeignName(
        (
            "info_nce",
            "info_nce_loss",
            "mnrl",
            "multiple_negatives_ranking_loss",
            "MultipleNegativesRankingLoss",
            "in_batch_negatives_loss",
        ),
        ("-np.mean(np.diag(log_softmax(20 * unit_predictions @ unit_targets.T, -1)))",),
        "jaxloss.infonce_loss(unit_predictions, unit_targets, temperature=1 / 20)",
        "Normalises embeddings itself. `scale` elsewhere is `1 / temperature`.",
    ),
    ForeignName(
        ("clip", "itc_loss", "image_text_contrastive_loss", "symmetric_infonce_loss"),
        (
            "-np.mean(np.diag(log_softmax(20 * unit_predictions @ unit_targets.T, -1) "
            "+ log_softmax(20 * unit_predictions @ unit_targets.T, 0))) / 2",
        ),
        "jaxloss.clip_loss(unit_predictions, unit_targets, temperature=1 / 20)",
        "Normalises embeddings itself. `logit_scale` elsewhere is `1 / temperature`.",
    ),
    ForeignName(
        ("siglip", "sigmoid_contrastive_loss"),
        ("np.sum(np.logaddexp(0, (1 - 2 * np.eye(8)) * (10 * unit_predictions @ unit_targets.T - 10))) / 8",),
        "jaxloss.siglip_loss(unit_predictions, unit_targets)",
        "Normalises embeddings itself. Divided by the number of images, not of pairs.",
    ),
    ForeignName(
        ("simclr", "simclr_loss", "NTXentLoss", "nt_xent_loss"),
        (
            "-np.mean([log_softmax(np.where(np.eye(16), -np.inf, 2 * z @ z.T), -1)[np.arange(16), np.arange(16) - 8] "
            "for z in [np.concatenate([unit_predictions, unit_targets])]])",
        ),
        "jaxloss.ntxent(jnp.concatenate([unit_predictions, unit_targets]), jnp.tile(jnp.arange(8), 2), "
        "temperature=0.5)",
        "Examples that belong together have one label. Normalises embeddings itself.",
    ),
    ForeignName(
        ("supcon", "sup_con_loss", "supervised_contrastive_loss", "SupervisedContrastiveLoss"),
        (
            "-np.mean([log_softmax(np.delete(10 * unit_predictions @ x, i))[np.delete(labels, i) == labels[i]].mean() "
            "for i, x in enumerate(unit_predictions) if np.sum(labels == labels[i]) > 1])",
        ),
        "jaxloss.supcon_loss(unit_predictions, labels)",
        "Normalises embeddings itself. The mean is outside the logarithm, without the factor of the temperature.",
    ),
    ForeignName(
        ("moco", "moco_loss", "momentum_contrast_loss"),
        (
            "-np.mean([log_softmax(np.append(q @ k, output_weight @ q / np.linalg.norm(output_weight, axis=-1)) / 0.07)"
            "[0] for q, k in zip(unit_predictions, unit_targets)])",
        ),
        "jaxloss.infonce_with_queue_loss(unit_predictions, unit_targets, output_weight)",
        "Queries, keys and the queue. Normalises embeddings itself.",
    ),
    ForeignName(
        ("kd", "kd_loss", "distillation_loss", "soft_target_loss"),
        (
            "4 * np.mean(np.sum(softmax(positive_logits / 2, -1) "
            "* (log_softmax(positive_logits / 2, -1) - log_softmax(logits / 2, -1)), -1))",
        ),
        "jaxloss.knowledge_distillation_loss(logits, positive_logits, temperature=2.0)",
        "Student first; times the square of the temperature.",
    ),
    ForeignName(
        ("mmd", "mmd_rbf", "maximum_mean_discrepancy", "gaussian_mmd"),
        (
            "np.sum([share * np.mean(np.exp(-distance.cdist(x, y, 'sqeuclidean') / 2)) for x, y, share in ["
            "(predictions, predictions, 1), (targets, targets, 1), (predictions, targets, -2)]])",
        ),
        "jaxloss.mmd_loss(predictions, targets)",
        "Squared, biased, with one Gaussian kernel of width 1 unless told otherwise; without the bias: "
        "`jaxloss.unbiased_mmd_loss`.",
    ),
    ForeignName(
        ("emd", "wasserstein_distance", "earth_mover_distance", "earth_movers_distance"),
        ("np.mean([stats.wasserstein_distance(p, t) for p, t in zip(predictions, targets)])",),
        "jaxloss.wasserstein_1d_loss(predictions, targets)",
        "Of samples on the line, the last axis. For points: `jaxloss.sinkhorn_divergence` and "
        "`jaxloss.sliced_wasserstein_loss`; for ordered classes: `jaxloss.ranked_probability_score`.",
    ),
    ForeignName(
        ("swd", "sliced_wasserstein_distance"),
        ("np.mean((np.sort(predictions @ unit_kernel, 0) - np.sort(targets @ unit_kernel, 0)) ** 2)",),
        "jaxloss.sliced_wasserstein_loss(predictions, targets, unit_kernel.T)",
        "The power, not its root. Directions are an argument: `jaxloss.random_directions` draws them.",
    ),
)
