"""The shape of the table of foreign names."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["VARIABLES", "ForeignName", "Library"]


@dataclass(frozen=True)
class ForeignName:
    """One equality between a loss of another library and ours; the two sides are Python and give equal numbers."""

    names: tuple[str, ...]
    """What users of the library type, function and class."""
    theirs: tuple[str, ...]
    """Their calls, which all give the same numbers."""
    ours: str
    """Our call, which gives these numbers too."""
    difference: str
    """What else differs, in a sentence or two; conventions common to a library are its ``note``."""

    @property
    def functions(self) -> tuple[str, ...]:
        """The attributes of jaxloss in ``ours``, the loss first."""
        return tuple(re.findall(r"jaxloss\.([\w.]+)", self.ours))


@dataclass(frozen=True)
class Library:
    """The names of one library."""

    title: str
    imports: tuple[str, ...]
    """What its calls need, as import statements."""
    note: str
    """What differs in every row."""
    rows: tuple[ForeignName, ...]


VARIABLES = {
    "predictions, targets": "real numbers `[N, D]`",
    "predicted_amounts, amounts": "positive numbers `[N, D]`",
    "scores, signs, bits, chances": "real scores, labels -1 or +1, labels 0 or 1, and probabilities, all `[N, D]`",
    "pos_weight": "positive numbers `[D]`",
    "unit_predictions, unit_targets": "unit vectors `[N, D]`",
    "logits, labels": "class scores `[N, C]` and integer classes `[N]`",
    "probs, log_probs": "probabilities `[N, C]` that sum to 1 over `C`, and their logarithms",
    "one_hot, soft_targets, log_targets": "targets `[N, C]` that sum to 1 over `C`; the first from `labels`",
    "positive_logits": "positive class scores `[N, C]`",
    "masked_logits, masked_targets": "class scores with minus infinity for absent classes, and targets 0 there",
    "index_lists, index_bits": "`[N, C]`: lists of classes that end with -1, and the same as 0 or 1 per class",
    "unit_kernel": "a matrix `[D, C]` whose columns are unit vectors",
    "output_weight": "the weight of a linear layer, `[C, D]`",
    "head_kernel, projection, tail_kernel": "weights of an adaptive softmax, `[5, 3]`, `[5, 2]` and `[2, 2]`",
    "sampled": "three sampled classes, `[3]`",
    "label_counts, sample_counts": "how often labels `[N]` and sampled classes `[3]` are expected in a sample",
    "class_weights": "positive numbers `[C]`",
    "weights": "one weight per example, `[N]`",
    "means, variances": "parameters of normal distributions, `[N, D]`",
    "log_rates, rates, counts": "logarithm and value of Poisson means, and counts, `[N, D]`",
    "pixel_scores, pixel_bits, pixel_chances": "real scores, labels 0 or 1, and probabilities of masks, `[2, 3, 4]`",
    "pixel_logits, pixel_labels, pixel_one_hot": "class scores of the pixels of two images, `[2, 3, 4, C]`, and their "
    "classes, `[2, 3, 4]` and one-hot",
    "boxes, target_boxes": "boxes `(x0, y0, x1, y1)`, `[N, 4]`",
    "frame_logits, frame_lengths": "class scores of 7 frames, `[N, 7, C]`, and how many of the frames count",
    "transcripts, transcript_lengths": "up to three labels, not 0, and then zeros, `[N, 3]`, and their numbers",
    "frame_paddings, transcript_paddings": "0 for frames and labels that count and 1 behind them, `[N, 7]`, `[N, 3]`",
    "joint_logits": "scores of a transducer, `[N, 3, 4, C]`: frames, labels so far, classes",
    "transitions": "scores of transitions between classes, `[C, C]`",
    "relevance": "0, 1, 2 or 3 for each item of a list, `[N, D]`",
    "samples, noise": "real numbers `[N, D]`",
    "alphas, sigmas": "positive numbers `[N]`: the factors of data and noise of each example",
    "token_logits, tokens": "class scores `[N, 7, C]` and integer classes `[N, 7]` of the tokens of texts",
    "token_logps, old_token_logps, reference_token_logps": "log-probabilities of the tokens of answers, `[N, D]`",
    "chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps": "log-probabilities of answers, "
    "`[N]`",
    "rewards, discounts, advantages": "real numbers, numbers in [0, 1] and real numbers, `[N, D]`",
    "values": "values of states, `[N, D + 1]`",
    "q_values, next_q_values, actions": "values of actions `[N, C]` and the actions taken, `[N]`",
    "atom_logits, next_atom_logits": "scores of six atoms for every action, `[N, C, 6]`",
    "quantiles, next_quantiles": "three quantiles for every action, `[N, 3, C]`",
}
"""The inputs in the calls of the table."""
