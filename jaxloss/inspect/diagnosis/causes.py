"""The causes that a diagnosis can name, the most direct ones first: findings are sorted by this table."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CAUSES", "rank"]

CAUSES: Mapping[str, str] = {
    # The loss cannot be computed.
    "swapped_arguments": "Two arguments stand in each other's place.",
    "class_axis": "The class axis is not the last one.",
    "one_hot_labels": "Labels are one-hot where class indices are required.",
    "integer_targets": "Targets are class indices where one number per class is required.",
    "class_weights_as_weights": "Weights of classes are given as weights of examples.",
    "mask_not_boolean": "A mask is not boolean.",
    "shapes_differ": "Two arrays that must have one shape do not.",
    "wrong_dtype": "An argument has the wrong dtype.",
    "exception": "The function raises an error.",
    "not_scalar": "The function does not return one number.",
    "integer_parameters": "The parameters are integers, which have no gradient.",
    "integer_loss": "The loss is an integer, which has no gradient.",
    "no_gradient": "The value can be computed, and its gradient raises an error.",
    # The inputs are not what the loss takes.
    "nonfinite_parameters": "The parameters hold a NaN or an infinity before the loss is computed.",
    "nonfinite_targets": "The targets hold a NaN or an infinity.",
    "nonfinite_input": "An input holds a NaN or an infinity.",
    "unmasked_padding": "Negative labels mark padding that no mask removes.",
    "labels_out_of_range": "A label is not the index of a class.",
    "probabilities_as_logits": "Logits are probabilities already: they are squashed twice.",
    "logits_as_probabilities": "Probabilities are logits: they lie outside [0, 1].",
    "positive_log_probabilities": "Log-probabilities are greater than 0.",
    "target_coding": "Targets code their two classes by other numbers than the loss takes.",
    "unnormalised_distribution": "A distribution does not sum to 1.",
    "box_format": "Boxes are not given by their corners.",
    "data_range": "Images span more than their declared range.",
    "outside_domain": "An input lies outside the domain of the loss.",
    # Nothing is left to learn from.
    "empty_batch": "There are no examples.",
    "all_masked": "The mask removes every entry.",
    "zero_weights": "The weights sum to 0.",
    "negative_weights": "A weight is negative.",
    # The value is not finite, for a reason inside.
    "index_out_of_range": "An index, such as a label, lies outside the axis that it points into.",
    "log_of_zero": "A logarithm of 0.",
    "log_of_negative": "A logarithm of a negative number.",
    "root_of_negative": "A square root of a negative number.",
    "zero_over_zero": "A division of 0 by 0.",
    "division_by_zero": "A division by 0.",
    "half_overflow": "A number beyond the largest of a 16-bit dtype.",
    "overflow": "A number beyond the largest of its dtype.",
    "infinity_minus_infinity": "A difference of infinities.",
    "nonfinite_intermediate": "An operation makes a NaN or an infinity of finite numbers.",
    "nonfinite_term": "A term of an objective is not finite.",
    # The value is finite and the gradient is not.
    "nan_behind_where": "A NaN or an infinity that a where hides from the value reaches the gradient.",
    "zero_norm": "The norm of a zero vector has no gradient.",
    "root_at_zero": "A square root has an infinite slope at 0.",
    "infinite_slope": "A function has an infinite slope at this number.",
    "nonfinite_gradient": "The gradient is not finite.",
    # The value is a number of something else.
    "broadcast": "Shapes [N] and [N, 1] are broadcast to all pairs [N, N].",
    "mean_over_padding": "Padded entries are set to 0 and still counted by the mean.",
    "unused_mask": "A mask is given and not used.",
    # The gradient is zero.
    "gradient_stopped": "stop_gradient cuts every path from an argument to the loss.",
    "not_differentiable": "Every path from an argument to the loss passes an operation without derivative.",
    "unused_argument": "The loss does not depend on an argument.",
    "satisfied": "The loss is 0 with zero gradient: every example is fitted, or beyond its margin.",
    "saturated": "A sigmoid, tanh or exponential is flat at all of its inputs.",
    "dead_relu": "No input of a rectifier is positive.",
    "clipped": "All numbers lie outside the range that they are clipped to.",
    "zero_factor": "Every path from an argument to the loss is multiplied by 0.",
    "half_underflow": "Gradients are too small for their 16-bit dtype.",
    # Signs of trouble.
    "negative_value": "The value is negative, which this loss cannot be for legal inputs.",
    "collapsed_embeddings": "All embeddings are the same.",
    "uniform_predictions": "The predictions do not prefer any class.",
    "constant_predictions": "The predictions do not depend on the example.",
    "coarse_values": "A 16-bit dtype cannot tell the targets apart.",
    "tiny_temperature": "The temperature is so small that only the largest score counts.",
    "huge_scores": "Scores are so large that a softmax or sigmoid of them is 0 or 1.",
    "huge_inputs": "Features are not normalised.",
    "term_imbalance": "One term of an objective has far larger gradients than another.",
    "known_constant": "The value is that of a model that has learnt nothing.",
    "constant_targets": "All targets are the same.",
    "zero_gradient": "The gradient is 0.",
}
"""Identifier to meaning. Identifiers are stable: programs may compare with them."""

_RANKS = {cause: place for place, cause in enumerate(CAUSES)}


def rank(cause: str) -> int:
    """The place of a cause in the table: a smaller number is a more direct cause."""
    return _RANKS[cause]
