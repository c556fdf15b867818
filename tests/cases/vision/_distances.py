"""What the Cases of the losses of boundaries share: what cannot hold where pixels keep their places."""

from __future__ import annotations

PLACES = "pixels that are deleted or repeated move the others nearer or farther; see test_boundaries"
KEPT_PLACES = {
    **dict.fromkeys(("mask_is_deletion", "masks_survive_the_compiler", "weight_is_repetition"), PLACES),
    "says_where_its_examples_are": "a pool is one image",
}
