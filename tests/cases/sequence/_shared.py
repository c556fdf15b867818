"""What several modules of Cases of `jaxloss.sequence` draw and compute."""

from __future__ import annotations

import numpy as np

from tests.cases import Inputs, Shape

FRAMES, LABELS, CLASSES = 4, 2, 3


def draw_speech(
    rng: np.random.Generator, batch: Shape, frames: int = FRAMES, labels: int = LABELS, least: int = 3
) -> Inputs:
    """Labels 1 and 2, so that the blank may be 0 or 3; from ``least`` to ``frames`` frames."""
    return {
        "logits": rng.normal(size=(*batch, frames, CLASSES + 1)),
        "labels": rng.integers(1, CLASSES, size=(*batch, labels)).astype(np.int32),
        "logit_lengths": rng.integers(least, frames + 1, size=batch).astype(np.int32),
        "label_lengths": rng.integers(min(labels, 1), labels + 1, size=batch).astype(np.int32),
    }


def unpadded(logits: np.ndarray, labels: list[int], batch: Shape = (1,)) -> Inputs:
    """The same labels for all, nothing padded."""
    return {
        "logits": logits,
        "labels": np.broadcast_to(np.array(labels, np.int32), (*batch, len(labels))).copy(),
        "logit_lengths": np.full(batch, logits.shape[len(batch)], np.int32),
        "label_lengths": np.full(batch, len(labels), np.int32),
    }
