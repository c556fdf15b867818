"""What TensorFlow and TensorFlow Addons document for their losses, in NumPy: they are not installed for tests."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.special import log_softmax


def cross_entropy(labels, logits):
    return -np.sum(labels * log_softmax(logits, -1), -1)


def sparse_cross_entropy(labels, logits):
    return -np.take_along_axis(log_softmax(logits, -1), labels[:, None], -1)[:, 0]


def sigmoid_cross_entropy(labels, logits):
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


def weighted_cross_entropy(labels, logits, pos_weight):
    sigmoid = 1 / (1 + np.exp(-logits))
    return -labels * np.log(sigmoid) * pos_weight - (1 - labels) * np.log(1 - sigmoid)


def log_loss(labels, predictions, epsilon=1e-7):
    return np.mean(-labels * np.log(predictions + epsilon) - (1 - labels) * np.log(1 - predictions + epsilon))


def huber_loss(labels, predictions, delta=1.0):
    error = np.abs(predictions - labels)
    return np.mean(np.where(error <= delta, 0.5 * error**2, delta * error - 0.5 * delta**2))


def smoothed_sigmoid_cross_entropy(multi_class_labels, logits, label_smoothing=0):
    return np.mean(sigmoid_cross_entropy(multi_class_labels * (1 - label_smoothing) + 0.5 * label_smoothing, logits))


def smoothed_softmax_cross_entropy(onehot_labels, logits, label_smoothing=0):
    smooth = onehot_labels * (1 - label_smoothing) + label_smoothing / onehot_labels.shape[-1]
    return np.mean(cross_entropy(smooth, logits))


def pinball_loss(y_true, y_pred, tau=0.5):
    delta = y_true - y_pred
    return np.mean(np.maximum(tau * delta, (tau - 1) * delta), -1)


def sigmoid_focal_crossentropy(y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False):
    probability = 1 / (1 + np.exp(-y_pred)) if from_logits else y_pred
    right = y_true * probability + (1 - y_true) * (1 - probability)
    share = y_true * alpha + (1 - y_true) * (1 - alpha)
    entropy = -y_true * np.log(probability) - (1 - y_true) * np.log(1 - probability)
    return np.sum(share * (1 - right) ** gamma * entropy, -1)


def sparsemax(logits):
    """The projection onto the simplex, by bisection of its threshold."""
    low, high = logits.max(-1, keepdims=True) - 1, logits.max(-1, keepdims=True)
    for _ in range(60):
        middle = 0.5 * (low + high)
        heavy = np.maximum(logits - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(heavy, middle, low), np.where(heavy, high, middle)
    return np.maximum(logits - low, 0)


def sparsemax_loss(logits, sparsemax, labels):
    support = np.where(sparsemax > 0, sparsemax * (logits - 0.5 * sparsemax), 0)
    return np.sum(support + labels * (0.5 * labels - logits), -1)


def sampled_logits(weights, biases, labels, inputs, sampled_values):
    """Scores less the logarithm of expected counts, the label's first."""
    sampled, true_counts, sampled_counts = sampled_values
    of_labels = np.sum(inputs * weights[labels[:, 0]], -1, keepdims=True) + biases[labels] - np.log(true_counts)
    return np.concatenate([of_labels, inputs @ weights[sampled].T + biases[sampled] - np.log(sampled_counts)], -1)


def sampled_softmax_loss(
    weights, biases, labels, inputs, num_sampled, num_classes, sampled_values, remove_accidental_hits
):
    assert not remove_accidental_hits
    assert (num_classes, num_sampled) == (len(weights), len(sampled_values[0]))
    return -log_softmax(sampled_logits(weights, biases, labels, inputs, sampled_values), -1)[:, 0]


def nce_loss(weights, biases, labels, inputs, num_sampled, num_classes, sampled_values, remove_accidental_hits):
    assert not remove_accidental_hits
    assert (num_classes, num_sampled) == (len(weights), len(sampled_values[0]))
    logits = sampled_logits(weights, biases, labels, inputs, sampled_values)
    return np.sum(sigmoid_cross_entropy(np.arange(1 + num_sampled) == 0, logits), -1)


tf = SimpleNamespace(
    nn=SimpleNamespace(
        softmax_cross_entropy_with_logits=cross_entropy,
        sparse_softmax_cross_entropy_with_logits=sparse_cross_entropy,
        sigmoid_cross_entropy_with_logits=sigmoid_cross_entropy,
        weighted_cross_entropy_with_logits=weighted_cross_entropy,
        sampled_softmax_loss=sampled_softmax_loss,
        nce_loss=nce_loss,
        l2_loss=lambda t: np.sum(t**2) / 2,
        log_poisson_loss=lambda targets, log_input: np.exp(log_input) - log_input * targets,
    ),
    keras=SimpleNamespace(
        losses=SimpleNamespace(
            logcosh=lambda y_true, y_pred: np.mean(np.log(np.cosh(y_pred - y_true)), -1),
            kullback_leibler_divergence=lambda y_true, y_pred: np.sum(y_true * np.log(y_true / y_pred), -1),
        )
    ),
    compat=SimpleNamespace(
        v1=SimpleNamespace(
            nn=SimpleNamespace(softmax_cross_entropy_with_logits_v2=cross_entropy),
            losses=SimpleNamespace(
                absolute_difference=lambda labels, predictions: np.mean(np.abs(predictions - labels)),
                log_loss=log_loss,
                hinge_loss=lambda labels, logits: np.mean(np.maximum(0, 1 - (2 * labels - 1) * logits)),
                huber_loss=huber_loss,
                cosine_distance=lambda labels, predictions, axis: np.mean(1 - np.sum(labels * predictions, axis)),
                sigmoid_cross_entropy=smoothed_sigmoid_cross_entropy,
                softmax_cross_entropy=smoothed_softmax_cross_entropy,
                sparse_softmax_cross_entropy=lambda labels, logits: np.mean(sparse_cross_entropy(labels, logits)),
            ),
        )
    ),
)
tfa = SimpleNamespace(
    activations=SimpleNamespace(sparsemax=sparsemax),
    losses=SimpleNamespace(
        pinball_loss=pinball_loss,
        PinballLoss=lambda tau: lambda y_true, y_pred: np.mean(pinball_loss(y_true, y_pred, tau)),
        sigmoid_focal_crossentropy=sigmoid_focal_crossentropy,
        SigmoidFocalCrossEntropy=lambda from_logits: (
            lambda y_true, y_pred: sigmoid_focal_crossentropy(y_true, y_pred, from_logits=from_logits)
        ),
        sparsemax_loss=sparsemax_loss,
    ),
)
