"""The losses of PyTorch."""

from jaxloss._names.table import ForeignName, Library
from jaxloss._names.torch_families import TORCH_FAMILIES

__all__ = ["TORCH"]

_ROWS = (
    ForeignName(
        ("mse_loss", "MSELoss"),
        ("F.mse_loss(predictions, targets)", "nn.MSELoss()(predictions, targets)"),
        "jaxloss.squared_error(predictions, targets)",
        "Shapes that differ raise an error, where PyTorch broadcasts them with a warning.",
    ),
    ForeignName(
        ("l1_loss", "L1Loss"),
        ("F.l1_loss(predictions, targets)", "nn.L1Loss()(predictions, targets)"),
        "jaxloss.absolute_error(predictions, targets)",
        "The gradient at a perfect fit is 0 in both.",
    ),
    ForeignName(
        ("smooth_l1_loss", "SmoothL1Loss"),
        (
            "F.smooth_l1_loss(predictions, targets, beta=0.5)",
            "nn.SmoothL1Loss(beta=0.5)(predictions, targets)",
        ),
        "jaxloss.smooth_l1_loss(predictions, targets, beta=0.5)",
        "The Huber loss divided by `beta`.",
    ),
    ForeignName(
        ("huber_loss", "HuberLoss"),
        ("F.huber_loss(predictions, targets, delta=0.5)", "nn.HuberLoss(delta=0.5)(predictions, targets)"),
        "jaxloss.huber_loss(predictions, targets, delta=0.5)",
        "`delta` times the smooth L1 loss.",
    ),
    ForeignName(
        ("cosine_similarity", "CosineSimilarity"),
        (
            "(1 - F.cosine_similarity(predictions, targets, dim=-1)).mean()",
            "(1 - nn.CosineSimilarity(dim=-1)(predictions, targets)).mean()",
        ),
        "jaxloss.cosine_distance(predictions, targets)",
        "One minus the similarity, over the last axis; PyTorch's default axis is 1.",
    ),
    ForeignName(
        ("gaussian_nll_loss", "GaussianNLLLoss"),
        (
            "F.gaussian_nll_loss(means, targets, variances, full=True)",
            "nn.GaussianNLLLoss(full=True)(means, targets, variances)",
        ),
        "jaxloss.gaussian_nll(means, variances, targets)",
        "Variances come second. The constant log(2 pi) / 2 is included: PyTorch leaves it out unless `full=True`, "
        "and silently raises variances to 1e-6.",
    ),
    ForeignName(
        ("poisson_nll_loss", "PoissonNLLLoss"),
        (
            "(F.poisson_nll_loss(log_rates, counts, reduction='none') + torch.lgamma(counts + 1)).mean()",
            "nn.PoissonNLLLoss()(log_rates, counts) + torch.lgamma(counts + 1).mean()",
        ),
        "jaxloss.poisson_nll(log_rates, counts)",
        "The term log(y!) is included, and exact; PyTorch leaves it out, or approximates it for y > 1 with "
        "`full=True`.",
    ),
    ForeignName(
        ("poisson_nll_loss",),
        ("F.poisson_nll_loss(rates, counts, log_input=False, eps=0) + torch.lgamma(counts + 1).mean()",),
        "jaxloss.poisson_nll(jnp.log(rates), counts)",
        "Ours takes the logarithm of the rate; there is no `log_input=False` and no `eps` inside a logarithm.",
    ),
    ForeignName(
        ("kl_div", "KLDivLoss"),
        (
            "F.kl_div(log_probs, soft_targets, reduction='batchmean')",
            "nn.KLDivLoss(reduction='batchmean')(log_probs, soft_targets)",
        ),
        "jaxloss.kl_divergence(log_probs, soft_targets)",
        "A mean over distributions; PyTorch's `reduction='mean'` divides by the number of classes as well.",
    ),
    ForeignName(
        ("kl_div", "KLDivLoss"),
        (
            "F.kl_div(log_probs, log_targets, reduction='batchmean', log_target=True)",
            "nn.KLDivLoss(reduction='batchmean', log_target=True)(log_probs, log_targets)",
        ),
        "jaxloss.kl_divergence_with_log_targets(log_probs, log_targets)",
        "A function of its own, not a flag.",
    ),
    ForeignName(
        ("cross_entropy", "CrossEntropyLoss"),
        ("F.cross_entropy(logits, labels)", "nn.CrossEntropyLoss()(logits, labels)"),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)",
        "For integer labels. Classes are the last axis, PyTorch's are axis 1.",
    ),
    ForeignName(
        ("cross_entropy", "CrossEntropyLoss"),
        ("F.cross_entropy(logits, soft_targets)", "nn.CrossEntropyLoss()(logits, soft_targets)"),
        "jaxloss.softmax_cross_entropy(logits, soft_targets)",
        "For target distributions (one-hot or soft). Classes are the last axis, PyTorch's are axis 1.",
    ),
    ForeignName(
        ("cross_entropy", "CrossEntropyLoss"),
        (
            "F.cross_entropy(logits, labels, ignore_index=2)",
            "nn.CrossEntropyLoss(ignore_index=2)(logits, labels)",
        ),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, where=labels != 2)",
        "`ignore_index` is a mask. A batch with nothing left gives 0, not NaN; PyTorch's default is -100, "
        "ours has none: a label out of range gives NaN.",
    ),
    ForeignName(
        ("cross_entropy", "CrossEntropyLoss"),
        (
            "F.cross_entropy(logits, labels, weight=class_weights)",
            "nn.CrossEntropyLoss(weight=class_weights)(logits, labels)",
        ),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, class_weights=class_weights)",
        "The mean divides by the sum of the weights of the labels, in both.",
    ),
    ForeignName(
        ("cross_entropy", "CrossEntropyLoss"),
        (
            "F.cross_entropy(logits, soft_targets, weight=class_weights)",
            "nn.CrossEntropyLoss(weight=class_weights)(logits, soft_targets)",
        ),
        "jaxloss.softmax_cross_entropy(logits, soft_targets, class_weights=class_weights, "
        "reduction=jaxloss.reductions.mean_over(len(logits)))",
        "With target distributions PyTorch divides by the number of examples; our mean divides by the sum of weights.",
    ),
    ForeignName(
        ("cross_entropy", "CrossEntropyLoss"),
        (
            "F.cross_entropy(logits, labels, label_smoothing=0.1)",
            "nn.CrossEntropyLoss(label_smoothing=0.1)(logits, labels)",
        ),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, label_smoothing=0.1)",
        "The same rule: the uniform share goes to all classes, the true one included.",
    ),
    ForeignName(
        ("nll_loss", "NLLLoss"),
        (
            "F.nll_loss(log_probs, labels, weight=class_weights)",
            "nn.NLLLoss(weight=class_weights)(log_probs, labels)",
        ),
        "jaxloss.nll_loss(log_probs, labels, class_weights=class_weights)",
        "Classes are the last axis, PyTorch's are axis 1; `ignore_index=` is `where=labels != ...`.",
    ),
    ForeignName(
        ("binary_cross_entropy", "BCELoss"),
        ("F.binary_cross_entropy(chances, bits)", "nn.BCELoss()(chances, bits)"),
        "jaxloss.binary_cross_entropy(chances, bits)",
        "Where a probability is 0 or 1 and wrong PyTorch caps the loss at 100, ours is 88 with a gradient in float32.",
    ),
    ForeignName(
        ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
        ("F.binary_cross_entropy_with_logits(scores, bits)", "nn.BCEWithLogitsLoss()(scores, bits)"),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits)",
        "`weight=` is `weights=`, and the mean then divides by the sum of weights, PyTorch's by the count.",
    ),
    ForeignName(
        ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
        (
            "F.binary_cross_entropy_with_logits(scores, bits, pos_weight=torch.tensor(2.0))",
            "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))(scores, bits)",
        ),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, pos_weight=2.0)",
        "One number, which multiplies the loss of the positives; the mean divides by the count in both.",
    ),
    ForeignName(
        ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
        (
            "F.binary_cross_entropy_with_logits(scores, bits, pos_weight=pos_weight)",
            "nn.BCEWithLogitsLoss(pos_weight=pos_weight)(scores, bits)",
        ),
        "jaxloss.sigmoid_binary_cross_entropy(scores, bits, pos_weight=pos_weight)",
        "One number per class of the last axis; the mean divides by the count in both.",
    ),
    ForeignName(
        ("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss"),
        ("F.multilabel_soft_margin_loss(scores, bits)", "nn.MultiLabelSoftMarginLoss()(scores, bits)"),
        "jaxloss.multilabel_soft_margin_loss(scores, bits)",
        "The mean over the classes of an example is its loss, in both.",
    ),
    ForeignName(
        ("multilabel_margin_loss", "MultiLabelMarginLoss"),
        (
            "F.multilabel_margin_loss(logits, index_lists)",
            "nn.MultiLabelMarginLoss()(logits, index_lists)",
        ),
        "jaxloss.multilabel_margin_loss(logits, index_bits)",
        "Targets are 0 or 1 per class; PyTorch's are lists of class indices that end with -1.",
    ),
    ForeignName(
        ("multi_margin_loss", "MultiMarginLoss"),
        ("F.multi_margin_loss(logits, labels)", "nn.MultiMarginLoss()(logits, labels)"),
        "jaxloss.multi_margin_loss(logits, labels)",
        "The sum over the other classes divided by the number of classes, in both.",
    ),
    ForeignName(
        ("soft_margin_loss", "SoftMarginLoss"),
        ("F.soft_margin_loss(scores, signs)", "nn.SoftMarginLoss()(scores, signs)"),
        "jaxloss.soft_margin_loss(scores, signs)",
        "Targets are -1 and +1. PyTorch overflows to infinity at large wrong scores.",
    ),
    ForeignName(
        ("multi_margin_loss", "MultiMarginLoss"),
        (
            "F.multi_margin_loss(logits, labels, p=2, margin=0.5, weight=class_weights)",
            "nn.MultiMarginLoss(p=2, margin=0.5, weight=class_weights)(logits, labels)",
        ),
        "jaxloss.multi_margin_loss(logits, labels, power=2, margin=0.5, class_weights=class_weights)",
        "`p` is `power`.",
    ),
    ForeignName(
        ("AdaptiveLogSoftmaxWithLoss",),
        (
            "torch.func.functional_call(nn.AdaptiveLogSoftmaxWithLoss(5, 4, cutoffs=[2], div_value=2), "
            "{'head.weight': head_kernel.T, 'tail.0.0.weight': projection.T, 'tail.0.1.weight': tail_kernel.T}, "
            "(predictions, labels)).loss",
        ),
        "jaxloss.adaptive_softmax_loss(predictions, labels, head_kernel, [(projection, tail_kernel)])",
        "Takes the transposed weights; PyTorch's is a layer that holds them. Their shapes give sizes and cutoffs.",
    ),
)

TORCH = Library(
    title="PyTorch",
    imports=("import torch", "import torch.nn.functional as F", "from torch import nn"),
    note="`reduction=` has the same three words and the same default. Our weighted mean always divides "
    "by the sum of the weights. `ignore_index=` is `where=`; `size_average=` and `reduce=` do not exist.",
    rows=_ROWS + TORCH_FAMILIES,
)
