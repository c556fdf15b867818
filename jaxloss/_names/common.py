"""Names in common use that belong to no library of the other tables; their definitions are NumPy formulas."""

from jaxloss._names.table import ForeignName, Library

__all__ = ["COMMON"]

_ROWS = (
    ForeignName(
        ("rmse", "rmse_loss"),
        ("np.sqrt(np.mean((predictions - targets) ** 2))",),
        "jaxloss.root_mean_squared_error(predictions.ravel(), targets.ravel())",
        "Ours pools the last axis; flatten for one root over everything.",
    ),
    ForeignName(
        ("l1", "l1_error", "mae_loss", "absolute_loss"),
        ("np.mean(np.abs(predictions - targets))",),
        "jaxloss.absolute_error(predictions, targets)",
        "The gradient at a perfect fit is 0.",
    ),
    ForeignName(
        ("l2", "l2_error", "squared_loss", "quadratic_loss"),
        ("np.mean((predictions - targets) ** 2)",),
        "jaxloss.squared_error(predictions, targets)",
        "Without a half; with it: `jaxloss.half_squared_error`.",
    ),
    ForeignName(
        ("smape", "symmetric_mean_absolute_percentage_error"),
        (
            "np.mean(2 * np.abs(predicted_amounts - amounts) / (np.abs(amounts) + np.abs(predicted_amounts)))",
        ),
        "jaxloss.symmetric_mape(predicted_amounts, amounts)",
        "Between 0 and 2; other definitions end at 1, 100 or 200.",
    ),
    ForeignName(
        ("wape", "weighted_mean_absolute_percentage_error", "wmape"),
        ("np.mean(np.abs(predictions - targets).sum(-1) / np.abs(targets).sum(-1))",),
        "jaxloss.weighted_ape(predictions, targets)",
        "One ratio per series, the last axis.",
    ),
    ForeignName(
        ("rmsle", "root_mean_squared_logarithmic_error"),
        ("np.sqrt(np.mean((np.log1p(predicted_amounts) - np.log1p(amounts)) ** 2))",),
        "jaxloss.root_mean_squared_log_error(predicted_amounts.ravel(), amounts.ravel())",
        "Ours pools the last axis; flatten for one root over everything.",
    ),
    ForeignName(
        ("mean_pinball_loss", "pinball", "quantile_score", "tilted_loss", "check_loss"),
        ("np.mean(np.where(targets > predictions, 0.9, -0.1) * (targets - predictions))",),
        "jaxloss.quantile_loss(predictions, targets, quantile=0.9)",
        "An under-prediction costs 0.9, an over-prediction 0.1.",
    ),
    ForeignName(
        ("reverse_huber", "reverse_huber_loss"),
        (
            "np.mean(np.where(np.abs(predictions - targets) <= 0.5, np.abs(predictions - targets), "
            "((predictions - targets) ** 2 + 0.5**2) / (2 * 0.5)))",
        ),
        "jaxloss.berhu_loss(predictions, targets, threshold=0.5)",
        "A constant threshold, not a fraction of the largest residual of the batch.",
    ),
    ForeignName(
        ("lorentzian_loss", "lorentzian"),
        ("np.mean(np.log1p(0.5 * ((predictions - targets) / 0.7) ** 2))",),
        "jaxloss.cauchy_loss(predictions, targets, scale=0.7)",
        "With the half inside the logarithm.",
    ),
    ForeignName(
        ("leclerc_loss", "correntropy_loss"),
        ("np.mean(1 - np.exp(-0.5 * ((predictions - targets) / 0.7) ** 2))",),
        "jaxloss.welsch_loss(predictions, targets, scale=0.7)",
        "",
    ),
    ForeignName(
        ("general_robust_loss", "adaptive_robust_loss", "lossfun"),
        (
            "np.mean(1.5 * ((((predictions - targets) / 0.7) ** 2 / 1.5 + 1) ** 0.25 - 1) / 0.5)",
        ),
        "jaxloss.barron_loss(predictions, targets, alpha=0.5, scale=0.7)",
        "",
    ),
    ForeignName(
        ("pearson_loss", "correlation_loss"),
        ("np.mean([1 - np.corrcoef(p, t)[0, 1] for p, t in zip(predictions, targets)])",),
        "jaxloss.pearson_correlation_loss(predictions, targets)",
        "One minus the correlation over the last axis.",
    ),
    ForeignName(
        ("crps", "crps_normal", "crps_loss"),
        ("scoringrules.crps_normal(targets, means, np.sqrt(variances)).mean()",),
        "jaxloss.crps_gaussian(means, jnp.sqrt(variances), targets)",
        "",
    ),
    ForeignName(
        ("brier", "brier_loss", "brier_score_loss"),
        ("np.mean((chances - bits) ** 2)",),
        "jaxloss.brier_score(chances, bits)",
        "For two classes coded as 0 and 1; the sum over classes is `jaxloss.multiclass_brier_score`.",
    ),
    ForeignName(
        ("mdn_loss", "mixture_density_loss"),
        (
            "-np.mean(np.log(np.sum(probs[:, None] * np.exp(-0.5 * (predictions[..., None] - logits[:, None]) ** 2) "
            "/ np.sqrt(2 * np.pi), -1)))",
        ),
        "jaxloss.gaussian_mixture_nll(PLACEHOLDER)",
        "",
    ),
    ForeignName(
        ("cross_entropy_loss", "ce_loss", "sparse_cross_entropy", "multinomial_logistic_loss"),
        ("-np.mean(np.log(probs[np.arange(len(labels)), labels]))",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(log_probs, labels)",
        "Logits `[..., C]` (log-probabilities are logits too) and integer labels `[...]`; for target distributions "
        "`jaxloss.softmax_cross_entropy`.",
    ),
    ForeignName(
        ("bce_with_logits", "bce_with_logits_loss", "logistic_loss", "sigmoid_cross_entropy_loss"),
        ("np.mean(np.logaddexp(0, scores) - bits * scores)",),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits)",
        "Targets are 0 and 1; for -1 and +1: `jaxloss.soft_margin_loss`.",
    ),
    ForeignName(
        ("bce_loss",),
        ("-np.mean(bits * np.log(chances) + (1 - bits) * np.log(1 - chances))",),
        "jaxloss.binary_cross_entropy(chances, bits)",
        "For probabilities; for logits `jaxloss.sigmoid_binary_cross_entropy`.",
    ),
    ForeignName(
        ("label_smoothing", "label_smoothing_cross_entropy", "LabelSmoothingCrossEntropy"),
        ("-np.mean(np.sum((0.9 * one_hot + 0.1 / one_hot.shape[-1]) * log_probs, -1))",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(log_probs, labels, label_smoothing=0.1)",
        "An argument of the cross-entropies.",
    ),
    ForeignName(
        ("focal_loss", "FocalLoss", "binary_focal_loss", "binary_focal_loss_with_logits"),
        ("-np.mean(0.25 * bits * (1 - chances) ** 2 * np.log(chances) + "
         "0.75 * (1 - bits) * chances**2 * np.log(1 - chances))",),
        "jaxloss.sigmoid_focal_loss(jnp.log(chances / (1 - chances)), bits, alpha=0.25)",
        "Binary, from logits; `alpha` is None by default, 0.25 in torchvision. For classes: "
        "`jaxloss.softmax_focal_loss`.",
    ),
    ForeignName(
        ("logistic_margin_loss", "exponential_family_margin"),
        ("np.mean(np.log1p(np.exp(-scores * signs)))",),
        "jaxloss.soft_margin_loss(scores, signs)",
        "",
    ),
)

COMMON = Library(
    title="Elsewhere",
    imports=("import numpy as np",),
    note="Names in common use, with the formula that they stand for here.",
    rows=_ROWS,
)
