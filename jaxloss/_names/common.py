"""Names in common use that belong to no library of the other tables; their definitions are NumPy formulas."""

from jaxloss._names.common_decisions import COMMON_DECISIONS
from jaxloss._names.common_embeddings import COMMON_EMBEDDINGS
from jaxloss._names.common_generation import COMMON_GENERATION
from jaxloss._names.common_language import COMMON_LANGUAGE
from jaxloss._names.common_vision import COMMON_VISION
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
        ("weight_decay", "l2_reg", "l2_regularization", "l2_regularizer"),
        ("np.sum(head_kernel**2) + np.sum(projection**2)",),
        "jaxloss.l2_penalty({'head': head_kernel, 'tail': projection})",
        "Of parameters, any pytree: a sum without a half; the factor is yours.",
    ),
    ForeignName(
        ("smape", "symmetric_mean_absolute_percentage_error"),
        ("np.mean(2 * np.abs(predicted_amounts - amounts) / (np.abs(amounts) + np.abs(predicted_amounts)))",),
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
        ("mase",),
        ("np.mean(np.abs(predictions - targets).mean(-1) / np.abs(np.diff(amounts, axis=-1)).mean(-1))",),
        "jaxloss.mean_absolute_scaled_error(predictions, targets, amounts)",
        "The third argument is the history, whose naive forecast is the unit.",
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
        ("np.mean(1.5 * ((((predictions - targets) / 0.7) ** 2 / 1.5 + 1) ** 0.25 - 1) / 0.5)",),
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
        ("brier", "brier_loss", "brier_score_loss"),
        ("np.mean((chances - bits) ** 2)",),
        "jaxloss.brier_score(chances, bits)",
        "For two classes coded as 0 and 1; the sum over classes is `jaxloss.multiclass_brier_score`.",
    ),
    ForeignName(
        ("brier_multi", "quadratic_score"),
        ("np.mean(np.sum((probs - one_hot) ** 2, -1))",),
        "jaxloss.multiclass_brier_score(probs, labels)",
        "The sum over classes, between 0 and 2.",
    ),
    ForeignName(
        ("rps", "rps_score", "emd_loss"),
        ("np.mean(np.sum(np.cumsum(probs - one_hot, -1) ** 2, -1))",),
        "jaxloss.ranked_probability_score(probs, labels)",
        "Not divided by the number of classes less one.",
    ),
    ForeignName(
        ("winkler_score", "winkler_loss"),
        ("np.mean(2 * amounts + 2 / 0.2 * np.maximum(np.abs(targets - predictions) - amounts, 0))",),
        "jaxloss.interval_score(predictions - amounts, predictions + amounts, targets, alpha=0.2)",
        "Lower and upper end of the interval that should hold 1 - `alpha` of the targets.",
    ),
    ForeignName(
        ("crps", "gaussian_crps", "crps_normal", "crps_loss"),
        (
            "np.mean([integrate.quad(lambda x: (stats.norm.cdf(x, m, v**0.5) - (x >= y)) ** 2, "
            "min(m, y) - 40, max(m, y) + 40, points=[y], limit=400)[0] "
            "for m, v, y in zip(means.flat, variances.flat, targets.flat)])",
        ),
        "jaxloss.crps_gaussian(means, jnp.sqrt(variances), targets)",
        "Takes standard deviations. For ensembles: `jaxloss.crps_ensemble` and `jaxloss.fair_crps_ensemble`.",
    ),
    ForeignName(
        ("mdn_loss", "mixture_density_loss", "gmm_nll"),
        (
            "-np.mean(np.log(np.sum(np.exp(scores) / np.exp(scores).sum(-1, keepdims=True) "
            "* stats.norm.pdf(targets[:, :1], means, np.sqrt(variances)), -1)))",
        ),
        "jaxloss.gaussian_mixture_nll(scores, means, variances, targets[:, 0])",
        "Logits, means and variances of the components, which are the last axis.",
    ),
    ForeignName(
        ("ce_loss", "softmax_loss", "sparse_cross_entropy", "multiclass_logistic_loss"),
        ("-np.mean(np.log(probs[np.arange(len(labels)), labels]))",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(log_probs, labels)",
        "Logits `[..., C]` (log-probabilities are logits too) and integer labels `[...]`; for target distributions "
        "`jaxloss.softmax_cross_entropy`.",
    ),
    ForeignName(
        ("softmax_xent", "soft_cross_entropy", "soft_target_cross_entropy"),
        ("-np.mean(np.sum(soft_targets * log_probs, -1))",),
        "jaxloss.softmax_cross_entropy(log_probs, soft_targets)",
        "Logits (log-probabilities are logits too) and target distributions, both `[..., C]`.",
    ),
    ForeignName(
        ("bce_with_logits", "logistic_loss", "binary_logistic_loss", "sigmoid_xent"),
        ("np.mean(np.logaddexp(0, scores) - bits * scores)",),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits)",
        "Targets are 0 and 1; for -1 and +1: `jaxloss.soft_margin_loss`.",
    ),
    ForeignName(
        ("label_smoothing", "label_smoothing_cross_entropy", "LabelSmoothingCrossEntropy"),
        ("-np.mean(np.sum((0.9 * one_hot + 0.1 / one_hot.shape[-1]) * log_probs, -1))",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(log_probs, labels, label_smoothing=0.1)",
        "An argument of the cross-entropies.",
    ),
    ForeignName(
        ("focal_loss", "FocalLoss", "binary_focal_loss", "binary_focal_loss_with_logits"),
        (
            "-np.mean(0.25 * bits * (1 - chances) ** 2 * np.log(chances) + "
            "0.75 * (1 - bits) * chances**2 * np.log(1 - chances))",
        ),
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
    ForeignName(
        ("normface", "normface_loss"),
        ("-np.mean(np.sum(one_hot * log_softmax(20 * unit_predictions @ unit_kernel, -1), -1))",),
        "jaxloss.normalized_softmax_loss(unit_predictions, labels, unit_kernel, scale=20.0)",
        "Normalises embeddings and the columns of the kernel itself.",
    ),
    ForeignName(
        ("am_softmax", "am_softmax_loss", "large_margin_cosine_loss"),
        ("-np.mean(np.sum(one_hot * log_softmax(30 * (unit_predictions @ unit_kernel - 0.35 * one_hot), -1), -1))",),
        "jaxloss.cosface_loss(unit_predictions, labels, unit_kernel, margin=0.35, scale=30.0)",
        "Normalises embeddings and the columns of the kernel itself.",
    ),
    ForeignName(
        ("aam_softmax", "aam_softmax_loss", "additive_angular_margin_loss"),
        (
            "-np.mean(np.sum(one_hot * log_softmax("
            "30 * np.cos(np.arccos(unit_predictions @ unit_kernel) + 0.2 * one_hot), -1), -1))",
        ),
        "jaxloss.arcface_loss(unit_predictions, labels, unit_kernel, margin=0.2, scale=30.0)",
        "The margin is in radians; pytorch-metric-learning's is in degrees.",
    ),
    ForeignName(
        ("kl", "kl_loss", "kld_loss"),
        ("np.mean(np.sum(soft_targets * (log_targets - log_probs), -1))",),
        "jaxloss.kl_divergence(log_probs, soft_targets)",
        "From the prediction's logarithm to the target: KL(target || prediction).",
    ),
    ForeignName(
        ("vae_kl", "kl_normal", "kld_standard_normal"),
        ("np.mean(np.sum(0.5 * (means**2 + variances - np.log(variances) - 1), -1))",),
        "jaxloss.gaussian_kl_standard_normal(means, jnp.log(variances))",
        "A sum over the last axis, the latent dimensions; takes log-variances.",
    ),
)

COMMON = Library(
    title="Elsewhere",
    imports=(
        "from itertools import combinations_with_replacement, product",
        "import numpy as np",
        "from numpy.lib.stride_tricks import sliding_window_view",
        "from scipy import integrate, optimize, stats",
        "from scipy.spatial import distance",
        "from scipy.special import expit, log_softmax, logsumexp, softmax",
    ),
    note="Names in common use, with the formula that they stand for here.",
    rows=_ROWS + COMMON_VISION + COMMON_EMBEDDINGS + COMMON_GENERATION + COMMON_LANGUAGE + COMMON_DECISIONS,
)
