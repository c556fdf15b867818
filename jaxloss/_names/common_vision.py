"""Names in common use for losses of masks, boxes and dense detectors, with NumPy formulas."""

from jaxloss._names.table import ForeignName

__all__ = ["COMMON_VISION"]

_BOXES = (
    "for p, t in zip(boxes, target_boxes) "
    "for both in [np.prod(np.maximum(np.minimum(p[2:], t[2:]) - np.maximum(p[:2], t[:2]), 0))] "
    "for iou in [both / (np.prod(p[2:] - p[:2]) + np.prod(t[2:] - t[:2]) - both)]"
)
"""The intersection over union of each box with its target."""
_ENCLOSING = "for sides in [np.maximum(p[2:], t[2:]) - np.minimum(p[:2], t[:2])]"
_CENTRES = "for gap in [(p[:2] + p[2:] - t[:2] - t[2:]) / 2]"
_ASPECT = "for v in [4 / np.pi**2 * (np.arctan2(t[2] - t[0], t[3] - t[1]) - np.arctan2(p[2] - p[0], p[3] - p[1])) ** 2]"

COMMON_VISION = (
    ForeignName(
        ("f1", "f1_loss", "soft_f1_loss", "soft_dice_loss", "dice_coefficient", "dice_coef_loss"),
        ("1 - (2 * np.sum(pixel_chances * pixel_bits) + 1) / (np.sum(pixel_chances + pixel_bits) + 1)",),
        "jaxloss.dice_loss(pixel_chances, pixel_bits, pixel_ndim=3, smoothing=0.5 / 24)",
        "One pool of all 24 pixels; `pixel_ndim=2` is a loss per image. `smoothing` is a share of the pixels. From "
        "logits: `jaxloss.sigmoid_dice_loss` and `jaxloss.softmax_dice_loss`.",
    ),
    ForeignName(
        ("jaccard", "jaccard_index", "jaccard_distance_loss", "soft_iou_loss", "mask_iou_loss"),
        (
            "1 - (np.sum(pixel_chances * pixel_bits) + 1) "
            "/ (np.sum(pixel_chances + pixel_bits - pixel_chances * pixel_bits) + 1)",
        ),
        "jaxloss.jaccard_loss(pixel_chances, pixel_bits, pixel_ndim=3, smoothing=1 / 24)",
        "Of masks; `jaxloss.iou_loss` is of boxes. From logits: `jaxloss.sigmoid_jaccard_loss` and "
        "`jaxloss.softmax_jaccard_loss`.",
    ),
    ForeignName(
        ("miou", "miou_loss", "mean_iou_loss", "multiclass_iou_loss"),
        (
            "np.mean(1 - np.sum(softmax(pixel_logits, -1) * pixel_one_hot, (0, 1, 2)) / np.sum("
            "softmax(pixel_logits, -1) + pixel_one_hot - softmax(pixel_logits, -1) * pixel_one_hot, (0, 1, 2)))",
        ),
        "jaxloss.softmax_jaccard_loss(pixel_logits, pixel_labels, pixel_ndim=3, smoothing=0.0)",
        "The mean over the classes of one pool; `pixel_ndim=2` pools each image by itself.",
    ),
    ForeignName(
        ("focal_tversky", "focal_tversky_loss", "FocalTverskyLoss"),
        (
            "(1 - np.sum(pixel_chances * pixel_bits) / np.sum(pixel_chances * pixel_bits "
            "+ 0.3 * pixel_chances * (1 - pixel_bits) + 0.7 * (1 - pixel_chances) * pixel_bits)) ** 0.75",
        ),
        "jaxloss.tversky_loss(pixel_chances, pixel_bits, pixel_ndim=3, alpha=0.3, beta=0.7, gamma=0.75, smoothing=0.0)",
        "`alpha` weighs false positives and `beta` false negatives, whose names others exchange; `gamma` is the "
        "exponent, the inverse of the paper's.",
    ),
    ForeignName(
        ("vnet_loss", "vnet_dice_loss", "squared_dice"),
        ("1 - 2 * np.sum(pixel_chances * pixel_bits) / np.sum(pixel_chances**2 + pixel_bits**2)",),
        "jaxloss.squared_dice_loss(pixel_chances, pixel_bits, pixel_ndim=3, smoothing=0.0)",
        "Squared sizes; without the squares `jaxloss.dice_loss`.",
    ),
    ForeignName(
        ("dice_bce", "dice_bce_loss", "bce_dice", "bce_dice_loss"),
        (
            "np.mean(1 - 2 * np.sum(expit(pixel_scores) * pixel_bits, (1, 2)) "
            "/ np.sum(expit(pixel_scores) + pixel_bits, (1, 2))) "
            "+ np.mean(np.logaddexp(0, pixel_scores) - pixel_bits * pixel_scores)",
        ),
        "jaxloss.sigmoid_dice_cross_entropy(pixel_scores, pixel_bits, pixel_ndim=2, smoothing=0.0)",
        "Has weights of the two terms.",
    ),
    ForeignName(
        ("dice_focal_loss", "focal_dice_loss"),
        (
            "np.mean(1 - 2 * np.sum(expit(pixel_scores) * pixel_bits, (1, 2)) "
            "/ np.sum(expit(pixel_scores) + pixel_bits, (1, 2))) + np.mean(np.where(pixel_bits == 1, "
            "expit(-pixel_scores) ** 2 * np.logaddexp(0, -pixel_scores), "
            "expit(pixel_scores) ** 2 * np.logaddexp(0, pixel_scores)))",
        ),
        "jaxloss.sigmoid_dice_loss(pixel_scores, pixel_bits, pixel_ndim=2, smoothing=0.0) "
        "+ jaxloss.sigmoid_focal_loss(pixel_scores, pixel_bits)",
        "Sums of two losses are sums of two calls; with cross-entropy there is `jaxloss.sigmoid_dice_cross_entropy`.",
    ),
    ForeignName(
        ("dice_ce", "dice_ce_loss", "dice_cross_entropy", "dc_and_ce_loss", "nnunet_loss"),
        (
            "np.mean(1 - 2 * np.sum(softmax(pixel_logits, -1) * pixel_one_hot, (1, 2)) "
            "/ np.sum(softmax(pixel_logits, -1) + pixel_one_hot, (1, 2))) "
            "- 4 * np.mean(pixel_one_hot * log_softmax(pixel_logits, -1))",
        ),
        "jaxloss.softmax_dice_cross_entropy(pixel_logits, pixel_labels, pixel_ndim=2, smoothing=0.0)",
        "Has weights of the two terms.",
    ),
    ForeignName(
        ("generalized_dice", "generalized_dice_loss", "generalised_dice_loss", "gdl_loss"),
        (
            "1 - 2 * np.sum(np.sum(softmax(pixel_logits, -1) * pixel_one_hot, (0, 1, 2)) "
            "/ np.sum(pixel_one_hot, (0, 1, 2)) ** 2) / np.sum(np.sum(softmax(pixel_logits, -1) + pixel_one_hot, "
            "(0, 1, 2)) / np.sum(pixel_one_hot, (0, 1, 2)) ** 2)",
        ),
        "jaxloss.softmax_generalized_dice_loss(pixel_logits, pixel_labels, pixel_ndim=3)",
        "A class counts by the inverse square of its size in the pool.",
    ),
    ForeignName(
        ("iou", "box_iou_loss", "bbox_iou_loss"),
        (f"np.mean([1 - iou {_BOXES}])",),
        "jaxloss.iou_loss(boxes, target_boxes)",
        "Boxes are corners, `(x0, y0, x1, y1)`. Every box with every other: `jaxloss.box_iou`. Of masks: "
        "`jaxloss.jaccard_loss`.",
    ),
    ForeignName(
        ("giou", "generalized_iou_loss", "generalized_box_iou_loss"),
        (
            f"np.mean([2 - iou - (np.prod(p[2:] - p[:2]) + np.prod(t[2:] - t[:2]) - both) / np.prod(sides) "
            f"{_BOXES} {_ENCLOSING}])",
        ),
        "jaxloss.giou_loss(boxes, target_boxes)",
        "The mean is the default, torchvision's is no reduction. Every box with every other: "
        "`jaxloss.generalized_box_iou`.",
    ),
    ForeignName(
        ("diou", "distance_iou_loss", "distance_box_iou_loss"),
        (f"np.mean([1 - iou + np.sum(gap**2) / np.sum(sides**2) {_BOXES} {_ENCLOSING} {_CENTRES}])",),
        "jaxloss.diou_loss(boxes, target_boxes)",
        "The mean is the default, torchvision's is no reduction.",
    ),
    ForeignName(
        ("ciou", "complete_iou_loss", "complete_box_iou_loss"),
        (
            "np.mean([1 - iou + np.sum(gap**2) / np.sum(sides**2) + v**2 / (1 - iou + v) "
            f"{_BOXES} {_ENCLOSING} {_CENTRES} {_ASPECT}])",
        ),
        "jaxloss.ciou_loss(boxes, target_boxes)",
        "The mean is the default, torchvision's is no reduction.",
    ),
    ForeignName(
        ("box_convert", "box_xyxy_to_cxcywh", "xyxy2xywh", "xyxy2cxcywh"),
        ("np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], -1)",),
        "jaxloss.xyxy_to_cxcywh(boxes)",
        "A function for each pair of formats. `xywh` in our names starts with a corner, in YOLO's with the centre.",
    ),
    ForeignName(
        ("box_cxcywh_to_xyxy", "xywh2xyxy", "cxcywh2xyxy"),
        ("np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], -1)",),
        "jaxloss.cxcywh_to_xyxy(boxes)",
        "`xywh` in our names starts with a corner, in YOLO's with the centre.",
    ),
    ForeignName(
        ("hungarian_matcher", "HungarianMatcher", "linear_sum_assignment", "bipartite_matching"),
        ("optimize.linear_sum_assignment(predictions.T)[1]",),
        "jaxloss.hungarian_matching(predictions)",
        "Costs `[predictions, targets]`; the prediction of each target. DETR's whole loss: `jaxloss.detr_set_loss`.",
    ),
    ForeignName(
        ("qfl", "QualityFocalLoss", "quality_focal"),
        ("np.mean(np.abs(chances - expit(scores)) ** 2 * (np.logaddexp(0, scores) - chances * scores))",),
        "jaxloss.quality_focal_loss(scores, chances)",
        "Logits and qualities in [0, 1].",
    ),
    ForeignName(
        ("vfl", "varifocal"),
        (
            "np.mean(np.where(bits == 1, chances, 0.75 * expit(scores) ** 2) "
            "* (np.logaddexp(0, scores) - bits * chances * scores))",
        ),
        "jaxloss.varifocal_loss(scores, bits * chances)",
        "Logits, and qualities that are 0 for the background.",
    ),
    ForeignName(
        ("dfl", "distribution_focal"),
        ("-np.mean([np.interp(y, range(4), log_softmax(z)) for y, z in zip(3 * chances[:, 0], logits)])",),
        "jaxloss.distribution_focal_loss(logits, 3 * chances[:, 0])",
        "Targets are in units of bins.",
    ),
    ForeignName(
        ("centernet_loss", "centernet_focal_loss", "cornernet_focal_loss", "penalty_reduced_focal_loss"),
        (
            "np.sum(np.where(bits == 1, expit(-scores) ** 2 * np.logaddexp(0, -scores), "
            "(1 - chances) ** 4 * expit(scores) ** 2 * np.logaddexp(0, scores))) / np.sum(bits)",
        ),
        "jaxloss.gaussian_focal_loss(scores, jnp.maximum(bits, chances), "
        "reduction=jaxloss.reductions.mean_over(jnp.sum(bits)))",
        "The sum over a heat map of peaks of 1, divided by their number; our mean divides by the number of places.",
    ),
    ForeignName(
        ("tv", "tv_loss", "tv_regularization", "total_variation"),
        ("sum(np.sum(np.abs(np.diff(pixel_logits, axis=axis))) for axis in (1, 2)) / 2",),
        "jaxloss.total_variation_loss(pixel_logits)",
        "Images `[..., H, W, C]`; the sum of an image, the mean of the batch, here of two. Of distributions: "
        "`jaxloss.total_variation_distance`.",
    ),
    ForeignName(
        ("peak_signal_noise_ratio", "peak_signal_to_noise_ratio"),
        ("np.mean(-10 * np.log10(np.mean((pixel_chances - pixel_bits) ** 2, (1, 2))))",),
        "jaxloss.psnr(pixel_chances[..., None], pixel_bits[..., None], data_range=1.0)",
        "Images `[..., H, W, C]`, in decibels, the mean over images; `jaxloss.psnr_loss` is its negative.",
    ),
    ForeignName(
        ("structural_similarity", "structural_similarity_index_measure", "image_ssim"),
        (
            "np.mean([(2 * x.mean() * y.mean() + 1e-4) * (2 * np.cov(x, y, ddof=0)[0, 1] + 9e-4) "
            "/ ((x.mean() ** 2 + y.mean() ** 2 + 1e-4) * (x.var() + y.var() + 9e-4)) for x, y in zip("
            "*(sliding_window_view(z, (3, 3), (1, 2)).reshape(-1, 9) for z in (pixel_chances, pixel_bits)))])",
        ),
        "jaxloss.ssim(pixel_chances[..., None], pixel_bits[..., None], data_range=1.0, window_size=3, "
        "sigma=float('inf'))",
        "Images `[..., H, W, C]`. Here with a uniform window of 3 pixels; the default is the paper's. The loss is "
        "`jaxloss.ssim_loss`, at several scales `jaxloss.ms_ssim_loss`.",
    ),
    ForeignName(
        ("perceptual_loss", "vgg_loss", "feature_reconstruction_loss"),
        ("np.mean((pixel_logits - pixel_one_hot) ** 2)",),
        "jaxloss.content_loss(pixel_logits, pixel_one_hot)",
        "Feature maps `[..., H, W, C]`, or a list of those of several layers; the network is yours.",
    ),
    ForeignName(
        ("gram_loss", "gram_matrix_loss", "texture_loss"),
        (
            "np.mean([np.sum((np.tensordot(x, x, ((0, 1), (0, 1))) - np.tensordot(y, y, ((0, 1), (0, 1)))) ** 2) "
            "for x, y in zip(pixel_logits, pixel_one_hot)]) / (3 * 4 * 4) ** 2",
        ),
        "jaxloss.style_loss(pixel_logits, pixel_one_hot)",
        "Feature maps `[..., H, W, C]`; Gram matrices are divided by H W C, their distance is a sum.",
    ),
    ForeignName(
        ("lpips", "learned_perceptual_image_patch_similarity"),
        (
            "np.mean(np.sum(class_weights * (pixel_logits / np.linalg.norm(pixel_logits, axis=-1, keepdims=True) "
            "- pixel_one_hot) ** 2, -1))",
        ),
        "jaxloss.lpips_loss(pixel_logits, pixel_one_hot, class_weights)",
        "Feature maps of networks and the weights of their channels, one of each per layer.",
    ),
)
