"""The losses of PyTorch for embeddings, comparisons, sequences and scores that are never in memory at once."""

from jaxloss._names.table import ForeignName

__all__ = ["TORCH_FAMILIES"]

TORCH_FAMILIES = (
    ForeignName(
        ("linear_cross_entropy", "LinearCrossEntropyLoss"),
        (
            "F.linear_cross_entropy(predictions, output_weight, labels, label_smoothing=0.1)",
            "torch.func.functional_call(nn.LinearCrossEntropyLoss(5, 4, label_smoothing=0.1), "
            "{'linear.weight': output_weight}, (predictions, labels))",
        ),
        "jaxloss.linear_softmax_cross_entropy(predictions, output_weight.T, labels, label_smoothing=0.1)",
        "The kernel is `[features, classes]`, the transpose of PyTorch's weight; PyTorch's class is a layer that "
        "holds it. `linear_bias=` is `bias=`.",
    ),
    ForeignName(
        ("NLLLoss2d",),
        ("nn.NLLLoss2d()(torch.log_softmax(pixel_logits, -1).movedim(-1, 1), pixel_labels)",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(pixel_logits, pixel_labels)",
        "The old name of `NLLLoss`. Classes are the last axis of images too.",
    ),
    ForeignName(
        ("kl_div", "KLDivLoss"),
        (
            "F.kl_div(log_targets, log_probs, reduction='batchmean', log_target=True)",
            "nn.KLDivLoss(reduction='batchmean', log_target=True)(log_targets, log_probs)",
        ),
        "jaxloss.reverse_kl_divergence(log_probs, log_targets)",
        "With the arguments exchanged: KL(prediction || target).",
    ),
    ForeignName(
        ("cosine_embedding_loss", "CosineEmbeddingLoss"),
        (
            "F.cosine_embedding_loss(predictions, targets, signs[:, 0], margin=0.2)",
            "nn.CosineEmbeddingLoss(margin=0.2)(predictions, targets, signs[:, 0])",
        ),
        "jaxloss.cosine_embedding_loss(predictions, targets, signs[:, 0], margin=0.2)",
        "Targets are -1 and +1. The cosine of a zero vector is 0 in both.",
    ),
    ForeignName(
        ("hinge_embedding_loss", "HingeEmbeddingLoss"),
        (
            "F.hinge_embedding_loss(amounts, signs, margin=2.0)",
            "nn.HingeEmbeddingLoss(margin=2.0)(amounts, signs)",
        ),
        "jaxloss.hinge_embedding_loss(amounts, signs, margin=2.0)",
        "Takes distances, and targets -1 and +1. Any other target gives NaN; PyTorch takes it for both.",
    ),
    ForeignName(
        ("margin_ranking_loss", "MarginRankingLoss"),
        (
            "F.margin_ranking_loss(predictions, targets, signs, margin=0.5)",
            "nn.MarginRankingLoss(margin=0.5)(predictions, targets, signs)",
        ),
        "jaxloss.margin_ranking_loss(predictions, targets, signs, margin=0.5)",
        "Targets are -1 and +1; any other one gives NaN.",
    ),
    ForeignName(
        ("triplet_margin_loss", "TripletMarginLoss"),
        (
            "F.triplet_margin_loss(predictions, targets, scores, margin=0.5, eps=0)",
            "nn.TripletMarginLoss(margin=0.5, eps=0)(predictions, targets, scores)",
        ),
        "jaxloss.triplet_margin_loss(predictions, targets, scores, margin=0.5)",
        "Anchors, positives, negatives. Unless told otherwise PyTorch adds 1e-6 to every difference, so that equal "
        "vectors have a distance.",
    ),
    ForeignName(
        ("triplet_margin_loss", "TripletMarginLoss"),
        (
            "F.triplet_margin_loss(predictions, targets, scores, p=1, swap=True, eps=0)",
            "nn.TripletMarginLoss(p=1, swap=True, eps=0)(predictions, targets, scores)",
        ),
        "jaxloss.triplet_margin_loss(predictions, targets, scores, norm_degree=1.0, swap=True)",
        "`p` is `norm_degree`.",
    ),
    ForeignName(
        ("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss"),
        (
            "F.triplet_margin_with_distance_loss(predictions, targets, scores, "
            "distance_function=lambda x, y: 1 - F.cosine_similarity(x, y, dim=-1), margin=0.5)",
            "nn.TripletMarginWithDistanceLoss("
            "distance_function=lambda x, y: 1 - F.cosine_similarity(x, y, dim=-1), margin=0.5)"
            "(predictions, targets, scores)",
        ),
        "jaxloss.margin_ranking_loss("
        "jaxloss.cosine_distance(predictions, scores, reduction='none'), "
        "jaxloss.cosine_distance(predictions, targets, reduction='none'), jnp.ones(8), margin=0.5)",
        "A comparison of any two distances, the negative's first. The default of PyTorch, Euclidean distances, is "
        "`jaxloss.triplet_margin_loss`.",
    ),
    ForeignName(
        ("ctc_loss", "CTCLoss"),
        (
            "F.ctc_loss(torch.log_softmax(frame_logits, -1).movedim(1, 0), transcripts, frame_lengths, "
            "transcript_lengths, reduction='none')",
            "nn.CTCLoss(reduction='none')(torch.log_softmax(frame_logits, -1).movedim(1, 0), transcripts, "
            "frame_lengths, transcript_lengths)",
        ),
        "jaxloss.ctc_loss(frame_logits, transcripts, frame_lengths, transcript_lengths, reduction='none')",
        "Logits (log-probabilities are logits too) with the batch first. `blank=` is `blank_id=`; "
        "`zero_infinity=True` is `where=jaxloss.ctc_feasible(...)`.",
    ),
    ForeignName(
        ("ctc_loss", "CTCLoss"),
        (
            "F.ctc_loss(torch.log_softmax(frame_logits, -1).movedim(1, 0), transcripts, frame_lengths, "
            "transcript_lengths)",
            "nn.CTCLoss()(torch.log_softmax(frame_logits, -1).movedim(1, 0), transcripts, frame_lengths, "
            "transcript_lengths)",
        ),
        "jaxloss.ctc_loss(frame_logits, transcripts, frame_lengths, transcript_lengths, "
        "weights=1 / transcript_lengths, reduction=jaxloss.reductions.mean_over(8))",
        "PyTorch's mean divides every loss by the length of its transcript first; our mean is that of the losses.",
    ),
)
